/*
 * out.c - the document being written: a light tree in the run's arena, ordered by the schema.
 *
 * Values are borrowed from the arena, names from the schema's shapes, so an element costs one small
 * allocation and no copy. Children are kept in the order the schema wants, whatever the order of rules.
 * From here it goes to octets (format_xml.c, format_json.c) or to a libxml2 document.
 */
#include <string.h>

#include "base/err.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"

struct out *out_new(struct run *run, const struct shape *shape, struct out *up)
{
    struct out *out = arena_alloc(&run->arena, sizeof *out);
    struct out *after;

    if (++run->nodes > MAPPING_NODES_MAX)
        run->too_large = true;
    out->shape = shape;
    out->up = up;
    if (up == NULL)
        return out;
    after = up->last;
    while (after != NULL && after->shape->order > shape->order)
        after = after->prev;
    out->prev = after;
    out->next = after == NULL ? up->first : after->next;
    if (out->next != NULL)
        out->next->prev = out;
    else
        up->last = out;
    if (after != NULL)
        after->next = out;
    else
        up->first = out;
    return out;
}

static bool pred_fits(const struct run *run, const struct out *out,
                      const struct pred *pred)
{
    const struct out *found = out_find(run, out, pred->path);
    bool equal = pred->value_count == 0; /* made to be filled: it will have one */

    for (size_t i = 0; found != NULL && found->value != NULL && i < pred->value_count;
         i++)
        equal = equal || text_eq(found->value, pred->values[i]);
    return equal != pred->not_equal;
}

static bool preds_fit(const struct run *run, const struct out *out,
                      const struct step *step)
{
    for (size_t i = 0; i < step->pred_count; i++)
        if (!pred_fits(run, out, &step->preds[i]))
            return false;
    return true;
}

static struct out *kid_find(const struct run *run, const struct out *up,
                            const struct step *step)
{
    for (struct out *kid = up->first; kid != NULL; kid = kid->next)
        if (!kid->dead && kid->shape == step->shape && preds_fit(run, kid, step))
            return kid;
    return NULL;
}

static const struct out *top_of(const struct out *out)
{
    while (out->up != NULL)
        out = out->up;
    return out;
}

static const struct out *start_of(const struct run *run, const struct out *from,
                                  const struct trail *trail)
{
    return trail->from == FROM_SCOPE  ? from
           : trail->from == FROM_ROOT ? run->out_root
           : from == NULL             ? run->out_top
                                      : top_of(from);
}

struct out *out_find(const struct run *run, const struct out *from,
                     const struct trail *trail)
{
    const struct out *at = start_of(run, from, trail);

    for (size_t i = 0; at != NULL && i < trail->count; i++) {
        const struct step *step = &trail->steps[i];

        if (step->type == STEP_UP)
            at = at->up;
        else if (step->type != STEP_SELF)
            at = kid_find(run, at, step);
    }
    return (struct out *)(uintptr_t)at;
}

/* A new element has what its `=` conditions name, the first value of each. */
static void preds_make(struct run *run, struct out *out, const struct step *step)
{
    for (size_t i = 0; i < step->pred_count; i++)
        if (!step->preds[i].not_equal && step->preds[i].value_count > 0) {
            struct out *made = out_make(run, out, step->preds[i].path, false);

            if (made->value == NULL)
                made->value = step->preds[i].values[0];
        }
}

struct out *out_make(struct run *run, struct out *from, const struct trail *trail,
                     bool fresh)
{
    struct out *at = (struct out *)(uintptr_t)start_of(run, from, trail);

    for (size_t i = 0; i < trail->count; i++) {
        const struct step *step = &trail->steps[i];
        struct out *kid;

        if (step->type == STEP_SELF)
            continue;
        if (step->type == STEP_UP) {
            at = at->up;
            continue;
        }
        kid = fresh && i + 1 == trail->count ? NULL : kid_find(run, at, step);
        if (kid == NULL) {
            kid = out_new(run, step->shape, at);
            preds_make(run, kid, step);
        }
        at = kid;
    }
    return at;
}

struct out *out_attr(struct run *run, struct out *element, const char *name,
                     const char *value)
{
    const struct shape *shape = shape_kid(element->shape, name, true);
    struct out *attr;

    if (shape == NULL || value == NULL)
        return NULL;
    for (attr = element->first; attr != NULL; attr = attr->next)
        if (attr->shape == shape)
            break;
    if (attr == NULL)
        attr = out_new(run, shape, element);
    attr->value = value;
    attr->dead = false;
    return attr;
}

struct out *place_node(struct run *run, struct place *place)
{
    struct out *up;

    if (place->node != NULL)
        return place->node;
    up = place_node(run, place->up);
    place->node = place->path == NULL ? up : out_make(run, up, place->path, place->fresh);
    return place->node;
}

struct out *place_peek(struct run *run, const struct place *place)
{
    const struct out *up;

    if (place->node != NULL || place->fresh)
        return place->node;
    up = place_peek(run, place->up);
    if (up == NULL)
        return NULL;
    return place->path == NULL ? (struct out *)(uintptr_t)up
                               : out_find(run, up, place->path);
}

/* --- to libxml2 -------------------------------------------------------------------------- */

static const xmlChar *x(const char *text)
{
    return (const xmlChar *)text;
}

static void doc_add(const struct run *run, xmlNode *parent, xmlNs *ns,
                    const struct out *out)
{
    for (const struct out *kid = out->first; kid != NULL; kid = kid->next) {
        xmlNode *node;

        if (kid->dead)
            continue;
        if (kid->shape->attr) {
            xmlNewProp(parent, x(kid->shape->name), x(kid->value));
            continue;
        }
        node = xmlNewDocNodeEatName(parent->doc, ns,
                                    (xmlChar *)(uintptr_t)kid->shape->name, NULL);
        xmlAddChild(parent, node);
        if (kid->value != NULL)
            xmlAddChild(node, xmlNewDocText(parent->doc, x(kid->value)));
        doc_add(run, node, ns, kid);
    }
}

xmlDoc *out_doc(const struct run *run, const struct out *top)
{
    xmlDoc *doc = xmlNewDoc(x("1.0"));
    xmlNode *root;
    xmlNs *ns;

    doc->dict = xmlDictCreateSub(run->map->names); /* the shared one is frozen */
    root = xmlNewDocNodeEatName(doc, NULL, (xmlChar *)(uintptr_t)top->shape->name, NULL);
    xmlDocSetRootElement(doc, root);
    ns = xmlNewNs(root, x(top->shape->ns), NULL);
    xmlSetNs(root, ns);
    doc_add(run, root, ns, top);
    return doc;
}
