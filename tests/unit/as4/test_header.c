/* Small grammars of the header: message ids, URIs, lengths and counts; media types. */
#include "support_as4.h"

#include <string.h>

#include "as4/header.h"
#include "as4/media.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"

static void test_message_ids(void **state)
{
    static const struct {
        const char *id;
        bool strict, any;
    } rows[] = {
        { "a@b", true, true },          { "0b7c@gw-a.example", true, true },
        { "ab", false, false },         { "abc", false, true },
        { "a@b@c", false, true },       { "a b@c", false, false },
        { "<a@b>", false, false },      { "a&b@c", false, false },
        { "a\"b@c", false, false },     { "a\x7F@c", false, false },
        { "\xC3\xA4@c", false, false }, { "", false, false },
    };
    char longest[300];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(eb_message_id_valid(rows[i].id, false), rows[i].strict);
        assert_int_equal(eb_message_id_valid(rows[i].id, true), rows[i].any);
    }
    memset(longest, 'a', sizeof longest);
    longest[1] = '@';
    longest[255] = '\0';
    assert_true(eb_message_id_valid(longest, false));
    longest[255] = 'a';
    longest[256] = '\0';
    assert_false(eb_message_id_valid(longest, false));
}

static void test_uris(void **state)
{
    static const struct {
        const char *text;
        bool uri;
    } rows[] = {
        { "urn:x:y", true },   { "http://a/b", true }, { "a:b", true },
        { "a+b.c-d:x", true }, { "gw-a", false },      { "", false },
        { ":x", false },       { "1a:b", false },      { "urn:", false },
        { "a b:c", false },    { "urn:a b", false },   { "urn:<a>", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(eb_is_uri(rows[i].text), rows[i].uri);
}

static void test_media(void **state)
{
    (void)state;
    assert_true(media_is_xml("text/xml"));
    assert_true(media_is_xml("Application/XML; charset=UTF-8"));
    assert_true(media_is_xml("application/soap+xml"));
    assert_true(media_is_xml("image/svg+xml"));
    assert_false(media_is_xml("audio/x+xml"));
    assert_false(media_is_xml("application/xmlx"));
    assert_false(media_is_xml("xml"));
    assert_true(media_is_text("text/plain"));
    assert_false(media_is_text("application/text"));
    assert_true(media_same("image/png", "IMAGE/PNG ; a=b"));
    assert_false(media_same("image/png", "image/pn"));
}

/* --- whole headers ------------------------------------------------------------------------------ */

#define EB "xmlns:eb=\"" EB_NS "\""
#define INFO \
    "<eb:MessageInfo><eb:Timestamp>2026-11-24T00:00:00Z</eb:Timestamp><eb:MessageId>a@b" \
    "</eb:MessageId></eb:MessageInfo>"
#define PARTIES \
    "<eb:PartyInfo><eb:From><eb:PartyId>urn:a</eb:PartyId><eb:Role>r</eb:Role></" \
    "eb:From>" \
    "<eb:To><eb:PartyId>urn:b</eb:PartyId><eb:Role>r</eb:Role></eb:To></eb:PartyInfo>"
#define SERVICE \
    "<eb:CollaborationInfo><eb:Service>urn:s</eb:Service><eb:Action>%s</eb:Action>" \
    "<eb:ConversationId/></eb:CollaborationInfo>"

static bool read(const char *action, const char *more, struct err *err)
{
    AUTO(mem_free)
    char *text = mem_printf("<eb:Messaging " EB "><eb:UserMessage>" INFO PARTIES SERVICE
                            "%s</eb:UserMessage></eb:Messaging>",
                            action, more);
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8(text, strlen(text), NULL, err);
    AUTO(eb_messaging_free) struct eb_messaging read = { 0 };
    AUTO(mem_free) char *id = NULL;
    bool good;

    assert_non_null(doc);
    good = eb_messaging_read(xml_root(doc), &read, &id, err);
    assert_string_equal(id, "a@b"); /* known whatever comes after it */
    return good;
}

static char *many(const char *one, size_t count)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1u << 20);

    for (size_t i = 0; i < count; i++)
        buf_adds(&out, one);
    return buf_detach(&out);
}

static void test_lengths(void **state)
{
    AUTO(mem_free)
    char *good = many("\xD1\x8F", EB_TEXT_MAX); /* characters, not octets */
    AUTO(mem_free) char *longer = many("\xD1\x8F", EB_TEXT_MAX + 1);
    struct err err = { 0 };

    (void)state;
    assert_true(read(good, "", &err));
    assert_false(read(longer, "", &err));
    assert_string_equal(err.code, "eb.header");
}

static void test_counts(void **state)
{
    AUTO(mem_free)
    char *good = many("<eb:Property name=\"n\">v</eb:Property>", EB_PROPERTIES_MAX);
    AUTO(mem_free)
    char *properties =
        mem_printf("<eb:MessageProperties>%s</eb:MessageProperties>", good);
    AUTO(mem_free)
    char *too_many =
        mem_printf("<eb:MessageProperties>%s<eb:Property name=\"n\">v</eb:Property>"
                   "</eb:MessageProperties>",
                   good);
    AUTO(mem_free) char *part = many("<eb:PartInfo href=\"cid:a@b\"/>", PMODE_PARTS_MAX);
    AUTO(mem_free) char *parts = mem_printf("<eb:PayloadInfo>%s</eb:PayloadInfo>", part);
    AUTO(mem_free)
    char *more_parts = mem_printf(
        "<eb:PayloadInfo>%s<eb:PartInfo href=\"cid:a@b\"/></eb:PayloadInfo>", part);
    struct err err = { 0 };

    (void)state;
    assert_true(read("a", properties, &err));
    assert_false(read("a", too_many, &err));
    assert_string_equal(err.code, "eb.header");
    assert_true(read("a", parts, &err));
    assert_false(read("a", more_parts, &err));
    assert_string_equal(err.code, "eb.header");
}

static void test_hrefs(void **state)
{
    static const struct {
        const char *href, *code; /* NULL: taken */
    } rows[] = {
        { "cid:a@b", NULL },           { "cid:%61@b", NULL },
        { "cid:", "eb.header" },       { "cid:%6", "eb.header" },
        { "cid:%zz", "eb.header" },    { "cid:%00", "eb.header" },
        { "cid:a%20b", "eb.header" },  { "cid:a#b", "eb.header" },
        { "cid:a%23b", "eb.header" },  { "#body", "eb.payload" },
        { "file:///x", "eb.payload" }, { "", "eb.payload" },
        { "cid:a&lt;b", "eb.header" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(mem_free)
        char *info = mem_printf(
            "<eb:PayloadInfo><eb:PartInfo href=\"%s\"/></eb:PayloadInfo>", rows[i].href);
        struct err err = { 0 };

        assert_int_equal(read("a", info, &err), rows[i].code == NULL);
        if (rows[i].code != NULL)
            assert_string_equal(err.code, rows[i].code);
    }
}

/* No value of a header stands in an error: it goes to a log. */
static void test_errors_repeat_nothing(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_false(read("<x/>secret-value", "", &err));
    assert_null(strstr(err.text, "secret"));
    assert_false(read(
        "a", "<eb:PayloadInfo><eb:PartInfo href=\"http://secret/\"/></eb:PayloadInfo>",
        &err));
    assert_null(strstr(err.text, "secret"));
}

static int setup(void **state)
{
    (void)state;
    xml_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xml_shutdown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_ids),
        cmocka_unit_test(test_uris),
        cmocka_unit_test(test_media),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_hrefs),
        cmocka_unit_test(test_errors_repeat_nothing),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
