/* What becomes of a message, by what its partner answers: each fate by name. */
#include "support_dispatch.h"

#include "dispatch/attempt.h"
#include "exchange/courier.h"
#include "exchange/wire.h"
#include "http/client.h"
#include "store/queue.h"

#define SOAP "application/soap+xml"

/* An error that nobody signed and that names no message: a hint, no more. */
#define UNSIGNED_ERROR \
    "<env:Envelope xmlns:env=\"http://www.w3.org/2003/05/soap-envelope\" " \
    "xmlns:eb=\"http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/\">" \
    "<env:Header><eb:Messaging env:mustUnderstand=\"true\"><eb:SignalMessage>" \
    "<eb:MessageInfo><eb:Timestamp>2026-11-24T09:00:00.250Z</eb:Timestamp>" \
    "<eb:MessageId>5a0c8d7e-6a55-4d0c-9d43-0d5a3a1f8e03@gw-b.example</eb:MessageId>" \
    "</eb:MessageInfo><eb:Error errorCode=\"EBMS:0003\" severity=\"failure\" " \
    "shortDescription=\"ValueInconsistent\"/></eb:SignalMessage></eb:Messaging>" \
    "</env:Header><env:Body/></env:Envelope>"

struct sending {
    struct desk d;
    struct dispatch_settings settings;
    struct http_client *client;
};

static void sending_open(struct sending *s, unsigned port, const char *more)
{
    sender_open(&s->d, port, more);
    dispatch_defaults(&s->settings);
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(s->d.x.box);
    const struct http_client_settings settings = {
        .tls = snapshot_partner(snap, "UA-GW1")->tls, .connect_ms = 2000, .total_ms = 400
    };
    s->client = http_client_new(&settings);
}

static void sending_close(struct sending *s)
{
    http_client_free(&s->client);
    desk_close(&s->d);
}

/* Claims the one message that is due and tries it. */
static struct attempt_result attempt(struct sending *s)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(s->d.x.box);
    AUTO(message_list_free) struct message_list list = { 0 };
    struct attempt_result result = { 0 };

    claim_due(&s->d, 10, &list);
    assert_int_equal(list.count, 1);
    attempt_one(&s->d.x, &s->settings, snap, snapshot_partner(snap, "UA-GW1"), s->client,
                &list.items[0], &result);
    return result;
}

/* --- fates ----------------------------------------------------------------------------------- */

struct fate {
    const char *name;
    struct saying says; /* status 0: nobody listens */
    enum message_state state;
    int64_t wait_ms; /* until the next try; 0: no further try */
    const char *code, *hold;
    bool wrote, reached, failed;
    unsigned tasks, failures;
};

/* clang-format off */
static struct fate fates[] = {
    { "nobody listens", { 0 }, MESSAGE_WAITING, 10000, "http.connect", "", false, false, true, 0, 1 },
    { "busy", { .status = 503 }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, false, true, 0, 1 },
    { "busy for ten minutes", { .status = 503, .retry_after = "600" }, MESSAGE_WAITING, 600000, "as4.http-status", "", true, false, true, 0, 1 },
    { "busy for a second: our own spacing holds", { .status = 503, .retry_after = "1" }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, false, true, 0, 1 },
    { "busy for ever: a day at most", { .status = 503, .retry_after = "99999999" }, MESSAGE_WAITING, DAY_MS, "as4.http-status", "", true, false, true, 0, 1 },
    { "too many", { .status = 429, .retry_after = "20" }, MESSAGE_WAITING, 20000, "as4.http-status", "", true, false, true, 0, 1 },
    { "broken inside", { .status = 500, .type = "text/html", .body = "<p>oops" }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, true, false, 0, 1 },
    { "no such address", { .status = 404 }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, true, false, 1, 1 },
    { "moved away", { .status = 302 }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, true, false, 1, 1 },
    { "forbidden", { .status = 403, .type = "text/plain", .body = "no" }, MESSAGE_WAITING, 10000, "as4.http-status", "", true, true, false, 1, 1 },
    { "taken without a receipt", { .status = 202 }, MESSAGE_WAITING, 10000, "as4.no-receipt", "", true, true, false, 0, 1 },
    { "an answer that is no signal", { .status = 200, .type = "text/plain", .body = "thanks" }, MESSAGE_HELD, 0, "as4.not-a-signal", "receipt", true, true, false, 1, 0 },
    { "SOAP that is none", { .status = 200, .type = SOAP, .body = "<soap" }, MESSAGE_HELD, 0, "xml.malformed", "receipt", true, true, false, 1, 0 },
    { "no answer in time", { .status = 200, .wait_ms = 900 }, MESSAGE_WAITING, 10000, "http.timeout", "", true, false, true, 0, 1 },
    { "an error nobody signed", { .status = 200, .type = SOAP, .body = UNSIGNED_ERROR }, MESSAGE_WAITING, 10000, "as4.unsigned-1.EBMS:0003", "", true, true, false, 0, 1 },
    { "the same with status 500", { .status = 500, .type = SOAP, .body = UNSIGNED_ERROR }, MESSAGE_WAITING, 10000, "as4.unsigned-1.EBMS:0003", "", true, true, false, 0, 1 },
    { "the same with status 503", { .status = 503, .type = SOAP, .body = UNSIGNED_ERROR }, MESSAGE_WAITING, 10000, "as4.unsigned-1.EBMS:0003", "", true, false, true, 0, 1 },
};
/* clang-format on */

