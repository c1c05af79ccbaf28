/* Keys in files: signing, unwrapping, case keys, keyed hashes, refusals, threads. */
#include "support_pki.h"

#include <pthread.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "pki/algorithm.h"

static const struct oaep oaep = { OAEP_SHA256, OAEP_SHA256 };
static struct made rsa, rsa3, p256, p384, wrong;
static struct cert *rsa_cert, *p256_cert;
static struct signer *signer; /* rsa, rsa3, p256, p384; kek 1 and 2 */
static char *kek1, *kek2;

static void add(struct signer_key_file *file, const char *id, const struct made *made)
{
    AUTO(mem_free)
    char *key_name = mem_printf("%s.key", id), *cert_name = mem_printf("%s.pem", id);

    file->id = id;
    file->key_path = temp_key(key_name, made->key, 0600);
    file->cert_path = temp_cert(cert_name, (const struct made *[]){ made }, 1);
}

static int begin(void **state)
{
    struct signer_key_file keys[4];
    struct signer_kek_file keks[2];
    struct signer_files files = { keys, 4, keks, 2 };
    struct err err;

    (void)state;
    temp_begin();
    rsa = make((struct order){ .kind = "rsa2048", .cn = "rsa" });
    rsa3 = make((struct order){ .kind = "rsa3072", .cn = "rsa3" });
    p256 = make((struct order){ .kind = "p256", .cn = "p256" });
    p384 = make((struct order){ .kind = "p384", .cn = "p384" });
    wrong = make((struct order){ .kind = "rsa2048:2", .cn = "wrong" });
    rsa_cert = made_cert(&rsa);
    p256_cert = made_cert(&p256);
    kek1 = temp_write("kek1", "0123456789abcdef0123456789abcdef", 32, 0400);
    kek2 = temp_write("kek2", "fedcba9876543210fedcba9876543210", 32, 0600);
    add(&keys[0], "rsa", &rsa);
    add(&keys[1], "rsa3", &rsa3);
    add(&keys[2], "p256", &p256);
    add(&keys[3], "p384", &p384);
    keks[0] = (struct signer_kek_file){ 2, kek2 };
    keks[1] = (struct signer_kek_file){ 1, kek1 };
    assert_done((signer = signer_open_files(&files, &err)) != NULL, err);
    for (int i = 0; i < 4; i++) {
        char *key = temp_path(keys[i].id); /* frees below need the addresses */

        mem_free(&key);
        key = (char *)(uintptr_t)keys[i].key_path;
        mem_free(&key);
        key = (char *)(uintptr_t)keys[i].cert_path;
        mem_free(&key);
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    signer_free(&signer);
    cert_free(&rsa_cert);
    cert_free(&p256_cert);
    made_free(&rsa);
    made_free(&rsa3);
    made_free(&p256);
    made_free(&p384);
    made_free(&wrong);
    mem_free(&kek1);
    mem_free(&kek2);
    temp_end();
    pool_free();
    return 0;
}

static void digest_of(enum sign_alg alg, const char *text, unsigned char *out)
{
    EVP_Digest(text, strlen(text), out, NULL, digest_alg_md(sign_alg_digest(alg)), NULL);
}

static void test_sign(void **state)
{
    static const struct {
        const char *key;
        enum sign_alg alg;
        size_t octets; /* 0: the key cannot */
    } cases[] = {
        { "rsa", SIGN_RSA_SHA256, 256 },   { "rsa", SIGN_RSA_SHA384, 256 },
        { "rsa", SIGN_RSA_SHA512, 256 },   { "rsa3", SIGN_RSA_SHA256, 384 },
        { "p256", SIGN_ECDSA_SHA256, 64 }, { "p384", SIGN_ECDSA_SHA384, 96 },
        { "p384", SIGN_ECDSA_SHA256, 96 }, { "p256", SIGN_ECDSA_SHA384, 64 },
        { "rsa", SIGN_ECDSA_SHA256, 0 },   { "p256", SIGN_RSA_SHA256, 0 },
    };
    unsigned char digest[DIGEST_OCTETS_MAX];
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum sign_alg alg = cases[i].alg;
        size_t len = digest_alg_octets(sign_alg_digest(alg));
        const struct cert *cert = signer_cert(signer, cases[i].key);
        AUTO(buf_free) struct buf sig = BUF_INIT(SIGN_OCTETS_MAX);

        digest_of(alg, "text", digest);
        if (cases[i].octets == 0) {
            assert_refused(
                signer_sign(signer, cases[i].key, alg, digest, len, &sig, &err), err,
                "pki.key-type");
            assert_refused(sign_alg_verify(alg, cert, digest, len, digest, 64, &err), err,
                           "pki.key-type");
            continue;
        }
        assert_done(signer_sign(signer, cases[i].key, alg, digest, len, &sig, &err), err);
        assert_int_equal(sig.len, cases[i].octets);
        assert_done(sign_alg_verify(alg, cert, digest, len, sig.data, sig.len, &err),
                    err);
        assert_refused(
            sign_alg_verify(alg, cert, digest, len, sig.data, sig.len - 1, &err), err,
            "pki.signature-form");
        sig.data[sig.len / 2] ^= 1;
        assert_refused(sign_alg_verify(alg, cert, digest, len, sig.data, sig.len, &err),
                       err, "pki.signature");
        sig.data[sig.len / 2] ^= 1;
        digest[0] ^= 1;
        assert_refused(sign_alg_verify(alg, cert, digest, len, sig.data, sig.len, &err),
                       err, "pki.signature");
        assert_refused(
            signer_sign(signer, cases[i].key, alg, digest, len - 1, &sig, &err), err,
            "pki.digest-length");
    }
}

