/* Who may call what, and what each operation does to a gateway with a real store. */
#include "unit/exchange/support_exchange.h"

#include "base/body.h"
#include "format/json.h"
#include "ops/ops.h"
#include "store/cases.h"
#include "store/deliverables.h"
#include "store/messages.h"

#define MD_ADULT "mappings/national/MD/samples/m01-adult-full.json"

struct post {
    struct desk md;
    struct ops *ops;
    unsigned refreshed;
};

static bool on_refresh(void *ctx, struct err *err)
{
    struct post *p = ctx;

    (void)err;
    p->refreshed++;
    desk_snapshot(&p->md);
    return true;
}

static int post_setup(void **state)
{
    struct post *p = mem_alloc(sizeof *p);

    desk_open(&p->md, &desk_md);
    desk_partner(
        &p->md, &desk_ua, 1,
        ", \"pmodes\": [{\"id\": \"connect\", \"content\": \"opaque\", \"office\": "
        "\"MD-COORD\", \"service\": \"urn:test\", \"action\": \"Try\"}]");
    p->md.offices[p->md.office_count] = p->md.offices[0];
    p->md.offices[p->md.office_count].id = "MD-CONS";
    p->md.office_count++;
    p->md.source.office_count = p->md.office_count;
    desk_install(&p->md, "MDUA-1");
    desk_snapshot(&p->md);
    const struct ops_env env = { .x = &p->md.x,
                                 .again_ms = MINUTE_MS,
                                 .version = "test",
                                 .refresh = on_refresh,
                                 .ctx = p };
    p->ops = ops_new(&env);
    *state = p;
    return 0;
}

static int post_teardown(void **state)
{
    struct post *p = *state;

    ops_free(&p->ops);
    desk_close(&p->md);
    mem_free(&p);
    return 0;
}

/* --- calling --------------------------------------------------------------------------------- */

static struct ops_caller someone(enum ops_role role, const char *office)
{
    struct ops_caller c = { .role = role, .person = "somebody", .channel = "rest" };

    snprintf(c.office, sizeof c.office, "%s", office);
    return c;
}

/* args is JSON text or NULL; body octets or NULL. */
static struct ops_result run_as(struct post *p, struct ops_caller caller,
                                const char *name, const char *id, const char *args,
                                const struct buf *body)
{
    AUTO(json_drop) json_t *object = NULL;
    AUTO(source_free) struct source *octets = NULL;
    struct ops_result r;
    struct err err = { 0 };

    if (args != NULL)
        assert_non_null(object = json_parse(args, strlen(args), NULL, &err));
    if (body != NULL)
        octets = source_of_memory(buf_str(body), body->len);
    const struct ops_call call = {
        .caller = &caller, .id = id, .args = object, .body = octets, .scope = "rest"
    };
    ops_run(p->ops, name, &call, &r);
    return r;
}

static struct ops_result officer(struct post *p, const char *name, const char *id,
                                 const char *args)
{
    return run_as(p, someone(OPS_OFFICER, "MD-COORD"), name, id, args, NULL);
}

static struct ops_result operator_(struct post *p, const char *name, const char *id,
                                   const char *args)
{
    return run_as(p, someone(OPS_OPERATOR, ""), name, id, args, NULL);
}

static const char *text(const struct ops_result *r, const char *member)
{
    const char *value = json_string_value(json_object_get(r->json, member));

    return value != NULL ? value : "";
}

#define WORKS(r) \
    do { \
        if (!ops_worked((r).outcome)) \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, (r).why.code, (r).why.text); \
    } while (0)
#define REFUSED(r, outcome_, code_) \
    do { \
        assert_int_equal((r).outcome, outcome_); \
        assert_string_equal((r).why.code, code_); \
    } while (0)

static struct ops_result submit(struct post *p, const char *args)
{
    AUTO(buf_free) struct buf document = tree_file(MD_ADULT);

    return run_as(p, someone(OPS_OFFICER, "MD-COORD"), "message.submit", NULL, args,
                  &document);
}

#define TO_UA "{\"to\": \"UA-COORD\", \"agreement\": \"MDUA-1\"}"

