/* What Kratos answers to a change of settings, as v1.3.1 does, and in other forms. */
#include "kratosd/answer-settings.h"

#include "answer-bodies.h"

#define SETTINGS_HEAD                                                                              \
        "{\"id\":\"" FLOW "\",\"type\":\"api\",\"expires_at\":\"2026-11-27T09:35:39.9Z\","         \
        "\"issued_at\":\"2026-11-27T08:35:39.9Z\",\"request_url\":\"http://127.0.0.1:4433/"        \
        "self-service/settings/api\",\"ui\":{\"action\":\"http://127.0.0.1:4433/self-service/"     \
        "settings?flow=" FLOW "\",\"method\":\"POST\""
#define SETTINGS(messages, of_node, state)                                                         \
        SETTINGS_HEAD ",\"nodes\":[{\"type\":\"input\",\"group\":\"default\",\"attributes\":{"     \
                      "\"name\":\"csrf_token\"},\"messages\":[],\"meta\":{}},{\"type\":\"input\"," \
                      "\"group\":\"password\",\"attributes\":{\"name\":\"password\"},"             \
                      "\"messages\":" of_node ",\"meta\":{}}]" messages                            \
                      "},\"identity\":{\"id\":\"" IDENTITY                                         \
                      "\",\"traits\":{\"username\":\"alexandra\"}},\"state\":\"" state "\"}\n"
#define ERROR_TEXT(id, text) "{\"id\":" id ",\"text\":\"" text "\",\"type\":\"error\"}"

#define SHORT "The password must be at least 6 characters long, but got 3."
#define SIMILAR "The password can not be used because it is too similar to the identifier."
#define BREACHED "The password has been found in data breaches and must no longer be used."
#define SAME "The new password must be different from the old password."

#define SUCCESS                                                                                    \
        SETTINGS(",\"messages\":[{\"id\":1050001,\"text\":\"Your changes have been saved!\","      \
                 "\"type\":\"success\"}]",                                                         \
                "[]", "success")
#define REFUSED(id, text) SETTINGS("", "[" ERROR_TEXT(id, text) "]", "show_form")

#define TOO_OLD                                                                                    \
        "{\"error\":{\"id\":\"session_refresh_required\",\"code\":403,\"status\":\"Forbidden\","   \
        "\"reason\":\"The login session is too old and thus not allowed to update these fields. "  \
        "Please re-authenticate.\",\"message\":\"The requested action was forbidden\"},"           \
        "\"redirect_browser_to\":\"http://127.0.0.1:4433/self-service/login/browser\"}"
#define AAL2_WANTED                                                                                \
        "{\"error\":{\"id\":\"session_aal2_required\",\"code\":403,\"status\":\"Forbidden\","      \
        "\"reason\":\"An active session was found but\",\"message\":\"Session does not fulfill "   \
        "the requested Authenticator Assurance Level\"}}"
#define NO_SESSION                                                                                 \
        "{\"error\":{\"id\":\"session_inactive\",\"code\":401,\"status\":\"Unauthorized\","        \
        "\"reason\":\"This endpoint can only be accessed with a valid session. Please log in "     \
        "and try again.\",\"message\":\"request does not have a valid authentication session\"}}"
#define MISMATCH                                                                                   \
        "{\"error\":{\"id\":\"security_identity_mismatch\",\"code\":403,\"status\":\"Forbidden\"}" \
        "}"
#define GATEWAY "{\"error\":{\"id\":\"session_aal2_required\"}}"
#define MOVED                                                                                      \
        "{\"error\":{\"id\":\"browser_location_change_required\",\"code\":422},"                   \
        "\"redirect_browser_to\":\"http://127.0.0.1/\"}"

/* What answer_error says first, as call.c has it do. */
static int meaning(unsigned status, const char *body)
{
        int outcome = status < 300 ? KRATOS_OK : answer_error(status, body, strlen(body));

        return answer_settings(status, body, strlen(body), outcome);
}

