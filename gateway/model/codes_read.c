/*
 * codes_read.c - code lists read from their files.
 *
 * The JSON documents stay in memory: all texts are borrowed from them. A set is refused whole when one
 * list is wrong: every reference inside a list is checked here, so that no look-up later can lead
 * nowhere. The lists come with bundles, from partners: all counts have ceilings.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "model/codes_private.h"
#include "model/fileset.h"
#include "model/name.h"

#define COUNTRIES_MAX 32 /* with values in one list */

const char *const code_languages[CODES_LANGUAGES] = {
    "en", "be", "ru", "ro", "uk", "sq"
};
static const char *const relations[] = { "exact", "broader", "narrower", "overlap",
                                         NULL };
static const char *const losses[] = { "none",     "blurred", "generalised",
                                      "replaced", "missing", NULL };

struct code_in code_ambiguous;

const char *code_relation_name(enum code_relation relation)
{
    return relations[relation];
}

const char *code_loss_name(enum code_loss loss)
{
    return losses[loss];
}

static void country_clear(struct country *c)
{
    free(c->values);
    free(c->outs);
    dict_free(&c->by_code);
    dict_free(&c->by_fold);
}

static void list_free(struct code_list **list)
{
    if (*list == NULL)
        return;
    for (size_t i = 0; i < (*list)->country_count; i++)
        country_clear(&(*list)->countries[i]);
    free((*list)->countries);
    free((*list)->codes);
    dict_free(&(*list)->by_code);
    json_doc_free(&(*list)->doc);
    free(*list);
    *list = NULL;
}

void codes_free(struct codes **codes)
{
    if (codes == NULL || *codes == NULL)
        return;
    for (size_t i = 0; i < (*codes)->count; i++)
        list_free(&(*codes)->lists[i]);
    free((*codes)->lists);
    dict_free(&(*codes)->by_name);
    free(*codes);
    *codes = NULL;
}

/* --- canonical codes --------------------------------------------------------------------- */

static bool code_text(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789_-");

    return len > 0 && len <= 40 && text[len] == '\0';
}

static bool read_labels(const struct json_at *in, struct code *code, struct err *err)
{
    struct json_at labels;

    if (!json_need_object(in, "labels", &labels, err))
        return false;
    for (size_t i = 0; i < CODES_LANGUAGES; i++)
        if (!json_may_string(&labels, code_languages[i], &code->labels[i], err))
            return false;
    return json_only_keys(&labels, JSON_KEYS("en", "be", "ru", "ro", "uk", "sq"), err);
}

static bool read_code(struct code_list *list, const struct json_at *in, unsigned rank,
                      struct err *err)
{
    struct code *code = &list->codes[rank];

    code->rank = rank;
    if (!json_only_keys(
            in, JSON_KEYS("code", "parent", "htcds", "alpha3", "numeric", "labels"),
            err) ||
        !json_need_string(in, "code", &code->code, err) ||
        !json_may_string(in, "parent", &code->parent, err) ||
        !json_may_string(in, "htcds", &code->htcds, err) ||
        !json_may_string(in, "alpha3", &code->alpha3, err) ||
        !json_may_string(in, "numeric", &code->numeric, err) ||
        !read_labels(in, code, err))
        return false;
    if (!code_text(code->code))
        return json_fail(in, err, "codes.form", "a code is 1 to 40 of A-Z a-z 0-9 _ -");
    if (dict_set(list->by_code, code->code, code) != NULL)
        return json_fail(in, err, "codes.twice", "the code stands there twice");
    list->count++;
    return true;
}

static bool check_parents(const struct code_list *list, const struct json_at *in,
                          struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *parent = list->codes[i].parent;

        if (parent != NULL && dict_get(list->by_code, parent) == NULL)
            return json_fail(in, err, "codes.reference", "code %s: its parent is no code",
                             list->codes[i].code);
    }
    return true;
}

static bool read_codes(struct code_list *list, const struct json_at *root,
                       struct err *err)
{
    struct json_at array;
    size_t n;

    if (!json_need_array(root, "codes", &array, err))
        return false;
    n = json_items(&array);
    if (n == 0 || n > CODES_VALUES_MAX)
        return json_fail(&array, err, "codes.too-many", "%zu codes; 1 to %d are allowed",
                         n, CODES_VALUES_MAX);
    list->codes = mem_array(n, sizeof *list->codes);
    list->by_code = dict_new();
    for (size_t i = 0; i < n; i++) {
        struct json_at item = json_item(&array, i);

        if (!json_is_object_at(&item, err) || !read_code(list, &item, (unsigned)i, err))
            return false;
    }
    return check_parents(list, &array, err);
}

