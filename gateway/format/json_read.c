/*
 * json_read.c - typed reads: there, of the kind, within the bounds, or an error that says where.
 *
 * Every fault goes through json_fail_at(), so that all of them have the shape
 * "file:line: /pointer: what is expected".
 */
#include "format/json.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define POINTER_SHOWN 240  /* octets of a pointer in an error */
#define POINTER_MAX   8192 /* octets of a pointer */
#define WORDS_SHOWN   240  /* octets of a list of words in an error */
#define NEAR_WORD_MAX 48   /* longer words have no nearest one */

struct json_at json_root(const struct json_doc *doc)
{
    return (struct json_at){ .doc = doc, .value = doc->root };
}

struct json_at json_member(const struct json_at *object, const char *key)
{
    return (struct json_at){ .doc = object->doc,
                             .up = object,
                             .key = key,
                             .value = json_object_get(object->value, key) };
}

struct json_at json_item(const struct json_at *array, size_t index)
{
    return (struct json_at){ .doc = array->doc,
                             .up = array,
                             .index = index,
                             .value = json_array_get(array->value, index) };
}

size_t json_items(const struct json_at *array)
{
    return json_array_size(array->value);
}

bool json_is_comment(const char *key)
{
    return text_starts(key, "//");
}

/* --- faults ------------------------------------------------------------------------------ */

void json_pointer_add(struct buf *out, const struct json_at *at)
{
    if (at->up == NULL)
        return;
    json_pointer_add(out, at->up);
    if (at->key != NULL)
        json_step_add(out, at->key);
    else
        buf_addf(out, "/%zu", at->index);
}

unsigned json_at_line(const struct json_at *at)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);

    if (at->doc == NULL)
        return 0;
    json_pointer_add(&pointer, at);
    return json_line_of(at->doc->text, at->doc->len, buf_str(&pointer));
}

bool json_fail_at(const struct json_at *at, struct err *err, const char *code,
                  const char *file, int line, const char *fmt, ...)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);
    AUTO(mem_free) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = mem_vprintf(fmt, args);
    va_end(args);
    json_pointer_add(&pointer, at);
    if (at->doc == NULL)
        return err_set_at(err, ERR_REJECT, code, file, line, "%.*s: %s", POINTER_SHOWN,
                          buf_str(&pointer), text);
    return err_set_at(err, at->doc->kind, code, file, line, "%s:%u: %.*s%s%s",
                      at->doc->name, json_at_line(at), POINTER_SHOWN, buf_str(&pointer),
                      pointer.len > 0 ? ": " : "", text);
}

static const char *kind_of(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array",
        [JSON_STRING] = "a string",  [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };

    return names[json_typeof(value)];
}

static bool wrong_type(const struct json_at *at, const char *wanted, struct err *err)
{
    return json_fail(at, err, "json.type", "%s is required here, not %s", wanted,
                     kind_of(at->value));
}

static bool missing(const struct json_at *at, const char *wanted, struct err *err)
{
    return json_fail(at, err, "json.missing", "%s is required here", wanted);
}

/* --- one value --------------------------------------------------------------------------- */

static const char a_string[] = "a string", an_object[] = "an object",
                  an_array[] = "an array", an_int[] = "a whole number",
                  a_bool[] = "true or false";

bool json_is_string_at(const struct json_at *at, const char **ret, struct err *err)
{
    if (!json_is_string(at->value))
        return at->value == NULL ? missing(at, a_string, err)
                                 : wrong_type(at, a_string, err);
    *ret = json_string_value(at->value);
    return true;
}

bool json_is_object_at(const struct json_at *at, struct err *err)
{
    if (json_is_object(at->value))
        return true;
    return at->value == NULL ? missing(at, an_object, err)
                             : wrong_type(at, an_object, err);
}

static bool int_at(const struct json_at *at, int64_t min, int64_t max, int64_t *ret,
                   struct err *err)
{
    int64_t n = json_integer_value(at->value);

    if (!json_is_integer(at->value))
        return wrong_type(at, an_int, err);
    if (n < min || n > max)
        return json_fail(at, err, "json.range",
                         "a number from %lld to %lld is required here", (long long)min,
                         (long long)max);
    *ret = n;
    return true;
}

static bool bool_at(const struct json_at *at, bool *ret, struct err *err)
{
    if (!json_is_boolean(at->value))
        return wrong_type(at, a_bool, err);
    *ret = json_is_true(at->value);
    return true;
}

static bool not_a_word(const struct json_at *at, const char *const *words,
                       struct err *err)
{
    AUTO(buf_free) struct buf list = BUF_INIT(WORDS_SHOWN);
    const char *near = json_nearest(json_string_value(at->value), words);

    for (size_t i = 0; words[i] != NULL; i++)
        buf_addf(&list, "%s\"%s\"", i > 0 ? ", " : "", words[i]);
    return json_fail(at, err, "json.word", "one of %s%s is required here%s%s%s",
                     buf_str(&list), list.over ? ", ..." : "",
                     near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?)" : "");
}

