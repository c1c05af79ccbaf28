/* The eight shipped agreements: they load, check clean, and say what their tables promise. */
#include "support_agreement.h"

#include "agreement/check.h"
#include "base/buf.h"
#include "format/xml.h"
#include "model/findings.h"
#include "model/referral.h"

static const char *const ids[] = { "MDUA-1", "ALMD-1",   "ALUA-1",   "BYMD-1",
                                   "BYUA-1", "MDUABY-3", "ALMDUA-3", "IOM-RELAY" };

static void test_all_are_there(void **state)
{
    AUTO(fileset_free) struct fileset *tree = test_tree();
    AUTO(strlist_free) struct strlist found = { 0 };

    (void)state;
    agreement_ids(tree, &found);
    assert_int_equal(found.count, COUNT_OF(ids));
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_true(strlist_has(&found, ids[i]));
}

static void test_check_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        AUTO(report_free) struct report report = { 0 };
        AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);

        agreement_check(test_agreement(ids[i]), NOW, &report);
        report_print(&report, &text);
        if (report_errors(&report) + report_warnings(&report) > 0)
            fail_msg("%s:\n%s", ids[i], buf_str(&text));
    }
}

static void test_marked_fictional(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_non_null(agreement_notice(test_agreement(ids[i])));
        assert_non_null(strstr(agreement_notice(test_agreement(ids[i])), "Fictional"));
    }
}

static size_t active_legs(const struct agreement *a)
{
    size_t n = 0;

    for (size_t i = 0; i < agreement_leg_count(a); i++)
        n += agreement_leg_at(a, i)->state == LEG_ACTIVE;
    return n;
}

static void test_legs(void **state)
{
    static const size_t want[] = { 2, 2, 2, 2, 0, 4, 6, 8 };
    size_t all = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(active_legs(test_agreement(ids[i])), want[i]);
        all += want[i];
    }
    assert_int_equal(all, 26);
    assert_int_equal(agreement_leg(test_agreement("MDUABY-3"), "BY", "UA")->state,
                     LEG_SUSPENDED);
    assert_int_equal(agreement_leg(test_agreement("MDUABY-3"), "UA", "BY")->state,
                     LEG_SUSPENDED);
    assert_null(agreement_leg(test_agreement("IOM-RELAY"), "AL", "BY"));
}

static void test_offices(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");
    const struct agreement_leg *leg = agreement_leg_between(a, "UA-CONS", "MD-COORD");

    (void)state;
    assert_string_equal(agreement_office(a, "MD-COORD")->gateway, "MD-GW1");
    assert_string_equal(agreement_office(a, "MD-COORD")->party->id, "MD");
    assert_string_equal(agreement_office(a, "UA-NSS")->role, "social");
    assert_null(agreement_office(a, "UA-NSS")->gateway);
    assert_null(agreement_office(a, "BY-COORD"));
    assert_null(agreement_office(a, NULL));
    assert_string_equal(leg->from, "UA");
    assert_string_equal(leg->to, "MD");
    assert_null(agreement_leg_between(a, "MD-CONS", "MD-COORD"));
    assert_true(agreement_has_gateway(a, "UA-GW1"));
    assert_false(agreement_has_gateway(a, "BY-GW1"));
}

/* The law changes on 23 August 2026: that is data. */
static void test_legal_basis_switches(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");

    (void)state;
    assert_non_null(strstr(agreement_legal_basis(a, "MD", (struct civil){ 2026, 8, 22 }),
                           "133/2011"));
    assert_non_null(strstr(agreement_legal_basis(a, "MD", (struct civil){ 2026, 8, 23 }),
                           "195/2024"));
    assert_null(agreement_legal_basis(a, "MD", (struct civil){ 2001, 1, 1 }));
    assert_null(agreement_legal_basis(a, "XX", (struct civil){ 2026, 8, 23 }));
    assert_string_equal(agreement_transfer_basis(test_agreement("BYMD-1"), "BY",
                                                 (struct civil){ 2026, 8, 23 }),
                        "EXPLICIT_CONSENT");
}

static void test_validity(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");

    (void)state;
    /* midnight in Chisinau, two hours before UTC's in winter */
    assert_int_equal(agreement_from_ms(a), AT("2025-12-31T22:00:00Z"));
    assert_int_equal(agreement_until_ms(a), AT("2031-12-31T22:00:00Z"));
}

