/*
 * soap.c - SOAP 1.2 envelopes in and out (SOAP 1.2 part 1, section 5; WSS 1.1).
 *
 * Reading refuses everything that would make two readers see two messages: a second Messaging
 * wherever it hides, a second Security, an id twice, a block that we must understand and do not.
 * Only the attributes that are ids by their specification are ids here: wsu:Id anywhere, Id in
 * ds and xenc, id on eb:Messaging. Errors never repeat content.
 */
#include "as4/soap.h"

#include <stdio.h>
#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

void soap_free(struct soap *soap)
{
    xml_doc_free(&soap->doc);
    dict_free(&soap->ids);
}

xmlNode *soap_by_id(const struct soap *soap, const char *id)
{
    return id == NULL ? NULL : dict_get(soap->ids, id);
}

/* --- ids --------------------------------------------------------------------------------- */

static bool in_ns(const xmlNode *node, const char *ns)
{
    return node->ns != NULL && text_eq((const char *)node->ns->href, ns);
}

static const char *wsu_id(const xmlNode *node)
{
    return xml_attr(node, NS_WSU, "Id");
}

static const char *own_id(const xmlNode *node)
{
    if (in_ns(node, NS_DS) || in_ns(node, NS_XENC))
        return xml_attr(node, NULL, "Id");
    return xml_is(node, NS_EB, "Messaging") ? xml_attr(node, NULL, "id") : NULL;
}

const char *soap_id_of(const xmlNode *node)
{
    const char *id = wsu_id(node);

    return id != NULL ? id : own_id(node);
}

static bool register_id(struct soap *soap, xmlNode *node, const char *id, struct err *err)
{
    xmlNode *before;

    if (id == NULL)
        return true;
    if (!dom_ncname(id))
        return err_set(err, ERR_REJECT, "soap.id", "%s: an id is not a plain name",
                       (const char *)node->name);
    before = dict_get(soap->ids, id);
    if (before != NULL && before != node)
        return err_set(err, ERR_REJECT, "soap.id", "%s: an id is used twice",
                       (const char *)node->name);
    dict_set(soap->ids, id, node);
    return true;
}

/* Next element in document order, below `top`. */
static xmlNode *following(const xmlNode *top, xmlNode *node)
{
    xmlNode *next = xml_first(node);

    while (next == NULL && node != top) {
        next = xml_next(node);
        node = node->parent;
    }
    return next;
}

static bool register_ids(struct soap *soap, struct err *err)
{
    xmlNode *root = xml_root(soap->doc);
    size_t messagings = 0;

    for (xmlNode *n = root; n != NULL; n = following(root, n)) {
        messagings += xml_is(n, NS_EB, "Messaging");
        if (!register_id(soap, n, wsu_id(n), err) ||
            !register_id(soap, n, own_id(n), err))
            return false;
    }
    if (messagings != 1)
        return err_set(err, ERR_REJECT, "soap.form",
                       "the envelope holds %zu elements eb:Messaging instead of one",
                       messagings);
    return true;
}

/* --- structure --------------------------------------------------------------------------- */

static bool truth(const char *value)
{
    return value != NULL && (text_eq(value, "true") || text_eq(value, "1"));
}

static bool security_block(struct soap *soap, xmlNode *block, struct err *err)
{
    if (soap->security != NULL)
        return err_set(err, ERR_REJECT, "soap.form", "two wsse:Security headers");
    if (xml_attr(block, NS_ENV, "role") != NULL ||
        xml_attr(block, NS_ENV11, "actor") != NULL ||
        xml_attr(block, NULL, "role") != NULL || xml_attr(block, NULL, "actor") != NULL)
        return err_set(err, ERR_REJECT, "soap.form", "wsse:Security has a role or actor");
    soap->security = block;
    return true;
}

static bool header_block(struct soap *soap, xmlNode *block, struct err *err)
{
    if (xml_is(block, NS_EB, "Messaging")) {
        soap->messaging = block; /* register_ids() has seen that there is one only */
        return true;
    }
    if (xml_is(block, NS_WSSE, "Security"))
        return security_block(soap, block, err);
    if (truth(xml_attr(block, NS_ENV, "mustUnderstand")))
        return err_set(err, ERR_REJECT, "soap.must-understand",
                       "a header block that must be understood is not known here");
    return true;
}

