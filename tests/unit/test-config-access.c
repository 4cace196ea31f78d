/* The configuration of access: [Access] and [Service NAME]. Nothing misspelt in it lets people in.
 */
#include "config-file.h"

#include "kratosd/timespan.h"

#define ACCESS LEAST "[Access]\n"

static void test_defaults(void **state)
{
        _cleanup_config_ config *c = load(LEAST);
        char name[HOST_NAME_MAX + 1];

        (void)state;
        assert_int_equal(c->access.allow_users.count, 0);
        assert_int_equal(c->access.allow_groups.count, 0);
        assert_int_equal(c->access.deny_users.count, 0);
        assert_int_equal(c->access.deny_groups.count, 0);
        assert_int_equal(c->fresh_usec, 60 * USEC_PER_SEC);
        assert_int_equal(c->max_stale_usec, 24 * 3600 * USEC_PER_SEC);
        assert_int_equal(gethostname(name, sizeof(name)), 0);
        assert_string_equal(c->host_name, name);
        assert_int_equal(c->n_services, 0);
        assert_null(config_service(c, "sshd"));
}

static void test_every_key(void **state)
{
        _cleanup_config_ config *c = load(ACCESS "AllowUsers=alice bob\n"
                                                 "AllowUsers=web-*\n"
                                                 "AllowGroups=ops [a-c]?*\n"
                                                 "DenyUsers=eve [!a-y]*\n"
                                                 "DenyGroups=guests\n"
                                                 "FreshSec=30\n"
                                                 "MaxStaleSec=1h\n"
                                                 "HostName=Web1.example.org\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        check_words(&c->access.allow_users, "alice bob web-* ");
        check_words(&c->access.allow_groups, "ops [a-c]?* ");
        check_words(&c->access.deny_users, "eve [!a-y]* ");
        check_words(&c->access.deny_groups, "guests ");
        assert_int_equal(c->fresh_usec, 30 * USEC_PER_SEC);
        assert_int_equal(c->max_stale_usec, 3600 * USEC_PER_SEC);
        assert_string_equal(c->host_name, "Web1.example.org");
}

static void test_services(void **state)
{
        _cleanup_config_ config *c = load(LEAST "[Service sshd]\n"
                                                "AllowUsers=alice\nAllowGroups=ops\n"
                                                "DenyUsers=eve\nDenyGroups=guests\n"
                                                "[Service gdm-password]\nDenyUsers=*\n"
                                                "[Service sshd]\nAllowUsers=bob\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_int_equal(c->n_services, 2);
        const access_rules *sshd = config_service(c, "sshd");
        assert_non_null(sshd);
        check_words(&sshd->allow_users, "alice bob ");
        check_words(&sshd->allow_groups, "ops ");
        check_words(&sshd->deny_users, "eve ");
        check_words(&sshd->deny_groups, "guests ");
        check_words(&config_service(c, "gdm-password")->deny_users, "* ");
        assert_ptr_equal(config_service(c, "SSHD"), sshd);
        assert_null(config_service(c, "ssh"));
        assert_null(config_service(c, ""));
        assert_int_equal(c->access.allow_users.count, 0);
}

static void check_rules(
        const config *c, const char *service, enum require_aal aal, unsigned first, bool single)
{
        login_rules rules = config_login_rules(c, service);

        assert_int_equal(rules.require_aal, aal);
        assert_int_equal(rules.first_factors, first);
        assert_int_equal(rules.single_prompt, single);
}

static void test_what_is_asked(void **state)
{
        _cleanup_config_ config *plain = load(LEAST);
        _cleanup_config_ config *c = load(ACCESS "RequireAAL=aal2\n"
                                                 "[Service sshd]\nRequireAAL=aal1\n"
                                                 "[Service sudo]\nRequireAAL=aal1\nRequireAAL=\n"
                                                 "[Service i3lock]\nSinglePrompt=yes\n"
                                                 "[Service login]\nFirstFactor=password,code\n"
                                                 "RequireAAL=aal2-if-enrolled\n"
                                                 "[Service cups]\nFirstFactor=code\n"
                                                 "[Service su]\nFirstFactor=password\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        check_rules(plain, "sshd", REQUIRE_AAL2_ENROLLED, FIRST_PASSWORD, false);
        check_rules(c, "sshd", REQUIRE_AAL1, FIRST_PASSWORD, false);
        check_rules(c, "i3lock", REQUIRE_AAL2, FIRST_PASSWORD, true);
        check_rules(c, "login", REQUIRE_AAL2_ENROLLED, FIRST_PASSWORD | FIRST_CODE, false);
        check_rules(c, "cups", REQUIRE_AAL2, FIRST_CODE, false);
        check_rules(c, "sudo", REQUIRE_AAL2, FIRST_PASSWORD, false);
        check_rules(c, "su", REQUIRE_AAL2, FIRST_PASSWORD, false);
        check_rules(c, "other", REQUIRE_AAL2, FIRST_PASSWORD, false);
}

static void test_what_is_asked_is_one_of_these(void **state)
{
        (void)state;
        refuse_key("Service sshd", "RequireAAL=AAL2", "aal2-if-enrolled or aal2");
        refuse_key("Service sshd", "RequireAAL=aal3", "aal2-if-enrolled or aal2");
        refuse_key("Service sshd", "FirstFactor=", "password,code");
        refuse_key("Service sshd", "FirstFactor=code,password", "password,code");
        refuse_key("Service sshd", "FirstFactor=totp", "password,code");
        refuse_key("Service sshd", "SinglePrompt=maybe", "");
        refuse_key("Access", "FirstFactor=code", "no such key");
        refuse_key("Access", "SinglePrompt=yes", "no such key");
}

static void test_lists_begin_anew(void **state)
{
        _cleanup_config_ config *c =
                load(ACCESS "AllowUsers=a b\nAllowUsers=\nAllowUsers=c\nDenyGroups=x\nDenyGroups=\n"
                            "HostName=web1\nHostName=\n"
                            "[Service su]\nDenyUsers=a\nDenyUsers=\nDenyUsers=b\n");
        char name[HOST_NAME_MAX + 1];

        (void)state;
        assert_int_equal(n_heard, 0);
        check_words(&c->access.allow_users, "c ");
        check_words(&c->access.deny_groups, "");
        check_words(&config_service(c, "su")->deny_users, "b ");
        assert_int_equal(gethostname(name, sizeof(name)), 0);
        assert_string_equal(c->host_name, name);
}

/* A denial that can match nobody would be taken for one that protects. */
static void test_patterns(void **state)
{
        static const char *const bad[] = { "Alice", "alice,bob", "alice@example.org", "a/b", "[a",
                "[]", "[!]", "[a-", "[z-a]", "a]", "a\\*", "[[:alpha:]]", "%ops", "\xc3\xa9",
                "a[b]]", "12345678901234567890123456789012345678901234567890123456789012345" };
        static const char *const good[] = { "alice", "*", "?", "[a-z]*", "[!a]", "[^a]", "[a-]",
                "[-a]", "[abc]", "[a-cx-z]", "a.b-c_d", "a[0-9][0-9]", "_x", "9" };
        static const char *const keys[] = { "AllowUsers", "AllowGroups", "DenyUsers",
                "DenyGroups" };
        char text[256];

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                snprintf(text, sizeof(text), "%s=%s", keys[i % 4], bad[i]);
                refuse_key("Access", text, "or a pattern");
                refuse_key("Service sshd", text, "or a pattern");
        }
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                snprintf(text, sizeof(text), ACCESS "%s=%s\n", keys[i % 4], good[i]);
                assert_null(config_unref(load(text)));
                assert_int_equal(n_heard, 0);
        }
        refuse(ACCESS "AllowUsers=alice BOB eve\n", 4, "AllowUsers=BOB: ");
}

static void test_spans(void **state)
{
        (void)state;
        refuse_key("Access", "FreshSec=", "span of time");
        refuse_key("Access", "FreshSec=soon", "span of time");
        refuse_key("Access", "MaxStaleSec=infinity", "span of time");
        refuse_key("Access", "MaxStaleSec=-1", "span of time");
        refuse(ACCESS "FreshSec=2h\nMaxStaleSec=1h\n", 0, "FreshSec= is at most MaxStaleSec=");
        refuse(ACCESS "MaxStaleSec=0\n", 0, "FreshSec= is at most MaxStaleSec=");
        _cleanup_config_ config *c = load(ACCESS "FreshSec=0\nMaxStaleSec=0\n");
        assert_int_equal(c->fresh_usec, 0);
        assert_int_equal(c->max_stale_usec, 0);
}

static void test_host_names(void **state)
{
        static const char *const bad[] = { "HostName=a b", "HostName=*", "HostName=.example.org",
                "HostName=web1.", "HostName=-web", "HostName=web-", "HostName=w\xc3\xa9z",
                "HostName=web1/x",
                "HostName=1234567890123456789012345678901234567890123456789012345678901234" };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                refuse_key("Access", bad[i], "a name is wanted");
        _cleanup_config_ config *c = load(ACCESS "HostName=my_host-1.x\n");
        assert_string_equal(c->host_name, "my_host-1.x");
}

static void test_unknown_keys_are_mistakes(void **state)
{
        (void)state;
        refuse_key("Access", "AllowUser=alice", "AllowUser=: no such key in [Access]");
        refuse_key("Access", "Allowusers=alice", "no such key");
        refuse_key("Access", "Hosts=web1", "no such key");
        refuse_key("Access", "UIDRange=1-2", "no such key");
        refuse_key("Service sshd", "Deny=alice", "Deny=: no such key in [Service sshd]");
        refuse_key("Service sshd", "FreshSec=1", "no such key in [Service sshd]");
        refuse_key("Service sshd", "HostName=x", "no such key in [Service sshd]");
}

/* Rules in a section that is none would be no rules. */
static void test_misspelt_sections_are_mistakes(void **state)
{
        static const char *const sections[] = { "access", "Access ", "Accesses", "service sshd",
                "Service", "Services sshd", "Acess", "Accounts", "Kratos", "sshd", "ACCESS" };

        (void)state;
        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
                refuse_key(sections[i], "DenyUsers=alice", "DenyUsers=: no such key in [");
                refuse_key(sections[i], "AllowGroups=ops", "AllowGroups=: no such key in [");
        }
        refuse_key("access", "HostName=web1", "no such key in [access]");
        refuse("DenyUsers=alice\n" LEAST, 1, "no such key in []");
}

