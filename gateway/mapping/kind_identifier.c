/*
 * kind_identifier.c - personal numbers: kept as typed, their check worked out, never corrected.
 *
 * A wrong check digit is an error where the annex says so (a warning where the algorithm is not
 * published); letters of the other alphabet and a birth date that contradicts the number are warnings.
 */
#include <string.h>

#include "base/err.h"
#include "mapping/mapping_private.h"
#include "model/ident.h"

struct identifier_options {
    const char *scheme;   /* fixed; NULL: `from` or `schemes` */
    const char **schemes; /* the first whose form and check fit, else the last */
    size_t scheme_count;
    struct trail *from;  /* canonical, from the same scope: where the scheme stands */
    struct trail *birth; /* canonical, from the message */
    bool warning;
};

static const char *const identifier_keys[] = { "scheme", "from", "check", "birth", NULL };

static bool identifier_parse(struct compile *c, struct rule *rule,
                             const struct json_at *at)
{
    struct identifier_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char *check = compile_text(c, at, "check");

    if (json_is_array(json_object_get(at->value, "scheme")))
        options->scheme_count = compile_texts(c, at, "scheme", &options->schemes);
    else
        options->scheme = compile_text(c, at, "scheme");
    options->from = compile_path(c, at, "from", rule->id);
    options->birth = compile_path(c, at, "birth", rule->id);
    options->warning = text_eq(check, "warning");
    rule->options = options;
    if (options->scheme == NULL && options->from == NULL && options->scheme_count == 0) {
        compile_error(c, at, rule->id, "E-OPTION", "add \"scheme\" or \"from\"",
                      "an identifier needs to know what number it is");
        return false;
    }
    if (check != NULL && !options->warning && !text_eq(check, "error")) {
        compile_error(c, at, rule->id, "E-OPTION", "write \"error\" or \"warning\"",
                      "\"%s\" is no way to judge a check digit", check);
        return false;
    }
    return true;
}

static void check_scheme(struct compile *c, struct rule *rule, const char *scheme,
                         const struct json_at *at)
{
    if (scheme != NULL && ident_scheme_find(scheme) == IDENT_OTHER &&
        !text_eq(scheme, "OTHER"))
        compile_error(c, at, rule->id, "E-OPTION",
                      "use BY-IN, IDNP, RNOKPP, UNZR, NID or OTHER",
                      "there is no number scheme \"%s\"", scheme);
}

static void identifier_check(struct compile *c, struct rule *rule,
                             const struct json_at *at)
{
    struct identifier_options *options = rule->options;

    check_scheme(c, rule, options->scheme, at);
    for (size_t i = 0; i < options->scheme_count; i++)
        check_scheme(c, rule, options->schemes[i], at);
    if (options->from != NULL && !compile_second(c, rule, options->from, true))
        compile_error(c, at, rule->id, "E-PATH", "write \"@scheme\"",
                      "the canonical path of the scheme leads nowhere");
    if (options->birth != NULL && !compile_second(c, NULL, options->birth, true))
        compile_error(c, at, rule->id, "E-PATH", "write \"/Person/BirthDate\"",
                      "the canonical path of the birth date leads nowhere");
}

static const char *scheme_of(struct run *run, const struct identifier_options *options,
                             struct place *dst)
{
    const struct out *up = place_peek(run, dst), *out;

    if (options->scheme != NULL)
        return options->scheme;
    out = up == NULL ? NULL : out_find(run, up, options->from);
    return out == NULL ? NULL : out->value;
}

/* A field that does not say which number it holds: forms of the schemes exclude each other. */
static const char *scheme_that_fits(const struct identifier_options *options,
                                    const char *number)
{
    for (size_t i = 0; i < options->scheme_count; i++) {
        enum ident_scheme scheme = ident_scheme_find(options->schemes[i]);
        struct ident_facts facts = { 0 };

        ident_examine(scheme, number, &facts);
        if (scheme != IDENT_OTHER && facts.check == IDENT_OK)
            return options->schemes[i];
    }
    return options->schemes[options->scheme_count - 1];
}

