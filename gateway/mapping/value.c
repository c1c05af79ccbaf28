/*
 * value.c - what every kind is made of: reading a field, putting a canonical value, writing a text that
 * must fit the form's letters and length.
 *
 * Source nodes that a rule has used are marked in their _private field; what is left unmarked at the end
 * is a loss (cover.c). Marks are cleared before the call returns.
 */
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "format/charset.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"
#include "model/name.h"

#define SEEN ((void *)1)

/* --- nodes ------------------------------------------------------------------------------- */

bool node_is_attr(const xmlNode *node)
{
    return node->type == XML_ATTRIBUTE_NODE;
}

void node_seen(xmlNode *node)
{
    node->_private = SEEN;
}

void node_seen_all(xmlNode *node)
{
    node->_private = SEEN;
    if (node->type != XML_ELEMENT_NODE)
        return;
    for (xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        attr->_private = SEEN;
    for (xmlNode *kid = node->children; kid != NULL; kid = kid->next)
        if (kid->type == XML_ELEMENT_NODE)
            node_seen_all(kid);
}

bool node_was_seen(const xmlNode *node)
{
    return node->_private != NULL;
}

/* The text of an attribute or a leaf element; several pieces are joined. */
const char *node_value(struct run *run, const xmlNode *node)
{
    const xmlNode *kids = node->children;
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(MAPPING_OUT_MAX);

    if (kids == NULL)
        return "";
    if (kids->next == NULL &&
        (kids->type == XML_TEXT_NODE || kids->type == XML_CDATA_SECTION_NODE))
        return kids->content == NULL ? "" : (const char *)kids->content;
    for (const xmlNode *kid = kids; kid != NULL; kid = kid->next)
        if ((kid->type == XML_TEXT_NODE || kid->type == XML_CDATA_SECTION_NODE) &&
            kid->content != NULL)
            buf_adds(&text, (const char *)kid->content);
    return arena_dup(&run->arena, buf_str(&text), text.len);
}

const char *node_attr(const xmlNode *node, const char *name)
{
    if (node->type != XML_ELEMENT_NODE)
        return NULL;
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (strcmp((const char *)attr->name, name) == 0)
            return attr->children == NULL ? "" : (const char *)attr->children->content;
    return NULL;
}

bool value_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static bool is_nil(const xmlNode *node)
{
    const char *nil = node_attr(node, "nil");

    return nil != NULL && (text_eq(nil, "true") || text_eq(nil, "1"));
}

/* NULL: absent, or written in the form's way of saying "no data". Marks the field as seen. */
const char *node_text(struct run *run, xmlNode *node)
{
    const char *text;

    if (node == NULL)
        return NULL;
    node_seen(node);
    text = node_value(run, node);
    if (value_blank(text))
        return NULL;
    if (run->way == READING && run->map->empty == EMPTY_NIL && is_nil(node))
        return NULL;
    if (run->way == READING && run->map->empty == EMPTY_WORD &&
        text_eq(text, run->map->empty_word))
        return NULL;
    return text;
}

/* --- values ------------------------------------------------------------------------------ */

const char *context_value(const struct run *run, const char *name)
{
    for (size_t i = 0; name != NULL && i < run->context->count; i++)
        if (text_eq(run->context->values[i].name, name))
            return text_empty(run->context->values[i].value)
                       ? NULL
                       : run->context->values[i].value;
    return NULL;
}

/* Reading: a canonical value to its place. Two rules with one place: the first stands. */
struct out *put(struct run *run, const struct rule *rule, struct place *dst,
                const struct trail *path, const char *value)
{
    bool fresh = path->shape->many && !path->shape->attr;
    struct out *node = out_make(run, place_node(run, dst), path, fresh);

    if (node->value == NULL)
        node->value = value;
    else if (!text_eq(node->value, value))
        report_loss(run, rule, LOSS_NO_EQUIVALENT, NULL, NULL, value, NULL,
                    "another field has filled this place already");
    return node;
}

/* Letters the form's encoding lacks, as plain ones: never '?'. NULL when there is no plain form. */
static const char *fold_to_charset(struct run *run, const char *text)
{
    AUTO(buf_free) struct buf out = BUF_SECRET_INIT(MAPPING_OUT_MAX);
    size_t len = strlen(text);

    while (len > 0) {
        uint32_t cp;
        size_t octets = utf8_next(text, len, &cp);
        char one[8] = "";
        AUTO(buf_free) struct buf plain = BUF_INIT(64);

        if (octets == 0)
            return NULL;
        memcpy(one, text, octets);
        if (charset_fits(run->map->charset, one)) {
            buf_add(&out, text, octets);
        } else if (cp == 0x2BC || cp == 0x2018) {
            buf_addc(&out, '\'');
        } else if (name_plain_latin(one, &plain) &&
                   charset_fits(run->map->charset, buf_str(&plain))) {
            buf_adds(&out, buf_str(&plain));
        } else {
            return NULL;
        }
        text += octets;
        len -= octets;
    }
    return arena_dup(&run->arena, buf_str(&out), out.len);
}

/* What of the text can stand: in the form's letters. NULL: it cannot be written at all. */
static const char *fit_letters(struct run *run, const struct rule *rule, xmlNode *src,
                               const char *text)
{
    const char *folded;
    uint32_t cp = 0;

    if (run->map->charset == NULL || charset_fits(run->map->charset, text))
        return text;
    charset_first_unfit(run->map->charset, text, strlen(text), &cp);
    folded = run->map->fold ? fold_to_charset(run, text) : NULL;
    if (folded == NULL) {
        report_loss(run, rule, LOSS_NO_EQUIVALENT, src, NULL, text, NULL,
                    "the form's encoding has no such letters");
        report_warning(run, rule, src, "W-UNWRITABLE",
                       "write the value in letters that the receiving form can hold",
                       "the character U+%04X does not exist in %s; the field stays empty",
                       (unsigned)cp, charset_name(run->map->charset));
        return NULL;
    }
    report_loss(run, rule, LOSS_NORMALISED, src, NULL, text, folded,
                "letters that the form's encoding lacks stand as plain ones");
    return folded;
}

const char *note_letters(struct run *run, const struct rule *rule, xmlNode *src,
                         const char *text)
{
    return fit_letters(run, rule, src, text);
}

static bool cut_to_fit(struct run *run, const struct rule *rule, xmlNode *src,
                       const char **text, size_t max)
{
    size_t head;
    char *kept;

    if (max == 0 || utf8_count(*text) <= max)
        return true;
    if (rule->overflow != NULL) {
        size_t cut = utf8_cut(*text, max), blank_at = cut;
        const char *rest;

        while (blank_at > cut / 2 && (*text)[blank_at] != ' ')
            blank_at--;
        if ((*text)[blank_at] == ' ')
            cut = blank_at;
        rest = *text + cut + ((*text)[cut] == ' ' ? 1 : 0);
        if (rule->label != NULL) /* so that the reader knows what goes on here */
            rest = arena_printf(&run->arena, "%s: ... %s", rule->label, rest);
        if (utf8_count(rest) <= note_room(run, rule->overflow)) {
            note_extra(run, rule->overflow, arena_text(&run->arena, rest));
            *text = arena_dup(&run->arena, *text, cut);
            return true;
        }
    }
    if (rule->whole || rule->together != NULL)
        return false;
    head = utf8_cut(*text, max);
    kept = arena_dup(&run->arena, *text, head);
    report_loss(run, rule, LOSS_CUT, src, NULL, *text, kept,
                "the text is longer than the field");
    *text = kept;
    return true;
}

/* Writing: a national text to its place, in letters and length that fit. */
void emit(struct run *run, const struct rule *rule, xmlNode *src, struct place *dst,
          const struct trail *path, const char *text, const struct shape *shape)
{
    size_t max = rule->max > 0 ? rule->max : shape == NULL ? 0 : shape->max_len;
    struct out *node;

    text = fit_letters(run, rule, src, text);
    if (text == NULL) {
        run->failed_field = true;
        return;
    }
    if (!cut_to_fit(run, rule, src, &text, max)) {
        run->failed_field = true;
        if (rule->together == NULL)
            report_loss(run, rule, LOSS_NO_EQUIVALENT, src, NULL, text, NULL,
                        "it does not fit whole and must not be cut");
        return;
    }
    node = out_make(run, place_node(run, dst), path, false);
    if (node->value == NULL)
        node->value = text;
    else if (!text_eq(node->value, text))
        report_loss(run, rule, LOSS_NO_EQUIVALENT, src, NULL, text, NULL,
                    "another value has taken the only place for it");
}

void force(struct run *run, const struct rule *rule, const struct trail *path,
           struct place *dst, const char *value)
{
    struct forced *forced = arena_alloc(&run->arena, sizeof *forced);

    *forced = (struct forced){
        .next = run->forced, .rule = rule, .path = path, .place = dst, .value = value
    };
    run->forced = forced;
}

void pend(struct run *run, struct pending **list, const struct rule *rule, xmlNode *src,
          struct place *dst, const char *text, const char *other)
{
    struct pending *p = arena_alloc(&run->arena, sizeof *p);

    *p = (struct pending){
        .rule = rule, .src = src, .place = dst, .text = text, .other = other
    };
    while (*list != NULL)
        list = &(*list)->next;
    *list = p;
}
