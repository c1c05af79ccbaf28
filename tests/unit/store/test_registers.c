/* The smaller registers: duplicates, idempotency, tasks, bundles, legs, partners, facts. */
#include "support_store.h"

#include "store/bundles.h"
#include "store/duplicates.h"
#include "store/facts.h"
#include "store/idempotency.h"
#include "store/meta.h"
#include "store/partners.h"
#include "store/store_private.h"
#include "store/tasks.h"

struct seen {
    char text[512];
};

static void note(struct seen *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct seen *s, const char *fmt, ...)
{
    size_t len = strlen(s->text);
    va_list args;

    va_start(args, fmt);
    vsnprintf(s->text + len, sizeof s->text - len, fmt, args);
    va_end(args);
}

/* --- duplicates ------------------------------------------------------------------------------- */

static void test_the_wire(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct duplicate_entry entry;
    enum duplicate d;
    char row[STORE_ROW_TEXT];

    add_message(tx, some_in("m", "A", 1), row);
    OK(duplicate_wire_find(tx, "UA-GW1", "e1", "dig", &d, &entry, &err));
    assert_int_equal(d, DUPLICATE_NONE);
    OK(duplicate_wire_add(tx, "UA-GW1", "e1", "dig", row, &d, &err));
    assert_int_equal(d, DUPLICATE_NONE);
    OK(duplicate_wire_add(tx, "UA-GW1", "e1", "dig", row, &d, &err));
    assert_int_equal(d, DUPLICATE_SAME);
    OK(duplicate_wire_add(tx, "UA-GW1", "e1", "other", row, &d, &err));
    assert_int_equal(d, DUPLICATE_OTHER);
    OK(duplicate_wire_add(tx, "AL-GW1", "e1", "other", row, &d, &err));
    assert_int_equal(d, DUPLICATE_NONE); /* another partner's ids are its own */
    OK(duplicate_wire_find(tx, "UA-GW1", "e1", "dig", &d, &entry, &err));
    assert_int_equal(d, DUPLICATE_SAME);
    assert_string_equal(entry.message_row, row);
    assert_string_equal(entry.digest, "dig"); /* the first one stands */
    assert_string_equal(duplicate_name(d), "same");
}

