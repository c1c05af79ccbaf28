/*
 * gzip.c - zlib in both directions, as a sink, as a source, or in one go.
 *
 * The reader is stricter than zlib: the first four octets are judged here, so that zlib streams
 * and raw deflate have their own name; after the one member nothing may follow; and the caps are
 * looked at after each piece of output, before it is handed on. What was handed on before an
 * error was found is the caller's to throw away.
 */
#include "format/gzip.h"

#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define PIECE      (16 * 1024) /* octets of output handed on at a time */
#define PULL       4096        /* octets of input a source takes at a time */
#define READY_MAX  (8 << 20)   /* octets PULL can become: deflate reaches 1032 to 1 */
#define LEVEL      6
#define GZIP_BITS  (15 + 16) /* largest window, gzip wrapper */
#define UNKNOWN_OS 255       /* RFC 1952 2.3.1 */

const struct gzip_limits gzip_limits_part = { UINT64_C(64) << 20, 200, 1 << 20 };

struct gzip {
    struct sink sink;
    struct sink *to;
    z_stream z;
    gz_header header; /* zlib keeps a pointer to it */
    struct gzip_limits limits;
    bool packing, done;
    unsigned head;    /* octets of the header that were judged */
    uint64_t in, out; /* octets so far */
};

/* --- both ways --------------------------------------------------------------------------- */

struct sink *gzip_sink(struct gzip *gzip)
{
    return &gzip->sink;
}

void gzip_free(struct gzip **gzip)
{
    if (*gzip == NULL)
        return;
    if ((*gzip)->packing)
        deflateEnd(&(*gzip)->z);
    else
        inflateEnd(&(*gzip)->z);
    mem_free(gzip);
}

static void *take_memory(void *ctx, unsigned count, unsigned size)
{
    (void)ctx;
    return mem_array(count, size);
}

static void drop_memory(void *ctx, void *p)
{
    (void)ctx;
    mem_free(&p);
}

static struct gzip *make(struct sink *to, bool packing)
{
    struct gzip *gzip = mem_alloc(sizeof *gzip);

    gzip->to = to;
    gzip->packing = packing;
    gzip->z.zalloc = take_memory;
    gzip->z.zfree = drop_memory;
    return gzip;
}

/* zlib counts in unsigned int. */
static unsigned input_piece(size_t len)
{
    return len < (1u << 30) ? (unsigned)len : 1u << 30;
}

/* --- packing ----------------------------------------------------------------------------- */

/* Runs deflate until it wants more input (or, flushing, is finished). */
static bool run_deflate(struct gzip *gzip, int flush, struct err *err)
{
    unsigned char piece[PIECE];
    int rc;

    do {
        gzip->z.next_out = piece;
        gzip->z.avail_out = sizeof piece;
        rc = deflate(&gzip->z, flush);
        if (gzip->z.avail_out < sizeof piece &&
            !gzip->to->write(gzip->to, piece, sizeof piece - gzip->z.avail_out, err))
            return false;
    } while (gzip->z.avail_out == 0 || (flush == Z_FINISH && rc == Z_OK));
    return true;
}

static bool pack_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    struct gzip *gzip = (struct gzip *)sink;
    const unsigned char *p = data;

    while (len > 0) {
        unsigned piece = input_piece(len);

        gzip->z.next_in = (unsigned char *)(uintptr_t)p; /* zlib only reads it */
        gzip->z.avail_in = piece;
        if (!run_deflate(gzip, Z_NO_FLUSH, err))
            return false;
        p += piece;
        len -= piece;
    }
    return true;
}

struct gzip *gzip_packer(struct sink *to)
{
    struct gzip *gzip = make(to, true);

    gzip->sink.write = pack_write;
    deflateInit2(&gzip->z, LEVEL, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY);
    gzip->header.os = UNKNOWN_OS;
    deflateSetHeader(&gzip->z, &gzip->header);
    return gzip;
}

/* --- unpacking --------------------------------------------------------------------------- */

