/*
 * assign.c - a case handed on to another office of this gateway.
 *
 * The office gets every document received in the case, each as its own rights and the consent's
 * recipients allow: what the consents do not name it for is taken out before it is written in
 * its form. Assignment, documents and audit are one transaction; a second call gives what came
 * since.
 */
#include <string.h>

#include "agreement/decide.h"
#include "agreement/rights.h"
#include "base/id.h"
#include "base/mem.h"
#include "exchange/bundles.h"
#include "exchange/case_file.h"
#include "exchange/draft.h"
#include "format/json.h"
#include "format/xml.h"
#include "ops/ops_private.h"
#include "store/bodies.h"

#define HANDED_MAX 64 /* documents of a case that are handed on at once */

struct handed {
    char row[STORE_ROW_TEXT];
    struct buf octets, losses;
};

struct assign {
    const struct ops_call *c;
    const struct snapshot *snap;
    const struct office *office;
    char id[CASE_ID_TEXT];
    int64_t now_ms;
    struct case_file *file;
    struct message_list messages;
    struct buf *canonical; /* one per message */
    bool *had;             /* the office has it already */
    struct handed *out;
    size_t out_count;
};

static void clear_loaded(struct assign *a)
{
    for (size_t i = 0; a->canonical != NULL && i < a->messages.count; i++)
        buf_free(&a->canonical[i]);
    mem_free(&a->canonical);
    mem_free(&a->had);
    message_list_free(&a->messages);
    case_file_free(&a->file);
}

static void assign_free(struct assign *a)
{
    clear_loaded(a);
    for (size_t i = 0; i < a->out_count; i++) {
        buf_free(&a->out[i].octets);
        buf_free(&a->out[i].losses);
    }
    mem_free(&a->out);
}

static bool load_one(struct store_tx *tx, struct assign *a, size_t i, struct err *err)
{
    AUTO(mem_free) char *name = mem_printf("deliverable/%s", a->office->id);
    AUTO(source_free) struct source *there = NULL;
    bool found;

    a->canonical[i] = (struct buf)BUF_SECRET_INIT(CANONICAL_MAX);
    if (!body_source(tx, a->messages.items[i].row, name, &there, err))
        return false;
    a->had[i] = there != NULL;
    return a->had[i] || body_load(tx, a->messages.items[i].row, "canonical",
                                  &a->canonical[i], &found, err);
}

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct assign *a = ctx;
    const struct message_filter filter = { .case_id = a->id,
                                           .by_direction = true,
                                           .direction = MESSAGE_IN,
                                           .limit = HANDED_MAX };

    clear_loaded(a);
    if (!case_file_load(tx, a->id, &a->file, err) || a->file == NULL ||
        !message_select(tx, &filter, &a->messages, err))
        return a->file == NULL && err->kind == ERR_NONE;
    a->canonical = mem_array(a->messages.count + 1, sizeof *a->canonical);
    a->had = mem_array(a->messages.count + 1, sizeof *a->had);
    for (size_t i = 0; i < a->messages.count; i++)
        if (!load_one(tx, a, i, err))
            return false;
    return true;
}

/* Its rights as an office the case was handed on to; false: it may see nothing of it. */
static bool prune(const struct assign *a, const struct bundle *b, xmlDoc *doc)
{
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    const struct rights_input input = { .agreement = b->agreement,
                                        .doc = doc,
                                        .office = a->office->id,
                                        .assigned = true,
                                        .consents = a->file->consents,
                                        .birth_date = a->file->birth_date,
                                        .beneficiary = a->file->beneficiary,
                                        .now_ms = a->now_ms };

    if (!rights_filter(&input, &verdicts))
        return false;
    agreement_prune(b->agreement, doc, &verdicts, NULL);
    return true;
}

