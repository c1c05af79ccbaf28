/* The canonical document: samples, header, sections, checks beyond the schema, newer minors. */
#include "support_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "model/findings.h"
#include "model/referral.h"

#define NOW INT64_C(1795510800000) /* 2026-11-24T09:00:00Z */

static struct path_table *paths;
static struct codes *codes;
static struct xsd *schema;

static int set_up(void **state)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(1);
    struct err err = { 0 };

    (void)state;
    xml_init();
    paths = shipped_paths();
    codes = shipped_codes();
    load(SCHEMA_FILE, &xsd);
    schema = xsd_compile(&(struct xsd_file){ "referral-1.xsd", xsd.data, xsd.len }, 1,
                         "referral-1.xsd", &err);
    return schema == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    path_free(&paths);
    codes_free(&codes);
    xsd_free(&schema);
    return 0;
}

static const char *const samples[] = { "m01-adult.xml", "m01-child.xml", "m03.xml",
                                       "m04.xml",       "m05.xml",       "m06.xml" };

static void print_and_fail(const struct report *report)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1 << 16);

    report_print(report, &out);
    fail_msg("%s", buf_str(&out));
}

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample(samples[i]);
        AUTO(report_free) struct report report = { 0 };
        struct referral_header header;
        struct err err = { 0 };

        if (!xsd_check(schema, doc, &err) || !referral_header_read(doc, &header, &err))
            fail_msg("%s: %s", samples[i], err.text);
        assert_true(case_id_valid(header.case_id));
        referral_check(doc, paths, codes, samples[i], &report);
        if (report.count > 0)
            print_and_fail(&report);
        assert_int_equal(referral_drop_unknown(doc, paths, NULL), 0);
    }
}

/* --- header ------------------------------------------------------------------------------ */

static void test_header_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample(samples[i]);
        AUTO(xml_doc_free) xmlDoc *made = NULL;
        struct referral_header header, again;
        struct err err = { 0 };

        memset(&header, 0, sizeof header);
        memset(&again, 0, sizeof again);
        assert_true(referral_header_read(doc, &header, &err));
        made = referral_new(header.kind, ENVIRONMENT_LIVE);
        referral_header_write(made, paths, &header);
        assert_true(referral_header_read(made, &again, &err));
        assert_string_equal(again.message_id, header.message_id);
        assert_string_equal(again.reply_to, header.reply_to);
        assert_string_equal(again.reply_office_number, header.reply_office_number);
        assert_string_equal(again.agreement_digest, header.agreement_digest);
        assert_string_equal(again.mapping, header.mapping);
        assert_int_equal(again.sequence, header.sequence);
        assert_int_equal(again.created_ms, header.created_ms);
        assert_int_equal(again.environment, ENVIRONMENT_DEMO);
        /* With the header written in place the document is as valid as before. */
        referral_header_write(doc, paths, &header);
        if (!xsd_check(schema, doc, &err))
            fail_msg("%s", err.text);
    }
}

static void test_header_of_little(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = referral_new("M05", ENVIRONMENT_TRAINING);
    struct referral_header header = { .kind = "M05",
                                      .environment = ENVIRONMENT_TRAINING };
    struct err err = { 0 };

    (void)state;
    strcpy(header.reply_office_number, "vykh-0405");
    strcpy(header.sender_office, "MD-COORD");
    referral_header_write(doc, paths, &header);
    memset(&header, 0xAA, sizeof header);
    assert_true(referral_header_read(doc, &header, &err));
    assert_string_equal(header.reply_to, "");
    assert_string_equal(header.reply_office_number, "vykh-0405");
    assert_string_equal(header.sender_gateway, "");
    assert_int_equal(header.sequence, 0);
    assert_int_equal(header.created_ms, 0);
}

struct broken {
    const char *name, *attribute, *value; /* of the root */
    const char *element, *text;           /* or in the header */
    const char *code;
};

