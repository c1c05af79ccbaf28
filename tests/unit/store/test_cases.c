/* Cases: guards, sequences, lists with cursors, offices. Messages: adding, finding, lists. */
#include "support_store.h"

#include "store/store_private.h"

/* --- cases ------------------------------------------------------------------------------------ */

static void test_added_once(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct case_row row = some_case("A"), got;
    bool taken, found;

    row.next_out = 7; /* not the caller's to say */
    OK(case_add(tx, &row, &taken, &err));
    assert_false(taken);
    STORE_COPY(row.state, "OTHER");
    OK(case_add(tx, &row, &taken, &err));
    assert_true(taken);
    OK(case_get(tx, "A", &got, &found, &err));
    assert_true(found);
    assert_string_equal(got.state, "SENT");
    assert_string_equal(got.agreement, "MDUA-1");
    assert_int_equal(got.next_out, 1);
    assert_int_equal(got.expected_in, 1);
    assert_int_equal(got.created_ms, NOW);
    OK(case_get(tx, "B", &got, &found, &err));
    assert_false(found);
}

static void test_compare_and_set(void **state)
{
    static const struct {
        const char *from, *from_substates, *state, *substates;
        bool closed, want;
    } rows[] = {
        { "DRAFT", NULL, "X", NULL, false, false }, /* not what stands there */
        { "SENT", "other", "X", NULL, false, false },
        { "SENT", "", "DELIVERED", "identity=OPEN", false, true },
        { "DELIVERED", "identity=OPEN", "UNDER_REVIEW", NULL, false, true },
        { "UNDER_REVIEW", "identity=OPEN", "CLOSED", "", true, true },
        { "CLOSED", NULL, "UNDER_REVIEW", NULL, false, true },
    };
    struct store_tx *tx = tx_begin(*state);
    struct case_row got;
    bool changed, found;

    add_case(tx, "A");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct case_change change = { rows[i].from, rows[i].from_substates,
                                            rows[i].state, rows[i].substates,
                                            rows[i].closed };

        OK(case_set_state(tx, "A", &change, &changed, &err));
        assert_int_equal(changed, rows[i].want);
        OK(case_get(tx, "A", &got, &found, &err));
        if (rows[i].want)
            assert_string_equal(got.state, rows[i].state);
        else
            assert_string_equal(got.state, "SENT");
        assert_int_equal(got.closed_ms, rows[i].closed ? NOW : 0);
    }
    OK(case_set_state(tx, "unknown",
                      &(struct case_change){ .from_state = "", .state = "X" }, &changed,
                      &err));
    assert_false(changed);
}

static void test_outgoing_sequence(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    int64_t number;

    add_case(tx, "A");
    OK(case_next_sequence(tx, "A", &number, &err));
    assert_int_equal(number, 1);
    tx = tx_next(b);
    OK(case_next_sequence(tx, "A", &number, &err));
    assert_int_equal(number, 2);
    tx_end(b, false); /* undone: given again */
    tx = tx_begin(b);
    OK(case_next_sequence(tx, "A", &number, &err));
    assert_int_equal(number, 2);
    FAILS(case_next_sequence(tx, "B", &number, &err), ERR_REJECT, "case.unknown");
}

static int64_t expected(struct store_tx *tx, const char *case_id)
{
    struct case_row row;
    bool found;

    OK(case_get(tx, case_id, &row, &found, &err));
    assert_true(found);
    return row.expected_in;
}

