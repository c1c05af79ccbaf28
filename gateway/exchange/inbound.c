/*
 * inbound.c - the receiving half: what a partner sent becomes ours, or is refused in words.
 *
 * The steps stand in inbound.h; none is skipped and none acts before the one above has passed.
 * Attachments are staged (sealed rows that nobody sees) while they are decrypted a second time;
 * everything becomes visible in the one transaction that also holds the receipt.
 */
#include "exchange/inbound.h"

#include <stdio.h>
#include <string.h>

#include "base/body.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/case_file.h"
#include "exchange/draft.h"
#include "exchange/intake_apply.h"
#include "exchange/partner.h"
#include "format/json.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "pki/cert.h"
#include "pki/trust.h"
#include "pki/xmlsig.h"
#include "store/bodies.h"
#include "store/bundles.h"
#include "store/deliverables.h"
#include "store/duplicates.h"
#include "store/messages.h"
#include "store/partners.h"

#define LOSSES_TEXT (4 * 1024 * 1024)

void inbound_hex(const void *octets, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *o = octets;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[o[i] >> 4];
        out[2 * i + 1] = digits[o[i] & 15];
    }
    out[2 * len] = '\0';
}

void inbound_receipt_name(const char *eb_message_id, char out[64])
{
    char digest[STORE_HASH_TEXT];

    exchange_sha256(eb_message_id, strlen(eb_message_id), digest);
    snprintf(out, 64, "receipt/%.32s", digest);
}

/* --- one message on its way in ------------------------------------------------------------ */

struct incoming {
    const struct exchange *x;
    const struct snapshot *snap;
    const struct as4_message *as4;
    const struct partner *partner;
    const struct office *office;
    const char *kind; /* "M01", "opaque", "test" */
    struct draft draft;
    struct buf canonical; /* as it came */
    struct buf envelope;  /* root part: evidence */
    char content[STORE_HASH_TEXT];
    char fingerprint[STORE_HASH_TEXT];
    struct body_stage *stages[PMODE_PARTS_MAX];
    char stage_names[PMODE_PARTS_MAX][STORE_NAME_TEXT];
    size_t stage_count;
    struct buf part_list;
    struct case_file *file;
    struct draft_leg leg;
    char leg_state[STORE_CODE_TEXT];
    struct rendition rendition;
    struct buf rendition_losses;
    struct as4_answer *receipt;
    char receipt_name[64];
    int64_t now_ms;
    /* outcome of the transaction */
    enum duplicate content_duplicate;
    char known_row[STORE_ROW_TEXT];
    struct err state_fault; /* the partner did what the state does not allow */
    bool known; /* taken before under another eb:MessageId: only its receipt is due */
};

static void incoming_free(struct incoming *in)
{
    draft_free(&in->draft);
    buf_free(&in->canonical);
    buf_free(&in->envelope);
    buf_free(&in->part_list);
    buf_free(&in->rendition_losses);
    for (size_t i = 0; i < COUNT_OF(in->stages); i++)
        body_stage_free(&in->stages[i]);
    case_file_free(&in->file);
    rendition_free(&in->rendition);
}

/* Why it is refused; detail is the literal our partner's software can tell by. */
struct refusing {
    const char *detail;
    struct err why;
    enum as4_code code;
};

#define NO(r, text, ...) \
    __extension__({ \
        (r)->detail = "trm." text; \
        (r)->code = AS4_OTHER; \
        err_set(&(r)->why, ERR_DENIED, "trm." text, __VA_ARGS__); \
    })

/* --- steps -------------------------------------------------------------------------------- */

static bool accept_seal(void *arg, const struct cert *cert, struct err *err)
{
    const struct incoming *in = arg;

    return trust_check(in->partner->trust, TRUST_SEAL, cert, NULL, in->now_ms, NULL, err);
}

