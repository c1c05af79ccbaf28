/*
 * xml_write.c - trees built, printed and canonicalised.
 *
 * Before a tree is printed, every name and text in it is held against XML's own character set
 * and the target encoding, so that a character is never replaced, dropped or written as a
 * reference nobody asked for. Declarations are written here, not by libxml2.
 */
#include "format/xml.h"

#include <string.h>

#include <libxml/c14n.h>
#include <libxml/xmlIO.h>
#include <libxml/xmlsave.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/charset.h"
#include "format/xml_private.h"

#define PREFIXES_MAX 64 /* of one InclusiveNamespaces list */

/* --- building ---------------------------------------------------------------------------- */

xmlDoc *xml_doc_new(const char *root, const char *ns, const char *prefix)
{
    xmlDoc *doc;
    xmlNode *node;

    xml_init();
    doc = xmlNewDoc(xml_chars("1.0"));
    node = xmlNewDocNode(doc, NULL, xml_chars(root), NULL);
    xmlDocSetRootElement(doc, node);
    if (ns != NULL)
        xmlSetNs(node, xml_ns_add(node, ns, prefix));
    return doc;
}

xmlNs *xml_ns_add(xmlNode *node, const char *ns, const char *prefix)
{
    return xmlNewNs(node, xml_chars(ns), xml_chars(prefix));
}

xmlNode *xml_add(xmlNode *parent, xmlNs *ns, const char *local)
{
    /* xmlNewChild() would let a child without namespace inherit its parent's. */
    return xmlAddChild(parent, xmlNewDocNode(parent->doc, ns, xml_chars(local), NULL));
}

xmlNode *xml_add_text(xmlNode *parent, xmlNs *ns, const char *local, const char *text)
{
    xmlNode *node = xml_add(parent, ns, local);

    xml_append_text(node, text);
    return node;
}

void xml_append_text(xmlNode *node, const char *text)
{
    if (text != NULL && text[0] != '\0')
        xmlAddChild(node, xmlNewDocText(node->doc, xml_chars(text)));
}

void xml_set(xmlNode *node, xmlNs *ns, const char *name, const char *value)
{
    xmlSetNsProp(node, ns, xml_chars(name), xml_chars(value));
}

/* Char ::= #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF] */
ptrdiff_t xml_unfit(const char *text, size_t len)
{
    uint32_t cp = 0;
    size_t step;

    for (size_t at = 0; at < len; at += step) {
        step = utf8_next(text + at, len - at, &cp);
        if (step == 0 || (cp < 0x20 && cp != '\t' && cp != '\n' && cp != '\r') ||
            cp == 0xFFFE || cp == 0xFFFF)
            return (ptrdiff_t)at;
    }
    return -1;
}

/* --- what cannot be written -------------------------------------------------------------- */

static bool unwritable(const xmlNode *node, const struct charset *charset, uint32_t cp,
                       size_t position, struct err *err)
{
    AUTO(buf_free) struct buf path = BUF_INIT(240);

    xml_path_add(&path, node, xml_root(node->doc));
    return err_set(err, ERR_REJECT, "xml.unwritable",
                   "%s: character U+%04X at position %zu cannot be written in %s",
                   path.len > 0 ? path.data : "the root", (unsigned)cp, position + 1,
                   charset_name(charset));
}

/* node: where the text stands, for the error. */
static bool text_fits(const xmlNode *node, const xmlChar *text,
                      const struct charset *charset, struct err *err)
{
    const char *t = text != NULL ? xml_cstr(text) : "";
    size_t len = strlen(t), position = 0;
    ptrdiff_t bad = xml_unfit(t, len);
    uint32_t cp = 0xFFFD;

    if (bad >= 0) {
        utf8_next(t + bad, len - (size_t)bad, &cp);
        for (ptrdiff_t i = 0; i < bad; i++)
            position += ((unsigned char)t[i] & 0xC0) != 0x80;
        return unwritable(node, charset, cp, position, err);
    }
    bad = charset_first_unfit(charset, t, len, &cp);
    return bad < 0 || unwritable(node, charset, cp, (size_t)bad, err);
}

static bool element_fits(const xmlNode *node, const struct charset *charset,
                         struct err *err)
{
    if (!text_fits(node, node->name, charset, err))
        return false;
    for (const xmlNs *ns = node->nsDef; ns != NULL; ns = ns->next)
        if (!text_fits(node, ns->prefix, charset, err) ||
            !text_fits(node, ns->href, charset, err))
            return false;
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next) {
        const xmlNode *at = (const xmlNode *)attr;

        if (!text_fits(at, attr->name, charset, err) ||
            (attr->children != NULL &&
             !text_fits(at, attr->children->content, charset, err)))
            return false;
    }
    return true;
}

static bool node_fits(const xmlNode *node, const struct charset *charset, struct err *err)
{
    const xmlNode *place =
        node->parent != NULL && node->type == XML_TEXT_NODE ? node->parent : node;

    if (node->type == XML_ELEMENT_NODE)
        return element_fits(node, charset, err);
    return text_fits(place, node->content, charset, err);
}

/* The node after this one in document order, within top. */
static const xmlNode *following(const xmlNode *node, const xmlNode *top)
{
    if (node->type == XML_ELEMENT_NODE && node->children != NULL)
        return node->children;
    while (node != top && node->next == NULL)
        node = node->parent;
    return node == top ? NULL : node->next;
}

static bool tree_fits(const xmlNode *top, const struct charset *charset, struct err *err)
{
    for (const xmlNode *node = top; node != NULL; node = following(node, top))
        if (!node_fits(node, charset, err))
            return false;
    return true;
}

