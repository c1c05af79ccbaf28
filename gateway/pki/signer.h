/*
 * signer.h - the narrow door to private keys.
 *
 * Digest in, signature out; wrapped key in, content key out. Nobody but an implementation of
 * this table sees a private key, so the key holder can become a process of its own, or a token,
 * or a fake in a test, by a change of one file. Every call may be made from any thread.
 *
 * Errors common to all: ERR_CONFIG "pki.no-such-key" (no key of that id), ERR_REJECT
 * "pki.key-type" (the key cannot do that algorithm), ERR_RETRY "pki.signer" (the key holder
 * failed).
 */
#ifndef PKI_SIGNER_H
#define PKI_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "pki/algorithm.h"

struct buf;
struct cert;
struct err;

#define KEK_OCTETS      32
#define CASE_KEY_OCTETS 32
#define MAC_OCTETS      32
/* version, nonce, key, tag */
#define WRAPPED_CASE_KEY_OCTETS (4 + 12 + CASE_KEY_OCTETS + 16)

struct signer;

/* For implementers. A signer begins with this: struct x_signer { struct signer base; ... }. */
struct signer_ops {
    bool (*sign)(struct signer *s, const char *key, enum sign_alg alg, const void *digest,
                 size_t digest_len, struct buf *out, struct err *err);
    bool (*unwrap)(struct signer *s, const char *key, struct oaep oaep,
                   const void *wrapped, size_t wrapped_len, void *out, size_t out_len,
                   bool *ret_genuine, struct err *err);
    bool (*wrap_case_key)(struct signer *s, const void *aad, size_t aad_len,
                          const void *key, void *out, struct err *err);
    bool (*unwrap_case_key)(struct signer *s, const void *aad, size_t aad_len,
                            const void *wrapped, void *out, struct err *err);
    bool (*mac)(struct signer *s, const char *label, uint32_t kek, const void *data,
                size_t len, void *out, struct err *err);
    uint32_t (*kek_newest)(struct signer *s);
    struct cert *(*cert)(struct signer *s, const char *key);
    void (*free)(struct signer **s);
};

struct signer {
    const struct signer_ops *ops;
};

/* Appends the signature: RSASSA-PKCS1-v1_5, or ECDSA as r||s in fixed length. The digest has
 * the algorithm's length, else ERR_BUG "pki.digest-length". */
bool signer_sign(struct signer *s, const char *key, enum sign_alg alg, const void *digest,
                 size_t digest_len, struct buf *out, struct err *err) NODISCARD;

/*
 * RSA-OAEP. Writes exactly out_len octets (1..CONTENT_KEY_MAX), always: when the padding does
 * not open, or opens to another length, they are random and *ret_genuine is false. The caller
 * goes on in the same way (the cipher's tag will fail), so that nobody outside can tell one
 * failure from another; *ret_genuine is for the local log only. False only for causes that do
 * not depend on the wrapped octets.
 */
bool signer_unwrap(struct signer *s, const char *key, struct oaep oaep,
                   const void *wrapped, size_t wrapped_len, void *out, size_t out_len,
                   bool *ret_genuine, struct err *err) NODISCARD;

/*
 * A case's key of CASE_KEY_OCTETS under the newest key-encryption key: AES-256-GCM, the
 * caller's AAD and the version authenticated; WRAPPED_CASE_KEY_OCTETS out.
 */
bool signer_wrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                          const void *key, void *out, struct err *err) NODISCARD;
/* ERR_REJECT "pki.case-key" (wrong AAD, changed octets), ERR_CONFIG "pki.no-such-kek" (a
 * version whose file is not configured). */
bool signer_unwrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                            const void *wrapped, void *out, struct err *err) NODISCARD;
/* Under which version a wrapped key is: below signer_kek_newest() it is due for wrapping anew. */
uint32_t wrapped_case_key_version(const void *wrapped);

/*
 * HMAC-SHA256, MAC_OCTETS out, under a key derived (HKDF-SHA256, RFC 5869) from a
 * key-encryption key and the label: one label per use. kek 0 means the newest. A keyed hash
 * that is stored is stored with its kek version, and looked up under that one.
 */
bool signer_mac(struct signer *s, const char *label, uint32_t kek, const void *data,
                size_t len, void *out, struct err *err) NODISCARD;

uint32_t signer_kek_newest(struct signer *s); /* 0: there is none */

/* The certificate that goes with the key, borrowed; NULL: no such key. */
struct cert *signer_cert(struct signer *s, const char *key);

void signer_free(struct signer **s); /* for AUTO; wipes */

/* --- keys in files ------------------------------------------------------------------------ */

struct signer_key_file {
    const char *id;        /* "sign", "sign-next", "encrypt-2025", "seal", ... */
    const char *key_path;  /* PEM, not encrypted, mode 0600 or less */
    const char *cert_path; /* PEM, one certificate */
};

struct signer_kek_file {
    uint32_t version; /* from 1; the highest is used for wrapping */
    const char *path; /* exactly KEK_OCTETS octets, mode 0600 or less */
};

struct signer_files {
    const struct signer_key_file *keys;
    size_t key_count; /* at most SIGNER_KEYS_MAX */
    const struct signer_kek_file *keks;
    size_t kek_count; /* at most SIGNER_KEKS_MAX */
};
#define SIGNER_KEYS_MAX 32
#define SIGNER_KEKS_MAX 16

/*
 * Reads everything now; the files are not needed afterwards. ERR_CONFIG: "file.*",
 * "pki.key-form" (not a PEM private key, or one under a password), "pki.key-mismatch" (names
 * both files), "pki.key-twice", "pki.kek-form", "pki.kek-twice", and what cert_load() says.
 */
struct signer *signer_open_files(const struct signer_files *files,
                                 struct err *err) NODISCARD;

#endif
