/*
 * why.c - the history of one message in plain words, from its audit rows and its row.
 *
 * Each audit action has a sentence here; one without a sentence is shown by its name, so that
 * nothing is ever left out. Ids, codes and instants only, so anyone who may see the row may read
 * it.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"
#include "ops/ops_private.h"

static const struct {
    const char *action, *words;
} sentences[] = {
    { "message.accepted", "accepted for sending and stored" },
    { "message.refused", "refused" },
    { "message.delivered",
      "delivered: the partner's signed receipt was checked and stored" },
    { "message.delivered-without-evidence",
      "the partner says it has it already, but no receipt is to be had" },
    { "message.retry", "an attempt to send it failed; it waits for the next one" },
    { "message.held", "held back: it was not sent" },
    { "message.rejected", "the partner's gateway refused it for good" },
    { "message.expired", "given up: no receipt came as long as it may wait" },
    { "message.received", "received, checked and stored; the signed receipt went back" },
    { "message.repeated",
      "received once more under another envelope; receipt given again" },
    { "message.read", "looked at" },
    { "losses.read", "the loss report was looked at" },
    { "evidence.read", "the evidence was looked at" },
    { "queue.retry", "set to be tried now" },
    { "queue.hold", "held back by a person" },
    { "queue.release", "let go by a person" },
    { "queue.cancel", "taken back by a person" },
    { "deliverable.read", "opened by the office" },
    { "deliverable.given", "handed over to the office" },
    { "deliverable.acknowledged", "the office has it" },
};

static const char *words_of(const char *action)
{
    for (size_t i = 0; i < COUNT_OF(sentences); i++)
        if (text_eq(sentences[i].action, action))
            return sentences[i].words;
    return action;
}

static void add_who(struct buf *line, const struct audit_row *row)
{
    if (text_eq(row->role, "gateway"))
        return;
    buf_addf(line, ", by %s%s%s (%s) over %s", row->person,
             row->office[0] != '\0' ? " of " : "", row->office, row->role, row->channel);
}

static json_t *step_json(const struct audit_row *row)
{
    AUTO(buf_free) struct buf line = BUF_INIT(2048);
    json_t *j = json_object();

    buf_adds(&line, words_of(row->action));
    if (!text_eq(row->outcome, "done") && row->outcome[0] != '\0')
        buf_addf(&line, " (%s)", row->outcome);
    add_who(&line, row);
    op_put_instant(j, "at", row->at_ms);
    op_put(j, "action", row->action);
    op_put(j, "outcome", row->outcome);
    op_put(j, "detail", row->detail);
    op_put(j, "text", buf_str(&line));
    return j;
}

/* --- how it stands now -------------------------------------------------------------------- */

static const char *const now_words[MESSAGE_STATES] = {
    [MESSAGE_WAITING] = "It waits to be sent",
    [MESSAGE_SENDING] = "It is being sent right now",
    [MESSAGE_DELIVERED] = "The partner's gateway has it, and its signed receipt is here",
    [MESSAGE_DELIVERED_WITHOUT_EVIDENCE] =
        "The partner's gateway has it; its receipt was lost on the way and cannot be had",
    [MESSAGE_HELD] = "It is held back until a person lets it go",
    [MESSAGE_REJECTED] =
        "The partner's gateway refused it for good: correct it and send anew",
    [MESSAGE_EXPIRED] = "It was given up: call the partner, then try it again",
    [MESSAGE_CANCELLED] = "It was taken back before it was sent",
    [MESSAGE_RECEIVED] = "It was received and receipted",
    [MESSAGE_READY] = "It lies ready for the office",
    [MESSAGE_UNTRANSLATED] = "It lies ready for the office in the canonical view: the "
                             "office's form cannot say it",
    [MESSAGE_HANDED_OVER] = "It was handed to the office, which has not acknowledged it",
    [MESSAGE_ACKNOWLEDGED] = "The office has it",
    [MESSAGE_REFUSED] =
        "It was refused, and the sender was told why; its content is not kept",
    [MESSAGE_QUARANTINED] = "It ended the process before: a person must look",
};

static void add_outlook(struct buf *line, const struct message *m)
{
    char at[25];

    if (m->state == MESSAGE_WAITING && m->attempts > 0)
        buf_addf(line, " after %u attempt%s", m->attempts, m->attempts == 1 ? "" : "s");
    if (m->state == MESSAGE_WAITING && m->next_ms > 0) {
        instant_print(m->next_ms, at);
        buf_addf(line, "; next try not before %s", at);
    }
    if (m->state == MESSAGE_HELD && m->hold_kind[0] != '\0')
        buf_addf(line, " (%s)", m->hold_kind);
    if (m->reason[0] != '\0')
        buf_addf(line, ": %s", m->reason);
    if (m->reason_code[0] != '\0')
        buf_addf(line, " [%s]", m->reason_code);
}

struct why_ctx {
    const struct message *m;
    json_t *steps;
};

static bool add_step(void *ctx, const struct audit_row *row)
{
    json_array_append_new(ctx, step_json(row));
    return true;
}

static bool why_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct why_ctx *w = ctx;
    const struct audit_filter filter = { .message_id = w->m->id,
                                         .limit = STORE_PAGE_MAX };

    json_array_clear(w->steps);
    return audit_select(tx, &filter, add_step, w->steps, err);
}

void op_message_why(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(buf_free) struct buf line = BUF_INIT(2048);
    struct message m;
    struct why_ctx w = { .m = &m };
    struct err err = { 0 };

    if (!op_find_message(o, c->caller, c->id, &m, &err) ||
        !op_audit_read(o, c->caller, "message.read", m.case_id, m.id, &err)) {
        op_fail(r, &err);
        return;
    }
    w.steps = json_array();
    if (!store_read(o->x->store, why_work, &w, &err)) {
        json_drop(&w.steps);
        op_fail(r, &err);
        return;
    }
    buf_adds(&line, now_words[m.state]);
    add_outlook(&line, &m);
    json_t *j = json_object();
    op_put(j, "now", buf_str(&line));
    json_object_set_new(j, "message", op_message_json(&m));
    json_object_set_new(j, "history", w.steps);
    op_done(r, j);
}
