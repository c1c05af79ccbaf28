/*
 * format_xml.c - national XML: any declared encoding in, the form's encoding out, wrapped or not.
 *
 * Parsing and printing are format/xml.h's. Namespaces are written by the schema: the form's default one
 * without prefix, declared where it begins; the others with the prefixes the mapping gives them, on the
 * root.
 */
#include <string.h>

#include "base/err.h"
#include "format/charset.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"

#define XSI_NS "http://www.w3.org/2001/XMLSchema-instance"

static void refuse(struct run *run, const char *code, unsigned line, const char *text,
                   const char *remedy)
{
    report_add(run->report,
               &(struct report_entry){
                   .code = code,
                   .file = run->context->file == NULL ? "document" : run->context->file,
                   .line = line,
                   .text = text,
                   .remedy = remedy,
               });
}

static bool encoding_allowed(const struct mapping *map, const struct charset *charset)
{
    for (size_t i = 0; i < map->read_encoding_count; i++)
        if (charset_find(str_of(map->read_encodings[i])) == charset)
            return true;
    return map->read_encoding_count == 0;
}

bool xml_open(struct run *run, const void *data, size_t len, struct err *err)
{
    struct xml_place place = { 0 };
    const struct charset *charset = NULL;
    struct err fault = { 0 };
    const struct xml_options options = { .limits = &xml_limits_national,
                                         .names = run->map->names,
                                         .ret_place = &place };

    (void)err;
    run->doc = xml_parse_declared(data, len, &options, &charset, &fault);
    if (run->doc == NULL) {
        bool encoding = text_starts(fault.code, "charset.") ||
                        text_eq(fault.code, "xml.encoding") ||
                        text_eq(fault.code, "xml.utf16");

        refuse(run, encoding ? "E-ENCODING" : "E-SYNTAX", place.line, fault.text,
               encoding ? "save the document in the encoding that its first line names"
                        : "write the document again: it is not well-formed XML");
        return true;
    }
    if (!encoding_allowed(run->map, charset)) {
        refuse(run, "E-ENCODING", 1, "the form does not allow this encoding",
               "save the document in an encoding that the annex allows");
        xml_doc_free(&run->doc);
        return true;
    }
    run->top = xml_root(run->doc);
    return true;
}

/* --- writing ----------------------------------------------------------------------------- */

struct save {
    const struct run *run;
    xmlNs **declared; /* by mapping->namespaces */
    xmlNs *xsi, *plain;
};

static const xmlChar *x(const char *text)
{
    return (const xmlChar *)text;
}

static xmlNs *ns_of(struct save *save, xmlNode *node, const char *uri)
{
    const struct mapping *map = save->run->map;

    if (uri == NULL)
        return NULL;
    if (text_eq(uri, map->default_ns)) {
        if (save->plain == NULL)
            save->plain = xmlNewNs(node, x(uri), NULL);
        return save->plain;
    }
    for (size_t i = 0; i < map->namespace_count; i++)
        if (text_eq(map->namespaces[i].uri, uri))
            return save->declared[i];
    if (save->plain == NULL)
        save->plain = xmlNewNs(node, x(uri), NULL);
    return save->plain;
}

static void save_node(struct save *save, xmlDoc *doc, xmlNode *parent,
                      const struct out *out)
{
    xmlNode *node = xmlNewDocNode(doc, NULL, x(out->shape->name), NULL);

    if (parent == NULL)
        xmlDocSetRootElement(doc, node);
    else
        xmlAddChild(parent, node);
    if (parent == NULL) {
        const struct mapping *map = save->run->map;

        for (size_t i = 0; i < map->namespace_count; i++)
            if (!text_eq(map->namespaces[i].uri, map->default_ns)) {
                save->declared[i] = xmlNewNs(node, x(map->namespaces[i].uri),
                                             x(map->namespaces[i].prefix));
                if (text_eq(map->namespaces[i].uri, XSI_NS))
                    save->xsi = save->declared[i];
            }
    }
    xmlSetNs(node, ns_of(save, node, out->shape->ns));
    if (out->nil) {
        if (save->xsi == NULL)
            save->xsi = xmlNewNs(xmlDocGetRootElement(doc), x(XSI_NS), x("xsi"));
        xmlNewNsProp(node, save->xsi, x("nil"), x("true"));
    }
    for (const struct out *kid = out->first; kid != NULL; kid = kid->next)
        if (!kid->dead && kid->shape->attr)
            xmlNewNsProp(node, ns_of(save, node, kid->shape->ns), x(kid->shape->name),
                         x(kid->value));
    if (out->value != NULL && *out->value != '\0')
        xmlAddChild(node, xmlNewDocText(doc, x(out->value)));
    for (const struct out *kid = out->first; kid != NULL; kid = kid->next)
        if (!kid->dead && !kid->shape->attr)
            save_node(save, doc, node, kid);
}

bool xml_save(struct run *run, struct buf *out, struct err *err)
{
    AUTO(xml_doc_free) xmlDoc *doc = xmlNewDoc(x("1.0"));
    struct save save = { .run = run };

    save.declared =
        arena_array(&run->arena, run->map->namespace_count + 1, sizeof *save.declared);
    save_node(&save, doc, NULL, run->out_top);
    return xml_print(
        doc,
        &(struct xml_style){ .charset = run->map->charset, .indent = run->map->indent },
        out, err);
}
