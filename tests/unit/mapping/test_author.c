/*
 * Mistakes of mapping authors: each is found before a document is read, with its line, its rule and one
 * usable fix. Each is one change in a shipped mapping.
 */
#include "support_mapping.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

struct mistake {
    const char *name, *cc;
    const char *find, *put;  /* put replaces the first find */
    const char *code, *rule; /* of the finding; rule NULL: any */
    const char *fix;         /* must stand in the remedy; NULL: any */
};

static const struct mistake mistakes[] = {
    { "misspelt national step", "UA", "\"at\": \"StanDokumenta\"",
      "\"at\": \"StanDokument\"", "E-PATH", "document-status", "StanDokumenta" },
    { "misspelt canonical step", "MD", "\"to\": \"BirthDate\"", "\"to\": \"BirthDay\"",
      "E-PATH", "birth-date", "BirthDate" },
    { "unknown kind", "MD", "\"as\": \"phone\"", "\"as\": \"fone\"", "E-KIND", "phone",
      "phone" },
    { "unknown key", "MD", "\"label\": \"IDNP\"", "\"lable\": \"IDNP\"", "E-KEY", "idnp",
      "label" },
    { "no such list", "UA", "\"list\": \"risk_level\"", "\"list\": \"risk_levels\"",
      "E-LIST", "risk-level", NULL },
    { "the list of another field", "UA", "\"list\": \"risk_level\"",
      "\"list\": \"urgency\"", "E-LIST", "risk-level", NULL },
    { "list version of another year", "MD", "\"sex\": \"1\"", "\"sex\": \"2019\"",
      "E-LIST", NULL, NULL },
    { "list used but not named", "MD", "\"sex\": \"1\", ", "", "E-LIST", NULL,
      "\"sex\": \"1\"" },
    { "no id", "MD", "{ \"id\": \"sex\", ", "{ ", "E-ID", NULL, "id" },
    { "one id twice", "MD", "\"id\": \"sex\"", "\"id\": \"birth-date\"", "E-ID",
      "birth-date", NULL },
    { "two rules write one field", "UA",
      "{ \"id\": \"sex\", \"at\": \"Stat\", \"to\": \"Sex\"",
      "{ \"id\": \"sex2\", \"at\": \"Stat\", \"to\": \"Sex\", \"as\": \"code\", "
      "\"list\": \"sex\" },\n"
      "{ \"id\": \"sex\", \"at\": \"Stat\", \"to\": \"Sex\"",
      "E-OVERLAP", "sex", "when" },
    { "risk level forgotten", "UA", "\"circumstances\", \"risk\", \"health\"",
      "\"circumstances\", \"health\"", "E-SAFETY", NULL, NULL },
    { "telephone without instructions", "UA",
      "{ \"id\": \"phone-instructions\", \"at\": \"@instruktsiia\", \"to\": "
      "\"Instructions\"",
      "{ \"id\": \"phone-instructions\", \"at\": \"@instruktsiia\", \"to\": \"Number\"",
      "E-SAFETY", NULL, "Instructions" },
    { "one way without a reason", "UA",
      "\"only\": \"read\", \"why\": \"a status is that of the state that gave it; the "
      "form need not "
      "say so at home\",",
      "\"only\": \"read\",", "E-ONE-WAY", "status-country", "why" },
    { "overflow into nothing", "MD", "\"together\": \"phone\", \"overflow\": \"notes\"",
      "\"together\": \"phone\", \"overflow\": \"nots\"", "E-REFERENCE",
      "phone-instructions", "note" },
    { "date form", "MD", "\"as\": \"date\", \"form\": \"YYYY-MM-DD\"",
      "\"as\": \"date\", \"form\": \"JJJJ-MM-TT\"", "E-OPTION", "decision-until",
      "DD.MM.YYYY" },
    { "number scheme", "MD", "\"scheme\": \"IDNP\"", "\"scheme\": \"IDPN\"", "E-OPTION",
      "idnp", "IDNP" },
    { "a part that is not there", "MD", "\"officers\", \"attachments\", \"notes\" ]",
      "\"officers\", \"atachments\", \"notes\" ]", "E-PART", NULL, NULL },
    { "a part nobody includes", "MD", "\"travel\", \"consents\", ", "\"consents\", ",
      "W-UNUSED", NULL, NULL },
    { "required field that nobody writes", "MD",
      "{ \"id\": \"version\", \"at\": \"formatVersion\", \"as\": \"constant\", "
      "\"value\": \"1.2\", "
      "\"clause\": \"1\" },",
      "", "E-UNFILLED", NULL, NULL },
    { "also with a code of no list", "MD", "\"canonical\": \"CRITICAL\"",
      "\"canonical\": \"CRITICALLY\"", "E-CODE", "risk-level", NULL },
    { "condition on a field that is not there", "MD",
      "\"at\": \"case/beneficiaryType\", \"is\": "
      "\"PSD\"",
      "\"at\": \"case/beneficiary\", \"is\": \"PSD\"", "E-PATH", "MD-15-2", NULL },
    { "never a field that is not there", "UA", "\"at\": \"Sprava/NomerReiestru\"",
      "\"at\": \"Sprava/NomerRejestru\"", "E-PATH", NULL, NULL },
    { "label of no code", "UA", "\"of\": \"document-kind\"",
      "\"of\": \"document-number\"", "E-REFERENCE", "document-label", NULL },
    { "path that cannot be read", "UA",
      "\"to\": \"Name[type=legal]\", \"as\": \"name\", \"line\"",
      "\"to\": \"Name[type=legal\", \"as\": \"name\", \"line\"", "E-PATH", "name", NULL },
    { "unknown format", "MD", "\"kind\": \"json\"", "\"kind\": \"jason\"", "E-FORMAT",
      NULL, "json" },
    { "unknown encoding", "UA", "\"encoding\": \"UTF-8\", \"read",
      "\"encoding\": \"klingon\", \"read", "E-FORMAT", NULL, NULL },
    { "no root", "UA", "\"root\": \"soap:Envelope/soap:Body/n:ZapytVidomostei\",", "",
      "E-MISSING", NULL, "root" },
    { "number instead of text", "MD", "\"clause\": \"7\"", "\"clause\": 7", "E-TYPE",
      NULL, NULL },
};