/* OpenSSL's own ECDSA value (DER) is not what XML Signature wants. */
static void test_der_refused(void **state)
{
    unsigned char digest[32], der[80], rs[64];
    size_t len = sizeof der;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(p256.key, NULL);
    struct err err;

    (void)state;
    digest_of(SIGN_ECDSA_SHA256, "text", digest);
    EVP_PKEY_sign_init(ctx);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &len, digest, 32), 1);
    EVP_PKEY_CTX_free(ctx);
    assert_refused(
        sign_alg_verify(SIGN_ECDSA_SHA256, p256_cert, digest, 32, der, len, &err), err,
        "pki.signature-form");
    assert_true(ecdsa_of_der(der, len, sizeof rs, rs));
    assert_done(sign_alg_verify(SIGN_ECDSA_SHA256, p256_cert, digest, 32, rs, 64, &err),
                err);
    memset(rs, 0, sizeof rs);
    assert_refused(
        sign_alg_verify(SIGN_ECDSA_SHA256, p256_cert, digest, 32, rs, 64, &err), err,
        "pki.signature");
    assert_false(ecdsa_of_der(der, len - 1, sizeof rs, rs));
}

static void test_unwrap(void **state)
{
    static const struct oaep hashes[] = {
        { OAEP_SHA256, OAEP_SHA256 },
        { OAEP_SHA1, OAEP_SHA1 },
        { OAEP_SHA256, OAEP_SHA1 },
        { OAEP_SHA512, OAEP_SHA512 },
    };
    unsigned char key[CONTENT_KEY_MAX], out[CONTENT_KEY_MAX];
    struct err err;
    bool genuine;

    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)(i + 1);
    for (size_t i = 0; i < COUNT_OF(hashes); i++) {
        AUTO(buf_free) struct buf wrapped = BUF_INIT(SIGN_OCTETS_MAX);
        struct oaep other = hashes[(i + 1) % COUNT_OF(hashes)];

        assert_done(oaep_wrap(rsa_cert, hashes[i], key, 16, &wrapped, &err), err);
        assert_int_equal(wrapped.len, 256);
        genuine = false;
        assert_done(signer_unwrap(signer, "rsa", hashes[i], wrapped.data, wrapped.len,
                                  out, 16, &genuine, &err),
                    err);
        assert_true(genuine);
        assert_memory_equal(out, key, 16);
        assert_done(signer_unwrap(signer, "rsa", other, wrapped.data, wrapped.len, out,
                                  16, &genuine, &err),
                    err);
        assert_false(genuine);
        assert_memory_not_equal(out, key, 16);
    }
}

