/*
 * preview.c - both forms side by side, one row per leaf of the canonical document.
 *
 * Rows come from the document as it was read, before anything was taken out: so what is
 * withheld or lost has its row too, with the reason. Marks are taken from the loss lists of
 * sender and receiver, by canonical path.
 */
#include "exchange/preview.h"

#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/xml.h"

static const char *const mark_names[] = { "carried", "changed", "withheld", "lost" };

const char *preview_mark_name(enum preview_mark mark)
{
    return mark_names[mark];
}

void preview_free(struct preview *p)
{
    draft_free(&p->draft);
    rendition_free(&p->seen);
    for (size_t i = 0; i < p->count; i++) {
        mem_free(&p->rows[i].path);
        mem_free(&p->rows[i].from_field);
        mem_free(&p->rows[i].from_label);
        mem_free(&p->rows[i].to_field);
        mem_free(&p->rows[i].to_label);
        mem_free(&p->rows[i].value);
        mem_free(&p->rows[i].why);
    }
    mem_free(&p->rows);
    p->count = p->cap = 0;
}

/* --- rows --------------------------------------------------------------------------------- */

static void add_row(struct preview *p, const char *path, const char *value)
{
    p->rows = mem_grow(p->rows, p->count, &p->cap, sizeof *p->rows);
    p->rows[p->count++] =
        (struct preview_row){ .path = mem_strdup(path), .value = mem_strdup(value) };
}

static bool is_leaf(const xmlNode *node)
{
    return xml_first(node) == NULL;
}

static void collect(struct preview *p, const xmlNode *node)
{
    char path[PATH_TEXT_MAX];
    struct err err = { 0 };

    for (const xmlNode *n = xml_first(node); n != NULL; n = xml_next(n)) {
        const char *code = xml_attr(n, NULL, "code");
        bool header = xml_is(n, REFERRAL_NS, "Header");

        if (header || !path_text_of(n, path))
            continue;
        if (is_leaf(n) || code != NULL)
            add_row(p, path, code != NULL ? code : xml_leaf(n, &err));
        collect(p, n);
    }
}

/* How well a row of a mapping stands for a canonical path; 0: not at all. */
static int fits(const char *canonical, const char *path)
{
    if (text_eq(canonical, path))
        return 3;
    if (path_covers(path, canonical) && strstr(canonical + strlen(path), "/@") != NULL)
        return 2;
    /* A field that holds a whole name, or a whole address line. */
    return path_covers(canonical, path) && strrchr(path, '/') == path + strlen(canonical);
}

/* What the form calls the field a canonical path leads to. */
static void name_field(const struct mapping *m, const char *kind, const char *path,
                       char **field, char **label)
{
    char plain[PATH_TEXT_MAX];
    struct mapping_row best = { 0 };
    int how = 0;

    for (size_t i = 0; m != NULL && i < mapping_row_count(m); i++) {
        const struct mapping_row r = mapping_row(m, i);

        if (!text_eq(r.message, kind) || !path_plain(r.canonical, plain) ||
            fits(plain, path) <= how)
            continue;
        best = r;
        how = fits(plain, path);
    }
    if (how == 0)
        return;
    *field = mem_strdup(best.national);
    *label = mem_strdup(best.label);
}

static enum preview_mark mark_of(enum loss_kind kind)
{
    switch (kind) {
    case LOSS_CARRIED:
        return PREVIEW_CARRIED;
    case LOSS_RECODED:
    case LOSS_NARROWED:
    case LOSS_CUT:
    case LOSS_NORMALISED:
        return PREVIEW_CHANGED;
    case LOSS_WITHHELD:
        return PREVIEW_WITHHELD;
    case LOSS_NO_EQUIVALENT:
    case LOSS_INVALID:
        return PREVIEW_LOST;
    }
    return PREVIEW_CARRIED;
}

/* A loss that names a value belongs to the rows that hold it. Where none does (the form's
 * own word stands there, or it is withheld whole) it belongs to every row of its path. */