static bool read_canonical(struct incoming *in, struct refusing *r, struct err *err)
{
    struct err why = { 0 };

    if (in->as4->part_count == 0 ||
        !text_eq(in->as4->parts[0].mime_type, "application/xml"))
        return NO(r, "canonical", "the first part is no application/xml");
    in->canonical = (struct buf)BUF_SECRET_INIT(CANONICAL_MAX);
    if (in->as4->parts[0].content->size > CANONICAL_MAX)
        return NO(r, "canonical", "the canonical document has more than %d octets",
                  CANONICAL_MAX);
    if (!source_load(in->as4->parts[0].content, &in->canonical, err))
        return false;
    exchange_sha256(buf_str(&in->canonical), in->canonical.len, in->content);
    in->draft.doc =
        xml_parse_utf8(buf_str(&in->canonical), in->canonical.len, NULL, &why);
    if (in->draft.doc == NULL)
        return NO(r, "canonical", "%s", why.text);
    if (!referral_header_read(in->draft.doc, &in->draft.header, &why))
        return text_eq(why.code, "referral.kind") ? NO(r, "kind-unknown", "%s", why.text)
                                                  : NO(r, "header", "%s", why.text);
    if (!xmlsig_unseal_known(in->draft.doc, trust_pinned(in->partner->trust, TRUST_SEAL),
                             accept_seal, in, NULL, &why))
        return NO(r, "seal", "%s", why.text);
    return true;
}

/* The header inside must say what the envelope outside says. */
static bool check_header(struct incoming *in, struct refusing *r)
{
    const struct referral_header *h = &in->draft.header;

    if (!text_eq(h->sender_gateway, in->partner->id) ||
        !text_eq(h->receiver_gateway, in->snap->own.id))
        return NO(r, "header", "sender or receiver gateway is not that of the envelope");
    if (!text_eq(h->agreement, in->as4->pmode.agreement) ||
        !text_eq(h->case_id, in->as4->user->conversation_id))
        return NO(r, "header", "agreement or case is not that of the envelope");
    if (!case_id_valid(h->case_id) || h->sequence == 0 || h->created_ms == 0 ||
        !uuid_valid(h->message_id))
        return NO(r, "header", "case number, sequence, time or message id is missing");
    if (!text_eq(environment_name(h->environment), in->snap->own.environment))
        return NO(r, "environment",
                  "the document is of environment %s, this gateway of %s",
                  environment_name(h->environment), in->snap->own.environment);
    in->office = snapshot_office(in->snap, h->receiver_office);
    if (in->office == NULL)
        return NO(r, "office-unknown", "there is no office %s here", h->receiver_office);
    return true;
}

static bool find_bundle(struct incoming *in, struct refusing *r)
{
    const struct referral_header *h = &in->draft.header;
    const struct bundle *b = bundles_by_digest(in->snap->bundles, h->agreement_digest);

    if (b == NULL || !text_eq(agreement_id(b->agreement), h->agreement))
        return NO(r, "bundle-unknown",
                  "bundle %.16s... of agreement %s version %s is not installed here",
                  h->agreement_digest, h->agreement, h->agreement_version);
    in->draft.bundle = b;
    if (!draft_leg(b, h->sender_office, h->receiver_office, &in->leg))
        return NO(r, "header", "agreement %s has no leg from %s to %s", h->agreement,
                  h->sender_office, h->receiver_office);
    return true;
}

/* A document of a higher minor is judged as far as we know the schema. */
static bool check_schema(struct incoming *in, struct refusing *r)
{
    AUTO(xml_doc_free) xmlDoc *known = NULL;
    xmlDoc *doc = in->draft.doc;
    struct err why = { 0 };

    if (in->draft.header.minor > REFERRAL_MINOR) {
        known = xmlCopyDoc(doc, 1);
        referral_drop_unknown(known, in->draft.bundle->paths, NULL);
        doc = known;
    }
    if (!xsd_check(in->draft.bundle->canonical, doc, &why))
        return NO(r, "canonical", "%s", why.text);
    referral_check(doc, in->draft.bundle->paths, in->draft.bundle->codes, NULL,
                   &in->draft.findings);
    if (report_errors(&in->draft.findings) > 0)
        return NO(r, "canonical", "%s: %s",
                  in->draft.findings.items[0].field ? in->draft.findings.items[0].field
                                                    : "document",
                  in->draft.findings.items[0].text);
    return true;
}

