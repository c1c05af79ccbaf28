/*
 * request.c - the head of a request, octet by octet.
 *
 * Every octet is judged when it comes and every line when its CRLF comes, so how the octets
 * were cut into pieces cannot change the result. What is refused, and why it matters:
 *
 *   - bare LF, bare CR, control characters, NUL: two readers would see two different heads;
 *   - "Name :" and folded lines: a proxy may drop what we read, or the reverse (RFC 9112
 *     section 5.1: "A server MUST reject, with a response status code of 400, any received
 *     request message that contains whitespace between a header field name and colon");
 *   - a length said twice or in two ways, even when both agree (section 6.3);
 *   - fields that mean one thing and stand there twice;
 *   - targets in absolute form, with a fragment or with dot segments: the path that is
 *     authorised must be the path that is served.
 *
 * After a refusal nothing more is taken: the caller answers and closes the connection.
 * Deadlines, and what path and headers mean, are left to others.
 */
#include "http/request.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/field.h"

#define LENGTH_DIGITS_MAX 18 /* of a Content-Length: below 10^18 nothing overflows */

static const char *const method_names[] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

static const struct {
    const char *code;
    int status;
} statuses[] = {
    { "http.version", 505 },          { "http.method", 501 },
    { "http.target-long", 414 },      { "http.head-large", 431 },
    { "http.headers-many", 431 },     { "http.expect", 417 },
    { "http.content-encoding", 415 }, { "http.body-large", 413 },
    { "http.length-required", 411 },  { "http.slow", 408 },
    { "http.spool-full", 503 },
};

int http_status_of(const struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (text_eq(err->code, statuses[i].code))
            return statuses[i].status;
    return err->kind == ERR_REJECT ? 400 : 500;
}

void http_head_free(struct http_head *head)
{
    if (head->text != NULL)
        mem_wipe(head->text, head->text_len);
    mem_free(&head->text);
    *head = (struct http_head){ 0 };
}

const char *http_header(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (str_is_nocase(str_of(head->headers[i].name), name))
            return head->headers[i].value;
    return NULL;
}

void http_parser_init(struct http_parser *parser)
{
    *parser = (struct http_parser){ .text = BUF_SECRET_INIT(HTTP_HEAD_MAX + 1) };
}

void http_parser_free(struct http_parser *parser)
{
    buf_free(&parser->text);
    http_head_free(&parser->head);
}

bool http_parser_idle(const struct http_parser *parser)
{
    return parser->octets == 0;
}

/* --- the request line ----------------------------------------------------------------------- */

static bool read_version(struct str version, struct err *err)
{
    if (str_is(version, "HTTP/1.1"))
        return true;
    if (version.len == 8 && memcmp(version.ptr, "HTTP/", 5) == 0 &&
        isdigit((unsigned char)version.ptr[5]) && version.ptr[6] == '.' &&
        isdigit((unsigned char)version.ptr[7]))
        return err_set(err, ERR_REJECT, "http.version",
                       "request line: version %.8s, only HTTP/1.1 is spoken here",
                       version.ptr);
    return err_set(err, ERR_REJECT, "http.request-line",
                   "request line: does not end in a blank and HTTP/1.1");
}

static bool read_method(struct str name, enum http_method *ret, struct err *err)
{
    for (size_t i = 0; i < name.len; i++)
        if (!http_token_octet((unsigned char)name.ptr[i]))
            return err_set(err, ERR_REJECT, "http.request-line",
                           "request line: octet 0x%02x in the method",
                           (unsigned char)name.ptr[i]);
    if (name.len == 0)
        return err_set(err, ERR_REJECT, "http.request-line", "request line: no method");
    for (size_t i = 0; i < COUNT_OF(method_names); i++) {
        if (str_is(name, method_names[i])) {
            *ret = (enum http_method)i;
            return true;
        }
    }
    return err_set(err, ERR_REJECT, "http.method", "request line: unknown method");
}

/* Of ASCII, whatever the locale. */
static bool alnum(unsigned char c)
{
    return c < 0x80 && isalnum(c);
}

