/*
 * A question to logind: in which login session does a process run, and who leads that? It is asked
 * over the bus, without waiting, and is over in a bounded time whatever becomes of logind: one that
 * is missing, hangs or answers nonsense says the same as one that knows of no session. Whoever
 * asked owns the question until it has called back. (rule 34)
 */
#pragma once

#include <sys/types.h>

#include "common/cleanup.h"
#include "session-renewal.h"

typedef struct sd_bus sd_bus;
typedef struct logind_question logind_question;

/* A process that called: its number as the bus says it, and a descriptor that stands for that very
 * process, or -1. */
typedef struct bus_process {
        pid_t pid;
        int pidfd;
} bus_process;

/* The session in which the process runs, or one without a leader; of a process that has ended
 * meanwhile nothing is said, for its number may be another one's already. */
typedef void (*logind_done)(const session_place *place, void *userdata);

/* Asks. The pidfd is the question's from here on, also on failure; where there is none, the process
 * is held from now on. -errno where it cannot be asked. */
int logind_ask(
        sd_bus *bus, bus_process process, logind_done done, void *userdata, logind_question **ret);

/* Ends a question without its callback. NULL is fine; returns NULL. */
logind_question *logind_forget(logind_question *q);
DEFINE_CLEANUP(logind_question *, logind_forget);
