/* What a certificate says, which ones are refused, how names compare, PKIPath. */
#include "support_pki.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/codec.h"

static void test_facts(void **state)
{
    struct made ca = make((struct order){ .kind = "p256:1", .cn = "CA", .ca = true });
    struct made made =
        make((struct order){ .kind = "rsa2048",
                             .cn = "MD-GW1",
                             .issuer = &ca,
                             .usage = "critical,digitalSignature",
                             .san = "DNS:localhost,IP:127.0.0.1,DNS:gw.example",
                             .serial = 4711,
                             .from_ms = NOW - HOUR_MS,
                             .to_ms = NOW + HOUR_MS });
    AUTO(cert_free) struct cert *cert = made_cert(&made);
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(made.x509);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len;
    AUTO(buf_free) struct buf hex = BUF_INIT(256);

    (void)state;
    assert_string_equal(cert_serial(cert), "4711");
    assert_string_equal(cert_subject(cert), "CN=MD-GW1,O=Test\\, Office,C=MD");
    assert_string_equal(cert_issuer(cert), "CN=CA,O=Test\\, Office,C=MD");
    assert_true(cert_not_before_ms(cert) == NOW - HOUR_MS);
    assert_true(cert_not_after_ms(cert) == NOW + HOUR_MS);
    assert_int_equal(cert_key_kind(cert), KEY_RSA);
    assert_int_equal(cert_key_bits(cert), 2048);
    assert_int_equal(cert_dns(cert)->count, 2);
    assert_true(strlist_has(cert_dns(cert), "gw.example"));
    assert_true(cert_may(cert, KEY_USE_SIGNATURE));
    assert_false(cert_may(cert, KEY_USE_ENCIPHER));
    assert_false(cert_is_ca(cert));
    assert_false(cert_self_issued(cert));
    assert_int_equal(cert_ski(cert).len, (size_t)ASN1_STRING_length(ski));
    assert_memory_equal(cert_ski(cert).ptr, ASN1_STRING_get0_data(ski),
                        cert_ski(cert).len);
    X509_digest(made.x509, EVP_sha256(), digest, &len);
    hex_add(&hex, digest, len);
    assert_string_equal(cert_sha256(cert), buf_str(&hex));
    X509_digest(made.x509, EVP_sha1(), digest, &len);
    assert_int_equal(cert_thumbprint(cert).len, len);
    assert_memory_equal(cert_thumbprint(cert).ptr, digest, len);
    made_free(&made);
    made_free(&ca);
}

static void test_no_ski(void **state)
{
    struct made made = make((struct order){ .kind = "p256", .cn = "x", .no_ski = true });
    AUTO(cert_free) struct cert *cert = made_cert(&made);

    (void)state;
    assert_int_equal(cert_ski(cert).len, 0);
    assert_int_equal(cert_key_kind(cert), KEY_P256);
    assert_true(cert_may(cert, KEY_USE_ENCIPHER)); /* no KeyUsage: everything */
    assert_true(cert_self_issued(cert));
    made_free(&made);
}

static void test_keys_refused(void **state)
{
    static const struct {
        const char *kind, *code;
    } cases[] = {
        { "rsa1024", "pki.key-size" },
        { "p521", "pki.key-kind" },
        { "ed25519", "pki.key-kind" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct made made = make((struct order){ .kind = cases[i].kind, .cn = "x" });
        struct err err;

        assert_refused(cert_of_x509(made.x509, &err) != NULL, err, cases[i].code);
        made_free(&made);
    }
}

/* An RSA exponent of 2^33 + 1 makes every verification slow. */
static void test_exponent_refused(void **state)
{
    struct made made = make((struct order){ .kind = "rsa2048", .cn = "x" });
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *key = NULL;
    struct err err;

    (void)state;
    BN_set_bit(e, 33);
    BN_set_bit(e, 0);
    EVP_PKEY_keygen_init(ctx);
    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    X509_set_pubkey(made.x509, key);
    X509_sign(made.x509, key, EVP_sha256());
    assert_refused(cert_of_x509(made.x509, &err) != NULL, err, "pki.key-size");
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
    made_free(&made);
}

/* Truncated at each length, with an octet more, and changed at random places. */
static void test_octets(void **state)
{
    struct made made =
        make((struct order){ .kind = "p256", .cn = "x", .san = "DNS:a.example" });
    AUTO(cert_free) struct cert *cert = made_cert(&made);
    struct str der = cert_der(cert);
    unsigned char *copy = mem_alloc(der.len + 1);
    AUTO(cert_free) struct cert *again = NULL;
    uint32_t seed = 7;
    struct err err;

    (void)state;
    assert_done((again = cert_of_der(der.ptr, der.len, &err)) != NULL, err);
    assert_true(cert_same(cert, again));
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *exact = mem_dup(der.ptr, len == 0 ? 1 : len);

        assert_refused(cert_of_der(exact, len, &err) != NULL, err, "pki.cert-form");
        mem_free(&exact);
    }
    memcpy(copy, der.ptr, der.len);
    assert_refused(cert_of_der(copy, der.len + 1, &err) != NULL, err, "pki.cert-form");
    for (int i = 0; i < 3000; i++) {
        AUTO(cert_free) struct cert *odd = NULL;

        memcpy(copy, der.ptr, der.len);
        for (int n = 0; n < 3; n++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % der.len] ^= (unsigned char)(1U << (seed >> 29));
        }
        odd = cert_of_der(copy, der.len, &err); /* either answer; no crash, no leak */
    }
    mem_free(&copy);
    made_free(&made);
}