/* --- permission ------------------------------------------------------------------------------ */

/* The whole table, written down once more: a change of it must be meant. */
static void test_roles(void **state)
{
    static const struct {
        const char *name, *roles;
        bool office;
    } rows[] = {
        { "message.submit", "OCT", true },
        { "message.opaque", "OCT+", false },
        { "attachment.put", "OCT+", false },
        { "preview", "OCT", true },
        { "message.list", "OCTA+", false },
        { "message.show", "OCTA+", false },
        { "message.losses", "OCT", true },
        { "message.why", "OCTA+", false },
        { "message.evidence", "OCA", false },
        { "deliverable.list", "OCT", true },
        { "deliverable.get", "OCT", true },
        { "deliverable.losses", "OCT", true },
        { "deliverable.attachments", "OCT", true },
        { "deliverable.attachment", "OCT", true },
        { "deliverable.acknowledge", "OCT", true },
        { "case.list", "OCTA+", false },
        { "case.show", "OCTA+", false },
        { "case.act", "OC", true },
        { "case.assign", "OC", true },
        { "partner.list", "OCA+", false },
        { "partner.test", "+", false },
        { "partner.pause", "+", false },
        { "partner.resume", "+", false },
        { "queue.list", "A+", false },
        { "queue.retry", "+", false },
        { "queue.hold", "+", false },
        { "queue.release", "+", false },
        { "queue.cancel", "+", false },
        { "agreement.list", "OCTA+", false },
        { "agreement.install", "+", false },
        { "agreement.leg", "+", false },
        { "task.list", "OCTA+", false },
        { "task.close", "OC+", false },
        { "status", "A+", false },
        { "reload", "+", false },
    };
    static const struct {
        char letter;
        enum ops_role role;
    } letters[] = { { 'O', OPS_OFFICER },
                    { 'C', OPS_CONSUL },
                    { 'T', OPS_TEAM },
                    { 'A', OPS_AUDITOR },
                    { '+', OPS_OPERATOR } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct ops_entry *e = ops_find(rows[i].name);

        assert_non_null(e);
        assert_int_equal(e->office, rows[i].office);
        for (size_t k = 0; k < COUNT_OF(letters); k++)
            assert_int_equal((e->roles & letters[k].role) != 0,
                             strchr(rows[i].roles, letters[k].letter) != NULL);
    }
    assert_null(ops_at(COUNT_OF(rows)));
    assert_null(ops_find("nothing"));
}

/* Every operation, called by each role that may not: refused, audited, nothing done. */
static void test_not_allowed(void **state)
{
    struct post *p = *state;
    static const enum ops_role all[] = { OPS_OFFICER, OPS_CONSUL, OPS_TEAM, OPS_AUDITOR,
                                         OPS_OPERATOR };
    unsigned refused = 0;

    for (size_t i = 0; ops_at(i) != NULL; i++)
        for (size_t k = 0; k < COUNT_OF(all); k++) {
            const struct ops_entry *e = ops_at(i);

            if ((e->roles & all[k]) != 0)
                continue;
            AUTO(ops_result_free)
            struct ops_result r =
                run_as(p, someone(all[k], "MD-COORD"), e->name, "x", NULL, NULL);
            REFUSED(r, OPS_NOT_ALLOWED, "ops.not-allowed");
            assert_null(r.json);
            refused++;
        }
    assert_true(refused > 60);
    assert_int_equal(audited(&p->md, "reload"), 4);
}

static void test_needs_office(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r =
        run_as(p, someone(OPS_OFFICER, ""), "deliverable.list", NULL, NULL, NULL);

    REFUSED(r, OPS_NOT_ALLOWED, "ops.not-allowed");
}