static bool header(struct soap *soap, const xmlNode *header, struct err *err)
{
    for (xmlNode *n = xml_first(header); n != NULL; n = xml_next(n)) {
        if (!header_block(soap, n, err))
            return false;
    }
    if (soap->messaging == NULL)
        return err_set(err, ERR_REJECT, "soap.form",
                       "eb:Messaging is not a header block");
    if (!truth(xml_attr(soap->messaging, NS_ENV, "mustUnderstand")))
        return err_set(err, ERR_REJECT, "soap.form", "eb:Messaging lacks mustUnderstand");
    return true;
}

static bool body_allowed(const xmlNode *body, enum soap_use use)
{
    const xmlNode *child = xml_first(body);

    if (!dom_no_text(body))
        return false;
    return child == NULL || (use == SOAP_RESPONSE && xml_is(child, NS_ENV, "Fault") &&
                             xml_next(child) == NULL);
}

static bool structure(struct soap *soap, enum soap_use use, struct err *err)
{
    const xmlNode *root = xml_root(soap->doc);
    xmlNode *at = xml_first(root), *head;

    if (xml_is(root, NS_ENV11, "Envelope"))
        return err_set(err, ERR_REJECT, "soap.version", "the envelope is SOAP 1.1");
    if (!xml_is(root, NS_ENV, "Envelope"))
        return err_set(err, ERR_REJECT, "soap.form", "the document is no SOAP envelope");
    head = dom_take(&at, NS_ENV, "Header");
    soap->body = dom_take(&at, NS_ENV, "Body");
    if (head == NULL || soap->body == NULL || at != NULL || !dom_no_text(root) ||
        !dom_no_text(head))
        return err_set(err, ERR_REJECT, "soap.form",
                       "the envelope is not one Header and one Body");
    if (!body_allowed(soap->body, use))
        return err_set(err, ERR_REJECT, "soap.form", "the Body is not empty");
    return register_ids(soap, err) && header(soap, head, err);
}

bool soap_read(const void *data, size_t len, enum soap_use use, struct soap *ret,
               struct err *err)
{
    AUTO(soap_free) struct soap soap = { .ids = dict_new() };
    const struct xml_options options = { .limits = &xml_limits_soap };

    soap.doc = xml_parse_utf8(data, len, &options, err);
    if (soap.doc == NULL || !structure(&soap, use, err))
        return false;
    *ret = soap;
    soap = (struct soap){ 0 };
    return true;
}

/* --- new envelopes ----------------------------------------------------------------------- */

static void random_id(const char *prefix, char out[48])
{
    char uuid[UUID_TEXT];

    uuid_make(uuid);
    snprintf(out, 48, "_%s-%s", prefix, uuid);
}

void soap_new(struct soap_new *ret, bool with_security, bool with_encryption)
{
    xmlDoc *doc = xml_doc_new("Envelope", NS_ENV, "env");
    xmlNode *root = xml_root(doc), *head;

    xml_ns_add(root, NS_EB, "eb");
    xml_ns_add(root, NS_WSU, "wsu");
    if (with_security) {
        xml_ns_add(root, NS_WSSE, "wsse");
        xml_ns_add(root, NS_WSSE11, "wsse11");
        xml_ns_add(root, NS_DS, "ds");
    }
    if (with_encryption) {
        xml_ns_add(root, NS_XENC, "xenc");
        xml_ns_add(root, NS_XENC11, "xenc11");
    }
    *ret = (struct soap_new){ .doc = doc };
    random_id("m", ret->messaging_id);
    random_id("b", ret->body_id);
    head = dom_add(root, "env", "Header");
    ret->messaging = dom_add(head, "eb", "Messaging");
    dom_set(ret->messaging, "env", "mustUnderstand", "true");
    dom_set(ret->messaging, "wsu", "Id", ret->messaging_id);
    if (with_security) {
        ret->security = dom_add(head, "wsse", "Security");
        dom_set(ret->security, "env", "mustUnderstand", "true");
    }
    ret->body = dom_add(root, "env", "Body");
    dom_set(ret->body, "wsu", "Id", ret->body_id);
}

void soap_new_free(struct soap_new *made)
{
    xml_doc_free(&made->doc);
}