static const struct broken broken[] = {
    { "an unknown message", "kind", "M27", NULL, NULL, "referral.kind" },
    { "a message by another name", "kind", "ReferralRequest", NULL, NULL,
      "referral.kind" },
    { "a minor that is no number", "minor", "-1", NULL, NULL, "referral.minor" },
    { "a minor too large", "minor", "1000", NULL, NULL, "referral.minor" },
    { "no environment", "environment", "", NULL, NULL, "referral.environment" },
    { "a message id too long", NULL, NULL, "MessageId",
      "6d0a6f0e-2f6c-4c58-9a0e-0d7c5b9f1a01x", "referral.header" },
    { "sequence 0", NULL, NULL, "Sequence", "0", "referral.header" },
    { "a sequence with letters", NULL, NULL, "Sequence", "1a", "referral.header" },
    { "a time without zone", NULL, NULL, "CreatedAt", "2026-11-24T09:00:00",
      "referral.header" },
};

static void test_broken_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample("m03.xml");
        struct referral_header header;
        struct err err = { 0 };

        if (broken[i].attribute != NULL)
            xml_set(xml_root(doc), NULL, broken[i].attribute, broken[i].value);
        else
            xmlNodeSetContent(xml_child(referral_section(doc, "Header"), REFERRAL_NS,
                                        broken[i].element),
                              BAD_CAST broken[i].text);
        assert_false(referral_header_read(doc, &header, &err));
        assert_code(&err, broken[i].code);
        assert_int_equal(err.kind, ERR_REJECT);
    }
}

static void test_no_referral(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = xml_doc_new("Referral", "urn:other", NULL);
    AUTO(report_free) struct report report = { 0 };
    struct referral_header header;
    struct err err = { 0 };

    (void)state;
    assert_false(referral_header_read(doc, &header, &err));
    assert_code(&err, "referral.root");
    assert_null(referral_section(doc, "Header"));
    assert_null(referral_section_make(doc, paths, "Header"));
    assert_null(referral_value(doc, "Header/CaseId"));
    referral_check(doc, paths, codes, "x", &report);
    assert_true(report_has(&report, "E-SYNTAX"));
}

/* --- values ------------------------------------------------------------------------------ */

static void test_values(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");

    (void)state;
    assert_string_equal(referral_value(doc, "Person/Sex"), "F");
    assert_string_equal(referral_value(doc, "Person/Name[script=Latn]/Given"),
                        "Nataliia");
    assert_string_equal(referral_value(doc, "Person/Name[type=former]/@script"), "Latn");
    assert_string_equal(referral_value(doc, "Person/BirthDate"), "1992-03-15");
    assert_string_equal(referral_value(doc, "Header/Sender/@office"), "MD-COORD");
    assert_null(referral_value(doc, "Person/Name[type=alias]/Given"));
    assert_null(referral_value(doc, "Decision/Outcome"));
    assert_null(referral_value(doc, "Person/["));
    assert_ptr_equal(referral_section_make(doc, paths, "Health"),
                     referral_section(doc, "Health"));
}

struct age {
    const char *birth, *beneficiary;
    int64_t now_ms;
    bool child;
};

static void test_child(void **state)
{
    static const struct age ages[] = {
        { "2008-11-24", "THB_CHILD", NOW, false }, /* 18 on this day */
        { "2008-11-25", "THB_ADULT", NOW, true },  /* tomorrow */
        { "2008", "THB_CHILD", NOW, true }, /* the year does not decide: the category does */
        { "2008", "THB_ADULT", NOW, false },       { "2008-10", "THB_CHILD", NOW, false },
        { "2007", "THB_CHILD", NOW, false },       { "2009", "THB_ADULT", NOW, true },
        { NULL, "CHILD_UNACC", NOW, true },        { NULL, "PERSON_DIFF", NOW, false },
        { "2015-01-01", "THB_ADULT", 0, false }, /* no day to compare with */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ages); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = referral_new("M01", ENVIRONMENT_DEMO);
        xmlNode *person = referral_section_make(doc, paths, "Person");
        xmlNode *item = referral_section_make(doc, paths, "Case");

        xml_set(path_add(paths, item, "Beneficiary"), NULL, "code", ages[i].beneficiary);
        if (ages[i].birth != NULL)
            xml_append_text(path_add(paths, person, "BirthDate"), ages[i].birth);
        if (referral_of_child(doc, ages[i].now_ms) != ages[i].child)
            fail_msg("row %zu", i);
    }
}

