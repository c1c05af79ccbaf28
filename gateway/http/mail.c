/*
 * mail.c - SMTP by libcurl; the message is ours, word by word.
 *
 * Subject and text go as base64, so that no server on the way has to know UTF-8. An address is
 * refused unless it is plainly one: nothing from a settings file can become a second header.
 */
#include "http/mail.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/field.h"
#include "pki/tls.h"

#define TOTAL_MS    30000
#define ADDRESS_MAX 254 /* RFC 5321 4.5.3.1.3 */
#define LINE_OCTETS 57  /* of text in one base64 line of 76 */
#define WORD_OCTETS 39  /* of a subject in one encoded word: lines of at most 76 */
#define SENT_MAX    (16 * 1024)

/* --- the message -------------------------------------------------------------------------- */

static bool address_valid(const char *text)
{
    size_t at = 0, len = text != NULL ? strlen(text) : 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c <= ' ' || c >= 0x7F || strchr("<>()[]\\,;:\"", c) != NULL)
            return false;
        at += c == '@';
    }
    return len > 2 && len <= ADDRESS_MAX && at == 1 && text[0] != '@' &&
           text[len - 1] != '@';
}

static void add_base64_lines(const char *text, struct buf *out)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i += LINE_OCTETS) {
        base64_add(out, text + i, len - i < LINE_OCTETS ? len - i : LINE_OCTETS);
        buf_adds(out, "\r\n");
    }
}

/* RFC 2047 in lines of at most 76 characters; no word cuts a character of UTF-8. */
static void add_subject(const char *text, struct buf *out)
{
    buf_adds(out, "Subject:");
    while (*text != '\0') {
        size_t len = strlen(text), cut = len < WORD_OCTETS ? len : WORD_OCTETS;

        while (cut < len && cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
            cut--;
        buf_adds(out, " =?UTF-8?B?");
        base64_add(out, text, cut);
        buf_adds(out, "?=\r\n");
        text += cut;
    }
}

void mail_print(const struct mail *mail, int64_t now_ms, const char *id, struct buf *out)
{
    char date[HTTP_DATE_TEXT];

    http_date_print(now_ms, date);
    buf_addf(out, "Date: %.25s +0000\r\nFrom: <%s>\r\nTo: <%s>\r\nMessage-ID: <%s>\r\n",
             date, mail->from, mail->to, id);
    add_subject(mail->subject, out);
    buf_adds(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=UTF-8\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n");
    add_base64_lines(mail->text, out);
}

/* --- sending ------------------------------------------------------------------------------ */

struct sending {
    CURL *curl;
    struct curl_slist *to;
    struct buf octets;
    size_t at;
    const struct mail_server *server;
    char fault[CURL_ERROR_SIZE];
    struct err tls;
};

static void sending_free(struct sending *s)
{
    curl_easy_cleanup(s->curl);
    curl_slist_free_all(s->to);
    buf_free(&s->octets);
}

static size_t give_octets(char *out, size_t size, size_t count, void *ctx)
{
    struct sending *s = ctx;
    size_t room = size * count, left = s->octets.len - s->at;
    size_t n = left < room ? left : room;

    memcpy(out, buf_str(&s->octets) + s->at, n);
    s->at += n;
    return n;
}

static CURLcode set_tls(CURL *curl, void *ctx, void *arg)
{
    struct sending *s = arg;

    (void)curl;
    return tls_client_apply(s->server->tls, ctx, &s->tls) ? CURLE_OK
                                                          : CURLE_ABORTED_BY_CALLBACK;
}

static bool is_here(const char *url)
{
    const char *host = strstr(url, "://");
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

    for (size_t i = 0; host != NULL && i < COUNT_OF(names); i++) {
        size_t len = strlen(names[i]);

        if (strncmp(host + 3, names[i], len) == 0 && strchr(":/", host[3 + len]) != NULL)
            return true;
    }
    return false;
}

static bool check(const struct mail_server *server, const struct mail *mail,
                  struct err *err)
{
    if (!address_valid(mail->from) || !address_valid(mail->to))
        return err_set(err, ERR_CONFIG, "mail.address",
                       "sender and receiver of a notice are one plain address each");
    if (!text_starts(server->url, "smtp://") && !text_starts(server->url, "smtps://"))
        return err_set(err, ERR_CONFIG, "mail.url",
                       "the mail server is smtps://host or smtp://host");
    if (server->tls == NULL &&
        (text_starts(server->url, "smtps:") || !is_here(server->url)))
        return err_set(err, ERR_CONFIG, "mail.tls",
                       "a mail server elsewhere needs TLS: say notice.ca, the CA of its "
                       "certificate");
    return true;
}

static void set_options(struct sending *s, const struct mail *mail)
{
    const struct mail_server *server = s->server;
    long ms = (long)(server->total_ms > 0 ? server->total_ms : TOTAL_MS);

    curl_easy_setopt(s->curl, CURLOPT_URL, server->url);
    curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->fault);
    curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, ms);
    curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_FROM, mail->from);
    curl_easy_setopt(s->curl, CURLOPT_MAIL_RCPT, s->to);
    curl_easy_setopt(s->curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(s->curl, CURLOPT_READFUNCTION, give_octets);
    curl_easy_setopt(s->curl, CURLOPT_READDATA, s);
    if (server->user != NULL) {
        curl_easy_setopt(s->curl, CURLOPT_USERNAME, server->user);
        curl_easy_setopt(s->curl, CURLOPT_PASSWORD,
                         server->password != NULL ? server->password : "");
    }
    if (server->tls == NULL)
        return;
    curl_easy_setopt(s->curl, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    curl_easy_setopt(s->curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(s->curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(s->curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(s->curl, CURLOPT_SSL_CTX_FUNCTION, set_tls);
    curl_easy_setopt(s->curl, CURLOPT_SSL_CTX_DATA, s);
}

/* OpenSSL writes to a socket that the server may have closed. */
static CURLcode perform(CURL *curl)
{
    const struct timespec now = { 0 };
    sigset_t pipe_only, before;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    CURLcode rc = curl_easy_perform(curl);
    (void)sigtimedwait(&pipe_only, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static void begin_once(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool mail_send(const struct mail_server *server, const struct mail *mail, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO(sending_free)
    struct sending s = { .server = server, .octets = BUF_INIT(SENT_MAX) };
    char id[UUID_TEXT];

    if (!check(server, mail, err))
        return false;
    pthread_once(&once, begin_once);
    uuid_make(id);
    AUTO(mem_free) char *whole = mem_printf("%s%s", id, strchr(mail->from, '@'));
    mail_print(mail, clock_now(NULL), whole, &s.octets);
    if (!buf_check(&s.octets, "mail", err))
        return false;
    s.curl = curl_easy_init();
    s.to = curl_slist_append(NULL, mail->to);
    if (s.curl == NULL || s.to == NULL)
        return err_set(err, ERR_RETRY, "mail.not-sent", "no memory for a mail");
    set_options(&s, mail);
    CURLcode rc = perform(s.curl);
    return rc == CURLE_OK ||
           err_set(err, ERR_RETRY, "mail.not-sent", "the mail server: %s",
                   s.tls.kind != ERR_NONE ? s.tls.text
                   : s.fault[0] != '\0'   ? s.fault
                                          : curl_easy_strerror(rc));
}
