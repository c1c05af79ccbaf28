/*
 * agreement.c - bundles put into force, legs suspended and let run.
 *
 * A bundle is checked whole before a single octet of it is stored: agreement, every mapping
 * compiled, golden cases run. Cases keep the bundle they began under. A leg that is suspended
 * stops messages at their next decision, which is before each attempt: within seconds, and as
 * the agreement's clause for open cases says.
 */
#include "agreement/agreement.h"

#include <string.h>

#include "base/mem.h"
#include "exchange/bundles.h"
#include "ops/ops_private.h"
#include "store/bundles.h"
#include "store/queue.h"

/* --- the list ----------------------------------------------------------------------------- */

struct legs {
    struct leg_override *items;
    size_t count, cap;
};

static bool add_leg(void *ctx, const struct leg_override *leg)
{
    struct legs *legs = ctx;

    legs->items = mem_grow(legs->items, legs->count, &legs->cap, sizeof *legs->items);
    legs->items[legs->count++] = *leg;
    return true;
}

static bool legs_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct legs *legs = ctx;

    legs->count = 0;
    return leg_each(tx, add_leg, legs, err);
}

static const struct leg_override *override_of(const struct legs *legs,
                                              const char *agreement,
                                              const struct agreement_leg *leg)
{
    for (size_t i = 0; i < legs->count; i++)
        if (text_eq(legs->items[i].agreement, agreement) &&
            text_eq(legs->items[i].from, leg->from) &&
            text_eq(legs->items[i].to, leg->to))
            return &legs->items[i];
    return NULL;
}

static json_t *leg_json(const struct agreement_leg *leg, const struct leg_override *said)
{
    json_t *j = json_object();

    op_put(j, "from", leg->from);
    op_put(j, "to", leg->to);
    op_put(j, "state", said != NULL ? said->state : leg_state_name(leg->state));
    op_put(j, "clause", leg->clause);
    op_put(j, "validFrom", leg->valid_from);
    op_put(j, "validTo", leg->valid_to);
    if (said == NULL)
        return j;
    op_put(j, "written", leg_state_name(leg->state));
    op_put(j, "reason", said->reason);
    op_put(j, "by", said->by);
    op_put_instant(j, "since", said->since_ms);
    return j;
}

static json_t *bundle_json(const struct bundle *b, const struct legs *legs)
{
    const struct agreement *a = b->agreement;
    json_t *j = json_object(), *list = json_array();

    for (size_t i = 0; i < agreement_leg_count(a); i++) {
        const struct agreement_leg *leg = agreement_leg_at(a, i);

        json_array_append_new(list,
                              leg_json(leg, override_of(legs, agreement_id(a), leg)));
    }
    op_put(j, "agreement", agreement_id(a));
    op_put(j, "version", agreement_version(a));
    op_put(j, "title", agreement_title(a));
    op_put(j, "notice", agreement_notice(a));
    op_put(j, "digest", b->digest);
    op_put_bool(j, "inForce", b->in_force);
    op_put_instant(j, "from", agreement_from_ms(a));
    if (agreement_until_ms(a) != INT64_MAX)
        op_put_instant(j, "until", agreement_until_ms(a));
    json_object_set_new(j, "legs", list);
    return j;
}

void op_agreements(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    struct legs legs = { 0 };
    struct err err = { 0 };

    (void)c;
    if (!store_read(o->x->store, legs_work, &legs, &err)) {
        op_fail(r, &err);
        mem_free(&legs.items);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < bundles_count(snap->bundles); i++)
        json_array_append_new(items, bundle_json(bundles_at(snap->bundles, i), &legs));
    op_done(r, op_page(items, NULL));
    mem_free(&legs.items);
}

/* --- installing --------------------------------------------------------------------------- */

struct install {
    const struct ops_call *c;
    const struct buf *octets;
    const struct bundle *bundle;
    char stored[STORE_HASH_TEXT]; /* of the octets: the store's key */
    bool keep, already;
};

static bool install_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct install *w = ctx;
    struct audit_actor actor = op_actor(w->c->caller);
    const struct agreement *a = w->bundle->agreement;

    if (!bundle_add(tx, w->stored, agreement_id(a), agreement_version(a),
                    buf_str(w->octets), w->octets->len, w->c->caller->person, &w->already,
                    err) ||
        (!w->keep && !bundle_set_in_force(tx, w->stored, err)))
        return false;
    return exchange_audit(tx, &actor, w->keep ? "bundle.stored" : "bundle.in-force", NULL,
                          NULL, "done", w->bundle->digest, err);
}

static bool check(const struct buf *octets, struct report *report, struct bundle **ret,
                  struct err *err)
{
    *ret = bundle_open(buf_str(octets), octets->len, report, err);
    if (*ret == NULL || !bundle_check(*ret, report, err))
        return false;
    return report_errors(report) == 0 ||
           err_set(err, ERR_REJECT, "bundle.findings",
                   "the bundle has %zu error%s; nothing was installed",
                   report_errors(report), report_errors(report) == 1 ? "" : "s");
}

