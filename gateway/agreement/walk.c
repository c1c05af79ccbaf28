/*
 * walk.c - every element of a referral gets its verdict.
 *
 * Elements without children are decided on their path and category; groups live as long as something
 * in them does; an element that has a value of its own and children (Trafficking/Status) is decided
 * first, and takes its children along when it may not go. Free text, attachments and national
 * extensions have the categories their rules give them. After a group's children, two rules may take
 * it away whole: what goes only together (bound), and what the schema does not let stand without a
 * part that was withheld.
 */
#include <string.h>

#include "agreement/decide_private.h"
#include "format/xml.h"
#include "model/referral.h"

/* --- subjects ------------------------------------------------------------------------------- */

static void subject_add(struct subject *s, enum category category)
{
    if (category == CATEGORY_NONE)
        return;
    for (size_t i = 0; i < s->category_count; i++)
        if (s->categories[i] == category)
            return;
    s->categories[s->category_count++] = category;
}

static const char *local(const xmlNode *node)
{
    return (const char *)node->name;
}

static enum category officers(const xmlNode *node)
{
    return category_find(xml_attr(node, NULL, "category"));
}

/* A field of a form as mappings name it: "Prymitka" is also meant by "Prymitka[rozdil=osoba]". */
static bool is_field(const char *declared, const char *field)
{
    size_t len = strlen(declared);

    return field != NULL && strncmp(declared, field, len) == 0 &&
           (field[len] == '\0' || field[len] == '[');
}

static const struct never_rule *never_of(const struct agreement *a, const char *form,
                                         const char *field)
{
    const struct form_rule *rule = form_of(a, form);

    for (size_t i = 0; rule != NULL && i < rule->never_count; i++)
        if (is_field(rule->never[i].field, field))
            return &rule->never[i];
    return NULL;
}

/* The category the agreement declares for a text field of a form. */
static enum category declared_of(const struct view *view, const xmlNode *node)
{
    const struct form_rule *rule = form_of(view->a, xml_attr(node, NULL, "form"));
    const char *field = xml_attr(node, NULL, "field");
    const char *about = xml_attr(node, NULL, "about");

    for (size_t i = 0; rule != NULL && i < rule->text_count; i++) {
        const struct text_rule *t = &rule->texts[i];

        if (!is_field(t->field, field) || (t->about != NULL && !text_eq(t->about, about)))
            continue;
        if (t->messages == 0 || view->type == NULL ||
            (t->messages & message_bit(view->type)) != 0)
            return t->category;
    }
    return CATEGORY_NONE;
}

static bool is_never(struct view *view, const xmlNode *node, struct verdict *v)
{
    const struct never_rule *never =
        never_of(view->a, xml_attr(node, NULL, "form"), xml_attr(node, NULL, "field"));

    if (never == NULL)
        return false;
    verdict_withhold(view, v, VERDICT_NEVER, never->clause.id, "%s", never->why);
    return true;
}

/* --- texts, extensions, attachments --------------------------------------------------------- */

static void walk_note(struct view *view, const struct path_row *row, const xmlNode *node)
{
    struct subject s = { .path = row->path, .node = node };
    struct verdict *v;

    subject_add(&s, officers(node));
    if (s.category_count == 0 && xml_attr(node, NULL, "category") == NULL)
        subject_add(&s, declared_of(view, node));
    v = verdict_add(view, row->path, s.categories[0], node, NULL);
    if (is_never(view, node, v))
        return;
    if (s.category_count == 0) {
        verdict_withhold(
            view, v, VERDICT_TEXT, view->a->attachments.clause.id,
            "the text has no category, from its officer or from the agreement");
        return;
    }
    field_rule_on(view, &s, v);
}

static void walk_extension(struct view *view, const struct path_row *row,
                           const xmlNode *node)
{
    struct subject s = { .path = row->path, .node = node };
    struct verdict *v;

    subject_add(&s, officers(node));
    v = verdict_add(view, row->path, s.categories[0], node, NULL);
    if (is_never(view, node, v))
        return;
    if (s.category_count == 0) {
        verdict_withhold(view, v, VERDICT_UNKNOWN, view->a->attachments.clause.id,
                         "the national field has no category");
        return;
    }
    field_rule_on(view, &s, v);
}

static bool refers(const xmlDoc *doc, const char *section, const char *child,
                   const char *attribute, const char *id)
{
    struct err drop = { 0 };
    const xmlNode *node = referral_section(doc, section);

    for (; node != NULL; node = xml_again(node))
        for (const xmlNode *c = xml_child(node, REFERRAL_NS, child); c != NULL;
             c = xml_again(c))
            if (text_eq(id, attribute != NULL ? xml_attr(c, NULL, attribute)
                                              : xml_leaf(c, &drop)))
                return true;
    return false;
}

static void attachment_subject(const struct view *view, const xmlNode *node,
                               struct subject *s)
{
    const struct attachment_rules *rules = &view->a->attachments;
    const char *id = xml_attr(node, NULL, "id"), *kind = xml_attr(node, NULL, "kind");

