/* Memory and buffers: ceilings hold, nothing is half-added, secrets are wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

static void test_grows_to_the_ceiling_and_no_further(void **state)
{
    AUTO(buf_free) struct buf buf = BUF_INIT(1000);
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(buf_addc(&buf, 'a'));
    assert_int_equal(buf.len, 1000);
    assert_true(buf_check(&buf, "it", &err));
    assert_false(buf_addc(&buf, 'b'));
    assert_int_equal(buf.len, 1000);
    assert_int_equal(buf.data[1000], '\0');
    assert_false(buf_check(&buf, "the letter", &err));
    assert_string_equal(err.code, "buf.too-large");
    assert_string_equal(err.text, "the letter is over 1000 octets");
    assert_int_equal(err.kind, ERR_REJECT);
}

static void test_over_stays_until_cleared(void **state)
{
    AUTO(buf_free) struct buf buf = BUF_INIT(3);

    (void)state;
    assert_true(buf_adds(&buf, "ab"));
    assert_false(buf_adds(&buf, "cd"));
    assert_false(buf_addc(&buf, 'c')); /* would fit, but the whole is already wrong */
    assert_string_equal(buf_str(&buf), "ab");
    buf_clear(&buf);
    assert_true(buf_adds(&buf, "xyz"));
    assert_string_equal(buf_str(&buf), "xyz");
}

static void test_zero_ceiling_and_empty(void **state)
{
    AUTO(buf_free) struct buf none = BUF_INIT(0);
    char *text;

    (void)state;
    assert_string_equal(buf_str(&none), "");
    assert_true(buf_add(&none, NULL, 0));
    assert_true(buf_adds(&none, NULL));
    assert_false(buf_addc(&none, 'x'));
    text = buf_detach(&none);
    assert_string_equal(text, "");
    mem_free(&text);
    assert_null(text);
}

static void test_format_room_and_head(void **state)
{
    AUTO(buf_free) struct buf buf = BUF_INIT(64);
    char *room;

    (void)state;
    assert_true(buf_addf(&buf, "%s-%d", "id", 42));
    room = buf_room(&buf, 3);
    assert_non_null(room);
    memcpy(room, "abc", 3);
    buf_added(&buf, 3);
    assert_string_equal(buf.data, "id-42abc");
    buf_remove_head(&buf, 3);
    assert_string_equal(buf.data, "42abc");
    buf_remove_head(&buf, 5);
    assert_string_equal(buf.data, "");
    assert_null(buf_room(&buf, SIZE_MAX));
    assert_true(buf.over);
}

static void test_secret_is_overwritten(void **state)
{
    AUTO(buf_free) struct buf buf = BUF_SECRET_INIT(4096);

    (void)state;
    buf_adds(&buf, "secret");
    buf_remove_head(&buf, 5);
    assert_memory_equal(buf.data, "t\0\0\0\0\0", 6);
    for (int i = 0; i < 3000; i++) /* moves several times */
        buf_addc(&buf, 's');
    assert_int_equal(buf.len, 3001);
    buf_clear(&buf);
    for (size_t i = 0; i < buf.cap; i++)
        assert_int_equal(buf.data[i], 0);
}

static void test_memory_helpers(void **state)
{
    size_t cap = 0;
    int *many = NULL;
    AUTO(mem_free) char *a = mem_strndup("abcdef", 3);
    AUTO(mem_free) char *b = mem_printf("%s%d", a, 1);
    AUTO(mem_free) char *c = mem_dup("xy", 3);

    (void)state;
    assert_string_equal(a, "abc");
    assert_string_equal(b, "abc1");
    assert_string_equal(c, "xy");
    assert_null(mem_strdup(NULL));
    for (int i = 0; i < 100; i++) {
        many = mem_grow(many, (size_t)i, &cap, sizeof *many);
        many[i] = i;
    }
    assert_int_equal(many[99], 99);
    assert_true(cap >= 100);
    mem_wipe(many, 100 * sizeof *many);
    assert_int_equal(many[99], 0);
    mem_free(&many);
    assert_null(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_to_the_ceiling_and_no_further),
        cmocka_unit_test(test_over_stays_until_cleared),
        cmocka_unit_test(test_zero_ceiling_and_empty),
        cmocka_unit_test(test_format_room_and_head),
        cmocka_unit_test(test_secret_is_overwritten),
        cmocka_unit_test(test_memory_helpers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
