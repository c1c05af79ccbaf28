/*
 * deliverable.c - what lies ready for an office, given out and acknowledged.
 *
 * Looking into one is audited by exchange/handover. Getting the document marks it as handed over
 * before the octets leave: should the answer be lost, the office asks again and is told that it
 * is a repeat.
 */
#include <string.h>

#include "base/body.h"
#include "base/mem.h"
#include "exchange/handover.h"
#include "format/json.h"
#include "ops/ops_private.h"

struct list_ctx {
    const char *office, *after;
    size_t limit;
    struct deliverable_list open, due;
};

static void list_free(struct list_ctx *l)
{
    deliverable_list_free(&l->open);
    deliverable_list_free(&l->due);
}

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    list_free(l);
    return deliverable_open(tx, l->office, l->after, l->limit, &l->open, err) &&
           deliverable_due(tx, l->office, false, STORE_PAGE_MAX, &l->due, err);
}

static bool can_be_had(const struct list_ctx *l, const struct deliverable *d)
{
    if (d->state == DELIVERABLE_HANDED)
        return true;
    for (size_t i = 0; i < l->due.count; i++)
        if (text_eq(l->due.items[i].id, d->id))
            return true;
    return false;
}

void op_deliverables(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(list_free)
    struct list_ctx l = { .office = c->caller->office,
                          .after = op_text(c, "after"),
                          .limit = op_limit(c) };
    struct err err = { 0 };

    if (!store_read(o->x->store, list_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < l.open.count; i++) {
        bool available = can_be_had(&l, &l.open.items[i]);

        if (!available && !op_flag(c, "all"))
            continue;
        json_t *j = op_deliverable_json(&l.open.items[i]);
        op_put_bool(j, "available", available);
        json_array_append_new(items, j);
    }
    op_done(r, op_page(items, l.open.count == l.limit ? l.open.items[l.open.count - 1].id
                                                      : NULL));
}

static bool open_it(struct ops *o, const struct ops_call *c, struct handover **ret,
                    struct err *err)
{
    struct audit_actor actor = op_actor(c->caller);

    if (!handover_open(o->x, c->caller->office, &actor, c->id, ret, err))
        return false;
    return *ret != NULL ||
           err_set(err, ERR_REJECT, "deliverable.unknown",
                   "there is no such deliverable of office %s", c->caller->office);
}

static json_t *files_json(const struct handover *h)
{
    json_t *items = json_array();

    for (size_t i = 0; i < h->file_count; i++) {
        json_t *j = json_object();

        op_put_int(j, "n", (int64_t)i + 1);
        op_put(j, "id", h->files[i].id);
        op_put(j, "name", h->files[i].name);
        op_put(j, "mediaType", h->files[i].media_type);
        op_put_int(j, "octets", (int64_t)h->files[i].content->size);
        json_array_append_new(items, j);
    }
    return items;
}

static void describe(const struct handover *h, struct ops_result *r)
{
    op_header(r, "Trm-Delivery", "%s", h->deliverable.id);
    op_header(r, "Trm-Message", "%s", h->message.id);
    op_header(r, "Trm-Case", "%s", h->message.case_id);
    op_header(r, "Trm-Kind", "%s", h->message.kind);
    op_header(r, "Trm-Repeat", "%s", h->repeat ? "true" : "false");
    op_header(r, "Trm-Attachments", "%zu", h->file_count);
    op_header(r, "Trm-Canonical", "%s", h->canonical ? "true" : "false");
}

static void give_document(struct handover *h, struct ops_result *r)
{
    describe(h, r);
    r->outcome = OPS_DONE;
    if (text_eq(h->message.kind, "opaque")) {
        r->json = json_object();
        json_object_set_new(r->json, "parts", files_json(h));
        return;
    }
    r->octets = h->document;
    h->document = (struct buf)BUF_INIT(0);
    (void)STORE_COPY(r->media_type, h->media_type);
}

void op_deliverable(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(handover_free) struct handover *h = NULL;
    struct audit_actor actor = op_actor(c->caller);
    struct err err = { 0 };

    if (!open_it(o, c, &h, &err) ||
        !handover_given(o->x, &actor, c->id, o->env.again_ms, &err)) {
        op_fail(r, &err);
        return;
    }
    give_document(h, r);
}

static json_t *parsed(const struct buf *text)
{
    struct err err = { 0 };
    json_t *value =
        text->len > 0 ? json_parse(buf_str(text), text->len, NULL, &err) : NULL;

    return value != NULL ? value : json_array();
}

void op_deliverable_losses(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(handover_free) struct handover *h = NULL;
    struct err err = { 0 };

    if (!open_it(o, c, &h, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *j = json_object();
    op_put(j, "deliveryId", h->deliverable.id);
    op_put(j, "messageId", h->message.id);
    json_object_set_new(j, "bySender", parsed(&h->travelled));
    json_object_set_new(j, "here", parsed(&h->losses));
    op_done(r, j);
}

void op_deliverable_files(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(handover_free) struct handover *h = NULL;
    struct err err = { 0 };

    if (!open_it(o, c, &h, &err))
        op_fail(r, &err);
    else
        op_done(r, op_page(files_json(h), NULL));
}

void op_deliverable_file(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(handover_free) struct handover *h = NULL;
    uint64_t n = 0;
    struct err err = { 0 };

    if (!open_it(o, c, &h, &err)) {
        op_fail(r, &err);
        return;
    }
    if (!str_u64(str_of(c->sub), &n) || n == 0 || n > h->file_count) {
        FAIL(r, ERR_REJECT, "attachment.unknown",
             "it has %zu attachments, counted from 1", h->file_count);
        return;
    }
    struct handover_file *file = &h->files[n - 1];
    describe(h, r);
    r->outcome = OPS_DONE;
    r->content = TAKE(file->content);
    if (file->media_type == NULL || !STORE_COPY(r->media_type, file->media_type))
        (void)STORE_COPY(r->media_type, "application/octet-stream");
}

void op_deliverable_ack(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct audit_actor actor = op_actor(c->caller);
    bool already = false;
    struct err err = { 0 };

    if (!handover_acknowledge(o->x, c->caller->office, &actor, c->id, &already, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *j = json_object();
    op_put(j, "deliveryId", c->id);
    op_put(j, "state", "acknowledged");
    op_put_bool(j, "already", already);
    op_done(r, j);
}
