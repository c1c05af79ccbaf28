/* Opening, the writer's groups, reads, full disks: what the contract of store.h promises. */
#include "support_store.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "store/meta.h"
#include "store/store_private.h"

/* --- opening ---------------------------------------------------------------------------------- */

static void test_second_process_is_refused(void **state)
{
    struct bench *b = *state;
    struct store *second;

    FAILS((second = store_open(&b->settings, &err)) != NULL, ERR_CONFIG, "store.locked");
    bench_close(b);
    bench_open(b); /* and free again after the first has gone */
}

static void test_newer_schema_is_refused(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);

    OK(meta_set(tx, "schema", "1000", &err));
    tx_end(b, true);
    bench_close(b);
    FAILS((b->store = store_open(&b->settings, &err)) != NULL, ERR_CONFIG, "store.newer");
}

static void test_wrong_wrapping_key_is_refused(void **state)
{
    struct bench *b = *state;

    bench_close(b);
    b->master[31] ^= 1;
    FAILS((b->store = store_open(&b->settings, &err)) != NULL, ERR_CONFIG, "store.key");
    b->master[31] ^= 1;
    bench_open(b);
}

static void test_open_folder_is_refused(void **state)
{
    struct bench *b = *state;

    bench_close(b);
    assert_int_equal(chmod(b->folder, 0755), 0);
    FAILS((b->store = store_open(&b->settings, &err)) != NULL, ERR_CONFIG,
          "store.folder");
    assert_int_equal(chmod(b->folder, 0700), 0);
}

static void test_files_are_private(void **state)
{
    static const char *const names[] = { "store.db", "store.db-wal", "store.db-shm",
                                         "lock", "inflight" };
    struct bench *b = *state;

    OK(store_probe(b->store, &err));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(mem_free) char *path = path_join(b->folder, names[i]);
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void test_pragmas_hold(void **state)
{
    static const struct {
        const char *sql;
        int64_t want;
    } rows[] = {
        { "PRAGMA synchronous", 2 },
        { "PRAGMA foreign_keys", 1 },
        { "PRAGMA secure_delete", 1 },
        { "PRAGMA temp_store", 2 },
    };
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    AUTO(query_end) struct query *query = NULL;
    bool found;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = -1;

        OK(sql_int(tx, rows[i].sql, SQL_NO_ARGS, &value, &found, &err));
        assert_int_equal(value, rows[i].want);
    }
    OK(sql_query(tx, "PRAGMA journal_mode", SQL_NO_ARGS, &query, &err));
    OK(query_next(query, &found, &err));
    assert_string_equal(query_text(query, 0), "wal");
}

static bool is_strict(struct store_tx *tx, const char *table)
{
    AUTO(mem_free)
    char *sql =
        mem_printf("SELECT strict FROM pragma_table_list WHERE name = '%s'", table);
    int64_t strict = 0;
    bool found;

    OK(sql_int(tx, sql, SQL_NO_ARGS, &strict, &found, &err));
    return found && strict == 1;
}

static void test_all_tables_are_strict(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    AUTO(query_end) struct query *query = NULL;
    bool row = true;
    int count = 0;

    OK(sql_query(tx, "SELECT name FROM sqlite_master WHERE type = 'table'", SQL_NO_ARGS,
                 &query, &err));
    for (;; count++) {
        OK(query_next(query, &row, &err));
        if (!row)
            break;
        if (!is_strict(tx, query_text(query, 0)))
            fail_msg("table %s is not STRICT", query_text(query, 0));
    }
    assert_true(count > 20);
}

/* --- works ------------------------------------------------------------------------------------ */

struct note {
    const char *name, *value;
    bool fail;
    int runs;
};

static bool note(struct store_tx *tx, void *ctx, struct err *err)
{
    struct note *n = ctx;

    n->runs++;
    if (!meta_set(tx, n->name, n->value, err))
        return false;
    return !n->fail || err_set(err, ERR_REJECT, "test.fail", "asked to fail");
}

struct look {
    const char *name;
    char value[64];
    bool found;
};

static bool look(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;
    AUTO(buf_free) struct buf text = BUF_INIT(64);

    if (!meta_get(tx, l->name, &text, &l->found, err))
        return false;
    snprintf(l->value, sizeof l->value, "%s", buf_str(&text));
    return true;
}

