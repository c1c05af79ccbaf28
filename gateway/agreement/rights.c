/*
 * rights.c - what an office may see and send: the rights of its role.
 */
#include "agreement/rights.h"

#include "agreement/decide_private.h"
#include "base/zone.h"
#include "format/xml.h"
#include "model/referral.h"

bool rights_may_send(const struct agreement *a, const char *office, const char *kind,
                     const char *case_state, const char **ret_clause)
{
    const struct agreement_office *o = agreement_office(a, office);
    const struct role_rule *role = o == NULL ? NULL : role_of(a, o->role);
    uint32_t bit = message_bit(message_type_find(kind));

    if (ret_clause != NULL)
        *ret_clause = role == NULL ? "" : role->clause.id;
    for (size_t i = 0; role != NULL && i < role->send_count; i++)
        if ((role->sends[i].messages & bit) != 0 &&
            states_hold(&role->sends[i].states, case_state))
            return true;
    return false;
}

unsigned rights_sees(const struct agreement *a, const char *office)
{
    const struct agreement_office *o = agreement_office(a, office);
    const struct role_rule *role = o == NULL ? NULL : role_of(a, o->role);

    return role == NULL ? 0 : role->sees;
}

static const char *party_of(const struct agreement *a, const xmlDoc *doc,
                            const char *element)
{
    const xmlNode *node = referral_find(doc, element);
    const struct agreement_office *o =
        agreement_office(a, node == NULL ? NULL : xml_attr(node, NULL, "office"));

    return o == NULL ? NULL : o->party->id;
}

static const char *kept_or(const char *kept, const xmlDoc *doc, const char *path)
{
    return kept != NULL && kept[0] != '\0' ? kept : referral_value(doc, path);
}

/* An office that collected the consents need not be named in them. */
static void open_consents(struct view *view, const struct rights_input *in)
{
    const char *level = referral_value(in->doc, "Risk/Level");
    const char *taker = in->case_sender != NULL
                            ? in->case_sender
                            : party_of(in->agreement, in->doc, "Header/Sender");

    view->consents_matter = in->assigned;
    view->purposes = ~0u;
    view->consent_office = text_eq(view->to->party->id, taker) ? NULL : in->office;
    view->vital = level != NULL && strlist_has(&view->a->consent.vital_levels, level);
    consents_read(in->agreement, in->consents != NULL ? in->consents : in->doc, taker,
                  view->to->party->id, &view->out->consents);
}

bool rights_filter(const struct rights_input *input, struct verdicts *ret)
{
    const xmlNode *root = referral_root(input->doc);
    const struct decide_input in = { .agreement = input->agreement,
                                     .doc = input->doc,
                                     .now_ms = input->now_ms };
    struct view view = { .in = &in, .a = input->agreement, .out = ret };
    const char *beneficiary;

    view.to = agreement_office(view.a, input->office);
    if (view.to == NULL || root == NULL) {
        refuse(&view, "agreement.office-unknown", "",
               "office %s is of no party to agreement %s: nothing may be shown to it",
               input->office == NULL ? "(none)" : input->office, view.a->id);
        return false;
    }
    view.type = message_type_find(xml_attr(root, NULL, "kind"));
    view.role = role_of(view.a, view.to->role);
    view.day = zone_date(view.a->zone, in.now_ms);
    beneficiary = kept_or(input->beneficiary, input->doc, "Case/Beneficiary");
    view.age = consent_age(kept_or(input->birth_date, input->doc, "Person/BirthDate"),
                           beneficiary, view.day);
    view.child = view.age.least < 18;
    open_consents(&view, input);
    view_walk(&view);
    return true;
}
