/* The Varlink server: its protocol. */
#include "varlink-world.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_calls),
                WITH_WORLD(test_callers_are_known_by_their_uid),
                WITH_WORLD(test_errors),
                WITH_WORLD(test_the_service_describes_itself),
                WITH_WORLD(test_a_oneway_call_has_no_reply),
                WITH_WORLD(test_what_is_no_call_ends_the_connection),
                WITH_WORLD(test_bytes_may_come_one_by_one),
                WITH_WORLD(test_calls_in_a_row_are_answered_in_order),
                WITH_WORLD(test_an_answer_may_come_later),
                WITH_WORLD(test_whoever_goes_while_waiting_is_forgotten),
                WITH_WORLD(test_faults_end_the_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
