/*
 * xmlsig_private.h - what the files of xmlsig share: a signature read by its grammar, and the
 * door to the engine.
 */
#ifndef PKI_XMLSIG_PRIVATE_H
#define PKI_XMLSIG_PRIVATE_H

#include "pki/xmlsig.h"

#define DS_NS       "http://www.w3.org/2000/09/xmldsig#"
#define EXC_C14N    "http://www.w3.org/2001/10/xml-exc-c14n#"
#define EXC_C14N_NS EXC_C14N
#define ENVELOPED   DS_NS "enveloped-signature"
#define SWA_CONTENT \
    "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#Attachment-" \
    "Content-Signature-Transform"

struct reference {
    const char *uri;
    bool cid;             /* "cid:...", else "#id" */
    const char *prefixes; /* PrefixList; NULL: none */
    enum digest_alg digest;
    unsigned char value[DIGEST_OCTETS_MAX]; /* not read in a template */
};

/* Everything borrowed from the tree. */
struct signed_info {
    xmlNode *node; /* ds:SignedInfo */
    const char *prefixes;
    enum sign_alg alg;
    struct reference refs[XMLSIG_REFERENCES_MAX];
    size_t count;
    unsigned char value[SIGN_OCTETS_MAX]; /* not read in a template */
    size_t value_len;
};

/* Reads a signature (or a template, whose values are empty) that follows the grammar of
 * xmlsig.h and the policy; everything else is refused. */
bool signed_info_read(const xmlNode *signature, bool template,
                      const struct xmlsig_policy *policy, struct signed_info *ret,
                      struct err *err) NODISCARD;

/* Every URI names a node or a part of the scope. */
bool signed_info_resolve(const struct signed_info *info, const struct xmlsig_scope *scope,
                         struct err *err) NODISCARD;

const struct xmlsig_id *scope_id(const struct xmlsig_scope *scope, const char *uri);
const struct xmlsig_part *scope_part(const struct xmlsig_scope *scope, const char *uri);

/* --- helpers of both grammars ------------------------------------------------------------- */

/* Only attributes of these names (NULL-terminated), without namespace. */
bool only_attrs(const xmlNode *node, const char *const *names);
/* No child but elements and, with `blanks`, white space. */
bool only_elements(const xmlNode *node, bool blanks);
bool digest_read(const xmlNode *node, enum digest_alg alg, unsigned char *out,
                 struct err *err) NODISCARD;
bool signature_value_read(const xmlNode *node, unsigned char *out, size_t *ret_len,
                          struct err *err) NODISCARD;

/* --- the engine (xmlsig.c) ---------------------------------------------------------------- */

/* What one call of the engine may use. */
struct engine_call {
    const struct xmlsig_scope *scope; /* NULL: a seal, whose only URI is "" */
    const struct cert *cert;
    struct signer *signer; /* signing */
    const char *key;       /* signing */
    unsigned digests;      /* XMLSIG_BIT() of those to enable */
    enum sign_alg alg;
    size_t references; /* expected */
};

bool engine_sign(xmlNode *signature, const struct engine_call *call,
                 struct err *err) NODISCARD;
bool engine_verify(xmlNode *signature, const struct engine_call *call,
                   struct xmlsig_report *report, struct err *err) NODISCARD;

#endif
