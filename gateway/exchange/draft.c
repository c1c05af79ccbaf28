/*
 * draft.c - translation and decision as one chain of small steps.
 *
 * Whoever calls decides what to do with a refusal; here it is only found. Free text, losses and
 * findings of each step are gathered, never dropped: what the office is told at the end is what
 * happened.
 */
#include "exchange/draft.h"

#include <stdio.h>
#include <string.h>

#include "agreement/consent.h"
#include "agreement/decide.h"
#include "agreement/rights.h"
#include "base/mem.h"
#include "base/zone.h"
#include "format/finding.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "model/message.h"

void draft_free(struct draft *d)
{
    xml_doc_free(&d->doc);
    mapping_attachments_free(&d->attachments);
    losses_free(&d->losses);
    report_free(&d->findings);
    mem_wipe(d, sizeof *d);
}

void rendition_free(struct rendition *r)
{
    buf_free(&r->octets);
    losses_free(&r->losses);
    report_free(&r->findings);
}

/* --- values from outside ------------------------------------------------------------------ */

#define VALUES_MAX 24

struct values {
    struct mapping_value items[VALUES_MAX];
    size_t count;
    char now[21], created[21], number[CASE_ID_TEXT];
};

static void add_value(struct values *v, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0' && v->count < VALUES_MAX)
        v->items[v->count++] = (struct mapping_value){ name, value };
}

static struct civil today_of(const struct draft_view *view)
{
    struct err err = { 0 };
    AUTO(zone_free)
    struct zone *zone = zone_open(view->zone != NULL ? view->zone : "UTC", &err);

    return zone != NULL ? zone_date(zone, view->now_ms)
                        : civil_of_days(view->now_ms / DAY_MS);
}

/* Names as mappings/README.md lists them. */
static void gather_values(const struct bundle *bundle, const struct draft_view *view,
                          const struct referral_header *h, struct values *v)
{
    const struct agreement_office *own =
        agreement_office(bundle->agreement, view->own_office);

    instant_print_s(view->now_ms, v->now);
    add_value(v, "now", v->now);
    add_value(v, "office.own", view->own_office);
    add_value(v, "office.partner", view->partner_office);
    add_value(v, "agreement.id", agreement_id(bundle->agreement));
    if (own != NULL)
        add_value(
            v, "agreement.legal-basis",
            agreement_legal_basis(bundle->agreement, own->party->id, today_of(view)));
    add_value(v, "case.own-number", view->own_number);
    add_value(v, "case.person-name", view->person_name);
    if (h == NULL)
        return;
    instant_print_s(h->created_ms, v->created);
    add_value(v, "case.id", h->case_id);
    add_value(v, "message.id", h->message_id);
    add_value(v, "message.number",
              h->office_number[0] != '\0' ? h->office_number : h->message_id);
    add_value(v, "message.created-at", v->created);
}

static struct mapping_context context_of(const struct values *v,
                                         const struct draft_view *view)
{
    return (struct mapping_context){
        .values = v->items, .count = v->count, .today = today_of(view), .file = view->file
    };
}

/* --- reading ------------------------------------------------------------------------------ */

static void not_read(struct draft *d, const struct draft_view *view,
                     const struct err *why, const char *remedy)
{
    report_add(&d->findings, &(struct report_entry){ .code = "E-SYNTAX",
                                                     .file = view->file,
                                                     .text = why->text,
                                                     .remedy = remedy });
    xml_doc_free(&d->doc);
}

/* The office writes the canonical document itself; the seal is ours to set. */
static bool read_canonical(struct draft *d, const struct draft_view *view,
                           const void *data, size_t len)
{
    struct err why = { 0 };

    if (len > CANONICAL_MAX) {
        err_set(&why, ERR_REJECT, "draft.too-large",
                "the document has more than %d octets", CANONICAL_MAX);
        not_read(d, view, &why, "put large texts into attachments");
        return true;
    }
    d->doc = xml_parse_utf8(data, len, NULL, &why);
    if (d->doc == NULL || referral_root(d->doc) == NULL)
        not_read(d, view, &why, "hand in a canonical referral (referral-1.xsd)");
    return true;
}

static bool read_header(struct draft *d, const struct draft_view *view)
{
    struct err why = { 0 };

    if (d->doc == NULL)
        return true;
    /* No national form says it: a document is of the environment of the gateway it comes to. */
    xmlNode *root = xml_root(d->doc);
    if (xml_attr(root, NULL, "environment") == NULL)
        xml_set(root, NULL, "environment",
                view->environment != NULL ? view->environment : "live");
    if (!referral_header_read(d->doc, &d->header, &why))
        not_read(d, view, &why, "mend what is named");
    return true;
}

