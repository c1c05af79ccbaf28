/*
 * gzip.h - gzip (RFC 1952), streaming both ways.
 *
 * Written: level 6, no name, time 0, unknown system, so that the same content gives the same
 * octets. Read: one member, nothing behind it, checksum and length checked, caps held while
 * inflating. Errors are ERR_REJECT:
 *
 *   gzip.not-gzip     raw deflate, zlib, or anything else
 *   gzip.header       a gzip header with reserved bits or another method
 *   gzip.too-large    over the absolute cap
 *   gzip.ratio        inflates too much
 *   gzip.damaged      not a deflate stream, wrong checksum or length
 *   gzip.truncated    ends before the trailer
 *   gzip.trailing     octets, or another member, behind the trailer
 */
#ifndef FORMAT_GZIP_H
#define FORMAT_GZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/body.h"

struct gzip_limits {
    uint64_t octets; /* inflated */
    unsigned ratio;  /* inflated to packed, looked at from ratio_from on */
    uint64_t ratio_from;
};

extern const struct gzip_limits gzip_limits_part; /* 64 MiB, 200 after the first MiB */

/* --- in one go --------------------------------------------------------------------------- */

bool gzip_pack(const struct source *from, struct sink *to, struct err *err) NODISCARD;
/* limits NULL: gzip_limits_part. ret_size may be NULL: inflated octets. */
bool gzip_unpack(const struct source *from, struct sink *to,
                 const struct gzip_limits *limits, uint64_t *ret_size,
                 struct err *err) NODISCARD;

/* --- in pieces: write to the sink, then end ---------------------------------------------- */

struct gzip; /* either direction */

struct gzip *gzip_packer(struct sink *to) NODISCARD; /* borrows to */
struct gzip *gzip_unpacker(struct sink *to, const struct gzip_limits *limits) NODISCARD;
struct sink *gzip_sink(struct gzip *gzip); /* borrowed */
bool gzip_end(struct gzip *gzip,
              struct err *err) NODISCARD; /* trailer written, or checked */
void gzip_free(struct gzip **gzip);       /* for AUTO */

/* --- as sources -------------------------------------------------------------------------- */

/* The packed view of a source (borrowed). Its size is learned by packing once. */
struct source *gzip_packed(const struct source *of, struct err *err) NODISCARD;
/* The inflated view. Its size and soundness are learned by inflating once. */
struct source *gzip_unpacked(const struct source *of, const struct gzip_limits *limits,
                             struct err *err) NODISCARD;

#endif
