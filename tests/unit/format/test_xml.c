/* XML: what is taken, what is refused and by which name, and that it comes out as it went in. */
#include "support_format.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <libxml/parser.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/mem.h"
#include "format/charset.h"
#include "format/xml.h"

struct row {
    const char *name, *text;
    const char *code; /* NULL: accepted */
    const char *says; /* in the error's text */
};

static struct row wire[] = {
    { "plain", "<a><b>x</b></a>", NULL, NULL },
    { "declaration", "<?xml version='1.0' encoding='utf-8'?>\n<a/>", NULL, NULL },
    { "mark", "\xEF\xBB\xBF<?xml version=\"1.0\"?><a/>", NULL, NULL },
    { "five entities", "<a>&amp;&lt;&gt;&quot;&apos;&#x416;&#1078;</a>", NULL, NULL },
    { "cdata", "<a><![CDATA[<x>]]></a>", NULL, NULL },
    { "comments between elements", "<!-- a --><a><!-- b --><b/></a><!-- c -->", NULL,
      NULL },
    { "default and odd prefixes", "<a xmlns='u:1'><S12:b xmlns:S12='u:2' S12:c='1'/></a>",
      NULL, NULL },
    { "id attributes", "<a id='1' Id='2'/>", NULL, NULL },
    { "empty", "", "xml.malformed", "line" },
    { "blank", "  \n", "xml.malformed", NULL },
    { "text only", "hello", "xml.malformed", NULL },
    { "doctype", "<!DOCTYPE a><a/>", "xml.doctype", "line 1" },
    { "doctype with entity", "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "xml.doctype",
      NULL },
    { "external", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "xml.doctype", NULL },
    { "external entity",
      "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "xml.doctype",
      NULL },
    { "parameter entity",
      "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/'> %p;]><a/>", "xml.doctype",
      NULL },
    { "billion laughs",
      "<!DOCTYPE a [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]><a>&c;</a>",
      "xml.doctype", NULL },
    { "unknown entity", "<a>&nbsp;</a>", "xml.malformed", "entity" },
    { "instruction", "<a><?go on?></a>", "xml.instruction", NULL },
    { "instruction before the root", "<?go on?><a/>", "xml.instruction", NULL },
    { "instruction after the root", "<a/><?go on?>", "xml.instruction", NULL },
    { "xml:id", "<a xml:id='x'/>", "xml.xml-id", NULL },
    { "XML 1.1", "<?xml version='1.1'?><a/>", "xml.version", NULL },
    { "other label", "<?xml version='1.0' encoding='windows-1251'?><a/>", "xml.encoding",
      "windows-1251" },
    { "UTF-16 label", "<?xml version='1.0' encoding='UTF-16'?><a/>", "xml.encoding",
      NULL },
    { "UTF-16 mark", "\xFE\xFF", "xml.utf16", NULL },
    { "UTF-16 mark, little", "\xFF\xFE<", "xml.utf16", NULL },
    { "not UTF-8", "<a>\n\n\xC8</a>", "charset.utf8", "octet 0xC8 at offset 5, line 3" },
    { "overlong", "<a>\xC0\xBC</a>", "charset.utf8", NULL },
    { "surrogate", "<a>\xED\xA0\x80</a>", "charset.utf8", NULL },
    { "control", "<a>\x01</a>", "xml.malformed", NULL },
    { "reference to a control", "<a>&#1;</a>", "xml.malformed", "does not allow" },
    { "reference to NUL", "<a>&#0;</a>", "xml.malformed", NULL },
    { "mismatch", "<a>\n<b>\n <c>Ivanova</d></b></a>", "xml.malformed", "line 3" },
    { "unclosed", "<a><b>", "xml.malformed", NULL },
    { "two roots", "<a/><b/>", "xml.malformed", "after the end" },
    { "attribute twice", "<a b='1' b='2'/>", "xml.malformed", "twice" },
    { "attribute twice by namespace", "<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>",
      "xml.malformed", "twice" },
    { "undeclared prefix", "<a><x:b/></a>", "xml.malformed", "prefix" },
    { "bare ampersand", "<a>R & D</a>", "xml.malformed", "&amp;" },
    { "late declaration", "\n<?xml version='1.0'?><a/>", "xml.malformed", "very start" },
};