static bool is_about(const struct preview *p, const struct loss *l, const char *plain,
                     const struct preview_row *row)
{
    bool other = false;

    if (!path_covers(plain, row->path) && !path_covers(row->path, plain))
        return false;
    if (text_eq(l->from, row->value) || text_eq(l->to, row->value))
        return true;
    for (size_t i = 0; i < p->count && !other; i++)
        other = text_eq(p->rows[i].path, row->path) && p->rows[i].value != NULL &&
                (text_eq(p->rows[i].value, l->from) || text_eq(p->rows[i].value, l->to));
    return !other;
}

/* One sentence stands for as many losses as say the same. */
static void add_reason(struct preview_row *row, const char *side, const struct loss *l)
{
    AUTO(mem_free) char *before = row->why;
    AUTO(mem_free)
    char *reason =
        mem_printf("%s: %s%s%s%s%s", side, loss_kind_name(l->kind), l->clause ? ", " : "",
                   l->clause ? l->clause : "", l->reason ? ", " : "",
                   l->reason ? l->reason : "");

    if (before != NULL && strstr(before, reason) != NULL) {
        row->why = TAKE(before);
        return;
    }
    row->why = mem_printf("%s%s%s", before ? before : "", before ? "; " : "", reason);
}

static void mark_row(const struct preview *p, struct preview_row *row,
                     const struct losses *losses, const char *side)
{
    char plain[PATH_TEXT_MAX];

    for (size_t i = 0; i < losses->count; i++) {
        const struct loss *l = &losses->items[i];

        if (l->kind == LOSS_CARRIED || l->path == NULL || !path_plain(l->path, plain) ||
            !is_about(p, l, plain, row))
            continue;
        add_reason(row, side, l);
        if (mark_of(l->kind) > row->mark)
            row->mark = mark_of(l->kind);
    }
}

static void finish_rows(struct preview *p, const struct mapping *from,
                        const struct mapping *to)
{
    for (size_t i = 0; i < p->count; i++) {
        struct preview_row *row = &p->rows[i];

        name_field(from, p->kind, row->path, &row->from_field, &row->from_label);
        name_field(to, p->kind, row->path, &row->to_field, &row->to_label);
        mark_row(p, row, &p->draft.losses, "sending");
        mark_row(p, row, &p->seen.losses, "receiving");
    }
}

/* --- the steps of an intake, without a store ---------------------------------------------- */

static const char *form_of(const struct bundle *b, const char *office, const char *form)
{
    const struct agreement_office *o = agreement_office(b->agreement, office);

    return form != NULL ? form : o != NULL ? o->party->form : NULL;
}

static void fill_header(struct draft *d, const struct preview_input *in,
                        const struct draft_leg *leg, const char *sender_gateway)
{
    struct referral_header *h = &d->header;

    uuid_make(h->message_id);
    if (!case_id_valid(h->case_id))
        case_id_make(h->case_id);
    h->sequence = 1;
    h->created_ms = in->at_ms;
    (void)environment_find(in->environment != NULL ? in->environment : "live",
                           &h->environment);
    snprintf(h->sender_gateway, sizeof h->sender_gateway, "%s", sender_gateway);
    snprintf(h->receiver_gateway, sizeof h->receiver_gateway, "%s", leg->gateway);
    snprintf(h->sender_office, sizeof h->sender_office, "%s", in->from_office);
    snprintf(h->receiver_office, sizeof h->receiver_office, "%s", in->to_office);
    snprintf(h->agreement, sizeof h->agreement, "%s", agreement_id(d->bundle->agreement));
    snprintf(h->agreement_version, sizeof h->agreement_version, "%s",
             agreement_version(d->bundle->agreement));
    snprintf(h->agreement_digest, sizeof h->agreement_digest, "%s", d->bundle->digest);
    snprintf(h->leg, sizeof h->leg, "%s-%s", leg->from, leg->to);
    snprintf(h->mapping, sizeof h->mapping, "%s", d->mapping);
    snprintf(h->mapping_version, sizeof h->mapping_version, "%s", d->mapping_version);
}