static void test_failed_work_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct note n = { "a", "1", .fail = true };
    struct look l = { .name = "a" };

    FAILS(store_run(b->store, note, &n, &err), ERR_REJECT, "test.fail");
    OK(store_read(b->store, look, &l, &err));
    assert_false(l.found);
    n.fail = false;
    OK(store_run(b->store, note, &n, &err));
    OK(store_read(b->store, look, &l, &err));
    assert_true(l.found);
}

static bool nested_run(struct store_tx *tx, void *ctx, struct err *err)
{
    struct note n = { .name = "nested", .value = "1" };

    (void)ctx;
    return store_run(store_tx_store(tx), note, &n, err);
}

static bool nested_read(struct store_tx *tx, void *ctx, struct err *err)
{
    struct note n = { .name = "inner", .value = "1" };

    return note(tx, &n, err) && store_read(store_tx_store(tx), look, ctx, err);
}

static bool write_in_read_in_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return store_read(store_tx_store(tx), note, ctx, err);
}

static void test_nesting(void **state)
{
    struct bench *b = *state;
    struct look l = { .name = "inner" };
    struct note n = { .name = "x", .value = "1" };

    FAILS(store_run(b->store, nested_run, NULL, &err), ERR_BUG, "store.nested");
    FAILS(store_read(b->store, nested_run, NULL, &err), ERR_BUG, "store.nested");
    OK(store_run(b->store, nested_read, &l, &err));
    assert_true(l.found); /* a read inside a work sees what the work has done */
    FAILS(store_read(b->store, note, &n, &err), ERR_BUG, "store.read-only");
    FAILS(store_run(b->store, write_in_read_in_work, &n, &err), ERR_BUG,
          "store.read-only");
}

/* --- groups ----------------------------------------------------------------------------------- */

#define THREADS  8
#define WORKS_OF 40

struct worker {
    struct bench *b;
    int number, good, refused;
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < WORKS_OF; i++) {
        char name[32];
        struct note n = { name, "1", .fail = i % 4 == 3 };
        struct err err = { 0 };

        snprintf(name, sizeof name, "w%d-%d", w->number, i);
        if (store_run(w->b->store, note, &n, &err))
            w->good++;
        else
            w->refused += strcmp(err.code, "test.fail") == 0;
    }
    return NULL;
}

static int64_t count_notes(struct bench *b, const char *like)
{
    struct store_tx *tx = tx_begin(b);
    int64_t count = -1;
    bool found;

    OK(sql_int(tx, "SELECT COUNT(*) FROM meta WHERE name LIKE ?", SQL_ARGS(sql_t(like)),
               &count, &found, &err));
    tx_end(b, true);
    return count;
}

