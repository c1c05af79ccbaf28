/*
 * format_json.c - national JSON as the same tree: an element per key, an array = the element repeated.
 *
 * A node's `extra` keeps what XML cannot say (an item of an array, an empty array, null), so that a
 * finding can point at the right line and an empty list is not taken for nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "format/charset.h"
#include "format/xml.h"
#include "mapping/mapping_private.h"

static void refuse(struct run *run, const char *code, const struct err *fault,
                   const char *remedy)
{
    report_add(run->report,
               &(struct report_entry){
                   .code = code,
                   .file = run->context->file == NULL ? "document" : run->context->file,
                   .text = fault->text,
                   .remedy = remedy,
               });
}

static xmlNode *node_new(xmlDoc *doc, xmlNode *parent, const char *name)
{
    xmlNode *node = xmlNewDocNode(doc, NULL, (const xmlChar *)name, NULL);

    if (parent == NULL)
        xmlDocSetRootElement(doc, node);
    else
        xmlAddChild(parent, node);
    return node;
}

static void value_add(xmlDoc *doc, xmlNode *node, json_t *value);

static void member_add(xmlDoc *doc, xmlNode *parent, const char *key, json_t *value)
{
    json_t *item;
    size_t i;

    if (!json_is_array(value)) {
        value_add(doc, node_new(doc, parent, key), value);
        return;
    }
    if (json_array_size(value) == 0)
        node_new(doc, parent, key)->extra = JSON_EMPTY_LIST;
    json_array_foreach (value, i, item) {
        xmlNode *node = node_new(doc, parent, key);

        node->extra = JSON_ITEM;
        value_add(doc, node, item);
    }
}

static void text_add(xmlDoc *doc, xmlNode *node, const char *text)
{
    xmlAddChild(node, xmlNewDocText(doc, (const xmlChar *)text));
}

static void value_add(xmlDoc *doc, xmlNode *node, json_t *value)
{
    char number[64];
    const char *key;
    json_t *member;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        json_object_foreach (value, key, member)
            member_add(doc, node, key, member);
        return;
    case JSON_STRING:
        text_add(doc, node, json_string_value(value));
        return;
    case JSON_INTEGER:
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text_add(doc, node, number);
        return;
    case JSON_REAL:
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
        text_add(doc, node, number);
        return;
    case JSON_TRUE:
        text_add(doc, node, "true");
        return;
    case JSON_FALSE:
        text_add(doc, node, "false");
        return;
    case JSON_NULL:
        node->extra |= JSON_NULL_VALUE;
        return;
    case JSON_ARRAY:
        return; /* an array in an array: the schema has refused it */
    }
}

bool json_open(struct run *run, const void *data, size_t len, struct err *err)
{
    struct err fault = { 0 };

    (void)err;
    if (!charset_check_utf8(data, len, &fault)) {
        refuse(run, "E-ENCODING", &fault, "save the document as UTF-8");
        return true;
    }
    if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        err_set(&fault, ERR_REJECT, "json.mark", "a byte order mark stands in front");
        refuse(run, "E-ENCODING", &fault,
               "save the document as UTF-8 without byte order mark");
        return true;
    }
    run->json =
        json_doc_parse(run->context->file == NULL ? "document" : run->context->file, data,
                       len, ERR_REJECT, &json_limits_document, &fault);
    if (run->json == NULL) {
        refuse(run, text_eq(fault.code, "charset.utf8") ? "E-ENCODING" : "E-SYNTAX",
               &fault, "write the document again: it is not well-formed JSON");
        return true;
    }
    run->doc = xmlNewDoc((const xmlChar *)"1.0");
    run->doc->dict = xmlDictCreateSub(run->map->names);
    run->top = node_new(run->doc, NULL, "document");
    if (json_is_object(run->json->root))
        value_add(run->doc, run->top, run->json->root);
    return true;
}

static void pointer_add(struct buf *out, const xmlNode *node)
{
    size_t index = 0;

    if (node->parent == NULL || node->parent->type != XML_ELEMENT_NODE)
        return;
    pointer_add(out, node->parent);
    json_step_add(out, (const char *)node->name);
    for (const xmlNode *n = node->prev; n != NULL; n = n->prev)
        index += xmlStrEqual(n->name, node->name);
    if ((node->extra & JSON_ITEM) != 0)
        buf_addf(out, "/%zu", index);
}

unsigned json_node_line(const struct run *run, const xmlNode *node)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(4096);

    buf_adds(&pointer, "");
    pointer_add(&pointer, node);
    return json_line_of(run->json->text, run->json->len, buf_str(&pointer));
}

/* --- writing ----------------------------------------------------------------------------- */

static json_t *value_of(const struct out *out);

static json_t *object_of(const struct out *out)
{
    json_t *object = json_object();

    for (const struct out *kid = out->first; kid != NULL; kid = kid->next) {
        json_t *list;

        if (kid->dead)
            continue;
        if (!kid->shape->array) {
            json_object_set_new(object, kid->shape->name, value_of(kid));
            continue;
        }
        list = json_object_get(object, kid->shape->name);
        if (list == NULL) {
            list = json_array();
            json_object_set_new(object, kid->shape->name, list);
        }
        if (!kid->nil) /* a list that must stand and has no item */
            json_array_append_new(list, value_of(kid));
    }
    return object;
}

static json_t *value_of(const struct out *out)
{
    int64_t number;

    switch (out->shape->type) {
    case SHAPE_OBJECT:
    case SHAPE_ANY:
        return object_of(out);
    case SHAPE_BOOLEAN:
        return json_boolean(text_eq(out->value, "true") || text_eq(out->value, "1"));
    case SHAPE_NUMBER:
        return out->value != NULL && str_i64(str_of(out->value), &number)
                   ? json_integer(number)
                   : json_string(out->value == NULL ? "" : out->value);
    case SHAPE_TEXT:
        break;
    }
    return json_string(out->value == NULL ? "" : out->value);
}

bool json_save(struct run *run, struct buf *out, struct err *err)
{
    AUTO(json_drop) json_t *root = object_of(run->out_top);

    json_print_pretty(root, out);
    return buf_check(out, "the written document", err);
}