static void test_names(void **state)
{
    static const struct {
        const char *text;
        bool same;
    } cases[] = {
        { "CN=MD-GW1,O=Test\\, Office,C=MD", true },
        { "CN=MD-GW1, O=\"Test, Office\", C=MD", true },
        { "cn=md-gw1 , o=Test\\2C  Office , c=md", true },
        { "OID.2.5.4.3=MD-GW1,2.5.4.10=Test\\, Office,2.5.4.6=MD", true },
        { "2.5.4.3=#0c064d442d475731,O=Test\\, Office,C=MD", true },
        { "2.5.4.3=#13064d442d475731,O=Test\\, Office,C=MD", true }, /* PrintableString */
        { "CN=MD-GW1;O=Test\\, Office;C=MD", true },
        { "C=MD,O=Test\\, Office,CN=MD-GW1", false }, /* the other way round */
        { "CN=MD-GW2,O=Test\\, Office,C=MD", false },
        { "CN=MD-GW1,O=Test Office,C=MD", false },
        { "CN=MD-GW1+O=Test\\, Office,C=MD", false },
        { "CN=MD-GW1,O=Test\\, Office", false },
        { "CN=MD-GW1,O=Test\\, Office,C=MD,", false },
        { "CN=MD-GW1,O=Test, Office,C=MD", false },
        { "O=MD-GW1,CN=Test\\, Office,C=MD", false },
        { "2.5.4.3=#0c074d442d475731,O=Test\\, Office,C=MD", false }, /* length lies */
        { "2.5.4.3=#0c064d442d4757,O=Test\\, Office,C=MD", false },
        { "2.5.4.3=#,O=Test\\, Office,C=MD", false },
        { "NOSUCH=MD-GW1,O=Test\\, Office,C=MD", false },
        { "CN=\"MD-GW1,O=Test\\, Office,C=MD", false },
        { "CN=MD-GW1\\", false },
        { "CN", false },
        { "=", false },
        { "", false },
        { NULL, false },
    };
    struct made made = make((struct order){ .kind = "p256", .cn = "MD-GW1" });
    AUTO(cert_free) struct cert *cert = made_cert(&made);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (cert_subject_is(cert, cases[i].text) != cases[i].same)
            fail_msg("case %zu: %s", i, cases[i].text);
    assert_true(cert_name_valid("CN=\\C4\\82 \\#x\\ ,O=a+OU=b"));
    assert_false(cert_name_valid("CN=a=b"));
    made_free(&made);
}

static void test_name_junk(void **state)
{
    static const char letters[] = "CNO=,+;\\\"# 2.5.43\xc3\xa4";
    char text[40];
    uint32_t seed = 11;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t len = (size_t)i % sizeof text;

        for (size_t n = 0; n < len; n++) {
            seed = seed * 1664525 + 1013904223;
            text[n] = letters[(seed >> 16) % (sizeof letters - 1)];
        }
        text[len == 0 ? 0 : len - 1] = '\0';
        (void)cert_name_valid(text);
    }
}

static void test_lookup(void **state)
{
    struct made ca = make((struct order){ .kind = "p256:1", .cn = "CA", .ca = true });
    struct made a =
        make((struct order){ .kind = "p256", .cn = "A", .issuer = &ca, .serial = 5 });
    struct made b =
        make((struct order){ .kind = "p256", .cn = "B", .issuer = &ca, .serial = 6 });
    AUTO(certlist_free) struct certlist list = { 0 };
    AUTO(cert_free)
    struct cert *ca_cert = made_cert(&ca), *ac = made_cert(&a), *bc = made_cert(&b);
    const char *issuer = "CN=CA,O=\"Test, Office\",C=MD";
    struct err err;

    (void)state;
    certlist_add(&list, ac);
    assert_ptr_equal(certlist_by_ski(&list, cert_ski(ac), &err), ac);
    certlist_add(&list, ac); /* the same one twice is one */
    assert_ptr_equal(certlist_by_ski(&list, cert_ski(ac), &err), ac);
    assert_ptr_equal(certlist_by_der(&list, cert_der(ac), &err), ac);
    assert_ptr_equal(certlist_by_thumbprint(&list, cert_thumbprint(ac), &err), ac);
    assert_ptr_equal(certlist_by_issuer_serial(&list, issuer, " 5 ", &err), ac);
    assert_refused(certlist_by_der(&list, cert_der(bc), &err), err, "pki.no-such-cert");
    assert_refused(certlist_by_issuer_serial(&list, issuer, "6", &err), err,
                   "pki.no-such-cert");
    assert_refused(
        certlist_by_issuer_serial(&list, "CN=CB,O=\"Test, Office\",C=MD", "5", &err), err,
        "pki.no-such-cert");
    assert_refused(certlist_by_ski(&list, (struct str){ "", 0 }, &err), err,
                   "pki.no-such-cert");
    certlist_add(&list, bc); /* the same key, so the same SKI */
    assert_refused(certlist_by_ski(&list, cert_ski(ac), &err), err, "pki.ambiguous");
    made_free(&a);
    made_free(&b);
    made_free(&ca);
}

