/*
 * mapping_private.h - what the files of this folder share: the plan, one run of it, its kinds.
 *
 * A plan is a tree of rules per message. Each rule has two paths, resolved against the two schemas'
 * shapes: `at` (national) and `to` (canonical). Running goes through the rules in order, with a
 * source node (libxml2) and a place in the output (struct out) for each scope.
 */
#ifndef MAPPING_PRIVATE_H
#define MAPPING_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "base/buf.h"
#include "base/str.h"
#include "format/json.h"
#include "mapping/arena.h"
#include "mapping/mapping.h"
#include "mapping/shape.h"
#include "model/codes.h"
#include "model/findings.h"
#include "model/loss.h"

struct charset;
struct jsonschema;
struct kind;
struct out;
struct run;
struct xsd;
struct zone;

#define READING 1u /* national to canonical */
#define WRITING 2u /* canonical to national */

/* --- paths ------------------------------------------------------------------------------- */

enum step_type {
    STEP_CHILD,
    STEP_ATTR,
    STEP_SELF,
    STEP_UP,
};

struct trail;

struct pred {            /* [type=legal], [scheme!=IDNP], [Purpose/@code=HEALTH] */
    struct trail *path;  /* from the step's element to the value */
    const char **values; /* one of them */
    size_t value_count;
    bool not_equal; /* none of them */
};

struct step {
    enum step_type type;
    const xmlChar *name; /* interned */
    struct pred *preds;
    size_t pred_count;
    const struct shape *shape; /* resolved; NULL before */
};

enum trail_from {
    FROM_SCOPE, /* where the rule stands */
    FROM_ROOT,  /* "/": the message's root */
    FROM_TOP,   /* "//": the document's root element */
};

struct trail {
    const char *text; /* as written, columns filled in */
    enum trail_from from;
    struct step *steps;
    size_t count;
    const struct shape *shape; /* what it leads to */
};

/* NULL with a sentence in *ret_why. */
struct trail *trail_parse(struct arena *arena, xmlDict *names, const char *text,
                          const char **ret_why);
/* Finds shapes; false with the step that is unknown and what stood there. base: of the scope. */
bool trail_resolve(struct trail *path, const struct shape *base, const struct shape *root,
                   const struct shape *top, const char **ret_step,
                   const struct shape **ret_at);
/* Without conditions and without numbers of columns: "Person/Name/Surname". */
void trail_plain(const struct trail *path, struct buf *out);

/* The first match, or NULL; an attribute is returned as its xmlNode. */
xmlNode *trail_first(struct run *run, xmlNode *from, const struct trail *path);
/* Each match in document order; `see` returns false to stop. */
void trail_each(struct run *run, xmlNode *from, const struct trail *path,
                bool (*see)(void *ctx, xmlNode *node), void *ctx);

/* --- the output -------------------------------------------------------------------------- */

struct out {
    const struct shape *shape;
    const char *value;                           /* NULL: none; in the run's arena */
    struct out *up, *first, *last, *next, *prev; /* first: children by order */
    bool nil;  /* written as xsi:nil, or the form's word for "no data" */
    bool dead; /* taken back */
    bool keep; /* stands even when nothing is in it */
};

/* Where something may come to stand: made only when a value does. */
struct place {
    struct place *up;         /* NULL: node is there */
    const struct trail *path; /* from up */
    struct out *node;         /* NULL: not made yet */
    bool fresh;               /* a new element even when one fits */
};

struct out *out_new(struct run *run, const struct shape *shape, struct out *up);
/* The element or attribute at the end of the path, made where it is missing. */
struct out *out_make(struct run *run, struct out *from, const struct trail *path,
                     bool fresh);
struct out *out_find(const struct run *run, const struct out *from,
                     const struct trail *path); /* NULL */
struct out *out_attr(struct run *run, struct out *element, const char *name,
                     const char *value); /* NULL when the schema has no such attribute */
struct out *place_node(struct run *run, struct place *place);
struct out *place_peek(struct run *run, const struct place *place); /* without making */
/* Owned: a libxml2 document of the tree, its names from the plan's dictionary. */
xmlDoc *out_doc(const struct run *run, const struct out *top);

