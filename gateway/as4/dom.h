/*
 * dom.h - walking a parsed envelope strictly: elements in order, leaf texts, attributes.
 *
 * Names are compared by namespace and local name, never by prefix. Between elements only
 * white space and comments may stand; inside a leaf no comment may (see header.h).
 */
#ifndef AS4_DOM_H
#define AS4_DOM_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>

#include "as4/ns.h"
#include "base/attr.h"

struct buf;
struct err;

bool dom_is(const xmlNode *node, const char *ns, const char *name);

/* First child element / next sibling element, NULL at the end. */
xmlNode *dom_first(const xmlNode *parent);
xmlNode *dom_next(const xmlNode *node);
size_t dom_count(const xmlNode *parent); /* child elements */

/* If *at is that element, returns it and moves *at to the next element sibling; else NULL. */
xmlNode *dom_take(xmlNode **at, const char *ns, const char *name);

/* No text but white space between the element children. */
bool dom_no_text(const xmlNode *parent);
/* No element children, no text but white space. */
bool dom_empty(const xmlNode *node);

/* Value of an attribute; ns NULL: an unqualified one. Borrowed; NULL when absent. An attribute
 * whose value is not one plain text counts as absent. */
const char *dom_attr(const xmlNode *node, const char *ns, const char *name);
size_t dom_attr_count(const xmlNode *node);

/* All text of a leaf, untrimmed, owned; NULL when it holds anything but text. */
char *dom_leaf(const xmlNode *node) NODISCARD;

/* Base64 of a leaf into out, white space skipped. False: not a leaf, or not base64, or over
 * the buffer's ceiling. */
bool dom_base64(const xmlNode *leaf, struct buf *out) NODISCARD;

/* Building: a child element with that prefix's namespace, which must be declared above. */
xmlNode *dom_add(xmlNode *parent, const char *prefix, const char *name);
xmlNode *dom_add_text(xmlNode *parent, const char *prefix, const char *name,
                      const char *text);
void dom_set(xmlNode *node, const char *prefix, const char *name, const char *value);

#endif
