/*
 * The connections of a Varlink server: who is connected, and the streams of messages, each ended by
 * a NUL, that come in and go out. What a message means is varlink.c's concern. Nothing here ever
 * waits for a peer: one that does not read, sends by drops or says nothing costs its share of
 * memory and descriptors for a short while, and then its connection is closed. The server owns its
 * connections; one dies when its peer goes, when it breaks a rule, or with the server. (rules 17,
 * 18)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "timespan.h"
#include "varlink-listener.h"

/* Bytes of one message that comes in. */
#define VARLINK_MESSAGE_MAX (64 * 1024)
/* Bytes that may wait for a peer to read them: from the first number on it gets no further message
 * until it has read, and what would go above the second closes its connection. */
#define VARLINK_OUTPUT_ENOUGH (64 * 1024)
#define VARLINK_OUTPUT_MAX (4 * 1024 * 1024)
/* Connections in all; of these, root's alone; of any other uid. Those above are closed at once,
 * which a client takes for a service that is not there: waiting would be worse. */
#define VARLINK_CONNECTIONS_MAX 128
#define VARLINK_CONNECTIONS_FOR_ROOT 32
#define VARLINK_CONNECTIONS_PER_UID 16
/* How long a connection may say nothing, take to say something, or not read. */
#define VARLINK_IDLE_USEC (5 * USEC_PER_SEC)

typedef struct varlink_connections varlink_connections;
typedef struct varlink_connection varlink_connection;

/* What a connection is about. It begins with reading, and one message at a time is handled. */
enum varlink_connection_state {
        VARLINK_READING,   /* the next message is handed over when it is there */
        VARLINK_WAITING,   /* something else must happen before there is an answer */
        VARLINK_STREAMING, /* there is more to say, as soon as the peer has read enough */
};

typedef struct varlink_connection_handler {
        /* A message, without its NUL. -errno closes the connection. */
        int (*message)(varlink_connection *c, const char *bytes, size_t size, void *userdata);
        /* While streaming: there is room for more. */
        void (*room)(varlink_connection *c, void *userdata);
        /* The connection is about to die. */
        void (*closed)(varlink_connection *c, void *userdata);
} varlink_connection_handler;

/* Takes the listener over on success. */
int varlink_connections_new(sd_event *event, varlink_listener *l,
        const varlink_connection_handler *handler, void *userdata, varlink_connections **ret);
varlink_connections *varlink_connections_free(varlink_connections *all);
DEFINE_CLEANUP(varlink_connections *, varlink_connections_free);

/* The uid of who connected, at that time. */
uid_t varlink_connection_uid(const varlink_connection *c);

/* The handler's own, from its last set on. NULL at first. */
void *varlink_connection_call(const varlink_connection *c);
void varlink_connection_set_call(varlink_connection *c, void *call);

/* Says what the connection is about from now on. May be called at any time, as the next two. */
void varlink_connection_set_state(varlink_connection *c, enum varlink_connection_state state);

/* Puts a message into the output. Where that cannot be, the connection is closed soon. */
void varlink_connection_send(varlink_connection *c, const char *bytes, size_t size);

/* Closes the connection, but not before the caller has returned to the loop. */
void varlink_connection_close(varlink_connection *c);

/* False once so much waits for the peer that it should read first. */
bool varlink_connection_has_room(const varlink_connection *c);