struct load_ctx {
    struct incoming *in;
    struct leg_override leg;
    bool found;
};

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct load_ctx *c = ctx;

    case_file_free(&c->in->file);
    return case_file_load(tx, c->in->draft.header.case_id, &c->in->file, err) &&
           leg_get(tx, c->in->draft.header.agreement, c->in->leg.from, c->in->leg.to,
                   &c->leg, &c->found, err);
}

/* A case begins once, and stays between the two offices it began between: a second M01 would
 * put other consents and another person in the place of those the case was opened with. */
static bool check_case(const struct incoming *in, struct refusing *r)
{
    const struct referral_header *h = &in->draft.header;
    const struct case_row *row = &in->file->row;

    if (text_eq(h->kind, "M01"))
        return NO(r, "case-known", "case %s began before with another message",
                  h->case_id);
    return (text_eq(h->sender_office, row->partner_office) &&
            text_eq(h->receiver_office, row->own_office)) ||
           NO(r, "case-unknown", "case %s is between other offices", h->case_id);
}

static bool find_case(struct incoming *in, struct refusing *r, struct err *err)
{
    const struct referral_header *h = &in->draft.header;
    struct load_ctx ctx = { .in = in };

    if (!store_read(in->x->store, load_work, &ctx, err))
        return false;
    if (ctx.found)
        (void)STORE_COPY(in->leg_state, ctx.leg.state);
    if (in->file == NULL && !text_eq(h->kind, "M01"))
        return NO(r, "case-unknown", "there is no case %s here", h->case_id);
    if (in->file == NULL)
        return true;
    if (!text_eq(in->file->row.partner, in->partner->id) ||
        !text_eq(in->file->row.bundle, h->agreement_digest))
        return NO(r, "case-unknown", "case %s is of another partner or another bundle",
                  h->case_id);
    return check_case(in, r);
}

static bool decide(struct incoming *in, struct refusing *r, struct err *err)
{
    const struct referral_header *h = &in->draft.header;
    const struct draft_view view = { .own_office = in->office->id,
                                     .partner_office = h->sender_office,
                                     .own_gateway = in->snap->own.id,
                                     .partner_gateway = in->partner->id,
                                     .environment = in->snap->own.environment,
                                     .zone = in->snap->own.zone,
                                     .now_ms = in->now_ms };
    const struct draft_case of = {
        .receiver = true,
        .role = in->file != NULL ? in->file->role : CASE_ROLE_RECEIVER,
        .state = in->file != NULL ? in->file->state : CASE_DRAFT,
        .consents = in->file != NULL ? in->file->consents : NULL,
        .birth_date = in->file != NULL ? in->file->birth_date : NULL,
        .beneficiary = in->file != NULL ? in->file->beneficiary : NULL,
        .asked = in->file != NULL ? &in->file->asked_by_us : NULL,
        .leg_override = in->leg_state[0] != '\0' ? in->leg_state : NULL,
    };

    if (!draft_decide(&in->draft, &view, &of, err))
        return false;
    if (in->draft.refused.kind == ERR_NONE)
        return true;
    r->detail = "trm.denied";
    r->code = AS4_OTHER;
    r->why = in->draft.refused;
    return false;
}

/* --- attachments -------------------------------------------------------------------------- */

static bool stage(struct incoming *in, const struct source *content, const char *name,
                  struct err *err)
{
    struct body_stage **s = &in->stages[in->stage_count];

    if (!body_stage_open(in->x->store, s, err) ||
        !source_copy(content, body_stage_sink(*s), err) || !body_stage_finish(*s, err))
        return false;
    snprintf(in->stage_names[in->stage_count], STORE_NAME_TEXT, "%.120s", name);
    in->stage_count++;
    return true;
}

