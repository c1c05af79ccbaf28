/* Handshakes in memory between our two kinds of context, and with peers that must fail. */
#include "support_pki.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "pki/tls.h"
#include "pki/trust.h"

static struct made ca, other_ca, server, client, foreign_server, foreign_client, expired;
static char *ca_file, *other_file, *server_chain, *server_key, *client_chain, *client_key,
    *foreign_chain, *foreign_key, *foreign_server_chain, *expired_chain;

static int begin(void **state)
{
    int64_t now = (int64_t)time(NULL) * 1000, from = now - DAY_MS, to = now + 30 * DAY_MS;
    const char *ds = "critical,digitalSignature", *cs = "critical,keyCertSign";

    (void)state;
    temp_begin();
    ca = make((struct order){ .kind = "p256:1",
                              .cn = "CA",
                              .ca = true,
                              .usage = cs,
                              .from_ms = from,
                              .to_ms = to });
    other_ca = make((struct order){ .kind = "p256:2",
                                    .cn = "Other",
                                    .ca = true,
                                    .usage = cs,
                                    .from_ms = from,
                                    .to_ms = to });
    struct {
        struct made *made;
        const struct made *issuer;
        const char *kind;
    } rows[] = {
        { &server, &ca, "p256:3" },
        { &client, &ca, "rsa2048" },
        { &foreign_server, &other_ca, "p256:3" },
        { &foreign_client, &other_ca, "p256:4" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        *rows[i].made = make((struct order){ .kind = rows[i].kind,
                                             .cn = "localhost",
                                             .issuer = rows[i].issuer,
                                             .usage = ds,
                                             .san = "DNS:localhost",
                                             .from_ms = from,
                                             .to_ms = to });
    expired = make((struct order){ .kind = "rsa2048",
                                   .cn = "late",
                                   .issuer = &ca,
                                   .usage = ds,
                                   .from_ms = now - 9 * DAY_MS,
                                   .to_ms = now - DAY_MS });
    ca_file = temp_cert("ca.pem", (const struct made *[]){ &ca }, 1);
    other_file = temp_cert("other.pem", (const struct made *[]){ &other_ca }, 1);
    server_chain = temp_cert("server.pem", (const struct made *[]){ &server, &ca }, 2);
    server_key = temp_key("server.key", server.key, 0600);
    client_chain = temp_cert("client.pem", (const struct made *[]){ &client }, 1);
    client_key = temp_key("client.key", client.key, 0600);
    foreign_chain =
        temp_cert("foreign.pem", (const struct made *[]){ &foreign_client }, 1);
    foreign_key = temp_key("foreign.key", foreign_client.key, 0600);
    foreign_server_chain =
        temp_cert("fs.pem", (const struct made *[]){ &foreign_server, &other_ca }, 2);
    expired_chain = temp_cert("expired.pem", (const struct made *[]){ &expired }, 1);
    return 0;
}

static int end(void **state)
{
    struct made *made[] = { &ca,     &other_ca,       &server,
                            &client, &foreign_server, &foreign_client,
                            &expired };
    char **files[] = { &ca_file,       &other_file,   &server_chain,
                       &server_key,    &client_chain, &client_key,
                       &foreign_chain, &foreign_key,  &foreign_server_chain,
                       &expired_chain };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(made); i++)
        made_free(made[i]);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        mem_free(files[i]);
    temp_end();
    pool_free();
    return 0;
}

/* --- two ends ----------------------------------------------------------------------------- */

struct pair {
    SSL *server, *client;
};

static void pair_free(struct pair *p)
{
    SSL_free(p->server);
    SSL_free(p->client);
}

static bool step(SSL *ssl, bool *failed)
{
    int rc = SSL_do_handshake(ssl), why = SSL_get_error(ssl, rc);

    *failed =
        *failed || (rc != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE);
    ERR_clear_error();
    return rc == 1;
}

/* True when both ends have finished and an octet has passed each way (in TLS 1.3 the client
 * finishes before the server has looked at its certificate). */
static bool shake(struct pair *p, SSL_CTX *s, SSL_CTX *c, SSL_SESSION *session)
{
    BIO *one, *two;
    bool failed = false, done = false;
    char octet = 'x';

    BIO_new_bio_pair(&one, 0, &two, 0);
    p->server = SSL_new(s);
    p->client = SSL_new(c);
    SSL_set_bio(p->server, one, one);
    SSL_set_bio(p->client, two, two);
    SSL_set_accept_state(p->server);
    SSL_set_connect_state(p->client);
    if (session != NULL)
        SSL_set_session(p->client, session);
    for (int i = 0; i < 20 && !failed && !done; i++) {
        bool at_client = step(p->client, &failed), at_server = step(p->server, &failed);

        done = at_client && at_server;
    }
    done = done && !failed && SSL_write(p->server, &octet, 1) == 1 &&
           SSL_read(p->client, &octet, 1) == 1 && SSL_write(p->client, &octet, 1) == 1 &&
           SSL_read(p->server, &octet, 1) == 1;
    ERR_clear_error();
    return done;
}

static SSL_CTX *server_ctx(struct tls_server_settings s)
{
    struct err err;
    SSL_CTX *ctx = NULL;

    s.chain_file = s.chain_file == NULL ? server_chain : s.chain_file;
    s.key_file = server_key;
    s.ca_file = ca_file;
    s.session_name = s.session_name == NULL ? "partner" : s.session_name;
    assert_done((ctx = tls_server_new(&s, &err)) != NULL, err);
    return ctx;
}

/* The client has one certificate file for each key it may have. */
static SSL_CTX *client_ctx(struct tls_client **client_ret, struct tls_client_settings s,
                           const char *chain)
{
    struct err err;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    s.ca_file = s.ca_file == NULL ? ca_file : s.ca_file;
    s.chain_file = chain;
    s.key_file = chain == foreign_chain ? foreign_key : client_key;
    assert_done((*client_ret = tls_client_new(&s, &err)) != NULL, err);
    /* What a library might have put there before: it must not count. */
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, other_file, NULL), 1);
    assert_done(tls_client_apply(*client_ret, ctx, &err), err);
    return ctx;
}

