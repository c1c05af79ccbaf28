/*
 * pmode.h - what two partners have agreed about the wire, as one plain struct.
 *
 * One struct pmode serves both directions between us and one partner: what we send stands
 * beside what we accept. It is filled by whoever reads the partner's file (pmode_defaults()
 * first), never changed afterwards, and holds borrowed texts of that snapshot.
 *
 * The accept sets are tables of whole URIs: there is no fallback and no negotiation
 * (eDelivery AS4 1.15; OASIS AS4 1.0 section 5.2.1 for the parameter names).
 */
#ifndef AS4_PMODE_H
#define AS4_PMODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"
#include "pki/algorithm.h"

struct eb_user;

#define EB_NS              "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
#define PMODE_ROLE_INIT    EB_NS "initiator"
#define PMODE_ROLE_RESPOND EB_NS "responder"
#define PMODE_MPC_DEFAULT  EB_NS "defaultMPC"
#define PMODE_TEST_SERVICE EB_NS "service"
#define PMODE_TEST_ACTION  EB_NS "test"
#define PMODE_UNREGISTERED "urn:oasis:names:tc:ebcore:partyid-type:unregistered"

#define PMODE_PARTS_MAX     32                    /* besides the root part */
#define PMODE_PART_MAX      (UINT64_C(64) << 20)  /* octets of one part, inflated */
#define PMODE_INFLATED_MAX  (UINT64_C(128) << 20) /* octets of all parts, inflated */
#define PMODE_WIRE_MAX      (UINT64_C(256) << 20) /* octets of a part or message as sent */
#define PMODE_RATIO_MAX     200                   /* inflated : compressed ... */
#define PMODE_RATIO_FREE    (UINT64_C(1) << 20)   /* ... after this many octets */
#define PMODE_PAST_MAX_MS   (90 * DAY_MS)         /* age of a timestamp */
#define PMODE_FUTURE_MAX_MS HOUR_MS               /* a peer's clock may be fast */

/* xenc:EncryptionMethod of the parts */
enum pmode_cipher {
    PMODE_AES128_GCM,
    PMODE_AES256_GCM,
    PMODE_CIPHER_COUNT
};

/* xenc:EncryptionMethod of the content key. OLD is rsa-oaep-mgf1p, whose MGF1 is SHA-1 always:
 * never sent, accepted only where a partner's file says so. */
enum pmode_wrap {
    PMODE_OAEP_SHA256,
    PMODE_OAEP_OLD,
    PMODE_WRAP_COUNT
};

/* How a message names a certificate. THUMBPRINT is understood, never sent. */
enum pmode_ref {
    PMODE_REF_BST,
    PMODE_REF_PKIPATH,
    PMODE_REF_SKI,
    PMODE_REF_ISSUER_SERIAL,
    PMODE_REF_THUMBPRINT,
    PMODE_REF_COUNT
};

#define PMODE_BIT(value) (1U << (unsigned)(value)) /* as XMLSIG_BIT() */

/* Static texts for files and people ("sha256", "bst"), and the URI on the wire. Those of
 * signature and digest algorithms are pki/algorithm.h's. */
const char *pmode_digest_name(enum digest_alg v);
const char *pmode_cipher_name(enum pmode_cipher v);
const char *pmode_wrap_name(enum pmode_wrap v);
const char *pmode_ref_name(enum pmode_ref v);
const char *pmode_cipher_uri(enum pmode_cipher v);
const char *pmode_wrap_uri(enum pmode_wrap v);
size_t pmode_cipher_key(enum pmode_cipher v); /* octets of its key */

/* From those texts; false: no such name, *ret untouched. */
bool pmode_sign_parse(const char *name, enum sign_alg *ret);
bool pmode_digest_parse(const char *name, enum digest_alg *ret);
bool pmode_cipher_parse(const char *name, enum pmode_cipher *ret);
bool pmode_wrap_parse(const char *name, enum pmode_wrap *ret);
bool pmode_ref_parse(const char *name, enum pmode_ref *ret);
bool pmode_cipher_of_uri(const char *uri, enum pmode_cipher *ret);
bool pmode_wrap_of_uri(const char *uri, enum pmode_wrap *ret);