/* Parts after the first are the attachments the document lists, in its order. */
static bool take_attachments(struct incoming *in, struct refusing *r, struct err *err)
{
    size_t part = 1;

    for (const xmlNode *e = referral_section(in->draft.doc, "Attachment"); e != NULL;
         e = xml_again(e), part++) {
        const char *id = xml_attr(e, NULL, "id"), *sha = xml_attr(e, NULL, "sha256");
        AUTO(mem_free) char *name = mem_printf("attachment/%s", id != NULL ? id : "");

        if (part >= in->as4->part_count || id == NULL || sha == NULL)
            return NO(r, "attachment", "the document lists more attachments than came");
        if (!stage(in, in->as4->parts[part].content, name, err))
            return false;
        if (strcasecmp(body_stage_sha256(in->stages[in->stage_count - 1]), sha) != 0)
            return NO(r, "attachment", "attachment %zu is not the one the document lists",
                      part);
    }
    if (part < in->as4->part_count)
        return NO(r, "attachment", "more parts came than the document lists");
    return true;
}

/* --- the office's view -------------------------------------------------------------------- */

static bool attached(struct incoming *in, struct mapping_attachments *list,
                     struct err *err)
{
    for (size_t i = 0; i < in->stage_count; i++) {
        const char *id = in->stage_names[i] + strlen("attachment/");
        struct mapping_attachment *a = mapping_attachments_add(list, id);

        if (body_stage_octets(in->stages[i]) > BODY_PUT_MAX / 2)
            continue; /* too large to stand inside a form: handed over beside it */
        AUTO(source_free) struct source *s = body_stage_source(in->stages[i]);
        a->content = (struct buf)BUF_SECRET_INIT(BODY_PUT_MAX);
        if (!source_load(s, &a->content, err))
            return false;
        a->has_content = true;
    }
    return true;
}

static bool render(struct incoming *in, struct err *err)
{
    AUTO(mapping_attachments_free) struct mapping_attachments list = { 0 };
    const struct referral_header *h = &in->draft.header;
    const struct draft_view view = {
        .own_office = in->office->id,
        .partner_office = h->sender_office,
        .own_gateway = in->snap->own.id,
        .partner_gateway = in->partner->id,
        .environment = in->snap->own.environment,
        .zone = in->snap->own.zone,
        .now_ms = in->now_ms,
        .own_number =
            in->file != NULL && in->file->own_number[0] ? in->file->own_number : NULL,
        .their_number = in->file != NULL ? in->file->their_number : NULL,
        .person_name = in->file != NULL ? in->file->person : NULL,
    };

    if (!attached(in, &list, err) ||
        !draft_render(in->draft.bundle, in->draft.doc, in->office->form, &view, &list,
                      &in->rendition, err))
        return false;
    AUTO(json_drop) json_t *losses = losses_json(&in->rendition.losses);
    in->rendition_losses = (struct buf)BUF_SECRET_INIT(LOSSES_TEXT);
    json_print(losses, &in->rendition_losses);
    return buf_check(&in->rendition_losses, "loss report", err);
}

/* --- the transaction ---------------------------------------------------------------------- */

static bool fill_message(const struct incoming *in, struct message *m, struct err *err)
{
    const struct referral_header *h = &in->draft.header;
    bool opaque = text_eq(in->kind, "opaque");

    *m = (struct message){ .direction = MESSAGE_IN, .state = MESSAGE_RECEIVED };
    if (!STORE_COPY(m->kind, in->kind) ||
        !STORE_COPY(m->id,
                    in->draft.doc != NULL ? h->message_id : in->as4->user->message_id) ||
        !STORE_COPY(m->case_id, in->draft.doc != NULL ? h->case_id : "") ||
        !STORE_COPY(m->partner, in->partner->id) ||
        !STORE_COPY(m->own_office, in->office != NULL ? in->office->id : "") ||
        !STORE_COPY(m->remote_office, h->sender_office) ||
        !STORE_COPY(m->agreement, opaque ? in->as4->pmode.id : h->agreement) ||
        !STORE_COPY(m->agreement_version, h->agreement_version) ||
        !STORE_COPY(m->bundle, h->agreement_digest) ||
        !STORE_COPY(m->eb_message_id, in->as4->user->message_id) ||
        !STORE_COPY(m->in_reply_to, h->reply_to) ||
        !STORE_COPY(m->content_digest, in->content))
        return err_set(err, ERR_REJECT, "trm.header", "an id is too long");
    m->sequence = (int64_t)h->sequence;
    m->octets = in->canonical.len;
    for (size_t i = 0; i < in->stage_count; i++)
        m->octets += body_stage_octets(in->stages[i]);
    return true;
}

