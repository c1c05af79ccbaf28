/*
 * sqlite.c - the engine under the store: SQLite, and the only file that knows it.
 *
 * A connection is used by one thread at a time. WAL and synchronous=FULL: a commit that has
 * returned is on disk. secure_delete overwrites what is deleted, temp_store=MEMORY keeps sorting
 * out of files, STRICT tables and foreign keys refuse what does not belong. Every failure of
 * the disk is ERR_RETRY: the caller's transaction is undone and the process goes on.
 */
#include "store/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/store_private.h"

#define STATEMENTS_KEPT 256  /* prepared statements of a connection */
#define BUSY_MS         5000 /* other connections are ours and brief */

struct query {
    sqlite3_stmt *stmt;
    struct connection *conn;
    bool used;
    bool kept; /* belongs to the connection */
};

struct connection {
    sqlite3 *db;
    struct dict *by_text;
    struct query *kept[STATEMENTS_KEPT];
    size_t count;
    bool writes;
};

/* --- errors ------------------------------------------------------------------------------ */

static bool failed(sqlite3 *db, int rc, const char *doing, struct err *err)
{
    const char *why = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_RETRY, "store.disk-full",
                       "%s: no space left for the store (%s)", doing, why);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
        return err_set(err, ERR_RETRY, "store.io", "%s: %s (%d)", doing, why, rc);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_RETRY, "store.busy", "%s: %s", doing, why);
    case SQLITE_READONLY:
        return err_set(err, ERR_BUG, "store.read-only", "%s: %s", doing, why);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_CONFIG, "store.corrupt",
                       "%s: %s; restore the store from a backup", doing, why);
    default:
        return err_set(err, ERR_BUG, "store.sql", "%s: %s (%d)", doing, why, rc);
    }
}

/* --- connections ------------------------------------------------------------------------- */

static bool run(struct connection *conn, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK || failed(conn->db, rc, sql, err);
}

/* The log and the index beside it take over the mode of the database file. */
static bool make_private(const char *path, struct err *err)
{
    AUTO(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(err, errno == ENOSPC ? ERR_RETRY : ERR_CONFIG, "store.folder",
                       "opening the database %s: %s", path, strerror(errno));
    return true;
}

static bool limit_size(struct connection *conn, uint64_t octets_max, struct err *err)
{
    char sql[80];

    if (octets_max == 0)
        return true;
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %llu",
             (unsigned long long)(octets_max / 4096 + 1));
    return run(conn, sql, err);
}

static bool set_up(struct connection *conn, const struct connection_settings *settings,
                   struct err *err)
{
    sqlite3_extended_result_codes(conn->db, 1);
    sqlite3_busy_timeout(conn->db, BUSY_MS);
    return run(conn, "PRAGMA journal_mode = WAL", err) &&
           run(conn, "PRAGMA synchronous = FULL", err) &&
           run(conn, "PRAGMA foreign_keys = ON", err) &&
           run(conn, "PRAGMA temp_store = MEMORY", err) &&
           run(conn, "PRAGMA secure_delete = ON", err) &&
           run(conn, "PRAGMA trusted_schema = OFF", err) &&
           limit_size(conn, settings->octets_max, err) &&
           (settings->writes || run(conn, "PRAGMA query_only = ON", err));
}

bool connection_open(const struct connection_settings *settings, struct connection **ret,
                     struct err *err)
{
    AUTO(connection_close) struct connection *conn = mem_alloc(sizeof *conn);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int rc;

    if (!make_private(settings->path, err))
        return false;
    conn->by_text = dict_new();
    conn->writes = settings->writes;
    rc = sqlite3_open_v2(settings->path, &conn->db, flags, NULL);
    if (rc != SQLITE_OK)
        return failed(conn->db, rc, "opening the database", err);
    if (!set_up(conn, settings, err))
        return false;
    *ret = TAKE(conn);
    return true;
}

static void forget_statements(struct connection *conn)
{
    for (size_t i = 0; i < conn->count; i++) {
        sqlite3_finalize(conn->kept[i]->stmt);
        mem_free(&conn->kept[i]);
    }
    conn->count = 0;
    dict_free(&conn->by_text);
}

void connection_close(struct connection **conn)
{
    if (*conn == NULL)
        return;
    forget_statements(*conn);
    sqlite3_close_v2((*conn)->db);
    mem_free(conn);
}

bool connection_in_transaction(const struct connection *conn)
{
    return sqlite3_get_autocommit(conn->db) == 0;
}

/* The writer takes its place at once, so that no statement of it can meet "busy". */
bool connection_begin(struct connection *conn, struct err *err)
{
    return run(conn, conn->writes ? "BEGIN IMMEDIATE" : "BEGIN", err);
}

bool connection_commit(struct connection *conn, struct err *err)
{
    return run(conn, "COMMIT", err);
}

void connection_rollback(struct connection *conn)
{
    if (connection_in_transaction(conn))
        sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
}

bool connection_savepoint(struct connection *conn, struct err *err)
{
    return run(conn, "SAVEPOINT work", err);
}

bool connection_release(struct connection *conn, struct err *err)
{
    return run(conn, "RELEASE work", err);
}

void connection_undo_savepoint(struct connection *conn)
{
    sqlite3_exec(conn->db, "ROLLBACK TO work; RELEASE work", NULL, NULL, NULL);
}

bool connection_truncate_log(struct connection *conn, bool *ret_done, struct err *err)
{
    int rc = sqlite3_wal_checkpoint_v2(conn->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                       NULL);

    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        return failed(conn->db, rc, "emptying the log", err);
    *ret_done = rc == SQLITE_OK;
    return true;
}

