/*
 * What the daemon says: events for the administrator, each with a MESSAGE_ID, a stable reason code
 * and fields (doc/journal.md), and plain messages. They go to the journal, or to standard error
 * where there is none. No body, header, token or password is ever passed to anything here. (rule
 * 21)
 */
#pragma once

#include <stdint.h>
#include <syslog.h>

enum event {
        EVENT_LOGIN_GRANTED,
        EVENT_LOGIN_REFUSED,
        EVENT_SESSION_RENEWED,
        EVENT_SESSION_OPENED,
        EVENT_SESSION_CLOSED,
        EVENT_SESSION_REVOKED,
        EVENT_REVOCATION_POSTPONED,
        EVENT_PASSWORD_CHANGED,
        EVENT_PASSWORD_REFUSED,
};

/* Whom an event is about. Each may be NULL or 0: not known, or none. */
typedef struct event_facts {
        const char *user;
        const char *service;
        const char *rhost;
        const char *session; /* Kratos's id of the session, never its token */
        uint64_t wait_usec;  /* until the next try is let through */
} event_facts;

/* Messages above this level of syslog(3) are dropped. Set before anything is logged, and on reload.
 */
void log_set_level(int level);

/* Tells of an event. The reason is one of doc/journal.md's codes. */
void log_event(enum event event, const event_facts *facts, const char *reason);

/* Tells people something that is no event. */
__attribute__((format(printf, 2, 3))) void log_message(int level, const char *format, ...);
