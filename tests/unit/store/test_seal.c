/* Nothing of a case stands in a file in clear; erased is erased, in database and log. */
#include "support_store.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "store/duplicates.h"
#include "store/idempotency.h"
#include "store/store_private.h"

#define CANARY \
    "Zyzzyva Qwertyuiop 9999000000017" /* a name and number that nothing else holds */

/* --- cells ------------------------------------------------------------------------------------ */

static void test_a_cell_opens_only_in_its_place(void **state)
{
    struct seal_key key = { .id = "case:A", .version = 1, .octets = { 1, 2, 3 } };
    const struct seal_place home = { "t", "c", "r", 3, false };
    const struct seal_place others[] = {
        { "u", "c", "r", 3, false }, { "t", "d", "r", 3, false },
        { "t", "c", "s", 3, false }, { "t", "c", "r", 4, false },
        { "t", "c", "r", 3, true },
    };
    struct seal_key other_keys[] = { key, key, key };
    AUTO(buf_free) struct buf sealed = BUF_INIT(1000);
    AUTO(buf_free) struct buf clear = BUF_INIT(1000);

    (void)state;
    OK(seal_close(&key, &home, CANARY, strlen(CANARY), &sealed, &err));
    assert_int_equal(sealed.len, strlen(CANARY) + SEAL_OVERHEAD);
    assert_null(memmem(sealed.data, sealed.len, CANARY, 8));
    OK(seal_open(&key, &home, sealed.data, sealed.len, &clear, &err));
    assert_string_equal(buf_str(&clear), CANARY);
    buf_clear(&clear);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        FAILS(seal_open(&key, &others[i], sealed.data, sealed.len, &clear, &err),
              ERR_REJECT, "store.sealed");
    STORE_COPY(other_keys[0].id, "case:B");
    other_keys[1].version = 2;
    other_keys[2].octets[31] ^= 1;
    for (size_t i = 0; i < COUNT_OF(other_keys); i++)
        FAILS(seal_open(&other_keys[i], &home, sealed.data, sealed.len, &clear, &err),
              ERR_REJECT, "store.sealed");
    assert_int_equal(clear.len, 0);
}

static void test_every_octet_counts(void **state)
{
    struct seal_key key = { .id = "case:A", .version = 1 };
    const struct seal_place home = { "t", "c", "r", 0, true };
    AUTO(buf_free) struct buf sealed = BUF_INIT(1000);
    AUTO(buf_free) struct buf clear = BUF_INIT(1000);

    (void)state;
    OK(seal_close(&key, &home, CANARY, strlen(CANARY), &sealed, &err));
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 0x10;
        FAILS(seal_open(&key, &home, sealed.data, sealed.len, &clear, &err), ERR_REJECT,
              "store.sealed");
        sealed.data[i] ^= 0x10;
    }
    for (size_t len = 0; len < sealed.len; len++)
        FAILS(seal_open(&key, &home, sealed.data, len, &clear, &err), ERR_REJECT,
              "store.sealed");
    OK(seal_open(&key, &home, sealed.data, sealed.len, &clear, &err));
}

static void test_row_text_cannot_imitate_other_fields(void **state)
{
    struct seal_key key = { .id = "k", .version = 1 };
    const struct seal_place one = { "t", "c", "r|1:k", 0, true };
    const struct seal_place two = { "t", "c", "r", 0, true };
    AUTO(buf_free) struct buf sealed = BUF_INIT(1000);
    AUTO(buf_free) struct buf clear = BUF_INIT(1000);

    (void)state;
    OK(seal_close(&key, &one, "x", 1, &sealed, &err));
    FAILS(seal_open(&key, &two, sealed.data, sealed.len, &clear, &err), ERR_REJECT,
          "store.sealed");
}

