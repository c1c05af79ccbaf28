/* Dates, instants and zones, against dates that others have computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/zone.h"

static void test_clock_is_a_value(void **state)
{
    const struct clock fixed = { .fixed_ms = 1234 }, shifted = { .offset_ms = -DAY_MS };
    int64_t now = clock_now(NULL);

    (void)state;
    assert_int_equal(clock_now(&fixed), 1234);
    assert_true(now > INT64_C(1600000000000));
    assert_true(clock_now(&shifted) - now + DAY_MS < MINUTE_MS);
    assert_true(clock_now(&clock_real) >= now);
    assert_true(clock_monotonic() <= clock_monotonic());
}

static void test_days_of_all_dates(void **state)
{
    struct civil d = { 1, 1, 1 };
    int64_t days = civil_days(d);

    (void)state;
    assert_int_equal(days, -719162);
    assert_int_equal(civil_days((struct civil){ 1970, 1, 1 }), 0);
    assert_int_equal(civil_days((struct civil){ 2000, 2, 29 }), 11016);
    for (; days <= 2932896; days++) { /* 9999-12-31 */
        struct civil c = civil_of_days(days);

        if (!civil_valid(c) || civil_days(c) != days)
            fail_msg("day %lld", (long long)days);
    }
    assert_int_equal(civil_of_days(2932896).year, 9999);
}

static void test_valid_weekday_years(void **state)
{
    (void)state;
    assert_true(civil_valid((struct civil){ 2024, 2, 29 }));
    assert_false(civil_valid((struct civil){ 2023, 2, 29 }));
    assert_false(civil_valid((struct civil){ 1900, 2, 29 }));
    assert_false(civil_valid((struct civil){ 1992, 2, 31 }));
    assert_false(civil_valid((struct civil){ 2024, 13, 1 }));
    assert_false(civil_valid((struct civil){ 0, 1, 1 }));
    assert_false(civil_valid((struct civil){ 2024, 4, 0 }));
    assert_int_equal(civil_weekday((struct civil){ 2026, 11, 24 }), 1);
    assert_int_equal(civil_weekday((struct civil){ 1969, 12, 28 }), 6);
    assert_int_equal(civil_years_between((struct civil){ 2008, 11, 24 },
                                         (struct civil){ 2026, 11, 23 }),
                     17);
    assert_int_equal(civil_years_between((struct civil){ 2008, 11, 24 },
                                         (struct civil){ 2026, 11, 24 }),
                     18);
    assert_int_equal(
        civil_years_between((struct civil){ 2008, 2, 29 }, (struct civil){ 2026, 2, 28 }),
        17);
    assert_int_equal(
        civil_years_between((struct civil){ 2008, 2, 29 }, (struct civil){ 2026, 3, 1 }),
        18);
    assert_int_equal(
        civil_compare((struct civil){ 2026, 1, 2 }, (struct civil){ 2026, 1, 1 }), 1);
}

static void test_civil_text(void **state)
{
    static const char *const bad[] = { "2026-1-01",   "2026-02-30", "20260101",
                                       "2026-01-01 ", "",           "2026/01/01",
                                       "+026-01-01",  "0000-01-01" };
    struct civil d = { 7, 7, 7 };
    char out[11];

    (void)state;
    assert_true(civil_parse("2026-11-24", 10, &d));
    civil_print(d, out);
    assert_string_equal(out, "2026-11-24");
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (civil_parse(bad[i], strlen(bad[i]), &d))
            fail_msg("%s", bad[i]);
    assert_int_equal(d.day, 24);
}

static const struct {
    const char *text;
    int64_t ms; /* INT64_MIN: refused */
} instants[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "2026-11-24T09:00:00.123Z", INT64_C(1795510800123) },
    { "2026-11-24T11:00:00.123456789+02:00", INT64_C(1795510800123) },
    { "2026-11-24T03:30:00.1-05:30", INT64_C(1795510800100) },
    { "1969-12-31T23:59:59.999Z", -1 },
    { "2026-11-24T23:59:59+14:00", INT64_C(1795514399000) },
    { "2026-11-24T09:00:00", INT64_MIN },
    { "2026-11-24 09:00:00Z", INT64_MIN },
    { "2026-11-24T24:00:00Z", INT64_MIN },
    { "2026-11-24T09:60:00Z", INT64_MIN },
    { "2026-11-24T09:00:60Z", INT64_MIN },
    { "2026-11-24T09:00:00.Z", INT64_MIN },
    { "2026-11-24T09:00:00+14:01", INT64_MIN },
    { "2026-11-24T09:00:00+1:00", INT64_MIN },
    { "2026-02-29T09:00:00Z", INT64_MIN },
    { "2026-11-24T09:00:00Zx", INT64_MIN },
    { "", INT64_MIN },
};

