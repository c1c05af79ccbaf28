/*
 * finding.h - one thing that is wrong with a document, for the person who wrote it.
 *
 * Schema checks collect all findings, not the first. No finding repeats a value of the document:
 * it names the place, the rule, and what is expected there.
 */
#ifndef FORMAT_FINDING_H
#define FORMAT_FINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define FINDINGS_MAX 200 /* of one document; further ones are only counted */

struct finding {
    char *
        place; /* "Osoba/PIB", "Rodyna/ChlenSimi[2]/@vid", or a JSON pointer; "" the whole */
    unsigned line;    /* from 1; 0 unknown */
    const char *rule; /* static, stable: "pattern", "maxLength", "unexpected", ... */
    char *text;       /* a sentence: what was found (kind, length), what is expected */
    char *field;      /* the schema's own words for the field, or NULL */
};

struct findings {
    struct finding *items;
    size_t count, cap;
    size_t dropped; /* found beyond FINDINGS_MAX */
};

/* Copies place and field (may be NULL); takes nothing. The text is made by printf. */
void findings_add(struct findings *findings, const char *place, unsigned line,
                  const char *rule, const char *field, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
void findings_free(struct findings *findings); /* for AUTO; empty afterwards */

#endif
