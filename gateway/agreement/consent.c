/*
 * consent.c - consents read against the agreement: what they cover, whether they hold, who signs.
 *
 * Coverage is declared ∩ restricted and is worked out anew each time, so a document that was expanded
 * elsewhere can say less than the agreement declares, never more. A consent holds through the whole
 * of its last day in the agreement's zone; withdrawal ends it with the beginning of its day. A later
 * refusal or withdrawal of the same purpose, for the same recipient, by one who may sign, beats an
 * earlier yes. Nothing here fails: what cannot be read covers nothing.
 */
#include "agreement/consent.h"

#include <string.h>

#include "agreement/agreement_private.h"
#include "base/err.h"
#include "format/xml.h"
#include "model/date.h"
#include "model/findings.h"
#include "model/path.h"
#include "model/referral.h"

#define MAJORITY 18  /* years */
#define OLDEST   150 /* years */

/* --- names ---------------------------------------------------------------------------------- */

static const char *const purposes[PURPOSE_COUNT] = {
    "RETURN", "IDENTITY", "TRACING", "ASSIST", "HEALTH", "CRIMINAL", "FOLLOWUP", "STATS",
};

const char *purpose_name(enum purpose purpose)
{
    return purposes[purpose];
}

bool purpose_find(const char *name, enum purpose *ret)
{
    for (unsigned i = 0; i < PURPOSE_COUNT; i++)
        if (text_eq(purposes[i], name)) {
            *ret = (enum purpose)i;
            return true;
        }
    return false;
}

static const char *const faults[] = {
    [CONSENT_VALID] = "valid",         [CONSENT_UNDECLARED] = "undeclared",
    [CONSENT_REFUSED] = "refused",     [CONSENT_WITHDRAWN] = "withdrawn",
    [CONSENT_EXPIRED] = "expired",     [CONSENT_UNDATED] = "undated",
    [CONSENT_FUTURE] = "future",       [CONSENT_SIGNER] = "signer",
    [CONSENT_RECIPIENT] = "recipient", [CONSENT_OVERRULED] = "overruled",
    [CONSENT_PURPOSE] = "purpose",
};

const char *consent_fault_name(enum consent_fault fault)
{
    return faults[fault];
}

/* --- age ------------------------------------------------------------------------------------ */

struct age consent_age(const char *birth, const char *beneficiary, struct civil day)
{
    struct err drop = { 0 };
    struct date date;

    if (birth != NULL && date_parse_canonical(birth, &date, &drop)) {
        int least = civil_years_between(date_last(date), day);
        int most = civil_years_between(date_first(date), day);

        return (struct age){ true, least > 0 ? least : 0, most > 0 ? most : 0 };
    }
    if (beneficiary_is_child(beneficiary))
        return (struct age){ true, 0, MAJORITY - 1 };
    if (beneficiary != NULL)
        return (struct age){ true, MAJORITY, OLDEST };
    return (struct age){ false, 0, OLDEST };
}

static const struct signer_rule *signer_of(const struct agreement *a, int age)
{
    size_t last = a->consent.signer_count - 1;

    for (size_t i = 0; i < last; i++)
        if (age < a->consent.signers[i].below)
            return &a->consent.signers[i];
    return &a->consent.signers[last];
}

const char *const *consent_signers(const struct agreement *a, int age, size_t *ret_count,
                                   const char **ret_clause)
{
    const struct signer_rule *rule = signer_of(a, age);

    *ret_count = rule->givers.count;
    if (ret_clause != NULL)
        *ret_clause = rule->clause.id;
    return (const char *const *)rule->givers.items;
}

/* --- reading -------------------------------------------------------------------------------- */

static const char *leaf(const xmlNode *parent, const char *name)
{
    const xmlNode *node = xml_child(parent, REFERRAL_NS, name);
    struct err drop = { 0 };

    return node == NULL ? NULL : xml_leaf(node, &drop);
}

static const char *code(const xmlNode *parent, const char *name)
{
    const xmlNode *node = xml_child(parent, REFERRAL_NS, name);

    return node == NULL ? NULL : xml_attr(node, NULL, "code");
}

static const struct consent_form_item *declared_item(const struct agreement *a,
                                                     const char *taker, const char *form,
                                                     const char *item)
{
    const struct agreement_party *party = agreement_party(a, taker);
    const struct form_rule *rule = form_of(a, form);

    if (party == NULL || rule == NULL || !text_eq(party->form, form))
        return NULL;
    for (size_t i = 0; i < rule->item_count; i++)
        if (text_eq(rule->items[i].item, item))
            return &rule->items[i];
    return NULL;
}

