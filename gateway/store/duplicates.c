/*
 * duplicates.c - entries by (partner, eb:MessageId) and by (sender gateway, message id).
 *
 * Both tables have one shape, so one set of functions serves them. The primary key decides
 * between two that come at once: the second add answers what the first one wrote.
 */
#include "store/duplicates.h"

#include "base/err.h"
#include "base/str.h"
#include "store/store_private.h"

#define PRUNE_AT_ONCE 2000

struct seen {
    const char *find, *add, *prune;
};

static const struct seen wire = {
    .find = "SELECT digest, message_row, created_ms FROM wire_seen"
            " WHERE partner = ? AND eb_message_id = ?",
    .add =
        "INSERT INTO wire_seen (partner, eb_message_id, digest, message_row, created_ms)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    .prune = "DELETE FROM wire_seen WHERE (partner, eb_message_id) IN"
             " (SELECT s.partner, s.eb_message_id FROM wire_seen s"
             " JOIN message m ON m.row_id = s.message_row"
             " LEFT JOIN cases c ON c.id = m.case_id"
             " WHERE s.created_ms < ? AND (c.id IS NULL OR c.closed_ms > 0) LIMIT ?)",
};

static const struct seen content = {
    .find = "SELECT digest, message_row, created_ms FROM content_seen"
            " WHERE sender = ? AND message_id = ?",
    .add =
        "INSERT INTO content_seen (sender, message_id, digest, message_row, created_ms)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    .prune = "DELETE FROM content_seen WHERE (sender, message_id) IN"
             " (SELECT s.sender, s.message_id FROM content_seen s"
             " JOIN message m ON m.row_id = s.message_row"
             " LEFT JOIN cases c ON c.id = m.case_id"
             " WHERE s.created_ms < ? AND (c.id IS NULL OR c.closed_ms > 0) LIMIT ?)",
};

const char *duplicate_name(enum duplicate duplicate)
{
    static const char *const names[] = {
        [DUPLICATE_NONE] = "none", [DUPLICATE_SAME] = "same", [DUPLICATE_OTHER] = "other"
    };

    return names[duplicate];
}

static bool find(struct store_tx *tx, const struct seen *seen, const char *who,
                 const char *id, const char *digest, enum duplicate *ret,
                 struct duplicate_entry *ret_entry, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    struct duplicate_entry entry = { 0 };
    bool row;

    if (!sql_query(tx, seen->find, SQL_ARGS(sql_t(who), sql_t(id)), &query, err) ||
        !query_next(query, &row, err))
        return false;
    *ret = DUPLICATE_NONE;
    if (!row)
        return true;
    entry.created_ms = query_int(query, 2);
    if (!text_column(entry.digest, sizeof entry.digest, query_text(query, 0), err) ||
        !text_column(entry.message_row, sizeof entry.message_row, query_text(query, 1),
                     err))
        return false;
    *ret = text_eq(entry.digest, digest) ? DUPLICATE_SAME : DUPLICATE_OTHER;
    if (ret_entry != NULL)
        *ret_entry = entry;
    return true;
}

static bool add(struct store_tx *tx, const struct seen *seen, const char *who,
                const char *id, const char *digest, const char *message_row,
                enum duplicate *ret, struct err *err)
{
    int64_t changed;

    if (!text_check(digest, STORE_HASH_TEXT, "a digest", err) ||
        !sql_do(tx, seen->add,
                SQL_ARGS(sql_t(who), sql_t(id), sql_t(digest), sql_t(message_row),
                         sql_i(tx->now_ms)),
                &changed, err))
        return false;
    if (changed == 0)
        return find(tx, seen, who, id, digest, ret, NULL, err);
    *ret = DUPLICATE_NONE;
    return true;
}

bool duplicate_wire_find(struct store_tx *tx, const char *partner,
                         const char *eb_message_id, const char *digest,
                         enum duplicate *ret, struct duplicate_entry *ret_entry,
                         struct err *err)
{
    return find(tx, &wire, partner, eb_message_id, digest, ret, ret_entry, err);
}

bool duplicate_wire_add(struct store_tx *tx, const char *partner,
                        const char *eb_message_id, const char *digest,
                        const char *message_row, enum duplicate *ret, struct err *err)
{
    return add(tx, &wire, partner, eb_message_id, digest, message_row, ret, err);
}

bool duplicate_content_find(struct store_tx *tx, const char *sender,
                            const char *message_id, const char *digest,
                            enum duplicate *ret, struct duplicate_entry *ret_entry,
                            struct err *err)
{
    return find(tx, &content, sender, message_id, digest, ret, ret_entry, err);
}

bool duplicate_content_add(struct store_tx *tx, const char *sender,
                           const char *message_id, const char *digest,
                           const char *message_row, enum duplicate *ret, struct err *err)
{
    return add(tx, &content, sender, message_id, digest, message_row, ret, err);
}

bool duplicate_prune(struct store_tx *tx, int64_t before_ms, uint64_t *ret_count,
                     struct err *err)
{
    struct sql_args args = SQL_ARGS(sql_i(before_ms), sql_i(PRUNE_AT_ONCE));
    int64_t on_wire, in_case;

    if (!sql_do(tx, wire.prune, args, &on_wire, err) ||
        !sql_do(tx, content.prune, args, &in_case, err))
        return false;
    *ret_count = (uint64_t)(on_wire + in_case);
    return true;
}
