/*
 * tls.c - TLS contexts, made from files; nothing of the system's trust gets in.
 *
 * TLS 1.3, or 1.2 with forward-secret AEAD suites where a partner needs it; no compression, no
 * renegotiation, no early data. Sessions are resumed by tickets under the listener's own name:
 * a new mutual handshake costs as much processor time as a whole message. A resumed session
 * carries the certificate of the first handshake, so whoever answers a request asks trust again.
 * On failure nothing is left behind and OpenSSL's error queue is empty.
 */
#include "pki/tls.h"

#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/cert.h"
#include "pki/keyfile.h"
#include "pki/trust.h"

#define TLS12_SUITES \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
#define TLS_GROUPS   "X25519:P-256:P-384"
#define VERIFY_DEPTH 6

/* Own certificate, its chain and key. */
struct identity {
    struct certlist chain;
    EVP_PKEY *key;
};

struct tls_client {
    atomic_uint users;
    struct identity identity;
    struct certlist cas;
    bool allow_tls12;
    const struct trust *trust;
    const struct clock *clock;
};

static _Thread_local struct err
    refusal; /* what trust said in this thread's last handshake */

static bool setup_failed(struct err *err, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(e);

    err_set(err, ERR_CONFIG, "tls.setup", "TLS context: %s: %s", what,
            reason == NULL ? "no reason given" : reason);
    ERR_clear_error();
    return false;
}

void tls_ctx_free(SSL_CTX **ctx)
{
    SSL_CTX_free(*ctx);
    *ctx = NULL;
}

/* --- parts -------------------------------------------------------------------------------- */

static void identity_free(struct identity *id)
{
    certlist_free(&id->chain);
    EVP_PKEY_free(id->key);
    id->key = NULL;
}

static bool identity_load(struct identity *id, const char *chain_file,
                          const char *key_file, struct err *err)
{
    if (!certlist_load(chain_file, &id->chain, err))
        return false;
    id->key = key_load(key_file, id->chain.items[0], chain_file, err);
    return id->key != NULL;
}

static bool use_identity(SSL_CTX *ctx, const struct identity *id, struct err *err)
{
    if (SSL_CTX_use_certificate(ctx, cert_x509(id->chain.items[0])) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, id->key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return setup_failed(err, "own certificate");
    SSL_CTX_clear_chain_certs(ctx);
    for (size_t i = 1; i < id->chain.count; i++)
        if (SSL_CTX_add1_chain_cert(ctx, cert_x509(id->chain.items[i])) != 1)
            return setup_failed(err, "own chain");
    return true;
}

/* Replaces whatever store the context had: these CAs and no others. */
static bool use_cas(SSL_CTX *ctx, const struct certlist *cas, struct err *err)
{
    X509_STORE *store = X509_STORE_new();

    if (store == NULL)
        return setup_failed(err, "certificate store");
    SSL_CTX_set_cert_store(ctx, store);
    for (size_t i = 0; i < cas->count; i++)
        if (X509_STORE_add_cert(store, cert_x509(cas->items[i])) != 1)
            return setup_failed(err, "certificate store");
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    SSL_CTX_set_verify_depth(ctx, VERIFY_DEPTH);
    return true;
}

static bool use_rules(SSL_CTX *ctx, bool allow_tls12, struct err *err)
{
    int least = allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;

    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_early_data(ctx, 0);
    if (SSL_CTX_set_min_proto_version(ctx, least) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1)
        return setup_failed(err, "protocol versions");
    if (SSL_CTX_set_cipher_list(ctx, TLS12_SUITES) != 1 ||
        SSL_CTX_set1_groups_list(ctx, TLS_GROUPS) != 1)
        return setup_failed(err, "cipher suites");
    return true;
}

/* --- server ------------------------------------------------------------------------------- */

static bool name_cas(SSL_CTX *ctx, const struct certlist *cas, struct err *err)
{
    for (size_t i = 0; i < cas->count; i++)
        if (SSL_CTX_add_client_CA(ctx, cert_x509(cas->items[i])) != 1)
            return setup_failed(err, "names of client CAs");
    return true;
}

static bool use_peer_rule(SSL_CTX *ctx, const struct tls_server_settings *s,
                          struct err *err)
{
    AUTO(certlist_free) struct certlist cas = { 0 };
    int must = s->peer == TLS_PEER_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;

    if (s->peer == TLS_PEER_NONE) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        return use_cas(ctx, &cas, err);
    }
    if (s->ca_file == NULL)
        return err_set(err, ERR_CONFIG, "tls.setup",
                       "client certificates are asked for, but no CA file is given");
    if (!certlist_load(s->ca_file, &cas, err) || !use_cas(ctx, &cas, err) ||
        !name_cas(ctx, &cas, err))
        return false;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | must, NULL);
    return true;
}