static void test_records_of_a_case(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    AUTO(buf_free) struct buf out = BUF_INIT(1000);
    bool found;

    OK(case_blob_put(tx, "A", "attrs", "one", 3, &err));
    OK(case_blob_put(tx, "A", "consents", "two", 3, &err));
    OK(case_blob_put(tx, "B", "attrs", "three", 5, &err));
    OK(case_blob_put(tx, "A", "attrs", "four", 4, &err)); /* replaced */
    tx = tx_next(b);
    OK(case_blob_get(tx, "A", "attrs", &out, &found, &err));
    assert_true(found);
    assert_string_equal(buf_str(&out), "four");
    OK(case_blob_get(tx, "A", "absent", &out, &found, &err));
    assert_false(found);
    OK(case_blob_remove(tx, "B", "attrs", &err));
    OK(case_blob_get(tx, "B", "attrs", &out, &found, &err));
    assert_false(found);
    OK(sql_do(
        tx,
        "UPDATE case_blob SET sealed = (SELECT o.sealed FROM case_blob o WHERE o.name ="
        " 'consents') WHERE name = 'attrs'",
        SQL_NO_ARGS, NULL, &err));
    FAILS(case_blob_get(tx, "A", "attrs", &out, &found, &err), ERR_REJECT,
          "store.sealed");
}

/* --- canaries in files -------------------------------------------------------------------------- */

static void put_canaries(struct bench *b)
{
    struct store_tx *tx = tx_begin(b);
    struct body_stage *stage = NULL;
    enum duplicate duplicate;
    char row[STORE_ROW_TEXT], hash[STORE_HASH_TEXT];
    struct message m = some_in("m", "A", 1);
    static char large[600 * 1024];

    add_case(tx, "A");
    OK(case_blob_put(tx, "A", "attrs", CANARY, strlen(CANARY), &err));
    OK(store_keyed_hash(tx, "national-number", CANARY, hash, &err));
    OK(case_set_number(tx, "A", hash, &err));
    OK(case_find_key_add(tx, "A", "identifier", hash, &err));
    STORE_COPY(m.office_number_hash, hash);
    add_message(tx, m, row);
    OK(body_put(tx, row, "national", CANARY, strlen(CANARY), &err));
    OK(idempotency_add(tx, "number", "MD-COORD", CANARY, hash, "m", "A", &duplicate, NULL,
                       &err));
    tx_end(b, true);
    for (size_t i = 0; i + 64 < sizeof large; i += 64)
        memcpy(large + i, CANARY, strlen(CANARY));
    OK(body_stage_open(b->store, &stage, &err));
    OK(body_stage_sink(stage)->write(body_stage_sink(stage), large, sizeof large, &err));
    OK(body_stage_finish(stage, &err));
    OK(body_attach(tx_begin(b), row, "attachment/1", stage, &err));
    tx_end(b, true);
    body_stage_free(&stage);
}

static void test_no_canary_in_open_or_closed_files(void **state)
{
    struct bench *b = *state;

    put_canaries(b);
    assert_true(
        folder_contains(b->folder, "MDUA-1", 6)); /* the search does find things */
    assert_false(folder_contains(b->folder, CANARY, 8));
    bench_close(b);
    assert_true(folder_contains(b->folder, "MDUA-1", 6));
    assert_false(folder_contains(b->folder, CANARY, 8));
    assert_false(folder_contains(b->folder, CANARY + 19, 12)); /* the number alone */
    bench_open(b);
}

