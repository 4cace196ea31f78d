/* The administrator's commands, where no daemon runs: what is said, and what is not. */
#include "kratosd/command.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "kratosd/adoption.h"
#include "kratosd/config.h"

#define UUID "11111111-2222-4333-8444-555555555555"

static uid_t caller;
static int config_answer, store_answer, word_answer;
static bool has_user;
static unsigned n_words;
static config configuration;

uid_t geteuid(void)
{
        return caller;
}

int sd_bus_new(sd_bus **ret)
{
        (void)ret;
        return -ENOMEM;
}

int config_load(const char *file, config_complaint complain, void *userdata, config **ret)
{
        (void)complain;
        (void)userdata;
        assert_string_equal(file, "/etc/kratosd/kratosd.conf");
        configuration.references = 1000;
        if (config_answer == 0)
                *ret = &configuration;
        return config_answer;
}

struct passwd *fgetpwent(FILE *file)
{
        static struct passwd user = { .pw_name = (char *)"kratosd", .pw_uid = 990, .pw_gid = 991 };

        assert_non_null(file);
        return has_user ? &user : NULL;
}

int setgroups(size_t size, const gid_t *list)
{
        assert_int_equal(size, 0);
        assert_null(list);
        return 0;
}

int setresgid(gid_t r, gid_t e, gid_t s)
{
        assert_true(r == 991 && e == 991 && s == 991);
        return 0;
}

int setresuid(uid_t r, uid_t e, uid_t s)
{
        assert_true(r == 990 && e == 990 && s == 990);
        return 0;
}

int store_new(const char *path, store **ret)
{
        assert_string_equal(path, "/var/lib/kratosd");
        if (store_answer == 0)
                *ret = NULL;
        return store_answer;
}

int adopt_by_hand(directory *d, store *s, const char *name, const char *identity)
{
        assert_non_null(d);
        assert_null(s);
        assert_string_equal(name, "dora");
        assert_string_equal(identity, UUID);
        n_words++;
        return word_answer;
}

int adoption_unpin(store *s, const char *name)
{
        assert_null(s);
        assert_string_equal(name, "dora");
        n_words++;
        return word_answer;
}

static int begin(void **state)
{
        (void)state;
        caller = 0;
        config_answer = store_answer = word_answer = 0;
        has_user = true;
        n_words = 0;
        return 0;
}

static void test_usage(void **state)
{
        static const char *const assignments[] = { "", "dora", "dora=", "dora=x", "=" UUID,
                "Dora=" UUID, "dora=" UUID "x", "dora=" UUID "=", "a/b=" UUID,
                "a23456789012345678901234567890123=" UUID };

        (void)state;
        for (size_t i = 0; i < sizeof(assignments) / sizeof(assignments[0]); i++)
                assert_int_equal(command_add_account(assignments[i]), EX_USAGE);
        assert_int_equal(command_unpin(""), EX_USAGE);
        assert_int_equal(command_unpin("Dora"), EX_USAGE);
        caller = 1000;
        assert_int_equal(command_add_account("dora=" UUID), EX_NOPERM);
        assert_int_equal(command_unpin("dora"), EX_NOPERM);
        assert_int_equal(n_words, 0);
}

static void test_results(void **state)
{
        static const struct {
                int answer, status;
        } cases[] = {
                { ADOPTED, EX_OK },
                { ADOPTION_REFUSED, EX_DATAERR },
                { -ENOENT, EX_NOUSER },
                { -EBUSY, EX_TEMPFAIL },
                { -EROFS, EX_OSERR },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                word_answer = cases[i].answer;
                assert_int_equal(command_add_account("dora=" UUID), cases[i].status);
                assert_int_equal(command_unpin("dora"), cases[i].status);
        }
        assert_int_equal(n_words, 10);
}

/* What is missing is not the name. */
static void test_nothing_to_ask(void **state)
{
        (void)state;
        has_user = false;
        assert_int_equal(command_unpin("dora"), EX_OSERR);
        has_user = true;
        store_answer = -ENOMEM;
        assert_int_equal(command_unpin("dora"), EX_OSERR);
        config_answer = -ENOENT;
        assert_int_equal(command_unpin("dora"), EX_CONFIG);
        config_answer = -EINVAL;
        assert_int_equal(command_add_account("dora=" UUID), EX_CONFIG);
        assert_int_equal(n_words, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_usage),
                TEST(test_results),
                TEST(test_nothing_to_ask),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
