#include "user-database.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "cleanup.h"
#include "interface.h"
#include "local-users.h"
#include "names.h"

#define PATIENCE_USEC UINT64_C(2000000)

/* The one answer that counts is shorter by far, and of any other its first bytes are enough. */
#define ANSWER_MAX_BYTES 512

static const char no_record[] = "{\"error\":\"" USERDB_NO_RECORD_FOUND "\"";

static uint64_t clock_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int limit_connect(int fd, uint64_t deadline)
{
        uint64_t now = clock_usec();
        struct timeval wait;

        if (now >= deadline)
                return -ETIMEDOUT;
        wait.tv_sec = (time_t)((deadline - now) / 1000000);
        wait.tv_usec = (suseconds_t)((deadline - now) % 1000000);
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ? -errno : 0;
}

/* Whether the peer, who has listened there, is kratosd. */
static int check_peer(int fd)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);
        uid_t uid;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        r = passwd_find_uid(PASSWD_FILE, DAEMON_USER, &uid);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        return peer.uid == uid ? 0 : -EPERM;
}

/* A queue that is full serves those who wait in turn, as connect does within its limit; a socket
 * that does not block would not get into it. */
static int dial(uint64_t deadline, int *ret_fd)
{
        static const struct sockaddr_un address = { .sun_family = AF_UNIX,
                .sun_path = USERDB_SOCKET };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        for (;;) {
                r = limit_connect(fd, deadline);
                if (r < 0)
                        return r;
                if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                        break;
                if (errno == ENOENT || errno == ECONNREFUSED)
                        return USER_DATABASE_GONE;
                if (errno != EINTR)
                        return -errno;
        }
        r = check_peer(fd);
        if (r < 0)
                return r;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The call is so short that a new connection takes it whole, without any wait. */
static int say(int fd, const char *user)
{
        char text[sizeof(USERDB_CALL) + USER_NAME_MAX];
        int size = snprintf(text, sizeof(text), USERDB_CALL, user) + 1;
        ssize_t n;

        if ((size_t)size > sizeof(text))
                return -EINVAL;
        n = send(fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
                return -errno;
        return n == size ? 0 : -EIO;
}

/* Waits until there is something to read. */
static int await(int fd, uint64_t deadline)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };
        uint64_t now = clock_usec();

        if (now >= deadline)
                return -ETIMEDOUT;
        return poll(&p, 1, (int)((deadline - now + 999) / 1000)) < 0 && errno != EINTR ? -errno : 0;
}

/* Reads until the NUL that ends the answer. */
static int hear(int fd, uint64_t deadline)
{
        char answer[ANSWER_MAX_BYTES];

        for (size_t size = 0; size < sizeof(answer);) {
                ssize_t n;
                int r = await(fd, deadline);

                if (r < 0)
                        return r;
                n = recv(fd, answer + size, sizeof(answer) - size, MSG_DONTWAIT);
                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                size += (size_t)n;
                if (memchr(answer + size - (size_t)n, '\0', (size_t)n))
                        return strncmp(answer, no_record, strlen(no_record)) == 0
                                       ? USER_DATABASE_UNKNOWN
                                       : USER_DATABASE_IN_DOUBT;
        }
        return USER_DATABASE_IN_DOUBT;
}

static int ask(const char *user, uint64_t deadline)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = dial(deadline, &fd);
        if (r != 0)
                return r;
        r = say(fd, user);
        return r < 0 ? r : hear(fd, deadline);
}

int user_database_ask(const char *user, uint64_t *left_usec)
{
        uint64_t begun = clock_usec(), spent;
        int r;

        r = ask(user, begun + (*left_usec < PATIENCE_USEC ? *left_usec : PATIENCE_USEC));
        spent = clock_usec() - begun;
        *left_usec -= spent < *left_usec ? spent : *left_usec;
        return r;
}
