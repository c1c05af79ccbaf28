/*
 * answer.h - what an officer says at the tool or the API, made into a message: M03, M04, M05, M06.
 *
 * For offices whose own system does not write these documents. The canonical document is made
 * here and goes through intake as any other: same decision, same seal, same order.
 */
#ifndef EXCHANGE_ANSWER_H
#define EXCHANGE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"
#include "exchange/exchange.h"
#include "exchange/intake.h"

struct err;

enum answer_act {
    ANSWER_TAKE,     /* M03 */
    ANSWER_ACCEPT,   /* M04; with conditions: accepted on condition */
    ANSWER_DEFER,    /* M04 */
    ANSWER_REDIRECT, /* M04; needs redirect_to */
    ANSWER_DECLINE,  /* M04; needs a reason */
    ANSWER_ASK,      /* M05; needs fields */
    ANSWER_ANSWER,   /* M06; every field with its state */
};
bool answer_act_parse(const char *word, enum answer_act *ret); /* "take", "accept", ... */

/* A field, by the name the office's own form gives it, or a canonical path. */
struct answer_field {
    const char *field;
    const char *state;       /* M06: "provided", "refused", "unknown", "not-permitted" */
    const char *purpose;     /* M05: consent_purpose code; NULL */
    const char *explanation; /* M05: free text; NULL */
};

struct answer {
    enum answer_act act;
    const char *office;
    struct audit_actor actor;
    const char *case_id;    /* as typed */
    const char *number;     /* the office's own number of the case; NULL */
    const char *out_number; /* the office's outgoing number; NULL */
    const char *officer, *position, *organisation, *phone, *email; /* who answers; NULL */
    const struct strlist *reasons; /* decline_reason codes; NULL */
    const char *conditions;
    const char *redirect_to;
    const char *note;
    const char *respond_by; /* YYYY-MM-DD; NULL: by the agreement */
    const struct answer_field *fields;
    size_t field_count;
    const char *scope, *key; /* idempotency; NULL */
};

/*
 * As intake_take(). Values of fields answered "provided" are taken from the referral that the
 * office itself sent in this case. Further codes in result->why: "answer.field" (the form has no
 * such field; names the nearest), "answer.needs" (says what is missing), "answer.no-value".
 */
bool answer_take(const struct exchange *x, const struct answer *answer,
                 struct intake_result *ret, struct err *err) NODISCARD;

#endif
