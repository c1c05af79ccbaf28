/* Which certificates may be used for what, and when: one row a situation. */
#include "support_pki.h"

#include "pki/trust.h"

static struct made ca, other_ca, sub_ca, sub, good, next, stranger, expired, early,
    revoked, encrypt, plain, tls, tls_only_mail, seal, ec_encrypt, twin;
static struct cert *good_cert, *next_cert, *sub_ca_cert;
static char *ca_file, *other_file, *crl_file, *old_crl, *foreign_crl, *partial_crl,
    *late_crl, *leaf_file, *both_crls;

#define SUBJECT(cn) "CN=" cn ",O=\"Test, Office\",C=MD"

static struct made leaf(const char *cn, const char *usage, const struct made *issuer)
{
    return make(
        (struct order){ .kind = "rsa2048", .cn = cn, .issuer = issuer, .usage = usage });
}

static int begin(void **state)
{
    const char *ds = "critical,digitalSignature";
    const char *cs = "critical,keyCertSign,cRLSign";

    (void)state;
    temp_begin();
    ca = make((struct order){ .kind = "p256:1", .cn = "CA", .ca = true, .usage = cs });
    other_ca =
        make((struct order){ .kind = "p256:2", .cn = "CA", .ca = true, .usage = cs });
    sub_ca = make((struct order){
        .kind = "p256:3", .cn = "Sub", .ca = true, .usage = cs, .issuer = &ca });
    sub = leaf("GW", ds, &sub_ca);
    good = leaf("GW", ds, &ca);
    next = leaf("GW", ds, &ca);
    stranger = leaf("Stranger", ds, &ca);
    twin = leaf("GW", ds, &other_ca);
    revoked = leaf("GW", ds, &ca);
    encrypt = leaf("GW", "critical,keyEncipherment", &ca);
    plain = leaf("GW", NULL, &ca);
    seal = leaf("GW", "nonRepudiation", &ca);
    ec_encrypt = make((struct order){ .kind = "p256", .cn = "GW", .issuer = &ca });
    tls = make((struct order){
        .kind = "p256", .cn = "GW", .issuer = &ca, .usage = ds, .eku = "clientAuth" });
    tls_only_mail = make((struct order){ .kind = "p256",
                                         .cn = "GW",
                                         .issuer = &ca,
                                         .usage = ds,
                                         .eku = "emailProtection" });
    expired = make((struct order){ .kind = "rsa2048",
                                   .cn = "GW",
                                   .issuer = &ca,
                                   .usage = ds,
                                   .from_ms = NOW - 9 * DAY_MS,
                                   .to_ms = NOW - DAY_MS });
    early = make((struct order){ .kind = "rsa2048",
                                 .cn = "GW",
                                 .issuer = &ca,
                                 .usage = ds,
                                 .from_ms = NOW + DAY_MS });
    good_cert = made_cert(&good);
    next_cert = made_cert(&next);
    sub_ca_cert = made_cert(&sub_ca);
    ca_file = temp_cert("ca.pem", (const struct made *[]){ &ca }, 1);
    other_file = temp_cert("other.pem", (const struct made *[]){ &other_ca }, 1);
    leaf_file = temp_cert("leaf.pem", (const struct made *[]){ &good }, 1);
    crl_file = temp_crl("crl.pem", &ca, (struct crl_entry[]){ { &revoked, 0 } }, 1,
                        NOW + DAY_MS, false);
    old_crl = temp_crl("old.pem", &ca, (struct crl_entry[]){ { &revoked, 0 } }, 1,
                       NOW - HOUR_MS, false);
    late_crl =
        temp_crl("late.pem", &ca, (struct crl_entry[]){ { &revoked, NOW + HOUR_MS } }, 1,
                 NOW + DAY_MS, false);
    foreign_crl = temp_crl("foreign.pem", &other_ca, NULL, 0, NOW + DAY_MS, false);
    partial_crl = temp_crl("partial.pem", &ca, NULL, 0, NOW + DAY_MS, true);
    both_crls = temp_write("both.pem", "nothing of the kind", 19, 0644);
    return 0;
}

