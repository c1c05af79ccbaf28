/*
 * check.c - what an annex demands beyond its schema, looked at when a document is read.
 *
 * All conditions are looked at, also after one has failed; each finding names the clause, the fields and
 * what to do. Values are compared, never told.
 */
#include <string.h>

#include "format/xml.h"
#include "mapping/mapping_private.h"
#include "model/date.h"

struct count {
    struct run *run;
    size_t filled;
    xmlNode *first;
};

static bool has_content(struct run *run, xmlNode *node)
{
    const char *text;
    const xmlNode *kid = node_is_attr(node) ? NULL : xml_first(node);
    bool was_seen = node_was_seen(node);

    if (kid != NULL) {
        for (; kid != NULL; kid = xml_next(kid))
            if (has_content(run, (xmlNode *)(uintptr_t)kid))
                return true;
        return false;
    }
    text = node_text(run, node);
    if (!was_seen)
        node->_private = NULL; /* looking is not using */
    return text != NULL;
}

static bool count_see(void *ctx, xmlNode *node)
{
    struct count *count = ctx;

    if (!has_content(count->run, node))
        return true;
    count->filled++;
    count->first = node;
    return false;
}

static bool filled(struct run *run, xmlNode *src, const struct trail *path)
{
    struct count count = { .run = run };

    trail_each(run, src, path, count_see, &count);
    return count.filled > 0;
}

/* The rule that speaks of a field, for its label; place: full, as authors write it. */
static const struct mapping_row *row_of(const struct run *run, const char *place)
{
    for (size_t i = 0; place != NULL && i < run->map->row_count; i++)
        if (text_eq(run->map->rows[i].message, run->msg->kind) &&
            text_eq(run->map->rows[i].national, place))
            return &run->map->rows[i];
    return NULL;
}

static void fail(struct run *run, const struct check *check, xmlNode *node,
                 const char *field, const char *text)
{
    const struct mapping_row *row = row_of(run, field);

    report_add(run->report,
               &(struct report_entry){
                   .code = check->warn ? "W-CONDITION" : "E-CONDITION",
                   .file = run->context->file == NULL ? "document" : run->context->file,
                   .line = node == NULL        ? 0
                           : run->json != NULL ? json_node_line(run, node)
                                               : xml_line(node),
                   .field = field,
                   .label = row == NULL ? NULL : row->label,
                   .rule = check->clause != NULL ? check->clause : check->id,
                   .text = text,
                   .remedy = check->remedy,
               });
}

/* The field itself where it stands, though empty; else what should hold it. */
static xmlNode *place_or(struct run *run, const struct trail *path, xmlNode *src)
{
    xmlNode *node = trail_first(run, src, path);
    struct trail shorter = *path;

    while (node == NULL && shorter.count > 1) {
        shorter.count--;
        node = trail_first(run, src, &shorter);
    }
    return node == NULL ? src : node;
}

/* Fields of a JSON form are named with points. */
static const char *field_text(struct run *run, const struct trail *path)
{
    char *text = arena_text(&run->arena, path->text);

    for (char *c = text; run->map->json && *c != '\0'; c++)
        if (*c == '/')
            *c = '.';
    return text;
}

static const char *list_text(struct run *run, const struct check *check)
{
    AUTO(buf_free) struct buf text = BUF_INIT(2048);

    for (size_t i = 0; i < check->path_count; i++)
        buf_addf(&text, "%s%s", i == 0 ? "" : ", ", field_text(run, check->paths[i]));
    return arena_text(&run->arena, buf_str(&text));
}

static size_t count_filled(struct run *run, const struct check *check, xmlNode *src)
{
    size_t count = 0;

    for (size_t i = 0; i < check->path_count; i++)
        count += filled(run, src, check->paths[i]);
    return count;
}