static void test_small_questions(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");

    (void)state;
    assert_true(agreement_media_allowed(a, "application/pdf"));
    assert_false(agreement_media_allowed(a, "application/x-msdownload"));
    assert_false(agreement_media_allowed(a, NULL));
    assert_string_equal(agreement_list_version(a, "victim_status"), "1");
    assert_null(agreement_list_version(a, "horoscope"));
    assert_string_equal(agreement_unknown_code(a), "reject");
    assert_true(agreement_algorithm_allowed(a, "TLSv1.3"));
    assert_false(agreement_algorithm_allowed(a, "TLSv1.1"));
    assert_int_equal(agreement_give_up_days(a), 45);
    assert_int_equal(agreement_named_categories(test_agreement("BYMD-1")), 0);
    assert_non_null(
        strstr(agreement_error_text(a, "agreement.consent-missing", "ro"), "scris"));
    assert_non_null(
        strstr(agreement_error_text(a, "agreement.consent-missing", "xx"), "written"));
    assert_null(agreement_error_text(a, "agreement.nothing", "en"));
}

/* Every request among the mappings' golden cases, as its office's system wrote it, passes under the
 * agreement it names. */
static void test_golden_requests_pass(void **state)
{
    struct err err = { 0 };
    AUTO(fileset_free) struct fileset *set = fileset_load("mappings/national", &err);
    size_t requests = 0;

    (void)state;
    if (set == NULL)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < fileset_count(set); i++) {
        const struct file_item *item = fileset_at(set, i);
        AUTO(xml_doc_free) xmlDoc *doc = NULL;
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct decide_input in;

        if (!text_ends(item->name, "/canonical.xml"))
            continue;
        doc = xml_parse_utf8(item->data, item->len, NULL, &err);
        if (doc == NULL)
            fail_msg("%s: %s", item->name, err.text);
        if (!text_eq(xml_attr(xml_root(doc), NULL, "kind"), "M01"))
            continue;
        in = test_input(doc);
        in.environment = NULL; /* completed later */
        in.agreement = test_agreement(referral_value(doc, "Header/Agreement/@id"));
        in.from_office = referral_value(doc, "Header/Sender/@office");
        in.to_office = referral_value(doc, "Header/Receiver/@office");
        if (!decide(&in, &v))
            fail_msg("%s: %s: %s", item->name, v.refusals[0].code, v.refusals[0].text);
        requests++;
    }
    assert_true(requests >= 12);
}

static void test_digest_is_of_the_resolved_text(void **state)
{
    AUTO(mem_free) char *text = test_file("agreements/MDUA-1.json");
    AUTO(mem_free)
    char *comment = test_edit(text, "\"zone\"", "\"// note\": \"x\", \"zone\"");
    AUTO(mem_free) char *common = test_file("agreements/common.json");
    AUTO(mem_free)
    char *months = test_edit(common, "\"maxAgeMonths\": 12", "\"maxAgeMonths\": 6");
    AUTO(fileset_free)
    struct fileset *one = test_tree_with("agreements/MDUA-1.json", comment);
    AUTO(fileset_free)
    struct fileset *two = test_tree_with("agreements/common.json", months);
    AUTO(agreement_free) struct agreement *same = test_agreement_of(one, "MDUA-1");
    AUTO(agreement_free) struct agreement *other = test_agreement_of(two, "MDUA-1");
    char want[AGREEMENT_DIGEST], got[AGREEMENT_DIGEST];

    (void)state;
    agreement_digest(test_agreement("MDUA-1"), want);
    agreement_digest(same, got);
    assert_string_equal(got, want);
    agreement_digest(other, got);
    assert_string_not_equal(got, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_there),
        cmocka_unit_test(test_check_clean),
        cmocka_unit_test(test_marked_fictional),
        cmocka_unit_test(test_legs),
        cmocka_unit_test(test_offices),
        cmocka_unit_test(test_legal_basis_switches),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_small_questions),
        cmocka_unit_test(test_golden_requests_pass),
        cmocka_unit_test(test_digest_is_of_the_resolved_text),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    test_end();
    return failed;
}
