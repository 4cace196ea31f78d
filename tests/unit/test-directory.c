/* The directory: what may not be served is not, whatever the store says, and local accounts win. */
#include "people.h"

#include "kratosd/numbers.h"
#include "kratosd/store-accounts.h"

#define DOCUMENT(name) "{\"name\":\"" name "\",\"groups\":[\"devs\"]}"
#define NUMBERED(name, uid) "{\"name\":\"" name "\",\"uid\":" uid "}"

static char told[1024];

static int tell_user(const directory_user *user, void *userdata)
{
        (void)userdata;
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", user->name);
        return 0;
}

static int tell_group(const directory_group *group, void *userdata)
{
        (void)userdata;
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", group->name);
        return 0;
}

/* As whoever tells of them does. */
static int tell_membership(const char *user, const char *group, void *userdata)
{
        int r = directory_check_member(users, user);

        (void)userdata;
        if (r != 0)
                return r < 0 ? r : 0;
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s:%s ", user, group);
        return 0;
}

static const char *all_users(void)
{
        told[0] = '\0';
        assert_int_equal(directory_each_user(users, tell_user, NULL), 0);
        return told;
}

static const char *all_groups(void)
{
        told[0] = '\0';
        assert_int_equal(directory_each_group(users, tell_group, NULL), 0);
        return told;
}

static const char *memberships(const char *user, const char *group)
{
        told[0] = '\0';
        assert_int_equal(directory_each_membership(users, user, group, tell_membership, NULL), 0);
        return told;
}

static void test_user(void **state)
{
        _cleanup_user_ directory_user *user = NULL, *same = NULL;

        (void)state;
        adopt_quietly(ALICE, DOCUMENT("alice"));
        assert_int_equal(directory_find_user(users, "alice", &user), DIRECTORY_FOUND);
        assert_string_equal(user->name, "alice");
        assert_string_equal(user->identity, ALICE);
        assert_int_equal(user->uid, number_of("user:" ALICE, 0, FIRST, LAST));
        assert_int_equal(user->gid, user->uid);
        assert_string_equal(user->home, "/home/alice");
        assert_string_equal(user->shell, "/bin/bash");
        assert_true(user->active);
        assert_int_equal(directory_find_uid(users, user->uid, &same), DIRECTORY_FOUND);
        assert_string_equal(same->name, "alice");
        assert_false(is_known("bob"));
        assert_false(is_known(""));
        assert_false(is_known("alice' OR '1'='1"));
        assert_string_equal(all_users(), "alice ");
        assert_string_equal(all_groups(), "alice devs ");
}

/* In force: as Kratos says, as the document's dates say, and not while it is refused. */
static void test_active(void **state)
{
        static const struct {
                const char *document;
                bool active, expected;
        } cases[] = {
                { "{\"name\":\"alice\"}", true, true },
                { "{\"name\":\"alice\"}", false, false },
                { "{\"name\":\"alice\",\"notAfter\":\"2020-01-01\"}", true, false },
                { "{\"name\":\"alice\",\"notBefore\":\"2999-01-01\"}", true, false },
                { "{\"name\":\"alice\",\"notBefore\":\"2020-01-01\"}", true, true },
                { "{\"name\":\"bob\"}", true, false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_user_ directory_user *user = NULL;
                kratos_identity identity = identity_of(ALICE, cases[i].document);

                identity.active = cases[i].active;
                assert_true(adopt(users, people, &identity) >= 0);
                assert_int_equal(directory_find_user(users, "alice", &user), DIRECTORY_FOUND);
                if (user->active != cases[i].expected)
                        fail_msg("%s", cases[i].document);
        }
}

#define WITH_KEY(further)                                                                          \
        "{\"name\":\"alice\",\"groups\":[\"devs\"],\"sshKeys\":[\"ssh-ed25519 "                    \
        "AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/RQSU3UTdMd\"]" further "}"

static bool alice_has_ssh_keys(void)
{
        _cleanup_user_ directory_user *user = NULL;

        assert_int_equal(directory_find_user(users, "alice", &user), DIRECTORY_FOUND);
        return user->has_ssh_keys;
}

/* The document and the rules, whoever is let in by an SSH key by them. */
static void test_rule_5_ssh_keys_are_those_of_whom_sshd_lets_in(void **state)
{
        static char *her[] = { (char *)"alice" }, *bob[] = { (char *)"bob" },
                    *devs[] = { (char *)"d*" };
        static const struct {
                const char *document;
                access_rules access, sshd, login;
                bool expected;
        } cases[] = {
                { DOCUMENT("alice"), .expected = false },
                { WITH_KEY(""), .expected = true },
                { WITH_KEY(",\"notAfter\":\"2020-01-01\""), .expected = false },
                { WITH_KEY(",\"hosts\":[\"host\"]"), .expected = true },
                { WITH_KEY(",\"hosts\":[\"elsewhere\"]"), .expected = false },
                { WITH_KEY(",\"services\":[\"sshd\"]"), .expected = true },
                { WITH_KEY(",\"services\":[\"login\"]"), .expected = false },
                { WITH_KEY(""), .access = { .deny_users = { her, 1 } } },
                { WITH_KEY(""), .access = { .deny_groups = { devs, 1 } } },
                { WITH_KEY(""), .access = { .allow_users = { bob, 1 } } },
                { WITH_KEY(""), .access = { .allow_groups = { devs, 1 } }, .expected = true },
                { WITH_KEY(""), .sshd = { .deny_users = { her, 1 } } },
                { WITH_KEY(""), .login = { .deny_users = { her, 1 } }, .expected = true },
        };
        kratos_identity alice = identity_of(ALICE, WITH_KEY(""));

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                adopt_quietly(ALICE, cases[i].document);
                configuration.access = cases[i].access;
                configuration.n_services = 2;
                configuration.services[0].name = (char *)"sshd";
                configuration.services[0].rules = cases[i].sshd;
                configuration.services[1].name = (char *)"login";
                configuration.services[1].rules = cases[i].login;
                if (alice_has_ssh_keys() != cases[i].expected)
                        fail_msg("case %zu: %s", i, cases[i].document);
        }
        alice.active = false;
        assert_int_equal(adopt(users, people, &alice), ADOPTED);
        assert_false(alice_has_ssh_keys());
}

