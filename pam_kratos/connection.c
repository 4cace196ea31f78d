#include "connection.h"

#include <errno.h>
#include <string.h>

#include <systemd/sd-bus.h>

#include "dial.h"
#include "local-users.h"

#define BUS_DRIVER "org.freedesktop.DBus"
#define BUS_DRIVER_PATH "/org/freedesktop/DBus"
#define BUS_ERROR "org.freedesktop.DBus.Error."

/* Messages, and steps of the handshake, that are still taken when the time is over. */
#define LATE_MAX 16

/* The library's own timeout must come after ours, which it cannot keep (see run), and must be
 * named, or else it comes from the environment. */
#define LIBRARY_TIMEOUT_USEC (2 * CALL_DEADLINE_USEC)

#define _cleanup_bus_ _cleanup_(connection_closep)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)
#define _cleanup_slot_ _cleanup_(sd_bus_slot_unrefp)

sd_bus *connection_close(sd_bus *bus)
{
        return sd_bus_close_unref(bus);
}

/* Tells a bus or daemon that is not there, or does not answer, from every other failure. A bus
 * resets us where it does not know our uid. */
static int unreachable_or(int r)
{
        switch (-r) {
        case ENOENT:
        case ENOTDIR:
        case EACCES:
        case ECONNREFUSED:
        case ECONNRESET:
        case ENOTCONN:
        case EPIPE:
        case EAGAIN:
        case ETIMEDOUT:
                return CLIENT_UNREACHABLE;
        default:
                return r;
        }
}

/* Connects to the bus, which must be root's. */
static int dial_bus(patience *p, int *ret_fd)
{
        _cleanup_close_ int fd = -1;
        uid_t uid;
        int r;

        r = dial(BUS_SOCKET, p, &fd);
        if (r >= 0)
                r = dialled_uid(fd, &uid);
        if (r < 0)
                return r;
        if (uid != 0)
                return -EPERM;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Waits for the bus, not for long. */
static int step(sd_bus *bus, patience *p)
{
        uint64_t left = patience_left(p), begun = now_usec();
        uint64_t at_most = left < PATIENCE_STEP_USEC ? left : PATIENCE_STEP_USEC;
        int r = sd_bus_wait(bus, at_most);

        patience_add(p, begun, at_most);
        return r;
}

static bool is_done(sd_bus *bus, sd_bus_message *const *reply)
{
        return reply ? *reply != NULL : sd_bus_is_ready(bus) > 0;
}

/* Lets the bus work until it is ready or, where a reply is waited for, until that is there. Ours
 * and not sd_bus_call's, which waits without limit for a broker that is not ready yet, and which
 * looks at the clock only once nothing more arrives. What is there already when the time is over
 * still counts, as far as it is little: we may have been kept from reading it. */
static int run(sd_bus *bus, sd_bus_message *const *reply, patience *p)
{
        unsigned late = 0;

        while (!is_done(bus, reply)) {
                int r = sd_bus_process(bus, NULL);

                if (r == 0 && patience_left(p) > 0)
                        r = step(bus, p);
                else if (patience_left(p) == 0 && (r == 0 || ++late > LATE_MAX))
                        return -ETIMEDOUT;
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return 0;
}

/* Connects to the bus and says hello. */
static int start(patience *p, sd_bus **ret)
{
        _cleanup_bus_ sd_bus *bus = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = dial_bus(p, &fd);
        if (r < 0)
                return r;
        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        if ((r = sd_bus_set_bus_client(bus, true)) < 0 ||
                (r = sd_bus_negotiate_fds(bus, true)) < 0 ||
                (r = sd_bus_set_method_call_timeout(bus, LIBRARY_TIMEOUT_USEC)) < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        r = run(bus, NULL, p);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}

static int keep_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        sd_bus_message **reply = userdata;

        (void)error;
        *reply = sd_bus_message_ref(m);
        return 1;
}

/* Sends a message and waits for whatever comes back. */
static int exchange(sd_bus *bus, sd_bus_message *m, patience *p, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        _cleanup_slot_ sd_bus_slot *slot = NULL;
        int r;

        r = sd_bus_call_async(bus, &slot, m, keep_reply, &reply, LIBRARY_TIMEOUT_USEC);
        if (r < 0)
                return r;
        r = run(bus, &reply, p);
        if (r < 0)
                return r;
        /* A connection that ends answers what is pending with an error made up by the library. */
        if (sd_bus_is_open(bus) <= 0)
                return -ECONNRESET;

        *ret = TAKE_PTR(reply);
        return 0;
}

static bool is_from(sd_bus_message *m, const char *name)
{
        const char *sender = sd_bus_message_get_sender(m);

        return sender && strcmp(sender, name) == 0;
}

/* Asks the bus itself about a name. Returns 0 and the reply, CLIENT_UNREACHABLE where the name has
 * no owner, or -errno. */
static int ask_driver(
        sd_bus *bus, const char *method, const char *name, patience *p, sd_bus_message **ret)
{
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(
                bus, &m, BUS_DRIVER, BUS_DRIVER_PATH, BUS_DRIVER, method);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "s", name);
        if (r < 0)
                return r;
        r = exchange(bus, m, p, &reply);
        if (r < 0)
                return r;
        if (!is_from(reply, BUS_DRIVER))
                return -EPERM;
        if (sd_bus_message_is_method_error(reply, BUS_ERROR "NameHasNoOwner"))
                return CLIENT_UNREACHABLE;
        if (sd_bus_message_is_method_error(reply, NULL))
                return -EBADMSG;

        *ret = TAKE_PTR(reply);
        return 0;
}

/* Fails unless a unique name belongs to the system user kratosd. */
static int check_owner(sd_bus *bus, const char *owner, patience *p)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        uint32_t owner_uid;
        uid_t uid;
        int r;

        r = passwd_find_uid(PASSWD_FILE, DAEMON_USER, &uid);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        r = ask_driver(bus, "GetConnectionUnixUser", owner, p, &reply);
        if (r != 0)
                return r;
        if (sd_bus_message_read(reply, "u", &owner_uid) <= 0)
                return -EBADMSG;
        return owner_uid == uid ? 0 : -EPERM;
}