bool draft_read(struct draft *d, const struct bundle *bundle, const char *form,
                const struct draft_view *view, const void *data, size_t len,
                struct err *err)
{
    struct values values = { 0 };

    d->bundle = bundle;
    if (text_eq(form, CANONICAL_FORM))
        return read_canonical(d, view, data, len) && read_header(d, view);
    const struct mapping *mapping = bundle_mapping(bundle, form, err);
    if (mapping == NULL)
        return false;
    snprintf(d->mapping, sizeof d->mapping, "%s", mapping_id(mapping));
    snprintf(d->mapping_version, sizeof d->mapping_version, "%s",
             mapping_version(mapping));
    gather_values(bundle, view, NULL, &values);
    const struct mapping_context context = context_of(&values, view);
    if (!mapping_read(mapping, data, len, &context, &d->doc, &d->attachments, &d->losses,
                      &d->findings, err))
        return false;
    return read_header(d, view);
}

/* --- deciding ----------------------------------------------------------------------------- */

bool draft_leg(const struct bundle *bundle, const char *sender_office,
               const char *receiver_office, struct draft_leg *ret)
{
    const struct agreement_leg *leg =
        agreement_leg_between(bundle->agreement, sender_office, receiver_office);
    const struct agreement_office *to =
        agreement_office(bundle->agreement, receiver_office);

    if (leg == NULL || to == NULL || to->gateway == NULL)
        return false;
    *ret = (struct draft_leg){ leg->from, leg->to, to->gateway };
    return true;
}

static const char *party_of(const struct bundle *bundle, const char *office)
{
    const struct agreement_office *o = agreement_office(bundle->agreement, office);

    return o != NULL ? o->party->id : NULL;
}

static const char *text_or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static struct decide_input input_of(const struct draft *d, const struct draft_view *view,
                                    const struct draft_case *of)
{
    const char *us = party_of(d->bundle, view->own_office);
    const char *them = party_of(d->bundle, view->partner_office);
    bool first = text_eq(d->header.kind, "M01");
    bool we_sent = of->role == CASE_ROLE_SENDER;

    return (struct decide_input){
        .agreement = d->bundle->agreement,
        .doc = d->doc,
        .side = of->receiver ? DECIDE_RECEIVER : DECIDE_SENDER,
        .now_ms = view->now_ms,
        .environment = view->environment,
        .from_office = of->receiver ? view->partner_office : view->own_office,
        .to_office = of->receiver ? view->own_office : view->partner_office,
        .case_sender = first     ? NULL
                       : we_sent ? us
                                 : them,
        .case_receiver = first     ? NULL
                         : we_sent ? them
                                   : us,
        .case_state = first ? NULL : case_state_name(of->state),
        .consents = first ? NULL : of->consents,
        .birth_date = first ? NULL : text_or_null(of->birth_date),
        .beneficiary = first ? NULL : text_or_null(of->beneficiary),
        .asked = of->asked,
        .leg_override = of->leg_override,
    };
}

bool draft_decide(struct draft *d, const struct draft_view *view,
                  const struct draft_case *of, struct err *err)
{
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };

    (void)err;
    if (!of->receiver && text_eq(d->header.kind, "M01"))
        agreement_expand_consents(
            d->bundle->agreement, d->doc, party_of(d->bundle, view->own_office),
            party_of(d->bundle, view->partner_office), &d->findings);
    const struct decide_input input = input_of(d, view, of);
    if (!decide(&input, &verdicts)) {
        (void)verdicts_err(&verdicts, &d->refused);
        if (verdicts.refusal_count > 0)
            snprintf(d->refused_clause, sizeof d->refused_clause, "%s",
                     verdicts.refusals[0].clause != NULL ? verdicts.refusals[0].clause
                                                         : "");
        return true;
    }
    if (!of->receiver)
        agreement_prune(d->bundle->agreement, d->doc, &verdicts, &d->losses);
    return true;
}

bool draft_narrowed(struct draft *d, const struct draft_view *view,
                    const struct draft_case *of, char code[64], char text[400])
{
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    const struct decide_input input = input_of(d, view, of);

    (void)decide(&input, &verdicts);
    const struct narrower n = decide_narrower(NULL, &verdicts);
    if (n.narrower) {
        snprintf(code, 64, "%s", n.code);
        snprintf(text, 400, "%.300s%s%.90s", n.text, n.clause[0] ? " - " : "", n.clause);
    }
    return n.narrower;
}

