/*
 * courier.c - one attempt: may it still go, package, send, judge, settle.
 *
 * A retry sends the same octets: they are a function of stored rows (the frozen package and the
 * signed octets of its parts). It is packaged anew, under a new eb:MessageId, only when our
 * signing certificate or the partner's encryption certificate is another one by now.
 *
 * Before the last octet of a first attempt is handed to the network the store learns that it
 * was written: only then may a partner's "duplicate" be believed later. If we die between
 * sending and settling, the lease runs out and the message goes again, the same; the receiver
 * answers with the stored receipt.
 */
#include "exchange/courier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "as4/package.h"
#include "as4/response.h"
#include "base/body.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/again.h"
#include "exchange/case_file.h"
#include "exchange/partner.h"
#include "exchange/parts.h"
#include "http/client.h"
#include "pki/cert.h"
#include "store/bodies.h"
#include "store/partners.h"

#define PACKAGE_TEXT_MAX (AS4_FROZEN_MAX + 64 * 1024)
#define PACKAGE_NAME     48 /* "package/12/3" */

/* --- what is needed for one package ------------------------------------------------------- */

struct loaded {
    struct part_list parts;
    struct source *sources[PMODE_PARTS_MAX]; /* of the bodies named in parts */
    struct buf frozen;                       /* the package as stored, with its heading */
    bool found;                              /* there is one */
};

static void loaded_free(struct loaded *l)
{
    parts_free(&l->parts);
    for (size_t i = 0; i < COUNT_OF(l->sources); i++)
        source_free(&l->sources[i]);
    buf_free(&l->frozen);
}

struct load_ctx {
    const struct message *m;
    struct loaded *l;
};

static bool load_sources(struct store_tx *tx, const char *row, struct loaded *l,
                         struct err *err)
{
    if (l->parts.count > COUNT_OF(l->sources))
        return err_set(err, ERR_BUG, "courier.parts", "%zu parts", l->parts.count);
    for (size_t i = 0; i < l->parts.count; i++) {
        source_free(&l->sources[i]);
        if (!body_source(tx, row, l->parts.items[i].body, &l->sources[i], err))
            return false;
        if (l->sources[i] == NULL)
            return err_set(err, ERR_BUG, "courier.body-absent", "body %s is not there",
                           l->parts.items[i].body);
    }
    return true;
}

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct load_ctx *c = ctx;
    AUTO(buf_free) struct buf list = BUF_INIT(PARTS_TEXT_MAX);
    char name[PACKAGE_NAME];
    bool found;

    loaded_free(c->l);
    c->l->frozen = (struct buf)BUF_SECRET_INIT(PACKAGE_TEXT_MAX);
    if (!body_load(tx, c->m->row, "parts", &list, &found, err))
        return false;
    if (!found)
        return err_set(err, ERR_BUG, "courier.parts-absent", "no list of parts");
    snprintf(name, sizeof name, "package/%u", c->m->packagings);
    return parts_parse(buf_str(&list), list.len, &c->l->parts, err) &&
           load_sources(tx, c->m->row, c->l, err) &&
           body_load(tx, c->m->row, name, &c->l->frozen, &c->l->found, err);
}

/* The certificates a package was made for stand in front of it. */
static void keys_of(const struct snapshot *snap, const struct partner *partner,
                    int64_t now_ms, char out[140])
{
    snprintf(out, 140, "%s %s\n", cert_sha256(snap->keys.sign.cert),
             cert_sha256(partner_encrypt_cert(partner, now_ms)));
}

static bool still_fits(const struct loaded *l, const char *keys)
{
    return l->found && l->frozen.len > strlen(keys) &&
           memcmp(buf_str(&l->frozen), keys, strlen(keys)) == 0;
}

/* --- making ------------------------------------------------------------------------------- */

struct made {
    struct as4_package *package;
    struct source *compressed[PMODE_PARTS_MAX]; /* stored octets of compressed parts */
};

static void made_free(struct made *made)
{
    as4_package_free(&made->package);
    for (size_t i = 0; i < COUNT_OF(made->compressed); i++)
        source_free(&made->compressed[i]);
}

