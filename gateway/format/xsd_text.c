/*
 * xsd_text.c - libxml2's validation errors in words of our own.
 *
 * Its messages quote the value. What is used of a message is only what the schema has put there:
 * numbers, and the piece behind the last of a known phrase (the value always stands before it).
 * A code this file does not know becomes "does not fit the schema" with libxml2's number.
 *
 * One thing is added that it cannot know: a listed value typed with look-alike letters of the
 * other alphabet (Latin B for Cyrillic В) is named as such.
 */
#include "format/xsd_private.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/xml.h"
#include "format/xml_private.h"

#define TEXT_MAX   8000 /* octets of one finding's text */
#define VALUES_MAX 40   /* listed values shown */
#define PLACE_MAX  1000 /* octets of one finding's place */

/* --- pieces of a message ----------------------------------------------------------------- */

/* What stands behind the last of a phrase, without the closing ".\n"; empty when absent. */
static struct str behind_last(const char *message, const char *phrase)
{
    const char *found = NULL;
    struct str rest;

    for (const char *p = message; (p = strstr(p, phrase)) != NULL; p++)
        found = p;
    if (found == NULL)
        return str_of("");
    rest = str_trim(str_of(found + strlen(phrase)));
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '.')
        rest.len--;
    return rest;
}

/* The last text in '...': in every message used here it comes from the schema. */
static struct str last_quoted(const char *message)
{
    const char *close = strrchr(message, '\''), *open = close;

    while (open != NULL && open > message && open[-1] != '\'')
        open--;
    if (close == NULL || open == message)
        return str_of("");
    return (struct str){ open, (size_t)(close - open) };
}

/* "{ns}a, {ns}b" without the namespaces. */
static void add_names(struct buf *out, struct str names)
{
    for (size_t i = 0; i < names.len; i++) {
        if (names.ptr[i] == '{') {
            while (i < names.len && names.ptr[i] != '}')
                i++;
            continue;
        }
        buf_addc(out, names.ptr[i]);
    }
}

/* --- look-alike letters ------------------------------------------------------------------ */

/* clang-format off */
static const struct {
    char latin;
    uint32_t cyrillic;
} alike[] = {
    { 'A', 0x410 }, { 'B', 0x412 }, { 'C', 0x421 }, { 'E', 0x415 }, { 'H', 0x41D },
    { 'I', 0x406 }, { 'J', 0x408 }, { 'K', 0x41A }, { 'M', 0x41C }, { 'O', 0x41E },
    { 'P', 0x420 }, { 'S', 0x405 }, { 'T', 0x422 }, { 'X', 0x425 }, { 'Y', 0x423 },
    { 'a', 0x430 }, { 'c', 0x441 }, { 'e', 0x435 }, { 'i', 0x456 }, { 'j', 0x458 },
    { 'o', 0x43E }, { 'p', 0x440 }, { 's', 0x455 }, { 'x', 0x445 }, { 'y', 0x443 },
};
/* clang-format on */

static bool is_pair(uint32_t latin, uint32_t cyrillic)
{
    for (size_t i = 0; i < COUNT_OF(alike); i++)
        if ((uint32_t)alike[i].latin == latin && alike[i].cyrillic == cyrillic)
            return true;
    return false;
}

/* Typed looks like meant and is not: the first letter in which they differ. */
static bool looks_like(const char *typed, const char *meant, uint32_t *ret_typed,
                       uint32_t *ret_meant)
{
    size_t len_t = strlen(typed), len_m = strlen(meant), at_t = 0, at_m = 0;
    uint32_t t = 0, m = 0;
    bool differ = false;

    while (at_t < len_t && at_m < len_m) {
        size_t step_t = utf8_next(typed + at_t, len_t - at_t, &t);
        size_t step_m = utf8_next(meant + at_m, len_m - at_m, &m);

        if (step_t == 0 || step_m == 0 || (t != m && !is_pair(t, m) && !is_pair(m, t)))
            return false;
        if (t != m && !differ) {
            *ret_typed = t;
            *ret_meant = m;
            differ = true;
        }
        at_t += step_t;
        at_m += step_m;
    }
    return differ && at_t == len_t && at_m == len_m;
}

