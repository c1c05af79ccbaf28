/*
 * body.c - sources over memory, a descriptor, a buffer, and ranges of them.
 *
 * A reader over a descriptor uses pread(), so many may run side by side. A source that turns
 * out shorter than its size is an error, never a silent end: what was promised is delivered or
 * the call fails.
 */
#include "base/body.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* --- memory ------------------------------------------------------------------------------ */

struct memory_source {
    struct source source;
    const char *data;
    char *owned; /* NULL when borrowed */
    bool wipe;
};

struct memory_reader {
    struct reader reader;
    const char *at;
    size_t left;
};

static bool memory_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                        struct err *err)
{
    struct memory_reader *m = (struct memory_reader *)r;
    size_t got = len < m->left ? len : m->left;

    (void)err;
    if (got > 0)
        memcpy(out, m->at, got);
    m->at += got;
    m->left -= got;
    *ret_got = got;
    return true;
}

static void plain_close(struct reader **r)
{
    mem_free(r);
}

static struct reader *memory_reader(const char *data, size_t len)
{
    struct memory_reader *m = mem_alloc(sizeof *m);

    *m = (struct memory_reader){ { memory_read, plain_close }, data, len };
    return &m->reader;
}

static bool memory_open(const struct source *s, struct reader **ret, struct err *err)
{
    const struct memory_source *m = (const struct memory_source *)s;

    (void)err;
    *ret = memory_reader(m->data, (size_t)s->size);
    return true;
}

static void memory_free(struct source **s)
{
    struct memory_source *m = (struct memory_source *)*s;

    if (m->owned != NULL && m->wipe)
        mem_wipe(m->owned, (size_t)m->source.size);
    mem_free(&m->owned);
    mem_free(s);
}

static struct source *memory_source(const char *data, size_t len, char *owned, bool wipe)
{
    struct memory_source *m = mem_alloc(sizeof *m);

    *m = (struct memory_source){ { memory_open, memory_free, len }, data, owned, wipe };
    return &m->source;
}

struct source *source_of_copy(const void *data, size_t len)
{
    char *copy = mem_dup(data, len);

    return memory_source(copy, len, copy, false);
}

struct source *source_of_memory(const void *data, size_t len)
{
    return memory_source(data, len, NULL, false);
}

struct source *source_of_buf(struct buf *taken)
{
    size_t len = taken->len;
    char *data = buf_detach(taken);

    return memory_source(data, len, data, taken->wipe);
}

/* --- descriptor -------------------------------------------------------------------------- */

struct fd_source {
    struct source source;
    int fd;
    bool own;
    uint64_t offset;
};

struct fd_reader {
    struct reader reader;
    int fd;
    uint64_t at, left;
};

static bool fd_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                    struct err *err)
{
    struct fd_reader *f = (struct fd_reader *)r;
    ssize_t got = 0;

    if (len > f->left)
        len = (size_t)f->left;
    if (len > 0)
        do
            got = pread(f->fd, out, len, (off_t)f->at);
        while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_set(err, ERR_RETRY, "body.read", "reading stored octets: %s",
                       strerror(errno));
    if (got == 0 && f->left > 0 && len > 0)
        return err_set(err, ERR_RETRY, "body.short",
                       "stored octets end %llu octets before their size",
                       (unsigned long long)f->left);
    f->at += (uint64_t)got;
    f->left -= (uint64_t)got;
    *ret_got = (size_t)got;
    return true;
}

static struct reader *fd_reader(int fd, uint64_t offset, uint64_t len)
{
    struct fd_reader *f = mem_alloc(sizeof *f);

    *f = (struct fd_reader){ { fd_read, plain_close }, fd, offset, len };
    return &f->reader;
}

static bool fd_open(const struct source *s, struct reader **ret, struct err *err)
{
    const struct fd_source *f = (const struct fd_source *)s;

    (void)err;
    *ret = fd_reader(f->fd, f->offset, s->size);
    return true;
}

static void fd_free(struct source **s)
{
    struct fd_source *f = (struct fd_source *)*s;

    if (f->own)
        fd_close(&f->fd);
    mem_free(s);
}

struct source *source_of_fd(int fd, bool own, uint64_t offset, uint64_t len)
{
    struct fd_source *f = mem_alloc(sizeof *f);

    *f = (struct fd_source){ { fd_open, fd_free, len }, fd, own, offset };
    return &f->source;
}

/* --- a range of another ------------------------------------------------------------------ */

struct range_source {
    struct source source;
    const struct source *of;
    uint64_t offset;
};

/* Reads a source that can only begin at its start. */
struct range_reader {
    struct reader reader;
    struct reader *inner;
    uint64_t left;
};

