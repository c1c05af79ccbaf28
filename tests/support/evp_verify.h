/*
 * evp_verify.h - the second opinion on XML signatures, for tests: libxml2's C14N and OpenSSL's
 * EVP, and nothing of the gateway's own code.
 */
#ifndef SUPPORT_EVP_VERIFY_H
#define SUPPORT_EVP_VERIFY_H

#include <libxml/tree.h>
#include <openssl/types.h>
#include <stddef.h>

struct evp_part {
    const char *cid;   /* Content-ID */
    const char *media; /* media type before encryption; NULL: octets */
    const void *data;  /* decrypted, not unzipped */
    size_t len;
};

/* The first ds:Signature of the document, every Reference and the value. NULL when all of it
 * holds, else what does not. */
const char *evp_verify(xmlDoc *doc, EVP_PKEY *key, const struct evp_part *parts,
                       size_t count);

/* Does that signature have a Reference to the element with this wsu:Id? */
int evp_covers(xmlDoc *doc, const char *uri);

/* Digests all "#id" References anew and signs SignedInfo: a sender with other code. 0: failed. */
int evp_resign(xmlDoc *doc, EVP_PKEY *key);

#endif
