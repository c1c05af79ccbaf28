/*
 * shape_xsd.c - the shape of XML documents, read from XML Schema files in memory.
 *
 * Understands what hand-written national schemas use: global and local elements, ref, named and
 * anonymous complex types, sequence, choice, all, group, simpleContent and complexContent with
 * extension or restriction, attribute, attributeGroup, simple types by restriction and union,
 * xs:include, xs:import, annotations with documentation and the canonical schema's own appinfo.
 * Types are written out where they are used; a type that holds itself is an error (no national
 * form has one, and a form without an end could not be filled). A part of a schema that is not
 * understood is passed over here: the validator proper has compiled it before.
 */
#include "mapping/shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "mapping/mapping.h"

#define XS_NS  "http://www.w3.org/2001/XMLSchema"
#define TRM_NS "urn:trm:schema:1"

struct reader {
    struct arena *arena;
    xmlDict *names;
    xmlDoc *docs[MAPPING_FILES_MAX];
    size_t doc_count;
    size_t nodes;
    struct err *err;
    bool failed;
};

/* The children of one element while they are collected. */
struct kids {
    struct shape **items;
    size_t count, cap;
};

static void read_particle(struct reader *r, const xmlNode *node, struct shape *into,
                          struct kids *kids, unsigned depth, bool optional, bool many);
static void read_type(struct reader *r, const xmlNode *type, struct shape *into,
                      struct kids *kids, unsigned depth);

static void readers_close(struct reader *r)
{
    for (size_t i = 0; i < r->doc_count; i++)
        xml_doc_free(&r->docs[i]);
}

static bool is_xs(const xmlNode *node, const char *local)
{
    return xml_is(node, XS_NS, local);
}

static const char *intern(struct reader *r, const char *text)
{
    return (const char *)xmlDictLookup(r->names, (const xmlChar *)text, -1);
}

static void fail(struct reader *r, const char *what, const char *name)
{
    if (!r->failed)
        err_set(r->err, ERR_CONFIG, "mapping.schema", "schema: %s \"%.60s\"", what, name);
    r->failed = true;
}

/* "n:DokumentT" in a schema file: namespace and local name. */
static const char *split_name(const xmlNode *node, const char *qname, const char **ret_ns)
{
    const char *colon = strchr(qname, ':');
    char prefix[64] = "";
    xmlNs *ns;

    if (colon != NULL && (size_t)(colon - qname) < sizeof prefix)
        memcpy(prefix, qname, (size_t)(colon - qname));
    ns = xmlSearchNs(node->doc, (xmlNode *)(uintptr_t)node,
                     colon == NULL ? NULL : (const xmlChar *)prefix);
    *ret_ns = ns == NULL ? NULL : (const char *)ns->href;
    return colon == NULL ? qname : colon + 1;
}

static const xmlNode *find_global(struct reader *r, const char *ns, const char *tag,
                                  const char *name)
{
    for (size_t i = 0; i < r->doc_count; i++) {
        const xmlNode *root = xml_root(r->docs[i]);

        if (!text_eq(xml_attr(root, NULL, "targetNamespace"), ns))
            continue;
        for (const xmlNode *n = xml_first(root); n != NULL; n = xml_next(n))
            if (is_xs(n, tag) && text_eq(xml_attr(n, NULL, "name"), name))
                return n;
    }
    return NULL;
}

static const xmlNode *find_named(struct reader *r, const xmlNode *at, const char *tag,
                                 const char *qname)
{
    const char *ns, *local = split_name(at, qname, &ns);

    if (text_eq(ns, XS_NS))
        return NULL;
    return find_global(r, ns, tag, local);
}

static void read_annotation(struct reader *r, const xmlNode *node, struct shape *into)
{
    const xmlNode *note = xml_child(node, XS_NS, "annotation");
    const xmlNode *n, *info;
    struct err ignored;

    if (note == NULL)
        return;
    n = xml_child(note, XS_NS, "documentation");
    if (n != NULL && into->doc == NULL) {
        const char *text = xml_leaf(n, &ignored);

        into->doc = text == NULL || *text == '\0' ? NULL : arena_text(r->arena, text);
    }
    info = xml_child(note, XS_NS, "appinfo");
    for (n = xml_first(info); info != NULL && n != NULL; n = xml_next(n)) {
        const char *text = xml_leaf(n, &ignored);

        if (text != NULL && xml_is(n, TRM_NS, "category"))
            into->category = intern(r, text);
        if (text != NULL && xml_is(n, TRM_NS, "list"))
            into->list = intern(r, text);
    }
}

