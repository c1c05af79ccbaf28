/*
 * compile.c - from an author's file to a plan: its head, its schema, its messages.
 *
 * Everything that can be known without a document is looked at here. The plan's names are interned in
 * one dictionary that all later documents share (parsers get sub-dictionaries of it), so it must not
 * grow after this: whatever will be looked for by name is interned now.
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/zone.h"
#include "format/charset.h"
#include "format/jsonschema.h"
#include "format/xsd.h"
#include "mapping/mapping_private.h"
#include "model/path.h"

static const char *const top_keys[] = { "mapping", "version", "country", "language",
                                        "form",    "format",  "lists",   "messages",
                                        "parts",   "never",   "absent",  "conditions",
                                        "extends", "fields",  NULL };
static const char *const format_keys[] = {
    "kind",        "schema",    "encoding",   "read-encodings",  "empty",   "fill",
    "namespaces",  "default",   "fold",       "field-separator", "offices", "field-names",
    "field-depth", "fields-of", "media-type", "indent",          NULL
};

static const struct mapping_file *file_named(const struct mapping_sources *sources,
                                             const char *name)
{
    for (size_t i = 0; name != NULL && i < sources->file_count; i++)
        if (text_eq(sources->files[i].name, name))
            return &sources->files[i];
    return NULL;
}

static const char *need_text(struct compile *c, const struct json_at *in, const char *key)
{
    const char *text = compile_text(c, in, key);

    if (text == NULL)
        compile_error(c, in, NULL, "E-MISSING", "see mappings/README.md section 2",
                      "\"%s\" is missing", key);
    return text == NULL ? "" : text;
}

static void only_keys(struct compile *c, const struct json_at *at,
                      const char *const *keys)
{
    const char *key;
    json_t *value;

    json_object_foreach (at->value, key, value) {
        bool known = json_is_comment(key);
        const char *near;

        (void)value;
        for (size_t i = 0; keys[i] != NULL; i++)
            known = known || text_eq(keys[i], key);
        if (known)
            continue;
        near = json_nearest(key, keys);
        compile_error(c, at, NULL, "E-KEY",
                      near == NULL ? "see mappings/README.md"
                                   : arena_printf(&c->map->arena, "write \"%s\"", near),
                      "\"%.60s\" is not known here", key);
    }
}

/* --- format ------------------------------------------------------------------------------ */

static void read_empty(struct compile *c, const struct json_at *format)
{
    const char *word = compile_text(c, format, "empty");

    c->map->empty = word == NULL || text_eq(word, "absent") ? EMPTY_ABSENT
                    : text_eq(word, "element")              ? EMPTY_ELEMENT
                    : text_eq(word, "xsi:nil")              ? EMPTY_NIL
                                                            : EMPTY_WORD;
    if (c->map->empty == EMPTY_WORD)
        c->map->empty_word = word;
}

static void read_namespaces(struct compile *c, const struct json_at *format)
{
    struct json_at at = json_member(format, "namespaces");
    const char *key;
    json_t *value;

    c->map->namespaces = arena_array(&c->map->arena, json_object_size(at.value) + 1,
                                     sizeof(struct ns_name));
    json_object_foreach (at.value, key, value)
        if (!json_is_comment(key) && json_is_string(value)) {
            struct ns_name *ns = &c->map->namespaces[c->map->namespace_count++];

            ns->prefix = arena_text(&c->map->arena, key);
            ns->uri = arena_text(&c->map->arena, json_string_value(value));
            if (text_eq(key,
                        json_string_value(json_object_get(format->value, "default"))))
                c->map->default_ns = ns->uri;
        }
}

/* Pairs of texts: the form's own word, what it means. */
static size_t read_pairs(struct compile *c, const struct json_at *in, const char *key,
                         struct field_name **ret)
{
    struct json_at at = json_member(in, key);
    const char *word;
    json_t *value;
    size_t count = 0;

    *ret = arena_array(&c->map->arena, json_object_size(at.value) + 1, sizeof **ret);
    json_object_foreach (at.value, word, value)
        if (!json_is_comment(word) && json_is_string(value))
            (*ret)[count++] = (struct field_name){
                arena_text(&c->map->arena, word),
                arena_text(&c->map->arena, json_string_value(value)),
            };
    return count;
}

