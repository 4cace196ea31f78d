/*
 * The sessions: what a granted login becomes. From the grant to the moment in which somebody opens
 * it a session is a row alone; while it is open, it also has a lifeline that is watched; at its end
 * it is handed to the revoker. The table of open sessions is made anew from the store at each
 * start.
 *
 * A login that has renewed the Kratos session of one that is open, as sudo's does, becomes a
 * borrowed session: it is opened and has a lifeline like any other, but its end revokes nothing.
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

/* A login that was granted to change a password is not granted under its own id, but under this
 * one: neither kind is ever opened as the other. */
#define CHANGE_KEY_MAX (ID_LENGTH + sizeof(PURPOSE_CHANGE_PASSWORD ":") - 1)
void sessions_change_key(const char *login, char ret[static CHANGE_KEY_MAX + 1]);

/* Opens a session, once, for the user and service for which its login was granted, and for the
 * identity to which the user's name belongs now, where that is known (not ""), by a process (0
 * where that is not known): its row's id, and the lifeline's write end, which the caller owns. 0;
 * VERDICT_NO_SUCH_LOGIN; VERDICT_UNAVAILABLE: it could not be opened, and is to be revoked; -errno.
 */
int sessions_open(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, pid_t opener, char ret_id[static ID_LENGTH + 1], int *ret_lifeline);

/* Likewise, for a login that was granted to change a password: what it opens lives for some minutes
 * at most. */
int sessions_open_change(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, char ret_id[static ID_LENGTH + 1], int *ret_lifeline);

/* The row of one that is open. 0; VERDICT_NO_SUCH_LOGIN; -errno. */
int sessions_find_change(sessions *s, const char *id, session_row *ret);

/* Ends an open session of either kind, because PAM closes it. 0; VERDICT_NO_SUCH_LOGIN. */
int sessions_close(sessions *s, const char *id);

/* Ends a session that was granted and will not be opened. 0; VERDICT_NO_SUCH_LOGIN; -errno. */
int sessions_cancel(sessions *s, const char *login);

/* The row of an open session. -ENOENT where it has ended. */
int sessions_find_open(sessions *s, const char *id, session_row *ret);

/* Ends all that are granted or open, because the administrator says so. Nobody is thrown out:
 * whoever is logged in stays, without a session at Kratos. -errno. */
int sessions_end_all(sessions *s);

/* How many of those that have ended Kratos has not confirmed yet. -errno. */
int sessions_count_ended(sessions *s, unsigned *ret);