static const struct meeting {
    const char *name;
    enum tls_peer peer;
    char **client_chain, **server_chain; /* NULL: none, the usual */
    bool server12, client12;
    bool limit12; /* the client offers nothing newer than 1.2 */
    bool meets, none;
    const char *version;
} meetings[] = {
    { "both with certificates", TLS_PEER_REQUIRED, &client_chain, NULL, false, false,
      false, true, false, "TLSv1.3" },
    { "client without, required", TLS_PEER_REQUIRED, NULL, NULL, false, false, false,
      false, false, NULL },
    { "client without, optional", TLS_PEER_OPTIONAL, NULL, NULL, false, false, false,
      true, true, "TLSv1.3" },
    { "client without, not asked", TLS_PEER_NONE, &client_chain, NULL, false, false,
      false, true, true, "TLSv1.3" },
    { "client with, optional", TLS_PEER_OPTIONAL, &client_chain, NULL, false, false,
      false, true, false, "TLSv1.3" },
    { "client of another CA", TLS_PEER_REQUIRED, &foreign_chain, NULL, false, false,
      false, false, false, NULL },
    { "client of another CA, optional", TLS_PEER_OPTIONAL, &foreign_chain, NULL, false,
      false, false, false, false, NULL },
    { "expired client", TLS_PEER_REQUIRED, &expired_chain, NULL, false, false, false,
      false, false, NULL },
    { "server of another CA", TLS_PEER_REQUIRED, &client_chain, &foreign_server_chain,
      false, false, false, false, false, NULL },
    { "1.2 against 1.3", TLS_PEER_REQUIRED, &client_chain, NULL, false, true, true, false,
      false, NULL },
    { "1.2 where allowed", TLS_PEER_REQUIRED, &client_chain, NULL, true, true, true, true,
      false, "TLSv1.2" },
    { "1.3 where 1.2 is allowed too", TLS_PEER_REQUIRED, &client_chain, NULL, true, true,
      false, true, false, "TLSv1.3" },
};

