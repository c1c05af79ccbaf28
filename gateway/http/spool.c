/*
 * spool.c - the buffer that becomes an unlinked file when it is full.
 *
 * The file is a row of segments of SPOOL_SEGMENT octets, the last one shorter; sealed ones are
 * followed by their tag. The nonce of a segment is its number: the key is random and used for
 * this one body alone, so no nonce comes twice. A segment that does not open is an error
 * (ERR_RETRY "http.spool-disk"), never other octets.
 *
 * On failure nothing is kept: the caller frees the spool, the file has no name. Octets in
 * memory are wiped when they go if the spool is a sealed one.
 */
#include "http/spool.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "http/server.h"

#define SPOOL_SEGMENT HTTP_BODY_IN_MEMORY
#define KEY_OCTETS    32
#define NONCE_OCTETS  12
#define TAG_OCTETS    16

struct spool_budget {
    atomic_uint_fast64_t used;
    atomic_uint refs;
    uint64_t max;
};

struct spool {
    struct sink sink;
    const char *dir;
    struct buf segment; /* the one being filled */
    bool seal;
    int fd; /* -1: everything is in `segment` */
    uint64_t segments, size, share;
    unsigned char key[KEY_OCTETS];
    struct spool_budget *budget;
};

/* --- the budget ------------------------------------------------------------------------------ */

struct spool_budget *spool_budget_new(uint64_t max)
{
    struct spool_budget *budget = mem_alloc(sizeof *budget);

    budget->max = max;
    atomic_init(&budget->refs, 1);
    return budget;
}

static struct spool_budget *budget_ref(struct spool_budget *budget)
{
    atomic_fetch_add(&budget->refs, 1);
    return budget;
}

void spool_budget_unref(struct spool_budget **budget)
{
    if (*budget != NULL && atomic_fetch_sub(&(*budget)->refs, 1) == 1)
        mem_free(budget);
    *budget = NULL;
}

uint64_t spool_budget_used(const struct spool_budget *budget)
{
    return atomic_load(&budget->used);
}

bool spool_budget_has(const struct spool_budget *budget, uint64_t octets)
{
    uint64_t used = atomic_load(&budget->used);

    return used <= budget->max && octets <= budget->max - used;
}

static bool budget_take(struct spool *spool, uint64_t octets, struct err *err)
{
    struct spool_budget *budget = spool->budget;
    uint64_t before = atomic_fetch_add(&budget->used, octets);

    if (before + octets > budget->max) {
        atomic_fetch_sub(&budget->used, octets);
        return err_set(err, ERR_RETRY, "http.spool-full",
                       "spool: bodies on disk would pass %llu octets",
                       (unsigned long long)budget->max);
    }
    spool->share += octets;
    return true;
}

static void budget_give(struct spool_budget *budget, uint64_t octets)
{
    atomic_fetch_sub(&budget->used, octets);
}

/* --- segments -------------------------------------------------------------------------------- */

static void make_nonce(uint64_t segment, unsigned char nonce[NONCE_OCTETS])
{
    memset(nonce, 0, NONCE_OCTETS);
    for (int i = 0; i < 8; i++)
        nonce[NONCE_OCTETS - 1 - i] = (unsigned char)(segment >> (8 * i));
}

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
    *ctx = NULL;
}

/* out has room for len + TAG_OCTETS. */
static bool seal_segment(const unsigned char *key, uint64_t number, const char *in,
                         size_t len, unsigned char *out, struct err *err)
{
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char nonce[NONCE_OCTETS];
    int done = 0, rest = 0;

    make_nonce(number, nonce);
    if (ctx == NULL ||
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_EncryptUpdate(ctx, out, &done, (const unsigned char *)in, (int)len) != 1 ||
        EVP_EncryptFinal_ex(ctx, out + done, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_OCTETS, out + len) != 1)
        return err_set(err, ERR_RETRY, "http.spool-seal",
                       "spool: sealing a segment failed");
    return true;
}

/* In place; the tag stands behind len octets. */
static bool open_segment(const unsigned char *key, uint64_t number, unsigned char *data,
                         size_t len, struct err *err)
{
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    unsigned char nonce[NONCE_OCTETS];
    int done = 0, rest = 0;

    make_nonce(number, nonce);
    if (ctx == NULL ||
        EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
        EVP_DecryptUpdate(ctx, data, &done, data, (int)len) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_OCTETS, data + len) != 1 ||
        EVP_DecryptFinal_ex(ctx, data + done, &rest) != 1)
        return err_set(err, ERR_RETRY, "http.spool-disk",
                       "spool: segment %llu is not what was written",
                       (unsigned long long)number);
    return true;
}

