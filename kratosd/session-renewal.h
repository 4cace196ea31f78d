/*
 * Which open session a later login renews, as sudo's does: the one in whose place the caller sits,
 * as logind tells. What is renewed lives on under its own row, and is not owned here.
 */
#pragma once

#include "session.h"

/* A login session as logind knows it, and with it all processes in it: whose it is, the process
 * that leads it, which is the one whose PAM stack made it, and when that was, in microseconds of
 * CLOCK_MONOTONIC. Without a leader there is none. */
typedef struct session_place {
        uid_t uid;
        pid_t leader;
        int64_t since;
} session_place;

/* Whether a user has an open session that a later login could renew. */
bool sessions_may_renew(sessions *s, const char *user);

/* Finds the open session of a user that belongs to a place: it was opened by the place's leader, in
 * the same PAM stack. -ENOENT where there is none, or it is not sure which. */
int sessions_find_at(sessions *s, const char *user, const session_place *place, session_row *ret);

/* Counts a renewal of an open session. -ENOENT where it has ended. */
int sessions_note_renewal(sessions *s, const char *id);

/* Puts the Kratos session of a row in the place of that of an open session, which Kratos knows no
 * more; the row becomes a borrowed one. -ENOENT where that session has ended. */
int sessions_replace(sessions *s, const char *id, session_row *row);
