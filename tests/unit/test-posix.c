/* Account documents: what is taken from them, and what makes the whole of one refused. */
#include "posix-documents.h"

#define DEPTH 100000

static void test_every_field(void **state)
{
        _cleanup_posix_ posix *p = accepted(
                "{\"name\":\"alice\",\"uid\":70000,\"gid\":70001,\"groups\":[\"web\","
                "{\"name\":\"db\",\"gid\":70002}],\"shell\":\"/bin/bash\",\"home\":\"/home/alice\","
                "\"gecos\":\"Alice Ålund,12,,\",\"sshKeys\":[\"" ED25519 " alice@laptop\"],"
                "\"hosts\":[\"web*\",\"db?.example.org\"],\"services\":[\"sshd\",\"login\"],"
                "\"notBefore\":\"2026-01-31T12:34:56Z\",\"notAfter\":\"2027-01-31T00:00:00Z\","
                "\"passwordChangeNow\":true}\n");

        (void)state;
        assert_string_equal(p->name, "alice");
        assert_true(p->has_uid && p->uid == 70000);
        assert_true(p->has_gid && p->gid == 70001);
        assert_int_equal(p->n_groups, 2);
        assert_string_equal(p->groups[0].name, "web");
        assert_false(p->groups[0].has_gid);
        assert_string_equal(p->groups[1].name, "db");
        assert_true(p->groups[1].has_gid && p->groups[1].gid == 70002);
        assert_string_equal(p->shell, "/bin/bash");
        assert_string_equal(p->home, "/home/alice");
        assert_string_equal(p->gecos, "Alice Ålund,12,,");
        assert_int_equal(p->keys.count, 1);
        assert_string_equal(p->keys.words[0], ED25519 " alice@laptop");
        assert_true(p->has_hosts && p->hosts.count == 2);
        assert_string_equal(p->hosts.words[1], "db?.example.org");
        assert_true(p->has_services && p->services.count == 2);
        assert_string_equal(p->services.words[0], "sshd");
        assert_int_equal(p->not_before, 1769862896);
        assert_int_equal(p->not_after, 1801353600);
        assert_true(p->password_change_now);
}

static void test_nothing_is_needed(void **state)
{
        _cleanup_posix_ posix *p = accepted("{}");

        (void)state;
        assert_string_equal(p->name, "");
        assert_false(p->has_uid || p->has_gid || p->has_hosts || p->has_services);
        assert_true(p->n_groups == 0 && p->keys.count == 0);
        assert_true(!p->shell && !p->home && !p->gecos && !p->password_change_now);
        assert_true(p->not_before == INT64_MIN && p->not_after == INT64_MAX);
}

static void test_empty_values(void **state)
{
        _cleanup_posix_ posix *p =
                accepted("{\"groups\":[],\"sshKeys\":[],\"hosts\":[],\"services\":[],"
                         "\"gecos\":\"\",\"passwordChangeNow\":false}");

        (void)state;
        assert_true(p->n_groups == 0 && p->keys.count == 0);
        assert_true(p->has_hosts && p->hosts.count == 0);
        assert_true(p->has_services && p->services.count == 0);
        assert_string_equal(p->gecos, "");
}

/* One wrong field, wherever it stands, takes the others with it. */
static void test_rule_10_refused_as_a_whole(void **state)
{
        (void)state;
        refused("{\"name\":\"alice\",\"shell\":\"sh\",\"uid\":70000}", "shell: ");
        refused("{\"shell\":\"sh\",\"name\":\"alice\",\"uid\":70000}", "shell: ");
        refused("{\"name\":\"alice\",\"uid\":70000,\"shell\":\"sh\"}", "shell: ");
}

static void test_rule_10_no_value_is_quoted(void **state)
{
        static const char *const names[] = { "name", "uid", "gid", "groups", "shell", "home",
                "gecos", "sshKeys", "hosts", "services", "notBefore", "notAfter",
                "passwordChangeNow", "unknown" };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                _cleanup_free_ char *json = NULL;
                const char *why = NULL;
                posix *p = NULL;

                assert_true(asprintf(&json, "{\"%s\":[\"Zq:Zq\\u0007\"]}", names[i]) > 0);
                assert_int_equal(posix_parse(json, strlen(json), &p, &why), POSIX_INVALID);
                assert_null(strstr(why, "Zq"));
        }
}

