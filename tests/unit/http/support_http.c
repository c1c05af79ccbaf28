/* Certificates, a raw peer and a scripted server for the tests of this folder. */
#include "support_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

int64_t now_ms(void)
{
    return clock_monotonic();
}

#define MUST(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: %s failed (%s)\n", __FILE__, __LINE__, #x, \
                    strerror(errno)); \
            abort(); \
        } \
    } while (0)

/* --- certificates ------------------------------------------------------------------------------- */

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(extension != NULL);
    MUST(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer,
                       EVP_PKEY *issuer_key, const char *san)
{
    static long serial = 1000;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                               -1, -1, 0);
    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
    X509_set_pubkey(cert, key);
    if (issuer == NULL) {
        add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
        add_extension(cert, issuer, NID_key_usage, "critical,digitalSignature");
        add_extension(cert, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    }
    add_extension(cert, issuer != NULL ? issuer : cert, NID_subject_key_identifier,
                  "hash");
    if (san != NULL)
        add_extension(cert, issuer, NID_subject_alt_name, san);
    MUST(X509_sign(cert, issuer_key != NULL ? issuer_key : key, EVP_sha256()) > 0);
    return cert;
}

static void write_cert(const char *path, X509 *cert)
{
    FILE *file = fopen(path, "w");

    MUST(file != NULL && PEM_write_X509(file, cert) == 1);
    fclose(file);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");

    MUST(file != NULL && fchmod(fileno(file), 0600) == 0);
    MUST(PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
}

static void name_file(struct test_pki *pki, char out[96], const char *name)
{
    snprintf(out, 96, "%.60s/%.30s", pki->dir, name);
}

static void make_leaf(struct test_pki *pki, const char *name, const char *san, X509 *ca,
                      EVP_PKEY *ca_key, char cert_path[96], char key_path[96])
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(name, key, ca, ca_key, san);
    char file[30];

    snprintf(file, sizeof file, "%s.pem", name);
    name_file(pki, cert_path, file);
    snprintf(file, sizeof file, "%s.key", name);
    name_file(pki, key_path, file);
    write_cert(cert_path, cert);
    write_key(key_path, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void test_pki_make(struct test_pki *pki)
{
    const char *san = "DNS:gw.test.example,DNS:localhost";
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other_key = EVP_EC_gen("P-256");
    X509 *ca = make_cert("test-ca", key, NULL, NULL, NULL);
    X509 *other = make_cert("other-ca", other_key, NULL, NULL, NULL);

    strcpy(pki->dir, "/tmp/trm-http-XXXXXX");
    MUST(mkdtemp(pki->dir) != NULL);
    name_file(pki, pki->ca, "ca.pem");
    name_file(pki, pki->other_ca, "other-ca.pem");
    write_cert(pki->ca, ca);
    write_cert(pki->other_ca, other);
    make_leaf(pki, "server", san, ca, key, pki->server, pki->server_key);
    make_leaf(pki, "server2", san, ca, key, pki->server2, pki->server2_key);
    make_leaf(pki, "client", "DNS:client.test.example", ca, key, pki->client,
              pki->client_key);
    make_leaf(pki, "other", san, other, other_key, pki->other, pki->other_key);
    X509_free(ca);
    X509_free(other);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
}

void test_pki_remove(struct test_pki *pki)
{
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", pki->dir);
    MUST(strncmp(pki->dir, "/tmp/trm-http-", 14) == 0 && system(command) == 0);
}

/* --- a raw peer ---------------------------------------------------------------------------------- */

struct raw raw_connect(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct raw raw = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    MUST(raw.fd >= 0 && connect(raw.fd, (struct sockaddr *)&at, sizeof at) == 0);
    return raw;
}

struct raw raw_connect_unix(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct raw raw = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    MUST(raw.fd >= 0 && connect(raw.fd, (struct sockaddr *)&at, sizeof at) == 0);
    return raw;
}

bool raw_connect_tls(uint16_t port, const char *cert, const char *key, struct raw *ret)
{
    struct raw raw = raw_connect(port);

    raw.ctx = SSL_CTX_new(TLS_client_method());
    if (cert != NULL) {
        MUST(SSL_CTX_use_certificate_file(raw.ctx, cert, SSL_FILETYPE_PEM) == 1);
        MUST(SSL_CTX_use_PrivateKey_file(raw.ctx, key, SSL_FILETYPE_PEM) == 1);
    }
    raw.ssl = SSL_new(raw.ctx);
    SSL_set_fd(raw.ssl, raw.fd);
    *ret = raw;
    return SSL_connect(raw.ssl) == 1;
}

void raw_send(struct raw *raw, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = raw->ssl != NULL ? SSL_write(raw->ssl, data, (int)len)
                                       : send(raw->fd, data, len, MSG_NOSIGNAL);

        if (put <= 0)
            return; /* the peer has closed: what it answered is what counts */
        data += put;
        len -= (size_t)put;
    }
}

void raw_says(struct raw *raw, const char *text)
{
    raw_send(raw, text, strlen(text));
}

static ssize_t raw_recv(struct raw *raw, char *out, size_t len, int wait_ms)
{
    struct pollfd poll_fd = { .fd = raw->fd, .events = POLLIN };

    if ((raw->ssl == NULL || SSL_pending(raw->ssl) == 0) &&
        poll(&poll_fd, 1, wait_ms) <= 0)
        return -2;
    if (raw->ssl == NULL)
        return recv(raw->fd, out, len, 0);
    return SSL_read(raw->ssl, out, (int)len);
}

void raw_read(struct raw *raw, int wait_ms, struct buf *out, bool *ret_ended)
{
    char piece[4096];
    ssize_t got;

    while ((got = raw_recv(raw, piece, sizeof piece, wait_ms)) > 0)
        buf_add(out, piece, (size_t)got);
    if (ret_ended != NULL)
        *ret_ended = got != -2;
}

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length:");

    return at != NULL ? (size_t)strtoull(at + 17, NULL, 10) : 0;
}

