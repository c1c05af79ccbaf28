/* P-Modes: names both ways, which one fits, the test service, digests as a set. */
#include "support_as4.h"

#include <string.h>

#include "as4/digests.h"
#include "as4/fault.h"
#include "base/mem.h"
#include "base/str.h"

#define ROUND(type, count, name, parse) \
    for (unsigned i_ = 0; i_ < (count); i_++) { \
        enum type got_ = (enum type)((i_ + 1) % (count)); \
\
        assert_true(parse(name((enum type)i_), &got_)); \
        assert_int_equal(got_, i_); \
    }

static void test_names(void **state)
{
    enum pmode_ref ref = PMODE_REF_SKI;
    enum sign_alg sign = SIGN_RSA_SHA256;

    (void)state;
    ROUND(sign_alg, SIGN_ALGS, sign_alg_name, pmode_sign_parse)
    ROUND(digest_alg, DIGEST_ALGS, pmode_digest_name, pmode_digest_parse)
    ROUND(pmode_cipher, PMODE_CIPHER_COUNT, pmode_cipher_name, pmode_cipher_parse)
    ROUND(pmode_cipher, PMODE_CIPHER_COUNT, pmode_cipher_uri, pmode_cipher_of_uri)
    ROUND(pmode_wrap, PMODE_WRAP_COUNT, pmode_wrap_name, pmode_wrap_parse)
    ROUND(pmode_wrap, PMODE_WRAP_COUNT, pmode_wrap_uri, pmode_wrap_of_uri)
    ROUND(pmode_ref, PMODE_REF_COUNT, pmode_ref_name, pmode_ref_parse)
    assert_false(pmode_ref_parse("BST", &ref));
    assert_int_equal(ref, PMODE_REF_SKI);
    assert_false(pmode_sign_parse("rsa-sha1", &sign));
    assert_int_equal(pmode_cipher_key(PMODE_AES128_GCM), 16);
    assert_int_equal(pmode_cipher_key(PMODE_AES256_GCM), 32);
}

static void test_defaults_take_only_what_is_agreed(void **state)
{
    struct pmode p;

    (void)state;
    pmode_defaults(&p);
    assert_int_equal(p.security.sign_accept, PMODE_BIT(SIGN_RSA_SHA256));
    assert_int_equal(p.security.digest_accept, PMODE_BIT(DIGEST_SHA256));
    assert_int_equal(p.security.cipher_accept, PMODE_BIT(PMODE_AES128_GCM));
    assert_int_equal(p.security.wrap_accept, PMODE_BIT(PMODE_OAEP_SHA256));
    assert_false(p.old_duplicate_code || p.resigned_retry_accept || p.any_message_id ||
                 p.security.extra_signed_accept || p.test || p.opaque);
    assert_int_equal(p.part_max, 64u << 20);
    assert_int_equal(p.inflated_max, 128u << 20);
}

static struct eb_user header(const struct pmode *p)
{
    struct eb_user user = { 0 };

    user.from = (struct eb_party){ mem_strdup(p->partner.id), mem_strdup(p->partner.type),
                                   mem_strdup(p->partner.role_sending) };
    user.to = (struct eb_party){ mem_strdup(p->us.id), mem_strdup(p->us.type),
                                 mem_strdup(p->us.role_taking) };
    user.agreement = mem_strdup(p->agreement);
    user.service = mem_strdup(p->service);
    user.service_type = mem_strdup(p->service_type);
    user.action = mem_strdup(p->action);
    return user;
}

static void header_free(const struct eb_user *user)
{
    struct eb_user *copy = mem_dup(user, sizeof *user);

    eb_user_free(&copy);
}

static void test_fits(void **state)
{
    const struct pmode p = pmode_of(GW_B, GW_A), test = pmode_test(&p),
                       m = pmode_of(GW_B, GW_M);
    const struct pmode *const list[] = { &m, &p };
    const struct pmode *base = NULL;
    struct eb_user user = header(&p);
    struct pmode found;
    bool addressed;

    (void)state;
    assert_true(pmode_fits(&p, &user));
    assert_false(pmode_fits(&m, &user));
    assert_false(pmode_fits(&test, &user));
    assert_true(pmode_find(list, 2, &user, &found, &base, &addressed));
    assert_ptr_equal(base, &p);
    assert_false(found.test);

    mem_free(&user.service_type);
    mem_free(&user.service);
    mem_free(&user.action);
    user.service = mem_strdup(PMODE_TEST_SERVICE);
    user.action = mem_strdup(PMODE_TEST_ACTION);
    assert_true(pmode_find(list, 2, &user, &found, &base, &addressed));
    assert_ptr_equal(base, &p);
    assert_true(found.test);

    user.action[0] = 'T';
    assert_false(pmode_find(list, 2, &user, &found, &base, &addressed));
    assert_true(addressed);
    user.to.id[0] = 'x';
    assert_false(pmode_find(list, 2, &user, &found, &base, &addressed));
    assert_false(addressed);
    header_free(&user);
}

