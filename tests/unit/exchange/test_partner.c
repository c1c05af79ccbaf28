/* Partner files: every key takes effect; every mistake is refused with its code and its line. */
#include "support_exchange.h"

#include <unistd.h>

#include "base/file.h"
#include "exchange/bundles.h"
#include "pki/cert.h"
#include "pki/trust.h"

#define LINES 9

/* A good file, a line each; KEYS is the folder of the throw-away authority. */
static const char *const good[LINES] = {
    "{\"partner\": \"UA-GW1\", \"country\": \"UA\", \"name\": \"Kyiv\",",
    " \"endpoint\": \"https://localhost:8443/as4\",",
    " \"tls\": {\"ca\": \"KEYS/ca.pem\"},",
    " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/sign.pem\"]},",
    " \"encrypt\": {\"certificates\": [\"KEYS/UA-GW1/encrypt.pem\"]},",
    " \"seal\": {\"certificates\": [\"KEYS/UA-GW1/seal.pem\"]},",
    " \"as4\": {},",
    " \"pmodes\": [],",
    " \"senders\": 2}",
};

static struct own own_of(const char *environment)
{
    return (struct own){ .id = "MD-GW1",
                         .party_type = PMODE_UNREGISTERED,
                         .country = "MD",
                         .host = "gw.example",
                         .environment = environment,
                         .zone = "UTC",
                         .node = "node1" };
}

/* The good file with one line (from 1; 0 none) put otherwise. */
static char *file_with(int line, const char *text)
{
    struct buf out = BUF_INIT(64 * 1024);
    char *path = mem_printf("%s/UA-GW1.json", work_dir);

    for (int i = 0; i < LINES; i++) {
        const char *put = i + 1 == line ? text : good[i], *keys;

        while ((keys = strstr(put, "KEYS")) != NULL) {
            buf_add(&out, put, (size_t)(keys - put));
            buf_adds(&out, keys_dir);
            put = keys + 4;
        }
        buf_adds(&out, put);
        buf_adds(&out, "\n");
    }
    write_text(path, buf_str(&out));
    buf_free(&out);
    return path;
}

static struct partner *load(int line, const char *text, const char *environment,
                            struct err *err)
{
    AUTO(mem_free) char *path = file_with(line, text);
    AUTO(mem_free) char *cert = mem_printf("%s/MD-GW1/tls.pem", keys_dir);
    AUTO(mem_free) char *key = mem_printf("%s/MD-GW1/tls.key", keys_dir);
    const struct own own = own_of(environment);

    return partner_load(path, &own, cert, key, NULL, err);
}

static struct partner *must_load(int line, const char *text)
{
    struct partner *p = NULL;

    OK((p = load(line, text, "demo", &err)) != NULL);
    return p;
}

/* --- mistakes -------------------------------------------------------------------------------- */

struct mistake {
    const char *name;
    int line; /* that is put otherwise */
    const char *text;
    const char *code;
    int at;           /* line the error names; 0: a file it names, no line */
    const char *says; /* somewhere in its words */
};

