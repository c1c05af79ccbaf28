/*
 * transport.h - octets over a connected non-blocking socket, with or without TLS.
 *
 * The server's connections read and write through this, so they are the same for a partner's
 * TLS, a plain port of an office's network and a unix socket. No event library here: a call
 * does what is possible now and says what it waits for.
 */
#ifndef HTTP_TRANSPORT_H
#define HTTP_TRANSPORT_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct cert;
struct err;

enum transport_io {
    TRANSPORT_OK,         /* something was done */
    TRANSPORT_WANT_READ,  /* again when the socket is readable */
    TRANSPORT_WANT_WRITE, /* again when it is writable */
    TRANSPORT_END,        /* the peer has ended its side */
    TRANSPORT_FAIL,       /* broken: close it */
};

struct transport {
    int fd;
    SSL *ssl; /* NULL: plain */
};

/* Takes the socket; the SSL_CTX is borrowed (the connection counts it itself). False when TLS
 * cannot be had: the socket is closed then, and never served in plain. */
NODISCARD bool transport_accept(struct transport *t, int fd, SSL_CTX *tls);

NODISCARD enum transport_io transport_handshake(struct transport *t, struct err *err);
NODISCARD enum transport_io transport_read(struct transport *t, void *out, size_t len,
                                           size_t *ret_got);
NODISCARD enum transport_io transport_write(struct transport *t, const void *data,
                                            size_t len, size_t *ret_put);

/* Octets that were received and can be read without the socket becoming readable. */
bool transport_pending(const struct transport *t);

/* The client certificate of the handshake; *ret NULL when there is none (see pki/tls.h). */
NODISCARD bool transport_cert(const struct transport *t, struct cert **ret,
                              struct err *err);

/* Nothing more will be written: TLS close_notify, FIN. Reading goes on. */
void transport_finish(struct transport *t);
/* Read and throw away what still comes, unseen. */
NODISCARD enum transport_io transport_discard(struct transport *t, void *scratch,
                                              size_t len);
void transport_close(struct transport *t);

#endif
