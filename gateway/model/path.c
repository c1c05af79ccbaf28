/*
 * path.c - asking the table of paths, and walking a document by paths.
 *
 * All look-ups by text are one hash. Nothing here fails on a document: what the schema does not know
 * has no row, and the caller decides.
 */
#include "model/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/xml.h"
#include "model/path_private.h"

#define NEAR_MAX 3 /* letters wrong in one step of a path that is still "near" */

void path_free(struct path_table **table)
{
    if (table == NULL || *table == NULL)
        return;
    for (size_t i = 0; i < (*table)->count; i++) {
        struct path_entry *e = (*table)->entries[i];

        free(e->path);
        free(e->name);
        free(e->list);
        free(e->doc);
        free(e->children);
        free(e);
    }
    free((*table)->entries);
    free((*table)->root.children);
    dict_free(&(*table)->by_path);
    free(*table);
    *table = NULL;
}

size_t path_count(const struct path_table *table)
{
    return table->count;
}

const struct path_row *path_at(const struct path_table *table, size_t index)
{
    return index < table->count ? &table->entries[index]->row : NULL;
}

static const struct path_row *row_of(const struct path_table *table, const char *plain)
{
    const struct path_entry *e = dict_get(table->by_path, plain);

    return e == NULL ? NULL : &e->row;
}

const struct path_row *path_find(const struct path_table *table, const char *path)
{
    char plain[PATH_TEXT_MAX];

    if (path == NULL)
        return NULL;
    if (strchr(path, '[') == NULL)
        return row_of(table, path);
    return path_plain(path, plain) ? row_of(table, plain) : NULL;
}

const struct path_row *path_of(const struct path_table *table, const xmlNode *node,
                               const char *attribute)
{
    char path[PATH_TEXT_MAX];
    size_t len;

    if (!path_text_of(node, path))
        return NULL;
    if (attribute == NULL)
        return row_of(table, path);
    len = strlen(path);
    if (len + strlen(attribute) + 3 > sizeof path)
        return NULL;
    if (len > 0)
        path[len++] = '/';
    path[len++] = '@';
    strcpy(path + len, attribute);
    return row_of(table, path);
}

enum category path_category(const struct path_table *table, const xmlNode *node)
{
    const struct path_row *row = path_of(table, node, NULL);

    if (row == NULL)
        return CATEGORY_NONE;
    return row->category_here ? category_find(xml_attr(node, NULL, "category"))
                              : row->category;
}

static const struct path_entry *entry_of(const struct path_table *table,
                                         const struct path_row *row)
{
    return row == NULL ? &table->root : (const struct path_entry *)(const void *)row;
}

const struct path_row *path_child(const struct path_table *table,
                                  const struct path_row *parent, const char *name,
                                  bool attribute)
{
    const struct path_entry *up = entry_of(table, parent);

    for (size_t i = 0; i < up->count; i++) {
        const struct path_row *row = &up->children[i]->row;

        if (row->attribute == attribute && text_eq(row->name, name))
            return row;
    }
    return NULL;
}

/* --- nearest ----------------------------------------------------------------------------- */

/* Letters to change, leave out or put in (Levenshtein), up to `most`. */
static size_t distance(const char *a, const char *b, size_t most)
{
    size_t row[PATH_TEXT_MAX + 1], la = strlen(a), lb = strlen(b);

    if (lb > PATH_TEXT_MAX || la > lb + most || lb > la + most)
        return most + 1;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);

            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[lb];
}

const char *path_nearest(const struct path_table *table, const char *path)
{
    char plain[PATH_TEXT_MAX];
    const char *last, *found = NULL;
    size_t best = NEAR_MAX + 1;

    if (!path_plain(path, plain))
        return NULL;
    last = strrchr(plain, '/');
    last = last == NULL ? plain : last + 1;
    for (size_t i = 0; i < table->count; i++) {
        const struct path_row *row = &table->entries[i]->row;
        size_t d = distance(plain, row->path, NEAR_MAX);

        if (d < best) {
            best = d;
            found = row->path;
        }
    }
    for (size_t i = 0; found == NULL && i < table->count; i++)
        if (text_eq(table->entries[i]->row.name, last))
            found = table->entries[i]->row.path;
    return found;
}

/* --- text -------------------------------------------------------------------------------- */

static bool letters(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') ||
              (s.ptr[i] >= 'a' && s.ptr[i] <= 'z') ||
              (s.ptr[i] >= '0' && s.ptr[i] <= '9')))
            return false;
    return s.len > 0;
}

static bool predicate_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("[]/=@'\" ", s.ptr[i]) != NULL)
            return false;
    return s.len > 0;
}

/* "Name[type=legal]" into its parts. */
static bool parse_predicate(struct str text, struct path_step *step)
{
    struct str inner = { text.ptr + step->name.len + 1, 0 };

    if (text.len < step->name.len + 5 || text.ptr[text.len - 1] != ']')
        return false;
    inner.len = text.len - step->name.len - 2;
    if (memchr(inner.ptr, '=', inner.len) == NULL)
        return false;
    str_next(&inner, '=', &step->attribute);
    step->value = inner;
    return letters(step->attribute) && predicate_value(step->value);
}

static bool parse_step(struct str text, struct path_step *step)
{
    const char *bracket = text.len == 0 ? NULL : memchr(text.ptr, '[', text.len);

    *step = (struct path_step){ .name = text };
    if (text.len > 0 && text.ptr[0] == '@') {
        step->is_attribute = true;
        step->name = (struct str){ text.ptr + 1, text.len - 1 };
    } else if (bracket != NULL) {
        step->name.len = (size_t)(bracket - text.ptr);
        if (!parse_predicate(text, step))
            return false;
    }
    return letters(step->name);
}

