/* What an answer means: receipts right and wrong, errors signed or not, bare statuses. */
#include "support_as4.h"

#include <stdio.h>
#include <string.h>

#include "as4/receipt.h"
#include "base/mem.h"
#include "base/str.h"

/* One exchange, made once: gw-a sent, gw-b took it and made a receipt. */
static struct letter letter;
static struct receiver receiver;
static struct as4_inbound inbound;

static int setup(void **state)
{
    as4_setup(state);
    letter_init(&letter);
    letter_two_parts(&letter);
    letter_pack(&letter);
    receiver_init(&receiver, GW_B);
    receive_letter(&receiver, &letter, &inbound);
    return inbound.verdict == AS4_TAKEN ? 0 : -1;
}

static int teardown(void **state)
{
    as4_inbound_free(&inbound);
    receiver_free(&receiver);
    letter_free(&letter);
    return as4_teardown(state);
}

struct scene {
    struct pmode pmode;
    struct as4_http http;
    struct buf body;
    const char *message_id;
    bool written_before;
    struct trust *trust;
};

static void receipt_by(struct scene *s, enum who who)
{
    const struct as4_signing signing = signing_of(who, KEY_SIGN_2048);
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    struct err err = { 0 };

    assert_true(
        as4_receipt_make(inbound.message, &signing, "gw-b.example", NOW, &answer, &err));
    buf_clear(&s->body);
    buf_add(&s->body, answer.body.data, answer.body.len);
}

static void good(struct scene *s)
{
    receipt_by(s, GW_B);
}

static void by_another(struct scene *s)
{
    receipt_by(s, GW_M);
}

static void our_own(struct scene *s)
{
    receipt_by(s, GW_A);
}

static void anew(struct scene *s)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1u << 20);

    buf_add(&text, s->body.data, s->body.len);
    resign(&text, gateways[GW_B].keys[KEY_SIGN_2048]);
    buf_clear(&s->body);
    buf_add(&s->body, text.data, text.len);
}

static void flipped(struct scene *s)
{
    good(s);
    assert_true(edit(&s->body, "<eb:RefToMessageId>", "<eb:RefToMessageId>a"));
}

/* The first digest of the receipt's information; the receipt is signed over it anew. */
static void other_digest(struct scene *s)
{
    char *at;

    good(s);
    at = strstr(strstr(s->body.data, "<ebbp:MessagePart"), "<ds:DigestValue>") + 20;
    *at = *at == 'A' ? 'B' : 'A';
    anew(s);
}

static char *information(const struct scene *s, const char *from, const char *to)
{
    const char *start = strstr(s->body.data, from);
    const char *end = strstr(start, to) + strlen(to);

    return mem_strndup(start, (size_t)(end - start));
}

static void reference_missing(struct scene *s)
{
    AUTO(mem_free) char *one = NULL;

    good(s);
    one = information(s, "<ebbp:MessagePartNRInformation>",
                      "</ebbp:MessagePartNRInformation>");
    assert_true(edit(&s->body, one, ""));
    anew(s);
}

static void reference_twice(struct scene *s)
{
    AUTO(mem_free) char *one = NULL;
    AUTO(mem_free) char *two = NULL;

    good(s);
    one = information(s, "<ebbp:MessagePartNRInformation>",
                      "</ebbp:MessagePartNRInformation>");
    two = mem_printf("%s%s", one, one);
    assert_true(edit(&s->body, one, two));
    anew(s);
}

static void other_order(struct scene *s)
{
    AUTO(mem_free) char *one = NULL;
    AUTO(mem_free) char *last = NULL;

    good(s);
    one = information(s, "<ebbp:MessagePartNRInformation>",
                      "</ebbp:MessagePartNRInformation>");
    last = mem_printf("%s</ebbp:NonRepudiationInformation>", one);
    assert_true(edit(&s->body, one, ""));
    assert_true(edit(&s->body, "</ebbp:NonRepudiationInformation>", last));
    anew(s);
}

static void foreign_child(struct scene *s)
{
    good(s);
    assert_true(
        edit(&s->body, "</eb:Receipt>", "<p xmlns=\"urn:x\" v=\"1\"/></eb:Receipt>"));
    anew(s);
}

static void no_information(struct scene *s)
{
    AUTO(mem_free) char *all = NULL;

    good(s);
    all = information(s, "<ebbp:NonRep", "</ebbp:NonRepudiationInformation>");
    assert_true(edit(&s->body, all, ""));
    anew(s);
}

static void other_message(struct scene *s)
{
    good(s);
    s->message_id = "another@gw-a.example";
}

