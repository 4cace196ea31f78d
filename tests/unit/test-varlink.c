/* The Varlink server: its protocol and its limits, with an interface of the test's own. */
#include "kratosd/varlink.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "kratosd/json-build.h"
#include "varlink-client.h"

#define ME 12345
#define OTHER 12346
#define STREAM_OF 20000
/* Root can have as many at once, and others as many. */
#define FOR_ALL (VARLINK_CONNECTIONS_MAX - VARLINK_CONNECTIONS_FOR_ROOT)

typedef struct world {
        sd_event *event;
        varlink *server;
        varlink_call *waiting; /* the last call of Wait */
        unsigned released;
        unsigned streamed;
} world;

static json_object *text(const char *value)
{
        json_object *object = json_object_new_object();

        json_put_text(&object, "text", value);
        return object;
}

static void echo(varlink_call *call, json_object *parameters, void *userdata)
{
        const char *value = json_text(json_member(parameters, "text"));

        (void)userdata;
        varlink_reply(call, text(value ? value : varlink_call_takes_more(call) ? "more" : "none"));
}

static void whoami(varlink_call *call, json_object *parameters, void *userdata)
{
        json_object *object = json_object_new_object();

        (void)parameters;
        (void)userdata;
        json_put_number(&object, "uid", varlink_call_uid(call));
        varlink_reply(call, object);
}

static void release(void *userdata)
{
        world *w = userdata;

        w->waiting = NULL;
        w->released++;
}

static void wait_for_it(varlink_call *call, json_object *parameters, void *userdata)
{
        world *w = userdata;

        (void)parameters;
        w->waiting = call;
        varlink_wait(call, release, w);
}

static void resume(varlink_call *call, void *userdata)
{
        char number[32];
        world *w = userdata;

        while (varlink_call_has_room(call)) {
                (void)snprintf(number, sizeof(number), "%u", w->streamed);
                if (++w->streamed == STREAM_OF) {
                        varlink_reply(call, text(number));
                        return;
                }
                varlink_reply_continues(call, text(number));
        }
}

static void stream(varlink_call *call, json_object *parameters, void *userdata)
{
        world *w = userdata;

        (void)parameters;
        w->streamed = 0;
        varlink_stream(call, resume, release, w);
}

/* An answer of more than may wait for anybody. */
static void flood(varlink_call *call, json_object *parameters, void *userdata)
{
        static char much[VARLINK_OUTPUT_MAX + 1];

        (void)parameters;
        (void)userdata;
        memset(much, 'x', sizeof(much) - 1);
        varlink_reply(call, text(much));
}

static void no_memory(varlink_call *call, json_object *parameters, void *userdata)
{
        (void)parameters;
        (void)userdata;
        varlink_reply(call, NULL);
}

static void silent(varlink_call *call, json_object *parameters, void *userdata)
{
        (void)call;
        (void)parameters;
        (void)userdata;
}

static const varlink_method methods[] = {
        { "Echo", echo },
        { "WhoAmI", whoami },
        { "Wait", wait_for_it },
        { "Stream", stream },
        { "Flood", flood },
        { "NoMemory", no_memory },
        { "Silent", silent },
        { "Missing", NULL },
        { 0 },
};
static const varlink_interface interface = { "org.example", "interface org.example\n", methods };
static const varlink_info info = { "a vendor", "a product", "1", "https://example.org" };

static int make_world(void **state)
{
        world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_int_equal(sd_event_new(&w->event), 0);
        assert_int_equal(
                varlink_new(w->event, client_listener(), &info, &interface, w, &w->server), 0);
        *state = w;
        return 0;
}