static void test_meeting(void **state)
{
    const struct meeting *m = *state;
    AUTO(tls_ctx_free)
    SSL_CTX *s = server_ctx((struct tls_server_settings){
        .peer = m->peer,
        .allow_tls12 = m->server12,
        .chain_file = m->server_chain == NULL ? NULL : *m->server_chain });
    AUTO(tls_client_free) struct tls_client *c = NULL;
    AUTO(tls_ctx_free)
    SSL_CTX *ctx =
        client_ctx(&c, (struct tls_client_settings){ .allow_tls12 = m->client12 },
                   m->client_chain == NULL ? NULL : *m->client_chain);
    AUTO(pair_free) struct pair p = { 0 };
    AUTO(cert_free) struct cert *peer = NULL;
    struct err err = { 0 };
    bool none = false;

    if (m->limit12)
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    assert_int_equal(shake(&p, s, ctx, NULL), m->meets);
    if (!m->meets)
        return;
    assert_string_equal(SSL_get_version(p.client), m->version);
    peer = tls_peer_cert(p.server, &none, &err);
    assert_int_equal(none, m->none);
    assert_int_equal(peer != NULL, !m->none);
    if (peer != NULL)
        assert_string_equal(cert_subject(peer), "CN=localhost,O=Test\\, Office,C=MD");
}

static void test_trust_of_server(void **state)
{
    AUTO(tls_ctx_free)
    SSL_CTX *s = server_ctx((struct tls_server_settings){ .peer = TLS_PEER_REQUIRED });
    AUTO(trust_free)
    struct trust *right = trust_new("UA-GW1"), *wrong = trust_new("UA-GW1");
    AUTO(cert_free)
    struct cert *server_cert = made_cert(&server), *other = made_cert(&client);
    AUTO(certlist_free) struct certlist pin = { 0 }, wrong_pin = { 0 };
    const struct clock late = { .offset_ms = 60 * DAY_MS };
    struct {
        struct trust *trust;
        const struct clock *clock;
        const char *code; /* NULL: meets */
    } cases[] = {
        { right, NULL, NULL },
        { wrong, NULL, "pki.not-trusted" },
        { right, &late, "pki.expired" },
    };
    struct err err;

    (void)state;
    certlist_add(&pin, server_cert);
    certlist_add(&wrong_pin, other);
    assert_done(
        trust_allow(right, TRUST_TLS, &(struct trust_rule){ .pinned = &pin }, &err), err);
    assert_done(
        trust_allow(wrong, TRUST_TLS, &(struct trust_rule){ .pinned = &wrong_pin }, &err),
        err);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(tls_client_free) struct tls_client *c = NULL;
        AUTO(tls_ctx_free)
        SSL_CTX *ctx = client_ctx(&c,
                                  (struct tls_client_settings){ .trust = cases[i].trust,
                                                                .clock = cases[i].clock },
                                  client_chain);
        AUTO(pair_free) struct pair p = { 0 };

        assert_int_equal(shake(&p, s, ctx, NULL), cases[i].code == NULL);
        assert_int_equal(tls_client_why(&err), cases[i].code != NULL);
        if (cases[i].code != NULL)
            assert_string_equal(err.code, cases[i].code);
    }
}

static void test_why(void **state)
{
    AUTO(tls_ctx_free)
    SSL_CTX *s = server_ctx((struct tls_server_settings){
        .peer = TLS_PEER_NONE, .chain_file = foreign_server_chain });
    AUTO(tls_client_free) struct tls_client *c = NULL;
    AUTO(tls_ctx_free)
    SSL_CTX *ctx = client_ctx(&c, (struct tls_client_settings){ 0 }, NULL);
    AUTO(pair_free) struct pair p = { 0 };
    struct err err;

    (void)state;
    assert_false(shake(&p, s, ctx, NULL));
    assert_true(tls_client_why(&err));
    assert_string_equal(err.code, "tls.not-verified");
}

