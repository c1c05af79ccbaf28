/*
 * shape.h - what a schema allows, as a tree one can walk: for checking paths, for the order of
 * written elements, for lengths, types and what must stand.
 *
 * One tree for XML Schema and for JSON Schema. It is no validator (format/xsd.h and
 * format/jsonschema.h are): facets that only validation needs are passed over.
 */
#ifndef MAPPING_SHAPE_H
#define MAPPING_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "mapping/arena.h"

struct err;
struct json_at;
struct mapping_file;

#define SHAPE_NODES_MAX 40000 /* of one schema, types written out where they are used */

enum shape_type {
    SHAPE_TEXT,
    SHAPE_BOOLEAN, /* JSON true and false */
    SHAPE_NUMBER,  /* JSON number */
    SHAPE_OBJECT,  /* has children */
    SHAPE_ANY,     /* JSON object of any keys */
};

struct shape {
    const char *name; /* local name or key; interned */
    const char *ns;   /* namespace; NULL: none */
    const struct shape *up;
    struct shape **kids; /* elements in the schema's order, then attributes */
    size_t kid_count;
    unsigned order; /* among its siblings */
    enum shape_type type;
    bool attr;
    bool required; /* must stand when its parent stands */
    bool many;     /* may be repeated */
    bool array;    /* JSON: repeated as an array */
    bool nillable;
    bool has_text;      /* XML: a value of its own */
    size_t max_occurs;  /* 0: no limit known */
    size_t max_len;     /* characters; 0: no limit known */
    const char **words; /* allowed values, when the schema lists them */
    size_t word_count;
    const char *doc;      /* the schema's own words; NULL */
    const char *category; /* canonical: appinfo of it or of what holds it; NULL */
    const char *list;     /* canonical: name of its code list; NULL */
};

/* The root elements of a schema: a shape without name whose kids they are. Lives in the arena;
 * names are interned in `names`. ERR_CONFIG "mapping.schema". */
const struct shape *shape_of_xsd(struct arena *arena, xmlDict *names,
                                 const struct mapping_file *files, size_t count,
                                 const char *entry, struct err *err) NODISCARD;

/* The object that `part` ("#/$defs/receipt"; NULL: the root) describes, under a shape without name. */
const struct shape *shape_of_json(struct arena *arena, xmlDict *names,
                                  const struct json_at *schema, const char *part,
                                  struct err *err) NODISCARD;

/* The child of that name: element or attribute; NULL. */
const struct shape *shape_kid(const struct shape *shape, const char *name, bool attr);

/* Names of children, for a suggestion: NULL-terminated, in the arena. */
const char *const *shape_names(struct arena *arena, const struct shape *shape);

#endif
