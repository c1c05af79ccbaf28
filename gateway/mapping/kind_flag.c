/*
 * kind_flag.c - yes and no, in the form's words ("да"/"нет", "po"/"jo", true/false).
 */
#include "mapping/mapping_private.h"

struct flag_options {
    const char **yes, **no;
    size_t yes_count, no_count;
};

static const char *const flag_keys[] = { "yes", "no", NULL };

static bool flag_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    static const char *yes[] = { "true", "1" };
    static const char *no[] = { "false", "0" };
    struct flag_options *options = arena_alloc(&c->map->arena, sizeof *options);

    options->yes_count = compile_texts(c, at, "yes", &options->yes);
    options->no_count = compile_texts(c, at, "no", &options->no);
    if (options->yes_count == 0 && options->no_count == 0) {
        options->yes = yes;
        options->no = no;
        options->yes_count = options->no_count = 2;
    }
    rule->options = options;
    return true;
}

const char *flag_word(const struct rule *rule, bool yes)
{
    const struct flag_options *options = rule->options;

    if (yes)
        return options->yes_count > 0 ? options->yes[0] : NULL;
    return options->no_count > 0 ? options->no[0] : NULL;
}

static bool among(const char *const *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (text_eq(words[i], text))
            return true;
    return false;
}

static void flag_take(struct run *run, const struct rule *rule, xmlNode *field,
                      const char *text, struct place *dst)
{
    const struct flag_options *options = rule->options;

    if (among(options->yes, options->yes_count, text))
        put(run, rule, dst, rule->to, "true");
    else if (among(options->no, options->no_count, text))
        put(run, rule, dst, rule->to, "false");
    else
        report_problem(run, rule, field, "E-CODE-UNKNOWN", "write one of the two words",
                       "only \"%s\" or \"%s\" may stand here",
                       options->yes_count > 0 ? options->yes[0] : "",
                       options->no_count > 0 ? options->no[0] : "");
}

static const char *flag_say(struct run *run, const struct rule *rule, xmlNode *node,
                            struct place *dst)
{
    const struct flag_options *options = rule->options;
    const char *text = node_text(run, node);
    bool yes = text_eq(text, "true") || text_eq(text, "1");

    (void)dst;
    if (text == NULL)
        return NULL;
    if (yes)
        return options->yes_count > 0 ? options->yes[0] : NULL;
    return options->no_count > 0 ? options->no[0] : NULL;
}

const struct kind kind_yes_no = { .name = "yes-no",
                                  .keys = flag_keys,
                                  .parse = flag_parse,
                                  .take = flag_take,
                                  .say = flag_say };
