/*
 * field.c - the checks of one field, in their order; the first no decides and is named.
 *
 * Message type, exclusions, matrix, field exceptions, third party, office, question, consent. The
 * order puts first what can never change, so an officer is not sent to fetch a consent for a field
 * that the agreement does not let travel anyway.
 */
#include "agreement/decide_private.h"

#include <stdio.h>
#include <string.h>

#include "format/xml.h"

static bool is_free_of_consent(enum category category)
{
    return category == CATEGORY_ADMIN || category == CATEGORY_CONSENT;
}

/* --- message, exclusion, matrix ------------------------------------------------------------- */

static bool check_message(struct view *view, const struct subject *s,
                          enum category category, struct verdict *v)
{
    if (message_carries(view->type, s->path, category, view->child))
        return true;
    /* The article of the agreement that has this message says what it is for. */
    verdict_withhold(
        view, v, VERDICT_MESSAGE, view->rule != NULL ? view->rule->clause.id : "",
        "%s (%s) does not carry this field", view->type->id, view->type->name);
    return false;
}

static bool check_excluded(struct view *view, enum category category, struct verdict *v)
{
    for (size_t i = 0; i < view->a->excluded_count; i++) {
        const struct exclusion *e = &view->a->excluded[i];

        if (e->category != category)
            continue;
        verdict_withhold(view, v, VERDICT_EXCLUDED, e->clause.id, "%s leaves out %s: %s",
                         view->a->id, category_name(category), e->why);
        return false;
    }
    return true;
}

static bool check_matrix(struct view *view, const struct subject *s,
                         enum category category, struct verdict *v)
{
    const struct message_rule *rule = view->rule;

    if (((rule->must | rule->may) & category_bit(category)) == 0) {
        verdict_withhold(view, v, VERDICT_MATRIX, rule->clause.id,
                         "%s allows no %s in %s", view->a->id, category_name(category),
                         view->type->id);
        return false;
    }
    if (rule->only[category].count == 0 || paths_cover(&rule->only[category], s->path))
        return true;
    verdict_withhold(view, v, VERDICT_MATRIX, rule->clause.id,
                     "%s allows only a part of %s in %s", view->a->id,
                     category_name(category), view->type->id);
    return false;
}

/* --- field exceptions ----------------------------------------------------------------------- */

static bool applies(const struct view *view, const struct field_rule *rule,
                    const char *path)
{
    if (!path_covers(rule->path, path) || (rule->child && !view->child))
        return false;
    if (rule->messages != 0 && (rule->messages & message_bit(view->type)) == 0)
        return false;
    return states_hold(&rule->states, view->in->case_state);
}

/* The exception that stands nearest to the field; among equals the one that forbids. */
static const struct field_rule *nearest_rule(const struct view *view, const char *path)
{
    const struct field_rule *best = NULL;

    for (size_t i = 0; i < view->a->field_count; i++) {
        const struct field_rule *rule = &view->a->fields[i];

        if (!applies(view, rule, path))
            continue;
        if (best == NULL || strlen(rule->path) > strlen(best->path) ||
            (strlen(rule->path) == strlen(best->path) && rule->use == FIELD_FORBIDDEN))
            best = rule;
    }
    return best;
}

static bool check_field(struct view *view, const struct subject *s, struct verdict *v)
{
    const struct field_rule *rule = nearest_rule(view, s->path);
    const char *before;

    if (rule == NULL || rule->use != FIELD_FORBIDDEN)
        return true;
    before = rule->states.before;
    verdict_withhold(view, v, VERDICT_FIELD, rule->clause.id,
                     "%s does not let it go%s%s%s%s", view->a->id,
                     before != NULL ? " before the case is " : "",
                     before != NULL ? before : "", rule->why != NULL ? ": " : "",
                     rule->why != NULL ? rule->why : "");
    return false;
}

/* --- third party, office -------------------------------------------------------------------- */

