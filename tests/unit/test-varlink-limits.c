/* The Varlink server: its limits, and what whoever does not keep to them costs. */
#include <netinet/in.h>
#include <sys/resource.h>
#include <time.h>

#include "send-descriptor.h"
#include "varlink-world.h"

#define OTHER 12346
/* Root can have as many at once, and others as many. */
#define FOR_ALL (VARLINK_CONNECTIONS_MAX - VARLINK_CONNECTIONS_FOR_ROOT)

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

/* A socket whose close waits, for its peer reads nothing. */
static int lingering_socket(int *ret_peer)
{
        static const struct linger linger = { .l_onoff = 1, .l_linger = 20 };
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
        char bytes[65536] = { 0 };

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
        *ret_peer = listener;
        while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        return fd;
}

/* The receiver becomes its last holder. */
static void pass_on(int to, int fd)
{
        assert_int_equal(send_descriptor(to, fd), 0);
        close(fd);
}

/* Whoever sends a descriptor whose close waits holds nobody up: received, or closed unread. */
static void test_rule_18_descriptors_hold_nobody_up(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event), other = client_connect(w->event);
        _cleanup_close_ int peer = -1, second = -1, unread = -1;
        uint64_t begun = monotonic_usec();
        int kept[VARLINK_CONNECTIONS_MAX];

        pass_on(fd, lingering_socket(&peer));
        assert_closed(w, fd);
        assert_call(w, other, ECHO, ECHOED);
        /* This one the server closes without having read it, for it has no room. */
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                kept[i] = client_connect(w->event);
        unread = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_int_equal(
                connect(unread, (struct sockaddr *)&client_address, client_address_size), 0);
        pass_on(unread, lingering_socket(&second));
        assert_closed(w, unread);
        assert_true(monotonic_usec() - begun < 5 * USEC_PER_SEC);
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                close(kept[i]);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_rule_26_messages_are_limited),
                WITH_WORLD(test_many_replies),
                WITH_WORLD(test_rule_18_whoever_does_not_read_costs_little),
                WITH_WORLD(test_rule_18_calls_wait_for_their_answers_to_be_read),
                WITH_WORLD(test_the_idle_are_closed),
                WITH_WORLD(test_rule_18_connections_are_limited),
                WITH_WORLD(test_rule_18_descriptors_hold_nobody_up),
                WITH_WORLD(test_without_descriptors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
