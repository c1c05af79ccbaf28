/*
 * algorithm.c - tables of algorithms and the public-key operations over them.
 *
 * All tables are indexed by their enum. Verification and wrapping take the key from a struct
 * cert, whose kind and size were checked when it was made. OpenSSL's error queue is left empty;
 * what it says is not passed on, since it may describe octets of a message.
 */
#include "pki/algorithm.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "pki/cert.h"

#define XMLENC    "http://www.w3.org/2001/04/xmlenc#"
#define DSIG_MORE "http://www.w3.org/2001/04/xmldsig-more#"

static const struct digest_row {
    const char *uri;
    const EVP_MD *(*md)(void);
    size_t octets;
} digests[DIGEST_ALGS] = {
    [DIGEST_SHA256] = { XMLENC "sha256", EVP_sha256, 32 },
    [DIGEST_SHA384] = { DSIG_MORE "sha384", EVP_sha384, 48 },
    [DIGEST_SHA512] = { XMLENC "sha512", EVP_sha512, 64 },
};

static const struct sign_row {
    const char *name, *uri;
    enum digest_alg digest;
    bool rsa;
} signs[SIGN_ALGS] = {
    [SIGN_RSA_SHA256] = { "rsa-sha256", DSIG_MORE "rsa-sha256", DIGEST_SHA256, true },
    [SIGN_RSA_SHA384] = { "rsa-sha384", DSIG_MORE "rsa-sha384", DIGEST_SHA384, true },
    [SIGN_RSA_SHA512] = { "rsa-sha512", DSIG_MORE "rsa-sha512", DIGEST_SHA512, true },
    [SIGN_ECDSA_SHA256] = { "ecdsa-sha256", DSIG_MORE "ecdsa-sha256", DIGEST_SHA256,
                            false },
    [SIGN_ECDSA_SHA384] = { "ecdsa-sha384", DSIG_MORE "ecdsa-sha384", DIGEST_SHA384,
                            false },
};

const char *digest_alg_uri(enum digest_alg alg)
{
    return digests[alg].uri;
}

bool digest_alg_of_uri(const char *uri, enum digest_alg *ret)
{
    for (size_t i = 0; i < DIGEST_ALGS; i++)
        if (text_eq(uri, digests[i].uri)) {
            *ret = (enum digest_alg)i;
            return true;
        }
    return false;
}

const EVP_MD *digest_alg_md(enum digest_alg alg)
{
    return digests[alg].md();
}

size_t digest_alg_octets(enum digest_alg alg)
{
    return digests[alg].octets;
}

const char *sign_alg_uri(enum sign_alg alg)
{
    return signs[alg].uri;
}

const char *sign_alg_name(enum sign_alg alg)
{
    return signs[alg].name;
}

bool sign_alg_of_uri(const char *uri, enum sign_alg *ret)
{
    for (size_t i = 0; i < SIGN_ALGS; i++)
        if (text_eq(uri, signs[i].uri)) {
            *ret = (enum sign_alg)i;
            return true;
        }
    return false;
}

enum digest_alg sign_alg_digest(enum sign_alg alg)
{
    return signs[alg].digest;
}

bool sign_alg_fits(enum sign_alg alg, const struct cert *cert, struct err *err)
{
    enum key_kind kind = cert_key_kind(cert);

    if (signs[alg].rsa == (kind == KEY_RSA))
        return true;
    return err_set(err, ERR_REJECT, "pki.key-type",
                   "%s cannot be used with the %s key of %s", signs[alg].name,
                   key_kind_name(kind), cert_subject(cert));
}

enum sign_alg sign_alg_for(const struct cert *cert)
{
    static const enum sign_alg usual[] = {
        [KEY_RSA] = SIGN_RSA_SHA256,
        [KEY_P256] = SIGN_ECDSA_SHA256,
        [KEY_P384] = SIGN_ECDSA_SHA384,
    };

    return usual[cert_key_kind(cert)];
}

/* --- ECDSA values ------------------------------------------------------------------------- */

size_t ecdsa_octets(int bits)
{
    return (size_t)(bits + 7) / 8 * 2;
}

static void sig_free(ECDSA_SIG **sig)
{
    ECDSA_SIG_free(*sig);
    *sig = NULL;
}

bool ecdsa_of_der(const void *der, size_t der_len, size_t octets, void *out)
{
    const unsigned char *at = der;
    int half = (int)(octets / 2);
    unsigned char *rs = out;
    AUTO(sig_free) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der_len);

    return sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + half, half) == half;
}

