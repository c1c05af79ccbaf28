/* Labels of fields: every element has one in each language; ends of paths; wrong files. */
#include "support_model.h"

#include <string.h>

#include "base/str.h"
#include "format/xml.h"
#include "model/labels.h"

static struct labels *shipped(void)
{
    AUTO(buf_free) struct buf json = BUF_INIT(1);
    struct err err = { 0 };
    struct labels *labels;

    load("mappings/canonical/labels.json", &json);
    labels = labels_load(json.data, json.len, &err);
    if (labels == NULL)
        fail_msg("%s", err.text);
    return labels;
}

static void test_found(void **state)
{
    AUTO(labels_free) struct labels *labels = shipped();

    (void)state;
    assert_string_equal(labels_of(labels, "Person/Document/Status", "en"),
                        "Where the document is");
    assert_string_equal(labels_of(labels, "Trafficking/Status", "sq"),
                        "Statusi i viktimës");
    assert_string_equal(labels_of(labels, "Person/Name[type=legal]/Surname", "uk"),
                        "Прізвище");
    assert_string_equal(labels_of(labels, "Person/Sex", "gag"), "Sex");
    assert_string_equal(labels_of(labels, "Person/Sex", NULL), "Sex");
    assert_string_equal(labels_of(labels, "Person/ShoeSize", "ru"), "ShoeSize");
    assert_string_equal(labels_of(labels, "no path [", "ru"), "no path [");
}

static void test_every_element(void **state)
{
    static const char *const languages[] = { "en", "be", "ru", "ro", "uk", "sq" };
    AUTO(labels_free) struct labels *labels = shipped();
    struct path_table *table;

    (void)state;
    xml_init();
    table = shipped_paths();
    for (size_t i = 0; i < path_count(table); i++) {
        const struct path_row *row = path_at(table, i);

        for (size_t l = 0; !row->attribute && l < COUNT_OF(languages); l++) {
            const char *label = labels_of(labels, row->path, languages[l]);
            const char *slash = strrchr(row->path, '/');

            if (label >= row->path && label <= row->path + strlen(row->path))
                fail_msg("%s has no label (%s)", row->path, slash == NULL ? "" : slash);
        }
    }
    path_free(&table);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *code;
    } rows[] = {
        { "[]", "json.type" },
        { "{\"version\":\"1\"}", "json.missing" },
        { "{\"version\":\"1\",\"fields\":{\"A\":\"a\"}}", "json.type" },
        { "{\"version\":\"1\",\"fields\":{\"A\":{\"ru\":\"a\"}}}", "json.missing" },
        { "{\"version\":\"1\",\"fields\":{\"A\":{\"en\":\"a\",\"de\":\"a\"}}}",
          "json.unknown-key" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        AUTO(labels_free)
        struct labels *labels = labels_load(rows[i].text, strlen(rows[i].text), &err);

        assert_null(labels);
        assert_code(&err, rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_every_element),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