static void changed(const struct mistake *m, struct buf *out, unsigned *ret_line)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1 << 20);
    char path[128];
    const char *at;

    snprintf(path, sizeof path, NATIONAL_FOLDER "/%s/mapping.json", m->cc);
    assert_true(octets_of(path, &text));
    at = strstr(buf_str(&text), m->find);
    if (at == NULL)
        fail_msg("%s: the mapping has no %s any more", m->name, m->find);
    *ret_line = 1;
    for (const char *c = text.data; c < at; c++)
        *ret_line += *c == '\n';
    buf_add(out, text.data, (size_t)(at - text.data));
    buf_adds(out, m->put);
    buf_adds(out, at + strlen(m->find));
}

static void test_mistake(void **state)
{
    const struct mistake *m = *state;
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(1 << 20), lines = BUF_INIT(1 << 20);
    struct mapping *map;
    struct err err = { 0 };
    unsigned line;
    bool found = false;

    changed(m, &text, &line);
    map = compile_text_of(m->cc, "author.json", buf_str(&text), NULL, &report, &err);
    report_print(&report, &lines);
    if (m->code[0] == 'E') {
        assert_null(map);
        assert_code(&err, "mapping.refused");
    }
    mapping_free(&map);
    for (size_t i = 0; i < report.count && !found; i++) {
        const struct report_entry *e = &report.items[i];

        found = text_eq(e->code, m->code) &&
                (m->rule == NULL || text_eq(e->rule, m->rule)) &&
                text_eq(e->file, "author.json") && !text_empty(e->text) &&
                !text_empty(e->remedy) && e->line > 0 &&
                (m->fix == NULL || strstr(e->remedy, m->fix) != NULL);
        /* A misspelling is shown on its own line. */
        if (found && m->rule != NULL && text_eq(m->code, "E-PATH") && m->fix != NULL)
            assert_int_equal(e->line, line);
    }
    if (!found) {
        print_error("%s\n", buf_str(&lines));
        fail_msg("no %s for %s", m->code, m->rule == NULL ? "it" : m->rule);
    }
}

/* --- agreements over a base -------------------------------------------------------------- */

