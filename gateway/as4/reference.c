/*
 * reference.c - the grammar of a ds:Reference (XML Signature 1.1, 4.4.3, narrowed).
 *
 * Only one transform is taken, either exclusive canonicalisation or the attachment one, and no
 * parameters but an InclusiveNamespaces element; so nothing can be selected, cut or computed by
 * a reference. Whether the URI names the right thing is left to security.c.
 */
#include "as4/reference.h"

#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/xml.h"

static bool bad(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.grammar", "ds:Reference: %s", what);
}

static bool only_attributes(const xmlNode *reference)
{
    for (xmlAttr *a = reference->properties; a != NULL; a = a->next) {
        const char *name = (const char *)a->name;

        if (a->ns != NULL ||
            (!text_eq(name, "URI") && !text_eq(name, "Id") && !text_eq(name, "Type")))
            return false;
    }
    return true;
}

/* An exc-C14N transform may hold InclusiveNamespaces, an attachment transform nothing. */
static bool transform_form(const xmlNode *transform, const char *algorithm)
{
    const xmlNode *child = xml_first(transform);

    if (!dom_no_text(transform))
        return false;
    if (child == NULL)
        return true;
    return text_eq(algorithm, ALG_EXC) && xml_is(child, NS_EXC, "InclusiveNamespaces") &&
           xml_next(child) == NULL && dom_empty(child);
}

static const char *transform_of(xmlNode **at)
{
    xmlNode *group = dom_take(at, NS_DS, "Transforms");
    xmlNode *transform = group == NULL ? NULL : xml_first(group);
    const char *algorithm;

    if (!xml_is(transform, NS_DS, "Transform") || xml_next(transform) != NULL ||
        !dom_no_text(group))
        return NULL;
    algorithm = xml_attr(transform, NULL, "Algorithm");
    if (!text_eq(algorithm, ALG_EXC) && !text_eq(algorithm, SWA_SIGN))
        return NULL;
    return transform_form(transform, algorithm) ? algorithm : NULL;
}

bool reference_read(const xmlNode *reference, struct as4_digests *to, struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(DIGEST_OCTETS_MAX);
    const char *uri = xml_attr(reference, NULL, "URI"), *transform, *method;
    xmlNode *at = xml_first(reference), *node;
    enum digest_alg alg;

    if (uri == NULL || uri[0] == '\0' || !only_attributes(reference) ||
        !dom_no_text(reference))
        return bad(err, "has no URI, an unknown attribute or text of its own");
    transform = transform_of(&at);
    if (transform == NULL)
        return bad(err, "has not exactly one transform of those that we take");
    node = dom_take(&at, NS_DS, "DigestMethod");
    method = node == NULL ? NULL : xml_attr(node, NULL, "Algorithm");
    if (method == NULL || !dom_empty(node))
        return bad(err, "has no DigestMethod, or one with parameters");
    if (!digest_alg_of_uri(method, &alg))
        return err_set(err, ERR_REJECT, "sec.policy",
                       "ds:Reference: the digest method is not one that we know");
    node = dom_take(&at, NS_DS, "DigestValue");
    if (node == NULL || at != NULL || !dom_base64(node, &octets) ||
        octets.len != digest_alg_octets(alg))
        return bad(err,
                   "has no DigestValue of the method's length, or something behind it");
    as4_digests_add(to, uri, transform, alg, octets.data, octets.len);
    return true;
}
