/*
 * signer_file.c - the signer whose keys are files, read once at start and held in this process.
 *
 * EVP_PKEY objects are shared by all threads, each operation makes a context of its own. A
 * failure leaves outputs as they were, temporaries wiped, OpenSSL's error queue empty. Which
 * process this runs in is not its business.
 */
#include "pki/signer.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/cert.h"
#include "pki/keyfile.h"

#define NONCE_OCTETS   12
#define TAG_OCTETS     16
#define VERSION_OCTETS 4
#define MAC_LABEL_MAX  64         /* octets of a caller's label */
#define MAC_INFO       "trm mac " /* HKDF info = this and the label */

struct file_key {
    char *id;
    EVP_PKEY *key;
    struct cert *cert;
};

struct file_kek {
    uint32_t version;
    unsigned char octets[KEK_OCTETS];
};

struct file_signer {
    struct signer base;
    struct file_key keys[SIGNER_KEYS_MAX];
    size_t key_count;
    struct file_kek keks[SIGNER_KEKS_MAX];
    size_t kek_count;
};

static struct file_signer *self(struct signer *s)
{
    return (struct file_signer *)s;
}

static void pkey_ctx_free(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
    *ctx = NULL;
}

static void cipher_free(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
    *ctx = NULL;
}

static bool failed(struct err *err, const char *what, const char *key)
{
    ERR_clear_error();
    return err_set(err, ERR_RETRY, "pki.signer", "%s with key %s failed", what, key);
}

static struct file_key *find_key(struct file_signer *fs, const char *id)
{
    for (size_t i = 0; i < fs->key_count; i++)
        if (text_eq(fs->keys[i].id, id))
            return &fs->keys[i];
    return NULL;
}

static struct file_key *key_of(struct signer *s, const char *id, struct err *err)
{
    struct file_key *key = find_key(self(s), id);

    if (key == NULL)
        err_set(err, ERR_CONFIG, "pki.no-such-key", "there is no private key %s", id);
    return key;
}

/* --- signing ------------------------------------------------------------------------------ */

/* What the key makes of the digest: for ECDSA in DER. */
static bool sign_octets(const struct file_key *key, enum sign_alg alg, const void *digest,
                        size_t digest_len, unsigned char *out, size_t *len)
{
    AUTO(pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->key, NULL);

    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
        return false;
    if (cert_key_kind(key->cert) == KEY_RSA &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1)
        return false;
    return EVP_PKEY_CTX_set_signature_md(ctx, digest_alg_md(sign_alg_digest(alg))) == 1 &&
           EVP_PKEY_sign(ctx, out, len, digest, digest_len) == 1;
}

static bool file_sign(struct signer *s, const char *id, enum sign_alg alg,
                      const void *digest, size_t digest_len, struct buf *out,
                      struct err *err)
{
    struct file_key *key = key_of(s, id, err);
    unsigned char made[SIGN_OCTETS_MAX], rs[SIGN_OCTETS_MAX];
    size_t len = sizeof made, octets;

    if (key == NULL || !sign_alg_fits(alg, key->cert, err))
        return false;
    if (!sign_octets(key, alg, digest, digest_len, made, &len))
        return failed(err, "signing", id);
    if (cert_key_kind(key->cert) == KEY_RSA) {
        buf_add(out, made, len);
        return buf_check(out, "signature", err);
    }
    octets = ecdsa_octets(cert_key_bits(key->cert));
    if (!ecdsa_of_der(made, len, octets, rs))
        return failed(err, "signing", id);
    buf_add(out, rs, octets);
    return buf_check(out, "signature", err);
}

/* --- unwrapping --------------------------------------------------------------------------- */

/* All ones when opened is 1 and len is as wanted, else all zeros, without a branch on them. */
static unsigned char mask_of(int opened, size_t len, size_t want)
{
    uint64_t differ = (uint64_t)(unsigned)(opened ^ 1) | (uint64_t)(len ^ want);

    return (unsigned char)(((differ | (0 - differ)) >> 63) - 1);
}

static void choose(unsigned char mask, const unsigned char *yes, const unsigned char *no,
                   unsigned char *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)((yes[i] & mask) | (no[i] & (unsigned char)~mask));
}

