/* XML Schema: compiled from memory and nothing else; all findings, none of them with a value. */
#include "support_format.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <libxml/parser.h>

#include "base/str.h"
#include "format/xml.h"
#include "format/xsd.h"

#define XS_OPEN "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" "

static const char form[] = XS_OPEN
    "targetNamespace=\"u:1\" xmlns=\"u:1\" xmlns:t=\"u:2\" "
    "elementFormDefault=\"qualified\">"
    "<xs:import namespace=\"u:2\" schemaLocation=\"types.xsd\"/>"
    "<xs:include schemaLocation=\"more.xsd\"/>"
    "<xs:element name=\"F\"><xs:complexType><xs:sequence>"
    "<xs:element name=\"date\" type=\"xs:date\" minOccurs=\"0\"/>"
    "<xs:element name=\"short\" minOccurs=\"0\" maxOccurs=\"3\"><xs:simpleType>"
    "<xs:restriction base=\"xs:string\"><xs:minLength value=\"2\"/><xs:maxLength "
    "value=\"4\"/>"
    "</xs:restriction></xs:simpleType></xs:element>"
    "<xs:element name=\"count\" type=\"xs:integer\" minOccurs=\"0\" nillable=\"true\"/>"
    "<xs:element name=\"range\" minOccurs=\"0\"><xs:simpleType><xs:restriction "
    "base=\"xs:integer\">"
    "<xs:maxInclusive value=\"5\"/><xs:minExclusive "
    "value=\"1\"/></xs:restriction></xs:simpleType>"
    "</xs:element>"
    "<xs:element name=\"digits\" minOccurs=\"0\"><xs:simpleType><xs:restriction "
    "base=\"xs:decimal\">"
    "<xs:totalDigits value=\"3\"/></xs:restriction></xs:simpleType></xs:element>"
    "<xs:element name=\"fixed\" fixed=\"X\" minOccurs=\"0\"/>"
    "<xs:element name=\"flag\" minOccurs=\"0\"><xs:complexType><xs:simpleContent>"
    "<xs:extension base=\"xs:boolean\"><xs:attribute name=\"k\" use=\"required\" "
    "type=\"t:code\"/>"
    "</xs:extension></xs:simpleContent></xs:complexType></xs:element>"
    "<xs:element name=\"either\" type=\"t:codeOrNone\" minOccurs=\"0\"/>"
    "<xs:element name=\"many\" minOccurs=\"0\"><xs:simpleType><xs:list "
    "itemType=\"xs:int\"/>"
    "</xs:simpleType></xs:element>"
    "<xs:element name=\"three\" minOccurs=\"0\"><xs:simpleType><xs:restriction "
    "base=\"xs:string\">"
    "<xs:length value=\"3\"/></xs:restriction></xs:simpleType></xs:element>"
    "<xs:element name=\"number\" type=\"number\" minOccurs=\"0\"/>"
    "<xs:element name=\"nothing\" minOccurs=\"0\"><xs:complexType/></xs:element>"
    "<xs:element name=\"last\"/>"
    "</xs:sequence></xs:complexType>"
    "<xs:unique name=\"u\" xmlns:f=\"u:1\"><xs:selector xpath=\"f:short\"/><xs:field "
    "xpath=\".\"/></xs:unique>"
    "</xs:element></xs:schema>";

static const char types[] = XS_OPEN
    "targetNamespace=\"u:2\" xmlns:t=\"u:2\">"
    "<xs:simpleType name=\"code\"><xs:annotation><xs:documentation>a "
    "code</xs:documentation></xs:annotation>"
    "<xs:restriction base=\"xs:string\"><xs:enumeration value=\"А\"/><xs:enumeration "
    "value=\"В\"/>"
    "<xs:enumeration value=\"НП\"/></xs:restriction></xs:simpleType>"
    "<xs:simpleType name=\"codeOrNone\"><xs:union memberTypes=\"t:code  "
    "xs:gYear\"><xs:simpleType>"
    "<xs:restriction base=\"xs:string\"><xs:enumeration value=\"\"/></xs:restriction>"
    "</xs:simpleType></xs:union></xs:simpleType></xs:schema>";

static const char more[] = XS_OPEN
    "targetNamespace=\"u:1\"><xs:simpleType name=\"number\"><xs:restriction "
    "base=\"xs:string\">"
    "<xs:pattern value=\"[0-9]{3}\"/></xs:restriction></xs:simpleType></xs:schema>";

