/*
 * shape.c - what both kinds of schema trees share.
 */
#include "mapping/shape.h"

#include "base/str.h"

const struct shape *shape_kid(const struct shape *shape, const char *name, bool attr)
{
    for (size_t i = 0; shape != NULL && i < shape->kid_count; i++)
        if (shape->kids[i]->attr == attr && text_eq(shape->kids[i]->name, name))
            return shape->kids[i];
    return NULL;
}

const char *const *shape_names(struct arena *arena, const struct shape *shape)
{
    size_t count = shape == NULL ? 0 : shape->kid_count;
    const char **names = arena_array(arena, count + 1, sizeof *names);

    for (size_t i = 0; i < count; i++)
        names[i] = shape->kids[i]->name;
    return names;
}
