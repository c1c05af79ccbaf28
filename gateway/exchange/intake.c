/*
 * intake.c - from an office's octets to a sealed message on disk.
 *
 * Two readings may be needed: the first, with any mapping of the office's form, tells which
 * agreement and case the document belongs to; the second uses the mapping of exactly that
 * bundle. Messages of one case are taken in one at a time (a lock by case), because the
 * sequence number stands inside the sealed document; the transaction checks it once more, for
 * another node may have been first. The same octets at once are taken in one after the other
 * (a lock by digest, always before that of the case).
 *
 * Nothing is kept of a document that is refused.
 */
#include "exchange/intake.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/attachment.h"
#include "exchange/case_file.h"
#include "exchange/intake_apply.h"
#include "exchange/partner.h"
#include "exchange/parts.h"
#include "format/json.h"
#include "format/xml.h"
#include "model/message.h"
#include "pki/xmlsig.h"
#include "store/bodies.h"
#include "store/bundles.h"
#include "store/idempotency.h"
#include "store/messages.h"

#define LOCKS             64
#define LOSSES_TEXT       (4 * 1024 * 1024) /* octets of a full loss report */
#define CIRCUMSTANCES_MAX (64 * 1024)
#define TRIES_MAX         3 /* when another node took the sequence number */

static pthread_mutex_t digest_locks[LOCKS], case_locks[LOCKS];
static pthread_once_t locks_once = PTHREAD_ONCE_INIT;

static void make_locks(void)
{
    for (size_t i = 0; i < LOCKS; i++) {
        pthread_mutex_init(&digest_locks[i], NULL);
        pthread_mutex_init(&case_locks[i], NULL);
    }
}

static pthread_mutex_t *lock_of(pthread_mutex_t *locks, const char *name)
{
    uint32_t hash = 2166136261u;

    pthread_once(&locks_once, make_locks);
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return &locks[hash % LOCKS];
}

/* Everything of one intake that several steps share. */
struct work {
    const struct exchange *x;
    const struct intake *in;
    const struct snapshot *snap;
    const struct office *office;
    struct intake_result *out;
    struct case_file *file; /* NULL: a new case */
    pthread_mutex_t
        *case_lock; /* held once the case is known; NULL: not yet, or a new case */
    struct draft_leg leg;
    const struct partner *partner;
    struct attachments attachments;
    struct buf sealed;
    struct buf losses;
    struct buf parts;
    struct buf circumstances;      /* what the decision rested on, for the second look */
    char digest[STORE_HASH_TEXT];  /* of what was handed in */
    char content[STORE_HASH_TEXT]; /* of the sealed document */
    char leg_state[STORE_CODE_TEXT];
    int64_t now_ms;
    bool repeated;
};

static void work_free(struct work *w)
{
    case_file_free(&w->file);
    attachments_free(&w->attachments);
    buf_free(&w->sealed);
    buf_free(&w->losses);
    buf_free(&w->parts);
    buf_free(&w->circumstances);
}

static bool refuse(struct work *w, const struct err *why)
{
    w->out->verdict = INTAKE_REFUSED;
    w->out->why = *why;
    return false;
}

#define REFUSE(w, kind, code, ...) \
    __extension__({ \
        struct err why_ = { 0 }; \
        err_set(&why_, kind, code, __VA_ARGS__); \
        refuse((w), &why_); \
    })

/* --- which agreement ---------------------------------------------------------------------- */

static struct draft_view view_of(const struct work *w)
{
    const struct referral_header *h = &w->out->draft.header;

    return (struct draft_view){
        .own_office = w->office->id,
        .partner_office = w->file != NULL     ? w->file->row.partner_office
                          : w->in->to != NULL ? w->in->to
                                              : h->receiver_office,
        .own_gateway = w->snap->own.id,
        .partner_gateway = w->leg.gateway,
        .environment = w->snap->own.environment,
        .zone = w->snap->own.zone,
        .now_ms = w->now_ms,
        .file = w->in->file,
        .own_number = w->file != NULL ? w->file->own_number : NULL,
        .their_number = w->file != NULL ? w->file->their_number : NULL,
    };
}

