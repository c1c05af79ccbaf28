/*
 * buf.c - growing octets under a ceiling.
 *
 * Doubles its memory, never beyond the ceiling and one octet for the closing NUL. A buffer
 * marked `wipe` is moved by hand, so that no copy of a secret stays behind in freed memory.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define BUF_FIRST 64 /* octets a buffer begins with */

static void move(struct buf *buf, size_t cap)
{
    char *to;

    if (!buf->wipe) {
        buf->data = mem_realloc(buf->data, cap, 1);
        buf->data[buf->len] = '\0';
        buf->cap = cap;
        return;
    }
    to = mem_alloc(cap);
    if (buf->data != NULL) {
        memcpy(to, buf->data, buf->len);
        mem_wipe(buf->data, buf->cap);
        mem_free(&buf->data);
    }
    buf->data = to;
    buf->cap = cap;
}

/* Room for len more octets and the NUL, or false and over. */
static bool reserve(struct buf *buf, size_t len)
{
    size_t need, cap;

    if (buf->over || len > buf->max || buf->len > buf->max - len) {
        buf->over = true;
        return false;
    }
    need = buf->len + len + 1;
    if (need <= buf->cap)
        return true;
    cap = buf->cap > 0 ? buf->cap : BUF_FIRST;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap - 1 > buf->max)
        cap = buf->max + 1;
    move(buf, cap);
    return true;
}

bool buf_add(struct buf *buf, const void *data, size_t len)
{
    if (!reserve(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return true;
}

bool buf_adds(struct buf *buf, const char *text)
{
    return buf_add(buf, text, text == NULL ? 0 : strlen(text));
}

bool buf_addc(struct buf *buf, char c)
{
    return buf_add(buf, &c, 1);
}

bool buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    bool ok;

    va_start(args, fmt);
    ok = buf_vaddf(buf, fmt, args);
    va_end(args);
    return ok;
}

bool buf_vaddf(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (len < 0)
        buf->over = true;
    if (len < 0 || !reserve(buf, (size_t)len))
        return false;
    vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    buf->len += (size_t)len;
    return true;
}

char *buf_room(struct buf *buf, size_t len)
{
    return reserve(buf, len) ? buf->data + buf->len : NULL;
}

void buf_added(struct buf *buf, size_t len)
{
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_remove_head(struct buf *buf, size_t len)
{
    if (len == 0)
        return;
    buf->len -= len;
    memmove(buf->data, buf->data + len, buf->len);
    if (buf->wipe)
        mem_wipe(buf->data + buf->len, len);
    buf->data[buf->len] = '\0';
}

void buf_clear(struct buf *buf)
{
    buf->over = false;
    if (buf->data == NULL)
        return;
    if (buf->wipe)
        mem_wipe(buf->data, buf->cap);
    buf->len = 0;
    buf->data[0] = '\0';
}

void buf_free(struct buf *buf)
{
    if (buf->data != NULL && buf->wipe)
        mem_wipe(buf->data, buf->cap);
    mem_free(&buf->data);
    buf->len = 0;
    buf->cap = 0;
    buf->over = false;
}

char *buf_detach(struct buf *buf)
{
    char *text = buf->data != NULL ? TAKE(buf->data) : mem_strdup("");

    buf->len = 0;
    buf->cap = 0;
    buf->over = false;
    return text;
}

const char *buf_str(const struct buf *buf)
{
    return buf->data != NULL ? buf->data : "";
}

bool buf_check(const struct buf *buf, const char *what, struct err *err)
{
    if (!buf->over)
        return true;
    return err_set(err, ERR_REJECT, "buf.too-large", "%s is over %zu octets", what,
                   buf->max);
}
