/* Dates as forms write them: right, wrong, and less than a day. */
#include "support_model.h"

#include <string.h>

#include "model/date.h"

struct row {
    const char *name, *text, *form;
    enum date_partial partial;
    const char *want; /* canonical form, or NULL */
    const char *code; /* of the error */
};

static struct row rows[] = {
    { "a day with points", "05.03.2024", "DD.MM.YYYY", DATE_WHOLE, "2024-03-05", NULL },
    { "a day with slashes", "05/03/2024", "DD/MM/YYYY", DATE_WHOLE, "2024-03-05", NULL },
    { "29 February of a leap year", "29.02.2024", "DD.MM.YYYY", DATE_WHOLE, "2024-02-29",
      NULL },
    { "29 February of another", "29.02.2023", "DD.MM.YYYY", DATE_WHOLE, NULL,
      "date.no-such-day" },
    { "31 February", "31.02.1992", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.no-such-day" },
    { "month 13", "01.13.1992", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.no-such-day" },
    { "zeros for the day", "00.05.1998", "DD.MM.YYYY", DATE_ZEROS, "1998-05", NULL },
    { "zeros for day and month", "00.00.1998", "DD.MM.YYYY", DATE_ZEROS, "1998", NULL },
    { "zeros where they are none", "00.05.1998", "DD.MM.YYYY", DATE_WHOLE, NULL,
      "date.no-such-day" },
    { "a day of no month", "05.00.1998", "DD.MM.YYYY", DATE_ZEROS, NULL, "date.form" },
    { "month alone", "1998-05", "YYYY-MM-DD", DATE_LENGTH, "1998-05", NULL },
    { "year alone", "1998", "YYYY-MM-DD", DATE_LENGTH, "1998", NULL },
    { "month alone where it may not", "1998-05", "YYYY-MM-DD", DATE_WHOLE, NULL,
      "date.form" },
    { "cut within the month", "1998-0", "YYYY-MM-DD", DATE_LENGTH, NULL, "date.form" },
    { "a separator too many", "1998-", "YYYY-MM-DD", DATE_LENGTH, NULL, "date.form" },
    { "month and year form", "02.2026", "MM.YYYY", DATE_WHOLE, "2026-02", NULL },
    { "ISO order in a form with points", "2024-03-05", "DD.MM.YYYY", DATE_WHOLE, NULL,
      "date.form" },
    { "text behind", "05.03.2024x", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.form" },
    { "letters", "aa.bb.cccc", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.form" },
    { "nothing", "", "DD.MM.YYYY", DATE_ZEROS, NULL, "date.form" },
    { "too long ago", "01.01.1700", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.range" },
    { "too far ahead", "01.01.2300", "DD.MM.YYYY", DATE_WHOLE, NULL, "date.range" },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    struct date date;
    struct err err = { 0 };
    char text[DATE_TEXT];

    if (!date_parse(row->text, strlen(row->text), row->form, row->partial, &date, &err)) {
        assert_null(row->want);
        assert_code(&err, row->code);
        assert_null(strstr(err.text, "1998")); /* never the value */
        return;
    }
    assert_non_null(row->want);
    date_print_canonical(date, text);
    assert_string_equal(text, row->want);
    assert_true(date_print(date, row->form, row->partial, text));
    assert_string_equal(text, row->text);
}

static void test_print_what_a_form_cannot_say(void **state)
{
    const struct date month = { 1998, 5, 1, DATE_MONTH },
                      year = { 1998, 1, 1, DATE_YEAR };
    const struct date day = { 1998, 5, 7, DATE_DAY };
    char text[DATE_TEXT] = "?";

    (void)state;
    assert_false(date_print(month, "DD.MM.YYYY", DATE_WHOLE, text));
    assert_false(date_print(year, "MM.YYYY", DATE_WHOLE, text));
    assert_false(
        date_print(month, "DD.MM.YYYY", DATE_LENGTH, text)); /* its tail is the year */
    assert_string_equal(text, "?");
    assert_true(date_print(day, "MM.YYYY", DATE_WHOLE, text));
    assert_string_equal(text, "05.1998");
    assert_true(date_print(year, "DD.MM.YYYY", DATE_ZEROS, text));
    assert_string_equal(text, "00.00.1998");
}

static void test_forms(void **state)
{
    (void)state;
    assert_true(date_form_valid("DD.MM.YYYY"));
    assert_true(date_form_valid("YYYY"));
    assert_false(date_form_valid("DD.YYYY")); /* a day of no month */
    assert_false(date_form_valid("DD.MM"));
    assert_false(date_form_valid("YY.MM.DD"));
    assert_false(date_form_valid("YYYY-MM-DDThh"));
    assert_false(date_form_valid("YYYYYYYY"));
    assert_false(date_form_valid(""));
}

static void test_possible(void **state)
{
    const struct date day = { 1998, 5, 31, DATE_DAY }, month = { 1998, 5, 1, DATE_MONTH };
    const struct date june = { 1998, 6, 1, DATE_MONTH }, year = { 1998, 1, 1, DATE_YEAR };

    (void)state;
    assert_true(date_possible(day, month) && date_possible(month, year));
    assert_false(date_possible(day, june));
    assert_false(date_possible(month, june));
    assert_int_equal(date_last((struct date){ 2024, 2, 1, DATE_MONTH }).day, 29);
    assert_int_equal(date_last(year).month, 12);
    assert_int_equal(date_last(year).day, 31);
}

static void test_every_truncation(void **state)
{
    static const char whole[] = "2024-03-05";
    struct date date;
    struct err err;

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_int_equal(date_parse(whole, n, "YYYY-MM-DD", DATE_LENGTH, &date, &err),
                         n == 4 || n == 7);
}

int main(void)
{
    struct CMUnitTest tests[sizeof rows / sizeof rows[0] + 4] = {
        cmocka_unit_test(test_print_what_a_form_cannot_say),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_possible),
        cmocka_unit_test(test_every_truncation),
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        tests[i + 4] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
