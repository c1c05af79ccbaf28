/*
 * facts.c - figures without identity, one row per change, counted by their dimensions.
 */
#include "store/facts.h"

#include "base/err.h"
#include "store/store_private.h"

bool fact_add(struct store_tx *tx, const struct fact *fact, struct err *err)
{
    char id[STORE_ROW_TEXT];

    if (fact->month < 0 || fact->month > 12)
        return err_set(err, ERR_BUG, "store.text", "a fact of month %d", fact->month);
    if (!text_check(fact->kind, STORE_CODE_TEXT, "a fact's kind", err) ||
        !text_check(fact->dims, STORE_REASON_TEXT, "a fact's dimensions", err))
        return false;
    store_row_id(tx->now_ms, id);
    return sql_do(tx,
                  "INSERT INTO fact"
                  " (id, year, month, agreement, from_party, to_party, kind, dims)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                  SQL_ARGS(sql_t(id), sql_i(fact->year), sql_i(fact->month),
                           sql_t(fact->agreement), sql_t(fact->from), sql_t(fact->to),
                           sql_t(fact->kind), sql_t(fact->dims)),
                  NULL, err);
}

/* Copies, so that the callback may look at other rows. */
struct fact_texts {
    char agreement[STORE_NAME_TEXT], from[STORE_NAME_TEXT], to[STORE_NAME_TEXT];
    char kind[STORE_CODE_TEXT], dims[STORE_REASON_TEXT];
};

static bool read_count(struct query *query, struct fact_texts *texts,
                       struct fact_count *count, struct err *err)
{
    count->fact = (struct fact){ .year = (int)query_int(query, 0),
                                 .agreement = texts->agreement,
                                 .from = texts->from,
                                 .to = texts->to,
                                 .kind = texts->kind,
                                 .dims = texts->dims };
    count->count = (uint64_t)query_int(query, 6);
    return text_column(texts->agreement, sizeof texts->agreement, query_text(query, 1),
                       err) &&
           text_column(texts->from, sizeof texts->from, query_text(query, 2), err) &&
           text_column(texts->to, sizeof texts->to, query_text(query, 3), err) &&
           text_column(texts->kind, sizeof texts->kind, query_text(query, 4), err) &&
           text_column(texts->dims, sizeof texts->dims, query_text(query, 5), err);
}

bool fact_counts(struct store_tx *tx, const struct fact_filter *filter,
                 fact_count_cb *each, void *ctx, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    struct fact_texts texts;
    bool row;

    if (!sql_query(tx,
                   "SELECT year, agreement, from_party, to_party, kind, dims, COUNT(*)"
                   " FROM fact WHERE (? = 0 OR year = ?) AND (? = '' OR agreement = ?)"
                   " AND (? = '' OR kind = ?)"
                   " GROUP BY year, agreement, from_party, to_party, kind, dims"
                   " ORDER BY year, agreement, from_party, to_party, kind, dims",
                   SQL_ARGS(sql_i(filter->year), sql_i(filter->year),
                            sql_t(filter->agreement), sql_t(filter->agreement),
                            sql_t(filter->kind), sql_t(filter->kind)),
                   &query, err))
        return false;
    for (;;) {
        struct fact_count count;

        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!read_count(query, &texts, &count, err))
            return false;
        if (!each(ctx, &count))
            return true;
    }
}
