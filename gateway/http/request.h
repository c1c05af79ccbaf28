/*
 * request.h - the head of an HTTP/1.1 request, read strictly and without sockets.
 *
 * RFC 9112 leaves a server many liberties towards old clients; each of them is a way to make
 * two programs disagree on where a request ends. None is taken here: lines end in CRLF, the
 * target is in origin-form, there is exactly one Host, and the body's length is said once.
 *
 * Octets may come in any pieces: the same octets always give the same result, found at the
 * same octet. The first fault ends the parser, and its connection must be closed after the
 * answer that http_status_of() names.
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct err;

#define HTTP_REQUEST_LINE_MAX (8 * 1024)  /* octets, without CRLF; more is 414 */
#define HTTP_HEAD_MAX         (16 * 1024) /* octets of the whole head; more is 431 */
#define HTTP_HEADERS_MAX      64          /* header fields; more is 431 */

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
};

enum http_framing {
    HTTP_BODY_NONE,   /* neither Content-Length nor Transfer-Encoding: no body */
    HTTP_BODY_LENGTH, /* `length` octets follow (may be 0) */
    HTTP_BODY_CHUNKED,
};

/* One header field. In a parsed head the name is in lower case and the value has no blanks at
 * its ends; it may hold octets above 0x7F, but no control character except TAB. */
struct http_header {
    const char *name;
    const char *value;
};

/* A parsed head. Everything points into `text`, which the head owns. */
struct http_head {
    enum http_method method;
    const char *path;  /* begins with '/', still percent-encoded, no dot segments */
    const char *query; /* what follows '?', without it; NULL when there is no '?' */
    const char *host;
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    enum http_framing framing;
    uint64_t length;      /* of HTTP_BODY_LENGTH */
    bool expect_continue; /* the client waits for 100 before it sends the body */
    bool keep_alive;      /* the client did not say "Connection: close" */
    char *text;           /* wiped when freed: it may hold a key of the caller */
    size_t text_len;
};

void http_head_free(struct http_head *head); /* for AUTO; leaves it empty */

/* "GET", ...: static strings. */
const char *http_method_name(enum http_method method);

/* First value of a header, or NULL. The name is compared without regard to case. */
const char *http_header(const struct http_head *head, const char *name);

enum http_parse {
    HTTP_PARSE_MORE,   /* all octets taken, the head is not complete */
    HTTP_PARSE_DONE,   /* complete: take it with http_parser_take() */
    HTTP_PARSE_REFUSED /* see *err */
};

/* Own it, do not look inside. */
struct http_parser {
    struct buf text; /* lines without their ends, each closed by NUL */
    size_t octets;   /* of the head so far, line ends included */
    size_t line;     /* where the current line begins in text */
    size_t lines;
    bool cr; /* the last octet was CR */
    bool ended;
    struct http_head head; /* its pointers are set when the text no longer moves */
    size_t path_at, query_at, host_at;
    size_t name_at[HTTP_HEADERS_MAX], value_at[HTTP_HEADERS_MAX];
};

void http_parser_init(struct http_parser *parser);
void http_parser_free(struct http_parser *parser);
/* Nothing has come yet (a kept connection that rests between two requests). */
bool http_parser_idle(const struct http_parser *parser);

/*
 * Feed octets; *ret_used says how many belong to the head (those behind it are the body's or
 * the next request's). Refusals are ERR_REJECT with a code of the table in http_status_of().
 */
NODISCARD enum http_parse http_parser_feed(struct http_parser *parser, const char *data,
                                           size_t len, size_t *ret_used, struct err *err);

/* After HTTP_PARSE_DONE: the head is the caller's, the parser is ready for the next one. */
void http_parser_take(struct http_parser *parser, struct http_head *ret_head);

/*
 * The status that answers a fault of this folder's readers (RFC 9110 section 15); 400 for a
 * code that has none of its own:
 *   http.version 505, http.method 501, http.target-long 414, http.head-large and
 *   http.headers-many 431, http.expect 417, http.content-encoding 415, http.body-large 413,
 *   http.length-required 411, http.slow 408, http.spool-full 503
 */
int http_status_of(const struct err *err);

#endif
