/*
 * answer.c - canonical documents made from an officer's words.
 *
 * Fields are named as the office's own form names them; the mapping says which canonical path
 * that is. A "provided" value is copied from the office's own referral of the case, read again
 * with the case's bundle, so that nothing has to be typed twice and nothing else can slip in.
 */
#include "exchange/answer.h"

#include <stdio.h>
#include <string.h>

#include "agreement/agreement.h"
#include "base/err.h"
#include "base/mem.h"
#include "exchange/case_file.h"
#include "format/xml.h"
#include "store/bodies.h"
#include "store/messages.h"

static const struct {
    const char *word;
    enum answer_act act;
    const char *kind;
    const char *outcome; /* of an M04 */
} acts[] = {
    { "take", ANSWER_TAKE, "M03", NULL },
    { "accept", ANSWER_ACCEPT, "M04", "ACCEPT" },
    { "defer", ANSWER_DEFER, "M04", "DEFER" },
    { "redirect", ANSWER_REDIRECT, "M04", "REDIRECT" },
    { "decline", ANSWER_DECLINE, "M04", "DECLINE" },
    { "ask", ANSWER_ASK, "M05", NULL },
    { "answer", ANSWER_ANSWER, "M06", NULL },
};

static const struct {
    const char *word;
    const char *code;
} states[] = {
    { "provided", "PROVIDED" },
    { "refused", "REFUSED" },
    { "unknown", "UNKNOWN" },
    { "not-permitted", "NOT_PERMITTED" },
};

bool answer_act_parse(const char *word, enum answer_act *ret)
{
    for (size_t i = 0; i < COUNT_OF(acts); i++) {
        if (text_eq(word, acts[i].word)) {
            *ret = acts[i].act;
            return true;
        }
    }
    return false;
}

struct making {
    const struct exchange *x;
    const struct answer *a;
    const struct snapshot *snap;
    const struct office *office;
    struct case_file *file;
    const struct bundle *bundle;
    const struct mapping *mapping; /* NULL: the office writes the canonical document */
    xmlDoc *doc;
    struct buf own; /* the office's referral as it handed it in */
    char reply_to[UUID_TEXT];
    struct intake_result *out;
};

static bool refuse(struct making *m, enum err_kind kind, const char *code,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);

static bool refuse(struct making *m, enum err_kind kind, const char *code,
                   const char *fmt, ...)
{
    char text[400];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err_set_at(&m->out->why, kind, code, __FILE__, __LINE__, "%s", text);
    m->out->verdict = INTAKE_REFUSED;
    return false;
}

/* --- the case ----------------------------------------------------------------------------- */

/* The newest message of the other side is what this one answers; our own referral holds what
 * we may provide. */
static bool load_messages(struct store_tx *tx, struct making *m, struct err *err)
{
    AUTO(message_list_free) struct message_list in = { 0 }, out = { 0 };
    const char *id = m->file->row.id;
    bool found;
    struct message_filter filter = { .case_id = id,
                                     .by_direction = true,
                                     .direction = MESSAGE_IN,
                                     .newest_first = true,
                                     .limit = 1 };

    if (!message_select(tx, &filter, &in, err))
        return false;
    if (in.count > 0)
        snprintf(m->reply_to, sizeof m->reply_to, "%.36s", in.items[0].id);
    filter = (struct message_filter){ .case_id = id,
                                      .kind = "M01",
                                      .by_direction = true,
                                      .direction = MESSAGE_OUT,
                                      .limit = 1 };
    if (!message_select(tx, &filter, &out, err))
        return false;
    m->own = (struct buf)BUF_SECRET_INIT(NATIONAL_MAX);
    return out.count == 0 ||
           body_load(tx, out.items[0].row, "national", &m->own, &found, err);
}

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct making *m = ctx;
    char id[CASE_ID_TEXT];

    case_file_free(&m->file);
    buf_free(&m->own);
    if (!case_id_normal(m->a->case_id, id))
        return true;
    if (!case_file_load(tx, id, &m->file, err))
        return false;
    return m->file == NULL || load_messages(tx, m, err);
}

static bool find_case(struct making *m, struct err *err)
{
    if (!store_read(m->x->store, load_work, m, err))
        return false;
    if (m->file == NULL || !text_eq(m->file->row.own_office, m->office->id))
        return refuse(m, ERR_REJECT, "intake.case-unknown",
                      "there is no such case of office %s: `trmctl case list` shows the "
                      "cases that can be answered",
                      m->office->id);
    m->bundle = bundles_by_digest(m->snap->bundles, m->file->row.bundle);
    if (m->bundle == NULL)
        return refuse(m, ERR_CONFIG, "intake.no-bundle",
                      "the bundle that the case began under is not installed any more");
    if (text_eq(m->office->form, CANONICAL_FORM))
        return true;
    m->mapping = bundle_mapping(m->bundle, m->office->form, err);
    return m->mapping != NULL;
}