    subject_add(s, officers(node));
    for (size_t i = 0; i + 1 < rules->kinds.count; i += 2)
        if (text_eq(rules->kinds.items[i], kind))
            subject_add(s, category_find(rules->kinds.items[i + 1]));
    if (id != NULL && refers(view->in->doc, "Consent", "EvidenceRef", NULL, id))
        subject_add(s, rules->evidence);
    if (id != NULL && refers(view->in->doc, "Person", "Photo", "attachment", id))
        subject_add(s, rules->photo);
}

static void walk_attachment(struct view *view, const struct path_row *row,
                            const xmlNode *node)
{
    struct subject s = { .path = row->path, .node = node };
    const char *type = xml_attr(node, NULL, "mediaType");
    const char *clause = view->a->attachments.clause.id;
    struct verdict *v;

    attachment_subject(view, node, &s);
    v = verdict_add(view, row->path, s.categories[0], node, NULL);
    if (s.category_count == 0)
        verdict_withhold(view, v, VERDICT_ATTACHMENT, clause,
                         "the attachment has no category, from its officer or its kind");
    else if (type != NULL && !agreement_media_allowed(view->a, type))
        verdict_withhold(view, v, VERDICT_ATTACHMENT, clause,
                         "attachments of this type are not let through");
    else
        field_rule_on(view, &s, v);
}

/* --- fields --------------------------------------------------------------------------------- */

/* A guardian among the contacts is the guardian of the child, not an official. */
static bool is_guardian_contact(const xmlNode *node)
{
    for (; node != NULL; node = node->parent)
        if (node->type == XML_ELEMENT_NODE && strcmp(local(node), "Contact") == 0)
            return text_eq(xml_attr(node, NULL, "role"), "GUARDIAN");
    return false;
}

static void field_subject(struct view *view, const struct path_row *row,
                          const xmlNode *node, struct subject *s)
{
    *s = (struct subject){ .path = row->path, .node = node };
    if (is_guardian_contact(node)) {
        s->path = "Family/Guardian";
        subject_add(s, CATEGORY_FAMILY);
        return;
    }
    subject_add(s, path_category(view->a->paths, node));
    if (row->kind != PATH_FREE_TEXT)
        return;
    if (xml_attr(node, NULL, "category") != NULL)
        subject_add(s, officers(node));
    else
        subject_add(s, declared_of(view, node));
}

static bool decide_element(struct view *view, const struct path_row *row,
                           const xmlNode *node)
{
    struct subject s;
    struct verdict *v;

    field_subject(view, row, node, &s);
    v = verdict_add(view, row->path, s.categories[0], node, NULL);
    if (row->kind == PATH_FREE_TEXT && is_never(view, node, v))
        return false;
    if (s.category_count == 0)
        verdict_withhold(view, v, VERDICT_UNKNOWN, "", "the field has no category");
    else
        field_rule_on(view, &s, v);
    return v->carry;
}

static bool has_exception(const struct agreement *a, const char *path)
{
    for (size_t i = 0; i < a->field_count; i++)
        if (text_eq(a->fields[i].path, path))
            return true;
    return false;
}

/* Attributes go with their element, but for those an exception names and those nobody knows. */
static void walk_attributes(struct view *view, const xmlNode *node)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        const char *name = (const char *)a->name;
        const struct path_row *row = path_of(view->a->paths, node, name);

        if (row == NULL || a->ns != NULL) {
            struct verdict *v = verdict_add(view, "", CATEGORY_NONE, node, name);

            verdict_withhold(view, v, VERDICT_UNKNOWN, "", "the schema does not know it");
        } else if (has_exception(view->a, row->path)) {
            struct subject s = { .path = row->path, .node = node };
            struct verdict *v = verdict_add(view, row->path, row->category, node, name);

            subject_add(&s, path_category(view->a->paths, node));
            field_rule_on(view, &s, v);
        }
    }
}

/* --- groups --------------------------------------------------------------------------------- */

static bool range_withheld(const struct verdicts *out, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (out->items[i].carry)
            return false;
    return to > from;
}

static void withhold_range(struct view *view, size_t from, size_t to, const char *clause,
                           const char *because)
{
    for (size_t i = from; i < to; i++)
        if (view->out->items[i].carry)
            verdict_withhold(view, &view->out->items[i], VERDICT_BOUND, clause, "%s",
                             because);
}

static const struct bound_rule *broken_bond(const struct view *view, const char *path,
                                            size_t from, size_t to)
{
    for (size_t b = 0; b < view->a->bound_count; b++) {
        const struct bound_rule *rule = &view->a->bound[b];

        if (!text_eq(rule->element, path))
            continue;
        for (size_t i = from; i < to; i++)
            if (!view->out->items[i].carry &&
                paths_cover(&rule->with, view->out->items[i].path))
                return rule;
    }
    return NULL;
}

static void walk_element(struct view *view, const xmlNode *node);

/* One verdict range per child; a child the schema demands and that went takes the group along. */
static bool walk_children(struct view *view, const xmlNode *node)
{
    bool whole = true;

    for (const xmlNode *c = xml_first(node); c != NULL; c = xml_next(c)) {
        const struct path_row *row = path_of(view->a->paths, c, NULL);
        size_t from = view->out->count;

        walk_element(view, c);
        if (row != NULL && row->min_count > 0 && row->parent != NULL &&
            range_withheld(view->out, from, view->out->count))
            whole = false;
    }
    return whole;
}

