/* What Kratos answers when it does not say yes, and its lists of sessions. */
#include "answer-bodies.h"
#include "kratosd/answer.h"

#include <stdio.h>

#define PEER(id, agent)                                                                            \
        "{\"id\":\"" id "\",\"active\":true,\"identity\":null,\"devices\":[{\"id\":\"" OTHER       \
        "\",\"user_agent\":\"" agent "\"}]}"

static int error(unsigned status, const char *body)
{
        size_t size;
        _cleanup_free_ char *exact = changed(body, "", "", &size);

        return answer_error(status, exact, size);
}

static void test_error_by_status(void **state)
{
        static const char html[] = "<html><body>Sorry</body></html>";

        (void)state;
        for (unsigned status = 300; status < 600; status++) {
                int expected = status >= 500                    ? KRATOS_FAULT
                               : status == 429                  ? KRATOS_RATE_LIMITED
                               : status == 404 || status == 405 ? KRATOS_NO_SUCH_PATH
                               : status == 410                  ? KRATOS_FLOW_GONE
                                                                : KRATOS_REFUSED;

                assert_int_equal(error(status, html), expected);
                assert_int_equal(error(status, ""), expected);
        }
}

static void test_error_shape_a(void **state)
{
        (void)state;
        assert_int_equal(
                error(401, "{\"error\":{\"code\":401,\"reason\":\"This account was disabled.\","
                           "\"details\":{\"identity_id\":\"" IDENTITY "\"}}}"),
                KRATOS_INACTIVE);
        assert_int_equal(error(401, "{\"error\":{\"code\":401,\"details\":{}}}"), KRATOS_REFUSED);
        assert_int_equal(error(401, "{\"error\":null}"), KRATOS_REFUSED);
        assert_int_equal(
                error(401, "{\"error\":{\"id\":\"session_aal1_required\"}}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":{\"code\":403,\"message\":\"forbidden\"}}"),
                KRATOS_FORBIDDEN);
        assert_int_equal(error(403, "{\"error\":null}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":{\"code\":404}}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":{\"code\":\"403\"}}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":\"forbidden\"}"), KRATOS_REFUSED);
        assert_int_equal(error(404, "{\"error\":{\"code\":404}}"), KRATOS_NOT_FOUND);
        assert_int_equal(error(404, "{\"error\":{\"code\":403}}"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(404, "{\"error\":\"not found\"}"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(403, "{}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":{\"code\":404}}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":{\"code\":\"403\"}}"), KRATOS_REFUSED);
        assert_int_equal(error(403, "{\"error\":\"forbidden\"}"), KRATOS_REFUSED);
        assert_int_equal(error(404, "{\"error\":{\"code\":404}}"), KRATOS_NOT_FOUND);
        assert_int_equal(error(404, "{\"error\":{\"code\":403}}"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(404, "{\"error\":null}"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(404, "404 page not found\n"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(405, "{\"error\":{\"code\":405}}"), KRATOS_NO_SUCH_PATH);
        assert_int_equal(error(403, "[]"), KRATOS_REFUSED);
        assert_int_equal(error(400, "{\"error\":{\"code\":400}}"), KRATOS_REFUSED);
        assert_int_equal(
                error(410, "{\"error\":{\"id\":\"self_service_flow_expired\"}}"), KRATOS_FLOW_GONE);
        assert_int_equal(error(422, "{\"error\":{\"id\":\"browser_location_change_required\"}}"),
                KRATOS_REFUSED);
}

static void test_error_shape_b(void **state)
{
        static const char node_message[] = FLOW_WITH(
                "[" NODE ",{\"messages\":[" MESSAGE("1010003") "," MESSAGE("4000006") "]}]", "[]");

        (void)state;
        assert_int_equal(error(400, FLOW_WITH("[" NODE "]", "[" MESSAGE("4000006") "]")),
                KRATOS_BAD_CREDENTIALS);
        assert_int_equal(error(400, node_message), KRATOS_BAD_CREDENTIALS);
        assert_int_equal(
                error(400, FLOW_WITH("null", "[" MESSAGE("4010011") "]")), KRATOS_INACTIVE);
        assert_int_equal(
                error(400, FLOW_WITH("null", "[" MESSAGE("4010001") "]")), KRATOS_FLOW_GONE);
        assert_int_equal(
                error(400, FLOW_WITH("null", "[" MESSAGE("4010007") "]")), KRATOS_FLOW_GONE);
        assert_int_equal(error(400, FLOW_WITH("null", "[" MESSAGE("4000002") "]")), KRATOS_DENIED);
        assert_int_equal(error(400, FLOW_WITH("[" NODE "]", "null")), KRATOS_DENIED);
        assert_int_equal(error(400, FLOW_WITH("{}", "{}")), KRATOS_DENIED);
        assert_int_equal(
                error(400, FLOW_WITH("[null,[]]", "[null,4000006,\"4000006\"]")), KRATOS_DENIED);
        assert_int_equal(error(400, "{\"ui\":null}"), KRATOS_REFUSED);
        assert_int_equal(error(400, "{\"messages\":[" MESSAGE("4000006") "]}"), KRATOS_REFUSED);
}

/* Only a 400 says that a password is wrong: no other status is taken for one. */
static void test_flow_under_another_status(void **state)
{
        static const char body[] = FLOW_WITH("null", "[" MESSAGE("4000006") "]");

        (void)state;
        for (unsigned status = 300; status < 600; status++)
                if (status != 400)
                        assert_int_not_equal(error(status, body), KRATOS_BAD_CREDENTIALS);
}

static int find(const char *body, const char *session, char ret[static UUID_LENGTH + 1])
{
        size_t size;
        _cleanup_free_ char *exact = changed(body, "", "", &size);

        snprintf(ret, UUID_LENGTH + 1, "untouched");
        return answer_find_session(exact, size, NONCE, session, SESSIONS_PAGE, ret);
}

static void test_find_session(void **state)
{
        static const char list[] =
                "[" PEER(OTHER, "curl") "," PEER(SESSION, NONCE " kratosd") "]\n";
        char id[UUID_LENGTH + 1];

        (void)state;
        assert_int_equal(find(list, "", id), KRATOS_OK);
        assert_string_equal(id, SESSION);
        assert_int_equal(find(list, OTHER, id), KRATOS_OK);
        assert_string_equal(id, OTHER);
        assert_int_equal(find(list, FLOW, id), KRATOS_NOT_FOUND);
        assert_int_equal(find("[" PEER(OTHER, "curl") "]", "", id), KRATOS_NOT_FOUND);
        assert_int_equal(find("[{\"id\":\"" OTHER "\"}]", "", id), KRATOS_NOT_FOUND);
        assert_int_equal(find("[]", "", id), KRATOS_NOT_FOUND);
        assert_int_equal(find("[]\n", OTHER, id), KRATOS_NOT_FOUND);
        assert_int_equal(find("null", "", id), KRATOS_NOT_FOUND);
        assert_int_equal(find("null\n", OTHER, id), KRATOS_NOT_FOUND);
        assert_string_equal(id, "untouched");
}

/* A list that cannot be read must not pass for one in which the session is not. */
static void test_find_session_in_a_bad_list(void **state)
{
        static const char *const bodies[] = { "", " ", "[", "nul", "{}", "true", "0", "\"\"",
                "[" PEER(OTHER, "curl"), "[" PEER(OTHER, "curl") "]]", "[null]", "[[]]", "[{}]",
                "[{\"id\":null}]", "[{\"id\":\"x\"}]", "[{\"id\":\"" OTHER "\\u0000\"}]",
                "[{\"id\":\"" OTHER "\"},5]", "[{\"id\":\"" OTHER "\",\"x\":\"\xff\"}]",
                "{\"error\":{\"code\":401}}", "[]x", "null null", "<html>" };
        char id[UUID_LENGTH + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
                if (find(bodies[i], "", id) != KRATOS_BAD_ANSWER ||
                        find(bodies[i], SESSION, id) != KRATOS_BAD_ANSWER)
                        fail_msg("taken for a list: %s", bodies[i]);
        assert_string_equal(id, "untouched");
}

static void test_reasons(void **state)
{
        (void)state;
        assert_string_equal(kratos_outcome_reason(KRATOS_UNREACHABLE), "kratos-unreachable");
        assert_string_equal(kratos_outcome_reason(KRATOS_NOT_ASKED), "kratos-busy");
        assert_string_equal(kratos_outcome_reason(KRATOS_NO_ANSWER), "kratos-timeout");
        assert_string_equal(kratos_outcome_reason(KRATOS_RATE_LIMITED), "kratos-rate-limited");
        assert_string_equal(kratos_outcome_reason(KRATOS_BAD_ANSWER), "kratos-bad-answer");
        assert_string_equal(kratos_outcome_reason(KRATOS_FAULT), "kratos-error");
        assert_string_equal(kratos_outcome_reason(KRATOS_REFUSED), "kratos-error");
        assert_string_equal(kratos_outcome_reason(-12), "internal-fault");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_error_by_status),
                cmocka_unit_test(test_error_shape_a),
                cmocka_unit_test(test_error_shape_b),
                cmocka_unit_test(test_flow_under_another_status),
                cmocka_unit_test(test_find_session),
                cmocka_unit_test(test_find_session_in_a_bad_list),
                cmocka_unit_test(test_reasons),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