static void test_incoming_sequence(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message refused = some_in("r3", "A", 3);
    char row[STORE_ROW_TEXT];

    add_case(tx, "A");
    add_message(tx, some_in("m2", "A", 2), row);
    assert_int_equal(expected(tx, "A"), 1);
    add_message(tx, some_in("m1", "A", 1), row);
    assert_int_equal(expected(tx, "A"), 3);
    refused.state = MESSAGE_REFUSED;
    add_message(tx, refused, row); /* was received, even if it was refused */
    assert_int_equal(expected(tx, "A"), 4);
    add_message(tx, some_out("o4", "A", 4), row); /* ours do not count */
    assert_int_equal(expected(tx, "A"), 4);
    add_message(tx, some_in("m7", "A", 7), row);
    OK(case_skip_gap(tx, "A", 7, &err));
    assert_int_equal(expected(tx, "A"), 8);
    OK(case_skip_gap(tx, "A", 2, &err)); /* never back */
    assert_int_equal(expected(tx, "A"), 8);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void make_cases(struct bench *b, int count)
{
    for (int i = 0; i < count; i++) {
        struct store_tx *tx = tx_begin(b);
        struct case_row row;
        char id[16];
        bool taken, changed;

        snprintf(id, sizeof id, "C%03d", (i * 7) % count); /* ids say nothing of order */
        row = some_case(id);
        if (i % 3 == 0)
            STORE_COPY(row.own_office, "MD-CONS");
        OK(case_add(tx, &row, &taken, &err));
        if (i % 5 == 0)
            OK(case_set_state(tx, id,
                              &(struct case_change){ "SENT", NULL, "CLOSED", NULL, true },
                              &changed, &err));
        if (i % 4 == 0)
            OK(case_assign(tx, id, "MD-TEAM", &err));
        if (i % 2 == 0)
            b->clock.fixed_ms += 1; /* two in one millisecond */
        tx_end(b, true);
    }
}

/* Pages through and checks order and that none is seen twice; returns how many. */
static int page_through(struct store_tx *tx, struct case_filter filter)
{
    char cursor[sizeof((struct case_list *)0)->next] = "";
    struct case_row last = { 0 };
    int count = 0;

    for (int pages = 0; pages < 100; pages++) {
        AUTO(case_list_free) struct case_list list = { 0 };

        filter.after = cursor;
        OK(case_select(tx, &filter, &list, &err));
        for (size_t i = 0; i < list.count; i++, count++) {
            const struct case_row *row = &list.items[i];
            int order = row->created_ms != last.created_ms
                            ? (row->created_ms > last.created_ms ? 1 : -1)
                            : strcmp(row->id, last.id);

            if (count > 0)
                assert_true(filter.newest_first ? order < 0 : order > 0);
            last = *row;
        }
        if (list.next[0] == '\0')
            return count;
        memcpy(cursor, list.next, sizeof cursor);
    }
    fail_msg("the pages do not end");
    return 0;
}

static void test_pages_of_cases(void **state)
{
    static const struct {
        struct case_filter filter;
        int want;
    } rows[] = {
        { { .limit = 7 }, 60 },
        { { .limit = 60 }, 60 },
        { { .limit = 7, .newest_first = true }, 60 },
        { { .limit = 3, .office = "MD-CONS" }, 20 },
        { { .limit = 3, .office = "MD-COORD", .newest_first = true }, 40 },
        { { .limit = 4, .office = "MD-TEAM" }, 15 },
        { { .limit = 5, .state = "CLOSED" }, 12 },
        { { .limit = 5, .open_only = true }, 48 },
        { { .limit = 5, .office = "MD-CONS", .state = "CLOSED" }, 4 },
        { { .limit = 5, .partner = "UA-GW1" }, 60 },
        { { .limit = 5, .partner = "AL-GW1" }, 0 },
        { { .limit = 5, .office = "XX-COORD" }, 0 },
    };
    struct bench *b = *state;
    struct store_tx *tx;

    make_cases(b, 60);
    tx = tx_begin(b);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int got = page_through(tx, rows[i].filter);

        if (got != rows[i].want)
            fail_msg("row %zu: %d, not %d", i, got, rows[i].want);
    }
}

static void test_a_wrong_cursor_is_refused(void **state)
{
    static const char *const cursors[] = { "x", "12", "x|C001", "|", "1.5|C001" };
    struct store_tx *tx = tx_begin(*state);
    struct case_list list;

    for (size_t i = 0; i < COUNT_OF(cursors); i++)
        FAILS(case_select(tx, &(struct case_filter){ .after = cursors[i] }, &list, &err),
              ERR_REJECT, "store.cursor");
}

