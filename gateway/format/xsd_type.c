/*
 * xsd_type.c - what a simple type allows, said in words.
 *
 * libxml2 says of a union only that none of its members took the value, which helps nobody; most
 * fields of national forms are unions ("a code, or empty"). So the schema's own elements are kept
 * and read again when something has to be said. Restrictions, unions, lists and the built-in
 * types that forms use are understood; of others nothing is said.
 */
#include "format/xsd_private.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "format/xml.h"
#include "format/xml_private.h"

#define XS         "http://www.w3.org/2001/XMLSchema"
#define DEPTH_MAX  16 /* types within types */
#define VALUES_MAX 40 /* listed values shown */

/* --- index ------------------------------------------------------------------------------- */

static char *key_of(const char *ns, const char *local)
{
    return mem_printf("{%s}%s", ns != NULL ? ns : "", local);
}

void xsd_types_add(struct xsd_types *types, xmlDoc *doc)
{
    const char *target = xml_attr(xml_root(doc), NULL, "targetNamespace");

    if (types->by_name == NULL)
        types->by_name = dict_new();
    types->docs = mem_realloc(types->docs, types->count + 1, sizeof(xmlDoc *));
    types->docs[types->count++] = doc;
    for (xmlNode *node = xml_first(xml_root(doc)); node != NULL; node = xml_next(node)) {
        const char *name = xml_attr(node, NULL, "name");

        if (name != NULL && xml_is(node, XS, "simpleType")) {
            AUTO(mem_free) char *key = key_of(target, name);

            dict_set(types->by_name, key, node);
        }
    }
}

void xsd_types_free(struct xsd_types *types)
{
    for (size_t i = 0; i < types->count; i++)
        xml_doc_free(&types->docs[i]);
    mem_free(&types->docs);
    dict_free(&types->by_name);
    types->count = 0;
}

/* --- words ------------------------------------------------------------------------------- */

struct words {
    const struct xsd_types *types;
    struct buf *out;
    struct strlist *values; /* may be NULL */
    unsigned depth;
};

/* clang-format off */
static const struct {
    const char *name, *words;
} built_in[] = {
    { "date", "a date YYYY-MM-DD" },
    { "dateTime", "a date and time YYYY-MM-DDThh:mm:ss" },
    { "time", "a time hh:mm:ss" },
    { "gYear", "a year YYYY" },
    { "gYearMonth", "a month YYYY-MM" },
    { "boolean", "true or false" },
    { "integer", "a whole number" },
    { "int", "a whole number" },
    { "long", "a whole number" },
    { "short", "a whole number" },
    { "nonNegativeInteger", "a whole number not below 0" },
    { "positiveInteger", "a whole number above 0" },
    { "unsignedInt", "a whole number not below 0" },
    { "unsignedLong", "a whole number not below 0" },
    { "decimal", "a decimal number" },
    { "double", "a number" },
    { "float", "a number" },
    { "base64Binary", "base64" },
    { "hexBinary", "hexadecimal digits" },
    { "anyURI", "a URI" },
    { "language", "a language code" },
    { "NCName", "an XML name" },
    { "ID", "an XML name" },
    { "string", "a text" },
    { "normalizedString", "a text without line ends" },
    { "token", "a text without blanks at its ends" },
};
/* clang-format on */

static void join(struct words *w)
{
    if (w->out->len > 0 && !text_ends(w->out->data, " or "))
        buf_adds(w->out, " or ");
}

static bool add_built_in(struct words *w, const char *local)
{
    for (size_t i = 0; i < COUNT_OF(built_in); i++)
        if (text_eq(local, built_in[i].name)) {
            join(w);
            buf_adds(w->out, built_in[i].words);
            return true;
        }
    return false;
}

static void add_type(struct words *w, const xmlNode *type);

static void add_named(struct words *w, const char *ns, const char *local)
{
    AUTO(mem_free) char *key = NULL;
    const xmlNode *type;

    if (text_eq(ns, XS)) {
        add_built_in(w, local);
        return;
    }
    key = key_of(ns, local);
    type = w->types->by_name != NULL ? dict_get(w->types->by_name, key) : NULL;
    if (type != NULL && w->depth < DEPTH_MAX)
        add_type(w, type);
}