static void test_rule_10_unknown_fields(void **state)
{
        static const char unknown[] = "the document has a field that is not known";

        (void)state;
        refused("{\"notafter\":\"2020-01-01\"}", unknown);
        refused("{\"expires\":\"2020-01-01\"}", unknown);
        refused("{\"name\":\"alice\",\"\":1}", unknown);
        refused("{\"NAME\":\"alice\"}", unknown);
        refused("{\"posix\":{\"name\":\"alice\"}}", unknown);
        refused("{\"name \":\"alice\"}", unknown);
}

static void test_rule_10_null_fields(void **state)
{
        static const char *const names[] = { "name", "uid", "gid", "groups", "shell", "home",
                "gecos", "sshKeys", "hosts", "services", "notBefore", "notAfter",
                "passwordChangeNow" };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                all_refused(names[i],
                        (const char *const[]){ "null", "{}", "[null]", "[[]]", "0.5" }, 5);
        refused("{\"unknown\":null}", "the document has a field that is not known");
}

static void test_rule_10_not_a_document(void **state)
{
        static const char *const texts[] = { "", " ", "null", "[]", "\"\"", "1", "{", "{}x", "{}{}",
                "{\"name\":\"alice\"", "{'name':'alice'}", "{\"name\":\"alice\",}",
                "{\"name\":\"alice\"/**/}", "{\"name\":\"al\xff\"}", "\xef\xbb\xbf{}" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                refused(texts[i], "the document is no JSON object");
}

static void test_rule_10_fields_that_stand_twice(void **state)
{
        static const char twice[] = "the document is no JSON object, has a name twice in it";

        (void)state;
        refused("{\"uid\":70000,\"uid\":70000}", twice);
        refused("{\"uid\":70000,\"u\\u0069d\":70001}", twice);
        refused("{\"groups\":[{\"name\":\"a\",\"name\":\"b\",\"gid\":70000}]}", twice);
}

static void test_rule_10_nul(void **state)
{
        static const char bare[] = "{\"name\":\"alice\0\"}", after[] = "{}\0{}";

        (void)state;
        refused("{\"name\":\"alice\\u0000\"}", "the document has a NUL");
        refused("{\"notAfter\\u0000x\":\"2020-01-01\"}", "the document has a NUL");
        refused("{\"\\u0000\":1}", "the document has a NUL");
        refused("{\"gecos\":\"\\\\\\u0000\"}", "the document has a NUL");
        refused_bytes(bare, sizeof(bare) - 1, "the document is no JSON object");
        refused_bytes(after, sizeof(after) - 1, "the document is no JSON object");
        posix_free(accepted("{\"gecos\":\"\\\\u0000\"}"));
}

static void test_size(void **state)
{
        _cleanup_free_ char *json = malloc(POSIX_SIZE_MAX + 1);
        const char *why = NULL;
        posix *p = NULL;

        (void)state;
        assert_non_null(json);
        memset(json, ' ', POSIX_SIZE_MAX + 1);
        memcpy(json, "{}", 2);
        assert_int_equal(parse_bytes(json, POSIX_SIZE_MAX, &p, &why), POSIX_OK);
        posix_free(p);
        refused_bytes(json, POSIX_SIZE_MAX + 1, "the document is larger than 64 KiB");
}

static void test_depth(void **state)
{
        _cleanup_free_ char *json = malloc(DEPTH);

        (void)state;
        assert_non_null(json);
        memset(json, '[', DEPTH);
        memcpy(json, "{\"gecos\":", 9);
        for (size_t depth = 1; depth < 16; depth++)
                refused_bytes(json, 9 + depth, "the document is no JSON object");
        refused_bytes(json, POSIX_SIZE_MAX, "the document is no JSON object");
        refused("{\"gecos\":[[[[[[[[]]]]]]]]}", "the document is no JSON object");
        refused("{\"groups\":[{\"name\":[[[[]]]],\"gid\":70000}]}", "groups: ");
}

static void test_rule_10_names(void **state)
{
        static const char long_name[] =
                "{\"name\":\"a2345678901234567890123456789012\"}"; /* 32 bytes */

        (void)state;
        posix_free(accepted(long_name));
        posix_free(accepted("{\"name\":\"_a-b.c_0\"}"));
        ALL_REFUSED("name", "\"\"", "\"a\\n\"", "\"a\\nroot:x:0:0\"", "\"a:b\"", "\"a/b\"",
                "\"../a\"", "\"-a\"", "\".a\"", "\"0a\"", "\"Alice\"", "\"ålice\"", "\"a b\"",
                "\" a\"", "\"a \"", "\"a$\"", "\"a\\t\"", "\"a\\u007f\"", "\"a,b\"", "\"*\"",
                "\"a23456789012345678901234567890123\"", "1", "true", "[\"alice\"]",
                "{\"name\":\"alice\"}");
}

static void test_rule_13_numbers(void **state)
{
        static const char *const good[] = { "1000", "70000", "1879048192", "2147352575" };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                _cleanup_posix_ posix *p = NULL;
                _cleanup_free_ char *json = NULL;

                assert_true(asprintf(&json, "{\"uid\":%s,\"gid\":%s}", good[i], good[i]) > 0);
                p = accepted(json);
                assert_int_equal(p->uid, strtoul(good[i], NULL, 10));
                assert_int_equal(p->gid, p->uid);
        }
}

