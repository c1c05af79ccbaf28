/*
 * check.c - contradictions, gaps and ends of an agreement, each with file, line, clause, remedy.
 *
 * Reading (parse_*.c) has made sure that every word is known; here the question is whether the
 * clauses can hold together, whether each can ever decide anything, and how long all of it lasts.
 */
#include "agreement/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "agreement/agreement_private.h"
#include "base/zone.h"
#include "model/findings.h"
#include "model/path.h"

#define EXPIRY_DAYS_A_MONTH 30

struct audit {
    const struct agreement *a;
    struct civil today;
    struct report *ret;
};

static void tell(const struct audit *audit, const char *code, const struct clause *clause,
                 const char *remedy, const char *fmt, ...) PRINTF_LIKE(5, 6);

static void tell(const struct audit *audit, const char *code, const struct clause *clause,
                 const char *remedy, const char *fmt, ...)
{
    char text[400];
    va_list args;
    const struct clause *at = clause != NULL ? clause : &audit->a->clause;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    report_add(audit->ret, &(struct report_entry){
                               .code = code,
                               .file = at->place.file,
                               .line = at->place.line,
                               .rule = clause != NULL ? clause->id : NULL,
                               .text = text,
                               .remedy = remedy,
                           });
}

/* --- messages ------------------------------------------------------------------------------- */

static bool catalogue_carries(const struct audit *audit, const struct message_type *type,
                              enum category category)
{
    const struct path_table *paths = audit->a->paths;

    for (size_t i = 0; i < path_count(paths); i++) {
        const struct path_row *row = path_at(paths, i);

        if (row->category == category && message_carries(type, row->path, category, true))
            return true;
    }
    return false;
}

static bool is_excluded(const struct agreement *a, enum category category)
{
    for (size_t i = 0; i < a->excluded_count; i++)
        if (a->excluded[i].category == category)
            return true;
    return false;
}

static bool has_purpose(const struct agreement *a, const struct message_rule *rule,
                        enum category category)
{
    if (category == CATEGORY_ADMIN || category == CATEGORY_CONSENT)
        return true;
    for (unsigned p = 0; p < PURPOSE_COUNT; p++) {
        const struct purpose_rule *purpose = &a->purposes[p];

        if (!purpose->present ||
            (rule->purposes != 0 && (rule->purposes & (1u << p)) == 0))
            continue;
        if ((purpose->categories & category_bit(category)) != 0)
            return true;
        for (size_t i = 0; i < purpose->field_count; i++)
            if (path_find(a->paths, purpose->fields[i].path)->category == category)
                return true;
    }
    return false;
}

static void check_category(const struct audit *audit, const struct message_type *type,
                           const struct message_rule *rule, enum category category)
{
    bool must = (rule->must & category_bit(category)) != 0;
    const char *name = category_name(category);

    if (must && (rule->may & category_bit(category)) != 0)
        tell(audit, "E-CONTRADICTION", &rule->clause, "name it once",
             "%s both must and may carry %s", type->id, name);
    if (!catalogue_carries(audit, type, category))
        tell(audit, must ? "E-CONTRADICTION" : "W-NO-EFFECT", &rule->clause,
             "take it out: the message type is the ceiling",
             "%s can never carry %s, whatever an agreement says", type->id, name);
    else if (is_excluded(audit->a, category))
        tell(audit, must ? "E-CONTRADICTION" : "I-NOTE", &rule->clause,
             "take it out, or the exclusion",
             "%s names %s, which the agreement leaves out altogether", type->id, name);
    else if (!has_purpose(audit->a, rule, category))
        tell(audit, must ? "E-CONTRADICTION" : "W-NO-EFFECT", &rule->clause,
             "let a purpose cover it, or take it out",
             "no purpose that counts for %s covers %s: no consent could let it pass",
             type->id, name);
}

