/* Calendars, office rights, explanations, bundles. */
#include "support_agreement.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agreement/bundle.h"
#include "agreement/calendar.h"
#include "agreement/explain.h"
#include "agreement/rights.h"
#include "base/buf.h"
#include "format/json.h"
#include "format/xml.h"
#include "model/findings.h"
#include "model/loss.h"

/* --- calendars ------------------------------------------------------------------------------ */

static void test_working_days(void **state)
{
    static const struct {
        const char *country;
        struct civil from;
        unsigned n;
        const char *want;
    } rows[] = {
        { "MD", { 2026, 11, 24 }, 1, "2026-11-25" },
        { "MD", { 2026, 11, 24 }, 10, "2026-12-08" },
        { "AL", { 2026, 11, 24 }, 10, "2026-12-11" }, /* 30 Nov, 1 and 8 Dec are free */
        { "MD", { 2026, 11, 27 }, 1, "2026-11-30" },  /* over a weekend */
        { "MD", { 2026, 12, 24 }, 1, "2026-12-28" },  /* 25 Dec is free */
        { "MD", { 2026, 12, 31 }, 1, "2027-01-04" },  /* over New Year and its weekend */
        { "BY", { 2026, 12, 31 }, 1, "2027-01-04" },
        { "BY", { 2026, 7, 2 }, 1, "2026-07-06" }, /* 3 July is free */
        { "UA",
          { 2026, 12, 24 },
          1,
          "2026-12-25" }, /* holidays are worked under martial law */
        { "MD", { 2026, 4, 10 }, 1, "2026-04-14" },  /* Easter Monday */
        { "MD", { 2026, 11, 28 }, 0, "2026-11-30" }, /* no day of work: the next */
        { "MD", { 2026, 11, 24 }, 0, "2026-11-24" },
    };
    const struct agreement *which;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        struct civil day;
        char text[11];

        which = test_agreement("IOM-RELAY");
        if (!calendar_add(which, rows[i].country, rows[i].from, rows[i].n, &day, &err))
            fail_msg("%s", err.text);
        civil_print(day, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void test_year_without_calendar(void **state)
{
    struct err err = { 0 };
    struct civil day;

    (void)state;
    assert_false(calendar_add(test_agreement("MDUA-1"), "MD",
                              (struct civil){ 2027, 12, 30 }, 5, &day, &err));
    assert_string_equal(err.code, "calendar.absent");
    assert_non_null(strstr(err.text, "MD-2028.json"));
}

static void test_respond_by(void **state)
{
    static const struct {
        const char *agreement, *kind, *sent, *to, *urgency, *want;
    } rows[] = {
        { "MDUA-1", "M01", "2026-11-24T09:00:00Z", "UA-COORD", NULL, "2026-12-08" },
        { "MDUA-1", "M01", "2026-11-24T09:00:00Z", "UA-COORD", "URGENT", "2026-11-27" },
        { "MDUA-1", "M05", "2026-11-24T09:00:00Z", "MD-COORD", "ROUTINE", "2026-12-01" },
        { "ALMD-1", "M01", "2026-11-24T09:00:00Z", "AL-ONAC", NULL, "2026-12-11" },
        { "ALMD-1", "M01", "2026-11-24T09:00:00Z", "MD-COORD", NULL, "2026-12-08" },
        /* already Wednesday there */
        { "MDUA-1", "M01", "2026-11-24T22:30:00Z", "UA-COORD", NULL, "2026-12-09" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        struct civil day;
        char text[11];

        if (!calendar_respond_by(test_agreement(rows[i].agreement), rows[i].kind,
                                 AT(rows[i].sent), rows[i].to, rows[i].urgency, &day,
                                 &err))
            fail_msg("%s", err.text);
        civil_print(day, text);
        assert_string_equal(text, rows[i].want);
    }
}

static void test_no_term(void **state)
{
    struct err err = { 0 };
    struct civil day;

    (void)state;
    assert_false(calendar_respond_by(test_agreement("MDUA-1"), "M04", NOW, "MD-COORD",
                                     NULL, &day, &err));
    assert_string_equal(err.code, "calendar.no-term");
}

static void test_deadlines(void **state)
{
    struct deadline dues[4];
    struct err err = { 0 };

    (void)state;
    assert_int_equal(calendar_deadlines(test_agreement("MDUA-1"), "M01", NOW, "UA-COORD",
                                        NULL, dues, COUNT_OF(dues), &err),
                     2);
    assert_string_equal(dues[0].answer, "M03");
    assert_string_equal(dues[0].clause, "11(2)");
    assert_string_equal(dues[0].country, "UA");
    /* the whole of the 25th in Kyiv */
    assert_int_equal(dues[0].until_ms, AT("2026-11-25T22:00:00Z"));
    assert_int_equal(calendar_deadlines(test_agreement("MDUA-1"), "M11", NOW, "UA-COORD",
                                        NULL, dues, COUNT_OF(dues), &err),
                     1);
    assert_int_equal(dues[0].until_ms, NOW + 24 * HOUR_MS);
}

/* --- rights --------------------------------------------------------------------------------- */

static void test_rights(void **state)
{
    static const struct {
        const char *office, *path;
        bool sees;
    } rows[] = {
        { "UA-COORD", "Trafficking/Exploitation", true },
        { "UA-CONS", "Trafficking/Exploitation", false },
        { "UA-CONS", "Person/Name/Surname", true },
        { "UA-CONS", "Risk/Level", true },
        { "UA-CONS", "Risk/Factor", false },
        { "UA-DMP", "Trafficking/Exploitation", true },
        { "UA-DMP", "Needs/Service", false },
        { "UA-MOZ", "Person/Name/Surname", true },
        { "UA-MOZ", "Needs/Service", false },
        { "UA-NSS", "Needs/Service", true },
    };
    AUTO(xml_doc_free)
    xmlDoc *doc = test_referral("M01", M01_ADULT
                                "<Risk><Level code='HIGH'/><Factor code='DEBT'/></Risk>"
                                "<Needs><Service code='DOCS' state='NEEDED'/></Needs>");

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct rights_input in = { .agreement = test_agreement("MDUA-1"),
                                   .doc = doc,
                                   .office = rows[i].office,
                                   .now_ms = NOW };

        assert_true(rights_filter(&in, &v));
        assert_int_equal(test_verdict(&v, rows[i].path)->carry, rows[i].sees);
        if (!rows[i].sees)
            assert_int_equal(test_verdict(&v, rows[i].path)->check, VERDICT_OFFICE);
    }
}

/* A case handed on shows what the consent's recipients reach, no more. */
static void test_rights_of_assigned(void **state)
{
    static const struct {
        const char *office, *consents;
        bool sees;
    } rows[] = {
        { "UA-NSS", YES_RETURN, true },
        { "UA-NGO", YES_RETURN, false },
        { "UA-NGO",
          YES_RETURN CONSENT_MD("assistance", "GIVEN", "SELF", "2026-11-03", ""), true },
        { "UA-NSS",
          CONSENT_MD("repatriation", "GIVEN", "SELF", "2026-11-03",
                     "<Recipient>UA-COORD</Recipient>"),
          false },
        { "UA-NSS", CONSENT_MD("repatriation", "WITHDRAWN", "SELF", "2026-11-03", ""),
          false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(mem_free)
        char *sections = mem_printf("%s%s", CASE_ADULT PERSON, rows[i].consents);
        AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", sections);
        AUTO(verdicts_free) struct verdicts v = { 0 };
        struct rights_input in = { .agreement = test_agreement("MDUA-1"),
                                   .doc = doc,
                                   .office = rows[i].office,
                                   .assigned = true,
                                   .case_sender = "MD",
                                   .case_receiver = "UA",
                                   .now_ms = NOW };

        assert_true(rights_filter(&in, &v));
        assert_int_equal(test_verdict(&v, "Person/Name/Surname")->carry, rows[i].sees);
        assert_true(test_verdict(&v, "Case/Beneficiary")->carry);
    }
}

static void test_rights_of_nobody(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", M01_ADULT);
    AUTO(verdicts_free) struct verdicts v = { 0 };
    struct rights_input in = { .agreement = test_agreement("MDUA-1"),
                               .doc = doc,
                               .office = "AL-ONAC",
                               .now_ms = NOW };

    (void)state;
    assert_false(rights_filter(&in, &v));
    assert_string_equal(v.refusals[0].code, "agreement.office-unknown");
    assert_int_equal(rights_sees(test_agreement("MDUA-1"), "AL-ONAC"), 0);
}

static void test_may_send(void **state)
{
    const struct agreement *a = test_agreement("MDUA-1");
    const char *clause;

    (void)state;
    assert_true(rights_may_send(a, "MD-COORD", "M01", NULL, &clause));
    assert_string_equal(clause, "9(1)");
    assert_false(rights_may_send(a, "MD-CONS", "M01", NULL, &clause));
    assert_string_equal(clause, "9(2)");
    assert_false(rights_may_send(a, "UA-NGO", "M17", "ACCEPTED", NULL));
    assert_true(rights_may_send(a, "UA-NGO", "M17", "FOLLOW_UP", NULL));
    assert_false(rights_may_send(a, "AL-ONAC", "M01", NULL, NULL));
    assert_false(rights_may_send(a, "MD-COORD", "M99", NULL, NULL));
}

/* --- explanations --------------------------------------------------------------------------- */

static const struct explain_row *row_of(const struct explanation *e, const char *path)
{
    for (size_t i = 0; i < e->count; i++)
        if (path_covers(e->rows[i].path, path))
            return &e->rows[i];
    fail_msg("nothing is said about %s", path);
    return NULL;
}

static struct explain_input explained(const char *agreement, const char *kind,
                                      const char *from, const char *to)
{
    return (struct explain_input){
        .agreement = test_agreement(agreement),
        .kind = kind,
        .from_office = from,
        .to_office = to,
        .purposes = purpose_bit(PURPOSE_RETURN),
        .now_ms = NOW,
    };
}

static void test_explain_request(void **state)
{
    struct explain_input in = explained("MDUA-1", "M01", "MD-COORD", "UA-COORD");
    AUTO(explanation_free) struct explanation e = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);
    AUTO(json_drop) json_t *json = NULL;

    (void)state;
    assert_true(explain(&in, &e));
    assert_true(row_of(&e, "Person/Name/Surname")->carry);
    assert_true(row_of(&e, "Trafficking/Status")->carry);
    assert_false(row_of(&e, "Trafficking/Control")->carry);
    assert_false(row_of(&e, "Health/Description")->carry);
    assert_string_equal(row_of(&e, "Health/Description")->path, "Health"); /* folded */
    explanation_print(&in, &e, &text);
    assert_non_null(strstr(buf_str(&text), "may pass:"));
    assert_non_null(strstr(buf_str(&text), "supposing consent for: RETURN"));
    json = explanation_json(&in, &e);
    assert_true(json_is_true(json_object_get(json, "pass")));
    assert_int_equal(json_array_size(json_object_get(json, "rows")), e.count);
}

static void test_explain_third(void **state)
{
    struct explain_input in = explained("ALMDUA-3", "M13", "MD-COORD", "UA-COORD");
    AUTO(explanation_free) struct explanation e = { 0 };

    (void)state;
    in.case_sender = "MD";
    in.case_receiver = "AL";
    in.case_state = "ACCEPTED";
    in.purposes |= purpose_bit(PURPOSE_HEALTH);
    assert_true(explain(&in, &e));
    assert_true(row_of(&e, "Travel/PlannedOn")->carry);
    assert_int_equal(row_of(&e, "Health/FitToTravel")->check, VERDICT_THIRD);
    assert_string_equal(row_of(&e, "Health/FitToTravel")->clause, "13(1)");
}

static void test_explain_refused(void **state)
{
    struct explain_input in = explained("BYUA-1", "M01", "BY-COORD", "UA-COORD");
    AUTO(explanation_free) struct explanation e = { 0 }, none = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);

    (void)state;
    assert_false(explain(&in, &e));
    assert_true(test_refused(&e.verdicts, "agreement.leg-suspended"));
    assert_true(e.count > 0);
    explanation_print(&in, &e, &text);
    assert_non_null(strstr(buf_str(&text), "refused: leg BY-UA of BYUA-1 is suspended"));
    in.to_office = "XX-NONE";
    assert_false(explain(&in, &none));
    assert_int_equal(none.count, 0);
}

/* What is explained is what is decided: field by field, on a document with every section. */
static void test_explain_agrees_with_decide(void **state)
{
    AUTO(mem_free) char *text = test_file("mappings/canonical/samples/m01-adult.xml");
    struct err err = { 0 };
    AUTO(xml_doc_free) xmlDoc *doc = xml_parse_utf8(text, strlen(text), NULL, &err);
    AUTO(xml_doc_free) xmlDoc *consents = test_referral("M18", YES_RETURN);
    struct explain_input ask = explained("MDUA-1", "M01", "MD-COORD", "UA-COORD");
    AUTO(explanation_free) struct explanation e = { 0 };
    AUTO(verdicts_free) struct verdicts v = { 0 };
    struct decide_input in = test_input(doc);

    (void)state;
    in.consents = consents;
    assert_true(decide(&in, &v));
    assert_true(explain(&ask, &e));
    for (size_t i = 0; i < v.count; i++) {
        const struct verdict *d = &v.items[i];

        if (d->attribute != NULL || d->check == VERDICT_BOUND ||
            path_covers("Note", d->path) || path_covers("Attachment", d->path) ||
            path_covers("NationalExtension", d->path))
            continue;
        assert_int_equal(row_of(&e, d->path)->carry, d->carry);
    }
}

/* --- bundles -------------------------------------------------------------------------------- */

static struct fileset *tree_with_mappings(void)
{
    struct fileset *tree = test_tree();
    static const struct {
        const char *name, *text;
    } files[] = {
        { "mappings/agreements/MDUA-1/MD.json",
          "{ \"mapping\": \"MDUA-1/MD\", \"extends\": { \"mapping\": \"national/MD\" } "
          "}" },
        { "mappings/agreements/MDUA-1/UA.json",
          "{ \"mapping\": \"MDUA-1/UA\", \"extends\": { \"mapping\": \"national/UA\" } "
          "}" },
        { "mappings/agreements/MDUA-1/cases/one/in.json", "{}" },
        { "mappings/agreements/ALMD-1/AL.json", "{}" },
        { "mappings/national/MD/mapping.json", "{}" },
        { "mappings/national/MD/samples/m01.json", "{}" },
        { "mappings/national/UA/mapping.json", "{}" },
        { "mappings/national/UA/napravlennia.xsd", "<x/>" },
        { "mappings/national/BY/mapping.json", "{}" },
    };
    struct err err = { 0 };

    for (size_t i = 0; i < COUNT_OF(files); i++)
        assert_true(
            fileset_add(tree, files[i].name, files[i].text, strlen(files[i].text), &err));
    return tree;
}

static struct fileset *collected(void)
{
    AUTO(fileset_free) struct fileset *tree = tree_with_mappings();
    struct err err = { 0 };
    struct fileset *bundle = bundle_collect(tree, "MDUA-1", &err);

    if (bundle == NULL)
        fail_msg("%s", err.text);
    return bundle;
}

static void test_bundle(void **state)
{
    AUTO(fileset_free) struct fileset *bundle = collected();
    AUTO(report_free) struct report report = { 0 };
    AUTO(mem_free) char *id = bundle_agreement_id(bundle);

    (void)state;
    assert_string_equal(id, "MDUA-1");
    assert_non_null(fileset_get(bundle, "agreements/common.json"));
    assert_non_null(fileset_get(bundle, "agreements/forms/UA-napravlennia-2.0.json"));
    assert_non_null(fileset_get(bundle, "agreements/calendars/MD-2027.json"));
    assert_non_null(fileset_get(bundle, "mappings/lists/victim_status.json"));
    assert_non_null(fileset_get(bundle, "mappings/national/UA/napravlennia.xsd"));
    assert_non_null(fileset_get(bundle, "mappings/agreements/MDUA-1/cases/one/in.json"));
    assert_null(fileset_get(bundle, "mappings/national/MD/samples/m01.json"));
    assert_null(fileset_get(bundle, "mappings/national/BY/mapping.json"));
    assert_null(fileset_get(bundle, "agreements/BYMD-1.json"));
    assert_true(bundle_validate(bundle, &report));
}

/* The eight as they are shipped. */
static void test_shipped_bundles(void **state)
{
    AUTO(fileset_free) struct fileset *tree = test_whole_tree();
    AUTO(strlist_free) struct strlist ids = { 0 };

    (void)state;
    agreement_ids(tree, &ids);
    assert_int_equal(ids.count, 8);
    for (size_t i = 0; i < ids.count; i++) {
        AUTO(report_free) struct report report = { 0 };
        AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);
        struct err err = { 0 };
        AUTO(fileset_free)
        struct fileset *bundle = bundle_collect(tree, ids.items[i], &err);

        if (bundle == NULL)
            fail_msg("%s: %s", ids.items[i], err.text);
        if (!bundle_validate(bundle, &report)) {
            report_print(&report, &text);
            fail_msg("%s: %s", ids.items[i], buf_str(&text));
        }
    }
}

