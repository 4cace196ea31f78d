/* The bus methods: whatever a caller sends, each call is answered exactly once, with a result only
 * where one was earned. An input is a list of calls. They reach the methods by a real connection of
 * sd-bus; logins and sessions are the daemon's own, and what lies below them (accounts, the store,
 * Kratos, lifelines, the revoker) stands in as little as can be, answering as the input says. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus-stand-ins.h"
#include "common/interface.h"
#include "kratosd/methods.h"
#include "kratosd/operation.h"
#include "kratosd/seal.h"

#define DRIVER "org.freedesktop.DBus"
#define DRIVER_PATH "/org/freedesktop/DBus"
#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_SESSION_PATH "/org/freedesktop/login1/session/_31"
/* A process that lives on. */
#define CALLER_PID 1U
#define CALLS_MAX 12
#define DEPTH_MAX 4
#define TEXT_MAX 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One call, and what is expected of it. */
typedef struct call {
        const char *method;
        uid_t caller;
        bool manager;
        bool good_memfd;
        char user[TEXT_MAX + 1];
        unsigned replies;
} call;

static call calls[CALLS_MAX];
static unsigned n_calls;
static char ids[2][ID_LENGTH + 1]; /* the last login and session that were told of */
static sd_bus *server, *client;
static operations faces[2];
static accounts none;
static sealer *token_key;

/* The caller's side. */

static const char *take_text(char buffer[static TEXT_MAX + 1])
{
        static const char *const texts[] = { "alice", "bob", "root", "", "login", "sshd",
                CONTEXT_PURPOSE, CONTEXT_SERVICE, CONTEXT_TTY, CONTEXT_RHOST, CONTEXT_RUSER,
                "192.0.2.1", PURPOSE_CHANGE_PASSWORD };
        static const unsigned n = sizeof(texts) / sizeof(texts[0]);
        unsigned which = take(n + 5);
        size_t length;

        if (which < n)
                return texts[which];
        if (which < n + 2)
                return ids[which - n];
        length = which == n + 2 ? take(8) * 75 : take(80);
        for (size_t i = 0; i < length; i++)
                buffer[i] = (char)(which == n + 4 ? take(256) : 'a' + i % 26);
        buffer[length] = '\0';
        return buffer;
}

