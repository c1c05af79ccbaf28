/*
 * security_private.h - what security.c and security_encryption.c share.
 */
#ifndef AS4_SECURITY_PRIVATE_H
#define AS4_SECURITY_PRIVATE_H

#include "as4/security.h"
#include "as4/soap.h"
#include "base/err.h"

#define TOKENS_MAX 2 /* the signer's and the recipient's */

/* The children of wsse:Security by kind. */
struct children {
    xmlNode *signature, *key, *timestamp;
    xmlNode *tokens[TOKENS_MAX];
    size_t token_count;
    xmlNode *data[PMODE_PARTS_MAX];
    size_t data_count;
};

/* The three kinds of refusal; each returns false. */
static inline bool bad(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.grammar", "wsse:Security: %s", what);
}

static inline bool policy(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.policy", "wsse:Security: %s", what);
}

static inline bool bad_encryption(struct err *err, const char *what)
{
    return err_set(err, ERR_REJECT, "sec.encryption", "wsse:Security: %s", what);
}

/* EncryptedKey, ReferenceList and EncryptedData: every part once, all under one key. */
NODISCARD bool security_encryption(const struct soap *soap, const struct children *c,
                                   const struct pmode *pmode, struct security *ret,
                                   struct err *err);

#endif