/* --- building ----------------------------------------------------------------------------- */

static xmlNode *add(struct making *m, xmlNode *parent, const char *name, const char *text)
{
    xmlNode *node = path_add(m->bundle->paths, parent, name);

    if (node != NULL && text != NULL)
        xml_append_text(node, text);
    return node;
}

static void add_coded(struct making *m, xmlNode *parent, const char *name,
                      const char *code)
{
    xmlNode *node = add(m, parent, name, NULL);

    if (node != NULL)
        xml_set(node, NULL, "code", code);
}

static void add_contact(struct making *m)
{
    const struct answer *a = m->a;

    if (a->officer == NULL && a->phone == NULL && a->email == NULL)
        return;
    xmlNode *c = path_add(m->bundle->paths, referral_root(m->doc), "Contact");
    xml_set(c, NULL, "role",
            m->file->role == CASE_ROLE_RECEIVER ? "RECEIVING_CASE_MANAGER"
                                                : "SENDING_CASE_MANAGER");
    const struct {
        const char *name, *text;
    } fields[] = { { "Name", a->officer },
                   { "Position", a->position },
                   { "Organisation", a->organisation },
                   { "Phone", a->phone },
                   { "Email", a->email } };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].text != NULL)
            add(m, c, fields[i].name, fields[i].text);
}

static void add_note(struct making *m)
{
    if (m->a->note == NULL)
        return;
    xmlNode *note = add(m, referral_root(m->doc), "Note", m->a->note);
    /* The officer says it as part of the administration of the case. */
    xml_set(note, NULL, "category", "ADMIN");
    xml_set(note, NULL, "form", m->office->form);
}

static void add_free(struct making *m, xmlNode *parent, const char *name,
                     const char *text, const char *field)
{
    xmlNode *node = add(m, parent, name, text);

    xml_set(node, NULL, "form", m->office->form);
    xml_set(node, NULL, "field", field);
}

static bool make_taken(struct making *m, const char *outcome)
{
    char now[21];
    xmlNode *section = referral_section_make(m->doc, m->bundle->paths, "CaseTaken");

    (void)outcome;
    instant_print_s(clock_now(m->x->clock), now);
    add(m, section, "ReceivedAt", now);
    return true;
}

static bool make_decision(struct making *m, const char *outcome)
{
    const struct answer *a = m->a;
    xmlNode *section = referral_section_make(m->doc, m->bundle->paths, "Decision");

    if (a->act == ANSWER_DECLINE && (a->reasons == NULL || a->reasons->count == 0))
        return refuse(
            m, ERR_REJECT, "answer.needs",
            "a case is declined with at least one reason: --reason CODE (codes of "
            "the list decline_reason)");
    if (a->act == ANSWER_REDIRECT && a->redirect_to == NULL)
        return refuse(m, ERR_REJECT, "answer.needs",
                      "a case is redirected to somebody: --redirect-to OFFICE");
    if (a->act == ANSWER_ACCEPT && a->conditions != NULL)
        outcome = "ACCEPT_COND";
    add_coded(m, section, "Outcome", outcome);
    for (size_t i = 0; a->reasons != NULL && i < a->reasons->count; i++)
        add_coded(m, section, "Reason", a->reasons->items[i]);
    if (a->conditions != NULL)
        add_free(m, section, "Conditions", a->conditions, "conditions");
    if (a->redirect_to != NULL)
        add(m, section, "RedirectTo", a->redirect_to);
    return true;
}

/* --- fields ------------------------------------------------------------------------------- */

static const char *path_of_field(struct making *m, const char *field)
{
    const char *path =
        m->mapping != NULL ? mapping_field_canonical(m->mapping, field) : NULL;

    if (path == NULL && path_find(m->bundle->paths, field) != NULL)
        path = field;
    if (path == NULL)
        refuse(m, ERR_REJECT, "answer.field",
               "the form %s has no field of the name %.80s: name it as the form does",
               m->office->form, field);
    return path;
}

static bool make_request(struct making *m, const char *outcome)
{
    xmlNode *section = referral_section_make(m->doc, m->bundle->paths, "InfoRequest");

    (void)outcome;
    if (m->a->field_count == 0)
        return refuse(m, ERR_REJECT, "answer.needs",
                      "ask for at least one field: --field");
    for (size_t i = 0; i < m->a->field_count; i++) {
        const struct answer_field *f = &m->a->fields[i];
        const char *path = path_of_field(m, f->field);

        if (path == NULL)
            return false;
        xmlNode *q = add(m, section, "Question", NULL);
        xml_set(q, NULL, "national", f->field);
        add(m, q, "Path", path);
        add_coded(m, q, "Purpose", f->purpose != NULL ? f->purpose : "ASSIST");
        if (f->explanation != NULL)
            add_free(m, q, "Explanation", f->explanation, "explanation");
    }
    return true;
}

