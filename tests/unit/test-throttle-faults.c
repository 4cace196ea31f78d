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
        throttle_counts_init(counts, file);
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
        throttle_counts_done(counts);
        free(counts);
        assert_true(wait_for(THROTTLE_SECOND_FACTOR, local("alice", "login", "")) > 0);
        now = throttle_free(now);
        file = store_free(file);
        assert_in_range(count_rows(), 10000, 10000 + 64 * 50 + 10);
}

/* So that she waits as long as anybody can, wherever she comes from. */
static void guess_long(const char *user)
{
        char rhost[32];

        for (int i = 0; i < 14; i++) {
                snprintf(rhost, sizeof(rhost), "198.51.100.%d", i);
                guess(remote(user, rhost), 3);
                wall += wait_at(remote(user, "192.0.2.200")) * SEC;
        }
        assert_true(fails(THROTTLE_FIRST_FACTOR, remote(user, "192.0.2.77")));
        assert_int_equal(wait_at(remote(user, "192.0.2.200")), 900);
}

/* One failure each of very many names from very many networks. */
static void flood_invented(int names)
{
        char rhost[64], name[16];

        for (int i = 0; i < names; i++) {
                snprintf(rhost, sizeof(rhost), "2001:db8:0:%x::1", i / 19);
                snprintf(name, sizeof(name), "name%d", i);
                wall += SEC / 40;
                assert_true(fails(THROTTLE_FIRST_FACTOR, invented(name, rhost)));
        }
}

static void test_rule_19_invented_names_push_out_nobody(void **state)
{
        (void)state;
        guess_long("alice");
        flood_invented(THROTTLE_ROWS_MAX + 200);
        assert_in_range(wait_at(remote("alice", "192.0.2.201")), 600, 900);
        now = throttle_free(now);
        file = store_free(file);
        /* Alice's, and what the networks have in all. */
        assert_in_range(count_rows(), 500, 1000);
}

static void test_rule_19_other_names_push_out_nobody(void **state)
{
        throttle_counts counts;

        (void)state;
        guess_long("alice");
        throttle_counts_init(&counts, file);
        for (int i = 0; i < 300; i++) {
                throttle_row rows[50] = { 0 };

                for (int j = 0; j < 50; j++) {
                        rows[j] = (throttle_row){
                                .kind = THROTTLE_ROW_USER, .count = 1, .at = wall += SEC / 100
                        };
                        snprintf(rows[j].user, sizeof(rows[j].user), "u%d", i * 50 + j);
                }
                throttle_counts_write(&counts, rows, 50);
        }
        throttle_counts_done(&counts);
        assert_in_range(wait_at(remote("alice", "192.0.2.201")), 600, 900);
}

/* What is seen of a name that nobody has is what is seen of others. */
static void test_rule_25_invented_names_wait_like_others(void **state)
{
        char one[32], other[32];

        (void)state;
        for (int i = 0; i < 40; i++) {
                snprintf(one, sizeof(one), "192.0.2.%d", i % 7);
                snprintf(other, sizeof(other), "198.51.100.%d", i % 7);
                assert_int_equal(guess(remote("alice", one), 6), guess(invented("gast", other), 6));
                assert_int_equal(wait_at(remote("alice", one)), wait_at(invented("gast", other)));
                assert_int_equal(mail(remote("alice", one)), mail(invented("gast", other)));
                wall += i % 3 == 0 ? HOUR / 2 : 20 * SEC;
        }
        assert_int_equal(wait_at(remote("gast", "203.0.113.1")), 0);
        guess(invented("gast", "192.0.2.9"), 9);
        wall -= 24 * HOUR;
        assert_in_range(wait_at(invented("gast", "192.0.2.9")), 2, 900);
        flood_invented(THROTTLE_INVENTED_MAX / 2 + 100);
        assert_in_range(wait_at(invented("gast", "192.0.2.9")), 1, 900);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_23_clock_of_the_past),
                TEST(test_rule_23_store_that_cannot_be_written),
                TEST(test_rule_18_bounded),
                TEST(test_rule_19_invented_names_push_out_nobody),
                TEST(test_rule_19_other_names_push_out_nobody),
                TEST(test_rule_25_invented_names_wait_like_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
