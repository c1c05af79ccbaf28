/* Consents: what a yes covers on each form, never more, and when it holds. */
#include "support_agreement.h"

#include "agreement/agreement_private.h"
#include "agreement/consent.h"
#include "format/xml.h"
#include "model/findings.h"
#include "model/referral.h"

#define P(name) (1u << PURPOSE_##name)
#define C(name) (1u << CATEGORY_##name)
#define RETURN_CATEGORIES \
    (C(IDENT) | C(DOCS) | C(CONTACT) | C(TRAFF) | C(RISK) | C(NEEDS) | C(TRAVEL))

struct row {
    const char *name, *agreement, *taker, *recipient, *form, *item, *more;
    unsigned purposes, categories;
    const char *offices; /* blank between */
};

static struct row rows[] = {
    { "BY: yes is return, identity, assistance and nothing else", "BYMD-1", "BY", "MD",
      "BY-anketa/1", "Согласие", "", P(RETURN) | P(IDENTITY) | P(ASSIST),
      RETURN_CATEGORIES | C(PHOTO), "MD-COORD MD-CONS MD-ANAS" },
    { "MD: repatriation", "MDUA-1", "MD", "UA", "MD-referral/1.2", "repatriation", "",
      P(RETURN), RETURN_CATEGORIES, "UA-COORD UA-CONS UA-NSS UA-LOC-51" },
    { "MD: for the offices named", "MDUA-1", "MD", "UA", "MD-referral/1.2",
      "repatriation", "<Recipient>UA-COORD</Recipient><Recipient>UA-NSS</Recipient>",
      P(RETURN), RETURN_CATEGORIES, "UA-COORD UA-NSS" },
    { "MD: an office the form does not reach is not added", "MDUA-1", "MD", "UA",
      "MD-referral/1.2", "repatriation", "<Recipient>UA-DMP</Recipient>", P(RETURN),
      RETURN_CATEGORIES, "" },
    { "MD: for the categories named", "MDUA-1", "MD", "UA", "MD-referral/1.2",
      "repatriation", "<Category code='IDENT'/><Category code='HEALTH'/>", P(RETURN),
      C(IDENT), "UA-COORD UA-CONS UA-NSS UA-LOC-51" },
    { "MD: a purpose written beside widens nothing", "MDUA-1", "MD", "UA",
      "MD-referral/1.2", "repatriation", "<Purpose code='HEALTH'/>", 0, 0,
      "UA-COORD UA-CONS UA-NSS UA-LOC-51" },
    { "MD: health", "MDUA-1", "MD", "UA", "MD-referral/1.2", "healthData", "", P(HEALTH),
      C(HEALTH), "UA-COORD UA-NSS UA-LOC-51 UA-MOZ" },
    { "MD: health where the agreement has no such purpose", "BYMD-1", "MD", "BY",
      "MD-referral/1.2", "healthData", "", 0, 0, "BY-COORD BY-SOC BY-ZDR" },
    { "UA: 6 is criminal proceedings", "MDUA-1", "UA", "MD", "UA-napravlennia/2.0",
      "Tsil=6", "", P(CRIMINAL), C(CRIMINAL), "MD-COORD MD-CCTP" },
    { "UA: 9 is nothing", "MDUA-1", "UA", "MD", "UA-napravlennia/2.0", "Tsil=9", "", 0, 0,
      "" },
    { "AL: the authority", "ALMD-1", "AL", "MD", "AL-referim/1.0",
      "PelqimiAutoritetiHuaj", "", P(RETURN), RETURN_CATEGORIES, "MD-COORD" },
    { "AL: the consulate", "ALMD-1", "AL", "MD", "AL-referim/1.0",
      "PelqimiSherbimiKonsullor", "", P(IDENTITY), C(IDENT) | C(DOCS) | C(PHOTO),
      "MD-CONS" },
    { "AL: the police, and not the coordinator", "ALMD-1", "AL", "MD", "AL-referim/1.0",
      "PelqimiPolicia", "", P(CRIMINAL), C(CRIMINAL), "MD-CCTP" },
    { "AL: to a mission", "IOM-RELAY", "AL", "IOM", "AL-referim/1.0",
      "PelqimiAutoritetiHuaj", "", P(RETURN), RETURN_CATEGORIES, "IOM-MISSION" },
    { "AL: a mission has no police", "IOM-RELAY", "AL", "IOM", "AL-referim/1.0",
      "PelqimiPolicia", "", P(CRIMINAL), C(CRIMINAL), "" },
    { "a form of another party counts for nothing", "MDUA-1", "MD", "UA",
      "UA-napravlennia/2.0", "Tsil=1", "", 0, 0, "" },
    { "one passed on to the next state reaches nobody there", "IOM-RELAY", "IOM", "BY",
      "IOM-canonical/1", "RETURN", "<Recipient>IOM-MISSION</Recipient>", P(RETURN),
      RETURN_CATEGORIES, "" },
    { "expanded elsewhere, with less", "MDUA-1", "MD", "UA", "MD-referral/1.2",
      "repatriation",
      "<Purpose code='RETURN'/><Category code='IDENT'/><Recipient>UA-COORD</Recipient>",
      P(RETURN), C(IDENT), "UA-COORD" },
    { "expanded elsewhere, with more", "MDUA-1", "MD", "UA", "MD-referral/1.2",
      "repatriation",
      "<Purpose code='RETURN'/><Purpose code='CRIMINAL'/><Category "
      "code='IDENT'/><Category "
      "code='CRIMINAL'/><Recipient>UA-COORD</Recipient><Recipient>UA-DMP</Recipient>",
      P(RETURN), C(IDENT), "UA-COORD" },
};

