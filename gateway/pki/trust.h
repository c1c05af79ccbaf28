/*
 * trust.h - which certificates a partner may use for what, and whether one may be used at a
 * given instant.
 *
 * Keys and certificates come from the partner's configuration, never from a message: a token in
 * a message only selects among them, or chains to the CA that the configuration names. The
 * system's certificate authorities are never consulted.
 *
 * A struct trust is built once, then immutable and shared by threads.
 */
#ifndef PKI_TRUST_H
#define PKI_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "pki/cert.h"

struct err;

enum trust_purpose {
    TRUST_TLS,
    TRUST_SIGN,
    TRUST_ENCRYPT,
    TRUST_SEAL
};
#define TRUST_PURPOSES 4
const char *trust_purpose_name(enum trust_purpose purpose); /* "tls", "sign", ... */

enum trust_state {
    TRUST_VALID,
    TRUST_EXPIRED,            /* "pki.expired" */
    TRUST_NOT_YET,            /* "pki.not-yet" */
    TRUST_REVOKED,            /* "pki.revoked" */
    TRUST_REVOCATION_UNKNOWN, /* "pki.revocation-unknown" */
    TRUST_NOT_TRUSTED,        /* "pki.not-trusted" */
    TRUST_WRONG_USAGE,        /* "pki.wrong-usage" */
};
const char *trust_state_name(enum trust_state state); /* "valid", "expired", ... */

/*
 * One purpose of one partner. Either pins (current and next certificate, compared as DER), or
 * a CA and the exact subject, or both (either lets a certificate in).
 */
struct trust_rule {
    const struct certlist *pinned; /* NULL or empty: none; at most TRUST_PINS_MAX */
    const char *ca_file;  /* PEM: the issuing CA first, further CAs of its chain */
    const char *subject;  /* RFC 2253; needed with ca_file unless only for the CRL */
    const char *crl_file; /* PEM or DER, signed by a CA of ca_file */
    /*
     * What to do when revocation cannot be judged: no CRL for a certificate that is let in
     * by its CA, or a CRL past its nextUpdate. A pin without a CRL needs none: taking the pin
     * out revokes it. false refuses.
     */
    bool accept_unknown;
};
#define TRUST_PINS_MAX 8

struct trust;

/* `partner` is for the words of errors. Nothing is trusted until trust_allow(). */
struct trust *trust_new(const char *partner) NODISCARD;
/*
 * Copies the rule, reads its files. ERR_CONFIG: "pki.rule-empty", "pki.rule-subject" (CA
 * without a readable subject), "pki.rule-pins", "pki.crl-form", "pki.crl-issuer" (not signed by
 * a CA of ca_file), "pki.not-a-ca", and what cert_load() says.
 */
bool trust_allow(struct trust *trust, enum trust_purpose purpose,
                 const struct trust_rule *rule, struct err *err) NODISCARD;
void trust_free(struct trust **trust); /* for AUTO */

/* The pinned certificates of that purpose, for looking up key references. Borrowed. */
const struct certlist *trust_pinned(const struct trust *trust,
                                    enum trust_purpose purpose);

/*
 * May this certificate be used for that at that instant? True when it may. `via` (or NULL)
 * brings the CAs that came with it in the message, CA first: they help to build the chain,
 * they are not believed.
 *
 * *state (unless NULL) is written in either case. True with TRUST_REVOCATION_UNKNOWN: the rule
 * accepts that; the caller says so in its log. Errors are ERR_REJECT with the code above.
 */
bool trust_check(const struct trust *trust, enum trust_purpose purpose,
                 const struct cert *cert, const struct certlist *via, int64_t at_ms,
                 enum trust_state *state, struct err *err) NODISCARD;

/*
 * Use and dates alone: for our own certificates, which nobody else has to trust.
 */
bool trust_check_own(enum trust_purpose purpose, const struct cert *cert, int64_t at_ms,
                     enum trust_state *state, struct err *err) NODISCARD;

#endif
