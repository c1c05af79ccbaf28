/*
 * The client against our own server and against bad ones: what may be concluded from each
 * ending.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/client.h"
#include "http/server.h"
#include "pki/tls.h"
#include "support_http.h"

#define MIB (1024 * 1024)

static struct test_pki pki;

/* --- scripts of bad servers, on plain loopback --------------------------------------------------- */

static char *seen; /* the last request, for the tests to look at */

static void take_request(int fd)
{
    AUTO(buf_free) struct buf request = BUF_INIT(4 * MIB);

    scripted_read_request(fd, &request);
    mem_free(&seen);
    seen = mem_strdup(buf_str(&request));
}

static void say_fixed(int fd, unsigned number, void *arg)
{
    (void)number;
    take_request(fd);
    scripted_says(fd, arg);
}

static void say_endless_body(int fd, unsigned number, void *arg)
{
    (void)number;
    take_request(fd);
    scripted_says(fd, arg);
    for (int i = 0; i < 1000; i++) {
        char piece[10001];

        memset(piece, 'x', sizeof piece - 1);
        piece[sizeof piece - 1] = '\0';
        if (send(fd, piece, sizeof piece - 1, MSG_NOSIGNAL) <= 0)
            return;
    }
}

static void say_endless_head(int fd, unsigned number, void *arg)
{
    (void)number;
    (void)arg;
    take_request(fd);
    scripted_says(fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 20000; i++)
        if (send(fd, "X-Filler: abcdefghij\r\n", 22, MSG_NOSIGNAL) <= 0)
            return;
}

static void say_nothing(int fd, unsigned number, void *arg)
{
    (void)number;
    (void)arg;
    take_request(fd);
    usleep(1500000);
}

static void hang_up(int fd, unsigned number, void *arg)
{
    (void)number;
    (void)arg;
    take_request(fd);
}

