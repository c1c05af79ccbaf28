/*
 * decide.c - the message as a whole, then its fields, then what follows from both.
 *
 * Every ground for refusal is collected, the gravest first, so that an officer mends all of them at
 * once. Only where the agreement, the offices or the kind of message are unknown does it end early:
 * there is nothing to decide by.
 */
#include "agreement/decide.h"

#include "agreement/decide_private.h"
#include "agreement/rights.h"
#include "base/err.h"
#include "base/zone.h"
#include "format/xml.h"
#include "model/referral.h"

#define MAJORITY 18

static bool opens_case(const struct view *view)
{
    return text_eq(view->type->id, "M01") || text_eq(view->type->id, "M22");
}

static bool among(uint32_t messages, const struct view *view)
{
    return (messages & message_bit(view->type)) != 0;
}

/* --- setting up ----------------------------------------------------------------------------- */

static bool open_kind(struct view *view, const char *kind)
{
    view->type = message_type_find(kind);
    if (view->type == NULL || !view->type->document) {
        refuse(view, "agreement.kind-unknown", "", "there is no such message");
        return false;
    }
    view->rule = &view->a->messages[message_number(view->type)];
    if (!view->rule->present) {
        refuse(view, "agreement.kind-forbidden", "",
               "agreement %s has no message %s (%s)", view->a->id, view->type->id,
               view->type->name);
        return false;
    }
    return true;
}

static bool open_offices(struct view *view)
{
    const char *ids[] = { view->in->from_office, view->in->to_office };

    view->from = agreement_office(view->a, ids[0]);
    view->to = agreement_office(view->a, ids[1]);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        if ((i == 0 ? view->from : view->to) == NULL) {
            refuse(view, "agreement.office-unknown", "",
                   "office %s is of no party to agreement %s",
                   ids[i] == NULL ? "(none)" : ids[i], view->a->id);
            return false;
        }
    for (size_t i = 0; i < view->a->leg_count; i++)
        if (text_eq(view->a->legs[i].pub.from, view->from->party->id) &&
            text_eq(view->a->legs[i].pub.to, view->to->party->id))
            view->leg = &view->a->legs[i];
    if (view->leg == NULL)
        refuse(view, "agreement.no-leg", "", "agreement %s has no leg from %s to %s",
               view->a->id, view->from->party->id, view->to->party->id);
    return view->leg != NULL;
}

/* Whose case it is: as kept, else as the direction of the message says. */
static void open_case(struct view *view)
{
    const struct decide_input *in = view->in;
    bool back = view->type->direction == MESSAGE_TO_SENDER;
    const char *from = view->from->party->id, *to = view->to->party->id;

    view->case_sender = in->case_sender != NULL ? in->case_sender : back ? to : from;
    view->case_receiver = in->case_receiver != NULL ? in->case_receiver
                          : back                    ? from
                                                    : to;
    view->third =
        (!text_eq(from, view->case_sender) && !text_eq(from, view->case_receiver)) ||
        (!text_eq(to, view->case_sender) && !text_eq(to, view->case_receiver));
}

static const char *said(const struct decide_input *in, const char *kept, const char *path)
{
    if (kept != NULL && kept[0] != '\0')
        return kept;
    return in->doc == NULL ? NULL : referral_value(in->doc, path);
}

static void open_person(struct view *view)
{
    const struct decide_input *in = view->in;

    view->day = zone_date(view->a->zone, in->now_ms);
    view->beneficiary = said(in, in->beneficiary, "Case/Beneficiary");
    view->age = consent_age(said(in, in->birth_date, "Person/BirthDate"),
                            view->beneficiary, view->day);
    view->child = view->age.least < MAJORITY;
}

static void open_consents(struct view *view)
{
    const struct decide_input *in = view->in;
    const struct third_rule *third = &view->a->third;
    bool to_taker = text_eq(view->to->party->id, view->case_sender);

    view->consents_matter = true;
    view->purposes = view->rule->purposes != 0 ? view->rule->purposes : ~0u;
    view->consent_office = to_taker ? NULL : view->to->id;
    if (view->third) {
        view->purposes &= third->consent;
        view->consent_office = NULL;
    }
    consents_read(view->a, in->consents != NULL ? in->consents : in->doc,
                  view->case_sender, to_taker ? view->case_receiver : view->to->party->id,
                  &view->out->consents);
}