/* A bundle in force that can read this office's form: for the first look. */
static const struct bundle *first_bundle(const struct work *w)
{
    if (w->in->agreement != NULL)
        return bundles_in_force(w->snap->bundles, w->in->agreement);
    for (size_t i = 0; i < bundles_count(w->snap->bundles); i++) {
        const struct bundle *b = bundles_at(w->snap->bundles, i);
        struct err err = { 0 };

        if (b->in_force && (text_eq(w->office->form, CANONICAL_FORM) ||
                            bundle_mapping(b, w->office->form, &err) != NULL))
            return b;
    }
    return NULL;
}

static bool read_with(struct work *w, const struct bundle *bundle, struct err *err)
{
    const struct draft_view view = view_of(w);
    struct draft *d = &w->out->draft;

    draft_free(d);
    if (w->in->doc != NULL) {
        d->bundle = bundle;
        d->doc = xmlCopyDoc(w->in->doc, 1);
        return referral_header_read(d->doc, &d->header, err);
    }
    return draft_read(d, bundle, w->office->form, &view, w->in->data, w->in->len, err);
}

/* The only agreement in force that lets one office write to the other. */
static const struct bundle *bundle_between(struct work *w, const char *to)
{
    const struct bundle *found = NULL;
    struct draft_leg leg;
    size_t count = 0;

    for (size_t i = 0; i < bundles_count(w->snap->bundles); i++) {
        const struct bundle *b = bundles_at(w->snap->bundles, i);

        if (b->in_force && draft_leg(b, w->office->id, to, &leg)) {
            found = b;
            count++;
        }
    }
    if (count == 1)
        return found;
    if (count == 0)
        REFUSE(w, ERR_DENIED, "intake.no-agreement",
               "no agreement in force lets %s write to %s: see `trmctl agreement list`",
               w->office->id, to);
    else
        REFUSE(w, ERR_REJECT, "intake.ambiguous",
               "%zu agreements let %s write to %s: the document must name one", count,
               w->office->id, to);
    return NULL;
}

static const struct bundle *bundle_of_case(struct work *w)
{
    const struct bundle *b = bundles_by_digest(w->snap->bundles, w->file->row.bundle);

    if (b == NULL)
        REFUSE(w, ERR_CONFIG, "intake.no-bundle",
               "the bundle that case %s began under is not installed any more",
               w->file->row.id);
    return b;
}

static const struct bundle *bundle_named(struct work *w)
{
    const struct referral_header *h = &w->out->draft.header;
    const char *name = w->in->agreement != NULL ? w->in->agreement : h->agreement;
    const char *to = w->in->to != NULL ? w->in->to : h->receiver_office;

    if (name[0] == '\0')
        return bundle_between(w, to);
    const struct bundle *b = bundles_in_force(w->snap->bundles, name);
    if (b == NULL)
        REFUSE(
            w, ERR_DENIED, "intake.no-agreement",
            "agreement %s is not in force at this gateway: see `trmctl agreement list`",
            name);
    return b;
}

/* --- which case --------------------------------------------------------------------------- */

struct find_ctx {
    struct work *w;
    const char *case_id;
    struct leg_override leg;
    bool found;
};

static bool find_case_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find_ctx *c = ctx;

    case_file_free(&c->w->file);
    return case_file_load(tx, c->case_id, &c->w->file, err);
}

/* By the case number the document names, however it was typed. */
static bool find_case(struct work *w, struct err *err)
{
    const struct referral_header *h = &w->out->draft.header;
    char normal[CASE_ID_TEXT];
    struct find_ctx ctx = { .w = w, .case_id = normal };

    if (!case_id_normal(h->case_id, normal))
        return REFUSE(
            w, ERR_REJECT, "intake.case-unknown",
            "the document names no case of this gateway: `trmctl case list` shows "
            "the cases that can be answered");
    w->case_lock = lock_of(case_locks, normal);
    pthread_mutex_lock(w->case_lock);
    if (!store_read(w->x->store, find_case_work, &ctx, err))
        return false;
    if (w->file == NULL || !text_eq(w->file->row.own_office, w->office->id))
        return REFUSE(
            w, ERR_REJECT, "intake.case-unknown",
            "there is no case %s of office %s: `trmctl case list` shows the cases "
            "that can be answered",
            normal, w->office->id);
    return true;
}

/* --- handed in before --------------------------------------------------------------------- */

#define KEY_USED "this key was used for other content before: use a new key"
#define NUMBER_USED \
    "this national case number was sent with other content before: send a correction, " \
    "or give the new case its own number"