static void test_keys(void **state)
{
    struct post *p = *state;
    static const char sha[] =
        "0d7cfb40c9bb8c9a2f5d1eae1ee3b5a7c2b1c7b9d6b54a1d2e3f405162738495";
    const struct ops_client clients[] = {
        { "none", "MD-COORD", "officer", NULL, NULL, NULL },
        { "cert", "MD-COORD", "consul", "ion", NULL, sha },
    };
    struct ops_caller caller;

    OK(ops_set_clients(p->ops, clients, COUNT_OF(clients), &err));
    assert_true(ops_client_by_certificate(p->ops, sha, "rest", &caller));
    assert_string_equal(caller.person, "ion");
    assert_int_equal(caller.role, OPS_CONSUL);
    /* A certificate's digest is no key, a client without a key has none. */
    assert_false(ops_client_by_key(p->ops, "officer-key", "rest", &caller));
    assert_false(ops_client_by_key(p->ops, "", "rest", &caller));
    assert_false(ops_client_by_certificate(p->ops, "00", "rest", &caller));
    assert_false(ops_client_by_certificate(p->ops, "", "rest", &caller));
}

static void test_right_key(void **state)
{
    struct post *p = *state;
    char sha[STORE_HASH_TEXT];
    struct ops_caller caller = { 0 };
    char longest[OPS_KEY_MAX + 2];

    exchange_sha256("officer-key", strlen("officer-key"), sha);
    const struct ops_client one = { "sys", "MD-COORD", "officer", NULL, sha, NULL };
    OK(ops_set_clients(p->ops, &one, 1, &err));
    assert_true(ops_client_by_key(p->ops, "officer-key", "rest", &caller));
    assert_string_equal(caller.office, "MD-COORD");
    assert_string_equal(caller.person, "sys");
    assert_false(ops_client_by_key(p->ops, "officer-kez", "rest", &caller));
    assert_false(ops_client_by_key(p->ops, "officer-key ", "rest", &caller));
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(ops_client_by_key(p->ops, longest, "rest", &caller));
    /* All or nothing: a wrong list leaves the one in force. */
    const struct ops_client wrong = { "bad", "", "officer", NULL, sha, NULL };
    FAILS(ops_set_clients(p->ops, &wrong, 1, &err), ERR_CONFIG, "ops.client");
    assert_true(ops_client_by_key(p->ops, "officer-key", "rest", &caller));
}

static void test_wrong_clients(void **state)
{
    struct post *p = *state;
    static const struct ops_client wrong[] = {
        { "a", "MD-COORD", "chief", NULL, NULL, NULL },     /* no such role */
        { "b", "MD-COORD", "nobody", NULL, NULL, NULL },    /* no role of a person */
        { "c", "", "consul", NULL, NULL, NULL },            /* of no office */
        { "d", "MD-COORD", "operator", NULL, NULL, NULL },  /* of an office */
        { "e", "MD-COORD", "officer", NULL, "12ab", NULL }, /* no digest */
        { "f", "MD-COORD", "officer", NULL, NULL, "zz" },
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        FAILS(ops_set_clients(p->ops, &wrong[i], 1, &err), ERR_CONFIG, "ops.client");
}

static void test_arguments(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r = officer(p, "message.list", NULL, "{\"stat\": \"held\"}");

    REFUSED(r, OPS_BAD, "ops.argument");
    assert_non_null(strstr(r.why.text, "\"state\""));
    AUTO(ops_result_free)
    struct ops_result wrong = officer(p, "message.list", NULL, "{\"state\": \"asleep\"}");
    REFUSED(wrong, OPS_BAD, "ops.argument");
    AUTO(ops_result_free)
    struct ops_result unknown = officer(p, "message.burn", NULL, NULL);
    REFUSED(unknown, OPS_NOT_FOUND, "ops.unknown");
}

/* --- a document ------------------------------------------------------------------------------ */

static void test_submit(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);

    WORKS(r);
    assert_int_equal(r.outcome, OPS_ACCEPTED);
    assert_string_equal(text(&r, "kind"), "M01");
    assert_string_equal(text(&r, "state"), "waiting");
    assert_true(json_is_false(json_object_get(r.json, "repeated")));
    assert_true(json_array_size(json_object_get(r.json, "withheld")) > 0);

    /* The same again: the first ids, and how it stands by now. */
    AUTO(ops_result_free)
    struct ops_result hold =
        operator_(p, "queue.hold", text(&r, "messageId"), "{\"reason\": \"a call\"}");
    WORKS(hold);
    AUTO(ops_result_free) struct ops_result again = submit(p, TO_UA);
    WORKS(again);
    assert_string_equal(text(&again, "messageId"), text(&r, "messageId"));
    assert_string_equal(text(&again, "state"), "held");
    assert_true(json_is_true(json_object_get(again.json, "repeated")));
}

