/*
 * cases.c - rows of cases: add, change under a guard, list, assign, count sequences.
 *
 * States are compared as texts and set only from the state the caller has seen. Lists are in
 * order of creation, with a cursor that survives changes between two pages.
 */
#include "store/cases.h"

#include <stdio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/record.h"

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(case_row, "id", id),
    FIELD_TEXT(case_row, "agreement", agreement),
    FIELD_TEXT(case_row, "agreement_version", agreement_version),
    FIELD_TEXT(case_row, "bundle", bundle),
    FIELD_TEXT(case_row, "own_office", own_office),
    FIELD_TEXT(case_row, "partner", partner),
    FIELD_TEXT(case_row, "partner_office", partner_office),
    FIELD_TEXT(case_row, "role", role),
    FIELD_TEXT(case_row, "state", state),
    FIELD_TEXT(case_row, "substates", substates),
    FIELD_TEXT(case_row, "environment", environment),
    FIELD_TEXT(case_row, "linked_case", linked_case),
    FIELD_TEXT(case_row, "number_hash", number_hash),
    FIELD_I64(case_row, "next_out", next_out),
    FIELD_I64(case_row, "expected_in", expected_in),
    FIELD_I64(case_row, "created_ms", created_ms),
    FIELD_I64(case_row, "updated_ms", updated_ms),
    FIELD_I64(case_row, "closed_ms", closed_ms),
};
/* clang-format on */

static const struct record all_cases = {
    .table = "cases",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct case_row),
};

static const struct record cases_of_office = {
    .table = "cases",
    .from = "case_office JOIN cases ON cases.id = case_office.case_id",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct case_row),
};

static bool unknown(const char *case_id, struct err *err)
{
    return err_set(err, ERR_REJECT, "case.unknown", "no case %.40s is known here",
                   case_id);
}

bool case_add(struct store_tx *tx, const struct case_row *row, bool *ret_taken,
              struct err *err)
{
    struct case_row new = *row;

    new.next_out = new.expected_in = 1;
    new.created_ms = new.updated_ms = tx->now_ms;
    if (!record_insert(tx, &all_cases, &new, ret_taken, err))
        return false;
    return *ret_taken || case_assign(tx, new.id, new.own_office, err);
}

bool case_get(struct store_tx *tx, const char *case_id, struct case_row *ret,
              bool *ret_found, struct err *err)
{
    return record_get(tx, &all_cases, " WHERE id = ?", SQL_ARGS(sql_t(case_id)), ret,
                      ret_found, err);
}

bool case_set_state(struct store_tx *tx, const char *case_id,
                    const struct case_change *change, bool *ret_changed, struct err *err)
{
    struct case_row row;
    bool found;
    int64_t closed_ms;

    if (!text_check(change->state, sizeof row.state, "a case's state", err) ||
        !text_check(change->substates, sizeof row.substates, "a case's sub-states",
                    err) ||
        !case_get(tx, case_id, &row, &found, err))
        return false;
    *ret_changed = found && text_eq(row.state, change->from_state) &&
                   (change->from_substates == NULL ||
                    text_eq(row.substates, change->from_substates));
    if (!*ret_changed)
        return true;
    closed_ms = row.closed_ms != 0 ? row.closed_ms : tx->now_ms;
    return sql_do(
        tx,
        "UPDATE cases SET state = ?, substates = ?, closed_ms = ?, updated_ms = ?"
        " WHERE id = ?",
        SQL_ARGS(sql_t(change->state),
                 sql_t(change->substates != NULL ? change->substates : row.substates),
                 sql_i(change->closed ? closed_ms : 0), sql_i(tx->now_ms),
                 sql_t(case_id)),
        NULL, err);
}

/* One text column of a case that must be there. */
static bool set_text(struct store_tx *tx, const char *sql, const char *case_id,
                     const char *text, size_t size, struct err *err)
{
    int64_t changed;

    if (!text_check(text, size, "a field of a case", err) ||
        !sql_do(tx, sql, SQL_ARGS(sql_t(text), sql_i(tx->now_ms), sql_t(case_id)),
                &changed, err))
        return false;
    return changed == 1 || unknown(case_id, err);
}

bool case_set_number(struct store_tx *tx, const char *case_id, const char *number_hash,
                     struct err *err)
{
    return set_text(tx, "UPDATE cases SET number_hash = ?, updated_ms = ? WHERE id = ?",
                    case_id, number_hash, STORE_HASH_TEXT, err);
}

