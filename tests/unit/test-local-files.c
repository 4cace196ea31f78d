/* The local files: who is there, however the files look, and whenever they change. */
#include "kratosd/local-files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
static char passwd_file[PATH_MAX], group_file[PATH_MAX];
static local_files *local;

/* As vipw, useradd and everybody does: a new file takes the old one's place. */
static void put(const char *name, const char *text)
{
        static char whole[PATH_MAX + 8];
        FILE *file;

        snprintf(whole, sizeof(whole), "%s.new", name);
        file = fopen(whole, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(rename(whole, name), 0);
}

static int begin(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(passwd_file, sizeof(passwd_file), "%s/passwd", folder);
        snprintf(group_file, sizeof(group_file), "%s/group", folder);
        put(passwd_file,
                "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:100::/home/alice:/bin/sh\n");
        put(group_file, "root:x:0:\nusers:x:100:alice,bob\n");
        return local_files_new(passwd_file, group_file, &local);
}

static int end(void **state)
{
        local = local_files_free(local);
        return remove_folder(state);
}

static void test_names_and_numbers(void **state)
{
        (void)state;
        assert_int_equal(local_user_exists(local, "root"), 1);
        assert_int_equal(local_user_exists(local, "alice"), 1);
        assert_int_equal(local_user_exists(local, "bob"), 0);
        assert_int_equal(local_user_exists(local, "alic"), 0);
        assert_int_equal(local_user_exists(local, "alicea"), 0);
        assert_int_equal(local_user_exists(local, ""), 0);
        assert_int_equal(local_user_exists(local, "users"), 0);
        assert_int_equal(local_uid_exists(local, 0), 1);
        assert_int_equal(local_uid_exists(local, 1000), 1);
        assert_int_equal(local_uid_exists(local, 100), 0);
        assert_int_equal(local_group_exists(local, "users"), 1);
        assert_int_equal(local_group_exists(local, "alice"), 0);
        assert_int_equal(local_gid_exists(local, 100), 1);
        assert_int_equal(local_gid_exists(local, 1000), 0);
        assert_null(local_files_free(NULL));
}

static void test_empty(void **state)
{
        (void)state;
        put(passwd_file, "");
        put(group_file, "\n\n");
        assert_int_equal(local_user_exists(local, "root"), 0);
        assert_int_equal(local_uid_exists(local, 0), 0);
        assert_int_equal(local_group_exists(local, "root"), 0);
        assert_int_equal(local_gid_exists(local, 0), 0);
}

/* Whatever stands between them, the good lines count; also the last, without its newline. */
static void test_malformed_lines(void **state)
{
        (void)state;
        put(passwd_file, "# a comment\n"
                         "\n"
                         "no colon at all\n"
                         ":x:7:7:::\n"
                         "nonumber:x:abc:100::/:/bin/sh\n"
                         "few:x:8\n"
                         "+nis:::::\n"
                         "-nis:::::\n"
                         "  indented:x:9:9::/:/bin/sh\n"
                         "good:x:1000:100::/home/good:/bin/sh\n"
                         "last:x:1001:100::/home/last:/bin/sh");
        assert_int_equal(local_user_exists(local, "good"), 1);
        assert_int_equal(local_user_exists(local, "last"), 1);
        assert_int_equal(local_uid_exists(local, 1001), 1);
        assert_int_equal(local_user_exists(local, "nonumber"), 0);
        assert_int_equal(local_user_exists(local, "# a comment"), 0);
        /* A line of NIS's has a number in no host's own name. */
        assert_int_equal(local_user_exists(local, "nis"), 0);
}

/* A group with more members than any buffer is made for, and what stands after it. */
static void test_long_group_lines(void **state)
{
        FILE *file;

        (void)state;
        for (unsigned members = 10; members <= 300000; members *= 30) {
                file = fopen(group_file, "we");
                assert_non_null(file);
                assert_true(fputs("first:x:50:\nlong:x:51:", file) >= 0);
                for (unsigned i = 0; i < members; i++)
                        assert_true(fprintf(file, "%smember%u", i ? "," : "", i) > 0);
                assert_true(fputs("\nafter:x:52:\n", file) >= 0);
                assert_int_equal(fclose(file), 0);
                assert_int_equal(local_group_exists(local, "first"), 1);
                assert_int_equal(local_group_exists(local, "long"), 1);
                assert_int_equal(local_group_exists(local, "after"), 1);
                assert_int_equal(local_gid_exists(local, 51), 1);
                assert_int_equal(local_gid_exists(local, 52), 1);
                assert_int_equal(local_gid_exists(local, 53), 0);
        }
}

static void test_many_users(void **state)
{
        char name[32];
        FILE *file = fopen(passwd_file, "we");

        (void)state;
        assert_non_null(file);
        /* In no order. */
        for (unsigned i = 0; i < 5000; i++)
                assert_true(fprintf(file, "user%u:x:%u:100::/:/bin/sh\n", i * 7919 % 5000,
                                    10000 + i * 7919 % 5000) > 0);
        assert_int_equal(fclose(file), 0);
        for (unsigned i = 0; i < 5000; i++) {
                snprintf(name, sizeof(name), "user%u", i);
                assert_int_equal(local_user_exists(local, name), 1);
                assert_int_equal(local_uid_exists(local, 10000 + i), 1);
        }
        assert_int_equal(local_user_exists(local, "user5000"), 0);
        assert_int_equal(local_uid_exists(local, 15000), 0);
}

/* A file that changes is read again at once; a file that is away says nothing of anybody. */
static void test_rule_13_changes(void **state)
{
        (void)state;
        assert_int_equal(local_user_exists(local, "carol"), 0);
        put(passwd_file, "carol:x:1002:100::/:/bin/sh\n");
        assert_int_equal(local_user_exists(local, "carol"), 1);
        assert_int_equal(local_uid_exists(local, 1002), 1);
        assert_int_equal(local_user_exists(local, "alice"), 0);

        assert_int_equal(unlink(passwd_file), 0);
        assert_int_equal(local_user_exists(local, "carol"), -ENOENT);
        assert_int_equal(local_uid_exists(local, 1002), -ENOENT);
        assert_int_equal(local_group_exists(local, "users"), 1);
        put(passwd_file, "dave:x:1003:100::/:/bin/sh\n");
        assert_int_equal(local_user_exists(local, "dave"), 1);
        assert_int_equal(local_user_exists(local, "carol"), 0);

        /* In its place, of the same size. */
        usleep(20000);
        FILE *file = fopen(passwd_file, "r+e");
        assert_non_null(file);
        assert_true(fputs("erin", file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(local_user_exists(local, "erin"), 1);
        assert_int_equal(local_user_exists(local, "dave"), 0);
}

/* What cannot be read is no empty file. */
static void test_rule_13_unreadable(void **state)
{
        (void)state;
        assert_int_equal(local_user_exists(local, "alice"), 1);
        assert_int_equal(unlink(passwd_file), 0);
        assert_int_equal(mkdir(passwd_file, 0700), 0);
        assert_true(local_user_exists(local, "alice") < 0);
        assert_true(local_uid_exists(local, 1000) < 0);
        assert_int_equal(rmdir(passwd_file), 0);

        put(passwd_file, "");
        assert_int_equal(truncate(passwd_file, (off_t)LOCAL_FILE_MAX + 1), 0);
        assert_int_equal(local_user_exists(local, "alice"), -EFBIG);
        put(passwd_file, "alice:x:1000:100::/:/bin/sh\n");
        assert_int_equal(local_user_exists(local, "alice"), 1);
}

/* Files that are not there at the start are read when they are. */
static void test_late_files(void **state)
{
        (void)state;
        local = local_files_free(local);
        assert_int_equal(unlink(passwd_file), 0);
        assert_int_equal(local_files_new(passwd_file, group_file, &local), 0);
        assert_int_equal(local_user_exists(local, "alice"), -ENOENT);
        put(passwd_file, "alice:x:1000:100::/:/bin/sh\n");
        assert_int_equal(local_user_exists(local, "alice"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_names_and_numbers),
                TEST(test_empty),
                TEST(test_malformed_lines),
                TEST(test_long_group_lines),
                TEST(test_many_users),
                TEST(test_rule_13_changes),
                TEST(test_rule_13_unreadable),
                TEST(test_late_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