/* Each of these changes of the file makes somebody whom nobody may be: nothing of it is served. */
static void test_rule_37_what_the_store_may_not_say(void **state)
{
        static const char *const scripts[] = {
                "UPDATE account SET uid = 0",
                "UPDATE account SET gid = 0",
                "UPDATE account SET uid = 0, gid = 0",
                "UPDATE account SET uid = 'root'",
                "UPDATE account SET uid = 999",
                "UPDATE account SET uid = 1000",
                "UPDATE account SET gid = 27",
                "UPDATE account SET uid = 65534",
                "UPDATE account SET uid = 61184",
                "UPDATE account SET uid = 4294967296",
                "UPDATE account SET uid = -4294967296",
                "UPDATE account SET uid = 2147352576",
                "UPDATE account SET name = 'root'",
                "UPDATE account SET name = 'sudo'",
                "UPDATE account SET name = '_apt'",
                "UPDATE account SET name = 'a:0:0::/:/bin/sh'",
                "UPDATE account SET name = '-alice'",
                "UPDATE account SET name = ''",
                "UPDATE account SET document = ''",
                "UPDATE account SET document = '[]'",
                "UPDATE account SET document = '{\"uid\":0}'",
                "UPDATE account SET document = '{\"shell\":\"/bin/sh\n\"}'",
                "UPDATE account SET document = '{\"home\":\"/root\"}'",
                "UPDATE account SET document = '{\"home\":\"/home/a/b\"}'",
                "UPDATE account SET document = '{\"home\":\"/homework/a\"}'",
                "UPDATE account SET document = x'00ff'",
        };
        static const char *const names[] = { "alice", "root", "sudo", "_apt", "-alice", "" };
        static const uid_t numbers[] = { 0, 27, 999, 1000, 61184, 65534, 2147352576U, (uid_t)-1 };

        (void)state;
        for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
                directory_group group;

                alter("DELETE FROM account; DELETE FROM membership; DELETE FROM pin");
                adopt_quietly(ALICE, DOCUMENT("alice"));
                assert_true(is_known("alice"));
                alter(scripts[i]);
                for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
                        if (is_known(names[j]))
                                fail_msg("%s is known: %s", names[j], scripts[i]);
                        assert_int_equal(
                                directory_find_group(users, names[j], &group), DIRECTORY_UNKNOWN);
                }
                for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++) {
                        directory_user *user = NULL;

                        assert_int_equal(
                                directory_find_uid(users, numbers[j], &user), DIRECTORY_UNKNOWN);
                        assert_null(user);
                        assert_int_equal(
                                directory_find_gid(users, numbers[j], &group), DIRECTORY_UNKNOWN);
                }
                assert_string_equal(all_users(), "");
                assert_string_equal(all_groups(), "devs ");
                /* Nor is nobody a member of anything. */
                assert_string_equal(memberships(NULL, "devs"), "");
                assert_string_equal(memberships(NULL, NULL), "");
                assert_string_equal(memberships("root", NULL), "");
        }
}

