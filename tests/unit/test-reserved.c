/* Reserved names and numbers: whatever else is wrong, no person of ours has one. */
#include "kratosd/reserved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/interface.h"

#define BASE_PASSWD "/usr/share/base-passwd/"

static void check_names(const char *const *names, size_t count, bool reserved)
{
        for (size_t i = 0; i < count; i++)
                if (name_is_reserved(names[i]) != reserved)
                        fail_msg("%s is %sreserved", names[i], reserved ? "not " : "");
}

#define CHECK_NAMES(reserved, ...)                                                                 \
        do {                                                                                       \
                static const char *const names[] = { __VA_ARGS__ };                                \
                check_names(names, sizeof(names) / sizeof(names[0]), reserved);                    \
        } while (0)

static void test_rule_31_system_users(void **state)
{
        (void)state;
        CHECK_NAMES(true, "root", "toor", "nobody", "nogroup", "nfsnobody", DAEMON_USER, "kratos",
                "daemon", "bin", "sys", "sync", "halt", "shutdown", "operator", "mail", "man",
                "uucp", "www-data", "backup", "list", "irc", "games", "messagebus", "dbus",
                "polkitd", "sshd", "postfix", "postdrop", "chrony", "ntp", "tcpdump", "syslog",
                "rtkit", "colord", "geoclue", "avahi", "lightdm", "gdm", "sddm", "mysql",
                "postgres", "redis", "nginx", "apache", "tss", "uuidd", "qemu", "sssd", "named",
                "dnsmasq", "abrt", "usbmux");
        /* The first and the last of the table, and the first users of images. */
        CHECK_NAMES(true, "abrt", "zookeeper", "debian", "ubuntu", "ec2-user", "vagrant");
}

static void test_rule_11_privileged_groups(void **state)
{
        (void)state;
        CHECK_NAMES(true, "root", "sudo", "wheel", "admin", "adm", "docker", "lxd", "incus",
                "incus-admin", "libvirt", "kvm", "disk", "shadow", "staff", "operator", "kmem",
                "tty", "video", "input", "render", "systemd-journal", "plugdev", "netdev",
                "lpadmin", "sasl", "ssl-cert", "utmp", "uucp", "mem", "mock", "wireshark", "tape",
                "cdrom", "floppy", "audio", "dialout", "dip", "src", "users", "ssh_keys", "sgx",
                "crontab", "sambashare", "vboxusers", "microk8s", "podman", "wbpriv");
}

static void test_rule_31_names_that_begin_so(void **state)
{
        (void)state;
        CHECK_NAMES(true, "_apt", "_ssh", "_", "_chrony", "_du0123456789abcdef", "systemd-network",
                "systemd-resolve", "systemd-anything", "debian-tor", "vu-web-33", "vg-web-33",
                "foreign-0", "libvirt-qemu", "snapd-range-524288-root", "nixbld1", "guixbuilder01",
                "kratosd-test", "cockpit-wsinstance", "nm-openvpn", "pcp-x");
}

static void test_names_of_people(void **state)
{
        (void)state;
        CHECK_NAMES(false, "alice", "bob", "a", "z", "rooty", "roo", "sudo1", "systemd", "vu",
                "debby", "jonas", "adele", "x_apt", "doctor", "developers", "ops", "zz",
                "foreigner", "");
}

/* The table is searched by halves: a name out of order would not be found. Debian's own lists are
 * independent of it. */
static void test_rules_13_and_31_all_of_base_passwd(void **state)
{
        static const char *const files[] = { BASE_PASSWD "passwd.master",
                BASE_PASSWD "group.master" };

        (void)state;
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                _cleanup_fclose_ FILE *file = fopen(files[i], "re");
                char line[256];
                unsigned n = 0;

                if (!file)
                        skip();
                for (; fgets(line, sizeof(line), file); n++) {
                        line[strcspn(line, ":")] = '\0';
                        if (!name_is_reserved(line))
                                fail_msg("%s of %s is not reserved", line, files[i]);
                }
                assert_true(n > 10);
        }
}

static void test_rule_13_numbers(void **state)
{
        static const uid_t reserved[] = { 0, 1, 5, 99, 100, 999, 60001, 60513, 60514, 60577, 61184,
                65000, 65519, 65534, 65535, 2147352576, 2147418111, 2147483647, 2147483648,
                4294967294, (uid_t)-1 };
        static const uid_t free_ones[] = { 1000, 1001, 59999, 60000, 60578, 61183, 65520, 65533,
                65536, 100000, 524288, 1879048191, OWN_NUMBER_MIN, 2000000000, OWN_NUMBER_MAX };

        (void)state;
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
                if (!number_is_reserved(reserved[i]))
                        fail_msg("%u is not reserved", reserved[i]);
        for (size_t i = 0; i < sizeof(free_ones) / sizeof(free_ones[0]); i++)
                if (number_is_reserved(free_ones[i]))
                        fail_msg("%u is reserved", free_ones[i]);
}

static void test_rule_37_ranges(void **state)
{
        (void)state;
        assert_true(numbers_are_reserved(0, UINT32_MAX));
        assert_true(numbers_are_reserved(999, 2000));
        assert_true(numbers_are_reserved(1000, 60001));
        assert_true(numbers_are_reserved(60000, 70000));
        assert_true(numbers_are_reserved(65500, 65600));
        assert_true(numbers_are_reserved(OWN_NUMBER_MIN, OWN_NUMBER_MAX + 1));
        assert_false(numbers_are_reserved(OWN_NUMBER_MIN, OWN_NUMBER_MAX));
        assert_false(numbers_are_reserved(1000, 60000));
        assert_false(numbers_are_reserved(65536, OWN_NUMBER_MAX));
        assert_false(numbers_are_reserved(60578, 61183));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_31_system_users),
                cmocka_unit_test(test_rule_11_privileged_groups),
                cmocka_unit_test(test_rule_31_names_that_begin_so),
                cmocka_unit_test(test_names_of_people),
                cmocka_unit_test(test_rules_13_and_31_all_of_base_passwd),
                cmocka_unit_test(test_rule_13_numbers),
                cmocka_unit_test(test_rule_37_ranges),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
