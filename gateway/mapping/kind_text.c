/*
 * kind_text.c - words as they stand: text, numbers of documents, whole numbers, telephones.
 *
 * A canonical element that knows @form and @field is an officer's own words: it gets both, so that the
 * agreement can give it a category. Several of them are written into one national field, joined.
 */
#include <string.h>

#include "base/utf8.h"
#include "mapping/mapping_private.h"
#include "model/name.h"

struct text_options {
    bool latin;
};

static const char *const text_keys[] = { "free", "letters", NULL };

static bool text_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct text_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *letters = compile_text(c, at, "letters");

    options->latin = text_eq(letters, "latin");
    if (letters != NULL && !options->latin)
        compile_error(c, at, rule->id, "E-OPTION", "write \"letters\": \"latin\"",
                      "letters knows only \"latin\"");
    rule->options = options;
    return true;
}

/* Text fields keep what was typed, without blanks around it. */
static const char *trimmed(struct run *run, const char *text)
{
    struct str cut = str_trim(str_of(text));

    return cut.len == strlen(text) ? text : arena_dup(&run->arena, cut.ptr, cut.len);
}

static void text_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *text, struct place *dst)
{
    size_t max = rule->canonical->max_len;
    struct out *out;

    (void)field;
    if (max > 0 && utf8_count(text) > max) {
        size_t cut = utf8_cut(text, max);

        report_loss(run, rule, LOSS_CUT, field, NULL, text, NULL,
                    "the text is longer than the canonical field");
        text = arena_dup(&run->arena, text, cut);
    }
    out = put(run, rule, dst, rule->to, trimmed(run, text));
    if (out_attr(run, out, "form", run->map->form) != NULL)
        out_attr(run, out, "field", field_name_of(run, rule));
}

static const char *latin(struct run *run, const struct rule *rule, xmlNode *node,
                         const char *text)
{
    AUTO(buf_free) struct buf out = BUF_SECRET_INIT(MAPPING_OUT_MAX);
    const char *lang = node_attr(node, "lang");
    enum translit how;

    if (script_of(text) != SCRIPT_CYRILLIC)
        return text;
    if (!translit_for(lang == NULL ? "ru" : lang, &how) ||
        !name_transliterate(text, how, &out))
        return text;
    report_loss(run, rule, LOSS_NORMALISED, node, NULL, text, buf_str(&out),
                "written in Latin letters");
    return arena_dup(&run->arena, buf_str(&out), out.len);
}

static const char *text_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    const struct text_options *options = rule->options;
    AUTO(buf_free) struct buf all = BUF_SECRET_INIT(MAPPING_OUT_MAX);
    const char *text = node_text(run, node);
    size_t texts = 0;

    (void)dst;
    if (text == NULL)
        return NULL;
    if (rule->canonical->many && !node_is_attr(node) &&
        shape_kid(rule->canonical, "form", true) != NULL) {
        for (xmlNode *n = node; n != NULL; n = n->next)
            if (n->type == XML_ELEMENT_NODE && xmlStrEqual(n->name, node->name)) {
                const char *more = node_text(run, n);

                if (more != NULL)
                    buf_addf(&all, "%s%s", texts++ == 0 ? "" : "; ", more);
            }
        if (texts > 1)
            text = arena_dup(&run->arena, buf_str(&all), all.len);
    }
    return options != NULL && options->latin ? latin(run, rule, node, text) : text;
}

const struct kind kind_text = { .name = "text",
                                .keys = text_keys,
                                .parse = text_parse,
                                .take = text_take,
                                .say = text_say };

/* --- numbers of documents ---------------------------------------------------------------- */

static void number_text_take(struct run *run, const struct rule *rule, xmlNode *field,
                             const char *text, struct place *dst)
{
    if (script_mixed_word(text))
        report_warning(run, rule, field, "W-HOMOGLYPH",
                       "compare the number with the document and type it again",
                       "Latin and Cyrillic letters stand in one word; they look alike");
    put(run, rule, dst, rule->to, trimmed(run, text));
}

static const char *plain_say(struct run *run, const struct rule *rule, xmlNode *node,
                             struct place *dst)
{
    (void)rule;
    (void)dst;
    return node_text(run, node);
}

const struct kind kind_number_text = { .name = "number-text",
                                       .take = number_text_take,
                                       .say = plain_say };

/* --- whole numbers ----------------------------------------------------------------------- */

static void number_take(struct run *run, const struct rule *rule, xmlNode *field,
                        const char *text, struct place *dst)
{
    const char *digits = trimmed(run, text);
    uint64_t number;

    if (!str_u64(str_of(digits), &number)) {
        report_problem(run, rule, field, "E-NUMBER", "write digits only",
                       "a whole number is expected here");
        return;
    }
    put(run, rule, dst, rule->to,
        arena_printf(&run->arena, "%llu", (unsigned long long)number));
}

const struct kind kind_number = { .name = "number",
                                  .take = number_take,
                                  .say = plain_say };

/* --- telephones -------------------------------------------------------------------------- */

static bool plausible(const char *text)
{
    size_t digits = 0;

    for (const char *c = text; *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9')
            digits++;
        else if (strchr("+ -()./", *c) == NULL)
            return false;
    }
    return digits >= 5 && digits <= 15; /* E.164 */
}

static void phone_take(struct run *run, const struct rule *rule, xmlNode *field,
                       const char *text, struct place *dst)
{
    if (!plausible(text))
        report_warning(run, rule, field, "W-PHONE",
                       "write the number with country code: +373 ...",
                       "this does not look like a telephone number");
    put(run, rule, dst, rule->to, trimmed(run, text));
}

const struct kind kind_phone = { .name = "phone", .take = phone_take, .say = plain_say };
