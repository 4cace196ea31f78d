/* A secret's way through an answer pipe, from the module to the daemon, in the world of
 * tests/lib/enter, where /run is new. */
#include "pam_kratos/hand-over.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/interface.h"
#include "common/secret.h"
#include "kratosd/answer-pipe.h"

#define WORLD "/run/world"
#define ONE "0123456789abcdef0123456789abcde1"
#define TWO "0123456789abcdef0123456789abcde2"
#define PATH_ONE ANSWERS_DIRECTORY "/" ONE

/* The daemon closes its end at the last moment. */
static int *closes_before_write;

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
        struct stat st;

        if (closes_before_write && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
                close(TAKE_FD(*closes_before_write));
        return __real_write(fd, bytes, size);
}

static int prepare(void **state)
{
        (void)state;
        closes_before_write = NULL;
        (void)mkdir("/run/kratosd", 0711);
        return answer_pipes_prepare();
}

static void make(int *ret_reader)
{
        struct passwd *daemon = getpwnam(DAEMON_USER);

        assert_non_null(daemon);
        assert_int_equal(answer_pipe_make(ONE, getuid(), ret_reader), 0);
        assert_int_equal(chown(PATH_ONE, daemon->pw_uid, daemon->pw_gid), 0);
}

static int send(const char *login, const char *text)
{
        _cleanup_close_ int fd = -1;

        assert_int_equal(secret_to_memfd(text, strlen(text), &fd), 0);
        return hand_over(login, fd);
}

static void test_rule_21_it_arrives_whole(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        _cleanup_close_ int reader = -1;
        char longest[ANSWER_MAX + 1] = "";

        (void)state;
        make(&reader);
        memset(longest, 'x', ANSWER_MAX);
        assert_int_equal(send(ONE, longest), 0);
        assert_int_equal(answer_pipe_read(reader, &got), 0);
        assert_int_equal(secret_size(got), ANSWER_MAX);
        assert_string_equal(secret_data(got), longest);
}

static void test_an_empty_one(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        _cleanup_close_ int reader = -1;

        (void)state;
        make(&reader);
        assert_int_equal(send(ONE, ""), 0);
        assert_int_equal(answer_pipe_read(reader, &got), 0);
        assert_int_equal(secret_size(got), 0);
}

static void test_rule_39_too_much(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        _cleanup_close_ int reader = -1;

        (void)state;
        make(&reader);
        assert_int_equal(send(ONE, "x"), 0);
        for (size_t i = 0; i < 2; i++) {
                char half[ANSWER_MAX / 2 + 1] = "";

                memset(half, 'x', ANSWER_MAX / 2);
                assert_int_equal(send(ONE, half), 0);
        }
        assert_int_equal(answer_pipe_read(reader, &got), -E2BIG);
        assert_null(got);
}

static void test_nobody_reads(void **state)
{
        int reader = -1;

        (void)state;
        assert_int_equal(send(ONE, "canary"), -ENOENT);
        make(&reader);
        close(reader);
        assert_int_equal(send(ONE, "canary"), -ENOENT);
        answer_pipe_remove(ONE);
        assert_int_equal(send(ONE, "canary"), -ENOENT);
}

/* A program that leaves SIGPIPE at its default lives on, and one of its own stays pending. */
static void test_the_reader_goes_in_the_midst(void **state)
{
        sigset_t set, pending;
        int reader = -1;

        (void)state;
        make(&reader);
        closes_before_write = &reader;
        assert_int_equal(send(ONE, "canary"), -ENOENT);
        assert_int_equal(sigpending(&pending), 0);
        assert_false(sigismember(&pending, SIGPIPE));
        closes_before_write = NULL;
        answer_pipe_remove(ONE);

        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
        raise(SIGPIPE);
        make(&reader);
        closes_before_write = &reader;
        assert_int_equal(send(ONE, "canary"), -ENOENT);
        assert_int_equal(sigpending(&pending), 0);
        assert_true(sigismember(&pending, SIGPIPE));
        assert_int_equal(sigtimedwait(&set, NULL, &(struct timespec){ 0 }), SIGPIPE);
        assert_int_equal(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
}

static void test_rule_7_what_is_not_the_daemons(void **state)
{
        _cleanup_close_ int reader = -1;
        int file;

        (void)state;
        make(&reader);
        assert_int_equal(chown(PATH_ONE, 0, 0), 0);
        assert_int_equal(send(ONE, "canary"), -EPERM);
        assert_int_equal(chown(PATH_ONE, 65534, 65534), 0);
        assert_int_equal(send(ONE, "canary"), -EPERM);

        assert_int_equal(symlink(PATH_ONE, ANSWERS_DIRECTORY "/" TWO), 0);
        assert_int_equal(send(TWO, "canary"), -ELOOP);
        answer_pipe_remove(TWO);

        file = creat(ANSWERS_DIRECTORY "/" TWO, 0600);
        assert_return_code(file, errno);
        assert_int_equal(fchown(file, getpwnam(DAEMON_USER)->pw_uid, 0), 0);
        assert_int_equal(send(TWO, "canary"), -EPERM);
        assert_int_equal(lseek(file, 0, SEEK_END), 0);
        close(file);
}

static void test_modes_and_what_was_left(void **state)
{
        _cleanup_close_ int reader = -1;
        mode_t old = umask(0077);
        struct stat st;

        (void)state;
        assert_int_equal(answer_pipes_prepare(), 0);
        make(&reader);
        umask(old);
        assert_int_equal(stat(ANSWERS_DIRECTORY, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0711);
        assert_int_equal(stat(PATH_ONE, &st), 0);
        /* What stands in the place of the group is the mask of the access control list (acl(5)). */
        assert_int_equal(st.st_mode & 07777, 0620);
        assert_int_equal(fcntl(reader, F_GETFD), FD_CLOEXEC);
        assert_int_equal(answer_pipes_prepare(), 0);
        assert_int_equal(access(PATH_ONE, F_OK), -1);
}

/* The next program finds the world as it was. */
static int leave(void **state)
{
        (void)state;
        (void)answer_pipes_prepare();
        return rmdir(ANSWERS_DIRECTORY) < 0 || rmdir("/run/kratosd") < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup(name, prepare)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_21_it_arrives_whole),
                TEST(test_an_empty_one),
                TEST(test_rule_39_too_much),
                TEST(test_nobody_reads),
                TEST(test_the_reader_goes_in_the_midst),
                TEST(test_rule_7_what_is_not_the_daemons),
                TEST(test_modes_and_what_was_left),
        };

        if (access(WORLD, F_OK) < 0) {
                puts("Outside tests/lib/enter nothing is done here: /run is the host's.");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, leave);
}
