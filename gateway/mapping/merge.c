/*
 * merge.c - an agreement's changes laid over a country's base mapping.
 *
 * override replaces keys of a rule (null takes a key away), add puts a rule into a part, remove takes one
 * out and says why; format and lists are replaced key by key. The result is a mapping file like any
 * other; problems in it are shown at the line of the agreement's file, or of the base where the rule is
 * unchanged.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "mapping/mapping_private.h"

/* The rule object of that id, with the list that holds it. */
static json_t *find_rule(json_t *in, const char *id, json_t **ret_list, size_t *ret_index)
{
    json_t *value, *found;
    const char *key;
    size_t i;

    if (json_is_array(in)) {
        json_array_foreach (in, i, value) {
            if (text_eq(json_string_value(json_object_get(value, "id")), id)) {
                *ret_list = in;
                *ret_index = i;
                return value;
            }
            found = find_rule(value, id, ret_list, ret_index);
            if (found != NULL)
                return found;
        }
    } else if (json_is_object(in)) {
        json_object_foreach (in, key, value) {
            found = find_rule(value, id, ret_list, ret_index);
            if (found != NULL)
                return found;
        }
    }
    return NULL;
}

static json_t *rule_of(json_t *merged, const char *id, json_t **ret_list,
                       size_t *ret_index)
{
    json_t *found = find_rule(json_object_get(merged, "parts"), id, ret_list, ret_index);

    return found != NULL
               ? found
               : find_rule(json_object_get(merged, "messages"), id, ret_list, ret_index);
}

static void unknown_rule(struct compile *c, const struct json_at *at, const char *id)
{
    compile_error(c, at, id, "E-REFERENCE", "use the id of a rule of the base mapping",
                  "the base mapping has no rule \"%.60s\"", id == NULL ? "" : id);
}

static void apply_override(struct compile *c, json_t *merged, const struct json_at *at)
{
    const char *id = json_string_value(json_object_get(at->value, "id")), *key;
    json_t *list = NULL, *value;
    size_t index = 0;
    json_t *rule = id == NULL ? NULL : rule_of(merged, id, &list, &index);

    if (rule == NULL) {
        unknown_rule(c, at, id);
        return;
    }
    json_object_foreach (at->value, key, value) {
        if (text_eq(key, "id") || json_is_comment(key))
            continue;
        if (json_is_null(value))
            json_object_del(rule, key);
        else
            json_object_set_new(rule, key, json_deep_copy(value));
    }
}

static void apply_remove(struct compile *c, json_t *merged, const struct json_at *at)
{
    const char *id = json_string_value(json_object_get(at->value, "id"));
    json_t *list = NULL;
    size_t index = 0;

    if (json_string_value(json_object_get(at->value, "why")) == NULL)
        compile_error(c, at, id, "E-REMOVE", "add \"why\": one sentence",
                      "a rule is removed without a reason");
    if (id == NULL || rule_of(merged, id, &list, &index) == NULL)
        unknown_rule(c, at, id);
    else
        json_array_remove(list, index);
}

static void apply_add(struct compile *c, json_t *merged, const struct json_at *at)
{
    const char *name = json_string_value(json_object_get(at->value, "part"));
    json_t *part =
        json_object_get(json_object_get(merged, "parts"), name == NULL ? "" : name);
    json_t *rule = json_object_get(at->value, "rule");

    if (!json_is_array(part) || !json_is_object(rule))
        compile_error(c, at, NULL, "E-PART",
                      "write \"part\" (a part of the base) and \"rule\"",
                      "there is nothing to add, or no part to add it to");
    else
        json_array_append_new(part, json_deep_copy(rule));
}

static void apply_list(struct compile *c, json_t *merged, const struct json_at *root,
                       const char *key,
                       void (*apply)(struct compile *, json_t *, const struct json_at *))
{
    struct json_at list = json_member(root, key);

    for (size_t i = 0; i < json_items(&list); i++) {
        struct json_at item = json_item(&list, i);

        apply(c, merged, &item);
    }
}

static void replace_keys(json_t *merged, json_t *agreement, const char *key)
{
    json_t *from = json_object_get(agreement, key), *into = json_object_get(merged, key);

    if (json_is_object(from) && json_is_object(into))
        json_object_update(into, from);
    else if (from != NULL)
        json_object_set(merged, key, from);
}

struct json_doc *compile_merge(struct compile *c, const struct json_doc *base,
                               const struct json_doc *agreement, struct err *err)
{
    static const char *const keys[] = { "mapping", "version", "extends", "override",
                                        "add",     "remove",  "format",  "lists",
                                        "absent",  NULL };
    AUTO(buf_free) struct buf text = BUF_INIT(8 * 1024 * 1024);
    AUTO(json_drop) json_t *merged = json_deep_copy(base->root);
    struct json_at root = json_root(agreement), extends = json_member(&root, "extends");
    const char *wanted = json_string_value(json_object_get(extends.value, "mapping"));
    const char *version = json_string_value(json_object_get(extends.value, "version"));

    c->doc = agreement;
    if (!json_only_keys(&root, keys, err))
        compile_error(c, &root, NULL, "E-KEY", "see mappings/README.md section 10",
                      "the agreement's mapping has a key that is not known");
    if (!text_eq(wanted, json_string_value(json_object_get(merged, "mapping"))) ||
        !text_eq(version, json_string_value(json_object_get(merged, "version"))))
        compile_error(c, &extends, NULL, "E-EXTENDS",
                      "name mapping and version of the base as they are",
                      "the base mapping is another one than \"extends\" says");
    replace_keys(merged, root.value, "mapping");
    replace_keys(merged, root.value, "version");
    replace_keys(merged, root.value, "format");
    replace_keys(merged, root.value, "lists");
    replace_keys(merged, root.value, "absent");
    apply_list(c, merged, &root, "override", apply_override);
    apply_list(c, merged, &root, "add", apply_add);
    apply_list(c, merged, &root, "remove", apply_remove);
    json_print_pretty(merged, &text);
    return json_doc_parse(agreement->name, text.data, text.len, ERR_CONFIG,
                          &json_limits_config, err);
}

/* --- where a rule of the merged mapping was written -------------------------------------- */

static bool pointer_of(json_t *in, const char *id, struct buf *pointer)
{
    size_t len = pointer->len, i;
    json_t *value;
    const char *key;

    if (json_is_object(in) && text_eq(json_string_value(json_object_get(in, "id")), id))
        return true;
    json_array_foreach (in, i, value) {
        buf_addf(pointer, "/%zu", i);
        if (pointer_of(value, id, pointer))
            return true;
        pointer->len = len;
        pointer->data[len] = '\0';
    }
    json_object_foreach (in, key, value) {
        json_step_add(pointer, key);
        if (pointer_of(value, id, pointer))
            return true;
        pointer->len = len;
        pointer->data[len] = '\0';
    }
    return false;
}

void merge_origin(const struct compile *c, const char *id, const char **ret_name,
                  unsigned *ret_line)
{
    const struct json_doc *docs[] = { c->sources->agreement, c->sources->base };

    *ret_name = docs[0]->name;
    *ret_line = 0;
    for (size_t i = 0; id != NULL && i < COUNT_OF(docs); i++) {
        AUTO(buf_free) struct buf pointer = BUF_INIT(4096);

        buf_adds(&pointer, "");
        if (!pointer_of(docs[i]->root, id, &pointer))
            continue;
        *ret_name = docs[i]->name;
        *ret_line = json_line_of(docs[i]->text, docs[i]->len, buf_str(&pointer));
        return;
    }
}
