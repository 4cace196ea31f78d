/* The throttle: who is let through, and when. The clock is the test's, the store a real one. */
#include "throttle-clock.h"

#include "common/words.h"
#include "kratosd/throttle-place.h"

static void test_rule_19_delays_grow(void **state)
{
        static const int64_t delays[] = { 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900 };
        throttle_origin from = remote("alice", "192.0.2.1");

        (void)state;
        assert_int_equal(guess(from, 200), 5);
        for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
                assert_int_equal(wait_at(from), delays[i]);
                wall += delays[i] * SEC - 1;
                assert_int_equal(guess(from, 200), 0); /* and what is refused prolongs nothing */
                wall += 1;
                assert_int_equal(guess(from, 200), 1);
        }
}

static void test_rule_19_across_restarts(void **state)
{
        throttle_origin from = remote("alice", "192.0.2.1");
        unsigned through = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                through += fails(THROTTLE_FIRST_FACTOR, from);
                restart();
        }
        assert_int_equal(through, 5);
        assert_int_equal(wait_at(from), 2);
}

/* As fast as it lets them, for a day. */
static void test_rule_19_guesses_of_a_day(void **state)
{
        throttle_origin from = local("alice", "login", "");
        unsigned through = 0;

        (void)state;
        while (wall < BEGUN + 24 * HOUR) {
                through += guess(from, 20);
                wall += wait_at(from) * SEC;
        }
        assert_in_range(through, 100, 110);
}

static void test_failures_fade(void **state)
{
        throttle_origin from = local("alice", "login", "");

        (void)state;
        for (int i = 0; i < 30; i++) {
                guess(from, 5);
                wall += wait_at(from) * SEC;
        }
        assert_int_equal(guess(from, 1), 1);
        assert_int_equal(wait_at(from), 900);
        wall += 4 * HOUR; /* four less: what comes now is the tenth but four */
        assert_int_equal(wait_at(from), 0);
        assert_int_equal(guess(from, 5), 1);
        assert_int_equal(wait_at(from), 128);
        wall += 24 * HOUR - SEC;
        settings.throttle.forget_usec = 26 * 3600 * USEC_PER_SEC;
        assert_int_equal(guess(from, 9), 5);
        settings.throttle.forget_usec = 3600 * USEC_PER_SEC;
        wall += HOUR;
        assert_int_equal(guess(from, 9), 5);
}

static void test_success_forgets_that_place(void **state)
{
        (void)state;
        assert_int_equal(guess(local("alice", "login", ""), 9), 5);
        assert_int_equal(guess(local("alice", "sudo", "alice"), 9), 5);
        succeed(local("alice", "login", ""));
        restart();
        assert_int_equal(guess(local("alice", "login", ""), 9), 5);
        assert_int_equal(wait_at(local("alice", "sudo", "")), 2);
        assert_int_equal(wait_at(local("bob", "login", "")), 0);
}

/* Whatever fails elsewhere: at the console, and where the person has come in from, nobody waits. */
static void test_rule_19_strangers_delay_nobody_at_their_places(void **state)
{
        static const char *const strangers[] = { "192.0.2.1", "192.0.2.2", "2001:db8::1",
                "evil.example" };

        (void)state;
        succeed(remote("alice", "198.51.100.7"));
        for (int round = 0; round < 500; round++) {
                for (size_t i = 0; i < 4; i++)
                        guess(remote("alice", strangers[i]), 5);
                guess(local("alice", "su", "bob"), 5);
                guess(remote("bob", "198.51.100.7"), 5);
                assert_int_equal(wait_at(local("alice", "login", "")), 0);
                assert_int_equal(wait_at(local("alice", "su", "")), 0);
                assert_int_equal(wait_at(local("alice", "", "")), 0);
                assert_int_equal(wait_at(remote("alice", "198.51.100.7")), 0);
                wall += 60 * SEC;
                if (round == 250)
                        restart();
        }
        assert_true(wait_at(remote("alice", "203.0.113.5")) > 0);
        assert_int_equal(wait_at(remote("carol", "203.0.113.5")), 0);
}

