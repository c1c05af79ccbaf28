/* What is kept of a case: written, read again after a restart, moved by the table alone. */
#include "support_exchange.h"

#include <pthread.h>

#include "exchange/case_file.h"
#include "format/xml.h"
#include "model/referral.h"

#define CASE  "ABCD-EFGH-JKMN-P"
#define PLACE "Orhei-canary"

static int desk_setup(void **state)
{
    struct desk *d = mem_alloc(sizeof *d);

    desk_open(d, &desk_md);
    desk_snapshot(d);
    *state = d;
    return 0;
}

static int desk_teardown(void **state)
{
    struct desk *d = *state;

    desk_close(d);
    mem_free(&d);
    return 0;
}

static xmlDoc *document(const char *kind, const char *content)
{
    AUTO(mem_free)
    char *text =
        mem_printf("<Referral xmlns=\"urn:trm:referral:1\" kind=\"%s\" minor=\"0\" "
                   "environment=\"demo\"><Header/>%s</Referral>",
                   kind, content);
    xmlDoc *doc = NULL;

    OK((doc = xml_parse_utf8(text, strlen(text), NULL, &err)) != NULL);
    return doc;
}

static struct case_row row_in(enum case_state state)
{
    struct case_row row = { .agreement = "MDUA-1",
                            .agreement_version = "1",
                            .own_office = "MD-COORD",
                            .partner = "UA-GW1",
                            .partner_office = "UA-COORD",
                            .environment = "demo" };

    assert_true(STORE_COPY(row.id, CASE));
    assert_true(STORE_COPY(row.role, case_role_name(CASE_ROLE_SENDER)));
    assert_true(STORE_COPY(row.state, case_state_name(state)));
    return row;
}

static bool add_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct case_row row = row_in(*(enum case_state *)ctx);
    bool taken;

    return case_add(tx, &row, &taken, err);
}

static void add_case(struct desk *d, enum case_state state)
{
    desk_run(d, add_work, &state);
}

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct case_file **f = ctx;

    case_file_free(f);
    return case_file_load(tx, CASE, f, err);
}

static struct case_file *load(struct desk *d)
{
    struct case_file *f = NULL;

    OK(store_read(d->store, load_work, &f, &err));
    return f;
}

static bool save_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return case_file_save(tx, ctx, err);
}

/* --- whole ----------------------------------------------------------------------------------- */

static void test_absent(void **state)
{
    assert_null(load(*state));
}

static void test_fresh(void **state)
{
    struct case_file *f;

    add_case(*state, CASE_SENT);
    f = load(*state);
    assert_non_null(f);
    assert_int_equal(f->role, CASE_ROLE_SENDER);
    assert_int_equal(f->state, CASE_SENT);
    assert_null(f->consents);
    assert_int_equal(f->asked_by_us.count, 0);
    assert_string_equal(f->own_number, "");
    assert_string_equal(f->birth_date, "");
    case_file_free(&f);
}

static void fill(struct case_file *f)
{
    AUTO(xml_doc_free)
    xmlDoc *m01 =
        document("M01", "<Consent form=\"MD-referral/1.2\" item=\"repatriation\"><State "
                        "code=\"GIVEN\"/></Consent><Consent form=\"MD-referral/1.2\" "
                        "item=\"health\"><State code=\"REFUSED\"/></Consent>");
    AUTO(xml_doc_free)
    xmlDoc *m05 = document(
        "M05", "<InfoRequest><Question><Path>Person/BirthPlace</Path></Question>"
               "<Question><Path>Health/Description</Path></Question></InfoRequest>");

    snprintf(f->own_number, sizeof f->own_number, "DC-2026/\xd1\x88-17 \"a\"\\b");
    snprintf(f->their_number, sizeof f->their_number, "17/2026");
    snprintf(f->birth_date, sizeof f->birth_date, "1999-07");
    snprintf(f->beneficiary, sizeof f->beneficiary, "ADULT");
    case_file_take_consents(f, m01, NULL);
    case_file_ask(f, true, m05);
    case_file_ask(f, true, m05); /* asked twice is asked once */
}

