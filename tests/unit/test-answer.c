/* Kratos's answers, as a real server of v1.3.1 gave them, and then with something wrong. */
#include "answer-bodies.h"
#include "kratosd/answer.h"

#include <stdio.h>

static const char login_body[] =
        "{\"session_token\":\"" TOKEN "\",\"session\":{\"id\":\"" SESSION "\",\"active\":true,"
        "\"expires_at\":\"2026-11-24T10:27:47.392367028Z\",\"authenticator_assurance_level\":"
        "\"aal1\",\"authentication_methods\":[{\"method\":\"password\",\"aal\":\"aal1\"}],"
        "\"identity\":{\"id\":\"" IDENTITY "\",\"schema_id\":\"default\",\"state\":\"active\","
        "\"traits\":{\"username\":\"alice\"}," POSIX ",\"organization_id\":null}," DEVICES "},"
        "\"continue_with\":null}\n";

static int read_login(const char *from, const char *to, kratos_login *ret)
{
        size_t size;
        _cleanup_free_ char *body = changed(login_body, from, to, &size);

        *ret = (kratos_login){ 0 };
        return answer_login(body, size, NONCE, ret);
}

static void test_flow(void **state)
{
        static const char body[] = FLOW_WITH("[" NODE "]", "null");
        kratos_flow flow = { .id = "" };

        (void)state;
        assert_int_equal(answer_flow(body, strlen(body), &flow), KRATOS_OK);
        assert_string_equal(flow.id, FLOW);
        assert_int_equal(answer_flow("{\"id\":\"" FLOW "\"}", 45, &flow), KRATOS_OK);
}

static void test_flow_that_is_none(void **state)
{
        static const char *const bodies[] = { "", " ", "{", "{}", "[]", "null", "true",
                "\"" FLOW "\"", "{\"id\":null}", "{\"id\":1}", "{\"id\":{}}",
                "{\"id\":[\"" FLOW "\"]}", "{\"id\":\"\"}",
                "{\"id\":\"DAEF118A-AB76-4DB0-8803-3C710B7BDEC6\"}", "{\"id\":\"" FLOW "0\"}",
                "{\"id\":\"" FLOW "\\u0000\"}", "{\"id\":\"" FLOW "\"", "{\"id\":\"" FLOW "\"}x",
                "{\"id\":\"" FLOW "\"}{}", "{\"id\":\"" FLOW "\",\"id\":\"" FLOW "\"}",
                "{\"id\":\"" FLOW "\",\"i\\u0064\":\"" OTHER "\"}", "{'id':'" FLOW "'}",
                "{\"id\":\"" FLOW "\",}", "{\"id\":\"" FLOW "\" /* */}", "{\"ID\":\"" FLOW "\"}",
                "\xef\xbb\xbf{\"id\":\"" FLOW "\"}", "{\"id\":\"" FLOW "\",\"x\":\"\xff\"}",
                "{\"id\":\"" FLOW "\",\"x\":NaN", "{\"flow\":{\"id\":\"" FLOW "\"}}",
                "<html><body>Sorry</body></html>" };
        kratos_flow flow = { .id = "untouched" };

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                if (answer_flow(bodies[i], strlen(bodies[i]), &flow) != KRATOS_BAD_ANSWER)
                        fail_msg("taken for a flow: %s", bodies[i]);
                assert_string_equal(flow.id, "untouched");
        }
}

/* What stands after the end of a text, even behind a NUL, makes it another text. */
static void test_bytes_after_the_end(void **state)
{
        static const char body[] = "{\"id\":\"" FLOW "\"}\n\0 more";
        kratos_flow flow;

        (void)state;
        assert_int_equal(answer_flow(body, sizeof(body) - 1, &flow), KRATOS_BAD_ANSWER);
        assert_int_equal(answer_flow(body, sizeof(body) - 7, &flow), KRATOS_OK);
}

