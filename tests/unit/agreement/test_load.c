/* Reading: each mistake is refused with file, line and what is meant; hostile files end nothing. */
#include "support_agreement.h"

#include "agreement/agreement_private.h"

struct row {
    const char *name, *file, *part, *by, *code, *says;
};

#define MDUA   "agreements/MDUA-1.json"
#define COMMON "agreements/common.json"
#define BYFORM "agreements/forms/BY-anketa-1.json"
#define PARTY  "agreements/parties/UA.json"

static struct row rows[] = {
    { "unknown key", MDUA, "\"zone\"", "\"zona\"", "json.unknown-key",
      "agreements/MDUA-1.json:5: /zona: this key is not known; did you mean \"zone\"?" },
    { "unknown key in a clause", COMMON, "\"maxAgeMonths\"", "\"maxAge\"",
      "json.unknown-key", "agreements/common.json:4" },
    { "another id", MDUA, "\"MDUA-1\", \"version\"", "\"MDUA-2\", \"version\"",
      "agreement.file", "agreements/MDUA-2.json" },
    { "no version", MDUA, "\"version\": \"1\",\n", "\n", "json.missing", "version" },
    { "a file that is not there", MDUA, "common.json", "komon.json", "agreement.file",
      "agreements/komon.json" },
    { "extends itself", MDUA, "common.json", "MDUA-1.json", "agreement.too-many",
      "extend each" },
    { "a path out of the folder", MDUA, "common.json", "../../etc/passwd",
      "agreement.file", "there is no file" },
    { "no such zone", MDUA, "Europe/Chisinau", "Europe/Kishinau", "zone.unknown", NULL },
    { "no such day", MDUA, "\"from\": \"2026-01-01\", \"to\"",
      "\"from\": \"2026-02-30\", \"to\"", "agreement.date", "agreements/MDUA-1.json:6" },
    { "ends before it begins", MDUA, "\"to\": \"2031-12-31\", \"warn",
      "\"to\": \"2025-12-31\", \"warn", "agreement.date", "ends before" },
    { "no such category", COMMON, "\"must\": [\"IDENT\", \"TRAFF\"",
      "\"must\": [\"IDENT\", \"TRAF\"", "agreement.reference",
      "did you mean \"TRAFF\"?" },
    { "a category twice", COMMON, "\"must\": [\"IDENT\", \"TRAFF\"",
      "\"must\": [\"IDENT\", \"IDENT\"", "agreement.twice", NULL },
    { "no such purpose", COMMON,
      "\"consent\": [\"RETURN\", \"ASSIST\"],\n             \"must\"",
      "\"consent\": [\"RETRUN\"],\n             \"must\"", "agreement.reference",
      "RETURN" },
    { "no such message", COMMON, "\"M26\": {", "\"M27\": {", "agreement.reference",
      NULL },
    { "M02 is no document", COMMON, "\"M03\": {", "\"M02\": {", "agreement.reference",
      NULL },
    { "no such field", COMMON, "\"Person/Address/Street\",       \"use\"",
      "\"Person/Address/Strete\",       \"use\"", "agreement.path",
      "Person/Address/Street" },
    { "a predicate", COMMON, "\"Person/Address/Street\",       \"use\"",
      "\"Person/Address[type=origin]/Street\", \"use\"", "agreement.path", "predicate" },
    { "no such use", COMMON,
      "\"use\": \"forbidden\", \"before\": \"ACCEPTED\", \"why\": \"nobody",
      "\"use\": \"verboten\", \"before\": \"ACCEPTED\", \"why\": \"nobody", "json.word",
      NULL },
    { "no such state of a case", COMMON, "\"before\": \"ACCEPTED\", \"why\": \"nobody",
      "\"before\": \"AKZEPTED\", \"why\": \"nobody", "agreement.reference", "state" },
    { "no such leg state", MDUA, "\"state\": \"ACTIVE\"", "\"state\": \"OPEN\"",
      "json.word", NULL },
    { "a leg to nowhere", MDUA, "\"to\": \"UA\", \"state\"", "\"to\": \"AL\", \"state\"",
      "agreement.reference", "party" },
    { "a leg to itself", MDUA, "\"to\": \"UA\", \"state\"", "\"to\": \"MD\", \"state\"",
      "agreement.reference", "two parties" },
    { "a clause without number", MDUA, "{ \"clause\": \"1(2)\", \"from\": \"MD\"",
      "{ \"from\": \"MD\"", "json.missing", "clause" },
    { "a party's form is not among the forms", MDUA,
      ", \"forms/UA-napravlennia-2.0.json\"", "", "agreement.reference",
      "UA-napravlennia/2.0" },
    { "an office twice", PARTY, "\"id\": \"UA-CONS\"", "\"id\": \"UA-COORD\"",
      "agreement.twice", "agreements/parties/UA.json" },
    { "an office of another party", PARTY, "\"id\": \"UA-CONS\"", "\"id\": \"MD-CONS\"",
      "agreement.twice", "another party" },
    { "a role nobody defined", PARTY, "\"role\": \"consulate\"", "\"role\": \"consul\"",
      "agreement.reference", "consul" },
    { "a party without calendar", PARTY, ", \"calendar\": \"UA\"", "",
      "agreement.clause-missing", NULL },
    { "a transfer basis nobody knows", MDUA, "\"basis\": \"TREATY\"",
      "\"basis\": \"LUCK\"", "json.word", NULL },
    { "nobody signs for an adult", COMMON, "{ \"clause\": \"5(2)\", \"givers\"",
      "{ \"clause\": \"5(2)\", \"below\": 19, \"givers\"", "agreement.clause-missing",
      "adult" },
    { "a giver nobody knows", COMMON, "\"givers\": [\"SELF\"]", "\"givers\": [\"BOSS\"]",
      "agreement.reference", "SELF" },
    { "a consent that lasts for ever", COMMON, "\"maxAgeMonths\": 12",
      "\"maxAgeMonths\": 1200", "json.range", NULL },
    { "a yes that covers nothing", "agreements/forms/MD-referral-1.2.json",
      "\"purposes\": [\"RETURN\"], ", "", "agreement.clause-missing", "purpose" },
    { "an item twice", "agreements/forms/UA-napravlennia-2.0.json",
      "\"item\": \"Tsil=2\"", "\"item\": \"Tsil=1\"", "agreement.twice", NULL },
    { "a loss nobody knows", COMMON, "\"kinds\": [\"cut\"", "\"kinds\": [\"lost\"",
      "agreement.reference", "loss" },
    { "a deadline of two kinds", COMMON, "\"answer\": \"M03\", \"workingDays\": 1 },",
      "\"answer\": \"M03\", \"workingDays\": 1, \"days\": 1 },", "agreement.twice",
      NULL },
    { "a deadline without one", COMMON, "\"answer\": \"M03\", \"workingDays\": 1 },",
      "\"answer\": \"M03\" },", "agreement.clause-missing", NULL },
    { "a holiday of another year", "agreements/calendars/MD-2026.json", "\"2026-08-27\"",
      "\"2025-08-27\"", "agreement.date", "MD-2026.json" },
    { "a week without work", "agreements/calendars/MD-2026.json",
      "[\"Mon\", \"Tue\", \"Wed\", \"Thu\", \"Fri\"]", "[]", "agreement.clause-missing",
      "week" },
    { "a calendar under another name", "agreements/calendars/MD-2026.json",
      "\"calendar\": \"MD\"", "\"calendar\": \"XX\"", "agreement.file", "XX-2026.json" },
    { "an attachment kind without category", COMMON, "\"MEDICAL\": \"HEALTH\"",
      "\"MEDICAL\": \"LUNCH\"", "agreement.reference", NULL },
    { "delivery tried for ever", COMMON, "\"giveUpDays\": 45", "\"giveUpDays\": 450",
      "json.range", NULL },
    { "not JSON", MDUA, "{", "[", "json.malformed", NULL },
    { "a duplicate key", MDUA, "\"zone\"", "\"id\": \"MDUA-1\", \"zone\"",
      "json.duplicate", NULL },
    { "a list of a wrong kind", COMMON, "\"bound\": [", "\"bound\": 5, \"terms\": [",
      "json.duplicate", NULL },
    { "an object for a list", MDUA, "\"legs\": [", "\"legs\": 7, \"terms\": [",
      "json.type", NULL },
    { "no bounds of parties", MDUA, "\"parties\": [", "\"parties\": [], \"terms\": [",
      "agreement.clause-missing", "parties" },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(mem_free) char *text = test_file(row->file);
    AUTO(mem_free) char *wrong = test_edit(text, row->part, row->by);
    AUTO(fileset_free) struct fileset *tree = test_tree_with(row->file, wrong);
    AUTO(agreement_free) struct agreement *a = NULL;
    struct err err = { 0 };
    const char *id = text_eq(row->file, BYFORM) ? "BYMD-1" : "MDUA-1";

