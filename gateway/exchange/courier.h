/*
 * courier.h - how one claimed message leaves the house, and what came of it.
 *
 * Order, never another: ask once more whether it may go (consent, leg, age may have changed),
 * package (or take the package of the attempt before, as long as both sides' keys are those it
 * was made for), send, judge the answer. Nothing is written down here but the package; the
 * verdict is the caller's to store with courier_settle(), in one transaction with receipt,
 * audit, figures and tasks.
 */
#ifndef EXCHANGE_COURIER_H
#define EXCHANGE_COURIER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "exchange/exchange.h"
#include "store/queue.h"

struct err;
struct http_client;
struct partner;

#define COURIER_HINTS_MAX 3 /* identical unsigned errors, then the message is held */

/* What an attempt brought. */
struct courier_report {
    struct queue_verdict verdict;
    char code[STORE_CODE_TEXT];     /* verdict.reason_code points here */
    char reason[STORE_REASON_TEXT]; /* verdict.reason points here */
    char hold[STORE_CODE_TEXT];     /* verdict.hold_kind points here */
    bool reached;                   /* the partner answered, whatever it said */
    bool busy;                      /* it answered that it takes nothing now: 429, 503 */
    bool task;                      /* a person must look */
    int64_t retry_after_s;          /* the partner's wish; 0 none */
    struct buf receipt;             /* octets; empty unless delivered with evidence */
};
void courier_report_free(struct courier_report *report); /* for AUTO */

/* `client` is the calling thread's own, for this partner. Never fails: the report says all. */
void courier_deliver(const struct exchange *x, const struct snapshot *snap,
                     const struct partner *partner, struct http_client *client,
                     const struct message *m, struct courier_report *ret);

/* Time over: nothing was heard for as long as the agreement lets it wait (EBMS:0301). */
void courier_give_up(const struct message *m, struct courier_report *ret);

/* The verdict and all that hangs on it, in one transaction. ERR_REJECT "queue.fence": another
 * node has it by now; forget it. */
bool courier_settle(const struct exchange *x, const struct message *m,
                    const struct courier_report *report, struct err *err) NODISCARD;

#endif
