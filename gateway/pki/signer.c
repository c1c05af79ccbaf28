/*
 * signer.c - the door itself: checks what callers and implementations promise each other.
 *
 * Each call checks its arguments here, once for all implementations, and hands over. Nothing
 * here knows a key.
 */
#include "pki/signer.h"

#include <string.h>

#include "base/err.h"

bool signer_sign(struct signer *s, const char *key, enum sign_alg alg, const void *digest,
                 size_t digest_len, struct buf *out, struct err *err)
{
    size_t want = digest_alg_octets(sign_alg_digest(alg));

    if (digest_len != want)
        return err_set(err, ERR_BUG, "pki.digest-length",
                       "signing with key %s: a digest of %zu octets, %s takes %zu", key,
                       digest_len, sign_alg_name(alg), want);
    return s->ops->sign(s, key, alg, digest, digest_len, out, err);
}

bool signer_unwrap(struct signer *s, const char *key, struct oaep oaep,
                   const void *wrapped, size_t wrapped_len, void *out, size_t out_len,
                   bool *ret_genuine, struct err *err)
{
    if (out_len == 0 || out_len > CONTENT_KEY_MAX)
        return err_set(err, ERR_BUG, "pki.content-key",
                       "unwrapping with key %s: %zu octets asked for, at most %d", key,
                       out_len, CONTENT_KEY_MAX);
    return s->ops->unwrap(s, key, oaep, wrapped, wrapped_len, out, out_len, ret_genuine,
                          err);
}

bool signer_wrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                          const void *key, void *out, struct err *err)
{
    return s->ops->wrap_case_key(s, aad, aad_len, key, out, err);
}

bool signer_unwrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                            const void *wrapped, void *out, struct err *err)
{
    return s->ops->unwrap_case_key(s, aad, aad_len, wrapped, out, err);
}

uint32_t wrapped_case_key_version(const void *wrapped)
{
    const unsigned char *at = wrapped;

    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool signer_mac(struct signer *s, const char *label, uint32_t kek, const void *data,
                size_t len, void *out, struct err *err)
{
    return s->ops->mac(s, label, kek, data, len, out, err);
}

uint32_t signer_kek_newest(struct signer *s)
{
    return s->ops->kek_newest(s);
}

struct cert *signer_cert(struct signer *s, const char *key)
{
    return s->ops->cert(s, key);
}

void signer_free(struct signer **s)
{
    if (*s != NULL)
        (*s)->ops->free(s);
    *s = NULL;
}
