/*
 * The other side of a Varlink socket, for tests: it listens on a nameless socket, connects to it as
 * whom it likes, and turns the server's loop in the same thread until an answer is there.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "kratosd/varlink-listener.h"

#define CLIENT_ANSWER_MAX (16 * 1024 * 1024)
#define CLIENT_PATIENCE_USEC (20 * 1000)

static struct sockaddr_un client_address;
static socklen_t client_address_size;

/* Listens where client_connect connects to. */
static varlink_listener *client_listener(void)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        varlink_listener *l = NULL;

        client_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
        client_address_size = sizeof(client_address);
        assert(bind(fd, (struct sockaddr *)&client_address, sizeof(sa_family_t)) == 0);
        assert(listen(fd, 256) == 0);
        assert(getsockname(fd, (struct sockaddr *)&client_address, &client_address_size) == 0);
        assert(varlink_listener_take(fd, &l) == 0);
        return l;
}

static void client_turn(sd_event *event)
{
        while (sd_event_run(event, 0) > 0)
                ;
}

static int client_connect(sd_event *event)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert(connect(fd, (struct sockaddr *)&client_address, client_address_size) == 0);
        client_turn(event);
        return fd;
}

/* Needs root. */
__attribute__((unused)) static int client_connect_as(sd_event *event, uid_t uid)
{
        int fd;

        assert(seteuid(uid) == 0);
        fd = client_connect(event);
        assert(seteuid(0) == 0);
        return fd;
}

static void client_send_bytes(sd_event *event, int fd, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

                if (n < 0)
                        break;
                bytes += n;
                size -= (size_t)n;
                client_turn(event);
        }
}

static void client_send(sd_event *event, int fd, const char *text)
{
        client_send_bytes(event, fd, text, strlen(text) + 1);
}

/* The next answer, which lives until the next call here; "closed" for the end; NULL if there is
 * none yet. */
static const char *client_receive(sd_event *event, int fd)
{
        static char answer[CLIENT_ANSWER_MAX];

        for (size_t size = 0; size < sizeof(answer);) {
                ssize_t n = recv(fd, answer + size, 1, 0);

                if (n == 1) {
                        if (answer[size++] == 0)
                                return answer;
                } else if (n == 0 || errno == ECONNRESET || errno == EPIPE) {
                        return size == 0 ? "closed" : "cut off";
                } else if (sd_event_run(event, CLIENT_PATIENCE_USEC) == 0) {
                        return size == 0 ? NULL : "unfinished";
                }
        }
        return "too long";
}

__attribute__((unused)) static const char *client_call(sd_event *event, int fd, const char *text)
{
        client_send(event, fd, text);
        return client_receive(event, fd);
}
