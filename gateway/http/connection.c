/*
 * connection.c - one connection of the server, from accept to close.
 *
 *   HANDSHAKE --> HEAD --> gate --> BODY --> queue --> BUSY --> WRITE --> HEAD ...
 *                  |        |        |                           ^  |
 *                  +--------+--------+--- refused ---------------+  +--> LINGER --> CLOSED
 *
 * A step does what can be done without waiting and says what it waits for; server.c owns the
 * events. Reading stops while a request is worked on or answered, so a pipelined request
 * waits in `in` or in the socket, and TCP's window slows a sender that is ahead of us.
 *
 * Deadlines are totals, not silences: one octet a second does not keep anything alive. A body
 * or an answer may take the base time and one second more per `rate_min` octets really moved.
 *
 * After any refusal by a reader the connection ends: where the next request would begin is
 * then a matter of opinion. The answer is written first, our side is ended, and for LINGER_MS
 * what still comes is discarded.
 */
#include <string.h>

#include "base/body.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/server_private.h"
#include "http/spool.h"
#include "pki/cert.h"

#define PIECE        (16 * 1024) /* octets read or written at a time: one TLS record */
#define STEPS_MAX    16          /* pieces before the other connections have their turn */
#define LINGER_MS    (2 * SECOND_MS)
#define OUT_HEAD_MAX (RESPONSE_HEADERS_MAX + 1024) /* octets of an answer's head */

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* --- life -------------------------------------------------------------------------------------- */

void http_connection_open(struct connection *conn, struct core *core,
                          struct workers *workers, const char *listener, int64_t now_ms)
{
    conn->core = core;
    conn->workers = workers;
    conn->listener = listener;
    conn->state = CONN_HANDSHAKE;
    conn->started_ms = now_ms;
    conn->deadline_ms = now_ms + core->limits.head_ms;
    conn->in = (struct buf)BUF_SECRET_INIT(PIECE);
    conn->out = (struct buf)BUF_SECRET_INIT(OUT_HEAD_MAX);
    http_parser_init(&conn->parser);
}

/* Everything of the request under way that no exchange has taken. */
static void drop_request(struct connection *conn)
{
    if (conn->gate.note != NULL && conn->gate.note_free != NULL)
        conn->gate.note_free(&conn->gate.note);
    conn->gate = (struct http_gate){ 0 };
    http_head_free(&conn->head);
    spool_free(&conn->spool);
}

static void drop_answer(struct connection *conn)
{
    reader_close(&conn->out_reader);
    source_free(&conn->out_body);
    buf_free(&conn->out);
    conn->out_at = 0;
    conn->out_left = 0;
}

void http_connection_close(struct connection *conn)
{
    if (conn->state == CONN_BODY || conn->state == CONN_BUSY || conn->state == CONN_WRITE)
        count_up(conn->core, COUNT_LOST);
    conn->state = CONN_CLOSED;
    conn->deadline_ms = CONN_NEVER;
    conn->want_read = conn->want_write = conn->again = false;
}

void connection_free(struct connection *conn)
{
    transport_close(&conn->io);
    drop_request(conn);
    drop_answer(conn);
    buf_free(&conn->in);
    http_parser_free(&conn->parser);
    cert_free(&conn->peer.cert);
}

bool connection_resting(const struct connection *conn)
{
    return conn->state == CONN_HANDSHAKE || conn->state == CONN_HEAD ||
           conn->state == CONN_LINGER;
}

/* False always: the step waits. */
static bool wait_for(struct connection *conn, enum transport_io io)
{
    switch (io) {
    case TRANSPORT_WANT_READ:
        conn->want_read = true;
        return false;
    case TRANSPORT_WANT_WRITE:
        conn->want_write = true;
        return false;
    case TRANSPORT_OK:
    case TRANSPORT_END:
    case TRANSPORT_FAIL:
        break;
    }
    http_connection_close(conn);
    return false;
}

