/*
 * parts.h - which bodies of an outgoing message travel, in which order, as what.
 *
 * Written once at intake as the body "parts" (JSON), so that packaging knows nothing of
 * referrals: the sealed canonical document first, then the attachments; or, for an opaque
 * message, whatever it was given.
 */
#ifndef EXCHANGE_PARTS_H
#define EXCHANGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "as4/package.h"
#include "base/attr.h"
#include "base/buf.h"

struct err;

#define PARTS_TEXT_MAX (64 * 1024) /* octets of the list */

struct part_entry {
    char *body;      /* name of the stored body */
    char *mime_type; /* of its content */
    char *charset;   /* NULL: by type */
    char *file_name; /* NULL: none; passed through as a part property */
    enum as4_compress compress;
};

struct part_list {
    struct part_entry *items;
    size_t count, cap;
};

void parts_add(struct part_list *list, const char *body, const char *mime_type,
               const char *charset, const char *file_name, enum as4_compress compress);
void parts_free(struct part_list *list); /* for AUTO */
void parts_print(const struct part_list *list, struct buf *out);
bool parts_parse(const void *data, size_t len, struct part_list *ret,
                 struct err *err) NODISCARD;

#endif
