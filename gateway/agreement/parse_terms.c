/*
 * parse_terms.c - deadlines, procedure, focal points, attachments, code lists, losses, security, and
 * the clauses that bind people rather than programs (they are checked for form and printed).
 */
#include "agreement/agreement_private.h"

#include "base/err.h"
#include "base/mem.h"
#include "model/fileset.h"

/* --- deadlines ------------------------------------------------------------------------------ */

static bool due_amount(const struct json_at *at, struct due_rule *due, struct err *err)
{
    static const struct {
        const char *key;
        enum message_term term;
    } terms[] = { { "workingDays", MESSAGE_WORKING_DAYS },
                  { "days", MESSAGE_DAYS },
                  { "hours", MESSAGE_HOURS } };

    for (size_t i = 0; i < COUNT_OF(terms); i++) {
        int64_t amount = -1, urgent = 0;

        if (!json_may_int(at, terms[i].key, 0, 1000, &amount, err))
            return false;
        if (amount < 0)
            continue;
        if (due->term != MESSAGE_NO_TERM)
            return json_fail(at, err, "agreement.twice",
                             "one of workingDays, days, hours is expected");
        if (!json_may_int(at, "urgent", 0, amount, &urgent, err))
            return false;
        due->term = terms[i].term;
        due->amount = (unsigned)amount;
        due->urgent = (unsigned)urgent;
    }
    return due->term != MESSAGE_NO_TERM ||
           json_fail(at, err, "agreement.clause-missing",
                     "workingDays, days or hours is expected");
}

static bool read_due(struct agreement *a, const struct json_at *at, struct err *err)
{
    struct due_rule due = { 0 };
    const char *message;
    struct json_at where = json_member(at, "message");

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at,
                        JSON_KEYS("clause", "message", "answer", "workingDays", "days",
                                  "hours", "urgent"),
                        err) ||
        !read_clause(at, &due.clause, err) ||
        !json_need_string(at, "message", &message, err) ||
        !json_need_string(at, "answer", &due.answer, err) || !due_amount(at, &due, err))
        return false;
    due.message = message_bit(message_type_find(message));
    if (due.message == 0)
        return json_fail(&where, err, "agreement.reference", "there is no such message");
    where = json_member(at, "answer");
    if (!text_eq(due.answer, "ack") && message_type_find(due.answer) == NULL)
        return json_fail(&where, err, "agreement.reference",
                         "a message, or \"ack\", is expected");
    a->dues = mem_grow(a->dues, a->due_count, &a->due_cap, sizeof *a->dues);
    a->dues[a->due_count++] = due;
    return true;
}

static bool parse_deadlines(struct layers *l, struct err *err)
{
    struct json_at at, terms;

    if (!layer_need(l, "deadlines", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "urgent", "terms"), err) ||
        !read_strings(&at, "urgent", &l->a->urgent, err) ||
        !json_need_array(&at, "terms", &terms, err))
        return false;
    for (size_t i = 0; i < json_items(&terms); i++) {
        struct json_at item = json_item(&terms, i);

        if (!read_due(l->a, &item, err))
            return false;
    }
    return true;
}

/* --- procedure and focal points ------------------------------------------------------------- */

static bool check_step(struct agreement *a, const struct json_at *at, struct err *err)
{
    const char *role, *message = NULL;
    int64_t number;

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at,
                        JSON_KEYS("step", "role", "side", "message", "does", "within",
                                  "next", "escalation", "clause"),
                        err) ||
        !json_need_int(at, "step", 1, 200, &number, err) ||
        !json_need_string(at, "role", &role, err) ||
        !json_may_string(at, "message", &message, err))
        return false;
    if (role_of(a, role) == NULL)
        return json_fail(at, err, "agreement.reference", "there is no role %s", role);
    if (message != NULL && message_type_find(message) == NULL)
        return json_fail(at, err, "agreement.reference", "there is no message %s",
                         message);
    return true;
}

static bool check_focal(struct agreement *a, const struct json_at *at, struct err *err)
{
    const char *party, *office;
    const struct agreement_office *known;
    int64_t level;

    if (!json_is_object_at(at, err) ||
        !json_only_keys(
            at,
            JSON_KEYS("party", "level", "office", "title", "phone", "hours", "clause"),
            err) ||
        !json_need_string(at, "party", &party, err) ||
        !json_need_int(at, "level", 1, 3, &level, err) ||
        !json_need_string(at, "office", &office, err))
        return false;
    known = agreement_office(a, office);
    if (known == NULL || !text_eq(known->party->id, party))
        return json_fail(at, err, "agreement.reference", "party %s has no office %s",
                         party, office);
    return true;
}

typedef bool check_fn(struct agreement *a, const struct json_at *at, struct err *err);

static bool check_each(struct layers *l, const char *key, check_fn *see, struct err *err)
{
    struct json_at array = layer_key(l, key);

    if (array.value == NULL)
        return true;
    if (!json_is_array(array.value) || json_items(&array) > AGREEMENT_LIST_MAX)
        return json_fail(&array, err, "json.type", "an array of at most %d is expected",
                         AGREEMENT_LIST_MAX);
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);

        if (!see(l->a, &at, err))
            return false;
    }
    return true;
}