/* A stranger can make such lines come as fast as connections: one a second is enough. */
static void note_fault(struct connection *conn, const char *event, const struct err *err,
                       int64_t now_ms)
{
    struct core *core = conn->core;

    if (core->last_log_ms != 0 && now_ms - core->last_log_ms < SECOND_MS) {
        core->unlogged++;
        return;
    }
    log_notice(event, log_s("listener", conn->listener),
               log_s("from", conn->peer.address), log_u("unlogged", core->unlogged),
               log_fault(err));
    core->last_log_ms = now_ms;
    core->unlogged = 0;
}

static int64_t total_deadline(const struct connection *conn, int64_t base_ms)
{
    uint64_t rate = conn->core->limits.rate_min;

    return conn->started_ms + base_ms + (int64_t)(conn->moved / rate) * SECOND_MS;
}

static void linger(struct connection *conn, int64_t now_ms)
{
    transport_finish(&conn->io);
    conn->state = CONN_LINGER;
    conn->deadline_ms = now_ms + LINGER_MS;
}

/* --- answering ---------------------------------------------------------------------------------- */

static bool must_close(const struct connection *conn, const struct response *response)
{
    return response->close || conn->unread || !conn->client_keeps || conn->core->stopping;
}

void connection_answer(struct connection *conn, struct response *taken, int64_t now_ms)
{
    AUTO(response_free) struct response response = *taken;

    *taken = (struct response){ 0 };
    drop_request(conn);
    count_up(conn->core, COUNT_ANSWERS + response.status / 100 % 6);
    conn->close_after = must_close(conn, &response);
    conn->state = CONN_WRITE;
    conn->started_ms = now_ms;
    conn->moved = 0;
    conn->deadline_ms = total_deadline(conn, conn->core->limits.write_ms);
    response_head(&response, conn->close_after, clock_now(NULL), &conn->out);
    if (response.body != NULL && response_has_body(response.status, conn->to_head)) {
        conn->out_left = response.body->size;
        conn->out_body = TAKE(response.body);
    }
}

static void answer_plain(struct connection *conn, int status, const char *text,
                         int64_t now_ms)
{
    struct response response;

    response_plain(status, text, &response);
    connection_answer(conn, &response, now_ms);
}

/* A reader's refusal. Too large, too slow and too much are answered without words, as the
 * message profile wants them; the rest says what is wrong with the octets. */
static void refuse(struct connection *conn, const struct err *err, int64_t now_ms)
{
    int status = http_status_of(err);
    bool silent = status == 408 || status == 413 || status == 431 || status >= 503;
    AUTO(mem_free)
    char *text = silent ? NULL : mem_printf("%s: %s\n", err->code, err->text);

    if (status == 503)
        count_up(conn->core, COUNT_SPOOL_FULL);
    else if (status != 408)
        count_up(conn->core, COUNT_MALFORMED);
    note_fault(conn, "http.refused", err, now_ms);
    conn->unread = true;
    answer_plain(conn, status, text, now_ms);
}

static void answer_gate(struct connection *conn, int64_t now_ms)
{
    const struct http_gate *gate = &conn->gate;
    struct http_answer answer = { .status = gate->status,
                                  .headers = gate->headers,
                                  .header_count = HTTP_GATE_HEADERS };
    AUTO(buf_free) struct buf text = BUF_INIT(OUT_HEAD_MAX);
    struct response response;
    struct err err;

    (void)buf_adds(&text, gate->text);
    answer.body = &text;
    if (!response_make(&answer, conn->core->spool_dir, conn->core->budget, &response,
                       &err))
        log_error("http.gate", log_s("listener", conn->listener), log_fault(&err));
    connection_answer(conn, &response, now_ms);
}

/* --- a request: head, gate, body, queue ---------------------------------------------------------- */

