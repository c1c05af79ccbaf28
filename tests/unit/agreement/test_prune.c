/* What was withheld is nowhere: not in the document, not in the losses that travel with it. */
#include "support_agreement.h"

#include <stdio.h>

#include "agreement/rights.h"
#include "base/buf.h"
#include "format/json.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "model/loss.h"
#include "model/message.h"
#include "model/referral.h"

#define CANARY "KANAREIKA"

static xmlDoc *sample(const char *name)
{
    AUTO(mem_free) char *path = mem_printf("mappings/canonical/samples/%s", name);
    AUTO(mem_free) char *file = test_file(path);
    /* the person of the sample agreed to IDENT and DOCS alone: too little for these tests */
    AUTO(mem_free)
    char *text =
        strcmp(name, "m01-adult.xml") == 0
            ? test_edit(file, "<Category code=\"IDENT\"/>\n    <Category code=\"DOCS\"/>",
                        "<Category code=\"IDENT\"/><Category code=\"DOCS\"/>"
                        "<Category code=\"TRAFF\"/><Category code=\"RISK\"/>"
                        "<Category code=\"CONTACT\"/><Category code=\"TRAVEL\"/>")
            : mem_strdup(file);
    struct err err = { 0 };
    xmlDoc *doc = xml_parse_utf8(text, strlen(text), NULL, &err);

    if (doc == NULL)
        fail_msg("%s", err.text);
    return doc;
}

/* Elements whose text the rules read: they keep it. */
static bool is_read(const xmlNode *node)
{
    static const char *const names[] = { "GivenOn",    "ValidUntil", "WithdrawnOn",
                                         "Recipient",  "BirthDate",  "Path",
                                         "EvidenceRef" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp((const char *)node->name, names[i]) == 0)
            return true;
    return false;
}

/* A canary of its own into every leaf, and beside every code. */
static void plant(xmlNode *node, unsigned *count)
{
    char text[32];

    for (xmlNode *c = xml_first(node); c != NULL; c = xml_next(c)) {
        snprintf(text, sizeof text, CANARY "%05u.", ++*count);
        if (xml_attr(c, NULL, "code") != NULL)
            xml_set(c, NULL, "national", text);
        else if (xml_first(c) == NULL && !is_read(c))
            xmlNodeSetContent(c, (const xmlChar *)text);
        plant(c, count);
    }
}

/* The canaries at or below a node. */
static void gather(const xmlNode *node, struct strlist *ret)
{
    AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    struct err err = { 0 };
    const char *at;

    assert_true(xml_print_node(node, NULL, &text, &err));
    for (at = buf_str(&text); (at = strstr(at, CANARY)) != NULL; at++) {
        AUTO(mem_free) char *one = mem_strndup(at, strlen(CANARY) + 6);

        strlist_add(ret, one);
    }
}

static void split_canaries(const struct verdicts *v, struct strlist *gone,
                           struct strlist *kept)
{
    for (size_t i = 0; i < v->count; i++) {
        if (v->items[i].attribute != NULL)
            continue;
        if (!v->items[i].carry)
            gather(v->items[i].node, gone);
        else if (xml_first(v->items[i].node) == NULL)
            gather(v->items[i].node, kept);
    }
}

static void assert_nowhere(const char *text, const struct strlist *gone)
{
    for (size_t i = 0; i < gone->count; i++)
        if (strstr(text, gone->items[i]) != NULL)
            fail_msg("%s is still there", gone->items[i]);
}

static void assert_everywhere(const char *text, const struct strlist *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        if (strstr(text, kept->items[i]) == NULL)
            fail_msg("%s is not there", kept->items[i]);
}

