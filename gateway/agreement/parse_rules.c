/*
 * parse_rules.c - the clauses that decide: purposes, beneficiaries, messages, fields, roles,
 * consent, children, the third party, suspension and termination, what goes together.
 */
#include "agreement/agreement_private.h"

#include "base/err.h"
#include "base/mem.h"
#include "model/path.h"

/* Calls see() for every object of an optional array. */
typedef bool item_fn(struct layers *l, const struct json_at *at, struct err *err);

static bool each_item(struct layers *l, const char *key, item_fn *see, struct err *err)
{
    struct json_at array = layer_key(l, key);

    if (array.value == NULL)
        return true;
    if (!json_is_array(array.value))
        return json_fail(&array, err, "json.type", "an array is expected");
    if (json_items(&array) > AGREEMENT_LIST_MAX)
        return json_fail(&array, err, "agreement.too-many", "more than %d entries",
                         AGREEMENT_LIST_MAX);
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);

        if (!json_is_object_at(&at, err) || !see(l, &at, err))
            return false;
    }
    return true;
}

/* --- purposes, beneficiaries ---------------------------------------------------------------- */

static bool read_covered(struct layers *l, struct purpose_rule *rule,
                         const struct json_at *at, struct err *err)
{
    struct covered_field field = { 0 };
    struct json_at path = json_member(at, "path");

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("path", "messages", "child"), err) ||
        !json_need_string(at, "path", &field.path, err) ||
        !read_path(l->a->paths, &path, field.path, err) ||
        !read_messages(at, "messages", &field.messages, err) ||
        !json_may_bool(at, "child", &field.child, err))
        return false;
    rule->fields =
        mem_grow(rule->fields, rule->field_count, &rule->field_cap, sizeof *rule->fields);
    rule->fields[rule->field_count++] = field;
    return true;
}

static bool see_purpose(struct layers *l, const char *key, const struct json_at *at,
                        struct err *err)
{
    struct purpose_rule *rule;
    enum purpose purpose;
    struct json_at fields;

    if (!purpose_find(key, &purpose))
        return json_fail(at, err, "agreement.reference", "there is no such purpose");
    rule = &l->a->purposes[purpose];
    rule->present = true;
    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("clause", "what", "categories", "fields"), err) ||
        !read_clause(at, &rule->clause, err) ||
        !json_need_string(at, "what", &rule->what, err) ||
        !read_categories(at, "categories", &rule->categories, err) ||
        !json_may_array(at, "fields", &fields, err))
        return false;
    for (size_t i = 0; i < json_items(&fields); i++) {
        struct json_at item = json_item(&fields, i);

        if (!read_covered(l, rule, &item, err))
            return false;
    }
    return true;
}

static bool see_beneficiary(struct layers *l, const char *key, const struct json_at *at,
                            struct err *err)
{
    struct agreement *a = l->a;
    struct beneficiary_rule rule = { .code = key };

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("clause", "minimumStatus", "without"), err) ||
        !read_clause(at, &rule.clause, err) ||
        !json_may_string(at, "minimumStatus", &rule.minimum, err) ||
        !read_categories(at, "without", &rule.without, err))
        return false;
    if (rule.minimum != NULL && !text_eq(rule.minimum, "SUSPECTED") &&
        !text_eq(rule.minimum, "PRESUMED") && !text_eq(rule.minimum, "IDENTIFIED"))
        return json_fail(at, err, "agreement.reference",
                         "minimumStatus is SUSPECTED, PRESUMED or IDENTIFIED");
    a->beneficiaries = mem_grow(a->beneficiaries, a->beneficiary_count,
                                &a->beneficiary_cap, sizeof *a->beneficiaries);
    a->beneficiaries[a->beneficiary_count++] = rule;
    return true;
}

/* --- messages and fields -------------------------------------------------------------------- */

static bool read_only(struct layers *l, const struct json_at *in,
                      struct message_rule *rule, struct err *err)
{
    struct json_at only;
    const char *key;
    json_t *value;

    if (!json_may_object(in, "only", &only, err))
        return false;
    if (only.value == NULL)
        return true;
    json_object_foreach (only.value, key, value) {
        enum category category = category_find(key);
        struct json_at at = json_member(&only, key);

        if (json_is_comment(key))
            continue;
        if (category == CATEGORY_NONE)
            return json_fail(&at, err, "agreement.reference",
                             "there is no such category");
        if (!read_paths(l->a->paths, &only, key, &rule->only[category], err))
            return false;
    }
    return true;
}

