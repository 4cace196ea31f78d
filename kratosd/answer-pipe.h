/*
 * An answer pipe: the FIFO through which a person hands over the secret of one login. It has the
 * login's id for a name, which nobody can list or guess; the person writes into it and then says
 * so. Unlike a descriptor in a message it leaves nothing here to close but our own end, and so
 * cannot hold us up: the last holder of a socket that lingers, say, waits in close(2). The login
 * owns its read end, and both go with it.
 */
#pragma once

#include <sys/types.h>

#include "common/secret.h"

/* Makes the directory, and empties it of what an earlier daemon left. -errno. */
int answer_pipes_prepare(void);

/* Makes a login's pipe, into which only one user can write, and whose read end the caller owns.
 * -errno. */
int answer_pipe_make(const char *login, uid_t uid, int *ret_reader);

/* Takes what was written, which may be nothing. -E2BIG above ANSWER_MAX bytes; -errno. */
int answer_pipe_read(int reader, secret **ret);

/* Removes its name. Errors are of no consequence. */
void answer_pipe_remove(const char *login);
