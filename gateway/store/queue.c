/*
 * queue.c - whose turn it is, claims, verdicts, leases. Holds and the like: queue_hold.c.
 *
 * due_ms of a message is set only while it may be claimed when that time comes: it waits, and
 * of its case nothing is on the wire, and it is the lowest open sequence or of a kind that
 * overtakes. queue_turn() keeps that true after every change of a case, so a claim reads one
 * index from its beginning and never passes over what is not yet due or not its turn.
 *
 * A settle shows the fencing number of its claim. A claim lost (lease run out, node restarted)
 * has raised it, so what a lost sender says is refused; the partner's duplicate check makes the
 * second sending harmless.
 */
#include "store/queue.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store_private.h"

#define ROWS_MAX 256 /* leases taken back in one go */

/* --- turns --------------------------------------------------------------------------------- */

static bool set_due(struct store_tx *tx, const char *row, struct err *err)
{
    return sql_do(tx,
                  "UPDATE message SET due_ms = next_ms"
                  " WHERE row_id = ? AND direction = 'out' AND state = 'waiting'",
                  SQL_ARGS(sql_t(row)), NULL, err);
}

static bool is_on_wire(struct store_tx *tx, const char *case_id, bool *ret,
                       struct err *err)
{
    int64_t one;

    return sql_int(
        tx, "SELECT 1 FROM message WHERE case_id = ? AND state = 'sending' LIMIT 1",
        SQL_ARGS(sql_t(case_id)), &one, ret, err);
}

static bool head_due(struct store_tx *tx, const char *case_id, struct err *err)
{
    return sql_do(
        tx,
        "UPDATE message SET due_ms = next_ms WHERE state = 'waiting' AND row_id ="
        " (SELECT row_id FROM message WHERE open_out = 1 AND case_id = ?"
        " ORDER BY sequence, row_id LIMIT 1)",
        SQL_ARGS(sql_t(case_id)), NULL, err);
}

static bool overtaking_due(struct store_tx *tx, const char *case_id, struct err *err)
{
    return sql_do(
        tx,
        "UPDATE message SET due_ms = next_ms WHERE open_out = 1 AND overtakes = 1"
        " AND case_id = ? AND state = 'waiting'",
        SQL_ARGS(sql_t(case_id)), NULL, err);
}

bool queue_turn(struct store_tx *tx, const char *case_id, const char *row,
                struct err *err)
{
    bool on_wire;

    if (text_empty(case_id))
        return set_due(tx, row, err);
    if (!sql_do(
            tx,
            "UPDATE message SET due_ms = NULL WHERE case_id = ? AND due_ms IS NOT NULL",
            SQL_ARGS(sql_t(case_id)), NULL, err) ||
        !is_on_wire(tx, case_id, &on_wire, err))
        return false;
    return on_wire || (head_due(tx, case_id, err) && overtaking_due(tx, case_id, err));
}

bool queue_store(struct store_tx *tx, struct message *m, struct err *err)
{
    return message_store(tx, m, err) && queue_turn(tx, m->case_id, m->row, err);
}

/* --- claims -------------------------------------------------------------------------------- */

/* The first column of a query, before anything is changed. */
bool queue_rows(struct store_tx *tx, const char *sql, struct sql_args args,
                struct queue_rows *ret, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx, sql, args, &query, err))
        return false;
    for (ret->count = 0; ret->count < STORE_PAGE_MAX; ret->count++) {
        if (!query_next(query, &row, err))
            return false;
        if (!row)
            break;
        if (!text_column(ret->ids[ret->count], STORE_ROW_TEXT, query_text(query, 0), err))
            return false;
    }
    return true;
}

static void lease(struct store_tx *tx, struct message *m, int64_t lease_ms)
{
    m->state = MESSAGE_SENDING;
    m->attempts++;
    m->first_ms = m->first_ms != 0 ? m->first_ms : tx->now_ms;
    m->last_ms = tx->now_ms;
    STORE_COPY(m->lease_owner, store_tx_node(tx));
    m->lease_until_ms = tx->now_ms + lease_ms;
    m->fence++;
}

