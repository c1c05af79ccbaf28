/*
 * loss.c - losses kept, made fit to travel, written and read.
 *
 * The travelling report is made by leaving out, never by copying and blanking: an entry gets its
 * `from` and `to` only when both are codes of a list and no other loss touches its field. What the
 * decision withheld leaves a count at most, and takes with it every loss of the same field.
 */
#include "model/loss.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"
#include "format/xml.h"
#include "model/path.h"

static const char *const kind_names[] = { "carried",       "recoded",    "narrowed",
                                          "cut",           "normalised", "withheld",
                                          "no-equivalent", "invalid" };

const char *loss_kind_name(enum loss_kind kind)
{
    return kind_names[kind];
}

bool loss_kind_find(const char *name, enum loss_kind *ret)
{
    for (size_t i = 0; i < COUNT_OF(kind_names); i++)
        if (text_eq(kind_names[i], name)) {
            *ret = (enum loss_kind)i;
            return true;
        }
    return false;
}

/* The texts of a loss, by the names they have in files; `value` ones are case data. */
static const struct text_field {
    const char *name;
    size_t at;
    size_t max; /* characters, as the canonical schema allows; 0: does not travel */
} text_fields[] = {
    { "field", offsetof(struct loss, field), 100 },
    { "path", offsetof(struct loss, path), 200 },
    { "rule", offsetof(struct loss, rule), 100 },
    { "mapping", offsetof(struct loss, mapping), 60 },
    { "version", offsetof(struct loss, version), 20 },
    { "clause", offsetof(struct loss, clause), 100 },
    { "list", offsetof(struct loss, list), 40 },
    { "from", offsetof(struct loss, from), 60 },
    { "to", offsetof(struct loss, to), 60 },
    { "reason", offsetof(struct loss, reason), 0 },
};

static const char **text_at(struct loss *loss, const struct text_field *field)
{
    return (const char **)(void *)((char *)loss + field->at);
}

static const char *text_of(const struct loss *loss, const struct text_field *field)
{
    return *(const char *const *)(const void *)((const char *)loss + field->at);
}

static struct loss copy(const struct loss *loss)
{
    struct loss made = *loss;

    for (size_t i = 0; i < COUNT_OF(text_fields); i++)
        *text_at(&made, &text_fields[i]) = mem_strdup(text_of(loss, &text_fields[i]));
    made.count = made.count == 0 ? 1 : made.count;
    return made;
}

static void loss_clear(struct loss *loss)
{
    for (size_t i = 0; i < COUNT_OF(text_fields); i++) {
        char *text = (char *)(uintptr_t)text_of(loss, &text_fields[i]);

        if (text != NULL)
            mem_wipe(text, strlen(text));
        free(text);
    }
}

void losses_add(struct losses *losses, const struct loss *loss)
{
    if (losses->count >= LOSSES_MAX) {
        losses->dropped++;
        return;
    }
    losses->items =
        mem_grow(losses->items, losses->count, &losses->cap, sizeof *losses->items);
    losses->items[losses->count++] = copy(loss);
}

void losses_append(struct losses *losses, const struct losses *from)
{
    for (size_t i = 0; i < from->count; i++)
        losses_add(losses, &from->items[i]);
    losses->dropped += from->dropped;
}

void losses_free(struct losses *losses)
{
    for (size_t i = 0; i < losses->count; i++)
        loss_clear(&losses->items[i]);
    free(losses->items);
    *losses = (struct losses){ 0 };
}

bool losses_blocking(const struct losses *losses)
{
    for (size_t i = 0; i < losses->count; i++)
        if (losses->items[i].blocking)
            return true;
    return false;
}

size_t losses_count(const struct losses *losses, enum loss_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < losses->count; i++)
        n += losses->items[i].kind == kind;
    return n;
}

/* Plain path of a loss, or false when it names none. */
static bool plain_path(const struct loss *loss, char out[PATH_TEXT_MAX])
{
    return loss->path != NULL && path_plain(loss->path, out);
}

static bool meant(const struct loss *loss, const char *list_or_path)
{
    char path[PATH_TEXT_MAX];

    return text_eq(loss->list, list_or_path) ||
           (plain_path(loss, path) && path_covers(list_or_path, path));
}

void losses_block(struct losses *losses, const char *const *lists_or_paths, size_t count)
{
    for (size_t i = 0; i < losses->count; i++)
        for (size_t j = 0; j < count; j++)
            losses->items[i].blocking |= losses->items[i].kind != LOSS_CARRIED &&
                                         meant(&losses->items[i], lists_or_paths[j]);
}

/* --- fit to travel ----------------------------------------------------------------------- */

/* One field stands in or above the other. */
static bool touches(const struct loss *a, const struct loss *b)
{
    char one[PATH_TEXT_MAX], other[PATH_TEXT_MAX];

    return plain_path(a, one) && plain_path(b, other) &&
           (path_covers(one, other) || path_covers(other, one));
}

