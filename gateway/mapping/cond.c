/*
 * cond.c - conditions of rules: asked of the source, or of what has been written so far.
 */
#include "format/xml.h"
#include "mapping/mapping_private.h"

static bool value_fits(const struct cond *cond, const char *value)
{
    if (cond->value_count == 0)
        return (value != NULL) == cond->present;
    for (size_t i = 0; value != NULL && i < cond->value_count; i++)
        if (text_eq(value, cond->values[i]))
            return true;
    return false;
}

struct cond_look {
    struct run *run;
    const struct cond *cond;
    bool holds, any;
};

/* An element that has attributes of its own, or elements, says something without a text. */
static bool says_more(const xmlNode *node)
{
    if (node_is_attr(node))
        return false;
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (attr->ns == NULL && attr->children != NULL)
            return true;
    return xml_first(node) != NULL;
}

static bool cond_see(void *ctx, xmlNode *node)
{
    struct cond_look *look = ctx;
    const char *value = node_value(look->run, node);
    const struct mapping *map = look->run->map;
    bool none =
        value_blank(value) || (look->run->way == READING && map->empty == EMPTY_WORD &&
                               text_eq(value, map->empty_word));

    if (none && !says_more(node))
        return true;
    look->any = true;
    if (look->cond->value_count > 0 && value_fits(look->cond, value))
        look->holds = true;
    return !look->holds;
}

bool cond_holds(struct run *run, const struct cond *cond, xmlNode *src, struct place *dst)
{
    bool source;

    switch (cond->type) {
    case COND_ALL:
        for (size_t i = 0; i < cond->kid_count; i++)
            if (!cond_holds(run, cond->kids[i], src, dst))
                return false;
        return true;
    case COND_ANY:
        for (size_t i = 0; i < cond->kid_count; i++)
            if (cond_holds(run, cond->kids[i], src, dst))
                return true;
        return false;
    case COND_NOT:
        return !cond_holds(run, cond->kids[0], src, dst);
    case COND_TEST:
        break;
    }
    source = cond->canonical == (run->way == WRITING);
    if (source) {
        struct cond_look look = { .run = run, .cond = cond };

        if (src != NULL || cond->path->from != FROM_SCOPE)
            trail_each(run, src, cond->path, cond_see, &look);
        return cond->value_count > 0 ? look.holds : look.any == cond->present;
    }
    if (dst == NULL)
        return false;
    {
        const struct out *up = place_peek(run, dst);
        const struct out *out = up == NULL && cond->path->from == FROM_SCOPE
                                    ? NULL
                                    : out_find(run, up, cond->path);

        return value_fits(cond, out == NULL                                ? NULL
                                : out->value == NULL && out->first != NULL ? ""
                                                                           : out->value);
    }
}
