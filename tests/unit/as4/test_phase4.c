/* Messages and receipts of another product, as they were on the wire. */
#include "support_as4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>

#include "base/body.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

#define CASES_MAX 64

struct message {
    char *name;
    const struct json_doc *doc;
    json_t *row;
};

static struct json_doc *all;
static struct message messages[CASES_MAX];
static size_t message_count;

static const char *field(const struct message *m, const char *key)
{
    const char *value = json_string_value(json_object_get(m->row, key));

    assert_non_null(value);
    return value;
}

static char *path_of(const char *file)
{
    return mem_printf("tests/golden/as4/phase4/%s", file);
}

static struct cert *load_cert(const char *file)
{
    AUTO(mem_free) char *path = path_of(file);
    struct err err = { 0 };
    struct cert *cert = cert_load(path, &err);

    if (cert == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return cert;
}

/* The corpus keeps its keys readable; the signer wants them private: copy first. */
static struct signer *open_key(const struct message *m)
{
    AUTO(mem_free) char *cert = path_of(field(m, "recipient"));
    AUTO(buf_free) struct buf pem = BUF_INIT(65536);
    AUTO(mem_free) char *name = mem_printf("phase4/%s", field(m, "recipientKey"));
    char copy[] = "/tmp/test-as4-key-XXXXXX";
    int fd = mkstemp(copy);
    struct signer_key_file key = { "open", copy, cert };
    struct err err = { 0 };
    struct signer *signer;

    load_golden(name, &pem);
    assert_int_equal(write(fd, pem.data, pem.len), pem.len);
    close(fd);
    signer = signer_open_files(&(struct signer_files){ &key, 1, NULL, 0 }, &err);
    unlink(copy);
    if (signer == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return signer;
}

static struct trust *trust_in(const char *name, const char *file)
{
    AUTO(certlist_free) struct certlist list = { 0 };
    AUTO(cert_free) struct cert *cert = load_cert(file);
    struct trust_rule rule = { .pinned = &list };
    struct trust *trust = trust_new(name);
    struct err err = { 0 };

    certlist_add(&list, cert);
    assert_true(trust_allow(trust, TRUST_SIGN, &rule, &err));
    return trust;
}

static void agree(struct pmode *p, bool from_a)
{
    pmode_defaults(p);
    p->id = "phase4";
    p->us.id = from_a ? "peer-a" : "peer-b";
    p->partner.id = from_a ? "peer-b" : "peer-a";
    p->agreement = "urn:example:agreement:1";
    p->service = "bdx:noprocess";
    p->service_type = "tc1";
    p->action = "TC1Leg1";
    p->security.sign_accept |= PMODE_BIT(SIGN_ECDSA_SHA256) | PMODE_BIT(SIGN_RSA_SHA384);
    p->security.digest_accept |= PMODE_BIT(DIGEST_SHA384);
    p->security.cipher_accept |= PMODE_BIT(PMODE_AES256_GCM);
}

static void compare_part(const struct as4_part *part, json_t *want)
{
    AUTO(buf_free) struct buf content = load_source(part->content, 1u << 24);
    char hex[65];

    sha256_hex(content.data, content.len, hex);
    assert_string_equal(hex, json_string_value(json_object_get(want, "sha256")));
    assert_string_equal(part->mime_type,
                        json_string_value(json_object_get(want, "mimeType")));
    assert_int_equal(part->compressed, json_is_true(json_object_get(want, "compressed")));
}

static void second_opinion(const struct as4_message *m, const struct message *row,
                           json_t *parts)
{
    AUTO(cert_free) struct cert *signer = load_cert(field(row, "signer"));
    AUTO(buf_free) struct buf text = load_source(m->envelope, 1u << 20);
    xmlDoc *doc = xmlReadMemory(text.data, (int)text.len, NULL, NULL, XML_PARSE_NONET);
    struct buf octets[PMODE_PARTS_MAX];
    struct evp_part list[PMODE_PARTS_MAX];

    for (size_t i = 0; i < m->part_count; i++) {
        json_t *part = json_array_get(parts, i);
        bool packed = json_is_true(json_object_get(part, "compressed"));

        octets[i] = load_source(m->parts[i].signed_octets, 1u << 24);
        list[i] = (struct evp_part){
            m->parts[i].content_id,
            packed ? NULL : json_string_value(json_object_get(part, "mimeType")),
            octets[i].data, octets[i].len
        };
    }
    assert_null(evp_verify(doc, cert_key(signer), list, m->part_count));
    xmlFreeDoc(doc);
    for (size_t i = 0; i < m->part_count; i++)
        buf_free(&octets[i]);
}

static void receipt_holds(const struct message *row, const struct as4_message *m)
{
    AUTO(trust_free)
    struct trust *trust = trust_in("peer-b", field(row, "receiptSigner"));
    AUTO(mem_free) char *file = mem_printf("phase4/%s.receipt", row->name);
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);
    struct as4_sent sent = { m->user->message_id, &m->digests, false };
    struct as4_outcome outcome;
    struct as4_http http;
    struct pmode ours;

