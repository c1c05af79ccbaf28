/*
 * kind_date.c - dates with their precision, instants, and two dates in one text.
 *
 * Nothing is made more precise than it was: a form that cannot say "only the year" says it in another
 * field or in words (`precision`), or the date is not written and the loss says so.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/zone.h"
#include "mapping/mapping_private.h"
#include "model/date.h"

enum precision_way {
    PRECISION_NONE,
    PRECISION_LENGTH,
    PRECISION_ZEROS,
    PRECISION_FIELD,
    PRECISION_MARK,
};

struct date_options {
    const char *form;
    enum precision_way way;
    const char *words[3]; /* by enum date_precision */
    struct trail *field;
    const char *note_id;
    const struct rule *note;
    /* period */
    const char *sep;
    struct trail *until;
    /* date-time */
    bool offset, fraction;
    struct zone *zone;
};

static const char *const date_keys[] = { "form", "precision", "sep", "zone", NULL };

/* --- options ----------------------------------------------------------------------------- */

static void parse_precision(struct compile *c, struct rule *rule,
                            struct date_options *options, const struct json_at *at)
{
    struct json_at precision = json_member(at, "precision");

    if (precision.value == NULL)
        return;
    if (json_is_string(precision.value)) {
        const char *word = json_string_value(precision.value);

        options->way = text_eq(word, "length")  ? PRECISION_LENGTH
                       : text_eq(word, "zeros") ? PRECISION_ZEROS
                                                : PRECISION_NONE;
        if (options->way == PRECISION_NONE)
            compile_error(c, &precision, rule->id, "E-OPTION",
                          "write \"length\", \"zeros\", or an object",
                          "\"%s\" is no way to say a precision", word);
        return;
    }
    for (int i = 0; i < 3; i++)
        options->words[i] =
            compile_text(c, &precision, date_precision_name((enum date_precision)i));
    options->note_id = compile_text(c, &precision, "mark");
    options->field =
        options->note_id == NULL ? compile_path(c, &precision, "at", rule->id) : NULL;
    options->way = options->note_id != NULL ? PRECISION_MARK
                   : options->field != NULL ? PRECISION_FIELD
                                            : PRECISION_NONE;
    if (options->way == PRECISION_NONE)
        compile_error(c, &precision, rule->id, "E-OPTION",
                      "write \"at\" (a field) or \"mark\" (the id of a note rule)",
                      "the precision says neither in which field nor in which note");
}

static bool date_parse_options(struct compile *c, struct rule *rule,
                               const struct json_at *at)
{
    struct date_options *options = arena_alloc(&c->map->arena, sizeof *options);

    options->form = compile_text(c, at, "form");
    rule->options = options;
    if (options->form == NULL)
        options->form = "YYYY-MM-DD";
    if (!date_form_valid(options->form)) {
        compile_error(c, at, rule->id, "E-OPTION", "write for example \"DD.MM.YYYY\"",
                      "the date form is not understood");
        return false;
    }
    parse_precision(c, rule, options, at);
    return true;
}

static void date_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct date_options *options = rule->options;

    if (options->field != NULL && !compile_second(c, rule, options->field, false))
        compile_error(c, at, rule->id, "E-PATH", "look at the form's schema",
                      "the field of the precision leads nowhere");
    if (options->note_id == NULL)
        return;
    options->note = rule_by_id(c, options->note_id);
    if (options->note == NULL || options->note->kind != &kind_note) {
        compile_error(c, at, rule->id, "E-REFERENCE",
                      "use the id of a note rule of this message",
                      "there is no note \"%s\"", options->note_id);
        return;
    }
    for (int i = 0; i < 3; i++)
        if (options->words[i] != NULL)
            note_expect(options->note, options->words[i]);
}

static bool date_writes(const struct rule *rule, const struct shape *shape)
{
    const struct date_options *options = rule->options;

    return options->field != NULL && options->field->shape == shape;
}

/* --- dates ------------------------------------------------------------------------------- */

