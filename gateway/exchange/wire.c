/*
 * wire.c - from an HTTP request of a stranger to the answer that a partner is owed.
 *
 * The gate refuses what is not a POST of SOAP before a body is read. Then: is this an input
 * that ended the process before? - the AS4 receiver - store (inbound) - answer. Whatever a
 * peer may learn from an answer is decided in as4/fault; what we learn goes to the log.
 * A receipt goes out only after inbound_take() has it on disk.
 */
#include "exchange/wire.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "as4/fault.h"
#include "as4/receipt.h"
#include "as4/receive.h"
#include "base/body.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/inbound.h"
#include "exchange/partner.h"
#include "http/field.h"
#include "pki/cert.h"
#include "store/bodies.h"
#include "store/duplicates.h"
#include "store/partners.h"
#include "store/quarantine.h"

#define FAILURE_SLOTS 64

/* Failures of signature and decryption, per partner and minute. */
struct failures {
    char partner[STORE_NAME_TEXT];
    int64_t minute;
    unsigned count;
};

struct wire_private {
    pthread_mutex_t lock;
    struct failures failures[FAILURE_SLOTS];
};

/* --- the gate ----------------------------------------------------------------------------- */

static bool is_soap(const char *type)
{
    return type != NULL && (http_type_is(type, "multipart/related") ||
                            http_type_is(type, "application/soap+xml"));
}

static void wire_gate(void *ctx, const char *listener, const struct http_head *head,
                      const struct http_peer *peer, struct http_gate *ret)
{
    (void)ctx, (void)listener, (void)peer;
    ret->verdict = HTTP_GATE_REFUSE;
    if (!text_eq(head->path, WIRE_PATH)) {
        ret->status = 404;
        return;
    }
    if (head->method != HTTP_POST) {
        ret->status = 405;
        ret->headers[0] = (struct http_header){ "Allow", "POST" };
        return;
    }
    if (!is_soap(http_header(head, "content-type"))) {
        ret->status = 415;
        return;
    }
    ret->verdict = HTTP_GATE_ACCEPT;
    ret->body_max = WIRE_BODY_MAX;
    ret->needs_length = true;
}

/* --- who, and whether we know it already -------------------------------------------------- */

struct call {
    struct wire *wire;
    const struct snapshot *snap;
};

static bool find_peer(void *ctx, const struct eb_user *user, struct as4_peer *ret)
{
    struct call *c = ctx;

    for (size_t i = 0; i < c->snap->partner_count; i++) {
        const struct partner *p = c->snap->partners[i];
        const struct pmode *base = NULL;
        struct pmode found;
        bool addressed = false;

        if (!pmode_find(p->all, p->all_count, user, &found, &base, &addressed))
            continue;
        *ret = (struct as4_peer){ .partner = p->id,
                                  .pmode = found,
                                  .trust = p->trust,
                                  .own = &c->snap->keys.decrypt };
        return true;
    }
    return false;
}

struct known_ctx {
    const char *partner, *eb_id;
    char name[64];
    char digest[STORE_HASH_TEXT];
    struct buf *receipt;
    enum duplicate found;
};

static bool known_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct known_ctx *c = ctx;
    struct duplicate_entry entry;
    bool found;

    buf_clear(c->receipt);
    if (!duplicate_wire_find(tx, c->partner, c->eb_id, c->digest, &c->found, &entry, err))
        return false;
    if (c->found == DUPLICATE_NONE)
        return true;
    return body_load(tx, entry.message_row, c->name, c->receipt, &found, err) &&
           (found || err_set(err, ERR_BUG, "wire.receipt-absent",
                             "a known message has no stored receipt"));
}

static enum as4_known find_known(void *ctx, const char *partner, const char *message_id,
                                 const unsigned char fingerprint[AS4_FINGERPRINT],
                                 struct buf *ret_receipt, struct err *err)
{
    struct call *c = ctx;
    struct known_ctx known = { .partner = partner,
                               .eb_id = message_id,
                               .receipt = ret_receipt };