static void check_need(struct run *run, const struct check *check, xmlNode *src)
{
    for (size_t i = 0; i < check->path_count; i++)
        if (!filled(run, src, check->paths[i]))
            fail(run, check, place_or(run, check->paths[i], src),
                 field_text(run, check->paths[i]),
                 check->text != NULL ? check->text : "a value is needed here");
}

static void check_counted(struct run *run, const struct check *check, xmlNode *src)
{
    size_t count = count_filled(run, check, src);
    bool good = check->type == CHECK_NEED_ONE ? count > 0
                : check->type == CHECK_EXACTLY_ONE
                    ? count == 1
                    : count == 0 || count == check->path_count;
    const char *text = check->type == CHECK_NEED_ONE ? "one of these fields needs a value"
                       : check->type == CHECK_EXACTLY_ONE
                           ? "exactly one of these fields must have a value"
                           : "these fields stand together or not at all";

    if (!good)
        fail(run, check, place_or(run, check->paths[0], src), list_text(run, check),
             check->text != NULL ? check->text : text);
}

/* Numbered columns are filled from the first on. */
static void check_no_gaps(struct run *run, const struct check *check, xmlNode *src)
{
    bool empty = false;

    for (size_t i = 0; i < check->path_count; i++) {
        bool has = filled(run, src, check->paths[i]);

        if (has && empty) {
            fail(run, check, place_or(run, check->paths[i], src),
                 field_text(run, check->paths[i]),
                 check->text != NULL ? check->text : "a column before this one is empty");
            return;
        }
        empty = empty || !has;
    }
}

/* --- consent ----------------------------------------------------------------------------- */

static const struct out *kid_named(const struct out *up, const char *name, bool attr)
{
    for (const struct out *kid = up == NULL ? NULL : up->first; kid != NULL;
         kid = kid->next)
        if (!kid->dead && kid->shape->attr == attr && text_eq(kid->shape->name, name))
            return kid;
    return NULL;
}

static const char *kid_value(const struct out *up, const char *name, bool attr)
{
    const struct out *kid = kid_named(up, name, attr);

    return kid == NULL ? NULL : kid->value;
}

static bool day_of(const char *text, struct civil *ret)
{
    return text != NULL && strlen(text) >= 10 && civil_parse(text, 10, ret);
}

/* The day the document was made; without one, today. */
static struct civil day_of_document(const struct run *run)
{
    const struct out *header = kid_named(run->out_top, "Header", false);
    struct civil day;

    if (day_of(kid_value(header, "OfficeDate", false), &day) ||
        day_of(kid_value(header, "CreatedAt", false), &day))
        return day;
    return run->context->today;
}

static struct civil months_later(struct civil day, unsigned months)
{
    unsigned all = (unsigned)day.year * 12 + (unsigned)(day.month - 1) + months;

    day.year = (int)(all / 12);
    day.month = (int)(all % 12) + 1;
    while (!civil_valid(day) && day.day > 28)
        day.day--;
    return day;
}

static bool in_force(const struct run *run, const struct out *consent, unsigned months)
{
    struct civil today = day_of_document(run), given, until;

    if (!text_eq(kid_value(kid_named(consent, "State", false), "code", true), "GIVEN") ||
        !day_of(kid_value(consent, "GivenOn", false), &given) ||
        civil_compare(given, today) > 0)
        return false;
    if (kid_named(consent, "WithdrawnOn", false) != NULL)
        return false;
    if (!day_of(kid_value(consent, "ValidUntil", false), &until)) {
        until = months_later(given, months);
        return civil_compare(today, until) < 0;
    }
    return civil_compare(today, until) <= 0;
}