static int end_world(void **state)
{
        world *w = *state;

        varlink_free(w->server);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

static void assert_call(world *w, int fd, const char *call, const char *answer)
{
        const char *received = client_call(w->event, fd, call);

        assert_string_equal(received ? received : "nothing", answer);
}

static void assert_nothing(world *w, int fd)
{
        const char *received = client_receive(w->event, fd);

        assert_string_equal(received ? received : "nothing", "nothing");
}

static void assert_closed(world *w, int fd)
{
        const char *received = client_receive(w->event, fd);

        assert_string_equal(received ? received : "nothing", "closed");
}

#define ECHO "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"hi\"}}"
#define ECHOED "{\"parameters\":{\"text\":\"hi\"}}"

static void test_calls(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        assert_call(w, fd, ECHO, ECHOED);
        assert_call(
                w, fd, "{\"method\":\"org.example.Echo\"}", "{\"parameters\":{\"text\":\"none\"}}");
        assert_call(w, fd, "{\"method\":\"org.example.Echo\",\"parameters\":null,\"more\":null}",
                "{\"parameters\":{\"text\":\"none\"}}");
        assert_call(w, fd, " {\"more\":true, \"method\":\"org.example.Echo\",\n\"future\":[1]}\n",
                "{\"parameters\":{\"text\":\"more\"}}");
        assert_call(w, fd,
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"\\u00fc/\\n\"}}",
                "{\"parameters\":{\"text\":\"\xc3\xbc/\\n\"}}");
}

static void test_callers_are_known_by_their_uid(void **state)
{
        world *w = *state;
        _cleanup_close_ int root = client_connect(w->event);
        _cleanup_close_ int me = client_connect_as(w->event, ME);

        assert_call(w, root, "{\"method\":\"org.example.WhoAmI\"}", "{\"parameters\":{\"uid\":0}}");
        assert_call(
                w, me, "{\"method\":\"org.example.WhoAmI\"}", "{\"parameters\":{\"uid\":12345}}");
}

static void test_errors(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        char name[VARLINK_NAME_MAX + 64] = "{\"method\":\"org.example.";

        assert_call(w, fd, "{\"method\":\"org.example.Nothing\"}",
                "{\"error\":\"org.varlink.service.MethodNotFound\","
                "\"parameters\":{\"method\":\"org.example.Nothing\"}}");
        assert_call(w, fd, "{\"method\":\"org.varlink.service.Nothing\"}",
                "{\"error\":\"org.varlink.service.MethodNotFound\","
                "\"parameters\":{\"method\":\"org.varlink.service.Nothing\"}}");
        assert_call(w, fd, "{\"method\":\"org.example.Missing\"}",
                "{\"error\":\"org.varlink.service.MethodNotImplemented\","
                "\"parameters\":{\"method\":\"org.example.Missing\"}}");
        assert_call(w, fd, "{\"method\":\"org.example.sub.Echo\"}",
                "{\"error\":\"org.varlink.service.InterfaceNotFound\","
                "\"parameters\":{\"interface\":\"org.example.sub\"}}");
        assert_call(w, fd, "{\"method\":\"org.examples.Echo\"}",
                "{\"error\":\"org.varlink.service.InterfaceNotFound\","
                "\"parameters\":{\"interface\":\"org.examples\"}}");
        assert_call(w, fd, "{\"method\":\"Echo\"}",
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"method\"}}");
        memset(name + strlen(name), 'a', VARLINK_NAME_MAX);
        strcat(name, "\"}");
        assert_call(w, fd, name,
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"method\"}}");
        assert_call(w, fd, "{\"method\":\"org.example.Echo\",\"upgrade\":true}",
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"upgrade\"}}");
        assert_call(w, fd, ECHO, ECHOED);
}

static void test_the_service_describes_itself(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        const char *received;

        assert_call(w, fd, "{\"method\":\"org.varlink.service.GetInfo\"}",
                "{\"parameters\":{\"vendor\":\"a vendor\",\"product\":\"a product\","
                "\"version\":\"1\",\"url\":\"https://example.org\","
                "\"interfaces\":[\"org.varlink.service\",\"org.example\"]}}");
        assert_call(w, fd, "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"a\":1}}",
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"a\"}}");
#define DESCRIBE(interface)                                                                        \
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{" interface "}}"
        assert_call(w, fd, DESCRIBE("\"interface\":\"org.example\""),
                "{\"parameters\":{\"description\":\"interface org.example\\n\"}}");
        received = client_call(w->event, fd, DESCRIBE("\"interface\":\"org.varlink.service\""));
        assert_non_null(strstr(received, "\\nmethod GetInfo() -> (\\n"));
        assert_call(w, fd, DESCRIBE("\"interface\":\"org.other\""),
                "{\"error\":\"org.varlink.service.InterfaceNotFound\","
                "\"parameters\":{\"interface\":\"org.other\"}}");
        assert_call(w, fd, DESCRIBE(""),
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"interface\"}}");
        assert_call(w, fd, DESCRIBE("\"interface\":1"),
                "{\"error\":\"org.varlink.service.InvalidParameter\","
                "\"parameters\":{\"parameter\":\"interface\"}}");
}

