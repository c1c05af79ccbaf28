/*
 * bodies.c - the octets of messages: rows of 256 KiB, each sealed; put, loaded, streamed.
 *
 * A row's place names its body, its number and whether it is the last, so rows cannot change
 * places and a cut body does not open. The link of a body seals which message and name it
 * belongs to, its size and its digest, so a body cannot be hung on another message.
 *
 * A source reads one row at a time in a read of its own and holds nothing between; a body never
 * changes, so that is one consistent view. It fails, rather than ends early, when rows are gone.
 */
#include "store/bodies.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store_private.h"

#define SEALED_ROW_MAX (BODY_ROW_OCTETS + SEAL_OVERHEAD)
#define LINK_MAX       1024 /* octets of a link */

/* --- links ----------------------------------------------------------------------------------- */

static void link_print(struct buf *out, const char *message_row, const char *name,
                       int64_t octets, const char *sha256)
{
    buf_addf(out, "%s|%lld|%s|%s", message_row, (long long)octets, sha256, name);
}

static struct seal_place link_place(const char *body_id)
{
    return (struct seal_place){
        .table = "body", .column = "link", .row = body_id, .final = true
    };
}

bool body_name_free(struct store_tx *tx, const char *message_row, const char *name,
                    struct err *err)
{
    int64_t one;
    bool found;

    if (!text_check(name, STORE_NAME_TEXT, "a body's name", err) ||
        !sql_int(tx,
                 "SELECT 1 FROM body WHERE state = 'attached' AND message_row = ?"
                 " AND name = ?",
                 SQL_ARGS(sql_t(message_row), sql_t(name)), &one, &found, err))
        return false;
    return !found || err_set(err, ERR_REJECT, "body.taken",
                             "message row %s has a body %s already", message_row, name);
}

/* message_row "": an upload, which belongs to no message yet. */
bool body_link(struct store_tx *tx, const char *body_id, const struct seal_key *key,
               const char *message_row, const char *name, int64_t octets,
               const char *sha256, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(LINK_MAX);
    AUTO(buf_free) struct buf sealed = BUF_INIT(LINK_MAX);
    struct seal_place place = link_place(body_id);
    bool upload = text_empty(message_row);

    link_print(&text, message_row, name, octets, sha256);
    return buf_check(&text, "a body's link", err) &&
           seal_close(key, &place, text.data, text.len, &sealed, err) &&
           sql_do(tx,
                  "UPDATE body SET state = ?, message_row = ?, name = ?, octets = ?,"
                  " sha256 = ?, link = ?, touched_ms = ? WHERE id = ?",
                  SQL_ARGS(sql_t(upload ? "upload" : "attached"),
                           upload ? sql_null() : sql_t(message_row), sql_t(name),
                           sql_i(octets), sql_t(sha256), sql_b(sealed.data, sealed.len),
                           sql_i(tx->now_ms), sql_t(body_id)),
                  NULL, err);
}

static bool link_holds(struct query *query, int column, const struct seal_key *key,
                       const char *body_id, const struct body_info *info, struct err *err)
{
    AUTO(buf_free) struct buf want = BUF_INIT(LINK_MAX);
    AUTO(buf_free) struct buf text = BUF_INIT(LINK_MAX);
    struct seal_place place = link_place(body_id);
    size_t len;
    const void *sealed = query_blob(query, column, &len);

    link_print(&want, info->message, info->name, (int64_t)info->octets, info->sha256);
    if (!seal_open(key, &place, sealed, len, &text, err))
        return false;
    return text_eq(buf_str(&text), buf_str(&want)) ||
           err_set(err, ERR_REJECT, "store.sealed",
                   "body %s does not belong where it stands", body_id);
}

/* --- finding ---------------------------------------------------------------------------------- */

static bool read_body(struct query *query, struct body_row *row, struct body_info *info,
                      struct err *err)
{
    row->octets = query_int(query, 2);
    row->pieces = query_int(query, 3);
    info->octets = (uint64_t)row->octets;
    info->created_ms = query_int(query, 8);
    return text_column(row->id, sizeof row->id, query_text(query, 0), err) &&
           text_column(row->key_id, sizeof row->key_id, query_text(query, 1), err) &&
           text_column(info->sha256, sizeof info->sha256, query_text(query, 4), err) &&
           text_column(info->message, sizeof info->message, query_text(query, 5), err) &&
           text_column(info->name, sizeof info->name, query_text(query, 6), err);
}

