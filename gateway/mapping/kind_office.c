/*
 * kind_office.c - identifiers of offices, which forms may spell in their own way.
 *
 * A form whose schema asks for a country's two letters in front cannot name the office of an
 * organisation; `format.offices` says how it does ("XX-IOM-MISSION": "IOM-MISSION"). Every other office
 * stands as it is.
 */
#include "mapping/mapping_private.h"

static void office_take(struct run *run, const struct rule *rule, xmlNode *field,
                        const char *text, struct place *dst)
{
    struct str cut = str_trim(str_of(text));
    const char *office = arena_dup(&run->arena, cut.ptr, cut.len);

    (void)field;
    for (size_t i = 0; i < run->map->office_count; i++)
        if (text_eq(run->map->offices[i].national, office))
            office = run->map->offices[i].canonical;
    put(run, rule, dst, rule->to, office);
}

static const char *office_say(struct run *run, const struct rule *rule, xmlNode *node,
                              struct place *dst)
{
    const char *office = node_text(run, node);

    (void)rule;
    (void)dst;
    for (size_t i = 0; office != NULL && i < run->map->office_count; i++)
        if (text_eq(run->map->offices[i].canonical, office))
            return run->map->offices[i].national;
    return office;
}

const struct kind kind_office = { .name = "office",
                                  .take = office_take,
                                  .say = office_say };
