/* Encodings: every letter both ways, every octet without one named. */
#include "support_format.h"

#include <string.h>

#include "base/buf.h"
#include "format/charset.h"

static const struct {
    const char *label, *name; /* name NULL: not known */
} labels[] = {
    { "windows-1251", "windows-1251" },
    { "Windows-1251", "windows-1251" },
    { "CP1251", "windows-1251" },
    { "utf-8", "UTF-8" },
    { "UTF8", "UTF-8" },
    { "latin1", "ISO-8859-1" },
    { "ISO-8859-16", "ISO-8859-16" },
    { "koi8-u", "KOI8-U" },
    { "cp866", "IBM866" },
    { "ISO-8859-12", NULL },
    { "UTF-16", NULL },
    { "UTF-7", NULL },
    { "ISO-2022-CN-EXT", NULL },
    { "windows-1251//TRANSLIT", NULL },
    { "", NULL },
    { " ", NULL },
};

static void test_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        const struct charset *charset = charset_find(str_of(labels[i].label));

        if ((charset == NULL) != (labels[i].name == NULL))
            fail_msg("%s", labels[i].label);
        if (charset != NULL)
            assert_string_equal(charset_name(charset), labels[i].name);
    }
}

/* octets in an encoding against UTF-8 */
static const struct {
    const char *charset, *octets, *text;
} pairs[] = {
    { "windows-1251", "\xC0\xED\xEA\xE5\xF2\xE0 \xB2\xA5", "Анкета ІҐ" },
    { "windows-1252", "Kor\xE7\xEB \x80", "Korçë €" },
    { "ISO-8859-2", "\xBAi \xE3", "şi ă" },
    { "ISO-8859-16", "\xBAi \xFE", "și ț" },
    { "IBM866", "\x80\xAD", "Ан" },
    { "KOI8-U", "\xE1\xA4", "Ає" },
    { "UTF-8", "plain \xD0\x96", "plain Ж" },
};

static void test_known_letters(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        const struct charset *charset = charset_find(str_of(pairs[i].charset));
        AUTO(buf_free) struct buf out = BUF_INIT(100), back = BUF_INIT(100);
        struct err err = { 0 };

        assert_true(charset_decode(charset, pairs[i].octets, strlen(pairs[i].octets),
                                   &out, &err));
        assert_string_equal(buf_str(&out), pairs[i].text);
        assert_true(charset_encode(charset, out.data, out.len, &back, &err));
        assert_string_equal(buf_str(&back), pairs[i].octets);
        assert_true(charset_fits(charset, pairs[i].text));
    }
}

static void test_every_octet_both_ways_or_refused(void **state)
{
    static const struct {
        const char *charset;
        unsigned letters; /* of the upper half */
    } sizes[] = { { "windows-1251", 127 }, { "windows-1252", 123 }, { "ISO-8859-1", 96 },
                  { "KOI8-U", 128 },       { "IBM866", 128 },       { "US-ASCII", 0 } };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const struct charset *charset = charset_find(str_of(sizes[i].charset));
        unsigned letters = 0;

        for (unsigned octet = 0; octet < 256; octet++) {
            AUTO(buf_free) struct buf out = BUF_INIT(8), back = BUF_INIT(8);
            char c = (char)octet;
            struct err err = { 0 };

            if (!charset_decode(charset, &c, 1, &out, &err)) {
                assert_code(&err, "charset.undecodable");
                continue;
            }
            letters += octet >= 0x80;
            assert_true(charset_encode(charset, out.data, out.len, &back, &err));
            assert_int_equal(back.len, 1);
            assert_memory_equal(back.data, &c, 1);
        }
        if (letters != sizes[i].letters)
            fail_msg("%s has %u letters", sizes[i].charset, letters);
    }
}

static void test_errors_say_where(void **state)
{
    const struct charset *cp1251 = charset_find(str_of("windows-1251"));
    AUTO(buf_free) struct buf out = BUF_INIT(100);
    struct err err = { 0 };
    uint32_t cp = 0;

    (void)state;
    assert_false(charset_decode(cp1251, "a\nb\n\xC8\x98", 6, &out, &err));
    assert_code(&err, "charset.undecodable");
    assert_non_null(strstr(
        err.text, "octet 0x98 at offset 5, line 3, has no letter in windows-1251"));
    assert_false(charset_decode(charset_utf8(), "ab\n\xBA", 4, &out, &err));
    assert_code(&err, "charset.utf8");
    assert_non_null(strstr(err.text, "octet 0xBA at offset 3, line 2"));
    assert_false(charset_encode(cp1251, "Aж\xC3\xAB", 5, &out, &err));
    assert_code(&err, "charset.unwritable");
    assert_non_null(strstr(err.text, "character U+00EB at position 2"));
    assert_int_equal(out.len, 0);
    assert_int_equal(charset_first_unfit(cp1251, "жë", 4, &cp), 1);
    assert_int_equal(cp, 0xEB);
    assert_false(charset_fits(cp1251, "ë"));
    assert_true(charset_fits(charset_utf8(), "ë😀"));
}

static void test_long_text_and_ceiling(void **state)
{
    const struct charset *cp1251 = charset_find(str_of("windows-1251"));
    AUTO(buf_free) struct buf out = BUF_INIT(40000), small = BUF_INIT(10);
    static char octets[20000];
    struct err err = { 0 };

    (void)state;
    memset(octets, '\xC0', sizeof octets);
    assert_true(charset_decode(cp1251, octets, sizeof octets, &out, &err));
    assert_int_equal(out.len, 40000);
    assert_memory_equal(out.data + 39998, "\xD0\x90", 2);
    assert_false(charset_decode(cp1251, octets, sizeof octets, &small, &err));
    assert_code(&err, "buf.too-large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_known_letters),
        cmocka_unit_test(test_every_octet_both_ways_or_refused),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_long_text_and_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
