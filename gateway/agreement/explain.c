/*
 * explain.c - the decision as a table in words, made by deciding every field of the schema.
 *
 * There is no document: each row of the path table is decided as if it stood in one. Rows with the
 * same answer are folded into the highest group of which all fields have it. What depends on the
 * document alone (was it asked, is the attachment of an allowed type) is named in the text.
 */
#include "agreement/explain.h"

#include "agreement/decide_private.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/zone.h"

/* --- consents that are assumed -------------------------------------------------------------- */

static void assume_consents(struct view *view, const struct explain_input *in)
{
    static const struct consent_form_item assumed = { .form = "", .item = "assumed" };
    struct consents *all = &view->out->consents;
    struct consent *c = &all->items[0];
    size_t count;
    char day[11];

    if (in->consents != NULL || in->purposes == 0)
        return;
    civil_print(view->day, day);
    strlist_add(&view->out->texts, day);
    *c = (struct consent){
        .form = assumed.form,
        .item = assumed.item,
        .state = "GIVEN",
        .given_on = view->out->texts.items[view->out->texts.count - 1],
        .purposes = in->purposes,
        .categories = CATEGORY_ALL,
        .recipients = { in->to_office },
        .recipient_count = 1,
        .declared = &assumed,
        .clause = view->a->consent.clause.id,
        .index = 1,
    };
    c->giver = consent_signers(view->a, view->age.least, &count, NULL)[0];
    all->count = 1;
}

/* --- every field ---------------------------------------------------------------------------- */

static bool is_leaf(const struct path_table *paths, size_t index)
{
    const struct path_row *row = path_at(paths, index);
    size_t count = path_count(paths);

    if (row->coded || row->text)
        return true;
    for (size_t i = index + 1; i < count; i++)
        if (path_at(paths, i)->parent == row && !path_at(paths, i)->attribute)
            return false;
    return true;
}

static void decide_row(struct view *view, const struct path_row *row,
                       enum category category)
{
    struct subject s = { .path = row->path,
                         .categories = { category },
                         .category_count = category == CATEGORY_NONE ? 0 : 1 };
    struct verdict *v = verdict_add(view, row->path, category, NULL, NULL);

    if (s.category_count == 0)
        verdict_withhold(view, v, VERDICT_UNKNOWN, "", "the field has no category");
    else
        field_rule_on(view, &s, v);
}

static bool is_envelope(const char *path)
{
    return path_covers("Header", path) || path_covers("LossReport", path);
}

static void decide_rows(struct view *view)
{
    const struct path_table *paths = view->a->paths;

    for (size_t i = 0; i < path_count(paths); i++) {
        const struct path_row *row = path_at(paths, i);

        if (row->attribute || !is_leaf(paths, i))
            continue;
        if (is_envelope(row->path))
            verdict_add(view, row->path, CATEGORY_ADMIN, NULL, NULL);
        else if (row->category_here && row->parent == NULL)
            for (unsigned c = 1; c < CATEGORY_COUNT; c++)
                decide_row(view, row, (enum category)c);
        else
            decide_row(view, row, row->category);
    }
}

/* --- folding -------------------------------------------------------------------------------- */

static bool same_answer(const struct verdict *a, const struct verdict *b)
{
    return a->carry == b->carry && a->check == b->check && a->category == b->category &&
           text_eq(a->clause, b->clause) && text_eq(a->reason, b->reason);
}

/* Number of verdicts from `first` on whose paths are this one or below. */
static size_t run_below(const struct verdicts *all, size_t first, const char *path)
{
    size_t n = 0;

    while (first + n < all->count && path_covers(path, all->items[first + n].path))
        n++;
    return n;
}

static bool uniform(const struct verdicts *all, size_t first, size_t n)
{
    for (size_t i = first + 1; i < first + n; i++)
        if (!same_answer(&all->items[first], &all->items[i]))
            return false;
    return n > 0;
}

static void add_row(struct explanation *e, const char *path, const struct verdict *v)
{
    e->rows = mem_grow(e->rows, e->count, &e->cap, sizeof *e->rows);
    e->rows[e->count++] = (struct explain_row){
        .path = path,
        .category = v->category,
        .carry = v->carry,
        .check = v->check,
        .clause = v->clause,
        .reason = v->reason,
    };
}

/* The highest group that holds this field, begins with it, and has one answer throughout. */
static size_t fold_at(const struct explanation *e, const struct path_table *paths,
                      size_t first, const char **ret_path)
{
    const struct verdicts *all = &e->verdicts;
    const struct path_row *row = path_find(paths, all->items[first].path);
    size_t best = 1;

    *ret_path = all->items[first].path;
    for (; row != NULL; row = row->parent) {
        size_t n = run_below(all, first, row->path);
        bool begins = first == 0 || !path_covers(row->path, all->items[first - 1].path);

        if (!begins || !uniform(all, first, n))
            break;
        best = n;
        *ret_path = row->path;
    }
    return best;
}

static void fold(struct explanation *e, const struct path_table *paths)
{
    size_t i = 0;

    while (i < e->verdicts.count) {
        const char *path;
        size_t n = fold_at(e, paths, i, &path);

        add_row(e, path, &e->verdicts.items[i]);
        i += n;
    }
}

