/* Spans of time. */
#include "kratosd/timespan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define YEARS_10 (UINT64_C(3660) * 24 * 3600)

static void test_good(void **state)
{
        static const struct {
                const char *text;
                uint64_t usec;
        } cases[] = {
                { "0", 0 },
                { "0s", 0 },
                { "1", 1000000 },
                { "300", 300000000 },
                { "1us", 1 },
                { "1ms", 1000 },
                { "1s", 1000000 },
                { "1sec", 1000000 },
                { "1m", 60000000 },
                { "1min", 60000000 },
                { "1h", 3600000000 },
                { "1hr", 3600000000 },
                { "1d", 86400000000 },
                { "5min", 300000000 },
                { "1h 30min", 5400000000 },
                { "1h30min", 5400000000 },
                { "1 h 30 min", 5400000000 },
                { " 10s", 10000000 },
                { "1min 5", 65000000 },
                { "007s", 7000000 },
                { "1d 1h 1min 1s 1ms 1us", 90061001001 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint64_t usec = 42;

                if (timespan_parse(cases[i].text, &usec) != 0 || usec != cases[i].usec)
                        fail_msg("\"%s\" became %llu", cases[i].text, (unsigned long long)usec);
        }
}

static void test_bad(void **state)
{
        static const char *const texts[] = { "", " ", "s", "min", "-1", "+1", "1.5s", "1,5", "ten",
                "1x", "1 fortnight", "1S", "1Min", "0x10", "1s!", "1s;", "s1", "1e3", "1s -1s",
                "1s\t1s", "\t1s", "infinity", "1\xc2\xb5s", "1ss", "1minutes" };
        uint64_t usec = 42;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (timespan_parse(texts[i], &usec) != -EINVAL)
                        fail_msg("\"%s\" was taken for a span", texts[i]);
                assert_int_equal(usec, 42);
        }
}

static void test_limits(void **state)
{
        static const char *const texts[] = { "3661d", "87841h", "316224001", "316224000s 1us",
                "18446744073709551615", "18446744073709551616", "99999999999999999999999999s",
                "18446744073709551615d", "3660d 3660d" };
        uint64_t usec = 42;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (timespan_parse(texts[i], &usec) != -ERANGE)
                        fail_msg("\"%s\" was taken for a span", texts[i]);
                assert_int_equal(usec, 42);
        }
        assert_int_equal(timespan_parse("3660d", &usec), 0);
        assert_int_equal(usec, YEARS_10 * USEC_PER_SEC);
        assert_int_equal(timespan_parse("316224000", &usec), 0);
        assert_int_equal(usec, YEARS_10 * USEC_PER_SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
