/* Percent-encoding, paths, queries, media types, dates: the right form beside the wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/field.h"

static void want_decoded(const char *text, const char *want)
{
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct err err = { 0 };

    assert_true(http_percent_decode(str_of(text), &out, &err));
    assert_string_equal(buf_str(&out), want);
}

static void want_refused(const char *text)
{
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct err err = { 0 };

    assert_false(http_percent_decode(str_of(text), &out, &err));
    assert_string_equal(err.code, "http.percent");
}

static void test_percent(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(100);

    (void)state;
    want_decoded("a%20b+c%2F", "a b+c/");
    want_decoded("%d0%9E", "\xd0\x9e");
    want_decoded("", "");
    want_refused("%");
    want_refused("a%2");
    want_refused("%g0");
    want_refused("%00");
    want_refused("%0a");
    want_refused("%7F");
    want_refused("%ff");
    want_refused("%c0%af");
    http_percent_encode("a/b \xd0\x9e~", &out);
    assert_string_equal(out.data, "a%2Fb%20%D0%9E~");
}

static void test_path(void **state)
{
    static const char *const bad[] = { "//a", "/", "/a/", "/%2F", "a" };
    struct str rest = str_of("/cases/K7%2DX/x%20y");
    static const char *const want[] = { "cases", "K7-X", "x y" };
    struct err err = { 0 };
    bool end = false;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(100);

        assert_true(http_path_next(&rest, &out, &end, &err));
        assert_int_equal(end, i == 3);
        if (!end)
            assert_string_equal(out.data, want[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(100);
        bool good = true;

        rest = str_of(bad[i]);
        end = false;
        while (good && !end)
            good = http_path_next(&rest, &out, &end, &err);
        assert_false(good);
        assert_string_equal(err.code, "http.path");
    }
}

static void test_query(void **state)
{
    static const char *const known[] = { "a", "b c", NULL };
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct err err = { 0 };
    bool found = false;

    (void)state;
    assert_true(http_query("x=1&b%20c=d%26+e&flag", "b c", &out, &found, &err));
    assert_true(found);
    assert_string_equal(out.data, "d& e");
    buf_clear(&out);
    assert_true(http_query("x=1&flag", "flag", &out, &found, &err));
    assert_true(found);
    assert_int_equal(out.len, 0);
    assert_true(http_query("x=1", "y", &out, &found, &err));
    assert_false(found);
    assert_true(http_query(NULL, "y", &out, &found, &err));
    assert_false(found);
    assert_false(http_query("y=1&y=2", "y", &out, &found, &err));
    assert_string_equal(err.code, "http.query-repeated");
    assert_false(http_query("y=%0", "y", &out, &found, &err));
    assert_string_equal(err.code, "http.percent");
    assert_false(http_query_unknown("a=1&b+c=2", known, &out));
    assert_false(http_query_unknown(NULL, known, &out));
    assert_false(http_query_unknown("", known, &out));
    buf_clear(&out);
    assert_true(http_query_unknown("a=1&stauts=2", known, &out));
    assert_string_equal(out.data, "stauts");
}

static void test_types(void **state)
{
    (void)state;
    assert_true(http_type_is("Text/XML; charset=utf-8", "text/xml"));
    assert_true(http_type_is("text/xml", "text/xml"));
    assert_false(http_type_is("text/xml2", "text/xml"));
    assert_false(http_type_is(NULL, "text/xml"));
    assert_true(http_accepts(NULL, "application/json"));
    assert_true(http_accepts("text/html, */*;q=0.1", "application/json"));
    assert_true(http_accepts("application/*", "application/json"));
    assert_true(http_accepts("Application/JSON", "application/json"));
    assert_false(http_accepts("text/html", "application/json"));
    assert_false(http_accepts("application/json;q=0", "application/json"));
    assert_false(http_accepts("application/jsonx", "application/json"));
}

static void test_dates(void **state)
{
    char text[HTTP_DATE_TEXT];
    const int64_t now = INT64_C(1795510800000); /* 2026-11-24T09:00:00Z */
    int64_t seconds = -1;

    (void)state;
    http_date_print(now, text);
    assert_string_equal(text, "Tue, 24 Nov 2026 09:00:00 GMT");
    assert_true(http_retry_after("120", now, &seconds));
    assert_int_equal(seconds, 120);
    assert_true(http_retry_after("Tue, 24 Nov 2026 09:01:30 GMT", now, &seconds));
    assert_int_equal(seconds, 90);
    assert_true(http_retry_after("Tue, 24 Nov 2026 08:00:00 GMT", now, &seconds));
    assert_int_equal(seconds, 0);
    assert_false(http_retry_after("-1", now, &seconds));
    assert_false(http_retry_after("soon", now, &seconds));
    assert_false(http_retry_after("Tue, 24 Nov 2026 09:01:30 CET", now, &seconds));
    assert_false(http_retry_after("99999999999999999999", now, &seconds));
    assert_false(http_retry_after(NULL, now, &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent), cmocka_unit_test(test_path),
        cmocka_unit_test(test_query),   cmocka_unit_test(test_types),
        cmocka_unit_test(test_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
