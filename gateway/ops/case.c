/*
 * case.c - cases: looked at, answered, handed on to another office of the gateway.
 *
 * An operator or auditor sees ids and states. The office's own people also see their numbers of
 * the case, what was asked, and what the agreement lets them do now. Every look at one case is
 * audited before anything is shown.
 */
#include <stdio.h>
#include <string.h>

#include "agreement/agreement.h"
#include "agreement/rights.h"
#include "base/id.h"
#include "base/mem.h"
#include "exchange/answer.h"
#include "exchange/bundles.h"
#include "exchange/case_file.h"
#include "ops/ops_private.h"

/* --- the list ----------------------------------------------------------------------------- */

struct list_ctx {
    struct case_filter filter;
    struct case_list list;
};

static bool list_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct list_ctx *l = ctx;

    case_list_free(&l->list);
    return case_select(tx, &l->filter, &l->list, err);
}

void op_cases(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    const char *office = c->caller->office;
    struct list_ctx l = { .filter = { .office = office[0] != '\0' ? office : NULL,
                                      .state = op_text(c, "state"),
                                      .open_only = op_flag(c, "open"),
                                      .newest_first = op_flag(c, "newest"),
                                      .after = op_text(c, "after"),
                                      .limit = op_limit(c) } };
    struct err err = { 0 };

    if (!store_read(o->x->store, list_work, &l, &err)) {
        op_fail(r, &err);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < l.list.count; i++)
        json_array_append_new(items, op_case_json(&l.list.items[i]));
    op_done(r, op_page(items, l.list.next));
    case_list_free(&l.list);
}

/* --- one case ----------------------------------------------------------------------------- */

struct show_ctx {
    const struct ops_caller *caller;
    const char *id;
    struct case_file *file;
    struct case_offices offices;
    struct message_list messages;
    bool visible;
};

static void show_free(struct show_ctx *s)
{
    case_file_free(&s->file);
    message_list_free(&s->messages);
}

static bool visible(const struct show_ctx *s)
{
    if (op_may_see(s->caller, s->file->row.own_office))
        return true;
    for (size_t i = 0; i < s->offices.count; i++)
        if (s->caller->office[0] != '\0' &&
            text_eq(s->offices.names[i], s->caller->office))
            return true;
    return false;
}

static bool show_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct show_ctx *s = ctx;
    const struct message_filter filter = { .case_id = s->id, .limit = STORE_PAGE_MAX };

    show_free(s);
    s->visible = false;
    if (!case_file_load(tx, s->id, &s->file, err))
        return false;
    if (s->file == NULL)
        return true;
    if (!case_offices(tx, s->id, &s->offices, err))
        return false;
    s->visible = visible(s);
    return !s->visible || message_select(tx, &filter, &s->messages, err);
}

static bool load_case(struct ops *o, const struct ops_call *c, char id[CASE_ID_TEXT],
                      struct show_ctx *s, struct err *err)
{
    if (!case_id_normal(c->id != NULL ? c->id : "", id))
        return err_set(err, ERR_REJECT, "case.unknown",
                       "that is no case number: one looks like K7QX-92MD-4RTE-5");
    *s = (struct show_ctx){ .caller = c->caller, .id = id };
    if (!store_read(o->x->store, show_work, s, err))
        return false;
    return s->visible || err_set(err, ERR_REJECT, "case.unknown",
                                 "there is no case %s here: `trmctl case list` shows the "
                                 "cases",
                                 id);
}

static json_t *list_json(const struct strlist *list)
{
    json_t *items = json_array();

    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(items, json_string(list->items[i]));
    return items;
}

static const struct {
    const char *act, *kind;
    enum case_trigger trigger;
} acts[] = {
    { "take", "M03", CASE_M03 },
    { "accept", "M04", CASE_M04_ACCEPT },
    { "defer", "M04", CASE_M04_DEFER },
    { "redirect", "M04", CASE_M04_REDIRECT },
    { "decline", "M04", CASE_M04_DECLINE },
    { "ask", "M05", CASE_M05 },
    { "answer", "M06", CASE_M06_PART },
};

/* What state, side and agreement allow now: the same tables that would refuse it. */
static json_t *actions_json(const struct ops *o, const struct case_file *f)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    const struct bundle *b = bundles_by_digest(snap->bundles, f->row.bundle);
    json_t *items = json_array();

    for (size_t i = 0; b != NULL && i < COUNT_OF(acts); i++) {
        const char *clause = NULL;
        enum case_state next;
        struct err err = { 0 };

        if (case_trigger_is_ours(f->role, acts[i].trigger) &&
            case_state_next(f->state, acts[i].trigger, &next, &err) &&
            rights_may_send(b->agreement, f->row.own_office, acts[i].kind,
                            case_state_name(f->state), &clause))
            json_array_append_new(items, json_string(acts[i].act));
    }
    return items;
}

