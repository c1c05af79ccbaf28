/*
 * preview.h - what the other side will see, before anything is sent.
 *
 * The sender's document goes through the same steps as at intake, then through the partner's
 * mapping, which the bundle brings: one row per field, in both forms' words, each loss marked.
 * Nothing is stored and nothing is sent.
 */
#ifndef EXCHANGE_PREVIEW_H
#define EXCHANGE_PREVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "exchange/draft.h"

struct buf;
struct err;

struct preview_input {
    const struct bundle *bundle;
    const char *from_office, *to_office;
    const char *from_form, *to_form; /* NULL: the party's of the agreement */
    const char *environment;         /* NULL: live */
    int64_t at_ms;
    const char *file;
    const void *data;
    size_t len;
};

enum preview_mark {
    PREVIEW_CARRIED,
    PREVIEW_CHANGED,  /* recoded, narrowed, cut, normalised: by either mapping */
    PREVIEW_WITHHELD, /* by the agreement or for want of consent */
    PREVIEW_LOST,     /* the other form has no place for it, or it was invalid */
};
const char *preview_mark_name(enum preview_mark mark);

struct preview_row {
    char *path;                    /* canonical */
    char *from_field, *from_label; /* in the sender's form; NULL */
    char *to_field, *to_label;     /* in the receiver's form; NULL */
    char *value;                   /* canonical value, for the officer's eyes; NULL */
    enum preview_mark mark;
    char *why; /* kinds of loss, clause, reason; NULL */
};

struct preview {
    struct draft draft;    /* as it would travel; findings and full losses */
    struct rendition seen; /* what the receiving office would get */
    struct preview_row *rows;
    size_t count, cap;
    char kind[4];
    char from_form[64], to_form[64];
};
void preview_free(struct preview *preview); /* for AUTO; wipes */

/* True also when the document has errors (draft.findings) or the decision refuses
 * (draft.refused): then there are no rows of the other side. */
bool preview_run(const struct preview_input *input, struct preview *ret,
                 struct err *err) NODISCARD;

/* A table for a terminal, and JSON. */
void preview_print(const struct preview *preview, struct buf *out);
json_t *preview_json(const struct preview *preview) NODISCARD;

#endif
