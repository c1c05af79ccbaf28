/*
 * The server over real sockets: good clients, and those that send nonsense, little, too much,
 * nothing, or go away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/server.h"
#include "pki/cert.h"
#include "pki/tls.h"
#include "support_http.h"

#define MIB (1024 * 1024)

static struct test_pki pki;

/* --- the service under test: paths that behave ---------------------------------------------------- */

static atomic_uint notes_freed, handled;
static atomic_bool let_go;

static void free_note(void **note)
{
    atomic_fetch_add(&notes_freed, 1);
    mem_free(note);
}

static void gate(void *ctx, const char *listener, const struct http_head *head,
                 const struct http_peer *peer, struct http_gate *ret)
{
    (void)ctx;
    (void)listener;
    (void)peer;
    if (text_eq(head->path, "/missing")) {
        ret->status = 404;
        ret->text = "no such page\n";
        ret->headers[0] = (struct http_header){ "Content-Type", "text/plain" };
        return;
    }
    if (text_eq(head->path, "/post-only") && head->method != HTTP_POST) {
        ret->status = 405;
        ret->headers[0] = (struct http_header){ "Allow", "POST" };
        return;
    }
    if (text_eq(head->path, "/undecided"))
        return;
    ret->verdict = HTTP_GATE_ACCEPT;
    ret->body_max = text_eq(head->path, "/small") ? 1000 : 256 * MIB;
    ret->needs_length = text_eq(head->path, "/post-only");
    ret->seal_spool = text_eq(head->path, "/sealed");
    ret->note = mem_strdup(head->path);
    ret->note_free = free_note;
}

static uint64_t sum_of(const struct source *source)
{
    struct reader *reader = NULL;
    unsigned char piece[BODY_PIECE];
    struct err err = { 0 };
    uint64_t sum = 0;
    size_t got = 1;

    assert_true(source_open(source, &reader, &err));
    while (got > 0) {
        assert_true(reader_read(reader, piece, sizeof piece, &got, &err));
        for (size_t i = 0; i < got; i++)
            sum = sum * 31 + piece[i];
    }
    reader_close(&reader);
    return sum;
}

static void wait_for_go(void)
{
    while (!atomic_load(&let_go))
        usleep(1000);
}

static bool broken_open(const struct source *s, struct reader **ret, struct err *err)
{
    (void)s;
    (void)ret;
    return err_set(err, ERR_BUG, "test.broken", "no");
}

static void broken_free(struct source **s)
{
    mem_free(s);
}

static struct source *broken_source(void)
{
    struct source *source = mem_alloc(sizeof *source);

    *source = (struct source){ broken_open, broken_free, 10 };
    return source;
}

static struct source *big_answer(void)
{
    char *data = mem_alloc(8 * MIB);
    struct source *source;

    memset(data, 'x', 8 * MIB);
    source = source_of_copy(data, 8 * MIB);
    mem_free(&data);
    return source;
}

static void describe(struct http_exchange *exchange, struct buf *out)
{
    buf_addf(out, "%s %s size=%llu sum=%llu local=%d cert=%s note=%s worker=%s",
             http_method_name(exchange->head.method), exchange->head.path,
             (unsigned long long)exchange->body->size,
             (unsigned long long)sum_of(exchange->body), exchange->peer.local,
             exchange->peer.cert != NULL ? cert_subject(exchange->peer.cert) : "none",
             (const char *)exchange->note, (const char *)exchange->worker);
    if (exchange->peer.local)
        buf_addf(out, " uid=%d", exchange->peer.uid == getuid());
}

static void handle(void *ctx, struct http_exchange *exchange)
{
    AUTO(buf_free) struct buf out = BUF_INIT(4096);
    struct http_header headers[] = { { "Content-Type", "text/plain" } };
    struct http_answer answer = { 200, headers, 1, &out, NULL, false };

    (void)ctx;
    atomic_fetch_add(&handled, 1);
    if (text_eq(exchange->head.path, "/silent"))
        return;
    if (text_eq(exchange->head.path, "/wait"))
        wait_for_go();
    if (text_eq(exchange->head.path, "/big"))
        answer.source = big_answer();
    else if (text_eq(exchange->head.path, "/broken"))
        answer.source = broken_source();
    else
        describe(exchange, &out);
    if (text_eq(exchange->head.path, "/inject"))
        headers[0].value = "a\r\nSet-Cookie: b";
    if (text_eq(exchange->head.path, "/gone"))
        answer.status = 204;
    http_respond(exchange, &answer);
    if (text_eq(exchange->head.path, "/twice"))
        http_respond(exchange, &(struct http_answer){ .status = 500 });
}

static void *worker_new(void *ctx)
{
    (void)ctx;
    return mem_strdup("own");
}

static void worker_free(void *ctx, void *worker)
{
    (void)ctx;
    mem_free(&worker);
}

