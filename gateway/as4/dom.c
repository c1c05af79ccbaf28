/*
 * dom.c - strict walking of a parsed tree, and the few calls that build one.
 *
 * The parser has already refused DOCTYPE, entities and processing instructions, so text nodes,
 * comments and elements are all there is. Nothing here changes a tree it only reads. A leaf
 * with a comment inside is no leaf: exclusive canonicalisation would not see the comment.
 */
#include "as4/dom.h"

#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

static bool element(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE;
}

static bool blank(const xmlNode *node)
{
    const char *p = (const char *)node->content;

    if (node->type == XML_COMMENT_NODE)
        return true;
    if (node->type != XML_TEXT_NODE)
        return false;
    return p == NULL || p[strspn(p, " \t\r\n")] == '\0';
}

bool dom_is(const xmlNode *node, const char *ns, const char *name)
{
    return node != NULL && element(node) && node->ns != NULL &&
           text_eq((const char *)node->ns->href, ns) &&
           text_eq((const char *)node->name, name);
}

static xmlNode *element_from(xmlNode *node)
{
    while (node != NULL && !element(node))
        node = node->next;
    return node;
}

xmlNode *dom_first(const xmlNode *parent)
{
    return element_from(parent->children);
}

xmlNode *dom_next(const xmlNode *node)
{
    return element_from(node->next);
}

size_t dom_count(const xmlNode *parent)
{
    size_t count = 0;

    for (xmlNode *n = dom_first(parent); n != NULL; n = dom_next(n))
        count++;
    return count;
}

xmlNode *dom_take(xmlNode **at, const char *ns, const char *name)
{
    xmlNode *node = *at;

    if (!dom_is(node, ns, name))
        return NULL;
    *at = dom_next(node);
    return node;
}

bool dom_no_text(const xmlNode *parent)
{
    for (xmlNode *n = parent->children; n != NULL; n = n->next) {
        if (!element(n) && !blank(n))
            return false;
    }
    return true;
}

bool dom_empty(const xmlNode *node)
{
    return dom_first(node) == NULL && dom_no_text(node);
}

const char *dom_attr(const xmlNode *node, const char *ns, const char *name)
{
    for (xmlAttr *a = node->properties; a != NULL; a = a->next) {
        const char *href = a->ns == NULL ? NULL : (const char *)a->ns->href;

        if (!text_eq((const char *)a->name, name) || !text_eq(href, ns))
            continue;
        if (a->children == NULL)
            return "";
        if (a->children->type != XML_TEXT_NODE || a->children->next != NULL)
            return NULL;
        return (const char *)a->children->content;
    }
    return NULL;
}

size_t dom_attr_count(const xmlNode *node)
{
    size_t count = 0;

    for (xmlAttr *a = node->properties; a != NULL; a = a->next)
        count++;
    return count;
}

char *dom_leaf(const xmlNode *node)
{
    size_t len = 0;
    char *text, *end;

    for (xmlNode *n = node->children; n != NULL; n = n->next) {
        if (n->type != XML_TEXT_NODE && n->type != XML_CDATA_SECTION_NODE)
            return NULL;
        len += strlen((const char *)n->content);
    }
    text = end = mem_alloc(len + 1);
    for (xmlNode *n = node->children; n != NULL; n = n->next)
        end = stpcpy(end, (const char *)n->content);
    return text;
}

bool dom_base64(const xmlNode *leaf, struct buf *out)
{
    AUTO(mem_free) char *text = dom_leaf(leaf);
    struct err dropped = { 0 };

    return text != NULL && base64_decode(text, strlen(text), out, &dropped);
}

static xmlNs *ns_of(xmlNode *node, const char *prefix)
{
    return prefix == NULL ? NULL : xmlSearchNs(node->doc, node, (const xmlChar *)prefix);
}

xmlNode *dom_add(xmlNode *parent, const char *prefix, const char *name)
{
    return xmlNewChild(parent, ns_of(parent, prefix), (const xmlChar *)name, NULL);
}

xmlNode *dom_add_text(xmlNode *parent, const char *prefix, const char *name,
                      const char *text)
{
    return xmlNewTextChild(parent, ns_of(parent, prefix), (const xmlChar *)name,
                           (const xmlChar *)text);
}

void dom_set(xmlNode *node, const char *prefix, const char *name, const char *value)
{
    xmlNewNsProp(node, ns_of(node, prefix), (const xmlChar *)name,
                 (const xmlChar *)value);
}
