/*
 * xml.c - libxml2 behind one hardened door: start, limits, parsing.
 *
 * Octets are checked before the parser sees them: size, UTF-16, NUL, version, label, and every
 * octet's place in the encoding. The parser then gets UTF-8 and is told so. A DOCTYPE, too deep
 * or too many nodes stop it where they are met, not afterwards. There is no way to a file or the
 * network: the entity loader refuses, and libxml2's own input callbacks are taken away.
 *
 * Of libxml2's messages only the number is used; they can hold content.
 */
#include "format/xml.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlIO.h>
#include <libxml/xmlerror.h>
#include <libxml/xmlschemastypes.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/charset.h"
#include "format/xml_private.h"
#include "format/xsd.h"

#define DECLARATION_MAX 256 /* octets of an XML declaration */
#define PATH_MAX_OCTETS 200 /* of a place in an error */
#define NAME_SHOWN      60  /* octets of an element's name in an error */

const struct xml_limits xml_limits_soap = { 1 << 20, 64, 20000, false, false };
const struct xml_limits xml_limits_canonical = { 1 << 20, 32, 50000, false, false };
const struct xml_limits xml_limits_national = { 8 << 20, 64, 200000, true, true };

/* --- start and the entity loader --------------------------------------------------------- */

static _Thread_local const struct xsd_file *served;
static _Thread_local size_t served_count;
static _Thread_local char refused[128];

static xmlParserInput *input_of(const struct xsd_file *file, xmlParserCtxt *ctxt)
{
    xmlParserInputBuffer *octets =
        xmlParserInputBufferCreateMem(file->data, (int)file->len, XML_CHAR_ENCODING_NONE);
    xmlParserInput *input = xmlNewIOInputStream(ctxt, octets, XML_CHAR_ENCODING_NONE);

    if (input != NULL)
        input->filename = xml_cstr(xmlStrdup(xml_chars(file->name)));
    return input;
}

static xmlParserInput *load(const char *url, const char *id, xmlParserCtxt *ctxt)
{
    (void)id;
    for (size_t i = 0; url != NULL && i < served_count; i++)
        if (strcmp(url, served[i].name) == 0)
            return input_of(&served[i], ctxt);
    if (refused[0] == '\0' && url != NULL)
        snprintf(refused, sizeof refused, "%s", url);
    return NULL;
}

/* xmlsec brings a loader of its own, which refuses everybody; ours does too, but for one. */
void xml_serve(const struct xsd_file *files, size_t count)
{
    served = files;
    served_count = count;
    refused[0] = '\0';
    xmlSetExternalEntityLoader(load);
}

const char *xml_refused(void)
{
    return refused;
}

static void *take_memory(size_t size)
{
    return mem_realloc(NULL, size, 1);
}

static void *change_memory(void *old, size_t size)
{
    return mem_realloc(old, size, 1);
}

static void say_nothing(void *ctx, const char *fmt, ...)
{
    (void)ctx;
    (void)fmt;
}

static void drop_error(void *ctx, xmlError *error)
{
    (void)ctx;
    (void)error;
}

static void start(void)
{
    xmlMemSetup(free, take_memory, change_memory, mem_strdup);
    xmlInitParser();
    xmlSchemaInitTypes();
    while (xmlPopInputCallbacks() > 0)
        continue;
    xmlSetExternalEntityLoader(load);
    xmlSetGenericErrorFunc(NULL, say_nothing);
    xmlThrDefSetGenericErrorFunc(NULL, say_nothing);
    xmlSetStructuredErrorFunc(NULL, drop_error);
    xmlThrDefSetStructuredErrorFunc(NULL, drop_error);
}

static pthread_once_t started = PTHREAD_ONCE_INIT;

void xml_init(void)
{
    pthread_once(&started, start);
}

void xml_shutdown(void)
{
    xmlSchemaCleanupTypes();
    xmlCleanupParser();
}

void xml_doc_free(xmlDoc **doc)
{
    if (*doc != NULL)
        xmlFreeDoc(*doc);
    *doc = NULL;
}

void xml_node_free(xmlNode **node)
{
    if (*node != NULL)
        xmlFreeNode(*node);
    *node = NULL;
}

void xml_names_free(xmlDict **names)
{
    if (*names != NULL)
        xmlDictFree(*names);
    *names = NULL;
}

/* --- the declaration --------------------------------------------------------------------- */

struct declaration {
    struct str version, encoding; /* empty: not said */
};