static void test_check_only(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r =
        submit(p, "{\"to\": \"UA-COORD\", \"agreement\": \"MDUA-1\", \"check\": true}");
    AUTO(ops_result_free) struct ops_result list = { 0 };

    WORKS(r);
    assert_int_equal(r.outcome, OPS_DONE);
    assert_string_equal(text(&r, "state"), "checked");
    list = officer(p, "message.list", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(list.json, "items")), 0);
}

static void test_findings(void **state)
{
    struct post *p = *state;
    AUTO(buf_free)
    struct buf document =
        tree_file("mappings/national/MD/samples/bad/02-unknown-exploitation-code.json");
    AUTO(ops_result_free)
    struct ops_result r = run_as(p, someone(OPS_OFFICER, "MD-COORD"), "message.submit",
                                 NULL, TO_UA, &document);

    REFUSED(r, OPS_FINDINGS, "intake.findings");
    assert_true(json_array_size(json_object_get(r.details, "findings")) > 0);
    assert_int_equal(audited(&p->md, "message.refused"), 1);

    AUTO(json_drop) json_t *problem = ops_problem(&r, 422, "Unprocessable Content");
    assert_string_equal(json_string_value(json_object_get(problem, "type")),
                        "urn:trm:problem:intake.findings");
    assert_string_equal(json_string_value(json_object_get(problem, "code")),
                        "intake.findings");
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 422);
    assert_true(json_array_size(json_object_get(problem, "findings")) > 0);
}

static void test_too_large(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf document = BUF_INIT(16 << 20);
    char *room = buf_room(&document, (8 << 20) + 1);

    memset(room, ' ', (8 << 20) + 1);
    buf_added(&document, (8 << 20) + 1);
    AUTO(ops_result_free)
    struct ops_result r = run_as(p, someone(OPS_OFFICER, "MD-COORD"), "message.submit",
                                 NULL, TO_UA, &document);
    REFUSED(r, OPS_TOO_LARGE, "buf.too-large");
    AUTO(ops_result_free)
    struct ops_result none =
        run_as(p, someone(OPS_OFFICER, "MD-COORD"), "message.submit", NULL, TO_UA, NULL);
    REFUSED(none, OPS_BAD, "ops.argument");
}

/* Another office, and the operator: rows by their rights, content never. */
static void test_who_sees(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    const char *id = text(&r, "messageId"), *case_id = text(&r, "caseId");
    const struct ops_caller stranger = someone(OPS_OFFICER, "MD-CONS");

    WORKS(r);
    static const char *const of_message[] = { "message.show", "message.why",
                                              "message.losses", "message.evidence" };
    for (size_t i = 0; i < COUNT_OF(of_message); i++) {
        AUTO(ops_result_free)
        struct ops_result other = run_as(p, stranger, of_message[i], id, NULL, NULL);
        AUTO(ops_result_free) struct ops_result own = officer(p, of_message[i], id, NULL);

        REFUSED(other, OPS_NOT_FOUND, "message.unknown");
        WORKS(own);
    }
    AUTO(ops_result_free)
    struct ops_result list = run_as(p, stranger, "message.list", NULL, NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(list.json, "items")), 0);
    AUTO(ops_result_free)
    struct ops_result hidden = run_as(p, stranger, "case.show", case_id, NULL, NULL);
    REFUSED(hidden, OPS_NOT_FOUND, "case.unknown");

    AUTO(ops_result_free)
    struct ops_result row = operator_(p, "case.show", case_id, NULL);
    WORKS(row);
    assert_null(json_object_get(row.json, "ownNumber"));
    AUTO(ops_result_free)
    struct ops_result whole = officer(p, "case.show", case_id, NULL);
    WORKS(whole);
    assert_non_null(json_object_get(whole.json, "ownNumber"));
    assert_int_equal(audited(&p->md, "case.read"), 2);
}

