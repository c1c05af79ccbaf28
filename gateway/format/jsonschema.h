/*
 * jsonschema.h - the part of JSON Schema 2020-12 that national forms use, interpreted.
 *
 * Known: $ref (within the document: "#", "#/$defs/..."), $defs, type, enum, const, pattern,
 * format (date, date-time: checked), minLength, maxLength (code points), minItems, maxItems,
 * uniqueItems, items, properties, required, additionalProperties, allOf, anyOf, oneOf, not,
 * if/then/else, minimum, maximum; title, description, $schema, $id, $comment, default, examples
 * say something and check nothing. Any other keyword is an error when compiling, with its
 * pointer: a rule that is not understood is never passed over.
 */
#ifndef FORMAT_JSONSCHEMA_H
#define FORMAT_JSONSCHEMA_H

#include <stdbool.h>

#include <jansson.h>

#include "base/attr.h"
#include "format/finding.h"

struct err;
struct json_doc;
struct jsonschema;

/* Kinds of JSON values, as bits. */
enum jsonschema_kind {
    JSONSCHEMA_OBJECT = 1,
    JSONSCHEMA_ARRAY = 2,
    JSONSCHEMA_STRING = 4,
    JSONSCHEMA_INTEGER = 8, /* a number without fraction */
    JSONSCHEMA_NUMBER = 16, /* with INTEGER: any number */
    JSONSCHEMA_BOOLEAN = 32,
    JSONSCHEMA_NULL = 64,
};

/* Immutable afterwards, shared between threads; the document may go. ERR_CONFIG
 * "jsonschema.keyword", "jsonschema.ref", "jsonschema.pattern", "jsonschema.form". */
struct jsonschema *jsonschema_compile(const struct json_doc *doc,
                                      struct err *err) NODISCARD;
void jsonschema_free(struct jsonschema **schema); /* for AUTO */

/*
 * All that is wrong; none: valid. Places are JSON pointers, rules are keywords, field is the
 * description (or title) that the schema gives that field (of an item: its array), or NULL.
 * line stays 0: json_line_of() has it.
 * False only when the check itself could not be made (a pattern at its match limit: ERR_REJECT
 * "jsonschema.pattern-limit"; schemas that refer to each other without end: "jsonschema.circle").
 */
bool jsonschema_validate(const struct jsonschema *schema, const json_t *value,
                         struct findings *ret, struct err *err) NODISCARD;

/*
 * Which kinds the schema allows at a place, as bits; 0 when it knows no such place. All branches
 * count (allOf, anyOf, oneOf, then, else). Array steps in the pointer may be any number or "*".
 * from: where to begin, as a $ref ("#/$defs/referralRequest"); NULL: at the root.
 */
unsigned jsonschema_kinds(const struct jsonschema *schema, const char *from,
                          const char *pointer);

/* The description (or title) of a place, borrowed; NULL: none. */
const char *jsonschema_description(const struct jsonschema *schema, const char *from,
                                   const char *pointer);

#endif
