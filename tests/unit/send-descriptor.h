/*
 * A descriptor on its way over a Unix socket, with one byte: what a stranger may try. Nothing is
 * owned here; what is sent stays the caller's too.
 */
#pragma once

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* 0, or the errno of sending it. */
static int send_descriptor(int to, int fd)
{
        union {
                char bytes[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = { 0 };
        struct iovec text = { (char *)"{", 1 };
        struct msghdr message = { .msg_iov = &text,
                .msg_iovlen = 1,
                .msg_control = control.bytes,
                .msg_controllen = sizeof(control.bytes) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        return sendmsg(to, &message, MSG_NOSIGNAL) == 1 ? 0 : errno;
}
