/* Personal numbers: the invented ones, right and with one thing wrong. */
#include "support_model.h"

#include <stdio.h>
#include <string.h>

#include "model/ident.h"

struct row {
    const char *name, *number;
    enum ident_scheme scheme;
    enum ident_check check;
    const char *birth; /* canonical; NULL: none in it */
    char sex;
    bool homoglyphs, foreigner;
};

static struct row rows[] = {
    { "BY man", "4150392C991PB1", IDENT_BY_IN, IDENT_OK, "1992-03-15", 'F', false,
      false },
    { "BY woman", "3010180H992PB4", IDENT_BY_IN, IDENT_OK, "1980-01-01", 'M', false,
      false },
    { "BY of this century", "6230511M993PB3", IDENT_BY_IN, IDENT_OK, "2011-05-23", 'F',
      false, false },
    { "BY man of this century", "5070709K994PB2", IDENT_BY_IN, IDENT_OK, "2009-07-07",
      'M', false, false },
    { "BY stateless", "4290288E995BA3", IDENT_BY_IN, IDENT_OK, "1988-02-29", 'F', false,
      true },
    { "BY typed in Cyrillic", "4150392С991РВ1", IDENT_BY_IN, IDENT_OK, "1992-03-15", 'F',
      true, false },
    { "BY in small letters", "4150392c991pb1", IDENT_BY_IN, IDENT_OK, "1992-03-15", 'F',
      false, false },
    { "BY wrong check digit", "4150392C991PB2", IDENT_BY_IN, IDENT_FAILED, "1992-03-15",
      'F', false, false },
    { "BY no such region", "4150392D991PB1", IDENT_BY_IN, IDENT_FORM, NULL, 0, false,
      false },
    { "BY no such citizenship", "4150392C991PC1", IDENT_BY_IN, IDENT_FORM, NULL, 0, false,
      false },
    { "BY a letter that has no twin", "4150392Ю991PB1", IDENT_BY_IN, IDENT_FORM, NULL, 0,
      false, false },
    { "BY too short", "4150392C991PB", IDENT_BY_IN, IDENT_FORM, NULL, 0, false, false },
    { "IDNP", "2999000123456", IDENT_IDNP, IDENT_OK, NULL, 0, false, false },
    { "IDNP another", "2999000543210", IDENT_IDNP, IDENT_OK, NULL, 0, false, false },
    { "IDNP of 0", "0999000004579", IDENT_IDNP, IDENT_OK, NULL, 0, false, false },
    { "IDNP wrong check digit", "2999000123457", IDENT_IDNP, IDENT_FAILED, NULL, 0, false,
      false },
    { "IDNO is no IDNP", "1999000123456", IDENT_IDNP, IDENT_FORM, NULL, 0, false, false },
    { "IDNP with blanks around", " 2999000123456 ", IDENT_IDNP, IDENT_OK, NULL, 0, false,
      false },
    { "IDNP with a blank inside", "2999000 123456", IDENT_IDNP, IDENT_FORM, NULL, 0,
      false, false },
    { "RNOKPP woman", "3367799927", IDENT_RNOKPP, IDENT_OK, "1992-03-15", 'F', false,
      false },
    { "RNOKPP man", "3367799933", IDENT_RNOKPP, IDENT_OK, "1992-03-15", 'M', false,
      false },
    { "RNOKPP remainder 10", "3287399950", IDENT_RNOKPP, IDENT_OK, "1990-01-01", 'M',
      false, false },
    { "RNOKPP child", "3962999943", IDENT_RNOKPP, IDENT_OK, "2008-07-01", 'F', false,
      false },
    { "RNOKPP elder", "2775899959", IDENT_RNOKPP, IDENT_OK, "1975-12-31", 'M', false,
      false },
    { "RNOKPP wrong check digit", "3367799928", IDENT_RNOKPP, IDENT_FAILED, "1992-03-15",
      'F', false, false },
    { "RNOKPP letters", "33677999A7", IDENT_RNOKPP, IDENT_FORM, NULL, 0, false, false },
    { "UNZR", "19920315-99923", IDENT_UNZR, IDENT_OK, "1992-03-15", 0, false, false },
    { "UNZR another", "20080701-99943", IDENT_UNZR, IDENT_OK, "2008-07-01", 0, false,
      false },
    { "UNZR wrong check digit", "19920315-99924", IDENT_UNZR, IDENT_FAILED, "1992-03-15",
      0, false, false },
    { "UNZR without hyphen", "1992031599923", IDENT_UNZR, IDENT_FORM, NULL, 0, false,
      false },
    { "NID woman", "J25315999S", IDENT_NID, IDENT_OK, "1992-03-15", 'F', false, false },
    { "NID man", "I50120998V", IDENT_NID, IDENT_OK, "1985-01-20", 'M', false, false },
    { "NID child", "K85701999N", IDENT_NID, IDENT_OK, "2008-07-01", 'F', false, false },
    { "NID foreigner", "J23415998J", IDENT_NID, IDENT_OK, "1992-04-15", 'M', false,
      true },
    { "NID foreign woman of a sample", "J28315998Q", IDENT_NID, IDENT_OK, "1992-03-15",
      'F', false, true },
    { "NID wrong check letter", "J25315999T", IDENT_NID, IDENT_FAILED, "1992-03-15", 'F',
      false, false },
    { "NID month 13", "J21315999S", IDENT_NID, IDENT_FORM, NULL, 0, false, false },
    { "NID a day that does not exist", "J20231999A", IDENT_NID, IDENT_FAILED, NULL, 'M',
      false, false },
    { "another number", "anything", IDENT_OTHER, IDENT_UNCHECKED, NULL, 0, false, false },
    { "nothing", "", IDENT_IDNP, IDENT_FORM, NULL, 0, false, false },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct ident_facts facts;
    char birth[DATE_TEXT] = "";

