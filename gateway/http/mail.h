/*
 * mail.h - one short mail by SMTP: for notices without content.
 *
 * With TLS always, but to this machine itself; the system's certificate authorities are never
 * believed. Blocking; any thread.
 */
#ifndef HTTP_MAIL_H
#define HTTP_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct err;
struct tls_client;

#define MAIL_TEXT_MAX 4096 /* octets */

struct mail_server {
    const char *url; /* "smtps://host[:port]", or "smtp://host[:port]" (STARTTLS) */
    const char *user, *password; /* NULL: none */
    struct tls_client *tls; /* NULL: only to 127.0.0.1, [::1] and localhost, in plain */
    int64_t total_ms;       /* 0: 30000 */
};

struct mail {
    const char *from, *to; /* addresses alone: "case.desk@example.org" */
    const char *subject;   /* UTF-8 */
    const char *text;      /* UTF-8, LF */
};

/*
 * True: the server has taken it. ERR_CONFIG "mail.address" (no address, or one with control
 * characters, blanks, brackets), "mail.url", "mail.tls"; ERR_RETRY "mail.not-sent".
 */
bool mail_send(const struct mail_server *server, const struct mail *mail,
               struct err *err) NODISCARD;

/* The octets as they are sent, RFC 5322 with CRLF; date and id given. For tests. */
struct buf;
void mail_print(const struct mail *mail, int64_t now_ms, const char *id, struct buf *out);

#endif