static void run_workers(struct bench *b, struct worker w[THREADS])
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct worker){ b, i, 0, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, worker_main, &w[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_eight_threads_share_commits(void **state)
{
    struct bench *b = *state;
    struct worker w[THREADS];
    struct store_stats before, after;

    store_stats(b->store, &before);
    run_workers(b, w);
    store_stats(b->store, &after);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(w[i].good, WORKS_OF * 3 / 4);
        assert_int_equal(w[i].refused, WORKS_OF / 4);
    }
    assert_int_equal(after.works - before.works, THREADS * WORKS_OF * 3 / 4);
    assert_int_equal(after.works_failed - before.works_failed, THREADS * WORKS_OF / 4);
    /* shared: fewer commits than works, and some group had company */
    assert_true(after.commits - before.commits < THREADS * WORKS_OF * 3 / 4);
    assert_true(after.group_max > 1);
    assert_int_equal(count_notes(b, "w%"), THREADS * WORKS_OF * 3 / 4);
}

static void test_a_commit_the_disk_refuses(void **state)
{
    struct bench *b = *state;
    struct note n = { .name = "refused", .value = "1" };
    struct store_stats stats;

    setenv("TRM_FAULT", "store.commit-fails:1:fail", 1);
    FAILS(store_run(b->store, note, &n, &err), ERR_RETRY, "store.io");
    unsetenv("TRM_FAULT");
    assert_int_equal(count_notes(b, "refused"), 0);
    OK(store_run(b->store, note, &n, &err));
    assert_int_equal(count_notes(b, "refused"), 1);
    store_stats(b->store, &stats);
    assert_int_equal(stats.commits_failed, 1);
}

/* --- full disk -------------------------------------------------------------------------------- */

static bool large(struct store_tx *tx, void *ctx, struct err *err)
{
    AUTO(mem_free) char *text = mem_alloc(200 * 1024);

    memset(text, 'x', 200 * 1024 - 1);
    return meta_set(tx, ctx, text, err);
}

/* Fills it until it refuses; returns how many fitted. */
static int fill(struct bench *b, const char *code)
{
    for (int i = 0; i < 100; i++) {
        char name[32];
        struct err err = { 0 };

        snprintf(name, sizeof name, "large-%d", i);
        if (store_run(b->store, large, name, &err))
            continue;
        assert_int_equal(err.kind, ERR_RETRY);
        assert_string_equal(err.code, code);
        return i;
    }
    fail_msg("a hundred large works fitted");
    return 0;
}

static bool empty(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return sql_do(tx, "DELETE FROM meta WHERE name LIKE 'large-%'", SQL_NO_ARGS, NULL,
                  err);
}

static void check_whole(struct bench *b)
{
    struct store_tx *tx = tx_begin(b);
    AUTO(query_end) struct query *query = NULL;
    bool row;

    OK(sql_query(tx, "PRAGMA integrity_check", SQL_NO_ARGS, &query, &err));
    OK(query_next(query, &row, &err));
    assert_string_equal(query_text(query, 0), "ok");
    query_end(&query);
    tx_end(b, true);
}

static void test_quota(void **state)
{
    struct bench *b = *state;
    int fitted;

    bench_close(b);
    b->settings.octets_max = 2 * 1024 * 1024;
    bench_open(b);
    fitted = fill(b, "store.disk-full");
    assert_true(fitted > 3);
    assert_int_equal(count_notes(b, "large-%"), fitted);
    check_whole(b);
    OK(store_run(b->store, empty, NULL, &err));
    assert_int_equal(fill(b, "store.disk-full"),
                     fitted); /* it goes on after room was made */
}

static void test_small_work_beside_a_large_one(void **state)
{
    struct bench *b = *state;
    struct worker w[THREADS];

    bench_close(b);
    b->settings.octets_max = 2 * 1024 * 1024;
    bench_open(b);
    fill(b, "store.disk-full");
    run_workers(b, w); /* some room is left in pages: small ones still pass */
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(w[i].good, WORKS_OF * 3 / 4);
    check_whole(b);
}

static void test_file_size_limit(void **state)
{
    struct bench *b = *state;
    struct rlimit old, small;
    struct note n = { .name = "after", .value = "1" };
    int fitted;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 3 * 1024 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fitted = fill(b, "store.io");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(fitted > 3);
    assert_int_equal(count_notes(b, "large-%"), fitted);
    OK(store_run(b->store, note, &n, &err));
    check_whole(b);
}

/* --- a group that cannot be committed as one ------------------------------------------------------ */

struct thread_work {
    struct store *store;
    store_work *work;
    void *ctx;
    bool ok;
    struct err err;
};

static void *thread_work_main(void *arg)
{
    struct thread_work *w = arg;

    w->ok = store_run(w->store, w->work, w->ctx, &w->err);
    return NULL;
}

/* While a transaction is held open these queue up; then they share a group. */
static void run_together(struct bench *b, struct thread_work *works, int count)
{
    pthread_t threads[8];

    tx_begin(b);
    for (int i = 0; i < count; i++) {
        works[i].store = b->store;
        assert_int_equal(pthread_create(&threads[i], NULL, thread_work_main, &works[i]),
                         0);
        usleep(20000); /* in this order */
    }
    tx_end(b, false);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void test_one_too_large_does_not_take_others_with_it(void **state)
{
    struct bench *b = *state;
    struct note before = { .name = "before", .value = "1" };
    struct note after = { .name = "after", .value = "1" };
    static char name[] = "large-too";
    struct thread_work works[] = { { .work = note, .ctx = &before },
                                   { .work = large, .ctx = name },
                                   { .work = note, .ctx = &after } };

    bench_close(b);
    b->settings.octets_max = 2 * 1024 * 1024;
    bench_open(b);
    fill(b, "store.disk-full");
    run_together(b, works, COUNT_OF(works));
    assert_true(works[0].ok);
    assert_false(works[1].ok);
    assert_string_equal(works[1].err.code, "store.disk-full");
    assert_true(works[2].ok);
    assert_true(before.runs >= 2); /* with the group, then alone */
    assert_int_equal(count_notes(b, "before"), 1);
    assert_int_equal(count_notes(b, "after"), 1);
    check_whole(b);
}

static void test_a_refused_group_is_tried_one_by_one(void **state)
{
    struct bench *b = *state;
    struct note one = { .name = "one", .value = "1" },
                two = { .name = "two", .value = "1" };
    struct note bad = { .name = "bad", .value = "1", .fail = true };
    struct thread_work works[] = { { .work = note, .ctx = &one },
                                   { .work = note, .ctx = &bad },
                                   { .work = note, .ctx = &two } };

    setenv("TRM_FAULT", "store.commit-fails:fail", 1); /* counted anew: another text */
    run_together(b, works, COUNT_OF(works));
    unsetenv("TRM_FAULT");
    assert_true(works[0].ok);
    assert_false(works[1].ok);
    assert_string_equal(works[1].err.code, "test.fail");
    assert_true(works[2].ok);
    assert_int_equal(one.runs, 2);
    assert_int_equal(count_notes(b, "one"), 1);
    assert_int_equal(count_notes(b, "bad"), 0);
    assert_int_equal(count_notes(b, "two"), 1);
}

/* --- small things ------------------------------------------------------------------------------ */

static void test_row_ids_rise(void **state)
{
    char last[STORE_ROW_TEXT], next[STORE_ROW_TEXT];

    (void)state;
    store_row_id(NOW, last);
    for (int i = 0; i < 10000; i++) {
        store_row_id(NOW - i, next); /* also when the clock goes back */
        assert_true(strcmp(next, last) > 0);
        memcpy(last, next, sizeof last);
    }
    assert_int_equal(strlen(last), 36);
    assert_int_equal(last[14], '7');
}

static void test_keyed_hash(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    char one[STORE_HASH_TEXT], same[STORE_HASH_TEXT], other[STORE_HASH_TEXT];

    OK(store_keyed_hash(tx, "national-number", "MD-2026-1", one, &err));
    OK(store_keyed_hash(tx, "national-number", "MD-2026-1", same, &err));
    OK(store_keyed_hash(tx, "identifier", "MD-2026-1", other, &err));
    assert_string_equal(one, same);
    assert_string_not_equal(one, other);
    assert_int_equal(strlen(one), 64);
    OK(store_keyed_hash(tx, "identifier", "", other, &err));
    assert_string_equal(other, "");
}

static void test_too_long_is_refused(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    char field[4] = "abc";
    char name[STORE_NAME_TEXT + 1];

    assert_false(STORE_COPY(field, "abcd"));
    assert_string_equal(field, "abc");
    assert_true(STORE_COPY(field, NULL));
    assert_string_equal(field, "");
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    FAILS(case_blob_put(tx, name, "attrs", "x", 1, &err), ERR_BUG, "store.text");
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_second_process_is_refused),
        WITH_BENCH(test_newer_schema_is_refused),
        WITH_BENCH(test_wrong_wrapping_key_is_refused),
        WITH_BENCH(test_open_folder_is_refused),
        WITH_BENCH(test_files_are_private),
        WITH_BENCH(test_pragmas_hold),
        WITH_BENCH(test_all_tables_are_strict),
        WITH_BENCH(test_failed_work_leaves_nothing),
        WITH_BENCH(test_nesting),
        WITH_BENCH(test_eight_threads_share_commits),
        WITH_BENCH(test_a_commit_the_disk_refuses),
        WITH_BENCH(test_quota),
        WITH_BENCH(test_small_work_beside_a_large_one),
        WITH_BENCH(test_file_size_limit),
        WITH_BENCH(test_one_too_large_does_not_take_others_with_it),
        WITH_BENCH(test_a_refused_group_is_tried_one_by_one),
        cmocka_unit_test(test_row_ids_rise),
        WITH_BENCH(test_keyed_hash),
        WITH_BENCH(test_too_long_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
