/*
 * bundles.h - agreements as installed: immutable octets by digest, which is in force, and the
 * states of legs that an operator has set.
 */
#ifndef STORE_BUNDLES_H
#define STORE_BUNDLES_H

#include "store/store.h"

#define STORE_BUNDLE_MAX (33 * 1024 * 1024)

struct bundle_row {
    char digest[STORE_HASH_TEXT];
    char agreement[STORE_NAME_TEXT], version[STORE_CODE_TEXT];
    int64_t installed_ms;
    char installed_by[STORE_NAME_TEXT];
    bool in_force; /* at most one of an agreement */
    uint64_t octets;
};
/* The digest must be the SHA-256 of the octets (ERR_REJECT "bundle.digest"). The same digest
 * again changes nothing (*ret_already). */
NODISCARD bool bundle_add(struct store_tx *tx, const char *digest, const char *agreement,
                          const char *version, const void *data, size_t len,
                          const char *by, bool *ret_already, struct err *err);
NODISCARD bool bundle_load(struct store_tx *tx, const char *digest, struct buf *out,
                           bool *ret_found, struct err *err);
/* From now on this one of its agreement; the others stay for the cases that began under them.
 * ERR_REJECT "bundle.unknown". */
NODISCARD bool bundle_set_in_force(struct store_tx *tx, const char *digest,
                                   struct err *err);
NODISCARD bool bundle_in_force(struct store_tx *tx, const char *agreement,
                               struct bundle_row *ret, bool *ret_found, struct err *err);
typedef bool bundle_cb(void *ctx, const struct bundle_row *row); /* false stops */
NODISCARD bool bundle_each(struct store_tx *tx, bundle_cb *each, void *ctx,
                           struct err *err);

/* What the operator said of a leg stands above what the agreement's file says. */
struct leg_override {
    char agreement[STORE_NAME_TEXT];
    char from[STORE_NAME_TEXT], to[STORE_NAME_TEXT]; /* parties */
    char state[STORE_CODE_TEXT];
    char reason[STORE_REASON_TEXT];
    int64_t since_ms; /* given by the store */
    char by[STORE_NAME_TEXT];
};
NODISCARD bool leg_set(struct store_tx *tx, const struct leg_override *leg,
                       struct err *err);
NODISCARD bool leg_clear(struct store_tx *tx, const char *agreement, const char *from,
                         const char *to, bool *ret_changed, struct err *err);
NODISCARD bool leg_get(struct store_tx *tx, const char *agreement, const char *from,
                       const char *to, struct leg_override *ret, bool *ret_found,
                       struct err *err);
typedef bool leg_cb(void *ctx, const struct leg_override *leg);
NODISCARD bool leg_each(struct store_tx *tx, leg_cb *each, void *ctx, struct err *err);
/* Rises with every change of bundles or legs: a cheap question before each attempt. */
NODISCARD bool bundle_generation(struct store_tx *tx, int64_t *ret, struct err *err);

#endif
