/*
 * jsonschema_ask.c - what a schema says of a place, without a document.
 *
 * The one who writes a document asks which kind of value belongs at a pointer. All branches that
 * may apply are followed: a place known only under `then` is known.
 */
#include "format/jsonschema.h"

#include <string.h>

#include "base/buf.h"
#include "format/json.h"
#include "format/json_private.h"
#include "format/jsonschema_private.h"

#define STEPS_MAX 1000000 /* schemas looked at for one question */

struct question {
    unsigned depth, steps;
    unsigned kinds;          /* answer: union over all branches */
    bool found;              /* the place exists */
    const char *description; /* answer: the first found */
};

/* What the node itself says of kinds, 0: nothing. */
static unsigned own_kinds(const struct node *node)
{
    unsigned kinds = node->kinds;

    if (kinds == 0 && node->constant != NULL)
        kinds = jsonschema_kind_of(node->constant);
    for (size_t i = 0; kinds == 0 && i < json_array_size(node->enumeration); i++)
        kinds |= jsonschema_kind_of(json_array_get(node->enumeration, i));
    return kinds;
}

static void arrive(struct question *q, const struct node *node)
{
    q->found = true;
    q->kinds |= own_kinds(node);
    if (q->description == NULL)
        q->description = node->description;
}

static void ask(struct question *q, const struct node *node, const char *pointer);

static void ask_all(struct question *q, const struct nodes *nodes, const char *pointer)
{
    for (size_t i = 0; i < nodes->count; i++)
        ask(q, nodes->items[i], pointer);
}

static void ask_branches(struct question *q, const struct node *node, const char *pointer)
{
    ask(q, node->ref, pointer);
    ask_all(q, &node->all, pointer);
    ask_all(q, &node->any, pointer);
    ask_all(q, &node->one, pointer);
    ask(q, node->then, pointer);
    ask(q, node->otherwise, pointer);
}

static const struct node *step_into(const struct node *node, const char *step)
{
    const struct node *member = jsonschema_property(node, step);
    size_t index;

    if (member != NULL)
        return member;
    if (node->items != NULL && (strcmp(step, "*") == 0 || json_step_index(step, &index)))
        return node->items;
    return node->additional;
}

static void ask(struct question *q, const struct node *node, const char *pointer)
{
    AUTO(buf_free) struct buf step = BUF_INIT(JSON_STEP_MAX);
    const char *rest = pointer;

    if (node == NULL || node->never || q->depth == JSONSCHEMA_DEPTH_MAX ||
        ++q->steps > STEPS_MAX)
        return;
    q->depth++;
    if (*pointer == '\0')
        arrive(q, node);
    else if (json_next_step(&rest, &step))
        ask(q, step_into(node, buf_str(&step)), rest);
    ask_branches(q, node, pointer);
    q->depth--;
}

static struct question answer(const struct jsonschema *schema, const char *from,
                              const char *pointer)
{
    struct question q = { 0 };
    const struct node *start = schema->root;

    if (from != NULL)
        start = from[0] == '#' ? dict_get(schema->by_pointer, from + 1) : NULL;
    ask(&q, start, pointer);
    return q;
}

unsigned jsonschema_kinds(const struct jsonschema *schema, const char *from,
                          const char *pointer)
{
    struct question q = answer(schema, from, pointer);

    if (q.found && q.kinds == 0) /* anything may stand there */
        return JSONSCHEMA_OBJECT | JSONSCHEMA_ARRAY | JSONSCHEMA_STRING |
               JSONSCHEMA_INTEGER | JSONSCHEMA_NUMBER | JSONSCHEMA_BOOLEAN |
               JSONSCHEMA_NULL;
    return q.kinds;
}

const char *jsonschema_description(const struct jsonschema *schema, const char *from,
                                   const char *pointer)
{
    return answer(schema, from, pointer).description;
}
