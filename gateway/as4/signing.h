/*
 * signing.h - a key of ours that signs, and how partners know it.
 */
#ifndef AS4_SIGNING_H
#define AS4_SIGNING_H

struct cert;
struct certlist;
struct signer;

/* Everything borrowed. */
struct as4_signing {
    struct signer *signer;
    const char *key; /* id at the signer */
    const struct cert *cert;
    const struct certlist *issuers; /* nearest first, for PKIPath; NULL: none */
};

#endif
