/*
 * path_compile.c - the table of paths out of referral-1.xsd.
 *
 * The schema is the single source: this file knows the parts of XML Schema it keeps to (its own
 * documentation names them) and refuses any other, so that nothing in it can be passed over. Types are
 * expanded where they are used; a category holds from where it is named downward.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/xml.h"
#include "model/path_private.h"

#define XS           "http://www.w3.org/2001/XMLSchema"
#define TRM          "urn:trm:schema:1"
#define DOC_MAX      4096 /* octets of one documentation */
#define SCHEMA_MAX   (1024 * 1024)
#define FROM_ELEMENT "@category"

static const struct xml_limits schema_limits = { SCHEMA_MAX, 32, 100000, false, false };

struct compiler {
    struct path_table *table;
    const xmlNode *schema;
    struct err *err;
};

/* What annotations and types say about a field. */
struct saying {
    enum path_kind kind;
    size_t max_length;
    bool text;
};

static bool refuse(const struct compiler *c, const xmlNode *node, const char *what)
{
    return err_set(c->err, ERR_CONFIG, "path.schema", "canonical schema, line %u: %s",
                   xml_line(node), what);
}

static const xmlNode *appinfo(const xmlNode *node, const char *name)
{
    const xmlNode *info = xml_child(xml_child(node, XS, "annotation"), XS, "appinfo");

    return xml_child(info, TRM, name);
}

static const char *said(const xmlNode *node, const char *name)
{
    const xmlNode *found = appinfo(node, name);
    struct err unused;

    return found == NULL ? NULL : xml_leaf(found, &unused);
}

static const xmlNode *named(const struct compiler *c, const char *kind, const char *name)
{
    for (const xmlNode *n = xml_first(c->schema); n != NULL; n = xml_next(n))
        if (xml_is(n, XS, kind) && text_eq(xml_attr(n, NULL, "name"), name))
            return n;
    return NULL;
}

/* --- kinds ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum path_kind kind;
} kinds[] = {
    { "code", PATH_CODE },       { "free-text", PATH_FREE_TEXT },
    { "date", PATH_DATE },       { "partial-date", PATH_PARTIAL_DATE },
    { "instant", PATH_INSTANT }, { "day-or-instant", PATH_DAY_OR_INSTANT },
    { "yes-no", PATH_YES_NO },   { "number", PATH_NUMBER },
    { "country", PATH_COUNTRY }, { "uuid", PATH_UUID },
    { "text", PATH_TEXT },       { "group", PATH_GROUP },
};

const char *path_kind_name(enum path_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "";
}

static bool kind_find(const char *name, enum path_kind *ret)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (text_eq(kinds[i].name, name)) {
            *ret = kinds[i].kind;
            return true;
        }
    return false;
}

static bool builtin(const char *type, struct saying *s)
{
    s->text = true;
    if (text_eq(type, "xs:boolean"))
        s->kind = PATH_YES_NO;
    else if (text_eq(type, "xs:positiveInteger") || text_eq(type, "xs:unsignedLong") ||
             text_eq(type, "xs:unsignedShort"))
        s->kind = PATH_NUMBER;
    else if (text_eq(type, "xs:date"))
        s->kind = PATH_DATE;
    else if (text_eq(type, "xs:string"))
        s->kind = PATH_TEXT;
    else
        return false;
    return true;
}

static size_t max_length(const xmlNode *simple_type)
{
    const xmlNode *facet =
        xml_child(xml_child(simple_type, XS, "restriction"), XS, "maxLength");
    uint64_t value;

    return facet != NULL && str_u64(str_of(xml_attr(facet, NULL, "value")), &value)
               ? (size_t)value
               : 0;
}

/* A type that holds text: built in, or a named simple type. */
static bool simple_saying(const struct compiler *c, const xmlNode *at, const char *type,
                          struct saying *s)
{
    const xmlNode *node;
    const char *kind;

    *s = (struct saying){ .kind = PATH_TEXT, .text = true };
    if (builtin(type, s))
        return true;
    node = named(c, "simpleType", type);
    if (node == NULL)
        return refuse(c, at, "a type that is neither known nor declared");
    kind = said(node, "kind");
    if (kind != NULL && !kind_find(kind, &s->kind))
        return refuse(c, node, "trm:kind is none of the kinds");
    s->max_length = max_length(node);
    return true;
}

/* --- rows -------------------------------------------------------------------------------- */

static char *path_below(const struct path_entry *up, const char *name, bool attribute)
{
    const char *slash = text_empty(up->path) ? "" : "/";

    return mem_printf("%s%s%s%s", text_empty(up->path) ? "" : up->path, slash,
                      attribute ? "@" : "", name);
}

static char *doc_of(const xmlNode *node)
{
    AUTO(buf_free) struct buf text = BUF_INIT(DOC_MAX);
    const xmlNode *doc =
        xml_child(xml_child(node, XS, "annotation"), XS, "documentation");
    struct err unused;

    return doc != NULL && xml_text(doc, &text, &unused) ? buf_detach(&text) : NULL;
}