static void test_depth(void **state)
{
        (void)state;
        for (size_t depth = 1; depth < 100000; depth = depth < 40 ? depth + 1 : depth * 7) {
                size_t head = strlen("{\"id\":\"" FLOW "\",\"x\":"), size = head + 2 * depth + 2;
                _cleanup_free_ char *body = malloc(size);
                kratos_flow flow;
                int r;

                assert_non_null(body);
                snprintf(body, size, "{\"id\":\"" FLOW "\",\"x\":");
                memset(body + head, '[', depth);
                memset(body + head + depth, ']', depth);
                body[size - 2] = '}';
                r = answer_flow(body, size - 1, &flow);
                if (depth < 10)
                        assert_int_equal(r, KRATOS_OK);
                if (depth > 32)
                        assert_int_equal(r, KRATOS_BAD_ANSWER);
        }
}

/* {"id": FLOW, "x": [0,0,…]} with so many values in the array. */
static int read_values(size_t values)
{
        static const char start[] = "{\"id\":\"" FLOW "\",\"x\":[0";
        size_t size = strlen(start) + 2 * (values - 1) + 2;
        _cleanup_free_ char *body = malloc(size + 1);
        kratos_flow flow;

        assert_non_null(body);
        memcpy(body, start, strlen(start));
        for (size_t i = strlen(start); i < size - 2; i += 2)
                memcpy(body + i, ",0", 2);
        memcpy(body + size - 2, "]}", 2);
        return answer_flow(body, size, &flow);
}

/* json-c takes hundreds of bytes for what is two in the body. */
static void test_rule_26_values(void **state)
{
        char body[30100];
        kratos_flow flow;

        (void)state;
        assert_int_equal(read_values(15000), KRATOS_OK);
        assert_int_equal(read_values(19998), KRATOS_OK);
        assert_int_equal(read_values(19999), KRATOS_BAD_ANSWER);
        assert_int_equal(read_values(100000), KRATOS_BAD_ANSWER);

        /* What stands in a string is no value. */
        snprintf(body, sizeof(body), "{\"x\":\"%030000d\",\"id\":\"" FLOW "\"}", 0);
        memset(body + 6, ',', 30000);
        assert_int_equal(answer_flow(body, strlen(body), &flow), KRATOS_OK);
}

static void test_login(void **state)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };

        (void)state;
        assert_int_equal(answer_login(login_body, strlen(login_body), NONCE, &login), KRATOS_OK);
        assert_string_equal(secret_data(login.token), TOKEN);
        assert_string_equal(login.session, SESSION);
        assert_string_equal(login.identity, IDENTITY);
        assert_string_equal(login.posix_name, "alice");
        assert_true(login.active && login.lists_devices && login.has_nonce);
        assert_false(login.inactive_identity);
        kratos_login_done(&login);
        assert_null(login.token);
}

static void test_login_cut_short(void **state)
{
        (void)state;
        for (size_t size = 0; size < strlen(login_body) - 1; size++) {
                _cleanup_(kratos_login_done) kratos_login login = { 0 };
                _cleanup_free_ char *body = malloc(size + 1);

                assert_non_null(body);
                memcpy(body, login_body, size);
                assert_int_equal(answer_login(body, size, NONCE, &login), KRATOS_BAD_ANSWER);
                assert_null(login.token);
        }
}

/* With each of these the whole answer is bad. The token tells whether it could be read, so that its
 * session can be revoked. */
