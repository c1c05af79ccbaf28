/*
 * parse.c - rules from the author's file: their shape, their keys, their paths; nothing about meaning.
 *
 * Problems are collected, not thrown: an author wants to see all of them. A part of a rule that could
 * not be read is left out, and the finding is what stops the mapping.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "mapping/mapping_private.h"

/* --- findings ---------------------------------------------------------------------------- */

static void finding(struct compile *c, const struct json_at *at, const char *rule,
                    const char *code, const char *fix, const char *fmt, va_list args)
{
    char text[512];
    const struct rule *now = c->rule_now;
    const char *file = c->doc->name;
    unsigned line = at != NULL ? json_at_line(at) : c->line_now;

    if (c->merged != NULL && c->doc == c->merged)
        merge_origin(c, rule != NULL ? rule : now == NULL ? NULL : now->id, &file, &line);
    vsnprintf(text, sizeof text, fmt, args);
    report_add(c->report, &(struct report_entry){
                              .code = code,
                              .file = file,
                              .line = line,
                              .field = now == NULL ? NULL : now->full_at,
                              .label = now == NULL ? NULL : now->label,
                              .rule = rule != NULL  ? rule
                                      : now != NULL ? now->id
                                                    : NULL,
                              .text = text,
                              .remedy = fix,
                          });
    if (code[0] == 'E')
        c->errors++;
}

void compile_error(struct compile *c, const struct json_at *at, const char *rule,
                   const char *code, const char *fix, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    finding(c, at, rule, code, fix, fmt, args);
    va_end(args);
}

void compile_warning(struct compile *c, const struct json_at *at, const char *rule,
                     const char *code, const char *fix, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    finding(c, at, rule, code, fix, fmt, args);
    va_end(args);
}

/* --- members ----------------------------------------------------------------------------- */

/* {n} filled in: the number or name of the column. */
static const char *with_column(struct compile *c, const char *text)
{
    const char *hole = strstr(text, "{n}");

    if (hole == NULL)
        return arena_text(&c->map->arena, text);
    return arena_printf(&c->map->arena, "%.*s%s%s", (int)(hole - text), text,
                        c->column == NULL ? "" : c->column, hole + 3);
}

const char *compile_text(struct compile *c, const struct json_at *in, const char *key)
{
    struct json_at at = json_member(in, key);

    if (at.value == NULL)
        return NULL;
    if (!json_is_string(at.value)) {
        compile_error(c, &at, NULL, "E-TYPE", "write a text in quotes",
                      "\"%s\" must be a text", key);
        return NULL;
    }
    return with_column(c, json_string_value(at.value));
}

bool compile_flag(struct compile *c, const struct json_at *in, const char *key)
{
    struct json_at at = json_member(in, key);

    if (at.value != NULL && !json_is_boolean(at.value))
        compile_error(c, &at, NULL, "E-TYPE", "write true or false, without quotes",
                      "\"%s\" must be true or false", key);
    return json_is_true(at.value);
}

size_t compile_texts(struct compile *c, const struct json_at *in, const char *key,
                     const char ***ret)
{
    struct json_at at = json_member(in, key);
    size_t count = json_is_array(at.value) ? json_items(&at) : at.value != NULL;

    *ret = arena_array(&c->map->arena, count + 1, sizeof **ret);
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_is_array(at.value) ? json_array_get(at.value, i) : at.value;

        if (!json_is_string(value)) {
            compile_error(c, &at, NULL, "E-TYPE", "write texts in quotes",
                          "\"%s\" must be a text or a list of texts", key);
            return 0;
        }
        (*ret)[i] = with_column(c, json_string_value(value));
    }
    return count;
}

struct trail *compile_path_text(struct compile *c, const struct json_at *at,
                                const char *text, const char *rule)
{
    const char *why = NULL;
    struct trail *trail = trail_parse(&c->map->arena, c->map->names, text, &why);

    if (trail == NULL)
        compile_error(c, at, rule, "E-PATH",
                      "steps are divided by /, conditions are [name=value]",
                      "the path is not understood: %s", why);
    return trail;
}

struct trail *compile_path(struct compile *c, const struct json_at *in, const char *key,
                           const char *rule)
{
    struct json_at at = json_member(in, key);
    const char *text = compile_text(c, in, key);

    return text == NULL ? NULL : compile_path_text(c, &at, text, rule);
}