/* --- finishing ---------------------------------------------------------------------------- */

bool draft_finish(struct draft *d, struct err *err)
{
    AUTO(losses_free) struct losses travelling = { 0 };
    AUTO(findings_free) struct findings schema = { 0 };

    agreement_block_losses(d->bundle->agreement, &d->losses);
    losses_travelling(&d->losses, agreement_named_categories(d->bundle->agreement),
                      &travelling);
    losses_to_referral(&travelling, d->doc);
    referral_header_write(d->doc, d->bundle->paths, &d->header);
    if (!xsd_validate(d->bundle->canonical, d->doc, &schema, err))
        return false;
    report_add_schema(&d->findings, "canonical", &schema);
    referral_check(d->doc, d->bundle->paths, d->bundle->codes, "canonical", &d->findings);
    return true;
}

bool draft_check_blocking(struct draft *d, struct err *err)
{
    agreement_block_losses(d->bundle->agreement, &d->losses);
    for (size_t i = 0; i < d->losses.count; i++) {
        const struct loss *l = &d->losses.items[i];

        if (l->blocking && l->kind != LOSS_CARRIED)
            return err_set(
                err, ERR_DENIED, "loss.blocking",
                "%s (%s) would be %s: the agreement does not let the message go "
                "so",
                l->field != NULL ? l->field : "a field", l->path != NULL ? l->path : "",
                loss_kind_name(l->kind));
    }
    return true;
}

/* --- the office's view -------------------------------------------------------------------- */

static bool print_canonical(const xmlDoc *doc, struct rendition *ret, struct err *err)
{
    ret->media_type = "application/xml";
    ret->extension = "xml";
    buf_clear(&ret->octets);
    return xml_print(doc, NULL, &ret->octets, err);
}

/* The seal holds for the whole document only. */
static void drop_seal(xmlDoc *doc)
{
    xmlNode *seal =
        xml_child(referral_root(doc), "http://www.w3.org/2000/09/xmldsig#", "Signature");

    if (seal != NULL) {
        xmlUnlinkNode(seal);
        xmlFreeNode(seal);
    }
}

static bool write_form(const struct bundle *bundle, const xmlDoc *doc, const char *form,
                       const struct draft_view *view,
                       const struct mapping_attachments *attachments,
                       struct rendition *ret, struct err *err)
{
    struct values values = { 0 };
    struct referral_header header = { 0 };
    const struct mapping *mapping = bundle_mapping(bundle, form, err);

    if (mapping == NULL || !referral_header_read(doc, &header, err))
        return false;
    gather_values(bundle, view, &header, &values);
    const struct mapping_context context = context_of(&values, view);
    ret->media_type = mapping_media_type(mapping);
    ret->extension = mapping_extension(mapping);
    return mapping_write(mapping, doc, &context, attachments, &ret->octets, &ret->losses,
                         &ret->findings, err);
}

bool draft_render(const struct bundle *bundle, const xmlDoc *doc, const char *form,
                  const struct draft_view *view,
                  const struct mapping_attachments *attachments, struct rendition *ret,
                  struct err *err)
{
    AUTO(xml_doc_free) xmlDoc *copy = xmlCopyDoc((xmlDoc *)(uintptr_t)doc, 1);
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    const struct rights_input input = { .agreement = bundle->agreement,
                                        .doc = copy,
                                        .office = view->own_office,
                                        .now_ms = view->now_ms };
    struct err why = { 0 };

    *ret = (struct rendition){ .octets = BUF_SECRET_INIT(NATIONAL_MAX) };
    if (!rights_filter(&input, &verdicts))
        return verdicts_err(&verdicts, err);
    ret->withheld = (unsigned)verdicts_withheld(&verdicts);
    if (ret->withheld > 0) {
        agreement_prune(bundle->agreement, copy, &verdicts, &ret->losses);
        drop_seal(copy);
    }
    if (text_eq(form, CANONICAL_FORM)) {
        ret->translated = true;
        return print_canonical(copy, ret, err);
    }
    ret->translated = write_form(bundle, copy, form, view, attachments, ret, &why);
    if (ret->translated)
        return true;
    report_add(&ret->findings,
               &(struct report_entry){ .code = "E-UNWRITABLE", .text = why.text });
    return print_canonical(copy, ret, err);
}