/* --- rules ------------------------------------------------------------------------------- */

enum rule_type {
    RULE_LEAF,
    RULE_SCOPE,
    RULE_EACH,
    RULE_COLUMNS,
};

enum cond_type {
    COND_ALL,
    COND_ANY,
    COND_NOT,
    COND_TEST,
};

struct cond {
    enum cond_type type;
    struct cond **kids;
    size_t kid_count;
    struct trail *path;
    bool canonical; /* path is on the canonical side */
    const char **values;
    size_t value_count; /* 0: presence is asked */
    bool present;
};

struct rules {
    struct rule **items;
    size_t count;
};

struct rule {
    enum rule_type type;
    const char *id; /* never NULL for a leaf */
    const char *label, *clause, *why, *remedy;
    const struct json_doc *doc; /* where it was written: for messages while compiling */
    const char *pointer;
    unsigned line;
    unsigned ways; /* READING | WRITING */
    const char *message;
    const char *column; /* what stands for {n}; NULL outside columns */
    struct trail *at, *to;
    const char *bare_at; /* with {n} left out */
    struct cond *when;
    const struct rule *scope; /* what it stands in; NULL: the message */

    /* scope, each; columns: `sets` of rules, one per column */
    struct rules rules;
    struct rules *sets;
    const char **set_columns;
    size_t set_count;
    const char *split, *join;
    const char **always; /* kinds of message in which the section stands even empty */
    size_t always_count;

    /* leaf */
    const struct kind *kind;
    void *options; /* of the kind */
    bool required, whole, warn;
    const char *fallback; /* "default" */
    const char
        *otherwise; /* written when there is nothing to say, and read as it stands */
    const char *context;
    struct trail **others; /* "else" */
    size_t other_count;
    size_t max;
    const char *overflow_id, *together;
    struct rule *overflow;
    const char *before, *after; /* in a sentence */
    const char *all;            /* in a sentence: every element, with this between */
    const struct shape *national, *canonical;
    const struct shape *scope_national, *scope_canonical; /* while compiling */
    const char *scope_name_at;
    bool scope_when;
    const char *full_at, *full_to; /* from the message's root, as authors write it */
    const char *plain_to;          /* without conditions */
};

enum check_type {
    CHECK_NEED,
    CHECK_NEED_ONE,
    CHECK_EXACTLY_ONE,
    CHECK_TOGETHER,
    CHECK_NO_GAPS,
    CHECK_FORBID,
    CHECK_CONSENT,
    CHECK_SAME,
    CHECK_ANSWERED,
};

struct check {
    enum check_type type;
    const char *id, *clause, *remedy, *text;
    unsigned line;
    bool warn;
    const char **messages;
    size_t message_count;
    struct trail *each;
    struct cond *when, *forbid;
    struct trail **paths;
    size_t path_count;
    bool *is_name;      /* of CHECK_SAME: "name()" */
    const char **items; /* of CHECK_CONSENT */
    size_t item_count;
    unsigned months;
    const char *is;
    struct trail *answers, *data;
    struct trail **fields,
        **states; /* of an answer: pairs, for numbered columns several */
    size_t answer_count;
    const char **except;
    size_t except_count;
};

struct message {
    const char *kind;   /* "M01" */
    struct trail *root; /* from the document's root element; NULL: it is the root */
    struct cond *when;
    struct rules rules;
    const struct shape *top, *shape; /* of the document; of the root */
    const char *part;                /* JSON: where its schema begins */
};

struct never {
    struct trail *path;
    const char *text, *why;
    unsigned line;
};

struct field_name {
    const char *national, *canonical;
};

enum empty_style {
    EMPTY_ABSENT,
    EMPTY_ELEMENT,
    EMPTY_NIL,
    EMPTY_WORD,
};

struct ns_name {
    const char *prefix, *uri;
};

struct mapping {
    struct arena arena;
    xmlDict *names;    /* frozen after compiling; parsers share it */
    const char *probe; /* a name of it, to know documents that share it */
    const char *id, *version, *country, *language, *form;
    const struct codes *codes;