/* Attachments are listed with what is known of them: the files need not be at hand. */
static void describe_attachments(struct draft *d)
{
    for (xmlNode *e = referral_section(d->doc, "Attachment"); e != NULL;
         e = xml_again(e)) {
        if (xml_attr(e, NULL, "mediaType") == NULL)
            xml_set(e, NULL, "mediaType", "application/octet-stream");
        if (xml_attr(e, NULL, "sha256") == NULL)
            xml_set(e, NULL, "sha256",
                    "0000000000000000000000000000000000000000000000000000000000000000");
        if (xml_attr(e, NULL, "size") == NULL)
            xml_set(e, NULL, "size", "0");
    }
}

static bool see(struct preview *p, const struct preview_input *in, struct err *err)
{
    const char *form = form_of(in->bundle, in->to_office, in->to_form);
    const struct draft_view view = { .own_office = in->to_office,
                                     .partner_office = in->from_office,
                                     .environment = in->environment,
                                     .zone = agreement_zone_name(in->bundle->agreement),
                                     .now_ms = in->at_ms };

    return draft_render(in->bundle, p->draft.doc, form, &view, &p->draft.attachments,
                        &p->seen, err);
}

static bool decide_and_finish(struct preview *p, const struct preview_input *in,
                              const struct draft_view *view, struct err *err)
{
    struct draft_case of = { .role = CASE_ROLE_SENDER, .state = CASE_DRAFT };
    AUTO(strlist_free) struct strlist asked = { 0 };

    if (!text_eq(p->kind, "M01")) {
        /* Of a case that is not here: as if it stood under review and all this was asked. */
        const xmlNode *r = referral_section(p->draft.doc, "InfoResponse");

        for (const xmlNode *a = xml_child(r, REFERRAL_NS, "Answer"); a != NULL;
             a = xml_again(a)) {
            struct err none = { 0 };
            const xmlNode *path = xml_child(a, REFERRAL_NS, "Path");

            if (path != NULL && xml_leaf(path, &none) != NULL)
                strlist_add(&asked, xml_leaf(path, &none));
        }
        of.role = text_eq(p->kind, "M06") ? CASE_ROLE_SENDER : CASE_ROLE_RECEIVER;
        of.state = CASE_UNDER_REVIEW;
        of.asked = &asked;
    }
    if (!draft_decide(&p->draft, view, &of, err))
        return false;
    if (p->draft.refused.kind != ERR_NONE)
        return true;
    describe_attachments(&p->draft);
    if (!draft_finish(&p->draft, err))
        return false;
    return report_errors(&p->draft.findings) > 0 || see(p, in, err);
}

bool preview_run(const struct preview_input *in, struct preview *p, struct err *err)
{
    const char *from_form = form_of(in->bundle, in->from_office, in->from_form);
    const char *to_form = form_of(in->bundle, in->to_office, in->to_form);
    const struct agreement_office *sender =
        agreement_office(in->bundle->agreement, in->from_office);
    const struct draft_view view = { .own_office = in->from_office,
                                     .partner_office = in->to_office,
                                     .environment = in->environment,
                                     .zone = agreement_zone_name(in->bundle->agreement),
                                     .now_ms = in->at_ms,
                                     .file = in->file };
    const struct mapping *from = NULL, *to = NULL;
    struct draft_leg leg;
    struct err none = { 0 };

    *p = (struct preview){ 0 };
    if (from_form == NULL || to_form == NULL ||
        !draft_leg(in->bundle, in->from_office, in->to_office, &leg))
        return err_set(
            err, ERR_DENIED, "preview.no-leg", "agreement %s has no leg from %s to %s",
            agreement_id(in->bundle->agreement), in->from_office, in->to_office);
    snprintf(p->from_form, sizeof p->from_form, "%s", from_form);
    snprintf(p->to_form, sizeof p->to_form, "%s", to_form);
    if (!draft_read(&p->draft, in->bundle, from_form, &view, in->data, in->len, err))
        return false;
    if (p->draft.doc == NULL || report_errors(&p->draft.findings) > 0)
        return true;
    snprintf(p->kind, sizeof p->kind, "%s", p->draft.header.kind);
    fill_header(&p->draft, in, &leg, sender->gateway != NULL ? sender->gateway : "");
    referral_header_write(p->draft.doc, in->bundle->paths, &p->draft.header);
    collect(p, referral_root(p->draft.doc));
    if (!decide_and_finish(p, in, &view, err))
        return false;
    if (!text_eq(from_form, CANONICAL_FORM))
        from = bundle_mapping(in->bundle, from_form, &none);
    if (!text_eq(to_form, CANONICAL_FORM))
        to = bundle_mapping(in->bundle, to_form, &none);
    finish_rows(p, from, to);
    return true;
}

