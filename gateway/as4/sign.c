/*
 * sign.c - the signature template in the one form we send, filled by pki/xmlsig.
 *
 * WS-Security 1.1 and the SwA profile: one exc-C14N transform without parameters for Messaging
 * and Body, the attachment content transform for each part, no Object, KeyInfo with one token
 * reference. The private key stays behind pki/signer.
 */
#include "as4/sign.h"

#include <stdio.h>

#include "as4/dom.h"
#include "as4/keyname.h"
#include "as4/ns.h"
#include "as4/reference.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "format/xml.h"
#include "pki/cert.h"
#include "pki/xmlsig.h"

static xmlNode *put_method(xmlNode *parent, const char *name, const char *uri)
{
    xmlNode *node = dom_add(parent, "ds", name);

    dom_set(node, NULL, "Algorithm", uri);
    return node;
}

static void put_reference(xmlNode *info, const char *scheme, const char *name,
                          const char *transform, enum digest_alg digest)
{
    AUTO(mem_free) char *uri = mem_printf("%s%s", scheme, name);
    xmlNode *reference = dom_add(info, "ds", "Reference");

    dom_set(reference, NULL, "URI", uri);
    put_method(dom_add(reference, "ds", "Transforms"), "Transform", transform);
    put_method(reference, "DigestMethod", digest_alg_uri(digest));
    dom_add(reference, "ds", "DigestValue");
}

static xmlNode *put_info(xmlNode *signature, const struct soap_new *envelope,
                         const struct pmode_security *how,
                         const struct xmlsig_part *parts, size_t part_count)
{
    xmlNode *info = dom_add(signature, "ds", "SignedInfo");

    put_method(info, "CanonicalizationMethod", ALG_EXC);
    put_method(info, "SignatureMethod", sign_alg_uri(how->sign));
    put_reference(info, "#", envelope->messaging_id, ALG_EXC, how->digest);
    put_reference(info, "#", envelope->body_id, ALG_EXC, how->digest);
    for (size_t i = 0; i < part_count; i++)
        put_reference(info, "cid:", parts[i].cid, SWA_SIGN, how->digest);
    return info;
}

static bool put_key(xmlNode *signature, xmlNode *security,
                    const struct pmode_security *how, const struct as4_signing *signing,
                    struct err *err)
{
    char uuid[UUID_TEXT], id[UUID_TEXT + 8];

    uuid_make(uuid);
    snprintf(id, sizeof id, "X509-%s", uuid);
    return keyname_write(signature,
                         &(struct keyname_spec){ .form = how->sign_ref,
                                                 .cert = signing->cert,
                                                 .issuers = signing->issuers,
                                                 .security = security,
                                                 .before = signature,
                                                 .token_id = id },
                         err);
}

static bool collect(const xmlNode *info, struct as4_digests *ret, struct err *err)
{
    AUTO(as4_digests_free) struct as4_digests read = { 0 };

    for (const xmlNode *n = xml_child(info, NS_DS, "Reference"); n != NULL;
         n = xml_again(n)) {
        if (!reference_read(n, &read, err))
            return err_context(err, "reading back our own signature");
    }
    *ret = read;
    read = (struct as4_digests){ 0 };
    return true;
}

bool sign_envelope(struct soap_new *envelope, const struct pmode_security *how,
                   const struct as4_signing *signing, const struct xmlsig_part *parts,
                   size_t part_count, struct as4_digests *ret_digests, struct err *err)
{
    const struct xmlsig_id ids[] = { { envelope->messaging_id, envelope->messaging },
                                     { envelope->body_id, envelope->body } };
    const struct xmlsig_scope scope = { ids, COUNT_OF(ids), parts, part_count };
    xmlNode *signature, *info;

    if (!sign_alg_fits(how->sign, signing->cert, err)) {
        err->kind = ERR_CONFIG;
        return err_context(err, "signing algorithm of the P-Mode, key %s", signing->key);
    }
    signature = dom_add(envelope->security, "ds", "Signature");
    info = put_info(signature, envelope, how, parts, part_count);
    dom_add(signature, "ds", "SignatureValue");
    return put_key(signature, envelope->security, how, signing, err) &&
           xmlsig_sign(signature, &scope, signing->signer, signing->key, signing->cert,
                       err) &&
           collect(info, ret_digests, err);
}

bool soap_print(const struct soap_new *envelope, struct buf *out, struct err *err)
{
    return xml_print(envelope->doc, NULL, out, err) &&
           buf_check(out, "SOAP envelope", err);
}
