/* Octets of messages: put, staged, streamed; sealed so that nothing can be moved or read. */
#include "support_store.h"

#include "base/body.h"
#include "store/store_private.h"

#define ROW BODY_ROW_OCTETS

/* Of the sanitizer's allocator; gcc ships no header for it. */
size_t __sanitizer_get_current_allocated_bytes(void);

static void make_message(struct bench *b, const char *id, const char *case_id,
                         char row[STORE_ROW_TEXT])
{
    add_message(tx_begin(b), some_in(id, case_id, 0), row);
    tx_end(b, true);
}

static struct body_stage *stage_of(struct bench *b, size_t len, uint64_t seed)
{
    struct body_stage *stage = NULL;
    AUTO(mem_free) char *piece = mem_alloc(BODY_PIECE);

    OK(body_stage_open(b->store, &stage, &err));
    for (size_t at = 0; at < len;) {
        struct sink *sink = body_stage_sink(stage);
        size_t size = len - at < BODY_PIECE ? len - at : BODY_PIECE;

        pattern(piece, size, at, seed);
        OK(sink->write(sink, piece, size, &err));
        at += size;
    }
    OK(body_stage_finish(stage, &err));
    return stage;
}

static void attach(struct bench *b, const char *row, const char *name,
                   struct body_stage *stage)
{
    OK(body_attach(tx_begin(b), row, name, stage, &err));
    tx_end(b, true);
}

/* Reads it all in odd pieces and compares with the pattern. */
static void check_source(const struct source *source, size_t len, uint64_t seed)
{
    AUTO(reader_close) struct reader *r = NULL;
    char got[7777], want[7777];
    size_t at = 0, size;

    assert_int_equal(source->size, len);
    OK(source_open(source, &r, &err));
    for (;; at += size) {
        OK(reader_read(r, got, sizeof got, &size, &err));
        if (size == 0)
            break;
        pattern(want, size, at, seed);
        assert_memory_equal(got, want, size);
    }
    assert_int_equal(at, len);
}

static struct source *source_of_body(struct bench *b, const char *row, const char *name)
{
    struct source *source = NULL;

    OK(body_source(tx_begin(b), row, name, &source, &err));
    tx_end(b, true);
    return source;
}

/* --- sizes ------------------------------------------------------------------------------------ */

static void test_sizes_around_a_row(void **state)
{
    static const size_t sizes[] = { 0, 1, ROW - 1, ROW, ROW + 1, 2 * ROW, 3 * ROW + 17 };
    struct bench *b = *state;
    char row[STORE_ROW_TEXT];

    make_message(b, "m", "A", row);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct body_stage *stage = stage_of(b, sizes[i], i);
        AUTO(mem_free) char *clear = mem_alloc(sizes[i] + 1);
        AUTO(buf_free) struct buf loaded = BUF_INIT(4 * ROW);
        struct source *source;
        char name[32];
        bool found;

        snprintf(name, sizeof name, "staged/%zu", i);
        source = body_stage_source(stage);
        check_source(source, sizes[i], i);
        source_free(&source);
        attach(b, row, name, stage);
        body_stage_free(&stage);
        source = source_of_body(b, row, name);
        assert_non_null(source);
        check_source(source, sizes[i], i);
        source_free(&source);

        snprintf(name, sizeof name, "put/%zu", i);
        pattern(clear, sizes[i], 0, i);
        OK(body_put(tx_begin(b), row, name, clear, sizes[i], &err));
        OK(body_load(tx_next(b), row, name, &loaded, &found, &err));
        tx_end(b, true);
        assert_true(found);
        assert_int_equal(loaded.len, sizes[i]);
        assert_memory_equal(buf_str(&loaded), clear, sizes[i]);
        source = source_of_body(b, row, name);
        check_source(source, sizes[i], i);
        source_free(&source);
    }
}

struct names {
    char text[256];
};

static bool note_name(void *ctx, const struct body_info *info)
{
    struct names *n = ctx;
    size_t len = strlen(n->text);

    snprintf(n->text + len, sizeof n->text - len, "%s:%llu:%.8s ", info->name,
             (unsigned long long)info->octets, info->sha256);
    return true;
}