static void test_evidence(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    const char *id = text(&r, "messageId");
    AUTO(ops_result_free)
    struct ops_result own = officer(p, "message.evidence", id, NULL);
    AUTO(ops_result_free)
    struct ops_result proof =
        run_as(p, someone(OPS_AUDITOR, ""), "message.evidence", id, NULL, NULL);

    WORKS(own);
    WORKS(proof);
    assert_non_null(json_object_get(own.json, "sealedDocument"));
    assert_null(json_object_get(proof.json, "sealedDocument"));
    assert_int_equal(strlen(text(&proof, "contentSha256")), 64);
    assert_int_equal(audited(&p->md, "evidence.read"), 2);
}

static void test_why(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    AUTO(ops_result_free)
    struct ops_result why = operator_(p, "message.why", text(&r, "messageId"), NULL);

    WORKS(why);
    assert_non_null(strstr(text(&why, "now"), "waits to be sent"));
    const json_t *first = json_array_get(json_object_get(why.json, "history"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "action")),
                        "message.accepted");
    assert_non_null(strstr(json_string_value(json_object_get(first, "text")),
                           "by somebody of MD-COORD (officer) over rest"));
    assert_int_equal(audited(&p->md, "message.read"), 1);
}

/* --- the queue ------------------------------------------------------------------------------- */

static void test_queue(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    const char *id = text(&r, "messageId");
    static const struct {
        const char *operation, *state; /* NULL: refused */
    } steps[] = {
        { "queue.release", NULL },    { "queue.hold", "held" },
        { "queue.hold", NULL },       { "queue.release", "waiting" },
        { "queue.retry", "waiting" }, { "queue.cancel", "cancelled" },
        { "queue.cancel", NULL },     { "queue.retry", NULL },
    };

    WORKS(r);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        AUTO(ops_result_free)
        struct ops_result step = operator_(p, steps[i].operation, id, NULL);

        if (steps[i].state == NULL) {
            REFUSED(step, OPS_CONFLICT, "queue.state");
            continue;
        }
        WORKS(step);
        assert_string_equal(text(&step, "state"), steps[i].state);
    }
    AUTO(ops_result_free)
    struct ops_result none = operator_(p, "queue.hold", "nix", NULL);
    REFUSED(none, OPS_NOT_FOUND, "message.unknown");
    assert_int_equal(audited(&p->md, "queue.hold"), 2);
}

static void test_queue_list(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    AUTO(ops_result_free)
    struct ops_result waiting =
        operator_(p, "queue.list", NULL, "{\"partner\": \"UA-GW1\"}");
    AUTO(ops_result_free)
    struct ops_result held = operator_(p, "queue.list", NULL, "{\"state\": \"held\"}");

    WORKS(r);
    assert_int_equal(json_array_size(json_object_get(waiting.json, "items")), 1);
    assert_int_equal(json_array_size(json_object_get(held.json, "items")), 0);
}

/* --- agreements ------------------------------------------------------------------------------ */

static void test_leg(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result suspend = operator_(p, "agreement.leg", "MDUA-1",
                                          "{\"from\": \"MD\", \"to\": \"UA\", \"state\": "
                                          "\"SUSPENDED\", \"reason\": \"x\"}");
    AUTO(ops_result_free) struct ops_result denied = submit(p, TO_UA);

    WORKS(suspend);
    REFUSED(denied, OPS_NOT_ALLOWED, "agreement.leg-suspended");
    assert_non_null(json_object_get(denied.details, "clause"));
    AUTO(ops_result_free)
    struct ops_result active =
        operator_(p, "agreement.leg", "MDUA-1",
                  "{\"from\": \"MD\", \"to\": \"UA\", \"state\": \"ACTIVE\"}");
    WORKS(active);
    AUTO(ops_result_free) struct ops_result goes = submit(p, TO_UA);
    WORKS(goes);
}