static void refuse_service(const char *name)
{
        char text[256];

        snprintf(text, sizeof(text), LEAST "[Service %s]\nDenyUsers=alice\n", name);
        refuse(text, 4, "the name of a PAM service is wanted");
}

static void test_names_of_services(void **state)
{
        (void)state;
        refuse_service("");
        refuse_service("SSHD");
        refuse_service("sshd login");
        refuse_service(" sshd");
        refuse_service("sshd ");
        refuse_service("../sshd");
        refuse_service("*");
        /* inih cuts a longer one, which would then be another service's. */
        refuse_service("123456789012345678901234567890123");
        refuse_service("123456789012345678901234567890123456789012345678901234567890");
        _cleanup_config_ config *c =
                load(LEAST "[Service 12345678901234567890123456789012]\nDenyUsers=alice\n");
        assert_non_null(config_service(c, "12345678901234567890123456789012"));
}

static void test_many_services(void **state)
{
        char text[8192] = LEAST;
        config *c = NULL;

        (void)state;
        for (unsigned i = 0; i <= CONFIG_SERVICES_MAX; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text),
                        "[Service s%u]\nDenyUsers=alice\n", i);
        assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
        assert_int_equal(n_heard, 1);
        check_heard(0, 2 + 2 * (CONFIG_SERVICES_MAX + 1), false, "at most 64 services");
}

static void test_a_misspelt_key_elsewhere_is_a_warning(void **state)
{
        (void)state;
        warn(LEAST "[Log]\nFresh=1\n", 4, "Fresh=: no such key in [Log]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_services),
                cmocka_unit_test(test_what_is_asked),
                cmocka_unit_test(test_what_is_asked_is_one_of_these),
                cmocka_unit_test(test_lists_begin_anew),
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_spans),
                cmocka_unit_test(test_host_names),
                cmocka_unit_test(test_unknown_keys_are_mistakes),
                cmocka_unit_test(test_misspelt_sections_are_mistakes),
                cmocka_unit_test(test_names_of_services),
                cmocka_unit_test(test_many_services),
                cmocka_unit_test(test_a_misspelt_key_elsewhere_is_a_warning),
        };

        return cmocka_run_group_tests(tests, begin_file, remove_folder);
}