static bool read_message(struct layers *l, const struct json_at *at,
                         struct message_rule *rule, struct err *err)
{
    return json_is_object_at(at, err) &&
           json_only_keys(at,
                          JSON_KEYS("clause", "must", "may", "only", "consent",
                                    "purposes", "from", "before", "states"),
                          err) &&
           read_clause(at, &rule->clause, err) &&
           read_categories(at, "must", &rule->must, err) &&
           read_categories(at, "may", &rule->may, err) && read_only(l, at, rule, err) &&
           read_purposes(at, "consent", &rule->consent, err) &&
           read_purposes(at, "purposes", &rule->purposes, err) &&
           read_states(at, &rule->states, err);
}

static bool see_message(struct layers *l, const char *key, const struct json_at *at,
                        struct err *err)
{
    const struct message_type *type = message_type_find(key);
    struct message_rule *rule;

    if (type == NULL || !text_eq(type->id, key) || !type->document)
        return json_fail(at, err, "agreement.reference",
                         "there is no such message, or it carries no document");
    rule = &l->a->messages[message_number(type)];
    rule->present = true;
    return read_message(l, at, rule, err);
}

static const char *const use_words[] = { "optional", "forbidden", "required", NULL };

static bool see_field(struct layers *l, const struct json_at *at, struct err *err)
{
    struct agreement *a = l->a;
    struct field_rule *rule;
    struct json_at path = json_member(at, "path");
    int use;

    a->fields = mem_grow(a->fields, a->field_count, &a->field_cap, sizeof *a->fields);
    rule = &a->fields[a->field_count++];
    *rule = (struct field_rule){ 0 };
    if (!json_only_keys(at,
                        JSON_KEYS("clause", "path", "use", "messages", "from", "before",
                                  "states", "child", "why"),
                        err) ||
        !read_clause(at, &rule->clause, err) ||
        !json_need_string(at, "path", &rule->path, err) ||
        !read_path(a->paths, &path, rule->path, err) ||
        !json_need_word(at, "use", use_words, &use, err) ||
        !read_messages(at, "messages", &rule->messages, err) ||
        !read_states(at, &rule->states, err) ||
        !json_may_bool(at, "child", &rule->child, err) ||
        !json_may_string(at, "why", &rule->why, err))
        return false;
    rule->use = (enum field_use)use;
    return true;
}

static bool see_excluded(struct layers *l, const struct json_at *at, struct err *err)
{
    struct agreement *a = l->a;
    struct exclusion rule = { 0 };

    if (!json_only_keys(at, JSON_KEYS("clause", "category", "why"), err) ||
        !read_clause(at, &rule.clause, err) ||
        !read_category(at, "category", &rule.category, err) ||
        !json_need_string(at, "why", &rule.why, err))
        return false;
    a->excluded =
        mem_grow(a->excluded, a->excluded_count, &a->excluded_cap, sizeof *a->excluded);
    a->excluded[a->excluded_count++] = rule;
    return true;
}

/* --- roles ---------------------------------------------------------------------------------- */

static bool read_send(struct role_rule *role, const struct json_at *at, struct err *err)
{
    struct send_right *send;

    role->sends =
        mem_grow(role->sends, role->send_count, &role->send_cap, sizeof *role->sends);
    send = &role->sends[role->send_count++];
    *send = (struct send_right){ .clause = role->clause };
    return json_is_object_at(at, err) &&
           json_only_keys(at, JSON_KEYS("messages", "from", "before", "states"), err) &&
           read_messages(at, "messages", &send->messages, err) &&
           read_states(at, &send->states, err);
}

static bool see_role(struct layers *l, const char *key, const struct json_at *at,
                     struct err *err)
{
    struct agreement *a = l->a;
    struct role_rule *role;
    struct json_at sends;