static void dispatch(struct connection *conn, int64_t now_ms)
{
    struct http_exchange *exchange = mem_alloc(sizeof *exchange);
    struct err err = { 0 };

    exchange->listener = conn->listener;
    exchange->head = conn->head;
    conn->head = (struct http_head){ 0 };
    exchange->peer = conn->peer;
    exchange->peer.cert = conn->peer.cert != NULL ? cert_ref(conn->peer.cert) : NULL;
    exchange->note = TAKE(conn->gate.note);
    exchange->note_free = conn->gate.note_free;
    exchange->reply = mem_alloc(sizeof *exchange->reply);
    *exchange->reply = (struct http_reply){ .core = conn->core, .conn = conn };
    exchange->body = spool_finish(&conn->spool, &err);
    conn->unread = false;
    conn->deadline_ms = CONN_NEVER;
    if (exchange->body == NULL) {
        exchange_drop(exchange);
        refuse(conn, &err, now_ms);
        return;
    }
    conn->state = CONN_BUSY;
    conn->busy = true;
    if (workers_push(conn->workers, exchange))
        return;
    conn->busy = false;
    exchange_drop(exchange);
    count_up(conn->core, COUNT_QUEUE_FULL);
    answer_plain(conn, 503, NULL, now_ms);
}

static bool check_length(const struct connection *conn, struct err *err)
{
    const struct http_gate *gate = &conn->gate;
    uint64_t length = conn->head.framing == HTTP_BODY_LENGTH ? conn->head.length : 0;

    if (gate->needs_length && conn->head.framing == HTTP_BODY_NONE)
        return err_set(err, ERR_REJECT, "http.length-required",
                       "neither Content-Length nor Transfer-Encoding");
    if (length > gate->body_max)
        return err_set(err, ERR_REJECT, "http.body-large",
                       "Content-Length %llu, over %llu octets",
                       (unsigned long long)length, (unsigned long long)gate->body_max);
    if (length > HTTP_BODY_IN_MEMORY && !spool_budget_has(conn->core->budget, length))
        return err_set(err, ERR_RETRY, "http.spool-full",
                       "spool: no room for a body of %llu octets",
                       (unsigned long long)length);
    return true;
}

/* The client waits for it; it has read everything before, so the socket takes 25 octets at
 * once or the connection is of no use. */
static bool send_continue(struct connection *conn)
{
    size_t put = 0;

    if (!conn->head.expect_continue || conn->in.len > 0)
        return true;
    return transport_write(&conn->io, continue_line, sizeof continue_line - 1, &put) ==
               TRANSPORT_OK &&
           put == sizeof continue_line - 1;
}

static void begin_body(struct connection *conn, int64_t now_ms)
{
    struct err err = { 0 };

    if (!check_length(conn, &err)) {
        refuse(conn, &err, now_ms);
        return;
    }
    conn->spool =
        spool_new(conn->core->spool_dir, conn->gate.seal_spool, conn->core->budget);
    conn->left = conn->head.framing == HTTP_BODY_LENGTH ? conn->head.length : 0;
    http_chunked_init(&conn->chunked, conn->gate.body_max);
    if (conn->head.framing != HTTP_BODY_CHUNKED && conn->left == 0) {
        dispatch(conn, now_ms);
        return;
    }
    conn->state = CONN_BODY;
    conn->started_ms = now_ms;
    conn->moved = 0;
    conn->deadline_ms = total_deadline(conn, conn->core->limits.body_ms);
    if (!send_continue(conn))
        http_connection_close(conn);
}

static void begin_request(struct connection *conn, int64_t now_ms)
{
    const struct http_service *service = workers_service(conn->workers);

    http_parser_take(&conn->parser, &conn->head);
    count_up(conn->core, COUNT_REQUESTS);
    conn->to_head = conn->head.method == HTTP_HEAD;
    conn->client_keeps = conn->head.keep_alive;
    conn->unread = conn->head.framing == HTTP_BODY_CHUNKED ||
                   (conn->head.framing == HTTP_BODY_LENGTH && conn->head.length > 0);
    if (conn->core->stopping) {
        answer_plain(conn, 503, NULL, now_ms);
        return;
    }
    service->gate(service->ctx, conn->listener, &conn->head, &conn->peer, &conn->gate);
    if (conn->gate.verdict == HTTP_GATE_ACCEPT)
        begin_body(conn, now_ms);
    else
        answer_gate(conn, now_ms);
}