static void check_only(const struct audit *audit, const struct message_type *type,
                       const struct message_rule *rule, enum category category)
{
    const struct strlist *only = &rule->only[category];

    if (only->count > 0 && ((rule->must | rule->may) & category_bit(category)) == 0)
        tell(audit, "W-NO-EFFECT", &rule->clause,
             "allow the category, or take the list out",
             "%s lists fields of %s without allowing %s", type->id,
             category_name(category), category_name(category));
    for (size_t i = 0; i < only->count; i++) {
        const struct path_row *row = path_find(audit->a->paths, only->items[i]);

        if (row->category != category)
            tell(audit, "E-CONTRADICTION", &rule->clause, "put it under its own category",
                 "%s lists %s under %s, but it is %s", type->id, row->path,
                 category_name(category), category_name(row->category));
    }
}

static bool somebody_sends(const struct agreement *a, const struct message_type *type)
{
    for (size_t i = 0; i < a->role_count; i++)
        for (size_t j = 0; j < a->roles[i].send_count; j++)
            if ((a->roles[i].sends[j].messages & message_bit(type)) != 0)
                return true;
    return false;
}

static void check_message(const struct audit *audit, const struct message_type *type,
                          const struct message_rule *rule)
{
    for (unsigned c = 1; c < CATEGORY_COUNT; c++) {
        if (((rule->must | rule->may) & category_bit((enum category)c)) != 0)
            check_category(audit, type, rule, (enum category)c);
        check_only(audit, type, rule, (enum category)c);
    }
    if ((rule->must & category_bit(CATEGORY_ADMIN)) == 0)
        tell(audit, "E-CONTRADICTION", &rule->clause, "add ADMIN to what it must carry",
             "%s must carry ADMIN: without case numbers nobody can answer it", type->id);
    for (unsigned p = 0; p < PURPOSE_COUNT; p++)
        if ((rule->consent & (1u << p)) != 0 && !audit->a->purposes[p].present)
            tell(audit, "E-CONTRADICTION", &rule->clause,
                 "define the purpose, or ask for another",
                 "%s asks for a consent for %s, which is no purpose of the agreement",
                 type->id, purpose_name((enum purpose)p));
    if (!somebody_sends(audit->a, type))
        tell(audit, "W-NO-EFFECT", &rule->clause, "give a role the right, or take it out",
             "no office may send %s", type->id);
}

static void check_messages(const struct audit *audit)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (audit->a->messages[i].present)
            check_message(audit, message_type_at(i), &audit->a->messages[i]);
    if (!audit->a->messages[0].present || audit->a->messages[0].consent == 0)
        tell(audit, "E-CLAUSE-MISSING", &audit->a->messages[0].clause,
             "name the purposes of the base consent in M01",
             "M01 without a base consent: nobody could be referred lawfully");
}

/* --- fields --------------------------------------------------------------------------------- */

static bool both_apply(const struct field_rule *a, const struct field_rule *b)
{
    if (a->messages != 0 && b->messages != 0 && (a->messages & b->messages) == 0)
        return false;
    return a->states.before == NULL && b->states.before == NULL &&
           a->states.in.count == 0 && b->states.in.count == 0;
}

static bool message_allows(const struct message_rule *rule, const struct path_row *row)
{
    if (((rule->must | rule->may) & category_bit(row->category)) == 0)
        return false;
    return rule->only[row->category].count == 0 ||
           paths_envelope(&rule->only[row->category], row->path);
}

static void check_required_field(const struct audit *audit, const struct field_rule *rule)
{
    const struct path_row *row = path_find(audit->a->paths, rule->path);

    for (size_t m = 0; m < MESSAGE_COUNT; m++) {
        const struct message_rule *message = &audit->a->messages[m];

        if (!message->present || row->category == CATEGORY_NONE ||
            (rule->messages != 0 && (rule->messages & (UINT32_C(1) << m)) == 0))
            continue;
        if (is_excluded(audit->a, row->category) || !message_allows(message, row))
            tell(audit, "E-CONTRADICTION", &rule->clause,
                 "allow it in that message, or do not require it",
                 "%s is required in %s, where it may not go (art. %s)", rule->path,
                 message_type_at(m)->id, message->clause.id);
    }
}

