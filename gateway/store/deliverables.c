/*
 * deliverables.c - hand-over in sequence, repeats under the same id, acknowledgement.
 *
 * A deliverable that was never handed may be handed when it overtakes, has no case or no
 * sequence, or when every lower sequence of its case has been received (expected_in of the case
 * has passed it) and no lower one of the same office still waits. The state of the message
 * follows: handed-over with the first hand-over, acknowledged when all its offices have it. An
 * office whose assignment was withdrawn is none of them: its rows rest until it is assigned again.
 */
#include "store/deliverables.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/record.h"

/* clang-format off */
/* True for a row of deliverable whose turn it is; sequence 0 and no case know no order. */
#define ITS_TURN \
    "(deliverable.overtakes = 1 OR deliverable.case_id = '' OR deliverable.sequence = 0 OR" \
    " (deliverable.sequence < COALESCE((SELECT expected_in FROM cases" \
    "   WHERE cases.id = deliverable.case_id), 9223372036854775807)" \
    "  AND NOT EXISTS (SELECT 1 FROM deliverable lower WHERE lower.office = deliverable.office" \
    "   AND lower.state = 'ready' AND lower.state <> 'acknowledged'" \
    "   AND lower.case_id = deliverable.case_id AND lower.overtakes = 0" \
    "   AND lower.sequence > 0 AND lower.sequence < deliverable.sequence)))"

/* True for a row of deliverable whose office has the case; without a case it is its own. */
#define IS_ASSIGNED \
    "(deliverable.case_id = '' OR EXISTS (SELECT 1 FROM case_office" \
    " WHERE case_office.case_id = deliverable.case_id" \
    " AND case_office.office = deliverable.office))"

static const char *state_name(int value)
{
    return deliverable_state_name((enum deliverable_state)value);
}

static bool state_parse(const char *name, int *ret)
{
    for (int i = DELIVERABLE_READY; i <= DELIVERABLE_ACKNOWLEDGED; i++)
        if (text_eq(state_name(i), name)) {
            *ret = i;
            return true;
        }
    return false;
}

static const struct record_field fields[] = {
    FIELD_TEXT(deliverable, "id", id),
    FIELD_TEXT(deliverable, "message_row", message_row),
    { .column = "message.id", .kind = RECORD_TEXT, .read_only = true,
      .offset = offsetof(struct deliverable, message_id), .size = STORE_NAME_TEXT },
    { .column = "message.kind", .kind = RECORD_TEXT, .read_only = true,
      .offset = offsetof(struct deliverable, kind), .size = STORE_CODE_TEXT },
    FIELD_TEXT(deliverable, "office", office),
    FIELD_TEXT(deliverable, "case_id", case_id),
    FIELD_I64(deliverable, "sequence", sequence),
    FIELD_BOOL(deliverable, "overtakes", overtakes),
    { .column = "state", .kind = RECORD_NAMED, .offset = offsetof(struct deliverable, state),
      .name = state_name, .parse = state_parse },
    FIELD_UNSIGNED(deliverable, "handed_count", handed_count),
    FIELD_I64(deliverable, "next_ms", next_ms),
    FIELD_I64(deliverable, "created_ms", created_ms),
    FIELD_I64(deliverable, "handed_ms", handed_ms),
    FIELD_I64(deliverable, "acknowledged_ms", acknowledged_ms),
};
/* clang-format on */

static const struct record deliverables = {
    .table = "deliverable",
    .from = "deliverable JOIN message ON message.row_id = deliverable.message_row",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct deliverable),
};

const char *deliverable_state_name(enum deliverable_state state)
{
    static const char *const names[] = { [DELIVERABLE_READY] = "ready",
                                         [DELIVERABLE_HANDED] = "handed",
                                         [DELIVERABLE_ACKNOWLEDGED] = "acknowledged" };

    return names[state];
}

/* --- one -------------------------------------------------------------------------------------- */

static bool find_of_message(struct store_tx *tx, const char *message_row,
                            const char *office, struct deliverable *ret, struct err *err)
{
    bool found;

    if (!record_get(tx, &deliverables,
                    " WHERE deliverable.message_row = ? AND deliverable.office = ?",
                    SQL_ARGS(sql_t(message_row), sql_t(office)), ret, &found, err))
        return false;
    return found || err_set(err, ERR_BUG, "store.sql",
                            "a deliverable was neither added nor found");
}