/* Clauses for people: a number and a text. */
static bool check_term(struct agreement *a, const struct json_at *at, struct err *err)
{
    struct clause clause;
    const char *text;

    (void)a;
    return json_is_object_at(at, err) &&
           json_only_keys(at, JSON_KEYS("clause", "about", "text"), err) &&
           read_clause(at, &clause, err) && json_need_string(at, "text", &text, err);
}

/* --- attachments ---------------------------------------------------------------------------- */

static bool read_kinds(struct attachment_rules *r, const struct json_at *in,
                       struct err *err)
{
    struct json_at kinds;
    const char *key;
    json_t *value;

    if (!json_may_object(in, "kinds", &kinds, err))
        return false;
    if (kinds.value == NULL)
        return true;
    json_object_foreach (kinds.value, key, value) {
        enum category category;

        if (json_is_comment(key))
            continue;
        if (!read_category(&kinds, key, &category, err))
            return false;
        strlist_add(&r->kinds, key);
        strlist_add(&r->kinds, category_name(category));
    }
    return true;
}

static bool parse_attachments(struct layers *l, struct err *err)
{
    struct attachment_rules *r = &l->a->attachments;
    struct json_at at;
    int64_t max;

    if (!layer_need(l, "attachments", &at, err) ||
        !json_only_keys(&at,
                        JSON_KEYS("clause", "types", "maxOctets", "kinds",
                                  "consentEvidence", "photo"),
                        err) ||
        !read_clause(&at, &r->clause, err) ||
        !read_strings(&at, "types", &r->types, err) ||
        !json_need_int(&at, "maxOctets", 0, INT64_C(1) << 32, &max, err) ||
        !read_kinds(r, &at, err) ||
        !read_category(&at, "consentEvidence", &r->evidence, err) ||
        !read_category(&at, "photo", &r->photo, err))
        return false;
    r->max = (uint64_t)max;
    return true;
}

/* --- code lists, losses, security ----------------------------------------------------------- */

static bool parse_lists(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    struct json_at at, versions;
    const char *key;
    json_t *value;
    int word;

    if (!layer_need(l, "codeLists", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "versions", "unknown"), err) ||
        !read_clause(&at, &a->lists_clause, err) ||
        !json_need_word(&at, "unknown", JSON_KEYS("reject", "report"), &word, err) ||
        !json_need_string(&at, "unknown", &a->unknown_code, err) ||
        !json_need_object(&at, "versions", &versions, err))
        return false;
    json_object_foreach (versions.value, key, value) {
        const char *version;

        if (json_is_comment(key))
            continue;
        if (!json_need_string(&versions, key, &version, err))
            return false;
        strlist_add(&a->lists, key);
        strlist_add(&a->lists, version);
    }
    return true;
}

static bool parse_losses(struct layers *l, struct err *err)
{
    struct blocking_rule *r = &l->a->losses;
    struct json_at at, kinds;

    if (!layer_need(l, "losses", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "blocking", "kinds", "named"), err) ||
        !read_clause(&at, &r->clause, err) ||
        !read_strings(&at, "blocking", &r->what, err) ||
        !read_categories(&at, "named", &r->named, err) ||
        !json_need_array(&at, "kinds", &kinds, err))
        return false;
    for (size_t i = 0; i < json_items(&kinds); i++) {
        struct json_at item = json_item(&kinds, i);
        enum loss_kind kind;
        const char *text;

        if (!json_is_string_at(&item, &text, err))
            return false;
        if (!loss_kind_find(text, &kind) || kind == LOSS_CARRIED)
            return json_fail(&item, err, "agreement.reference", "there is no such loss");
        r->kinds |= 1u << kind;
    }
    return true;
}

static bool parse_security(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    struct json_at at;
    int64_t days, skew = 5;

    if (!layer_need(l, "security", &at, err) ||
        !json_only_keys(&at,
                        JSON_KEYS("clause", "algorithms", "tls", "clockSkewMinutes",
                                  "giveUpDays", "certificates"),
                        err) ||
        !read_clause(&at, &a->security, err) ||
        !read_strings(&at, "algorithms", &a->algorithms, err) ||
        !read_strings(&at, "tls", &a->tls, err) ||
        !json_may_int(&at, "clockSkewMinutes", 0, 60, &skew, err) ||
        !json_need_int(&at, "giveUpDays", 1, 45, &days, err))
        return false;
    a->give_up_days = (unsigned)days;
    return true;
}

/* --- retention, statistics, languages, error texts ------------------------------------------- */

static bool may_object(struct layers *l, const char *key, const char *const *keys,
                       struct err *err)
{
    struct json_at at = layer_key(l, key);

    return at.value == NULL ||
           (json_is_object_at(&at, err) && json_only_keys(&at, keys, err));
}

static bool see_error(struct layers *l, const char *key, const struct json_at *at,
                      struct err *err)
{
    (void)key;
    (void)l;
    return json_is_object_at(at, err) &&
           json_only_keys(at, JSON_KEYS("en", "be", "ru", "ro", "uk", "sq"), err);
}

