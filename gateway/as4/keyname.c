/*
 * keyname.c - certificate references, read and written in all forms.
 *
 * The writer follows what the Basic Security Profile asks (EncodingType and ValueType
 * everywhere, TokenType for a PKIPath), since WSS4J peers enforce it. The reader takes exactly
 * those forms, with the attributes in any order and those that peers leave out left out.
 * Whether a form is agreed with the partner is security.c's question.
 */
#include "as4/keyname.h"

#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "as4/soap.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/cert.h"
#include "pki/trust.h"

void keyname_free(struct keyname *name)
{
    buf_free(&name->octets);
    mem_free(&name->issuer);
    mem_free(&name->serial);
}

static bool bad(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.grammar", "key reference: %s", what);
}

static bool base64_encoded(const xmlNode *node)
{
    const char *encoding = xml_attr(node, NULL, "EncodingType");

    return encoding == NULL || text_eq(encoding, ENC_BASE64);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool read_token(const xmlNode *reference, const struct soap *soap,
                       struct keyname *name, struct err *err)
{
    const char *claimed = xml_attr(reference, NULL, "ValueType"), *type;
    xmlNode *token = soap_by_id(soap, dom_fragment(reference));

    if (!dom_empty(reference) || !xml_is(token, NS_WSSE, "BinarySecurityToken") ||
        token->parent != soap->security)
        return bad(err, "names no token of this Security header");
    type = xml_attr(token, NULL, "ValueType");
    if (text_eq(type, VT_X509V3))
        name->form = PMODE_REF_BST;
    else if (text_eq(type, VT_PKIPATH))
        name->form = PMODE_REF_PKIPATH;
    else
        return bad(err, "the token is neither an X.509 certificate nor a PKIPath");
    if (claimed != NULL && !text_eq(claimed, type))
        return bad(err, "the token is of another type than its reference says");
    name->octets.max = KEYNAME_OCTETS_MAX;
    if (!base64_encoded(token) || !dom_base64(token, &name->octets))
        return bad(err, "the token is not base64");
    name->token = token;
    return true;
}

static bool read_identifier(const xmlNode *node, struct keyname *name, struct err *err)
{
    const char *type = xml_attr(node, NULL, "ValueType");

    if (text_eq(type, VT_SKI))
        name->form = PMODE_REF_SKI;
    else if (text_eq(type, VT_THUMB))
        name->form = PMODE_REF_THUMBPRINT;
    else
        return bad(err, "a KeyIdentifier of a type that is not taken");
    name->octets.max = KEYNAME_OCTETS_MAX;
    if (!base64_encoded(node) || !dom_base64(node, &name->octets) ||
        name->octets.len == 0)
        return bad(err, "the KeyIdentifier is not base64");
    return true;
}

static bool read_issuer_serial(const xmlNode *data, struct keyname *name, struct err *err)
{
    xmlNode *node = xml_first(data), *at = node == NULL ? NULL : xml_first(node);
    xmlNode *issuer, *serial;

    if (!xml_is(node, NS_DS, "X509IssuerSerial") || xml_next(node) != NULL)
        return bad(err, "X509Data holds something else than one X509IssuerSerial");
    issuer = dom_take(&at, NS_DS, "X509IssuerName");
    serial = dom_take(&at, NS_DS, "X509SerialNumber");
    if (issuer == NULL || serial == NULL || at != NULL || !dom_no_text(node))
        return bad(err, "X509IssuerSerial is not one name and one number");
    name->form = PMODE_REF_ISSUER_SERIAL;
    name->issuer = dom_leaf(issuer);
    name->serial = dom_leaf(serial);
    if (name->issuer == NULL || name->serial == NULL ||
        strlen(name->issuer) > KEYNAME_TEXT_MAX ||
        strlen(name->serial) > KEYNAME_TEXT_MAX)
        return bad(err, "X509IssuerSerial is too long or holds more than text");
    return true;
}

bool keyname_read(const xmlNode *key_info, const struct soap *soap, struct keyname *ret,
                  struct err *err)
{
    const xmlNode *reference = xml_first(key_info);
    const xmlNode *form = reference == NULL ? NULL : xml_first(reference);
    AUTO(keyname_free) struct keyname name = { 0 };
    bool read;

    if (!xml_is(reference, NS_WSSE, "SecurityTokenReference") ||
        xml_next(reference) != NULL || form == NULL || xml_next(form) != NULL ||
        !dom_no_text(key_info) || !dom_no_text(reference))
        return bad(err, "KeyInfo is not one SecurityTokenReference with one child");
    if (xml_is(form, NS_WSSE, "Reference"))
        read = read_token(form, soap, &name, err);
    else if (xml_is(form, NS_WSSE, "KeyIdentifier"))
        read = read_identifier(form, &name, err);
    else if (xml_is(form, NS_DS, "X509Data"))
        read = read_issuer_serial(form, &name, err);
    else
        read = bad(err, "a form that is not taken");
    if (!read)
        return false;
    *ret = name;
    name = (struct keyname){ 0 };
    return true;
}

/* --- resolving --------------------------------------------------------------------------- */

static struct str octets_of(const struct keyname *name)
{
    return (struct str){ buf_str(&name->octets), name->octets.len };
}

/* Lookup in a list by what the message says; a token is looked up by its last certificate. */
static struct cert *select_from(const struct certlist *list, const struct keyname *name,
                                struct err *err)
{
    AUTO(certlist_free) struct certlist path = { 0 };

    switch (name->form) {
    case PMODE_REF_BST:
        return certlist_by_der(list, octets_of(name), err);
    case PMODE_REF_PKIPATH:
        if (!cert_path_read(name->octets.data, name->octets.len, &path, err))
            return NULL;
        return certlist_by_der(list, cert_der(path.items[path.count - 1]), err);
    case PMODE_REF_SKI:
        return certlist_by_ski(list, octets_of(name), err);
    case PMODE_REF_THUMBPRINT:
        return certlist_by_thumbprint(list, octets_of(name), err);
    case PMODE_REF_ISSUER_SERIAL:
        return certlist_by_issuer_serial(list, name->issuer, name->serial, err);
    case PMODE_REF_COUNT:
        break;
    }
    err_set(err, ERR_BUG, "as4.key-reference", "key reference of no form");
    return NULL;
}

struct cert *keyname_own(const struct keyname *name, const struct certlist *own,
                         struct err *err)
{
    return select_from(own, name, err);
}

static bool judged(const struct trust *trust, const struct cert *cert,
                   const struct certlist *via, int64_t now_ms, struct err *err)
{
    enum trust_state state = TRUST_NOT_TRUSTED;

    if (!trust_check(trust, TRUST_SIGN, cert, via, now_ms, &state, err))
        return false;
    if (state != TRUST_VALID)
        log_notice("as4.signer-state", log_s("state", trust_state_name(state)),
                   log_s("certificate", cert_sha256(cert)));
    return true;
}

/* The token itself brings the certificate; one that is pinned is known already, parsed. */
static struct cert *cert_in_token(const struct keyname *name, const struct trust *trust,
                                  struct certlist *via, struct err *err)
{
    AUTO(certlist_free) struct certlist path = { 0 };
    struct err dropped = { 0 };
    struct cert *pinned;

    if (name->form == PMODE_REF_BST) {
        pinned =
            certlist_by_der(trust_pinned(trust, TRUST_SIGN), octets_of(name), &dropped);
        return pinned != NULL ? cert_ref(pinned)
                              : cert_of_der(name->octets.data, name->octets.len, err);
    }
    if (!cert_path_read(name->octets.data, name->octets.len, &path, err))
        return NULL;
    for (size_t i = 0; i + 1 < path.count; i++)
        certlist_add(via, path.items[i]);
    return cert_ref(path.items[path.count - 1]);
}

/* Trust decides, by pin or by chain. */
static bool from_token(const struct keyname *name, const struct trust *trust,
                       int64_t now_ms, struct cert **ret, struct err *err)
{
    AUTO(certlist_free) struct certlist via = { 0 };
    AUTO(cert_free) struct cert *cert = cert_in_token(name, trust, &via, err);

    if (cert == NULL || !judged(trust, cert, &via, now_ms, err))
        return false;
    *ret = TAKE(cert);
    return true;
}

bool keyname_signer(const struct keyname *name, const struct trust *trust, int64_t now_ms,
                    struct cert **ret, struct err *err)
{
    struct cert *cert;

    if (name->form == PMODE_REF_BST || name->form == PMODE_REF_PKIPATH)
        return from_token(name, trust, now_ms, ret, err);
    cert = select_from(trust_pinned(trust, TRUST_SIGN), name, err);
    if (cert == NULL || !judged(trust, cert, NULL, now_ms, err))
        return false;
    *ret = cert_ref(cert);
    return true;
}

/* --- writing ----------------------------------------------------------------------------- */

static void place(xmlNode *token, const struct keyname_spec *spec)
{
    if (spec->before == NULL)
        return;
    xmlUnlinkNode(token);
    xmlAddPrevSibling(spec->before, token);
}

static void put_token(xmlNode *reference, const struct keyname_spec *spec,
                      const char *type, const void *der, size_t len)
{
    AUTO(mem_free) char *uri = mem_printf("#%s", spec->token_id);
    xmlNode *token =
        dom_add_base64(spec->security, "wsse", "BinarySecurityToken", der, len);
    xmlNode *node = dom_add(reference, "wsse", "Reference");

    dom_set(token, "wsu", "Id", spec->token_id);
    dom_set(token, NULL, "ValueType", type);
    dom_set(token, NULL, "EncodingType", ENC_BASE64);
    place(token, spec);
    dom_set(node, NULL, "URI", uri);
    dom_set(node, NULL, "ValueType", type);
}

static bool put_bst(xmlNode *reference, const struct keyname_spec *spec, struct err *err)
{
    struct str der = cert_der(spec->cert);

    (void)err;
    put_token(reference, spec, VT_X509V3, der.ptr, der.len);
    return true;
}

/* The issuers from the farthest to the nearest, then the certificate itself. */
static bool put_path(xmlNode *reference, const struct keyname_spec *spec, struct err *err)
{
    AUTO(buf_free) struct buf der = BUF_INIT(KEYNAME_OCTETS_MAX);
    AUTO(certlist_free) struct certlist path = { 0 };
    AUTO(cert_free) struct cert *own = NULL;

    for (size_t i = spec->issuers == NULL ? 0 : spec->issuers->count; i > 0; i--)
        certlist_add(&path, spec->issuers->items[i - 1]);
    own = cert_of_x509(cert_x509(spec->cert), err);
    if (own == NULL)
        return false;
    certlist_add(&path, own);
    cert_path_write(&path, &der);
    if (path.count > CERT_PATH_MAX || der.over)
        return err_set(err, ERR_CONFIG, "as4.key-reference",
                       "certificate %.16s: its PKIPath is longer than %d certificates",
                       cert_sha256(spec->cert), CERT_PATH_MAX);
    dom_set(reference, "wsse11", "TokenType", VT_PKIPATH);
    put_token(reference, spec, VT_PKIPATH, der.data, der.len);
    return true;
}

static bool put_ski(xmlNode *reference, const struct keyname_spec *spec, struct err *err)
{
    struct str ski = cert_ski(spec->cert);
    xmlNode *node;

    if (ski.len == 0)
        return err_set(
            err, ERR_CONFIG, "as4.key-reference",
            "certificate %.16s has no SubjectKeyIdentifier; choose another form of "
            "key reference",
            cert_sha256(spec->cert));
    node = dom_add_base64(reference, "wsse", "KeyIdentifier", ski.ptr, ski.len);
    dom_set(node, NULL, "ValueType", VT_SKI);
    dom_set(node, NULL, "EncodingType", ENC_BASE64);
    return true;
}

static bool put_issuer_serial(xmlNode *reference, const struct keyname_spec *spec,
                              struct err *err)
{
    xmlNode *data = dom_add(reference, "ds", "X509Data");
    xmlNode *pair = dom_add(data, "ds", "X509IssuerSerial");

    (void)err;
    dom_add_text(pair, "ds", "X509IssuerName", cert_issuer(spec->cert));
    dom_add_text(pair, "ds", "X509SerialNumber", cert_serial(spec->cert));
    return true;
}

static bool put_none(xmlNode *reference, const struct keyname_spec *spec, struct err *err)
{
    (void)reference;
    return err_set(err, ERR_CONFIG, "as4.key-reference",
                   "key references of form %s are not sent", pmode_ref_name(spec->form));
}

bool keyname_write(xmlNode *parent, const struct keyname_spec *spec, struct err *err)
{
    static bool (*const forms[PMODE_REF_COUNT])(xmlNode *, const struct keyname_spec *,
                                                struct err *) = {
        [PMODE_REF_BST] = put_bst,         [PMODE_REF_PKIPATH] = put_path,
        [PMODE_REF_SKI] = put_ski,         [PMODE_REF_ISSUER_SERIAL] = put_issuer_serial,
        [PMODE_REF_THUMBPRINT] = put_none,
    };
    xmlNode *info = dom_add(parent, "ds", "KeyInfo");
    xmlNode *reference = dom_add(info, "wsse", "SecurityTokenReference");

    return forms[spec->form](reference, spec, err);
}
