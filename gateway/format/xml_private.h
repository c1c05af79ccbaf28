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

/* The first name that was asked for since xml_serve() and is none of them; "" when there is
 * none. Borrowed until the next xml_serve() of this thread. */
const char *xml_refused(void);

static inline const xmlChar *xml_chars(const char *text)
{
    return (const xmlChar *)text;
}

static inline const char *xml_cstr(const xmlChar *text)
{
    return (const char *)text;
}

#endif
