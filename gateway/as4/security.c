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
#include "as4/soap.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/xmlsig.h"

#define TOKENS_MAX 2 /* the signer's and the recipient's */

static bool bad(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.grammar", "wsse:Security: %s", what);
}

static bool policy(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.policy", "wsse:Security: %s", what);
}

static bool bad_encryption(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.encryption", "wsse:Security: %s", what);
}

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

struct children {
    xmlNode *signature, *key, *timestamp;
    xmlNode *tokens[TOKENS_MAX];
    size_t token_count;
    xmlNode *data[PMODE_PARTS_MAX];
    size_t data_count;
};

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

/* --- the encryption ----------------------------------------------------------------------- */

static const struct {
    const char *uri;
    enum oaep_hash hash;
} oaep_digests[] = {
    { "http://www.w3.org/2000/09/xmldsig#sha1", OAEP_SHA1 },
    { "http://www.w3.org/2001/04/xmlenc#sha256", OAEP_SHA256 },
    { "http://www.w3.org/2001/04/xmldsig-more#sha384", OAEP_SHA384 },
    { "http://www.w3.org/2001/04/xmlenc#sha512", OAEP_SHA512 },
};

static bool oaep_digest(const char *uri, enum oaep_hash *ret)
{
    for (size_t i = 0; uri != NULL && i < COUNT_OF(oaep_digests); i++) {
        if (text_eq(uri, oaep_digests[i].uri)) {
            *ret = oaep_digests[i].hash;
            return true;
        }
    }
    return false;
}

/* DigestMethod and MGF, each when it is there; false: unknown, or something else with them, as
 * OAEPparams, a label, which is not taken. */
static bool oaep_children(const xmlNode *method, struct oaep *ret, bool *ret_mgf)
{
    xmlNode *at = xml_first(method);
    const xmlNode *digest = dom_take(&at, NS_DS, "DigestMethod");
    const xmlNode *mgf = dom_take(&at, NS_XENC11, "MGF");

    *ret = (struct oaep){ OAEP_SHA1, mgf == NULL ? OAEP_SHA1 : OAEP_SHA256 };
    *ret_mgf = mgf != NULL;
    return (digest == NULL ||
            oaep_digest(xml_attr(digest, NULL, "Algorithm"), &ret->digest)) &&
           (mgf == NULL || text_eq(xml_attr(mgf, NULL, "Algorithm"), ALG_MGF256)) &&
           at == NULL && dom_no_text(method);
}

/* xmlenc11#rsa-oaep with SHA-256 twice; or the old one, whose MGF is SHA-1 and whose digest,
 * when not named, is too (XML Encryption 1.1, 5.5.2). */
static bool oaep_agreed(enum pmode_wrap wrap, const struct oaep *oaep, bool mgf)
{
    if (wrap == PMODE_OAEP_OLD)
        return !mgf;
    return oaep->digest == OAEP_SHA256 && oaep->mgf == OAEP_SHA256;
}

static bool key_transport(const xmlNode *method, const struct pmode *pmode,
                          struct oaep *ret, struct err *err)
{
    const char *uri = method == NULL ? NULL : xml_attr(method, NULL, "Algorithm");
    enum pmode_wrap wrap;
    bool mgf;

    if (uri == NULL)
        return bad_encryption(err, "EncryptedKey without EncryptionMethod");
    if (!pmode_wrap_of_uri(uri, &wrap) ||
        !(pmode->security.wrap_accept & PMODE_BIT(wrap)))
        return policy(err, "a key transport that the P-Mode does not name");
    if (!oaep_children(method, ret, &mgf))
        return bad_encryption(err, "EncryptionMethod with parameters that are not known");
    return oaep_agreed(wrap, ret, mgf) ||
           policy(err, "a key transport with other hashes than the P-Mode's");
}

static bool wrapped_value(const xmlNode *data, struct buf *ret)
{
    const xmlNode *value = data == NULL ? NULL : xml_first(data);

    return xml_is(value, NS_XENC, "CipherValue") && xml_next(value) == NULL &&
           dom_no_text(data) && dom_base64(value, ret) && ret->len > 0;
}

static bool recipient(const xmlNode *info, const struct soap *soap,
                      const struct pmode *pmode, struct keyname *ret, struct err *err)
{
    struct err local = { 0 };

    if (info == NULL || !keyname_read(info, soap, ret, &local))
        return bad_encryption(err, "EncryptedKey does not name one certificate");
    if (!(pmode->security.encrypt_ref_accept & PMODE_BIT(ret->form)))
        return policy(err, "a key reference of a form that the P-Mode does not name");
    return true;
}

static bool read_key(const xmlNode *key, const struct soap *soap,
                     const struct pmode *pmode, struct security *ret, xmlNode **ret_list,
                     struct err *err)
{
    xmlNode *at = xml_first(key), *list;

    ret->encrypted = true;
    ret->wrapped = (struct buf)BUF_INIT(SEC_WRAPPED_MAX);
    if (!key_transport(dom_take(&at, NS_XENC, "EncryptionMethod"), pmode, &ret->oaep,
                       err) ||
        !recipient(dom_take(&at, NS_DS, "KeyInfo"), soap, pmode, &ret->recipient, err))
        return false;
    if (!wrapped_value(dom_take(&at, NS_XENC, "CipherData"), &ret->wrapped))
        return bad_encryption(err, "EncryptedKey without one CipherValue");
    list = dom_take(&at, NS_XENC, "ReferenceList");
    if (list == NULL || at != NULL || !dom_no_text(key) || !dom_no_text(list))
        return bad_encryption(err, "EncryptedKey does not end with one ReferenceList");
    *ret_list = list;
    return true;
}