#define BAD_NUMBERS                                                                                \
        "0", "-0", "1", "999", "65534", "65535", "61184", "2147352576", "2147483648",              \
                "4294967294", "4294967295", "4294967296", "4294967297", "4295037296",              \
                "9223372036854775807", "9223372036854775808", "18446744073709551615",              \
                "18446744073709551616", "18446744073709621616", "99999999999999999999999999",      \
                "-1", "-70000", "-2147483648", "-4294897296", "-9223372036854775809", "70000.0",   \
                "70000.5", "7e4", "7E4", "7e+4", "700000e-1", "1e400", "\"70000\"", "true",        \
                "false", "[70000]", "\"\""

static void test_rule_13_uids(void **state)
{
        (void)state;
        ALL_REFUSED("uid", BAD_NUMBERS);
}

static void test_rule_13_gids(void **state)
{
        (void)state;
        ALL_REFUSED("gid", BAD_NUMBERS);
}

static void test_rule_13_gids_of_groups(void **state)
{
        static const char *const bad[] = { BAD_NUMBERS };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_free_ char *json = NULL;

                assert_true(
                        asprintf(&json, "{\"groups\":[{\"name\":\"a\",\"gid\":%s}]}", bad[i]) > 0);
                refused(json, "groups: ");
        }
}

/* Numbers that no JSON has. */
static void test_rule_13_numbers_that_are_none(void **state)
{
        static const char *const bad[] = { "070000", "+70000", "0x11170", "70000u", "NaN",
                "Infinity", "-Infinity", "70 000", "70000e", "-", "70_000" };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_free_ char *json = NULL;

                assert_true(asprintf(&json, "{\"uid\":%s}", bad[i]) > 0);
                refused(json, "");
        }
}

static void test_rule_10_groups(void **state)
{
        (void)state;
        ALL_REFUSED("groups", "\"web\"", "{\"name\":\"web\",\"gid\":70000}", "[1]", "[\"\"]",
                "[\"web\",null]", "[\"web:x\"]", "[\"web\\n\"]", "[\"-web\"]", "[\"a/b\"]",
                "[\"a,b\"]", "[\"Web\"]", "[\"web\",\"web\"]",
                "[\"web\",\"db\",{\"name\":\"web\",\"gid\":70000}]",
                "[{\"name\":\"web\",\"gid\":70000},\"web\"]",
                "[{\"name\":\"web\",\"gid\":70000},{\"name\":\"db\",\"gid\":70000}]",
                "[{\"name\":\"web\"}]", "[{\"gid\":70000}]", "[{}]",
                "[{\"name\":\"web\",\"gid\":null}]", "[{\"name\":null,\"gid\":70000}]",
                "[{\"name\":\"a\\n\",\"gid\":70000}]",
                "[{\"name\":\"web\",\"gid\":70000,\"members\":[]}]",
                "[{\"name\":\"web\",\"GID\":70000}]");
}

