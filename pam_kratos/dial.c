#include "dial.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"

static int limit_connect(int fd, uint64_t left)
{
        struct timeval wait = { .tv_sec = (time_t)(left / 1000000),
                .tv_usec = (suseconds_t)(left % 1000000) };

        if (left == 0)
                return -ETIMEDOUT;
        return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ? -errno : 0;
}

int dial(const char *path, patience *p, int *ret_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        do {
                uint64_t left = patience_left(p), begun = now_usec();

                r = limit_connect(fd, left);
                if (r < 0)
                        return r;
                if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                        r = -errno;
                /* Only a queue that is full makes anybody wait; else it was stopped. */
                patience_add(p, begun, r == -EAGAIN ? left : PATIENCE_STEP_USEC);
        } while (r == -EINTR);
        if (r < 0)
                return r;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int dialled_uid(int fd, uid_t *ret)
{
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        *ret = peer.uid;
        return 0;
}