/* The same content gets the first ids, other content is refused. Always false. */
static bool not_new(struct work *w, enum duplicate found,
                    const struct idempotency_entry *entry, const char *code,
                    const char *words, struct err *err)
{
    if (found == DUPLICATE_OTHER)
        return err_set_at(err, ERR_REJECT, code, __FILE__, __LINE__, "%s (case %s)",
                          words, entry->case_id);
    snprintf(w->out->message_id, sizeof w->out->message_id, "%.36s", entry->message_id);
    snprintf(w->out->case_id, sizeof w->out->case_id, "%.19s", entry->case_id);
    w->repeated = true;
    return err_set(err, ERR_REJECT, "intake.repeated", "handed in before");
}

struct known_ctx {
    struct work *w;
    const char *scope, *key;
    struct idempotency_entry entry;
    enum duplicate found;
};

static bool known_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct known_ctx *c = ctx;

    return idempotency_find(tx, c->scope, c->w->office->id, c->key, c->w->digest,
                            &c->found, &c->entry, err);
}

/*
 * A repeat is known before anything is judged: the case has moved on since, the leg may be
 * suspended by now, and the office that only did not hear our first answer must get it again.
 */
static bool is_new(struct work *w, const char *scope, const char *key, const char *code,
                   const char *words, struct err *err)
{
    struct known_ctx c = { .w = w, .scope = scope, .key = key };
    struct err why = { 0 };

    if (key == NULL || w->in->check_only)
        return true;
    if (!store_read(w->x->store, known_work, &c, err))
        return false;
    if (c.found == DUPLICATE_NONE || not_new(w, c.found, &c.entry, code, words, &why))
        return true;
    if (!w->repeated)
        return refuse(w, &why);
    w->out->verdict = INTAKE_REPEATED;
    return false;
}

static bool number_is_new(struct work *w, struct err *err)
{
    const struct draft *d = &w->out->draft;

    if (d->doc == NULL || !text_eq(d->header.kind, "M01"))
        return true;
    return is_new(w, "number", referral_value(d->doc, "Case/NationalId"),
                  "intake.number-used", NUMBER_USED, err);
}

static bool settle_bundle(struct work *w, struct err *err)
{
    const struct bundle *b = first_bundle(w);

    if (b == NULL)
        return REFUSE(
            w, ERR_DENIED, "intake.no-agreement",
            "no agreement in force reads the form %s: see `trmctl agreement list`",
            w->office->form);
    if (!read_with(w, b, err))
        return false;
    if (w->out->draft.doc == NULL)
        return true; /* the findings say why */
    if (!text_eq(w->out->draft.header.kind, "M01") && !find_case(w, err))
        return false;
    const struct bundle *right = w->file != NULL ? bundle_of_case(w) : bundle_named(w);
    if (right == NULL)
        return false;
    return right == b || read_with(w, right, err);
}

static bool refuse_findings(struct work *w)
{
    const struct report *r = &w->out->draft.findings;

    return REFUSE(w, ERR_REJECT, "intake.findings",
                  "the document has %zu error%s; each names the place and what to do",
                  report_errors(r), report_errors(r) == 1 ? "" : "s");
}

/* --- the header --------------------------------------------------------------------------- */

static bool leg_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct find_ctx *c = ctx;

    return leg_get(tx, c->w->out->draft.header.agreement, c->w->leg.from, c->w->leg.to,
                   &c->leg, &c->found, err);
}

static bool find_leg(struct work *w, struct err *err)
{
    struct draft *d = &w->out->draft;
    const char *to = w->file != NULL     ? w->file->row.partner_office
                     : w->in->to != NULL ? w->in->to
                                         : d->header.receiver_office;
    struct find_ctx ctx = { .w = w };

    if (d->header.sender_office[0] != '\0' &&
        !text_eq(d->header.sender_office, w->office->id))
        return REFUSE(w, ERR_DENIED, "intake.sender",
                      "the document is signed by office %s, but office %s hands it in",
                      d->header.sender_office, w->office->id);
    if (w->file != NULL && d->header.receiver_office[0] != '\0' &&
        !text_eq(d->header.receiver_office, to))
        return REFUSE(w, ERR_REJECT, "intake.receiver",
                      "the document is for %s, but the partner in case %s is %s",
                      d->header.receiver_office, w->file->row.id, to);
    if (w->file != NULL && w->in->to != NULL && !text_eq(w->in->to, to))
        return REFUSE(w, ERR_REJECT, "intake.receiver",
                      "it is to go to %s, but the partner in case %s is %s", w->in->to,
                      w->file->row.id, to);
    if (!draft_leg(d->bundle, w->office->id, to, &w->leg))
        return REFUSE(w, ERR_DENIED, "intake.no-leg",
                      "agreement %s has no leg from %s to %s",
                      agreement_id(d->bundle->agreement), w->office->id, to);
    (void)STORE_COPY(d->header.receiver_office, to);
    (void)STORE_COPY(d->header.agreement, agreement_id(d->bundle->agreement));
    if (!store_read(w->x->store, leg_work, &ctx, err))
        return false;
    if (ctx.found)
        (void)STORE_COPY(w->leg_state, ctx.leg.state);
    w->partner = snapshot_partner(w->snap, w->leg.gateway);
    return w->partner != NULL ||
           REFUSE(w, ERR_CONFIG, "intake.no-partner",
                  "gateway %s is no configured partner: add partners/%s.json",
                  w->leg.gateway, w->leg.gateway);
}

