/* What Kratos answers to the steps after the first factor, as v1.3.1 does, and in other forms. */
#include "kratosd/answer-step.h"

#include "answer-bodies.h"

#define INPUT(group, name, value)                                                                  \
        "{\"type\":\"input\",\"group\":\"" group "\",\"attributes\":{\"name\":\"" name             \
        "\",\"type\":\"text\",\"value\":\"" value "\"},\"messages\":[],\"meta\":{}}"
#define TOTP INPUT("totp", "totp_code", "")
#define LOOKUP INPUT("lookup_secret", "lookup_secret", "")
#define ADDRESS INPUT("code", "address", "alice@example.test")
#define TELEPHONE INPUT("code", "address", "+4912345678")
#define KEY INPUT("webauthn", "webauthn_login_trigger", "")
#define CSRF INPUT("default", "csrf_token", "")
#define METHOD INPUT("totp", "method", "totp")

static int read_offer(const char *body, kratos_offer *ret)
{
        return answer_offer(body, strlen(body), ret);
}

static void test_all_of_them(void **state)
{
        kratos_offer offer;

        (void)state;
        assert_int_equal(read_offer(FLOW_WITH("[" CSRF "," ADDRESS "," TELEPHONE "," TOTP "," METHOD
                                              "," LOOKUP "," KEY "]",
                                            "[]"),
                                 &offer),
                KRATOS_OK);
        assert_string_equal(offer.flow.id, FLOW);
        assert_true(offer.totp && offer.lookup_secret && offer.other);
        assert_false(offer.sent);
        assert_int_equal(offer.n_addresses, 2);
        assert_string_equal(offer.addresses[0], "alice@example.test");
        assert_string_equal(offer.addresses[1], "+4912345678");
}

/* What a flow offers that has these nodes, and nothing else. */
static void read_nodes(const char *nodes, kratos_offer *ret)
{
        char body[2048];

        snprintf(body, sizeof(body), FLOW_HEAD ",\"ui\":{\"nodes\":%s}}", nodes);
        assert_int_equal(read_offer(body, ret), KRATOS_OK);
}

static void test_nothing(void **state)
{
        static const char *const nodes[] = { "null", "[]", "[" CSRF "]", "{}",
                "[" INPUT("default", "totp_code", "") "]",
                "[" CSRF "," INPUT("captcha", "captcha_turnstile_response", "") "]",
                "[" INPUT("profile", "traits.email", "alice@example.test") "]" };

        (void)state;
        for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
                kratos_offer offer;

                read_nodes(nodes[i], &offer);
                assert_false(offer.totp || offer.lookup_secret || offer.other);
                assert_int_equal(offer.n_addresses, 0);
        }
}

/* Whoever has a factor of which nothing is known here has one all the same. */
static void test_rule_4_others(void **state)
{
        static const char *const nodes[] = { "[" KEY "]", "[" INPUT("passkey", "x", "") "]",
                "[" CSRF "," INPUT("push", "accept", "") "]", "[{\"group\":\"totp\"}]",
                "[" METHOD "]", "[" INPUT("password", "totp_code", "") "]",
                "[" INPUT("code", "address", "") "]", "[" INPUT("code", "method", "code") "]",
                "[" INPUT("lookup_secret", "method", "") "]", "[null]", "[1]", "[[]]", "[{}]" };

        (void)state;
        for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
                kratos_offer offer;

                read_nodes(nodes[i], &offer);
                assert_false(offer.totp || offer.lookup_secret);
                assert_int_equal(offer.n_addresses, 0);
                assert_true(offer.other);
        }
}

/* What belongs to a factor that can be asked for is no other. */
static void test_no_others(void **state)
{
        kratos_offer offer;

        (void)state;
        assert_int_equal(
                read_offer(FLOW_WITH("[" CSRF "," METHOD "," TOTP "," ADDRESS
                                     "," INPUT("code", "method", "code") "," LOOKUP "," INPUT(
                                             "lookup_secret", "method", "") "]",
                                   "[]"),
                        &offer),
                KRATOS_OK);
        assert_true(offer.totp && offer.lookup_secret && offer.n_addresses == 1);
        assert_false(offer.other);
}

/* One that is too long to send a code to. */
static void test_rule_4_a_long_address(void **state)
{
        char body[1024], address[ADDRESS_MAX + 2];
        kratos_offer offer;

        (void)state;
        memset(address, 'a', sizeof(address) - 1);
        address[sizeof(address) - 1] = '\0';
        snprintf(body, sizeof(body),
                FLOW_HEAD ",\"ui\":{\"nodes\":[{\"group\":\"code\",\"attributes\":{\"name\":"
                          "\"address\",\"value\":\"%s\"}}]}}",
                address);
        assert_int_equal(read_offer(body, &offer), KRATOS_OK);
        assert_int_equal(offer.n_addresses, 0);
        assert_true(offer.other);
}

/* Kratos since 26.2 sends a code by itself where there is nothing else to choose. */
static void test_sent_already(void **state)
{
        static const char body[] = FLOW_HEAD ",\"state\":\"sent_email\",\"ui\":{\"nodes\":[" INPUT(
                "code", "identifier", "alice@example.test") "]}}";
        kratos_offer offer;

        (void)state;
        assert_int_equal(read_offer(body, &offer), KRATOS_OK);
        assert_true(offer.sent);
        assert_int_equal(offer.n_addresses, 1);
        assert_string_equal(offer.addresses[0], "alice@example.test");
}

