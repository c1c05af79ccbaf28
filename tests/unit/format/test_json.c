/* JSON: strict reading, reads that say where, positions, one way of writing. */
#include "support_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "format/json.h"

struct row {
    const char *name, *text;
    const char *code; /* NULL: accepted */
    const char *says;
};

static struct row rows[] = {
    { "object", "{\"a\": [1, 2.5, true, null, \"\\u0416\\ud83d\\ude00\"]}", NULL, NULL },
    { "array", "[]", NULL, NULL },
    { "mark", "\xEF\xBB\xBF{}", NULL, NULL },
    { "brackets in a string", "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{\"]",
      NULL, NULL },
    { "empty", "", "json.malformed", "line 1" },
    { "scalar", "5", "json.malformed", NULL },
    { "duplicate key", "{\"a\":1,\n\"a\":2}", "json.duplicate", "line 2" },
    { "trailing text", "{} x", "json.malformed", "after the end" },
    { "trailing comma", "[1,]", "json.malformed", NULL },
    { "cut off", "{\"a\":", "json.malformed", "ends before" },
    { "comment", "{/* x */}", "json.malformed", NULL },
    { "NUL in text", "[\"\\u0000\"]", "json.malformed", "\\u0000" },
    { "NUL in a key", "{\"\\u0000\":1}", "json.malformed", "\\u0000" },
    { "lone surrogate", "[\"\\ud800 Ivanova\"]", "json.malformed", NULL },
    { "huge integer", "[99999999999999999999]", "json.malformed", "number" },
    { "huge real", "[1e999]", "json.malformed", "number" },
    { "leading zero", "[012]", "json.malformed", NULL },
    { "NaN", "[NaN]", "json.malformed", NULL },
    { "control in a string", "[\"a\nIvanova\"]", "json.malformed", NULL },
    { "missing quote", "{\"name\": \"Ivanova, \"b\": 1}", "json.malformed", NULL },
    { "missing comma", "{\"a\": \"x\" Ivanova}", "json.malformed", NULL },
    { "not UTF-8", "{\"a\":\n\"\xBA\"}", "charset.utf8",
      "octet 0xBA at offset 7, line 2" },
    { "overlong", "[\"\xC0\xAF\"]", "charset.utf8", NULL },
    { "33 deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
      "json.too-deep", "line 1" },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct err err = { 0 };
    AUTO(json_drop) json_t *value = json_parse(row->text, strlen(row->text), NULL, &err);

    if (row->code == NULL) {
        if (value == NULL)
            fail_msg("%s", err.text);
        return;
    }
    assert_null(value);
    assert_code(&err, row->code);
    assert_int_equal(err.kind, ERR_REJECT);
    assert_null(strstr(err.text, "Ivanova"));
    if (row->says != NULL && strstr(err.text, row->says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, row->says);
}

static void test_size_and_number_of_values(void **state)
{
    const struct json_limits limits = { 20, 4, 5 };
    struct err err = { 0 };
    json_t *value;

    (void)state;
    value = json_parse("[1,2,3,4,5]", 11, &limits, &err);
    assert_non_null(value);
    json_drop(&value);
    assert_null(value);
    assert_null(json_parse("[1,2,3,4,5,6]", 13, &limits, &err));
    assert_code(&err, "json.too-many");
    assert_null(json_parse("[1,2          ,3,4,5]", 21, &limits, &err));
    assert_code(&err, "json.too-large");
}

static const char config[] = "{\n"                                  /* 1 */
                             " \"//\": \"a remark\",\n"             /* 2 */
                             " \"name\": \"x\", \"empty\": \"\",\n" /* 3 */
                             " \"count\": 7, \"on\": true,\n"       /* 4 */
                             " \"colour\": \"gren\",\n"             /* 5 */
                             " \"list\": [\n"                       /* 6 */
                             "   { \"a/b\": {\n"                    /* 7 */
                             "      \"til~de\": \"secret\" } },\n"  /* 8 */
                             "   \"two\"\n"                         /* 9 */
                             " ]\n"                                 /* 10 */
                             "}\n";

static struct json_doc *doc_of(const char *text)
{
    struct err err = { 0 };
    struct json_doc *doc =
        json_doc_parse("conf/x.json", text, strlen(text), ERR_CONFIG, NULL, &err);

