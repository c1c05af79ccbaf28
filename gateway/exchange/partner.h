/*
 * partner.h - one partner gateway: its file, what we know of its keys, how to reach it.
 *
 * A partner is one JSON file. Certificates stand beside it as PEM files named in it. From the
 * file and the bundles that name the partner come its P-Modes: one per agreement, and those the
 * file declares itself with content "opaque" (for connecting a new partner; refused where the
 * environment is live).
 */
#ifndef EXCHANGE_PARTNER_H
#define EXCHANGE_PARTNER_H

#include <stdbool.h>
#include <stddef.h>

#include "as4/pmode.h"
#include "base/attr.h"

struct bundles;
struct cert;
struct err;
struct own;
struct tls_client;
struct trust;
struct clock;

#define PARTNER_FILE_MAX    (256 * 1024) /* octets */
#define PARTNER_SENDERS     2            /* connections at a time, unless its file says */
#define PARTNER_SENDERS_MAX 16

/* A P-Mode of the partner's file whose content is not ours to judge. */
struct partner_opaque {
    struct pmode pmode;
    const char *office; /* whose folder the parts go to */
};

struct partner {
    const char *id;
    const char *country; /* "" for an organisation */
    const char *name;
    const char *url;
    const char *connect_to; /* NULL: as the URL says */
    struct trust *trust;    /* tls, sign, encrypt, seal */
    struct cert *encrypt_cert;
    struct cert *encrypt_next; /* NULL: none announced */
    int64_t encrypt_next_ms;   /* from when the next one is used */
    struct tls_client *tls;
    bool tls12;
    unsigned senders;
    bool paused_by_file;
    bool gzip_attachments;
    struct pmode base;        /* what its file says, without agreement */
    struct pmode *agreements; /* one per agreement that names it and us */
    size_t agreement_count;
    struct partner_opaque *opaque;
    size_t opaque_count;
    const struct pmode **all; /* both kinds, for pmode_find() */
    size_t all_count;
    struct partner_private *private;
};

struct partner *partner_load(const char *path, const struct own *own,
                             const char *tls_cert, const char *tls_key,
                             const struct clock *clock, struct err *err) NODISCARD;
/* Makes the P-Modes of the agreements that name both. Once, before the snapshot is used. */
void partner_agree(struct partner *partner, const struct own *own,
                   const struct bundles *bundles);
void partner_free(struct partner **partner);

const struct pmode *partner_pmode(const struct partner *partner, const char *agreement);
const struct partner_opaque *partner_opaque(const struct partner *partner,
                                            const char *pmode);
/* The certificate to encrypt for at that instant. Borrowed. */
const struct cert *partner_encrypt_cert(const struct partner *partner, int64_t now_ms);

#endif