static void add_look_alike(struct buf *out, const char *value,
                           const struct strlist *values)
{
    uint32_t typed = 0, meant = 0;
    char t[5] = { 0 }, m[5] = { 0 };

    for (size_t i = 0; i < values->count; i++) {
        if (!looks_like(value, values->items[i], &typed, &meant))
            continue;
        utf8_put(typed, t);
        utf8_put(meant, m);
        buf_addf(out,
                 "; a %s letter %s (U+%04X) stands where the %s %s (U+%04X) is meant",
                 typed < 0x80 ? "Latin" : "Cyrillic", t, (unsigned)typed,
                 meant < 0x80 ? "Latin" : "Cyrillic", m, (unsigned)meant);
        return;
    }
}

/* --- sentences --------------------------------------------------------------------------- */

struct fault {
    const struct xsd_types *types;
    const xmlError *error;
    const char *message;
    const char *value; /* of the element or attribute; never shown */
};

/* 'A', 'B' as a list. */
static void split_set(struct str set, struct strlist *ret)
{
    const char *p = set.ptr, *end = set.ptr + set.len;

    while (p < end && *p == '\'') {
        const char *close = memmem(p + 1, (size_t)(end - p) - 1, "', '", 4);
        const char *stop = close != NULL ? close : end - 1;
        AUTO(mem_free)
        char *item =
            stop > p ? mem_strndup(p + 1, (size_t)(stop - p) - 1) : mem_strdup("");

        strlist_add(ret, item);
        p = close != NULL ? close + 3 : end;
    }
}

static void say_enumeration(const struct fault *fault, struct buf *out)
{
    AUTO(strlist_free) struct strlist values = { 0 };
    struct str set = behind_last(fault->message, "is not an element of the set {");

    if (set.len > 0 && set.ptr[set.len - 1] == '}')
        set.len--;
    split_set(set, &values);
    buf_adds(out, "expected: one of ");
    for (size_t i = 0; i < values.count && i < VALUES_MAX; i++)
        buf_addf(out, "%s\"%s\"", i > 0 ? ", " : "", values.items[i]);
    if (values.count > VALUES_MAX)
        buf_adds(out, ", ...");
    add_look_alike(out, fault->value, &values);
}

static void say_pattern(const struct fault *fault, struct buf *out)
{
    struct str form = behind_last(fault->message, "is not accepted by the pattern '");

    if (form.len > 0)
        form.len--; /* the closing quote */
    buf_addf(out, "the value does not have the form " STR_FMT, STR_ARG(form));
}

static void say_length(const struct fault *fault, struct buf *out)
{
    struct str allowed = last_quoted(fault->message);
    const char *how = fault->error->code == XML_SCHEMAV_CVC_MAXLENGTH_VALID ? "at most "
                      : fault->error->code == XML_SCHEMAV_CVC_MINLENGTH_VALID
                          ? "at least "
                          : "";

    buf_addf(out, "the value has %zu characters, %s" STR_FMT " are allowed",
             utf8_count(fault->value), how, STR_ARG(allowed));
}

static void say_range(const struct fault *fault, struct buf *out)
{
    static const struct {
        int code;
        const char *how;
    } hows[] = {
        { XML_SCHEMAV_CVC_MININCLUSIVE_VALID, "not below" },
        { XML_SCHEMAV_CVC_MAXINCLUSIVE_VALID, "not above" },
        { XML_SCHEMAV_CVC_MINEXCLUSIVE_VALID, "above" },
        { XML_SCHEMAV_CVC_MAXEXCLUSIVE_VALID, "below" },
    };
    struct str bound = last_quoted(fault->message);

    for (size_t i = 0; i < COUNT_OF(hows); i++)
        if (hows[i].code == fault->error->code)
            buf_addf(out, "the value must be %s " STR_FMT, hows[i].how, STR_ARG(bound));
}

static void say_digits(const struct fault *fault, struct buf *out)
{
    struct str bound = last_quoted(fault->message);

    buf_addf(out, "the value has more than " STR_FMT " %s", STR_ARG(bound),
             fault->error->code == XML_SCHEMAV_CVC_TOTALDIGITS_VALID ? "digits"
                                                                     : "decimal places");
}

static void say_type(const struct fault *fault, struct buf *out)
{
    struct str type = behind_last(fault->message, " is not a valid value of the ");
    struct str quoted = last_quoted(type.len > 0 ? type.ptr : "");
    AUTO(mem_free) char *name = mem_strndup(quoted.ptr, quoted.len);
    AUTO(buf_free) struct buf words = BUF_INIT(TEXT_MAX / 2);
    AUTO(strlist_free) struct strlist values = { 0 };

    xsd_type_words(fault->types, name, &words, &values);
    if (words.len == 0)
        buf_adds(out, "the value is not of the kind that belongs here");
    else if (fault->value[0] == '\0')
        buf_addf(out, "the field is empty; expected: %s", words.data);
    else
        buf_addf(out, "the value (%zu characters) does not fit; expected: %s",
                 utf8_count(fault->value), words.data);
    add_look_alike(out, fault->value, &values);
}

