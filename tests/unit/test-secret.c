/* The secret type, and its way through a memfd. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "interface.h"

#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE)

static void test_append(void **state)
{
        _cleanup_secret_ secret *s = NULL;

        (void)state;
        assert_int_equal(secret_new(8, &s), 0);
        assert_int_equal(secret_size(s), 0);
        assert_string_equal(secret_data(s), "");
        assert_int_equal(secret_append_string(s, "abc"), 0);
        assert_int_equal(secret_append(s, "d\0e", 3), 0);
        assert_int_equal(secret_size(s), 6);
        assert_memory_equal(secret_data(s), "abcd\0e", 7);
        assert_int_equal(secret_append(s, "xyz", 3), -ENOBUFS); /* all of them, or none */
        assert_int_equal(secret_size(s), 6);
        assert_int_equal(secret_append(s, "xy", 2), 0);
        assert_int_equal(secret_append(s, "z", 1), -ENOBUFS);
        assert_int_equal(secret_append(s, NULL, 0), 0);
        assert_memory_equal(secret_data(s), "abcd\0exy", 9);
}

static void test_sizes(void **state)
{
        (void)state;
        assert_null(secret_free(NULL));
        for (size_t capacity = 0; capacity < 10000; capacity += 499) {
                _cleanup_secret_ secret *s = NULL;

                assert_int_equal(secret_new(capacity, &s), 0);
                for (size_t i = 0; i < capacity; i++)
                        assert_int_equal(secret_append(s, "x", 1), 0);
                assert_int_equal(secret_append(s, "x", 1), -ENOBUFS);
                assert_int_equal(secret_data(s)[capacity], '\0');
        }
        secret *never = NULL;

        assert_int_equal(secret_new(SIZE_MAX, &never), -ENOMEM);
        assert_int_equal(secret_new(SIZE_MAX - 4096, &never), -ENOMEM);
        assert_null(never);
}

static void test_copy(void **state)
{
        _cleanup_secret_ secret *s = NULL, *copy = NULL;

        (void)state;
        assert_int_equal(secret_new(100, &s), 0);
        assert_int_equal(secret_append(s, "a\0b", 3), 0);
        assert_int_equal(secret_copy(s, &copy), 0);
        assert_int_equal(secret_size(copy), 3);
        assert_memory_equal(secret_data(copy), "a\0b", 4);
        assert_ptr_not_equal(secret_data(copy), secret_data(s));
}

/* True where a page of memory is mapped. */
static bool is_mapped(const void *p)
{
        unsigned char there;

        return mincore((void *)((uintptr_t)p & ~(uintptr_t)4095), 1, &there) == 0;
}

static void test_rule_21_freed_memory_is_gone(void **state)
{
        secret *s = NULL;
        const char *bytes;

        (void)state;
        assert_int_equal(secret_new(100, &s), 0);
        assert_int_equal(secret_append_string(s, "canary"), 0);
        bytes = secret_data(s);
        assert_true(is_mapped(bytes));
        assert_null(secret_free(s));
        assert_false(is_mapped(bytes));
}

static void test_rule_22_flags_of_the_mapping(void **state)
{
        _cleanup_secret_ secret *s = NULL;
        _cleanup_fclose_ FILE *f = fopen("/proc/self/smaps", "re");
        char line[512], start[32];
        bool ours = false, dumped = true, wiped = false;

        (void)state;
        assert_int_equal(secret_new(100, &s), 0);
        snprintf(
                start, sizeof(start), "%lx-", (unsigned long)((uintptr_t)secret_data(s) & ~4095UL));
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                if (strncmp(line, start, strlen(start)) == 0)
                        ours = true;
                if (ours && strncmp(line, "VmFlags:", 8) == 0) {
                        dumped = !strstr(line, " dd");
                        wiped = strstr(line, " wf") != NULL;
                        break;
                }
        }
        assert_true(ours);
        assert_false(dumped);
        assert_true(wiped);
}

