/* The environment that the daemon keeps. */
#include "kratosd/environment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"

static void test_rule_6_only_what_systemd_tells_is_kept(void **state)
{
        (void)state;
        assert_int_equal(clearenv(), 0);
        assert_int_equal(setenv("SSLKEYLOGFILE", "/nowhere/keys", 1), 0);
        assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", "@socket", 1), 0);
        assert_int_equal(setenv("WATCHDOG_USEC", "", 1), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET_2", "x", 1), 0);
        assert_int_equal(environment_clean(), 0);
        assert_string_equal(getenv("NOTIFY_SOCKET"), "@socket");
        assert_string_equal(getenv("WATCHDOG_USEC"), "");
        for (unsigned i = 0; i < 2; i++)
                assert_non_null(environ[i]);
        assert_null(environ[2]);
}

static void test_an_empty_one(void **state)
{
        (void)state;
        assert_int_equal(clearenv(), 0);
        assert_int_equal(environment_clean(), 0);
        assert_true(!environ || !environ[0]);
}

static void test_credentials(void **state)
{
        _cleanup_free_ char *path = NULL;

        (void)state;
        assert_int_equal(clearenv(), 0);
        assert_int_equal(environment_credential("one", &path), -ENOENT);
        assert_null(path);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/credentials", 1), 0);
        assert_int_equal(environment_clean(), 0);
        assert_int_equal(environment_credential("one", &path), 0);
        assert_string_equal(path, "/run/credentials/one");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_6_only_what_systemd_tells_is_kept),
                cmocka_unit_test(test_an_empty_one),
                cmocka_unit_test(test_credentials),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
