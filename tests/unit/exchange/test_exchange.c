/* Two gateways under a shipped agreement: intake, decision, wire, hand-over, answers, repeats. */
#include "support_exchange.h"

#include <pthread.h>

#include "as4/package.h"
#include "as4/response.h"
#include "base/body.h"
#include "base/file.h"
#include "exchange/answer.h"
#include "exchange/bundles.h"
#include "exchange/case_file.h"
#include "exchange/courier.h"
#include "exchange/handover.h"
#include "exchange/intake.h"
#include "exchange/wire.h"
#include "http/client.h"
#include "store/bodies.h"
#include "store/deliverables.h"
#include "store/messages.h"
#include "store/queue.h"

#define AGREEMENT "MDUA-1"
#define MD_ADULT  "mappings/national/MD/samples/m01-adult-full.json"
#define MD_CHILD  "mappings/national/MD/samples/m01-child-guardian.json"
#define UA_ADULT  "mappings/national/UA/samples/m01-adult-full.xml"

/* --- two desks ------------------------------------------------------------------------------- */

struct pair {
    struct desk md, ua;
    unsigned md_port, ua_port;
};

static void pair_open_with(struct pair *p, const char *md_has, const char *ua_has)
{
    desk_open(&p->md, &desk_md);
    desk_open(&p->ua, &desk_ua);
    p->md_port = desk_listen(&p->md);
    p->ua_port = desk_listen(&p->ua);
    desk_partner(&p->md, &desk_ua, p->ua_port, "");
    desk_partner(&p->ua, &desk_md, p->md_port, "");
    if (md_has != NULL)
        desk_install(&p->md, md_has);
    if (ua_has != NULL)
        desk_install(&p->ua, ua_has);
    desk_snapshot(&p->md);
    desk_snapshot(&p->ua);
}

static int pair_setup(void **state)
{
    struct pair *p = mem_alloc(sizeof *p);

    pair_open_with(p, AGREEMENT, AGREEMENT);
    *state = p;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *p = *state;

    desk_close(&p->md);
    desk_close(&p->ua);
    mem_free(&p);
    return 0;
}

/* --- handing in ------------------------------------------------------------------------------ */

static struct audit_actor officer(const struct desk *d)
{
    return (struct audit_actor){ .office = d->kind->office,
                                 .person = "officer-1",
                                 .role = "officer",
                                 .channel = "rest" };
}

struct hand {
    const char *key, *to, *agreement;
    bool check_only;
};

static void take(struct desk *d, const struct buf *text, struct hand how,
                 struct intake_result *r)
{
    const struct intake in = { .office = d->kind->office,
                               .actor = officer(d),
                               .scope = "rest",
                               .key = how.key,
                               .data = text->data,
                               .len = text->len,
                               .file = "document",
                               .to = how.to,
                               .agreement = how.agreement,
                               .check_only = how.check_only };

    OK(intake_take(&d->x, &in, r, &err));
}

/* Wrong verdicts say all there is to say. */
static void assert_verdict(const struct intake_result *r, enum intake_verdict want,
                           const char *code)
{
    const char *got = r->why.code != NULL ? r->why.code : "";

    if (r->verdict == want && strcmp(got, code) == 0)
        return;
    for (size_t i = 0; i < r->draft.findings.count; i++)
        print_error("  %s %s: %s\n", r->draft.findings.items[i].code,
                    r->draft.findings.items[i].field ? r->draft.findings.items[i].field
                                                     : "",
                    r->draft.findings.items[i].text);
    fail_msg("verdict %d, %s: %s", r->verdict, got, r->why.text);
}

static void accepted(struct desk *d, const struct buf *text, struct hand how,
                     struct intake_result *r)
{
    take(d, text, how, r);
    assert_verdict(r, INTAKE_ACCEPTED, "");
}

static void replaced(struct buf *text, const char *find, const char *put)
{
    struct buf out = BUF_INIT(8 * 1024 * 1024);
    char *at = strstr(buf_str(text), find);

    assert_non_null(at);
    buf_add(&out, text->data, (size_t)(at - buf_str(text)));
    buf_adds(&out, put);
    buf_adds(&out, at + strlen(find));
    buf_free(text);
    *text = out;
}

/* --- on the wire ----------------------------------------------------------------------------- */

struct look {
    const char *id, *row, *name, *partner;
    enum message_direction direction;
    struct message m;
    struct case_file *file;
    struct message_list list;
    struct deliverable_list deliverables;
    const char *office;
    bool found;
    uint64_t count;
};

static bool claim_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    message_list_free(&l->list);
    return queue_claim(tx, l->partner, HOUR_MS, 10, &l->list, err);
}

static void send_one(struct desk *from, const struct snapshot *snap,
                     const struct message *m, struct courier_report *report)
{
    const struct partner *partner = snapshot_partner(snap, m->partner);
    const struct http_client_settings settings = { .tls = partner->tls,
                                                   .total_ms = 30000 };
    AUTO(http_client_free) struct http_client *client = http_client_new(&settings);

    courier_deliver(&from->x, snap, partner, client, m, report);
}