static void test_the_content(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    enum duplicate d;
    char row[STORE_ROW_TEXT];

    add_message(tx, some_in("m", "A", 1), row);
    OK(duplicate_content_add(tx, "UA-GW1", "m", "dig", row, &d, &err));
    assert_int_equal(d, DUPLICATE_NONE);
    OK(duplicate_content_find(tx, "UA-GW1", "m", "changed", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_OTHER);
    OK(duplicate_content_find(tx, "UA-GW1", "m", "dig", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_SAME);
}

static void test_pruning_keeps_open_cases(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    enum duplicate d;
    char a[STORE_ROW_TEXT], c[STORE_ROW_TEXT], o[STORE_ROW_TEXT];
    uint64_t count;
    bool changed;

    add_case(tx, "A");
    add_case(tx, "C");
    add_message(tx, some_in("a", "A", 1), a);
    add_message(tx, some_in("c", "C", 1), c);
    add_message(tx, some_in("o", "", 0), o);
    OK(duplicate_wire_add(tx, "UA-GW1", "a", "d", a, &d, &err));
    OK(duplicate_wire_add(tx, "UA-GW1", "c", "d", c, &d, &err));
    OK(duplicate_wire_add(tx, "UA-GW1", "o", "d", o, &d, &err));
    OK(duplicate_content_add(tx, "UA-GW1", "c", "d", c, &d, &err));
    OK(case_set_state(tx, "C",
                      &(struct case_change){ "SENT", NULL, "CLOSED", NULL, true },
                      &changed, &err));
    OK(duplicate_prune(tx, NOW, &count, &err));
    assert_int_equal(count, 0); /* not before that instant */
    OK(duplicate_prune(tx, NOW + 1, &count, &err));
    assert_int_equal(count, 3);
    OK(duplicate_wire_find(tx, "UA-GW1", "a", "d", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_SAME);
    OK(duplicate_wire_find(tx, "UA-GW1", "c", "d", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_NONE);
}

/* --- idempotency ------------------------------------------------------------------------------- */

static void test_idempotency(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct idempotency_entry entry = { 0 };
    enum duplicate d;
    uint64_t count;

    OK(idempotency_add(tx, "rest", "MD-COORD", "key-1", "dig", "m1", "A", &d, &entry,
                       &err));
    assert_int_equal(d, DUPLICATE_NONE);
    OK(idempotency_add(tx, "rest", "MD-COORD", "key-1", "dig", "m2", "B", &d, &entry,
                       &err));
    assert_int_equal(d, DUPLICATE_SAME);
    assert_string_equal(entry.message_id, "m1");
    assert_string_equal(entry.case_id, "A");
    OK(idempotency_add(tx, "rest", "MD-COORD", "key-1", "other", "m2", "B", &d, &entry,
                       &err));
    assert_int_equal(d, DUPLICATE_OTHER);
    OK(idempotency_find(tx, "rest", "MD-CONS", "key-1", "dig", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_NONE);
    OK(idempotency_find(tx, "number", "MD-COORD", "key-1", "dig", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_NONE);
    FAILS(idempotency_find(tx, "rest", "MD-COORD", "", "dig", &d, NULL, &err), ERR_BUG,
          "store.text");
    OK(idempotency_prune(tx, "rest", NOW, &count, &err));
    assert_int_equal(count, 0);
    OK(idempotency_prune(tx, "folder", NOW + 1, &count, &err));
    assert_int_equal(count, 0);
    OK(idempotency_prune(tx, "rest", NOW + 1, &count, &err));
    assert_int_equal(count, 1);
    OK(idempotency_find(tx, "rest", "MD-COORD", "key-1", "dig", &d, NULL, &err));
    assert_int_equal(d, DUPLICATE_NONE);
}

/* --- tasks -------------------------------------------------------------------------------------- */

static void open_task(struct store_tx *tx, const char *kind, const char *case_id,
                      const char *partner, char id[STORE_ROW_TEXT], bool want_already)
{
    struct task task = { .code = "c", .text = "look at it" };
    bool already;

    STORE_COPY(task.kind, kind);
    STORE_COPY(task.case_id, case_id);
    STORE_COPY(task.partner, partner);
    OK(task_open(tx, &task, &already, &err));
    assert_int_equal(already, want_already);
    memcpy(id, task.id, sizeof task.id);
}

static size_t count_tasks(struct store_tx *tx, struct task_filter filter)
{
    AUTO(task_list_free) struct task_list list = { 0 };

    OK(task_select(tx, &filter, &list, &err));
    return list.count;
}

static void test_tasks(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    char gap[STORE_ROW_TEXT], again[STORE_ROW_TEXT], down[STORE_ROW_TEXT];
    AUTO(task_list_free) struct task_list list = { 0 };
    bool changed;
    uint64_t count;

    open_task(tx, "sequence.gap", "A", "", gap, false);
    open_task(tx, "sequence.gap", "A", "", again, true); /* one matter, one task */
    assert_string_equal(gap, again);
    open_task(tx, "sequence.gap", "B", "", again, false);
    open_task(tx, "partner.down", "", "UA-GW1", down, false);
    assert_int_equal(count_tasks(tx, (struct task_filter){ 0 }), 3);
    assert_int_equal(count_tasks(tx, (struct task_filter){ .case_id = "A" }), 1);
    assert_int_equal(count_tasks(tx, (struct task_filter){ .kind = "partner.down" }), 1);
    assert_int_equal(count_tasks(tx, (struct task_filter){ .after = gap }), 2);
    OK(task_select(tx, &(struct task_filter){ .limit = 2 }, &list, &err));
    assert_string_equal(list.items[0].id, gap);
    assert_string_equal(list.next, list.items[1].id);
    OK(task_close(tx, gap, "officer.1", &changed, &err));
    assert_true(changed);
    OK(task_close(tx, gap, "officer.1", &changed, &err));
    assert_false(changed);
    OK(task_close(tx, "none", "officer.1", &changed, &err));
    assert_false(changed);
    assert_int_equal(count_tasks(tx, (struct task_filter){ .case_id = "A" }), 0);
    assert_int_equal(count_tasks(tx, (struct task_filter){ .closed_too = true }), 3);
    open_task(tx, "sequence.gap", "A", "", again,
              false); /* and again after it was closed */
    OK(task_close_matching(tx, &(struct task_filter){ .kind = "sequence.gap" }, "timer",
                           &count, &err));
    assert_int_equal(count, 2);
    assert_int_equal(count_tasks(tx, (struct task_filter){ 0 }), 1);
}

/* --- bundles and legs ------------------------------------------------------------------------------ */

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA_    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static bool note_bundle(void *ctx, const struct bundle_row *row)
{
    note(ctx, "%s/%s/%.4s%s ", row->agreement, row->version, row->digest,
         row->in_force ? "*" : "");
    return true;
}

static void test_bundles(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct bundle_row row;
    struct seen s = { "" };
    int64_t generation, later;
    bool already, found;

    OK(bundle_generation(tx, &generation, &err));
    assert_int_equal(generation, 0);
    FAILS(bundle_add(tx, SHA_, "MDUA-1", "1", "abc", 3, "op", &already, &err), ERR_REJECT,
          "bundle.digest");
    OK(bundle_add(tx, SHA_ABC, "MDUA-1", "1", "abc", 3, "op", &already, &err));
    assert_false(already);
    OK(bundle_add(tx, SHA_ABC, "MDUA-1", "1", "abc", 3, "op", &already, &err));
    assert_true(already);
    OK(bundle_add(tx, SHA_, "MDUA-1", "2", "", 0, "op", &already, &err));
    OK(bundle_in_force(tx, "MDUA-1", &row, &found, &err));
    assert_false(found); /* installed is not in force */
    OK(bundle_set_in_force(tx, SHA_ABC, &err));
    OK(bundle_set_in_force(tx, SHA_, &err));
    OK(bundle_in_force(tx, "MDUA-1", &row, &found, &err));
    assert_true(found);
    assert_string_equal(row.version, "2");
    FAILS(bundle_set_in_force(tx, "none", &err), ERR_REJECT, "bundle.unknown");
    OK(bundle_load(tx, SHA_ABC, &out, &found, &err)); /* the old one stays */
    assert_true(found);
    assert_string_equal(buf_str(&out), "abc");
    OK(bundle_load(tx, "none", &out, &found, &err));
    assert_false(found);
    OK(bundle_each(tx, note_bundle, &s, &err));
    assert_true(strstr(s.text, "MDUA-1/1/ba78 ") != NULL);
    assert_true(strstr(s.text, "MDUA-1/2/e3b0* ") != NULL);
    OK(bundle_generation(tx, &later, &err));
    assert_int_equal(later, 4);
    OK(sql_do(tx, "UPDATE bundle_data SET data = x'616264' WHERE digest LIKE 'ba%'",
              SQL_NO_ARGS, NULL, &err));
    FAILS(bundle_load(tx, SHA_ABC, &out, &found, &err), ERR_REJECT, "bundle.digest");
}

static bool note_leg(void *ctx, const struct leg_override *leg)
{
    note(ctx, "%s:%s>%s=%s ", leg->agreement, leg->from, leg->to, leg->state);
    return true;
}

static void test_legs(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    struct leg_override leg = {
        .agreement = "MDUA-1", .from = "MD", .to = "UA", .state = "SUSPENDED", .by = "op"
    };
    struct seen s = { "" };
    int64_t before, after;
    bool found, changed;

    OK(leg_get(tx, "MDUA-1", "MD", "UA", &leg, &found, &err));
    assert_false(found);
    OK(leg_set(tx, &leg, &err));
    OK(bundle_generation(tx, &before, &err));
    STORE_COPY(leg.state, "ACTIVE");
    OK(leg_set(tx, &leg, &err));
    OK(bundle_generation(tx, &after, &err));
    assert_int_equal(after, before + 1);
    OK(leg_get(tx, "MDUA-1", "UA", "MD", &leg, &found, &err));
    assert_false(found); /* the other direction is a leg of its own */
    OK(leg_each(tx, note_leg, &s, &err));
    assert_string_equal(s.text, "MDUA-1:MD>UA=ACTIVE ");
    OK(leg_get(tx, "MDUA-1", "MD", "UA", &leg, &found, &err));
    assert_int_equal(leg.since_ms, NOW);
    OK(leg_clear(tx, "MDUA-1", "MD", "UA", &changed, &err));
    assert_true(changed);
    OK(leg_clear(tx, "MDUA-1", "MD", "UA", &changed, &err));
    assert_false(changed);
}

/* --- partners, facts -------------------------------------------------------------------------------- */

static bool note_partner(void *ctx, const struct partner_row *row)
{
    note(ctx, "%s ", row->name);
    return true;
}

static void test_partners(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct partner_row row;
    struct seen s = { "" };

    OK(partner_get(tx, "UA-GW1", &row, &err));
    assert_string_equal(row.name, "UA-GW1");
    assert_int_equal(row.failures, 0);
    OK(partner_note_failure(tx, "UA-GW1", "http.connect", &err));
    OK(partner_note_failure(tx, "UA-GW1", "http.timeout", &err));
    OK(partner_set_paused(tx, "UA-GW1", true, "op", &err));
    OK(partner_get(tx, "UA-GW1", &row, &err));
    assert_int_equal(row.failures, 2);
    assert_true(row.paused);
    assert_string_equal(row.paused_by, "op");
    assert_string_equal(row.last_error, "http.timeout");
    b->clock.fixed_ms += 5;
    tx = tx_next(b);
    OK(partner_note_success(tx, "UA-GW1", &err));
    OK(partner_set_paused(tx, "UA-GW1", false, "op", &err));
    OK(partner_get(tx, "UA-GW1", &row, &err));
    assert_int_equal(row.failures, 0);
    assert_false(row.paused);
    assert_string_equal(row.paused_by, "");
    assert_string_equal(row.last_error, "");
    assert_int_equal(row.last_failure_ms, NOW);
    assert_int_equal(row.last_success_ms, NOW + 5);
    OK(partner_note_heard(tx, "AL-GW1", &err));
    OK(partner_each(tx, note_partner, &s, &err));
    assert_string_equal(s.text, "AL-GW1 UA-GW1 ");
}

static bool note_fact(void *ctx, const struct fact_count *count)
{
    note(ctx, "%d/%s/%s>%s/%s/%s=%llu ", count->fact.year, count->fact.agreement,
         count->fact.from, count->fact.to, count->fact.kind, count->fact.dims,
         (unsigned long long)count->count);
    return true;
}

static void test_facts(void **state)
{
    struct fact fact = { 2026, 11, "MDUA-1", "MD", "UA", "M01.sent", "age=adult sex=f" };
    struct store_tx *tx = tx_begin(*state);
    struct seen s = { "" };

    OK(fact_add(tx, &fact, &err));
    fact.month = 12;
    OK(fact_add(tx, &fact, &err));
    fact.dims = "age=child sex=f";
    OK(fact_add(tx, &fact, &err));
    fact.year = 2027;
    fact.kind = "M03.sent";
    fact.dims = NULL;
    OK(fact_add(tx, &fact, &err));
    OK(fact_counts(tx, &(struct fact_filter){ .year = 2026 }, note_fact, &s, &err));
    assert_string_equal(s.text, "2026/MDUA-1/MD>UA/M01.sent/age=adult sex=f=2 "
                                "2026/MDUA-1/MD>UA/M01.sent/age=child sex=f=1 ");
    s.text[0] = '\0';
    OK(fact_counts(tx, &(struct fact_filter){ .kind = "M03.sent" }, note_fact, &s, &err));
    assert_string_equal(s.text, "2027/MDUA-1/MD>UA/M03.sent/=1 ");
    fact.month = 13;
    FAILS(fact_add(tx, &fact, &err), ERR_BUG, "store.text");
}

static void test_meta(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    AUTO(buf_free) struct buf out = BUF_INIT(3);
    bool found;

    OK(meta_get(tx, "x", &out, &found, &err));
    assert_false(found);
    OK(meta_set(tx, "x", "one", &err));
    OK(meta_set(tx, "x", "two", &err));
    OK(meta_get(tx, "x", &out, &found, &err));
    assert_true(found);
    assert_string_equal(buf_str(&out), "two");
    FAILS(meta_get(tx, "x", &out, &found, &err), ERR_REJECT, "buf.too-large");
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_the_wire),
        WITH_BENCH(test_the_content),
        WITH_BENCH(test_pruning_keeps_open_cases),
        WITH_BENCH(test_idempotency),
        WITH_BENCH(test_tasks),
        WITH_BENCH(test_bundles),
        WITH_BENCH(test_legs),
        WITH_BENCH(test_partners),
        WITH_BENCH(test_facts),
        WITH_BENCH(test_meta),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
