/*
 * referral.c - root, header and sections of a canonical document.
 *
 * The header is a table of places: element or attribute, and where it stands in struct
 * referral_header. Reading takes what is there, complete or not; completeness is the schema's matter.
 */
#include "model/referral.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "model/date.h"
#include "model/message.h"

#define ADULT_YEARS 18

static const char *const environments[] = { "live", "training", "demo" };

const char *environment_name(enum environment environment)
{
    return environments[environment];
}

bool environment_find(const char *name, enum environment *ret)
{
    for (size_t i = 0; i < COUNT_OF(environments); i++)
        if (text_eq(environments[i], name)) {
            *ret = (enum environment)i;
            return true;
        }
    return false;
}

/* --- root and sections ------------------------------------------------------------------- */

xmlDoc *referral_new(const char *kind, enum environment environment)
{
    xmlDoc *doc = xml_doc_new("Referral", REFERRAL_NS, NULL);
    xmlNode *root = xml_root(doc);
    char minor[16];

    snprintf(minor, sizeof minor, "%d", REFERRAL_MINOR);
    xml_set(root, NULL, "kind", kind);
    xml_set(root, NULL, "minor", minor);
    xml_set(root, NULL, "environment", environment_name(environment));
    xml_add(root, root->ns, "Header");
    return doc;
}

xmlNode *referral_root(const xmlDoc *doc)
{
    xmlNode *root = xml_root(doc);

    return xml_is(root, REFERRAL_NS, "Referral") ? root : NULL;
}

xmlNode *referral_section(const xmlDoc *doc, const char *name)
{
    const xmlNode *root = referral_root(doc);

    return root == NULL ? NULL : xml_child(root, REFERRAL_NS, name);
}

xmlNode *referral_section_make(xmlDoc *doc, const struct path_table *table,
                               const char *name)
{
    xmlNode *root = referral_root(doc);
    xmlNode *there = referral_section(doc, name);

    if (there != NULL || root == NULL)
        return there;
    return path_add(table, root, name);
}

xmlNode *referral_find(const xmlDoc *doc, const char *path)
{
    const xmlNode *root = referral_root(doc);
    struct path_steps steps;
    struct err unused;

    return root != NULL && path_parse(path, &steps, &unused) ? path_first(root, &steps)
                                                             : NULL;
}

static const char *attribute_of(const xmlNode *node, const struct path_step *step)
{
    char name[PATH_TEXT_MAX];

    memcpy(name, step->name.ptr, step->name.len);
    name[step->name.len] = '\0';
    return xml_attr(node, NULL, name);
}

const char *referral_value(const xmlDoc *doc, const char *path)
{
    const xmlNode *root = referral_root(doc), *node;
    struct path_steps steps;
    struct err unused;
    const char *code;

    if (root == NULL || !path_parse(path, &steps, &unused))
        return NULL;
    node = path_first(root, &steps);
    if (node == NULL)
        return NULL;
    if (steps.step[steps.count - 1].is_attribute)
        return attribute_of(node, &steps.step[steps.count - 1]);
    code = xml_attr(node, NULL, "code");
    return code != NULL ? code : xml_leaf(node, &unused);
}

/* --- header ------------------------------------------------------------------------------ */

struct place {
    const char *element, *attribute; /* attribute NULL: the element's text */
    size_t at, size;
};

#define PLACE(element, attribute, field) \
    { \
        element, attribute, offsetof(struct referral_header, field), \
            sizeof(((struct referral_header *)0)->field) \
    }

/* In the order of the schema; Sequence and CreatedAt are no texts and stand apart. */
static const struct place places[] = {
    PLACE("MessageId", NULL, message_id),
    PLACE("CaseId", NULL, case_id),
    PLACE("InReplyTo", NULL, reply_to),
    PLACE("InReplyTo", "officeNumber", reply_office_number),
    PLACE("OfficeDate", NULL, office_date),
    PLACE("RespondBy", NULL, respond_by),
    PLACE("OfficeNumber", NULL, office_number),
    PLACE("Sender", "gateway", sender_gateway),
    PLACE("Sender", "office", sender_office),
    PLACE("Receiver", "gateway", receiver_gateway),
    PLACE("Receiver", "office", receiver_office),
    PLACE("Agreement", "id", agreement),
    PLACE("Agreement", "version", agreement_version),
    PLACE("Agreement", "digest", agreement_digest),
    PLACE("Agreement", "leg", leg),
    PLACE("LinkedCase", NULL, linked_case),
    PLACE("Mapping", "id", mapping),
    PLACE("Mapping", "version", mapping_version),
    PLACE("Mapping", "digest", mapping_digest),
};

