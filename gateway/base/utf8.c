/*
 * utf8.c - strict UTF-8 after table 3-7 of the Unicode standard.
 */
#include "base/utf8.h"

#include <string.h>

/* The allowed second octets narrow for E0, ED, F0, F4: overlong forms, surrogates, the end. */
size_t utf8_next(const char *text, size_t len, uint32_t *ret_cp)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xBF;
    uint32_t cp;
    size_t need;

    if (len == 0)
        return 0;
    if (p[0] < 0x80) {
        *ret_cp = p[0];
        return 1;
    }
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    need = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (len < need)
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    cp = p[0] & (0x7Fu >> need);
    for (size_t i = 1; i < need; i++) {
        if (p[i] < low || p[i] > high)
            return 0;
        cp = cp << 6 | (p[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *ret_cp = cp;
    return need;
}

ptrdiff_t utf8_bad(const void *data, size_t len)
{
    const char *p = data;
    size_t at = 0;

    while (at < len) {
        uint64_t eight;
        uint32_t cp;
        size_t step;

        if (len - at >= sizeof eight) { /* eight ASCII octets at a time */
            memcpy(&eight, p + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        step = utf8_next(p + at, len - at, &cp);
        if (step == 0)
            return (ptrdiff_t)at;
        at += step;
    }
    return -1;
}

size_t utf8_put(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return 0;
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_count(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

size_t utf8_cut(const char *text, size_t max)
{
    size_t at = 0, count = 0;

    for (; text[at] != '\0'; at++)
        if (((unsigned char)text[at] & 0xC0) != 0x80 && count++ == max)
            break;
    return at;
}
