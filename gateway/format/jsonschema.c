/*
 * jsonschema.c - a document held against compiled nodes, all findings at once.
 *
 * A part that only decides something (if, not, the branches of anyOf and oneOf) is applied
 * quietly. Of one string only the first broken rule is told: a date with points breaks pattern
 * and format, and is one mistake. Patterns run under PCRE2's own limits.
 */
#include "format/jsonschema.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/jsonschema_private.h"

#define POINTER_MAX   8192     /* octets of a place */
#define WORDS_MAX     2000     /* octets of a list in a finding */
#define MATCH_LIMIT   500000   /* steps of one pattern on one string */
#define MATCH_HEAP_KB 4096     /* memory of one match */
#define STEPS_MAX     10000000 /* schemas applied to one document in all */

struct run {
    struct findings *findings;
    struct err *err;
    struct buf pointer;
    pcre2_match_context *limits;
    pcre2_match_data *match;
    unsigned quiet, depth, steps;
    bool broken; /* *err says why the check cannot be made */
};

static bool check(struct run *run, const struct node *node, const json_t *value,
                  const char *field);

struct node *jsonschema_property(const struct node *node, const char *name)
{
    for (size_t i = 0; i < node->property_count; i++)
        if (text_eq(node->properties[i].name, name))
            return node->properties[i].node;
    return NULL;
}

/* --- reporting --------------------------------------------------------------------------- */

static bool is_told(const struct findings *findings, const char *place, const char *rule,
                    const char *text)
{
    for (size_t i = 0; i < findings->count; i++)
        if (text_eq(findings->items[i].place, place) &&
            text_eq(findings->items[i].rule, rule) &&
            text_eq(findings->items[i].text, text))
            return true;
    return false;
}

static bool report(struct run *run, const char *rule, const char *field, const char *fmt,
                   ...) PRINTF_LIKE(4, 5);

/* Always false. */
static bool report(struct run *run, const char *rule, const char *field, const char *fmt,
                   ...)
{
    AUTO(mem_free) char *text = NULL;
    va_list args;

    if (run->quiet > 0)
        return false;
    va_start(args, fmt);
    text = mem_vprintf(fmt, args);
    va_end(args);
    if (!is_told(run->findings, buf_str(&run->pointer), rule, text))
        findings_add(run->findings, buf_str(&run->pointer), 0, rule, field, "%s", text);
    return false;
}

/* Always false. */
static bool give_up(struct run *run, const char *code, const char *words)
{
    run->broken = true;
    return err_set_at(run->err, ERR_REJECT, code, __FILE__, __LINE__, "%.200s: %s",
                      buf_str(&run->pointer), words);
}

/* The rule is checked one step further down; the pointer comes back afterwards. */
static bool check_below(struct run *run, const struct node *node, const json_t *value,
                        const char *key, const char *field)
{
    size_t before = run->pointer.len;
    bool ok;

    json_step_add(&run->pointer, key);
    ok = check(run, node, value, field);
    run->pointer.len = before;
    run->pointer.data[before] = '\0';
    return ok;
}

/* --- kinds, lists ------------------------------------------------------------------------ */

unsigned jsonschema_kind_of(const json_t *value)
{
    static const unsigned kinds[] = {
        [JSON_OBJECT] = JSONSCHEMA_OBJECT, [JSON_ARRAY] = JSONSCHEMA_ARRAY,
        [JSON_STRING] = JSONSCHEMA_STRING, [JSON_INTEGER] = JSONSCHEMA_INTEGER,
        [JSON_REAL] = JSONSCHEMA_NUMBER,   [JSON_TRUE] = JSONSCHEMA_BOOLEAN,
        [JSON_FALSE] = JSONSCHEMA_BOOLEAN, [JSON_NULL] = JSONSCHEMA_NULL,
    };

    /* 6.1.1: a number without fraction is an integer, however it is written. */
    if (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value))
        return JSONSCHEMA_INTEGER;
    return kinds[json_typeof(value)];
}