static const char *state_code(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (text_eq(word, states[i].word))
            return states[i].code;
    return NULL;
}

/* The office's own referral, read again under the case's bundle. */
static bool read_own(struct making *m, struct draft *own, struct err *err)
{
    const struct draft_view view = { .own_office = m->office->id,
                                     .partner_office = m->file->row.partner_office,
                                     .own_gateway = m->snap->own.id,
                                     .partner_gateway = m->file->row.partner,
                                     .environment = m->snap->own.environment,
                                     .zone = m->snap->own.zone,
                                     .now_ms = clock_now(m->x->clock) };

    return draft_read(own, m->bundle, m->office->form, &view, buf_str(&m->own),
                      m->own.len, err);
}

/* Copies what a path leads to: for "Person/BirthPlace" that element, for "Family/Member" each. */
static size_t copy_path(struct making *m, const xmlDoc *from, const char *path)
{
    char section[PATH_TEXT_MAX];
    const char *slash = strchr(path, '/');
    size_t copied = 0;

    snprintf(section, sizeof section, "%.*s",
             (int)(slash != NULL ? slash - path : (ptrdiff_t)strlen(path)), path);
    for (xmlNode *s = referral_section(from, section); s != NULL; s = xml_again(s)) {
        const char *rest = slash != NULL ? slash + 1 : NULL;
        xmlNode *to = rest == NULL
                          ? referral_root(m->doc)
                          : referral_section_make(m->doc, m->bundle->paths, section);
        xmlNode *walk = s;

        /* Every step but the last is a group that is made on the way. */
        for (const char *next;
             rest != NULL && (next = strchr(rest, '/')) != NULL && next[1] != '@';
             rest = next + 1) {
            AUTO(mem_free) char *step = mem_strndup(rest, strcspn(rest, "[/"));

            walk = walk == NULL ? NULL : xml_child(walk, REFERRAL_NS, step);
            xmlNode *have = xml_child(to, REFERRAL_NS, step);
            to = have != NULL ? have : path_add(m->bundle->paths, to, step);
        }
        AUTO(mem_free)
        char *last = mem_strndup(rest != NULL ? rest : section,
                                 strcspn(rest ? rest : section, "[/"));
        xmlNode *item = rest == NULL ? walk : xml_child(walk, REFERRAL_NS, last);
        for (; item != NULL; item = rest == NULL ? NULL : xml_again(item)) {
            xmlNode *place = path_add(m->bundle->paths, to, last);
            xmlNode *copy = xmlDocCopyNode(item, m->doc, 1);

            xmlReplaceNode(place, copy);
            xmlFreeNode(place);
            xmlReconciliateNs(m->doc, copy);
            copied++;
        }
    }
    return copied;
}

static bool answer_one(struct making *m, xmlNode *section, const struct answer_field *f,
                       const struct draft *own)
{
    const char *path = path_of_field(m, f->field), *code = state_code(f->state);

    if (path == NULL)
        return false;
    if (code == NULL)
        return refuse(m, ERR_REJECT, "answer.needs",
                      "an answer is provided, refused, unknown or not-permitted");
    if (text_eq(code, "PROVIDED") &&
        (own->doc == NULL || copy_path(m, own->doc, path) == 0))
        return refuse(m, ERR_REJECT, "answer.no-value",
                      "the referral of this office holds nothing under %.80s: answer "
                      "unknown, or hand in the answer as a document with the value",
                      f->field);
    xmlNode *answer = add(m, section, "Answer", NULL);
    xml_set(answer, NULL, "national", f->field);
    add(m, answer, "Path", path);
    add_coded(m, answer, "State", code);
    return true;
}

static bool make_response(struct making *m, struct err *err)
{
    AUTO(draft_free) struct draft own = { 0 };
    xmlNode *section;

    if (m->a->field_count == 0)
        return refuse(m, ERR_REJECT, "answer.needs",
                      "answer at least one field: --provide, --refuse, --unknown or "
                      "--not-permitted");
    if (m->own.len > 0 && !read_own(m, &own, err))
        return false;
    section = referral_section_make(m->doc, m->bundle->paths, "InfoResponse");
    for (size_t i = 0; i < m->a->field_count; i++)
        if (!answer_one(m, section, &m->a->fields[i], &own))
            return false;
    return true;
}

/* --- whole -------------------------------------------------------------------------------- */

