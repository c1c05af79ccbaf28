/*
 * codes_private.h - code lists as their reader and their askers see them. For model/codes*.c only.
 */
#ifndef MODEL_CODES_PRIVATE_H
#define MODEL_CODES_PRIVATE_H

#include "base/str.h"
#include "format/json.h"
#include "model/codes.h"

#define CODES_FOLD_MAX 4096 /* octets of a value compared loosely */

extern const char *const code_languages[CODES_LANGUAGES];

struct country {
    char country[3];
    struct code_in *values;
    size_t count;
    struct dict *by_code, *by_fold;
    struct code_out *outs; /* one for each canonical code, by rank */
};

struct code_list {
    struct json_doc *doc;
    const char *name, *version, *title;
    bool ordered;
    struct code *codes;
    size_t count;
    struct dict *by_code;
    struct country *countries;
    size_t country_count, country_cap;
};

struct codes {
    struct code_list **lists;
    size_t count, cap;
    struct dict *by_name;
};

/* Two values that fold alike: a loose look-up of it finds nothing. */
extern struct code_in code_ambiguous;

#endif