static void test_names_and_digests(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = NULL;
    struct names n = { "" };
    struct sink *sink;
    char row[STORE_ROW_TEXT];

    make_message(b, "m", "A", row);
    OK(body_put(tx_begin(b), row, "national", "abc", 3, &err));
    tx_end(b, true);
    OK(body_put(tx_begin(b), row, "empty", NULL, 0, &err));
    tx_end(b, true);
    OK(body_stage_open(b->store, &stage, &err));
    sink = body_stage_sink(stage);
    FAILS(body_attach(tx_begin(b), row, "attachment/1", stage, &err), ERR_BUG,
          "body.stage");
    tx_end(b, false);
    OK(sink->write(sink, "ab", 2, &err));
    OK(sink->write(sink, "c", 1, &err));
    OK(body_stage_finish(stage, &err));
    assert_int_equal(body_stage_octets(stage), 3);
    FAILS(sink->write(sink, "d", 1, &err), ERR_BUG, "body.stage");
    attach(b, row, "attachment/1", stage);
    body_stage_free(&stage);
    OK(body_each(tx_begin(b), row, note_name, &n, &err));
    tx_end(b, true);
    /* SHA-256 of "abc" and of nothing */
    assert_string_equal(n.text,
                        "attachment/1:3:ba7816bf empty:0:e3b0c442 national:3:ba7816bf ");
}

static void test_a_name_is_taken_once(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, 10, 1);
    char row[STORE_ROW_TEXT];

    make_message(b, "m", "A", row);
    OK(body_put(tx_begin(b), row, "national", "abc", 3, &err));
    tx_end(b, true);
    FAILS(body_put(tx_begin(b), row, "national", "abd", 3, &err), ERR_REJECT,
          "body.taken");
    FAILS(body_attach(tx_next(b), row, "national", stage, &err), ERR_REJECT,
          "body.taken");
    FAILS(body_put(tx_next(b), "no-such-row", "national", "a", 1, &err), ERR_REJECT,
          "message.unknown");
    tx_end(b, false);
    body_stage_free(&stage);
}

static void test_ceilings(void **state)
{
    struct bench *b = *state;
    AUTO(mem_free) char *large = mem_alloc(BODY_PUT_MAX + 1);
    char row[STORE_ROW_TEXT];

    make_message(b, "m", "A", row);
    FAILS(body_put(tx_begin(b), row, "national", large, BODY_PUT_MAX + 1, &err),
          ERR_REJECT, "body.too-large");
    tx_end(b, false);
}

static void test_absent_body(void **state)
{
    struct bench *b = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(10);
    char row[STORE_ROW_TEXT];
    bool found;

    make_message(b, "m", "A", row);
    assert_null(source_of_body(b, row, "receipt"));
    OK(body_load(tx_begin(b), row, "receipt", &out, &found, &err));
    assert_false(found);
    OK(body_put(tx_next(b), row, "receipt", "0123456789a", 11, &err));
    FAILS(body_load(tx_next(b), row, "receipt", &out, &found, &err), ERR_REJECT,
          "buf.too-large");
    tx_end(b, false);
}

/* --- memory ------------------------------------------------------------------------------------- */

#define MANY (20 * 1024 * 1024)

static size_t most;

static void sample(size_t before)
{
    size_t now = __sanitizer_get_current_allocated_bytes();

    if (now > before && now - before > most)
        most = now - before;
}

