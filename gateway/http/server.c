/*
 * server.c - the loop: listeners, events, timers, ceilings on connections, the orderly end.
 * The only file that knows libevent.
 *
 * One thread runs the loop and owns every connection (connection.c does their work). Workers
 * (workers.c) give answers back by a list and an eventfd; the same eventfd brings the wish to
 * stop. Nothing else crosses threads but the TLS contexts of the listeners, under a lock.
 *
 * Ceilings. At `connections_max`, or `per_address_max` for one address, the oldest resting
 * connection (first those that never had a request) is closed for the new one; if all are at
 * work the new one is closed. Out of descriptors, accepting pauses until a connection has gone
 * or PAUSE_MS have passed, instead of spinning on a listener that stays readable.
 *
 * The loop thread blocks all signals, so no write ends the process by SIGPIPE.
 */
#include "http/server.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/listen.h"
#include "http/server_private.h"
#include "http/spool.h"

#define ACCEPTS_MAX 64 /* connections taken before others have their turn */
#define PAUSE_MS    500

struct served {
    struct connection conn; /* first: a reply's connection is its served */
    TAILQ_ENTRY(served) link;
    struct http_server *server;
    struct event io, timer;
    short io_what;       /* EV_READ, EV_WRITE; 0: not waiting */
    int64_t timer_at_ms; /* CONN_NEVER: not armed */
};

TAILQ_HEAD(served_list, served);

struct door {
    struct http_server *server;
    char *name, *unix_path;
    SSL_CTX *tls; /* under server->tls_lock */
    bool has_tls;
    struct workers *workers;
    int fd;
    uint16_t port;
    struct event *event;
};

struct http_server {
    struct core core;
    struct door doors[HTTP_LISTENERS_MAX];
    size_t door_count;
    struct workers *workers[HTTP_LISTENERS_MAX];
    size_t workers_count;
    pthread_mutex_t tls_lock;
    struct event_base *base;
    struct event *wake, *pause, *drain;
    struct served_list all;
    unsigned count;
    bool paused;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    int64_t drain_ms;
};

static struct timeval after_ms(int64_t ms)
{
    if (ms < 0)
        ms = 0;
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

/* --- a connection's events ---------------------------------------------------------------------- */

static void settle(struct served *served);

static void on_io(evutil_socket_t fd, short what, void *arg)
{
    struct served *served = arg;

    (void)fd;
    (void)what;
    connection_step(&served->conn, clock_monotonic());
    settle(served);
}

/* The timer may have been set for a deadline that has moved on since. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct served *served = arg;
    int64_t now_ms = clock_monotonic();

    (void)fd;
    (void)what;
    served->timer_at_ms = CONN_NEVER;
    if (now_ms >= served->conn.deadline_ms) {
        connection_expire(&served->conn, now_ms);
        connection_step(&served->conn, now_ms);
    }
    settle(served);
}

static void set_io(struct served *served)
{
    short what = (short)((served->conn.want_read ? EV_READ : 0) |
                         (served->conn.want_write ? EV_WRITE : 0));

    if (what == served->io_what)
        return;
    if (served->io_what != 0)
        event_del(&served->io);
    served->io_what = what;
    if (what == 0)
        return;
    event_assign(&served->io, served->server->base, served->conn.io.fd,
                 (short)(what | EV_PERSIST), on_io, served);
    event_add(&served->io, NULL);
}

static void set_timer(struct served *served)
{
    int64_t deadline_ms = served->conn.deadline_ms;
    struct timeval wait;

    if (deadline_ms >= served->timer_at_ms)
        return; /* it fires earlier, and looks again */
    wait = after_ms(deadline_ms - clock_monotonic());
    served->timer_at_ms = deadline_ms;
    event_add(&served->timer, &wait);
}

static void resume_accepting(struct http_server *server);

static void forget(struct served *served)
{
    struct http_server *server = served->server;

    TAILQ_REMOVE(&server->all, served, link);
    connection_free(&served->conn);
    mem_free(&served);
}

/* Events first, then the socket; the memory stays while a worker still has the request. */
static void bury(struct served *served)
{
    struct http_server *server = served->server;

    if (served->io_what != 0)
        event_del(&served->io);
    if (served->timer_at_ms != CONN_NEVER)
        event_del(&served->timer);
    served->io_what = 0;
    served->timer_at_ms = CONN_NEVER;
    transport_close(&served->conn.io);
    server->count--;
    count_down(&server->core, COUNT_CONNECTIONS);
    if (!served->conn.busy)
        forget(served);
    resume_accepting(server);
    if (server->core.stopping && server->count == 0)
        event_base_loopbreak(server->base);
}

