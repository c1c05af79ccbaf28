/*
 * security.c - what wsse:Security may hold, and what its signature must cover.
 *
 * Read in three passes: the children by kind and number, then each by its own grammar, then
 * the ties between them: every token used, every part encrypted once, and Messaging, Body and
 * each part signed exactly once, by pointer and not by name. An unknown element or attribute
 * is a refusal, never skipped. No key is touched here and no digest computed.
 *
 * "sec.encryption" marks what is wrong with the encryption: its answer is the same as that of
 * a failed decryption, so that nobody can tell the two apart.
 */
#include "as4/security.h"

#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "as4/reference.h"
#include "as4/security_private.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/xmlsig.h"

void security_free(struct security *security)
{
    keyname_free(&security->signer);
    keyname_free(&security->recipient);
    as4_digests_free(&security->references);
    buf_free(&security->wrapped);
    mem_free(&security->parts);
    security->part_count = 0;
}

/* --- attributes -------------------------------------------------------------------------- */

struct known {
    const char *element_ns, *element;
    const char *ns; /* of the attribute; NULL: unqualified */
    const char *name;
};

/* Every attribute that may stand on an element of a Security header. */
static const struct known attributes[] = {
    { NS_WSSE, "Security", NS_ENV, "mustUnderstand" },
    { NS_WSSE, "Security", NS_WSU, "Id" },
    { NS_WSSE, "BinarySecurityToken", NS_WSU, "Id" },
    { NS_WSSE, "BinarySecurityToken", NULL, "ValueType" },
    { NS_WSSE, "BinarySecurityToken", NULL, "EncodingType" },
    { NS_WSSE, "SecurityTokenReference", NS_WSU, "Id" },
    { NS_WSSE, "SecurityTokenReference", NS_WSSE11, "TokenType" },
    { NS_WSSE, "Reference", NULL, "URI" },
    { NS_WSSE, "Reference", NULL, "ValueType" },
    { NS_WSSE, "KeyIdentifier", NULL, "ValueType" },
    { NS_WSSE, "KeyIdentifier", NULL, "EncodingType" },
    { NS_WSSE, "KeyIdentifier", NS_WSU, "Id" },
    { NS_DS, "Signature", NULL, "Id" },
    { NS_DS, "SignedInfo", NULL, "Id" },
    { NS_DS, "CanonicalizationMethod", NULL, "Algorithm" },
    { NS_DS, "SignatureMethod", NULL, "Algorithm" },
    { NS_DS, "SignatureValue", NULL, "Id" },
    { NS_DS, "KeyInfo", NULL, "Id" },
    { NS_DS, "Reference", NULL, "URI" },
    { NS_DS, "Reference", NULL, "Id" },
    { NS_DS, "Reference", NULL, "Type" },
    { NS_DS, "Transform", NULL, "Algorithm" },
    { NS_DS, "DigestMethod", NULL, "Algorithm" },
    { NS_EXC, "InclusiveNamespaces", NULL, "PrefixList" },
    { NS_XENC, "EncryptedKey", NULL, "Id" },
    { NS_XENC, "EncryptedKey", NS_WSU, "Id" },
    { NS_XENC, "EncryptionMethod", NULL, "Algorithm" },
    { NS_XENC11, "MGF", NULL, "Algorithm" },
    { NS_XENC, "DataReference", NULL, "URI" },
    { NS_XENC, "EncryptedData", NULL, "Id" },
    { NS_XENC, "EncryptedData", NULL, "MimeType" },
    { NS_XENC, "EncryptedData", NULL, "Type" },
    { NS_XENC, "CipherReference", NULL, "URI" },
    { NS_WSU, "Timestamp", NS_WSU, "Id" },
};

static bool attribute_known(const xmlNode *node, const xmlAttr *a)
{
    for (size_t i = 0; i < COUNT_OF(attributes); i++) {
        const struct known *k = &attributes[i];

        if (xml_is(node, k->element_ns, k->element) &&
            text_eq((const char *)a->name, k->name) &&
            text_eq(a->ns == NULL ? NULL : (const char *)a->ns->href, k->ns))
            return true;
    }
    return false;
}

static bool attributes_known(const xmlNode *node, struct err *err)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        if (!attribute_known(node, a))
            return bad(err, "an attribute that does not belong there");
    }
    for (const xmlNode *n = xml_first(node); n != NULL; n = xml_next(n)) {
        if (!attributes_known(n, err)) /* as deep as the parser let it be */
            return false;
    }
    return true;
}

/* --- the children of Security ------------------------------------------------------------- */

static bool put_one(xmlNode **place, xmlNode *node)
{
    if (*place != NULL)
        return false;
    *place = node;
    return true;
}

static bool put_next(xmlNode **places, size_t max, size_t *count, xmlNode *node)
{
    if (*count == max)
        return false;
    places[(*count)++] = node;
    return true;
}

