/*
 * jsonschema_compile.c - a schema document becomes nodes that point at each other.
 *
 * Each schema object becomes one node, found by its JSON pointer; a $ref is followed by pointer,
 * so that circles need no care here. Every keyword has a row in the table below and what is not
 * in the table is an error. Patterns are compiled as PCRE2 with the meaning ECMA-262 gives them
 * where the two differ: $ is the very end, \d and \w are ASCII.
 */
#include "format/jsonschema.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/jsonschema_private.h"

#define POINTER_MAX 4096   /* octets of a pointer within a schema */
#define NODES_MAX   100000 /* schema objects of one document */
#define DRAFT       "https://json-schema.org/draft/2020-12/schema"

struct compiler {
    const struct json_doc *doc;
    struct jsonschema *schema;
    struct err *err;
};

/* A value of the schema document and its pointer. */
struct spot {
    const json_t *value;
    const char *pointer;
};

/* --- faults ------------------------------------------------------------------------------ */

#define FAIL(c, spot, code, ...) fail_at((c), (spot), "" code, __LINE__, __VA_ARGS__)

static bool fail_at(const struct compiler *c, const struct spot *spot, const char *code,
                    int line, const char *fmt, ...) PRINTF_LIKE(5, 6);

static bool fail_at(const struct compiler *c, const struct spot *spot, const char *code,
                    int line, const char *fmt, ...)
{
    AUTO(mem_free) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = mem_vprintf(fmt, args);
    va_end(args);
    return err_set_at(c->err, ERR_CONFIG, code, __FILE__, line, "%s:%u: %s: %s",
                      c->doc->name,
                      json_line_of(c->doc->text, c->doc->len, spot->pointer),
                      spot->pointer[0] != '\0' ? spot->pointer : "/", text);
}

static bool wrong_form(const struct compiler *c, const struct spot *spot,
                       const char *wanted)
{
    return FAIL(c, spot, "jsonschema.form", "%s is required here", wanted);
}

/* --- nodes ------------------------------------------------------------------------------- */

static struct node *compile_at(struct compiler *c, const struct spot *spot);

/* The node of a member or item below a spot. */
static struct node *compile_below(struct compiler *c, const struct spot *spot,
                                  const char *key, const json_t *value)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);
    struct spot below;

    buf_adds(&pointer, spot->pointer);
    json_step_add(&pointer, key);
    if (pointer.over) {
        FAIL(c, spot, "jsonschema.form", "the schema is nested too deep");
        return NULL;
    }
    below = (struct spot){ value, pointer.data };
    return compile_at(c, &below);
}

static void add_node(struct nodes *nodes, struct node *node)
{
    nodes->items =
        mem_grow(nodes->items, nodes->count, &nodes->cap, sizeof *nodes->items);
    nodes->items[nodes->count++] = node;
}

/* --- keywords ---------------------------------------------------------------------------- */

static bool kw_note(struct compiler *c, struct node *node, const struct spot *at)
{
    (void)c;
    (void)node;
    (void)at;
    return true;
}

static bool kw_schema(struct compiler *c, struct node *node, const struct spot *at)
{
    (void)node;
    if (text_eq(json_string_value(at->value), DRAFT))
        return true;
    return FAIL(c, at, "jsonschema.form", "only the draft 2020-12 is understood");
}

static bool kw_description(struct compiler *c, struct node *node, const struct spot *at)
{
    if (!json_is_string(at->value))
        return wrong_form(c, at, "a string");
    mem_free(&node->description);
    node->description = mem_strdup(json_string_value(at->value));
    return true;
}

static bool kw_title(struct compiler *c, struct node *node, const struct spot *at)
{
    return node->description != NULL || kw_description(c, node, at);
}

