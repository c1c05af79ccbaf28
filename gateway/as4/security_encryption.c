/*
 * security_encryption.c - the grammar of EncryptedKey and EncryptedData in wsse:Security.
 *
 * XML Encryption 1.1 and the SwA profile, narrowed: one key for all parts, each part encrypted
 * exactly once, content only, the ciphertext transform alone. What is wrong here is
 * "sec.encryption", answered as a failed decryption is; an algorithm that the P-Mode does not
 * name is "sec.policy". No key is touched.
 */
#include <string.h>

#include "as4/dom.h"
#include "as4/ns.h"
#include "as4/security_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

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

bool security_encryption(const struct soap *soap, const struct children *c,
                         const struct pmode *pmode, struct security *ret, struct err *err)
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