static void unsigned_receipt(struct scene *s)
{
    AUTO(mem_free) char *security = NULL;

    good(s);
    security = information(s, "<wsse:Security ", "</wsse:Security>");
    assert_true(edit(&s->body, security, ""));
}

/* The information is right, the signature good, but over the Body alone. */
static void messaging_not_signed(struct scene *s)
{
    AUTO(mem_free) char *one = NULL;
    const char *info;

    good(s);
    info = strstr(s->body.data, "<ds:SignedInfo>");
    info = strstr(info, "<ds:Reference");
    one = mem_strndup(info, (size_t)(strstr(info, "</ds:Reference>") - info) + 15);
    assert_true(edit(&s->body, one, ""));
    if (strstr(s->body.data, one) != NULL) /* the first was that of the information */
        fail();
    anew(s);
}

static void receipt_and_error(struct scene *s)
{
    good(s);
    assert_true(
        edit(&s->body, "</eb:Receipt>",
             "</eb:Receipt><eb:Error errorCode=\"EBMS:0004\" severity=\"failure\"/>"));
    anew(s);
}

static void not_well_formed(struct scene *s)
{
    good(s);
    s->body.len -= 20;
}

/* --- errors ------------------------------------------------------------------------------------- */

static void error_of(struct scene *s, enum as4_code code, int status, bool signed_)
{
    const struct as4_signing signing = signing_of(GW_B, KEY_SIGN_2048);
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    struct as4_refusal refusal = { .code = code,
                                   .http_status = status,
                                   .sender_known = true,
                                   .detail = "Detail.",
                                   .pmode_known = true,
                                   .pmode = pmode_of(GW_B, GW_A),
                                   .ref_to_message_id =
                                       mem_strdup(letter.package->message_id) };
    struct err err = { 0 };

    assert_true(as4_fault_answer(&refusal, signed_ ? &signing : NULL, "gw-b.example", NOW,
                                 &answer, &err));
    buf_clear(&s->body);
    buf_add(&s->body, answer.body.data, answer.body.len);
    s->http.status = answer.http_status;
    as4_refusal_clear(&refusal);
}

static void signed_error(struct scene *s)
{
    error_of(s, AS4_FAILED_DECRYPTION, 200, true);
}

static void signed_fault(struct scene *s)
{
    error_of(s, AS4_FAILED_DECRYPTION, 500, true);
    assert_non_null(strstr(s->body.data, "<env:Value>env:Receiver</env:Value>"));
}

static void unsigned_error(struct scene *s)
{
    error_of(s, AS4_FAILED_DECRYPTION, 200, false);
}

static void unsigned_not_taken(struct scene *s)
{
    unsigned_error(s);
    s->pmode.unsigned_errors_accept = false;
}

static void error_changed(struct scene *s)
{
    signed_error(s);
    assert_true(edit(&s->body, "EBMS:0102", "EBMS:0004"));
}

static void transient(struct scene *s)
{
    error_of(s, AS4_DELIVERY_FAILURE, 200, true);
}

static void warning(struct scene *s)
{
    error_of(s, AS4_FEATURE_NOT_SUPPORTED, 200, true);
}

static void duplicate(struct scene *s)
{
    error_of(s, AS4_DUPLICATE_DETECTED, 200, true);
    s->written_before = true;
}

static void duplicate_at_first(struct scene *s)
{
    error_of(s, AS4_DUPLICATE_DETECTED, 200, true);
}

static void duplicate_unsigned(struct scene *s)
{
    error_of(s, AS4_DUPLICATE_DETECTED, 200, false);
    s->written_before = true;
}

static void old_code(struct scene *s)
{
    error_of(s, AS4_OTHER, 200, true);
    s->written_before = true;
}

static void old_code_known(struct scene *s)
{
    old_code(s);
    s->pmode.old_duplicate_code = true;
}

static void error_of_another(struct scene *s)
{
    signed_error(s);
    s->message_id = "another@gw-a.example";
}

/* Signed, but it could be the answer to anything. */
static void error_without_reference(struct scene *s)
{
    AUTO(mem_free)
    char *ref = mem_printf("<eb:RefToMessageId>%s</eb:RefToMessageId>",
                           letter.package->message_id);
    AUTO(mem_free)
    char *attribute =
        mem_printf(" refToMessageInError=\"%s\"", letter.package->message_id);

    signed_error(s);
    assert_true(edit(&s->body, ref, ""));
    assert_true(edit(&s->body, attribute, ""));
    anew(s);
}

/* --- no signal ---------------------------------------------------------------------------------- */

static void status(struct scene *s, int code, const char *type, const char *body)
{
    s->http.status = code;
    s->http.content_type = type;
    buf_clear(&s->body);
    buf_adds(&s->body, body);
}

