/*
 * kind_code.c - values of code lists, countries and languages, and the wording beside a code.
 *
 * The canonical element keeps the code in @code, and where the schema lets it the national value in
 * @national and @country, so that a form that gets its own code back writes it as it was. Every value that
 * has another extent than the code is a loss with both codes.
 *
 * A value that the form says in several fields (`also`) is looked at first, in both directions. At the end
 * of writing each such code is looked at again: had the other fields come out by chance as the form
 * would say the other code, that is reported as recoded.
 */
#include <string.h>

#include "base/err.h"
#include "mapping/mapping_private.h"
#include "model/country.h"
#include "model/name.h"

struct with {
    struct trail *path; /* NULL: a mark */
    const char *is;     /* NULL: presence */
    bool present;
    const char *mark, *note_id;
    const struct rule *note;
};

struct also {
    const char *national, *canonical;
    struct with *with;
    size_t with_count;
};

struct code_options {
    const char *list_name;
    const struct code_list *list;
    const char **words; /* national, canonical, national, ... */
    size_t word_count;
    struct also *also;
    size_t also_count;
    bool loose, label_of;
    enum {
        SPELL_LIST,
        SPELL_ALPHA2,
        SPELL_ALPHA3,
        SPELL_NUMERIC
    } spelling;
    const char *other; /* attribute that takes a word not in `words` */
    const char *of_id; /* kind label */
    const struct rule *of;
};

static const char *const code_keys[] = { "list",     "words", "loose",    "also",
                                         "label-of", "other", "spelling", NULL };

/* --- options ----------------------------------------------------------------------------- */

static void parse_words(struct compile *c, struct code_options *options,
                        const struct json_at *at)
{
    json_t *words = json_object_get(at->value, "words"), *value;
    const char *key;
    size_t n = 0;

    if (!json_is_object(words))
        return;
    options->words =
        arena_array(&c->map->arena, 2 * json_object_size(words), sizeof(char *));
    json_object_foreach (words, key, value)
        if (!json_is_comment(key) && json_is_string(value)) {
            options->words[n++] = arena_text(&c->map->arena, key);
            options->words[n++] = arena_text(&c->map->arena, json_string_value(value));
        }
    options->word_count = n / 2;
}

static void parse_with(struct compile *c, struct rule *rule, struct with *with,
                       const struct json_at *at)
{
    with->is = compile_text(c, at, "is");
    with->present = compile_flag(c, at, "present");
    with->mark = compile_text(c, at, "mark");
    with->note_id = compile_text(c, at, "in");
    if (with->mark == NULL)
        with->path = compile_path(c, at, "at", rule->id);
    if (with->mark == NULL && with->path == NULL)
        compile_error(c, at, rule->id, "E-OPTION",
                      "write \"at\" and \"is\", or \"mark\" and \"in\"",
                      "an entry of \"with\" names neither a field nor a mark");
    if (with->mark != NULL && with->note_id == NULL)
        compile_error(c, at, rule->id, "E-OPTION", "add \"in\": the id of the note rule",
                      "a mark needs the note in which it stands");
}

static void parse_also(struct compile *c, struct rule *rule, struct code_options *options,
                       const struct json_at *at)
{
    struct json_at list = json_member(at, "also");

    options->also_count = json_items(&list);
    options->also =
        arena_array(&c->map->arena, options->also_count, sizeof *options->also);
    for (size_t i = 0; i < options->also_count; i++) {
        struct json_at item = json_item(&list, i), with = json_member(&item, "with");
        struct also *also = &options->also[i];

        also->national = compile_text(c, &item, "national");
        also->canonical = compile_text(c, &item, "canonical");
        also->with_count = json_items(&with);
        also->with = arena_array(&c->map->arena, also->with_count, sizeof *also->with);
        if (also->national == NULL || also->canonical == NULL || also->with_count == 0)
            compile_error(c, &item, rule->id, "E-OPTION",
                          "write \"national\", \"canonical\" and \"with\"",
                          "an entry of \"also\" is not complete");
        for (size_t k = 0; k < also->with_count; k++) {
            struct json_at one = json_item(&with, k);

            parse_with(c, rule, &also->with[k], &one);
        }
    }
}

