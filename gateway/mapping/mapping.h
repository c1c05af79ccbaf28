/*
 * mapping.h - translation between a national form and the canonical referral, as data says it.
 *
 * The language is taught in mappings/README.md. A mapping is compiled once, against the form's own
 * schema, the canonical schema and the code lists, into a plan that is immutable and shared by
 * threads. A plan reads (national octets to canonical document) and writes (the way back); both
 * report every loss, and reading reports every problem of the document at once.
 *
 * Losses carry values only as `from` and `to` of the full report (model/loss.h); no finding and no
 * error ever does.
 */
#ifndef MAPPING_MAPPING_H
#define MAPPING_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"

struct codes; /* model/codes.h: the code lists in force */
struct err;
struct json_doc;
struct losses; /* model/loss.h */
struct mapping;
struct report; /* model/findings.h: problems, with place and remedy */

#define MAPPING_RULES_MAX       4000 /* rules of one plan, columns counted one by one */
#define MAPPING_DEPTH_MAX       24   /* scopes within scopes, and elements of a schema */
#define MAPPING_FILES_MAX       32   /* schema files of one form */
#define MAPPING_OUT_MAX         (8 * 1024 * 1024) /* octets of a written document */
#define MAPPING_NODES_MAX       100000 /* elements and attributes made by one translation */
#define MAPPING_ATTACHMENTS_MAX 32

/* A file of a form's folder: the schema and what it imports. Borrowed during compiling only. */
struct mapping_file {
    const char *name;
    const void *data;
    size_t len;
};

struct mapping_sources {
    const struct json_doc *base; /* mappings/national/CC/mapping.json */
    const struct json_doc
        *agreement; /* mappings/agreements/ID/CC.json; NULL: the base alone */
    const struct mapping_file *files; /* the form's schema files */
    size_t file_count;
    const void *canonical_xsd; /* mappings/canonical/referral-1.xsd */
    size_t canonical_xsd_len;
    const struct codes *codes; /* borrowed by the plan: must outlive it */
};

/*
 * NULL with *err (ERR_CONFIG "mapping.refused": the first problem and their number) when the file
 * has an error; every problem and every warning is added to ret: file, line, rule id, why, and one
 * suggested fix. ret may not be NULL.
 */
struct mapping *mapping_compile(const struct mapping_sources *sources, struct report *ret,
                                struct err *err) NODISCARD;
void mapping_free(struct mapping **mapping); /* for AUTO */

const char *mapping_id(const struct mapping *mapping); /* "national/UA", "MDUA-1/UA" */
const char *mapping_version(const struct mapping *mapping); /* "1" */
const char *mapping_country(const struct mapping *mapping); /* "UA" */
const char *mapping_form(const struct mapping *mapping);    /* "UA-napravlennia/2.0" */
const char *mapping_media_type(const struct mapping *mapping);
const char *mapping_extension(const struct mapping *mapping);         /* "xml", "json" */
bool mapping_speaks(const struct mapping *mapping, const char *kind); /* "M01" */

/* What a mapping may ask for by name (README section 7). A plain list: few, short. */
struct mapping_value {
    const char *name;
    const char *value; /* NULL: not known */
};

struct mapping_context {
    const struct mapping_value *values;
    size_t count;
    struct civil today; /* for terms that have no end date; set always */
    const char *file;   /* name of the document for findings; NULL: "document" */
};

/* A file that belongs to a document. Octets are in memory, or beside it under a name or URL. */
struct mapping_attachment {
    char *id;         /* as in Attachment/@id of the canonical document */
    char *name;       /* maybe NULL */
    char *media_type; /* maybe NULL: to be found from the content */
    char *url;        /* content elsewhere: in the office's document service; NULL */
    char *beside;     /* content is this file beside the document; NULL */
    char *sha256;     /* as the form says it, for `url`; NULL */
    struct buf content;
    bool has_content;
};

struct mapping_attachments {
    struct mapping_attachment *items;
    size_t count, cap;
};
void mapping_attachments_free(struct mapping_attachments *list); /* for AUTO */
struct mapping_attachment *mapping_attachments_add(struct mapping_attachments *list,
                                                   const char *id);

/*
 * National octets to the canonical document. *ret_doc has @kind and @minor and of the Header only
 * what the document says; exchange completes it. It is NULL when the octets could not be parsed or are
 * no message of this form.
 *
 * Problems of the document (encoding, schema, annex, codes, check digits) are added to `findings`, all
 * of them; the caller asks report_errors(). Losses and attachments are added to theirs. False with
 * *err only when the work itself could not be done.
 */
bool mapping_read(const struct mapping *mapping, const void *data, size_t len,
                  const struct mapping_context *context, xmlDoc **ret_doc,
                  struct mapping_attachments *attachments, struct losses *losses,
                  struct report *findings, struct err *err) NODISCARD;

/*
 * The canonical document to national octets. doc is borrowed; its nodes' _private fields are used
 * and cleared while the call lasts, so one document belongs to one thread at a time. The result has
 * been validated against the form's schema: ERR_REJECT "mapping.unwritable" with findings when the form
 * cannot say what it must (each finding names field and remedy).
 */
bool mapping_write(const struct mapping *mapping, const xmlDoc *doc,
                   const struct mapping_context *context,
                   const struct mapping_attachments *attachments, struct buf *out,
                   struct losses *losses, struct report *findings,
                   struct err *err) NODISCARD;

/*
 * The canonical field path of a field as this form calls it ("Osoba/MistseNarodzhennia" gives
 * "Person/BirthPlace"), and back. Borrowed; NULL: the form has no such field.
 */
const char *mapping_field_canonical(const struct mapping *mapping, const char *national);
const char *mapping_field_national(const struct mapping *mapping, const char *canonical);

/* One line per rule, for `map explain`, documents and forms made from labels. */
struct mapping_row {
    const char *message; /* "M01" */
    const char *id;
    const char *label;    /* maybe NULL */
    const char *national; /* full path, column numbers as they are */
    const char *canonical;
    const char *kind; /* "text", "code" ... */
    const char *list; /* of a code; NULL */
    const char *category;
    const char *clause; /* maybe NULL */
    bool reads, writes, required;
};
size_t mapping_row_count(const struct mapping *mapping);
struct mapping_row mapping_row(const struct mapping *mapping, size_t index);

#endif