static const struct pmode *pmode_for(const struct partner *partner,
                                     const struct message *m)
{
    if (!text_eq(m->kind, "opaque"))
        return partner_pmode(partner, m->agreement);
    const struct partner_opaque *o = partner_opaque(partner, m->agreement);
    return o == NULL ? NULL : &o->pmode;
}

static void fill_specs(const struct loaded *l, struct as4_part_spec *specs,
                       struct eb_property *names)
{
    for (size_t i = 0; i < l->parts.count; i++) {
        const struct part_entry *p = &l->parts.items[i];

        names[i] = (struct eb_property){ .name = mem_strdup("OriginalFileName"),
                                         .value = p->file_name };
        specs[i] = (struct as4_part_spec){ .octets = l->sources[i],
                                           .compress = p->compress,
                                           .mime_type = p->mime_type,
                                           .charset = p->charset,
                                           .properties = &names[i],
                                           .property_count = p->file_name != NULL };
    }
}

static bool package_new(const struct exchange *x, const struct snapshot *snap,
                        const struct partner *partner, const struct message *m,
                        const struct loaded *l, struct as4_package **ret, struct err *err)
{
    struct as4_part_spec specs[PMODE_PARTS_MAX];
    struct eb_property names[PMODE_PARTS_MAX];
    const struct pmode *pmode = pmode_for(partner, m);
    int64_t now = clock_now(x->clock);

    if (pmode == NULL)
        return err_set(err, ERR_CONFIG, "courier.no-pmode",
                       "partner %s has no P-Mode for %s: is the bundle installed here?",
                       partner->id, m->agreement);
    fill_specs(l, specs, names);
    const struct as4_spec spec = {
        .pmode = pmode,
        .host = snap->own.host,
        .conversation_id = m->case_id[0] != '\0' ? m->case_id : m->id,
        .timestamp_ms = now,
        .parts = specs,
        .part_count = l->parts.count,
        .signing = &snap->keys.sign,
        .encrypt_cert = partner_encrypt_cert(partner, now),
    };
    bool ok = as4_package_make(&spec, ret, err);

    for (size_t i = 0; i < l->parts.count; i++)
        mem_free(&names[i].name);
    return ok;
}

struct keep_ctx {
    const struct exchange *x;
    const struct message *m;
    const struct as4_package *package;
    const struct buf *frozen;
    struct body_stage **stages;
    unsigned packaging;
};

static bool keep_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct keep_ctx *c = ctx;
    char name[PACKAGE_NAME];

    if (!message_packaged(tx, c->m->row, c->package->message_id, err))
        return false;
    snprintf(name, sizeof name, "package/%u", c->packaging);
    if (!body_put(tx, c->m->row, name, buf_str(c->frozen), c->frozen->len, err))
        return false;
    for (size_t i = 0; i < c->package->part_count; i++) {
        if (c->stages[i] == NULL)
            continue;
        snprintf(name, sizeof name, "package/%u/%zu", c->packaging, i + 1);
        if (!body_attach(tx, c->m->row, name, c->stages[i], err))
            return false;
    }
    return true;
}

static bool stage_compressed(const struct exchange *x, const struct as4_package *package,
                             struct body_stage **stages, struct err *err)
{
    for (size_t i = 0; i < package->part_count; i++) {
        if (!package->parts[i].compressed)
            continue;
        if (!body_stage_open(x->store, &stages[i], err) ||
            !source_copy(package->parts[i].octets, body_stage_sink(stages[i]), err) ||
            !body_stage_finish(stages[i], err))
            return false;
    }
    return true;
}

/* The package on disk, before a single octet of it is on the wire. */
static bool package_keep(const struct exchange *x, const struct message *m,
                         const char *keys, const struct as4_package *package,
                         struct err *err)
{
    struct body_stage *stages[PMODE_PARTS_MAX] = { 0 };
    AUTO(buf_free) struct buf frozen = BUF_SECRET_INIT(PACKAGE_TEXT_MAX);
    struct keep_ctx ctx = { x, m, package, &frozen, stages, m->packagings + 1 };

