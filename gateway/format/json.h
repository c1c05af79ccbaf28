/*
 * json.h - JSON read strictly, with errors that name file, line and pointer.
 *
 * Jansson's values (json_t) are used as they are. A struct json_doc keeps the text beside the
 * tree, a struct json_at is a value with the way that led to it: both only so that a fault can
 * say where it is. Keys "//" and those beginning with "//" are comments.
 *
 * Refused: what is not UTF-8 (charset.utf8), duplicate keys, \u0000, trailing text, depth and
 * size beyond the limits. Errors: json.too-large json.too-deep json.too-many json.malformed
 * json.duplicate, from typed reads json.missing json.type json.range json.word json.unknown-key.
 * No error repeats a value that stands in the file.
 */
#ifndef FORMAT_JSON_H
#define FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/attr.h"
#include "base/err.h"

struct buf;

/* Once, before threads; again is nothing. Running out of memory inside Jansson ends the process
 * from then on. Parsing calls it too. */
void json_init(void);

struct json_limits {
    size_t octets;
    unsigned depth;
    size_t values; /* objects, arrays and scalars together */
};

extern const struct json_limits
    json_limits_document; /* a stranger's: 8 MiB, 32, 200,000 */
extern const struct json_limits
    json_limits_config; /* our operator's: 8 MiB, 64, 1,000,000 */

/* The tree alone, of an object or array. limits NULL: json_limits_document. ERR_REJECT. */
json_t *json_parse(const void *data, size_t len, const struct json_limits *limits,
                   struct err *err) NODISCARD;
void json_drop(json_t **value); /* for AUTO: json_decref and NULL */

/* --- documents with places --------------------------------------------------------------- */

struct json_doc {
    char *name; /* for messages: a file's path as the operator knows it */
    char *text;
    size_t len;
    enum err_kind kind; /* of faults found in it */
    json_t *root;
};

/* A file of the operator: faults are ERR_CONFIG. */
struct json_doc *json_doc_load(const char *path, const struct json_limits *limits,
                               struct err *err) NODISCARD;
/* Octets that came otherwise; copied. kind: of faults, here and in later reads. */
struct json_doc *json_doc_parse(const char *name, const void *data, size_t len,
                                enum err_kind kind, const struct json_limits *limits,
                                struct err *err) NODISCARD;
void json_doc_free(struct json_doc **doc); /* for AUTO */

/* A value and the way to it. Lives on the stack; `up` must outlive it. */
struct json_at {
    const struct json_doc *doc;
    const struct json_at *up; /* NULL: the root */
    const char *key;          /* in an object, borrowed from the document or literal */
    size_t index;             /* in an array, when key is NULL */
    json_t *value;            /* borrowed; NULL: absent */
};

struct json_at json_root(const struct json_doc *doc);
struct json_at json_member(const struct json_at *object,
                           const char *key); /* maybe absent */
struct json_at json_item(const struct json_at *array, size_t index);
size_t json_items(const struct json_at *array); /* 0 for absent */

/* Is there, and is of the kind. "need" demands presence; the others leave *ret as it is when
 * the key is absent (so set the default before). Strings are borrowed from the document. */
bool json_need_object(const struct json_at *in, const char *key, struct json_at *ret,
                      struct err *err) NODISCARD;
bool json_need_array(const struct json_at *in, const char *key, struct json_at *ret,
                     struct err *err) NODISCARD;
bool json_need_string(const struct json_at *in, const char *key, const char **ret,
                      struct err *err) NODISCARD; /* not empty */
bool json_need_int(const struct json_at *in, const char *key, int64_t min, int64_t max,
                   int64_t *ret, struct err *err) NODISCARD;
bool json_need_bool(const struct json_at *in, const char *key, bool *ret,
                    struct err *err) NODISCARD;
/* words ends in NULL; gives the index. The message lists the words. */
bool json_need_word(const struct json_at *in, const char *key, const char *const *words,
                    int *ret, struct err *err) NODISCARD;

bool json_may_object(const struct json_at *in, const char *key, struct json_at *ret,
                     struct err *err) NODISCARD; /* absent: ret->value NULL */
bool json_may_array(const struct json_at *in, const char *key, struct json_at *ret,
                    struct err *err) NODISCARD; /* absent: ret->value NULL, no items */
bool json_may_string(const struct json_at *in, const char *key, const char **ret,
                     struct err *err) NODISCARD;
bool json_may_int(const struct json_at *in, const char *key, int64_t min, int64_t max,
                  int64_t *ret, struct err *err) NODISCARD;
bool json_may_bool(const struct json_at *in, const char *key, bool *ret,
                   struct err *err) NODISCARD;
bool json_may_word(const struct json_at *in, const char *key, const char *const *words,
                   int *ret, struct err *err) NODISCARD;

/* The value itself (an array's item). */
bool json_is_string_at(const struct json_at *at, const char **ret,
                       struct err *err) NODISCARD;
bool json_is_object_at(const struct json_at *at, struct err *err) NODISCARD;

/* Only these keys (NULL-terminated) and comments; else "json.unknown-key" with the nearest
 * known one:   json_only_keys(&at, JSON_KEYS("id", "at", "to"), err) */
#define JSON_KEYS(...) ((const char *const[]){ __VA_ARGS__, NULL })
bool json_only_keys(const struct json_at *object, const char *const *keys,
                    struct err *err) NODISCARD;
bool json_is_comment(const char *key);

/* A fault at a place: "agreements/X.json:12: /legs/0/from: <text>". Always false. */
bool json_fail_at(const struct json_at *at, struct err *err, const char *code,
                  const char *file, int line, const char *fmt, ...) PRINTF_LIKE(6, 7);
#define json_fail(at, err, code, ...) \
    json_fail_at((at), (err), "" code, __FILE__, __LINE__, __VA_ARGS__)

void json_pointer_add(struct buf *out, const struct json_at *at); /* "" is the root */
unsigned json_at_line(const struct json_at *at);

/* The line (from 1) on which the value of a JSON pointer (RFC 6901) begins in a well-formed
 * text, or the line of the nearest value above it that exists. */
unsigned json_line_of(const char *text, size_t len, const char *pointer);
json_t *json_find(json_t *root, const char *pointer); /* borrowed; NULL: nothing there */
void json_step_add(struct buf *pointer, const char *key); /* "/" and the key, escaped */

/* Nearest of a NULL-terminated list of words, or NULL when none is near. */
const char *json_nearest(const char *word, const char *const *words);

/* --- writing ----------------------------------------------------------------------------- */

void json_print(const json_t *value, struct buf *out); /* sorted, compact: one form */
void json_print_pretty(const json_t *value,
                       struct buf *out); /* in order, two blanks, LF */

#endif