/* pchar, "/" and "?" of RFC 3986; '%' is looked at apart. */
static bool target_octet(unsigned char c)
{
    return alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

static bool target_octets(struct str target, struct err *err)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];

        if (c != '%' && !target_octet(c))
            return err_set(err, ERR_REJECT, "http.target",
                           "request line: octet 0x%02x in the target must be "
                           "percent-encoded or left out",
                           c);
        if (c == '%' &&
            (target.len - i < 3 || !isxdigit((unsigned char)target.ptr[i + 1]) ||
             !isxdigit((unsigned char)target.ptr[i + 2])))
            return err_set(err, ERR_REJECT, "http.target",
                           "request line: '%%' without two hexadecimal digits");
    }
    return true;
}

/* "." and "..", written plainly or as %2e. */
static bool dot_segment(struct str segment)
{
    size_t dots = 0, i = 0;

    while (i < segment.len) {
        struct str rest = { segment.ptr + i, segment.len - i };

        if (rest.ptr[0] == '.')
            i++;
        else if (rest.len >= 3 && str_is_nocase((struct str){ rest.ptr, 3 }, "%2e"))
            i += 3;
        else
            return false;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static bool read_target(struct http_parser *parser, struct str target, struct err *err)
{
    struct str rest = target, path, segment;

    if (target.len == 0 || target.ptr[0] != '/')
        return err_set(err, ERR_REJECT, "http.target",
                       "request line: the target does not begin with '/' "
                       "(only the origin form is taken)");
    if (!target_octets(target, err))
        return false;
    (void)str_next(&rest, '?', &path);
    parser->path_at = (size_t)(target.ptr - parser->text.data);
    if (path.len < target.len) {
        parser->query_at = parser->path_at + path.len + 1;
        parser->text.data[parser->query_at - 1] = '\0';
    }
    while (str_next(&path, '/', &segment))
        if (dot_segment(segment))
            return err_set(err, ERR_REJECT, "http.target",
                           "request line: dot segment in the path");
    return true;
}

/* method SP request-target SP HTTP-version, with exactly these two blanks. */
static bool read_request_line(struct http_parser *parser, struct str line,
                              struct err *err)
{
    const char *first = memchr(line.ptr, ' ', line.len);
    const char *last = memrchr(line.ptr, ' ', line.len);
    struct str method, target, version;

    if (first == NULL || first == last)
        return err_set(err, ERR_REJECT, "http.request-line",
                       "request line: not method, target and version");
    method = (struct str){ line.ptr, (size_t)(first - line.ptr) };
    target = (struct str){ first + 1, (size_t)(last - first - 1) };
    version = (struct str){ last + 1, (size_t)(line.ptr + line.len - last - 1) };
    if (!read_version(version, err) || !read_method(method, &parser->head.method, err) ||
        !read_target(parser, target, err))
        return false;
    parser->text.data[last - parser->text.data] = '\0';
    return true;
}

/* --- header fields that the reader itself obeys ---------------------------------------------- */

static bool both_framings(struct err *err)
{
    return err_set(err, ERR_REJECT, "http.framing",
                   "Content-Length and Transfer-Encoding in one request");
}

static bool on_content_length(struct http_parser *parser, struct str value,
                              struct err *err)
{
    uint64_t length = 0;

    if (parser->head.framing == HTTP_BODY_CHUNKED)
        return both_framings(err);
    for (size_t i = 0; i < value.len; i++)
        if (!isdigit((unsigned char)value.ptr[i]))
            return err_set(err, ERR_REJECT, "http.length",
                           "Content-Length: octet 0x%02x is no digit",
                           (unsigned char)value.ptr[i]);
    if (value.len == 0)
        return err_set(err, ERR_REJECT, "http.length", "Content-Length: empty");
    if (value.len > LENGTH_DIGITS_MAX || !str_u64(value, &length))
        return err_set(err, ERR_REJECT, "http.body-large",
                       "Content-Length: a number of %zu digits", value.len);
    parser->head.framing = HTTP_BODY_LENGTH;
    parser->head.length = length;
    return true;
}

static bool on_transfer_encoding(struct http_parser *parser, struct str value,
                                 struct err *err)
{
    if (parser->head.framing == HTTP_BODY_LENGTH)
        return both_framings(err);
    if (!str_is_nocase(value, "chunked"))
        return err_set(err, ERR_REJECT, "http.framing",
                       "Transfer-Encoding: only \"chunked\", alone, is taken");
    parser->head.framing = HTTP_BODY_CHUNKED;
    return true;
}

static bool on_host(struct http_parser *parser, struct str value, struct err *err)
{
    for (size_t i = 0; i < value.len; i++)
        if (!alnum((unsigned char)value.ptr[i]) &&
            strchr("-._~:[]%", value.ptr[i]) == NULL)
            return err_set(err, ERR_REJECT, "http.host", "Host: octet 0x%02x",
                           (unsigned char)value.ptr[i]);
    if (value.len == 0)
        return err_set(err, ERR_REJECT, "http.host", "Host: empty");
    parser->host_at = (size_t)(value.ptr - parser->text.data);
    return true;
}

static bool on_expect(struct http_parser *parser, struct str value, struct err *err)
{
    if (!str_is_nocase(value, "100-continue"))
        return err_set(err, ERR_REJECT, "http.expect",
                       "Expect: only 100-continue can be met");
    parser->head.expect_continue = true;
    return true;
}

static bool on_content_encoding(struct http_parser *parser, struct str value,
                                struct err *err)
{
    (void)parser;
    if (str_is_nocase(value, "identity"))
        return true;
    return err_set(err, ERR_REJECT, "http.content-encoding",
                   "Content-Encoding: bodies are taken as they are, not compressed");
}

static bool on_connection(struct http_parser *parser, struct str value, struct err *err)
{
    struct str item;

    (void)err;
    while (str_next(&value, ',', &item))
        if (str_is_nocase(str_trim(item), "close"))
            parser->head.keep_alive = false;
    return true;
}

static bool on_single(struct http_parser *parser, struct str value, struct err *err)
{
    (void)parser;
    (void)value;
    (void)err;
    return true;
}

static const struct field {
    const char *name;
    bool (*on)(struct http_parser *parser, struct str value, struct err *err);
    bool repeats;
} fields[] = {
    { "content-length", on_content_length, false },
    { "transfer-encoding", on_transfer_encoding, false },
    { "host", on_host, false },
    { "expect", on_expect, false },
    { "content-encoding", on_content_encoding, false },
    { "connection", on_connection, true },
    { "content-type", on_single, false },
    { "authorization", on_single, false },
    { "idempotency-key", on_single, false },
    { "cookie", on_single, false },
    { "if-match", on_single, false },
};

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (text_eq(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static bool seen_before(const struct http_parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->head.header_count; i++)
        if (text_eq(parser->text.data + parser->name_at[i], name))
            return true;
    return false;
}

static bool obey_field(struct http_parser *parser, const char *name, struct str value,
                       struct err *err)
{
    const struct field *field = find_field(name);

    if (field == NULL)
        return true;
    if (!field->repeats && seen_before(parser, name))
        return err_set(err, ERR_REJECT, "http.repeated", "header %s: stands there twice",
                       field->name);
    return field->on(parser, value, err);
}

/* --- header lines --------------------------------------------------------------------------- */

static bool read_name(struct http_parser *parser, struct str name, struct err *err)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (!http_token_octet(c))
            return err_set(err, ERR_REJECT, "http.header",
                           "header line %zu: octet 0x%02x in a field name", parser->lines,
                           c);
        parser->text.data[parser->line + i] = (char)tolower(c);
    }
    if (name.len == 0)
        return err_set(err, ERR_REJECT, "http.header", "header line %zu: no field name",
                       parser->lines);
    return true;
}

static bool read_header(struct http_parser *parser, struct str line, struct err *err)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t at = parser->head.header_count;
    struct str value;

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return err_set(err, ERR_REJECT, "http.fold",
                       "header line %zu: begins with a blank (folding is not taken)",
                       parser->lines);
    if (colon == NULL)
        return err_set(err, ERR_REJECT, "http.header", "header line %zu: no colon",
                       parser->lines);
    if (at == HTTP_HEADERS_MAX)
        return err_set(err, ERR_REJECT, "http.headers-many", "over %d header fields",
                       HTTP_HEADERS_MAX);
    if (!read_name(parser, (struct str){ line.ptr, (size_t)(colon - line.ptr) }, err))
        return false;
    value =
        str_trim((struct str){ colon + 1, (size_t)(line.ptr + line.len - colon - 1) });
    parser->name_at[at] = parser->line;
    parser->value_at[at] = (size_t)(value.ptr - parser->text.data);
    parser->text.data[colon - parser->text.data] = '\0';
    parser->text.data[parser->value_at[at] + value.len] = '\0';
    if (!obey_field(parser, parser->text.data + parser->line, value, err))
        return false;
    parser->head.header_count++;
    return true;
}