static void test_leg_wrong(void **state)
{
    struct post *p = *state;
    static const char *const wrong[] = {
        "{\"from\": \"MD\", \"to\": \"AL\", \"state\": \"SUSPENDED\"}",
        "{\"from\": \"MD\", \"state\": \"SUSPENDED\"}",
        "{\"from\": \"MD\", \"to\": \"UA\", \"state\": \"TERMINATED\"}",
        "{\"from\": \"MD\", \"to\": \"UA\"}",
    };

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(ops_result_free)
        struct ops_result r = operator_(p, "agreement.leg", "MDUA-1", wrong[i]);
        REFUSED(r, OPS_BAD, "ops.argument");
    }
    AUTO(ops_result_free)
    struct ops_result none = operator_(p, "agreement.leg", "XX-1", wrong[0]);
    REFUSED(none, OPS_NOT_FOUND, "agreement.unknown");
}

static void test_install_garbage(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf garbage = BUF_INIT(100);

    buf_adds(&garbage, "this is no bundle");
    AUTO(ops_result_free)
    struct ops_result r =
        run_as(p, someone(OPS_OPERATOR, ""), "agreement.install", NULL, NULL, &garbage);
    assert_false(ops_worked(r.outcome));
    assert_int_equal(p->refreshed, 0);
    assert_int_equal(audited(&p->md, "bundle.refused"), 1);
}

static void test_agreement_list(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r = operator_(p, "agreement.list", NULL, NULL);
    const json_t *first = json_array_get(json_object_get(r.json, "items"), 0);

    WORKS(r);
    assert_string_equal(json_string_value(json_object_get(first, "agreement")), "MDUA-1");
    assert_int_equal(json_array_size(json_object_get(first, "legs")), 2);
}

/* --- opaque messages and uploads ------------------------------------------------------------- */

static void test_upload(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf one = BUF_INIT(100), two = BUF_INIT(100);
    const struct ops_caller caller = someone(OPS_OFFICER, "MD-COORD");

    buf_adds(&one, "%PDF-1.4");
    buf_adds(&two, "%PDF-1.5");
    AUTO(ops_result_free)
    struct ops_result first = run_as(p, caller, "attachment.put", "scan.pdf", NULL, &one);
    AUTO(ops_result_free)
    struct ops_result same = run_as(p, caller, "attachment.put", "scan.pdf", NULL, &one);
    AUTO(ops_result_free)
    struct ops_result other = run_as(p, caller, "attachment.put", "scan.pdf", NULL, &two);
    AUTO(ops_result_free)
    struct ops_result nameless = run_as(p, caller, "attachment.put", "", NULL, &one);
    /* Another office's names are its own. */
    AUTO(ops_result_free)
    struct ops_result elsewhere = run_as(p, someone(OPS_OFFICER, "MD-CONS"),
                                         "attachment.put", "scan.pdf", NULL, &two);

    WORKS(first);
    assert_int_equal(first.outcome, OPS_CREATED);
    WORKS(same);
    REFUSED(other, OPS_CONFLICT, "upload.other-content");
    REFUSED(nameless, OPS_BAD, "ops.argument");
    WORKS(elsewhere);
}

static void test_opaque(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r =
        operator_(p, "message.opaque", NULL,
                  "{\"partner\": \"UA-GW1\", \"pmode\": \"connect\", \"parts\": "
                  "[{\"base64\": \"aGVsbG8=\", \"mediaType\": \"text/plain\"}]}");
    static const struct {
        const char *args, *code;
    } wrong[] = {
        { "{\"partner\": \"UA-GW1\", \"pmode\": \"live\", \"parts\": []}",
          "partner.unknown" },
        { "{\"partner\": \"XX-GW1\", \"pmode\": \"connect\", \"parts\": []}",
          "partner.unknown" },
        { "{\"partner\": \"UA-GW1\", \"parts\": []}", "ops.argument" },
        { "{\"partner\": \"UA-GW1\", \"pmode\": \"connect\", \"parts\": [{}]}",
          "ops.argument" },
        { "{\"partner\": \"UA-GW1\", \"pmode\": \"connect\", \"parts\": "
          "[{\"base64\": \"*\"}]}",
          "codec.base64" },
        { "{\"partner\": \"UA-GW1\", \"pmode\": \"connect\", \"parts\": "
          "[{\"upload\": \"nothing\"}]}",
          "upload.unknown" },
    };

    WORKS(r);
    assert_string_equal(text(&r, "kind"), "opaque");
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(ops_result_free)
        struct ops_result bad = operator_(p, "message.opaque", NULL, wrong[i].args);

        assert_false(ops_worked(bad.outcome));
        assert_string_equal(bad.why.code, wrong[i].code);
    }
    AUTO(ops_result_free)
    struct ops_result queue = operator_(p, "queue.list", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(queue.json, "items")), 1);
    /* The P-Mode is for MD-COORD. */
    AUTO(ops_result_free)
    struct ops_result other =
        run_as(p, someone(OPS_OFFICER, "MD-CONS"), "message.opaque", NULL,
               "{\"partner\": \"UA-GW1\", \"pmode\": \"connect\", \"parts\": []}", NULL);
    REFUSED(other, OPS_NOT_ALLOWED, "ops.not-allowed");
}