/* Nothing distinguishes one failure from another: a key comes back, another one each time. */
static void test_unwrap_failures(void **state)
{
    unsigned char key[32] = { 42 }, first[32], second[32];
    AUTO(buf_free) struct buf wrapped = BUF_INIT(SIGN_OCTETS_MAX);
    struct {
        const char *name;
        size_t len, want;
        bool flip;
        const char *id;
    } cases[] = {
        { "flipped", 256, 16, true, "rsa" },
        { "cut", 255, 16, false, "rsa" },
        { "empty", 0, 16, false, "rsa" },
        { "other length", 256, 32, false, "rsa" },
        { "other key", 256, 16, false, "rsa3" },
    };
    struct err err;

    (void)state;
    assert_done(oaep_wrap(rsa_cert, oaep, key, 16, &wrapped, &err), err);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool genuine = true;

        wrapped.data[100] ^= (char)cases[i].flip;
        assert_done(signer_unwrap(signer, cases[i].id, oaep, wrapped.data, cases[i].len,
                                  first, cases[i].want, &genuine, &err),
                    err);
        assert_false(genuine);
        genuine = true;
        assert_done(signer_unwrap(signer, cases[i].id, oaep, wrapped.data, cases[i].len,
                                  second, cases[i].want, &genuine, &err),
                    err);
        assert_false(genuine);
        assert_memory_not_equal(first, second, cases[i].want);
        assert_memory_not_equal(first, key, cases[i].want);
        wrapped.data[100] ^= (char)cases[i].flip;
    }
    assert_refused(signer_unwrap(signer, "p256", oaep, wrapped.data, 256, first, 16,
                                 &(bool){ false }, &err),
                   err, "pki.key-type");
    assert_refused(signer_unwrap(signer, "none", oaep, wrapped.data, 256, first, 16,
                                 &(bool){ false }, &err),
                   err, "pki.no-such-key");
    assert_refused(signer_unwrap(signer, "rsa", oaep, wrapped.data, 256, first, 33,
                                 &(bool){ false }, &err),
                   err, "pki.content-key");
    assert_refused(oaep_wrap(p256_cert, oaep, key, 16, &wrapped, &err), err,
                   "pki.key-type");
}

static struct signer *with_keks(const struct signer_kek_file *keks, size_t count)
{
    struct signer_files files = { .keks = keks, .kek_count = count };
    struct err err;
    struct signer *s = NULL;

    assert_done((s = signer_open_files(&files, &err)) != NULL, err);
    return s;
}

static void test_case_keys(void **state)
{
    unsigned char key[CASE_KEY_OCTETS] = "a key of thirty-two octets .....",
                  out[CASE_KEY_OCTETS];
    unsigned char wrapped[WRAPPED_CASE_KEY_OCTETS], again[WRAPPED_CASE_KEY_OCTETS];
    AUTO(signer_free)
    struct signer *old = with_keks(&(struct signer_kek_file){ 1, kek1 }, 1);
    AUTO(signer_free) struct signer *none = with_keks(NULL, 0);
    struct err err;

    (void)state;
    assert_int_equal(signer_kek_newest(old), 1);
    assert_int_equal(signer_kek_newest(signer), 2);
    assert_int_equal(signer_kek_newest(none), 0);
    assert_done(signer_wrap_case_key(old, "case 1", 6, key, wrapped, &err), err);
    assert_int_equal(wrapped_case_key_version(wrapped), 1);
    assert_done(signer_unwrap_case_key(signer, "case 1", 6, wrapped, out, &err), err);
    assert_memory_equal(out, key, sizeof key);
    assert_done(signer_wrap_case_key(signer, "case 1", 6, key, again, &err), err);
    assert_int_equal(wrapped_case_key_version(again), 2);
    assert_memory_not_equal(wrapped + 4, again + 4, 12);
    assert_refused(signer_unwrap_case_key(old, "case 1", 6, again, out, &err), err,
                   "pki.no-such-kek");
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_refused(signer_wrap_case_key(none, "case 1", 6, key, again, &err), err,
                   "pki.no-such-kek");
    assert_refused(signer_unwrap_case_key(signer, "case 2", 6, wrapped, out, &err), err,
                   "pki.case-key");
    for (size_t i = 0; i < sizeof wrapped; i++) {
        wrapped[i] ^= 0x03; /* 1 becomes 2 in the version's last octet */
        err = (struct err){ 0 };
        assert_false(signer_unwrap_case_key(signer, "case 1", 6, wrapped, out, &err));
        assert_string_equal(err.code, i < 3 ? "pki.no-such-kek" : "pki.case-key");
        wrapped[i] ^= 0x03;
    }
    memset(wrapped, 0, 4);
    assert_refused(signer_unwrap_case_key(signer, "case 1", 6, wrapped, out, &err), err,
                   "pki.case-key");
}

