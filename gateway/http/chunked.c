/*
 * chunked.c - the chunked coding as a machine of seven states, fed in any pieces.
 *
 *   chunk = 1*HEXDIG [ chunk-ext ] CRLF chunk-data CRLF        (RFC 9112 section 7.1)
 *   last-chunk = 1*("0") [ chunk-ext ] CRLF, then CRLF
 *
 * The ceiling of the body is applied to the size as announced, before its octets come, so a
 * body that will be too large is refused early. After a fault the connection must be closed.
 */
#include "http/chunked.h"

#include <ctype.h>

#include "base/body.h"
#include "base/err.h"
#include "http/field.h"

#define SIZE_DIGITS_MAX 16

enum state {
    SIZE,    /* hexadecimal digits */
    EXT,     /* from ';' to CR */
    SIZE_LF, /* LF of the size line */
    DATA,
    DATA_CR,
    DATA_LF,
    END_CR, /* behind the last chunk: CR, or a trailer field */
    END_LF,
    DONE,
};

void http_chunked_init(struct http_chunked *chunked, uint64_t max)
{
    *chunked = (struct http_chunked){ .state = SIZE, .max = max };
}

static bool malformed(unsigned char c, const char *wanted, struct err *err)
{
    return err_set(err, ERR_REJECT, "http.chunk", "chunked body: octet 0x%02x, wanted %s",
                   c, wanted);
}

static bool add_digit(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    unsigned value = c <= '9' ? (unsigned)(c - '0') : (unsigned)(tolower(c) - 'a' + 10);

    if (++chunked->digits > SIZE_DIGITS_MAX)
        return err_set(err, ERR_REJECT, "http.chunk", "chunk size: over %d digits",
                       SIZE_DIGITS_MAX);
    chunked->left = chunked->left << 4 | value;
    return true;
}

static bool on_size(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    if (isxdigit(c))
        return add_digit(chunked, c, err);
    if (chunked->digits == 0)
        return malformed(c, "a chunk size in hexadecimal", err);
    if (c != '\r' && c != ';')
        return malformed(c, "CRLF behind a chunk size", err);
    chunked->state = c == ';' ? EXT : SIZE_LF;
    return true;
}

static bool on_ext(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    if (c == '\r') {
        chunked->state = SIZE_LF;
        return true;
    }
    if (!http_value_octet(c))
        return malformed(c, "a chunk extension or CRLF", err);
    if (++chunked->line > HTTP_CHUNK_LINE_MAX || ++chunked->ext > HTTP_CHUNK_EXT_MAX)
        return err_set(err, ERR_REJECT, "http.chunk",
                       "chunk extensions: over %d octets in a line or %d in all",
                       HTTP_CHUNK_LINE_MAX, HTTP_CHUNK_EXT_MAX);
    return true;
}

static bool on_size_lf(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    if (c != '\n')
        return malformed(c, "LF behind CR", err);
    if (chunked->left > chunked->max - chunked->total)
        return err_set(err, ERR_REJECT, "http.body-large",
                       "chunked body: over %llu octets",
                       (unsigned long long)chunked->max);
    chunked->total += chunked->left;
    chunked->state = chunked->left > 0 ? DATA : END_CR;
    chunked->digits = chunked->line = 0;
    return true;
}

static bool on_fixed(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    static const struct {
        unsigned char wanted;
        enum state next;
        const char *words;
    } steps[] = {
        [DATA_CR] = { '\r', DATA_LF, "CRLF behind a chunk" },
        [DATA_LF] = { '\n', SIZE, "LF behind CR" },
        [END_CR] = { '\r', END_LF, "CRLF behind the last chunk" },
        [END_LF] = { '\n', DONE, "LF behind CR" },
    };

    if (chunked->state == END_CR && http_token_octet(c))
        return err_set(err, ERR_REJECT, "http.trailer",
                       "chunked body: trailer fields are not taken");
    if (c != steps[chunked->state].wanted)
        return malformed(c, steps[chunked->state].words, err);
    chunked->state = (int)steps[chunked->state].next;
    return true;
}

static bool on_octet(struct http_chunked *chunked, unsigned char c, struct err *err)
{
    switch ((enum state)chunked->state) {
    case SIZE:
        return on_size(chunked, c, err);
    case EXT:
        return on_ext(chunked, c, err);
    case SIZE_LF:
        return on_size_lf(chunked, c, err);
    case DATA_CR:
    case DATA_LF:
    case END_CR:
    case END_LF:
        return on_fixed(chunked, c, err);
    case DATA:
    case DONE:
        break;
    }
    return err_set(err, ERR_BUG, "http.chunk-ended",
                   "chunked body: octets after its end");
}

static bool on_data(struct http_chunked *chunked, const char *data, size_t len,
                    struct sink *out, size_t *ret_used, struct err *err)
{
    size_t take = len < chunked->left ? len : (size_t)chunked->left;

    if (!out->write(out, data, take, err))
        return false;
    chunked->left -= take;
    if (chunked->left == 0)
        chunked->state = DATA_CR;
    *ret_used = take;
    return true;
}

bool http_chunked_feed(struct http_chunked *chunked, const char *data, size_t len,
                       struct sink *out, size_t *ret_used, bool *ret_done,
                       struct err *err)
{
    size_t i = 0;

    while (i < len && chunked->state != DONE) {
        size_t used = 1;

        if (chunked->state == DATA) {
            if (!on_data(chunked, data + i, len - i, out, &used, err))
                return false;
        } else if (!on_octet(chunked, (unsigned char)data[i], err)) {
            return false;
        }
        i += used;
    }
    *ret_used = i;
    *ret_done = chunked->state == DONE;
    return true;
}
