/*
 * kind.c - the table of kinds. Adding one is one file with its tests and a line here.
 */
#include "mapping/mapping_private.h"

static const struct kind *const kinds[] = {
    &kind_text,    &kind_number_text, &kind_number,         &kind_phone,
    &kind_office,  &kind_code,        &kind_country,        &kind_language,
    &kind_label,   &kind_date,        &kind_date_time,      &kind_period,
    &kind_yes_no,  &kind_name,        &kind_identifier,     &kind_constant,
    &kind_context, &kind_column,      &kind_note,           &kind_sentence,
    &kind_field,   &kind_attachment,  &kind_attachment_ref,
};

const struct kind *kind_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (text_eq(kinds[i]->name, name))
            return kinds[i];
    return NULL;
}

const char *const *kind_names(void)
{
    static const char *const names[] = {
        "text",    "number-text", "number",     "phone",      "office",         "code",
        "country", "language",    "label",      "date",       "date-time",      "period",
        "yes-no",  "name",        "identifier", "constant",   "context",        "column",
        "note",    "sentence",    "field",      "attachment", "attachment-ref", NULL,
    };

    return names;
}

bool kind_writes(const struct rule *rule, const struct shape *shape)
{
    return rule->kind->writes != NULL && rule->kind->writes(rule, shape);
}