static bool code_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct code_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *spelling = compile_text(c, at, "spelling");

    options->list_name = rule->kind == &kind_country    ? "country"
                         : rule->kind == &kind_language ? "language"
                                                        : compile_text(c, at, "list");
    options->loose = compile_flag(c, at, "loose");
    options->label_of = compile_flag(c, at, "label-of");
    options->other = compile_text(c, at, "other");
    options->spelling = text_eq(spelling, "alpha-2")   ? SPELL_ALPHA2
                        : text_eq(spelling, "alpha-3") ? SPELL_ALPHA3
                        : text_eq(spelling, "numeric") ? SPELL_NUMERIC
                                                       : SPELL_LIST;
    parse_words(c, options, at);
    parse_also(c, rule, options, at);
    rule->options = options;
    if (options->list_name == NULL && options->word_count == 0) {
        compile_error(c, at, rule->id, "E-OPTION", "add \"list\" or \"words\"",
                      "a code needs a list of codes");
        return false;
    }
    return true;
}

static void check_list(struct compile *c, struct rule *rule, struct code_options *options,
                       const struct json_at *at)
{
    options->list = codes_list(c->map->codes, options->list_name);
    strlist_add(&c->used_lists, options->list_name);
    if (options->list == NULL) {
        compile_error(c, at, rule->id, "E-LIST",
                      "use the name of a file in mappings/lists",
                      "there is no code list \"%s\"", options->list_name);
        return;
    }
    if (options->word_count == 0 && options->spelling == SPELL_LIST &&
        !options->label_of && !code_list_speaks(options->list, c->map->country))
        compile_error(c, at, rule->id, "E-LIST",
                      "add the national values to the list, or write \"words\"",
                      "the list \"%s\" has no values of %s", options->list_name,
                      c->map->country);
}

/* Canonical codes named here exist. */
static void check_canonical(struct compile *c, struct rule *rule,
                            const struct code_options *options, const char *code,
                            const struct json_at *at)
{
    if (options->list != NULL && !text_empty(code) &&
        code_list_find(options->list, code) == NULL)
        compile_error(c, at, rule->id, "E-CODE", "use a code of the list",
                      "\"%s\" is no code of the list \"%s\"", code, options->list_name);
}

/* What the schema lets stand in the field and what the list knows must be the same values. */
static void check_values(struct compile *c, struct rule *rule,
                         const struct code_options *options, const struct json_at *at)
{
    const struct shape *field = rule->national;

    if (options->list == NULL || options->word_count > 0 || options->loose ||
        options->label_of || field == NULL || field->word_count == 0 ||
        rule->column != NULL)
        return;
    for (size_t i = 0; i < field->word_count; i++)
        if (!text_empty(field->words[i]) &&
            !text_eq(field->words[i], c->map->empty_word) &&
            code_in(options->list, c->map->country, field->words[i], false) == NULL)
            compile_error(c, at, rule->id, "E-CODE",
                          "add the value to the list, with what it means",
                          "the schema allows \"%s\" and the list \"%s\" does not know it",
                          field->words[i], options->list_name);
}