/* A range that the configuration does not give any more. */
static void test_rule_37_range_of_today(void **state)
{
        (void)state;
        adopt_quietly(ALICE, DOCUMENT("alice"));
        adopt_quietly(BOB, NUMBERED("bob", "5000"));
        assert_string_equal(all_users(), "alice bob ");
        configuration.n_allow_uids = 0;
        assert_string_equal(all_users(), "alice ");
        assert_false(is_known("bob"));
        configuration.uid_range = (number_range){ FIRST, FIRST };
        assert_string_equal(all_users(), "");
        assert_string_equal(all_groups(), "");
}

/* Each local entry hides alice, which is said once, as is that she is there again. */
static void test_rule_13_local_accounts_win(void **state)
{
        static const struct {
                const char *passwd, *group, *why;
        } cases[] = {
                { "alice:x:1000:1000::/home/alice:/bin/sh\n", "", "name is a local user's" },
                { "", "alice:x:1000:\n", "name is a local group's" },
                { "other:x:5000:5000::/home/other:/bin/sh\n", "", "uid is a local user's" },
                { "", "other:x:5000:\n", "uid is a local group's" },
                { "", "other:x:5001:\n", "gid is a local group's" },
        };
        directory_user *user = NULL;
        directory_group group;

        (void)state;
        adopt_quietly(
                ALICE, "{\"name\":\"alice\",\"uid\":5000,\"gid\":5001,\"groups\":[\"devs\"]}");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                put_file(passwd_file, cases[i].passwd);
                put_file(group_file, cases[i].group);
                assert_false(is_known("alice"));
                check_said(1, cases[i].why);
                assert_false(is_known("alice"));
                assert_int_equal(directory_find_uid(users, 5000, &user), DIRECTORY_UNKNOWN);
                assert_int_equal(directory_find_gid(users, 5000, &group), DIRECTORY_UNKNOWN);
                assert_string_equal(all_users(), "");
                check_said(0, "");
                put_file(passwd_file, "");
                put_file(group_file, "");
                assert_true(is_known("alice"));
                check_said(1, "alice is not hidden any more");
                assert_true(is_known("alice"));
                check_said(0, "");
        }
        /* Where the files are away, nothing can be said of anybody. */
        assert_int_equal(unlink(passwd_file), 0);
        assert_int_equal(directory_find_user(users, "alice", &user), -ENOENT);
        assert_null(user);
}

static void test_groups(void **state)
{
        uid_t own = number_of("user:" ALICE, 0, FIRST, LAST);
        uid_t devs = number_of("group:devs", 0, FIRST, LAST);
        directory_group group = { 0 };

        (void)state;
        assert_int_equal(directory_find_group(users, "devs", &group), DIRECTORY_UNKNOWN);
        adopt_quietly(ALICE, DOCUMENT("alice"));
        assert_int_equal(directory_find_group(users, "devs", &group), DIRECTORY_FOUND);
        assert_int_equal(group.gid, devs);
        assert_int_equal(directory_find_gid(users, devs, &group), DIRECTORY_FOUND);
        assert_string_equal(group.name, "devs");
        assert_int_equal(directory_find_group(users, "alice", &group), DIRECTORY_FOUND);
        assert_int_equal(group.gid, own);
        assert_int_equal(directory_find_gid(users, own, &group), DIRECTORY_FOUND);
        assert_string_equal(group.name, "alice");
        assert_int_equal(directory_find_group(users, "ops", &group), DIRECTORY_UNKNOWN);

        /* One without members is none. */
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(directory_find_group(users, "devs", &group), DIRECTORY_UNKNOWN);
        assert_int_equal(directory_find_gid(users, devs, &group), DIRECTORY_UNKNOWN);
        /* A user whose gid is another has no group of its own. */
        adopt_quietly(BOB, "{\"name\":\"bob\",\"gid\":5001}");
        assert_int_equal(directory_find_group(users, "bob", &group), DIRECTORY_UNKNOWN);
        assert_string_equal(all_groups(), "alice ");
}