static void test_found_by_hash(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    AUTO(case_list_free) struct case_list list = { 0 };
    char hash[STORE_HASH_TEXT];

    add_case(tx, "A");
    add_case(tx, "B");
    OK(store_keyed_hash(tx, "national-number", "MD-1", hash, &err));
    OK(case_set_number(tx, "A", hash, &err));
    OK(case_select(tx, &(struct case_filter){ .number_hash = hash }, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, "A");
    case_list_free(&list);
    OK(case_select(tx, &(struct case_filter){ .number_hash = "" }, &list, &err));
    assert_int_equal(list.count, 0); /* no number matches no number */
    OK(case_find_key_add(tx, "A", "identifier", hash, &err));
    OK(case_find_key_add(tx, "B", "identifier", hash, &err));
    OK(case_find_key_add(tx, "B", "identifier", hash, &err));
    OK(case_find_key_add(tx, "B", "identifier", "", &err)); /* nothing to find by */
    OK(case_find_by_key(tx, "identifier", hash, &list, &err));
    assert_int_equal(list.count, 2);
    case_list_free(&list);
    OK(case_find_by_key(tx, "name", hash, &list, &err));
    assert_int_equal(list.count, 0);
    FAILS(case_set_number(tx, "Z", hash, &err), ERR_REJECT, "case.unknown");
    OK(case_set_link(tx, "A", "B", &err));
}

static void test_offices(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct case_offices offices;
    char name[16];

    add_case(tx, "A");
    OK(case_assign(tx, "A", "MD-TEAM", &err));
    OK(case_assign(tx, "A", "MD-NGO", &err));
    OK(case_assign(tx, "A", "MD-NGO", &err));
    OK(case_offices(tx, "A", &offices, &err));
    assert_int_equal(offices.count, 2);
    assert_string_equal(offices.names[0], "MD-NGO");
    OK(case_unassign(tx, "A", "MD-NGO", &err));
    OK(case_unassign(tx, "A", "MD-COORD", &err)); /* its own office stays */
    OK(case_offices(tx, "A", &offices, &err));
    assert_int_equal(offices.count, 1);
    assert_int_equal(page_through(tx, (struct case_filter){ .office = "MD-COORD" }), 1);
    for (int i = 0; i < CASE_OFFICES_MAX - 2; i++) {
        snprintf(name, sizeof name, "X-%d", i);
        OK(case_assign(tx, "A", name, &err));
    }
    FAILS(case_assign(tx, "A", "ONE-MORE", &err), ERR_REJECT, "case.offices");
}

/* A page of an office's cases comes from the index in its order, however many there are. */
static void test_plan_of_pages(void **state)
{
    static const struct {
        const char *sql, *index;
    } rows[] = {
        { "SELECT cases.id FROM case_office JOIN cases ON cases.id = case_office.case_id"
          " WHERE case_office.office = ?"
          " ORDER BY case_office.created_ms DESC, case_office.case_id DESC LIMIT 50",
          "case_office_office" },
        { "SELECT cases.id FROM cases WHERE cases.state = ?"
          " ORDER BY cases.created_ms, cases.id LIMIT 50",
          "cases_state" },
        { "SELECT cases.id FROM cases WHERE cases.number_hash <> '' AND "
          "cases.number_hash = ?"
          " ORDER BY cases.created_ms, cases.id LIMIT 50",
          "cases_number" },
    };
    struct bench *b = *state;
    struct store_tx *tx;
    char plan[1024];

    make_cases(b, 60);
    tx = tx_begin(b);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        OK(sql_plan(tx, rows[i].sql, SQL_ARGS(sql_t("x")), plan, sizeof plan, &err));
        if (strstr(plan, rows[i].index) == NULL || strstr(plan, "SCAN") != NULL)
            fail_msg("%s\n%s", rows[i].sql, plan);
    }
}