    agree(&ours, true);
    load_golden(file, &text);
    http = (struct as4_http){ 200, field(row, "receiptContentType"), NULL, text.data,
                              text.len };
    as4_response_read(&http, &sent, &ours, trust, NOW, &outcome);
    if (outcome.kind != AS4_GOT_RECEIPT)
        fail_msg("%s: %s", outcome.local.code, outcome.local.text);
    as4_outcome_free(&outcome);
}

static void test_message(void **state)
{
    const struct message *row = *state;
    AUTO(mem_free) char *file = mem_printf("phase4/%s.request", row->name);
    AUTO(signer_free) struct signer *signer = open_key(row);
    AUTO(trust_free) struct trust *trust = trust_in("peer-a", field(row, "signer"));
    AUTO(cert_free) struct cert *own = load_cert(field(row, "recipient"));
    AUTO(certlist_free) struct certlist own_certs = { 0 };
    AUTO(buf_free) struct buf body = BUF_INIT(1u << 24);
    const char *const ids[] = { "open" };
    const struct as4_own_keys keys = { &own_certs, ids };
    json_t *parts = json_object_get(row->row, "parts");
    struct as4_inbound in;
    struct receiver r;

    certlist_add(&own_certs, own);
    load_golden(file, &body);
    receiver_init(&r, GW_B);
    agree(&r.pmodes[0], false);
    r.count = 1;
    r.trust = trust;
    r.own = &keys;
    r.gate.signer = signer;
    receive_wire(&r, body.data, body.len, field(row, "contentType"), &in);
    if (in.verdict != AS4_TAKEN)
        fail_msg("%s: %s", in.refusal.local.code, in.refusal.local.text);
    assert_int_equal(in.message->part_count, json_array_size(parts));
    for (size_t i = 0; i < in.message->part_count; i++)
        compare_part(&in.message->parts[i], json_array_get(parts, i));
    second_opinion(in.message, row, parts);
    receipt_holds(row, in.message);
    as4_inbound_free(&in);
    receiver_free(&r);
}

static void load_index(void)
{
    struct err err = { 0 };

    all = json_doc_load("tests/golden/as4/phase4/index.json", NULL, &err);
    if (all == NULL) {
        printf("%s: %s\n", err.code, err.text);
        return;
    }
    for (size_t i = 0; i < json_array_size(all->root) && i < CASES_MAX; i++) {
        json_t *row = json_array_get(all->root, i);

        messages[message_count++] =
            (struct message){ mem_strdup(json_string_value(json_object_get(row, "case"))),
                              all, row };
    }
}

int main(void)
{
    struct CMUnitTest tests[CASES_MAX];
    int failed;

    load_index();
    for (size_t i = 0; i < message_count; i++)
        tests[i] = (struct CMUnitTest){ .name = messages[i].name,
                                        .test_func = test_message,
                                        .initial_state = &messages[i] };
    failed =
        _cmocka_run_group_tests("phase4", tests, message_count, as4_setup, as4_teardown);
    for (size_t i = 0; i < message_count; i++)
        mem_free(&messages[i].name);
    json_doc_free(&all);
    return failed + (message_count == 0);
}
