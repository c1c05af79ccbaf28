/*
 * xml_read.c - questions asked of a parsed tree. Nothing here changes it.
 */
#include "format/xml.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/xml_private.h"

#define TEXT_DEPTH_MAX 256 /* libxml2 parses no deeper */

static bool ns_is(const xmlNs *ns, const char *uri)
{
    if (uri == NULL)
        return ns == NULL;
    return ns != NULL && ns->href != NULL && strcmp(xml_cstr(ns->href), uri) == 0;
}

bool xml_is(const xmlNode *node, const char *ns, const char *local)
{
    return node != NULL && node->type == XML_ELEMENT_NODE &&
           strcmp(xml_cstr(node->name), local) == 0 && ns_is(node->ns, ns);
}

static xmlNode *element_from(xmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE)
        node = node->next;
    return node;
}

xmlNode *xml_root(const xmlDoc *doc)
{
    return element_from(doc->children);
}

xmlNode *xml_first(const xmlNode *parent)
{
    return parent == NULL ? NULL : element_from(parent->children);
}

xmlNode *xml_next(const xmlNode *node)
{
    return node == NULL ? NULL : element_from(node->next);
}

xmlNode *xml_child(const xmlNode *parent, const char *ns, const char *local)
{
    xmlNode *node = xml_first(parent);

    while (node != NULL && !xml_is(node, ns, local))
        node = xml_next(node);
    return node;
}

static bool same_name(const xmlNode *a, const xmlNode *b)
{
    return xmlStrEqual(a->name, b->name) &&
           ns_is(a->ns, b->ns != NULL ? xml_cstr(b->ns->href) : NULL);
}

xmlNode *xml_again(const xmlNode *node)
{
    xmlNode *next = xml_next(node);

    while (next != NULL && !same_name(next, node))
        next = xml_next(next);
    return next;
}

size_t xml_count(const xmlNode *parent, const char *ns, const char *local)
{
    size_t count = 0;

    for (const xmlNode *node = xml_first(parent); node != NULL; node = xml_next(node))
        count += xml_is(node, ns, local);
    return count;
}

/* A parsed attribute holds one text; without entities there is nothing else it could hold. */
const char *xml_attr(const xmlNode *node, const char *ns, const char *local)
{
    if (node == NULL || node->type != XML_ELEMENT_NODE)
        return NULL;
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (strcmp(xml_cstr(attr->name), local) == 0 && ns_is(attr->ns, ns))
            return attr->children != NULL && attr->children->content != NULL
                       ? xml_cstr(attr->children->content)
                       : "";
    return NULL;
}

static bool is_text(const xmlNode *node)
{
    return node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE;
}

static void add_text(const xmlNode *node, unsigned depth, struct buf *out)
{
    for (const xmlNode *child = node->children; child != NULL; child = child->next) {
        if (is_text(child))
            buf_adds(out, xml_cstr(child->content));
        else if (child->type == XML_ELEMENT_NODE && depth < TEXT_DEPTH_MAX)
            add_text(child, depth + 1, out);
    }
}

bool xml_text(const xmlNode *node, struct buf *out, struct err *err)
{
    add_text(node, 0, out);
    return buf_check(out, "an element's text", err);
}

const char *xml_leaf(const xmlNode *node, struct err *err)
{
    const xmlNode *only = node->children;

    if (only == NULL)
        return "";
    if (is_text(only) && only->next == NULL)
        return only->content != NULL ? xml_cstr(only->content) : "";
    err_set(err, ERR_REJECT, "xml.leaf",
            "line %u: element %.60s may hold only text, not elements or comments",
            xml_line(node), xml_cstr(node->name));
    return NULL;
}

bool xml_leaf_trim(const xmlNode *node, struct str *ret, struct err *err)
{
    const char *text = xml_leaf(node, err);

    if (text == NULL)
        return false;
    *ret = str_trim(str_of(text));
    return true;
}

unsigned xml_line(const xmlNode *node)
{
    long line = node != NULL ? xmlGetLineNo(node) : 0;

    return line > 0 ? (unsigned)line : 0;
}

/* Its number among those of its name, from 1; 0 when it is the only one. */
static unsigned number_of(const xmlNode *node)
{
    unsigned before = 0;

    if (node->parent == NULL)
        return 0;
    for (const xmlNode *n = node->prev; n != NULL; n = n->prev)
        before += n->type == XML_ELEMENT_NODE && same_name(n, node);
    return before > 0 || xml_again(node) != NULL ? before + 1 : 0;
}

void xml_path_add(struct buf *out, const xmlNode *node, const xmlNode *top)
{
    unsigned number;

    if (node == NULL || node == top || node->type == XML_DOCUMENT_NODE)
        return;
    xml_path_add(out, node->parent, top);
    if (out->len > 0)
        buf_addc(out, '/');
    buf_addf(out, "%s%s", node->type == XML_ATTRIBUTE_NODE ? "@" : "",
             xml_cstr(node->name));
    number = node->type == XML_ELEMENT_NODE ? number_of(node) : 0;
    if (number > 0)
        buf_addf(out, "[%u]", number);
}
