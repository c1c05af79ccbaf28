/*
 * messages.c - rows of messages: add, find, list, count.
 *
 * A message id is unique in its direction among those not refused; the index decides, so two
 * that come at once cannot both be added. All writing of what may change passes
 * message_store(), and every state passes the table of message_state.c.
 */
#include "store/messages.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/cases.h"
#include "store/record.h"

static const char *direction_name(int value)
{
    return message_direction_name((enum message_direction)value);
}

static bool direction_parse(const char *name, int *ret)
{
    enum message_direction direction;

    if (!message_direction_parse(name, &direction))
        return false;
    *ret = (int)direction;
    return true;
}

static const char *state_name(int value)
{
    return message_state_name((enum message_state)value);
}

static bool state_parse(const char *name, int *ret)
{
    enum message_state state;

    if (!message_state_parse(name, &state))
        return false;
    *ret = (int)state;
    return true;
}

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(message, "row_id", row),
    FIELD_TEXT(message, "id", id),
    { .column = "direction", .kind = RECORD_NAMED, .offset = offsetof(struct message, direction),
      .name = direction_name, .parse = direction_parse },
    { .column = "state", .kind = RECORD_NAMED, .offset = offsetof(struct message, state),
      .name = state_name, .parse = state_parse },
    FIELD_TEXT(message, "kind", kind),
    FIELD_TEXT(message, "case_id", case_id),
    FIELD_TEXT(message, "partner", partner),
    FIELD_TEXT(message, "own_office", own_office),
    FIELD_TEXT(message, "remote_office", remote_office),
    FIELD_TEXT(message, "agreement", agreement),
    FIELD_TEXT(message, "agreement_version", agreement_version),
    FIELD_TEXT(message, "bundle", bundle),
    FIELD_TEXT(message, "eb_message_id", eb_message_id),
    FIELD_UNSIGNED(message, "packagings", packagings),
    FIELD_I64(message, "sequence", sequence),
    FIELD_TEXT(message, "in_reply_to", in_reply_to),
    FIELD_TEXT(message, "office_number_hash", office_number_hash),
    FIELD_TEXT(message, "content_digest", content_digest),
    FIELD_I64(message, "octets", octets),
    FIELD_BOOL(message, "overtakes", overtakes),
    FIELD_TEXT(message, "reason_code", reason_code),
    FIELD_TEXT(message, "reason", reason),
    FIELD_I64(message, "created_ms", created_ms),
    FIELD_I64(message, "updated_ms", updated_ms),
    FIELD_I64(message, "receipt_ms", receipt_ms),
    FIELD_UNSIGNED(message, "attempts", attempts),
    FIELD_I64(message, "first_ms", first_ms),
    FIELD_I64(message, "last_ms", last_ms),
    FIELD_I64(message, "next_ms", next_ms),
    FIELD_I64(message, "give_up_ms", give_up_ms),
    FIELD_BOOL(message, "wrote_once", wrote_once),
    FIELD_TEXT(message, "hold_kind", hold_kind),
    FIELD_TEXT(message, "lease_owner", lease_owner),
    FIELD_I64(message, "lease_until_ms", lease_until_ms),
    FIELD_I64(message, "fence", fence),
};
/* clang-format on */

static const struct record messages = {
    .table = "message",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct message),
};

/* --- one ----------------------------------------------------------------------------------- */

bool message_one(struct store_tx *tx, const char *tail, struct sql_args args,
                 struct message *ret, bool *ret_found, struct err *err)
{
    return record_get(tx, &messages, tail, args, ret, ret_found, err);
}

bool message_get(struct store_tx *tx, const char *row, struct message *ret,
                 bool *ret_found, struct err *err)
{
    return message_one(tx, " WHERE row_id = ?", SQL_ARGS(sql_t(row)), ret, ret_found,
                       err);
}

static bool unknown(const char *row, struct err *err)
{
    return err_set(err, ERR_REJECT, "message.unknown", "no message %.40s is known here",
                   row);
}

