/*
 * kind_name.c - a person's name: one line or several fields, one spelling of several.
 *
 * A name is never overwritten and never derived: each spelling is a Name of its own with its script and
 * language. Writing chooses the spelling the form prefers; only where the form demands Latin letters and
 * nobody wrote them is a name transliterated, by the rule of the state that wrote it, and that is
 * reported. A patronymic is never a father's name, nor the reverse.
 */
#include <string.h>

#include "base/err.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"
#include "model/name.h"

struct preference {
    const char *script, *lang;
};

struct name_options {
    struct trail *line;
    enum name_part order[NAME_PARTS];
    size_t order_count;
    struct trail *parts[NAME_PARTS];
    const char *script, *lang, *source;
    struct preference prefer[8];
    size_t prefer_count;
    bool transliterate, plain, upper;
};

static const char *const name_keys[] = { "line",          "order",  "parts",   "script",
                                         "lang",          "prefer", "letters", "source",
                                         "transliterate", NULL };

static void parse_order(struct compile *c, struct rule *rule,
                        struct name_options *options, const struct json_at *at)
{
    const char *order = compile_text(c, at, "order");
    struct str rest = str_of(order == NULL ? "Surname Given Patronymic" : order), word;

    while (str_next(&rest, ' ', &word)) {
        int part = -1;

        for (int i = 0; i < NAME_PARTS; i++)
            if (str_is(word, name_part_name((enum name_part)i)))
                part = i;
        if (part < 0 || options->order_count == NAME_PARTS) {
            compile_error(c, at, rule->id, "E-OPTION",
                          "use Surname, Given, Patronymic, FatherName",
                          "the order names a part of a name that does not exist");
            return;
        }
        options->order[options->order_count++] = (enum name_part)part;
    }
}

static void parse_parts(struct compile *c, struct rule *rule,
                        struct name_options *options, const struct json_at *at)
{
    struct json_at parts = json_member(at, "parts");
    size_t found = 0, given = parts.value == NULL ? 0 : json_object_size(parts.value);

    if (parts.value == NULL)
        return;
    for (int i = 0; i < NAME_PARTS; i++) {
        options->parts[i] =
            compile_path(c, &parts, name_part_name((enum name_part)i), rule->id);
        found += options->parts[i] != NULL;
    }
    if (found != given)
        compile_error(c, &parts, rule->id, "E-OPTION",
                      "use Surname, Given, Patronymic, FatherName",
                      "\"parts\" names a part of a name that does not exist");
}

static void parse_prefer(struct compile *c, struct name_options *options,
                         const struct json_at *at)
{
    struct json_at list = json_member(at, "prefer");

    for (size_t i = 0; i < json_items(&list) && i < COUNT_OF(options->prefer); i++) {
        struct json_at item = json_item(&list, i);

        options->prefer[i].script = compile_text(c, &item, "script");
        options->prefer[i].lang = compile_text(c, &item, "lang");
        options->prefer_count++;
    }
}

static bool name_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct name_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *letters = compile_text(c, at, "letters");

    rule->options = options;
    options->line = compile_path(c, at, "line", rule->id);
    options->script = compile_text(c, at, "script");
    options->lang = compile_text(c, at, "lang");
    options->source = compile_text(c, at, "source");
    options->transliterate = compile_flag(c, at, "transliterate");
    options->plain = text_eq(letters, "A-Z");
    parse_order(c, rule, options, at);
    parse_parts(c, rule, options, at);
    parse_prefer(c, options, at);
    if (rule->at != NULL && options->line == NULL)
        options->line = rule->at;
    return true;
}

static void name_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct name_options *options = rule->options;

    if (options->line != NULL && options->line != rule->at &&
        !compile_second(c, rule, options->line, false))
        compile_error(c, at, rule->id, "E-PATH", "look at the form's schema",
                      "the line of the name leads nowhere");
    for (int i = 0; i < NAME_PARTS; i++)
        if (options->parts[i] != NULL &&
            !compile_second(c, rule, options->parts[i], false))
            compile_error(c, at, rule->id, "E-PATH", "look at the form's schema",
                          "the part \"%s\" of the name leads nowhere",
                          options->parts[i]->text);
    if (rule->canonical != NULL && shape_kid(rule->canonical, "Surname", false) == NULL)
        compile_error(c, at, rule->id, "E-PATH", "let \"to\" end at Name",
                      "the canonical path is no name");
}

const struct trail *name_part_path(const struct rule *rule, const char *part)
{
    const struct name_options *options = rule->options;

    for (int i = 0; i < NAME_PARTS; i++)
        if (text_eq(name_part_name((enum name_part)i), part))
            return options->parts[i];
    return NULL;
}

