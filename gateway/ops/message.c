/*
 * message.c - messages looked at: rows, history in words, losses, evidence.
 *
 * Whoever may not see a message's office gets the same answer as for one that is not there.
 */
#include <string.h>

#include "base/codec.h"
#include "base/mem.h"
#include "exchange/inbound.h"
#include "format/json.h"
#include "ops/ops_private.h"
#include "store/bodies.h"

#define EVIDENCE_MAX (4 * 1024 * 1024) /* octets of one body in the evidence */
#define STATES_MAX   8                 /* states one filter names */

/* --- the list ----------------------------------------------------------------------------- */

struct list_ctx {
    struct message_filter filter;
    struct message_list list;
};

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    message_list_free(&l->list);
    return message_select(tx, &l->filter, &l->list, err);
}

static bool read_state(const struct ops_call *c, enum message_state *state,
                       struct message_filter *filter, struct err *err)
{
    const char *word = op_text(c, "state"), *way = op_text(c, "direction");

    if (word != NULL) {
        if (!message_state_parse(word, state))
            return err_set(err, ERR_REJECT, "ops.argument",
                           "there is no such state of a message");
        filter->states = state;
        filter->state_count = 1;
    }
    filter->by_direction = way != NULL;
    return way == NULL || message_direction_parse(way, &filter->direction) ||
           err_set(err, ERR_REJECT, "ops.argument", "\"direction\" is in or out");
}

void op_messages(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    const char *office = c->caller->office;
    enum message_state state;
    struct list_ctx l = { .filter = { .case_id = op_text(c, "case"),
                                      .partner = op_text(c, "partner"),
                                      .kind = op_text(c, "kind"),
                                      .own_office = office[0] != '\0' ? office : NULL,
                                      .newest_first = op_flag(c, "newest"),
                                      .after = op_text(c, "after"),
                                      .limit = op_limit(c) } };
    struct err err = { 0 };

    if (!read_state(c, &state, &l.filter, &err) ||
        !store_read(o->x->store, list_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < l.list.count; i++)
        json_array_append_new(items, op_message_json(&l.list.items[i]));
    op_done(r, op_page(items, l.list.next));
    message_list_free(&l.list);
}

/* --- one ---------------------------------------------------------------------------------- */

struct find_ctx {
    const char *id;
    struct message m;
    bool found;
};

static bool find_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find_ctx *f = ctx;

    if (!message_find(tx, MESSAGE_OUT, f->id, &f->m, &f->found, err))
        return false;
    if (!f->found && !message_find(tx, MESSAGE_IN, f->id, &f->m, &f->found, err))
        return false;
    return f->found || message_get(tx, f->id, &f->m, &f->found, err);
}

bool op_find_message(struct ops *o, const struct ops_caller *caller, const char *id,
                     struct message *ret, struct err *err)
{
    struct find_ctx f = { .id = id != NULL ? id : "" };

    if (!store_read(o->x->store, find_work, &f, err))
        return false;
    if (!f.found || !op_may_see(caller, f.m.own_office))
        return err_set(err, ERR_REJECT, "message.unknown",
                       "there is no such message here: `trmctl list` shows them");
    *ret = f.m;
    return true;
}

void op_message(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct message m;
    struct err err = { 0 };

    if (!op_find_message(o, c->caller, c->id, &m, &err) ||
        !op_audit_read(o, c->caller, "message.read", m.case_id, m.id, &err))
        op_fail(r, &err);
    else
        op_done(r, op_message_json(&m));
}

/* --- bodies ------------------------------------------------------------------------------- */

struct body_ctx {
    const char *row, *name;
    struct buf octets;
    bool found;
};

static bool body_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct body_ctx *b = ctx;

    buf_clear(&b->octets);
    return body_load(tx, b->row, b->name, &b->octets, &b->found, err);
}

static bool load(struct ops *o, const char *row, const char *name, struct body_ctx *b,
                 struct err *err)
{
    *b = (struct body_ctx){ .row = row,
                            .name = name,
                            .octets = BUF_SECRET_INIT(EVIDENCE_MAX) };
    return store_read(o->x->store, body_work, b, err);
}

void op_message_losses(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct message m;
    struct body_ctx b = { 0 };
    struct err err = { 0 };
    json_t *losses = NULL;

    if (!op_find_message(o, c->caller, c->id, &m, &err) ||
        !op_audit_read(o, c->caller, "losses.read", m.case_id, m.id, &err) ||
        !load(o, m.row, "loss-full", &b, &err)) {
        op_fail(r, &err);
        return;
    }
    if (!b.found)
        err_set(&err, ERR_REJECT, "losses.unknown",
                "that message has no loss report here: it came from the partner, or is "
                "opaque");
    else
        losses = json_parse(buf_str(&b.octets), b.octets.len, NULL, &err);
    if (losses == NULL)
        op_fail(r, &err);
    else {
        json_t *j = json_object();
        op_put(j, "messageId", m.id);
        json_object_set_new(j, "losses", losses);
        op_done(r, j);
    }
    buf_free(&b.octets);
}

/* --- evidence ----------------------------------------------------------------------------- */

static bool put_body(struct ops *o, json_t *j, const char *member, const char *row,
                     const char *name, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(2 * EVIDENCE_MAX);
    struct body_ctx b;
    bool ok = load(o, row, name, &b, err);

    if (ok && b.found) {
        base64_add(&text, buf_str(&b.octets), b.octets.len);
        op_put(j, member, buf_str(&text));
    }
    buf_free(&b.octets);
    return ok;
}

static bool put_receipt(struct ops *o, json_t *j, const struct message *m,
                        struct err *err)
{
    char name[64] = "receipt";

    if (m->direction == MESSAGE_IN)
        inbound_receipt_name(m->eb_message_id, name);
    return put_body(o, j, "receipt", m->row, name, err);
}

void op_evidence(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    struct message m;
    struct err err = { 0 };
    AUTO(json_drop) json_t *j = json_object();

    if (!op_find_message(o, c->caller, c->id, &m, &err) ||
        !op_audit_read(o, c->caller, "evidence.read", m.case_id, m.id, &err)) {
        op_fail(r, &err);
        return;
    }
    json_object_set_new(j, "message", op_message_json(&m));
    op_put(j, "contentSha256", m.content_digest);
    /* The auditor sees the proof of the exchange, not what was exchanged. */
    if ((op_sees_content(c->caller) &&
         !put_body(o, j, "sealedDocument", m.row, "canonical", &err)) ||
        !put_receipt(o, j, &m, &err)) {
        op_fail(r, &err);
        return;
    }
    op_done(r, TAKE(j));
}
