/*
 * status.c - how the gateway is: for people, for probes, for Prometheus.
 *
 * Figures carry ids of partners and offices, kinds of state and outcome; never a case, a message
 * or a person.
 */
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "exchange/bundles.h"
#include "exchange/partner.h"
#include "exchange/wire.h"
#include "http/server.h"
#include "ops/ops_private.h"
#include "pki/cert.h"
#include "pki/trust.h"
#include "store/duplicates.h"
#include "store/partners.h"
#include "store/queue.h"

#define READY_KEPT_MS 1000 /* an answer to /readyz serves so long */
#define GAP_MS        HOUR_MS
#define DUPLICATES_MS (2 * 365 * DAY_MS) /* of closed cases; those of open ones stay */
#define TOTALS_MAX    8192

/* --- ready -------------------------------------------------------------------------------- */

static bool probe(struct ops *o, struct err *err)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);

    if (o->env.draining != NULL && o->env.draining(o->env.ctx))
        return err_set(err, ERR_RETRY, "ready.draining", "the gateway is being stopped");
    if (snap->keys.sign.cert == NULL || snap->keys.seal_cert == NULL)
        return err_set(err, ERR_CONFIG, "ready.keys",
                       "the keys for messages are not loaded");
    return store_probe(o->x->store, err);
}

bool ops_ready(struct ops *o, struct err *err)
{
    int64_t now = clock_monotonic();
    struct err why = { 0 };

    pthread_mutex_lock(&o->ready_lock);
    if (o->ready_at_ms == INT64_MIN || now - o->ready_at_ms >= READY_KEPT_MS) {
        o->ready = probe(o, &why);
        o->ready_err = why;
        o->ready_at_ms = now;
    }
    bool ready = o->ready;
    if (!ready)
        *err = o->ready_err;
    pthread_mutex_unlock(&o->ready_lock);
    return ready;
}

/* --- figures of the store ----------------------------------------------------------------- */

struct figures {
    struct message_total *messages;
    size_t message_count, message_cap;
    struct deliverable_total *deliverables;
    size_t deliverable_count, deliverable_cap;
    struct partner_row *partners;
    size_t partner_count, partner_cap;
    struct case_total *cases;
    size_t case_count, case_cap;
    uint64_t tasks;
};

static void figures_free(struct figures *f)
{
    mem_free(&f->messages);
    mem_free(&f->deliverables);
    mem_free(&f->partners);
    mem_free(&f->cases);
}

#define ADDER(name, type, items, count, cap) \
    static bool name(void *ctx, const struct type *one) \
    { \
        struct figures *f = ctx; \
\
        f->items = mem_grow(f->items, f->count, &f->cap, sizeof *f->items); \
        f->items[f->count++] = *one; \
        return f->count < TOTALS_MAX; \
    }
ADDER(add_message_total, message_total, messages, message_count, message_cap)
ADDER(add_deliverable_total, deliverable_total, deliverables, deliverable_count,
      deliverable_cap)
ADDER(add_partner_row, partner_row, partners, partner_count, partner_cap)
ADDER(add_case_total, case_total, cases, case_count, case_cap)

static bool count_tasks(struct store_tx *tx, uint64_t *ret, struct err *err)
{
    struct task_filter filter = { .limit = STORE_PAGE_MAX };
    char after[STORE_ROW_TEXT];

    for (*ret = 0;;) {
        AUTO(task_list_free) struct task_list list = { 0 };

        if (!task_select(tx, &filter, &list, err))
            return false;
        *ret += list.count;
        if (list.next[0] == '\0' || *ret >= TOTALS_MAX)
            return true;
        (void)STORE_COPY(after, list.next);
        filter.after = after;
    }
}

static bool figures_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct figures *f = ctx;

    f->message_count = f->deliverable_count = f->partner_count = f->case_count = 0;
    return message_totals(tx, add_message_total, f, err) &&
           deliverable_totals(tx, add_deliverable_total, f, err) &&
           partner_each(tx, add_partner_row, f, err) &&
           case_totals(tx, add_case_total, f, err) && count_tasks(tx, &f->tasks, err);
}

/* --- status ------------------------------------------------------------------------------- */

static json_t *messages_json(const struct figures *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < f->message_count; i++) {
        json_t *j = json_object();

        op_put(j, "partner", f->messages[i].partner);
        op_put(j, "direction", message_direction_name(f->messages[i].direction));
        op_put(j, "state", message_state_name(f->messages[i].state));
        op_put_int(j, "count", (int64_t)f->messages[i].count);
        op_put_instant(j, "oldest", f->messages[i].oldest_ms);
        json_array_append_new(list, j);
    }
    return list;
}

