/*
 * store_private.h - what the files of this folder share and nobody else sees.
 */
#ifndef STORE_STORE_PRIVATE_H
#define STORE_STORE_PRIVATE_H

#include <pthread.h>

#include "store/engine.h"
#include "store/store.h"

struct buf;
struct inflight;
struct key_cache;
struct message;

/* --- store.c ----------------------------------------------------------------------------- */

struct store_tx {
    struct store *store;
    struct connection *conn;
    int64_t now_ms;
    bool writes;
    bool erases; /* the log must be emptied before this one is told */
};

struct seal_hooks *store_seal_hooks(struct store *store);
struct key_cache *store_key_cache(struct store *store);
struct inflight *store_inflight(struct store *store);
unsigned store_audit_every(const struct store *store);
struct store *store_tx_store(const struct store_tx *tx);

/* Copies a column into a field of a record; longer than the field: ERR_BUG "store.text". */
NODISCARD bool text_column(char *field, size_t size, const char *text, struct err *err);
/* A text that a caller gives and a column of this size must hold. */
NODISCARD bool text_check(const char *text, size_t size, const char *what,
                          struct err *err);
size_t page_limit(size_t asked); /* 1..STORE_PAGE_MAX */

/* --- schema.c ---------------------------------------------------------------------------- */

NODISCARD bool schema_update(struct store_tx *tx, struct err *err);
int schema_version(void); /* of this program */

/* --- seal.c ------------------------------------------------------------------------------ */

#define SEAL_NONCE_OCTETS 12
#define SEAL_TAG_OCTETS   16
#define SEAL_OVERHEAD     (SEAL_NONCE_OCTETS + SEAL_TAG_OCTETS)
#define SEAL_KEY_ID_TEXT  (STORE_NAME_TEXT + 8)
#define SEAL_KEYS_KEPT    64 /* unwrapped keys in memory */

struct seal_key {
    char id[SEAL_KEY_ID_TEXT]; /* "gateway", "case:ID", "body:ID" */
    int64_t version;
    uint8_t octets[SEAL_KEY_OCTETS];
};
void seal_key_wipe(struct seal_key *key); /* for AUTO */

/* Where a sealed value stands. */
struct seal_place {
    const char *table, *column, *row;
    int64_t number; /* of a piece; 0 for a cell */
    bool final;     /* the last piece; true for a cell */
};

NODISCARD bool seal_close(const struct seal_key *key, const struct seal_place *place,
                          const void *data, size_t len, struct buf *out, struct err *err);
/* ERR_REJECT "store.sealed" unless it was sealed with this key for this place. */
NODISCARD bool seal_open(const struct seal_key *key, const struct seal_place *place,
                         const void *data, size_t len, struct buf *out, struct err *err);

void seal_key_id_of_case(const char *case_id, char out[SEAL_KEY_ID_TEXT]);
/* The stored key; *ret_found false when there is none (any more). */
NODISCARD bool seal_key_get(struct store_tx *tx, const char *key_id, struct seal_key *ret,
                            bool *ret_found, struct err *err);
/* The key of a case ("" the gateway's), made when there is none. */
NODISCARD bool seal_key_of_case(struct store_tx *tx, const char *case_id,
                                struct seal_key *ret, struct err *err);
/* A fresh key, and its wrapped form; then, in a transaction, its row. */
NODISCARD bool seal_key_fresh(struct store *store, const char *key_id,
                              struct seal_key *ret, struct buf *wrapped, struct err *err);
NODISCARD bool seal_key_insert(struct store_tx *tx, const struct seal_key *key,
                               const char *case_id, const struct buf *wrapped,
                               bool *ret_taken, struct err *err);

struct key_cache *key_cache_new(void);
void key_cache_wipe(struct key_cache *cache);
void key_cache_free(struct key_cache **cache);

/* --- queue.c ------------------------------------------------------------------------------- */

/* After any change of an outgoing message: whose turn it is in its case. */
NODISCARD bool queue_turn(struct store_tx *tx, const char *case_id, const char *row,
                          struct err *err);

