/* Accounts: who is ours, and whose identity it is. The list and the store are stand-ins. */
#include "kratosd/account.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/store-accounts.h"
#include "kratosd/verdict.h"

#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"

static int list_answer;
static char listed_identity[UUID_LENGTH + 1] = UUID;
static int pin_answer, add_answer;
static char pinned[UUID_LENGTH + 1];
static unsigned pins_added;

int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret)
{
        assert_string_equal(list, "/etc/kratosd/local-users");
        assert_string_equal(passwd, "/etc/passwd");
        assert_string_equal(name, "alice");
        if (list_answer == LOCAL_USER_LISTED) {
                *ret = (local_user){ .uid = 2001 };
                memcpy(ret->identity, listed_identity, sizeof(listed_identity));
        }
        return list_answer;
}

int store_find_pin(store *s, const char *name, char ret_identity[static UUID_LENGTH + 1])
{
        assert_null(s);
        assert_string_equal(name, "alice");
        if (pin_answer == 0)
                memcpy(ret_identity, pinned, sizeof(pinned));
        return pin_answer;
}

int store_add_pin(store *s, const char *name, const char *identity)
{
        assert_null(s);
        assert_string_equal(name, "alice");
        snprintf(pinned, sizeof(pinned), "%s", identity);
        pins_added++;
        return add_answer;
}

static int directory_answer;

int directory_find_user(directory *d, const char *name, directory_user **ret)
{
        assert_null(d);
        assert_string_equal(name, "alice");
        if (directory_answer != DIRECTORY_FOUND)
                return directory_answer;
        *ret = calloc(1, sizeof(directory_user));
        assert_non_null(*ret);
        (*ret)->uid = 1879048200;
        memcpy((*ret)->identity, OTHER_UUID, sizeof(OTHER_UUID));
        return 0;
}

static unsigned standings;
static int standing_answer;

/* Without an admin API, what a login shows is all that is known. */
bool kratos_has_admin(const kratos *k)
{
        assert_null(k);
        return false;
}

int store_find_standing(store *s, const char *identity, standing *ret)
{
        assert_null(s);
        assert_string_equal(identity, UUID);
        (void)ret;
        return -ENOENT;
}

int store_put_standing(store *s, const char *identity, const standing *what)
{
        assert_null(s);
        assert_string_equal(identity, UUID);
        assert_true(what->active && what->checked > 1600000000);
        standings++;
        return standing_answer;
}

static accounts all;

static int begin(void **state)
{
        (void)state;
        directory_answer = DIRECTORY_UNKNOWN;
        standing_answer = 0;
        standings = 0;
        memcpy(listed_identity, UUID, sizeof(listed_identity));
        list_answer = LOCAL_USER_LISTED;
        pin_answer = -ENOENT;
        add_answer = 0;
        pins_added = 0;
        pinned[0] = '\0';
        return 0;
}

static void test_find(void **state)
{
        local_user account = { 0 };

        (void)state;
        assert_int_equal(account_find(&all, "alice", &account), 0);
        assert_int_equal(account.uid, 2001);
        assert_string_equal(account.identity, UUID);
        list_answer = LOCAL_USER_UNLISTED;
        assert_int_equal(account_find(&all, "alice", &account), VERDICT_UNKNOWN_USER);
        /* One of ours alone; a local user who is not listed hides them. */
        directory_answer = DIRECTORY_FOUND;
        assert_int_equal(account_find(&all, "alice", &account), VERDICT_UNKNOWN_USER);
        list_answer = LOCAL_USER_ABSENT;
        assert_int_equal(account_find(&all, "alice", &account), 0);
        assert_int_equal(account.uid, 1879048200);
        assert_string_equal(account.identity, OTHER_UUID);
        assert_false(account.fallback);
        directory_answer = -EIO;
        assert_int_equal(account_find(&all, "alice", &account), -EIO);
        directory_answer = DIRECTORY_UNKNOWN;
        assert_int_equal(account_find(&all, "alice", &account), VERDICT_UNKNOWN_USER);
        list_answer = -EBADMSG;
        assert_int_equal(account_find(&all, "alice", &account), -EBADMSG);
}

/* Such names are not even looked for. */
static void test_rule_10_names(void **state)
{
        static const char *const names[] = { "", "Alice", "a/b", "a:b", "-alice", "alice\n",
                "alice ", "\xc3\xa9va", "a23456789012345678901234567890123", "../alice",
                "alice@example.org" };
        local_user account;

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_int_equal(account_find(&all, names[i], &account), VERDICT_UNKNOWN_USER);
}