/* tail: which one. A body whose key is gone is not there any more. */
static bool find_body(struct store_tx *tx, const char *tail, struct sql_args args,
                      struct body_row *row, struct body_info *info, struct seal_key *key,
                      bool *ret_found, struct err *err)
{
    AUTO(mem_free)
    char *sql = mem_printf("SELECT id, key_id, octets, pieces, sha256,"
                           " message_row, name, link, created_ms FROM body%s",
                           tail);
    AUTO(query_end) struct query *query = NULL;
    bool found;

    if (!sql_query(tx, sql, args, &query, err) || !query_next(query, &found, err))
        return false;
    if (found && (!read_body(query, row, info, err) ||
                  !seal_key_get(tx, row->key_id, key, &found, err)))
        return false;
    if (found && !link_holds(query, 7, key, row->id, info, err))
        return false;
    *ret_found = found;
    return true;
}

bool body_find_named(struct store_tx *tx, const char *message_row, const char *name,
                     struct body_row *row, struct body_info *info, struct seal_key *key,
                     bool *ret_found, struct err *err)
{
    return find_body(tx, " WHERE state = 'attached' AND message_row = ? AND name = ?",
                     SQL_ARGS(sql_t(message_row), sql_t(name)), row, info, key, ret_found,
                     err);
}

bool body_find_upload(struct store_tx *tx, const char *body_id, struct body_row *row,
                      struct body_info *info, struct seal_key *key, bool *ret_found,
                      struct err *err)
{
    return find_body(tx, " WHERE state = 'upload' AND id = ?", SQL_ARGS(sql_t(body_id)),
                     row, info, key, ret_found, err);
}

bool body_each(struct store_tx *tx, const char *message_row, body_info_cb *each,
               void *ctx, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    struct body_row row;
    bool there;

    if (!sql_query(tx,
                   "SELECT id, key_id, octets, pieces, sha256, message_row, name, '',"
                   " created_ms FROM body WHERE state = 'attached' AND message_row = ?"
                   " ORDER BY name",
                   SQL_ARGS(sql_t(message_row)), &query, err))
        return false;
    for (;;) {
        struct body_info info;

        if (!query_next(query, &there, err))
            return false;
        if (!there)
            return true;
        if (!read_body(query, &row, &info, err))
            return false;
        if (!each(ctx, &info))
            return true;
    }
}

/* --- rows -------------------------------------------------------------------------------------- */

static struct seal_place row_place(const char *body_id, int64_t number, bool final)
{
    return (struct seal_place){ .table = "body_piece",
                                .column = "sealed",
                                .row = body_id,
                                .number = number,
                                .final = final };
}

bool body_row_seal(const struct seal_key *key, const char *body_id, int64_t number,
                   bool final, const void *data, size_t len, struct buf *out,
                   struct err *err)
{
    struct seal_place place = row_place(body_id, number, final);

    return seal_close(key, &place, data, len, out, err);
}

bool body_row_insert(struct store_tx *tx, const char *body_id, int64_t number,
                     const struct buf *sealed, struct err *err)
{
    return sql_do(
        tx, "INSERT INTO body_piece (body_id, number, sealed) VALUES (?, ?, ?)",
        SQL_ARGS(sql_t(body_id), sql_i(number), sql_b(sealed->data, sealed->len)), NULL,
        err);
}

bool body_insert(struct store_tx *tx, const char *body_id, const char *key_id,
                 int64_t pieces, struct err *err)
{
    return sql_do(
        tx,
        "INSERT INTO body (id, state, message_row, name, key_id, octets, pieces,"
        " sha256, link, created_ms, touched_ms)"
        " VALUES (?, 'staged', NULL, '', ?, 0, ?, '', ?, ?, ?)",
        SQL_ARGS(sql_t(body_id), sql_t(key_id), sql_i(pieces), sql_b("", 0),
                 sql_i(tx->now_ms), sql_i(tx->now_ms)),
        NULL, err);
}