static void test_bundle_travels(void **state)
{
    AUTO(fileset_free) struct fileset *bundle = collected(), *back = NULL;
    AUTO(buf_free)
    struct buf octets = BUF_INIT(BUNDLE_OCTETS_MAX), again = BUF_INIT(BUNDLE_OCTETS_MAX);
    char one[FILESET_DIGEST], two[FILESET_DIGEST];
    struct err err = { 0 };

    (void)state;
    bundle_pack(bundle, &octets);
    back = bundle_unpack(octets.data, octets.len, &err);
    if (back == NULL)
        fail_msg("%s", err.text);
    bundle_digest(bundle, one);
    bundle_digest(back, two);
    assert_string_equal(one, two);
    bundle_pack(back, &again);
    assert_int_equal(again.len, octets.len);
    assert_memory_equal(again.data, octets.data, octets.len);
}

/* Common tools read it: tar lists it whole. */
static void test_bundle_is_a_tar(void **state)
{
    AUTO(fileset_free) struct fileset *bundle = collected();
    AUTO(buf_free) struct buf octets = BUF_INIT(BUNDLE_OCTETS_MAX);
    size_t lines = 0;
    char line[512];
    char name[] = "/tmp/trm-bundle-XXXXXX";
    AUTO(mem_free) char *command = NULL;
    FILE *tar;
    int fd = mkstemp(name);

    (void)state;
    assert_true(fd >= 0);
    bundle_pack(bundle, &octets);
    assert_int_equal(write(fd, octets.data, octets.len), octets.len);
    close(fd);
    command = mem_printf("tar -tf %s 2>&1", name);
    tar = popen(command, "r");
    assert_non_null(tar);
    while (fgets(line, sizeof line, tar) != NULL)
        lines++;
    assert_int_equal(pclose(tar), 0);
    assert_int_equal(lines, fileset_count(bundle));
    unlink(name);
}