/* clang-format off */
static struct mistake mistakes[] = {
    { "unknown key", 9, " \"sender\": 2}", "json.unknown-key", 9, "senders" },
    { "no id", 1, "{\"country\": \"UA\",", "json.missing", 1, "partner" },
    { "empty id", 1, "{\"partner\": \"\",", "json.range", 1, "partner" },
    { "id is no text", 1, "{\"partner\": 7,", "json.type", 1, "partner" },
    { "key twice", 9, " \"tls\": {\"ca\": \"KEYS/ca.pem\"}}", "json.duplicate", 0, "line 9" },
    { "not JSON", 9, " \"senders\": 2", "json.malformed", 0, "line 10" },
    { "endpoint plain", 2, " \"endpoint\": \"http://localhost/as4\",", "partner.endpoint", 1, "https://" },
    { "no endpoint", 2, " \"connectTo\": \"127.0.0.1:1\",", "json.missing", 1, "endpoint" },
    { "no tls", 3, "", "json.missing", 1, "tls" },
    { "tls without ca", 3, " \"tls\": {},", "partner.tls", 3, "ca" },
    { "tls with a typo", 3, " \"tls\": {\"ca\": \"KEYS/ca.pem\", \"tls1.2\": true},", "json.unknown-key", 3, "tls12" },
    { "tls ca is not there", 3, " \"tls\": {\"ca\": \"KEYS/none.pem\"},", "file.absent", 0, "none.pem" },
    { "no sign", 4, "", "json.missing", 1, "sign" },
    { "sign is empty", 4, " \"sign\": {},", "pki.rule-empty", 0, "sign" },
    { "sign has a key of tls", 4, " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/sign.pem\"], \"tls12\": true},", "json.unknown-key", 4, "tls12" },
    { "sign has a day of encrypt", 4, " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/sign.pem\"], \"nextFrom\": \"2027-01-01\"},", "json.unknown-key", 4, "nextFrom" },
    { "certificate is not there", 4, " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/none.pem\"]},", "file.absent", 0, "none.pem" },
    { "certificate is a key", 4, " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/sign.key\"]},", "pki.cert-count", 0, "sign.key" },
    { "certificate is a number", 4, " \"sign\": {\"certificates\": [1]},", "json.type", 4, "" },
    { "ca without subject", 4, " \"sign\": {\"ca\": \"KEYS/ca.pem\"},", "pki.rule-subject", 0, "sign" },
    { "list of another authority", 4, " \"sign\": {\"certificates\": [\"KEYS/UA-GW1/sign.pem\"], \"ca\": \"KEYS/other/ca.pem\", \"crl\": \"KEYS/crl.pem\"},", "pki.crl-issuer", 0, "sign" },
    { "no encrypt", 5, "", "json.missing", 1, "encrypt" },
    { "encrypt by ca alone", 5, " \"encrypt\": {\"ca\": \"KEYS/ca.pem\", \"subject\": \"CN=UA-GW1 encrypt,O=TRM throw-away\"},", "partner.encrypt", 5, "certificates" },
    { "next day without next", 5, " \"encrypt\": {\"certificates\": [\"KEYS/UA-GW1/encrypt.pem\"], \"nextFrom\": \"2027-01-01\"},", "partner.encrypt", 5, "second" },
    { "next day is no day", 5, " \"encrypt\": {\"certificates\": [\"KEYS/UA-GW1/encrypt.pem\", \"KEYS/MD-GW1/encrypt.pem\"], \"nextFrom\": \"2027-02-30\"},", "partner.encrypt", 5, "YYYY-MM-DD" },
    { "seal is empty", 6, " \"seal\": {},", "pki.rule-empty", 0, "seal" },
    { "as4 with a typo", 7, " \"as4\": {\"actions\": \"Exchange\"},", "json.unknown-key", 7, "action" },
    { "as4 cannot be opaque", 7, " \"as4\": {\"content\": \"opaque\"},", "json.unknown-key", 7, "content" },
    { "as4 names no agreement", 7, " \"as4\": {\"agreement\": \"X-1\"},", "json.unknown-key", 7, "agreement" },
    { "error status", 7, " \"as4\": {\"errorStatus\": 404},", "partner.error-status", 7, "200 or 500" },
    { "error status too high", 7, " \"as4\": {\"errorStatus\": 501},", "json.range", 7, "errorStatus" },
    { "no parts", 7, " \"as4\": {\"partsMax\": 0},", "json.range", 7, "partsMax" },
    { "too many parts", 7, " \"as4\": {\"partsMax\": 33},", "json.range", 7, "partsMax" },
    { "part too large", 7, " \"as4\": {\"partMaxMiB\": 257},", "json.range", 7, "partMaxMiB" },
    { "message too large", 7, " \"as4\": {\"messageMaxMiB\": 1025},", "json.range", 7, "messageMaxMiB" },
    { "party with a typo", 7, " \"as4\": {\"partner\": {\"ids\": \"x\"}},", "json.unknown-key", 7, "ids" },
    { "security with a typo", 7, " \"as4\": {\"security\": {\"ciphers\": \"x\"}},", "json.unknown-key", 7, "cipher" },
    { "signature unknown", 7, " \"as4\": {\"security\": {\"sign\": \"rsa-sha1\"}},", "partner.word", 7, "rsa-sha1" },
    { "digest unknown", 7, " \"as4\": {\"security\": {\"digest\": \"md5\"}},", "partner.word", 7, "md5" },
    { "cipher unknown", 7, " \"as4\": {\"security\": {\"cipher\": \"aes128-cbc\"}},", "partner.word", 7, "aes128-cbc" },
    { "reference unknown", 7, " \"as4\": {\"security\": {\"signReference\": \"x509\"}},", "partner.word", 7, "x509" },
    { "accepted cipher unknown", 7, " \"as4\": {\"security\": {\"cipherAccept\": [\"aes128-gcm\", \"3des\"]}},", "partner.word", 7, "3des" },
    { "accepts nothing", 7, " \"as4\": {\"security\": {\"wrapAccept\": []}},", "partner.word", 7, "wrapAccept" },
    { "accepted is no list", 7, " \"as4\": {\"security\": {\"wrapAccept\": \"rsa-oaep-sha256\"}},", "json.type", 7, "wrapAccept" },
    { "a P-Mode is no object", 8, " \"pmodes\": [1],", "json.type", 8, "" },
    { "a P-Mode of what", 8, " \"pmodes\": [{\"id\": \"t\", \"office\": \"MD-COORD\", \"service\": \"s\", \"action\": \"a\"}],", "json.missing", 8, "content" },
    { "a P-Mode for whom", 8, " \"pmodes\": [{\"id\": \"t\", \"content\": \"opaque\", \"service\": \"s\", \"action\": \"a\"}],", "json.missing", 8, "office" },
    { "content unknown", 8, " \"pmodes\": [{\"id\": \"t\", \"content\": \"referral\", \"office\": \"MD-COORD\", \"service\": \"s\", \"action\": \"a\"}],", "partner.content", 8, "opaque" },
    { "a P-Mode without id", 8, " \"pmodes\": [{\"content\": \"opaque\", \"office\": \"MD-COORD\", \"service\": \"s\", \"action\": \"a\"}],", "partner.opaque", 8, "id" },
    { "a P-Mode without service", 8, " \"pmodes\": [{\"id\": \"t\", \"content\": \"opaque\", \"office\": \"MD-COORD\", \"action\": \"a\"}],", "partner.opaque", 8, "service" },
    { "a P-Mode without action", 8, " \"pmodes\": [{\"id\": \"t\", \"content\": \"opaque\", \"office\": \"MD-COORD\", \"service\": \"s\"}],", "partner.opaque", 8, "action" },
    { "a P-Mode with a typo", 8, " \"pmodes\": [{\"id\": \"t\", \"contents\": \"opaque\"}],", "json.unknown-key", 8, "content" },
    { "a P-Mode twice", 8, " \"pmodes\": [{\"id\": \"t\", \"content\": \"opaque\", \"office\": \"MD-COORD\", \"service\": \"s\", \"action\": \"a\"},{\"id\": \"t\", \"content\": \"opaque\", \"office\": \"MD-COORD\", \"service\": \"s\", \"action\": \"b\"}],", "partner.opaque", 8, "twice" },
    { "no senders", 9, " \"senders\": 0}", "json.range", 9, "senders" },
    { "too many senders", 9, " \"senders\": 17}", "json.range", 9, "senders" },
    { "paused is no yes", 9, " \"paused\": \"no\"}", "json.type", 9, "paused" },
    { "gzip is no yes", 9, " \"gzipAttachments\": 1}", "json.type", 9, "gzipAttachments" },
};
/* clang-format on */

