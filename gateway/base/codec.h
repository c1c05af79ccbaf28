/*
 * codec.h - base64 (RFC 4648 section 4), hexadecimal.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;
struct err;

void base64_add(struct buf *out, const void *data, size_t len); /* one line, padded */
/*
 * Decodes to out. White space (blank, tab, CR, LF) is skipped; any other character outside the
 * alphabet, wrong padding, or set bits behind the end are ERR_REJECT "codec.base64".
 */
bool base64_decode(const char *text, size_t len, struct buf *out, struct err *err) NODISCARD;

void hex_add(struct buf *out, const void *data, size_t len); /* lower case */
bool hex_decode(const char *text, size_t len, struct buf *out, struct err *err) NODISCARD;

#endif
