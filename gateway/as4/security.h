/*
 * security.h - wsse:Security: its grammar and what its signature covers, before any cryptography.
 *
 * Web Services Security 1.1 as profiled by eDelivery AS4: a fixed number of each child, known
 * elements and attributes only, algorithms from the P-Mode's tables, and every Reference tied
 * to the very node or part it must cover. This is the defence against wrapping.
 */
#ifndef AS4_SECURITY_H
#define AS4_SECURITY_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/digests.h"
#include "as4/keyname.h"
#include "as4/pmode.h"
#include "base/attr.h"
#include "base/buf.h"
#include "pki/algorithm.h"

struct err;
struct soap;
struct xmlsig_id;

#define SEC_WRAPPED_MAX 1024 /* octets of an encrypted key: RSA-8192 */
struct sec_encrypted {
    const xmlNode *node;
    const char *content_id; /* one of the caller's */
    const char *mime_type; /* before encryption; NULL: not said. Borrowed from the tree */
    enum pmode_cipher cipher;
};

struct security {
    xmlNode *signature;
    enum sign_alg alg;
    struct keyname signer;
    struct as4_digests references;
    bool encrypted; /* there is an EncryptedKey */
    struct oaep oaep;
    struct keyname recipient;
    struct buf wrapped;          /* the encrypted content key */
    struct sec_encrypted *parts; /* in the order of the caller's content ids */
    size_t part_count;
    const xmlNode *timestamp; /* wsu:Timestamp, only when it is signed */
};
void security_free(struct security *security); /* for AUTO */

/*
 * Reads and checks for a message whose parts, other than the root, have these content ids.
 * `soap->security` must not be NULL. ERR_REJECT: "sec.grammar" (EBMS:0101), "sec.policy" (0103),
 * "sec.encryption" (0102).
 */
NODISCARD bool security_read(const struct soap *soap, const char *const *content_ids,
                             size_t count, const struct pmode *pmode,
                             struct security *ret, struct err *err);

/* The nodes that the References name, for pki/xmlsig: `ids` has room for AS4_REFERENCES_MAX. */
void security_scope(const struct security *security, const struct soap *soap,
                    struct xmlsig_id *ids, size_t *ret_count);

/* A signed wsu:Timestamp lies around this instant; without one: true. ERR_REJECT "sec.grammar". */
NODISCARD bool security_timely(const struct security *security, int64_t now_ms,
                               struct err *err);

#endif
