/*
 * crypt.c - encrypting and decrypting views.
 *
 * Both are state machines over one inner reader: IV, content, tag. OpenSSL does the rest. A
 * failure of OpenSSL itself is ERR_RETRY "as4.crypto"; a tag that does not fit is ERR_REJECT
 * "as4.tag" and comes with the last octets. Who may see plain octets, and when, is left to
 * receive.c.
 */
#include "as4/crypt.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct crypt_source {
    struct source source;
    const struct source *inner;
    struct crypt_key key;
    unsigned char iv[AS4_IV];
};

struct crypt_reader {
    struct reader reader;
    struct reader *inner;
    EVP_CIPHER_CTX *ctx;
    uint64_t left;              /* of the content */
    unsigned char edge[AS4_IV]; /* sealed: the IV, sent first */
    unsigned char tag[AS4_TAG]; /* sealed: sent last */
    size_t edge_left, tag_left;
    bool finished;
};

static const EVP_CIPHER *cipher_of(enum pmode_cipher cipher)
{
    return cipher == PMODE_AES256_GCM ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
}

static bool no_crypto(struct err *err)
{
    return err_set(err, ERR_RETRY, "as4.crypto", "AES-GCM: the library failed");
}

static void crypt_close(struct reader **r)
{
    struct crypt_reader *reader = (struct crypt_reader *)*r;

    reader_close(&reader->inner);
    EVP_CIPHER_CTX_free(reader->ctx);
    mem_wipe(reader, sizeof *reader);
    mem_free(r);
}

static void crypt_free(struct source **s)
{
    mem_wipe(*s, sizeof(struct crypt_source));
    mem_free(s);
}

static struct crypt_source *crypt_new(const struct source *inner,
                                      const struct crypt_key *key)
{
    struct crypt_source *s = mem_alloc(sizeof *s);

    s->source.free = crypt_free;
    s->inner = inner;
    s->key = *key;
    return s;
}

/* Exactly len octets of the inner source, which is as long as it said. */
static bool fill(struct reader *inner, void *out, size_t len, struct err *err)
{
    unsigned char *at = out;
    size_t got;

    for (; len > 0; len -= got, at += got) {
        if (!reader_read(inner, at, len, &got, err))
            return false;
        if (got == 0)
            return err_set(err, ERR_RETRY, "as4.short",
                           "a part's octets end before their size is reached");
    }
    return true;
}

/* Up to len octets of content through the cipher. */
static bool pump(struct crypt_reader *r, void *out, size_t len, size_t *ret_got,
                 struct err *err)
{
    size_t want = len < BODY_PIECE ? len : BODY_PIECE;
    int done = 0;

    if (want > r->left)
        want = (size_t)r->left;
    if (!fill(r->inner, out, want, err))
        return false;
    if (EVP_CipherUpdate(r->ctx, out, &done, out, (int)want) != 1 || (size_t)done != want)
        return no_crypto(err);
    r->left -= want;
    *ret_got = want;
    return true;
}

static bool reader_new(const struct crypt_source *s, bool encrypt,
                       const unsigned char *iv, struct crypt_reader *r, struct err *err)
{
    r->ctx = EVP_CIPHER_CTX_new();
    if (r->ctx == NULL || EVP_CipherInit_ex(r->ctx, cipher_of(s->key.cipher), NULL,
                                            s->key.octets, iv, encrypt) != 1)
        return no_crypto(err);
    return true;
}

/* --- sealing ------------------------------------------------------------------------------ */

static size_t give(const unsigned char *from, size_t *left, size_t whole, void *out,
                   size_t len)
{
    size_t n = len < *left ? len : *left;

    memcpy(out, from + (whole - *left), n);
    *left -= n;
    return n;
}