    /* format */
    bool json;
    const char *schema_name, *encoding, *empty_word, *separator, *fields_of, *media_type;
    const struct charset *charset;
    const char **read_encodings;
    size_t read_encoding_count;
    enum empty_style empty;
    bool fill, fold, last_names, indent;
    unsigned field_depth; /* longest field name in steps; 0: any */
    struct ns_name *namespaces;
    size_t namespace_count;
    struct field_name *offices; /* spelled in the form's own way */
    size_t office_count;
    const char *default_ns;
    struct xsd *xsd;
    struct jsonschema *jsonschema;

    const struct shape *canonical; /* shape without name; its kid is Referral */
    const struct shape *referral;
    struct message *messages;
    size_t message_count;
    struct check *checks;
    size_t check_count;
    struct never *nevers;
    size_t never_count;
    struct field_name *fields;
    size_t field_count;
    struct mapping_row *rows;
    size_t row_count;
    struct zone **zones; /* owned: of kind date-time */
    size_t zone_count, zone_cap;
};

/* --- compiling --------------------------------------------------------------------------- */

struct compile {
    struct mapping *map;
    const struct mapping_sources *sources;
    struct json_doc
        *merged; /* base with the agreement's changes; NULL: the base as it is */
    const struct json_doc *doc; /* what is being read */
    struct report *report;
    json_t *scratch;     /* objects made while reading short forms; owned */
    const char *message; /* kind being compiled */
    struct message *msg;
    unsigned msg_line;
    const char *column;          /* for {n} */
    const char *in_sentence;     /* id of the sentence whose parts are read; NULL */
    const struct rule *rule_now; /* being checked */
    unsigned line_now;
    const struct shape *canonical_base, *national_base; /* of the rule being checked */
    const char *check_bad; /* path of a condition that leads nowhere */
    struct rule **all;     /* leaves of the message being compiled */
    size_t all_count, all_cap;
    struct field_name *fields;
    size_t field_cap;
    struct mapping_row *rows;
    size_t row_cap;
    size_t rules, errors;
    unsigned depth;
    struct strlist used_parts, used_lists, told_lists;
};

