/* Views, numbers, lists and dictionaries; UTF-8 and the two codecs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/str.h"
#include "base/utf8.h"

static void test_views(void **state)
{
    struct str rest = str_of("a,,b"), item;

    (void)state;
    assert_true(str_next(&rest, ',', &item) && str_is(item, "a"));
    assert_true(str_next(&rest, ',', &item) && str_is(item, ""));
    assert_true(str_next(&rest, ',', &item) && str_is(item, "b"));
    assert_false(str_next(&rest, ',', &item));
    rest = str_of("x,");
    assert_true(str_next(&rest, ',', &item) && str_is(item, "x"));
    assert_true(str_next(&rest, ',', &item) && str_is(item, ""));
    assert_false(str_next(&rest, ',', &item));
    assert_true(str_is(str_trim(str_of(" \t\r\na b\n ")), "a b"));
    assert_true(str_is(str_trim(str_of("  ")), ""));
    assert_true(str_is_nocase(str_of("Content-TYPE"), "content-type"));
    assert_false(str_is_nocase(str_of("a"), "b"));
    assert_false(str_is(str_of("ab"), "a"));
    assert_true(str_is(str_of(NULL), ""));
}

static void test_texts(void **state)
{
    (void)state;
    assert_true(text_eq(NULL, NULL));
    assert_false(text_eq(NULL, ""));
    assert_true(text_eq("a", "a"));
    assert_true(text_starts("urn:x", "urn:"));
    assert_false(text_starts("ur", "urn:"));
    assert_false(text_starts(NULL, "a"));
    assert_true(text_ends("a.json", ".json"));
    assert_false(text_ends("json", ".json"));
    assert_false(text_ends(NULL, "x"));
    assert_true(text_empty(NULL) && text_empty("") && !text_empty(" "));
    assert_true(octets_equal("abc", "abc", 3));
    assert_false(octets_equal("abc", "abd", 3));
}

static void test_numbers(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;

    (void)state;
    assert_true(str_u64(str_of("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(str_u64(str_of("18446744073709551616"), &u));
    assert_false(str_u64(str_of(""), &u));
    assert_false(str_u64(str_of("+1"), &u));
    assert_false(str_u64(str_of(" 1"), &u));
    assert_false(str_u64(str_of("1x"), &u));
    assert_true(u == UINT64_MAX); /* untouched by failures */
    assert_true(str_i64(str_of("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(str_i64(str_of("9223372036854775807"), &i) && i == INT64_MAX);
    assert_false(str_i64(str_of("9223372036854775808"), &i));
    assert_false(str_i64(str_of("-9223372036854775809"), &i));
    assert_false(str_i64(str_of("-"), &i));
    assert_false(str_i64(str_of("--1"), &i));
}

static void test_lists(void **state)
{
    AUTO(strlist_free) struct strlist list = { 0 };
    char name[16];

    (void)state;
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "n%d", i);
        strlist_add(&list, name);
    }
    assert_int_equal(list.count, 50);
    assert_string_equal(list.items[49], "n49");
    assert_true(strlist_has(&list, "n0"));
    assert_false(strlist_has(&list, "n50"));
}

static void test_dict_against_an_array(void **state)
{
    struct dict *dict = dict_new();
    static char values[500];
    bool in[500] = { false };
    size_t count = 0;
    uint32_t seed = 1;
    char key[16];

    (void)state;
    for (int step = 0; step < 20000; step++) {
        size_t k = (seed = seed * 1664525 + 1013904223) >> 8;
        bool add = k & 1;

        k = k / 2 % 500;
        snprintf(key, sizeof key, "key%zu", k);
        assert_ptr_equal(dict_set(dict, key, add ? &values[k] : NULL),
                         in[k] ? &values[k] : NULL);
        count += (size_t)add - (size_t)in[k];
        in[k] = add;
        assert_int_equal(dict_count(dict), count);
    }
    for (size_t k = 0; k < 500; k++) {
        snprintf(key, sizeof key, "key%zu", k);
        assert_ptr_equal(dict_get(dict, key), in[k] ? &values[k] : NULL);
    }
    assert_null(dict_get(dict, "absent"));
    dict_free(&dict);
    assert_null(dict);
}

