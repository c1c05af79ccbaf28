/* Contradictions, gaps and ends are found, with file and line. */
#include "support_agreement.h"

#include "agreement/check.h"
#include "base/buf.h"
#include "model/findings.h"

#define MDUA   "agreements/MDUA-1.json"
#define COMMON "agreements/common.json"

struct row {
    const char *name, *id, *file, *part, *by, *now;
    const char *code, *clause, *says;
};

static struct row rows[] = {
    { "must and may", "MDUA-1", COMMON,
      "\"may\": [\"DOCS\", \"RISK\", \"NEEDS\", \"FAMILY\"]",
      "\"may\": [\"DOCS\", \"RISK\", \"NEEDS\", \"FAMILY\", \"IDENT\"]", NULL,
      "E-CONTRADICTION", "7(1)", "M01 both must and may carry IDENT" },
    { "more than the message type can carry", "MDUA-1", COMMON,
      "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\"]",
      "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\"], \"may\": [\"HEALTH\"]",
      NULL, "W-NO-EFFECT", "7(3)", "M03 can never carry HEALTH" },
    { "must what the type can never carry", "MDUA-1", COMMON,
      "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\"]",
      "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\", \"HEALTH\"]", NULL,
      "E-CONTRADICTION", "7(3)", NULL },
    { "a message without ADMIN", "MDUA-1", COMMON,
      "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\"]",
      "\"M03\": { \"clause\": \"7(3)\", \"must\": []", NULL, "E-CONTRADICTION", "7(3)",
      "ADMIN" },
    { "must what is left out", "BYMD-1", "agreements/BYMD-1.json",
      "\"category\": \"HEALTH\"", "\"category\": \"IDENT\"", NULL, "E-CONTRADICTION",
      "7(1)", "leaves out altogether" },
    { "no purpose covers it", "MDUA-1", COMMON, "\"categories\": [\"REINT\"]",
      "\"categories\": []", NULL, "E-CONTRADICTION", "7(17)", "no purpose" },
    { "a consent for no purpose of the agreement", "MDUA-1", MDUA, "\"zone\"",
      "\"purposes\": { \"TRACING\": null }, \"zone\"", NULL, "E-CONTRADICTION", "7(9)",
      "TRACING" },
    { "M01 without a base consent", "MDUA-1", COMMON,
      "\"M01\": { \"clause\": \"7(1)\", \"consent\": [\"RETURN\", \"ASSIST\"],",
      "\"M01\": { \"clause\": \"7(1)\",", NULL, "E-CLAUSE-MISSING", "7(1)",
      "base consent" },
    { "a field under a category not its own", "MDUA-1", COMMON,
      "\"RISK\": [\"Risk/Level\"],", "\"RISK\": [\"Health/FitToTravel\"],", NULL,
      "E-CONTRADICTION", "7(1)", "but it is HEALTH" },
    { "a required field that may not go", "MDUA-1", COMMON,
      "\"path\": \"Person/BirthDate\", \"use\": \"required\", \"messages\": [\"M01\"]",
      "\"path\": \"Health/FitToTravel\", \"use\": \"required\", \"messages\": [\"M01\"]",
      NULL, "E-CONTRADICTION", "8(3)", "required in M01" },
    { "a field decided twice", "MDUA-1", COMMON,
      "{ \"clause\": \"8(3)\", \"path\": \"Person/Name\",",
      "{ \"clause\": \"8(3)\", \"path\": \"Person/BirthDate\", \"use\": \"forbidden\" }, "
      "{ \"clause\": \"8(3)\", \"path\": \"Person/Name\",",
      NULL, "E-CONTRADICTION", "8(3)", "decided differently" },
    { "a message that nobody sends", "MDUA-1", COMMON,
      "\"M23\", \"M24\", \"M25\", \"M26\"] } ] },\n    \"consulate\"",
      "\"M23\", \"M25\", \"M26\"] } ] },\n    \"consulate\"", NULL, "W-NO-EFFECT",
      "7(24)", "no office may send M24" },
    { "a child signs", "MDUA-1", COMMON,
      "[\"PARENT\", \"GUARDIAN\", \"AUTHORITY\", \"COURT\"]", "[\"SELF\", \"GUARDIAN\"]",
      NULL, "W-NO-EFFECT", "5(3)", "signs for itself" },
    { "an adult may not", "MDUA-1", COMMON, "\"givers\": [\"SELF\"]",
      "\"givers\": [\"PARENT\"]", NULL, "E-CONTRADICTION", "5(2)", "adult" },
    { "majority is not at 18", "MDUA-1", COMMON, "\"below\": 18", "\"below\": 16", NULL,
      "E-CLAUSE-MISSING", "5(1)", "18" },
    { "a withdrawal that cannot be told", "MDUA-1", COMMON,
      "\"allows\": [\"M18\", \"M20\", \"M21\", \"M23\"]", "\"allows\": [\"M20\"]", NULL,
      "E-CONTRADICTION", "5(4)", "withdrawal" },
    { "a leg longer than the agreement", "MDUA-1", MDUA,
      "\"validTo\": \"2031-12-31\", \"onSuspension\": \"finish\" },",
      "\"validTo\": \"2032-12-31\", \"onSuspension\": \"finish\" },", NULL,
      "E-CONTRADICTION", "1(2)", "MD-UA" },
    { "a gap in the legal basis", "MDUA-1", "agreements/parties/MD.json",
      "\"from\": \"2026-08-23\"", "\"from\": \"2026-09-01\"", NULL, "E-CLAUSE-MISSING",
      "1(1)", "from 2026-08-23 on" },
    { "a legal basis that ends", "MDUA-1", "agreements/parties/UA.json",
      "\"from\": \"2011-01-01\"", "\"from\": \"2011-01-01\", \"to\": \"2030-01-01\"",
      NULL, "E-CLAUSE-MISSING", "1(1)", "from 2030-01-02 on" },
    { "no focal point above", "MDUA-1", MDUA, "\"party\": \"UA\", \"level\": 2",
      "\"party\": \"UA\", \"level\": 1", NULL, "W-CLAUSE-MISSING", "1(1)", "escalation" },
    { "three parties, nothing about the third", "ALMDUA-3", "agreements/ALMDUA-3.json",
      "\"thirdParty\": {", "\"//thirdParty\": {", NULL, "E-CLAUSE-MISSING", NULL,
      "third" },
    { "a form without a base consent", "MDUA-1",
      "agreements/forms/UA-napravlennia-2.0.json",
      "\"item\": \"Tsil=1\", \"purposes\": [\"RETURN\"]",
      "\"item\": \"Tsil=1\", \"purposes\": [\"STATS\"]", NULL, NULL, NULL, NULL },
    { "a form that only counts statistics", "BYMD-1", "agreements/forms/BY-anketa-1.json",
      "[\"RETURN\", \"IDENTITY\", \"ASSIST\"]", "[\"STATS\"]", NULL, "E-CONTRADICTION",
      NULL, "base consent" },
    { "a text decided before", "MDUA-1", "agreements/forms/MD-referral-1.2.json",
      "\"field\": \"notes\", \"messages\": [\"M01\", \"M19\"], \"category\": \"NEEDS\"",
      "\"field\": \"notes\", \"category\": \"NEEDS\"", NULL, "W-NO-EFFECT", "Annex MD 12",
      "decided by an entry before" },
    { "an exclusion and its purpose", "BYMD-1", "agreements/BYMD-1.json",
      "{ \"HEALTH\": null, ", "{ ", NULL, "W-NO-EFFECT", "3(5)", "leaves out" },
    { "an answer that does not exist", "MDUA-1", MDUA, "\"zone\"",
      "\"messages\": { \"M10\": null }, \"zone\"", NULL, "W-NO-EFFECT", "11(6)", "M10" },
    { "no procedure", "MDUA-1", COMMON, "\"procedure\":", "\"//procedure\":", NULL,
      "W-CLAUSE-MISSING", NULL, "procedure" },
    { "no calendar of next year", "MDUA-1", COMMON, "[2026, 2027]", "[2026]", NULL,
      "E-CALENDAR", "1(1)", "2027" },
    { "in summer next year may wait", "MDUA-1", COMMON, "[2026, 2027]", "[2026]",
      "2026-06-01T00:00:00Z", NULL, NULL, NULL },
    { "ends soon", "MDUA-1", MDUA, "\"to\": \"2031-12-31\", \"warnMonths\"",
      "\"to\": \"2027-03-01\", \"warnMonths\"", NULL, "W-EXPIRY", "2(1)", "97 days" },
    { "has ended", "MDUA-1", MDUA, "\"to\": \"2031-12-31\", \"warnMonths\"",
      "\"to\": \"2026-11-23\", \"warnMonths\"", NULL, "E-EXPIRED", "2(1)", "has ended" },
};

