/*
 * shape_json.c - the shape of JSON documents, read from a JSON Schema (2020-12).
 *
 * properties, required, items, enum, const, type, maxLength, maxItems, $ref within the document,
 * allOf; of anyOf, oneOf, if/then/else every branch counts. An object without properties and not
 * closed may hold anything (SHAPE_ANY). An array is its items, repeated; arrays of arrays are an error.
 */
#include "mapping/shape.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "mapping/mapping.h"

struct reader {
    struct arena *arena;
    xmlDict *names;
    json_t *root;
    size_t nodes;
    struct err *err;
    bool failed;
};

struct kids {
    struct shape **items;
    size_t count, cap;
};

static void fail(struct reader *r, const char *what, const char *name)
{
    if (!r->failed)
        err_set(r->err, ERR_CONFIG, "mapping.schema", "schema: %s \"%.60s\"", what, name);
    r->failed = true;
}

static const char *intern(struct reader *r, const char *text)
{
    return (const char *)xmlDictLookup(r->names, (const xmlChar *)text, -1);
}

static json_t *follow(struct reader *r, const char *ref)
{
    json_t *found = ref[0] == '#' ? json_find(r->root, ref + 1) : NULL;

    if (found == NULL)
        fail(r, "a $ref leads nowhere:", ref);
    return found;
}

static void word_add(struct reader *r, struct shape *into, const json_t *word)
{
    const char **more;

    if (!json_is_string(word))
        return;
    more = arena_array(r->arena, into->word_count + 1, sizeof *more);
    if (into->word_count > 0)
        memcpy(more, into->words, into->word_count * sizeof *more);
    more[into->word_count++] = arena_text(r->arena, json_string_value(word));
    into->words = more;
}

static void read_schema(struct reader *r, json_t *schema, struct shape *into,
                        struct kids *kids, unsigned depth);

static struct shape *kid_of(struct reader *r, struct kids *kids, const char *key,
                            struct shape *up)
{
    struct shape *kid;

    for (size_t i = 0; i < kids->count; i++)
        if (text_eq(kids->items[i]->name, key))
            return kids->items[i];
    kid = arena_alloc(r->arena, sizeof *kid);
    if (++r->nodes > SHAPE_NODES_MAX)
        fail(r, "too large at", key);
    kid->name = intern(r, key);
    kid->up = up;
    kid->max_occurs = 1;
    kids->items = mem_grow(kids->items, kids->count, &kids->cap, sizeof *kids->items);
    kids->items[kids->count++] = kid;
    return kid;
}

static void kids_close(struct reader *r, struct kids *kids, struct shape *into)
{
    if (kids->count > 0) {
        into->kids = arena_array(r->arena, kids->count, sizeof *into->kids);
        memcpy(into->kids, kids->items, kids->count * sizeof *into->kids);
        for (size_t i = 0; i < kids->count; i++)
            into->kids[i]->order = (unsigned)i;
        into->kid_count = kids->count;
        into->type = SHAPE_OBJECT;
    }
    mem_free(&kids->items);
}

static void read_kid(struct reader *r, json_t *schema, struct shape *kid, unsigned depth)
{
    struct kids inner = { 0 };

    for (size_t i = 0; i < kid->kid_count; i++) { /* a second branch adds to the first */
        inner.items = mem_grow(inner.items, inner.count, &inner.cap, sizeof *inner.items);
        inner.items[inner.count++] = kid->kids[i];
    }
    read_schema(r, schema, kid, &inner, depth + 1);
    kids_close(r, &inner, kid);
}

static void read_type(struct reader *r, const char *type, struct shape *into)
{
    if (text_eq(type, "array")) {
        if (into->array && into->type == SHAPE_ANY)
            fail(r, "an array in an array at", into->name == NULL ? "" : into->name);
        into->array = into->many = true;
        into->max_occurs = 0;
    } else if (text_eq(type, "boolean")) {
        into->type = SHAPE_BOOLEAN;
    } else if (text_eq(type, "integer") || text_eq(type, "number")) {
        into->type = SHAPE_NUMBER;
    } else if (text_eq(type, "object") && into->type == SHAPE_TEXT) {
        into->type = SHAPE_ANY;
    }
}