static void test_meanings(void **state)
{
        static const struct {
                unsigned status;
                const char *body;
                int outcome;
        } cases[] = {
                { 200, SUCCESS, KRATOS_OK },
                { 400, REFUSED("4000032", SHORT), KRATOS_DENIED },
                { 400, REFUSED("4000031", SIMILAR), KRATOS_DENIED },
                { 400, REFUSED("4000006", "odd"), KRATOS_DENIED },
                { 400, SETTINGS("", "[]", "show_form"), KRATOS_DENIED },
                { 400, "{\"error\":{\"code\":400}}", KRATOS_REFUSED },
                { 400, "<html>", KRATOS_REFUSED },
                { 401, NO_SESSION, KRATOS_NO_SESSION },
                { 401, "<html>", KRATOS_REFUSED },
                { 403, TOO_OLD, KRATOS_NOT_SURE_ENOUGH },
                { 403, AAL2_WANTED, KRATOS_NOT_SURE_ENOUGH },
                { 403, MISMATCH, KRATOS_FORBIDDEN },
                { 403, GATEWAY, KRATOS_REFUSED },
                { 403, "", KRATOS_REFUSED },
                { 404, "{\"error\":{\"code\":404}}", KRATOS_NOT_FOUND },
                { 410, "{}", KRATOS_FLOW_GONE },
                { 422, MOVED, KRATOS_REFUSED },
                { 429, "{}", KRATOS_RATE_LIMITED },
                { 500, REFUSED("4000032", SHORT), KRATOS_FAULT },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(meaning(cases[i].status, cases[i].body), cases[i].outcome);
}

static int verdict_of(const char *body)
{
        return answer_changed(body, strlen(body));
}

/* A 200 alone is nothing. */
static void test_changed(void **state)
{
        (void)state;
        assert_int_equal(verdict_of(SUCCESS), KRATOS_OK);
        assert_int_equal(verdict_of(SETTINGS("", "[]", "show_form")), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("{\"state\":1}"), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("{\"state\":null}"), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("{}"), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("[]"), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("<html>"), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of(""), KRATOS_BAD_ANSWER);
        assert_int_equal(verdict_of("{\"state\":\"success\",\"state\":\"x\"}"), KRATOS_BAD_ANSWER);
}

static void check_objections(const char *body, const char *expected)
{
        char said[PROMPT_TEXT_MAX + 1] = "before";

        answer_objections(body, strlen(body), said);
        assert_string_equal(said, expected);
}

static void test_word_for_word(void **state)
{
        (void)state;
        check_objections(REFUSED("4000032", SHORT), SHORT);
        check_objections(REFUSED("4000031", SIMILAR), SIMILAR);
        check_objections(REFUSED("4000034", BREACHED), BREACHED);
        check_objections(REFUSED("4000039", SAME), SAME);
        check_objections(
                SETTINGS(",\"messages\":[" ERROR_TEXT("4000001", "One.") "]",
                        "[" ERROR_TEXT("4000032", "Two.") "," ERROR_TEXT("1234", "Three.") "]",
                        "show_form"),
                "One. Two. Three.");
}

/* What is no error, or nothing at all, is not said. */
static void test_nothing_to_say(void **state)
{
        (void)state;
        check_objections(SUCCESS, "");
        check_objections(SETTINGS("", "null", "show_form"), "");
        check_objections(
                SETTINGS("", "[null,1,{},{\"type\":\"error\"},{\"text\":\"x\"}]", "x"), "");
        check_objections("{}", "");
        check_objections("<html>", "");
        check_objections("", "");
}

static void test_rule_10_control_characters_and_length(void **state)
{
        char body[4096], text[1024], said[PROMPT_TEXT_MAX + 1];

        (void)state;
        check_objections(REFUSED("4000032", "a\\u001b[2Jb\\nc\\u009bd"), "a[2Jbcd");
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        snprintf(body, sizeof(body),
                "{\"ui\":{\"nodes\":[],\"messages\":[" ERROR_TEXT("1", "%s") "," ERROR_TEXT(
                        "2", "more") "]}}",
                text);
        answer_objections(body, strlen(body), said);
        assert_int_equal(strlen(said), PROMPT_TEXT_MAX);
        assert_int_equal(strspn(said, "x"), PROMPT_TEXT_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_meanings),
                cmocka_unit_test(test_changed),
                cmocka_unit_test(test_word_for_word),
                cmocka_unit_test(test_nothing_to_say),
                cmocka_unit_test(test_rule_10_control_characters_and_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
