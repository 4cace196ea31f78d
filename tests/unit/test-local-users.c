/* The list of local users and the passwd file, as module and daemon read them. Runs as root. */
#include "local-users.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "cleanup.h"
#include "folder.h"

#define ID "9f425a8d-7efc-4768-8f23-7647a74fdf13"
#define PASSWD_TEXT                                                                                \
        "root:x:0:0:root:/root:/bin/sh\n"                                                          \
        "toor:x:0:0::/root:/bin/sh\n"                                                              \
        "kratosd:x:993:993::/var/lib/kratosd:/usr/sbin/nologin\n"                                  \
        "alice:x:2001:2001:Alice:/home/alice:/bin/bash\n"                                          \
        "bob:x:2002:2002:Bob:/home/bob:/bin/bash\n"

static char list[64], passwd[64];

static void write_bytes(const char *path, const char *bytes, size_t size)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes, size), (ssize_t)size);
        assert_int_equal(fchmod(fd, 0644), 0);
}

static void write_text(const char *path, const char *text)
{
        write_bytes(path, text, strlen(text));
}

static int begin(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(list, sizeof(list), "%s/local-users", folder);
        snprintf(passwd, sizeof(passwd), "%s/passwd", folder);
        return 0;
}

static int fresh(void **state)
{
        (void)state;
        unlink(list);
        write_text(passwd, PASSWD_TEXT);
        return 0;
}

static int find(const char *name, local_user *ret)
{
        return local_user_find(list, passwd, name, ret);
}

/* What a list says of alice. */
static int find_alice(const char *text)
{
        local_user user = { .uid = 77 };
        int r;

        write_text(list, text);
        r = find("alice", &user);
        assert_int_equal(user.uid, r == LOCAL_USER_LISTED ? 2001 : 77);
        return r;
}

static void test_listed(void **state)
{
        local_user user;

        (void)state;
        write_text(list, "# people\n\nalice " ID "\n\tbob\t-  fallback # for now\n");
        assert_int_equal(find("alice", &user), LOCAL_USER_LISTED);
        assert_int_equal(user.uid, 2001);
        assert_string_equal(user.identity, ID);
        assert_false(user.fallback);
        assert_int_equal(find("bob", &user), LOCAL_USER_LISTED);
        assert_int_equal(user.uid, 2002);
        assert_string_equal(user.identity, "");
        assert_true(user.fallback);
}

static void test_unlisted_and_absent(void **state)
{
        local_user user = { .uid = 77 };

        (void)state;
        assert_int_equal(find("alice", &user), LOCAL_USER_UNLISTED); /* no list at all */
        write_text(list, "bob " ID "\ncarol " ID "\n");
        assert_int_equal(find("alice", &user), LOCAL_USER_UNLISTED);
        assert_int_equal(find("dave", &user), LOCAL_USER_ABSENT);
        assert_int_equal(find("carol", &user), LOCAL_USER_ABSENT); /* also if listed */
        assert_int_equal(find("", &user), LOCAL_USER_ABSENT);
        assert_int_equal(find("ali", &user), LOCAL_USER_ABSENT);
        assert_int_equal(find("alice:x", &user), LOCAL_USER_ABSENT);
        assert_int_equal(user.uid, 77);
}

static void test_rule_37_root_is_never_listed(void **state)
{
        local_user user;

        (void)state;
        write_text(list, "root " ID "\ntoor " ID "\n");
        assert_int_equal(find("root", &user), LOCAL_USER_UNLISTED);
        assert_int_equal(find("toor", &user), LOCAL_USER_UNLISTED);
}

static void test_own_malformed_line(void **state)
{
        (void)state;
        assert_int_equal(find_alice("alice\n"), -EBADMSG);
        assert_int_equal(find_alice("alice #" ID "\n"), -EBADMSG);
        assert_int_equal(find_alice("alice " ID "x\n"), -EBADMSG);
        assert_int_equal(find_alice("alice 9F425A8D-7EFC-4768-8F23-7647A74FDF13\n"), -EBADMSG);
        assert_int_equal(find_alice("alice " ID " fallbak\n"), -EBADMSG);
        assert_int_equal(find_alice("alice " ID " fallback fallback\n"), -EBADMSG);
        assert_int_equal(find_alice("alice " ID "\r\n"), -EBADMSG);
        assert_int_equal(find_alice("alice -\nalice -\n"), -EBADMSG);
        assert_int_equal(find_alice("alice -\nalice\n"), -EBADMSG);
        assert_int_equal(find_alice("alice " ID), LOCAL_USER_LISTED); /* no newline at the end */
}

