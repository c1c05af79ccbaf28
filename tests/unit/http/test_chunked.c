/* Which octets are a chunked body, and where it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/chunked.h"
#include "http/request.h"

#define BODY_MAX 100

struct row {
    const char *name;
    const char *raw;
    size_t len;
    const char *want; /* the body, when status is 0; the code else */
    int status;
    size_t used; /* 0: all */
};

#define RAW(text) text, sizeof(text) - 1

/* clang-format off */
static struct row rows[] = {
    { "two chunks", RAW("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world", 0, 0 },
    { "empty", RAW("0\r\n\r\n"), "", 0, 0 },
    { "many zeros", RAW("0005\r\nhello\r\n0000\r\n\r\n"), "hello", 0, 0 },
    { "letters of both cases", RAW("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789", 0, 0 },
    { "extension ignored", RAW("5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n"), "hello", 0, 0 },
    { "next request untouched", RAW("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "x", 0, 11 },
    { "exactly the ceiling", RAW("64\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n0\r\n\r\n"),
      "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", 0, 0 },
    { "size -1", RAW("-1\r\n"), "http.chunk", 400, 0 },
    { "size +1", RAW("+1\r\nx\r\n"), "http.chunk", 400, 0 },
    { "size 0x5", RAW("0x5\r\nhello\r\n"), "http.chunk", 400, 0 },
    { "size empty", RAW("\r\nhello\r\n"), "http.chunk", 400, 0 },
    { "size only extension", RAW(";a\r\n"), "http.chunk", 400, 0 },
    { "blank before size", RAW(" 5\r\nhello\r\n"), "http.chunk", 400, 0 },
    { "blank behind size", RAW("5 \r\nhello\r\n"), "http.chunk", 400, 0 },
    { "bare LF behind size", RAW("5\nhello\r\n"), "http.chunk", 400, 0 },
    { "bare CR behind size", RAW("5\rhello\r\n"), "http.chunk", 400, 0 },
    { "LF in extension", RAW("5;a\nhello\r\n"), "http.chunk", 400, 0 },
    { "NUL in extension", RAW("5;a\0\r\nhello\r\n"), "http.chunk", 400, 0 },
    { "chunk longer than said", RAW("5\r\nhelloX\r\n"), "http.chunk", 400, 0 },
    { "no CRLF behind chunk", RAW("5\r\nhello0\r\n\r\n"), "http.chunk", 400, 0 },
    { "bare LF behind chunk", RAW("5\r\nhello\n0\r\n\r\n"), "http.chunk", 400, 0 },
    { "17 digits", RAW("00000000000000005\r\n"), "http.chunk", 400, 0 },
    { "wraps at 2^64", RAW("10000000000000005\r\nhello\r\n"), "http.chunk", 400, 0 },
    { "2^64-1", RAW("ffffffffffffffff\r\nhello"), "http.body-large", 413, 0 },
    { "second chunk wraps the sum", RAW("5\r\nhello\r\nffffffffffffffff\r\nx"), "http.body-large", 413, 0 },
    { "one over the ceiling, said at the size", RAW("65\r\n"), "http.body-large", 413, 0 },
    { "over the ceiling in the sum", RAW("5\r\nhello\r\n60\r\n"), "http.body-large", 413, 0 },
    { "trailer", RAW("0\r\nX-A: b\r\n\r\n"), "http.trailer", 400, 0 },
    { "trailer that smuggles", RAW("0\r\nContent-Length: 5\r\n\r\n"), "http.trailer", 400, 0 },
    { "bare LF at the end", RAW("0\r\n\n"), "http.chunk", 400, 0 },
};
/* clang-format on */

struct result {
    bool good, done;
    size_t used;
    const char *code;
    int status;
    char body[BODY_MAX + 1];
};

static struct result decode(const char *raw, size_t len, size_t cut, bool single)
{
    AUTO(buf_free) struct buf body = BUF_INIT(BODY_MAX);
    struct buf_sink sink = sink_of_buf(&body);
    struct http_chunked chunked;
    struct result result = { .good = true };
    struct err err = { 0 };

    http_chunked_init(&chunked, BODY_MAX);
    while (result.good && !result.done && result.used < len) {
        size_t at = result.used, used = 0;
        size_t piece = single ? 1 : (at < cut ? cut - at : len - at);
        char *copy = malloc(piece);

        memcpy(copy, raw + at, piece);
        result.good = http_chunked_feed(&chunked, copy, piece, &sink.sink, &used,
                                        &result.done, &err);
        result.used += used;
        free(copy);
    }
    result.code = result.good ? "" : err.code;
    result.status = result.good ? 0 : http_status_of(&err);
    memcpy(result.body, buf_str(&body), body.len);
    return result;
}

static void test_row(void **state)
{
    const struct row *row = *state;

    for (size_t cut = 0; cut <= row->len + 1; cut++) {
        struct result r =
            decode(row->raw, row->len, cut <= row->len ? cut : 0, cut > row->len);

        assert_int_equal(r.status, row->status);
        if (row->status != 0) {
            assert_string_equal(r.code, row->want);
            continue;
        }
        assert_true(r.done);
        assert_string_equal(r.body, row->want);
        assert_int_equal(r.used, row->used > 0 ? row->used : row->len);
    }
}

static void test_truncated(void **state)
{
    static const char raw[] = "5;x=y\r\nhello\r\n0\r\n\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof raw - 1; len++) {
        struct result r = decode(raw, len, 0, false);

        assert_true(r.good);
        assert_false(r.done);
    }
}

static void want_code(const char *raw, const char *code)
{
    struct result r = decode(raw, strlen(raw), 0, false);

    assert_false(r.good);
    assert_string_equal(r.code, code);
}

static void test_extension_ceilings(void **state)
{
    AUTO(buf_free) struct buf line = BUF_INIT(100000);

    (void)state;
    buf_adds(&line, "1;");
    for (int i = 0; i <= HTTP_CHUNK_LINE_MAX; i++)
        buf_adds(&line, "a");
    want_code(line.data, "http.chunk");
    buf_clear(&line);
    for (int i = 0; i < 50; i++) { /* 50 times 100 octets: each good, too many in all */
        buf_adds(&line, "1;");
        for (int k = 0; k < 100; k++)
            buf_adds(&line, "a");
        buf_adds(&line, "\r\nx\r\n");
    }
    want_code(line.data, "http.chunk");
}

static bool full(struct sink *sink, const void *data, size_t len, struct err *err)
{
    (void)sink;
    (void)data;
    (void)len;
    return err_set(err, ERR_RETRY, "test.full", "no");
}

static void test_sink_says_no(void **state)
{
    struct sink sink = { full };
    struct http_chunked chunked;
    struct err err = { 0 };
    size_t used = 0;
    bool done = false;

    (void)state;
    http_chunked_init(&chunked, BODY_MAX);
    assert_false(http_chunked_feed(&chunked, "5\r\nhel", 6, &sink, &used, &done, &err));
    assert_string_equal(err.code, "test.full");
}

static void test_mutated(void **state)
{
    static const char base[] =
        "5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
    static const char spice[] = "\r\n;0fF-+x \0\xff";
    char raw[sizeof base];

    (void)state;
    srand(7);
    for (int round = 0; round < 20000; round++) {
        memcpy(raw, base, sizeof base);
        for (int i = rand() % 3; i >= 0; i--)
            raw[rand() % (int)(sizeof base - 1)] =
                spice[rand() % (int)(sizeof spice - 1)];
        struct result a = decode(raw, sizeof base - 1, 0, false);
        struct result b = decode(raw, sizeof base - 1, 0, true);

        assert_int_equal(a.status, b.status);
        assert_string_equal(a.code, b.code);
        assert_int_equal(a.done, b.done);
        if (a.done)
            assert_string_equal(a.body, b.body);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(rows) + 4] = {
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_extension_ceilings),
        cmocka_unit_test(test_sink_says_no),
        cmocka_unit_test(test_mutated),
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[i + 4] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