static bool sort_child(struct children *c, xmlNode *n, struct err *err)
{
    if (xml_is(n, NS_DS, "Signature"))
        return put_one(&c->signature, n) || bad(err, "two Signatures");
    if (xml_is(n, NS_WSU, "Timestamp"))
        return put_one(&c->timestamp, n) || bad(err, "two Timestamps");
    if (xml_is(n, NS_WSSE, "BinarySecurityToken"))
        return put_next(c->tokens, TOKENS_MAX, &c->token_count, n) ||
               bad(err, "more than two tokens");
    if (xml_is(n, NS_XENC, "EncryptedKey"))
        return put_one(&c->key, n) || bad_encryption(err, "two EncryptedKeys");
    if (xml_is(n, NS_XENC, "EncryptedData"))
        return put_next(c->data, PMODE_PARTS_MAX, &c->data_count, n) ||
               bad_encryption(err, "more EncryptedData than parts can be");
    return bad(err, "an element that does not belong there");
}

static bool sort_children(const xmlNode *security, struct children *c, struct err *err)
{
    for (xmlNode *n = xml_first(security); n != NULL; n = xml_next(n)) {
        if (!sort_child(c, n, err))
            return false;
    }
    if (!dom_no_text(security))
        return bad(err, "text between its elements");
    if (c->signature == NULL)
        return policy(err, "no Signature");
    return true;
}

/* --- the signature ------------------------------------------------------------------------ */

/* CanonicalizationMethod: exclusive, without comments; a PrefixList may follow. */
static bool canonicalization(const xmlNode *node, struct err *err)
{
    const xmlNode *child = node == NULL ? NULL : xml_first(node);

    if (node == NULL)
        return bad(err, "SignedInfo does not begin with CanonicalizationMethod");
    if (!text_eq(xml_attr(node, NULL, "Algorithm"), ALG_EXC))
        return policy(err, "another canonicalization than exc-C14N");
    if (child == NULL ? !dom_no_text(node)
                      : !xml_is(child, NS_EXC, "InclusiveNamespaces") ||
                            xml_next(child) != NULL || !dom_empty(child))
        return bad(err, "CanonicalizationMethod with parameters that are not known");
    return true;
}

static bool signature_method(const xmlNode *node, const struct pmode *pmode,
                             enum sign_alg *ret, struct err *err)
{
    const char *uri = node == NULL ? NULL : xml_attr(node, NULL, "Algorithm");

    if (uri == NULL)
        return bad(err, "SignedInfo without SignatureMethod");
    if (!sign_alg_of_uri(uri, ret) || !(pmode->security.sign_accept & PMODE_BIT(*ret)))
        return policy(err, "a signature algorithm that the P-Mode does not name");
    if (!dom_empty(node))
        return bad(err, "SignatureMethod with parameters");
    return true;
}

static bool references(xmlNode *at, const struct pmode *pmode, struct as4_digests *ret,
                       struct err *err)
{
    xmlNode *node;

    while ((node = dom_take(&at, NS_DS, "Reference")) != NULL) {
        if (ret->count == AS4_REFERENCES_MAX)
            return bad(err, "more References than a message can have");
        if (!reference_read(node, ret, err))
            return false;
        if (!(pmode->security.digest_accept &
              PMODE_BIT(ret->items[ret->count - 1].method)))
            return policy(err, "a digest algorithm that the P-Mode does not name");
    }
    return at == NULL || bad(err, "SignedInfo holds something else than References");
}

static bool read_signature(const struct soap *soap, const struct children *c,
                           const struct pmode *pmode, struct security *ret,
                           struct err *err)
{
    xmlNode *at = xml_first(c->signature), *info, *value, *key, *in, *node;

    ret->signature = c->signature;
    info = dom_take(&at, NS_DS, "SignedInfo");
    value = dom_take(&at, NS_DS, "SignatureValue");
    key = dom_take(&at, NS_DS, "KeyInfo");
    if (info == NULL || value == NULL || key == NULL || at != NULL ||
        !dom_no_text(c->signature) || !dom_no_text(info))
        return bad(err, "Signature is not SignedInfo, SignatureValue, KeyInfo");
    in = xml_first(info);
    node = dom_take(&in, NS_DS, "CanonicalizationMethod");
    if (!canonicalization(node, err) ||
        !signature_method(dom_take(&in, NS_DS, "SignatureMethod"), pmode, &ret->alg,
                          err) ||
        !references(in, pmode, &ret->references, err) ||
        !keyname_read(key, soap, &ret->signer, err))
        return false;
    if (!(pmode->security.sign_ref_accept & PMODE_BIT(ret->signer.form)))
        return policy(err, "a key reference of a form that the P-Mode does not name");
    return true;
}

/* --- ties --------------------------------------------------------------------------------- */

