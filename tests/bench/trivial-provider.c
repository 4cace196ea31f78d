/*
 * trivial-provider SOCKET USER NUMBER GROUPS RECORD
 *
 * A user database without one: it knows one user, by name and number, answers for it with RECORD,
 * the same bytes that kratosd would send, and says that it is in GROUPS groups. It compares bytes
 * where kratosd reads, looks up and checks: what a look-up costs here is the floor that
 * nss-systemd, the kernel and changing between two processes set, whoever answers.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define REPLIES_MAX (64 * 1024)
#define EVENTS_MAX 16
#define INTERFACE "io.systemd.UserDatabase"
#define GROUP_PREFIX "\"groupName\":\"group"
#define FIRST_GID 1900000000UL

typedef struct provider {
        char by_name[128], by_number[128]; /* what a call for the user has in it */
        const char *record;
        char memberships[REPLIES_MAX];
        size_t memberships_size; /* with the NUL of each */
} provider;

static const char nobody[] = "{\"error\":\"" INTERFACE ".NoRecordFound\",\"parameters\":{}}";

static void prepare(provider *p, const char *user, unsigned long number, unsigned long groups)
{
        snprintf(p->by_name, sizeof(p->by_name), "\"userName\":\"%s\"", user);
        snprintf(p->by_number, sizeof(p->by_number), "\"uid\":%lu,", number);
        for (unsigned long i = 0; i < groups; i++)
                p->memberships_size +=
                        1 + (size_t)snprintf(p->memberships + p->memberships_size,
                                    REPLIES_MAX - p->memberships_size,
                                    "{\"parameters\":{\"userName\":\"%s\",\"groupName\":"
                                    "\"group%03lu\"}%s}",
                                    user, i, i + 1 < groups ? ",\"continues\":true" : "");
}

static void answer_group(int fd, const char *name)
{
        char reply[MESSAGE_MAX];
        unsigned long number = strtoul(name, NULL, 10);
        int size = snprintf(reply, sizeof(reply),
                "{\"parameters\":{\"record\":{\"groupName\":\"group%03lu\",\"gid\":%lu,"
                "\"disposition\":\"regular\",\"service\":\"org.kratosd1\"},\"incomplete\":false}}",
                number, FIRST_GID + number);

        send(fd, reply, (size_t)size + 1, MSG_NOSIGNAL);
}

static void answer(const provider *p, int fd, const char *call)
{
        const char *group = strstr(call, GROUP_PREFIX);
        bool known = strstr(call, p->by_name) || strstr(call, p->by_number);

        if (strstr(call, "GetGroupRecord") && group)
                answer_group(fd, group + strlen(GROUP_PREFIX));
        else if (strstr(call, "GetUserRecord") && known)
                send(fd, p->record, strlen(p->record) + 1, MSG_NOSIGNAL);
        else if (strstr(call, "GetMemberships") && known && p->memberships_size > 0)
                send(fd, p->memberships, p->memberships_size, MSG_NOSIGNAL);
        else
                send(fd, nobody, sizeof(nobody), MSG_NOSIGNAL);
}

/* A call is one piece: nss-systemd sends it so. */
static void serve(const provider *p, int fd)
{
        char call[MESSAGE_MAX + 1];
        ssize_t size = recv(fd, call, MESSAGE_MAX, 0);

        if (size <= 0) {
                close(fd);
                return;
        }
        call[size] = 0;
        answer(p, fd, call);
}

static int listen_on(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        unlink(path);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                chmod(path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
                return -1;
        return fd;
}

static void watch(int epoll, int fd)
{
        struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };

        if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                exit(1);
}

int main(int argc, char **argv)
{
        static provider p;
        struct epoll_event events[EVENTS_MAX];
        int listener, epoll = epoll_create1(EPOLL_CLOEXEC);

        if (argc != 6)
                return 2;
        prepare(&p, argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
        p.record = argv[5];
        listener = listen_on(argv[1]);
        watch(epoll, listener);
        for (;;) {
                int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

                for (int i = 0; i < n; i++) {
                        if (events[i].data.fd == listener)
                                watch(epoll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
                        else
                                serve(&p, events[i].data.fd);
                }
        }
}
