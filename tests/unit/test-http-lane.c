/* Lanes: how many are under way at once, in which order, and that nobody's place is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kratosd/http-lane.h"

#define WIDTH 3
#define N_PLACES 8
#define NOW UINT64_C(5000000)

static lane tested;
static lane_place places[N_PLACES];

static int begin(void **state)
{
        (void)state;
        lane_init(&tested, WIDTH);
        for (unsigned i = 0; i < N_PLACES; i++)
                places[i] = (lane_place){ 0 };
        return 0;
}

static void enter_all(void)
{
        for (unsigned i = 0; i < N_PLACES; i++)
                lane_enter(&tested, &places[i]);
}

/* These and no others have their turn now, from the first on. */
static void check_turns(uint64_t now, unsigned first, unsigned count)
{
        for (unsigned i = 0; i < count; i++) {
                assert_ptr_equal(lane_next(&tested, now), &places[first + i]);
                assert_int_equal(places[first + i].state, LANE_RUNNING);
        }
        assert_null(lane_next(&tested, now));
}

static void test_width_and_order(void **state)
{
        (void)state;
        assert_null(lane_next(&tested, NOW));
        enter_all();
        check_turns(NOW, 0, WIDTH);
        assert_null(lane_next(&tested, NOW - 1)); /* for whom it is a little earlier */
        assert_int_equal(places[WIDTH].state, LANE_WAITING);
        /* One leaves, one has its turn, whichever it was that left. */
        lane_leave(&tested, &places[1]);
        check_turns(NOW + 1, 3, 1);
        lane_leave(&tested, &places[3]);
        lane_leave(&tested, &places[0]);
        check_turns(NOW + 2, 4, 2);
        for (unsigned i = 0; i < N_PLACES; i++)
                lane_leave(&tested, &places[i]);
        assert_null(lane_next(&tested, NOW + 3));
        enter_all();
        check_turns(NOW + 3, 0, WIDTH);
}

/* Those that hang hold up nobody, and make room once. */
static void test_rule_18_slow(void **state)
{
        (void)state;
        enter_all();
        assert_ptr_equal(lane_next(&tested, NOW), &places[0]);
        check_turns(NOW + 10, 1, 2);
        assert_null(lane_next(&tested, NOW + LANE_SLOW_USEC - 1));
        check_turns(NOW + LANE_SLOW_USEC, 3, 1);
        assert_int_equal(places[0].state, LANE_SLOW);
        assert_int_equal(places[1].state, LANE_RUNNING);
        check_turns(NOW + LANE_SLOW_USEC + 10, 4, 2);
        /* Who counted no more makes no room by leaving. */
        lane_leave(&tested, &places[0]);
        assert_int_equal(places[0].state, LANE_NOWHERE);
        assert_null(lane_next(&tested, NOW + LANE_SLOW_USEC + 10));
        lane_leave(&tested, &places[4]);
        check_turns(NOW + LANE_SLOW_USEC + 10, 6, 1);
}

static void test_leave(void **state)
{
        (void)state;
        /* Nowhere: nothing happens, also for one that left before. */
        lane_leave(&tested, &places[0]);
        enter_all();
        check_turns(NOW, 0, WIDTH);
        /* From among those that wait: first, last, in the middle. */
        lane_leave(&tested, &places[3]);
        lane_leave(&tested, &places[7]);
        lane_leave(&tested, &places[5]);
        lane_leave(&tested, &places[5]);
        assert_null(lane_next(&tested, NOW));
        lane_leave(&tested, &places[2]);
        lane_leave(&tested, &places[2]);
        check_turns(NOW, 4, 1);
        lane_leave(&tested, &places[0]);
        check_turns(NOW, 6, 1);
        /* Who comes again stands at the end. */
        lane_enter(&tested, &places[3]);
        lane_enter(&tested, &places[0]);
        lane_leave(&tested, &places[1]);
        check_turns(NOW, 3, 1);
        lane_leave(&tested, &places[3]);
        check_turns(NOW, 0, 1);
}

static void test_wake(void **state)
{
        (void)state;
        assert_true(lane_wake(&tested) == UINT64_MAX);
        for (unsigned i = 0; i < WIDTH; i++)
                lane_enter(&tested, &places[i]);
        assert_true(lane_wake(&tested) == UINT64_MAX); /* nothing to wait for: it is their turn */
        assert_ptr_equal(lane_next(&tested, NOW), &places[0]);
        check_turns(NOW + 7, 1, 2);
        assert_true(lane_wake(&tested) == UINT64_MAX); /* nobody waits */
        lane_enter(&tested, &places[3]);
        assert_true(lane_wake(&tested) == NOW + LANE_SLOW_USEC);
        lane_leave(&tested, &places[0]);
        assert_true(lane_wake(&tested) == NOW + 7 + LANE_SLOW_USEC);
        lane_leave(&tested, &places[3]);
        assert_true(lane_wake(&tested) == UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_width_and_order),
                TEST(test_rule_18_slow),
                TEST(test_leave),
                TEST(test_wake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