struct totals {
    char text[256];
};

static bool note_total(void *ctx, const struct case_total *total)
{
    struct totals *t = ctx;
    size_t len = strlen(t->text);

    snprintf(t->text + len, sizeof t->text - len, "%s/%s=%llu ", total->office,
             total->state, (unsigned long long)total->count);
    return true;
}

static void test_totals(void **state)
{
    struct bench *b = *state;
    struct totals t = { "" };

    make_cases(b, 30);
    OK(case_totals(tx_begin(b), note_total, &t, &err));
    assert_string_equal(t.text, "MD-CONS/CLOSED=2 MD-CONS/SENT=8 MD-COORD/CLOSED=4 "
                                "MD-COORD/SENT=16 ");
}

/* --- messages ----------------------------------------------------------------------------------- */

static void test_a_message_id_is_taken_once(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message first = some_in("m", "A", 1), m;
    char out_row[STORE_ROW_TEXT];
    bool taken, found;

    OK(message_add(tx, &first, &taken, &err));
    assert_false(taken);
    m = some_in("m", "B", 1);
    OK(message_add(tx, &m, &taken, &err));
    assert_true(taken);
    assert_string_equal(m.row, first.row);
    add_message(tx, some_out("m", "A", 1), out_row); /* the other direction is apart */
    OK(message_find(tx, MESSAGE_IN, "m", &m, &found, &err));
    assert_true(found);
    assert_string_equal(m.case_id, "A");
    OK(message_find(tx, MESSAGE_IN, "n", &m, &found, &err));
    assert_false(found);
}

static void test_a_refused_id_can_come_again(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message m = some_in("m", "A", 1);
    char first[STORE_ROW_TEXT], second[STORE_ROW_TEXT], third[STORE_ROW_TEXT];
    bool found;

    m.state = MESSAGE_REFUSED;
    add_message(tx, m, first);
    add_message(tx, m, second); /* refused twice: two rows */
    OK(message_find(tx, MESSAGE_IN, "m", &m, &found, &err));
    assert_string_equal(m.row, second);
    add_message(tx, some_in("m", "A", 1), third);
    OK(message_find(tx, MESSAGE_IN, "m", &m, &found, &err));
    assert_string_equal(m.row, third);
}

static void test_wrong_first_states(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    bool taken;

    for (int s = 0; s < MESSAGE_STATES; s++)
        for (int d = MESSAGE_OUT; d <= MESSAGE_IN; d++) {
            struct message m = some_out("m", "A", 1);
            bool right =
                message_state_is_first(s) && (int)message_state_direction(s) == d;

            m.state = s;
            m.direction = d;
            snprintf(m.id, sizeof m.id, "m-%d-%d", s, d);
            if (right)
                OK(message_add(tx, &m, &taken, &err));
            else
                FAILS(message_add(tx, &m, &taken, &err), ERR_BUG, "message.state");
        }
    FAILS(message_add(tx, &(struct message){ .state = MESSAGE_WAITING }, &taken, &err),
          ERR_BUG, "store.text");
}

/* Through the store every pair of incoming states gives what the table says. */
static void test_incoming_states_through_the_store(void **state)
{
    struct bench *b = *state;

    for (int from = MESSAGE_RECEIVED; from <= MESSAGE_QUARANTINED; from++)
        for (int to = MESSAGE_RECEIVED; to <= MESSAGE_QUARANTINED; to++) {
            struct store_tx *tx = tx_begin(b);
            struct message m = some_in("m", "A", 1);
            char row[STORE_ROW_TEXT];

            add_message(tx, m, row);
            m = get_message(tx, row);
            m.state = from; /* wherever it has come */
            OK(message_set_state(tx, row, MESSAGE_HANDED_OVER, "c", "r", &err));
            if (from == MESSAGE_ACKNOWLEDGED)
                OK(message_set_state(tx, row, MESSAGE_ACKNOWLEDGED, NULL, NULL, &err));
            if (from != MESSAGE_HANDED_OVER && from != MESSAGE_ACKNOWLEDGED) {
                tx_end(b, false);
                tx = tx_begin(b);
                m = some_in("m", "A", 1);
                m.state = from;
                add_message(tx, m, row);
            }
            assert_int_equal(get_message(tx, row).state, from);
            if (message_state_may(from, to))
                OK(message_set_state(tx, row, to, "new.code", NULL, &err));
            else
                FAILS(message_set_state(tx, row, to, "new.code", NULL, &err), ERR_REJECT,
                      "message.state");
            tx_end(b, false);
        }
}