static void check_fields(const struct audit *audit)
{
    const struct agreement *a = audit->a;

    for (size_t i = 0; i < a->field_count; i++) {
        if (a->fields[i].use == FIELD_REQUIRED)
            check_required_field(audit, &a->fields[i]);
        for (size_t j = i + 1; j < a->field_count; j++) {
            const struct field_rule *one = &a->fields[i], *two = &a->fields[j];

            if (one->use != two->use && text_eq(one->path, two->path) &&
                both_apply(one, two))
                tell(audit, "E-CONTRADICTION", &two->clause, "keep one of the two",
                     "%s is decided differently in art. %s", two->path, one->clause.id);
        }
    }
}

/* --- parties and legs ----------------------------------------------------------------------- */

static void check_gap(const struct audit *audit, const struct party_rule *p,
                      const char *what, const struct basis *list, size_t count)
{
    struct civil day = audit->a->term.from;

    if (count == 0) {
        tell(audit, "E-CLAUSE-MISSING", &p->clause, "name it with its dates",
             "party %s has no %s", p->pub.id, what);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char text[11];

        if (civil_compare(list[i].term.from, day) > 0) {
            civil_print(day, text);
            tell(audit, "E-CLAUSE-MISSING", &p->clause, "let the dates follow each other",
                 "party %s has no %s from %s on, until the next begins", p->pub.id, what,
                 text);
            return;
        }
        if (list[i].term.open)
            return;
        if (civil_compare(list[i].term.to, day) >= 0)
            day = civil_of_days(civil_days(list[i].term.to) + 1);
    }
    if (audit->a->term.open || civil_compare(day, audit->a->term.to) <= 0) {
        char text[11];

        civil_print(day, text);
        tell(audit, "E-CLAUSE-MISSING", &p->clause, "name what follows",
             "party %s has no %s from %s on", p->pub.id, what, text);
    }
}

static bool in_a_leg(const struct agreement *a, const char *party)
{
    for (size_t i = 0; i < a->leg_count; i++)
        if (text_eq(a->legs[i].pub.from, party) || text_eq(a->legs[i].pub.to, party))
            return true;
    return false;
}

static const char *two_levels(const json_t *focal, const char *party)
{
    bool level[4] = { false };
    json_t *point;
    size_t i;

    json_array_foreach (focal, i, point) {
        json_int_t n = json_integer_value(json_object_get(point, "level"));

        if (text_eq(json_string_value(json_object_get(point, "party")), party) && n > 0 &&
            n < 4)
            level[n] = true;
    }
    return !level[1] ? "an officer" : !level[2] ? "an escalation" : NULL;
}

static void check_party(const struct audit *audit, const struct party_rule *p)
{
    const char *lacks =
        two_levels(json_object_get(audit->a->resolved, "focalPoints"), p->pub.id);
    bool gateway = false;

    check_gap(audit, p, "legal basis", p->legal, p->legal_count);
    check_gap(audit, p, "transfer basis", p->transfer, p->transfer_count);
    if (!in_a_leg(audit->a, p->pub.id))
        tell(audit, "W-NO-EFFECT", &p->clause, "add its legs", "party %s has no leg",
             p->pub.id);
    if (lacks != NULL)
        tell(audit, "W-CLAUSE-MISSING", &p->clause, "add it to focalPoints",
             "party %s has no focal point for %s", p->pub.id, lacks);
    for (size_t i = 0; i < p->office_count; i++)
        gateway = gateway || p->offices[i].gateway != NULL;
    if (!gateway)
        tell(audit, "E-CLAUSE-MISSING", &p->clause, "give an office its gateway",
             "no office of party %s can be reached", p->pub.id);
}

static void check_leg(const struct audit *audit, const struct leg_rule *leg)
{
    const struct term *whole = &audit->a->term;

    if (civil_compare(leg->term.from, whole->from) < 0 ||
        (!whole->open && (leg->term.open || civil_compare(leg->term.to, whole->to) > 0)))
        tell(audit, "E-CONTRADICTION", &leg->clause,
             "keep it within the agreement's validity",
             "leg %s-%s is valid outside the agreement", leg->pub.from, leg->pub.to);
    if (agreement_leg(audit->a, leg->pub.to, leg->pub.from) == NULL)
        tell(audit, "W-CLAUSE-MISSING", &leg->clause, "add the leg back",
             "leg %s-%s has none back: no answer could come home", leg->pub.from,
             leg->pub.to);
}