static bool kw_ref(struct compiler *c, struct node *node, const struct spot *at)
{
    const char *to = json_string_value(at->value);
    struct spot target;

    if (to == NULL || to[0] != '#' || strchr(to, '%') != NULL)
        return FAIL(
            c, at, "jsonschema.ref",
            "only references within the document (\"#/$defs/...\") are understood");
    target = (struct spot){ json_find(c->doc->root, to + 1), to + 1 };
    if (target.value == NULL)
        return FAIL(c, at, "jsonschema.ref", "there is nothing at \"%.200s\"", to);
    node->ref = compile_at(c, &target);
    return node->ref != NULL;
}

static bool kw_defs(struct compiler *c, struct node *node, const struct spot *at)
{
    const char *key;
    json_t *value;

    (void)node;
    if (!json_is_object(at->value))
        return wrong_form(c, at, "an object");
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        if (compile_below(c, at, key, value) == NULL)
            return false;
    }
    return true;
}

static const struct {
    const char *name;
    unsigned kinds;
} kind_names[] = {
    { "object", JSONSCHEMA_OBJECT },
    { "array", JSONSCHEMA_ARRAY },
    { "string", JSONSCHEMA_STRING },
    { "integer", JSONSCHEMA_INTEGER },
    { "boolean", JSONSCHEMA_BOOLEAN },
    { "number", JSONSCHEMA_INTEGER | JSONSCHEMA_NUMBER },
    { "null", JSONSCHEMA_NULL },
};

static bool add_kind(struct compiler *c, struct node *node, const struct spot *at,
                     const json_t *name)
{
    for (size_t i = 0; i < COUNT_OF(kind_names); i++)
        if (text_eq(json_string_value(name), kind_names[i].name)) {
            node->kinds |= kind_names[i].kinds;
            return true;
        }
    return wrong_form(c, at, "the name of a JSON type");
}

static bool kw_type(struct compiler *c, struct node *node, const struct spot *at)
{
    if (!json_is_array(at->value))
        return add_kind(c, node, at, at->value);
    for (size_t i = 0; i < json_array_size(at->value); i++)
        if (!add_kind(c, node, at, json_array_get(at->value, i)))
            return false;
    return json_array_size(at->value) > 0 || wrong_form(c, at, "at least one type");
}

static bool kw_enum(struct compiler *c, struct node *node, const struct spot *at)
{
    if (json_array_size(at->value) == 0)
        return wrong_form(c, at, "an array of values");
    node->enumeration = json_deep_copy(at->value);
    return true;
}

static bool kw_const(struct compiler *c, struct node *node, const struct spot *at)
{
    (void)c;
    node->constant = json_deep_copy(at->value);
    return true;
}

static bool kw_pattern(struct compiler *c, struct node *node, const struct spot *at)
{
    const char *text = json_string_value(at->value);
    PCRE2_UCHAR words[120];
    PCRE2_SIZE offset = 0;
    int code = 0;

    if (text == NULL)
        return wrong_form(c, at, "a string");
    node->pattern = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C |
                                      PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX,
                                  &code, &offset, NULL);
    if (node->pattern == NULL) {
        pcre2_get_error_message(code, words, sizeof words);
        return FAIL(c, at, "jsonschema.pattern", "at character %zu: %s", (size_t)offset,
                    (const char *)words);
    }
    node->pattern_text = mem_strdup(text);
    return true;
}

static bool kw_format(struct compiler *c, struct node *node, const struct spot *at)
{
    const char *name = json_string_value(at->value);

    if (text_eq(name, "date"))
        node->format = JSON_FORMAT_DATE;
    else if (text_eq(name, "date-time"))
        node->format = JSON_FORMAT_DATE_TIME;
    else
        return FAIL(c, at, "jsonschema.keyword",
                    "only the formats date and date-time are understood");
    return true;
}

static bool take_count(struct compiler *c, const struct spot *at, json_int_t *ret)
{
    if (!json_is_integer(at->value) || json_integer_value(at->value) < 0)
        return wrong_form(c, at, "a whole number not below 0");
    *ret = json_integer_value(at->value);
    return true;
}

