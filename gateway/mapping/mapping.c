/*
 * mapping.c - the two doors: read a national document, write one.
 *
 * Reading goes on after every kind of problem, so that the author of a document sees all of them: rules
 * run over what is there, then the annex's conditions, then what the schema says is added where no rule
 * has named the same place already (a rule knows better what to do). Writing validates what it made; a form
 * that cannot be filled is never handed out.
 */
#include "mapping/mapping.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "format/jsonschema.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "mapping/mapping_private.h"
#include "model/path.h"

/* --- what the schema says ---------------------------------------------------------------- */

static const char *remedy_of(const char *rule)
{
    static const struct {
        const char *rule, *remedy;
    } remedies[] = {
        { "enumeration", "use one of the values that the form lists" },
        { "enum", "use one of the values that the form lists" },
        { "const", "write the value that the form demands here" },
        { "pattern", "write the value in the form that the annex describes" },
        { "format", "write the date as YYYY-MM-DD, a day that exists" },
        { "maxLength", "shorten the text" },
        { "minLength", "write a value, or leave the field out" },
        { "length", "write as many characters as the form demands" },
        { "type", "write a value of the kind that the form demands" },
        { "missing", "fill in what is missing" },
        { "required", "fill in what is missing" },
        { "attribute-required", "add the attribute" },
        { "unexpected", "take it out, or put it where the form has it" },
        { "not-declared", "use the form's own root element" },
        { "attribute-unknown", "take the attribute out" },
        { "additionalProperties", "take the key out, or correct its spelling" },
        { "uniqueItems", "write each value once" },
        { "minItems", "write at least one" },
        { "nil", "either the value or xsi:nil, not both" },
        { "content", "fill in what is missing, take out what does not belong" },
    };

    for (size_t i = 0; i < COUNT_OF(remedies); i++)
        if (text_eq(remedies[i].rule, rule))
            return remedies[i].remedy;
    return "look into the annex";
}

static const char *name_of_step(const struct step *step)
{
    return (const char *)step->name;
}

/* Places of the schema checkers in the author's words: below the message's root, points in JSON. */
static const char *place_of(struct run *run, const char *place)
{
    AUTO(buf_free) struct buf out = BUF_INIT(4096);

    if (run->map->json) {
        for (const char *c = *place == '/' ? place + 1 : place; *c != '\0';) {
            size_t len = strcspn(c, "/");
            uint64_t index;

            if (str_u64((struct str){ c, len }, &index))
                buf_addf(&out, "[%llu]", (unsigned long long)index + 1);
            else
                buf_addf(&out, "%s%.*s", out.len == 0 ? "" : ".", (int)len, c);
            c += len + (c[len] == '/');
        }
        return arena_text(&run->arena, buf_str(&out));
    }
    if (run->msg != NULL && run->msg->root != NULL)
        for (size_t i = 0; i < run->msg->root->count; i++) {
            const char *step = name_of_step(&run->msg->root->steps[i]);
            size_t len = strlen(step);

            if (strncmp(place, step, len) == 0 && place[len] == '/')
                place += len + 1;
        }
    return arena_text(&run->arena, place);
}

static const char *without_numbers(struct run *run, const char *place)
{
    char *text = arena_text(&run->arena, place), *to = text;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '[') {
            c += strcspn(c, "]");
            if (*c == '\0')
                break;
            continue;
        }
        *to++ = *c;
    }
    *to = '\0';
    return text;
}

static const struct mapping_row *row_at(struct run *run, const char *place)
{
    const char *plain = without_numbers(run, place);

    for (size_t i = 0; run->msg != NULL && i < run->map->row_count; i++)
        if (text_eq(run->map->rows[i].message, run->msg->kind) &&
            text_eq(run->map->rows[i].national, plain))
            return &run->map->rows[i];
    return NULL;
}

static bool told(const struct run *run, size_t before, const char *field)
{
    for (size_t i = before; i < run->report->count; i++)
        if (report_severity(&run->report->items[i]) == SEVERITY_ERROR &&
            text_eq(run->report->items[i].field, field))
            return true;
    return false;
}

static void add_schema(struct run *run, const struct findings *found, size_t before)
{
    size_t rules_end = run->report->count;

    for (size_t i = 0; i < found->count; i++) {
        const struct finding *f = &found->items[i];
        const char *place = place_of(run, f->place);
        const struct mapping_row *row = row_at(run, place);
        unsigned line = f->line;

        if (before < rules_end && told(run, before, place))
            continue;
        if (run->json != NULL)
            line = json_line_of(run->json->text, run->json->len, f->place);
        report_add(
            run->report,
            &(struct report_entry){
                .code = "E-SCHEMA",
                .file = run->context->file == NULL ? "document" : run->context->file,
                .line = line,
                .field = place,
                .label = row != NULL && row->label != NULL ? row->label : f->field,
                .rule = row == NULL           ? f->rule
                        : row->clause != NULL ? row->clause
                                              : row->id,
                .text = f->text,
                .remedy = remedy_of(f->rule),
            });
    }
}

