/*
 * support_http.h - what the tests of server and client share: certificates made at test time,
 * a raw peer that says exactly the octets it is told, a server that answers by script.
 */
#ifndef SUPPORT_HTTP_H
#define SUPPORT_HTTP_H

#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* --- certificates: PEM files in a folder of their own ------------------------------------------- */

struct test_pki {
    char dir[64];
    char ca[96], server[96], server_key[96];     /* for gw.test.example and localhost */
    char client[96], client_key[96];             /* signed by ca */
    char other_ca[96], other[96], other_key[96]; /* of another authority */
    char server2[96], server2_key[96]; /* a second one, for a change of certificate */
};

void test_pki_make(struct test_pki *pki);
void test_pki_remove(struct test_pki *pki);

/* --- a raw peer ----------------------------------------------------------------------------------- */

struct raw {
    int fd;
    SSL *ssl;
    SSL_CTX *ctx;
};

struct raw raw_connect(uint16_t port);
struct raw raw_connect_unix(const char *path);
/* NULL cert: none is sent. False: the handshake failed. */
bool raw_connect_tls(uint16_t port, const char *cert, const char *key, struct raw *ret);
void raw_send(struct raw *raw, const char *data, size_t len);
void raw_says(struct raw *raw, const char *text);
/* Everything up to the end of the connection, or until nothing came for wait_ms. *ret_ended
 * (may be NULL): the peer has closed. */
void raw_read(struct raw *raw, int wait_ms, struct buf *out, bool *ret_ended);
/* Up to and with one whole answer with a Content-Length. */
void raw_read_answer(struct raw *raw, struct buf *out);
void raw_close(struct raw *raw);
void raw_reset(struct raw *raw); /* RST */

/* --- a scripted server ------------------------------------------------------------------------------ */

/* Called for each accepted connection, with its number from 0; closes nothing. */
typedef void script_fn(int fd, unsigned number, void *arg);

struct scripted {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    script_fn *script;
    void *arg;
    atomic_uint connections;
};

void scripted_start(struct scripted *server, script_fn *script, void *arg);
void scripted_stop(struct scripted *server);
/* Reads a request's head and, by its Content-Length, its body. */
bool scripted_read_request(int fd, struct buf *out);
void scripted_says(int fd, const char *text);

int64_t now_ms(void);

#endif