static void test_twenty_megabytes_in_little_memory(void **state)
{
    struct bench *b = *state;
    size_t before = __sanitizer_get_current_allocated_bytes(), size;
    struct body_stage *stage = NULL;
    AUTO(reader_close) struct reader *r = NULL;
    struct source *source;
    static char piece[BODY_PIECE], want[BODY_PIECE];
    char row[STORE_ROW_TEXT];

    most = 0;
    make_message(b, "m", "A", row);
    OK(body_stage_open(b->store, &stage, &err));
    for (size_t at = 0; at < MANY; at += BODY_PIECE) {
        struct sink *sink = body_stage_sink(stage);

        pattern(piece, BODY_PIECE, at, 9);
        OK(sink->write(sink, piece, BODY_PIECE, &err));
        sample(before);
    }
    OK(body_stage_finish(stage, &err));
    attach(b, row, "attachment/1", stage);
    body_stage_free(&stage);
    source = source_of_body(b, row, "attachment/1");
    OK(source_open(source, &r, &err));
    for (size_t at = 0; at < MANY; at += size) {
        OK(reader_read(r, piece, sizeof piece, &size, &err));
        assert_true(size > 0);
        pattern(want, size, at, 9);
        assert_memory_equal(piece, want, size);
        sample(before);
    }
    reader_close(&r);
    source_free(&source);
    print_message("20 MB: at most %zu KiB held\n", most / 1024);
    assert_true(most < 8 * 1024 * 1024); /* the page caches of two connections included */
}

/* --- staged and never attached ------------------------------------------------------------------ */

static int64_t count_of(struct bench *b, const char *sql)
{
    int64_t count = -1;
    bool found;

    OK(sql_int(tx_begin(b), sql, SQL_NO_ARGS, &count, &found, &err));
    tx_end(b, true);
    return count;
}

static void assert_no_octets(struct bench *b)
{
    assert_int_equal(count_of(b, "SELECT COUNT(*) FROM body"), 0);
    assert_int_equal(count_of(b, "SELECT COUNT(*) FROM body_piece"), 0);
    assert_int_equal(
        count_of(b, "SELECT COUNT(*) FROM seal_key WHERE key_id <> 'gateway'"), 0);
}

static void test_a_dropped_stage_is_swept(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, 40 * ROW, 1);
    uint64_t dropped;

    body_stage_free(&stage);
    assert_int_equal(
        count_of(b, "SELECT COUNT(*) FROM seal_key WHERE key_id <> 'gateway'"), 0);
    assert_int_equal(count_of(b, "SELECT COUNT(*) FROM body_piece"), 40);
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 1);
    assert_no_octets(b);
}

static void test_stale_stages_are_swept(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, 3 * ROW, 1);
    char row[STORE_ROW_TEXT];
    uint64_t dropped;

    make_message(b, "m", "A", row);
    b->clock.fixed_ms += HOUR_MS;
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 0);
    b->clock.fixed_ms += 1;
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 1);
    FAILS(body_attach(tx_begin(b), row, "attachment/1", stage, &err), ERR_RETRY,
          "body.stage-gone");
    tx_end(b, false);
    body_stage_free(&stage);
    assert_no_octets(b);
}

static void test_a_rolled_back_attachment_can_be_repeated(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, ROW + 5, 3);
    struct source *source;
    char row[STORE_ROW_TEXT];

    make_message(b, "m", "A", row);
    OK(body_attach(tx_begin(b), row, "attachment/1", stage, &err));
    tx_end(b, false);
    assert_null(source_of_body(b, row, "attachment/1"));
    attach(b, row, "attachment/1", stage);
    body_stage_free(&stage);
    source = source_of_body(b, row, "attachment/1");
    check_source(source, ROW + 5, 3);
    source_free(&source);
}

static void test_removed_body(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, 2 * ROW, 3);
    struct source *source;
    struct reader *r = NULL;
    char row[STORE_ROW_TEXT], octet;
    size_t got;
    uint64_t dropped;

    make_message(b, "m", "", row);
    attach(b, row, "attachment/1", stage);
    body_stage_free(&stage);
    source = source_of_body(b, row, "attachment/1");
    OK(body_remove(tx_begin(b), row, "attachment/1", &err));
    tx_end(b, true);
    assert_null(source_of_body(b, row, "attachment/1"));
    OK(source_open(source, &r, &err));
    FAILS(reader_read(r, &octet, 1, &got, &err), ERR_REJECT, "body.gone");
    reader_close(&r);
    source_free(&source);
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 1);
    assert_no_octets(b);
}

/* --- uploads ------------------------------------------------------------------------------------- */

