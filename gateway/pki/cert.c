/*
 * cert.c - makes a struct cert from a file, from octets or from an X509, and tells its parts.
 *
 * Everything a caller can ask is worked out once when the cert is made, so that the answers are
 * plain reads that any thread may do. A certificate that OpenSSL finds to have contradictory
 * extensions, whose DER is not the canonical one, or whose key is outside our bounds, is
 * refused here. Whether a certificate may be used is pki/trust's to say.
 */
#include "pki/cert.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "pki/name.h"

#define RSA_BITS_MIN     2048
#define RSA_BITS_MAX     8192
#define RSA_EXPONENT_MIN UINT64_C(3)
#define RSA_EXPONENT_MAX (UINT64_C(1) << 32)
#define DNS_NAMES_MAX    64 /* subjectAltName entries looked at */

struct cert {
    atomic_uint users;
    X509 *x509;
    EVP_PKEY *key;
    unsigned char *der;
    size_t der_len;
    char sha256[65];
    unsigned char sha1[20];
    char *serial, *issuer, *subject;
    int64_t not_before_ms, not_after_ms;
    struct strlist dns;
    enum key_kind kind;
    int bits;
};

const char *key_kind_name(enum key_kind kind)
{
    static const char *const names[] = {
        [KEY_RSA] = "RSA",
        [KEY_P256] = "P-256",
        [KEY_P384] = "P-384",
    };

    return names[kind];
}

static bool form(struct err *err, const char *what)
{
    ERR_clear_error();
    return err_set(err, ERR_REJECT, "pki.cert-form", "certificate: %s", what);
}

/* --- taking it apart ---------------------------------------------------------------------- */

static bool take_rsa(struct cert *c, struct err *err)
{
    BIGNUM *e = NULL;
    uint64_t exponent = 0;

    if (c->bits < RSA_BITS_MIN || c->bits > RSA_BITS_MAX)
        return err_set(err, ERR_REJECT, "pki.key-size",
                       "certificate %s has an RSA key of %d bits, taken are %d to %d",
                       c->subject, c->bits, RSA_BITS_MIN, RSA_BITS_MAX);
    if (EVP_PKEY_get_bn_param(c->key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
        BN_num_bits(e) <= 33)
        exponent = BN_get_word(e);
    BN_free(e);
    if (exponent < RSA_EXPONENT_MIN || exponent > RSA_EXPONENT_MAX)
        return err_set(
            err, ERR_REJECT, "pki.key-size",
            "certificate %s has an RSA exponent that is even, below 3 or above 2^32",
            c->subject);
    c->kind = KEY_RSA;
    return true;
}

static bool take_ec(struct cert *c, struct err *err)
{
    char group[64] = "";

    if (EVP_PKEY_get_group_name(c->key, group, sizeof group, NULL) == 1) {
        if (strcmp(group, "prime256v1") == 0) {
            c->kind = KEY_P256;
            return true;
        }
        if (strcmp(group, "secp384r1") == 0) {
            c->kind = KEY_P384;
            return true;
        }
    }
    return err_set(err, ERR_REJECT, "pki.key-kind",
                   "certificate %s has a key on curve %s, taken are P-256 and P-384",
                   c->subject, group);
}

static bool take_key(struct cert *c, struct err *err)
{
    c->key = X509_get_pubkey(c->x509);
    if (c->key == NULL)
        return err_set(err, ERR_REJECT, "pki.key-kind",
                       "certificate %s has a key that cannot be read", c->subject);
    c->bits = EVP_PKEY_get_bits(c->key);
    if (EVP_PKEY_is_a(c->key, "RSA"))
        return take_rsa(c, err);
    if (EVP_PKEY_is_a(c->key, "EC"))
        return take_ec(c, err);
    return err_set(err, ERR_REJECT, "pki.key-kind",
                   "certificate %s has a key of kind %s, taken are RSA, P-256 and P-384",
                   c->subject, EVP_PKEY_get0_type_name(c->key));
}

static char *name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL, *text;
    long len = 0;

    if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_get_mem_data(bio, &data);
    text = mem_strndup(len > 0 ? data : "", len > 0 ? (size_t)len : 0);
    BIO_free(bio);
    return text;
}