/* --- partners, tasks, status ----------------------------------------------------------------- */

static void test_pause(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result pause = operator_(p, "partner.pause", "UA-GW1", NULL);
    AUTO(ops_result_free)
    struct ops_result list = operator_(p, "partner.list", NULL, NULL);
    const json_t *row = json_array_get(json_object_get(list.json, "items"), 0);
    AUTO(ops_result_free)
    struct ops_result none = operator_(p, "partner.pause", "XX-GW1", NULL);

    WORKS(pause);
    assert_true(json_is_true(json_object_get(row, "paused")));
    REFUSED(none, OPS_NOT_FOUND, "partner.unknown");
    assert_int_equal(audited(&p->md, "partner.paused"), 1);
}

/* Nobody listens there: the first step that fails is named, the later ones are not tried. */
static void test_partner_test(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free)
    struct ops_result r = operator_(p, "partner.test", "UA-GW1", NULL);
    const json_t *steps = json_object_get(r.json, "steps");
    const json_t *last = json_array_get(steps, json_array_size(steps) - 1);

    WORKS(r);
    assert_true(json_is_false(json_object_get(r.json, "ok")));
    assert_string_equal(json_string_value(json_object_get(last, "step")), "tcp");
}

struct task_ctx {
    const char *office;
};

static bool task_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct task_ctx *t = ctx;

    return exchange_task(tx, "message.rejected", t->office, NULL, NULL, "UA-GW1", "x",
                         "look at it", err);
}

static void test_tasks(void **state)
{
    struct post *p = *state;
    struct task_ctx mine = { "MD-COORD" }, theirs = { "MD-CONS" };

    desk_run(&p->md, task_work, &mine);
    desk_run(&p->md, task_work, &theirs);
    AUTO(ops_result_free) struct ops_result all = operator_(p, "task.list", NULL, NULL);
    AUTO(ops_result_free) struct ops_result own = officer(p, "task.list", NULL, NULL);
    assert_int_equal(json_array_size(json_object_get(all.json, "items")), 2);
    assert_int_equal(json_array_size(json_object_get(own.json, "items")), 1);
    for (size_t i = 0; i < 2; i++) {
        const json_t *item = json_array_get(json_object_get(all.json, "items"), i);
        const char *id = json_string_value(json_object_get(item, "taskId"));
        bool is_mine =
            strcmp(json_string_value(json_object_get(item, "office")), "MD-COORD") == 0;
        AUTO(ops_result_free) struct ops_result r = officer(p, "task.close", id, NULL);

        if (is_mine)
            WORKS(r);
        else
            REFUSED(r, OPS_NOT_FOUND, "task.unknown");
    }
}

static void test_metrics(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = submit(p, TO_UA);
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);

    WORKS(r);
    ops_metrics(p->ops, &out);
    assert_non_null(strstr(buf_str(&out),
                           "trm_messages{partner=\"UA-GW1\",direction=\"out\","
                           "state=\"waiting\"} 1\n"));
    assert_non_null(strstr(buf_str(&out), "trm_ready 1\n"));
    /* Nothing of a case, whatever the case is. */
    assert_null(strstr(buf_str(&out), text(&r, "caseId")));
    assert_null(strstr(buf_str(&out), text(&r, "messageId")));
}