static void fill_header(struct work *w)
{
    struct draft *d = &w->out->draft;
    struct referral_header *h = &d->header;

    uuid_make(h->message_id);
    if (w->file != NULL)
        (void)STORE_COPY(h->case_id, w->file->row.id);
    else
        case_id_make(h->case_id);
    h->minor = REFERRAL_MINOR;
    (void)environment_find(w->snap->own.environment, &h->environment);
    h->sequence = w->file != NULL ? (uint64_t)w->file->row.next_out : 1;
    h->created_ms = w->now_ms;
    (void)STORE_COPY(h->sender_gateway, w->snap->own.id);
    (void)STORE_COPY(h->sender_office, w->office->id);
    (void)STORE_COPY(h->receiver_gateway, w->leg.gateway);
    (void)STORE_COPY(h->agreement_version, agreement_version(d->bundle->agreement));
    (void)STORE_COPY(h->agreement_digest, d->bundle->digest);
    snprintf(h->leg, sizeof h->leg, "%s-%s", w->leg.from, w->leg.to);
    if (w->in->linked_case != NULL)
        (void)STORE_COPY(h->linked_case, w->in->linked_case);
    (void)STORE_COPY(h->mapping, d->mapping);
    (void)STORE_COPY(h->mapping_version, d->mapping_version);
}

/* --- what it answers ---------------------------------------------------------------------- */

struct reply_ctx {
    struct work *w;
    size_t matches;
    char id[UUID_TEXT];
};

static bool count_matches(struct store_tx *tx, struct reply_ctx *c, const char *hash,
                          struct err *err)
{
    AUTO(message_list_free) struct message_list list = { 0 };
    const struct message_filter filter = { .case_id = c->w->file->row.id,
                                           .office_number_hash = hash,
                                           .by_direction = true,
                                           .direction = MESSAGE_IN,
                                           .limit = 2 };

    if (!message_select(tx, &filter, &list, err))
        return false;
    c->matches = list.count;
    if (list.count > 0)
        snprintf(c->id, sizeof c->id, "%.36s", list.items[0].id);
    return true;
}

/* An office number, or the message id that was shown in its place. */
static bool reply_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct reply_ctx *c = ctx;
    const char *number = c->w->out->draft.header.reply_office_number;
    char hash[STORE_HASH_TEXT];
    struct message m;
    bool found = false;

    c->matches = 0;
    if (uuid_valid(number) && !message_find(tx, MESSAGE_IN, number, &m, &found, err))
        return false;
    if (found && text_eq(m.case_id, c->w->file->row.id)) {
        c->matches = 1;
        snprintf(c->id, sizeof c->id, "%.36s", m.id);
        return true;
    }
    return store_keyed_hash(tx, "office-number", number, hash, err) &&
           count_matches(tx, c, hash, err);
}

static bool resolve_reply(struct work *w, struct err *err)
{
    struct referral_header *h = &w->out->draft.header;
    struct reply_ctx ctx = { .w = w };

    if (w->file == NULL || h->reply_office_number[0] == '\0')
        return true;
    if (!store_read(w->x->store, reply_work, &ctx, err))
        return false;
    if (ctx.matches == 1) {
        (void)STORE_COPY(h->reply_to, ctx.id);
        return true;
    }
    report_add(
        &w->out->draft.findings,
        &(struct report_entry){
            .code = ctx.matches == 0 ? "E-REFERENCE" : "E-AMBIGUOUS",
            .file = w->in->file,
            .field = "Header/InReplyTo",
            .text = ctx.matches == 0
                        ? "the document answers a number that no message of this "
                          "case bears"
                        : "two messages of this case bear the number that the "
                          "document answers",
            .remedy = ctx.matches == 0
                          ? "write the outgoing number of the partner's message, or "
                            "the message id shown in its place"
                          : "write the message id instead of the number" });
    return refuse_findings(w);
}

