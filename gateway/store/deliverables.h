/*
 * deliverables.h - what waits for an office: handed over in sequence, kept until acknowledged.
 *
 * A delivery id is given once and stays. An office may be handed the same deliverable again
 * only under that id, and then it is marked as a repeat. Of one case and office the lower
 * sequence goes first; what lies behind a gap (a message not yet received) waits, except kinds
 * that overtake. What an office was assigned and no longer is, is neither listed nor counted.
 */
#ifndef STORE_DELIVERABLES_H
#define STORE_DELIVERABLES_H

#include "store/messages.h"

enum deliverable_state {
    DELIVERABLE_READY,
    DELIVERABLE_HANDED,
    DELIVERABLE_ACKNOWLEDGED,
};
const char *deliverable_state_name(enum deliverable_state state);

struct deliverable {
    char id[STORE_ROW_TEXT]; /* delivery id */
    char message_row[STORE_ROW_TEXT];
    char message_id[STORE_NAME_TEXT]; /* of that message, read only */
    char kind[STORE_CODE_TEXT];       /* of that message, read only */
    char office[STORE_NAME_TEXT];
    char case_id[STORE_NAME_TEXT];
    int64_t sequence;
    bool overtakes;
    enum deliverable_state state;
    unsigned handed_count;                          /* over 1: repeats */
    int64_t next_ms;                                /* not before */
    int64_t created_ms, handed_ms, acknowledged_ms; /* handed_ms: the last time */
};

/* One per message and office; a second call gives the first one's id and changes nothing. */
NODISCARD bool deliverable_add(struct store_tx *tx, const char *message_row,
                               const char *office, char ret_id[STORE_ROW_TEXT],
                               struct err *err);
NODISCARD bool deliverable_get(struct store_tx *tx, const char *id,
                               struct deliverable *ret, bool *ret_found, struct err *err);

struct deliverable_list {
    struct deliverable *items;
    size_t count;
};
void deliverable_list_free(struct deliverable_list *list); /* for AUTO */

/*
 * What may be handed to the office now, overtaking kinds first, then by case and sequence:
 * those never handed (at most one of each case and office until it is handed), and with
 * `again` also those handed but not acknowledged whose next_ms has come.
 */
NODISCARD bool deliverable_due(struct store_tx *tx, const char *office, bool again,
                               size_t limit, struct deliverable_list *ret,
                               struct err *err);
/* Everything of the office or (NULL) of all that is not acknowledged, oldest first; after: a
 * delivery id or NULL. */
NODISCARD bool deliverable_open(struct store_tx *tx, const char *office,
                                const char *after, size_t limit,
                                struct deliverable_list *ret, struct err *err);

/*
 * Given to the office (again). next_ms: when it may be repeated. The message becomes
 * handed-over. ERR_REJECT "deliverable.order" when a lower one must go first,
 * "deliverable.done" when it is acknowledged, "deliverable.unknown".
 */
NODISCARD bool deliverable_handed(struct store_tx *tx, const char *id, int64_t next_ms,
                                  struct err *err);
/* It could not be given: not before next_ms. */
NODISCARD bool deliverable_postpone(struct store_tx *tx, const char *id, int64_t next_ms,
                                    struct err *err);
/* The office has it; a repeat changes nothing. The message becomes acknowledged with the last
 * of its deliverables whose office still has the case. ERR_REJECT "deliverable.not-handed", "deliverable.unknown". */
NODISCARD bool deliverable_acknowledge(struct store_tx *tx, const char *id,
                                       bool *ret_already, struct err *err);

/* Cases in which something has waited behind a gap since before `since_ms`. */
struct deliverable_gap {
    char case_id[STORE_NAME_TEXT];
    int64_t missing; /* the sequence not received */
    int64_t waiting; /* the lowest sequence behind it */
    int64_t since_ms;
};
typedef bool deliverable_gap_cb(void *ctx, const struct deliverable_gap *gap);
NODISCARD bool deliverable_gaps(struct store_tx *tx, int64_t since_ms,
                                deliverable_gap_cb *each, void *ctx, struct err *err);

/* How many wait (ready or handed) for each office, and since when. */
struct deliverable_total {
    char office[STORE_NAME_TEXT];
    enum deliverable_state state;
    uint64_t count;
    int64_t oldest_ms;
};
typedef bool deliverable_total_cb(void *ctx, const struct deliverable_total *total);
NODISCARD bool deliverable_totals(struct store_tx *tx, deliverable_total_cb *each,
                                  void *ctx, struct err *err);

#endif
