/*
 * clock.h - time as a value, so that tests own it. Instants are Unix milliseconds, UTC.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

struct clock {
    int64_t fixed_ms;  /* not 0: stands still there (tests, --at) */
    int64_t offset_ms; /* added to the real time */
};

extern const struct clock clock_real;

int64_t clock_now(const struct clock *clock); /* NULL: the real clock */
int64_t clock_monotonic(void);                /* ms since some start: for timers only */

/* A civil date, proleptic Gregorian. */
struct civil {
    int year, month, day; /* 1..9999, 1..12, 1..31 */
};

bool civil_valid(struct civil d);
int64_t civil_days(struct civil d); /* days since 1970-01-01 */
struct civil civil_of_days(int64_t days);
int civil_weekday(struct civil d); /* 0 Monday .. 6 Sunday */
int civil_compare(struct civil a, struct civil b);
/* Whole years from a to b, as ages are counted (29 February: 1 March). */
int civil_years_between(struct civil a, struct civil b);

/* YYYY-MM-DD, exactly. */
bool civil_parse(const char *text, size_t len, struct civil *ret);
void civil_print(struct civil d, char out[11]);

/*
 * RFC 3339 / xs:dateTime with any fraction (cut to ms) and offset or Z; a missing offset is
 * refused. Printed as YYYY-MM-DDThh:mm:ss.mmmZ.
 */
bool instant_parse(const char *text, size_t len, int64_t *ret_ms);
void instant_print(int64_t ms, char out[25]);
/* Without the fraction: YYYY-MM-DDThh:mm:ssZ. */
void instant_print_s(int64_t ms, char out[21]);

#endif