static void expect(xmlDoc *doc, const struct err *err, const struct row *row)
{
    if (row->code == NULL) {
        if (doc == NULL)
            fail_msg("refused: %s", err->text);
        return;
    }
    assert_null(doc);
    assert_code(err, row->code);
    assert_int_equal(err->kind, ERR_REJECT);
    assert_null(strstr(err->text, "Ivanova"));
    if (row->says != NULL && strstr(err->text, row->says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err->text, row->says);
}

static void test_wire(void **state)
{
    const struct row *row = *state;
    struct err err = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *doc = xml_parse_utf8(row->text, strlen(row->text), NULL, &err);

    expect(doc, &err, row);
}

static struct row national[] = {
    { "no declaration", "<a>Ж</a>", NULL, NULL },
    { "windows-1251", "<?xml version=\"1.0\" encoding=\"windows-1251\"?><a>\xC6</a>",
      NULL, NULL },
    { "UTF-8 octets that read as letters",
      "<?xml version=\"1.0\" encoding=\"windows-1251\"?><a>\xD0\x96</a>", NULL, NULL },
    { "an octet without letter",
      "<?xml version=\"1.0\" encoding=\"windows-1251\"?>\n<a>\xD0\x98</a>",
      "charset.undecodable", "octet 0x98 at offset 50, line 2" },
    { "UTF-8 label, other octets",
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\xC6</a>", "charset.utf8",
      "octet 0xC6" },
    { "no label, other octets", "<a>\xC6</a>", "charset.utf8", "line 1" },
    { "unknown label", "<?xml version='1.0' encoding='EBCDIC-FR'?><a/>", "xml.encoding",
      "EBCDIC-FR" },
    { "shift-out label", "<?xml version='1.0' encoding='ISO-2022-KR'?><a/>",
      "xml.encoding", NULL },
    { "mark against label",
      "\xEF\xBB\xBF<?xml version='1.0' encoding='windows-1251'?><a/>", "xml.encoding",
      "mark" },
    { "instruction is let through", "<?xml-stylesheet href='x'?><a/>", NULL, NULL },
    { "doctype in a legacy encoding",
      "<?xml version='1.0' encoding='windows-1251'?><!DOCTYPE a><a/>", "xml.doctype",
      NULL },
};

static const struct xml_options national_options = { .limits = &xml_limits_national };

static void test_national(void **state)
{
    const struct row *row = *state;
    struct err err = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *doc =
        xml_parse_declared(row->text, strlen(row->text), &national_options, NULL, &err);

    expect(doc, &err, row);
}

static void test_decoded_text_is_right(void **state)
{
    static const char text[] = "<?xml version=\"1.0\" encoding=\"windows-1251\"?>"
                               "<\xC0 \xE1=\"\xB2\">\xC6</\xC0>";
    const struct charset *charset = NULL;
    struct err err = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *doc =
        xml_parse_declared(text, sizeof text - 1, &national_options, &charset, &err);

    (void)state;
    assert_non_null(doc);
    assert_string_equal(charset_name(charset), "windows-1251");
    assert_true(xml_is(xml_root(doc), NULL, "А"));
    assert_string_equal(xml_attr(xml_root(doc), NULL, "б"), "І");
    assert_string_equal(xml_leaf(xml_root(doc), &err), "Ж");
}

static void test_nul_and_utf16_without_mark(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_null(xml_parse_utf8("<a>\0</a>", 8, NULL, &err));
    assert_code(&err, "xml.nul");
    assert_null(xml_parse_utf8("<\0a\0/\0>\0", 8, NULL, &err));
    assert_code(&err, "xml.utf16");
    assert_null(xml_parse_declared("\0<\0a\0/\0>", 8, NULL, NULL, &err));
    assert_code(&err, "xml.utf16");
}

/* n elements in each other / beside each other. */
static xmlDoc *parse_many(unsigned deep, unsigned beside, const char *one,
                          const struct xml_limits *limits, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(8 << 20);
    const struct xml_options options = { .limits = limits };

    for (unsigned i = 0; i < deep; i++)
        buf_adds(&text, "<a>");
    for (unsigned i = 0; i < beside; i++)
        buf_adds(&text, one);
    for (unsigned i = 0; i < deep; i++)
        buf_adds(&text, "</a>");
    return xml_parse_utf8(text.data, text.len, &options, err);
}

static void test_ceilings(void **state)
{
    static const struct {
        unsigned deep, beside;
        const char *one, *code;
    } rows[] = {
        { 64, 0, "", NULL },
        { 65, 0, "", "xml.too-deep" },
        { 1, 19999, "<b/>", NULL },
        { 1, 20000, "<b/>", "xml.too-many-nodes" },
        { 1, 10000, "<b c=''/>", "xml.too-many-nodes" },
        { 1, 10000, "<b>x</b>", "xml.too-many-nodes" },
        { 1, 20000, "<!--x-->", "xml.too-many-nodes" },
        { 1, 9999, "<b xmlns:q='u' c=''/>", NULL }, /* declarations do not count */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        AUTO(xml_doc_free)
        xmlDoc *doc =
            parse_many(rows[i].deep, rows[i].beside, rows[i].one, &xml_limits_soap, &err);

        if ((doc == NULL) != (rows[i].code != NULL))
            fail_msg("row %zu: %s", i, err.text);
        if (doc == NULL)
            assert_code(&err, rows[i].code);
    }
}

static void test_size_is_checked_first(void **state)
{
    AUTO(buf_free) struct buf text = BUF_INIT(2 << 20);
    struct err err = { 0 };
    xmlDoc *doc;

    (void)state;
    buf_adds(&text, "<a>");
    while (text.len < (1 << 20) - 4)
        buf_addc(&text, 'x');
    buf_adds(&text, "</a>");
    doc = xml_parse_utf8(text.data, text.len, NULL, &err);
    assert_non_null(doc);
    xml_doc_free(&doc);
    buf_addc(&text, '\n');
    assert_null(xml_parse_utf8(text.data, text.len, NULL, &err));
    assert_code(&err, "xml.too-large");
}

static void test_the_place_of_an_error(void **state)
{
    static const char text[] = "<Form>\n <Osoba>\n  <PIB>x</Pib>\n </Osoba></Form>";
    struct xml_place place = { 0, 0 };
    const struct xml_options options = { .ret_place = &place };
    struct err err = { 0 };

    (void)state;
    assert_null(xml_parse_utf8(text, sizeof text - 1, &options, &err));
    assert_int_equal(place.line, 3);
    assert_true(place.column > 0);
    assert_non_null(strstr(err.text, "in Osoba"));
}

static void test_reading(void **state)
{
    static const char text[] = "<r xmlns='u:1' xmlns:p='u:2' a='1' p:a='2'>"
                               "\n<x> one </x><p:x/><!-- c --><x>t<b>w</b>o</x>\n"
                               "<y>a<!-- -->b</y><z><![CDATA[<]]>&amp;</z></r>";
    AUTO(buf_free) struct buf out = BUF_INIT(100), path = BUF_INIT(100);
    struct err err = { 0 };
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8(text, sizeof text - 1, NULL, &err);
    xmlNode *root = xml_root(doc), *x = xml_child(root, "u:1", "x");
    struct str trimmed = { 0 };

    (void)state;
    assert_true(xml_is(root, "u:1", "r"));
    assert_false(xml_is(root, NULL, "r"));
    assert_false(xml_is(NULL, NULL, "r"));
    assert_string_equal(xml_attr(root, NULL, "a"), "1");
    assert_string_equal(xml_attr(root, "u:2", "a"), "2");
    assert_null(xml_attr(root, "u:1", "a"));
    assert_string_equal(xml_leaf(x, &err), " one ");
    assert_true(xml_leaf_trim(x, &trimmed, &err) && str_is(trimmed, "one"));
    assert_string_equal(xml_leaf(xml_child(root, "u:2", "x"), &err), "");
    assert_ptr_equal(xml_first(root), x);
    assert_true(xml_is(xml_next(x), "u:2", "x"));
    assert_int_equal(xml_count(root, "u:1", "x"), 2);
    x = xml_again(x);
    assert_int_equal(xml_line(x), 2);
    assert_null(xml_leaf(x, &err));
    assert_code(&err, "xml.leaf");
    assert_true(xml_text(x, &out, &err));
    assert_string_equal(out.data, "two");
    assert_null(xml_again(x));
    assert_null(xml_leaf(xml_child(root, "u:1", "y"), &err)); /* a comment splits it */
    assert_string_equal(xml_leaf(xml_child(root, "u:1", "z"), &err), "<&");
    xml_path_add(&path, xml_first(x), root);
    assert_string_equal(path.data, "x[2]/b");
    buf_clear(&path);
    xml_path_add(&path, (xmlNode *)root->properties, NULL);
    assert_string_equal(path.data, "r/@a");
}

static void expect_print(const xmlDoc *doc, const struct xml_style *style,
                         const char *want)
{
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct err err = { 0 };

    if (!xml_print(doc, style, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(out.data, want);
}

static void test_build_and_print(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = xml_doc_new("Form", "u:1", NULL);
    const struct charset *cp1251 = charset_find(str_of("windows-1251"));
    AUTO(buf_free) struct buf out = BUF_INIT(1000);
    xmlNode *root = xml_root(doc), *person;
    xmlNs *xsi = xml_ns_add(root, "u:xsi", "xsi");
    struct err err = { 0 };

    (void)state;
    person = xml_add(root, root->ns, "Person");
    xml_add_text(person, root->ns, "Name", "Ж<&>\"");
    xml_set(xml_add(person, root->ns, "Age"), xsi, "nil", "a\"<b");
    expect_print(
        doc, NULL,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Form xmlns=\"u:1\" xmlns:xsi=\"u:xsi\"><Person><Name>Ж&lt;&amp;&gt;\"</Name>"
        "<Age xsi:nil=\"a&quot;&lt;b\"/></Person></Form>\n");
    expect_print(
        doc, &(struct xml_style){ .indent = true, .bare = true },
        "<Form xmlns=\"u:1\" xmlns:xsi=\"u:xsi\">\n  <Person>\n"
        "    <Name>Ж&lt;&amp;&gt;\"</Name>\n    <Age xsi:nil=\"a&quot;&lt;b\"/>\n"
        "  </Person>\n</Form>\n");
    assert_true(xml_print(doc, &(struct xml_style){ .charset = cp1251 }, &out, &err));
    assert_non_null(strstr(out.data, "encoding=\"windows-1251\"?>\n<Form"));
    assert_non_null(strstr(out.data, "<Name>\xC6&lt;"));
    buf_clear(&out);
    assert_true(xml_print_node(person, &(struct xml_style){ .bare = true }, &out, &err));
    assert_non_null(strstr(out.data, "<Person xmlns=\"u:1\""));
    assert_non_null(strstr(out.data, "xmlns:xsi=\"u:xsi\""));
}

static void test_unwritable_is_named_never_replaced(void **state)
{
    static const char *const texts[] = { "Zo\xC3\xAB", "a\x01", "\xEF\xBF\xBE" };
    static const char *const says[] = { "Person/Name: character U+00EB at position 3",
                                        "Person/Name: character U+0001 at position 2",
                                        "Person/Name: character U+FFFE at position 1" };
    const struct xml_style style = { .charset = charset_find(str_of("windows-1251")) };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = xml_doc_new("Form", NULL, NULL);
        AUTO(buf_free) struct buf out = BUF_INIT(1000);
        struct err err = { 0 };
        xmlNode *person = xml_add(xml_root(doc), NULL, "Person");

        xml_add_text(person, NULL, "Name", texts[i]);
        assert_false(xml_print(doc, &style, &out, &err));
        assert_code(&err, "xml.unwritable");
        assert_non_null(strstr(err.text, says[i]));
        assert_int_equal(out.len, 0);
        if (i > 0)
            assert_false(xml_print(doc, NULL, &out, &err)); /* no encoding helps */
    }
    assert_int_equal(xml_unfit("a\tb\r\n", 5), -1);
    assert_int_equal(xml_unfit("ab\x0B", 3), 2);
}

static void test_print_respects_the_ceiling(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = xml_doc_new("Form", NULL, NULL);
    AUTO(buf_free) struct buf out = BUF_INIT(50);
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 100; i++)
        xml_add_text(xml_root(doc), NULL, "x", "yyyyyyy");
    assert_false(xml_print(doc, NULL, &out, &err));
    assert_code(&err, "buf.too-large");
}

static const struct {
    const char *text, *prefixes, *want;
} forms[] = {
    { "<a xmlns='u:1' xmlns:p='u:2'><b z='1' a=\"2\"><!-- c -->x<p:c/></b></a>", NULL,
      "<b xmlns=\"u:1\" a=\"2\" z=\"1\">x<p:c xmlns:p=\"u:2\"></p:c></b>" },
    { "<a xmlns='u:1' xmlns:p='u:2'><b/></a>", "p",
      "<b xmlns=\"u:1\" xmlns:p=\"u:2\"></b>" },
    { "<p:a xmlns='u:1' xmlns:p='u:2' xmlns:q='u:3'><p:b/></p:a>", "\n q\t #default  ",
      "<p:b xmlns=\"u:1\" xmlns:p=\"u:2\" xmlns:q=\"u:3\"></p:b>" },
    { "<a><b>&#13;\n&lt;&gt;&amp;\"</b></a>", "", "<b>&#xD;\n&lt;&gt;&amp;\"</b>" },
    { "<a xml:lang='uk'><b c='&#9;&lt;&quot;'/>tail</a>", NULL,
      "<b c=\"&#x9;&lt;&quot;\"></b>" },
};

static void test_canonical_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        AUTO(buf_free) struct buf out = BUF_INIT(1000);
        struct buf_sink sink = sink_of_buf(&out);
        struct err err = { 0 };
        AUTO(xml_doc_free)
        xmlDoc *doc = xml_parse_utf8(forms[i].text, strlen(forms[i].text), NULL, &err);

        assert_true(
            xml_c14n(xml_first(xml_root(doc)), forms[i].prefixes, &sink.sink, &err));
        assert_string_equal(out.data, forms[i].want);
    }
}

