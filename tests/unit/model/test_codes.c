/* The shipped code lists, asked both ways; and lists that must not be taken. */
#include "support_model.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/country.h"

static int load_lists(void **state)
{
    *state = shipped_codes();
    return 0;
}

static int drop_lists(void **state)
{
    struct codes *codes = *state;

    codes_free(&codes);
    return 0;
}

/* --- what a country's value means, and how it says a code --------------------------------- */

struct both {
    const char *list, *country, *national, *canonical;
    enum code_relation relation;
    const char *back; /* national value of that code */
    enum code_loss loss;
};

static const struct both both_ways[] = {
    { "sex", "BY", "М", "M", CODE_EXACT, "М", CODE_LOSS_NONE },
    { "sex", "AL", "M", "M", CODE_EXACT, "M", CODE_LOSS_NONE },
    { "sex", "UA", "Ч", "M", CODE_EXACT, "Ч", CODE_LOSS_NONE },
    { "risk_level", "AL", "1", "CRITICAL", CODE_EXACT, "1", CODE_LOSS_NONE },
    { "risk_level", "AL", "4", "LOW", CODE_EXACT, "4", CODE_LOSS_NONE },
    { "risk_level", "MD", "1", "LOW", CODE_EXACT, "1", CODE_LOSS_NONE },
    { "risk_level", "MD", "3", "HIGH", CODE_BROADER, "3", CODE_LOSS_BLURRED },
    { "risk_level", "BY", "С", "CRITICAL", CODE_EXACT, "С", CODE_LOSS_NONE },
    { "exploitation", "AL", "FS", "SEX", CODE_BROADER, "FS", CODE_LOSS_BLURRED },
    { "exploitation", "AL", "SP", "SEX_PROST", CODE_EXACT, "SP", CODE_LOSS_NONE },
    { "exploitation", "UA", "4.2", "PREG", CODE_EXACT, "4.2", CODE_LOSS_NONE },
    { "recruiter_relation", "MD", "N", "STRANGER", CODE_EXACT, "N", CODE_LOSS_NONE },
    { "recruitment_method", "AL", "PU", "WORK", CODE_BROADER, "PU", CODE_LOSS_BLURRED },
    { "victim_status", "UA", "21", "IDENTIFIED", CODE_NARROWER, "20", CODE_LOSS_NONE },
    { "decision", "BY", "Запрос", "DEFER", CODE_EXACT, "Запрос", CODE_LOSS_NONE },
    { "document_status", "BY", "нет", "UNK", CODE_OVERLAP, NULL, CODE_LOSS_MISSING },
    { "document_status", "AL", "TF", "TRAFFICKER", CODE_EXACT, "TF", CODE_LOSS_NONE },
    { "risk_factor", "MD", "reprisal", "REPRISAL", CODE_EXACT, "reprisal",
      CODE_LOSS_NONE },
    { "decline_reason", "BY", "07", "INSUFFICIENT", CODE_EXACT, "07", CODE_LOSS_NONE },
    { "consent_purpose", "UA", "3", "TRACING", CODE_EXACT, "3", CODE_LOSS_NONE },
    { "consent_giver", "AL", "VE", "SELF", CODE_EXACT, "VE", CODE_LOSS_NONE },
    { "consent_giver", "BY", "орган опеки", "AUTHORITY", CODE_EXACT, "орган опеки",
      CODE_LOSS_NONE },
    { "kinship", "UA", "5", "SIBLING", CODE_EXACT, "5", CODE_LOSS_NONE },
    { "answer_state", "BY", "не разрешено", "NOT_PERMITTED", CODE_EXACT, "не разрешено",
      CODE_LOSS_NONE },
    { "event_type", "UA", "V", "RECRUITMENT", CODE_EXACT, "V", CODE_LOSS_NONE },
    { "contact_role", "MD", "dutyOfficer", "DUTY_24H", CODE_EXACT, "dutyOfficer",
      CODE_LOSS_NONE },
    { "data_category", "MD", "circumstances", "TRAFF", CODE_EXACT, "circumstances",
      CODE_LOSS_NONE },
    { "proceeding_state", "UA", "0", "NONE", CODE_EXACT, "0", CODE_LOSS_NONE },
    { "service_state", "MD", "declinedByPerson", "DECLINED_BY_PERSON", CODE_EXACT,
      "declinedByPerson", CODE_LOSS_NONE },
    { "attachment_kind", "UA", "zhoda", "CONSENT", CODE_EXACT, "zhoda", CODE_LOSS_NONE },
    { "note_section", "UA", "potreby", "NEEDS", CODE_EXACT, "potreby", CODE_LOSS_NONE },
    { "message_kind", "AL", "Vendim", "M04", CODE_EXACT, "Vendim", CODE_LOSS_NONE },
    { "country", "BY", "MDA", "MD", CODE_EXACT, "MDA", CODE_LOSS_NONE },
    { "country", "BY", "ЛБГ", "XX", CODE_EXACT, "ЛБГ", CODE_LOSS_NONE },
    { "country", "UA", "008", "AL", CODE_EXACT, "008", CODE_LOSS_NONE },
    { "country", "UA", "000", "XX", CODE_EXACT, "000", CODE_LOSS_NONE },
    { "country", "MD", "XX", "XX", CODE_EXACT, "XX", CODE_LOSS_NONE },
    { "country", "AL", "Shqipëri", "AL", CODE_EXACT, "Shqipëri", CODE_LOSS_NONE },
    { "language", "AL", "rumanisht", "ro", CODE_EXACT, "rumanisht", CODE_LOSS_NONE },
    { "language", "BY", "цыганский", "rom", CODE_EXACT, "цыганский", CODE_LOSS_NONE },
    { "industry", "UA", "F", "F", CODE_EXACT, "F", CODE_LOSS_NONE },
    { "admin_region", "UA", "UA73000000000044923", "UA-77", CODE_EXACT,
      "UA73000000000044923", CODE_LOSS_NONE },
};

