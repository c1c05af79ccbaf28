/* The table of fields, compiled from the shipped schema and from schemas that break its promises. */
#include "support_model.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "model/referral.h"

static int compile(void **state)
{
    xml_init();
    *state = shipped_paths();
    return 0;
}

static int drop(void **state)
{
    struct path_table *table = *state;

    path_free(&table);
    return 0;
}

struct want {
    const char *path;
    enum path_kind kind;
    enum category category;
    const char *list;
    unsigned min, max;
};

static const struct want wants[] = {
    { "Header", PATH_GROUP, CATEGORY_ADMIN, NULL, 1, 1 },
    { "Header/MessageId", PATH_UUID, CATEGORY_ADMIN, NULL, 1, 1 },
    { "Header/CreatedAt", PATH_INSTANT, CATEGORY_ADMIN, NULL, 1, 1 },
    { "Header/Sequence", PATH_NUMBER, CATEGORY_ADMIN, NULL, 1, 1 },
    { "Person/Name", PATH_GROUP, CATEGORY_IDENT, NULL, 0, 20 },
    { "Person/Name/Surname", PATH_TEXT, CATEGORY_IDENT, NULL, 0, 1 },
    { "Person/Name/@lang", PATH_TEXT, CATEGORY_IDENT, NULL, 0, 1 },
    { "Person/BirthDate", PATH_PARTIAL_DATE, CATEGORY_IDENT, NULL, 0, 1 },
    { "Person/Sex", PATH_CODE, CATEGORY_IDENT, "sex", 0, 1 },
    { "Person/Sex/@code", PATH_CODE, CATEGORY_IDENT, NULL, 1, 1 },
    { "Person/Citizenship", PATH_CODE, CATEGORY_IDENT, "country", 0, 10 },
    { "Person/Citizenship/@verified", PATH_YES_NO, CATEGORY_IDENT, NULL, 0, 1 },
    { "Person/Document/Number", PATH_TEXT, CATEGORY_DOCS, NULL, 0, 1 },
    { "Person/Document/Status", PATH_CODE, CATEGORY_DOCS, "document_status", 0, 1 },
    { "Person/Address/Street", PATH_TEXT, CATEGORY_CONTACT, NULL, 0, 1 },
    { "Person/Phone/Instructions", PATH_FREE_TEXT, CATEGORY_CONTACT, NULL, 0, 5 },
    { "Person/Photo", PATH_GROUP, CATEGORY_PHOTO, NULL, 0, 3 },
    { "Family/Member/Name/Surname", PATH_TEXT, CATEGORY_FAMILY, NULL, 0, 1 },
    { "Family/Guardian/Capacity", PATH_CODE, CATEGORY_FAMILY, "consent_giver", 0, 1 },
    { "Trafficking/Status", PATH_CODE, CATEGORY_TRAFF, "victim_status", 0, 1 },
    { "Trafficking/Status/DecidedOn", PATH_DATE, CATEGORY_TRAFF, NULL, 0, 1 },
    { "Trafficking/Exploitation/@industry", PATH_CODE, CATEGORY_TRAFF, "industry", 0, 1 },
    { "Trafficking/Event/@type", PATH_CODE, CATEGORY_TRAFF, "event_type", 1, 1 },
    { "Risk/Level", PATH_CODE, CATEGORY_RISK, "risk_level", 0, 1 },
    { "Health/FitToTravel", PATH_YES_NO, CATEGORY_HEALTH, NULL, 0, 1 },
    { "Needs/Service", PATH_CODE, CATEGORY_NEEDS, "service", 0, 60 },
    { "Needs/Service/@state", PATH_CODE, CATEGORY_NEEDS, "service_state", 1, 1 },
    { "Consent/Purpose", PATH_CODE, CATEGORY_CONSENT, "consent_purpose", 0, 20 },
    { "Criminal/Reflection/Start", PATH_DATE, CATEGORY_CRIMINAL, NULL, 0, 1 },
    { "Travel/Route", PATH_FREE_TEXT, CATEGORY_TRAVEL, NULL, 0, 5 },
    { "Reintegration/FollowUpOn", PATH_DATE, CATEGORY_REINT, NULL, 0, 50 },
    { "CaseTaken/ReceivedAt", PATH_DAY_OR_INSTANT, CATEGORY_ADMIN, NULL, 0, 1 },
    { "Decision/Outcome", PATH_CODE, CATEGORY_ADMIN, "decision", 1, 1 },
    { "InfoRequest/Question/Path", PATH_TEXT, CATEGORY_ADMIN, NULL, 1, 1 },
    { "Note/@about", PATH_CODE, CATEGORY_NONE, "note_section", 0, 1 },
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < COUNT_OF(wants); i++) {
        const struct want *want = &wants[i];
        const struct path_row *row = path_find(*state, want->path);

        if (row == NULL || row->kind != want->kind || row->category != want->category ||
            !text_eq(row->list, want->list) || row->min_count != want->min ||
            row->max_count != want->max)
            fail_msg("%s", want->path);
    }
}