static const struct xsd_file files[] = {
    { "form.xsd", form, sizeof form - 1 },
    { "types.xsd", types, sizeof types - 1 },
    { "more.xsd", more, sizeof more - 1 },
};

static struct xsd *xsd;

static int compile(void **state)
{
    struct err err = { 0 };

    (void)state;
    xsd = xsd_compile(files, COUNT_OF(files), "form.xsd", &err);
    if (xsd == NULL)
        print_error("%s\n", err.text);
    return xsd == NULL;
}

static int drop(void **state)
{
    (void)state;
    xsd_free(&xsd);
    return 0;
}

static xmlDoc *doc_of(const char *inside)
{
    char text[2000];
    struct err err = { 0 };
    xmlDoc *doc;

    snprintf(
        text, sizeof text,
        "<F xmlns='u:1' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>\n%s</F>",
        inside);
    doc = xml_parse_utf8(text, strlen(text), NULL, &err);
    if (doc == NULL)
        fail_msg("%s", err.text);
    return doc;
}

struct row {
    const char *name, *inside;
    const char *place, *rule, *text; /* of the first finding; place NULL: valid */
};

static struct row rows[] = {
    { "valid", "<date>2026-02-28</date><short>ab</short><count xsi:nil='true'/><last/>",
      NULL, NULL, NULL },
    { "valid union", "<either/><last/>", NULL, NULL, NULL },
    { "valid year", "<either>1999</either><last/>", NULL, NULL, NULL },
    { "schemaLocation in the document means nothing",
      "<last xsi:schemaLocation='u:9 http://127.0.0.1/x.xsd'/>", NULL, NULL, NULL },
    { "not a date", "<date>SECRET</date><last/>", "date", "type",
      "the value (6 characters) does not fit; expected: a date YYYY-MM-DD" },
    { "impossible date", "<date>2026-02-30</date><last/>", "date", "type", NULL },
    { "empty date", "<date/><last/>", "date", "type",
      "the field is empty; expected: a date YYYY-MM-DD" },
    { "too short", "<short>S</short><last/>", "short", "minLength",
      "the value has 1 characters, at least 2 are allowed" },
    { "too long", "<short>ab</short><short>SЕСRЕТ</short><last/>", "short[2]",
      "maxLength", "the value has 6 characters, at most 4 are allowed" },
    { "another length", "<three>SECRET</three><last/>", "three", "length",
      "the value has 6 characters, 3 are allowed" },
    { "not a number", "<count>SECRET</count><last/>", "count", "type",
      "the value (6 characters) does not fit; expected: a whole number" },
    { "nil with content", "<count xsi:nil='true'>5</count><last/>", "count", "nil",
      "the element is nil and must be empty" },
    { "not nillable", "<date xsi:nil='true'/><last/>", "date", "nil",
      "the element may not be nil" },
    { "above", "<range>777</range><last/>", "range", "range",
      "the value must be not above 5" },
    { "not above the bound", "<range>1</range><last/>", "range", "range",
      "the value must be above 1" },
    { "digits", "<digits>77777</digits><last/>", "digits", "digits",
      "the value has more than 3 digits" },
    { "fixed", "<fixed>SECRET</fixed><last/>", "fixed", "fixed",
      "only the value \"X\" is allowed here" },
    { "pattern", "<number>SECRET</number><last/>", "number", "pattern",
      "the value does not have the form [0-9]{3}" },
    { "attribute missing", "<flag>true</flag><last/>", "flag", "attribute-required",
      "the attribute k is required" },
    { "attribute of no list", "<flag k='SECRET'>true</flag><last/>", "flag/@k",
      "enumeration", "expected: one of \"А\", \"В\", \"НП\"" },
    { "Latin letter in an attribute", "<flag k='B'>true</flag><last/>", "flag/@k",
      "enumeration",
      "expected: one of \"А\", \"В\", \"НП\"; a Latin letter B (U+0042) stands where the "
      "Cyrillic В "
      "(U+0412) is meant" },
    { "unknown attribute", "<date q='SECRET'>2026-01-01</date><last/>", "date/@q",
      "attribute-unknown", "this attribute is not allowed here" },
    { "union", "<either>SECRET</either><last/>", "either", "type",
      "the value (6 characters) does not fit; expected: one of \"А\", \"В\", \"НП\" or a "
      "year YYYY or "
      "empty" },
    { "Latin letter in a union", "<either>НП</either><last/>", NULL, NULL, NULL },
    { "Latin letters in a union", "<either>HП</either><last/>", "either", "type",
      "the value (2 characters) does not fit; expected: one of \"А\", \"В\", \"НП\" or a "
      "year YYYY or "
      "empty; a Latin letter H (U+0048) stands where the Cyrillic Н (U+041D) is meant" },
    { "list", "<many>1 SECRET</many><last/>", "many", "type", NULL },
    { "must be empty", "<nothing>SECRET</nothing><last/>", "nothing", "content",
      "the element must be empty" },
    { "element in a text", "<date><b/></date><last/>", "date", "content",
      "the element may hold only text" },
    { "text between", "SECRET<last/>", "", "content",
      "text stands between elements where none is allowed" },
    { "unknown element", "<number>123</number><SECRET/><last/>", "SECRET", "unexpected",
      "this element is not expected here; expected: nothing, last" },
    { "missing element", "<number>123</number>", "", "missing",
      "an element is missing; expected: nothing, last" },
    { "too many", "<last/><last/>", "last[2]", "unexpected",
      "this element is not expected here; nothing further is" },
    { "not unique", "<short>SECR</short><short>SECR</short><last/>", "short[2]", "unique",
      NULL },
    { "quotes in the value",
      "<either>' is not a valid value of the atomic type 'SECRET'.</either><last/>",
      "either", "type", NULL },
    { "quotes in a code",
      "<flag k=\"x' is not an element of the set {'SECRET'}.\">true</flag><last/>",
      "flag/@k", "enumeration", "expected: one of \"А\", \"В\", \"НП\"" },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(xml_doc_free) xmlDoc *doc = doc_of(row->inside);
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };

    assert_true(xsd_validate(xsd, doc, &found, &err));
    for (size_t i = 0; i < found.count; i++)
        if (strstr(found.items[i].text, "SECR") != NULL ||
            strstr(found.items[i].text, "777") != NULL)
            fail_msg("the value is in: %s", found.items[i].text);
    if (row->place == NULL) {
        if (found.count != 0)
            fail_msg("%s: %s", found.items[0].place, found.items[0].text);
        assert_true(xsd_check(xsd, doc, &err));
        return;
    }
    if (found.count != 1)
        fail_msg("%zu findings, the second: %s", found.count, found.items[1].text);
    assert_string_equal(found.items[0].place, row->place);
    assert_string_equal(found.items[0].rule, row->rule);
    if (row->text != NULL)
        assert_string_equal(found.items[0].text, row->text);
    assert_int_equal(found.items[0].line, row->place[0] == '\0' ? 1 : 2);
    assert_false(xsd_check(xsd, doc, &err));
    assert_code(&err, "xsd.invalid");
}