static bool word_at(const struct json_at *at, const char *const *words, int *ret,
                    struct err *err)
{
    if (!json_is_string(at->value))
        return wrong_type(at, a_string, err);
    for (int i = 0; words[i] != NULL; i++)
        if (text_eq(words[i], json_string_value(at->value))) {
            *ret = i;
            return true;
        }
    return not_a_word(at, words, err);
}

/* --- members ----------------------------------------------------------------------------- */

bool json_may_object(const struct json_at *in, const char *key, struct json_at *ret,
                     struct err *err)
{
    struct json_at at = json_member(in, key);

    if (at.value != NULL && !json_is_object(at.value))
        return wrong_type(&at, an_object, err);
    *ret = at;
    return true;
}

bool json_may_array(const struct json_at *in, const char *key, struct json_at *ret,
                    struct err *err)
{
    struct json_at at = json_member(in, key);

    if (at.value != NULL && !json_is_array(at.value))
        return wrong_type(&at, an_array, err);
    *ret = at;
    return true;
}

bool json_may_string(const struct json_at *in, const char *key, const char **ret,
                     struct err *err)
{
    struct json_at at = json_member(in, key);

    return at.value == NULL || json_is_string_at(&at, ret, err);
}

bool json_may_int(const struct json_at *in, const char *key, int64_t min, int64_t max,
                  int64_t *ret, struct err *err)
{
    struct json_at at = json_member(in, key);

    return at.value == NULL || int_at(&at, min, max, ret, err);
}

bool json_may_bool(const struct json_at *in, const char *key, bool *ret, struct err *err)
{
    struct json_at at = json_member(in, key);

    return at.value == NULL || bool_at(&at, ret, err);
}

bool json_may_word(const struct json_at *in, const char *key, const char *const *words,
                   int *ret, struct err *err)
{
    struct json_at at = json_member(in, key);

    return at.value == NULL || word_at(&at, words, ret, err);
}

/* True when the key is there; else the error says what it should be. */
static bool is_there(const struct json_at *in, const char *key, const char *wanted,
                     struct err *err)
{
    struct json_at at = json_member(in, key);

    return at.value != NULL || missing(&at, wanted, err);
}

bool json_need_object(const struct json_at *in, const char *key, struct json_at *ret,
                      struct err *err)
{
    return is_there(in, key, an_object, err) && json_may_object(in, key, ret, err);
}

bool json_need_array(const struct json_at *in, const char *key, struct json_at *ret,
                     struct err *err)
{
    return is_there(in, key, an_array, err) && json_may_array(in, key, ret, err);
}

bool json_need_string(const struct json_at *in, const char *key, const char **ret,
                      struct err *err)
{
    struct json_at at = json_member(in, key);
    const char *text = NULL;

    if (!json_is_string_at(&at, &text, err))
        return false;
    if (text_empty(text))
        return json_fail(&at, err, "json.range", "the string may not be empty");
    *ret = text;
    return true;
}

bool json_need_int(const struct json_at *in, const char *key, int64_t min, int64_t max,
                   int64_t *ret, struct err *err)
{
    return is_there(in, key, an_int, err) && json_may_int(in, key, min, max, ret, err);
}

bool json_need_bool(const struct json_at *in, const char *key, bool *ret, struct err *err)
{
    return is_there(in, key, a_bool, err) && json_may_bool(in, key, ret, err);
}

bool json_need_word(const struct json_at *in, const char *key, const char *const *words,
                    int *ret, struct err *err)
{
    return is_there(in, key, a_string, err) && json_may_word(in, key, words, ret, err);
}

/* --- keys -------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Edits (insert, delete, replace, exchange neighbours) that make b of a, capitals aside. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NEAR_WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);

    for (size_t j = 0; j <= lb; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3],
               *before = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[la % 3][lb];
}

const char *json_nearest(const char *word, const char *const *words)
{
    size_t len = word != NULL ? strlen(word) : NEAR_WORD_MAX + 1;
    const char *nearest = NULL;
    size_t least = len / 3 + 2; /* further away it is another word */

    if (len > NEAR_WORD_MAX)
        return NULL;
    for (; *words != NULL; words++) {
        size_t d = strlen(*words) > NEAR_WORD_MAX ? least : distance(word, *words);

        if (d < least) {
            least = d;
            nearest = *words;
        }
    }
    return nearest;
}

static bool is_known(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (text_eq(key, *keys))
            return true;
    return json_is_comment(key);
}

bool json_only_keys(const struct json_at *object, const char *const *keys,
                    struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach(object->value, key, value)
    {
        struct json_at at = json_member(object, key);
        const char *near;

        if (is_known(key, keys))
            continue;
        near = json_nearest(key, keys);
        return json_fail(&at, err, "json.unknown-key", "this key is not known%s%s%s",
                         near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
    return true;
}