static bool add_case(struct store_tx *tx, struct incoming *in, struct err *err)
{
    const struct referral_header *h = &in->draft.header;
    struct case_row row = { 0 };
    bool taken;

    if (!STORE_COPY(row.id, h->case_id) || !STORE_COPY(row.agreement, h->agreement) ||
        !STORE_COPY(row.agreement_version, h->agreement_version) ||
        !STORE_COPY(row.bundle, h->agreement_digest) ||
        !STORE_COPY(row.own_office, in->office->id) ||
        !STORE_COPY(row.partner, in->partner->id) ||
        !STORE_COPY(row.partner_office, h->sender_office) ||
        !STORE_COPY(row.role, case_role_name(CASE_ROLE_RECEIVER)) ||
        !STORE_COPY(row.state, case_state_name(CASE_DELIVERED)) ||
        !STORE_COPY(row.environment, in->snap->own.environment) ||
        !STORE_COPY(row.linked_case, h->linked_case))
        return err_set(err, ERR_REJECT, "trm.header", "an id is too long");
    if (!case_add(tx, &row, &taken, err))
        return false;
    if (taken)
        return err_set(err, ERR_RETRY, "inbound.case-taken",
                       "two first messages of case %s at once", row.id);
    return case_file_load(tx, row.id, &in->file, err);
}

static void note_facts(struct incoming *in)
{
    const xmlDoc *doc = in->draft.doc;
    struct case_file *f = in->file;
    const char *number = referral_value(doc, "Case/NationalId");

    if (number != NULL)
        snprintf(f->their_number, sizeof f->their_number, "%s", number);
    if (!text_eq(in->kind, "M01"))
        return;
    case_file_take_person(f, doc);
    case_file_take_consents(f, doc, in->draft.bundle->paths);
}

/* The partner's message counts even where our table does not know the step: then the state
 * stays and a person looks. */
static bool move_case(struct store_tx *tx, struct incoming *in, struct err *err)
{
    struct err fault = { 0 };

    in->state_fault = (struct err){ 0 };
    if (text_eq(in->kind, "M01") ||
        intake_apply(tx, in->file, false, in->draft.doc, in->kind, &fault))
        return true;
    if (!text_eq(fault.code, "case.state")) {
        *err = fault;
        return false;
    }
    in->state_fault = fault;
    return exchange_task(tx, "case.state", in->office->id, in->file->row.id,
                         in->draft.header.message_id, in->partner->id, fault.code,
                         fault.text, err);
}

static bool add_bodies(struct store_tx *tx, struct incoming *in, const char *row,
                       struct err *err)
{
    if (!body_put(tx, row, "envelope", buf_str(&in->envelope), in->envelope.len, err) ||
        !body_put(tx, row, in->receipt_name, buf_str(&in->receipt->body),
                  in->receipt->body.len, err) ||
        (in->canonical.len > 0 && !body_put(tx, row, "canonical", buf_str(&in->canonical),
                                            in->canonical.len, err)) ||
        (in->part_list.len > 0 &&
         !body_put(tx, row, "parts", buf_str(&in->part_list), in->part_list.len, err)))
        return false;
    for (size_t i = 0; i < in->stage_count; i++)
        if (!body_attach(tx, row, in->stage_names[i], in->stages[i], err))
            return false;
    return true;
}

