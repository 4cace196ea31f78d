/* Lifelines, in the world of tests/lib/enter, where /run is new. */
#include "kratosd/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"

#define WORLD "/run/world"
#define ONE "0123456789abcdef0123456789abcde1"
#define TWO "0123456789abcdef0123456789abcde2"
#define PATH_ONE LIFELINE_DIRECTORY "/" ONE

static void test_rule_14_modes(void **state)
{
        _cleanup_close_ int reader = -1, writer = -1;
        struct stat st;

        (void)state;
        assert_int_equal(lifeline_make(ONE, &reader, &writer), 0);
        assert_int_equal(stat(LIFELINE_DIRECTORY, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(stat(PATH_ONE, &st), 0);
        assert_true(S_ISFIFO(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(fcntl(reader, F_GETFD) & fcntl(writer, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(fcntl(writer, F_GETFL) & O_ACCMODE, O_WRONLY);
        assert_true(fcntl(reader, F_GETFL) & fcntl(writer, F_GETFL) & O_NONBLOCK);
        assert_int_equal(lifeline_prepare(), 0);

        int again_reader = -1, again_writer = -1;

        assert_int_equal(lifeline_make(ONE, &again_reader, &again_writer), -EEXIST);
        assert_int_equal(again_reader, -1);
        assert_int_equal(again_writer, -1);
        assert_int_equal(access(PATH_ONE, F_OK), 0);
}

static bool hangs_up(int reader)
{
        struct pollfd waited = { .fd = reader };

        return poll(&waited, 1, 0) == 1 && waited.revents == POLLHUP;
}

static void test_hang_up(void **state)
{
        _cleanup_close_ int reader = -1, writer = -1, copy = -1;

        (void)state;
        assert_int_equal(lifeline_make(ONE, &reader, &writer), 0);
        assert_false(hangs_up(reader));
        copy = dup(writer);
        close(TAKE_FD(writer));
        assert_false(hangs_up(reader));
        assert_int_equal(write(copy, "x", 1), 1);
        assert_false(hangs_up(reader));
        close(TAKE_FD(copy));
        assert_true(hangs_up(reader));
}

static void test_reopen(void **state)
{
        _cleanup_close_ int reader = -1, writer = -1, again = -1;
        int none = -1;

        (void)state;
        assert_int_equal(lifeline_reopen(ONE, &none), LIFELINE_GONE);
        assert_int_equal(lifeline_make(ONE, &reader, &writer), 0);
        close(TAKE_FD(reader));
        assert_int_equal(lifeline_reopen(ONE, &again), LIFELINE_ALIVE);
        assert_false(hangs_up(again));
        close(TAKE_FD(again));
        close(TAKE_FD(writer));
        assert_int_equal(lifeline_reopen(ONE, &none), LIFELINE_GONE);
        lifeline_remove(ONE);
        lifeline_remove(ONE);
        assert_int_equal(access(PATH_ONE, F_OK), -1);
        assert_int_equal(lifeline_reopen(ONE, &none), LIFELINE_GONE);
        assert_int_equal(none, -1);
}

/* A writer that has filled it is alive, and one that died then is gone. */
static void test_reopen_of_a_full_one(void **state)
{
        _cleanup_close_ int reader = -1, writer = -1, again = -1;
        char bytes[4096] = { 0 };
        int none = -1;

        (void)state;
        assert_int_equal(lifeline_make(ONE, &reader, &writer), 0);
        while (write(writer, bytes, sizeof(bytes)) > 0)
                ;
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(lifeline_reopen(ONE, &again), LIFELINE_ALIVE);
        while (write(writer, bytes, sizeof(bytes)) > 0)
                ;
        close(TAKE_FD(writer));
        close(TAKE_FD(again));
        assert_int_equal(lifeline_reopen(ONE, &none), LIFELINE_GONE);
        assert_int_equal(none, -1);
}

static void test_what_is_no_lifeline(void **state)
{
        int none = -1;

        (void)state;
        assert_int_equal(symlink("/dev/zero", PATH_ONE), 0);
        assert_int_equal(lifeline_reopen(ONE, &none), -ELOOP);
        assert_int_equal(lifeline_make(ONE, &none, &none), -EEXIST);
        assert_int_equal(unlink(PATH_ONE), 0);
        assert_int_equal(none, -1);
}

static void test_killed_writer(void **state)
{
        _cleanup_close_ int reader = -1, writer = -1;
        pid_t child;

        (void)state;
        assert_int_equal(lifeline_make(ONE, &reader, &writer), 0);
        child = fork();
        if (child == 0) {
                pause();
                _exit(0);
        }
        close(TAKE_FD(writer));
        assert_false(hangs_up(reader));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_true(hangs_up(reader));
}

static int keep_one(const char *id, void *userdata)
{
        ++*(unsigned *)userdata;
        return strcmp(id, ONE) == 0;
}

static void test_sweep(void **state)
{
        unsigned asked = 0;

        (void)state;
        assert_int_equal(mkfifo(PATH_ONE, 0600), 0);
        assert_int_equal(mkfifo(LIFELINE_DIRECTORY "/" TWO, 0600), 0);
        assert_int_equal(mkfifo(LIFELINE_DIRECTORY "/something-else", 0600), 0);
        lifeline_sweep(keep_one, &asked);
        assert_int_equal(asked, 2);
        assert_int_equal(access(PATH_ONE, F_OK), 0);
        assert_int_equal(access(LIFELINE_DIRECTORY "/" TWO, F_OK), -1);
        assert_int_equal(unlink(LIFELINE_DIRECTORY "/something-else"), 0);
}

static int prepare(void **state)
{
        (void)state;
        if (mkdir("/run/kratosd", 0755) < 0 && errno != EEXIST)
                return -1;
        return lifeline_prepare();
}

static int clear(void **state)
{
        (void)state;
        lifeline_remove(ONE);
        lifeline_remove(TWO);
        return rmdir(LIFELINE_DIRECTORY);
}

static void test_without_a_place(void **state)
{
        int none = -1;

        (void)state;
        assert_int_equal(lifeline_make(ONE, &none, &none), -ENOENT);
        lifeline_sweep(keep_one, NULL);
        assert_int_equal(rmdir("/run/kratosd"), 0);
        assert_int_equal(lifeline_prepare(), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clear)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_14_modes),
                TEST(test_hang_up),
                TEST(test_reopen),
                TEST(test_reopen_of_a_full_one),
                TEST(test_what_is_no_lifeline),
                TEST(test_killed_writer),
                TEST(test_sweep),
                cmocka_unit_test(test_without_a_place),
        };

        if (access(WORLD, F_OK) < 0) {
                puts("Outside tests/lib/enter nothing is done here: /run is the host's.");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
