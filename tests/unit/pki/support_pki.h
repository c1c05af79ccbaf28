/*
 * support_pki.h - certificates made to order, temporary files, and checks of errors.
 */
#ifndef TESTS_SUPPORT_PKI_H
#define TESTS_SUPPORT_PKI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/cert.h"
#include "pki/signer.h"

#define NOW INT64_C(1795510800000) /* 2026-11-24T09:00:00Z */

struct made {
    EVP_PKEY *key; /* of the pool */
    X509 *x509;
};

struct order {
    const char
        *kind; /* "rsa2048", "rsa3072", "rsa1024", "p256", "p384", "p521", "ed25519";
                         a digit after ":" asks for another key of that kind */
    const char *cn;
    const struct made *issuer; /* NULL: self-signed */
    const char *usage;         /* "critical,digitalSignature"; NULL: no KeyUsage */
    const char *eku, *san;     /* NULL: none */
    int64_t from_ms, to_ms;    /* 0: a year around NOW */
    bool ca, no_ski;
    long serial; /* 0: random */
};

struct made make(struct order order);
void made_free(struct made *made);
struct cert *made_cert(const struct made *made); /* owned */
void pool_free(void);                            /* at the end of a program */

/* A folder for this program, removed with everything in it by temp_end(). */
void temp_begin(void);
void temp_end(void);
char *temp_path(const char *name); /* owned */
char *temp_write(const char *name, const void *data, size_t len,
                 unsigned mode); /* path, owned */
char *temp_cert(const char *name, const struct made *const *certs, size_t count);
char *temp_key(const char *name, EVP_PKEY *key, unsigned mode);
/* A list signed by `ca`: serials revoked at NOW - 1 day (except where a date is given). */
struct crl_entry {
    const struct made *cert;
    int64_t at_ms; /* 0: NOW - 1 day */
};
char *temp_crl(const char *name, const struct made *ca, const struct crl_entry *entries,
               size_t count, int64_t next_ms, bool critical);

/* The call failed with exactly this code. */
#define assert_refused(call, err, want_code) \
    do { \
        (err) = (struct err){ 0 }; \
        assert_false(call); \
        assert_non_null((err).code); \
        assert_string_equal((err).code, want_code); \
    } while (0)

/* The call succeeded; prints the error when not. */
#define assert_done(call, err) \
    do { \
        (err) = (struct err){ 0 }; \
        if (!(call)) \
            fail_msg("%s: %s (%s:%d)", (err).code, (err).text, (err).file, (err).line); \
    } while (0)

/* Files for signer_open_files() of one key. Owned. */
struct signer *file_signer_of(const char *id, const struct made *made, struct err *err);

#endif