/* Sends everything that is due, once; how many were tried. */
static size_t carry(struct desk *from, const char *partner)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(from->x.box);
    struct look l = { .partner = partner };

    desk_run(from, claim_work, &l);
    const size_t count = l.list.count;
    for (size_t i = 0; i < count; i++) {
        AUTO(courier_report_free) struct courier_report report = { 0 };

        send_one(from, snap, &l.list.items[i], &report);
        if (report.verdict.outcome == QUEUE_RETRY)
            report.verdict.next_ms = from->clock.fixed_ms + 1000;
        OK(courier_settle(&from->x, &l.list.items[i], &report, &err));
    }
    message_list_free(&l.list);
    return count;
}

static bool find_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    return message_find(tx, l->direction, l->id, &l->m, &l->found, err);
}

static struct message message_in(struct desk *d, enum message_direction direction,
                                 const char *id)
{
    struct look l = { .direction = direction, .id = id };

    OK(store_read(d->store, find_work, &l, &err));
    assert_true(l.found);
    return l.m;
}

static void assert_out(struct desk *d, const char *id, enum message_state want,
                       const char *code)
{
    const struct message m = message_in(d, MESSAGE_OUT, id);

    if (m.state != want || strcmp(m.reason_code, code) != 0)
        fail_msg("%s is %s: %s: %s", m.kind, message_state_name(m.state), m.reason_code,
                 m.reason);
}

static bool case_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    case_file_free(&l->file);
    return case_file_load(tx, l->id, &l->file, err);
}

static void assert_state(struct desk *d, const char *case_id, enum case_state want)
{
    struct look l = { .id = case_id };

    OK(store_read(d->store, case_work, &l, &err));
    assert_non_null(l.file);
    assert_string_equal(case_state_name(l.file->state), case_state_name(want));
    case_file_free(&l.file);
}

static bool messages_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    const struct message_filter filter = { .by_direction = true,
                                           .direction = l->direction };

    message_list_free(&l->list);
    return message_select(tx, &filter, &l->list, err);
}

static size_t messages(struct desk *d, enum message_direction direction)
{
    struct look l = { .direction = direction };

    OK(store_read(d->store, messages_work, &l, &err));
    const size_t count = l.list.count;
    message_list_free(&l.list);
    return count;
}

/* --- the office's side ----------------------------------------------------------------------- */

static bool due_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    deliverable_list_free(&l->deliverables);
    return deliverable_due(tx, l->office, false, 10, &l->deliverables, err);
}

static size_t deliverables(struct desk *d, char ret_id[STORE_ROW_TEXT])
{
    struct look l = { .office = d->kind->office };

    OK(store_read(d->store, due_work, &l, &err));
    const size_t count = l.deliverables.count;
    if (count > 0)
        memcpy(ret_id, l.deliverables.items[0].id, STORE_ROW_TEXT);
    deliverable_list_free(&l.deliverables);
    return count;
}

/* The one thing that lies ready, opened, given and acknowledged. */
static struct handover *fetch(struct desk *d)
{
    const struct audit_actor actor = officer(d);
    struct handover *h = NULL;
    char id[STORE_ROW_TEXT];
    bool already;

    assert_int_equal(deliverables(d, id), 1);
    OK(handover_open(&d->x, d->kind->office, &actor, id, &h, &err));
    assert_non_null(h);
    assert_false(h->repeat);
    FAILS(handover_acknowledge(&d->x, d->kind->office, &actor, id, &already, &err),
          ERR_REJECT, "deliverable.not-handed");
    OK(handover_given(&d->x, &actor, id, DAY_MS, &err));
    OK(handover_acknowledge(&d->x, d->kind->office, &actor, id, &already, &err));
    assert_false(already);
    OK(handover_acknowledge(&d->x, d->kind->office, &actor, id, &already, &err));
    assert_true(already);
    return h;
}

static void say(struct desk *d, enum answer_act act, const char *case_id, const char *key,
                const struct answer_field *fields, size_t field_count,
                struct intake_result *r)
{
    AUTO(strlist_free) struct strlist reasons = { 0 };
    const struct answer a = { .act = act,
                              .office = d->kind->office,
                              .actor = officer(d),
                              .case_id = case_id,
                              .number = "K-17/2026",
                              .officer = "Officer One",
                              .phone = "+380 44 000 00 00",
                              .reasons = act == ANSWER_DECLINE ? &reasons : NULL,
                              .fields = fields,
                              .field_count = field_count,
                              .scope = "rest",
                              .key = key };

    if (act == ANSWER_DECLINE)
        strlist_add(&reasons, "DUPLICATE");
    OK(answer_take(&d->x, &a, r, &err));
}

/* An M01 sent, taken at the other side, acknowledged there. */
static void referred(struct pair *p, char case_id[CASE_ID_TEXT])
{
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    struct handover *h;

    accepted(&p->md, &text, (struct hand){ 0 }, &r);
    memcpy(case_id, r.case_id, CASE_ID_TEXT);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, r.message_id, MESSAGE_DELIVERED, "");
    h = fetch(&p->ua);
    handover_free(&h);
}

/* --- there and back -------------------------------------------------------------------------- */