static bool check_third(struct view *view, enum category category, struct verdict *v)
{
    const struct third_rule *third = &view->a->third;

    if (!view->third || (third->categories & category_bit(category)) != 0)
        return true;
    verdict_withhold(view, v, VERDICT_THIRD, third->present ? third->clause.id : "",
                     "the third party of the case gets no %s", category_name(category));
    return false;
}

static bool check_office(struct view *view, const struct subject *s,
                         enum category category, struct verdict *v)
{
    if ((view->role->sees & category_bit(category)) != 0 ||
        paths_cover(&view->role->fields, s->path))
        return true;
    verdict_withhold(view, v, VERDICT_OFFICE, view->role->clause.id,
                     "%s (%s) may not see %s", view->to->id, view->to->role,
                     category_name(category));
    return false;
}

/* --- what was asked ------------------------------------------------------------------------- */

static bool step_fits(const struct path_step *step, const xmlNode *node)
{
    const char *has;

    if (!str_is(step->name, (const char *)node->name))
        return false;
    if (step->attribute.len == 0)
        return true;
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next)
        if (str_is(step->attribute, (const char *)a->name)) {
            has = xml_attr(node, NULL, (const char *)a->name);
            return has != NULL && str_is(step->value, has);
        }
    return false;
}

/* The element stands at the path or below it. An attribute at the end asks for its element. */
static bool node_below(const xmlNode *node, const struct path_steps *steps)
{
    const xmlNode *chain[PATH_DEPTH_MAX + 1];
    size_t depth = 0, want = steps->count;

    if (want > 0 && steps->step[want - 1].is_attribute)
        want--;
    for (; node->parent != NULL && node->parent->type == XML_ELEMENT_NODE;
         node = node->parent) {
        if (depth == COUNT_OF(chain))
            return false;
        chain[depth++] = node;
    }
    if (want == 0 || depth < want)
        return false;
    for (size_t i = 0; i < want; i++)
        if (!step_fits(&steps->step[i], chain[depth - 1 - i]))
            return false;
    return true;
}

static bool below_one(const struct path_steps *list, size_t count, const xmlNode *node)
{
    for (size_t i = 0; i < count; i++)
        if (node_below(node, &list[i]))
            return true;
    return false;
}

/* Notes, attachments and extensions have no path of their own in a question: their category must
 * have been asked for. */
static bool asked_by_category(const struct view *view, const struct subject *s)
{
    for (size_t i = 0; i < s->category_count; i++)
        if (!is_free_of_consent(s->categories[i]) &&
            (view->asked_categories & category_bit(s->categories[i])) == 0)
            return false;
    return true;
}

static bool is_loose(const char *path)
{
    return text_eq(path, "Note") || text_eq(path, "Attachment") ||
           text_eq(path, "NationalExtension");
}

static bool touches_one(const struct path_steps *list, size_t count, const char *element)
{
    for (size_t i = 0; i < count; i++) {
        char plain[PATH_TEXT_MAX] = "";
        size_t len = 0;

        for (size_t j = 0; j < list[i].count && !list[i].step[j].is_attribute; j++)
            len += (size_t)snprintf(plain + len, sizeof plain - len, "%s" STR_FMT,
                                    j > 0 ? "/" : "", STR_ARG(list[i].step[j].name));
        if (path_covers(element, plain) || path_covers(plain, element))
            return true;
    }
    return false;
}

/* Who asks for a telephone number asks for its safe-contact instructions, whether he says so or
 * not: what is bound to an element goes with the answer about it. */
static bool asked_as_bound(const struct view *view, const struct subject *s)
{
    for (size_t i = 0; i < view->a->bound_count; i++) {
        const struct bound_rule *rule = &view->a->bound[i];

        if (paths_cover(&rule->with, s->path) &&
            touches_one(view->asked, view->asked_count, rule->element) &&
            touches_one(view->answered, view->answered_count, rule->element))
            return true;
    }
    return false;
}