/* --- the case state ----------------------------------------------------------------------- */

/* Which trigger a document is. */
static bool trigger_of(struct case_file *file, const xmlDoc *doc, const char *kind,
                       enum case_trigger *ret)
{
    static const struct {
        const char *code;
        enum case_trigger trigger;
    } outcomes[] = { { "ACCEPT", CASE_M04_ACCEPT },
                     { "ACCEPT_COND", CASE_M04_ACCEPT },
                     { "DEFER", CASE_M04_DEFER },
                     { "REDIRECT", CASE_M04_REDIRECT },
                     { "DECLINE", CASE_M04_DECLINE } };
    const char *outcome = referral_value(doc, "Decision/Outcome");

    if (text_eq(kind, "M01"))
        *ret = CASE_M01;
    else if (text_eq(kind, "M03"))
        *ret = CASE_M03;
    else if (text_eq(kind, "M05"))
        *ret = CASE_M05;
    else if (text_eq(kind, "M06"))
        *ret = CASE_M06_PART;
    else if (!text_eq(kind, "M04"))
        return false;
    for (size_t i = 0; i < COUNT_OF(outcomes) && text_eq(kind, "M04"); i++)
        if (text_eq(outcome, outcomes[i].code)) {
            *ret = outcomes[i].trigger;
            return true;
        }
    (void)file;
    return !text_eq(kind, "M04");
}

bool intake_apply(struct store_tx *tx, struct case_file *file, bool ours,
                  const xmlDoc *doc, const char *kind, struct err *err)
{
    enum case_trigger trigger;

    if (!trigger_of(file, doc, kind, &trigger))
        return true;
    if (text_eq(kind, "M05"))
        case_file_ask(file, ours, doc);
    if (text_eq(kind, "M06") && case_file_answer(file, !ours, doc))
        trigger = CASE_M06_ALL;
    return case_file_move(tx, file, trigger, err);
}

/* Would the state allow it? Asked before anything is sealed. */
static bool check_state(struct work *w)
{
    enum case_trigger trigger = CASE_M01;
    enum case_state next;
    struct err why = { 0 };

    if (w->file == NULL)
        return true;
    if (!trigger_of(w->file, w->out->draft.doc, w->out->draft.header.kind, &trigger))
        return true;
    if (!case_trigger_is_ours(w->file->role, trigger))
        return REFUSE(
            w, ERR_REJECT, "case.role",
            "%s is for the other side to send: in case %s this office is the %s",
            case_trigger_name(trigger), w->file->row.id, case_role_name(w->file->role));
    if (!case_state_next(w->file->state, trigger, &next, &why))
        return refuse(w, &why);
    return true;
}

/* --- sealing ------------------------------------------------------------------------------ */

static bool seal(struct work *w, struct err *err)
{
    struct draft *d = &w->out->draft;

    w->sealed = (struct buf)BUF_SECRET_INIT(CANONICAL_MAX);
    w->losses = (struct buf)BUF_SECRET_INIT(LOSSES_TEXT);
    if (!xmlsig_seal(d->doc, w->snap->signer, w->snap->keys.seal_key,
                     w->snap->keys.seal_cert, err) ||
        !xml_print(d->doc, NULL, &w->sealed, err))
        return false;
    exchange_sha256(buf_str(&w->sealed), w->sealed.len, w->content);
    AUTO(json_drop) json_t *full = losses_json(&d->losses);
    json_print(full, &w->losses);
    return buf_check(&w->losses, "loss report", err);
}

/* Compressed where the partner's file asks for it, and only as much as a receiver inflates. */
static enum as4_compress how_to_go(const struct work *w, const struct attachment *a,
                                   uint64_t *inflated)
{
    const struct pmode *limits = &w->partner->base;

    if (!w->partner->gzip_attachments || a->octets > limits->part_max ||
        *inflated + a->octets > limits->inflated_max)
        return AS4_COMPRESS_NO;
    *inflated += a->octets;
    return AS4_COMPRESS_YES;
}

