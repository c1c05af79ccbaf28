/* Hand-over: in sequence, held back by gaps, repeated under one id, until acknowledged. */
#include "support_store.h"

#include "store/store_private.h"

static struct store_tx *begin_with_case(void **state)
{
    struct store_tx *tx = tx_begin(*state);

    add_case(tx, "A");
    return tx;
}

/* An incoming message with a deliverable for an office; its delivery id is left in ids[]. */
static void deliver_to(struct store_tx *tx, const char *id, const char *case_id,
                       int64_t sequence, const char *kind, const char *office,
                       char delivery[STORE_ROW_TEXT])
{
    struct message m = some_in(id, case_id, sequence);
    char row[STORE_ROW_TEXT];

    STORE_COPY(m.kind, kind);
    add_message(tx, m, row);
    OK(deliverable_add(tx, row, office, delivery, &err));
}

static void deliver(struct store_tx *tx, const char *id, const char *case_id,
                    int64_t sequence, const char *kind, char delivery[STORE_ROW_TEXT])
{
    deliver_to(tx, id, case_id, sequence, kind, "MD-COORD", delivery);
}

/* Ids of the messages that may be handed now, "m1 m2". */
static const char *due(struct store_tx *tx, bool again)
{
    static char text[256];
    AUTO(deliverable_list_free) struct deliverable_list list = { 0 };
    size_t len = 0;

    OK(deliverable_due(tx, "MD-COORD", again, 100, &list, &err));
    text[0] = '\0';
    for (size_t i = 0; i < list.count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? " " : "",
                                list.items[i].message_id);
    return text;
}

static struct deliverable get(struct store_tx *tx, const char *id)
{
    struct deliverable d;
    bool found;

    OK(deliverable_get(tx, id, &d, &found, &err));
    assert_true(found);
    return d;
}

static void test_sequence_and_gap(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    char d1[STORE_ROW_TEXT], d2[STORE_ROW_TEXT], d3[STORE_ROW_TEXT];

    deliver(tx, "m3", "A", 3, "M05", d3);
    deliver(tx, "m1", "A", 1, "M01", d1);
    assert_string_equal(due(tx, false), "m1");
    OK(deliverable_handed(tx, d1, NOW, &err));
    assert_string_equal(due(tx, false), ""); /* 2 is missing */
    FAILS(deliverable_handed(tx, d3, NOW, &err), ERR_REJECT, "deliverable.order");
    deliver(tx, "m2", "A", 2, "M06", d2);
    assert_string_equal(due(tx, false), "m2");
    FAILS(deliverable_handed(tx, d3, NOW, &err), ERR_REJECT, "deliverable.order");
    OK(deliverable_handed(tx, d2, NOW, &err));
    assert_string_equal(due(tx, false), "m3");
    OK(deliverable_handed(tx, d3, NOW, &err));
}

static void test_overtaking_kinds_pass_a_gap(void **state)
{
    static const char *const kinds[] = { "M11", "M16", "M18", "M20", "M25" };
    struct store_tx *tx = begin_with_case(state);
    char d[STORE_ROW_TEXT], id[16];

    deliver(tx, "m3", "A", 3, "M05", d);
    assert_string_equal(due(tx, false), "");
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        snprintf(id, sizeof id, "o%zu", i);
        deliver(tx, id, "A", 5 + (int64_t)i, kinds[i], d);
        assert_string_equal(due(tx, false), id);
        OK(deliverable_handed(tx, d, NOW, &err));
    }
}

static void test_a_refused_message_is_no_gap(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    struct message refused = some_in("m1", "A", 1);
    char d[STORE_ROW_TEXT], row[STORE_ROW_TEXT];

    refused.state = MESSAGE_REFUSED;
    add_message(tx, refused, row);
    deliver(tx, "m2", "A", 2, "M05", d);
    assert_string_equal(due(tx, false), "m2");
}

static void test_a_postponed_one_keeps_later_ones_back(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = begin_with_case(state);
    char d1[STORE_ROW_TEXT], d2[STORE_ROW_TEXT];

    deliver(tx, "m1", "A", 1, "M01", d1);
    deliver(tx, "m2", "A", 2, "M05", d2);
    OK(deliverable_postpone(tx, d1, NOW + 10, &err));
    assert_string_equal(due(tx, false), "");
    b->clock.fixed_ms += 10;
    tx = tx_next(b);
    assert_string_equal(due(tx, false), "m1");
}

