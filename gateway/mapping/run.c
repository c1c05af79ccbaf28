/*
 * run.c - one translation: rules in order, scopes, repeated elements, columns, lists, and rules that stand
 * or fall together.
 *
 * Writing has three turns: the rules; then values that another rule forced (MD: a critical risk makes the
 * urgency U); then notes, which collect what had no room elsewhere.
 */
#include <string.h>

#include "base/utf8.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"

static void take_back(struct out *out)
{
    for (struct out *kid = out->first; kid != NULL; kid = kid->next)
        take_back(kid);
    out->dead = true;
}

/* --- one rule ---------------------------------------------------------------------------- */

static void leaf_read(struct run *run, const struct rule *rule, xmlNode *src,
                      struct place *dst)
{
    xmlNode *field;
    const char *text;

    if (rule->kind->read != NULL) {
        rule->kind->read(run, rule, src, dst);
        return;
    }
    field = rule->at == NULL || src == NULL ? NULL : trail_first(run, src, rule->at);
    text = node_text(run, field);
    if (text != NULL && text_eq(text, rule->fallback))
        return;
    if (text == NULL) {
        if (rule->required)
            report_problem(run, rule, field == NULL ? src : field, "E-MISSING",
                           "fill in the field", "a value is needed and there is none");
        return;
    }
    run->scope = src;
    if (rule->kind->take != NULL && rule->to != NULL)
        rule->kind->take(run, rule, field, text, dst);
}

/* The canonical nodes a rule may speak of: of `to`, then of `else`; the first that can be said. */
struct saying {
    struct run *run;
    const struct rule *rule;
    struct place *dst;
    xmlNode *node;
    const char *text;
    bool must_fit; /* `whole`, and another path may fit better */
};

static bool saying_see(void *ctx, xmlNode *node)
{
    struct saying *s = ctx;
    size_t max = s->rule->max > 0 ? s->rule->max : s->rule->national->max_len;
    const char *text = s->rule->kind->say == NULL
                           ? node_text(s->run, node)
                           : s->rule->kind->say(s->run, s->rule, node, s->dst);

    if (text == NULL || (s->must_fit && max > 0 && utf8_count(text) > max))
        return true;
    s->text = text;
    s->node = node;
    return false;
}

static void leaf_says(struct saying *s, xmlNode *src)
{
    for (size_t i = 0; i <= s->rule->other_count && s->text == NULL; i++) {
        const struct trail *path = i == 0 ? s->rule->to : s->rule->others[i - 1];

        s->must_fit = s->rule->whole && i < s->rule->other_count;
        if (path != NULL && src != NULL)
            trail_each(s->run, src, path, saying_see, s);
    }
}

static void leaf_write(struct run *run, const struct rule *rule, xmlNode *src,
                       struct place *dst)
{
    struct saying s = { .run = run, .rule = rule, .dst = dst };

    if (rule->kind->write != NULL) {
        rule->kind->write(run, rule, src, dst);
        return;
    }
    leaf_says(&s, src);
    if (context_value(run, rule->context) != NULL)
        s.text = context_value(run, rule->context);
    if (s.text == NULL)
        s.text = rule->fallback;
    if (s.text == NULL)
        s.text = rule->otherwise;
    if (s.text != NULL)
        emit(run, rule, s.node, dst, rule->at, s.text, rule->national);
}

static void scope_run(struct run *run, const struct rule *rule, xmlNode *src,
                      struct place *dst)
{
    const struct trail *from = run->way == READING ? rule->at : rule->to;
    const struct trail *into = run->way == READING ? rule->to : rule->at;
    struct place *place = arena_alloc(&run->arena, sizeof *place);

    if (from != NULL)
        src =
            src == NULL && from->from == FROM_SCOPE ? NULL : trail_first(run, src, from);
    *place = (struct place){ .up = dst, .path = into };
    for (size_t i = 0; run->way == WRITING && i < rule->always_count; i++)
        if (text_eq(rule->always[i], run->msg->kind))
            place_node(run, place)->keep = true;
    run_rules(run, &rule->rules, src, place);
}

