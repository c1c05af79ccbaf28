/*
 * xmlsig.h - XML signatures: sign, gate, verify; seal and check a seal.
 *
 * The engine is xmlsec in a narrow setting: the key is given (KeyInfo in a message is never
 * looked at), algorithms and transforms are enabled one by one, a reference reaches a node that
 * the caller registered or a part that the caller hands in, and nothing else: no file, no
 * network, no XPath. Before xmlsec sees a signature, its SignedInfo is checked against the one
 * grammar we take:
 *
 *   SignedInfo = CanonicalizationMethod (exc-C14N), SignatureMethod, Reference+
 *   Reference  = URI "#id" with one exc-C14N transform, or "cid:..." with the SwA content
 *                transform; DigestMethod; DigestValue. PrefixLists are honoured.
 *   Signature  = SignedInfo, SignatureValue, KeyInfo?   (no Object)
 *
 * Whether the references cover what must be covered is the caller's question (as4).
 *
 * Refusals are ERR_REJECT: "xmlsig.grammar", "xmlsig.algorithm" (not in the policy),
 * "xmlsig.uri" (not "#NCName" or "cid:" of this scope; also any '%' in one), "xmlsig.id"
 * (unknown, twice, or not on that node), "xmlsig.transform", "xmlsig.digest", "xmlsig.value"
 * (SignatureValue), "pki.key-type", "xmlsig.part" (XML part that does not parse), "seal.*".
 * ERR_RETRY "xmlsig.engine": the library ran out of something.
 *
 * All functions but init and shutdown may run in many threads at once, on documents of their
 * own.
 */
#ifndef PKI_XMLSIG_H
#define PKI_XMLSIG_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/tree.h>

#include "base/attr.h"
#include "pki/algorithm.h"

struct buf;
struct cert;
struct certlist;
struct err;
struct signer;
struct source;

#define XMLSIG_REFERENCES_MAX 64                /* References in one SignedInfo */
#define XMLSIG_XML_PART_MAX   (8 * 1024 * 1024) /* octets of a part that must be parsed */

/* Once, in main, before threads and after libxml2's own initialisation (format/xml). Takes
 * libxml2's entity loader as it finds it and leaves it so. */
bool xmlsig_init(struct err *err) NODISCARD;
void xmlsig_shutdown(void);

/* A node a reference may name: `id` is the value of its wsu:Id or Id attribute. */
struct xmlsig_id {
    const char *id;
    xmlNode *node;
};

/* A MIME part a reference may name. */
struct xmlsig_part {
    const char *cid; /* Content-ID without brackets and without "cid:" */
    const char
        *media; /* media type before encryption, parameters allowed; NULL: octets */
    const struct source *body;
};

struct xmlsig_scope {
    const struct xmlsig_id *ids;
    size_t id_count;
    const struct xmlsig_part *parts;
    size_t part_count;
};

#define XMLSIG_BIT(alg) (1U << (unsigned)(alg))

/* What is allowed: sets of XMLSIG_BIT(). */
struct xmlsig_policy {
    unsigned sign;    /* of enum sign_alg */
    unsigned digests; /* of enum digest_alg */
};

/* The policy a partner starts with: rsa-sha256, SHA-256. */
extern const struct xmlsig_policy xmlsig_policy_default;

/*
 * Fills every DigestValue and the SignatureValue of a template that stands in its document.
 * SignatureMethod must fit the certificate's key; the private key is signer's `key`.
 * On failure the template may be half filled: throw the document away.
 */
bool xmlsig_sign(xmlNode *signature, const struct xmlsig_scope *scope,
                 struct signer *signer, const char *key, const struct cert *cert,
                 struct err *err) NODISCARD;

/*
 * The gate before any decryption: grammar, algorithms, then SignatureValue over
 * C14N(SignedInfo), with one public-key operation. Says nothing of the references.
 */
bool xmlsig_gate(const xmlNode *signature, const struct cert *cert,
                 const struct xmlsig_policy *policy, struct err *err) NODISCARD;

/*
 * The digests of all "#id" References of the signature, without touching a part and without
 * SignatureValue: after the gate, this makes the header authentic while parts are still
 * encrypted. "xmlsig.digest" names the URI.
 */
bool xmlsig_check_ids(const xmlNode *signature, const struct xmlsig_scope *scope,
                      const struct xmlsig_policy *policy, struct err *err) NODISCARD;

/* What became of one Reference, for the local log. */
struct xmlsig_result {
    char uri[128]; /* cut */
    bool ok;
};

struct xmlsig_report {
    struct xmlsig_result results[XMLSIG_REFERENCES_MAX];
    size_t count;
};

/*
 * xmlsec's verdict over the whole: every Reference and the SignatureValue. *report (or NULL) is
 * written in either case.
 */
bool xmlsig_verify(xmlNode *signature, const struct xmlsig_scope *scope,
                   const struct cert *cert, const struct xmlsig_policy *policy,
                   struct xmlsig_report *report, struct err *err) NODISCARD;

/* --- the seal: an enveloped signature over a whole document ------------------------------- */

/*
 * Appends <ds:Signature> as last child of the document element: one Reference URI="" with
 * enveloped-signature and exc-C14N, SHA-256, the algorithm usual for the key, and the
 * certificate as KeyInfo/X509Data, so that `xmlsec1 --verify --trusted-pem CA.pem` proves it
 * without us. The document must not have a seal yet ("seal.twice"), and no processing
 * instruction or comment outside its element ("seal.outside").
 */
bool xmlsig_seal(xmlDoc *doc, struct signer *signer, const char *key,
                 const struct cert *cert, struct err *err) NODISCARD;

/* Judges the certificate found in a seal: most callers ask trust_check(TRUST_SEAL). */
typedef bool xmlsig_accept(void *arg, const struct cert *cert, struct err *err);

/*
 * Exactly one ds:Signature in the document, the last child of its element, in exactly the form
 * above ("seal.none", "seal.twice", "seal.grammar"); then accept() must take its certificate;
 * then the signature must hold under that certificate's key ("seal.broken"). *ret_cert (unless
 * ret_cert is NULL) is owned by the caller.
 */
bool xmlsig_unseal_check(xmlDoc *doc, xmlsig_accept *accept, void *arg,
                         struct cert **ret_cert, struct err *err) NODISCARD;

/* The same; a certificate that is in `known` (trust_pinned(..., TRUST_SEAL), say) is not parsed
 * anew, which costs more than checking the seal. accept() is asked all the same. */
bool xmlsig_unseal_known(xmlDoc *doc, const struct certlist *known, xmlsig_accept *accept,
                         void *arg, struct cert **ret_cert, struct err *err) NODISCARD;

/* An accept() that takes the certificates of a list: arg is a const struct certlist *. */
bool xmlsig_accept_listed(void *arg, const struct cert *cert, struct err *err);

#endif