/* After each step: wait for what the connection wants. */
static void settle(struct served *served)
{
    if (served->conn.state == CONN_CLOSED) {
        bury(served);
        return;
    }
    /* To go on at once is to be ready for writing: the other events have their turn first. */
    if (served->conn.again)
        served->conn.want_write = true;
    set_io(served);
    set_timer(served);
}

static void end_connection(struct served *served)
{
    http_connection_close(&served->conn);
    bury(served);
}

/* --- accepting ----------------------------------------------------------------------------------- */

static bool same_address(const struct served *served, const char *address)
{
    return address == NULL || text_eq(served->conn.peer.address, address);
}

/* The oldest resting connection, of that address or of any; unserved ones first. */
static struct served *find_resting(struct http_server *server, const char *address)
{
    struct served *served, *second = NULL;

    TAILQ_FOREACH(served, &server->all, link)
    {
        if (!connection_resting(&served->conn) || !same_address(served, address))
            continue;
        if (served->conn.served == 0)
            return served;
        if (second == NULL)
            second = served;
    }
    return second;
}

static bool make_room(struct http_server *server, const char *address)
{
    struct served *oldest = find_resting(server, address);

    if (oldest == NULL)
        return false;
    count_up(&server->core, COUNT_EVICTED);
    end_connection(oldest);
    return true;
}

static unsigned count_address(const struct http_server *server, const char *address)
{
    const struct served *served;
    unsigned count = 0;

    TAILQ_FOREACH(served, &server->all, link)
    {
        count += served->conn.state != CONN_CLOSED && same_address(served, address);
    }
    return count;
}

static bool within_ceilings(struct http_server *server, const struct http_peer *peer)
{
    const struct http_limits *limits = &server->core.limits;

    if (!peer->local && server->count >= limits->per_address_max &&
        count_address(server, peer->address) >= limits->per_address_max &&
        !make_room(server, peer->address))
        return false;
    return server->count < limits->connections_max || make_room(server, NULL);
}

static bool open_transport(struct door *door, int fd, struct transport *ret)
{
    SSL_CTX *tls = NULL;
    bool good;

    pthread_mutex_lock(&door->server->tls_lock);
    if (door->tls != NULL && SSL_CTX_up_ref(door->tls) == 1)
        tls = door->tls;
    pthread_mutex_unlock(&door->server->tls_lock);
    if (door->has_tls && tls == NULL) {
        fd_close(&fd);
        return false;
    }
    good = transport_accept(ret, fd, tls);
    SSL_CTX_free(tls);
    return good;
}

static void begin(struct door *door, int fd, const struct sockaddr_storage *from)
{
    struct http_server *server = door->server;
    struct http_peer peer = { 0 };
    struct transport io;
    struct served *served;

    count_up(&server->core, COUNT_ACCEPTED);
    if (!listen_identify(fd, from, &peer) || !within_ceilings(server, &peer)) {
        count_up(&server->core, COUNT_TURNED_AWAY);
        fd_close(&fd);
        return;
    }
    if (!open_transport(door, fd, &io))
        return;
    served = mem_alloc(sizeof *served);
    served->server = server;
    served->timer_at_ms = CONN_NEVER;
    served->conn.io = io;
    served->conn.peer = peer;
    http_connection_open(&served->conn, &server->core, door->workers, door->name,
                         clock_monotonic());
    evtimer_assign(&served->timer, server->base, on_timer, served);
    TAILQ_INSERT_TAIL(&server->all, served, link);
    server->count++;
    count_up(&server->core, COUNT_CONNECTIONS);
    connection_step(&served->conn, clock_monotonic());
    settle(served);
}

static void resume_accepting(struct http_server *server)
{
    if (!server->paused || server->core.stopping)
        return;
    server->paused = false;
    event_del(server->pause);
    for (size_t i = 0; i < server->door_count; i++)
        event_add(server->doors[i].event, NULL);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    resume_accepting(arg);
}

