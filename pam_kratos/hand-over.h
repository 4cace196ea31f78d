/*
 * Handing a secret over to kratosd where we are not root: through the FIFO that it made for a
 * login, before it is told that the answer is there. (interface.h, ANSWERS_DIRECTORY)
 */
#pragma once

/* Writes what is in a sealed memfd, which stays the caller's, into a login's FIFO. -ENOENT where
 * there is none, or nobody who reads it; -EPERM where it is not kratosd's; -errno. */
int hand_over(const char *login, int secret_fd);