static void test_others_malformed_lines(void **state)
{
        char text[8192];

        (void)state;
        assert_int_equal(find_alice("bob\nBob -\n-\nalice -\nb:b -\nbob -\nbob -\n"), 0);
        assert_int_equal(find_alice("Alice -\nalic -\nalicea -\n"), LOCAL_USER_UNLISTED);

        /* A line that is too long harms only its own name. */
        memset(text, 'x', sizeof(text));
        memcpy(text, "bob - #", 7);
        snprintf(text + 5000, sizeof(text) - 5000, "\nalice -\n");
        assert_int_equal(find_alice(text), LOCAL_USER_LISTED);
        memcpy(text, "alice -#", 8);
        snprintf(text + 5000, sizeof(text) - 5000, "\nbob -\n");
        assert_int_equal(find_alice(text), -EBADMSG);
}

static void test_nul_in_a_line(void **state)
{
        local_user user;

        (void)state;
        write_bytes(list, "alice -\0\nbob -\n", 15);
        assert_int_equal(find("alice", &user), -EBADMSG);
        assert_int_equal(find("bob", &user), LOCAL_USER_LISTED);
}

static void test_list_that_others_can_write(void **state)
{
        local_user user;

        (void)state;
        write_text(list, "alice -\n");
        assert_int_equal(chmod(list, 0664), 0);
        assert_int_equal(find("alice", &user), -EPERM);
        assert_int_equal(chmod(list, 0646), 0);
        assert_int_equal(find("alice", &user), -EPERM);
        assert_int_equal(chmod(list, 0644), 0);
        assert_int_equal(find("alice", &user), LOCAL_USER_LISTED);
        assert_int_equal(chown(list, 65534, 0), 0);
        assert_int_equal(find("alice", &user), -EPERM);
        assert_int_equal(find("root", &user), LOCAL_USER_UNLISTED);
        assert_int_equal(find("dave", &user), LOCAL_USER_ABSENT);
        unlink(list);

        assert_int_equal(mkfifo(list, 0644), 0);
        assert_int_equal(find("alice", &user), -EPERM);
        unlink(list);
        assert_int_equal(symlink(list, list), 0);
        assert_int_equal(find("alice", &user), -ELOOP);
}

static void test_list_that_is_too_large(void **state)
{
        _cleanup_free_ char *text = malloc(300 * 1024);

        (void)state;
        memset(text, '\n', 300 * 1024);
        write_bytes(list, text, 300 * 1024);
        local_user user;

        assert_int_equal(find("alice", &user), -EFBIG);
}

/* A line may end anywhere in the buffer through which the file is read. */
static void test_lines_across_the_buffer(void **state)
{
        char text[16384];

        (void)state;
        for (size_t at = 4080; at < 4110; at++) {
                size_t used = 0;

                while (used + 100 < at)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "#%098d\n", 0);
                memset(text + used, '#', at - used);
                memcpy(text + at, "\nalice -\nbob -\n", 16);
                assert_int_equal(find_alice(text), LOCAL_USER_LISTED);
        }
}

static void test_passwd_find_uid(void **state)
{
        uid_t uid = 77;

        (void)state;
        assert_int_equal(passwd_find_uid(passwd, "kratosd", &uid), 0);
        assert_int_equal(uid, 993);
        assert_int_equal(passwd_find_uid(passwd, "krato", &uid), -ENOENT);
        assert_int_equal(passwd_find_uid(passwd, "kratosdx", &uid), -ENOENT);
        assert_int_equal(passwd_find_uid(passwd, "", &uid), -ENOENT);
        assert_int_equal(passwd_find_uid("/nonexistent", "root", &uid), -ENODATA);
        assert_int_equal(passwd_find_uid(folder, "root", &uid), -EISDIR);
        assert_int_equal(uid, 993);
}