/* --- national values --------------------------------------------------------------------- */

static const char *first_label(const struct json_at *in)
{
    json_t *labels = json_object_get(in->value, "labels");
    void *first = json_object_iter(labels);

    return first == NULL ? NULL : json_string_value(json_object_iter_value(first));
}

static bool read_sets(const struct json_at *in, struct code_in *value, struct err *err)
{
    struct json_at sets;
    void *first;

    if (!json_may_object(in, "sets", &sets, err))
        return false;
    if (sets.value == NULL)
        return true;
    first = json_object_iter(sets.value);
    if (json_object_size(sets.value) != 1 ||
        !json_is_string(json_object_iter_value(first)))
        return json_fail(&sets, err, "codes.form",
                         "one attribute and its value, as text");
    value->set_name = json_object_iter_key(first);
    value->set_value = json_string_value(json_object_iter_value(first));
    return true;
}

static void add_folded(struct country *c, struct code_in *value)
{
    AUTO(buf_free) struct buf folded = BUF_INIT(CODES_FOLD_MAX);
    struct code_in *before;

    text_fold(value->national, &folded);
    before = dict_set(c->by_fold, buf_str(&folded), value);
    if (before != NULL)
        dict_set(c->by_fold, buf_str(&folded), &code_ambiguous);
}

static bool read_value(const struct code_list *list, struct country *c,
                       const struct json_at *in, struct err *err)
{
    struct code_in *value = &c->values[c->count];
    struct json_at labels;
    int relation;

    if (!json_only_keys(
            in, JSON_KEYS("code", "canonical", "relation", "labels", "note", "sets"),
            err) ||
        !json_need_string(in, "code", &value->national, err) ||
        !json_need_string(in, "canonical", &value->canonical, err) ||
        !json_need_word(in, "relation", relations, &relation, err) ||
        !json_may_object(in, "labels", &labels, err) ||
        !json_may_string(in, "note", &value->note, err) || !read_sets(in, value, err))
        return false;
    value->relation = (enum code_relation)relation;
    value->label = first_label(in);
    if (dict_get(list->by_code, value->canonical) == NULL)
        return json_fail(in, err, "codes.reference", "canonical: no code of this list");
    if (dict_set(c->by_code, value->national, value) != NULL)
        return json_fail(in, err, "codes.twice", "the national value stands there twice");
    add_folded(c, value);
    c->count++;
    return true;
}

static bool read_values(const struct code_list *list, struct country *c,
                        const struct json_at *in, struct err *err)
{
    struct json_at array;
    size_t n;

    if (!json_need_array(in, "values", &array, err))
        return false;
    n = json_items(&array);
    if (n == 0 || n > CODES_VALUES_MAX)
        return json_fail(&array, err, "codes.too-many", "%zu values; 1 to %d are allowed",
                         n, CODES_VALUES_MAX);
    c->values = mem_array(n, sizeof *c->values);
    c->by_code = dict_new();
    c->by_fold = dict_new();
    for (size_t i = 0; i < n; i++) {
        struct json_at item = json_item(&array, i);

        if (!json_is_object_at(&item, err) || !read_value(list, c, &item, err))
            return false;
    }
    return true;
}

static bool read_out(const struct country *c, const struct json_at *in,
                     struct code_out *out, struct err *err)
{
    int loss;

    if (!json_only_keys(in, JSON_KEYS("code", "loss", "warning"), err) ||
        !json_need_word(in, "loss", losses, &loss, err) ||
        !json_may_string(in, "warning", &out->warning, err))
        return false;
    out->loss = (enum code_loss)loss;
    if (!json_is_null(json_object_get(in->value, "code")) &&
        !json_need_string(in, "code", &out->national, err))
        return false;
    if ((out->national == NULL) != (out->loss == CODE_LOSS_MISSING))
        return json_fail(in, err, "codes.form",
                         "no code exactly where the loss is missing");
    if (out->national != NULL && dict_get(c->by_code, out->national) == NULL)
        return json_fail(in, err, "codes.reference", "code: no value of this country");
    return true;
}