static void test_no_agreement_is_not_any_agreement(void **state)
{
    struct pmode p = pmode_of(GW_B, GW_A);
    struct eb_user user = header(&p);

    (void)state;
    p.agreement = NULL;
    assert_false(pmode_fits(&p, &user));
    mem_free(&user.agreement);
    assert_true(pmode_fits(&p, &user));
    p.agreement = "urn:example:agreement:1";
    assert_false(pmode_fits(&p, &user));
    header_free(&user);
}

/* --- digests ------------------------------------------------------------------------------------ */

static void three(struct as4_digests *d, const char *order)
{
    for (; *order != '\0'; order++) {
        char uri[] = { 'c', 'i', 'd', ':', *order, '\0' }, octets[32];

        memset(octets, *order, sizeof octets);
        as4_digests_add(d, uri, "urn:t", DIGEST_SHA256, octets, sizeof octets);
    }
}

static void test_digests_are_a_set(void **state)
{
    AUTO(as4_digests_free) struct as4_digests a = { 0 };
    AUTO(as4_digests_free) struct as4_digests b = { 0 };
    AUTO(as4_digests_free) struct as4_digests c = { 0 };
    unsigned char fa[AS4_FINGERPRINT], fb[AS4_FINGERPRINT], fc[AS4_FINGERPRINT];

    (void)state;
    three(&a, "abc");
    three(&b, "cab");
    three(&c, "aab");
    assert_true(as4_digests_equal(&a, &b));
    assert_false(as4_digests_equal(&a, &c));
    as4_digests_fingerprint(&a, fa);
    as4_digests_fingerprint(&b, fb);
    as4_digests_fingerprint(&c, fc);
    assert_memory_equal(fa, fb, sizeof fa);
    assert_memory_not_equal(fa, fc, sizeof fa);
    b.items[1].octets[31] ^= 1;
    assert_false(as4_digests_equal(&a, &b));
    b.items[1].octets[31] ^= 1;
    b.items[1].transform[0] = 'x';
    assert_false(as4_digests_equal(&a, &b));
}

static void test_digests_thaw(void **state)
{
    AUTO(as4_digests_free) struct as4_digests a = { 0 };
    AUTO(as4_digests_free) struct as4_digests b = { 0 };
    AUTO(buf_free) struct buf frozen = BUF_INIT(AS4_DIGESTS_MAX);
    struct err err = { 0 };

    (void)state;
    three(&a, "abc");
    as4_digests_freeze(&a, &frozen);
    assert_true(as4_digests_thaw(frozen.data, frozen.len, &b, &err));
    assert_true(as4_digests_equal(&a, &b));
    for (size_t len = 0; len < frozen.len; len++) {
        AUTO(as4_digests_free) struct as4_digests cut = { 0 };

        if (as4_digests_thaw(frozen.data, len, &cut, &err))
            assert_false(as4_digests_equal(&a, &cut) && len + 1 < frozen.len);
        else
            assert_string_equal(err.code, "as4.frozen");
    }
}

static void test_codes(void **state)
{
    enum as4_code code;

    (void)state;
    for (unsigned i = 0; i < AS4_CODE_COUNT; i++) {
        assert_true(as4_code_parse(as4_fault(i)->code, &code));
        assert_int_equal(code, i);
        assert_true(as4_code_parse(as4_fault(i)->code + 5, &code));
        assert_true(as4_fault(i)->description[0] != '\0');
    }
    assert_false(as4_code_parse("EBMS:9999", &code));
    assert_false(as4_code_parse(NULL, &code));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_defaults_take_only_what_is_agreed),
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_no_agreement_is_not_any_agreement),
        cmocka_unit_test(test_digests_are_a_set),
        cmocka_unit_test(test_digests_thaw),
        cmocka_unit_test(test_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