/* Where the form says consent: the field whose rule reads its state. */
static xmlNode *consent_place(struct run *run, xmlNode *src, const char **ret_field)
{
    char first[128];
    size_t len;

    for (size_t i = 0; i < run->map->row_count; i++) {
        const struct mapping_row *row = &run->map->rows[i];

        if (!row->reads || row->national == NULL ||
            !text_eq(row->message, run->msg->kind) ||
            !text_eq(row->canonical, "Consent/State"))
            continue;
        *ret_field = row->national;
        len = strcspn(row->national, "/.[");
        if (len >= sizeof first)
            return src;
        memcpy(first, row->national, len);
        first[len] = '\0';
        for (xmlNode *kid = xml_first(src); kid != NULL; kid = xml_next(kid))
            if (text_eq((const char *)kid->name, first))
                return kid;
        return src;
    }
    return src;
}

static void check_consent(struct run *run, const struct check *check, xmlNode *src)
{
    const char *field = NULL;
    xmlNode *where;

    for (const struct out *kid = run->out_top->first; kid != NULL; kid = kid->next) {
        const char *item = kid_value(kid, "item", true);

        if (kid->dead || !text_eq(kid->shape->name, "Consent") || item == NULL)
            continue;
        for (size_t i = 0; i < check->item_count; i++)
            if (text_eq(check->items[i], item) && in_force(run, kid, check->months))
                return;
    }
    where = consent_place(run, src, &field);
    fail(run, check, where, field,
         check->text != NULL ? check->text
                             : "no consent that is given, dated, in force and not "
                               "withdrawn covers this message");
}

/* --- equality, answers ------------------------------------------------------------------- */

static void check_same(struct run *run, const struct check *check, xmlNode *src)
{
    const char *values[2] = { NULL, NULL };
    xmlNode *node = NULL;

    for (size_t i = 0; i < 2; i++) {
        xmlNode *at = check->is_name[i] ? NULL : trail_first(run, src, check->paths[i]);

        values[i] = check->is_name[i] ? (const char *)run->root->name
                    : at == NULL      ? NULL
                                      : node_value(run, at);
        if (at != NULL)
            node = at;
    }
    if (!text_eq(values[0], values[1]))
        fail(run, check, node == NULL ? src : node,
             check->is_name[0] ? field_text(run, check->paths[1])
                               : field_text(run, check->paths[0]),
             check->text != NULL ? check->text : "these two must be equal");
}

struct answers {
    struct run *run;
    const struct check *check;
    const char *names[200];
    size_t count;
};

static void answer_add(struct answers *answers, xmlNode *node, const struct trail *field,
                       const struct trail *state)
{
    xmlNode *said = trail_first(answers->run, node, state);
    xmlNode *name = trail_first(answers->run, node, field);

    if (said != NULL && name != NULL && answers->count < COUNT_OF(answers->names) &&
        text_eq(node_value(answers->run, said), answers->check->is))
        answers->names[answers->count++] = node_value(answers->run, name);
}

static bool answer_see(void *ctx, xmlNode *node)
{
    struct answers *answers = ctx;

    for (size_t i = 0; i < answers->check->answer_count; i++)
        answer_add(answers, node, answers->check->fields[i], answers->check->states[i]);
    return true;
}

static bool named(const char *name, const char *answered, char sep)
{
    size_t len = strlen(answered);

    return strncmp(name, answered, len) == 0 &&
           (name[len] == '\0' || name[len] == sep || name[len] == '/');
}

/* The element's own name, without the number of its column. */
static const char *last_name(struct run *run, const char *name)
{
    const char *last = strrchr(name, run->map->separator[0]);
    size_t len;

    last = last == NULL ? name : last + 1;
    len = strlen(last);
    while (len > 1 && last[len - 1] >= '0' && last[len - 1] <= '9')
        len--;
    return arena_dup(&run->arena, last, len);
}

/* Forms that name a field by its element: what was answered and what stands there are compared by
 * what they mean, so that "Dokumenti" covers the number and the state of the document. */