static bool take_names(struct cert *c)
{
    BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(c->x509), NULL);
    char *decimal = serial == NULL ? NULL : BN_bn2dec(serial);

    c->serial = mem_strdup(decimal == NULL ? "" : decimal);
    OPENSSL_free(decimal);
    BN_free(serial);
    c->issuer = name_text(X509_get_issuer_name(c->x509));
    c->subject = name_text(X509_get_subject_name(c->x509));
    return c->serial[0] != '\0';
}

static bool time_ms(const ASN1_TIME *time, int64_t *ret_ms)
{
    struct tm tm = { 0 };

    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return false;
    *ret_ms = (int64_t)timegm(&tm) * SECOND_MS;
    return true;
}

static bool take_dns(struct cert *c)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name, NULL, NULL);
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    bool good = count <= DNS_NAMES_MAX;

    for (int i = 0; good && i < count; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        const char *text;

        if (name->type != GEN_DNS)
            continue;
        text = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
        good = strlen(text) == (size_t)ASN1_STRING_length(name->d.dNSName);
        strlist_add(&c->dns, text);
    }
    GENERAL_NAMES_free(names);
    return good;
}

static bool take_der(struct cert *c)
{
    unsigned char sha256[32];
    AUTO(buf_free) struct buf hex = BUF_INIT(sizeof c->sha256);
    int len = i2d_X509(c->x509, &c->der);

    if (len <= 0 || len > CERT_OCTETS_MAX)
        return false;
    c->der_len = (size_t)len;
    if (EVP_Digest(c->der, c->der_len, sha256, NULL, EVP_sha256(), NULL) != 1 ||
        EVP_Digest(c->der, c->der_len, c->sha1, NULL, EVP_sha1(), NULL) != 1)
        return false;
    hex_add(&hex, sha256, sizeof sha256);
    memcpy(c->sha256, buf_str(&hex), sizeof c->sha256);
    return true;
}

static bool take_apart(struct cert *c, struct err *err)
{
    if (!take_names(c))
        return form(err, "unreadable serial number");
    if (!time_ms(X509_get0_notBefore(c->x509), &c->not_before_ms) ||
        !time_ms(X509_get0_notAfter(c->x509), &c->not_after_ms))
        return form(err, "unreadable validity");
    if (!take_der(c))
        return form(err, "cannot be encoded, or is too large");
    /* Reads all extensions into the X509 now, while one thread holds it. */
    if ((X509_get_extension_flags(c->x509) & (EXFLAG_INVALID | EXFLAG_CRITICAL)) ==
        EXFLAG_INVALID)
        return form(err, "contradictory or malformed extensions");
    if (!take_dns(c))
        return form(err, "malformed alternative names");
    return take_key(c, err);
}

/* --- making and counting ------------------------------------------------------------------ */

struct cert *cert_of_x509(X509 *x509, struct err *err)
{
    AUTO(cert_free) struct cert *c = mem_alloc(sizeof *c);

    atomic_init(&c->users, 1);
    X509_up_ref(x509);
    c->x509 = x509;
    if (!take_apart(c, err)) {
        ERR_clear_error();
        return NULL;
    }
    ERR_clear_error();
    return TAKE(c);
}

struct cert *cert_of_der(const void *der, size_t len, struct err *err)
{
    const unsigned char *at = der;
    X509 *x509;
    struct cert *c;

    if (len > CERT_OCTETS_MAX) {
        form(err, "larger than any we take");
        return NULL;
    }
    x509 = len == 0 ? NULL : d2i_X509(NULL, &at, (long)len);
    if (x509 == NULL || at != (const unsigned char *)der + len) {
        X509_free(x509);
        form(err, x509 == NULL ? "not DER" : "octets left over behind it");
        return NULL;
    }
    c = cert_of_x509(x509, err);
    X509_free(x509);
    if (c != NULL && (c->der_len != len || memcmp(c->der, der, len) != 0)) {
        cert_free(&c);
        form(err, "not encoded in DER");
    }
    return c;
}