/* --- conditions -------------------------------------------------------------------------- */

static struct cond *cond_list(struct compile *c, const struct json_at *at,
                              const char *key, enum cond_type type)
{
    struct json_at list = json_member(at, key);
    struct cond *cond = arena_alloc(&c->map->arena, sizeof *cond);

    cond->type = type;
    cond->kid_count = json_items(&list);
    cond->kids = arena_array(&c->map->arena, cond->kid_count + 1, sizeof(struct cond *));
    for (size_t i = 0; i < cond->kid_count; i++) {
        struct json_at item = json_item(&list, i);

        cond->kids[i] = compile_cond(c, &item);
        if (cond->kids[i] == NULL)
            return NULL;
    }
    return cond;
}

static struct cond *cond_test(struct compile *c, const struct json_at *at)
{
    struct cond *cond = arena_alloc(&c->map->arena, sizeof *cond);
    struct json_at present = json_member(at, "present");
    const char **one;

    cond->type = COND_TEST;
    cond->canonical = json_object_get(at->value, "to") != NULL;
    cond->path = compile_path(c, at, cond->canonical ? "to" : "at", NULL);
    cond->value_count = compile_texts(c, at, "in", &cond->values);
    if (compile_texts(c, at, "is", &one) == 1) {
        cond->values = one;
        cond->value_count = 1;
    }
    cond->present = present.value == NULL || json_is_true(present.value);
    if (cond->path == NULL) {
        compile_error(c, at, NULL, "E-CONDITION", "write \"at\" or \"to\" with a path",
                      "the condition asks for no field");
        return NULL;
    }
    if (present.value == NULL && cond->value_count == 0)
        compile_error(c, at, NULL, "E-CONDITION", "add \"is\", \"in\" or \"present\"",
                      "the condition says what to look at, but not for what");
    return cond;
}

struct cond *compile_cond(struct compile *c, const struct json_at *at)
{
    static const char *const keys[] = { "all", "any", "not",     "at", "to",
                                        "is",  "in",  "present", NULL };
    struct err err;

    if (!json_is_object(at->value) || !json_only_keys(at, keys, &err)) {
        compile_error(c, at, NULL, "E-CONDITION",
                      "use at, to, is, in, present, all, any, not",
                      "the condition is not understood");
        return NULL;
    }
    if (json_object_get(at->value, "all") != NULL)
        return cond_list(c, at, "all", COND_ALL);
    if (json_object_get(at->value, "any") != NULL)
        return cond_list(c, at, "any", COND_ANY);
    if (json_object_get(at->value, "not") != NULL) {
        struct json_at inner = json_member(at, "not");
        struct cond *cond = arena_alloc(&c->map->arena, sizeof *cond);

        cond->type = COND_NOT;
        cond->kids = arena_array(&c->map->arena, 1, sizeof(struct cond *));
        cond->kids[0] = compile_cond(c, &inner);
        cond->kid_count = 1;
        return cond->kids[0] == NULL ? NULL : cond;
    }
    return cond_test(c, at);
}

/* --- rules ------------------------------------------------------------------------------- */

/* clang-format off */
static const char *const rule_keys[] = {
    "id", "at", "to", "as", "label", "clause", "required", "default", "context", "else", "max",
    "whole", "overflow", "together", "remedy", "warn", "only", "why", "when", "in", "each",
    "columns", "split", "join", "rules", "before", "after", "otherwise", "always", "all", NULL,
};
/* clang-format on */

static bool in_list(const char *const *list, const char *word)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++)
        if (text_eq(list[i], word))
            return true;
    return false;
}

static void check_keys(struct compile *c, const struct json_at *at,
                       const struct rule *rule)
{
    const struct kind *kind =
        rule->kind != NULL
            ? rule->kind
            : kind_find(json_string_value(json_object_get(at->value, "as")));
    const char *const *own = kind == NULL ? NULL : kind->keys;
    const char *key;
    json_t *value;

    json_object_foreach (at->value, key, value) {
        const char *near;

        (void)value;
        if (json_is_comment(key) || in_list(rule_keys, key) || in_list(own, key))
            continue;
        near = json_nearest(key, rule_keys);
        if (near == NULL && own != NULL)
            near = json_nearest(key, own);
        compile_error(c, at, rule->id, "E-KEY",
                      near == NULL ? "see mappings/README.md, sections 5 and 6"
                                   : arena_printf(&c->map->arena, "write \"%s\"", near),
                      "\"%.60s\" is no key of %s", key,
                      kind == NULL ? "a scope" : kind->name);
    }
}

