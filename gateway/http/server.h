/*
 * server.h - HTTP/1.1 on several listeners: one loop thread, worker threads per service.
 *
 * A request's way:
 *   1. the loop reads the head (http/request) and asks the service's gate, on the loop thread;
 *   2. the gate answers at once, or lets the body in up to a size;
 *   3. the body is collected: in memory up to HTTP_BODY_IN_MEMORY, beyond it in an unlinked
 *      file of the spool folder, sealed with a key of that request when the gate says so;
 *   4. the finished exchange, which holds no pointer into the server, waits in the service's
 *      bounded queue (full: 503) for one of its worker threads;
 *   5. the worker calls the service's handler, which answers once; the loop writes.
 *
 * One request of a connection is worked on at a time; a pipelined one waits in the socket.
 * Services share nothing but the loop: a queue full of partners' messages does not keep the
 * office or the operator waiting. A listener is TLS with the SSL_CTX it is given, plain TCP,
 * or a unix socket whose callers are known by their credentials.
 *
 * What a stranger can use up has a ceiling in struct http_limits. When a ceiling on
 * connections is met, the oldest connection that has no request under way is closed for the
 * new one, so a heap of half-open connections locks nobody out.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/body.h"
#include "http/request.h"

struct cert;
struct err;
struct http_server;

#define HTTP_BODY_IN_MEMORY (64 * 1024)
#define HTTP_ADDRESS_TEXT   46 /* with NUL */

/* --- who calls ------------------------------------------------------------------------------ */

struct http_peer {
    bool local; /* a unix socket: uid, gid, pid are the kernel's word */
    uid_t uid;
    gid_t gid;
    pid_t pid;
    char address[HTTP_ADDRESS_TEXT]; /* numeric; "" for local */
    uint16_t port;
    /* The client certificate that the TLS handshake verified, counted by the exchange (borrow
     * it, or cert_ref()); NULL when there was none. */
    struct cert *cert;
};

/* --- answers -------------------------------------------------------------------------------- */

/* Content-Length, Connection and Date are the server's; a Server header is never sent. Header
 * names and values are checked and copied. */
struct http_answer {
    int status;
    const struct http_header *headers;
    size_t header_count;
    struct buf *body; /* content is taken; or NULL */
    /* Instead of body: taken and freed. It is read by the calling thread before the call
     * returns (kept in memory or in a sealed unlinked file), so it may stand on what belongs
     * to that thread, and a slow peer holds up no worker. */
    struct source *source;
    bool close; /* close the connection afterwards */
};

/* --- the gate ------------------------------------------------------------------------------- */

enum http_verdict {
    /* Answer `status` with `headers` and `text` now; the body is not read. Also for what needs
     * no worker: 200 and a short text. */
    HTTP_GATE_REFUSE,
    HTTP_GATE_ACCEPT,
};

#define HTTP_GATE_HEADERS 4

struct http_gate {
    enum http_verdict verdict;

    /* ACCEPT. A body over body_max octets is 413, by its Content-Length or on the way. */
    uint64_t body_max;
    bool needs_length; /* 411 when the request has neither Content-Length nor chunks */
    bool seal_spool;   /* the body is clear text: wiped in memory, sealed on disk */
    /* Handed to the handler in the exchange: the route, the partner. note_free (may be NULL)
     * is called after the handler, or when the exchange ends without one. */
    void *note;
    void (*note_free)(void **note);

    /* REFUSE. All copied; unused headers have NULL names, a NULL text is empty. */
    int status;
    struct http_header headers[HTTP_GATE_HEADERS];
    const char *text;
};

/* --- a service ------------------------------------------------------------------------------ */

struct http_reply; /* the way back to the connection */

/* One request, whole. Belongs to the worker until the handler returns. */
struct http_exchange {
    const char
        *listener; /* the name of the one it came by; lives as long as the server */
    struct http_head head;
    struct http_peer peer;
    /* Never NULL; size 0 without a body. Can be read again and again, by any thread. A handler
     * may keep it: TAKE(exchange->body). */
    struct source *body;
    void *note; /* the gate's */
    void (*note_free)(void **note);
    void *worker; /* what the service's worker_new() gave this thread */
    struct http_reply *reply;
};

