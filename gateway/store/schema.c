/*
 * schema.c - the tables, brought up to date by numbered steps.
 *
 * Each step is a list of statements and is never changed once released; the number of the last
 * one done stands in meta "schema". A store with a higher number was written by a newer program
 * and is refused. Steps run in one transaction, so a step is done whole or not at all.
 *
 * Texts are never NULL ('' is none); due_ms alone is, for what is not due. Times are Unix
 * milliseconds. Rows that many look at (message) hold ids and numbers only; octets stand in
 * body_piece, sealed. Tables of short rows are kept in the order of their key (WITHOUT ROWID).
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "store/meta.h"
#include "store/store_private.h"

/* clang-format off */
static const char *const step_1[] = {
    /* Wrapped keys: one per case, one per large body (which belongs to a case), the gateway's.
     * Erasing a case is deleting its rows here. */
    "CREATE TABLE seal_key ("
    " key_id TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL, case_id TEXT NOT NULL,"
    " wrapped BLOB NOT NULL, created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX seal_key_case ON seal_key (case_id)",

    "CREATE TABLE cases ("
    " id TEXT NOT NULL PRIMARY KEY, agreement TEXT NOT NULL, agreement_version TEXT NOT NULL,"
    " bundle TEXT NOT NULL, own_office TEXT NOT NULL, partner TEXT NOT NULL,"
    " partner_office TEXT NOT NULL, role TEXT NOT NULL, state TEXT NOT NULL,"
    " substates TEXT NOT NULL, environment TEXT NOT NULL, linked_case TEXT NOT NULL,"
    " number_hash TEXT NOT NULL, next_out INTEGER NOT NULL, expected_in INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, closed_ms INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX cases_created ON cases (created_ms, id)",
    "CREATE INDEX cases_state ON cases (state, created_ms, id)",
    "CREATE INDEX cases_office ON cases (own_office, state)",
    "CREATE INDEX cases_number ON cases (number_hash) WHERE number_hash <> ''",
    /* The own office stands here too; created_ms is the case's, for lists. */
    "CREATE TABLE case_office ("
    " case_id TEXT NOT NULL REFERENCES cases (id), office TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, PRIMARY KEY (case_id, office)) STRICT, WITHOUT ROWID",
    "CREATE INDEX case_office_office ON case_office (office, created_ms, case_id)",
    "CREATE TABLE case_blob ("
    " case_id TEXT NOT NULL, name TEXT NOT NULL, key_id TEXT NOT NULL, sealed BLOB NOT NULL,"
    " updated_ms INTEGER NOT NULL, PRIMARY KEY (case_id, name)) STRICT",
    "CREATE TABLE case_key ("
    " kind TEXT NOT NULL, hash TEXT NOT NULL, case_id TEXT NOT NULL REFERENCES cases (id),"
    " PRIMARY KEY (kind, hash, case_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX case_key_case ON case_key (case_id)",

    "CREATE TABLE message ("
    " row_id TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, direction TEXT NOT NULL,"
    " state TEXT NOT NULL, kind TEXT NOT NULL, case_id TEXT NOT NULL, partner TEXT NOT NULL,"
    " own_office TEXT NOT NULL, remote_office TEXT NOT NULL, agreement TEXT NOT NULL,"
    " agreement_version TEXT NOT NULL, bundle TEXT NOT NULL, eb_message_id TEXT NOT NULL,"
    " packagings INTEGER NOT NULL, sequence INTEGER NOT NULL, in_reply_to TEXT NOT NULL,"
    " office_number_hash TEXT NOT NULL, content_digest TEXT NOT NULL, octets INTEGER NOT NULL,"
    " overtakes INTEGER NOT NULL, reason_code TEXT NOT NULL, reason TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, receipt_ms INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, give_up_ms INTEGER NOT NULL, wrote_once INTEGER NOT NULL,"
    " hold_kind TEXT NOT NULL, lease_owner TEXT NOT NULL, lease_until_ms INTEGER NOT NULL,"
    " fence INTEGER NOT NULL,"
    /* open_out: outgoing and not final. due_ms: when it may be claimed, and only while it is
     * its turn (queue.c), so that a claim looks at nothing else. */
    " open_out INTEGER NOT NULL DEFAULT 0, due_ms INTEGER) STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX message_id ON message (direction, id) WHERE state <> 'refused'",
    "CREATE INDEX message_refused ON message (id) WHERE state = 'refused'",
    "CREATE INDEX message_case ON message (case_id, direction, sequence)",
    "CREATE INDEX message_partner ON message (partner, direction, state, created_ms)",
    "CREATE INDEX message_due ON message (partner, overtakes, due_ms, row_id)"
    " WHERE due_ms IS NOT NULL",
    "CREATE INDEX message_due_case ON message (case_id) WHERE due_ms IS NOT NULL",
    "CREATE INDEX message_open ON message (case_id, sequence, row_id) WHERE open_out = 1",
    "CREATE INDEX message_overtaking ON message (case_id)"
    " WHERE open_out = 1 AND overtakes = 1",
    "CREATE INDEX message_sending ON message (case_id) WHERE state = 'sending'",
    "CREATE INDEX message_lease ON message (lease_until_ms) WHERE state = 'sending'",
    "CREATE INDEX message_leg ON message (agreement, partner, state) WHERE open_out = 1",
    "CREATE TABLE message_packaging ("
    " message_row TEXT NOT NULL REFERENCES message (row_id), number INTEGER NOT NULL,"
    " partner TEXT NOT NULL, direction TEXT NOT NULL, eb_message_id TEXT NOT NULL,"
    " made_ms INTEGER NOT NULL, PRIMARY KEY (message_row, number)) STRICT, WITHOUT ROWID",
    "CREATE INDEX message_packaging_id ON message_packaging (eb_message_id)",

    /* state: staged, upload, attached, dropped. link seals message, name, size, digest. */
    "CREATE TABLE body ("
    " id TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL,"
    " message_row TEXT REFERENCES message (row_id), name TEXT NOT NULL, key_id TEXT NOT NULL,"
    " octets INTEGER NOT NULL, pieces INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " link BLOB NOT NULL, created_ms INTEGER NOT NULL, touched_ms INTEGER NOT NULL) STRICT",
    "CREATE UNIQUE INDEX body_name ON body (message_row, name) WHERE state = 'attached'",
    "CREATE INDEX body_loose ON body (state, touched_ms) WHERE state <> 'attached'",
    "CREATE TABLE body_piece ("
    " body_id TEXT NOT NULL REFERENCES body (id), number INTEGER NOT NULL,"
    " sealed BLOB NOT NULL, PRIMARY KEY (body_id, number)) STRICT",
    "CREATE TABLE upload ("
    " office TEXT NOT NULL, id_hash TEXT NOT NULL, body_id TEXT NOT NULL REFERENCES body (id),"
    " media_type TEXT NOT NULL, expires_ms INTEGER NOT NULL,"
    " PRIMARY KEY (office, id_hash)) STRICT, WITHOUT ROWID",
    "CREATE INDEX upload_expires ON upload (expires_ms)",
    "CREATE INDEX upload_body ON upload (body_id)",

    "CREATE TABLE wire_seen ("
    " partner TEXT NOT NULL, eb_message_id TEXT NOT NULL, digest TEXT NOT NULL,"
    " message_row TEXT NOT NULL REFERENCES message (row_id), created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (partner, eb_message_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX wire_seen_created ON wire_seen (created_ms)",
    "CREATE TABLE content_seen ("
    " sender TEXT NOT NULL, message_id TEXT NOT NULL, digest TEXT NOT NULL,"
    " message_row TEXT NOT NULL REFERENCES message (row_id), created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (sender, message_id)) STRICT, WITHOUT ROWID",
    "CREATE INDEX content_seen_created ON content_seen (created_ms)",

    "CREATE TABLE deliverable ("
    " id TEXT NOT NULL PRIMARY KEY, message_row TEXT NOT NULL REFERENCES message (row_id),"
    " office TEXT NOT NULL, case_id TEXT NOT NULL, sequence INTEGER NOT NULL,"
    " overtakes INTEGER NOT NULL, state TEXT NOT NULL, handed_count INTEGER NOT NULL,"
    " next_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL, handed_ms INTEGER NOT NULL,"
    " acknowledged_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX deliverable_message ON deliverable (message_row, office)",
    "CREATE INDEX deliverable_open ON deliverable (office, state, case_id, sequence)"
    " WHERE state <> 'acknowledged'",
    "CREATE INDEX deliverable_ready ON deliverable (created_ms) WHERE state = 'ready'",

    "CREATE TABLE idempotency ("
    " scope TEXT NOT NULL, office TEXT NOT NULL, key_hash TEXT NOT NULL, digest TEXT NOT NULL,"
    " message_id TEXT NOT NULL, case_id TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " PRIMARY KEY (scope, office, key_hash)) STRICT, WITHOUT ROWID",
    "CREATE INDEX idempotency_created ON idempotency (scope, created_ms)",
    "CREATE INDEX idempotency_case ON idempotency (case_id) WHERE case_id <> ''",

    "CREATE TABLE audit ("
    " node TEXT NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " office TEXT NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL, channel TEXT NOT NULL,"
    " action TEXT NOT NULL, case_id TEXT NOT NULL, message_id TEXT NOT NULL,"
    " outcome TEXT NOT NULL, detail TEXT NOT NULL, hash TEXT NOT NULL,"
    " PRIMARY KEY (node, number)) STRICT, WITHOUT ROWID",
    "CREATE INDEX audit_case ON audit (case_id, node, number) WHERE case_id <> ''",
    "CREATE INDEX audit_message ON audit (message_id, node, number) WHERE message_id <> ''",
    "CREATE TABLE audit_checkpoint ("
    " node TEXT NOT NULL, number INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
    " hash TEXT NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (node, number)) STRICT, WITHOUT ROWID",

    "CREATE TABLE fact ("
    " id TEXT NOT NULL PRIMARY KEY, year INTEGER NOT NULL, month INTEGER NOT NULL,"
    " agreement TEXT NOT NULL, from_party TEXT NOT NULL, to_party TEXT NOT NULL,"
    " kind TEXT NOT NULL, dims TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX fact_year ON fact (year, agreement, kind)",

    "CREATE TABLE task ("
    " id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, office TEXT NOT NULL,"
    " case_id TEXT NOT NULL, message_id TEXT NOT NULL, partner TEXT NOT NULL,"
    " code TEXT NOT NULL, note TEXT NOT NULL, since_ms INTEGER NOT NULL,"
    " closed_ms INTEGER NOT NULL, closed_by TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX task_open ON task"
    " (kind, office, case_id, message_id, partner, code) WHERE closed_ms = 0",

    "CREATE TABLE bundle ("
    " digest TEXT NOT NULL PRIMARY KEY, agreement TEXT NOT NULL, version TEXT NOT NULL,"
    " installed_ms INTEGER NOT NULL, installed_by TEXT NOT NULL, in_force INTEGER NOT NULL,"
    " octets INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX bundle_force ON bundle (agreement) WHERE in_force = 1",
    "CREATE TABLE bundle_data ("
    " digest TEXT NOT NULL PRIMARY KEY REFERENCES bundle (digest), data BLOB NOT NULL) STRICT",
    "CREATE TABLE leg_override ("
    " agreement TEXT NOT NULL, from_party TEXT NOT NULL, to_party TEXT NOT NULL,"
    " state TEXT NOT NULL, reason TEXT NOT NULL, since_ms INTEGER NOT NULL,"
    " by_whom TEXT NOT NULL, PRIMARY KEY (agreement, from_party, to_party)) STRICT, WITHOUT ROWID",

    "CREATE TABLE partner ("
    " name TEXT NOT NULL PRIMARY KEY, paused INTEGER NOT NULL, paused_by TEXT NOT NULL,"
    " failures INTEGER NOT NULL, last_success_ms INTEGER NOT NULL,"
    " last_failure_ms INTEGER NOT NULL, last_heard_ms INTEGER NOT NULL,"
    " last_error TEXT NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE quarantine ("
    " digest TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, deaths INTEGER NOT NULL,"
    " last_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    NULL,
};
/* clang-format on */

