/* The list of travelling bodies: what is written reads back, and nothing else reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "exchange/attachment.h"
#include "exchange/parts.h"

static void print(const struct part_list *list, struct buf *out)
{
    *out = (struct buf)BUF_INIT(PARTS_TEXT_MAX);
    parts_print(list, out);
    assert_true(out->len > 0);
}

static void test_round(void **state)
{
    struct part_list list = { 0 }, again = { 0 };
    struct buf text;
    struct err err = { 0 };

    (void)state;
    parts_add(&list, "canonical", "application/xml", "UTF-8", NULL, AS4_COMPRESS_AUTO);
    parts_add(&list, "attachment/a1", "application/pdf", NULL,
              "\"\xd1\x81\xd0\xba\xd0\xb0\xd0\xbd\".pdf", AS4_COMPRESS_NO);
    parts_add(&list, "attachment/2", "image/jpeg", NULL, NULL, AS4_COMPRESS_YES);
    parts_add(&list, "attachment/3", "application/gzip", NULL, NULL, AS4_COMPRESSED);
    print(&list, &text);
    assert_true(parts_parse(buf_str(&text), text.len, &again, &err));
    assert_int_equal(again.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(again.items[i].body, list.items[i].body);
        assert_string_equal(again.items[i].mime_type, list.items[i].mime_type);
        assert_true(text_eq(again.items[i].charset, list.items[i].charset) ||
                    (again.items[i].charset == NULL && list.items[i].charset == NULL));
        assert_true(
            text_eq(again.items[i].file_name, list.items[i].file_name) ||
            (again.items[i].file_name == NULL && list.items[i].file_name == NULL));
        assert_int_equal(again.items[i].compress, list.items[i].compress);
    }
    parts_free(&list);
    parts_free(&again);
    buf_free(&text);
}

static void test_empty(void **state)
{
    struct part_list list = { 0 }, again = { 0 };
    struct buf text;
    struct err err = { 0 };

    (void)state;
    print(&list, &text);
    assert_true(parts_parse(buf_str(&text), text.len, &again, &err));
    assert_int_equal(again.count, 0);
    buf_free(&text);
}

static const struct {
    const char *text, *code;
} wrong[] = {
    { "[{\"body\":\"canonical\",\"type\":\"application/xml\",\"compress\":\"maybe\"}]",
      "parts.form" },
    { "[{\"body\":\"canonical\",\"compress\":\"no\"}]", "parts.form" },
    { "[{\"type\":\"application/xml\",\"compress\":\"no\"}]", "parts.form" },
    { "[{\"body\":\"canonical\",\"type\":\"application/xml\"}]", "parts.form" },
    { "[{\"body\":1,\"type\":\"application/xml\",\"compress\":\"no\"}]", "parts.form" },
    { "[\"canonical\"]", "parts.form" },
    { "{\"body\":\"canonical\",\"type\":\"application/xml\",\"compress\":\"no\"}",
      "parts.form" },
    { "[", "json.malformed" },
    { "", "json.malformed" },
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct part_list list = { 0 };
        struct err err = { 0 };

        if (parts_parse(wrong[i].text, strlen(wrong[i].text), &list, &err))
            fail_msg("read: %s", wrong[i].text);
        assert_string_equal(err.code, wrong[i].code);
        assert_int_equal(list.count, 0);
        assert_null(list.items);
    }
}

/* A good entry before a bad one is let go of again (the leak checker looks). */
static void test_half(void **state)
{
    static const char text[] =
        "[{\"body\":\"a\",\"type\":\"b/c\",\"compress\":\"no\"},{\"body\":\"a\"}]";
    struct part_list list = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_false(parts_parse(text, sizeof text - 1, &list, &err));
    assert_string_equal(err.code, "parts.form");
    assert_null(list.items);
}

/* Cut at every length: never a list that is not the whole one. */
static void test_cut(void **state)
{
    struct part_list list = { 0 };
    struct buf text;

    (void)state;
    parts_add(&list, "canonical", "application/xml", "UTF-8", NULL, AS4_COMPRESS_AUTO);
    parts_add(&list, "attachment/1", "image/png", NULL, "a.png", AS4_COMPRESS_NO);
    print(&list, &text);
    for (size_t len = 0; len < text.len; len++) {
        struct part_list again = { 0 };
        struct err err = { 0 };

        assert_false(parts_parse(buf_str(&text), len, &again, &err));
        assert_null(again.items);
    }
    parts_free(&list);
    buf_free(&text);
}

/* --- what a content is ---------------------------------------------------------------------- */

#define OCTETS(text) text, sizeof(text) - 1

static const struct {
    const char *octets;
    size_t len;
    const char *type;
} contents[] = {
    { OCTETS("%PDF-1.7\n..."), "application/pdf" },
    { OCTETS("\xFF\xD8\xFF\xE0\0\x10JFIF"), "image/jpeg" },
    { OCTETS("\x89PNG\r\n\x1A\n...."), "image/png" },
    { OCTETS("II*\0...."), "image/tiff" },
    { OCTETS("MM\0*...."), "image/tiff" },
    { OCTETS("PK\x03\x04...."), "application/zip" },
    { OCTETS("\x1F\x8B\x08"), "application/gzip" },
    { OCTETS("MZ\x90\0"), "application/x-dosexec" },
    { OCTETS("\x7F"
             "ELF\x02\x01"),
      "application/x-elf" },
    { OCTETS("#!/bin/sh\n"), "text/x-script" },
    { OCTETS("<?xml version=\"1.0\"?>"), "application/xml" },
    { OCTETS("<html><body>"), "text/html" },
    { OCTETS("<!DOCTYPE html>"), "text/html" },
    { OCTETS("<!doctype HTML>"), "text/html" },
    { OCTETS("<HTML><script>"), "text/html" },
    { OCTETS("  \r\n<html>"), "text/html" },
    { OCTETS("\xEF\xBB\xBF<html>"), "text/html" },
    { OCTETS("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "application/x-ole-storage" },
    { OCTETS("plain words, \xd1\x82\xd0\xb0\xd0\xba"), "text/plain" },
    { OCTETS("a\tb\r\nc\n"), "text/plain" },
    { OCTETS("a\0b"), "application/octet-stream" },
    { OCTETS("\x01\x02\x03"), "application/octet-stream" },
    { OCTETS(""), "application/octet-stream" },
    /* The first octets of a type, one short of it. */
    { OCTETS("%PDF"), "text/plain" },
    { OCTETS("\xFF\xD8"), "text/plain" },
    { OCTETS("\x89PNG\r\n\x1A"), "application/octet-stream" },
    { OCTETS("P"), "text/plain" },
};

static void test_sniff(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        const char *found = attachment_sniff(contents[i].octets, contents[i].len);

        if (strcmp(found, contents[i].type) != 0)
            fail_msg("content %zu is %s, not %s", i, found, contents[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_half),
        cmocka_unit_test(test_cut),   cmocka_unit_test(test_sniff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