/* --- steps: true when something was done and the next one may follow ------------------------------ */

static bool step_handshake(struct connection *conn, int64_t now_ms)
{
    struct err err = { 0 };
    enum transport_io io = transport_handshake(&conn->io, &err);

    if (io == TRANSPORT_OK && transport_cert(&conn->io, &conn->peer.cert, &err)) {
        conn->state = CONN_HEAD;
        return true;
    }
    if (io == TRANSPORT_WANT_READ || io == TRANSPORT_WANT_WRITE)
        return wait_for(conn, io);
    count_up(conn->core, COUNT_HANDSHAKE_FAILED);
    note_fault(conn, "http.handshake", &err, now_ms);
    linger(conn, now_ms); /* the alert says why: a reset must not overtake it */
    return true;
}

/* Octets to work on: those left over, or fresh ones. */
static bool have_input(struct connection *conn)
{
    enum transport_io io;
    size_t got = 0;

    if (conn->in.len > 0)
        return true;
    io = transport_read(&conn->io, buf_room(&conn->in, PIECE), PIECE, &got);
    buf_added(&conn->in, got);
    if (io == TRANSPORT_OK)
        return true;
    if (conn->state == CONN_HEAD) /* it may rest here for long */
        buf_free(&conn->in);
    return wait_for(conn, io);
}

static bool step_head(struct connection *conn, int64_t now_ms)
{
    enum http_parse parse;
    struct err err = { 0 };
    size_t used = 0;

    if (!have_input(conn))
        return false;
    if (conn->served > 0 && http_parser_idle(&conn->parser))
        conn->deadline_ms = now_ms + conn->core->limits.head_ms;
    parse = http_parser_feed(&conn->parser, conn->in.data, conn->in.len, &used, &err);
    buf_remove_head(&conn->in, used);
    if (parse == HTTP_PARSE_DONE)
        begin_request(conn, now_ms);
    else if (parse == HTTP_PARSE_REFUSED)
        refuse(conn, &err, now_ms);
    return conn->state != CONN_CLOSED;
}

static bool feed_body(struct connection *conn, size_t *ret_used, bool *ret_done,
                      struct err *err)
{
    struct sink *sink = spool_sink(conn->spool);
    size_t take = conn->in.len < conn->left ? conn->in.len : (size_t)conn->left;

    if (conn->head.framing == HTTP_BODY_CHUNKED)
        return http_chunked_feed(&conn->chunked, conn->in.data, conn->in.len, sink,
                                 ret_used, ret_done, err);
    if (!sink->write(sink, conn->in.data, take, err))
        return false;
    conn->left -= take;
    *ret_used = take;
    *ret_done = conn->left == 0;
    return true;
}

static bool step_body(struct connection *conn, int64_t now_ms)
{
    struct err err = { 0 };
    bool done = false;
    size_t used = 0;

    if (!have_input(conn))
        return false;
    if (!feed_body(conn, &used, &done, &err)) {
        refuse(conn, &err, now_ms);
        return true;
    }
    buf_remove_head(&conn->in, used);
    conn->moved += used;
    conn->deadline_ms = total_deadline(conn, conn->core->limits.body_ms);
    if (done)
        dispatch(conn, now_ms);
    return true;
}

static bool step_busy(struct connection *conn, int64_t now_ms)
{
    (void)conn;
    (void)now_ms;
    return false;
}

