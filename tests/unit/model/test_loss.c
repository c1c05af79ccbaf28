/* The two loss reports: what the sender keeps, and what may travel. */
#include "support_model.h"

#include <string.h>

#include "base/str.h"
#include "format/json.h"
#include "format/xml.h"
#include "format/xsd.h"
#include "model/findings.h"
#include "model/loss.h"
#include "model/referral.h"

#define CANARY   "ZZCANARYZZ"
#define TEXT_MAX (1 << 20)

static void add(struct losses *losses, enum loss_kind kind, const char *field,
                const char *path, enum category category, const char *list,
                const char *from, const char *to)
{
    losses_add(losses, &(struct loss){ .kind = kind,
                                       .field = field,
                                       .path = path,
                                       .rule = "r",
                                       .mapping = "national/UA",
                                       .version = "1",
                                       .clause = "7",
                                       .category = category,
                                       .list = list,
                                       .from = from,
                                       .to = to,
                                       .reason = "because " CANARY });
}

/* Whatever stands in the travelling report, as one text. */
static void as_text(const struct losses *losses, struct buf *out)
{
    json_t *json = losses_json(losses);

    json_print(json, out);
    json_drop(&json);
}

static const struct loss *find(const struct losses *losses, enum loss_kind kind,
                               const char *path)
{
    for (size_t i = 0; i < losses->count; i++)
        if (losses->items[i].kind == kind && text_eq(losses->items[i].path, path))
            return &losses->items[i];
    return NULL;
}

static void test_values_stay_at_home(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(TEXT_MAX);

    (void)state;
    add(&full, LOSS_WITHHELD, "StanZdorovia", "Health/Description", CATEGORY_HEALTH, NULL,
        CANARY, NULL);
    add(&full, LOSS_NARROWED, "Sherbimi", "Needs/Service", CATEGORY_NEEDS, "service",
        CANARY, CANARY);
    add(&full, LOSS_CUT, "Shenime", "Note", CATEGORY_NEEDS, NULL, CANARY, CANARY);
    add(&full, LOSS_NO_EQUIVALENT, "Rozshyrennia", NULL, CATEGORY_NONE, NULL, CANARY,
        NULL);
    add(&full, LOSS_INVALID, "NID", "Person/Identifier", CATEGORY_IDENT, NULL, CANARY,
        NULL);
    add(&full, LOSS_NORMALISED, "surname", "Person/Name/Surname", CATEGORY_IDENT, NULL,
        CANARY, CANARY);
    add(&full, LOSS_CARRIED, "sex", "Person/Sex", CATEGORY_IDENT, "sex", CANARY, CANARY);
    add(&full, LOSS_RECODED, "PIB", "Person/Name/Given", CATEGORY_IDENT, NULL, CANARY,
        CANARY);
    losses_travelling(&full, 0, &travel);
    as_text(&travel, &text);
    assert_null(strstr(buf_str(&text), CANARY));
    assert_null(strstr(buf_str(&text), "because"));
    assert_null(strstr(buf_str(&text), "HEALTH"));
    assert_null(strstr(buf_str(&text), "Health"));
    assert_null(strstr(buf_str(&text), "Zdorovia"));
    assert_int_equal(travel.count, 7); /* carried is left out */
    /* The sender's own report has them all. */
    buf_clear(&text);
    as_text(&full, &text);
    assert_non_null(strstr(buf_str(&text), CANARY));
    assert_non_null(strstr(buf_str(&text), "Health/Description"));
}

static void test_codes_of_carried_fields_travel(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };
    const struct loss *loss;

    (void)state;
    add(&full, LOSS_RECODED, "RivenRyzyku", "Risk/Level", CATEGORY_RISK, "risk_level",
        "MEDIUM", "П");
    add(&full, LOSS_RECODED, "Stat", "Person/Sex", CATEGORY_IDENT, "sex", "X", "0");
    add(&full, LOSS_NARROWED, "Stat", "Person/Sex", CATEGORY_IDENT, "sex", "X", "0");
    add(&full, LOSS_RECODED, "Posluga", "Needs/Service[x=1]", CATEGORY_NEEDS, "service",
        "FOOD", "01");
    losses_travelling(&full, 0, &travel);
    loss = find(&travel, LOSS_RECODED, "Risk/Level");
    assert_string_equal(loss->from, "MEDIUM");
    assert_string_equal(loss->to, "П");
    loss = find(&travel, LOSS_RECODED, "Person/Sex"); /* narrowed as well: no values */
    assert_null(loss->from);
    assert_null(loss->to);
    assert_non_null(find(&travel, LOSS_RECODED, "Needs/Service[x=1]")->from);
}