static void test_number_of_groups(void **state)
{
        for (size_t count = POSIX_GROUPS_MAX; count <= POSIX_GROUPS_MAX + 1; count++) {
                _cleanup_free_ char *json = calloc(1, 16 * count + 32);
                char *end = json + sprintf(json, "{\"groups\":[\"g0\"");

                for (size_t i = 1; i < count; i++)
                        end += sprintf(end, ",\"g%zu\"", i);
                strcpy(end, "]}");
                if (count > POSIX_GROUPS_MAX) {
                        refused(json, "groups: a list of at most 128");
                } else {
                        _cleanup_posix_ posix *p = accepted(json);

                        assert_int_equal(p->n_groups, POSIX_GROUPS_MAX);
                        assert_string_equal(p->groups[127].name, "g127");
                }
        }
        (void)state;
}

static void test_number_of_items(void **state)
{
        static const struct {
                const char *name, *item;
        } lists[] = { { "sshKeys", "\"" ED25519 "\"" }, { "hosts", "\"a\"" },
                { "services", "\"a\"" } };

        (void)state;
        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                _cleanup_free_ char *most = list_of(64, lists[i].item),
                                    *more = list_of(65, lists[i].item), *json = NULL;

                assert_true(asprintf(&json, "{\"%s\":%s}", lists[i].name, most) > 0);
                posix_free(accepted(json));
                all_refused(lists[i].name, (const char *const[]){ more }, 1);
        }
}

#define BAD_PATHS                                                                                  \
        "\"\"", "\"/\"", "\"//\"", "\"bin/sh\"", "\"./sh\"", "\"../sh\"", "\"/bin//sh\"",          \
                "\"//bin/sh\"", "\"/bin/sh/\"", "\"/bin/../sh\"", "\"/bin/..\"", "\"/..\"",        \
                "\"/.\"", "\"/./sh\"", "\"/bin/./sh\"", "\"/bin/sh/.\"", "\"/../root\"",           \
                "\"~/sh\"", "\"/bin/sh:\"", "\"/bin/sh\\n\"", "\"/bin/s\\th\"", "\"/bin/sh\\r\"",  \
                "\"/bin/sh\\u001b[0m\"", "\"/bin/sh\\u007f\"", "\"/bin/sh\\u0085\"",               \
                "\"/bin/\\ud800sh\"", "\"/bin/sh\\u0001\"", "1", "false", "[\"/bin/sh\"]"

static void test_rule_10_shells(void **state)
{
        (void)state;
        ALL_REFUSED("shell", BAD_PATHS, "\"/bin/sh -c id\"", "\"/bin/sh \"", "\" /bin/sh\"",
                "\"/bin/sh;id\"", "\"/bin/$SHELL\"", "\"/bin/`id`\"", "\"/bin/s*\"", "\"/bin/s?\"",
                "\"/bin/sh&\"", "\"/bin/sh|id\"", "\"/bin/sh>x\"", "\"/bin/\\\\sh\"",
                "\"/bin/'sh\"", "\"/bin/\\\"sh\"", "\"/bin/sh#\"", "\"/bin/sh!\"", "\"/bin/(sh)\"",
                "\"/bin/{sh}\"", "\"/bin/sh=\"", "\"/bin/sh,\"", "\"/bin/s%h\"", "\"/bin/s@h\"",
                "\"/bin/sé\"");
}

static void test_rule_10_homes(void **state)
{
        (void)state;
        ALL_REFUSED("home", BAD_PATHS, "\"/home/alice:/bin/sh\"", "\"/home/alice\\nroot:x\"");
}

