/*
 * referral_check.c - what a canonical document must fulfil beyond its schema.
 *
 * One walk over the document; every check adds its finding and goes on. Places are canonical paths,
 * values are never repeated: of an unknown code only the list is named.
 */
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "format/xml.h"
#include "model/codes.h"
#include "model/date.h"
#include "model/findings.h"
#include "model/message.h"
#include "model/referral.h"

struct check {
    const xmlDoc *doc;
    const struct path_table *table;
    const struct codes *codes;
    const char *file;
    struct report *report;
};

static void find(const struct check *c, const xmlNode *node, const char *path,
                 const char *code, const char *text, const char *remedy)
{
    report_add(c->report, &(struct report_entry){
                              .code = code,
                              .file = c->file,
                              .line = node == NULL ? 0 : xml_line(node),
                              .field = path,
                              .text = text,
                              .remedy = remedy,
                          });
}

/* --- codes ------------------------------------------------------------------------------- */

static void check_code(const struct check *c, const xmlNode *node,
                       const struct path_row *row, const char *value)
{
    const struct code_list *list = codes_list(c->codes, row->list);

    if (value == NULL || row->list == NULL)
        return;
    if (list == NULL)
        report_addf(
            c->report,
            &(struct report_entry){ .code = "E-CODE-UNKNOWN",
                                    .file = c->file,
                                    .line = xml_line(node),
                                    .field = row->path,
                                    .remedy = "install the bundle with this list" },
            "the code list %s is not in force here", row->list);
    else if (code_list_find(list, value) == NULL)
        report_addf(c->report,
                    &(struct report_entry){ .code = "E-CODE-UNKNOWN",
                                            .file = c->file,
                                            .line = xml_line(node),
                                            .field = row->path,
                                            .remedy = "use a code of that list" },
                    "no code of the list %s version %s", row->list,
                    code_list_version(list));
}

static void check_attributes(const struct check *c, const xmlNode *node,
                             const struct path_row *row)
{
    for (const xmlAttr *a = node->properties; a != NULL; a = a->next) {
        const char *name = (const char *)a->name;
        const struct path_row *attribute = path_child(c->table, row, name, true);

        if (attribute != NULL && attribute->list != NULL)
            check_code(c, node, attribute, xml_attr(node, NULL, name));
    }
    if (row->coded)
        check_code(c, node, row, xml_attr(node, NULL, "code"));
}

/* --- dates and references ---------------------------------------------------------------- */

static void check_precision(const struct check *c, const xmlNode *node,
                            const struct path_row *row)
{
    enum date_precision said;
    struct date date;
    struct err err;
    const char *text = xml_leaf(node, &err);

    if (text == NULL || !date_parse_canonical(text, &date, &err) ||
        !date_precision_find(xml_attr(node, NULL, "precision"), &said))
        return; /* the schema has said so */
    if (said != date.precision)
        find(c, node, row->path, "E-DATE", "the precision is not that of the date",
             "write as much of the date as its precision says");
}

static bool attachment_exists(const xmlDoc *doc, const char *id)
{
    const xmlNode *n = referral_section(doc, "Attachment");

    while (n != NULL && !text_eq(xml_attr(n, NULL, "id"), id))
        n = xml_again(n);
    return n != NULL;
}

static void check_reference(const struct check *c, const xmlNode *node,
                            const struct path_row *row)
{
    struct err unused;
    const char *id = NULL;

    if (text_eq(row->path, "Person/Photo"))
        id = xml_attr(node, NULL, "attachment");
    else if (text_eq(row->path, "Consent/EvidenceRef"))
        id = xml_leaf(node, &unused);
    if (id != NULL && !attachment_exists(c->doc, id))
        find(c, node, row->path, "E-REFERENCE",
             "no attachment of the message has this id",
             "add the attachment, or leave the reference out");
}

static void check_asked(const struct check *c, const xmlNode *node,
                        const struct path_row *row)
{
    struct err unused;
    const char *path;

    if (!text_eq(row->path, "InfoRequest/Question/Path") &&
        !text_eq(row->path, "InfoResponse/Answer/Path"))
        return;
    path = xml_leaf(node, &unused);
    if (path != NULL && path_find(c->table, path) == NULL)
        find(c, node, row->path, "E-REFERENCE", "no field of the referral has this path",
             "name a field of the canonical schema");
}

/* --- the walk ---------------------------------------------------------------------------- */

static void check_node(const struct check *c, const xmlNode *node,
                       const struct path_row *row)
{
    check_attributes(c, node, row);
    if (row->kind == PATH_PARTIAL_DATE)
        check_precision(c, node, row);
    check_reference(c, node, row);
    check_asked(c, node, row);
}

static void check_below(const struct check *c, const xmlNode *parent,
                        const struct path_row *up, unsigned depth)
{
    for (const xmlNode *n = xml_first(parent); n != NULL && depth < PATH_DEPTH_MAX;
         n = xml_next(n)) {
        const struct path_row *row =
            xml_is(n, REFERRAL_NS, (const char *)n->name)
                ? path_child(c->table, up, (const char *)n->name, false)
                : NULL;

        if (row == NULL)
            continue; /* of a higher minor, or the seal */
        check_node(c, n, row);
        check_below(c, n, row, depth + 1);
    }
}

static void check_sections(const struct check *c, const struct message_type *type)
{
    for (size_t i = 0; i < path_count(c->table); i++) {
        const struct path_row *row = path_at(c->table, i);
        const xmlNode *section;

        if (row->parent != NULL || row->attribute)
            continue;
        section = referral_section(c->doc, row->name);
        if (section == NULL && message_section(type, row->name) == MESSAGE_MUST)
            find(c, NULL, row->path, "E-MISSING",
                 "the message is none without this section", "fill the section");
        if (section != NULL && message_section(type, row->name) == MESSAGE_NEVER)
            find(c, section, row->path, "E-CONDITION",
                 "the section belongs to another kind of message",
                 "take the section out");
    }
}

void referral_check(const xmlDoc *doc, const struct path_table *table,
                    const struct codes *codes, const char *file, struct report *ret)
{
    const struct check c = { doc, table, codes, file, ret };
    const xmlNode *root = referral_root(doc);
    const struct message_type *type;

    if (root == NULL) {
        find(&c, NULL, "", "E-SYNTAX", "the document is no canonical referral", NULL);
        return;
    }
    type = message_type_find(xml_attr(root, NULL, "kind"));
    if (type == NULL || !type->known)
        find(&c, root, "@kind", "E-CONDITION", "this kind of message is not in use here",
             "send one of M01, M03, M04, M05, M06");
    else
        check_sections(&c, type);
    check_below(&c, root, NULL, 0);
}