static void test_fate(void **state)
{
    const struct fate *f = *state;
    struct sending s;
    struct fake fake = { 0 };
    char row[STORE_ROW_TEXT];

    if (f->says.status != 0)
        fake_start(&fake, &f->says, 1);
    sending_open(&s, f->says.status != 0 ? fake.port : closed_port(), "");
    enqueue(&s.d, row, 0, "hello");
    const struct attempt_result r = attempt(&s);
    const struct message m = message_of(&s.d, row);
    assert_string_equal(m.reason_code, f->code);
    assert_string_equal(message_state_name(m.state), message_state_name(f->state));
    assert_string_equal(m.hold_kind, f->hold);
    if (f->wait_ms != 0)
        assert_int_equal(m.next_ms, NOW + f->wait_ms);
    assert_int_equal(m.attempts, 1);
    assert_int_equal(m.wrote_once, f->wrote);
    assert_int_equal(r.reached, f->reached);
    assert_int_equal(r.failed, f->failed);
    assert_false(r.trouble);
    assert_int_equal(tasks_of(&s.d, "message.not-delivered"), f->tasks);
    assert_int_equal(partner_of(&s.d).failures, f->failures);
    sending_close(&s);
    if (f->says.status != 0)
        fake_stop(&fake);
}

/* --- several attempts ------------------------------------------------------------------------ */

/* The spacing is that of the message's own attempts: 10 s, 1 min, 5 min ... */
static void test_spacing(void **state)
{
    static const int64_t want[] = { 10 * SECOND_MS, MINUTE_MS, 5 * MINUTE_MS,
                                    15 * MINUTE_MS, HOUR_MS,   HOUR_MS,
                                    HOUR_MS };
    const struct saying busy = { .status = 503 };
    struct sending s;
    struct fake fake;
    char row[STORE_ROW_TEXT];

    (void)state;
    fake_start(&fake, &busy, 1);
    sending_open(&s, fake.port, "");
    enqueue(&s.d, row, 0, "hello");
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        (void)attempt(&s);
        const struct message m = message_of(&s.d, row);
        assert_int_equal(m.next_ms, s.d.clock.fixed_ms + want[i]);
        assert_int_equal(m.attempts, i + 1);
        s.d.clock.fixed_ms = m.next_ms;
    }
    assert_int_equal(atomic_load(&fake.requests), COUNT_OF(want));
    sending_close(&s);
    fake_stop(&fake);
}

/* The same hint three times in a row, then a person is asked; another answer begins anew. */
static void test_hints(void **state)
{
    const struct saying hint = { .status = 200, .type = SOAP, .body = UNSIGNED_ERROR };
    const struct saying says[] = { hint, hint, { .status = 503 }, hint, hint, hint };
    static const char *const codes[] = {
        "as4.unsigned-1.EBMS:0003", "as4.unsigned-2.EBMS:0003", "as4.http-status",
        "as4.unsigned-1.EBMS:0003", "as4.unsigned-2.EBMS:0003", "as4.unsigned-3.EBMS:0003"
    };
    struct sending s;
    struct fake fake;
    char row[STORE_ROW_TEXT];
    struct message m = { 0 };

    (void)state;
    fake_start(&fake, says, COUNT_OF(says));
    sending_open(&s, fake.port, "");
    enqueue(&s.d, row, 0, "hello");
    for (size_t i = 0; i < COUNT_OF(says); i++) {
        (void)attempt(&s);
        m = message_of(&s.d, row);
        assert_string_equal(m.reason_code, codes[i]);
        assert_int_equal(m.state, i < 5 ? MESSAGE_WAITING : MESSAGE_HELD);
        s.d.clock.fixed_ms = m.next_ms;
    }
    assert_string_equal(m.hold_kind, "unsigned-error");
    sending_close(&s);
    fake_stop(&fake);
}

