/*
 * task.c - what a person must look at: listed, closed.
 */
#include "ops/ops_private.h"

struct list_ctx {
    struct task_filter filter;
    struct task_list list;
};

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    task_list_free(&l->list);
    return task_select(tx, &l->filter, &l->list, err);
}

void op_tasks(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    const char *office = c->caller->office;
    struct list_ctx l = { .filter = { .office = office[0] != '\0' ? office : NULL,
                                      .kind = op_text(c, "kind"),
                                      .case_id = op_text(c, "case"),
                                      .closed_too = op_flag(c, "closed"),
                                      .after = op_text(c, "after"),
                                      .limit = op_limit(c) } };
    struct err err = { 0 };

    if (!store_read(o->x->store, list_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < l.list.count; i++)
        json_array_append_new(items, op_task_json(&l.list.items[i]));
    op_done(r, op_page(items, l.list.next));
    task_list_free(&l.list);
}

/* --- closing ------------------------------------------------------------------------------ */

struct close_ctx {
    const struct ops_call *c;
    bool visible, changed;
};

/* A person closes what is theirs: an officer the office's, an operator any. */
static bool is_theirs(struct store_tx *tx, struct close_ctx *x, struct err *err)
{
    const char *office = x->c->caller->office;
    const struct task_filter filter = { .office = office[0] != '\0' ? office : NULL,
                                        .limit = STORE_PAGE_MAX };
    struct task_filter at = filter;
    char next[STORE_ROW_TEXT];

    for (;;) {
        AUTO(task_list_free) struct task_list list = { 0 };

        if (!task_select(tx, &at, &list, err))
            return false;
        for (size_t i = 0; i < list.count; i++)
            x->visible = x->visible || text_eq(list.items[i].id, x->c->id);
        if (x->visible || list.next[0] == '\0')
            return true;
        (void)STORE_COPY(next, list.next);
        at.after = next;
    }
}

static bool close_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct close_ctx *x = ctx;
    struct audit_actor actor = op_actor(x->c->caller);

    x->visible = false;
    if (!is_theirs(tx, x, err))
        return false;
    if (!x->visible)
        return err_set(err, ERR_REJECT, "task.unknown",
                       "there is no such open task here");
    return task_close(tx, x->c->id, x->c->caller->person, &x->changed, err) &&
           exchange_audit(tx, &actor, "task.closed", NULL, NULL, "done", x->c->id, err);
}

void op_task_close(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct close_ctx x = { .c = c };
    struct err err = { 0 };

    if (!store_run(o->x->store, close_work, &x, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *j = json_object();
    op_put(j, "taskId", c->id);
    op_put_bool(j, "closed", x.changed);
    op_done(r, j);
}
