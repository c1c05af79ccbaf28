/*
 * utf8.h - strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First bad octet's offset, or -1 when all of it is well-formed. */
ptrdiff_t utf8_bad(const void *data, size_t len);

/* Next code point and its length in octets; 0 at a bad sequence or the end. */
size_t utf8_next(const char *text, size_t len, uint32_t *ret_cp);

/* Writes up to 4 octets, returns how many; 0 for what is no scalar value. */
size_t utf8_put(uint32_t cp, char out[4]);

size_t utf8_count(const char *text); /* code points, of well-formed text */

/* Octets of the longest prefix that has at most `max` code points. */
size_t utf8_cut(const char *text, size_t max);

#endif
