/*
 * kind_note.c - the form's free text field, and all that has to find room in it.
 *
 * Writing collects in this order: marks ("VETEM VITI": words that belong to another field), overflow of
 * other rules (contact instructions that were too long), then the notes themselves. Marks and overflow are
 * never cut: room is kept for every mark the note may get, and overflow is only accepted when it fits.
 * Notes without room are cut and reported.
 */
#include <string.h>

#include "base/utf8.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"

struct note_options {
    const char *join;
    struct trail
        *collect[24]; /* further texts that have no field of their own; written only */
    size_t collect_count;
    bool repeat;
    const char
        *marks[16]; /* words other rules may put in front; filled while compiling */
    size_t mark_count;
    size_t reserve; /* characters kept for them */
};

static const char *const note_keys[] = { "join", "repeat", "collect", NULL };

static bool note_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct note_options *options = arena_alloc(&c->map->arena, sizeof *options);
    const char **texts, *why = "";
    size_t count;

    options->join = compile_text(c, at, "join");
    options->repeat = compile_flag(c, at, "repeat");
    if (options->join == NULL)
        options->join = "\n";
    rule->options = options;
    count = compile_texts(c, at, "collect", &texts);
    for (size_t i = 0; i < count && i < COUNT_OF(options->collect); i++) {
        options->collect[i] = trail_parse(&c->map->arena, c->map->names, texts[i], &why);
        if (options->collect[i] == NULL)
            compile_error(c, at, rule->id, "E-PATH", NULL, "\"collect\": %s", why);
        else
            options->collect_count = i + 1;
    }
    return true;
}

static void note_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    const struct note_options *options = rule->options;

    for (size_t i = 0; i < options->collect_count; i++)
        if (!compile_second(c, rule, options->collect[i], true))
            compile_error(
                c, at, rule->id, "E-PATH", "look at mappings/canonical/referral-1.xsd",
                "\"%s\" of \"collect\" leads nowhere", options->collect[i]->text);
}

bool note_collects(const struct rule *rule, const char *path)
{
    const struct note_options *options = rule->options;

    for (size_t i = 0; rule->kind == &kind_note && i < options->collect_count; i++) {
        AUTO(buf_free) struct buf plain = BUF_INIT(1024);

        trail_plain(options->collect[i], &plain);
        if (text_eq(buf_str(&plain), path))
            return true;
    }
    return false;
}

void note_expect(const struct rule *note, const char *mark)
{
    struct note_options *options = note->options;

    for (size_t i = 0; i < options->mark_count; i++)
        if (text_eq(options->marks[i], mark))
            return;
    if (options->mark_count < COUNT_OF(options->marks)) {
        options->marks[options->mark_count++] = mark;
        options->reserve += utf8_count(mark) + 2;
    }
}

/* --- reading ----------------------------------------------------------------------------- */

static const char *after_mark(const char *text, const char *mark)
{
    size_t len = strlen(mark);

    if (strncmp(text, mark, len) != 0 ||
        (text[len] != '\0' && strchr(" .,;:\r\n\t-", text[len]) == NULL))
        return NULL;
    text += len;
    return text + strspn(text, " .,;:\r\n\t");
}

static const char *find_mark(const struct note_options *options, const char *text,
                             const char *mark, const char **ret_rest)
{
    const char *found = NULL;
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < options->mark_count && !more; i++) {
            const char *rest = after_mark(text, options->marks[i]);

            if (rest == NULL)
                continue;
            if (text_eq(options->marks[i], mark))
                found = rest;
            text = rest;
            more = true;
        }
    }
    *ret_rest = text;
    return found;
}

bool note_has_mark(struct run *run, const struct rule *note, const char *mark)
{
    xmlNode *field = run->root == NULL ? NULL : trail_first(run, run->root, note->at);
    const char *rest;

    return field != NULL &&
           find_mark(note->options, node_value(run, field), mark, &rest) != NULL;
}

static void note_put(struct run *run, const struct rule *rule, xmlNode *field,
                     struct place *dst)
{
    const char *text = node_text(run, field), *rest;
    size_t max = rule->canonical->max_len;
    struct out *note;

    if (text == NULL)
        return;
    find_mark(rule->options, text, NULL, &rest);
    if (*rest == '\0')
        return;
    if (max > 0 && utf8_count(rest) > max) {
        report_loss(run, rule, LOSS_CUT, field, NULL, rest, NULL,
                    "the text is longer than the canonical note");
        rest = arena_dup(&run->arena, rest, utf8_cut(rest, max));
    }
    note = out_make(run, place_node(run, dst), rule->to, true);
    note->value = rest;
    if (out_attr(run, note, "form", run->map->form) != NULL)
        out_attr(run, note, "field", field_name_of(run, rule));
}

struct note_each {
    struct run *run;
    const struct rule *rule;
    struct place *dst;
};

static bool note_see(void *ctx, xmlNode *node)
{
    struct note_each *each = ctx;

    note_put(each->run, each->rule, node, each->dst);
    return true;
}

static void note_read(struct run *run, const struct rule *rule, xmlNode *src,
                      struct place *dst)
{
    struct note_each each = { run, rule, dst };

    if (src != NULL)
        trail_each(run, src, rule->at, note_see, &each);
}

/* --- writing ----------------------------------------------------------------------------- */

static struct note_state *state_of(struct run *run, const struct rule *note)
{
    struct note_state *state;

