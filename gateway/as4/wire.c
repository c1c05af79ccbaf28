/*
 * wire.c - concatenation and watching of sources.
 *
 * The wire body of a message is never stored: it is text, encrypted views and text again, read
 * one after the other. A part that is not what was signed would be encrypted under an IV used
 * before; the watch finds it and ends the stream, so that the peer sees a cut message and not a
 * wrong one. Content is at no time held here.
 */
#include "as4/wire.h"

#include <openssl/evp.h>

#include "base/body.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct list {
    struct source **items;
    size_t count, cap;
};

struct wire {
    struct source source;
    struct list pieces, kept;
};

static void list_add(struct list *list, struct source *item)
{
    list->items = mem_grow(list->items, list->count, &list->cap, sizeof *list->items);
    list->items[list->count++] = item;
}

static void list_free(struct list *list)
{
    while (list->count > 0)
        source_free(&list->items[--list->count]);
    mem_free(&list->items);
}

struct wire *as4_wire_new(void)
{
    return mem_alloc(sizeof(struct wire));
}

void as4_wire_free(struct wire **wire)
{
    if (*wire == NULL)
        return;
    list_free(&(*wire)->pieces);
    list_free(&(*wire)->kept);
    mem_free(wire);
}

void wire_add(struct wire *wire, struct source *taken)
{
    wire->source.size += taken->size;
    list_add(&wire->pieces, taken);
}

void wire_keep(struct wire *wire, struct source *taken)
{
    list_add(&wire->kept, taken);
}

struct wire_reader {
    struct reader reader;
    const struct wire *wire;
    struct reader *inner; /* of piece next - 1 */
    size_t next;
};

static bool wire_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    struct wire_reader *r = (struct wire_reader *)reader;

    *ret_got = 0;
    for (;;) {
        if (r->inner == NULL) {
            if (r->next == r->wire->pieces.count)
                return true;
            if (!source_open(r->wire->pieces.items[r->next++], &r->inner, err))
                return false;
        }
        if (!reader_read(r->inner, out, len, ret_got, err))
            return false;
        if (*ret_got > 0)
            return true;
        reader_close(&r->inner);
    }
}

static void wire_close(struct reader **reader)
{
    struct wire_reader *r = (struct wire_reader *)*reader;

    reader_close(&r->inner);
    mem_free(reader);
}

static bool wire_open(const struct source *source, struct reader **ret, struct err *err)
{
    struct wire_reader *r = mem_alloc(sizeof *r);

    (void)err;
    r->reader = (struct reader){ .read = wire_read, .close = wire_close };
    r->wire = (const struct wire *)source;
    *ret = &r->reader;
    return true;
}

static void wire_source_free(struct source **source)
{
    struct wire *wire = (struct wire *)*source;

    as4_wire_free(&wire);
    *source = NULL;
}

struct source *wire_source(struct wire **wire)
{
    struct wire *taken = TAKE(*wire);

    taken->source.open = wire_open;
    taken->source.free = wire_source_free;
    return &taken->source;
}

/* --- watching ----------------------------------------------------------------------------- */

struct watched_source {
    struct source source;
    const struct source *of;
    const struct as4_digest *digest;
};

struct watched_reader {
    struct reader reader;
    struct reader *inner;
    const struct as4_digest *digest;
    EVP_MD_CTX *md;
    uint64_t left;
};

static bool no_crypto(struct err *err)
{
    return err_set(err, ERR_RETRY, "as4.crypto", "digest: the library failed");
}

static bool compare(struct watched_reader *r, struct err *err)
{
    unsigned char octets[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(r->md, octets, &len) != 1)
        return no_crypto(err);
    if (len != r->digest->len || !octets_equal(octets, r->digest->octets, len))
        return err_set(err, ERR_BUG, "as4.part-changed",
                       "%s: the stored octets are not those that were signed",
                       r->digest->uri);
    return true;
}

/* Judged together with the last octets, so that they are not given out when it fails. */
static bool watched_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                         struct err *err)
{
    struct watched_reader *r = (struct watched_reader *)reader;

    if (!reader_read(r->inner, out, len, ret_got, err))
        return false;
    if (*ret_got == 0)
        return true;
    if (EVP_DigestUpdate(r->md, out, *ret_got) != 1)
        return no_crypto(err);
    r->left -= *ret_got < r->left ? *ret_got : r->left;
    return r->left > 0 || compare(r, err);
}

static void watched_close(struct reader **reader)
{
    struct watched_reader *r = (struct watched_reader *)*reader;

    reader_close(&r->inner);
    EVP_MD_CTX_free(r->md);
    mem_free(reader);
}

static bool watched_open(const struct source *source, struct reader **ret,
                         struct err *err)
{
    const struct watched_source *s = (const struct watched_source *)source;
    struct watched_reader *r = mem_alloc(sizeof *r);
    AUTO(reader_close) struct reader *reader = &r->reader;

    r->reader = (struct reader){ .read = watched_read, .close = watched_close };
    r->digest = s->digest;
    r->left = source->size;
    r->md = EVP_MD_CTX_new();
    if (r->md == NULL ||
        EVP_DigestInit_ex(r->md, digest_alg_md(s->digest->method), NULL) != 1)
        return no_crypto(err);
    if (!source_open(s->of, &r->inner, err))
        return false;
    *ret = TAKE(reader);
    return true;
}

static void watched_free(struct source **source)
{
    mem_free(source);
}

struct source *wire_watched(const struct source *of, const struct as4_digest *digest)
{
    struct watched_source *s = mem_alloc(sizeof *s);

    s->source = (struct source){ watched_open, watched_free, of->size };
    s->of = of;
    s->digest = digest;
    return &s->source;
}
