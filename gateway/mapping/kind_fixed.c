/*
 * kind_fixed.c - what no person writes: constants, values from outside, the number of a column.
 */
#include "mapping/mapping_private.h"

struct fixed_options {
    const char *value;
};

static const char *const fixed_keys[] = { "value", NULL };

static bool fixed_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct fixed_options *options = arena_alloc(&c->map->arena, sizeof *options);

    options->value = compile_text(c, at, "value");
    rule->options = options;
    if (options->value == NULL)
        compile_error(c, at, rule->id, "E-OPTION", "add \"value\"",
                      "the kind \"%s\" needs a value", rule->kind->name);
    return options->value != NULL;
}

const char *constant_of(const struct rule *rule)
{
    const struct fixed_options *options = rule->options;

    return options->value;
}

/* Reading uses the field up (the schema has checked it); `to` may keep it. */
static void constant_read(struct run *run, const struct rule *rule, xmlNode *src,
                          struct place *dst)
{
    const struct fixed_options *options = rule->options;
    xmlNode *field =
        rule->at == NULL || src == NULL ? NULL : trail_first(run, src, rule->at);

    if (field != NULL)
        node_seen(field);
    if (rule->to != NULL && (field != NULL || rule->at == NULL))
        put(run, rule, dst, rule->to, options->value);
}

static void constant_write(struct run *run, const struct rule *rule, xmlNode *src,
                           struct place *dst)
{
    const struct fixed_options *options = rule->options;
    xmlNode *node;

    if (rule->at != NULL) {
        emit(run, rule, NULL, dst, rule->at, options->value, rule->national);
        return;
    }
    node = rule->to == NULL || src == NULL ? NULL : trail_first(run, src, rule->to);
    if (node != NULL && text_eq(node_value(run, node), options->value))
        node_seen(node); /* what the form takes for granted is said by it */
}

const struct kind kind_constant = { .name = "constant",
                                    .keys = fixed_keys,
                                    .parse = fixed_parse,
                                    .read = constant_read,
                                    .write = constant_write,
                                    .no_to = true,
                                    .no_at = true };

static void context_read(struct run *run, const struct rule *rule, xmlNode *src,
                         struct place *dst)
{
    xmlNode *field =
        rule->at == NULL || src == NULL ? NULL : trail_first(run, src, rule->at);

    (void)dst;
    if (field != NULL)
        node_seen(field);
}

static void context_write(struct run *run, const struct rule *rule, xmlNode *src,
                          struct place *dst)
{
    const struct fixed_options *options = rule->options;
    const char *text = context_value(run, options->value);

    (void)src;
    if (text == NULL)
        text = rule->fallback;
    if (text != NULL)
        emit(run, rule, NULL, dst, rule->at, text, rule->national);
}

const struct kind kind_context = { .name = "context",
                                   .keys = fixed_keys,
                                   .parse = fixed_parse,
                                   .read = context_read,
                                   .write = context_write,
                                   .no_to = true };

static void column_read(struct run *run, const struct rule *rule, xmlNode *src,
                        struct place *dst)
{
    xmlNode *field;

    /* Only a column that is used has a number. */
    if (rule->at != NULL) {
        field = src == NULL ? NULL : trail_first(run, src, rule->at);
        if (node_text(run, field) == NULL)
            return;
    }
    put(run, rule, dst, rule->to, rule->column);
}

static bool column_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    if (rule->column == NULL)
        compile_error(c, at, rule->id, "E-OPTION", "use it inside \"columns\"",
                      "a column has no number here");
    return rule->column != NULL;
}

static void nothing(struct run *run, const struct rule *rule, xmlNode *src,
                    struct place *dst)
{
    (void)dst;
    if (src != NULL && rule->to != NULL) {
        xmlNode *node = trail_first(run, src, rule->to);

        if (node != NULL)
            node_seen(node);
    }
}

const struct kind kind_column = { .name = "column",
                                  .parse = column_parse,
                                  .read = column_read,
                                  .write = nothing,
                                  .no_at = true };