static void test_round(void **state)
{
    struct desk *d = *state;
    struct case_file *f;

    add_case(d, CASE_SENT);
    f = load(d);
    fill(f);
    desk_run(d, save_work, f);
    case_file_free(&f);
    desk_restart(d);
    f = load(d);
    assert_string_equal(f->own_number, "DC-2026/\xd1\x88-17 \"a\"\\b");
    assert_string_equal(f->their_number, "17/2026");
    assert_string_equal(f->birth_date, "1999-07");
    assert_string_equal(f->beneficiary, "ADULT");
    assert_int_equal(f->asked_by_us.count, 2);
    assert_true(strlist_has(&f->asked_by_us, "Person/BirthPlace"));
    assert_int_equal(f->asked_by_them.count, 0);
    const xmlNode *c = referral_section(f->consents, "Consent");
    assert_string_equal(xml_attr(c, NULL, "item"), "repatriation");
    c = xml_again(c);
    assert_string_equal(xml_attr(c, NULL, "item"), "health");
    assert_null(xml_again(c));
    case_file_free(&f);
}

/* A work that is undone leaves nothing, and what is sealed does not stand in the file. */
static bool save_and_fail(struct store_tx *tx, void *ctx, struct err *err)
{
    return case_file_save(tx, ctx, err) &&
           err_set(err, ERR_REJECT, "test.undo", "undone");
}

static void test_undone(void **state)
{
    struct desk *d = *state;
    struct case_file *f;

    add_case(d, CASE_SENT);
    f = load(d);
    fill(f);
    FAILS(store_run(d->store, save_and_fail, f, &err), ERR_REJECT, "test.undo");
    case_file_free(&f);
    f = load(d);
    assert_string_equal(f->own_number, "");
    assert_null(f->consents);
    case_file_free(&f);
}

static void test_sealed(void **state)
{
    struct desk *d = *state;
    struct case_file *f;
    char command[200];

    add_case(d, CASE_SENT);
    f = load(d);
    snprintf(f->own_number, sizeof f->own_number, "%s", PLACE);
    desk_run(d, save_work, f);
    case_file_free(&f);
    snprintf(command, sizeof command, "grep -rqa %s %s", PLACE, d->folder);
    assert_int_not_equal(system(command), 0);
}

/* --- consents -------------------------------------------------------------------------------- */

static void test_consents_replace(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *more =
        document("M18", "<Consent form=\"MD-referral/1.2\" item=\"repatriation\"><State "
                        "code=\"WITHDRAWN\"/></Consent>");
    AUTO(xml_doc_free) xmlDoc *none = document("M03", "");
    struct case_file *f;

    add_case(*state, CASE_SENT);
    f = load(*state);
    fill(f);
    case_file_take_consents(f, more, NULL);
    assert_null(xml_again(referral_section(f->consents, "Consent")));
    /* A document without consents takes none away. */
    case_file_take_consents(f, none, NULL);
    assert_non_null(referral_section(f->consents, "Consent"));
    case_file_free(&f);
}

/* --- questions ------------------------------------------------------------------------------- */

static void test_questions(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *m05 = document(
        "M05", "<InfoRequest><Question><Path>Person/BirthPlace</Path></Question>"
               "<Question><Path>Health/Description</Path></Question></InfoRequest>");
    AUTO(xml_doc_free)
    xmlDoc *part = document(
        "M06", "<InfoResponse><Answer><Path>Health/Description</Path></Answer><Answer>"
               "<Path>Risk/Level</Path></Answer></InfoResponse>");
    AUTO(xml_doc_free)
    xmlDoc *rest = document(
        "M06",
        "<InfoResponse><Answer><Path>Person/BirthPlace</Path></Answer></InfoResponse>");
    struct case_file *f;

    add_case(*state, CASE_UNDER_REVIEW);
    f = load(*state);
    case_file_ask(f, false, m05);
    assert_int_equal(f->asked_by_them.count, 2);
    assert_int_equal(f->asked_by_us.count, 0);
    /* An answer to what the other side asked closes nothing of ours, and the other way. */
    assert_false(case_file_answer(f, false, part));
    assert_int_equal(f->asked_by_them.count, 1);
    assert_true(case_file_answer(f, true, rest));
    assert_int_equal(f->asked_by_them.count, 1);
    assert_true(case_file_answer(f, false, rest));
    assert_int_equal(f->asked_by_them.count, 0);
    case_file_free(&f);
}