static void read_format(struct compile *c, const struct json_at *root)
{
    struct mapping *map = c->map;
    struct json_at format = json_member(root, "format");
    struct json_at depth = json_member(&format, "field-depth");
    const char *kind = need_text(c, &format, "kind"), *text;

    only_keys(c, &format, format_keys);
    map->json = text_eq(kind, "json");
    if (!map->json && !text_eq(kind, "xml"))
        compile_error(c, &format, NULL, "E-FORMAT", "write \"xml\" or \"json\"",
                      "\"%.40s\" is no format", kind);
    map->schema_name = need_text(c, &format, "schema");
    text = compile_text(c, &format, "encoding");
    map->encoding = text == NULL ? "UTF-8" : text;
    map->charset = charset_find(str_of(map->encoding));
    if (map->charset == NULL)
        compile_error(c, &format, NULL, "E-FORMAT", "write for example \"windows-1251\"",
                      "the encoding is not known");
    map->read_encoding_count =
        compile_texts(c, &format, "read-encodings", &map->read_encodings);
    read_empty(c, &format);
    read_namespaces(c, &format);
    map->office_count = read_pairs(c, &format, "offices", &map->offices);
    map->fill = compile_flag(c, &format, "fill");
    map->fold = compile_flag(c, &format, "fold");
    map->indent = json_object_get(format.value, "indent") == NULL ||
                  compile_flag(c, &format, "indent");
    text = compile_text(c, &format, "field-separator");
    map->separator = text == NULL ? (map->json ? "." : "/") : text;
    map->last_names = text_eq(compile_text(c, &format, "field-names"), "last");
    map->field_depth =
        json_is_integer(depth.value) ? (unsigned)json_integer_value(depth.value) : 0;
    text = compile_text(c, &format, "fields-of");
    map->fields_of = text == NULL ? "M01" : text;
    text = compile_text(c, &format, "media-type");
    map->media_type = text != NULL ? text
                      : map->json  ? "application/json"
                                   : "application/xml";
}

static bool load_schema(struct compile *c, struct json_doc **ret_schema, struct err *err)
{
    const struct mapping_sources *s = c->sources;
    const struct mapping_file *file = file_named(s, c->map->schema_name);
    struct xsd_file files[MAPPING_FILES_MAX];
    size_t count = 0;

    if (file == NULL) {
        compile_error(c, NULL, NULL, "E-FORMAT", "put the schema beside the mapping",
                      "there is no file \"%.80s\"", c->map->schema_name);
        return true;
    }
    if (c->map->json) {
        *ret_schema = json_doc_parse(file->name, file->data, file->len, ERR_CONFIG,
                                     &json_limits_config, err);
        if (*ret_schema == NULL)
            return false;
        c->map->jsonschema = jsonschema_compile(*ret_schema, err);
        return c->map->jsonschema != NULL;
    }
    for (size_t i = 0; i < s->file_count && count < MAPPING_FILES_MAX; i++)
        if (text_ends(s->files[i].name, ".xsd"))
            files[count++] =
                (struct xsd_file){ s->files[i].name, s->files[i].data, s->files[i].len };
    c->map->xsd = xsd_compile(files, count, file->name, err);
    return c->map->xsd != NULL;
}

static bool load_canonical(struct compile *c, struct err *err)
{
    const struct mapping_file file = { "referral-1.xsd", c->sources->canonical_xsd,
                                       c->sources->canonical_xsd_len };

    c->map->canonical =
        shape_of_xsd(&c->map->arena, c->map->names, &file, 1, file.name, err);
    if (c->map->canonical == NULL)
        return false;
    c->map->referral = shape_kid(c->map->canonical, "Referral", false);
    if (c->map->referral == NULL)
        return err_set(err, ERR_CONFIG, "mapping.schema",
                       "the canonical schema has no Referral");
    return true;
}

/* --- messages ---------------------------------------------------------------------------- */