static void test_mistake(void **state)
{
    const struct mistake *m = *state;
    char at[40];
    struct err err = { 0 };
    struct partner *p = load(m->line, m->text, "demo", &err);

    if (p != NULL)
        fail_msg("%s was taken", m->name);
    if (!text_eq(err.code, m->code) || strstr(err.text, m->says) == NULL)
        fail_msg("%s, %s", err.code, err.text);
    assert_int_equal(err.kind, ERR_CONFIG);
    snprintf(at, sizeof at, "UA-GW1.json:%d:", m->at);
    if (m->at != 0 && strstr(err.text, at) == NULL)
        fail_msg("not at line %d: %s", m->at, err.text);
    if (m->at == 0)
        assert_non_null(strstr(err.text, "UA-GW1"));
}

static void test_absent(void **state)
{
    const struct own own = own_of("demo");

    (void)state;
    FAILS(partner_load("/nowhere/UA-GW1.json", &own, NULL, NULL, NULL, &err) != NULL,
          ERR_CONFIG, "file.absent");
}

/* --- keys ------------------------------------------------------------------------------------ */

static void test_defaults(void **state)
{
    struct partner *p = must_load(0, NULL);

    (void)state;
    assert_string_equal(p->id, "UA-GW1");
    assert_string_equal(p->country, "UA");
    assert_string_equal(p->name, "Kyiv");
    assert_string_equal(p->url, "https://localhost:8443/as4");
    assert_null(p->connect_to);
    assert_int_equal(p->senders, 2);
    assert_false(p->paused_by_file);
    assert_false(p->gzip_attachments);
    assert_false(p->tls12);
    assert_non_null(p->tls);
    assert_null(p->encrypt_next);
    assert_string_equal(p->base.service, "urn:trm:referral");
    assert_string_equal(p->base.service_type, "urn:trm:service");
    assert_string_equal(p->base.action, "Exchange");
    assert_string_equal(p->base.us.id, "MD-GW1");
    assert_string_equal(p->base.partner.id, "UA-GW1");
    assert_string_equal(p->base.partner.type, PMODE_UNREGISTERED);
    assert_true(p->base.four_corner);
    assert_int_equal(p->base.error_status, 200);
    assert_int_equal(p->opaque_count, 0);
    partner_free(&p);
    assert_null(p);
}