static void judge(struct run *run, const struct rule *rule, xmlNode *field,
                  const struct ident_facts *facts, enum ident_scheme scheme)
{
    const struct identifier_options *options = rule->options;
    bool soft = options->warning || !ident_scheme_strict(scheme);

    if (facts->homoglyphs)
        report_warning(run, rule, field, "W-HOMOGLYPH",
                       "type the number again in Latin letters",
                       "Cyrillic letters stand where Latin ones belong; they look alike");
    if (facts->check == IDENT_FORM)
        report_problem(run, rule, field, soft ? "W-NUMBER" : "E-NUMBER",
                       "compare the number with the document",
                       "this is not the form of a number %s", ident_scheme_name(scheme));
    if (facts->check == IDENT_FAILED && soft)
        report_warning(run, rule, field, "W-CHECK-DIGIT",
                       "compare the number with the document",
                       "the check character does not fit the number");
    if (facts->check == IDENT_FAILED && !soft)
        report_problem(run, rule, field, "E-CHECK-DIGIT",
                       "compare the number with the document, a digit is wrong",
                       "the check digit does not fit the number");
}

static void identifier_take(struct run *run, const struct rule *rule, xmlNode *field,
                            const char *text, struct place *dst)
{
    const struct identifier_options *options = rule->options;
    struct str cut = str_trim(str_of(text));
    const char *number = arena_dup(&run->arena, cut.ptr, cut.len);
    const char *name = options->scheme_count > 0 ? scheme_that_fits(options, number)
                                                 : scheme_of(run, options, dst);
    enum ident_scheme scheme = name == NULL ? IDENT_OTHER : ident_scheme_find(name);
    struct ident_facts facts = { 0 };
    struct out *out;

    ident_examine(scheme, number, &facts);
    judge(run, rule, field, &facts, scheme);
    out = put(run, rule, dst, rule->to, number);
    if (options->scheme != NULL || options->scheme_count > 0)
        out_attr(run, out, "scheme", name);
    if (scheme != IDENT_OTHER && options->scheme != NULL)
        out_attr(run, out, "country", ident_scheme_country(scheme));
    out_attr(run, out, "check", ident_check_name(facts.check));
    if (facts.has_birth && options->birth != NULL)
        pend(run, &run->settle, rule, field, dst, number, name);
}

/* The birth date may stand behind the number: looked at when all is read. */
static void identifier_settle(struct run *run, const struct pending *p)
{
    const struct identifier_options *options = p->rule->options;
    const struct out *birth = out_find(run, run->out_top, options->birth);
    struct ident_facts facts = { 0 };
    struct date date;
    struct err err;

    if (birth == NULL || birth->value == NULL ||
        !date_parse_canonical(birth->value, &date, &err))
        return;
    ident_examine(ident_scheme_find(p->other), p->text, &facts);
    if (ident_contradicts_birth(&facts, date))
        report_warning(run, p->rule, p->src, "W-NUMBER-DATE",
                       "compare both with the document; neither is corrected",
                       "the birth date and the one in the number are different");
}

static const char *identifier_say(struct run *run, const struct rule *rule, xmlNode *node,
                                  struct place *dst)
{
    const struct identifier_options *options = rule->options;
    const char *number = node_text(run, node);
    struct ident_facts facts = { 0 };

    (void)dst;
    if (number == NULL || options->scheme == NULL)
        return number;
    ident_examine(ident_scheme_find(options->scheme), number, &facts);
    if (facts.check != IDENT_FORM)
        return number;
    report_loss(run, rule, LOSS_NO_EQUIVALENT, node, NULL, number, NULL,
                "it has not the form of the numbers that stand in this field");
    return NULL;
}

const struct kind kind_identifier = { .name = "identifier",
                                      .keys = identifier_keys,
                                      .parse = identifier_parse,
                                      .check = identifier_check,
                                      .take = identifier_take,
                                      .say = identifier_say,
                                      .settle = identifier_settle };