static void test_rule_28_nothing_is_left_in_a_child(void **state)
{
        _cleanup_secret_ secret *s = NULL;
        pid_t child;
        int status;

        (void)state;
        assert_int_equal(secret_new(100, &s), 0);
        assert_int_equal(secret_append_string(s, "canary"), 0);
        child = fork();
        if (child == 0) {
                bool clean = secret_size(s) == 0 && secret_data(s)[0] == '\0';

                secret_free(s);
                _exit(clean ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_string_equal(secret_data(s), "canary");
}

static void test_no_lockable_memory(void **state)
{
        struct rlimit before, none = { 0, 0 };
        _cleanup_secret_ secret *s = NULL;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
        none.rlim_max = before.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
        assert_int_equal(secret_new(100, &s), 0);
        assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

static void test_rule_39_round_trip(void **state)
{
        char text[ANSWER_MAX + 1];

        (void)state;
        memset(text, 'p', sizeof(text));
        text[1] = '\0';
        for (size_t size = 0; size <= ANSWER_MAX; size += 64) {
                _cleanup_close_ int fd = -1;
                _cleanup_secret_ secret *s = NULL;

                assert_int_equal(secret_to_memfd(text, size, &fd), 0);
                assert_int_equal(fcntl(fd, F_GET_SEALS), SEALS | F_SEAL_SEAL);
                assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
                assert_int_equal(secret_from_memfd(fd, &s), 0);
                assert_int_equal(secret_size(s), size);
                assert_memory_equal(secret_data(s), text, size);
        }
        int fd = -1;

        assert_int_equal(secret_to_memfd(text, ANSWER_MAX + 1, &fd), -E2BIG);
        assert_int_equal(fd, -1);
}

/* The offset belongs to whoever sent the descriptor, and must not matter. */
static void test_rule_39_offset(void **state)
{
        _cleanup_close_ int fd = -1;
        _cleanup_secret_ secret *s = NULL;

        (void)state;
        assert_int_equal(secret_to_memfd("canary", 6, &fd), 0);
        assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
        assert_int_equal(secret_from_memfd(fd, &s), 0);
        assert_string_equal(secret_data(s), "canary");
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
}

static int memfd(size_t size, int seals)
{
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static void refuse(int fd, int expected)
{
        _cleanup_close_ int owned = fd;
        secret *s = NULL;

        assert_int_equal(secret_from_memfd(owned, &s), expected);
        assert_null(s);
}

static void test_rule_39_seals(void **state)
{
        (void)state;
        refuse(memfd(8, 0), -EPERM);
        refuse(memfd(8, F_SEAL_SHRINK | F_SEAL_WRITE), -EPERM);
        refuse(memfd(8, F_SEAL_GROW | F_SEAL_WRITE), -EPERM);
        refuse(memfd(8, F_SEAL_GROW | F_SEAL_SHRINK), -EPERM);
        refuse(memfd(8, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE), -EPERM);
        refuse(memfd(ANSWER_MAX + 1, SEALS), -E2BIG);
        refuse(memfd((size_t)1 << 32, SEALS), -E2BIG);
}

static void test_rule_39_no_memfd(void **state)
{
        int fds[2];

        (void)state;
        refuse(open("/dev/zero", O_RDONLY | O_CLOEXEC), -EBADF);
        refuse(open("/etc/passwd", O_RDONLY | O_CLOEXEC), -EBADF);
        refuse(open("/", O_PATH | O_CLOEXEC), -EBADF);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        refuse(fds[0], -EBADF);
        refuse(fds[1], -EBADF);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        refuse(fds[0], -EBADF);
        close(fds[1]);
        refuse(-1, -EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_append),
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_rule_21_freed_memory_is_gone),
                cmocka_unit_test(test_rule_22_flags_of_the_mapping),
                cmocka_unit_test(test_rule_28_nothing_is_left_in_a_child),
                cmocka_unit_test(test_no_lockable_memory),
                cmocka_unit_test(test_rule_39_round_trip),
                cmocka_unit_test(test_rule_39_offset),
                cmocka_unit_test(test_rule_39_seals),
                cmocka_unit_test(test_rule_39_no_memfd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