static enum date_partial partial_of(const struct date_options *options)
{
    return options->way == PRECISION_LENGTH  ? DATE_LENGTH
           : options->way == PRECISION_ZEROS ? DATE_ZEROS
                                             : DATE_WHOLE;
}

static void said_elsewhere(struct run *run, const struct rule *rule, struct date *date)
{
    const struct date_options *options = rule->options;
    xmlNode *node = options->way != PRECISION_FIELD || run->scope == NULL
                        ? NULL
                        : trail_first(run, run->scope, options->field);
    const char *word = node == NULL ? NULL : node_text(run, node);

    for (int i = 0; i < 3; i++)
        if (options->words[i] != NULL &&
            (options->way == PRECISION_MARK
                 ? note_has_mark(run, options->note, options->words[i])
                 : text_eq(word, options->words[i])))
            date->precision = (enum date_precision)i;
    if (date->precision != DATE_DAY)
        date->day = 1;
    if (date->precision == DATE_YEAR)
        date->month = 1;
}

static void bad_date(struct run *run, const struct rule *rule, xmlNode *field,
                     const struct err *err)
{
    const struct date_options *options = rule->options;

    report_loss(run, rule, LOSS_INVALID, field, NULL, node_value(run, field), NULL,
                "it is no date");
    report_problem(run, rule, field, "E-DATE",
                   text_eq(err->code, "date.no-such-day")
                       ? "look at the day and the month: this day is in no calendar"
                       : "write the date as the annex says",
                   "%s (form %s)",
                   text_eq(err->code, "date.no-such-day") ? "this day does not exist"
                   : text_eq(err->code, "date.range")     ? "the year is out of range"
                                                          : "this is no date of the form",
                   options->form);
}

static void put_date(struct run *run, const struct rule *rule, struct place *dst,
                     const struct trail *to, struct date date)
{
    static const char *const names[] = { "day", "month", "year" };
    char text[DATE_TEXT];
    struct out *out;

    date_print_canonical(date, text);
    if (date.precision != DATE_DAY && shape_kid(to->shape, "precision", true) == NULL) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, NULL, NULL, text, NULL,
                    "the canonical field holds whole dates only");
        return;
    }
    out = put(run, rule, dst, to, arena_text(&run->arena, text));
    out_attr(run, out, "precision", names[date.precision]);
}

static void date_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *text, struct place *dst)
{
    const struct date_options *options = rule->options;
    struct str cut = str_trim(str_of(text));
    struct date date;
    struct err err;

    if (!date_parse(cut.ptr, cut.len, options->form, partial_of(options), &date, &err)) {
        bad_date(run, rule, field, &err);
        return;
    }
    said_elsewhere(run, rule, &date);
    put_date(run, rule, dst, rule->to, date);
}

/* An instant gives its day; what had no hour before loses nothing. */
static bool day_of_value(struct run *run, const struct rule *rule, xmlNode *node,
                         const char *text, struct date *ret)
{
    struct err err;

    if (strchr(text, 'T') == NULL)
        return date_parse_canonical(text, ret, &err);
    if (rule->canonical != NULL && !text_eq(rule->plain_to, "Header/OfficeDate") &&
        !text_eq(rule->plain_to, "Header/CreatedAt"))
        report_loss(run, rule, LOSS_NARROWED, node, NULL, text, NULL,
                    "the form has no time of day");
    return date_parse_canonical(arena_dup(&run->arena, text, 10), ret, &err);
}

static const char *date_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    const struct date_options *options = rule->options;
    const char *text = node_text(run, node);
    char out[DATE_TEXT];
    struct date date;
    enum date_precision was;

    if (text == NULL || !day_of_value(run, rule, node, text, &date))
        return NULL;
    was = date.precision;
    if (was != DATE_DAY &&
        (options->way == PRECISION_FIELD || options->way == PRECISION_MARK)) {
        if (options->words[was] == NULL) {
            report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, text, NULL,
                        "the form cannot say a date of this precision");
            return NULL;
        }
        if (options->way == PRECISION_MARK)
            note_mark(run, options->note, options->words[was]);
        date.precision = DATE_DAY;
    }
    if (options->way == PRECISION_FIELD && options->words[was] != NULL)
        emit(run, rule, node, dst, options->field, options->words[was],
             options->field->shape);
    if (!date_print(date, options->form, partial_of(options), out)) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, text, NULL,
                    "the form cannot say a date of this precision");
        return NULL;
    }
    if (strstr(options->form, "DD") == NULL && was == DATE_DAY &&
        options->way != PRECISION_LENGTH)
        report_loss(run, rule, LOSS_NARROWED, node, NULL, text, out,
                    "the form has no place for the day");
    return arena_text(&run->arena, out);
}