/* Not found any more: a message of the same case was claimed just before. */
static bool claim_one(struct store_tx *tx, const char *row, int64_t lease_ms,
                      struct message_list *list, struct err *err)
{
    struct message *m = &list->items[list->count];
    bool found;

    if (!message_one(tx, " WHERE row_id = ? AND due_ms IS NOT NULL AND state = 'waiting'",
                     SQL_ARGS(sql_t(row)), m, &found, err))
        return false;
    if (!found)
        return true;
    lease(tx, m, lease_ms);
    if (!queue_store(tx, m, err))
        return false;
    list->count++;
    return true;
}

static bool claim_some(struct store_tx *tx, const char *partner, bool overtaking,
                       int64_t lease_ms, size_t max, struct message_list *list,
                       struct err *err)
{
    AUTO(mem_free) struct queue_rows *rows = mem_alloc(sizeof *rows);

    if (list->count >= max)
        return true;
    if (!queue_rows(tx,
                    "SELECT row_id FROM message WHERE partner = ? AND overtakes = ?"
                    " AND due_ms <= ? ORDER BY due_ms, row_id LIMIT ?",
                    SQL_ARGS(sql_t(partner), sql_i(overtaking), sql_i(tx->now_ms),
                             sql_i((int64_t)(max - list->count))),
                    rows, err))
        return false;
    for (size_t i = 0; i < rows->count; i++)
        if (!claim_one(tx, rows->ids[i], lease_ms, list, err))
            return false;
    return true;
}

bool queue_claim(struct store_tx *tx, const char *partner, int64_t lease_ms, size_t max,
                 struct message_list *ret, struct err *err)
{
    AUTO(message_list_free) struct message_list list = { 0 };

    max = page_limit(max);
    list.items = mem_array(max, sizeof *list.items);
    if (!claim_some(tx, partner, true, lease_ms, max, &list, err) ||
        !claim_some(tx, partner, false, lease_ms, max, &list, err))
        return false;
    *ret = list;
    list = (struct message_list){ 0 };
    return true;
}

/* --- verdicts ------------------------------------------------------------------------------ */

static const struct outcome {
    const char *name;
    enum message_state state;
} outcomes[] = {
    [QUEUE_DELIVERED] = { "delivered", MESSAGE_DELIVERED },
    [QUEUE_DELIVERED_WITHOUT_EVIDENCE] = { "delivered-without-evidence",
                                           MESSAGE_DELIVERED_WITHOUT_EVIDENCE },
    [QUEUE_RETRY] = { "retry", MESSAGE_WAITING },
    [QUEUE_HELD] = { "held", MESSAGE_HELD },
    [QUEUE_REJECTED] = { "rejected", MESSAGE_REJECTED },
    [QUEUE_EXPIRED] = { "expired", MESSAGE_EXPIRED },
};

const char *queue_outcome_name(enum queue_outcome outcome)
{
    return outcomes[outcome].name;
}

static bool get_claimed(struct store_tx *tx, const char *row, int64_t fence,
                        struct message *ret, struct err *err)
{
    if (!message_must_get(tx, row, ret, err))
        return false;
    if (ret->state != MESSAGE_SENDING || ret->fence != fence)
        return err_set(err, ERR_REJECT, "queue.fence",
                       "message %s is %s under claim %lld, no longer under claim %lld",
                       ret->id, message_state_name(ret->state), (long long)ret->fence,
                       (long long)fence);
    return true;
}

static void end_lease(struct message *m)
{
    m->lease_owner[0] = '\0';
    m->lease_until_ms = 0;
}

bool queue_set_reason(struct message *m, const char *code, const char *reason,
                      struct err *err)
{
    if (!text_check(code, sizeof m->reason_code, "a reason's code", err) ||
        !text_check(reason, sizeof m->reason, "a reason", err))
        return false;
    if (code != NULL)
        STORE_COPY(m->reason_code, code);
    if (reason != NULL)
        STORE_COPY(m->reason, reason);
    return true;
}

static void uncount(struct message *m)
{
    m->attempts--;
    if (m->attempts == 0)
        m->first_ms = m->last_ms = 0;
}

