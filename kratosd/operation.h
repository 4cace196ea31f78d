/*
 * An operation: one method call from its arrival to its one reply. It belongs to whoever is to go
 * on with it, and replies when it is freed, with a fault if nothing better was said before: so each
 * call is answered exactly once, on every path. Who called is asked of the bus, and in which login
 * session they are of logind, without waiting.
 */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-bus.h>

#include "account-check.h"
#include "common/cleanup.h"
#include "common/secret.h"
#include "login.h"
#include "logind.h"
#include "session.h"

/* Calls under way, for each face; more are refused at once. */
#define OPERATIONS_MAX 2048
/* Of these on everybody's face: calls of one connection, before the bus has said whose it is, which
 * may take as long as a flood of them lasts; and calls of one uid from then on. A user has 256
 * connections at most (max_connections_per_user in dbus-daemon(1)), and so half of all. */
#define OPERATIONS_PER_SENDER_MAX 4
#define OPERATIONS_PER_UID_MAX 16

/* Characters and values in a call's arguments: more than any right call has. */
#define CALL_SIZE_MAX 1024

/* What operations of one face share; owned by the face, which outlives them. */
typedef struct operations {
        accounts *accounts;
        logins *logins;
        sessions *sessions;
        bool root_only;
        LIST_HEAD(, operation) list;
        unsigned count;
} operations;

typedef struct operation {
        operations *all;
        sd_bus_message *message;
        sd_bus_slot *asking;    /* the bus who called */
        logind_question *place; /* waits for where it runs */
        bus_process process;    /* that called */
        lookup *lookup;         /* waits for a name */
        account_check *check;   /* waits for a verdict */
        login_caller caller;
        void (*run)(struct operation *o);
        void (*then)(struct operation *o); /* what to go on with */
        bool answered;
        LIST_ENTRY(operation) list;
} operation;

/* Holds a call, and runs it once the caller is known, if it may call at all. Returns what a handler
 * of sd-bus returns. */
int operation_start(operations *all, sd_bus_message *message, void (*run)(operation *o));

/* Ends the calls of which the bus, or logind over it, has not said yet what they are, before its
 * connection goes: it will not any more. */
void operations_forget(operations *all);

operation *operation_free(operation *o);
DEFINE_CLEANUP(operation *, operation_free);
#define _cleanup_operation_ _cleanup_(operation_freep)

/* Says the reply: an error for a verdict above 0 or an -errno, or nothing but "done" for 0. */
void operation_answer(operation *o, int verdict);

/* Likewise, with a sentence of its own for the person, as words (common/words.h); NULL: the usual
 * one. */
void operation_answer_with(operation *o, int verdict, const char *sentence);

/* Sends a method return that the caller has filled. Takes the message over. */
void operation_reply(operation *o, sd_bus_message *reply);