struct each {
    struct run *run;
    const struct rule *rule;
    struct place *dst;
    size_t count, max;
    struct buf joined; /* of `split`, writing */
};

static const struct rule *rule_of_item(const struct rule *each)
{
    return each->rules.count > 0 ? each->rules.items[0] : each;
}

static void scrap_keep(struct run *run, xmlNode *node)
{
    struct scrap *scrap = arena_alloc(&run->arena, sizeof *scrap);

    *scrap = (struct scrap){ .next = run->scraps, .node = node };
    run->scraps = scrap;
}

void scraps_free(struct run *run)
{
    for (struct scrap *scrap = run->scraps; scrap != NULL; scrap = scrap->next) {
        scrap->node->parent = NULL;
        xml_node_free(&scrap->node);
    }
    run->scraps = NULL;
}

/* Item of a comma list: a node of its own, so that rules see "." as usual. */
static void each_split(struct each *e, xmlNode *node)
{
    const char *text = node_text(e->run, node);
    struct str rest = str_of(text), item;

    while (text != NULL && str_next(&rest, e->rule->split[0], &item)) {
        struct place *place = arena_alloc(&e->run->arena, sizeof *place);
        xmlNode *one;

        item = str_trim(item);
        if (item.len == 0)
            continue;
        one = xmlNewDocNode(e->run->doc, NULL, node->name, NULL);
        one->line = node->line;
        xmlAddChild(
            one, xmlNewDocTextLen(e->run->doc, (const xmlChar *)item.ptr, (int)item.len));
        one->parent = node->parent;
        *place = (struct place){ .up = e->dst, .path = e->rule->to, .fresh = true };
        run_rules(e->run, &e->rule->rules, one, place);
        scrap_keep(e->run, one); /* its text is borrowed until the end */
        e->count++;
    }
}

static bool each_read(void *ctx, xmlNode *node)
{
    struct each *e = ctx;
    struct place *place;

    if (e->rule->split != NULL) {
        each_split(e, node);
        return !e->run->too_large;
    }
    if (e->max > 0 && e->count >= e->max) {
        report_problem(
            e->run, rule_of_item(e->rule), node, "E-TOO-MANY",
            "leave out what is least important, or send it with another message",
            "over %zu of these cannot be sent", e->max);
        return false;
    }
    if ((node->extra & JSON_EMPTY_LIST) != 0) {
        node_seen(node);
        if (!e->rule->at->shape->required)
            report_loss(e->run, e->rule, LOSS_NO_EQUIVALENT, node, NULL, NULL, NULL,
                        "the list says: asked, and there is none");
        return true;
    }
    place = arena_alloc(&e->run->arena, sizeof *place);
    *place = (struct place){ .up = e->dst, .path = e->rule->to, .fresh = true };
    run_rules(e->run, &e->rule->rules, node, place);
    e->count++;
    return !e->run->too_large;
}

static bool joined_fits(const struct each *e, const char *item)
{
    size_t max = e->rule->at->shape->max_len;
    const char *sep = e->rule->join == NULL ? e->rule->split : e->rule->join;

    return max == 0 || utf8_count(buf_str(&e->joined)) +
                               (e->joined.len > 0 ? utf8_count(sep) : 0) +
                               utf8_count(item) <=
                           max;
}

/* Several codes may become one value; a form lists it once. */
static void same_again(struct run *run, const struct rule *rule, xmlNode *node)
{
    report_loss(run, rule_of_item(rule), LOSS_NARROWED, node, NULL, NULL, NULL,
                "this has become a value that stands in the list already");
}

static bool stands_already(const struct out *out)
{
    for (const struct out *kid = out->up->first; kid != NULL; kid = kid->next)
        if (kid != out && !kid->dead && kid->shape == out->shape && kid->first == NULL &&
            text_eq(kid->value, out->value))
            return true;
    return false;
}

