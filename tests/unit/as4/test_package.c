/* Messages from gw-a to gw-b: packed, verified by other code, received, receipted. */
#include "support_as4.h"

#include <string.h>

#include <libxml/parser.h>

#include "as4/receipt.h"
#include "base/body.h"
#include "base/mem.h"
#include "base/str.h"

struct trip {
    const char *name;
    enum key sign, open;
    enum pmode_ref sign_ref, encrypt_ref;
    enum pmode_cipher cipher;
    unsigned parts;
};

static struct trip trips[] = {
    { "RSA-2048, BST, no part", KEY_SIGN_2048, KEY_OPEN_2048, PMODE_REF_BST,
      PMODE_REF_BST, PMODE_AES128_GCM, 0 },
    { "RSA-2048, BST, one part", KEY_SIGN_2048, KEY_OPEN_2048, PMODE_REF_BST,
      PMODE_REF_BST, PMODE_AES128_GCM, 1 },
    { "RSA-3072, SKI, two parts", KEY_SIGN_3072, KEY_OPEN_3072, PMODE_REF_SKI,
      PMODE_REF_SKI, PMODE_AES128_GCM, 2 },
    { "P-256, BST, RSA-2048 wrap", KEY_SIGN_EC, KEY_OPEN_2048, PMODE_REF_BST,
      PMODE_REF_SKI, PMODE_AES128_GCM, 2 },
    { "P-256, SKI, RSA-3072 wrap", KEY_SIGN_EC, KEY_OPEN_3072, PMODE_REF_SKI,
      PMODE_REF_BST, PMODE_AES128_GCM, 3 },
    { "issuer and serial both", KEY_SIGN_2048, KEY_OPEN_2048, PMODE_REF_ISSUER_SERIAL,
      PMODE_REF_ISSUER_SERIAL, PMODE_AES128_GCM, 2 },
    { "PKIPath both", KEY_SIGN_2048, KEY_OPEN_2048, PMODE_REF_PKIPATH, PMODE_REF_PKIPATH,
      PMODE_AES128_GCM, 2 },
    { "AES-256", KEY_SIGN_3072, KEY_OPEN_3072, PMODE_REF_BST, PMODE_REF_BST,
      PMODE_AES256_GCM, 2 },
    { "32 parts", KEY_SIGN_2048, KEY_OPEN_2048, PMODE_REF_BST, PMODE_REF_BST,
      PMODE_AES128_GCM, 32 },
};

static const char *const contents[] = {
    "<?xml version=\"1.0\"?><Referral><x>1</x></Referral>",
    "\x89PNG not a picture, but octets\r\n--MIME\r\n",
    "line one\nline two\r\n",
};
static const char *const types[] = { "application/xml", "image/png", "text/plain" };

static void pack_trip(const struct trip *t, struct letter *l)
{
    letter_init(l);
    l->sign = t->sign;
    l->open = t->open;
    l->pmode.security.sign = t->sign == KEY_SIGN_EC ? SIGN_ECDSA_SHA256 : SIGN_RSA_SHA256;
    l->pmode.security.sign_ref = t->sign_ref;
    l->pmode.security.encrypt_ref = t->encrypt_ref;
    l->pmode.security.cipher = t->cipher;
    for (unsigned i = 0; i < t->parts; i++)
        letter_add(l, types[i % 3], contents[i % 3], AS4_COMPRESS_AUTO);
    letter_pack(l);
}

static void says(const struct as4_inbound *in, enum as4_verdict want)
{
    if (in->verdict != want)
        fail_msg("%s: %s %s", as4_verdict_name(in->verdict),
                 in->refusal.local.code ? in->refusal.local.code : "",
                 in->refusal.local.text);
}

/* What other code says about the signature, over the parts as the receiver has them. */
static void second_opinion(const struct as4_message *m, EVP_PKEY *key)
{
    AUTO(buf_free) struct buf text = load_source(m->envelope, 1u << 20);
    struct buf octets[PMODE_PARTS_MAX];
    struct evp_part parts[PMODE_PARTS_MAX];
    xmlDoc *doc = xmlReadMemory(text.data, (int)text.len, NULL, NULL, XML_PARSE_NONET);
    const char *why;

    for (size_t i = 0; i < m->part_count; i++) {
        octets[i] = load_source(m->parts[i].signed_octets, 16u << 20);
        parts[i] = (struct evp_part){ m->parts[i].content_id, NULL, octets[i].data,
                                      octets[i].len };
    }
    why = evp_verify(doc, key, parts, m->part_count);
    assert_null(why);
    xmlFreeDoc(doc);
    for (size_t i = 0; i < m->part_count; i++)
        buf_free(&octets[i]);
}