static void test_there_and_back(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result m01 = { 0 }, m03 = { 0 }, m04 = { 0 };
    struct handover *h;

    accepted(&p->md, &text, (struct hand){ .key = "k-1" }, &m01);
    assert_string_equal(m01.partner, "UA-GW1");
    assert_true(case_id_valid(m01.case_id));
    assert_state(&p->md, m01.case_id, CASE_SENT);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, m01.message_id, MESSAGE_DELIVERED, "");
    assert_state(&p->md, m01.case_id, CASE_DELIVERED);
    assert_state(&p->ua, m01.case_id, CASE_DELIVERED);

    h = fetch(&p->ua);
    assert_string_equal(h->media_type, "application/xml");
    assert_false(h->canonical);
    assert_non_null(strstr(buf_str(&h->document), "Napravlennia"));
    assert_non_null(strstr(buf_str(&h->document), "Kovalchuk"));
    assert_string_equal(h->message.kind, "M01");
    assert_string_equal(h->message.case_id, m01.case_id);
    handover_free(&h);
    assert_int_equal(audited(&p->ua, "deliverable.read"), 1);
    assert_int_equal(audited(&p->ua, "deliverable.acknowledged"), 1);

    say(&p->ua, ANSWER_TAKE, m01.case_id, NULL, NULL, 0, &m03);
    assert_verdict(&m03, INTAKE_ACCEPTED, "");
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    assert_out(&p->ua, m03.message_id, MESSAGE_DELIVERED, "");
    assert_state(&p->md, m01.case_id, CASE_UNDER_REVIEW);
    h = fetch(&p->md);
    assert_string_equal(h->media_type, "application/json");
    assert_non_null(strstr(buf_str(&h->document), m01.case_id));
    assert_non_null(strstr(buf_str(&h->document), "\"MD-0201\""));
    assert_non_null(strstr(buf_str(&h->document), "Officer One"));
    handover_free(&h);

    say(&p->ua, ANSWER_ACCEPT, m01.case_id, NULL, NULL, 0, &m04);
    assert_verdict(&m04, INTAKE_ACCEPTED, "");
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    assert_state(&p->md, m01.case_id, CASE_ACCEPTED);
    assert_state(&p->ua, m01.case_id, CASE_ACCEPTED);
    h = fetch(&p->md);
    handover_free(&h);
}

/* The other way: UA's form, in UA's own encoding and envelope. */
static void test_from_ua(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(UA_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    struct handover *h;

    take(&p->ua, &text, (struct hand){ .to = "MD-COORD", .agreement = AGREEMENT }, &r);
    assert_verdict(&r, INTAKE_ACCEPTED, "");
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    assert_out(&p->ua, r.message_id, MESSAGE_DELIVERED, "");
    h = fetch(&p->md);
    assert_string_equal(h->extension, "json");
    handover_free(&h);
}

static void test_question_and_answer(void **state)
{
    struct pair *p = *state;
    const struct answer_field ask[] = { { .field = "Person/BirthPlace",
                                          .purpose = "IDENTITY" } };
    const struct answer_field give[] = { { .field = "Person/BirthPlace",
                                           .state = "provided" } };
    AUTO(intake_result_free)
    struct intake_result m03 = { 0 }, m05 = { 0 }, m06 = { 0 }, again = { 0 };
    char id[CASE_ID_TEXT];
    struct handover *h;

    referred(p, id);
    say(&p->ua, ANSWER_TAKE, id, NULL, NULL, 0, &m03);
    assert_verdict(&m03, INTAKE_ACCEPTED, "");
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    say(&p->ua, ANSWER_ASK, id, NULL, ask, 1, &m05);
    assert_verdict(&m05, INTAKE_ACCEPTED, "");
    assert_state(&p->ua, id, CASE_INFO_PENDING);
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    assert_state(&p->md, id, CASE_INFO_PENDING);
    h = fetch(&p->md);
    assert_string_equal(h->message.kind, "M03"); /* in sequence, whatever came first */
    handover_free(&h);
    h = fetch(&p->md);
    assert_string_equal(h->message.kind, "M05");
    handover_free(&h);
    say(&p->md, ANSWER_ANSWER, id, NULL, give, 1, &m06);
    assert_verdict(&m06, INTAKE_ACCEPTED, "");
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, m06.message_id, MESSAGE_DELIVERED, "");
    assert_state(&p->md, id, CASE_UNDER_REVIEW);
    assert_state(&p->ua, id, CASE_UNDER_REVIEW);
    h = fetch(&p->ua);
    assert_non_null(strstr(buf_str(&h->document), "Izmail"));
    handover_free(&h);
    /* Nothing is asked any more. */
    say(&p->md, ANSWER_ANSWER, id, NULL, give, 1, &again);
    assert_verdict(&again, INTAKE_REFUSED, "case.state");
}

/* --- refused at intake ----------------------------------------------------------------------- */

struct refusal_row {
    const char *name;
    const char *find, *put; /* in the good document; NULL: as it is */
    struct hand how;
    const char *leg; /* state of MD-UA; NULL: as written */
    const char *code;
    enum err_kind kind;
};

