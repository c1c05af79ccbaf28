/*
 * record.h - a struct of C and a row of a table, joined by one list of fields.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store_private.h"

enum record_kind {
    RECORD_TEXT,     /* char[] */
    RECORD_I64,      /* int64_t, uint64_t */
    RECORD_UNSIGNED, /* unsigned */
    RECORD_BOOL,     /* bool, 0 or 1 */
    RECORD_NAMED,    /* an enum, stored as its name */
};

struct record_field {
    const char *column;
    enum record_kind kind;
    size_t offset, size;
    const char *(*name)(int value); /* RECORD_NAMED */
    bool (*parse)(const char *name, int *ret);
    bool read_only; /* comes from a join, is not written */
};

struct record {
    const char *table; /* also its alias in a join */
    const char *from;  /* "deliverable JOIN ..." for reading; NULL: the table */
    const struct record_field *fields;
    size_t count;
    size_t size; /* of the struct */
};

#define FIELD_TEXT(s, column_, member) \
    { \
        .column = column_, .kind = RECORD_TEXT, .offset = offsetof(struct s, member), \
        .size = sizeof(((struct s *)0)->member) \
    }
#define FIELD_I64(s, column_, member) \
    { \
        .column = column_, .kind = RECORD_I64, .offset = offsetof(struct s, member) \
    }
#define FIELD_UNSIGNED(s, column_, member) \
    { \
        .column = column_, .kind = RECORD_UNSIGNED, .offset = offsetof(struct s, member) \
    }
#define FIELD_BOOL(s, column_, member) \
    { \
        .column = column_, .kind = RECORD_BOOL, .offset = offsetof(struct s, member) \
    }

/* Conditions gathered one after another, with their values. */
#define SQL_WHERE_MAX 24
struct sql_where {
    char text[1536];
    size_t len;
    struct sql_value values[SQL_WHERE_MAX];
    size_t count;
};
void where_add(struct sql_where *where, const char *condition); /* without a value */
void where_value(struct sql_where *where, const char *condition, struct sql_value value);
/* Only when text is not NULL. */
void where_text(struct sql_where *where, const char *condition, const char *text);
void where_order(struct sql_where *where, const char *order_and_limit, size_t limit);
struct sql_args where_args(const struct sql_where *where);
const char *where_sql(const struct sql_where *where); /* "" or " WHERE ..." */

/* *ret_taken: a row with one of its keys is there already, nothing was written. */
NODISCARD bool record_insert(struct store_tx *tx, const struct record *record,
                             const void *row, bool *ret_taken, struct err *err);
/* tail: " WHERE ..." */
NODISCARD bool record_get(struct store_tx *tx, const struct record *record,
                          const char *tail, struct sql_args args, void *ret,
                          bool *ret_found, struct err *err);
/* An array the caller frees with mem_free. */
NODISCARD bool record_list(struct store_tx *tx, const struct record *record,
                           const char *tail, struct sql_args args, void **ret_items,
                           size_t *ret_count, struct err *err);
typedef bool record_cb(void *ctx, const void *row); /* false stops */
NODISCARD bool record_each(struct store_tx *tx, const struct record *record,
                           const char *tail, struct sql_args args, void *scratch,
                           record_cb *each, void *ctx, struct err *err);

#endif
