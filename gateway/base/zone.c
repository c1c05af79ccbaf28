/*
 * zone.c - time zones from the system's TZif files (RFC 8536), version 2 and later.
 *
 * Transitions come from the file's 64-bit block; times after the last one follow the POSIX rule
 * in its footer, read here without touching the process's TZ. A file that breaks any of its
 * own counts is refused as unknown; nothing is guessed.
 */
#include "base/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define ZONE_FOLDER    "/usr/share/zoneinfo"
#define ZONE_NAME_MAX  64           /* octets */
#define ZONE_FILE_MAX  (256 * 1024) /* octets; the largest shipped has about 4 KiB */
#define ZONE_STEPS_MAX 4096         /* transitions */
#define ZONE_SPAN_S    (26 * 3600)  /* further than any offset from UTC */
#define DAY_S          INT64_C(86400)

/* One side of a rule: when in the year, and at which second of that day. */
struct when {
    char
        form; /* 'M' month.week.day, 'J' day 1..365 without 29 February, '0' day 0..365 */
    int month, week, day;
    int at_s;
};

/* The footer: standard time, and summer time between two days of the year. */
struct rule {
    bool given, has_dst;
    int std_s, dst_s; /* offsets east of UTC */
    struct when start, end;
};

struct zone {
    size_t count;
    int64_t *at_s;   /* instants of the transitions, ascending */
    int32_t *offset; /* from each on, seconds east of UTC */
    int32_t before;  /* before the first */
    struct rule rule;
};

/* --- the footer -------------------------------------------------------------------------- */

static bool rule_name(const char **p)
{
    const char *start = *p;

    if (*start == '<') {
        const char *end = strchr(start, '>');

        *p = end != NULL ? end + 1 : start;
        return end != NULL && end - start > 3;
    }
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
        (*p)++;
    return *p - start >= 3;
}

static bool rule_number(const char **p, int max, int *ret)
{
    int n = 0;

    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        n = n * 10 + (**p - '0');
        if (n > max)
            return false;
    }
    *ret = n;
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool rule_time(const char **p, int *ret_s)
{
    int sign = **p == '-' ? -1 : 1, h, m = 0, s = 0;

    if (**p == '-' || **p == '+')
        (*p)++;
    if (!rule_number(p, 167, &h))
        return false;
    if (**p == ':' && ((*p)++, !rule_number(p, 59, &m)))
        return false;
    if (**p == ':' && ((*p)++, !rule_number(p, 59, &s)))
        return false;
    *ret_s = sign * (h * 3600 + m * 60 + s);
    return true;
}