static void code_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct code_options *options = rule->options;

    if (options->list_name != NULL)
        check_list(c, rule, options, at);
    if (rule->canonical != NULL && rule->canonical->list != NULL &&
        options->list_name != NULL && !text_eq(rule->canonical->list, options->list_name))
        compile_error(c, at, rule->id, "E-LIST", "use the list of the canonical field",
                      "the canonical field holds codes of the list \"%s\", not \"%s\"",
                      rule->canonical->list, options->list_name);
    if (options->list == NULL && rule->canonical != NULL && rule->canonical->list != NULL)
        options->list = codes_list(c->map->codes, rule->canonical->list);
    for (size_t i = 0; i < options->word_count; i++)
        check_canonical(c, rule, options, options->words[2 * i + 1], at);
    for (size_t i = 0; i < options->also_count; i++) {
        struct also *also = &options->also[i];

        check_canonical(c, rule, options, also->canonical, at);
        for (size_t k = 0; k < also->with_count; k++) {
            if (also->with[k].path != NULL &&
                !compile_second(c, rule, also->with[k].path, false))
                compile_error(c, at, rule->id, "E-PATH", "look at the form's schema",
                              "the field \"%s\" of \"with\" leads nowhere",
                              also->with[k].path->text);
            if (also->with[k].note_id != NULL) {
                also->with[k].note = rule_by_id(c, also->with[k].note_id);
                if (also->with[k].note != NULL && also->with[k].note->kind == &kind_note)
                    note_expect(also->with[k].note, also->with[k].mark);
                else
                    compile_error(c, at, rule->id, "E-REFERENCE",
                                  "use the id of a note rule of this message",
                                  "there is no rule \"%s\"", also->with[k].note_id);
            }
        }
    }
    check_values(c, rule, options, at);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool with_holds(struct run *run, const struct also *also, xmlNode *src)
{
    for (size_t i = 0; i < also->with_count; i++) {
        const struct with *with = &also->with[i];
        xmlNode *node;
        const char *value;

        if (with->mark != NULL) {
            if (!note_has_mark(run, with->note, with->mark))
                return false;
            continue;
        }
        node = trail_first(run, src, with->path);
        value = node == NULL ? NULL : node_value(run, node);
        if (value != NULL && (*value == '\0' || (run->map->empty == EMPTY_WORD &&
                                                 text_eq(value, run->map->empty_word))))
            value = NULL;
        if (with->is != NULL ? !text_eq(value, with->is)
                             : (value != NULL) != with->present)
            return false;
    }
    return true;
}

static const char *word_in(const struct code_options *options, const char *text)
{
    AUTO(buf_free) struct buf folded = BUF_INIT(1024);

    for (size_t i = 0; i < options->word_count; i++)
        if (text_eq(options->words[2 * i], text))
            return options->words[2 * i + 1];
    if (!options->loose)
        return NULL;
    text_fold(text, &folded);
    for (size_t i = 0; i < options->word_count; i++) {
        AUTO(buf_free) struct buf word = BUF_INIT(1024);

        text_fold(options->words[2 * i], &word);
        if (text_eq(buf_str(&word), buf_str(&folded)))
            return options->words[2 * i + 1];
    }
    return NULL;
}

static const char *spelled_in(struct run *run, const struct code_options *options,
                              const char *text)
{
    const struct code *country;

    if (options->spelling == SPELL_LIST)
        return NULL;
    country = country_find(run->map->codes, text);
    if (country == NULL)
        return NULL;
    if (!text_eq(options->spelling == SPELL_ALPHA2   ? country->code
                 : options->spelling == SPELL_ALPHA3 ? country->alpha3
                                                     : country->numeric,
                 text))
        return NULL;
    return country->code;
}

static void unknown_code(struct run *run, const struct rule *rule, xmlNode *field,
                         const char *text)
{
    const struct code_options *options = rule->options;
    const struct code_in *twin =
        options->list == NULL ? NULL
                              : code_lookalike(options->list, run->map->country, text);

    report_loss(run, rule, LOSS_INVALID, field, options->list_name, text, NULL,
                "the value is not in the code list");
    if (twin != NULL)
        report_problem(run, rule, field, "E-CODE-HOMOGLYPH",
                       "type the letter again in the alphabet of the form",
                       "a letter only looks like the one of the code: %s is meant, with "
                       "letters of another alphabet it is another value",
                       twin->national);
    else
        report_problem(run, rule, field, "E-CODE-UNKNOWN",
                       "use a value of the list that the annex names",
                       "the value is not in the list \"%s\"",
                       options->list_name != NULL ? options->list_name : "of this field");
}

static const char *relation_text(enum code_relation relation)
{
    switch (relation) {
    case CODE_EXACT:
        return NULL;
    case CODE_BROADER:
        return "the national value is wider than the code";
    case CODE_NARROWER:
        return "the national value is tighter than the code";
    case CODE_OVERLAP:
        return "the national value and the code are only partly the same";
    }
    return NULL;
}