static void same_parts(const struct as4_message *m, unsigned count)
{
    assert_int_equal(m->part_count, count);
    for (unsigned i = 0; i < count; i++) {
        AUTO(buf_free) struct buf text = load_source(m->parts[i].content, 1u << 20);
        AUTO(buf_free) struct buf again = load_source(m->parts[i].content, 1u << 20);

        assert_string_equal(m->parts[i].mime_type, types[i % 3]);
        assert_string_equal(buf_str(&text), contents[i % 3]);
        assert_int_equal(text.len, again.len);
        assert_int_equal(m->parts[i].compressed, i % 3 == 0);
    }
}

static void receipt_closes(const struct as4_message *m, const struct letter *l)
{
    const struct as4_signing signing = signing_of(GW_B, KEY_SIGN_2048);
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };
    struct pmode ours = pmode_of(GW_A, GW_B);
    struct as4_sent sent = { l->package->message_id, &l->package->digests, false };
    struct as4_http http;
    struct err err = { 0 };
    xmlDoc *doc;

    assert_true(as4_receipt_make(m, &signing, "gw-b.example", NOW, &answer, &err));
    doc = xmlReadMemory(answer.body.data, (int)answer.body.len, NULL, NULL,
                        XML_PARSE_NONET);
    assert_null(evp_verify(doc, gateways[GW_B].keys[KEY_SIGN_2048], NULL, 0));
    xmlFreeDoc(doc);
    http = (struct as4_http){ answer.http_status, answer.content_type, NULL,
                              answer.body.data, answer.body.len };
    as4_response_read(&http, &sent, &ours, gateways[GW_B].trust, NOW, &outcome);
    if (outcome.kind != AS4_GOT_RECEIPT)
        fail_msg("%s: %s", outcome.local.code, outcome.local.text);
}

static void test_trip(void **state)
{
    const struct trip *t = *state;
    struct receiver r;
    struct letter l;
    struct as4_inbound in;

    pack_trip(t, &l);
    receiver_init(&r, GW_B);
    r.pmodes[0].security.cipher_accept |= PMODE_BIT(PMODE_AES256_GCM);
    /* the receipt is always signed with the RSA key */
    receive_letter(&r, &l, &in);
    says(&in, AS4_TAKEN);
    assert_string_equal(in.message->user->message_id, l.package->message_id);
    assert_string_equal(in.message->partner, "gw-a");
    assert_false(in.message->test);
    assert_true(as4_digests_equal(&in.message->digests, &l.package->digests));
    same_parts(in.message, t->parts);
    second_opinion(in.message, gateways[GW_A].keys[t->sign]);
    receipt_closes(in.message, &l);
    as4_inbound_free(&in);
    receiver_free(&r);
    letter_free(&l);
}

/* --- large parts ------------------------------------------------------------------------------ */

static void fill_noise(struct buf *out, size_t len)
{
    uint64_t x = 88172645463325252u;
    char *at = buf_room(out, len);

    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        at[i] = (char)x;
    }
    buf_added(out, len);
}

struct large {
    const char *name;
    enum as4_compress how;
};

static struct large larges[] = { { "3 MB, octets", AS4_COMPRESS_NO },
                                 { "3 MB, gzip", AS4_COMPRESS_YES } };

static void test_large(void **state)
{
    const struct large *row = *state;
    AUTO(buf_free) struct buf noise = BUF_INIT(4u << 20);
    struct receiver r;
    struct letter l;
    struct as4_inbound in;

    fill_noise(&noise, 3u << 20);
    letter_init(&l);
    letter_two_parts(&l);
    l.owned[2] = source_of_memory(noise.data, noise.len);
    l.parts[2] = (struct as4_part_spec){ .octets = l.owned[2],
                                         .compress = row->how,
                                         .mime_type = "application/pdf" };
    l.part_count = 3;
    letter_pack(&l);
    receiver_init(&r, GW_B);
    receive_letter(&r, &l, &in);
    says(&in, AS4_TAKEN);
    for (int pass = 0; pass < 2; pass++) {
        AUTO(buf_free)
        struct buf got = load_source(in.message->parts[2].content, 4u << 20);

        assert_int_equal(got.len, noise.len);
        assert_memory_equal(got.data, noise.data, noise.len);
    }
    as4_inbound_free(&in);
    receiver_free(&r);
    letter_free(&l);
}

