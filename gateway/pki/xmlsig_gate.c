/*
 * xmlsig_gate.c - the checks that need no engine: SignatureValue over SignedInfo, and digests
 * of elements.
 *
 * The engine digests every reference before it looks at the SignatureValue, and parts must be
 * decrypted before they can be digested. So this gate stands in front: one canonicalization and
 * one public-key operation tell whether the sender is the partner at all, before our decryption
 * key touches anything. It decides nothing the engine would not decide again.
 */
#include "pki/xmlsig_private.h"

#include <openssl/evp.h>

#include "base/body.h"
#include "base/err.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/cert.h"

const struct xmlsig_policy xmlsig_policy_default = {
    .sign = XMLSIG_BIT(SIGN_RSA_SHA256),
    .digests = XMLSIG_BIT(DIGEST_SHA256),
};

struct digest_sink {
    struct sink sink;
    EVP_MD_CTX *md;
};

static bool digest_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    struct digest_sink *to = (struct digest_sink *)sink;

    return EVP_DigestUpdate(to->md, data, len) == 1 ||
           err_set(err, ERR_RETRY, "xmlsig.engine", "digesting failed");
}

/* Digest of the canonical form of an element. */
static bool digest_node(const xmlNode *node, const char *prefixes, enum digest_alg alg,
                        unsigned char *out, struct err *err)
{
    struct digest_sink to = { { digest_write }, EVP_MD_CTX_new() };
    bool good = to.md != NULL && EVP_DigestInit_ex(to.md, digest_alg_md(alg), NULL) == 1;

    if (!good)
        err_set(err, ERR_RETRY, "xmlsig.engine", "no memory for a digest");
    good = good && xml_c14n(node, prefixes, &to.sink, err);
    if (good && EVP_DigestFinal_ex(to.md, out, NULL) != 1)
        good = err_set(err, ERR_RETRY, "xmlsig.engine", "digesting failed");
    EVP_MD_CTX_free(to.md);
    return good;
}

bool xmlsig_gate(const xmlNode *signature, const struct cert *cert,
                 const struct xmlsig_policy *policy, struct err *err)
{
    struct signed_info info;
    unsigned char digest[DIGEST_OCTETS_MAX];
    enum digest_alg alg;

    if (!signed_info_read(signature, false, policy, &info, err) ||
        !sign_alg_fits(info.alg, cert, err))
        return false;
    alg = sign_alg_digest(info.alg);
    if (!digest_node(info.node, info.prefixes, alg, digest, err))
        return false;
    if (sign_alg_verify(info.alg, cert, digest, digest_alg_octets(alg), info.value,
                        info.value_len, err))
        return true;
    err->code = "xmlsig.value";
    return err_context(err, "SignedInfo");
}

static bool check_id(const struct reference *ref, const struct xmlsig_scope *scope,
                     struct err *err)
{
    unsigned char digest[DIGEST_OCTETS_MAX];
    const struct xmlsig_id *target = scope_id(scope, ref->uri);

    if (target == NULL)
        return err_set(err, ERR_REJECT, "xmlsig.id",
                       "signature: a Reference names no element that may be signed");
    if (!digest_node(target->node, ref->prefixes, ref->digest, digest, err))
        return false;
    return octets_equal(digest, ref->value, digest_alg_octets(ref->digest)) ||
           err_set(err, ERR_REJECT, "xmlsig.digest",
                   "signature: the element of %.80s is not what was signed", ref->uri);
}

bool xmlsig_check_ids(const xmlNode *signature, const struct xmlsig_scope *scope,
                      const struct xmlsig_policy *policy, struct err *err)
{
    struct signed_info info;

    if (!signed_info_read(signature, false, policy, &info, err))
        return false;
    for (size_t i = 0; i < info.count; i++)
        if (!info.refs[i].cid && !check_id(&info.refs[i], scope, err))
            return false;
    return true;
}
