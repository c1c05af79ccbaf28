/*
 * field.c - percent-encoding, queries, media types, dates, reason phrases.
 *
 * Everything here is a function of its text; nothing is kept, nothing guessed: what is not
 * well-formed is refused with a code, never repaired. What a value means is the caller's.
 */
#include "http/field.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/utf8.h"

/* --- octet classes -------------------------------------------------------------------------- */

/* Of ASCII, whatever the locale. */
static bool alnum(unsigned char c)
{
    return c < 0x80 && isalnum(c);
}

bool http_token_octet(unsigned char c)
{
    return alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* VCHAR, blank, TAB, obs-text. */
bool http_value_octet(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

bool http_token_valid(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!http_token_octet((unsigned char)*p))
            return false;
    return text[0] != '\0';
}

bool http_value_valid(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!http_value_octet((unsigned char)*p))
            return false;
    return true;
}

/* --- percent-encoding ------------------------------------------------------------------------ */

static int hex_value(char c)
{
    if (!isxdigit((unsigned char)c))
        return -1;
    return c <= '9' ? c - '0' : tolower(c) - 'a' + 10;
}

static bool decode_escape(struct str text, size_t at, unsigned char *ret_octet,
                          struct err *err)
{
    int high = text.len - at >= 3 ? hex_value(text.ptr[at + 1]) : -1;
    int low = text.len - at >= 3 ? hex_value(text.ptr[at + 2]) : -1;

    if (high < 0 || low < 0)
        return err_set(err, ERR_REJECT, "http.percent",
                       "'%%' without two hexadecimal digits at octet %zu", at);
    *ret_octet = (unsigned char)(high << 4 | low);
    return true;
}

static bool decode(struct str text, bool plus_is_blank, struct buf *out, struct err *err)
{
    size_t start = out->len;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '+' && plus_is_blank)
            c = ' ';
        if (c == '%') {
            if (!decode_escape(text, i, &c, err))
                return false;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return err_set(err, ERR_REJECT, "http.percent",
                           "control character 0x%02x at octet %zu", c, i);
        (void)buf_addc(out, (char)c);
    }
    if (!buf_check(out, "percent-encoded text", err))
        return false;
    if (out->len > start && utf8_bad(out->data + start, out->len - start) >= 0)
        return err_set(err, ERR_REJECT, "http.percent",
                       "percent-encoded text is not UTF-8");
    return true;
}

bool http_percent_decode(struct str text, struct buf *out, struct err *err)
{
    return decode(text, false, out, err);
}

void http_percent_encode(const char *text, struct buf *out)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;

        if (alnum(c) || strchr("-._~", c) != NULL)
            (void)buf_addc(out, *p);
        else
            (void)buf_addf(out, "%%%02X", c);
    }
}

/* --- paths and queries ------------------------------------------------------------------------ */

static struct str upto_slash(struct str text)
{
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;

    return (struct str){ text.ptr,
                         slash == NULL ? text.len : (size_t)(slash - text.ptr) };
}

bool http_path_next(struct str *rest, struct buf *out, bool *ret_end, struct err *err)
{
    struct str after, segment = { NULL, 0 };
    size_t start = out->len;

    if (rest->len == 0) {
        *ret_end = true;
        return true;
    }
    if (rest->ptr[0] != '/')
        return err_set(err, ERR_REJECT, "http.path", "path: a segment without its slash");
    after = (struct str){ rest->ptr + 1, rest->len - 1 };
    segment = upto_slash(after);
    if (segment.len == 0)
        return err_set(err, ERR_REJECT, "http.path", "path: an empty segment");
    if (!http_percent_decode(segment, out, err))
        return false;
    if (memchr(out->data + start, '/', out->len - start) != NULL)
        return err_set(err, ERR_REJECT, "http.path", "path: an encoded slash");
    *rest = (struct str){ segment.ptr + segment.len, after.len - segment.len };
    *ret_end = false;
    return true;
}

static struct str split_pair(struct str *pair)
{
    struct str name = { pair->ptr, 0 };

    (void)str_next(pair, '=', &name);
    return name;
}

static bool name_is(struct str encoded, const char *name)
{
    AUTO(buf_free) struct buf text = BUF_INIT(256);
    struct err ignored;

    return decode(encoded, true, &text, &ignored) && text_eq(buf_str(&text), name);
}

bool http_query(const char *query, const char *name, struct buf *out, bool *ret_found,
                struct err *err)
{
    struct str rest = str_of(query), pair, value = { NULL, 0 };
    bool found = false;

