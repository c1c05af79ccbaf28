/*
 * codes.c - code lists asked: by code, by national value, by country.
 *
 * Every look-up is a hash over what codes_read.c has checked; look-alikes alone are searched for, when
 * a value was wrong already.
 */
#include "model/codes.h"

#include "base/buf.h"
#include "model/codes_private.h"
#include "model/name.h"

size_t codes_count(const struct codes *codes)
{
    return codes->count;
}

const struct code_list *codes_at(const struct codes *codes, size_t index)
{
    return index < codes->count ? codes->lists[index] : NULL;
}

const struct code_list *codes_list(const struct codes *codes, const char *name)
{
    return name == NULL ? NULL : dict_get(codes->by_name, name);
}

const char *code_list_name(const struct code_list *list)
{
    return list->name;
}

const char *code_list_version(const struct code_list *list)
{
    return list->version;
}

const char *code_list_title(const struct code_list *list)
{
    return list->title;
}

bool code_list_ordered(const struct code_list *list)
{
    return list->ordered;
}

size_t code_list_count(const struct code_list *list)
{
    return list->count;
}

const struct code *code_list_at(const struct code_list *list, size_t index)
{
    return index < list->count ? &list->codes[index] : NULL;
}

const struct code *code_list_find(const struct code_list *list, const char *code)
{
    return code == NULL ? NULL : dict_get(list->by_code, code);
}

const char *code_label(const struct code *code, const char *language)
{
    for (size_t i = 0; i < CODES_LANGUAGES; i++)
        if (text_eq(code_languages[i], language) && code->labels[i] != NULL)
            return code->labels[i];
    return code->labels[0] != NULL ? code->labels[0] : code->code;
}

/* --- asking a country -------------------------------------------------------------------- */

static const struct country *country_of(const struct code_list *list, const char *country)
{
    for (size_t i = 0; i < list->country_count; i++)
        if (text_eq(list->countries[i].country, country))
            return &list->countries[i];
    return NULL;
}

bool code_list_speaks(const struct code_list *list, const char *country)
{
    return country_of(list, country) != NULL;
}

size_t code_list_values(const struct code_list *list, const char *country)
{
    const struct country *c = country_of(list, country);

    return c == NULL ? 0 : c->count;
}

const struct code_in *code_list_value(const struct code_list *list, const char *country,
                                      size_t index)
{
    const struct country *c = country_of(list, country);

    return c == NULL || index >= c->count ? NULL : &c->values[index];
}

static const struct code_in *in_loosely(const struct country *c, const char *national)
{
    AUTO(buf_free) struct buf folded = BUF_SECRET_INIT(CODES_FOLD_MAX);
    const struct code_in *found;

    text_fold(national, &folded);
    found = folded.over ? NULL : dict_get(c->by_fold, buf_str(&folded));
    return found == &code_ambiguous ? NULL : found;
}

const struct code_in *code_in(const struct code_list *list, const char *country,
                              const char *national, bool loose)
{
    const struct country *c = country_of(list, country);
    const struct code_in *exact;

    if (c == NULL || national == NULL)
        return NULL;
    exact = dict_get(c->by_code, national);
    return exact != NULL || !loose ? exact : in_loosely(c, national);
}

const struct code_out *code_out(const struct code_list *list, const char *country,
                                const char *code)
{
    const struct country *c = country_of(list, country);
    const struct code *canonical = code_list_find(list, code);

    return c == NULL || canonical == NULL ? NULL : &c->outs[canonical->rank];
}

const struct code_in *code_out_with(const struct code_list *list, const char *country,
                                    const char *code, const char *set_name,
                                    const char *set_value)
{
    const struct country *c = country_of(list, country);

    for (size_t i = 0; c != NULL && i < c->count; i++)
        if (c->values[i].set_name != NULL && text_eq(c->values[i].canonical, code) &&
            text_eq(c->values[i].set_name, set_name) &&
            text_eq(c->values[i].set_value, set_value))
            return &c->values[i];
    return NULL;
}

static void fold_twins(const char *text, struct buf *out)
{
    AUTO(buf_free) struct buf latin = BUF_SECRET_INIT(CODES_FOLD_MAX);

    lookalike_to_latin(text, &latin);
    text_fold(buf_str(&latin), out);
}

const struct code_in *code_lookalike(const struct code_list *list, const char *country,
                                     const char *national)
{
    const struct country *c = country_of(list, country);
    AUTO(buf_free) struct buf typed = BUF_SECRET_INIT(CODES_FOLD_MAX);

    if (c == NULL || national == NULL)
        return NULL;
    fold_twins(national, &typed);
    for (size_t i = 0; i < c->count && !typed.over; i++) {
        AUTO(buf_free) struct buf value = BUF_INIT(CODES_FOLD_MAX);

        fold_twins(c->values[i].national, &value);
        if (text_eq(buf_str(&value), buf_str(&typed)) &&
            !text_eq(c->values[i].national, national))
            return &c->values[i];
    }
    return NULL;
}
