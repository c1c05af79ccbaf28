/*
 * kind_sentence.c - one text made of parts: "Lungu Ana, motra (mos kontakto)".
 *
 * Written: each part that has a value, with its `before` and `after`; with `for`, one piece per canonical
 * element, joined. Read only with "read": true: marks at the end first, then from left to right at each
 * part's `before`; a text that does not fit goes whole to the first part, with a finding, so that no word
 * is lost.
 */
#include <string.h>

#include "base/utf8.h"
#include "mapping/mapping_private.h"

struct sentence_options {
    struct trail *each; /* "for"; NULL: one piece */
    const char *join;
    bool read;
    const char
        *into_id; /* a note that takes the sentence instead of a field of its own */
    const struct rule *into;
    struct rules parts;
};

static const char *const sentence_keys[] = {
    "for", "join", "read", "parts", "into", NULL
};

static bool sentence_parse(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct sentence_options *options = arena_alloc(&c->map->arena, sizeof *options);
    struct json_at parts = json_member(at, "parts");

    rule->options = options;
    options->each = compile_path(c, at, "for", rule->id);
    options->join = compile_text(c, at, "join");
    options->read = compile_flag(c, at, "read");
    options->into_id = compile_text(c, at, "into");
    if (options->join == NULL)
        options->join = "; ";
    c->in_sentence = rule->id;
    compile_rules(c, &parts, &options->parts);
    c->in_sentence = NULL;
    if (options->parts.count == 0) {
        compile_error(c, at, rule->id, "E-OPTION", "add \"parts\"",
                      "a sentence is made of parts, and there is none");
        return false;
    }
    if (!options->read && (rule->ways & READING) != 0)
        compile_error(c, at, rule->id, "E-ONE-WAY",
                      "add \"only\": \"write\" and \"why\", or \"read\": true",
                      "a sentence without \"read\" can only be written");
    return true;
}

static void sentence_check(struct compile *c, struct rule *rule, const struct json_at *at)
{
    struct sentence_options *options = rule->options;
    const struct shape *base = c->canonical_base;

    if (options->into_id != NULL) {
        options->into = rule_by_id(c, options->into_id);
        if (options->into == NULL || options->into->kind != &kind_note)
            compile_error(c, at, rule->id, "E-REFERENCE",
                          "use the id of a note rule of this message",
                          "there is no note \"%s\"", options->into_id);
    } else if (rule->at == NULL) {
        compile_error(c, at, rule->id, "E-PATH", "add \"at\", or \"into\" with a note",
                      "the sentence has no field");
    }
    if (options->each != NULL) {
        if (!compile_second(c, rule, options->each, true)) {
            compile_error(c, at, rule->id, "E-PATH",
                          "look at mappings/canonical/referral-1.xsd",
                          "the canonical path \"%s\" leads nowhere", options->each->text);
            return;
        }
        base = options->each->shape;
    } else if (rule->to != NULL) {
        base = rule->to->shape;
    }
    for (size_t i = 0; i < options->parts.count; i++)
        compile_part(c, rule, options->parts.items[i], base);
}

/* --- writing ----------------------------------------------------------------------------- */

static const char *first_says(struct run *run, const struct rule *part, xmlNode *src,
                              struct place *dst)
{
    xmlNode *node = part->to == NULL ? src : trail_first(run, src, part->to);

    if (part->kind == &kind_constant)
        return constant_of(part);
    if (node == NULL)
        return NULL;
    return part->kind->say == NULL ? node_text(run, node)
                                   : part->kind->say(run, part, node, dst);
}

struct all {
    struct run *run;
    const struct rule *part;
    struct place *dst;
    struct buf text;
};

static bool all_see(void *ctx, xmlNode *node)
{
    struct all *all = ctx;
    const char *text = all->part->kind->say == NULL
                           ? node_text(all->run, node)
                           : all->part->kind->say(all->run, all->part, node, all->dst);

    if (!text_empty(text))
        buf_addf(&all->text, "%s%s", all->text.len == 0 ? "" : all->part->all, text);
    return true;
}

