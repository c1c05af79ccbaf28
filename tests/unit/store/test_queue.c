/* Turns, claims, verdicts, fencing, holds; and that a claim does not grow with the backlog. */
#include "support_store.h"

#include <time.h>

#include "store/store_private.h"

#define LEASE (5 * MINUTE_MS)
#define UA    "UA-GW1"

/* --- helpers ---------------------------------------------------------------------------------- */

/* Claims and gives the ids in one string, "m1 m2". */
static const char *claim(struct store_tx *tx, size_t max)
{
    static char text[512];
    AUTO(message_list_free) struct message_list list = { 0 };
    size_t len = 0;

    OK(queue_claim(tx, UA, LEASE, max, &list, &err));
    text[0] = '\0';
    for (size_t i = 0; i < list.count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? " " : "",
                                list.items[i].id);
        assert_int_equal(list.items[i].state, MESSAGE_SENDING);
    }
    return text;
}

static struct message by_id(struct store_tx *tx, const char *id)
{
    struct message m;
    bool found;

    OK(message_find(tx, MESSAGE_OUT, id, &m, &found, &err));
    assert_true(found);
    return m;
}

static void settle(struct store_tx *tx, const char *id, enum queue_outcome outcome)
{
    struct message m = by_id(tx, id);
    struct queue_verdict verdict = { .outcome = outcome,
                                     .next_ms = store_tx_now(tx) + MINUTE_MS,
                                     .hold_kind = "operator" };

    OK(queue_settle(tx, m.row, m.fence, &verdict, &err));
}

static void out_kind(struct store_tx *tx, const char *id, const char *case_id,
                     int64_t sequence, const char *kind)
{
    struct message m = some_out(id, case_id, sequence);
    char row[STORE_ROW_TEXT];

    STORE_COPY(m.kind, kind);
    add_message(tx, m, row);
}

static void out(struct store_tx *tx, const char *id, const char *case_id,
                int64_t sequence)
{
    out_kind(tx, id, case_id, sequence, "M05");
}

/* --- order ------------------------------------------------------------------------------------ */

static void test_lower_sequence_first_one_on_the_wire(void **state)
{
    struct store_tx *tx = tx_begin(*state);

    out(tx, "a2", "A", 2); /* added in the wrong order */
    out(tx, "a1", "A", 1);
    out(tx, "b1", "B", 1);
    assert_string_equal(claim(tx, 10), "a1 b1");
    assert_string_equal(claim(tx, 10), "");
    settle(tx, "a1", QUEUE_DELIVERED);
    assert_string_equal(claim(tx, 10), "a2");
}

static void test_a_retry_keeps_later_ones_back(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);

    out(tx, "a1", "A", 1);
    out(tx, "a2", "A", 2);
    assert_string_equal(claim(tx, 10), "a1");
    settle(tx, "a1", QUEUE_RETRY);
    assert_string_equal(claim(tx, 10), "");
    b->clock.fixed_ms += MINUTE_MS - 1;
    tx = tx_next(b);
    assert_string_equal(claim(tx, 10), "");
    b->clock.fixed_ms += 1;
    tx = tx_next(b);
    assert_string_equal(claim(tx, 10), "a1");
}

static void test_a_held_one_keeps_later_ones_back_but_not_overtaking(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    bool changed;

    out(tx, "a1", "A", 1);
    out(tx, "a2", "A", 2);
    OK(queue_hold(tx, by_id(tx, "a1").row, "operator", "held.test", "because", &changed,
                  &err));
    assert_true(changed);
    assert_string_equal(claim(tx, 10), "");
    out_kind(tx, "a3", "A", 3, "M18");
    out_kind(tx, "a4", "A", 4, "M20");
    assert_string_equal(claim(tx, 10), "a3");
    assert_string_equal(claim(tx, 10), ""); /* one on the wire, overtaking or not */
    settle(tx, "a3", QUEUE_DELIVERED);
    assert_string_equal(claim(tx, 10), "a4");
    settle(tx, "a4", QUEUE_DELIVERED);
    OK(queue_release(tx, by_id(tx, "a1").row, "leg", &changed, &err));
    assert_false(changed); /* held for another reason */
    OK(queue_release(tx, by_id(tx, "a1").row, "operator", &changed, &err));
    assert_true(changed);
    assert_string_equal(claim(tx, 10), "a1");
}