static void test_canonical_form_reports_the_sink(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(3);
    struct buf_sink sink = sink_of_buf(&out);
    struct err err = { 0 };
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8("<abc>def</abc>", 14, NULL, &err);

    (void)state;
    assert_false(xml_c14n(xml_root(doc), NULL, &sink.sink, &err));
    assert_code(&err, "buf.too-large");
}

static void test_shared_names_are_equal_pointers(void **state)
{
    AUTO(xml_names_free) xmlDict *names = xmlDictCreate();
    const xmlChar *known = xmlDictLookup(names, (const xmlChar *)"Osoba", -1);
    const struct xml_options options = { .names = names };
    struct err err = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *doc = xml_parse_utf8("<a><Osoba/><Insha/></a>", 23, &options, &err);

    (void)state;
    assert_non_null(doc);
    assert_ptr_equal(xml_first(xml_root(doc))->name, known);
    assert_int_equal(xmlDictSize(names), 1); /* strangers' names stay out of it */
}

static const char sample[] =
    "<?xml version=\"1.0\" encoding=\"windows-1251\"?>\n<!-- \xC0 -->\n"
    "<F xmlns='u:1' xmlns:p='u:2'>\n <p:n a=\"1\" p:b='&#x416;'>\xC6 &amp; x</p:n>\n"
    " <t><![CDATA[ < ]]></t></F>";