static void check_parties(const struct audit *audit)
{
    const struct agreement *a = audit->a;

    for (size_t i = 0; i < a->party_count; i++)
        check_party(audit, &a->parties[i]);
    for (size_t i = 0; i < a->leg_count; i++)
        check_leg(audit, &a->legs[i]);
    if (a->leg_count == 0)
        tell(audit, "E-CLAUSE-MISSING", NULL, "add legs", "the agreement has no leg");
    if (a->party_count > 2 && !a->third.present)
        tell(audit, "E-CLAUSE-MISSING", NULL, "add \"thirdParty\"",
             "with more than two parties it must say what the third one gets");
}

/* --- consent, children, forms --------------------------------------------------------------- */

static void check_consent(const struct audit *audit)
{
    const struct consent_rules *c = &audit->a->consent;
    bool majority = false;

    for (size_t i = 0; i < c->signer_count; i++) {
        const struct signer_rule *s = &c->signers[i];

        majority = majority || s->below == 18;
        if (s->below != 0 && s->below <= 18 && strlist_has(&s->givers, "SELF"))
            tell(audit, "W-NO-EFFECT", &s->clause, "name guardian, authority or court",
                 "a child below %d signs for itself", s->below);
        if (s->below == 0 && s->givers.count == 1 && !strlist_has(&s->givers, "SELF"))
            tell(audit, "E-CONTRADICTION", &s->clause, "name SELF",
                 "an adult may not sign for itself");
    }
    if (!majority)
        tell(audit, "E-CLAUSE-MISSING", &c->clause, "add an entry with \"below\": 18",
             "nothing says who signs for a child: majority is at 18");
    if ((audit->a->consent.after_withdrawal & message_bit(message_type_find("M18"))) ==
            0 &&
        audit->a->messages[17].present)
        tell(audit, "E-CONTRADICTION", &c->withdrawal,
             "add M18 to what withdrawal allows",
             "a withdrawal could not be told to the other side");
}

static bool role_exists(const struct agreement *a, const char *role)
{
    for (size_t i = 0; i < a->party_count; i++)
        for (size_t j = 0; j < a->parties[i].office_count; j++)
            if (text_eq(a->parties[i].offices[j].role, role))
                return true;
    return false;
}

static bool form_used(const struct agreement *a, const char *form)
{
    for (size_t i = 0; i < a->party_count; i++)
        if (text_eq(a->parties[i].pub.form, form))
            return true;
    return false;
}

static void check_texts(const struct audit *audit, const struct form_rule *form)
{
    for (size_t i = 0; i < form->text_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct text_rule *first = &form->texts[j], *then = &form->texts[i];

            if (text_eq(first->field, then->field) &&
                (first->about == NULL || text_eq(first->about, then->about)) &&
                (first->messages == 0 ||
                 (then->messages != 0 && (then->messages & ~first->messages) == 0)))
                tell(audit, "W-NO-EFFECT", &then->clause, "put it before, or take it out",
                     "text %s of %s is decided by an entry before", then->field,
                     form->id);
        }
}

static void check_form(const struct audit *audit, const struct form_rule *form)
{
    const struct clause here = { NULL, form->place };
    bool base = false;

    if (!form_used(audit->a, form->id))
        tell(audit, "W-NO-EFFECT", &here, "take it out of \"forms\"",
             "no party uses the form %s", form->id);
    for (size_t i = 0; i < form->item_count; i++) {
        const struct consent_form_item *item = &form->items[i];
        bool reach = item->roles.count == 0;

        base = base || (item->purposes & audit->a->messages[0].consent) != 0;
        for (size_t j = 0; j < item->roles.count; j++)
            reach = reach || role_exists(audit->a, item->roles.items[j]);
        if (!reach)
            tell(audit, "I-NOTE", &item->clause, "nothing, if it is meant",
                 "a \"yes\" at %s of %s reaches no office of this agreement", item->item,
                 form->id);
    }
    if (form_used(audit->a, form->id) && !base)
        tell(audit, "E-CONTRADICTION", &here, "declare an item for the base consent",
             "no \"yes\" on %s covers the base consent of M01", form->id);
    check_texts(audit, form);
}