static void test_each_overtaking_kind_goes_first(void **state)
{
    static const char *const kinds[] = { "M11", "M16", "M18", "M20", "M25" };
    struct store_tx *tx = tx_begin(*state);

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        char one[16], two[16], case_id[16];

        snprintf(case_id, sizeof case_id, "C%zu", i);
        snprintf(one, sizeof one, "one%zu", i);
        snprintf(two, sizeof two, "two%zu", i);
        out(tx, one, case_id, 1);
        out_kind(tx, two, case_id, 2, kinds[i]);
        assert_string_equal(claim(tx, 10), two);
        settle(tx, two, QUEUE_DELIVERED);
        assert_string_equal(claim(tx, 10), one);
        settle(tx, one, QUEUE_DELIVERED);
    }
    out(tx, "n1", "N", 1);
    out_kind(tx, "n2", "N", 2, "M06"); /* any other kind does not */
    assert_string_equal(claim(tx, 10), "n1");
}

static void test_overtaking_goes_before_other_cases(void **state)
{
    struct store_tx *tx = tx_begin(*state);

    out(tx, "a1", "A", 1);
    out(tx, "b1", "B", 1);
    out_kind(tx, "c1", "C", 1, "M18");
    assert_string_equal(claim(tx, 1), "c1");
    assert_string_equal(claim(tx, 1), "a1");
}

static void test_final_ones_do_not_hold_back(void **state)
{
    static const enum queue_outcome ends[] = { QUEUE_DELIVERED,
                                               QUEUE_DELIVERED_WITHOUT_EVIDENCE,
                                               QUEUE_REJECTED, QUEUE_EXPIRED };
    struct store_tx *tx = tx_begin(*state);

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        char one[16], two[16], case_id[16];

        snprintf(case_id, sizeof case_id, "C%zu", i);
        snprintf(one, sizeof one, "one%zu", i);
        snprintf(two, sizeof two, "two%zu", i);
        out(tx, one, case_id, 1);
        out(tx, two, case_id, 2);
        assert_string_equal(claim(tx, 10), one);
        settle(tx, one, ends[i]);
        assert_string_equal(claim(tx, 10), two);
        settle(tx, two, QUEUE_DELIVERED);
    }
}

static void test_cancelled_lets_the_next_go(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    bool changed;

    out(tx, "a1", "A", 1);
    out(tx, "a2", "A", 2);
    OK(queue_cancel(tx, by_id(tx, "a1").row, "taken-back", "by the officer", &changed,
                    &err));
    assert_true(changed);
    assert_string_equal(claim(tx, 10), "a2");
    OK(queue_cancel(tx, by_id(tx, "a2").row, "taken-back", "too late", &changed, &err));
    assert_false(changed); /* on the wire */
}

static void test_no_case_no_order(void **state)
{
    struct store_tx *tx = tx_begin(*state);

    out(tx, "o1", "", 0);
    out(tx, "o2", "", 0);
    out(tx, "o3", "", 0);
    assert_string_equal(claim(tx, 2), "o1 o2");
    assert_string_equal(claim(tx, 2), "o3");
}

static void test_partners_are_apart(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message m = some_out("al", "A", 1);
    AUTO(message_list_free) struct message_list list = { 0 };
    char row[STORE_ROW_TEXT];
    bool changed;

    STORE_COPY(m.partner, "AL-GW1");
    add_message(tx, m, row);
    out(tx, "ua", "B", 1);
    assert_string_equal(claim(tx, 10), "ua");
    OK(queue_reroute(tx, by_id(tx, "ua").row, "UA-GW2", &changed, &err));
    assert_false(changed); /* on the wire */
    OK(queue_reroute(tx, row, "AL-GW2", &changed, &err));
    assert_true(changed);
    OK(queue_claim(tx, "AL-GW1", LEASE, 10, &list, &err));
    assert_int_equal(list.count, 0);
    message_list_free(&list);
    OK(queue_claim(tx, "AL-GW2", LEASE, 10, &list, &err));
    assert_int_equal(list.count, 1);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void test_each_verdict(void **state)
{
    static const struct {
        enum queue_outcome outcome;
        enum message_state want;
    } rows[] = {
        { QUEUE_DELIVERED, MESSAGE_DELIVERED },
        { QUEUE_DELIVERED_WITHOUT_EVIDENCE, MESSAGE_DELIVERED_WITHOUT_EVIDENCE },
        { QUEUE_RETRY, MESSAGE_WAITING },
        { QUEUE_HELD, MESSAGE_HELD },
        { QUEUE_REJECTED, MESSAGE_REJECTED },
        { QUEUE_EXPIRED, MESSAGE_EXPIRED },
    };
    struct store_tx *tx = tx_begin(*state);

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct queue_verdict verdict = { .outcome = rows[i].outcome,
                                               .next_ms = NOW + 7,
                                               .hold_kind = "decision",
                                               .reason_code = "test.reason",
                                               .reason = "in words",
                                               .wrote = true };
        struct message m;
        char id[16];

        snprintf(id, sizeof id, "m%zu", i);
        out(tx, id, "", 0);
        claim(tx, 10);
        m = by_id(tx, id);
        assert_int_equal(m.attempts, 1);
        assert_int_equal(m.first_ms, NOW);
        assert_string_equal(m.lease_owner, "MD-GW1");
        assert_int_equal(m.lease_until_ms, NOW + LEASE);
        OK(queue_settle(tx, m.row, m.fence, &verdict, &err));
        m = by_id(tx, id);
        assert_int_equal(m.state, rows[i].want);
        assert_string_equal(m.reason_code, "test.reason");
        assert_string_equal(m.reason, "in words");
        assert_true(m.wrote_once);
        assert_string_equal(m.lease_owner, "");
        assert_string_equal(m.hold_kind, rows[i].outcome == QUEUE_HELD ? "decision" : "");
        assert_int_equal(m.next_ms, rows[i].outcome == QUEUE_RETRY ? NOW + 7 : NOW);
        assert_int_equal(m.receipt_ms, rows[i].outcome == QUEUE_DELIVERED ? NOW : 0);
    }
}

