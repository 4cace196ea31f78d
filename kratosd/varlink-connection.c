#include "varlink-connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "prod.h"
#include "varlink-buffer.h"

/* Bytes that one look for input may take. */
#define RECEIVE_MIN 512
/* Messages of one connection that are dealt with before others have their turn. */
#define STEPS_PER_ROUND 16
/* How long nobody is taken on after there was no descriptor or memory for one. */
#define PAUSE_USEC (100 * 1000)

struct varlink_connection {
        LIST_ENTRY(varlink_connection) all;
        TAILQ_ENTRY(varlink_connection) age;
        varlink_connections *server;
        sd_event_source *source;
        int fd;
        uid_t uid;
        enum varlink_connection_state state;
        void *call;
        bool ages;         /* is in the list of those that must not take long */
        uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
        bool busy;   /* further up, somebody is at work on it and will look at what we leave */
        bool ended;  /* the peer will send no more */
        bool broken; /* to be closed */
        varlink_buffer in, out;
        size_t searched; /* of in: where there is no NUL */
        size_t message;  /* of in: the first message's bytes with its NUL, 0 if not whole yet */
};

/* All have the same time, so those that age stand in the order in which they expire. */
struct varlink_connections {
        sd_event *event;
        varlink_listener *listener;
        sd_event_source *source;
        sd_event_source *pause;
        sd_event_source *timer;
        varlink_connection_handler handler;
        void *userdata;
        LIST_HEAD(, varlink_connection) all;
        TAILQ_HEAD(, varlink_connection) aging;
        unsigned count, count_of_others; /* others than root */
};

static void stop_aging(varlink_connection *c)
{
        if (c->ages)
                TAILQ_REMOVE(&c->server->aging, c, age);
        c->ages = false;
}

/* Begins its time anew, unless it waits for what is not the peer's to do. */
static void renew(varlink_connection *c)
{
        varlink_connections *all = c->server;
        uint64_t now = 0;
        int enabled = SD_EVENT_OFF;

        stop_aging(c);
        if (c->state == VARLINK_WAITING)
                return;
        (void)sd_event_now(all->event, CLOCK_MONOTONIC, &now);
        c->deadline = now + VARLINK_IDLE_USEC;
        c->ages = true;
        TAILQ_INSERT_TAIL(&all->aging, c, age);
        (void)sd_event_source_get_enabled(all->timer, &enabled);
        if (enabled == SD_EVENT_OFF) {
                (void)sd_event_source_set_time(all->timer, c->deadline);
                (void)sd_event_source_set_enabled(all->timer, SD_EVENT_ONESHOT);
        }
}

/* Closes what a stranger may have sent something to that was not received. */
static void close_peer(int fd)
{
        prod_begin();
        close(fd);
        prod_end();
}

static void close_peerp(const int *fd)
{
        if (*fd >= 0)
                close_peer(*fd);
}

static void connection_free(varlink_connection *c)
{
        varlink_connections *all = c->server;

        all->handler.closed(c, all->userdata);
        stop_aging(c);
        LIST_REMOVE(c, all);
        all->count--;
        if (c->uid != 0)
                all->count_of_others--;
        sd_event_source_disable_unref(c->source);
        close_peer(c->fd);
        buffer_done(&c->in);
        buffer_done(&c->out);
        free(c);
}

/* Looks for the end of the first message. */
static void find_message(varlink_connection *c)
{
        const char *bytes = buffer_bytes(&c->in), *end;

        if (c->message > 0 || c->searched == buffer_size(&c->in))
                return;
        end = memchr(bytes + c->searched, 0, buffer_size(&c->in) - c->searched);
        if (end)
                c->message = (size_t)(end - bytes) + 1;
        else
                c->searched = buffer_size(&c->in);
        if ((end ? c->message - 1 : c->searched) > VARLINK_MESSAGE_MAX)
                c->broken = true;
}

/* Receives bytes and nothing else: who sends descriptors along (prod.h) is not heard again. -errno;
 * -EBADMSG for descriptors. */
static ssize_t receive_bytes(int fd, void *bytes, size_t size)
{
        struct iovec into = { bytes, size };
        struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1 };
        ssize_t n;

        prod_begin();
        n = recvmsg(fd, &message, MSG_DONTWAIT);
        if (n < 0)
                n = -errno;
        prod_end();
        return message.msg_flags & MSG_CTRUNC ? -EBADMSG : n;
}

