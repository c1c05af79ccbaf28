/*
 * cover.c - nothing is dropped silently: every value of the source that no rule used is a loss.
 *
 * Reading: what the form never lets out of the country (`never`) is noted as withheld; "no data" is no
 * value. Writing: attributes that only describe a value (its script, its form, its check) go with it;
 * the technical header, the seal and an earlier loss report are not the person's data.
 */
#include <string.h>

#include "format/xml.h"
#include "mapping/mapping_private.h"

static bool in_list(const char *const *list, const char *name)
{
    for (size_t i = 0; list[i] != NULL; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static void clear(xmlNode *node)
{
    node->_private = NULL;
    for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        attr->_private = NULL;
    for (xmlNode *kid = xml_first(node); kid != NULL; kid = xml_next(kid))
        clear(kid);
}

static void lost(struct run *run, xmlNode *node, const char *why)
{
    report_loss(run, NULL, LOSS_NO_EQUIVALENT, node, NULL, node_value(run, node), NULL,
                why);
}

static void look_attrs(struct run *run, xmlNode *node)
{
    /* clang-format off */
    static const char *const describing[] = {
        "national", "nationalText", "country", "form", "field", "lang", "script", "source",
        "scheme", "kindText", "check", "precision", "expanded", "id", "sha256", "size", "item", NULL,
    };
    /* clang-format on */

    for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        const char *name = (const char *)attr->name;

        if (node_was_seen((xmlNode *)attr))
            continue;
        if (run->way == WRITING && in_list(describing, name))
            continue;
        if (run->way == WRITING && node_was_seen(node) &&
            (strcmp(name, "code") == 0 || strcmp(name, "type") == 0))
            continue;
        if (run->way == READING && attr->ns != NULL)
            continue; /* xsi:nil, xsi:schemaLocation */
        lost(run, (xmlNode *)attr, "no rule of the mapping has a place for it");
    }
}

static bool no_data(struct run *run, xmlNode *node)
{
    const char *text = node_value(run, node);

    if (text[strspn(text, " \t\r\n")] == '\0')
        return true;
    return run->way == READING && run->map->empty == EMPTY_WORD &&
           text_eq(text, run->map->empty_word);
}

static void look(struct run *run, xmlNode *node)
{
    xmlNode *kid = xml_first(node);

    look_attrs(run, node);
    if (kid == NULL) {
        if (!node_was_seen(node) && !no_data(run, node))
            lost(run, node, "no rule of the mapping has a place for it");
        return;
    }
    for (; kid != NULL; kid = xml_next(kid))
        look(run, kid);
}

struct never_look {
    struct run *run;
    const struct never *never;
    bool any;
};

static void never_count(struct run *run, xmlNode *node, const char *why)
{
    xmlNode *kid = node_is_attr(node) ? NULL : xml_first(node);

    for (; kid != NULL; kid = xml_next(kid))
        never_count(run, kid, why);
    if ((node_is_attr(node) || xml_first(node) == NULL) && !no_data(run, node))
        report_loss(run, NULL, LOSS_WITHHELD, node, NULL, node_value(run, node), NULL,
                    why);
}

static bool never_see(void *ctx, xmlNode *node)
{
    struct never_look *look_ = ctx;

    never_count(look_->run, node, look_->never->why);
    if (node_is_attr(node))
        node_seen(node);
    else
        node_seen_all(node);
    return true;
}

/* The wrapping around the message's root (SOAP header) is written anew and says nothing of the person. */
static void cover_read(struct run *run)
{
    for (size_t i = 0; i < run->map->never_count; i++) {
        struct never_look one = { run, &run->map->nevers[i], false };

        trail_each(run, run->root, one.never->path, never_see, &one);
    }
    look(run, run->root);
}

static void cover_write(struct run *run)
{
    static const char *const technical[] = { "Header", "LossReport", "Signature", NULL };

    for (xmlNode *kid = xml_first(run->root); kid != NULL; kid = xml_next(kid))
        if (!in_list(technical, (const char *)kid->name))
            look(run, kid);
}

void run_cover(struct run *run)
{
    if (run->root != NULL && run->way == READING)
        cover_read(run);
    if (run->root != NULL && run->way == WRITING)
        cover_write(run);
    if (run->top != NULL)
        clear(run->top);
}