static void test_not_an_attempt_is_not_counted(void **state)
{
    const struct queue_verdict verdict = { .outcome = QUEUE_HELD,
                                           .hold_kind = "decision",
                                           .not_an_attempt = true };
    struct store_tx *tx = tx_begin(*state);
    struct message m;

    out(tx, "m", "", 0);
    claim(tx, 1);
    m = by_id(tx, "m");
    OK(queue_settle(tx, m.row, m.fence, &verdict, &err));
    m = by_id(tx, "m");
    assert_int_equal(m.attempts, 0);
    assert_int_equal(m.first_ms, 0);
    assert_false(m.wrote_once);
}

static void test_old_fence_is_refused(void **state)
{
    struct bench *b = *state;
    const struct queue_verdict verdict = { .outcome = QUEUE_DELIVERED };
    struct store_tx *tx = tx_begin(b);
    struct message first, second;
    uint64_t count;

    out(tx, "m", "A", 1);
    claim(tx, 1);
    first = by_id(tx, "m");
    b->clock.fixed_ms += LEASE;
    tx = tx_next(b);
    OK(queue_sweep_leases(tx, &count, &err));
    assert_int_equal(count, 0); /* to the last millisecond */
    b->clock.fixed_ms += 1;
    tx = tx_next(b);
    OK(queue_sweep_leases(tx, &count, &err));
    assert_int_equal(count, 1);
    FAILS(queue_settle(tx, first.row, first.fence, &verdict, &err), ERR_REJECT,
          "queue.fence");
    assert_string_equal(claim(tx, 1), "m");
    second = by_id(tx, "m");
    assert_true(second.fence > first.fence);
    assert_int_equal(second.attempts, 2);
    FAILS(queue_settle(tx, first.row, first.fence, &verdict, &err), ERR_REJECT,
          "queue.fence");
    FAILS(queue_mark_written(tx, first.row, first.fence, &err), ERR_REJECT,
          "queue.fence");
    FAILS(queue_renew(tx, first.row, first.fence, LEASE, &err), ERR_REJECT,
          "queue.fence");
    assert_int_equal(by_id(tx, "m").state, MESSAGE_SENDING);
    OK(queue_settle(tx, second.row, second.fence, &verdict, &err));
    FAILS(queue_settle(tx, second.row, second.fence, &verdict, &err), ERR_REJECT,
          "queue.fence"); /* once */
    FAILS(queue_settle(tx, "no-such-row", 1, &verdict, &err), ERR_REJECT,
          "message.unknown");
}

static void test_renew_keeps_the_lease(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct message m;
    uint64_t count;

    out(tx, "m", "A", 1);
    claim(tx, 1);
    m = by_id(tx, "m");
    b->clock.fixed_ms += LEASE - 1;
    tx = tx_next(b);
    OK(queue_renew(tx, m.row, m.fence, LEASE, &err));
    b->clock.fixed_ms += LEASE - 1;
    tx = tx_next(b);
    OK(queue_sweep_leases(tx, &count, &err));
    assert_int_equal(count, 0);
}