/* A partner whose unsigned errors do not count has answered nothing. */
static void test_hints_not_wanted(void **state)
{
    const struct saying hint = { .status = 200, .type = SOAP, .body = UNSIGNED_ERROR };
    struct sending s;
    struct fake fake;
    char row[STORE_ROW_TEXT];

    (void)state;
    fake_start(&fake, &hint, 1);
    sending_open(&s, fake.port, "");
    desk_partner(
        &s.d, &desk_ua, fake.port,
        ", \"pmodes\": [{\"id\": \"connect\", \"content\": \"opaque\", \"office\": "
        "\"MD-COORD\", \"service\": \"urn:test\", \"action\": \"Try\", "
        "\"unsignedErrorsAccept\": false}]");
    desk_snapshot(&s.d);
    enqueue(&s.d, row, 0, "hello");
    (void)attempt(&s);
    assert_string_equal(message_of(&s.d, row).reason_code, "as4.no-receipt");
    sending_close(&s);
    fake_stop(&fake);
}

/* --- before anything is sent ----------------------------------------------------------------- */

static void test_time_over(void **state)
{
    const struct saying busy = { .status = 503 };
    struct sending s;
    struct fake fake;
    char row[STORE_ROW_TEXT];

    (void)state;
    fake_start(&fake, &busy, 1);
    sending_open(&s, fake.port, "");
    enqueue(&s.d, row, NOW + 1, "hello");
    (void)attempt(&s);
    assert_int_equal(message_of(&s.d, row).state, MESSAGE_WAITING);
    s.d.clock.fixed_ms = NOW + 10 * SECOND_MS;
    const struct attempt_result r = attempt(&s);
    const struct message m = message_of(&s.d, row);
    assert_int_equal(m.state, MESSAGE_EXPIRED);
    assert_string_equal(m.reason_code, "EBMS:0301");
    assert_int_equal(m.attempts, 1); /* the second was none */
    assert_int_equal(atomic_load(&fake.requests), 1);
    assert_false(r.failed);
    assert_int_equal(tasks_of(&s.d, "message.not-delivered"), 1);
    sending_close(&s);
    fake_stop(&fake);
}

/* The P-Mode it is for is no longer in the partner's file; its content is not in the store. */
static void test_not_ours_to_send(void **state)
{
    struct sending s;
    char row[STORE_ROW_TEXT];

    (void)state;
    sending_open(&s, closed_port(), "");
    enqueue(&s.d, row, 0, NULL);
    struct attempt_result r = attempt(&s);
    struct message m = message_of(&s.d, row);
    assert_int_equal(m.state, MESSAGE_HELD);
    assert_string_equal(m.hold_kind, "program");
    assert_string_equal(m.reason_code, "courier.body-absent");
    assert_int_equal(m.attempts, 0);
    assert_false(r.failed);
    enqueue(&s.d, row, 0, "hello");
    desk_partner(&s.d, &desk_ua, 1, "");
    desk_snapshot(&s.d);
    r = attempt(&s);
    m = message_of(&s.d, row);
    assert_int_equal(m.state, MESSAGE_HELD);
    assert_string_equal(m.hold_kind, "configuration");
    assert_string_equal(m.reason_code, "courier.no-pmode");
    assert_false(r.failed);
    assert_int_equal(partner_of(&s.d).failures, 0);
    sending_close(&s);
}

/* --- delivered ------------------------------------------------------------------------------- */

struct pair {
    struct sending md;
    struct desk ua;
};

static void pair_open(struct pair *p)
{
    AUTO(mem_free) char *opaque = mem_printf(OPAQUE, "UA-COORD");

    desk_open(&p->ua, &desk_ua);
    desk_partner(&p->ua, &desk_md, 1, opaque);
    desk_snapshot(&p->ua);
    sending_open(&p->md, desk_listen(&p->ua), "");
    /* Under the sanitizers 400 ms are short for two signatures and two commits. */
    http_client_free(&p->md.client);
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(p->md.d.x.box);
    const struct http_client_settings settings = {
        .tls = snapshot_partner(snap, "UA-GW1")->tls,
        .connect_ms = 5000,
        .total_ms = 20000
    };
    p->md.client = http_client_new(&settings);
}

static void pair_close(struct pair *p)
{
    sending_close(&p->md);
    desk_close(&p->ua);
}

static void test_delivered(void **state)
{
    struct pair p;
    char row[STORE_ROW_TEXT];
    struct message in;
    size_t count;
    bool found;

    (void)state;
    pair_open(&p);
    enqueue(&p.md.d, row, 0, "a scan, say");
    const struct attempt_result r = attempt(&p.md);
    const struct message m = message_of(&p.md.d, row);
    assert_string_equal(m.reason_code, "");
    assert_int_equal(m.state, MESSAGE_DELIVERED);
    assert_int_equal(m.receipt_ms, NOW);
    assert_true(r.reached);
    struct buf receipt = body_of(&p.md.d, row, "receipt", &found);
    assert_true(found);
    assert_non_null(strstr(buf_str(&receipt), "NonRepudiationInformation"));
    buf_free(&receipt);
    assert_int_equal(audited(&p.md.d, "message.delivered"), 1);
    assert_int_equal(partner_of(&p.md.d).last_success_ms, NOW);

    assert_true(newest_in(&p.ua, &in, &count));
    assert_int_equal(count, 1);
    assert_string_equal(in.kind, "opaque");
    assert_string_equal(in.eb_message_id, m.eb_message_id);
    assert_int_equal(in.state, MESSAGE_READY);
    struct buf content = body_of(&p.ua, in.row, "attachment/1", &found);
    assert_string_equal(buf_str(&content), "a scan, say");
    buf_free(&content);
    pair_close(&p);
}

