/*
 * trail.c - paths of rules: parsed, resolved against a schema, walked over a source document.
 *
 * A trail is a short list of steps. Walking compares interned names, so a step over n children costs n
 * pointer comparisons. No XPath at run time.
 *
 *     trail  := ["/" | "//"] step ("/" step)*       step := "." | ".." | ["@"] name pred*
 *     pred   := "[" trail [("=" | "!=") value ("|" value)*] "]"
 *
 * A name may carry a prefix ("n:Osoba"), which is for readers: names are matched by local name, the
 * schema check has looked at namespaces. A bare name in a predicate is an attribute.
 */
#include <string.h>

#include "mapping/mapping_private.h"

#define STEPS_MAX 16
#define PREDS_MAX 6

struct parser {
    struct arena *arena;
    xmlDict *names;
    const char *at;
    const char *why;
};

static struct trail *parse_trail(struct parser *p, bool in_pred);

static bool is_name_octet(unsigned char c)
{
    return c >= 0x80 || c == '_' || c == '-' || c == ':' || c == '.' ||
           (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static const xmlChar *parse_name(struct parser *p)
{
    const char *start = p->at, *colon = NULL;

    while (is_name_octet((unsigned char)*p->at)) {
        if (*p->at == ':')
            colon = p->at;
        p->at++;
    }
    if (colon != NULL)
        start = colon + 1;
    if (p->at == start) {
        p->why = "a name is missing";
        return NULL;
    }
    return xmlDictLookup(p->names, (const xmlChar *)start, (int)(p->at - start));
}

static bool parse_values(struct parser *p, struct pred *pred)
{
    const char *values[32];

    for (;;) {
        size_t len = strcspn(p->at, "|]");

        if (len == 0 || p->at[len] == '\0' || pred->value_count == COUNT_OF(values)) {
            p->why =
                "a condition in brackets is not closed, has an empty value or too many";
            return false;
        }
        values[pred->value_count++] = arena_dup(p->arena, p->at, len);
        p->at += len + 1;
        if (p->at[-1] == ']')
            break;
    }
    pred->values = arena_array(p->arena, pred->value_count, sizeof *values);
    memcpy(pred->values, values, pred->value_count * sizeof *values);
    return true;
}

static bool parse_pred(struct parser *p, struct pred *pred)
{
    p->at++; /* [ */
    pred->path = parse_trail(p, true);
    if (pred->path == NULL)
        return false;
    if (pred->path->count == 1 && pred->path->steps[0].type == STEP_CHILD)
        pred->path->steps[0].type = STEP_ATTR;
    if (p->at[0] == '!' && p->at[1] == '=') {
        pred->not_equal = true;
        p->at++;
    }
    if (*p->at == ']') { /* it is there, whatever its value */
        p->at++;
        return true;
    }
    if (*p->at != '=') {
        p->why = "a condition in brackets needs =, != or nothing behind the name";
        return false;
    }
    p->at++;
    return parse_values(p, pred);
}

static bool parse_step(struct parser *p, struct step *step)
{
    struct pred preds[PREDS_MAX];

    if (p->at[0] == '.' && p->at[1] == '.' && (p->at[2] == '/' || p->at[2] == '\0')) {
        step->type = STEP_UP;
        p->at += 2;
        return true;
    }
    if (p->at[0] == '.' && (p->at[1] == '/' || p->at[1] == '\0')) {
        step->type = STEP_SELF;
        p->at += 1;
        return true;
    }
    step->type = STEP_CHILD;
    if (*p->at == '@') {
        step->type = STEP_ATTR;
        p->at++;
    }
    step->name = parse_name(p);
    if (step->name == NULL)
        return false;
    while (*p->at == '[') {
        if (step->pred_count == PREDS_MAX) {
            p->why = "too many conditions in brackets";
            return false;
        }
        preds[step->pred_count] = (struct pred){ 0 };
        if (!parse_pred(p, &preds[step->pred_count++]))
            return false;
    }
    if (step->pred_count > 0) {
        step->preds = arena_array(p->arena, step->pred_count, sizeof *preds);
        memcpy(step->preds, preds, step->pred_count * sizeof *preds);
    }
    return true;
}

static struct trail *parse_trail(struct parser *p, bool in_pred)
{
    struct trail *trail = arena_alloc(p->arena, sizeof *trail);
    struct step steps[STEPS_MAX];

    trail->text = p->at;
    if (p->at[0] == '/') {
        trail->from = p->at[1] == '/' ? FROM_TOP : FROM_ROOT;
        p->at += p->at[1] == '/' ? 2 : 1;
    }
    for (;;) {
        if (trail->count == STEPS_MAX) {
            p->why = "too many steps";
            return NULL;
        }
        steps[trail->count] = (struct step){ 0 };
        if (!parse_step(p, &steps[trail->count]))
            return NULL;
        trail->count++;
        if (*p->at != '/')
            break;
        p->at++;
    }
    for (size_t i = 0; i + 1 < trail->count; i++)
        if (steps[i].type == STEP_ATTR) {
            p->why = "an attribute can only end a path";
            return NULL;
        }
    if (!in_pred && *p->at != '\0') {
        p->why = "something stands where / or the end was expected";
        return NULL;
    }
    trail->steps = arena_array(p->arena, trail->count, sizeof *steps);
    memcpy(trail->steps, steps, trail->count * sizeof *steps);
    return trail;
}

struct trail *trail_parse(struct arena *arena, xmlDict *names, const char *text,
                          const char **ret_why)
{
    struct parser p = { .arena = arena, .names = names, .at = arena_text(arena, text) };
    const char *copy = p.at;
    struct trail *trail = parse_trail(&p, false);

    if (trail == NULL)
        *ret_why = p.why;
    else
        trail->text = copy;
    return trail;
}

/* --- against a schema -------------------------------------------------------------------- */

static bool resolve_preds(struct step *step, const char **ret_step,
                          const struct shape **ret_at)
{
    for (size_t i = 0; i < step->pred_count; i++)
        if (!trail_resolve(step->preds[i].path, step->shape, NULL, NULL, ret_step,
                           ret_at))
            return false;
    return true;
}

bool trail_resolve(struct trail *trail, const struct shape *base,
                   const struct shape *root, const struct shape *top,
                   const char **ret_step, const struct shape **ret_at)
{
    const struct shape *at = trail->from == FROM_SCOPE  ? base
                             : trail->from == FROM_ROOT ? root
                                                        : top;

    for (size_t i = 0; i < trail->count; i++) {
        struct step *step = &trail->steps[i];
        const struct shape *next = at;

        if (step->type == STEP_UP)
            next = at == NULL ? NULL : at->up;
        else if (step->type != STEP_SELF)
            next = shape_kid(at, (const char *)step->name, step->type == STEP_ATTR);
        if (next == NULL) {
            *ret_step = step->name == NULL ? ".." : (const char *)step->name;
            *ret_at = at;
            return false;
        }
        step->shape = next;
        if (step->name != NULL)
            step->name = (const xmlChar *)next->name;
        if (!resolve_preds(step, ret_step, ret_at))
            return false;
        at = next;
    }
    trail->shape = at;
    return true;
}

void trail_plain(const struct trail *trail, struct buf *out)
{
    for (size_t i = 0; i < trail->count; i++) {
        const struct step *step = &trail->steps[i];

        if (step->type == STEP_SELF || step->type == STEP_UP)
            continue;
        if (out->len > 0)
            buf_addc(out, '/');
        if (step->type == STEP_ATTR)
            buf_addc(out, '@');
        buf_adds(out, (const char *)step->name);
    }
}

/* --- over a source document -------------------------------------------------------------- */

static inline bool same_name(const struct run *run, const xmlChar *a, const xmlChar *b)
{
    return a == b || (run->strange_names && xmlStrEqual(a, b));
}

struct see {
    bool (*see)(void *ctx, xmlNode *node);
    void *ctx;
};

static bool walk(struct run *run, xmlNode *node, const struct trail *trail, size_t i,
                 const struct see *see);

struct pred_look {
    struct run *run;
    const struct pred *pred;
    bool found;
};

static bool pred_see(void *ctx, xmlNode *node)
{
    struct pred_look *look = ctx;
    const char *value = node_value(look->run, node);

    if (look->pred->value_count == 0)
        look->found = true;
    for (size_t i = 0; value != NULL && i < look->pred->value_count; i++)
        if (text_eq(value, look->pred->values[i]))
            look->found = true;
    return !look->found;
}

static bool preds_hold(struct run *run, xmlNode *node, const struct step *step)
{
    for (size_t i = 0; i < step->pred_count; i++) {
        struct pred_look look = { run, &step->preds[i], false };

        walk(run, node, look.pred->path, 0, &(struct see){ pred_see, &look });
        if (look.found == look.pred->not_equal)
            return false;
    }
    return true;
}

/* What a step asked for is known by its being chosen: [type=legal] carries the type; of several values the
 * first, which is the one that reading writes. */
static void preds_seen(struct run *run, xmlNode *node, const struct step *step)
{
    for (size_t i = 0; i < step->pred_count; i++) {
        const struct trail *path = step->preds[i].path;

        if (step->preds[i].not_equal || step->preds[i].value_count == 0 ||
            path->count != 1 || path->steps[0].type != STEP_ATTR)
            continue;
        for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
            if (same_name(run, attr->name, path->steps[0].name) &&
                text_eq(node_value(run, (xmlNode *)attr), step->preds[i].values[0]))
                node_seen((xmlNode *)attr);
    }
}

/* True: go on looking. */
static bool walk(struct run *run, xmlNode *node, const struct trail *trail, size_t i,
                 const struct see *see)
{
    const struct step *step;

    if (i == trail->count)
        return see->see(see->ctx, node);
    step = &trail->steps[i];
    if (step->type == STEP_SELF)
        return walk(run, node, trail, i + 1, see);
    if (step->type == STEP_UP)
        return node->parent == NULL || node->parent->type != XML_ELEMENT_NODE ||
               walk(run, node->parent, trail, i + 1, see);
    if (node->type != XML_ELEMENT_NODE)
        return true;
    if (step->type == STEP_ATTR) {
        for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
            if (same_name(run, attr->name, step->name))
                return see->see(see->ctx, (xmlNode *)attr);
        return true;
    }
    for (xmlNode *kid = node->children; kid != NULL; kid = kid->next)
        if (kid->type == XML_ELEMENT_NODE && same_name(run, kid->name, step->name) &&
            preds_hold(run, kid, step)) {
            preds_seen(run, kid, step);
            if (!walk(run, kid, trail, i + 1, see))
                return false;
        }
    return true;
}

static xmlNode *start_of(const struct run *run, xmlNode *from, const struct trail *trail)
{
    return trail->from == FROM_SCOPE  ? from
           : trail->from == FROM_ROOT ? run->root
                                      : run->top;
}

void trail_each(struct run *run, xmlNode *from, const struct trail *trail,
                bool (*see)(void *ctx, xmlNode *node), void *ctx)
{
    xmlNode *start = start_of(run, from, trail);

    if (start != NULL)
        walk(run, start, trail, 0, &(struct see){ see, ctx });
}

static bool first_see(void *ctx, xmlNode *node)
{
    xmlNode **ret = ctx;

    *ret = node;
    return false;
}

xmlNode *trail_first(struct run *run, xmlNode *from, const struct trail *trail)
{
    xmlNode *found = NULL;

    trail_each(run, from, trail, first_see, &found);
    return found;
}
