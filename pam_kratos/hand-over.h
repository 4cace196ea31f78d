/*
 * Handing a secret over to kratosd where we are not root: through the socket that it made for a
 * login, before it is told that the answer is there. (interface.h, ANSWERS_DIRECTORY)
 */
#pragma once

/* Sends what is in a sealed memfd, which stays the caller's, to a login's socket. -ENOENT where
 * there is none, or nobody who reads it; -EPERM where it is not kratosd's; -errno. */
int hand_over(const char *login, int secret_fd);