static bool seal_end(struct crypt_reader *r, struct err *err)
{
    unsigned char none[16];
    int done = 0;

    if (r->finished)
        return true;
    if (EVP_CipherFinal_ex(r->ctx, none, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(r->ctx, EVP_CTRL_GCM_GET_TAG, AS4_TAG, r->tag) != 1)
        return no_crypto(err);
    r->finished = true;
    return true;
}

static bool seal_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    struct crypt_reader *r = (struct crypt_reader *)reader;

    if (r->edge_left > 0) {
        *ret_got = give(r->edge, &r->edge_left, AS4_IV, out, len);
        return true;
    }
    if (r->left > 0)
        return pump(r, out, len, ret_got, err);
    if (!seal_end(r, err))
        return false;
    *ret_got = give(r->tag, &r->tag_left, AS4_TAG, out, len);
    return true;
}

static bool seal_open(const struct source *source, struct reader **ret, struct err *err)
{
    const struct crypt_source *s = (const struct crypt_source *)source;
    struct crypt_reader *r = mem_alloc(sizeof *r);
    AUTO(reader_close) struct reader *reader = &r->reader;

    r->reader = (struct reader){ .read = seal_read, .close = crypt_close };
    r->left = s->inner->size;
    r->edge_left = AS4_IV;
    r->tag_left = AS4_TAG;
    memcpy(r->edge, s->iv, AS4_IV);
    if (!reader_new(s, true, s->iv, r, err) || !source_open(s->inner, &r->inner, err))
        return false;
    *ret = TAKE(reader);
    return true;
}

struct source *crypt_sealed(const struct source *plain, const struct crypt_key *key,
                            const unsigned char iv[AS4_IV])
{
    struct crypt_source *s = crypt_new(plain, key);

    memcpy(s->iv, iv, AS4_IV);
    s->source.open = seal_open;
    s->source.size = plain->size + CRYPT_OVERHEAD;
    return &s->source;
}

/* --- opening ------------------------------------------------------------------------------ */

static bool open_end(struct crypt_reader *r, struct err *err)
{
    unsigned char none[16];
    int done = 0;

    if (r->finished)
        return true;
    if (!fill(r->inner, r->tag, AS4_TAG, err))
        return false;
    if (EVP_CIPHER_CTX_ctrl(r->ctx, EVP_CTRL_GCM_SET_TAG, AS4_TAG, r->tag) != 1)
        return no_crypto(err);
    if (EVP_CipherFinal_ex(r->ctx, none, &done) != 1)
        return err_set(err, ERR_REJECT, "as4.tag",
                       "a part's tag does not fit its octets");
    r->finished = true;
    return true;
}

static bool open_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    struct crypt_reader *r = (struct crypt_reader *)reader;

    *ret_got = 0;
    if (r->left > 0 && !pump(r, out, len, ret_got, err))
        return false;
    return r->left > 0 || open_end(r, err);
}

static bool open_open(const struct source *source, struct reader **ret, struct err *err)
{
    const struct crypt_source *s = (const struct crypt_source *)source;
    struct crypt_reader *r = mem_alloc(sizeof *r);
    AUTO(reader_close) struct reader *reader = &r->reader;
    unsigned char iv[AS4_IV];

    r->reader = (struct reader){ .read = open_read, .close = crypt_close };
    r->left = s->source.size;
    if (!source_open(s->inner, &r->inner, err) || !fill(r->inner, iv, sizeof iv, err) ||
        !reader_new(s, false, iv, r, err))
        return false;
    *ret = TAKE(reader);
    return true;
}

struct source *crypt_opened(const struct source *wire, const struct crypt_key *key,
                            struct err *err)
{
    struct crypt_source *s;

    if (wire->size < CRYPT_OVERHEAD) {
        err_set(err, ERR_REJECT, "as4.tag", "a part is shorter than IV and tag");
        return NULL;
    }
    s = crypt_new(wire, key);
    s->source.open = open_open;
    s->source.size = wire->size - CRYPT_OVERHEAD;
    return &s->source;
}

bool source_check(const struct source *source, struct err *err)
{
    AUTO(buf_free) struct buf piece = BUF_SECRET_INIT(BODY_PIECE);
    AUTO(reader_close) struct reader *reader = NULL;
    char *room = buf_room(&piece, BODY_PIECE);
    size_t got = 1;

    if (!source_open(source, &reader, err))
        return false;
    while (got > 0) {
        if (!reader_read(reader, room, BODY_PIECE, &got, err))
            return false;
    }
    return true;
}
