/* The throttle: clocks that are wrong, files that cannot be written, floods. */
#include "throttle-clock.h"

#include <sys/stat.h>

#include "kratosd/throttle-counts.h"

/* Set back by ten years, it makes nobody wait any longer. */
static void test_rule_23_clock_of_the_past(void **state)
{
        throttle_origin from = local("alice", "login", "");

        (void)state;
        assert_int_equal(guess(from, 9), 5);
        for (int i = 0; i < 20; i++)
                fails(THROTTLE_SECOND_FACTOR, from);
        succeed(remote("alice", "192.0.2.1"));
        wall -= 10 * 365 * 24 * HOUR;
        assert_int_equal(wait_at(from), 2);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, from), 3600);
        restart();
        wall += SEC;
        assert_int_equal(wait_at(from), 1);
        wall += HOUR;
        assert_int_equal(wait_at(from), 0);
        assert_int_equal(wait_for(THROTTLE_SECOND_FACTOR, from), 0);
        assert_int_equal(guess(from, 9), 1);
        guess(remote("alice", "192.0.2.99"), 99);
        assert_true(is_known_there("192.0.2.1"));
        wall = 0;
        assert_int_equal(wait_at(from), 2);
}

/* A disk that is full or read-only. */
static void test_rule_23_store_that_cannot_be_written(void **state)
{
        throttle_origin from = remote("alice", "192.0.2.1");

        (void)state;
        succeed(from);
        file = store_free(file);
        now = throttle_free(now);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0); /* root writes where nobody may */
        restart();
        assert_string_not_equal(said, "");
        assert_int_equal(guess(from, 200), 5);
        assert_int_equal(wait_at(from), 2);
        assert_int_equal(wait_at(local("alice", "login", "")), 0);
        for (int i = 0; i < 200; i++) {
                char rhost[32];

                snprintf(rhost, sizeof(rhost), "198.18.0.%d", i);
                guess(remote("bob", rhost), 1);
        }
        assert_int_equal(wait_at(remote("bob", "192.0.2.9")), 2);
        wall += 2 * SEC;
        assert_int_equal(wait_at(from), 0);
        succeed(from);
        assert_int_equal(guess(from, 9), 5);
        /* Once it can be written again, it is. */
        assert_int_equal(rmdir(path), 0);
        for (int64_t until = boottime_usec() + 2 * SEC; boottime_usec() < until;)
                (void)usleep(100000);
        wall += 2 * SEC;
        assert_int_equal(guess(from, 1), 1);
        restart();
        assert_int_equal(wait_at(from), 4);
}

static unsigned count_rows(void)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *query = NULL;
        int n;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_prepare_v2(db, "SELECT count(*) FROM throttle", -1, &query, NULL), 0);
        assert_int_equal(sqlite3_step(query), SQLITE_ROW);
        n = sqlite3_column_int(query, 0);
        sqlite3_finalize(query);
        sqlite3_close(db);
        return (unsigned)n;
}

/* A flood is bounded, and pushes out nothing but its like. */
static void test_rule_18_bounded(void **state)
{
        throttle_row row = { .kind = THROTTLE_ROW_PLACE };
        throttle_counts *counts = calloc(1, sizeof(throttle_counts));

        (void)state;
        assert_non_null(counts);
        counts->store = file;
        for (int i = 0; i < 10; i++)
                fails(THROTTLE_SECOND_FACTOR, local("alice", "login", ""));
        for (int i = 0; i < 300; i++) {
                throttle_row rows[50];

                for (int j = 0; j < 50; j++) {
                        row.at = ++wall;
                        row.count = 1;
                        snprintf(row.place, sizeof(row.place), "name:%d", i * 50 + j);
                        rows[j] = row;
                }
                throttle_counts_write(counts, rows, 50);
        }
        snprintf(row.place, sizeof(row.place), "name:0");
        throttle_counts_read(counts, &row);
        assert_int_equal(row.count, 0);
        snprintf(row.place, sizeof(row.place), "name:14999");
        throttle_counts_read(counts, &row);
        assert_int_equal(row.count, 1);
        free(counts);
        assert_true(wait_for(THROTTLE_SECOND_FACTOR, local("alice", "login", "")) > 0);
        now = throttle_free(now);
        file = store_free(file);
        assert_in_range(count_rows(), 10000, 10000 + 64 * 50 + 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_23_clock_of_the_past),
                TEST(test_rule_23_store_that_cannot_be_written),
                TEST(test_rule_18_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
