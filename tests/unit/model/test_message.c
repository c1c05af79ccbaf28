/* The catalogue of messages, and the most that each may carry. */
#include "support_model.h"

#include "base/str.h"
#include "model/message.h"

struct row {
    const char *name, *message, *path;
    enum category category;
    bool child, carries;
};

static struct row rows[] = {
    { "M01 name", "M01", "Person/Name/Surname", CATEGORY_IDENT, false, true },
    { "M01 document", "M01", "Person/Document/Number", CATEGORY_DOCS, false, true },
    { "M01 no address", "M01", "Person/Address/Street", CATEGORY_CONTACT, false, false },
    { "M01 no photograph", "M01", "Person/Photo", CATEGORY_PHOTO, false, false },
    { "M01 status", "M01", "Trafficking/Status/DecidedOn", CATEGORY_TRAFF, false, true },
    { "M01 forms", "M01", "Trafficking/Exploitation/@industry", CATEGORY_TRAFF, false,
      true },
    { "M01 the envelope of both", "M01", "Trafficking", CATEGORY_TRAFF, false, true },
    { "M01 no events", "M01", "Trafficking/Event", CATEGORY_TRAFF, false, false },
    { "M01 no means of control", "M01", "Trafficking/Control", CATEGORY_TRAFF, false,
      false },
    { "M01 no text about trafficking", "M01", "Note", CATEGORY_TRAFF, false, false },
    { "M01 text about needs", "M01", "Note", CATEGORY_NEEDS, false, true },
    { "M01 text without category", "M01", "Note", CATEGORY_NONE, false, false },
    { "M01 risk level", "M01", "Risk/Level", CATEGORY_RISK, false, true },
    { "M01 no risk factor", "M01", "Risk/Factor", CATEGORY_RISK, false, false },
    { "M01 guardian of a child", "M01", "Family/Guardian/Name/Surname", CATEGORY_FAMILY,
      true, true },
    { "M01 no guardian of an adult", "M01", "Family/Guardian/Name", CATEGORY_FAMILY,
      false, false },
    { "M01 no relative of a child", "M01", "Family/Member/Name", CATEGORY_FAMILY, true,
      false },
    { "M01 no health", "M01", "Health/FitToTravel", CATEGORY_HEALTH, false, false },
    { "M01 consent", "M01", "Consent/Purpose", CATEGORY_CONSENT, false, true },
    { "M01 no decision", "M01", "Decision/Outcome", CATEGORY_ADMIN, false, false },
    { "M01 losses", "M01", "LossReport/Loss", CATEGORY_ADMIN, false, true },
    { "M03 its own section", "M03", "CaseTaken/ReceivedAt", CATEGORY_ADMIN, false, true },
    { "M03 no person", "M03", "Person/Name", CATEGORY_IDENT, false, false },
    { "M04 no name either", "M04", "Person", CATEGORY_IDENT, false, false },
    { "M04 officer", "M04", "Contact/Name", CATEGORY_ADMIN, false, true },
    { "M05 no answer", "M05", "InfoResponse/Answer", CATEGORY_ADMIN, false, false },
    { "M06 health", "M06", "Health/Description", CATEGORY_HEALTH, false, true },
    { "M06 family of an adult", "M06", "Family/Member", CATEGORY_FAMILY, false, true },
    { "M06 no question", "M06", "InfoRequest/Question", CATEGORY_ADMIN, false, false },
    { "M07 parents' names", "M07", "Family/Member/Name", CATEGORY_FAMILY, false, true },
    { "M07 but not who may be told", "M07", "Family/Member/MayContact", CATEGORY_FAMILY,
      false, false },
    { "M12 documents", "M12", "Person/Document", CATEGORY_DOCS, false, true },
    { "M17 no health", "M17", "Health", CATEGORY_HEALTH, false, false },
    { "M24 no person", "M24", "Person", CATEGORY_IDENT, false, false },
};

static void test_row(void **state)
{
    const struct row *row = *state;

    assert_int_equal(
        message_carries(message_type_find(row->message), row->path, row->category, row->child),
        row->carries);
}

static void test_catalogue(void **state)
{
    static const char *const overtaking[] = { "M11", "M16", "M18", "M20", "M25" };
    static const char *const known[] = { "M01", "M03", "M04", "M05", "M06" };
    size_t overtake = 0, in_use = 0;

    (void)state;
    for (size_t i = 0; i < MESSAGE_COUNT; i++) {
        const struct message_type *type = message_type_at(i);

        assert_ptr_equal(message_type_find(type->id), type);
        assert_ptr_equal(message_type_find(type->name), type);
        overtake += type->overtakes;
        in_use += type->known;
    }
    assert_int_equal(overtake, COUNT_OF(overtaking));
    assert_int_equal(in_use, COUNT_OF(known));
    for (size_t i = 0; i < COUNT_OF(overtaking); i++)
        assert_true(message_type_find(overtaking[i])->overtakes);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        assert_true(message_type_find(known[i])->known);
    assert_null(message_type_find("M00"));
    assert_null(message_type_find("M27"));
    assert_null(message_type_find(NULL));
    assert_null(message_type_at(MESSAGE_COUNT));
    assert_false(message_type_find("M02")->document);
}

static void test_terms(void **state)
{
    const struct message_type *request = message_type_find("ReferralRequest");

    (void)state;
    assert_string_equal(request->due[0].answer, "M03");
    assert_int_equal(request->due[0].amount, 1);
    assert_string_equal(request->due[1].answer, "M04");
    assert_int_equal(request->due[1].amount, 10);
    assert_int_equal(request->due[1].term, MESSAGE_WORKING_DAYS);
    assert_int_equal(message_type_find("M11")->due[0].term, MESSAGE_HOURS);
    assert_int_equal(message_type_find("M03")->due[0].term, MESSAGE_NO_TERM);
}

static void test_sections(void **state)
{
    const struct message_type *request = message_type_find("M01"),
                              *decision = message_type_find("M04");

    (void)state;
    assert_int_equal(message_section(request, "Consent"), MESSAGE_MUST);
    assert_int_equal(message_section(request, "Health"), MESSAGE_MAY);
    assert_int_equal(message_section(request, "Decision"), MESSAGE_NEVER);
    assert_int_equal(message_section(decision, "Decision"), MESSAGE_MUST);
    assert_true(beneficiary_is_child("CHILD_UNACC"));
    assert_false(beneficiary_is_child("THB_ADULT"));
    assert_false(beneficiary_is_child(NULL));
}

int main(void)
{
    struct CMUnitTest tests[COUNT_OF(rows) + 3] = {
        cmocka_unit_test(test_catalogue),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_sections),
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[i + 3] = (struct CMUnitTest){ .name = rows[i].name,
                                            .test_func = test_row,
                                            .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
