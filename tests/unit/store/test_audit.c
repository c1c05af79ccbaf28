/* The audit chain: every change, removal or insertion is found, also under checkpoints. */
#include "support_store.h"

#include "store/audit.h"
#include "store/store_private.h"

#define ROWS  20
#define EVERY 5

static int setup(void **state)
{
    struct bench *b;

    bench_setup(state);
    b = *state;
    bench_close(b);
    b->settings.audit_every = EVERY;
    bench_open(b);
    return 0;
}

static void add_rows(struct store_tx *tx, int count)
{
    for (int i = 0; i < count; i++) {
        char message[16];
        const struct audit_entry entry = {
            .actor = { "MD-COORD", "officer.1", "officer", "rest" },
            .action = i % 2 == 0 ? "case.read" : "message.accepted",
            .case_id = i % 3 == 0 ? "A" : "B",
            .message_id = message,
            .outcome = "done",
        };

        snprintf(message, sizeof message, "m%d", i);
        OK(audit_add(tx, &entry, &err));
    }
}

static struct audit_verdict verify(struct store_tx *tx)
{
    struct audit_verdict verdict;

    OK(audit_verify(tx, NULL, NULL, NULL, &verdict, &err));
    return verdict;
}

static void test_an_intact_chain(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct audit_verdict verdict;

    assert_true(verify(tx).intact); /* empty */
    add_rows(tx, ROWS);
    tx_end(b, true);
    bench_close(b);
    bench_open(b);
    tx = tx_begin(b);
    add_rows(tx, 2); /* goes on after a restart */
    verdict = verify(tx);
    assert_true(verdict.intact);
    assert_int_equal(verdict.rows, ROWS + 2);
    assert_int_equal(verdict.checkpoints, ROWS / EVERY);
    OK(audit_verify(tx, "other-node", NULL, NULL, &verdict, &err));
    assert_int_equal(verdict.rows, 0);
}

static void test_tampering_is_found(void **state)
{
    static const struct {
        const char *name, *sql;
        int64_t bad;
    } rows[] = {
        { "an outcome changed", "UPDATE audit SET outcome = 'denied' WHERE number = 7",
          7 },
        { "a person changed", "UPDATE audit SET person = 'x' WHERE number = 1", 1 },
        { "a time changed", "UPDATE audit SET at_ms = at_ms + 1 WHERE number = 20", 20 },
        { "text moved between fields",
          "UPDATE audit SET office = 'MD-COORDofficer.1', person = '' WHERE number = 3",
          3 },
        { "a hash changed",
          "UPDATE audit SET hash = replace(hash, 'a', 'b') WHERE number = 9", 9 },
        { "a row removed", "DELETE FROM audit WHERE number = 8", 8 },
        { "the first removed", "DELETE FROM audit WHERE number = 1", 1 },
        { "two exchanged", "UPDATE audit SET number = 100 WHERE number = 4; ", 4 },
        { "the end cut off", "DELETE FROM audit WHERE number > 17", 20 },
        { "a checkpoint's hash changed",
          "UPDATE audit_checkpoint SET hash = replace(hash, '0', '1') WHERE number = 10",
          10 },
        { "a signature changed",
          "UPDATE audit_checkpoint SET signature = zeroblob(32) WHERE number = 15", 15 },
        { "a checkpoint moved",
          "UPDATE audit_checkpoint SET number = 16 WHERE number = 15", 16 },
    };
    struct bench *b = *state;

    add_rows(tx_begin(b), ROWS);
    tx_end(b, true);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct store_tx *tx = tx_begin(b);
        struct audit_verdict verdict;
        int64_t changed;

        OK(sql_do(tx, rows[i].sql, SQL_NO_ARGS, &changed, &err));
        assert_true(changed > 0);
        verdict = verify(tx);
        if (verdict.intact || verdict.bad_number != rows[i].bad)
            fail_msg("%s: intact %d, row %lld (%s)", rows[i].name, verdict.intact,
                     (long long)verdict.bad_number, verdict.what);
        tx_end(b, false);
    }
}

