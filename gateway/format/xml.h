/*
 * xml.h - XML documents in and out, through one hardened door.
 *
 * Refused in every document: DOCTYPE (so no entities but the five and character references, no
 * default attributes, no external subset), UTF-16, XML 1.1, NUL, an encoding label that does not
 * match, and what passes the limits. Nothing is ever fetched. Errors are ERR_REJECT, name line
 * and column, and repeat no content:
 *
 *   xml.too-large xml.too-deep xml.too-many-nodes xml.doctype xml.utf16 xml.encoding xml.version
 *   xml.nul xml.instruction xml.xml-id xml.malformed, and charset.utf8, charset.undecodable
 *
 * libxml2's trees (xmlDoc, xmlNode) are used as they are; only this folder parses, validates,
 * canonicalises and prints them. A parsed document belongs to one thread at a time.
 */
#ifndef FORMAT_XML_H
#define FORMAT_XML_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include <libxml/dict.h> /* wants tree.h before it */

#include "base/attr.h"
#include "base/str.h"

struct buf;
struct charset;
struct err;
struct sink;

/* Once, before any thread uses libxml2 (or xmlsec); again is nothing. Running out of memory
 * inside libxml2 ends the process from then on, as everywhere here. */
void xml_init(void);
void xml_shutdown(void);

struct xml_limits {
    size_t octets;  /* as they came */
    unsigned depth; /* elements within elements */
    unsigned
        nodes; /* elements, attributes, texts, comments; not namespace declarations */
    bool instructions; /* processing instructions are let through */
    bool xml_id;       /* xml:id is let through (libxml2 makes an ID of it) */
};

extern const struct xml_limits
    xml_limits_soap; /* 1 MiB, depth 64, 20,000 nodes, strict */
extern const struct xml_limits
    xml_limits_canonical; /* 1 MiB, depth 32, 50,000 nodes, strict */
extern const struct xml_limits xml_limits_national; /* 8 MiB, depth 64, 200,000 nodes */

struct xml_place {
    unsigned line, column; /* from 1; 0 unknown */
};

struct xml_options {
    const struct xml_limits *limits; /* NULL: xml_limits_canonical */
    xmlDict
        *names; /* NULL, or a frozen dictionary all threads share: equal names are then
                     * equal pointers in every document parsed with it */
    struct xml_place *ret_place; /* NULL, or where to write the place of an error */
};

/* UTF-8 (a mark before it is accepted); another encoding label is "xml.encoding".
 * options may be NULL. Owned: xml_doc_free(). */
xmlDoc *xml_parse_utf8(const void *data, size_t len, const struct xml_options *options,
                       struct err *err) NODISCARD;

/* In the encoding its declaration names (charset.h); none: UTF-8. ret_charset may be NULL. */
xmlDoc *xml_parse_declared(const void *data, size_t len,
                           const struct xml_options *options,
                           const struct charset **ret_charset, struct err *err) NODISCARD;

void xml_doc_free(xmlDoc **doc);      /* for AUTO */
void xml_node_free(xmlNode **node);   /* for AUTO: one that hangs nowhere */
void xml_names_free(xmlDict **names); /* for AUTO */

/* --- reading ----------------------------------------------------------------------------- */

/* An element of this namespace (NULL: none) and local name. node may be NULL. */
bool xml_is(const xmlNode *node, const char *ns, const char *local);

xmlNode *xml_root(const xmlDoc *doc);
xmlNode *xml_first(const xmlNode *parent); /* first element child, or NULL */
xmlNode *xml_next(const xmlNode *node);    /* next element beside it, or NULL */
xmlNode *xml_child(const xmlNode *parent, const char *ns,
                   const char *local);   /* the first */
xmlNode *xml_again(const xmlNode *node); /* next one beside it of the same name */
size_t xml_count(const xmlNode *parent, const char *ns, const char *local);

/* The value, borrowed; NULL when absent. */
const char *xml_attr(const xmlNode *node, const char *ns, const char *local);

/* All text in the element and below, without comments and instructions. */
bool xml_text(const xmlNode *node, struct buf *out, struct err *err) NODISCARD;

/* The text of an element that holds only text, borrowed ("" when empty). An element, comment or
 * instruction inside: NULL, ERR_REJECT "xml.leaf". (A comment would split what a signature over
 * comment-free octets sees as one word.) */
const char *xml_leaf(const xmlNode *node, struct err *err) NODISCARD;
bool xml_leaf_trim(const xmlNode *node, struct str *ret, struct err *err) NODISCARD;

unsigned xml_line(const xmlNode *node); /* 0: built, not parsed */

/* "Osoba/PIB": local names from below `top` (NULL: from the root, which is named too), with
 * "[2]" where more of one name stand beside each other. Attributes as "@name". */
void xml_path_add(struct buf *out, const xmlNode *node, const xmlNode *top);

/* --- building ---------------------------------------------------------------------------- */

/* prefix NULL: the default namespace; ns NULL: none. */
xmlDoc *xml_doc_new(const char *root, const char *ns, const char *prefix) NODISCARD;
xmlNs *xml_ns_add(xmlNode *node, const char *ns, const char *prefix); /* declared there */

/* A new last child; ns NULL: no namespace. text NULL: empty. Returned borrowed. */
xmlNode *xml_add(xmlNode *parent, xmlNs *ns, const char *local);
xmlNode *xml_add_text(xmlNode *parent, xmlNs *ns, const char *local, const char *text);
void xml_append_text(xmlNode *node, const char *text);
void xml_set(xmlNode *node, xmlNs *ns, const char *name, const char *value);

/* Offset of the first character XML 1.0 cannot carry (controls, FFFE, FFFF), or -1. */
ptrdiff_t xml_unfit(const char *text, size_t len);

/* --- writing ----------------------------------------------------------------------------- */

struct xml_style {
    const struct charset *charset; /* NULL: UTF-8 */
    bool indent; /* two blanks a level; only for trees without mixed content */
    bool bare;   /* no XML declaration */
};

/*
 * The whole document, or one element with the namespace declarations it needs. style may be NULL.
 * ERR_REJECT "xml.unwritable": a character the encoding or XML cannot carry; names the place
 * (path), the character (U+04D8) and its position, never the text.
 */
bool xml_print(const xmlDoc *doc, const struct xml_style *style, struct buf *out,
               struct err *err) NODISCARD;
bool xml_print_node(const xmlNode *node, const struct xml_style *style, struct buf *out,
                    struct err *err) NODISCARD;

/*
 * Exclusive XML Canonicalization 1.0 without comments of one element and what it holds.
 * prefix_list: the PrefixList of ec:InclusiveNamespaces, separated by any white space, "#default"
 * for the default namespace; NULL: none.
 */
bool xml_c14n(const xmlNode *node, const char *prefix_list, struct sink *to,
              struct err *err) NODISCARD;

#endif
