/* Codes that were used: rule 24, over time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/used-codes.h"

#define SECOND ((int64_t)1000000)

static used_codes used;

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_24_once_in_90_s),
                cmocka_unit_test(test_rule_24_what_was_wrong_does_not_count),
                cmocka_unit_test(test_rule_24_it_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
