/*
 * finding.c - the list that schema checks fill.
 *
 * Past FINDINGS_MAX only the count grows: a document of a million mistakes needs no million
 * lines to be sent back.
 */
#include "format/finding.h"

#include <stdarg.h>

#include "base/mem.h"

void findings_add(struct findings *findings, const char *place, unsigned line,
                  const char *rule, const char *field, const char *fmt, ...)
{
    struct finding finding = { .line = line, .rule = rule };
    va_list args;

    if (findings->count == FINDINGS_MAX) {
        findings->dropped++;
        return;
    }
    finding.place = mem_strdup(place != NULL ? place : "");
    finding.field = mem_strdup(field);
    va_start(args, fmt);
    finding.text = mem_vprintf(fmt, args);
    va_end(args);
    findings->items = mem_grow(findings->items, findings->count, &findings->cap,
                               sizeof *findings->items);
    findings->items[findings->count++] = finding;
}

void findings_free(struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        mem_free(&findings->items[i].place);
        mem_free(&findings->items[i].text);
        mem_free(&findings->items[i].field);
    }
    mem_free(&findings->items);
    *findings = (struct findings){ 0 };
}
