/*
 * findings.h - what a person must be told about a document or a mapping: all of it at once.
 *
 * A report is a growing list of entries: place, rule, what is wrong, what to do. It NEVER holds a value
 * of a field; the writer of an entry sees to it, and everything here is printed as it stands.
 * (format/finding.h is the raw result of a schema check; report_add_schema() takes it over.)
 *
 * Codes: E-... error, W-... warning, I-... information; the letter is the severity.
 *
 *   E-ENCODING E-SYNTAX E-SCHEMA E-MISSING E-CONDITION E-CODE-UNKNOWN E-CODE-HOMOGLYPH E-DATE
 *   E-NUMBER E-CHECK-DIGIT E-TOO-LONG E-UNWRITABLE E-REFERENCE E-AMBIGUOUS
 *   W-NAME-SPLIT W-HOMOGLYPH W-NUMBER-DATE W-NUMBER-SEX W-CHECK-DIGIT W-CODE-MEANING W-OTHER
 *   I-NORMALISED I-NOTE
 *
 * Others may be used: the pattern is [EWI]-[A-Z][A-Z0-9-]*.
 */
#ifndef MODEL_FINDINGS_H
#define MODEL_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/attr.h"

struct buf;
struct findings; /* format/finding.h */

#define REPORT_MAX 500 /* entries kept; further ones are only counted */

enum severity {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
    SEVERITY_INFO,
};
const char *severity_name(enum severity severity); /* "error", "warning", "info" */

/* All texts are copied when added and owned by the report; NULL stands for "not known". */
struct report_entry {
    const char *code;  /* "E-CODE-UNKNOWN" */
    const char *file;  /* as the author knows it */
    unsigned line;     /* from 1; 0 unknown */
    const char *field; /* path of the national field as its author writes it */
    const char *label; /* what the field is called on the form, in its language */
    const char
        *rule; /* clause of the annex, id of a mapping rule, clause of an agreement */
    const char *text;   /* a sentence: what is wrong; never the value */
    const char *remedy; /* a sentence: what to do next */
};

struct report {
    struct report_entry *items; /* read only; use report_add() */
    size_t count, cap;
    size_t errors, warnings; /* of all, also of those dropped */
    size_t dropped;          /* beyond REPORT_MAX */
};

/* Copies. The same code, line, field and text twice is added once. */
void report_add(struct report *report, const struct report_entry *entry);
/* The text by printf, the rest from `entry` (its text is not read). */
void report_addf(struct report *report, const struct report_entry *entry, const char *fmt,
                 ...) PRINTF_LIKE(3, 4);
/* Takes over a schema's findings as E-SCHEMA; file may be NULL. */
void report_add_schema(struct report *report, const char *file,
                       const struct findings *findings);
void report_append(struct report *report, const struct report *from);

enum severity report_severity(const struct report_entry *entry);
size_t report_errors(const struct report *report);
size_t report_warnings(const struct report *report);
bool report_has(const struct report *report, const char *code);
void report_free(struct report *report); /* for AUTO; empty afterwards */

/* One block of lines per entry: "file:line: error E-...: label (field): text [rule]; remedy". */
void report_print(const struct report *report, struct buf *out);
/* An array of objects with the names of struct report_entry and "severity". Owned. */
json_t *report_json(const struct report *report) NODISCARD;

#endif
