/*
 * submit.c - documents and files from an office into the gateway.
 *
 * The life of a document is exchange/intake's; here is only who hands it in, and how the result
 * reads. A refusal leaves an audit row with its code, and nothing of the document.
 */
#include <openssl/evp.h>
#include <string.h>

#include "base/body.h"
#include "base/codec.h"
#include "base/id.h"
#include "base/mem.h"
#include "exchange/draft.h"
#include "exchange/partner.h"
#include "exchange/parts.h"
#include "format/json.h"
#include "model/category.h"
#include "ops/ops_private.h"
#include "store/bodies.h"
#include "store/quarantine.h"

#define UPLOAD_KEPT_MS (7 * DAY_MS) /* an upload waits for its document */
#define UPLOAD_ID_MAX  120          /* octets of its name */

/* --- documents ---------------------------------------------------------------------------- */

static void put_reports(json_t *j, const struct draft *d)
{
    json_object_set_new(j, "findings", report_json(&d->findings));
    json_object_set_new(j, "losses", losses_json(&d->losses));
    json_object_set_new(j, "withheld", op_withheld_json(&d->losses));
}

static json_t *accepted_json(const struct intake_result *in, const char *state)
{
    json_t *j = json_object();

    op_put(j, "messageId", in->message_id);
    op_put(j, "caseId", in->case_id);
    op_put(j, "kind", in->draft.header.kind);
    op_put(j, "agreement", in->draft.header.agreement);
    op_put(j, "to", in->draft.header.receiver_office);
    op_put(j, "partner", in->partner);
    op_put(j, "state", state);
    op_put_bool(j, "repeated", in->verdict == INTAKE_REPEATED);
    put_reports(j, &in->draft);
    return j;
}

/* A refusal is kept where refusals are kept: it names the fields, never what stood in them. */
static json_t *losses_without_values(const struct losses *losses)
{
    json_t *list = losses_json(losses), *item;
    size_t i;

    json_array_foreach (list, i, item) {
        json_object_del(item, "from");
        json_object_del(item, "to");
    }
    return list;
}

static void refused(struct ops *o, const struct ops_caller *caller,
                    struct intake_result *in, struct ops_result *r)
{
    op_fail(r, &in->why);
    op_detail(r, "findings", report_json(&in->draft.findings));
    op_detail(r, "losses", losses_without_values(&in->draft.losses));
    op_detail(r, "withheld", op_withheld_json(&in->draft.losses));
    if (in->draft.refused_clause[0] != '\0')
        op_detail(r, "clause", json_string(in->draft.refused_clause));
    op_audit(o, caller, "message.refused", NULL, NULL, in->why.code,
             in->draft.header.kind);
}

/* The first ids, and how it stands with that message by now. */
static void repeated(struct ops *o, const struct ops_caller *caller,
                     struct intake_result *in, struct ops_result *r)
{
    struct message m;
    struct err err = { 0 };