static int memfd(size_t size, int seals)
{
        int fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        require(fd >= 0 && ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
        return fd;
}

static int take_fd(bool *ret_good)
{
        static const int good = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;
        char text[TEXT_MAX + 1];
        int seals, fd = -1;

        *ret_good = false;
        switch (take(8)) {
        case 0:
                seals = (int)take(32);
                *ret_good = (seals & good) == good;
                return memfd(take(256), seals);
        case 1:
                return memfd(ANSWER_MAX + 1, good);
        case 2:
                return open("/dev/null", O_RDWR | O_CLOEXEC);
        case 3:
                return memfd(8, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
        default:
                *ret_good = true;
                snprintf(text, sizeof(text), "%s", take_text(text));
                require(secret_to_memfd(text, strnlen(text, ANSWER_MAX), &fd) == 0);
                return fd;
        }
}

/* Appends a value of any type at all. */
static int append_any(sd_bus_message *m, unsigned depth)
{
        static const char types[] = "ybnqiuxtdsogas";
        char text[TEXT_MAX + 1], type[2] = { types[take(sizeof(types) - 1)] };
        uint64_t number = take(256) * UINT64_C(0x0101010101010101);
        int r;

        if (depth < DEPTH_MAX && take(4) == 0) {
                r = sd_bus_message_open_container(m, 'v', "v");
                if (r >= 0)
                        r = sd_bus_message_open_container(m, 'v', "s");
                if (r >= 0)
                        r = sd_bus_message_append_basic(m, 's', take_text(text));
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
                return r < 0 ? r : sd_bus_message_close_container(m);
        }
        if (type[0] == 'a')
                return sd_bus_message_append(m, "v", "as", 2, take_text(text), "");
        r = sd_bus_message_open_container(m, 'v', type);
        if (r >= 0 && strchr("sog", type[0]))
                r = sd_bus_message_append_basic(m, type[0], take_text(text));
        else if (r >= 0)
                r = sd_bus_message_append_basic(m, type[0], &number);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_context(sd_bus_message *m)
{
        unsigned entries = take(8);
        char key[TEXT_MAX + 1], value[TEXT_MAX + 1];
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (unsigned i = 0; i < entries && r >= 0; i++) {
                r = sd_bus_message_open_container(m, 'e', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", take_text(key));
                if (r >= 0)
                        r = take(8) ? sd_bus_message_append(m, "v", "s", take_text(value))
                                    : append_any(m, 0);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_arguments(sd_bus_message *m, const char *signature, call *c)
{
        char text[TEXT_MAX + 1];
        const char *string;
        int r = 0;

        for (const char *p = signature; *p && r >= 0; p++) {
                if (*p == 's') {
                        string = take_text(text);
                        if (p == signature)
                                snprintf(c->user, sizeof(c->user), "%s", string);
                        r = sd_bus_message_append(m, "s", string);
                } else if (*p == 'h') {
                        _cleanup_close_ int fd = take_fd(&c->good_memfd);

                        r = sd_bus_message_append(m, "h", fd);
                } else if (*p == 'v') {
                        r = append_any(m, 0);
                } else {
                        r = append_context(m);
                        break;
                }
        }
        return r;
}

static void check_success(const call *c, sd_bus_message *m)
{
        const char *first = NULL;

        require(c->caller == 0 || !c->manager);
        if (strcmp(c->method, "BeginLogin") == 0) {
                require(sd_bus_message_read(m, "s", &first) > 0 && id_is_valid(first));
                memcpy(ids[0], first, ID_LENGTH + 1);
        }
        if (strcmp(c->method, "BeginLogin") == 0 || strcmp(c->method, "CheckAccount") == 0)
                require((strcmp(c->user, "alice") == 0 && (c->manager || c->caller == 1000)) ||
                        (strcmp(c->user, "bob") == 0 && (c->manager || c->caller == 1001)));
        if (strcmp(c->method, "Answer") == 0) {
                require((c->good_memfd || !c->manager) && sd_bus_message_read(m, "s", &first) > 0);
                require(strcmp(first, STATE_PROMPT) == 0 || grants-- > 0);
        }
        if (strcmp(c->method, "ChangePassword") == 0)
                require(c->manager && c->good_memfd && changes-- > 0);
        if (strcmp(c->method, "AddAccount") == 0 || strcmp(c->method, "Unpin") == 0 ||
                strcmp(c->method, "RevokeAll") == 0)
                require(c->manager);
        if (strcmp(c->method, "OpenSession") == 0) {
                require(c->manager && sd_bus_message_read(m, "s", &first) > 0);
                require(id_is_valid(first));
                memcpy(ids[1], first, ID_LENGTH + 1);
        }
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *failure = sd_bus_message_get_error(m);
        call *c = userdata;

        (void)error;
        c->replies++;
        if (!failure) {
                check_success(c, m);
                return 1;
        }
        require(strncmp(failure->name, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0 ||
                strncmp(failure->name, DRIVER ".Error.", strlen(DRIVER ".Error.")) == 0);
        return 1;
}

/* Sees what no call waits for: a reply too many. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        uint64_t cookie;

        (void)userdata;
        (void)error;
        require(sd_bus_message_get_reply_cookie(m, &cookie) < 0);
        return 0;
}

/* The bus driver, asked who called: it is always the last call of all. */
static int method_credentials(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        uid_t caller = calls[n_calls - 1].caller;

        (void)userdata;
        (void)error;
        if (caller == (uid_t)-1)
                return sd_bus_reply_method_errorf(m, DRIVER ".Error.NameHasNoOwner", "gone");
        return sd_bus_reply_method_return(
                m, "a{sv}", 2, "UnixUserID", "u", (uint32_t)caller, "ProcessID", "u", CALLER_PID);
}

static const sd_bus_vtable driver_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetConnectionCredentials", "s", "a{sv}", method_credentials,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* logind, asked where somebody sits who has a session open here: mostly in alice's. */
static int method_session_of(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        (void)userdata;
        (void)error;
        if (take(4) == 3)
                return sd_bus_reply_method_errorf(
                        m, "org.freedesktop.login1.NoSessionForPID", "none");
        return sd_bus_reply_method_return(m, "o", LOGIND_SESSION_PATH);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        uint64_t now;

        (void)bus;
        (void)path;
        (void)interface;
        (void)userdata;
        (void)error;
        if (strcmp(property, "User") == 0)
                return sd_bus_message_append(reply, "(uo)", 1000U + take(8) / 7, "/user");
        if (strcmp(property, "Leader") == 0)
                return sd_bus_message_append(reply, "u", CALLER_PID + take(8) / 7);
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(reply, "s", take(8) == 7 ? "closing" : "active");
        require(sd_event_now(event, CLOCK_MONOTONIC, &now) >= 0);
        return sd_bus_message_append(reply, "t", take(8) == 7 ? (uint64_t)1 : now);
}

static const sd_bus_vtable logind_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("GetSessionByPID", "u", "o", method_session_of, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable logind_session_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("User", "(uo)", get_property, 0, 0),
        SD_BUS_PROPERTY("Leader", "u", get_property, 0, 0),
        SD_BUS_PROPERTY("State", "s", get_property, 0, 0),
        SD_BUS_PROPERTY("TimestampMonotonic", "t", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static bool pump_buses(void)
{
        bool any = false;

        for (int at_server = 1, at_client = 1; at_server > 0 || at_client > 0;) {
                at_server = sd_bus_process(server, NULL);
                at_client = sd_bus_process(client, NULL);
                require(at_server >= 0 && at_client >= 0);
                any |= at_server > 0 || at_client > 0;
        }
        return any;
}

/* Until nothing happens any more. */
static void pump(void)
{
        unsigned turns = 0;

        while (pump_buses() || sd_event_run(event, 0) > 0)
                require(++turns < 10000);
}

static void connect_buses(void)
{
        sd_id128_t id;
        int fds[2];

        require(sd_id128_randomize(&id) >= 0 &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) >= 0 &&
                sd_bus_new(&server) >= 0 && sd_bus_set_fd(server, fds[0], fds[0]) >= 0 &&
                sd_bus_set_server(server, 1, id) >= 0 && sd_bus_start(server) >= 0 &&
                sd_bus_new(&client) >= 0 && sd_bus_set_fd(client, fds[1], fds[1]) >= 0 &&
                sd_bus_start(client) >= 0);
        require(sd_bus_add_object_vtable(server, NULL, MANAGER_PATH, MANAGER_INTERFACE,
                        manager_vtable, faces) >= 0 &&
                sd_bus_add_object_vtable(
                        server, NULL, USER_PATH, USER_INTERFACE, user_vtable, faces + 1) >= 0 &&
                sd_bus_add_object_vtable(client, NULL, DRIVER_PATH, DRIVER, driver_vtable, NULL) >=
                        0 &&
                sd_bus_add_object_vtable(
                        client, NULL, LOGIND_PATH, LOGIND ".Manager", logind_vtable, NULL) >= 0 &&
                sd_bus_add_object_vtable(client, NULL, LOGIND_SESSION_PATH, LOGIND ".Session",
                        logind_session_vtable, NULL) >= 0 &&
                sd_bus_add_filter(client, NULL, on_message, NULL) >= 0);
        require(sd_event_new(&event) >= 0);
        while (sd_bus_is_ready(client) <= 0 || sd_bus_is_ready(server) <= 0)
                pump_buses();
}

static void make_call(void)
{
        static const struct {
                const char *name;
                const char *signature;
        } methods[] = { { "BeginLogin", "sa" }, { "Answer", "sh" }, { "CancelLogin", "s" },
                { "CheckAccount", "sa" }, { "OpenSession", "ssa" }, { "CloseSession", "s" },
                { "Answer", "sv" }, { "BeginLogin", "ssh" }, { "Nothing", "" },
                { "AddAccount", "ss" }, { "Unpin", "s" }, { "Answer", "s" },
                { "ChangePassword", "sh" }, { "RevokeAll", "" } };
        static const uid_t uids[] = { 0, 1000, 1001, 65534, (uid_t)-1, 0, 0, 0 };
        unsigned which = take(sizeof(methods) / sizeof(methods[0]));
        call *c = calls + n_calls++;
        sd_bus_message *m = NULL;
        bool silent;

        *c = (call){ .method = methods[which].name, .manager = take(4) };
        c->caller = uids[take(sizeof(uids) / sizeof(uids[0]))];
        silent = take(32) == 31;
        require(sd_bus_message_new_method_call(client, &m, MANAGER_NAME,
                        c->manager ? MANAGER_PATH : USER_PATH,
                        c->manager ? MANAGER_INTERFACE : USER_INTERFACE, c->method) >= 0);
        /* What sd-bus refuses to write, a caller could not send through the broker either. */
        if (append_arguments(m, methods[which].signature, c) < 0) {
                n_calls--;
        } else if (silent) {
                require(sd_bus_message_set_expect_reply(m, 0) >= 0 &&
                        sd_bus_send(client, m, NULL) >= 0);
                c->replies = 1;
        } else {
                /* Its patience must not end before that of what is tested, on a busy machine. */
                require(sd_bus_call_async(client, NULL, m, on_reply, c, UINT64_MAX) >= 0);
        }
        sd_bus_message_unref(m);
        pump_buses();
}

static sealer *make_sealer(void)
{
        char folder[] = "/tmp/fuzz-bus-XXXXXX", path[64];
        sealer *made = NULL;

        require(mkdtemp(folder) && sealer_new(folder, &made) == 0);
        snprintf(path, sizeof(path), "%s/seal.key", folder);
        require(unlink(path) == 0 && rmdir(folder) == 0);
        return made;
}

static void begin(void)
{
        sessions *s = NULL;
        logins *l = NULL;

        require(sessions_new(event, NULL, NULL, &s) == 0 &&
                logins_new(event, &none, token_key, NULL, NULL, s, NULL, &l) == 0);
        faces[0] = (operations){ .accounts = &none, .logins = l, .sessions = s, .root_only = true };
        faces[1] = (operations){ .accounts = &none, .logins = l, .sessions = s };
        n_calls = 0;
        memset(ids, 0, sizeof(ids));
}

static void end(void)
{
        pump();
        for (unsigned i = 0; i < n_calls; i++)
                require(calls[i].replies == 1);
        require(faces[0].count == 0 && faces[1].count == 0);
        logins_free(faces[0].logins);
        sessions_free(faces[0].sessions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int lowest, now;

        if (!event) {
                connect_buses();
                token_key = make_sealer();
                begin(); /* what a loop keeps open for its timers is opened now */
                end();
        }
        lowest = dup(0);
        close(lowest);

        input_begin(data, size);
        begin();
        while (!input_is_over() && n_calls < CALLS_MAX) {
                make_call();
                if (take(4))
                        pump();
        }
        end();

        now = dup(0);
        close(now);
        require(now == lowest); /* no descriptor is left open */
        return 0;
}
