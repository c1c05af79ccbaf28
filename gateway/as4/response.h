/*
 * response.h - what came back for a message that we sent, and what that means.
 */
#ifndef AS4_RESPONSE_H
#define AS4_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/digests.h"
#include "as4/fault.h"
#include "as4/header.h"
#include "as4/pmode.h"
#include "base/attr.h"
#include "base/err.h"

struct cert;
struct trust;

#define AS4_RESPONSE_MAX    (1024 * 1024)  /* octets; a receipt is under 20 KiB */
#define AS4_RETRY_AFTER_MAX (24 * 60 * 60) /* seconds we let a peer put us off */

enum as4_outcome_kind {
    AS4_GOT_RECEIPT,        /* verified: store the octets, the message is delivered */
    AS4_GOT_ERROR_SIGNED,   /* the partner's own word */
    AS4_GOT_ERROR_UNSIGNED, /* a hint: counts as a failed attempt */
    AS4_GOT_DUPLICATE,      /* delivered earlier, receipt lost: no evidence to be had */
    AS4_GOT_NO_RECEIPT,     /* answered without one: try later */
    AS4_GOT_CONFIG_FAULT, /* redirect, 401, 403, 404, 405, 415: hold, tell the operator */
    AS4_GOT_RETRY,        /* 408, 429, 5xx without SOAP */
    AS4_GOT_INVALID_RECEIPT, /* EBMS:0302 locally: hold, do not resend blindly */
};
const char *as4_outcome_name(enum as4_outcome_kind kind);

/* What we sent. */
struct as4_sent {
    const char *message_id;
    const struct as4_digests *digests;
    bool written_before; /* an earlier attempt of this message was written out in full */
};

/* What came back. */
struct as4_http {
    int status;
    const char *content_type; /* NULL: none */
    const char *retry_after;  /* NULL: none */
    const void *body;
    size_t len;
};

struct as4_outcome {
    enum as4_outcome_kind kind;
    int64_t retry_after_s; /* 0: not said */
    bool warning;          /* the error's severity is warning: it ends nothing */
    bool transient;        /* the error may pass: try again later */
    char *code;            /* errors only: "EBMS:0004" */
    char *short_description;
    char *description; /* the peer's words, at most EB_TEXT_MAX characters of each */
    char *detail;
    struct err local; /* what is wrong, for every kind but GOT_RECEIPT */
};
void as4_outcome_free(struct as4_outcome *outcome); /* for AUTO */

/*
 * Judge an answer at `now_ms`. Receipts and signed errors must be signed by a certificate that
 * `trust` gives for this partner. Never fails: what went wrong is the outcome.
 */
void as4_response_read(const struct as4_http *answer, const struct as4_sent *sent,
                       const struct pmode *pmode, const struct trust *trust,
                       int64_t now_ms, struct as4_outcome *ret);

#endif
