/*
 * meta.c - text by name; the last one written stands.
 */
#include "store/meta.h"

#include "base/buf.h"
#include "store/store_private.h"

bool meta_get(struct store_tx *tx, const char *name, struct buf *out, bool *ret_found,
              struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!sql_query(tx, "SELECT value FROM meta WHERE name = ?", SQL_ARGS(sql_t(name)),
                   &query, err) ||
        !query_next(query, &row, err))
        return false;
    if (row) {
        buf_adds(out, query_text(query, 0));
        if (!buf_check(out, "a meta value", err))
            return false;
    }
    *ret_found = row;
    return true;
}

bool meta_set(struct store_tx *tx, const char *name, const char *text, struct err *err)
{
    return sql_do(tx,
                  "INSERT INTO meta (name, value) VALUES (?, ?)"
                  " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                  SQL_ARGS(sql_t(name), sql_t(text)), NULL, err);
}