static void add_kinds(struct buf *out, unsigned kinds)
{
    static const struct {
        unsigned kind;
        const char *words;
    } names[] = {
        { JSONSCHEMA_OBJECT, "an object" },   { JSONSCHEMA_ARRAY, "an array" },
        { JSONSCHEMA_STRING, "a string" },    { JSONSCHEMA_NUMBER, "a number" },
        { JSONSCHEMA_INTEGER, "an integer" }, { JSONSCHEMA_BOOLEAN, "true or false" },
        { JSONSCHEMA_NULL, "null" },
    };

    if (kinds & JSONSCHEMA_NUMBER)
        kinds &= ~(unsigned)JSONSCHEMA_INTEGER;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (kinds & names[i].kind)
            buf_addf(out, "%s%s", out->len > 0 ? " or " : "", names[i].words);
}

static bool check_kind(struct run *run, const struct node *node, const json_t *value,
                       const char *field)
{
    AUTO(buf_free) struct buf wanted = BUF_INIT(WORDS_MAX), found = BUF_INIT(WORDS_MAX);

    if (node->kinds == 0 || (node->kinds & jsonschema_kind_of(value)) != 0)
        return true;
    add_kinds(&wanted, node->kinds);
    add_kinds(&found, jsonschema_kind_of(value));
    return report(run, "type", field, "%s is required here, not %s", buf_str(&wanted),
                  buf_str(&found));
}

static bool check_enum(struct run *run, const struct node *node, const json_t *value,
                       const char *field)
{
    AUTO(buf_free) struct buf words = BUF_INIT(WORDS_MAX);

    for (size_t i = 0; i < json_array_size(node->enumeration); i++)
        if (json_equal(json_array_get(node->enumeration, i), value))
            return true;
    for (size_t i = 0; i < json_array_size(node->enumeration); i++) {
        buf_adds(&words, i > 0 ? ", " : "");
        json_print(json_array_get(node->enumeration, i), &words);
    }
    return report(run, "enum", field, "expected: one of %s%s", buf_str(&words),
                  words.over ? ", ..." : "");
}

static bool check_const(struct run *run, const struct node *node, const json_t *value,
                        const char *field)
{
    AUTO(buf_free) struct buf words = BUF_INIT(WORDS_MAX);

    if (json_equal(node->constant, value))
        return true;
    json_print(node->constant, &words);
    return report(run, "const", field, "only %s is allowed here", buf_str(&words));
}

/* --- strings ----------------------------------------------------------------------------- */

static bool check_length(struct run *run, const struct node *node, const char *text,
                         const char *field)
{
    json_int_t length = (json_int_t)utf8_count(text);

    if (node->min_length >= 0 && length < node->min_length) {
        if (length == 0)
            return report(run, "minLength", field, "the field may not be empty");
        return report(run, "minLength", field,
                      "the value has %lld characters, at least %lld are required",
                      (long long)length, (long long)node->min_length);
    }
    if (node->max_length >= 0 && length > node->max_length)
        return report(run, "maxLength", field,
                      "the value has %lld characters, at most %lld are allowed",
                      (long long)length, (long long)node->max_length);
    return true;
}

static bool check_pattern(struct run *run, const struct node *node, const char *text,
                          size_t len, const char *field)
{
    int rc;

    if (node->pattern == NULL)
        return true;
    rc = pcre2_match(node->pattern, (PCRE2_SPTR)text, len, 0, 0, run->match, run->limits);
    if (rc >= 0)
        return true;
    if (rc != PCRE2_ERROR_NOMATCH)
        return give_up(run, "jsonschema.pattern-limit",
                       "the pattern takes too long on this value");
    return report(run, "pattern", field, "the value does not have the form %s",
                  node->pattern_text);
}

static bool check_format(struct run *run, const struct node *node, const char *text,
                         size_t len, const char *field)
{
    struct civil day;
    int64_t ms;

    if (node->format == JSON_FORMAT_DATE && !civil_parse(text, len, &day))
        return report(run, "format", field,
                      "a date YYYY-MM-DD that exists is required here");
    if (node->format == JSON_FORMAT_DATE_TIME && !instant_parse(text, len, &ms))
        return report(
            run, "format", field,
            "a date and time YYYY-MM-DDThh:mm:ss with Z or an offset is required "
            "here");
    return true;
}

