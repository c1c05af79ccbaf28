/*
 * xsd.c - schemas compiled from memory, documents held against them.
 *
 * Every file passes the hardened parser first, so that a schema with a DOCTYPE is refused before
 * libxml2's schema code (which expands entities) sees it. Compiling is done by one thread at a
 * time; while it lasts, and only in that thread, the entity loader serves the given files. A
 * compiled schema is only read; each validation has a context of its own.
 */
#include "format/xsd.h"

#include <pthread.h>
#include <string.h>

#include <libxml/xmlschemas.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "format/xml_private.h"
#include "format/xsd_private.h"

#define XS "http://www.w3.org/2001/XMLSchema"

struct xsd {
    xmlSchema *schema;
    struct xsd_types types;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct xml_limits schema_limits = { XSD_FILE_MAX, 64, 200000, false, true };

/* --- compiling --------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < 128 && name[0] != '.' &&
           strspn(name,
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               len;
}

static bool check_file(const struct xsd_file *file, struct xsd_types *types,
                       struct err *err)
{
    const struct xml_options options = { .limits = &schema_limits };
    AUTO(xml_doc_free) xmlDoc *doc = NULL;

    if (!is_name(file->name))
        return err_set(
            err, ERR_CONFIG, "xsd.compile",
            "\"%.100s\" cannot name a schema file: letters, digits, . _ - only",
            file->name);
    doc = xml_parse_utf8(file->data, file->len, &options, err);
    if (doc == NULL) {
        err_context(err, "%s", file->name);
        return err_set(err, ERR_CONFIG, "xsd.compile", "%s", err->text);
    }
    if (!xml_is(xml_root(doc), XS, "schema"))
        return err_set(err, ERR_CONFIG, "xsd.compile", "%s is no XML Schema", file->name);
    xsd_types_add(types, TAKE(doc));
    return true;
}

static bool check_files(const struct xsd_file *files, size_t count, const char *entry,
                        struct xsd_types *types, struct err *err)
{
    bool found = false;

    if (count > XSD_FILES_MAX)
        return err_set(err, ERR_CONFIG, "xsd.compile", "a schema of over %d files",
                       XSD_FILES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!check_file(&files[i], types, err))
            return false;
        found = found || text_eq(files[i].name, entry);
    }
    return found ||
           err_set(err, ERR_CONFIG, "xsd.compile", "there is no schema file %s", entry);
}

/* The first error; schemas hold no personal data, so libxml2 may speak for itself. */
static void on_compile_error(void *data, xmlError *error)
{
    struct err *err = data;
    struct str text = str_trim(str_of(error->message));

    if (error->level >= XML_ERR_ERROR && err->kind == ERR_NONE)
        err_set(err, ERR_CONFIG, "xsd.compile", "%s:%d: %.*s",
                error->file != NULL ? error->file : "schema", error->line,
                text.len < 360 ? (int)text.len : 360, text.ptr);
}

static xmlSchema *parse_served(const char *entry, struct err *err)
{
    struct err fault = { .kind = ERR_NONE };
    xmlSchemaParserCtxt *ctxt = xmlSchemaNewParserCtxt(entry);
    xmlSchema *schema;

    xmlSchemaSetParserStructuredErrors(ctxt, on_compile_error, &fault);
    schema = xmlSchemaParse(ctxt);
    xmlSchemaFreeParserCtxt(ctxt);
    if (xml_refused()[0] != '\0')
        err_set(&fault, ERR_CONFIG, "xsd.compile",
                "%s: includes or imports \"%.100s\", which is not among its files", entry,
                xml_refused());
    else if (schema == NULL && fault.kind == ERR_NONE)
        err_set(&fault, ERR_CONFIG, "xsd.compile", "%s cannot be compiled", entry);
    if (fault.kind == ERR_NONE)
        return schema;
    xmlSchemaFree(schema);
    *err = fault;
    return NULL;
}

struct xsd *xsd_compile(const struct xsd_file *files, size_t count, const char *entry,
                        struct err *err)
{
    AUTO(xsd_free) struct xsd *xsd = mem_alloc(sizeof *xsd);

    xml_init();
    if (!check_files(files, count, entry, &xsd->types, err))
        return NULL;
    pthread_mutex_lock(&lock);
    xml_serve(files, count);
    xsd->schema = parse_served(entry, err);
    xml_serve(NULL, 0);
    pthread_mutex_unlock(&lock);
    return xsd->schema != NULL ? TAKE(xsd) : NULL;
}

void xsd_free(struct xsd **xsd)
{
    if (*xsd == NULL)
        return;
    xmlSchemaFree((*xsd)->schema);
    xsd_types_free(&(*xsd)->types);
    mem_free(xsd);
}

/* --- validating -------------------------------------------------------------------------- */

struct check {
    const struct xsd *xsd;
    const xmlDoc *doc;
    struct findings *findings;
};

static void on_finding(void *data, xmlError *error)
{
    const struct check *check = data;

    if (error->level >= XML_ERR_ERROR)
        xsd_finding_add(check->findings, &check->xsd->types, check->doc, error);
}

bool xsd_validate(const struct xsd *xsd, xmlDoc *doc, struct findings *ret,
                  struct err *err)
{
    struct check check = { xsd, doc, ret };
    size_t before = ret->count;
    xmlSchemaValidCtxt *ctxt = xmlSchemaNewValidCtxt(xsd->schema);
    int rc;

    xmlSchemaSetValidStructuredErrors(ctxt, on_finding, &check);
    rc = xmlSchemaValidateDoc(ctxt, doc);
    xmlSchemaFreeValidCtxt(ctxt);
    if (rc < 0)
        return err_set(err, ERR_BUG, "xsd.broken", "the schema check itself failed");
    if (rc > 0 && ret->count == before) /* never valid without saying why it is not */
        findings_add(ret, "", 0, "schema", NULL,
                     "the document does not fit the schema (libxml2's number %d)", rc);
    return true;
}

bool xsd_check(const struct xsd *xsd, xmlDoc *doc, struct err *err)
{
    AUTO(findings_free) struct findings found = { 0 };

    if (!xsd_validate(xsd, doc, &found, err))
        return false;
    if (found.count == 0)
        return true;
    return err_set(err, ERR_REJECT, "xsd.invalid",
                   "line %u, %s: %s (%zu findings in all)", found.items[0].line,
                   found.items[0].place, found.items[0].text,
                   found.count + found.dropped);
}