static bool add_deliverable(struct store_tx *tx, struct incoming *in,
                            const struct message *m, struct err *err)
{
    AUTO(mem_free) char *name = mem_printf("deliverable/%s", in->office->id);
    AUTO(mem_free) char *losses = mem_printf("losses/%s", in->office->id);
    bool made = text_eq(in->kind, "opaque") || in->rendition.translated;
    char id[STORE_ROW_TEXT];

    if (in->draft.doc != NULL &&
        (!body_put(tx, m->row, name, buf_str(&in->rendition.octets),
                   in->rendition.octets.len, err) ||
         !body_put(tx, m->row, losses, buf_str(&in->rendition_losses),
                   in->rendition_losses.len, err)))
        return false;
    if (!made && !exchange_task(tx, "mapping.failed", in->office->id, m->case_id, m->id,
                                in->partner->id, "mapping.unwritable",
                                "the document could not be written in the office's form: "
                                "the office gets the canonical view",
                                err))
        return false;
    return message_set_state(tx, m->row, made ? MESSAGE_READY : MESSAGE_UNTRANSLATED,
                             NULL, NULL, err) &&
           deliverable_add(tx, m->row, in->office->id, id, err);
}

/* Both keys. A document that came before under another eb:MessageId is not taken again: the
 * new envelope gets its receipt, and that is all. */
static bool add_keys(struct store_tx *tx, struct incoming *in, const struct message *m,
                     const char *row, struct err *err)
{
    enum duplicate wire;

    if (!duplicate_wire_add(tx, in->partner->id, in->as4->user->message_id,
                            in->fingerprint, row, &wire, err))
        return false;
    if (wire != DUPLICATE_NONE)
        return err_set(err, ERR_RETRY, "inbound.at-once", "message %s came twice at once",
                       m->id);
    return true;
}

static bool known_again(struct store_tx *tx, struct incoming *in, const struct message *m,
                        struct err *err)
{
    return add_keys(tx, in, m, in->known_row, err) &&
           body_put(tx, in->known_row, in->receipt_name, buf_str(&in->receipt->body),
                    in->receipt->body.len, err) &&
           exchange_audit(tx, &actor_wire, "message.repeated", m->case_id, m->id, "done",
                          in->partner->id, err);
}

static bool look_up_content(struct store_tx *tx, struct incoming *in, struct err *err)
{
    struct duplicate_entry entry;

    in->content_duplicate = DUPLICATE_NONE;
    if (in->draft.doc == NULL)
        return true;
    if (!duplicate_content_find(tx, in->partner->id, in->draft.header.message_id,
                                in->content, &in->content_duplicate, &entry, err))
        return false;
    if (in->content_duplicate != DUPLICATE_NONE)
        (void)STORE_COPY(in->known_row, entry.message_row);
    return true;
}

static bool known_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return look_up_content(tx, ctx, err);
}

static bool take_case(struct store_tx *tx, struct incoming *in, struct err *err)
{
    const char *id = in->draft.header.case_id;

    if (in->draft.doc == NULL)
        return true;
    case_file_free(&in->file);
    if (!case_file_load(tx, id, &in->file, err))
        return false;
    if (in->file != NULL && text_eq(in->kind, "M01"))
        return err_set(err, ERR_RETRY, "inbound.case-taken",
                       "two first messages of case %s at once", id);
    if (in->file == NULL && !add_case(tx, in, err))
        return false;
    note_facts(in);
    return move_case(tx, in, err) && case_file_save(tx, in->file, err);
}