static void test_addresses_are_bounded(void **state)
{
        char body[4096], address[ADDRESS_MAX + 2];
        kratos_offer offer;
        size_t used;

        (void)state;
        memset(address, 'a', sizeof(address) - 1);
        address[sizeof(address) - 1] = '\0';
        used = (size_t)snprintf(body, sizeof(body), FLOW_HEAD ",\"ui\":{\"nodes\":[");
        used += (size_t)snprintf(body + used, sizeof(body) - used,
                "{\"group\":\"code\",\"attributes\":{\"name\":\"address\",\"value\":\"%s\"}}",
                address);
        for (unsigned i = 0; i < 7; i++)
                used += (size_t)snprintf(body + used, sizeof(body) - used,
                        ",{\"group\":\"code\",\"attributes\":{\"name\":\"address\",\"value\":"
                        "\"%c@x\"}}",
                        "aabcdef"[i]);
        snprintf(body + used, sizeof(body) - used, "]}}");
        assert_int_equal(read_offer(body, &offer), KRATOS_OK);
        assert_int_equal(offer.n_addresses, OFFER_ADDRESSES_MAX);
        assert_string_equal(offer.addresses[0], "a@x");
        assert_string_equal(offer.addresses[3], "d@x");
}

static void test_no_flow(void **state)
{
        kratos_offer offer = { 0 };

        (void)state;
        assert_int_equal(read_offer("", &offer), KRATOS_BAD_ANSWER);
        assert_int_equal(read_offer("[]", &offer), KRATOS_BAD_ANSWER);
        assert_int_equal(read_offer("{}", &offer), KRATOS_BAD_ANSWER);
        assert_int_equal(read_offer("{\"id\":\"x\"}", &offer), KRATOS_BAD_ANSWER);
}

static int outcome(const char *messages, const char *further)
{
        char body[2048];

        snprintf(body, sizeof(body), FLOW_HEAD ",\"ui\":{\"messages\":[%s]}%s}", messages, further);
        return answer_error(400, body, strlen(body));
}

static void test_what_messages_mean(void **state)
{
        static const struct {
                const char *message;
                int outcome;
        } cases[] = {
                { MESSAGE("4000008"), KRATOS_WRONG_CODE },
                { MESSAGE("4000012"), KRATOS_WRONG_CODE },
                { MESSAGE("4000016"), KRATOS_WRONG_CODE },
                { MESSAGE("4010008"), KRATOS_WRONG_CODE },
                { MESSAGE("4000011"), KRATOS_NO_FACTOR },
                { MESSAGE("4000014"), KRATOS_NO_FACTOR },
                { MESSAGE("4000035"), KRATOS_NO_FACTOR },
                { MESSAGE("4000037"), KRATOS_BAD_CREDENTIALS },
                { MESSAGE("4000001"), KRATOS_NOT_TAKEN },
                { MESSAGE("4010001"), KRATOS_FLOW_GONE },
                { MESSAGE("4000010"), KRATOS_DENIED },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(outcome(cases[i].message, ""), cases[i].outcome);
                /* A code that was sent before changes nothing of that, but where nothing is said.
                 */
                if (cases[i].outcome != KRATOS_DENIED)
                        assert_int_equal(outcome(cases[i].message, ",\"state\":\"sent_email\""),
                                cases[i].outcome);
        }
        assert_int_equal(
                outcome(MESSAGE("1010014"), ",\"state\":\"sent_email\""), KRATOS_CODE_SENT);
        assert_int_equal(outcome("", ",\"state\":\"choose_method\""), KRATOS_DENIED);
}

static void test_no_session(void **state)
{
        static const char body[] = "{\"error\":{\"code\":401,\"id\":\"session_aal1_required\"}}";

        (void)state;
        assert_int_equal(answer_error(401, body, sizeof(body) - 1), KRATOS_NO_SESSION);
}

static void check_sentence(const char *id, const char *type, const char *text, const char *shown)
{
        char body[4096], sentence[PROMPT_TEXT_MAX + 1] = "x";

        snprintf(body, sizeof(body),
                FLOW_HEAD
                ",\"ui\":{\"messages\":[{\"id\":1010004,\"type\":\"info\",\"text\":\"I\"},"
                "{\"id\":%s,\"type\":\"%s\",\"text\":\"%s\"}]}}",
                id, type, text);
        answer_sentence(body, strlen(body), sentence);
        assert_string_equal(sentence, shown);
}

static void test_sentences(void **state)
{
        char longer[PROMPT_TEXT_MAX + 20], cut[PROMPT_TEXT_MAX + 1];

        (void)state;
        check_sentence("4000010", "error", "Verify it first.", "Verify it first.");
        check_sentence("123", "error", "A hook says no.", "A hook says no.");
        check_sentence("123", "info", "A hook says yes.", "");
        /* Kratos's own would tell whether somebody exists. */
        check_sentence("4000035", "error", "This account does not exist.", "");
        check_sentence("123", "error", "a\\u0007b\\u001b[31mc\\u009bd\\ne", "ab[31mcde");
        check_sentence("123", "error", "Grüße …", "Grüße …");

        /* It is cut between characters. */
        memset(longer, 'x', sizeof(longer));
        memcpy(longer + PROMPT_TEXT_MAX - 1, "ü and more", 12);
        memset(cut, 'x', PROMPT_TEXT_MAX - 1);
        cut[PROMPT_TEXT_MAX - 1] = '\0';
        check_sentence("123", "error", longer, cut);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_of_them),
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_rule_4_others),
                cmocka_unit_test(test_no_others),
                cmocka_unit_test(test_rule_4_a_long_address),
                cmocka_unit_test(test_sent_already),
                cmocka_unit_test(test_addresses_are_bounded),
                cmocka_unit_test(test_no_flow),
                cmocka_unit_test(test_what_messages_mean),
                cmocka_unit_test(test_no_session),
                cmocka_unit_test(test_sentences),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