static void list_parts(struct work *w)
{
    AUTO(parts_free) struct part_list parts = { 0 };
    uint64_t inflated = w->sealed.len;

    w->parts = (struct buf)BUF_INIT(PARTS_TEXT_MAX);
    parts_add(&parts, "canonical", "application/xml", "UTF-8", NULL, AS4_COMPRESS_AUTO);
    for (size_t i = 0; i < w->attachments.count; i++) {
        const struct attachment *a = &w->attachments.items[i];

        parts_add(&parts, a->body, a->media_type, NULL, NULL, how_to_go(w, a, &inflated));
    }
    parts_print(&parts, &w->parts);
}

/* State of the case and questions open at this moment: before each attempt the same decision is
 * made again under them, with the consents, leg and instant of then. */
static void note_circumstances(struct work *w)
{
    json_t *asked = json_array();
    AUTO(json_drop)
    json_t *all = json_pack("{s:s, s:o}", "state",
                            w->file != NULL ? case_state_name(w->file->state)
                                            : case_state_name(CASE_DRAFT),
                            "asked", asked);

    for (size_t i = 0; w->file != NULL && i < w->file->asked_by_them.count; i++)
        json_array_append_new(asked, json_string(w->file->asked_by_them.items[i]));
    w->circumstances = (struct buf)BUF_INIT(CIRCUMSTANCES_MAX);
    json_print(all, &w->circumstances);
}

/* --- the transaction ---------------------------------------------------------------------- */

static bool add_case(struct store_tx *tx, struct work *w, struct err *err)
{
    const struct referral_header *h = &w->out->draft.header;
    struct case_row row = { 0 };
    bool taken;

    if (!STORE_COPY(row.id, h->case_id) || !STORE_COPY(row.agreement, h->agreement) ||
        !STORE_COPY(row.agreement_version, h->agreement_version) ||
        !STORE_COPY(row.bundle, h->agreement_digest) ||
        !STORE_COPY(row.own_office, w->office->id) ||
        !STORE_COPY(row.partner, w->leg.gateway) ||
        !STORE_COPY(row.partner_office, h->receiver_office) ||
        !STORE_COPY(row.role, case_role_name(CASE_ROLE_SENDER)) ||
        !STORE_COPY(row.state, case_state_name(CASE_SENT)) ||
        !STORE_COPY(row.environment, w->snap->own.environment) ||
        !STORE_COPY(row.linked_case, h->linked_case))
        return err_set(err, ERR_BUG, "intake.text", "an id is too long for the store");
    const char *number = referral_value(w->out->draft.doc, "Case/NationalId");
    if (number != NULL &&
        !store_keyed_hash(tx, "national-number", number, row.number_hash, err))
        return false;
    if (!case_add(tx, &row, &taken, err))
        return false;
    if (taken)
        return err_set(err, ERR_RETRY, "intake.case-taken", "a new case number collided");
    return case_file_load(tx, row.id, &w->file, err);
}

static void note_facts(struct work *w)
{
    const xmlDoc *doc = w->out->draft.doc;
    struct case_file *f = w->file;
    const char *number = referral_value(doc, "Case/NationalId");

    if (number != NULL)
        snprintf(f->own_number, sizeof f->own_number, "%s", number);
    if (!text_eq(w->out->draft.header.kind, "M01"))
        return;
    case_file_take_person(f, doc);
    case_file_take_consents(f, doc, w->out->draft.bundle->paths);
}

static bool add_message(struct store_tx *tx, struct work *w, struct message *m,
                        struct err *err)
{
    const struct referral_header *h = &w->out->draft.header;
    int64_t sequence;
    bool taken;

    *m = (struct message){ .direction = MESSAGE_OUT, .state = MESSAGE_WAITING };
    if (!STORE_COPY(m->id, h->message_id) || !STORE_COPY(m->kind, h->kind) ||
        !STORE_COPY(m->case_id, h->case_id) || !STORE_COPY(m->partner, w->leg.gateway) ||
        !STORE_COPY(m->own_office, w->office->id) ||
        !STORE_COPY(m->remote_office, h->receiver_office) ||
        !STORE_COPY(m->agreement, h->agreement) ||
        !STORE_COPY(m->agreement_version, h->agreement_version) ||
        !STORE_COPY(m->bundle, h->agreement_digest) ||
        !STORE_COPY(m->in_reply_to, h->reply_to) ||
        !STORE_COPY(m->content_digest, w->content))
        return err_set(err, ERR_BUG, "intake.text", "an id is too long for the store");
    if (!case_next_sequence(tx, h->case_id, &sequence, err))
        return false;
    if (sequence != (int64_t)h->sequence)
        return err_set(err, ERR_RETRY, "intake.sequence",
                       "another message of case %s came first", h->case_id);
    m->sequence = sequence;
    m->octets = w->sealed.len + attachments_octets(&w->attachments);
    m->give_up_ms = store_tx_now(tx) + w->x->give_up_ms;
    if (!store_keyed_hash(tx, "office-number", h->office_number, m->office_number_hash,
                          err) ||
        !message_add(tx, m, &taken, err))
        return false;
    return !taken ||
           err_set(err, ERR_RETRY, "intake.id-taken", "a new message id collided");
}