static void test_both_ways(void **state)
{
    for (size_t i = 0; i < COUNT_OF(both_ways); i++) {
        const struct both *row = &both_ways[i];
        const struct code_list *list = codes_list(*state, row->list);
        const struct code_in *in;
        const struct code_out *out;

        assert_non_null(list);
        in = code_in(list, row->country, row->national, false);
        if (in == NULL)
            fail_msg("%s %s %s", row->list, row->country, row->national);
        assert_string_equal(in->canonical, row->canonical);
        assert_int_equal(in->relation, row->relation);
        out = code_out(list, row->country, row->canonical);
        assert_non_null(out);
        assert_int_equal(out->loss, row->loss);
        assert_true(text_eq(out->national, row->back));
    }
}

struct outbound {
    const char *list, *country, *code, *national;
    enum code_loss loss;
    bool warns;
};

static const struct outbound outbounds[] = {
    { "risk_level", "BY", "MEDIUM", "П", CODE_LOSS_REPLACED, true }, /* up, never down */
    { "risk_level", "MD", "CRITICAL", "3", CODE_LOSS_REPLACED, true },
    { "urgency", "BY", "PRIORITY", "0", CODE_LOSS_REPLACED, false },
    { "sex", "BY", "X", NULL, CODE_LOSS_MISSING, false },
    { "exploitation", "BY", "SEX_ONLINE", "01", CODE_LOSS_GENERALISED, false },
    { "exploitation", "UA", "SURR", "4.2", CODE_LOSS_REPLACED, false },
    { "exploitation", "MD", "UNK", NULL, CODE_LOSS_MISSING, false },
    { "document_status", "BY", "TRAFFICKER", "нет", CODE_LOSS_GENERALISED, false },
    { "document_status", "BY", "EXPIRED", NULL, CODE_LOSS_MISSING, true },
    { "country", "AL", "JP", NULL, CODE_LOSS_MISSING, false },
    { "language", "MD", "uk", NULL, CODE_LOSS_MISSING, false },
};