bool path_parse(const char *text, struct path_steps *ret, struct err *err)
{
    struct str rest = str_of(text), part;
    struct path_steps steps = { .count = 0 };

    if (rest.len == 0 || rest.len >= PATH_TEXT_MAX || text[rest.len - 1] == '/')
        return err_set(err, ERR_CONFIG, "path.syntax",
                       "a path is empty, too long or ends in /");
    while (str_next(&rest, '/', &part)) {
        if (steps.count >= PATH_DEPTH_MAX ||
            (steps.count > 0 && steps.step[steps.count - 1].is_attribute) ||
            !parse_step(part, &steps.step[steps.count]))
            return err_set(
                err, ERR_CONFIG, "path.syntax",
                "path %.80s: step %zu is no name with at most one [name=value]", text,
                steps.count + 1);
        steps.count++;
    }
    *ret = steps;
    return true;
}

bool path_plain(const char *text, char out[PATH_TEXT_MAX])
{
    struct path_steps steps;
    struct err unused;
    size_t n = 0;

    if (!path_parse(text, &steps, &unused))
        return false;
    for (size_t i = 0; i < steps.count; i++) {
        const struct path_step *step = &steps.step[i];

        if (i > 0)
            out[n++] = '/';
        if (step->is_attribute)
            out[n++] = '@';
        memcpy(out + n, step->name.ptr, step->name.len);
        n += step->name.len;
    }
    out[n] = '\0';
    return true;
}

static bool is_root(const xmlNode *node)
{
    return xml_is(node, REFERRAL_NS, "Referral") && node->parent != NULL &&
           node->parent->type == XML_DOCUMENT_NODE;
}

bool path_text_of(const xmlNode *node, char out[PATH_TEXT_MAX])
{
    const char *names[PATH_DEPTH_MAX];
    size_t depth = 0, n = 0;

    for (; node != NULL && !is_root(node); node = node->parent) {
        if (node->type != XML_ELEMENT_NODE || depth >= PATH_DEPTH_MAX ||
            node->ns == NULL || !text_eq((const char *)node->ns->href, REFERRAL_NS))
            return false;
        names[depth++] = (const char *)node->name;
    }
    if (node == NULL)
        return false;
    while (depth > 0) {
        size_t len = strlen(names[--depth]);

        if (n + len + 2 > PATH_TEXT_MAX)
            return false;
        if (n > 0)
            out[n++] = '/';
        memcpy(out + n, names[depth], len);
        n += len;
    }
    out[n] = '\0';
    return true;
}

bool path_covers(const char *a, const char *b)
{
    size_t len = strlen(a);

    return strncmp(a, b, len) == 0 && (b[len] == '\0' || b[len] == '/');
}

/* --- elements ---------------------------------------------------------------------------- */

static unsigned order_of(const struct path_table *table, const struct path_row *parent,
                         const xmlNode *node)
{
    const struct path_row *row =
        xml_is(node, REFERRAL_NS, (const char *)node->name)
            ? path_child(table, parent, (const char *)node->name, false)
            : NULL;

    return row == NULL ? (unsigned)-1 : row->order; /* a seal stands last */
}

static xmlNode *last_element(const xmlNode *parent)
{
    xmlNode *n = parent->last;

    while (n != NULL && n->type != XML_ELEMENT_NODE)
        n = n->prev;
    return n;
}

static xmlNode *element_before(const xmlNode *node)
{
    xmlNode *n = node->prev;

    while (n != NULL && n->type != XML_ELEMENT_NODE)
        n = n->prev;
    return n;
}

xmlNode *path_add(const struct path_table *table, xmlNode *parent, const char *name)
{
    const struct path_row *up = is_root(parent) ? NULL : path_of(table, parent, NULL);
    const struct path_row *row;
    xmlNode *at, *made;

    if (up == NULL && !is_root(parent))
        return NULL;
    row = path_child(table, up, name, false);
    if (row == NULL)
        return NULL;
    at = last_element(parent);
    while (at != NULL && order_of(table, up, at) > row->order)
        at = element_before(at);
    made = xml_add(parent, parent->ns, name);
    if (at == NULL && parent->children != made)
        xmlAddPrevSibling(parent->children, made);
    else if (at != NULL)
        xmlAddNextSibling(at, made);
    return made;
}

static bool step_fits(const struct path_step *step, const xmlNode *node)
{
    char name[PATH_TEXT_MAX];
    const char *value;

    if (node->ns == NULL || !text_eq((const char *)node->ns->href, REFERRAL_NS) ||
        !str_is(step->name, (const char *)node->name))
        return false;
    if (step->attribute.len == 0)
        return true;
    memcpy(name, step->attribute.ptr, step->attribute.len);
    name[step->attribute.len] = '\0';
    value = xml_attr(node, NULL, name);
    return value != NULL && str_is(step->value, value);
}

static xmlNode *first_below(const xmlNode *top, const struct path_steps *steps,
                            size_t from)
{
    if (from == steps->count || steps->step[from].is_attribute)
        return (xmlNode *)(uintptr_t)top;
    for (xmlNode *n = xml_first(top); n != NULL; n = xml_next(n)) {
        xmlNode *found;

        if (!step_fits(&steps->step[from], n))
            continue;
        found = first_below(n, steps, from + 1);
        if (found != NULL)
            return found;
    }
    return NULL;
}

xmlNode *path_first(const xmlNode *top, const struct path_steps *steps)
{
    return first_below(top, steps, 0);
}