static bool gone(const char *body_id, struct err *err)
{
    return err_set(err, ERR_REJECT, "body.gone", "the octets of body %s are gone",
                   body_id);
}

/* Adds the clear octets of one row. */
static bool load_row(struct store_tx *tx, const struct body_row *row, int64_t number,
                     struct buf *out, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    struct seal_place place = row_place(row->id, number, number == row->pieces - 1);
    const void *sealed;
    size_t len;
    bool found;

    if (!seal_key_get(tx, row->key_id, &key, &found, err))
        return false;
    if (!found)
        return gone(row->id, err);
    if (!sql_query(tx, "SELECT sealed FROM body_piece WHERE body_id = ? AND number = ?",
                   SQL_ARGS(sql_t(row->id), sql_i(number)), &query, err) ||
        !query_next(query, &found, err))
        return false;
    if (!found)
        return gone(row->id, err);
    sealed = query_blob(query, 0, &len);
    return seal_open(&key, &place, sealed, len, out, err);
}

/* --- put, load --------------------------------------------------------------------------------- */

bool octets_sha256(const void *data, size_t len, char out[STORE_HASH_TEXT],
                   struct err *err)
{
    AUTO(buf_free) struct buf hex = BUF_INIT(STORE_HASH_TEXT);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_Digest(data, len, digest, &size, EVP_sha256(), NULL) != 1)
        return err_set(err, ERR_RETRY, "store.seal", "digesting: the library failed");
    hex_add(&hex, digest, size);
    snprintf(out, STORE_HASH_TEXT, "%s", buf_str(&hex));
    return true;
}

static bool put_rows(struct store_tx *tx, const char *body_id, const struct seal_key *key,
                     const char *data, size_t len, int64_t pieces, struct err *err)
{
    AUTO(buf_free) struct buf sealed = BUF_INIT(SEALED_ROW_MAX);

    for (int64_t i = 0; i < pieces; i++) {
        size_t size = len < BODY_ROW_OCTETS ? len : BODY_ROW_OCTETS;

        buf_clear(&sealed);
        if (!body_row_seal(key, body_id, i, i == pieces - 1, data, size, &sealed, err) ||
            !body_row_insert(tx, body_id, i, &sealed, err))
            return false;
        data += size;
        len -= size;
    }
    return true;
}

static int64_t rows_needed(size_t len)
{
    return len == 0 ? 1 : (int64_t)((len + BODY_ROW_OCTETS - 1) / BODY_ROW_OCTETS);
}

bool body_put(struct store_tx *tx, const char *message_row, const char *name,
              const void *data, size_t len, struct err *err)
{
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    char id[STORE_ROW_TEXT], sha256[STORE_HASH_TEXT], case_id[STORE_NAME_TEXT];

    if (len > BODY_PUT_MAX)
        return err_set(err, ERR_REJECT, "body.too-large",
                       "body %s has %zu octets, over %d in one piece", name, len,
                       BODY_PUT_MAX);
    store_row_id(tx->now_ms, id);
    return message_case(tx, message_row, case_id, err) &&
           body_name_free(tx, message_row, name, err) &&
           octets_sha256(data, len, sha256, err) &&
           seal_key_of_case(tx, case_id, &key, err) &&
           body_insert(tx, id, key.id, rows_needed(len), err) &&
           put_rows(tx, id, &key, len > 0 ? data : "", len, rows_needed(len), err) &&
           body_link(tx, id, &key, message_row, name, (int64_t)len, sha256, err);
}

static bool load_all(struct store_tx *tx, const struct body_row *row, struct buf *out,
                     struct err *err)
{
    size_t before = out->len;

    for (int64_t i = 0; i < row->pieces; i++)
        if (!load_row(tx, row, i, out, err))
            return false;
    return out->len - before == (size_t)row->octets ||
           err_set(err, ERR_REJECT, "store.sealed",
                   "body %s has another size than its row", row->id);
}