/* "soap:Envelope/soap:Body/n:Napravlennia": the first step is the document's root element. */
static void place_message(struct compile *c, struct message *msg,
                          const struct json_at *at, const struct shape *schema)
{
    struct trail *root = compile_path(c, at, "root", NULL);
    const char *step;
    const struct shape *where;

    if (c->map->json) {
        msg->top = msg->shape = schema->kids[0];
        return;
    }
    if (root == NULL) {
        compile_error(c, at, NULL, "E-MISSING",
                      "add \"root\": the element where rules start",
                      "the message has no root");
        return;
    }
    msg->top = shape_kid(schema, (const char *)root->steps[0].name, false);
    if (msg->top == NULL) {
        compile_error(c, at, NULL, "E-PATH", "use a root element of the schema",
                      "the schema has no root element \"%s\"",
                      (const char *)root->steps[0].name);
        return;
    }
    root->steps++;
    root->count--;
    msg->root = root->count == 0 ? NULL : root;
    if (msg->root != NULL &&
        !trail_resolve(root, msg->top, msg->top, msg->top, &step, &where))
        compile_error(c, at, NULL, "E-PATH", "look at the form's schema",
                      "the root path has a step \"%s\" that the schema does not know",
                      step);
    msg->shape = msg->root == NULL ? msg->top : root->shape;
}

static void resolve_when(struct compile *c, struct cond *cond)
{
    for (size_t i = 0; i < cond->kid_count; i++)
        resolve_when(c, cond->kids[i]);
    c->national_base = c->msg->shape;
    c->canonical_base = c->map->referral;
    if (cond->path != NULL && !compile_second(c, NULL, cond->path, cond->canonical))
        compile_error(c, NULL, NULL, "E-PATH", "look at the form's schema",
                      "the condition's path \"%s\" leads nowhere", cond->path->text);
}

static bool read_message(struct compile *c, const char *kind, const struct json_at *at,
                         const struct shape *schema, const struct json_doc *schema_doc,
                         struct err *err)
{
    static const char *const keys[] = { "root", "when", "rules", "schema-part", NULL };
    struct message *msg = &c->map->messages[c->map->message_count];
    struct json_at when = json_member(at, "when"), rules = json_member(at, "rules");

    only_keys(c, at, keys);
    msg->kind = arena_text(&c->map->arena, kind);
    c->message = msg->kind;
    c->msg = msg;
    c->msg_line = json_at_line(at);
    if (c->map->json) {
        struct json_at root = json_root(schema_doc);

        msg->part = compile_text(c, at, "schema-part");
        schema = shape_of_json(&c->map->arena, c->map->names, &root, msg->part, err);
        if (schema == NULL)
            return false;
    }
    place_message(c, msg, at, schema);
    if (msg->shape == NULL)
        return true;
    c->map->message_count++;
    if (when.value != NULL) {
        msg->when = compile_cond(c, &when);
        if (msg->when != NULL)
            resolve_when(c, msg->when);
    }
    compile_rules(c, &rules, &msg->rules);
    compile_resolve(c);
    return true;
}

static bool read_messages(struct compile *c, const struct json_at *root,
                          const struct json_doc *schema_doc, struct err *err)
{
    struct json_at messages = json_member(root, "messages");
    const struct shape *schema = NULL;
    const char *kind;
    json_t *value;

    c->map->messages = arena_array(&c->map->arena, json_object_size(messages.value) + 1,
                                   sizeof(struct message));
    if (!c->map->json) {
        schema = shape_of_xsd(&c->map->arena, c->map->names, c->sources->files,
                              c->sources->file_count, c->map->schema_name, err);
        if (schema == NULL)
            return false;
    }
    json_object_foreach (messages.value, kind, value) {
        struct json_at at = json_member(&messages, kind);

        (void)value;
        if (json_is_comment(kind))
            continue;
        if (!read_message(c, kind, &at, schema, schema_doc, err))
            return false;
    }
    if (c->map->message_count == 0)
        compile_error(c, root, NULL, "E-MISSING", "add \"messages\"",
                      "the mapping has no message");
    return true;
}

/* --- the rest of the file ---------------------------------------------------------------- */