/* --- printing ---------------------------------------------------------------------------- */

static int write_to_buf(void *ctx, const char *data, int len)
{
    return buf_add(ctx, data, (size_t)len) ? len : -1;
}

static void add_declaration(const struct xml_style *style, const struct charset *charset,
                            struct buf *out)
{
    if (!style->bare)
        buf_addf(out, "<?xml version=\"1.0\" encoding=\"%s\"?>\n", charset_name(charset));
}

static xmlSaveCtxt *saver(const struct xml_style *style, struct buf *to)
{
    return xmlSaveToIO(write_to_buf, NULL, to, "UTF-8",
                       XML_SAVE_NO_DECL | XML_SAVE_AS_XML |
                           (style->indent ? XML_SAVE_FORMAT : 0));
}

/* UTF-8 without declaration in, the whole in its encoding out. */
static bool finish(const struct xml_style *style, const struct buf *utf8, struct buf *out,
                   struct err *err)
{
    const struct charset *charset =
        style->charset != NULL ? style->charset : charset_utf8();

    if (!buf_check(utf8, "the printed document", err))
        return false;
    add_declaration(style, charset, out);
    return charset_encode(charset, buf_str(utf8), utf8->len, out, err) &&
           buf_check(out, "the printed document", err);
}

static const struct xml_style plain_style;

bool xml_print(const xmlDoc *doc, const struct xml_style *style, struct buf *out,
               struct err *err)
{
    AUTO(buf_free)
    struct buf utf8 = BUF_SECRET_INIT(out->max > SIZE_MAX / 4 ? out->max : out->max * 4);
    xmlSaveCtxt *save;

    style = style != NULL ? style : &plain_style;
    for (const xmlNode *node = doc->children; node != NULL; node = node->next)
        if (!tree_fits(node, style->charset != NULL ? style->charset : charset_utf8(),
                       err))
            return false;
    save = saver(style, &utf8);
    xmlSaveDoc(save, (xmlDoc *)(uintptr_t)doc); /* does not change it */
    xmlSaveClose(save);
    return finish(style, &utf8, out, err);
}

bool xml_print_node(const xmlNode *node, const struct xml_style *style, struct buf *out,
                    struct err *err)
{
    AUTO(buf_free)
    struct buf utf8 = BUF_SECRET_INIT(out->max > SIZE_MAX / 4 ? out->max : out->max * 4);
    AUTO(xml_doc_free) xmlDoc *alone = xmlNewDoc(xml_chars("1.0"));
    xmlSaveCtxt *save;

    style = style != NULL ? style : &plain_style;
    if (!tree_fits(node, style->charset != NULL ? style->charset : charset_utf8(), err))
        return false;
    /* The copy declares what its ancestors declared for it. */
    xmlDocSetRootElement(alone, xmlDocCopyNode((xmlNode *)(uintptr_t)node, alone, 1));
    save = saver(style, &utf8);
    xmlSaveTree(save, xml_root(alone));
    xmlSaveClose(save);
    return finish(style, &utf8, out, err);
}

/* --- canonical form ---------------------------------------------------------------------- */

struct c14n {
    const xmlNode *top;
    struct sink *to;
    struct err *err;
    bool failed;
};

/* A namespace node is asked about with its element as parent. */
static int is_visible(void *data, xmlNode *node, xmlNode *parent)
{
    const struct c14n *c14n = data;
    const xmlNode *at = node->type == XML_NAMESPACE_DECL ? parent : node;

    while (at != NULL && at != c14n->top)
        at = at->parent;
    return at != NULL;
}

static int write_to_sink(void *ctx, const char *data, int len)
{
    struct c14n *c14n = ctx;

    if (c14n->failed)
        return -1;
    c14n->failed = !c14n->to->write(c14n->to, data, (size_t)len, c14n->err);
    return c14n->failed ? -1 : len;
}

/* PrefixList is NMTOKENS: split on any white space. */
static size_t split_prefixes(char *list, xmlChar *prefixes[PREFIXES_MAX + 1])
{
    size_t count = 0;

    for (char *save = NULL, *p = strtok_r(list, " \t\r\n", &save); p != NULL;
         p = strtok_r(NULL, " \t\r\n", &save)) {
        if (count == PREFIXES_MAX)
            return SIZE_MAX;
        prefixes[count++] = (xmlChar *)p;
    }
    prefixes[count] = NULL;
    return count;
}

bool xml_c14n(const xmlNode *node, const char *prefix_list, struct sink *to,
              struct err *err)
{
    struct c14n c14n = { .top = node, .to = to, .err = err };
    AUTO(mem_free) char *list = mem_strdup(prefix_list != NULL ? prefix_list : "");
    xmlChar *prefixes[PREFIXES_MAX + 1];
    size_t count = split_prefixes(list, prefixes);
    xmlOutputBuffer *out;
    int rc;

    if (count == SIZE_MAX)
        return err_set(err, ERR_REJECT, "xml.prefixes",
                       "a PrefixList names over %d prefixes", PREFIXES_MAX);
    out = xmlOutputBufferCreateIO(write_to_sink, NULL, &c14n, NULL);
    rc = xmlC14NExecute(node->doc, is_visible, &c14n, XML_C14N_EXCLUSIVE_1_0,
                        count > 0 ? prefixes : NULL, 0, out);
    if (xmlOutputBufferClose(out) < 0)
        rc = -1;
    if (c14n.failed)
        return false;
    return rc >= 0 ||
           err_set(err, ERR_REJECT, "xml.c14n",
                   "element %.60s has no canonical form (a relative namespace URI?)",
                   xml_cstr(node->name));
}