static const struct http_service service = {
    .name = "test",
    .gate = gate,
    .handle = handle,
    .worker_new = worker_new,
    .worker_free = worker_free,
    .workers = 2,
    .queue_max = 4,
};

static struct http_server *start(const struct http_limits *limits)
{
    struct http_listener listener = { .name = "plain",
                                      .address = "127.0.0.1",
                                      .service = &service };
    struct err err = { 0 };
    struct http_server *server = http_server_start(&listener, 1, limits, &err);

    if (server == NULL)
        fail_msg("%s: %s", err.code, err.text);
    assert_int_not_equal(http_server_port(server, "plain"), 0);
    return server;
}

static struct http_counters counters(const struct http_server *server)
{
    struct http_counters c;

    http_server_counters(server, &c);
    return c;
}

/* Says raw octets, returns everything that comes until the server closes (or 300 ms pass). */
static bool talk(const struct http_server *server, const char *raw, size_t len,
                 struct buf *out)
{
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    bool ended = false;

    raw_send(&peer, raw, len);
    raw_read(&peer, 300, out, &ended);
    raw_close(&peer);
    return ended;
}

static void want_good(const struct http_server *server)
{
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    static const char raw[] = "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    talk(server, raw, sizeof raw - 1, &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 OK\r\n", 17), 0);
}

/* --- raw octets: the answers of the tables, on the wire -------------------------------------------- */

struct row {
    const char *name;
    const char *raw;
    size_t len;
    const char *want; /* the status lines, in order; "" for none */
    bool closes;
};

#define RAW(text) text, sizeof(text) - 1
#define HOST      "Host: gw.example\r\n"
#define POST      "POST /echo HTTP/1.1\r\n" HOST

