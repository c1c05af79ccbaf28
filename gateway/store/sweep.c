/*
 * sweep.c - octets that nothing points to any more, taken out in small transactions.
 *
 * A dropped body has lost its key in the transaction that dropped it; only its rows are left.
 * They go some at a time, so that the writer is never long away from the works of others.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "store/bodies.h"
#include "store/store_private.h"

#define STAGED_KEPT_MS HOUR_MS /* since the last row came */
#define ROWS_AT_ONCE   32      /* 8 MiB */

/* A body of its own key loses it; others are dropped with a case, whose keys are gone. */
static const char *const dropping_staged[] = {
    "DELETE FROM seal_key WHERE key_id IN (SELECT 'body:' || id FROM body"
    " WHERE state = 'staged' AND touched_ms < ?)",
    "UPDATE body SET state = 'dropped' WHERE state = 'staged' AND touched_ms < ?",
};

static const char *const dropping_uploads[] = {
    "DELETE FROM seal_key WHERE key_id IN (SELECT 'body:' || body_id FROM upload"
    " WHERE expires_ms < ?)",
    "UPDATE body SET state = 'dropped' WHERE id IN (SELECT body_id FROM upload"
    " WHERE expires_ms < ?)",
    "DELETE FROM upload WHERE expires_ms < ?",
};

static bool do_each(struct store_tx *tx, const char *const *sql, size_t count, int64_t ms,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!sql_do(tx, sql[i], SQL_ARGS(sql_i(ms)), NULL, err))
            return false;
    return true;
}

bool body_drop_staged(struct store_tx *tx, int64_t touched_before_ms, struct err *err)
{
    return do_each(tx, dropping_staged, COUNT_OF(dropping_staged), touched_before_ms,
                   err);
}

static bool drop_stale(struct store_tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return body_drop_staged(tx, tx->now_ms - STAGED_KEPT_MS, err) &&
           do_each(tx, dropping_uploads, COUNT_OF(dropping_uploads), tx->now_ms, err);
}

struct sweep {
    bool found;     /* a dropped body was there */
    bool body_gone; /* and its last row went */
};

static bool find_dropped(struct store_tx *tx, char id[STORE_ROW_TEXT], bool *ret_found,
                         struct err *err)
{
    AUTO(query_end) struct query *query = NULL;

    if (!sql_query(tx, "SELECT id FROM body WHERE state = 'dropped' LIMIT 1", SQL_NO_ARGS,
                   &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    return !*ret_found || text_column(id, STORE_ROW_TEXT, query_text(query, 0), err);
}

static bool sweep_some(struct store_tx *tx, void *ctx, struct err *err)
{
    struct sweep *sweep = ctx;
    char id[STORE_ROW_TEXT];
    int64_t rows = 0;

    *sweep = (struct sweep){ 0 };
    if (!find_dropped(tx, id, &sweep->found, err))
        return false;
    if (!sweep->found)
        return true;
    if (!sql_do(tx,
                "DELETE FROM body_piece WHERE body_id = ? AND number IN (SELECT number"
                " FROM body_piece WHERE body_id = ? ORDER BY number LIMIT ?)",
                SQL_ARGS(sql_t(id), sql_t(id), sql_i(ROWS_AT_ONCE)), &rows, err))
        return false;
    sweep->body_gone = rows < ROWS_AT_ONCE;
    return !sweep->body_gone ||
           sql_do(tx, "DELETE FROM body WHERE id = ?", SQL_ARGS(sql_t(id)), NULL, err);
}

bool store_sweep(struct store *store, uint64_t *ret_dropped, struct err *err)
{
    struct sweep sweep;
    uint64_t dropped = 0;

    if (!store_run(store, drop_stale, NULL, err))
        return false;
    do {
        if (!store_run(store, sweep_some, &sweep, err))
            return false;
        dropped += sweep.body_gone;
    } while (sweep.found);
    *ret_dropped = dropped;
    return true;
}