static bool refresh(struct ops *o, struct err *err)
{
    return o->env.refresh == NULL || o->env.refresh(o->env.ctx, err);
}

static void install(struct ops *o, struct install *w, const struct report *report,
                    struct ops_result *r)
{
    struct err err = { 0 };

    exchange_sha256(buf_str(w->octets), w->octets->len, w->stored);
    if (!store_run(o->x->store, install_work, w, &err) || !refresh(o, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *j = json_object();
    op_put(j, "agreement", agreement_id(w->bundle->agreement));
    op_put(j, "version", agreement_version(w->bundle->agreement));
    op_put(j, "digest", w->bundle->digest);
    op_put_bool(j, "already", w->already);
    op_put_bool(j, "inForce", !w->keep);
    json_object_set_new(j, "findings", report_json(report));
    op_done(r, j);
    r->outcome = w->already ? OPS_DONE : OPS_CREATED;
}

void op_agreement_install(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(STORE_BUNDLE_MAX);
    AUTO(bundle_free) struct bundle *bundle = NULL;
    AUTO(report_free) struct report report = { 0 };
    struct err err = { 0 };

    if (!op_load_body(c, STORE_BUNDLE_MAX, &octets, &err) ||
        !check(&octets, &report, &bundle, &err)) {
        op_fail(r, &err);
        op_detail(r, "findings", report_json(&report));
        op_audit(o, c->caller, "bundle.refused", NULL, NULL, err.code, NULL);
        return;
    }
    struct install w = {
        .c = c, .octets = &octets, .bundle = bundle, .keep = op_flag(c, "keep")
    };
    install(o, &w, &report, r);
}

/* --- legs --------------------------------------------------------------------------------- */

struct leg_ctx {
    const struct ops_call *c;
    struct leg_override leg;
    bool suspend, changed;
    uint64_t released;
};

static bool leg_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct leg_ctx *l = ctx;
    struct audit_actor actor = op_actor(l->c->caller);
    char detail[3 * STORE_NAME_TEXT];

    l->released = 0;
    if (l->suspend ? !leg_set(tx, &l->leg, err)
                   : !leg_clear(tx, l->leg.agreement, l->leg.from, l->leg.to, &l->changed,
                                err) ||
                         !queue_release_leg(tx, l->leg.agreement, NULL, "leg",
                                            &l->released, err))
        return false;
    snprintf(detail, sizeof detail, "%s %s-%s", l->leg.agreement, l->leg.from, l->leg.to);
    return exchange_audit(tx, &actor, l->suspend ? "leg.suspended" : "leg.as-written",
                          NULL, NULL, "done", detail, err);
}

/* The leg must be one of the agreement's, and an operator's word can only be narrower. */
static bool read_leg(struct ops *o, const struct ops_call *c, struct leg_ctx *l,
                     struct err *err)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    const struct bundle *b = bundles_in_force(snap->bundles, c->id != NULL ? c->id : "");
    const char *from = op_text(c, "from"), *to = op_text(c, "to");
    const char *state = op_text(c, "state"), *reason = op_text(c, "reason");

    if (b == NULL)
        return err_set(err, ERR_REJECT, "agreement.unknown",
                       "no agreement of that name is in force here");
    if (from == NULL || to == NULL || agreement_leg(b->agreement, from, to) == NULL)
        return err_set(
            err, ERR_REJECT, "ops.argument",
            "say \"from\" and \"to\": two parties between which agreement %s has a "
            "leg",
            c->id);
    l->suspend = text_eq(state, "SUSPENDED");
    if (!l->suspend && !text_eq(state, "ACTIVE"))
        return err_set(err, ERR_REJECT, "ops.argument",
                       "\"state\" is SUSPENDED, or ACTIVE: as the agreement says");
    l->leg = (struct leg_override){ 0 };
    return (STORE_COPY(l->leg.agreement, c->id) && STORE_COPY(l->leg.from, from) &&
            STORE_COPY(l->leg.to, to) && STORE_COPY(l->leg.state, state) &&
            STORE_COPY(l->leg.reason, reason) &&
            STORE_COPY(l->leg.by, c->caller->person)) ||
           err_set(err, ERR_REJECT, "ops.argument", "a text is too long");
}

void op_agreement_leg(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct leg_ctx l = { .c = c };
    struct err err = { 0 };

    if (!read_leg(o, c, &l, &err) || !store_run(o->x->store, leg_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    exchange_wake_partner(o->x, NULL);
    json_t *j = json_object();
    op_put(j, "agreement", l.leg.agreement);
    op_put(j, "from", l.leg.from);
    op_put(j, "to", l.leg.to);
    op_put(j, "state", l.suspend ? "SUSPENDED" : "as written");
    op_put_int(j, "released", (int64_t)l.released);
    op_done(r, j);
}