static void test_mac(void **state)
{
    unsigned char a[MAC_OCTETS], b[MAC_OCTETS];
    AUTO(signer_free)
    struct signer *old = with_keks(&(struct signer_kek_file){ 1, kek1 }, 1);
    char label[66];
    struct err err;

    (void)state;
    assert_done(signer_mac(old, "number", 0, "x", 1, a, &err), err);
    assert_done(signer_mac(signer, "number", 1, "x", 1, b, &err), err);
    assert_memory_equal(a, b, sizeof a); /* the version says which key, not the signer */
    assert_done(signer_mac(signer, "number", 0, "x", 1, b, &err), err);
    assert_memory_not_equal(a, b, sizeof a);
    assert_done(signer_mac(signer, "name", 1, "x", 1, b, &err), err);
    assert_memory_not_equal(a, b, sizeof a);
    assert_done(signer_mac(signer, "number", 1, "y", 1, b, &err), err);
    assert_memory_not_equal(a, b, sizeof a);
    assert_refused(signer_mac(signer, "number", 3, "x", 1, b, &err), err,
                   "pki.no-such-kek");
    memset(label, 'a', 65);
    label[65] = '\0';
    assert_refused(signer_mac(signer, label, 1, "x", 1, b, &err), err, "pki.mac-label");
}

/* RFC 5869 and RFC 2104 by the command line: the derivation is what the header says. */
static void test_mac_is_hkdf(void **state)
{
    static const char command[] =
        "k=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt "
        "key:0123456789abcdef0123456789abcdef -kdfopt 'info:trm mac number' -binary HKDF "
        "| od -An -tx1 | tr -d ' \\n'); printf x | openssl mac -digest SHA256 -macopt "
        "hexkey:$k "
        "HMAC | tr -d '\\n' | tr A-F a-f";
    FILE *f = popen(command, "r");
    unsigned char mac[MAC_OCTETS];
    char want[65] = "", got[65];
    struct err err;

    (void)state;
    assert_non_null(f);
    assert_int_equal(fread(want, 1, 64, f), 64);
    pclose(f);
    assert_done(signer_mac(signer, "number", 1, "x", 1, mac, &err), err);
    for (int i = 0; i < MAC_OCTETS; i++)
        snprintf(got + 2 * i, 3, "%02x", mac[i]);
    assert_string_equal(got, want);
}