static void test_a_oneway_call_has_no_reply(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        client_send(w->event, fd, "{\"method\":\"org.example.Echo\",\"oneway\":true}");
        client_send(w->event, fd, "{\"method\":\"org.example.Wait\",\"oneway\":true}");
        assert_nothing(w, fd);
        assert_null(w->waiting);
        assert_call(w, fd, ECHO, ECHOED);
}

static void test_what_is_no_call_ends_the_connection(void **state)
{
        static const char *const bad[] = {
                "",
                "garbage",
                "{",
                "{}",
                "[]",
                "null",
                "\"org.example.Echo\"",
                "{\"method\":1}",
                "{\"method\":null}",
                "{\"parameters\":{}}",
                "{\"method\":\"org.example.Echo\"} x",
                "{\"method\":\"org.example.Echo\",\"parameters\":[]}",
                "{\"method\":\"org.example.Echo\",\"parameters\":\"text\"}",
                "{\"method\":\"org.example.Echo\",\"more\":1}",
                "{\"method\":\"org.example.Echo\",\"oneway\":\"true\"}",
                "{\"method\":\"org.example.Echo\",\"upgrade\":0}",
                "{\"method\":\"org.example.Echo\",\"more\":true,\"oneway\":true}",
                "{\"method\":\"org.example.Echo\",\"method\":\"org.example.Echo\"}",
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"a\":1,\"a\":2}}",
                "{\"method\":\"org.example.Echo\\u0000\"}",
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"a\\u0000b\"}}",
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\\u0000\":\"a\"}}",
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"\xff\"}}",
                "{\"method\":\"org.example.Echo\",\"parameters\":{\"a\":[[[[[[[[1]]]]]]]]}}",
                "{'method':'org.example.Echo'}",
        };
        world *w = *state;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                _cleanup_close_ int fd = client_connect(w->event);

                client_send(w->event, fd, bad[i]);
                assert_closed(w, fd);
        }
}

static void test_rule_26_messages_are_limited(void **state)
{
        static char message[2 * VARLINK_MESSAGE_MAX];
        world *w = *state;
        _cleanup_close_ int fits = client_connect(w->event);
        _cleanup_close_ int above = client_connect(w->event);
        _cleanup_close_ int endless = client_connect(w->event);
        _cleanup_close_ int many = client_connect(w->event);
        _cleanup_close_ int deep = client_connect(w->event);

        memset(message, ' ', sizeof(message));
        memcpy(message, ECHO, strlen(ECHO));
        message[VARLINK_MESSAGE_MAX] = 0;
        assert_call(w, fits, message, ECHOED);
        message[VARLINK_MESSAGE_MAX] = ' ';
        message[VARLINK_MESSAGE_MAX + 1] = 0;
        client_send(w->event, above, message);
        assert_closed(w, above);
        message[VARLINK_MESSAGE_MAX + 1] = ' ';
        client_send_bytes(w->event, endless, message, sizeof(message));
        assert_closed(w, endless);
        memset(message, ',', VARLINK_MESSAGE_MAX);
        client_send_bytes(w->event, many, message, VARLINK_MESSAGE_MAX);
        client_send(w->event, many, "");
        assert_closed(w, many);
        memset(message, '[', VARLINK_MESSAGE_MAX);
        client_send_bytes(w->event, deep, message, VARLINK_MESSAGE_MAX);
        client_send(w->event, deep, "");
        assert_closed(w, deep);
}