    while (str_next(&rest, '&', &pair)) {
        if (!name_is(split_pair(&pair), name))
            continue;
        if (found)
            return err_set(err, ERR_REJECT, "http.query-repeated",
                           "query: parameter %s stands there twice", name);
        found = true;
        value = pair;
    }
    if (found && !decode(value, true, out, err))
        return err_context(err, "query: parameter %s", name);
    *ret_found = found;
    return true;
}

bool http_query_unknown(const char *query, const char *const *known, struct buf *out)
{
    struct str rest = str_of(query), pair;

    while (str_next(&rest, '&', &pair)) {
        struct str name = split_pair(&pair);
        bool found = name.len == 0;

        for (size_t i = 0; known[i] != NULL && !found; i++)
            found = name_is(name, known[i]);
        if (!found) {
            (void)buf_add(out, name.ptr, name.len);
            return true;
        }
    }
    return false;
}

/* --- media types ------------------------------------------------------------------------------ */

bool http_type_is(const char *content_type, const char *media_type)
{
    struct str rest = str_of(content_type), type;

    return str_next(&rest, ';', &type) && str_is_nocase(str_trim(type), media_type);
}

static bool range_takes(struct str range, struct str type)
{
    const char *slash = memchr(type.ptr, '/', type.len);
    size_t major = slash == NULL ? type.len : (size_t)(slash - type.ptr);

    if (str_is(range, "*/*") ||
        (range.len == type.len && strncasecmp(range.ptr, type.ptr, type.len) == 0))
        return true;
    return range.len == major + 2 && range.ptr[major] == '/' &&
           range.ptr[major + 1] == '*' && strncasecmp(range.ptr, type.ptr, major) == 0;
}

/* "q=0", "q=0.000": not acceptable. */
static bool quality_zero(struct str parameters)
{
    struct str item;

    while (str_next(&parameters, ';', &item)) {
        item = str_trim(item);
        if (item.len < 3 || strncasecmp(item.ptr, "q=", 2) != 0)
            continue;
        for (size_t i = 2; i < item.len; i++)
            if (item.ptr[i] != '0' && item.ptr[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool http_accepts(const char *accept, const char *media_type)
{
    struct str rest = str_of(accept), item;
    bool takes = false;

    if (text_empty(accept))
        return true;
    while (str_next(&rest, ',', &item)) {
        struct str parameters = item, range = { NULL, 0 };

        (void)str_next(&parameters, ';', &range);
        range = str_trim(range);
        if (range.len == 0 || !range_takes(range, str_of(media_type)))
            continue;
        if (quality_zero(parameters) && !str_is(range, "*/*"))
            return false;
        takes = takes || !quality_zero(parameters);
    }
    return takes;
}

/* --- dates ------------------------------------------------------------------------------------ */

static const char *const day_names[] = {
    "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"
};
static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

void http_date_print(int64_t ms, char out[HTTP_DATE_TEXT])
{
    int64_t days = floor_div(ms, DAY_MS);
    int second = (int)((ms - days * DAY_MS) / SECOND_MS);
    struct civil date = civil_of_days(days);

    (void)snprintf(out, HTTP_DATE_TEXT, "%s, %02d %s %04d %02d:%02d:%02d GMT",
                   day_names[civil_weekday(date) % 7], date.day % 100,
                   month_names[(date.month - 1) % 12], date.year % 10000,
                   second / 3600 % 24, second / 60 % 60, second % 60);
}

static int month_of(const char *name)
{
    for (int i = 0; i < 12; i++)
        if (strcmp(month_names[i], name) == 0)
            return i + 1;
    return 0;
}

/* IMF-fixdate alone; the two obsolete forms are not generated by anything we speak to. */
static bool date_parse(const char *text, int64_t *ret_ms)
{
    char month[4] = "";
    int hour, minute, second, end = 0;
    struct civil date;

    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &date.day,
               month, &date.year, &hour, &minute, &second, &end) != 6 ||
        end != HTTP_DATE_TEXT - 1 || text[end] != '\0')
        return false;
    date.month = month_of(month);
    if (!civil_valid(date) || hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_ms = civil_days(date) * DAY_MS +
              ((hour * 60 + minute) * INT64_C(60) + second) * SECOND_MS;
    return true;
}

bool http_retry_after(const char *value, int64_t now_ms, int64_t *ret_seconds)
{
    struct str text = str_trim(str_of(value));
    uint64_t seconds;
    int64_t at_ms;

    if (text.len > 0 && text.len <= 9 && str_u64(text, &seconds)) {
        *ret_seconds = (int64_t)seconds;
        return true;
    }
    if (value == NULL || !date_parse(value, &at_ms))
        return false;
    *ret_seconds = at_ms > now_ms ? (at_ms - now_ms + SECOND_MS - 1) / SECOND_MS : 0;
    return true;
}

/* --- reason phrases ---------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}