/* clang-format off */
static struct refusal_row refusal_rows[] = {
    { "no JSON at all", "{", "", { 0 }, NULL, "intake.findings", ERR_REJECT },
    { "a code that no list has", "\"beneficiaryType\": \"ADV\"", "\"beneficiaryType\": \"XXX\"", { 0 }, NULL, "intake.findings", ERR_REJECT },
    { "signed by another office", "\"sender\": \"MD-COORD\"", "\"sender\": \"MD-CONS\"", { 0 }, NULL, "intake.sender", ERR_DENIED },
    { "an agreement nobody has", "\"agreement\": \"MDUA-1\"", "\"agreement\": \"MDUA-9\"", { 0 }, NULL, "intake.no-agreement", ERR_DENIED },
    { "an agreement nobody has, by the call", NULL, NULL, { .agreement = "MDUA-9" }, NULL, "intake.no-agreement", ERR_DENIED },
    { "an office of no party", NULL, NULL, { .to = "AL-ONAC" }, NULL, "intake.no-leg", ERR_DENIED },
    { "an office of our own", NULL, NULL, { .to = "MD-COORD" }, NULL, "intake.no-leg", ERR_DENIED },
    { "a suspended leg", NULL, NULL, { 0 }, "SUSPENDED", "agreement.leg-suspended", ERR_DENIED },
    { "a terminated leg", NULL, NULL, { 0 }, "TERMINATED", "agreement.leg-terminated", ERR_DENIED },
};
/* clang-format on */

static void test_refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct pair p;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    pair_open_with(&p, AGREEMENT, NULL);
    if (row->find != NULL)
        replaced(&text, row->find, row->put);
    if (row->leg != NULL)
        desk_leg(&p.md, AGREEMENT, "MD", "UA", row->leg);
    take(&p.md, &text, row->how, &r);
    assert_verdict(&r, INTAKE_REFUSED, row->code);
    assert_int_equal(r.why.kind, row->kind);
    assert_int_equal(messages(&p.md, MESSAGE_OUT), 0); /* nothing is kept */
    assert_int_equal(audited(&p.md, "message.accepted"), 0);
    desk_close(&p.md);
    desk_close(&p.ua);
}

/* Two agreements cover the way: the document must name one. */
static void test_ambiguous(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 }, named = { 0 };

    desk_install(&p->md, "MDUABY-3");
    desk_snapshot(&p->md);
    replaced(&text, "\"agreement\": \"MDUA-1\",", "");
    take(&p->md, &text, (struct hand){ 0 }, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.ambiguous");
    accepted(&p->md, &text, (struct hand){ .agreement = AGREEMENT }, &named);
}

