/*
 * Sockets of this host's services. The kernel queues those who wait for a busy one and serves them
 * in turn, which trying again and again would not get us, nor a socket that does not block. The
 * socket is the caller's, and blocks.
 */
#pragma once

#include <sys/types.h>

#include "patience.h"

/* Connects to a path of at most 107 bytes (unix(7)), within the patience. Returns 0 and a
 * close-on-exec socket, or -errno: -ETIMEDOUT, -EAGAIN where the queue was full to the end. */
int dial(const char *path, patience *p, int *ret_fd);

/* Whose the peer is: the uid that has listened there. Returns 0 or -errno. */
int dialled_uid(int fd, uid_t *ret);