bool explain(const struct explain_input *input, struct explanation *ret)
{
    struct decide_input in = {
        .agreement = input->agreement,
        .now_ms = input->now_ms,
        .from_office = input->from_office,
        .to_office = input->to_office,
        .case_sender = input->case_sender,
        .case_receiver = input->case_receiver,
        .case_state = input->case_state,
        .consents = input->consents,
        .beneficiary = input->beneficiary != NULL ? input->beneficiary : "THB_ADULT",
        .status = "IDENTIFIED",
        .guardian_named = true,
        .leg_override = input->leg_override,
    };
    struct view view;

    if (!view_open(&view, &in, input->kind, &ret->verdicts))
        return false;
    assume_consents(&view, input);
    view_check_message(&view);
    decide_rows(&view);
    fold(ret, input->agreement->paths);
    return ret->verdicts.refusal_count == 0;
}

void explanation_free(struct explanation *explanation)
{
    verdicts_free(&explanation->verdicts);
    mem_free(&explanation->rows);
    *explanation = (struct explanation){ 0 };
}

/* --- in words ------------------------------------------------------------------------------- */

static void print_head(const struct explain_input *in, struct buf *out)
{
    const struct message_type *type = message_type_find(in->kind);

    buf_addf(out, "%s, version %s: %s\n", agreement_id(in->agreement),
             agreement_version(in->agreement), agreement_title(in->agreement));
    if (agreement_notice(in->agreement) != NULL)
        buf_addf(out, "%s\n", agreement_notice(in->agreement));
    buf_addf(out, "%s %s from %s to %s, case %s\n", in->kind,
             type == NULL ? "(unknown)" : type->name, in->from_office, in->to_office,
             in->case_state != NULL ? in->case_state : "not yet begun");
}

static void print_assumed(const struct explain_input *in, struct buf *out)
{
    if (in->consents != NULL)
        return;
    buf_adds(out, "supposing consent for:");
    for (unsigned p = 0; p < PURPOSE_COUNT; p++)
        if ((in->purposes & (1u << p)) != 0)
            buf_addf(out, " %s", purpose_name((enum purpose)p));
    buf_adds(out, in->purposes == 0 ? " nothing\n" : "\n");
}

static bool same_line(const struct explain_row *a, const struct explain_row *b)
{
    return a->carry == b->carry && text_eq(a->path, b->path) &&
           text_eq(a->clause, b->clause) && text_eq(a->reason, b->reason);
}

/* The categories of all rows that say the same about the same path: texts and attachments. */
static void print_categories(const struct explanation *e, size_t first, struct buf *out)
{
    AUTO(buf_free) struct buf names = BUF_INIT(1024);

    for (size_t i = first; i < e->count; i++)
        if (same_line(&e->rows[first], &e->rows[i]))
            buf_addf(&names, "%s%s", names.len > 0 ? " " : "",
                     category_name(e->rows[i].category));
    buf_addf(out, "%-9s", buf_str(&names));
}

static bool is_told(const struct explanation *e, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (same_line(&e->rows[i], &e->rows[index]))
            return true;
    return false;
}

static void print_rows(const struct explanation *e, bool carry, struct buf *out)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct explain_row *row = &e->rows[i];

        if (row->carry != carry || is_told(e, i))
            continue;
        buf_addf(out, "  %-30s ", row->path);
        print_categories(e, i, out);
        if (row->clause[0] != '\0')
            buf_addf(out, " art. %s", row->clause);
        if (row->reason[0] != '\0')
            buf_addf(out, "  %s", row->reason);
        buf_addc(out, '\n');
    }
}

void explanation_print(const struct explain_input *input, const struct explanation *e,
                       struct buf *out)
{
    print_head(input, out);
    print_assumed(input, out);
    for (size_t i = 0; i < e->verdicts.refusal_count; i++)
        buf_addf(out, "refused: %s [%s%s%s]\n", e->verdicts.refusals[i].text,
                 e->verdicts.refusals[i].code,
                 e->verdicts.refusals[i].clause[0] != '\0' ? ", art. " : "",
                 e->verdicts.refusals[i].clause);
    if (e->count == 0)
        return;
    buf_adds(out, e->verdicts.refusal_count > 0 ? "would pass, if it were not refused:\n"
                                                : "may pass:\n");
    print_rows(e, true, out);
    buf_adds(out, "stays back:\n");
    print_rows(e, false, out);
    if (text_eq(input->kind, "M06"))
        buf_adds(out,
                 "and of all this only what was asked and is answered as provided\n");
}

static json_t *row_json(const struct explain_row *row)
{
    return json_pack("{s:s,s:s,s:b,s:s,s:s,s:s}", "path", row->path, "category",
                     category_name(row->category), "carry", row->carry, "check",
                     verdict_check_name(row->check), "clause", row->clause, "reason",
                     row->reason);
}

json_t *explanation_json(const struct explain_input *input, const struct explanation *e)
{
    json_t *refusals = json_array(), *rows = json_array();

    for (size_t i = 0; i < e->verdicts.refusal_count; i++)
        json_array_append_new(refusals, json_pack("{s:s,s:s,s:s}", "code",
                                                  e->verdicts.refusals[i].code, "clause",
                                                  e->verdicts.refusals[i].clause, "text",
                                                  e->verdicts.refusals[i].text));
    for (size_t i = 0; i < e->count; i++)
        json_array_append_new(rows, row_json(&e->rows[i]));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s?,s:b,s:o,s:o}", "agreement",
                     agreement_id(input->agreement), "version",
                     agreement_version(input->agreement), "kind", input->kind, "from",
                     input->from_office, "to", input->to_office, "caseState",
                     input->case_state, "pass", e->verdicts.refusal_count == 0,
                     "refusals", refusals, "rows", rows);
}