static void open_vital(struct view *view)
{
    const char *level =
        view->in->doc == NULL ? NULL : referral_value(view->in->doc, "Risk/Level");

    view->vital = level != NULL && strlist_has(&view->a->consent.vital_levels, level);
}

static void add_steps(const char *path, struct path_steps *list, size_t *count)
{
    struct err drop = { 0 };

    if (path != NULL && *count < ASKED_MAX && path_parse(path, &list[*count], &drop))
        (*count)++;
}

static void open_question(struct view *view)
{
    const struct strlist *asked = view->in->asked;

    for (size_t i = 0; asked != NULL && i < asked->count; i++) {
        const struct path_row *row = path_find(view->a->paths, asked->items[i]);

        add_steps(asked->items[i], view->asked, &view->asked_count);
        if (row != NULL)
            view->asked_categories |= category_bit(row->category);
    }
}

static void open_answers(struct view *view)
{
    struct err drop = { 0 };
    const xmlNode *section =
        view->in->doc == NULL ? NULL : referral_section(view->in->doc, "InfoResponse");

    for (const xmlNode *a = section == NULL ? NULL : xml_first(section); a != NULL;
         a = xml_next(a)) {
        const xmlNode *path = xml_child(a, REFERRAL_NS, "Path");
        const xmlNode *state = xml_child(a, REFERRAL_NS, "State");

        if (path != NULL && state != NULL &&
            text_eq(xml_attr(state, NULL, "code"), "PROVIDED"))
            add_steps(xml_leaf(path, &drop), view->answered, &view->answered_count);
    }
}

bool view_open(struct view *view, const struct decide_input *in, const char *kind,
               struct verdicts *out)
{
    *view = (struct view){ .in = in, .a = in->agreement, .out = out };
    if (!open_kind(view, kind) || !open_offices(view))
        return false;
    open_case(view);
    open_person(view);
    open_consents(view);
    open_vital(view);
    open_question(view);
    open_answers(view);
    view->role = role_of(view->a, view->to->role);
    return true;
}

/* --- environment, validity, leg ------------------------------------------------------------- */

static void check_environment(struct view *view)
{
    const xmlNode *root = view->in->doc == NULL ? NULL : referral_root(view->in->doc);
    const char *says = root == NULL ? NULL : xml_attr(root, NULL, "environment");

    if (view->in->environment == NULL || root == NULL ||
        text_eq(says, view->in->environment))
        return;
    refuse(
        view, "agreement.environment", "",
        "the document is marked for another environment than this gateway's (%s): live, "
        "training and demo never mix",
        view->in->environment);
}

static void check_term(struct view *view)
{
    const struct agreement *a = view->a;
    char day[11];

    if (term_has(&a->term, view->day))
        return;
    if (civil_compare(view->day, a->term.from) < 0) {
        civil_print(a->term.from, day);
        refuse(view, "agreement.not-yet", a->clause.id,
               "agreement %s is in force from %s", a->id, day);
    } else if (!among(a->termination.close, view)) {
        civil_print(a->term.to, day);
        refuse(
            view, "agreement.expired", a->clause.id,
            "agreement %s ended on %s: install its successor, or name another agreement",
            a->id, day);
    }
}

static void check_leg_term(struct view *view)
{
    const struct leg_rule *leg = view->leg;

    if (term_has(&leg->term, view->day))
        return;
    if (civil_compare(view->day, leg->term.from) < 0)
        refuse(view, "agreement.leg-not-yet", leg->clause.id,
               "leg %s-%s of %s is in force from %s", leg->pub.from, leg->pub.to,
               view->a->id, leg->pub.valid_from);
    else if (!among(view->a->termination.close, view))
        refuse(view, "agreement.leg-expired", leg->clause.id,
               "leg %s-%s of %s ended on %s", leg->pub.from, leg->pub.to, view->a->id,
               leg->pub.valid_to);
}

