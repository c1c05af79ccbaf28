/*
 * report.c - what a run tells: losses and findings, each with its place in the author's words.
 *
 * Values of fields go into `from` and `to` of losses only (model/loss.h keeps them out of the report that
 * travels). Texts of findings are sentences of ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/xml.h"
#include "mapping/mapping_private.h"
#include "model/category.h"

/* JSON writers know their fields as documents[1].kind; items of arrays are always counted, from 1. */
static void json_place(const struct run *run, const xmlNode *node, struct buf *out)
{
    size_t index = 1;

    if (node == run->root || node->parent == NULL ||
        node->parent->type != XML_ELEMENT_NODE)
        return;
    json_place(run, node->parent, out);
    buf_addf(out, "%s%s", out->len == 0 ? "" : ".", (const char *)node->name);
    for (const xmlNode *n = node->prev; n != NULL; n = n->prev)
        index += xmlStrEqual(n->name, node->name);
    if ((node->extra & JSON_ITEM) != 0)
        buf_addf(out, "[%zu]", index);
}

/* XML writers know theirs as Osoba/DataNarodzhennia, below the message's root. */
static void place_text(const struct run *run, const xmlNode *node, struct buf *out)
{
    if (run->map->json)
        json_place(run, node, out);
    else
        xml_path_add(out, node, run->root);
}

/* Attributes have no place of their own in xml_path_add's walk when the tree is ours. */
const char *national_place(struct run *run, const struct rule *rule, const xmlNode *node)
{
    AUTO(buf_free) struct buf text = BUF_INIT(4096);

    if (run->way == READING && node != NULL && run->root != NULL) {
        place_text(run, node, &text);
        return arena_text(&run->arena, buf_str(&text));
    }
    return rule == NULL ? NULL : rule->full_at;
}

static const char *canonical_place(struct run *run, const struct rule *rule,
                                   const xmlNode *node)
{
    AUTO(buf_free) struct buf text = BUF_INIT(4096);

    if (rule != NULL && rule->plain_to != NULL)
        return rule->plain_to;
    if (run->way != WRITING || node == NULL)
        return NULL;
    for (const xmlNode *n = node;
         n != NULL && n->parent != NULL && n->parent->type == XML_ELEMENT_NODE;
         n = n->parent) {
        char *behind = arena_text(&run->arena, buf_str(&text));

        buf_clear(&text);
        buf_addf(&text, "%s%s%s%s", node_is_attr(n) ? "@" : "", (const char *)n->name,
                 *behind == '\0' ? "" : "/", behind);
    }
    return arena_text(&run->arena, buf_str(&text));
}

static enum category category_of(const struct run *run, const struct rule *rule,
                                 const xmlNode *node, const char *path)
{
    const struct shape *shape = rule == NULL ? NULL : rule->canonical;

    (void)run;
    (void)path;
    if (shape == NULL && run->way == WRITING && node != NULL) {
        const struct shape *at = run->map->referral;
        const xmlNode *chain[MAPPING_DEPTH_MAX];
        size_t depth = 0;

        for (const xmlNode *n = node;
             n != NULL && n != run->root && depth < MAPPING_DEPTH_MAX; n = n->parent)
            chain[depth++] = n;
        while (depth-- > 0) {
            const struct shape *next = shape_kid(at, (const char *)chain[depth]->name,
                                                 node_is_attr(chain[depth]));

            if (next == NULL)
                break;
            at = next;
        }
        shape = at;
    }
    return shape == NULL || shape->category == NULL ? CATEGORY_NONE
                                                    : category_find(shape->category);
}

void report_loss(struct run *run, const struct rule *rule, enum loss_kind kind,
                 const xmlNode *node, const char *list, const char *from, const char *to,
                 const char *text)
{
    const char *path;

    if (run->losses->count >=
        LOSSES_MAX) { /* only counted: its place is not worth the walk */
        losses_add(run->losses, &(struct loss){ .kind = kind });
        return;
    }
    path = canonical_place(run, rule, node);
    losses_add(run->losses, &(struct loss){
                                .kind = kind,
                                .field = national_place(run, rule, node),
                                .path = path,
                                .rule = rule == NULL ? NULL : rule->id,
                                .mapping = run->map->id,
                                .version = run->map->version,
                                .list = list,
                                .from = from,
                                .to = to,
                                .reason = text,
                                .category = category_of(run, rule, node, path),
                            });
}

static const struct rule *labelled(const struct rule *rule)
{
    while (rule != NULL && rule->label == NULL)
        rule = rule->scope;
    return rule;
}

static unsigned line_of(const struct run *run, const xmlNode *node)
{
    if (run->way != READING || node == NULL)
        return 0;
    return run->json != NULL ? json_node_line(run, node) : xml_line(node);
}

const char *field_name_of(struct run *run, const struct rule *rule)
{
    const char *name = rule->full_at, *last;

    (void)run;
    if (name == NULL || !run->map->last_names)
        return name;
    last = strrchr(name, '/');
    return last == NULL ? name : last + 1;
}

static void problem(struct run *run, const struct rule *rule, const xmlNode *node,
                    const char *code, const char *remedy, const char *fmt, va_list args)
{
    char text[512];
    const struct rule *named = labelled(rule);
    const struct shape *shape = rule == NULL ? NULL : rule->national;

    if (run->report->count >= REPORT_MAX) { /* only counted */
        report_add(run->report, &(struct report_entry){ .code = code, .text = "" });
        return;
    }
    vsnprintf(text, sizeof text, fmt, args);
    report_add(run->report,
               &(struct report_entry){
                   .code = code,
                   .file = run->context->file == NULL ? "document" : run->context->file,
                   .line = line_of(run, node),
                   .field = national_place(run, rule, node),
                   .label = named != NULL                         ? named->label
                            : shape != NULL && shape->doc != NULL ? shape->doc
                                                                  : NULL,
                   .rule = rule == NULL           ? NULL
                           : rule->clause != NULL ? rule->clause
                                                  : rule->id,
                   .text = text,
                   .remedy = rule != NULL && rule->remedy != NULL ? rule->remedy : remedy,
               });
}

void report_problem(struct run *run, const struct rule *rule, const xmlNode *node,
                    const char *code, const char *remedy, const char *fmt, ...)
{
    char warning[64];
    va_list args;

    snprintf(warning, sizeof warning, "W%s", code + 1);
    va_start(args, fmt);
    problem(run, rule, node, rule != NULL && rule->warn ? warning : code, remedy, fmt,
            args);
    va_end(args);
}

void report_warning(struct run *run, const struct rule *rule, const xmlNode *node,
                    const char *code, const char *remedy, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    problem(run, rule, node, code, remedy, fmt, args);
    va_end(args);
}