static void read_properties(struct reader *r, json_t *schema, struct shape *into,
                            struct kids *kids, unsigned depth)
{
    json_t *value, *required = json_object_get(schema, "required");
    const char *key;
    size_t i;

    json_object_foreach (json_object_get(schema, "properties"), key, value)
        read_kid(r, value, kid_of(r, kids, key, into), depth);
    json_array_foreach (required, i, value)
        for (size_t k = 0; k < kids->count; k++)
            if (text_eq(kids->items[k]->name, json_string_value(value)))
                kids->items[k]->required = true;
}

static void read_branches(struct reader *r, json_t *schema, struct shape *into,
                          struct kids *kids, unsigned depth)
{
    static const char *const lists[] = { "allOf", "anyOf", "oneOf" };
    static const char *const ones[] = { "then", "else" };
    json_t *value;
    size_t i;

    for (size_t k = 0; k < COUNT_OF(lists); k++)
        json_array_foreach (json_object_get(schema, lists[k]), i, value)
            read_schema(r, value, into, kids, depth + 1);
    for (size_t k = 0; k < COUNT_OF(ones); k++)
        if ((value = json_object_get(schema, ones[k])) != NULL)
            read_schema(r, value, into, kids, depth + 1);
}

static void read_facets(struct reader *r, json_t *schema, struct shape *into)
{
    json_t *value;
    size_t i;

    if (json_is_string(value = json_object_get(schema, "description")) &&
        into->doc == NULL)
        into->doc = arena_text(r->arena, json_string_value(value));
    if (json_is_integer(value = json_object_get(schema, "maxLength")))
        into->max_len = (size_t)json_integer_value(value);
    if (json_is_integer(value = json_object_get(schema, "maxItems")))
        into->max_occurs = (size_t)json_integer_value(value);
    json_array_foreach (json_object_get(schema, "enum"), i, value)
        word_add(r, into, value);
    if ((value = json_object_get(schema, "const")) != NULL)
        word_add(r, into, value);
}

static void read_schema(struct reader *r, json_t *schema, struct shape *into,
                        struct kids *kids, unsigned depth)
{
    json_t *value;

    if (r->failed || !json_is_object(schema))
        return;
    if (depth > 3 * MAPPING_DEPTH_MAX) {
        fail(r, "objects within objects without end at",
             into->name == NULL ? "" : into->name);
        return;
    }
    if (json_is_string(value = json_object_get(schema, "$ref")))
        read_schema(r, follow(r, json_string_value(value)), into, kids, depth + 1);
    if (json_is_string(value = json_object_get(schema, "type")))
        read_type(r, json_string_value(value), into);
    read_facets(r, schema, into);
    read_properties(r, schema, into, kids,
                    depth); /* first: their order is that of writing */
    read_branches(r, schema, into, kids, depth);
    if (json_is_object(value = json_object_get(schema, "items")))
        read_schema(r, value, into, kids, depth + 1);
}

const struct shape *shape_of_json(struct arena *arena, xmlDict *names,
                                  const struct json_at *schema, const char *part,
                                  struct err *err)
{
    struct reader r = {
        .arena = arena, .names = names, .root = schema->value, .err = err
    };
    struct shape *top = arena_alloc(arena, sizeof *top);
    struct shape *object = arena_alloc(arena, sizeof *object);
    json_t *start = part == NULL ? schema->value : follow(&r, part);

    object->name = intern(&r, "document");
    object->up = top;
    object->max_occurs = 1;
    if (start != NULL)
        read_kid(&r, start, object, 0);
    top->kids = arena_array(arena, 1, sizeof *top->kids);
    top->kids[0] = object;
    top->kid_count = 1;
    top->type = SHAPE_OBJECT;
    return r.failed ? NULL : top;
}