static json_t *show_json(const struct ops *o, const struct show_ctx *s)
{
    json_t *j = op_case_json(&s->file->row);
    json_t *messages = json_array(), *offices = json_array();

    for (size_t i = 0; i < s->messages.count; i++)
        json_array_append_new(messages, op_message_json(&s->messages.items[i]));
    for (size_t i = 0; i < s->offices.count; i++)
        json_array_append_new(offices, json_string(s->offices.names[i]));
    json_object_set_new(j, "messages", messages);
    json_object_set_new(j, "assignedTo", offices);
    if (!op_sees_content(s->caller))
        return j;
    op_put(j, "ownNumber", s->file->own_number);
    op_put(j, "theirNumber", s->file->their_number);
    json_object_set_new(j, "askedByUs", list_json(&s->file->asked_by_us));
    json_object_set_new(j, "askedByThem", list_json(&s->file->asked_by_them));
    json_object_set_new(j, "actions", actions_json(o, s->file));
    return j;
}

void op_case(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(show_free) struct show_ctx s = { 0 };
    char id[CASE_ID_TEXT];
    struct err err = { 0 };

    if (!load_case(o, c, id, &s, &err) ||
        !op_audit_read(o, c->caller, "case.read", id, NULL, &err)) {
        op_fail(r, &err);
        return;
    }
    op_done(r, show_json(o, &s));
}

/* --- answering ---------------------------------------------------------------------------- */

static void read_list(const struct ops_call *c, const char *name, struct strlist *ret)
{
    const json_t *list = json_object_get(c->args, name);
    size_t i;
    json_t *item;

    if (json_is_string(list))
        strlist_add(ret, json_string_value(list));
    json_array_foreach (list, i, item) {
        if (json_is_string(item))
            strlist_add(ret, json_string_value(item));
    }
}

#define FIELDS_MAX 200 /* questions or answers of one message */

static bool read_fields(const struct ops_call *c, struct answer_field *fields,
                        size_t *ret_count, struct err *err)
{
    const json_t *list = json_object_get(c->args, "fields");
    size_t i;
    json_t *item;

    *ret_count = 0;
    if (json_array_size(list) > FIELDS_MAX)
        return err_set(err, ERR_REJECT, "ops.argument", "more than %d fields",
                       FIELDS_MAX);
    json_array_foreach (list, i, item) {
        struct answer_field *f = &fields[(*ret_count)++];

        *f = (struct answer_field){
            .field = json_string_value(json_object_get(item, "field")),
            .state = json_string_value(json_object_get(item, "state")),
            .purpose = json_string_value(json_object_get(item, "purpose")),
            .explanation = json_string_value(json_object_get(item, "explanation"))
        };
        if (f->field == NULL)
            return err_set(err, ERR_REJECT, "ops.argument",
                           "field %zu: \"field\" is missing: its name on the form",
                           i + 1);
    }
    return true;
}

static void fill_answer(struct answer *a, const struct ops_call *c)
{
    a->office = c->caller->office;
    a->actor = op_actor(c->caller);
    a->case_id = c->id;
    a->number = op_text(c, "number");
    a->out_number = op_text(c, "outNumber");
    a->officer = op_text(c, "officer");
    a->position = op_text(c, "position");
    a->organisation = op_text(c, "organisation");
    a->phone = op_text(c, "phone");
    a->email = op_text(c, "email");
    a->conditions = op_text(c, "conditions");
    a->redirect_to = op_text(c, "redirectTo");
    a->note = op_text(c, "note");
    a->respond_by = op_text(c, "respondBy");
    a->scope = c->scope;
    a->key = c->key;
}

void op_case_act(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(strlist_free) struct strlist reasons = { 0 };
    AUTO(mem_free) struct answer_field *fields = mem_array(FIELDS_MAX, sizeof *fields);
    AUTO(intake_result_free) struct intake_result result = { 0 };
    const char *word = c->sub != NULL ? c->sub : op_text(c, "act");
    struct answer a = { .fields = fields, .reasons = &reasons };
    struct err err = { 0 };

    if (!answer_act_parse(word != NULL ? word : "", &a.act)) {
        FAIL(r, ERR_REJECT, "ops.unknown",
             "a case can be taken, accepted, deferred, redirected, declined, asked about "
             "or "
             "answered");
        return;
    }
    fill_answer(&a, c);
    read_list(c, "reasons", &reasons);
    if (!read_fields(c, fields, &a.field_count, &err) ||
        !answer_take(o->x, &a, &result, &err)) {
        op_fail(r, &err);
        return;
    }
    op_intake_result(o, c->caller, &result, r);
}
