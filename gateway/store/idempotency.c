/*
 * idempotency.c - (scope, office, key) to what was handed in under it. Keys are kept as keyed
 * hashes: a national case number or a file's name is nobody's business here.
 */
#include "store/idempotency.h"

#include "base/err.h"
#include "base/str.h"
#include "store/store_private.h"

#define PRUNE_AT_ONCE 2000

static bool hash_key(struct store_tx *tx, const char *scope, const char *key,
                     char out[STORE_HASH_TEXT], struct err *err)
{
    if (text_empty(key))
        return err_set(err, ERR_BUG, "store.text", "an empty key of idempotency (%s)",
                       scope);
    return store_keyed_hash(tx, "idempotency", key, out, err);
}

static bool find_hash(struct store_tx *tx, const char *scope, const char *office,
                      const char *hash, struct idempotency_entry *ret, bool *ret_found,
                      struct err *err)
{
    AUTO(query_end) struct query *query = NULL;

    if (!sql_query(tx,
                   "SELECT digest, message_id, case_id, created_ms FROM idempotency"
                   " WHERE scope = ? AND office = ? AND key_hash = ?",
                   SQL_ARGS(sql_t(scope), sql_t(office), sql_t(hash)), &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    ret->created_ms = query_int(query, 3);
    return text_column(ret->digest, sizeof ret->digest, query_text(query, 0), err) &&
           text_column(ret->message_id, sizeof ret->message_id, query_text(query, 1),
                       err) &&
           text_column(ret->case_id, sizeof ret->case_id, query_text(query, 2), err);
}

static enum duplicate judge(const struct idempotency_entry *entry, bool found,
                            const char *digest)
{
    if (!found)
        return DUPLICATE_NONE;
    return text_eq(entry->digest, digest) ? DUPLICATE_SAME : DUPLICATE_OTHER;
}

bool idempotency_find(struct store_tx *tx, const char *scope, const char *office,
                      const char *key, const char *digest, enum duplicate *ret,
                      struct idempotency_entry *ret_entry, struct err *err)
{
    struct idempotency_entry entry = { 0 };
    char hash[STORE_HASH_TEXT];
    bool found;

    if (!hash_key(tx, scope, key, hash, err) ||
        !find_hash(tx, scope, office, hash, &entry, &found, err))
        return false;
    *ret = judge(&entry, found, digest);
    if (found && ret_entry != NULL)
        *ret_entry = entry;
    return true;
}

static bool insert(struct store_tx *tx, const char *scope, const char *office,
                   const char *hash, const struct idempotency_entry *entry,
                   struct err *err)
{
    return sql_do(tx,
                  "INSERT INTO idempotency"
                  " (scope, office, key_hash, digest, message_id, case_id, created_ms)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?)",
                  SQL_ARGS(sql_t(scope), sql_t(office), sql_t(hash), sql_t(entry->digest),
                           sql_t(entry->message_id), sql_t(entry->case_id),
                           sql_i(tx->now_ms)),
                  NULL, err);
}

bool idempotency_add(struct store_tx *tx, const char *scope, const char *office,
                     const char *key, const char *digest, const char *message_id,
                     const char *case_id, enum duplicate *ret,
                     struct idempotency_entry *ret_entry, struct err *err)
{
    struct idempotency_entry entry = { 0 };
    char hash[STORE_HASH_TEXT];
    bool found;

    if (!hash_key(tx, scope, key, hash, err) ||
        !find_hash(tx, scope, office, hash, &entry, &found, err))
        return false;
    *ret = judge(&entry, found, digest);
    if (found) {
        if (ret_entry != NULL)
            *ret_entry = entry;
        return true;
    }
    if (!STORE_COPY(entry.digest, digest) || !STORE_COPY(entry.message_id, message_id) ||
        !STORE_COPY(entry.case_id, case_id))
        return err_set(err, ERR_BUG, "store.text", "an entry of idempotency is too long");
    return insert(tx, scope, office, hash, &entry, err);
}

bool idempotency_prune(struct store_tx *tx, const char *scope, int64_t before_ms,
                       uint64_t *ret_count, struct err *err)
{
    int64_t changed;

    if (!sql_do(tx,
                "DELETE FROM idempotency WHERE (scope, office, key_hash) IN"
                " (SELECT scope, office, key_hash FROM idempotency"
                " WHERE scope = ? AND created_ms < ? LIMIT ?)",
                SQL_ARGS(sql_t(scope), sql_i(before_ms), sql_i(PRUNE_AT_ONCE)), &changed,
                err))
        return false;
    *ret_count = (uint64_t)changed;
    return true;
}