/* How far a state closes the leg: an operator may close further, never open. */
static int closed(enum leg_state state)
{
    static const int order[] = {
        [LEG_ACTIVE] = 0,     [LEG_PROVISIONAL] = 0, [LEG_SUSPENDED] = 1,
        [LEG_TERMINATED] = 2, [LEG_DRAFT] = 3,
    };

    return order[state];
}

static enum leg_state leg_state_now(const struct view *view)
{
    enum leg_state said_state = LEG_SUSPENDED, written = view->leg->pub.state;

    if (view->in->leg_override == NULL || view->in->leg_override[0] == '\0')
        return written;
    (void)leg_state_find(view->in->leg_override,
                         &said_state); /* unknown word: suspended */
    return closed(said_state) > closed(written) ? said_state : written;
}

static bool suspended_passes(const struct view *view)
{
    switch (view->leg->suspension) {
    case SUSPENSION_FINISH:
        return !opens_case(view);
    case SUSPENSION_FREEZE:
        return among(view->a->suspension.freeze, view);
    case SUSPENSION_CLOSE:
        return among(view->a->suspension.close, view);
    }
    return false;
}

static void check_leg(struct view *view)
{
    const struct leg_rule *leg = view->leg;
    const char *from = leg->pub.from, *to = leg->pub.to, *id = view->a->id;

    switch (leg_state_now(view)) {
    case LEG_ACTIVE:
    case LEG_PROVISIONAL:
        break;
    case LEG_DRAFT:
        refuse(view, "agreement.leg-draft", leg->clause.id,
               "leg %s-%s of %s is a draft: nothing is sent under it", from, to, id);
        return;
    case LEG_SUSPENDED:
        if (!suspended_passes(view))
            refuse(view, "agreement.leg-suspended", view->a->suspension.clause.id,
                   "leg %s-%s of %s is suspended: ask the focal points, or use another "
                   "agreement",
                   from, to, id);
        break;
    case LEG_TERMINATED:
        if (!among(view->a->termination.freeze | view->a->termination.close, view))
            refuse(view, "agreement.leg-terminated", view->a->termination.clause.id,
                   "leg %s-%s of %s is terminated: use another agreement", from, to, id);
        break;
    }
    check_leg_term(view);
}

/* --- direction, offices, states, third party ------------------------------------------------ */

static void check_direction(struct view *view)
{
    const char *want = view->type->direction == MESSAGE_TO_RECEIVER ? view->case_sender
                       : view->type->direction == MESSAGE_TO_SENDER ? view->case_receiver
                                                                    : NULL;

    if (want != NULL && !text_eq(want, view->from->party->id))
        refuse(view, "agreement.direction", view->rule->clause.id,
               "%s (%s) is sent by the other side of the case (%s)", view->type->id,
               view->type->name, want);
}

static void check_offices(struct view *view)
{
    const char *clause;
    const struct role_rule *to = view->role;

    if (!rights_may_send(view->a, view->from->id, view->type->id, view->in->case_state,
                         &clause))
        refuse(view, "agreement.office-send", clause,
               "office %s (%s) may not send %s in this state of the case", view->from->id,
               view->from->role, view->type->id);
    if (to->receives != 0 && !among(to->receives, view))
        refuse(view, "agreement.office-receive", to->clause.id,
               "office %s (%s) does not receive %s", view->to->id, view->to->role,
               view->type->id);
    if (!states_hold(&view->rule->states, view->in->case_state))
        refuse(view, "agreement.case-state", view->rule->clause.id,
               "%s is not sent in this state of the case", view->type->id);
}

static void check_third_party(struct view *view)
{
    const struct third_rule *third = &view->a->third;

    if (view->third && !among(third->messages, view))
        refuse(view, "agreement.third-party", third->present ? third->clause.id : "",
               "%s is neither sender nor receiver of the case: it takes no part in %s",
               text_eq(view->to->party->id, view->case_sender) ||
                       text_eq(view->to->party->id, view->case_receiver)
                   ? view->from->party->id
                   : view->to->party->id,
               view->type->id);
}

/* --- the person ----------------------------------------------------------------------------- */

static const struct beneficiary_rule *beneficiary_of(const struct agreement *a,
                                                     const char *code)
{
    for (size_t i = 0; i < a->beneficiary_count; i++)
        if (text_eq(a->beneficiaries[i].code, code))
            return &a->beneficiaries[i];
    return NULL;
}

