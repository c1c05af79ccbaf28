/*
 * package_freeze.c - a package as one blob, and back.
 *
 * Fields in a fixed order, each a length of four octets and its content, behind a line that
 * names the form. The blob holds the content key: the store seals it. Thawing believes no
 * length and no number; what is not exactly of this form is ERR_BUG "as4.frozen", since only we
 * ever wrote it.
 */
#include <stdio.h>
#include <string.h>

#include "as4/package.h"
#include "base/body.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define FORM "as4-package 1"

static void put(struct buf *out, const void *data, size_t len)
{
    const unsigned char head[4] = { (unsigned char)(len >> 24),
                                    (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                                    (unsigned char)len };

    buf_add(out, head, sizeof head);
    buf_add(out, data, len);
}

static void put_text(struct buf *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_number(struct buf *out, int64_t number)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)number);
    put_text(out, text);
}

bool as4_package_freeze(const struct as4_package *p, struct buf *out, struct err *err)
{
    AUTO(buf_free) struct buf digests = BUF_INIT(AS4_DIGESTS_MAX);

    as4_digests_freeze(&p->digests, &digests);
    put_text(out, FORM);
    put_text(out, p->message_id);
    put_number(out, p->timestamp_ms);
    put(out, p->envelope.data, p->envelope.len);
    put_text(out, p->boundary);
    put_text(out, p->root_id);
    put_text(out, p->content_type);
    put_number(out, p->cipher);
    put(out, p->cek, sizeof p->cek);
    put(out, digests.data, digests.len);
    put_number(out, (int64_t)p->part_count);
    for (size_t i = 0; i < p->part_count; i++) {
        put_text(out, p->parts[i].content_id);
        put(out, p->parts[i].iv, AS4_IV);
        put_number(out, (int64_t)p->parts[i].size);
        put_number(out, p->parts[i].compressed);
    }
    return buf_check(out, "frozen package", err);
}

/* --- thawing ------------------------------------------------------------------------------ */

static bool take(struct str *rest, struct str *ret)
{
    const unsigned char *head = (const unsigned char *)rest->ptr;
    size_t len;

    if (rest->len < 4)
        return false;
    len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > rest->len - 4)
        return false;
    *ret = (struct str){ rest->ptr + 4, len };
    *rest = (struct str){ rest->ptr + 4 + len, rest->len - 4 - len };
    return true;
}

static bool take_text(struct str *rest, char **ret)
{
    struct str field;

    if (!take(rest, &field) || memchr(field.ptr, '\0', field.len) != NULL)
        return false;
    *ret = mem_strndup(field.ptr, field.len);
    return true;
}

static bool take_number(struct str *rest, int64_t *ret)
{
    struct str field;

    return take(rest, &field) && str_i64(field, ret);
}

static bool take_exact(struct str *rest, void *to, size_t len)
{
    struct str field;

    if (!take(rest, &field) || field.len != len)
        return false;
    memcpy(to, field.ptr, len);
    return true;
}

static bool take_boundary(struct str *rest, struct as4_package *p)
{
    struct str field;

    if (!take(rest, &field) || field.len >= sizeof p->boundary)
        return false;
    memcpy(p->boundary, field.ptr, field.len);
    return true;
}

static bool take_envelope(struct str *rest, struct as4_package *p)
{
    struct str field;

    p->envelope = (struct buf)BUF_INIT(AS4_ENVELOPE_MAX);
    return take(rest, &field) && buf_add(&p->envelope, field.ptr, field.len);
}

static bool take_digests(struct str *rest, struct as4_package *p)
{
    struct err dropped = { 0 };
    struct str field;

    return take(rest, &field) &&
           as4_digests_thaw(field.ptr, field.len, &p->digests, &dropped);
}

static bool take_head(struct str *rest, struct as4_package *p)
{
    struct str form;
    int64_t cipher;

    if (!take(rest, &form) || !str_is(form, FORM) || !take_text(rest, &p->message_id) ||
        !take_number(rest, &p->timestamp_ms) || !take_envelope(rest, p) ||
        !take_boundary(rest, p) || !take_text(rest, &p->root_id) ||
        !take_text(rest, &p->content_type) || !take_number(rest, &cipher) || cipher < 0 ||
        cipher >= PMODE_CIPHER_COUNT || !take_exact(rest, p->cek, sizeof p->cek))
        return false;
    p->cipher = (enum pmode_cipher)cipher;
    return take_digests(rest, p);
}

static bool take_part(struct str *rest, const struct source *octets,
                      struct as4_wire_part *part)
{
    int64_t size, compressed;

    if (!take_text(rest, &part->content_id) || !take_exact(rest, part->iv, AS4_IV) ||
        !take_number(rest, &size) || size < 0 || !take_number(rest, &compressed))
        return false;
    part->size = (uint64_t)size;
    part->compressed = compressed != 0;
    part->octets = octets;
    return octets->size == part->size;
}

static bool take_parts(struct str *rest, const struct source *const *parts, size_t count,
                       struct as4_package *p)
{
    int64_t stored;

    if (!take_number(rest, &stored) || stored != (int64_t)count ||
        count > PMODE_PARTS_MAX || p->digests.count != count + 2)
        return false;
    p->parts = mem_array(count + 1, sizeof *p->parts);
    p->part_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!take_part(rest, parts[i], &p->parts[i]))
            return false;
    }
    return rest->len == 0;
}

bool as4_package_thaw(const void *data, size_t len, const struct source *const *parts,
                      size_t part_count, struct as4_package **ret, struct err *err)
{
    AUTO(as4_package_free) struct as4_package *p = mem_alloc(sizeof *p);
    struct str rest = { data, len };

    if (!take_head(&rest, p) || !take_parts(&rest, parts, part_count, p))
        return err_set(
            err, ERR_BUG, "as4.frozen",
            "stored package%s%s: it is not of our form, or its %zu parts are not those "
            "that were stored",
            p->message_id == NULL ? "" : " ", p->message_id == NULL ? "" : p->message_id,
            part_count);
    *ret = TAKE(p);
    return true;
}
