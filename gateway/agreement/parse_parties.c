/*
 * parse_parties.c - parties with their offices and bases, and the legs between them.
 *
 * A party is written in the agreement, or in a file of its own ("party": "parties/MD.json") to which
 * the agreement adds what is particular: mapping, transfer basis.
 */
#include "agreement/agreement_private.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/zone.h"

/* --- parties -------------------------------------------------------------------------------- */

static const char *const party_keys[] = {
    "party", "clause",  "id",      "country",  "name",       "zone",          "language",
    "form",  "mapping", "offices", "calendar", "legalBasis", "transferBasis", NULL,
};
static const char *const transfer_words[] = {
    "ADEQUACY", "TREATY", "SAFEGUARDS", "EXPLICIT_CONSENT", "VITAL_INTEREST", NULL,
};

static bool parse_office(struct agreement *a, struct party_rule *p,
                         const struct json_at *at, struct err *err)
{
    struct agreement_office office = { 0 };

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("id", "role", "gateway", "name"), err) ||
        !json_need_string(at, "id", &office.id, err) ||
        !json_need_string(at, "role", &office.role, err) ||
        !json_may_string(at, "gateway", &office.gateway, err))
        return false;
    for (size_t i = 0; i < p->office_count; i++)
        if (text_eq(p->offices[i].id, office.id))
            return json_fail(at, err, "agreement.twice", "office %s stands twice",
                             office.id);
    if (agreement_office(a, office.id) != NULL)
        return json_fail(at, err, "agreement.twice", "office %s belongs to another party",
                         office.id);
    if (office.gateway != NULL && !strlist_has(&p->gateways, office.gateway))
        strlist_add(&p->gateways, office.gateway);
    p->offices =
        mem_grow(p->offices, p->office_count, &p->office_cap, sizeof *p->offices);
    p->offices[p->office_count++] = office;
    return true;
}

static bool parse_basis(const struct json_at *in, const char *key, const char *what,
                        const char *const *words, struct basis **list, size_t *count,
                        size_t *cap, struct err *err)
{
    struct json_at array;

    if (!json_may_array(in, key, &array, err))
        return false;
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);
        struct basis basis = { 0 };
        int word;

        if (!json_is_object_at(&at, err) ||
            !json_only_keys(&at, JSON_KEYS(what, "from", "to", "clause", "article"),
                            err) ||
            !json_need_string(&at, what, &basis.text, err) ||
            (words != NULL && !json_need_word(&at, what, words, &word, err)) ||
            !read_term(&at, "from", "to", &basis.term, err))
            return false;
        *list = mem_grow(*list, *count, cap, sizeof **list);
        (*list)[(*count)++] = basis;
    }
    return true;
}

static bool parse_mapping(struct party_rule *p, const struct json_at *in, struct err *err)
{
    struct json_at at;

    if (!json_may_object(in, "mapping", &at, err))
        return false;
    if (at.value == NULL)
        return true;
    return json_only_keys(&at, JSON_KEYS("id", "version"), err) &&
           json_need_string(&at, "id", &p->pub.mapping, err) &&
           json_need_string(&at, "version", &p->pub.mapping_version, err);
}

/* What one object says of a party: the agreement's own, or the party's file. */
static bool parse_party_part(struct agreement *a, struct party_rule *p,
                             const struct json_at *at, struct err *err)
{
    struct json_at offices;

    if (!json_only_keys(at, party_keys, err) ||
        !json_may_string(at, "id", &p->pub.id, err) ||
        !json_may_string(at, "country", &p->pub.country, err) ||
        !json_may_string(at, "name", &p->pub.name, err) ||
        !json_may_string(at, "zone", &p->pub.zone, err) ||
        !json_may_string(at, "language", &p->pub.language, err) ||
        !json_may_string(at, "form", &p->pub.form, err) ||
        !json_may_string(at, "calendar", &p->calendar, err) ||
        !parse_mapping(p, at, err) || !json_may_array(at, "offices", &offices, err))
        return false;
    for (size_t i = 0; i < json_items(&offices); i++) {
        struct json_at office = json_item(&offices, i);

        if (!parse_office(a, p, &office, err))
            return false;
    }
    return parse_basis(at, "legalBasis", "act", NULL, &p->legal, &p->legal_count,
                       &p->legal_cap, err) &&
           parse_basis(at, "transferBasis", "basis", transfer_words, &p->transfer,
                       &p->transfer_count, &p->transfer_cap, err);
}

static bool party_complete(struct agreement *a, struct party_rule *p,
                           const struct json_at *at, struct err *err)
{
    if (p->pub.id == NULL || p->pub.name == NULL || p->pub.form == NULL ||
        p->calendar == NULL || p->office_count == 0)
        return json_fail(at, err, "agreement.clause-missing",
                         "a party needs id, name, form, calendar and offices");
    if (form_of(a, p->pub.form) == NULL)
        return json_fail(at, err, "agreement.reference",
                         "form %s of party %s is not among \"forms\"", p->pub.form,
                         p->pub.id);
    for (size_t i = 0; i < a->party_count; i++)
        if (&a->parties[i] != p && text_eq(a->parties[i].pub.id, p->pub.id))
            return json_fail(at, err, "agreement.twice", "party %s stands twice",
                             p->pub.id);
    if (p->pub.zone == NULL)
        p->pub.zone = a->zone_name;
    p->zone = zone_open(p->pub.zone, err);
    return p->zone != NULL;
}