    buf_adds(&frozen, keys);
    bool ok = as4_package_freeze(package, &frozen, err) &&
              buf_check(&frozen, "package", err) &&
              stage_compressed(x, package, stages, err) &&
              store_run(x->store, keep_work, &ctx, err);

    for (size_t i = 0; i < COUNT_OF(stages); i++)
        body_stage_free(&stages[i]);
    return ok;
}

/* --- taking the one of the attempt before ------------------------------------------------- */

struct thaw_ctx {
    const struct message *m;
    const struct loaded *l;
    struct made *made;
    const struct source *octets[PMODE_PARTS_MAX];
};

/* A part that was compressed then has its octets stored; the others are the bodies. */
static bool thaw_sources(struct store_tx *tx, void *ctx, struct err *err)
{
    struct thaw_ctx *c = ctx;
    char name[PACKAGE_NAME];

    for (size_t i = 0; i < c->l->parts.count; i++) {
        snprintf(name, sizeof name, "package/%u/%zu", c->m->packagings, i + 1);
        source_free(&c->made->compressed[i]);
        if (!body_source(tx, c->m->row, name, &c->made->compressed[i], err))
            return false;
        c->octets[i] = c->made->compressed[i] ? c->made->compressed[i] : c->l->sources[i];
    }
    return true;
}

static bool package_again(const struct exchange *x, const struct message *m,
                          const struct loaded *l, size_t heading, struct made *made,
                          struct err *err)
{
    struct thaw_ctx ctx = { m, l, made, { 0 } };

    return store_read(x->store, thaw_sources, &ctx, err) &&
           as4_package_thaw(buf_str(&l->frozen) + heading, l->frozen.len - heading,
                            ctx.octets, l->parts.count, &made->package, err);
}

static bool package_get(const struct exchange *x, const struct snapshot *snap,
                        const struct partner *partner, const struct message *m,
                        struct loaded *l, struct made *made, bool *ret_fresh,
                        struct err *err)
{
    struct load_ctx load = { m, l };
    char keys[140];

    if (!store_read(x->store, load_work, &load, err))
        return false;
    keys_of(snap, partner, clock_now(x->clock), keys);
    *ret_fresh = !still_fits(l, keys);
    if (!*ret_fresh)
        return package_again(x, m, l, strlen(keys), made, err);
    fault_point("out.before-package");
    if (!package_new(x, snap, partner, m, l, &made->package, err) ||
        !package_keep(x, m, keys, made->package, err))
        return false;
    fault_point("out.packaged");
    return true;
}

/* --- the wire, with a note before its last octets ----------------------------------------- */

/* A source over the wire octets which, before it hands out the last piece, makes the store
 * learn that the message is about to be written out in full. */
struct noting {
    struct source source;
    const struct source *wire;
    const struct exchange *x;
    const struct message *m;
};

struct noting_reader {
    struct reader reader;
    struct reader *inner;
    const struct noting *of;
    uint64_t left;
    bool noted;
};

static bool mark_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct message *m = ctx;

    return queue_mark_written(tx, m->row, m->fence, err);
}

static bool noting_read(struct reader *r, void *out, size_t len, size_t *ret_got,
                        struct err *err)
{
    struct noting_reader *n = (struct noting_reader *)r;

    if (!n->noted && n->left <= len) {
        struct message copy = *n->of->m;

        if (!store_run(n->of->x->store, mark_work, &copy, err))
            return false;
        n->noted = true;
    }
    if (!reader_read(n->inner, out, len, ret_got, err))
        return false;
    n->left -= *ret_got;
    return true;
}

static void noting_close(struct reader **r)
{
    struct noting_reader *n = (struct noting_reader *)*r;

    reader_close(&n->inner);
    mem_free(r);
}

static bool noting_open(const struct source *s, struct reader **ret, struct err *err)
{
    const struct noting *of = (const struct noting *)s;
    struct noting_reader *n = mem_alloc(sizeof *n);

    *n =
        (struct noting_reader){ { noting_read, noting_close }, NULL, of, s->size, false };
    if (!source_open(of->wire, &n->inner, err)) {
        mem_free(&n);
        return false;
    }
    *ret = &n->reader;
    return true;
}

/* --- judging ------------------------------------------------------------------------------ */