/* --- states ---------------------------------------------------------------------------------- */

struct move {
    struct case_file *f;
    enum case_trigger trigger;
};

static bool move_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct move *m = ctx;

    return case_file_move(tx, m->f, m->trigger, err);
}

static void test_move(void **state)
{
    struct desk *d = *state;
    struct move m = { .trigger = CASE_M03 };

    add_case(d, CASE_SENT);
    m.f = load(d);
    desk_run(d, move_work, &m);
    assert_int_equal(m.f->state, CASE_UNDER_REVIEW);
    assert_string_equal(m.f->row.state, "UNDER_REVIEW");
    case_file_free(&m.f);
    m.f = load(d);
    assert_int_equal(m.f->state, CASE_UNDER_REVIEW);
    /* What the table has not, changes nothing. */
    FAILS(store_run(d->store, move_work, &m, &err), ERR_REJECT, "case.state");
    assert_int_equal(m.f->state, CASE_UNDER_REVIEW);
    m.trigger = CASE_M20;
    desk_run(d, move_work, &m);
    case_file_free(&m.f);
    m.f = load(d);
    assert_int_equal(m.f->state, CASE_CLOSED);
    assert_int_equal(m.f->row.closed_ms, NOW);
    case_file_free(&m.f);
}

/* Somebody else moved it between reading and moving. */
static void test_moved_meanwhile(void **state)
{
    struct desk *d = *state;
    struct move first = { .trigger = CASE_M03 }, second = { .trigger = CASE_M03 };

    add_case(d, CASE_SENT);
    first.f = load(d);
    second.f = load(d);
    desk_run(d, move_work, &first);
    FAILS(store_run(d->store, move_work, &second, &err), ERR_RETRY, "case.moved");
    case_file_free(&first.f);
    case_file_free(&second.f);
}

static bool receipt_work(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return case_file_receipt(tx, CASE, err);
}

static const struct {
    enum case_state before, after;
} receipts[] = {
    { CASE_SENT, CASE_DELIVERED },
    { CASE_DELIVERED, CASE_DELIVERED },
    { CASE_UNDER_REVIEW, CASE_UNDER_REVIEW }, /* the M03 overtook it */
    { CASE_CLOSED, CASE_CLOSED },
};

static void test_receipt(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(receipts); i++) {
        struct desk d;
        struct case_file *f;

        desk_open(&d, &desk_md);
        add_case(&d, receipts[i].before);
        desk_run(&d, receipt_work, NULL);
        f = load(&d);
        assert_int_equal(f->state, receipts[i].after);
        case_file_free(&f);
        desk_close(&d);
    }
}

/* A receipt for a case that is not there (erased meanwhile) hurts nobody. */
static void test_receipt_no_case(void **state)
{
    desk_run(*state, receipt_work, NULL);
}

static bool spoil_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct case_change change = { .from_state = "SENT", .state = ctx };
    bool changed;

    return case_set_state(tx, CASE, &change, &changed, err);
}

/* A state this program does not know is its own fault and said so. */
static void test_unknown_state(void **state)
{
    struct desk *d = *state;
    struct case_file *f = NULL;
    char lost[] = "LOST";

    add_case(d, CASE_SENT);
    desk_run(d, spoil_work, lost);
    FAILS(store_read(d->store, load_work, &f, &err), ERR_BUG, "case.row");
    assert_null(f);
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(test_absent),          DESK_TEST(test_fresh),
        DESK_TEST(test_round),           DESK_TEST(test_undone),
        DESK_TEST(test_sealed),          DESK_TEST(test_consents_replace),
        DESK_TEST(test_questions),       DESK_TEST(test_move),
        DESK_TEST(test_moved_meanwhile), cmocka_unit_test(test_receipt),
        DESK_TEST(test_receipt_no_case), DESK_TEST(test_unknown_state),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