static void word_add(struct reader *r, struct shape *into, const char *word)
{
    const char **more = arena_array(r->arena, into->word_count + 1, sizeof *more);

    if (into->word_count > 0)
        memcpy(more, into->words, into->word_count * sizeof *more);
    more[into->word_count++] = arena_text(r->arena, word);
    into->words = more;
}

/* A simple type: its longest length, and its words when it lists them. */
static void read_simple(struct reader *r, const xmlNode *type, struct shape *into,
                        unsigned depth)
{
    const xmlNode *part, *union_;

    if (type == NULL || depth > MAPPING_DEPTH_MAX)
        return;
    part = xml_child(type, XS_NS, "restriction");
    if (part != NULL) {
        const char *base = xml_attr(part, NULL, "base");

        if (base != NULL)
            read_simple(r, find_named(r, part, "simpleType", base), into, depth + 1);
        for (const xmlNode *n = xml_first(part); n != NULL; n = xml_next(n)) {
            const char *value = xml_attr(n, NULL, "value");

            if (value != NULL && (is_xs(n, "maxLength") || is_xs(n, "length")))
                into->max_len = (size_t)strtoul(value, NULL, 10);
            if (value != NULL && is_xs(n, "enumeration"))
                word_add(r, into, value);
        }
    }
    union_ = xml_child(type, XS_NS, "union");
    if (union_ != NULL) {
        const char *members = xml_attr(union_, NULL, "memberTypes");
        struct str rest = str_of(members), item;

        while (members != NULL && str_next(&rest, ' ', &item)) {
            char name[128];

            if (item.len == 0 || item.len >= sizeof name)
                continue;
            memcpy(name, item.ptr, item.len);
            name[item.len] = '\0';
            read_simple(r, find_named(r, union_, "simpleType", name), into, depth + 1);
        }
        for (const xmlNode *n = xml_first(union_); n != NULL; n = xml_next(n))
            if (is_xs(n, "simpleType"))
                read_simple(r, n, into, depth + 1);
    }
}

static struct shape *shape_new(struct reader *r, const char *name, struct shape *up)
{
    struct shape *shape = arena_alloc(r->arena, sizeof *shape);

    if (++r->nodes > SHAPE_NODES_MAX)
        fail(r, "too large at", name);
    shape->name = intern(r, name);
    shape->up = up;
    shape->category = up->category;
    shape->type = SHAPE_TEXT;
    return shape;
}

static void kid_add(struct kids *kids, struct shape *kid)
{
    kids->items = mem_grow(kids->items, kids->count, &kids->cap, sizeof *kids->items);
    kids->items[kids->count++] = kid;
}

/* Elements before attributes: their order is the order of writing. */
static void kids_close(struct reader *r, struct kids *kids, struct shape *into)
{
    size_t at = 0;

    into->kids = arena_array(r->arena, kids->count + 1, sizeof *into->kids);
    for (int attr = 0; attr < 2; attr++)
        for (size_t i = 0; i < kids->count; i++)
            if (kids->items[i]->attr == (attr == 1)) {
                kids->items[i]->order = (unsigned)at;
                into->kids[at++] = kids->items[i];
            }
    into->kid_count = at;
    mem_free(&kids->items);
    *kids = (struct kids){ 0 };
}

static void read_attribute(struct reader *r, const xmlNode *node, struct shape *up,
                           struct kids *kids)
{
    const char *ref = xml_attr(node, NULL, "ref");
    const xmlNode *decl = ref == NULL ? node : find_named(r, node, "attribute", ref);
    const char *name = decl == NULL ? NULL : xml_attr(decl, NULL, "name");
    const char *type;
    struct shape *shape;