static void test_no_canary_after_kill(void **state)
{
    struct bench *b = *state;
    AUTO(mem_free) char *log = path_join(b->folder, "store.db-wal");
    pid_t child;
    int status;

    bench_close(b);
    child = fork();
    if (child == 0) {
        bench_open(b);
        put_canaries(b);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(file_exists(log)); /* left as the kill left it */
    assert_true(folder_contains(b->folder, "MDUA-1", 6));
    assert_false(folder_contains(b->folder, CANARY, 8));
    bench_open(b);
}

/* --- erasure ------------------------------------------------------------------------------------ */

struct wrapped_key {
    uint8_t octets[SEAL_WRAPPED_MAX];
    size_t len;
};

/* The wrapped keys as they stand in the table: what must not be found afterwards. */
static size_t wrapped_keys(struct bench *b, const char *case_id, struct wrapped_key *ret,
                           size_t max)
{
    AUTO(query_end) struct query *query = NULL;
    size_t count = 0;
    bool row;

    OK(sql_query(tx_begin(b), "SELECT wrapped FROM seal_key WHERE case_id = ?",
                 SQL_ARGS(sql_t(case_id)), &query, &err));
    for (; count < max; count++) {
        const void *data;

        OK(query_next(query, &row, &err));
        if (!row)
            break;
        data = query_blob(query, 0, &ret[count].len);
        memcpy(ret[count].octets, data, ret[count].len);
    }
    query_end(&query);
    tx_end(b, true);
    return count;
}

static void erase(struct bench *b, const char *case_id)
{
    OK(case_erase(tx_begin(b), case_id, "ERASED", &err));
    tx_end(b, true);
}

static void assert_erased(struct bench *b)
{
    struct store_tx *tx = tx_begin(b);
    AUTO(buf_free) struct buf out = BUF_INIT(1000);
    struct source *source = NULL;
    struct message m;
    struct case_row row;
    bool found;

    OK(case_blob_get(tx, "A", "attrs", &out, &found, &err));
    assert_false(found);
    OK(message_find(tx, MESSAGE_IN, "m", &m, &found, &err));
    assert_true(found); /* ids and states stay */
    assert_string_equal(m.office_number_hash, "");
    OK(body_load(tx, m.row, "national", &out, &found, &err));
    assert_false(found);
    OK(body_source(tx, m.row, "attachment/1", &source, &err));
    assert_null(source);
    OK(case_get(tx, "A", &row, &found, &err));
    assert_string_equal(row.state, "ERASED");
    assert_string_equal(row.number_hash, "");
    assert_int_equal(row.closed_ms, NOW);
    tx_end(b, true);
}

static void test_erased_is_gone_from_database_and_log(void **state)
{
    struct bench *b = *state;
    struct wrapped_key keys[4], none[4];
    size_t count;
    uint64_t dropped;

    put_canaries(b);
    count = wrapped_keys(b, "A", keys, 4);
    assert_int_equal(count, 2); /* the case's and the attachment's */
    for (size_t i = 0; i < count; i++)
        assert_true(folder_contains(b->folder, keys[i].octets, keys[i].len));
    erase(b, "A");
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at + 16 <= keys[i].len; at += 16) /* no part of it either */
            assert_false(folder_contains(b->folder, keys[i].octets + at, 16));
    assert_int_equal(wrapped_keys(b, "A", none, 4), 0);
    assert_erased(b);
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 2);
    bench_close(b);
    bench_open(b);
    assert_erased(b);
    erase(b, "A"); /* again is no harm */
}

#define CASES 800

/* Keys that were moved about by the growth of the table leave no copy behind either. */
static void test_erasing_among_many(void **state)
{
    struct bench *b = *state;
    static char ids[CASES][CASE_ID_TEXT];
    static struct wrapped_key keys[CASES];
    struct store_tx *tx = tx_begin(b);

    for (int i = 0; i < CASES; i++) {
        case_id_make(ids[i]); /* at random places */
        OK(case_blob_put(tx, ids[i], "attrs", "x", 1, &err));
    }
    tx_end(b, true);
    for (int i = 0; i < CASES; i++)
        assert_int_equal(wrapped_keys(b, ids[i], &keys[i], 1), 1);
    for (int i = 0; i < CASES; i += 2) {
        char more[CASE_ID_TEXT];

        erase(b, ids[i]);
        case_id_make(more);
        OK(case_blob_put(tx_begin(b), more, "attrs", "x", 1, &err));
        tx_end(b, true);
    }
    for (int i = 0; i < CASES; i++)
        if (folder_contains(b->folder, keys[i].octets, 24) != (i % 2 == 1))
            fail_msg("key %d is %s", i, i % 2 == 1 ? "lost" : "left over");
}