/* --- statements -------------------------------------------------------------------------- */

static bool prepare(struct connection *conn, const char *sql, struct query **ret,
                    struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    struct query *query;

    if (rc != SQLITE_OK)
        return failed(conn->db, rc, sql, err);
    query = mem_alloc(sizeof *query);
    *query = (struct query){ .stmt = stmt, .conn = conn };
    if (conn->count < STATEMENTS_KEPT && dict_get(conn->by_text, sql) == NULL) {
        query->kept = true;
        conn->kept[conn->count++] = query;
        dict_set(conn->by_text, sql, query);
    }
    *ret = query;
    return true;
}

/* lasts: the values outlive the statement's run, so they need no copy. */
static bool bind(struct query *query, struct sql_args args, bool lasts, struct err *err)
{
    sqlite3_destructor_type keep = lasts ? SQLITE_STATIC : SQLITE_TRANSIENT;
    int rc = SQLITE_OK;

    if ((size_t)sqlite3_bind_parameter_count(query->stmt) != args.count)
        return err_set(err, ERR_BUG, "store.sql", "%d values wanted, %zu given: %s",
                       sqlite3_bind_parameter_count(query->stmt), args.count,
                       sqlite3_sql(query->stmt));
    for (size_t i = 0; i < args.count && rc == SQLITE_OK; i++) {
        const struct sql_value *v = &args.values[i];
        int at = (int)i + 1;

        if (v->type == SQL_INT)
            rc = sqlite3_bind_int64(query->stmt, at, v->i);
        else if (v->type == SQL_TEXT)
            rc = sqlite3_bind_text64(query->stmt, at, v->p, strlen(v->p), keep,
                                     SQLITE_UTF8);
        else if (v->type == SQL_BLOB && v->len == 0)
            rc = sqlite3_bind_zeroblob(query->stmt, at, 0);
        else if (v->type == SQL_BLOB)
            rc = sqlite3_bind_blob64(query->stmt, at, v->p, v->len, keep);
        else
            rc = sqlite3_bind_null(query->stmt, at);
    }
    return rc == SQLITE_OK || failed(query->conn->db, rc, sqlite3_sql(query->stmt), err);
}

static bool start(struct store_tx *tx, const char *sql, struct sql_args args, bool lasts,
                  struct query **ret, struct err *err)
{
    AUTO(query_end) struct query *query = dict_get(tx->conn->by_text, sql);

    if (query != NULL && query->used)
        query = NULL; /* in use further up: a second one for the while */
    if (query == NULL && !prepare(tx->conn, sql, &query, err))
        return false;
    query->used = true;
    if (!bind(query, args, lasts, err))
        return false;
    *ret = TAKE(query);
    return true;
}

bool sql_query(struct store_tx *tx, const char *sql, struct sql_args args,
               struct query **ret, struct err *err)
{
    return start(tx, sql, args, false, ret, err);
}

bool query_next(struct query *query, bool *ret_row, struct err *err)
{
    int rc = sqlite3_step(query->stmt);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return failed(query->conn->db, rc, sqlite3_sql(query->stmt), err);
    *ret_row = rc == SQLITE_ROW;
    return true;
}

void query_end(struct query **query)
{
    struct query *q = *query;

    *query = NULL;
    if (q == NULL)
        return;
    if (!q->kept) {
        sqlite3_finalize(q->stmt);
        mem_free(&q);
        return;
    }
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    q->used = false;
}

int64_t query_int(struct query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

const char *query_text(struct query *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query->stmt, column);

    return text != NULL ? (const char *)text : "";
}

const void *query_blob(struct query *query, int column, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(query->stmt, column);

    *ret_len = (size_t)sqlite3_column_bytes(query->stmt, column);
    return data != NULL ? data : "";
}

bool sql_do(struct store_tx *tx, const char *sql, struct sql_args args,
            int64_t *ret_changed, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row;

    if (!tx->writes)
        return err_set(err, ERR_BUG, "store.read-only", "writing in a read: %s", sql);
    if (!start(tx, sql, args, true, &query, err) || !query_next(query, &row, err))
        return false;
    if (ret_changed != NULL)
        *ret_changed = sqlite3_changes64(tx->conn->db);
    return true;
}

bool sql_int(struct store_tx *tx, const char *sql, struct sql_args args, int64_t *ret,
             bool *ret_found, struct err *err)
{
    AUTO(query_end) struct query *query = NULL;
    bool row = false;

    if (!sql_query(tx, sql, args, &query, err) || !query_next(query, &row, err))
        return false;
    if (row)
        *ret = query_int(query, 0);
    *ret_found = row;
    return true;
}

bool sql_plan(struct store_tx *tx, const char *sql, struct sql_args args, char *out,
              size_t size, struct err *err)
{
    AUTO(mem_free) char *explain = mem_printf("EXPLAIN QUERY PLAN %s", sql);
    AUTO(query_end) struct query *query = NULL;
    size_t len = 0;
    bool row = true;

    out[0] = '\0';
    if (!sql_query(tx, explain, args, &query, err) || !query_next(query, &row, err))
        return false;
    while (row) {
        len += (size_t)snprintf(out + len, size - len, "%s\n", query_text(query, 3));
        if (len >= size)
            return err_set(err, ERR_BUG, "store.text", "the plan is too long");
        if (!query_next(query, &row, err))
            return false;
    }
    return true;
}