static void pause_accepting(struct http_server *server, int reason)
{
    struct timeval wait = after_ms(PAUSE_MS);
    uint64_t before = atomic_load(&server->core.counts[COUNT_ACCEPT_PAUSES]);

    count_up(&server->core, COUNT_ACCEPT_PAUSES);
    if ((before & (before - 1)) == 0) /* the 1st, 2nd, 3rd, 5th, 9th … time: no flood */
        log_warn("http.accept-paused", log_s("reason", strerror(reason)),
                 log_u("connections", server->count), log_u("times", before + 1));
    server->paused = true;
    for (size_t i = 0; i < server->door_count; i++)
        event_del(server->doors[i].event);
    event_add(server->pause, &wait);
    (void)make_room(server, NULL);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    struct door *door = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = { 0 };
        socklen_t len = sizeof from;
        int fd = accept4(listener, (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            begin(door, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(door->server, errno);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* --- answers, and the end --------------------------------------------------------------------------- */

static struct http_reply *take_done(struct core *core)
{
    struct http_reply *done;

    pthread_mutex_lock(&core->lock);
    done = TAKE(core->done);
    pthread_mutex_unlock(&core->lock);
    return done;
}

static void deliver(struct http_reply *reply)
{
    struct served *served = (struct served *)reply->conn;

    served->conn.busy = false;
    if (served->conn.state == CONN_CLOSED) {
        response_free(&reply->response);
        forget(served);
        return;
    }
    connection_answer(&served->conn, &reply->response, clock_monotonic());
    connection_step(&served->conn, clock_monotonic());
    settle(served);
}

static void deliver_all(struct http_server *server)
{
    struct http_reply *reply = take_done(&server->core);

    while (reply != NULL) {
        struct http_reply *next = reply->next;

        deliver(reply);
        mem_free(&reply);
        reply = next;
    }
}

static void close_doors(struct http_server *server)
{
    for (size_t i = 0; i < server->door_count; i++) {
        struct door *door = &server->doors[i];

        if (door->event != NULL)
            event_free(TAKE(door->event));
        if (door->fd >= 0 && door->unix_path != NULL)
            (void)unlink(door->unix_path);
        fd_close(&door->fd);
    }
}

/* Resting: a kept connection between two requests, an unfinished handshake. */
static bool idle(const struct connection *conn)
{
    return conn->state == CONN_HANDSHAKE ||
           (conn->state == CONN_HEAD && http_parser_idle(&conn->parser));
}

static void begin_drain(struct http_server *server)
{
    struct timeval wait = after_ms(server->drain_ms);
    struct served *served, *next;

    server->core.stopping = true;
    close_doors(server);
    event_add(server->drain, &wait);
    for (served = TAILQ_FIRST(&server->all); served != NULL; served = next) {
        next = TAILQ_NEXT(served, link);
        if (idle(&served->conn))
            end_connection(served);
    }
    if (server->count == 0)
        event_base_loopbreak(server->base);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct http_server *server = arg;
    eventfd_t ignored;

    (void)what;
    (void)eventfd_read(fd, &ignored);
    deliver_all(server);
    if (atomic_load(&server->stop) && !server->core.stopping)
        begin_drain(server);
}

static void on_drain_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(((struct http_server *)arg)->base);
}

static void *run_loop(void *arg)
{
    struct http_server *server = arg;

    (void)event_base_dispatch(server->base);
    return NULL;
}

/* --- opening listeners -------------------------------------------------------------------------------- */

static struct workers *workers_for(struct http_server *server,
                                   const struct http_service *service, struct err *err)
{
    struct workers *workers;

    for (size_t i = 0; i < server->workers_count; i++)
        if (workers_service(server->workers[i]) == service)
            return server->workers[i];
    workers = workers_start(service, &server->core, err);
    if (workers != NULL)
        server->workers[server->workers_count++] = workers;
    return workers;
}

static bool open_door(struct http_server *server, const struct http_listener *listener,
                      struct err *err)
{
    struct door *door = &server->doors[server->door_count++];

    *door = (struct door){ .server = server, .fd = -1, .has_tls = listener->tls != NULL };
    door->name = mem_strdup(listener->name);
    if (door->has_tls && SSL_CTX_up_ref(listener->tls) == 1)
        door->tls = listener->tls;
    door->fd = listen_open(listener, err);
    if (door->fd < 0)
        return false;
    door->port = listen_port(door->fd);
    door->unix_path = mem_strdup(listener->unix_path);
    door->workers = workers_for(server, listener->service, err);
    if (door->workers == NULL)
        return false;
    door->event =
        event_new(server->base, door->fd, EV_READ | EV_PERSIST, on_accept, door);
    if (door->event == NULL || event_add(door->event, NULL) != 0)
        return err_set(err, ERR_RETRY, "http.loop", "listener %s: no event",
                       listener->name);
    log_info("http.listening", log_s("listener", listener->name),
             log_s("address",
                   listener->unix_path != NULL ? listener->unix_path : listener->address),
             log_u("port", door->port), log_s("tls", door->has_tls ? "yes" : "no"));
    return true;
}

/* --- life ------------------------------------------------------------------------------------------------ */

static struct http_limits with_defaults(const struct http_limits *given)
{
    struct http_limits l = given != NULL ? *given : (struct http_limits){ 0 };

    l.connections_max = l.connections_max > 0 ? l.connections_max : 2048;
    l.per_address_max = l.per_address_max > 0 ? l.per_address_max : 1024;
    l.head_ms = l.head_ms > 0 ? l.head_ms : 10 * SECOND_MS;
    l.body_ms = l.body_ms > 0 ? l.body_ms : 30 * SECOND_MS;
    l.write_ms = l.write_ms > 0 ? l.write_ms : 30 * SECOND_MS;
    l.rate_min = l.rate_min > 0 ? l.rate_min : 64 * 1024;
    l.idle_ms = l.idle_ms > 0 ? l.idle_ms : 75 * SECOND_MS;
    l.spool_max = l.spool_max > 0 ? l.spool_max : UINT64_C(2) << 30;
    l.spool_dir = l.spool_dir != NULL ? l.spool_dir : "/tmp";
    return l;
}

static bool check_spool_dir(const char *dir, struct err *err)
{
    int fd = file_temp(dir, err);

    if (fd < 0) {
        err->kind = ERR_CONFIG;
        err->code = "http.spool-dir";
        return err_context(err, "spool folder");
    }
    fd_close(&fd);
    return true;
}

static bool make_loop(struct http_server *server, struct err *err)
{
    server->core.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    server->base = event_base_new();
    if (server->core.wake_fd < 0 || server->base == NULL)
        return err_set(err, ERR_RETRY, "http.loop", "making the event loop: %s",
                       strerror(errno));
    server->wake = event_new(server->base, server->core.wake_fd, EV_READ | EV_PERSIST,
                             on_wake, server);
    server->pause = evtimer_new(server->base, on_pause_over, server);
    server->drain = evtimer_new(server->base, on_drain_over, server);
    if (server->wake == NULL || server->pause == NULL || server->drain == NULL ||
        event_add(server->wake, NULL) != 0)
        return err_set(err, ERR_RETRY, "http.loop", "making the loop's events");
    return true;
}

static bool start_loop(struct http_server *server, struct err *err)
{
    sigset_t all, before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&server->thread, NULL, run_loop, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    server->running = result == 0;
    if (result != 0)
        return err_set(err, ERR_RETRY, "http.threads", "starting the loop's thread: %s",
                       strerror(result));
    return true;
}

static struct http_server *server_new(const struct http_limits *limits)
{
    struct http_server *server = mem_alloc(sizeof *server);

    server->core.limits = with_defaults(limits);
    server->core.spool_dir = mem_strdup(server->core.limits.spool_dir);
    server->core.limits.spool_dir = server->core.spool_dir;
    server->core.budget = spool_budget_new(server->core.limits.spool_max);
    server->core.wake_fd = -1;
    pthread_mutex_init(&server->core.lock, NULL);
    pthread_mutex_init(&server->tls_lock, NULL);
    TAILQ_INIT(&server->all);
    return server;
}

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(TAKE(*event));
}

/* The loop has ended: this thread owns everything but what workers hold. */
static void end_workers(struct http_server *server)
{
    struct served *served;

    TAILQ_FOREACH(served, &server->all, link)
    {
        if (served->conn.state != CONN_CLOSED)
            http_connection_close(&served->conn);
    }
    for (size_t i = 0; i < server->workers_count; i++)
        workers_stop(&server->workers[i]);
}

static void free_connections(struct http_server *server)
{
    struct http_reply *reply = take_done(&server->core);

    while (reply != NULL) {
        struct http_reply *next = reply->next;

        response_free(&reply->response);
        mem_free(&reply);
        reply = next;
    }
    while (!TAILQ_EMPTY(&server->all))
        forget(TAILQ_FIRST(&server->all));
}

static void server_free(struct http_server *server)
{
    close_doors(server);
    end_workers(server);
    free_connections(server);
    for (size_t i = 0; i < server->door_count; i++) {
        SSL_CTX_free(server->doors[i].tls);
        mem_free(&server->doors[i].name);
        mem_free(&server->doors[i].unix_path);
    }
    free_event(&server->wake);
    free_event(&server->pause);
    free_event(&server->drain);
    if (server->base != NULL)
        event_base_free(server->base);
    fd_close(&server->core.wake_fd);
    spool_budget_unref(&server->core.budget);
    pthread_mutex_destroy(&server->core.lock);
    pthread_mutex_destroy(&server->tls_lock);
    mem_free(&server->core.spool_dir);
    mem_free(&server);
}

static bool open_all(struct http_server *server, const struct http_listener *listeners,
                     size_t count, struct err *err)
{
    if (count == 0 || count > HTTP_LISTENERS_MAX)
        return err_set(err, ERR_CONFIG, "http.listen",
                       "%zu listeners, 1 to %d can be had", count, HTTP_LISTENERS_MAX);
    if (!check_spool_dir(server->core.spool_dir, err) || !make_loop(server, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!open_door(server, &listeners[i], err))
            return false;
    return start_loop(server, err);
}

struct http_server *http_server_start(const struct http_listener *listeners, size_t count,
                                      const struct http_limits *limits, struct err *err)
{
    struct http_server *server = server_new(limits);

    if (!open_all(server, listeners, count, err)) {
        server_free(server);
        return NULL;
    }
    return server;
}

static struct door *find_door(struct http_server *server, const char *name)
{
    for (size_t i = 0; i < server->door_count; i++)
        if (text_eq(server->doors[i].name, name))
            return &server->doors[i];
    return NULL;
}

uint16_t http_server_port(const struct http_server *server, const char *listener)
{
    for (size_t i = 0; i < server->door_count; i++)
        if (text_eq(server->doors[i].name, listener))
            return server->doors[i].port;
    return 0;
}

bool http_server_set_tls(struct http_server *server, const char *listener, SSL_CTX *tls)
{
    struct door *door = find_door(server, listener);
    SSL_CTX *old;

    if (door == NULL || !door->has_tls || tls == NULL || SSL_CTX_up_ref(tls) != 1)
        return false;
    pthread_mutex_lock(&server->tls_lock);
    old = door->tls;
    door->tls = tls;
    pthread_mutex_unlock(&server->tls_lock);
    SSL_CTX_free(old);
    return true;
}

void http_server_stop(struct http_server **server, int64_t drain_ms)
{
    struct http_server *s = TAKE(*server);

    if (s == NULL)
        return;
    s->drain_ms = drain_ms;
    atomic_store(&s->stop, true);
    core_wake(&s->core);
    pthread_join(s->thread, NULL);
    server_free(s);
}

/* --- figures ------------------------------------------------------------------------------------------------ */

void http_server_counters(const struct http_server *server, struct http_counters *ret)
{
    uint64_t n[COUNT_MAX];

    for (int i = 0; i < COUNT_MAX; i++)
        n[i] = atomic_load_explicit(&server->core.counts[i], memory_order_relaxed);
    *ret = (struct http_counters){
        .accepted = n[COUNT_ACCEPTED],
        .evicted = n[COUNT_EVICTED],
        .turned_away = n[COUNT_TURNED_AWAY],
        .accept_pauses = n[COUNT_ACCEPT_PAUSES],
        .handshake_failed = n[COUNT_HANDSHAKE_FAILED],
        .requests = n[COUNT_REQUESTS],
        .malformed = n[COUNT_MALFORMED],
        .slow_head = n[COUNT_SLOW_HEAD],
        .slow_body = n[COUNT_SLOW_BODY],
        .slow_write = n[COUNT_SLOW_WRITE],
        .queue_full = n[COUNT_QUEUE_FULL],
        .spool_full = n[COUNT_SPOOL_FULL],
        .lost = n[COUNT_LOST],
        .connections = n[COUNT_CONNECTIONS],
        .queued = n[COUNT_QUEUED],
        .working = n[COUNT_WORKING],
        .spool_octets = spool_budget_used(server->core.budget),
    };
    memcpy(ret->answers, n + COUNT_ANSWERS, sizeof ret->answers);
}
