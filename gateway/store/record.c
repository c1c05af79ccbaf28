/*
 * record.c - rows to structs and back, by their list of fields.
 *
 * Text that does not fit its field is an error on the way in and on the way out: nothing is
 * ever cut silently.
 */
#include "store/record.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define SQL_TEXT_MAX      8192 /* octets of one statement */
#define RECORD_FIELDS_MAX 48

/* --- conditions ---------------------------------------------------------------------------- */

void where_add(struct sql_where *where, const char *condition)
{
    int len = snprintf(where->text + where->len, sizeof where->text - where->len, "%s%s",
                       where->len == 0 ? " WHERE " : " AND ", condition);

    if (len < 0 || (size_t)len >= sizeof where->text - where->len)
        where->count = SQL_WHERE_MAX + 1; /* told by where_sql's user: too many values */
    else
        where->len += (size_t)len;
}

static void value_add(struct sql_where *where, struct sql_value value)
{
    if (where->count < SQL_WHERE_MAX)
        where->values[where->count] = value;
    where->count++;
}

void where_value(struct sql_where *where, const char *condition, struct sql_value value)
{
    where_add(where, condition);
    value_add(where, value);
}

void where_text(struct sql_where *where, const char *condition, const char *text)
{
    if (text != NULL)
        where_value(where, condition, sql_t(text));
}

void where_order(struct sql_where *where, const char *order_and_limit, size_t limit)
{
    int len = snprintf(where->text + where->len, sizeof where->text - where->len, "%s",
                       order_and_limit);

    if (len < 0 || (size_t)len >= sizeof where->text - where->len)
        where->count = SQL_WHERE_MAX + 1;
    else
        where->len += (size_t)len;
    value_add(where, sql_i((int64_t)limit));
}

/* A where that overflowed binds no value, which its statement then refuses as ERR_BUG. */
struct sql_args where_args(const struct sql_where *where)
{
    return (struct sql_args){ where->values,
                              where->count > SQL_WHERE_MAX ? 0 : where->count };
}

const char *where_sql(const struct sql_where *where)
{
    return where->text;
}

/* --- a field -------------------------------------------------------------------------------- */

static const void *place_of(const struct record_field *field, const void *row)
{
    return (const char *)row + field->offset;
}

static struct sql_value value_of(const struct record_field *field, const void *row)
{
    const void *at = place_of(field, row);

    switch (field->kind) {
    case RECORD_TEXT:
        return sql_t(at);
    case RECORD_I64:
        return sql_i(*(const int64_t *)at);
    case RECORD_UNSIGNED:
        return sql_i(*(const unsigned *)at);
    case RECORD_BOOL:
        return sql_i(*(const bool *)at);
    case RECORD_NAMED:
        return sql_t(field->name(*(const int *)at));
    }
    return sql_null();
}

static bool read_field(struct query *query, int column, const struct record_field *field,
                       void *row, struct err *err)
{
    void *at = (char *)row + field->offset;

    switch (field->kind) {
    case RECORD_TEXT:
        return text_column(at, field->size, query_text(query, column), err);
    case RECORD_I64:
        *(int64_t *)at = query_int(query, column);
        return true;
    case RECORD_UNSIGNED:
        *(unsigned *)at = (unsigned)query_int(query, column);
        return true;
    case RECORD_BOOL:
        *(bool *)at = query_int(query, column) != 0;
        return true;
    case RECORD_NAMED:
        if (field->parse(query_text(query, column), at))
            return true;
        break;
    }
    return err_set(err, ERR_BUG, "store.text", "column %s holds an unknown name",
                   field->column);
}

static bool read_row(struct query *query, const struct record *record, void *row,
                     struct err *err)
{
    memset(row, 0, record->size);
    for (size_t i = 0; i < record->count; i++)
        if (!read_field(query, (int)i, &record->fields[i], row, err))
            return err_context(err, "reading table %s", record->table);
    return true;
}

/* --- statements ------------------------------------------------------------------------------ */