static struct fileset *copy_but(const struct fileset *from, const char *without,
                                const char *name, const char *text)
{
    struct fileset *to = fileset_new();
    struct err err = { 0 };

    for (size_t i = 0; i < fileset_count(from); i++) {
        const struct file_item *item = fileset_at(from, i);

        if (!text_eq(item->name, without))
            assert_true(fileset_add(to, item->name, item->data, item->len, &err));
    }
    if (name != NULL)
        assert_true(fileset_add(to, name, text, strlen(text), &err));
    return to;
}

static void test_bundle_tampered(void **state)
{
    static const struct {
        const char *without, *name, *text, *says;
    } rows[] = {
        { "agreements/MDUA-1.json", NULL, NULL, "not there" },
        { "agreements/common.json", "agreements/common.json", "{}",
          "not what the manifest" },
        { NULL, "mappings/lists/more.json", "{}", "does not name it" },
        { BUNDLE_MANIFEST, NULL, NULL, "no bundle.json" },
        { BUNDLE_MANIFEST, BUNDLE_MANIFEST, "{}", "does not name the agreement" },
        { BUNDLE_MANIFEST, BUNDLE_MANIFEST, "{\"bundle\": \"MDUA-1\", \"files\": {}}",
          "does not name it" },
    };
    AUTO(fileset_free) struct fileset *bundle = collected();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(fileset_free)
        struct fileset *bad =
            copy_but(bundle, rows[i].without, rows[i].name, rows[i].text);
        AUTO(report_free) struct report report = { 0 };
        AUTO(buf_free) struct buf text = BUF_INIT(1024 * 1024);

        assert_false(bundle_validate(bad, &report));
        assert_true(report_has(&report, "E-BUNDLE"));
        report_print(&report, &text);
        if (strstr(buf_str(&text), rows[i].says) == NULL)
            fail_msg("%s", buf_str(&text));
    }
}