    if (doc == NULL)
        fail_msg("%s", err.text);
    return doc;
}

static void test_typed_reads(void **state)
{
    AUTO(json_doc_free) struct json_doc *doc = doc_of(config);
    static const char *const colours[] = { "red", "green", NULL };
    static const char *const shades[] = { "gren", NULL };
    struct json_at root = json_root(doc), list, absent = { 0 };
    const char *text = "unset";
    struct err err = { 0 };
    int64_t n = -1;
    bool on = false;
    int word = 9;

    (void)state;
    assert_true(json_need_string(&root, "name", &text, &err));
    assert_string_equal(text, "x");
    assert_true(json_may_string(&root, "absent", &text, &err));
    assert_string_equal(text, "x");
    assert_true(json_may_string(&root, "empty", &text, &err));
    assert_true(json_need_int(&root, "count", 0, 7, &n, &err) && n == 7);
    assert_true(json_may_int(&root, "absent", 0, 1, &n, &err) && n == 7);
    assert_true(json_need_bool(&root, "on", &on, &err) && on);
    assert_true(json_may_bool(&root, "absent", &on, &err) && on);
    assert_true(json_need_word(&root, "colour", shades, &word, &err) && word == 0);
    assert_true(json_may_word(&root, "absent", colours, &word, &err) && word == 0);
    assert_true(json_need_array(&root, "list", &list, &err));
    assert_int_equal(json_items(&list), 2);
    assert_true(json_may_array(&root, "absent", &absent, &err));
    assert_null(absent.value);
    assert_int_equal(json_items(&absent), 0);
    assert_true(json_may_object(&root, "absent", &absent, &err));
    assert_null(absent.value);
}

static void expect(bool done, const struct err *err, const char *code, const char *text)
{
    assert_false(done);
    assert_code(err, code);
    assert_int_equal(err->kind, ERR_CONFIG);
    assert_string_equal(err->text, text);
}

static void test_reads_that_fail_say_where(void **state)
{
    AUTO(json_doc_free) struct json_doc *doc = doc_of(config);
    static const char *const colours[] = { "red", "green", NULL };
    struct json_at root = json_root(doc), list, item, inner, deep;
    struct err err = { 0 };
    const char *text = NULL;
    int64_t n = -1;
    bool on = false;
    int word = -1;

    (void)state;
    expect(json_need_string(&root, "nme", &text, &err), &err, "json.missing",
           "conf/x.json:1: /nme: a string is required here");
    expect(json_need_string(&root, "empty", &text, &err), &err, "json.range",
           "conf/x.json:3: /empty: the string may not be empty");
    expect(json_need_string(&root, "count", &text, &err), &err, "json.type",
           "conf/x.json:4: /count: a string is required here, not a number");
    expect(json_need_int(&root, "count", 8, 9, &n, &err), &err, "json.range",
           "conf/x.json:4: /count: a number from 8 to 9 is required here");
    expect(json_may_int(&root, "on", 8, 9, &n, &err), &err, "json.type",
           "conf/x.json:4: /on: a whole number is required here, not true");
    expect(json_need_bool(&root, "list", &on, &err), &err, "json.type",
           "conf/x.json:6: /list: true or false is required here, not an array");
    expect(json_need_word(&root, "colour", colours, &word, &err), &err, "json.word",
           "conf/x.json:5: /colour: one of \"red\", \"green\" is required here (did you "
           "mean "
           "\"green\"?)");
    expect(json_need_object(&root, "list", &item, &err), &err, "json.type",
           "conf/x.json:6: /list: an object is required here, not an array");
    assert_true(json_need_array(&root, "list", &list, &err));
    item = json_item(&list, 1);
    expect(json_is_object_at(&item, &err), &err, "json.type",
           "conf/x.json:9: /list/1: an object is required here, not a string");
    item = json_item(&list, 0);
    assert_true(json_is_object_at(&item, &err));
    assert_true(json_need_object(&item, "a/b", &inner, &err));
    deep = json_member(&inner, "til~de");
    assert_int_equal(json_at_line(&deep), 8);
    expect(json_need_int(&inner, "til~de", 0, 1, &n, &err), &err, "json.type",
           "conf/x.json:8: /list/0/a~1b/til~0de: a whole number is required here, not a "
           "string");
    expect(json_only_keys(&inner, JSON_KEYS("tilde"), &err), &err, "json.unknown-key",
           "conf/x.json:8: /list/0/a~1b/til~0de: this key is not known; did you mean "
           "\"tilde\"?");
    assert_true(json_only_keys(
        &root, JSON_KEYS("name", "empty", "count", "on", "colour", "list"), &err));
}

static void test_lines_of_pointers(void **state)
{
    static const struct {
        const char *pointer;
        unsigned line;
    } places[] = { { "", 1 },          { "/name", 3 },   { "/colour", 5 },
                   { "/list", 6 },     { "/list/0", 7 }, { "/list/0/a~1b/til~0de", 8 },
                   { "/list/1", 9 },   { "/list/2", 6 }, { "/list/01", 6 },
                   { "/absent/x", 1 }, { "/name/x", 3 } };
    static const char escaped[] = "[ 1,\n{\"\\u0416\\ud83d\\ude00\\n\\\"\":\n5}]";

    (void)state;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (json_line_of(config, sizeof config - 1, places[i].pointer) != places[i].line)
            fail_msg("%s", places[i].pointer);
    assert_int_equal(json_line_of(escaped, sizeof escaped - 1, "/1/Ж😀\n\""), 3);
    for (size_t len = 0; len < sizeof config; len++) { /* broken text does no harm */
        AUTO(mem_free) char *exact = mem_dup(config, len);

        assert_true(json_line_of(exact, len, "/list/0/a~1b/til~0de") <= 8);
    }
}

static void test_find_and_nearest(void **state)
{
    AUTO(json_doc_free) struct json_doc *doc = doc_of(config);
    static const char *const words[] = { "headTime", "bodyTime", "listen", NULL };

    (void)state;
    assert_string_equal(json_string_value(json_find(doc->root, "/list/0/a~1b/til~0de")),
                        "secret");
    assert_ptr_equal(json_find(doc->root, ""), doc->root);
    assert_null(json_find(doc->root, "/list/9"));
    assert_null(json_find(doc->root, "list"));
    assert_string_equal(json_nearest("headtimes", words), "headTime");
    assert_string_equal(json_nearest("lisetn", words), "listen");
    assert_null(json_nearest("colour", words));
    assert_null(json_nearest(NULL, words));
}

static void test_printing(void **state)
{
    static const char text[] =
        "{\"b\": [1, {\"z\": null, \"a\": \"Ж/\\u0001\"}], \"a\": 0.1}";
    struct err err = { 0 };
    AUTO(json_drop) json_t *value = json_parse(text, sizeof text - 1, NULL, &err);
    AUTO(buf_free)
    struct buf out = BUF_INIT(200), small = BUF_INIT(10), pretty = BUF_INIT(200);

    (void)state;
    json_print(value, &out);
    assert_string_equal(
        out.data,
        "{\"a\":0.10000000000000001,\"b\":[1,{\"a\":\"Ж/\\u0001\",\"z\":null}]}");
    json_print_pretty(value, &pretty);
    assert_non_null(strstr(pretty.data, "{\n  \"b\": [\n    1,"));
    assert_string_equal(pretty.data + pretty.len - 2, "}\n");
    json_print(value, &small);
    assert_false(buf_check(&small, "json", &err));
}

static void test_files(void **state)
{
    char path[] = "/tmp/trm-json-XXXXXX";
    int fd = mkstemp(path);
    struct err err = { 0 };
    AUTO(json_doc_free) struct json_doc *doc = NULL;

    (void)state;
    assert_int_equal(write(fd, "{\"a\": }", 7), 7);
    assert_null(json_doc_load(path, NULL, &err));
    assert_code(&err, "json.malformed");
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(pwrite(fd, "{\"a\":1}", 7, 0), 7);
    doc = json_doc_load(path, NULL, &err);
    assert_non_null(doc);
    assert_string_equal(doc->name, path);
    close(fd);
    unlink(path);
    assert_null(json_doc_load(path, NULL, &err));
    assert_code(&err, "file.absent");
}

static void test_truncation_and_mutation(void **state)
{
    struct dice dice = { 3 };

    (void)state;
    for (size_t len = 0; len < sizeof config - 3; len++) {
        AUTO(mem_free) char *exact = mem_dup(config, len);
        struct err err = { 0 };

        assert_null(json_parse(exact, len, NULL, &err));
        assert_code(&err, err.code);
    }
    for (int i = 0; i < 5000; i++) {
        char text[sizeof config];
        struct err err = { 0 };
        AUTO(json_drop) json_t *value = NULL;

        memcpy(text, config, sizeof text);
        dice_mutate(&dice, text, sizeof config - 1);
        value = json_parse(text, sizeof config - 1, NULL, &err);
        assert_true(value != NULL || err.code != NULL);
        json_line_of(text, sizeof config - 1, "/list/0/a~1b/til~0de");
    }
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_size_and_number_of_values),
        cmocka_unit_test(test_typed_reads),
        cmocka_unit_test(test_reads_that_fail_say_where),
        cmocka_unit_test(test_lines_of_pointers),
        cmocka_unit_test(test_find_and_nearest),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_truncation_and_mutation),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(rows)];

    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[COUNT_OF(single) + i] = (struct CMUnitTest){ .name = rows[i].name,
                                                           .test_func = test_row,
                                                           .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
