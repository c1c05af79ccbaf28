/*
 * keyname.h - how a message names a certificate: the forms of wsse:SecurityTokenReference.
 *
 * WSS X.509 Token Profile 1.1: a BinarySecurityToken (one certificate, or a PKIPath), a subject
 * key identifier, issuer and serial number; WSS 1.1 adds the thumbprint. A name only selects
 * among certificates that are configured: it proves nothing.
 */
#ifndef AS4_KEYNAME_H
#define AS4_KEYNAME_H

#include <libxml/tree.h>
#include <stdbool.h>

#include "as4/pmode.h"
#include "base/attr.h"
#include "base/buf.h"

struct cert;
struct certlist;
struct err;
struct soap;
struct trust;

#define KEYNAME_OCTETS_MAX (64 * 1024) /* of a token, decoded */
#define KEYNAME_TEXT_MAX   2048        /* octets of an issuer name or a serial number */

struct keyname {
    enum pmode_ref form;
    const xmlNode *token; /* BST, PKIPATH: the wsse:BinarySecurityToken, in the tree */
    struct buf octets;    /* its DER; the SKI; the thumbprint */
    char *issuer;         /* ISSUER_SERIAL */
    char *serial;
};
void keyname_free(struct keyname *name); /* for AUTO */

/*
 * Reads ds:KeyInfo: exactly one SecurityTokenReference with exactly one child. Tokens must be
 * children of wsse:Security. ERR_REJECT "sec.grammar".
 */
NODISCARD bool keyname_read(const xmlNode *key_info, const struct soap *soap,
                            struct keyname *ret, struct err *err);

/* The signer's certificate among the partner's, valid at that instant; a count of its own.
 * ERR_REJECT with the codes of pki/trust.h and pki/cert.h. */
NODISCARD bool keyname_signer(const struct keyname *name, const struct trust *trust,
                              int64_t now_ms, struct cert **ret, struct err *err);

/* The certificate of ours that is meant: borrowed. ERR_REJECT "pki.no-such-cert", ... */
NODISCARD struct cert *keyname_own(const struct keyname *name, const struct certlist *own,
                                   struct err *err);

/*
 * Writes ds:KeyInfo into `parent`. For BST and PKIPath the token, with that wsu:Id, becomes a
 * child of `security`, before `before` (NULL: last). ERR_CONFIG "as4.key-reference" when the
 * certificate cannot be named in that form.
 */
struct keyname_spec {
    enum pmode_ref form;
    const struct cert *cert;
    const struct certlist *issuers; /* nearest first, for PKIPath; may be NULL */
    xmlNode *security, *before;
    const char *token_id;
};
NODISCARD bool keyname_write(xmlNode *parent, const struct keyname_spec *spec,
                             struct err *err);

#endif