static void test_no_partner(void **state)
{
    struct pair *p = *state;
    AUTO(mem_free) char *path = mem_printf("%s/UA-GW1.json", p->md.partners);
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    remove(path);
    desk_snapshot(&p->md);
    take(&p->md, &text, (struct hand){ 0 }, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.no-partner");
    assert_int_equal(r.why.kind, ERR_CONFIG);
}

static void test_answers_refused(void **state)
{
    struct pair *p = *state;
    AUTO(intake_result_free) struct intake_result r = { 0 };
    char id[CASE_ID_TEXT];

    say(&p->ua, ANSWER_TAKE, "0000-0000-0000-0", NULL, NULL, 0, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.case-unknown");
    assert_non_null(strstr(r.why.text, "trmctl case list"));
    intake_result_free(&r);
    referred(p, id);
    /* The sender cannot take its own case; nobody decides what nobody took. */
    say(&p->md, ANSWER_TAKE, id, NULL, NULL, 0, &r);
    assert_verdict(&r, INTAKE_REFUSED, "case.role");
    intake_result_free(&r);
    say(&p->ua, ANSWER_ACCEPT, id, NULL, NULL, 0, &r);
    assert_verdict(&r, INTAKE_REFUSED, "case.state");
    assert_non_null(strstr(r.why.text, "M03 (take)"));
}

static void test_check_only(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    take(&p->md, &text, (struct hand){ .key = "k", .check_only = true }, &r);
    assert_verdict(&r, INTAKE_CHECKED, "");
    assert_true(r.draft.losses.count > 0);
    assert_int_equal(messages(&p->md, MESSAGE_OUT), 0);
    intake_result_free(&r);
    accepted(&p->md, &text, (struct hand){ .key = "k" }, &r);
}

/* --- repeats --------------------------------------------------------------------------------- */

static void test_repeats(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT), other = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result first = { 0 }, r = { 0 };

    accepted(&p->md, &text, (struct hand){ .key = "k" }, &first);
    take(&p->md, &text, (struct hand){ .key = "k" }, &r);
    assert_verdict(&r, INTAKE_REPEATED, "");
    assert_string_equal(r.message_id, first.message_id);
    assert_string_equal(r.case_id, first.case_id);
    intake_result_free(&r);
    /* By the national case number alone, under another key and under none. */
    take(&p->md, &text, (struct hand){ .key = "other" }, &r);
    assert_verdict(&r, INTAKE_REPEATED, "");
    intake_result_free(&r);
    take(&p->md, &text, (struct hand){ 0 }, &r);
    assert_verdict(&r, INTAKE_REPEATED, "");
    assert_string_equal(r.message_id, first.message_id);
    intake_result_free(&r);
    replaced(&other, "\"Izmail\"", "\"Reni\"");
    take(&p->md, &other, (struct hand){ .key = "k" }, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.other-content");
    intake_result_free(&r);
    take(&p->md, &other, (struct hand){ 0 }, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.number-used");
    assert_int_equal(messages(&p->md, MESSAGE_OUT), 1);
    /* Who only did not hear the first answer gets it, whatever has changed since. */
    desk_leg(&p->md, AGREEMENT, "MD", "UA", "SUSPENDED");
    intake_result_free(&r);
    take(&p->md, &text, (struct hand){ .key = "k" }, &r);
    assert_verdict(&r, INTAKE_REPEATED, "");
    assert_string_equal(r.message_id, first.message_id);
}

/* An answer said twice under one key is one answer, though the case has moved on by it. */
static void test_answer_repeats(void **state)
{
    struct pair *p = *state;
    AUTO(intake_result_free) struct intake_result first = { 0 }, r = { 0 };
    char id[CASE_ID_TEXT];

    referred(p, id);
    say(&p->ua, ANSWER_TAKE, id, "k", NULL, 0, &first);
    assert_verdict(&first, INTAKE_ACCEPTED, "");
    p->ua.clock.fixed_ms += 5 * MINUTE_MS;
    say(&p->ua, ANSWER_TAKE, id, "k", NULL, 0, &r);
    assert_verdict(&r, INTAKE_REPEATED, "");
    assert_string_equal(r.message_id, first.message_id);
    intake_result_free(&r);
    say(&p->ua, ANSWER_ACCEPT, id, "k", NULL, 0, &r);
    assert_verdict(&r, INTAKE_REFUSED, "intake.other-content");
    assert_int_equal(messages(&p->ua, MESSAGE_OUT), 1);
}

static bool take_back_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return queue_take_back(tx, ctx, err);
}

/*
 * We die between sending and writing down, and the partner's key changes meanwhile: the message
 * goes again under a new eb:MessageId. The receiver's case has moved on by its first coming, and
 * still the new envelope gets its receipt, and nothing is there twice.
 */
static void test_packaged_anew(void **state)
{
    struct pair *p = *state;
    AUTO(intake_result_free) struct intake_result m03 = { 0 };
    AUTO(courier_report_free) struct courier_report report = { 0 };
    struct look l = { .partner = "MD-GW1" };
    char id[CASE_ID_TEXT];
    uint64_t back = 0;

    referred(p, id);
    say(&p->ua, ANSWER_TAKE, id, NULL, NULL, 0, &m03);
    assert_verdict(&m03, INTAKE_ACCEPTED, "");
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(p->ua.x.box);
    desk_run(&p->ua, claim_work, &l);
    assert_int_equal(l.list.count, 1);
    send_one(&p->ua, snap, &l.list.items[0], &report);
    assert_int_equal(report.verdict.outcome, QUEUE_DELIVERED);
    message_list_free(&l.list);
    snapshot_release(&snap);
    assert_state(&p->md, id, CASE_UNDER_REVIEW);
    desk_run(&p->ua, take_back_work, &back);

    /* UA-GW1 has a new signing key; its partner knows the certificate. */
    AUTO(mem_free)
    char *command = mem_printf("cp %s/UA-NEXT/sign.* %s/UA-GW1/", keys_dir, keys_dir);
    assert_int_equal(system(command), 0);
    desk_restart(&p->ua);
    desk_snapshot(&p->md);
    assert_int_equal(carry(&p->ua, "MD-GW1"), 1);
    assert_out(&p->ua, m03.message_id, MESSAGE_DELIVERED, "");
    assert_int_equal(message_in(&p->ua, MESSAGE_OUT, m03.message_id).packagings, 2);
    assert_int_equal(messages(&p->md, MESSAGE_IN), 1);
    assert_int_equal(audited(&p->md, "message.repeated"), 1);
    assert_state(&p->md, id, CASE_UNDER_REVIEW);
}

/* --- refused by the receiver ----------------------------------------------------------------- */

static bool release_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    return queue_release(tx, l->row, NULL, &l->found, err);
}

static bool retry_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    return queue_retry(tx, l->row, 0, &l->found, err);
}

/* The partner has another bundle of the agreement: the message waits, both sides hear of it, and
 * it goes through under the same id when the right one is there. */
static void test_bundle_unknown(void **state)
{
    struct pair p;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    struct handover *h;

    (void)state;
    pair_open_with(&p, AGREEMENT, NULL);
    desk_install_other(&p.ua, AGREEMENT);
    desk_snapshot(&p.ua);
    accepted(&p.md, &text, (struct hand){ 0 }, &r);
    assert_int_equal(carry(&p.md, "UA-GW1"), 1);
    assert_out(&p.md, r.message_id, MESSAGE_HELD, "trm.bundle-unknown");
    const struct message held = message_in(&p.md, MESSAGE_OUT, r.message_id);
    assert_string_equal(held.hold_kind, "bundle");
    assert_int_equal(tasks_of(&p.md, "message.not-delivered"), 1);
    assert_int_equal(tasks_of(&p.ua, "message.refused"), 1);
    desk_install(&p.ua, AGREEMENT);
    desk_snapshot(&p.ua);
    struct look l = { .row = held.row };
    desk_run(&p.md, release_work, &l);
    assert_true(l.found);
    assert_int_equal(carry(&p.md, "UA-GW1"), 1);
    assert_int_equal(message_in(&p.md, MESSAGE_OUT, r.message_id).state,
                     MESSAGE_DELIVERED);
    h = fetch(&p.ua);
    handover_free(&h);
    desk_close(&p.md);
    desk_close(&p.ua);
}

