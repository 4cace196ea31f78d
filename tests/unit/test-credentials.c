/* The credentials for the admin API: which tokens are taken, and when files count anew. */
#include "kratosd/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/test-credentials-XXXXXX";
static char token_path[PATH_MAX], key_path[PATH_MAX], certificate_path[PATH_MAX];
static config conf; /* AdminURL= is nowhere */

static void put(const char *path, const char *bytes, size_t size)
{
        char part[PATH_MAX + 8];

        snprintf(part, sizeof(part), "%s.part", path);
        {
                _cleanup_close_ int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

                assert_true(fd >= 0);
                assert_int_equal(write(fd, bytes, size), size);
        }
        assert_int_equal(rename(part, path), 0);
}

static void put_text(const char *path, const char *text)
{
        put(path, text, strlen(text));
}

static credentials *make(void)
{
        credentials *c = NULL;

        assert_int_equal(credentials_new(&c), 0);
        return c;
}

static bool takes(const char *bytes, size_t size)
{
        _cleanup_(credentials_freep) credentials *c = make();

        put(token_path, bytes, size);
        (void)credentials_refresh(c, &conf);
        return credentials_token(c);
}

static int clear(void **state)
{
        (void)state;
        (void)unlink(token_path);
        (void)rmdir(token_path);
        (void)unlink(key_path);
        (void)unlink(certificate_path);
        conf = (config){ 0 };
        return 0;
}

static void test_rule_29_what_is_no_token(void **state)
{
        static const char *const words[] = { "", "\n", "=", "a b", "a=b", "=a", "a\n\n", "a\r\n",
                "\na", "a\nX-A: b", "a\tb", "a,b", "a;b", "a\"", "a:b", "caf\xc3\xa9", "a\x7f",
                "Bearer a" };

        (void)state;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                assert_false(takes(words[i], strlen(words[i])));
        assert_false(takes("a\0b", 3));
        assert_false(takes("a\0", 2));
        assert_false(takes("\0", 1));
}

static void test_rule_29_what_is_one(void **state)
{
        static const char *const words[] = { "a", "ory_pat_x", "a.b-c~d+e/f", "YWJj==", "a\n" };

        (void)state;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                assert_true(takes(words[i], strlen(words[i])));
}

static void test_rule_29_how_long_a_token_is(void **state)
{
        char bytes[ADMIN_TOKEN_MAX + 16];

        (void)state;
        memset(bytes, 'a', sizeof(bytes));
        assert_true(takes(bytes, ADMIN_TOKEN_MAX));
        assert_false(takes(bytes, ADMIN_TOKEN_MAX + 1));
        assert_false(takes(bytes, sizeof(bytes)));
        bytes[ADMIN_TOKEN_MAX] = '\n';
        assert_true(takes(bytes, ADMIN_TOKEN_MAX + 1));
        assert_false(takes(bytes, ADMIN_TOKEN_MAX + 2));
}

static void test_what_is_no_file(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();

        (void)state;
        assert_int_equal(mkfifo(token_path, 0600), 0);
        assert_false(credentials_refresh(c, &conf));
        assert_null(credentials_token(c));
        assert_int_equal(unlink(token_path), 0);
        assert_int_equal(mkdir(token_path, 0700), 0);
        assert_false(credentials_refresh(c, &conf));
        assert_null(credentials_token(c));
}

static void test_a_token_is_exchanged(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();

        (void)state;
        assert_false(credentials_refresh(c, &conf));
        assert_null(credentials_token(c));

        put_text(token_path, "first\n");
        assert_true(credentials_refresh(c, &conf));
        assert_string_equal(secret_data(credentials_token(c)), "first");
        assert_false(credentials_refresh(c, &conf));

        put_text(token_path, "other");
        assert_true(credentials_refresh(c, &conf));
        assert_string_equal(secret_data(credentials_token(c)), "other");

        /* Half of one, or none at all, leaves the one that there was. */
        put_text(token_path, "not one");
        assert_false(credentials_refresh(c, &conf));
        assert_string_equal(secret_data(credentials_token(c)), "other");

        assert_int_equal(unlink(token_path), 0);
        assert_true(credentials_refresh(c, &conf));
        assert_null(credentials_token(c));
        assert_false(credentials_refresh(c, &conf));
}