static void test_head_keys(void **state)
{
    struct partner *p =
        must_load(9, " \"senders\": 16, \"paused\": true, \"gzipAttachments\": true,\n"
                     " \"connectTo\": \"127.0.0.1:9443\", \"//\": \"a comment\"}");

    (void)state;
    assert_int_equal(p->senders, 16);
    assert_true(p->paused_by_file);
    assert_true(p->gzip_attachments);
    assert_string_equal(p->connect_to, "127.0.0.1:9443");
    partner_free(&p);
    p = must_load(3, " \"tls\": {\"ca\": \"KEYS/ca.pem\", \"tls12\": true},");
    assert_true(p->tls12);
    partner_free(&p);
}

static void test_as4_keys(void **state)
{
    struct partner *p = must_load(
        7,
        " \"as4\": {\"service\": \"urn:s\", \"serviceType\": \"t\", \"action\": \"A\",\n"
        "  \"agreementType\": \"at\", \"us\": {\"id\": \"us\", \"type\": \"ut\", "
        "\"corner\": \"c1\"},\n"
        "  \"partner\": {\"id\": \"them\", \"roleSending\": \"rs\", \"roleTaking\": "
        "\"rt\"},\n"
        "  \"fourCorner\": false, \"cornerType\": \"ct\", \"errorStatus\": 500,\n"
        "  \"errorsSigned\": false, \"unsignedErrorsAccept\": false, "
        "\"oldDuplicateCode\": true,\n"
        "  \"resignedRetryAccept\": true, \"anyMessageId\": true, \"strictMimeType\": "
        "true,\n"
        "  \"partsMax\": 5, \"partMaxMiB\": 3, \"messageMaxMiB\": 9},");
    const struct pmode *m = &p->base;

    (void)state;
    assert_string_equal(m->service, "urn:s");
    assert_string_equal(m->service_type, "t");
    assert_string_equal(m->action, "A");
    assert_string_equal(m->agreement_type, "at");
    assert_string_equal(m->us.id, "us");
    assert_string_equal(m->us.type, "ut");
    assert_string_equal(m->us.corner, "c1");
    assert_string_equal(m->us.role_sending, PMODE_ROLE_INIT); /* as it was */
    assert_string_equal(m->partner.id, "them");
    assert_string_equal(m->partner.role_sending, "rs");
    assert_string_equal(m->partner.role_taking, "rt");
    assert_false(m->four_corner);
    assert_string_equal(m->corner_type, "ct");
    assert_int_equal(m->error_status, 500);
    assert_false(m->errors_signed);
    assert_false(m->unsigned_errors_accept);
    assert_true(m->old_duplicate_code);
    assert_true(m->resigned_retry_accept);
    assert_true(m->any_message_id);
    assert_true(m->strict_mime_type);
    assert_int_equal(m->parts_max, 5);
    assert_int_equal(m->part_max, 3 << 20);
    assert_int_equal(m->inflated_max, 9 << 20);
    partner_free(&p);
}