static void say(struct courier_report *r, enum queue_outcome outcome, const char *code,
                const char *reason)
{
    snprintf(r->code, sizeof r->code, "%s", code);
    snprintf(r->reason, sizeof r->reason, "%s", reason);
    r->verdict.outcome = outcome;
    r->verdict.reason_code = r->code;
    r->verdict.reason = r->reason;
}

static void hold(struct courier_report *r, const char *kind, const char *code,
                 const char *reason)
{
    say(r, QUEUE_HELD, code, reason);
    snprintf(r->hold, sizeof r->hold, "%s", kind);
    r->verdict.hold_kind = r->hold;
    r->task = true;
}

/* "as4.unsigned-2.EBMS:0003": how often in a row the same hint was heard. */
static void judge_unsigned(const struct message *m, const struct as4_outcome *o,
                           struct courier_report *r)
{
    const char *code = o->code != NULL ? o->code : "none";
    char next[STORE_CODE_TEXT];
    int seen = 0;

    for (int n = 1; n < COURIER_HINTS_MAX; n++) {
        snprintf(next, sizeof next, "as4.unsigned-%d.%.24s", n, code);
        if (text_eq(next, m->reason_code))
            seen = n;
    }
    snprintf(next, sizeof next, "as4.unsigned-%d.%.24s", seen + 1, code);
    if (seen + 1 >= COURIER_HINTS_MAX)
        hold(r, "unsigned-error", next,
             "the partner's address answers the same unsigned error again and again: ask "
             "the "
             "partner, then release or cancel");
    else
        say(r, QUEUE_RETRY, next, o->local.text);
}

/* What the codes of a partner that is a gateway like ours mean to our people. */
static const struct {
    const char *code, *words;
} partner_words[] = {
    { "trm.denied", "the receiving side does not let it in: by the agreement, the "
                    "consent or the state of "
                    "the leg as they stand there; ask the partner's office" },
    { "trm.bundle-unknown", "the partner does not have this bundle installed: agree with "
                            "the partner, then release "
                            "the message" },
    { "trm.content-differs",
      "the partner has this message id with other content: send a new message" },
    { "trm.seal",
      "the seal does not hold there: the partner may lack our seal certificate" },
    { "trm.canonical",
      "the document is not what the partner's schema and code lists say: compare the "
      "bundles" },
    { "trm.header", "the document's header is not that of the envelope" },
    { "trm.environment", "the partner's gateway is of another environment" },
    { "trm.office-unknown", "the partner's gateway does not have that office" },
    { "trm.kind-unknown", "the partner's gateway does not know this kind of message" },
    { "trm.case-unknown",
      "the partner has no such case under this agreement: ask the partner's office" },
    { "trm.case-known",
      "the partner has a case of this number already: begin a new case" },
    { "trm.attachment", "the attachments are not those that the document lists" },
};

static const char *words_of(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(partner_words); i++)
        if (text_eq(partner_words[i].code, code))
            return partner_words[i].words;
    return "the partner's gateway refused it for good";
}

/* The code that a gateway like ours puts first into ErrorDetail, else the ebMS one. */
static void code_of(const struct as4_outcome *o, const char *detail,
                    char code[STORE_CODE_TEXT])
{
    size_t n = strcspn(detail, ": ");

    if (text_starts(detail, "trm."))
        snprintf(code, STORE_CODE_TEXT, "%.*s",
                 (int)(n < STORE_CODE_TEXT ? n : STORE_CODE_TEXT - 1), detail);
    else
        snprintf(code, STORE_CODE_TEXT, "%.20s", o->code ? o->code : "as4.error");
}

/* The partner's own word, signed. */
static void judge_signed(const struct as4_outcome *o, struct courier_report *r)
{
    char reason[STORE_REASON_TEXT], code[STORE_CODE_TEXT];
    const char *detail = o->detail != NULL ? o->detail : "";

    code_of(o, detail, code);
    if (o->warning || o->transient) {
        snprintf(reason, sizeof reason, "%s %s: %.300s", o->code ? o->code : "EBMS:?",
                 o->short_description ? o->short_description : "", detail);
        say(r, QUEUE_RETRY, o->code ? o->code : "as4.error", reason);
        return;
    }
    if (text_starts(code, "trm.bundle")) {
        hold(r, "bundle", code, words_of(code));
        return;
    }
    snprintf(reason, sizeof reason, "%s (%s %s: %.120s)", words_of(code),
             o->code ? o->code : "EBMS:?",
             o->short_description ? o->short_description : "",
             detail[0] ? detail : (o->description ? o->description : ""));
    say(r, QUEUE_REJECTED, code, reason);
    r->task = true;
}