static void test_uploads(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, ROW + 1, 4), *again = stage_of(b, ROW + 1, 4);
    struct body_stage *different = stage_of(b, ROW + 1, 5);
    AUTO(source_free) struct source *source = NULL;
    struct upload upload;
    char row[STORE_ROW_TEXT];
    bool other, found;
    uint64_t dropped;

    OK(upload_put(tx_begin(b), "MD-COORD", "scan-of-passport.pdf", "application/pdf",
                  stage, NOW + DAY_MS, &other, &err));
    assert_false(other);
    OK(upload_put(tx_next(b), "MD-COORD", "scan-of-passport.pdf", "application/pdf",
                  again, NOW + DAY_MS, &other, &err));
    assert_false(other); /* the same again */
    OK(upload_put(tx_next(b), "MD-COORD", "scan-of-passport.pdf", "application/pdf",
                  different, NOW + DAY_MS, &other, &err));
    assert_true(other);
    OK(upload_get(tx_next(b), "MD-CONS", "scan-of-passport.pdf", &upload, NULL, &found,
                  &err));
    assert_false(found); /* another office's */
    OK(upload_get(tx_next(b), "MD-COORD", "scan-of-passport.pdf", &upload, &source,
                  &found, &err));
    tx_end(b, true);
    assert_true(found);
    assert_int_equal(upload.octets, ROW + 1);
    assert_string_equal(upload.media_type, "application/pdf");
    check_source(source, ROW + 1, 4);
    body_stage_free(&stage);
    body_stage_free(&again);
    body_stage_free(&different);
    bench_close(b); /* an upload outlives a restart, stages do not */
    bench_open(b);
    make_message(b, "m", "A", row);
    OK(upload_attach(tx_begin(b), "MD-COORD", "scan-of-passport.pdf", row, "attachment/1",
                     &found, &err));
    assert_true(found);
    OK(upload_attach(tx_next(b), "MD-COORD", "scan-of-passport.pdf", row, "attachment/2",
                     &found, &err));
    assert_false(found);
    tx_end(b, true);
    source_free(&source);
    source = source_of_body(b, row, "attachment/1");
    check_source(source, ROW + 1, 4);
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 2);
    assert_false(folder_contains(b->folder, "scan-of-passport", 16));
}

static void test_uploads_expire(void **state)
{
    struct bench *b = *state;
    struct body_stage *stage = stage_of(b, 10, 4);
    struct upload upload;
    uint64_t dropped;
    bool other, found;

    OK(upload_put(tx_begin(b), "MD-COORD", "one", "text/plain", stage, NOW + DAY_MS,
                  &other, &err));
    tx_end(b, true);
    body_stage_free(&stage);
    b->clock.fixed_ms += DAY_MS + 1;
    OK(store_sweep(b->store, &dropped, &err));
    assert_int_equal(dropped, 1);
    OK(upload_get(tx_begin(b), "MD-COORD", "one", &upload, NULL, &found, &err));
    tx_end(b, true);
    assert_false(found);
    assert_no_octets(b);
}

static void test_uploads_have_a_ceiling(void **state)
{
    struct bench *b = *state;
    bool other;

    for (int i = 0; i <= BODY_UPLOADS_MAX; i++) {
        struct body_stage *stage = stage_of(b, 1, 1);
        char id[16];

        snprintf(id, sizeof id, "up-%d", i);
        if (i < BODY_UPLOADS_MAX)
            OK(upload_put(tx_begin(b), "MD-COORD", id, "text/plain", stage, NOW + DAY_MS,
                          &other, &err));
        else
            FAILS(upload_put(tx_begin(b), "MD-COORD", id, "text/plain", stage,
                             NOW + DAY_MS, &other, &err),
                  ERR_REJECT, "body.uploads");
        tx_end(b, i < BODY_UPLOADS_MAX);
        body_stage_free(&stage);
    }
}

/* --- what was moved does not open ------------------------------------------------------------------ */