static bool parse_party(struct layers *l, const struct json_at *at, struct err *err)
{
    struct agreement *a = l->a;
    const char *file = NULL;
    struct party_rule *p;

    a->parties = mem_grow(a->parties, a->party_count, &a->party_cap, sizeof *a->parties);
    p = &a->parties[a->party_count++];
    *p = (struct party_rule){ 0 };
    if (!json_is_object_at(at, err) || !json_may_string(at, "party", &file, err) ||
        !read_clause(at, &p->clause, err))
        return false;
    if (file != NULL) {
        AUTO(mem_free) char *name = mem_printf(AGREEMENT_FOLDER "%s", file);
        const struct json_doc *doc = layer_file(l, name, at, err);
        struct json_at root;

        if (doc == NULL)
            return false;
        root = json_root(doc);
        if (!json_is_object_at(&root, err) || !parse_party_part(a, p, &root, err))
            return false;
    }
    return parse_party_part(a, p, at, err) && party_complete(a, p, at, err);
}

/* Pointers into the arrays are set once these no longer grow. */
static void settle(struct agreement *a)
{
    for (size_t i = 0; i < a->party_count; i++) {
        struct party_rule *p = &a->parties[i];

        for (size_t j = 0; j < p->office_count; j++)
            p->offices[j].party = &p->pub;
        p->pub.offices = p->offices;
        p->pub.office_count = p->office_count;
    }
}

bool parse_parties(struct layers *l, struct err *err)
{
    struct json_at parties;

    if (!layer_need(l, "parties", &parties, err))
        return false;
    if (json_items(&parties) < 2 || json_items(&parties) > 32)
        return json_fail(&parties, err, "agreement.clause-missing",
                         "an agreement has 2 to 32 parties");
    for (size_t i = 0; i < json_items(&parties); i++) {
        struct json_at at = json_item(&parties, i);

        if (!parse_party(l, &at, err))
            return false;
        settle(l->a);
    }
    return true;
}

/* --- legs ----------------------------------------------------------------------------------- */

static const char *const leg_words[] = { "DRAFT",     "PROVISIONAL", "ACTIVE",
                                         "SUSPENDED", "TERMINATED",  NULL };
static const char *const suspension_words[] = { "finish", "freeze", "close", NULL };

static bool leg_party(const struct agreement *a, const struct json_at *in,
                      const char *key, const char **ret, struct err *err)
{
    struct json_at at = json_member(in, key);

    if (!json_need_string(in, key, ret, err))
        return false;
    if (agreement_party(a, *ret) == NULL)
        return json_fail(&at, err, "agreement.reference", "there is no such party");
    return true;
}

static bool parse_leg(struct agreement *a, const struct json_at *at, struct err *err)
{
    struct leg_rule leg = { 0 };
    int state, suspension;

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at,
                        JSON_KEYS("clause", "from", "to", "state", "validFrom", "validTo",
                                  "onSuspension"),
                        err) ||
        !read_clause(at, &leg.clause, err) ||
        !leg_party(a, at, "from", &leg.pub.from, err) ||
        !leg_party(a, at, "to", &leg.pub.to, err) ||
        !json_need_word(at, "state", leg_words, &state, err) ||
        !json_need_word(at, "onSuspension", suspension_words, &suspension, err) ||
        !read_term(at, "validFrom", "validTo", &leg.term, err) ||
        !json_need_string(at, "validFrom", &leg.pub.valid_from, err) ||
        !json_may_string(at, "validTo", &leg.pub.valid_to, err))
        return false;
    if (text_eq(leg.pub.from, leg.pub.to))
        return json_fail(at, err, "agreement.reference", "a leg joins two parties");
    if (agreement_leg(a, leg.pub.from, leg.pub.to) != NULL)
        return json_fail(at, err, "agreement.twice", "leg %s-%s stands twice",
                         leg.pub.from, leg.pub.to);
    leg.pub.state = (enum leg_state)state;
    leg.pub.clause = leg.clause.id;
    leg.suspension = (enum suspension)suspension;
    a->legs = mem_grow(a->legs, a->leg_count, &a->leg_cap, sizeof *a->legs);
    a->legs[a->leg_count++] = leg;
    return true;
}

bool parse_legs(struct layers *l, struct err *err)
{
    struct json_at legs;

    if (!layer_need(l, "legs", &legs, err))
        return false;
    if (json_items(&legs) > AGREEMENT_LIST_MAX)
        return json_fail(&legs, err, "agreement.too-many", "more than %d legs",
                         AGREEMENT_LIST_MAX);
    for (size_t i = 0; i < json_items(&legs); i++) {
        struct json_at at = json_item(&legs, i);

        if (!parse_leg(l->a, &at, err))
            return false;
    }
    return true;
}
