/* The counted whole: built or refused, held through replacements, seen by many threads. */
#include "support_exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/file.h"
#include "exchange/bundles.h"
#include "pki/cert.h"

static void test_what_it_holds(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_partner(&d, &desk_ua, 8443, "");
    desk_snapshot(&d);
    AUTO(snapshot_release) const struct snapshot *s = snapshot_hold(d.x.box);
    assert_string_equal(s->own.id, "MD-GW1");
    assert_string_equal(snapshot_office(s, "MD-COORD")->form, "MD-referral/1.2");
    assert_null(snapshot_office(s, "UA-COORD"));
    assert_null(snapshot_office(s, NULL));
    assert_string_equal(snapshot_partner(s, "UA-GW1")->country, "UA");
    assert_null(snapshot_partner(s, "MD-GW1"));
    assert_string_equal(s->keys.seal_key, "seal");
    assert_int_equal(s->keys.own_seals->count, 1);
    assert_int_equal(s->keys.decrypt.certs->count, 1);
    assert_string_equal(s->keys.decrypt.ids[0], "encrypt");
    assert_true(cert_same(s->keys.sign.cert, signer_cert(d.signer, "sign")));
    assert_int_equal(bundles_count(s->bundles), 0);
    snapshot_release(&s);
    desk_close(&d);
}

/* Everything in it is its own: what it was built from may go. */
static void test_texts_are_copied(void **state)
{
    struct desk d;
    char id[] = "MD-CONS", form[] = "MD-referral/1.2";

    (void)state;
    desk_open(&d, &desk_md);
    d.offices[d.office_count++] =
        (struct office){ .id = id, .form = form, .language = "ro", .role = "consulate" };
    desk_snapshot(&d);
    memset(id, 'x', sizeof id - 1);
    memset(form, 'x', sizeof form - 1);
    AUTO(snapshot_release) const struct snapshot *s = snapshot_hold(d.x.box);
    assert_string_equal(snapshot_office(s, "MD-CONS")->form, "MD-referral/1.2");
    snapshot_release(&s);
    desk_close(&d);
}

/* --- refused whole --------------------------------------------------------------------------- */

static void refused(struct desk *d, const char *code)
{
    struct err err = { 0 };
    struct snapshot *s = snapshot_build(&d->source, d->store, &err);

    assert_null(s);
    assert_string_equal(err.code, code);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_refused(void **state)
{
    struct desk d;
    const char *said;

    (void)state;
    desk_open(&d, &desk_md);
    desk_partner(&d, &desk_ua, 8443, "");
    desk_snapshot(&d);

    said = d.source.sign_key;
    d.source.sign_key = "nosuch";
    refused(&d, "snapshot.key");
    d.source.sign_key = said;

    said = d.source.seal_key;
    d.source.seal_key = "nosuch";
    refused(&d, "snapshot.key");
    d.source.seal_key = said;

    strlist_add(&d.decrypt, "encrypt-2025");
    refused(&d, "snapshot.key");
    strlist_free(&d.decrypt);
    strlist_add(&d.decrypt, "encrypt");

    said = d.source.partners_dir;
    d.source.partners_dir = "/nowhere";
    refused(&d, "snapshot.partners");
    d.source.partners_dir = said;

    AUTO(mem_free) char *twice = mem_printf("%s/copy.json", d.partners);
    AUTO(mem_free) char *once = mem_printf("%s/UA-GW1.json", d.partners);
    assert_int_equal(link(once, twice), 0);
    refused(&d, "snapshot.partner-twice");
    unlink(twice);

    desk_partner(&d, &desk_md, 8443, "");
    refused(&d, "snapshot.partner-twice"); /* ourselves */
    AUTO(mem_free) char *own = mem_printf("%s/MD-GW1.json", d.partners);
    unlink(own);

    desk_partner(&d, &desk_ua, 8443,
                 ", \"pmodes\": [{\"id\": \"t\", \"content\": \"opaque\", \"office\": "
                 "\"MD-NOBODY\", \"service\": \"s\", \"action\": \"a\"}]");
    refused(&d, "snapshot.office");

    desk_partner(&d, &desk_ua, 8443, ", \"sender\": 2");
    refused(&d, "json.unknown-key");
    desk_close(&d);
}

/* Files that are no partners are passed over. */
static void test_other_files(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_partner(&d, &desk_ua, 8443, "");
    AUTO(mem_free) char *note = mem_printf("%s/README", d.partners);
    AUTO(mem_free) char *hidden = mem_printf("%s/.UA-GW1.json", d.partners);
    write_text(note, "who is who");
    write_text(hidden, "{");
    desk_snapshot(&d);
    AUTO(snapshot_release) const struct snapshot *s = snapshot_hold(d.x.box);
    assert_int_equal(s->partner_count, 1);
    snapshot_release(&s);
    desk_close(&d);
}

/* --- held and replaced ----------------------------------------------------------------------- */

/* Who holds one keeps it whole, whatever comes after; who asks anew gets the new one. */
static void test_held_through_replace(void **state)
{
    struct desk d;

    (void)state;
    desk_open(&d, &desk_md);
    desk_partner(&d, &desk_ua, 1111, "");
    desk_snapshot(&d);
    AUTO(snapshot_release) const struct snapshot *before = snapshot_hold(d.x.box);
    desk_partner(&d, &desk_ua, 2222, "");
    desk_snapshot(&d);
    AUTO(snapshot_release) const struct snapshot *after = snapshot_hold(d.x.box);
    assert_ptr_not_equal(before, after);
    assert_string_equal(snapshot_partner(before, "UA-GW1")->url,
                        "https://localhost:1111/as4");
    assert_string_equal(snapshot_partner(after, "UA-GW1")->url,
                        "https://localhost:2222/as4");
    /* Also when the box has gone. */
    snapshot_box_free(&d.x.box);
    assert_string_equal(snapshot_partner(before, "UA-GW1")->url,
                        "https://localhost:1111/as4");
    snapshot_release(&before);
    assert_null(before);
    snapshot_release(&after);
    desk_close(&d);
}

#define HOLDERS      4
#define REPLACEMENTS 40

struct crowd {
    struct snapshot_box *box;
    atomic_bool over;
    atomic_uint held;
};

static void *hold_often(void *arg)
{
    struct crowd *c = arg;

    while (!atomic_load(&c->over)) {
        const struct snapshot *s = snapshot_hold(c->box);
        const struct partner *p = snapshot_partner(s, "UA-GW1");

        /* A torn or freed one shows itself to the address sanitizer here. */
        if (p == NULL || strlen(p->url) < 20 || snapshot_office(s, "MD-COORD") == NULL)
            abort();
        atomic_fetch_add(&c->held, 1);
        snapshot_release(&s);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct desk d;
    struct crowd crowd = { 0 };
    pthread_t ids[HOLDERS];

    (void)state;
    desk_open(&d, &desk_md);
    desk_partner(&d, &desk_ua, 8443, "");
    desk_snapshot(&d);
    crowd.box = d.x.box;
    for (size_t i = 0; i < HOLDERS; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, hold_often, &crowd), 0);
    for (size_t i = 0; i < REPLACEMENTS; i++)
        desk_snapshot(&d);
    atomic_store(&crowd.over, true);
    for (size_t i = 0; i < HOLDERS; i++)
        pthread_join(ids[i], NULL);
    assert_true(atomic_load(&crowd.held) > REPLACEMENTS);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_holds),
        cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_held_through_replace),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
