/* Which octets are a request, which are refused and how, however they are cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/request.h"

#define GET_LINE "GET / HTTP/1.1\r\n"
#define HOST     "Host: gw.example\r\n"
#define GOOD     GET_LINE HOST
#define POST     "POST /x HTTP/1.1\r\n" HOST

struct row {
    const char *name;
    const char *raw;
    size_t len;       /* 0: strlen */
    int status;       /* 0: a request; the wanted answer else */
    const char *code; /* of the refusal, or the parsed head in short */
};

#define RAW(text) text, sizeof(text) - 1

/* clang-format off */
static struct row rows[] = {
    /* what is taken */
    { "plain GET", RAW(GOOD "\r\n"), 0, "GET / host=gw.example headers=1 none keep" },
    { "query", RAW("GET /a/b?c=d&e HTTP/1.1\r\n" HOST "\r\n"), 0, "GET /a/b?c=d&e host=gw.example headers=1 none keep" },
    { "empty query", RAW("GET /a? HTTP/1.1\r\n" HOST "\r\n"), 0, "GET /a? host=gw.example headers=1 none keep" },
    { "length", RAW(POST "Content-Length: 5\r\n\r\nhello"), 0, "POST /x host=gw.example headers=2 length=5 keep" },
    { "length 0", RAW(POST "Content-Length: 0\r\n\r\n"), 0, "POST /x host=gw.example headers=2 length=0 keep" },
    { "chunked", RAW(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 0, "POST /x host=gw.example headers=2 chunked keep" },
    { "chunked in capitals", RAW(POST "TRANSFER-ENCODING: Chunked\r\n\r\n"), 0, "POST /x host=gw.example headers=2 chunked keep" },
    { "connection close", RAW(GOOD "Connection: foo, Close\r\n\r\n"), 0, "GET / host=gw.example headers=2 none close" },
    { "expect", RAW(POST "Expect: 100-Continue\r\nContent-Length: 9\r\n\r\n"), 0, "POST /x host=gw.example headers=3 length=9 keep expect" },
    { "value without blank, with TAB, empty", RAW(GOOD "A:b\r\nC:\tx\ty \r\nD:\r\n\r\n"), 0, "GET / host=gw.example headers=4 none keep" },
    { "host with port", RAW("GET / HTTP/1.1\r\nhOsT: [::1]:8443\r\n\r\n"), 0, "GET / host=[::1]:8443 headers=1 none keep" },
    { "percent-encoding stays", RAW("GET /a%2Fb%20c HTTP/1.1\r\n" HOST "\r\n"), 0, "GET /a%2Fb%20c host=gw.example headers=1 none keep" },
    { "three dots are a name", RAW("GET /.../a.b HTTP/1.1\r\n" HOST "\r\n"), 0, "GET /.../a.b host=gw.example headers=1 none keep" },
    { "identity encoding", RAW(POST "Content-Encoding: identity\r\n\r\n"), 0, "POST /x host=gw.example headers=2 none keep" },
    { "octets above 7f in a value", RAW(GOOD "X-Name: \xd0\x9e\r\n\r\n"), 0, "GET / host=gw.example headers=2 none keep" },
    { "pipelined second request is not touched", RAW(GOOD "\r\nGET /two HTTP/1.1\r\n"), 0, "GET / host=gw.example headers=1 none keep" },

    /* framing: the tables of hostile octets */
    { "CL 1 and CL 30", RAW(POST "Content-Length: 1\r\nContent-Length: 30\r\n\r\nX"), 400, "http.repeated" },
    { "CL twice the same", RAW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400, "http.repeated" },
    { "CL list", RAW(POST "Content-Length: 5, 5\r\n\r\n"), 400, "http.length" },
    { "CL +1", RAW(POST "Content-Length: +1\r\n\r\n"), 400, "http.length" },
    { "CL -1", RAW(POST "Content-Length: -1\r\n\r\n"), 400, "http.length" },
    { "CL 0x1", RAW(POST "Content-Length: 0x1\r\n\r\n"), 400, "http.length" },
    { "CL 5abc", RAW(POST "Content-Length: 5abc\r\n\r\n"), 400, "http.length" },
    { "CL empty", RAW(POST "Content-Length:\r\n\r\n"), 400, "http.length" },
    { "CL blank inside", RAW(POST "Content-Length: 1 2\r\n\r\n"), 400, "http.length" },
    { "CL of 2^64", RAW(POST "Content-Length: 18446744073709551616\r\n\r\n"), 413, "http.body-large" },
    { "CL then TE", RAW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, "http.framing" },
    { "TE then CL", RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 400, "http.framing" },
    { "TE xchunked", RAW(POST "Transfer-Encoding: xchunked\r\n\r\n"), 400, "http.framing" },
    { "TE identity, chunked", RAW(POST "Transfer-Encoding: identity, chunked\r\n\r\n"), 400, "http.framing" },
    { "TE chunked, chunked", RAW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), 400, "http.framing" },
    { "TE twice", RAW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, "http.repeated" },
    { "TE gzip", RAW(POST "Transfer-Encoding: gzip\r\n\r\n"), 400, "http.framing" },
    { "TE empty", RAW(POST "Transfer-Encoding:\r\n\r\n"), 400, "http.framing" },
    { "blank before colon: CL", RAW(POST "Content-Length : 1\r\n\r\n"), 400, "http.header" },
    { "blank before colon: TE", RAW(POST "Transfer-Encoding : chunked\r\n\r\n"), 400, "http.header" },
    { "TAB before colon", RAW(POST "Transfer-Encoding\t: chunked\r\n\r\n"), 400, "http.header" },
    { "vertical tab before chunked", RAW(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n"), 400, "http.control" },

    /* lines */
    { "folded header", RAW(GOOD "X-A: b\r\n c\r\n\r\n"), 400, "http.fold" },
    { "folded by TAB", RAW(GOOD "X-A: b\r\n\tc\r\n\r\n"), 400, "http.fold" },
    { "blank before first header", RAW(GET_LINE " Host: a\r\n\r\n"), 400, "http.fold" },
    { "bare LF in request line", RAW("GET / HTTP/1.1\n" HOST "\r\n"), 400, "http.line" },
    { "bare LF behind header", RAW(GET_LINE "Host: a\n\r\n"), 400, "http.line" },
    { "bare LF ends the head", RAW(GOOD "\n"), 400, "http.line" },
    { "bare CR in value", RAW(GOOD "X: a\rb\r\n\r\n"), 400, "http.line" },
    { "CR CR LF", RAW(GOOD "X: a\r\r\n\r\n"), 400, "http.line" },
    { "NUL in value", RAW(GOOD "X: a\0b\r\n\r\n"), 400, "http.control" },
    { "NUL in name", RAW(GOOD "X\0: a\r\n\r\n"), 400, "http.control" },
    { "DEL in value", RAW(GOOD "X: \x7f\r\n\r\n"), 400, "http.control" },
    { "no colon", RAW(GOOD "Xabc\r\n\r\n"), 400, "http.header" },
    { "no name", RAW(GOOD ": abc\r\n\r\n"), 400, "http.header" },
    { "name with a slash", RAW(GOOD "X/Y: abc\r\n\r\n"), 400, "http.header" },
    { "name above 7f", RAW(GOOD "X\xc3\xa9: abc\r\n\r\n"), 400, "http.header" },
    { "empty line first", RAW("\r\n" GOOD "\r\n"), 400, "http.request-line" },
    { "TLS hello on a plain port", RAW("\x16\x03\x01\x02\x00\x01"), 400, "http.control" },

    /* host */
    { "no Host", RAW(GET_LINE "\r\n"), 400, "http.host" },
    { "two Hosts", RAW(GOOD HOST "\r\n"), 400, "http.repeated" },
    { "empty Host", RAW(GET_LINE "Host:\r\n\r\n"), 400, "http.host" },
    { "Host with a path", RAW(GET_LINE "Host: a/b\r\n\r\n"), 400, "http.host" },
    { "Host with a user", RAW(GET_LINE "Host: a@b\r\n\r\n"), 400, "http.host" },

    /* request line */
    { "HTTP/1.0", RAW("GET / HTTP/1.0\r\n\r\n"), 505, "http.version" },
    { "HTTP/2.0 preface", RAW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "http.version" },
    { "HTTP/1.10", RAW("GET / HTTP/1.10\r\n\r\n"), 400, "http.request-line" },
    { "http/1.1", RAW("GET / http/1.1\r\n\r\n"), 400, "http.request-line" },
    { "no version (0.9)", RAW("GET /\r\n\r\n"), 400, "http.request-line" },
    { "two blanks", RAW("GET  / HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "blank in target", RAW("GET /a b HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "blank at the end", RAW("GET / HTTP/1.1 \r\n" HOST "\r\n"), 400, "http.request-line" },
    { "TAB instead of blank", RAW("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), 400, "http.request-line" },
    { "unknown method", RAW("BREW / HTTP/1.1\r\n" HOST "\r\n"), 501, "http.method" },
    { "TRACE", RAW("TRACE / HTTP/1.1\r\n" HOST "\r\n"), 501, "http.method" },
    { "CONNECT", RAW("CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"), 501, "http.method" },
    { "method in small letters", RAW("get / HTTP/1.1\r\n" HOST "\r\n"), 501, "http.method" },
    { "method no token", RAW("G(T / HTTP/1.1\r\n" HOST "\r\n"), 400, "http.request-line" },
    { "no method", RAW(" / HTTP/1.1\r\n" HOST "\r\n"), 400, "http.request-line" },
    { "absolute form", RAW("GET http://gw.example/ HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "asterisk form", RAW("GET * HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "fragment", RAW("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "backslash", RAW("GET /a\\b HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "half an escape", RAW("GET /a%2 HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "no escape", RAW("GET /a%zz HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "dot segment", RAW("GET /a/../b HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "dot segment encoded", RAW("GET /a/%2E%2e/b HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "single dot at the end", RAW("GET /a/. HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },
    { "raw UTF-8 in target", RAW("GET /\xd0\x9e HTTP/1.1\r\n" HOST "\r\n"), 400, "http.target" },

    /* other promises */
    { "unknown expectation", RAW(POST "Expect: 200-ok\r\n\r\n"), 417, "http.expect" },
    { "gzip body", RAW(POST "Content-Encoding: gzip\r\n\r\n"), 415, "http.content-encoding" },
    { "two content types", RAW(POST "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n"), 400, "http.repeated" },
    { "two authorizations", RAW(POST "Authorization: a\r\nAuthorization: b\r\n\r\n"), 400, "http.repeated" },
};
/* clang-format on */

struct result {
    enum http_parse parse;
    size_t used;
    char text[400];
};

static void describe(const struct http_head *head, char out[400])
{
    char framing[40] = "none";

    if (head->framing == HTTP_BODY_CHUNKED)
        strcpy(framing, "chunked");
    if (head->framing == HTTP_BODY_LENGTH)
        snprintf(framing, sizeof framing, "length=%llu",
                 (unsigned long long)head->length);
    snprintf(out, 400, "%s %s%s%s host=%s headers=%zu %s %s%s",
             http_method_name(head->method), head->path, head->query != NULL ? "?" : "",
             head->query != NULL ? head->query : "", head->host, head->header_count,
             framing, head->keep_alive ? "keep" : "close",
             head->expect_continue ? " expect" : "");
}

/* In pieces: up to `cut`, then from there; or octet by octet. */
static struct result parse(const char *raw, size_t len, size_t cut, bool single)
{
    struct http_parser parser;
    struct http_head head = { 0 };
    struct result result = { HTTP_PARSE_MORE, 0, "" };
    struct err err = { 0 };
    size_t at = 0;

    http_parser_init(&parser);
    while (at < len && result.parse == HTTP_PARSE_MORE) {
        size_t piece = single ? 1 : (at < cut ? cut - at : len - at), used = 0;
        char *copy = malloc(piece); /* its end is watched by the sanitizer */

        memcpy(copy, raw + at, piece);
        result.parse = http_parser_feed(&parser, copy, piece, &used, &err);
        assert_true(used <= piece);
        assert_true(result.parse != HTTP_PARSE_MORE || used == piece);
        result.used += used;
        at += used;
        free(copy);
    }
    if (result.parse == HTTP_PARSE_DONE) {
        http_parser_take(&parser, &head);
        assert_true(http_parser_idle(&parser));
        describe(&head, result.text);
        http_head_free(&head);
    }
    if (result.parse == HTTP_PARSE_REFUSED)
        snprintf(result.text, sizeof result.text, "%s %d", err.code,
                 http_status_of(&err));
    http_parser_free(&parser);
    return result;
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct result whole = parse(row->raw, row->len, row->len, false);
    char want[400];

    if (row->status == 0)
        snprintf(want, sizeof want, "%s", row->code);
    else
        snprintf(want, sizeof want, "%s %d", row->code, row->status);
    assert_string_equal(whole.text, want);
    for (size_t cut = 0; cut <= row->len; cut++) {
        struct result cutted = parse(row->raw, row->len, cut, false);

        assert_int_equal(cutted.parse, whole.parse);
        assert_int_equal(cutted.used, whole.used);
        assert_string_equal(cutted.text, whole.text);
    }
    assert_string_equal(parse(row->raw, row->len, 0, true).text, whole.text);
}

/* A head that stops anywhere is not a head yet, and not refused either. */
static void test_truncated(void **state)
{
    static const char raw[] = POST "Content-Length: 5\r\nX-A: b\r\n\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof raw - 1; len++)
        assert_int_equal(parse(raw, len, len, false).parse, HTTP_PARSE_MORE);
    assert_int_equal(parse(raw, sizeof raw - 1, 0, false).parse, HTTP_PARSE_DONE);
}

static char *repeated(const char *before, char c, size_t count, const char *after)
{
    char *fill = mem_alloc(count + 1), *text;

    memset(fill, c, count);
    text = mem_printf("%s%s%s", before, fill, after);
    mem_free(&fill);
    return text;
}

static void want_sized(const char *before, size_t count, const char *after,
                       const char *want)
{
    char *raw = repeated(before, 'a', count, after);

    assert_string_equal(parse(raw, strlen(raw), 0, false).text, want);
    assert_string_equal(parse(raw, strlen(raw), 0, true).text, want);
    mem_free(&raw);
}

static void test_ceilings(void **state)
{
    AUTO(buf_free) struct buf many = BUF_INIT(64 * 1024);

    (void)state;
    /* "GET /" and " HTTP/1.1" are 14 octets of the line */
    want_sized("GET /", HTTP_REQUEST_LINE_MAX - 14 + 1, " HTTP/1.1\r\n" HOST "\r\n",
               "http.target-long 414");
    want_sized("GET /", 300000, "", "http.target-long 414");
    want_sized(GOOD "X: ", HTTP_HEAD_MAX - (sizeof GOOD - 1) - 3 - 4 + 1, "\r\n\r\n",
               "http.head-large 431");
    want_sized(GOOD "X: ", 300000, "", "http.head-large 431");
    want_sized(GOOD, 300000, "", "http.head-large 431");
    want_sized(GOOD "X: ", HTTP_HEAD_MAX - (sizeof GOOD - 1) - 3 - 4, "\r\n\r\n",
               "GET / host=gw.example headers=2 none keep");
    buf_adds(&many, GOOD);
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        buf_adds(&many, "A: b\r\n");
    assert_int_equal(parse(many.data, many.len, 0, false).parse, HTTP_PARSE_MORE);
    buf_adds(&many, "A: b\r\n\r\n");
    assert_string_equal(parse(many.data, many.len, 0, false).text,
                        "http.headers-many 431");
}

static void test_longest_line(void **state)
{
    char *raw =
        repeated("GET /", 'a', HTTP_REQUEST_LINE_MAX - 14, " HTTP/1.1\r\n" HOST "\r\n");

    (void)state;
    assert_int_equal(parse(raw, strlen(raw), 0, false).parse, HTTP_PARSE_DONE);
    mem_free(&raw);
}

/* Two requests in one piece: the second waits until the first is taken. */
static void test_pipelined(void **state)
{
    static const char raw[] = GOOD "\r\nPOST /two HTTP/1.1\r\nHost: b\r\n\r\n";
    struct http_parser parser;
    struct http_head head = { 0 };
    struct err err = { 0 };
    size_t used = 0, more = 0;

    (void)state;
    http_parser_init(&parser);
    assert_int_equal(http_parser_feed(&parser, raw, sizeof raw - 1, &used, &err),
                     HTTP_PARSE_DONE);
    assert_int_equal(used, sizeof(GOOD "\r\n") - 1);
    assert_int_equal(http_parser_feed(&parser, raw + used, 1, &more, &err),
                     HTTP_PARSE_REFUSED);
    assert_string_equal(err.code, "http.parser-ended");
    http_parser_take(&parser, &head);
    assert_string_equal(head.path, "/");
    http_head_free(&head);
    assert_int_equal(
        http_parser_feed(&parser, raw + used, sizeof raw - 1 - used, &more, &err),
        HTTP_PARSE_DONE);
    http_parser_take(&parser, &head);
    assert_string_equal(head.path, "/two");
    assert_string_equal(http_header(&head, "HOST"), "b");
    assert_null(http_header(&head, "cookie"));
    http_head_free(&head);
    http_parser_free(&parser);
}

/* Good requests with octets changed, cut in two somewhere: no crash, no difference. */
static void test_mutated(void **state)
{
    static const char base[] =
        "POST /a/b?c=%20d HTTP/1.1\r\nHost: gw.example:8443\r\nContent-Type: text/xml\r\n"
        "Content-Length: 12\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n";
    static const char spice[] = "\r\n\t :\0/%#,;chunked0123\x7f\x80\xff";
    char raw[sizeof base];

    (void)state;
    srand(20261124);
    for (int round = 0; round < 20000; round++) {
        memcpy(raw, base, sizeof base);
        for (int i = rand() % 4; i >= 0; i--)
            raw[rand() % (int)(sizeof base - 1)] =
                spice[rand() % (int)(sizeof spice - 1)];
        struct result a = parse(raw, sizeof base - 1, 0, false);
        struct result b =
            parse(raw, sizeof base - 1, (size_t)(rand() % (int)sizeof base), false);

        assert_int_equal(a.parse, b.parse);
        assert_int_equal(a.used, b.used);
        assert_string_equal(a.text, b.text);
    }
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(rows) + 5] = {
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_longest_line), cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_mutated),
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[i + 5] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