static struct mapping *over(const char *agreement, struct report *report, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1 << 20);

    assert_true(octets_of(NATIONAL_FOLDER "/MD/mapping.json", &text));
    return compile_text_of("MD", "base.json", buf_str(&text), agreement, report, err);
}

#define HEAD \
    "{\"mapping\":\"MDUA-1/MD\",\"version\":\"1\"," \
    "\"extends\":{\"mapping\":\"national/MD\",\"version\":\"1\"},\n"

static void test_agreement(void **state)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(mapping_free) struct mapping *map = NULL;
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
    AUTO(translation_free) struct translation read = { 0 };
    struct err err = { 0 };

    (void)state;
    map = over(HEAD "\"override\":[{\"id\":\"notes\",\"max\":500}],\n"
                    "\"remove\":[{\"id\":\"former-name\",\"why\":\"art. 7\"}]}",
               &report, &err);
    if (map == NULL)
        fail_msg("%s", err.text);
    assert_string_equal(mapping_id(map), "MDUA-1/MD");
    assert_true(octets_of(NATIONAL_FOLDER "/MD/samples/m01-adult-full.json", &in));
    assert_true(read_octets(map, "x", in.data, in.len, &read, &err));
    assert_int_equal(report_errors(&read.report), 0);
    assert_null(strstr(buf_str(&read.text),
                       "Lysenko</Surname>\n      </Name>\n      <BirthDate"));
    /* What was removed is not dropped silently. */
    for (size_t i = 0; i < read.losses.count; i++)
        if (text_eq(read.losses.items[i].field, "person.formerName")) {
            assert_int_equal(read.losses.items[i].kind, LOSS_NO_EQUIVALENT);
            assert_string_equal(read.losses.items[i].mapping, "MDUA-1/MD");
            return;
        }
    fail_msg("the removed field left no loss");
}

static const struct {
    const char *name, *text, *code, *file;
    unsigned line;
} agreements[] = {
    { "unknown rule", HEAD "\"override\":[\n{\"id\":\"nots\",\"max\":5}]}", "E-REFERENCE",
      "agreement.json", 3 },
    { "removed without reason", HEAD "\"remove\":[\n{\"id\":\"former-name\"}]}",
      "E-REMOVE", "agreement.json", 3 },
    { "risk level removed", HEAD "\"remove\":[{\"id\":\"risk-level\",\"why\":\"no\"}]}",
      "E-SAFETY", "agreement.json", 0 },
    { "another base",
      "{\"mapping\":\"M\",\"version\":\"1\",\"extends\":{\"mapping\":\"national/"
      "MD\",\"version\":\"0\"}}",
      "E-EXTENDS", "agreement.json", 1 },
    { "a bad value in an override",
      HEAD "\"override\":[\n{\"id\":\"idnp\",\"scheme\":\"X\"}]}", "E-OPTION",
      "agreement.json", 3 },
};

static void test_bad_agreement(void **state)
{
    size_t i = (size_t)(uintptr_t)*state;
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf lines = BUF_INIT(1 << 20);
    struct err err = { 0 };

    assert_null(over(agreements[i].text, &report, &err));
    for (size_t k = 0; k < report.count; k++)
        if (text_eq(report.items[k].code, agreements[i].code)) {
            assert_string_equal(report.items[k].file, agreements[i].file);
            if (agreements[i].line > 0)
                assert_int_equal(report.items[k].line, agreements[i].line);
            assert_false(text_empty(report.items[k].remedy));
            return;
        }
    report_print(&report, &lines);
    print_error("%s\n%s", err.text, buf_str(&lines));
    fail_msg("no %s", agreements[i].code);
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(mistakes) + COUNT_OF(agreements) + 1];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(mistakes); i++)
        tests[n++] =
            (struct CMUnitTest){ .name = mistakes[i].name,
                                 .test_func = test_mistake,
                                 .initial_state = (void *)(uintptr_t)&mistakes[i] };
    for (size_t i = 0; i < COUNT_OF(agreements); i++)
        tests[n++] = (struct CMUnitTest){ .name = agreements[i].name,
                                          .test_func = test_bad_agreement,
                                          .initial_state = (void *)(uintptr_t)i };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_agreement);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    shipped_free();
    return failed;
}
