/* The states of a case: every state under every trigger, against a table written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "exchange/states.h"

#define STATES   (CASE_ERASED + 1)
#define TRIGGERS (CASE_M21 + 1)

/*
 * One line per state, one letter per trigger in the order of enum case_trigger:
 * create M01 receipt M03 accept defer redirect decline M05 M06-all M06-part M18 M20 M21.
 * '.' is refused; the letters stand for the state that follows.
 */
/* clang-format off */
static const struct {
    enum case_state from;
    const char *to;
} table[STATES] = {
    /*                         c1r3adrD56p8 20 21 */
    { CASE_DRAFT,             ".S.........cX." },
    { CASE_SENT,              "..dU.......cX." },
    { CASE_DELIVERED,         "...U.......cX." },
    { CASE_UNDER_REVIEW,      "..U.AINNI..cX." },
    { CASE_INFO_PENDING,      "..I.A.NNIUIcX." },
    { CASE_ACCEPTED,          "..A.....AAAcXX" },
    { CASE_DECLINED,          "..N......NNcXX" },
    { CASE_READY,             "...........cX." },
    { CASE_TRAVEL_PLANNED,    "...........cX." },
    { CASE_IN_TRANSIT,        "...........cX." },
    { CASE_ALERT,             "...........cX." },
    { CASE_HANDED_OVER,       ".............." },
    { CASE_FOLLOW_UP,         ".............." },
    { CASE_SUSPENDED,         "...........cX." },
    { CASE_CLOSING,           ".............X" },
    { CASE_CLOSED,            ".............." },
    { CASE_ERASED,            ".............." },
};

static const struct {
    char letter;
    enum case_state state;
} letters[] = {
    { 'S', CASE_SENT },     { 'd', CASE_DELIVERED }, { 'U', CASE_UNDER_REVIEW },
    { 'I', CASE_INFO_PENDING }, { 'A', CASE_ACCEPTED },  { 'N', CASE_DECLINED },
    { 'c', CASE_CLOSING },  { 'X', CASE_CLOSED },
};
/* clang-format on */

static enum case_state state_of(char letter)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == letter)
            return letters[i].state;
    fail_msg("no state has the letter %c", letter);
    return CASE_DRAFT;
}

static void test_every_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATES; i++) {
        assert_int_equal(table[i].from, i);
        assert_int_equal(strlen(table[i].to), TRIGGERS);
        for (enum case_trigger t = 0; t < TRIGGERS; t++) {
            enum case_state next = CASE_ERASED;
            struct err err = { 0 };
            bool may = case_state_next(table[i].from, t, &next, &err);

            if (may != (table[i].to[t] != '.'))
                fail_msg("%s under %s: %s", case_state_name(table[i].from),
                         case_trigger_name(t), may ? "allowed" : "refused");
            if (may) {
                assert_int_equal(next, state_of(table[i].to[t]));
            } else {
                assert_string_equal(err.code, "case.state");
                assert_int_equal(err.kind, ERR_REJECT);
                assert_int_equal(next, CASE_ERASED); /* not written */
            }
        }
    }
}

/* A refusal says where the case is, what was asked, and what can be done instead. */
static void test_words(void **state)
{
    enum case_state next;
    struct err err = { 0 };

    (void)state;
    assert_false(case_state_next(CASE_DELIVERED, CASE_M04_ACCEPT, &next, &err));
    assert_string_equal(err.text,
                        "the case is DELIVERED: M04 (accept) is not possible there; "
                        "possible: M03 (take), M18 (consent withdrawn), M20 (cancel)");
    assert_false(case_state_next(CASE_CLOSED, CASE_M05, &next, &err));
    assert_string_equal(err.text, "the case is CLOSED: M05 (ask) is not possible there");
}

static void test_names(void **state)
{
    enum case_state s;
    enum case_role r;

    (void)state;
    for (enum case_state i = 0; i < STATES; i++) {
        assert_true(case_state_parse(case_state_name(i), &s));
        assert_int_equal(s, i);
    }
    assert_false(case_state_parse("sent", &s));
    assert_false(case_state_parse("", &s));
    assert_false(case_state_parse(NULL, &s));
    assert_true(case_role_parse(case_role_name(CASE_ROLE_SENDER), &r));
    assert_int_equal(r, CASE_ROLE_SENDER);
    assert_true(case_role_parse(case_role_name(CASE_ROLE_RECEIVER), &r));
    assert_int_equal(r, CASE_ROLE_RECEIVER);
    assert_false(case_role_parse("third", &r));
}

/* 's' only the sender of the M01, 'r' only its receiver, 'b' both, '-' neither sends it. */
static void test_whose(void **state)
{
    static const char whose[] = "ss-rrrrrbbbbsb";

    (void)state;
    assert_int_equal(strlen(whose), TRIGGERS);
    for (enum case_trigger t = 0; t < TRIGGERS; t++) {
        assert_int_equal(case_trigger_is_ours(CASE_ROLE_SENDER, t),
                         whose[t] == 's' || whose[t] == 'b');
        assert_int_equal(case_trigger_is_ours(CASE_ROLE_RECEIVER, t),
                         whose[t] == 'r' || whose[t] == 'b');
    }
}

static void test_open(void **state)
{
    (void)state;
    for (enum case_state s = 0; s < STATES; s++)
        assert_int_equal(case_state_is_open(s),
                         s != CASE_CLOSING && s != CASE_CLOSED && s != CASE_ERASED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step), cmocka_unit_test(test_words),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_whose),
        cmocka_unit_test(test_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
