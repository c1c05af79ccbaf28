/*
 * calendar.c - working days and deadlines, in the zone and by the calendar of whoever answers.
 *
 * A year without a calendar is an error, never a guess: a deadline that rests on unknown holidays is
 * none.
 */
#include "agreement/calendar.h"

#include "agreement/agreement_private.h"
#include "base/err.h"
#include "base/zone.h"

#define LOOK_MAX 2000 /* days looked at for one deadline */

static const struct calendar *calendar_of(const struct agreement *a, const char *id,
                                          int year)
{
    for (size_t i = 0; i < a->calendar_count; i++)
        if (a->calendars[i].year == year && text_eq(a->calendars[i].id, id))
            return &a->calendars[i];
    return NULL;
}

static bool named(const struct civil *list, size_t count, struct civil day)
{
    for (size_t i = 0; i < count; i++)
        if (civil_compare(list[i], day) == 0)
            return true;
    return false;
}

bool calendar_working_day(const struct agreement *a, const char *country,
                          struct civil day, bool *ret, struct err *err)
{
    const struct calendar *c = calendar_of(a, country, day.year);

    if (c == NULL)
        return err_set(err, ERR_CONFIG, "calendar.absent",
                       "agreement %s has no working days of %s for %d: add "
                       "agreements/calendars/%s-%d.json and the year to \"calendars\"",
                       a->id, country, day.year, country, day.year);
    if (named(c->on, c->on_count, day))
        *ret = true;
    else
        *ret = c->week[civil_weekday(day)] && !named(c->off, c->off_count, day);
    return true;
}

static struct civil next_day(struct civil day)
{
    return civil_of_days(civil_days(day) + 1);
}

bool calendar_add(const struct agreement *a, const char *country, struct civil day,
                  unsigned n, struct civil *ret, struct err *err)
{
    bool works = false;

    if (!calendar_working_day(a, country, day, &works, err))
        return false;
    for (unsigned looked = 0; n > 0 || !works; looked++) {
        if (looked == LOOK_MAX)
            return err_set(err, ERR_CONFIG, "calendar.absent",
                           "no working day of %s within %d days", country, LOOK_MAX);
        day = next_day(day);
        if (!calendar_working_day(a, country, day, &works, err))
            return false;
        if (works && n > 0 && --n == 0)
            break;
    }
    *ret = day;
    return true;
}

/* --- deadlines ------------------------------------------------------------------------------ */

static unsigned amount_of(const struct agreement *a, const struct due_rule *due,
                          const char *urgency)
{
    bool urgent = urgency != NULL && strlist_has(&a->urgent, urgency);

    return urgent && due->urgent > 0 ? due->urgent : due->amount;
}

static bool deadline_of(const struct agreement *a, const struct due_rule *due,
                        const struct party_rule *party, int64_t sent_ms,
                        const char *urgency, struct deadline *ret, struct err *err)
{
    struct deadline d = { .answer = due->answer,
                          .clause = due->clause.id,
                          .term = due->term,
                          .amount = amount_of(a, due, urgency) };
    struct civil sent = zone_date(party->zone, sent_ms);

    if (due->term == MESSAGE_HOURS) {
        d.until_ms = sent_ms + (int64_t)d.amount * HOUR_MS;
        d.day = zone_date(party->zone, d.until_ms - 1);
        *ret = d;
        return true;
    }
    d.day = civil_of_days(civil_days(sent) + d.amount);
    if (due->term == MESSAGE_WORKING_DAYS) {
        d.country = party->calendar;
        if (!calendar_add(a, party->calendar, sent, d.amount, &d.day, err))
            return false;
    }
    d.until_ms = zone_day_start(party->zone, next_day(d.day));
    *ret = d;
    return true;
}

size_t calendar_deadlines(const struct agreement *a, const char *kind, int64_t sent_ms,
                          const char *to_office, const char *urgency,
                          struct deadline *ret, size_t max, struct err *err)
{
    const struct agreement_office *office = agreement_office(a, to_office);
    uint32_t bit = message_bit(message_type_find(kind));
    size_t n = 0;

    for (size_t i = 0; office != NULL && i < a->due_count && n < max; i++) {
        const struct due_rule *due = &a->dues[i];

        if (due->message == bit &&
            deadline_of(a, due, party_rule_of(a, office->party->id), sent_ms, urgency,
                        &ret[n], err))
            n++;
    }
    return n;
}

bool calendar_respond_by(const struct agreement *a, const char *kind, int64_t sent_ms,
                         const char *to_office, const char *urgency, struct civil *ret,
                         struct err *err)
{
    struct deadline dues[8];
    struct err fault = { 0 };
    size_t n = calendar_deadlines(a, kind, sent_ms, to_office, urgency, dues,
                                  COUNT_OF(dues), &fault);
    const struct deadline *last = NULL;

    for (size_t i = 0; i < n; i++)
        if (last == NULL || dues[i].until_ms > last->until_ms)
            last = &dues[i];
    if (fault.kind != ERR_NONE) {
        *err = fault;
        return false;
    }
    if (last == NULL)
        return err_set(err, ERR_CONFIG, "calendar.no-term",
                       "agreement %s sets no term for an answer to %s", a->id, kind);
    *ret = last->day;
    return true;
}
