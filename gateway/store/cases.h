/*
 * cases.h - one row per case, and its small sealed records by name.
 *
 * States, roles and sub-states are texts here; what they mean is the business of others. The
 * row holds ids only; everything about a person stands in sealed records (case_blob_put):
 * "attrs", "consents", ... A name beginning with '.' is not for others.
 */
#ifndef STORE_CASES_H
#define STORE_CASES_H

#include "store/store.h"

#define CASE_OFFICES_MAX 32                /* offices a case may be assigned to */
#define CASE_BLOB_MAX    (4 * 1024 * 1024) /* octets of one sealed record */

struct case_row {
    char id[STORE_NAME_TEXT];        /* CaseId */
    char agreement[STORE_NAME_TEXT]; /* of the first message, for the case's whole life */
    char agreement_version[STORE_CODE_TEXT];
    char bundle[STORE_HASH_TEXT];
    char own_office[STORE_NAME_TEXT];
    char partner[STORE_NAME_TEXT]; /* partner gateway */
    char partner_office[STORE_NAME_TEXT];
    char role[STORE_CODE_TEXT];
    char state[STORE_CODE_TEXT];
    char substates[STORE_NAME_TEXT]; /* as its owner writes them */
    char environment[STORE_CODE_TEXT];
    char linked_case[STORE_NAME_TEXT];
    char number_hash[STORE_HASH_TEXT]; /* store_keyed_hash("national-number", ...) */
    int64_t next_out;    /* sequence the next outgoing message gets; from 1 */
    int64_t expected_in; /* lowest incoming sequence not yet received; from 1 */
    int64_t created_ms, updated_ms;
    int64_t closed_ms; /* 0: open. Set by its owner when nothing more is to come */
};

/* ret_taken: a case with this id is already there; nothing was changed. next_out, expected_in
 * are set to 1, created_ms and updated_ms to now. */
NODISCARD bool case_add(struct store_tx *tx, const struct case_row *row, bool *ret_taken,
                        struct err *err);
NODISCARD bool case_get(struct store_tx *tx, const char *case_id, struct case_row *ret,
                        bool *ret_found, struct err *err);

/*
 * Compare and set: from_state (and from_substates unless NULL) must be what stands there, else
 * *ret_changed is false and nothing happens. substates NULL keeps them. closed sets closed_ms
 * to now or clears it.
 */
struct case_change {
    const char *from_state, *from_substates;
    const char *state, *substates;
    bool closed;
};
NODISCARD bool case_set_state(struct store_tx *tx, const char *case_id,
                              const struct case_change *change, bool *ret_changed,
                              struct err *err);

/* The case's own national number became known, or its linked case. "" clears. */
NODISCARD bool case_set_number(struct store_tx *tx, const char *case_id,
                               const char *number_hash, struct err *err);
NODISCARD bool case_set_link(struct store_tx *tx, const char *case_id, const char *linked,
                             struct err *err);

/* Takes the next outgoing sequence number (and counts on). */
NODISCARD bool case_next_sequence(struct store_tx *tx, const char *case_id, int64_t *ret,
                                  struct err *err);
/*
 * An incoming message with this sequence is in the store (also a refused one): moves
 * expected_in over everything received without a gap. A message added by message_add() has this
 * done already.
 */
NODISCARD bool case_sequence_received(struct store_tx *tx, const char *case_id,
                                      struct err *err);
/* A person decided not to wait for what is missing below `expected`. */
NODISCARD bool case_skip_gap(struct store_tx *tx, const char *case_id, int64_t expected,
                             struct err *err);

struct case_filter {
    const char *office;      /* own office or assigned; NULL any */
    const char *state;       /* NULL any */
    const char *partner;     /* NULL any */
    const char *number_hash; /* NULL any */
    bool open_only;
    bool newest_first;
    const char *after; /* page cursor; NULL or "" from the start */
    size_t limit;
};
struct case_list {
    struct case_row *items;
    size_t count;
    char next[STORE_NAME_TEXT + 24]; /* cursor for the next page; "" at the end */
};
NODISCARD bool case_select(struct store_tx *tx, const struct case_filter *filter,
                           struct case_list *ret, struct err *err);
void case_list_free(struct case_list *list); /* for AUTO */

/* The offices of ours that may see it beside own_office. A repeat changes nothing. */
NODISCARD bool case_assign(struct store_tx *tx, const char *case_id, const char *office,
                           struct err *err);
NODISCARD bool case_unassign(struct store_tx *tx, const char *case_id, const char *office,
                             struct err *err);
struct case_offices {
    char names[CASE_OFFICES_MAX][STORE_NAME_TEXT];
    size_t count;
};
NODISCARD bool case_offices(struct store_tx *tx, const char *case_id,
                            struct case_offices *ret, struct err *err);

/* Sealed under the case's key, which is made when first needed (the row need not be there). */
NODISCARD bool case_blob_put(struct store_tx *tx, const char *case_id, const char *name,
                             const void *data, size_t len, struct err *err);
/* Adds to out, whose ceiling holds. */
NODISCARD bool case_blob_get(struct store_tx *tx, const char *case_id, const char *name,
                             struct buf *out, bool *ret_found, struct err *err);
NODISCARD bool case_blob_remove(struct store_tx *tx, const char *case_id,
                                const char *name, struct err *err);

/*
 * Keyed hashes of what a case can be found by beside its number (identifiers, name keys);
 * kind says of what: "identifier", "name".
 */
NODISCARD bool case_find_key_add(struct store_tx *tx, const char *case_id,
                                 const char *kind, const char *hash, struct err *err);
NODISCARD bool case_find_by_key(struct store_tx *tx, const char *kind, const char *hash,
                                struct case_list *ret, struct err *err);

/*
 * Deletes the case's keys, sealed records, hashes, and lets go of its bodies: when the
 * store_run() around it returns, none of it can be read again, from database or log. Rows with
 * ids, states and digests stay; the row's state becomes `state` and it counts as closed.
 * ERR_REJECT "case.unsent" while a message of it waits to be sent: cancel it first. ERR_UNSURE
 * "store.log-kept" from store_run(): deleted, but do it again to empty the log.
 */
NODISCARD bool case_erase(struct store_tx *tx, const char *case_id, const char *state,
                          struct err *err);

struct case_total {
    char office[STORE_NAME_TEXT], state[STORE_CODE_TEXT];
    uint64_t count;
};
typedef bool case_total_cb(void *ctx, const struct case_total *total);
NODISCARD bool case_totals(struct store_tx *tx, case_total_cb *each, void *ctx,
                           struct err *err);

#endif
