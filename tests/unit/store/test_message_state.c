/* Every pair of states against a second, independent list of what may follow what. */
#include "support_store.h"

struct allowed {
    const char *from, *to;
};

static const struct allowed table[] = {
    { "waiting", "sending" },
    { "waiting", "held" },
    { "waiting", "cancelled" },
    { "waiting", "expired" },
    { "sending", "waiting" },
    { "sending", "delivered" },
    { "sending", "delivered-without-evidence" },
    { "sending", "held" },
    { "sending", "rejected" },
    { "sending", "expired" },
    { "delivered-without-evidence", "delivered" },
    { "held", "waiting" },
    { "held", "cancelled" },
    { "held", "expired" },
    { "rejected", "waiting" },
    { "expired", "waiting" },
    { "received", "ready" },
    { "received", "untranslated" },
    { "received", "refused" },
    { "received", "quarantined" },
    { "ready", "handed-over" },
    { "untranslated", "ready" },
    { "untranslated", "handed-over" },
    { "handed-over", "handed-over" },
    { "handed-over", "acknowledged" },
    { "quarantined", "received" },
    { "quarantined", "refused" },
};

static bool in_table(const char *from, const char *to)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].from, from) == 0 && strcmp(table[i].to, to) == 0)
            return true;
    return false;
}

static void test_all_pairs(void **state)
{
    size_t allowed = 0;

    (void)state;
    for (int a = 0; a < MESSAGE_STATES; a++)
        for (int b = 0; b < MESSAGE_STATES; b++) {
            bool want = in_table(message_state_name(a), message_state_name(b));

            if (message_state_may(a, b) != want)
                fail_msg("%s -> %s", message_state_name(a), message_state_name(b));
            allowed += want;
        }
    assert_int_equal(allowed, COUNT_OF(table));
}

static void test_names_go_both_ways(void **state)
{
    enum message_state back;
    enum message_direction direction;

    (void)state;
    for (int a = 0; a < MESSAGE_STATES; a++) {
        assert_true(message_state_parse(message_state_name(a), &back));
        assert_int_equal(back, a);
    }
    assert_false(message_state_parse("Waiting", &back));
    assert_false(message_state_parse("", &back));
    assert_true(message_direction_parse("in", &direction));
    assert_int_equal(direction, MESSAGE_IN);
    assert_false(message_direction_parse("inward", &direction));
}

static void test_no_state_crosses_directions(void **state)
{
    (void)state;
    for (int a = 0; a < MESSAGE_STATES; a++)
        for (int b = 0; b < MESSAGE_STATES; b++)
            if (message_state_may(a, b))
                assert_int_equal(message_state_direction(a), message_state_direction(b));
}

static void test_first_open_final(void **state)
{
    static const char *const first[] = { "waiting",      "held",    "received",   "ready",
                                         "untranslated", "refused", "quarantined" };
    static const char *const open[] = { "waiting", "sending", "held" };
    size_t firsts = 0, opens = 0;
    enum message_state s;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(first); i++) {
        assert_true(message_state_parse(first[i], &s));
        assert_true(message_state_is_first(s));
    }
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        assert_true(message_state_parse(open[i], &s));
        assert_true(message_state_is_open(s));
        assert_false(message_state_is_final(s));
    }
    for (int a = 0; a < MESSAGE_STATES; a++) {
        firsts += message_state_is_first(a);
        opens += message_state_is_open(a);
    }
    assert_int_equal(firsts, COUNT_OF(first));
    assert_int_equal(opens, COUNT_OF(open));
}

static void test_overtaking_kinds(void **state)
{
    static const char *const yes[] = { "M11", "M16", "M18", "M20", "M25" };
    char kind[16];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++)
        assert_true(message_kind_overtakes(yes[i]));
    for (int i = 1; i <= 26; i++) {
        snprintf(kind, sizeof kind, "M%02d", i);
        count += message_kind_overtakes(kind);
    }
    assert_int_equal(count, COUNT_OF(yes));
    assert_false(message_kind_overtakes("opaque"));
    assert_false(message_kind_overtakes(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pairs),
        cmocka_unit_test(test_names_go_both_ways),
        cmocka_unit_test(test_no_state_crosses_directions),
        cmocka_unit_test(test_first_open_final),
        cmocka_unit_test(test_overtaking_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
