/*
 * sign.h - the ds:Signature of an envelope that we make.
 */
#ifndef AS4_SIGN_H
#define AS4_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "as4/digests.h"
#include "as4/pmode.h"
#include "as4/signing.h"
#include "as4/soap.h"
#include "base/attr.h"

struct buf;
struct err;
struct xmlsig_part;

/*
 * Appends the signature over Messaging, Body and the parts, in this order, and the signer's
 * token before it where the form of key reference has one. *ret_digests is what was signed.
 * ERR_CONFIG when P-Mode, key and certificate do not go together; ERR_RETRY from the signer.
 */
NODISCARD bool sign_envelope(struct soap_new *envelope, const struct pmode_security *how,
                             const struct as4_signing *signing,
                             const struct xmlsig_part *parts, size_t part_count,
                             struct as4_digests *ret_digests, struct err *err);

/* The serialised document, without formatting. */
NODISCARD bool soap_print(const struct soap_new *envelope, struct buf *out,
                          struct err *err);

#endif
