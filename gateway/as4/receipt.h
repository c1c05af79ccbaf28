/*
 * receipt.h - the signed receipt: made from verified references, checked against what we sent.
 *
 * AS4 1.0 section 5.1.8 (reception awareness and non-repudiation of receipt), ebBP signals 2.0.
 */
#ifndef AS4_RECEIPT_H
#define AS4_RECEIPT_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/digests.h"
#include "as4/fault.h"
#include "base/attr.h"

struct as4_message;
struct err;

/*
 * The receipt of a message that has passed as4_receive() and is going to be stored: sign it
 * inside the transaction, send it after the commit. The octets go to the store and to the wire.
 */
NODISCARD bool as4_receipt_make(const struct as4_message *message,
                                const struct as4_signing *signing, const char *host,
                                int64_t now_ms, struct as4_answer *ret, struct err *err);

/* The HTTP answer that repeats a stored receipt. */
void as4_receipt_again(const void *octets, size_t len, struct as4_answer *ret);

/* The references that a receipt brings back. ERR_REJECT "as4.receipt" when it holds anything
 * else than one NonRepudiationInformation (and elements of foreign namespaces, ignored). */
NODISCARD bool as4_receipt_read(const xmlNode *receipt, struct as4_digests *ret,
                                struct err *err);

#endif