bool message_must_get(struct store_tx *tx, const char *row, struct message *ret,
                      struct err *err)
{
    bool found;

    if (!message_get(tx, row, ret, &found, err))
        return false;
    return found || err_set(err, ERR_REJECT, "message.unknown",
                            "no message %.40s is known here", row);
}

/* Its case alone, for those who need no more. */
bool message_case(struct store_tx *tx, const char *row, char ret_case[STORE_NAME_TEXT],
                  struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool found;

    if (!sql_query(tx, "SELECT case_id FROM message WHERE row_id = ?",
                   SQL_ARGS(sql_t(row)), &query, err) ||
        !query_next(query, &found, err))
        return false;
    if (!found)
        return unknown(row, err);
    return text_column(ret_case, STORE_NAME_TEXT, query_text(query, 0), err);
}

bool message_find(struct store_tx *tx, enum message_direction direction, const char *id,
                  struct message *ret, bool *ret_found, struct err *err)
{
    struct sql_args args = SQL_ARGS(sql_t(message_direction_name(direction)), sql_t(id));

    if (!message_one(tx, " WHERE direction = ? AND id = ? AND state <> 'refused'", args,
                     ret, ret_found, err))
        return false;
    return *ret_found ||
           message_one(tx,
                       " WHERE direction = ? AND id = ? AND state = 'refused'"
                       " ORDER BY row_id DESC LIMIT 1",
                       args, ret, ret_found, err);
}

bool message_find_eb(struct store_tx *tx, enum message_direction direction,
                     const char *partner, const char *eb_message_id, struct message *ret,
                     bool *ret_found, struct err *err)
{
    return message_one(tx,
                       " WHERE row_id = (SELECT message_row FROM message_packaging WHERE"
                       " eb_message_id = ? AND partner = ? AND direction = ?"
                       " ORDER BY message_row DESC LIMIT 1)",
                       SQL_ARGS(sql_t(eb_message_id), sql_t(partner),
                                sql_t(message_direction_name(direction))),
                       ret, ret_found, err);
}

/* --- adding -------------------------------------------------------------------------------- */

static bool add_packaging(struct store_tx *tx, const struct message *m, struct err *err)
{
    return sql_do(tx,
                  "INSERT INTO message_packaging"
                  " (message_row, number, partner, direction, eb_message_id, made_ms)"
                  " VALUES (?, ?, ?, ?, ?, ?)",
                  SQL_ARGS(sql_t(m->row), sql_i(m->packagings), sql_t(m->partner),
                           sql_t(message_direction_name(m->direction)),
                           sql_t(m->eb_message_id), sql_i(tx->now_ms)),
                  NULL, err);
}

static bool find_taken(struct store_tx *tx, struct message *m, struct err *err)
{
    AUTO(mem_free) struct message *there = mem_alloc(sizeof *there);
    bool found;

    if (!message_find(tx, m->direction, m->id, there, &found, err))
        return false;
    if (!found)
        return err_set(err, ERR_BUG, "store.sql",
                       "a message was neither added nor found");
    memcpy(m->row, there->row, sizeof m->row);
    return true;
}

static void prepare(struct store_tx *tx, struct message *m)
{
    store_row_id(tx->now_ms, m->row);
    m->created_ms = m->updated_ms = tx->now_ms;
    m->overtakes = message_kind_overtakes(m->kind);
    m->packagings = text_empty(m->eb_message_id) ? 0 : 1;
    m->attempts = 0;
    m->fence = 0;
    if (m->direction == MESSAGE_OUT && m->next_ms == 0)
        m->next_ms = tx->now_ms;
}

static bool after_adding(struct store_tx *tx, struct message *m, struct err *err)
{
    if (m->packagings > 0 && !add_packaging(tx, m, err))
        return false;
    if (m->direction == MESSAGE_OUT)
        return message_store(tx, m, err) && queue_turn(tx, m->case_id, m->row, err);
    return text_empty(m->case_id) || case_sequence_received(tx, m->case_id, err);
}