/* True if there may be more to receive now. */
static bool receive(varlink_connection *c)
{
        size_t size = buffer_size(&c->in);
        size_t room = size < RECEIVE_MIN ? RECEIVE_MIN : size;
        char *bytes;
        ssize_t n;

        if (room > VARLINK_MESSAGE_MAX + 1 - size)
                room = VARLINK_MESSAGE_MAX + 1 - size;
        bytes = buffer_room(&c->in, room);
        if (!bytes) {
                c->broken = true;
                return false;
        }
        n = receive_bytes(c->fd, bytes, room);
        if (n > 0) {
                buffer_grow(&c->in, (size_t)n);
                find_message(c);
                return (size_t)n == room;
        }
        if (n == 0)
                c->ended = true;
        else if (n != -EAGAIN && n != -EINTR)
                c->broken = true;
        return false;
}

static void hand_over(varlink_connection *c)
{
        varlink_connections *all = c->server;

        renew(c);
        if (all->handler.message(c, buffer_bytes(&c->in), c->message - 1, all->userdata) < 0)
                c->broken = true;
        buffer_consume(&c->in, c->message);
        c->message = 0;
        c->searched = 0;
        find_message(c);
}

static void flush(varlink_connection *c)
{
        bool sent = false;

        while (!c->broken && buffer_size(&c->out) > 0) {
                ssize_t n = send(c->fd, buffer_bytes(&c->out), buffer_size(&c->out),
                        MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n > 0) {
                        buffer_consume(&c->out, (size_t)n);
                        sent = true;
                } else if (n < 0 && errno == EAGAIN) {
                        break;
                } else if (n == 0 || errno != EINTR) {
                        c->broken = true;
                }
        }
        if (sent && buffer_size(&c->out) > 0)
                renew(c);
}

/* What is to be waited for. There is always something to write while there is something to say. */
static uint32_t events_of(const varlink_connection *c)
{
        uint32_t events = 0;

        if (c->broken || buffer_size(&c->out) > 0 || c->state == VARLINK_STREAMING)
                events |= EPOLLOUT;
        if (c->state == VARLINK_READING && c->message > 0)
                events |= EPOLLOUT;
        if (c->state == VARLINK_READING && c->message == 0 && !c->ended &&
                varlink_connection_has_room(c))
                events |= EPOLLIN;
        return events;
}

static bool is_over(const varlink_connection *c)
{
        return c->broken || (c->ended && c->state == VARLINK_READING && c->message == 0 &&
                                    buffer_size(&c->out) == 0);
}

/* One step of what can be done without waiting; false if there is none. */
static bool step(varlink_connection *c, bool *readable)
{
        varlink_connections *all = c->server;

        if (c->broken || c->state == VARLINK_WAITING || !varlink_connection_has_room(c))
                return false;
        if (c->state == VARLINK_STREAMING) {
                all->handler.room(c, all->userdata);
                return true;
        }
        if (c->message > 0) {
                hand_over(c);
                return true;
        }
        if (!*readable || c->ended)
                return false;
        *readable = receive(c);
        return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        varlink_connection *c = userdata;
        bool readable = revents & EPOLLIN;

        (void)source;
        (void)fd;
        /* Whoever has gone wants no answers. */
        if (revents & (EPOLLHUP | EPOLLERR))
                c->broken = true;
        c->busy = true;
        for (unsigned i = 0; i < STEPS_PER_ROUND && step(c, &readable); i++)
                ;
        flush(c);
        c->busy = false;
        if (is_over(c))
                connection_free(c);
        else
                (void)sd_event_source_set_io_events(c->source, events_of(c));
        return 0;
}

/* After a change from outside of on_io. What is to be closed is closed by on_io. */
static void settle(varlink_connection *c)
{
        if (c->busy)
                return;
        flush(c);
        (void)sd_event_source_set_io_events(c->source, events_of(c));
}

uid_t varlink_connection_uid(const varlink_connection *c)
{
        return c->uid;
}

void *varlink_connection_call(const varlink_connection *c)
{
        return c->call;
}

void varlink_connection_set_call(varlink_connection *c, void *call)
{
        c->call = call;
}

void varlink_connection_set_state(varlink_connection *c, enum varlink_connection_state state)
{
        c->state = state;
        renew(c);
        settle(c);
}

void varlink_connection_send(varlink_connection *c, const char *bytes, size_t size)
{
        char *room = NULL;

        if (size < VARLINK_OUTPUT_MAX - buffer_size(&c->out))
                room = buffer_room(&c->out, size + 1);
        if (!room) {
                varlink_connection_close(c);
                return;
        }
        memcpy(room, bytes, size);
        room[size] = 0;
        buffer_grow(&c->out, size + 1);
        settle(c);
}