static void empty_200(struct scene *s)
{
    status(s, 200, NULL, "");
}

static void empty_204(struct scene *s)
{
    status(s, 204, NULL, "");
}

static void empty_202(struct scene *s)
{
    status(s, 202, "application/soap+xml", "");
}

static void redirect(struct scene *s)
{
    status(s, 302, NULL, "");
}

static void forbidden(struct scene *s)
{
    status(s, 403, "text/html", "<html/>");
}

static void wrong_media(struct scene *s)
{
    status(s, 415, NULL, "");
}

static void overload(struct scene *s)
{
    status(s, 503, NULL, "");
    s->http.retry_after = " 120 ";
}

static void overload_for_ever(struct scene *s)
{
    status(s, 429, NULL, "");
    s->http.retry_after = "99999999";
}

static void bad_gateway(struct scene *s)
{
    status(s, 502, "text/html", "<html/>");
}

static void page(struct scene *s)
{
    status(s, 200, "text/html", "<html/>");
}

static void soap_without_signal(struct scene *s)
{
    status(s, 500, "application/soap+xml",
           "<e:Envelope "
           "xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Body><e:Fault/>"
           "</e:Body></e:Envelope>");
}

static void user_message(struct scene *s)
{
    struct str envelope = envelope_in(&letter.wire);

    s->http.status = 200;
    buf_clear(&s->body);
    buf_add(&s->body, envelope.ptr, envelope.len);
}

struct row {
    const char *name;
    void (*make)(struct scene *s);
    enum as4_outcome_kind want;
    const char *local; /* code of the error, or NULL */
};

/* clang-format off */
static struct row rows[] = {
    { "receipt", good, AS4_GOT_RECEIPT, NULL },
    { "references in other order", other_order, AS4_GOT_RECEIPT, NULL },
    { "a foreign element in the receipt", foreign_child, AS4_GOT_RECEIPT, NULL },
    { "receipt by another partner", by_another, AS4_GOT_INVALID_RECEIPT, "pki.not-trusted" },
    { "receipt by ourselves", our_own, AS4_GOT_INVALID_RECEIPT, "pki.not-trusted" },
    { "receipt changed", flipped, AS4_GOT_INVALID_RECEIPT, "xmlsig.digest" },
    { "one digest changed", other_digest, AS4_GOT_INVALID_RECEIPT, NULL },
    { "one reference missing", reference_missing, AS4_GOT_INVALID_RECEIPT, "as4.receipt-digests" },
    { "one reference twice", reference_twice, AS4_GOT_INVALID_RECEIPT, "as4.receipt-digests" },
    { "no information", no_information, AS4_GOT_INVALID_RECEIPT, "as4.receipt" },
    { "receipt for another message", other_message, AS4_GOT_INVALID_RECEIPT, "as4.foreign-signal" },
    { "receipt not signed", unsigned_receipt, AS4_GOT_INVALID_RECEIPT, "as4.unsigned" },
    { "Messaging not signed", messaging_not_signed, AS4_GOT_INVALID_RECEIPT, "sec.grammar" },
    { "receipt and error", receipt_and_error, AS4_GOT_INVALID_RECEIPT, "eb.header" },
    { "not well formed", not_well_formed, AS4_GOT_INVALID_RECEIPT, "xml.malformed" },
    { "our own message back", user_message, AS4_GOT_INVALID_RECEIPT, "as4.not-a-signal" },
    { "signed error", signed_error, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "signed error in a Fault", signed_fault, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "unsigned error", unsigned_error, AS4_GOT_ERROR_UNSIGNED, "as4.unsigned" },
    { "unsigned error, not taken", unsigned_not_taken, AS4_GOT_NO_RECEIPT, "as4.no-receipt" },
    { "signed error changed", error_changed, AS4_GOT_ERROR_UNSIGNED, "xmlsig.digest" },
    { "delivery failure may pass", transient, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "warning", warning, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "duplicate after a written attempt", duplicate, AS4_GOT_DUPLICATE, "as4.duplicate" },
    { "duplicate at the first attempt", duplicate_at_first, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "duplicate, unsigned", duplicate_unsigned, AS4_GOT_ERROR_UNSIGNED, "as4.unsigned" },
    { "0004 is no duplicate", old_code, AS4_GOT_ERROR_SIGNED, "as4.error" },
    { "0004 of an older product", old_code_known, AS4_GOT_DUPLICATE, "as4.duplicate" },
    { "error about another message", error_of_another, AS4_GOT_INVALID_RECEIPT, "as4.foreign-signal" },
    { "signed error about nothing", error_without_reference, AS4_GOT_ERROR_UNSIGNED, "as4.foreign-signal" },
    { "200 empty", empty_200, AS4_GOT_NO_RECEIPT, "as4.no-receipt" },
    { "202 empty", empty_202, AS4_GOT_NO_RECEIPT, "as4.no-receipt" },
    { "204", empty_204, AS4_GOT_NO_RECEIPT, "as4.no-receipt" },
    { "redirect", redirect, AS4_GOT_CONFIG_FAULT, "as4.http-status" },
    { "403", forbidden, AS4_GOT_CONFIG_FAULT, "as4.http-status" },
    { "415", wrong_media, AS4_GOT_CONFIG_FAULT, "as4.http-status" },
    { "503", overload, AS4_GOT_RETRY, "as4.http-status" },
    { "429 for long", overload_for_ever, AS4_GOT_RETRY, "as4.http-status" },
    { "502 with a page", bad_gateway, AS4_GOT_RETRY, "as4.http-status" },
    { "200 with a page", page, AS4_GOT_INVALID_RECEIPT, "as4.not-a-signal" },
    { "500 with a Fault alone", soap_without_signal, AS4_GOT_RETRY, "as4.http-status" },
};
/* clang-format on */