static bool add_bodies(struct store_tx *tx, struct work *w, const char *row,
                       struct err *err)
{
    if (w->in->data != NULL &&
        !body_put(tx, row, "national", w->in->data, w->in->len, err))
        return false;
    return body_put(tx, row, "canonical", buf_str(&w->sealed), w->sealed.len, err) &&
           body_put(tx, row, "loss-full", buf_str(&w->losses), w->losses.len, err) &&
           body_put(tx, row, "parts", buf_str(&w->parts), w->parts.len, err) &&
           body_put(tx, row, "decision", buf_str(&w->circumstances), w->circumstances.len,
                    err) &&
           attachments_store(&w->attachments, tx, w->office->id, row, err);
}

/* The request's key, and for an M01 the national case number: the same content gives the first
 * ids, other content is refused. */
static bool one_key(struct store_tx *tx, struct work *w, const char *scope,
                    const char *key, const char *code, const char *words, struct err *err)
{
    struct idempotency_entry entry;
    enum duplicate found;

    return idempotency_add(tx, scope, w->office->id, key, w->digest,
                           w->out->draft.header.message_id, w->out->draft.header.case_id,
                           &found, &entry, err) &&
           (found == DUPLICATE_NONE || not_new(w, found, &entry, code, words, err));
}

static bool add_keys(struct store_tx *tx, struct work *w, struct err *err)
{
    const char *number = referral_value(w->out->draft.doc, "Case/NationalId");

    if (w->in->key != NULL &&
        !one_key(tx, w, w->in->scope, w->in->key, "intake.other-content", KEY_USED, err))
        return false;
    if (!text_eq(w->out->draft.header.kind, "M01") || number == NULL)
        return true;
    return one_key(tx, w, "number", number, "intake.number-used", NUMBER_USED, err);
}

static bool intake_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct work *w = ctx;
    const struct referral_header *h = &w->out->draft.header;
    struct message m;
    bool fresh = w->file == NULL || text_eq(h->kind, "M01");

    w->repeated = false;
    if (!add_keys(tx, w, err))
        return false;
    case_file_free(&w->file);
    if (fresh ? !add_case(tx, w, err) : !case_file_load(tx, h->case_id, &w->file, err))
        return false;
    note_facts(w);
    if (!fresh && !intake_apply(tx, w->file, true, w->out->draft.doc, h->kind, err))
        return false;
    return case_file_save(tx, w->file, err) && add_message(tx, w, &m, err) &&
           add_bodies(tx, w, m.row, err) &&
           exchange_audit(tx, &w->in->actor, "message.accepted", h->case_id,
                          h->message_id, "done", h->kind, err) &&
           exchange_fact(tx, h->agreement, w->leg.from, w->leg.to, "message.accepted",
                         h->kind, err);
}

static bool commit(struct work *w, struct err *err)
{
    struct err fault = { 0 };

    fault_point("intake.before-commit");
    if (store_run(w->x->store, intake_work, w, &fault)) {
        fault_point("intake.committed");
        w->out->verdict = INTAKE_ACCEPTED;
        snprintf(w->out->message_id, sizeof w->out->message_id, "%s",
                 w->out->draft.header.message_id);
        snprintf(w->out->case_id, sizeof w->out->case_id, "%.19s",
                 w->out->draft.header.case_id);
        return true;
    }
    if (w->repeated) {
        w->out->verdict = INTAKE_REPEATED;
        return true;
    }
    if (fault.kind == ERR_REJECT || fault.kind == ERR_DENIED)
        return refuse(w, &fault);
    *err = fault;
    return false;
}

/* --- the steps in their order ------------------------------------------------------------- */

