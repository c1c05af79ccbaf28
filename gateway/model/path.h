/*
 * path.h - the fields of the canonical referral as a table, compiled once from its schema.
 *
 * A path is steps with '/', from below Referral: "Person/Name/Surname"; an attribute ends it:
 * "Person/Name/@lang". A step may have one predicate: "Person/Name[type=legal]/Surname" (the attribute
 * type is legal). Paths in agreements and rows of the table have no predicates.
 *
 * The table is immutable and may be shared by threads.
 */
#ifndef MODEL_PATH_H
#define MODEL_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/str.h"
#include "model/category.h"

struct err;
struct path_table;

#define REFERRAL_NS "urn:trm:referral:1"

#define PATH_ROWS_MAX  2000  /* of a table */
#define PATH_DEPTH_MAX 12    /* steps of a path */
#define PATH_TEXT_MAX  256   /* octets of a path with NUL */
#define PATH_MANY      65535 /* max_count of an unbounded element */

enum path_kind {
    PATH_GROUP,        /* holds elements or attributes only */
    PATH_CODE,         /* a code: of an element in its @code, of an attribute its value */
    PATH_TEXT,         /* short text */
    PATH_FREE_TEXT,    /* an officer's own words, with @form and @field */
    PATH_DATE,         /* YYYY-MM-DD */
    PATH_PARTIAL_DATE, /* with @precision */
    PATH_INSTANT,      /* UTC */
    PATH_DAY_OR_INSTANT, /* either */
    PATH_YES_NO,         /* true, false */
    PATH_NUMBER,         /* not negative */
    PATH_COUNTRY,        /* ISO alpha-2 in an attribute */
    PATH_UUID,           /* or empty, where the schema says so */
};
const char *path_kind_name(enum path_kind kind);

struct path_row {
    const char *path; /* "Person/Name/Surname", "Person/Name/@lang" */
    const char *name; /* last step: "Surname", "lang" (without @) */
    enum path_kind kind;
    enum category category;
    bool category_here; /* the element carries its category in @category */
    bool attribute;
    bool coded;       /* has @code; kind is PATH_CODE, and it may hold elements too */
    bool text;        /* may have text */
    const char *list; /* code list; NULL */
    unsigned min_count, max_count; /* within its parent */
    size_t max_length;             /* characters; 0: not limited by length */
    unsigned order;                /* place among its parent's elements */
    const char *doc;               /* the schema's documentation */
    const struct path_row *parent; /* NULL: a section, or an attribute of Referral */
};

/*
 * From the octets of referral-1.xsd. ERR_CONFIG "path.schema": what the schema uses beyond the parts
 * it promises to keep to; "path.category": a leaf without a category.
 */
struct path_table *path_compile(const void *xsd, size_t len, struct err *err) NODISCARD;
void path_free(struct path_table **table); /* for AUTO */

size_t path_count(const struct path_table *table);
const struct path_row *path_at(const struct path_table *table,
                               size_t index); /* document order */
/* With or without predicates; NULL: no such field. */
const struct path_row *path_find(const struct path_table *table, const char *path);
/* The row of an element; of its attribute when name is not NULL. NULL: unknown to the schema. */
const struct path_row *path_of(const struct path_table *table, const xmlNode *node,
                               const char *attribute);
/* Category of an element as it stands, looking at @category where the schema says so. */
enum category path_category(const struct path_table *table, const xmlNode *node);
/* A child row by name; parent NULL: a section. */
const struct path_row *path_child(const struct path_table *table,
                                  const struct path_row *parent, const char *name,
                                  bool attribute);

/* The nearest known path, for "did you mean"; NULL when none is near. */
const char *path_nearest(const struct path_table *table, const char *path);

/* --- text -------------------------------------------------------------------------------- */

struct path_step {
    struct str name;
    struct str attribute, value; /* of the predicate; empty when there is none */
    bool is_attribute;           /* only the last */
};
struct path_steps {
    struct path_step step[PATH_DEPTH_MAX];
    size_t count;
};
/* Views into text. ERR_CONFIG "path.syntax". */
bool path_parse(const char *text, struct path_steps *ret, struct err *err) NODISCARD;
/* Without predicates; false when it does not fit or is no path. */
bool path_plain(const char *text, char out[PATH_TEXT_MAX]);
/* The path of a node without predicates: false for what is not below a Referral. */
bool path_text_of(const xmlNode *node, char out[PATH_TEXT_MAX]);
/* a is b or stands above b (both plain): "Person/Name" covers "Person/Name/Surname". */
bool path_covers(const char *a, const char *b);

/* --- elements ---------------------------------------------------------------------------- */

/* A new child at the place where the schema wants it, after others of its name. Returned borrowed;
 * NULL when the schema knows no such child there. */
xmlNode *path_add(const struct path_table *table, xmlNode *parent, const char *name);

/* The first element a path with predicates leads to, from `top` (an element, the path being relative
 * to it); NULL: none. An attribute at the end is left aside. */
xmlNode *path_first(const xmlNode *top, const struct path_steps *steps);

#endif