bool body_load(struct store_tx *tx, const char *message_row, const char *name,
               struct buf *out, bool *ret_found, struct err *err)
{
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    struct body_row row = { 0 };
    struct body_info info = { 0 };

    if (!body_find_named(tx, message_row, name, &row, &info, &key, ret_found, err))
        return false;
    return !*ret_found || load_all(tx, &row, out, err);
}

/* A key of its own goes at once; a row without one is unreadable only when swept. */
bool body_remove(struct store_tx *tx, const char *message_row, const char *name,
                 struct err *err)
{
    return sql_do(tx,
                  "DELETE FROM seal_key WHERE key_id IN (SELECT key_id FROM body WHERE"
                  " state = 'attached' AND message_row = ? AND name = ?"
                  " AND key_id = 'body:' || id)",
                  SQL_ARGS(sql_t(message_row), sql_t(name)), NULL, err) &&
           sql_do(tx,
                  "UPDATE body SET state = 'dropped', touched_ms = 0"
                  " WHERE state = 'attached' AND message_row = ? AND name = ?",
                  SQL_ARGS(sql_t(message_row), sql_t(name)), NULL, err);
}

/* --- sources ------------------------------------------------------------------------------------ */

struct rows_source {
    struct source source;
    struct store *store;
    struct body_row row;
};

struct rows_reader {
    struct reader reader;
    struct store *store;
    struct body_row row;
    int64_t next; /* row to load */
    struct buf clear;
    size_t at; /* in clear */
    uint64_t left;
};

static bool next_row(struct store_tx *tx, void *ctx, struct err *err)
{
    struct rows_reader *r = ctx;

    buf_clear(&r->clear);
    return load_row(tx, &r->row, r->next, &r->clear, err);
}

static bool refill(struct rows_reader *r, struct err *err)
{
    if (r->next == r->row.pieces)
        return r->left == 0 || gone(r->row.id, err);
    if (!store_read(r->store, next_row, r, err))
        return false;
    r->next++;
    r->at = 0;
    return r->clear.len <= r->left || gone(r->row.id, err);
}

static bool rows_read(struct reader *reader, void *out, size_t len, size_t *ret_got,
                      struct err *err)
{
    struct rows_reader *r = (struct rows_reader *)reader;
    size_t there;

    if (r->at == r->clear.len && r->next < r->row.pieces && !refill(r, err))
        return false;
    there = r->clear.len - r->at;
    if (there == 0 && r->left > 0)
        return gone(r->row.id, err);
    if (len > there)
        len = there;
    if (len > 0)
        memcpy(out, r->clear.data + r->at, len);
    r->at += len;
    r->left -= len;
    *ret_got = len;
    return true;
}

static void rows_close(struct reader **reader)
{
    buf_free(&((struct rows_reader *)*reader)->clear);
    mem_free(reader);
}

static bool rows_open(const struct source *source, struct reader **ret, struct err *err)
{
    const struct rows_source *s = (const struct rows_source *)source;
    struct rows_reader *r = mem_alloc(sizeof *r);

    (void)err;
    *r = (struct rows_reader){ .reader = { rows_read, rows_close },
                               .store = s->store,
                               .row = s->row,
                               .clear = BUF_SECRET_INIT(BODY_ROW_OCTETS),
                               .left = (uint64_t)s->row.octets };
    *ret = &r->reader;
    return true;
}

static void rows_free(struct source **source)
{
    mem_free(source);
}

struct source *body_rows_source(struct store *store, const struct body_row *row)
{
    struct rows_source *s = mem_alloc(sizeof *s);

    *s = (struct rows_source){ { rows_open, rows_free, (uint64_t)row->octets },
                               store,
                               *row };
    return &s->source;
}

bool body_source(struct store_tx *tx, const char *message_row, const char *name,
                 struct source **ret, struct err *err)
{
    AUTO(seal_key_wipe) struct seal_key key = { 0 };
    struct body_row row = { 0 };
    struct body_info info = { 0 };
    bool found;

    if (!body_find_named(tx, message_row, name, &row, &info, &key, &found, err))
        return false;
    *ret = found ? body_rows_source(tx->store, &row) : NULL;
    return true;
}
