/*
 * settings_value.c - one setting's value: from JSON, from text, and back to text.
 *
 * A duration always has its unit, so that nobody must know whether 30 are seconds; a size may be
 * a bare number of octets. Bounds are held here for both.
 */
#include "format/settings_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* Smallest first. */
static const struct unit duration_units[] = {
    { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
    { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const struct unit size_units[] = {
    { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 },
};

static const struct unit *units_of(const struct setting *setting)
{
    return setting->type == SETTING_DURATION ? duration_units : size_units;
}

static bool in_bounds(const struct setting *setting, int64_t n)
{
    return (setting->min == 0 && setting->max == 0) ||
           (n >= setting->min && n <= setting->max);
}

/* "10 s", "10s", "64 K". */
static bool parse_units(const struct setting *setting, const char *text, int64_t *ret)
{
    size_t digits = strspn(text, "0123456789");
    struct str unit = str_trim(str_of(text + digits));
    int64_t n;

    if (!str_i64((struct str){ text, digits }, &n))
        return false;
    for (const struct unit *u = units_of(setting); u->name != NULL; u++)
        if (str_is(unit, u->name))
            return !__builtin_mul_overflow(n, u->factor, ret);
    return false;
}

static bool parse_word(const struct setting *setting, const char *text, int64_t *ret)
{
    for (int i = 0; setting->words[i] != NULL; i++)
        if (text_eq(setting->words[i], text)) {
            *ret = i;
            return true;
        }
    return false;
}

static void split_list(const char *text, struct strlist *ret)
{
    struct str rest = str_of(text), item;

    while (str_next(&rest, ' ', &item)) {
        AUTO(mem_free) char *copy = mem_strndup(item.ptr, item.len);

        if (item.len > 0)
            strlist_add(ret, copy);
    }
}

bool value_of_text(const struct setting *setting, const char *text, struct value *ret)
{
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
        ret->text = text;
        return true;
    case SETTING_INT:
        return str_i64(str_of(text), &ret->number) && in_bounds(setting, ret->number);
    case SETTING_DURATION:
    case SETTING_SIZE:
        return parse_units(setting, text, &ret->number) &&
               in_bounds(setting, ret->number);
    case SETTING_BOOL:
        ret->number = text_eq(text, "true");
        return ret->number == 1 || text_eq(text, "false");
    case SETTING_WORD:
        return parse_word(setting, text, &ret->number);
    case SETTING_LIST:
        split_list(text, &ret->list);
        return true;
    }
    return false;
}

static bool list_of_json(const json_t *json, struct strlist *ret)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *item = json_string_value(json_array_get(json, i));

        if (item == NULL) {
            strlist_free(ret);
            return false;
        }
        strlist_add(ret, item);
    }
    return json_is_array(json);
}

bool value_of_json(const struct setting *setting, const json_t *json, struct value *ret)
{
    switch (setting->type) {
    case SETTING_BOOL:
        ret->number = json_is_true(json);
        return json_is_boolean(json);
    case SETTING_LIST:
        return list_of_json(json, &ret->list);
    case SETTING_INT:
        ret->number = json_integer_value(json);
        return json_is_integer(json) && in_bounds(setting, ret->number);
    case SETTING_SIZE:
        if (json_is_integer(json)) {
            ret->number = json_integer_value(json);
            return ret->number >= 0 && in_bounds(setting, ret->number);
        }
        break;
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_DURATION:
    case SETTING_WORD:
        break;
    }
    return json_is_string(json) && value_of_text(setting, json_string_value(json), ret);
}

/* In the largest unit that divides it. */
static void print_units(const struct setting *setting, int64_t n, struct buf *out)
{
    const struct unit *best = units_of(setting);

    for (const struct unit *u = best; u->name != NULL; u++)
        if (n != 0 && n % u->factor == 0)
            best = u;
    buf_addf(out, "%" PRId64 "%s%s", n / best->factor, best->name[0] != '\0' ? " " : "",
             best->name);
}

static void print_list(const struct strlist *list, struct buf *out)
{
    buf_adds(out, "[");
    for (size_t i = 0; i < list->count; i++)
        buf_addf(out, "%s\"%s\"", i > 0 ? ", " : " ", list->items[i]);
    buf_adds(out, list->count > 0 ? " ]" : "]");
}

void value_print(const struct setting *setting, const struct value *value,
                 struct buf *out)
{
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_PATH:
        if (value->text == NULL)
            buf_adds(out, "none");
        else
            buf_addf(out, "\"%s\"", value->text);
        break;
    case SETTING_INT:
        buf_addf(out, "%" PRId64, value->number);
        break;
    case SETTING_DURATION:
    case SETTING_SIZE:
        buf_addc(out, '"');
        print_units(setting, value->number, out);
        buf_addc(out, '"');
        break;
    case SETTING_BOOL:
        buf_adds(out, value->number != 0 ? "true" : "false");
        break;
    case SETTING_WORD:
        buf_addf(out, "\"%s\"", setting->words[value->number]);
        break;
    case SETTING_LIST:
        print_list(&value->list, out);
        break;
    }
}

static void describe_bounds(const struct setting *setting, struct buf *out)
{
    if (setting->min == 0 && setting->max == 0)
        return;
    if (setting->type == SETTING_INT) {
        buf_addf(out, " from %" PRId64 " to %" PRId64, setting->min, setting->max);
        return;
    }
    buf_adds(out, " from ");
    print_units(setting, setting->min, out);
    buf_adds(out, " to ");
    print_units(setting, setting->max, out);
}

static void describe_words(const struct setting *setting, struct buf *out)
{
    buf_adds(out, "one of ");
    for (size_t i = 0; setting->words[i] != NULL; i++)
        buf_addf(out, "%s\"%s\"", i > 0 ? ", " : "", setting->words[i]);
}

void value_describe(const struct setting *setting, struct buf *out)
{
    static const char *const words[] = {
        [SETTING_STRING] = "a string",
        [SETTING_PATH] = "a path",
        [SETTING_INT] = "a whole number",
        [SETTING_DURATION] = "a duration such as \"10 s\" (ms, s, m, h, d)",
        [SETTING_SIZE] = "a size such as \"64 K\" (K, M, G) or a number of octets",
        [SETTING_BOOL] = "true or false",
        [SETTING_LIST] = "an array of strings",
    };

    if (setting->type == SETTING_WORD)
        describe_words(setting, out);
    else
        buf_adds(out, words[setting->type]);
    describe_bounds(setting, out);
}