static void test_outbound(void **state)
{
    for (size_t i = 0; i < COUNT_OF(outbounds); i++) {
        const struct outbound *row = &outbounds[i];
        const struct code_out *out =
            code_out(codes_list(*state, row->list), row->country, row->code);

        assert_non_null(out);
        if (!text_eq(out->national, row->national) || out->loss != row->loss)
            fail_msg("%s %s %s", row->list, row->country, row->code);
        if (row->warns)
            assert_non_null(out->warning);
    }
}

static void test_unknown(void **state)
{
    const struct code_list *sex = codes_list(*state, "sex");
    const struct code_list *category = codes_list(*state, "beneficiary_category");

    assert_null(codes_list(*state, "no_such_list"));
    assert_null(codes_list(*state, NULL));
    assert_null(code_in(sex, "BY", "M", false)); /* Latin: not the Belarusian letter */
    assert_null(code_in(sex, "BY", "M", true));  /* nor loosely */
    assert_null(code_in(sex, "XK", "M", false));
    assert_null(code_in(sex, "BY", NULL, false));
    assert_null(code_in(sex, "BY", "", false));
    assert_null(code_out(sex, "BY", "NOPE"));
    assert_null(code_out(sex, "XK", "M"));
    assert_null(code_list_find(sex, "м"));
    assert_string_equal(code_lookalike(sex, "BY", "M")->national, "М");
    assert_string_equal(code_lookalike(category, "BY", "B")->canonical, "THB_ADULT");
    assert_null(code_lookalike(sex, "BY", "М")); /* the right letter needs no hint */
    assert_null(code_lookalike(sex, "BY", "Q"));
}

static void test_loose(void **state)
{
    const struct code_list *country = codes_list(*state, "country");

    assert_null(code_in(country, "AL", "Shqiperi", false));
    assert_string_equal(code_in(country, "AL", "Shqiperi", true)->canonical, "AL");
    assert_string_equal(code_in(country, "AL", "SHQIPËRI", true)->national, "Shqipëri");
    assert_string_equal(code_in(country, "AL", "pa shtetesi", true)->canonical, "XX");
    assert_null(code_in(country, "AL", "Atlantida", true));
}

static void test_attribute_beside_a_code(void **state)
{
    const struct code_list *status = codes_list(*state, "victim_status");
    const struct code_list *role = codes_list(*state, "criminal_role");
    const struct code_in *in = code_in(status, "UA", "21", false);

    assert_string_equal(in->set_name, "extended");
    assert_string_equal(in->set_value, "true");
    in = code_out_with(status, "UA", "IDENTIFIED", "extended", "true");
    assert_string_equal(in->national, "21");
    assert_null(code_out_with(status, "UA", "IDENTIFIED", "extended", "false"));
    assert_string_equal(
        code_out_with(role, "AL", "WITNESS", "protected", "true")->national, "B");
    assert_null(code_in(status, "UA", "20", false)->set_name);
}

static void test_labels(void **state)
{
    const struct code_list *kinship = codes_list(*state, "kinship");
    const struct code *mother = code_list_find(kinship, "MOTHER");

    assert_string_equal(code_label(mother, "ro"), "Mamă");
    assert_string_equal(code_label(mother, "en"), code_label(mother, "gag"));
    assert_string_equal(code_list_version(kinship), "1");
    assert_string_equal(code_in(kinship, "UA", "1", false)->label, "Мати");
    assert_true(code_list_ordered(codes_list(*state, "risk_level")));
    assert_false(code_list_ordered(kinship));
}

static void test_countries(void **state)
{
    assert_string_equal(country_find(*state, "MD")->alpha3, "MDA");
    assert_string_equal(country_find(*state, "UKR")->code, "UA");
    assert_string_equal(country_find(*state, "008")->code, "AL");
    assert_string_equal(country_find(*state, "XX")->code, COUNTRY_STATELESS);
    assert_null(country_find(*state, "ZZ"));
    assert_null(country_find(*state, "Moldova"));
    assert_null(country_find(*state, NULL));
}