bool deliverable_add(struct store_tx *tx, const char *message_row, const char *office,
                     char ret_id[STORE_ROW_TEXT], struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);
    struct deliverable new = { .state = DELIVERABLE_READY, .created_ms = tx->now_ms };
    bool taken;

    if (!message_must_get(tx, message_row, m, err))
        return false;
    if (!STORE_COPY(new.message_row, message_row) || !STORE_COPY(new.office, office))
        return err_set(err, ERR_BUG, "store.text", "an office's name is too long");
    memcpy(new.case_id, m->case_id, sizeof new.case_id);
    new.sequence = m->sequence;
    new.overtakes = m->overtakes;
    store_row_id(tx->now_ms, new.id);
    if (!record_insert(tx, &deliverables, &new, &taken, err) ||
        (taken && !find_of_message(tx, message_row, office, &new, err)))
        return false;
    memcpy(ret_id, new.id, sizeof new.id);
    return true;
}

bool deliverable_get(struct store_tx *tx, const char *id, struct deliverable *ret,
                     bool *ret_found, struct err *err)
{
    return record_get(tx, &deliverables, " WHERE deliverable.id = ?", SQL_ARGS(sql_t(id)),
                      ret, ret_found, err);
}

static bool must_get(struct store_tx *tx, const char *id, struct deliverable *ret,
                     struct err *err)
{
    bool found;

    if (!deliverable_get(tx, id, ret, &found, err))
        return false;
    return found || err_set(err, ERR_REJECT, "deliverable.unknown",
                            "no delivery %.40s is known here", id);
}

/* --- lists ------------------------------------------------------------------------------------ */

static bool list(struct store_tx *tx, const char *tail, struct sql_args args,
                 struct deliverable_list *ret, struct err *err)
{
    void *items = NULL;
    size_t count;

    if (!record_list(tx, &deliverables, tail, args, &items, &count, err))
        return false;
    *ret = (struct deliverable_list){ items, count };
    return true;
}

void deliverable_list_free(struct deliverable_list *items)
{
    mem_free(&items->items);
    items->count = 0;
}

bool deliverable_due(struct store_tx *tx, const char *office, bool again, size_t limit,
                     struct deliverable_list *ret, struct err *err)
{
    return list(tx,
                " WHERE deliverable.office = ? AND deliverable.state <> 'acknowledged'"
                " AND deliverable.next_ms <= ? AND " IS_ASSIGNED
                " AND ((deliverable.state = 'ready' AND " ITS_TURN
                ") OR (? = 1 AND deliverable.state = 'handed'))"
                " ORDER BY deliverable.overtakes DESC, deliverable.case_id,"
                " deliverable.sequence, deliverable.id LIMIT ?",
                SQL_ARGS(sql_t(office), sql_i(tx->now_ms), sql_i(again),
                         sql_i((int64_t)page_limit(limit))),
                ret, err);
}

bool deliverable_open(struct store_tx *tx, const char *office, const char *after,
                      size_t limit, struct deliverable_list *ret, struct err *err)
{
    struct sql_where where = { 0 };

    where_add(&where, "deliverable.state <> 'acknowledged' AND " IS_ASSIGNED);
    where_text(&where, "deliverable.office = ?", office);
    where_text(&where, "deliverable.id > ?", after);
    where_order(&where, " ORDER BY deliverable.id LIMIT ?", page_limit(limit));
    return list(tx, where_sql(&where), where_args(&where), ret, err);
}

/* --- hand-over -------------------------------------------------------------------------------- */

static bool check_turn(struct store_tx *tx, const struct deliverable *d, struct err *err)
{
    int64_t one;
    bool found;

    if (!sql_int(tx, "SELECT 1 FROM deliverable WHERE deliverable.id = ? AND " ITS_TURN,
                 SQL_ARGS(sql_t(d->id)), &one, &found, err))
        return false;
    return found ||
           err_set(err, ERR_REJECT, "deliverable.order",
                   "delivery %s (sequence %lld of case %s) must wait for a lower one",
                   d->id, (long long)d->sequence, d->case_id);
}

static bool message_handed(struct store_tx *tx, const char *row, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!message_must_get(tx, row, m, err))
        return false;
    if (m->state == MESSAGE_ACKNOWLEDGED) /* by another office's copy */
        return true;
    return message_set_state(tx, row, MESSAGE_HANDED_OVER, NULL, NULL, err);
}

bool deliverable_handed(struct store_tx *tx, const char *id, int64_t next_ms,
                        struct err *err)
{
    struct deliverable d;