/* --- printing ----------------------------------------------------------------------------- */

static const char *or_dash(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : "-";
}

static const char *field_words(const char *label, const char *field)
{
    return label != NULL ? label : or_dash(field);
}

void preview_print(const struct preview *p, struct buf *out)
{
    buf_addf(out, "%s, %s -> %s\n\n", p->kind[0] ? p->kind : "no message", p->from_form,
             p->to_form);
    for (size_t i = 0; i < p->count; i++) {
        const struct preview_row *r = &p->rows[i];

        buf_addf(out, "%-9s %s | %s\n          %s = %s\n", preview_mark_name(r->mark),
                 field_words(r->from_label, r->from_field),
                 field_words(r->to_label, r->to_field), r->path, or_dash(r->value));
        if (r->why != NULL)
            buf_addf(out, "          %s\n", r->why);
    }
    if (p->draft.refused.kind != ERR_NONE)
        buf_addf(out, "\nrefused: %s %s (%s)\n", p->draft.refused.code,
                 p->draft.refused.text, p->draft.refused_clause);
    report_print(&p->draft.findings, out);
    report_print(&p->seen.findings, out);
}

static json_t *row_json(const struct preview_row *r)
{
    return json_pack("{s:s, s:{s:s*, s:s*}, s:{s:s*, s:s*}, s:s*, s:s, s:s*}", "path",
                     r->path, "from", "field", r->from_field, "label", r->from_label,
                     "to", "field", r->to_field, "label", r->to_label, "value", r->value,
                     "mark", preview_mark_name(r->mark), "why", r->why);
}

/* As text; in Base64 when the form is written in another encoding than UTF-8. */
static void document_json(const struct preview *p, json_t *whole)
{
    const struct buf *octets = &p->seen.octets;
    json_t *text = json_stringn(octets->data, octets->len);

    if (text != NULL) {
        json_object_set_new(whole, "document", text);
    } else {
        AUTO(buf_free) struct buf base64 = BUF_SECRET_INIT(2 * NATIONAL_MAX);

        base64_add(&base64, octets->data, octets->len);
        json_object_set_new(whole, "documentBase64", json_string(buf_str(&base64)));
    }
    json_object_set_new(whole, "translated", json_boolean(p->seen.translated));
}

json_t *preview_json(const struct preview *p)
{
    json_t *rows = json_array();
    json_t *whole = json_pack("{s:s, s:s, s:s}", "kind", p->kind, "from", p->from_form,
                              "to", p->to_form);

    for (size_t i = 0; i < p->count; i++)
        json_array_append_new(rows, row_json(&p->rows[i]));
    json_object_set_new(whole, "rows", rows);
    json_object_set_new(whole, "losses", losses_json(&p->draft.losses));
    json_object_set_new(whole, "receivingLosses", losses_json(&p->seen.losses));
    json_object_set_new(whole, "findings", report_json(&p->draft.findings));
    json_object_set_new(whole, "receivingFindings", report_json(&p->seen.findings));
    if (p->seen.octets.len > 0)
        document_json(p, whole);
    if (p->draft.refused.kind != ERR_NONE)
        json_object_set_new(whole, "refused",
                            json_pack("{s:s, s:s, s:s}", "code", p->draft.refused.code,
                                      "text", p->draft.refused.text, "clause",
                                      p->draft.refused_clause));
    return whole;
}
