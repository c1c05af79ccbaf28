/*
 * fault.h - the ebMS errors: their table, and the signal that carries one.
 *
 * ebMS3 core 6.7, AS4 1.0 and eDelivery: code, short description, category and severity are
 * fixed texts; so is our Description. What was found in detail goes to the local log only.
 */
#ifndef AS4_FAULT_H
#define AS4_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/pmode.h"
#include "as4/signing.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum as4_code {
    AS4_VALUE_NOT_RECOGNIZED,      /* EBMS:0001 */
    AS4_FEATURE_NOT_SUPPORTED,     /* EBMS:0002 */
    AS4_VALUE_INCONSISTENT,        /* EBMS:0003 */
    AS4_OTHER,                     /* EBMS:0004 */
    AS4_CONNECTION_FAILURE,        /* EBMS:0005 */
    AS4_EMPTY_CHANNEL,             /* EBMS:0006 */
    AS4_MIME_INCONSISTENCY,        /* EBMS:0007 */
    AS4_PACKAGING_NOT_SUPPORTED,   /* EBMS:0008, FeatureNotSupported too */
    AS4_INVALID_HEADER,            /* EBMS:0009 */
    AS4_PROCESSING_MODE_MISMATCH,  /* EBMS:0010 */
    AS4_EXTERNAL_PAYLOAD_ERROR,    /* EBMS:0011 */
    AS4_FAILED_AUTHENTICATION,     /* EBMS:0101 */
    AS4_FAILED_DECRYPTION,         /* EBMS:0102 */
    AS4_POLICY_NONCOMPLIANCE,      /* EBMS:0103 */
    AS4_DYSFUNCTIONAL_RELIABILITY, /* EBMS:0201 */
    AS4_DELIVERY_FAILURE,          /* EBMS:0202 */
    AS4_MISSING_RECEIPT,           /* EBMS:0301 */
    AS4_INVALID_RECEIPT,           /* EBMS:0302 */
    AS4_DECOMPRESSION_FAILURE,     /* EBMS:0303 */
    AS4_DUPLICATE_DETECTED,        /* EBMS:4001, phase4's own */
    AS4_CODE_COUNT
};

struct as4_fault {
    const char *code; /* "EBMS:0001" */
    const char *short_description;
    const char *category;
    const char *severity;    /* "failure" or "warning" */
    const char *origin;      /* "ebms", "security", "reliability" */
    const char *description; /* the fixed English text we send */
    bool transient;          /* heard from a peer: try again later */
};

const struct as4_fault *as4_fault(enum as4_code code);
bool as4_code_parse(const char *ebms, enum as4_code *ret); /* "EBMS:0004" or "0004" */

/* Why an incoming message is not taken, and how to say so. */
struct as4_refusal {
    enum as4_code code;
    int http_status;   /* 200, 400, 500 as the P-Mode says; 503: no body at all */
    bool header_fault; /* an unknown mustUnderstand block: env:MustUnderstand, 500 */
    bool sender_known; /* the signature was good */
    bool pmode_known;  /* else the error goes unsigned */
    struct pmode pmode;
    char *ref_to_message_id; /* NULL: could not be read */
    const char *detail;      /* ErrorDetail, literal; only after a good signature */
    struct err local;        /* for our log, never for the wire */
};
void as4_refusal_clear(struct as4_refusal *refusal); /* for AUTO */

#define AS4_ANSWER_MAX  (256 * 1024) /* octets of a signal we make */
#define AS4_ANSWER_TYPE "application/soap+xml; charset=UTF-8"

struct as4_answer {
    int http_status;
    const char *content_type; /* NULL: no body */
    struct buf body;
};
void as4_answer_free(struct as4_answer *answer); /* for AUTO */

/* The HTTP answer for a refusal. Signed when the P-Mode is known and wants it and `signing` is
 * given; when signing fails the answer goes out unsigned. */
NODISCARD bool as4_fault_answer(const struct as4_refusal *refusal,
                                const struct as4_signing *signing, const char *host,
                                int64_t now_ms, struct as4_answer *ret, struct err *err);

#endif