/* However many they are. */
static void test_rule_19_many_hosts_are_one_stranger(void **state)
{
        char rhost[32];
        unsigned through = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                snprintf(rhost, sizeof(rhost), "198.18.%d.%d", i % 7, i);
                through += guess(remote("alice", rhost), 1);
        }
        assert_int_equal(through, 5);
        assert_int_equal(wait_at(remote("alice", "192.0.2.77")), 2);
        assert_int_equal(wait_at(remote("bob", "192.0.2.77")), 0);
}

/* One password for everybody. */
static void test_rule_19_a_host_over_all_users(void **state)
{
        char name[8];
        unsigned through = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof(name), "u%d", i);
                through += guess(remote(name, "192.0.2.1"), 1);
        }
        assert_int_equal(through, 20);
        /* An account of one's own clears nothing. */
        succeed(remote("eve", "192.0.2.1"));
        assert_int_equal(wait_at(remote("alice", "192.0.2.1")), 2);
        assert_int_equal(wait_at(remote("eve", "192.0.2.1")), 0);
        assert_int_equal(wait_at(remote("alice", "192.0.2.2")), 0);
}

static void test_known_hosts(void **state)
{
        char rhost[32];

        (void)state;
        succeed(remote("alice", "192.0.2.1"));
        wall += 29 * 24 * HOUR;
        assert_int_equal(guess(remote("alice", "203.0.113.1"), 9), 5);
        assert_true(is_known_there("192.0.2.1"));
        wall += 2 * 24 * HOUR;
        assert_int_equal(guess(remote("alice", "203.0.113.1"), 9), 5);
        assert_false(is_known_there("192.0.2.1"));

        for (int i = 0; i < 20; i++) {
                snprintf(rhost, sizeof(rhost), "192.0.2.%d", 10 + i);
                succeed(remote("alice", rhost));
                succeed(remote("bob", rhost));
                wall += SEC;
        }
        guess(remote("alice", "203.0.113.1"), 99);
        for (int i = 0; i < 20; i++) {
                snprintf(rhost, sizeof(rhost), "192.0.2.%d", 10 + i);
                assert_int_equal(is_known_there(rhost), i >= 4);
        }
}

/* As long as a try is under way, it counts. */
static void test_rule_19_tries_at_once(void **state)
{
        throttle_origin from = remote("alice", "192.0.2.1");
        throttle_try *tries[5];
        uint64_t wait;

        (void)state;
        for (int i = 0; i < 5; i++)
                assert_int_equal(
                        throttle_admit(now, THROTTLE_FIRST_FACTOR, &from, &wait, &tries[i]), 0);
        assert_int_equal(wait_at(from), -1);
        assert_int_equal(wait_at(remote("alice", "192.0.2.2")), -1);
        assert_int_equal(wait_at(local("alice", "login", "")), 0);
        assert_int_equal(wait_at(remote("bob", "192.0.2.1")), 0);
        assert_null(throttle_drop(tries[0]));
        assert_int_equal(wait_at(from), 0);
        for (int i = 1; i < 5; i++)
                assert_null(throttle_failed(tries[i]));
        assert_int_equal(guess(from, 9), 1);
        wall += 2 * SEC;
        assert_int_equal(throttle_admit(now, THROTTLE_FIRST_FACTOR, &from, &wait, &tries[0]), 0);
        assert_int_equal(wait_at(from), -1);
        assert_null(throttle_failed(tries[0]));
        assert_int_equal(wait_at(from), 4);
        assert_null(throttle_drop(NULL));
        assert_null(throttle_failed(NULL));
}

