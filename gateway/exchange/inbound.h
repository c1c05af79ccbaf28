/*
 * inbound.h - a verified AS4 message becomes a stored message, a deliverable and a receipt, or a
 * refusal in words.
 *
 * Order: canonical schema, seal, bundle, decision as receiver, translation into the office's
 * form, then one transaction with everything in it (message, octets, case, deliverable, both
 * duplicate keys, receipt, audit, figures). The receipt depends on signature, schema, seal,
 * decision and storage, not on our own mapping: when that fails the office gets the canonical
 * view and a task, and the receipt goes out all the same.
 *
 * Refusals carry our own code as ErrorDetail "trm.<code>" (only after a good signature):
 *   trm.kind-unknown trm.canonical trm.seal trm.header trm.environment trm.office-unknown
 *   trm.bundle-unknown trm.case-unknown trm.case-known trm.denied trm.content-differs
 *   trm.attachment
 */
#ifndef EXCHANGE_INBOUND_H
#define EXCHANGE_INBOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "as4/receipt.h"
#include "as4/receive.h"
#include "exchange/exchange.h"

struct err;

enum inbound {
    INBOUND_TAKEN,   /* stored; *answer is the receipt */
    INBOUND_REFUSED, /* *refusal; digests and reason are kept */
    INBOUND_TROUBLE, /* nothing was stored: *err; the partner tries again */
};

enum inbound inbound_take(const struct exchange *x, const struct snapshot *snap,
                          const struct as4_message *message, struct as4_answer *answer,
                          struct as4_refusal *refusal, struct err *err) NODISCARD;

/* Name of the stored receipt for one eb:MessageId: a message may have come under several. */
void inbound_receipt_name(const char *eb_message_id, char out[64]);

/* Lower-case hexadecimal with NUL. */
void inbound_hex(const void *octets, size_t len, char *out);

#endif