/* Built with buf_adds() alone: this is on the path of every message. */
static void select_print(const struct record *record, const char *tail, struct buf *out)
{
    buf_adds(out, "SELECT ");
    for (size_t i = 0; i < record->count; i++) {
        const char *column = record->fields[i].column;

        buf_adds(out, i > 0 ? ", " : "");
        if (strchr(column, '.') == NULL) {
            buf_adds(out, record->table);
            buf_addc(out, '.');
        }
        buf_adds(out, column);
    }
    buf_adds(out, " FROM ");
    buf_adds(out, record->from != NULL ? record->from : record->table);
    buf_adds(out, tail);
}

static bool check_row(const struct record *record, const void *row, struct err *err)
{
    for (size_t i = 0; i < record->count; i++) {
        const struct record_field *field = &record->fields[i];

        if (field->kind == RECORD_TEXT &&
            memchr(place_of(field, row), '\0', field->size) == NULL)
            return err_set(err, ERR_BUG, "store.text", "%s.%s has no end", record->table,
                           field->column);
    }
    return true;
}

bool record_insert(struct store_tx *tx, const struct record *record, const void *row,
                   bool *ret_taken, struct err *err)
{
    AUTO(buf_free) struct buf sql = BUF_INIT(SQL_TEXT_MAX);
    struct sql_value values[RECORD_FIELDS_MAX];
    size_t count = 0;
    int64_t changed;

    if (!check_row(record, row, err))
        return false;
    buf_adds(&sql, "INSERT INTO ");
    buf_adds(&sql, record->table);
    for (size_t i = 0; i < record->count; i++)
        if (!record->fields[i].read_only) {
            buf_adds(&sql, count > 0 ? ", " : " (");
            buf_adds(&sql, record->fields[i].column);
            values[count++] = value_of(&record->fields[i], row);
        }
    buf_adds(&sql, ") VALUES (");
    for (size_t i = 0; i < count; i++)
        buf_adds(&sql, i > 0 ? ", ?" : "?");
    buf_adds(&sql, ") ON CONFLICT DO NOTHING");
    if (!buf_check(&sql, "a statement", err) ||
        !sql_do(tx, buf_str(&sql), (struct sql_args){ values, count }, &changed, err))
        return false;
    *ret_taken = changed == 0;
    return true;
}

bool record_get(struct store_tx *tx, const struct record *record, const char *tail,
                struct sql_args args, void *ret, bool *ret_found, struct err *err)
{
    AUTO(buf_free) struct buf sql = BUF_INIT(SQL_TEXT_MAX);
    AUTO(query_end) struct query *query = NULL;

    select_print(record, tail, &sql);
    if (!buf_check(&sql, "a statement", err) ||
        !sql_query(tx, buf_str(&sql), args, &query, err) ||
        !query_next(query, ret_found, err))
        return false;
    return !*ret_found || read_row(query, record, ret, err);
}

bool record_each(struct store_tx *tx, const struct record *record, const char *tail,
                 struct sql_args args, void *scratch, record_cb *each, void *ctx,
                 struct err *err)
{
    AUTO(buf_free) struct buf sql = BUF_INIT(SQL_TEXT_MAX);
    AUTO(query_end) struct query *query = NULL;
    bool row;

    select_print(record, tail, &sql);
    if (!buf_check(&sql, "a statement", err) ||
        !sql_query(tx, buf_str(&sql), args, &query, err))
        return false;
    for (;;) {
        if (!query_next(query, &row, err))
            return false;
        if (!row)
            return true;
        if (!read_row(query, record, scratch, err))
            return false;
        if (!each(ctx, scratch))
            return true;
    }
}

struct gather {
    const struct record *record;
    char *items;
    size_t count, cap;
};

static bool gather_one(void *ctx, const void *row)
{
    struct gather *gather = ctx;
    size_t size = gather->record->size;

    gather->items = mem_grow(gather->items, gather->count, &gather->cap, size);
    memcpy(gather->items + gather->count * size, row, size);
    gather->count++;
    return true;
}

bool record_list(struct store_tx *tx, const struct record *record, const char *tail,
                 struct sql_args args, void **ret_items, size_t *ret_count,
                 struct err *err)
{
    AUTO(mem_free) void *scratch = mem_alloc(record->size);
    struct gather gather = { .record = record };

    if (!record_each(tx, record, tail, args, scratch, gather_one, &gather, err)) {
        mem_free(&gather.items);
        return false;
    }
    *ret_items = gather.items;
    *ret_count = gather.count;
    return true;
}