static void test_truncation_at_each_length(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof sample - 1; len++) {
        AUTO(mem_free)
        char *exact = mem_dup(sample, len); /* so that a read behind is seen */
        struct err err = { 0 };

        assert_null(xml_parse_declared(exact, len, &national_options, NULL, &err));
        assert_code(&err, err.code);
        assert_null(xml_parse_utf8(exact, len, NULL, &err));
    }
}

static void test_mutations_never_hurt(void **state)
{
    struct dice dice = { 7 };

    (void)state;
    for (int i = 0; i < 4000; i++) {
        char text[sizeof sample];
        AUTO(buf_free) struct buf out = BUF_INIT(10000);
        struct err err = { 0 };
        AUTO(xml_doc_free) xmlDoc *doc = NULL;

        memcpy(text, sample, sizeof text);
        dice_mutate(&dice, text, sizeof sample - 1);
        doc = xml_parse_declared(text, sizeof sample - 1, &national_options, NULL, &err);
        if (doc == NULL)
            assert_non_null(err.code);
        else if (!xml_print(doc, NULL, &out, &err)) /* what was read can be written */
            fail_msg("%s", err.text);
    }
}

static void *parse_often(void *names)
{
    const struct xml_options options = { .names = names, .limits = &xml_limits_national };
    size_t good = 0;

    for (int i = 0; i < 300; i++) {
        struct err err = { 0 };
        AUTO(xml_doc_free)
        xmlDoc *doc = xml_parse_declared(sample, sizeof sample - 1, &options, NULL, &err);
        AUTO(xml_doc_free)
        xmlDoc *bad = xml_parse_utf8("<!DOCTYPE a><a/>", 16, &options, &err);

        good += doc != NULL && bad == NULL;
    }
    return good == 300 ? names : NULL;
}

