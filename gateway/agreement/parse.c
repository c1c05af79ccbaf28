/*
 * parse.c - an agreement from its files: layers, identity, validity.
 *
 * An agreement extends model clauses: a key it has stands instead of the same key of what it extends,
 * as a whole. Only the objects listed in `merged` are joined key by key, and there null takes a key
 * away. Nothing else is merged, so a lawyer who reads a key in one file has read all of it.
 *
 * On failure nothing is left behind; the error names file and line of the first fault. Whether the
 * clauses make sense together is check.c's question.
 */
#include "agreement/agreement_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/zone.h"
#include "model/fileset.h"
#include "model/path.h"

static const char *const top_keys[] = {
    "id",          "version",       "title",       "notice",     "extends",
    "forms",       "zone",          "validity",    "parties",    "legs",
    "purposes",    "beneficiaries", "messages",    "fields",     "excluded",
    "roles",       "consent",       "children",    "thirdParty", "suspension",
    "termination", "bound",         "deadlines",   "procedure",  "focalPoints",
    "retention",   "security",      "attachments", "codeLists",  "losses",
    "statistics",  "languages",     "errors",      "terms",      "calendars",
    NULL,
};

/* --- layers -------------------------------------------------------------------------------- */

const struct json_doc *layer_file(struct layers *l, const char *name,
                                  const struct json_at *from, struct err *err)
{
    const struct file_item *item = fileset_get(l->files, name);
    struct agreement *a = l->a;
    struct json_doc *doc;

    if (item == NULL && from != NULL) {
        json_fail(from, err, "agreement.file", "there is no file %s", name);
        return NULL;
    }
    if (item == NULL || item->len > AGREEMENT_FILE_MAX) {
        err_set(err, ERR_CONFIG, "agreement.file", "%s: %s", name,
                item == NULL ? "there is no such file" : "larger than 1 MiB");
        return NULL;
    }
    doc =
        json_doc_parse(name, item->data, item->len, ERR_CONFIG, &json_limits_config, err);
    if (doc == NULL)
        return NULL;
    a->docs = mem_grow(a->docs, a->doc_count, &a->doc_cap, sizeof(*a->docs));
    a->docs[a->doc_count++] = doc;
    if (!strlist_has(&a->files, name))
        strlist_add(&a->files, name);
    return doc;
}

struct json_at layer_key(const struct layers *l, const char *key)
{
    for (size_t i = 0; i < l->count; i++) {
        struct json_at at = json_member(&l->roots[i], key);

        if (at.value != NULL)
            return at;
    }
    return json_member(&l->roots[0], key);
}

bool layer_need(const struct layers *l, const char *key, struct json_at *ret,
                struct err *err)
{
    struct json_at at = layer_key(l, key);

    if (at.value == NULL)
        return json_fail(&l->roots[0], err, "agreement.clause-missing",
                         "there is no \"%s\", here or in what it extends", key);
    if (!json_is_object(at.value) && !json_is_array(at.value))
        return json_fail(&at, err, "json.type", "an object or array is expected");
    *ret = at;
    return true;
}

bool layer_each(struct layers *l, const char *key, layer_see_fn *see, struct err *err)
{
    AUTO(strlist_free) struct strlist seen = { 0 };

    for (size_t i = 0; i < l->count; i++) {
        struct json_at object = json_member(&l->roots[i], key);
        const char *name;
        json_t *value;

        if (object.value == NULL)
            continue;
        if (!json_is_object(object.value))
            return json_fail(&object, err, "json.type", "an object is expected");
        json_object_foreach (object.value, name, value) {
            struct json_at at = json_member(&object, name);

            if (json_is_comment(name) || strlist_has(&seen, name))
                continue;
            strlist_add(&seen, name);
            if (!json_is_null(value) && !see(l, name, &at, err))
                return false;
        }
    }
    return true;
}

/* Opens the layer and everything it extends, the most particular first. */
static bool open_layers(struct layers *l, const char *name, const struct json_at *from,
                        struct err *err)
{
    const struct json_doc *doc;
    struct json_at extends;
    size_t mine = l->count;

    if (mine == AGREEMENT_EXTENDS_MAX)
        return json_fail(
            from, err, "agreement.too-many",
            "an agreement is made of at most %d files (or they extend each other)",
            AGREEMENT_EXTENDS_MAX);
    doc = layer_file(l, name, from, err);
    if (doc == NULL)
        return false;
    l->roots[mine] = json_root(doc);
    l->count++;
    if (!json_is_object_at(&l->roots[mine], err) ||
        !json_only_keys(&l->roots[mine], top_keys, err) ||
        !json_may_array(&l->roots[mine], "extends", &extends, err))
        return false;
    for (size_t i = 0; i < json_items(&extends); i++) {
        struct json_at item = json_item(&extends, i);
        AUTO(mem_free) char *path = NULL;
        const char *text;

        if (!json_is_string_at(&item, &text, err))
            return false;
        path = mem_printf(AGREEMENT_FOLDER "%s", text);
        if (!open_layers(l, path, &item, err))
            return false;
    }
    return true;
}

/* --- identity and validity ------------------------------------------------------------------ */

