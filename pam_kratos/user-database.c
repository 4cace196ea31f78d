#include "user-database.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "dial.h"
#include "interface.h"
#include "local-users.h"
#include "names.h"

#define PATIENCE_USEC UINT64_C(2000000)

/* The one answer that counts is shorter by far, and of any other its first bytes are enough. */
#define ANSWER_MAX_BYTES 512

static const char no_record[] = "{\"error\":\"" USERDB_NO_RECORD_FOUND "\"";

/* Connects to kratosd, and nobody else. */
static int dial_kratosd(patience *p, int *ret_fd)
{
        _cleanup_close_ int fd = -1;
        uid_t peer, uid;
        int r;

        r = dial(USERDB_SOCKET, p, &fd);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return USER_DATABASE_GONE;
        if (r >= 0)
                r = dialled_uid(fd, &peer);
        if (r < 0)
                return r;
        r = passwd_find_uid(PASSWD_FILE, DAEMON_USER, &uid);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        if (peer != uid)
                return -EPERM;

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
static int await(int fd, const patience *p)
{
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        uint64_t left = patience_left(p);

        if (left == 0)
                return -ETIMEDOUT;
        return poll(&poller, 1, (int)((left + 999) / 1000)) < 0 && errno != EINTR ? -errno : 0;
}

/* Reads until the NUL that ends the answer. */
static int hear(int fd, const patience *p)
{
        char answer[ANSWER_MAX_BYTES];

        for (size_t size = 0; size < sizeof(answer);) {
                ssize_t n;
                int r = await(fd, p);

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

static int ask(const char *user, patience *p)
{
        _cleanup_close_ int fd = -1;
        int r;

        r = dial_kratosd(p, &fd);
        if (r != 0)
                return r;
        r = say(fd, user);
        return r < 0 ? r : hear(fd, p);
}

int user_database_ask(const char *user, uint64_t *left_usec)
{
        uint64_t begun = now_usec(), spent;
        patience p = { begun, begun + (*left_usec < PATIENCE_USEC ? *left_usec : PATIENCE_USEC),
                0 };
        int r;

        r = ask(user, &p);
        spent = now_usec() - begun;
        *left_usec -= spent < *left_usec ? spent : *left_usec;
        return r;
}