static bool parse_words(struct layers *l, struct err *err)
{
    return may_object(l, "retention",
                      JSON_KEYS("clause", "identityMonths", "handoverYears", "logYears",
                                "statistics", "withdrawal", "legalHold"),
                      err) &&
           may_object(l, "statistics",
                      JSON_KEYS("clause", "yearly", "partnerThreshold", "publicThreshold",
                                "exchangedBy", "dimensions"),
                      err) &&
           may_object(l, "languages",
                      JSON_KEYS("clause", "message", "texts", "translates"), err) &&
           layer_each(l, "errors", see_error, err);
}

bool parse_terms(struct layers *l, struct err *err)
{
    return parse_deadlines(l, err) && check_each(l, "procedure", check_step, err) &&
           check_each(l, "focalPoints", check_focal, err) &&
           check_each(l, "terms", check_term, err) && parse_attachments(l, err) &&
           parse_lists(l, err) && parse_losses(l, err) && parse_security(l, err) &&
           parse_words(l, err);
}

/* --- calendars ------------------------------------------------------------------------------ */

static bool read_days(const struct json_at *root, const char *key, int year,
                      struct civil **list, size_t *count, size_t *cap, struct err *err)
{
    struct json_at array;

    if (!json_may_array(root, key, &array, err))
        return false;
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);
        struct civil day;

        if (!json_is_object_at(&at, err) ||
            !json_only_keys(&at, JSON_KEYS("day", "what"), err) ||
            !read_day(&at, "day", &day, err))
            return false;
        if (day.year != year)
            return json_fail(&at, err, "agreement.date", "the day is not in %d", year);
        *list = mem_grow(*list, *count, cap, sizeof **list);
        (*list)[(*count)++] = day;
    }
    return true;
}

static bool read_week(const struct json_at *root, bool week[7], struct err *err)
{
    static const char *const names[] = {
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"
    };
    AUTO(strlist_free) struct strlist days = { 0 };

    if (!read_strings(root, "week", &days, err))
        return false;
    for (size_t i = 0; i < 7; i++)
        week[i] = strlist_has(&days, names[i]);
    if (days.count == 0 || days.count > 6)
        return json_fail(root, err, "agreement.clause-missing",
                         "\"week\" lists the working weekdays: Mon, Tue, ...");
    return true;
}

static bool calendar_has(const struct agreement *a, const char *id, int year)
{
    for (size_t i = 0; i < a->calendar_count; i++)
        if (a->calendars[i].year == year && text_eq(a->calendars[i].id, id))
            return true;
    return false;
}

static bool parse_calendar(struct layers *l, const char *id, int year, struct err *err)
{
    struct agreement *a = l->a;
    AUTO(mem_free)
    char *name = mem_printf(AGREEMENT_FOLDER "calendars/%s-%d.json", id, year);
    const struct json_doc *doc;
    struct calendar *c;
    struct json_at root;
    int64_t says;

    if (calendar_has(a, id, year) || fileset_get(l->files, name) == NULL)
        return true; /* agreement_check() tells of years without one */
    doc = layer_file(l, name, NULL, err);
    if (doc == NULL)
        return false;
    root = json_root(doc);
    a->calendars =
        mem_grow(a->calendars, a->calendar_count, &a->calendar_cap, sizeof *a->calendars);
    c = &a->calendars[a->calendar_count++];
    *c = (struct calendar){ .year = year, .place = place_of(&root) };
    if (!json_is_object_at(&root, err) ||
        !json_only_keys(
            &root,
            JSON_KEYS("calendar", "year", "week", "holidays", "workingDays", "source"),
            err) ||
        !json_need_string(&root, "calendar", &c->id, err) ||
        !json_need_int(&root, "year", 1990, 2199, &says, err) ||
        !read_week(&root, c->week, err) ||
        !read_days(&root, "holidays", year, &c->off, &c->off_count, &c->off_cap, err) ||
        !read_days(&root, "workingDays", year, &c->on, &c->on_count, &c->on_cap, err))
        return false;
    if (says != year || !text_eq(c->id, id))
        return json_fail(&root, err, "agreement.file",
                         "the file must be called %s-%d.json", c->id, (int)says);
    return true;
}

/* Of every party, for every year the agreement lists. */
bool parse_calendars(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    struct json_at at = layer_key(l, "calendars");

    if (at.value == NULL)
        return true;
    if (!json_is_array(at.value))
        return json_fail(&at, err, "json.type", "a list of years is expected");
    for (size_t i = 0; i < json_items(&at); i++) {
        struct json_at year = json_item(&at, i);

        if (!json_is_integer(year.value) || json_integer_value(year.value) < 1990 ||
            json_integer_value(year.value) > 2199)
            return json_fail(&year, err, "json.range", "a year is expected");
        for (size_t p = 0; p < a->party_count; p++)
            if (!parse_calendar(l, a->parties[p].calendar,
                                (int)json_integer_value(year.value), err))
                return false;
    }
    return true;
}