static bool take_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct incoming *in = ctx;
    struct message m;
    enum duplicate content;
    bool taken;

    if (!fill_message(in, &m, err) || !look_up_content(tx, in, err))
        return false;
    if (in->content_duplicate == DUPLICATE_SAME)
        return known_again(tx, in, &m, err);
    if (in->known)
        return err_set(err, ERR_RETRY, "inbound.pruned", "message %s is no longer known",
                       m.id);
    if (in->content_duplicate == DUPLICATE_OTHER)
        return err_set(err, ERR_DENIED, "trm.content-differs",
                       "message id %s was used for other content", m.id);
    if (!take_case(tx, in, err) ||
        !store_keyed_hash(tx, "office-number", in->draft.header.office_number,
                          m.office_number_hash, err) ||
        !message_add(tx, &m, &taken, err))
        return false;
    if (taken)
        return err_set(err, ERR_DENIED, "trm.content-differs", "message id %s is in use",
                       m.id);
    if (!add_keys(tx, in, &m, m.row, err) || !add_bodies(tx, in, m.row, err))
        return false;
    if (in->draft.doc != NULL &&
        !duplicate_content_add(tx, in->partner->id, m.id, in->content, m.row, &content,
                               err))
        return false;
    if (in->office != NULL && !add_deliverable(tx, in, &m, err))
        return false;
    return message_set_receipt(tx, m.row, err) &&
           partner_note_heard(tx, in->partner->id, err) &&
           exchange_audit(tx, &actor_wire, "message.received", m.case_id, m.id, "done",
                          m.kind, err) &&
           exchange_fact(tx, m.agreement, in->leg.from, in->leg.to, "message.received",
                         m.kind, err);
}

/* --- a refused message leaves digests and a reason, no content ---------------------------- */

struct refused_ctx {
    const struct incoming *in;
    const struct refusing *r;
};

static bool refused_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct refused_ctx *c = ctx;
    struct message m;
    bool taken;

    if (!fill_message(c->in, &m, err))
        return false;
    m.state = MESSAGE_REFUSED;
    (void)STORE_COPY(m.reason_code, c->r->detail);
    (void)STORE_COPY(m.reason, c->r->why.text);
    return message_add(tx, &m, &taken, err) &&
           exchange_task(tx, "message.refused",
                         c->in->office != NULL ? c->in->office->id : "", m.case_id, m.id,
                         c->in->partner->id, c->r->detail, c->r->why.text, err) &&
           exchange_audit(tx, &actor_wire, "message.refused", m.case_id, m.id,
                          c->r->detail, c->in->partner->id, err);
}

static enum inbound refuse(struct incoming *in, const struct refusing *r,
                           struct as4_refusal *refusal)
{
    struct refused_ctx ctx = { in, r };
    struct err err = { 0 };

    if (in->draft.doc != NULL && in->draft.header.message_id[0] != '\0' &&
        !store_run(in->x->store, refused_work, &ctx, &err))
        log_error("message.refusal-not-noted", log_s("partner", in->partner->id),
                  log_fault(&err));
    *refusal = (struct as4_refusal){
        .code = r->code,
        .http_status = in->as4->pmode.error_status,
        .sender_known = true,
        .pmode_known = true,
        .pmode = in->as4->pmode,
        .ref_to_message_id = mem_strdup(in->as4->user->message_id),
        .detail = r->detail,
        .local = r->why,
    };
    return INBOUND_REFUSED;
}

/* What is wrong with the message itself is as wrong at the next try: its sender hears it now. */
static bool is_final(const struct err *fault, struct refusing *r)
{
    if (fault->kind != ERR_REJECT)
        return false;
    *r = (struct refusing){ "trm.canonical", *fault, AS4_OTHER };
    if (text_eq(fault->code, "trm.header"))
        r->detail = "trm.header";
    return true;
}

/* --- whole -------------------------------------------------------------------------------- */

/* Parts of an opaque message as they are, with their types. */
static bool take_opaque(struct incoming *in, struct err *err)
{
    AUTO(json_drop) json_t *list = json_array();

    for (size_t i = 0; i < in->as4->part_count; i++) {
        const struct as4_part *p = &in->as4->parts[i];
        AUTO(mem_free) char *name = mem_printf("attachment/%zu", i + 1);

        if (!stage(in, p->content, name, err))
            return false;
        json_array_append_new(list, json_pack("{s:s, s:s*, s:s*, s:s}", "body", name,
                                              "type", p->mime_type, "charset", p->charset,
                                              "contentId", p->content_id));
    }
    in->part_list = (struct buf)BUF_INIT(1024 * 1024);
    json_print(list, &in->part_list);
    in->office = NULL;
    for (size_t i = 0; i < in->partner->opaque_count; i++)
        if (text_eq(in->partner->opaque[i].pmode.id, in->as4->pmode.id))
            in->office = snapshot_office(in->snap, in->partner->opaque[i].office);
    return true;
}