static struct path_entry *row_add(struct compiler *c, struct path_entry *up,
                                  const xmlNode *node, bool attribute)
{
    struct path_table *table = c->table;
    struct path_entry *e = mem_alloc(sizeof *e);
    const char *category = said(node, "category");

    e->name = mem_strdup(xml_attr(node, NULL, "name"));
    e->path = path_below(up, e->name, attribute);
    e->list = mem_strdup(said(node, "list"));
    e->doc = doc_of(node);
    e->row = (struct path_row){
        .path = e->path,
        .name = e->name,
        .list = e->list,
        .doc = e->doc,
        .attribute = attribute,
        /* of the root only for its attributes: each section names its own */
        .category = up == &table->root && !attribute ? CATEGORY_NONE : up->row.category,
        .category_here = up->row.category_here,
        .order = (unsigned)up->count,
        .parent = up == &table->root ? NULL : &up->row,
    };
    if (category != NULL) {
        e->row.category_here = text_eq(category, FROM_ELEMENT);
        e->row.category = category_find(category);
    }
    table->entries =
        mem_grow(table->entries, table->count, &table->cap, sizeof *table->entries);
    table->entries[table->count++] = e;
    up->children = mem_grow(up->children, up->count, &up->cap, sizeof *up->children);
    up->children[up->count++] = e;
    dict_set(table->by_path, e->path, e);
    return e;
}

/* What a new row must fulfil before it is made. */
static bool row_allowed(struct compiler *c, struct path_entry *up, const xmlNode *node,
                        bool attribute)
{
    AUTO(mem_free) char *path = NULL;
    const char *name = xml_attr(node, NULL, "name");
    size_t depth = 1;

    if (text_empty(name))
        return refuse(c, node, "a declaration without a name");
    if (c->table->count >= PATH_ROWS_MAX)
        return refuse(c, node, "too many fields");
    path = path_below(up, name, attribute);
    for (const char *p = path; *p != '\0'; p++)
        depth += *p == '/';
    if (depth > PATH_DEPTH_MAX || strlen(path) >= PATH_TEXT_MAX)
        return refuse(c, node, "elements too deep within elements");
    if (dict_get(c->table->by_path, path) != NULL)
        return refuse(c, node, "two declarations of one name in one place");
    return true;
}

static bool occurs(const struct compiler *c, const xmlNode *node, const char *name,
                   unsigned *ret)
{
    const char *text = xml_attr(node, NULL, name);
    uint64_t value = 1;

    if (text_eq(text, "unbounded"))
        value = PATH_MANY;
    else if (text != NULL && (!str_u64(str_of(text), &value) || value > PATH_MANY))
        return refuse(c, node, "minOccurs or maxOccurs is no number");
    *ret = (unsigned)value;
    return true;
}

static bool expand_content(struct compiler *c, struct path_entry *e,
                           const xmlNode *holder);

static bool only_attributes(const struct compiler *c, const xmlNode *node,
                            const char *const *allowed)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        bool known = false;

        for (const char *const *name = allowed; *name != NULL; name++)
            known |= text_eq((const char *)a->name, *name);
        if (!known)
            return refuse(c, node, "an attribute of XML Schema that is not used here");
    }
    return true;
}

/* --- attributes -------------------------------------------------------------------------- */

static bool expand_attribute(struct compiler *c, struct path_entry *up,
                             const xmlNode *node)
{
    static const char *const allowed[] = { "name", "type", "use", NULL };
    struct saying s;
    struct path_entry *e;

    if (!only_attributes(c, node, allowed) || !row_allowed(c, up, node, true) ||
        !simple_saying(c, node, xml_attr(node, NULL, "type"), &s))
        return false;
    e = row_add(c, up, node, true);
    e->row.kind = s.kind;
    e->row.max_length = s.max_length;
    e->row.text = true;
    e->row.min_count = text_eq(xml_attr(node, NULL, "use"), "required") ? 1 : 0;
    e->row.max_count = 1;
    return true;
}

static bool expand_group(struct compiler *c, struct path_entry *up, const xmlNode *ref)
{
    const xmlNode *group = named(c, "attributeGroup", xml_attr(ref, NULL, "ref"));

    if (group == NULL)
        return refuse(c, ref, "an attributeGroup that is not declared");
    for (const xmlNode *n = xml_first(group); n != NULL; n = xml_next(n)) {
        if (xml_is(n, XS, "annotation"))
            continue;
        if (!xml_is(n, XS, "attribute"))
            return refuse(c, n, "an attributeGroup holds attributes only");
        if (!expand_attribute(c, up, n))
            return false;
    }
    if (text_eq(xml_attr(ref, NULL, "ref"), "coded")) {
        up->row.coded = true;
        up->row.kind = PATH_CODE;
    }
    return true;
}

/* --- elements ---------------------------------------------------------------------------- */

static void say(struct path_entry *e, const struct saying *s)
{
    e->row.kind = s->kind;
    e->row.max_length = s->max_length;
    e->row.text = s->text;
}