static bool leads_somewhere(struct compile *c, struct trail *path)
{
    bool any = false;

    for (size_t i = 0; i < c->map->message_count && !any; i++) {
        c->msg = &c->map->messages[i];
        c->national_base = c->msg->shape;
        any = compile_second(c, NULL, path, false);
    }
    return any;
}

static void read_nevers(struct compile *c, const struct json_at *root)
{
    struct json_at list = json_member(root, "never");

    c->map->nevers =
        arena_array(&c->map->arena, json_items(&list) + 1, sizeof(struct never));
    for (size_t i = 0; i < json_items(&list); i++) {
        struct json_at at = json_item(&list, i);
        struct never *never = &c->map->nevers[c->map->never_count];

        never->path = compile_path(c, &at, "at", NULL);
        never->why = compile_text(c, &at, "why");
        never->line = json_at_line(&at);
        if (never->path == NULL || never->why == NULL)
            compile_error(c, &at, NULL, "E-MISSING", "write \"at\" and \"why\"",
                          "a field that never leaves needs its path and its reason");
        else if (!leads_somewhere(c, never->path))
            compile_error(c, &at, NULL, "E-PATH", "look at the form's schema",
                          "\"%s\" leads nowhere in any message", never->path->text);
        else
            c->map->never_count++;
    }
}

static void resolve_check_cond(struct compile *c, struct cond *cond,
                               const struct shape *base)
{
    for (size_t i = 0; cond != NULL && i < cond->kid_count; i++)
        resolve_check_cond(c, cond->kids[i], base);
    c->national_base = base;
    c->canonical_base = c->map->referral;
    if (cond != NULL && cond->path != NULL)
        if (!compile_second(c, NULL, cond->path, cond->canonical))
            c->check_bad = cond->path->text;
}

static void resolve_check(struct compile *c, struct check *check,
                          const struct shape *shape)
{
    struct trail *own[] = { check->answers, check->data };
    const struct shape *base = shape;

    c->national_base = shape;
    if (check->each != NULL && !compile_second(c, NULL, check->each, false))
        c->check_bad = check->each->text;
    else if (check->each != NULL)
        base = check->each->shape;
    resolve_check_cond(c, check->when, base);
    resolve_check_cond(c, check->forbid, base);
    c->national_base = base;
    for (size_t i = 0; i < check->path_count; i++)
        if (check->paths[i] != NULL && !compile_second(c, NULL, check->paths[i], false))
            c->check_bad = check->paths[i]->text;
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (own[i] != NULL && !compile_second(c, NULL, own[i], false))
            c->check_bad = own[i]->text;
    if (check->answers != NULL && check->answers->shape != NULL)
        c->national_base = check->answers->shape;
    for (size_t i = 0; i < check->answer_count; i++) {
        if (!compile_second(c, NULL, check->fields[i], false))
            c->check_bad = check->fields[i]->text;
        if (!compile_second(c, NULL, check->states[i], false))
            c->check_bad = check->states[i]->text;
    }
}

static void read_checks(struct compile *c, const struct json_at *root)
{
    struct json_at list = json_member(root, "conditions");

    if (list.value == NULL)
        return;
    compile_checks(c, &list);
    for (size_t i = 0; i < c->map->check_count; i++) {
        struct check *check = &c->map->checks[i];

        c->line_now = check->line;
        c->rule_now = NULL;
        for (size_t m = 0; m < c->map->message_count; m++) {
            bool meant = check->message_count == 0;

            c->msg = &c->map->messages[m];
            for (size_t k = 0; k < check->message_count; k++)
                meant = meant || text_eq(check->messages[k], c->msg->kind);
            c->check_bad = NULL;
            if (meant)
                resolve_check(c, check, c->msg->shape);
            if (c->check_bad != NULL)
                compile_error(c, NULL, check->id, "E-PATH",
                              "look at the form's schema, or name the messages it is for",
                              "in %s the path \"%s\" leads nowhere", c->msg->kind,
                              c->check_bad);
        }
    }
}