static void test_threads_beside_each_other(void **state)
{
    AUTO(xml_names_free) xmlDict *names = xmlDictCreate();
    pthread_t threads[4];

    (void)state;
    xmlDictLookup(names, (const xmlChar *)"t", -1);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_often, names), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        assert_ptr_equal(result, names);
    }
}

/* Even libxml2's own calls find neither file nor network. */
static void test_no_way_out(void **state)
{
    (void)state;
    assert_null(xmlReadFile("/etc/passwd", NULL, 0));
    assert_null(xmlReadFile("http://127.0.0.1:9/", NULL, 0));
}

static size_t add_rows(struct CMUnitTest *to, struct row *rows, size_t count,
                       CMUnitTestFunction f)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (struct CMUnitTest){ .name = rows[i].name,
                                     .test_func = f,
                                     .initial_state = &rows[i] };
    return count;
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_decoded_text_is_right),
        cmocka_unit_test(test_nul_and_utf16_without_mark),
        cmocka_unit_test(test_ceilings),
        cmocka_unit_test(test_size_is_checked_first),
        cmocka_unit_test(test_the_place_of_an_error),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_build_and_print),
        cmocka_unit_test(test_unwritable_is_named_never_replaced),
        cmocka_unit_test(test_print_respects_the_ceiling),
        cmocka_unit_test(test_canonical_form),
        cmocka_unit_test(test_canonical_form_reports_the_sink),
        cmocka_unit_test(test_shared_names_are_equal_pointers),
        cmocka_unit_test(test_truncation_at_each_length),
        cmocka_unit_test(test_mutations_never_hurt),
        cmocka_unit_test(test_threads_beside_each_other),
        cmocka_unit_test(test_no_way_out),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(wire) + COUNT_OF(national)];
    size_t count = COUNT_OF(single);
    int failed;

    xml_init();
    memcpy(tests, single, sizeof single);
    count += add_rows(tests + count, wire, COUNT_OF(wire), test_wire);
    count += add_rows(tests + count, national, COUNT_OF(national), test_national);
    (void)count;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_shutdown();
    return failed;
}
