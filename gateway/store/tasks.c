/*
 * tasks.c - open points for a person; one open row per matter, however often it is found.
 */
#include "store/tasks.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/record.h"

/* clang-format off */
static const struct record_field fields[] = {
    FIELD_TEXT(task, "id", id),
    FIELD_TEXT(task, "kind", kind),
    FIELD_TEXT(task, "office", office),
    FIELD_TEXT(task, "case_id", case_id),
    FIELD_TEXT(task, "message_id", message_id),
    FIELD_TEXT(task, "partner", partner),
    FIELD_TEXT(task, "code", code),
    FIELD_TEXT(task, "note", text),
    FIELD_I64(task, "since_ms", since_ms),
    FIELD_I64(task, "closed_ms", closed_ms),
    FIELD_TEXT(task, "closed_by", closed_by),
};
/* clang-format on */

static const struct record tasks = {
    .table = "task",
    .fields = fields,
    .count = COUNT_OF(fields),
    .size = sizeof(struct task),
};

static bool find_open(struct store_tx *tx, struct task *task, struct err *err)
{
    struct task there;
    bool found;

    if (!record_get(tx, &tasks,
                    " WHERE closed_ms = 0 AND kind = ? AND office = ? AND case_id = ?"
                    " AND message_id = ? AND partner = ? AND code = ?",
                    SQL_ARGS(sql_t(task->kind), sql_t(task->office), sql_t(task->case_id),
                             sql_t(task->message_id), sql_t(task->partner),
                             sql_t(task->code)),
                    &there, &found, err))
        return false;
    if (!found)
        return err_set(err, ERR_BUG, "store.sql", "a task was neither added nor found");
    memcpy(task->id, there.id, sizeof task->id);
    task->since_ms = there.since_ms;
    return true;
}

bool task_open(struct store_tx *tx, struct task *task, bool *ret_already, struct err *err)
{
    store_row_id(tx->now_ms, task->id);
    task->since_ms = tx->now_ms;
    task->closed_ms = 0;
    task->closed_by[0] = '\0';
    if (!record_insert(tx, &tasks, task, ret_already, err))
        return false;
    return !*ret_already || find_open(tx, task, err);
}

bool task_close(struct store_tx *tx, const char *id, const char *by, bool *ret_changed,
                struct err *err)
{
    int64_t changed;

    if (!text_check(by, STORE_NAME_TEXT, "who closes a task", err) ||
        !sql_do(tx,
                "UPDATE task SET closed_ms = ?, closed_by = ?"
                " WHERE id = ? AND closed_ms = 0",
                SQL_ARGS(sql_i(tx->now_ms), sql_t(by), sql_t(id)), &changed, err))
        return false;
    *ret_changed = changed > 0;
    return true;
}

static void where_filter(struct sql_where *where, const struct task_filter *filter)
{
    if (!filter->closed_too)
        where_add(where, "closed_ms = 0");
    where_text(where, "office = ?", filter->office);
    where_text(where, "kind = ?", filter->kind);
    where_text(where, "case_id = ?", filter->case_id);
    where_text(where, "message_id = ?", filter->message_id);
    where_text(where, "partner = ?", filter->partner);
    where_text(where, "id > ?", filter->after);
}

bool task_close_matching(struct store_tx *tx, const struct task_filter *filter,
                         const char *by, uint64_t *ret_count, struct err *err)
{
    AUTO(task_list_free) struct task_list list = { 0 };
    struct task_filter open = *filter;
    uint64_t count = 0;
    bool changed;

    open.closed_too = false;
    open.limit = 0;
    do {
        task_list_free(&list);
        if (!task_select(tx, &open, &list, err))
            return false;
        for (size_t i = 0; i < list.count; i++)
            if (!task_close(tx, list.items[i].id, by, &changed, err))
                return false;
        count += list.count;
    } while (list.count > 0);
    *ret_count = count;
    return true;
}

bool task_select(struct store_tx *tx, const struct task_filter *filter,
                 struct task_list *ret, struct err *err)
{
    struct sql_where where = { 0 };
    struct task_list list = { 0 };
    size_t limit = page_limit(filter->limit);
    void *items = NULL;

    where_filter(&where, filter);
    where_order(&where, " ORDER BY id LIMIT ?", limit);
    if (!record_list(tx, &tasks, where_sql(&where), where_args(&where), &items,
                     &list.count, err))
        return false;
    list.items = items;
    if (list.count == limit)
        memcpy(list.next, list.items[limit - 1].id, sizeof list.next);
    *ret = list;
    return true;
}

void task_list_free(struct task_list *list)
{
    mem_free(&list->items);
    *list = (struct task_list){ 0 };
}