static void test_security_keys(void **state)
{
    struct partner *p = must_load(
        7,
        " \"as4\": {\"security\": {\"sign\": \"ecdsa-sha256\", \"digest\": \"sha384\",\n"
        "  \"cipher\": \"aes256-gcm\", \"signReference\": \"ski\", \"encryptReference\": "
        "\"issuer-serial\",\n"
        "  \"signAccept\": [\"rsa-sha256\", \"ecdsa-sha256\"], \"digestAccept\": "
        "[\"sha512\"],\n"
        "  \"cipherAccept\": [\"aes256-gcm\"], \"wrapAccept\": [\"rsa-oaep-mgf1p\"],\n"
        "  \"signReferenceAccept\": [\"ski\", \"bst\"], \"encryptReferenceAccept\": "
        "[\"thumbprint\"],\n"
        "  \"extraSignedAccept\": true}},");
    const struct pmode_security *s = &p->base.security;

    (void)state;
    assert_int_equal(s->sign, SIGN_ECDSA_SHA256);
    assert_int_equal(s->digest, DIGEST_SHA384);
    assert_int_equal(s->cipher, PMODE_AES256_GCM);
    assert_int_equal(s->sign_ref, PMODE_REF_SKI);
    assert_int_equal(s->encrypt_ref, PMODE_REF_ISSUER_SERIAL);
    assert_int_equal(s->sign_accept,
                     PMODE_BIT(SIGN_RSA_SHA256) | PMODE_BIT(SIGN_ECDSA_SHA256));
    assert_int_equal(s->digest_accept, PMODE_BIT(DIGEST_SHA512));
    assert_int_equal(s->cipher_accept, PMODE_BIT(PMODE_AES256_GCM));
    assert_int_equal(s->wrap_accept, PMODE_BIT(PMODE_OAEP_OLD));
    assert_int_equal(s->sign_ref_accept,
                     PMODE_BIT(PMODE_REF_SKI) | PMODE_BIT(PMODE_REF_BST));
    assert_int_equal(s->encrypt_ref_accept, PMODE_BIT(PMODE_REF_THUMBPRINT));
    assert_true(s->extra_signed_accept);
    partner_free(&p);
}

/* Certificates by pin, by authority, with a revocation list; names relative to the file. */
static void test_trust_keys(void **state)
{
    AUTO(mem_free) char *sign = mem_printf("%s/UA-GW1/sign.pem", keys_dir);
    AUTO(mem_free) char *link = mem_printf("%s/beside.pem", work_dir);
    struct cert *cert = NULL;
    struct partner *p;

    (void)state;
    OK((cert = cert_load(sign, &err)) != NULL);
    p = must_load(0, NULL);
    OK(trust_check(p->trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err));
    FAILS(trust_check(p->trust, TRUST_SEAL, cert, NULL, NOW, NULL, &err), ERR_REJECT,
          "pki.not-trusted");
    partner_free(&p);
    assert_int_equal(symlink(sign, link), 0);
    p = must_load(4, " \"sign\": {\"certificates\": [\"beside.pem\"]},");
    OK(trust_check(p->trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err));
    partner_free(&p);
    p = must_load(
        4, " \"sign\": {\"ca\": \"KEYS/ca.pem\", \"subject\": \"CN=UA-GW1 sign,O=TRM "
           "throw-away\", \"crl\": \"KEYS/crl.pem\"},");
    OK(trust_check(p->trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err));
    partner_free(&p);
    /* Its authority's word with no list: only where the file says so. */
    p = must_load(
        4, " \"sign\": {\"ca\": \"KEYS/ca.pem\", \"subject\": \"CN=UA-GW1 sign,O=TRM "
           "throw-away\"},");
    FAILS(trust_check(p->trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err), ERR_REJECT,
          "pki.revocation-unknown");
    partner_free(&p);
    p = must_load(
        4, " \"sign\": {\"ca\": \"KEYS/ca.pem\", \"subject\": \"CN=UA-GW1 sign,O=TRM "
           "throw-away\", \"acceptUnknownRevocation\": true},");
    OK(trust_check(p->trust, TRUST_SIGN, cert, NULL, NOW, NULL, &err));
    partner_free(&p);
    cert_free(&cert);
    unlink(link);
}