bool message_add(struct store_tx *tx, struct message *m, bool *ret_taken, struct err *err)
{
    if (message_state_direction(m->state) != m->direction ||
        !message_state_is_first(m->state))
        return err_set(err, ERR_BUG, "message.state", "no message %s begins %s",
                       message_direction_name(m->direction),
                       message_state_name(m->state));
    if (text_empty(m->id) || text_empty(m->partner))
        return err_set(err, ERR_BUG, "store.text", "a message without id or partner");
    prepare(tx, m);
    if (!record_insert(tx, &messages, m, ret_taken, err))
        return false;
    return *ret_taken ? find_taken(tx, m, err) : after_adding(tx, m, err);
}

/* --- changing ------------------------------------------------------------------------------ */

/* due_ms is left to queue_turn(). */
bool message_store(struct store_tx *tx, struct message *m, struct err *err)
{
    m->updated_ms = tx->now_ms;
    return sql_do(
        tx,
        "UPDATE message SET state = ?, open_out = ?, due_ms = NULL, partner = ?,"
        " eb_message_id = ?, packagings = ?, reason_code = ?, reason = ?, updated_ms = ?,"
        " receipt_ms = ?, attempts = ?, first_ms = ?, last_ms = ?, next_ms = ?,"
        " give_up_ms = ?, wrote_once = ?, hold_kind = ?, lease_owner = ?,"
        " lease_until_ms = ?, fence = ? WHERE row_id = ?",
        SQL_ARGS(sql_t(message_state_name(m->state)),
                 sql_i(message_state_is_open(m->state)), sql_t(m->partner),
                 sql_t(m->eb_message_id), sql_i(m->packagings), sql_t(m->reason_code),
                 sql_t(m->reason), sql_i(m->updated_ms), sql_i(m->receipt_ms),
                 sql_i(m->attempts), sql_i(m->first_ms), sql_i(m->last_ms),
                 sql_i(m->next_ms), sql_i(m->give_up_ms), sql_i(m->wrote_once),
                 sql_t(m->hold_kind), sql_t(m->lease_owner), sql_i(m->lease_until_ms),
                 sql_i(m->fence), sql_t(m->row)),
        NULL, err);
}

static bool store_and_turn(struct store_tx *tx, struct message *m, struct err *err)
{
    if (!message_store(tx, m, err))
        return false;
    return m->direction == MESSAGE_IN || queue_turn(tx, m->case_id, m->row, err);
}

bool message_set_state(struct store_tx *tx, const char *row, enum message_state to,
                       const char *reason_code, const char *reason, struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!text_check(reason_code, sizeof m->reason_code, "a reason's code", err) ||
        !text_check(reason, sizeof m->reason, "a reason", err) ||
        !message_must_get(tx, row, m, err))
        return false;
    if (m->direction == MESSAGE_OUT || message_state_direction(to) == MESSAGE_OUT)
        return err_set(err, ERR_BUG, "message.state",
                       "an outgoing message is changed by the queue alone");
    if (!message_state_may(m->state, to))
        return err_set(err, ERR_REJECT, "message.state",
                       "message %s is %s and cannot become %s", m->id,
                       message_state_name(m->state), message_state_name(to));
    m->state = to;
    if (reason_code != NULL)
        STORE_COPY(m->reason_code, reason_code);
    if (reason != NULL)
        STORE_COPY(m->reason, reason);
    return message_store(tx, m, err);
}

bool message_packaged(struct store_tx *tx, const char *row, const char *eb_message_id,
                      struct err *err)
{
    AUTO(mem_free) struct message *m = mem_alloc(sizeof *m);

    if (!text_check(eb_message_id, sizeof m->eb_message_id, "an eb:MessageId", err) ||
        !message_must_get(tx, row, m, err))
        return false;
    STORE_COPY(m->eb_message_id, eb_message_id);
    m->packagings++;
    m->wrote_once = false;
    return add_packaging(tx, m, err) && store_and_turn(tx, m, err);
}