const struct kind kind_date = { .name = "date",
                                .keys = date_keys,
                                .parse = date_parse_options,
                                .check = date_check,
                                .writes = date_writes,
                                .take = date_take,
                                .say = date_say };

/* --- instants ---------------------------------------------------------------------------- */

static bool time_parse_options(struct compile *c, struct rule *rule,
                               const struct json_at *at)
{
    struct date_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *zone = compile_text(c, at, "zone");
    struct err err;

    options->form = compile_text(c, at, "form");
    rule->options = options;
    options->offset = text_eq(options->form, "offset");
    if (options->form != NULL && !options->offset && !text_eq(options->form, "utc")) {
        compile_error(c, at, rule->id, "E-OPTION", "write \"utc\" or \"offset\"",
                      "\"%s\" is no way to write an instant", options->form);
        return false;
    }
    if (options->offset) {
        options->zone = zone_open(zone == NULL ? "UTC" : zone, &err);
        if (options->zone == NULL) {
            compile_error(c, at, rule->id, "E-OPTION",
                          "write for example \"Europe/Kyiv\"",
                          "the time zone is not known here");
            return false;
        }
        c->map->zones = mem_grow(c->map->zones, c->map->zone_count, &c->map->zone_cap,
                                 sizeof *c->map->zones);
        c->map->zones[c->map->zone_count++] = options->zone;
    }
    return true;
}

static const char *instant_text(struct run *run, int64_t ms)
{
    char text[25];

    if (ms % SECOND_MS == 0)
        instant_print_s(ms, text);
    else
        instant_print(ms, text);
    return arena_text(&run->arena, text);
}

static void time_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *text, struct place *dst)
{
    struct str cut = str_trim(str_of(text));
    int64_t ms;

    if (!instant_parse(cut.ptr, cut.len, &ms)) {
        report_loss(run, rule, LOSS_INVALID, field, NULL, text, NULL, "it is no instant");
        report_problem(run, rule, field, "E-DATE",
                       "write for example 2026-11-05T08:30:00Z",
                       "this is no date and time with its zone");
        return;
    }
    put(run, rule, dst, rule->to, instant_text(run, ms));
}

static const char *with_offset(struct run *run, const struct zone *zone, int64_t ms)
{
    int offset = zone_offset_s(zone, ms);
    const char *utc = instant_text(run, ms + (int64_t)offset * SECOND_MS);
    int minutes = (offset < 0 ? -offset : offset) / 60;

    return arena_printf(&run->arena, "%.*s%c%02d:%02d", (int)(strlen(utc) - 1), utc,
                        offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static const char *time_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    const struct date_options *options = rule->options;
    const char *text = node_text(run, node);
    struct civil day;
    int64_t ms;

    (void)dst;
    if (text == NULL)
        return NULL;
    if (!instant_parse(text, strlen(text), &ms)) {
        if (rule->other_count > 0 || !civil_parse(text, strlen(text), &day))
            return NULL; /* `else` knows the time */
        ms = options->zone == NULL ? civil_days(day) * DAY_MS
                                   : zone_day_start(options->zone, day);
        report_loss(run, rule, LOSS_NORMALISED, node, NULL, text, NULL,
                    "the time of day is not known; the beginning of the day stands");
    }
    return options->offset ? with_offset(run, options->zone, ms) : instant_text(run, ms);
}

const struct kind kind_date_time = { .name = "date-time",
                                     .keys = date_keys,
                                     .parse = time_parse_options,
                                     .take = time_take,
                                     .say = time_say };

/* --- two dates in one text --------------------------------------------------------------- */

static bool period_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct date_options *options;
    struct json_at to = json_member(at, "to"), second = json_item(&to, 1);
    const char *why;

    if (!date_parse_options(c, rule, at))
        return false;
    options = rule->options;
    options->sep = compile_text(c, at, "sep");
    if (options->sep == NULL)
        options->sep = "-";
    if (!json_is_array(to.value) || !json_is_string(second.value)) {
        compile_error(c, at, rule->id, "E-OPTION", "write \"to\": [\"Start\", \"End\"]",
                      "a period needs two canonical paths");
        return false;
    }
    options->until =
        trail_parse(&c->map->arena, c->map->names, json_string_value(second.value), &why);
    if (options->until == NULL) {
        compile_error(c, &second, rule->id, "E-PATH", NULL,
                      "the path is not understood: %s", why);
        return false;
    }
    return true;
}

