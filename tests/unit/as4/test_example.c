/* The exchange of tests/golden/as4/example-8: taken whole, its answers judged. */
#include "support_as4.h"

#include <string.h>

#include <libxml/parser.h>

#include "base/body.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/str.h"

#define MESSAGE_ID "0b7c2c1e-5f0e-4f0a-9a0f-6d0f3c5d7a11@gw-a.example"

/* Nobody has the private key any more: this signer knows the content key by heart. */
static bool known_key(struct signer *s, const char *key, struct oaep oaep,
                      const void *wrapped, size_t wrapped_len, void *out, size_t out_len,
                      bool *ret_genuine, struct err *err)
{
    (void)s, (void)wrapped, (void)err;
    assert_string_equal(key, "open-b");
    assert_int_equal(oaep.digest, OAEP_SHA256);
    assert_int_equal(oaep.mgf, OAEP_SHA256);
    assert_int_equal(wrapped_len, 256);
    for (size_t i = 0; i < out_len; i++)
        ((unsigned char *)out)[i] = (unsigned char)i;
    *ret_genuine = true;
    return true;
}

static const struct signer_ops heart_ops = { .unwrap = known_key };
static struct signer heart = { &heart_ops };

/* The one BinarySecurityToken of an envelope. */
static struct cert *token_in(const char *golden)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
    AUTO(buf_free) struct buf der = BUF_INIT(1u << 16);
    struct err err = { 0 };
    char *from;

    load_golden(golden, &text);
    from = strchr(strstr(text.data, "<wsse:BinarySecurityToken"), '>') + 1;
    assert_true(base64_decode(from, (size_t)(strchr(from, '<') - from), &der, &err));
    return cert_of_der(der.data, der.len, &err);
}

struct scene {
    struct cert *a, *b;
    struct certlist sign_a, own_b, sign_b;
    struct trust *trust_a, *trust_b;
    const char *ids[1];
    struct as4_own_keys own;
    struct receiver r;
    struct buf request, type;
};

static struct trust *pinned(const char *name, const struct certlist *certs)
{
    struct trust_rule rule = { .pinned = certs };
    struct trust *trust = trust_new(name);
    struct err err = { 0 };

    assert_true(trust_allow(trust, TRUST_SIGN, &rule, &err));
    return trust;
}

static void agree(struct pmode *p, bool from_a)
{
    pmode_defaults(p);
    p->id = "example";
    p->us.id = from_a ? "gw-a" : "gw-b";
    p->partner.id = from_a ? "gw-b" : "gw-a";
    p->agreement = "urn:example:agreement:1";
    p->service = "bdx:noprocess";
    p->service_type = "tc1";
    p->action = "TC1Leg1";
    p->opaque = true;
}

static void scene_init(struct scene *s)
{
    *s = (struct scene){ .request = BUF_INIT(1u << 20), .type = BUF_INIT(1024) };
    s->a = token_in("example-8/envelope.xml");
    s->b = token_in("example-8/receipt.xml");
    certlist_add(&s->sign_a, s->a);
    certlist_add(&s->sign_b, s->b);
    certlist_add(&s->own_b, s->b);
    s->trust_a = pinned("gw-a", &s->sign_a);
    s->trust_b = pinned("gw-b", &s->sign_b);
    s->ids[0] = "open-b";
    s->own = (struct as4_own_keys){ &s->own_b, s->ids };
    receiver_init(&s->r, GW_B);
    agree(&s->r.pmodes[0], false);
    s->r.count = 1;
    s->r.trust = s->trust_a;
    s->r.own = &s->own;
    s->r.gate.signer = &heart;
    load_golden("example-8/request.mime", &s->request);
    load_golden("example-8/content-type.txt", &s->type);
}

static void scene_free(struct scene *s)
{
    receiver_free(&s->r);
    trust_free(&s->trust_a);
    trust_free(&s->trust_b);
    certlist_free(&s->sign_a);
    certlist_free(&s->sign_b);
    certlist_free(&s->own_b);
    cert_free(&s->a);
    cert_free(&s->b);
    buf_free(&s->request);
    buf_free(&s->type);
}

static void taken(struct scene *s, struct as4_inbound *in)
{
    receive_wire(&s->r, s->request.data, s->request.len, buf_str(&s->type), in);
    if (in->verdict != AS4_TAKEN)
        fail_msg("%s: %s", in->refusal.local.code, in->refusal.local.text);
}

static void test_printed_digest(void **state)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
    char hex[65];

    (void)state;
    load_golden("example-8/envelope.xml", &text);
    sha256_hex(text.data, text.len, hex);
    assert_string_equal(
        hex, "79439f7a47b807ccab7fe100ca2ee40cef4621c4f7de191127c1fe47a2d1e478");
}

static void test_request_is_taken(void **state)
{
    struct as4_inbound in;
    struct scene s;
    char hex[65];

    (void)state;
    scene_init(&s);
    taken(&s, &in);
    assert_string_equal(in.message->user->message_id, MESSAGE_ID);
    assert_string_equal(in.message->user->conversation_id, "conv-4711@gw-a.example");
    assert_string_equal(eb_property(&in.message->user->properties, "originalSender"),
                        "C1");
    assert_int_equal(in.message->part_count, 2);
    assert_int_equal(in.message->digests.count, 4);
    assert_true(cert_same(in.message->signer_cert, s.a));

    AUTO(buf_free) struct buf xml = load_source(in.message->parts[0].content, 4096);
    AUTO(buf_free) struct buf png = load_source(in.message->parts[1].content, 4096);
    AUTO(buf_free)
    struct buf packed = load_source(in.message->parts[0].signed_octets, 4096);
    sha256_hex(xml.data, xml.len, hex);
    assert_string_equal(
        hex, "893a855b0fc2bf6f148dfff9306f26782cc0fb982e6a1a0c563571e9f6237d63");
    assert_int_equal(xml.len, 106);
    assert_int_equal(packed.len, 108);
    assert_int_equal(png.len, 70);
    assert_string_equal(in.message->parts[1].mime_type, "image/png");
    as4_inbound_free(&in);
    scene_free(&s);
}