/* name="value" or name='value' at *rest; moves behind it. */
static bool next_pair(struct str *rest, struct str *ret_name, struct str *ret_value)
{
    const char *equals, *end;
    char quote;

    *rest = str_trim(*rest);
    equals = rest->len > 0 ? memchr(rest->ptr, '=', rest->len) : NULL;
    if (equals == NULL)
        return false;
    *ret_name = str_trim((struct str){ rest->ptr, (size_t)(equals - rest->ptr) });
    *rest = str_trim(
        (struct str){ equals + 1, rest->len - (size_t)(equals - rest->ptr) - 1 });
    if (rest->len < 2 || (rest->ptr[0] != '"' && rest->ptr[0] != '\''))
        return false;
    quote = rest->ptr[0];
    end = memchr(rest->ptr + 1, quote, rest->len - 1);
    if (end == NULL)
        return false;
    *ret_value = (struct str){ rest->ptr + 1, (size_t)(end - rest->ptr) - 1 };
    rest->len -= (size_t)(end + 1 - rest->ptr);
    rest->ptr = end + 1;
    return true;
}

/* What it says; the parser judges whether it is well-formed. */
static struct declaration read_declaration(struct str text)
{
    struct declaration said = { { "", 0 }, { "", 0 } };
    struct str rest, name, value;
    const char *end;

    if (text.len < 6 || memcmp(text.ptr, "<?xml", 5) != 0 ||
        strchr(" \t\r\n", text.ptr[5]) == NULL)
        return said;
    end = memmem(text.ptr, text.len < DECLARATION_MAX ? text.len : DECLARATION_MAX, "?>",
                 2);
    if (end == NULL)
        return said;
    rest = (struct str){ text.ptr + 5, (size_t)(end - text.ptr) - 5 };
    while (next_pair(&rest, &name, &value)) {
        if (str_is(name, "version"))
            said.version = value;
        if (str_is(name, "encoding"))
            said.encoding = value;
    }
    return said;
}

static bool is_utf16(struct str text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;

    if (text.len < 2)
        return false;
    return (p[0] == 0xFE && p[1] == 0xFF) || (p[0] == 0xFF && p[1] == 0xFE) ||
           (p[0] == 0 && p[1] == '<') || (p[0] == '<' && p[1] == 0);
}

/* --- checks before parsing --------------------------------------------------------------- */

/* Takes a UTF-8 mark off *text. */
static bool check_octets(struct str *text, const struct xml_limits *limits,
                         bool *ret_marked, struct err *err)
{
    if (text->len > limits->octets)
        return err_set(err, ERR_REJECT, "xml.too-large",
                       "the document has %zu octets, over the %zu allowed", text->len,
                       limits->octets);
    if (is_utf16(*text))
        return err_set(err, ERR_REJECT, "xml.utf16",
                       "the document is in UTF-16 or UTF-32: send it in UTF-8");
    if (text->len > 0 && memchr(text->ptr, '\0', text->len) != NULL)
        return err_set(err, ERR_REJECT, "xml.nul", "the document holds a NUL octet");
    *ret_marked = text->len >= 3 && memcmp(text->ptr, "\xEF\xBB\xBF", 3) == 0;
    if (*ret_marked) {
        text->ptr += 3;
        text->len -= 3;
    }
    return true;
}

static bool check_version(const struct declaration *said, struct err *err)
{
    if (said->version.len == 0 || str_is(said->version, "1.0"))
        return true;
    return err_set(err, ERR_REJECT, "xml.version",
                   "the document declares another XML version than 1.0");
}

/* A label as it may be shown: only if it looks like one. */
static struct str shown_label(struct str label)
{
    for (size_t i = 0; i < label.len; i++)
        if (label.ptr[i] <= ' ' || label.ptr[i] > '~')
            return str_of("?");
    return label.len > 40 ? str_of("?") : label;
}

/* The charset the label names, UTF-8 without one. */
static const struct charset *declared_charset(const struct declaration *said, bool marked,
                                              struct err *err)
{
    const struct charset *charset =
        said->encoding.len == 0 ? charset_utf8() : charset_find(said->encoding);
    struct str label = shown_label(said->encoding);

