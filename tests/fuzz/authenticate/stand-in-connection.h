/*
 * A connection to kratosd whose answers are made as the input says: the right one, an error, the
 * right types with any contents, or anything that fits into a message. Included by
 * fuzz-authenticate.c alone.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "choices.h"
#include "names.h"
#include "pam_kratos/connection.h"

#define CALLS_MAX 64
#define OWNER ":1.7"

uint64_t now_usec(void)
{
        static uint64_t now = 1;

        return now++;
}

bool patience_was_stopped(const patience *p)
{
        (void)p;
        return choose(8) == 7;
}

/* A bus that is there only because messages need one. */
static sd_bus *paper_bus(void)
{
        static sd_bus *bus;
        int fds[2];

        if (bus)
                return bus;
        require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        require(sd_bus_new(&bus) >= 0 && sd_bus_set_fd(bus, fds[0], fds[0]) >= 0 &&
                sd_bus_start(bus) >= 0);
        return bus;
}

sd_bus *connection_close(sd_bus *bus)
{
        return sd_bus_unref(bus);
}

int connection_open(client_peer *peer, patience *p, sd_bus **ret)
{
        (void)p;
        switch (choose(32)) {
        case 29:
                peer->owner[0] = '\0';
                break;
        case 30:
                seen.unavailable = true;
                return CLIENT_UNREACHABLE;
        case 31:
                return choose(2) ? -ENOBUFS : -EPERM;
        default:
                break;
        }
        *ret = sd_bus_ref(paper_bus());
        return 0;
}

int connection_identify(sd_bus *bus, client_peer *peer, patience *p)
{
        (void)bus;
        (void)p;
        if (peer->owner[0])
                return 0;
        switch (choose(16)) {
        case 14:
                seen.unavailable = true;
                return CLIENT_UNREACHABLE;
        case 15:
                return -EPERM;
        default:
                strncpy(peer->owner, OWNER, sizeof(peer->owner));
                return 0;
        }
}

const char *connection_name(void)
{
        return MANAGER_NAME;
}

static int choose_fd(void)
{
        int fds[2] = { -1, -1 }, fd = -1;

        switch (choose(4)) {
        case 0:
                if (pipe2(fds, O_CLOEXEC) == 0) {
                        close(fds[0]);
                        fd = fds[1];
                }
                break;
        case 1:
                if (pipe2(fds, O_CLOEXEC) == 0) {
                        close(fds[1]);
                        fd = fds[0];
                }
                break;
        case 2:
                fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
                break;
        default:
                fd = memfd_create("fuzz", MFD_CLOEXEC);
                break;
        }
        require(fd >= 0);
        return fd;
}

/* Appends a value of a type; text that is not UTF-8 sd-bus refuses to send, and ends the message.
 */
static int append(sd_bus_message *m, char type)
{
        char space[2048];
        uint64_t number = choose(256);
        int r, fd;

        switch (type) {
        case 's':
                return sd_bus_message_append_basic(m, 's', choose_word(space, sizeof(space)));
        case 'b':
                return sd_bus_message_append(m, "b", (int)number & 1);
        case 'h':
                fd = choose_fd();
                r = sd_bus_message_append_basic(m, 'h', &fd);
                close(fd);
                return r;
        default:
                return sd_bus_message_append_basic(m, type, &number);
        }
}

