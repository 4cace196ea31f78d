/* What the daemon says where there is no journal. The fields of the journal's entries are held
 * against doc/journal.md by the tests that run the daemon. */
#include "kratosd/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "kratosd/event-ids.h"

/* There is no journal for this program, whatever the host has. */
int access(const char *path, int mode)
{
        (void)mode;
        assert_string_equal(path, "/run/systemd/journal/socket");
        return -1;
}

static char said[4096];
static int standard_error = -1;
static int pipe_fds[2];

static void listen_to_standard_error(void)
{
        fflush(stderr);
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
        standard_error = dup(STDERR_FILENO);
        assert_true(dup2(pipe_fds[1], STDERR_FILENO) >= 0);
}

static void hear(void)
{
        ssize_t n;

        fflush(stderr);
        assert_true(dup2(standard_error, STDERR_FILENO) >= 0);
        close(standard_error);
        n = read(pipe_fds[0], said, sizeof(said) - 1);
        said[n > 0 ? n : 0] = '\0';
        close(pipe_fds[0]);
        close(pipe_fds[1]);
}

static const char *event(enum event which, const event_facts *facts, const char *reason)
{
        listen_to_standard_error();
        log_event(which, facts, reason);
        hear();
        return said;
}

static const char *message(int level)
{
        listen_to_standard_error();
        log_message(level, "%s is %d", "this", 5);
        hear();
        return said;
}

static void test_events(void **state)
{
        static const event_facts facts = {
                .user = "alice", .service = "sshd", .rhost = "192.0.2.1", .session = "id"
        };
        static const event_facts unknown = { 0 };
        static const event_facts waiting = { .user = "bob", .wait_usec = 1500001 };

        (void)state;
        log_set_level(LOG_DEBUG);
        assert_string_equal(event(EVENT_LOGIN_GRANTED, &facts, "granted"),
                "kratosd: info: Login granted (event=login-granted reason=granted user=alice "
                "service=sshd rhost=192.0.2.1 session=id)\n");
        assert_string_equal(event(EVENT_LOGIN_REFUSED, &unknown, "bad-credentials"),
                "kratosd: notice: Login refused (event=login-refused reason=bad-credentials user= "
                "service= rhost= session=)\n");
        assert_string_equal(event(EVENT_LOGIN_REFUSED, &waiting, "throttled"),
                "kratosd: notice: Login refused (event=login-refused reason=throttled user=bob "
                "service= rhost= session= wait=2)\n");
        assert_non_null(strstr(event(EVENT_SESSION_OPENED, &facts, "x"),
                "info: Session opened (event=session-opened "));
        assert_non_null(strstr(event(EVENT_SESSION_CLOSED, &facts, "x"),
                "info: Session closed (event=session-closed "));
        assert_non_null(
                strstr(event(EVENT_SESSION_REVOKED, &facts, "x"), "(event=session-revoked "));
        assert_non_null(strstr(event(EVENT_REVOCATION_POSTPONED, &facts, "x"), "warning: "));
        assert_non_null(strstr(said, "(event=revocation-postponed "));
}

static void test_levels(void **state)
{
        static const int levels[] = { LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };
        static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
        static const event_facts facts = { 0 };
        char line[64];

        (void)state;
        for (size_t set = 0; set < 5; set++) {
                log_set_level(levels[set]);
                for (size_t i = 0; i < 5; i++) {
                        snprintf(line, sizeof(line), "kratosd: %s: this is 5\n", names[i]);
                        assert_string_equal(message(levels[i]), i <= set ? line : "");
                }
                assert_int_equal(*event(EVENT_LOGIN_GRANTED, &facts, "x") != '\0', set >= 3);
                assert_int_equal(*event(EVENT_LOGIN_REFUSED, &facts, "x") != '\0', set >= 2);
                assert_int_equal(*event(EVENT_REVOCATION_POSTPONED, &facts, "x") != '\0', set >= 1);
        }
}

static void test_ids_are_ids_and_differ(void **state)
{
        static const char *const ids[] = { EVENT_ID_LOGIN_GRANTED, EVENT_ID_LOGIN_REFUSED,
                EVENT_ID_SESSION_OPENED, EVENT_ID_SESSION_CLOSED, EVENT_ID_SESSION_REVOKED,
                EVENT_ID_REVOCATION_POSTPONED };

        (void)state;
        for (size_t i = 0; i < 6; i++) {
                assert_int_equal(strlen(ids[i]), 32);
                assert_int_equal(strspn(ids[i], "0123456789abcdef"), 32);
                for (size_t other = 0; other < i; other++)
                        assert_string_not_equal(ids[i], ids[other]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_ids_are_ids_and_differ),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