void raw_read_answer(struct raw *raw, struct buf *out)
{
    char piece[4096];
    const char *end;

    for (;;) {
        ssize_t got;

        end = strstr(buf_str(out), "\r\n\r\n");
        if (end != NULL &&
            out->len >= (size_t)(end + 4 - out->data) + content_length(out->data))
            return;
        got = raw_recv(raw, piece, 1, 20000);
        if (got <= 0)
            return;
        buf_add(out, piece, (size_t)got);
    }
}

void raw_close(struct raw *raw)
{
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->ctx);
    if (raw->fd >= 0)
        close(raw->fd);
    *raw = (struct raw){ .fd = -1 };
}

void raw_reset(struct raw *raw)
{
    struct linger linger = { 1, 0 };

    setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    raw_close(raw);
}

/* --- a scripted server ------------------------------------------------------------------------------ */

static void *scripted_run(void *arg)
{
    struct scripted *server = arg;

    while (!atomic_load(&server->stop)) {
        struct pollfd poll_fd = { .fd = server->fd, .events = POLLIN };
        int fd;

        if (poll(&poll_fd, 1, 50) <= 0)
            continue;
        fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            continue;
        server->script(fd, atomic_fetch_add(&server->connections, 1), server->arg);
        close(fd);
    }
    return NULL;
}

void scripted_start(struct scripted *server, script_fn *script, void *arg)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;

    *server = (struct scripted){ .script = script, .arg = arg };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(server->fd >= 0 && bind(server->fd, (struct sockaddr *)&at, sizeof at) == 0);
    MUST(listen(server->fd, 16) == 0);
    MUST(getsockname(server->fd, (struct sockaddr *)&at, &len) == 0);
    server->port = ntohs(at.sin_port);
    MUST(pthread_create(&server->thread, NULL, scripted_run, server) == 0);
}

void scripted_stop(struct scripted *server)
{
    atomic_store(&server->stop, true);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

bool scripted_read_request(int fd, struct buf *out)
{
    struct raw raw = { .fd = fd };
    const char *end;
    size_t before = out->len;

    raw_read_answer(&raw, out); /* a request is framed alike */
    end = strstr(buf_str(out), "\r\n\r\n");
    return out->len > before && end != NULL;
}

void scripted_says(int fd, const char *text)
{
    struct raw raw = { .fd = fd };

    raw_says(&raw, text);
}
