/*
 * kind_field.c - names of fields in questions and answers (M05, M06).
 *
 * An office names a field by the name it has in its own form. The table is made from the rules of the
 * message that `fields-of` names: each scope and each rule is a pair of a national name and a canonical
 * path. A canonical path that the form has no field for is widened step by step to one that holds it,
 * and that is reported.
 */
#include <string.h>

#include "mapping/mapping_private.h"

static const char *lookup(const struct mapping *map, const char *name, bool canonical)
{
    for (size_t i = 0; i < map->field_count; i++) {
        const struct field_name *field = &map->fields[i];

        if (text_eq(canonical ? field->canonical : field->national, name))
            return canonical ? field->national : field->canonical;
    }
    return NULL;
}

const char *mapping_field_canonical(const struct mapping *map, const char *national)
{
    return lookup(map, national, false);
}

const char *mapping_field_national(const struct mapping *map, const char *canonical)
{
    return lookup(map, canonical, true);
}

static void field_take(struct run *run, const struct rule *rule, xmlNode *field,
                       const char *text, struct place *dst)
{
    struct str cut = str_trim(str_of(text));
    const char *name = arena_dup(&run->arena, cut.ptr, cut.len);
    const char *path = mapping_field_canonical(run->map, name);
    struct out *out;

    if (path == NULL) {
        report_loss(run, rule, LOSS_INVALID, field, NULL, name, NULL,
                    "the form has no field of this name");
        report_problem(run, rule, field, "E-REFERENCE",
                       "use the name that the field has in your own form",
                       "no field of the form has this name");
        return;
    }
    out = put(run, rule, dst, rule->to, path);
    if (out->up != NULL && out_attr(run, out->up, "national", name) != NULL)
        out_attr(run, out->up, "country", run->map->country);
}

static const char *own_name(const struct run *run, const xmlNode *node)
{
    const xmlNode *up = node->parent;
    const char *name = up == NULL || !text_eq(node_attr(up, "country"), run->map->country)
                           ? NULL
                           : node_attr(up, "national");

    return name != NULL && mapping_field_canonical(run->map, name) != NULL ? name : NULL;
}

static const char *field_say(struct run *run, const struct rule *rule, xmlNode *node,
                             struct place *dst)
{
    const char *path = node_text(run, node), *name;
    char *wider;

    (void)dst;
    if (path == NULL)
        return NULL;
    name = own_name(run, node);
    if (name == NULL)
        name = mapping_field_national(run->map, path);
    if (name != NULL)
        return name;
    for (wider = arena_text(&run->arena, path); strrchr(wider, '/') != NULL;) {
        *strrchr(wider, '/') = '\0';
        name = mapping_field_national(run->map, wider);
        if (name != NULL) {
            report_loss(run, rule, LOSS_RECODED, node, NULL, path, wider,
                        "the form has no such field; the one that holds it is named");
            return name;
        }
    }
    report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, path, NULL,
                "the form has no such field");
    return NULL;
}

const struct kind kind_field = { .name = "field", .take = field_take, .say = field_say };