/* The partner has no agreement with us at all: it owes us no more than a hint. */
static void test_agreement_unknown(void **state)
{
    struct pair p;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    (void)state;
    pair_open_with(&p, AGREEMENT, NULL);
    accepted(&p.md, &text, (struct hand){ 0 }, &r);
    for (size_t i = 0; i < COURIER_HINTS_MAX; i++) {
        assert_int_equal(carry(&p.md, "UA-GW1"), 1);
        p.md.clock.fixed_ms += MINUTE_MS;
    }
    const struct message m = message_in(&p.md, MESSAGE_OUT, r.message_id);
    assert_int_equal(m.state, MESSAGE_HELD);
    assert_string_equal(m.hold_kind, "unsigned-error");
    assert_int_equal(messages(&p.ua, MESSAGE_IN), 0);
    desk_close(&p.md);
    desk_close(&p.ua);
}

static void test_other_environment(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    p->ua.environment = "training";
    desk_snapshot(&p->ua);
    accepted(&p->md, &text, (struct hand){ 0 }, &r);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, r.message_id, MESSAGE_REJECTED, "trm.environment");
}

/* A message id that no row can hold: its sender is told, and not put off again and again. */
static void test_long_id(void **state)
{
    struct pair *p = *state;
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(p->md.x.box);
    const struct partner *ua = snapshot_partner(snap, "UA-GW1");
    const struct pmode pmode = pmode_test(partner_pmode(ua, AGREEMENT));
    char host[STORE_NAME_TEXT];

    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    const struct as4_spec spec = { .pmode = &pmode,
                                   .host = host,
                                   .conversation_id = "test",
                                   .timestamp_ms = p->md.clock.fixed_ms,
                                   .signing = &snap->keys.sign,
                                   .encrypt_cert =
                                       partner_encrypt_cert(ua, p->md.clock.fixed_ms) };
    AUTO(as4_package_free) struct as4_package *package = NULL;
    const struct http_client_settings settings = { .tls = ua->tls, .total_ms = 30000 };
    AUTO(http_client_free) struct http_client *client = http_client_new(&settings);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };

    OK(as4_package_make(&spec, &package, &err));
    AUTO(source_free) struct source *body = as4_package_wire(package);
    const struct http_call call = { .url = ua->url,
                                    .connect_to = ua->connect_to,
                                    .content_type = package->content_type,
                                    .body = body };
    http_client_call(client, &call, &result);
    assert_int_equal(result.outcome, HTTP_ANSWERED);
    assert_int_not_equal(result.status, 503);
    const struct as4_http http = { .status = result.status,
                                   .content_type = result.content_type,
                                   .body = result.body.data,
                                   .len = result.body.len };
    const struct as4_sent sent = { .message_id = package->message_id,
                                   .digests = &package->digests };
    as4_response_read(&http, &sent, &pmode, ua->trust, p->md.clock.fixed_ms, &outcome);
    assert_non_null(outcome.detail);
    assert_non_null(strstr(outcome.detail, "trm.header"));
}

static void test_denied_by_receiver(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    struct handover *h;
    char id[STORE_ROW_TEXT];

    desk_leg(&p->ua, AGREEMENT, "MD", "UA", "SUSPENDED");
    accepted(&p->md, &text, (struct hand){ 0 }, &r);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, r.message_id, MESSAGE_REJECTED, "trm.denied");
    assert_int_equal(tasks_of(&p->md, "message.not-delivered"), 1);
    assert_int_equal(tasks_of(&p->ua, "message.refused"), 1);
    assert_int_equal(deliverables(&p->ua, id), 0);
    const struct message in = message_in(&p->ua, MESSAGE_IN, r.message_id);
    assert_int_equal(in.state, MESSAGE_REFUSED);
    assert_int_equal(strlen(in.content_digest), 64); /* digest and reason, no content */
    /* A person looked, the leg is open again: the same message goes through. */
    desk_leg(&p->ua, AGREEMENT, "MD", "UA", "ACTIVE");
    const struct message out = message_in(&p->md, MESSAGE_OUT, r.message_id);
    struct look l = { .row = out.row };
    desk_run(&p->md, retry_work, &l);
    assert_true(l.found);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_int_equal(message_in(&p->md, MESSAGE_OUT, r.message_id).state,
                     MESSAGE_DELIVERED);
    h = fetch(&p->ua);
    handover_free(&h);
}

/* --- the second look ------------------------------------------------------------------------- */

static void test_held_and_released(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };

    accepted(&p->md, &text, (struct hand){ 0 }, &r);
    desk_leg(&p->md, AGREEMENT, "MD", "UA", "SUSPENDED");
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    assert_out(&p->md, r.message_id, MESSAGE_HELD, "agreement.leg-suspended");
    struct message m = message_in(&p->md, MESSAGE_OUT, r.message_id);
    assert_string_equal(m.hold_kind, "leg");
    assert_int_equal(m.attempts, 0);
    assert_int_equal(messages(&p->ua, MESSAGE_IN), 0);
    desk_leg(&p->md, AGREEMENT, "MD", "UA", "ACTIVE");
    struct look l = { .row = m.row };
    desk_run(&p->md, release_work, &l);
    assert_true(l.found);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    m = message_in(&p->md, MESSAGE_OUT, r.message_id);
    assert_int_equal(m.state, MESSAGE_DELIVERED);
}