/* A loss of a field that was withheld would tell of it; so it goes too. */
static void test_withheld_takes_its_losses_along(void **state)
{
    static const char *const withheld[] = { "Criminal/Role", "Criminal",
                                            "Criminal/Role/@code" };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(withheld); i++) {
        AUTO(losses_free) struct losses full = { 0 };
        AUTO(losses_free) struct losses travel = { 0 };

        add(&full, LOSS_RECODED, "RolOsoby", "Criminal/Role", CATEGORY_CRIMINAL,
            "criminal_role", "1", "2");
        add(&full, LOSS_WITHHELD, NULL, withheld[i], CATEGORY_CRIMINAL, NULL, NULL, NULL);
        losses_travelling(&full, category_bit(CATEGORY_CRIMINAL), &travel);
        assert_int_equal(travel.count, 1);
        assert_int_equal(travel.items[0].kind, LOSS_WITHHELD);
        assert_null(travel.items[0].path);
    }
}

static void test_withheld_whole_category(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };

    (void)state;
    add(&full, LOSS_CUT, "OpysZdorovia", "Health/Description", CATEGORY_HEALTH, NULL, "a",
        "b");
    losses_add(&full,
               &(struct loss){ .kind = LOSS_WITHHELD, .category = CATEGORY_HEALTH });
    losses_travelling(&full, 0, &travel);
    assert_int_equal(travel.count, 1);
    assert_int_equal(travel.items[0].category, CATEGORY_NONE);
}

static void test_named_categories(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };
    unsigned named = category_bit(CATEGORY_HEALTH);

    (void)state;
    add(&full, LOSS_WITHHELD, "a", "Health/Description", CATEGORY_HEALTH, NULL, NULL,
        NULL);
    add(&full, LOSS_WITHHELD, "b", "Health/FitToTravel", CATEGORY_HEALTH, NULL, NULL,
        NULL);
    add(&full, LOSS_WITHHELD, "c", "Criminal/Role", CATEGORY_CRIMINAL, NULL, NULL, NULL);
    add(&full, LOSS_WITHHELD, "d", "Note", CATEGORY_NONE, NULL, NULL, NULL);
    losses_travelling(&full, named, &travel);
    assert_int_equal(travel.count, 2);
    assert_int_equal(travel.items[0].category, CATEGORY_NONE);
    assert_int_equal(travel.items[0].count, 2);
    assert_int_equal(travel.items[1].category, CATEGORY_HEALTH);
    assert_int_equal(travel.items[1].count, 2);
    for (size_t i = 0; i < travel.count; i++)
        assert_true(travel.items[i].field == NULL && travel.items[i].path == NULL &&
                    travel.items[i].rule == NULL && travel.items[i].clause == NULL);
}

static void test_in_the_document(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = sample("m01-child.xml");
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };
    AUTO(losses_free) struct losses back = { 0 };
    AUTO(buf_free) struct buf xsd = BUF_INIT(1);
    AUTO(xsd_free) struct xsd *schema = NULL;
    struct err err = { 0 };
    char longer[2000];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    add(&full, LOSS_RECODED, "Urgjenca", "Case/Urgency", CATEGORY_ADMIN, "urgency",
        "EMERGENCY", "U");
    add(&full, LOSS_CUT, longer, "Note", CATEGORY_NEEDS, NULL, "a", "b");
    add(&full, LOSS_CUT, "bad \x01 control", "Person/Name[lang=be]/Surname",
        CATEGORY_IDENT, NULL, "a", "b");
    add(&full, LOSS_WITHHELD, "x", "Health/Description", CATEGORY_HEALTH, NULL, "a",
        NULL);
    full.items[0].blocking = true;
    losses_travelling(&full, 0, &travel);
    losses_to_referral(&travel, doc);
    losses_to_referral(&travel, doc); /* again: instead of the first */
    assert_int_equal(xml_count(xml_root(doc), REFERRAL_NS, "LossReport"), 1);

    load(SCHEMA_FILE, &xsd);
    schema = xsd_compile(&(struct xsd_file){ "referral-1.xsd", xsd.data, xsd.len }, 1,
                         "referral-1.xsd", &err);
    assert_non_null(schema);
    if (!xsd_check(schema, doc, &err))
        fail_msg("%s", err.text);

    losses_of_referral(doc, &back);
    assert_int_equal(back.count, 4);
    assert_string_equal(find(&back, LOSS_RECODED, "Case/Urgency")->from, "EMERGENCY");
    assert_true(find(&back, LOSS_RECODED, "Case/Urgency")->blocking);
    assert_int_equal(strlen(find(&back, LOSS_CUT, "Note")->field), 100);
    assert_null(find(&back, LOSS_CUT, "Person/Name/Surname")->field);

    losses_free(&travel);
    losses_to_referral(&travel, doc);
    assert_null(referral_section(doc, "LossReport"));
}

