/*
 * seal.c - keys of cases and bodies, and what is sealed with them.
 *
 * A sealed value is nonce (12 random octets), ciphertext, tag (16). Its additional data names
 * the place where it stands, so a value that was moved, or a piece that was cut off, fails to
 * open. 96-bit random nonces are good for 2^32 uses of one key, far above what a case has.
 *
 * The table is asked for the wrapped key each time; the cache only saves the unwrapping, and
 * only when the wrapped octets are the same. So a key that was deleted or never committed is
 * never used from memory.
 */
#include "store/seal.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store_private.h"

#define AAD_MAX 1024 /* octets of additional data */

/* --- sealing ----------------------------------------------------------------------------- */

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
    *ctx = NULL;
}

/* table|column|row|key id|key version|number|final; texts that are not ours carry their length */
static void aad_print(const struct seal_key *key, const struct seal_place *place,
                      struct buf *out)
{
    buf_addf(out, "%s|%s|%zu:%s|%zu:%s|%lld|%lld|%d", place->table, place->column,
             strlen(place->row), place->row, strlen(key->id), key->id,
             (long long)key->version, (long long)place->number, place->final);
}

static bool cipher_start(EVP_CIPHER_CTX *ctx, int closing, const struct seal_key *key,
                         const uint8_t *nonce, const struct seal_place *place)
{
    AUTO(buf_free) struct buf aad = BUF_INIT(AAD_MAX);
    int len;

    aad_print(key, place, &aad);
    return !aad.over &&
           EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->octets, nonce, closing) ==
               1 &&
           EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *)aad.data, (int)aad.len) ==
               1;
}

static bool library_failed(const char *doing, struct err *err)
{
    return err_set(err, ERR_RETRY, "store.seal", "%s: the cipher failed", doing);
}

bool seal_close(const struct seal_key *key, const struct seal_place *place,
                const void *data, size_t len, struct buf *out, struct err *err)
{
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *room = (uint8_t *)buf_room(out, len + SEAL_OVERHEAD);
    int got = 0, last = 0;

    if (room == NULL)
        return buf_check(out, "a sealed value", err);
    random_octets(room, SEAL_NONCE_OCTETS);
    if (ctx == NULL || !cipher_start(ctx, 1, key, room, place) ||
        EVP_CipherUpdate(ctx, room + SEAL_NONCE_OCTETS, &got, data, (int)len) != 1 ||
        EVP_CipherFinal_ex(ctx, room + SEAL_NONCE_OCTETS + got, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG_OCTETS,
                            room + SEAL_NONCE_OCTETS + got + last) != 1)
        return library_failed("sealing", err);
    buf_added(out, len + SEAL_OVERHEAD);
    return true;
}

static bool not_ours(const struct seal_place *place, struct err *err)
{
    return err_set(err, ERR_REJECT, "store.sealed",
                   "%s.%s of %s (piece %lld): not what was sealed for this place",
                   place->table, place->column, place->row, (long long)place->number);
}

bool seal_open(const struct seal_key *key, const struct seal_place *place,
               const void *data, size_t len, struct buf *out, struct err *err)
{
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const uint8_t *octets = data;
    uint8_t tag[SEAL_TAG_OCTETS];
    size_t inner = len - SEAL_OVERHEAD;
    uint8_t *room;
    int got = 0, last = 0;

    if (len < SEAL_OVERHEAD)
        return not_ours(place, err);
    room = (uint8_t *)buf_room(out, inner);
    if (room == NULL)
        return buf_check(out, "an opened value", err);
    memcpy(tag, octets + len - SEAL_TAG_OCTETS, sizeof tag);
    if (ctx == NULL || !cipher_start(ctx, 0, key, octets, place) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) != 1 ||
        EVP_CipherUpdate(ctx, room, &got, octets + SEAL_NONCE_OCTETS, (int)inner) != 1)
        return library_failed("opening", err);
    if (EVP_CipherFinal_ex(ctx, room + got, &last) != 1) {
        mem_wipe(room, inner);
        return not_ours(place, err);
    }
    buf_added(out, inner);
    return true;
}

/* --- unwrapped keys in memory -------------------------------------------------------------- */

struct cached_key {
    struct seal_key key;
    uint8_t wrapped[SEAL_WRAPPED_MAX];
    size_t wrapped_len; /* 0: free */
    uint64_t used;
};

struct key_cache {
    pthread_mutex_t lock;
    struct cached_key keys[SEAL_KEYS_KEPT];
    uint64_t clock;
};

struct key_cache *key_cache_new(void)
{
    struct key_cache *cache = mem_alloc(sizeof *cache);

    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void key_cache_wipe(struct key_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    mem_wipe(cache->keys, sizeof cache->keys);
    pthread_mutex_unlock(&cache->lock);
}

void key_cache_free(struct key_cache **cache)
{
    if (*cache == NULL)
        return;
    key_cache_wipe(*cache);
    pthread_mutex_destroy(&(*cache)->lock);
    mem_free(cache);
}

static bool cache_find(struct key_cache *cache, const struct seal_key *id,
                       const void *wrapped, size_t len, struct seal_key *ret)
{
    bool hit = false;

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < SEAL_KEYS_KEPT && !hit; i++) {
        struct cached_key *at = &cache->keys[i];

        hit = at->wrapped_len == len && len > 0 && text_eq(at->key.id, id->id) &&
              at->key.version == id->version && memcmp(at->wrapped, wrapped, len) == 0;
        if (hit) {
            at->used = ++cache->clock;
            *ret = at->key;
        }
    }
    pthread_mutex_unlock(&cache->lock);
    return hit;
}