const struct trail *name_line_path(const struct rule *rule)
{
    const struct name_options *options = rule->options;

    return options->line;
}

/* The field a name is known by: its line, or the first of its parts. */
const struct trail *name_first_path(const struct rule *rule)
{
    const struct name_options *options = rule->options;

    for (int i = 0; options->line == NULL && i < NAME_PARTS; i++)
        if (options->parts[i] != NULL)
            return options->parts[i];
    return options->line;
}

static bool within(const struct trail *path, const struct shape *shape)
{
    for (const struct shape *s = path == NULL ? NULL : path->shape; s != NULL; s = s->up)
        if (s == shape)
            return true;
    return false;
}

static bool name_writes(const struct rule *rule, const struct shape *shape)
{
    const struct name_options *options = rule->options;

    for (int i = 0; i < NAME_PARTS; i++)
        if (within(options->parts[i], shape))
            return true;
    return within(options->line, shape);
}

/* --- reading ----------------------------------------------------------------------------- */

struct parts {
    const char *part[NAME_PARTS];
    const char *full;
    xmlNode *field;
};

static void read_line(struct run *run, const struct rule *rule, const char *line,
                      struct parts *parts)
{
    const struct name_options *options = rule->options;
    AUTO(name_split_free) struct name_split split = { 0 };

    if (options->order_count == 1) {
        parts->part[options->order[0]] = line;
        return;
    }
    if (!name_split(line, &split))
        return;
    for (int i = 0; i < NAME_PARTS; i++)
        parts->part[i] = arena_text(&run->arena, split.part[i]);
    if (options->order[0] == NAME_GIVEN && parts->part[NAME_GIVEN] != NULL &&
        parts->part[NAME_PATRONYMIC] == NULL) { /* "Given Surname" */
        const char *first = parts->part[NAME_SURNAME];

        parts->part[NAME_SURNAME] = parts->part[NAME_GIVEN];
        parts->part[NAME_GIVEN] = first;
    }
    if (!split.sure)
        report_warning(run, rule, parts->field, "W-NAME-SPLIT",
                       "look whether surname and given name are where they belong",
                       "the name stands in one line and was taken apart by its order");
}

static bool read_parts(struct run *run, const struct rule *rule, xmlNode *src,
                       struct parts *parts)
{
    const struct name_options *options = rule->options;
    const char *line = NULL;
    bool any = false;

    if (options->line != NULL && src != NULL) {
        parts->field = trail_first(run, src, options->line);
        line = node_text(run, parts->field);
        if (text_eq(line, rule->fallback))
            line = NULL;
    }
    for (int i = 0; i < NAME_PARTS; i++) {
        xmlNode *node = options->parts[i] == NULL || src == NULL
                            ? NULL
                            : trail_first(run, src, options->parts[i]);

        parts->part[i] = node_text(run, node);
        if (parts->part[i] != NULL) {
            any = true;
            if (parts->field == NULL)
                parts->field = node;
        }
    }
    if (any && parts->part[NAME_SURNAME] == NULL && line != NULL) {
        memset(parts->part, 0, sizeof parts->part); /* half a name: the line knows more */
        any = false;
    }
    if (!any && line != NULL)
        read_line(run, rule, line, parts);
    return any || line != NULL;
}

static const char *clean(struct run *run, const struct rule *rule, xmlNode *field,
                         const char *text)
{
    AUTO(buf_free) struct buf comma = BUF_SECRET_INIT(4096);
    AUTO(buf_free) struct buf apostrophe = BUF_SECRET_INIT(4096);
    struct str cut = str_trim(str_of(text));

    text = arena_dup(&run->arena, cut.ptr, cut.len);
    if (name_comma_letters(text, &comma)) {
        report_loss(run, rule, LOSS_NORMALISED, field, NULL, text, buf_str(&comma),
                    "cedilla letters stand as comma letters");
        report_warning(run, rule, field, "I-NORMALISED", NULL,
                       "letters with cedilla were read as letters with comma");
        text = arena_dup(&run->arena, buf_str(&comma), comma.len);
    }
    if (script_of(text) == SCRIPT_CYRILLIC && name_apostrophes(text, &apostrophe))
        text = arena_dup(&run->arena, buf_str(&apostrophe), apostrophe.len);
    if (script_mixed_word(text))
        report_warning(run, rule, field, "W-HOMOGLYPH",
                       "type the name again in one alphabet",
                       "Latin and Cyrillic letters stand in one word; they look alike");
    return text;
}

static const char *script_found(const struct parts *parts)
{
    for (int i = 0; i < NAME_PARTS; i++)
        if (parts->part[i] != NULL) {
            enum script script = script_of(parts->part[i]);

            if (script == SCRIPT_LATIN || script == SCRIPT_CYRILLIC)
                return script_code(script);
        }
    return NULL;
}