static void test_json_there_and_back(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses back = { 0 };
    AUTO(json_drop) json_t *json = NULL;
    AUTO(json_drop) json_t *wrong = json_pack("[{s:s}]", "kind", "vanished");
    AUTO(json_drop) json_t *number = json_pack("[{s:s,s:i}]", "kind", "cut", "from", 3);
    struct err err = { 0 };

    (void)state;
    add(&full, LOSS_CUT, "a", "Note", CATEGORY_NEEDS, NULL, "long", "short");
    full.items[0].count = 3;
    json = losses_json(&full);
    assert_true(losses_parse(json, &back, &err));
    assert_int_equal(back.count, 1);
    assert_int_equal(back.items[0].kind, LOSS_CUT);
    assert_int_equal(back.items[0].count, 3);
    assert_int_equal(back.items[0].category, CATEGORY_NEEDS);
    assert_string_equal(back.items[0].from, "long");
    assert_false(losses_parse(wrong, &back, &err));
    assert_code(&err, "loss.form");
    assert_false(losses_parse(number, &back, &err));
    assert_code(&err, "loss.form");
    assert_false(losses_parse(NULL, &back, &err));
    assert_code(&err, "loss.form");
}

static void test_blocking(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    static const char *const blocking[] = { "victim_status", "Risk" };

    (void)state;
    add(&full, LOSS_RECODED, "a", "Trafficking/Status", CATEGORY_TRAFF, "victim_status",
        "1", "2");
    add(&full, LOSS_NARROWED, "b", "Risk/Factor", CATEGORY_RISK, "risk_factor", "1", "2");
    add(&full, LOSS_CUT, "c", "Note", CATEGORY_NEEDS, NULL, "1", "2");
    add(&full, LOSS_CARRIED, "d", "Risk/Level", CATEGORY_RISK, "risk_level", "1", "1");
    assert_false(losses_blocking(&full));
    losses_block(&full, blocking, COUNT_OF(blocking));
    assert_true(losses_blocking(&full));
    assert_true(full.items[0].blocking && full.items[1].blocking);
    assert_false(full.items[2].blocking);
    assert_false(full.items[3].blocking); /* nothing was lost */
    assert_int_equal(losses_count(&full, LOSS_CUT), 1);
}

static void test_ceilings(void **state)
{
    AUTO(losses_free) struct losses full = { 0 };
    AUTO(losses_free) struct losses travel = { 0 };

    (void)state;
    for (int i = 0; i < LOSSES_MAX + 5; i++)
        losses_add(&full, &(struct loss){ .kind = LOSS_CUT, .field = "f" });
    assert_int_equal(full.count, LOSSES_MAX);
    assert_int_equal(full.dropped, 5);
    losses_travelling(&full, 0, &travel);
    assert_int_equal(travel.count, LOSSES_TRAVEL_MAX);
    assert_int_equal(travel.dropped, LOSSES_MAX - LOSSES_TRAVEL_MAX + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_stay_at_home),
        cmocka_unit_test(test_codes_of_carried_fields_travel),
        cmocka_unit_test(test_withheld_takes_its_losses_along),
        cmocka_unit_test(test_withheld_whole_category),
        cmocka_unit_test(test_named_categories),
        cmocka_unit_test(test_in_the_document),
        cmocka_unit_test(test_json_there_and_back),
        cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_ceilings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
