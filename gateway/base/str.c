/*
 * str.c - views of text and the small questions asked of them. Nothing here allocates, and
 * nothing depends on the locale.
 */
#include "base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_of(const char *text)
{
    return text == NULL ? (struct str){ "", 0 } : (struct str){ text, strlen(text) };
}

bool str_is(struct str s, const char *text)
{
    return s.len == strlen(text) && (s.len == 0 || memcmp(s.ptr, text, s.len) == 0);
}

bool str_is_nocase(struct str s, const char *ascii)
{
    if (s.len != strlen(ascii))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (lower(s.ptr[i]) != lower(ascii[i]))
            return false;
    return true;
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* A rest that has given its last item has a NULL pointer. */
bool str_next(struct str *rest, char sep, struct str *ret_item)
{
    const char *at;

    if (rest->ptr == NULL)
        return false;
    at = rest->len > 0 ? memchr(rest->ptr, sep, rest->len) : NULL;
    if (at == NULL) {
        *ret_item = *rest;
        *rest = (struct str){ NULL, 0 };
        return true;
    }
    *ret_item = (struct str){ rest->ptr, (size_t)(at - rest->ptr) };
    rest->len -= ret_item->len + 1;
    rest->ptr = at + 1;
    return true;
}

bool text_eq(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool text_starts(const char *text, const char *prefix)
{
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t len = text == NULL ? 0 : strlen(text), tail = strlen(suffix);

    return len >= tail && text != NULL && strcmp(text + len - tail, suffix) == 0;
}

bool text_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

bool str_u64(struct str s, uint64_t *ret)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return false;
    }
    *ret = n;
    return true;
}

bool str_i64(struct str s, int64_t *ret)
{
    bool minus = s.len > 0 && s.ptr[0] == '-';
    uint64_t n;

    if (minus) {
        s.ptr++;
        s.len--;
    }
    if (!str_u64(s, &n) || n > (uint64_t)INT64_MAX + minus)
        return false;
    *ret = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool octets_equal(const void *a, const void *b, size_t len)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char differ = 0;

    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(x[i] ^ y[i]);
    return differ == 0;
}