static void test_restart_takes_back_its_own(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct message m;
    uint64_t count;

    out(tx, "m", "A", 1);
    out(tx, "n", "A", 2);
    claim(tx, 1);
    m = by_id(tx, "m");
    OK(queue_mark_written(tx, m.row, m.fence, &err));
    tx_end(b, true);
    bench_close(b);

    b->settings.node = "MD-GW2"; /* another node of the same store must not take them */
    bench_open(b);
    tx = tx_begin(b);
    OK(queue_take_back(tx, &count, &err));
    assert_int_equal(count, 0);
    tx_end(b, true);
    bench_close(b);

    b->settings.node = "MD-GW1";
    bench_open(b);
    tx = tx_begin(b);
    OK(queue_take_back(tx, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(by_id(tx, "m").fence, m.fence + 1);
    assert_true(by_id(tx, "m").wrote_once); /* what may have been seen must be repeated */
    assert_string_equal(claim(tx, 10), "m");
}

static void test_new_packaging(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message m;
    bool found;

    out(tx, "m", "A", 1);
    claim(tx, 1);
    m = by_id(tx, "m");
    OK(message_packaged(tx, m.row, "first@md", &err));
    OK(queue_mark_written(tx, m.row, m.fence, &err));
    OK(message_packaged(tx, m.row, "second@md", &err));
    m = by_id(tx, "m");
    assert_int_equal(m.packagings, 2);
    assert_string_equal(m.eb_message_id, "second@md");
    assert_false(m.wrote_once);
    assert_int_equal(m.state, MESSAGE_SENDING);
    OK(message_find_eb(tx, MESSAGE_OUT, UA, "first@md", &m, &found, &err));
    assert_true(found);
    assert_string_equal(m.id, "m");
    OK(message_find_eb(tx, MESSAGE_OUT, "AL-GW1", "first@md", &m, &found, &err));
    assert_false(found);
    OK(message_find_eb(tx, MESSAGE_IN, UA, "first@md", &m, &found, &err));
    assert_false(found);
}

/* --- by a person ------------------------------------------------------------------------------- */

/* What each of the four does to a message in each state. */
static void test_what_a_person_may_do(void **state)
{
    static const struct {
        enum queue_outcome bring; /* to this state by this verdict */
        bool hold, release, retry, cancel;
    } rows[] = {
        { QUEUE_RETRY, true, false, true, true },
        { QUEUE_HELD, false, true, true, true },
        { QUEUE_REJECTED, false, false, true, false },
        { QUEUE_EXPIRED, false, false, true, false },
        { QUEUE_DELIVERED, false, false, false, false },
        { QUEUE_DELIVERED_WITHOUT_EVIDENCE, false, false, false, false },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (int act = 0; act < 4; act++) {
            struct store_tx *tx = tx_begin(b);
            struct message m;
            bool changed, want;

            out(tx, "m", "A", 1);
            claim(tx, 1);
            settle(tx, "m", rows[i].bring);
            m = by_id(tx, "m");
            if (act == 0)
                OK(queue_hold(tx, m.row, "operator", "c", "r", &changed, &err));
            else if (act == 1)
                OK(queue_release(tx, m.row, NULL, &changed, &err));
            else if (act == 2)
                OK(queue_retry(tx, m.row, NOW + DAY_MS, &changed, &err));
            else
                OK(queue_cancel(tx, m.row, "c", "r", &changed, &err));
            want = act == 0   ? rows[i].hold
                   : act == 1 ? rows[i].release
                   : act == 2 ? rows[i].retry
                              : rows[i].cancel;
            if (changed != want)
                fail_msg("%s, act %d", queue_outcome_name(rows[i].bring), act);
            assert_string_equal(claim(tx, 1),
                                changed && (act == 1 || act == 2) ? "m" : "");
            if (act == 2 && changed)
                assert_int_equal(by_id(tx, "m").give_up_ms, NOW + DAY_MS);
            tx_end(b, false);
        }
}

static void test_incoming_is_not_for_the_queue(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    char row[STORE_ROW_TEXT];
    bool changed;

    add_message(tx, some_in("m", "A", 1), row);
    OK(queue_hold(tx, row, "operator", "c", "r", &changed, &err));
    assert_false(changed);
    OK(queue_retry(tx, row, 0, &changed, &err));
    assert_false(changed);
    OK(queue_cancel(tx, row, "c", "r", &changed, &err));
    assert_false(changed);
    assert_int_equal(get_message(tx, row).state, MESSAGE_READY);
}

static void test_a_leg_is_held_and_released(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message other = some_out("other", "O", 1);
    char row[STORE_ROW_TEXT];
    uint64_t count;
    bool changed;

    out(tx, "a1", "A", 1);
    out(tx, "a2", "A", 2);
    out(tx, "b1", "B", 1);
    out_kind(tx, "b2", "B", 2, "M18");
    STORE_COPY(other.agreement, "MDUABY-3");
    add_message(tx, other, row);
    OK(queue_hold(tx, by_id(tx, "b1").row, "operator", "c", "r", &changed, &err));
    OK(queue_hold_leg(tx, "MDUA-1", "AL-GW1", "leg", "leg.suspended", "r", &count, &err));
    assert_int_equal(count, 0); /* another partner */
    OK(queue_hold_leg(tx, "MDUA-1", UA, "leg", "leg.suspended", "r", &count, &err));
    assert_int_equal(count, 3); /* b1 is held already, b2 with all others */
    assert_string_equal(claim(tx, 10), "other");
    assert_string_equal(by_id(tx, "b2").reason_code, "leg.suspended");
    OK(queue_release_leg(tx, "MDUA-1", NULL, "leg", &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(claim(tx, 10), "b2 a1");
    assert_int_equal(by_id(tx, "b1").state, MESSAGE_HELD);
}

/* --- when --------------------------------------------------------------------------------------- */

struct dues {
    char text[256];
};

static bool note_due(void *ctx, const struct queue_due *due)
{
    struct dues *d = ctx;
    size_t len = strlen(d->text);

    snprintf(d->text + len, sizeof d->text - len, "%s+%lld ", due->partner,
             (long long)(due->due_ms - NOW));
    return true;
}

static void test_next_due_of_each_partner(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct message m = some_out("al", "L", 1);
    struct dues d = { "" };
    char row[STORE_ROW_TEXT];
    uint64_t count;

    STORE_COPY(m.partner, "AL-GW1");
    m.next_ms = NOW + 500;
    add_message(tx, m, row);
    m = some_out("al2", "L2", 1);
    STORE_COPY(m.partner, "AL-GW1");
    STORE_COPY(m.kind, "M18");
    m.next_ms = NOW + 400;
    add_message(tx, m, row);
    m = some_out("ua", "A", 1);
    m.next_ms = NOW + 900;
    add_message(tx, m, row);
    m = some_out("ua2", "A", 2);
    m.next_ms = NOW + 5; /* not its turn */
    add_message(tx, m, row);
    OK(queue_next_due(tx, note_due, &d, &err));
    assert_string_equal(d.text, "AL-GW1+400 UA-GW1+900 ");
    OK(queue_hurry(tx, UA, "", &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(claim(tx, 10), "ua");
}

/* What was answered keeps its wait; so does what was never tried. */
static void test_hurry_by_reason(void **state)
{
    static const char *const codes[] = { "http.connect", "as4.http-status", "http", "" };
    struct store_tx *tx = tx_begin(*state);
    char id[8], row[STORE_ROW_TEXT];
    uint64_t count;

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        snprintf(id, sizeof id, "m%zu", i);
        struct message m = some_out(id, id, 1);
        m.next_ms = NOW + 900;
        STORE_COPY(m.reason_code, codes[i]);
        add_message(tx, m, row);
    }
    OK(queue_hurry(tx, UA, "http.", &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(claim(tx, 10), "m0");
    OK(queue_hurry(tx, UA, "", &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(claim(tx, 10), "m1 m2 m3");
}

/* --- backlog ------------------------------------------------------------------------------------ */

#define BACKLOG 50000

/* Straight into the table: what matters is its size. Cases of ten, so most have not their turn. */
static void make_backlog(struct store_tx *tx, int from, int to)
{
    OK(sql_do(
        tx,
        "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
        " INSERT INTO message SELECT printf('00000000-0000-7000-8000-%012d', i),"
        " printf('id-%d', i), 'out', 'waiting', 'M05', printf('CASE-%d', i / 10),"
        " 'UA-GW1', 'MD-COORD', 'UA-COORD', 'MDUA-1', '2', '', '', 0, i % 10 + 1, '', '',"
        " '', 0, 0, '', '', 1, 1, 0, 0, 0, 0, 1, 0, 0, '', '', 0, 0, 1,"
        " CASE WHEN i % 10 = 0 THEN 1 + i ELSE NULL END FROM n",
        SQL_ARGS(sql_i(from), sql_i(to)), NULL, &err));
}

static double seconds_of_claims(struct bench *b, int rounds)
{
    struct timespec from, to;
    struct store_tx *tx = tx_begin(b);

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < rounds; i++) {
        AUTO(message_list_free) struct message_list list = { 0 };

        OK(queue_claim(tx, UA, LEASE, 8, &list, &err));
        assert_int_equal(list.count, 8);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    tx_end(b, false);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

static void test_claims_do_not_grow_with_the_backlog(void **state)
{
    struct bench *b = *state;
    double small, large;

    make_backlog(tx_begin(b), 0, 1000);
    tx_end(b, true);
    small = seconds_of_claims(b, 10);
    make_backlog(tx_begin(b), 1000, BACKLOG);
    tx_end(b, true);
    large = seconds_of_claims(b, 10);
    print_message("80 claims: %.1f ms at 1000 waiting, %.1f ms at %d\n", small * 1e3,
                  large * 1e3, BACKLOG);
    assert_true(large < small * 3 + 0.01); /* a scan of all would be fifty times */
}

/* Each statement of the hot path goes by an index and reads no table from end to end. */
static void test_plans(void **state)
{
    static const struct {
        const char *sql, *index;
        int values;
    } rows[] = {
        { "SELECT row_id FROM message WHERE partner = ? AND overtakes = ?"
          " AND due_ms <= ? ORDER BY due_ms, row_id LIMIT ?",
          "message_due", 4 },
        { "SELECT row_id FROM message WHERE open_out = 1 AND case_id = ?"
          " ORDER BY sequence, row_id LIMIT 1",
          "message_open", 1 },
        { "SELECT 1 FROM message WHERE case_id = ? AND state = 'sending' LIMIT 1",
          "message_sending", 1 },
        { "UPDATE message SET due_ms = NULL WHERE case_id = ? AND due_ms IS NOT NULL",
          "message_due_case", 1 },
        { "UPDATE message SET due_ms = next_ms WHERE open_out = 1 AND overtakes = 1"
          " AND case_id = ? AND state = 'waiting'",
          "message_overtaking", 1 },
        { "SELECT row_id FROM message WHERE state = 'sending'"
          " AND lease_until_ms < ? LIMIT ?",
          "message_lease", 2 },
        { "SELECT partner FROM message WHERE due_ms IS NOT NULL AND partner > ?"
          " ORDER BY partner LIMIT 1",
          "message_due", 1 },
        { "SELECT due_ms FROM message WHERE partner = ? AND overtakes = ?"
          " AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1",
          "message_due", 2 },
    };
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    const struct sql_value values[] = { sql_i(1), sql_i(1), sql_i(1), sql_i(1) };
    char plan[1024];

    make_backlog(tx, 0, BACKLOG);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        OK(sql_plan(tx, rows[i].sql, (struct sql_args){ values, (size_t)rows[i].values },
                    plan, sizeof plan, &err));
        if (strstr(plan, rows[i].index) == NULL || strstr(plan, "SCAN") != NULL ||
            strstr(plan, "TEMP B-TREE") != NULL)
            fail_msg("%s\n%s", rows[i].sql, plan);
    }
    tx_end(b, false);
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_lower_sequence_first_one_on_the_wire),
        WITH_BENCH(test_a_retry_keeps_later_ones_back),
        WITH_BENCH(test_a_held_one_keeps_later_ones_back_but_not_overtaking),
        WITH_BENCH(test_each_overtaking_kind_goes_first),
        WITH_BENCH(test_overtaking_goes_before_other_cases),
        WITH_BENCH(test_final_ones_do_not_hold_back),
        WITH_BENCH(test_cancelled_lets_the_next_go),
        WITH_BENCH(test_no_case_no_order),
        WITH_BENCH(test_partners_are_apart),
        WITH_BENCH(test_each_verdict),
        WITH_BENCH(test_not_an_attempt_is_not_counted),
        WITH_BENCH(test_old_fence_is_refused),
        WITH_BENCH(test_renew_keeps_the_lease),
        WITH_BENCH(test_restart_takes_back_its_own),
        WITH_BENCH(test_new_packaging),
        WITH_BENCH(test_what_a_person_may_do),
        WITH_BENCH(test_incoming_is_not_for_the_queue),
        WITH_BENCH(test_a_leg_is_held_and_released),
        WITH_BENCH(test_next_due_of_each_partner),
        WITH_BENCH(test_hurry_by_reason),
        WITH_BENCH(test_claims_do_not_grow_with_the_backlog),
        WITH_BENCH(test_plans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