static const struct report_entry *found(const struct report *report,
                                        const struct row *row)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct report_entry *e = &report->items[i];

        if (text_eq(e->code, row->code) &&
            (row->says == NULL || strstr(e->text, row->says)))
            return e;
    }
    return NULL;
}

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(mem_free) char *text = test_file(row->file);
    AUTO(mem_free) char *edited = test_edit(text, row->part, row->by);
    AUTO(fileset_free) struct fileset *tree = test_tree_with(row->file, edited);
    AUTO(agreement_free) struct agreement *a = test_agreement_of(tree, row->id);
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf all = BUF_INIT(1024 * 1024);
    const struct report_entry *e;

    agreement_check(a, row->now != NULL ? AT(row->now) : NOW, &report);
    report_print(&report, &all);
    if (row->code == NULL) {
        if (report_errors(&report) + report_warnings(&report) > 0)
            fail_msg("%s", buf_str(&all));
        return;
    }
    e = found(&report, row);
    if (e == NULL)
        fail_msg("not found among:\n%s", buf_str(&all));
    assert_non_null(e->file);
    assert_true(text_starts(e->file, "agreements/"));
    assert_true(e->line > 0);
    assert_non_null(e->remedy);
    if (row->clause != NULL)
        assert_string_equal(e->rule, row->clause);
}

static void test_line(void **state)
{
    AUTO(mem_free) char *text = test_file(COMMON);
    AUTO(mem_free)
    char *edited =
        test_edit(text, "\"M03\": { \"clause\": \"7(3)\", \"must\": [\"ADMIN\"]",
                  "\"M03\": { \"clause\": \"7(3)\", \"must\": []");
    AUTO(fileset_free) struct fileset *tree = test_tree_with(COMMON, edited);
    AUTO(agreement_free) struct agreement *a = test_agreement_of(tree, "MDUA-1");
    AUTO(report_free) struct report report = { 0 };
    unsigned line = 1;

    (void)state;
    for (const char *c = edited; c < strstr(edited, "\"M03\": {"); c++)
        line += *c == '\n';
    agreement_check(a, NOW, &report);
    assert_int_equal(report.items[0].line, line);
    assert_string_equal(report.items[0].file, COMMON);
}

int main(void)
{
    static struct CMUnitTest tests[COUNT_OF(rows) + 1];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                          .test_func = test_row,
                                          .initial_state = &rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_line);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_end();
    return failed;
}
