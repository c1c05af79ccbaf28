/*
 * charset.h - text in one-octet-per-letter encodings and UTF-8, strictly both ways.
 *
 * Known: UTF-8, US-ASCII, windows-1250 .. 1258, ISO-8859-1 .. 16, KOI8-R, KOI8-U, cp855, cp866,
 * cp852, under their usual names in any case. An octet that has no letter in the encoding is an
 * error, C1 controls included; a character that an encoding lacks is an error, never a '?'.
 * A charset is static, immutable and shared between threads.
 */
#ifndef FORMAT_CHARSET_H
#define FORMAT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct buf;
struct charset;
struct err;

const struct charset *charset_find(struct str name); /* NULL: not known */
const struct charset *charset_utf8(void);
const char *
charset_name(const struct charset *charset); /* as an XML declaration says it */

/*
 * To UTF-8, added to out. ERR_REJECT "charset.undecodable": names the octet's value, its offset
 * and line (both from the start, line from 1).
 */
bool charset_decode(const struct charset *charset, const void *data, size_t len,
                    struct buf *out, struct err *err) NODISCARD;

/* From well-formed UTF-8. ERR_REJECT "charset.unwritable": names the character and its position. */
bool charset_encode(const struct charset *charset, const char *text, size_t len,
                    struct buf *out, struct err *err) NODISCARD;

/*
 * The position (code points from 0) of the first character of well-formed UTF-8 that cannot be
 * written in the charset, or -1. ret_cp may be NULL.
 */
ptrdiff_t charset_first_unfit(const struct charset *charset, const char *text, size_t len,
                              uint32_t *ret_cp);
bool charset_fits(const struct charset *charset, const char *text);

/* UTF-8 as it came: ERR_REJECT "charset.utf8" naming octet, offset and line. */
bool charset_check_utf8(const void *data, size_t len, struct err *err) NODISCARD;

#endif
