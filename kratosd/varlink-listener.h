/*
 * The socket on which a Varlink server listens. The listener owns the descriptor, and the file if
 * it was bound here: then the file is gone when the listener ends. After a kill -9 the file stays,
 * and whoever connects to it is refused at once.
 */
#pragma once

#include <sys/types.h>

#include "common/cleanup.h"

typedef struct varlink_listener varlink_listener;

/* Binds the absolute path, with mode 0666, in the place of whatever socket was there. -errno. */
int varlink_listener_new(const char *path, varlink_listener **ret);

/* Makes one of a listening socket that it takes over. -ENOMEM. */
int varlink_listener_take(int fd, varlink_listener **ret);

varlink_listener *varlink_listener_free(varlink_listener *l);
DEFINE_CLEANUP(varlink_listener *, varlink_listener_free);
#define _cleanup_listener_ _cleanup_(varlink_listener_freep)

/* The listening socket, non-blocking, which stays the listener's. */
int varlink_listener_fd(const varlink_listener *l);
