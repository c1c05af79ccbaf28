/*
 * xsd_private.h - what the files that implement xsd.h share.
 */
#ifndef FORMAT_XSD_PRIVATE_H
#define FORMAT_XSD_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>
#include <libxml/xmlerror.h>

#include "base/attr.h"
#include "base/str.h"
#include "format/finding.h"

struct buf;
struct dict;

/* The named simple types of a schema's files, as their elements. */
struct xsd_types {
    xmlDoc **docs; /* owned */
    size_t count;
    struct dict *by_name; /* "{namespace}name" to xmlNode */
};

/* Takes the document. */
void xsd_types_add(struct xsd_types *types, xmlDoc *doc);
void xsd_types_free(struct xsd_types *types);

/*
 * What a type allows, in words: `one of "A", "B"`, `1 to 500 characters`, `the form [0-9]{3}`,
 * joined by " or ". name as libxml2 says it ("{ns}local", "xs:date"). Adds nothing when the type
 * is not known. values: every single value it lists, or NULL.
 */
void xsd_type_words(const struct xsd_types *types, const char *name, struct buf *out,
                    struct strlist *values);

/* One of libxml2's validation errors as a finding of ours. */
void xsd_finding_add(struct findings *findings, const struct xsd_types *types,
                     const xmlDoc *doc, const xmlError *error);

#endif
