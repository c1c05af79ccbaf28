/* certs/make-test-ca.sh: what it makes is what the gateway takes, and what it must refuse. */
#include "support_pki.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "pki/tls.h"
#include "pki/trust.h"

static char *out;

static int run(const char *arguments)
{
    AUTO(mem_free)
    char *line = mem_printf("certs/make-test-ca.sh %s >/dev/null 2>&1", arguments);
    int rc = system(line);

    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static int begin(void **state)
{
    AUTO(mem_free) char *line = NULL;

    (void)state;
    temp_begin();
    out = temp_path("keys");
    line = mem_printf("--rsa2048 %s MD-GW1", out);
    assert_int_equal(run(line), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mem_free(&out);
    temp_end();
    return 0;
}

static char *at(const char *name)
{
    return path_join(out, name);
}

static void test_gateway(void **state)
{
    static const char *const ids[] = { "sign", "encrypt", "seal" };
    struct signer_key_file keys[3];
    AUTO(mem_free) char *kek = at("MD-GW1/kek-1.bin");
    struct signer_kek_file kek_file = { 1, kek };
    AUTO(strlist_free) struct strlist paths = { 0 };
    AUTO(signer_free) struct signer *signer = NULL;
    struct err err;

    (void)state;
    for (int i = 0; i < 3; i++) {
        AUTO(mem_free) char *key = mem_printf("%s/MD-GW1/%s.key", out, ids[i]);
        AUTO(mem_free) char *cert = mem_printf("%s/MD-GW1/%s.pem", out, ids[i]);

        strlist_add(&paths, key);
        strlist_add(&paths, cert);
    }
    for (int i = 0; i < 3; i++)
        keys[i] = (struct signer_key_file){ ids[i], paths.items[2 * i],
                                            paths.items[2 * i + 1] };
    assert_done((signer = signer_open_files(
                     &(struct signer_files){ keys, 3, &kek_file, 1 }, &err)) != NULL,
                err);
    assert_done(trust_check_own(TRUST_SIGN, signer_cert(signer, "sign"), NOW, NULL, &err),
                err);
    assert_done(
        trust_check_own(TRUST_ENCRYPT, signer_cert(signer, "encrypt"), NOW, NULL, &err),
        err);
    assert_done(trust_check_own(TRUST_SEAL, signer_cert(signer, "seal"), NOW, NULL, &err),
                err);
    assert_refused(
        trust_check_own(TRUST_SIGN, signer_cert(signer, "encrypt"), NOW, NULL, &err), err,
        "pki.wrong-usage");
    assert_refused(
        trust_check_own(TRUST_ENCRYPT, signer_cert(signer, "sign"), NOW, NULL, &err), err,
        "pki.wrong-usage");
    assert_int_equal(cert_key_bits(signer_cert(signer, "sign")), 2048);
    assert_int_equal(cert_ski(signer_cert(signer, "sign")).len, 20);
    assert_int_equal(cert_key_kind(signer_cert(signer, "seal")), KEY_P256);
}

static void test_tls(void **state)
{
    AUTO(mem_free) char *chain = at("MD-GW1/tls.pem"), *key = at("MD-GW1/tls.key");
    AUTO(mem_free) char *ca = at("ca.pem");
    struct tls_server_settings s = { chain, key, ca, TLS_PEER_REQUIRED, false, "x" };
    AUTO(tls_ctx_free) SSL_CTX *ctx = NULL;
    AUTO(cert_free) struct cert *cert = NULL;
    struct err err;

    (void)state;
    assert_done((ctx = tls_server_new(&s, &err)) != NULL, err);
    assert_done((cert = cert_load(chain, &err)) != NULL, err);
    assert_true(strlist_has(cert_dns(cert), "localhost"));
    assert_true(strlist_has(cert_dns(cert), "MD-GW1"));
    assert_done(trust_check_own(TRUST_TLS, cert, NOW, NULL, &err), err);
}

static void test_refused_ones(void **state)
{
    static const struct {
        const char *file, *subject, *code; /* code NULL: good */
    } cases[] = {
        { "MD-GW1/sign.pem", "CN=MD-GW1 sign,O=TRM throw-away", NULL },
        { "expired/sign.pem", "CN=expired sign,O=TRM throw-away", "pki.expired" },
        { "revoked/sign.pem", "CN=revoked sign,O=TRM throw-away", "pki.revoked" },
        { "other/sign.pem", "CN=other sign,O=TRM throw-away", "pki.not-trusted" },
    };
    AUTO(mem_free) char *ca = at("ca.pem"), *crl = at("crl.pem");
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(trust_free) struct trust *trust = trust_new("MD-GW1");
        AUTO(mem_free) char *path = at(cases[i].file);
        AUTO(cert_free) struct cert *cert = NULL;
        struct trust_rule rule = { .ca_file = ca,
                                   .subject = cases[i].subject,
                                   .crl_file = crl };

        assert_done((cert = cert_load(path, &err)) != NULL, err);
        assert_done(trust_allow(trust, TRUST_SIGN, &rule, &err), err);
        if (cases[i].code == NULL)
            assert_done(trust_check(trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err), err);
        else
            assert_refused(trust_check(trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err),
                           err, cases[i].code);
    }
}

/* A second run keeps what is there and adds what is not. */
static void test_again(void **state)
{
    AUTO(mem_free) char *line = mem_printf("--rsa2048 --p256-sign %s MD-GW1 UA-GW1", out);
    AUTO(mem_free) char *path = at("MD-GW1/sign.pem"), *added = at("UA-GW1/sign.pem");
    AUTO(cert_free) struct cert *before = NULL, *after = NULL, *elliptic = NULL;
    struct err err;

    (void)state;
    assert_done((before = cert_load(path, &err)) != NULL, err);
    assert_int_equal(run(line), 0);
    assert_done((after = cert_load(path, &err)) != NULL, err);
    assert_true(cert_same(before, after));
    assert_done((elliptic = cert_load(added, &err)) != NULL, err);
    assert_int_equal(cert_key_kind(elliptic), KEY_P256);
}

static void test_arguments(void **state)
{
    AUTO(mem_free) char *bad_name = mem_printf("%s ../x", out);
    AUTO(mem_free) char *taken = mem_printf("%s other", out);
    AUTO(mem_free) char *bad_date = mem_printf("--from soon %s A", out);
    AUTO(mem_free) char *bad_option = mem_printf("--nosuch %s A", out);

    (void)state;
    assert_int_equal(run("--help"), 0);
    assert_int_equal(run(""), 64);
    assert_int_equal(run(bad_name), 1);
    assert_int_equal(run(taken), 1);
    assert_int_equal(run(bad_date), 1);
    assert_int_equal(run(bad_option), 1);
}

/* Nobody else may read a key. */
static void test_modes(void **state)
{
    static const char *const secrets[] = { "ca/ca.key",        "other/ca.key",
                                           "MD-GW1/tls.key",   "MD-GW1/sign.key",
                                           "MD-GW1/kek-1.bin", "revoked/sign.key" };
    struct stat st;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        AUTO(mem_free) char *path = at(secrets[i]);

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0077, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway),      cmocka_unit_test(test_tls),
        cmocka_unit_test(test_refused_ones), cmocka_unit_test(test_again),
        cmocka_unit_test(test_arguments),    cmocka_unit_test(test_modes),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