static void write_header(struct making *m)
{
    struct referral_header h = { 0 };

    struct err none = { 0 };

    if (!referral_header_read(m->doc, &h, &none))
        return; /* we made it a moment ago */
    (void)STORE_COPY(h.case_id, m->file->row.id);
    (void)STORE_COPY(h.sender_office, m->office->id);
    (void)STORE_COPY(h.receiver_office, m->file->row.partner_office);
    (void)STORE_COPY(h.agreement, m->file->row.agreement);
    snprintf(h.reply_to, sizeof h.reply_to, "%s", m->reply_to);
    if (m->a->out_number != NULL)
        snprintf(h.office_number, sizeof h.office_number, "%s", m->a->out_number);
    if (m->a->respond_by != NULL)
        snprintf(h.respond_by, sizeof h.respond_by, "%.10s", m->a->respond_by);
    referral_header_write(m->doc, m->bundle->paths, &h);
}

static void add_number(struct making *m)
{
    const char *number = m->a->number != NULL ? m->a->number : m->file->own_number;

    if (number[0] == '\0')
        return;
    xmlNode *section = referral_section_make(m->doc, m->bundle->paths, "Case");
    xmlNode *id = add(m, section, "NationalId", number);
    if (m->snap->own.country[0] != '\0')
        xml_set(id, NULL, "country", m->snap->own.country);
    xml_set(id, NULL, "office", m->office->id);
}

static bool make(struct making *m, struct err *err)
{
    size_t row = 0;
    enum environment environment = ENVIRONMENT_LIVE;

    while (acts[row].act != m->a->act)
        row++;
    (void)environment_find(m->snap->own.environment, &environment);
    m->doc = referral_new(acts[row].kind, environment);
    write_header(m);
    add_number(m);
    add_contact(m);
    add_note(m);
    switch (m->a->act) {
    case ANSWER_TAKE:
        return make_taken(m, NULL);
    case ANSWER_ACCEPT:
    case ANSWER_DEFER:
    case ANSWER_REDIRECT:
    case ANSWER_DECLINE:
        return make_decision(m, acts[row].outcome);
    case ANSWER_ASK:
        return make_request(m, NULL);
    case ANSWER_ANSWER:
        return make_response(m, err);
    }
    return false;
}

static void making_free(struct making *m)
{
    case_file_free(&m->file);
    xml_doc_free(&m->doc);
    buf_free(&m->own);
}

/* Absent and empty are two things; where one text ends is not to be guessed. */
static void say(struct buf *said, const char *text)
{
    if (text == NULL)
        buf_adds(said, "-;");
    else
        buf_addf(said, "%zu:%s;", strlen(text), text);
}

/* What was said, not when: the same words under the same key are a repeat. */
static void digest_of(const struct answer *a, char out[STORE_HASH_TEXT])
{
    AUTO(buf_free) struct buf said = BUF_SECRET_INIT(NATIONAL_MAX);
    const char *const texts[] = { acts[a->act].word, a->case_id,     a->number,
                                  a->out_number,     a->officer,     a->position,
                                  a->organisation,   a->phone,       a->email,
                                  a->conditions,     a->redirect_to, a->note,
                                  a->respond_by };

    for (size_t i = 0; i < COUNT_OF(texts); i++)
        say(&said, texts[i]);
    for (size_t i = 0; a->reasons != NULL && i < a->reasons->count; i++)
        say(&said, a->reasons->items[i]);
    for (size_t i = 0; i < a->field_count; i++) {
        say(&said, a->fields[i].field);
        say(&said, a->fields[i].state);
        say(&said, a->fields[i].purpose);
        say(&said, a->fields[i].explanation);
    }
    exchange_sha256(buf_str(&said), said.len, out);
}

bool answer_take(const struct exchange *x, const struct answer *a,
                 struct intake_result *ret, struct err *err)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(x->box);
    AUTO(making_free)
    struct making m = { .x = x,
                        .a = a,
                        .snap = snap,
                        .office = snapshot_office(snap, a->office),
                        .out = ret };
    char digest[STORE_HASH_TEXT];
    struct err fault = { 0 };

    *ret = (struct intake_result){ .verdict = INTAKE_REFUSED };
    digest_of(a, digest);
    if (m.office == NULL)
        return err_set(err, ERR_CONFIG, "intake.office",
                       "office %s is not of this gateway", a->office);
    if (!find_case(&m, &fault) || !make(&m, &fault)) {
        if (fault.kind == ERR_NONE)
            return true;
        *err = fault;
        return false;
    }
    const struct intake in = { .office = a->office,
                               .actor = a->actor,
                               .scope = a->scope,
                               .key = a->key,
                               .doc = m.doc,
                               .digest = digest,
                               .agreement = m.file->row.agreement };
    return intake_take(x, &in, ret, err);
}