/* --- freezing --------------------------------------------------------------------------------- */

static void freeze(const struct letter *l, struct buf *out)
{
    struct err err = { 0 };

    assert_true(as4_package_freeze(l->package, out, &err));
}

static void test_thaw_gives_the_same_octets(void **state)
{
    AUTO(buf_free) struct buf frozen = BUF_INIT(AS4_FROZEN_MAX);
    AUTO(as4_package_free) struct as4_package *thawed = NULL;
    const struct source *octets[2];
    struct err err = { 0 };
    struct letter l;

    (void)state;
    letter_init(&l);
    letter_two_parts(&l);
    letter_pack(&l);
    freeze(&l, &frozen);
    for (size_t i = 0; i < 2; i++)
        octets[i] = l.package->parts[i].octets;
    assert_true(as4_package_thaw(frozen.data, frozen.len, octets, 2, &thawed, &err));
    assert_string_equal(thawed->content_type, l.package->content_type);
    for (int pass = 0; pass < 2; pass++) {
        AUTO(source_free) struct source *wire = as4_package_wire(thawed);
        AUTO(buf_free) struct buf again = load_source(wire, 1u << 20);

        assert_int_equal(again.len, l.wire.len);
        assert_memory_equal(again.data, l.wire.data, l.wire.len);
    }
    letter_free(&l);
}

static void test_thaw_refuses_what_is_not_its_own(void **state)
{
    AUTO(buf_free) struct buf frozen = BUF_INIT(AS4_FROZEN_MAX);
    AUTO(as4_package_free) struct as4_package *thawed = NULL;
    AUTO(source_free) struct source *other = source_of_memory("x", 1);
    const struct source *octets[2];
    struct err err = { 0 };
    struct letter l;

    (void)state;
    letter_init(&l);
    letter_two_parts(&l);
    letter_pack(&l);
    freeze(&l, &frozen);
    octets[0] = l.package->parts[0].octets;
    octets[1] = other;
    assert_false(as4_package_thaw(frozen.data, frozen.len, octets, 2, &thawed, &err));
    assert_string_equal(err.code, "as4.frozen");
    octets[1] = l.package->parts[1].octets;
    assert_false(as4_package_thaw(frozen.data, frozen.len, octets, 1, &thawed, &err));
    for (size_t len = 0; len < frozen.len; len += 1 + len / 50) {
        err = (struct err){ 0 };
        assert_false(as4_package_thaw(frozen.data, len, octets, 2, &thawed, &err));
        assert_string_equal(err.code, "as4.frozen");
    }
    letter_free(&l);
}

/* The IV of a part serves one content: other octets under it must not leave. */
static void test_changed_part_does_not_leave(void **state)
{
    AUTO(buf_free) struct buf frozen = BUF_INIT(AS4_FROZEN_MAX);
    AUTO(buf_free) struct buf sent = BUF_INIT(1u << 20);
    AUTO(as4_package_free) struct as4_package *thawed = NULL;
    AUTO(source_free) struct source *wire = NULL;
    AUTO(source_free) struct source *other = NULL;
    const struct source *octets[2];
    struct err err = { 0 };
    struct letter l;

    (void)state;
    letter_init(&l);
    letter_two_parts(&l);
    letter_pack(&l);
    freeze(&l, &frozen);
    AUTO(buf_free) struct buf copy = load_source(l.package->parts[1].octets, 1000);
    copy.data[3] ^= 1;
    other = source_of_memory(copy.data, copy.len);
    octets[0] = l.package->parts[0].octets;
    octets[1] = other;
    assert_true(as4_package_thaw(frozen.data, frozen.len, octets, 2, &thawed, &err));
    wire = as4_package_wire(thawed);
    assert_false(source_load(wire, &sent, &err));
    assert_string_equal(err.code, "as4.part-changed");
    letter_free(&l);
}

/* --- what is not packed ------------------------------------------------------------------------ */

struct refusal {
    const char *name;
    void (*spoil)(struct letter *l, struct as4_spec *spec);
    const char *code;
};

static void no_action(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.action = NULL;
}

static void bad_id(struct letter *l, struct as4_spec *spec)
{
    (void)l;
    spec->message_id = "no-at-sign";
}