    if (!op_find_message(o, caller, in->message_id, &m, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *j = accepted_json(in, message_state_name(m.state));
    op_put(j, "kind", m.kind);
    op_put(j, "agreement", m.agreement);
    op_put(j, "to", m.remote_office);
    op_put(j, "partner", m.partner);
    op_done(r, j);
    r->outcome = OPS_ACCEPTED;
}

void op_intake_result(struct ops *o, const struct ops_caller *caller,
                      struct intake_result *in, struct ops_result *r)
{
    switch (in->verdict) {
    case INTAKE_ACCEPTED:
        op_done(r, accepted_json(in, message_state_name(MESSAGE_WAITING)));
        r->outcome = OPS_ACCEPTED;
        return;
    case INTAKE_REPEATED:
        repeated(o, caller, in, r);
        return;
    case INTAKE_CHECKED:
        op_done(r, accepted_json(in, "checked"));
        return;
    case INTAKE_REFUSED:
        refused(o, caller, in, r);
        return;
    }
}

static void submit(struct ops *o, const struct ops_call *c, const struct buf *document,
                   struct ops_result *r)
{
    AUTO(intake_result_free) struct intake_result result = { 0 };
    struct err err = { 0 };
    const struct intake in = { .office = c->caller->office,
                               .actor = op_actor(c->caller),
                               .scope = c->scope,
                               .key = c->key,
                               .data = buf_str(document),
                               .len = document->len,
                               .file = c->file,
                               .to = op_text(c, "to"),
                               .agreement = op_text(c, "agreement"),
                               .linked_case = op_text(c, "linkedCase"),
                               .check_only = op_flag(c, "check") };
    if (!intake_take(o->x, &in, &result, &err)) {
        op_fail(r, &err);
        return;
    }
    op_intake_result(o, c->caller, &result, r);
}

/* A document that ended the process before is not read again until a person has looked. */
void op_submit(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(buf_free) struct buf document = BUF_SECRET_INIT(NATIONAL_MAX);
    struct quarantine_ticket ticket = { .slot = -1 };
    unsigned char digest[32];
    unsigned deaths = 0;
    struct err err = { 0 };

    if (!op_load_body(c, NATIONAL_MAX, &document, &err)) {
        op_fail(r, &err);
        return;
    }
    EVP_Digest(buf_str(&document), document.len, digest, NULL, EVP_sha256(), NULL);
    if (!quarantine_begin(o->x->store, digest, c->caller->channel, &deaths, &ticket,
                          &err)) {
        op_fail(r, &err);
        return;
    }
    if (deaths >= QUARANTINE_DEATHS) {
        FAIL(r, ERR_REJECT, "intake.quarantined",
             "this document ended the process before: it is kept away until the operator "
             "has "
             "looked");
        op_audit(o, c->caller, "message.refused", NULL, NULL, r->why.code, NULL);
        return;
    }
    submit(o, c, &document, r);
    quarantine_end(o->x->store, &ticket);
}

/* --- files -------------------------------------------------------------------------------- */

struct upload_ctx {
    const char *office, *id, *media_type;
    const struct audit_actor *actor;
    struct body_stage *stage;
    bool other;
};

static bool upload_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct upload_ctx *u = ctx;

    return upload_put(tx, u->office, u->id, u->media_type, u->stage,
                      store_tx_now(tx) + UPLOAD_KEPT_MS, &u->other, err) &&
           exchange_audit(tx, u->actor, "attachment.uploaded", NULL, NULL,
                          u->other ? "upload.other-content" : "done",
                          body_stage_sha256(u->stage), err);
}

static bool upload(struct ops *o, const struct ops_call *c, struct upload_ctx *u,
                   struct err *err)
{
    if (c->body->size > (uint64_t)BODY_OCTETS_MAX)
        return err_set(err, ERR_REJECT, "body.too-large",
                       "the file has %llu octets, the limit is %lld",
                       (unsigned long long)c->body->size, (long long)BODY_OCTETS_MAX);
    return body_stage_open(o->x->store, &u->stage, err) &&
           source_copy(c->body, body_stage_sink(u->stage), err) &&
           body_stage_finish(u->stage, err) &&
           store_run(o->x->store, upload_work, u, err);
}

void op_upload(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct audit_actor actor = op_actor(c->caller);
    struct upload_ctx u = { .office = c->caller->office,
                            .id = c->id,
                            .media_type = c->content_type,
                            .actor = &actor };
    struct err err = { 0 };

    if (text_empty(c->id) || strlen(c->id) > UPLOAD_ID_MAX || c->body == NULL) {
        FAIL(r, ERR_REJECT, "ops.argument",
             "an attachment has content and a name of 1 to %d octets", UPLOAD_ID_MAX);
        return;
    }
    if (u.media_type == NULL || strlen(u.media_type) >= STORE_NAME_TEXT)
        u.media_type = "application/octet-stream";
    if (!upload(o, c, &u, &err))
        op_fail(r, &err);
    else if (u.other)
        FAIL(r, ERR_REJECT, "upload.other-content",
             "another file was uploaded under this name before: use a new name");
    else {
        json_t *j = json_object();
        op_put_int(j, "octets", (int64_t)body_stage_octets(u.stage));
        op_put(j, "sha256", body_stage_sha256(u.stage));
        op_done(r, j);
        r->outcome = OPS_CREATED;
    }
    body_stage_free(&u.stage);
}

/* --- opaque messages ---------------------------------------------------------------------- */

struct opaque_part {
    const char *upload; /* NULL: inline */
    struct buf octets;
    struct upload found; /* of an upload */
};

struct opaque {
    const struct ops_call *c;
    const struct partner *partner;
    const struct partner_opaque *pmode;
    struct opaque_part *parts;
    struct part_list list;
    struct buf list_text;
    struct message m;
    int64_t give_up_ms;
};

static void opaque_free(struct opaque *w)
{
    for (size_t i = 0; i < w->list.count; i++)
        buf_free(&w->parts[i].octets);
    mem_free(&w->parts);
    parts_free(&w->list);
    buf_free(&w->list_text);
}

static bool read_part(struct opaque *w, const json_t *item, size_t i, struct err *err)
{
    const char *base64 = json_string_value(json_object_get(item, "base64"));
    const char *type = json_string_value(json_object_get(item, "mediaType"));
    struct opaque_part *p = &w->parts[i];
    AUTO(mem_free) char *body = mem_printf("part/%zu", i + 1);

    p->upload = json_string_value(json_object_get(item, "upload"));
    p->octets = (struct buf)BUF_SECRET_INIT(BODY_PUT_MAX);
    parts_add(&w->list, body, type != NULL ? type : "application/octet-stream",
              json_string_value(json_object_get(item, "charset")),
              json_string_value(json_object_get(item, "name")),
              json_is_true(json_object_get(item, "gzip")) ? AS4_COMPRESS_YES
                                                          : AS4_COMPRESS_NO);
    if ((base64 == NULL) == (p->upload == NULL))
        return err_set(err, ERR_REJECT, "ops.argument",
                       "part %zu: give either \"base64\" or \"upload\"", i + 1);
    return base64 == NULL || base64_decode(base64, strlen(base64), &p->octets, err);
}

static bool read_parts(struct opaque *w, struct err *err)
{
    const json_t *list = json_object_get(w->c->args, "parts");
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count > PMODE_PARTS_MAX)
        return err_set(err, ERR_REJECT, "ops.argument",
                       "\"parts\" is a list of at most %d parts", PMODE_PARTS_MAX);
    w->parts = mem_array(count + 1, sizeof *w->parts);
    for (size_t i = 0; i < count; i++)
        if (!read_part(w, json_array_get(list, i), i, err))
            return false;
    w->list_text = (struct buf)BUF_INIT(PARTS_TEXT_MAX);
    parts_print(&w->list, &w->list_text);
    return buf_check(&w->list_text, "list of parts", err);
}