/* How far a status has come; what ended was once whole. */
static int status_rank(const char *status)
{
    static const struct {
        const char *code;
        int rank;
    } ranks[] = {
        { "SUSPECTED", 1 }, { "PRESUMED", 2 }, { "IDENTIFIED", 3 }, { "EXPIRED", 3 }
    };

    for (size_t i = 0; i < COUNT_OF(ranks); i++)
        if (text_eq(ranks[i].code, status))
            return ranks[i].rank;
    return 0;
}

static void check_beneficiary(struct view *view)
{
    const struct beneficiary_rule *rule = beneficiary_of(view->a, view->beneficiary);
    const char *status;

    if (!opens_case(view))
        return;
    if (rule == NULL) {
        refuse(
            view, "agreement.beneficiary",
            view->a->beneficiary_count > 0 ? view->a->beneficiaries[0].clause.id : "",
            "agreement %s does not cover this category of person, or the document names "
            "none",
            view->a->id);
        return;
    }
    status = said(view->in, view->in->status, "Trafficking/Status");
    if (rule->minimum != NULL && status_rank(status) < status_rank(rule->minimum))
        refuse(view, "agreement.status", rule->clause.id,
               "agreement %s wants at least status %s for %s", view->a->id, rule->minimum,
               rule->code);
}

static void check_child(struct view *view)
{
    const struct child_rules *c = &view->a->children;
    const xmlDoc *doc = view->in->doc;

    if (!view->child)
        return;
    if (among(c->guardian_before, view) && !view->in->guardian_named && doc != NULL &&
        referral_find(doc, "Family/Guardian") == NULL)
        refuse(view, "agreement.guardian", c->clause.id,
               "a guardian of the child must be named before %s", view->type->id);
    if (among(c->reception_named, view) && doc != NULL &&
        referral_find(doc, "Travel/Reception") == NULL)
        refuse(view, "agreement.reception", c->clause.id,
               "a child does not travel before the person who meets it is named");
}

/* --- consent -------------------------------------------------------------------------------- */

static const struct {
    const char *code, *text;
} consent_refusals[] = {
    [CONSENT_VALID] = { "", "" },
    [CONSENT_UNDECLARED] = { "agreement.consent-undeclared",
                             "the consent stands on a form or item that the agreement "
                             "does not "
                             "declare for the sender" },
    [CONSENT_REFUSED] = { "agreement.consent-refused", "the person refused" },
    [CONSENT_WITHDRAWN] = { "agreement.consent-withdrawn", "the consent was withdrawn" },
    [CONSENT_EXPIRED] = { "agreement.consent-expired",
                          "the consent has run out: ask for a new one" },
    [CONSENT_UNDATED] = { "agreement.consent-undated",
                          "the consent has no day of giving, or a date that is none" },
    [CONSENT_FUTURE] = { "agreement.consent-future",
                         "the consent is dated later than today" },
    [CONSENT_SIGNER] = { "agreement.consent-own", "" },
    [CONSENT_RECIPIENT] = { "agreement.consent-recipient",
                            "the consent does not name the receiving office" },
    [CONSENT_OVERRULED] = { "agreement.consent-withdrawn",
                            "a later refusal or withdrawal stands against the consent" },
    [CONSENT_PURPOSE] = { "agreement.consent-missing",
                          "no consent covers the purpose of this message" },
};

static void refuse_signer(struct view *view)
{
    const char *clause;
    size_t count;

    (void)consent_signers(view->a, view->age.least, &count, &clause);
    if (view->age.most < MAJORITY)
        refuse(view, "agreement.consent-minor", clause,
               "for a child the guardian or an authority must consent");
    else if (view->age.least >= MAJORITY)
        refuse(view, "agreement.consent-own", clause,
               "the person is of age: the own consent is needed, another's no longer "
               "counts");
    else
        refuse(view, "agreement.age-unknown", clause,
               "the birth date does not say whether the person is of age: ask, or bring "
               "both "
               "the own consent and that of a guardian or authority");
}