static void keep_code(struct run *run, const struct rule *rule, struct place *dst,
                      const char *code, const char *national, const struct code_in *in)
{
    const struct code_options *options = rule->options;
    struct out *element;

    if (rule->canonical->attr || shape_kid(rule->canonical, "code", true) == NULL) {
        put(run, rule, dst, rule->to, code);
        return;
    }
    element = out_make(run, place_node(run, dst), rule->to, rule->canonical->many);
    out_attr(run, element, "code", code);
    if (options->list != NULL && options->spelling == SPELL_LIST &&
        (options->word_count == 0 || options->loose) &&
        out_attr(run, element, "national", national) != NULL)
        out_attr(run, element, "country", run->map->country);
    if (in != NULL && in->set_name != NULL)
        out_attr(run, element, in->set_name, in->set_value);
}

static void code_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *raw, struct place *dst)
{
    const struct code_options *options = rule->options;
    struct str cut = str_trim(str_of(raw));
    const char *text = raw, *code = NULL;
    const struct code_in *in = NULL;

    if (cut.len != strlen(raw)) {
        text = arena_dup(&run->arena, cut.ptr, cut.len);
        report_loss(run, rule, LOSS_NORMALISED, field, options->list_name, raw, text,
                    "blanks around a code were left out");
    }
    for (size_t i = 0; i < options->also_count && code == NULL; i++)
        if (text_eq(options->also[i].national, text) &&
            with_holds(run, &options->also[i], run->scope))
            code = options->also[i].canonical;
    if (code == NULL)
        code = word_in(options, text);
    if (code == NULL && options->spelling != SPELL_LIST)
        code = spelled_in(run, options, text);
    if (code == NULL && options->list != NULL && options->word_count == 0 &&
        options->spelling == SPELL_LIST) {
        in = code_in(options->list, run->map->country, text, options->loose);
        code = in == NULL ? NULL : in->canonical;
    }
    if (code == NULL && options->other != NULL) {
        struct out *up = place_node(run, dst);

        out_attr(run, up, options->other, text);
        return;
    }
    if (code == NULL) {
        unknown_code(run, rule, field, text);
        return;
    }
    if (*code == '\0')
        return; /* a word that means nothing here */
    if (in != NULL && in->relation != CODE_EXACT)
        report_loss(run, rule, LOSS_RECODED, field, options->list_name, text, code,
                    relation_text(in->relation));
    keep_code(run, rule, dst, code, in == NULL ? text : in->national, in);
}

/* --- writing ----------------------------------------------------------------------------- */

static const char *word_out(const struct code_options *options, const char *code)
{
    for (size_t i = 0; i < options->word_count; i++)
        if (text_eq(options->words[2 * i + 1], code))
            return options->words[2 * i];
    return NULL;
}

static const char *spelled_out(struct run *run, const struct code_options *options,
                               const char *code)
{
    const struct code *country = country_find(run->map->codes, code);

    if (country == NULL)
        return NULL;
    return options->spelling == SPELL_ALPHA2   ? country->code
           : options->spelling == SPELL_ALPHA3 ? country->alpha3
                                               : country->numeric;
}

/* The word that came in, where several mean one code. */
static const char *own_word(const struct run *run, const struct code_options *options,
                            const xmlNode *node, const char *code)
{
    const char *national = node_attr(node, "national");

    if (!options->loose || national == NULL ||
        !text_eq(node_attr(node, "country"), run->map->country))
        return NULL;
    for (size_t i = 0; i < options->word_count; i++)
        if (text_eq(options->words[2 * i], national) &&
            text_eq(options->words[2 * i + 1], code))
            return options->words[2 * i];
    return NULL;
}

/* The country's own value that came in and comes back unchanged. */
static const char *original(struct run *run, const struct code_options *options,
                            const xmlNode *node, const char *code)
{
    const char *national = node_attr(node, "national");
    const struct code_in *in;

    if (national == NULL || options->list == NULL ||
        !text_eq(node_attr(node, "country"), run->map->country))
        return NULL;
    in = code_in(options->list, run->map->country, national, false);
    return in != NULL && text_eq(in->canonical, code) ? in->national : NULL;
}