static xmlDoc *consent_doc(const char *form, const char *item, const char *more,
                           const char *attributes)
{
    AUTO(mem_free)
    char *text = mem_printf(
        "<Consent form='%s' item='%s' %s>%s<State code='GIVEN'/><Giver code='SELF'/>"
        "<GivenOn>2026-11-03</GivenOn></Consent>",
        form, item, attributes, more);

    return test_referral("M01", text);
}

static void assert_offices(const struct consent *c, const char *want)
{
    AUTO(mem_free) char *copy = mem_strdup(want);
    struct str rest = str_of(copy), item;
    size_t n = 0;

    while (want[0] != '\0' && str_next(&rest, ' ', &item)) {
        assert_true(n < c->recipient_count);
        assert_true(str_is(item, c->recipients[n++]));
    }
    assert_int_equal(c->recipient_count, n);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    const struct agreement *a = test_agreement(row->agreement);
    AUTO(xml_doc_free) xmlDoc *doc = consent_doc(row->form, row->item, row->more, "");
    AUTO(report_free) struct report report = { 0 };
    AUTO(mem_free) char *once = NULL, *twice = NULL;
    struct consents before, after;

    consents_read(a, doc, row->taker, row->recipient, &before);
    assert_int_equal(before.count, 1);
    assert_int_equal(before.items[0].purposes, row->purposes);
    assert_int_equal(before.items[0].categories, row->categories);
    assert_offices(&before.items[0], row->offices);

    agreement_expand_consents(a, doc, row->taker, row->recipient, &report);
    once = test_print(doc);
    consents_read(a, doc, row->taker, row->recipient, &after);
    assert_int_equal(after.items[0].purposes, row->purposes);
    assert_int_equal(after.items[0].categories, row->categories);
    assert_offices(&after.items[0], row->offices);
    agreement_expand_consents(a, doc, row->taker, row->recipient, NULL);
    twice = test_print(doc);
    assert_string_equal(once, twice);
    assert_int_equal(report_has(&report, "W-CONSENT-UNDECLARED"),
                     before.items[0].declared == NULL);
}