bool ecdsa_to_der(const void *rs, size_t octets, unsigned char **ret_der, size_t *ret_len)
{
    int half = (int)(octets / 2), len;
    unsigned char *der = NULL;
    const unsigned char *from = rs;
    AUTO(sig_free) ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(from, half, NULL), *s = BN_bin2bn(from + half, half, NULL);

    if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return false;
    }
    len = i2d_ECDSA_SIG(sig, &der);
    if (len <= 0)
        return false;
    *ret_der = der;
    *ret_len = (size_t)len;
    return true;
}

/* --- verifying ---------------------------------------------------------------------------- */

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
    *ctx = NULL;
}

static bool verify_octets(enum sign_alg alg, EVP_PKEY *key, const void *digest,
                          size_t len, const void *signature, size_t signature_len)
{
    AUTO(pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1)
        return false;
    if (signs[alg].rsa && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return false;
    if (EVP_PKEY_CTX_set_signature_md(ctx, digest_alg_md(signs[alg].digest)) != 1)
        return false;
    return EVP_PKEY_verify(ctx, signature, signature_len, digest, len) == 1;
}

static bool verify_ecdsa(enum sign_alg alg, EVP_PKEY *key, const void *digest, size_t len,
                         const void *rs, size_t octets)
{
    unsigned char *der = NULL;
    size_t der_len;
    bool good;

    if (!ecdsa_to_der(rs, octets, &der, &der_len))
        return false;
    good = verify_octets(alg, key, digest, len, der, der_len);
    OPENSSL_free(der);
    return good;
}

bool sign_alg_verify(enum sign_alg alg, const struct cert *cert, const void *digest,
                     size_t digest_len, const void *signature, size_t signature_len,
                     struct err *err)
{
    EVP_PKEY *key = cert_key(cert);
    size_t want;
    bool good;

    if (!sign_alg_fits(alg, cert, err))
        return false;
    want = signs[alg].rsa ? (size_t)EVP_PKEY_get_size(key)
                          : ecdsa_octets(cert_key_bits(cert));
    if (signature_len != want)
        return err_set(err, ERR_REJECT, "pki.signature-form",
                       "%s value for the key of %s: %zu octets, expected %zu",
                       signs[alg].name, cert_subject(cert), signature_len, want);
    good = digest_len == digest_alg_octets(signs[alg].digest) &&
           (signs[alg].rsa ? verify_octets : verify_ecdsa)(alg, key, digest, digest_len,
                                                           signature, signature_len);
    ERR_clear_error();
    return good || err_set(err, ERR_REJECT, "pki.signature",
                           "the %s signature does not hold under the key of %s",
                           signs[alg].name, cert_subject(cert));
}

/* --- OAEP --------------------------------------------------------------------------------- */

bool oaep_set(EVP_PKEY_CTX *ctx, struct oaep oaep)
{
    static const EVP_MD *(*const hash[])(void) = {
        [OAEP_SHA1] = EVP_sha1,
        [OAEP_SHA256] = EVP_sha256,
        [OAEP_SHA384] = EVP_sha384,
        [OAEP_SHA512] = EVP_sha512,
    };

    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash[oaep.digest]()) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash[oaep.mgf]()) == 1;
}

bool oaep_wrap(const struct cert *cert, struct oaep oaep, const void *key, size_t key_len,
               struct buf *out, struct err *err)
{
    unsigned char wrapped[SIGN_OCTETS_MAX];
    size_t len = sizeof wrapped;
    AUTO(pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;

    if (cert_key_kind(cert) != KEY_RSA)
        return err_set(err, ERR_CONFIG, "pki.key-type",
                       "a key cannot be wrapped for %s: its certificate has a %s key, "
                       "RSA-OAEP needs RSA",
                       cert_subject(cert), key_kind_name(cert_key_kind(cert)));
    ctx = EVP_PKEY_CTX_new(cert_key(cert), NULL);
    if (ctx == NULL || EVP_PKEY_encrypt_init(ctx) != 1 || !oaep_set(ctx, oaep) ||
        EVP_PKEY_encrypt(ctx, wrapped, &len, key, key_len) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_RETRY, "pki.wrap", "wrapping a key for %s failed",
                       cert_subject(cert));
    }
    buf_add(out, wrapped, len);
    return buf_check(out, "wrapped key", err);
}