static void test_identity(void **state)
{
        local_user listed = { .identity = UUID }, open = { 0 };
        char identity[UUID_LENGTH + 1] = "before";

        (void)state;
        assert_int_equal(account_identity(&all, "alice", &listed, identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(account_identity(&all, "alice", &open, identity), 0);
        assert_string_equal(identity, "");
        pin_answer = 0;
        snprintf(pinned, sizeof(pinned), OTHER_UUID);
        assert_int_equal(account_identity(&all, "alice", &open, identity), 0);
        assert_string_equal(identity, OTHER_UUID);
        assert_int_equal(account_identity(&all, "alice", &listed, identity), 0);
        assert_string_equal(identity, UUID);
        pin_answer = -EIO;
        assert_int_equal(account_identity(&all, "alice", &open, identity), -EIO);
}

static int judge(const char *listed, const char *identity, const char *name, const char *reason)
{
        kratos_login login = { 0 };
        const char *told = "";
        int r;

        list_answer = LOCAL_USER_LISTED;
        snprintf(listed_identity, sizeof(listed_identity), "%s", listed);
        snprintf(login.identity, sizeof(login.identity), "%s", identity);
        snprintf(login.posix_name, sizeof(login.posix_name), "%s", name);
        r = account_accept(&all, "alice", &login, &told);
        if (r > 0)
                assert_string_equal(told, reason);
        return r;
}

/* A line with an identity: that one, whatever it calls itself. */
static void test_rule_2_listed_identity(void **state)
{
        (void)state;
        assert_int_equal(judge(UUID, UUID, "", ""), 0);
        assert_int_equal(judge(UUID, UUID, "bob", ""), 0);
        assert_int_equal(judge(UUID, OTHER_UUID, "alice", "wrong-identity"), VERDICT_NOT_ALLOWED);
        assert_int_equal(judge(UUID, "", "alice", "wrong-identity"), VERDICT_NOT_ALLOWED);
        assert_int_equal(pins_added, 0);
        /* Kratos has just called them active, and nobody else. */
        assert_int_equal(standings, 2);
        standing_answer = -EROFS;
        assert_int_equal(judge(UUID, UUID, "", ""), -EROFS);
}

/* Whose a name is counts at the end of the login, and not at its beginning. */
static void test_rule_2_unlisted_meanwhile(void **state)
{
        kratos_login login = { .identity = UUID };
        const char *told = "";

        (void)state;
        list_answer = LOCAL_USER_UNLISTED;
        assert_int_equal(account_accept(&all, "alice", &login, &told), VERDICT_NOT_ALLOWED);
        assert_string_equal(told, "account-ended");
        assert_int_equal(standings, 0);
        list_answer = -EACCES;
        assert_int_equal(account_accept(&all, "alice", &login, &told), -EACCES);
}

/* A line with "-": the identity with that name, and from then on no other. */
static void test_rule_31_pinned_identity(void **state)
{
        (void)state;
        assert_int_equal(judge("", UUID, "", "wrong-identity"), VERDICT_NOT_ALLOWED);
        assert_int_equal(judge("", UUID, "bob", "wrong-identity"), VERDICT_NOT_ALLOWED);
        assert_int_equal(pins_added, 0);

        assert_int_equal(judge("", UUID, "alice", ""), 0);
        assert_int_equal(pins_added, 1);
        assert_string_equal(pinned, UUID);
        pin_answer = 0;
        assert_int_equal(judge("", UUID, "alice", ""), 0);
        assert_int_equal(judge("", OTHER_UUID, "alice", "pinned-to-another"), VERDICT_NOT_ALLOWED);
        assert_int_equal(judge("", UUID, "bob", "wrong-identity"), VERDICT_NOT_ALLOWED);
        assert_int_equal(pins_added, 1);
}

/* An identity that is pinned to another name, and a store that cannot be asked. */
static void test_pins_that_cannot_be_made(void **state)
{
        (void)state;
        add_answer = -EEXIST;
        assert_int_equal(judge("", UUID, "alice", "pinned-to-another"), VERDICT_NOT_ALLOWED);
        add_answer = -EROFS;
        assert_int_equal(judge("", UUID, "alice", ""), -EROFS);
        pin_answer = -EUCLEAN;
        assert_int_equal(judge("", UUID, "alice", ""), -EUCLEAN);
        assert_int_equal(judge(UUID, UUID, "alice", ""), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_find),
                TEST(test_rule_10_names),
                TEST(test_identity),
                TEST(test_rule_2_listed_identity),
                TEST(test_rule_2_unlisted_meanwhile),
                TEST(test_rule_31_pinned_identity),
                TEST(test_pins_that_cannot_be_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