/* What the element lists; *ret_any says whether it lists anything. */
static unsigned listed_purposes(const xmlNode *node, bool *ret_any)
{
    const xmlNode *item = xml_child(node, REFERRAL_NS, "Purpose");
    unsigned bits = 0;
    enum purpose purpose;

    *ret_any = item != NULL;
    for (; item != NULL; item = xml_again(item))
        if (purpose_find(xml_attr(item, NULL, "code"), &purpose))
            bits |= purpose_bit(purpose);
    return bits;
}

static unsigned listed_categories(const xmlNode *node, bool *ret_any)
{
    const xmlNode *item = xml_child(node, REFERRAL_NS, "Category");
    unsigned bits = 0;

    *ret_any = item != NULL;
    for (; item != NULL; item = xml_again(item))
        bits |= category_bit(category_find(xml_attr(item, NULL, "code")));
    return bits;
}

static unsigned declared_categories(const struct agreement *a,
                                    const struct consent_form_item *item, unsigned mine)
{
    unsigned bits = 0;

    for (unsigned p = 0; p < PURPOSE_COUNT; p++)
        if ((mine & (1u << p)) != 0)
            bits |= a->purposes[p].categories;
    return item->categories == 0 ? bits : bits & item->categories;
}

static unsigned known_purposes(const struct agreement *a, unsigned mine)
{
    for (unsigned p = 0; p < PURPOSE_COUNT; p++)
        if (!a->purposes[p].present)
            mine &= ~(1u << p);
    return mine;
}

static bool names_recipient(const xmlNode *node, const char *office, bool *ret_any)
{
    const xmlNode *item = xml_child(node, REFERRAL_NS, "Recipient");
    struct err drop = { 0 };

    *ret_any = item != NULL;
    for (; item != NULL; item = xml_again(item))
        if (text_eq(xml_leaf(item, &drop), office))
            return true;
    return false;
}

static void read_recipients(const struct agreement *a, const xmlNode *node,
                            const char *recipient, bool expanded, struct consent *ret)
{
    const struct agreement_party *party = agreement_party(a, recipient);

    for (size_t i = 0; party != NULL && i < party->office_count; i++) {
        const struct agreement_office *o = &party->offices[i];
        bool any, named = names_recipient(node, o->id, &any);

        if (ret->declared->roles.count > 0 &&
            !strlist_has(&ret->declared->roles, o->role))
            continue;
        if ((named || (!any && !expanded)) &&
            ret->recipient_count < COUNT_OF(ret->recipients))
            ret->recipients[ret->recipient_count++] = o->id;
    }
}

/* "true" and "1" are the same boolean. */
static bool is_true(const char *text)
{
    return text_eq(text, "true") || text_eq(text, "1");
}

static void read_coverage(const struct agreement *a, const xmlNode *node,
                          const char *recipient, struct consent *ret)
{
    bool expanded = is_true(xml_attr(node, NULL, "expanded"));
    bool any;
    unsigned listed = listed_purposes(node, &any);

    ret->purposes = known_purposes(a, ret->declared->purposes);
    if (any || expanded)
        ret->purposes &= listed;
    ret->categories = declared_categories(a, ret->declared, ret->purposes);
    listed = listed_categories(node, &any);
    if (any || expanded)
        ret->categories &= listed;
    read_recipients(a, node, recipient, expanded, ret);
}

static void read_one(const struct agreement *a, const xmlNode *node, const char *taker,
                     const char *recipient, struct consent *ret)
{
    *ret = (struct consent){
        .form = xml_attr(node, NULL, "form"),
        .item = xml_attr(node, NULL, "item"),
        .state = code(node, "State"),
        .giver = code(node, "Giver"),
        .given_on = leaf(node, "GivenOn"),
        .valid_until = leaf(node, "ValidUntil"),
        .withdrawn_on = leaf(node, "WithdrawnOn"),
        .clause = a->consent.clause.id,
    };
    ret->declared = declared_item(a, taker, ret->form, ret->item);
    if (ret->declared == NULL)
        return;
    ret->clause = ret->declared->clause.id;
    read_coverage(a, node, recipient, ret);
}

void consents_read(const struct agreement *a, const xmlDoc *doc, const char *taker,
                   const char *recipient, struct consents *ret)
{
    const xmlNode *node = doc == NULL ? NULL : referral_section(doc, "Consent");

    ret->count = 0;
    for (; node != NULL && ret->count < CONSENTS_MAX; node = xml_again(node)) {
        read_one(a, node, taker, recipient, &ret->items[ret->count]);
        ret->items[ret->count].index = (unsigned)ret->count + 1;
        ret->count++;
    }
}

/* --- validity ------------------------------------------------------------------------------- */

