/* Certificates made to order. Keys are slow to make, so each kind is made once and kept. */
#include "support_pki.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/file.h"

static struct {
    char name[16];
    EVP_PKEY *key;
} pool[32];

static EVP_PKEY *generate(const char *kind)
{
    if (strncmp(kind, "rsa", 3) == 0)
        return EVP_RSA_gen((unsigned)atoi(kind + 3));
    if (strncmp(kind, "p256", 4) == 0)
        return EVP_EC_gen("P-256");
    if (strncmp(kind, "p384", 4) == 0)
        return EVP_EC_gen("P-384");
    if (strncmp(kind, "p521", 4) == 0)
        return EVP_EC_gen("P-521");
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static EVP_PKEY *key_of(const char *kind)
{
    size_t i = 0;

    for (; pool[i].key != NULL; i++)
        if (strcmp(pool[i].name, kind) == 0)
            return pool[i].key;
    assert_true(i + 1 < COUNT_OF(pool));
    snprintf(pool[i].name, sizeof pool[i].name, "%s", kind);
    pool[i].key = generate(kind);
    assert_non_null(pool[i].key);
    return pool[i].key;
}

void pool_free(void)
{
    for (size_t i = 0; pool[i].key != NULL; i++) {
        EVP_PKEY_free(pool[i].key);
        pool[i].key = NULL;
    }
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    if (value == NULL)
        return;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
}

static void set_name(X509 *x, const char *cn)
{
    X509_NAME *name = X509_NAME_new();

    X509_NAME_add_entry_by_txt(name, "C", MBSTRING_UTF8, (const unsigned char *)"MD", -1,
                               -1, 0);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                               (const unsigned char *)"Test, Office", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1,
                               -1, 0);
    X509_set_subject_name(x, name);
    X509_NAME_free(name);
}

struct made make(struct order o)
{
    struct made made = { key_of(o.kind), X509_new() };
    X509 *x = made.x509, *issuer = o.issuer == NULL ? x : o.issuer->x509;
    EVP_PKEY *signing = o.issuer == NULL ? made.key : o.issuer->key;
    int64_t from = o.from_ms == 0 ? NOW - 180 * DAY_MS : o.from_ms;
    int64_t to = o.to_ms == 0 ? NOW + 180 * DAY_MS : o.to_ms;
    uint32_t serial;

    RAND_bytes((unsigned char *)&serial, sizeof serial);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x),
                     o.serial == 0 ? (long)serial + 1 : o.serial);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from / 1000));
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t)(to / 1000));
    set_name(x, o.cn);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    X509_set_pubkey(x, made.key);
    extend(x, issuer, NID_basic_constraints, o.ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!o.no_ski)
        extend(x, issuer, NID_subject_key_identifier, "hash");
    extend(x, issuer, NID_key_usage, o.usage);
    extend(x, issuer, NID_ext_key_usage, o.eku);
    extend(x, issuer, NID_subject_alt_name, o.san);
    assert_true(X509_sign(x, signing,
                          EVP_PKEY_is_a(signing, "ED25519") ? NULL : EVP_sha256()) > 0);
    return made;
}

void made_free(struct made *made)
{
    X509_free(made->x509);
    made->x509 = NULL;
}

struct cert *made_cert(const struct made *made)
{
    struct err err = { 0 };
    struct cert *cert = cert_of_x509(made->x509, &err);

    if (cert == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return cert;
}

/* --- files -------------------------------------------------------------------------------- */

static char folder[64];

void temp_begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/trm-pki-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void temp_end(void)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *temp_path(const char *name)
{
    return mem_printf("%s/%s", folder, name);
}

char *temp_write(const char *name, const void *data, size_t len, unsigned mode)
{
    char *path = temp_path(name);
    FILE *f;

    unlink(path);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static char *write_bio(const char *name, BIO *bio, unsigned mode)
{
    char *data = NULL, *path;
    long len = BIO_get_mem_data(bio, &data);

    path = temp_write(name, data, (size_t)len, mode);
    BIO_free(bio);
    return path;
}

char *temp_cert(const char *name, const struct made *const *certs, size_t count)
{
    BIO *bio = BIO_new(BIO_s_mem());

    for (size_t i = 0; i < count; i++)
        PEM_write_bio_X509(bio, certs[i]->x509);
    return write_bio(name, bio, 0644);
}

char *temp_key(const char *name, EVP_PKEY *key, unsigned mode)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return write_bio(name, bio, mode);
}

static void crl_time(X509_CRL *crl, int64_t at_ms,
                     int (*set)(X509_CRL *, const ASN1_TIME *))
{
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(at_ms / 1000));

    set(crl, time);
    ASN1_TIME_free(time);
}

static void add_revoked(X509_CRL *crl, const struct crl_entry *entry)
{
    X509_REVOKED *revoked = X509_REVOKED_new();
    int64_t at = entry->at_ms == 0 ? NOW - DAY_MS : entry->at_ms;
    ASN1_TIME *time = ASN1_TIME_set(NULL, (time_t)(at / 1000));

    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(entry->cert->x509));
    X509_REVOKED_set_revocationDate(revoked, time);
    X509_CRL_add0_revoked(crl, revoked);
    ASN1_TIME_free(time);
}

char *temp_crl(const char *name, const struct made *ca, const struct crl_entry *entries,
               size_t count, int64_t next_ms, bool critical)
{
    X509_CRL *crl = X509_CRL_new();
    BIO *bio = BIO_new(BIO_s_mem());

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x509));
    crl_time(crl, NOW - 10 * DAY_MS, X509_CRL_set1_lastUpdate);
    crl_time(crl, next_ms, X509_CRL_set1_nextUpdate);
    for (size_t i = 0; i < count; i++)
        add_revoked(crl, &entries[i]);
    if (critical) {
        ISSUING_DIST_POINT *point = ISSUING_DIST_POINT_new();

        point->onlyuser = 0xFF;
        assert_int_equal(
            X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point, 1, 0), 1);
        ISSUING_DIST_POINT_free(point);
    }
    assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    PEM_write_bio_X509_CRL(bio, crl);
    X509_CRL_free(crl);
    return write_bio(name, bio, 0644);
}

struct signer *file_signer_of(const char *id, const struct made *made, struct err *err)
{
    AUTO(mem_free) char *key = temp_key("one.key", made->key, 0600);
    AUTO(mem_free) char *cert = temp_cert("one.pem", (const struct made *[]){ made }, 1);
    struct signer_key_file file = { id, key, cert };
    struct signer_files files = { .keys = &file, .key_count = 1 };

    return signer_open_files(&files, err);
}