static const char *kid_text(const struct out *up, const char *name)
{
    for (const struct out *kid = up->first; kid != NULL; kid = kid->next)
        if (text_eq(kid->shape->name, name))
            return kid->value;
    return NULL;
}

static bool same_folded(const char *a, const char *b)
{
    AUTO(buf_free) struct buf x = BUF_SECRET_INIT(4096), y = BUF_SECRET_INIT(4096);

    if (a == NULL || b == NULL)
        return a == b;
    text_fold(a, &x);
    text_fold(b, &y);
    return text_eq(buf_str(&x), buf_str(&y));
}

/* The same spelling stands already, from another field of the form. */
static bool known(struct run *run, const struct rule *rule, struct place *dst,
                  const struct parts *parts, const char *script)
{
    const struct out *up = place_peek(run, dst);
    const struct out *first = up == NULL ? NULL : out_find(run, up, rule->to);

    if (first == NULL)
        return false;
    for (const struct out *kid = first->up->first; kid != NULL; kid = kid->next)
        if (kid->shape == first->shape && !kid->dead &&
            text_eq(kid_text(kid, "type"), kid_text(first, "type")) &&
            text_eq(kid_text(kid, "script"), script) &&
            same_folded(kid_text(kid, "Surname"), parts->part[NAME_SURNAME]) &&
            same_folded(kid_text(kid, "Given"), parts->part[NAME_GIVEN]) &&
            (parts->part[NAME_PATRONYMIC] == NULL ||
             same_folded(kid_text(kid, "Patronymic"), parts->part[NAME_PATRONYMIC])))
            return true;
    return false;
}

static void name_put(struct run *run, const struct rule *rule, struct place *dst,
                     struct parts *parts)
{
    const struct name_options *options = rule->options;
    const char *script = options->script;
    struct out *name;

    for (int i = 0; i < NAME_PARTS; i++)
        if (parts->part[i] != NULL)
            parts->part[i] = clean(run, rule, parts->field, parts->part[i]);
    if (script == NULL)
        script = script_found(parts);
    if (known(run, rule, dst, parts, script))
        return;
    name = out_make(run, place_node(run, dst), rule->to, true);
    for (int i = 0; i < NAME_PARTS; i++)
        if (parts->part[i] != NULL) {
            const struct shape *shape =
                shape_kid(name->shape, name_part_name((enum name_part)i), false);
            struct out *part = out_new(run, shape, name);

            part->value = parts->part[i];
        }
    out_attr(run, name, "type",
             kid_text(name, "type") == NULL ? "legal" : kid_text(name, "type"));
    out_attr(run, name, "script", script);
    out_attr(run, name, "source", options->source);
    if (options->lang != NULL && (options->script != NULL || text_eq(script, "Cyrl")))
        out_attr(run, name, "lang", options->lang);
}

static void name_read(struct run *run, const struct rule *rule, xmlNode *src,
                      struct place *dst)
{
    struct parts parts = { 0 };

    if (read_parts(run, rule, src, &parts)) {
        name_put(run, rule, dst, &parts);
        return;
    }
    if (rule->required)
        report_problem(run, rule, parts.field == NULL ? src : parts.field, "E-MISSING",
                       "write the name", "a name is needed and there is none");
}

static void name_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *text, struct place *dst)
{
    struct parts parts = { .field = field };

    read_line(run, rule, text, &parts);
    name_put(run, rule, dst, &parts);
}

/* --- writing ----------------------------------------------------------------------------- */

struct variants {
    struct run *run;
    const struct name_options *options;
    xmlNode *best;
    size_t rank;
};

static bool variant_see(void *ctx, xmlNode *node)
{
    struct variants *v = ctx;
    size_t rank = v->options->prefer_count;

    for (size_t i = 0; i < v->options->prefer_count; i++) {
        const struct preference *p = &v->options->prefer[i];

        if ((p->script == NULL || text_eq(node_attr(node, "script"), p->script)) &&
            (p->lang == NULL || text_eq(node_attr(node, "lang"), p->lang))) {
            rank = i;
            break;
        }
    }
    if (v->best == NULL || rank < v->rank) {
        v->best = node;
        v->rank = rank;
    }
    return true;
}

static const char *transliterated(struct run *run, const struct rule *rule, xmlNode *node,
                                  xmlNode *name, const char *text)
{
    AUTO(buf_free) struct buf out = BUF_SECRET_INIT(4096);
    const char *lang = node_attr(name, "lang");
    enum translit how;

    if (script_of(text) == SCRIPT_LATIN || script_of(text) == SCRIPT_NONE)
        return text;
    if (!translit_for(lang == NULL ? "ru" : lang, &how) ||
        !name_transliterate(text, how, &out))
        return NULL;
    report_loss(run, rule, LOSS_NORMALISED, node, NULL, text, buf_str(&out),
                "written in Latin letters by the rule of the state that wrote the name");
    return arena_dup(&run->arena, buf_str(&out), out.len);
}

