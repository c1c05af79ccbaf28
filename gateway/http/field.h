/*
 * field.h - small readers for what stands in targets and header fields.
 */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct buf;
struct err;

/*
 * Undo percent-encoding (RFC 3986 section 2.1). Refused with ERR_REJECT "http.percent": a '%'
 * without two hexadecimal digits, %00 and other control characters, and a result that is not
 * UTF-8. '+' stays '+'.
 */
NODISCARD bool http_percent_decode(struct str text, struct buf *out, struct err *err);

/* Adds text with everything but RFC 3986's unreserved characters percent-encoded. */
void http_percent_encode(const char *text, struct buf *out);

/*
 * The next segment of a path, decoded: "/cases/K7QX%2D1" gives "cases", "K7QX-1". *rest is
 * moved behind it; *ret_end instead when nothing is left. An empty segment ("//", or a slash
 * at the end) is ERR_REJECT "http.path", and so is an encoded slash.
 */
NODISCARD bool http_path_next(struct str *rest, struct buf *out, bool *ret_end,
                              struct err *err);

/*
 * A query parameter by name, decoded ('+' is a blank here, as forms write it). *ret_found
 * false when it is not there. The same name twice is ERR_REJECT "http.query-repeated"; faults
 * of decoding are "http.percent". query may be NULL.
 */
NODISCARD bool http_query(const char *query, const char *name, struct buf *out,
                          bool *ret_found, struct err *err);

/*
 * A query parameter that is not in `known` (NULL-terminated), copied to out: so that a
 * misspelt filter is refused instead of ignored. False when there is none.
 */
bool http_query_unknown(const char *query, const char *const *known, struct buf *out);

/* Is the media type of a Content-Type value this one ("text/xml")? Parameters and case do not
 * count; NULL is nothing. */
bool http_type_is(const char *content_type, const char *media_type);

/* Does an Accept value take this type? NULL or "" takes all; "*" ranges and q=0 are read. */
bool http_accepts(const char *accept, const char *media_type);

/* Retry-After (RFC 9110 section 10.2.3): seconds from now, for digits as for a date; false
 * when it is neither. A date gone by is 0. */
bool http_retry_after(const char *value, int64_t now_ms, int64_t *ret_seconds);

/* The date of RFC 9110 section 5.6.7: "Tue, 24 Nov 2026 09:00:00 GMT". */
#define HTTP_DATE_TEXT 30
void http_date_print(int64_t ms, char out[HTTP_DATE_TEXT]);

/* token of RFC 9110 section 5.6.2, and what may stand in a field value. */
bool http_token_octet(unsigned char c);
bool http_value_octet(unsigned char c);
bool http_token_valid(const char *text);
bool http_value_valid(const char *text);

/* "OK", "Not Found", ...: static; "Status" for a number without a name. */
const char *http_reason(int status);

#endif