/* Whoever rewrites the whole chain cannot rewrite the signatures. */
static void test_a_rewritten_chain_fails_at_its_checkpoints(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    struct audit_verdict verdict;

    add_rows(tx, ROWS);
    OK(sql_do(tx, "DELETE FROM audit", SQL_NO_ARGS, NULL, &err));
    OK(sql_do(tx, "UPDATE audit_checkpoint SET number = number + 1000", SQL_NO_ARGS, NULL,
              &err));
    add_rows(tx, EVERY - 1);
    verdict = verify(tx);
    assert_false(verdict.intact);
    assert_int_equal(verdict.bad_number, 1005);
}

struct hook {
    int asked;
    bool answer;
};

static bool sign(void *ctx, const void *data, size_t len, struct buf *out,
                 struct err *err)
{
    (void)ctx;
    (void)err;
    buf_add(out, data, len); /* signs by repeating */
    return true;
}

static bool check(void *ctx, const void *data, size_t len, const void *signature,
                  size_t signature_len)
{
    struct hook *hook = ctx;

    hook->asked++;
    return hook->answer && len == signature_len && memcmp(data, signature, len) == 0;
}

static void test_signatures_by_hook(void **state)
{
    struct bench *b = *state;
    struct hook hook = { 0, true };
    struct audit_verdict verdict;
    struct store_tx *tx;

    bench_close(b);
    b->settings.seal.sign = sign;
    bench_open(b);
    tx = tx_begin(b);
    add_rows(tx, ROWS);
    OK(audit_verify(tx, NULL, check, &hook, &verdict, &err));
    assert_true(verdict.intact);
    assert_int_equal(hook.asked, ROWS / EVERY);
    hook.answer = false;
    OK(audit_verify(tx, NULL, check, &hook, &verdict, &err));
    assert_false(verdict.intact);
    assert_int_equal(verdict.bad_number, EVERY);
}

struct seen {
    char text[256];
    int left;
};

static bool note(void *ctx, const struct audit_row *row)
{
    struct seen *s = ctx;
    size_t len = strlen(s->text);

    snprintf(s->text + len, sizeof s->text - len, "%lld ", (long long)row->number);
    assert_string_equal(row->person, "officer.1");
    return --s->left > 0;
}

static void test_selecting(void **state)
{
    static const struct {
        struct audit_filter filter;
        int stop;
        const char *want;
    } rows[] = {
        { { .limit = 3 }, 100, "1 2 3 " },
        { { .limit = 3, .after = 18 }, 100, "19 20 " },
        { { .limit = 3, .newest_first = true }, 100, "20 19 18 " },
        { { .limit = 3, .newest_first = true, .after = 3 }, 100, "2 1 " },
        { { .case_id = "A" }, 100, "1 4 7 10 13 16 19 " },
        { { .case_id = "A" }, 2, "1 4 " },
        { { .message_id = "m7" }, 100, "8 " },
        { { .message_id = "m7", .case_id = "A" }, 100, "" },
        { { .node = "other" }, 100, "" },
    };
    struct store_tx *tx = tx_begin(*state);

    add_rows(tx, ROWS);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct seen s = { "", rows[i].stop };

        OK(audit_select(tx, &rows[i].filter, note, &s, &err));
        assert_string_equal(s.text, rows[i].want);
    }
}

static void test_a_field_too_long(void **state)
{
    struct store_tx *tx = tx_begin(*state);
    char detail[STORE_REASON_TEXT + 1];

    memset(detail, 'x', sizeof detail - 1);
    detail[sizeof detail - 1] = '\0';
    FAILS(audit_add(tx, &(struct audit_entry){ .action = "a", .detail = detail }, &err),
          ERR_BUG, "store.text");
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_an_intact_chain),
        WITH_BENCH(test_tampering_is_found),
        WITH_BENCH(test_a_rewritten_chain_fails_at_its_checkpoints),
        WITH_BENCH(test_signatures_by_hook),
        WITH_BENCH(test_selecting),
        WITH_BENCH(test_a_field_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
