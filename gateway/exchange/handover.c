/*
 * handover.c - reading a deliverable whole, marking it given, marking it had.
 *
 * Opening only reads (and audits); a face first shows the octets durably where the office finds
 * them, then says handover_given(). If we die between, the office may see it again, under the
 * same delivery id.
 */
#include "exchange/handover.h"

#include <string.h>

#include "agreement/rights.h"
#include "base/body.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/bundles.h"
#include "exchange/case_file.h"
#include "exchange/draft.h"
#include "format/json.h"
#include "format/xml.h"
#include "model/loss.h"
#include "model/referral.h"
#include "store/bodies.h"

void handover_free(struct handover **handover)
{
    struct handover *h = *handover;

    if (h == NULL)
        return;
    buf_free(&h->document);
    buf_free(&h->losses);
    buf_free(&h->travelled);
    for (size_t i = 0; i < h->file_count; i++) {
        mem_free(&h->files[i].id);
        mem_free(&h->files[i].name);
        mem_free(&h->files[i].media_type);
        source_free(&h->files[i].content);
    }
    mem_free(&h->files);
    mem_free(handover);
}

struct open_ctx {
    const char *office, *id;
    const struct snapshot *snap;
    const struct audit_actor *actor;
    struct handover *h;
    bool found;
};

static void add_file(struct handover *h, const char *id, const char *name,
                     const char *media_type, struct source *content)
{
    size_t cap = h->file_count;

    h->files = mem_grow(h->files, h->file_count, &cap, sizeof *h->files);
    h->files[h->file_count++] = (struct handover_file){ mem_strdup(id), mem_strdup(name),
                                                        mem_strdup(media_type), content };
}

/* Attachments as the canonical document lists them. */
static bool open_listed(struct store_tx *tx, struct handover *h, const xmlDoc *doc,
                        struct err *err)
{
    for (const xmlNode *e = referral_section(doc, "Attachment"); e != NULL;
         e = xml_again(e)) {
        const char *id = xml_attr(e, NULL, "id");
        AUTO(mem_free) char *body = mem_printf("attachment/%s", id != NULL ? id : "");
        struct source *content = NULL;

        if (!body_source(tx, h->message.row, body, &content, err))
            return false;
        if (content != NULL)
            add_file(h, id, xml_attr(e, NULL, "name"), xml_attr(e, NULL, "mediaType"),
                     content);
    }
    return true;
}

static bool open_opaque(struct store_tx *tx, struct handover *h, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    AUTO(json_drop) json_t *list = NULL;
    size_t i;
    json_t *item;
    bool found;

    if (!body_load(tx, h->message.row, "parts", &text, &found, err))
        return false;
    if (!found)
        return true;
    list = json_parse(buf_str(&text), text.len, NULL, err);
    if (list == NULL)
        return false;
    json_array_foreach (list, i, item) {
        AUTO(mem_free) char *id = mem_printf("%zu", i + 1);
        const char *body = json_string_value(json_object_get(item, "body"));
        struct source *content = NULL;

        if (!body_source(tx, h->message.row, body, &content, err))
            return false;
        add_file(h, id, NULL, json_string_value(json_object_get(item, "type")), content);
    }
    return true;
}

static bool prune(const struct rights_input *input, xmlDoc *doc, struct err *err)
{
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };

    if (!rights_filter(input, &verdicts))
        return verdicts_err(&verdicts, err);
    agreement_prune(input->agreement, doc, &verdicts, NULL);
    return true;
}

/* What an office may see of the document decides which of its files and losses it gets: the
 * same rights its form was written under, at the same instant. */
static bool withhold(struct store_tx *tx, const struct open_ctx *c, xmlDoc *doc,
                     struct err *err)
{
    const struct message *m = &c->h->message;
    const struct bundle *b = bundles_by_digest(c->snap->bundles, m->bundle);
    AUTO(case_file_free) struct case_file *file = NULL;

    if (b == NULL)
        return err_set(err, ERR_CONFIG, "handover.bundle",
                       "bundle %.16s... of message %s is not installed any more",
                       m->bundle, m->id);
    struct rights_input input = { .agreement = b->agreement,
                                  .doc = doc,
                                  .office = c->office,
                                  .now_ms = c->h->deliverable.created_ms };
    if (text_eq(c->office, m->own_office))
        return prune(&input, doc, err);
    if (!case_file_load(tx, m->case_id, &file, err))
        return false;
    if (file == NULL)
        return err_set(err, ERR_BUG, "handover.case-absent",
                       "message %s was handed on and its case is not there", m->id);
    struct rights_input as_assigned = input;
    as_assigned.assigned = true;
    as_assigned.consents = file->consents;
    as_assigned.birth_date = file->birth_date;
    as_assigned.beneficiary = file->beneficiary;
    return prune(&as_assigned, doc, err) && prune(&input, doc, err);
}

/* Its own, or of a case that was handed on to it and not taken back. */
static bool is_theirs(struct store_tx *tx, const struct open_ctx *c, bool *ret,
                      struct err *err)
{
    const struct message *m = &c->h->message;
    AUTO(mem_free) struct case_offices *assigned = mem_alloc(sizeof *assigned);

    *ret = text_eq(c->office, m->own_office);
    if (*ret)
        return true;
    if (!case_offices(tx, m->case_id, assigned, err))
        return false;
    for (size_t i = 0; i < assigned->count; i++)
        *ret = *ret || text_eq(assigned->names[i], c->office);
    return true;
}