    inbound_hex(fingerprint, AS4_FINGERPRINT, known.digest);
    inbound_receipt_name(message_id, known.name);
    if (!store_read(c->wire->x->store, known_work, &known, err))
        return AS4_KNOWN_FAILED;
    switch (known.found) {
    case DUPLICATE_NONE:
        return AS4_NEW;
    case DUPLICATE_SAME:
        return AS4_KNOWN_SAME;
    case DUPLICATE_OTHER:
        return AS4_KNOWN_OTHER;
    }
    return AS4_KNOWN_FAILED;
}

/* --- failures in a row of minutes --------------------------------------------------------- */

static struct failures *slot_of(struct wire *wire, const char *partner)
{
    uint32_t hash = 5381;

    for (const char *c = partner; *c != '\0'; c++)
        hash = hash * 33 + (unsigned char)*c;
    return &wire->private->failures[hash % FAILURE_SLOTS];
}

static bool too_many(struct wire *wire, const char *partner, bool count_one)
{
    int64_t minute = clock_monotonic() / MINUTE_MS;
    bool over;

    pthread_mutex_lock(&wire->private->lock);
    struct failures *f = slot_of(wire, partner);
    if (f->minute != minute || !text_eq(f->partner, partner)) {
        *f = (struct failures){ .minute = minute };
        (void)STORE_COPY(f->partner, partner);
    }
    f->count += count_one;
    over = f->count > WIRE_FAILURES_MAX;
    pthread_mutex_unlock(&wire->private->lock);
    return over;
}

/* --- answers ------------------------------------------------------------------------------ */

static void busy(struct http_exchange *e, int64_t seconds)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", (long long)seconds);
    const struct http_header retry = { "Retry-After", text };
    http_respond(
        e, &(struct http_answer){ .status = 503, .headers = &retry, .header_count = 1 });
}

static void send_answer(struct http_exchange *e, struct as4_answer *answer)
{
    const struct http_header type = { "Content-Type", answer->content_type };

    if (answer->http_status == 503) {
        busy(e, 60);
        return;
    }
    http_respond(e, &(struct http_answer){ .status = answer->http_status,
                                           .headers = &type,
                                           .header_count = answer->content_type != NULL,
                                           .body = &answer->body });
}

/* Whose signature it is decides; whose connection it came over is kept for whoever asks. */
static const char *tls_of(const struct http_exchange *e)
{
    return e->peer.cert != NULL ? cert_sha256(e->peer.cert) : "";
}

static void refuse(struct call *c, struct http_exchange *e, const char *partner,
                   const char *eb_id, const struct as4_refusal *refusal)
{
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    struct err err = { 0 };

    atomic_fetch_add(&c->wire->counters.refused, 1);
    log_warn("as4.refused", log_s("partner", partner ? partner : ""),
             log_s("eb-message", refusal->sender_known && eb_id ? eb_id : ""),
             log_s("ebms", as4_fault(refusal->code)->code), log_s("tls", tls_of(e)),
             log_s("address", e->peer.address), log_fault(&refusal->local));
    if (partner != NULL &&
        (refusal->code == AS4_FAILED_AUTHENTICATION ||
         refusal->code == AS4_FAILED_DECRYPTION) &&
        too_many(c->wire, partner, true)) {
        busy(e, 60);
        return;
    }
    if (!as4_fault_answer(refusal, &c->snap->keys.sign, c->snap->own.host,
                          clock_now(c->wire->x->clock), &answer, &err)) {
        log_error("as4.answer", log_fault(&err));
        busy(e, 60);
        return;
    }
    send_answer(e, &answer);
}

/* Store what was taken, then and only then answer. */
static void take(struct call *c, struct http_exchange *e, struct as4_inbound *in)
{
    AUTO(as4_answer_free) struct as4_answer answer = { 0 };
    AUTO(as4_refusal_clear) struct as4_refusal refusal = { 0 };
    struct err err = { 0 };

    switch (inbound_take(c->wire->x, c->snap, in->message, &answer, &refusal, &err)) {
    case INBOUND_TAKEN:
        atomic_fetch_add(&c->wire->counters.taken, 1);
        log_info("as4.taken", log_s("partner", in->partner),
                 log_s("eb-message", in->message_id), log_s("tls", tls_of(e)),
                 log_s("address", e->peer.address));
        fault_point("in.before-answer");
        send_answer(e, &answer);
        return;
    case INBOUND_REFUSED:
        refuse(c, e, in->partner, in->message_id, &refusal);
        return;
    case INBOUND_TROUBLE:
        atomic_fetch_add(&c->wire->counters.broken, 1);
        /* Two copies at once: one is stored, and the sender of the other comes again. A disk
         * that is full is worth a retry too, and an alarm. */
        if (err.kind == ERR_RETRY && text_starts(err.code, "inbound."))
            log_info("as4.not-yet", log_s("partner", in->partner), log_fault(&err));
        else
            log_error("as4.not-stored", log_s("partner", in->partner), log_fault(&err));
        busy(e, 60);
        return;
    }
}