static void test_all_at_once(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = doc_of("<date>x</date><short>a</short>\n<count>x</count><range>9</"
                         "range><number/><last/>");
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(xsd_validate(xsd, doc, &found, &err));
    assert_int_equal(found.count, 5);
    assert_string_equal(found.items[2].place, "count");
    assert_int_equal(found.items[2].line, 3);
    assert_false(xsd_check(xsd, doc, &err));
    assert_non_null(strstr(err.text, "5 findings"));
}

static void test_another_root(void **state)
{
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8("<Other/>", 8, NULL, &err);

    (void)state;
    assert_true(xsd_validate(xsd, doc, &found, &err));
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].rule, "not-declared");
    assert_string_equal(found.items[0].place, "");
}

static void test_many_findings_are_counted(void **state)
{
    static char text[20000];
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };
    size_t at = 0;

    (void)state;
    at += (size_t)snprintf(text, sizeof text, "<F xmlns='u:1'>");
    for (int i = 0; i < 300; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "<date q='1'>x</date>");
    snprintf(text + at, sizeof text - at, "</F>");
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8(text, strlen(text), NULL, &err);

    for (int again = 0; again < 150; again++)
        assert_true(xsd_validate(xsd, doc, &found, &err));
    assert_int_equal(found.count, FINDINGS_MAX);
    assert_true(found.dropped > 0);
}

/* --- compiling --------------------------------------------------------------------------- */