static const char *loss_text(enum code_loss loss)
{
    switch (loss) {
    case CODE_LOSS_NONE:
        return NULL;
    case CODE_LOSS_BLURRED:
        return "the form's value covers more or less than the code";
    case CODE_LOSS_GENERALISED:
        return "the form has only the more general value";
    case CODE_LOSS_REPLACED:
        return "the form has no such value: the nearest one stands";
    case CODE_LOSS_MISSING:
        return "the form has no value for the code";
    }
    return NULL;
}

static const char *listed_out(struct run *run, const struct rule *rule, xmlNode *node,
                              const char *code)
{
    const struct code_options *options = rule->options;
    const struct code_out *out = code_out(options->list, run->map->country, code);

    if (out == NULL || out->national == NULL) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, node, options->list_name, code, NULL,
                    out != NULL && out->warning != NULL ? out->warning
                                                        : loss_text(CODE_LOSS_MISSING));
        return NULL;
    }
    if (out->loss != CODE_LOSS_NONE)
        report_loss(run, rule, LOSS_RECODED, node, options->list_name, code,
                    out->national,
                    out->warning != NULL ? out->warning : loss_text(out->loss));
    return out->national;
}

static const char *also_out(struct run *run, const struct rule *rule,
                            const struct also *also, struct place *dst)
{
    for (size_t i = 0; i < also->with_count; i++) {
        const struct with *with = &also->with[i];

        if (with->mark != NULL)
            note_mark(run, with->note, with->mark);
        else if (with->is != NULL)
            force(run, rule, with->path, dst, with->is);
    }
    return also->national;
}

static const char *label_out(struct run *run, const struct code_options *options,
                             const char *code)
{
    const struct code *found =
        options->list == NULL ? NULL : code_list_find(options->list, code);

    return found == NULL ? code : code_label(found, run->map->language);
}

static const char *code_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    const struct code_options *options = rule->options;
    const char *code, *national = NULL;

    node_seen(node);
    if (options->other != NULL && text_eq((const char *)node->name, options->other))
        return node_value(run, node); /* reached by `else`: the word as it came */
    code = node_is_attr(node) || shape_kid(rule->canonical, "code", true) == NULL
               ? node_value(run, node)
               : node_attr(node, "code");
    if (text_empty(code))
        return NULL;
    if (options->label_of)
        return label_out(run, options, code);
    for (size_t i = 0; i < options->also_count && national == NULL; i++)
        if (text_eq(options->also[i].canonical, code))
            national = also_out(run, rule, &options->also[i], dst);
    if (national == NULL && options->word_count > 0) {
        national = own_word(run, options, node, code);
        if (national == NULL)
            national = word_out(options, code);
        if (national == NULL)
            report_loss(run, rule, LOSS_NO_EQUIVALENT, node, options->list_name, code,
                        NULL, loss_text(CODE_LOSS_MISSING));
        return national;
    }
    if (national == NULL && options->spelling != SPELL_LIST) {
        national = spelled_out(run, options, code);
        if (national == NULL)
            report_loss(run, rule, LOSS_NO_EQUIVALENT, node, options->list_name, code,
                        NULL, loss_text(CODE_LOSS_MISSING));
        return national;
    }
    if (national == NULL)
        national = original(run, options, node, code);
    if (national == NULL)
        national = listed_out(run, rule, node, code);
    if (national != NULL && options->also_count > 0)
        pend(run, &run->settle, rule, node, dst, national, arena_text(&run->arena, code));
    return national;
}

/* Writing: do the other fields say another code now than the one that was meant? */
static bool written_with(struct run *run, const struct also *also, struct place *place)
{
    for (size_t i = 0; i < also->with_count; i++) {
        const struct with *with = &also->with[i];
        const struct out *up = place_peek(run, place), *out;

        if (with->mark != NULL)
            return false; /* marks are written by us alone */
        out = up == NULL && with->path->from == FROM_SCOPE
                  ? NULL
                  : out_find(run, up, with->path);
        if (with->is != NULL ? out == NULL || !text_eq(out->value, with->is)
                             : (out != NULL && out->value != NULL) != with->present)
            return false;
    }
    return true;
}