struct http_service {
    const char *name;
    void *ctx;
    /* On the loop thread: must not block. The head and peer are borrowed for the call. Fill
     * *ret_gate, which comes zeroed (REFUSE with status 0 is answered 500). */
    void (*gate)(void *ctx, const char *listener, const struct http_head *head,
                 const struct http_peer *peer, struct http_gate *ret_gate);
    /* On a worker thread: must call http_respond() once; else 500 is answered and logged. */
    void (*handle)(void *ctx, struct http_exchange *exchange);
    /* Per worker thread, at its start and end; NULL: none. */
    void *(*worker_new)(void *ctx);
    void (*worker_free)(void *ctx, void *worker);
    unsigned workers;   /* threads; 0: 4 */
    unsigned queue_max; /* exchanges that wait; 0: 64. More are answered 503 */
};

/* Answer. The octets are on their way when this returns; the handler may go on working. */
void http_respond(struct http_exchange *exchange, const struct http_answer *answer);

/* --- listeners ------------------------------------------------------------------------------ */

struct http_listener {
    const char *name;      /* "partners", "office", "control": unique, stands in logs */
    const char *address;   /* numeric IPv4 or IPv6 */
    uint16_t port;         /* 0: the kernel chooses, http_server_port() tells */
    SSL_CTX *tls;          /* a count is taken; NULL: plain */
    const char *unix_path; /* instead of address: a socket file; a dead one is replaced */
    mode_t unix_mode;      /* 0: 0660 */
    /* Must outlive the server. Listeners that share one share its workers and queue. */
    const struct http_service *service;
};

#define HTTP_LISTENERS_MAX 16

/* A 0 means the default beside it. Times in milliseconds. */
struct http_limits {
    unsigned connections_max; /* 2048, over all listeners */
    unsigned per_address_max; /* 1024, of one address; unix sockets are not counted */
    int64_t
        head_ms; /* 10000: whole head, from accept (handshake included) or first octet */
    int64_t body_ms;    /* 30000: whole body, and 1 s more per rate_min octets received */
    int64_t write_ms;   /* 30000: whole answer, and 1 s more per rate_min octets sent */
    uint64_t rate_min;  /* 65536: octets per second */
    int64_t idle_ms;    /* 75000: a kept connection without a request */
    uint64_t spool_max; /* 2 GiB: octets of bodies on disk at a time; beyond it 503 */
    const char *spool_dir; /* "/tmp" */
};

/* --- life ----------------------------------------------------------------------------------- */

/*
 * Opens the listeners and starts the threads; requests are served when this returns.
 * ERR_CONFIG "http.listen" naming address and reason when a listener cannot be had (nothing
 * is left running then), "http.spool-dir" when the spool folder cannot be written.
 */
NODISCARD struct http_server *http_server_start(const struct http_listener *listeners,
                                                size_t count,
                                                const struct http_limits *limits,
                                                struct err *err);

/* The port in use (the chosen one for 0); 0 for a unix socket or an unknown name. */
uint16_t http_server_port(const struct http_server *server, const char *listener);

/* New connections of that listener use `tls` from now on; those that stand go on as they are.
 * Any thread. False when no TLS listener has that name. */
bool http_server_set_tls(struct http_server *server, const char *listener, SSL_CTX *tls);

/*
 * Orderly end: no new connections, resting ones closed, requests under way answered (with
 * "Connection: close") until `drain_ms` have passed, then everything closed, the threads
 * joined (a handler in its work is waited for) and *server freed and set to NULL.
 */
void http_server_stop(struct http_server **server, int64_t drain_ms);

/* --- figures -------------------------------------------------------------------------------- */

/* Counted since the start, except the last four, which are now. */
struct http_counters {
    uint64_t accepted;         /* connections */
    uint64_t evicted;          /* closed for newer ones, at a ceiling */
    uint64_t turned_away;      /* closed at once, at a ceiling with nothing to evict */
    uint64_t accept_pauses;    /* out of descriptors */
    uint64_t handshake_failed; /* TLS refused, by us or by them */
    uint64_t requests;         /* heads read whole */
    uint64_t malformed;        /* refused by the readers (400, 414, 431, 501, 505, …) */
    uint64_t answers[6];       /* by hundreds of the status; [0] unused */
    uint64_t slow_head, slow_body, slow_write; /* cut by a deadline */
    uint64_t queue_full;                       /* answered 503 */
    uint64_t spool_full;                       /* answered 503 */
    uint64_t lost; /* peer gone before its answer was written */
    uint64_t connections;
    uint64_t queued;
    uint64_t working;
    uint64_t spool_octets;
};

void http_server_counters(const struct http_server *server, struct http_counters *ret);

#endif