/* Appends a dictionary of strings and variants. */
static int append_dictionary(sd_bus_message *m)
{
        char space[2048];
        int r = sd_bus_message_open_container(m, 'a', "{sv}");

        for (unsigned n = choose(6); r >= 0 && n > 0; n--) {
                char type[2] = { "ssbuyt"[choose(6)], '\0' };

                if ((r = sd_bus_message_open_container(m, 'e', "sv")) >= 0 &&
                        (r = sd_bus_message_append(m, "s", choose_word(space, sizeof(space)))) >=
                                0 &&
                        (r = sd_bus_message_open_container(m, 'v', type)) >= 0 &&
                        (r = append(m, type[0])) >= 0 &&
                        (r = sd_bus_message_close_container(m)) >= 0)
                        r = sd_bus_message_close_container(m);
        }
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* The answer that is right for a method. */
static int append_right(sd_bus_message *m, const char *method)
{
        static const char id[] = "0123456789abcdef0123456789abcdef";
        int r, fd;

        if (strcmp(method, "BeginLogin") == 0)
                return sd_bus_message_append(
                        m, "sa{sv}", id, 2, "kind", "s", "password", "text", "s", "Password: ");
        if (strcmp(method, "Answer") == 0)
                return sd_bus_message_append(m, "sa{sv}", "granted", 0);
        if (strcmp(method, "CheckAccount") == 0)
                return sd_bus_message_append(m, "ss", "ok", "");
        if (strcmp(method, "OpenSession") == 0) {
                fd = choose_fd();
                r = sd_bus_message_append(m, "sh", id, fd);
                close(fd);
                return r;
        }
        return 0;
}

/* Notes what a finished answer says, by reading it independently of the module. */
static void note(sd_bus_message *m, const char *method)
{
        const sd_bus_error *error = sd_bus_message_get_error(m);
        const char *first = NULL;

        if (error) {
                seen.unknown |= strcmp(error->name, ERROR_UNKNOWN_USER) == 0;
                seen.unavailable |= strcmp(error->name, ERROR_UNAVAILABLE) == 0;
                return;
        }
        if (sd_bus_message_read_basic(m, 's', &first) > 0) {
                if (strcmp(method, "BeginLogin") == 0 && id_is_valid(first) &&
                        sd_bus_message_has_signature(m, "sa{sv}") > 0)
                        *(seen.unknown ? &seen.refusing : &seen.begun) = true;
                if (strcmp(method, "Answer") == 0)
                        seen.granted |= strcmp(first, STATE_GRANTED) == 0 &&
                                        sd_bus_message_has_signature(m, "sa{sv}") > 0;
                if (strcmp(method, "CheckAccount") == 0)
                        seen.account_ok |= (strcmp(first, VERDICT_OK) == 0 ||
                                                   strcmp(first, VERDICT_PASSWORD_EXPIRED) == 0) &&
                                           sd_bus_message_has_signature(m, "ss") > 0;
                if (strcmp(method, "OpenSession") == 0)
                        seen.opened |=
                                id_is_valid(first) && sd_bus_message_has_signature(m, "sh") > 0;
        }
        require(sd_bus_message_rewind(m, true) >= 0);
}

static int make_answer(sd_bus_message *call, const char *method, sd_bus_message **ret)
{
        static const char *const errors[] = { ERROR_UNKNOWN_USER, ERROR_BAD_CREDENTIALS,
                ERROR_NOT_ALLOWED, ERROR_ACCOUNT_DISABLED, ERROR_THROTTLED, ERROR_PASSWORD_REFUSED,
                ERROR_UNAVAILABLE, ERROR_NO_SUCH_LOGIN, ERROR_INVALID_ARGUMENT, ERROR_FAILED,
                "org.freedesktop.DBus.Error.AccessDenied" };
        char text[2048];
        unsigned way = choose(8);
        int r;

        if (way == 1) {
                const char *name = errors[choose(sizeof(errors) / sizeof(errors[0]))];

                choose_text(text, sizeof(text));
                return sd_bus_message_new_method_errorf(call, ret, name, "%s", text);
        }
        r = sd_bus_message_new_method_return(call, ret);
        if (r < 0 || way == 0)
                return r < 0 ? r : append_right(*ret, method);
        if (way <= 4) { /* the right types */
                r = append(*ret, 's');
                if (r < 0)
                        return r;
                if (strcmp(method, "CheckAccount") == 0)
                        return append(*ret, 's');
                return strcmp(method, "OpenSession") == 0 ? append(*ret, 'h')
                                                          : append_dictionary(*ret);
        }
        for (unsigned n = choose(5); r >= 0 && n > 0; n--) {
                char type = "sssbuyhta"[choose(9)];

                r = type == 'a' ? append_dictionary(*ret) : append(*ret, type);
        }
        return r;
}

/* A secret goes out only sealed, and only with a login that was begun. */
static void check_answer(sd_bus_message *m)
{
        const char *login;
        int fd;

        require(strcmp(sd_bus_message_get_destination(m), OWNER) == 0);
        require(sd_bus_message_read(m, "sh", &login, &fd) > 0);
        require(id_is_valid(login) && (seen.begun || seen.refusing));
        require((fcntl(fd, F_GET_SEALS) & (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE)) ==
                (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE));
        require(lseek(fd, 0, SEEK_END) <= ANSWER_MAX);
}

int connection_call(
        sd_bus *bus, sd_bus_message *m, client_peer *peer, patience *p, sd_bus_message **ret)
{
        sd_bus_message *answer = NULL;
        static uint64_t cookie;
        const char *method;

        (void)bus;
        (void)p;
        require(seen.calls++ < CALLS_MAX);
        require(sd_bus_message_seal(m, ++cookie, 0) >= 0);
        require(sd_bus_message_rewind(m, true) >= 0);
        method = sd_bus_message_get_member(m);
        if (strcmp(method, "Answer") == 0)
                check_answer(m);
        switch (choose(32)) {
        case 29: /* the owner is gone */
                peer->owner[0] = '\0';
                seen.unavailable = true;
                return CLIENT_UNREACHABLE;
        case 30:
                seen.unavailable = true;
                return CLIENT_UNREACHABLE;
        case 31:
                return -EPERM;
        default:
                strncpy(peer->owner, OWNER, sizeof(peer->owner));
        }
        if (make_answer(m, method, &answer) < 0 || sd_bus_message_seal(answer, ++cookie, 0) < 0) {
                sd_bus_message_unref(answer);
                return -EBADMSG;
        }
        require(sd_bus_message_rewind(answer, true) >= 0);
        note(answer, method);
        *ret = answer;
        return 0;
}