static void read_ways(struct compile *c, const struct json_at *at, struct rule *rule)
{
    const char *only = compile_text(c, at, "only");

    rule->why = compile_text(c, at, "why");
    rule->ways = READING | WRITING;
    if (only == NULL)
        return;
    if (text_eq(only, "read"))
        rule->ways = READING;
    else if (text_eq(only, "write"))
        rule->ways = WRITING;
    else
        compile_error(c, at, rule->id, "E-ONE-WAY", "write \"read\" or \"write\"",
                      "\"only\" knows two ways");
    if (rule->why == NULL && c->in_sentence == NULL)
        compile_error(c, at, rule->id, "E-ONE-WAY", "add \"why\": one sentence",
                      "a rule that works one way only must say why");
}

static void read_others(struct compile *c, const struct json_at *at, struct rule *rule)
{
    struct json_at list = json_member(at, "else");
    const char **texts;

    rule->other_count = compile_texts(c, at, "else", &texts);
    rule->others =
        arena_array(&c->map->arena, rule->other_count + 1, sizeof(struct trail *));
    for (size_t i = 0; i < rule->other_count; i++)
        rule->others[i] = compile_path_text(c, &list, texts[i], rule->id);
}

static void read_max(struct compile *c, const struct json_at *at, struct rule *rule)
{
    struct json_at max = json_member(at, "max");

    if (max.value == NULL)
        return;
    if (!json_is_integer(max.value) || json_integer_value(max.value) < 1)
        compile_error(c, &max, rule->id, "E-TYPE", "write a whole number",
                      "\"max\" must be a number of characters");
    else
        rule->max = (size_t)json_integer_value(max.value);
}

static void read_leaf(struct compile *c, const struct json_at *at, struct rule *rule)
{
    const char *as = compile_text(c, at, "as");

    rule->type = RULE_LEAF;
    rule->kind = as == NULL ? NULL : kind_find(as);
    if (rule->kind == NULL) {
        const char *near = as == NULL ? NULL : json_nearest(as, kind_names());

        compile_error(
            c, at, rule->id, "E-KIND",
            near == NULL ? "add \"as\" with a kind of mappings/README.md section 6"
                         : arena_printf(&c->map->arena, "write \"%s\"", near),
            as == NULL ? "the rule has no \"as\"" : "there is no kind of this name");
        return;
    }
    if (rule->id == NULL) {
        rule->id = c->in_sentence != NULL ? c->in_sentence : "?";
        if (c->in_sentence == NULL)
            compile_error(c, at, NULL, "E-ID", "add \"id\"",
                          "a rule needs an id: losses and agreements name it");
    }
    rule->fallback = compile_text(c, at, "default");
    rule->otherwise = compile_text(c, at, "otherwise");
    rule->context = compile_text(c, at, "context");
    rule->overflow_id = compile_text(c, at, "overflow");
    rule->together = compile_text(c, at, "together");
    rule->before = compile_text(c, at, "before");
    rule->after = compile_text(c, at, "after");
    rule->all = compile_text(c, at, "all");
    rule->required = compile_flag(c, at, "required");
    rule->whole = compile_flag(c, at, "whole");
    rule->warn = compile_flag(c, at, "warn");
    read_max(c, at, rule);
    read_others(c, at, rule);
    if (rule->at == NULL && !rule->kind->no_at && c->in_sentence == NULL &&
        json_object_get(at->value, "into") == NULL)
        compile_error(c, at, rule->id, "E-PATH", "add \"at\"",
                      "the rule has no national field");
    if (rule->to == NULL && !rule->kind->no_to && rule->kind != &kind_period &&
        c->in_sentence == NULL)
        compile_error(c, at, rule->id, "E-PATH", "add \"to\"",
                      "the rule has no canonical field");
    if (rule->kind->parse != NULL)
        rule->kind->parse(c, rule, at);
}

