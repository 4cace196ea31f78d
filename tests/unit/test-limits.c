/* Codes that were used, and codes that are sent: rules 24 and 42, over time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/mail-limit.h"
#include "kratosd/used-codes.h"

#define SECOND ((int64_t)1000000)

static used_codes used;
static mail_limit mails;

static bool use(unsigned number, int64_t now)
{
        unsigned char hash[USED_CODE_HASH] = { 0 };

        memcpy(hash, &number, sizeof(number));
        return used_codes_add(&used, hash, now);
}

static void forget(unsigned number)
{
        unsigned char hash[USED_CODE_HASH] = { 0 };

        memcpy(hash, &number, sizeof(number));
        used_codes_forget(&used, hash);
}

static void test_rule_24_once_in_90_s(void **state)
{
        (void)state;
        memset(&used, 0, sizeof(used));
        assert_true(use(1, SECOND));
        assert_true(use(2, SECOND));
        assert_false(use(1, SECOND));
        assert_false(use(1, 90 * SECOND));
        assert_true(use(1, 91 * SECOND));
        assert_false(use(1, 92 * SECOND));
}

static void test_rule_24_what_was_wrong_does_not_count(void **state)
{
        (void)state;
        memset(&used, 0, sizeof(used));
        assert_true(use(1, SECOND));
        forget(2);
        assert_false(use(1, SECOND));
        forget(1);
        assert_true(use(1, SECOND));
}

static void test_rule_24_it_is_bounded(void **state)
{
        (void)state;
        memset(&used, 0, sizeof(used));
        for (unsigned i = 0; i < USED_CODES_MAX; i++)
                assert_true(use(i, SECOND + i));
        for (unsigned i = 0; i < USED_CODES_MAX; i++)
                assert_false(use(i, 2 * SECOND));
        /* The oldest makes room. */
        assert_true(use(USED_CODES_MAX, 2 * SECOND));
        assert_false(use(1, 2 * SECOND));
        assert_true(use(0, 2 * SECOND));
}

static bool may(const char *user, const char *rhost, int64_t now)
{
        if (!mail_limit_allows(&mails, user, rhost, now))
                return false;
        mail_limit_count(&mails, user, rhost, now);
        return true;
}

static void test_rule_42_by_user(void **state)
{
        (void)state;
        memset(&mails, 0, sizeof(mails));
        for (int64_t i = 0; i < MAILS_PER_USER_MAX; i++)
                assert_true(may("alice", i % 2 ? "192.0.2.1" : "", (i + 1) * SECOND));
        assert_false(may("alice", "192.0.2.2", 10 * SECOND));
        assert_true(may("bob", "192.0.2.2", 10 * SECOND));
        assert_false(may("alice", "", 3600 * SECOND));
        /* The first of them is an hour ago. */
        assert_true(may("alice", "", 3601 * SECOND));
        assert_false(may("alice", "", 3601 * SECOND));
}

static void test_rule_42_by_host(void **state)
{
        char name[16];

        (void)state;
        memset(&mails, 0, sizeof(mails));
        for (unsigned i = 0; i < MAILS_PER_HOST_MAX; i++) {
                snprintf(name, sizeof(name), "u%u", i);
                assert_true(may(name, "192.0.2.1", SECOND));
        }
        assert_false(may("alice", "192.0.2.1", SECOND));
        assert_true(may("alice", "192.0.2.2", SECOND));
        /* At the console, each for themselves. */
        for (unsigned i = 0; i < 2 * MAILS_PER_HOST_MAX; i++) {
                snprintf(name, sizeof(name), "c%u", i);
                assert_true(may(name, "", SECOND));
        }
}

static void test_rule_42_it_is_bounded(void **state)
{
        char name[16];

        (void)state;
        memset(&mails, 0, sizeof(mails));
        for (unsigned i = 0; i < MAILS_MAX; i++) {
                snprintf(name, sizeof(name), "u%u", i);
                assert_true(may(name, "", SECOND));
        }
        assert_false(may("alice", "", SECOND));
        assert_true(may("alice", "", SECOND + MAIL_HOUR_USEC));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_24_once_in_90_s),
                cmocka_unit_test(test_rule_24_what_was_wrong_does_not_count),
                cmocka_unit_test(test_rule_24_it_is_bounded),
                cmocka_unit_test(test_rule_42_by_user),
                cmocka_unit_test(test_rule_42_by_host),
                cmocka_unit_test(test_rule_42_it_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