static void test_path(void **state)
{
    struct made ca = make((struct order){ .kind = "p256:1", .cn = "CA", .ca = true });
    struct made a = make((struct order){ .kind = "p256", .cn = "A", .issuer = &ca });
    AUTO(cert_free) struct cert *cac = made_cert(&ca), *ac = made_cert(&a);
    AUTO(certlist_free)
    struct certlist path = { 0 }, back = { 0 }, wrong = { 0 }, seven = { 0 };
    AUTO(buf_free) struct buf der = BUF_INIT(1 << 16), bad = BUF_INIT(1 << 16);
    struct err err;

    (void)state;
    certlist_add(&path, cac);
    certlist_add(&path, ac);
    cert_path_write(&path, &der);
    assert_done(cert_path_read(der.data, der.len, &back, &err), err);
    assert_int_equal(back.count, 2);
    assert_true(cert_same(back.items[0], cac) && cert_same(back.items[1], ac));
    for (size_t len = 0; len < der.len; len++) {
        unsigned char *exact = mem_dup(der.data, len == 0 ? 1 : len);

        assert_refused(cert_path_read(exact, len, &wrong, &err), err, "pki.path-form");
        mem_free(&exact);
    }
    buf_addc(&der, 0);
    assert_refused(cert_path_read(der.data, der.len, &wrong, &err), err, "pki.path-form");
    certlist_add(&wrong, ac); /* end entity first */
    certlist_add(&wrong, cac);
    cert_path_write(&wrong, &bad);
    assert_refused(cert_path_read(bad.data, bad.len, &back, &err), err, "pki.path-form");
    for (int i = 0; i < 7; i++)
        certlist_add(&seven, cac);
    buf_clear(&bad);
    cert_path_write(&seven, &bad);
    assert_refused(cert_path_read(bad.data, bad.len, &back, &err), err, "pki.path-form");
    assert_refused(cert_path_read("\x30\x00", 2, &back, &err), err, "pki.path-form");
    assert_refused(cert_path_read("\x30\x80\x00\x00", 4, &back, &err), err,
                   "pki.path-form");
    assert_int_equal(back.count, 2); /* untouched by failures */
    made_free(&a);
    made_free(&ca);
}

static void test_files(void **state)
{
    struct made a = make((struct order){ .kind = "p256", .cn = "A" });
    struct made b = make((struct order){ .kind = "p384", .cn = "B" });
    AUTO(mem_free) char *one = temp_cert("a.pem", (const struct made *[]){ &a }, 1);
    AUTO(mem_free) char *two = temp_cert("ab.pem", (const struct made *[]){ &a, &b }, 2);
    AUTO(mem_free) char *none = temp_write("none.pem", "hello\n", 6, 0644);
    AUTO(mem_free)
    char *torn = temp_write(
        "torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 58,
        0644);
    AUTO(certlist_free) struct certlist list = { 0 };
    AUTO(cert_free) struct cert *cert = NULL;
    struct err err;

    (void)state;
    assert_done((cert = cert_load(one, &err)) != NULL, err);
    assert_done(certlist_load(two, &list, &err), err);
    assert_int_equal(list.count, 2);
    assert_int_equal(cert_key_kind(list.items[1]), KEY_P384);
    assert_refused(cert_load(two, &err) != NULL, err, "pki.cert-count");
    assert_refused(certlist_load(none, &list, &err), err, "pki.cert-count");
    assert_refused(certlist_load(torn, &list, &err), err, "pki.cert-form");
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "torn.pem"));
    assert_refused(certlist_load("/nonexistent/x.pem", &list, &err), err, "file.absent");
    assert_int_equal(list.count, 2);
    made_free(&a);
    made_free(&b);
}

static int begin(void **state)
{
    (void)state;
    temp_begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    temp_end();
    pool_free();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),        cmocka_unit_test(test_no_ski),
        cmocka_unit_test(test_keys_refused), cmocka_unit_test(test_exponent_refused),
        cmocka_unit_test(test_octets),       cmocka_unit_test(test_names),
        cmocka_unit_test(test_name_junk),    cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_path),         cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