/* RFC 1952 2.3.1: ID1 ID2 CM FLG; the upper three flags are reserved. */
static bool judge_head(struct gzip *gzip, const unsigned char *p, size_t len,
                       struct err *err)
{
    static const unsigned char magic[] = { 0x1F, 0x8B };

    for (size_t i = 0; i < len && gzip->head < 4; i++, gzip->head++) {
        if (gzip->head < 2 && p[i] != magic[gzip->head])
            return err_set(err, ERR_REJECT, "gzip.not-gzip",
                           "the content does not begin as gzip does");
        if ((gzip->head == 2 && p[i] != Z_DEFLATED) ||
            (gzip->head == 3 && (p[i] & 0xE0) != 0))
            return err_set(err, ERR_REJECT, "gzip.header",
                           "the gzip header names an unknown method or reserved flags");
    }
    return true;
}

static bool check_caps(const struct gzip *gzip, struct err *err)
{
    const struct gzip_limits *limits = &gzip->limits;

    if (gzip->out > limits->octets)
        return err_set(err, ERR_REJECT, "gzip.too-large",
                       "the content inflates to over %llu octets",
                       (unsigned long long)limits->octets);
    if (gzip->out > limits->ratio_from && gzip->out / limits->ratio > gzip->in)
        return err_set(err, ERR_REJECT, "gzip.ratio",
                       "the content inflates to over %u times its size", limits->ratio);
    return true;
}

static bool run_inflate(struct gzip *gzip, struct err *err)
{
    unsigned char piece[PIECE];

    do {
        unsigned before = gzip->z.avail_in;
        size_t got;
        int rc;

        gzip->z.next_out = piece;
        gzip->z.avail_out = sizeof piece;
        rc = inflate(&gzip->z, Z_NO_FLUSH);
        got = sizeof piece - gzip->z.avail_out;
        gzip->in += before - gzip->z.avail_in;
        gzip->out += got;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return err_set(err, ERR_REJECT, "gzip.damaged",
                           "the gzip content is damaged behind %llu octets",
                           (unsigned long long)gzip->in);
        if (!check_caps(gzip, err) ||
            (got > 0 && !gzip->to->write(gzip->to, piece, got, err)))
            return false;
        gzip->done = rc == Z_STREAM_END;
    } while (!gzip->done && gzip->z.avail_out == 0);
    return true;
}

static bool unpack_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    struct gzip *gzip = (struct gzip *)sink;
    const unsigned char *p = data;

    if (!judge_head(gzip, p, len, err))
        return false;
    while (len > 0) {
        unsigned piece = input_piece(len);

        if (gzip->done)
            break;
        gzip->z.next_in = (unsigned char *)(uintptr_t)p; /* zlib only reads it */
        gzip->z.avail_in = piece;
        if (!run_inflate(gzip, err))
            return false;
        p += piece - gzip->z.avail_in;
        len -= piece - gzip->z.avail_in;
    }
    return len == 0 || err_set(err, ERR_REJECT, "gzip.trailing",
                               "something stands behind the end of the gzip content");
}

struct gzip *gzip_unpacker(struct sink *to, const struct gzip_limits *limits)
{
    struct gzip *gzip = make(to, false);

    gzip->sink.write = unpack_write;
    gzip->limits = limits != NULL ? *limits : gzip_limits_part;
    inflateInit2(&gzip->z, GZIP_BITS);
    return gzip;
}

bool gzip_end(struct gzip *gzip, struct err *err)
{
    if (gzip->packing) {
        gzip->z.avail_in = 0;
        return run_deflate(gzip, Z_FINISH, err);
    }
    return gzip->done || err_set(err, ERR_REJECT, "gzip.truncated",
                                 "the gzip content ends before its trailer");
}

/* --- in one go --------------------------------------------------------------------------- */

bool gzip_pack(const struct source *from, struct sink *to, struct err *err)
{
    AUTO(gzip_free) struct gzip *gzip = gzip_packer(to);

    return source_copy(from, &gzip->sink, err) && gzip_end(gzip, err);
}

