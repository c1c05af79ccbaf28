/*
 * transport.c - non-blocking reads and writes, SSL_read and SSL_write for TLS.
 *
 * Written directly on OpenSSL instead of libevent's bufferevent_openssl: the connection above
 * keeps its own deadlines and back-pressure, needs no second set of buffers (an idle TLS
 * connection gives its record buffers back), and there is no way to fall to plain text.
 *
 * SIGPIPE: plain sockets are written with MSG_NOSIGNAL; OpenSSL's writes are made by the loop
 * thread, which blocks the signal.
 */
#include "http/transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "pki/cert.h"
#include "pki/tls.h"

#define TLS_IO_MAX (1 << 30) /* octets; SSL_read and SSL_write count in int */

bool transport_accept(struct transport *t, int fd, SSL_CTX *tls)
{
    *t = (struct transport){ .fd = fd };
    if (tls == NULL)
        return true;
    t->ssl = SSL_new(tls);
    if (t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
        ERR_clear_error();
        transport_close(t);
        return false;
    }
    SSL_set_accept_state(t->ssl);
    SSL_set_mode(t->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                             SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                             SSL_MODE_RELEASE_BUFFERS);
    SSL_set_options(t->ssl, SSL_OP_NO_RENEGOTIATION);
    return true;
}

static enum transport_io judge_errno(ssize_t result, enum transport_io blocked)
{
    if (result == 0)
        return TRANSPORT_END;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return blocked;
    return TRANSPORT_FAIL;
}

static enum transport_io judge_ssl(const struct transport *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TRANSPORT_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TRANSPORT_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TRANSPORT_END;
    default:
        return TRANSPORT_FAIL;
    }
}

/* The first sentence of OpenSSL's queue; the queue is empty afterwards. */
static void set_tls_error(struct err *err)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    (void)err_set(err, ERR_REJECT, "http.handshake", "TLS handshake: %s",
                  reason != NULL ? reason : "the peer closed the connection");
    ERR_clear_error();
}

enum transport_io transport_handshake(struct transport *t, struct err *err)
{
    enum transport_io io;
    int result;

    if (t->ssl == NULL)
        return TRANSPORT_OK;
    ERR_clear_error();
    result = SSL_do_handshake(t->ssl);
    if (result == 1)
        return TRANSPORT_OK;
    io = judge_ssl(t, result);
    if (io == TRANSPORT_WANT_READ || io == TRANSPORT_WANT_WRITE)
        return io;
    set_tls_error(err);
    return TRANSPORT_FAIL;
}

enum transport_io transport_read(struct transport *t, void *out, size_t len,
                                 size_t *ret_got)
{
    ssize_t got;

    if (t->ssl == NULL) {
        got = recv(t->fd, out, len, 0);
        if (got <= 0)
            return judge_errno(got, TRANSPORT_WANT_READ);
    } else {
        ERR_clear_error();
        got = SSL_read(t->ssl, out, (int)(len < TLS_IO_MAX ? len : TLS_IO_MAX));
        if (got <= 0)
            return judge_ssl(t, (int)got);
    }
    *ret_got = (size_t)got;
    return TRANSPORT_OK;
}

enum transport_io transport_write(struct transport *t, const void *data, size_t len,
                                  size_t *ret_put)
{
    ssize_t put;

    if (t->ssl == NULL) {
        put = send(t->fd, data, len, MSG_NOSIGNAL);
        if (put <= 0)
            return judge_errno(put, TRANSPORT_WANT_WRITE);
    } else {
        ERR_clear_error();
        put = SSL_write(t->ssl, data, (int)(len < TLS_IO_MAX ? len : TLS_IO_MAX));
        if (put <= 0)
            return judge_ssl(t, (int)put);
    }
    *ret_put = (size_t)put;
    return TRANSPORT_OK;
}

bool transport_pending(const struct transport *t)
{
    return t->ssl != NULL && SSL_has_pending(t->ssl) == 1;
}

bool transport_cert(const struct transport *t, struct cert **ret, struct err *err)
{
    struct cert *cert = NULL;
    bool none = false;

    if (t->ssl != NULL)
        cert = tls_peer_cert(t->ssl, &none, err);
    if (t->ssl != NULL && cert == NULL && !none)
        return false;
    *ret = cert;
    return true;
}

void transport_finish(struct transport *t)
{
    if (t->ssl != NULL && SSL_is_init_finished(t->ssl)) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    (void)shutdown(t->fd, SHUT_WR);
}

enum transport_io transport_discard(struct transport *t, void *scratch, size_t len)
{
    ssize_t got = recv(t->fd, scratch, len, 0);

    return got > 0 ? TRANSPORT_OK : judge_errno(got, TRANSPORT_WANT_READ);
}

void transport_close(struct transport *t)
{
    SSL_free(t->ssl);
    t->ssl = NULL;
    fd_close(&t->fd);
}
