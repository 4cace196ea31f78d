/* Requests that wait for their turn: a server that takes connections and says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "kratosd/http.h"
#include "kratosd/timespan.h"

/* As many as no lane is wide. */
#define HOLDERS 16
/* Below the time from which on a request that hangs counts no more. */
#define LONG_USEC (3 * USEC_PER_SEC / 2)
#define SHORT_USEC (USEC_PER_SEC / 4)

static sd_event *event;
static http *tested;
static config configuration = { .connect_timeout_usec = USEC_PER_SEC };
static char base[64];
static server_url server = { .base = base };
static int listener;

/* What became of one. */
typedef struct end {
        http_request *request;
        bool ended;
        enum http_result result;
} end;

static void on_done(const http_answer *answer, void *userdata)
{
        end *e = userdata;

        assert_non_null(answer->error);
        assert_non_null(answer->body);
        e->request = NULL;
        e->ended = true;
        e->result = answer->result;
}

static void start(end *e, uint64_t deadline)
{
        const http_ask ask = { .method = "GET",
                .config = &configuration,
                .server = &server,
                .path = "/",
                .deadline_usec = deadline,
                .body_max = HTTP_BODY_MAX,
                .lane = HTTP_BACKGROUND };

        *e = (end){ 0 };
        assert_int_equal(http_start(tested, &ask, on_done, e, &e->request), 0);
}

static uint64_t monotonic_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static void pass(uint64_t usec)
{
        uint64_t until = monotonic_usec() + usec;

        for (uint64_t now = monotonic_usec(); now < until; now = monotonic_usec())
                (void)sd_event_run(event, until - now);
}

static int begin(void **state)
{
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t size = sizeof(address);

        (void)state;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 64) < 0 ||
                getsockname(listener, (struct sockaddr *)&address, &size) < 0)
                return -1;
        snprintf(base, sizeof(base), "http://127.0.0.1:%u", ntohs(address.sin_port));
        return sd_event_new(&event) < 0 || http_new(event, &tested) < 0 ? -1 : 0;
}

static int finish(void **state)
{
        (void)state;
        tested = http_free(tested);
        event = sd_event_unref(event);
        close(listener);
        return 0;
}

/* Who waits behind others that have more time is told in time all the same: that it was not begun,
 * which is not to say that there is no server. */
static void test_rule_18_turns_that_do_not_come(void **state)
{
        end holders[HOLDERS], brief, last;
        unsigned begun = 0;

        (void)state;
        for (unsigned i = 0; i < HOLDERS; i++)
                start(&holders[i], LONG_USEC);
        start(&brief, SHORT_USEC);
        start(&last, LONG_USEC);
        pass(SHORT_USEC * 3 / 4);
        assert_false(brief.ended);
        pass(SHORT_USEC / 2);
        assert_true(brief.ended);
        assert_int_equal(brief.result, HTTP_NOT_BEGUN);
        assert_false(last.ended);
        for (unsigned i = 0; i < HOLDERS; i++)
                assert_false(holders[i].ended);
        pass(LONG_USEC);
        for (unsigned i = 0; i < HOLDERS; i++) {
                assert_true(holders[i].ended);
                begun += holders[i].result == HTTP_BROKEN;
                assert_true(i < begun || holders[i].result == HTTP_NOT_BEGUN);
        }
        assert_in_range(begun, 1, HOLDERS - 1);
        assert_true(last.ended);
        assert_int_equal(last.result, HTTP_NOT_BEGUN);
}

/* Nor is begun what has hardly any time left: it would end as one that the server did not answer.
 */
static void test_rule_18_turns_that_come_too_late(void **state)
{
        end holders[HOLDERS], late;

        (void)state;
        for (unsigned i = 0; i < HOLDERS; i++)
                start(&holders[i], LONG_USEC);
        start(&late, LONG_USEC);
        pass(LONG_USEC * 15 / 16);
        for (unsigned i = 0; i < HOLDERS; i++)
                holders[i].request = http_cancel(holders[i].request);
        pass(SHORT_USEC);
        assert_true(late.ended);
        assert_int_equal(late.result, HTTP_NOT_BEGUN);
        /* One that does not wait is begun, and broken. */
        start(&late, SHORT_USEC);
        pass(2 * SHORT_USEC);
        assert_true(late.ended);
        assert_int_equal(late.result, HTTP_BROKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_18_turns_that_do_not_come),
                TEST(test_rule_18_turns_that_come_too_late),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
