/*
 * soap.h - the envelope: parsed once, its ids known, its blocks found in their one place.
 *
 * What the later steps look at are the nodes found here, never a second search: a signature
 * must cover these very nodes.
 */
#ifndef AS4_SOAP_H
#define AS4_SOAP_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct dict;
struct err;
struct buf;

struct soap {
    xmlDoc *doc;
    xmlNode *messaging;
    xmlNode *security; /* NULL: none */
    xmlNode *body;
    struct dict *ids; /* id to xmlNode */
};
void soap_free(struct soap *soap); /* for AUTO */

enum soap_use {
    SOAP_REQUEST, /* the Body is empty */
    SOAP_RESPONSE /* the Body may hold one Fault */
};

/*
 * Parses and finds. ERR_REJECT: "xml.*" and "charset.*" (format/xml), "soap.version" (SOAP 1.1),
 * "soap.form" (structure), "soap.id" (a bad or repeated id), "soap.must-understand".
 */
NODISCARD bool soap_read(const void *data, size_t len, enum soap_use use,
                         struct soap *ret, struct err *err);

xmlNode *soap_by_id(const struct soap *soap, const char *id); /* NULL: no such id */
/* An id under which that node is registered; NULL: none. Borrowed from the tree. */
const char *soap_id_of(const xmlNode *node);

/*
 * A new envelope: Header with Messaging (mustUnderstand, wsu:Id) and an empty Security when
 * asked for, Body with wsu:Id. All namespaces are declared on the Envelope.
 */
struct soap_new {
    xmlDoc *doc;
    xmlNode *messaging, *security, *body;
    char messaging_id[48], body_id[48];
};
void soap_new(struct soap_new *ret, bool with_security, bool with_encryption);
void soap_new_free(struct soap_new *made); /* for AUTO */

#endif
