/*
 * xml_private.h - what the files of format/ that know libxml2 share.
 */
#ifndef FORMAT_XML_PRIVATE_H
#define FORMAT_XML_PRIVATE_H

#include <stddef.h>

#include <libxml/tree.h>

struct xsd_file;

/*
 * Files that the entity loader of this thread may serve, by their exact names, until called
 * again with NULL. At all other times, and in all other threads, it refuses everything.
 */
void xml_serve(const struct xsd_file *files, size_t count);

static inline const xmlChar *xml_chars(const char *text)
{
    return (const xmlChar *)text;
}

static inline const char *xml_cstr(const xmlChar *text)
{
    return (const char *)text;
}

#endif