/* Peers put KeyInfo on each EncryptedData, on the last, or on none: where it is, it must name
 * the one EncryptedKey. */
static bool names_key(const xmlNode *info, const struct soap *soap, const xmlNode *key)
{
    const xmlNode *str = xml_first(info);
    const xmlNode *reference = str == NULL ? NULL : xml_first(str);

    return xml_is(str, NS_WSSE, "SecurityTokenReference") && xml_next(str) == NULL &&
           xml_is(reference, NS_WSSE, "Reference") && xml_next(reference) == NULL &&
           dom_empty(reference) && soap_by_id(soap, dom_fragment(reference)) == key;
}

/* The "cid:" URI of a CipherReference with the ciphertext transform alone. */
static const char *cipher_uri(const xmlNode *data)
{
    const xmlNode *reference = data == NULL ? NULL : xml_first(data);
    const xmlNode *group = reference == NULL ? NULL : xml_first(reference);
    const xmlNode *transform = group == NULL ? NULL : xml_first(group);

    if (!xml_is(reference, NS_XENC, "CipherReference") || xml_next(reference) != NULL ||
        !xml_is(group, NS_XENC, "Transforms") || xml_next(group) != NULL ||
        !xml_is(transform, NS_DS, "Transform") || xml_next(transform) != NULL ||
        !dom_empty(transform) ||
        !text_eq(xml_attr(transform, NULL, "Algorithm"), SWA_CIPHER))
        return NULL;
    return xml_attr(reference, NULL, "URI");
}

static bool content_cipher(const xmlNode *method, const struct pmode *pmode,
                           enum pmode_cipher *ret, struct err *err)
{
    const char *uri = method == NULL ? NULL : xml_attr(method, NULL, "Algorithm");

    if (uri == NULL || !dom_empty(method))
        return bad_encryption(err, "EncryptedData without a plain EncryptionMethod");
    if (!pmode_cipher_of_uri(uri, ret) ||
        !(pmode->security.cipher_accept & PMODE_BIT(*ret)))
        return policy(err, "a cipher that the P-Mode does not name");
    return true;
}

static struct sec_encrypted *part_of(struct security *s, const char *uri)
{
    for (size_t i = 0; uri != NULL && text_starts(uri, "cid:") && i < s->part_count;
         i++) {
        if (text_eq(s->parts[i].content_id, uri + strlen("cid:")))
            return &s->parts[i];
    }
    return NULL;
}

static bool read_data(const xmlNode *data, const struct soap *soap, const xmlNode *key,
                      const struct pmode *pmode, struct security *ret, struct err *err)
{
    xmlNode *at = xml_first(data), *method, *info;
    struct sec_encrypted *part;

    if (!text_eq(xml_attr(data, NULL, "Type"), SWA_ONLY))
        return bad_encryption(err,
                              "EncryptedData is not of type Attachment-Content-Only");
    method = dom_take(&at, NS_XENC, "EncryptionMethod");
    info = dom_take(&at, NS_DS, "KeyInfo");
    if (info != NULL && !names_key(info, soap, key))
        return bad_encryption(err, "EncryptedData names another key");
    part = part_of(ret, cipher_uri(dom_take(&at, NS_XENC, "CipherData")));
    if (part == NULL || part->node != NULL || at != NULL || !dom_no_text(data))
        return bad_encryption(err, "EncryptedData names no part, or one named before");
    part->node = data;
    part->mime_type = xml_attr(data, NULL, "MimeType");
    return content_cipher(method, pmode, &part->cipher, err);
}

/* ReferenceList and EncryptedData, one to one. */
static bool listed(const xmlNode *list, const struct soap *soap, const struct children *c,
                   struct err *err)
{
    bool seen[PMODE_PARTS_MAX] = { false };
    xmlNode *at = xml_first(list), *node;
    size_t count = 0;

    while ((node = dom_take(&at, NS_XENC, "DataReference")) != NULL) {
        const xmlNode *target = soap_by_id(soap, dom_fragment(node));
        size_t i = 0;

        while (i < c->data_count && c->data[i] != target)
            i++;
        if (i == c->data_count || seen[i])
            return bad_encryption(err,
                                  "a DataReference to nothing, or twice to the same");
        seen[i] = true;
        count++;
    }
    if (at != NULL || count != c->data_count)
        return bad_encryption(err, "ReferenceList does not list each EncryptedData once");
    return true;
}

static bool one_cipher(const struct security *s)
{
    for (size_t i = 0; i < s->part_count; i++) {
        if (s->parts[i].node == NULL || s->parts[i].cipher != s->parts[0].cipher)
            return false;
    }
    return true;
}

static bool read_encryption(const struct soap *soap, const struct children *c,
                            const struct pmode *pmode, struct security *ret,
                            struct err *err)
{
    xmlNode *list;

    if (c->key == NULL && c->data_count == 0)
        return ret->part_count == 0 || policy(err, "the parts are not encrypted");
    if (c->key == NULL || c->data_count == 0)
        return bad_encryption(err, "EncryptedKey and EncryptedData do not go together");
    if (!read_key(c->key, soap, pmode, ret, &list, err) || !listed(list, soap, c, err))
        return false;
    for (size_t i = 0; i < c->data_count; i++) {
        if (!read_data(c->data[i], soap, c->key, pmode, ret, err))
            return false;
    }
    return one_cipher(ret) ||
           bad_encryption(err, "a part is not encrypted like the others");
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
        !read_encryption(soap, &c, pmode, &read, err) || !tokens_used(&c, &read, err) ||
        !coverage(soap, &c, pmode, &read, err))
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
