/* Login flows in stock. */
#include "kratosd/flows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "kratosd/store.h"

/* The time is the test's. */
static int64_t now;

int64_t boottime_usec(void)
{
        return now;
}

static void put(flows *f, unsigned number, int64_t taken)
{
        kratos_flow flow;

        snprintf(flow.id, sizeof(flow.id), "%u", number);
        flows_put(f, &flow, taken);
}

static void expect(flows *f, const char *id, int64_t taken)
{
        kratos_flow flow;
        int64_t when;

        assert_true(flows_take(f, &flow, &when));
        assert_string_equal(flow.id, id);
        assert_int_equal(when, taken);
}

static void expect_none(flows *f)
{
        kratos_flow flow = { .id = "untouched" };
        int64_t when = 42;

        assert_false(flows_take(f, &flow, &when));
        assert_string_equal(flow.id, "untouched");
        assert_int_equal(when, 42);
}

static void test_the_newest_first(void **state)
{
        flows f = { 0 };

        (void)state;
        now = 1000;
        expect_none(&f);
        put(&f, 1, 10);
        put(&f, 2, 20);
        expect(&f, "2", 20);
        put(&f, 3, 30);
        expect(&f, "3", 30);
        expect(&f, "1", 10);
        expect_none(&f);
}

static void test_a_full_stock(void **state)
{
        flows f = { 0 };
        char id[16];

        (void)state;
        now = 1000;
        for (unsigned i = 0; i < FLOWS_MAX + 5; i++)
                put(&f, i, i);
        assert_int_equal(f.count, FLOWS_MAX);
        for (unsigned i = FLOWS_MAX; i-- > 0;) {
                snprintf(id, sizeof(id), "%u", i);
                expect(&f, id, i);
        }
        expect_none(&f);
}

static void test_old_ones(void **state)
{
        flows f = { 0 };

        (void)state;
        now = FLOW_KEEP_USEC + 100;
        put(&f, 1, 100);
        expect_none(&f);
        assert_int_equal(f.count, 0);
        put(&f, 1, 101);
        put(&f, 2, 100);
        expect(&f, "1", 101);
        expect_none(&f);
}

/* A flow that was under way while the stock was forgotten may be another server's. */
static void test_forgotten(void **state)
{
        flows f = { 0 };

        (void)state;
        now = 1000;
        put(&f, 1, 900);
        put(&f, 2, 1000);
        flows_forget(&f);
        expect_none(&f);
        put(&f, 3, 999);
        expect_none(&f);
        put(&f, 4, 1000);
        expect(&f, "4", 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_newest_first),
                cmocka_unit_test(test_a_full_stock),
                cmocka_unit_test(test_old_ones),
                cmocka_unit_test(test_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