static void test_offices_are_apart(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    char d1[STORE_ROW_TEXT], d2[STORE_ROW_TEXT], again[STORE_ROW_TEXT];
    struct message m;
    bool found, already;

    deliver(tx, "m1", "A", 1, "M01", d1);
    OK(message_find(tx, MESSAGE_IN, "m1", &m, &found, &err));
    OK(deliverable_add(tx, m.row, "MD-TEAM", d2, &err));
    assert_string_not_equal(d1, d2);
    OK(deliverable_add(tx, m.row, "MD-TEAM", again, &err));
    assert_string_equal(d2, again); /* the id is stable */
    OK(deliverable_handed(tx, d2, NOW, &err));
    assert_int_equal(get_message(tx, m.row).state, MESSAGE_HANDED_OVER);
    assert_string_equal(due(tx, false), "m1"); /* the team's does not count for us */
    OK(deliverable_acknowledge(tx, d2, &already, &err));
    assert_int_equal(get_message(tx, m.row).state, MESSAGE_HANDED_OVER);
    OK(deliverable_handed(tx, d1, NOW, &err));
    OK(deliverable_acknowledge(tx, d1, &already, &err));
    assert_int_equal(get_message(tx, m.row).state, MESSAGE_ACKNOWLEDGED);
}

/* Taken from an office again: not due, not open, not waited for; assigned anew it is there. */
static void test_a_withdrawn_office_is_not_waited_for(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    AUTO(deliverable_list_free) struct deliverable_list list = { 0 };
    char ours[STORE_ROW_TEXT], theirs[STORE_ROW_TEXT];
    struct message m;
    bool found, already;

    deliver_to(tx, "m1", "A", 1, "M01", "MD-TEAM", theirs);
    OK(message_find(tx, MESSAGE_IN, "m1", &m, &found, &err));
    OK(deliverable_add(tx, m.row, "MD-COORD", ours, &err));
    OK(case_assign(tx, "A", "MD-TEAM", &err));
    OK(deliverable_open(tx, "MD-TEAM", NULL, 0, &list, &err));
    assert_int_equal(list.count, 1);
    deliverable_list_free(&list);
    OK(case_unassign(tx, "A", "MD-TEAM", &err));
    OK(deliverable_open(tx, "MD-TEAM", NULL, 0, &list, &err));
    assert_int_equal(list.count, 0);
    deliverable_list_free(&list);
    OK(deliverable_due(tx, "MD-TEAM", true, 10, &list, &err));
    assert_int_equal(list.count, 0);
    deliverable_list_free(&list);
    OK(deliverable_handed(tx, ours, NOW, &err));
    OK(deliverable_acknowledge(tx, ours, &already, &err));
    assert_int_equal(get_message(tx, m.row).state, MESSAGE_ACKNOWLEDGED);
    OK(case_assign(tx, "A", "MD-TEAM", &err));
    OK(deliverable_due(tx, "MD-TEAM", false, 10, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, theirs);
    OK(deliverable_handed(tx, theirs, NOW, &err));
    OK(deliverable_acknowledge(tx, theirs, &already, &err));
    assert_int_equal(get_message(tx, m.row).state, MESSAGE_ACKNOWLEDGED);
}

static void test_repeats_under_the_same_id(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = begin_with_case(state);
    char d[STORE_ROW_TEXT];
    bool already;

    deliver(tx, "m1", "A", 1, "M01", d);
    FAILS(deliverable_acknowledge(tx, d, &already, &err), ERR_REJECT,
          "deliverable.not-handed");
    OK(deliverable_handed(tx, d, NOW + MINUTE_MS, &err));
    assert_int_equal(get(tx, d).handed_count, 1);
    assert_string_equal(due(tx, true), "");
    b->clock.fixed_ms += MINUTE_MS;
    tx = tx_next(b);
    assert_string_equal(due(tx, false), "");
    assert_string_equal(due(tx, true), "m1");
    OK(deliverable_handed(tx, d, NOW + 2 * MINUTE_MS, &err));
    assert_int_equal(get(tx, d).handed_count, 2); /* a repeat, to be marked */
    OK(deliverable_acknowledge(tx, d, &already, &err));
    assert_false(already);
    OK(deliverable_acknowledge(tx, d, &already, &err));
    assert_true(already);
    assert_string_equal(due(tx, true), "");
    FAILS(deliverable_handed(tx, d, NOW, &err), ERR_REJECT, "deliverable.done");
    FAILS(deliverable_handed(tx, "none", NOW, &err), ERR_REJECT, "deliverable.unknown");
    FAILS(deliverable_acknowledge(tx, "none", &already, &err), ERR_REJECT,
          "deliverable.unknown");
    assert_int_equal(get(tx, d).acknowledged_ms, NOW + MINUTE_MS);
}

static void test_no_case_no_order(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    char d[STORE_ROW_TEXT];

    deliver(tx, "o1", "", 0, "opaque", d);
    deliver(tx, "o2", "", 0, "opaque", d);
    assert_string_equal(due(tx, false), "o1 o2");
}

static void test_a_quarantined_message_is_not_handed(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    struct message m = some_in("m1", "A", 1);
    char row[STORE_ROW_TEXT], d[STORE_ROW_TEXT];

    m.state = MESSAGE_QUARANTINED;
    add_message(tx, m, row);
    OK(deliverable_add(tx, row, "MD-COORD", d, &err));
    FAILS(deliverable_handed(tx, d, NOW, &err), ERR_REJECT, "message.state");
}

struct seen {
    char text[256];
};

static bool note_gap(void *ctx, const struct deliverable_gap *gap)
{
    struct seen *s = ctx;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof s->text - len, "%s:%lld<%lld+%lld ", gap->case_id,
             (long long)gap->missing, (long long)gap->waiting,
             (long long)(gap->since_ms - NOW));
    return true;
}

