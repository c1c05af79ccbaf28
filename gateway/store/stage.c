/*
 * stage.c - large bodies on their way in: staged rows, attached later or swept.
 *
 * Each row is sealed in the caller's thread and written in a transaction of its own, under a key
 * that this body alone has; memory stays at two rows. The rows are invisible until body_attach()
 * or upload_put() in the transaction that gives them a meaning. The key then belongs to the
 * case of that message and is erased with it.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/bodies.h"
#include "store/store_private.h"

struct body_stage {
    struct sink sink;
    struct store *store;
    struct body_row row;
    struct seal_key key;
    struct buf wrapped;
    struct buf clear;  /* what no row has yet */
    struct buf sealed; /* the row being written */
    EVP_MD_CTX *digest;
    char sha256[STORE_HASH_TEXT];
    bool finished, attached;
};

/* --- writing ---------------------------------------------------------------------------------- */

static bool begin_body(struct store_tx *tx, struct body_stage *stage, struct err *err)
{
    bool taken;

    return seal_key_insert(tx, &stage->key, "", &stage->wrapped, &taken, err) &&
           body_insert(tx, stage->row.id, stage->row.key_id, 1, err);
}

static bool touch_body(struct store_tx *tx, struct body_stage *stage, struct err *err)
{
    int64_t changed;

    if (!sql_do(tx,
                "UPDATE body SET pieces = ?, touched_ms = ?"
                " WHERE id = ? AND state = 'staged'",
                SQL_ARGS(sql_i(stage->row.pieces + 1), sql_i(tx->now_ms),
                         sql_t(stage->row.id)),
                &changed, err))
        return false;
    return changed == 1 || err_set(err, ERR_RETRY, "body.stage-gone",
                                   "a body took too long to come and was swept");
}

static bool write_row(struct store_tx *tx, void *ctx, struct err *err)
{
    struct body_stage *stage = ctx;
    bool ready =
        stage->row.pieces == 0 ? begin_body(tx, stage, err) : touch_body(tx, stage, err);

    return ready &&
           body_row_insert(tx, stage->row.id, stage->row.pieces, &stage->sealed, err);
}

static bool flush(struct body_stage *stage, bool final, struct err *err)
{
    buf_clear(&stage->sealed);
    if (!body_row_seal(&stage->key, stage->row.id, stage->row.pieces, final,
                       buf_str(&stage->clear), stage->clear.len, &stage->sealed, err) ||
        !store_run(stage->store, write_row, stage, err))
        return false;
    fault_point("store.staged");
    stage->row.pieces++;
    buf_clear(&stage->clear);
    return true;
}

/* A full row waits until it is known whether it is the last. */
static bool add(struct body_stage *stage, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        size_t room = BODY_ROW_OCTETS - stage->clear.len;
        size_t take = len < room ? len : room;

        if (room == 0) {
            if (!flush(stage, false, err))
                return false;
            continue;
        }
        buf_add(&stage->clear, data, take);
        data += take;
        len -= take;
    }
    return true;
}

static bool stage_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    struct body_stage *stage = (struct body_stage *)sink;

    if (stage->finished)
        return err_set(err, ERR_BUG, "body.stage", "writing behind the end of a body");
    if (len > (uint64_t)BODY_OCTETS_MAX - (uint64_t)stage->row.octets)
        return err_set(err, ERR_REJECT, "body.too-large", "a body has over %lld octets",
                       (long long)BODY_OCTETS_MAX);
    if (EVP_DigestUpdate(stage->digest, data, len) != 1)
        return err_set(err, ERR_RETRY, "store.seal", "digesting: the library failed");
    stage->row.octets += (int64_t)len;
    return add(stage, data, len, err);
}

bool body_stage_finish(struct body_stage *stage, struct err *err)
{
    AUTO(buf_free) struct buf hex = BUF_INIT(STORE_HASH_TEXT);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (stage->finished)
        return true;
    if (!flush(stage, true, err))
        return false;
    if (EVP_DigestFinal_ex(stage->digest, digest, &size) != 1)
        return err_set(err, ERR_RETRY, "store.seal", "digesting: the library failed");
    hex_add(&hex, digest, size);
    snprintf(stage->sha256, sizeof stage->sha256, "%s", buf_str(&hex));
    stage->finished = true;
    return true;
}

/* --- its life --------------------------------------------------------------------------------- */

