/* The throttle: what is limited by the hour. */
#include "throttle-clock.h"

static void test_rule_35_second_factors(void **state)
{
        static const char *const places[] = { "192.0.2.1", "192.0.2.2" };
        unsigned through = 0;

        (void)state;
        succeed(remote("alice", "192.0.2.1"));
        for (int i = 0; i < 1000; i++) {
                through += fails(THROTTLE_SECOND_FACTOR, remote("alice", places[i % 2]));
                wall += SEC;
                if (i % 100 == 0)
                        restart();
        }
        assert_int_equal(through, 10);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, local("alice", "login", "")), 2600);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, local("bob", "login", "")), 0);
        assert_int_equal(wait_at(local("alice", "login", "")), 0);
        succeed(local("alice", "login", "")); /* clears none of it */
        assert_true(wait_for(THROTTLE_SECOND_FACTOR, local("alice", "login", "")) > 0);
}

/* Who has the password leaves some to the person, also another user of this host. */
static void test_rule_19_strangers_leave_some_second_factors(void **state)
{
        unsigned through = 0;

        (void)state;
        for (int i = 0; i < 500; i++) {
                through += fails(THROTTLE_SECOND_FACTOR, remote("alice", "192.0.2.1"));
                through += fails(THROTTLE_SECOND_FACTOR, local("alice", "su", "bob"));
                if (i % 100 == 0)
                        restart();
        }
        assert_int_equal(through, 7);
        for (int i = 0; i < 3; i++)
                assert_true(fails(THROTTLE_SECOND_FACTOR, local("alice", "login", "")));
        assert_false(fails(THROTTLE_SECOND_FACTOR, local("alice", "login", "")));

        settings.throttle.second_factor = 1;
        assert_true(fails(THROTTLE_SECOND_FACTOR, remote("bob", "192.0.2.1")));
        assert_false(fails(THROTTLE_SECOND_FACTOR, remote("bob", "192.0.2.1")));
}

/* In no hour of a day are there more than ten. */
static void test_rule_35_any_hour(void **state)
{
        int64_t times[300];
        unsigned n = 0;

        (void)state;
        for (unsigned step = 0; wall < BEGUN + 24 * HOUR; step++) {
                if (fails(THROTTLE_SECOND_FACTOR, local("alice", "login", "")))
                        times[n++] = wall;
                wall += (step * 7919 % 1200) * SEC;
        }
        assert_in_range(n, 100, 240);
        for (unsigned i = 10; i < n; i++)
                assert_true(times[i] - times[i - 10] >= HOUR);
}

static void test_rule_35_second_factors_at_once(void **state)
{
        throttle_origin from = local("alice", "login", "");
        throttle_try *tries[10];
        uint64_t wait;

        (void)state;
        for (int i = 0; i < 10; i++)
                assert_int_equal(
                        throttle_admit(now, THROTTLE_SECOND_FACTOR, &from, &wait, &tries[i]), 0);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, from), -1);
        for (int i = 0; i < 10; i++)
                throttle_failed(tries[i]);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, from), 3600);
}

static void test_rule_42_mails_to_a_person(void **state)
{
        (void)state;
        for (int i = 0; i < 4; i++) {
                assert_int_equal(mail(remote("alice", "192.0.2.1")), 0);
                wall += 60 * SEC;
                restart();
        }
        /* The last one is for where the person is. */
        assert_int_equal(mail(remote("alice", "192.0.2.2")), 3600 - 240);
        assert_int_equal(mail(local("alice", "login", "")), 0);
        assert_int_equal(mail(local("alice", "login", "")), 3600 - 240);
        wall += (3600 - 240) * SEC;
        assert_int_equal(mail(remote("alice", "192.0.2.1")), 60);
        assert_int_equal(mail(local("alice", "login", "")), 0);
        assert_true(mail(local("alice", "login", "")) > 0);

        wall += 2 * HOUR;
        succeed(remote("alice", "192.0.2.1"));
        for (int i = 0; i < 5; i++)
                assert_int_equal(mail(remote("alice", "192.0.2.1")), 0);
        assert_int_equal(mail(remote("alice", "192.0.2.1")), 3600);
        settings.throttle.mails = 1;
        assert_int_equal(mail(remote("bob", "192.0.2.9")), 0);
        assert_int_equal(mail(remote("bob", "192.0.2.9")), 3600);
}

static void test_rule_42_mails_for_a_host(void **state)
{
        char name[8];
        unsigned sent = 0;

        (void)state;
        for (int i = 0; i < 100; i++) {
                snprintf(name, sizeof(name), "u%d", i);
                sent += mail(remote(name, "192.0.2.1")) == 0;
        }
        assert_int_equal(sent, 30);
        assert_int_equal(mail(remote("alice", "192.0.2.1")), 3600);
        assert_int_equal(mail(remote("alice", "192.0.2.2")), 0);
        assert_int_equal(mail(local("alice", "login", "")), 0);
        /* What was refused for the host's sake has cost the person none of theirs. */
        for (int i = 0; i < 3; i++)
                assert_int_equal(mail(local("alice", "login", "")), 0);
        assert_int_equal(mail(local("alice", "login", "")), 3600);
}

static void test_rule_42_mails_that_nobody_asks_for(void **state)
{
        throttle_origin alice = local("alice", "login", ""), bob = local("bob", "login", "");

        (void)state;
        assert_false(throttle_mails_unasked(now, &alice));
        throttle_note_unasked_mail(now, &alice, true);
        throttle_note_unasked_mail(now, &bob, false);
        restart();
        assert_true(throttle_mails_unasked(now, &alice));
        assert_false(throttle_mails_unasked(now, &bob));
        throttle_note_unasked_mail(now, &alice, false);
        restart();
        assert_false(throttle_mails_unasked(now, &alice));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_35_second_factors),
                TEST(test_rule_19_strangers_leave_some_second_factors),
                TEST(test_rule_35_any_hour),
                TEST(test_rule_35_second_factors_at_once),
                TEST(test_rule_42_mails_to_a_person),
                TEST(test_rule_42_mails_for_a_host),
                TEST(test_rule_42_mails_that_nobody_asks_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
