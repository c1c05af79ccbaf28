/*
 * response.c - answers checked, gathered, and their head written.
 *
 * The body is read whole before its first octet is sent: a source that fails half way becomes
 * an honest 500 instead of a cut answer, and what it stands on (a row of the store, a file of
 * an office) is used by the worker's thread alone. Large ones wait in a sealed spool.
 *
 * No Server header: what we run is nobody's business.
 */
#include "http/response.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "http/field.h"
#include "http/spool.h"

#define RETRY_AFTER "Retry-After: 10\r\n" /* seconds; of every 503 of the server's own */

void response_free(struct response *response)
{
    buf_free(&response->headers);
    source_free(&response->body);
}

static void start(int status, struct response *ret)
{
    *ret =
        (struct response){ .status = status, .headers = BUF_INIT(RESPONSE_HEADERS_MAX) };
}

void response_plain(int status, const char *text, struct response *ret)
{
    start(status, ret);
    if (status == 503)
        (void)buf_adds(&ret->headers, RETRY_AFTER);
    if (text == NULL)
        return;
    (void)buf_adds(&ret->headers, "Content-Type: text/plain; charset=utf-8\r\n");
    ret->body = source_of_copy(text, strlen(text));
}

static bool servers_own(const char *name)
{
    static const char *const names[] = { "content-length", "transfer-encoding",
                                         "connection", "date", "server" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_is_nocase(str_of(name), names[i]))
            return true;
    return false;
}

static bool add_headers(const struct http_answer *answer, struct buf *out,
                        struct err *err)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        const struct http_header *header = &answer->headers[i];

        if (header->name == NULL)
            continue;
        if (header->value == NULL || !http_token_valid(header->name) ||
            !http_value_valid(header->value) || servers_own(header->name))
            return err_set(err, ERR_BUG, "http.answer",
                           "answer: header %zu cannot be sent as it is", i);
        (void)buf_addf(out, "%s: %s\r\n", header->name, header->value);
    }
    return buf_check(out, "answer's headers", err);
}

static struct source *gather(const struct source *from, const char *dir,
                             struct spool_budget *budget, struct err *err)
{
    AUTO(spool_free) struct spool *spool = spool_new(dir, true, budget);

    if (!source_copy(from, spool_sink(spool), err))
        return NULL;
    return spool_finish(&spool, err);
}

bool response_make(const struct http_answer *answer, const char *spool_dir,
                   struct spool_budget *budget, struct response *ret, struct err *err)
{
    AUTO(source_free) struct source *source = answer->source;
    bool good = true;

    start(answer->status, ret);
    ret->close = answer->close;
    if (answer->body != NULL && answer->body->len > 0)
        ret->body = source_of_buf(answer->body);
    if (answer->status < 200 || answer->status > 599)
        good = err_set(err, ERR_BUG, "http.answer", "answer: status %d", answer->status);
    good = good && add_headers(answer, &ret->headers, err);
    if (good && source != NULL) {
        ret->body = gather(source, spool_dir, budget, err);
        good = ret->body != NULL;
    }
    if (good)
        return true;
    response_free(ret);
    response_plain(err->kind == ERR_RETRY ? 503 : 500, NULL, ret);
    return false;
}

bool response_has_body(int status, bool to_head)
{
    return !to_head && status >= 200 && status != 204 && status != 304;
}

void response_head(const struct response *response, bool closing, int64_t now_ms,
                   struct buf *out)
{
    char date[HTTP_DATE_TEXT];

    http_date_print(now_ms, date);
    (void)buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", response->status,
                   http_reason(response->status), date);
    (void)buf_add(out, buf_str(&response->headers), response->headers.len);
    if (response_has_body(response->status, false))
        (void)buf_addf(out, "Content-Length: %llu\r\n",
                       response->body == NULL ? 0ULL
                                              : (unsigned long long)response->body->size);
    (void)buf_adds(out, closing ? "Connection: close\r\n\r\n" : "\r\n");
}
