/*
 * duplicates.h - the two keys by which nothing is acted on twice.
 *
 * On the wire: (partner, eb:MessageId), with the digest of what was signed and the message whose
 * body "receipt" is to be repeated. In the case: (sender gateway, message id), with the digest
 * of the content. Both are written in the transaction that stores the message; the database
 * decides between two that come at once.
 */
#ifndef STORE_DUPLICATES_H
#define STORE_DUPLICATES_H

#include "store/store.h"

enum duplicate {
    DUPLICATE_NONE,  /* not seen (find) / entered now (add) */
    DUPLICATE_SAME,  /* seen, with the same digest */
    DUPLICATE_OTHER, /* seen, with another digest: refuse and alarm */
};
const char *duplicate_name(enum duplicate duplicate);

struct duplicate_entry {
    char digest[STORE_HASH_TEXT]; /* that stands in the entry */
    char message_row[STORE_ROW_TEXT];
    int64_t created_ms;
};

/* ret_entry may be NULL; it is written unless DUPLICATE_NONE. */
NODISCARD bool duplicate_wire_find(struct store_tx *tx, const char *partner,
                                   const char *eb_message_id, const char *digest,
                                   enum duplicate *ret, struct duplicate_entry *ret_entry,
                                   struct err *err);
NODISCARD bool duplicate_wire_add(struct store_tx *tx, const char *partner,
                                  const char *eb_message_id, const char *digest,
                                  const char *message_row, enum duplicate *ret,
                                  struct err *err);
NODISCARD bool duplicate_content_find(struct store_tx *tx, const char *sender,
                                      const char *message_id, const char *digest,
                                      enum duplicate *ret,
                                      struct duplicate_entry *ret_entry, struct err *err);
NODISCARD bool duplicate_content_add(struct store_tx *tx, const char *sender,
                                     const char *message_id, const char *digest,
                                     const char *message_row, enum duplicate *ret,
                                     struct err *err);

/* Entries made before `before_ms` whose case is closed, erased or none; some thousand at a
 * time: call until 0. */
NODISCARD bool duplicate_prune(struct store_tx *tx, int64_t before_ms,
                               uint64_t *ret_count, struct err *err);

#endif