/* Every list, every country: what goes out comes in again as the same code or a stated loss. */
static void test_all_lists_close(void **state)
{
    size_t lists = codes_count(*state), pairs = 0;
    static const char *const countries[] = { "BY", "MD", "UA", "AL" };

    assert_int_equal(lists, 45);
    for (size_t i = 0; i < lists; i++)
        for (size_t c = 0; c < COUNT_OF(countries); c++)
            for (size_t k = 0; k < code_list_count(codes_at(*state, i)); k++) {
                const struct code_list *list = codes_at(*state, i);
                const char *code = code_list_at(list, k)->code;
                const struct code_out *out = code_out(list, countries[c], code);
                const struct code_in *in;

                if (out == NULL || out->national == NULL)
                    continue;
                in = code_in(list, countries[c], out->national, false);
                assert_non_null(in);
                if (out->loss == CODE_LOSS_NONE)
                    assert_string_equal(in->canonical, code);
                pairs++;
            }
    assert_true(pairs > 1500);
}

static void test_risk_is_never_rounded_down(void **state)
{
    static const char *const countries[] = { "BY", "MD", "UA", "AL" };
    const struct code_list *list = codes_list(*state, "risk_level");

    for (size_t c = 0; c < COUNT_OF(countries); c++)
        for (unsigned level = 0; level < 3;
             level++) { /* CRITICAL of MD goes with urgency U */
            const struct code *code = code_list_at(list, level);
            const struct code_out *out = code_out(list, countries[c], code->code);
            const struct code_in *in = code_in(list, countries[c], out->national, false);

            assert_true(code_list_find(list, in->canonical)->rank >= level);
        }
}

/* --- lists that must not be taken --------------------------------------------------------- */

struct bad {
    const char *name, *file, *text, *code;
};

#define HEAD   "{\"list\":\"t\",\"version\":\"1\",\"title\":\"t\","
#define CODES  "\"codes\":[{\"code\":\"A\",\"labels\":{\"en\":\"a\"}}],"
#define VALUES "\"values\":[{\"code\":\"1\",\"canonical\":\"A\",\"relation\":\"exact\"}],"

static struct bad bads[] = {
    { "no JSON", "t.json", "{", "json.malformed" },
    { "an array", "t.json", "[]", "json.type" },
    { "another name than its file", "u.json", HEAD CODES "\"national\":{}}",
      "codes.name" },
    { "no codes", "t.json", HEAD "\"codes\":[],\"national\":{}}", "codes.too-many" },
    { "no version", "t.json", "{\"list\":\"t\",\"title\":\"t\"," CODES "\"national\":{}}",
      "json.missing" },
    { "an unknown key", "t.json", HEAD CODES "\"national\":{},\"x\":1}",
      "json.unknown-key" },
    { "a code twice", "t.json",
      HEAD "\"codes\":[{\"code\":\"A\",\"labels\":{}},{\"code\":\"A\",\"labels\":{}}],"
           "\"national\":{}}",
      "codes.twice" },
    { "a code with blanks", "t.json",
      HEAD "\"codes\":[{\"code\":\"A B\",\"labels\":{}}],\"national\":{}}",
      "codes.form" },
    { "a parent that is no code", "t.json",
      HEAD "\"codes\":[{\"code\":\"A\",\"parent\":\"Z\",\"labels\":{}}],\"national\":{}}",
      "codes.reference" },
    { "a value of no code", "t.json",
      HEAD CODES "\"national\":{\"BY\":{\"values\":[{\"code\":\"1\",\"canonical\":\"Z\","
                 "\"relation\":\"exact\"}],\"from-canonical\":{\"A\":{\"code\":\"1\","
                 "\"loss\":\"none\"}}}}}",
      "codes.reference" },
    { "a value twice", "t.json",
      HEAD CODES
      "\"national\":{\"BY\":{\"values\":[{\"code\":\"1\",\"canonical\":\"A\","
      "\"relation\":\"exact\"},{\"code\":\"1\",\"canonical\":\"A\",\"relation\":"
      "\"exact\"}],\"from-canonical\":{}}}}",
      "codes.twice" },
    { "a code said with no value", "t.json",
      HEAD CODES "\"national\":{\"BY\":{" VALUES
                 "\"from-canonical\":{\"A\":{\"code\":\"2\",\"loss\":\"none\"}}}}}",
      "codes.reference" },
    { "a code not said at all", "t.json",
      HEAD CODES "\"national\":{\"BY\":{" VALUES "\"from-canonical\":{}}}}",
      "codes.reference" },
    { "missing, but with a value", "t.json",
      HEAD CODES "\"national\":{\"BY\":{" VALUES
                 "\"from-canonical\":{\"A\":{\"code\":\"1\",\"loss\":\"missing\"}}}}}",
      "codes.form" },
    { "a relation of no kind", "t.json",
      HEAD CODES "\"national\":{\"BY\":{\"values\":[{\"code\":\"1\",\"canonical\":\"A\","
                 "\"relation\":\"alike\"}],\"from-canonical\":{}}}}",
      "json.word" },
    { "a country of three letters", "t.json",
      HEAD CODES "\"national\":{\"BLR\":{" VALUES
                 "\"from-canonical\":{\"A\":{\"code\":\"1\",\"loss\":\"none\"}}}}}",
      "codes.form" },
};

