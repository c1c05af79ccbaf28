/*
 * dom.h - walking an envelope strictly, and building one: what format/xml does not have.
 *
 * Names are compared by namespace and local name, never by prefix. Between elements only
 * white space and comments may stand; inside a leaf no comment may (see header.h).
 */
#ifndef AS4_DOM_H
#define AS4_DOM_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;

size_t dom_count(const xmlNode *parent); /* child elements */

/* If *at is that element, returns it and moves *at to the next element sibling; else NULL. */
xmlNode *dom_take(xmlNode **at, const char *ns, const char *name);

/* No text but white space between the element children. */
bool dom_no_text(const xmlNode *parent);
/* No element children, no text but white space. */
bool dom_empty(const xmlNode *node);

/* Trimmed text of a leaf, owned; NULL when it holds anything but text. */
char *dom_leaf(const xmlNode *node) NODISCARD;

/* Base64 of a leaf into out, white space skipped. False: not a leaf, or not base64, or over
 * the buffer's ceiling. */
bool dom_base64(const xmlNode *leaf, struct buf *out) NODISCARD;

/* The value of an attribute that is a bare URI reference to an id of this document: what stands
 * behind the '#'; NULL when absent or of another form. */
const char *dom_fragment(const xmlNode *node);

/* An NCName of [A-Za-z_][A-Za-z0-9_.-]*. */
bool dom_ncname(const char *text);

/* Building: a child element with that prefix's namespace, which must be declared above. */
xmlNode *dom_add(xmlNode *parent, const char *prefix, const char *name);
xmlNode *dom_add_text(xmlNode *parent, const char *prefix, const char *name,
                      const char *text);
xmlNode *dom_add_base64(xmlNode *parent, const char *prefix, const char *name,
                        const void *data, size_t len);
/* prefix NULL: an unqualified attribute. */
void dom_set(xmlNode *node, const char *prefix, const char *name, const char *value);

#endif