static bool check_asked(struct view *view, const struct subject *s,
                        enum category category, struct verdict *v)
{
    if (!text_eq(view->type->id, "M06") || is_free_of_consent(category) ||
        s->node == NULL)
        return true;
    if (is_loose(s->path) ? asked_by_category(view, s)
                          : below_one(view->asked, view->asked_count, s->node) &&
                                below_one(view->answered, view->answered_count, s->node))
        return true;
    if (asked_as_bound(view, s))
        return true;
    verdict_withhold(view, v, VERDICT_ASKED, view->rule->clause.id,
                     "an answer carries only what was asked and is answered as provided");
    return false;
}

/* --- consent -------------------------------------------------------------------------------- */

const struct consent *view_cover(const struct view *view, unsigned purposes,
                                 enum category category, const char *path,
                                 enum consent_fault *ret_fault)
{
    const struct consents *all = &view->out->consents;
    struct cover what = {
        .day = view->day,
        .age = view->age.least,
        .office = view->consent_office,
        .purposes = purposes,
        .category = category,
        .path = path,
        .message = view->type,
        .child = view->child,
    };
    const struct consent *young = consents_cover(view->a, all, &what, ret_fault), *old;

    if (young == NULL || view->age.least == view->age.most)
        return young;
    what.age = view->age.most;
    old = consents_cover(view->a, all, &what, ret_fault);
    return old == NULL ? NULL : young;
}

static const char *fault_words(const struct view *view, enum consent_fault fault)
{
    static const char *const words[] = {
        [CONSENT_VALID] = "",
        [CONSENT_UNDECLARED] =
            "the consent stands on a form the agreement does not declare",
        [CONSENT_REFUSED] = "the person refused",
        [CONSENT_WITHDRAWN] = "the consent was withdrawn",
        [CONSENT_EXPIRED] = "the consent has run out",
        [CONSENT_UNDATED] = "the consent has no day of giving",
        [CONSENT_FUTURE] = "the consent was given later than now",
        [CONSENT_SIGNER] = "the consent was not signed by who must sign",
        [CONSENT_RECIPIENT] = "the consent does not name this office",
        [CONSENT_OVERRULED] = "a later refusal or withdrawal stands against the consent",
        [CONSENT_PURPOSE] = "no consent covers it",
    };

    if (fault == CONSENT_SIGNER && view->age.least < 18 && view->age.most >= 18)
        return "it is not known whether the person is of age: both the own consent and "
               "that of "
               "a guardian or authority are needed";
    return words[fault];
}

static bool vital(const struct view *view, const char *path)
{
    return view->vital && paths_cover(&view->a->consent.vital_fields, path);
}

static bool check_consent(struct view *view, const struct subject *s,
                          enum category category, struct verdict *v)
{
    enum consent_fault fault;
    const struct consent *by;

    if (!view->consents_matter || is_free_of_consent(category))
        return true;
    by = view_cover(view, view->purposes, category, s->path, &fault);
    if (by != NULL) {
        v->consent = by->index;
        v->consent_item = by->declared;
        return true;
    }
    if (vital(view, s->path)) {
        v->vital = true;
        v->clause = view->a->consent.vital.id;
        v->reason = "VITAL_INTEREST: life is in danger";
        return true;
    }
    verdict_withhold(view, v, VERDICT_CONSENT, view->a->consent.clause.id, "%s",
                     fault_words(view, fault));
    return false;
}

/* --- all of them ---------------------------------------------------------------------------- */

static bool check_category(struct view *view, const struct subject *s,
                           enum category category, struct verdict *v)
{
    if (view->rule != NULL &&
        !(check_message(view, s, category, v) && check_excluded(view, category, v) &&
          check_matrix(view, s, category, v) && check_field(view, s, v) &&
          check_third(view, category, v)))
        return false;
    if (!check_office(view, s, category, v))
        return false;
    if (view->rule != NULL && !check_asked(view, s, category, v))
        return false;
    return check_consent(view, s, category, v);
}

void field_rule_on(struct view *view, const struct subject *subject, struct verdict *ret)
{
    if (view->rule != NULL)
        ret->clause = view->rule->clause.id;
    for (size_t i = 0; i < subject->category_count; i++)
        if (!check_category(view, subject, subject->categories[i], ret))
            return;
}