/* Writes a changed message and gives its case's turn anew. */
NODISCARD bool queue_store(struct store_tx *tx, struct message *m, struct err *err);
/* NULL keeps what stands there. */
NODISCARD bool queue_set_reason(struct message *m, const char *code, const char *reason,
                                struct err *err);
struct queue_rows {
    char ids[STORE_PAGE_MAX][STORE_ROW_TEXT];
    size_t count;
};
/* The first column of a query, before anything is changed. */
NODISCARD bool queue_rows(struct store_tx *tx, const char *sql, struct sql_args args,
                          struct queue_rows *ret, struct err *err);

/* --- messages.c ---------------------------------------------------------------------------- */

/* Writes what may change of a message (state, reason, attempt, lease, partner). */
NODISCARD bool message_store(struct store_tx *tx, struct message *m, struct err *err);
/* The row, or ERR_REJECT "message.unknown". */
NODISCARD bool message_must_get(struct store_tx *tx, const char *row, struct message *ret,
                                struct err *err);
NODISCARD bool message_case(struct store_tx *tx, const char *row,
                            char ret_case[STORE_NAME_TEXT], struct err *err);
/* tail: " WHERE ..." over the table message. */
NODISCARD bool message_one(struct store_tx *tx, const char *tail, struct sql_args args,
                           struct message *ret, bool *ret_found, struct err *err);

/* --- bodies.c, stage.c, sweep.c ------------------------------------------------------------ */

/* The row of the table body as reading needs it. */
struct body_row {
    char id[STORE_ROW_TEXT];
    char key_id[SEAL_KEY_ID_TEXT];
    int64_t octets, pieces;
};
struct source *body_rows_source(struct store *store,
                                const struct body_row *row) NODISCARD;
struct body_info;
/* What a body row says, with its key; *ret_found false also when the key is gone. */
NODISCARD bool body_find_named(struct store_tx *tx, const char *message_row,
                               const char *name, struct body_row *row,
                               struct body_info *info, struct seal_key *key,
                               bool *ret_found, struct err *err);
NODISCARD bool body_find_upload(struct store_tx *tx, const char *body_id,
                                struct body_row *row, struct body_info *info,
                                struct seal_key *key, bool *ret_found, struct err *err);
/* A new staged body, and its rows. */
NODISCARD bool body_insert(struct store_tx *tx, const char *body_id, const char *key_id,
                           int64_t pieces, struct err *err);
NODISCARD bool body_row_seal(const struct seal_key *key, const char *body_id,
                             int64_t number, bool final, const void *data, size_t len,
                             struct buf *out, struct err *err);
NODISCARD bool body_row_insert(struct store_tx *tx, const char *body_id, int64_t number,
                               const struct buf *sealed, struct err *err);
/* Seals message, name, size and digest together and makes the body visible. */
NODISCARD bool body_link(struct store_tx *tx, const char *body_id,
                         const struct seal_key *key, const char *message_row,
                         const char *name, int64_t octets, const char *sha256,
                         struct err *err);
NODISCARD bool body_name_free(struct store_tx *tx, const char *message_row,
                              const char *name, struct err *err);
/* Staged bodies that nobody wrote to since: dropped, their keys go now. */
NODISCARD bool body_drop_staged(struct store_tx *tx, int64_t touched_before_ms,
                                struct err *err);
NODISCARD bool octets_sha256(const void *data, size_t len, char out[STORE_HASH_TEXT],
                             struct err *err);

/* --- quarantine.c -------------------------------------------------------------------------- */

NODISCARD bool inflight_open(const char *folder, struct inflight **ret, struct err *err);
void inflight_free(struct inflight **inflight); /* for AUTO */
/* Counts those that were at work when the process died. */
NODISCARD bool inflight_count_deaths(struct store_tx *tx, struct inflight *inflight,
                                     struct err *err);
void inflight_clear(struct inflight *inflight);

#endif