static bool open_document(struct store_tx *tx, const struct open_ctx *c, struct err *err)
{
    struct handover *h = c->h;
    const char *office = c->office;
    AUTO(buf_free) struct buf canonical = BUF_SECRET_INIT(CANONICAL_MAX);
    AUTO(mem_free) char *document = mem_printf("deliverable/%s", office);
    AUTO(mem_free) char *losses = mem_printf("losses/%s", office);
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(losses_free) struct losses travelled = { 0 };
    bool found;

    if (!body_load(tx, h->message.row, document, &h->document, &found, err) ||
        !body_load(tx, h->message.row, losses, &h->losses, &found, err) ||
        !body_load(tx, h->message.row, "canonical", &canonical, &found, err))
        return false;
    doc = xml_parse_utf8(buf_str(&canonical), canonical.len, NULL, err);
    if (doc == NULL || !withhold(tx, c, doc, err))
        return false;
    losses_of_referral(doc, &travelled);
    AUTO(json_drop) json_t *json = losses_json(&travelled);
    json_print(json, &h->travelled);
    return open_listed(tx, h, doc, err);
}

static void name_type(struct handover *h)
{
    const char *text = buf_str(&h->document);
    bool json = text[strspn(text, " \t\r\n")] == '{';

    h->extension = json ? "json" : "xml";
    h->media_type = json ? "application/json" : "application/xml";
}

static bool open_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct open_ctx *c = ctx;

    handover_free(&c->h);
    struct handover *h = c->h = mem_alloc(sizeof *h);
    h->document = (struct buf)BUF_SECRET_INIT(HANDOVER_MAX);
    h->losses = (struct buf)BUF_SECRET_INIT(HANDOVER_MAX);
    h->travelled = (struct buf)BUF_SECRET_INIT(HANDOVER_MAX);
    if (!deliverable_get(tx, c->id, &h->deliverable, &c->found, err))
        return false;
    if (!c->found || !text_eq(h->deliverable.office, c->office)) {
        c->found = false;
        return true;
    }
    if (!message_get(tx, h->deliverable.message_row, &h->message, &c->found, err) ||
        (c->found && !is_theirs(tx, c, &c->found, err)))
        return false;
    if (!c->found)
        return true;
    h->repeat = h->deliverable.handed_count > 0;
    h->canonical = h->message.state == MESSAGE_UNTRANSLATED;
    if (text_eq(h->message.kind, "opaque"))
        return open_opaque(tx, h, err);
    if (!open_document(tx, c, err))
        return false;
    name_type(h);
    return true;
}

static bool audit_read(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct open_ctx *c = ctx;

    return exchange_audit(tx, c->actor, "deliverable.read", c->h->message.case_id,
                          c->h->message.id, "done", c->id, err);
}

bool handover_open(const struct exchange *x, const char *office,
                   const struct audit_actor *actor, const char *delivery_id,
                   struct handover **ret, struct err *err)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(x->box);
    struct open_ctx ctx = {
        .office = office, .id = delivery_id, .snap = snap, .actor = actor
    };

    if (!store_read(x->store, open_work, &ctx, err) ||
        (ctx.found && !store_run(x->store, audit_read, &ctx, err))) {
        handover_free(&ctx.h);
        return false;
    }
    if (!ctx.found)
        handover_free(&ctx.h);
    *ret = ctx.h;
    return true;
}

struct mark_ctx {
    const char *office, *id;
    const struct audit_actor *actor;
    int64_t again_ms;
    bool already;
};

static bool find_ids(struct store_tx *tx, const struct mark_ctx *c, struct deliverable *d,
                     struct err *err)
{
    bool found;

    if (!deliverable_get(tx, c->id, d, &found, err))
        return false;
    if (!found || (c->office != NULL && !text_eq(d->office, c->office)))
        return err_set(err, ERR_REJECT, "deliverable.unknown",
                       "there is no deliverable %s for this office", c->id);
    return true;
}

static bool given_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct mark_ctx *c = ctx;
    struct deliverable d;

    return find_ids(tx, c, &d, err) &&
           deliverable_handed(tx, c->id, store_tx_now(tx) + c->again_ms, err) &&
           exchange_audit(tx, c->actor, "deliverable.given", d.case_id, d.message_id,
                          "done", c->id, err);
}

bool handover_given(const struct exchange *x, const struct audit_actor *actor,
                    const char *delivery_id, int64_t again_ms, struct err *err)
{
    struct mark_ctx ctx = { .id = delivery_id, .actor = actor, .again_ms = again_ms };

    fault_point("handover.before-given");
    return store_run(x->store, given_work, &ctx, err);
}

static bool acknowledge_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct mark_ctx *c = ctx;
    struct deliverable d;

    if (!find_ids(tx, c, &d, err) ||
        !deliverable_acknowledge(tx, c->id, &c->already, err))
        return false;
    return c->already || exchange_audit(tx, c->actor, "deliverable.acknowledged",
                                        d.case_id, d.message_id, "done", c->id, err);
}

bool handover_acknowledge(const struct exchange *x, const char *office,
                          const struct audit_actor *actor, const char *delivery_id,
                          bool *ret_already, struct err *err)
{
    struct mark_ctx ctx = { .office = office, .id = delivery_id, .actor = actor };

    if (!store_run(x->store, acknowledge_work, &ctx, err))
        return false;
    *ret_already = ctx.already;
    /* The next document of the case may go now. */
    exchange_wake_office(x, office);
    return true;
}