/* Every leaf has a category, every field a documentation, every code its list. */
static void test_every_row(void **state)
{
    size_t leaves = 0;
    AUTO(codes_free) struct codes *codes = shipped_codes();

    for (size_t i = 0; i < path_count(*state); i++) {
        const struct path_row *row = path_at(*state, i);

        assert_true(row->category != CATEGORY_NONE || row->category_here);
        assert_true(row->doc != NULL && strlen(row->doc) > 3);
        assert_ptr_equal(path_find(*state, row->path), row);
        if (row->list != NULL)
            assert_non_null(codes_list(codes, row->list));
        if (row->coded && row->list == NULL)
            fail_msg("%s has no code list", row->path);
        leaves += row->kind != PATH_GROUP;
    }
    assert_true(leaves > 300);
    assert_true(path_find(*state, "Note")->category_here);
    assert_true(path_find(*state, "Attachment")->category_here);
}

static void test_predicates(void **state)
{
    assert_non_null(path_find(*state, "Person/Name[type=legal]/Surname"));
    assert_null(path_find(*state, "Person/Name[type=legal/Surname"));
    assert_null(path_find(*state, "Person/Religion"));
    assert_null(path_find(*state, ""));
    assert_null(path_find(*state, NULL));
    assert_string_equal(path_nearest(*state, "Person/BirthDat"), "Person/BirthDate");
    assert_string_equal(path_nearest(*state, "Persn/Name[type=legal]/Surname"),
                        "Person/Name/Surname");
    assert_string_equal(path_nearest(*state, "Person/FitToTravel"), "Health/FitToTravel");
    assert_null(path_nearest(*state, "Something/Quite/Different"));
}

struct syntax {
    const char *text;
    bool right;
};