/* An each or columns with `as` of its own: its single rule, as an object of its own. */
static struct json_at short_form(struct compile *c, const struct json_at *at,
                                 const char *inner_at)
{
    static const char *const outer[] = { "each", "columns", "split", "join", "only",
                                         "why",  "when",    "to",    "at",   "in" };
    json_t *copy = json_copy(at->value);
    const char *to = json_string_value(json_object_get(at->value, "to"));
    const char *last = to == NULL ? NULL : strrchr(to, '/');
    const char *attr =
        last != NULL && last[1] == '@' && strchr(last, ']') == NULL ? last + 1 : NULL;
    struct json_at made = *at;

    for (size_t i = 0; i < COUNT_OF(outer); i++)
        json_object_del(copy, outer[i]);
    json_object_set_new(copy, "at", json_string(inner_at));
    json_object_set_new(copy, "to", json_string(attr == NULL ? "." : attr));
    json_array_append_new(c->scratch, copy);
    made.value = copy;
    return made;
}

static struct trail *outer_to(struct compile *c, const struct json_at *at,
                              const char *rule)
{
    struct json_at to = json_member(at, "to");
    const char *text = compile_text(c, at, "to");
    const char *attr = text == NULL ? NULL : strrchr(text, '/');

    if (text == NULL) {
        compile_error(c, at, rule, "E-PATH", "add \"to\"",
                      "the repeated rule has no canonical field");
        return NULL;
    }
    if (attr != NULL && attr[1] == '@' && strchr(attr, ']') == NULL)
        text = arena_dup(&c->map->arena, text, (size_t)(attr - text));
    return compile_path_text(c, &to, text, rule);
}

static void read_inner(struct compile *c, const struct json_at *at, struct rules *ret,
                       const char *inner_at)
{
    struct json_at rules = json_member(at, "rules");

    if (rules.value == NULL && json_object_get(at->value, "as") != NULL) {
        struct json_at one = short_form(c, at, inner_at);

        ret->items = arena_array(&c->map->arena, 1, sizeof(struct rule *));
        ret->items[0] = compile_rule(c, &one);
        ret->count = ret->items[0] != NULL;
        return;
    }
    compile_rules(c, &rules, ret);
}

static void read_each(struct compile *c, const struct json_at *at, struct rule *rule)
{
    rule->type = RULE_EACH;
    rule->at = compile_path(c, at, "each", rule->id);
    rule->to = outer_to(c, at, rule->id);
    rule->split = compile_text(c, at, "split");
    rule->join = compile_text(c, at, "join");
    if (rule->split != NULL && strlen(rule->split) != 1)
        compile_error(c, at, rule->id, "E-OPTION", "write one character, such as \",\"",
                      "\"split\" is the character between the items");
    read_inner(c, at, &rule->rules, ".");
}

static void read_columns(struct compile *c, const struct json_at *at, struct rule *rule)
{
    struct json_at columns = json_member(at, "columns");
    const char *before = c->column;
    const char **names = NULL;

    rule->type = RULE_COLUMNS;
    if (json_is_integer(columns.value) && json_integer_value(columns.value) > 0 &&
        json_integer_value(columns.value) <= 50) {
        rule->set_count = (size_t)json_integer_value(columns.value);
    } else if (json_is_array(columns.value)) {
        rule->set_count = compile_texts(c, at, "columns", &names);
    } else {
        compile_error(c, &columns, rule->id, "E-TYPE",
                      "write a number up to 50, or names",
                      "\"columns\" must be a number or a list of names");
        return;
    }
    rule->to = outer_to(c, at, rule->id);
    rule->sets = arena_array(&c->map->arena, rule->set_count, sizeof *rule->sets);
    rule->set_columns = arena_array(&c->map->arena, rule->set_count, sizeof(char *));
    for (size_t i = 0; i < rule->set_count; i++) {
        c->column = names != NULL ? names[i] : arena_printf(&c->map->arena, "%zu", i + 1);
        rule->set_columns[i] = c->column;
        read_inner(c, at, &rule->sets[i],
                   json_object_get(at->value, "at") != NULL
                       ? json_string_value(json_object_get(at->value, "at"))
                       : "{n}");
    }
    c->column = before;
}

static void read_scope(struct compile *c, const struct json_at *at, struct rule *rule)
{
    rule->type = RULE_SCOPE;
    rule->at = compile_path(c, at, "in", rule->id);
    rule->to = compile_path(c, at, "to", rule->id);
    rule->always_count = compile_texts(c, at, "always", &rule->always);
    read_inner(c, at, &rule->rules, ".");
}

