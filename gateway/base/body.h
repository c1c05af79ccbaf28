/*
 * body.h - octets too large to hold: readable again and again, or written once in pieces.
 *
 * A source is something that can be opened for reading any number of times, from the start,
 * always giving the same octets (a buffer, a range of a descriptor, rows of the store, a
 * decrypting view of another). A sink takes octets in order. Both work on pieces, so that a
 * 200 MB attachment never stands in memory.
 */
#ifndef BASE_BODY_H
#define BASE_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct err;

#define BODY_PIECE (64 * 1024) /* octets a reader should ask for at a time */

/* One pass over a source. */
struct reader {
    /* Up to len octets (> 0) to out; *ret_got 0 at the end. */
    bool (*read)(struct reader *r, void *out, size_t len, size_t *ret_got, struct err *err);
    void (*close)(struct reader **r); /* frees *r, sets NULL */
};

struct source {
    bool (*open)(const struct source *s, struct reader **ret, struct err *err);
    void (*free)(struct source **s); /* frees *s, sets NULL */
    uint64_t size;                   /* octets in all */
};

struct sink {
    bool (*write)(struct sink *s, const void *data, size_t len, struct err *err);
};

NODISCARD bool source_open(const struct source *s, struct reader **ret, struct err *err);
void source_free(struct source **s); /* for AUTO; NULL is nothing */
NODISCARD bool reader_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                           struct err *err);
void reader_close(struct reader **r); /* for AUTO */

/* Copies the octets / borrows them (they must outlive the source). */
struct source *source_of_copy(const void *data, size_t len) NODISCARD;
struct source *source_of_memory(const void *data, size_t len) NODISCARD;
/* Takes the buffer's content. */
struct source *source_of_buf(struct buf *taken) NODISCARD;
/* A range of a descriptor, read by pread(); the descriptor is borrowed, or owned with own. */
struct source *source_of_fd(int fd, bool own, uint64_t offset, uint64_t len) NODISCARD;
/* A range of another source, borrowed; reading skips from its start unless it is one of the
 * kinds above, where it is direct. */
struct source *source_of_range(const struct source *of, uint64_t offset,
                               uint64_t len) NODISCARD;

/* All of it into out (whose ceiling holds). */
NODISCARD bool source_load(const struct source *s, struct buf *out, struct err *err);
NODISCARD bool source_copy(const struct source *s, struct sink *to, struct err *err);

/* A sink that fills a buffer. */
struct buf_sink {
    struct sink sink;
    struct buf *buf;
};
struct buf_sink sink_of_buf(struct buf *buf);

#endif
