/* The configuration of accounts: [Accounts] and [Groups], each key with what is right and wrong. */
#include "config-file.h"

#include "kratosd/timespan.h"

#define ACCOUNTS LEAST "[Accounts]\n"
#define TRAITS ACCOUNTS "TrustTraitNames=yes\n"

static void check_range(const number_range *range, uid_t first, uid_t last)
{
        assert_int_equal(range->first, first);
        assert_int_equal(range->last, last);
}

static void test_defaults(void **state)
{
        _cleanup_config_ config *c = load(LEAST);

        (void)state;
        assert_false(c->accounts_all);
        assert_int_equal(c->schemas.count, 0);
        assert_false(c->trust_trait_names);
        assert_null(c->user_name);
        assert_null(c->strip_domain);
        check_range(&c->uid_range, 1879048192, 2147352575);
        assert_int_equal(c->n_allow_uids, 0);
        assert_string_equal(c->home_prefix, "/home");
        assert_string_equal(c->shell, "/bin/bash");
        assert_false(c->enumerate);
        assert_int_equal(c->lookup_timeout_usec, USEC_PER_SEC);
        assert_int_equal(c->refresh_usec, 15 * 60 * USEC_PER_SEC);
        assert_int_equal(c->refresh_open_usec, 5 * 60 * USEC_PER_SEC);
        assert_int_equal(c->n_groups, 0);
}