static bool range_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                       struct err *err)
{
    struct range_reader *range = (struct range_reader *)r;
    size_t got = 0;

    if (len > range->left)
        len = (size_t)range->left;
    if (len > 0 && !reader_read(range->inner, out, len, &got, err))
        return false;
    if (got == 0 && len > 0)
        return err_set(err, ERR_RETRY, "body.short",
                       "a range ends %llu octets before its size",
                       (unsigned long long)range->left);
    range->left -= got;
    *ret_got = got;
    return true;
}

static void range_close(struct reader **r)
{
    struct range_reader *range = (struct range_reader *)*r;

    reader_close(&range->inner);
    mem_free(r);
}

static bool skip(struct reader *inner, uint64_t count, struct err *err)
{
    AUTO(mem_free) char *piece = mem_alloc(BODY_PIECE);

    while (count > 0) {
        size_t got, want = count < BODY_PIECE ? (size_t)count : BODY_PIECE;

        if (!reader_read(inner, piece, want, &got, err))
            return false;
        if (got == 0)
            return err_set(err, ERR_RETRY, "body.short",
                           "a source ends before a range of it");
        count -= got;
    }
    return true;
}

static bool skip_open(const struct source *of, uint64_t offset, uint64_t len,
                      struct reader **ret, struct err *err)
{
    AUTO(reader_close) struct reader *inner = NULL;
    struct range_reader *range;

    if (!source_open(of, &inner, err) || !skip(inner, offset, err))
        return false;
    range = mem_alloc(sizeof *range);
    *range = (struct range_reader){ { range_read, range_close }, TAKE(inner), len };
    *ret = &range->reader;
    return true;
}

static bool range_open(const struct source *s, struct reader **ret, struct err *err);

/* Directly where the kind allows it, through ranges of ranges too. */
static bool open_at(const struct source *of, uint64_t offset, uint64_t len,
                    struct reader **ret, struct err *err)
{
    if (offset > of->size || len > of->size - offset)
        return err_set(err, ERR_BUG, "body.range", "a range reaches behind its source");
    if (of->open == memory_open)
        *ret =
            memory_reader(((const struct memory_source *)of)->data + offset, (size_t)len);
    else if (of->open == fd_open)
        *ret = fd_reader(((const struct fd_source *)of)->fd,
                         ((const struct fd_source *)of)->offset + offset, len);
    else if (of->open == range_open)
        return open_at(((const struct range_source *)of)->of,
                       ((const struct range_source *)of)->offset + offset, len, ret, err);
    else
        return skip_open(of, offset, len, ret, err);
    return true;
}

static bool range_open(const struct source *s, struct reader **ret, struct err *err)
{
    const struct range_source *range = (const struct range_source *)s;

    return open_at(range->of, range->offset, s->size, ret, err);
}

static void range_free(struct source **s)
{
    mem_free(s);
}

struct source *source_of_range(const struct source *of, uint64_t offset, uint64_t len)
{
    struct range_source *range = mem_alloc(sizeof *range);

    *range = (struct range_source){ { range_open, range_free, len }, of, offset };
    return &range->source;
}

/* --- for all ----------------------------------------------------------------------------- */

bool source_open(const struct source *s, struct reader **ret, struct err *err)
{
    return s->open(s, ret, err);
}

void source_free(struct source **s)
{
    if (*s != NULL)
        (*s)->free(s);
}

bool reader_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                 struct err *err)
{
    return r->read(r, out, len, ret_got, err);
}

void reader_close(struct reader **r)
{
    if (*r != NULL)
        (*r)->close(r);
}

bool source_copy(const struct source *s, struct sink *to, struct err *err)
{
    AUTO(reader_close) struct reader *r = NULL;
    AUTO(mem_free) char *piece = mem_alloc(BODY_PIECE);
    size_t got;

    if (!source_open(s, &r, err))
        return false;
    for (;;) {
        if (!reader_read(r, piece, BODY_PIECE, &got, err))
            return false;
        if (got == 0)
            return true;
        if (!to->write(to, piece, got, err))
            return false;
    }
}

static bool buf_write(struct sink *s, const void *data, size_t len, struct err *err)
{
    struct buf *buf = ((struct buf_sink *)s)->buf;

    return buf_add(buf, data, len) || buf_check(buf, "content", err);
}

struct buf_sink sink_of_buf(struct buf *buf)
{
    return (struct buf_sink){ { buf_write }, buf };
}

bool source_load(const struct source *s, struct buf *out, struct err *err)
{
    struct buf_sink to = sink_of_buf(out);

    return source_copy(s, &to.sink, err);
}
