/*
 * calendar.h - working days, as data: agreements/calendars/CC-YEAR.json.
 *
 * A day is a working day when it falls on a weekday of the country's week and is no holiday of the
 * file, or is named there as a working day moved to a weekend.
 */
#ifndef AGREEMENT_CALENDAR_H
#define AGREEMENT_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "model/message.h"

struct agreement;
struct err;

/* ERR_CONFIG "calendar.absent": there is no file for that country and year. */
bool calendar_working_day(const struct agreement *a, const char *country,
                          struct civil day, bool *ret, struct err *err) NODISCARD;

/* The n-th working day after `day` (n 0: the day itself, or the next working day). */
bool calendar_add(const struct agreement *a, const char *country, struct civil day,
                  unsigned n, struct civil *ret, struct err *err) NODISCARD;

struct deadline {
    const char *answer; /* "M04" */
    const char *clause;
    const char *country; /* whose working days were counted; NULL: hours or days */
    enum message_term term;
    unsigned amount;
    struct civil
        day; /* last day on which it is in time, in the zone of the answering party */
    int64_t until_ms; /* first instant that is too late */
};

/*
 * When the answers to a message are due, which was sent at an instant by one office to another:
 * up to max of them, in the order of the agreement. urgent: the case's urgency is one the agreement
 * has shorter terms for. Fewer when a calendar is missing, with the reason in *err (kind not NONE).
 */
size_t calendar_deadlines(const struct agreement *a, const char *kind, int64_t sent_ms,
                          const char *to_office, const char *urgency,
                          struct deadline *ret, size_t max, struct err *err);

/* The day to write as Header/RespondBy: that of the latest deadline. False: no answer is due. */
bool calendar_respond_by(const struct agreement *a, const char *kind, int64_t sent_ms,
                         const char *to_office, const char *urgency, struct civil *ret,
                         struct err *err) NODISCARD;

#endif