/* Every element that fits, with the part's `all` between them. */
static const char *part_says(struct run *run, const struct rule *part, xmlNode *src,
                             struct place *dst)
{
    struct all all = { run, part, dst, BUF_SECRET_INIT(MAPPING_OUT_MAX) };
    const char *text;

    if (part->all == NULL || part->to == NULL || part->kind == &kind_text)
        return first_says(run, part, src, dst);
    trail_each(run, src, part->to, all_see, &all);
    text = all.text.len == 0 ? NULL
                             : arena_dup(&run->arena, buf_str(&all.text), all.text.len);
    buf_free(&all.text);
    return text;
}

static void piece_add(struct run *run, const struct sentence_options *options,
                      xmlNode *src, struct place *dst, struct buf *out)
{
    for (size_t i = 0; i < options->parts.count; i++) {
        const struct rule *part = options->parts.items[i];
        const char *text;

        if (part->when != NULL && !cond_holds(run, part->when, src, dst))
            continue;
        text = part_says(run, part, src, dst);
        if (text_empty(text))
            continue;
        if (out->len > 0 || part->kind == &kind_constant || i == 0)
            buf_adds(out, part->before);
        buf_adds(out, text);
        buf_adds(out, part->after);
    }
}

struct pieces {
    struct run *run;
    const struct sentence_options *options;
    struct place *dst;
    struct buf text;
    const struct rule *rule;
    size_t room; /* characters; of a `whole` sentence, whose pieces are never cut */
};

static bool piece_see(void *ctx, xmlNode *node)
{
    struct pieces *pieces = ctx;
    AUTO(buf_free) struct buf piece = BUF_SECRET_INIT(MAPPING_OUT_MAX);

    piece_add(pieces->run, pieces->options, node, pieces->dst, &piece);
    if (utf8_count(buf_str(&pieces->text)) + utf8_count(buf_str(&piece)) +
            utf8_count(pieces->options->join) >
        pieces->room) {
        report_loss(pieces->run, pieces->rule, LOSS_NO_EQUIVALENT, node, NULL,
                    buf_str(&piece), NULL, "the form has no room for this one");
        return true;
    }
    if (piece.len > 0)
        buf_addf(&pieces->text, "%s%s",
                 pieces->text.len == 0 ? "" : pieces->options->join, buf_str(&piece));
    return true;
}

/* A line of its own in the note; when it has no room, that is a loss of the whole sentence. */
static void write_into(struct run *run, const struct rule *rule, xmlNode *src,
                       const struct buf *text)
{
    const struct sentence_options *options = rule->options;
    const char *line, *fitted;

    if (text->len == 0)
        return;
    line = arena_dup(&run->arena, buf_str(text), text->len);
    fitted = note_letters(run, rule, src, line);
    if (fitted == NULL)
        return;
    if (utf8_count(fitted) <= note_room(run, options->into)) {
        note_extra(run, options->into, fitted);
        return;
    }
    run->failed_field = true;
    report_loss(run, rule, LOSS_CUT, src, NULL, line, NULL,
                "the form's free text has no room for it");
}

/* What a list of pieces may fill: the field, and the note that takes the rest. */
static size_t room_of(struct run *run, const struct rule *rule)
{
    const struct sentence_options *options = rule->options;
    size_t max = rule->max > 0            ? rule->max
                 : rule->national != NULL ? rule->national->max_len
                                          : 0;
    size_t label = (rule->label == NULL ? 0 : utf8_count(rule->label)) + 8, more;

    if (options->each == NULL || !rule->whole || max == 0)
        return SIZE_MAX;
    more = rule->overflow == NULL ? 0 : note_room(run, rule->overflow);
    if (more > label)
        more = max / 2 + more - label; /* the field may end at a blank, early */
    return more > max ? more : max;
}

static void sentence_write(struct run *run, const struct rule *rule, xmlNode *src,
                           struct place *dst)
{
    const struct sentence_options *options = rule->options;
    struct pieces pieces = { .run = run,
                             .options = options,
                             .dst = dst,
                             .text = BUF_SECRET_INIT(MAPPING_OUT_MAX),
                             .rule = rule,
                             .room = room_of(run, rule) };