static void judge(const struct message *m, const struct as4_outcome *o,
                  const struct http_result *answer, struct courier_report *r)
{
    r->reached = true;
    r->retry_after_s = o->retry_after_s;
    switch (o->kind) {
    case AS4_GOT_RECEIPT:
        say(r, QUEUE_DELIVERED, "", "");
        buf_add(&r->receipt, buf_str(&answer->body), answer->body.len);
        return;
    case AS4_GOT_ERROR_SIGNED:
        judge_signed(o, r);
        return;
    case AS4_GOT_ERROR_UNSIGNED:
        judge_unsigned(m, o, r);
        return;
    case AS4_GOT_DUPLICATE:
        say(r, QUEUE_DELIVERED_WITHOUT_EVIDENCE, "as4.duplicate",
            "delivered earlier; the receipt was lost on the way and the partner does not "
            "repeat it");
        r->task = true;
        return;
    case AS4_GOT_CONFIG_FAULT:
        say(r, QUEUE_RETRY, o->local.code, o->local.text);
        r->task = true;
        return;
    case AS4_GOT_INVALID_RECEIPT:
        hold(r, "receipt", o->local.code, o->local.text);
        return;
    case AS4_GOT_NO_RECEIPT:
    case AS4_GOT_RETRY:
        say(r, QUEUE_RETRY, o->local.code, o->local.text);
        return;
    }
}

/* Something on our own side: what can pass by itself is tried again, the rest waits for us. */
static void judge_own(const struct err *err, struct courier_report *r)
{
    if (err->kind == ERR_RETRY || err->kind == ERR_UNSURE) {
        say(r, QUEUE_RETRY, err->code, err->text);
        return;
    }
    hold(r, err->kind == ERR_CONFIG ? "configuration" : "program", err->code, err->text);
}

/* --- the attempt -------------------------------------------------------------------------- */

static void send_package(const struct exchange *x, const struct partner *partner,
                         struct http_client *client, const struct message *m,
                         const struct as4_package *package, bool written_before,
                         struct courier_report *r)
{
    AUTO(source_free) struct source *wire = as4_package_wire(package);
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(as4_outcome_free) struct as4_outcome outcome = { 0 };
    struct noting noting = { { noting_open, NULL, wire->size }, wire, x, m };
    const struct http_call call = { .method = "POST",
                                    .url = partner->url,
                                    .connect_to = partner->connect_to,
                                    .content_type = package->content_type,
                                    .body = written_before ? wire : &noting.source };

    http_client_call(client, &call, &result);
    fault_point("out.sent");
    r->verdict.wrote = result.wrote_all;
    if (result.outcome != HTTP_ANSWERED) {
        judge_own(&result.fault, r);
        if (r->verdict.outcome == QUEUE_HELD && text_starts(result.fault.code, "http."))
            say(r, QUEUE_RETRY, result.fault.code, result.fault.text);
        return;
    }
    char retry[24] = "";
    if (result.retry_after_s >= 0)
        snprintf(retry, sizeof retry, "%lld", (long long)result.retry_after_s);
    const struct as4_http http = { .status = result.status,
                                   .content_type = result.content_type,
                                   .retry_after = retry[0] ? retry : NULL,
                                   .body = buf_str(&result.body),
                                   .len = result.body.len };
    const struct as4_sent sent = { .message_id = package->message_id,
                                   .digests = &package->digests,
                                   .written_before = written_before };
    as4_response_read(&http, &sent, pmode_for(partner, m), partner->trust,
                      clock_now(x->clock), &outcome);
    judge(m, &outcome, &result, r);
    r->busy = r->verdict.outcome == QUEUE_RETRY &&
              (result.status == 429 || result.status == 503);
}