static void cache_keep(struct key_cache *cache, const struct seal_key *key,
                       const void *wrapped, size_t len)
{
    struct cached_key *oldest = &cache->keys[0];

    pthread_mutex_lock(&cache->lock);
    for (size_t i = 1; i < SEAL_KEYS_KEPT; i++)
        if (cache->keys[i].used < oldest->used)
            oldest = &cache->keys[i];
    mem_wipe(oldest, sizeof *oldest);
    oldest->key = *key;
    memcpy(oldest->wrapped, wrapped, len);
    oldest->wrapped_len = len;
    oldest->used = ++cache->clock;
    pthread_mutex_unlock(&cache->lock);
}

/* --- keys ---------------------------------------------------------------------------------- */

void seal_key_wipe(struct seal_key *key)
{
    mem_wipe(key, sizeof *key);
}

void seal_key_id_of_case(const char *case_id, char out[SEAL_KEY_ID_TEXT])
{
    if (text_empty(case_id))
        snprintf(out, SEAL_KEY_ID_TEXT, "gateway");
    else
        snprintf(out, SEAL_KEY_ID_TEXT, "case:%s", case_id);
}

static void wrap_aad(const struct seal_key *key, struct buf *out)
{
    buf_addf(out, "seal_key|%zu:%s|%lld", strlen(key->id), key->id,
             (long long)key->version);
}

static bool unwrap(struct store_tx *tx, const void *wrapped, size_t len,
                   struct seal_key *key, struct err *err)
{
    AUTO(buf_free) struct buf aad = BUF_INIT(AAD_MAX);
    struct seal_hooks *hooks = store_seal_hooks(tx->store);

    if (len == 0 || len > SEAL_WRAPPED_MAX)
        return err_set(err, ERR_REJECT, "store.sealed", "key %s has a wrong length",
                       key->id);
    wrap_aad(key, &aad);
    if (!hooks->unwrap(hooks->ctx, aad.data, aad.len, wrapped, len, key->octets, err))
        return err_context(err, "unwrapping key %s of the store", key->id);
    cache_keep(store_key_cache(tx->store), key, wrapped, len);
    return true;
}

bool seal_key_get(struct store_tx *tx, const char *key_id, struct seal_key *ret,
                  bool *ret_found, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    const void *wrapped;
    size_t len;

    if (!sql_query(tx, "SELECT version, wrapped FROM seal_key WHERE key_id = ?",
                   SQL_ARGS(sql_t(key_id)), &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    if (!text_column(key.id, sizeof key.id, key_id, err))
        return false;
    key.version = query_int(query, 0);
    wrapped = query_blob(query, 1, &len);
    if (!cache_find(store_key_cache(tx->store), &key, wrapped, len, &key) &&
        !unwrap(tx, wrapped, len, &key, err))
        return false;
    *ret = key;
    return true;
}

bool seal_key_fresh(struct store *store, const char *key_id, struct seal_key *ret,
                    struct buf *wrapped, struct err *err)
{
    AUTO(buf_free) struct buf aad = BUF_INIT(AAD_MAX);
    AUTO(seal_key_wipe) struct seal_key key = { .version = 1 };
    struct seal_hooks *hooks = store_seal_hooks(store);

    if (!text_check(key_id, sizeof key.id, "a key id", err))
        return false;
    snprintf(key.id, sizeof key.id, "%s", key_id);
    random_octets(key.octets, sizeof key.octets);
    wrap_aad(&key, &aad);
    if (!hooks->wrap(hooks->ctx, aad.data, aad.len, key.octets, wrapped, err))
        return err_context(err, "wrapping a key of the store");
    if (wrapped->len == 0 || wrapped->len > SEAL_WRAPPED_MAX)
        return err_set(err, ERR_BUG, "store.key", "a wrapped key has %zu octets",
                       wrapped->len);
    *ret = key;
    return true;
}

bool seal_key_insert(struct store_tx *tx, const struct seal_key *key, const char *case_id,
                     const struct buf *wrapped, bool *ret_taken, struct err *err)
{
    int64_t changed;

    if (!sql_do(tx,
                "INSERT INTO seal_key (key_id, version, case_id, wrapped, created_ms)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                SQL_ARGS(sql_t(key->id), sql_i(key->version), sql_t(case_id),
                         sql_b(wrapped->data, wrapped->len), sql_i(tx->now_ms)),
                &changed, err))
        return false;
    *ret_taken = changed == 0;
    return true;
}

bool seal_key_of_case(struct store_tx *tx, const char *case_id, struct seal_key *ret,
                      struct err *err)
{
    AUTO(buf_free) struct buf wrapped = BUF_INIT(SEAL_WRAPPED_MAX);
    char key_id[SEAL_KEY_ID_TEXT];
    bool found, taken;

    seal_key_id_of_case(case_id, key_id);
    if (!seal_key_get(tx, key_id, ret, &found, err))
        return false;
    if (found)
        return true;
    return seal_key_fresh(tx->store, key_id, ret, &wrapped, err) &&
           seal_key_insert(tx, ret, case_id, &wrapped, &taken, err);
}

/* --- keyed hashes -------------------------------------------------------------------------- */

bool store_keyed_hash(struct store_tx *tx, const char *label, const char *text,
                      char out[STORE_HASH_TEXT], struct err *err)
{
    AUTO(buf_free) struct buf hex = BUF_INIT(STORE_HASH_TEXT);
    struct seal_hooks *hooks = store_seal_hooks(tx->store);
    uint8_t mac[SEAL_MAC_OCTETS];

    if (text_empty(text)) {
        out[0] = '\0';
        return true;
    }
    if (!hooks->mac(hooks->ctx, label, text, strlen(text), mac, err))
        return err_context(err, "making a keyed hash (%s)", label);
    hex_add(&hex, mac, sizeof mac);
    snprintf(out, STORE_HASH_TEXT, "%s", buf_str(&hex));
    return true;
}