static bool use_sessions(SSL_CTX *ctx, const char *name, struct err *err)
{
    size_t len = name == NULL ? 0 : strlen(name);

    if (len == 0 || SSL_CTX_set_session_id_context(ctx, (const unsigned char *)name,
                                                   (unsigned)len) != 1)
        return setup_failed(err, "session name (1 to 32 octets)");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets: no state here */
    SSL_CTX_set_timeout(ctx, TLS_SESSION_S);
    return true;
}

static bool server_setup(SSL_CTX *ctx, const struct tls_server_settings *s,
                         struct err *err)
{
    AUTO(identity_free) struct identity id = { 0 };

    return identity_load(&id, s->chain_file, s->key_file, err) &&
           use_rules(ctx, s->allow_tls12, err) && use_identity(ctx, &id, err) &&
           use_peer_rule(ctx, s, err) && use_sessions(ctx, s->session_name, err);
}

SSL_CTX *tls_server_new(const struct tls_server_settings *settings, struct err *err)
{
    AUTO(tls_ctx_free) SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        setup_failed(err, "out of memory");
    else if (server_setup(ctx, settings, err))
        return TAKE(ctx);
    return NULL;
}

/* --- client ------------------------------------------------------------------------------- */

struct tls_client *tls_client_new(const struct tls_client_settings *s, struct err *err)
{
    AUTO(tls_client_free) struct tls_client *c = mem_alloc(sizeof *c);

    atomic_init(&c->users, 1);
    c->allow_tls12 = s->allow_tls12;
    c->trust = s->trust;
    c->clock = s->clock;
    if (!certlist_load(s->ca_file, &c->cas, err))
        return NULL;
    if (s->chain_file != NULL &&
        !identity_load(&c->identity, s->chain_file, s->key_file, err))
        return NULL;
    return TAKE(c);
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    atomic_fetch_add_explicit(&client->users, 1, memory_order_relaxed);
    return client;
}

void tls_client_free(struct tls_client **client)
{
    struct tls_client *c = *client;

    *client = NULL;
    if (c == NULL || atomic_fetch_sub_explicit(&c->users, 1, memory_order_acq_rel) != 1)
        return;
    identity_free(&c->identity);
    certlist_free(&c->cas);
    mem_free(&c);
}

static bool trusted(const struct tls_client *c, X509 *x509)
{
    AUTO(cert_free) struct cert *cert = cert_of_x509(x509, &refusal);

    return cert != NULL && trust_check(c->trust, TRUST_TLS, cert, NULL,
                                       clock_now(c->clock), NULL, &refusal);
}

/* Called by OpenSSL for each certificate of a chain, the peer's own last. */
static int on_verify(int good, X509_STORE_CTX *store)
{
    int depth = X509_STORE_CTX_get_error_depth(store);
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (!good) {
        err_set(&refusal, ERR_REJECT, "tls.not-verified", "the server's certificate: %s",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
        return 0;
    }
    if (depth > 0 || c->trust == NULL ||
        trusted(c, X509_STORE_CTX_get_current_cert(store)))
        return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

bool tls_client_why(struct err *ret)
{
    if (refusal.code == NULL)
        return false;
    *ret = refusal;
    return true;
}

bool tls_client_apply(struct tls_client *client, SSL_CTX *ctx, struct err *err)
{
    refusal = (struct err){ 0 };
    SSL_CTX_set_app_data(ctx, client);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
    return use_rules(ctx, client->allow_tls12, err) && use_cas(ctx, &client->cas, err) &&
           (client->identity.key == NULL || use_identity(ctx, &client->identity, err));
}

/* --- peer --------------------------------------------------------------------------------- */

struct cert *tls_peer_cert(const SSL *ssl, bool *ret_none, struct err *err)
{
    X509 *x509 = SSL_get0_peer_certificate(ssl);

    *ret_none = x509 == NULL;
    if (x509 == NULL)
        return NULL;
    if (SSL_get_verify_result(ssl) != X509_V_OK) {
        err_set(err, ERR_REJECT, "tls.not-verified", "the peer's certificate: %s",
                X509_verify_cert_error_string(SSL_get_verify_result(ssl)));
        return NULL;
    }
    return cert_of_x509(x509, err);
}
