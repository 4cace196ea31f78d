/*
 * An answer socket: the datagram socket through which a person hands over the secret of one login.
 * It has the login's id for a name, which nobody can list or guess; the person sends one datagram
 * to it and then says so. The kernel has copied that before it touches the socket, so that a page
 * of the sender's that never comes holds nobody up, as it would the reader of a pipe; nor does a
 * descriptor in a message to the bus, which we would have to close, come this way (prod.h). The
 * login owns the socket, and its name goes with it.
 */
#pragma once

#include <sys/types.h>

#include "common/secret.h"

/* Makes the directory, and empties it of what an earlier daemon left. -errno. */
int answer_sockets_prepare(void);

/* Makes a login's socket, to which only one user can send, and which the caller owns. -errno. */
int answer_socket_make(const char *login, uid_t uid, int *ret_fd);

/* Takes what was sent first, which may be nothing. -E2BIG above ANSWER_MAX bytes; -errno. */
int answer_socket_read(int fd, secret **ret);

/* Closes a socket, unless it is -1, and removes its name. */
void answer_socket_remove(const char *login, int fd);