struct rule *compile_rule(struct compile *c, const struct json_at *at)
{
    struct rule *rule = arena_alloc(&c->map->arena, sizeof *rule);
    struct json_at when = json_member(at, "when");
    struct json_at at_member = json_member(at, "at");
    bool to_is_pair = json_is_array(json_object_get(at->value, "to"));

    if (!json_is_object(at->value)) {
        compile_error(c, at, NULL, "E-TYPE", "write { ... } or the name of a part",
                      "a rule is an object");
        return NULL;
    }
    if (++c->rules > MAPPING_RULES_MAX) {
        if (c->rules == MAPPING_RULES_MAX + 1)
            compile_error(c, at, NULL, "E-TOO-MANY", "split the mapping", "over %d rules",
                          MAPPING_RULES_MAX);
        return NULL;
    }
    rule->doc = c->doc;
    rule->line = json_at_line(at);
    rule->message = c->message;
    rule->column = c->column;
    rule->id = compile_text(c, at, "id");
    rule->label = compile_text(c, at, "label");
    rule->clause = compile_text(c, at, "clause");
    rule->remedy = compile_text(c, at, "remedy");
    read_ways(c, at, rule);
    if (when.value != NULL)
        rule->when = compile_cond(c, &when);
    if (json_object_get(at->value, "columns") != NULL) {
        read_columns(c, at, rule);
    } else if (json_object_get(at->value, "each") != NULL) {
        read_each(c, at, rule);
    } else if (json_object_get(at->value, "rules") != NULL) {
        read_scope(c, at, rule);
    } else {
        rule->at = compile_path(c, at, "at", rule->id);
        if (at_member.value != NULL && json_is_string(at_member.value))
            rule->bare_at =
                arena_text(&c->map->arena, json_string_value(at_member.value));
        if (!to_is_pair) {
            rule->to = compile_path(c, at, "to", rule->id);
        } else {
            struct json_at pair = json_member(at, "to"), first = json_item(&pair, 0);

            if (json_is_string(first.value))
                rule->to = compile_path_text(c, &first, json_string_value(first.value),
                                             rule->id);
        }
        read_leaf(c, at, rule);
    }
    check_keys(c, at, rule);
    return rule;
}

static void part_add(struct compile *c, const struct json_at *at, const char *name,
                     struct rules *ret, size_t *cap, unsigned depth);

static void rules_add(struct compile *c, const struct json_at *list, struct rules *ret,
                      size_t *cap, unsigned depth)
{
    for (size_t i = 0; i < json_items(list); i++) {
        struct json_at item = json_item(list, i);
        struct rule *rule;

        if (json_is_string(item.value)) {
            part_add(c, &item, json_string_value(item.value), ret, cap, depth);
            continue;
        }
        rule = compile_rule(c, &item);
        if (rule == NULL)
            continue;
        if (ret->count == *cap) {
            size_t more = *cap == 0 ? 8 : 2 * *cap;
            struct rule **items =
                arena_array(&c->map->arena, more, sizeof(struct rule *));

            if (ret->count > 0)
                memcpy(items, ret->items, ret->count * sizeof *items);
            ret->items = items;
            *cap = more;
        }
        ret->items[ret->count++] = rule;
    }
}

static void part_add(struct compile *c, const struct json_at *at, const char *name,
                     struct rules *ret, size_t *cap, unsigned depth)
{
    struct json_at root = json_root(c->doc), parts = json_member(&root, "parts");
    struct json_at part = json_member(&parts, name);

    if (!json_is_array(part.value)) {
        compile_error(c, at, NULL, "E-PART", "use the name of a list under \"parts\"",
                      "there is no part \"%.60s\"", name);
        return;
    }
    if (depth > MAPPING_DEPTH_MAX) {
        compile_error(c, at, NULL, "E-PART", "take the part out of itself",
                      "the part \"%.60s\" includes itself", name);
        return;
    }
    if (!strlist_has(&c->used_parts, name))
        strlist_add(&c->used_parts, name);
    rules_add(c, &part, ret, cap, depth + 1);
}

void compile_rules(struct compile *c, const struct json_at *list, struct rules *ret)
{
    size_t cap = 0;

    if (list->value != NULL && !json_is_array(list->value)) {
        compile_error(c, list, NULL, "E-TYPE", "write [ ... ]", "rules are a list");
        return;
    }
    if (++c->depth <= MAPPING_DEPTH_MAX)
        rules_add(c, list, ret, &cap, 0);
    c->depth--;
}