static void test_bytes_may_come_one_by_one(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        for (size_t i = 0; i < sizeof(ECHO); i++) {
                client_send_bytes(w->event, fd, &ECHO[i], 1);
                if (i < sizeof(ECHO) - 1)
                        assert_int_equal(recv(fd, (char[1]){ 0 }, 1, MSG_PEEK), -1);
        }
        assert_string_equal(client_receive(w->event, fd), ECHOED);
}

static void test_calls_in_a_row_are_answered_in_order(void **state)
{
        static char calls[200 * 80];
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        char *end = calls;
        char expected[64];

        for (unsigned i = 0; i < 200; i++)
                end += sprintf(end,
                               "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"%u\"}}",
                               i) +
                       1;
        client_send_bytes(w->event, fd, calls, (size_t)(end - calls));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        for (unsigned i = 0; i < 200; i++) {
                (void)snprintf(expected, sizeof(expected), "{\"parameters\":{\"text\":\"%u\"}}", i);
                assert_string_equal(client_receive(w->event, fd), expected);
        }
        assert_closed(w, fd);
}

static void test_an_answer_may_come_later(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        client_send(w->event, fd, "{\"method\":\"org.example.Wait\"}");
        client_send(w->event, fd, ECHO);
        assert_nothing(w, fd);
        assert_non_null(w->waiting);
        varlink_reply(w->waiting, text("later"));
        assert_int_equal(w->released, 1);
        assert_string_equal(client_receive(w->event, fd), "{\"parameters\":{\"text\":\"later\"}}");
        assert_string_equal(client_receive(w->event, fd), ECHOED);

        client_send(w->event, fd, "{\"method\":\"org.example.Wait\"}");
        varlink_error(w->waiting, "org.example.Failed");
        assert_string_equal(client_receive(w->event, fd),
                "{\"error\":\"org.example.Failed\",\"parameters\":{}}");
        assert_int_equal(w->released, 2);
}

static void test_whoever_goes_while_waiting_is_forgotten(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event), half = -1;

        client_send(w->event, fd, "{\"method\":\"org.example.Wait\"}");
        assert_non_null(w->waiting);
        close(TAKE_FD(fd));
        client_turn(w->event);
        assert_int_equal(w->released, 1);

        /* Who only sends no more still wants to hear. */
        half = client_connect(w->event);
        client_send(w->event, half, "{\"method\":\"org.example.Wait\"}");
        assert_int_equal(shutdown(half, SHUT_WR), 0);
        client_turn(w->event);
        assert_non_null(w->waiting);
        varlink_reply(w->waiting, text("later"));
        assert_string_equal(
                client_receive(w->event, half), "{\"parameters\":{\"text\":\"later\"}}");
        assert_closed(w, half);

        /* And the server's end is one for all. */
        fd = client_connect(w->event);
        client_send(w->event, fd, "{\"method\":\"org.example.Wait\"}");
        w->server = varlink_free(w->server);
        assert_int_equal(w->released, 3);
        assert_closed(w, fd);
}

static void test_faults_end_the_connection(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        _cleanup_close_ int unanswered = client_connect(w->event);
        _cleanup_close_ int waiting = client_connect(w->event);

        client_send(w->event, fd, "{\"method\":\"org.example.NoMemory\"}");
        assert_closed(w, fd);
        client_send(w->event, unanswered, "{\"method\":\"org.example.Silent\"}");
        assert_closed(w, unanswered);
        client_send(w->event, waiting, "{\"method\":\"org.example.Wait\"}");
        varlink_reply(w->waiting, NULL);
        assert_int_equal(w->released, 1);
        assert_closed(w, waiting);
}

