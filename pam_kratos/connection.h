/*
 * A connection to the system bus, whose peer is root, and on which nobody's word counts but that of
 * the system user kratosd (rule 7). It is opened for one method call and closed right after it,
 * because a person may type for hours in between. Every wait ends where the caller's patience does.
 */
#pragma once

#include "cleanup.h"
#include "client.h"
#include "patience.h"

/* As in sd-bus.h, which only the files that call it include. */
typedef struct sd_bus sd_bus;
typedef struct sd_bus_message sd_bus_message;

/* Opens a connection. *peer is forgotten if it was seen on another bus. Returns 0,
 * CLIENT_UNREACHABLE or -errno; -EPERM where the bus is not root's. */
int connection_open(client_peer *peer, patience *p, sd_bus **ret);

/* Finds kratosd and notes it in *peer, unless it is known: for a message that nobody else may get.
 * Returns as connection_open; -EPERM where the name's owner is not kratosd. */
int connection_identify(sd_bus *bus, client_peer *peer, patience *p);

/* The well-known name of the interface that is for our uid. */
const char *connection_name(void);

/* Closes without flushing: a peer that does not read must not hold us. Always returns NULL. */
sd_bus *connection_close(sd_bus *bus);
DEFINE_CLEANUP(sd_bus *, connection_close);

/* Sends a call to kratosd's well-known or unique name, and waits for the answer. Whoever answers
 * must be *peer or, where that is not known yet, is looked at now and noted there: no word of
 * anybody else counts. Returns 0 and the answer, which may be an error; or CLIENT_UNREACHABLE; or
 * -errno; -EPERM where the answer is from anybody else, or an error of kratosd's from the bus. */
int connection_call(
        sd_bus *bus, sd_bus_message *m, client_peer *peer, patience *p, sd_bus_message **ret_reply);
