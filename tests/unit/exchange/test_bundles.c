/* Installed bundles: which is in force, what they map, and one that no longer reads. */
#include "support_exchange.h"

#include <pthread.h>

#include "agreement/bundle.h"
#include "base/log.h"
#include "exchange/bundles.h"
#include "model/fileset.h"
#include "model/findings.h"
#include "store/bundles.h"

static struct bundles *load(struct desk *d)
{
    struct bundles *all = NULL;

    OK((all = bundles_load(d->store, &err)) != NULL);
    return all;
}

static void test_none(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    AUTO(bundles_free) struct bundles *all = load(&d);
    assert_int_equal(bundles_count(all), 0);
    assert_null(bundles_in_force(all, "MDUA-1"));
    assert_null(bundles_by_digest(all, ""));
    bundles_free(&all);
    desk_close(&d);
}

/* The newer one is in force; cases that began under the older still find it. */
static void test_two_of_one(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_install(&d, "MDUA-1");
    AUTO(bundles_free) struct bundles *first = load(&d);
    const struct bundle *one = bundles_in_force(first, "MDUA-1");
    assert_non_null(one);
    assert_int_equal(strlen(one->digest), 64);
    desk_install_other(&d, "MDUA-1");
    AUTO(bundles_free) struct bundles *all = load(&d);
    assert_int_equal(bundles_count(all), 2);
    const struct bundle *now = bundles_in_force(all, "MDUA-1");
    assert_string_not_equal(now->digest, one->digest);
    assert_ptr_equal(bundles_by_digest(all, now->digest), now);
    const struct bundle *before = bundles_by_digest(all, one->digest);
    assert_non_null(before);
    assert_false(before->in_force);
    bundles_free(&first);
    bundles_free(&all);
    desk_close(&d);
}

static void test_between(void **state)
{
    AUTO(strlist_free) struct strlist ids = { 0 }, none = { 0 };
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_install(&d, "MDUA-1");
    desk_install_other(&d, "MDUA-1");
    desk_install(&d, "MDUABY-3");
    AUTO(bundles_free) struct bundles *all = load(&d);
    bundles_between(all, "MD-GW1", "UA-GW1", &ids);
    assert_int_equal(ids.count, 2); /* each once */
    assert_true(strlist_has(&ids, "MDUA-1"));
    assert_true(strlist_has(&ids, "MDUABY-3"));
    bundles_between(all, "MD-GW1", "AL-GW1", &none);
    assert_int_equal(none.count, 0);
    /* A partner's P-Modes follow: one per agreement. */
    desk_partner(&d, &desk_ua, 1, "");
    desk_snapshot(&d);
    AUTO(snapshot_release) const struct snapshot *s = snapshot_hold(d.x.box);
    const struct partner *ua = snapshot_partner(s, "UA-GW1");
    assert_int_equal(ua->agreement_count, 2);
    assert_string_equal(partner_pmode(ua, "MDUABY-3")->agreement, "MDUABY-3");
    assert_null(partner_pmode(ua, "ALUA-1"));
    snapshot_release(&s);
    bundles_free(&all);
    desk_close(&d);
}

static void test_mappings(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_install(&d, "MDUA-1");
    AUTO(bundles_free) struct bundles *all = load(&d);
    const struct bundle *b = bundles_in_force(all, "MDUA-1");
    const struct mapping *md = NULL, *again = NULL;
    OK((md = bundle_mapping(b, "MD-referral/1.2", &err)) != NULL);
    OK((again = bundle_mapping(b, "MD-referral/1.2", &err)) != NULL);
    assert_ptr_equal(md, again); /* compiled once */
    assert_string_equal(mapping_media_type(md), "application/json");
    FAILS(bundle_mapping(b, "AL-referim/1.0", &err) != NULL, ERR_CONFIG,
          "bundle.no-mapping");
    OK(bundle_check(b, &report, &err));
    assert_int_equal(report_errors(&report), 0);
    bundles_free(&all);
    desk_close(&d);
}

static void *compile_main(void *arg)
{
    struct err err = { 0 };

    return (void *)(uintptr_t)bundle_mapping(arg, "UA-napravlennia/2.0", &err);
}

/* Four ask for the same mapping at once: one is made. */
static void test_at_once(void **state)
{
    struct desk d;
    pthread_t ids[4];
    void *got[4];

    (void)state;
    desk_open(&d, &desk_md);
    desk_install(&d, "MDUA-1");
    AUTO(bundles_free) struct bundles *all = load(&d);
    const struct bundle *b = bundles_in_force(all, "MDUA-1");
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&ids[i], NULL, compile_main, (void *)(uintptr_t)b), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(ids[i], &got[i]);
    assert_non_null(got[0]);
    for (size_t i = 1; i < 4; i++)
        assert_ptr_equal(got[i], got[0]);
    bundles_free(&all);
    desk_close(&d);
}

static bool junk_work(struct store_tx *tx, void *ctx, struct err *err)
{
    static const char junk[] = "this was a bundle of a later version";
    char digest[STORE_HASH_TEXT];
    bool already;

    (void)ctx;
    exchange_sha256(junk, sizeof junk - 1, digest);
    return bundle_add(tx, digest, "LATER-1", "9", junk, sizeof junk - 1, "test", &already,
                      err) &&
           bundle_set_in_force(tx, digest, err);
}

/* One that does not read is left out; the others go on. */
static void test_left_out(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_run(&d, junk_work, NULL);
    desk_install(&d, "MDUA-1");
    log_set_fd(-1);
    AUTO(bundles_free) struct bundles *all = load(&d);
    log_set_fd(2);
    assert_int_equal(bundles_count(all), 1);
    assert_null(bundles_in_force(all, "LATER-1"));
    assert_non_null(bundles_in_force(all, "MDUA-1"));
    bundles_free(&all);
    desk_close(&d);
}

/* Cut at places all over its length, or with an octet changed: never opened. */
static void test_spoiled(void **state)
{
    AUTO(fileset_free) struct fileset *tree = NULL, *files = NULL;
    AUTO(buf_free) struct buf packed = BUF_INIT(BUNDLE_OCTETS_MAX);
    uint32_t seed = 7;

    (void)state;
    OK((tree = bundle_tree(".", &err)) != NULL);
    OK((files = bundle_collect(tree, "MDUA-1", &err)) != NULL);
    bundle_pack(files, &packed);
    for (size_t i = 0; i < 40; i++) {
        AUTO(report_free) struct report report = { 0 };
        struct err err = { 0 };
        const size_t len = i * packed.len / 40;

        assert_null(bundle_open(packed.data, len, &report, &err));
        assert_non_null(err.code);
    }
    for (size_t i = 0; i < 40; i++) {
        AUTO(report_free) struct report report = { 0 };
        struct err err = { 0 };
        char *octets = (char *)packed.data;

        seed = seed * 1664525u + 1013904223u;
        const size_t at = seed % packed.len;
        octets[at] ^= 0x20;
        assert_null(bundle_open(packed.data, packed.len, &report, &err));
        octets[at] ^= 0x20;
    }
    AUTO(report_free) struct report report = { 0 };
    AUTO(bundle_free) struct bundle *whole = NULL;
    OK((whole = bundle_open(packed.data, packed.len, &report, &err)) != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),    cmocka_unit_test(test_two_of_one),
        cmocka_unit_test(test_between), cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_at_once), cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_spoiled),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
