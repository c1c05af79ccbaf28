/*
 * digests.c - the set of signed digests: compared as a set, hashed, frozen for the store.
 *
 * The frozen form is a line per entry, "method hex transform uri", after a line that names the
 * form; so an operator can read it and no length has to be believed. Thawing checks every
 * field again. Nothing here judges whether a set covers a message.
 */
#include "as4/digests.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define FROZEN_HEAD "as4-digests 1"

void as4_digests_free(struct as4_digests *digests)
{
    for (size_t i = 0; i < digests->count; i++) {
        mem_free(&digests->items[i].uri);
        mem_free(&digests->items[i].transform);
    }
    mem_free(&digests->items);
    digests->count = 0;
}

void as4_digests_add(struct as4_digests *digests, const char *uri, const char *transform,
                     enum digest_alg method, const void *octets, size_t len)
{
    struct as4_digest *d;

    digests->items =
        mem_realloc(digests->items, digests->count + 1, sizeof *digests->items);
    d = &digests->items[digests->count++];
    *d = (struct as4_digest){ .uri = mem_strdup(uri),
                              .transform = mem_strdup(transform),
                              .method = method,
                              .len = len < DIGEST_OCTETS_MAX ? len : DIGEST_OCTETS_MAX };
    memcpy(d->octets, octets, d->len);
}

void as4_digests_copy(struct as4_digests *to, const struct as4_digests *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct as4_digest *d = &from->items[i];

        as4_digests_add(to, d->uri, d->transform, d->method, d->octets, d->len);
    }
}

static int compare(const void *left, const void *right)
{
    const struct as4_digest *a = *(const struct as4_digest *const *)left;
    const struct as4_digest *b = *(const struct as4_digest *const *)right;
    int order = strcmp(a->uri, b->uri);

    if (order == 0)
        order = strcmp(a->transform, b->transform);
    if (order == 0)
        order = (int)a->method - (int)b->method;
    if (order == 0 && a->len != b->len)
        order = a->len < b->len ? -1 : 1;
    return order != 0 ? order : memcmp(a->octets, b->octets, a->len);
}

static const struct as4_digest **sorted(const struct as4_digests *digests)
{
    const struct as4_digest **list = mem_array(digests->count + 1, sizeof *list);

    for (size_t i = 0; i < digests->count; i++)
        list[i] = &digests->items[i];
    qsort(list, digests->count, sizeof *list, compare);
    return list;
}

static void line(const struct as4_digest *d, struct buf *out)
{
    buf_addf(out, "%s ", pmode_digest_name(d->method));
    hex_add(out, d->octets, d->len);
    buf_addf(out, " %s %s\n", d->transform, d->uri);
}

static void lines(const struct as4_digests *digests, struct buf *out)
{
    AUTO(mem_free) const struct as4_digest **list = sorted(digests);

    for (size_t i = 0; i < digests->count; i++)
        line(list[i], out);
}

bool as4_digests_equal(const struct as4_digests *a, const struct as4_digests *b)
{
    AUTO(mem_free) const struct as4_digest **left = sorted(a);
    AUTO(mem_free) const struct as4_digest **right = sorted(b);

    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (compare(&left[i], &right[i]) != 0)
            return false;
    }
    return true;
}

void as4_digests_fingerprint(const struct as4_digests *digests,
                             unsigned char out[AS4_FINGERPRINT])
{
    AUTO(buf_free) struct buf text = BUF_INIT(AS4_DIGESTS_MAX);

    lines(digests, &text);
    EVP_Digest(buf_str(&text), text.len, out, NULL, EVP_sha256(), NULL);
}

void as4_digests_freeze(const struct as4_digests *digests, struct buf *out)
{
    buf_adds(out, FROZEN_HEAD "\n");
    lines(digests, out);
}

static bool thaw_line(struct str text, struct as4_digests *ret)
{
    struct str method, hex, transform;
    AUTO(buf_free) struct buf octets = BUF_INIT(DIGEST_OCTETS_MAX);
    struct err dropped = { 0 };
    enum digest_alg alg;

    if (!str_next(&text, ' ', &method) || !str_next(&text, ' ', &hex) ||
        !str_next(&text, ' ', &transform))
        return false;
    AUTO(mem_free) char *name = mem_strndup(method.ptr, method.len);
    AUTO(mem_free) char *how = mem_strndup(transform.ptr, transform.len);
    AUTO(mem_free) char *uri = mem_strndup(text.ptr, text.len);
    if (!pmode_digest_parse(name, &alg) ||
        !hex_decode(hex.ptr, hex.len, &octets, &dropped) ||
        octets.len != digest_alg_octets(alg))
        return false;
    as4_digests_add(ret, uri, how, alg, octets.data, octets.len);
    return true;
}

bool as4_digests_thaw(const void *data, size_t len, struct as4_digests *ret,
                      struct err *err)
{
    AUTO(as4_digests_free) struct as4_digests read = { 0 };
    struct str rest = { data, len }, item;
    bool good = str_next(&rest, '\n', &item) && str_is(item, FROZEN_HEAD);

    while (good && rest.len > 0 && str_next(&rest, '\n', &item))
        good = read.count < AS4_REFERENCES_MAX && thaw_line(item, &read);
    if (!good)
        return err_set(err, ERR_BUG, "as4.frozen",
                       "stored digests: line %zu is not of our form", read.count + 2);
    *ret = read;
    read = (struct as4_digests){ 0 };
    return true;
}
