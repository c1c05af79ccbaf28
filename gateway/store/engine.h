/*
 * engine.h - what the store's files need of a database: connections, transactions, statements.
 *
 * One file implements it (sqlite.c); another engine is another such file. SQL is plain, with
 * `?` for each value in order. Statements are kept prepared by their text.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct connection;
struct err;
struct query;
struct store_tx;

/* --- values ------------------------------------------------------------------------------ */

enum sql_type {
    SQL_NULL,
    SQL_INT,
    SQL_TEXT,
    SQL_BLOB,
};

struct sql_value {
    enum sql_type type;
    int64_t i;
    const void *p; /* borrowed during the call */
    size_t len;
};

static inline struct sql_value sql_i(int64_t i)
{
    return (struct sql_value){ .type = SQL_INT, .i = i };
}
/* NULL is "": no column of text is ever NULL. */
static inline struct sql_value sql_t(const char *text)
{
    return (struct sql_value){ .type = SQL_TEXT, .p = text != NULL ? text : "" };
}
static inline struct sql_value sql_b(const void *data, size_t len)
{
    return (struct sql_value){ .type = SQL_BLOB, .p = data, .len = len };
}
static inline struct sql_value sql_null(void)
{
    return (struct sql_value){ .type = SQL_NULL };
}

struct sql_args {
    const struct sql_value *values;
    size_t count;
};
#define SQL_ARGS(...) \
    ((struct sql_args){ (const struct sql_value[]){ __VA_ARGS__ }, \
                        sizeof((const struct sql_value[]){ __VA_ARGS__ }) / \
                            sizeof(struct sql_value) })
#define SQL_NO_ARGS ((struct sql_args){ NULL, 0 })

/* --- connections: used by store.c alone -------------------------------------------------- */

struct connection_settings {
    const char *path;
    bool writes;         /* the one that may */
    uint64_t octets_max; /* of the database file; 0 no ceiling */
};
NODISCARD bool connection_open(const struct connection_settings *settings,
                               struct connection **ret, struct err *err);
void connection_close(struct connection **conn); /* for AUTO */

NODISCARD bool connection_begin(struct connection *conn, struct err *err);
NODISCARD bool connection_commit(struct connection *conn, struct err *err);
void connection_rollback(struct connection *conn);
NODISCARD bool connection_savepoint(struct connection *conn, struct err *err);
NODISCARD bool connection_release(struct connection *conn, struct err *err);
void connection_undo_savepoint(struct connection *conn);
/* A failed write may have ended the whole transaction. */
bool connection_in_transaction(const struct connection *conn);

/* Moves the log into the database and empties it. No transaction may be open anywhere;
 * *ret_done false when one is. */
NODISCARD bool connection_truncate_log(struct connection *conn, bool *ret_done,
                                       struct err *err);

/* --- statements -------------------------------------------------------------------------- */

/* Runs a statement that gives no rows; *ret_changed (may be NULL): rows it changed. */
NODISCARD bool sql_do(struct store_tx *tx, const char *sql, struct sql_args args,
                      int64_t *ret_changed, struct err *err);

/* Starts one that gives rows. What a column getter returns lives until the next call. */
NODISCARD bool sql_query(struct store_tx *tx, const char *sql, struct sql_args args,
                         struct query **ret, struct err *err);
NODISCARD bool query_next(struct query *query, bool *ret_row, struct err *err);
void query_end(struct query **query);                    /* for AUTO */
int64_t query_int(struct query *query, int column);      /* NULL is 0 */
const char *query_text(struct query *query, int column); /* NULL is "" */
const void *query_blob(struct query *query, int column, size_t *ret_len);

/* The first row's first column. */
NODISCARD bool sql_int(struct store_tx *tx, const char *sql, struct sql_args args,
                       int64_t *ret, bool *ret_found, struct err *err);

/* How the engine means to run it, one line per step: for tests of indexes. */
NODISCARD bool sql_plan(struct store_tx *tx, const char *sql, struct sql_args args,
                        char *out, size_t size, struct err *err);

#endif