static const char *part_say(struct run *run, const struct rule *rule, xmlNode *name,
                            enum name_part part)
{
    const struct name_options *options = rule->options;
    AUTO(buf_free) struct buf plain = BUF_SECRET_INIT(4096);
    xmlNode *node = NULL;
    const char *text;

    for (xmlNode *kid = xml_first(name); kid != NULL; kid = xml_next(kid))
        if (text_eq((const char *)kid->name, name_part_name(part)))
            node = kid;
    text = node_text(run, node);
    if (text != NULL && options->transliterate)
        text = transliterated(run, rule, node, name, text);
    if (text != NULL && options->plain) {
        bool fits = name_plain_latin(text, &plain);

        if (!fits || plain.len == 0) {
            node->_private = NULL; /* not said here */
            return NULL;
        }
        if (!text_eq(buf_str(&plain), text))
            report_loss(run, rule, LOSS_NORMALISED, node, NULL, text, buf_str(&plain),
                        "the field holds the letters A to Z only");
        text = arena_dup(&run->arena, buf_str(&plain), plain.len);
    }
    return text;
}

static const char *line_say(struct run *run, const struct rule *rule, xmlNode *name)
{
    const struct name_options *options = rule->options;
    AUTO(buf_free) struct buf line = BUF_SECRET_INIT(4096);

    for (size_t i = 0; i < options->order_count; i++) {
        const char *text = part_say(run, rule, name, options->order[i]);

        if (text != NULL)
            buf_addf(&line, "%s%s", line.len == 0 ? "" : " ", text);
    }
    if (line.len == 0)
        for (xmlNode *kid = xml_first(name); kid != NULL; kid = xml_next(kid))
            if (text_eq((const char *)kid->name, "Full")) {
                const char *text = node_text(run, kid);

                buf_adds(&line, text == NULL ? "" : text);
            }
    return line.len == 0 ? NULL : arena_dup(&run->arena, buf_str(&line), line.len);
}

static xmlNode *variant(struct run *run, const struct rule *rule, xmlNode *src)
{
    struct variants v = { .run = run, .options = rule->options };

    if (src != NULL)
        trail_each(run, src, rule->to, variant_see, &v);
    if (v.best != NULL && v.options->script != NULL && !v.options->transliterate &&
        !text_eq(node_attr(v.best, "script"), v.options->script))
        return NULL; /* the field is for that script only */
    return v.best;
}

static const char *name_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    struct variants v = { .run = run, .options = rule->options };

    (void)dst;
    for (xmlNode *n = node; n != NULL; n = n->next) /* the chosen one of its siblings */
        if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, node->name) &&
            text_eq(node_attr(n, "type"), node_attr(node, "type")))
            variant_see(&v, n);
    return line_say(run, rule, v.best);
}

/* A Ukrainian spelling in the Russian field is better than none, but it is not Russian. */
static bool other_language(const struct name_options *options, const xmlNode *name)
{
    const char *lang = node_attr(name, "lang");

    return lang != NULL && options->lang != NULL && !text_eq(lang, options->lang) &&
           text_eq(node_attr(name, "script"), "Cyrl");
}

static void name_write(struct run *run, const struct rule *rule, xmlNode *src,
                       struct place *dst)
{
    const struct name_options *options = rule->options;
    xmlNode *name = variant(run, rule, src);
    const char *line = NULL;

    for (int i = 0; name != NULL && i < NAME_PARTS; i++) {
        const char *text = options->parts[i] == NULL
                               ? NULL
                               : part_say(run, rule, name, (enum name_part)i);

        if (text != NULL)
            emit(run, rule, name, dst, options->parts[i], text, options->parts[i]->shape);
    }
    if (name != NULL)
        node_seen(name);
    if (name != NULL && other_language(options, name))
        report_loss(run, rule, LOSS_RECODED, name, NULL, node_attr(name, "lang"),
                    options->lang, "the field is for a spelling of another language");
    if (options->line == NULL)
        return;
    if (name != NULL)
        line = line_say(run, rule, name);
    if (line == NULL)
        line = rule->fallback;
    if (line != NULL)
        emit(run, rule, name, dst, options->line, line, options->line->shape);
}

const struct kind kind_name = { .name = "name",
                                .keys = name_keys,
                                .parse = name_parse,
                                .check = name_check,
                                .writes = name_writes,
                                .read = name_read,
                                .write = name_write,
                                .take = name_take,
                                .say = name_say,
                                .no_at = true };