/* A problem of the author's file. rule may be NULL. fix: one suggestion, may be NULL. */
void compile_error(struct compile *c, const struct json_at *at, const char *rule,
                   const char *code, const char *fix, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
void compile_warning(struct compile *c, const struct json_at *at, const char *rule,
                     const char *code, const char *fix, const char *fmt, ...)
    PRINTF_LIKE(6, 7);

/* A path member with {n} filled in; NULL and a finding when it cannot be read. Absent: NULL. */
struct trail *compile_path(struct compile *c, const struct json_at *in, const char *key,
                           const char *rule);
/* The same of a text that stands elsewhere. */
struct trail *compile_path_text(struct compile *c, const struct json_at *at,
                                const char *text, const char *rule);
const char *compile_text(struct compile *c, const struct json_at *in, const char *key);
bool compile_flag(struct compile *c, const struct json_at *in, const char *key);
/* An array of texts, or one text. */
size_t compile_texts(struct compile *c, const struct json_at *in, const char *key,
                     const char ***ret);
struct cond *compile_cond(struct compile *c, const struct json_at *at);
struct rule *compile_rule(struct compile *c, const struct json_at *at);
void compile_rules(struct compile *c, const struct json_at *list, struct rules *ret);
bool compile_checks(struct compile *c, const struct json_at *list);
/* Merge an agreement's changes into a copy of the base; NULL on error. */
struct json_doc *compile_merge(struct compile *c, const struct json_doc *base,
                               const struct json_doc *agreement, struct err *err);
/* A further path of a rule, from its scope (rule NULL: from the message); false: leads nowhere. */
bool compile_second(struct compile *c, const struct rule *rule, struct trail *path,
                    bool canonical);
/* Paths of a name rule; NULL: not given. Further fields that a kind writes. */
const struct trail *name_part_path(const struct rule *rule, const char *part);
const struct trail *name_line_path(const struct rule *rule);
const struct trail *name_first_path(const struct rule *rule);
bool kind_writes(const struct rule *rule, const struct shape *shape);
/* A part of a sentence: its canonical path from `base`, its kind's checks. */
void compile_part(struct compile *c, const struct rule *sentence, struct rule *part,
                  const struct shape *base);
/* Where a rule of a merged mapping was written: the agreement's file, else the base. */
void merge_origin(const struct compile *c, const char *id, const char **ret_name,
                  unsigned *ret_line);
/* Second pass: shapes, kinds, order, overlaps, promises. */
void compile_resolve(struct compile *c);

/* --- running ----------------------------------------------------------------------------- */

struct mark {
    struct mark *next;
    const char *text;
};

struct forced {
    struct forced *next;
    const struct rule *rule;
    const struct trail *path;
    struct place *place;
    const char *value;
};

struct pending { /* a note, or a code to look at again */
    struct pending *next;
    const struct rule *rule;
    xmlNode *src;
    struct place *place;
    const char *text, *other;
};

struct scrap { /* a node made for an item of a comma list */
    struct scrap *next;
    xmlNode *node;
};

struct note_state {
    struct note_state *next;
    const struct rule *rule;
    struct mark *marks, *extras; /* marks first, then overflow of other rules */
    struct mark **marks_end, **extras_end;
    size_t used; /* characters of marks and extras, with what joins them */
};

struct run {
    const struct mapping *map;
    const struct message *msg;
    const struct mapping_context *context;
    unsigned way;
    struct arena arena;
    xmlDoc *doc;
    struct json_doc *json; /* reading JSON: the text, for lines */
    xmlNode *top, *root;   /* source */
    xmlNode *scope;        /* of the rule that is running */
    struct out *out_top, *out_root;
    struct losses *losses;
    struct report *report;
    const struct mapping_attachments *attached; /* writing */
    struct mapping_attachments *attachments;    /* reading */
    struct note_state *notes;
    struct forced *forced;
    struct scrap *scraps;
    struct pending *notes_due; /* written last */
    struct pending *settle;    /* looked at again when all rules have run */
    size_t nodes;
    bool strange_names; /* the source does not share our dictionary: compare by letters */
    bool too_large;
    bool item_lost;    /* writing: the item of an each cannot stand at all */
    bool failed_field; /* writing: a field could not be filled */
    bool probe;        /* writing for a `together`: what would be cut fails instead */
};

/* What a value is, on its way. */
struct value {
    const char *text; /* NULL: none */
    bool forced_form; /* already as the form wants it */
};

struct kind {
    const char *name;
    const char *const *keys; /* options it understands; NULL: none */
    /* Options from the file; false after a finding. May be NULL. */
    /* Fields beside `at` that it writes. May be NULL. */
    bool (*writes)(const struct rule *rule, const struct shape *shape);
    bool (*parse)(struct compile *c, struct rule *rule, const struct json_at *at);
    /* After paths are resolved; adds findings. May be NULL. */
    void (*check)(struct compile *c, struct rule *rule, const struct json_at *at);
    /* The whole rule, for kinds with several fields; else NULL and the two below are used. */
    void (*read)(struct run *run, const struct rule *rule, xmlNode *src,
                 struct place *dst);
    void (*write)(struct run *run, const struct rule *rule, xmlNode *src,
                  struct place *dst);
    /* A national text to the canonical place `dst` + rule->to. */
    void (*take)(struct run *run, const struct rule *rule, xmlNode *field,
                 const char *text, struct place *dst);
    /* The national text of a canonical node; NULL: nothing can be said (reported). */
    const char *(*say)(struct run *run, const struct rule *rule, xmlNode *node,
                       struct place *dst);
    /* Another look when all rules have run. May be NULL. */
    void (*settle)(struct run *run, const struct pending *pending);
    bool no_at, no_to; /* the paths it does without */
    bool to_code;      /* `to` is an element whose @code is meant */
};

const struct kind *kind_find(const char *name);
const char *const *kind_names(void);

/* kinds, one file each or a small family */
extern const struct kind kind_text, kind_number_text, kind_number, kind_phone;
extern const struct kind kind_code, kind_country, kind_language, kind_label;
extern const struct kind kind_date, kind_date_time, kind_period;
extern const struct kind kind_yes_no;
extern const struct kind kind_name;
extern const struct kind kind_identifier;
extern const struct kind kind_constant, kind_context, kind_column;
extern const struct kind kind_note, kind_sentence;
extern const struct kind kind_field;
extern const struct kind kind_attachment, kind_attachment_ref;
extern const struct kind kind_office;

const char *constant_of(const struct rule *rule);
const char *flag_word(const struct rule *rule, bool yes); /* NULL: none */

/* What kinds are made of (value.c). */
bool node_is_attr(const xmlNode *node);
const char *node_text(struct run *run, xmlNode *node); /* NULL: absent or "no data" */
const char *node_value(struct run *run,
                       const xmlNode *node); /* as it stands, no marking */
const char *node_attr(const xmlNode *node, const char *name); /* borrowed; NULL */
void node_seen(xmlNode *node);
void node_seen_all(xmlNode *node); /* with everything below */
bool node_was_seen(const xmlNode *node);
bool value_blank(const char *text);
struct out *put(struct run *run, const struct rule *rule, struct place *dst,
                const struct trail *path, const char *value);
void emit(struct run *run, const struct rule *rule, xmlNode *src, struct place *dst,
          const struct trail *path, const char *text, const struct shape *shape);
const char *context_value(const struct run *run, const char *name);
size_t note_room(struct run *run, const struct rule *note);
void note_mark(struct run *run, const struct rule *note, const char *text);
void note_extra(struct run *run, const struct rule *note, const char *text);
const char *note_letters(struct run *run, const struct rule *rule, xmlNode *src,
                         const char *text); /* in the form's encoding; NULL: cannot be */
bool note_collects(const struct rule *rule, const char *path);
void note_expect(const struct rule *note, const char *mark); /* while compiling */
bool note_has_mark(struct run *run, const struct rule *note, const char *mark);
const char *national_place(struct run *run, const struct rule *rule, const xmlNode *node);
bool cond_holds(struct run *run, const struct cond *cond, xmlNode *src,
                struct place *dst);
void run_rules(struct run *run, const struct rules *rules, xmlNode *src,
               struct place *dst);
void run_checks(struct run *run);
void run_cover(struct run *run);
void scraps_free(struct run *run);
void pend(struct run *run, struct pending **list, const struct rule *rule, xmlNode *src,
          struct place *dst, const char *text, const char *other);
/* Writing: this value, whatever the field's own rule wrote (when all rules have run). */
void force(struct run *run, const struct rule *rule, const struct trail *path,
           struct place *dst, const char *value);
const struct rule *rule_by_id(const struct compile *c, const char *id);
/* As this form calls the field: "health.description", "Prymitka[rozdil=osoba]", "Примечание". */
const char *field_name_of(struct run *run, const struct rule *rule);

/* Reports (report.c). Never a value, except `text` of a loss. */
void report_loss(struct run *run, const struct rule *rule, enum loss_kind kind,
                 const xmlNode *node, const char *list, const char *from, const char *to,
                 const char *text);
void report_problem(struct run *run, const struct rule *rule, const xmlNode *node,
                    const char *code, const char *remedy, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
void report_warning(struct run *run, const struct rule *rule, const xmlNode *node,
                    const char *code, const char *remedy, const char *fmt, ...)
    PRINTF_LIKE(6, 7);

/* What a node of a JSON tree was (xmlNode.extra). */
#define JSON_ITEM       1u
#define JSON_EMPTY_LIST 2u
#define JSON_NULL_VALUE 4u
unsigned json_node_line(const struct run *run, const xmlNode *node);

/* Formats. */
bool xml_open(struct run *run, const void *data, size_t len, struct err *err);
bool json_open(struct run *run, const void *data, size_t len, struct err *err);
bool xml_save(struct run *run, struct buf *out, struct err *err);
bool json_save(struct run *run, struct buf *out, struct err *err);

#endif