static void read_scene(struct scene *s, void (*make)(struct scene *),
                       struct as4_outcome *ret)
{
    *s = (struct scene){ .pmode = pmode_of(GW_A, GW_B),
                         .http = { .status = 200, .content_type = AS4_ANSWER_TYPE },
                         .body = BUF_INIT(1u << 20),
                         .message_id = letter.package->message_id,
                         .trust = gateways[GW_B].trust };
    make(s);
    s->http.body = s->body.data;
    s->http.len = s->body.len;
    as4_response_read(
        &s->http,
        &(struct as4_sent){ s->message_id, &letter.package->digests, s->written_before },
        &s->pmode, s->trust, NOW, ret);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };
    struct scene s;

    read_scene(&s, row->make, &outcome);
    if (outcome.kind != row->want)
        fail_msg("%s: %s: %s", as4_outcome_name(outcome.kind), outcome.local.code,
                 outcome.local.text);
    if (row->local != NULL)
        assert_string_equal(outcome.local.code, row->local);
    buf_free(&s.body);
}

static void test_what_errors_say(void **state)
{
    struct as4_outcome outcome;
    struct scene s;

    (void)state;
    read_scene(&s, signed_error, &outcome);
    assert_string_equal(outcome.code, "EBMS:0102");
    assert_string_equal(outcome.short_description, "FailedDecryption");
    assert_string_equal(outcome.detail, "Detail.");
    assert_false(outcome.transient);
    assert_int_equal(outcome.local.kind, ERR_REJECT);
    as4_outcome_free(&outcome);
    buf_free(&s.body);
    read_scene(&s, transient, &outcome);
    assert_true(outcome.transient);
    assert_int_equal(outcome.local.kind, ERR_RETRY);
    as4_outcome_free(&outcome);
    buf_free(&s.body);
    read_scene(&s, warning, &outcome);
    assert_true(outcome.warning);
    assert_int_equal(outcome.local.kind, ERR_RETRY);
    as4_outcome_free(&outcome);
    buf_free(&s.body);
}

static void test_retry_after(void **state)
{
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };
    struct scene s;

    (void)state;
    read_scene(&s, overload, &outcome);
    assert_int_equal(outcome.retry_after_s, 120);
    buf_free(&s.body);
    read_scene(&s, overload_for_ever, &outcome);
    assert_int_equal(outcome.retry_after_s, AS4_RETRY_AFTER_MAX);
    buf_free(&s.body);
    read_scene(&s, bad_gateway, &outcome);
    assert_int_equal(outcome.retry_after_s, 0);
    buf_free(&s.body);
}

/* An answer cut anywhere is no receipt. */
static void test_truncated(void **state)
{
    struct scene s = { .body = BUF_INIT(1u << 20) };
    struct pmode pmode = pmode_of(GW_A, GW_B);
    struct as4_sent sent = { letter.package->message_id, &letter.package->digests,
                             false };

    (void)state;
    good(&s);
    for (size_t len = 0; len + 1 < s.body.len; len += 61) {
        struct as4_http http = { 200, AS4_ANSWER_TYPE, NULL, s.body.data, len };
        struct as4_outcome outcome;

        as4_response_read(&http, &sent, &pmode, gateways[GW_B].trust, NOW, &outcome);
        assert_int_not_equal(outcome.kind, AS4_GOT_RECEIPT);
        as4_outcome_free(&outcome);
    }
    buf_free(&s.body);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(rows) + 3] = {
        cmocka_unit_test(test_what_errors_say),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_truncated),
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[i + 3] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, setup, teardown);
}