static const char missing_element[] = "an element is missing";

static void say_expected(const struct fault *fault, struct buf *out)
{
    bool missing = strstr(fault->message, "': Missing child element(s).") != NULL;
    struct str names = behind_last(fault->message, "Expected is ");
    const char *open = names.len > 0 ? memchr(names.ptr, '(', names.len) : NULL;

    buf_adds(out, missing ? missing_element : "this element is not expected here");
    if (open == NULL) {
        if (!missing)
            buf_adds(out, "; nothing further is");
        return;
    }
    names = (struct str){ open + 1, (size_t)(names.ptr + names.len - open) - 1 };
    if (names.len > 0 && names.ptr[names.len - 1] == ')')
        names.len--;
    buf_adds(out, "; expected: ");
    add_names(out, str_trim(names));
}

static void say_required(const struct fault *fault, struct buf *out)
{
    struct str name = last_quoted(fault->message);

    buf_adds(out, "the attribute ");
    add_names(out, name);
    buf_adds(out, " is required");
}

static void say_fixed(const struct fault *fault, struct buf *out)
{
    struct str fixed = last_quoted(fault->message);

    buf_addf(out, "only the value \"" STR_FMT "\" is allowed here", STR_ARG(fixed));
}

/* --- the table --------------------------------------------------------------------------- */

/* clang-format off */
static const struct row {
    int code;
    const char *rule;
    void (*say)(const struct fault *fault, struct buf *out);
    const char *words; /* when there is nothing to fill in */
} rows[] = {
    { XML_SCHEMAV_CVC_ENUMERATION_VALID, "enumeration", say_enumeration, NULL },
    { XML_SCHEMAV_CVC_PATTERN_VALID, "pattern", say_pattern, NULL },
    { XML_SCHEMAV_CVC_LENGTH_VALID, "length", say_length, NULL },
    { XML_SCHEMAV_CVC_MINLENGTH_VALID, "minLength", say_length, NULL },
    { XML_SCHEMAV_CVC_MAXLENGTH_VALID, "maxLength", say_length, NULL },
    { XML_SCHEMAV_CVC_MININCLUSIVE_VALID, "range", say_range, NULL },
    { XML_SCHEMAV_CVC_MAXINCLUSIVE_VALID, "range", say_range, NULL },
    { XML_SCHEMAV_CVC_MINEXCLUSIVE_VALID, "range", say_range, NULL },
    { XML_SCHEMAV_CVC_MAXEXCLUSIVE_VALID, "range", say_range, NULL },
    { XML_SCHEMAV_CVC_TOTALDIGITS_VALID, "digits", say_digits, NULL },
    { XML_SCHEMAV_CVC_FRACTIONDIGITS_VALID, "digits", say_digits, NULL },
    { XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_1, "type", say_type, NULL },
    { XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_2, "type", say_type, NULL },
    { XML_SCHEMAV_CVC_DATATYPE_VALID_1_2_3, "type", say_type, NULL },
    { XML_SCHEMAV_ELEMENT_CONTENT, "unexpected", say_expected, NULL },
    { XML_SCHEMAV_CVC_COMPLEX_TYPE_4, "attribute-required", say_required, NULL },
    { XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_1, "attribute-unknown", NULL, "this attribute is not allowed here" },
    { XML_SCHEMAV_CVC_COMPLEX_TYPE_3_2_2, "attribute-unknown", NULL, "this attribute is not allowed here" },
    { XML_SCHEMAV_CVC_TYPE_3_1_1, "attribute-unknown", NULL, "this attribute is not allowed here" },
    { XML_SCHEMAV_CVC_ELT_1, "not-declared", NULL, "this is not a document of this form: its root element is not known" },
    { XML_SCHEMAV_CVC_ELT_3_1, "nil", NULL, "the element may not be nil" },
    { XML_SCHEMAV_CVC_ELT_3_2_1, "nil", NULL, "the element is nil and must be empty" },
    { XML_SCHEMAV_CVC_ELT_4_2, "type", NULL, "the xsi:type names no type of the form" },
    { XML_SCHEMAV_CVC_ELT_5_2_2_2_1, "fixed", say_fixed, NULL },
    { XML_SCHEMAV_CVC_ELT_5_2_2_2_2, "fixed", say_fixed, NULL },
    { XML_SCHEMAV_CVC_AU, "fixed", say_fixed, NULL },
    { XML_SCHEMAV_CVC_COMPLEX_TYPE_2_1, "content", NULL, "the element must be empty" },
    { XML_SCHEMAV_CVC_COMPLEX_TYPE_2_3, "content", NULL, "text stands between elements where none is allowed" },
    { XML_SCHEMAV_CVC_TYPE_3_1_2, "content", NULL, "the element may hold only text" },
    { XML_SCHEMAV_CVC_IDC, "unique", NULL, "a value that must be unique, or must refer to another, is not" },
};
/* clang-format on */

