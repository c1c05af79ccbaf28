/*
 * queue_hold.c - what a person or a changed rule does to waiting messages, and what is due when.
 *
 * Each change passes the table of states and then gives the case's turn anew (queue.c). A message
 * on the wire is never touched: its verdict comes first.
 */
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/queue.h"
#include "store/store_private.h"

/* --- by a person or a rule ------------------------------------------------------------------- */

/* The outgoing message, if the table lets it go there now; else *ret_may is false. */
static bool may_become(struct store_tx *tx, const char *row, enum message_state to,
                       struct message *m, bool *ret_may, struct err *err)
{
    if (!message_must_get(tx, row, m, err))
        return false;
    *ret_may = m->direction == MESSAGE_OUT && m->state != MESSAGE_SENDING &&
               message_state_may(m->state, to);
    return true;
}

bool queue_hold(struct store_tx *tx, const char *row, const char *hold_kind,
                const char *reason_code, const char *reason, bool *ret_changed,
                struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!text_check(hold_kind, sizeof m->hold_kind, "a kind of hold", err) ||
        !may_become(tx, row, MESSAGE_HELD, m, ret_changed, err))
        return false;
    if (!*ret_changed)
        return true;
    m->state = MESSAGE_HELD;
    STORE_COPY(m->hold_kind, hold_kind);
    return queue_set_reason(m, reason_code, reason, err) && queue_store(tx, m, err);
}

static void wait_now(struct store_tx *tx, struct message *m)
{
    m->state = MESSAGE_WAITING;
    m->hold_kind[0] = '\0';
    m->next_ms = tx->now_ms;
}

bool queue_release(struct store_tx *tx, const char *row, const char *hold_kind,
                   bool *ret_changed, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!message_must_get(tx, row, m, err))
        return false;
    *ret_changed = m->direction == MESSAGE_OUT && m->state == MESSAGE_HELD &&
                   (hold_kind == NULL || text_eq(hold_kind, m->hold_kind));
    if (!*ret_changed)
        return true;
    wait_now(tx, m);
    return queue_store(tx, m, err);
}

bool queue_retry(struct store_tx *tx, const char *row, int64_t give_up_ms,
                 bool *ret_changed, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);
    bool may;

    if (!may_become(tx, row, MESSAGE_WAITING, m, &may, err))
        return false;
    *ret_changed = may || (m->direction == MESSAGE_OUT && m->state == MESSAGE_WAITING);
    if (!*ret_changed)
        return true;
    wait_now(tx, m);
    if (give_up_ms != 0)
        m->give_up_ms = give_up_ms;
    return queue_store(tx, m, err);
}

bool queue_cancel(struct store_tx *tx, const char *row, const char *reason_code,
                  const char *reason, bool *ret_changed, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!may_become(tx, row, MESSAGE_CANCELLED, m, ret_changed, err))
        return false;
    if (!*ret_changed)
        return true;
    m->state = MESSAGE_CANCELLED;
    m->hold_kind[0] = '\0';
    return queue_set_reason(m, reason_code, reason, err) && queue_store(tx, m, err);
}

bool queue_reroute(struct store_tx *tx, const char *row, const char *partner,
                   bool *ret_changed, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!text_check(partner, sizeof m->partner, "a partner", err) ||
        !message_must_get(tx, row, m, err))
        return false;
    *ret_changed = m->state == MESSAGE_WAITING || m->state == MESSAGE_HELD;
    if (!*ret_changed)
        return true;
    STORE_COPY(m->partner, partner);
    return queue_store(tx, m, err);
}

/* --- whole legs ------------------------------------------------------------------------------ */

bool queue_hold_leg(struct store_tx *tx, const char *agreement, const char *partner,
                    const char *hold_kind, const char *reason_code, const char *reason,
                    uint64_t *ret_count, struct err *err)
{
    int64_t changed;

    if (!text_check(hold_kind, STORE_CODE_TEXT, "a kind of hold", err) ||
        !text_check(reason_code, STORE_CODE_TEXT, "a reason's code", err) ||
        !text_check(reason, STORE_REASON_TEXT, "a reason", err) ||
        !sql_do(tx,
                "UPDATE message SET state = 'held', due_ms = NULL, hold_kind = ?,"
                " reason_code = ?, reason = ?, updated_ms = ?"
                " WHERE open_out = 1 AND agreement = ? AND state = 'waiting'"
                " AND (? = '' OR partner = ?)",
                SQL_ARGS(sql_t(hold_kind), sql_t(reason_code), sql_t(reason),
                         sql_i(tx->now_ms), sql_t(agreement), sql_t(partner),
                         sql_t(partner)),
                &changed, err))
        return false;
    *ret_count = (uint64_t)changed;
    return true;
}