static bool read_outs(const struct code_list *list, struct country *c,
                      const struct json_at *in, struct err *err)
{
    struct json_at map;

    if (!json_need_object(in, "from-canonical", &map, err))
        return false;
    c->outs = mem_array(list->count, sizeof *c->outs);
    if (json_object_size(map.value) != list->count)
        return json_fail(&map, err, "codes.reference",
                         "%zu entries for %zu canonical codes; each has one",
                         json_object_size(map.value), list->count);
    for (size_t i = 0; i < list->count; i++) {
        struct json_at entry;

        if (!json_need_object(&map, list->codes[i].code, &entry, err) ||
            !read_out(c, &entry, &c->outs[i], err))
            return false;
    }
    return true;
}

static bool read_country(struct code_list *list, const struct json_at *in,
                         struct err *err)
{
    struct country *c;
    const char *unused;

    if (strlen(in->key) != 2)
        return json_fail(in, err, "codes.form", "a country of two letters");
    if (list->country_count >= COUNTRIES_MAX)
        return json_fail(in, err, "codes.too-many", "over %d countries", COUNTRIES_MAX);
    list->countries = mem_grow(list->countries, list->country_count, &list->country_cap,
                               sizeof *list->countries);
    c = &list->countries[list->country_count++];
    *c = (struct country){ 0 };
    memcpy(c->country, in->key, 3);
    return json_is_object_at(in, err) &&
           json_only_keys(in, JSON_KEYS("system", "values", "from-canonical"), err) &&
           json_may_string(in, "system", &unused, err) && read_values(list, c, in, err) &&
           read_outs(list, c, in, err);
}

static bool read_countries(struct code_list *list, const struct json_at *root,
                           struct err *err)
{
    struct json_at national;
    const char *country;
    json_t *value;

    if (!json_need_object(root, "national", &national, err))
        return false;
    json_object_foreach(national.value, country, value)
    {
        struct json_at at = json_member(&national, country);

        if (!json_is_comment(country) && !read_country(list, &at, err))
            return false;
    }
    return true;
}

/* --- lists and sets ---------------------------------------------------------------------- */

static bool read_head(struct code_list *list, const struct json_at *root, struct err *err)
{
    const char *text = NULL;
    bool multi = false;

    return json_only_keys(root,
                          JSON_KEYS("list", "version", "title", "source", "note", "multi",
                                    "ordered", "codes", "national"),
                          err) &&
           json_need_string(root, "list", &list->name, err) &&
           json_need_string(root, "version", &list->version, err) &&
           json_need_string(root, "title", &list->title, err) &&
           json_may_string(root, "source", &text, err) &&
           json_may_string(root, "note", &text, err) &&
           json_may_bool(root, "multi", &multi, err) &&
           json_may_bool(root, "ordered", &list->ordered, err);
}

static bool name_is_stem(const char *name, const char *file)
{
    size_t len = strlen(name);

    return strncmp(file, name, len) == 0 && text_eq(file + len, ".json");
}

static struct code_list *list_read(const struct file_item *file, struct err *err)
{
    AUTO(list_free) struct code_list *list = mem_alloc(sizeof *list);
    struct json_at root;

    list->doc = json_doc_parse(file->name, file->data, file->len, ERR_CONFIG,
                               &json_limits_config, err);
    if (list->doc == NULL)
        return NULL;
    root = json_root(list->doc);
    if (!json_is_object_at(&root, err) || !read_head(list, &root, err))
        return NULL;
    if (!name_is_stem(list->name, file->name)) {
        json_fail(&root, err, "codes.name", "list: is not called as its file");
        return NULL;
    }
    if (!read_codes(list, &root, err) || !read_countries(list, &root, err))
        return NULL;
    return TAKE(list);
}

struct codes *codes_load(const struct fileset *files, struct err *err)
{
    AUTO(codes_free) struct codes *codes = mem_alloc(sizeof *codes);

    codes->by_name = dict_new();
    for (size_t i = 0; i < fileset_count(files); i++) {
        const struct file_item *file = fileset_at(files, i);
        struct code_list *list;

        if (!text_ends(file->name, ".json") || strchr(file->name, '/') != NULL)
            continue;
        if (codes->count >= CODES_LISTS_MAX) {
            err_set(err, ERR_CONFIG, "codes.too-many", "over %d code lists",
                    CODES_LISTS_MAX);
            return NULL;
        }
        list = list_read(file, err);
        if (list == NULL)
            return NULL;
        codes->lists = mem_grow(codes->lists, codes->count, &codes->cap, sizeof(list));
        codes->lists[codes->count++] = list;
        dict_set(codes->by_name, list->name, list);
    }
    return TAKE(codes);
}