static bool file_unwrap(struct signer *s, const char *id, struct oaep oaep,
                        const void *wrapped, size_t wrapped_len, void *out,
                        size_t out_len, bool *ret_genuine, struct err *err)
{
    struct file_key *key = key_of(s, id, err);
    unsigned char plain[SIGN_OCTETS_MAX] = { 0 }, other[CONTENT_KEY_MAX], mask;
    size_t len = sizeof plain;
    int opened;
    AUTO(pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;

    if (key == NULL)
        return false;
    if (cert_key_kind(key->cert) != KEY_RSA)
        return err_set(err, ERR_REJECT, "pki.key-type",
                       "key %s is %s, RSA-OAEP needs RSA", id,
                       key_kind_name(cert_key_kind(key->cert)));
    ctx = EVP_PKEY_CTX_new(key->key, NULL);
    if (ctx == NULL || EVP_PKEY_decrypt_init(ctx) != 1 || !oaep_set(ctx, oaep))
        return failed(err, "unwrapping", id);
    random_octets(other, sizeof other);
    opened = EVP_PKEY_decrypt(ctx, plain, &len, wrapped, wrapped_len);
    mask = mask_of(opened, len, out_len);
    choose(mask, plain, other, out, out_len);
    mem_wipe(plain, sizeof plain);
    mem_wipe(other, sizeof other);
    ERR_clear_error();
    *ret_genuine = mask != 0;
    return true;
}

/* --- case keys ---------------------------------------------------------------------------- */

static const struct file_kek *newest(const struct file_signer *fs)
{
    const struct file_kek *best = NULL;

    for (size_t i = 0; i < fs->kek_count; i++)
        if (best == NULL || fs->keks[i].version > best->version)
            best = &fs->keks[i];
    return best;
}

/* version 0: the newest. */
static const struct file_kek *kek_of(struct signer *s, uint32_t version, struct err *err)
{
    const struct file_signer *fs = self(s);

    if (version == 0 && newest(fs) != NULL)
        return newest(fs);
    for (size_t i = 0; i < fs->kek_count; i++)
        if (fs->keks[i].version == version)
            return &fs->keks[i];
    err_set(err, ERR_CONFIG, "pki.no-such-kek",
            "there is no key-encryption key of version %u", version);
    return NULL;
}

/* Authenticates the version and the caller's AAD. */
static bool gcm_start(EVP_CIPHER_CTX *ctx, int encrypt, const struct file_kek *kek,
                      const unsigned char *version, const unsigned char *nonce,
                      const void *aad, size_t aad_len)
{
    int len;

    return ctx != NULL && aad_len <= INT32_MAX &&
           EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, kek->octets, nonce, encrypt) ==
               1 &&
           EVP_CipherUpdate(ctx, NULL, &len, version, VERSION_OCTETS) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, aad, (int)aad_len) == 1;
}

static bool file_wrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                               const void *key, void *out, struct err *err)
{
    const struct file_kek *kek = kek_of(s, 0, err);
    unsigned char made[WRAPPED_CASE_KEY_OCTETS], *nonce = made + VERSION_OCTETS;
    unsigned char *sealed = nonce + NONCE_OCTETS;
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len, last;

    if (kek == NULL)
        return false;
    for (int i = 0; i < VERSION_OCTETS; i++)
        made[i] = (unsigned char)(kek->version >> (24 - 8 * i));
    random_octets(nonce, NONCE_OCTETS);
    if (!gcm_start(ctx, 1, kek, made, nonce, aad, aad_len) ||
        EVP_EncryptUpdate(ctx, sealed, &len, key, CASE_KEY_OCTETS) != 1 ||
        EVP_EncryptFinal_ex(ctx, sealed + len, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_OCTETS,
                            sealed + CASE_KEY_OCTETS) != 1)
        return failed(err, "wrapping a case key", "kek");
    memcpy(out, made, sizeof made);
    return true;
}

static bool file_unwrap_case_key(struct signer *s, const void *aad, size_t aad_len,
                                 const void *wrapped, void *out, struct err *err)
{
    const struct file_kek *kek;
    unsigned char in[WRAPPED_CASE_KEY_OCTETS], plain[CASE_KEY_OCTETS];
    unsigned char *nonce = in + VERSION_OCTETS, *sealed = nonce + NONCE_OCTETS;
    AUTO(cipher_free) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint32_t version = wrapped_case_key_version(wrapped);
    int len, last;
    bool good;

    if (version == 0)
        return err_set(err, ERR_REJECT, "pki.case-key",
                       "a wrapped case key without a version");
    kek = kek_of(s, version, err);
    if (kek == NULL)
        return false;
    memcpy(in, wrapped, sizeof in);
    good = gcm_start(ctx, 0, kek, in, nonce, aad, aad_len) &&
           EVP_DecryptUpdate(ctx, plain, &len, sealed, CASE_KEY_OCTETS) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_OCTETS,
                               sealed + CASE_KEY_OCTETS) == 1 &&
           EVP_DecryptFinal_ex(ctx, plain + len, &last) == 1;
    if (good)
        memcpy(out, plain, sizeof plain);
    mem_wipe(plain, sizeof plain);
    ERR_clear_error();
    return good ||
           err_set(err, ERR_REJECT, "pki.case-key",
                   "a wrapped case key does not open under kek version %u: it was "
                   "changed, belongs elsewhere, or the file is another one",
                   version);
}

/* --- keyed hashes ------------------------------------------------------------------------- */

static bool hkdf(const struct file_kek *kek, const char *label, unsigned char *out)
{
    char info[sizeof MAC_INFO + MAC_LABEL_MAX] = MAC_INFO, digest[] = "SHA256";
    unsigned char key[KEK_OCTETS];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof key),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
                                          strlen(MAC_INFO) + strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    bool good;

    memcpy(info + strlen(MAC_INFO), label, strlen(label));
    memcpy(key, kek->octets, sizeof key);
    good = ctx != NULL && EVP_KDF_derive(ctx, out, MAC_OCTETS, params) == 1;
    mem_wipe(key, sizeof key);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return good;
}