    if (charset == NULL)
        err_set(err, ERR_REJECT, "xml.encoding",
                "the declaration names the encoding \"" STR_FMT
                "\", which is not known here; UTF-8 always is",
                STR_ARG(label));
    else if (marked && charset != charset_utf8()) {
        err_set(err, ERR_REJECT, "xml.encoding",
                "the document begins with the mark of UTF-8 but declares \"" STR_FMT "\"",
                STR_ARG(label));
        return NULL;
    }
    return charset;
}

/* --- parsing ----------------------------------------------------------------------------- */

struct parse {
    const struct xml_limits *limits;
    struct err *err;
    struct xml_place place;
    unsigned depth, nodes;
    bool failed;
};

/* libxml2's numbers in our words. */
static const struct {
    int code;
    const char *words;
} sentences[] = {
    { XML_ERR_DOCUMENT_EMPTY, "there is no XML element" },
    { XML_ERR_DOCUMENT_END, "something stands after the end of the document" },
    { XML_ERR_TAG_NAME_MISMATCH, "an end tag does not match its start tag" },
    { XML_ERR_TAG_NOT_FINISHED, "the document ends before all elements are closed" },
    { XML_ERR_GT_REQUIRED, "a tag is not closed by >" },
    { XML_ERR_LTSLASH_REQUIRED, "an end tag is missing" },
    { XML_ERR_EQUAL_REQUIRED, "an attribute has no = sign" },
    { XML_ERR_ATTRIBUTE_NOT_STARTED, "an attribute's value is not in quotes" },
    { XML_ERR_ATTRIBUTE_NOT_FINISHED, "an attribute's value is not closed" },
    { XML_ERR_ATTRIBUTE_WITHOUT_VALUE, "an attribute has no value" },
    { XML_ERR_ATTRIBUTE_REDEFINED, "an attribute stands twice in one tag" },
    { XML_ERR_LT_IN_ATTRIBUTE, "a bare < stands in an attribute: write &lt;" },
    { XML_ERR_NAME_REQUIRED,
      "a name is missing after < or &: a bare one is written &lt; &amp;" },
    { XML_ERR_ENTITYREF_NO_NAME, "a bare & stands in the text: write &amp;" },
    { XML_ERR_ENTITYREF_SEMICOL_MISSING, "a bare & stands in the text: write &amp;" },
    { XML_ERR_UNDECLARED_ENTITY, "an entity other than amp, lt, gt, apos, quot is used" },
    { XML_ERR_INVALID_CHARREF, "a character reference is wrong" },
    { XML_ERR_INVALID_DEC_CHARREF, "a character reference is wrong" },
    { XML_ERR_INVALID_HEX_CHARREF, "a character reference is wrong" },
    { XML_ERR_INVALID_CHAR, "a character that XML does not allow" },
    { XML_ERR_MISPLACED_CDATA_END, "]]> stands in the text: write ]]&gt;" },
    { XML_ERR_COMMENT_NOT_FINISHED, "a comment is not closed" },
    { XML_ERR_HYPHEN_IN_COMMENT, "two hyphens stand in a comment" },
    { XML_ERR_CDATA_NOT_FINISHED, "a CDATA section is not closed" },
    { XML_ERR_PI_NOT_FINISHED, "a processing instruction is not closed" },
    { XML_ERR_RESERVED_XML_NAME,
      "the XML declaration stands elsewhere than at the very start" },
    { XML_ERR_XMLDECL_NOT_FINISHED, "the XML declaration is not closed" },
    { XML_ERR_SPACE_REQUIRED, "a blank is missing between attributes" },
    { XML_NS_ERR_UNDEFINED_NAMESPACE, "a prefix is used that no xmlns declares" },
    { XML_NS_ERR_ATTRIBUTE_REDEFINED, "an attribute stands twice in one tag" },
    { XML_NS_ERR_QNAME, "a name has a colon in the wrong place" },
};

static const char *sentence_of(int code)
{
    for (size_t i = 0; i < COUNT_OF(sentences); i++)
        if (sentences[i].code == code)
            return sentences[i].words;
    return NULL;
}

/* "in Osoba/PIB": the open elements below the root. */
static void open_elements(const xmlParserCtxt *ctxt, struct buf *out)
{
    for (int i = 1; i < ctxt->nameNr; i++)
        buf_addf(out, "%s%.*s", i == 1 ? ", in " : "/", NAME_SHOWN,
                 xml_cstr(ctxt->nameTab[i]));
}

