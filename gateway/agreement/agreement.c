/*
 * agreement.c - what an agreement answers when it is asked: pure look-ups, nothing can fail.
 */
#include "agreement/agreement.h"

#include <string.h>

#include "agreement/agreement_private.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/zone.h"
#include "model/fileset.h"
#include "model/loss.h"
#include "model/path.h"

/* --- names ---------------------------------------------------------------------------------- */

static const char *const leg_names[] = {
    [LEG_DRAFT] = "DRAFT",           [LEG_PROVISIONAL] = "PROVISIONAL",
    [LEG_ACTIVE] = "ACTIVE",         [LEG_SUSPENDED] = "SUSPENDED",
    [LEG_TERMINATED] = "TERMINATED",
};

const char *leg_state_name(enum leg_state state)
{
    return leg_names[state];
}

bool leg_state_find(const char *name, enum leg_state *ret)
{
    for (unsigned i = 0; i < COUNT_OF(leg_names); i++)
        if (text_eq(leg_names[i], name)) {
            *ret = (enum leg_state)i;
            return true;
        }
    return false;
}

uint32_t message_bit(const struct message_type *type)
{
    return type == NULL ? 0 : UINT32_C(1) << message_number(type);
}

size_t message_number(const struct message_type *type)
{
    return (size_t)(type - message_type_at(0));
}

/* How far a case has come. States off the road (declined, suspended, closing, closed) have come
 * nowhere: what waits for ACCEPTED does not open there. */
static const struct {
    const char *name;
    int rank;
} states[] = {
    { "DRAFT", 0 },        { "SENT", 1 },         { "DELIVERED", 2 },
    { "UNDER_REVIEW", 3 }, { "INFO_PENDING", 3 }, { "DECLINED", -1 },
    { "ACCEPTED", 4 },     { "READY", 5 },        { "TRAVEL_PLANNED", 6 },
    { "IN_TRANSIT", 7 },   { "ALERT", 7 },        { "HANDED_OVER", 8 },
    { "FOLLOW_UP", 9 },    { "SUSPENDED", -1 },   { "CLOSING", -1 },
    { "CLOSED", -1 },      { "ERASED", -1 },
};

static int rank_of(const char *state)
{
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (text_eq(states[i].name, state))
            return states[i].rank;
    return 0;
}

bool states_known(const char *state)
{
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (text_eq(states[i].name, state))
            return true;
    return false;
}

bool states_hold(const struct state_rule *rule, const char *state)
{
    int rank = rank_of(state);

    if (rule->from != NULL && rank < rank_of(rule->from))
        return false;
    if (rule->before != NULL && rank >= rank_of(rule->before))
        return false;
    return rule->in.count == 0 || (state != NULL && strlist_has(&rule->in, state));
}

bool term_has(const struct term *term, struct civil day)
{
    return civil_compare(day, term->from) >= 0 &&
           (term->open || civil_compare(day, term->to) <= 0);
}

bool paths_cover(const struct strlist *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (path_covers(list->items[i], path))
            return true;
    return false;
}

bool paths_envelope(const struct strlist *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (path_covers(list->items[i], path) || path_covers(path, list->items[i]))
            return true;
    return false;
}

/* --- identity ------------------------------------------------------------------------------- */

const char *agreement_id(const struct agreement *a)
{
    return a->id;
}

const char *agreement_version(const struct agreement *a)
{
    return a->version;
}

const char *agreement_title(const struct agreement *a)
{
    return a->title;
}

const char *agreement_notice(const struct agreement *a)
{
    return a->notice;
}

const struct zone *agreement_zone(const struct agreement *a)
{
    return a->zone;
}

const char *agreement_zone_name(const struct agreement *a)
{
    return a->zone_name;
}

const struct path_table *agreement_paths(const struct agreement *a)
{
    return a->paths;
}

const struct strlist *agreement_files(const struct agreement *a)
{
    return &a->files;
}

#define RESOLVED_MAX FILESET_FILE_MAX /* octets of an agreement written out */

void agreement_print(const struct agreement *a, struct buf *out)
{
    json_print_pretty(a->resolved, out);
}

void agreement_digest(const struct agreement *a, char out[AGREEMENT_DIGEST])
{
    AUTO(buf_free) struct buf text = BUF_INIT(RESOLVED_MAX);
    AUTO(fileset_free) struct fileset *one = fileset_new();
    struct err drop = { 0 };

    json_print(a->resolved, &text);
    if (fileset_add(one, "agreement.json", buf_str(&text), text.len, &drop))
        fileset_digest(one, out);
    else
        out[0] = '\0';
}

int64_t agreement_from_ms(const struct agreement *a)
{
    return zone_day_start(a->zone, a->term.from);
}