static void test_places(void **state)
{
        static const char *const places[][2] = { { "192.0.2.1", "192.0.2.1" },
                { "::ffff:192.0.2.1", "192.0.2.1" }, { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
                { "2001:DB8:1:2::9", "2001:db8:1:2::" }, { "2001:db8:1:3::9", "2001:db8:1:3::" },
                { "fe80::1%eth0", "fe80::" }, { "Host.Example", "name:host.example" },
                { "local:login", "name:local:login" }, { "192.0.2", "name:192.0.2" } };
        char place[THROTTLE_PLACE_MAX + 1], longest[CONTEXT_FIELD_MAX + 1];
        throttle_origin from = remote("alice", "");

        (void)state;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                from.rhost = places[i][0];
                assert_true(throttle_place(&from, place));
                assert_string_equal(place, places[i][1]);
        }
        from = local("alice", "su", "bob");
        assert_false(throttle_place(&from, place));
        assert_string_equal(place, "local:su@bob");
        from.ruser = "root";
        assert_false(throttle_place(&from, place));
        assert_string_equal(place, "local:su");
        memset(longest, 'x', CONTEXT_FIELD_MAX);
        longest[CONTEXT_FIELD_MAX] = '\0';
        from = local("alice", longest, longest);
        assert_false(throttle_place(&from, place));
        assert_int_equal(strlen(place), THROTTLE_PLACE_MAX);
}

static void test_rule_19_addresses_of_one_network(void **state)
{
        char rhost[48];
        unsigned through = 0;

        (void)state;
        for (int i = 0; i < 200; i++) {
                snprintf(rhost, sizeof(rhost), "2001:db8:0:1::%x", i);
                through += guess(remote("alice", rhost), 1);
                snprintf(rhost, sizeof(rhost), "2001:db8:0:1::%x", i + 1000);
                succeed(remote("bob", rhost));
        }
        assert_int_equal(through, 5);
}

static void test_switched_off(void **state)
{
        throttle_origin from = remote("alice", "192.0.2.1");

        (void)state;
        settings.throttle.enabled = false;
        assert_int_equal(guess(from, 50), 50);
        for (int i = 0; i < 50; i++)
                assert_int_equal(mail(from), 0);
        succeed(from);
        settings.throttle.enabled = true;
        assert_int_equal(guess(from, 50), 5);
}

static void test_configuration_changes(void **state)
{
        _cleanup_free_ config *other = malloc(sizeof(config));
        throttle_origin from = remote("alice", "192.0.2.1");

        (void)state;
        assert_non_null(other);
        *other = settings;
        other->throttle.free_tries = 7;
        assert_int_equal(guess(from, 50), 5);
        throttle_set_config(now, other);
        assert_int_equal(guess(from, 50), 2);
        throttle_set_config(now, &settings);
        assert_int_equal(wait_at(from), 8);
}

static void test_sentences(void **state)
{
        static const struct {
                int64_t usec;
                const char *when;
        } waits[] = { { 1, "1 second" }, { SEC, "1 second" }, { SEC + 1, "2 seconds" },
                { 59 * SEC, "59 seconds" }, { 60 * SEC, "1 minute" }, { 60 * SEC + 1, "2 minutes" },
                { 121 * SEC, "3 minutes" }, { HOUR, "60 minutes" } };
        char sentence[PROMPT_TEXT_MAX + 1], expected[PROMPT_TEXT_MAX + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
                char words[PROMPT_TEXT_MAX + 1] = "";

                throttle_sentence("Too often.", (uint64_t)waits[i].usec, words);
                assert_true(words_render(words, NULL, sentence));
                snprintf(expected, sizeof(expected), "Too often. Try again in %s.", waits[i].when);
                assert_string_equal(sentence, expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_19_delays_grow),
                TEST(test_rule_19_across_restarts),
                TEST(test_rule_19_guesses_of_a_day),
                TEST(test_failures_fade),
                TEST(test_success_forgets_that_place),
                TEST(test_rule_19_strangers_delay_nobody_at_their_places),
                TEST(test_rule_19_many_hosts_are_one_stranger),
                TEST(test_rule_19_a_host_over_all_users),
                TEST(test_known_hosts),
                TEST(test_rule_19_tries_at_once),
                TEST(test_places),
                TEST(test_rule_19_addresses_of_one_network),
                TEST(test_switched_off),
                TEST(test_configuration_changes),
                TEST(test_sentences),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
