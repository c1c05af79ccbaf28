/*
 * client.c - who has which key: digests only, compared in constant time.
 */
#include <openssl/evp.h>
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "ops/ops_private.h"

static bool digest_of(const char *hex, unsigned char out[32])
{
    AUTO(buf_free) struct buf octets = BUF_INIT(32);
    struct err err = { 0 };

    if (!hex_decode(hex, strlen(hex), &octets, &err) || octets.len != 32)
        return false;
    memcpy(out, octets.data, 32);
    return true;
}

static bool copy_client(const struct ops_client *from, struct client_copy *to,
                        struct err *err)
{
    const char *office = from->office != NULL ? from->office : "";
    const char *person = from->person != NULL ? from->person : from->name;

    if (!ops_role_parse(from->role, &to->caller.role))
        return err_set(
            err, ERR_CONFIG, "ops.client",
            "client %s: role \"%s\" is none of officer, consul, team, auditor, "
            "operator",
            from->name, from->role != NULL ? from->role : "");
    if ((to->caller.role & (OPS_OFFICER | OPS_CONSUL | OPS_TEAM)) != 0 &&
        office[0] == '\0')
        return err_set(err, ERR_CONFIG, "ops.client",
                       "client %s: an %s acts for an office, say which", from->name,
                       from->role);
    if (to->caller.role == OPS_OPERATOR && office[0] != '\0')
        return err_set(err, ERR_CONFIG, "ops.client",
                       "client %s: an operator is of no office", from->name);
    if (!STORE_COPY(to->caller.office, office) || !STORE_COPY(to->caller.person, person))
        return err_set(err, ERR_CONFIG, "ops.client", "client %s: a name is too long",
                       from->name);
    to->has_key = from->key_sha256 != NULL;
    to->has_certificate = from->certificate != NULL;
    if ((to->has_key && !digest_of(from->key_sha256, to->key)) ||
        (to->has_certificate && !digest_of(from->certificate, to->certificate)))
        return err_set(err, ERR_CONFIG, "ops.client",
                       "client %s: a SHA-256 is 64 hexadecimal digits", from->name);
    return true;
}

/* A key of two clients would act for whichever is found first. */
static bool unlike(const struct client_copy *c, const struct client_copy *others,
                   size_t count, const char *name, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct client_copy *o = &others[i];

        if ((c->has_key && o->has_key && memcmp(c->key, o->key, 32) == 0) ||
            (c->has_certificate && o->has_certificate &&
             memcmp(c->certificate, o->certificate, 32) == 0))
            return err_set(err, ERR_CONFIG, "ops.client",
                           "client %s has the key or certificate of another client: give "
                           "each its own",
                           name);
    }
    return true;
}

bool ops_set_clients(struct ops *o, const struct ops_client *clients, size_t count,
                     struct err *err)
{
    AUTO(mem_free) struct client_copy *next = mem_array(count + 1, sizeof *next);

    if (count > OPS_CLIENTS_MAX)
        return err_set(err, ERR_CONFIG, "ops.client", "more than %d clients",
                       OPS_CLIENTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (!copy_client(&clients[i], &next[i], err) ||
            !unlike(&next[i], next, i, clients[i].name, err))
            return false;
    pthread_rwlock_wrlock(&o->lock);
    struct client_copy *old = o->clients;
    o->clients = TAKE(next);
    o->client_count = count;
    pthread_rwlock_unlock(&o->lock);
    mem_free(&old);
    return true;
}

/* Every client is looked at, found or not, so that time tells nothing. */
static bool find(const struct ops *o, const unsigned char digest[32], bool certificate,
                 const char *channel, struct ops_caller *ret)
{
    bool found = false;
    /* Readers do not change what the lock protects. */
    pthread_rwlock_t *lock = &((struct ops *)(uintptr_t)o)->lock;

    pthread_rwlock_rdlock(lock);
    for (size_t i = 0; i < o->client_count; i++) {
        const struct client_copy *c = &o->clients[i];
        bool has = certificate ? c->has_certificate : c->has_key;
        bool same = octets_equal(certificate ? c->certificate : c->key, digest, 32);

        if (has && same && !found) {
            *ret = c->caller;
            ret->channel = channel;
            found = true;
        }
    }
    pthread_rwlock_unlock(lock);
    return found;
}

bool ops_client_by_key(const struct ops *o, const char *key, const char *channel,
                       struct ops_caller *ret)
{
    unsigned char digest[32];
    size_t len = strlen(key);

    return len > 0 && len <= OPS_KEY_MAX &&
           EVP_Digest(key, len, digest, NULL, EVP_sha256(), NULL) == 1 &&
           find(o, digest, false, channel, ret);
}

bool ops_client_by_certificate(const struct ops *o, const char *sha256,
                               const char *channel, struct ops_caller *ret)
{
    unsigned char digest[32];

    return digest_of(sha256, digest) && find(o, digest, true, channel, ret);
}