    if (name == NULL)
        return;
    shape = shape_new(r, name, up);
    shape->attr = true;
    shape->has_text = true;
    shape->required = text_eq(xml_attr(node, NULL, "use"), "required");
    shape->max_occurs = 1;
    if (ref != NULL)
        shape->ns = intern(r, xml_attr(xml_root(decl->doc), NULL, "targetNamespace"));
    read_annotation(r, decl, shape);
    type = xml_attr(decl, NULL, "type");
    read_simple(r,
                type == NULL ? xml_child(decl, XS_NS, "simpleType")
                             : find_named(r, decl, "simpleType", type),
                shape, 0);
    kid_add(kids, shape);
}

static void read_element(struct reader *r, const xmlNode *node, struct shape *up,
                         struct kids *kids, unsigned depth, bool optional, bool many)
{
    const char *ref = xml_attr(node, NULL, "ref");
    const xmlNode *decl = ref == NULL ? node : find_named(r, node, "element", ref);
    const char *name = decl == NULL ? NULL : xml_attr(decl, NULL, "name");
    const char *min = xml_attr(node, NULL, "minOccurs");
    const char *max = xml_attr(node, NULL, "maxOccurs");
    const char *type, *ns;
    const xmlNode *root, *complex;
    struct kids inner = { 0 };
    struct shape *shape;

    if (name == NULL || r->failed)
        return;
    if (depth > MAPPING_DEPTH_MAX) {
        fail(r, "elements within elements without end at", name);
        return;
    }
    shape = shape_new(r, name, up);
    root = xml_root(decl->doc);
    ns = xml_attr(root, NULL, "targetNamespace");
    if (ns != NULL && (decl->parent == root ||
                       text_eq(xml_attr(root, NULL, "elementFormDefault"), "qualified")))
        shape->ns = intern(r, ns);
    shape->required = !optional && !text_eq(min, "0");
    shape->many = many || (max != NULL && !text_eq(max, "1"));
    shape->max_occurs = max == NULL                 ? 1
                        : text_eq(max, "unbounded") ? 0
                                                    : (size_t)strtoul(max, NULL, 10);
    if (many)
        shape->max_occurs = 0;
    shape->nillable = text_eq(xml_attr(decl, NULL, "nillable"), "true");
    type = xml_attr(decl, NULL, "type");
    complex = type == NULL ? xml_child(decl, XS_NS, "complexType")
                           : find_named(r, decl, "complexType", type);
    read_annotation(r, decl, shape);
    if (complex != NULL) {
        read_annotation(r, complex, shape);
        read_type(r, complex, shape, &inner, depth + 1);
    } else {
        shape->has_text = true;
        read_simple(r,
                    type == NULL ? xml_child(decl, XS_NS, "simpleType")
                                 : find_named(r, decl, "simpleType", type),
                    shape, 0);
    }
    kids_close(r, &inner, shape);
    if (shape->kid_count > 0 && !shape->has_text)
        shape->type = SHAPE_OBJECT;
    kid_add(kids, shape);
}

static void read_particle(struct reader *r, const xmlNode *node, struct shape *into,
                          struct kids *kids, unsigned depth, bool optional, bool many)
{
    for (const xmlNode *n = xml_first(node); n != NULL && !r->failed; n = xml_next(n)) {
        const char *max = xml_attr(n, NULL, "maxOccurs");
        bool may = optional || text_eq(xml_attr(n, NULL, "minOccurs"), "0");
        bool more = many || (max != NULL && !text_eq(max, "1"));

        if (is_xs(n, "element"))
            read_element(r, n, into, kids, depth, optional, many);
        else if (is_xs(n, "sequence") || is_xs(n, "all"))
            read_particle(r, n, into, kids, depth, may, more);
        else if (is_xs(n, "choice"))
            read_particle(r, n, into, kids, depth, true, more);
        else if (is_xs(n, "group") && xml_attr(n, NULL, "ref") != NULL) {
            const xmlNode *group = find_named(r, n, "group", xml_attr(n, NULL, "ref"));

            if (group != NULL && depth <= MAPPING_DEPTH_MAX)
                read_particle(r, group, into, kids, depth + 1, may, more);
        }
    }
}