/* Every octet of the header, changed one by one in turn, makes another message of it. */
static void test_no_octet_of_messaging_can_change(void **state)
{
    struct scene s;
    char *from, *to;

    (void)state;
    scene_init(&s);
    from = memmem(s.request.data, s.request.len, "<eb:Action>", 11);
    to = memmem(s.request.data, s.request.len, "</eb:PayloadInfo>", 17);
    for (char *p = from; p < to; p += 7) {
        struct as4_inbound in;
        char before = *p;

        *p ^= 1;
        receive_wire(&s.r, s.request.data, s.request.len, buf_str(&s.type), &in);
        assert_int_equal(in.verdict, AS4_REFUSED);
        as4_inbound_free(&in);
        *p = before;
    }
    scene_free(&s);
}

/* A message cut anywhere is refused, never taken, and never breaks anything. */
static void test_truncated(void **state)
{
    struct scene s;

    (void)state;
    scene_init(&s);
    for (size_t len = 0; len < s.request.len - 2; len += 97) {
        struct as4_inbound in;

        receive_wire(&s.r, s.request.data, len, buf_str(&s.type), &in);
        assert_int_equal(in.verdict, AS4_REFUSED);
        as4_inbound_free(&in);
    }
    scene_free(&s);
}

static void test_second_opinion(void **state)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
    struct as4_inbound in;
    struct scene s;
    xmlDoc *doc;

    (void)state;
    scene_init(&s);
    taken(&s, &in);
    AUTO(buf_free) struct buf one = load_source(in.message->parts[0].signed_octets, 4096);
    AUTO(buf_free) struct buf two = load_source(in.message->parts[1].signed_octets, 4096);
    const struct evp_part parts[] = {
        { in.message->parts[0].content_id, "application/gzip", one.data, one.len },
        { in.message->parts[1].content_id, "image/png", two.data, two.len },
    };
    load_golden("example-8/envelope.xml", &text);
    doc = xmlReadMemory(text.data, (int)text.len, NULL, NULL, XML_PARSE_NONET);
    assert_null(evp_verify(doc, cert_key(s.a), parts, 2));
    assert_non_null(evp_verify(doc, cert_key(s.b), parts, 2));
    two.data[5] ^= 1;
    assert_non_null(evp_verify(doc, cert_key(s.a), parts, 2));
    xmlFreeDoc(doc);

    buf_clear(&text);
    load_golden("example-8/receipt.xml", &text);
    doc = xmlReadMemory(text.data, (int)text.len, NULL, NULL, XML_PARSE_NONET);
    assert_null(evp_verify(doc, cert_key(s.b), NULL, 0));
    assert_non_null(evp_verify(doc, cert_key(s.a), NULL, 0));
    xmlFreeDoc(doc);
    as4_inbound_free(&in);
    scene_free(&s);
}

static void answer_of(const struct scene *s, const struct as4_digests *digests,
                      const char *golden, struct as4_outcome *ret)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
    struct as4_sent sent = { MESSAGE_ID, digests, false };
    struct as4_http http = { .status = 200,
                             .content_type = "application/soap+xml; charset=UTF-8" };
    struct pmode ours;

    agree(&ours, true);
    load_golden(golden, &text);
    http.body = text.data;
    http.len = text.len;
    as4_response_read(&http, &sent, &ours, s->trust_b, NOW, ret);
}

static void test_receipt_and_error(void **state)
{
    struct as4_outcome outcome;
    struct as4_inbound in;
    struct scene s;

    (void)state;
    scene_init(&s);
    taken(&s, &in);
    answer_of(&s, &in.message->digests, "example-8/receipt.xml", &outcome);
    if (outcome.kind != AS4_GOT_RECEIPT)
        fail_msg("%s: %s", outcome.local.code, outcome.local.text);
    as4_outcome_free(&outcome);
    in.message->digests.items[3].octets[0] ^= 1;
    answer_of(&s, &in.message->digests, "example-8/receipt.xml", &outcome);
    assert_int_equal(outcome.kind, AS4_GOT_INVALID_RECEIPT);
    assert_string_equal(outcome.local.code, "as4.receipt-digests");
    as4_outcome_free(&outcome);
    answer_of(&s, &in.message->digests, "example-8/error.xml", &outcome);
    assert_int_equal(outcome.kind, AS4_GOT_ERROR_UNSIGNED);
    assert_string_equal(outcome.code, "EBMS:0102");
    as4_outcome_free(&outcome);
    as4_inbound_free(&in);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printed_digest),
        cmocka_unit_test(test_request_is_taken),
        cmocka_unit_test(test_no_octet_of_messaging_can_change),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_second_opinion),
        cmocka_unit_test(test_receipt_and_error),
    };

    return cmocka_run_group_tests(tests, as4_setup, as4_teardown);
}