bool body_stage_open(struct store *store, struct body_stage **ret, struct err *err)
{
    AUTO(body_stage_free) struct body_stage *stage = mem_alloc(sizeof *stage);

    stage->sink.write = stage_write;
    stage->store = store;
    stage->wrapped = (struct buf)BUF_INIT(SEAL_WRAPPED_MAX);
    stage->clear = (struct buf)BUF_SECRET_INIT(BODY_ROW_OCTETS);
    stage->sealed = (struct buf)BUF_INIT(BODY_ROW_OCTETS + SEAL_OVERHEAD);
    store_row_id(clock_now(NULL), stage->row.id);
    snprintf(stage->row.key_id, sizeof stage->row.key_id, "body:%s", stage->row.id);
    stage->digest = EVP_MD_CTX_new();
    if (stage->digest == NULL ||
        EVP_DigestInit_ex(stage->digest, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_RETRY, "store.seal", "digesting: the library failed");
    if (!seal_key_fresh(store, stage->row.key_id, &stage->key, &stage->wrapped, err))
        return false;
    *ret = TAKE(stage);
    return true;
}

struct sink *body_stage_sink(struct body_stage *stage)
{
    return &stage->sink;
}

uint64_t body_stage_octets(const struct body_stage *stage)
{
    return (uint64_t)stage->row.octets;
}

const char *body_stage_sha256(const struct body_stage *stage)
{
    return stage->sha256;
}

struct source *body_stage_source(struct body_stage *stage)
{
    return body_rows_source(stage->store, &stage->row);
}

/* Only what no transaction has given a meaning; the sweep does the rest. */
static bool drop_staged(struct store_tx *tx, void *ctx, struct err *err)
{
    struct body_stage *stage = ctx;
    int64_t changed;

    if (!sql_do(tx,
                "UPDATE body SET state = 'dropped', touched_ms = 0"
                " WHERE id = ? AND state = 'staged'",
                SQL_ARGS(sql_t(stage->row.id)), &changed, err))
        return false;
    return changed == 0 || sql_do(tx, "DELETE FROM seal_key WHERE key_id = ?",
                                  SQL_ARGS(sql_t(stage->row.key_id)), NULL, err);
}

/* When the disk says no, the rows are swept within the hour. */
static void drop_now(struct body_stage *stage)
{
    struct err dropped = { 0 };
    bool done = store_run(stage->store, drop_staged, stage, &dropped);

    (void)done;
}

void body_stage_free(struct body_stage **stage)
{
    struct body_stage *s = *stage;

    *stage = NULL;
    if (s == NULL)
        return;
    if (!s->attached && s->row.pieces > 0)
        drop_now(s);
    EVP_MD_CTX_free(s->digest);
    buf_free(&s->wrapped);
    buf_free(&s->clear);
    buf_free(&s->sealed);
    seal_key_wipe(&s->key);
    mem_free(&s);
}

/* --- attaching --------------------------------------------------------------------------------- */

static bool check_finished(const struct body_stage *stage, struct err *err)
{
    return stage->finished ||
           err_set(err, ERR_BUG, "body.stage", "a body was used before it was finished");
}

static bool key_to_case(struct store_tx *tx, const char *key_id, const char *case_id,
                        struct err *err)
{
    return sql_do(tx, "UPDATE seal_key SET case_id = ? WHERE key_id = ?",
                  SQL_ARGS(sql_t(case_id), sql_t(key_id)), NULL, err);
}

/* The rows must still be there: a stage that waited too long was swept. */
static bool still_staged(struct store_tx *tx, const char *body_id, struct err *err)
{
    int64_t one;
    bool found;

    if (!sql_int(tx, "SELECT 1 FROM body WHERE id = ? AND state = 'staged'",
                 SQL_ARGS(sql_t(body_id)), &one, &found, err))
        return false;
    return found || err_set(err, ERR_RETRY, "body.stage-gone",
                            "a staged body waited too long and was swept");
}

bool body_attach(struct store_tx *tx, const char *message_row, const char *name,
                 struct body_stage *stage, struct err *err)
{
    char case_id[STORE_NAME_TEXT];

    if (!check_finished(stage, err) || !message_case(tx, message_row, case_id, err) ||
        !body_name_free(tx, message_row, name, err) ||
        !still_staged(tx, stage->row.id, err) ||
        !key_to_case(tx, stage->row.key_id, case_id, err) ||
        !body_link(tx, stage->row.id, &stage->key, message_row, name, stage->row.octets,
                   stage->sha256, err))
        return false;
    stage->attached = true;
    return true;
}

/* --- uploads ----------------------------------------------------------------------------------- */

static bool upload_row(struct store_tx *tx, const char *office, const char *id_hash,
                       char body_id[STORE_ROW_TEXT], struct upload *ret, bool *ret_found,
                       struct err *err)
{
    AUTO(query_end) struct query *query = NULL;

    if (!sql_query(tx,
                   "SELECT body_id, media_type, expires_ms FROM upload"
                   " WHERE office = ? AND id_hash = ?",
                   SQL_ARGS(sql_t(office), sql_t(id_hash)), &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    ret->expires_ms = query_int(query, 2);
    return text_column(body_id, STORE_ROW_TEXT, query_text(query, 0), err) &&
           text_column(ret->media_type, sizeof ret->media_type, query_text(query, 1),
                       err);
}

struct found_upload {
    char id_hash[STORE_HASH_TEXT];
    struct body_row row;
    struct body_info info;
    struct seal_key key;
    struct upload upload;
};

static bool find_upload(struct store_tx *tx, const char *office, const char *id,
                        struct found_upload *ret, bool *ret_found, struct err *err)
{
    char body_id[STORE_ROW_TEXT];

    if (!store_keyed_hash(tx, "upload", id, ret->id_hash, err) ||
        !upload_row(tx, office, ret->id_hash, body_id, &ret->upload, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    if (!body_find_upload(tx, body_id, &ret->row, &ret->info, &ret->key, ret_found, err))
        return false;
    ret->upload.octets = ret->info.octets;
    memcpy(ret->upload.sha256, ret->info.sha256, sizeof ret->upload.sha256);
    return true;
}

static void found_upload_wipe(struct found_upload *found)
{
    seal_key_wipe(&found->key);
}

static bool room_for_upload(struct store_tx *tx, const char *office, struct err *err)
{
    int64_t count = 0;
    bool found;

    if (!sql_int(tx, "SELECT COUNT(*) FROM upload WHERE office = ?",
                 SQL_ARGS(sql_t(office)), &count, &found, err))
        return false;
    return count < BODY_UPLOADS_MAX ||
           err_set(err, ERR_REJECT, "body.uploads",
                   "office %s has %d attachments waiting for their document already",
                   office, BODY_UPLOADS_MAX);
}

static bool insert_upload(struct store_tx *tx, const char *office, const char *id_hash,
                          const char *media_type, struct body_stage *stage,
                          int64_t expires_ms, struct err *err)
{
    if (!text_check(media_type, STORE_NAME_TEXT, "a media type", err) ||
        !text_check(office, STORE_NAME_TEXT, "an office", err) ||
        !room_for_upload(tx, office, err) || !still_staged(tx, stage->row.id, err) ||
        !body_link(tx, stage->row.id, &stage->key, "", "upload", stage->row.octets,
                   stage->sha256, err) ||
        !sql_do(tx,
                "INSERT INTO upload (office, id_hash, body_id, media_type, expires_ms)"
                " VALUES (?, ?, ?, ?, ?)",
                SQL_ARGS(sql_t(office), sql_t(id_hash), sql_t(stage->row.id),
                         sql_t(media_type), sql_i(expires_ms)),
                NULL, err))
        return false;
    stage->attached = true;
    return true;
}

bool upload_put(struct store_tx *tx, const char *office, const char *id,
                const char *media_type, struct body_stage *stage, int64_t expires_ms,
                bool *ret_other, struct err *err)
{
    AUTO(found_upload_wipe) struct found_upload there = { 0 };
    bool found;

    stage->attached = false;
    if (!check_finished(stage, err) || !find_upload(tx, office, id, &there, &found, err))
        return false;
    *ret_other = found && !text_eq(there.upload.sha256, stage->sha256);
    if (found)
        return true;
    return insert_upload(tx, office, there.id_hash, media_type, stage, expires_ms, err);
}

bool upload_get(struct store_tx *tx, const char *office, const char *id,
                struct upload *ret, struct source **ret_source, bool *ret_found,
                struct err *err)
{
    AUTO(found_upload_wipe) struct found_upload there = { 0 };

    if (!find_upload(tx, office, id, &there, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    *ret = there.upload;
    if (ret_source != NULL)
        *ret_source = body_rows_source(tx->store, &there.row);
    return true;
}

bool upload_attach(struct store_tx *tx, const char *office, const char *id,
                   const char *message_row, const char *name, bool *ret_found,
                   struct err *err)
{
    char case_id[STORE_NAME_TEXT];
    AUTO(found_upload_wipe) struct found_upload there = { 0 };

    if (!find_upload(tx, office, id, &there, ret_found, err))
        return false;
    if (!*ret_found)
        return true;
    return message_case(tx, message_row, case_id, err) &&
           body_name_free(tx, message_row, name, err) &&
           key_to_case(tx, there.row.key_id, case_id, err) &&
           body_link(tx, there.row.id, &there.key, message_row, name, there.row.octets,
                     there.info.sha256, err) &&
           sql_do(tx, "DELETE FROM upload WHERE office = ? AND id_hash = ?",
                  SQL_ARGS(sql_t(office), sql_t(there.id_hash)), NULL, err);
}