int64_t agreement_until_ms(const struct agreement *a)
{
    if (a->term.open)
        return INT64_MAX;
    return zone_day_start(a->zone, civil_of_days(civil_days(a->term.to) + 1));
}

/* --- parties, offices, legs ----------------------------------------------------------------- */

size_t agreement_party_count(const struct agreement *a)
{
    return a->party_count;
}

const struct agreement_party *agreement_party_at(const struct agreement *a, size_t index)
{
    return index < a->party_count ? &a->parties[index].pub : NULL;
}

const struct party_rule *party_rule_of(const struct agreement *a, const char *id)
{
    for (size_t i = 0; i < a->party_count; i++)
        if (text_eq(a->parties[i].pub.id, id))
            return &a->parties[i];
    return NULL;
}

const struct agreement_party *agreement_party(const struct agreement *a, const char *id)
{
    const struct party_rule *p = party_rule_of(a, id);

    return p == NULL ? NULL : &p->pub;
}

const struct agreement_office *agreement_office(const struct agreement *a,
                                                const char *office)
{
    for (size_t i = 0; office != NULL && i < a->party_count; i++)
        for (size_t j = 0; j < a->parties[i].pub.office_count; j++)
            if (text_eq(a->parties[i].pub.offices[j].id, office))
                return &a->parties[i].pub.offices[j];
    return NULL;
}

bool agreement_has_gateway(const struct agreement *a, const char *gateway)
{
    for (size_t i = 0; i < a->party_count; i++)
        if (strlist_has(&a->parties[i].gateways, gateway))
            return true;
    return false;
}

size_t agreement_leg_count(const struct agreement *a)
{
    return a->leg_count;
}

const struct agreement_leg *agreement_leg_at(const struct agreement *a, size_t index)
{
    return index < a->leg_count ? &a->legs[index].pub : NULL;
}

const struct agreement_leg *agreement_leg(const struct agreement *a, const char *from,
                                          const char *to)
{
    for (size_t i = 0; i < a->leg_count; i++)
        if (text_eq(a->legs[i].pub.from, from) && text_eq(a->legs[i].pub.to, to))
            return &a->legs[i].pub;
    return NULL;
}

const struct agreement_leg *agreement_leg_between(const struct agreement *a,
                                                  const char *from_office,
                                                  const char *to_office)
{
    const struct agreement_office *from = agreement_office(a, from_office);
    const struct agreement_office *to = agreement_office(a, to_office);

    if (from == NULL || to == NULL)
        return NULL;
    return agreement_leg(a, from->party->id, to->party->id);
}

/* --- rules by name -------------------------------------------------------------------------- */

const struct role_rule *role_of(const struct agreement *a, const char *role)
{
    for (size_t i = 0; i < a->role_count; i++)
        if (text_eq(a->roles[i].role, role))
            return &a->roles[i];
    return NULL;
}

const struct form_rule *form_of(const struct agreement *a, const char *form)
{
    for (size_t i = 0; form != NULL && i < a->form_count; i++)
        if (text_eq(a->forms[i].id, form))
            return &a->forms[i];
    return NULL;
}

const struct purpose_rule *purpose_rule_of(const struct agreement *a,
                                           enum purpose purpose)
{
    return a->purposes[purpose].present ? &a->purposes[purpose] : NULL;
}

/* --- bases ---------------------------------------------------------------------------------- */

static const char *basis_on(const struct basis *list, size_t count, struct civil day)
{
    for (size_t i = 0; i < count; i++)
        if (term_has(&list[i].term, day))
            return list[i].text;
    return NULL;
}

const char *agreement_legal_basis(const struct agreement *a, const char *party,
                                  struct civil day)
{
    const struct party_rule *p = party_rule_of(a, party);

    return p == NULL ? NULL : basis_on(p->legal, p->legal_count, day);
}

const char *agreement_transfer_basis(const struct agreement *a, const char *party,
                                     struct civil day)
{
    const struct party_rule *p = party_rule_of(a, party);

    return p == NULL ? NULL : basis_on(p->transfer, p->transfer_count, day);
}

/* --- attachments, losses, lists, security --------------------------------------------------- */

bool agreement_media_allowed(const struct agreement *a, const char *media_type)
{
    return media_type != NULL && strlist_has(&a->attachments.types, media_type);
}

uint64_t agreement_attachment_max(const struct agreement *a)
{
    return a->attachments.max;
}

static bool loss_is(const struct loss *loss, const char *what)
{
    char plain[PATH_TEXT_MAX];

    if (text_eq(loss->list, what))
        return true;
    return loss->path != NULL && path_plain(loss->path, plain) &&
           path_covers(what, plain);
}

