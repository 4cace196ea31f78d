/* The configuration of the throttle: [Throttle]. Nothing misspelt in it lets anybody guess. */
#include "config-file.h"

#include "kratosd/timespan.h"

static void test_defaults(void **state)
{
        _cleanup_config_ config *c = load(LEAST);

        (void)state;
        assert_true(c->throttle.enabled);
        assert_int_equal(c->throttle.free_tries, 5);
        assert_int_equal(c->throttle.max_delay_usec, 15 * 60 * USEC_PER_SEC);
        assert_int_equal(c->throttle.forget_usec, 24 * 3600 * USEC_PER_SEC);
        assert_int_equal(c->throttle.second_factor, 10);
        assert_int_equal(c->throttle.mails, 5);
        assert_int_equal(c->throttle.mails_of_host, 30);
}

static void test_every_key(void **state)
{
        _cleanup_config_ config *c = load(LEAST "[Throttle]\nEnabled=no\nFreeTries=1\n"
                                                "MaxDelaySec=1h\nForgetSec=2d\n"
                                                "SecondFactorPerHour=100\nMailPerHour=2\n"
                                                "MailPerHostPerHour=3\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_false(c->throttle.enabled);
        assert_int_equal(c->throttle.free_tries, 1);
        assert_int_equal(c->throttle.max_delay_usec, 3600 * USEC_PER_SEC);
        assert_int_equal(c->throttle.forget_usec, 48 * 3600 * USEC_PER_SEC);
        assert_int_equal(c->throttle.second_factor, 100);
        assert_int_equal(c->throttle.mails, 2);
        assert_int_equal(c->throttle.mails_of_host, 3);
}

static void test_numbers(void **state)
{
        static const char *const bad[] = { "", "0", "101", "-1", "5 ,6", "five", "5.0", "1e1",
                "4294967296", "4294967301", "99999999999999999999" };
        static const char *const keys[] = { "FreeTries", "SecondFactorPerHour", "MailPerHour",
                "MailPerHostPerHour" };
        char text[64];

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                for (size_t key = 0; key < 4; key++) {
                        snprintf(text, sizeof(text), "%s=%s", keys[key], bad[i]);
                        refuse_key("Throttle", text, "a number from 1 to 100 is wanted");
                }
        refuse_key("Throttle", "MaxDelaySec=0", "a span of time");
        refuse_key("Throttle", "ForgetSec=never", "a span of time");
        refuse_key("Throttle", "Enabled=maybe", "yes or no");
}

static void test_rule_19_unknown_keys_are_mistakes(void **state)
{
        (void)state;
        refuse_key("Throttle", "FreeTry=3", "no such key in [Throttle]");
        refuse_key("Throttle", "freetries=3", "no such key");
        refuse_key("Throttle", "AllowUsers=alice", "no such key");
        refuse_key("throttle", "FreeTries=3", "no such key in [throttle]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_rule_19_unknown_keys_are_mistakes),
        };

        return cmocka_run_group_tests(tests, begin_file, remove_folder);
}