/* The next piece of the answer's body to `out`. */
static bool refill(struct connection *conn)
{
    struct err err = { 0 };
    size_t got = 0;

    buf_clear(&conn->out);
    conn->out_at = 0;
    if ((conn->out_reader == NULL &&
         !source_open(conn->out_body, &conn->out_reader, &err)) ||
        !reader_read(conn->out_reader, buf_room(&conn->out, PIECE), PIECE, &got, &err) ||
        got == 0) {
        log_error("http.answer-cut", log_s("listener", conn->listener), log_fault(&err));
        return false;
    }
    buf_added(&conn->out, got);
    conn->out_left -= got;
    return true;
}

static void end_answer(struct connection *conn, int64_t now_ms)
{
    drop_answer(conn);
    conn->served++;
    conn->moved = 0;
    if (conn->close_after || conn->core->stopping) {
        linger(conn, now_ms);
        return;
    }
    conn->state = CONN_HEAD;
    conn->deadline_ms = now_ms + conn->core->limits.idle_ms;
}

static bool step_write(struct connection *conn, int64_t now_ms)
{
    enum transport_io io;
    size_t put = 0;

    if (conn->out_at == conn->out.len && conn->out_left == 0) {
        end_answer(conn, now_ms);
        return true;
    }
    if (conn->out_at == conn->out.len && !refill(conn)) {
        http_connection_close(conn);
        return false;
    }
    io = transport_write(&conn->io, conn->out.data + conn->out_at,
                         conn->out.len - conn->out_at, &put);
    if (io != TRANSPORT_OK)
        return wait_for(conn, io);
    conn->out_at += put;
    conn->moved += put;
    conn->deadline_ms = total_deadline(conn, conn->core->limits.write_ms);
    return true;
}

static bool step_linger(struct connection *conn, int64_t now_ms)
{
    char scratch[PIECE];
    enum transport_io io = transport_discard(&conn->io, scratch, sizeof scratch);

    (void)now_ms;
    return io == TRANSPORT_OK || wait_for(conn, io);
}

static bool step_closed(struct connection *conn, int64_t now_ms)
{
    (void)conn;
    (void)now_ms;
    return false;
}

void connection_step(struct connection *conn, int64_t now_ms)
{
    static bool (*const steps[])(struct connection * conn, int64_t now_ms) = {
        [CONN_HANDSHAKE] = step_handshake, [CONN_HEAD] = step_head,
        [CONN_BODY] = step_body,           [CONN_BUSY] = step_busy,
        [CONN_WRITE] = step_write,         [CONN_LINGER] = step_linger,
        [CONN_CLOSED] = step_closed,
    };

    conn->want_read = conn->want_write = conn->again = false;
    for (unsigned i = 0; i < STEPS_MAX; i++)
        if (!steps[conn->state](conn, now_ms))
            return;
    conn->again = conn->state != CONN_BUSY && conn->state != CONN_CLOSED;
}

/* --- deadlines ---------------------------------------------------------------------------------- */

static void too_slow(struct connection *conn, int which, const char *what, int64_t now_ms)
{
    struct err err = { 0 };

    count_up(conn->core, which);
    (void)err_set(&err, ERR_REJECT, "http.slow", "%s: not whole in time", what);
    refuse(conn, &err, now_ms);
}

void connection_expire(struct connection *conn, int64_t now_ms)
{
    switch (conn->state) {
    case CONN_HEAD:
        if (!http_parser_idle(&conn->parser)) {
            too_slow(conn, COUNT_SLOW_HEAD, "head", now_ms);
            return;
        }
        break;
    case CONN_BODY:
        too_slow(conn, COUNT_SLOW_BODY, "body", now_ms);
        return;
    case CONN_HANDSHAKE:
        count_up(conn->core, COUNT_SLOW_HEAD);
        break;
    case CONN_WRITE:
        count_up(conn->core, COUNT_SLOW_WRITE);
        break;
    case CONN_BUSY:
    case CONN_LINGER:
    case CONN_CLOSED:
        break;
    }
    http_connection_close(conn);
}
