#include "bus.h"

#include <errno.h>
#include <string.h>

#include "common/interface.h"
#include "log.h"
#include "methods.h"
#include "operation.h"
#include "timespan.h"

/* Between two tries to reach the bus, or to get the name from another owner. */
#define RETRY_USEC (1 * USEC_PER_SEC)
/* A bus that answers nothing for so long is of no use to a login either. */
#define DRIVER_TIMEOUT_USEC (2 * USEC_PER_SEC)

#define DBUS_LOCAL_PATH "/org/freedesktop/DBus/Local"
#define DBUS_LOCAL_INTERFACE "org.freedesktop.DBus.Local"

static const struct {
        const char *name;
        const char *path;
        const char *interface;
        const sd_bus_vtable *vtable;
} kinds[] = {
        [BUS_MANAGER] = { MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, manager_vtable },
        [BUS_USER] = { USER_NAME, USER_PATH, USER_INTERFACE, user_vtable },
};

struct bus_face {
        sd_event *event;
        enum bus_face_kind kind;
        sd_bus *bus;
        sd_event_source *retry;
        bool missed; /* that there is no bus was said */
        operations operations;
};

static void disconnect(bus_face *f)
{
        if (!f->bus)
                return;
        operations_forget(&f->operations);
        sd_bus_detach_event(f->bus);
        sd_bus_close(f->bus);
        f->bus = sd_bus_unref(f->bus);
}

static void retry_later(bus_face *f, const char *why)
{
        if (!f->missed)
                log_message(
                        LOG_WARNING, "%s is not on the system bus: %s", kinds[f->kind].name, why);
        f->missed = true;
        sd_event_source_set_time_relative(f->retry, RETRY_USEC);
        sd_event_source_set_enabled(f->retry, SD_EVENT_ONESHOT);
}

static int on_disconnected(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
        (void)signal;
        (void)error;
        retry_later(userdata, "the connection was lost");
        return 0;
}

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        bus_face *f = userdata;
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        uint32_t result = 0;

        (void)error;
        if (failure) {
                retry_later(f, failure->message ?: failure->name);
        } else if (sd_bus_message_read(reply, "u", &result) < 0 || result != 1) {
                retry_later(f, "another program owns the name");
        } else {
                log_message(f->missed ? LOG_NOTICE : LOG_DEBUG, "%s is on the system bus",
                        kinds[f->kind].name);
                f->missed = false;
        }
        return 0;
}

/* Nothing here waits: what is sent before the bus has let us in is queued. */
static int begin_connecting(bus_face *f)
{
        int r;

        r = sd_bus_new(&f->bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(f->bus, BUS_ADDRESS);
        if (r < 0)
                return r;
        r = sd_bus_set_bus_client(f->bus, true);
        if (r < 0)
                return r;
        /* A descriptor of anybody's could make us wait where it is closed, which sd-bus does before
         * we see the message. The bus delivers none to who has not asked for them. */
        r = sd_bus_negotiate_fds(f->bus, f->kind == BUS_MANAGER);
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(f->bus, DRIVER_TIMEOUT_USEC);
        if (r < 0)
                return r;
        r = sd_bus_start(f->bus);
        if (r < 0)
                return r;
        r = sd_bus_add_object_vtable(f->bus, NULL, kinds[f->kind].path, kinds[f->kind].interface,
                kinds[f->kind].vtable, &f->operations);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(f->bus, NULL, NULL, DBUS_LOCAL_PATH, DBUS_LOCAL_INTERFACE,
                "Disconnected", on_disconnected, NULL, f);
        if (r < 0)
                return r;
        r = sd_bus_request_name_async(f->bus, NULL, kinds[f->kind].name, 0, on_name, f);
        if (r < 0)
                return r;
        return sd_bus_attach_event(f->bus, f->event, SD_EVENT_PRIORITY_NORMAL);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        bus_face *f = userdata;
        int r;

        (void)source;
        (void)usec;
        disconnect(f);
        r = begin_connecting(f);
        if (r < 0)
                retry_later(f, strerror(-r));
        return 0;
}

int bus_face_new(sd_event *event, enum bus_face_kind kind, accounts *a, logins *l, sessions *s,
        bus_face **ret)
{
        _cleanup_(bus_face_freep) bus_face *f = calloc(1, sizeof(bus_face));
        int r;

        if (!f)
                return -ENOMEM;
        f->event = sd_event_ref(event);
        f->kind = kind;
        f->operations = (operations){
                .accounts = a, .logins = l, .sessions = s, .root_only = kind == BUS_MANAGER
        };
        r = sd_event_add_time_relative(
                event, &f->retry, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_retry, f);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

bus_face *bus_face_free(bus_face *f)
{
        if (!f)
                return NULL;
        disconnect(f);
        sd_event_source_disable_unref(f->retry);
        sd_event_unref(f->event);
        free(f);
        return NULL;
}