static bool day_of(const char *text, struct civil *ret)
{
    return text != NULL && civil_parse(text, strlen(text), ret) && civil_valid(*ret);
}

/* The same day some months later, or the last of that month where there is none. */
static struct civil add_months(struct civil day, unsigned months)
{
    unsigned total = (unsigned)(day.month - 1) + months;

    day.year += (int)(total / 12);
    day.month = (int)(total % 12) + 1;
    while (!civil_valid(day))
        day.day--;
    return day;
}

bool consent_last_day(const struct agreement *a, const struct consent *c,
                      struct civil *ret)
{
    struct civil given, last, until;

    if (!day_of(c->given_on, &given))
        return false;
    last = civil_of_days(civil_days(add_months(given, a->consent.max_age_months)) - 1);
    if (day_of(c->valid_until, &until) && civil_compare(until, last) < 0)
        last = until;
    *ret = last;
    return true;
}

static bool reaches(const struct consent *c, const char *office)
{
    if (office == NULL)
        return true;
    for (size_t i = 0; i < c->recipient_count; i++)
        if (text_eq(c->recipients[i], office))
            return true;
    return false;
}

static bool may_sign(const struct agreement *a, const char *giver, int age)
{
    return giver != NULL && strlist_has(&signer_of(a, age)->givers, giver);
}

static bool is_withdrawn(const struct consent *c, struct civil day)
{
    struct civil on;

    if (text_eq(c->state, "WITHDRAWN"))
        return true;
    if (c->withdrawn_on == NULL)
        return false;
    return !day_of(c->withdrawn_on, &on) || civil_compare(on, day) <= 0;
}

static enum consent_fault fault_by_date(const struct agreement *a,
                                        const struct consent *c, struct civil day)
{
    struct civil given, last, until;

    if (!day_of(c->given_on, &given))
        return CONSENT_UNDATED;
    if (c->valid_until != NULL && !day_of(c->valid_until, &until))
        return CONSENT_UNDATED;
    if (civil_compare(given, day) > 0)
        return CONSENT_FUTURE;
    if (consent_last_day(a, c, &last) && civil_compare(last, day) < 0)
        return CONSENT_EXPIRED;
    return CONSENT_VALID;
}

enum consent_fault consent_fault_on(const struct agreement *a, const struct consent *c,
                                    struct civil day, int age, const char *office)
{
    if (c->declared == NULL)
        return CONSENT_UNDECLARED;
    if (is_withdrawn(c, day))
        return CONSENT_WITHDRAWN;
    if (text_eq(c->state, "EXPIRED"))
        return CONSENT_EXPIRED;
    if (!text_eq(c->state, "GIVEN"))
        return CONSENT_REFUSED;
    if (!reaches(c, office))
        return CONSENT_RECIPIENT;
    if (!may_sign(a, c->giver, age))
        return CONSENT_SIGNER;
    return fault_by_date(a, c, day);
}

/* --- coverage ------------------------------------------------------------------------------- */

static bool covers_field(const struct purpose_rule *rule, const struct cover *what)
{
    uint32_t bit = message_bit(what->message);

    for (size_t i = 0; what->path != NULL && i < rule->field_count; i++) {
        const struct covered_field *f = &rule->fields[i];

        if (path_covers(f->path, what->path) && (!f->child || what->child) &&
            (f->messages == 0 || (f->messages & bit) != 0))
            return true;
    }
    return false;
}

/* The purposes of a consent that cover what is looked for. */
static unsigned covering(const struct agreement *a, const struct consent *c,
                         const struct cover *what)
{
    unsigned bits = 0;

    for (unsigned p = 0; p < PURPOSE_COUNT; p++) {
        const struct purpose_rule *rule = &a->purposes[p];

        if ((c->purposes & what->purposes & (1u << p)) == 0)
            continue;
        if (what->category == CATEGORY_NONE ||
            (rule->categories & c->categories & category_bit(what->category)) != 0 ||
            covers_field(rule, what))
            bits |= 1u << p;
    }
    return bits;
}

/* A no counts from the day it was said; one without a day counts always. */
static bool later_no(const struct agreement *a, const struct consent *no,
                     const struct consent *yes, struct civil day, int age)
{
    struct civil given, said;
    const char *on = no->withdrawn_on != NULL ? no->withdrawn_on : no->given_on;

    if (no->declared == NULL || !(text_eq(no->state, "REFUSED") || is_withdrawn(no, day)))
        return false;
    if (no->giver != NULL && !may_sign(a, no->giver, age))
        return false;
    if (!day_of(on, &said) || !day_of(yes->given_on, &given))
        return true;
    return civil_compare(said, given) >= 0 && civil_compare(said, day) <= 0;
}