static bool some_held(struct store_tx *tx, const char *agreement, const char *partner,
                      const char *hold_kind, struct queue_rows *rows, struct err *err)
{
    return queue_rows(tx,
                      "SELECT row_id FROM message WHERE open_out = 1 AND agreement = ?"
                      " AND state = 'held' AND hold_kind = ? AND (? = '' OR partner = ?)"
                      " LIMIT ?",
                      SQL_ARGS(sql_t(agreement), sql_t(hold_kind), sql_t(partner),
                               sql_t(partner), sql_i(STORE_PAGE_MAX)),
                      rows, err);
}

bool queue_release_leg(struct store_tx *tx, const char *agreement, const char *partner,
                       const char *hold_kind, uint64_t *ret_count, struct err *err)
{
    AUTO(mem_free) struct queue_rows *rows = mem_alloc(sizeof *rows);
    uint64_t count = 0;
    bool changed;

    do {
        if (!some_held(tx, agreement, partner, hold_kind, rows, err))
            return false;
        for (size_t i = 0; i < rows->count; i++)
            if (!queue_release(tx, rows->ids[i], hold_kind, &changed, err))
                return false;
        count += rows->count;
    } while (rows->count > 0);
    *ret_count = count;
    return true;
}

bool queue_hurry(struct store_tx *tx, const char *partner, const char *reason,
                 uint64_t *ret_count, struct err *err)
{
    int64_t changed;

    if (!sql_do(tx,
                "UPDATE message SET next_ms = ?, due_ms ="
                " CASE WHEN due_ms IS NULL THEN NULL ELSE ? END"
                " WHERE partner = ? AND direction = 'out' AND state = 'waiting'"
                " AND next_ms > ? AND substr(reason_code, 1, length(?)) = ?",
                SQL_ARGS(sql_i(tx->now_ms), sql_i(tx->now_ms), sql_t(partner),
                         sql_i(tx->now_ms), sql_t(reason), sql_t(reason)),
                &changed, err))
        return false;
    *ret_count = (uint64_t)changed;
    return true;
}

/* --- when ------------------------------------------------------------------------------------ */

/* The next partner by name that has something due at some time, and its earliest time. */
static bool next_partner(struct store_tx *tx, struct queue_due *due, bool *ret_found,
                         struct err *err)
{
    AUTO(query_end) struct query *query = NULL;

    if (!sql_query(tx,
                   "SELECT partner FROM message WHERE due_ms IS NOT NULL AND partner > ?"
                   " ORDER BY partner LIMIT 1",
                   SQL_ARGS(sql_t(due->partner)), &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    return !*ret_found ||
           text_column(due->partner, sizeof due->partner, query_text(query, 0), err);
}

static bool earliest(struct store_tx *tx, const char *partner, bool overtaking,
                     int64_t *least, struct err *err)
{
    int64_t due_ms;
    bool found;

    if (!sql_int(tx,
                 "SELECT due_ms FROM message WHERE partner = ? AND overtakes = ?"
                 " AND due_ms IS NOT NULL ORDER BY due_ms LIMIT 1",
                 SQL_ARGS(sql_t(partner), sql_i(overtaking)), &due_ms, &found, err))
        return false;
    if (found && due_ms < *least)
        *least = due_ms;
    return true;
}

bool queue_next_due(struct store_tx *tx, queue_due_cb *each, void *ctx, struct err *err)
{
    struct queue_due due = { 0 };
    bool found;

    for (;;) {
        if (!next_partner(tx, &due, &found, err))
            return false;
        if (!found)
            return true;
        due.due_ms = INT64_MAX;
        if (!earliest(tx, due.partner, true, &due.due_ms, err) ||
            !earliest(tx, due.partner, false, &due.due_ms, err))
            return false;
        if (!each(ctx, &due))
            return true;
    }
}
