/*
 * partner.c - partner gateways: how it stands with each, paused and resumed.
 */
#include "exchange/partner.h"

#include <string.h>

#include "base/mem.h"
#include "ops/ops_private.h"
#include "pki/cert.h"
#include "pki/trust.h"
#include "store/partners.h"
#include "store/queue.h"

struct list_ctx {
    struct partner_row rows[PARTNERS_MAX];
    const struct snapshot *snap;
    struct message_total *totals;
    size_t total_count, total_cap;
};

static bool add_total(void *ctx, const struct message_total *total)
{
    struct list_ctx *l = ctx;

    l->totals = mem_grow(l->totals, l->total_count, &l->total_cap, sizeof *l->totals);
    l->totals[l->total_count++] = *total;
    return true;
}

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    l->total_count = 0;
    for (size_t i = 0; i < l->snap->partner_count && i < PARTNERS_MAX; i++)
        if (!partner_get(tx, l->snap->partners[i]->id, &l->rows[i], err))
            return false;
    return message_totals(tx, add_total, l, err);
}

static void put_certificates(json_t *j, const struct partner *p)
{
    json_t *list = json_array();

    for (unsigned use = 0; use < TRUST_PURPOSES; use++) {
        const struct certlist *pinned = trust_pinned(p->trust, (enum trust_purpose)use);

        for (size_t i = 0; pinned != NULL && i < pinned->count; i++) {
            json_t *c = json_object();

            op_put(c, "use", trust_purpose_name((enum trust_purpose)use));
            op_put(c, "sha256", cert_sha256(pinned->items[i]));
            op_put_instant(c, "until", cert_not_after_ms(pinned->items[i]));
            json_array_append_new(list, c);
        }
    }
    json_object_set_new(j, "certificates", list);
}

static void put_queue(json_t *j, const struct list_ctx *l, const char *partner)
{
    json_t *queue = json_object();

    for (size_t i = 0; i < l->total_count; i++) {
        const struct message_total *t = &l->totals[i];

        if (t->direction == MESSAGE_OUT && text_eq(t->partner, partner) &&
            message_state_is_open(t->state))
            op_put_int(queue, message_state_name(t->state), (int64_t)t->count);
    }
    json_object_set_new(j, "queue", queue);
}

static json_t *partner_json(const struct list_ctx *l, size_t i)
{
    const struct partner *p = l->snap->partners[i];
    const struct partner_row *row = &l->rows[i];
    json_t *j = json_object(), *agreements = json_array();

    for (size_t k = 0; k < p->agreement_count; k++)
        json_array_append_new(agreements, json_string(p->agreements[k].agreement));
    op_put(j, "partner", p->id);
    op_put(j, "name", p->name);
    op_put(j, "country", p->country);
    op_put(j, "endpoint", p->url);
    op_put_bool(j, "paused", row->paused || p->paused_by_file);
    op_put(j, "pausedBy", p->paused_by_file ? "its file" : row->paused_by);
    op_put_int(j, "failures", row->failures);
    op_put(j, "lastError", row->last_error);
    op_put_instant(j, "lastSuccessAt", row->last_success_ms);
    op_put_instant(j, "lastFailureAt", row->last_failure_ms);
    op_put_instant(j, "lastHeardAt", row->last_heard_ms);
    json_object_set_new(j, "agreements", agreements);
    put_certificates(j, p);
    put_queue(j, l, p->id);
    return j;
}

void op_partners(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    AUTO(mem_free) struct list_ctx *l = mem_alloc(sizeof *l);
    struct err err = { 0 };

    (void)c;
    l->snap = snap;
    if (store_read(o->x->store, list_work, l, &err)) {
        json_t *items = json_array();
        for (size_t i = 0; i < snap->partner_count && i < PARTNERS_MAX; i++)
            json_array_append_new(items, partner_json(l, i));
        op_done(r, op_page(items, NULL));
    } else {
        op_fail(r, &err);
    }
    mem_free(&l->totals);
}

/* --- pausing ------------------------------------------------------------------------------ */

struct pause_ctx {
    const struct ops_call *c;
    bool paused;
    uint64_t due;
};

static bool pause_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct pause_ctx *p = ctx;
    struct audit_actor actor = op_actor(p->c->caller);

    p->due = 0;
    return partner_set_paused(tx, p->c->id, p->paused, p->c->caller->person, err) &&
           (p->paused || queue_hurry(tx, p->c->id, "", &p->due, err)) &&
           exchange_audit(tx, &actor, p->paused ? "partner.paused" : "partner.resumed",
                          NULL, NULL, "done", p->c->id, err);
}

static void pause(struct ops *o, const struct ops_call *c, bool paused,
                  struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    struct pause_ctx p = { .c = c, .paused = paused };
    struct err err = { 0 };

    if (snapshot_partner(snap, c->id != NULL ? c->id : "") == NULL) {
        FAIL(r, ERR_REJECT, "partner.unknown",
             "there is no such partner: `trmctl partner list` shows them");
        return;
    }
    if (!store_run(o->x->store, pause_work, &p, &err)) {
        op_fail(r, &err);
        return;
    }
    exchange_wake_partner(o->x, c->id);
    json_t *j = json_object();
    op_put(j, "partner", c->id);
    op_put_bool(j, "paused", paused);
    op_put_int(j, "due", (int64_t)p.due);
    op_done(r, j);
}

void op_partner_pause(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    pause(o, c, true, r);
}

void op_partner_resume(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    pause(o, c, false, r);
}