static bool parse_identity(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    struct json_at notice = layer_key(l, "notice"), zone = layer_key(l, "zone");

    if (!json_need_string(&l->roots[0], "id", &a->id, err) ||
        !json_need_string(&l->roots[0], "version", &a->version, err) ||
        !json_need_string(&l->roots[0], "title", &a->title, err))
        return false;
    if (notice.value != NULL && !json_is_string_at(&notice, &a->notice, err))
        return false;
    if (zone.value == NULL)
        return json_fail(&l->roots[0], err, "agreement.clause-missing",
                         "there is no \"zone\": dates would have no meaning");
    if (!json_is_string_at(&zone, &a->zone_name, err))
        return false;
    a->zone = zone_open(a->zone_name, err);
    return a->zone != NULL;
}

static bool parse_validity(struct layers *l, struct err *err)
{
    struct json_at at;
    int64_t months = 6;

    if (!layer_need(l, "validity", &at, err) ||
        !json_only_keys(&at, JSON_KEYS("clause", "from", "to", "warnMonths"), err) ||
        !read_clause(&at, &l->a->clause, err) ||
        !read_term(&at, "from", "to", &l->a->term, err) ||
        !json_may_int(&at, "warnMonths", 1, 36, &months, err))
        return false;
    l->a->warn_months = (unsigned)months;
    return true;
}

static bool id_is_name(const char *id, const char *name)
{
    AUTO(mem_free) char *want = mem_printf(AGREEMENT_FOLDER "%s.json", id);

    return text_eq(want, name);
}

/* --- the agreement written out -------------------------------------------------------------- */

static bool is_merged(const char *key)
{
    static const char *const merged[] = { "purposes", "beneficiaries", "messages",
                                          "roles", "errors" };

    for (size_t i = 0; i < COUNT_OF(merged); i++)
        if (text_eq(merged[i], key))
            return true;
    return false;
}

/* Comments decide nothing: two agreements that differ only there are one. */
static json_t *without_comments(const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;
    json_t *out;

    if (json_is_object(value)) {
        out = json_object();
        /* jansson iterates over objects it takes as non-const */
        json_object_foreach ((json_t *)(uintptr_t)value, key, item)
            if (!json_is_comment(key))
                json_object_set_new(out, key, without_comments(item));
        return out;
    }
    if (json_is_array(value)) {
        out = json_array();
        json_array_foreach (value, i, item)
            json_array_append_new(out, without_comments(item));
        return out;
    }
    return json_deep_copy(value);
}

static bool keep_key(struct layers *l, const char *key, const struct json_at *at,
                     struct err *err)
{
    json_t *last = json_object_get(l->a->resolved, "");

    (void)err;
    json_object_set_new(last, key, without_comments(at->value));
    return true;
}

static bool resolve_key(struct layers *l, const char *key, struct err *err)
{
    json_t *resolved = l->a->resolved;
    struct json_at at = layer_key(l, key);

    if (at.value == NULL)
        return true;
    if (!is_merged(key)) {
        json_object_set_new(resolved, key, without_comments(at.value));
        return true;
    }
    json_object_set_new(resolved, "", json_object());
    if (!layer_each(l, key, keep_key, err))
        return false;
    json_object_set(resolved, key, json_object_get(resolved, ""));
    json_object_del(resolved, "");
    return true;
}

/* The clauses, and beside them the files they name: forms, parties, calendars. */
static bool resolve(struct layers *l, struct err *err)
{
    struct agreement *a = l->a;
    json_t *named = json_object();

    a->resolved = json_object();
    for (size_t i = 0; top_keys[i] != NULL; i++)
        if (!text_eq(top_keys[i], "extends") && !resolve_key(l, top_keys[i], err)) {
            json_decref(named);
            return false;
        }
    for (size_t i = l->count; i < a->doc_count; i++)
        json_object_set_new(named, a->docs[i]->name, without_comments(a->docs[i]->root));
    json_object_set_new(a->resolved, "files", named);
    return true;
}

/* --- the whole ------------------------------------------------------------------------------ */

static bool parse_all(struct layers *l, const char *name, struct err *err)
{
    if (!open_layers(l, name, NULL, err) || !parse_identity(l, err))
        return false;
    if (!id_is_name(l->a->id, name))
        return json_fail(&l->roots[0], err, "agreement.file",
                         "the id is %s, so the file must be " AGREEMENT_FOLDER "%s.json",
                         l->a->id, l->a->id);
    return parse_validity(l, err) && parse_forms(l, err) && parse_parties(l, err) &&
           parse_legs(l, err) && parse_rules(l, err) && parse_terms(l, err) &&
           parse_calendars(l, err) && resolve(l, err);
}

struct agreement *agreement_load(const struct fileset *files, const char *id,
                                 const struct path_table *paths, struct err *err)
{
    AUTO(agreement_free) struct agreement *a = mem_alloc(sizeof *a);
    AUTO(mem_free) char *name = mem_printf(AGREEMENT_FOLDER "%s.json", id);
    struct layers l = { .files = files, .a = a };

    a->paths = paths;
    if (!parse_all(&l, name, err))
        return NULL;
    return TAKE(a);
}

void agreement_ids(const struct fileset *files, struct strlist *ret)
{
    for (size_t i = 0; i < fileset_count(files); i++) {
        const struct file_item *item = fileset_at(files, i);
        AUTO(json_drop) json_t *root = NULL;
        struct err drop = { 0 };
        const char *id;

        if (!text_starts(item->name, AGREEMENT_FOLDER) ||
            !text_ends(item->name, ".json") ||
            strchr(item->name + strlen(AGREEMENT_FOLDER), '/') != NULL)
            continue;
        root = json_parse(item->data, item->len, &json_limits_config, &drop);
        id = json_string_value(json_object_get(root, "id"));
        if (id != NULL && id_is_name(id, item->name))
            strlist_add(ret, id);
    }
}