static void test_login_with_a_bad_field(void **state)
{
        static const struct {
                const char *from;
                const char *to;
                bool token;
        } cases[] = {
                { "\"session_token\":\"" TOKEN "\",", "", false },
                { "\"" TOKEN "\"", "null", false },
                { "\"" TOKEN "\"", "17", false },
                { "\"" TOKEN "\"", "[\"" TOKEN "\"]", false },
                { TOKEN, "", false },
                { TOKEN, TOKEN " ", false },
                { TOKEN, TOKEN "\\r\\nX-Evil: 1", false },
                { TOKEN, TOKEN "\\u0000", false },
                { TOKEN, TOKEN "\xc3\xa9", false },
                { "\"session_token\"", "\"session_token\":\"x\",\"session_token\"", false },
                { "\"session_token\"", "\"session_toke\\u006e\":\"x\",\"session_token\"", false },
                { "\"session\":{", "\"sessions\":{", true },
                { "\"session\":{", "\"session\":null,\"other\":{", true },
                { "\"session\":{", "\"session\":[],\"other\":{", true },
                { "\"session\":{", "\"session\":{\"id\":\"" OTHER "\",", false },
                { "\"id\":\"" SESSION "\",", "", true },
                { "\"" SESSION "\"", "null", true },
                { "\"" SESSION "\"", "{}", true },
                { SESSION, "", true },
                { SESSION, SESSION "\\u0000", true },
                { SESSION, "../../identities", true },
                { "\"active\":true,", "", true },
                { "\"active\":true", "\"active\":null", true },
                { "\"active\":true", "\"active\":1", true },
                { "\"active\":true", "\"active\":\"true\"", true },
                { "\"active\":true", "\"active\":false,\"active\":true", false },
                { "\"identity\":{", "\"person\":{", true },
                { "\"identity\":{", "\"identity\":[],\"other\":{", true },
                { "\"identity\":{", "\"identity\":\"" IDENTITY "\",\"other\":{", true },
                { "\"identity\":{", "\"identity\":null,\"identity\":{", false },
                { "\"identity\":{", "\"identity\":false,\"other\":{", true },
                { "\"id\":\"" IDENTITY "\",", "", true },
                { "\"" IDENTITY "\"", "null", true },
                { "\"" IDENTITY "\"", "4", true },
                { IDENTITY, "", true },
                { IDENTITY, IDENTITY "\\u0000", true },
                { "\"username\":\"alice\"", "\"username\":\"alice\",\"username\":\"bob\"", false },
                { "\"username\":\"alice\"", "\"username\":\"\xff\"", false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_(kratos_login_done) kratos_login login = { 0 };

                if (read_login(cases[i].from, cases[i].to, &login) != KRATOS_BAD_ANSWER)
                        fail_msg("taken for a login with %s", cases[i].to);
                if (cases[i].token != (login.token != NULL))
                        fail_msg("the token of one with %s", cases[i].to);
        }
}

static void test_login_token_sizes(void **state)
{
        char token[TOKEN_MAX + 2];

        (void)state;
        memset(token, 'x', sizeof(token));
        for (size_t size = 1; size <= TOKEN_MAX + 1; size++) {
                _cleanup_(kratos_login_done) kratos_login login = { 0 };

                token[size] = '\0';
                assert_int_equal(read_login(TOKEN, token, &login),
                        size <= TOKEN_MAX ? KRATOS_OK : KRATOS_BAD_ANSWER);
                token[size] = 'x';
        }
}

/* A first-factor answer: Kratos says 200, and no identity. */
static void test_rule_4_login_without_identity(void **state)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };

        (void)state;
        assert_int_equal(
                read_login("\"identity\":{", "\"identity\":null,\"other\":{", &login), KRATOS_OK);
        assert_string_equal(login.identity, "");
        assert_string_equal(login.posix_name, "");
        assert_true(login.active);
}

static void check_state(const char *to, bool inactive)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };
        int r = read_login("\"state\":\"active\",", to, &login);

        if (r == KRATOS_BAD_ANSWER && inactive)
                return;
        assert_int_equal(r, KRATOS_OK);
        if (login.inactive_identity != inactive)
                fail_msg("the identity of one with '%s'", to);
}

static void test_identity_state(void **state)
{
        (void)state;
        check_state("", false); /* v0.6 */
        check_state("\"state\":\"active\",", false);
        check_state("\"state\":\"inactive\",", true);
        check_state("\"state\":\"Active\",", true);
        check_state("\"state\":\"active\\u0000\",", true);
        check_state("\"state\":\"\",", true);
        check_state("\"state\":true,", true);
        check_state("\"state\":[\"active\"],", true);
        check_state("\"state\":null,", true);
}

static void test_inactive_session(void **state)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };

        (void)state;
        assert_int_equal(read_login("\"active\":true", "\"active\":false", &login), KRATOS_OK);
        assert_false(login.active);
}

