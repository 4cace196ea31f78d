/* A secret's way through an answer socket, from the module to the daemon, in the world of
 * tests/lib/enter, where /run is new. */
#include "pam_kratos/hand-over.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/interface.h"
#include "common/secret.h"
#include "kratosd/answer-socket.h"

#define WORLD "/run/world"
#define ONE "0123456789abcdef0123456789abcde1"
#define TWO "0123456789abcdef0123456789abcde2"
#define PATH_ONE ANSWERS_DIRECTORY "/" ONE

static int prepare(void **state)
{
        (void)state;
        (void)mkdir("/run/kratosd", 0711);
        return answer_sockets_prepare();
}

static void make(int *ret_reader)
{
        struct passwd *daemon = getpwnam(DAEMON_USER);

        assert_non_null(daemon);
        assert_int_equal(answer_socket_make(ONE, getuid(), ret_reader), 0);
        assert_int_equal(chown(PATH_ONE, daemon->pw_uid, daemon->pw_gid), 0);
}

static int give(const char *login, const char *text)
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
        assert_int_equal(give(ONE, longest), 0);
        assert_int_equal(answer_socket_read(reader, &got), 0);
        assert_int_equal(secret_size(got), ANSWER_MAX);
        assert_string_equal(secret_data(got), longest);
}

static void test_an_empty_one(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        _cleanup_close_ int reader = -1;

        (void)state;
        make(&reader);
        assert_int_equal(give(ONE, ""), 0);
        assert_int_equal(answer_socket_read(reader, &got), 0);
        assert_int_equal(secret_size(got), 0);
}

/* As a stranger's program might. */
static ssize_t send_bytes(size_t size)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH_ONE };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        char bytes[2 * ANSWER_MAX] = { 0 };

        return sendto(fd, bytes, size, 0, (struct sockaddr *)&address, sizeof(address));
}

static void test_rule_39_too_much(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        _cleanup_close_ int reader = -1;

        (void)state;
        make(&reader);
        assert_int_equal(send_bytes(ANSWER_MAX + 1), ANSWER_MAX + 1);
        assert_int_equal(answer_socket_read(reader, &got), -E2BIG);
        assert_null(got);
}

static void test_nobody_reads(void **state)
{
        int reader = -1;

        (void)state;
        assert_int_equal(give(ONE, "canary"), -ENOENT);
        make(&reader);
        close(reader);
        assert_int_equal(give(ONE, "canary"), -ENOENT);
        assert_int_equal(unlink(PATH_ONE), 0);
        assert_int_equal(give(ONE, "canary"), -ENOENT);
}

/* A page of memory that is not there: whoever touches it waits. False where the kernel has none.
 */
static bool make_absent_page(char **ret, int *ret_fd)
{
        struct uffdio_api api = { .api = UFFD_API };
        struct uffdio_register one = { .mode = UFFDIO_REGISTER_MODE_MISSING };
        int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

        if (fd < 0)
                return false;
        *ret = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(*ret, MAP_FAILED);
        one.range = (struct uffdio_range){ .start = (uintptr_t)*ret, .len = 4096 };
        assert_int_equal(ioctl(fd, UFFDIO_API, &api), 0);
        assert_int_equal(ioctl(fd, UFFDIO_REGISTER, &one), 0);
        *ret_fd = fd;
        return true;
}

/* Sends that page, and so waits within the system call. */
static void *stall(void *page)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH_ONE };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

        (void)sendto(fd, page, 64, 0, (struct sockaddr *)&address, sizeof(address));
        return NULL;
}

/* A sender whose memory does not come holds up neither the reader nor who ends the login. */
static void test_rule_17_a_page_that_does_not_come(void **state)
{
        _cleanup_secret_ secret *got = NULL;
        int reader = -1, faults = -1;
        char *page = NULL;
        pthread_t sender;

        (void)state;
        if (!make_absent_page(&page, &faults)) {
                print_message("this kernel has no userfaultfd\n");
                skip();
        }
        make(&reader);
        assert_int_equal(pthread_create(&sender, NULL, stall, page), 0);
        assert_int_equal(poll(&(struct pollfd){ .fd = faults, .events = POLLIN }, 1, 10000), 1);
        alarm(10);
        assert_int_equal(answer_socket_read(reader, &got), 0);
        assert_int_equal(secret_size(got), 0);
        answer_socket_remove(ONE, reader);
        alarm(0);
        close(faults); /* the page is there now */
        assert_int_equal(pthread_join(sender, NULL), 0);
        assert_int_equal(munmap(page, 4096), 0);
}

static void test_rule_7_what_is_not_the_daemons(void **state)
{
        _cleanup_close_ int reader = -1;
        int file;

        (void)state;
        make(&reader);
        assert_int_equal(chown(PATH_ONE, 0, 0), 0);
        assert_int_equal(give(ONE, "canary"), -EPERM);
        assert_int_equal(chown(PATH_ONE, 65534, 65534), 0);
        assert_int_equal(give(ONE, "canary"), -EPERM);

        assert_int_equal(symlink(PATH_ONE, ANSWERS_DIRECTORY "/" TWO), 0);
        assert_int_equal(give(TWO, "canary"), -EPERM);
        assert_int_equal(unlink(ANSWERS_DIRECTORY "/" TWO), 0);

        file = creat(ANSWERS_DIRECTORY "/" TWO, 0600);
        assert_return_code(file, errno);
        assert_int_equal(fchown(file, getpwnam(DAEMON_USER)->pw_uid, 0), 0);
        assert_int_equal(give(TWO, "canary"), -EPERM);
        assert_int_equal(lseek(file, 0, SEEK_END), 0);
        close(file);
}

static void test_modes_and_what_was_left(void **state)
{
        _cleanup_close_ int reader = -1;
        mode_t old = umask(0077);
        struct stat st;

        (void)state;
        assert_int_equal(answer_sockets_prepare(), 0);
        make(&reader);
        umask(old);
        assert_int_equal(stat(ANSWERS_DIRECTORY, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0711);
        assert_int_equal(stat(PATH_ONE, &st), 0);
        /* What stands in the place of the group is the mask of the access control list (acl(5)). */
        assert_int_equal(st.st_mode & 07777, 0620);
        assert_int_equal(fcntl(reader, F_GETFD), FD_CLOEXEC);
        assert_int_equal(answer_sockets_prepare(), 0);
        assert_int_equal(access(PATH_ONE, F_OK), -1);
}

/* The next program finds the world as it was. */
static int leave(void **state)
{
        (void)state;
        (void)answer_sockets_prepare();
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
                TEST(test_rule_17_a_page_that_does_not_come),
                TEST(test_rule_7_what_is_not_the_daemons),
                TEST(test_modes_and_what_was_left),
        };

        if (access(WORLD, F_OK) < 0) {
                puts("Outside tests/lib/enter nothing is done here: /run is the host's.");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, leave);
}