static bool kw_min_length(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_count(c, at, &node->min_length);
}

static bool kw_max_length(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_count(c, at, &node->max_length);
}

static bool kw_min_items(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_count(c, at, &node->min_items);
}

static bool kw_max_items(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_count(c, at, &node->max_items);
}

static bool kw_unique(struct compiler *c, struct node *node, const struct spot *at)
{
    node->unique = json_is_true(at->value);
    return json_is_boolean(at->value) || wrong_form(c, at, "true or false");
}

static bool kw_minimum(struct compiler *c, struct node *node, const struct spot *at)
{
    node->has_minimum = true;
    node->minimum = json_number_value(at->value);
    return json_is_number(at->value) || wrong_form(c, at, "a number");
}

static bool kw_maximum(struct compiler *c, struct node *node, const struct spot *at)
{
    node->has_maximum = true;
    node->maximum = json_number_value(at->value);
    return json_is_number(at->value) || wrong_form(c, at, "a number");
}

static bool kw_properties(struct compiler *c, struct node *node, const struct spot *at)
{
    const char *key;
    json_t *value;

    if (!json_is_object(at->value))
        return wrong_form(c, at, "an object");
    node->properties = mem_array(json_object_size(at->value), sizeof *node->properties);
    json_object_foreach((json_t *)(uintptr_t)at->value, key, value)
    {
        struct node *below = compile_below(c, at, key, value);

        if (below == NULL)
            return false;
        node->properties[node->property_count++] =
            (struct property){ mem_strdup(key), below };
    }
    return true;
}

static bool kw_required(struct compiler *c, struct node *node, const struct spot *at)
{
    if (!json_is_array(at->value))
        return wrong_form(c, at, "an array of names");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        const char *name = json_string_value(json_array_get(at->value, i));

        if (name == NULL)
            return wrong_form(c, at, "an array of names");
        strlist_add(&node->required, name);
    }
    return true;
}

static bool kw_additional(struct compiler *c, struct node *node, const struct spot *at)
{
    node->closed = json_is_false(at->value);
    if (json_is_boolean(at->value))
        return true;
    node->additional = compile_at(c, at);
    return node->additional != NULL;
}

static bool take_schema(struct compiler *c, const struct spot *at, struct node **ret)
{
    *ret = compile_at(c, at);
    return *ret != NULL;
}

static bool kw_items(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schema(c, at, &node->items);
}

static bool kw_not(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schema(c, at, &node->negated);
}

static bool kw_if(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schema(c, at, &node->condition);
}

static bool kw_then(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schema(c, at, &node->then);
}

static bool kw_else(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schema(c, at, &node->otherwise);
}

static bool take_schemas(struct compiler *c, const struct spot *at, struct nodes *ret)
{
    if (json_array_size(at->value) == 0)
        return wrong_form(c, at, "an array of schemas");
    for (size_t i = 0; i < json_array_size(at->value); i++) {
        AUTO(mem_free) char *index = mem_printf("%zu", i);
        struct node *below = compile_below(c, at, index, json_array_get(at->value, i));

        if (below == NULL)
            return false;
        add_node(ret, below);
    }
    return true;
}

static bool kw_all_of(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schemas(c, at, &node->all);
}

static bool kw_any_of(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schemas(c, at, &node->any);
}

static bool kw_one_of(struct compiler *c, struct node *node, const struct spot *at)
{
    return take_schemas(c, at, &node->one);
}