static bool render_one(struct assign *a, size_t i, struct err *err)
{
    const struct message *m = &a->messages.items[i];
    const struct bundle *b = bundles_by_digest(a->snap->bundles, m->bundle);
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(rendition_free) struct rendition rendition = { 0 };
    const struct mapping_attachments none = { 0 };
    const struct draft_view view = { .own_office = a->office->id,
                                     .partner_office = m->remote_office,
                                     .own_gateway = a->snap->own.id,
                                     .partner_gateway = m->partner,
                                     .environment = a->snap->own.environment,
                                     .zone = a->snap->own.zone,
                                     .now_ms = a->now_ms };

    if (a->had[i] || a->canonical[i].len == 0 || b == NULL)
        return true;
    doc = xml_parse_utf8(buf_str(&a->canonical[i]), a->canonical[i].len, NULL, err);
    if (doc == NULL)
        return false;
    if (!prune(a, b, doc))
        return err_set(err, ERR_DENIED, "agreement.office-unknown",
                       "office %s has no rights under agreement %s", a->office->id,
                       m->agreement);
    if (!draft_render(b, doc, a->office->form, &view, &none, &rendition, err))
        return false;
    struct handed *h = &a->out[a->out_count++];
    AUTO(json_drop) json_t *losses = losses_json(&rendition.losses);
    memcpy(h->row, m->row, sizeof h->row);
    h->octets = rendition.octets;
    rendition.octets = (struct buf)BUF_INIT(0);
    h->losses = (struct buf)BUF_SECRET_INIT(BODY_PUT_MAX);
    json_print(losses, &h->losses);
    return true;
}

static bool hand_on(struct store_tx *tx, struct assign *a, const struct handed *h,
                    struct err *err)
{
    AUTO(mem_free) char *body = mem_printf("deliverable/%s", a->office->id);
    AUTO(mem_free) char *losses = mem_printf("losses/%s", a->office->id);
    char id[STORE_ROW_TEXT];

    return body_put(tx, h->row, body, buf_str(&h->octets), h->octets.len, err) &&
           body_put(tx, h->row, losses, buf_str(&h->losses), h->losses.len, err) &&
           deliverable_add(tx, h->row, a->office->id, id, err);
}

static bool assign_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct assign *a = ctx;
    struct audit_actor actor = op_actor(a->c->caller);

    if (!case_assign(tx, a->id, a->office->id, err))
        return false;
    for (size_t i = 0; i < a->out_count; i++)
        if (!hand_on(tx, a, &a->out[i], err))
            return false;
    return exchange_audit(tx, &actor, "case.assigned", a->id, NULL, "done", a->office->id,
                          err);
}

static bool withdraw_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct assign *a = ctx;
    struct audit_actor actor = op_actor(a->c->caller);

    return case_unassign(tx, a->id, a->office->id, err) &&
           exchange_audit(tx, &actor, "case.unassigned", a->id, NULL, "done",
                          a->office->id, err);
}

static bool prepare(struct ops *o, struct assign *a, struct err *err)
{
    const char *office = op_text(a->c, "office");

    a->office = snapshot_office(a->snap, office != NULL ? office : "");
    if (a->office == NULL || text_eq(office, a->c->caller->office))
        return err_set(err, ERR_REJECT, "ops.argument",
                       "say \"office\": another office of this gateway");
    if (!case_id_normal(a->c->id != NULL ? a->c->id : "", a->id))
        return err_set(err, ERR_REJECT, "case.unknown", "that is no case number");
    if (!store_read(o->x->store, load_work, a, err))
        return false;
    if (a->file == NULL || !text_eq(a->file->row.own_office, a->c->caller->office))
        return err_set(err, ERR_REJECT, "case.unknown",
                       "there is no case %s of office %s", a->id, a->c->caller->office);
    return true;
}

static bool assign(struct ops *o, struct assign *a, struct err *err)
{
    a->out = mem_array(a->messages.count + 1, sizeof *a->out);
    for (size_t i = 0; i < a->messages.count; i++)
        if (!render_one(a, i, err))
            return false;
    return store_run(o->x->store, assign_work, a, err);
}

void op_case_assign(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    AUTO(assign_free)
    struct assign a = { .c = c, .snap = snap, .now_ms = clock_now(o->x->clock) };
    bool withdraw = op_flag(c, "withdraw");
    struct err err = { 0 };

    if (!prepare(o, &a, &err) ||
        !(withdraw ? store_run(o->x->store, withdraw_work, &a, &err)
                   : assign(o, &a, &err))) {
        op_fail(r, &err);
        return;
    }
    exchange_wake_office(o->x, a.office->id);
    json_t *j = json_object();
    op_put(j, "caseId", a.id);
    op_put(j, "office", a.office->id);
    op_put_int(j, "documents", (int64_t)a.out_count);
    op_put_bool(j, "assigned", !withdraw);
    op_done(r, j);
}
