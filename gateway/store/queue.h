/*
 * queue.h - outgoing messages from waiting to their end: claims, verdicts, holds.
 *
 * Order: of one case one message is on the wire at a time, the lowest sequence first; a held or
 * waiting message keeps back the later ones of its case, except kinds that overtake
 * (message_kind_overtakes), which wait only for the one on the wire and go before all others to
 * that partner. Messages of no case know no order.
 *
 * A claim is a lease with a fencing number that rises with each claim or loss of the lease;
 * whatever settles must show it. Cost of a claim does not depend on the backlog.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/messages.h"

/* Claims up to max (<= STORE_PAGE_MAX) due messages of one partner for this node. The items
 * have state sending, their fence, attempts already counted. Those whose give_up_ms has passed
 * are claimed too: who claims decides. */
NODISCARD bool queue_claim(struct store_tx *tx, const char *partner, int64_t lease_ms,
                           size_t max, struct message_list *ret, struct err *err);

/* What became of an attempt. */
enum queue_outcome {
    QUEUE_DELIVERED,
    QUEUE_DELIVERED_WITHOUT_EVIDENCE,
    QUEUE_RETRY,    /* waiting again, due at next_ms */
    QUEUE_HELD,     /* hold_kind and reason say why */
    QUEUE_REJECTED, /* partner's final refusal */
    QUEUE_EXPIRED,  /* time over */
};
const char *queue_outcome_name(enum queue_outcome outcome);

struct queue_verdict {
    enum queue_outcome outcome;
    int64_t next_ms;       /* QUEUE_RETRY */
    const char *hold_kind; /* QUEUE_HELD: "leg", "decision", "operator", "bundle", ... */
    const char *reason_code; /* NULL: kept; the last error's code for a retry */
    const char *reason;      /* NULL: kept; no case data */
    bool wrote;              /* this attempt was written out in full */
    bool not_an_attempt;     /* nothing was sent (say, decided to hold): uncount it */
};
/* ERR_REJECT "queue.fence": the claim is no longer the caller's; nothing was changed. */
NODISCARD bool queue_settle(struct store_tx *tx, const char *row, int64_t fence,
                            const struct queue_verdict *verdict, struct err *err);
/* Before the last octet is written: what may have been seen must be repeated as it was. */
NODISCARD bool queue_mark_written(struct store_tx *tx, const char *row, int64_t fence,
                                  struct err *err);
NODISCARD bool queue_renew(struct store_tx *tx, const char *row, int64_t fence,
                           int64_t lease_ms, struct err *err);

/* At start: messages this node had claimed wait again, due now, under a new fencing number. */
NODISCARD bool queue_take_back(struct store_tx *tx, uint64_t *ret_count, struct err *err);
/* Leases of any node that have run out: the same, a few hundred at a time. */
NODISCARD bool queue_sweep_leases(struct store_tx *tx, uint64_t *ret_count,
                                  struct err *err);

/*
 * By a person or a changed rule. *ret_changed false: it is not in a state that allows it (hold:
 * waiting; release: held; retry: waiting, held, rejected, expired - due now; cancel: waiting,
 * held), or release names another kind than it is held for (NULL: any).
 */
NODISCARD bool queue_hold(struct store_tx *tx, const char *row, const char *hold_kind,
                          const char *reason_code, const char *reason, bool *ret_changed,
                          struct err *err);
NODISCARD bool queue_release(struct store_tx *tx, const char *row, const char *hold_kind,
                             bool *ret_changed, struct err *err);
/* give_up_ms 0 keeps the one it has. */
NODISCARD bool queue_retry(struct store_tx *tx, const char *row, int64_t give_up_ms,
                           bool *ret_changed, struct err *err);
NODISCARD bool queue_cancel(struct store_tx *tx, const char *row, const char *reason_code,
                            const char *reason, bool *ret_changed, struct err *err);
/* The message goes to another gateway of the same route from now on (waiting or held). */
NODISCARD bool queue_reroute(struct store_tx *tx, const char *row, const char *partner,
                             bool *ret_changed, struct err *err);

/* All waiting messages of an agreement to a partner (NULL: to all); release frees only those
 * held for this kind. */
NODISCARD bool queue_hold_leg(struct store_tx *tx, const char *agreement,
                              const char *partner, const char *hold_kind,
                              const char *reason_code, const char *reason,
                              uint64_t *ret_count, struct err *err);
NODISCARD bool queue_release_leg(struct store_tx *tx, const char *agreement,
                                 const char *partner, const char *hold_kind,
                                 uint64_t *ret_count, struct err *err);
/* What waits for its time to that partner is due now, if the code of its last error begins with
 * `reason` ("http.": nothing was answered; "": everything, whatever the error). */
NODISCARD bool queue_hurry(struct store_tx *tx, const char *partner, const char *reason,
                           uint64_t *ret_count, struct err *err);

/* When the next message of each partner is due (also in the past). */
struct queue_due {
    char partner[STORE_NAME_TEXT];
    int64_t due_ms;
};
typedef bool queue_due_cb(void *ctx, const struct queue_due *due);
NODISCARD bool queue_next_due(struct store_tx *tx, queue_due_cb *each, void *ctx,
                              struct err *err);

#endif