static const struct keyword {
    const char *name;
    bool (*take)(struct compiler *c, struct node *node, const struct spot *at);
} keywords[] = {
    { "$ref", kw_ref },
    { "$defs", kw_defs },
    { "$schema", kw_schema },
    { "$id", kw_note },
    { "$comment", kw_note },
    { "default", kw_note },
    { "examples", kw_note },
    { "description", kw_description },
    { "title", kw_title },
    { "type", kw_type },
    { "enum", kw_enum },
    { "const", kw_const },
    { "pattern", kw_pattern },
    { "format", kw_format },
    { "minLength", kw_min_length },
    { "maxLength", kw_max_length },
    { "minItems", kw_min_items },
    { "maxItems", kw_max_items },
    { "uniqueItems", kw_unique },
    { "items", kw_items },
    { "properties", kw_properties },
    { "required", kw_required },
    { "additionalProperties", kw_additional },
    { "allOf", kw_all_of },
    { "anyOf", kw_any_of },
    { "oneOf", kw_one_of },
    { "not", kw_not },
    { "if", kw_if },
    { "then", kw_then },
    { "else", kw_else },
    { "minimum", kw_minimum },
    { "maximum", kw_maximum },
};

static bool take_keyword(struct compiler *c, struct node *node, const struct spot *spot,
                         const char *key, const json_t *value)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);
    struct spot at;

    buf_adds(&pointer, spot->pointer);
    json_step_add(&pointer, key);
    at = (struct spot){ value, buf_str(&pointer) };
    for (size_t i = 0; i < COUNT_OF(keywords) && !pointer.over; i++)
        if (text_eq(key, keywords[i].name))
            return keywords[i].take(c, node, &at);
    return FAIL(c, &at, "jsonschema.keyword",
                "this keyword is not understood, and a rule must not be passed over");
}

static bool fill(struct compiler *c, struct node *node, const struct spot *spot)
{
    const char *key;
    json_t *value;

    if (json_is_boolean(spot->value)) {
        node->never = json_is_false(spot->value);
        return true;
    }
    if (!json_is_object(spot->value))
        return wrong_form(c, spot, "a schema: an object, true or false");
    json_object_foreach((json_t *)(uintptr_t)spot->value, key, value)
    {
        if (!take_keyword(c, node, spot, key, value))
            return false;
    }
    return true;
}

/* Entered in the index before it is filled, so that a reference to itself finds it. */
static struct node *compile_at(struct compiler *c, const struct spot *spot)
{
    struct node *node = dict_get(c->schema->by_pointer, spot->pointer);

    if (node != NULL)
        return node;
    if (c->schema->nodes.count == NODES_MAX) {
        FAIL(c, spot, "jsonschema.form", "over %d schemas", NODES_MAX);
        return NULL;
    }
    node = mem_alloc(sizeof *node);
    node->min_length = node->max_length = node->min_items = node->max_items = -1;
    add_node(&c->schema->nodes, node);
    dict_set(c->schema->by_pointer, spot->pointer, node);
    return fill(c, node, spot) ? node : NULL;
}

static void node_free(struct node **p)
{
    struct node *node = *p;

    json_drop(&node->enumeration);
    json_drop(&node->constant);
    pcre2_code_free(node->pattern);
    mem_free(&node->pattern_text);
    mem_free(&node->description);
    for (size_t i = 0; i < node->property_count; i++)
        mem_free(&node->properties[i].name);
    mem_free(&node->properties);
    mem_free(&node->all.items);
    mem_free(&node->any.items);
    mem_free(&node->one.items);
    strlist_free(&node->required);
    mem_free(p);
}

void jsonschema_free(struct jsonschema **schema)
{
    if (*schema == NULL)
        return;
    for (size_t i = 0; i < (*schema)->nodes.count; i++)
        node_free(&(*schema)->nodes.items[i]);
    mem_free(&(*schema)->nodes.items);
    dict_free(&(*schema)->by_pointer);
    mem_free(schema);
}

struct jsonschema *jsonschema_compile(const struct json_doc *doc, struct err *err)
{
    AUTO(jsonschema_free) struct jsonschema *schema = mem_alloc(sizeof *schema);
    struct compiler c = { doc, schema, err };
    const struct spot root = { doc->root, "" };

    schema->by_pointer = dict_new();
    schema->root = compile_at(&c, &root);
    return schema->root != NULL ? TAKE(schema) : NULL;
}