/* Once expanded, what is not written is not covered. */
static void test_expanded_empty_covers_nothing(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = consent_doc("MD-referral/1.2", "repatriation", "", "expanded='true'");
    struct consents all;

    (void)state;
    consents_read(test_agreement("MDUA-1"), doc, "MD", "UA", &all);
    assert_int_equal(all.items[0].purposes, 0);
    assert_int_equal(all.items[0].categories, 0);
    assert_int_equal(all.items[0].recipient_count, 0);
}

static void test_expanded_is_in_schema_order(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = consent_doc("MD-referral/1.2", "identityCheck", "", "");
    AUTO(mem_free) char *text = NULL;

    (void)state;
    agreement_expand_consents(test_agreement("MDUA-1"), doc, "MD", "UA", NULL);
    text = test_print(doc);
    assert_non_null(strstr(text,
                           "expanded=\"true\"><Purpose code=\"IDENTITY\"/><Category "
                           "code=\"IDENT\"/><Category code=\"DOCS\"/><Category "
                           "code=\"PHOTO\"/><Recipient>UA-COORD</Recipient>"
                           "<Recipient>UA-CONS</Recipient><State"));
}

static void test_last_day(void **state)
{
    static const struct {
        const char *given, *until, *want;
    } days[] = {
        { "2026-11-03", NULL, "2027-11-02" },
        { "2026-11-03", "2027-11-02", "2027-11-02" },
        { "2026-11-03", "2026-12-01", "2026-12-01" },
        { "2026-11-03", "2040-01-01", "2027-11-02" },
        { "2024-02-29", NULL, "2025-02-27" },
        { "2026-01-01", NULL, "2026-12-31" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(days); i++) {
        struct consent c = { .given_on = days[i].given, .valid_until = days[i].until };
        struct civil day;
        char text[11];

        assert_true(consent_last_day(test_agreement("MDUA-1"), &c, &day));
        civil_print(day, text);
        assert_string_equal(text, days[i].want);
    }
    assert_false(consent_last_day(test_agreement("MDUA-1"), &(struct consent){ 0 },
                                  &(struct civil){ 0 }));
}

static void test_age(void **state)
{
    static const struct {
        const char *birth, *beneficiary;
        bool known;
        int least, most;
    } ages[] = {
        { "2008-11-24", "THB_CHILD", true, 18, 18 },
        { "2008-11-25", "THB_CHILD", true, 17, 17 },
        { "2008-11", NULL, true, 17, 18 },
        { "2008", "THB_CHILD", true, 17, 18 },
        { "2010", NULL, true, 15, 16 },
        { NULL, "THB_CHILD", true, 0, 17 },
        { NULL, "CHILD_ACC", true, 0, 17 },
        { NULL, "THB_ADULT", true, 18, 150 },
        { NULL, NULL, false, 0, 150 },
        { "soon", "THB_ADULT", true, 18, 150 },
        { "2026-11-24", NULL, true, 0, 0 },
        { "2030-01-01", NULL, true, 0, 0 },
    };
    const struct civil day = { 2026, 11, 24 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        struct age age = consent_age(ages[i].birth, ages[i].beneficiary, day);

        assert_int_equal(age.known, ages[i].known);
        assert_int_equal(age.least, ages[i].least);
        assert_int_equal(age.most, ages[i].most);
    }
}

static void test_signers(void **state)
{
    const char *clause;
    size_t count;

    (void)state;
    assert_string_equal(consent_signers(test_agreement("MDUA-1"), 17, &count, &clause)[0],
                        "PARENT");
    assert_int_equal(count, 4);
    assert_string_equal(clause, "5(3)");
    assert_string_equal(consent_signers(test_agreement("MDUA-1"), 18, &count, &clause)[0],
                        "SELF");
    assert_int_equal(count, 1);
    assert_string_equal(clause, "5(2)");
}

int main(void)
{
    static struct CMUnitTest tests[COUNT_OF(rows) + 5];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                          .test_func = test_row,
                                          .initial_state = &rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_expanded_empty_covers_nothing);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_expanded_is_in_schema_order);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_last_day);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_age);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_signers);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_end();
    return failed;
}
