/*
 * messages.h - one row per message, in either direction. Octets stand in bodies.h.
 *
 * `row` is the store's own key: bodies, deliverables and tasks hang on it. `id` is the message
 * id of the canonical header (for opaque messages one that we gave), unique per direction among
 * all that were not refused. An outgoing message leaves its first state only through queue.h,
 * an incoming one through message_set_state() and deliverables.h.
 */
#ifndef STORE_MESSAGES_H
#define STORE_MESSAGES_H

#include "store/message_state.h"
#include "store/store.h"

struct message {
    char row[STORE_ROW_TEXT]; /* given by message_add() */
    char id[STORE_NAME_TEXT];
    enum message_direction direction;
    enum message_state state;
    char kind[STORE_CODE_TEXT];    /* "M01" ...; "opaque", "test" */
    char case_id[STORE_NAME_TEXT]; /* "" of no case: no order, the gateway's key */
    char partner[STORE_NAME_TEXT]; /* the partner as configured */
    char own_office[STORE_NAME_TEXT], remote_office[STORE_NAME_TEXT];
    char agreement[STORE_NAME_TEXT], agreement_version[STORE_CODE_TEXT];
    char bundle[STORE_HASH_TEXT];
    char eb_message_id[STORE_EB_ID_TEXT]; /* of the newest packaging */
    unsigned packagings;                  /* how many eb:MessageIds it has had */
    int64_t sequence;                     /* within case and direction, from 1; 0 none */
    char in_reply_to[STORE_NAME_TEXT];    /* message id */
    char office_number_hash[STORE_HASH_TEXT];
    char content_digest[STORE_HASH_TEXT]; /* SHA-256 of the canonical octets */
    uint64_t octets;                      /* content, attachments included */
    bool overtakes;                       /* from kind, by message_add() */
    char reason_code[STORE_CODE_TEXT];
    char reason[STORE_REASON_TEXT];
    int64_t created_ms, updated_ms;
    int64_t receipt_ms; /* receipt stored (out), given (in) */
    /* out only */
    unsigned attempts;
    int64_t first_ms, last_ms;   /* attempts; 0 none */
    int64_t next_ms, give_up_ms; /* give_up_ms 0: never */
    bool wrote_once;             /* an attempt was written out in full */
    char hold_kind[STORE_CODE_TEXT];
    char lease_owner[STORE_NAME_TEXT];
    int64_t lease_until_ms;
    int64_t fence; /* of the last claim */
};

/*
 * Adds it: gives row, overtakes, created_ms, updated_ms (written to *m). The state must be a
 * first one of its direction. *ret_taken: the message id is in use in this direction, nothing
 * was added, and m->row is that message's row. An incoming one counts towards its case's
 * sequence; an outgoing one with next_ms 0 is due now.
 */
NODISCARD bool message_add(struct store_tx *tx, struct message *m, bool *ret_taken,
                           struct err *err);
NODISCARD bool message_get(struct store_tx *tx, const char *row, struct message *ret,
                           bool *ret_found, struct err *err);
/* The one that was not refused, else the newest that was. */
NODISCARD bool message_find(struct store_tx *tx, enum message_direction direction,
                            const char *id, struct message *ret, bool *ret_found,
                            struct err *err);
/* By any eb:MessageId it ever had, with this partner. */
NODISCARD bool message_find_eb(struct store_tx *tx, enum message_direction direction,
                               const char *partner, const char *eb_message_id,
                               struct message *ret, bool *ret_found, struct err *err);

/* ERR_REJECT "message.state" (names both) when the table does not allow it; outgoing messages
 * are ERR_BUG here. reason_code, reason NULL: kept. */
NODISCARD bool message_set_state(struct store_tx *tx, const char *row,
                                 enum message_state to, const char *reason_code,
                                 const char *reason, struct err *err);

/* A new packaging: becomes eb_message_id, is counted, the older ones stay findable; wrote_once
 * is cleared. */
NODISCARD bool message_packaged(struct store_tx *tx, const char *row,
                                const char *eb_message_id, struct err *err);
/* When the receipt came or went. */
NODISCARD bool message_set_receipt(struct store_tx *tx, const char *row, struct err *err);

struct message_filter {
    const char *case_id;            /* NULL any; "" those of no case */
    const char *partner;            /* NULL any */
    const char *own_office;         /* NULL any */
    const char *kind;               /* NULL any */
    const char *agreement;          /* NULL any */
    const char *office_number_hash; /* NULL any */
    bool by_direction;
    enum message_direction direction;
    const enum message_state *states; /* NULL any */
    size_t state_count;
    bool newest_first;
    const char *after; /* a row id; NULL or "" from the start */
    size_t limit;
};
struct message_list {
    struct message *items;
    size_t count;
    char next[STORE_ROW_TEXT]; /* "" at the end */
};
NODISCARD bool message_select(struct store_tx *tx, const struct message_filter *filter,
                              struct message_list *ret, struct err *err);
void message_list_free(struct message_list *list); /* for AUTO */

/* Count and oldest of each partner, direction and state that occurs. */
struct message_total {
    char partner[STORE_NAME_TEXT];
    enum message_direction direction;
    enum message_state state;
    uint64_t count;
    int64_t oldest_ms; /* created */
};
typedef bool message_total_cb(void *ctx, const struct message_total *total);
NODISCARD bool message_totals(struct store_tx *tx, message_total_cb *each, void *ctx,
                              struct err *err);

#endif