static bool decide(struct work *w, struct err *err)
{
    struct draft *d = &w->out->draft;
    const struct draft_view view = view_of(w);
    const struct draft_case of = {
        .role = w->file != NULL ? w->file->role : CASE_ROLE_SENDER,
        .state = w->file != NULL ? w->file->state : CASE_DRAFT,
        .consents = w->file != NULL ? w->file->consents : NULL,
        .birth_date = w->file != NULL ? w->file->birth_date : NULL,
        .beneficiary = w->file != NULL ? w->file->beneficiary : NULL,
        .asked = w->file != NULL ? &w->file->asked_by_them : NULL,
        .leg_override = w->leg_state[0] != '\0' ? w->leg_state : NULL,
    };
    struct err why = { 0 };

    if (!draft_decide(d, &view, &of, err))
        return false;
    if (d->refused.kind != ERR_NONE)
        return refuse(w, &d->refused);
    return draft_check_blocking(d, &why) || refuse(w, &why);
}

static bool gather_attachments(struct work *w, struct err *err)
{
    struct err why = { 0 };

    if (attachments_gather(&w->attachments, w->x->store, w->office->id, &w->out->draft,
                           &why))
        return true;
    if (why.kind == ERR_REJECT || why.kind == ERR_DENIED)
        return refuse(w, &why);
    *err = why;
    return false;
}

static bool steps(struct work *w, struct err *err)
{
    struct draft *d = &w->out->draft;

    if (!is_new(w, w->in->scope, w->in->key, "intake.other-content", KEY_USED, err) ||
        !settle_bundle(w, err) || !number_is_new(w, err))
        return false;
    if (d->doc == NULL || report_errors(&d->findings) > 0)
        return refuse_findings(w);
    if (!find_leg(w, err) || !check_state(w) || !resolve_reply(w, err))
        return false;
    fill_header(w);
    referral_header_write(d->doc, d->bundle->paths, &d->header);
    if (!decide(w, err) || !gather_attachments(w, err) || !draft_finish(d, err))
        return false;
    if (report_errors(&d->findings) > 0)
        return refuse_findings(w);
    if (w->in->check_only) {
        w->out->verdict = INTAKE_CHECKED;
        return true;
    }
    if (!seal(w, err))
        return false;
    list_parts(w);
    note_circumstances(w);
    return commit(w, err);
}

static bool steps_locked(struct work *w, struct err *err)
{
    /* The document's case is only known after a first reading; until then its digest serves. */
    pthread_mutex_t *lock = lock_of(digest_locks, w->digest);

    pthread_mutex_lock(lock);
    bool ok = steps(w, err);
    if (w->case_lock != NULL)
        pthread_mutex_unlock(w->case_lock);
    pthread_mutex_unlock(lock);
    return ok;
}

bool intake_take(const struct exchange *x, const struct intake *in,
                 struct intake_result *ret, struct err *err)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(x->box);
    const struct office *office = snapshot_office(snap, in->office);

    *ret = (struct intake_result){ .verdict = INTAKE_REFUSED };
    if (office == NULL)
        return err_set(err, ERR_CONFIG, "intake.office",
                       "office %s is not of this gateway", in->office);
    for (int try = 1;; try++) {
        AUTO(work_free)
        struct work w = { .x = x,
                          .in = in,
                          .snap = snap,
                          .office = office,
                          .out = ret,
                          .now_ms = clock_now(x->clock) };
        struct err fault = { 0 };

        if (in->data != NULL)
            exchange_sha256(in->data, in->len, w.digest);
        else if (in->digest != NULL)
            (void)STORE_COPY(w.digest, in->digest);
        else
            uuid_make(w.digest);
        if (steps_locked(&w, &fault)) {
            snprintf(ret->partner, sizeof ret->partner, "%s",
                     w.leg.gateway != NULL ? w.leg.gateway : "");
            if (ret->verdict == INTAKE_ACCEPTED)
                exchange_wake_partner(x, ret->partner);
            return true;
        }
        if (fault.kind == ERR_NONE)
            return true; /* refused: result->why */
        if (fault.kind != ERR_RETRY || !text_starts(fault.code, "intake.") ||
            try == TRIES_MAX) {
            *err = fault;
            return false;
        }
        intake_result_free(ret);
    }
}

void intake_result_free(struct intake_result *result)
{
    draft_free(&result->draft);
    *result = (struct intake_result){ .verdict = INTAKE_REFUSED };
}
