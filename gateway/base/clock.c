/*
 * clock.c - the time as a value; dates and instants to text and back.
 *
 * Days are counted with the era arithmetic of the proleptic Gregorian calendar (400 years of
 * 146097 days, the year beginning in March), exact for all years 1 to 9999.
 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define DAYS_400Y    146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

const struct clock clock_real = { 0, 0 };

int64_t clock_now(const struct clock *clock)
{
    struct timespec now;

    if (clock != NULL && clock->fixed_ms != 0)
        return clock->fixed_ms;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000 +
           (clock != NULL ? clock->offset_ms : 0);
}

int64_t clock_monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && leap(year) ? 29 : days[month - 1];
}

bool civil_valid(struct civil d)
{
    return d.year >= 1 && d.year <= 9999 && d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= month_days(d.year, d.month);
}

int64_t civil_days(struct civil d)
{
    int64_t y = d.month > 2 ? d.year : d.year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year =
        (153 * (d.month > 2 ? d.month - 3 : d.month + 9) + 2) / 5 + d.day - 1;

    return era * DAYS_400Y + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           DAYS_TO_1970;
}

struct civil civil_of_days(int64_t days)
{
    int64_t z = days + DAYS_TO_1970;
    int64_t era = (z >= 0 ? z : z - (DAYS_400Y - 1)) / DAYS_400Y;
    int64_t of_era = z - era * DAYS_400Y;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;
    struct civil d;

    d.day = (int)(of_year - (153 * m + 2) / 5 + 1);
    d.month = (int)(m < 10 ? m + 3 : m - 9);
    d.year = (int)(year + era * 400 + (d.month <= 2));
    return d;
}

int civil_weekday(struct civil d)
{
    return (int)(((civil_days(d) + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

int civil_compare(struct civil a, struct civil b)
{
    int64_t x = civil_days(a), y = civil_days(b);

    return (x > y) - (x < y);
}

int civil_years_between(struct civil a, struct civil b)
{
    struct civil birthday = { b.year, a.month, a.day };
    int years = b.year - a.year;

    if (!civil_valid(birthday)) { /* 29 February outside a leap year */
        birthday.month = 3;
        birthday.day = 1;
    }
    return civil_compare(b, birthday) < 0 ? years - 1 : years;
}

/* Exactly `digits` decimal digits at *text, moving past them. */
static bool digits_at(const char **text, const char *end, int digits, int *ret)
{
    int n = 0;

    if (end - *text < digits)
        return false;
    for (; digits > 0; digits--, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        n = n * 10 + (**text - '0');
    }
    *ret = n;
    return true;
}

static bool char_at(const char **text, const char *end, char c)
{
    if (*text == end || **text != c)
        return false;
    (*text)++;
    return true;
}

static bool civil_at(const char **text, const char *end, struct civil *ret)
{
    struct civil d = { 0 };

    if (!digits_at(text, end, 4, &d.year) || !char_at(text, end, '-') ||
        !digits_at(text, end, 2, &d.month) || !char_at(text, end, '-') ||
        !digits_at(text, end, 2, &d.day) || !civil_valid(d))
        return false;
    *ret = d;
    return true;
}

bool civil_parse(const char *text, size_t len, struct civil *ret)
{
    const char *end = text + len;
    struct civil d = { 0 };

    if (len != 10 || !civil_at(&text, end, &d))
        return false;
    *ret = d;
    return true;
}

void civil_print(struct civil d, char out[11])
{
    snprintf(out, 11, "%04u-%02u-%02u", (unsigned)d.year % 10000, (unsigned)d.month % 100,
             (unsigned)d.day % 100);
}

/* hh:mm:ss with an optional fraction, in milliseconds of the day. */
static bool time_at(const char **text, const char *end, int64_t *ret_ms)
{
    int h, m, s, unit = 100;
    int64_t ms;

    if (!digits_at(text, end, 2, &h) || !char_at(text, end, ':') ||
        !digits_at(text, end, 2, &m) || !char_at(text, end, ':') ||
        !digits_at(text, end, 2, &s) || h > 23 || m > 59 || s > 59)
        return false;
    ms = h * HOUR_MS + m * MINUTE_MS + s * SECOND_MS;
    if (char_at(text, end, '.')) {
        if (*text == end || **text < '0' || **text > '9')
            return false;
        for (; *text < end && **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
            ms += (**text - '0') * unit;
    }
    *ret_ms = ms;
    return true;
}

/* Z or +hh:mm, -hh:mm up to fourteen hours. */
static bool offset_at(const char **text, const char *end, int64_t *ret_ms)
{
    int h, m, sign = 1;

    if (char_at(text, end, 'Z')) {
        *ret_ms = 0;
        return true;
    }
    if (char_at(text, end, '-'))
        sign = -1;
    else if (!char_at(text, end, '+'))
        return false;
    if (!digits_at(text, end, 2, &h) || !char_at(text, end, ':') ||
        !digits_at(text, end, 2, &m) || m > 59 || h * 60 + m > 14 * 60)
        return false;
    *ret_ms = sign * (h * HOUR_MS + m * MINUTE_MS);
    return true;
}

bool instant_parse(const char *text, size_t len, int64_t *ret_ms)
{
    const char *end = text + len;
    int64_t of_day, offset;
    struct civil d = { 0 };

    if (!civil_at(&text, end, &d) || !char_at(&text, end, 'T') ||
        !time_at(&text, end, &of_day) || !offset_at(&text, end, &offset) || text != end)
        return false;
    *ret_ms = civil_days(d) * DAY_MS + of_day - offset;
    return true;
}

static void split(int64_t ms, struct civil *ret_day, int64_t *ret_of_day)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0);

    *ret_day = civil_of_days(days);
    *ret_of_day = ms - days * DAY_MS;
}

void instant_print(int64_t ms, char out[25])
{
    struct civil d;
    int64_t t;
    char day[11];

    split(ms, &d, &t);
    civil_print(d, day);
    snprintf(out, 25, "%sT%02u:%02u:%02u.%03uZ", day, (unsigned)(t / HOUR_MS) % 100,
             (unsigned)(t / MINUTE_MS % 60), (unsigned)(t / SECOND_MS % 60),
             (unsigned)(t % SECOND_MS));
}

void instant_print_s(int64_t ms, char out[21])
{
    char whole[25];

    instant_print(ms, whole);
    snprintf(out, 21, "%.19sZ", whole);
}