static bool in_joined(const struct each *e, const char *item)
{
    const char *sep = e->rule->join == NULL ? e->rule->split : e->rule->join;
    size_t len = strlen(item), sep_len = strlen(sep);

    for (const char *at = buf_str(&e->joined); at != NULL;) {
        const char *next = strstr(at, sep);

        if ((next == NULL ? strlen(at) : (size_t)(next - at)) == len &&
            strncmp(at, item, len) == 0)
            return true;
        at = next == NULL ? NULL : next + sep_len;
    }
    return false;
}

/* A comma list is written in one place: each item is a scratch element whose value is joined. */
static void each_join(struct each *e, xmlNode *node)
{
    struct out *scratch = arena_alloc(&e->run->arena, sizeof *scratch);
    struct place *place = arena_alloc(&e->run->arena, sizeof *place);

    scratch->shape = e->rule->at->shape;
    *place = (struct place){ .node = scratch };
    run_rules(e->run, &e->rule->rules, node, place);
    if (scratch->value == NULL)
        return;
    if (strchr(scratch->value, e->rule->split[0]) != NULL) {
        report_loss(e->run, rule_of_item(e->rule), LOSS_NO_EQUIVALENT, node, NULL,
                    scratch->value, NULL,
                    "it holds the character that divides the items of the list");
        return;
    }
    if (!joined_fits(e, scratch->value)) {
        report_loss(e->run, rule_of_item(e->rule), LOSS_CUT, node, NULL, scratch->value,
                    NULL, "the list has no room for it");
        return;
    }
    if (in_joined(e, scratch->value)) {
        same_again(e->run, e->rule, node);
        return;
    }
    if (e->joined.len > 0)
        buf_adds(&e->joined, e->rule->join == NULL ? e->rule->split : e->rule->join);
    buf_adds(&e->joined, scratch->value);
}

static bool each_write(void *ctx, xmlNode *node)
{
    struct each *e = ctx;
    struct place *place;

    if (e->rule->split != NULL) {
        each_join(e, node);
        return true;
    }
    if (e->max > 0 && e->count >= e->max)
        return true; /* cover.c reports what has no room */
    place = arena_alloc(&e->run->arena, sizeof *place);
    *place = (struct place){ .up = e->dst, .path = e->rule->at, .fresh = true };
    e->run->item_lost = false;
    run_rules(e->run, &e->rule->rules, node, place);
    if (place->node == NULL)
        return !e->run->too_large;
    if (e->run->item_lost) { /* its heart is missing: nothing of it stands */
        take_back(place->node);
        return true;
    }
    if (place->node->value != NULL && place->node->first == NULL &&
        stands_already(place->node)) {
        take_back(place->node);
        same_again(e->run, e->rule, node);
    } else {
        e->count++;
    }
    return !e->run->too_large;
}

static void each_run(struct run *run, const struct rule *rule, xmlNode *src,
                     struct place *dst)
{
    struct each e = { .run = run, .rule = rule, .dst = dst };

    if (src == NULL)
        return;
    if (run->way == READING) {
        e.max = rule->to->shape->max_occurs;
        trail_each(run, src, rule->at, each_read, &e);
        return;
    }
    e.joined = (struct buf)BUF_SECRET_INIT(MAPPING_OUT_MAX);
    if (rule->at->count > 1 || rule->at->steps[0].type == STEP_CHILD)
        e.max = rule->at->shape->max_occurs;
    trail_each(run, src, rule->to, each_write, &e);
    if (e.joined.len > 0) {
        struct out *list = out_make(run, place_node(run, dst), rule->at, false);

        if (list->value == NULL)
            list->value = arena_dup(&run->arena, buf_str(&e.joined), e.joined.len);
    }
    buf_free(&e.joined);
}

struct columns {
    struct run *run;
    const struct rule *rule;
    struct place *dst;
    size_t at;
};

static const char *column_value(const struct columns *c, const struct out *up, size_t set,
                                size_t leaf)
{
    const struct rule *rule = c->rule->sets[set].items[leaf];
    const struct out *out = rule->type != RULE_LEAF || rule->at == NULL
                                ? NULL
                                : out_find(c->run, up, rule->at);

    return out == NULL ? NULL : out->value;
}