void courier_deliver(const struct exchange *x, const struct snapshot *snap,
                     const struct partner *partner, struct http_client *client,
                     const struct message *m, struct courier_report *ret)
{
    AUTO(loaded_free) struct loaded loaded = { 0 };
    AUTO(made_free) struct made made = { 0 };
    struct err err = { 0 };
    bool fresh = true;

    *ret = (struct courier_report){ .receipt = BUF_INIT(AS4_RESPONSE_MAX) };
    if (!text_eq(m->kind, "opaque")) {
        struct again again = { 0 };

        if (!again_may_go(x, snap, m, &again, &err)) {
            judge_own(&err, ret);
            ret->verdict.not_an_attempt = true;
            return;
        }
        if (!again.may) {
            hold(ret, again.hold, again.code, again.reason);
            ret->verdict.not_an_attempt = true;
            return;
        }
    }
    if (!package_get(x, snap, partner, m, &loaded, &made, &fresh, &err)) {
        judge_own(&err, ret);
        ret->verdict.not_an_attempt = true;
        return;
    }
    send_package(x, partner, client, m, made.package, m->wrote_once && !fresh, ret);
}

void courier_give_up(const struct message *m, struct courier_report *ret)
{
    (void)m;
    *ret = (struct courier_report){ .receipt = BUF_INIT(0) };
    say(ret, QUEUE_EXPIRED, "EBMS:0301",
        "MissingReceipt: no receipt came as long as the message may wait; call the "
        "partner");
    ret->verdict.not_an_attempt = true;
    ret->task = true;
}

void courier_report_free(struct courier_report *report)
{
    buf_free(&report->receipt);
}

/* --- settling ----------------------------------------------------------------------------- */

struct settle_ctx {
    const struct message *m;
    const struct courier_report *r;
};

static bool settle_delivered(struct store_tx *tx, const struct settle_ctx *c,
                             struct err *err)
{
    if (c->r->receipt.len > 0 &&
        (!body_put(tx, c->m->row, "receipt", buf_str(&c->r->receipt), c->r->receipt.len,
                   err) ||
         !message_set_receipt(tx, c->m->row, err)))
        return false;
    if (!exchange_fact(tx, c->m->agreement, "", "", "message.delivered", c->m->kind, err))
        return false;
    return !text_eq(c->m->kind, "M01") || case_file_receipt(tx, c->m->case_id, err);
}

static bool settle_partner(struct store_tx *tx, const struct settle_ctx *c,
                           struct err *err)
{
    if (c->r->verdict.not_an_attempt)
        return true;
    if (c->r->reached && c->r->verdict.outcome != QUEUE_RETRY)
        return partner_note_success(tx, c->m->partner, err);
    return partner_note_failure(tx, c->m->partner, c->r->code, err);
}

static bool settle_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct settle_ctx *c = ctx;
    enum queue_outcome outcome = c->r->verdict.outcome;
    char action[STORE_CODE_TEXT];

    if (!queue_settle(tx, c->m->row, c->m->fence, &c->r->verdict, err))
        return false;
    if ((outcome == QUEUE_DELIVERED || outcome == QUEUE_DELIVERED_WITHOUT_EVIDENCE) &&
        !settle_delivered(tx, c, err))
        return false;
    if (c->r->task &&
        !exchange_task(tx, "message.not-delivered", c->m->own_office, c->m->case_id,
                       c->m->id, c->m->partner, c->r->code, c->r->reason, err))
        return false;
    snprintf(action, sizeof action, "message.%s", queue_outcome_name(outcome));
    return settle_partner(tx, c, err) &&
           exchange_audit(tx, &actor_gateway, action, c->m->case_id, c->m->id,
                          c->r->code[0] ? c->r->code : "done", c->m->partner, err);
}

bool courier_settle(const struct exchange *x, const struct message *m,
                    const struct courier_report *report, struct err *err)
{
    struct settle_ctx ctx = { m, report };

    fault_point("out.before-settle");
    if (!store_run(x->store, settle_work, &ctx, err))
        return err_context(err, "message %s stays claimed", m->id);
    fault_point("out.settled");
    return true;
}