/* The shutdown wakes on_io, even where the peer reads nothing. */
void varlink_connection_close(varlink_connection *c)
{
        c->broken = true;
        (void)shutdown(c->fd, SHUT_RDWR);
        settle(c);
}

bool varlink_connection_has_room(const varlink_connection *c)
{
        return buffer_size(&c->out) < VARLINK_OUTPUT_ENOUGH;
}

/* Nobody but root can take what is root's, and no other uid more than its own part. */
static bool may_connect(const varlink_connections *all, uid_t uid)
{
        const varlink_connection *c;
        unsigned same = 0;

        if (uid == 0)
                return all->count < VARLINK_CONNECTIONS_MAX;
        if (all->count_of_others >= VARLINK_CONNECTIONS_MAX - VARLINK_CONNECTIONS_FOR_ROOT)
                return false;
        LIST_FOREACH (c, &all->all, all)
                same += c->uid == uid;
        return same < VARLINK_CONNECTIONS_PER_UID;
}

/* Takes the descriptor over in any case. */
static void take_on(varlink_connections *all, int fd)
{
        _cleanup_(close_peerp) int owned = fd;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        varlink_connection *c;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
                !may_connect(all, peer.uid))
                return;
        c = calloc(1, sizeof(*c));
        if (!c)
                return;
        c->server = all;
        c->uid = peer.uid;
        c->state = VARLINK_READING;
        if (sd_event_add_io(all->event, &c->source, fd, EPOLLIN, on_io, c) < 0) {
                free(c);
                return;
        }
        c->fd = TAKE_FD(owned);
        LIST_INSERT_HEAD(&all->all, c, all);
        all->count++;
        if (c->uid != 0)
                all->count_of_others++;
        renew(c);
        /* Whoever connects has something to say, and may have said it by now. */
        (void)on_io(c->source, c->fd, EPOLLIN, c);
}

/* One at a time: to ask whether there is another costs as much as to be called again. */
static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        varlink_connections *all = userdata;
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        (void)revents;
        if (accepted >= 0) {
                take_on(all, accepted);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
                (void)sd_event_source_set_time_relative(all->pause, PAUSE_USEC);
                (void)sd_event_source_set_enabled(all->pause, SD_EVENT_ONESHOT);
        }
        return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        varlink_connections *all = userdata;

        (void)source;
        (void)usec;
        (void)sd_event_source_set_enabled(all->source, SD_EVENT_ON);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        varlink_connections *all = userdata;
        varlink_connection *first;
        uint64_t now = 0;

        (void)usec;
        (void)sd_event_now(all->event, CLOCK_MONOTONIC, &now);
        while ((first = TAILQ_FIRST(&all->aging)) && first->deadline <= now)
                connection_free(first);
        if (first) {
                (void)sd_event_source_set_time(source, first->deadline);
                (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        }
        return 0;
}

static int add_timer(
        varlink_connections *all, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r;

        r = sd_event_add_time(
                all->event, ret, CLOCK_MONOTONIC, UINT64_MAX, TIMER_ACCURACY_USEC, handler, all);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int varlink_connections_new(sd_event *event, varlink_listener *l,
        const varlink_connection_handler *handler, void *userdata, varlink_connections **ret)
{
        _cleanup_(varlink_connections_freep) varlink_connections *all = NULL;
        int r;

        all = calloc(1, sizeof(*all));
        if (!all)
                return -ENOMEM;
        all->event = sd_event_ref(event);
        all->handler = *handler;
        all->userdata = userdata;
        LIST_INIT(&all->all);
        TAILQ_INIT(&all->aging);
        r = add_timer(all, on_timer, &all->timer);
        if (r >= 0)
                r = add_timer(all, on_pause_over, &all->pause);
        if (r >= 0)
                r = sd_event_add_io(
                        event, &all->source, varlink_listener_fd(l), EPOLLIN, on_listen, all);
        if (r < 0)
                return r;
        all->listener = l;
        *ret = TAKE_PTR(all);
        return 0;
}

varlink_connections *varlink_connections_free(varlink_connections *all)
{
        varlink_connection *c;

        if (!all)
                return NULL;
        while ((c = LIST_FIRST(&all->all)))
                connection_free(c);
        sd_event_source_disable_unref(all->source);
        sd_event_source_disable_unref(all->pause);
        sd_event_source_disable_unref(all->timer);
        varlink_listener_free(all->listener);
        sd_event_unref(all->event);
        free(all);
        return NULL;
}