static void plus_in_cid(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->parts[0].content_id = "a+b@c";
}

static void cid_twice(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->parts[0].content_id = l->parts[1].content_id = "a@b";
}

static void too_many(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.parts_max = 1;
}

static void too_large(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.wire_max = 40;
}

static void gzip_too_large(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.part_max = 10;
}

static void wrong_algorithm(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.security.sign = SIGN_ECDSA_SHA256;
}

static void ec_recipient(struct letter *l, struct as4_spec *spec)
{
    (void)l;
    spec->encrypt_cert = gateways[GW_B].certs[KEY_SIGN_EC];
}

static void thumbprint(struct letter *l, struct as4_spec *spec)
{
    (void)spec;
    l->pmode.security.sign_ref = PMODE_REF_THUMBPRINT;
}

static void control_octet(struct letter *l, struct as4_spec *spec)
{
    (void)l;
    spec->conversation_id = "a\x01";
}

static struct refusal refusals[] = {
    { "no action", no_action, "as4.pmode" },
    { "message id without @", bad_id, "as4.value" },
    { "plus in a Content-ID", plus_in_cid, "as4.value" },
    { "one Content-ID twice", cid_twice, "as4.value" },
    { "more parts than agreed", too_many, "as4.parts" },
    { "part larger than agreed", too_large, "as4.part-too-large" },
    { "gzip above the inflated cap", gzip_too_large, "as4.part-too-large" },
    { "RSA key, ECDSA algorithm", wrong_algorithm, "pki.key-type" },
    { "recipient without RSA key", ec_recipient, "pki.key-type" },
    { "thumbprint is not sent", thumbprint, "as4.key-reference" },
    { "control octet in the header", control_octet, "as4.value" },
};

static void test_refusal(void **state)
{
    const struct refusal *row = *state;
    const struct as4_signing signing = signing_of(GW_A, KEY_SIGN_2048);
    struct err err = { 0 };
    struct letter l;

    letter_init(&l);
    letter_two_parts(&l);
    struct as4_spec spec = { .pmode = &l.pmode,
                             .host = "gw-a.example",
                             .conversation_id = "case-1",
                             .timestamp_ms = NOW,
                             .parts = l.parts,
                             .part_count = l.part_count,
                             .signing = &signing,
                             .encrypt_cert = gateways[GW_B].certs[KEY_OPEN_2048] };
    row->spoil(&l, &spec);
    assert_false(as4_package_make(&spec, &l.package, &err));
    assert_string_equal(err.code, row->code);
    letter_free(&l);
}

static void test_test_service_is_not_delivered(void **state)
{
    struct receiver r;
    struct letter l;
    struct as4_inbound in;

    (void)state;
    letter_init(&l);
    letter_two_parts(&l);
    l.pmode = pmode_test(&l.pmode);
    letter_pack(&l);
    receiver_init(&r, GW_B);
    receive_letter(&r, &l, &in);
    says(&in, AS4_TAKEN);
    assert_true(in.message->test);
    receipt_closes(in.message, &l);
    as4_inbound_free(&in);
    receiver_free(&r);
    letter_free(&l);
}

int main(void)
{
    struct CMUnitTest
        tests[COUNT_OF(trips) + COUNT_OF(larges) + COUNT_OF(refusals) + 4] = {
            cmocka_unit_test(test_thaw_gives_the_same_octets),
            cmocka_unit_test(test_thaw_refuses_what_is_not_its_own),
            cmocka_unit_test(test_changed_part_does_not_leave),
            cmocka_unit_test(test_test_service_is_not_delivered),
        };
    size_t n = 4;

    for (size_t i = 0; i < COUNT_OF(trips); i++)
        tests[n++] = (struct CMUnitTest){ .name = trips[i].name,
                                          .test_func = test_trip,
                                          .initial_state = &trips[i] };
    for (size_t i = 0; i < COUNT_OF(larges); i++)
        tests[n++] = (struct CMUnitTest){ .name = larges[i].name,
                                          .test_func = test_large,
                                          .initial_state = &larges[i] };
    for (size_t i = 0; i < COUNT_OF(refusals); i++)
        tests[n++] = (struct CMUnitTest){ .name = refusals[i].name,
                                          .test_func = test_refusal,
                                          .initial_state = &refusals[i] };
    return cmocka_run_group_tests(tests, as4_setup, as4_teardown);
}