    ident_examine(row->scheme, row->number, &facts);
    assert_int_equal(facts.check, row->check);
    assert_int_equal(facts.has_birth, row->birth != NULL);
    if (facts.has_birth) {
        date_print_canonical(facts.birth, birth);
        assert_string_equal(birth, row->birth);
    }
    assert_int_equal(facts.homoglyphs, row->homoglyphs);
    if (row->check == IDENT_OK) {
        assert_int_equal(facts.sex, row->sex);
        assert_int_equal(facts.foreigner, row->foreigner);
        assert_int_equal(strlen(facts.normal), row->scheme == IDENT_UNZR    ? 14
                                               : row->scheme == IDENT_BY_IN ? 14
                                               : row->scheme == IDENT_IDNP  ? 13
                                                                            : 10);
    }
    if (row->check == IDENT_FORM)
        assert_string_equal(facts.normal, "");
}

static void test_normal_form_of_cyrillic(void **state)
{
    struct ident_facts facts;

    (void)state;
    ident_examine(IDENT_BY_IN, "4150392С991РВ1", &facts);
    assert_string_equal(facts.normal, "4150392C991PB1");
}

static void test_contradictions(void **state)
{
    const struct date same_year = { 1992, 1, 1, DATE_YEAR },
                      other = { 1993, 3, 15, DATE_DAY };
    struct ident_facts facts;

    (void)state;
    ident_examine(IDENT_RNOKPP, "3367799927", &facts);
    assert_false(ident_contradicts_birth(&facts, same_year));
    assert_true(ident_contradicts_birth(&facts, other));
    assert_true(ident_contradicts_sex(&facts, 'M'));
    assert_false(ident_contradicts_sex(&facts, 'F'));
    assert_false(ident_contradicts_sex(&facts, 0));
    ident_examine(IDENT_IDNP, "2999000123456", &facts);
    assert_false(ident_contradicts_birth(&facts, other)); /* it says nothing */
    assert_false(ident_contradicts_sex(&facts, 'M'));
}

/* Weights 7, 3, 1 find every single wrong digit. */
static void test_one_wrong_digit(void **state)
{
    char number[] = "2999000123456";
    struct ident_facts facts;

    (void)state;
    for (size_t i = 1; i < strlen(number); i++) {
        char right = number[i];

        for (char c = '0'; c <= '9'; c++) {
            number[i] = c;
            ident_examine(IDENT_IDNP, number, &facts);
            assert_int_equal(facts.check, c == right ? IDENT_OK : IDENT_FAILED);
        }
        number[i] = right;
    }
}

static void test_schemes(void **state)
{
    (void)state;
    assert_int_equal(ident_scheme_find("UNZR"), IDENT_UNZR);
    assert_int_equal(ident_scheme_find("unzr"), IDENT_OTHER);
    assert_int_equal(ident_scheme_find(NULL), IDENT_OTHER);
    assert_string_equal(ident_scheme_country(IDENT_NID), "AL");
    assert_false(ident_scheme_strict(IDENT_NID)); /* its algorithm rests on one source */
    assert_true(ident_scheme_strict(IDENT_BY_IN));
    assert_string_equal(ident_check_name(IDENT_FORM), "failed");
}

static void test_mrz(void **state)
{
    (void)state;
    assert_int_equal(mrz_check_digit("L898902C3", 9),
                     6); /* ICAO 9303 part 4, appendix A */
    assert_int_equal(mrz_check_digit("740812", 6), 2);
    assert_int_equal(mrz_check_digit("ZE184226B<<<<<", 14), 1);
    assert_int_equal(mrz_check_digit("abc", 3), -1);
}

static void test_noise(void **state)
{
    struct dice dice = { 11 };
    struct ident_facts facts;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char number[] = "4150392C991PB1";

        dice_mutate(&dice, number, sizeof number - 1);
        for (int scheme = 0; scheme <= IDENT_NID; scheme++)
            ident_examine((enum ident_scheme)scheme, number, &facts);
    }
}

int main(void)
{
    struct CMUnitTest tests[sizeof rows / sizeof rows[0] + 6] = {
        cmocka_unit_test(test_normal_form_of_cyrillic),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_one_wrong_digit),
        cmocka_unit_test(test_schemes),
        cmocka_unit_test(test_mrz),
        cmocka_unit_test(test_noise),
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tests[i + 6] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
