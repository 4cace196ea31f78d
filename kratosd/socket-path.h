/*
 * The way to a unix socket: it counts only where nobody but root and the server's own user could
 * have put another socket, folder or link. (rule 30)
 */
#pragma once

#include <sys/types.h>

/* Looks at every folder on the way, as it is written and as each link leads on; the socket may be a
 * link itself. One that is not there is fine: it fails when it is connected to. -EPERM; -ENOMEM. */
int socket_path_check(const char *path, uid_t server_uid);