static bool take_back_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return queue_take_back(tx, ctx, err);
}

/* We die between sending and writing down: the same octets go again, the partner answers with
 * the receipt it stored, and nothing is there twice. */
static void test_sent_twice(void **state)
{
    struct pair p;
    char row[STORE_ROW_TEXT];
    AUTO(message_list_free) struct message_list list = { 0 };
    AUTO(courier_report_free) struct courier_report report = { 0 };
    uint64_t back = 0;
    struct message in;
    size_t count;

    (void)state;
    pair_open(&p);
    enqueue(&p.md.d, row, 0, "once");
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(p.md.d.x.box);
    claim_due(&p.md.d, 1, &list);
    courier_deliver(&p.md.d.x, snap, snapshot_partner(snap, "UA-GW1"), p.md.client,
                    &list.items[0], &report);
    assert_int_equal(report.verdict.outcome, QUEUE_DELIVERED);
    desk_run(&p.md.d, take_back_work, &back); /* the restart */
    assert_int_equal(back, 1);
    /* What the dead one would have written down is refused by the fence. */
    FAILS(courier_settle(&p.md.d.x, &list.items[0], &report, &err), ERR_REJECT,
          "queue.fence");
    assert_true(message_of(&p.md.d, row).wrote_once);
    (void)attempt(&p.md);
    const struct message m = message_of(&p.md.d, row);
    assert_int_equal(m.state, MESSAGE_DELIVERED);
    assert_int_equal(m.packagings, 1); /* the same eb:MessageId */
    assert_true(newest_in(&p.ua, &in, &count));
    assert_int_equal(count, 1);
    assert_int_equal(atomic_load(&p.ua.wire->counters.taken), 1);
    assert_int_equal(atomic_load(&p.ua.wire->counters.duplicates), 1);
    snapshot_release(&snap);
    pair_close(&p);
}

/* The partner's encryption certificate is another one by now: packaged anew, under a new
 * eb:MessageId. */
static void test_packaged_anew(void **state)
{
    struct sending s;
    struct fake fake;
    const struct saying busy = { .status = 503 };
    char row[STORE_ROW_TEXT];

    (void)state;
    fake_start(&fake, &busy, 1);
    sending_open(&s, fake.port, "");
    enqueue(&s.d, row, 0, "hello");
    (void)attempt(&s);
    const struct message first = message_of(&s.d, row);
    assert_int_equal(first.packagings, 1);
    s.d.clock.fixed_ms = first.next_ms;
    (void)attempt(&s);
    const struct message same = message_of(&s.d, row);
    assert_string_equal(same.eb_message_id, first.eb_message_id);
    /* The same file, but to be encrypted for another key. */
    AUTO(mem_free) char *path = mem_printf("%s/UA-GW1.json", s.d.partners);
    struct buf text = tree_file(path);
    char *at = strstr(buf_str(&text), "UA-GW1/encrypt.pem");
    assert_non_null(at);
    memcpy(at, "MD-GW1", 6);
    write_text(path, buf_str(&text));
    buf_free(&text);
    desk_snapshot(&s.d);
    s.d.clock.fixed_ms = same.next_ms;
    (void)attempt(&s);
    const struct message anew = message_of(&s.d, row);
    assert_int_equal(anew.packagings, 2);
    assert_string_not_equal(anew.eb_message_id, first.eb_message_id);
    sending_close(&s);
    fake_stop(&fake);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(fates) + 8] = { { 0 } };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_spacing),          cmocka_unit_test(test_hints),
        cmocka_unit_test(test_hints_not_wanted), cmocka_unit_test(test_time_over),
        cmocka_unit_test(test_not_ours_to_send), cmocka_unit_test(test_delivered),
        cmocka_unit_test(test_sent_twice),       cmocka_unit_test(test_packaged_anew),
    };
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(fates); i++)
        tests[count++] = (struct CMUnitTest){ .name = fates[i].name,
                                              .test_func = test_fate,
                                              .initial_state = &fates[i] };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        tests[count++] = others[i];
    return _cmocka_run_group_tests("attempt", tests, count, keys_setup, keys_teardown);
}