static bool same_field(const struct loss *a, const struct loss *b)
{
    return touches(a, b) || (a->field != NULL && text_eq(a->field, b->field));
}

/* The field was withheld: its other losses must not tell of it. */
static bool withheld_too(const struct losses *full, const struct loss *loss)
{
    for (size_t i = 0; i < full->count; i++) {
        const struct loss *other = &full->items[i];

        if (other->kind != LOSS_WITHHELD)
            continue;
        if (same_field(other, loss) || (other->path == NULL && other->field == NULL &&
                                        other->category == loss->category))
            return true;
    }
    return false;
}

static bool keeps_values(enum loss_kind kind)
{
    return kind == LOSS_CARRIED || kind == LOSS_RECODED || kind == LOSS_NORMALISED;
}

static bool values_travel(const struct losses *full, const struct loss *loss)
{
    if (loss->kind != LOSS_RECODED || loss->list == NULL || loss->path == NULL)
        return false;
    for (size_t i = 0; i < full->count; i++)
        if (!keeps_values(full->items[i].kind) && same_field(&full->items[i], loss))
            return false;
    return true;
}

static void travel_one(const struct losses *full, const struct loss *loss,
                       struct losses *ret)
{
    struct loss bare = *loss;

    bare.reason = NULL;
    if (!values_travel(full, loss)) {
        bare.from = NULL;
        bare.to = NULL;
    }
    losses_add(ret, &bare);
}

static void travel_withheld(const struct losses *full, unsigned named, struct losses *ret)
{
    unsigned counts[CATEGORY_COUNT] = { 0 };

    for (size_t i = 0; i < full->count; i++) {
        const struct loss *loss = &full->items[i];
        bool by_name = (named & category_bit(loss->category)) != 0;

        if (loss->kind == LOSS_WITHHELD)
            counts[by_name ? loss->category : CATEGORY_NONE] += loss->count;
    }
    for (unsigned c = 0; c < CATEGORY_COUNT; c++)
        if (counts[c] > 0)
            losses_add(ret, &(struct loss){ .kind = LOSS_WITHHELD,
                                            .category = (enum category)c,
                                            .count = counts[c] });
}

void losses_travelling(const struct losses *full, unsigned named, struct losses *ret)
{
    struct losses made = { 0 };

    travel_withheld(full, named, &made);
    for (size_t i = 0; i < full->count; i++) {
        const struct loss *loss = &full->items[i];

        if (loss->kind == LOSS_CARRIED || loss->kind == LOSS_WITHHELD ||
            withheld_too(full, loss))
            continue;
        if (made.count >= LOSSES_TRAVEL_MAX)
            made.dropped++;
        else
            travel_one(full, loss, &made);
    }
    made.dropped += full->dropped;
    *ret = made;
}

/* --- as a section of the referral -------------------------------------------------------- */

static void set_cut(xmlNode *node, const char *name, const char *text, size_t max)
{
    AUTO(mem_free) char *cut = NULL;

    if (text_empty(text) || xml_unfit(text, strlen(text)) >= 0)
        return;
    cut = mem_strndup(text, utf8_cut(text, max));
    if (str_trim(str_of(cut)).len > 0)
        xml_set(node, NULL, name, cut);
}

/* The schema allows what path_parse() does, but for other letters in a predicate's value. */
static void set_path(xmlNode *node, const char *path, size_t max)
{
    char plain[PATH_TEXT_MAX];

    if (path != NULL && path_plain(path, plain))
        set_cut(node, "path", plain, max);
}

static bool token(const char *text)
{
    size_t len = text == NULL ? 0
                              : strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
                                             "opqrstuvwxyz0123456789._/-");

    return len > 0 && text[len] == '\0' && strchr("._/-", text[0]) == NULL;
}

static void set_texts(xmlNode *node, const struct loss *loss)
{
    for (size_t i = 0; i < COUNT_OF(text_fields); i++) {
        const struct text_field *f = &text_fields[i];
        const char *text = text_of(loss, f);

        if (f->max == 0)
            continue;
        if (text_eq(f->name, "path"))
            set_path(node, text, f->max);
        else if ((!text_eq(f->name, "version") && !text_eq(f->name, "list")) ||
                 token(text))
            set_cut(node, f->name, text, f->max);
    }
}

static void add_loss(xmlNode *report, const struct loss *loss)
{
    xmlNode *node = xml_add(report, report->ns, "Loss");
    AUTO(mem_free) char *count = mem_printf("%u", loss->count);

    xml_set(node, NULL, "kind", loss_kind_name(loss->kind));
    set_texts(node, loss);
    if (loss->category != CATEGORY_NONE)
        xml_set(node, NULL, "category", category_name(loss->category));
    if (loss->count > 1)
        xml_set(node, NULL, "count", count);
    if (loss->blocking)
        xml_set(node, NULL, "blocking", "true");
}