static void test_every_key(void **state)
{
        _cleanup_config_ config *c = load(ACCOUNTS "Accounts=all\n"
                                                   "Schemas=employee  contractor\n"
                                                   "Schemas=preset://email\n"
                                                   "TrustTraitNames=yes\n"
                                                   "UserName=/traits/contact/e~1mail\n"
                                                   "StripDomain=example.org\n"
                                                   "UIDRange=1900000000-1900065535\n"
                                                   "AllowUIDs=1000-59999 65536-99999\n"
                                                   "AllowUIDs=700000\n"
                                                   "HomePrefix=/srv/home\n"
                                                   "Shell=/bin/sh\n"
                                                   "Enumerate=on\n"
                                                   "LookupTimeoutSec=500ms\n"
                                                   "RefreshSec=1h\n"
                                                   "RefreshOpenSec=90\n"
                                                   "[Access]\nAllowUsers=*\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_true(c->accounts_all);
        check_words(&c->schemas, "employee contractor preset://email ");
        assert_true(c->trust_trait_names);
        assert_string_equal(c->user_name, "/traits/contact/e~1mail");
        assert_string_equal(c->strip_domain, "example.org");
        check_range(&c->uid_range, 1900000000, 1900065535);
        assert_int_equal(c->n_allow_uids, 3);
        check_range(&c->allow_uids[0], 1000, 59999);
        check_range(&c->allow_uids[1], 65536, 99999);
        check_range(&c->allow_uids[2], 700000, 700000);
        assert_string_equal(c->home_prefix, "/srv/home");
        assert_string_equal(c->shell, "/bin/sh");
        assert_true(c->enumerate);
        assert_int_equal(c->lookup_timeout_usec, 500000);
        assert_int_equal(c->refresh_usec, 3600 * USEC_PER_SEC);
        assert_int_equal(c->refresh_open_usec, 90 * USEC_PER_SEC);
}

static void test_lists_begin_anew(void **state)
{
        _cleanup_config_ config *c =
                load(TRAITS "UserName=/traits/a\nSchemas=a b\nSchemas=\nSchemas=c\n"
                            "AllowUIDs=1000-2000\nAllowUIDs=\nAllowUIDs=3000-4000\n"
                            "StripDomain=example.org\nStripDomain=\n"
                            "[Groups]\ndev=docker kvm\ndev=\ndev=video\n"
                            "ops=sudo\nops=\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        check_words(&c->schemas, "c ");
        assert_int_equal(c->n_allow_uids, 1);
        check_range(&c->allow_uids[0], 3000, 4000);
        assert_null(c->strip_domain);
        check_words(config_local_groups(c, "dev"), "video ");
        check_words(config_local_groups(c, "ops"), "");
}

static void test_booleans(void **state)
{
        static const char *const words[] = { "yes", "no", "true", "false", "on", "off", "1", "0" };

        (void)state;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                char text[128];

                snprintf(text, sizeof(text), ACCOUNTS "Enumerate=%s\nEnumerate=%s\n",
                        words[(i + 1) % 2], words[i]);
                _cleanup_config_ config *c = load(text);
                assert_int_equal(c->enumerate, i % 2 == 0);
        }
        refuse_key("Accounts", "Enumerate=", "yes or no");
        refuse_key("Accounts", "Enumerate=maybe", "yes or no");
        refuse_key("Accounts", "Enumerate=Yes", "yes or no");
        refuse_key("Accounts", "Enumerate=2", "yes or no");
        refuse_key("Accounts", "TrustTraitNames=y", "yes or no");
}

static void test_accounts_of_all(void **state)
{
        (void)state;
        refuse_key("Accounts", "Accounts=", "documents or all");
        refuse_key("Accounts", "Accounts=All", "documents or all");
        refuse_key("Accounts", "Accounts=some", "documents or all");
        refuse(TRAITS "UserName=/traits/a\nAccounts=all\n[Access]\nAllowUsers=*\n", 0,
                "Accounts=all needs Schemas=");
        refuse(TRAITS "UserName=/traits/a\nAccounts=all\nSchemas=a\n[Access]\nDenyUsers=bob\n", 0,
                "Accounts=all needs AllowUsers= or AllowGroups=");
        /* The rules of one service are none for the others. */
        refuse(TRAITS "UserName=/traits/a\nAccounts=all\nSchemas=a\n[Service sshd]\nAllowUsers=x\n",
                0, "Accounts=all needs AllowUsers= or AllowGroups=");
        refuse(TRAITS "UserName=/traits/a\nAccounts=all\nSchemas=a\nSchemas=\n[Access]\n"
                      "AllowGroups=x\n",
                0, "Accounts=all needs Schemas=");
        assert_null(config_unref(load(TRAITS
                "UserName=/traits/a\nAccounts=all\nSchemas=a\n[Access]\nAllowGroups=staff\n")));
        assert_int_equal(n_heard, 0);
        warn(ACCOUNTS "Accounts=all\nSchemas=a\n[Access]\nAllowUsers=*\n", 0,
                "without TrustTraitNames=yes");
}

static void test_schemas(void **state)
{
        (void)state;
        refuse_key("Accounts", "Schemas=caf\xc3\xa9", "ASCII");
        refuse_key("Accounts",
                "Schemas=12345678901234567890123456789012345678901234567890123456789012345",
                "at most 64");
}

static void test_rule_31_names_from_traits(void **state)
{
        static const char *const bad[] = { "UserName=username", "UserName=/traits",
                "UserName=/traits/", "UserName=traits/username", "UserName=/metadata_public/name",
                "UserName=/traits/a~2", "UserName=/traits/a~", "UserName=/traits/a b",
                "UserName=/traits/\xc3\xa9" };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                refuse_key("Accounts", bad[i], "JSON pointer to a trait");
        refuse(ACCOUNTS "UserName=/traits/username\n", 0, "UserName= needs TrustTraitNames=yes");
        refuse(ACCOUNTS "TrustTraitNames=yes\n", 0, "TrustTraitNames=yes needs UserName=");
        refuse(ACCOUNTS "StripDomain=example.org\n", 0, "StripDomain= needs UserName=");
        refuse_key("Accounts", "StripDomain=@example.org", "such as example.org");
        refuse_key("Accounts", "StripDomain=example..org", "such as example.org");
        refuse_key("Accounts", "StripDomain=example.org.", "without a dot at the end");
        refuse_key("Accounts", "StripDomain=-example.org", "such as example.org");
        refuse_key("Accounts", "StripDomain=a b", "such as example.org");
}

static void test_rule_13_range(void **state)
{
        static const char *const bad[] = { "UIDRange=", "UIDRange=x", "UIDRange=1-2-3",
                "UIDRange=2000000000-1900000000", "UIDRange=-1", "UIDRange=1900000000-",
                "UIDRange=1900000000 - 2000000000", "UIDRange=+1900000000-2000000000",
                "UIDRange=1900000000-99999999999999999999", "UIDRange=1900000000-4294967296",
                "UIDRange=1900000000-2000000000 2000000001-2100000000" };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                refuse_key("Accounts", bad[i], "a range is wanted");
        refuse_key("Accounts", "UIDRange=0-2147352575", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=900-70000", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=1000-1000000", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=65536-524287", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=1879048191-2147352575", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=1879048192-2147352576", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=2000000000-4294967295", "within 1879048192-2147352575");
        refuse_key("Accounts", "UIDRange=1900000000-1900065534", "at least 65536");
        refuse_key("Accounts", "UIDRange=1900000000", "at least 65536");
}

static void test_rule_13_uids_of_documents(void **state)
{
        static const char *const reserved[] = { "AllowUIDs=0-59999", "AllowUIDs=999-2000",
                "AllowUIDs=1000-60001", "AllowUIDs=1000-65533", "AllowUIDs=61000-62000",
                "AllowUIDs=65534", "AllowUIDs=65535-70000", "AllowUIDs=0",
                "AllowUIDs=100000-2147352576", "AllowUIDs=4294967295" };

        (void)state;
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
                refuse_key("Accounts", reserved[i], "can never be people's");
        refuse_key("Accounts", "AllowUIDs=x", "such as 1000-59999");
        refuse_key("Accounts", "AllowUIDs=2000-1000", "such as 1000-59999");
        refuse_key("Accounts", "AllowUIDs=1000-", "such as 1000-59999");
        refuse_key("Accounts", "AllowUIDs=1000,2000", "such as 1000-59999");
        refuse_key("Accounts", "AllowUIDs=4294968296", "such as 1000-59999");
        refuse_key("Accounts",
                "AllowUIDs=1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013 "
                "1014 1015 1016 1017 1018 1019 1020 1021 1022 1023 1024 1025 1026 1027 1028 1029 "
                "1030 1031 1032",
                "at most 32 ranges");
}

static void test_rule_37_allowed_numbers(void **state)
{
        static const uid_t good[] = { 1900000000, 1900065535, 1000, 1500, 2000, 600000 };
        static const uid_t bad[] = { 0, 999, 2001, 1899999999, 1900065536, 599999, 600001, 65534,
                2147352576, (uid_t)-1 };
        _cleanup_config_ config *c = load(ACCOUNTS "UIDRange=1900000000-1900065535\n"
                                                   "AllowUIDs=1000-2000 600000\n");

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(config_number_is_allowed(c, good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(config_number_is_allowed(c, bad[i]));
        /* Whatever became of the value. */
        c->uid_range = (number_range){ 0, (uid_t)-1 };
        assert_false(config_number_is_allowed(c, 0));
        assert_false(config_number_is_allowed(c, 65534));
        assert_true(config_number_is_allowed(c, 1000));
}

static void test_rule_10_paths(void **state)
{
        static const char *const bad[] = { "HomePrefix=", "HomePrefix=/", "HomePrefix=home",
                "HomePrefix=/home/", "HomePrefix=/home//x", "HomePrefix=/home/../etc",
                "HomePrefix=/home/.", "HomePrefix=/a:b", "HomePrefix=/a b", "HomePrefix=/\xc3\xa9",
                "HomePrefix=/.." };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                refuse_key("Accounts", bad[i], "such as /home");
        _cleanup_config_ config *c = load(ACCOUNTS "HomePrefix=/srv/..home/.x\n");
        assert_string_equal(c->home_prefix, "/srv/..home/.x");
        refuse_key("Accounts", "Shell=", "absolute path of a program");
        refuse_key("Accounts", "Shell=bash", "absolute path of a program");
        refuse_key("Accounts", "Shell=/bin/../bin/bash", "absolute path of a program");
        refuse_key("Accounts", "Shell=/bin/bash:x", "absolute path of a program");
        refuse_key("Accounts", "Shell=/nowhere/sh", "no such program");
        refuse_key("Accounts", "Shell=/bin", "no such program");
        refuse_key("Accounts", "Shell=/etc/passwd", "no such program");
}

static void test_spans(void **state)
{
        (void)state;
        refuse_key("Accounts", "LookupTimeoutSec=", "span of time");
        refuse_key("Accounts", "LookupTimeoutSec=0", "span of time");
        refuse_key("Accounts", "LookupTimeoutSec=soon", "span of time");
        refuse_key("Accounts", "LookupTimeoutSec=5001ms", "at most 5s");
        refuse_key("Accounts", "RefreshSec=", "span of time");
        refuse_key("Accounts", "RefreshSec=0", "at least 1s");
        refuse_key("Accounts", "RefreshSec=999ms", "at least 1s");
        refuse_key("Accounts", "RefreshOpenSec=never", "span of time");
        refuse_key("Accounts", "RefreshOpenSec=1us", "at least 1s");
        _cleanup_config_ config *c = load(ACCOUNTS "LookupTimeoutSec=5s\nRefreshSec=1s\n");
        assert_int_equal(c->lookup_timeout_usec, 5 * USEC_PER_SEC);
        assert_int_equal(c->refresh_usec, USEC_PER_SEC);
}

static void test_rule_11_groups(void **state)
{
        _cleanup_config_ config *c = load(LEAST "[Groups]\ndevelopers=docker kvm\nops = sudo\n"
                                                "developers=video\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_int_equal(c->n_groups, 2);
        check_words(config_local_groups(c, "developers"), "docker kvm video ");
        check_words(config_local_groups(c, "ops"), "sudo ");
        /* Nothing but what stands there. */
        assert_null(config_local_groups(c, "docker"));
        assert_null(config_local_groups(c, "developer"));
        assert_null(config_local_groups(c, ""));
        refuse_key("Groups", "ops=Sudo", "local group");
        refuse_key("Groups", "ops=sudo,docker", "local group");
        refuse_key("Groups", "ops=*", "local group");
        refuse_key("Groups", "ops=-x", "local group");
        refuse_key("Groups", "Ops=sudo", "name of a group is wanted");
        refuse_key("Groups", "*=sudo", "name of a group is wanted");
        refuse_key("Groups", "a b=sudo", "name of a group is wanted");
        refuse_key("Groups", "sudo=sudo", "reserved");
        refuse_key("Groups", "_ops=sudo", "reserved");
        refuse(LEAST "[groups]\nops=sudo\n", 4, "no such key in [groups]");
}

static void test_many_groups(void **state)
{
        char text[8192] = LEAST "[Groups]\n";
        config *c = NULL;

        (void)state;
        for (unsigned i = 0; i <= CONFIG_GROUPS_MAX; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "g%u=video\n", i);
        assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
        assert_int_equal(n_heard, 1);
        check_heard(0, 3 + CONFIG_GROUPS_MAX + 1, false, "g256=: at most 256 groups");
}

static void test_many_words(void **state)
{
        char text[4096] = ACCOUNTS;
        config *c = NULL;

        (void)state;
        for (unsigned i = 0; i <= CONFIG_WORDS_MAX; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "Schemas=s\n");
        assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
        assert_int_equal(n_heard, 1);
        check_heard(0, 3 + CONFIG_WORDS_MAX + 1, false, "at most 256 words");
}

static void test_a_misspelt_key_is_a_warning(void **state)
{
        (void)state;
        warn(ACCOUNTS "UidRange=1-2\n", 4, "UidRange=: no such key in [Accounts]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_lists_begin_anew),
                cmocka_unit_test(test_booleans),
                cmocka_unit_test(test_accounts_of_all),
                cmocka_unit_test(test_schemas),
                cmocka_unit_test(test_rule_31_names_from_traits),
                cmocka_unit_test(test_rule_13_range),
                cmocka_unit_test(test_rule_13_uids_of_documents),
                cmocka_unit_test(test_rule_37_allowed_numbers),
                cmocka_unit_test(test_rule_10_paths),
                cmocka_unit_test(test_spans),
                cmocka_unit_test(test_rule_11_groups),
                cmocka_unit_test(test_many_groups),
                cmocka_unit_test(test_many_words),
                cmocka_unit_test(test_a_misspelt_key_is_a_warning),
        };

        return cmocka_run_group_tests(tests, begin_file, remove_folder);
}
