/* The configuration: what is read from it, and that every mistake is told of with its place. */
#include "config-file.h"

#include <syslog.h>

#include "kratosd/timespan.h"

static void put_drop_in(const char *name, const char *text)
{
        char path[PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s.d", file);
        (void)mkdir(path, 0755);
        snprintf(path, sizeof(path), "%s.d/%s", file, name);
        put(path, text, strlen(text));
}

static void remove_drop_in(const char *name)
{
        char path[PATH_MAX + 64];

        snprintf(path, sizeof(path), "%s.d/%s", file, name);
        assert_int_equal(unlink(path), 0);
        snprintf(path, sizeof(path), "%s.d", file);
        (void)rmdir(path);
}

static void test_defaults(void **state)
{
        _cleanup_config_ config *c = load(LEAST);

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_int_equal(c->public.count, 1);
        assert_string_equal(c->public.urls[0].base, "https://k");
        assert_int_equal(c->admin.count, 0);
        assert_null(c->ca_file);
        assert_null(c->proxy);
        assert_null(c->server_user);
        assert_int_equal(c->server_uid, 0);
        assert_int_equal(c->connect_timeout_usec, 3 * USEC_PER_SEC);
        assert_int_equal(c->timeout_usec, 10 * USEC_PER_SEC);
        assert_int_equal(c->open_timeout_usec, 300 * USEC_PER_SEC);
        assert_string_equal(c->identifier, "%u");
        assert_int_equal(c->log_level, LOG_INFO);
}

static void test_every_key(void **state)
{
        _cleanup_config_ config *c = load("# Ours\n"
                                          "[Kratos]\n"
                                          "PublicURL=https://one/ http://127.0.0.1:433\n"
                                          "PublicURL = unix:/run/kratos.sock\n"
                                          "AdminURL=http://localhost:434/x\n"
                                          "CAFile=/etc/passwd\n"
                                          "Proxy=http://proxy.example.org:3128\n"
                                          "ServerUser=root\n"
                                          "ConnectTimeoutSec=500ms\n"
                                          "TimeoutSec=5\n"
                                          "\n"
                                          "; another\n"
                                          "[Accounts]\n"
                                          "Identifier=%u@example.org\n"
                                          "[Sessions]\n"
                                          "OpenTimeoutSec=2min 30s\n"
                                          "[Log]\n"
                                          "Level=debug\n"
                                          "[Kratos]\n"
                                          "AdminURL=https://two\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_int_equal(c->public.count, 3);
        assert_string_equal(c->public.urls[0].base, "https://one");
        assert_string_equal(c->public.urls[1].base, "http://127.0.0.1:433");
        assert_string_equal(c->public.urls[2].socket, "/run/kratos.sock");
        assert_int_equal(c->admin.count, 2);
        assert_string_equal(c->admin.urls[0].base, "http://localhost:434/x");
        assert_string_equal(c->admin.urls[1].base, "https://two");
        assert_string_equal(c->ca_file, "/etc/passwd");
        assert_string_equal(c->proxy, "http://proxy.example.org:3128");
        assert_string_equal(c->server_user, "root");
        assert_int_equal(c->connect_timeout_usec, 500000);
        assert_int_equal(c->timeout_usec, 5 * USEC_PER_SEC);
        assert_int_equal(c->open_timeout_usec, 150 * USEC_PER_SEC);
        assert_int_equal(c->log_level, LOG_DEBUG);
}

static void test_values_begin_anew(void **state)
{
        _cleanup_config_ config *c =
                load("[Kratos]\nPublicURL=https://a https://b\nPublicURL=\n"
                     "PublicURL=https://c\nProxy=http://p\nProxy=\n"
                     "CAFile=/etc/passwd\nCAFile=\nServerUser=root\nServerUser=\n");

        (void)state;
        assert_int_equal(n_heard, 0);
        assert_int_equal(c->public.count, 1);
        assert_string_equal(c->public.urls[0].base, "https://c");
        assert_null(c->proxy);
        assert_null(c->ca_file);
        assert_null(c->server_user);
}

static void test_rule_30_addresses(void **state)
{
        (void)state;
        refuse("[Kratos]\nPublicURL=https://k http://127.0.0.1:4433\n", 2,
                "PublicURL=http://127.0.0.1:4433");
        refuse("[Kratos]\nPublicURL=https://k\nAdminURL=http://example.org:80\n", 3,
                "AdminURL=http://example.org:80");
        refuse_key("Kratos", "AdminURL=kratos.example.org", "https://HOST");
        refuse_key("Kratos", "AdminURL=https://u:p@k", "no user");
        refuse_key("Kratos", "AdminURL=unix:kratos.sock", "unix:/");
        refuse_key("Kratos",
                "AdminURL=https://1 https://2 https://3 https://4 https://5 https://6 https://7 "
                "https://8 https://9",
                "at most 8");
}

static void test_missing(void **state)
{
        (void)state;
        warn("", 0, "PublicURL=");
        warn("[Kratos]\nAdminURL=https://k\n", 0, "PublicURL=");
        warn("[Kratos]\nPublicURL=https://k\nPublicURL=\n", 0, "PublicURL=");
}

static void test_values(void **state)
{
        (void)state;
        refuse_key("Kratos", "CAFile=ca.pem", "absolute path");
        refuse_key("Kratos", "CAFile=/nowhere/ca.pem", "read");
        refuse_key("Kratos", "Proxy=proxy.example.org:3128", "http://HOST:PORT");
        refuse_key("Kratos", "Proxy=socks5://proxy.example.org", "http://HOST:PORT");
        refuse_key("Kratos", "ServerUser=nobody-of-that-name", "no such user");
        refuse_key("Kratos", "ServerUser=1000", "no such user");
        refuse_key("Kratos", "ConnectTimeoutSec=", "span of time");
        refuse_key("Kratos", "ConnectTimeoutSec=0", "span of time");
        refuse_key("Kratos", "TimeoutSec=soon", "span of time");
        refuse_key("Kratos", "TimeoutSec=99999999999999999999", "span of time");
        refuse_key("Sessions", "OpenTimeoutSec=0s", "span of time");
        refuse_key("Accounts", "Identifier=", "%u");
        refuse_key("Accounts", "Identifier=alice", "%u");
        refuse_key("Accounts", "Identifier=%u%u", "one %u");
        refuse_key("Accounts", "Identifier=%%u", "one %u");
        refuse_key("Accounts", "Identifier=%u%n", "one %u");
        refuse_key("Accounts", "Identifier=%s", "%u");
        refuse_key("Accounts", "Identifier=%u@\xc3\xa9xample.org", "ASCII");
        refuse_key("Accounts",
                "Identifier=%u@12345678901234567890123456789012345678901234567890123456789.org",
                "at most 64");
        refuse_key("Log", "Level=", "debug");
        refuse_key("Log", "Level=verbose", "debug");
        refuse_key("Log", "Level=Debug", "debug");
        refuse_key("Log", "Level=7", "debug");
}

static void test_values_that_are_no_file_and_no_host(void **state)
{
        (void)state;
        refuse_key("Kratos", "CAFile=/etc", "file");
        refuse_key("Kratos", "Proxy=http://", "http://HOST:PORT");
}

static void test_levels(void **state)
{
        static const struct {
                const char *name;
                int level;
        } levels[] = { { "error", LOG_ERR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
                { "info", LOG_INFO }, { "debug", LOG_DEBUG } };

        (void)state;
        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
                char text[128];

                snprintf(text, sizeof(text), LEAST "[Log]\nLevel=%s\n", levels[i].name);
                _cleanup_config_ config *c = load(text);
                assert_int_equal(c->log_level, levels[i].level);
        }
}

static void test_timeouts(void **state)
{
        (void)state;
        refuse(LEAST "TimeoutSec=10001ms\n", 3, "TimeoutSec=10001ms: at most 10s");
        refuse(LEAST "ConnectTimeoutSec=11s\n", 3, "ConnectTimeoutSec=11s: at most 10s");
        refuse(LEAST "TimeoutSec=2s\nConnectTimeoutSec=3s\n", 0,
                "ConnectTimeoutSec= is at most TimeoutSec=");
        _cleanup_config_ config *short_one = load(LEAST "TimeoutSec=2s\n");
        assert_int_equal(short_one->connect_timeout_usec, short_one->timeout_usec);
        _cleanup_config_ config *c = load(LEAST "TimeoutSec=10s\nConnectTimeoutSec=10s\n");
        assert_int_equal(c->connect_timeout_usec, c->timeout_usec);
}

static void test_unknown_keys(void **state)
{
        (void)state;
        warn(LEAST "PublicUrl=https://l\n", 3, "PublicUrl=: no such key in [Kratos]");
        warn(LEAST "[Kratos ]\nPublicURL=x\n", 4, "PublicURL=: no such key in [Kratos ]");
        warn(LEAST "[Nothing]\nKey=x\n", 4, "Key=: no such key in [Nothing]");
        warn("Key=x\n" LEAST, 1, "Key=");
        warn(LEAST "[Log]\nTimeoutSec=5\n", 4, "TimeoutSec=: no such key in [Log]");
}

static void test_unknown_keys_where_they_would_let_people_in(void **state)
{
        (void)state;
        refuse(LEAST "[Access]\nAllow=alice\n", 4, "Allow=: no such key in [Access]");
        refuse(LEAST "[Service sshd]\nX=y\n", 4, "X=: no such key in [Service sshd]");
        refuse(LEAST "[Service]\nX=y\n", 4, "X=: no such key in [Service]");
}

static void test_lines(void **state)
{
        (void)state;
        refuse(LEAST "AdminURL\n", 3, "KEY=VALUE");
        refuse(LEAST "hello there\n", 3, "KEY=VALUE");
        refuse(LEAST "[Log\n", 3, "[NAME]");
        refuse("[Kratos]\n  PublicURL=https://a\n[Kratos]\nPublicURL=https://k\n", 2,
                "begins with a space");
        refuse("[Log]\n\tLevel=info\n" LEAST, 2, "begins with a space");
        refuse(LEAST "AdminURL", 3, "KEY=VALUE");
        _cleanup_config_ config *c = load("[Kratos]\r\nPublicURL=https://k\r\n");
        assert_string_equal(c->public.urls[0].base, "https://k");
}

static char *long_line(size_t length)
{
        char *text = malloc(length + 256);
        int n;

        assert_non_null(text);
        n = snprintf(text, 256, LEAST "#");
        memset(text + n, 'x', length - 1);
        snprintf(text + (size_t)n + length - 1, 200, "\n[Log]\nLevel=loud\n");
        return text;
}

/* A line that is too long is told of, once, and those after it keep their numbers. */
static void test_long_lines(void **state)
{
        config *c = NULL;

        (void)state;
        for (size_t length = 191; length < 2000; length += 150) {
                _cleanup_free_ char *text = long_line(length);

                assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
                assert_int_equal(n_heard, 2);
                check_heard(0, 3, false, "longer than");
                check_heard(1, 5, false, "Level=loud");
        }
        _cleanup_free_ char *text = long_line(180);
        refuse(text, 5, "Level=loud");
}

/* A NUL would hide the rest of its line. */
static void test_nul(void **state)
{
        static const char in_line[] = "[Kratos]\nPublicURL=https://k\0evil\n";
        static const char at_the_end[] = "[Kratos]\nPublicURL=https://k\0evil";
        config *c = NULL;

        (void)state;
        assert_int_equal(load_bytes(in_line, sizeof(in_line) - 1, &c), -EINVAL);
        assert_true(n_heard > 0 && heard[0].line == 2);
        assert_int_equal(load_bytes(at_the_end, sizeof(at_the_end) - 1, &c), -EINVAL);
        assert_true(n_heard > 0 && heard[0].line == 2);
}

static void test_all_mistakes_are_told(void **state)
{
        config *c = NULL;
        static const char text[] = "[Kratos]\nPublicURL=x\nTimeoutSec=y\nnothing\n"
                                   "[Log]\nLevel=z\n[Access]\nA=b\n[Other]\nC=d\n";

        (void)state;
        assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
        assert_int_equal(n_heard, 7);
        check_heard(0, 2, false, "PublicURL=x");
        check_heard(1, 3, false, "TimeoutSec=y");
        check_heard(2, 4, false, "KEY=VALUE");
        check_heard(3, 6, false, "Level=z");
        check_heard(4, 8, false, "A=");
        check_heard(5, 10, true, "C=");
        check_heard(6, 0, true, "PublicURL=");
}

static void test_drop_ins(void **state)
{
        (void)state;
        put_drop_in("20-b.conf", "[Log]\nLevel=error\n");
        put_drop_in("10-a.conf", "[Log]\nLevel=debug\n[Kratos]\nPublicURL=https://two\n");
        put_drop_in("30-c.conf.bak", "nonsense\n");
        put_drop_in(".40-d.conf", "nonsense\n");
        {
                _cleanup_config_ config *c = load(LEAST "[Log]\nLevel=info\n");

                assert_int_equal(n_heard, 0);
                assert_int_equal(c->log_level, LOG_ERR);
                assert_int_equal(c->public.count, 2);
                assert_string_equal(c->public.urls[1].base, "https://two");
        }

        config *c = NULL;
        put_drop_in("20-b.conf", "[Log]\n\nLevel=wrong\n");
        assert_int_equal(load_bytes(LEAST, strlen(LEAST), &c), -EINVAL);
        assert_int_equal(n_heard, 1);
        assert_int_equal(heard[0].line, 3);
        assert_non_null(strstr(heard[0].file, ".d/20-b.conf"));

        /* A section does not reach into the next file. */
        put_drop_in("20-b.conf", "Level=debug\n");
        assert_null(config_unref(load(LEAST "[Log]\n")));
        assert_int_equal(n_heard, 1);
        assert_true(heard[0].warning);
        remove_drop_in("10-a.conf");
        remove_drop_in("20-b.conf");
        remove_drop_in("30-c.conf.bak");
        remove_drop_in(".40-d.conf");
}

static void test_files_that_cannot_be_read(void **state)
{
        config *c = NULL;

        (void)state;
        n_heard = 0;
        assert_int_equal(config_load("/nowhere/kratosd.conf", hear, &n_heard, &c), -ENOENT);
        assert_int_equal(n_heard, 1);
        assert_false(heard[0].warning);
        n_heard = 0;
        assert_int_equal(config_load("/tmp", hear, &n_heard, &c), -EINVAL);
        assert_int_equal(n_heard, 1);
        assert_null(c);
}

/* The text of the file that is shipped, with every key taken as it is shown. */
static char *read_shipped(void)
{
        _cleanup_fclose_ FILE *shipped = fopen("etc/kratosd.conf", "re");
        _cleanup_free_ char *line = NULL;
        char *text = NULL;
        size_t size, capacity = 0;
        FILE *taken = open_memstream(&text, &size);

        assert_non_null(shipped);
        assert_non_null(taken);
        while (getline(&line, &capacity, shipped) >= 0) {
                bool key = line[0] == '#' && line[1] >= 'A' && line[1] <= 'Z';

                fputs(line + key, taken);
                if (strcmp(line, "#PublicURL=\n") == 0)
                        fputs("PublicURL=https://k\n", taken);
        }
        assert_int_equal(fclose(taken), 0); /* this may move the text once more */
        return text;
}

static void check_same_accounts(const config *shown, const config *real)
{
        assert_int_equal(shown->accounts_all, real->accounts_all);
        assert_int_equal(shown->schemas.count, real->schemas.count);
        assert_int_equal(shown->trust_trait_names, real->trust_trait_names);
        assert_ptr_equal(shown->user_name, real->user_name);
        assert_ptr_equal(shown->strip_domain, real->strip_domain);
        assert_memory_equal(&shown->uid_range, &real->uid_range, sizeof(real->uid_range));
        assert_int_equal(shown->n_allow_uids, real->n_allow_uids);
        assert_string_equal(shown->home_prefix, real->home_prefix);
        assert_string_equal(shown->shell, real->shell);
        assert_int_equal(shown->enumerate, real->enumerate);
        assert_int_equal(shown->lookup_timeout_usec, real->lookup_timeout_usec);
        assert_int_equal(shown->refresh_usec, real->refresh_usec);
        assert_int_equal(shown->refresh_open_usec, real->refresh_open_usec);
        assert_int_equal(shown->n_groups, real->n_groups);
}

/* What etc/kratosd.conf shows for each key is what it is without the key. */
static void test_the_shipped_file_shows_the_defaults(void **state)
{
        _cleanup_free_ char *text = read_shipped();
        _cleanup_config_ config *shown = load(text);

        (void)state;
        assert_int_equal(n_heard, 0);
        _cleanup_config_ config *real = load(LEAST);
        assert_int_equal(shown->public.count, real->public.count);
        assert_int_equal(shown->admin.count, real->admin.count);
        assert_ptr_equal(shown->ca_file, real->ca_file);
        assert_ptr_equal(shown->proxy, real->proxy);
        assert_ptr_equal(shown->server_user, real->server_user);
        assert_int_equal(shown->connect_timeout_usec, real->connect_timeout_usec);
        assert_int_equal(shown->timeout_usec, real->timeout_usec);
        assert_string_equal(shown->identifier, real->identifier);
        check_same_accounts(shown, real);
        assert_int_equal(shown->access.allow_users.count, real->access.allow_users.count);
        assert_int_equal(shown->access.deny_users.count, real->access.deny_users.count);
        assert_int_equal(shown->fresh_usec, real->fresh_usec);
        assert_int_equal(shown->max_stale_usec, real->max_stale_usec);
        assert_string_equal(shown->host_name, real->host_name);
        assert_int_equal(shown->open_timeout_usec, real->open_timeout_usec);
        assert_int_equal(shown->log_level, real->log_level);
}

static void check_identifier(const char *pattern, const char *name, const char *expected)
{
        _cleanup_free_ char *identifier = NULL;
        char text[256];

        snprintf(text, sizeof(text), LEAST "[Accounts]\nIdentifier=%s\n", pattern);
        _cleanup_config_ config *c = load(text);
        assert_int_equal(config_identifier(c, name, &identifier), 0);
        assert_string_equal(identifier, expected);
}

static void test_client_certificate(void **state)
{
        (void)state;
        refuse_key("Kratos", "ClientCertificate=host.pem", "absolute path");
        refuse_key("Kratos", "ClientKey=/nowhere/host.key", "read");
        refuse(LEAST "ClientKey=/etc/passwd\n", 0, "without ClientCertificate=");
        _cleanup_config_ config *c =
                load(LEAST "ClientCertificate=/etc/passwd\nClientKey=/etc/group\n");
        assert_string_equal(c->client_certificate, "/etc/passwd");
        assert_string_equal(c->client_key, "/etc/group");
        _cleanup_config_ config *without = load(LEAST "ClientCertificate=/etc/passwd\n");
        assert_null(without->client_key);
}

static void test_identifier(void **state)
{
        (void)state;
        check_identifier("%u", "alice", "alice");
        check_identifier("%u@example.org", "alice", "alice@example.org");
        check_identifier("x-%u", "a.b-c_d", "x-a.b-c_d");
        check_identifier("ou=%u", "alice", "ou=alice");
}

static void test_references(void **state)
{
        config *c = load(LEAST);

        (void)state;
        assert_ptr_equal(config_ref(c), c);
        assert_null(config_unref(c));
        assert_string_equal(c->identifier, "%u");
        assert_null(config_unref(c));
        assert_null(config_unref(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_values_begin_anew),
                cmocka_unit_test(test_rule_30_addresses),
                cmocka_unit_test(test_missing),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_values_that_are_no_file_and_no_host),
                cmocka_unit_test(test_levels),
                cmocka_unit_test(test_timeouts),
                cmocka_unit_test(test_unknown_keys),
                cmocka_unit_test(test_unknown_keys_where_they_would_let_people_in),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_long_lines),
                cmocka_unit_test(test_nul),
                cmocka_unit_test(test_all_mistakes_are_told),
                cmocka_unit_test(test_drop_ins),
                cmocka_unit_test(test_files_that_cannot_be_read),
                cmocka_unit_test(test_the_shipped_file_shows_the_defaults),
                cmocka_unit_test(test_client_certificate),
                cmocka_unit_test(test_identifier),
                cmocka_unit_test(test_references),
        };

        return cmocka_run_group_tests(tests, begin_file, remove_folder);
}