static const char *const *const steps[] = { step_1 };

int schema_version(void)
{
    return (int)COUNT_OF(steps);
}

/* 0 for a store in which nothing stands yet. */
static bool found_version(struct store_tx *tx, int64_t *ret, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(STORE_CODE_TEXT);
    bool found;

    if (!sql_do(
            tx,
            "CREATE TABLE IF NOT EXISTS meta ("
            " name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
            SQL_NO_ARGS, NULL, err) ||
        !meta_get(tx, "schema", &text, &found, err))
        return false;
    if (!found) {
        *ret = 0;
        return true;
    }
    if (!str_i64((struct str){ buf_str(&text), text.len }, ret) || *ret < 0)
        return err_set(err, ERR_CONFIG, "store.corrupt",
                       "the store's schema number is not a number");
    return true;
}

static bool do_step(struct store_tx *tx, size_t number, struct err *err)
{
    for (const char *const *sql = steps[number]; *sql != NULL; sql++)
        if (!sql_do(tx, *sql, SQL_NO_ARGS, NULL, err))
            return err_context(err, "bringing the store to schema %zu", number + 1);
    return true;
}

bool schema_update(struct store_tx *tx, struct err *err)
{
    int64_t version;
    char text[24];

    if (!found_version(tx, &version, err))
        return false;
    if (version > schema_version())
        return err_set(
            err, ERR_CONFIG, "store.newer",
            "the store has schema %lld, this program knows %d: it was written by "
            "a newer one, start that",
            (long long)version, schema_version());
    for (size_t i = (size_t)version; i < COUNT_OF(steps); i++)
        if (!do_step(tx, i, err))
            return false;
    if (version == schema_version())
        return true;
    snprintf(text, sizeof text, "%d", schema_version());
    return meta_set(tx, "schema", text, err);
}
