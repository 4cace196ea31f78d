/*
 * The sessions: what a granted login becomes. From the grant to the moment in which somebody opens
 * it a session is a row alone; while it is open, it also has a lifeline that is watched; at its end
 * it is handed to the revoker. The table of open sessions is made anew from the store at each
 * start.
 */
#pragma once

#include <systemd/sd-event.h>

#include "revoker.h"
#include "store.h"

typedef struct sessions sessions;

int sessions_new(sd_event *event, store *s, revoker *r, sessions **ret);
/* Ends no session: the lifelines stay, and the next daemon goes on. */
sessions *sessions_free(sessions *s);
DEFINE_CLEANUP(sessions *, sessions_free);

/* Watches the lifelines of an earlier daemon's sessions, and ends those that have none. -errno
 * where not all of it could be done: then it is to be called again. */
int sessions_start(sessions *s);

/* Stores that a row became a session which the login id opens within usec. -errno. */
int sessions_grant(sessions *s, session_row *row, const char *login, uint64_t usec);

/* Opens a session, once, for the user and service for which its login was granted, and for the
 * identity to which the user's name belongs now, where that is known (not ""): its row's id, and
 * the lifeline's write end, which the caller owns. 0; VERDICT_NO_SUCH_LOGIN; VERDICT_UNAVAILABLE:
 * it could not be opened, and is to be revoked; -errno. */
int sessions_open(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, char ret_id[static ID_LENGTH + 1], int *ret_lifeline);

/* Ends an open session, because PAM closes it. 0; VERDICT_NO_SUCH_LOGIN. */
int sessions_close(sessions *s, const char *id);

/* Ends a session that was granted and will not be opened. 0; VERDICT_NO_SUCH_LOGIN; -errno. */
int sessions_cancel(sessions *s, const char *login);