bool message_set_receipt(struct store_tx *tx, const char *row, struct err *err)
{
    return sql_do(tx,
                  "UPDATE message SET receipt_ms = ?, updated_ms = ? WHERE row_id = ?",
                  SQL_ARGS(sql_i(tx->now_ms), sql_i(tx->now_ms), sql_t(row)), NULL, err);
}

/* --- lists --------------------------------------------------------------------------------- */

static void where_states(struct sql_where *where, const struct message_filter *filter)
{
    /* As many question marks as there are states, from the right end. */
    static const char marks[] =
        "message.state IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    size_t count =
        filter->state_count < MESSAGE_STATES ? filter->state_count : MESSAGE_STATES;
    char text[sizeof marks];

    if (filter->states == NULL || count == 0)
        return;
    memcpy(text, marks, sizeof text);
    memcpy(text + strlen("message.state IN (?") + 3 * (count - 1), ")", 2);
    where_value(where, text, sql_t(message_state_name(filter->states[0])));
    for (size_t i = 1; i < count; i++)
        where->values[where->count++] = sql_t(message_state_name(filter->states[i]));
}

static void where_filter(struct sql_where *where, const struct message_filter *filter)
{
    where_text(where, "message.case_id = ?", filter->case_id);
    where_text(where, "message.partner = ?", filter->partner);
    where_text(where, "message.own_office = ?", filter->own_office);
    where_text(where, "message.kind = ?", filter->kind);
    where_text(where, "message.agreement = ?", filter->agreement);
    where_text(where, "message.office_number_hash = ?", filter->office_number_hash);
    if (filter->by_direction)
        where_text(where, "message.direction = ?",
                   message_direction_name(filter->direction));
    if (!text_empty(filter->after))
        where_text(where,
                   filter->newest_first ? "message.row_id < ?" : "message.row_id > ?",
                   filter->after);
    where_states(where, filter);
}

bool message_select(struct store_tx *tx, const struct message_filter *filter,
                    struct message_list *ret, struct err *err)
{
    struct sql_where where = { 0 };
    struct message_list list = { 0 };
    size_t limit = page_limit(filter->limit);
    void *items = NULL;

    where_filter(&where, filter);
    where_order(&where,
                filter->newest_first ? " ORDER BY message.row_id DESC LIMIT ?"
                                     : " ORDER BY message.row_id LIMIT ?",
                limit);
    if (!record_list(tx, &messages, where_sql(&where), where_args(&where), &items,
                     &list.count, err))
        return false;
    list.items = items;
    if (list.count == limit)
        memcpy(list.next, list.items[limit - 1].row, sizeof list.next);
    *ret = list;
    return true;
}

void message_list_free(struct message_list *list)
{
    mem_free(&list->items);
    *list = (struct message_list){ 0 };
}

static bool read_total(struct query *query, struct message_total *total, struct err *err)
{
    if (!text_column(total->partner, sizeof total->partner, query_text(query, 0), err))
        return false;
    if (!message_direction_parse(query_text(query, 1), &total->direction) ||
        !message_state_parse(query_text(query, 2), &total->state))
        return err_set(err, ERR_BUG, "store.text", "a message's state is unknown");
    total->count = (uint64_t)query_int(query, 3);
    total->oldest_ms = query_int(query, 4);
    return true;
}

bool message_totals(struct store_tx *tx, message_total_cb *each, void *ctx,
                    struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(
            tx,
            "SELECT partner, direction, state, COUNT(*), MIN(created_ms) FROM message"
            " GROUP BY partner, direction, state",
            SQL_NO_ARGS, &query, err))
        return false;
    for (;;) {
        struct message_total total;

        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!read_total(query, &total, err))
            return false;
        if (!each(ctx, &total))
            return true;
    }
}