    if (!must_get(tx, id, &d, err))
        return false;
    if (d.state == DELIVERABLE_ACKNOWLEDGED)
        return err_set(err, ERR_REJECT, "deliverable.done",
                       "delivery %s is acknowledged already", id);
    if (d.state == DELIVERABLE_READY && !check_turn(tx, &d, err))
        return false;
    return message_handed(tx, d.message_row, err) &&
           sql_do(
               tx,
               "UPDATE deliverable SET state = 'handed', handed_count = handed_count + 1,"
               " handed_ms = ?, next_ms = ? WHERE id = ?",
               SQL_ARGS(sql_i(tx->now_ms), sql_i(next_ms), sql_t(id)), NULL, err);
}

bool deliverable_postpone(struct store_tx *tx, const char *id, int64_t next_ms,
                          struct err *err)
{
    return sql_do(tx, "UPDATE deliverable SET next_ms = ? WHERE id = ?",
                  SQL_ARGS(sql_i(next_ms), sql_t(id)), NULL, err);
}

static bool message_acknowledged(struct store_tx *tx, const char *row, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);
    int64_t one;
    bool waiting;

    if (!sql_int(tx,
                 "SELECT 1 FROM deliverable WHERE message_row = ?"
                 " AND state <> 'acknowledged' AND " IS_ASSIGNED " LIMIT 1",
                 SQL_ARGS(sql_t(row)), &one, &waiting, err))
        return false;
    if (waiting)
        return true;
    if (!message_must_get(tx, row, m, err))
        return false;
    if (m->state == MESSAGE_ACKNOWLEDGED) /* before this office was assigned */
        return true;
    return message_set_state(tx, row, MESSAGE_ACKNOWLEDGED, NULL, NULL, err);
}

bool deliverable_acknowledge(struct store_tx *tx, const char *id, bool *ret_already,
                             struct err *err)
{
    struct deliverable d;

    if (!must_get(tx, id, &d, err))
        return false;
    *ret_already = d.state == DELIVERABLE_ACKNOWLEDGED;
    if (*ret_already)
        return true;
    if (d.state == DELIVERABLE_READY)
        return err_set(err, ERR_REJECT, "deliverable.not-handed",
                       "delivery %s was acknowledged before it was handed over", id);
    return sql_do(tx,
                  "UPDATE deliverable SET state = 'acknowledged', acknowledged_ms = ?"
                  " WHERE id = ?",
                  SQL_ARGS(sql_i(tx->now_ms), sql_t(id)), NULL, err) &&
           message_acknowledged(tx, d.message_row, err);
}

/* --- gaps, totals ------------------------------------------------------------------------------- */

bool deliverable_gaps(struct store_tx *tx, int64_t since_ms, deliverable_gap_cb *each,
                      void *ctx, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx,
                   "SELECT d.case_id, c.expected_in, MIN(d.sequence), MIN(d.created_ms)"
                   " FROM deliverable d JOIN cases c ON c.id = d.case_id"
                   " WHERE d.state = 'ready' AND d.created_ms < ? AND d.overtakes = 0"
                   " AND d.sequence > c.expected_in"
                   " GROUP BY d.case_id, c.expected_in ORDER BY d.case_id",
                   SQL_ARGS(sql_i(since_ms)), &query, err))
        return false;
    for (;;) {
        struct deliverable_gap gap;

        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!text_column(gap.case_id, sizeof gap.case_id, query_text(query, 0), err))
            return false;
        gap.missing = query_int(query, 1);
        gap.waiting = query_int(query, 2);
        gap.since_ms = query_int(query, 3);
        if (!each(ctx, &gap))
            return true;
    }
}

bool deliverable_totals(struct store_tx *tx, deliverable_total_cb *each, void *ctx,
                        struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx,
                   "SELECT office, state, COUNT(*), MIN(created_ms) FROM deliverable"
                   " WHERE state <> 'acknowledged' AND " IS_ASSIGNED
                   " GROUP BY office, state"
                   " ORDER BY office, state",
                   SQL_NO_ARGS, &query, err))
        return false;
    for (;;) {
        struct deliverable_total total;
        int state;

        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!text_column(total.office, sizeof total.office, query_text(query, 0), err))
            return false;
        if (!state_parse(query_text(query, 1), &state))
            return err_set(err, ERR_BUG, "store.text",
                           "a deliverable's state is unknown");
        total.state = (enum deliverable_state)state;
        total.count = (uint64_t)query_int(query, 2);
        total.oldest_ms = query_int(query, 3);
        if (!each(ctx, &total))
            return true;
    }
}
