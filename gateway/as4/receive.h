/*
 * receive.h - one incoming user message, from octets to verified, decrypted, unzipped parts.
 *
 * The steps are those of the AS4 receiver: MIME, XML, structure, header grammar, P-Mode, Security grammar
 * and coverage, certificate, signature gate, header digests, duplicate, content key, parts,
 * unzip. Storing and the receipt are the caller's (receipt.h). Nothing of a message is handed
 * out before every step has passed.
 */
#ifndef AS4_RECEIVE_H
#define AS4_RECEIVE_H

#include <libxml/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/digests.h"
#include "as4/fault.h"
#include "as4/header.h"
#include "as4/pmode.h"
#include "base/attr.h"
#include "base/buf.h"

struct cert;
struct certlist;
struct err;
struct signer;
struct source;
struct trust;

#define AS4_KEEP_PART_MAX (1024 * 1024) /* a part this small is decrypted once and held */
#define AS4_KEEP_ALL_MAX  (4 * 1024 * 1024) /* of all parts of one message */
#define AS4_RECEIPT_MAX   AS4_ANSWER_MAX

/* Our decryption keys: the message names a certificate, the signer holds its key. Replaced keys
 * stay in the list while partners may still use them. */
struct as4_own_keys {
    const struct certlist *certs;
    const char *const *ids; /* at the signer, in the order of certs */
};

/* Who sent it, as found by the header's parties. Everything borrowed until the message and the
 * refusal are freed. */
struct as4_peer {
    const char *partner;       /* its name in our files; half of the duplicate key */
    struct pmode pmode;        /* pmode_test() of one for the test service */
    const struct trust *trust; /* its signing certificates */
    const struct as4_own_keys *own;
};

enum as4_known {
    AS4_NEW,
    AS4_KNOWN_SAME,  /* same digests: *ret_receipt is the stored receipt */
    AS4_KNOWN_OTHER, /* same id, other digests */
    AS4_KNOWN_BUSY,  /* another copy is being taken right now */
    AS4_KNOWN_FAILED /* the store did not answer: *err */
};

struct as4_gate {
    void *ctx;
    /* Step 7. False: no P-Mode fits (see pmode_find()). */
    bool (*peer)(void *ctx, const struct eb_user *user, struct as4_peer *ret);
    /* Step 13, after the header is authentic. For AS4_KNOWN_SAME *ret_receipt is filled, for
     * AS4_KNOWN_OTHER too when the P-Mode has resigned_retry_accept. */
    enum as4_known (*known)(void *ctx, const char *partner, const char *message_id,
                            const unsigned char fingerprint[AS4_FINGERPRINT],
                            struct buf *ret_receipt, struct err *err);
    struct signer *signer;
    int64_t now_ms;
};

struct as4_part {
    const char *content_id;
    const char *mime_type; /* of the content, from the property; NULL: not said */
    const char *charset;   /* NULL: not said */
    bool compressed;
    const struct eb_properties *properties; /* all of them, the handler's own included */
    const struct source *content; /* decrypted and unzipped; open as often as you like */
    const struct source
        *signed_octets; /* decrypted, not unzipped: what the digest is of */
};

struct as4_message {
    struct eb_user *user;
    char *partner;
    struct pmode pmode;     /* its texts are borrowed from the snapshot */
    struct as4_part *parts; /* in the order of PartInfo */
    size_t part_count;
    bool test;                     /* receipt, but no delivery */
    const struct source *envelope; /* the root part as it came: evidence */
    struct as4_digests digests;
    unsigned char fingerprint[AS4_FINGERPRINT];
    const struct cert *signer_cert; /* which of the partner's certificates it was */
    struct as4_message_private *private;
};
void as4_message_free(struct as4_message **message); /* wipes keys; for AUTO */

/* The verified ds:SignedInfo, whose References a receipt brings back. Borrowed. */
const xmlNode *as4_message_signed_info(const struct as4_message *message);

enum as4_verdict {
    AS4_TAKEN,     /* *message */
    AS4_DUPLICATE, /* answer the stored receipt */
    AS4_REFUSED,   /* refusal: as4_fault_answer() */
    AS4_SILENT     /* a stray signal: an empty answer, never an Error */
};
const char *as4_verdict_name(enum as4_verdict verdict);

struct as4_inbound {
    enum as4_verdict verdict;
    struct as4_message *message;
    struct buf receipt;
    struct as4_refusal refusal;
    char *partner; /* whenever the P-Mode was found; the sender is proved only when the */
    char *message_id; /* refusal says sender_known */
};
void as4_inbound_free(struct as4_inbound *inbound); /* for AUTO */

/*
 * Steps 2 to 15. `body` is borrowed until the message is freed: its parts are views of it.
 * Never fails: what went wrong is the verdict.
 */
void as4_receive(const struct source *body, const char *content_type,
                 const struct as4_gate *gate, struct as4_inbound *ret);

#endif