static bool take(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool rule_when(const char **p, struct when *ret)
{
    struct when w = { .form = '0', .at_s = 2 * 3600 };
    bool ok;

    if (take(p, 'M')) {
        w.form = 'M';
        ok = rule_number(p, 12, &w.month) && take(p, '.') && rule_number(p, 5, &w.week) &&
             take(p, '.') && rule_number(p, 6, &w.day) && w.month >= 1 && w.week >= 1;
    } else {
        w.form = take(p, 'J') ? 'J' : '0';
        ok = rule_number(p, 365, &w.day);
    }
    if (!ok || (take(p, '/') && !rule_time(p, &w.at_s)))
        return false;
    *ret = w;
    return true;
}

/* std offset [dst [offset] , start [/time] , end [/time]]; offsets there are west of UTC. */
static bool rule_parse(const char *p, struct rule *ret)
{
    struct rule rule = { .given = true };
    int west;

    if (*p == '\0') {
        *ret = (struct rule){ 0 };
        return true;
    }
    if (!rule_name(&p) || !rule_time(&p, &west))
        return false;
    rule.std_s = -west;
    rule.dst_s = rule.std_s + 3600;
    if (*p != '\0') {
        rule.has_dst = true;
        if (!rule_name(&p))
            return false;
        if (*p != ',') {
            if (!rule_time(&p, &west))
                return false;
            rule.dst_s = -west;
        }
        if (!take(&p, ',') || !rule_when(&p, &rule.start) || !take(&p, ',') ||
            !rule_when(&p, &rule.end))
            return false;
    }
    *ret = rule;
    return *p == '\0';
}

/* Days since 1970 of the day a rule names in a year. */
static int64_t when_day(const struct when *w, int year)
{
    int64_t first = civil_days((struct civil){ year, 1, 1 });
    int64_t month, day;

    if (w->form == '0')
        return first + w->day;
    if (w->form == 'J') {
        bool leap = civil_days((struct civil){ year, 3, 1 }) - first == 60;

        return first + w->day - 1 + (leap && w->day >= 60);
    }
    month = civil_days((struct civil){ year, w->month, 1 });
    day = month +
          ((w->day + 6) % 7 - civil_weekday((struct civil){ year, w->month, 1 }) + 7) % 7;
    day += 7 * (w->week - 1);
    if (civil_of_days(day).month != w->month)
        day -= 7;
    return day;
}

static int rule_offset(const struct rule *rule, int64_t instant_s)
{
    int64_t local = instant_s + rule->std_s;
    int64_t day = local / DAY_S - (local % DAY_S < 0);
    int64_t start, end;
    int year;

    if (!rule->has_dst)
        return rule->std_s;
    year = civil_of_days(day).year;
    start = when_day(&rule->start, year) * DAY_S + rule->start.at_s - rule->std_s;
    end = when_day(&rule->end, year) * DAY_S + rule->end.at_s - rule->dst_s;
    if (start < end)
        return instant_s >= start && instant_s < end ? rule->dst_s : rule->std_s;
    return instant_s >= start || instant_s < end ? rule->dst_s : rule->std_s;
}

/* --- the file ---------------------------------------------------------------------------- */

/* A cursor that never passes the end. */
struct cursor {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *take_octets(struct cursor *c, size_t len)
{
    const unsigned char *at = c->at;

    if (len > c->left)
        return NULL;
    c->at += len;
    c->left -= len;
    return at;
}

static uint64_t big_endian(const unsigned char *p, size_t octets)
{
    uint64_t n = 0;

    while (octets-- > 0)
        n = n << 8 | *p++;
    return n;
}

struct header {
    int version;
    size_t isut, isstd, leap, time, type, chars;
};

static bool take_header(struct cursor *c, struct header *ret)
{
    const unsigned char *p = take_octets(c, 44);

    if (p == NULL || memcmp(p, "TZif", 4) != 0)
        return false;
    ret->version = p[4];
    ret->isut = (size_t)big_endian(p + 20, 4);
    ret->isstd = (size_t)big_endian(p + 24, 4);
    ret->leap = (size_t)big_endian(p + 28, 4);
    ret->time = (size_t)big_endian(p + 32, 4);
    ret->type = (size_t)big_endian(p + 36, 4);
    ret->chars = (size_t)big_endian(p + 40, 4);
    return ret->time <= ZONE_STEPS_MAX && ret->type >= 1 && ret->type <= 256 &&
           ret->chars <= ZONE_FILE_MAX && ret->leap <= ZONE_STEPS_MAX &&
           ret->isut <= 256 && ret->isstd <= 256;
}

static bool take_steps(struct cursor *c, const struct header *h, struct zone *zone)
{
    const unsigned char *times = take_octets(c, h->time * 8);
    const unsigned char *indexes = take_octets(c, h->time);
    const unsigned char *types = take_octets(c, h->type * 6);

    if (times == NULL || indexes == NULL || types == NULL ||
        take_octets(c, h->chars + h->leap * 12 + h->isstd + h->isut) == NULL)
        return false;
    zone->at_s = mem_array(h->time, sizeof *zone->at_s);
    zone->offset = mem_array(h->time, sizeof *zone->offset);
    zone->before = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < h->time; i++) {
        if (indexes[i] >= h->type)
            return false;
        zone->at_s[i] = (int64_t)big_endian(times + 8 * i, 8);
        zone->offset[i] = (int32_t)big_endian(types + (size_t)6 * indexes[i], 4);
        if (i > 0 && zone->at_s[i] <= zone->at_s[i - 1])
            return false;
    }
    zone->count = h->time;
    return true;
}

static bool take_footer(struct cursor *c, struct zone *zone)
{
    const unsigned char *end;
    AUTO(mem_free) char *text = NULL;

    if (c->left < 2 || c->at[0] != '\n')
        return false;
    end = memchr(c->at + 1, '\n', c->left - 1);
    if (end == NULL)
        return false;
    text = mem_strndup((const char *)c->at + 1, (size_t)(end - c->at) - 1);
    return rule_parse(text, &zone->rule);
}

static bool zone_parse(const struct buf *file, struct zone *zone)
{
    struct cursor c = { (const unsigned char *)file->data, file->len };
    struct header h;

    if (!take_header(&c, &h) || h.version < '2' ||
        take_octets(&c, h.time * 5 + h.type * 6 + h.chars + h.leap * 8 + h.isstd +
                            h.isut) == NULL)
        return false;
    return take_header(&c, &h) && take_steps(&c, &h, zone) && take_footer(&c, zone);
}

/* --- the door ---------------------------------------------------------------------------- */

static bool name_valid(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= ZONE_NAME_MAX && name[0] != '/' &&
           strstr(name, "..") == NULL &&
           strspn(name,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               len;
}

void zone_free(struct zone **zone)
{
    if (*zone == NULL)
        return;
    mem_free(&(*zone)->at_s);
    mem_free(&(*zone)->offset);
    mem_free(zone);
}

struct zone *zone_open(const char *name, struct err *err)
{
    AUTO(zone_free) struct zone *zone = mem_alloc(sizeof *zone);
    AUTO(buf_free) struct buf file = BUF_INIT(ZONE_FILE_MAX);
    AUTO(mem_free) char *path = NULL;

    if (text_eq(name, "UTC"))
        return TAKE(zone);
    if (!name_valid(name)) {
        err_set(err, ERR_CONFIG, "zone.unknown",
                "\"%s\" is not a time zone's name; an example is Europe/Chisinau", name);
        return NULL;
    }
    path = path_join(ZONE_FOLDER, name);
    if (!file_read(path, &file, err) || !zone_parse(&file, zone)) {
        err_set(err, ERR_CONFIG, "zone.unknown",
                "time zone \"%s\" is not in " ZONE_FOLDER
                " or cannot be read there; is tzdata installed?",
                name);
        return NULL;
    }
    return TAKE(zone);
}

static int64_t seconds_of(int64_t ms)
{
    return ms / SECOND_MS - (ms % SECOND_MS < 0);
}

static int offset_at(const struct zone *zone, int64_t instant_s)
{
    size_t low = 0, high = zone->count;

    if (zone->rule.given && (high == 0 || instant_s >= zone->at_s[high - 1]))
        return rule_offset(&zone->rule, instant_s);
    while (low < high) { /* how many transitions are not after the instant */
        size_t mid = low + (high - low) / 2;

        if (zone->at_s[mid] <= instant_s)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? zone->before : zone->offset[low - 1];
}

int zone_offset_s(const struct zone *zone, int64_t instant_ms)
{
    return offset_at(zone, seconds_of(instant_ms));
}

static int64_t day_at(const struct zone *zone, int64_t instant_s)
{
    int64_t local = instant_s + offset_at(zone, instant_s);

    return local / DAY_S - (local % DAY_S < 0);
}

struct civil zone_date(const struct zone *zone, int64_t instant_ms)
{
    return civil_of_days(day_at(zone, seconds_of(instant_ms)));
}

/*
 * Walks forward in quarters of an hour to the first one in that day (or, where the day was
 * left out of the calendar, in the next), then halves to the second.
 */
int64_t zone_day_start(const struct zone *zone, struct civil day)
{
    const int64_t step = 900;
    int64_t want = civil_days(day);
    int64_t at = want * DAY_S - ZONE_SPAN_S, before;

    while (day_at(zone, at) < want)
        at += step;
    for (before = at - step; at - before > 1;) {
        int64_t mid = before + (at - before) / 2;

        if (day_at(zone, mid) < want)
            before = mid;
        else
            at = mid;
    }
    return at * SECOND_MS;
}
