/*
 * Prodding: a bound on calls that a stranger could make last. Descriptors that somebody sends along
 * over a Unix socket are closed by the kernel on behalf of whoever receives, or closes what was not
 * received, before that call returns; and a socket with SO_LINGER among them waits there for as
 * long as its sender likes (socket(7)). A signal ends that wait, so one comes until the call has
 * returned. A kernel that can does not let them come at all. Nothing is owned here.
 */
#pragma once

/* Takes no descriptors on a socket, and on what it accepts, where the kernel can refuse them. */
void prod_refuse_descriptors(int socket);

/* Between these two a wait lasts at most so long for each descriptor, in microseconds. A user can
 * have as many on their way as RLIMIT_NOFILE says (unix(7)): 1,024 as a rule. */
#define PROD_USEC 1000
void prod_begin(void);
void prod_end(void);
