/*
 * read.c - the small reads that every part of an agreement is made of.
 *
 * Each leaves its result alone on failure and names file, line and the nearest known word. Lists
 * have the ceiling AGREEMENT_LIST_MAX.
 */
#include "agreement/agreement_private.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "model/path.h"

struct place place_of(const struct json_at *at)
{
    return (struct place){ at->doc->name, json_at_line(at) };
}

bool read_clause(const struct json_at *in, struct clause *ret, struct err *err)
{
    struct clause clause;

    if (!json_need_string(in, "clause", &clause.id, err))
        return false;
    clause.place = place_of(in);
    *ret = clause;
    return true;
}

static bool day_of(const struct json_at *at, const char *text, struct civil *ret,
                   struct err *err)
{
    if (!civil_parse(text, strlen(text), ret) || !civil_valid(*ret))
        return json_fail(at, err, "agreement.date", "a day as YYYY-MM-DD is expected");
    return true;
}

bool read_day(const struct json_at *in, const char *key, struct civil *ret,
              struct err *err)
{
    struct json_at at = json_member(in, key);
    const char *text;

    return json_need_string(in, key, &text, err) && day_of(&at, text, ret, err);
}

bool read_term(const struct json_at *in, const char *from, const char *to,
               struct term *ret, struct err *err)
{
    struct json_at at = json_member(in, to);
    struct term term = { .open = at.value == NULL };

    if (!read_day(in, from, &term.from, err))
        return false;
    if (!term.open && !read_day(in, to, &term.to, err))
        return false;
    if (!term.open && civil_compare(term.to, term.from) < 0)
        return json_fail(&at, err, "agreement.date", "it ends before it begins");
    *ret = term;
    return true;
}

/* --- lists ---------------------------------------------------------------------------------- */

typedef bool take_fn(const struct json_at *at, const char *text, void *into,
                     struct err *err);

/* Every string of an optional array. */
static bool each_string(const struct json_at *in, const char *key, take_fn *take,
                        void *into, struct err *err)
{
    struct json_at array;

    if (!json_may_array(in, key, &array, err))
        return false;
    if (json_items(&array) > AGREEMENT_LIST_MAX)
        return json_fail(&array, err, "agreement.too-many", "more than %d entries",
                         AGREEMENT_LIST_MAX);
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at item = json_item(&array, i);
        const char *text;

        if (!json_is_string_at(&item, &text, err) || !take(&item, text, into, err))
            return false;
    }
    return true;
}