static void check_name(const char *to, const char *name)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };

        assert_int_equal(read_login(POSIX, to, &login), KRATOS_OK);
        assert_string_equal(login.posix_name, name);
}

/* Names come from the metadata, in their form, or not at all. */
static void test_rule_10_posix_name(void **state)
{
        (void)state;
        check_name("\"metadata_public\":null", "");
        check_name("\"metadata_public\":{}", "");
        check_name("\"metadata_public\":[]", "");
        check_name("\"metadata_public\":\"alice\"", "");
        check_name("\"metadata_public\":{\"posix\":null}", "");
        check_name("\"metadata_public\":{\"posix\":\"alice\"}", "");
        check_name("\"metadata_public\":{\"posix\":{}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":null}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":5}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"alice\\u0000\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"alice\\n\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"-alice\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"Alice\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"a/b\"}}", "");
        check_name("\"metadata_public\":{\"posix\":{\"name\":\"a:b\"}}", "");
        check_name(
                "\"metadata_public\":{\"posix\":{\"name\":\"a23456789012345678901234567890123\"}}",
                "");
        check_name(
                "\"metadata_public\":{\"posix\":{\"name\":\"a2345678901234567890123456789012\"}}",
                "a2345678901234567890123456789012");
}

static void check_devices(const char *to, bool listed, bool found)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };

        assert_int_equal(read_login(DEVICES, to, &login), KRATOS_OK);
        if (login.lists_devices != listed || login.has_nonce != found)
                fail_msg("the devices of one with %s", to);
}

static void test_rule_29_nonce(void **state)
{
        (void)state;
        check_devices("\"other\":1", false, false);
        check_devices("\"devices\":null", true, false);
        check_devices("\"devices\":[]", true, false);
        check_devices("\"devices\":{" AGENT "}", true, false);
        check_devices("\"devices\":\"" NONCE "\"", true, false);
        check_devices("\"devices\":[null]", true, false);
        check_devices("\"devices\":[[]]", true, false);
        check_devices("\"devices\":[\"" NONCE "\"]", true, false);
        check_devices("\"devices\":[{\"user_agent\":null}]", true, false);
        check_devices("\"devices\":[{\"user_agent\":[\"" NONCE "\"]}]", true, false);
        check_devices("\"devices\":[{\"user_agent\":\"\"}]", true, false);
        check_devices("\"devices\":[{\"user_agent\":\" " NONCE "\"}]", true, false);
        check_devices(
                "\"devices\":[{\"user_agent\":\"0123456789ABCDEF0123456789ABCDEF\"}]", true, false);
        check_devices(
                "\"devices\":[{\"user_agent\":\"0123456789abcdef0123456789abcde\"}]", true, false);
        check_devices("\"devices\":[{\"user_agent\":\"0123456789abcdef\\u0000123456789abcdef\"}]",
                true, false);
        check_devices("\"devices\":[{\"ip_address\":\"" NONCE "\"}]", true, false);
        check_devices("\"devices\":[{\"user_agent\":\"curl\"},{" AGENT "}]", true, true);
        check_devices("\"devices\":[{\"user_agent\":\"" NONCE "\"}]", true, true);
        check_devices("\"devices\":[{\"user_agent\":\"\\u0030123456789abcdef0123456789abcdef\"}]",
                true, true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flow),
                cmocka_unit_test(test_flow_that_is_none),
                cmocka_unit_test(test_bytes_after_the_end),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_rule_26_values),
                cmocka_unit_test(test_login),
                cmocka_unit_test(test_login_cut_short),
                cmocka_unit_test(test_login_with_a_bad_field),
                cmocka_unit_test(test_login_token_sizes),
                cmocka_unit_test(test_rule_4_login_without_identity),
                cmocka_unit_test(test_identity_state),
                cmocka_unit_test(test_inactive_session),
                cmocka_unit_test(test_rule_10_posix_name),
                cmocka_unit_test(test_rule_29_nonce),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
