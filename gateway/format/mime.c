/*
 * mime.c - a multipart body split where it lies.
 *
 * One pass over the source with a window of WINDOW octets. A delimiter is CRLF "--" boundary,
 * then blanks and a line end, or "--" for the last (RFC 2046 5.1.1); at the very start of the
 * body the CRLF may be missing. The same octets without CRLF before them, or with more letters
 * behind, are content. The CRLF belongs to the delimiter, so a part may be empty.
 */
#include "format/mime.h"

#include <string.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/mime_private.h"

#define WINDOW   (64 * 1024) /* octets looked at at a time */
#define LINE_MAX 1024        /* octets of a delimiter line with its blanks */

const struct mime_limits mime_limits_default = { 33, 16, 8 * 1024, 1024 };

/* --- the window -------------------------------------------------------------------------- */

/* A moving view of the body: what stands in `buf` from `pos` on; `at` is its place there. */
struct window {
    struct reader *reader;
    struct buf buf;
    size_t pos;
    uint64_t at;
    bool end; /* nothing more to read */
};

static struct str seen(const struct window *w)
{
    return (struct str){ buf_str(&w->buf) + w->pos, w->buf.len - w->pos };
}

/* At least `want` octets in view, or the end of the body. */
static bool view(struct window *w, size_t want, struct err *err)
{
    while (!w->end && seen(w).len < want) {
        size_t got;
        char *to;

        buf_remove_head(&w->buf, w->pos);
        w->pos = 0;
        to = buf_room(&w->buf, WINDOW);
        if (to == NULL)
            return buf_check(&w->buf, "the window of a multipart body", err);
        if (!reader_read(w->reader, to, WINDOW, &got, err))
            return false;
        buf_added(&w->buf, got);
        w->end = got == 0;
    }
    return true;
}

static void advance(struct window *w, size_t len)
{
    w->pos += len;
    w->at += len;
}

static void window_close(struct window *w)
{
    reader_close(&w->reader);
    buf_free(&w->buf);
}

/* --- delimiters -------------------------------------------------------------------------- */

struct delimiter {
    size_t line_len; /* of CRLF, "--", boundary, blanks and line end */
    bool close;
};

/* What stands behind the boundary decides whether it is one. */
static bool judge_tail(struct str tail, bool at_end, size_t head_len,
                       struct delimiter *ret)
{
    size_t i = 0;
    bool close = tail.len >= 2 && memcmp(tail.ptr, "--", 2) == 0;

    if (close)
        i = 2;
    while (i < tail.len && i < LINE_MAX && (tail.ptr[i] == ' ' || tail.ptr[i] == '\t'))
        i++;
    if (i == tail.len) {
        *ret = (struct delimiter){ head_len + i, close };
        return close && at_end;
    }
    if (tail.ptr[i] == '\r' && i + 1 < tail.len && tail.ptr[i + 1] == '\n')
        i++;
    if (tail.ptr[i] != '\n')
        return false;
    *ret = (struct delimiter){ head_len + i + 1, close };
    return true;
}

struct search {
    char head[2 + 2 + MIME_BOUNDARY_MAX + 1]; /* CRLF "--" boundary */
    size_t head_len;
};

enum find {
    FIND_FOUND,
    FIND_NONE,   /* the body ends first */
    FIND_BROKEN, /* reading failed, see *err */
};

static bool at_delimiter(const struct window *w, const char *head, size_t head_len,
                         struct delimiter *ret)
{
    struct str in = seen(w);

    return in.len >= head_len && memcmp(in.ptr, head, head_len) == 0 &&
           judge_tail((struct str){ in.ptr + head_len, in.len - head_len }, w->end,
                      head_len, ret);
}

/* How many octets in view surely stand before the next delimiter (none begins right here). */
static size_t before_next(const struct window *w, const struct search *search)
{
    struct str in = seen(w);
    const char *hit = in.len > 1
                          ? memmem(in.ptr + 1, in.len - 1, search->head, search->head_len)
                          : NULL;

    if (hit != NULL)
        return (size_t)(hit - in.ptr);
    /* A delimiter may be cut by the end of the view. */
    return w->end ? in.len : in.len - (search->head_len - 1);
}