static bool tokens_used(const struct children *c, const struct security *s,
                        struct err *err)
{
    for (size_t i = 0; i < c->token_count; i++) {
        if (c->tokens[i] != s->signer.token && c->tokens[i] != s->recipient.token)
            return bad(err, "a token that nothing refers to");
    }
    return true;
}

struct covered {
    bool messaging, body, timestamp, token;
    bool parts[PMODE_PARTS_MAX];
};

static bool once(bool *seen)
{
    bool first = !*seen;

    *seen = true;
    return first;
}

static bool cover_part(const struct as4_digest *d, const struct security *s,
                       struct covered *seen)
{
    for (size_t i = 0; i < s->part_count; i++) {
        if (text_eq(d->uri + strlen("cid:"), s->parts[i].content_id))
            return text_eq(d->transform, SWA_SIGN) && once(&seen->parts[i]);
    }
    return false;
}

static bool cover_node(const struct as4_digest *d, const struct soap *soap,
                       const struct children *c, const struct security *s, bool extra,
                       struct covered *seen)
{
    const xmlNode *node;

    if (d->uri[0] != '#' || !dom_ncname(d->uri + 1) || !text_eq(d->transform, ALG_EXC))
        return false;
    node = soap_by_id(soap, d->uri + 1);
    if (node == NULL)
        return false;
    if (node == soap->messaging)
        return once(&seen->messaging);
    if (node == soap->body)
        return once(&seen->body);
    if (extra && node == c->timestamp)
        return once(&seen->timestamp);
    return extra && node == s->signer.token && once(&seen->token);
}

static bool all_covered(const struct covered *seen, size_t part_count)
{
    for (size_t i = 0; i < part_count; i++) {
        if (!seen->parts[i])
            return false;
    }
    return seen->messaging && seen->body;
}

static bool coverage(const struct soap *soap, const struct children *c,
                     const struct pmode *pmode, struct security *s, struct err *err)
{
    const bool extra = pmode->security.extra_signed_accept;
    struct covered seen = { 0 };

    for (size_t i = 0; i < s->references.count; i++) {
        const struct as4_digest *d = &s->references.items[i];
        bool good = text_starts(d->uri, "cid:") ? cover_part(d, s, &seen)
                                                : cover_node(d, soap, c, s, extra, &seen);

        if (!good)
            return bad(err,
                       "a Reference to something that is not to be signed, or twice");
    }
    if (!all_covered(&seen, s->part_count))
        return bad(err, "Messaging, Body or a part is not signed");
    s->timestamp = seen.timestamp ? c->timestamp : NULL;
    return true;
}

bool security_read(const struct soap *soap, const char *const *content_ids, size_t count,
                   const struct pmode *pmode, struct security *ret, struct err *err)
{
    AUTO(security_free) struct security read = { .part_count = count };
    struct children c = { 0 };

    read.parts = mem_array(count + 1, sizeof *read.parts);
    for (size_t i = 0; i < count; i++)
        read.parts[i].content_id = content_ids[i];
    if (count > PMODE_PARTS_MAX)
        return bad(err, "more parts than there can be");
    if (!sort_children(soap->security, &c, err) ||
        !attributes_known(soap->security, err) ||
        !read_signature(soap, &c, pmode, &read, err) ||
        !security_encryption(soap, &c, pmode, &read, err) ||
        !tokens_used(&c, &read, err) || !coverage(soap, &c, pmode, &read, err))
        return false;
    *ret = read;
    read = (struct security){ 0 };
    return true;
}

void security_scope(const struct security *security, const struct soap *soap,
                    struct xmlsig_id *ids, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < security->references.count; i++) {
        const char *uri = security->references.items[i].uri;

        if (uri[0] == '#')
            ids[count++] = (struct xmlsig_id){ uri + 1, soap_by_id(soap, uri + 1) };
    }
    *ret_count = count;
}

static bool instant_of(const xmlNode *node, int64_t *ret)
{
    AUTO(mem_free) char *text = node == NULL ? NULL : dom_leaf(node);

    return text != NULL && instant_parse(text, strlen(text), ret);
}

/* WSS 1.1 section 10. */
bool security_timely(const struct security *security, int64_t now_ms, struct err *err)
{
    const xmlNode *created, *expires;
    int64_t from, until;

    if (security->timestamp == NULL)
        return true;
    created = xml_child(security->timestamp, NS_WSU, "Created");
    expires = xml_child(security->timestamp, NS_WSU, "Expires");
    if (created != NULL &&
        (!instant_of(created, &from) || from > now_ms + PMODE_FUTURE_MAX_MS))
        return bad(err, "the signed Timestamp lies in the future or is none");
    if (expires != NULL && (!instant_of(expires, &until) || until < now_ms))
        return bad(err, "the signed Timestamp has expired or is none");
    return true;
}