static void test_instants(void **state)
{
    char out[25], whole[21];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        int64_t ms = INT64_MIN;

        instant_parse(instants[i].text, strlen(instants[i].text), &ms);
        if (ms != instants[i].ms)
            fail_msg("%s gives %lld", instants[i].text, (long long)ms);
    }
    instant_print(INT64_C(1795510800123), out);
    assert_string_equal(out, "2026-11-24T09:00:00.123Z");
    instant_print(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
    instant_print_s(INT64_C(1795510800123), whole);
    assert_string_equal(whole, "2026-11-24T09:00:00Z");
}

static int64_t at(const char *text)
{
    int64_t ms = 0;

    if (!instant_parse(text, strlen(text), &ms))
        fail_msg("%s", text);
    return ms;
}

/* The C library, asked in a zone of its own, is the second opinion. */
static void test_zones_agree_with_the_c_library(void **state)
{
    static const char *const names[] = {
        "Europe/Chisinau",     "Europe/Kyiv",       "Europe/Minsk",
        "Europe/Tirane",       "America/New_York",  "Asia/Kathmandu",
        "Australia/Lord_Howe", "Africa/Casablanca", "UTC"
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct err err = { 0 };
        AUTO(zone_free) struct zone *zone = zone_open(names[i], &err);

        assert_non_null(zone);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t s = -INT64_C(1500000000); s < INT64_C(3900000000); s += 40009 * 7) {
            time_t t = (time_t)s;
            struct tm tm;

            localtime_r(&t, &tm);
            if (tm.tm_gmtoff != zone_offset_s(zone, s * 1000))
                fail_msg("%s at %lld: %ld, not %d", names[i], (long long)s, tm.tm_gmtoff,
                         zone_offset_s(zone, s * 1000));
        }
    }
    unsetenv("TZ");
    tzset();
}

static void test_days_begin_where_people_live(void **state)
{
    struct err err = { 0 };
    AUTO(zone_free) struct zone *md = zone_open("Europe/Chisinau", &err);
    AUTO(zone_free) struct zone *samoa = zone_open("Pacific/Apia", &err);
    AUTO(zone_free) struct zone *beirut = zone_open("Asia/Beirut", &err);

    (void)state;
    assert_int_equal(zone_day_start(md, (struct civil){ 2026, 11, 24 }),
                     at("2026-11-23T22:00:00Z"));
    assert_int_equal(zone_day_start(md, (struct civil){ 2026, 7, 1 }),
                     at("2026-06-30T21:00:00Z"));
    assert_int_equal(zone_date(md, at("2026-11-23T21:59:59.999Z")).day, 23);
    assert_int_equal(zone_date(md, at("2026-11-23T22:00:00Z")).day, 24);
    /* The clock goes from 24:00 to 01:00: that day has no midnight. */
    assert_int_equal(zone_day_start(beirut, (struct civil){ 2021, 3, 28 }),
                     at("2021-03-27T22:00:00Z"));
    /* 2011-12-30 did not happen there: the 31st began instead. */
    assert_int_equal(zone_day_start(samoa, (struct civil){ 2011, 12, 30 }),
                     at("2011-12-30T10:00:00Z"));
}

static void test_unknown_zones(void **state)
{
    static const char *const bad[] = {
        "",       "Europe/Nowhere", "../../etc/passwd", "/etc/localtime",
        "Europe", "Europe/Kyiv\n",  "zone.tab"
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };

        assert_null(zone_open(bad[i], &err));
        assert_string_equal(err.code, "zone.unknown");
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_is_a_value),
        cmocka_unit_test(test_days_of_all_dates),
        cmocka_unit_test(test_valid_weekday_years),
        cmocka_unit_test(test_civil_text),
        cmocka_unit_test(test_instants),
        cmocka_unit_test(test_zones_agree_with_the_c_library),
        cmocka_unit_test(test_days_begin_where_people_live),
        cmocka_unit_test(test_unknown_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