/* Reads some of the body, then resets. */
static void reset_midway(int fd, unsigned number, void *arg)
{
    struct linger linger = { 1, 0 };
    char piece[20000];

    (void)number;
    (void)arg;
    (void)recv(fd, piece, sizeof piece, 0);
    usleep(50000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* Answers once with keep-alive, closes before the second request, then answers again. */
static void close_kept(int fd, unsigned number, void *arg)
{
    (void)number;
    (void)arg;
    take_request(fd);
    scripted_says(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    usleep(20000);
}

struct row {
    const char *name;
    script_fn *script;
    const char *arg;
    enum http_outcome outcome;
    bool wrote_all;
    int status;
    const char *code; /* of the fault; the body when ANSWERED */
};

#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\n" headers "\r\n" body

/* clang-format off */
static struct row rows[] = {
    { "200 with length", say_fixed, ANSWER("200 OK", "Content-Length: 2\r\n", "ok"), HTTP_ANSWERED, true, 200, "ok" },
    { "200 in chunks", say_fixed, ANSWER("200 OK", "Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n"), HTTP_ANSWERED, true, 200, "ok" },
    { "200 until the end of the connection", say_fixed, ANSWER("200 OK", "", "ok"), HTTP_ANSWERED, true, 200, "ok" },
    { "100 before 200", say_fixed, "HTTP/1.1 100 Continue\r\n\r\n" ANSWER("200 OK", "Content-Length: 2\r\n", "ok"), HTTP_ANSWERED, true, 200, "ok" },
    { "204", say_fixed, ANSWER("204 No Content", "", ""), HTTP_ANSWERED, true, 204, "" },
    { "500 with words", say_fixed, ANSWER("500 Oops", "Content-Length: 4\r\n", "oops"), HTTP_ANSWERED, true, 500, "oops" },
    { "HTML", say_fixed, ANSWER("200 OK", "Content-Type: text/html\r\nContent-Length: 6\r\n", "<html>"), HTTP_ANSWERED, true, 200, "<html>" },
    { "redirect is not followed", say_fixed, ANSWER("302 Found", "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n", ""), HTTP_ANSWERED, true, 302, "" },
    { "compressed answer stays as it is", say_fixed, ANSWER("200 OK", "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "ok"), HTTP_ANSWERED, true, 200, "ok" },
    { "answer cut in its body", say_fixed, ANSWER("200 OK", "Content-Length: 100\r\n", "ok"), HTTP_UNSURE, true, 200, "http.cut" },
    { "answer cut in its chunks", say_fixed, ANSWER("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\nok"), HTTP_UNSURE, true, 200, "http.cut" },
    { "broken chunks", say_fixed, ANSWER("200 OK", "Transfer-Encoding: chunked\r\n", "zz\r\nok"), HTTP_UNSURE, true, 200, "http.cut" },
    { "not HTTP", say_fixed, "220 smtp.example ESMTP\r\n", HTTP_UNSURE, true, 0, "http.answer-broken" },
    { "two lengths", say_fixed, ANSWER("200 OK", "Content-Length: -5\r\n", "ok"), HTTP_UNSURE, true, 200, "http.answer-broken" },
    { "endless body, no length", say_endless_body, ANSWER("200 OK", "", ""), HTTP_UNSURE, true, 200, "http.answer-large" },
    { "endless body, long length", say_endless_body, ANSWER("200 OK", "Content-Length: 10000000\r\n", ""), HTTP_UNSURE, true, 200, "http.answer-large" },
    { "endless head", say_endless_head, NULL, HTTP_UNSURE, true, 200, "http.answer-large" },
    { "never answers", say_nothing, NULL, HTTP_UNSURE, true, 0, "http.timeout" },
    { "hangs up without a word", hang_up, NULL, HTTP_UNSURE, true, 0, "http.cut" },
};
/* clang-format on */

static const struct http_client_settings plain = {
    .plain_loopback = true, .total_ms = 800, .answer_max = 100000, .user_agent = "trmd"
};

static void post(struct http_client *client, const char *url, const char *body,
                 struct http_result *result)
{
    AUTO(source_free)
    struct source *source = source_of_memory(body, strlen(body));
    const struct http_header header = { "X-Test", "yes" };
    struct http_call call = { .url = url,
                              .content_type = "application/soap+xml",
                              .headers = &header,
                              .header_count = 1,
                              .body = source };

    http_client_call(client, &call, result);
}

static void want_fault(const struct http_result *result, enum http_outcome outcome,
                       const char *code)
{
    if (result->outcome != outcome || !text_eq(result->fault.code, code))
        fail_msg("%s, wanted %s %s: %s %s", http_outcome_name(result->outcome),
                 http_outcome_name(outcome), code,
                 result->fault.code != NULL ? result->fault.code : "-",
                 result->fault.text);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct scripted server;
    char url[60];

    scripted_start(&server, row->script, (void *)(uintptr_t)row->arg);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/msg", server.port);
    post(client, url, "hello", &result);
    scripted_stop(&server);
    if (row->outcome == HTTP_ANSWERED) {
        assert_int_equal(result.outcome, HTTP_ANSWERED);
        assert_string_equal(buf_str(&result.body), row->code);
    } else {
        want_fault(&result, row->outcome, row->code);
        assert_int_equal(result.fault.kind, ERR_UNSURE);
    }
    assert_int_equal(result.status, row->status);
    assert_int_equal(result.wrote_all, row->wrote_all);
    assert_int_equal(atomic_load(&server.connections), 1);
}

static void test_request_as_sent(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    static char answer[] = ANSWER(
        "503 Busy",
        "Retry-After: 17\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n", "");
    struct scripted server;
    char url[60];

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
    scripted_start(&server, say_fixed, answer);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/msg/./a%%2Fb", server.port);
    post(client, url, "hello", &result);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    assert_int_equal(result.status, 503);
    assert_int_equal(result.retry_after_s, 17);
    assert_string_equal(result.content_type, "text/plain");
    assert_int_equal(strncmp(seen, "POST /msg/./a%2Fb HTTP/1.1\r\n", 28), 0);
    assert_non_null(strstr(seen, "\r\nContent-Length: 5\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Type: application/soap+xml\r\n"));
    assert_non_null(strstr(seen, "\r\nX-Test: yes\r\n"));
    assert_non_null(strstr(seen, "\r\nUser-Agent: trmd\r\n"));
    assert_null(strcasestr(seen, "expect:"));
    assert_null(strcasestr(seen, "accept-encoding:"));
    assert_true(text_ends(seen, "\r\n\r\nhello"));
    http_client_call(client, &(struct http_call){ .url = url }, &result);
    assert_int_equal(strncmp(seen, "GET ", 4), 0);
    assert_null(strcasestr(seen, "user-agent: curl"));
    assert_null(strcasestr(seen, "content-"));
    http_client_call(client, &(struct http_call){ .url = url, .method = "DELETE" },
                     &result);
    assert_int_equal(strncmp(seen, "DELETE ", 7), 0);
    scripted_stop(&server);
}

static void test_urls(void **state)
{
    static const char *const bad[] = {
        "http://192.0.2.1/",
        "http://example.org/",
        "ftp://127.0.0.1/",
        "file:///etc/hosts",
        "https://127.0.0.1/",
        "127.0.0.1",
        "http://",
        "",
        "http://a:b@127.0.0.1/x",
        "http://127.0.0.1.evil/",
    };
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        http_client_call(client, &(struct http_call){ .url = bad[i] }, &result);
        want_fault(&result, HTTP_NOT_SENT, "http.url");
        assert_int_equal(result.fault.kind, ERR_CONFIG);
        assert_false(result.wrote_all);
    }
    http_client_free(&client);
    client = http_client_new(&(struct http_client_settings){ 0 });
    http_client_call(client, &(struct http_call){ .url = "http://127.0.0.1:9/" },
                     &result);
    want_fault(&result, HTTP_NOT_SENT, "http.url");
}

static void test_header_that_injects(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    const struct http_header header = { "X-A", "b\r\nX-C: d" };

    (void)state;
    http_client_call(client,
                     &(struct http_call){ .url = "http://127.0.0.1:9/",
                                          .headers = &header,
                                          .header_count = 1 },
                     &result);
    want_fault(&result, HTTP_NOT_SENT, "http.header-out");
}

static void test_nobody_there(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct scripted server;
    char url[60];

    (void)state;
    scripted_start(&server, hang_up, NULL);
    scripted_stop(&server); /* its port is free now */
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
    post(client, url, "hello", &result);
    want_fault(&result, HTTP_NOT_SENT, "http.connect");
    assert_int_equal(result.fault.kind, ERR_RETRY);
    assert_false(result.wrote_all);
}

static void test_reset_midway(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(mem_free) char *body = mem_alloc(20 * MIB + 1);
    struct scripted server;
    char url[60];

    (void)state;
    memset(body, 'x', 20 * MIB);
    scripted_start(&server, reset_midway, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
    post(client, url, body, &result);
    scripted_stop(&server);
    want_fault(&result, HTTP_UNSURE, "http.cut");
    assert_false(result.wrote_all);
}

/* A kept connection that the other side has closed: the call goes over a new one. */
static void test_kept_connection_dead(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct scripted server;
    char url[60];

    (void)state;
    scripted_start(&server, close_kept, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
    for (int i = 0; i < 3; i++) {
        post(client, url, "hello", &result);
        assert_int_equal(result.outcome, HTTP_ANSWERED);
        assert_true(result.wrote_all);
        assert_true(text_ends(seen, "\r\n\r\nhello"));
        usleep(i == 0 ? 60000 : 0);
    }
    scripted_stop(&server);
}

static bool fail_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    (void)r;
    (void)out;
    (void)len;
    (void)ret_got;
    return err_set(err, ERR_RETRY, "test.body", "row 3 does not open");
}

static void fail_close(struct reader **r)
{
    mem_free(r);
}

static bool fail_open(const struct source *s, struct reader **ret, struct err *err)
{
    struct reader *reader = mem_alloc(sizeof *reader);

    (void)s;
    (void)err;
    *reader = (struct reader){ fail_read, fail_close };
    *ret = reader;
    return true;
}

/* Our own source fails: the fault is ours, and named. */
static void test_body_source_fails(void **state)
{
    AUTO(http_client_free) struct http_client *client = http_client_new(&plain);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct source source = { fail_open, NULL, 100 };
    struct scripted server;
    char url[60];

    (void)state;
    scripted_start(&server, hang_up, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
    http_client_call(client, &(struct http_call){ .url = url, .body = &source }, &result);
    http_client_free(&client);
    scripted_stop(&server);
    assert_int_equal(result.outcome, HTTP_UNSURE);
    assert_string_equal(result.fault.code, "test.body");
    assert_false(result.wrote_all);
}

static void *abort_soon(void *arg)
{
    usleep(200000);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void test_abort(void **state)
{
    static atomic_bool abort_flag;
    struct http_client_settings settings = plain;
    AUTO(http_client_free) struct http_client *client = NULL;
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct scripted server;
    pthread_t thread;
    int64_t start_ms = now_ms();
    char url[60];

    (void)state;
    settings.abort = &abort_flag;
    settings.total_ms = 30000;
    client = http_client_new(&settings);
    scripted_start(&server, say_nothing, NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", server.port);
    assert_int_equal(pthread_create(&thread, NULL, abort_soon, &abort_flag), 0);
    post(client, url, "hello", &result);
    assert_true(now_ms() - start_ms < 1450);
    pthread_join(thread, NULL);
    scripted_stop(&server);
    want_fault(&result, HTTP_UNSURE, "http.aborted");
}

/* --- TLS, with our own server ----------------------------------------------------------------------- */

static void gate(void *ctx, const char *listener, const struct http_head *head,
                 const struct http_peer *peer, struct http_gate *ret)
{
    (void)ctx;
    (void)listener;
    (void)head;
    (void)peer;
    ret->verdict = HTTP_GATE_ACCEPT;
    ret->body_max = 64 * MIB;
}

static void handle(void *ctx, struct http_exchange *exchange)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1000);

    (void)ctx;
    buf_addf(&out, "%s %s%s%s %llu", http_method_name(exchange->head.method),
             exchange->head.path, exchange->head.query != NULL ? "?" : "",
             exchange->head.query != NULL ? exchange->head.query : "",
             (unsigned long long)exchange->body->size);
    http_respond(exchange, &(struct http_answer){ .status = 200, .body = &out });
}

static const struct http_service service = { .name = "tls",
                                             .gate = gate,
                                             .handle = handle };

static struct http_server *start_server(const char *chain, const char *key, bool tls12)
{
    struct tls_server_settings settings = { .chain_file = chain,
                                            .key_file = key,
                                            .ca_file = pki.ca,
                                            .peer = TLS_PEER_REQUIRED,
                                            .allow_tls12 = tls12,
                                            .session_name = "test" };
    struct err err = { 0 };
    AUTO(tls_ctx_free) SSL_CTX *ctx = tls_server_new(&settings, &err);
    struct http_listener listener = {
        .name = "tls", .address = "127.0.0.1", .tls = ctx, .service = &service
    };
    struct http_server *server = http_server_start(&listener, 1, NULL, &err);

    if (server == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return server;
}

static struct http_client *tls_client(const char *ca, const char *cert, const char *key)
{
    struct tls_client_settings tls = { .ca_file = ca,
                                       .chain_file = cert,
                                       .key_file = key };
    struct err err = { 0 };
    AUTO(tls_client_free) struct tls_client *made = tls_client_new(&tls, &err);

    if (made == NULL)
        fail_msg("%s: %s", err.code, err.text);
    return http_client_new(
        &(struct http_client_settings){ .tls = made, .total_ms = 5000 });
}

static void tls_post(struct http_client *client, struct http_server *server,
                     const char *host, const char *body, struct http_result *result)
{
    AUTO(source_free)
    struct source *source = source_of_memory(body, strlen(body));
    char url[100], to[40];

    snprintf(url, sizeof url, "https://%s/as4", host);
    snprintf(to, sizeof to, "127.0.0.1:%u", http_server_port(server, "tls"));
    http_client_call(client,
                     &(struct http_call){ .url = url, .connect_to = to, .body = source },
                     result);
}

static void test_tls(void **state)
{
    struct http_server *server = start_server(pki.server, pki.server_key, false);
    AUTO(http_client_free)
    struct http_client *client = tls_client(pki.ca, pki.client, pki.client_key);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(mem_free) char *large = mem_alloc(3 * MIB + 1);
    struct http_counters counters;

    (void)state;
    tls_post(client, server, "gw.test.example", "hello", &result);
    if (result.outcome != HTTP_ANSWERED)
        fail_msg("%s: %s", result.fault.code, result.fault.text);
    assert_string_equal(buf_str(&result.body), "POST /as4 5");
    assert_false(result.reused);
    memset(large, 'x', 3 * MIB);
    tls_post(client, server, "gw.test.example", large, &result);
    assert_string_equal(buf_str(&result.body), "POST /as4 3145728");
    assert_true(result.reused);
    assert_true(result.wrote_all);
    http_client_reset(client);
    tls_post(client, server, "gw.test.example", "hello", &result);
    assert_int_equal(result.outcome, HTTP_ANSWERED);
    assert_false(result.reused);
    http_server_counters(server, &counters);
    assert_int_equal(counters.accepted, 2);
    http_server_stop(&server, 1000);
}

/* 70 MiB where 64 are taken: the refusal comes while we still send, and is heard. */
static void test_refused_early(void **state)
{
    struct http_server *server = start_server(pki.server, pki.server_key, false);
    AUTO(http_client_free)
    struct http_client *client = tls_client(pki.ca, pki.client, pki.client_key);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(mem_free) char *large = mem_alloc(70 * MIB + 1);

    (void)state;
    memset(large, 'x', 70 * MIB);
    tls_post(client, server, "gw.test.example", large, &result);
    if (result.outcome != HTTP_ANSWERED)
        fail_msg("%s: %s", result.fault.code, result.fault.text);
    assert_int_equal(result.status, 413);
    assert_false(result.wrote_all);
    http_server_stop(&server, 100);
}

struct tls_row {
    const char *name;
    const char *ca, *cert, *key; /* ours */
    bool foreign_server;
    const char *host;
    const char *code;
};

static void want_tls_fault(const struct tls_row *row)
{
    struct http_server *server = row->foreign_server
                                     ? start_server(pki.other, pki.other_key, false)
                                     : start_server(pki.server, pki.server_key, false);
    AUTO(http_client_free)
    struct http_client *client = tls_client(row->ca, row->cert, row->key);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    struct http_counters counters;

    tls_post(client, server, row->host, "hello", &result);
    want_fault(&result, HTTP_NOT_SENT, row->code);
    http_server_counters(server, &counters);
    assert_int_equal(counters.requests, 0);
    http_server_stop(&server, 100);
}

static void test_tls_refusals(void **state)
{
    const struct tls_row tls_rows[] = {
        { "server of another authority", pki.ca, pki.client, pki.client_key, true,
          "gw.test.example", "http.tls-verify" },
        { "another host's name", pki.ca, pki.client, pki.client_key, false,
          "other.test.example", "http.tls-verify" },
        { "our certificate is of another authority", pki.ca, pki.other, pki.other_key,
          false, "gw.test.example", "http.tls-refused" },
        { "no certificate of ours", pki.ca, NULL, NULL, false, "gw.test.example",
          "http.tls-refused" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(tls_rows); i++)
        want_tls_fault(&tls_rows[i]);
}

static void say_at_once(int fd, unsigned number, void *arg)
{
    (void)number;
    scripted_says(fd, arg);
    usleep(50000);
}

/* TLS to a port that speaks plain text. */
static void test_tls_to_plain(void **state)
{
    AUTO(http_client_free)
    struct http_client *client = tls_client(pki.ca, pki.client, pki.client_key);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    static char answer[] = ANSWER("400 Bad", "Content-Length: 0\r\n", "");
    struct scripted server;
    char to[40];

    (void)state;
    scripted_start(&server, say_at_once, answer);
    snprintf(to, sizeof to, "127.0.0.1:%u", server.port);
    http_client_call(client,
                     &(struct http_call){ .url = "https://gw.test.example/",
                                          .connect_to = to,
                                          .content_type = "text/plain" },
                     &result);
    http_client_free(&client);
    scripted_stop(&server);
    assert_int_equal(result.outcome, HTTP_NOT_SENT);
    assert_false(result.wrote_all);
}

/* --- unix socket -------------------------------------------------------------------------------------- */

static void test_local(void **state)
{
    AUTO(http_client_free)
    struct http_client *client = http_client_new(&(struct http_client_settings){ 0 });
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(buf_free) struct buf collected = BUF_INIT(1000);
    struct buf_sink sink = sink_of_buf(&collected);
    AUTO(source_free) struct source *body = source_of_memory("abc", 3);
    char path[100];
    struct http_listener listener = { .name = "control",
                                      .unix_path = path,
                                      .service = &service };
    struct err err = { 0 };
    struct http_server *server;

    (void)state;
    snprintf(path, sizeof path, "%s/local.sock", pki.dir);
    http_local_call(client, path, &(struct http_call){ .url = "/x" }, &result);
    want_fault(&result, HTTP_NOT_SENT, "http.connect");
    server = http_server_start(&listener, 1, NULL, &err);
    assert_non_null(server);
    http_local_call(client, path, &(struct http_call){ .url = "/cases?state=open" },
                    &result);
    assert_int_equal(result.outcome, HTTP_ANSWERED);
    assert_string_equal(buf_str(&result.body), "GET /cases?state=open 0");
    http_local_call(
        client, path,
        &(struct http_call){ .url = "/a", .body = body, .answer_to = &sink.sink },
        &result);
    assert_int_equal(result.outcome, HTTP_ANSWERED);
    assert_int_equal(result.body.len, 0);
    assert_string_equal(buf_str(&collected), "POST /a 3");
    http_client_free(&client);
    http_server_stop(&server, 1000);
}

static int begin_all(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    test_pki_make(&pki);
    return 0;
}

static int end_all(void **state)
{
    (void)state;
    test_pki_remove(&pki);
    mem_free(&seen);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest fixed[] = {
        cmocka_unit_test(test_request_as_sent),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_header_that_injects),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_reset_midway),
        cmocka_unit_test(test_kept_connection_dead),
        cmocka_unit_test(test_body_source_fails),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_refused_early),
        cmocka_unit_test(test_tls_refusals),
        cmocka_unit_test(test_tls_to_plain),
        cmocka_unit_test(test_local),
    };
    static struct CMUnitTest tests[COUNT_OF(fixed) + COUNT_OF(rows)];

    memcpy(tests, fixed, sizeof fixed);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[COUNT_OF(fixed) + i] = (struct CMUnitTest){ .name = rows[i].name,
                                                          .test_func = test_row,
                                                          .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