static bool same_column(const struct columns *c, const struct out *up, size_t a, size_t b)
{
    for (size_t i = 0; i < c->rule->sets[a].count; i++)
        if (!text_eq(column_value(c, up, a, i), column_value(c, up, b, i)))
            return false;
    return true;
}

/* The values of this column stand in one before: they are taken back. */
static bool column_again(const struct columns *c)
{
    const struct rules *set = &c->rule->sets[c->at];
    const struct out *up = place_peek(c->run, c->dst);
    size_t same = c->at;

    for (size_t i = 0; i < set->count; i++)
        if (set->items[i]->type != RULE_LEAF)
            return false;
    for (size_t i = 0; up != NULL && i < c->at && same == c->at; i++)
        if (same_column(c, up, i, c->at))
            same = i;
    if (same == c->at)
        return false;
    for (size_t i = 0; i < set->count; i++) {
        /* a field that all columns share stays */
        struct out *out =
            set->items[i]->at == NULL || text_eq(set->items[i]->at->text,
                                                 c->rule->sets[same].items[i]->at->text)
                ? NULL
                : out_find(c->run, up, set->items[i]->at);

        if (out != NULL)
            take_back(out);
    }
    return true;
}

static const char *code_of(struct run *run, const xmlNode *node)
{
    const char *code = node_attr(node, "code");

    return code != NULL ? code : xml_first(node) == NULL ? node_value(run, node) : NULL;
}

static bool columns_write(void *ctx, xmlNode *node)
{
    struct columns *c = ctx;
    size_t before = c->run->nodes;
    const struct rules *set;

    if (c->at >= c->rule->set_count) {
        set = &c->rule->sets[0];
        report_loss(c->run, set->count == 0 ? c->rule : set->items[0], LOSS_CUT, node,
                    NULL, code_of(c->run, node), NULL,
                    "the form has no further column for it");
        node_seen_all(node);
        return true;
    }
    set = &c->rule->sets[c->at];
    run_rules(c->run, set, node, c->dst);
    if (c->run->nodes == before)
        return true;
    if (column_again(c))
        report_loss(c->run, set->items[0], LOSS_NARROWED, node, NULL,
                    code_of(c->run, node), NULL,
                    "this has become a value that stands in a column already");
    else
        c->at++; /* something was written: the column is used */
    return true;
}

static void columns_run(struct run *run, const struct rule *rule, xmlNode *src,
                        struct place *dst)
{
    if (run->way == WRITING) {
        struct columns c = { run, rule, dst, 0 };

        if (src != NULL)
            trail_each(run, src, rule->to, columns_write, &c);
        return;
    }
    for (size_t i = 0; i < rule->set_count; i++) {
        struct place *place = arena_alloc(&run->arena, sizeof *place);

        *place = (struct place){ .up = dst, .path = rule->to, .fresh = true };
        run_rules(run, &rule->sets[i], src, place);
    }
}

/* --- together ---------------------------------------------------------------------------- */

static void lose_group(struct run *run, const struct rules *rules, size_t from,
                       const char *word, xmlNode *src)
{
    for (size_t i = from; i < rules->count; i++) {
        const struct rule *rule = rules->items[i];
        xmlNode *node;

        if (rule->type != RULE_LEAF || !text_eq(rule->together, word) ||
            rule->to == NULL || src == NULL)
            continue;
        node = trail_first(run, src, rule->to);
        if (node == NULL)
            continue;
        node_seen(node);
        report_loss(
            run, rule, LOSS_NO_EQUIVALENT, node, NULL, node_value(run, node), NULL,
            "these fields go together or not at all, and one of them has no room");
    }
}

static void rule_run(struct run *run, const struct rule *rule, xmlNode *src,
                     struct place *dst);

/* What notes had been given before a group was tried. */
struct notes_kept {
    struct note_state *first;
    struct {
        size_t marks, extras, used;
    } of[16];
};

