/*
 * A connection to the system bus on which kratosd has been found: the socket's peer is root, and
 * the owner of kratosd's name is the system user kratosd (rule 7). It is opened for one method call
 * and closed right after it, because a person may type for hours in between. Every wait ends at a
 * deadline, which is a time of CLOCK_MONOTONIC in microseconds.
 */
#pragma once

#include "cleanup.h"
#include "client.h"

/* As in sd-bus.h, which only the files that call it include. */
typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;

uint64_t now_usec(void);

/* Opens a connection and finds kratosd, which it notes in *peer. Returns 0, CLIENT_UNREACHABLE or
 * -errno; -EPERM where the bus is not root's or the name's owner is not kratosd. */
int connection_open(client_peer *peer, uint64_t deadline, sd_bus **ret);

/* Closes without flushing: a peer that does not read must not hold us. Always returns NULL. */
sd_bus *connection_close(sd_bus *bus);
DEFINE_CLEANUP(sd_bus *, connection_close);

/* Sends a call and waits for the answer. Returns 0 and the reply; CLIENT_REFUSED, and the error in
 * *c; CLIENT_UNREACHABLE; or -errno; -EPERM where the answer is from anybody but the message's
 * destination. */
int connection_call(
        client *c, sd_bus *bus, sd_bus_message *m, uint64_t deadline, sd_bus_message **ret_reply);

/* True for at most TEXT_MAX bytes that a terminal shows as they are: no control characters. */
bool text_is_printable(const char *text);
