/*
 * cert.h - one certificate: parsed once, immutable, counted.
 *
 * A cert whose key this gateway would not use (RSA outside 2048..8192 bits or with an even or
 * tiny exponent, curves other than P-256 and P-384, anything else) cannot be made: the reader
 * refuses it, so that no later code has to ask. Trust is not judged here (pki/trust).
 *
 * Errors of the readers: ERR_CONFIG from files, ERR_REJECT from octets; "pki.cert-form" (not
 * one well-formed certificate, or something left over), "pki.key-kind", "pki.key-size",
 * "pki.cert-count", "pki.path-form", "file.*".
 */
#ifndef PKI_CERT_H
#define PKI_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "base/attr.h"
#include "base/str.h"

struct buf;
struct err;

#define CERT_OCTETS_MAX (64 * 1024)  /* of one DER certificate */
#define CERT_FILE_MAX   (512 * 1024) /* octets of a PEM or CRL file */
#define CERT_MANY_MAX   64           /* certificates in a PEM file */
#define CERT_PATH_MAX   6            /* certificates in a PKIPath */

enum key_kind {
    KEY_RSA,
    KEY_P256,
    KEY_P384
};
const char *key_kind_name(enum key_kind kind); /* "RSA", "P-256", "P-384" */

struct cert;

struct cert *cert_of_der(const void *der, size_t len, struct err *err) NODISCARD;
struct cert *cert_of_x509(X509 *x509,
                          struct err *err) NODISCARD; /* takes a count of its own */
/* A PEM file with exactly one certificate; text around it is skipped. */
struct cert *cert_load(const char *path, struct err *err) NODISCARD;

struct cert *cert_ref(struct cert *cert) NODISCARD;
void cert_free(struct cert **cert); /* gives one count back; for AUTO */

/* --- what it says. Everything is borrowed from the cert. ---------------------------------- */

struct str cert_der(const struct cert *cert); /* octets */
const char *
cert_sha256(const struct cert *cert); /* of the DER, 64 lower-case hex digits */
struct str
cert_thumbprint(const struct cert *cert);         /* SHA-1 of the DER, 20 octets: a lookup
                                                         key (WSS 1.1 ThumbprintSHA1), no proof */
struct str cert_ski(const struct cert *cert);     /* SubjectKeyIdentifier; len 0: none */
const char *cert_serial(const struct cert *cert); /* decimal */
const char *cert_issuer(const struct cert *cert); /* RFC 2253 */
const char *cert_subject(const struct cert *cert); /* RFC 2253 */
int64_t cert_not_before_ms(const struct cert *cert);
int64_t cert_not_after_ms(const struct cert *cert);
const struct strlist *cert_dns(const struct cert *cert); /* subjectAltName dNSName */
enum key_kind cert_key_kind(const struct cert *cert);
int cert_key_bits(const struct cert *cert);
EVP_PKEY *cert_key(const struct cert *cert); /* public, borrowed */
X509 *cert_x509(const struct cert *cert);    /* borrowed, never changed */
bool cert_self_issued(const struct cert *cert);
bool cert_is_ca(const struct cert *cert);

bool cert_same(const struct cert *a, const struct cert *b); /* DER, octet by octet */

enum key_use {
    KEY_USE_SIGNATURE,  /* digitalSignature */
    KEY_USE_COMMITMENT, /* contentCommitment (nonRepudiation) */
    KEY_USE_ENCIPHER,   /* keyEncipherment */
    KEY_USE_CERT_SIGN,
    KEY_USE_CRL_SIGN,
};
/* True when the certificate has no KeyUsage, or has that bit. */
bool cert_may(const struct cert *cert, enum key_use use);
/* No ExtendedKeyUsage, or serverAuth, clientAuth or any among them. */
bool cert_may_tls(const struct cert *cert);

/*
 * Is the text that name? Both are compared parsed (RFC 2253, RFC 4514): blanks around
 * separators, short names, "OID.2.5.4.3" and "2.5.4.3", "E" and "EMAILADDRESS", quotes,
 * escapes, "#hex" values and letter case of values are all the same name; the order of the
 * relative names is not free. A text that does not parse is no name at all.
 */
bool cert_issuer_is(const struct cert *cert, const char *text);
bool cert_subject_is(const struct cert *cert, const char *text);
/* Does the text parse at all (for settings)? */
bool cert_name_valid(const char *text);

/* --- lists -------------------------------------------------------------------------------- */

struct certlist {
    struct cert **items; /* counted */
    size_t count, cap;
};

void certlist_add(struct certlist *list,
                  struct cert *cert);      /* takes a count of its own */
void certlist_free(struct certlist *list); /* for AUTO */
/* One to CERT_MANY_MAX certificates of a PEM file, in order; appends. */
bool certlist_load(const char *path, struct certlist *list, struct err *err) NODISCARD;

/*
 * The one certificate a message's key reference names, borrowed. ERR_REJECT "pki.no-such-cert",
 * or "pki.ambiguous" when two different certificates fit (the same one twice is one).
 */
struct cert *certlist_by_der(const struct certlist *list, struct str der,
                             struct err *err) NODISCARD;
struct cert *certlist_by_ski(const struct certlist *list, struct str ski,
                             struct err *err) NODISCARD;
struct cert *certlist_by_thumbprint(const struct certlist *list, struct str sha1,
                                    struct err *err) NODISCARD;
/* Serial first, then the name, tolerantly; right serial under another name is refused. */
struct cert *certlist_by_issuer_serial(const struct certlist *list, const char *issuer,
                                       const char *serial, struct err *err) NODISCARD;

/*
 * PKIPath (X.509 Token Profile 1.1, 3.1.2; X.509 clause 7.9 PkiPath): DER SEQUENCE OF
 * Certificate, CA first, end entity last. Reading: 1 to CERT_PATH_MAX certificates, each but
 * the first issued by the one before it (by name), nothing left over; appends in that order.
 */
bool cert_path_read(const void *der, size_t len, struct certlist *list,
                    struct err *err) NODISCARD;
void cert_path_write(const struct certlist *list, struct buf *out);

#endif
