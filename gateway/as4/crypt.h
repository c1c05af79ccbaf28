/*
 * crypt.h - AES-GCM over parts of any size, as views of sources.
 *
 * XML Encryption 1.1, 5.2.4: IV of 12 octets, ciphertext, tag of 16 octets, no additional data.
 * Nothing is held but one piece. Keys are copied into the view and wiped with it.
 */
#ifndef AS4_CRYPT_H
#define AS4_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/package.h"
#include "as4/pmode.h"
#include "base/attr.h"

struct err;
struct source;

#define CRYPT_OVERHEAD (AS4_IV + AS4_TAG)

struct crypt_key {
    enum pmode_cipher cipher;
    unsigned char octets[AS4_CEK_MAX];
};

/* The encrypted view of plain octets (borrowed). One IV may serve one content only. */
struct source *crypt_sealed(const struct source *plain, const struct crypt_key *key,
                            const unsigned char iv[AS4_IV]) NODISCARD;

/*
 * The plain view of encrypted octets (borrowed). Reading ends in ERR_REJECT "as4.tag" when they
 * were changed: what was read before that is worth nothing, so check first with
 * source_check(). NULL with "as4.tag" when they are too few to be anything.
 */
struct source *crypt_opened(const struct source *wire, const struct crypt_key *key,
                            struct err *err) NODISCARD;

/* Reads a source to its end and drops the octets. */
NODISCARD bool source_check(const struct source *source, struct err *err);

#endif