static void test_other_cases_stay(void **state)
{
    struct bench *b = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    bool found;

    put_canaries(b);
    OK(case_blob_put(tx_begin(b), "B", "attrs", "stays", 5, &err));
    tx_end(b, true);
    erase(b, "A");
    OK(case_blob_get(tx_begin(b), "B", "attrs", &out, &found, &err));
    tx_end(b, true);
    assert_true(found);
    assert_string_equal(buf_str(&out), "stays");
}

static void test_killed_between_erasing_and_emptying_the_log(void **state)
{
    struct bench *b = *state;
    struct wrapped_key keys[4];
    size_t count;
    pid_t child;
    int status;

    put_canaries(b);
    count = wrapped_keys(b, "A", keys, 4);
    bench_close(b);
    child = fork();
    if (child == 0) {
        setenv("TRM_FAULT", "store.erased", 1);
        bench_open(b);
        OK(case_blob_put(tx_begin(b), "C", "attrs", "in the log", 10, &err));
        tx_end(b, true);
        erase(b, "A");
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    bench_open(b); /* finishes it */
    for (size_t i = 0; i < count; i++)
        assert_false(folder_contains(b->folder, keys[i].octets, keys[i].len));
    assert_erased(b);
}

static void test_unsent_messages_keep_a_case(void **state)
{
    struct bench *b = *state;
    struct store_tx *tx = tx_begin(b);
    char row[STORE_ROW_TEXT];
    bool changed;

    add_case(tx, "A");
    add_message(tx, some_out("m", "A", 1), row);
    FAILS(case_erase(tx, "A", "ERASED", &err), ERR_REJECT, "case.unsent");
    OK(queue_cancel(tx, row, "c", "r", &changed, &err));
    OK(case_erase(tx, "A", "ERASED", &err));
    FAILS(case_erase(tx, "", "ERASED", &err), ERR_BUG, "case.unknown");
}

static void test_a_rolled_back_erasure_erases_nothing(void **state)
{
    struct bench *b = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    bool found;

    put_canaries(b);
    OK(case_erase(tx_begin(b), "A", "ERASED", &err));
    tx_end(b, false);
    OK(case_blob_get(tx_begin(b), "A", "attrs", &out, &found, &err));
    tx_end(b, true);
    assert_true(found);
    assert_string_equal(buf_str(&out), CANARY);
}

/* A key made in a work that was undone must not be used from memory by the next one. */
static void test_a_rolled_back_key_is_not_used(void **state)
{
    struct bench *b = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct store_tx *tx = tx_begin(b);
    bool found;

    OK(case_blob_put(tx, "M", "attrs", "one", 3, &err));
    OK(case_blob_get(tx, "M", "attrs", &out, &found, &err)); /* now it is in memory */
    tx_end(b, false);
    OK(case_blob_put(tx_begin(b), "M", "attrs", "two", 3, &err));
    tx_end(b, true);
    bench_close(b); /* nothing in memory helps any more */
    bench_open(b);
    buf_clear(&out);
    OK(case_blob_get(tx_begin(b), "M", "attrs", &out, &found, &err));
    tx_end(b, true);
    assert_true(found);
    assert_string_equal(buf_str(&out), "two");
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cell_opens_only_in_its_place),
        cmocka_unit_test(test_every_octet_counts),
        cmocka_unit_test(test_row_text_cannot_imitate_other_fields),
        WITH_BENCH(test_records_of_a_case),
        WITH_BENCH(test_no_canary_in_open_or_closed_files),
        WITH_BENCH(test_no_canary_after_kill),
        WITH_BENCH(test_erased_is_gone_from_database_and_log),
        WITH_BENCH(test_erasing_among_many),
        WITH_BENCH(test_other_cases_stay),
        WITH_BENCH(test_killed_between_erasing_and_emptying_the_log),
        WITH_BENCH(test_unsent_messages_keep_a_case),
        WITH_BENCH(test_a_rolled_back_erasure_erases_nothing),
        WITH_BENCH(test_a_rolled_back_key_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
