/* Numbers: the same on every host, never another's, and how often two people fall on one. */
#include "kratosd/numbers.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/reserved.h"

#define OWNER "user:11111111-2222-4333-8444-555555555555"
#define OTHER "user:9f425a8d-7efc-4768-8f23-7647a74fdf13"
#define GROUP "group:devs"
#define LONG_GROUP "group:a2345678901234567890123456789012"
#define FIRST OWN_NUMBER_MIN
#define LAST OWN_NUMBER_MAX

/* The store: some owners and their numbers. */
#define OWNERS_MAX 128
static struct {
        char owner[NUMBER_OWNER_MAX];
        uid_t number;
} given[OWNERS_MAX];
static size_t n_given;
static int find_answer, put_answer;

int store_find_number(store *s, const char *owner, uid_t *ret)
{
        (void)s;
        for (size_t i = 0; find_answer == 0 && i < n_given; i++)
                if (strcmp(given[i].owner, owner) == 0) {
                        *ret = given[i].number;
                        return 0;
                }
        return find_answer < 0 ? find_answer : -ENOENT;
}

int store_find_owner(store *s, uid_t number, char ret[static NUMBER_OWNER_MAX])
{
        (void)s;
        for (size_t i = 0; i < n_given; i++)
                if (given[i].number == number) {
                        memcpy(ret, given[i].owner, NUMBER_OWNER_MAX);
                        return 0;
                }
        return -ENOENT;
}

int store_put_number(store *s, uid_t number, const char *owner)
{
        char taken[NUMBER_OWNER_MAX];

        if (put_answer < 0)
                return put_answer;
        if (store_find_owner(s, number, taken) == 0)
                return -EEXIST;
        assert_true(n_given < OWNERS_MAX);
        snprintf(given[n_given].owner, sizeof(given[n_given].owner), "%s", owner);
        given[n_given++].number = number;
        return 0;
}

static int begin(void **state)
{
        (void)state;
        n_given = 0;
        find_answer = put_answer = 0;
        return 0;
}

/* Whether this host has it itself: the numbers up to a last one are taken. */
static int is_above(uid_t number, void *userdata)
{
        return number > *(uid_t *)userdata;
}

static int is_any(uid_t number, void *userdata)
{
        (void)number;
        (void)userdata;
        return 1;
}

static int cannot_say(uid_t number, void *userdata)
{
        (void)number;
        (void)userdata;
        return -EIO;
}