static void test_passwd_malformed(void **state)
{
        static const char *const lines[] = { "alice", "alice:x",
                "alice:x:", "alice:x::1:", "alice:x:12",
                "alice:x: 12:", "alice:x:-1:", "alice:x:+1:", "alice:x:0x7:", "alice:x:4294967295:",
                "alice:x:4294967296:", "alice:x:99999999999999999999:" };
        uid_t uid = 77;

        (void)state;
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                char text[256];

                snprintf(text, sizeof(text), "bob:\n%s\nbob:x:3:\n", lines[i]);
                write_text(passwd, text);
                assert_int_equal(
                        passwd_find_uid(passwd, "alice", &uid), i == 0 ? -ENOENT : -EBADMSG);
        }
        assert_int_equal(uid, 77);

        /* The first line counts, as it does for the C library. */
        write_text(passwd, "alice:x:5:\nalice:x:0:\n");
        assert_int_equal(passwd_find_uid(passwd, "alice", &uid), 0);
        assert_int_equal(uid, 5);
        write_text(passwd, "alice:x:4294967294:");
        assert_int_equal(passwd_find_uid(passwd, "alice", &uid), 0);
        assert_int_equal(uid, 4294967294U);
}

static void test_passwd_long_lines(void **state)
{
        char text[8192];
        uid_t uid;

        (void)state;
        memset(text, 'x', sizeof(text));
        memcpy(text, "bob:x:7:", 8);
        snprintf(text + 6000, sizeof(text) - 6000, "\nalice:x:8:\n");
        write_text(passwd, text);
        assert_int_equal(passwd_find_uid(passwd, "bob", &uid), -EBADMSG);
        assert_int_equal(passwd_find_uid(passwd, "alice", &uid), 0);
        assert_int_equal(uid, 8);
}

typedef struct complaints {
        unsigned count;
        unsigned lines[16];
} complaints;

static void complain(unsigned line, const char *sentence, void *userdata)
{
        complaints *c = userdata;

        assert_true(strlen(sentence) > 10);
        c->lines[c->count++] = line;
}

static void test_check(void **state)
{
        complaints c = {};

        (void)state;
        assert_int_equal(local_users_check(list, complain, &c), 0); /* no list at all */
        write_text(list, "# people\n"
                         "alice " ID "\n"
                         "\n"
                         "bob\n"
                         "carol - fallback\n"
                         "Dave -\n"
                         "root -\n"
                         "alice -\n"
                         "erin - sometimes\n"
                         "frank - fallback or not\n");
        assert_int_equal(local_users_check(list, complain, &c), 6);
        assert_int_equal(c.count, 6);
        assert_memory_equal(c.lines, ((unsigned[]){ 4, 6, 7, 8, 9, 10 }), 6 * sizeof(unsigned));
        assert_int_equal(chmod(list, 0666), 0);
        assert_int_equal(local_users_check(list, complain, &c), -EPERM);
        assert_int_equal(c.count, 6);
}

/* A list as long as it may be is checked in the midst of the loop. */
static void test_check_of_a_long_list(void **state)
{
        static char text[256 * 1024];
        struct timespec begun, ended;
        complaints c = {};
        size_t end = 0;

        (void)state;
        for (unsigned i = 0; end < sizeof(text) - 100; i++)
                end += (size_t)snprintf(text + end, sizeof(text) - end, "u%u -\n", i);
        snprintf(text + end, sizeof(text) - end, "u0 -\n");
        write_text(list, text);
        clock_gettime(CLOCK_MONOTONIC, &begun);
        assert_int_equal(local_users_check(list, complain, &c), 1);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        assert_int_equal(c.count, 1);
        assert_true(ended.tv_sec - begun.tv_sec < 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_listed, fresh),
                cmocka_unit_test_setup(test_unlisted_and_absent, fresh),
                cmocka_unit_test_setup(test_rule_37_root_is_never_listed, fresh),
                cmocka_unit_test_setup(test_own_malformed_line, fresh),
                cmocka_unit_test_setup(test_others_malformed_lines, fresh),
                cmocka_unit_test_setup(test_nul_in_a_line, fresh),
                cmocka_unit_test_setup(test_list_that_others_can_write, fresh),
                cmocka_unit_test_setup(test_list_that_is_too_large, fresh),
                cmocka_unit_test_setup(test_lines_across_the_buffer, fresh),
                cmocka_unit_test_setup(test_passwd_find_uid, fresh),
                cmocka_unit_test_setup(test_passwd_malformed, fresh),
                cmocka_unit_test_setup(test_passwd_long_lines, fresh),
                cmocka_unit_test_setup(test_check, fresh),
                cmocka_unit_test_setup(test_check_of_a_long_list, fresh),
        };

        return cmocka_run_group_tests(tests, begin, remove_folder);
}