static json_t *offices_json(const struct snapshot *snap, const struct figures *f)
{
    json_t *list = json_array();

    for (size_t i = 0; i < snap->office_count; i++) {
        json_t *j = json_object();
        uint64_t waiting = 0;

        for (size_t k = 0; k < f->deliverable_count; k++)
            if (text_eq(f->deliverables[k].office, snap->offices[i].id))
                waiting += f->deliverables[k].count;
        op_put(j, "office", snap->offices[i].id);
        op_put(j, "name", snap->offices[i].name);
        op_put(j, "form", snap->offices[i].form);
        op_put_int(j, "deliverables", (int64_t)waiting);
        json_array_append_new(list, j);
    }
    return list;
}

static void put_certificate(json_t *list, const char *use, const struct cert *cert)
{
    if (cert == NULL)
        return;
    json_t *j = json_object();
    op_put(j, "use", use);
    op_put(j, "sha256", cert_sha256(cert));
    op_put_instant(j, "until", cert_not_after_ms(cert));
    json_array_append_new(list, j);
}

static json_t *own_certificates(const struct snapshot *snap)
{
    json_t *list = json_array();

    put_certificate(list, "sign", snap->keys.sign.cert);
    put_certificate(list, "seal", snap->keys.seal_cert);
    return list;
}

static json_t *status_json(struct ops *o, const struct figures *f)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    struct store_stats stats = { 0 };
    struct err why = { 0 };
    json_t *j = json_object(), *store = json_object();

    store_stats(o->x->store, &stats);
    op_put(j, "gateway", snap->own.id);
    op_put(j, "version", o->env.version);
    op_put(j, "environment", snap->own.environment);
    op_put(j, "node", snap->own.node);
    op_put_instant(j, "since", o->started_ms);
    op_put_bool(j, "ready", ops_ready(o, &why));
    op_put(j, "notReady", why.text);
    op_put_int(j, "partners", (int64_t)snap->partner_count);
    op_put_int(j, "bundles", (int64_t)bundles_count(snap->bundles));
    op_put_int(j, "openTasks", (int64_t)f->tasks);
    op_put_int(store, "octets", (int64_t)stats.octets);
    op_put_int(store, "commits", (int64_t)stats.commits);
    op_put_int(store, "failedCommits", (int64_t)stats.commits_failed);
    json_object_set_new(j, "store", store);
    json_object_set_new(j, "messages", messages_json(f));
    json_object_set_new(j, "offices", offices_json(snap, f));
    json_object_set_new(j, "certificates", own_certificates(snap));
    return j;
}

void op_status(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(figures_free) struct figures f = { 0 };
    struct err err = { 0 };

    (void)c;
    if (!store_read(o->x->store, figures_work, &f, &err))
        op_fail(r, &err);
    else
        op_done(r, status_json(o, &f));
}

void op_reload(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(strlist_free) struct strlist changes = { 0 };
    struct err err = { 0 };

    if (o->env.reload == NULL) {
        FAIL(r, ERR_BUG, "reload.unknown", "this program cannot read its files anew");
        return;
    }
    bool ok = o->env.reload(o->env.ctx, &changes, &err);
    op_audit(o, c->caller, "gateway.reload", NULL, NULL, ok ? "done" : err.code, NULL);
    if (!ok) {
        op_fail(r, &err);
        return;
    }
    json_t *list = json_array(), *j = json_object();
    for (size_t i = 0; i < changes.count; i++)
        json_array_append_new(list, json_string(changes.items[i]));
    json_object_set_new(j, "changes", list);
    op_done(r, j);
}

/* --- Prometheus --------------------------------------------------------------------------- */

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Ids hold no quotes, but a label must not break whatever they hold. */
static void add_label(struct buf *out, const char *value)
{
    buf_addc(out, '"');
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *c == '\n' ? ' ' : *c);
    }
    buf_addc(out, '"');
}

static void one(struct buf *out, const char *name, const char *labels[][2], size_t count,
                double value)
{
    buf_adds(out, name);
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s%s=", i == 0 ? "{" : ",", labels[i][0]);
        add_label(out, labels[i][1]);
    }
    buf_addf(out, "%s %.17g\n", count > 0 ? "}" : "", value);
}

#define ONE(out, name, value, ...) \
    one((out), (name), (const char *[][2]){ __VA_ARGS__ }, \
        sizeof((const char *[][2]){ __VA_ARGS__ }) / sizeof(const char *[2]), \
        (double)(value))

static void add_store(struct ops *o, const struct figures *f, int64_t now,
                      struct buf *out)
{
    struct store_stats s = { 0 };