bool case_set_link(struct store_tx *tx, const char *case_id, const char *linked,
                   struct err *err)
{
    return set_text(tx, "UPDATE cases SET linked_case = ?, updated_ms = ? WHERE id = ?",
                    case_id, linked, STORE_NAME_TEXT, err);
}

/* --- sequences ----------------------------------------------------------------------------- */

bool case_next_sequence(struct store_tx *tx, const char *case_id, int64_t *ret,
                        struct err *err)
{
    int64_t changed, next;
    bool found;

    if (!sql_do(tx, "UPDATE cases SET next_out = next_out + 1 WHERE id = ?",
                SQL_ARGS(sql_t(case_id)), &changed, err))
        return false;
    if (changed == 0)
        return unknown(case_id, err);
    if (!sql_int(tx, "SELECT next_out FROM cases WHERE id = ?", SQL_ARGS(sql_t(case_id)),
                 &next, &found, err))
        return false;
    *ret = next - 1;
    return true;
}

static bool is_received(struct store_tx *tx, const char *case_id, int64_t sequence,
                        bool *ret, struct err *err)
{
    int64_t one;

    return sql_int(tx,
                   "SELECT 1 FROM message WHERE case_id = ? AND direction = 'in'"
                   " AND sequence = ? LIMIT 1",
                   SQL_ARGS(sql_t(case_id), sql_i(sequence)), &one, ret, err);
}

bool case_sequence_received(struct store_tx *tx, const char *case_id, struct err *err)
{
    int64_t expected;
    bool there;

    if (!sql_int(tx, "SELECT expected_in FROM cases WHERE id = ?",
                 SQL_ARGS(sql_t(case_id)), &expected, &there, err))
        return false;
    while (there) {
        if (!is_received(tx, case_id, expected, &there, err))
            return false;
        expected += there;
    }
    return sql_do(tx, "UPDATE cases SET expected_in = ? WHERE id = ? AND expected_in < ?",
                  SQL_ARGS(sql_i(expected), sql_t(case_id), sql_i(expected)), NULL, err);
}

bool case_skip_gap(struct store_tx *tx, const char *case_id, int64_t expected,
                   struct err *err)
{
    return sql_do(tx,
                  "UPDATE cases SET expected_in = ?, updated_ms = ?"
                  " WHERE id = ? AND expected_in < ?",
                  SQL_ARGS(sql_i(expected), sql_i(tx->now_ms), sql_t(case_id),
                           sql_i(expected)),
                  NULL, err) &&
           case_sequence_received(tx, case_id, err);
}

/* --- lists --------------------------------------------------------------------------------- */

/* A cursor is "created_ms|id" of the last row seen. */
static bool where_cursor(struct sql_where *where, const char *cursor,
                         const char *condition, struct err *err)
{
    struct str id = str_of(cursor), at;
    int64_t created_ms;

    if (text_empty(cursor))
        return true;
    if (!str_next(&id, '|', &at) || !str_i64(at, &created_ms) || id.ptr == NULL)
        return err_set(err, ERR_REJECT, "store.cursor", "this is no cursor of a list");
    where_value(where, condition, sql_i(created_ms));
    where->values[where->count++] = sql_t(id.ptr);
    return true;
}

static const char *cursor_condition(const struct case_filter *filter)
{
    if (filter->office != NULL)
        return filter->newest_first
                   ? "(case_office.created_ms, case_office.case_id) < (?, ?)"
                   : "(case_office.created_ms, case_office.case_id) > (?, ?)";
    return filter->newest_first ? "(cases.created_ms, cases.id) < (?, ?)"
                                : "(cases.created_ms, cases.id) > (?, ?)";
}

static const char *order_of(const struct case_filter *filter)
{
    if (filter->office != NULL)
        return filter->newest_first
                   ? " ORDER BY case_office.created_ms DESC, case_office.case_id DESC "
                     "LIMIT ?"
                   : " ORDER BY case_office.created_ms, case_office.case_id LIMIT ?";
    return filter->newest_first ? " ORDER BY cases.created_ms DESC, cases.id DESC LIMIT ?"
                                : " ORDER BY cases.created_ms, cases.id LIMIT ?";
}

static void set_cursor(struct case_list *list, size_t limit)
{
    const struct case_row *last;

    if (list->count < limit)
        return;
    last = &list->items[list->count - 1];
    snprintf(list->next, sizeof list->next, "%lld|%s", (long long)last->created_ms,
             last->id);
}

bool case_select(struct store_tx *tx, const struct case_filter *filter,
                 struct case_list *ret, struct err *err)
{
    struct sql_where where = { 0 };
    struct case_list list = { 0 };
    size_t limit = page_limit(filter->limit);
    void *items = NULL;