static void check_lists(struct compile *c, const struct json_at *root)
{
    struct json_at lists = json_member(root, "lists");
    const char *name;
    json_t *version;

    c->rule_now = NULL;
    json_object_foreach (lists.value, name, version) {
        const struct code_list *list = codes_list(c->map->codes, name);

        if (json_is_comment(name))
            continue;
        if (list == NULL)
            compile_error(c, &lists, NULL, "E-LIST",
                          "use the name of a file in mappings/lists",
                          "there is no code list \"%.60s\"", name);
        else if (!text_eq(code_list_version(list), json_string_value(version)))
            compile_error(c, &lists, NULL, "E-LIST", "bring mapping and list together",
                          "the list \"%s\" has version %s", name,
                          code_list_version(list));
        else if (!strlist_has(&c->used_lists, name))
            compile_warning(c, &lists, NULL, "W-UNUSED", "take it out",
                            "the list \"%s\" is named and not used", name);
    }
    for (size_t i = 0; i < c->used_lists.count; i++)
        if (json_object_get(lists.value, c->used_lists.items[i]) == NULL &&
            codes_list(c->map->codes, c->used_lists.items[i]) != NULL) {
            compile_error(
                c, lists.value == NULL ? root : &lists, NULL, "E-LIST",
                arena_printf(
                    &c->map->arena, "add \"%s\": \"%s\"", c->used_lists.items[i],
                    code_list_version(codes_list(c->map->codes, c->used_lists.items[i]))),
                "the list \"%s\" is used and its version is not named",
                c->used_lists.items[i]);
            strlist_add(&c->told_lists, c->used_lists.items[i]);
        }
}

static void check_parts(struct compile *c, const struct json_at *root)
{
    struct json_at parts = json_member(root, "parts");
    const char *name;
    json_t *value;

    json_object_foreach (parts.value, name, value) {
        struct json_at at = json_member(&parts, name);

        (void)value;
        if (!json_is_comment(name) && !strlist_has(&c->used_parts, name))
            compile_warning(c, &at, NULL, "W-UNUSED", "take it out, or include it",
                            "no message includes the part \"%.60s\"", name);
    }
}

static bool shape_has(const struct shape *shape, const char *name, unsigned depth)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < shape->kid_count && depth < MAPPING_DEPTH_MAX; i++) {
        const char *kid = shape->kids[i]->name;

        if (strncmp(kid, name, len) == 0 && (kid[len] == '\0' || text_eq(kid + len, "1")))
            return true;
        if (shape_has(shape->kids[i], name, depth + 1))
            return true;
    }
    return false;
}

static bool canonical_leads(const struct compile *c, const char *canonical)
{
    const char *why = "", *step;
    const struct shape *where, *base = c->map->referral;
    struct trail *path = trail_parse(&c->map->arena, c->map->names, canonical, &why);

    return path != NULL && trail_resolve(path, base, base, base, &step, &where);
}

/* "fields": names in questions and answers that mean more than the element they are read into.
 * They stand before those that the rules make: the first is taken. */
static void read_fields(struct compile *c, const struct json_at *root)
{
    struct mapping *map = c->map;
    struct json_at at = json_member(root, "fields");
    struct field_name *pairs;
    size_t count = read_pairs(c, root, "fields", &pairs);

    for (size_t i = 0; i < count; i++) {
        bool known = map->json;

        for (size_t k = 0; k < map->message_count; k++)
            known = known || shape_has(map->messages[k].shape, pairs[i].national, 0);
        if (!known)
            compile_error(c, &at, NULL, "E-PATH", "look at the form's schema",
                          "the form has no element \"%s\"", pairs[i].national);
        if (!canonical_leads(c, pairs[i].canonical))
            compile_error(c, &at, NULL, "E-PATH",
                          "look at mappings/canonical/referral-1.xsd",
                          "\"%s\" of \"fields\" leads nowhere", pairs[i].canonical);
        c->fields =
            mem_grow(c->fields, map->field_count, &c->field_cap, sizeof *c->fields);
        memmove(c->fields + i + 1, c->fields + i,
                (map->field_count - i) * sizeof *c->fields);
        c->fields[i] = pairs[i];
        map->field_count++;
    }
    map->fields = c->fields;
}

