/* Reports: kept once, counted by severity, printed with place and remedy, never beyond a ceiling. */
#include "support_model.h"

#include <string.h>

#include "format/finding.h"
#include "format/json.h"
#include "model/findings.h"

static void test_printed(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf out = BUF_INIT(4096);

    (void)state;
    report_add(&report, &(struct report_entry){ .code = "E-CODE-UNKNOWN",
                                                .file = "in.xml",
                                                .line = 12,
                                                .field = "Анкета/ВидЭксплуатации",
                                                .label = "Вид эксплуатации",
                                                .rule = "BY 6",
                                                .text = "no code of the list",
                                                .remedy = "use one of 01 to 09" });
    report_add(&report,
               &(struct report_entry){ .code = "W-CHECK-DIGIT", .text = "wrong letter" });
    report_print(&report, &out);
    assert_string_equal(
        buf_str(&out),
        "in.xml:12: error E-CODE-UNKNOWN: Вид эксплуатации (Анкета/ВидЭксплуатации): no "
        "code of "
        "the list [BY 6]; use one of 01 to 09\nwarning W-CHECK-DIGIT: wrong letter\n");
    assert_int_equal(report_errors(&report), 1);
    assert_int_equal(report_warnings(&report), 1);
    assert_true(report_has(&report, "W-CHECK-DIGIT"));
    assert_false(report_has(&report, "W-NAME-SPLIT"));
}

static void test_json(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf out = BUF_INIT(4096);
    AUTO(json_drop) json_t *json = NULL;

    (void)state;
    report_addf(&report,
                &(struct report_entry){ .code = "I-NORMALISED", .field = "surname" },
                "%d letters", 2);
    json = report_json(&report);
    json_print(json, &out);
    assert_string_equal(buf_str(&out),
                        "[{\"code\":\"I-NORMALISED\",\"field\":\"surname\","
                        "\"severity\":\"info\",\"text\":\"2 letters\"}]");
    assert_int_equal(report_errors(&report), 0);
}

static void test_once(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(report_free) struct report other = { 0 };
    struct report_entry entry = {
        .code = "E-DATE", .line = 3, .field = "f", .text = "t"
    };

    (void)state;
    report_add(&report, &entry);
    report_add(&report, &entry);
    assert_int_equal(report.count, 1);
    entry.line = 4;
    report_add(&report, &entry);
    assert_int_equal(report.count, 2);
    report_append(&other, &report);
    report_append(&other, &report);
    assert_int_equal(other.count, 2);
}

static void test_schema(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(findings_free) struct findings findings = { 0 };

    (void)state;
    findings_add(&findings, "Osoba/PIB", 7, "maxLength", "прізвище", "over %d characters",
                 255);
    report_add_schema(&report, "in.xml", &findings);
    assert_int_equal(report_errors(&report), 1);
    assert_string_equal(report.items[0].code, "E-SCHEMA");
    assert_string_equal(report.items[0].field, "Osoba/PIB");
    assert_string_equal(report.items[0].label, "прізвище");
    assert_string_equal(report.items[0].rule, "maxLength");
    assert_int_equal(report.items[0].line, 7);
}

static void test_ceiling(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 20);

    (void)state;
    for (unsigned i = 1; i <= REPORT_MAX + 7; i++)
        report_add(&report,
                   &(struct report_entry){ .code = "E-DATE", .line = i, .text = "t" });
    assert_int_equal(report.count, REPORT_MAX);
    assert_int_equal(report.dropped, 7);
    assert_int_equal(report_errors(&report), REPORT_MAX + 7);
    report_print(&report, &out);
    assert_non_null(strstr(buf_str(&out), "and 7 more\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printed), cmocka_unit_test(test_json),
        cmocka_unit_test(test_once),    cmocka_unit_test(test_schema),
        cmocka_unit_test(test_ceiling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