static void walk_group(struct view *view, const struct path_row *row, const xmlNode *node)
{
    size_t from = view->out->count;
    bool whole;
    const struct bound_rule *bond;

    if ((row->coded || row->text) && !decide_element(view, row, node))
        return;
    walk_attributes(view, node);
    whole = walk_children(view, node);
    bond = broken_bond(view, row->path, from, view->out->count);
    if (bond != NULL)
        withhold_range(view, from, view->out->count, bond->clause.id,
                       "it goes only together with what was withheld");
    else if (!whole)
        withhold_range(view, from, view->out->count, "",
                       "it cannot stand without a part that was withheld");
}

static void walk_leaf(struct view *view, const struct path_row *row, const xmlNode *node)
{
    size_t from = view->out->count;

    if (!decide_element(view, row, node))
        return;
    walk_attributes(view, node);
    for (size_t i = from + 1; i < view->out->count; i++)
        if (!view->out->items[i].carry && view->out->items[i].check != VERDICT_UNKNOWN &&
            path_of(view->a->paths, node, view->out->items[i].attribute)->min_count > 0)
            withhold_range(view, from, view->out->count, "",
                           "it cannot stand without a part that was withheld");
}

static void walk_element(struct view *view, const xmlNode *node)
{
    const struct path_row *row = path_of(view->a->paths, node, NULL);
    char path[PATH_TEXT_MAX];
    struct verdict *v;

    if (row != NULL && xml_first(node) != NULL) {
        walk_group(view, row, node);
        return;
    }
    if (row != NULL) {
        walk_leaf(view, row, node);
        return;
    }
    strlist_add(&view->out->texts, path_text_of(node, path) ? path : "");
    v = verdict_add(view, view->out->texts.items[view->out->texts.count - 1],
                    CATEGORY_NONE, node, NULL);
    verdict_withhold(view, v, VERDICT_UNKNOWN, "", "the schema does not know it");
}

/* --- bonds that reach across the document --------------------------------------------------- */

static bool withheld_outside(const struct view *view, const struct bound_rule *rule)
{
    for (size_t i = 0; i < view->out->count; i++)
        if (!view->out->items[i].carry &&
            !path_covers(rule->element, view->out->items[i].path) &&
            paths_cover(&rule->with, view->out->items[i].path))
            return true;
    return false;
}

static void bind_across(struct view *view)
{
    for (size_t b = 0; b < view->a->bound_count; b++) {
        const struct bound_rule *rule = &view->a->bound[b];

        if (!withheld_outside(view, rule))
            continue;
        for (size_t i = 0; i < view->out->count; i++)
            if (path_covers(rule->element, view->out->items[i].path))
                withhold_range(view, i, i + 1, rule->clause.id,
                               "it goes only together with what was withheld");
    }
}

/* A photograph's element goes with its attachment. */
static void bind_photos(struct view *view)
{
    for (size_t i = 0; i < view->out->count; i++) {
        const struct verdict *v = &view->out->items[i];

        if (v->carry || !text_eq(v->path, "Attachment"))
            continue;
        for (size_t j = 0; j < view->out->count; j++)
            if (text_eq(view->out->items[j].path, "Person/Photo") &&
                text_eq(xml_attr(view->out->items[j].node, NULL, "attachment"),
                        xml_attr(v->node, NULL, "id")))
                withhold_range(view, j, j + 1, view->a->attachments.clause.id,
                               "its attachment was withheld");
    }
}

/* --- the document --------------------------------------------------------------------------- */

typedef void section_fn(struct view *view, const struct path_row *row,
                        const xmlNode *node);

static section_fn *special(const char *name)
{
    static const struct {
        const char *name;
        section_fn *walk;
    } sections[] = { { "Note", walk_note },
                     { "Attachment", walk_attachment },
                     { "NationalExtension", walk_extension } };

    for (size_t i = 0; i < COUNT_OF(sections); i++)
        if (strcmp(sections[i].name, name) == 0)
            return sections[i].walk;
    return NULL;
}

/* Routing, and what is said about losses, go with every document. */
static bool is_envelope(const char *name)
{
    return strcmp(name, "Header") == 0 || strcmp(name, "LossReport") == 0;
}

void view_walk(struct view *view)
{
    const xmlNode *root = referral_root(view->in->doc);

    for (const xmlNode *node = root == NULL ? NULL : xml_first(root); node != NULL;
         node = xml_next(node)) {
        const struct path_row *row = path_of(view->a->paths, node, NULL);

        if (node->ns != NULL && strcmp((const char *)node->ns->href, REFERRAL_NS) != 0)
            continue; /* the seal */
        if (row != NULL && is_envelope(local(node)))
            verdict_add(view, row->path, CATEGORY_ADMIN, node, NULL);
        else if (row != NULL && special(local(node)) != NULL)
            special(local(node))(view, row, node);
        else
            walk_element(view, node);
    }
    bind_across(view);
    bind_photos(view);
}