static xmlNode *report_of(const xmlDoc *doc)
{
    return xml_child(xml_root(doc), REFERRAL_NS, "LossReport");
}

/* LossReport is the last section: only a seal stands behind it. */
static xmlNode *new_report(xmlDoc *doc)
{
    xmlNode *root = xml_root(doc);
    xmlNode *report = xml_add(root, root->ns, "LossReport");
    xmlNode *seal = xml_child(root, "http://www.w3.org/2000/09/xmldsig#", "Signature");

    if (seal != NULL)
        xmlAddPrevSibling(seal, report);
    return report;
}

void losses_to_referral(const struct losses *travelling, xmlDoc *doc)
{
    xmlNode *old = report_of(doc);
    xmlNode *report;

    if (old != NULL) {
        xmlUnlinkNode(old);
        xml_node_free(&old);
    }
    if (travelling->count == 0)
        return;
    report = new_report(doc);
    for (size_t i = 0; i < travelling->count && i < LOSSES_TRAVEL_MAX; i++)
        add_loss(report, &travelling->items[i]);
}

static struct loss loss_of(const xmlNode *node)
{
    struct loss loss = { .kind = LOSS_INVALID, .count = 1 };
    uint64_t count;

    if (!loss_kind_find(xml_attr(node, NULL, "kind"), &loss.kind))
        loss.kind = LOSS_INVALID;
    for (size_t i = 0; i < COUNT_OF(text_fields); i++)
        *text_at(&loss, &text_fields[i]) = xml_attr(node, NULL, text_fields[i].name);
    loss.category = category_find(xml_attr(node, NULL, "category"));
    if (str_u64(str_of(xml_attr(node, NULL, "count")), &count) && count <= UINT32_MAX)
        loss.count = (unsigned)count;
    loss.blocking = text_eq(xml_attr(node, NULL, "blocking"), "true");
    return loss;
}

void losses_of_referral(const xmlDoc *doc, struct losses *ret)
{
    const xmlNode *report = report_of(doc);

    for (const xmlNode *n = report == NULL ? NULL : xml_first(report); n != NULL;
         n = xml_next(n)) {
        struct loss loss = loss_of(n);

        losses_add(ret, &loss);
    }
}

/* --- as JSON ----------------------------------------------------------------------------- */

static json_t *loss_json(const struct loss *loss)
{
    json_t *object = json_object();

    json_object_set_new(object, "kind", json_string(loss_kind_name(loss->kind)));
    for (size_t i = 0; i < COUNT_OF(text_fields); i++) {
        const char *text = text_of(loss, &text_fields[i]);

        if (text != NULL)
            json_object_set_new(object, text_fields[i].name, json_string(text));
    }
    if (loss->category != CATEGORY_NONE)
        json_object_set_new(object, "category",
                            json_string(category_name(loss->category)));
    if (loss->count > 1)
        json_object_set_new(object, "count", json_integer(loss->count));
    if (loss->blocking)
        json_object_set_new(object, "blocking", json_true());
    return object;
}

json_t *losses_json(const struct losses *losses)
{
    json_t *array = json_array();

    for (size_t i = 0; i < losses->count; i++)
        json_array_append_new(array, loss_json(&losses->items[i]));
    return array;
}

static bool loss_parse(const json_t *object, struct loss *ret)
{
    json_int_t count = json_integer_value(json_object_get(object, "count"));

    *ret = (struct loss){ .count = 1 };
    if (!loss_kind_find(json_string_value(json_object_get(object, "kind")), &ret->kind))
        return false;
    for (size_t i = 0; i < COUNT_OF(text_fields); i++) {
        const json_t *text = json_object_get(object, text_fields[i].name);

        if (text != NULL && !json_is_string(text))
            return false;
        *text_at(ret, &text_fields[i]) = json_string_value(text);
    }
    ret->category = category_find(json_string_value(json_object_get(object, "category")));
    if (count > 0 && count <= UINT32_MAX)
        ret->count = (unsigned)count;
    ret->blocking = json_is_true(json_object_get(object, "blocking"));
    return true;
}

bool losses_parse(const json_t *value, struct losses *ret, struct err *err)
{
    size_t index;
    json_t *item;

    if (!json_is_array(value))
        return err_set(err, ERR_REJECT, "loss.form", "a loss report is an array");
    json_array_foreach(value, index, item)
    {
        struct loss loss;

        if (!loss_parse(item, &loss))
            return err_set(err, ERR_REJECT, "loss.form", "entry %zu is no loss", index);
        losses_add(ret, &loss);
    }
    return true;
}