static void receive(struct call *c, struct http_exchange *e)
{
    AUTO(as4_inbound_free) struct as4_inbound in = { 0 };
    AUTO(as4_answer_free) struct as4_answer again = { 0 };
    const struct as4_gate gate = { .ctx = c,
                                   .peer = find_peer,
                                   .known = find_known,
                                   .signer = c->snap->signer,
                                   .now_ms = clock_now(c->wire->x->clock) };

    as4_receive(e->body, http_header(&e->head, "content-type"), &gate, &in);
    switch (in.verdict) {
    case AS4_TAKEN:
        take(c, e, &in);
        return;
    case AS4_DUPLICATE:
        atomic_fetch_add(&c->wire->counters.duplicates, 1);
        log_info("as4.duplicate", log_s("partner", in.partner),
                 log_s("eb-message", in.message_id));
        as4_receipt_again(in.receipt.data, in.receipt.len, &again);
        send_answer(e, &again);
        return;
    case AS4_REFUSED:
        refuse(c, e, in.partner, in.message_id, &in.refusal);
        return;
    case AS4_SILENT:
        atomic_fetch_add(&c->wire->counters.silent, 1);
        http_respond(e, &(struct http_answer){ .status = 204 });
        return;
    }
}

/* --- an input that ended the process before ----------------------------------------------- */

static bool digest_body(const struct source *body, unsigned char out[32], struct err *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    AUTO(reader_close) struct reader *r = NULL;
    AUTO(mem_free) unsigned char *piece = mem_alloc(BODY_PIECE);
    size_t got = 1;
    bool ok =
        EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && source_open(body, &r, err);

    while (ok && got > 0) {
        ok = reader_read(r, piece, BODY_PIECE, &got, err);
        if (ok)
            EVP_DigestUpdate(md, piece, got);
    }
    if (ok)
        EVP_DigestFinal_ex(md, out, NULL);
    EVP_MD_CTX_free(md);
    return ok;
}

static void handle(void *ctx, struct http_exchange *e)
{
    struct wire *wire = ctx;
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(wire->x->box);
    struct call c = { .wire = wire, .snap = snap };
    struct quarantine_ticket ticket = { .slot = -1 };
    unsigned char digest[32];
    unsigned deaths = 0;
    struct err err = { 0 };

    if (!digest_body(e->body, digest, &err) ||
        !quarantine_begin(wire->x->store, digest, "as4", &deaths, &ticket, &err)) {
        log_error("as4.not-read", log_fault(&err));
        busy(e, 60);
        return;
    }
    if (deaths >= QUARANTINE_DEATHS) {
        atomic_fetch_add(&wire->counters.quarantined, 1);
        log_error("as4.quarantined", log_s("address", e->peer.address));
        busy(e, 3600);
        return;
    }
    receive(&c, e);
    quarantine_end(wire->x->store, &ticket);
}

/* --- life --------------------------------------------------------------------------------- */

struct wire *wire_new(const struct exchange *x)
{
    struct wire *wire = mem_alloc(sizeof *wire);

    wire->x = x;
    wire->private = mem_alloc(sizeof *wire->private);
    pthread_mutex_init(&wire->private->lock, NULL);
    return wire;
}

void wire_free(struct wire **wire)
{
    if (*wire == NULL)
        return;
    pthread_mutex_destroy(&(*wire)->private->lock);
    mem_free(&(*wire)->private);
    mem_free(wire);
}

struct http_service wire_service(struct wire *wire, unsigned workers)
{
    return (struct http_service){ .name = "as4",
                                  .ctx = wire,
                                  .gate = wire_gate,
                                  .handle = handle,
                                  .workers = workers };
}
