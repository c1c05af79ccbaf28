/*
 * xsd.h - XML Schema: compiled from files in memory, asked for all that is wrong.
 */
#ifndef FORMAT_XSD_H
#define FORMAT_XSD_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "format/finding.h"

struct err;
struct xsd;

struct xsd_file {
    const char *name; /* as schemaLocation says it: no folders */
    const void *data; /* borrowed during xsd_compile() only */
    size_t len;
};

#define XSD_FILES_MAX 32                /* files of one schema */
#define XSD_FILE_MAX  (4 * 1024 * 1024) /* octets of one of them */

/*
 * The schema `entry` with its includes and imports among exactly these files; whatever else it
 * names is refused. Immutable afterwards, shared between threads. ERR_CONFIG "xsd.compile":
 * names file and line.
 */
struct xsd *xsd_compile(const struct xsd_file *files, size_t count, const char *entry,
                        struct err *err) NODISCARD;
void xsd_free(struct xsd **xsd); /* for AUTO */

/*
 * All that is wrong, in document order; none: valid. False only when the check itself could not
 * be made. Texts are our own: element and attribute names, kinds, lengths, facets and lists of
 * allowed values from the schema, nothing from the document. Places begin below the root.
 * Rules: unexpected missing not-declared attribute-required attribute-unknown type pattern
 * enumeration length minLength maxLength range digits content nil fixed unique schema.
 */
bool xsd_validate(const struct xsd *xsd, xmlDoc *doc, struct findings *ret,
                  struct err *err) NODISCARD;

/* The same as one error: ERR_REJECT "xsd.invalid" with the first finding and their number. */
bool xsd_check(const struct xsd *xsd, xmlDoc *doc, struct err *err) NODISCARD;

#endif
