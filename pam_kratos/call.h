/*
 * One call of PAM into the module: whom it is about, whether that is one of our people, and the way
 * to the daemon. It lives on the stack of its entry point. Functions here return PAM codes.
 */
#pragma once

#include <security/pam_modules.h>

#include "client.h"
#include "library.h"
#include "names.h"
#include "options.h"
#include "state.h"

typedef struct call {
        pam_handle_t *pamh;
        int flags;
        options options;
        char user[USER_NAME_MAX + 1];        /* PAM_USER, or "" where that can be no name of ours */
        char service[CONTEXT_FIELD_MAX + 1]; /* PAM_SERVICE, or "" likewise */
        char env_login[ID_LENGTH + 2];       /* what login_id_take took, if it was called */
        bool ours;                           /* for certain; otherwise the daemon must say */
        bool absent;                         /* not in the local passwd file */
        bool nobody;                         /* no directory of this host knows the name */
        const char *purpose;                 /* of a login, or NULL for the usual one */
        bool fallback;                       /* without a verdict, the next module decides */
        state *state;                        /* once prepared */
        library library;
        client client;
} call;

/* Finds out whom the call is about. What the handle remembers of another user or service is void
 * then, and a login that had been granted to them is cancelled. (rule 2) */
int call_begin(call *c, int argc, const char **argv);

/* Frees what the call holds; what libpam keeps for later calls stays. */
void call_end(call *c);
#define _cleanup_call_ _cleanup_(call_end)

/* Says whose the user is: PAM_SUCCESS if ours, or perhaps ours (c->ours tells), PAM_USER_UNKNOWN if
 * certainly not. Goes by the local files, and by what the handle remembers; afresh, as is due at
 * the beginning of a login, without believing an earlier "merely local". */
int call_whose(call *c, bool afresh);

/* Makes c->state and c->client ready for use. */
int call_prepare(call *c);

/* Forgets the login that this handle was granted and has not opened, and cancels it. */
void call_void(call *c);

/* call_void, also for what another process was granted for this handle. */
void call_void_all(call *c);

/* Cancels a login of which nobody has use any more. Nothing depends on whether that works. */
void call_cancel(call *c, const char *login);

/* Refuses whom the daemon says to be ours where this host leaves no other choice: the profile is
 * misspelt, the program's items cannot be told (wrong is what context_collect returned), or the
 * name means root here, whatever the daemon thinks (rule 37). */
int call_object(call *c, const char *wrong);

/* Says something to the person, as words (words.h), unless it is "". A program that cannot show it
 * does not change the verdict. */
void call_tell(call *c, int style, const char *words);

/* Says why they are refused to whoever can do something about it, or can only wait: a wrong
 * password and a fault of ours explain themselves to nobody. code is what call_result returned. */
void call_explain(call *c, int code);

/* The PAM code of what a method of the client returned, for this user; writes the one line of log
 * that it deserves. "Unavailable" becomes PAM_USER_UNKNOWN, and so the next module's business, for
 * a fallback line, and for a user of another directory. */
int call_result(call *c, int r);