/* --- checks beyond the schema -------------------------------------------------------------- */

struct wrong {
    const char *sample, *path, *attribute, *value; /* attribute NULL: the element goes */
    const char *code, *field;
};

static const struct wrong wrongs[] = {
    { "m01-adult.xml", "Person/Sex", "code", "Z", "E-CODE-UNKNOWN", "Person/Sex" },
    { "m01-adult.xml", "Needs/Service", "state", "MAYBE", "E-CODE-UNKNOWN",
      "Needs/Service/@state" },
    { "m01-adult.xml", "Trafficking/Exploitation", "industry", "Z", "E-CODE-UNKNOWN",
      "Trafficking/Exploitation/@industry" },
    { "m01-adult.xml", "Contact", "role", "BOSS", "E-CODE-UNKNOWN", "Contact/@role" },
    { "m01-adult.xml", "Person/BirthDate", "precision", "year", "E-DATE",
      "Person/BirthDate" },
    { "m01-adult.xml", "Attachment", "id", "other", "E-REFERENCE",
      "Consent/EvidenceRef" },
    { "m01-adult.xml", "Consent", NULL, NULL, "E-MISSING", "Consent" },
    { "m04.xml", "Decision", NULL, NULL, "E-MISSING", "Decision" },
    { "m03.xml", "/", "kind", "M04", "E-CONDITION", "CaseTaken" },
    { "m03.xml", "/", "kind", "M13", "E-CONDITION", "@kind" },
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrongs); i++) {
        const struct wrong *w = &wrongs[i];
        AUTO(xml_doc_free) xmlDoc *doc = sample(w->sample);
        AUTO(report_free) struct report report = { 0 };
        xmlNode *node =
            text_eq(w->path, "/") ? xml_root(doc) : referral_find(doc, w->path);
        bool found = false;

        if (w->attribute != NULL) {
            xml_set(node, NULL, w->attribute, w->value);
        } else {
            xmlUnlinkNode(node);
            xml_node_free(&node);
        }
        referral_check(doc, paths, codes, "file", &report);
        for (size_t k = 0; k < report.count; k++) {
            found |= text_eq(report.items[k].code, w->code) &&
                     text_eq(report.items[k].field, w->field);
            if (w->value != NULL && strlen(w->value) > 3)
                assert_null(strstr(report.items[k].text, w->value)); /* never the value */
        }
        if (!found)
            fail_msg("row %zu", i);
    }
}

static void test_question_about_nothing(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m05.xml");
    AUTO(report_free) struct report report = { 0 };

    (void)state;
    xmlNodeSetContent(referral_find(doc, "InfoRequest/Question/Path"),
                      BAD_CAST "Person/Religion");
    referral_check(doc, paths, codes, NULL, &report);
    assert_int_equal(report.count, 1);
    assert_string_equal(report.items[0].code, "E-REFERENCE");
}

/* --- a newer minor ------------------------------------------------------------------------- */

static void test_newer_minor(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
    AUTO(strlist_free) struct strlist dropped = { 0 };
    xmlNode *root = xml_root(doc), *person = referral_section(doc, "Person"), *seal;
    struct err err = { 0 };

    (void)state;
    xml_add_text(person, person->ns, "ShoeSize", "38");
    xml_add(xml_add(root, root->ns, "Weather"), root->ns, "Rain");
    xml_set(person, NULL, "mood", "good");
    seal = xml_add(root, xml_ns_add(root, "http://www.w3.org/2000/09/xmldsig#", "ds"),
                   "Signature");
    assert_false(xsd_check(schema, doc, &err));
    assert_int_equal(referral_drop_unknown(doc, paths, &dropped), 3);
    assert_true(strlist_has(&dropped, "Person/ShoeSize"));
    assert_true(strlist_has(&dropped, "Person/@mood"));
    assert_true(strlist_has(&dropped, "Weather"));
    assert_ptr_equal(seal->parent, root); /* the seal stays */
    if (!xsd_check(schema, doc, &err))
        fail_msg("%s", err.text);
}

