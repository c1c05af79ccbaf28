/*
 * jsonschema_private.h - a compiled schema, shared by the files that implement jsonschema.h.
 */
#ifndef FORMAT_JSONSCHEMA_PRIVATE_H
#define FORMAT_JSONSCHEMA_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/str.h"
#include "format/jsonschema.h"

#define JSONSCHEMA_DEPTH_MAX 256 /* schemas applied within each other to one document */

struct node;

struct nodes {
    struct node **items; /* borrowed: the schema owns every node */
    size_t count, cap;
};

struct property {
    char *name;
    struct node *node;
};

enum json_format {
    JSON_FORMAT_NONE,
    JSON_FORMAT_DATE,
    JSON_FORMAT_DATE_TIME,
};

/* One schema object (or true, false). A limit that was not given is -1. */
struct node {
    bool never;     /* false: nothing fits */
    unsigned kinds; /* bits of enum jsonschema_kind; 0: not given */
    json_t *enumeration;
    json_t *constant;
    pcre2_code *pattern;
    char *pattern_text;
    enum json_format format;
    json_int_t min_length, max_length, min_items, max_items;
    bool unique, has_minimum, has_maximum,
        closed; /* closed: additionalProperties false */
    double minimum, maximum;
    struct node *items, *additional, *ref, *negated, *condition, *then, *otherwise;
    struct nodes all, any, one;
    struct property *properties;
    size_t property_count;
    struct strlist required;
    char *description;
};

struct jsonschema {
    struct nodes nodes; /* owned */
    struct dict *by_pointer;
    struct node *root;
};

struct node *jsonschema_property(const struct node *node, const char *name); /* or NULL */
unsigned jsonschema_kind_of(const json_t *value);

#endif
