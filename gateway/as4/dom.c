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
#include "format/xml.h"

static bool blank(const xmlNode *node)
{
    const char *p = (const char *)node->content;

    if (node->type == XML_COMMENT_NODE)
        return true;
    if (node->type != XML_TEXT_NODE)
        return false;
    return p == NULL || p[strspn(p, " \t\r\n")] == '\0';
}

size_t dom_count(const xmlNode *parent)
{
    size_t count = 0;

    for (xmlNode *n = xml_first(parent); n != NULL; n = xml_next(n))
        count++;
    return count;
}

xmlNode *dom_take(xmlNode **at, const char *ns, const char *name)
{
    xmlNode *node = *at;

    if (!xml_is(node, ns, name))
        return NULL;
    *at = xml_next(node);
    return node;
}

bool dom_no_text(const xmlNode *parent)
{
    for (xmlNode *n = parent->children; n != NULL; n = n->next) {
        if (n->type != XML_ELEMENT_NODE && !blank(n))
            return false;
    }
    return true;
}

bool dom_empty(const xmlNode *node)
{
    return xml_first(node) == NULL && dom_no_text(node);
}

char *dom_leaf(const xmlNode *node)
{
    struct err dropped = { 0 };
    struct str text;

    if (!xml_leaf_trim(node, &text, &dropped))
        return NULL;
    return mem_strndup(text.ptr, text.len);
}

bool dom_base64(const xmlNode *leaf, struct buf *out)
{
    struct err dropped = { 0 };
    const char *text = xml_leaf(leaf, &dropped);

    return text != NULL && base64_decode(text, strlen(text), out, &dropped) && !out->over;
}

const char *dom_fragment(const xmlNode *node)
{
    const char *uri = xml_attr(node, NULL, "URI");

    if (uri == NULL || uri[0] != '#' || !dom_ncname(uri + 1))
        return NULL;
    return uri + 1;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

bool dom_ncname(const char *text)
{
    if (text[0] == '\0' || strchr(LETTERS, text[0]) == NULL)
        return false;
    return text[strspn(text, LETTERS "0123456789.-")] == '\0';
}

static xmlNs *ns_of(xmlNode *node, const char *prefix)
{
    return prefix == NULL ? NULL : xmlSearchNs(node->doc, node, (const xmlChar *)prefix);
}

xmlNode *dom_add(xmlNode *parent, const char *prefix, const char *name)
{
    return xml_add(parent, ns_of(parent, prefix), name);
}

xmlNode *dom_add_text(xmlNode *parent, const char *prefix, const char *name,
                      const char *text)
{
    return xml_add_text(parent, ns_of(parent, prefix), name, text);
}

xmlNode *dom_add_base64(xmlNode *parent, const char *prefix, const char *name,
                        const void *data, size_t len)
{
    AUTO(buf_free) struct buf text = BUF_INIT((len / 3 + 1) * 4);

    base64_add(&text, data, len);
    return dom_add_text(parent, prefix, name, buf_str(&text));
}

void dom_set(xmlNode *node, const char *prefix, const char *name, const char *value)
{
    xml_set(node, ns_of(node, prefix), name, value);
}