static bool compile_all(struct compile *c, struct err *err)
{
    struct json_at root = json_root(c->doc);
    AUTO(json_doc_free) struct json_doc *schema = NULL;
    struct mapping *map = c->map;

    only_keys(c, &root, top_keys);
    map->id = need_text(c, &root, "mapping");
    map->version = need_text(c, &root, "version");
    map->country = need_text(c, &root, "country");
    map->language = need_text(c, &root, "language");
    map->form = need_text(c, &root, "form");
    read_format(c, &root);
    if (c->errors > 0)
        return true;
    if (!load_canonical(c, err) || !load_schema(c, &schema, err))
        return false;
    if (c->errors > 0)
        return true;
    if (!read_messages(c, &root, schema, err))
        return false;
    read_fields(c, &root);
    read_nevers(c, &root);
    read_checks(c, &root);
    check_lists(c, &root);
    check_parts(c, &root);
    return true;
}

static void compile_close(struct compile *c)
{
    json_doc_free(&c->merged);
    strlist_free(&c->used_parts);
    strlist_free(&c->used_lists);
    strlist_free(&c->told_lists);
    mem_free(&c->all);
    json_drop(&c->scratch);
}

struct mapping *mapping_compile(const struct mapping_sources *sources, struct report *ret,
                                struct err *err)
{
    AUTO(mapping_free) struct mapping *map = mem_alloc(sizeof *map);
    struct compile c = { .map = map,
                         .sources = sources,
                         .doc = sources->base,
                         .report = ret,
                         .scratch = json_array() };
    bool good = true;

    map->names = xmlDictCreate();
    map->codes = sources->codes;
    map->probe = (const char *)xmlDictLookup(map->names, (const xmlChar *)"Referral", -1);
    if (sources->agreement != NULL) {
        c.merged = compile_merge(&c, sources->base, sources->agreement, err);
        good = c.merged != NULL;
        if (good && c.errors == 0)
            c.doc = c.merged;
    }
    if (good && c.errors == 0)
        good = compile_all(&c, err);
    map->fields = c.fields;
    map->rows = c.rows;
    compile_close(&c);
    if (!good)
        return NULL;
    if (c.errors > 0) {
        const struct report_entry *first = NULL;

        for (size_t i = 0; i < ret->count && first == NULL; i++)
            if (report_severity(&ret->items[i]) == SEVERITY_ERROR)
                first = &ret->items[i];
        err_set(err, ERR_CONFIG, "mapping.refused",
                "mapping %s: %zu errors, the first at %s:%u: %s",
                map->id == NULL ? "" : map->id, c.errors,
                first == NULL || first->file == NULL ? "" : first->file,
                first == NULL ? 0 : first->line, first == NULL ? "" : first->text);
        return NULL;
    }
    return TAKE(map);
}

void mapping_free(struct mapping **mapping)
{
    struct mapping *map = *mapping;

    if (map == NULL)
        return;
    xsd_free(&map->xsd);
    jsonschema_free(&map->jsonschema);
    for (size_t i = 0; i < map->zone_count; i++)
        zone_free(&map->zones[i]);
    mem_free(&map->zones);
    mem_free(&map->fields);
    mem_free(&map->rows);
    xmlDictFree(map->names);
    arena_free(&map->arena);
    mem_free(mapping);
}

const char *mapping_id(const struct mapping *mapping)
{
    return mapping->id;
}

const char *mapping_version(const struct mapping *mapping)
{
    return mapping->version;
}

const char *mapping_country(const struct mapping *mapping)
{
    return mapping->country;
}

const char *mapping_form(const struct mapping *mapping)
{
    return mapping->form;
}

const char *mapping_media_type(const struct mapping *mapping)
{
    return mapping->media_type;
}

const char *mapping_extension(const struct mapping *mapping)
{
    return mapping->json ? "json" : "xml";
}

bool mapping_speaks(const struct mapping *mapping, const char *kind)
{
    for (size_t i = 0; i < mapping->message_count; i++)
        if (text_eq(mapping->messages[i].kind, kind))
            return true;
    return false;
}

size_t mapping_row_count(const struct mapping *mapping)
{
    return mapping->row_count;
}

struct mapping_row mapping_row(const struct mapping *mapping, size_t index)
{
    return mapping->rows[index];
}