static void read_attributes(struct reader *r, const xmlNode *node, struct shape *into,
                            struct kids *kids, unsigned depth)
{
    for (const xmlNode *n = xml_first(node); n != NULL && depth <= MAPPING_DEPTH_MAX;
         n = xml_next(n)) {
        if (is_xs(n, "attribute"))
            read_attribute(r, n, into, kids);
        if (is_xs(n, "attributeGroup") && xml_attr(n, NULL, "ref") != NULL) {
            const xmlNode *group =
                find_named(r, n, "attributeGroup", xml_attr(n, NULL, "ref"));

            if (group != NULL)
                read_attributes(r, group, into, kids, depth + 1);
        }
    }
}

/* simpleContent or complexContent: the base first, then what is added. */
static void read_content(struct reader *r, const xmlNode *content, struct shape *into,
                         struct kids *kids, unsigned depth)
{
    for (const xmlNode *n = xml_first(content); n != NULL; n = xml_next(n)) {
        const char *base = xml_attr(n, NULL, "base");
        const xmlNode *type;

        if (base == NULL)
            continue;
        type = find_named(r, n, "complexType", base);
        if (type != NULL && depth <= MAPPING_DEPTH_MAX)
            read_type(r, type, into, kids, depth + 1);
        else
            read_simple(r, find_named(r, n, "simpleType", base), into, 0);
        if (is_xs(n, "extension"))
            read_particle(r, n, into, kids, depth, false, false);
        read_attributes(r, n, into, kids, depth);
    }
}

static void read_type(struct reader *r, const xmlNode *type, struct shape *into,
                      struct kids *kids, unsigned depth)
{
    const xmlNode *content = xml_child(type, XS_NS, "simpleContent");

    if (content != NULL) {
        into->has_text = true;
        read_content(r, content, into, kids, depth);
        return;
    }
    content = xml_child(type, XS_NS, "complexContent");
    if (content != NULL) {
        read_content(r, content, into, kids, depth);
        return;
    }
    read_particle(r, type, into, kids, depth, false, false);
    read_attributes(r, type, into, kids, depth);
}

static bool open_files(struct reader *r, const struct mapping_file *files, size_t count,
                       struct err *err)
{
    if (count > MAPPING_FILES_MAX)
        return err_set(err, ERR_CONFIG, "mapping.schema", "schema: over %d files",
                       MAPPING_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        xmlDoc *doc;

        if (!text_ends(files[i].name, ".xsd"))
            continue;
        doc =
            xml_parse_utf8(files[i].data, files[i].len,
                           &(struct xml_options){ .limits = &xml_limits_national }, err);
        if (doc == NULL)
            return err_context(err, "schema %s", files[i].name);
        r->docs[r->doc_count++] = doc;
    }
    return true;
}

static const xmlNode *entry_of(struct reader *r, const struct mapping_file *files,
                               size_t count, const char *entry)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (!text_ends(files[i].name, ".xsd"))
            continue;
        if (text_eq(files[i].name, entry))
            return xml_root(r->docs[at]);
        at++;
    }
    return NULL;
}

const struct shape *shape_of_xsd(struct arena *arena, xmlDict *names,
                                 const struct mapping_file *files, size_t count,
                                 const char *entry, struct err *err)
{
    struct reader r = { .arena = arena, .names = names, .err = err };
    struct shape *top = arena_alloc(arena, sizeof *top);
    struct kids kids = { 0 };
    const xmlNode *schema;

    if (!open_files(&r, files, count, err)) {
        readers_close(&r);
        return NULL;
    }
    schema = entry_of(&r, files, count, entry);
    if (schema == NULL)
        fail(&r, "there is no file", entry);
    for (const xmlNode *n = schema == NULL ? NULL : xml_first(schema); n != NULL;
         n = xml_next(n))
        if (is_xs(n, "element"))
            read_element(&r, n, top, &kids, 0, true, false);
    kids_close(&r, &kids, top);
    top->type = SHAPE_OBJECT;
    readers_close(&r);
    return r.failed ? NULL : top;
}