struct pmode_party {
    const char *id;
    const char *type;         /* NULL: no @type, and the id is a URI */
    const char *role_sending; /* its Role in messages it sends */
    const char *role_taking;  /* its Role in messages it receives */
    const char *corner;       /* originalSender or finalRecipient; NULL: the id */
};

struct pmode_security {
    enum sign_alg sign;
    enum digest_alg digest;
    enum pmode_cipher cipher;
    enum pmode_ref sign_ref; /* form of key reference we emit */
    enum pmode_ref encrypt_ref;
    unsigned sign_accept; /* sets of PMODE_BIT() */
    unsigned digest_accept;
    unsigned cipher_accept;
    unsigned wrap_accept;
    unsigned sign_ref_accept;
    unsigned encrypt_ref_accept;
    bool extra_signed_accept; /* a signed wsu:Timestamp, or the signer's token */
};

struct pmode {
    const char *id;
    struct pmode_party us;
    struct pmode_party partner;
    const char *agreement;      /* NULL: no AgreementRef */
    const char *agreement_type; /* NULL: no @type */
    const char *service;
    const char *service_type; /* NULL: no @type, and the service is a URI */
    const char *action;
    const char *mpc;         /* what an absent @mpc means; another one fits no P-Mode */
    bool four_corner;        /* originalSender and finalRecipient are sent and required */
    const char *corner_type; /* NULL: no @type */

    struct pmode_security security;

    int error_status;            /* 200, or 500 with a Fault */
    bool errors_signed;          /* sign our errors, once the P-Mode is known */
    bool unsigned_errors_accept; /* false: an unsigned error counts as no answer at all */
    bool old_duplicate_code;     /* EBMS:0004 means "duplicate" (phase4 before 4.5) */
    bool
        resigned_retry_accept; /* known id, other digests: the stored receipt all the same */
    bool any_message_id;       /* a MessageId without '@' is taken */
    bool strict_mime_type;     /* property MimeType must equal EncryptedData/@MimeType */
    bool test;                 /* the test service: verified, receipted, not delivered */
    bool opaque;               /* for the floors above: content is not ours to judge */

    size_t parts_max;
    uint64_t part_max;     /* octets of one part, inflated */
    uint64_t inflated_max; /* octets of all parts, inflated */
    uint64_t wire_max;     /* octets of one part as sent */
    unsigned ratio_max;    /* inflated : compressed, after PMODE_RATIO_FREE octets */
    int64_t past_max_ms;   /* oldest timestamp taken */
    int64_t future_max_ms; /* a clock that is fast */
};

/* eDelivery 1.15: RSA-SHA256, SHA-256, AES-128-GCM, RSA-OAEP with SHA-256, BST emitted, all
 * forms of reference accepted, limits as above; ids, service and action are left NULL. */
void pmode_defaults(struct pmode *pmode);

/*
 * The test service of a P-Mode: same parties, agreement and security, Service and Action of
 * the test service (ebMS3 core 5.2.2.8, eDelivery AS4 "test service"). Borrows what `of` borrows.
 */
struct pmode pmode_test(const struct pmode *of);

/* True when a message that came in belongs to this P-Mode: From is the partner, To is us, and
 * roles, service, action, agreement and mpc are the agreed ones, as whole texts. */
bool pmode_fits(const struct pmode *pmode, const struct eb_user *user);

/*
 * The first fitting P-Mode of a list, or its test service: then *ret is pmode_test() of it.
 * False when none fits; *ret_addressed then says whether any names To as us.
 */
bool pmode_find(const struct pmode *const *list, size_t count, const struct eb_user *user,
                struct pmode *ret, const struct pmode **ret_base, bool *ret_addressed);

#endif
