/*
 * print.c - records of the store as JSON: ids, states and instants.
 *
 * Nothing here needs a permission of its own: no record holds what a case is about.
 */
#include "ops/ops_private.h"

void put(json_t *object, const char *name, const char *text)
{
    if (!text_empty(text))
        json_object_set_new(object, name, json_string(text));
}

void put_int(json_t *object, const char *name, int64_t value)
{
    json_object_set_new(object, name, json_integer(value));
}

void put_bool(json_t *object, const char *name, bool value)
{
    json_object_set_new(object, name, json_boolean(value));
}

void put_instant(json_t *object, const char *name, int64_t ms)
{
    char text[25];

    if (ms == 0)
        return;
    instant_print(ms, text);
    put(object, name, text);
}

json_t *page(json_t *items, const char *next)
{
    json_t *object = json_object();

    json_object_set_new(object, "items", items);
    put(object, "next", next);
    return object;
}

static void put_attempts(json_t *j, const struct message *m)
{
    put_int(j, "attempts", m->attempts);
    put_instant(j, "lastAttemptAt", m->last_ms);
    if (m->state == MESSAGE_WAITING)
        put_instant(j, "nextAttemptAt", m->next_ms);
    put_instant(j, "giveUpAt", m->give_up_ms);
    put(j, "hold", m->hold_kind);
}

json_t *message_json(const struct message *m)
{
    json_t *j = json_object();

    put(j, "messageId", m->id);
    put(j, "row", m->row);
    put(j, "direction", message_direction_name(m->direction));
    put(j, "state", message_state_name(m->state));
    put(j, "kind", m->kind);
    put(j, "caseId", m->case_id);
    put(j, "office", m->own_office);
    put(j, "partner", m->partner);
    put(j, "partnerOffice", m->remote_office);
    put(j, "agreement", m->agreement);
    put(j, "agreementVersion", m->agreement_version);
    put(j, "ebMessageId", m->eb_message_id);
    put(j, "inReplyTo", m->in_reply_to);
    if (m->sequence > 0)
        put_int(j, "sequence", m->sequence);
    put_int(j, "octets", (int64_t)m->octets);
    put(j, "reasonCode", m->reason_code);
    put(j, "reason", m->reason);
    put_instant(j, "createdAt", m->created_ms);
    put_instant(j, "updatedAt", m->updated_ms);
    put_instant(j, "receiptAt", m->receipt_ms);
    if (m->direction == MESSAGE_OUT)
        put_attempts(j, m);
    return j;
}

json_t *case_json(const struct case_row *row)
{
    json_t *j = json_object();

    put(j, "caseId", row->id);
    put(j, "state", row->state);
    put(j, "role", row->role);
    put(j, "office", row->own_office);
    put(j, "partner", row->partner);
    put(j, "partnerOffice", row->partner_office);
    put(j, "agreement", row->agreement);
    put(j, "agreementVersion", row->agreement_version);
    put(j, "bundle", row->bundle);
    put(j, "environment", row->environment);
    put(j, "linkedCase", row->linked_case);
    put_instant(j, "createdAt", row->created_ms);
    put_instant(j, "updatedAt", row->updated_ms);
    put_instant(j, "closedAt", row->closed_ms);
    return j;
}

json_t *deliverable_json(const struct deliverable *d)
{
    json_t *j = json_object();

    put(j, "deliveryId", d->id);
    put(j, "messageId", d->message_id);
    put(j, "kind", d->kind);
    put(j, "caseId", d->case_id);
    put(j, "office", d->office);
    put(j, "state", deliverable_state_name(d->state));
    put_bool(j, "repeat", d->handed_count > 0);
    put_instant(j, "createdAt", d->created_ms);
    put_instant(j, "handedAt", d->handed_ms);
    put_instant(j, "acknowledgedAt", d->acknowledged_ms);
    return j;
}

json_t *task_json(const struct task *t)
{
    json_t *j = json_object();

    put(j, "taskId", t->id);
    put(j, "kind", t->kind);
    put(j, "office", t->office);
    put(j, "caseId", t->case_id);
    put(j, "messageId", t->message_id);
    put(j, "partner", t->partner);
    put(j, "code", t->code);
    put(j, "text", t->text);
    put_instant(j, "since", t->since_ms);
    put_instant(j, "closedAt", t->closed_ms);
    put(j, "closedBy", t->closed_by);
    return j;
}

json_t *withheld_json(const struct losses *losses)
{
    json_t *list = json_array();

    for (size_t i = 0; i < losses->count; i++) {
        const struct loss *l = &losses->items[i];

        if (l->kind != LOSS_WITHHELD)
            continue;
        json_t *j = json_object();
        put(j, "category", category_name(l->category));
        put(j, "field", l->field);
        put(j, "path", l->path);
        put(j, "clause", l->clause);
        put(j, "reason", l->reason);
        put_int(j, "count", l->count > 0 ? l->count : 1);
        json_array_append_new(list, j);
    }
    return list;
}