static bool unknown(const struct json_at *at, struct err *err, const char *text,
                    const char *what, const char *const *words)
{
    const char *near = json_nearest(text, words);

    return json_fail(at, err, "agreement.reference", "there is no such %s%s%s%s", what,
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

static bool no_category(const struct json_at *at, const char *text, struct err *err)
{
    const char *words[CATEGORY_COUNT];

    for (unsigned i = 1; i < CATEGORY_COUNT; i++)
        words[i - 1] = category_name((enum category)i);
    words[CATEGORY_COUNT - 1] = NULL;
    return unknown(at, err, text, "category", words);
}

static bool take_category(const struct json_at *at, const char *text, void *into,
                          struct err *err)
{
    enum category category = category_find(text);
    unsigned *bits = into;

    if (category == CATEGORY_NONE)
        return no_category(at, text, err);
    if ((*bits & category_bit(category)) != 0)
        return json_fail(at, err, "agreement.twice", "the category is named twice");
    *bits |= category_bit(category);
    return true;
}

bool read_categories(const struct json_at *in, const char *key, unsigned *ret,
                     struct err *err)
{
    unsigned bits = 0;

    if (!each_string(in, key, take_category, &bits, err))
        return false;
    *ret = bits;
    return true;
}

bool read_category(const struct json_at *in, const char *key, enum category *ret,
                   struct err *err)
{
    struct json_at at = json_member(in, key);
    const char *text;
    enum category category;

    if (!json_need_string(in, key, &text, err))
        return false;
    category = category_find(text);
    if (category == CATEGORY_NONE)
        return no_category(&at, text, err);
    *ret = category;
    return true;
}

static bool take_purpose(const struct json_at *at, const char *text, void *into,
                         struct err *err)
{
    enum purpose purpose;
    unsigned *bits = into;

    if (!purpose_find(text, &purpose)) {
        const char *words[PURPOSE_COUNT + 1] = { NULL };

        for (unsigned i = 0; i < PURPOSE_COUNT; i++)
            words[i] = purpose_name((enum purpose)i);
        return unknown(at, err, text, "purpose", words);
    }
    *bits |= purpose_bit(purpose);
    return true;
}

bool read_purposes(const struct json_at *in, const char *key, unsigned *ret,
                   struct err *err)
{
    unsigned bits = 0;

    if (!each_string(in, key, take_purpose, &bits, err))
        return false;
    *ret = bits;
    return true;
}

static bool take_message(const struct json_at *at, const char *text, void *into,
                         struct err *err)
{
    const struct message_type *type = message_type_find(text);
    uint32_t *bits = into;

    if (type == NULL)
        return json_fail(at, err, "agreement.reference",
                         "there is no such message; M01 to M26 are expected");
    *bits |= message_bit(type);
    return true;
}

bool read_messages(const struct json_at *in, const char *key, uint32_t *ret,
                   struct err *err)
{
    uint32_t bits = 0;

    if (!each_string(in, key, take_message, &bits, err))
        return false;
    *ret = bits;
    return true;
}

static bool take_string(const struct json_at *at, const char *text, void *into,
                        struct err *err)
{
    if (strlist_has(into, text))
        return json_fail(at, err, "agreement.twice", "it is named twice");
    strlist_add(into, text);
    return true;
}

bool read_strings(const struct json_at *in, const char *key, struct strlist *ret,
                  struct err *err)
{
    return each_string(in, key, take_string, ret, err);
}

bool read_path(const struct path_table *paths, const struct json_at *at, const char *text,
               struct err *err)
{
    const char *near;

    if (strchr(text, '[') == NULL && path_find(paths, text) != NULL)
        return true;
    if (strchr(text, '[') != NULL)
        return json_fail(at, err, "agreement.path",
                         "a path in an agreement has no predicate");
    near = path_nearest(paths, text);
    return json_fail(at, err, "agreement.path", "the referral has no such field%s%s%s",
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "");
}

struct path_list {
    const struct path_table *paths;
    struct strlist *list;
};

static bool take_path(const struct json_at *at, const char *text, void *into,
                      struct err *err)
{
    struct path_list *to = into;

    return read_path(to->paths, at, text, err) && take_string(at, text, to->list, err);
}

bool read_paths(const struct path_table *paths, const struct json_at *in, const char *key,
                struct strlist *ret, struct err *err)
{
    struct path_list to = { paths, ret };

    return each_string(in, key, take_path, &to, err);
}

/* --- states --------------------------------------------------------------------------------- */

static bool state_word(const struct json_at *in, const char *key, const char **ret,
                       struct err *err)
{
    struct json_at at = json_member(in, key);
    const char *text = NULL;

    if (!json_may_string(in, key, &text, err))
        return false;
    if (text != NULL && !states_known(text))
        return json_fail(&at, err, "agreement.reference",
                         "there is no such state of a case");
    *ret = text;
    return true;
}

static bool take_state(const struct json_at *at, const char *text, void *into,
                       struct err *err)
{
    if (!states_known(text))
        return json_fail(at, err, "agreement.reference",
                         "there is no such state of a case");
    return take_string(at, text, into, err);
}

bool read_states(const struct json_at *in, struct state_rule *ret, struct err *err)
{
    return state_word(in, "from", &ret->from, err) &&
           state_word(in, "before", &ret->before, err) &&
           each_string(in, "states", take_state, &ret->in, err);
}