/* Prunes, writes the travelling report in, and looks for every canary. */
static void prune_and_look(const struct agreement *a, xmlDoc *doc, struct verdicts *v,
                           size_t least_gone)
{
    AUTO(strlist_free) struct strlist gone = { 0 }, kept = { 0 };
    AUTO(losses_free) struct losses full = { 0 }, travelling = { 0 };
    AUTO(mem_free) char *text = NULL;

    split_canaries(v, &gone, &kept);
    assert_true(gone.count >= least_gone);
    agreement_prune(a, doc, v, &full);
    assert_int_equal(losses_count(&full, LOSS_WITHHELD), verdicts_withheld(v));
    losses_travelling(&full, agreement_named_categories(a), &travelling);
    losses_to_referral(&travelling, doc);
    text = test_print(doc);
    assert_nowhere(text, &gone);
    assert_everywhere(text, &kept);
    for (size_t i = 0; i < v->count; i++)
        assert_null(v->items[i].node);
}

static void test_request_canaries(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
    AUTO(verdicts_free) struct verdicts v = { 0 };
    struct decide_input in = test_input(doc);
    unsigned count = 0;

    (void)state;
    plant(xml_root(doc), &count);
    assert_true(count > 100);
    if (!decide(&in, &v))
        fail_msg("%s: %s", v.refusals[0].code, v.refusals[0].text);
    prune_and_look(in.agreement, doc, &v, 40);
}

/* Every message of the catalogue, with every section in it that there is. */
static void test_every_message_canaries(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct decide_input in = test_input(doc);
        unsigned count = 0;

        if (!message_type_at(i)->document)
            continue;
        xml_set(xml_root(doc), NULL, "kind", message_type_at(i)->id);
        plant(xml_root(doc), &count);
        (void)decide(&in, &v);
        /* a correction may carry almost everything */
        prune_and_look(in.agreement, doc, &v,
                       strcmp(message_type_at(i)->id, "M19") == 0 ? 10 : 40);
    }
}

static void test_office_canaries(void **state)
{
    static const char *const offices[] = { "UA-CONS", "UA-NSS", "UA-DMP", "UA-MOZ",
                                           "UA-NGO" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(offices); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct rights_input in = { .agreement = test_agreement("MDUA-1"),
                                   .doc = doc,
                                   .office = offices[i],
                                   .now_ms = NOW };
        unsigned count = 0;

        plant(xml_root(doc), &count);
        assert_true(rights_filter(&in, &v));
        prune_and_look(in.agreement, doc, &v, 5);
    }
}

static struct xsd *schema(void)
{
    AUTO(mem_free) char *text = test_file("mappings/canonical/referral-1.xsd");
    struct xsd_file file = { "referral-1.xsd", text, strlen(text) };
    struct err err = { 0 };
    struct xsd *xsd = xsd_compile(&file, 1, "referral-1.xsd", &err);

    if (xsd == NULL)
        fail_msg("%s", err.text);
    return xsd;
}

static void test_still_valid(void **state)
{
    static const char *const names[] = { "m01-adult.xml", "m01-child.xml", "m03.xml",
                                         "m04.xml",       "m05.xml",       "m06.xml" };
    AUTO(xsd_free) struct xsd *xsd = schema();
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(xml_doc_free) xmlDoc *doc = sample(names[i]);
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct decide_input in = test_input(doc);

        if (!xsd_check(xsd, doc, &err))
            fail_msg("%s before: %s", names[i], err.text);
        (void)decide(&in, &v);
        agreement_prune(in.agreement, doc, &v, NULL);
        if (!xsd_check(xsd, doc, &err))
            fail_msg("%s: %s", names[i], err.text);
    }
}

/* Whatever single path may not go, what is left is a document of the schema. */
static void test_valid_without_any_path(void **state)
{
    AUTO(xsd_free) struct xsd *xsd = schema();
    const struct path_table *paths = test_paths();
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < path_count(paths); i++) {
        const struct path_row *row = path_at(paths, i);
        AUTO(xml_doc_free) xmlDoc *doc = sample("m01-adult.xml");
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct rights_input in = { .agreement = test_agreement("MDUA-1"),
                                   .doc = doc,
                                   .office = "UA-COORD",
                                   .now_ms = NOW };

        if (row->attribute || row->parent == NULL || path_covers("Header", row->path) ||
            path_covers("Consent", row->path) || path_covers("LossReport", row->path))
            continue;
        assert_true(rights_filter(&in, &v));
        for (size_t j = 0; j < v.count; j++)
            if (path_covers(row->path, v.items[j].path) && v.items[j].attribute == NULL)
                v.items[j].carry =
                    row->min_count > 0; /* what must stand is bound elsewhere */
        agreement_prune(in.agreement, doc, &v, NULL);
        if (!xsd_check(xsd, doc, &err))
            fail_msg("without %s: %s", row->path, err.text);
    }
}