static unsigned overruled(const struct agreement *a, const struct consents *all,
                          const struct consent *yes, const struct cover *what)
{
    unsigned bits = 0;

    for (size_t i = 0; i < all->count; i++) {
        const struct consent *no = &all->items[i];

        if (no != yes && reaches(no, what->office) &&
            later_no(a, no, yes, what->day, what->age))
            bits |= no->purposes;
    }
    return bits;
}

/* Which of two reasons tells the officer more: the later in this order. */
static int nearness(enum consent_fault fault)
{
    static const enum consent_fault order[] = {
        CONSENT_PURPOSE,   CONSENT_UNDECLARED, CONSENT_REFUSED, CONSENT_RECIPIENT,
        CONSENT_SIGNER,    CONSENT_UNDATED,    CONSENT_FUTURE,  CONSENT_EXPIRED,
        CONSENT_WITHDRAWN, CONSENT_OVERRULED,
    };

    for (int i = 0; i < (int)COUNT_OF(order); i++)
        if (order[i] == fault)
            return i;
    return -1;
}

static enum consent_fault judge(const struct agreement *a, const struct consents *all,
                                const struct consent *c, const struct cover *what,
                                unsigned covered)
{
    enum consent_fault fault = consent_fault_on(a, c, what->day, what->age, what->office);

    if (fault != CONSENT_VALID)
        return fault;
    if ((covered & ~overruled(a, all, c, what)) == 0)
        return CONSENT_OVERRULED;
    return CONSENT_VALID;
}

const struct consent *consents_cover(const struct agreement *a,
                                     const struct consents *all, const struct cover *what,
                                     enum consent_fault *ret_fault)
{
    enum consent_fault nearest = CONSENT_PURPOSE;

    for (size_t i = 0; i < all->count; i++) {
        const struct consent *c = &all->items[i];
        unsigned covered = covering(a, c, what);
        enum consent_fault fault = CONSENT_UNDECLARED;

        if (c->declared != NULL && covered == 0)
            continue;
        if (c->declared != NULL)
            fault = judge(a, all, c, what, covered);
        if (fault == CONSENT_VALID)
            return c;
        if (nearness(fault) > nearness(nearest))
            nearest = fault;
    }
    *ret_fault = nearest;
    return NULL;
}

/* --- expanding ------------------------------------------------------------------------------ */

static void drop_all(xmlNode *node, const char *name)
{
    xmlNode *item;

    while ((item = xml_child(node, REFERRAL_NS, name)) != NULL) {
        AUTO(xml_node_free) xmlNode *gone = item;

        xmlUnlinkNode(item);
    }
}

static void add_code(const struct path_table *paths, xmlNode *node, const char *name,
                     const char *value)
{
    xmlNode *item = path_add(paths, node, name);

    if (item != NULL)
        xml_set(item, NULL, "code", value);
}

static void write_coverage(const struct agreement *a, xmlNode *node,
                           const struct consent *c)
{
    /* The office ids stand in the agreement, not in the document: they outlive what is dropped. */
    drop_all(node, "Purpose");
    drop_all(node, "Category");
    drop_all(node, "Recipient");
    for (unsigned p = 0; p < PURPOSE_COUNT; p++)
        if ((c->purposes & (1u << p)) != 0)
            add_code(a->paths, node, "Purpose", purposes[p]);
    for (unsigned i = 1; i < CATEGORY_COUNT; i++)
        if ((c->categories & category_bit((enum category)i)) != 0)
            add_code(a->paths, node, "Category", category_name((enum category)i));
    for (size_t i = 0; i < c->recipient_count; i++)
        xml_append_text(path_add(a->paths, node, "Recipient"), c->recipients[i]);
    xml_set(node, NULL, "expanded", "true");
}

static void tell_undeclared(const struct agreement *a, const struct consent *c,
                            struct report *ret)
{
    report_addf(
        ret,
        &(struct report_entry){
            .code = "W-CONSENT-UNDECLARED",
            .field = "Consent",
            .rule = a->consent.clause.id,
            .remedy = "ask for a consent on the form the agreement names",
        },
        "consent %u stands on a form or item that agreement %s does not declare for "
        "this sender: it covers nothing",
        c->index, a->id);
}

void agreement_expand_consents(const struct agreement *a, xmlDoc *doc, const char *taker,
                               const char *recipient, struct report *ret)
{
    xmlNode *node = referral_section(doc, "Consent");
    unsigned index = 0;

    for (; node != NULL; node = xml_again(node)) {
        struct consent c;

        read_one(a, node, taker, recipient, &c);
        c.index = ++index;
        if (c.declared == NULL && ret != NULL)
            tell_undeclared(a, &c, ret);
        write_coverage(a, node, &c);
    }
}