static bool check_string(struct run *run, const struct node *node, const json_t *value,
                         const char *field)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);

    return check_length(run, node, text, field) &&
           check_pattern(run, node, text, len, field) &&
           check_format(run, node, text, len, field);
}

/* --- numbers, arrays, objects ------------------------------------------------------------ */

static bool check_number(struct run *run, const struct node *node, const json_t *value,
                         const char *field)
{
    double n = json_number_value(value);

    if (node->has_minimum && n < node->minimum)
        return report(run, "minimum", field, "the number must be at least %.15g",
                      node->minimum);
    if (node->has_maximum && n > node->maximum)
        return report(run, "maximum", field, "the number must be at most %.15g",
                      node->maximum);
    return true;
}

/* Equal values have one canonical text. */
static bool check_unique(struct run *run, const json_t *array, const char *field)
{
    AUTO(dict_free) struct dict *seen = dict_new();
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(SIZE_MAX / 2);

    for (uintptr_t i = 0; i < json_array_size(array); i++) {
        void *before;

        buf_clear(&text);
        json_print(json_array_get(array, i), &text);
        before = dict_set(seen, buf_str(&text), (void *)(i + 1));
        if (before != NULL)
            return report(run, "uniqueItems", field, "items %zu and %zu are equal",
                          (size_t)(uintptr_t)before, (size_t)i + 1);
    }
    return true;
}

static bool check_array(struct run *run, const struct node *node, const json_t *value,
                        const char *field)
{
    json_int_t count = (json_int_t)json_array_size(value);
    bool ok = true;

    if (node->min_items >= 0 && count < node->min_items)
        ok = report(run, "minItems", field,
                    "%lld items are too few, at least %lld are required",
                    (long long)count, (long long)node->min_items);
    if (node->max_items >= 0 && count > node->max_items)
        return report(run, "maxItems", field,
                      "%lld items are too many, at most %lld are allowed",
                      (long long)count, (long long)node->max_items);
    if (node->unique)
        ok = check_unique(run, value, field) && ok;
    for (size_t i = 0; node->items != NULL && i < (size_t)count && !run->broken; i++) {
        AUTO(mem_free) char *index = mem_printf("%zu", i);

        ok = check_below(run, node->items, json_array_get(value, i), index, field) && ok;
    }
    return ok;
}

/* The member's own words for the field; those of its parent say nothing of it. */
static const char *field_of(const struct node *node, const char *name)
{
    const struct node *member = jsonschema_property(node, name);

    return member != NULL ? member->description : NULL;
}

static bool check_required(struct run *run, const struct node *node, const json_t *value)
{
    bool ok = true;

    for (size_t i = 0; i < node->required.count; i++) {
        const char *name = node->required.items[i];
        size_t before = run->pointer.len;

        if (json_object_get(value, name) != NULL)
            continue;
        json_step_add(&run->pointer, name);
        ok = report(run, "required", field_of(node, name), "this field is required");
        run->pointer.len = before;
        run->pointer.data[before] = '\0';
    }
    return ok;
}

static bool report_unknown(struct run *run, const struct node *node, const char *name)
{
    AUTO(mem_free)
    const char **known = mem_array(node->property_count + 1, sizeof *known);
    size_t before = run->pointer.len;
    const char *near;

    for (size_t i = 0; i < node->property_count; i++)
        known[i] = node->properties[i].name;
    near = json_nearest(name, known);
    json_step_add(&run->pointer, name);
    report(run, "additionalProperties", NULL, "this field is not known here%s%s%s",
           near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
           near != NULL ? "\"?" : "");
    run->pointer.len = before;
    run->pointer.data[before] = '\0';
    return false;
}

static bool check_members(struct run *run, const struct node *node, const json_t *value)
{
    const char *key;
    json_t *member;
    bool ok = true;

    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const struct node *known = jsonschema_property(node, key);

        if (run->broken)
            break;
        if (known != NULL)
            ok = check_below(run, known, member, key, NULL) && ok;
        else if (node->closed)
            ok = report_unknown(run, node, key);
        else if (node->additional != NULL)
            ok = check_below(run, node->additional, member, key, NULL) && ok;
    }
    return ok;
}

