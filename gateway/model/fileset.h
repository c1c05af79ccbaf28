/*
 * fileset.h - a small set of named octets: the files of a bundle, a folder of code lists.
 *
 * Names are relative, parts divided by '/', each part of [A-Za-z0-9._-] and letters beyond ASCII,
 * never "." or "..". The set is ordered by name (octet by octet), so its digest depends on names and
 * contents alone.
 */
#ifndef MODEL_FILESET_H
#define MODEL_FILESET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct err;
struct fileset;

#define FILESET_FILES_MAX  2000               /* files of one set */
#define FILESET_OCTETS_MAX (32 * 1024 * 1024) /* of all files together */
#define FILESET_FILE_MAX   (8 * 1024 * 1024)  /* of one file */
#define FILESET_DEPTH_MAX  8                  /* folders within folders */
#define FILESET_NAME_MAX   255                /* octets of a name */
#define FILESET_DIGEST     65                 /* 64 hexadecimal digits and NUL */

struct file_item {
    const char *name;
    const void *data; /* a NUL follows the octets */
    size_t len;
};

struct fileset *fileset_new(void) NODISCARD;
void fileset_free(struct fileset **set); /* for AUTO */

/* Copies. ERR_CONFIG "fileset.name", "fileset.twice", "fileset.too-many", "fileset.too-large". */
bool fileset_add(struct fileset *set, const char *name, const void *data, size_t len,
                 struct err *err) NODISCARD;

/*
 * Every regular file below the folder; names that begin with '.' are passed over. A symbolic link
 * or anything else that is no file or folder is ERR_CONFIG "fileset.kind".
 */
struct fileset *fileset_load(const char *folder, struct err *err) NODISCARD;

/* Borrowed while the set lives and nothing is added. NULL: no such file. */
const struct file_item *fileset_get(const struct fileset *set, const char *name);
size_t fileset_count(const struct fileset *set);
const struct file_item *fileset_at(const struct fileset *set, size_t index); /* by name */

/* A new set of the files below `folder`, named without it. */
struct fileset *fileset_below(const struct fileset *set, const char *folder) NODISCARD;

/*
 * SHA-256, lower-case hexadecimal, over each file in order: name, LF, length in decimal, LF, octets.
 */
void fileset_digest(const struct fileset *set, char out[FILESET_DIGEST]);

#endif