    where_text(&where, "case_office.office = ?", filter->office);
    where_text(&where, "cases.state = ?", filter->state);
    where_text(&where, "cases.partner = ?", filter->partner);
    if (filter->number_hash != NULL)
        where_add(&where, "cases.number_hash <> ''");
    where_text(&where, "cases.number_hash = ?", filter->number_hash);
    if (filter->open_only)
        where_add(&where, "cases.closed_ms = 0");
    if (!where_cursor(&where, filter->after, cursor_condition(filter), err))
        return false;
    where_order(&where, order_of(filter), limit);
    if (!record_list(tx, filter->office != NULL ? &cases_of_office : &all_cases,
                     where_sql(&where), where_args(&where), &items, &list.count, err))
        return false;
    list.items = items;
    set_cursor(&list, limit);
    *ret = list;
    return true;
}

void case_list_free(struct case_list *list)
{
    mem_free(&list->items);
    *list = (struct case_list){ 0 };
}

bool case_find_by_key(struct store_tx *tx, const char *kind, const char *hash,
                      struct case_list *ret, struct err *err)
{
    struct case_list list = { 0 };
    void *items = NULL;

    if (!record_list(
            tx, &all_cases,
            " WHERE id IN (SELECT case_id FROM case_key WHERE kind = ? AND hash = ?)"
            " ORDER BY created_ms, id LIMIT ?",
            SQL_ARGS(sql_t(kind), sql_t(hash), sql_i(STORE_PAGE_MAX)), &items,
            &list.count, err))
        return false;
    list.items = items;
    *ret = list;
    return true;
}

bool case_totals(struct store_tx *tx, case_total_cb *each, void *ctx, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx,
                   "SELECT own_office, state, COUNT(*) FROM cases"
                   " GROUP BY own_office, state ORDER BY own_office, state",
                   SQL_NO_ARGS, &query, err))
        return false;
    for (;;) {
        struct case_total total;

        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!text_column(total.office, sizeof total.office, query_text(query, 0), err) ||
            !text_column(total.state, sizeof total.state, query_text(query, 1), err))
            return false;
        total.count = (uint64_t)query_int(query, 2);
        if (!each(ctx, &total))
            return true;
    }
}

/* --- offices ------------------------------------------------------------------------------- */

static bool count_offices(struct store_tx *tx, const char *case_id, struct err *err)
{
    int64_t count = 0;
    bool found;

    if (!sql_int(tx, "SELECT COUNT(*) FROM case_office WHERE case_id = ?",
                 SQL_ARGS(sql_t(case_id)), &count, &found, err))
        return false;
    return count <= CASE_OFFICES_MAX ||
           err_set(err, ERR_REJECT, "case.offices", "case %s has %d offices already",
                   case_id, CASE_OFFICES_MAX);
}

bool case_assign(struct store_tx *tx, const char *case_id, const char *office,
                 struct err *err)
{
    int64_t changed;

    if (!text_check(office, STORE_NAME_TEXT, "an office", err) ||
        !sql_do(tx,
                "INSERT INTO case_office (case_id, office, created_ms)"
                " SELECT id, ?, created_ms FROM cases WHERE id = ?"
                " ON CONFLICT DO NOTHING",
                SQL_ARGS(sql_t(office), sql_t(case_id)), &changed, err))
        return false;
    return changed == 0 || count_offices(tx, case_id, err);
}

bool case_unassign(struct store_tx *tx, const char *case_id, const char *office,
                   struct err *err)
{
    return sql_do(tx,
                  "DELETE FROM case_office WHERE case_id = ? AND office = ? AND office <>"
                  " (SELECT own_office FROM cases WHERE id = case_office.case_id)",
                  SQL_ARGS(sql_t(case_id), sql_t(office)), NULL, err);
}

bool case_offices(struct store_tx *tx, const char *case_id, struct case_offices *ret,
                  struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx,
                   "SELECT office FROM case_office JOIN cases ON cases.id = case_id"
                   " WHERE case_id = ? AND office <> own_office ORDER BY office",
                   SQL_ARGS(sql_t(case_id)), &query, err))
        return false;
    for (ret->count = 0; ret->count < CASE_OFFICES_MAX; ret->count++) {
        if (!query_next(query, &row, err))
            return false;
        if (!row)
            break;
        if (!text_column(ret->names[ret->count], STORE_NAME_TEXT, query_text(query, 0),
                         err))
            return false;
    }
    return true;
}