/* Nothing of the person stands in the store in clear, on either side. */
static void test_sealed(void **state)
{
    static const char *const values[] = { "Vydrychenko", "Kvitoslava", "MD-0777" };
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    struct handover *h;

    replaced(&text, "\"Kovalchuk\"", "\"Vydrychenko\"");
    replaced(&text, "\"Oksana\"", "\"Kvitoslava\"");
    replaced(&text, "\"MD-0201\"", "\"MD-0777\"");
    accepted(&p->md, &text, (struct hand){ 0 }, &r);
    assert_int_equal(carry(&p->md, "UA-GW1"), 1);
    h = fetch(&p->ua);
    assert_non_null(strstr(buf_str(&h->document), "Vydrychenko"));
    handover_free(&h);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        AUTO(mem_free)
        char *command = mem_printf("grep -rqaF %s %s/store %s/store", values[i],
                                   p->md.folder, p->ua.folder);

        if (system(command) == 0)
            fail_msg("%s stands in a store", values[i]);
    }
}

/* --- attachments ----------------------------------------------------------------------------- */

struct upload_ctx {
    struct body_stage *stage;
    const char *id;
};

static bool upload_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct upload_ctx *c = ctx;
    bool other;

    return upload_put(tx, "MD-COORD", c->id, "application/pdf", c->stage,
                      store_tx_now(tx) + DAY_MS, &other, err);
}

/* Octets that begin like this and go on to that size; their digest. */
static void upload(struct desk *d, const char *id, const char *begins, size_t size,
                   char ret_sha256[STORE_HASH_TEXT])
{
    AUTO(mem_free) char *octets = mem_alloc(size);
    struct upload_ctx c = { .id = id };

    memset(octets, 'x', size);
    memcpy(octets, begins, strlen(begins));
    OK(body_stage_open(d->store, &c.stage, &err));
    struct sink *sink = body_stage_sink(c.stage);
    OK(sink->write(sink, octets, size, &err));
    OK(body_stage_finish(c.stage, &err));
    memcpy(ret_sha256, body_stage_sha256(c.stage), STORE_HASH_TEXT);
    desk_run(d, upload_work, &c);
    body_stage_free(&c.stage);
}

static bool parts_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    struct buf text = BUF_INIT(64 * 1024);
    bool ok = body_load(tx, l->row, "parts", &text, &l->found, err);

    l->count = strstr(buf_str(&text), "\"compress\":\"yes\"") != NULL;
    buf_free(&text);
    return ok;
}

struct file_row {
    const char *name;
    const char *begins; /* NULL: nothing was uploaded */
    size_t size;
    const char *sha256;  /* NULL: the right one */
    const char *partner; /* more for the partner's file */
    const char *code;    /* "": it travels */
    bool gzip;
};

/* clang-format off */
static struct file_row file_rows[] = {
    { "a file beside the document", "%PDF-1.7", 3000, NULL, "", "", false },
    { "gzip where the partner wants it", "%PDF-1.7", 3000, NULL, ", \"gzipAttachments\": true", "", true },
    { "no gzip above what a receiver inflates", "%PDF-1.7", 2 << 20, NULL, ", \"gzipAttachments\": true, \"as4\": {\"partMaxMiB\": 1}", "", false },
    { "no gzip when all is too much to inflate", "%PDF-1.7", 2 << 20, NULL, ", \"gzipAttachments\": true, \"as4\": {\"messageMaxMiB\": 2}", "", false },
    { "the file is not there", NULL, 0, "00", "", "intake.attachment", false },
    { "another file of that name", "%PDF-1.7", 3000, "00", "", "intake.attachment", false },
    { "a program that is called a PDF", "MZ", 3000, NULL, "", "intake.attachment", false },
    { "a page that is called a PDF", "\n<HTML>", 3000, NULL, "", "intake.attachment", false },
};
/* clang-format on */

static void test_file(void **state)
{
    const struct file_row *row = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    AUTO(intake_result_free) struct intake_result r = { 0 };
    char sha256[STORE_HASH_TEXT] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    struct pair p;
    struct handover *h;

    pair_open_with(&p, AGREEMENT, AGREEMENT);
    desk_partner(&p.md, &desk_ua, p.ua_port, row->partner);
    desk_snapshot(&p.md);
    if (row->begins != NULL)
        upload(&p.md, "consimtamant.pdf", row->begins, row->size, sha256);
    if (row->sha256 != NULL)
        memset(sha256, '0', 64);
    AUTO(mem_free)
    char *by_name =
        mem_printf("\"url\": \"https://files.example/1\", \"sha256\": \"%s\"", sha256);
    replaced(&text, "\"contentBase64\": \"JVBERi0xLjQgZmljdGlvbmFsIGNvbnNlbnQgZm9ybQ==\"",
             by_name);
    take(&p.md, &text, (struct hand){ 0 }, &r);
    assert_verdict(&r, row->code[0] ? INTAKE_REFUSED : INTAKE_ACCEPTED, row->code);
    if (row->code[0] == '\0') {
        const struct message m = message_in(&p.md, MESSAGE_OUT, r.message_id);
        struct look l = { .row = m.row };

        OK(store_read(p.md.store, parts_work, &l, &err));
        assert_int_equal(l.count, row->gzip);
        assert_int_equal(carry(&p.md, "UA-GW1"), 1);
        assert_out(&p.md, r.message_id, MESSAGE_DELIVERED, "");
        h = fetch(&p.ua);
        assert_int_equal(h->file_count, 1);
        assert_int_equal(h->files[0].content->size, row->size);
        assert_string_equal(h->files[0].media_type, "application/pdf");
        handover_free(&h);
    }
    desk_close(&p.md);
    desk_close(&p.ua);
}