    if (rule->to != NULL && src != NULL)
        src = trail_first(run, src, rule->to);
    if (src != NULL && options->each != NULL)
        trail_each(run, src, options->each, piece_see, &pieces);
    else if (src != NULL)
        piece_see(&pieces, src);
    if (options->into_id != NULL)
        write_into(run, rule, src, &pieces.text);
    else if (pieces.text.len > 0)
        emit(run, rule, src, dst, rule->at,
             arena_dup(&run->arena, buf_str(&pieces.text), pieces.text.len),
             rule->national);
    else if (rule->fallback != NULL)
        emit(run, rule, NULL, dst, rule->at, rule->fallback, rule->national);
    buf_free(&pieces.text);
}

/* --- reading ----------------------------------------------------------------------------- */

static bool ends(struct str text, const char *suffix)
{
    size_t len = strlen(suffix);

    return text.len >= len && memcmp(text.ptr + text.len - len, suffix, len) == 0;
}

static const char *find_in(struct str text, const char *word)
{
    return word == NULL || *word == '\0' || text.len < strlen(word)
               ? NULL
               : memmem(text.ptr, text.len, word, strlen(word));
}

/* Yes or no words at the end ("(mos kontakto)"): taken first, whatever stands before them. */
static void take_ends(struct run *run, const struct sentence_options *options,
                      xmlNode *field, struct str *text, struct place *dst)
{
    for (size_t i = options->parts.count; i-- > 1;) {
        const struct rule *part = options->parts.items[i];
        const char *word = NULL;

        if (part->kind != &kind_yes_no)
            continue;
        for (int yes = 0; yes < 2 && word == NULL; yes++) {
            const char *one = flag_word(part, yes == 1);

            if (one != NULL && ends(*text, one))
                word = one;
        }
        if (word == NULL)
            continue;
        text->len -= strlen(word);
        *text = str_trim(*text);
        part->kind->take(run, part, field, word, dst);
    }
}

static void sentence_take(struct run *run, const struct rule *rule, xmlNode *field,
                          const char *raw, struct place *dst)
{
    const struct sentence_options *options = rule->options;
    struct str text = str_trim(str_of(raw));
    size_t at = 0;

    take_ends(run, options, field, &text, dst);
    while (at < options->parts.count && text.len > 0) {
        const struct rule *part = options->parts.items[at];
        struct str own = text, rest = { NULL, 0 };
        size_t next = at + 1;

        for (; next < options->parts.count; next++) {
            const struct rule *following = options->parts.items[next];
            const char *cut =
                following->kind == &kind_yes_no ? NULL : find_in(text, following->before);

            if (cut == NULL)
                continue;
            own.len = (size_t)(cut - text.ptr);
            rest.ptr = cut + strlen(following->before);
            rest.len = text.len - own.len - strlen(following->before);
            break;
        }
        own = str_trim(own);
        if (part->after != NULL && ends(own, part->after))
            own.len -= strlen(part->after);
        if (own.len > 0 && part->kind->take != NULL && part->to != NULL)
            part->kind->take(run, part, field, arena_dup(&run->arena, own.ptr, own.len),
                             dst);
        if (rest.ptr == NULL)
            return;
        text = rest;
        at = next;
    }
}

static void sentence_read(struct run *run, const struct rule *rule, xmlNode *src,
                          struct place *dst)
{
    const struct sentence_options *options = rule->options;
    xmlNode *field = src == NULL ? NULL : trail_first(run, src, rule->at);
    const char *text = node_text(run, field);
    struct place *place = dst;

    if (text == NULL || text_eq(text, rule->fallback) || !options->read)
        return;
    if (rule->to != NULL) {
        place = arena_alloc(&run->arena, sizeof *place);
        *place = (struct place){ .up = dst, .path = rule->to };
    }
    sentence_take(run, rule, field, text, place);
}

const struct kind kind_sentence = { .name = "sentence",
                                    .keys = sentence_keys,
                                    .parse = sentence_parse,
                                    .check = sentence_check,
                                    .read = sentence_read,
                                    .write = sentence_write,
                                    .no_to = true };