/* By name: built in, simple, or complex. */
static bool expand_type(struct compiler *c, struct path_entry *e, const xmlNode *at,
                        const char *type)
{
    const xmlNode *complex = named(c, "complexType", type);
    struct saying s;

    if (complex != NULL)
        return expand_content(c, e, complex);
    if (!simple_saying(c, at, type, &s))
        return false;
    say(e, &s);
    return true;
}

static bool expand_element(struct compiler *c, struct path_entry *up, const xmlNode *node)
{
    static const char *const allowed[] = { "name", "type", "minOccurs", "maxOccurs",
                                           NULL };
    const char *type = xml_attr(node, NULL, "type");
    const xmlNode *inner = xml_child(node, XS, "complexType");
    struct path_entry *e;

    if (!only_attributes(c, node, allowed) || !row_allowed(c, up, node, false))
        return false;
    e = row_add(c, up, node, false);
    e->row.kind = PATH_GROUP;
    if (!occurs(c, node, "minOccurs", &e->row.min_count) ||
        !occurs(c, node, "maxOccurs", &e->row.max_count))
        return false;
    if ((type == NULL) == (inner == NULL))
        return refuse(c, node, "an element has a type, or says its content itself");
    return type != NULL ? expand_type(c, e, node, type) : expand_content(c, e, inner);
}

static bool expand_sequence(struct compiler *c, struct path_entry *up, const xmlNode *seq)
{
    for (const xmlNode *n = xml_first(seq); n != NULL; n = xml_next(n)) {
        if (xml_is(n, XS, "annotation") || xml_is(n, XS, "any"))
            continue; /* the only xs:any is the seal, which is no field */
        if (!xml_is(n, XS, "element"))
            return refuse(c, n, "a sequence holds elements only");
        if (!expand_element(c, up, n))
            return false;
    }
    return true;
}

static bool expand_simple_content(struct compiler *c, struct path_entry *e,
                                  const xmlNode *content)
{
    const xmlNode *extension = xml_child(content, XS, "extension");

    if (extension == NULL)
        return refuse(c, content, "simpleContent without extension");
    return expand_type(c, e, extension, xml_attr(extension, NULL, "base")) &&
           expand_content(c, e, extension);
}

/* What a complexType or an extension holds. */
static bool expand_content(struct compiler *c, struct path_entry *e,
                           const xmlNode *holder)
{
    const char *kind = said(holder, "kind");

    for (const xmlNode *n = xml_first(holder); n != NULL; n = xml_next(n)) {
        bool done;

        if (xml_is(n, XS, "annotation"))
            continue;
        if (xml_is(n, XS, "sequence"))
            done = expand_sequence(c, e, n);
        else if (xml_is(n, XS, "simpleContent"))
            done = expand_simple_content(c, e, n);
        else if (xml_is(n, XS, "attribute"))
            done = expand_attribute(c, e, n);
        else if (xml_is(n, XS, "attributeGroup"))
            done = expand_group(c, e, n);
        else
            done = refuse(c, n, "a part of XML Schema that is not used here");
        if (!done)
            return false;
    }
    if (kind != NULL && !kind_find(kind, &e->row.kind))
        return refuse(c, holder, "trm:kind is none of the kinds");
    return true;
}

/* --- the whole --------------------------------------------------------------------------- */

static bool check_categories(const struct path_table *table, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct path_row *row = &table->entries[i]->row;

        if (row->category == CATEGORY_NONE && !row->category_here)
            return err_set(err, ERR_CONFIG, "path.category",
                           "canonical schema: %s has no category", row->path);
    }
    return true;
}

static bool compile(struct compiler *c)
{
    const xmlNode *root = named(c, "element", "Referral");
    const xmlNode *type = xml_child(root, XS, "complexType");

    if (!xml_is(c->schema, XS, "schema") || type == NULL ||
        !text_eq(xml_attr(c->schema, NULL, "targetNamespace"), REFERRAL_NS))
        return err_set(c->err, ERR_CONFIG, "path.schema",
                       "canonical schema: no element Referral of %s", REFERRAL_NS);
    return expand_content(c, &c->table->root, type) && check_categories(c->table, c->err);
}

struct path_table *path_compile(const void *xsd, size_t len, struct err *err)
{
    AUTO(xml_doc_free)
    xmlDoc *doc =
        xml_parse_utf8(xsd, len, &(struct xml_options){ .limits = &schema_limits }, err);
    AUTO(path_free) struct path_table *table = NULL;
    struct compiler c = { .err = err };

    if (doc == NULL) {
        err->kind = ERR_CONFIG;
        err_context(err, "canonical schema");
        return NULL;
    }
    table = mem_alloc(sizeof *table);
    table->by_path = dict_new();
    table->root.row.category = CATEGORY_ADMIN;
    c.table = table;
    c.schema = xml_root(doc);
    if (!compile(&c))
        return NULL;
    return TAKE(table);
}
