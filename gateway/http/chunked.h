/*
 * chunked.h - the chunked transfer coding (RFC 9112 section 7.1), decoded strictly.
 *
 * A size is 1 to 16 hexadecimal digits and nothing else; lines end in CRLF; extensions are
 * checked, counted and ignored ("a recipient MUST ignore unrecognized chunk extensions");
 * trailer fields are refused, since nobody here wants them and they are a second head.
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct err;
struct sink;

#define HTTP_CHUNK_LINE_MAX 256  /* octets of one size line, with its extension */
#define HTTP_CHUNK_EXT_MAX  4096 /* octets of all extensions of a body */

struct http_chunked {
    int state;
    unsigned digits; /* of the current size */
    unsigned line;   /* octets of the current size line */
    unsigned ext;    /* octets of extensions so far */
    uint64_t left;   /* octets of the current chunk to come */
    uint64_t total;  /* octets of the body so far, the current chunk's size included */
    uint64_t max;    /* octets of the body; more is "http.body-large", said at the size */
};

void http_chunked_init(struct http_chunked *chunked, uint64_t max);

/*
 * Decode up to len octets to `out`; *ret_used says how many were taken (all, unless the body
 * has ended), *ret_done that it has. Faults are ERR_REJECT "http.chunk", "http.trailer",
 * "http.body-large", or what the sink says.
 */
NODISCARD bool http_chunked_feed(struct http_chunked *chunked, const char *data,
                                 size_t len, struct sink *out, size_t *ret_used,
                                 bool *ret_done, struct err *err);

#endif
