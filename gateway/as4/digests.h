/*
 * digests.h - the set of (URI, digest method, digest) of a message's signature.
 *
 * It is what both sides compare: a duplicate must have the same set, and a receipt must bring
 * back the set that we sent (ebBP non-repudiation information, one entry per ds:Reference).
 */
#ifndef AS4_DIGESTS_H
#define AS4_DIGESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/pmode.h"
#include "base/attr.h"
#include "pki/algorithm.h"

struct buf;
struct err;

#define AS4_DIGEST_MAX     64 /* octets of the longest digest, SHA-512 */
#define AS4_REFERENCES_MAX (PMODE_PARTS_MAX + 4) /* Messaging, Body, Timestamp, token */
#define AS4_FINGERPRINT    32                    /* octets, SHA-256 of the sorted set */
#define AS4_DIGESTS_MAX    (64 * 1024)           /* octets of the frozen form */

struct as4_digest {
    char *uri;       /* "#id" or "cid:..." as it stood in the Reference */
    char *transform; /* algorithm URI of its one transform */
    enum digest_alg method;
    unsigned char octets[DIGEST_OCTETS_MAX];
    size_t len;
};

struct as4_digests {
    struct as4_digest *items;
    size_t count;
};

void as4_digests_free(struct as4_digests *digests); /* for AUTO */
void as4_digests_add(struct as4_digests *digests, const char *uri, const char *transform,
                     enum digest_alg method, const void *octets, size_t len);
void as4_digests_copy(struct as4_digests *to, const struct as4_digests *from);

/* Equal as sets, any order; every field counts. */
bool as4_digests_equal(const struct as4_digests *a, const struct as4_digests *b);

/* The same for equal sets in any order: the key of the duplicate check. */
void as4_digests_fingerprint(const struct as4_digests *digests,
                             unsigned char out[AS4_FINGERPRINT]);

/* For the store. Thawing something else: ERR_BUG "as4.frozen". */
void as4_digests_freeze(const struct as4_digests *digests, struct buf *out);
NODISCARD bool as4_digests_thaw(const void *data, size_t len, struct as4_digests *ret,
                                struct err *err);

#endif
