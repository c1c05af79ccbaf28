/*
 * folder_private.h - one office's folder: its two sides, each a step of a round.
 *
 * A round can be run by a test without the thread: folder_round().
 */
#ifndef API_FOLDER_PRIVATE_H
#define API_FOLDER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "api/folder.h"
#include "ops/ops.h"

#define FOLDER_FILES_MAX 10000 /* files of one folder looked at in a round */
#define FOLDER_NAME_MAX  200   /* octets of a name we take up */

/* A file of incoming/ as it was when last seen, and when it may be tried again. */
struct folder_seen {
    char *name;
    off_t size;
    struct timespec changed;
    bool settled;          /* the same twice */
    bool present;          /* in the round under way */
    bool strange;          /* a link, a pipe, a name too long: said once, left alone */
    int64_t not_before_ms; /* monotonic */
    unsigned failures;
};

struct folder_office {
    char *office, *path;
    struct folder_seen *seen;
    size_t seen_count, seen_cap;
    struct strlist unknown; /* deliveries in outgoing/done/ that are not its: said once */
    bool missed; /* its folders were not there in the last round: that was logged */
};

struct folder_face;
struct ops *folder_ops(const struct folder_face *face);
int64_t folder_again_ms(const struct folder_face *face);

/* A face without a thread, for tests. */
struct folder_face *folder_new(struct ops *ops,
                               const struct folder_face_settings *settings) NODISCARD;
void folder_round(struct folder_face *face); /* all offices, once */

void folder_in(struct folder_face *face, struct folder_office *office);
void folder_out(struct folder_face *face, struct folder_office *office);

struct ops_caller folder_caller(const struct folder_office *office);
/* Names in a subfolder, without those that begin with '.' or end in ".tmp"; sorted. */
bool folder_names(const struct folder_office *office, const char *sub,
                  struct strlist *ret);
char *folder_path(const struct folder_office *office, const char *sub, const char *name);

/* Every name but "." and "..", the half written too. */
bool folder_all_names(const struct folder_office *office, const char *sub,
                      struct strlist *ret);
/* Is it a document, by its name? "x.result.json" and "x.losses.json" are not. */
bool folder_is_document(const char *name);
/* A name for a file of an office: no folders, no control characters, at most 100 octets. */
void folder_safe_name(const char *name, char out[128]);

#endif