/* --- combinations ------------------------------------------------------------------------ */

static bool fits_quietly(struct run *run, const struct node *node, const json_t *value)
{
    bool fits;

    run->quiet++;
    fits = check(run, node, value, NULL);
    run->quiet--;
    return fits;
}

static size_t count_fits(struct run *run, const struct nodes *nodes, const json_t *value)
{
    size_t count = 0;

    for (size_t i = 0; i < nodes->count && !run->broken; i++)
        count += fits_quietly(run, nodes->items[i], value);
    return count;
}

static bool check_alternatives(struct run *run, const struct node *node,
                               const json_t *value, const char *field)
{
    size_t fits;
    bool ok = true;

    if (node->any.count > 0 && count_fits(run, &node->any, value) == 0)
        ok = report(run, "anyOf", field, "fits none of the %zu forms allowed here",
                    node->any.count);
    if (node->one.count == 0)
        return ok;
    fits = count_fits(run, &node->one, value);
    if (fits == 1)
        return ok;
    return report(run, "oneOf", field,
                  "fits %zu of the %zu forms of which exactly one must fit", fits,
                  node->one.count);
}

static bool check_parts(struct run *run, const struct node *node, const json_t *value,
                        const char *field)
{
    const struct node *branch;
    bool ok = node->ref == NULL || check(run, node->ref, value, field);

    for (size_t i = 0; i < node->all.count && !run->broken; i++)
        ok = check(run, node->all.items[i], value, field) && ok;
    ok = check_alternatives(run, node, value, field) && ok;
    if (node->negated != NULL && fits_quietly(run, node->negated, value))
        ok = report(run, "not", field, "has a form that is not allowed here");
    if (node->condition == NULL)
        return ok;
    branch = fits_quietly(run, node->condition, value) ? node->then : node->otherwise;
    return (branch == NULL || check(run, branch, value, field)) && ok;
}

/* What the node says of this kind of value itself. */
static bool check_own(struct run *run, const struct node *node, const json_t *value,
                      const char *field)
{
    bool ok;

    if (!check_kind(run, node, value, field))
        return false;
    if (node->enumeration != NULL && !check_enum(run, node, value, field))
        return false;
    if (node->constant != NULL && !check_const(run, node, value, field))
        return false;
    if (json_is_string(value))
        return check_string(run, node, value, field);
    if (json_is_number(value))
        return check_number(run, node, value, field);
    if (json_is_array(value))
        return check_array(run, node, value, field);
    if (!json_is_object(value))
        return true;
    ok = check_required(run, node, value);
    return check_members(run, node, value) && ok;
}

static bool check(struct run *run, const struct node *node, const json_t *value,
                  const char *field)
{
    bool ok;

    if (run->broken)
        return false;
    if (run->depth == JSONSCHEMA_DEPTH_MAX || ++run->steps > STEPS_MAX ||
        run->pointer.over)
        return give_up(run, "jsonschema.circle",
                       "schemas refer to each other without end");
    if (node->description != NULL)
        field = node->description;
    if (node->never)
        return report(run, "false", field, "nothing may stand here");
    run->depth++;
    ok = check_own(run, node, value, field);
    ok = check_parts(run, node, value, field) && ok;
    run->depth--;
    return ok;
}

bool jsonschema_validate(const struct jsonschema *schema, const json_t *value,
                         struct findings *ret, struct err *err)
{
    struct run run = {
        .findings = ret,
        .err = err,
        .pointer = BUF_INIT(POINTER_MAX),
        .limits = pcre2_match_context_create(NULL),
        .match = pcre2_match_data_create(1, NULL),
    };

    buf_adds(&run.pointer, "");
    if (run.limits == NULL || run.match == NULL)
        run.broken =
            !err_set(err, ERR_RETRY, "jsonschema.memory", "no memory for patterns");
    else {
        pcre2_set_match_limit(run.limits, MATCH_LIMIT);
        pcre2_set_heap_limit(run.limits, MATCH_HEAP_KB);
        check(&run, schema->root, value, NULL);
    }
    pcre2_match_data_free(run.match);
    pcre2_match_context_free(run.limits);
    buf_free(&run.pointer);
    return !run.broken;
}
