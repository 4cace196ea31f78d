/* Look-ups: Kratos is asked for who the host does not know, and whose the name is. */
#include "lookup-world.h"

static void test_found(void **state)
{
        lookup *one = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        assert_string_equal(calls[0].identifier, "alice@example.org");
        assert_int_equal(calls[0].deadline, 1234567);
        assert_false(is_known("alice"));
        tell(&calls[0], ALICE, "alice");
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 1);
        assert_null(one);
        assert_true(is_known("alice"));
}

/* Names that nobody of ours can have are asked of nobody. */
static void test_rule_10_names(void **state)
{
        static const char *const names[] = { "", "Alice", "a/b", "root", "docker", "_apt", "-a",
                "alice@example.org", "a23456789012345678901234567890123" };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_false(is_asked(names[i]));
        has_admin = false;
        assert_false(is_asked("alice"));
        assert_int_equal(n_calls, 0);
        has_admin = true;
        find_answer = -EBUSY;
        assert_false(is_asked("alice"));
        find_answer = -ENOMEM;
        assert_int_equal(look_up("alice", NULL), -ENOMEM);
        find_answer = 0;
        assert_true(is_asked("alice"));
}

/* The answer is of use, though nobody waits for it any more. */
static void test_cancelled(void **state)
{
        lookup *one = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        lookup_cancel(one);
        assert_int_equal(n_cancelled, 0);
        tell(&calls[0], ALICE, "alice");
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 0);
        assert_true(is_known("alice"));
}

/* Somebody else has the name as an e-mail address, say. */
static void test_rule_31_identifier_of_another(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, BOB, "bob");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("alice"));
        assert_false(is_known("bob"));
        assert_false(is_asked("alice"));
}

static void test_rule_31_several_claim_it(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        tell(LAST_CALL, BOB, "alice");
        finish(LAST_CALL, KRATOS_OK);
        check_said(1, "2 identities claim the name alice");
        assert_false(is_known("alice"));
        assert_false(is_asked("alice"));
        /* Whose it is already it stays. */
        assert_int_equal(store_add_pin(people, "alice", DAVE), 0);
        lookups_forget(all);
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        tell(LAST_CALL, BOB, "alice");
        tell(LAST_CALL, DAVE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
        check_said(1, "alice is an account: identity " DAVE);
}

/* However many claim it, and in whatever order: the one whose it is is heard. */
static void test_rule_31_many_claim_it(void **state)
{
        char id[UUID_LENGTH + 1] = ALICE;

        (void)state;
        assert_int_equal(store_add_pin(people, "alice", DAVE), 0);
        assert_true(is_asked("alice"));
        for (unsigned i = 0; i < 9; i++) {
                id[0] = (char)('1' + i);
                tell(LAST_CALL, id, "alice");
        }
        tell(LAST_CALL, DAVE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
}

/* Whoever is told may ask again. */
static lookup *again;

static void on_done_again(void *userdata)
{
        (void)userdata;
        n_done++;
        if (n_calls < 10 && n_done < 3)
                (void)lookup_begin(all, 0, "alice", on_done_again, NULL, &again);
        else
                again = NULL;
}

static void test_ask_again_from_within(void **state)
{
        lookup *other = NULL;

        (void)state;
        assert_int_equal(
                lookup_begin(all, 0, "alice", on_done_again, NULL, &again), LOOKUP_WAITING);
        assert_int_equal(look_up("alice", &other), LOOKUP_WAITING);
        finish(&calls[0], -ENOMEM);
        assert_int_equal(n_done, 2);
        assert_int_equal(n_calls, 2);
        finish(&calls[1], -ENOMEM);
        assert_int_equal(n_done, 3);
        assert_null(again);
}

/* At the end of the daemon, whoever waits is called back, and nothing is asked any more. */
static void test_end(void **state)
{
        lookup *one = NULL, *two = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        assert_int_equal(look_up("bob", &two), LOOKUP_WAITING);
        assert_int_equal(
                lookup_begin(all, 0, "carol", on_done_again, NULL, &again), LOOKUP_WAITING);
        n_done = 0;
        all = lookups_free(all);
        assert_int_equal(n_calls, 3);
        assert_int_equal(n_done, 3);
        assert_null(one);
        assert_null(two);
        assert_int_equal(n_cancelled, n_calls);
        assert_null(lookups_free(NULL));
}

/* Kratos is not asked about local users, but for those who are mapped. */
static void test_rule_23_local_users(void **state)
{
        (void)state;
        local_kind = LOCAL_USER_UNLISTED;
        assert_false(is_asked("alice"));
        local_kind = -EIO;
        assert_int_equal(look_up("alice", NULL), -EIO);
        assert_int_equal(n_calls, 0);
        local_kind = LOCAL_USER_LISTED;
        assert_true(is_asked("alice"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_found),
                TEST(test_rule_10_names),
                TEST(test_rule_23_local_users),
                TEST(test_cancelled),
                TEST(test_rule_31_identifier_of_another),
                TEST(test_rule_31_several_claim_it),
                TEST(test_rule_31_many_claim_it),
                TEST(test_ask_again_from_within),
                TEST(test_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