/* The first fault ends the parse and keeps its place; always the shape "line L, column C: ...". */
static void stop_at(xmlParserCtxt *ctxt, int line, int column, const char *code,
                    const char *words, int number)
{
    AUTO(buf_free) struct buf in = BUF_INIT(PATH_MAX_OCTETS);
    struct parse *parse = ctxt->_private;

    if (parse->failed)
        return;
    parse->failed = true;
    parse->place = (struct xml_place){ line > 0 ? (unsigned)line : 0,
                                       column > 0 ? (unsigned)column : 0 };
    open_elements(ctxt, &in);
    if (words != NULL)
        err_set_at(parse->err, ERR_REJECT, code, __FILE__, __LINE__,
                   "line %d, column %d%s: %s", line, column, buf_str(&in), words);
    else
        err_set_at(
            parse->err, ERR_REJECT, code, __FILE__, __LINE__,
            "line %d, column %d%s: the document is not well-formed (parser's number %d)",
            line, column, buf_str(&in), number);
    xmlStopParser(ctxt);
}

static void stop(xmlParserCtxt *ctxt, const char *code, const char *words)
{
    stop_at(ctxt, xmlSAX2GetLineNumber(ctxt), xmlSAX2GetColumnNumber(ctxt), code, words,
            0);
}

static void on_error(void *data, xmlError *error)
{
    if (error->level >= XML_ERR_ERROR && error->code != XML_ERR_USER_STOP)
        stop_at(data, error->line, error->int2, "xml.malformed", sentence_of(error->code),
                error->code);
}

static void on_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)public_id;
    (void)system_id;
    stop(data, "xml.doctype", "a DOCTYPE is not accepted in any document: leave it out");
}

/* True when one more node is allowed. */
static bool count(xmlParserCtxt *ctxt, unsigned nodes)
{
    struct parse *parse = ctxt->_private;

    parse->nodes += nodes;
    if (parse->nodes <= parse->limits->nodes)
        return !parse->failed;
    stop(ctxt, "xml.too-many-nodes", "too many elements, attributes and texts");
    return false;
}

static bool has_xml_id(int count_attributes, const xmlChar **attributes)
{
    for (int i = 0; i < count_attributes; i++)
        if (xmlStrEqual(attributes[5 * i], xml_chars("id")) &&
            xmlStrEqual(attributes[5 * i + 1], xml_chars("xml")))
            return true;
    return false;
}

static void on_start(void *data, const xmlChar *local, const xmlChar *prefix,
                     const xmlChar *uri, int count_ns, const xmlChar **namespaces,
                     int count_attributes, int count_default, const xmlChar **attributes)
{
    xmlParserCtxt *ctxt = data;
    struct parse *parse = ctxt->_private;

    if (++parse->depth > parse->limits->depth)
        stop(ctxt, "xml.too-deep", "elements stand too deep in each other");
    else if (!parse->limits->xml_id && has_xml_id(count_attributes, attributes))
        stop(ctxt, "xml.xml-id", "the attribute xml:id is not accepted");
    else if (count(ctxt, 1 + (unsigned)count_attributes))
        xmlSAX2StartElementNs(ctxt, local, prefix, uri, count_ns, namespaces,
                              count_attributes, count_default, attributes);
}

static void on_end(void *data, const xmlChar *local, const xmlChar *prefix,
                   const xmlChar *uri)
{
    xmlParserCtxt *ctxt = data;
    struct parse *parse = ctxt->_private;

    parse->depth--;
    if (!parse->failed)
        xmlSAX2EndElementNs(ctxt, local, prefix, uri);
}

/* A text arrives in pieces; it counts when it makes a new node. */
static void on_text(void *data, const xmlChar *text, int len)
{
    xmlParserCtxt *ctxt = data;
    const xmlNode *last = ctxt->node != NULL ? ctxt->node->last : NULL;

    if (count(ctxt, last == NULL || last->type != XML_TEXT_NODE))
        xmlSAX2Characters(ctxt, text, len);
}

static void on_comment(void *data, const xmlChar *text)
{
    if (count(data, 1))
        xmlSAX2Comment(data, text);
}

static void on_instruction(void *data, const xmlChar *target, const xmlChar *text)
{
    xmlParserCtxt *ctxt = data;
    struct parse *parse = ctxt->_private;

    if (!parse->limits->instructions)
        stop(ctxt, "xml.instruction", "a processing instruction is not accepted");
    else if (count(ctxt, 1))
        xmlSAX2ProcessingInstruction(ctxt, target, text);
}