/* --- the rest ------------------------------------------------------------------------------- */

static void check_clauses(const struct audit *audit)
{
    static const char *const wanted[] = { "procedure",  "focalPoints", "retention",
                                          "statistics", "languages",   "terms" };

    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (json_object_get(audit->a->resolved, wanted[i]) == NULL)
            tell(audit, "W-CLAUSE-MISSING", NULL,
                 "add it, or extend agreements/common.json", "there is no \"%s\"",
                 wanted[i]);
    for (size_t i = 0; i < audit->a->excluded_count; i++)
        for (unsigned p = 0; p < PURPOSE_COUNT; p++)
            if (audit->a->purposes[p].present &&
                audit->a->purposes[p].categories ==
                    category_bit(audit->a->excluded[i].category))
                tell(
                    audit, "W-NO-EFFECT", &audit->a->purposes[p].clause,
                    "set the purpose to null in this agreement",
                    "purpose %s covers only %s, which the agreement leaves out (art. %s)",
                    purpose_name((enum purpose)p),
                    category_name(audit->a->excluded[i].category),
                    audit->a->excluded[i].clause.id);
}

static bool has_calendar(const struct agreement *a, const char *id, int year)
{
    for (size_t i = 0; i < a->calendar_count; i++)
        if (a->calendars[i].year == year && text_eq(a->calendars[i].id, id))
            return true;
    return false;
}

/* The year that runs, and the next from October on. */
static void check_calendars(const struct audit *audit)
{
    for (size_t i = 0; i < audit->a->party_count; i++) {
        const struct party_rule *p = &audit->a->parties[i];
        int last = audit->today.year + (audit->today.month >= 10 ? 1 : 0);

        for (int year = audit->today.year; year <= last; year++)
            if (!has_calendar(audit->a, p->calendar, year))
                tell(
                    audit, "E-CALENDAR", &p->clause,
                    "add agreements/calendars/ID-YEAR.json and the year to \"calendars\"",
                    "no working days of %s for %d: deadlines cannot be counted",
                    p->calendar, year);
    }
}

static void check_end(const struct audit *audit, const struct term *term,
                      const struct clause *clause, const char *what)
{
    int64_t left;

    if (term->open)
        return;
    left = civil_days(term->to) - civil_days(audit->today);
    if (left < 0)
        tell(audit, "E-EXPIRED", clause, "install its successor", "%s has ended", what);
    else if (left < (int64_t)audit->a->warn_months * EXPIRY_DAYS_A_MONTH)
        tell(audit, "W-EXPIRY", clause, "begin to renew it now", "%s ends in %d days",
             what, (int)left);
}

static void check_ends(const struct audit *audit)
{
    check_end(audit, &audit->a->term, &audit->a->clause, "the agreement");
    for (size_t i = 0; i < audit->a->leg_count; i++) {
        const struct leg_rule *leg = &audit->a->legs[i];
        char what[64];

        snprintf(what, sizeof what, "leg %s-%s", leg->pub.from, leg->pub.to);
        check_end(audit, &leg->term, &leg->clause, what);
    }
}

static void check_dues(const struct audit *audit)
{
    for (size_t i = 0; i < audit->a->due_count; i++) {
        const struct message_type *answer = message_type_find(audit->a->dues[i].answer);

        if (answer != NULL && !audit->a->messages[message_number(answer)].present)
            tell(audit, "W-NO-EFFECT", &audit->a->dues[i].clause,
                 "let the agreement have that message",
                 "an answer %s is due that the agreement does not have", answer->id);
    }
}

void agreement_check(const struct agreement *a, int64_t now_ms, struct report *ret)
{
    const struct audit audit = { a, zone_date(a->zone, now_ms), ret };

    check_messages(&audit);
    check_fields(&audit);
    check_parties(&audit);
    check_consent(&audit);
    for (size_t i = 0; i < a->form_count; i++)
        check_form(&audit, &a->forms[i]);
    check_clauses(&audit);
    check_dues(&audit);
    check_calendars(&audit);
    check_ends(&audit);
}