static const struct row *row_of(int code)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

/* --- place and value --------------------------------------------------------------------- */

/* The attribute an error is about: "Element 'e', attribute '{ns}a': ..."; owned, or NULL. */
static char *attribute_of(const char *message)
{
    const char *start = strstr(message, "', attribute '"),
               *colon = strstr(message, "': ");
    const char *local, *end;

    if (start == NULL || colon == NULL || colon < start)
        return NULL;
    start += strlen("', attribute '");
    end = strstr(start, "': ");
    if (end == NULL)
        return NULL;
    local = memchr(start, '}', (size_t)(end - start));
    local = local != NULL ? local + 1 : start;
    return mem_strndup(local, (size_t)(end - local));
}

static const xmlAttr *find_attribute(const xmlNode *node, const char *local)
{
    for (const xmlAttr *attr = node->properties; attr != NULL; attr = attr->next)
        if (text_eq(xml_cstr(attr->name), local))
            return attr;
    return NULL;
}

static void read_value(const xmlNode *node, const char *attribute, struct buf *out)
{
    const xmlAttr *attr = attribute != NULL ? find_attribute(node, attribute) : NULL;
    struct err dropped;

    if (attr != NULL && attr->children != NULL)
        buf_adds(out, xml_cstr(attr->children->content));
    else if (attribute == NULL && !xml_text(node, out, &dropped))
        buf_clear(out);
}

/* A value that is wrong in itself has nothing to be compared by: said already. */
static bool is_consequence(const xmlError *error, const char *message)
{
    return error->code == XML_SCHEMAV_CVC_IDC &&
           strstr(message, "No precomputed value available") != NULL;
}

static bool is_repeated(const struct findings *findings, const char *place, unsigned line,
                        const char *rule)
{
    const struct finding *last =
        findings->count > 0 ? &findings->items[findings->count - 1] : NULL;

    /* Of a list both the item and the whole are reported, of a facet sometimes the type too. */
    return last != NULL && text_eq(rule, "type") && last->line == line &&
           text_eq(last->place, place);
}

/* Adds the sentence; gives the rule. */
static const char *say(const struct fault *fault, struct buf *out)
{
    const struct row *row = row_of(fault->error->code);

    if (row == NULL) {
        buf_addf(out, "does not fit the schema (libxml2's number %d)",
                 fault->error->code);
        return "schema";
    }
    if (row->say != NULL)
        row->say(fault, out);
    else
        buf_adds(out, row->words);
    return text_starts(buf_str(out), missing_element) ? "missing" : row->rule;
}

static void say_place(const xmlNode *node, const xmlDoc *doc, const char *attribute,
                      struct buf *out)
{
    if (node != NULL && node->type == XML_ELEMENT_NODE)
        xml_path_add(out, node, xml_root(doc));
    if (attribute != NULL)
        buf_addf(out, "%s@%s", out->len > 0 ? "/" : "", attribute);
}

void xsd_finding_add(struct findings *findings, const struct xsd_types *types,
                     const xmlDoc *doc, const xmlError *error)
{
    AUTO(buf_free) struct buf place = BUF_INIT(PLACE_MAX), text = BUF_INIT(TEXT_MAX);
    AUTO(buf_free) struct buf value = BUF_SECRET_INIT(SIZE_MAX / 2);
    struct fault fault = { types, error, error->message != NULL ? error->message : "",
                           "" };
    AUTO(mem_free) char *attribute = attribute_of(fault.message);
    const xmlNode *node = error->node;
    const char *rule;

    if (is_consequence(error, fault.message))
        return;
    say_place(node, doc, attribute, &place);
    if (node != NULL && node->type == XML_ELEMENT_NODE)
        read_value(node, attribute, &value);
    fault.value = buf_str(&value);
    rule = say(&fault, &text);
    if (!is_repeated(findings, buf_str(&place), xml_line(node), rule))
        findings_add(findings, buf_str(&place), xml_line(node), rule, NULL, "%s",
                     buf_str(&text));
}