/* --- octets --------------------------------------------------------------------------------- */

static bool end_line(struct http_parser *parser, bool *ret_done, struct err *err)
{
    struct str line = { parser->text.data + parser->line,
                        parser->text.len - parser->line };
    bool good = true;

    if (parser->lines == 0) {
        parser->head.keep_alive = true;
        good = line.len > 0 ? read_request_line(parser, line, err)
                            : err_set(err, ERR_REJECT, "http.request-line",
                                      "request line: an empty line");
    } else if (line.len == 0) {
        *ret_done = true;
        if (parser->host_at == 0)
            good = err_set(err, ERR_REJECT, "http.host", "no Host header");
    } else {
        good = read_header(parser, line, err);
    }
    parser->lines++;
    (void)buf_addc(&parser->text, '\0');
    parser->line = parser->text.len;
    return good;
}

static bool add_octet(struct http_parser *parser, unsigned char c, struct err *err)
{
    if (c == '\n')
        return err_set(err, ERR_REJECT, "http.line", "line %zu: ends in LF without CR",
                       parser->lines + 1);
    if (!http_value_octet(c))
        return err_set(err, ERR_REJECT, "http.control", "line %zu: control octet 0x%02x",
                       parser->lines + 1, c);
    if (parser->lines == 0 && parser->text.len == HTTP_REQUEST_LINE_MAX)
        return err_set(err, ERR_REJECT, "http.target-long",
                       "request line: over %d octets", HTTP_REQUEST_LINE_MAX);
    (void)buf_addc(&parser->text, (char)c);
    return true;
}