static void test_bundle_lacks(void **state)
{
    static const char *const names[] = { "mappings/agreements/MDUA-1/UA.json",
                                         "mappings/national/UA/mapping.json",
                                         "mappings/canonical/referral-1.xsd" };
    AUTO(fileset_free) struct fileset *tree = tree_with_mappings();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO(fileset_free) struct fileset *less = copy_but(tree, names[i], NULL, NULL);
        struct err err = { 0 };
        AUTO(fileset_free) struct fileset *bundle = bundle_collect(less, "MDUA-1", &err);

        /* a folder of a national form must hold something; the schema of it is still there */
        if (i == 1) {
            assert_non_null(bundle);
            continue;
        }
        assert_null(bundle);
        assert_string_equal(err.code, "bundle.missing");
    }
}

static void test_unpack_hostile(void **state)
{
    AUTO(fileset_free) struct fileset *bundle = collected();
    AUTO(buf_free) struct buf good = BUF_INIT(BUNDLE_OCTETS_MAX);
    static const struct {
        size_t at;
        char by;
        const char *code;
    } rows[] = {
        { 257, 'x', "bundle.form" }, { 148, '7', "bundle.form" },
        { 0, '/', "bundle.form" },   { 156, '2', "bundle.form" },
        { 124, '7', "bundle.form" },
    };
    uint64_t dice = 88172645463325252u;

    (void)state;
    bundle_pack(bundle, &good);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(mem_free) char *bad = mem_dup(good.data, good.len);
        struct err err = { 0 };

        bad[rows[i].at] = rows[i].by;
        assert_null(bundle_unpack(bad, good.len, &err));
        assert_string_equal(err.code, rows[i].code);
    }
    for (size_t len = 0; len < good.len; len += good.len / 97 + 1) {
        AUTO(mem_free) char *cut = mem_dup(good.data, len == 0 ? 1 : len);
        struct err err = { 0 };

        assert_null(bundle_unpack(cut, len, &err));
        assert_int_equal(err.kind, ERR_REJECT);
    }
    for (unsigned round = 0; round < 200; round++) {
        AUTO(mem_free) char *bad = mem_dup(good.data, good.len);
        AUTO(fileset_free) struct fileset *set = NULL;
        struct err err = { 0 };

        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        bad[dice % good.len] ^= (char)(1 + (dice >> 40) % 255);
        set = bundle_unpack(bad, good.len, &err);
        if (set != NULL) {
            AUTO(report_free) struct report report = { 0 };

            assert_false(bundle_validate(set, &report));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_working_days),
        cmocka_unit_test(test_year_without_calendar),
        cmocka_unit_test(test_respond_by),
        cmocka_unit_test(test_no_term),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_rights_of_assigned),
        cmocka_unit_test(test_rights_of_nobody),
        cmocka_unit_test(test_may_send),
        cmocka_unit_test(test_explain_request),
        cmocka_unit_test(test_explain_third),
        cmocka_unit_test(test_explain_refused),
        cmocka_unit_test(test_explain_agrees_with_decide),
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_shipped_bundles),
        cmocka_unit_test(test_bundle_travels),
        cmocka_unit_test(test_bundle_is_a_tar),
        cmocka_unit_test(test_bundle_tampered),
        cmocka_unit_test(test_bundle_lacks),
        cmocka_unit_test(test_unpack_hostile),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    test_end();
    return failed;
}
