/*
 * case_records.c - what a case keeps sealed, what it can be found by, and its erasure.
 *
 * A sealed record stands under the case's own key, for its own name. Erasing deletes the keys of
 * the case and of its bodies; the octets that nobody can read any more go with the next sweep.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/cases.h"
#include "store/store_private.h"

static struct seal_place place_of(const char *row)
{
    return (struct seal_place){
        .table = "case_blob", .column = "sealed", .row = row, .final = true
    };
}

bool case_blob_put(struct store_tx *tx, const char *case_id, const char *name,
                   const void *data, size_t len, struct err *err)
{
    AUTO(buf_free) struct buf sealed = BUF_INIT(CASE_BLOB_MAX + SEAL_OVERHEAD);
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    AUTO(mem_free) char *row = mem_printf("%s/%s", case_id, name);
    struct seal_place place = place_of(row);

    if (len > CASE_BLOB_MAX)
        return err_set(err, ERR_REJECT, "case.blob-too-large",
                       "record %s of case %s has %zu octets, over %d", name, case_id, len,
                       CASE_BLOB_MAX);
    return text_check(case_id, STORE_NAME_TEXT, "a case id", err) &&
           text_check(name, STORE_NAME_TEXT, "a record's name", err) &&
           seal_key_of_case(tx, case_id, &key, err) &&
           seal_close(&key, &place, len > 0 ? data : "", len, &sealed, err) &&
           sql_do(tx,
                  "INSERT INTO case_blob (case_id, name, key_id, sealed, updated_ms)"
                  " VALUES (?, ?, ?, ?, ?) ON CONFLICT (case_id, name) DO UPDATE SET"
                  " key_id = excluded.key_id, sealed = excluded.sealed,"
                  " updated_ms = excluded.updated_ms",
                  SQL_ARGS(sql_t(case_id), sql_t(name), sql_t(key.id),
                           sql_b(sealed.data, sealed.len), sql_i(tx->now_ms)),
                  NULL, err);
}

bool case_blob_get(struct store_tx *tx, const char *case_id, const char *name,
                   struct buf *out, bool *ret_found, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    AUTO(mem_free) char *row = mem_printf("%s/%s", case_id, name);
    struct seal_place place = place_of(row);
    const void *sealed;
    size_t len;
    bool there;

    if (!sql_query(tx,
                   "SELECT key_id, sealed FROM case_blob WHERE case_id = ? AND name = ?",
                   SQL_ARGS(sql_t(case_id), sql_t(name)), &query, err) ||
        !query_next(query, &there, err))
        return false;
    if (there && !seal_key_get(tx, query_text(query, 0), &key, &there, err))
        return false;
    *ret_found = there;
    if (!there)
        return true;
    sealed = query_blob(query, 1, &len);
    return seal_open(&key, &place, sealed, len, out, err);
}

bool case_blob_remove(struct store_tx *tx, const char *case_id, const char *name,
                      struct err *err)
{
    return sql_do(tx, "DELETE FROM case_blob WHERE case_id = ? AND name = ?",
                  SQL_ARGS(sql_t(case_id), sql_t(name)), NULL, err);
}

bool case_find_key_add(struct store_tx *tx, const char *case_id, const char *kind,
                       const char *hash, struct err *err)
{
    if (text_empty(hash))
        return true;
    return text_check(kind, STORE_CODE_TEXT, "a kind of key", err) &&
           text_check(hash, STORE_HASH_TEXT, "a keyed hash", err) &&
           sql_do(tx,
                  "INSERT INTO case_key (kind, hash, case_id) VALUES (?, ?, ?)"
                  " ON CONFLICT DO NOTHING",
                  SQL_ARGS(sql_t(kind), sql_t(hash), sql_t(case_id)), NULL, err);
}

/* --- erasure --------------------------------------------------------------------------------- */

static const char *const erasing[] = {
    "UPDATE body SET state = 'dropped', touched_ms = 0 WHERE state = 'attached' AND "
    "message_row"
    " IN (SELECT row_id FROM message WHERE case_id = ?)",
    "DELETE FROM seal_key WHERE case_id = ?",
    "DELETE FROM case_blob WHERE case_id = ?",
    "DELETE FROM case_key WHERE case_id = ?",
    "DELETE FROM idempotency WHERE case_id = ? AND case_id <> ''",
    "UPDATE message SET office_number_hash = '' WHERE case_id = ?",
};

static bool nothing_unsent(struct store_tx *tx, const char *case_id, struct err *err)
{
    int64_t one;
    bool found;

    if (!sql_int(tx, "SELECT 1 FROM message WHERE open_out = 1 AND case_id = ? LIMIT 1",
                 SQL_ARGS(sql_t(case_id)), &one, &found, err))
        return false;
    return !found ||
           err_set(err, ERR_REJECT, "case.unsent",
                   "a message of case %s waits to be sent: cancel it first", case_id);
}

bool case_erase(struct store_tx *tx, const char *case_id, const char *state,
                struct err *err)
{
    if (text_empty(case_id))
        return err_set(err, ERR_BUG, "case.unknown", "an erasure without a case");
    if (!text_check(state, STORE_CODE_TEXT, "a case's state", err) ||
        !nothing_unsent(tx, case_id, err))
        return false;
    for (size_t i = 0; i < COUNT_OF(erasing); i++)
        if (!sql_do(tx, erasing[i], SQL_ARGS(sql_t(case_id)), NULL, err))
            return false;
    tx->erases = true;
    return sql_do(
        tx,
        "UPDATE cases SET state = ?, number_hash = '', updated_ms = ?, closed_ms ="
        " CASE WHEN closed_ms = 0 THEN ? ELSE closed_ms END WHERE id = ?",
        SQL_ARGS(sql_t(state), sql_i(tx->now_ms), sql_i(tx->now_ms), sql_t(case_id)),
        NULL, err);
}