static void test_status(void **state)
{
    struct post *p = *state;
    AUTO(ops_result_free) struct ops_result r = operator_(p, "status", NULL, NULL);

    WORKS(r);
    assert_string_equal(text(&r, "gateway"), "MD-GW1");
    assert_true(json_is_true(json_object_get(r.json, "ready")));
    assert_int_equal(json_array_size(json_object_get(r.json, "offices")), 2);
}

struct gap_ctx {
    struct message m;
    char delivery[STORE_ROW_TEXT];
};

/* The second message of a case came, the first did not. */
static bool gap_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct gap_ctx *c = ctx;
    struct case_row row = { .id = "K7QX-92MD-4RTE-5",
                            .own_office = "MD-COORD",
                            .partner = "UA-GW1",
                            .role = "receiver",
                            .state = "DELIVERED" };
    bool taken;

    return case_add(tx, &row, &taken, err) && message_add(tx, &c->m, &taken, err) &&
           message_set_state(tx, c->m.row, MESSAGE_READY, NULL, NULL, err) &&
           deliverable_add(tx, c->m.row, "MD-COORD", c->delivery, err);
}

static void test_housekeeping(void **state)
{
    struct post *p = *state;
    struct gap_ctx c = { .m = { .id = "1b4e28ba-2fa1-4d2a-883f-0016d3cca427",
                                .direction = MESSAGE_IN,
                                .state = MESSAGE_RECEIVED,
                                .kind = "M04",
                                .case_id = "K7QX-92MD-4RTE-5",
                                .partner = "UA-GW1",
                                .own_office = "MD-COORD",
                                .sequence = 2 } };

    desk_run(&p->md, gap_work, &c);
    ops_housekeeping(p->ops);
    assert_int_equal(tasks_of(&p->md, "sequence.gap"), 0);
    p->md.clock.fixed_ms += HOUR_MS + 1;
    ops_housekeeping(p->ops);
    ops_housekeeping(p->ops);
    assert_int_equal(tasks_of(&p->md, "sequence.gap"), 1); /* once */
}

static void test_preview(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf document = tree_file(MD_ADULT);
    const struct ops_caller caller = someone(OPS_OFFICER, "MD-COORD");
    AUTO(ops_result_free)
    struct ops_result r = run_as(p, caller, "preview", NULL, TO_UA, &document);
    AUTO(ops_result_free)
    struct ops_result lost =
        run_as(p, caller, "preview", NULL, "{\"to\": \"AL-ONAC\"}", &document);
    AUTO(ops_result_free)
    struct ops_result nowhere = run_as(p, caller, "preview", NULL, NULL, &document);

    WORKS(r);
    assert_true(json_array_size(json_object_get(r.json, "rows")) > 10);
    REFUSED(lost, OPS_NOT_ALLOWED, "intake.no-agreement");
    REFUSED(nowhere, OPS_BAD, "ops.argument");
}

static void test_deliverable_unknown(void **state)
{
    struct post *p = *state;
    static const char *const names[] = { "deliverable.get", "deliverable.losses",
                                         "deliverable.attachments",
                                         "deliverable.acknowledge" };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(ops_result_free) struct ops_result r = officer(p, names[i], "nothing", NULL);
        REFUSED(r, OPS_NOT_FOUND, "deliverable.unknown");
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        T(test_not_allowed),
        T(test_needs_office),
        T(test_keys),
        T(test_right_key),
        T(test_wrong_clients),
        T(test_arguments),
        T(test_submit),
        T(test_check_only),
        T(test_findings),
        T(test_too_large),
        T(test_who_sees),
        T(test_evidence),
        T(test_why),
        T(test_queue),
        T(test_queue_list),
        T(test_leg),
        T(test_leg_wrong),
        T(test_install_garbage),
        T(test_agreement_list),
        T(test_upload),
        T(test_opaque),
        T(test_pause),
        T(test_partner_test),
        T(test_tasks),
        T(test_metrics),
        T(test_status),
        T(test_housekeeping),
        T(test_preview),
        T(test_deliverable_unknown),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