/* The next encryption certificate is used from its day on, by UTC, not an instant before. */
static void test_encrypt_next(void **state)
{
    struct partner *p =
        must_load(5, " \"encrypt\": {\"certificates\": [\"KEYS/UA-GW1/encrypt.pem\", "
                     "\"KEYS/MD-GW1/encrypt.pem\"], \"nextFrom\": \"2026-11-25\"},");
    const int64_t day = civil_days((struct civil){ 2026, 11, 25 }) * DAY_MS;
    const struct certlist *pins = trust_pinned(p->trust, TRUST_ENCRYPT);

    (void)state;
    assert_ptr_equal(partner_encrypt_cert(p, day - 1), pins->items[0]);
    assert_ptr_equal(partner_encrypt_cert(p, day), pins->items[1]);
    partner_free(&p);
    /* Two pins and no day: the first. */
    p = must_load(5, " \"encrypt\": {\"certificates\": [\"KEYS/UA-GW1/encrypt.pem\", "
                     "\"KEYS/MD-GW1/encrypt.pem\"]},");
    assert_null(p->encrypt_next);
    assert_ptr_equal(partner_encrypt_cert(p, INT64_MAX),
                     trust_pinned(p->trust, TRUST_ENCRYPT)->items[0]);
    partner_free(&p);
}

#define OPAQUE_LINE \
    " \"pmodes\": [{\"id\": \"connect\", \"content\": \"opaque\", \"office\": " \
    "\"MD-COORD\"," \
    " \"service\": \"urn:test\", \"action\": \"Try\", \"agreement\": \"T-1\"," \
    " \"security\": {\"signReference\": \"ski\"}}],"

static void test_opaque(void **state)
{
    struct partner *p = must_load(8, OPAQUE_LINE);
    const struct partner_opaque *o = partner_opaque(p, "connect");

    (void)state;
    assert_non_null(o);
    assert_string_equal(o->office, "MD-COORD");
    assert_true(o->pmode.opaque);
    assert_string_equal(o->pmode.service, "urn:test");
    assert_null(o->pmode.service_type); /* of its own Service, not of the referral's */
    assert_string_equal(o->pmode.agreement, "T-1");
    assert_int_equal(o->pmode.security.sign_ref, PMODE_REF_SKI);
    assert_int_equal(p->base.security.sign_ref, PMODE_REF_BST);
    assert_null(partner_opaque(p, "none"));
    assert_null(partner_pmode(p, "connect"));
    partner_free(&p);
    FAILS(load(8, OPAQUE_LINE, "live", &err) != NULL, ERR_CONFIG, "partner.opaque-live");
    OK((p = load(8, OPAQUE_LINE, "training", &err)) != NULL);
    partner_free(&p);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(mistakes) + 9] = { { 0 } };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_absent),        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_head_keys),     cmocka_unit_test(test_as4_keys),
        cmocka_unit_test(test_security_keys), cmocka_unit_test(test_trust_keys),
        cmocka_unit_test(test_encrypt_next),  cmocka_unit_test(test_opaque),
    };
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(mistakes); i++)
        tests[count++] = (struct CMUnitTest){ .name = mistakes[i].name,
                                              .test_func = test_mistake,
                                              .initial_state = &mistakes[i] };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        tests[count++] = others[i];
    return _cmocka_run_group_tests("partner", tests, count, keys_setup, keys_teardown);
}