static bool file_mac(struct signer *s, const char *label, uint32_t version,
                     const void *data, size_t len, void *out, struct err *err)
{
    const struct file_kek *kek = kek_of(s, version, err);
    unsigned char key[MAC_OCTETS], made[EVP_MAX_MD_SIZE];
    unsigned made_len = 0;
    bool good;

    if (kek == NULL)
        return false;
    if (strlen(label) > MAC_LABEL_MAX)
        return err_set(err, ERR_BUG, "pki.mac-label", "label %s is over %d octets", label,
                       MAC_LABEL_MAX);
    good = hkdf(kek, label, key) &&
           HMAC(EVP_sha256(), key, sizeof key, data, len, made, &made_len) != NULL &&
           made_len == MAC_OCTETS;
    mem_wipe(key, sizeof key);
    if (!good)
        return failed(err, "hashing", label);
    memcpy(out, made, MAC_OCTETS);
    return true;
}

static uint32_t file_kek_newest(struct signer *s)
{
    const struct file_kek *kek = newest(self(s));

    return kek == NULL ? 0 : kek->version;
}

static struct cert *file_cert(struct signer *s, const char *id)
{
    struct file_key *key = find_key(self(s), id);

    return key == NULL ? NULL : key->cert;
}

/* --- opening and closing ------------------------------------------------------------------ */

static void file_free(struct signer **s)
{
    struct file_signer *fs = self(*s);

    for (size_t i = 0; i < fs->key_count; i++) {
        mem_free(&fs->keys[i].id);
        EVP_PKEY_free(fs->keys[i].key);
        cert_free(&fs->keys[i].cert);
    }
    mem_wipe(fs, sizeof *fs);
    mem_free(&fs);
    *s = NULL;
}

static const struct signer_ops file_ops = {
    .sign = file_sign,
    .unwrap = file_unwrap,
    .wrap_case_key = file_wrap_case_key,
    .unwrap_case_key = file_unwrap_case_key,
    .mac = file_mac,
    .kek_newest = file_kek_newest,
    .cert = file_cert,
    .free = file_free,
};

static bool open_key(struct file_signer *fs, const struct signer_key_file *file,
                     struct err *err)
{
    AUTO(cert_free) struct cert *cert = NULL;
    EVP_PKEY *key;

    if (find_key(fs, file->id) != NULL)
        return err_set(err, ERR_CONFIG, "pki.key-twice", "private key %s is given twice",
                       file->id);
    cert = cert_load(file->cert_path, err);
    if (cert == NULL)
        return false;
    key = key_load(file->key_path, cert, file->cert_path, err);
    if (key == NULL)
        return false;
    fs->keys[fs->key_count++] =
        (struct file_key){ mem_strdup(file->id), key, TAKE(cert) };
    return true;
}

static bool open_kek(struct file_signer *fs, const struct signer_kek_file *file,
                     struct err *err)
{
    AUTO(buf_free) struct buf octets = BUF_SECRET_INIT(KEK_OCTETS + 1);
    struct file_kek *kek = &fs->keks[fs->kek_count];

    for (size_t i = 0; i < fs->kek_count; i++)
        if (fs->keks[i].version == file->version)
            return err_set(err, ERR_CONFIG, "pki.kek-twice",
                           "%s: version %u of the key-encryption key is given twice",
                           file->path, file->version);
    if (file->version == 0)
        return err_set(err, ERR_CONFIG, "pki.kek-form", "%s: versions begin with 1",
                       file->path);
    if (!file_read_secret(file->path, &octets, err) &&
        !text_eq(err->code, "file.too-large"))
        return false;
    if (octets.len != KEK_OCTETS)
        return err_set(err, ERR_CONFIG, "pki.kek-form",
                       "%s: a key-encryption key is exactly %d octets", file->path,
                       KEK_OCTETS);
    kek->version = file->version;
    memcpy(kek->octets, octets.data, KEK_OCTETS);
    fs->kek_count++;
    return true;
}

static bool open_all(struct file_signer *fs, const struct signer_files *files,
                     struct err *err)
{
    if (files->key_count > SIGNER_KEYS_MAX || files->kek_count > SIGNER_KEKS_MAX)
        return err_set(err, ERR_CONFIG, "pki.too-many-keys",
                       "%zu private keys and %zu key-encryption keys, at most %d and %d",
                       files->key_count, files->kek_count, SIGNER_KEYS_MAX,
                       SIGNER_KEKS_MAX);
    for (size_t i = 0; i < files->key_count; i++)
        if (!open_key(fs, &files->keys[i], err))
            return false;
    for (size_t i = 0; i < files->kek_count; i++)
        if (!open_kek(fs, &files->keks[i], err))
            return false;
    return true;
}

struct signer *signer_open_files(const struct signer_files *files, struct err *err)
{
    struct file_signer *fs = mem_alloc(sizeof *fs);
    AUTO(signer_free) struct signer *s = &fs->base;

    s->ops = &file_ops;
    if (!open_all(fs, files, err))
        return NULL;
    return TAKE(s);
}