/* What the schema must refuse, in a sample that is otherwise right. */
struct refused {
    const char *from, *to;
};

static void test_schema_is_strict(void **state)
{
    static const struct refused rows[] = {
        { "kind=\"M01\"", "kind=\"M1\"" },
        { "<ValidUntil>2029-04-01", "<ValidUntil>2029-02-30" },
        { "<MessageId>6d0a", "<MessageId>6D0a" },
        { "<Surname>Bondar", "<Surname>   " },
        { "precision=\"year\"", "precision=\"week\"" },
        { ">2026-02<", ">2026-13<" },
        { "code=\"UA\" verified", "code=\"U A\" verified" },
        { "3f0c3f0c", "3F0c3f0c" },
        { "<Sex code=\"F\"/>", "<Sex code=\"F\"/><Religion>x</Religion>" },
        { "name=\"consimtamant.pdf\"", "name=\"../x\"" },
        { "<Sex code=\"F\"/>", "<Sex/>" },
        { "type=\"former\"", "type=\"stage\"" },
        { "environment=\"demo\"", "environment=\"test\"" },
        { "kind=\"narrowed\"", "kind=\"lost\"" },
        { "item=\"repatriation\"", "" },
    };
    AUTO(buf_free) struct buf right = BUF_INIT(1);

    (void)state;
    load(SAMPLES_FOLDER "/m01-adult.xml", &right);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *at = strstr(buf_str(&right), rows[i].from);
        AUTO(mem_free) char *text = NULL;
        AUTO(xml_doc_free) xmlDoc *doc = NULL;
        struct err err = { 0 };

        assert_non_null(at);
        text = mem_printf("%.*s%s%s", (int)(at - right.data), right.data, rows[i].to,
                          at + strlen(rows[i].from));
        doc = xml_parse_utf8(text, strlen(text), NULL, &err);
        assert_non_null(doc);
        if (xsd_check(schema, doc, &err))
            fail_msg("%s", rows[i].to);
        assert_code(&err, "xsd.invalid");
    }
}

/* Changed octets that still parse are read, checked and trimmed without harm. */
static void test_mutations(void **state)
{
    AUTO(buf_free) struct buf right = BUF_INIT(1);
    struct dice dice = { 9 };
    size_t parsed = 0;

    (void)state;
    load(SAMPLES_FOLDER "/m01-adult.xml", &right);
    for (int i = 0; i < 1500; i++) {
        AUTO(mem_free) char *text = mem_dup(right.data, right.len);
        AUTO(xml_doc_free) xmlDoc *doc = NULL;
        AUTO(report_free) struct report report = { 0 };
        struct referral_header header;
        struct err err = { 0 };

        dice_mutate(&dice, text, right.len);
        doc = xml_parse_utf8(text, right.len, NULL, &err);
        if (doc == NULL)
            continue;
        parsed++;
        if (!referral_header_read(doc, &header, &err))
            assert_non_null(err.code);
        referral_check(doc, paths, codes, NULL, &report);
        referral_of_child(doc, NOW);
        referral_drop_unknown(doc, paths, NULL);
    }
    assert_true(parsed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_header_there_and_back),
        cmocka_unit_test(test_header_of_little),
        cmocka_unit_test(test_broken_headers),
        cmocka_unit_test(test_no_referral),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_question_about_nothing),
        cmocka_unit_test(test_newer_minor),
        cmocka_unit_test(test_schema_is_strict),
        cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