/* These are for ever: files lie on disks under them. */
static void test_rule_1_numbers_do_not_change(void **state)
{
        static const struct {
                const char *owner;
                unsigned attempt;
                uid_t first, last, number;
        } vectors[] = {
                { OWNER, 0, FIRST, LAST, 2145255138 },
                { OWNER, 1, FIRST, LAST, 2042707083 },
                { OWNER, 63, FIRST, LAST, 1949509298 },
                { OWNER, 0, 0, UINT32_MAX, 1724382946 },
                { OWNER, 0, 5000, 5009, 5000 },
                { OTHER, 0, FIRST, LAST, 2112748715 },
                { OTHER, 1, FIRST, LAST, 2089718134 },
                { OTHER, 63, FIRST, LAST, 2013755900 },
                { OTHER, 0, 0, UINT32_MAX, 3698326699 },
                { OTHER, 0, 5000, 5009, 5007 },
                { GROUP, 0, FIRST, LAST, 2047388534 },
                { GROUP, 1, FIRST, LAST, 2117760036 },
                { GROUP, 0, 5000, 5009, 5008 },
                { LONG_GROUP, 0, FIRST, LAST, 2145512067 },
                { LONG_GROUP, 63, FIRST, LAST, 2100145051 },
                { LONG_GROUP, 0, 0, UINT32_MAX, 3091720835 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
                assert_int_equal(number_of(vectors[i].owner, vectors[i].attempt, vectors[i].first,
                                         vectors[i].last),
                        vectors[i].number);
}

/* Every number of a range is one that somebody may get, its borders too, and no other. */
static void test_range_borders(void **state)
{
        bool seen[10] = { 0 };

        (void)state;
        for (unsigned i = 0; i < 1000; i++) {
                uid_t number = number_of(OWNER, i, 5000, 5009);

                assert_in_range(number, 5000, 5009);
                seen[number - 5000] = true;
                assert_int_equal(number_of(OWNER, i, 7, 7), 7);
                assert_in_range(number_of(OWNER, i, UINT32_MAX - 1, UINT32_MAX), UINT32_MAX - 1,
                        UINT32_MAX);
        }
        for (size_t i = 0; i < 10; i++)
                assert_true(seen[i]);
}

static void test_rule_1_found_again(void **state)
{
        uid_t number = 0;

        (void)state;
        assert_int_equal(
                number_find(NULL, OWNER, FIRST, LAST, is_any, NULL, &number), NUMBER_GIVEN);
        assert_int_equal(number, 2145255138);
        assert_int_equal(n_given, 1);
        /* It keeps it, whatever the range is then, and whoever has it on this host. */
        number = 0;
        assert_int_equal(
                number_find(NULL, OWNER, 5000, 5009, cannot_say, NULL, &number), NUMBER_GIVEN);
        assert_int_equal(number, 2145255138);
        assert_int_equal(n_given, 1);
}

/* The later one gets its next number; the first keeps what it has. */
static void test_rule_1_collision(void **state)
{
        uid_t number = 0, floor;

        (void)state;
        assert_int_equal(store_put_number(NULL, 2145255138, OTHER), 0);
        assert_int_equal(
                number_find(NULL, OWNER, FIRST, LAST, is_any, NULL, &number), NUMBER_GIVEN);
        assert_int_equal(number, 2042707083);
        assert_int_equal(given[0].number, 2145255138);
        assert_string_equal(given[0].owner, OTHER);
        /* Likewise past what this host has. */
        floor = 2047388534;
        assert_int_equal(
                number_find(NULL, GROUP, FIRST, LAST, is_above, &floor, &number), NUMBER_GIVEN);
        assert_int_equal(number, 2117760036);
}

static void test_range_that_is_full(void **state)
{
        char owner[NUMBER_OWNER_MAX];
        uid_t number = 7;
        unsigned count = 0;
        int r = NUMBER_GIVEN;

        (void)state;
        for (unsigned i = 0; r == NUMBER_GIVEN; i++) {
                snprintf(owner, sizeof(owner), "group:g%u", i);
                r = number_find(NULL, owner, 5000, 5009, is_any, NULL, &number);
                count += r == NUMBER_GIVEN;
        }
        assert_int_equal(r, NUMBER_NONE);
        assert_int_equal(count, 10);
        for (size_t i = 0; i < n_given; i++)
                for (size_t j = 0; j < i; j++)
                        assert_int_not_equal(given[i].number, given[j].number);
}

static void test_failures(void **state)
{
        uid_t number = 7;

        (void)state;
        assert_int_equal(number_find(NULL, OWNER, FIRST, LAST, cannot_say, NULL, &number), -EIO);
        put_answer = -ENOSPC;
        assert_int_equal(number_find(NULL, OWNER, FIRST, LAST, is_any, NULL, &number), -ENOSPC);
        assert_int_equal(number_claim(NULL, OWNER, 5000), -ENOSPC);
        find_answer = -EUCLEAN;
        assert_int_equal(number_find(NULL, OWNER, FIRST, LAST, is_any, NULL, &number), -EUCLEAN);
        assert_int_equal(number_claim(NULL, OWNER, 5000), -EUCLEAN);
        assert_int_equal(number, 7);
        assert_int_equal(n_given, 0);
}

static void test_rule_1_claims(void **state)
{
        uid_t number = 0;

        (void)state;
        assert_int_equal(number_claim(NULL, OWNER, 5000), NUMBER_GIVEN);
        assert_int_equal(number_claim(NULL, OWNER, 5000), NUMBER_GIVEN);
        assert_int_equal(number_claim(NULL, OWNER, 5001), NUMBER_CHANGED);
        assert_int_equal(number_claim(NULL, OTHER, 5000), NUMBER_TAKEN);
        assert_int_equal(number_claim(NULL, GROUP, 5000), NUMBER_TAKEN);
        assert_int_equal(n_given, 1);
        assert_int_equal(
                number_find(NULL, OWNER, FIRST, LAST, is_any, NULL, &number), NUMBER_GIVEN);
        assert_int_equal(number, 5000);
}

/* xorshift64*: the same people in every run. */
static uint64_t random_bits(uint64_t *seed)
{
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        return *seed * 2685821657736338717U;
}

static void make_owner(uint64_t *seed, char ret[static NUMBER_OWNER_MAX])
{
        uint64_t a = random_bits(seed), b = random_bits(seed);

        snprintf(ret, NUMBER_OWNER_MAX, "user:%08x-%04x-4%03x-8%03x-%012llx", (unsigned)a,
                (unsigned)(a >> 32) & 0xffff, (unsigned)(a >> 48) & 0xfff, (unsigned)(b >> 52),
                (unsigned long long)b & 0xffffffffffff);
}

static int compare(const void *a, const void *b)
{
        uid_t x = *(const uid_t *)a, y = *(const uid_t *)b;

        return (x > y) - (x < y);
}

/* How many of so many people find their first number taken, when all are on one host. */
static unsigned count_collisions(unsigned people, uint64_t *seed)
{
        uid_t *numbers = calloc(people, sizeof(uid_t));
        char owner[NUMBER_OWNER_MAX];
        unsigned collisions = 0;

        assert_non_null(numbers);
        for (unsigned i = 0; i < people; i++) {
                make_owner(seed, owner);
                numbers[i] = number_of(owner, 0, FIRST, LAST);
                assert_in_range(numbers[i], FIRST, LAST);
        }
        qsort(numbers, people, sizeof(uid_t), compare);
        for (unsigned i = 1; i < people; i++)
                collisions += numbers[i] == numbers[i - 1];
        free(numbers);
        return collisions;
}

/* As often as chance has it, n²/2N, within five standard deviations (Poisson): doc/uids.md. */
static void check_collisions(unsigned people, unsigned hosts)
{
        const double range = (double)LAST - FIRST + 1;
        const double each = (double)people * (people - 1) / 2 / range, expected = each * hosts;
        uint64_t seed = 88172645463325252U + people;
        unsigned found = 0;

        for (unsigned i = 0; i < hosts; i++)
                found += count_collisions(people, &seed);
        print_message("%u people: %.4f do not get their first number (n²/2N: %.4f; on %u hosts)\n",
                people, (double)found / hosts, each, hosts);
        assert_true(fabs(found - expected) <= 5 * sqrt(expected) + 1);
}

static void test_collisions_are_chance(void **state)
{
        (void)state;
        check_collisions(1000, 1000);
        check_collisions(10000, 100);
        check_collisions(100000, 10);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_1_numbers_do_not_change),
                TEST(test_range_borders),
                TEST(test_rule_1_found_again),
                TEST(test_rule_1_collision),
                TEST(test_range_that_is_full),
                TEST(test_failures),
                TEST(test_rule_1_claims),
                TEST(test_collisions_are_chance),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