/* What was taken once is not judged again: its case has moved on since. */
static bool look_up_known(struct incoming *in, struct refusing *r, struct err *err)
{
    if (!store_read(in->x->store, known_work, in, err))
        return false;
    in->known = in->content_duplicate == DUPLICATE_SAME;
    if (in->content_duplicate == DUPLICATE_OTHER)
        return NO(r, "content-differs", "message id %s was used for other content",
                  in->draft.header.message_id);
    return true;
}

static bool take_new(struct incoming *in, struct refusing *r, struct err *err)
{
    return find_bundle(in, r) && check_schema(in, r) && find_case(in, r, err) &&
           decide(in, r, err) && take_attachments(in, r, err) && render(in, err);
}

static bool take_referral(struct incoming *in, struct refusing *r, struct err *err)
{
    return read_canonical(in, r, err) && check_header(in, r) &&
           look_up_known(in, r, err) && (in->known || take_new(in, r, err));
}

static bool prepare(struct incoming *in, struct refusing *r, struct err *err)
{
    in->envelope = (struct buf)BUF_SECRET_INIT(2 * 1024 * 1024);
    if (!source_load(in->as4->envelope, &in->envelope, err))
        return false;
    inbound_hex(in->as4->fingerprint, AS4_FINGERPRINT, in->fingerprint);
    inbound_receipt_name(in->as4->user->message_id, in->receipt_name);
    if (in->as4->test) {
        in->kind = "test";
        return true;
    }
    if (in->as4->pmode.opaque) {
        in->kind = "opaque";
        return take_opaque(in, err);
    }
    if (!take_referral(in, r, err))
        return false;
    in->kind = in->draft.header.kind;
    return true;
}

enum inbound inbound_take(const struct exchange *x, const struct snapshot *snap,
                          const struct as4_message *message, struct as4_answer *answer,
                          struct as4_refusal *refusal, struct err *err)
{
    AUTO(incoming_free)
    struct incoming in = { .x = x,
                           .snap = snap,
                           .as4 = message,
                           .kind = "",
                           .receipt = answer,
                           .now_ms = clock_now(x->clock) };
    struct refusing r = { 0 };
    struct err fault = { 0 };

    in.partner = snapshot_partner(snap, message->partner);
    if (!prepare(&in, &r, &fault)) {
        if (in.kind[0] == '\0' && in.draft.header.kind[0] != '\0')
            in.kind = in.draft.header.kind;
        if (r.detail != NULL || is_final(&fault, &r))
            return refuse(&in, &r, refusal);
        *err = fault;
        return INBOUND_TROUBLE;
    }
    if (!as4_receipt_make(message, &snap->keys.sign, snap->own.host, in.now_ms, answer,
                          err))
        return INBOUND_TROUBLE;
    fault_point("in.before-commit");
    if (fault_fails("in.no-commit"))
        return INBOUND_TAKEN; /* test builds only: the kill test must find this out */
    if (!store_run(x->store, take_work, &in, &fault)) {
        if (fault.kind == ERR_DENIED) {
            r = (struct refusing){ "trm.content-differs", fault, AS4_OTHER };
            return refuse(&in, &r, refusal);
        }
        if (is_final(&fault, &r))
            return refuse(&in, &r, refusal);
        *err = fault;
        return INBOUND_TROUBLE;
    }
    fault_point("in.committed");
    if (in.office != NULL)
        exchange_wake_office(x, in.office->id);
    log_info("message.received", log_s("message", in.draft.header.message_id),
             log_s("kind", in.kind), log_s("partner", in.partner->id));
    return INBOUND_TAKEN;
}