static void code_settle(struct run *run, const struct pending *p)
{
    const struct code_options *options = p->rule->options;

    for (size_t i = 0; i < options->also_count; i++) {
        const struct also *also = &options->also[i];

        if (text_eq(also->canonical, p->other) || !text_eq(also->national, p->text) ||
            !written_with(run, also, p->place))
            continue;
        report_loss(run, p->rule, LOSS_RECODED, p->src, options->list_name, p->other,
                    also->canonical,
                    "with the other fields as they are the form reads as the other code");
    }
}

const struct kind kind_code = { .name = "code",
                                .keys = code_keys,
                                .parse = code_parse,
                                .check = code_check,
                                .take = code_take,
                                .say = code_say,
                                .settle = code_settle };
const struct kind kind_country = { .name = "country",
                                   .keys = code_keys,
                                   .parse = code_parse,
                                   .check = code_check,
                                   .take = code_take,
                                   .say = code_say };
const struct kind kind_language = { .name = "language",
                                    .keys = code_keys,
                                    .parse = code_parse,
                                    .check = code_check,
                                    .take = code_take,
                                    .say = code_say };

/* --- the wording beside a code ----------------------------------------------------------- */

static const char *const label_keys[] = { "of", NULL };

static bool label_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct code_options *options = arena_alloc(&c->map->arena, sizeof *options);

    options->of_id = compile_text(c, at, "of");
    rule->options = options;
    if (options->of_id == NULL)
        compile_error(c, at, rule->id, "E-OPTION", "add \"of\": the id of the code rule",
                      "a label needs the code it explains");
    return options->of_id != NULL;
}

static void label_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct code_options *options = rule->options;

    options->of = rule_by_id(c, options->of_id);
    if (options->of == NULL || options->of->kind != &kind_code)
        compile_error(c, at, rule->id, "E-REFERENCE", "use the id of a code rule",
                      "\"%s\" is no code rule of this message", options->of_id);
}

static void label_read(struct run *run, const struct rule *rule, xmlNode *src,
                       struct place *dst)
{
    const struct code_options *options = rule->options;
    xmlNode *field = src == NULL ? NULL : trail_first(run, src, rule->at);
    const char *text = node_text(run, field);
    const struct out *up = place_peek(run, dst);
    struct out *code;

    if (text == NULL)
        return;
    code = up == NULL ? NULL : out_find(run, up, options->of->to);
    if (code == NULL || out_attr(run, code, "nationalText", text) == NULL)
        report_loss(run, rule, LOSS_NO_EQUIVALENT, field, NULL, text, NULL,
                    "there is no code that it would explain");
}

static void label_write(struct run *run, const struct rule *rule, xmlNode *src,
                        struct place *dst)
{
    const struct code_options *options = rule->options;
    const struct code_options *list = options->of->options;
    xmlNode *node = src == NULL ? NULL : trail_first(run, src, options->of->to);
    const struct out *up = place_peek(run, dst);
    const struct out *code = up == NULL ? NULL : out_find(run, up, options->of->at);
    const struct code_in *in;
    const char *text = NULL;

    if (node == NULL || code == NULL || code->value == NULL)
        return;
    in = list->list == NULL ? NULL
                            : code_in(list->list, run->map->country, code->value, false);
    if (text_eq(node_attr(node, "country"), run->map->country) &&
        text_eq(node_attr(node, "national"), code->value))
        text = node_attr(node, "nationalText");
    if (text_empty(text) && in != NULL)
        text = in->label;
    if (text_empty(text))
        return;
    emit(run, rule, node, dst, rule->at, text, rule->national);
}

const struct kind kind_label = { .name = "label",
                                 .keys = label_keys,
                                 .parse = label_parse,
                                 .check = label_check,
                                 .read = label_read,
                                 .write = label_write,
                                 .no_to = true };