static const struct {
    const char *name, *octets;
    ptrdiff_t bad;
} utf8_cases[] = {
    { "ascii", "plain text", -1 },
    { "two, three, four octets", "\xD0\x96\xE2\x82\xAC\xF0\x9F\x98\x80", -1 },
    { "last code point", "\xF4\x8F\xBF\xBF", -1 },
    { "beyond the last", "\xF4\x90\x80\x80", 0 },
    { "overlong slash", "a\xC0\xAF", 1 },
    { "overlong in three", "\xE0\x80\xAF", 0 },
    { "overlong in four", "\xF0\x80\x80\xAF", 0 },
    { "surrogate", "ab\xED\xA0\x80", 2 },
    { "before the surrogates", "\xED\x9F\xBF", -1 },
    { "lone continuation", "12345678\x80", 8 },
    { "cut off", "1234567\xD0", 7 },
    { "cut off in four", "\xF0\x9F\x98", 0 },
    { "five octets", "\xF8\x88\x80\x80\x80", 0 },
    { "windows-1251", "12345678901 \xC8\xE2\xE0\xED", 12 },
};

static void test_utf8_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(utf8_cases); i++)
        if (utf8_bad(utf8_cases[i].octets, strlen(utf8_cases[i].octets)) !=
            utf8_cases[i].bad)
            fail_msg("%s", utf8_cases[i].name);
}

static void test_utf8_round_trip_of_all(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp <= 0x110000; cp++) {
        char octets[4];
        size_t len = utf8_put(cp, octets);
        uint32_t back = 0;

        if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000)) {
            assert_int_equal(len, 0);
            continue;
        }
        if (utf8_next(octets, len, &back) != len || back != cp ||
            (len > 1 && utf8_next(octets, len - 1, &back) != 0))
            fail_msg("U+%04X", cp);
    }
}

static void test_utf8_counts_and_cuts(void **state)
{
    const char *text = "a\xD0\x96\xE2\x82\xAC!";

    (void)state;
    assert_int_equal(utf8_count(text), 4);
    assert_int_equal(utf8_cut(text, 0), 0);
    assert_int_equal(utf8_cut(text, 2), 3);
    assert_int_equal(utf8_cut(text, 3), 6);
    assert_int_equal(utf8_cut(text, 99), 7);
}

static const struct {
    const char *text, *octets; /* octets NULL: refused */
} base64_cases[] = {
    { "", "" },        { "Zg==", "f" },        { "Zm8=", "fo" },
    { "Zm9v", "foo" }, { "Zm9vYg==", "foob" }, { " Zm\t9v\r\nYmFy\n", "foobar" },
    { "Zg", NULL },    { "Zg=", NULL },        { "Zh==", NULL },
    { "Zm9=", NULL },  { "Z===", NULL },       { "=", NULL },
    { "====", NULL },  { "Zg==Zg==", NULL },   { "Zg==x", NULL },
    { "Zm9v!", NULL }, { "Zm9v=", NULL },      { "Zm-_", NULL },
};

static void test_base64(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(base64_cases); i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(100);
        struct err err = { 0 };
        const char *text = base64_cases[i].text, *want = base64_cases[i].octets;

        buf_adds(&out, "<");
        if (base64_decode(text, strlen(text), &out, &err) != (want != NULL))
            fail_msg("%s", text);
        assert_string_equal(out.data + 1,
                            want != NULL ? want : ""); /* failure adds nothing */
        if (want == NULL)
            assert_string_equal(err.code, "codec.base64");
    }
}

static void test_codecs_round_trip(void **state)
{
    unsigned char octets[256];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (unsigned char)(i * 7);
    for (size_t len = 0; len <= sizeof octets; len++) {
        AUTO(buf_free) struct buf text = BUF_INIT(1000), back = BUF_INIT(256);
        struct err err = { 0 };

        base64_add(&text, octets, len);
        assert_true(base64_decode(buf_str(&text), text.len, &back, &err));
        assert_int_equal(back.len, len);
        assert_memory_equal(buf_str(&back), octets, len);
        buf_clear(&text);
        buf_clear(&back);
        hex_add(&text, octets, len);
        assert_int_equal(text.len, 2 * len);
        assert_true(hex_decode(buf_str(&text), text.len, &back, &err));
        assert_memory_equal(buf_str(&back), octets, len);
    }
}

static void test_hex_refusals(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(2);
    struct err err = { 0 };

    (void)state;
    assert_false(hex_decode("abc", 3, &out, &err));
    assert_string_equal(err.code, "codec.hex");
    assert_false(hex_decode("ab0g", 4, &out, &err));
    assert_int_equal(out.len, 0);
    assert_true(hex_decode("aBfF", 4, &out, &err));
    assert_memory_equal(out.data, "\xAB\xFF", 2);
    assert_false(hex_decode("00", 2, &out, &err)); /* ceiling */
    assert_string_equal(err.code, "buf.too-large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_dict_against_an_array),
        cmocka_unit_test(test_utf8_table),
        cmocka_unit_test(test_utf8_round_trip_of_all),
        cmocka_unit_test(test_utf8_counts_and_cuts),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_codecs_round_trip),
        cmocka_unit_test(test_hex_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