static void apply(struct store_tx *tx, const struct queue_verdict *verdict,
                  struct message *m)
{
    m->state = outcomes[verdict->outcome].state;
    m->wrote_once = m->wrote_once || verdict->wrote;
    if (verdict->not_an_attempt)
        uncount(m);
    if (verdict->outcome == QUEUE_RETRY)
        m->next_ms = verdict->next_ms;
    if (verdict->outcome == QUEUE_DELIVERED)
        m->receipt_ms = tx->now_ms;
    end_lease(m);
}

bool queue_settle(struct store_tx *tx, const char *row, int64_t fence,
                  const struct queue_verdict *verdict, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!get_claimed(tx, row, fence, m, err) ||
        !text_check(verdict->hold_kind, sizeof m->hold_kind, "a kind of hold", err) ||
        !queue_set_reason(m, verdict->reason_code, verdict->reason, err))
        return false;
    apply(tx, verdict, m);
    if (verdict->outcome == QUEUE_HELD)
        STORE_COPY(m->hold_kind, verdict->hold_kind);
    return queue_store(tx, m, err);
}

/* A short change under a claim; when it meets none, get_claimed() says why. */
static bool change_claimed(struct store_tx *tx, const char *sql, int64_t value,
                           const char *row, int64_t fence, struct err *err)
{
    AUTO(mem_free) struct message *m = NULL;
    int64_t changed;

    if (!sql_do(tx, sql, SQL_ARGS(sql_i(value), sql_t(row), sql_i(fence)), &changed, err))
        return false;
    if (changed == 1)
        return true;
    m = mem_alloc(sizeof *m);
    return get_claimed(tx, row, fence, m, err);
}

bool queue_mark_written(struct store_tx *tx, const char *row, int64_t fence,
                        struct err *err)
{
    return change_claimed(tx,
                          "UPDATE message SET wrote_once = ?"
                          " WHERE row_id = ? AND fence = ? AND state = 'sending'",
                          true, row, fence, err);
}

bool queue_renew(struct store_tx *tx, const char *row, int64_t fence, int64_t lease_ms,
                 struct err *err)
{
    return change_claimed(tx,
                          "UPDATE message SET lease_until_ms = ?"
                          " WHERE row_id = ? AND fence = ? AND state = 'sending'",
                          tx->now_ms + lease_ms, row, fence, err);
}

/* --- leases that end ----------------------------------------------------------------------- */

static bool wait_again(struct store_tx *tx, const char *row, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!message_must_get(tx, row, m, err))
        return false;
    m->state = MESSAGE_WAITING;
    m->fence++;
    m->next_ms = tx->now_ms;
    end_lease(m);
    return queue_store(tx, m, err);
}

static bool take_rows(struct store_tx *tx, const char *sql, struct sql_args args,
                      uint64_t *count, size_t *ret_got, struct err *err)
{
    AUTO(mem_free) struct queue_rows *rows = mem_alloc(sizeof *rows);

    if (!queue_rows(tx, sql, args, rows, err))
        return false;
    for (size_t i = 0; i < rows->count; i++)
        if (!wait_again(tx, rows->ids[i], err))
            return false;
    *count += rows->count;
    *ret_got = rows->count;
    return true;
}

bool queue_take_back(struct store_tx *tx, uint64_t *ret_count, struct err *err)
{
    uint64_t count = 0;
    size_t got;

    do
        if (!take_rows(tx,
                       "SELECT row_id FROM message WHERE state = 'sending'"
                       " AND lease_owner = ? LIMIT ?",
                       SQL_ARGS(sql_t(store_tx_node(tx)), sql_i(ROWS_MAX)), &count, &got,
                       err))
            return false;
    while (got > 0);
    *ret_count = count;
    return true;
}

bool queue_sweep_leases(struct store_tx *tx, uint64_t *ret_count, struct err *err)
{
    uint64_t count = 0;
    size_t got;

    if (!take_rows(tx,
                   "SELECT row_id FROM message WHERE state = 'sending'"
                   " AND lease_until_ms < ? LIMIT ?",
                   SQL_ARGS(sql_i(tx->now_ms), sql_i(ROWS_MAX)), &count, &got, err))
        return false;
    *ret_count = count;
    return true;
}