static bool write_all(int fd, const void *data, size_t len, struct err *err)
{
    const char *at = data;

    while (len > 0) {
        ssize_t put = write(fd, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_set(err, ERR_RETRY, "http.spool-disk", "spool: writing a body: %s",
                           strerror(errno));
        at += put;
        len -= (size_t)put;
    }
    return true;
}

static bool write_segment(struct spool *spool, struct err *err)
{
    struct buf *segment = &spool->segment;
    AUTO(mem_free) unsigned char *sealed = NULL;

    if (!budget_take(spool, segment->len, err))
        return false;
    if (spool->fd < 0)
        spool->fd = file_temp(spool->dir, err);
    if (spool->fd < 0) {
        err->code = "http.spool-disk";
        return false;
    }
    if (!spool->seal)
        return write_all(spool->fd, segment->data, segment->len, err);
    sealed = mem_alloc(segment->len + TAG_OCTETS);
    return seal_segment(spool->key, spool->segments, segment->data, segment->len, sealed,
                        err) &&
           write_all(spool->fd, sealed, segment->len + TAG_OCTETS, err);
}

static bool flush_segment(struct spool *spool, struct err *err)
{
    if (!write_segment(spool, err))
        return false;
    spool->segments++;
    buf_clear(&spool->segment);
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool spool_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    struct spool *spool = (struct spool *)sink;
    const char *at = data;

    while (len > 0) {
        size_t room = SPOOL_SEGMENT - spool->segment.len;
        size_t take = len < room ? len : room;

        if (room == 0) {
            if (!flush_segment(spool, err))
                return false;
            continue;
        }
        (void)buf_add(&spool->segment, at, take);
        spool->size += take;
        at += take;
        len -= take;
    }
    return true;
}

struct spool *spool_new(const char *dir, bool seal, struct spool_budget *budget)
{
    struct spool *spool = mem_alloc(sizeof *spool);

    *spool = (struct spool){ .sink = { spool_write },
                             .dir = dir,
                             .segment = { .max = SPOOL_SEGMENT, .wipe = seal },
                             .seal = seal,
                             .fd = -1,
                             .budget = budget_ref(budget) };
    if (seal)
        random_octets(spool->key, sizeof spool->key);
    return spool;
}

void spool_free(struct spool **spool)
{
    if (*spool == NULL)
        return;
    budget_give((*spool)->budget, (*spool)->share);
    spool_budget_unref(&(*spool)->budget);
    fd_close(&(*spool)->fd);
    buf_free(&(*spool)->segment);
    mem_wipe((*spool)->key, KEY_OCTETS);
    mem_free(spool);
}

struct sink *spool_sink(struct spool *spool)
{
    return &spool->sink;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct spool_source {
    struct source source;
    struct spool *spool; /* finished: nothing in it changes any more */
};

struct spool_reader {
    struct reader reader;
    const struct spool *spool;
    uint64_t next;   /* segment to load */
    size_t at, have; /* within `segment` */
    unsigned char segment[SPOOL_SEGMENT + TAG_OCTETS];
};

static bool read_at(int fd, unsigned char *out, size_t len, off_t at, struct err *err)
{
    while (len > 0) {
        ssize_t got = pread(fd, out, len, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, ERR_RETRY, "http.spool-disk", "spool: reading a body: %s",
                           got < 0 ? strerror(errno) : "the file has become shorter");
        out += got;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool load_segment(struct spool_reader *r, struct err *err)
{
    const struct spool *spool = r->spool;
    uint64_t left = spool->size - r->next * SPOOL_SEGMENT;
    size_t len = left < SPOOL_SEGMENT ? (size_t)left : SPOOL_SEGMENT;
    size_t tag = spool->seal ? TAG_OCTETS : 0;

    if (!read_at(spool->fd, r->segment, len + tag,
                 (off_t)(r->next * (SPOOL_SEGMENT + tag)), err))
        return false;
    if (spool->seal && !open_segment(spool->key, r->next, r->segment, len, err))
        return false;
    r->next++;
    r->at = 0;
    r->have = len;
    return true;
}

static bool spool_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                       struct err *err)
{
    struct spool_reader *r = (struct spool_reader *)reader;
    size_t take;

    if (r->at == r->have && r->next * SPOOL_SEGMENT < r->spool->size &&
        !load_segment(r, err))
        return false;
    take = r->have - r->at < len ? r->have - r->at : len;
    memcpy(out, r->segment + r->at, take);
    r->at += take;
    *ret_got = take;
    return true;
}

static void spool_reader_close(struct reader **reader)
{
    struct spool_reader *r = (struct spool_reader *)*reader;

    if (r->spool->seal)
        mem_wipe(r->segment, sizeof r->segment);
    mem_free(reader);
}

static bool spool_open(const struct source *source, struct reader **ret, struct err *err)
{
    struct spool_reader *r = mem_alloc(sizeof *r);

    (void)err;
    r->reader = (struct reader){ spool_read, spool_reader_close };
    r->spool = ((const struct spool_source *)source)->spool;
    *ret = &r->reader;
    return true;
}

static void spool_source_free(struct source **source)
{
    spool_free(&((struct spool_source *)*source)->spool);
    mem_free(source);
}

struct source *spool_finish(struct spool **spool, struct err *err)
{
    struct spool_source *source;

    if ((*spool)->fd < 0) {
        struct source *memory = source_of_buf(&(*spool)->segment);

        spool_free(spool);
        return memory;
    }
    if ((*spool)->segment.len > 0 && !flush_segment(*spool, err)) {
        spool_free(spool);
        return NULL;
    }
    buf_free(&(*spool)->segment);
    source = mem_alloc(sizeof *source);
    *source = (struct spool_source){ { spool_open, spool_source_free, (*spool)->size },
                                     TAKE(*spool) };
    return &source->source;
}