static void test_outgoing_is_the_queues(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    char row[STORE_ROW_TEXT];

    add_message(tx, some_out("m", "A", 1), row);
    FAILS(message_set_state(tx, row, MESSAGE_HELD, NULL, NULL, &err), ERR_BUG,
          "message.state");
    FAILS(message_set_state(tx, "none", MESSAGE_READY, NULL, NULL, &err), ERR_REJECT,
          "message.unknown");
}

static void test_all_fields_come_back(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message m = some_out("m", "A", 9), got;
    char row[STORE_ROW_TEXT];

    STORE_COPY(m.agreement_version, "2");
    STORE_COPY(m.bundle, "b");
    STORE_COPY(m.eb_message_id, "x@y");
    STORE_COPY(m.in_reply_to, "reply");
    STORE_COPY(m.office_number_hash, "onh");
    STORE_COPY(m.content_digest, "cd");
    STORE_COPY(m.kind, "M18");
    m.octets = 12345678901;
    m.next_ms = NOW + 5;
    m.give_up_ms = NOW + 6;
    STORE_COPY(m.reason_code, "rc");
    STORE_COPY(m.reason, "because");
    add_message(tx, m, row);
    got = get_message(tx, row);
    assert_string_equal(got.agreement_version, "2");
    assert_string_equal(got.bundle, "b");
    assert_string_equal(got.eb_message_id, "x@y");
    assert_int_equal(got.packagings, 1);
    assert_string_equal(got.in_reply_to, "reply");
    assert_string_equal(got.office_number_hash, "onh");
    assert_string_equal(got.content_digest, "cd");
    assert_int_equal(got.octets, 12345678901);
    assert_int_equal(got.sequence, 9);
    assert_true(got.overtakes);
    assert_int_equal(got.next_ms, NOW + 5);
    assert_int_equal(got.give_up_ms, NOW + 6);
    assert_string_equal(got.reason_code, "rc");
    assert_string_equal(got.reason, "because");
    assert_string_equal(got.own_office, "MD-COORD");
    assert_string_equal(got.remote_office, "UA-COORD");
    assert_int_equal(got.created_ms, NOW);
}

static int count_messages(struct store_tx *tx, struct message_filter filter)
{
    char cursor[STORE_ROW_TEXT] = "", last[STORE_ROW_TEXT] = "";
    int count = 0;

    for (int pages = 0; pages < 200; pages++) {
        AUTO(message_list_free) struct message_list list = { 0 };

        filter.after = cursor;
        OK(message_select(tx, &filter, &list, &err));
        for (size_t i = 0; i < list.count; i++, count++) {
            int order = strcmp(list.items[i].row, last);

            if (count > 0)
                assert_true(filter.newest_first ? order < 0 : order > 0);
            memcpy(last, list.items[i].row, sizeof last);
        }
        if (list.next[0] == '\0')
            return count;
        memcpy(cursor, list.next, sizeof cursor);
    }
    fail_msg("the pages do not end");
    return 0;
}