/* Notes a unique name that is kratosd's. */
static int accept_owner(sd_bus *bus, const char *owner, client_peer *peer, patience *p)
{
        int r;

        if (owner[0] != ':' || strlen(owner) > BUS_NAME_MAX)
                return -EBADMSG;
        r = check_owner(bus, owner, p);
        if (r == 0)
                memcpy(peer->owner, owner, strlen(owner) + 1);
        return r;
}

const char *connection_name(void)
{
        return geteuid() == 0 ? MANAGER_NAME : USER_NAME;
}

int connection_identify(sd_bus *bus, client_peer *peer, patience *p)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *owner;
        int r;

        if (peer->owner[0])
                return 0;
        r = ask_driver(bus, "GetNameOwner", connection_name(), p, &reply);
        if (r != 0)
                return unreachable_or(r);
        if (sd_bus_message_read(reply, "s", &owner) <= 0)
                return -EBADMSG;
        return unreachable_or(accept_owner(bus, owner, peer, p));
}

int connection_open(client_peer *peer, patience *p, sd_bus **ret)
{
        _cleanup_bus_ sd_bus *bus = NULL;
        char name[SD_ID128_STRING_MAX];
        sd_id128_t id;
        int r;

        r = start(p, &bus);
        if (r >= 0)
                r = sd_bus_get_bus_id(bus, &id);
        if (r < 0)
                return unreachable_or(r);
        sd_id128_to_string(id, name);
        if (strcmp(name, peer->bus) != 0) {
                memcpy(peer->bus, name, sizeof(name));
                peer->owner[0] = '\0';
        }
        *ret = TAKE_PTR(bus);
        return 0;
}

/* True for an error by which the bus says that the daemon is gone, or did not answer. */
static bool means_unreachable(sd_bus_message *reply)
{
        static const char *const names[] = { BUS_ERROR "ServiceUnknown", BUS_ERROR "NameHasNoOwner",
                BUS_ERROR "NoReply", BUS_ERROR "Timeout", BUS_ERROR "TimedOut",
                BUS_ERROR "Disconnected" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (sd_bus_message_is_method_error(reply, names[i]))
                        return true;
        return false;
}

/* The bus's own errors about a call. */
static int judge_driver(sd_bus_message *reply, client_peer *peer)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (!error)
                return -EPERM;
        /* The call has reached nobody: a kratosd that started anew has another name. */
        if (sd_bus_message_is_method_error(reply, BUS_ERROR "ServiceUnknown") ||
                sd_bus_message_is_method_error(reply, BUS_ERROR "NameHasNoOwner"))
                peer->owner[0] = '\0';
        if (means_unreachable(reply))
                return CLIENT_UNREACHABLE;
        if (sd_bus_message_is_method_error(reply, BUS_ERROR "LimitsExceeded"))
                return -ENOBUFS;
        /* The daemon's own errors come only from the daemon itself. */
        return strncmp(error->name, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0 ? -EPERM : 0;
}

int connection_call(
        sd_bus *bus, sd_bus_message *m, client_peer *peer, patience *p, sd_bus_message **ret_reply)
{
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *sender;
        int r;

        r = exchange(bus, m, p, &reply);
        if (r < 0)
                return unreachable_or(r);
        sender = sd_bus_message_get_sender(reply);
        if (!sender)
                return -EPERM;
        if (is_from(reply, BUS_DRIVER))
                r = judge_driver(reply, peer);
        else if (strcmp(sender, peer->owner) != 0)
                r = unreachable_or(accept_owner(bus, sender, peer, p));
        if (r != 0)
                return r;

        *ret_reply = TAKE_PTR(reply);
        return 0;
}