/* --- at once --------------------------------------------------------------------------------- */

#define CROWD 4

struct crowd {
    struct desk *d;
    const struct buf *text; /* NULL: a question in the case */
    const char *case_id, *field;
    struct intake_result r;
};

static void *hand_in(void *arg)
{
    struct crowd *c = arg;
    const struct answer_field ask[] = { { .field = c->field, .purpose = "IDENTITY" } };

    if (c->text != NULL)
        take(c->d, c->text, (struct hand){ 0 }, &c->r);
    else
        say(c->d, ANSWER_ASK, c->case_id, NULL, ask, 1, &c->r);
    return NULL;
}

static void at_once(struct crowd *crowd)
{
    pthread_t ids[CROWD];

    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, hand_in, &crowd[i]), 0);
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(ids[i], NULL);
}

/* The same document from four hands at once is one message. */
static void test_same_at_once(void **state)
{
    struct pair *p = *state;
    AUTO(buf_free) struct buf text = tree_file(MD_ADULT);
    struct crowd crowd[CROWD];
    char first[UUID_TEXT];
    size_t fresh = 0;

    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = (struct crowd){ .d = &p->md, .text = &text };
    at_once(crowd);
    memcpy(first, crowd[0].r.message_id, sizeof first);
    for (size_t i = 0; i < CROWD; i++) {
        fresh += crowd[i].r.verdict == INTAKE_ACCEPTED;
        assert_int_not_equal(crowd[i].r.verdict, INTAKE_REFUSED);
        assert_string_equal(crowd[i].r.message_id, first);
        intake_result_free(&crowd[i].r);
    }
    assert_int_equal(fresh, 1);
    assert_int_equal(messages(&p->md, MESSAGE_OUT), 1);
}

/* Four questions of one case at once: four messages, each with a number of its own. */
static void test_case_at_once(void **state)
{
    static const char *const fields[CROWD] = { "Person/BirthPlace", "Person/BirthDate",
                                               "Person/Name", "Person/Citizenship" };
    struct pair *p = *state;
    AUTO(intake_result_free) struct intake_result m03 = { 0 };
    struct crowd crowd[CROWD];
    char id[CASE_ID_TEXT];
    unsigned seen = 0;

    referred(p, id);
    say(&p->ua, ANSWER_TAKE, id, NULL, NULL, 0, &m03);
    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = (struct crowd){ .d = &p->ua, .case_id = id, .field = fields[i] };
    at_once(crowd);
    for (size_t i = 0; i < CROWD; i++) {
        assert_verdict(&crowd[i].r, INTAKE_ACCEPTED, "");
        seen |= 1u << message_in(&p->ua, MESSAGE_OUT, crowd[i].r.message_id).sequence;
        intake_result_free(&crowd[i].r);
    }
    assert_int_equal(seen, 0x3c); /* 2, 3, 4, 5: the M03 was the first */
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(refusal_rows) + COUNT_OF(file_rows) + 20] = {
        { 0 }
    };
    const struct CMUnitTest others[] = {
        PAIR_TEST(test_there_and_back),
        PAIR_TEST(test_from_ua),
        PAIR_TEST(test_question_and_answer),
        PAIR_TEST(test_ambiguous),
        PAIR_TEST(test_no_partner),
        PAIR_TEST(test_answers_refused),
        PAIR_TEST(test_check_only),
        PAIR_TEST(test_repeats),
        PAIR_TEST(test_answer_repeats),
        PAIR_TEST(test_packaged_anew),
        cmocka_unit_test(test_bundle_unknown),
        cmocka_unit_test(test_agreement_unknown),
        PAIR_TEST(test_other_environment),
        PAIR_TEST(test_same_at_once),
        PAIR_TEST(test_case_at_once),
        PAIR_TEST(test_denied_by_receiver),
        PAIR_TEST(test_long_id),
        PAIR_TEST(test_held_and_released),
        PAIR_TEST(test_sealed),
    };
    size_t count = 0;

    for (size_t i = 0; i < COUNT_OF(others); i++)
        tests[count++] = others[i];
    for (size_t i = 0; i < COUNT_OF(refusal_rows); i++)
        tests[count++] = (struct CMUnitTest){ .name = refusal_rows[i].name,
                                              .test_func = test_refusal,
                                              .initial_state = &refusal_rows[i] };
    for (size_t i = 0; i < COUNT_OF(file_rows); i++)
        tests[count++] = (struct CMUnitTest){ .name = file_rows[i].name,
                                              .test_func = test_file,
                                              .initial_state = &file_rows[i] };
    return _cmocka_run_group_tests("exchange", tests, count, keys_setup, keys_teardown);
}
