/*
 * What a PAM handle remembers of us between two calls. There are three kinds, all owned by libpam:
 *
 * The state is about one user and one service, and is void as soon as the handle serves another: a
 * login that was granted and not yet opened, and whose the user was found to be (rule 2).
 *
 * A session is kept under its user's name, for a program may open one for alice and one for bob and
 * close them in any order: its id, and the lifeline whose end is the end of the session.
 *
 * A session that is to change a password is kept likewise, between PAM's two passes.
 *
 * libpam frees all with the handle, also in forked children: freeing erases memory and closes
 * descriptors, and never talks to the daemon. (rule 28)
 */
#pragma once

#include <security/pam_modules.h>

#include "client.h"
#include "names.h"

typedef struct state {
        char user[USER_NAME_MAX + 1];
        char service[CONTEXT_FIELD_MAX + 1];
        bool ours;                 /* the daemon has said so, through this handle */
        bool local;                /* the local files have said: not ours */
        char login[ID_LENGTH + 1]; /* granted and to be opened by root, or "" */
        client_peer peer;          /* not void when the user changes */
} state;

/* The handle's state, or NULL where it has none. */
state *state_find(pam_handle_t *pamh);

/* The handle's state, made if there is none yet. NULL if there is no memory. */
state *state_get(pam_handle_t *pamh);

/* Forgets the user. */
void state_reset(state *s, const char *user, const char *service);

/* A user has one of each at most: that of a login, and that which is to change the password. */
enum session_kind { SESSION_LOGIN, SESSION_CHANGE };

/* The user's session, or NULL. It stays the handle's. */
const client_session *session_find(pam_handle_t *pamh, enum session_kind kind, const char *user);

/* Hands a session over to the handle, in the place of an earlier one of this user and kind, whose
 * lifeline is closed. -ENOMEM, and then the lifeline stays the caller's. */
int session_keep(pam_handle_t *pamh, enum session_kind kind, const char *user,
        const client_session *session);

/* Closes the lifeline of the user's session, if there is one. */
void session_drop(pam_handle_t *pamh, enum session_kind kind, const char *user);