static void test_syntax(void **state)
{
    static const struct syntax rows[] = {
        { "A", true },         { "A/B/@c", true },
        { "A[b=c]/D", true },  { "A[b=c-d_1]", true },
        { "", false },         { "/A", false },
        { "A/", false },       { "A//B", false },
        { "A/@b/C", false },   { "A[b]", false },
        { "A[=c]", false },    { "A[b=]", false },
        { "A[b=c]d", false },  { "A[b=c][d=e]", false },
        { "A b", false },      { "A/[b=c]", false },
        { "A[b='c']", false }, { "a/a/a/a/a/a/a/a/a/a/a/a/a", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct path_steps steps;
        struct err err = { 0 };
        bool right = path_parse(rows[i].text, &steps, &err);

        if (right != rows[i].right)
            fail_msg("%s", rows[i].text);
        if (!right)
            assert_code(&err, "path.syntax");
    }
}

static void test_covers(void **state)
{
    (void)state;
    assert_true(path_covers("Person/Name", "Person/Name/Surname"));
    assert_true(path_covers("Person/Name", "Person/Name"));
    assert_false(path_covers("Person/Name", "Person/Names"));
    assert_false(path_covers("Person/Name/Surname", "Person/Name"));
}

static void test_nodes(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
    xmlNode *node = referral_find(doc, "Family/Member[x=y]");
    struct path_steps steps;
    struct err err;

    assert_null(node);
    node = referral_find(doc, "Person/Name[type=former]/Surname");
    assert_string_equal(path_of(*state, node, NULL)->path, "Person/Name/Surname");
    assert_string_equal(path_of(*state, node->parent, "script")->path,
                        "Person/Name/@script");
    assert_null(path_of(*state, node, "nothing"));
    assert_true(path_parse("Surname", &steps, &err));
    assert_ptr_equal(path_first(node->parent, &steps), node);
    assert_int_equal(path_category(*state, referral_section(doc, "Note")),
                     CATEGORY_NEEDS);
    xmlUnsetProp(referral_section(doc, "Note"), BAD_CAST "category");
    assert_int_equal(path_category(*state, referral_section(doc, "Note")), CATEGORY_NONE);
    assert_int_equal(path_category(*state, node), CATEGORY_IDENT);
}

/* Elements added in any order come to stand as the schema wants them. */
static void test_add(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = referral_new("M01", ENVIRONMENT_DEMO);
    static const char *const sections[] = { "Needs",      "Person",  "Consent",
                                            "Case",       "Consent", "Trafficking",
                                            "LossReport", "Note" };
    static const char *const want[] = { "Header",      "Case",  "Person",
                                        "Trafficking", "Needs", "Consent",
                                        "Consent",     "Note",  "LossReport" };
    xmlNode *root = xml_root(doc), *person, *n;
    size_t i = 0;

    for (size_t k = 0; k < COUNT_OF(sections); k++)
        assert_non_null(path_add(*state, root, sections[k]));
    for (n = xml_first(root); n != NULL; n = xml_next(n))
        assert_string_equal((const char *)n->name, want[i++]);
    assert_int_equal(i, COUNT_OF(want));
    person = referral_section(doc, "Person");
    path_add(*state, person, "Sex");
    path_add(*state, person, "Name");
    path_add(*state, person, "BirthDate");
    path_add(*state, person, "Name");
    assert_string_equal((const char *)xml_first(person)->name, "Name");
    assert_string_equal((const char *)xml_next(xml_next(xml_first(person)))->name,
                        "BirthDate");
    assert_null(path_add(*state, person, "Religion"));
    assert_null(path_add(*state, person, "type"));
    assert_ptr_equal(person->ns, xml_first(person)->ns);
}

/* --- schemas that must not be taken ------------------------------------------------------- */

struct bad {
    const char *name, *from, *to, *code;
};

static struct bad bads[] = {
    { "a section without category", "<trm:category>HEALTH</trm:category>", "",
      "path.category" },
    { "a category of no name", "<trm:category>HEALTH<", "<trm:category>HELTH<",
      "path.category" },
    { "another namespace", "targetNamespace=\"urn:trm:referral:1\"",
      "targetNamespace=\"urn:trm:referral:2\"", "path.schema" },
    { "a type that is not declared", "type=\"PartialDate\"", "type=\"PartlyDate\"",
      "path.schema" },
    { "a choice", "<xs:complexType name=\"Code\">",
      "<xs:complexType name=\"Code\"><xs:choice/>", "path.schema" },
    { "a reference to an element", "<xs:element name=\"Sex\" type=\"Code\"",
      "<xs:element ref=\"Sex\"", "path.schema" },
    { "a kind of no name", "<trm:kind>uuid</trm:kind>", "<trm:kind>guid</trm:kind>",
      "path.schema" },
    { "an element twice", "<xs:element name=\"Given\"", "<xs:element name=\"Surname\"",
      "path.schema" },
    { "a type within itself", "<xs:element name=\"Given\" type=\"Text255\"",
      "<xs:element name=\"Given\" type=\"Name\"", "path.schema" },
    { "no schema", "<xs:schema ", "<xs:scheme ", "xml.malformed" },
};

static char *replaced(const struct buf *text, const char *from, const char *to)
{
    const char *at = strstr(buf_str(text), from);

    assert_non_null(at);
    return mem_printf("%.*s%s%s", (int)(at - text->data), text->data, to,
                      at + strlen(from));
}

static void test_bad(void **state)
{
    const struct bad *bad = *state;
    AUTO(buf_free) struct buf xsd = BUF_INIT(1);
    AUTO(mem_free) char *changed = NULL;
    AUTO(path_free) struct path_table *table = NULL;
    struct err err = { 0 };

    load(SCHEMA_FILE, &xsd);
    changed = replaced(&xsd, bad->from, bad->to);
    table = path_compile(changed, strlen(changed), &err);
    assert_null(table);
    assert_code(&err, bad->code);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_mutations(void **state)
{
    AUTO(buf_free) struct buf xsd = BUF_INIT(1);
    struct dice dice = { 3 };

    (void)state;
    load(SCHEMA_FILE, &xsd);
    for (int i = 0; i < 150; i++) {
        AUTO(mem_free) char *text = mem_dup(xsd.data, xsd.len);
        AUTO(path_free) struct path_table *table = NULL;
        size_t len = i < 50 ? xsd.len * (size_t)i / 50 : xsd.len;
        struct err err = { 0 };

        if (i >= 50)
            dice_mutate(&dice, text, xsd.len);
        table = path_compile(text, len, &err);
        if (table == NULL)
            assert_non_null(err.code);
        assert_true(table == NULL || i >= 50);
    }
}

int main(void)
{
    static const struct CMUnitTest shipped[] = {
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_predicates), cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_covers),     cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_add),        cmocka_unit_test(test_mutations),
    };
    struct CMUnitTest refused[COUNT_OF(bads)];
    int failed;

    for (size_t i = 0; i < COUNT_OF(bads); i++)
        refused[i] = (struct CMUnitTest){ .name = bads[i].name,
                                          .test_func = test_bad,
                                          .initial_state = &bads[i] };
    failed = cmocka_run_group_tests_name("path", shipped, compile, drop);
    return failed + cmocka_run_group_tests_name("refused", refused, NULL, NULL);
}
