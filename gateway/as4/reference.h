/*
 * reference.h - one ds:Reference, in a signature or brought back by a receipt.
 */
#ifndef AS4_REFERENCE_H
#define AS4_REFERENCE_H

#include <libxml/tree.h>
#include <stdbool.h>

#include "as4/digests.h"
#include "base/attr.h"

struct err;

/*
 * Reads a ds:Reference of the one form we take: URI, exactly one Transform, DigestMethod,
 * DigestValue of the method's length; attributes Id and Type are ignored. Appends it.
 * ERR_REJECT "sec.grammar", or "sec.policy" for a digest method that is in no table.
 */
NODISCARD bool reference_read(const xmlNode *reference, struct as4_digests *to,
                              struct err *err);

#endif
