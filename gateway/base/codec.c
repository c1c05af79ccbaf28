/*
 * codec.c - base64 and hexadecimal, strictly.
 *
 * One text per value is accepted apart from white space in base64: padding must be right and
 * the bits behind the end zero, so that nothing travels in them. On an error nothing is added.
 */
#include "base/codec.h"

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define BAD   255
#define SPACE 254
#define PAD   253

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

static unsigned char base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned char)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (unsigned char)(c - '0' + 52);
    if (c == '+')
        return 62;
    if (c == '/')
        return 63;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
        return SPACE;
    return c == '=' ? PAD : BAD;
}

void base64_add(struct buf *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    char *to;

    if (len > SIZE_MAX / 2 || (to = buf_room(out, (len + 2) / 3 * 4)) == NULL) {
        out->over = true;
        return;
    }
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                     (left > 2 ? p[i + 2] : 0u);

        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[v & 63] : '=';
    }
    buf_added(out, (len + 2) / 3 * 4);
}

/* The state between characters: up to four values, and the padding seen. */
struct base64 {
    uint32_t bits;
    unsigned values, pads;
};

/* Takes one character; false when it cannot stand here. */
static bool base64_step(struct base64 *b, unsigned char v, struct buf *out)
{
    if (v == PAD) {
        b->pads++;
        return b->values + b->pads <= 4 && b->values >= 2;
    }
    if (v > 63 || b->pads > 0)
        return false;
    b->bits = b->bits << 6 | v;
    if (++b->values == 4) {
        const unsigned char three[3] = { (unsigned char)(b->bits >> 16),
                                         (unsigned char)(b->bits >> 8),
                                         (unsigned char)b->bits };

        buf_add(out, three, 3);
        *b = (struct base64){ 0 };
    }
    return true;
}

/* The last, padded group; false when it is incomplete or bits are left over. */
static bool base64_end(const struct base64 *b, struct buf *out)
{
    if (b->values == 0 && b->pads == 0)
        return true;
    if (b->values + b->pads != 4)
        return false;
    if (b->values == 2) {
        buf_addc(out, (char)(b->bits >> 4));
        return (b->bits & 0xF) == 0;
    }
    buf_addc(out, (char)(b->bits >> 10));
    buf_addc(out, (char)(b->bits >> 2));
    return (b->bits & 0x3) == 0;
}

/* Forget what a failed call has added. */
static void back_to(struct buf *out, size_t len)
{
    if (out->data != NULL) {
        out->len = len;
        out->data[len] = '\0';
    }
}

bool base64_decode(const char *text, size_t len, struct buf *out, struct err *err)
{
    struct base64 b = { 0 };
    size_t before = out->len;

    for (size_t i = 0; i < len; i++) {
        unsigned char v = base64_value(text[i]);

        if (v != SPACE && !base64_step(&b, v, out)) {
            back_to(out, before);
            return err_set(err, ERR_REJECT, "codec.base64",
                           "base64 has an octet at offset %zu that cannot stand there",
                           i);
        }
    }
    if (!base64_end(&b, out)) {
        back_to(out, before);
        return err_set(err, ERR_REJECT, "codec.base64",
                       "base64 of %zu characters is cut off or has stray bits at its end",
                       len);
    }
    return buf_check(out, "decoded base64", err);
}

void hex_add(struct buf *out, const void *data, size_t len)
{
    const unsigned char *p = data;
    char *to;

    if (len > SIZE_MAX / 2 || (to = buf_room(out, len * 2)) == NULL) {
        out->over = true;
        return;
    }
    for (size_t i = 0; i < len; i++) {
        *to++ = hex_digits[p[i] >> 4];
        *to++ = hex_digits[p[i] & 15];
    }
    buf_added(out, len * 2);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(const char *text, size_t len, struct buf *out, struct err *err)
{
    size_t before = out->len;

    if (len % 2 != 0)
        return err_set(err, ERR_REJECT, "codec.hex",
                       "%zu hexadecimal digits make no octets", len);
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_value(text[i]), low = hex_value(text[i + 1]);

        if (high < 0 || low < 0) {
            back_to(out, before);
            return err_set(err, ERR_REJECT, "codec.hex",
                           "no hexadecimal digit at offset %zu", high < 0 ? i : i + 1);
        }
        buf_addc(out, (char)(high << 4 | low));
    }
    return buf_check(out, "decoded hexadecimal", err);
}
