/* Calls to Kratos: which server is asked, in which lane, and what is made of how requests end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/call.h"
#include "kratosd/timespan.h"

#define UUID "11111111-2222-4333-8444-555555555555"

/* HTTP, which ends a request when the test says so. */
static struct {
        const server_url *server;
        enum http_lane lane;
        http_done done;
        void *userdata;
} asked;
static unsigned n_asked;

int http_new(sd_event *event, http **ret)
{
        (void)event;
        *ret = NULL;
        return 0;
}

http *http_free(http *h)
{
        (void)h;
        return NULL;
}

int http_start(http *h, const http_ask *ask, http_done done, void *userdata, http_request **ret)
{
        (void)h;
        asked.server = ask->server;
        asked.lane = ask->lane;
        asked.done = done;
        asked.userdata = userdata;
        n_asked++;
        *ret = NULL;
        return 0;
}

http_request *http_cancel(http_request *request)
{
        (void)request;
        return NULL;
}

int http_escape(const char *text, char **ret)
{
        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

void http_forget_connections(http *h)
{
        (void)h;
}

static config configuration;
static kratos *asker;
static int ended; /* the outcome, or -1 */

static void end_request_saying(enum http_result result, unsigned status, const char *text)
{
        _cleanup_secret_ secret *body = NULL;
        http_answer answer = { .result = result, .status = status, .error = "so it ended" };

        assert_int_equal(secret_new(256, &body), 0);
        assert_int_equal(secret_append_string(body, text), 0);
        answer.body = body;
        asked.done(&answer, asked.userdata);
}

static void end_request(enum http_result result, unsigned status)
{
        end_request_saying(result, status, "");
}

static void on_identity(int outcome, const kratos_identity *identity, void *userdata)
{
        (void)identity;
        (void)userdata;
        ended = outcome;
}

static void get_identity(bool urgent)
{
        kratos_call *call;

        ended = -1;
        assert_int_equal(kratos_admin_get_identity(
                                 asker, UUID, urgent, USEC_PER_SEC, on_identity, NULL, &call),
                0);
}

static void on_login(const kratos_login_reply *reply, void *userdata)
{
        (void)userdata;
        ended = reply->outcome;
}

/* A password is posted, and answered with a status and a body. */
static int post(const char *nonce, unsigned status, const char *text)
{
        static const kratos_flow flow = { .id = UUID };
        _cleanup_secret_ secret *password = NULL;
        kratos_submission s = { .flow = &flow,
                .method = KRATOS_PASSWORD,
                .identifier = "alice",
                .nonce = nonce,
                .service = "sshd",
                .tty = "",
                .deadline_usec = USEC_PER_SEC };
        kratos_call *call;

        assert_int_equal(secret_new(8, &password), 0);
        assert_int_equal(secret_append_string(password, "guess"), 0);
        s.answer = password;
        assert_int_equal(kratos_submit(asker, &s, on_login, NULL, &call), 0);
        end_request_saying(status ? HTTP_ANSWERED : HTTP_BROKEN, status, text);
        return ended;
}

static void on_flow(int outcome, const kratos_flow *flow, void *userdata)
{
        (void)flow;
        (void)userdata;
        ended = outcome;
}

static int get_flow(unsigned status, const char *text)
{
        kratos_call *call;

        assert_int_equal(kratos_begin_login(asker, true, USEC_PER_SEC, on_flow, NULL, &call), 0);
        end_request_saying(HTTP_ANSWERED, status, text);
        return ended;
}

static int make_asker(void **state)
{
        static char base[2][16] = { "https://a", "https://b" };

        (void)state;
        configuration = (config){ .references = 1 };
        configuration.public.count = configuration.admin.count = 2;
        for (size_t i = 0; i < 2; i++)
                configuration.public.urls[i].base = configuration.admin.urls[i].base = base[i];
        n_asked = 0;
        return kratos_new(NULL, &configuration, &asker);
}

static int end_asker(void **state)
{
        (void)state;
        asker = kratos_free(asker);
        return 0;
}

/* Whom somebody waits for is not asked about behind all the look-ups that anybody may begin. */
static void test_rule_18_lanes(void **state)
{
        (void)state;
        get_identity(true);
        assert_int_equal(asked.lane, HTTP_LOGINS);
        end_request(HTTP_ANSWERED, 400);
        get_identity(false);
        assert_int_equal(asked.lane, HTTP_BACKGROUND);
        end_request(HTTP_ANSWERED, 400);
        assert_int_equal(ended, KRATOS_REFUSED);
}

/* An admin API that wants to be left alone is, by account checks too. */
static void test_rate_limit(void **state)
{
        kratos_call *call;

        (void)state;
        configuration.admin.count = 1;
        get_identity(true);
        end_request(HTTP_ANSWERED, 429);
        assert_int_equal(ended, KRATOS_RATE_LIMITED);
        asker->admin.quiet_until[0] = UINT64_MAX;
        for (unsigned i = 0; i < 8; i++)
                assert_int_equal(kratos_admin_get_identity(
                                         asker, UUID, true, USEC_PER_SEC, on_identity, NULL, &call),
                        -EBUSY);
        assert_int_equal(n_asked, 1);
}

/* What waited here too long is told of no server, and not asked of another one. */
static void test_rule_18_too_busy_to_ask(void **state)
{
        (void)state;
        asker->admin.unreachable = true;
        get_identity(true);
        end_request(HTTP_NOT_BEGUN, 0);
        assert_int_equal(ended, KRATOS_NOT_ASKED);
        assert_false(kratos_is_silent(ended));
        assert_int_equal(n_asked, 1);
        assert_true(asker->admin.unreachable);
        get_identity(true);
        assert_ptr_equal(asked.server, &configuration.admin.urls[0]);
        end_request(HTTP_ANSWERED, 400);
        assert_false(asker->admin.unreachable);

        get_identity(true);
        end_request(HTTP_NOT_SENT, 0);
        assert_ptr_equal(asked.server, &configuration.admin.urls[1]);
        end_request(HTTP_NOT_SENT, 0);
        assert_int_equal(ended, KRATOS_UNREACHABLE);
        assert_true(asker->admin.unreachable);
        assert_true(asker->admin.down_until[0] > 0);
}

#define ONE "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define WRONG_PASSWORD "{\"ui\":{\"messages\":[{\"id\":4000006}]}}"

/* Only Kratos's own word on a password shows that it judges, and only to others. */
static void test_rule_36_who_was_judged(void **state)
{
        static const struct {
                unsigned status;
                const char *text;
                int outcome;
        } nothing[] = { { 0, "", KRATOS_NO_ANSWER }, { 200, "<html>", KRATOS_BAD_ANSWER },
                { 303, "", KRATOS_REFUSED }, { 400, "<html>", KRATOS_REFUSED },
                { 403, "<html>", KRATOS_REFUSED }, { 404, "", KRATOS_NO_SUCH_PATH },
                { 410, "", KRATOS_FLOW_GONE }, { 429, "", KRATOS_RATE_LIMITED },
                { 500, "", KRATOS_FAULT }, { 503, WRONG_PASSWORD, KRATOS_FAULT } };

        (void)state;
        for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
                assert_int_equal(post(ONE, nothing[i].status, nothing[i].text), nothing[i].outcome);
        assert_int_equal(get_flow(200, "{\"id\":\"" UUID "\"}"), KRATOS_OK);
        get_identity(true);
        end_request_saying(HTTP_ANSWERED, 404, "{\"error\":{\"code\":404}}");
        assert_false(kratos_has_judged(asker, OTHER, UINT64_MAX));

        assert_int_equal(post(ONE, 400, WRONG_PASSWORD), KRATOS_BAD_CREDENTIALS);
        assert_int_equal(post(ONE, 400, WRONG_PASSWORD), KRATOS_BAD_CREDENTIALS);
        assert_true(kratos_has_judged(asker, OTHER, USEC_PER_SEC));
        assert_false(kratos_has_judged(asker, ONE, UINT64_MAX));
        assert_false(kratos_has_judged(asker, OTHER, 0));
        assert_int_equal(post(OTHER, 400, WRONG_PASSWORD), KRATOS_BAD_CREDENTIALS);
        assert_true(kratos_has_judged(asker, ONE, USEC_PER_SEC));
        assert_true(kratos_has_judged(asker, OTHER, USEC_PER_SEC));
        kratos_set_config(asker, config_ref(&configuration));
        assert_false(kratos_has_judged(asker, ONE, UINT64_MAX));
}

/* A flow shows that something answers, if it is one. */
static void test_rule_36_who_was_answered(void **state)
{
        (void)state;
        assert_int_equal(get_flow(200, "<html>"), KRATOS_BAD_ANSWER);
        assert_int_equal(get_flow(500, ""), KRATOS_FAULT);
        assert_false(kratos_has_answered(asker, UINT64_MAX));
        assert_int_equal(get_flow(200, "{\"id\":\"" UUID "\"}"), KRATOS_OK);
        assert_true(kratos_has_answered(asker, USEC_PER_SEC));
}

#define WITH_ASKER(test) cmocka_unit_test_setup_teardown(test, make_asker, end_asker)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_ASKER(test_rule_18_lanes),
                WITH_ASKER(test_rate_limit),
                WITH_ASKER(test_rule_18_too_busy_to_ask),
                WITH_ASKER(test_rule_36_who_was_judged),
                WITH_ASKER(test_rule_36_who_was_answered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