/* "M27": may be repeated in a log. Anything else may be a word out of a case. */
static bool looks_like_kind(const char *kind)
{
    return kind != NULL && strlen(kind) == 3 && kind[0] == 'M' && kind[1] >= '0' &&
           kind[1] <= '9' && kind[2] >= '0' && kind[2] <= '9';
}

static bool root_read(const xmlNode *root, struct referral_header *h, struct err *err)
{
    const char *kind = xml_attr(root, NULL, "kind");
    uint64_t minor;

    if (message_type_find(kind) == NULL || strlen(kind) >= sizeof h->kind)
        return err_set(err, ERR_REJECT, "referral.kind", "message %s is not known here",
                       looks_like_kind(kind) ? kind : "of that kind");
    if (!str_u64(str_of(xml_attr(root, NULL, "minor")), &minor) ||
        minor > REFERRAL_MINOR_MAX)
        return err_set(err, ERR_REJECT, "referral.minor",
                       "@minor is no number from 0 to %d", REFERRAL_MINOR_MAX);
    if (!environment_find(xml_attr(root, NULL, "environment"), &h->environment))
        return err_set(err, ERR_REJECT, "referral.environment",
                       "@environment is none of live, training, demo");
    memcpy(h->kind, kind, strlen(kind) + 1);
    h->minor = (unsigned)minor;
    return true;
}

static const char *place_value(const xmlNode *header, const struct place *p,
                               struct err *err)
{
    const xmlNode *node = xml_child(header, REFERRAL_NS, p->element);

    if (node == NULL)
        return "";
    if (p->attribute == NULL)
        return xml_leaf(node, err);
    return xml_attr(node, NULL, p->attribute) == NULL
               ? ""
               : xml_attr(node, NULL, p->attribute);
}

static bool wrong(const char *element, struct err *err)
{
    return err_set(err, ERR_REJECT, "referral.header",
                   "Header/%s is too long or of the wrong form", element);
}

static bool places_read(const xmlNode *header, struct referral_header *h, struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        const char *value = place_value(header, &places[i], err);
        size_t len = value == NULL ? 0 : strlen(value);

        if (value == NULL || len >= places[i].size)
            return wrong(places[i].element, err);
        memcpy((char *)h + places[i].at, value, len + 1);
    }
    return true;
}

static bool numbers_read(const xmlNode *header, struct referral_header *h,
                         struct err *err)
{
    const xmlNode *sequence = xml_child(header, REFERRAL_NS, "Sequence");
    const xmlNode *created = xml_child(header, REFERRAL_NS, "CreatedAt");
    struct str text;

    if (sequence != NULL && (!xml_leaf_trim(sequence, &text, err) ||
                             !str_u64(text, &h->sequence) || h->sequence == 0))
        return wrong("Sequence", err);
    if (created != NULL && (!xml_leaf_trim(created, &text, err) ||
                            !instant_parse(text.ptr, text.len, &h->created_ms)))
        return wrong("CreatedAt", err);
    return true;
}

bool referral_header_read(const xmlDoc *doc, struct referral_header *ret, struct err *err)
{
    const xmlNode *root = referral_root(doc), *header;
    struct referral_header h = { .kind = "" };

    if (root == NULL)
        return err_set(err, ERR_REJECT, "referral.root",
                       "the document is no Referral of %s", REFERRAL_NS);
    if (!root_read(root, &h, err))
        return false;
    header = xml_child(root, REFERRAL_NS, "Header");
    if (header != NULL &&
        (!places_read(header, &h, err) || !numbers_read(header, &h, err)))
        return false;
    *ret = h;
    return true;
}

/* The element of a place: the one written before when it has several attributes. */
static xmlNode *place_element(xmlNode *header, const struct path_table *table,
                              const char *name)
{
    xmlNode *there = xml_child(header, REFERRAL_NS, name);

    return there != NULL ? there : path_add(table, header, name);
}

static void place_write(xmlNode *header, const struct path_table *table,
                        const struct place *p, const struct referral_header *h)
{
    const char *value = (const char *)h + p->at;
    xmlNode *node;

    if (value[0] == '\0')
        return;
    node = place_element(header, table, p->element);
    if (node == NULL)
        return;
    if (p->attribute != NULL)
        xml_set(node, NULL, p->attribute, value);
    else
        xml_append_text(node, value);
}

