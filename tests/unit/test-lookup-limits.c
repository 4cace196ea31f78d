/* Look-ups: Kratos is asked once for all who wait, so often at most, and its no is remembered. */
#include "lookup-world.h"

static void test_rule_18_single_flight(void **state)
{
        lookup *waiting[512] = { 0 }, *more = NULL;

        (void)state;
        for (size_t i = 0; i < 512; i++)
                assert_int_equal(look_up("alice", &waiting[i]), LOOKUP_WAITING);
        assert_int_equal(n_calls, 1);
        /* So many wait at most, whomever for. */
        assert_int_equal(look_up("alice", &more), LOOKUP_NOTHING);
        assert_int_equal(look_up("bob", &more), LOOKUP_NOTHING);
        waiting[7] = lookup_cancel(waiting[7]);
        assert_null(lookup_cancel(NULL));
        assert_int_equal(look_up("bob", &waiting[7]), LOOKUP_WAITING);
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 511);
        assert_non_null(waiting[7]);
        finish(&calls[1], KRATOS_OK);
        assert_int_equal(n_done, 512);
}

static void test_rule_18_so_many_names_at_once(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        for (unsigned i = 0; i < 33; i++) {
                snprintf(name, sizeof(name), "name%u", i);
                assert_int_equal(is_asked(name), i < 32);
        }
        finish(&calls[3], KRATOS_OK);
        assert_true(is_asked("name32"));
}

/* Asks for a name, which is nobody's. */
static bool ask_for_nobody(const char *name)
{
        bool asked = is_asked(name);

        if (asked)
                finish(LAST_CALL, KRATOS_OK);
        return asked;
}

static void test_rule_18_no_is_remembered(void **state)
{
        (void)state;
        assert_true(ask_for_nobody("alice"));
        assert_false(is_asked("alice"));
        now_usec += 60 * (int64_t)USEC_PER_SEC - 1;
        assert_false(is_asked("alice"));
        now_usec++;
        assert_true(ask_for_nobody("alice"));
        assert_false(is_asked("alice"));
        lookups_forget(all);
        assert_true(is_asked("alice"));
}

/* The oldest give way, so that the memory is bounded. */
static void test_rule_18_so_many_are_remembered(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        for (unsigned i = 0; i <= 4096; i++) {
                now_usec += 1000; /* so that none expires: 4 s for all */
                snprintf(name, sizeof(name), "name%u", i);
                while (!ask_for_nobody(name))
                        now_usec += 10000;
        }
        assert_false(is_asked("name4096"));
        assert_false(is_asked("name3900"));
        now_usec += USEC_PER_SEC;
        assert_true(is_asked("name0"));
}

static unsigned ask_for_many(const char *prefix, unsigned count)
{
        char name[USER_NAME_MAX + 1];
        unsigned asked = 0;

        for (unsigned i = 0; i < count; i++) {
                snprintf(name, sizeof(name), "%s%u", prefix, i);
                asked += ask_for_nobody(name);
        }
        return asked;
}

static void test_rule_18_requests_are_limited(void **state)
{
        unsigned asked = 0;
        char prefix[16];

        (void)state;
        assert_int_equal(ask_for_many("a", 100), 40);
        check_said(1, "More unknown names are looked up");
        assert_int_equal(ask_for_many("b", 100), 0);
        now_usec += USEC_PER_SEC;
        assert_int_equal(ask_for_many("c", 100), 20);
        now_usec += USEC_PER_SEC / 20 - 1;
        assert_int_equal(ask_for_many("d", 100), 0);
        now_usec++;
        assert_int_equal(ask_for_many("e", 100), 1);
        /* 20 a second, however the asking falls. */
        for (unsigned i = 0; i < 100; i++) {
                now_usec += 99 * 1000;
                snprintf(prefix, sizeof(prefix), "f%u-", i);
                asked += ask_for_many(prefix, 10);
        }
        assert_in_range(asked, 196, 198);
        check_said(0, "");
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        assert_int_equal(ask_for_many("g", 100), 40);
}

