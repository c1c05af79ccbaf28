/*
 * idempotency.h - what an office has handed in before, so that a repeat changes nothing.
 *
 * Scopes keep the kinds of key apart: "rest" (the request's key), "folder" (digest of the file),
 * "number" (national case number of an M01). The key itself is kept as a keyed hash only.
 */
#ifndef STORE_IDEMPOTENCY_H
#define STORE_IDEMPOTENCY_H

#include "store/duplicates.h"

struct idempotency_entry {
    char digest[STORE_HASH_TEXT];     /* of what was handed in then */
    char message_id[STORE_NAME_TEXT]; /* that was given then */
    char case_id[STORE_NAME_TEXT];
    int64_t created_ms;
};

/* DUPLICATE_NONE / SAME / OTHER; ret_entry (may be NULL) is written unless NONE. */
NODISCARD bool idempotency_find(struct store_tx *tx, const char *scope,
                                const char *office, const char *key, const char *digest,
                                enum duplicate *ret, struct idempotency_entry *ret_entry,
                                struct err *err);
/* As find, and enters it when there is none. */
NODISCARD bool idempotency_add(struct store_tx *tx, const char *scope, const char *office,
                               const char *key, const char *digest,
                               const char *message_id, const char *case_id,
                               enum duplicate *ret, struct idempotency_entry *ret_entry,
                               struct err *err);
NODISCARD bool idempotency_prune(struct store_tx *tx, const char *scope,
                                 int64_t before_ms, uint64_t *ret_count, struct err *err);

#endif
