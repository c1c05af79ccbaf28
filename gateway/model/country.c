/*
 * country.c - countries by any of their ISO 3166-1 spellings, from the code list.
 */
#include "model/country.h"

#include <string.h>

#include "base/str.h"
#include "model/codes.h"

const struct code *country_find(const struct codes *codes, const char *any_spelling)
{
    const struct code_list *list = codes_list(codes, "country");
    size_t count = list == NULL || any_spelling == NULL ? 0 : code_list_count(list);

    if (count > 0 && strlen(any_spelling) == 2)
        return code_list_find(list, any_spelling);
    for (size_t i = 0; i < count; i++) {
        const struct code *code = code_list_at(list, i);

        if (text_eq(code->alpha3, any_spelling) || text_eq(code->numeric, any_spelling))
            return code;
    }
    return NULL;
}
