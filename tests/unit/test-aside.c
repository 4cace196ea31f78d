/* What is kept of a corrupt database: all of its files, once, and for a while. */
#include "kratosd/aside.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "folder.h"

#define DAY ((time_t)24 * 3600)

static const char *const suffixes[] = { "", "-wal", "-journal", "-shm" };

#define N_SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

static char path[PATH_MAX];

static const char *name_of(const char *middle, const char *suffix)
{
        static char name[PATH_MAX + 32];

        snprintf(name, sizeof(name), "%s%s%s", path, middle, suffix);
        return name;
}

static void put(const char *suffix, const char *text)
{
        _cleanup_close_ int fd =
                open(name_of("", suffix), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static bool is_there(const char *middle, const char *suffix)
{
        return access(name_of(middle, suffix), F_OK) == 0;
}

static void check_aside(const char *suffix, const char *text)
{
        const char *name = name_of(".corrupt", suffix);
        _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
        char content[64] = "";
        struct stat st;

        assert_true(fd >= 0 && read(fd, content, sizeof(content) - 1) > 0);
        assert_string_equal(content, text);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
}

static void age(const char *name, time_t seconds)
{
        const struct timespec then = { .tv_sec = time(NULL) - seconds };

        assert_int_equal(utimensat(AT_FDCWD, name, (struct timespec[]){ then, then }, 0), 0);
}

static void test_rule_40_all_of_its_files_go_with_it(void **state)
{
        (void)state;
        for (size_t i = 0; i < N_SUFFIXES; i++)
                put(suffixes[i], suffixes[i][0] ? suffixes[i] : "the database");
        assert_int_equal(aside_put(path), 0);
        for (size_t i = 0; i < N_SUFFIXES; i++) {
                assert_false(is_there("", suffixes[i]));
                check_aside(suffixes[i], suffixes[i][0] ? suffixes[i] : "the database");
        }
}

/* A side file that the next one has not got is not left beside it. */
static void test_rule_40_nothing_is_left_of_an_earlier_one(void **state)
{
        (void)state;
        put("", "the first");
        put("-wal", "the first's");
        assert_int_equal(aside_put(path), 0);
        put("", "the second");
        put("-journal", "the second's");
        assert_int_equal(aside_put(path), 0);
        check_aside("", "the second");
        check_aside("-journal", "the second's");
        assert_false(is_there(".corrupt", "-wal"));
}

static void test_rule_40_it_is_removed_after_a_week(void **state)
{
        (void)state;
        aside_expire(path); /* nothing there */
        for (size_t i = 0; i < N_SUFFIXES; i++) {
                put(suffixes[i], "token");
                age(name_of("", suffixes[i]), 100 * DAY); /* it counts from when it is set aside */
        }
        assert_int_equal(aside_put(path), 0);
        put("", "the new one");
        aside_expire(path);
        age(name_of(".corrupt", ""), 7 * DAY - 60);
        aside_expire(path);
        for (size_t i = 0; i < N_SUFFIXES; i++)
                assert_true(is_there(".corrupt", suffixes[i]));
        age(name_of(".corrupt", ""), 7 * DAY);
        aside_expire(path);
        for (size_t i = 0; i < N_SUFFIXES; i++)
                assert_false(is_there(".corrupt", suffixes[i]));
        assert_true(is_there("", ""));
}

static void test_what_cannot_be_moved(void **state)
{
        (void)state;
        put("", "the database");
        assert_int_equal(mkdir(name_of(".corrupt", ""), 0700), 0);
        assert_true(aside_put(path) < 0);
        assert_true(is_there("", ""));
        assert_int_equal(rmdir(name_of(".corrupt", "")), 0);
}

static int begin(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/kratosd.db", folder);
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, remove_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_40_all_of_its_files_go_with_it),
                TEST(test_rule_40_nothing_is_left_of_an_earlier_one),
                TEST(test_rule_40_it_is_removed_after_a_week),
                TEST(test_what_cannot_be_moved),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