static void refuse_consent(struct view *view, enum consent_fault fault)
{
    if (fault == CONSENT_SIGNER)
        refuse_signer(view);
    else
        refuse(view, consent_refusals[fault].code,
               fault == CONSENT_WITHDRAWN || fault == CONSENT_OVERRULED
                   ? view->a->consent.withdrawal.id
                   : view->a->consent.clause.id,
               "%s", consent_refusals[fault].text);
}

static void check_consent_base(struct view *view)
{
    const struct consent_rules *c = &view->a->consent;
    const struct message_rule *first = &view->a->messages[0];
    enum consent_fault fault = CONSENT_VALID;

    if (view->rule->consent != 0) {
        if (view_cover(view, view->rule->consent, CATEGORY_NONE, NULL, &fault) == NULL)
            refuse_consent(view, fault);
        return;
    }
    /* Once the base consent is gone, only what winds the case up goes on. */
    if (among(c->after_withdrawal, view) || view->out->consents.count == 0)
        return;
    if (view_cover(view, first->consent, CATEGORY_NONE, NULL, &fault) == NULL &&
        (fault == CONSENT_WITHDRAWN || fault == CONSENT_OVERRULED))
        refuse_consent(view, fault);
}

void view_check_message(struct view *view)
{
    check_environment(view);
    check_term(view);
    check_leg(view);
    check_third_party(view);
    check_direction(view);
    check_offices(view);
    check_beneficiary(view);
    check_consent_base(view);
    check_child(view);
}

/* --- what follows from the fields ----------------------------------------------------------- */

static bool carries_category(const struct verdicts *out, enum category category)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->items[i].carry && out->items[i].category == category)
            return true;
    return false;
}

static bool carries_path(const struct verdicts *out, const char *path)
{
    for (size_t i = 0; i < out->count; i++)
        if (out->items[i].carry && out->items[i].path[0] != '\0' &&
            path_covers(path, out->items[i].path))
            return true;
    return false;
}

static unsigned not_needed(const struct view *view)
{
    const struct beneficiary_rule *rule = beneficiary_of(view->a, view->beneficiary);

    return rule == NULL ? 0 : rule->without;
}

static void check_required(struct view *view)
{
    unsigned must = view->rule->must & ~not_needed(view);

    for (unsigned i = 1; i < CATEGORY_COUNT; i++)
        if ((must & category_bit((enum category)i)) != 0 &&
            !carries_category(view->out, (enum category)i))
            refuse(view, "agreement.required", view->rule->clause.id,
                   "%s must carry %s, and nothing of it is there or may go",
                   view->type->id, category_name((enum category)i));
    for (size_t i = 0; i < view->a->field_count; i++) {
        const struct field_rule *rule = &view->a->fields[i];

        if (rule->use != FIELD_REQUIRED || (rule->child && !view->child) ||
            (rule->messages != 0 && !among(rule->messages, view)) ||
            !states_hold(&rule->states, view->in->case_state))
            continue;
        if (!carries_path(view->out, rule->path))
            refuse(view, "agreement.required", rule->clause.id,
                   "%s must carry %s, and it is not there or may not go", view->type->id,
                   rule->path);
    }
}

static void check_received(struct view *view)
{
    if (view->in->side != DECIDE_RECEIVER)
        return;
    for (size_t i = 0; i < view->out->count; i++) {
        const struct verdict *v = &view->out->items[i];

        if (v->carry)
            continue;
        refuse(view, "agreement.forbidden", v->clause,
               "the message carries %s (%s), which may not be there: %s",
               v->path[0] != '\0' ? v->path : "an unknown field",
               category_name(v->category), v->reason);
        return;
    }
}

bool decide(const struct decide_input *input, struct verdicts *ret)
{
    const xmlNode *root = referral_root(input->doc);
    struct view view = { .in = input, .out = ret };

    if (root == NULL) {
        refuse(&view, "agreement.kind-unknown", "", "the document is no referral");
        return false;
    }
    if (!view_open(&view, input, xml_attr(root, NULL, "kind"), ret))
        return false;
    view_check_message(&view);
    view_walk(&view);
    check_required(&view);
    check_received(&view);
    return ret->refusal_count == 0;
}
