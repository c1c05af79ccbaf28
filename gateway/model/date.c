/*
 * date.c - partial dates after a form's pattern.
 *
 * A pattern is read letter by letter beside the text: YYYY, MM and DD take exactly that many digits,
 * anything else must stand there as it is. A text is taken whole or not at all.
 */
#include "model/date.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define YEAR_MIN 1850
#define YEAR_MAX 2199

enum unit {
    UNIT_YEAR,
    UNIT_MONTH,
    UNIT_DAY,
    UNIT_NONE,
};

static const struct {
    char letter;
    int digits;
} units[] = { { 'Y', 4 }, { 'M', 2 }, { 'D', 2 } };

const char *date_precision_name(enum date_precision precision)
{
    static const char *const names[] = { "day", "month", "year" };

    return names[precision];
}

bool date_precision_find(const char *name, enum date_precision *ret)
{
    for (int i = DATE_DAY; i <= DATE_YEAR; i++)
        if (name != NULL &&
            strcmp(name, date_precision_name((enum date_precision)i)) == 0) {
            *ret = (enum date_precision)i;
            return true;
        }
    return false;
}

/* The unit that begins at form, or UNIT_NONE for a separator. */
static enum unit unit_at(const char *form)
{
    for (int i = 0; i < UNIT_NONE; i++) {
        int n = 0;

        while (form[n] == units[i].letter)
            n++;
        if (n == units[i].digits)
            return (enum unit)i;
    }
    return UNIT_NONE;
}

bool date_form_valid(const char *form)
{
    int seen[UNIT_NONE] = { 0 };
    size_t len = strlen(form);

    if (len >= DATE_TEXT)
        return false;
    for (const char *at = form; *at != '\0';) {
        enum unit unit = unit_at(at);

        if (unit == UNIT_NONE) {
            if (strchr(".-/ ", *at) == NULL)
                return false;
            at++;
            continue;
        }
        seen[unit]++;
        at += units[unit].digits;
    }
    return seen[UNIT_YEAR] == 1 && seen[UNIT_MONTH] <= 1 && seen[UNIT_DAY] <= 1 &&
           (seen[UNIT_DAY] == 0 || seen[UNIT_MONTH] == 1);
}

static bool digits(const char **at, const char *end, int n, int *ret)
{
    int value = 0;

    for (int i = 0; i < n; i++, (*at)++) {
        if (*at >= end || **at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *ret = value;
    return true;
}

static void start_value(int value[UNIT_NONE])
{
    for (int i = 0; i < UNIT_NONE; i++)
        value[i] = -1; /* the form does not say it */
}

/* Reads text beside form. True when both end together, or the text ends before a separator. */
static bool match(const char *text, size_t len, const char *form,
                  enum date_partial partial, int value[UNIT_NONE])
{
    const char *at = text, *end = text + len;

    start_value(value);
    while (*form != '\0') {
        enum unit unit = unit_at(form);

        if (unit != UNIT_NONE) {
            if (!digits(&at, end, units[unit].digits, &value[unit]))
                return false;
            form += units[unit].digits;
            continue;
        }
        if (at == end && partial == DATE_LENGTH)
            return true;
        if (at == end || *at != *form)
            return false;
        at++;
        form++;
    }
    return at == end;
}

/* Which precision the values have; false for zeros where they may not be. */
static bool judge(const int value[UNIT_NONE], enum date_partial partial, struct date *ret)
{
    bool zeros = partial == DATE_ZEROS;
    int month = value[UNIT_MONTH], day = value[UNIT_DAY];

    *ret = (struct date){ value[UNIT_YEAR], month, day, DATE_DAY };
    if (day == -1 || (zeros && day == 0)) {
        ret->day = 1;
        ret->precision = DATE_MONTH;
    }
    if (month == -1 || (zeros && month == 0)) {
        if (ret->precision == DATE_DAY)
            return false; /* a day of no month */
        ret->month = 1;
        ret->precision = DATE_YEAR;
    }
    return true;
}

bool date_parse(const char *text, size_t len, const char *form, enum date_partial partial,
                struct date *ret, struct err *err)
{
    int value[UNIT_NONE];
    struct date date;

    if (!match(text, len, form, partial, value) || value[UNIT_YEAR] == -1 ||
        !judge(value, partial, &date))
        return err_set(err, ERR_REJECT, "date.form", "no date of the form %s%s", form,
                       partial == DATE_ZEROS    ? ", with 00 for an unknown day or month"
                       : partial == DATE_LENGTH ? ", or its beginning"
                                                : "");
    if (date.year < YEAR_MIN || date.year > YEAR_MAX)
        return err_set(err, ERR_REJECT, "date.range", "a year outside %d to %d", YEAR_MIN,
                       YEAR_MAX);
    if (!civil_valid((struct civil){ date.year, date.month, date.day }))
        return err_set(err, ERR_REJECT, "date.no-such-day", "a day that does not exist");
    *ret = date;
    return true;
}

static bool has(const char *form, enum unit unit)
{
    return strchr(form, units[unit].letter) != NULL;
}

/* How much of the form is written for this precision; 0: it cannot be. */
static size_t written(const char *form, enum date_precision precision,
                      enum date_partial partial)
{
    size_t whole = strlen(form);
    enum unit lost = precision == DATE_YEAR ? UNIT_MONTH : UNIT_DAY;

    if (precision == DATE_DAY || !has(form, lost) || partial == DATE_ZEROS)
        return whole;
    if (partial == DATE_WHOLE || form[0] != 'Y')
        return 0;
    return (size_t)(strchr(form, units[lost].letter) - form) - 1;
}

bool date_print(struct date date, const char *form, enum date_partial partial,
                char out[DATE_TEXT])
{
    size_t upto = written(form, date.precision, partial), n = 0;
    int value[UNIT_NONE] = { date.year, date.precision < DATE_YEAR ? date.month : 0,
                             date.precision == DATE_DAY ? date.day : 0 };

    if (upto == 0 || upto >= DATE_TEXT)
        return false;
    for (size_t i = 0; i < upto;) {
        enum unit unit = unit_at(form + i);

        if (unit == UNIT_NONE) {
            out[n++] = form[i++];
            continue;
        }
        snprintf(out + n, DATE_TEXT - n, "%0*d", units[unit].digits, value[unit]);
        n += (size_t)units[unit].digits;
        i += (size_t)units[unit].digits;
    }
    out[n] = '\0';
    return true;
}

bool date_parse_canonical(const char *text, struct date *ret, struct err *err)
{
    return date_parse(text, strlen(text), "YYYY-MM-DD", DATE_LENGTH, ret, err);
}

void date_print_canonical(struct date date, char out[DATE_TEXT])
{
    if (!date_print(date, "YYYY-MM-DD", DATE_LENGTH, out))
        out[0] = '\0';
}

struct civil date_first(struct date date)
{
    return (struct civil){ date.year, date.precision == DATE_YEAR ? 1 : date.month,
                           date.precision == DATE_DAY ? date.day : 1 };
}

struct civil date_last(struct date date)
{
    struct civil last = date_first(date);

    if (date.precision == DATE_YEAR)
        last.month = 12;
    if (date.precision == DATE_DAY)
        return last;
    last.day = 31;
    while (!civil_valid(last))
        last.day--;
    return last;
}

bool date_possible(struct date a, struct date b)
{
    return civil_compare(date_first(a), date_last(b)) <= 0 &&
           civil_compare(date_first(b), date_last(a)) <= 0;
}
