/*
 * tls.h - TLS contexts for both directions. The only place that decides versions, ciphers and
 * how a peer's certificate is verified.
 *
 * TLS keys are other keys than those for messages: they protect transport only, so they may be
 * in the process that faces the network. A reload makes new contexts; old connections keep
 * theirs. Errors: ERR_CONFIG "file.*", "pki.*", "tls.setup"; of peers ERR_REJECT
 * "tls.not-verified" and what pki/trust says.
 */
#ifndef PKI_TLS_H
#define PKI_TLS_H

#include <stdbool.h>

#include <openssl/types.h>

#include "base/attr.h"

struct cert;
struct clock;
struct err;
struct trust;

#define TLS_SESSION_S 3600 /* a session may be resumed for so many seconds */

enum tls_peer {
    TLS_PEER_NONE,     /* no client certificate is asked for */
    TLS_PEER_OPTIONAL, /* asked for; one that does not verify ends the handshake */
    TLS_PEER_REQUIRED,
};

struct tls_server_settings {
    const char *chain_file; /* PEM: own certificate first, then its CAs but the root */
    const char *key_file;   /* PEM, mode 0600 or less */
    const char *ca_file;    /* PEM: the CAs of clients; not needed with TLS_PEER_NONE */
    enum tls_peer peer;
    bool allow_tls12; /* else TLS 1.3 only */
    const char
        *session_name; /* at most 32 octets; listeners with other rules have other names:
                                 a session of one is not resumed at another */
};

SSL_CTX *tls_server_new(const struct tls_server_settings *settings,
                        struct err *err) NODISCARD;
void tls_ctx_free(SSL_CTX **ctx); /* for AUTO */

/* What one partner's connections out need, loaded once; immutable, shared by threads. */
struct tls_client_settings {
    const char *ca_file;    /* PEM: the CAs of this partner's server, and no others */
    const char *chain_file; /* own client certificate; NULL: none */
    const char *key_file;   /* with chain_file */
    bool allow_tls12;       /* else TLS 1.3 only */
    const struct trust
        *trust; /* NULL, or judges the server's certificate too (TRUST_TLS);
                                   must outlive the contexts */
    const struct clock *clock; /* for trust; NULL: the real one */
};

struct tls_client;
struct tls_client *tls_client_new(const struct tls_client_settings *settings,
                                  struct err *err) NODISCARD;
struct tls_client *tls_client_ref(struct tls_client *client) NODISCARD;
void tls_client_free(struct tls_client **client); /* for AUTO */

/*
 * Sets a fresh context up: for libcurl's CURLOPT_SSL_CTX_FUNCTION, whose context it makes
 * forget every CA that was there before. Host names stay libcurl's to check (VERIFYHOST 2).
 * The client must outlive the context.
 */
bool tls_client_apply(struct tls_client *client, SSL_CTX *ctx, struct err *err) NODISCARD;

/* Why this thread's last handshake with a context of tls_client_apply() was refused by us, in
 * more words than OpenSSL's; false when it was not. */
bool tls_client_why(struct err *ret);

/* The peer's certificate, verified in the handshake (or in the one that is resumed); owned.
 * NULL with *ret_none when the peer sent none, NULL with err when it is one we do not take. */
struct cert *tls_peer_cert(const SSL *ssl, bool *ret_none, struct err *err) NODISCARD;

#endif