static void test_files_refused(void **state)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long len;
    const struct made *one[] = { &rsa };
    AUTO(mem_free) char *key = temp_key("k.key", rsa.key, 0600);
    AUTO(mem_free) char *open_key = temp_key("open.key", rsa.key, 0640);
    AUTO(mem_free) char *other_key = temp_key("other.key", wrong.key, 0600);
    AUTO(mem_free) char *cert = temp_cert("k.pem", one, 1);
    AUTO(mem_free) char *junk = temp_write("junk.key", "junk", 4, 0600);
    AUTO(mem_free) char *locked = NULL;
    AUTO(mem_free)
    char *open_kek = temp_write("kek.open", "0123456789abcdef0123456789abcdef", 32, 0644);
    AUTO(mem_free)
    char *short_kek = temp_write("kek.short", "0123456789abcdef", 16, 0600);
    AUTO(mem_free)
    char *long_kek =
        temp_write("kek.long", "0123456789abcdef0123456789abcdef\n", 33, 0600);
    AUTO(mem_free)
    char *longer_kek = temp_write(
        "kek.longer", "0123456789abcdef0123456789abcdef0123456789abcdef", 48, 0600);
    struct err err;

    (void)state;
    PEM_write_bio_PKCS8PrivateKey(bio, rsa.key, EVP_aes_256_cbc(), "secret", 6, NULL,
                                  NULL);
    len = BIO_get_mem_data(bio, &pem);
    locked = temp_write("locked.key", pem, (size_t)len, 0600);
    BIO_free(bio);
    const struct {
        const char *code;
        struct signer_key_file keys[2];
        size_t key_count;
        struct signer_kek_file keks[2];
        size_t kek_count;
    } cases[] = {
        { "file.mode", { { "a", open_key, cert } }, 1, { { 0 } }, 0 },
        { "file.absent", { { "a", "/nonexistent", cert } }, 1, { { 0 } }, 0 },
        { "file.absent", { { "a", key, "/nonexistent" } }, 1, { { 0 } }, 0 },
        { "pki.key-mismatch", { { "a", other_key, cert } }, 1, { { 0 } }, 0 },
        { "pki.key-form", { { "a", junk, cert } }, 1, { { 0 } }, 0 },
        { "pki.key-form", { { "a", locked, cert } }, 1, { { 0 } }, 0 },
        { "pki.key-twice", { { "a", key, cert }, { "a", key, cert } }, 2, { { 0 } }, 0 },
        { "file.mode", { { 0 } }, 0, { { 1, open_kek } }, 1 },
        { "pki.kek-form", { { 0 } }, 0, { { 1, short_kek } }, 1 },
        { "pki.kek-form", { { 0 } }, 0, { { 1, long_kek } }, 1 },
        { "pki.kek-form", { { 0 } }, 0, { { 1, longer_kek } }, 1 },
        { "pki.kek-form", { { 0 } }, 0, { { 0, kek1 } }, 1 },
        { "pki.kek-twice", { { 0 } }, 0, { { 1, kek1 }, { 1, kek2 } }, 2 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct signer_files files = { cases[i].keys, cases[i].key_count, cases[i].keks,
                                      cases[i].kek_count };

        assert_refused(signer_open_files(&files, &err) != NULL, err, cases[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (strcmp(cases[i].code, "pki.key-mismatch") == 0) {
            assert_non_null(strstr(err.text, other_key));
            assert_non_null(strstr(err.text, cert));
        }
    }
}

static void *work(void *arg)
{
    size_t *failed = arg;

    for (int i = 0; i < 40; i++) {
        AUTO(buf_free)
        struct buf sig = BUF_INIT(SIGN_OCTETS_MAX), wrapped = BUF_INIT(512);
        unsigned char digest[32] = { (unsigned char)i }, key[16] = { 7 }, out[16];
        bool genuine = false;
        struct err err;

        *failed +=
            !signer_sign(signer, "p256", SIGN_ECDSA_SHA256, digest, 32, &sig, &err) ||
            !sign_alg_verify(SIGN_ECDSA_SHA256, p256_cert, digest, 32, sig.data, sig.len,
                             &err) ||
            !oaep_wrap(rsa_cert, oaep, key, 16, &wrapped, &err) ||
            !signer_unwrap(signer, "rsa", oaep, wrapped.data, wrapped.len, out, 16,
                           &genuine, &err) ||
            !genuine || memcmp(out, key, 16) != 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];
    size_t failed[4] = { 0 };

    (void)state;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, work, &failed[i]);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sign),        cmocka_unit_test(test_der_refused),
        cmocka_unit_test(test_unwrap),      cmocka_unit_test(test_unwrap_failures),
        cmocka_unit_test(test_case_keys),   cmocka_unit_test(test_mac),
        cmocka_unit_test(test_mac_is_hkdf), cmocka_unit_test(test_files_refused),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
