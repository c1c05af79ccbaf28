/*
 * queue.c - what waits to leave, and a person's word about it.
 *
 * What a word means stands in store/queue.h; here it is said once for every face, audited in
 * the transaction of the change, and the partner's lane is woken.
 */
#include <string.h>

#include "base/mem.h"
#include "ops/ops_private.h"
#include "store/queue.h"

struct list_ctx {
    struct message_filter filter;
    struct message_list list;
};

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    message_list_free(&l->list);
    return message_select(tx, &l->filter, &l->list, err);
}

static const enum message_state waiting_states[] = { MESSAGE_WAITING, MESSAGE_SENDING,
                                                     MESSAGE_HELD, MESSAGE_REJECTED,
                                                     MESSAGE_EXPIRED };
#define STILL_OPEN 3 /* of these: what may leave without a person */

void op_queue(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    enum message_state one;
    const char *state = op_text(c, "state");
    struct list_ctx l = { .filter = { .partner = op_text(c, "partner"),
                                      .by_direction = true,
                                      .direction = MESSAGE_OUT,
                                      .states = waiting_states,
                                      .state_count = op_flag(c, "all")
                                                         ? COUNT_OF(waiting_states)
                                                         : STILL_OPEN,
                                      .after = op_text(c, "after"),
                                      .limit = op_limit(c) } };
    struct err err = { 0 };

    if (state != NULL) {
        if (!message_state_parse(state, &one)) {
            FAIL(r, ERR_REJECT, "ops.argument", "there is no such state of a message");
            return;
        }
        l.filter.states = &one;
        l.filter.state_count = 1;
    }
    if (!store_read(o->x->store, list_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < l.list.count; i++)
        json_array_append_new(items, op_message_json(&l.list.items[i]));
    op_done(r, op_page(items, l.list.next));
    message_list_free(&l.list);
}

/* --- a person's word ---------------------------------------------------------------------- */

enum word {
    WORD_RETRY,
    WORD_HOLD,
    WORD_RELEASE,
    WORD_CANCEL,
};

static const struct {
    const char *action, *needs;
} words[] = {
    [WORD_RETRY] = { "queue.retry", "waiting, held, rejected or expired" },
    [WORD_HOLD] = { "queue.hold", "waiting" },
    [WORD_RELEASE] = { "queue.release", "held" },
    [WORD_CANCEL] = { "queue.cancel", "waiting or held" },
};

struct word_ctx {
    enum word word;
    struct message m;
    struct audit_actor actor;
    const char *reason;
    int64_t give_up_ms;
    bool changed;
};

static bool say(struct store_tx *tx, struct word_ctx *w, struct err *err)
{
    const char *row = w->m.row;

    switch (w->word) {
    case WORD_RETRY:
        return queue_retry(tx, row, store_tx_now(tx) + w->give_up_ms, &w->changed, err);
    case WORD_HOLD:
        return queue_hold(tx, row, "operator", "queue.held-by-person", w->reason,
                          &w->changed, err);
    case WORD_RELEASE:
        return queue_release(tx, row, NULL, &w->changed, err);
    case WORD_CANCEL:
        return queue_cancel(tx, row, "queue.cancelled-by-person", w->reason, &w->changed,
                            err);
    }
    return false;
}

static bool word_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct word_ctx *w = ctx;
    bool found;

    return say(tx, w, err) &&
           exchange_audit(tx, &w->actor, words[w->word].action, w->m.case_id, w->m.id,
                          w->changed ? "done" : "queue.state", NULL, err) &&
           message_get(tx, w->m.row, &w->m, &found, err);
}

static void speak(struct ops *o, const struct ops_call *c, enum word word,
                  struct ops_result *r)
{
    struct word_ctx w = { .word = word,
                          .actor = op_actor(c->caller),
                          .reason = op_text(c, "reason"),
                          .give_up_ms = o->x->give_up_ms };
    struct err err = { 0 };

    if (w.reason != NULL && strlen(w.reason) >= STORE_REASON_TEXT) {
        FAIL(r, ERR_REJECT, "ops.argument", "the reason has more than %d octets",
             STORE_REASON_TEXT - 1);
        return;
    }
    if (!op_find_message(o, c->caller, c->id, &w.m, &err) ||
        !store_run(o->x->store, word_work, &w, &err)) {
        op_fail(r, &err);
        return;
    }
    if (!w.changed) {
        FAIL(r, ERR_REJECT, "queue.state", "message %s is %s; this is for one that is %s",
             w.m.id, message_state_name(w.m.state), words[word].needs);
        return;
    }
    exchange_wake_partner(o->x, w.m.partner);
    op_done(r, op_message_json(&w.m));
}

void op_queue_retry(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    speak(o, c, WORD_RETRY, r);
}

void op_queue_hold(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    speak(o, c, WORD_HOLD, r);
}

void op_queue_release(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    speak(o, c, WORD_RELEASE, r);
}

void op_queue_cancel(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    speak(o, c, WORD_CANCEL, r);
}
