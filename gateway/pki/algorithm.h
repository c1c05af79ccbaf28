/*
 * algorithm.h - the signature, digest and key transport algorithms this gateway knows, and the
 * public-key half of each: verifying a signature, wrapping a content key.
 *
 * The private half is behind pki/signer. What is not in these tables does not exist here: no
 * SHA-1 signatures, no HMAC, no RSA 1.5 transport. Identifiers are those of RFC 9231,
 * XML Encryption 1.1 and its predecessors, compared as whole strings.
 */
#ifndef PKI_ALGORITHM_H
#define PKI_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/types.h>

#include "base/attr.h"

struct buf;
struct cert;
struct err;

enum digest_alg {
    DIGEST_SHA256, /* http://www.w3.org/2001/04/xmlenc#sha256 */
    DIGEST_SHA384, /* http://www.w3.org/2001/04/xmldsig-more#sha384 */
    DIGEST_SHA512, /* http://www.w3.org/2001/04/xmlenc#sha512 */
};
#define DIGEST_ALGS       3
#define DIGEST_OCTETS_MAX 64

enum sign_alg {
    SIGN_RSA_SHA256, /* http://www.w3.org/2001/04/xmldsig-more#rsa-sha256 */
    SIGN_RSA_SHA384,
    SIGN_RSA_SHA512,
    SIGN_ECDSA_SHA256, /* http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256 */
    SIGN_ECDSA_SHA384,
};
#define SIGN_ALGS       5
#define SIGN_OCTETS_MAX 1024 /* of a signature: RSA-8192 */

const char *digest_alg_uri(enum digest_alg alg);
bool digest_alg_of_uri(const char *uri, enum digest_alg *ret);
const EVP_MD *digest_alg_md(enum digest_alg alg); /* static */
size_t digest_alg_octets(enum digest_alg alg);

const char *sign_alg_uri(enum sign_alg alg);
const char *sign_alg_name(enum sign_alg alg); /* "rsa-sha256" */
bool sign_alg_of_uri(const char *uri, enum sign_alg *ret);
enum digest_alg sign_alg_digest(enum sign_alg alg);
/* RSA keys with the rsa algorithms, P-256 and P-384 with the ecdsa ones; else ERR_REJECT
 * "pki.key-type". */
bool sign_alg_fits(enum sign_alg alg, const struct cert *cert, struct err *err) NODISCARD;
/* The usual algorithm for that certificate's key: rsa-sha256, ecdsa-sha256, ecdsa-sha384. */
enum sign_alg sign_alg_for(const struct cert *cert);

/*
 * Verifies a signature over a digest of the algorithm's length with the certificate's key.
 * ECDSA values are r||s in fixed length (XML Signature 1.1, 6.4.3), DER is refused.
 * ERR_REJECT "pki.key-type", "pki.signature-form" (length), "pki.signature".
 */
bool sign_alg_verify(enum sign_alg alg, const struct cert *cert, const void *digest,
                     size_t digest_len, const void *signature, size_t signature_len,
                     struct err *err) NODISCARD;

/* Octets of r||s for a key of so many bits (64 for P-256, 96 for P-384). */
size_t ecdsa_octets(int bits);
bool ecdsa_of_der(const void *der, size_t der_len, size_t octets, void *out) NODISCARD;
/* *ret_der is freed with OPENSSL_free(). */
bool ecdsa_to_der(const void *rs, size_t octets, unsigned char **ret_der,
                  size_t *ret_len) NODISCARD;

/* --- RSA-OAEP (RFC 8017, 7.1), label empty ------------------------------------------------ */

enum oaep_hash {
    OAEP_SHA1,
    OAEP_SHA256,
    OAEP_SHA384,
    OAEP_SHA512
};

/* xmlenc11#rsa-oaep with sha256 and mgf1sha256 is { OAEP_SHA256, OAEP_SHA256 };
 * xmlenc#rsa-oaep-mgf1p has OAEP_SHA1 as mgf whatever its DigestMethod says. */
struct oaep {
    enum oaep_hash digest;
    enum oaep_hash mgf;
};

#define CONTENT_KEY_MAX 32 /* octets: AES-256 */

/* Encrypts a content key for the holder of the certificate's RSA key; appends to out.
 * ERR_CONFIG "pki.key-type" when the key is not RSA. */
bool oaep_wrap(const struct cert *cert, struct oaep oaep, const void *key, size_t key_len,
               struct buf *out, struct err *err) NODISCARD;

/* Sets padding and hashes on a context made for encrypting or decrypting (for pki/signer). */
bool oaep_set(EVP_PKEY_CTX *ctx, struct oaep oaep) NODISCARD;

#endif
