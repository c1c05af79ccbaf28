/* Errors keep their code and place, are cut whole, and take context in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/utf8.h"

static void test_set_fills_all(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(
        err_set(&err, ERR_REJECT, "test.code", "part %s: over %d levels", "a", 3));
    assert_int_equal(err.kind, ERR_REJECT);
    assert_string_equal(err.code, "test.code");
    assert_string_equal(err.text, "part a: over 3 levels");
    assert_non_null(strstr(err.file, "test_err.c"));
    assert_true(err.line > 0);
}

static void test_context_goes_in_front(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, ERR_RETRY, "test.code", "no space");
    assert_false(err_context(&err, "writing %s", "x"));
    assert_false(err_context(&err, "message %d", 7));
    assert_string_equal(err.text, "message 7: writing x: no space");
    assert_string_equal(err.code, "test.code");
    assert_int_equal(err.kind, ERR_RETRY);
}

static void test_own_text_may_be_an_argument(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, ERR_BUG, "test.a", "inner");
    err_set(&err, ERR_CONFIG, "test.b", "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void test_long_text_is_cut_between_characters(void **state)
{
    char word[1001];
    struct err err = { 0 };

    (void)state;
    for (int shift = 0; shift < 2; shift++) { /* two-octet letters at both parities */
        for (size_t i = 0; i + 1 < sizeof word; i += 2)
            memcpy(word + i, "\xD0\x96", 2);
        word[1000] = '\0';
        err_set(&err, ERR_BUG, "test.long", "%.*s%s", shift, "x", word);
        assert_true(strlen(err.text) < sizeof err.text);
        assert_string_equal(err.text + strlen(err.text) - 3, "...");
        assert_int_equal(utf8_bad(err.text, strlen(err.text)), -1);
        err_context(&err, "%.*s", shift + 1, "ab");
        assert_int_equal(utf8_bad(err.text, strlen(err.text)), -1);
        assert_string_equal(err.text + strlen(err.text) - 3, "...");
    }
}

static void test_every_kind_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(err_kind_name(ERR_NONE), "none");
    assert_string_equal(err_kind_name(ERR_BUG), "bug");
    assert_string_equal(err_kind_name(ERR_DENIED), "denied");
    assert_string_equal(err_kind_name((enum err_kind)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_all),
        cmocka_unit_test(test_context_goes_in_front),
        cmocka_unit_test(test_own_text_may_be_an_argument),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
        cmocka_unit_test(test_every_kind_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