static int end(void **state)
{
    struct made *all[] = { &ca,         &other_ca, &sub_ca,  &sub,           &good,
                           &next,       &stranger, &expired, &early,         &revoked,
                           &encrypt,    &plain,    &tls,     &tls_only_mail, &seal,
                           &ec_encrypt, &twin };
    char **files[] = { &ca_file,     &other_file, &crl_file,  &old_crl,  &foreign_crl,
                       &partial_crl, &late_crl,   &leaf_file, &both_crls };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        made_free(all[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        mem_free(files[i]);
    cert_free(&good_cert);
    cert_free(&next_cert);
    cert_free(&sub_ca_cert);
    temp_end();
    pool_free();
    return 0;
}

enum rule {
    PINS,
    PINS_CRL,
    CA_CRL,
    CA_NO_CRL,
    CA_LAX,
    CA_OLD_CRL,
    CA_OLD_LAX,
    CA_LATE,
    NO_RULE
};

struct situation {
    const char *name;
    enum rule rule;
    enum trust_purpose purpose;
    struct made *cert;
    bool via_sub;
    enum trust_state want;
    bool passes;
};

static const struct situation situations[] = {
    { "pinned", PINS, TRUST_SIGN, &good, false, TRUST_VALID, true },
    { "pinned as next", PINS, TRUST_SIGN, &next, false, TRUST_VALID, true },
    { "same subject, not pinned", PINS, TRUST_SIGN, &plain, false, TRUST_NOT_TRUSTED,
      false },
    { "pinned, expired", PINS, TRUST_SIGN, &expired, false, TRUST_EXPIRED, false },
    { "pinned, too early", PINS, TRUST_SIGN, &early, false, TRUST_NOT_YET, false },
    { "pinned, list says revoked", PINS_CRL, TRUST_SIGN, &revoked, false, TRUST_REVOKED,
      false },
    { "pinned, not on the list", PINS_CRL, TRUST_SIGN, &good, false, TRUST_VALID, true },
    { "nothing configured", NO_RULE, TRUST_SIGN, &good, false, TRUST_NOT_TRUSTED, false },
    { "by CA", CA_CRL, TRUST_SIGN, &good, false, TRUST_VALID, true },
    { "by CA, other subject", CA_CRL, TRUST_SIGN, &stranger, false, TRUST_NOT_TRUSTED,
      false },
    { "by CA, CA of same name", CA_CRL, TRUST_SIGN, &twin, false, TRUST_NOT_TRUSTED,
      false },
    { "by CA, expired", CA_CRL, TRUST_SIGN, &expired, false, TRUST_EXPIRED, false },
    { "by CA, too early", CA_CRL, TRUST_SIGN, &early, false, TRUST_NOT_YET, false },
    { "by CA, revoked", CA_CRL, TRUST_SIGN, &revoked, false, TRUST_REVOKED, false },
    { "revoked later than that", CA_LATE, TRUST_SIGN, &revoked, false, TRUST_VALID,
      true },
    { "intermediate not brought", CA_LAX, TRUST_SIGN, &sub, false, TRUST_NOT_TRUSTED,
      false },
    { "intermediate brought", CA_LAX, TRUST_SIGN, &sub, true, TRUST_REVOCATION_UNKNOWN,
      true },
    { "list of another issuer", CA_CRL, TRUST_SIGN, &sub, true, TRUST_REVOCATION_UNKNOWN,
      false },
    { "no list", CA_NO_CRL, TRUST_SIGN, &good, false, TRUST_REVOCATION_UNKNOWN, false },
    { "no list, accepted", CA_LAX, TRUST_SIGN, &good, false, TRUST_REVOCATION_UNKNOWN,
      true },
    { "old list", CA_OLD_CRL, TRUST_SIGN, &good, false, TRUST_REVOCATION_UNKNOWN, false },
    { "old list, accepted", CA_OLD_LAX, TRUST_SIGN, &good, false,
      TRUST_REVOCATION_UNKNOWN, true },
    { "old list, but on it", CA_OLD_LAX, TRUST_SIGN, &revoked, false, TRUST_REVOKED,
      false },
    { "encryption key signs", CA_CRL, TRUST_SIGN, &encrypt, false, TRUST_WRONG_USAGE,
      false },
    { "signing key encrypts", CA_CRL, TRUST_ENCRYPT, &good, false, TRUST_WRONG_USAGE,
      false },
    { "encryption key encrypts", CA_CRL, TRUST_ENCRYPT, &encrypt, false, TRUST_VALID,
      true },
    { "elliptic key encrypts", CA_CRL, TRUST_ENCRYPT, &ec_encrypt, false,
      TRUST_WRONG_USAGE, false },
    { "no KeyUsage signs", CA_CRL, TRUST_SIGN, &plain, false, TRUST_VALID, true },
    { "no KeyUsage encrypts", CA_CRL, TRUST_ENCRYPT, &plain, false, TRUST_VALID, true },
    { "commitment seals", CA_CRL, TRUST_SEAL, &seal, false, TRUST_VALID, true },
    { "commitment signs", CA_CRL, TRUST_SIGN, &seal, false, TRUST_WRONG_USAGE, false },
    { "client certificate", CA_CRL, TRUST_TLS, &tls, false, TRUST_VALID, true },
    { "mail certificate", CA_CRL, TRUST_TLS, &tls_only_mail, false, TRUST_WRONG_USAGE,
      false },
};

static struct trust *trust_of(enum rule kind)
{
    struct trust *trust = trust_new("UA-GW1");
    AUTO(certlist_free) struct certlist pins = { 0 };
    struct made *pinned[] = { &good, &next, &expired, &early, &revoked };
    struct trust_rule rule = { .pinned = &pins };
    struct err err;

    for (size_t i = 0; i < COUNT_OF(pinned); i++) {
        AUTO(cert_free) struct cert *cert = made_cert(pinned[i]);

        if (kind == PINS || kind == PINS_CRL)
            certlist_add(&pins, cert);
    }
    if (kind != PINS)
        rule.ca_file = ca_file;
    if (kind >= CA_CRL)
        rule.subject = SUBJECT("GW");
    rule.crl_file = kind == PINS_CRL || kind == CA_CRL         ? crl_file
                    : kind == CA_OLD_CRL || kind == CA_OLD_LAX ? old_crl
                    : kind == CA_LATE                          ? late_crl
                                                               : NULL;
    rule.accept_unknown = kind == CA_LAX || kind == CA_OLD_LAX;
    for (int p = 0; p < TRUST_PURPOSES && kind != NO_RULE; p++)
        assert_done(trust_allow(trust, (enum trust_purpose)p, &rule, &err), err);
    return trust;
}

static void test_situation(void **state)
{
    const struct situation *s = *state;
    AUTO(trust_free) struct trust *trust = trust_of(s->rule);
    AUTO(cert_free) struct cert *cert = made_cert(s->cert);
    AUTO(certlist_free) struct certlist via = { 0 };
    enum trust_state got;
    struct err err = { 0 };
    char code[64];

    certlist_add(&via, sub_ca_cert);
    assert_int_equal(
        trust_check(trust, s->purpose, cert, s->via_sub ? &via : NULL, NOW, &got, &err),
        s->passes);
    assert_string_equal(trust_state_name(got), trust_state_name(s->want));
    if (s->passes)
        return;
    snprintf(code, sizeof code, "pki.%s", trust_state_name(s->want));
    assert_string_equal(err.code, code);
    assert_int_equal(err.kind, ERR_REJECT);
    assert_non_null(strstr(err.text, "UA-GW1"));
}

static void test_clock_is_a_value(void **state)
{
    AUTO(trust_free) struct trust *trust = trust_of(PINS);
    AUTO(cert_free) struct cert *cert = made_cert(&expired);
    enum trust_state got;
    struct err err;

    (void)state;
    assert_done(trust_check(trust, TRUST_SIGN, cert, NULL, NOW - DAY_MS, &got, &err),
                err);
    assert_refused(
        trust_check(trust, TRUST_SIGN, cert, NULL, NOW - DAY_MS + 1, &got, &err), err,
        "pki.expired");
    assert_done(trust_check(trust, TRUST_SIGN, cert, NULL, NOW - 9 * DAY_MS, &got, &err),
                err);
    assert_refused(
        trust_check(trust, TRUST_SIGN, cert, NULL, NOW - 9 * DAY_MS - 1, &got, &err), err,
        "pki.not-yet");
    assert_done(trust_check_own(TRUST_SIGN, cert, NOW - 2 * DAY_MS, NULL, &err), err);
    assert_refused(trust_check_own(TRUST_SIGN, cert, NOW, NULL, &err), err,
                   "pki.expired");
    assert_refused(trust_check_own(TRUST_ENCRYPT, cert, NOW, NULL, &err), err,
                   "pki.wrong-usage");
}

static void test_rules_refused(void **state)
{
    const struct {
        const char *code;
        struct trust_rule rule;
    } cases[] = {
        { "pki.rule-empty", { 0 } },
        { "pki.rule-subject", { .ca_file = ca_file } },
        { "pki.rule-subject", { .ca_file = ca_file, .subject = "GW" } },
        { "pki.not-a-ca", { .ca_file = leaf_file, .subject = "CN=x" } },
        { "file.absent", { .ca_file = "/nonexistent", .subject = "CN=x" } },
        { "pki.crl-issuer",
          { .ca_file = ca_file, .subject = "CN=x", .crl_file = foreign_crl } },
        { "pki.crl-form",
          { .ca_file = ca_file, .subject = "CN=x", .crl_file = partial_crl } },
        { "pki.crl-form",
          { .ca_file = ca_file, .subject = "CN=x", .crl_file = both_crls } },
        { "file.absent",
          { .ca_file = ca_file, .subject = "CN=x", .crl_file = "/nonexistent" } },
    };
    AUTO(certlist_free) struct certlist nine = { 0 };
    AUTO(trust_free) struct trust *trust = trust_new("UA-GW1");
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_refused(trust_allow(trust, TRUST_SIGN, &cases[i].rule, &err), err,
                       cases[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
    for (int i = 0; i < 9; i++)
        certlist_add(&nine, good_cert);
    assert_refused(
        trust_allow(trust, TRUST_SIGN, &(struct trust_rule){ .pinned = &nine }, &err),
        err, "pki.rule-pins");
    assert_refused(trust_check(trust, TRUST_SIGN, good_cert, NULL, NOW, NULL, &err), err,
                   "pki.not-trusted");
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(situations) + 2] = {
        cmocka_unit_test(test_clock_is_a_value),
        cmocka_unit_test(test_rules_refused),
    };

    for (size_t i = 0; i < COUNT_OF(situations); i++) {
        tests[i + 2].name = situations[i].name;
        tests[i + 2].test_func = test_situation;
        memcpy(&tests[i + 2].initial_state, &(const struct situation *){ &situations[i] },
               sizeof(void *));
    }
    return cmocka_run_group_tests(tests, begin, end);
}