static void test_length_of_paths(void **state)
{
        char path[POSIX_PATH_MAX + 2], *json;

        (void)state;
        memset(path, 'a', sizeof(path));
        path[0] = '/';
        for (int length = POSIX_PATH_MAX; length <= POSIX_PATH_MAX + 1; length++)
                for (int shell = 0; shell <= 1; shell++) {
                        assert_true(asprintf(&json, "{\"%s\":\"%.*s\"}", shell ? "shell" : "home",
                                            length, path) > 0);
                        if (length > POSIX_PATH_MAX)
                                refused(json, shell ? "shell: " : "home: ");
                        else
                                posix_free(accepted(json));
                        free(json);
                }
}

static void test_paths(void **state)
{
        static const char *const good[] = { "{\"shell\":\"/bin/sh\"}", "{\"shell\":\"/sh\"}",
                "{\"shell\":\"/opt/g++-12/.sh/..sh/a...\"}", "{\"home\":\"/home/alice\"}",
                "{\"home\":\"/h\"}", "{\"home\":\"/home/Ålund, A/.x/...\"}",
                "{\"home\":\"\\/home\\/alice\"}" };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                posix_free(accepted(good[i]));
}

static void test_rule_10_gecos(void **state)
{
        char json[POSIX_GECOS_MAX + 32];

        (void)state;
        ALL_REFUSED("gecos", "\"Alice:0:0\"", "\"Alice\\nroot:x:0:0::/:/bin/sh\"", "\"A\\r\"",
                "\"A\\t\"", "\"A\\u0001\"", "\"A\\u001b]0;x\"", "\"A\\u007f\"", "\"A\\u0080\"",
                "\"A\\u009f\"", "\"A\\u0085\"", "\"A\\ud800\"", "\"A\\udc00\\ud800\"",
                "\"\\ufffd\"", "\"\xc0\x80\"", "\"\xe0\x80\xaf\"", "\"\xed\xa0\x80\"",
                "\"\xf4\x90\x80\x80\"", "\"\xc2\x85\"", "1", "true", "[\"Alice\"]");
        posix_free(accepted("{\"gecos\":\"\\u00a0\\ud83d\\ude00 \\\"A\\\", \\\\, =;'$(x)\"}"));

        memset(json, 'a', sizeof(json));
        memcpy(json, "{\"gecos\":\"", 10);
        strcpy(json + 10 + POSIX_GECOS_MAX, "\"}");
        posix_free(accepted(json));
        strcpy(json + 10 + POSIX_GECOS_MAX, "a\"}");
        refused(json, "gecos: at most 255");
}

#define BAD_PATTERNS                                                                               \
        "\"*\"", "[\"\"]", "[\"a b\"]", "[\"a,b\"]", "[\"a/b\"]", "[\"a\\n\"]", "[\"[ab]\"]",      \
                "[\"!a\"]", "[\"a:1\"]", "[\"a\\\\*\"]", "[\"{a,b}\"]", "[\"é\"]", "[\"a\",1]",    \
                "[\"a\",[\"b\"]]", "[\"a\",true]", "true", "1",                                    \
                "[\"a2345678901234567890123456789012345678901234567890123456789012345\"]"

static void test_rule_10_hosts(void **state)
{
        _cleanup_posix_ posix *p =
                accepted("{\"hosts\":[\"*\",\"Web-?.example.org\",\"_a\",\"a"
                         "23456789012345678901234567890123456789012345678901234567890123\"]}");

        (void)state;
        assert_int_equal(p->hosts.count, 4);
        ALL_REFUSED("hosts", BAD_PATTERNS);
}

static void test_rule_10_services(void **state)
{
        _cleanup_posix_ posix *p = accepted("{\"services\":[\"sshd\",\"gdm-*\",\"Sudo_i.x\"]}");

        (void)state;
        assert_int_equal(p->services.count, 3);
        ALL_REFUSED("services", BAD_PATTERNS, "[\"ssh?\"]");
}

static void check_moments(const char *before, const char *after, int64_t begin, int64_t end)
{
        _cleanup_free_ char *json = NULL;
        _cleanup_posix_ posix *p = NULL;

        assert_true(
                asprintf(&json, "{\"notBefore\":\"%s\",\"notAfter\":\"%s\"}", before, after) > 0);
        p = accepted(json);
        assert_int_equal(p->not_before, begin);
        assert_int_equal(p->not_after, end);
}

