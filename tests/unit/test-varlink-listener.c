/* The socket that a Varlink server listens on, in the world of tests/lib/enter. */
#include "kratosd/varlink-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "send-descriptor.h"

#define FOLDER "/run/test-varlink-listener/userdb"
#define PATH FOLDER "/org.example"

/* 0, or the errno of connecting. */
static int try_connect(void)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH };

        return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

static int remove_all(void **state)
{
        (void)state;
        (void)unlink(PATH);
        (void)unlink(FOLDER "/.org.example.new");
        (void)rmdir(FOLDER);
        (void)rmdir("/run/test-varlink-listener");
        return 0;
}

static void test_one_that_we_bind(void **state)
{
        varlink_listener *l = NULL;
        struct stat st;
        mode_t mask = umask(0077);

        (void)state;
        assert_int_equal(varlink_listener_new(PATH, &l), 0);
        (void)umask(mask);
        assert_int_equal(stat(PATH, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0666);
        assert_int_equal(access(FOLDER "/.org.example.new", F_OK), -1);
        assert_int_equal(fcntl(varlink_listener_fd(l), F_GETFD), FD_CLOEXEC);
        assert_true(fcntl(varlink_listener_fd(l), F_GETFL) & O_NONBLOCK);
        assert_int_equal(try_connect(), 0);
        assert_null(varlink_listener_free(l));
        assert_int_equal(try_connect(), ENOENT);
        assert_null(varlink_listener_free(NULL));
}

/* After a kill -9, nobody waits for who is gone, and the next one takes the place. */
static void test_one_that_was_left(void **state)
{
        varlink_listener *l = NULL;
        pid_t child = fork();

        (void)state;
        if (child == 0)
                _exit(varlink_listener_new(PATH, &l) == 0 ? 0 : 1);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(try_connect(), ECONNREFUSED);
        assert_int_equal(varlink_listener_new(PATH, &l), 0);
        assert_int_equal(try_connect(), 0);
        varlink_listener_free(l);
}

static void test_another_daemons_is_left_alone(void **state)
{
        varlink_listener *first = NULL, *second = NULL;

        (void)state;
        assert_int_equal(varlink_listener_new(PATH, &first), 0);
        assert_int_equal(varlink_listener_new(PATH, &second), 0);
        varlink_listener_free(first);
        assert_int_equal(try_connect(), 0);
        varlink_listener_free(second);
        assert_int_equal(try_connect(), ENOENT);
}

static void test_what_cannot_be_bound(void **state)
{
        varlink_listener *l = NULL;
        char path[300] = "/run/test-varlink-listener/";

        (void)state;
        assert_int_equal(varlink_listener_new("/proc/none/socket", &l), -ENOENT);
        memset(path + strlen(path), 'a', sizeof(path) - strlen(path) - 1);
        assert_int_equal(varlink_listener_new(path, &l), -ENAMETOOLONG);
        assert_int_equal(mkdir(FOLDER, 0755), 0);
        assert_int_equal(mkdir(PATH, 0755), 0);
        assert_int_equal(varlink_listener_new(PATH, &l), -EISDIR);
        assert_int_equal(access(FOLDER "/.org.example.new", F_OK), -1);
        assert_int_equal(rmdir(PATH), 0);
        assert_null(l);
}

/* Before it is accepted, and after. */
static void test_rule_18_takes_no_descriptors(void **state)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PATH };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0), accepted = -1;
        _cleanup_listener_ varlink_listener *l = NULL;
        int option = 1;
        socklen_t size = sizeof(option);

        (void)state;
        assert_int_equal(varlink_listener_new(PATH, &l), 0);
        if (getsockopt(varlink_listener_fd(l), SOL_SOCKET, 83, &option, &size) < 0) {
                print_message("this kernel cannot refuse descriptors\n");
                skip();
        }
        assert_int_equal(option, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send_descriptor(fd, STDIN_FILENO), EPERM);
        accepted = accept(varlink_listener_fd(l), NULL, NULL);
        assert_true(accepted >= 0);
        assert_int_equal(send_descriptor(fd, STDIN_FILENO), EPERM);
        assert_int_equal(send(fd, "{", 1, 0), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_one_that_we_bind, remove_all),
                cmocka_unit_test_teardown(test_one_that_was_left, remove_all),
                cmocka_unit_test_teardown(test_another_daemons_is_left_alone, remove_all),
                cmocka_unit_test_teardown(test_rule_18_takes_no_descriptors, remove_all),
                cmocka_unit_test_teardown(test_what_cannot_be_bound, remove_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
