/*
 * package_wire.c - the request body of a package, computed while it is read.
 *
 * MIME heads and the envelope are text in memory; each part is watched, then encrypted, while
 * it passes. Nothing large is held, and every reading gives the same octets.
 */
#include <string.h>

#include "as4/crypt.h"
#include "as4/media.h"
#include "as4/package.h"
#include "as4/wire.h"
#include "base/body.h"
#include "base/mem.h"
#include "format/mime.h"

#define HEAD_MAX 4096 /* octets of one part's head */

static void add_text(struct wire *wire, struct buf *text)
{
    wire_add(wire, source_of_copy(buf_str(text), text->len));
    buf_clear(text);
}

/* Messaging and Body come first in the digests, then the parts in order. */
static const struct as4_digest *digest_of(const struct as4_package *p, size_t i)
{
    return &p->digests.items[2 + i];
}

static void add_part(struct wire *wire, const struct as4_package *p, size_t i,
                     struct buf *head)
{
    struct source *watched = wire_watched(p->parts[i].octets, digest_of(p, i));
    struct crypt_key key = { .cipher = p->cipher };

    memcpy(key.octets, p->cek, sizeof key.octets);
    mime_part_head_add(head, p->boundary, false, MEDIA_OCTETS, p->parts[i].content_id);
    add_text(wire, head);
    wire_keep(wire, watched);
    wire_add(wire, crypt_sealed(watched, &key, p->parts[i].iv));
    mem_wipe(&key, sizeof key);
}

struct source *as4_package_wire(const struct as4_package *p)
{
    AUTO(as4_wire_free) struct wire *wire = as4_wire_new();
    AUTO(buf_free) struct buf head = BUF_INIT(HEAD_MAX);

    if (p->part_count == 0)
        return source_of_memory(p->envelope.data, p->envelope.len);
    mime_part_head_add(&head, p->boundary, true, MEDIA_SOAP "; charset=UTF-8",
                       p->root_id);
    add_text(wire, &head);
    wire_add(wire, source_of_memory(p->envelope.data, p->envelope.len));
    for (size_t i = 0; i < p->part_count; i++)
        add_part(wire, p, i, &head);
    mime_close_add(&head, p->boundary);
    add_text(wire, &head);
    return wire_source(&wire);
}