    store_stats(o->x->store, &s);
    head(out, "trm_messages", "gauge", "Messages by partner, direction and state.");
    for (size_t i = 0; i < f->message_count; i++)
        ONE(out, "trm_messages", f->messages[i].count,
            { "partner", f->messages[i].partner },
            { "direction", message_direction_name(f->messages[i].direction) },
            { "state", message_state_name(f->messages[i].state) });
    head(out, "trm_queue_oldest_seconds", "gauge", "Age of the oldest unsent message.");
    for (size_t i = 0; i < f->message_count; i++)
        if (message_state_is_open(f->messages[i].state))
            ONE(out, "trm_queue_oldest_seconds",
                (double)(now - f->messages[i].oldest_ms) / 1000.0,
                { "partner", f->messages[i].partner },
                { "state", message_state_name(f->messages[i].state) });
    head(out, "trm_deliverables", "gauge", "What lies ready for an office.");
    for (size_t i = 0; i < f->deliverable_count; i++)
        ONE(out, "trm_deliverables", f->deliverables[i].count,
            { "office", f->deliverables[i].office },
            { "state", deliverable_state_name(f->deliverables[i].state) });
    head(out, "trm_deliverable_oldest_seconds", "gauge",
         "How long the oldest has waited.");
    for (size_t i = 0; i < f->deliverable_count; i++)
        ONE(out, "trm_deliverable_oldest_seconds",
            (double)(now - f->deliverables[i].oldest_ms) / 1000.0,
            { "office", f->deliverables[i].office },
            { "state", deliverable_state_name(f->deliverables[i].state) });
    head(out, "trm_cases", "gauge", "Cases by office and state.");
    for (size_t i = 0; i < f->case_count; i++)
        ONE(out, "trm_cases", f->cases[i].count, { "office", f->cases[i].office },
            { "state", f->cases[i].state });
    head(out, "trm_tasks_open", "gauge", "Tasks that wait for a person.");
    buf_addf(out, "trm_tasks_open %" PRIu64 "\n", f->tasks);
    head(out, "trm_store_bytes", "gauge", "Size of the database and its log.");
    buf_addf(out, "trm_store_bytes %" PRIu64 "\n", s.octets);
    head(out, "trm_store_commits_total", "counter", "Transactions on disk.");
    buf_addf(out, "trm_store_commits_total %" PRIu64 "\n", s.commits);
    head(out, "trm_store_commits_failed_total", "counter", "Groups the disk refused.");
    buf_addf(out, "trm_store_commits_failed_total %" PRIu64 "\n", s.commits_failed);
}

static void add_partners(const struct snapshot *snap, const struct figures *f,
                         struct buf *out)
{
    head(out, "trm_partner_failures", "gauge",
         "Failed attempts since the last good one.");
    for (size_t i = 0; i < f->partner_count; i++)
        ONE(out, "trm_partner_failures", f->partners[i].failures,
            { "partner", f->partners[i].name });
    head(out, "trm_partner_paused", "gauge", "1 while nothing is sent to it.");
    for (size_t i = 0; i < f->partner_count; i++)
        ONE(out, "trm_partner_paused", f->partners[i].paused,
            { "partner", f->partners[i].name });
    head(out, "trm_certificate_expiry_timestamp_seconds", "gauge",
         "When a certificate ends, Unix time.");
    for (size_t i = 0; i < snap->partner_count; i++)
        for (unsigned use = 0; use < TRUST_PURPOSES; use++) {
            const struct certlist *pins =
                trust_pinned(snap->partners[i]->trust, (enum trust_purpose)use);
            for (size_t k = 0; pins != NULL && k < pins->count; k++)
                ONE(out, "trm_certificate_expiry_timestamp_seconds",
                    (double)cert_not_after_ms(pins->items[k]) / 1000.0,
                    { "partner", snap->partners[i]->id },
                    { "use", trust_purpose_name((enum trust_purpose)use) },
                    { "sha256", cert_sha256(pins->items[k]) });
        }
    const struct cert *own[] = { snap->keys.sign.cert, snap->keys.seal_cert };
    const char *uses[] = { "sign", "seal" };
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (own[i] != NULL)
            ONE(out, "trm_certificate_expiry_timestamp_seconds",
                (double)cert_not_after_ms(own[i]) / 1000.0, { "partner", "" },
                { "use", uses[i] }, { "sha256", cert_sha256(own[i]) });
}

