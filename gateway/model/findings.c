/*
 * findings.c - entries of a report: kept, counted, printed.
 *
 * What is beyond REPORT_MAX is counted and not kept, so a document of nothing but mistakes costs no more
 * memory than five hundred of them. A report that is printed says so.
 */
#include "model/findings.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/finding.h"

const char *severity_name(enum severity severity)
{
    static const char *const names[] = { "error", "warning", "info" };

    return names[severity];
}

enum severity report_severity(const struct report_entry *entry)
{
    char letter = entry->code == NULL ? 'E' : entry->code[0];

    return letter == 'W'   ? SEVERITY_WARNING
           : letter == 'I' ? SEVERITY_INFO
                           : SEVERITY_ERROR;
}

static bool same(const struct report_entry *a, const struct report_entry *b)
{
    return a->line == b->line && text_eq(a->code, b->code) && text_eq(a->file, b->file) &&
           text_eq(a->field, b->field) && text_eq(a->rule, b->rule) &&
           text_eq(a->text, b->text);
}

static bool known(const struct report *report, const struct report_entry *entry)
{
    for (size_t i = report->count; i > 0; i--)
        if (same(&report->items[i - 1], entry))
            return true;
    return false;
}

static void count(struct report *report, const struct report_entry *entry)
{
    enum severity severity = report_severity(entry);

    report->errors += severity == SEVERITY_ERROR;
    report->warnings += severity == SEVERITY_WARNING;
}

void report_add(struct report *report, const struct report_entry *entry)
{
    if (known(report, entry))
        return;
    count(report, entry);
    if (report->count >= REPORT_MAX) {
        report->dropped++;
        return;
    }
    report->items =
        mem_grow(report->items, report->count, &report->cap, sizeof *report->items);
    report->items[report->count++] = (struct report_entry){
        .code = mem_strdup(entry->code),
        .file = mem_strdup(entry->file),
        .line = entry->line,
        .field = mem_strdup(entry->field),
        .label = mem_strdup(entry->label),
        .rule = mem_strdup(entry->rule),
        .text = mem_strdup(entry->text),
        .remedy = mem_strdup(entry->remedy),
    };
}

void report_addf(struct report *report, const struct report_entry *entry, const char *fmt,
                 ...)
{
    AUTO(mem_free) char *text = NULL;
    struct report_entry whole = *entry;
    va_list args;

    va_start(args, fmt);
    text = mem_vprintf(fmt, args);
    va_end(args);
    whole.text = text;
    report_add(report, &whole);
}

void report_add_schema(struct report *report, const char *file,
                       const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->items[i];

        report_add(report, &(struct report_entry){
                               .code = "E-SCHEMA",
                               .file = file,
                               .line = f->line,
                               .field = f->place,
                               .label = f->field,
                               .rule = f->rule,
                               .text = f->text,
                           });
    }
    report->dropped += findings->dropped;
    report->errors += findings->dropped;
}

void report_append(struct report *report, const struct report *from)
{
    for (size_t i = 0; i < from->count; i++)
        report_add(report, &from->items[i]);
    report->dropped += from->dropped;
}

size_t report_errors(const struct report *report)
{
    return report->errors;
}

size_t report_warnings(const struct report *report)
{
    return report->warnings;
}

bool report_has(const struct report *report, const char *code)
{
    for (size_t i = 0; i < report->count; i++)
        if (text_eq(report->items[i].code, code))
            return true;
    return false;
}

static void drop_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void entry_clear(struct report_entry *e)
{
    drop_text(e->code);
    drop_text(e->file);
    drop_text(e->field);
    drop_text(e->label);
    drop_text(e->rule);
    drop_text(e->text);
    drop_text(e->remedy);
}

void report_free(struct report *report)
{
    for (size_t i = 0; i < report->count; i++)
        entry_clear(&report->items[i]);
    free(report->items);
    *report = (struct report){ 0 };
}

/* --- printing ---------------------------------------------------------------------------- */

static void print_place(const struct report_entry *e, struct buf *out)
{
    if (e->file != NULL)
        buf_addf(out, e->line > 0 ? "%s:%u: " : "%s: ", e->file, e->line);
    else if (e->line > 0)
        buf_addf(out, "line %u: ", e->line);
}

static void print_field(const struct report_entry *e, struct buf *out)
{
    if (e->label != NULL && e->field != NULL)
        buf_addf(out, "%s (%s): ", e->label, e->field);
    else if (e->label != NULL || e->field != NULL)
        buf_addf(out, "%s: ", e->label != NULL ? e->label : e->field);
}

static void print_entry(const struct report_entry *e, struct buf *out)
{
    print_place(e, out);
    buf_addf(out, "%s %s: ", severity_name(report_severity(e)), e->code ? e->code : "E");
    print_field(e, out);
    buf_adds(out, e->text);
    if (e->rule != NULL)
        buf_addf(out, " [%s]", e->rule);
    if (e->remedy != NULL)
        buf_addf(out, "; %s", e->remedy);
    buf_addc(out, '\n');
}

void report_print(const struct report *report, struct buf *out)
{
    for (size_t i = 0; i < report->count; i++)
        print_entry(&report->items[i], out);
    if (report->dropped > 0)
        buf_addf(out, "and %zu more\n", report->dropped);
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL)
        json_object_set_new(object, key, json_string(text));
}

static json_t *entry_json(const struct report_entry *e)
{
    json_t *object = json_object();

    set_text(object, "severity", severity_name(report_severity(e)));
    set_text(object, "code", e->code);
    set_text(object, "file", e->file);
    if (e->line > 0)
        json_object_set_new(object, "line", json_integer(e->line));
    set_text(object, "field", e->field);
    set_text(object, "label", e->label);
    set_text(object, "rule", e->rule);
    set_text(object, "text", e->text);
    set_text(object, "remedy", e->remedy);
    return object;
}

json_t *report_json(const struct report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->count; i++)
        json_array_append_new(array, entry_json(&report->items[i]));
    return array;
}