static void test_resumption(void **state)
{
    AUTO(tls_ctx_free)
    SSL_CTX *s = server_ctx((struct tls_server_settings){ .peer = TLS_PEER_REQUIRED });
    AUTO(tls_ctx_free)
    SSL_CTX *local = server_ctx((struct tls_server_settings){ .peer = TLS_PEER_REQUIRED,
                                                              .session_name = "local" });
    AUTO(tls_client_free) struct tls_client *c = NULL;
    AUTO(tls_ctx_free)
    SSL_CTX *ctx = client_ctx(&c, (struct tls_client_settings){ 0 }, client_chain);
    AUTO(pair_free) struct pair first = { 0 }, second = { 0 }, elsewhere = { 0 };
    AUTO(cert_free) struct cert *peer = NULL;
    unsigned char keys[80];
    SSL_SESSION *session;
    struct err err = { 0 };
    bool none;

    (void)state;
    assert_true(shake(&first, s, ctx, NULL));
    session = SSL_get1_session(first.client);
    assert_true(shake(&second, s, ctx, session));
    assert_int_equal(SSL_session_reused(second.server), 1);
    peer = tls_peer_cert(second.server, &none, &err);
    assert_non_null(peer);
    /* Even where the ticket can be opened, another listener's session is not taken. */
    assert_int_equal(SSL_CTX_get_tlsext_ticket_keys(s, keys, sizeof keys), 1);
    assert_int_equal(SSL_CTX_set_tlsext_ticket_keys(local, keys, sizeof keys), 1);
    (void)shake(&elsewhere, local, ctx, session);
    assert_int_equal(SSL_session_reused(elsewhere.server), 0);
    SSL_SESSION_free(session);
}

static void test_settings_refused(void **state)
{
    AUTO(mem_free) char *open_key = temp_key("open.key", server.key, 0644);
    const struct {
        const char *code;
        struct tls_server_settings s;
    } cases[] = {
        { "pki.key-mismatch",
          { server_chain, client_key, ca_file, TLS_PEER_REQUIRED, false, "a" } },
        { "file.mode",
          { server_chain, open_key, ca_file, TLS_PEER_REQUIRED, false, "a" } },
        { "file.absent",
          { "/nonexistent", server_key, ca_file, TLS_PEER_REQUIRED, false, "a" } },
        { "tls.setup",
          { server_chain, server_key, NULL, TLS_PEER_REQUIRED, false, "a" } },
        { "file.absent",
          { server_chain, server_key, "/none", TLS_PEER_REQUIRED, false, "a" } },
        { "tls.setup",
          { server_chain, server_key, ca_file, TLS_PEER_REQUIRED, false, "" } },
        { "tls.setup",
          { server_chain, server_key, ca_file, TLS_PEER_REQUIRED, false,
            "a name that is longer than thirty-two" } },
    };
    struct tls_client_settings none = { .ca_file = "/nonexistent" };
    struct tls_client_settings mixed = { .ca_file = ca_file,
                                         .chain_file = client_chain,
                                         .key_file = server_key };
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_refused(tls_server_new(&cases[i].s, &err) != NULL, err, cases[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
    assert_refused(tls_client_new(&none, &err) != NULL, err, "file.absent");
    assert_refused(tls_client_new(&mixed, &err) != NULL, err, "pki.key-mismatch");
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_trust_of_server),
        cmocka_unit_test(test_why),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_settings_refused),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(meetings)];

    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(meetings); i++) {
        struct CMUnitTest *t = &tests[COUNT_OF(single) + i];

        *t = (struct CMUnitTest){ .name = meetings[i].name, .test_func = test_meeting };
        memcpy(&t->initial_state, &(const struct meeting *){ &meetings[i] },
               sizeof(void *));
    }
    return cmocka_run_group_tests(tests, begin, end);
}