static void number_write(xmlNode *header, const struct path_table *table,
                         const char *name, const char *text)
{
    xmlNode *node = path_add(table, header, name);

    if (node != NULL)
        xml_append_text(node, text);
}

static void empty(xmlNode *node)
{
    while (node->children != NULL) {
        xmlNode *child = node->children;

        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}

void referral_header_write(xmlDoc *doc, const struct path_table *table,
                           const struct referral_header *h)
{
    xmlNode *root = referral_root(doc);
    xmlNode *header = referral_section_make(doc, table, "Header");
    char number[32];

    if (root == NULL || header == NULL)
        return;
    snprintf(number, sizeof number, "%u", h->minor);
    xml_set(root, NULL, "kind", h->kind);
    xml_set(root, NULL, "minor", number);
    xml_set(root, NULL, "environment", environment_name(h->environment));
    empty(header);
    for (size_t i = 0; i < COUNT_OF(places); i++)
        place_write(header, table, &places[i], h);
    if (h->sequence > 0) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)h->sequence);
        number_write(header, table, "Sequence", number);
    }
    if (h->created_ms != 0) {
        instant_print(h->created_ms, number);
        number_write(header, table, "CreatedAt", number);
    }
}

/* --- a child ----------------------------------------------------------------------------- */

static struct civil today(int64_t now_ms)
{
    int64_t days = now_ms / DAY_MS;

    return civil_of_days(now_ms % DAY_MS < 0 ? days - 1 : days);
}

/* By birth date; false when it does not decide. */
static bool decided_by_birth(const xmlDoc *doc, int64_t now_ms, bool *ret_child)
{
    const char *text = referral_value(doc, "Person/BirthDate");
    struct date birth;
    struct err unused;
    bool oldest, youngest; /* a child, if born on the first or last day it may mean */

    if (now_ms == 0 || text == NULL || !date_parse_canonical(text, &birth, &unused))
        return false;
    oldest = civil_years_between(date_first(birth), today(now_ms)) < ADULT_YEARS;
    youngest = civil_years_between(date_last(birth), today(now_ms)) < ADULT_YEARS;
    *ret_child = youngest;
    return oldest == youngest;
}

bool referral_of_child(const xmlDoc *doc, int64_t now_ms)
{
    bool child;

    if (decided_by_birth(doc, now_ms, &child))
        return child;
    return beneficiary_is_child(referral_value(doc, "Case/Beneficiary"));
}

/* --- a newer minor ----------------------------------------------------------------------- */

static void note_path(const xmlNode *parent, const char *name, bool attribute,
                      struct strlist *paths)
{
    char path[PATH_TEXT_MAX];
    AUTO(mem_free) char *whole = NULL;

    if (paths == NULL || !path_text_of(parent, path))
        return;
    whole = mem_printf("%s%s%s%s", path, path[0] == '\0' ? "" : "/", attribute ? "@" : "",
                       name);
    if (!strlist_has(paths, whole))
        strlist_add(paths, whole);
}

static size_t drop_attributes(xmlNode *node, const struct path_table *table,
                              struct strlist *paths)
{
    size_t dropped = 0;

    for (xmlAttr *a = node->properties, *next; a != NULL; a = next) {
        next = a->next;
        if (a->ns == NULL && path_of(table, node, (const char *)a->name) != NULL)
            continue;
        note_path(node, (const char *)a->name, true, paths);
        xmlRemoveProp(a);
        dropped++;
    }
    return dropped;
}

static bool is_seal(const xmlNode *node)
{
    return xml_is(node, "http://www.w3.org/2000/09/xmldsig#", "Signature");
}

static size_t drop_below(xmlNode *node, const struct path_table *table,
                         struct strlist *paths, unsigned depth)
{
    size_t dropped = drop_attributes(node, table, paths);

    for (xmlNode *n = xml_first(node), *next; n != NULL; n = next) {
        next = xml_next(n);
        if (is_seal(n) && depth == 0)
            continue;
        if (depth < PATH_DEPTH_MAX && path_of(table, n, NULL) != NULL) {
            dropped += drop_below(n, table, paths, depth + 1);
            continue;
        }
        note_path(node, (const char *)n->name, false, paths);
        xmlUnlinkNode(n);
        xmlFreeNode(n);
        dropped++;
    }
    return dropped;
}

size_t referral_drop_unknown(xmlDoc *doc, const struct path_table *table,
                             struct strlist *paths)
{
    xmlNode *root = referral_root(doc);

    return root == NULL ? 0 : drop_below(root, table, paths, 0);
}