static void period_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct date_options *options = rule->options;

    if (!compile_second(c, rule, options->until, true))
        compile_error(c, at, rule->id, "E-PATH",
                      "look at mappings/canonical/referral-1.xsd",
                      "the second canonical path of the period leads nowhere");
}

static void period_take(struct run *run, const struct rule *rule, xmlNode *field,
                        const char *text, struct place *dst)
{
    const struct date_options *options = rule->options;
    const char *sep = strstr(text, options->sep);
    struct str half[2];

    half[0] =
        str_trim((struct str){ text, sep == NULL ? strlen(text) : (size_t)(sep - text) });
    half[1] = sep == NULL ? str_of("") : str_trim(str_of(sep + strlen(options->sep)));
    for (int i = 0; i < 2; i++) {
        struct date date;
        struct err err;

        if (half[i].len == 0)
            continue;
        if (!date_parse(half[i].ptr, half[i].len, options->form, partial_of(options),
                        &date, &err))
            bad_date(run, rule, field, &err);
        else
            put_date(run, rule, dst, i == 0 ? rule->to : options->until, date);
    }
}

static const char *half_say(struct run *run, const struct rule *rule, xmlNode *src,
                            const struct trail *path)
{
    const struct date_options *options = rule->options;
    xmlNode *node = src == NULL ? NULL : trail_first(run, src, path);
    const char *text = node_text(run, node);
    char out[DATE_TEXT];
    struct date date;

    if (text == NULL || !day_of_value(run, rule, node, text, &date))
        return "";
    if (!date_print(date, options->form, partial_of(options), out)) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, text, NULL,
                    "the form cannot say a date of this precision");
        return "";
    }
    if (strstr(options->form, "DD") == NULL && date.precision == DATE_DAY)
        report_loss(run, rule, LOSS_NARROWED, node, NULL, text, out,
                    "the form has no place for the day");
    return arena_text(&run->arena, out);
}

static void period_read(struct run *run, const struct rule *rule, xmlNode *src,
                        struct place *dst)
{
    xmlNode *field = src == NULL ? NULL : trail_first(run, src, rule->at);
    const char *text = node_text(run, field);

    if (text != NULL)
        period_take(run, rule, field, text, dst);
    else if (rule->required)
        report_problem(run, rule, field == NULL ? src : field, "E-MISSING",
                       "fill in the field", "a value is needed and there is none");
}

static void period_write(struct run *run, const struct rule *rule, xmlNode *src,
                         struct place *dst)
{
    const struct date_options *options = rule->options;
    const char *from = half_say(run, rule, src, rule->to);
    const char *until = half_say(run, rule, src, options->until);

    if (*from != '\0' || *until != '\0')
        emit(run, rule, NULL, dst, rule->at,
             arena_printf(&run->arena, "%s%s%s", from, options->sep, until),
             rule->national);
}

const struct kind kind_period = { .name = "period",
                                  .keys = date_keys,
                                  .parse = period_parse,
                                  .check = period_check,
                                  .read = period_read,
                                  .write = period_write };
