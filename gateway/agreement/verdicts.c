/*
 * verdicts.c - the list of verdicts: made, compared, written out. No value of a field is ever in it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agreement/decide_private.h"
#include "base/err.h"
#include "base/mem.h"

static const char *const checks[VERDICT_CHECKS] = {
    [VERDICT_ALLOWED] = "allowed",   [VERDICT_NEVER] = "never",
    [VERDICT_UNKNOWN] = "unknown",   [VERDICT_MESSAGE] = "message",
    [VERDICT_MATRIX] = "matrix",     [VERDICT_FIELD] = "field",
    [VERDICT_EXCLUDED] = "excluded", [VERDICT_THIRD] = "third-party",
    [VERDICT_OFFICE] = "office",     [VERDICT_CONSENT] = "consent",
    [VERDICT_TEXT] = "text",         [VERDICT_ATTACHMENT] = "attachment",
    [VERDICT_ASKED] = "asked",       [VERDICT_BOUND] = "bound",
};

const char *verdict_check_name(enum verdict_check check)
{
    return checks[check];
}

struct verdict *verdict_add(struct view *view, const char *path, enum category category,
                            const xmlNode *node, const char *attribute)
{
    struct verdicts *out = view->out;
    struct verdict *v;

    out->items = mem_grow(out->items, out->count, &out->cap, sizeof *out->items);
    v = &out->items[out->count++];
    *v = (struct verdict){
        .path = path,
        .category = category,
        .carry = true,
        .check = VERDICT_ALLOWED,
        .clause = "",
        .reason = "",
        .node = node,
        .attribute = attribute,
    };
    return v;
}

void verdict_withhold(struct view *view, struct verdict *v, enum verdict_check check,
                      const char *clause, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    v->carry = false;
    v->check = check;
    v->clause = clause;
    v->consent = 0;
    v->consent_item = NULL;
    v->vital = false;
    if (view->out->texts.count > 0 &&
        text_eq(view->out->texts.items[view->out->texts.count - 1], text)) {
        v->reason = view->out->texts.items[view->out->texts.count - 1];
        return;
    }
    strlist_add(&view->out->texts, text);
    v->reason = view->out->texts.items[view->out->texts.count - 1];
}

void refuse(struct view *view, const char *code, const char *clause, const char *fmt, ...)
{
    struct verdicts *out = view->out;
    struct refusal *r;
    va_list args;

    if (out->refusal_count == REFUSALS_MAX)
        return;
    r = &out->refusals[out->refusal_count++];
    r->code = code;
    r->clause = clause;
    va_start(args, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, args);
    va_end(args);
}

void verdicts_free(struct verdicts *verdicts)
{
    mem_free(&verdicts->items);
    strlist_free(&verdicts->texts);
    *verdicts = (struct verdicts){ 0 };
}

bool verdicts_err(const struct verdicts *verdicts, struct err *err)
{
    const struct refusal *r = &verdicts->refusals[0];

    if (verdicts->refusal_count == 0)
        return true;
    return err_set_at(err, ERR_DENIED, r->code, __FILE__, __LINE__, "%s%s%s%s", r->text,
                      r->clause[0] != '\0' ? " [art. " : "", r->clause,
                      r->clause[0] != '\0' ? "]" : "");
}

size_t verdicts_withheld(const struct verdicts *verdicts)
{
    size_t n = 0;

    for (size_t i = 0; i < verdicts->count; i++)
        n += !verdicts->items[i].carry;
    return n;
}

/* --- narrower ------------------------------------------------------------------------------- */

static size_t carried(const struct verdicts *in, const struct verdict *like)
{
    size_t n = 0;

    for (size_t i = 0; i < in->count; i++)
        n += in->items[i].carry && text_eq(in->items[i].path, like->path) &&
             text_eq(in->items[i].attribute, like->attribute);
    return n;
}

static struct narrower say_narrower(const char *code, const char *clause,
                                    const char *text)
{
    struct narrower n = { .narrower = true, .code = code, .clause = clause };

    snprintf(n.text, sizeof n.text, "%s", text);
    return n;
}

/* The first field that goes no longer. Only withheld ones are counted against the past. */
static const struct verdict *first_lost(const struct verdicts *before,
                                        const struct verdicts *now)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct verdict *v = &now->items[i];

        if (v->carry)
            continue;
        if (before == NULL || carried(before, v) > carried(now, v))
            return v;
    }
    return NULL;
}

struct narrower decide_narrower(const struct verdicts *before, const struct verdicts *now)
{
    const struct verdict *lost;
    char text[400];

    if (now->refusal_count > 0)
        return say_narrower(now->refusals[0].code, now->refusals[0].clause,
                            now->refusals[0].text);
    lost = first_lost(before, now);
    if (lost == NULL)
        return (struct narrower){ .code = "", .clause = "" };
    snprintf(text, sizeof text, "%s may no longer go: %s", lost->path, lost->reason);
    return say_narrower("agreement.narrower", lost->clause, text);
}

/* --- written out ---------------------------------------------------------------------------- */

static json_t *verdict_json(const struct verdict *v)
{
    json_t *row = json_object();

    json_object_set_new(row, "path", json_string(v->path));
    if (v->attribute != NULL)
        json_object_set_new(row, "attribute", json_string(v->attribute));
    json_object_set_new(row, "category", json_string(category_name(v->category)));
    json_object_set_new(row, "carry", json_boolean(v->carry));
    json_object_set_new(row, "check", json_string(checks[v->check]));
    json_object_set_new(row, "clause", json_string(v->clause));
    if (v->reason[0] != '\0')
        json_object_set_new(row, "reason", json_string(v->reason));
    if (v->consent > 0)
        json_object_set_new(row, "consent", json_integer(v->consent));
    if (v->vital)
        json_object_set_new(row, "vitalInterest", json_true());
    return row;
}

json_t *verdicts_json(const struct verdicts *verdicts)
{
    json_t *refusals = json_array(), *fields = json_array();

    for (size_t i = 0; i < verdicts->refusal_count; i++)
        json_array_append_new(refusals, json_pack("{s:s,s:s,s:s}", "code",
                                                  verdicts->refusals[i].code, "clause",
                                                  verdicts->refusals[i].clause, "text",
                                                  verdicts->refusals[i].text));
    for (size_t i = 0; i < verdicts->count; i++)
        json_array_append_new(fields, verdict_json(&verdicts->items[i]));
    return json_pack("{s:b,s:o,s:o}", "pass", verdicts->refusal_count == 0, "refusals",
                     refusals, "fields", fields);
}