/* Two messages of one case with two bodies each of three rows; then a hand in the table. */
static void test_tampering_is_seen(void **state)
{
    static const struct {
        const char *name;
        const char *sql;
    } rows[] = {
        { "two rows of a body change places",
          "UPDATE body_piece SET sealed = (SELECT p.sealed FROM body_piece p WHERE "
          "p.body_id ="
          " body_piece.body_id AND p.number = 1 - body_piece.number) WHERE number < 2" },
        { "rows of another body",
          "UPDATE body_piece SET sealed = (SELECT p.sealed FROM body_piece p WHERE "
          "p.body_id <>"
          " body_piece.body_id AND p.number = body_piece.number LIMIT 1)" },
        { "the last row cut off, the count mended", "UPDATE body SET pieces = 2" },
        { "the last row cut off", "DELETE FROM body_piece WHERE number = 2" },
        { "an octet changed",
          "UPDATE body_piece SET sealed = CAST(substr(sealed, 1, 40) || x'00' ||"
          " substr(sealed, 42) AS BLOB) WHERE number = 1" },
        { "hung on the other message",
          "UPDATE body SET message_row = (SELECT row_id FROM message WHERE row_id <>"
          " body.message_row)" },
        { "under another name",
          "UPDATE body SET name = 'national' WHERE name = 'canonical'" },
        { "another size", "UPDATE body SET octets = octets - 1" },
        { "another digest",
          "UPDATE body SET sha256 = replace(sha256, substr(sha256, 1, 1), 'x')" },
        { "the link of another body", "UPDATE body SET link = (SELECT o.link FROM body o "
                                      "WHERE o.id <> body.id LIMIT 1)" },
        { "the key of another body", "UPDATE body SET key_id = (SELECT o.key_id FROM "
                                     "body o WHERE o.id <> body.id)" },
        { "a key under another's name", "UPDATE seal_key SET wrapped = (SELECT o.wrapped "
                                        "FROM seal_key o WHERE o.key_id <>"
                                        " seal_key.key_id AND o.key_id LIKE 'body:%' "
                                        "LIMIT 1) WHERE key_id LIKE 'body:%'" },
        { "another version of the key", "UPDATE seal_key SET version = version + 1" },
    };
    struct bench *b = *state;
    char one[STORE_ROW_TEXT], two[STORE_ROW_TEXT];
    struct body_stage *stage;

    make_message(b, "one", "A", one);
    make_message(b, "two", "A", two);
    stage = stage_of(b, 2 * ROW + 9, 1);
    attach(b, one, "canonical", stage);
    body_stage_free(&stage);
    stage = stage_of(b, 2 * ROW + 9, 2);
    attach(b, two, "canonical", stage);
    body_stage_free(&stage);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct store_tx *tx = tx_begin(b);
        AUTO(buf_free) struct buf out = BUF_INIT(4 * ROW);
        const char *name = strstr(rows[i].sql, "'national'") ? "national" : "canonical";
        struct err fault = { 0 };
        bool found, opened;
        int64_t changed;

        OK(sql_do(tx, "DROP INDEX body_name", SQL_NO_ARGS, NULL, &err));
        OK(sql_do(tx, rows[i].sql, SQL_NO_ARGS, &changed, &err));
        assert_true(changed > 0);
        opened = body_load(tx, one, name, &out, &found, &fault);
        if (opened || (strcmp(fault.code, "store.sealed") != 0 &&
                       strcmp(fault.code, "test.unwrap") != 0 &&
                       strcmp(fault.code, "body.gone") != 0))
            fail_msg("%s: opened %d, %s", rows[i].name, opened, fault.code);
        assert_int_equal(out.len < 3 * ROW, true);
        tx_end(b, false);
    }
}

#define WITH_BENCH(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(test_sizes_around_a_row),
        WITH_BENCH(test_names_and_digests),
        WITH_BENCH(test_a_name_is_taken_once),
        WITH_BENCH(test_ceilings),
        WITH_BENCH(test_absent_body),
        WITH_BENCH(test_twenty_megabytes_in_little_memory),
        WITH_BENCH(test_a_dropped_stage_is_swept),
        WITH_BENCH(test_stale_stages_are_swept),
        WITH_BENCH(test_a_rolled_back_attachment_can_be_repeated),
        WITH_BENCH(test_removed_body),
        WITH_BENCH(test_uploads),
        WITH_BENCH(test_uploads_expire),
        WITH_BENCH(test_uploads_have_a_ceiling),
        WITH_BENCH(test_tampering_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
