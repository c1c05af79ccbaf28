/*
 * tasks.h - what a person must look at, open until somebody closes it.
 */
#ifndef STORE_TASKS_H
#define STORE_TASKS_H

#include "store/store.h"

struct task {
    char id[STORE_ROW_TEXT];
    char kind
        [STORE_CODE_TEXT]; /* "message.rejected", "sequence.gap", "mapping.failed" ... */
    char office[STORE_NAME_TEXT]; /* whose; "" the operator's */
    char case_id[STORE_NAME_TEXT];
    char message_id[STORE_NAME_TEXT];
    char partner[STORE_NAME_TEXT];
    char code[STORE_CODE_TEXT];
    char text[STORE_REASON_TEXT]; /* no case data */
    int64_t since_ms;
    int64_t closed_ms; /* 0 open */
    char closed_by[STORE_NAME_TEXT];
};

/* Gives id and since_ms. An open one of the same kind, office, case, message, partner and code
 * is kept instead: its id is given, *ret_already. */
NODISCARD bool task_open(struct store_tx *tx, struct task *task, bool *ret_already,
                         struct err *err);
/* *ret_changed false: unknown or already closed. */
NODISCARD bool task_close(struct store_tx *tx, const char *id, const char *by,
                          bool *ret_changed, struct err *err);

struct task_filter {
    const char *office, *kind, *case_id, *message_id, *partner; /* NULL any */
    bool closed_too;
    const char *after; /* a task id; oldest first */
    size_t limit;
};
/* Closes all that match (NULL any), say when a partner is back; *ret_count. */
NODISCARD bool task_close_matching(struct store_tx *tx, const struct task_filter *filter,
                                   const char *by, uint64_t *ret_count, struct err *err);
struct task_list {
    struct task *items;
    size_t count;
    char next[STORE_ROW_TEXT];
};
NODISCARD bool task_select(struct store_tx *tx, const struct task_filter *filter,
                           struct task_list *ret, struct err *err);
void task_list_free(struct task_list *list); /* for AUTO */

#endif