static bool validate(struct run *run, xmlDoc *doc, const json_t *json, size_t before,
                     bool *ret_valid, struct err *err)
{
    AUTO(findings_free) struct findings found = { 0 };

    if (run->map->json) {
        if (!jsonschema_validate(run->map->jsonschema, json, &found, err))
            return false;
    } else if (!xsd_validate(run->map->xsd, doc, &found, err)) {
        return false;
    }
    *ret_valid = found.count == 0;
    add_schema(run, &found, before);
    return true;
}

/* --- reading ----------------------------------------------------------------------------- */

static const struct message *message_of(struct run *run)
{
    for (size_t i = 0; i < run->map->message_count; i++) {
        const struct message *msg = &run->map->messages[i];
        xmlNode *root = run->top;

        if (!run->map->json && !text_eq((const char *)run->top->name, msg->top->name))
            continue;
        if (msg->root != NULL)
            root = trail_first(run, run->top, msg->root);
        if (root == NULL)
            continue;
        run->root = root;
        if (msg->when == NULL || cond_holds(run, msg->when, root, NULL))
            return msg;
    }
    run->root = run->top;
    return NULL;
}

static struct out *start_out(struct run *run, const struct shape *shape)
{
    run->out_top = out_new(run, shape, NULL);
    run->out_root = run->out_top;
    return run->out_top;
}

static struct place *root_place(struct run *run)
{
    struct place *place = arena_alloc(&run->arena, sizeof *place);

    *place = (struct place){ .node = run->out_root };
    return place;
}

static void settle(struct run *run, struct pending *list)
{
    for (const struct pending *p = list; p != NULL; p = p->next)
        if (p->rule->kind->settle != NULL)
            p->rule->kind->settle(run, p);
}

/* No empty elements: what was begun and got no value is taken back. True: something is in it. */
static bool prune(struct out *out)
{
    bool any = out->value != NULL || out->nil || out->keep;

    for (struct out *kid = out->first; kid != NULL; kid = kid->next)
        if (!kid->dead) {
            bool kept = prune(kid);

            kid->dead = !kept;
            any = any || kept;
        }
    return any;
}

static void unknown_message(struct run *run)
{
    report_add(run->report,
               &(struct report_entry){
                   .code = "E-SYNTAX",
                   .file = run->context->file == NULL ? "document" : run->context->file,
                   .text = "this is no message of the form: neither request, receipt, "
                           "decision, question nor answer",
                   .remedy = "look at the root element and the kind of message",
               });
}

static bool read_open(struct run *run, const void *data, size_t len, struct err *err)
{
    bool opened =
        run->map->json ? json_open(run, data, len, err) : xml_open(run, data, len, err);

    if (!opened || run->doc == NULL)
        return false;
    run->strange_names = run->doc->dict == NULL ||
                         !xmlDictOwns(run->doc->dict, (const xmlChar *)run->map->probe);
    return true;
}

static bool read_message(struct run *run, xmlDoc **ret_doc, struct err *err)
{
    size_t before = run->report->count;
    struct place *place;
    bool valid;

    run->msg = message_of(run);
    if (run->msg == NULL) {
        unknown_message(run);
        return validate(run, run->doc, run->json == NULL ? NULL : run->json->root, before,
                        &valid, err);
    }
    start_out(run, run->map->referral);
    place = root_place(run);
    out_attr(run, run->out_top, "kind", run->msg->kind);
    out_attr(run, run->out_top, "minor", "0");
    run_rules(run, &run->msg->rules, run->root, place);
    settle(run, run->settle);
    prune(run->out_top);
    run_checks(run);
    run_cover(run);
    if (run->too_large)
        return err_set(err, ERR_REJECT, "mapping.too-large",
                       "the translated document would have over %d elements",
                       MAPPING_NODES_MAX);
    if (!validate(run, run->doc, run->json == NULL ? NULL : run->json->root, before,
                  &valid, err))
        return false;
    *ret_doc = out_doc(run, run->out_top);
    return true;
}

bool mapping_read(const struct mapping *mapping, const void *data, size_t len,
                  const struct mapping_context *context, xmlDoc **ret_doc,
                  struct mapping_attachments *attachments, struct losses *losses,
                  struct report *findings, struct err *err)
{
    struct run run = { .map = mapping,
                       .context = context,
                       .way = READING,
                       .losses = losses,
                       .report = findings,
                       .attachments = attachments };
    bool good = true;

    *ret_doc = NULL;
    if (read_open(&run, data, len, err))
        good = read_message(&run, ret_doc, err);
    scraps_free(&run);
    xml_doc_free(&run.doc);
    json_doc_free(&run.json);
    arena_free(&run.arena);
    return good;
}

/* --- writing ----------------------------------------------------------------------------- */

static const struct message *message_to_write(struct run *run)
{
    const char *kind = node_attr(run->root, "kind");

    for (size_t i = 0; i < run->map->message_count; i++)
        if (text_eq(run->map->messages[i].kind, kind))
            return &run->map->messages[i];
    return NULL;
}

