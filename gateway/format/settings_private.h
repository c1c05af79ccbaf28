/*
 * settings_private.h - values of settings as text, shared by the files that implement settings.h.
 */
#ifndef FORMAT_SETTINGS_PRIVATE_H
#define FORMAT_SETTINGS_PRIVATE_H

#include <jansson.h>

#include "base/str.h"
#include "format/settings.h"

struct buf;

/* A value before it is put into the module's struct. Strings are borrowed. */
struct value {
    const char *text; /* SETTING_STRING, SETTING_PATH */
    int64_t number;   /* int, ms, octets, 0/1, index */
    struct strlist list;
};

/* From a file / from the table's default. False: not a value of this setting. */
bool value_of_json(const struct setting *setting, const json_t *json, struct value *ret);
bool value_of_text(const struct setting *setting, const char *text, struct value *ret);

/* As one would write it in the file: "10 s", 64 K, "red", [ "a" ]. */
void value_print(const struct setting *setting, const struct value *value,
                 struct buf *out);

/* "a duration such as \"10 s\" (ms, s, m, h, d) from 1 s to 1 m". */
void value_describe(const struct setting *setting, struct buf *out);

#endif
