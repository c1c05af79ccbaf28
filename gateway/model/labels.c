/*
 * labels.c - labels of fields, found by the ends of their paths.
 *
 * The JSON document stays in memory and is asked directly: labels are for pages and print-outs, a few
 * hundred look-ups each.
 */
#include "model/labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"
#include "model/path.h"

struct labels {
    struct json_doc *doc;
    json_t *fields; /* borrowed */
};

void labels_free(struct labels **labels)
{
    if (labels == NULL || *labels == NULL)
        return;
    json_doc_free(&(*labels)->doc);
    free(*labels);
    *labels = NULL;
}

static bool check_field(const struct json_at *field, struct err *err)
{
    const char *text;

    return json_is_object_at(field, err) && json_need_string(field, "en", &text, err) &&
           json_may_string(field, "be", &text, err) &&
           json_may_string(field, "ru", &text, err) &&
           json_may_string(field, "ro", &text, err) &&
           json_may_string(field, "uk", &text, err) &&
           json_may_string(field, "sq", &text, err) &&
           json_only_keys(field, JSON_KEYS("en", "be", "ru", "ro", "uk", "sq"), err);
}

static bool check_fields(const struct json_at *fields, struct err *err)
{
    const char *key;
    json_t *value;

    if (json_object_size(fields->value) > LABELS_FIELDS_MAX)
        return json_fail(fields, err, "labels.too-many", "over %d fields",
                         LABELS_FIELDS_MAX);
    json_object_foreach(fields->value, key, value)
    {
        struct json_at field = json_member(fields, key);

        if (!json_is_comment(key) && !check_field(&field, err))
            return false;
    }
    return true;
}

struct labels *labels_load(const void *json, size_t len, struct err *err)
{
    AUTO(labels_free) struct labels *labels = mem_alloc(sizeof *labels);
    struct json_at root, fields;
    const char *text;

    labels->doc =
        json_doc_parse("labels.json", json, len, ERR_CONFIG, &json_limits_config, err);
    if (labels->doc == NULL)
        return NULL;
    root = json_root(labels->doc);
    if (!json_is_object_at(&root, err) ||
        !json_only_keys(&root, JSON_KEYS("labels", "version", "note", "fields"), err) ||
        !json_need_string(&root, "version", &text, err) ||
        !json_need_object(&root, "fields", &fields, err) || !check_fields(&fields, err))
        return NULL;
    labels->fields = fields.value;
    return TAKE(labels);
}

static const char *in_language(const json_t *field, const char *language)
{
    const char *text =
        language == NULL ? NULL : json_string_value(json_object_get(field, language));

    return text != NULL ? text : json_string_value(json_object_get(field, "en"));
}

static const char *last_step(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

const char *labels_of(const struct labels *labels, const char *path, const char *language)
{
    char plain[PATH_TEXT_MAX];
    const char *end = plain;

    if (!path_plain(path, plain))
        return last_step(path);
    while (end != NULL) {
        const json_t *field = json_object_get(labels->fields, end);

        if (field != NULL)
            return in_language(field, language);
        end = strchr(end, '/');
        end = end == NULL ? NULL : end + 1;
    }
    return last_step(path);
}