    a->roles = mem_grow(a->roles, a->role_count, &a->role_cap, sizeof *a->roles);
    role = &a->roles[a->role_count++];
    *role = (struct role_rule){ .role = key };
    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("clause", "sees", "fields", "sends", "receives"),
                        err) ||
        !read_clause(at, &role->clause, err) ||
        !read_categories(at, "sees", &role->sees, err) ||
        !read_paths(a->paths, at, "fields", &role->fields, err) ||
        !read_messages(at, "receives", &role->receives, err) ||
        !json_may_array(at, "sends", &sends, err))
        return false;
    for (size_t i = 0; i < json_items(&sends); i++) {
        struct json_at send = json_item(&sends, i);

        if (!read_send(role, &send, err))
            return false;
    }
    return true;
}

static bool roles_known(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;

    for (size_t i = 0; i < a->party_count; i++)
        for (size_t j = 0; j < a->parties[i].office_count; j++) {
            const struct agreement_office *o = &a->parties[i].offices[j];

            if (role_of(a, o->role) == NULL)
                return json_fail(&l->roots[0], err, "agreement.reference",
                                 "office %s has role %s, which \"roles\" does not define",
                                 o->id, o->role);
        }
    return true;
}

/* --- consent -------------------------------------------------------------------------------- */

static bool read_signer(struct consent_rules *c, const struct json_at *at,
                        struct err *err)
{
    static const char *const givers[] = { "SELF",      "PARENT", "GUARDIAN",
                                          "AUTHORITY", "COURT",  NULL };
    struct signer_rule *signer;
    int64_t below = 0;

    c->signers =
        mem_grow(c->signers, c->signer_count, &c->signer_cap, sizeof *c->signers);
    signer = &c->signers[c->signer_count++];
    *signer = (struct signer_rule){ 0 };
    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("clause", "below", "givers"), err) ||
        !read_clause(at, &signer->clause, err) ||
        !json_may_int(at, "below", 1, 25, &below, err) ||
        !read_strings(at, "givers", &signer->givers, err))
        return false;
    for (size_t i = 0; i < signer->givers.count; i++)
        if (json_nearest(signer->givers.items[i], givers) == NULL ||
            !text_eq(json_nearest(signer->givers.items[i], givers),
                     signer->givers.items[i]))
            return json_fail(at, err, "agreement.reference",
                             "givers are SELF, PARENT, GUARDIAN, AUTHORITY, COURT");
    if (signer->givers.count == 0)
        return json_fail(at, err, "agreement.clause-missing", "nobody may sign");
    if (c->signer_count > 1 &&
        (c->signers[c->signer_count - 2].below == 0 ||
         (below != 0 && below <= c->signers[c->signer_count - 2].below)))
        return json_fail(at, err, "agreement.reference",
                         "ages go up, and the last entry has no \"below\"");
    signer->below = (int)below;
    return true;
}

static bool read_signers(struct consent_rules *c, const struct json_at *in,
                         struct err *err)
{
    struct json_at array;

    if (!json_need_array(in, "signers", &array, err))
        return false;
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);

        if (!read_signer(c, &at, err))
            return false;
    }
    if (c->signer_count == 0 || c->signers[c->signer_count - 1].below != 0)
        return json_fail(&array, err, "agreement.clause-missing",
                         "the last entry has no \"below\": who signs for an adult");
    return true;
}

static bool read_withdrawal(struct consent_rules *c, const struct json_at *in,
                            struct err *err)
{
    struct json_at at;

    return json_need_object(in, "withdrawal", &at, err) &&
           json_only_keys(&at, JSON_KEYS("clause", "allows"), err) &&
           read_clause(&at, &c->withdrawal, err) &&
           read_messages(&at, "allows", &c->after_withdrawal, err);
}

static bool read_vital(struct layers *l, const struct json_at *in, struct err *err)
{
    struct consent_rules *c = &l->a->consent;
    struct json_at at;

    if (!json_may_object(in, "vitalInterest", &at, err))
        return false;
    if (at.value == NULL)
        return true;
    return json_only_keys(&at, JSON_KEYS("clause", "fields", "levels"), err) &&
           read_clause(&at, &c->vital, err) &&
           read_paths(l->a->paths, &at, "fields", &c->vital_fields, err) &&
           read_strings(&at, "levels", &c->vital_levels, err);
}