/* A date is the whole day. */
static void test_moments(void **state)
{
        (void)state;
        check_moments("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", 0, 1);
        check_moments("1970-01-01", "1970-01-01", 0, 86400);
        check_moments("2028-02-29", "2028-02-29T23:59:59Z", 1835395200, 1835481599);
        check_moments("2000-02-29", "2038-01-19T03:14:08Z", 951782400, 2147483648);
        check_moments("2026-12-31", "9999-12-31", 1798675200, 253402300800);
}

#define BAD_MOMENTS                                                                                \
        "\"\"", "\"2026\"", "\"2026-01\"", "\"2026-1-31\"", "\"2026-01-32\"", "\"2026-02-29\"",    \
                "\"2100-02-29\"", "\"2026-04-31\"", "\"2026-00-01\"", "\"2026-13-01\"",            \
                "\"2026-01-00\"", "\"1969-12-31\"", "\"0000-01-01\"", "\"10000-01-01\"",           \
                "\"2026-01-31T\"", "\"2026-01-31Z\"", "\"2026-01-31T00:00Z\"",                     \
                "\"2026-01-31T00:00:00\"", "\"2026-01-31T00:00:00z\"", "\"2026-01-31t00:00:00Z\"", \
                "\"2026-01-31 00:00:00Z\"", "\"2026-01-31T24:00:00Z\"",                            \
                "\"2026-01-31T00:60:00Z\"", "\"2026-01-31T23:59:60Z\"",                            \
                "\"2026-01-31T00:00:00.0Z\"", "\"2026-01-31T00:00:00+00:00\"",                     \
                "\"2026-01-31T00:00:00+01:00\"", "\"2026-01-31T00:00:00Z \"", "\" 2026-01-31\"",   \
                "\"2026-01-31\\n\"", "\"+026-01-31\"", "\"2026--1-31\"", "\"31.01.2026\"",         \
                "\"never\"", "1769817600", "true", "[\"2026-01-31\"]"

static void test_rule_10_moments(void **state)
{
        (void)state;
        ALL_REFUSED("notBefore", BAD_MOMENTS);
        ALL_REFUSED("notAfter", BAD_MOMENTS);
}

static void test_rule_10_password_change_now(void **state)
{
        (void)state;
        ALL_REFUSED("passwordChangeNow", "0", "1", "\"true\"", "\"\"", "[true]", "[]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_nothing_is_needed),
                cmocka_unit_test(test_empty_values),
                cmocka_unit_test(test_rule_10_refused_as_a_whole),
                cmocka_unit_test(test_rule_10_no_value_is_quoted),
                cmocka_unit_test(test_rule_10_unknown_fields),
                cmocka_unit_test(test_rule_10_null_fields),
                cmocka_unit_test(test_rule_10_not_a_document),
                cmocka_unit_test(test_rule_10_fields_that_stand_twice),
                cmocka_unit_test(test_rule_10_nul),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_rule_10_names),
                cmocka_unit_test(test_rule_13_numbers),
                cmocka_unit_test(test_rule_13_uids),
                cmocka_unit_test(test_rule_13_gids),
                cmocka_unit_test(test_rule_13_gids_of_groups),
                cmocka_unit_test(test_rule_13_numbers_that_are_none),
                cmocka_unit_test(test_rule_10_groups),
                cmocka_unit_test(test_number_of_groups),
                cmocka_unit_test(test_number_of_items),
                cmocka_unit_test(test_rule_10_shells),
                cmocka_unit_test(test_rule_10_homes),
                cmocka_unit_test(test_length_of_paths),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_rule_10_gecos),
                cmocka_unit_test(test_rule_10_hosts),
                cmocka_unit_test(test_rule_10_services),
                cmocka_unit_test(test_moments),
                cmocka_unit_test(test_rule_10_moments),
                cmocka_unit_test(test_rule_10_password_change_now),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