static xmlParserCtxt *make_parser(struct parse *parse, xmlDict *names)
{
    xmlParserCtxt *ctxt = xmlNewParserCtxt();

    ctxt->_private = parse;
    ctxt->sax->internalSubset = on_doctype;
    ctxt->sax->startElementNs = on_start;
    ctxt->sax->endElementNs = on_end;
    ctxt->sax->characters = on_text;
    ctxt->sax->ignorableWhitespace = on_text;
    ctxt->sax->comment = on_comment;
    ctxt->sax->processingInstruction = on_instruction;
    ctxt->sax->serror = on_error;
    if (names != NULL) {
        xmlDictFree(ctxt->dict);
        ctxt->dict = xmlDictCreateSub(names);
    }
    return ctxt;
}

/* text is UTF-8 by now, whatever the declaration says. */
static xmlDoc *parse_text(struct str text, struct parse *parse, xmlDict *names)
{
    xmlParserCtxt *ctxt = make_parser(parse, names);
    AUTO(xml_doc_free) xmlDoc *doc = NULL;

    doc = xmlCtxtReadMemory(ctxt, text.ptr, (int)text.len, NULL, "UTF-8",
                            XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT |
                                XML_PARSE_BIG_LINES | XML_PARSE_IGNORE_ENC);
    if (!parse->failed && (doc == NULL || !ctxt->wellFormed || !ctxt->nsWellFormed))
        stop(ctxt, "xml.malformed", "the document is not well-formed");
    if (doc == NULL && ctxt->myDoc != NULL) {
        xmlFreeDoc(ctxt->myDoc);
        ctxt->myDoc = NULL;
    }
    xmlFreeParserCtxt(ctxt);
    return parse->failed ? NULL : TAKE(doc);
}

static const struct xml_options no_options;

static xmlDoc *parse_checked(struct str text, const struct xml_options *options,
                             struct err *err)
{
    struct parse parse = { .limits = options->limits, .err = err };
    xmlDoc *doc;

    if (parse.limits == NULL)
        parse.limits = &xml_limits_canonical;
    doc = parse_text(text, &parse, options->names);
    if (doc == NULL && options->ret_place != NULL)
        *options->ret_place = parse.place;
    return doc;
}

static const struct xml_limits *limits_of(const struct xml_options *options)
{
    return options->limits != NULL ? options->limits : &xml_limits_canonical;
}

xmlDoc *xml_parse_utf8(const void *data, size_t len, const struct xml_options *options,
                       struct err *err)
{
    struct str text = { data, len };
    struct declaration said;
    bool marked;

    xml_init();
    options = options != NULL ? options : &no_options;
    if (!check_octets(&text, limits_of(options), &marked, err))
        return NULL;
    said = read_declaration(text);
    if (!check_version(&said, err))
        return NULL;
    if (said.encoding.len > 0 && !str_is_nocase(said.encoding, "UTF-8")) {
        struct str label = shown_label(said.encoding);

        err_set(err, ERR_REJECT, "xml.encoding",
                "the document declares the encoding \"" STR_FMT
                "\" where only UTF-8 is taken",
                STR_ARG(label));
        return NULL;
    }
    if (!charset_check_utf8(data, len, err))
        return NULL;
    return parse_checked(text, options, err);
}

xmlDoc *xml_parse_declared(const void *data, size_t len,
                           const struct xml_options *options,
                           const struct charset **ret_charset, struct err *err)
{
    AUTO(buf_free) struct buf utf8 = BUF_SECRET_INIT(0);
    struct str text = { data, len };
    const struct charset *charset;
    struct declaration said;
    xmlDoc *doc;
    bool marked;

    xml_init();
    options = options != NULL ? options : &no_options;
    if (!check_octets(&text, limits_of(options), &marked, err))
        return NULL;
    said = read_declaration(text);
    charset = check_version(&said, err) ? declared_charset(&said, marked, err) : NULL;
    if (charset == NULL)
        return NULL;
    if (charset == charset_utf8()) {
        if (!charset_check_utf8(data, len, err))
            return NULL;
    } else {
        utf8.max = 3 * len; /* no letter of these encodings takes more */
        if (!charset_decode(charset, text.ptr, text.len, &utf8, err))
            return NULL;
        text = (struct str){ buf_str(&utf8), utf8.len };
    }
    doc = parse_checked(text, options, err);
    if (doc != NULL && ret_charset != NULL)
        *ret_charset = charset;
    return doc;
}