/* --- empty groups, references, answers ------------------------------------------------------ */

static char *pruned(const struct decide_input *in, xmlDoc *doc)
{
    AUTO(verdicts_free) struct verdicts v = { 0 };

    (void)decide(in, &v);
    agreement_prune(in->agreement, doc, &v, NULL);
    return test_print(doc);
}

static void test_empty_groups_go(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = test_referral(
        "M01",
        M01_ADULT "<Needs/><Criminal><Reflection><Start>2026-11-01</Start></Reflection>"
                  "</Criminal>");
    struct decide_input in = test_input(doc);
    AUTO(mem_free) char *text = pruned(&in, doc);

    (void)state;
    assert_null(strstr(text, "<Criminal"));
    assert_non_null(strstr(text, "<Needs")); /* it said: asked, none */
}

static void test_references_go(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = test_referral(
        "M01", CASE_ADULT
        "<Person><Name type='legal'><Full>X</Full></Name><BirthDate precision='day'>"
        "1992-03-15</BirthDate><Photo attachment='scan-2'/></Person>" STATUS
        "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/>"
        "<Giver "
        "code='SELF'/><GivenOn>2026-11-03</GivenOn><EvidenceRef>scan-1</EvidenceRef>"
        "<EvidenceRef>scan-3</EvidenceRef></Consent>"
        "<Attachment id='scan-1' mediaType='application/x-dosexec' sha256='0' size='1' "
        "category='CONSENT'/>"
        "<Attachment id='scan-2' mediaType='image/png' sha256='0' size='1' "
        "category='IDENT'/>"
        "<Attachment id='scan-3' mediaType='application/pdf' sha256='0' size='1' "
        "category='CONSENT'/>");
    struct decide_input in = test_input(doc);
    AUTO(mem_free) char *text = pruned(&in, doc);

    (void)state;
    assert_null(strstr(text, "scan-1"));
    assert_null(strstr(text, "scan-2"));
    assert_null(strstr(text, "<Photo"));
    assert_non_null(strstr(text, "<EvidenceRef>scan-3</EvidenceRef>"));
    assert_non_null(strstr(text, "id=\"scan-3\""));
}

static void test_answers_are_mended(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc = test_referral(
        "M06", CASE_ADULT
        "<Person><BirthPlace><Locality>X</Locality></BirthPlace></Person>"
        "<Health><FitToTravel>true</FitToTravel></Health>"
        "<InfoResponse><Answer><Path>Health</Path><State code='PROVIDED' national='1' "
        "country='MD'/></Answer><Answer><Path>Person/BirthPlace</Path><State "
        "code='PROVIDED'/></Answer></InfoResponse>");
    AUTO(xml_doc_free) xmlDoc *consents = test_referral("M18", YES_RETURN);
    AUTO(strlist_free) struct strlist asked = { 0 };
    AUTO(mem_free) char *text = NULL;
    struct decide_input in = test_input(doc);

    (void)state;
    strlist_add(&asked, "Health");
    strlist_add(&asked, "Person/BirthPlace");
    in.asked = &asked;
    in.consents = consents;
    text = pruned(&in, doc);
    assert_null(strstr(text, "<Health"));
    assert_non_null(strstr(text, "<Path>Health</Path><State code=\"NOT_PERMITTED\"/>"));
    assert_non_null(
        strstr(text, "<Path>Person/BirthPlace</Path><State code=\"PROVIDED\"/>"));
}

