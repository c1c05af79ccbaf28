/*
 * server_private.h - what the loop, its connections and its workers share.
 *
 *   server.c      sockets, events and timers: the only file that knows libevent
 *   connection.c  one connection as a machine of states, driven by server.c
 *   workers.c     a service's queue and threads
 *
 * Everything of a connection belongs to the loop thread. A worker gets an exchange, which
 * owns all it points to, and gives back a reply; struct core is where the two meet.
 */
#ifndef HTTP_SERVER_PRIVATE_H
#define HTTP_SERVER_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "http/chunked.h"
#include "http/response.h"
#include "http/server.h"
#include "http/transport.h"

struct connection;
struct reader;
struct spool;
struct spool_budget;
struct workers;

enum count {
    COUNT_ACCEPTED,
    COUNT_EVICTED,
    COUNT_TURNED_AWAY,
    COUNT_ACCEPT_PAUSES,
    COUNT_HANDSHAKE_FAILED,
    COUNT_REQUESTS,
    COUNT_MALFORMED,
    COUNT_ANSWERS, /* six places: by hundreds of the status */
    COUNT_SLOW_HEAD = COUNT_ANSWERS + 6,
    COUNT_SLOW_BODY,
    COUNT_SLOW_WRITE,
    COUNT_QUEUE_FULL,
    COUNT_SPOOL_FULL,
    COUNT_LOST,
    COUNT_CONNECTIONS,
    COUNT_QUEUED,
    COUNT_WORKING,
    COUNT_MAX,
};

struct core {
    struct http_limits limits; /* defaults filled in */
    char *spool_dir;
    struct spool_budget *budget;
    atomic_uint_fast64_t counts[COUNT_MAX];
    bool stopping; /* loop thread only */
    int64_t
        last_log_ms;   /* loop thread only: strangers' faults are logged once a second */
    uint64_t unlogged; /* since then */
    pthread_mutex_t lock; /* of `done` */
    struct http_reply *done;
    int wake_fd; /* eventfd: `done` is not empty, or the server shall stop */
};

static inline void count_up(struct core *core, int which)
{
    atomic_fetch_add_explicit(&core->counts[which], 1, memory_order_relaxed);
}
static inline void count_down(struct core *core, int which)
{
    atomic_fetch_sub_explicit(&core->counts[which], 1, memory_order_relaxed);
}
void core_wake(struct core *core);

/* --- the way back ------------------------------------------------------------------------- */

struct http_reply {
    struct core *core;
    struct connection *conn; /* stays allocated until the reply has come back */
    struct response response;
    struct http_reply *next;
};

/* Answers 500 if the handler has not answered, then frees everything of the exchange. */
void exchange_end(struct http_exchange *exchange, const char *service);
/* Frees an exchange whose connection is not waiting any more. */
void exchange_drop(struct http_exchange *exchange);

/* --- workers.c ------------------------------------------------------------------------------ */

/* NULL with ERR_RETRY "http.threads" when threads cannot be had. */
struct workers *workers_start(const struct http_service *service, struct core *core,
                              struct err *err) NODISCARD;
const struct http_service *workers_service(const struct workers *workers);
/* False: the queue is full, the exchange is still the caller's. */
bool workers_push(struct workers *workers, struct http_exchange *exchange);
/* Drops what waits, joins the threads. */
void workers_stop(struct workers **workers);

/* --- connection.c ---------------------------------------------------------------------------- */

enum conn_state {
    CONN_HANDSHAKE,
    CONN_HEAD,  /* reading a head, or resting before it */
    CONN_BODY,  /* collecting a body */
    CONN_BUSY,  /* a worker has it: nothing is read */
    CONN_WRITE, /* writing an answer: nothing is read */
    CONN_LINGER, /* answered and ended our side; what still comes is thrown away, so that the
                    answer is not lost to a reset (RFC 9112 section 9.6) */
    CONN_CLOSED,
};

#define CONN_NEVER INT64_MAX

struct connection {
    struct core *core;
    struct workers *workers;
    const char *listener;
    struct transport io;
    struct http_peer peer;

    enum conn_state state;
    int64_t started_ms;                /* of the head, body or answer under way */
    int64_t deadline_ms;               /* monotonic; CONN_NEVER: none */
    uint64_t moved;                    /* octets of the body or answer under way */
    bool want_read, want_write, again; /* for server.c, set by each step */
    bool busy;                         /* a reply will come, even when closed */
    unsigned served;                   /* requests answered */

    struct http_parser parser;
    struct http_head head; /* from its end until the exchange takes it */
    struct http_gate gate;
    bool to_head, client_keeps, unread;
    struct http_chunked chunked;
    uint64_t left; /* octets of a body with Content-Length to come */
    struct spool *spool;
    struct buf in; /* received, not used yet */

    struct buf out; /* being written */
    size_t out_at;
    struct source *out_body;
    struct reader *out_reader;
    uint64_t out_left;
    bool close_after;
};

/* conn->io and conn->peer are filled by the caller (all but the certificate). */
void http_connection_open(struct connection *conn, struct core *core,
                          struct workers *workers, const char *listener, int64_t now_ms);
/* Do what can be done without waiting; then look at state, want_*, again, deadline_ms. */
void connection_step(struct connection *conn, int64_t now_ms);
/* The worker's answer has come. */
void connection_answer(struct connection *conn, struct response *taken, int64_t now_ms);
void connection_expire(struct connection *conn, int64_t now_ms); /* its deadline passed */
bool connection_resting(const struct connection *conn); /* nothing of a request is here */
/* State CONN_CLOSED; the socket is the loop's to close, after its events are gone. */
void http_connection_close(struct connection *conn);
void connection_free(struct connection *conn); /* what it owns; closed before */

#endif
