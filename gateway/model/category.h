/*
 * category.h - the unit of disclosure: every element of the canonical referral has one.
 */
#ifndef MODEL_CATEGORY_H
#define MODEL_CATEGORY_H

#include <stdbool.h>

enum category {
    CATEGORY_NONE, /* none is known: withheld */
    CATEGORY_IDENT,
    CATEGORY_DOCS,
    CATEGORY_CONTACT,
    CATEGORY_FAMILY,
    CATEGORY_TRAFF,
    CATEGORY_RISK,
    CATEGORY_HEALTH,
    CATEGORY_NEEDS,
    CATEGORY_CRIMINAL,
    CATEGORY_TRAVEL,
    CATEGORY_REINT,
    CATEGORY_PHOTO,
    CATEGORY_CONSENT,
    CATEGORY_ADMIN,
};
#define CATEGORY_COUNT 15 /* with CATEGORY_NONE */

const char *category_name(enum category category); /* "IDENT"; "" for none */
enum category category_find(const char *name);     /* NULL or unknown: CATEGORY_NONE */

/* Sets of categories as bits. */
static inline unsigned category_bit(enum category category)
{
    return category == CATEGORY_NONE ? 0 : 1u << category;
}
#define CATEGORY_ALL ((1u << CATEGORY_COUNT) - 2u)

#endif