    a = agreement_load(tree, id, test_paths(), &err);
    assert_null(a);
    assert_int_equal(err.kind, ERR_CONFIG);
    if (!text_eq(err.code, row->code))
        fail_msg("%s: %s", err.code, err.text);
    if (row->says != NULL && strstr(err.text, row->says) == NULL)
        fail_msg("it says: %s", err.text);
}

static void test_absent(void **state)
{
    AUTO(fileset_free) struct fileset *tree = test_tree();
    struct err err = { 0 };

    (void)state;
    assert_null(agreement_load(tree, "MDUA-9", test_paths(), &err));
    assert_string_equal(err.code, "agreement.file");
}

/* null takes one entry of a joined object away, and only there. */
static void test_null_takes_away(void **state)
{
    (void)state;
    assert_null(purpose_rule_of(test_agreement("BYMD-1"), PURPOSE_HEALTH));
    assert_non_null(purpose_rule_of(test_agreement("BYMD-1"), PURPOSE_RETURN));
    assert_non_null(purpose_rule_of(test_agreement("MDUA-1"), PURPOSE_HEALTH));
}

static void load_and_forget(const char *file, const char *text)
{
    AUTO(fileset_free) struct fileset *tree = test_tree_with(file, text);
    struct err err = { 0 };
    AUTO(agreement_free)
    struct agreement *a = agreement_load(tree, "MDUA-1", test_paths(), &err);

    if (a == NULL)
        assert_true(err.kind != ERR_NONE && err.kind != ERR_BUG && err.text[0] != '\0');
}