struct cert *cert_ref(struct cert *cert)
{
    atomic_fetch_add_explicit(&cert->users, 1, memory_order_relaxed);
    return cert;
}

void cert_free(struct cert **cert)
{
    struct cert *c = *cert;

    *cert = NULL;
    if (c == NULL || atomic_fetch_sub_explicit(&c->users, 1, memory_order_acq_rel) != 1)
        return;
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    OPENSSL_free(c->der);
    mem_free(&c->serial);
    mem_free(&c->issuer);
    mem_free(&c->subject);
    strlist_free(&c->dns);
    mem_free(&c);
}

/* --- telling ------------------------------------------------------------------------------ */

struct str cert_der(const struct cert *cert)
{
    return (struct str){ (const char *)cert->der, cert->der_len };
}

const char *cert_sha256(const struct cert *cert)
{
    return cert->sha256;
}

struct str cert_thumbprint(const struct cert *cert)
{
    return (struct str){ (const char *)cert->sha1, sizeof cert->sha1 };
}

struct str cert_ski(const struct cert *cert)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(cert->x509);

    if (id == NULL)
        return (struct str){ "", 0 };
    return (struct str){ (const char *)ASN1_STRING_get0_data(id),
                         (size_t)ASN1_STRING_length(id) };
}

const char *cert_serial(const struct cert *cert)
{
    return cert->serial;
}

const char *cert_issuer(const struct cert *cert)
{
    return cert->issuer;
}

const char *cert_subject(const struct cert *cert)
{
    return cert->subject;
}

int64_t cert_not_before_ms(const struct cert *cert)
{
    return cert->not_before_ms;
}

int64_t cert_not_after_ms(const struct cert *cert)
{
    return cert->not_after_ms;
}

const struct strlist *cert_dns(const struct cert *cert)
{
    return &cert->dns;
}

enum key_kind cert_key_kind(const struct cert *cert)
{
    return cert->kind;
}

int cert_key_bits(const struct cert *cert)
{
    return cert->bits;
}

EVP_PKEY *cert_key(const struct cert *cert)
{
    return cert->key;
}

X509 *cert_x509(const struct cert *cert)
{
    return cert->x509;
}

bool cert_self_issued(const struct cert *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(cert->x509),
                         X509_get_issuer_name(cert->x509)) == 0;
}

bool cert_is_ca(const struct cert *cert)
{
    return X509_check_ca(cert->x509) == 1;
}

bool cert_same(const struct cert *a, const struct cert *b)
{
    return a->der_len == b->der_len && memcmp(a->der, b->der, a->der_len) == 0;
}

bool cert_may(const struct cert *cert, enum key_use use)
{
    static const uint32_t bits[] = {
        [KEY_USE_SIGNATURE] = KU_DIGITAL_SIGNATURE,
        [KEY_USE_COMMITMENT] = KU_NON_REPUDIATION,
        [KEY_USE_ENCIPHER] = KU_KEY_ENCIPHERMENT,
        [KEY_USE_CERT_SIGN] = KU_KEY_CERT_SIGN,
        [KEY_USE_CRL_SIGN] = KU_CRL_SIGN,
    };

    return (X509_get_key_usage(cert->x509) & bits[use]) != 0;
}

bool cert_may_tls(const struct cert *cert)
{
    return (X509_get_extended_key_usage(cert->x509) &
            (XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
}

bool cert_issuer_is(const struct cert *cert, const char *text)
{
    return name_is(X509_get_issuer_name(cert->x509), text);
}

bool cert_subject_is(const struct cert *cert, const char *text)
{
    return name_is(X509_get_subject_name(cert->x509), text);
}

bool cert_name_valid(const char *text)
{
    X509_NAME *name = name_parse(text);
    bool valid = name != NULL;

    X509_NAME_free(name);
    return valid;
}