/* Whatever local people ask for, login programs can look somebody up, and the other way round. */
static void test_rule_18_shares(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        asker = 1000;
        assert_int_equal(ask_for_many("a", 100), 40);
        check_said(1, "More unknown names are looked up");
        asker = 1001;
        assert_int_equal(ask_for_many("b", 100), 0);
        asker = 0;
        assert_int_equal(ask_for_many("c", 100), 40);
        asker = 1001;
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        for (unsigned i = 0; i < 36; i++) {
                snprintf(name, sizeof(name), "d%u", i);
                assert_int_equal(is_asked(name), i < 32);
        }
        assert_false(is_urgent);
        asker = 0;
        assert_true(is_asked("alice"));
        assert_true(is_urgent);
        /* Nor does what the others waited for in vain keep anything from login programs. */
        asker = 1001;
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        finish(&calls[n_calls - 2], KRATOS_NO_ANSWER);
        assert_false(is_asked("bob"));
        asker = 0;
        assert_true(is_asked("bob"));
}

/* A Kratos that does not answer is left alone for a while, by look-ups of any name. */
static void test_rule_17_silence(void **state)
{
        static const int outcomes[] = { KRATOS_UNREACHABLE, KRATOS_NO_ANSWER, KRATOS_FAULT,
                KRATOS_RATE_LIMITED };

        (void)state;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, outcomes[i]);
                assert_false(is_asked("alice"));
                assert_false(is_asked("bob"));
                now_usec += 5 * (int64_t)USEC_PER_SEC - 1;
                assert_false(is_asked("bob"));
                now_usec++;
        }
        assert_true(is_asked("alice"));
        finish(LAST_CALL, KRATOS_UNREACHABLE);
        lookups_forget(all);
        assert_true(is_asked("alice"));
}

/* A turn that did not come in time says nothing of Kratos, nor of the name. */
static void test_rule_18_too_busy_to_ask(void **state)
{
        static const char *const others[] = { "bob", "carol", "dave" };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, KRATOS_NOT_ASKED);
                assert_true(ask_for_nobody(others[i]));
        }
}

/* An answer that is no good says nothing of other names; and the name is not asked for at once. */
static void test_rule_18_bad_answer_of_one(void **state)
{
        static const int outcomes[] = { KRATOS_BAD_ANSWER, KRATOS_REFUSED, KRATOS_FORBIDDEN };

        (void)state;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, outcomes[i]);
                assert_false(is_asked("alice"));
                assert_true(ask_for_nobody("bob"));
                now_usec += 60 * (int64_t)USEC_PER_SEC;
        }
}

/* Whose document names nobody is told, and not of each that an answer may have. */
static void test_rule_18_nameless_documents(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "");
        assert_int_equal(n_said, 1);
        tell(LAST_CALL, BOB, "");
        tell(LAST_CALL, DAVE, "");
        assert_int_equal(n_said, 1);
        tell(LAST_CALL, CAROL, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
        n_said = 0;
}

/* What cannot be an account here is not asked for again and again. */
static void test_rule_18_what_is_not_served_is_remembered(void **state)
{
        (void)state;
        put_file(group_file, "alice:x:1000:\n");
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("alice"));
        assert_false(is_asked("alice"));

        assert_true(is_asked("bob"));
        tell(LAST_CALL, ALICE, "bob");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("bob"));
        assert_false(is_asked("bob"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_18_single_flight),
                TEST(test_rule_18_so_many_names_at_once),
                TEST(test_rule_18_no_is_remembered),
                TEST(test_rule_18_so_many_are_remembered),
                TEST(test_rule_18_requests_are_limited),
                TEST(test_rule_18_shares),
                TEST(test_rule_17_silence),
                TEST(test_rule_18_too_busy_to_ask),
                TEST(test_rule_18_bad_answer_of_one),
                TEST(test_rule_18_nameless_documents),
                TEST(test_rule_18_what_is_not_served_is_remembered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