static bool means(struct run *run, const char *name, const char *answered)
{
    const char *asked = mapping_field_canonical(run->map, answered);
    const char *own = last_name(run, name);

    if (text_eq(own, answered))
        return true;
    for (size_t i = 0; asked != NULL && i < run->map->field_count; i++)
        if (text_eq(run->map->fields[i].national, own) &&
            named(run->map->fields[i].canonical, asked, '/'))
            return true;
    return false;
}

/* "person.birthPlace.country" is covered by an answer for "person.birthPlace" or "person". */
static bool covered(const struct answers *answers, const char *name)
{
    const struct check *check = answers->check;
    struct run *run = answers->run;

    for (size_t i = 0; i < check->except_count; i++)
        if (named(name, check->except[i], run->map->separator[0]))
            return true;
    for (size_t i = 0; i < answers->count; i++)
        if (run->map->last_names ? means(run, name, answers->names[i])
                                 : named(name, answers->names[i], run->map->separator[0]))
            return true;
    return false;
}

static void data_look(struct answers *answers, xmlNode *node, const char *prefix)
{
    struct run *run = answers->run;

    for (xmlNode *kid = xml_first(node); kid != NULL; kid = xml_next(kid)) {
        const char *name = arena_printf(
            &run->arena, "%s%s%s", prefix,
            *prefix == '\0' ? "" : arena_dup(&run->arena, run->map->separator, 1),
            (const char *)kid->name);

        if (!has_content(run, kid) || covered(answers, name))
            continue;
        if (xml_first(kid) != NULL)
            data_look(answers, kid, name);
        else
            fail(run, answers->check, kid, name,
                 answers->check->text != NULL
                     ? answers->check->text
                     : "only fields that are answered with a value may stand here");
    }
}

static void check_answered(struct run *run, const struct check *check, xmlNode *src)
{
    struct answers answers = { .run = run, .check = check };
    xmlNode *data = trail_first(run, src, check->data);

    trail_each(run, src, check->answers, answer_see, &answers);
    if (data != NULL)
        data_look(&answers, data, "");
}

/* --- all of them ------------------------------------------------------------------------- */

static void check_one(struct run *run, const struct check *check, xmlNode *src)
{
    if (check->when != NULL && !cond_holds(run, check->when, src, NULL))
        return;
    switch (check->type) {
    case CHECK_NEED:
        check_need(run, check, src);
        return;
    case CHECK_NEED_ONE:
    case CHECK_EXACTLY_ONE:
    case CHECK_TOGETHER:
        check_counted(run, check, src);
        return;
    case CHECK_NO_GAPS:
        check_no_gaps(run, check, src);
        return;
    case CHECK_FORBID:
        if (cond_holds(run, check->forbid, src, NULL))
            fail(run, check,
                 check->forbid->path == NULL ? src
                                             : place_or(run, check->forbid->path, src),
                 check->forbid->path == NULL ? NULL
                                             : field_text(run, check->forbid->path),
                 check->text != NULL ? check->text : "this value is not allowed here");
        return;
    case CHECK_CONSENT:
        check_consent(run, check, src);
        return;
    case CHECK_SAME:
        check_same(run, check, src);
        return;
    case CHECK_ANSWERED:
        check_answered(run, check, src);
        return;
    }
}

struct check_each {
    struct run *run;
    const struct check *check;
};

static bool check_see(void *ctx, xmlNode *node)
{
    struct check_each *each = ctx;

    check_one(each->run, each->check, node);
    return true;
}

static bool applies(const struct check *check, const char *kind)
{
    for (size_t i = 0; i < check->message_count; i++)
        if (text_eq(check->messages[i], kind))
            return true;
    return check->message_count == 0;
}

void run_checks(struct run *run)
{
    for (size_t i = 0; i < run->map->check_count; i++) {
        const struct check *check = &run->map->checks[i];
        struct check_each each = { run, check };

        if (!applies(check, run->msg->kind))
            continue;
        if (check->each == NULL)
            check_one(run, check, run->root);
        else
            trail_each(run, run->root, check->each, check_see, &each);
    }
}