static void expect_refusal(const struct xsd_file *set, size_t count, const char *entry,
                           const char *says)
{
    struct err err = { 0 };

    assert_null(xsd_compile(set, count, entry, &err));
    assert_code(&err, "xsd.compile");
    assert_int_equal(err.kind, ERR_CONFIG);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static struct xsd_file file_of(const char *name, const char *text)
{
    return (struct xsd_file){ name, text, strlen(text) };
}

static void test_only_the_given_files(void **state)
{
    (void)state;
    expect_refusal(files, 2, "form.xsd", "more.xsd");
    expect_refusal(files, 3, "other.xsd", "other.xsd");
    expect_refusal((struct xsd_file[]){ file_of(
                       "a.xsd", XS_OPEN
                       "><xs:include schemaLocation=\"/etc/passwd\"/></xs:schema>") },
                   1, "a.xsd", "/etc/passwd");
    expect_refusal((struct xsd_file[]){ file_of(
                       "a.xsd", XS_OPEN
                       "><xs:import namespace=\"u\" "
                       "schemaLocation=\"http://127.0.0.1:9/x.xsd\"/></xs:schema>") },
                   1, "a.xsd", "127.0.0.1");
    expect_refusal((struct xsd_file[]){ file_of("../a.xsd", XS_OPEN "/>") }, 1,
                   "../a.xsd", "cannot name");
}

static void test_wrong_schemas(void **state)
{
    (void)state;
    expect_refusal((struct xsd_file[]){ file_of("a.xsd", "<x/>") }, 1, "a.xsd",
                   "no XML Schema");
    expect_refusal((struct xsd_file[]){ file_of("a.xsd", "<x") }, 1, "a.xsd",
                   "a.xsd: line 1");
    expect_refusal((struct xsd_file[]){ file_of("a.xsd", "<!DOCTYPE x>" XS_OPEN "/>") },
                   1, "a.xsd", "DOCTYPE");
    expect_refusal(
        (struct xsd_file[]){ file_of(
            "a.xsd", XS_OPEN ">\n<xs:element name=\"a\" type=\"none\"/></xs:schema>") },
        1, "a.xsd", "a.xsd:2:");
    expect_refusal(
        (struct xsd_file[]){ file_of("a.xsd", XS_OPEN "><xs:element/></xs:schema>") }, 1,
        "a.xsd", "name");
}

/* After compiling the loader refuses again. */
static void test_nothing_is_served_afterwards(void **state)
{
    (void)state;
    assert_null(xmlReadFile("form.xsd", NULL, 0));
    assert_null(xmlReadFile("types.xsd", NULL, 0));
}

static xmlParserInput *refuse(const char *url, const char *id, xmlParserCtxt *ctxt)
{
    (void)url;
    (void)id;
    (void)ctxt;
    return NULL;
}

/* Another library may have put its own loader in place. */
static void test_a_foreign_loader_does_no_harm(void **state)
{
    struct err err = { 0 };
    struct xsd *own;

    (void)state;
    xmlSetExternalEntityLoader(refuse);
    own = xsd_compile(files, COUNT_OF(files), "form.xsd", &err);
    assert_non_null(own);
    xsd_free(&own);
    assert_null(xmlReadFile("/etc/passwd", NULL, 0));
}

static void *check_often(void *arg)
{
    size_t good = 0;

    for (int i = 0; i < 100; i++) {
        AUTO(xml_doc_free) xmlDoc *right = doc_of("<short>ab</short><last/>");
        AUTO(xml_doc_free) xmlDoc *wrong = doc_of("<either>x</either><last/>");
        struct err err = { 0 };

        good += xsd_check(xsd, right, &err) && !xsd_check(xsd, wrong, &err);
        if (i % 25 == 0) {
            struct xsd *own = xsd_compile(files, COUNT_OF(files), "form.xsd", &err);

            good -= own == NULL;
            xsd_free(&own);
        }
    }
    return good == 100 ? arg : NULL;
}

static void test_threads_share_a_schema(void **state)
{
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, &threads), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        assert_ptr_equal(result, &threads);
    }
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_another_root),
        cmocka_unit_test(test_many_findings_are_counted),
        cmocka_unit_test(test_only_the_given_files),
        cmocka_unit_test(test_wrong_schemas),
        cmocka_unit_test(test_nothing_is_served_afterwards),
        cmocka_unit_test(test_a_foreign_loader_does_no_harm),
        cmocka_unit_test(test_threads_share_a_schema),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(rows)];
    int failed;

    xml_init();
    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[COUNT_OF(single) + i] = (struct CMUnitTest){ .name = rows[i].name,
                                                           .test_func = test_row,
                                                           .initial_state = &rows[i] };
    failed = cmocka_run_group_tests(tests, compile, drop);
    xml_shutdown();
    return failed;
}
