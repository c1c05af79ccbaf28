/*
 * settings.h - the configuration file, read by tables that stand beside the modules they serve.
 *
 *     struct http_settings { const char *listen; int64_t head_ms; uint64_t body_max; };
 *     static const struct setting table[] = {
 *         { "listen", SETTING_STRING, offsetof(struct http_settings, listen),
 *           .standard = "127.0.0.1:8443", .meaning = "address and port of the partner side" },
 *         { "headTime", SETTING_DURATION, offsetof(struct http_settings, head_ms),
 *           .standard = "10 s", .min = 1000, .max = 60000, .meaning = "..." },
 *     };
 *
 * One main file and a drop-in folder (*.json in name order): objects merge, a later value
 * replaces an earlier one, arrays are replaced whole. "//" keys are comments. An unknown key is
 * ERR_CONFIG "settings.unknown-key" with file, line and the nearest known name; a wrong value is
 * "settings.value" with what is expected. Sections are paths: "http", "offices/MD-COORD".
 */
#ifndef FORMAT_SETTINGS_H
#define FORMAT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct buf;
struct err;
struct settings;

enum setting_type {
    SETTING_STRING, /* const char *; NULL when there is no default */
    SETTING_PATH,   /* const char *; relative to the folder of the file that says it */
    SETTING_INT,    /* int64_t, within min and max */
    SETTING_DURATION, /* int64_t ms: "250 ms", "10 s", "5 m", "2 h", "45 d"; min, max in ms */
    SETTING_SIZE, /* uint64_t octets: "512", "64 K", "256 M", "2 G" (1024); min, max */
    SETTING_BOOL, /* bool */
    SETTING_WORD, /* int, index in words */
    SETTING_LIST, /* const struct strlist * of strings, never NULL */
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;        /* of the member in the module's struct */
    const char *standard; /* the default as text; lists separated by blanks; NULL: none */
    const char *meaning;  /* one sentence for --defaults */
    int64_t min, max;     /* both 0: no bounds beyond the type's */
    const char *const *words; /* NULL-terminated, for SETTING_WORD */
    bool required;            /* absent is ERR_CONFIG "settings.missing" */
};

/* An empty collection: only defaults. Values given out live as long as it does. */
struct settings *settings_new(void) NODISCARD;
void settings_free(struct settings **settings); /* for AUTO */

bool settings_add_file(struct settings *settings, const char *path,
                       struct err *err) NODISCARD;
/* Every *.json in it, in name order; an absent folder is nothing. */
bool settings_add_folder(struct settings *settings, const char *path,
                         struct err *err) NODISCARD;

/* Fill a module's struct from a section (absent: all defaults). */
bool settings_take(struct settings *settings, const char *section,
                   const struct setting *table, size_t count, void *into,
                   struct err *err) NODISCARD;

/* The keys of an object of objects ("offices"), in the order of first appearance; adds to ret. */
bool settings_names(struct settings *settings, const char *section, struct strlist *ret,
                    struct err *err) NODISCARD;

/* After all sections were taken: whatever stands in the files and was asked for by nobody. */
bool settings_finish(const struct settings *settings, struct err *err) NODISCARD;

/* Every value taken, as "section.name = value   # file:line" or "# default", by section. */
void settings_print(const struct settings *settings, struct buf *out);
/* A table's defaults with meaning, as lines to read. */
void settings_defaults(const char *section, const struct setting *table, size_t count,
                       struct buf *out);

#endif