/* Values that another rule forced, after all rules have written theirs. */
static void apply_forced(struct run *run)
{
    for (const struct forced *f = run->forced; f != NULL; f = f->next) {
        struct out *out = out_make(run, place_node(run, f->place), f->path, false);

        if (out->value != NULL && !text_eq(out->value, f->value))
            report_loss(run, f->rule, LOSS_RECODED, NULL, NULL, out->value, f->value,
                        arena_printf(&run->arena,
                                     "the form says rule %s with this field too: %s",
                                     f->rule->id, f->path->text));
        out->value = f->value;
    }
}

static struct out *fill_one(struct run *run, struct out *up, const struct shape *shape)
{
    struct out *made;

    if (shape->array) {
        made = out_new(run, shape, up);
        made->nil = true;
        return made;
    }
    if (!run->map->fill || run->map->empty == EMPTY_ABSENT || shape->attr)
        return NULL;
    if (run->map->empty == EMPTY_NIL && !shape->nillable)
        return NULL;
    made = out_new(run, shape, up);
    made->nil = run->map->empty == EMPTY_NIL;
    if (!shape->has_text)
        return made;
    made->value = run->map->empty == EMPTY_WORD ? run->map->empty_word : "";
    return made;
}

/* What the schema demands and nobody filled, in the form's way of saying "no data". */
static void fill_empty(struct run *run, struct out *out)
{
    for (size_t i = 0; i < out->shape->kid_count; i++) {
        const struct shape *shape = out->shape->kids[i];
        bool there = false;

        for (const struct out *kid = out->first; kid != NULL; kid = kid->next)
            there = there || (!kid->dead && kid->shape == shape);
        if (!there && shape->required)
            fill_one(run, out, shape);
    }
    for (struct out *kid = out->first; kid != NULL; kid = kid->next)
        if (!kid->dead && !kid->shape->attr && !kid->nil)
            fill_empty(run, kid);
}

static void start_writing(struct run *run)
{
    start_out(run, run->msg->top);
    if (run->msg->root != NULL)
        run->out_root = out_make(run, run->out_top, run->msg->root, false);
}

static bool check_written(struct run *run, const struct buf *out, struct err *err)
{
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(json_drop) json_t *json = NULL;
    size_t before = run->report->count;
    bool valid = false;

    if (run->map->json)
        json = json_parse(out->data, out->len, NULL, err);
    else
        doc = xml_parse_declared(out->data, out->len,
                                 &(struct xml_options){ .limits = &xml_limits_national },
                                 NULL, err);
    if (doc == NULL && json == NULL)
        return err_context(err, "the document that mapping %s wrote", run->map->id);
    if (!validate(run, doc, json, before, &valid, err))
        return false;
    if (!valid)
        return err_set(
            err, ERR_REJECT, "mapping.unwritable",
            "mapping %s: the form %s cannot say this %s: %zu fields, the first %s",
            run->map->id, run->map->form, run->msg->kind, run->report->count - before,
            run->report->items[before].field == NULL ? ""
                                                     : run->report->items[before].field);
    return true;
}

static bool write_message(struct run *run, struct buf *out, struct err *err)
{
    struct place *place;

    run->msg = message_to_write(run);
    if (run->msg == NULL)
        return err_set(
            err, ERR_CONFIG, "mapping.no-message", "mapping %s has no message %.3s",
            run->map->id,
            node_attr(run->root, "kind") == NULL ? "?" : node_attr(run->root, "kind"));
    start_writing(run);
    place = root_place(run);
    run_rules(run, &run->msg->rules, run->root, place);
    apply_forced(run);
    settle(run, run->settle);
    settle(run, run->notes_due);
    run_cover(run);
    if (run->too_large)
        return err_set(err, ERR_REJECT, "mapping.too-large",
                       "the written document would have over %d elements",
                       MAPPING_NODES_MAX);
    prune(run->out_top);
    run->out_top->dead = false;
    for (struct out *root = run->out_root; root != NULL; root = root->up)
        root->dead = false;
    fill_empty(run, run->out_top);
    if (!(run->map->json ? json_save(run, out, err) : xml_save(run, out, err)))
        return false;
    return check_written(run, out, err);
}

bool mapping_write(const struct mapping *mapping, const xmlDoc *doc,
                   const struct mapping_context *context,
                   const struct mapping_attachments *attachments, struct buf *out,
                   struct losses *losses, struct report *findings, struct err *err)
{
    struct run run = { .map = mapping,
                       .context = context,
                       .way = WRITING,
                       .losses = losses,
                       .report = findings,
                       .attached = attachments };
    bool good;

    run.doc = (xmlDoc *)(uintptr_t)doc;
    run.top = run.root = xml_root(doc);
    if (run.root == NULL || !xml_is(run.root, REFERRAL_NS, "Referral"))
        return err_set(err, ERR_BUG, "mapping.root", "the document is no Referral");
    run.strange_names =
        doc->dict == NULL || !xmlDictOwns(doc->dict, (const xmlChar *)mapping->probe);
    good = write_message(&run, out, err);
    if (!good)
        buf_clear(out);
    arena_free(&run.arena);
    return good;
}