void agreement_block_losses(const struct agreement *a, struct losses *losses)
{
    for (size_t i = 0; i < losses->count; i++) {
        struct loss *loss = &losses->items[i];

        if ((a->losses.kinds & (1u << loss->kind)) == 0)
            continue;
        for (size_t j = 0; j < a->losses.what.count; j++)
            loss->blocking |= loss_is(loss, a->losses.what.items[j]);
    }
}

unsigned agreement_named_categories(const struct agreement *a)
{
    return a->losses.named;
}

const char *agreement_list_version(const struct agreement *a, const char *list)
{
    for (size_t i = 0; i + 1 < a->lists.count; i += 2)
        if (text_eq(a->lists.items[i], list))
            return a->lists.items[i + 1];
    return NULL;
}

const char *agreement_unknown_code(const struct agreement *a)
{
    return a->unknown_code;
}

bool agreement_algorithm_allowed(const struct agreement *a, const char *identifier)
{
    return identifier != NULL &&
           (strlist_has(&a->algorithms, identifier) || strlist_has(&a->tls, identifier));
}

unsigned agreement_give_up_days(const struct agreement *a)
{
    return a->give_up_days;
}

const char *agreement_error_text(const struct agreement *a, const char *code,
                                 const char *language)
{
    json_t *texts = json_object_get(json_object_get(a->resolved, "errors"), code);
    const char *text = json_string_value(json_object_get(texts, language));

    return text != NULL ? text : json_string_value(json_object_get(texts, "en"));
}

/* --- the end -------------------------------------------------------------------------------- */

static void free_party(struct party_rule *p)
{
    strlist_free(&p->gateways);
    mem_free(&p->offices);
    zone_free(&p->zone);
    mem_free(&p->legal);
    mem_free(&p->transfer);
}

static void free_message(struct message_rule *m)
{
    for (size_t i = 0; i < CATEGORY_COUNT; i++)
        strlist_free(&m->only[i]);
    strlist_free(&m->states.in);
}

static void free_role(struct role_rule *r)
{
    for (size_t i = 0; i < r->send_count; i++)
        strlist_free(&r->sends[i].states.in);
    mem_free(&r->sends);
    strlist_free(&r->fields);
}

static void free_form(struct form_rule *f)
{
    for (size_t i = 0; i < f->item_count; i++)
        strlist_free(&f->items[i].roles);
    mem_free(&f->items);
    mem_free(&f->texts);
    mem_free(&f->never);
}

static void free_consent(struct consent_rules *c)
{
    for (size_t i = 0; i < c->signer_count; i++)
        strlist_free(&c->signers[i].givers);
    mem_free(&c->signers);
    strlist_free(&c->vital_fields);
    strlist_free(&c->vital_levels);
    strlist_free(&c->languages);
}

static void free_rules(struct agreement *a)
{
    for (size_t i = 0; i < PURPOSE_COUNT; i++)
        mem_free(&a->purposes[i].fields);
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        free_message(&a->messages[i]);
    for (size_t i = 0; i < a->field_count; i++)
        strlist_free(&a->fields[i].states.in);
    for (size_t i = 0; i < a->bound_count; i++)
        strlist_free(&a->bound[i].with);
    for (size_t i = 0; i < a->role_count; i++)
        free_role(&a->roles[i]);
    for (size_t i = 0; i < a->form_count; i++)
        free_form(&a->forms[i]);
    for (size_t i = 0; i < a->calendar_count; i++) {
        mem_free(&a->calendars[i].off);
        mem_free(&a->calendars[i].on);
    }
    free_consent(&a->consent);
}

static void free_lists(struct agreement *a)
{
    struct strlist *lists[] = { &a->urgent,
                                &a->attachments.types,
                                &a->attachments.kinds,
                                &a->losses.what,
                                &a->lists,
                                &a->algorithms,
                                &a->tls,
                                &a->files };

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        strlist_free(lists[i]);
}

void agreement_free(struct agreement **agreement)
{
    struct agreement *a = *agreement;

    if (a == NULL)
        return;
    for (size_t i = 0; i < a->party_count; i++)
        free_party(&a->parties[i]);
    free_rules(a);
    free_lists(a);
    mem_free(&a->parties);
    mem_free(&a->legs);
    mem_free(&a->fields);
    mem_free(&a->excluded);
    mem_free(&a->beneficiaries);
    mem_free(&a->roles);
    mem_free(&a->bound);
    mem_free(&a->dues);
    mem_free(&a->forms);
    mem_free(&a->calendars);
    json_drop(&a->resolved);
    for (size_t i = 0; i < a->doc_count; i++)
        json_doc_free(&a->docs[i]);
    mem_free(&a->docs);
    zone_free(&a->zone);
    mem_free(agreement);
}