static void test_cut_anywhere(void **state)
{
    static const char *const files[] = { MDUA, PARTY };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO(mem_free) char *text = test_file(files[i]);

        for (size_t len = 0; len < strlen(text); len += 97) {
            AUTO(mem_free) char *cut = mem_strndup(text, len);

            load_and_forget(files[i], cut);
        }
    }
}

/* Values of every kind where others are expected. */
static void test_mutated(void **state)
{
    static const char *const values[] = { "0",    "\"\"",   "[]",   "{}", "null",
                                          "true", "[null]", "[{}]", "-1", "\"M99\"" };
    AUTO(mem_free) char *text = test_file(MDUA);
    uint64_t dice = 88172645463325252u;

    (void)state;
    for (unsigned round = 0; round < 150; round++) {
        AUTO(mem_free) char *wrong = mem_strdup(text);
        char *colon;

        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        colon = strchr(wrong + dice % strlen(wrong), ':');
        if (colon != NULL) {
            size_t skip = strcspn(colon, ",}]\n");
            AUTO(mem_free)
            char *edited =
                mem_printf("%.*s: %s%s", (int)(colon - wrong), wrong,
                           values[(dice >> 32) % COUNT_OF(values)], colon + skip);

            load_and_forget(MDUA, edited);
        }
    }
}

int main(void)
{
    static struct CMUnitTest tests[COUNT_OF(rows) + 4];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                          .test_func = test_row,
                                          .initial_state = &rows[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_absent);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_null_takes_away);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_cut_anywhere);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_mutated);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_end();
    return failed;
}
