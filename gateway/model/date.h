/*
 * date.h - dates as forms write them, with a precision.
 *
 * A form is a pattern of YYYY, MM, DD and separators: "YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY",
 * "YYYY-MM", "MM.YYYY", "YYYY". Years 1850 to 2199; a day that does not exist is refused.
 */
#ifndef MODEL_DATE_H
#define MODEL_DATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/clock.h"

struct err;

enum date_precision {
    DATE_DAY,
    DATE_MONTH,
    DATE_YEAR,
};
const char *date_precision_name(enum date_precision precision); /* "day" ... */
bool date_precision_find(const char *name, enum date_precision *ret);

struct date {
    int year, month, day; /* what the precision leaves out is 1 */
    enum date_precision precision;
};

#define DATE_TEXT 16 /* octets of a printed date with NUL */

bool date_form_valid(const char *form);

/* How a form says that less than the day is known. */
enum date_partial {
    DATE_WHOLE,  /* it cannot: only whole dates are read */
    DATE_ZEROS,  /* 00.05.1998, 00.00.1998 */
    DATE_LENGTH, /* 1998-05, 1998: the form's tail left out */
};

/*
 * All of the text. ERR_REJECT "date.form" (names the form, not the text), "date.no-such-day",
 * "date.range" (year out of range). The precision of a form without DD is month, without MM year.
 */
bool date_parse(const char *text, size_t len, const char *form, enum date_partial partial,
                struct date *ret, struct err *err) NODISCARD;

/* False when the form cannot say the date's precision. A form without DD or MM drops it. */
bool date_print(struct date date, const char *form, enum date_partial partial,
                char out[DATE_TEXT]) NODISCARD;

/* Canonical: YYYY, YYYY-MM, YYYY-MM-DD; the precision is that of the length. */
bool date_parse_canonical(const char *text, struct date *ret, struct err *err) NODISCARD;
void date_print_canonical(struct date date, char out[DATE_TEXT]);

struct civil date_first(struct date date); /* first and last day it may mean */
struct civil date_last(struct date date);
bool date_possible(struct date a, struct date b); /* they may mean the same day */

#endif