static size_t length(const struct mark *list)
{
    size_t n = 0;

    for (; list != NULL; list = list->next)
        n++;
    return n;
}

static void shorten(struct mark **list, size_t to)
{
    while (*list != NULL && to-- > 0)
        list = &(*list)->next;
    *list = NULL;
}

static void notes_keep(const struct run *run, struct notes_kept *kept)
{
    size_t i = 0;

    kept->first = run->notes;
    for (const struct note_state *n = run->notes; n != NULL && i < COUNT_OF(kept->of);
         n = n->next, i++) {
        kept->of[i].marks = length(n->marks);
        kept->of[i].extras = length(n->extras);
        kept->of[i].used = n->used;
    }
}

/* New notes stand in front of the list: they are forgotten. */
static void notes_restore(struct run *run, const struct notes_kept *kept)
{
    size_t i = 0;

    run->notes = kept->first;
    for (struct note_state *n = run->notes; n != NULL && i < COUNT_OF(kept->of);
         n = n->next, i++) {
        shorten(&n->marks, kept->of[i].marks);
        shorten(&n->extras, kept->of[i].extras);
        n->used = kept->of[i].used;
    }
}

/* All rules of one `together`: written to a scratch element first, kept only when all of them fit. */
static void group_run(struct run *run, const struct rules *rules, size_t from,
                      xmlNode *src, struct place *dst)
{
    const char *word = rules->items[from]->together;
    struct notes_kept kept;
    struct out *parent;
    bool failed_before = run->failed_field;

    notes_keep(run, &kept);
    parent = place_peek(run, dst);
    run->failed_field = false;
    for (size_t i = from; i < rules->count; i++)
        if (rules->items[i]->type == RULE_LEAF &&
            text_eq(rules->items[i]->together, word))
            rule_run(run, rules->items[i], src, dst);
    if (run->failed_field) {
        struct out *made = place_peek(run, dst);

        if (made != NULL && parent == NULL) {
            take_back(made);
        } else if (made != NULL) {
            for (size_t i = from; i < rules->count; i++) {
                const struct rule *rule = rules->items[i];
                struct out *out = rule->type == RULE_LEAF && rule->at != NULL &&
                                          text_eq(rule->together, word)
                                      ? out_find(run, made, rule->at)
                                      : NULL;

                if (out != NULL)
                    take_back(out);
            }
        }
        notes_restore(run, &kept);
        lose_group(run, rules, from, word, src);
    }
    run->failed_field = failed_before;
}

static bool first_of_group(const struct rules *rules, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (rules->items[i]->type == RULE_LEAF &&
            text_eq(rules->items[i]->together, rules->items[at]->together))
            return false;
    return true;
}

/* --- rules ------------------------------------------------------------------------------- */

static void rule_run(struct run *run, const struct rule *rule, xmlNode *src,
                     struct place *dst)
{
    if ((rule->ways & run->way) == 0)
        return;
    if (rule->when != NULL && !cond_holds(run, rule->when, src, dst))
        return;
    switch (rule->type) {
    case RULE_LEAF:
        if (run->way == READING)
            leaf_read(run, rule, src, dst);
        else
            leaf_write(run, rule, src, dst);
        return;
    case RULE_SCOPE:
        scope_run(run, rule, src, dst);
        return;
    case RULE_EACH:
        each_run(run, rule, src, dst);
        return;
    case RULE_COLUMNS:
        columns_run(run, rule, src, dst);
        return;
    }
}

void run_rules(struct run *run, const struct rules *rules, xmlNode *src,
               struct place *dst)
{
    for (size_t i = 0; i < rules->count && !run->too_large; i++) {
        const struct rule *rule = rules->items[i];

        if (run->way == WRITING && rule->type == RULE_LEAF && rule->together != NULL) {
            if (first_of_group(rules, i))
                group_run(run, rules, i, src, dst);
            continue;
        }
        rule_run(run, rule, src, dst);
    }
}