static void test_many_replies(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        char expected[64];

        client_send(w->event, fd, "{\"method\":\"org.example.Stream\",\"more\":true}");
        client_send(w->event, fd, ECHO);
        for (unsigned i = 0; i < STREAM_OF; i++) {
                (void)snprintf(expected, sizeof(expected), "{\"parameters\":{\"text\":\"%u\"}%s}",
                        i, i + 1 < STREAM_OF ? ",\"continues\":true" : "");
                assert_string_equal(client_receive(w->event, fd), expected);
        }
        assert_int_equal(w->released, 1);
        assert_string_equal(client_receive(w->event, fd), ECHOED);
}

static uint64_t monotonic_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* Turns the loop for a while. */
static void pass(world *w, uint64_t usec)
{
        uint64_t until = monotonic_usec() + usec;

        for (uint64_t now = monotonic_usec(); now < until; now = monotonic_usec())
                (void)sd_event_run(w->event, until - now);
}

static void test_rule_18_whoever_does_not_read_costs_little(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event), greedy = client_connect(w->event);
        unsigned streamed, turns = 0;

        client_send(w->event, fd, "{\"method\":\"org.example.Stream\",\"more\":true}");
        streamed = w->streamed;
        assert_in_range(streamed, 1, STREAM_OF / 2);
        /* The loop rests meanwhile, and others are served. */
        assert_int_equal(sd_event_run(w->event, 10000), 0);
        assert_call(w, greedy, ECHO, ECHOED);
        assert_int_equal(w->streamed, streamed);
        client_send(w->event, greedy, "{\"method\":\"org.example.Flood\"}");
        assert_closed(w, greedy);

        for (uint64_t until = monotonic_usec() + VARLINK_IDLE_USEC + USEC_PER_SEC / 2;
                monotonic_usec() < until && w->released == 0; turns++)
                (void)sd_event_run(w->event, USEC_PER_SEC);
        assert_int_equal(w->released, 1);
        assert_in_range(turns, 1, 20);
}

/* Calls in a row whose answers nobody reads are not all taken. */
static void test_rule_18_calls_wait_for_their_answers_to_be_read(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);
        ssize_t n = 0;
        size_t sent = 0;

        while (n >= 0 && sent < 64UL * 1024 * 1024) {
                n = send(fd, ECHO, sizeof(ECHO), MSG_NOSIGNAL);
                sent += n > 0 ? (size_t)n : 0;
                client_turn(w->event);
        }
        assert_int_equal(errno, EAGAIN);
        assert_in_range(sent, 1, 4UL * 1024 * 1024);
}

static void test_the_idle_are_closed(void **state)
{
        world *w = *state;
        _cleanup_close_ int idle = client_connect(w->event), slow = client_connect(w->event);
        _cleanup_close_ int waiting = client_connect(w->event), lively = client_connect(w->event);

        client_send(w->event, waiting, "{\"method\":\"org.example.Wait\"}");
        for (unsigned i = 0; i < 8; i++) {
                client_send_bytes(w->event, slow, &ECHO[i], 1);
                assert_call(w, lively, ECHO, ECHOED);
                if (i == 6)
                        assert_nothing(w, idle);
                pass(w, VARLINK_IDLE_USEC / 8);
        }
        pass(w, USEC_PER_SEC / 5);
        assert_closed(w, idle);
        assert_closed(w, slow);
        assert_call(w, lively, ECHO, ECHOED);
        assert_nothing(w, waiting);
        varlink_reply(w->waiting, text("later"));
        assert_string_equal(
                client_receive(w->event, waiting), "{\"parameters\":{\"text\":\"later\"}}");
        pass(w, VARLINK_IDLE_USEC + USEC_PER_SEC / 5);
        assert_closed(w, waiting);
        assert_closed(w, lively);
}