/* A QName as it stands in the schema, under the declarations there. */
static void add_qname(struct words *w, const xmlNode *at, struct str qname)
{
    struct str rest = qname, prefix;
    AUTO(mem_free) char *p = NULL, *local = NULL;
    const xmlNs *ns;

    str_next(&rest, ':', &prefix);
    p = rest.ptr != NULL ? mem_strndup(prefix.ptr, prefix.len) : NULL;
    local = rest.ptr != NULL ? mem_strndup(rest.ptr, rest.len)
                             : mem_strndup(qname.ptr, qname.len);
    ns = xmlSearchNs(at->doc, (xmlNode *)(uintptr_t)at, xml_chars(p));
    add_named(w, ns != NULL ? xml_cstr(ns->href) : NULL, local);
}

static void add_enumeration(struct words *w, const xmlNode *restriction)
{
    size_t count = 0;

    for (const xmlNode *facet = xml_child(restriction, XS, "enumeration"); facet != NULL;
         facet = xml_again(facet), count++) {
        const char *value = xml_attr(facet, NULL, "value");

        if (value == NULL)
            continue;
        if (w->values != NULL)
            strlist_add(w->values, value);
        if (count == 0) {
            join(w);
            buf_adds(w->out, xml_again(facet) != NULL ? "one of " : "");
        }
        if (count < VALUES_MAX)
            buf_addf(w->out, "%s%s%s%s", count > 0 ? ", " : "",
                     value[0] != '\0' ? "\"" : "", value[0] != '\0' ? value : "empty",
                     value[0] != '\0' ? "\"" : "");
    }
    if (count > VALUES_MAX)
        buf_adds(w->out, ", ...");
}

static const char *facet_value(const xmlNode *restriction, const char *name)
{
    return xml_attr(xml_child(restriction, XS, name), NULL, "value");
}

static void add_length(struct words *w, const xmlNode *restriction)
{
    const char *exact = facet_value(restriction, "length");
    const char *min = facet_value(restriction, "minLength");
    const char *max = facet_value(restriction, "maxLength");

    if (exact == NULL && min == NULL && max == NULL)
        return;
    join(w);
    if (exact != NULL)
        buf_addf(w->out, "%s characters", exact);
    else if (max == NULL)
        buf_addf(w->out, "%s characters or more", min);
    else
        buf_addf(w->out, "%s to %s characters", min != NULL ? min : "0", max);
}

static void add_patterns(struct words *w, const xmlNode *restriction)
{
    for (const xmlNode *facet = xml_child(restriction, XS, "pattern"); facet != NULL;
         facet = xml_again(facet)) {
        const char *value = xml_attr(facet, NULL, "value");

        if (value == NULL)
            continue;
        join(w);
        buf_addf(w->out, "the form %s", value);
    }
}

static void add_restriction(struct words *w, const xmlNode *restriction)
{
    const char *base = xml_attr(restriction, NULL, "base");
    size_t before = w->out->len;

    add_enumeration(w, restriction);
    add_patterns(w, restriction);
    add_length(w, restriction);
    if (w->out->len == before && base != NULL)
        add_qname(w, restriction, str_of(base));
}

static void add_union(struct words *w, const xmlNode *node)
{
    struct str rest = str_trim(str_of(xml_attr(node, NULL, "memberTypes"))), member;

    while (rest.len > 0 && str_next(&rest, ' ', &member))
        if (member.len > 0)
            add_qname(w, node, member);
    for (const xmlNode *inner = xml_child(node, XS, "simpleType"); inner != NULL;
         inner = xml_again(inner))
        add_type(w, inner);
}

static void add_list(struct words *w, const xmlNode *node)
{
    const char *item = xml_attr(node, NULL, "itemType");

    join(w);
    buf_adds(w->out, "blank-separated: ");
    if (item != NULL)
        add_qname(w, node, str_of(item));
}

static void add_type(struct words *w, const xmlNode *type)
{
    const xmlNode *of = xml_first(type);

    while (xml_is(of, XS, "annotation"))
        of = xml_next(of);
    w->depth++;
    if (xml_is(of, XS, "restriction"))
        add_restriction(w, of);
    else if (xml_is(of, XS, "union"))
        add_union(w, of);
    else if (xml_is(of, XS, "list"))
        add_list(w, of);
    w->depth--;
}

void xsd_type_words(const struct xsd_types *types, const char *name, struct buf *out,
                    struct strlist *values)
{
    struct words w = { types, out, values, 0 };
    const char *close = name[0] == '{' ? strchr(name, '}') : NULL;
    AUTO(mem_free) char *ns = NULL;

    if (text_starts(name, "xs:")) {
        add_built_in(&w, name + 3);
        return;
    }
    if (close != NULL)
        ns = mem_strndup(name + 1, (size_t)(close - name) - 1);
    add_named(&w, ns, close != NULL ? close + 1 : name);
}
