/*
 * again.h - the second decision: may this stored message still go as it is?
 *
 * Consent may have been withdrawn, the leg suspended, a child may have turned 18 since intake.
 * If anything is narrower now, the message stops and a person is asked; stored octets are never
 * filtered.
 */
#ifndef EXCHANGE_AGAIN_H
#define EXCHANGE_AGAIN_H

#include <stdbool.h>

#include "base/attr.h"
#include "exchange/exchange.h"
#include "store/messages.h"

struct again {
    bool may;
    char hold[STORE_CODE_TEXT]; /* kind of hold: "leg", "decision", "bundle" */
    char code[STORE_CODE_TEXT];
    char reason[STORE_REASON_TEXT]; /* what changed, by which clause */
};

/* False only when it could not be judged (store, bundle not readable). */
bool again_may_go(const struct exchange *x, const struct snapshot *snap,
                  const struct message *m, struct again *ret, struct err *err) NODISCARD;

#endif