static void add_wire(const struct wire_counters *w, struct buf *out)
{
    static const char name[] = "trm_wire_requests_total";

    head(out, name, "counter", "AS4 messages that came in, by outcome.");
    ONE(out, name, atomic_load(&w->taken), { "outcome", "taken" });
    ONE(out, name, atomic_load(&w->duplicates), { "outcome", "duplicate" });
    ONE(out, name, atomic_load(&w->refused), { "outcome", "refused" });
    ONE(out, name, atomic_load(&w->silent), { "outcome", "silent" });
    ONE(out, name, atomic_load(&w->quarantined), { "outcome", "quarantined" });
    ONE(out, name, atomic_load(&w->broken), { "outcome", "not-stored" });
}

static void add_http(const struct http_counters *h, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        { "trm_http_accepted_total", "counter", "Connections.", h->accepted },
        { "trm_http_requests_total", "counter", "Requests read whole.", h->requests },
        { "trm_http_malformed_total", "counter", "Refused by the readers.",
          h->malformed },
        { "trm_http_handshake_failed_total", "counter", "TLS refused.",
          h->handshake_failed },
        { "trm_http_slow_total", "counter", "Cut by a deadline.",
          h->slow_head + h->slow_body + h->slow_write },
        { "trm_http_queue_full_total", "counter", "Answered 503: busy.", h->queue_full },
        { "trm_http_evicted_total", "counter", "Closed for newer ones.", h->evicted },
        { "trm_http_connections", "gauge", "Open now.", h->connections },
        { "trm_http_working", "gauge", "Being worked on now.", h->working },
        { "trm_http_spool_bytes", "gauge", "Bodies on disk now.", h->spool_octets },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        head(out, rows[i].name, rows[i].type, rows[i].help);
        buf_addf(out, "%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    }
    head(out, "trm_http_answers_total", "counter", "Answers by hundreds of the status.");
    for (unsigned i = 1; i < COUNT_OF(h->answers); i++)
        buf_addf(out, "trm_http_answers_total{status=\"%uxx\"} %" PRIu64 "\n", i,
                 h->answers[i]);
}

void ops_metrics(struct ops *o, struct buf *out)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    AUTO(figures_free) struct figures f = { 0 };
    struct http_counters http = { 0 };
    int64_t now = clock_now(o->x->clock);
    struct err err = { 0 };

    head(out, "trm_build_info", "gauge", "The program and the gateway.");
    ONE(out, "trm_build_info", 1, { "version", o->env.version ? o->env.version : "" },
        { "gateway", snap->own.id });
    head(out, "trm_start_timestamp_seconds", "gauge", "When it started, Unix time.");
    buf_addf(out, "trm_start_timestamp_seconds %.3f\n", (double)o->started_ms / 1000.0);
    head(out, "trm_ready", "gauge", "1 while it can accept and send.");
    buf_addf(out, "trm_ready %d\n", ops_ready(o, &err));
    if (store_read(o->x->store, figures_work, &f, &err)) {
        add_store(o, &f, now, out);
        add_partners(snap, &f, out);
    }
    if (o->env.wire != NULL)
        add_wire(o->env.wire, out);
    if (o->env.figures != NULL) {
        o->env.figures(o->env.ctx, &http);
        add_http(&http, out);
    }
}

/* --- now and then ------------------------------------------------------------------------- */

struct house {
    uint64_t leases, pruned;
    struct store_tx *tx;
    struct err *err;
    bool ok;
};

static bool gap_task(void *ctx, const struct deliverable_gap *gap)
{
    struct house *h = ctx;
    struct case_row row;
    bool found;

    h->ok =
        case_get(h->tx, gap->case_id, &row, &found, h->err) &&
        exchange_task(h->tx, "sequence.gap", found ? row.own_office : "", gap->case_id,
                      NULL, found ? row.partner : "", "sequence.gap",
                      "a message of the case is missing, later ones wait for it: ask the "
                      "partner",
                      h->err);
    return h->ok;
}

static bool house_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct house *h = ctx;

    h->tx = tx;
    h->err = err;
    h->ok = true;
    return queue_sweep_leases(tx, &h->leases, err) &&
           deliverable_gaps(tx, store_tx_now(tx) - GAP_MS, gap_task, h, err) && h->ok &&
           duplicate_prune(tx, store_tx_now(tx) - DUPLICATES_MS, &h->pruned, err);
}

void ops_housekeeping(struct ops *o)
{
    struct house h = { 0 };
    struct err err = { 0 };

    if (!store_run(o->x->store, house_work, &h, &err))
        log_error("housekeeping.failed", log_fault(&err));
    else if (h.leases > 0)
        log_warn("queue.leases-over", log_u("messages", h.leases));
    if (h.leases > 0)
        exchange_wake_partner(o->x, NULL);
}
