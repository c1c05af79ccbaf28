/*
 * mime.h - multipart/related (RFC 2046, RFC 2387), in and out, without holding the content.
 *
 * Reading notes where each part's content lies in a source (base/body.h) of any size; at most
 * one window of it stands in memory. Errors are ERR_REJECT:
 *
 *   mime.type mime.boundary mime.no-start mime.no-close mime.preamble mime.trailing
 *   mime.too-many-parts mime.too-many-headers mime.headers-too-large mime.header mime.nul
 *   mime.duplicate-id mime.start mime.nested mime.encoding mime.location mime.base64
 */
#ifndef FORMAT_MIME_H
#define FORMAT_MIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct err;
struct source;

/* --- Content-Type and its like ----------------------------------------------------------- */

#define MIME_PARAMS_MAX   16   /* parameters of one header */
#define MIME_VALUE_MAX    2048 /* octets of one such header */
#define MIME_BOUNDARY_MAX 70   /* RFC 2046 5.1.1 */

struct mime_param {
    char *name; /* lower case */
    char *value;
};

struct mime_type {
    char *type; /* "multipart/related", lower case */
    struct mime_param params[MIME_PARAMS_MAX];
    size_t count;
};

/* type/subtype and parameters, quoted or not, in any order. Twice the same name: "mime.type". */
bool mime_type_parse(const char *text, struct mime_type *ret, struct err *err) NODISCARD;
const char *mime_type_param(const struct mime_type *type,
                            const char *name); /* NULL: absent */
void mime_type_free(struct mime_type *type);   /* for AUTO */

/* --- reading ----------------------------------------------------------------------------- */

struct mime_limits {
    unsigned parts;       /* the root included */
    unsigned headers;     /* of one part */
    size_t header_octets; /* of one part, all its headers */
    size_t outside;       /* octets before the first and after the last delimiter */
};

extern const struct mime_limits mime_limits_default; /* 33, 16, 8 KiB, 1 KiB */

struct mime_header {
    char *name;  /* as it came */
    char *value; /* unfolded and trimmed */
};

struct mime_part {
    struct mime_header *headers;
    size_t header_count;
    struct mime_type type;   /* type "" when there was no Content-Type */
    char *id;                /* Content-ID without one pair of brackets; NULL: absent */
    bool base64;             /* transfer encoding; all others accepted are identity */
    uint64_t offset, length; /* of the content in the body, as it came */
};

struct mime {
    struct mime_part *parts;
    size_t count;
    size_t root; /* the part `start` names, else 0 */
};

/*
 * Splits the body under its Content-Type header (multipart/related). The body is read once from
 * its start. limits NULL: the default. Owned: mime_free().
 */
struct mime *mime_read(const struct source *body, const struct mime_type *type,
                       const struct mime_limits *limits, struct err *err) NODISCARD;
void mime_free(struct mime **mime); /* for AUTO */

const char *mime_part_header(const struct mime_part *part,
                             const char *name); /* any case */
const struct mime_part *mime_part_by_id(const struct mime *mime, const char *id);

/* Content-ID as compared: blanks and one pair of angle brackets taken off. Owned. */
char *mime_id_normal(const char *id) NODISCARD;

/* The content, its transfer encoding undone; borrows body. Owned: source_free(). Junk in base64
 * is found here ("mime.base64"). */
struct source *mime_part_open(const struct source *body, const struct mime_part *part,
                              struct err *err) NODISCARD;

/* --- writing ----------------------------------------------------------------------------- */

#define MIME_BOUNDARY_TEXT 48 /* with NUL */

void mime_boundary_make(char out[MIME_BOUNDARY_TEXT]); /* random */

/* multipart/related; type="..."; start="<...>"; boundary="..." */
void mime_type_add(struct buf *out, const char *root_type, const char *start_id,
                   const char *boundary);

/*
 * The octets before a part's content: delimiter line and headers, transfer encoding binary.
 * first: the first part (no line end before the delimiter). id without brackets.
 */
void mime_part_head_add(struct buf *out, const char *boundary, bool first,
                        const char *content_type, const char *id);
void mime_close_add(struct buf *out, const char *boundary); /* after the last part */

#endif