/* Moves to the next delimiter and counts the octets passed. With `first`, one at the very start
 * of the view needs no CRLF. */
static enum find find_delimiter(struct window *w, const struct search *search, bool first,
                                uint64_t *ret_passed, struct delimiter *ret,
                                struct err *err)
{
    uint64_t from = w->at;

    for (;; first = false) {
        if (!view(w, search->head_len + LINE_MAX + 4, err))
            return FIND_BROKEN;
        if ((first && at_delimiter(w, search->head + 2, search->head_len - 2, ret)) ||
            at_delimiter(w, search->head, search->head_len, ret)) {
            *ret_passed = w->at - from;
            return FIND_FOUND;
        }
        if (seen(w).len == 0)
            return FIND_NONE;
        advance(w, before_next(w, search));
    }
}

/* --- parts ------------------------------------------------------------------------------- */

/* Length of the headers with the empty line behind them, or 0 when it is not in view. */
static size_t headers_len(struct str in)
{
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '\n')
            continue;
        if (i == 0 || (i == 1 && in.ptr[0] == '\r'))
            return i + 1; /* no headers at all */
        if (i + 1 < in.len && in.ptr[i + 1] == '\n')
            return i + 2;
        if (i + 2 < in.len && in.ptr[i + 1] == '\r' && in.ptr[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

static bool take_headers(struct window *w, const struct mime_limits *limits,
                         struct mime_part *part, struct err *err)
{
    struct str in;
    size_t len;

    if (!view(w, limits->header_octets + 4, err))
        return false;
    in = seen(w);
    len = headers_len(in);
    if (len == 0 && w->end && in.len <= limits->header_octets)
        return err_set(err, ERR_REJECT, "mime.no-close",
                       "the multipart body ends within the headers of a part");
    if (len == 0 || len > limits->header_octets + 2) /* the empty line is none of them */
        return err_set(err, ERR_REJECT, "mime.headers-too-large",
                       "a part has over %zu octets of headers", limits->header_octets);
    if (!mime_part_headers((struct str){ in.ptr, len }, limits, part, err))
        return false;
    advance(w, len);
    return true;
}

static bool is_new_id(const struct mime *mime, const char *id)
{
    for (size_t i = 0; id != NULL && i < mime->count; i++)
        if (text_eq(mime->parts[i].id, id))
            return false;
    return true;
}

/* The outcome of a search as success or an error of this code. */
static bool must_find(enum find find, struct err *err)
{
    switch (find) {
    case FIND_FOUND:
        return true;
    case FIND_NONE:
        return err_set(err, ERR_REJECT, "mime.no-close",
                       "the multipart body ends without its closing delimiter");
    case FIND_BROKEN:
        break;
    }
    return false;
}

/* A part's headers and content up to the next delimiter, whose CRLF may be the empty line
 * itself: then there is no content. */
static bool take_part(struct window *w, const struct search *search,
                      const struct mime_limits *limits, struct mime *mime,
                      struct delimiter *ret, struct err *err)
{
    struct mime_part *part = &mime->parts[mime->count];

    if (!take_headers(w, limits, part, err)) {
        mime_part_free(part);
        return false;
    }
    if (!is_new_id(mime, part->id)) {
        mime_part_free(part);
        return err_set(err, ERR_REJECT, "mime.duplicate-id",
                       "two parts have the same Content-ID");
    }
    mime->count++;
    part->offset = w->at;
    return must_find(find_delimiter(w, search, true, &part->length, ret, err), err);
}

static bool take_preamble(struct window *w, const struct search *search,
                          const struct mime_limits *limits, struct delimiter *ret,
                          struct err *err)
{
    uint64_t passed = 0;
    enum find find = find_delimiter(w, search, true, &passed, ret, err);

    if (find == FIND_NONE)
        return err_set(err, ERR_REJECT, "mime.no-start",
                       "the multipart body has no delimiter of its boundary");
    if (find == FIND_FOUND && passed > limits->outside)
        return err_set(err, ERR_REJECT, "mime.preamble",
                       "over %zu octets stand before the first part", limits->outside);
    return find == FIND_FOUND;
}

static bool take_epilogue(struct window *w, const struct mime_limits *limits,
                          struct err *err)
{
    if (!view(w, limits->outside + 1, err))
        return false;
    if (seen(w).len > limits->outside)
        return err_set(err, ERR_REJECT, "mime.trailing",
                       "over %zu octets stand behind the closing delimiter",
                       limits->outside);
    return true;
}

static bool take_parts(struct window *w, const struct search *search,
                       const struct mime_limits *limits, struct mime *mime,
                       struct err *err)
{
    struct delimiter delimiter = { 0 };

    if (!take_preamble(w, search, limits, &delimiter, err))
        return false;
    while (!delimiter.close) {
        if (mime->count == limits->parts)
            return err_set(err, ERR_REJECT, "mime.too-many-parts",
                           "the body has over %u parts", limits->parts);
        advance(w, delimiter.line_len);
        if (!take_part(w, search, limits, mime, &delimiter, err))
            return false;
    }
    advance(w, delimiter.line_len);
    if (mime->count == 0)
        return err_set(err, ERR_REJECT, "mime.no-start",
                       "the multipart body has no parts");
    return take_epilogue(w, limits, err);
}

/* --- the whole --------------------------------------------------------------------------- */

static bool make_search(const struct mime_type *type, struct search *ret, struct err *err)
{
    const char *boundary = mime_type_param(type, "boundary");
    size_t len = boundary != NULL ? strlen(boundary) : 0;

    if (!text_eq(type->type, "multipart/related"))
        return err_set(err, ERR_REJECT, "mime.type", "the body is not multipart/related");
    if (len == 0 || len > MIME_BOUNDARY_MAX || boundary[len - 1] == ' ' ||
        boundary[strcspn(boundary, "\r\n")] != '\0')
        return err_set(err, ERR_REJECT, "mime.boundary",
                       "the boundary must have 1 to %d characters and not end in a blank",
                       MIME_BOUNDARY_MAX);
    memcpy(ret->head, "\r\n--", 4);
    memcpy(ret->head + 4, boundary, len);
    ret->head_len = 4 + len;
    return true;
}

const struct mime_part *mime_part_by_id(const struct mime *mime, const char *id)
{
    for (size_t i = 0; i < mime->count; i++)
        if (mime->parts[i].id != NULL && text_eq(mime->parts[i].id, id))
            return &mime->parts[i];
    return NULL;
}

/* RFC 2387 3.2: without start the root is the first part. */
static bool find_root(struct mime *mime, const struct mime_type *type, struct err *err)
{
    const char *start = mime_type_param(type, "start");
    AUTO(mem_free) char *id = NULL;
    const struct mime_part *root;

    if (start == NULL)
        return true;
    id = mime_id_normal(start);
    root = mime_part_by_id(mime, id);
    if (root == NULL)
        return err_set(err, ERR_REJECT, "mime.start",
                       "the start parameter names no part of the body");
    mime->root = (size_t)(root - mime->parts);
    return true;
}

void mime_free(struct mime **mime)
{
    if (*mime == NULL)
        return;
    for (size_t i = 0; i < (*mime)->count; i++)
        mime_part_free(&(*mime)->parts[i]);
    mem_free(&(*mime)->parts);
    mem_free(mime);
}

struct mime *mime_read(const struct source *body, const struct mime_type *type,
                       const struct mime_limits *limits, struct err *err)
{
    AUTO(mime_free) struct mime *mime = mem_alloc(sizeof *mime);
    AUTO(window_close) struct window w = { .buf = BUF_SECRET_INIT(4 * WINDOW) };
    struct search search = { .head_len = 0 };

    limits = limits != NULL ? limits : &mime_limits_default;
    if (!make_search(type, &search, err) || !source_open(body, &w.reader, err))
        return NULL;
    mime->parts = mem_array(limits->parts, sizeof *mime->parts);
    if (!take_parts(&w, &search, limits, mime, err) || !find_root(mime, type, err))
        return NULL;
    return TAKE(mime);
}