bool gzip_unpack(const struct source *from, struct sink *to,
                 const struct gzip_limits *limits, uint64_t *ret_size, struct err *err)
{
    AUTO(gzip_free) struct gzip *gzip = gzip_unpacker(to, limits);

    if (!source_copy(from, &gzip->sink, err) || !gzip_end(gzip, err))
        return false;
    if (ret_size != NULL)
        *ret_size = gzip->out;
    return true;
}

/* --- as sources -------------------------------------------------------------------------- */

struct gzip_source {
    struct source source;
    const struct source *of;
    struct gzip_limits limits;
    bool packing;
};

struct gzip_reader {
    struct reader reader;
    struct reader *inner;
    struct gzip *gzip;
    struct buf ready; /* made, and given out up to `given` */
    size_t given;
    struct buf_sink to;
    bool ended;
};

static bool fill(struct gzip_reader *r, struct err *err)
{
    unsigned char piece[PULL];
    size_t got;

    buf_clear(&r->ready);
    r->given = 0;
    if (!reader_read(r->inner, piece, sizeof piece, &got, err))
        return false;
    if (got > 0)
        return r->gzip->sink.write(&r->gzip->sink, piece, got, err);
    r->ended = true;
    return gzip_end(r->gzip, err);
}

static bool gzip_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    struct gzip_reader *r = (struct gzip_reader *)reader;

    while (r->given == r->ready.len && !r->ended)
        if (!fill(r, err))
            return false;
    if (len > r->ready.len - r->given)
        len = r->ready.len - r->given;
    memcpy(out, buf_str(&r->ready) + r->given, len);
    r->given += len;
    *ret_got = len;
    return true;
}

static void gzip_close(struct reader **reader)
{
    struct gzip_reader *r = (struct gzip_reader *)*reader;

    reader_close(&r->inner);
    gzip_free(&r->gzip);
    buf_free(&r->ready);
    mem_free(reader);
}

static bool gzip_open(const struct source *source, struct reader **ret, struct err *err)
{
    const struct gzip_source *s = (const struct gzip_source *)source;
    AUTO(reader_close) struct reader *inner = NULL;
    struct gzip_reader *r;

    if (!source_open(s->of, &inner, err))
        return false;
    r = mem_alloc(sizeof *r);
    r->reader = (struct reader){ gzip_read, gzip_close };
    r->inner = TAKE(inner);
    r->ready = (struct buf)BUF_SECRET_INIT(READY_MAX);
    r->to = sink_of_buf(&r->ready);
    r->gzip =
        s->packing ? gzip_packer(&r->to.sink) : gzip_unpacker(&r->to.sink, &s->limits);
    *ret = &r->reader;
    return true;
}

static void gzip_source_free(struct source **source)
{
    mem_free(source);
}

struct counter {
    struct sink sink;
    uint64_t octets;
};

static bool count_octets(struct sink *sink, const void *data, size_t len, struct err *err)
{
    (void)data;
    (void)err;
    ((struct counter *)sink)->octets += len;
    return true;
}

static struct source *make_source(const struct source *of,
                                  const struct gzip_limits *limits, bool packing,
                                  struct err *err)
{
    struct gzip_source *s = mem_alloc(sizeof *s);
    AUTO(source_free) struct source *made = &s->source;
    struct counter counter = { { count_octets }, 0 };
    bool ok;

    *s = (struct gzip_source){ { gzip_open, gzip_source_free, 0 }, of, *limits, packing };
    ok = packing ? gzip_pack(of, &counter.sink, err)
                 : gzip_unpack(of, &counter.sink, limits, NULL, err);
    made->size = counter.octets;
    return ok ? TAKE(made) : NULL;
}

struct source *gzip_packed(const struct source *of, struct err *err)
{
    return make_source(of, &gzip_limits_part, true, err);
}

struct source *gzip_unpacked(const struct source *of, const struct gzip_limits *limits,
                             struct err *err)
{
    return make_source(of, limits != NULL ? limits : &gzip_limits_part, false, err);
}