    for (state = run->notes; state != NULL; state = state->next)
        if (state->rule == note)
            return state;
    state = arena_alloc(&run->arena, sizeof *state);
    state->rule = note;
    state->next = run->notes;
    run->notes = state;
    return state;
}

static size_t max_of(const struct rule *note)
{
    return note->max > 0 ? note->max : note->national->max_len;
}

size_t note_room(struct run *run, const struct rule *note)
{
    const struct note_options *options = note->options;
    const struct note_state *state = state_of(run, note);
    size_t max = max_of(note), taken = options->reserve + state->used;

    if (max == 0)
        return MAPPING_OUT_MAX;
    if (options->repeat)
        return max > options->reserve ? max - options->reserve : 0;
    return max > taken ? max - taken : 0;
}

static void text_add(struct run *run, struct mark **list, const char *text)
{
    struct mark *mark = arena_alloc(&run->arena, sizeof *mark);

    while (*list != NULL)
        list = &(*list)->next;
    mark->text = text;
    *list = mark;
}

void note_mark(struct run *run, const struct rule *note, const char *text)
{
    struct note_state *state = state_of(run, note);

    for (const struct mark *m = state->marks; m != NULL; m = m->next)
        if (text_eq(m->text, text))
            return;
    text_add(run, &state->marks, text);
}

void note_extra(struct run *run, const struct rule *note, const char *text)
{
    struct note_state *state = state_of(run, note);
    const struct note_options *options = note->options;

    text_add(run, &state->extras, text);
    state->used += utf8_count(text) + utf8_count(options->join);
}

static void note_write(struct run *run, const struct rule *rule, xmlNode *src,
                       struct place *dst)
{
    pend(run, &run->notes_due, rule, src, dst, NULL, NULL);
}

/* Text so far, in pieces that each fit the field. */
struct filling {
    struct run *run;
    const struct rule *rule;
    struct place *dst;
    const char *join;
    size_t max;
    struct buf text;
    size_t written;
    bool full; /* nothing more fits, and the field is not repeated */
};

static void flush(struct filling *f)
{
    const struct note_options *options = f->rule->options;
    struct out *out;

    if (f->text.len == 0)
        return;
    out = out_make(f->run, place_node(f->run, f->dst), f->rule->at,
                   options->repeat || f->rule->national->many);
    out->value = arena_dup(&f->run->arena, buf_str(&f->text), f->text.len);
    f->written++;
    buf_clear(&f->text);
}

static bool may_flush(const struct filling *f)
{
    const struct note_options *options = f->rule->options;
    size_t limit = f->rule->national->max_occurs;

    return options->repeat && (limit == 0 || f->written + 1 < limit);
}

/* False: it did not fit whole (what fits of it has been added when `cut` is set). */
static bool fill(struct filling *f, const char *text, const char *join, bool cut)
{
    for (;;) {
        size_t join_len = f->text.len == 0 ? 0 : utf8_count(join);
        size_t used = utf8_count(buf_str(&f->text)) + join_len;
        size_t room = f->max == 0 ? SIZE_MAX : used < f->max ? f->max - used : 0;

        if (utf8_count(text) <= room) {
            buf_addf(&f->text, "%s%s", f->text.len == 0 ? "" : join, text);
            return true;
        }
        if (may_flush(f)) {
            if (f->text.len > 0) {
                flush(f);
                continue;
            }
            buf_add(&f->text, text, utf8_cut(text, room));
            text += utf8_cut(text, room);
            flush(f);
            continue;
        }
        if (cut && room > 1) {
            size_t part = utf8_cut(text, room);

            buf_addf(&f->text, "%s%.*s", f->text.len == 0 ? "" : join, (int)part, text);
        }
        f->full = true;
        return false;
    }
}

static bool note_collect(void *ctx, xmlNode *node)
{
    struct filling *f = ctx;
    const char *text, *fitted;

    if (node_was_seen(node))
        return true;
    text = node_text(f->run, node);
    if (text == NULL)
        return true;
    fitted = note_letters(f->run, f->rule, node, text);
    if (fitted == NULL)
        return true;
    if (f->full || !fill(f, fitted, f->join, true))
        report_loss(f->run, f->rule, LOSS_CUT, node, NULL, text, NULL,
                    "the form's free text has no room for it");
    return true;
}

static void note_settle(struct run *run, const struct pending *p)
{
    const struct note_options *options = p->rule->options;
    const struct note_state *state = state_of(run, p->rule);
    struct filling f = { .run = run,
                         .rule = p->rule,
                         .dst = p->place,
                         .join = options->join,
                         .max = max_of(p->rule),
                         .text = BUF_SECRET_INIT(MAPPING_OUT_MAX) };

    for (const struct mark *m = state->marks; m != NULL; m = m->next)
        fill(&f, m->text, " ", false);
    for (const struct mark *m = state->extras; m != NULL; m = m->next)
        fill(&f, m->text,
             state->marks != NULL && m == state->extras ? ". " : options->join, false);
    for (size_t i = 0; p->src != NULL && i < options->collect_count; i++)
        trail_each(run, p->src, options->collect[i], note_collect, &f);
    if (p->src != NULL)
        trail_each(run, p->src, p->rule->to, note_collect, &f);
    flush(&f);
    buf_free(&f.text);
}

const struct kind kind_note = { .name = "note",
                                .keys = note_keys,
                                .parse = note_parse,
                                .check = note_check,
                                .read = note_read,
                                .write = note_write,
                                .settle = note_settle };