static bool parse_consent(struct layers *l, struct err *err)
{
    struct consent_rules *c = &l->a->consent;
    struct json_at at, taker;
    int64_t months;

    if (!layer_need(l, "consent", &at, err) ||
        !json_only_keys(&at,
                        JSON_KEYS("clause", "maxAgeMonths", "written", "languages",
                                  "signers", "withdrawal", "taker", "vitalInterest"),
                        err) ||
        !read_clause(&at, &c->clause, err) ||
        !json_need_int(&at, "maxAgeMonths", 1, 36, &months, err) ||
        !json_may_bool(&at, "written", &c->written, err) ||
        !read_strings(&at, "languages", &c->languages, err) ||
        !read_signers(c, &at, err) || !read_withdrawal(c, &at, err) ||
        !read_vital(l, &at, err) || !json_need_object(&at, "taker", &taker, err) ||
        !json_only_keys(&taker, JSON_KEYS("clause"), err) ||
        !read_clause(&taker, &c->taker, err))
        return false;
    c->max_age_months = (unsigned)months;
    return true;
}

/* --- the rest ------------------------------------------------------------------------------- */

static bool parse_children(struct layers *l, struct err *err)
{
    struct child_rules *c = &l->a->children;
    struct json_at at;

    return layer_need(l, "children", &at, err) &&
           json_only_keys(&at, JSON_KEYS("clause", "guardianBefore", "receptionNamed"),
                          err) &&
           read_clause(&at, &c->clause, err) &&
           read_messages(&at, "guardianBefore", &c->guardian_before, err) &&
           read_messages(&at, "receptionNamed", &c->reception_named, err);
}

static bool parse_third(struct layers *l, struct err *err)
{
    struct third_rule *t = &l->a->third;
    struct json_at at = layer_key(l, "thirdParty");

    if (at.value == NULL)
        return true;
    t->present = true;
    return json_is_object_at(&at, err) &&
           json_only_keys(&at, JSON_KEYS("clause", "messages", "categories", "consent"),
                          err) &&
           read_clause(&at, &t->clause, err) &&
           read_messages(&at, "messages", &t->messages, err) &&
           read_categories(&at, "categories", &t->categories, err) &&
           read_purposes(&at, "consent", &t->consent, err);
}

static bool parse_endings(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    struct json_at at;
    int64_t months;

    if (!layer_need(l, "suspension", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "freezeAllows", "closeAllows"), err) ||
        !read_clause(&at, &a->suspension.clause, err) ||
        !read_messages(&at, "freezeAllows", &a->suspension.freeze, err) ||
        !read_messages(&at, "closeAllows", &a->suspension.close, err) ||
        !layer_need(l, "termination", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "noticeMonths", "openCases", "allows"),
                        err) ||
        !read_clause(&at, &a->termination.clause, err) ||
        !json_need_int(&at, "noticeMonths", 0, 36, &months, err) ||
        !read_messages(&at, "openCases", &a->termination.freeze, err) ||
        !read_messages(&at, "allows", &a->termination.close, err))
        return false;
    a->notice_months = (unsigned)months;
    return true;
}

static bool see_bound(struct layers *l, const struct json_at *at, struct err *err)
{
    struct agreement *a = l->a;
    struct bound_rule *rule;
    struct json_at element = json_member(at, "element");

    a->bound = mem_grow(a->bound, a->bound_count, &a->bound_cap, sizeof *a->bound);
    rule = &a->bound[a->bound_count++];
    *rule = (struct bound_rule){ 0 };
    return json_only_keys(at, JSON_KEYS("clause", "element", "with"), err) &&
           read_clause(at, &rule->clause, err) &&
           json_need_string(at, "element", &rule->element, err) &&
           read_path(a->paths, &element, rule->element, err) &&
           read_paths(a->paths, at, "with", &rule->with, err);
}

bool parse_rules(struct layers *l, struct err *err)
{
    struct json_at at;

    return layer_need(l, "purposes", &at, err) &&
           layer_each(l, "purposes", see_purpose, err) &&
           layer_need(l, "beneficiaries", &at, err) &&
           layer_each(l, "beneficiaries", see_beneficiary, err) &&
           layer_need(l, "messages", &at, err) &&
           layer_each(l, "messages", see_message, err) &&
           each_item(l, "fields", see_field, err) &&
           each_item(l, "excluded", see_excluded, err) &&
           layer_need(l, "roles", &at, err) && layer_each(l, "roles", see_role, err) &&
           roles_known(l, err) && parse_consent(l, err) && parse_children(l, err) &&
           parse_third(l, err) && parse_endings(l, err) &&
           each_item(l, "bound", see_bound, err);
}