static void test_bad(void **state)
{
    const struct bad *bad = *state;
    AUTO(fileset_free) struct fileset *files = fileset_new();
    AUTO(codes_free) struct codes *codes = NULL;
    struct err err = { 0 };

    assert_true(fileset_add(files, bad->file, bad->text, strlen(bad->text), &err));
    codes = codes_load(files, &err);
    assert_null(codes);
    assert_code(&err, bad->code);
    assert_int_equal(err.kind, ERR_CONFIG);
}

/* Truncated at each length, and with octets changed: refused or taken, never worse. */
static void test_mutations(void **state)
{
    AUTO(buf_free) struct buf whole = BUF_INIT(1);
    struct dice dice = { 5 };
    size_t taken = 0;

    (void)state;
    load(LISTS_FOLDER "/sex.json", &whole);
    for (size_t i = 0; i < 1500; i++) {
        AUTO(fileset_free) struct fileset *files = fileset_new();
        AUTO(codes_free) struct codes *codes = NULL;
        AUTO(mem_free) char *text = mem_dup(whole.data, whole.len);
        size_t len = i < 500 ? whole.len * i / 500 : whole.len;
        struct err err = { 0 };

        if (i >= 500)
            dice_mutate(&dice, text, whole.len);
        assert_true(fileset_add(files, "sex.json", text, len, &err));
        codes = codes_load(files, &err);
        if (codes == NULL)
            assert_true(err.code != NULL && err.text[0] != '\0');
        taken += codes != NULL;
    }
    assert_true(taken < 1000); /* no truncation is taken */
}

int main(void)
{
    static const struct CMUnitTest shipped[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_outbound),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_loose),
        cmocka_unit_test(test_attribute_beside_a_code),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_countries),
        cmocka_unit_test(test_all_lists_close),
        cmocka_unit_test(test_risk_is_never_rounded_down),
        cmocka_unit_test(test_mutations),
    };
    struct CMUnitTest refused[COUNT_OF(bads)];
    int failed;

    for (size_t i = 0; i < COUNT_OF(bads); i++)
        refused[i] = (struct CMUnitTest){ .name = bads[i].name,
                                          .test_func = test_bad,
                                          .initial_state = &bads[i] };
    failed = cmocka_run_group_tests_name("codes", shipped, load_lists, drop_lists);
    return failed + cmocka_run_group_tests_name("refused", refused, NULL, NULL);
}
