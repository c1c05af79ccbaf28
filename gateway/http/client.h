/*
 * client.h - blocking HTTP/1.1 calls to partners, and to our own daemon by unix socket.
 *
 * A client belongs to one thread at a time. It keeps its connection and TLS session for the
 * next call. It never follows a redirect, never asks the environment for a proxy, never
 * believes the system's certificate authorities, and every answer ends in a ceiling.
 *
 * The outcome of a call is what the caller may conclude about the other side, not a status:
 * a partner's 500 is an answer, a cut connection after the last octet is a doubt.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "http/request.h"

struct sink;
struct source;
struct tls_client;
struct http_client;

/* Times in milliseconds; a 0 means the default beside it. */
struct http_client_settings {
    /* The partner's trust anchors, our certificate, the TLS versions (pki/tls.h); a count is
     * taken. Verification of chain and host name cannot be switched off. NULL: https is
     * refused. */
    struct tls_client *tls;
    /* http:// is allowed to 127.0.0.1, [::1] and localhost: for webhooks on this machine. */
    bool plain_loopback;
    const char *user_agent;   /* NULL: none is sent. Copied */
    int64_t connect_ms;       /* 10000: name, TCP and TLS */
    int64_t total_ms;         /* 60000: the whole call, plus: */
    int64_t total_per_mib_ms; /* 2000: for each MiB of the body sent */
    int64_t stall_ms;         /* 120000: without an octet either way; waiting counts */
    size_t answer_max;        /* 1 MiB: octets of the answer's body */
    const atomic_bool *abort; /* set by another thread: calls end within about a second */
};

/* Everything is borrowed for the call. */
struct http_call {
    /* "GET", "POST", "PUT", "PATCH", "DELETE"; NULL: POST with a body, else GET. */
    const char *method;
    /* "https://host[:port]/path"; for a local call only "/path?query". */
    const char *url;
    /* "192.0.2.1:8443", "[2001:db8::1]:443": connect there, while the host of the URL is
     * verified and sent. NULL: as the URL says. */
    const char *connect_to;
    const char *content_type; /* of the body; NULL: none */
    const struct http_header *headers;
    size_t header_count;
    /* Sent with its Content-Length; opened again when a kept connection proves dead before
     * anything came back. NULL: none. */
    const struct source *body;
    /* A 2xx body goes here instead of result.body, without a ceiling; other bodies go to
     * result.body. */
    struct sink *answer_to;
};

enum http_outcome {
    HTTP_ANSWERED, /* a whole answer came: status, content_type, body */
    HTTP_NOT_SENT, /* it cannot have been acted on: no connection, TLS refused by either side,
                      URL wrong, or ended before the first octet of the request */
    HTTP_UNSURE, /* written in part or in full, and no whole answer came back */
};

const char *http_outcome_name(enum http_outcome outcome);

struct http_result {
    enum http_outcome outcome;
    bool wrote_all;        /* head and body were handed to the network whole */
    bool reused;           /* on a connection kept from an earlier call */
    int status;            /* 0: none came. May be known although the outcome is UNSURE */
    char *content_type;    /* or NULL */
    char *location;        /* of a redirect, which is not followed; or NULL */
    int64_t retry_after_s; /* -1: none given */
    struct buf body;
    /*
     * What went wrong, in words, when the outcome is not ANSWERED. Codes:
     *   http.url http.tls-setup http.body-source               (ours to mend)
     *   http.dns http.connect http.tls http.tls-verify (we refuse them)
     *   http.tls-refused (they refuse our certificate)
     *   http.timeout http.cut http.answer-large http.answer-broken http.aborted
     *   http.sink (answer_to said no)
     * Kind: ERR_CONFIG, ERR_RETRY for NOT_SENT, ERR_UNSURE for UNSURE.
     */
    struct err fault;
};

#define HTTP_RESULT_INIT \
    { \
        .retry_after_s = -1 \
    }
void http_result_free(struct http_result *result); /* for AUTO; leaves it empty */

struct http_client *
http_client_new(const struct http_client_settings *settings) NODISCARD;
void http_client_free(struct http_client **client); /* for AUTO; closes its connections */

/* One call. *ret_result is freed first and filled anew. */
void http_client_call(struct http_client *client, const struct http_call *call,
                      struct http_result *ret_result);

/* Close kept connections and forget TLS sessions: after a change of certificates. */
void http_client_reset(struct http_client *client);

/*
 * The same by unix socket, plain: for the command line tool. call->url is "/path?query";
 * tls settings do not count.
 */
void http_local_call(struct http_client *client, const char *socket_path,
                     const struct http_call *call, struct http_result *ret_result);

#endif
