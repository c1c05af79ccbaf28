/*
 * seal.h - nothing of a case stands in the store in clear: AES-256-GCM, a key per case.
 *
 * A key is 32 random octets, wrapped by hooks that main hands in (the gateway's key file, later
 * a token), kept in a table of its own; each case has one, each large body one of its own that
 * belongs to its case, and the gateway one for what is of no case. Additional data of a cell is
 * `table|column|row|key id|key version`, of a piece of a body also its number and whether it is
 * the last, so that nothing can be moved, cut short or exchanged unnoticed.
 * Erasing a case is deleting its keys and truncating the log they stood in.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct err;
struct store_tx;

#define SEAL_KEY_OCTETS  32
#define SEAL_MAC_OCTETS  32
#define SEAL_WRAPPED_MAX 512 /* octets of a wrapped key */

/* Called from any thread, also at once. */
struct seal_hooks {
    void *ctx;
    /* Encrypts a key under the gateway's wrapping key, bound to aad; adds to out, at most
     * SEAL_WRAPPED_MAX. */
    bool (*wrap)(void *ctx, const void *aad, size_t aad_len,
                 const uint8_t key[SEAL_KEY_OCTETS], struct buf *out, struct err *err);
    /* The reverse; another aad or wrapping key fails (any code, kind ERR_CONFIG). */
    bool (*unwrap)(void *ctx, const void *aad, size_t aad_len, const void *wrapped,
                   size_t len, uint8_t ret_key[SEAL_KEY_OCTETS], struct err *err);
    /* HMAC-SHA-256 under a key derived from the gateway's for this label. */
    bool (*mac)(void *ctx, const char *label, const void *data, size_t len,
                uint8_t ret[SEAL_MAC_OCTETS], struct err *err);
    /* Signs an audit checkpoint (text, ids and digests only); NULL: checkpoints carry the mac
     * under label "audit-checkpoint" instead. */
    bool (*sign)(void *ctx, const void *data, size_t len, struct buf *out,
                 struct err *err);
};

#endif
