#include "logind.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <systemd/sd-bus.h>

#include "store.h"
#include "timespan.h"

/* For both calls together. BeginLogin waits for it, and the module for that: 2 s at most. */
#define DEADLINE_USEC ((int64_t)(USEC_PER_SEC / 2))

#define LOGIND_NAME "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER "org.freedesktop.login1.Manager"
#define LOGIND_SESSION "org.freedesktop.login1.Session"

/* A session whose leader has let go of it; what runs on in it is nobody's login any more. */
#define STATE_CLOSING "closing"

struct logind_question {
        sd_bus *bus;
        sd_bus_slot *slot;
        int64_t deadline; /* CLOCK_BOOTTIME, microseconds */
        bus_process process;
        logind_done done;
        void *userdata;
};

logind_question *logind_forget(logind_question *q)
{
        if (!q)
                return NULL;
        sd_bus_slot_unref(q->slot);
        sd_bus_unref(q->bus);
        closep(&q->process.pidfd);
        free(q);
        return NULL;
}

static void answer(logind_question *q, const session_place *place)
{
        logind_done done = q->done;
        void *userdata = q->userdata;

        logind_forget(q);
        done(place, userdata);
}

static void answer_none(logind_question *q)
{
        answer(q, &(session_place){ 0 });
}

/* A pidfd becomes readable when its process has ended. */
static bool is_alive(int pidfd)
{
        struct pollfd poller = { .fd = pidfd, .events = POLLIN };
        int r;

        do
                r = poll(&poller, 1, 0);
        while (r < 0 && errno == EINTR);
        return r == 0;
}

/* logind is not started for this: where it does not run, there are no sessions. */
static int call(logind_question *q, const char *path, const char *interface, const char *member,
        sd_bus_message_handler_t handler, const char *type, ...)
{
        __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *m = NULL;
        int64_t left = q->deadline - boottime_usec();
        va_list arguments;
        int r;

        if (left <= 0)
                return -ETIME;
        r = sd_bus_message_new_method_call(q->bus, &m, LOGIND_NAME, path, interface, member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0) {
                va_start(arguments, type);
                r = sd_bus_message_appendv(m, type, arguments);
                va_end(arguments);
        }
        q->slot = sd_bus_slot_unref(q->slot);
        return r < 0 ? r : sd_bus_call_async(q->bus, &q->slot, m, handler, q, (uint64_t)left);
}

/* What of a session is asked for, and that it was all there. */
typedef struct properties {
        session_place place;
        bool is_live;
        unsigned n;
} properties;

static int read_property(sd_bus_message *m, const char *name, properties *p)
{
        const char *state;
        uint64_t since;
        uint32_t number;
        int r;

        p->n++;
        if (strcmp(name, "User") == 0) {
                r = sd_bus_message_read(m, "v", "(uo)", &number, NULL);
                if (r >= 0)
                        p->place.uid = number;
        } else if (strcmp(name, "Leader") == 0) {
                r = sd_bus_message_read(m, "v", "u", &number);
                if (r >= 0)
                        p->place.leader = (pid_t)number;
        } else if (strcmp(name, "TimestampMonotonic") == 0) {
                r = sd_bus_message_read(m, "v", "t", &since);
                if (r >= 0)
                        p->place.since = (int64_t)since;
        } else if (strcmp(name, "State") == 0) {
                r = sd_bus_message_read(m, "v", "s", &state);
                p->is_live = r >= 0 && strcmp(state, STATE_CLOSING) != 0;
        } else {
                p->n--;
                r = sd_bus_message_skip(m, "v");
        }
        return r;
}

static int read_properties(sd_bus_message *m, properties *p)
{
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_property(m, name, p);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        logind_question *q = userdata;
        properties p = { 0 };

        (void)error;
        if (sd_bus_message_is_method_error(reply, NULL) || read_properties(reply, &p) < 0 ||
                p.n != 4 || !p.is_live || p.place.leader <= 0 || p.place.since <= 0 ||
                !is_alive(q->process.pidfd))
                answer_none(q);
        else
                answer(q, &p.place);
        return 0;
}

static int on_session(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        logind_question *q = userdata;
        const char *path;

        (void)error;
        if (sd_bus_message_is_method_error(reply, NULL) ||
                sd_bus_message_read(reply, "o", &path) < 0 ||
                call(q, path, "org.freedesktop.DBus.Properties", "GetAll", on_properties, "s",
                        LOGIND_SESSION) < 0)
                answer_none(q);
        return 0;
}

int logind_ask(
        sd_bus *bus, bus_process process, logind_done done, void *userdata, logind_question **ret)
{
        _cleanup_(logind_forgetp) logind_question *q = calloc(1, sizeof(logind_question));
        int r;

        if (!q) {
                closep(&process.pidfd);
                return -ENOMEM;
        }
        *q = (logind_question){ .bus = sd_bus_ref(bus),
                .deadline = boottime_usec() + DEADLINE_USEC,
                .process = process,
                .done = done,
                .userdata = userdata };
        if (process.pid <= 0) /* to logind, 0 is whoever asks */
                return -ESRCH;
        if (q->process.pidfd < 0)
                q->process.pidfd = pidfd_open(process.pid, 0);
        if (q->process.pidfd < 0)
                return -errno;
        r = call(q, LOGIND_PATH, LOGIND_MANAGER, "GetSessionByPID", on_session, "u",
                (uint32_t)process.pid);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}