static void test_rule_18_connections_are_limited(void **state)
{
        int mine[VARLINK_CONNECTIONS_PER_UID], others[FOR_ALL], roots[VARLINK_CONNECTIONS_MAX];
        world *w = *state;
        _cleanup_close_ int above = -1, other = -1;

        for (unsigned i = 0; i < VARLINK_CONNECTIONS_PER_UID; i++) {
                mine[i] = client_connect_as(w->event, ME);
                assert_call(w, mine[i], ECHO, ECHOED);
        }
        above = client_connect_as(w->event, ME);
        assert_closed(w, above);
        other = client_connect_as(w->event, OTHER);
        assert_call(w, other, ECHO, ECHOED);
        close(mine[0]);
        client_turn(w->event);
        mine[0] = client_connect_as(w->event, ME);
        assert_call(w, mine[0], ECHO, ECHOED);

        /* However many others there are, what is root's is left. */
        for (unsigned i = 0; i < FOR_ALL - VARLINK_CONNECTIONS_PER_UID - 1; i++) {
                others[i] = client_connect_as(w->event, 20000 + i);
                assert_call(w, others[i], ECHO, ECHOED);
        }
        close(above);
        above = client_connect_as(w->event, 30000);
        assert_closed(w, above);
        for (unsigned i = 0; i < VARLINK_CONNECTIONS_FOR_ROOT; i++) {
                roots[i] = client_connect(w->event);
                assert_call(w, roots[i], ECHO, ECHOED);
        }
        close(above);
        above = client_connect(w->event);
        assert_closed(w, above);

        for (unsigned i = 0; i < VARLINK_CONNECTIONS_PER_UID; i++)
                close(mine[i]);
        for (unsigned i = 0; i < FOR_ALL - VARLINK_CONNECTIONS_PER_UID - 1; i++)
                close(others[i]);
        client_turn(w->event);
        for (unsigned i = VARLINK_CONNECTIONS_FOR_ROOT; i < VARLINK_CONNECTIONS_MAX; i++) {
                roots[i] = client_connect(w->event);
                assert_call(w, roots[i], i == VARLINK_CONNECTIONS_MAX - 1 ? "" : ECHO,
                        i == VARLINK_CONNECTIONS_MAX - 1 ? "closed" : ECHOED);
        }
        for (unsigned i = 0; i < VARLINK_CONNECTIONS_MAX; i++)
                close(roots[i]);
}

/* With no descriptor left, the loop rests, and goes on when there is one. */
static void test_without_descriptors(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event), next = -1;
        struct rlimit old, none;
        unsigned turns = 0;

        next = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        none = old;
        none.rlim_cur = (rlim_t)next;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(connect(next, (struct sockaddr *)&client_address, client_address_size), 0);
        for (uint64_t until = monotonic_usec() + USEC_PER_SEC / 2; monotonic_usec() < until;
                turns++)
                (void)sd_event_run(w->event, USEC_PER_SEC / 10);
        assert_in_range(turns, 1, 40);
        assert_call(w, fd, ECHO, ECHOED);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        pass(w, USEC_PER_SEC / 5);
        assert_call(w, next, ECHO, ECHOED);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_calls),
                WITH_WORLD(test_callers_are_known_by_their_uid),
                WITH_WORLD(test_errors),
                WITH_WORLD(test_the_service_describes_itself),
                WITH_WORLD(test_a_oneway_call_has_no_reply),
                WITH_WORLD(test_what_is_no_call_ends_the_connection),
                WITH_WORLD(test_rule_26_messages_are_limited),
                WITH_WORLD(test_bytes_may_come_one_by_one),
                WITH_WORLD(test_calls_in_a_row_are_answered_in_order),
                WITH_WORLD(test_an_answer_may_come_later),
                WITH_WORLD(test_whoever_goes_while_waiting_is_forgotten),
                WITH_WORLD(test_faults_end_the_connection),
                WITH_WORLD(test_many_replies),
                WITH_WORLD(test_rule_18_whoever_does_not_read_costs_little),
                WITH_WORLD(test_rule_18_calls_wait_for_their_answers_to_be_read),
                WITH_WORLD(test_the_idle_are_closed),
                WITH_WORLD(test_rule_18_connections_are_limited),
                WITH_WORLD(test_without_descriptors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