/* Groups that this host has, or that no host gives away. */
static void test_rule_11_groups_that_are_not_ours(void **state)
{
        directory_group group;

        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\",\"sudo\",\"docker\","
                             "{\"name\":\"ops\",\"gid\":5100}]}");
        assert_string_equal(all_groups(), "alice devs ops ");
        assert_string_equal(memberships("alice", NULL), "alice:devs alice:ops ");
        assert_string_equal(memberships(NULL, "sudo"), "");
        assert_int_equal(directory_find_group(users, "sudo", &group), DIRECTORY_UNKNOWN);
        put_file(group_file, "devs:x:1000:\nother:x:5100:\n");
        assert_string_equal(all_groups(), "alice ");
        assert_string_equal(memberships("alice", NULL), "");
        assert_string_equal(memberships(NULL, NULL), "");
        assert_int_equal(directory_find_group(users, "devs", &group), DIRECTORY_UNKNOWN);
        assert_int_equal(directory_find_gid(users, 5100, &group), DIRECTORY_UNKNOWN);
}

static char *docker[] = { (char *)"docker", (char *)"kvm" };

static void map_group(const char *name, size_t count)
{
        configuration.groups[configuration.n_groups++] =
                (group_mapping){ .group = (char *)name, .local_groups = { docker, count } };
}

/* Only the local configuration makes anybody a member of a local group. */
static void test_rule_11_mapped_groups(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\",\"sudo\"]}");
        adopt_quietly(BOB, "{\"name\":\"bob\",\"groups\":[\"devs\"]}");
        map_group("sudo", 2);
        assert_string_equal(memberships("alice", NULL), "alice:devs alice:docker alice:kvm ");
        assert_string_equal(memberships("bob", NULL), "bob:devs ");
        assert_string_equal(memberships(NULL, "docker"), "alice:docker ");
        assert_string_equal(memberships(NULL, "sudo"), "");
        assert_string_equal(memberships("alice", "kvm"), "alice:kvm ");
        assert_string_equal(memberships("bob", "kvm"), "");
        map_group("devs", 1);
        assert_string_equal(memberships("bob", NULL), "bob:devs bob:docker ");
        assert_string_equal(memberships(NULL, "kvm"), "alice:kvm ");
}

/* Whoever is hidden by a local account gives that one no groups. */
static void test_rule_13_a_local_namesake_is_no_member(void **state)
{
        (void)state;
        map_group("devs", 1);
        adopt_quietly(ALICE, DOCUMENT("alice"));
        assert_string_equal(memberships(NULL, "docker"), "alice:docker ");
        put_file(passwd_file, "alice:x:1000:1000::/home/alice:/bin/sh\n");
        assert_string_equal(memberships("alice", NULL), "");
        assert_string_equal(memberships(NULL, "docker"), "");
        assert_string_equal(memberships(NULL, NULL), "");
}

/* A group that is called like a user of ours is not that user's own. */
static void test_group_with_the_name_of_a_user(void **state)
{
        directory_group group;

        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        adopt_quietly(BOB, "{\"name\":\"bob\",\"groups\":[\"alice\"]}");
        assert_int_equal(directory_find_group(users, "alice", &group), DIRECTORY_FOUND);
        assert_int_equal(group.gid, number_of("user:" ALICE, 0, FIRST, LAST));
        assert_string_equal(memberships("bob", NULL), "");
        assert_string_equal(memberships(NULL, "alice"), "");
        assert_string_equal(all_groups(), "alice bob ");
}

static int stop(const char *user, const char *group, void *userdata)
{
        (void)user;
        (void)group;
        ++*(int *)userdata;
        return 5;
}

static void test_callbacks_may_end_it(void **state)
{
        int calls = 0;

        (void)state;
        adopt_quietly(ALICE, DOCUMENT("alice"));
        adopt_quietly(BOB, DOCUMENT("bob"));
        assert_int_equal(directory_each_membership(users, NULL, "devs", stop, &calls), 5);
        assert_int_equal(directory_each_membership(users, NULL, NULL, stop, &calls), 5);
        assert_int_equal(directory_each_membership(users, "bob", NULL, stop, &calls), 5);
        assert_int_equal(calls, 3);
        assert_false(directory_enumerates(users));
        configuration.enumerate = true;
        assert_true(directory_enumerates(users));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_user),
                TEST(test_active),
                TEST(test_rule_5_ssh_keys_are_those_of_whom_sshd_lets_in),
                TEST(test_rule_37_what_the_store_may_not_say),
                TEST(test_rule_37_range_of_today),
                TEST(test_rule_13_local_accounts_win),
                TEST(test_groups),
                TEST(test_rule_11_groups_that_are_not_ours),
                TEST(test_rule_11_mapped_groups),
                TEST(test_rule_13_a_local_namesake_is_no_member),
                TEST(test_group_with_the_name_of_a_user),
                TEST(test_callbacks_may_end_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
