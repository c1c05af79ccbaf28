/*
 * parse_forms.c - national forms as the agreement reads them: what each "yes" on a form covers,
 * which category each free text has, which fields never leave. One file per form and version.
 */
#include "agreement/agreement_private.h"

#include "base/err.h"
#include "base/mem.h"

static bool parse_item(struct form_rule *form, const struct json_at *at, struct err *err)
{
    struct consent_form_item *item;

    form->items =
        mem_grow(form->items, form->item_count, &form->item_cap, sizeof *form->items);
    item = &form->items[form->item_count++];
    *item = (struct consent_form_item){ .form = form->id };
    if (!json_is_object_at(at, err) ||
        !json_only_keys(at,
                        JSON_KEYS("clause", "item", "purposes", "categories",
                                  "recipients", "meaning"),
                        err) ||
        !read_clause(at, &item->clause, err) ||
        !json_need_string(at, "item", &item->item, err) ||
        !read_purposes(at, "purposes", &item->purposes, err) ||
        !read_categories(at, "categories", &item->categories, err) ||
        !read_strings(at, "recipients", &item->roles, err))
        return false;
    for (size_t i = 0; i + 1 < form->item_count; i++)
        if (text_eq(form->items[i].item, item->item))
            return json_fail(at, err, "agreement.twice", "the item stands twice");
    if (item->purposes == 0)
        return json_fail(at, err, "agreement.clause-missing",
                         "a \"yes\" covers no purpose");
    return true;
}

static bool parse_text(struct form_rule *form, const struct json_at *at, struct err *err)
{
    struct text_rule rule = { 0 };

    if (!json_is_object_at(at, err) ||
        !json_only_keys(
            at, JSON_KEYS("clause", "field", "about", "messages", "category", "why"),
            err) ||
        !read_clause(at, &rule.clause, err) ||
        !json_need_string(at, "field", &rule.field, err) ||
        !json_may_string(at, "about", &rule.about, err) ||
        !read_messages(at, "messages", &rule.messages, err) ||
        !read_category(at, "category", &rule.category, err))
        return false;
    form->texts =
        mem_grow(form->texts, form->text_count, &form->text_cap, sizeof *form->texts);
    form->texts[form->text_count++] = rule;
    return true;
}

static bool parse_never(struct form_rule *form, const struct json_at *at, struct err *err)
{
    struct never_rule rule = { 0 };

    if (!json_is_object_at(at, err) ||
        !json_only_keys(at, JSON_KEYS("clause", "field", "why"), err) ||
        !read_clause(at, &rule.clause, err) ||
        !json_need_string(at, "field", &rule.field, err) ||
        !json_need_string(at, "why", &rule.why, err))
        return false;
    form->never =
        mem_grow(form->never, form->never_count, &form->never_cap, sizeof *form->never);
    form->never[form->never_count++] = rule;
    return true;
}

typedef bool part_fn(struct form_rule *form, const struct json_at *at, struct err *err);

static bool each_part(struct form_rule *form, const struct json_at *root, const char *key,
                      part_fn *see, struct err *err)
{
    struct json_at array;

    if (!json_may_array(root, key, &array, err))
        return false;
    if (json_items(&array) > AGREEMENT_LIST_MAX)
        return json_fail(&array, err, "agreement.too-many", "more than %d entries",
                         AGREEMENT_LIST_MAX);
    for (size_t i = 0; i < json_items(&array); i++) {
        struct json_at at = json_item(&array, i);

        if (!see(form, &at, err))
            return false;
    }
    return true;
}

static bool parse_form(struct layers *l, const struct json_at *from, const char *file,
                       struct err *err)
{
    struct agreement *a = l->a;
    AUTO(mem_free) char *name = mem_printf(AGREEMENT_FOLDER "%s", file);
    const struct json_doc *doc = layer_file(l, name, from, err);
    struct json_at root;
    struct form_rule *form;

    if (doc == NULL)
        return false;
    root = json_root(doc);
    a->forms = mem_grow(a->forms, a->form_count, &a->form_cap, sizeof *a->forms);
    form = &a->forms[a->form_count++];
    *form = (struct form_rule){ .place = place_of(&root) };
    if (!json_is_object_at(&root, err) ||
        !json_only_keys(&root, JSON_KEYS("form", "title", "consent", "texts", "never"),
                        err) ||
        !json_need_string(&root, "form", &form->id, err))
        return false;
    for (size_t i = 0; i + 1 < a->form_count; i++)
        if (text_eq(a->forms[i].id, form->id))
            return json_fail(&root, err, "agreement.twice", "form %s stands twice",
                             form->id);
    return each_part(form, &root, "consent", parse_item, err) &&
           each_part(form, &root, "texts", parse_text, err) &&
           each_part(form, &root, "never", parse_never, err);
}

bool parse_forms(struct layers *l, struct err *err)
{
    struct json_at forms;

    if (!layer_need(l, "forms", &forms, err))
        return false;
    for (size_t i = 0; i < json_items(&forms); i++) {
        struct json_at at = json_item(&forms, i);
        const char *file;

        if (!json_is_string_at(&at, &file, err) || !parse_form(l, &at, file, err))
            return false;
    }
    return true;
}