static bool feed_octet(struct http_parser *parser, unsigned char c, bool *ret_done,
                       struct err *err)
{
    if (++parser->octets > HTTP_HEAD_MAX)
        return err_set(err, ERR_REJECT, "http.head-large", "head: over %d octets",
                       HTTP_HEAD_MAX);
    if (parser->cr) {
        parser->cr = false;
        if (c != '\n')
            return err_set(err, ERR_REJECT, "http.line", "line %zu: CR without LF",
                           parser->lines + 1);
        return end_line(parser, ret_done, err);
    }
    if (c != '\r')
        return add_octet(parser, c, err);
    parser->cr = true;
    return true;
}

enum http_parse http_parser_feed(struct http_parser *parser, const char *data, size_t len,
                                 size_t *ret_used, struct err *err)
{
    bool done = false;
    size_t i = 0;

    if (parser->ended) {
        *ret_used = 0;
        (void)err_set(err, ERR_BUG, "http.parser-ended",
                      "head: octets after its end or after a refusal");
        return HTTP_PARSE_REFUSED;
    }
    while (i < len && !done) {
        if (!feed_octet(parser, (unsigned char)data[i++], &done, err)) {
            parser->ended = true;
            *ret_used = i;
            return HTTP_PARSE_REFUSED;
        }
    }
    parser->ended = done;
    *ret_used = i;
    return done ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}

void http_parser_take(struct http_parser *parser, struct http_head *ret_head)
{
    struct http_head *head = &parser->head;

    head->text_len = parser->text.len;
    head->text = buf_detach(&parser->text);
    head->path = head->text + parser->path_at;
    head->query = parser->query_at > 0 ? head->text + parser->query_at : NULL;
    head->host = head->text + parser->host_at;
    for (size_t i = 0; i < head->header_count; i++)
        head->headers[i] = (struct http_header){ head->text + parser->name_at[i],
                                                 head->text + parser->value_at[i] };
    *ret_head = *head;
    *head = (struct http_head){ 0 };
    http_parser_init(parser);
}
