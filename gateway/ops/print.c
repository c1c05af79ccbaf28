/*
 * print.c - records of the store as JSON: ids, states and instants.
 *
 * Nothing here needs a permission of its own: no record holds what a case is about.
 */
#include "ops/ops_private.h"

void op_put(json_t *object, const char *name, const char *text)
{
    if (!text_empty(text))
        json_object_set_new(object, name, json_string(text));
}

void op_put_int(json_t *object, const char *name, int64_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

void op_put_bool(json_t *object, const char *name, bool value)
{
    json_object_set_new(object, name, json_boolean(value));
}

void op_put_instant(json_t *object, const char *name, int64_t ms)
{
    char text[25];

    if (ms == 0)
        return;
    instant_print(ms, text);
    op_put(object, name, text);
}

json_t *op_page(json_t *items, const char *next)
{
    json_t *object = json_object();

    json_object_set_new(object, "items", items);
    op_put(object, "next", next);
    return object;
}

static void put_attempts(json_t *j, const struct message *m)
{
    op_put_int(j, "attempts", m->attempts);
    op_put_instant(j, "lastAttemptAt", m->last_ms);
    if (m->state == MESSAGE_WAITING)
        op_put_instant(j, "nextAttemptAt", m->next_ms);
    op_put_instant(j, "giveUpAt", m->give_up_ms);
    op_put(j, "hold", m->hold_kind);
}

json_t *op_message_json(const struct message *m)
{
    json_t *j = json_object();

    op_put(j, "messageId", m->id);
    op_put(j, "row", m->row);
    op_put(j, "direction", message_direction_name(m->direction));
    op_put(j, "state", message_state_name(m->state));
    op_put(j, "kind", m->kind);
    op_put(j, "caseId", m->case_id);
    op_put(j, "office", m->own_office);
    op_put(j, "partner", m->partner);
    op_put(j, "partnerOffice", m->remote_office);
    op_put(j, "agreement", m->agreement);
    op_put(j, "agreementVersion", m->agreement_version);
    op_put(j, "ebMessageId", m->eb_message_id);
    op_put(j, "inReplyTo", m->in_reply_to);
    if (m->sequence > 0)
        op_put_int(j, "sequence", m->sequence);
    op_put_int(j, "octets", (int64_t)m->octets);
    op_put(j, "reasonCode", m->reason_code);
    op_put(j, "reason", m->reason);
    op_put_instant(j, "createdAt", m->created_ms);
    op_put_instant(j, "updatedAt", m->updated_ms);
    op_put_instant(j, "receiptAt", m->receipt_ms);
    if (m->direction == MESSAGE_OUT)
        put_attempts(j, m);
    return j;
}

json_t *op_case_json(const struct case_row *row)
{
    json_t *j = json_object();

    op_put(j, "caseId", row->id);
    op_put(j, "state", row->state);
    op_put(j, "role", row->role);
    op_put(j, "office", row->own_office);
    op_put(j, "partner", row->partner);
    op_put(j, "partnerOffice", row->partner_office);
    op_put(j, "agreement", row->agreement);
    op_put(j, "agreementVersion", row->agreement_version);
    op_put(j, "bundle", row->bundle);
    op_put(j, "environment", row->environment);
    op_put(j, "linkedCase", row->linked_case);
    op_put_instant(j, "createdAt", row->created_ms);
    op_put_instant(j, "updatedAt", row->updated_ms);
    op_put_instant(j, "closedAt", row->closed_ms);
    return j;
}

json_t *op_deliverable_json(const struct deliverable *d)
{
    json_t *j = json_object();

    op_put(j, "deliveryId", d->id);
    op_put(j, "messageId", d->message_id);
    op_put(j, "kind", d->kind);
    op_put(j, "caseId", d->case_id);
    op_put(j, "office", d->office);
    op_put(j, "state", deliverable_state_name(d->state));
    op_put_bool(j, "repeat", d->handed_count > 0);
    op_put_instant(j, "createdAt", d->created_ms);
    op_put_instant(j, "handedAt", d->handed_ms);
    op_put_instant(j, "acknowledgedAt", d->acknowledged_ms);
    return j;
}

json_t *op_task_json(const struct task *t)
{
    json_t *j = json_object();

    op_put(j, "taskId", t->id);
    op_put(j, "kind", t->kind);
    op_put(j, "office", t->office);
    op_put(j, "caseId", t->case_id);
    op_put(j, "messageId", t->message_id);
    op_put(j, "partner", t->partner);
    op_put(j, "code", t->code);
    op_put(j, "text", t->text);
    op_put_instant(j, "since", t->since_ms);
    op_put_instant(j, "closedAt", t->closed_ms);
    op_put(j, "closedBy", t->closed_by);
    return j;
}

json_t *op_withheld_json(const struct losses *losses)
{
    json_t *list = json_array();

    for (size_t i = 0; i < losses->count; i++) {
        const struct loss *l = &losses->items[i];

        if (l->kind != LOSS_WITHHELD)
            continue;
        json_t *j = json_object();
        op_put(j, "category", category_name(l->category));
        op_put(j, "field", l->field);
        op_put(j, "path", l->path);
        op_put(j, "clause", l->clause);
        op_put(j, "reason", l->reason);
        op_put_int(j, "count", l->count > 0 ? l->count : 1);
        json_array_append_new(list, j);
    }
    return list;
}