static void test_gaps_open_after_an_hour(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = begin_with_case(state);
    struct seen s = { "" };
    char d[STORE_ROW_TEXT];

    add_case(tx, "B");
    deliver(tx, "a3", "A", 3, "M05", d);
    deliver(tx, "a4", "A", 4, "M05", d);
    deliver(tx, "b1", "B", 1, "M01", d); /* waits for its office, not behind a gap */
    b->clock.fixed_ms += HOUR_MS;
    tx = tx_next(b);
    OK(deliverable_gaps(tx, store_tx_now(tx) - HOUR_MS, note_gap, &s, &err));
    assert_string_equal(s.text, "");
    b->clock.fixed_ms += 1;
    tx = tx_next(b);
    OK(deliverable_gaps(tx, store_tx_now(tx) - HOUR_MS, note_gap, &s, &err));
    assert_string_equal(s.text, "A:1<3+0 ");
    OK(case_skip_gap(tx, "A", 3, &err)); /* a person decided */
    assert_string_equal(due(tx, false), "a3 b1");
    s.text[0] = '\0';
    OK(deliverable_gaps(tx, store_tx_now(tx), note_gap, &s, &err));
    assert_string_equal(s.text, "");
}

static bool note_total(void *ctx, const struct deliverable_total *total)
{
    struct seen *s = ctx;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof s->text - len, "%s/%s=%llu ", total->office,
             deliverable_state_name(total->state), (unsigned long long)total->count);
    return true;
}

static void test_open_ones_and_totals(void **state)
{
    struct store_tx *tx = begin_with_case(state);
    AUTO(deliverable_list_free) struct deliverable_list list = { 0 };
    struct seen s = { "" };
    char d1[STORE_ROW_TEXT], d2[STORE_ROW_TEXT], d3[STORE_ROW_TEXT];
    bool already;

    deliver(tx, "m1", "A", 1, "M01", d1);
    deliver(tx, "m2", "A", 2, "M01", d2);
    deliver_to(tx, "t1", "", 0, "opaque", "MD-TEAM", d3);
    OK(deliverable_handed(tx, d1, NOW, &err));
    OK(deliverable_totals(tx, note_total, &s, &err));
    assert_string_equal(s.text, "MD-COORD/handed=1 MD-COORD/ready=1 MD-TEAM/ready=1 ");
    OK(deliverable_open(tx, NULL, NULL, 0, &list, &err));
    assert_int_equal(list.count, 3);
    deliverable_list_free(&list);
    OK(deliverable_open(tx, "MD-COORD", NULL, 1, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, d1);
    assert_string_equal(list.items[0].kind, "M01");
    deliverable_list_free(&list);
    OK(deliverable_open(tx, "MD-COORD", d1, 10, &list, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].id, d2);
    deliverable_list_free(&list);
    OK(deliverable_acknowledge(tx, d1, &already, &err));
    OK(deliverable_open(tx, "MD-COORD", NULL, 0, &list, &err));
    assert_int_equal(list.count, 1);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_sequence_and_gap),
        WITH_BENCH(test_overtaking_kinds_pass_a_gap),
        WITH_BENCH(test_a_refused_message_is_no_gap),
        WITH_BENCH(test_a_postponed_one_keeps_later_ones_back),
        WITH_BENCH(test_offices_are_apart),
        WITH_BENCH(test_a_withdrawn_office_is_not_waited_for),
        WITH_BENCH(test_repeats_under_the_same_id),
        WITH_BENCH(test_no_case_no_order),
        WITH_BENCH(test_a_quarantined_message_is_not_handed),
        WITH_BENCH(test_gaps_open_after_an_hour),
        WITH_BENCH(test_open_ones_and_totals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