/* A file that is written over has the same inode, and maybe the same size. */
static void test_a_token_is_written_over(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();
        _cleanup_close_ int fd = -1;
        const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };

        (void)state;
        put_text(token_path, "first");
        assert_true(credentials_refresh(c, &conf));
        fd = open(token_path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(fd, "other", 5), 5);
        assert_int_equal(futimens(fd, times), 0);
        assert_true(credentials_refresh(c, &conf));
        assert_string_equal(secret_data(credentials_token(c)), "other");
}

static void test_all_is_read_again_when_asked_for(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();

        (void)state;
        put_text(token_path, "first");
        assert_true(credentials_refresh(c, &conf));
        credentials_forget(c);
        assert_string_equal(secret_data(credentials_token(c)), "first");
        assert_true(credentials_refresh(c, &conf));
        assert_string_equal(secret_data(credentials_token(c)), "first");
}

static void test_whose_key_counts(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();
        char other[] = "/dev/null";

        (void)state;
        put_text(key_path, "key");
        assert_null(credentials_key(c, &conf));
        conf.client_certificate = certificate_path;
        assert_string_equal(credentials_key(c, &conf), key_path);
        conf.client_key = other;
        assert_string_equal(credentials_key(c, &conf), other);
        conf.client_key = NULL;
        assert_int_equal(unlink(key_path), 0);
        assert_null(credentials_key(c, &conf));
}

static void test_a_key_and_a_certificate_are_exchanged(void **state)
{
        _cleanup_(credentials_freep) credentials *c = make();

        (void)state;
        put_text(certificate_path, "certificate");
        conf.client_certificate = certificate_path;
        assert_true(credentials_refresh(c, &conf));
        assert_false(credentials_refresh(c, &conf));
        put_text(key_path, "key");
        assert_true(credentials_refresh(c, &conf));
        assert_false(credentials_refresh(c, &conf));
        put_text(key_path, "yek");
        assert_true(credentials_refresh(c, &conf));
        put_text(certificate_path, "certificate");
        assert_true(credentials_refresh(c, &conf));
        assert_false(credentials_refresh(c, &conf));
}

static void test_without_any_credentials(void **state)
{
        _cleanup_(credentials_freep) credentials *c = NULL;

        (void)state;
        put_text(token_path, "first");
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        c = make();
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
        assert_false(credentials_refresh(c, &conf));
        assert_null(credentials_token(c));
        conf.client_certificate = certificate_path;
        assert_null(credentials_key(c, &conf));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_rule_29_what_is_no_token, clear),
                cmocka_unit_test_teardown(test_rule_29_what_is_one, clear),
                cmocka_unit_test_teardown(test_rule_29_how_long_a_token_is, clear),
                cmocka_unit_test_teardown(test_what_is_no_file, clear),
                cmocka_unit_test_teardown(test_a_token_is_exchanged, clear),
                cmocka_unit_test_teardown(test_a_token_is_written_over, clear),
                cmocka_unit_test_teardown(test_all_is_read_again_when_asked_for, clear),
                cmocka_unit_test_teardown(test_whose_key_counts, clear),
                cmocka_unit_test_teardown(test_a_key_and_a_certificate_are_exchanged, clear),
                cmocka_unit_test_teardown(test_without_any_credentials, clear),
        };
        int failed;

        if (!mkdtemp(folder) || setenv("CREDENTIALS_DIRECTORY", folder, 1) < 0)
                return 1;
        snprintf(token_path, sizeof(token_path), "%s/kratosd.admin-token", folder);
        snprintf(key_path, sizeof(key_path), "%s/kratosd.client-key", folder);
        snprintf(certificate_path, sizeof(certificate_path), "%s/host.pem", folder);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        (void)rmdir(folder);
        return failed;
}