static void test_losses_name_the_clause(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc =
        test_referral("M06", CASE_ADULT
                      "<Person><Address type='origin'><Country code='UA'/><Street>" CANARY
                      "</Street></Address></Person><InfoResponse><Answer>"
                      "<Path>Person/Address</Path><State code='PROVIDED'/></Answer>"
                      "</InfoResponse>");
    AUTO(xml_doc_free) xmlDoc *consents = test_referral("M18", YES_RETURN);
    AUTO(verdicts_free) struct verdicts v = { 0 };
    AUTO(losses_free) struct losses losses = { 0 };
    AUTO(strlist_free) struct strlist asked = { 0 };
    AUTO(json_drop) json_t *json = NULL;
    AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    struct decide_input in = test_input(doc);

    (void)state;
    strlist_add(&asked, "Person/Address");
    in.asked = &asked;
    in.consents = consents;
    assert_true(decide(&in, &v));
    agreement_prune(in.agreement, doc, &v, &losses);
    assert_int_equal(losses.count, 1);
    assert_string_equal(losses.items[0].path, "Person/Address/Street");
    assert_string_equal(losses.items[0].clause, "8(1)");
    assert_int_equal(losses.items[0].category, CATEGORY_CONTACT);
    json = losses_json(&losses);
    json_print(json, &text);
    assert_null(strstr(buf_str(&text), CANARY));
    assert_non_null(referral_find(doc, "Person/Address/Country"));
}

/* An attribute that an exception names goes alone; its element stays. */
static void test_attribute_exception(void **state)
{
    AUTO(mem_free) char *text = test_file("agreements/common.json");
    AUTO(mem_free)
    char *with = test_edit(text, "\"fields\": [\n",
                           "\"fields\": [ { \"clause\": \"8(9)\", \"path\": "
                           "\"Trafficking/Exploitation/@industry\", "
                           "\"use\": \"forbidden\" },\n");
    AUTO(fileset_free)
    struct fileset *tree = test_tree_with("agreements/common.json", with);
    AUTO(agreement_free) struct agreement *a = test_agreement_of(tree, "MDUA-1");
    AUTO(xml_doc_free)
    xmlDoc *doc =
        test_referral("M01", CASE_ADULT PERSON
                      "<Trafficking><Status code='IDENTIFIED'/>"
                      "<Exploitation code='LAB' industry='F'/></Trafficking>" YES_RETURN);
    AUTO(verdicts_free) struct verdicts v = { 0 };
    AUTO(mem_free) char *out = NULL;
    struct decide_input in = test_input(doc);

    (void)state;
    in.agreement = a;
    assert_true(decide(&in, &v));
    agreement_prune(a, doc, &v, NULL);
    out = test_print(doc);
    assert_null(strstr(out, "industry"));
    assert_non_null(strstr(out, "<Exploitation code=\"LAB\"/>"));
}

static void test_blocking(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");
    AUTO(losses_free) struct losses losses = { 0 };

    (void)state;
    losses_add(&losses, &(struct loss){ .kind = LOSS_RECODED, .list = "risk_level" });
    losses_add(&losses,
               &(struct loss){ .kind = LOSS_NO_EQUIVALENT, .list = "victim_status" });
    losses_add(&losses, &(struct loss){ .kind = LOSS_CUT,
                                        .path = "Person/Phone[safe=true]/Instructions" });
    losses_add(&losses, &(struct loss){ .kind = LOSS_CUT, .path = "Note" });
    agreement_block_losses(a, &losses);
    assert_false(losses.items[0].blocking);
    assert_true(losses.items[1].blocking);
    assert_true(losses.items[2].blocking);
    assert_false(losses.items[3].blocking);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_canaries),
        cmocka_unit_test(test_every_message_canaries),
        cmocka_unit_test(test_office_canaries),
        cmocka_unit_test(test_still_valid),
        cmocka_unit_test(test_valid_without_any_path),
        cmocka_unit_test(test_empty_groups_go),
        cmocka_unit_test(test_references_go),
        cmocka_unit_test(test_answers_are_mended),
        cmocka_unit_test(test_losses_name_the_clause),
        cmocka_unit_test(test_attribute_exception),
        cmocka_unit_test(test_blocking),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    test_end();
    return failed;
}