static void test_pages_of_messages(void **state)
{
    static const enum message_state waiting[] = { MESSAGE_WAITING };
    static const enum message_state three[] = { MESSAGE_WAITING, MESSAGE_READY,
                                                MESSAGE_REFUSED };
    static const enum message_state all[] = { 0, 1, 2,  3,  4,  5,  6, 7,
                                              8, 9, 10, 11, 12, 13, 14 };
    static const struct {
        struct message_filter filter;
        int want;
    } rows[] = {
        { { .limit = 7 }, 40 },
        { { .limit = 7, .newest_first = true }, 40 },
        { { .limit = 40 }, 40 },
        { { .limit = 3, .case_id = "C1" }, 10 },
        { { .limit = 3, .case_id = "" }, 10 },
        { { .limit = 3, .by_direction = true, .direction = MESSAGE_IN }, 20 },
        { { .limit = 3, .states = waiting, .state_count = 1 }, 20 },
        { { .limit = 3, .states = three, .state_count = 3 }, 40 },
        { { .limit = 3, .states = all, .state_count = COUNT_OF(all) }, 40 },
        { { .limit = 3,
            .case_id = "C1",
            .partner = "UA-GW1",
            .own_office = "MD-COORD",
            .kind = "M05",
            .agreement = "MDUA-1",
            .office_number_hash = "n",
            .states = all,
            .state_count = COUNT_OF(all),
            .by_direction = true,
            .direction = MESSAGE_IN },
          1 },
        { { .limit = 3, .kind = "M06" }, 0 },
        { { .limit = 3, .partner = "AL-GW1" }, 0 },
    };
    struct store_tx *tx = tx_begin(*state);

    for (int i = 0; i < 40; i++) {
        struct message m;
        char id[16], case_id[16] = "", row[STORE_ROW_TEXT];

        snprintf(id, sizeof id, "m%d", i);
        if (i % 4 != 0)
            snprintf(case_id, sizeof case_id, "C%d", i % 4);
        m = i / 4 % 2 == 0 ? some_out(id, case_id, i) : some_in(id, case_id, i);
        if (i == 5)
            STORE_COPY(m.office_number_hash, "n");
        add_message(tx, m, row);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int got = count_messages(tx, rows[i].filter);

        if (got != rows[i].want)
            fail_msg("row %zu: %d, not %d", i, got, rows[i].want);
    }
}

static bool note_message_total(void *ctx, const struct message_total *total)
{
    struct totals *t = ctx;
    size_t len = strlen(t->text);

    snprintf(t->text + len, sizeof t->text - len, "%s/%s/%s=%llu+%lld ", total->partner,
             message_direction_name(total->direction), message_state_name(total->state),
             (unsigned long long)total->count, (long long)(total->oldest_ms - NOW));
    return true;
}

static void test_message_totals(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct totals t = { "" };
    char row[STORE_ROW_TEXT];

    add_message(tx, some_out("a", "A", 1), row);
    b->clock.fixed_ms += 5;
    tx = tx_next(b);
    add_message(tx, some_out("b", "A", 2), row);
    add_message(tx, some_in("c", "A", 1), row);
    OK(message_totals(tx, note_message_total, &t, &err));
    assert_string_equal(t.text, "UA-GW1/in/ready=1+5 UA-GW1/out/waiting=2+0 ");
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_added_once),
        WITH_BENCH(test_compare_and_set),
        WITH_BENCH(test_outgoing_sequence),
        WITH_BENCH(test_incoming_sequence),
        WITH_BENCH(test_pages_of_cases),
        WITH_BENCH(test_a_wrong_cursor_is_refused),
        WITH_BENCH(test_found_by_hash),
        WITH_BENCH(test_plan_of_pages),
        WITH_BENCH(test_offices),
        WITH_BENCH(test_totals),
        WITH_BENCH(test_a_message_id_is_taken_once),
        WITH_BENCH(test_a_refused_id_can_come_again),
        WITH_BENCH(test_wrong_first_states),
        WITH_BENCH(test_incoming_states_through_the_store),
        WITH_BENCH(test_outgoing_is_the_queues),
        WITH_BENCH(test_all_fields_come_back),
        WITH_BENCH(test_pages_of_messages),
        WITH_BENCH(test_message_totals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