static bool find_pmode(struct opaque *w, const struct snapshot *snap, struct err *err)
{
    const char *partner = op_text(w->c, "partner"), *pmode = op_text(w->c, "pmode");

    if (partner == NULL || pmode == NULL)
        return err_set(
            err, ERR_REJECT, "ops.argument",
            "say \"partner\" and \"pmode\": the id of an opaque P-Mode in its file");
    w->partner = snapshot_partner(snap, partner);
    w->pmode = w->partner != NULL ? partner_opaque(w->partner, pmode) : NULL;
    if (w->pmode == NULL)
        return err_set(err, ERR_REJECT, "partner.unknown",
                       "partner %s has no opaque P-Mode %s", partner, pmode);
    if (w->c->caller->office[0] != '\0' &&
        !text_eq(w->c->caller->office, w->pmode->office))
        return err_set(err, ERR_DENIED, "ops.not-allowed", "P-Mode %s is for office %s",
                       pmode, w->pmode->office);
    return true;
}

static bool put_part(struct store_tx *tx, struct opaque *w, size_t i, struct err *err)
{
    struct opaque_part *p = &w->parts[i];
    const char *office = w->c->caller->office, *body = w->list.items[i].body;
    bool found;

    if (p->upload == NULL) {
        w->m.octets += p->octets.len;
        return body_put(tx, w->m.row, body, buf_str(&p->octets), p->octets.len, err);
    }
    if (!upload_attach(tx, office, p->upload, w->m.row, body, &found, err))
        return false;
    return found || err_set(err, ERR_REJECT, "upload.unknown",
                            "part %zu: nothing was uploaded under that name", i + 1);
}

static bool opaque_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct opaque *w = ctx;
    struct message *m = &w->m;
    struct audit_actor actor = op_actor(w->c->caller);
    bool taken;

    *m = (struct message){ .direction = MESSAGE_OUT, .state = MESSAGE_WAITING };
    uuid_make(m->id);
    if (!STORE_COPY(m->kind, "opaque") || !STORE_COPY(m->partner, w->partner->id) ||
        !STORE_COPY(m->own_office, w->pmode->office) ||
        !STORE_COPY(m->agreement, w->pmode->pmode.id))
        return err_set(err, ERR_CONFIG, "ops.text", "an id is too long for the store");
    m->give_up_ms = store_tx_now(tx) + w->give_up_ms;
    if (!message_add(tx, m, &taken, err))
        return false;
    for (size_t i = 0; i < w->list.count; i++)
        if (!put_part(tx, w, i, err))
            return false;
    return body_put(tx, m->row, "parts", buf_str(&w->list_text), w->list_text.len, err) &&
           exchange_audit(tx, &actor, "message.accepted", NULL, m->id, "done", "opaque",
                          err);
}

void op_opaque(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    AUTO(opaque_free) struct opaque w = { .c = c, .give_up_ms = o->x->give_up_ms };
    struct err err = { 0 };

    if (!find_pmode(&w, snap, &err) || !read_parts(&w, &err) ||
        !store_run(o->x->store, opaque_work, &w, &err)) {
        op_fail(r, &err);
        return;
    }
    exchange_wake_partner(o->x, w.partner->id);
    json_t *j = json_object();
    op_put(j, "messageId", w.m.id);
    op_put(j, "kind", "opaque");
    op_put(j, "partner", w.partner->id);
    op_put(j, "state", "waiting");
    op_done(r, j);
    r->outcome = OPS_ACCEPTED;
}
