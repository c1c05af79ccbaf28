/*
 * category.c - the fourteen categories by name.
 */
#include "model/category.h"

#include <string.h>

#include "base/attr.h"

static const char *const names[] = {
    [CATEGORY_NONE] = "",         [CATEGORY_IDENT] = "IDENT",
    [CATEGORY_DOCS] = "DOCS",     [CATEGORY_CONTACT] = "CONTACT",
    [CATEGORY_FAMILY] = "FAMILY", [CATEGORY_TRAFF] = "TRAFF",
    [CATEGORY_RISK] = "RISK",     [CATEGORY_HEALTH] = "HEALTH",
    [CATEGORY_NEEDS] = "NEEDS",   [CATEGORY_CRIMINAL] = "CRIMINAL",
    [CATEGORY_TRAVEL] = "TRAVEL", [CATEGORY_REINT] = "REINT",
    [CATEGORY_PHOTO] = "PHOTO",   [CATEGORY_CONSENT] = "CONSENT",
    [CATEGORY_ADMIN] = "ADMIN",
};
_Static_assert(COUNT_OF(names) == CATEGORY_COUNT, "each category has a name");

const char *category_name(enum category category)
{
    return names[category];
}

enum category category_find(const char *name)
{
    for (unsigned i = 1; name != NULL && i < CATEGORY_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return (enum category)i;
    return CATEGORY_NONE;
}