/* clang-format off */
static struct row rows[] = {
    { "GET, kept open", RAW("GET /ok HTTP/1.1\r\n" HOST "\r\n"), "200", false },
    { "GET and close", RAW("GET /ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "200", true },
    { "two pipelined", RAW("GET /ok HTTP/1.1\r\n" HOST "\r\nGET /missing HTTP/1.1\r\n" HOST "\r\n"), "200 404", false },
    { "three pipelined with bodies", RAW(POST "Content-Length: 3\r\n\r\nabc" POST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\nGET /ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "200 200 200", true },
    { "Expect: 100-continue", RAW(POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"), "100", false },
    { "Expect met by a refusal", RAW("POST /missing HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"), "404", true },
    { "HEAD has no body", RAW("HEAD /ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "200", true },
    { "204 has no body", RAW("GET /gone HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "204", true },
    { "CL 1 and CL 30", RAW(POST "Content-Length: 1\r\nContent-Length: 30\r\n\r\nXGET /ok HTTP/1.1\r\n" HOST "\r\n"), "400", true },
    { "CL and TE", RAW(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /ok HTTP/1.1\r\n" HOST "\r\n"), "400", true },
    { "CL +1", RAW(POST "Content-Length: +1\r\n\r\nX"), "400", true },
    { "CL -1", RAW(POST "Content-Length: -1\r\n\r\n"), "400", true },
    { "CL 0x1", RAW(POST "Content-Length: 0x1\r\n\r\nX"), "400", true },
    { "blank before colon", RAW(POST "Content-Length : 1\r\n\r\nX"), "400", true },
    { "TE xchunked", RAW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "400", true },
    { "TE identity, chunked", RAW(POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"), "400", true },
    { "chunk size -1", RAW(POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n"), "400", true },
    { "chunk size 0x5", RAW(POST "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"), "400", true },
    { "chunk size 2^64-1", RAW(POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello"), "413", true },
    { "chunk size wraps", RAW(POST "Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello"), "400", true },
    { "trailer", RAW(POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n"), "400", true },
    { "folded header", RAW("GET /ok HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"), "400", true },
    { "bare LF", RAW("GET /ok HTTP/1.1\nHost: a\n\n"), "400", true },
    { "NUL in value", RAW("GET /ok HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), "400", true },
    { "no Host", RAW("GET /ok HTTP/1.1\r\n\r\n"), "400", true },
    { "two Hosts", RAW("GET /ok HTTP/1.1\r\n" HOST HOST "\r\n"), "400", true },
    { "HTTP/1.0", RAW("GET /ok HTTP/1.0\r\n\r\n"), "505", true },
    { "unknown method", RAW("BREW /ok HTTP/1.1\r\n" HOST "\r\n"), "501", true },
    { "unmeetable expectation", RAW(POST "Expect: coffee\r\n\r\n"), "417", true },
    { "compressed body", RAW(POST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "415", true },
    { "wrong method for a path", RAW("GET /post-only HTTP/1.1\r\n" HOST "\r\n"), "405", false },
    { "no length where one is needed", RAW("POST /post-only HTTP/1.1\r\n" HOST "\r\n"), "411", true },
    { "too large by Content-Length", RAW("POST /small HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n"), "413", true },
    { "too large in chunks", RAW("POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n"), "413", true },
    { "300 MB by Content-Length", RAW(POST "Content-Length: 314572800\r\n\r\n"), "413", true },
    { "300 MB in one chunk", RAW(POST "Transfer-Encoding: chunked\r\n\r\n12c00000\r\n"), "413", true },
    { "a gate that does not decide", RAW("GET /undecided HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "500", true },
    { "a handler that does not answer", RAW("GET /silent HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "500", true },
    { "a handler that answers twice", RAW("GET /twice HTTP/1.1\r\n" HOST "\r\nGET /ok HTTP/1.1\r\n" HOST "\r\n"), "200 200", false },
    { "an answer's header that injects", RAW("GET /inject HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "500", true },
    { "an answer's source that fails", RAW("GET /broken HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), "500", true },
    { "TLS spoken to a plain port", RAW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc"), "400", true },
    { "nothing but half a head", RAW("GET /ok HT"), "", false },
};
/* clang-format on */

static void statuses(const struct buf *answer, char out[64])
{
    const char *at = buf_str(answer);

    out[0] = '\0';
    while ((at = strstr(at, "HTTP/1.1 ")) != NULL && strlen(out) < 56) {
        strncat(out, out[0] != '\0' ? " " : "", 2);
        strncat(out, at + 9, 3);
        at += 9;
    }
}

static struct http_server *shared;

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(buf_free) struct buf out = BUF_INIT(100000);
    bool ended = talk(shared, row->raw, row->len, &out);
    char got[64];

    statuses(&out, got);
    assert_string_equal(got, row->want);
    assert_int_equal(ended, row->closes);
    assert_null(strcasestr(buf_str(&out), "\r\nserver:"));
    assert_null(strstr(buf_str(&out), "Set-Cookie"));
    want_good(shared);
}

static void test_head_without_body(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    talk(shared, RAW("HEAD /ok HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"), &out);
    assert_true(text_ends(buf_str(&out), "\r\n\r\n"));
    assert_non_null(strstr(out.data, "Content-Length: "));
    assert_null(strstr(out.data, "Content-Length: 0"));
}

static void test_slow_by_octets(void **state)
{
    static const char raw[] =
        POST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    struct raw peer = raw_connect(http_server_port(shared, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    for (size_t i = 0; i < sizeof raw - 1; i++) {
        raw_send(&peer, raw + i, 1);
        usleep(500);
    }
    raw_read_answer(&peer, &out);
    assert_non_null(strstr(buf_str(&out), "size=5 "));
    raw_close(&peer);
}

/* --- bodies ------------------------------------------------------------------------------------------ */

static uint64_t send_body(struct raw *peer, size_t size)
{
    char piece[32768];
    uint64_t sum = 0;

    for (size_t at = 0; at < size;) {
        size_t len = size - at < sizeof piece ? size - at : sizeof piece;

        for (size_t i = 0; i < len; i++) {
            piece[i] = (char)((at + i) * 7 % 251);
            sum = sum * 31 + (unsigned char)piece[i];
        }
        raw_send(peer, piece, len);
        at += len;
    }
    return sum;
}

static void check_body(struct http_server *server, const char *path, size_t size)
{
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    char text[200];
    uint64_t sum;

    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
             path, size);
    raw_says(&peer, text);
    sum = send_body(&peer, size);
    raw_read_answer(&peer, &out);
    snprintf(text, sizeof text, "size=%zu sum=%llu ", size, (unsigned long long)sum);
    assert_non_null(strstr(buf_str(&out), text));
    raw_close(&peer);
}

static void test_bodies(void **state)
{
    (void)state;
    check_body(shared, "/echo", 1);
    check_body(shared, "/echo", HTTP_BODY_IN_MEMORY);
    check_body(shared, "/echo", HTTP_BODY_IN_MEMORY + 1);
    check_body(shared, "/echo", 3 * MIB);
    check_body(shared, "/sealed", 3 * MIB + 5);
    for (int i = 0; i < 100 && counters(shared).spool_octets > 0; i++)
        usleep(10000);
    assert_int_equal(counters(shared).spool_octets, 0);
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[200];
    long kib = 0;

    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmRSS: %ld", &kib) == 1)
            break;
    fclose(file);
    return kib;
}

/* 200 MiB pass by without standing in memory. */
static void test_large_body_flat_memory(void **state)
{
    long before;

    (void)state;
    check_body(shared, "/echo", MIB); /* what is allocated once, is */
    before = resident_kib();
    check_body(shared, "/echo", 200 * MIB);
    assert_true(resident_kib() - before < 12 * 1024);
}

static void test_spool_full(void **state)
{
    struct http_limits limits = { .spool_max = MIB };
    struct http_server *server = start(&limits);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct raw peer = raw_connect(http_server_port(server, "plain"));

    (void)state;
    talk(server, RAW(POST "Content-Length: 2000000\r\n\r\n"), &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(out.data, "\r\nRetry-After: "));
    buf_clear(&out);
    raw_says(&peer, POST "Transfer-Encoding: chunked\r\n\r\n200000\r\n");
    send_body(&peer, 2 * MIB);
    raw_read(&peer, 500, &out, NULL);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 503 ", 13), 0);
    assert_int_equal(counters(server).spool_full, 2);
    raw_close(&peer);
    check_body(server, "/echo", 1000);
    http_server_stop(&server, 1000);
}

/* The refusal arrives although the client goes on sending. */
static void test_refusal_is_not_lost_to_a_reset(void **state)
{
    struct raw peer = raw_connect(http_server_port(shared, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    raw_says(&peer, POST "Content-Length: 314572800\r\n\r\n");
    send_body(&peer, 4 * MIB);
    raw_read(&peer, 300, &out, NULL);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 413 ", 13), 0);
    raw_close(&peer);
}

static void test_expect_then_body(void **state)
{
    struct raw peer = raw_connect(http_server_port(shared, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    raw_says(&peer, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    raw_read_answer(&peer, &out);
    assert_string_equal(buf_str(&out), "HTTP/1.1 100 Continue\r\n\r\n");
    buf_clear(&out);
    raw_says(&peer, "abc");
    raw_read_answer(&peer, &out);
    assert_non_null(strstr(buf_str(&out), "size=3 "));
    raw_close(&peer);
}

/* --- time --------------------------------------------------------------------------------------------- */

static const struct http_limits short_times = {
    .head_ms = 300, .body_ms = 300, .write_ms = 400, .idle_ms = 300, .rate_min = MIB
};

/* Says an octet every 20 ms until the server closes; the answer, and how long it took. */
static int64_t drip(struct http_server *server, const char *first, struct buf *out)
{
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    int64_t start_ms = now_ms();
    bool ended = false;

    raw_says(&peer, first);
    while (!ended && now_ms() - start_ms < 5000) {
        raw_says(&peer, "a");
        raw_read(&peer, 20, out, &ended);
    }
    raw_close(&peer);
    return now_ms() - start_ms;
}

static void test_deadlines_are_totals(void **state)
{
    struct http_server *server = start(&short_times);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    assert_in_range(drip(server, "GET /", &out), 250, 1500);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 408 ", 13), 0);
    buf_clear(&out);
    assert_in_range(drip(server, POST "Content-Length: 100000\r\n\r\n", &out), 250, 1500);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 408 ", 13), 0);
    assert_int_equal(counters(server).slow_head, 1);
    assert_int_equal(counters(server).slow_body, 1);
    buf_clear(&out);
    talk(server, RAW("GET /ok HTTP/1.1\r\n" HOST "\r\n"), &out); /* waits 300 ms */
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
    http_server_stop(&server, 0);
}

/* A kept connection rests; then it is closed without a word. */
static void test_idle(void **state)
{
    struct http_server *server = start(&short_times);
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    bool ended = false;
    int64_t start_ms;

    (void)state;
    raw_says(&peer, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&peer, &out);
    buf_clear(&out);
    start_ms = now_ms();
    raw_read(&peer, 3000, &out, &ended);
    assert_true(ended);
    assert_int_equal(out.len, 0);
    assert_in_range(now_ms() - start_ms, 200, 1500);
    raw_close(&peer);
    http_server_stop(&server, 0);
}

/* Asks for 8 MiB and does not read. */
static void test_slow_reader(void **state)
{
    struct http_server *server = start(&short_times);
    struct raw peer = raw_connect(http_server_port(server, "plain"));

    (void)state;
    raw_says(&peer, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 300 && counters(server).slow_write == 0; i++)
        usleep(10000);
    assert_int_equal(counters(server).slow_write, 1);
    assert_int_equal(counters(server).connections, 0);
    raw_close(&peer);
    want_good(server);
    http_server_stop(&server, 0);
}

static void test_big_answer(void **state)
{
    struct raw peer = raw_connect(http_server_port(shared, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(9 * MIB);

    (void)state;
    raw_says(&peer, "GET /big HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    raw_read(&peer, 3000, &out, NULL);
    assert_non_null(strstr(buf_str(&out), "\r\nContent-Length: 8388608\r\n"));
    assert_int_equal(out.len - (size_t)(strstr(out.data, "\r\n\r\n") + 4 - out.data),
                     8 * MIB);
    raw_close(&peer);
}

/* --- going away ---------------------------------------------------------------------------------------- */

static void test_going_away(void **state)
{
    static const char *const raws[] = { "", "GET /",
                                        POST "Content-Length: 100\r\n\r\nabc",
                                        POST "Content-Length: 3\r\n\r\nabc",
                                        "GET /big HTTP/1.1\r\n" HOST "\r\n" };

    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(raws); i++) {
        struct raw peer = raw_connect(http_server_port(shared, "plain"));

        raw_says(&peer, raws[i / 2]);
        if (i % 2 == 0)
            raw_close(&peer);
        else
            raw_reset(&peer);
    }
    for (int i = 0; i < 1000 && counters(shared).connections + counters(shared).queued +
                                        counters(shared).working >
                                    0;
         i++)
        usleep(10000);
    assert_int_equal(counters(shared).connections, 0);
    for (int i = 0; i < 300 && counters(shared).spool_octets > 0; i++)
        usleep(10000);
    assert_int_equal(counters(shared).spool_octets, 0);
    want_good(shared);
}

/* The client ends its side after the request: it is answered all the same. */
static void test_half_close(void **state)
{
    struct raw peer = raw_connect(http_server_port(shared, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    bool ended = false;

    (void)state;
    raw_says(&peer, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    shutdown(peer.fd, SHUT_WR);
    raw_read(&peer, 2000, &out, &ended);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
    assert_true(ended);
    raw_close(&peer);
}

/* The peer goes while a worker has its request; the worker's answer finds nobody. */
static void test_gone_while_working(void **state)
{
    struct http_server *server = start(NULL);
    struct raw peer = raw_connect(http_server_port(server, "plain"));

    (void)state;
    atomic_store(&let_go, false);
    raw_says(&peer, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    while (counters(server).working == 0)
        usleep(1000);
    raw_reset(&peer);
    atomic_store(&let_go, true);
    for (int i = 0; i < 300 && counters(server).connections > 0; i++)
        usleep(10000);
    assert_int_equal(counters(server).connections, 0);
    want_good(server);
    http_server_stop(&server, 1000);
}

/* --- ceilings ------------------------------------------------------------------------------------------ */

static void test_queue_full(void **state)
{
    struct http_server *server = start(NULL); /* 2 workers, 4 places */
    struct raw peers[6];
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    atomic_store(&let_go, false);
    for (size_t i = 0; i < 6; i++) {
        peers[i] = raw_connect(http_server_port(server, "plain"));
        raw_says(&peers[i], "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        while (counters(server).working + counters(server).queued < i + 1)
            usleep(1000);
    }
    talk(server, RAW("GET /ok HTTP/1.1\r\n" HOST "\r\n"), &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 503 ", 13), 0);
    assert_non_null(strstr(out.data, "\r\nRetry-After: "));
    assert_int_equal(counters(server).queue_full, 1);
    buf_clear(&out); /* what needs no worker is answered all the same */
    talk(server, RAW("GET /missing HTTP/1.1\r\n" HOST "\r\n"), &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 404 ", 13), 0);
    atomic_store(&let_go, true);
    for (size_t i = 0; i < 6; i++) {
        buf_clear(&out);
        raw_read_answer(&peers[i], &out);
        assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
        raw_close(&peers[i]);
    }
    http_server_stop(&server, 1000);
}

/* A thousand half-open connections and a hundred slow senders; the good ones do not notice. */
static void test_crowd(void **state)
{
    struct http_limits limits = { .connections_max = 600, .per_address_max = 500 };
    struct http_server *server = start(&limits);
    struct raw kept = raw_connect(http_server_port(server, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    static struct raw crowd[1100];
    int64_t start_ms;

    (void)state;
    raw_says(&kept, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&kept, &out);
    for (size_t i = 0; i < 1100; i++) {
        crowd[i] = raw_connect(http_server_port(server, "plain"));
        if (i % 11 == 0)
            raw_says(&crowd[i], POST "Content-Length: 100000\r\n\r\nabc");
        else if (i % 2 == 0)
            raw_says(&crowd[i], "GET /");
    }
    start_ms = now_ms();
    for (int i = 0; i < 20; i++)
        want_good(server);
    assert_true(now_ms() - start_ms < 3000);
    assert_true(counters(server).connections <= 500);
    assert_true(counters(server).evicted >= 600);
    buf_clear(&out); /* a connection that was served before is not the one to go */
    raw_says(&kept, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&kept, &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
    raw_close(&kept);
    for (size_t i = 0; i < 1100; i++)
        raw_close(&crowd[i]);
    http_server_stop(&server, 0);
}

/* With every place at work, a newcomer is turned away, and comes in when one has gone. */
static void test_all_at_work(void **state)
{
    struct http_limits limits = { .connections_max = 2 };
    struct http_server *server = start(&limits);
    struct raw peers[2];
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    atomic_store(&let_go, false);
    for (size_t i = 0; i < 2; i++) {
        peers[i] = raw_connect(http_server_port(server, "plain"));
        raw_says(&peers[i], "GET /wait HTTP/1.1\r\n" HOST "\r\n");
        while (counters(server).working < i + 1)
            usleep(1000);
    }
    assert_true(talk(server, RAW("GET /ok HTTP/1.1\r\n" HOST "\r\n"), &out));
    assert_int_equal(out.len, 0);
    assert_int_equal(counters(server).turned_away, 1);
    atomic_store(&let_go, true);
    for (size_t i = 0; i < 2; i++) {
        raw_read_answer(&peers[i], &out);
        raw_close(&peers[i]);
    }
    want_good(server);
    http_server_stop(&server, 1000);
}

/* Out of descriptors: accepting pauses, nothing spins, and service comes back. */
static void test_out_of_descriptors(void **state)
{
    struct http_server *server = start(NULL);
    struct rlimit before, few;
    static struct raw crowd[40];
    struct rusage usage[2];
    int64_t busy_us;

    (void)state;
    atomic_store(&let_go, false);
    getrlimit(RLIMIT_NOFILE, &before);
    for (size_t i = 0; i < 40; i++) /* all at work: nothing can be evicted */
        crowd[i] = raw_connect(http_server_port(server, "plain"));
    while (counters(server).connections < 40)
        usleep(1000);
    for (size_t i = 0; i < 40; i++)
        raw_says(&crowd[i], POST "Content-Length: 10\r\n\r\nabc");
    while (counters(server).requests < 40)
        usleep(1000);
    few = before;
    few.rlim_cur =
        (rlim_t)dup(0) + 1; /* room for the peer's socket, not for the server's */
    close((int)few.rlim_cur - 1);
    setrlimit(RLIMIT_NOFILE, &few);
    getrusage(RUSAGE_SELF, &usage[0]);
    struct raw late = raw_connect(http_server_port(server, "plain"));
    usleep(400000);
    getrusage(RUSAGE_SELF, &usage[1]);
    busy_us = (usage[1].ru_utime.tv_sec - usage[0].ru_utime.tv_sec) * 1000000 +
              usage[1].ru_utime.tv_usec - usage[0].ru_utime.tv_usec;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_in_range(counters(server).accept_pauses, 1, 3);
    assert_true(busy_us < 200000);
    raw_close(&crowd[0]);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    raw_says(&late, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&late, &out);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
    raw_close(&late);
    for (size_t i = 1; i < 40; i++)
        raw_close(&crowd[i]);
    atomic_store(&let_go, true);
    http_server_stop(&server, 0);
}

/* --- TLS ------------------------------------------------------------------------------------------------ */

static SSL_CTX *server_tls(const char *chain, const char *key, enum tls_peer peer)
{
    struct tls_server_settings settings = { .chain_file = chain,
                                            .key_file = key,
                                            .ca_file = pki.ca,
                                            .peer = peer,
                                            .session_name = "test" };
    struct err err = { 0 };
    SSL_CTX *ctx = tls_server_new(&settings, &err);

    if (ctx == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return ctx;
}

static struct http_server *start_tls(const struct http_limits *limits)
{
    AUTO(tls_ctx_free)
    SSL_CTX *ctx = server_tls(pki.server, pki.server_key, TLS_PEER_REQUIRED);
    struct http_listener listener = {
        .name = "plain", .address = "127.0.0.1", .tls = ctx, .service = &service
    };
    struct err err = { 0 };
    struct http_server *server = http_server_start(&listener, 1, limits, &err);

    assert_non_null(server);
    return server;
}

static void test_tls(void **state)
{
    struct http_server *server = start_tls(NULL);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct raw peer;

    (void)state;
    assert_true(raw_connect_tls(http_server_port(server, "plain"), pki.client,
                                pki.client_key, &peer));
    raw_says(&peer, POST "Content-Length: 3\r\n\r\nabc");
    raw_read_answer(&peer, &out);
    assert_non_null(strstr(buf_str(&out), "cert=CN=client "));
    buf_clear(&out);
    raw_says(&peer, POST "Content-Length: 100000\r\n\r\n");
    send_body(&peer, 100000);
    raw_read_answer(&peer, &out);
    assert_non_null(strstr(buf_str(&out), "size=100000 "));
    raw_close(&peer);
    http_server_stop(&server, 1000);
}

/* In TLS 1.3 the client's handshake ends before the server has judged: the answer shows it. */
static void want_no_answer(struct http_server *server, const char *cert, const char *key)
{
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    unsigned before = atomic_load(&handled);
    struct raw peer;

    if (raw_connect_tls(http_server_port(server, "plain"), cert, key, &peer))
        raw_says(&peer, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read(&peer, 300, &out, NULL);
    assert_int_equal(out.len, 0);
    assert_int_equal(atomic_load(&handled), before);
    raw_close(&peer);
}

static void test_tls_foreign(void **state)
{
    struct http_server *server = start_tls(NULL);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    want_no_answer(server, NULL, NULL);
    want_no_answer(server, pki.other, pki.other_key);
    assert_int_equal(counters(server).handshake_failed, 2);
    talk(server, RAW("GET /ok HTTP/1.1\r\n" HOST "\r\n"), &out); /* plain to a TLS port */
    assert_null(strstr(buf_str(&out), "HTTP/1.1"));
    assert_int_equal(counters(server).handshake_failed, 3);
    assert_int_equal(counters(server).requests, 0);
    http_server_stop(&server, 1000);
}

static void test_tls_silent(void **state)
{
    struct http_server *server = start_tls(&short_times);
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    bool ended = false;

    (void)state;
    raw_read(&peer, 3000, &out, &ended);
    assert_true(ended);
    assert_int_equal(counters(server).slow_head, 1);
    raw_close(&peer);
    http_server_stop(&server, 0);
}

static char *served_subject(struct raw *peer)
{
    X509 *cert = SSL_get1_peer_certificate(peer->ssl);
    char *text = mem_alloc(20);

    snprintf(text, 20, "%ld",
             cert != NULL ? ASN1_INTEGER_get(X509_get_serialNumber(cert)) : 0);
    X509_free(cert);
    return text;
}

/* New certificate for new connections; the old connection goes on. */
static void test_tls_swap(void **state)
{
    struct http_server *server = start_tls(NULL);
    AUTO(tls_ctx_free)
    SSL_CTX *next = server_tls(pki.server2, pki.server2_key, TLS_PEER_REQUIRED);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    AUTO(mem_free) char *first = NULL;
    AUTO(mem_free) char *second = NULL;
    uint16_t port = http_server_port(server, "plain");
    struct raw old, new;

    (void)state;
    assert_true(raw_connect_tls(port, pki.client, pki.client_key, &old));
    raw_says(&old, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&old, &out);
    assert_true(http_server_set_tls(server, "plain", next));
    assert_false(http_server_set_tls(server, "nobody", next));
    assert_true(raw_connect_tls(port, pki.client, pki.client_key, &new));
    first = served_subject(&old);
    second = served_subject(&new);
    assert_string_not_equal(first, second);
    buf_clear(&out);
    raw_says(&old, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&old, &out);
    assert_non_null(strstr(buf_str(&out), "HTTP/1.1 200 "));
    raw_close(&old);
    raw_close(&new);
    http_server_stop(&server, 1000);
}

/* --- unix socket ------------------------------------------------------------------------------------------ */

static struct http_server *start_unix(const char *path, struct err *err)
{
    struct http_listener listener = {
        .name = "control", .unix_path = path, .unix_mode = 0600, .service = &service
    };

    return http_server_start(&listener, 1, NULL, err);
}

static void test_unix(void **state)
{
    char path[100];
    struct err err = { 0 };
    struct http_server *server, *second;
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct raw peer;
    struct stat st;

    (void)state;
    snprintf(path, sizeof path, "%s/control.sock", pki.dir);
    server = start_unix(path, &err);
    assert_non_null(server);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    peer = raw_connect_unix(path);
    raw_says(&peer, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&peer, &out);
    assert_non_null(strstr(buf_str(&out), "local=1 "));
    assert_non_null(strstr(buf_str(&out), " uid=1"));
    raw_close(&peer);
    second = start_unix(path, &err); /* somebody listens there */
    assert_null(second);
    assert_string_equal(err.code, "http.listen");
    http_server_stop(&server, 1000);
    assert_int_not_equal(stat(path, &st), 0);
}

/* A socket file left by a process that died is replaced; another file is not. */
static void test_unix_stale(void **state)
{
    char path[100];
    struct err err = { 0 };
    struct http_server *server;
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/stale.sock", pki.dir);
    server = start_unix(path, &err);
    assert_non_null(server);
    assert_int_equal(link(path, "/tmp/trm-http-stale.sock"), 0);
    http_server_stop(&server, 0);
    assert_int_equal(rename("/tmp/trm-http-stale.sock", path), 0);
    server = start_unix(path, &err);
    assert_non_null(server);
    http_server_stop(&server, 0);
    file = fopen(path, "w");
    fclose(file);
    assert_null(start_unix(path, &err));
    assert_string_equal(err.code, "http.listen");
    assert_int_equal(unlink(path), 0);
}

/* --- start and end ------------------------------------------------------------------------------------------ */

static void want_no_start(struct http_listener listener, const struct http_limits *limits,
                          const char *code)
{
    struct err err = { 0 };

    listener.name = "x";
    listener.service = &service;
    assert_null(http_server_start(&listener, 1, limits, &err));
    assert_string_equal(err.code, code);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_cannot_start(void **state)
{
    uint16_t taken = http_server_port(shared, "plain");
    struct http_limits nowhere = { .spool_dir = "/nonexistent" };

    (void)state;
    want_no_start((struct http_listener){ .address = "127.0.0.1", .port = taken }, NULL,
                  "http.listen");
    want_no_start((struct http_listener){ .address = "localhost" }, NULL, "http.listen");
    want_no_start((struct http_listener){ .address = "192.0.2.1" }, NULL, "http.listen");
    want_no_start((struct http_listener){ .unix_path = "/nonexistent/x" }, NULL,
                  "http.listen");
    want_no_start((struct http_listener){ .address = "127.0.0.1" }, &nowhere,
                  "http.spool-dir");
}

static void *stop_it(void *arg)
{
    struct http_server *server = arg;

    http_server_stop(&server, 5000);
    return NULL;
}

/* What is at work is finished, with "Connection: close"; what rests is closed at once. */
static void test_drain(void **state)
{
    struct http_server *server = start(NULL);
    uint16_t port = http_server_port(server, "plain");
    struct raw busy = raw_connect(port), resting = raw_connect(port);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    bool ended = false;
    pthread_t thread;

    (void)state;
    atomic_store(&let_go, false);
    raw_says(&resting, "GET /ok HTTP/1.1\r\n" HOST "\r\n");
    raw_read_answer(&resting, &out);
    buf_clear(&out);
    raw_says(&busy, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    while (counters(server).working == 0)
        usleep(1000);
    assert_int_equal(pthread_create(&thread, NULL, stop_it, server), 0);
    raw_read(&resting, 2000, &out, &ended);
    assert_true(ended);
    assert_int_equal(out.len, 0);
    atomic_store(&let_go, true);
    raw_read(&busy, 2000, &out, &ended);
    assert_int_equal(strncmp(buf_str(&out), "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(out.data, "\r\nConnection: close\r\n"));
    assert_true(ended);
    raw_close(&busy);
    raw_close(&resting);
    pthread_join(thread, NULL);
}

static void test_drain_ends(void **state)
{
    struct http_server *server = start(NULL);
    struct raw peer = raw_connect(http_server_port(server, "plain"));
    int64_t start_ms = now_ms();

    (void)state;
    raw_says(&peer, POST "Content-Length: 10\r\n\r\nabc");
    while (counters(server).requests == 0)
        usleep(1000);
    http_server_stop(&server, 200);
    assert_in_range(now_ms() - start_ms, 150, 2000);
    raw_close(&peer);
}

static void test_notes_are_freed(void **state)
{
    unsigned before = atomic_load(&notes_freed);
    struct http_server *server = start(NULL);
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    want_good(server);
    talk(server, RAW(POST "Transfer-Encoding: chunked\r\n\r\nx"), &out);
    http_server_stop(&server, 1000);
    assert_int_equal(atomic_load(&notes_freed) - before, 2);
}

/* Many clients at once on kept connections, many requests each. */
static void *busy_client(void *arg)
{
    struct raw peer = raw_connect(http_server_port(arg, "plain"));
    uintptr_t good = 0;

    for (int i = 0; i < 200; i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(10000);

        raw_says(&peer, POST "Content-Length: 5\r\n\r\nhello");
        raw_read_answer(&peer, &out);
        good += strstr(buf_str(&out), "size=5 ") != NULL;
    }
    raw_close(&peer);
    return (void *)good;
}

static void test_many(void **state)
{
    pthread_t threads[4];
    uintptr_t good = 0;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, busy_client, shared), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        good += (uintptr_t)result;
    }
    assert_int_equal(good, 800);
}

static int begin_all(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    test_pki_make(&pki);
    shared = start(NULL);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    http_server_stop(&shared, 1000);
    test_pki_remove(&pki);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(test_head_without_body),
        cmocka_unit_test(test_slow_by_octets),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_large_body_flat_memory),
        cmocka_unit_test(test_spool_full),
        cmocka_unit_test(test_refusal_is_not_lost_to_a_reset),
        cmocka_unit_test(test_expect_then_body),
        cmocka_unit_test(test_deadlines_are_totals),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_big_answer),
        cmocka_unit_test(test_going_away),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_gone_while_working),
        cmocka_unit_test(test_queue_full),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_all_at_work),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_tls_foreign),
        cmocka_unit_test(test_tls_silent),
        cmocka_unit_test(test_tls_swap),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_unix_stale),
        cmocka_unit_test(test_cannot_start),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_ends),
        cmocka_unit_test(test_notes_are_freed),
        cmocka_unit_test(test_many),
    };
    static struct CMUnitTest tests[COUNT_OF(fixed) + COUNT_OF(rows)];

    memcpy(tests, fixed, sizeof fixed);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[COUNT_OF(fixed) + i] = (struct CMUnitTest){ .name = rows[i].name,
                                                          .test_func = test_row,
                                                          .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
