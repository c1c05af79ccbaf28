/*
 * response.h - an answer on its way from a worker to the connection: checked and complete.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "http/server.h"

struct err;
struct spool_budget;

#define RESPONSE_HEADERS_MAX (16 * 1024) /* octets of the handler's header fields */

struct response {
    int status;
    struct buf headers;  /* the handler's, as lines */
    struct source *body; /* NULL: empty; in memory or in a spool, nobody else's */
    bool close;
};

void response_free(struct response *response); /* for AUTO; leaves it empty */

/*
 * What the handler answered, with its body read to the end. answer->body and answer->source
 * are taken in any case. On failure (a header with control characters or one of the server's
 * own is ERR_BUG "http.answer"; the source or the spool failed) *ret is a bodiless 500 or 503
 * nevertheless, for the peer, and err is for the log.
 */
bool response_make(const struct http_answer *answer, const char *spool_dir,
                   struct spool_budget *budget, struct response *ret, struct err *err);

/* An answer of the server's own; text may be NULL. */
void response_plain(int status, const char *text, struct response *ret);

/* Status line and all header fields. closing: "Connection: close" is said. */
void response_head(const struct response *response, bool closing, int64_t now_ms,
                   struct buf *out);

/* RFC 9112 section 6.3: answers to HEAD, and 204 and 304, end with their head. */
bool response_has_body(int status, bool to_head);

#endif
