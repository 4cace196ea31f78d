/*
 * A login under way: from BeginLogin until it is granted, refused, cancelled or forgotten. It takes
 * a flow from Kratos while the person types, posts the answer, and judges what comes back; where a
 * second factor is demanded, it goes on with a flow for that one, and asks. A grant makes a session
 * of it. The logins own each login; whoever began one knows it by its id alone, and only from the
 * uid and through the interface that began it (rule 38).
 *
 *         ┌──────────── PAUSING ◀── more is asked ──┐
 *         ▼                                         │
 *      ASKING ──answer──▶ FETCHING ──flow──▶ POSTING ──▶ granted
 *         │                                     └──▶ REFUSED ──delay──▶ answered
 *      cancel, expiry
 *
 * Before a password or code goes on, the throttle is asked (throttle.h): one that must wait for
 * others of the same person is QUEUED. Once the first factor is accepted there is a session at
 * Kratos, which ends with the login on each way but the grant: also where the process that calls
 * has ended, which is watched from then on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "account.h"
#include "common/secret.h"
#include "kratos.h"
#include "session-renewal.h"
#include "throttle.h"
#include "verdict.h"

typedef struct logins logins;

/* What PAM says of itself: at most CONTEXT_FIELD_MAX bytes of printable ASCII each (rule 29). */
typedef struct login_context {
        char purpose[CONTEXT_FIELD_MAX + 1];
        char service[CONTEXT_FIELD_MAX + 1];
        char tty[CONTEXT_FIELD_MAX + 1];
        char rhost[CONTEXT_FIELD_MAX + 1];
        char ruser[CONTEXT_FIELD_MAX + 1];
} login_context;

/* Who calls: a login program, through the interface that is root's alone, or a person, through the
 * one that is everybody's. Root is a person there like any other: it logs nobody else in, and opens
 * no session (rule 38). Where it runs is said by logind, if at all. */
typedef struct login_caller {
        uid_t uid;
        bool is_program;
        pid_t pid; /* or 0 */
        session_place place;
} login_caller;

int logins_new(sd_event *event, accounts *a, sealer *key, kratos *k, revoker *r, sessions *ss,
        throttle *t, logins **ret);
/* Ends all of them, with VERDICT_UNAVAILABLE. What was posted is found by the next daemon. */
logins *logins_free(logins *l);
DEFINE_CLEANUP(logins *, logins_free);

/* Forgets the flows in stock, because they may be another server's. */
void logins_forget_flows(logins *l);

/* What is asked next. */
typedef struct login_prompt {
        const char *kind;  /* PROMPT_KIND_… */
        const char *words; /* the login's (common/words.h) */
        bool echo;
} login_prompt;

/* Begins a login for a caller; a person may only be the user itself. 0 with its id and what is the
 * first thing to ask for; VERDICT_UNKNOWN_USER, VERDICT_NOT_ALLOWED, VERDICT_THROTTLED,
 * VERDICT_UNAVAILABLE where a person's answer would have no way; -errno. */
int login_begin(logins *l, login_caller caller, const char *user, const login_context *context,
        char ret_id[static ID_LENGTH + 1], login_prompt *ret_prompt);

/* What an answer led to; all of it is the login's. */
typedef struct login_result {
        int verdict;          /* or -errno */
        login_prompt prompt;  /* for VERDICT_MORE */
        const char *sentence; /* what else the person should know, as words, or NULL */
} login_result;

/* Answers the question: with a secret, or for a person with NULL, whose secret is in the login's
 * socket (answer-socket.h). Calls done once, never from within this call; unless the verdict is
 * VERDICT_MORE, the login is over then. 0; VERDICT_NO_SUCH_LOGIN; VERDICT_INVALID where nothing was
 * asked or the answer is too long; -errno: the login goes on waiting for one; VERDICT_THROTTLED
 * where too many answers are waited for: that login is over, too. */
typedef void (*login_done)(const login_result *result, void *userdata);
int login_answer(logins *l, login_caller caller, const char *id, const secret *answer,
        login_done done, void *userdata);

/* Changes the password of a person whose login was granted for that and opened; the session is what
 * that gave. Calls done once, never from within this call: VERDICT_GRANTED;
 * VERDICT_PASSWORD_REFUSED with Kratos's reason, after which another one may be offered,
 * CHANGE_TRIES_MAX in all; VERDICT_UNAVAILABLE, VERDICT_NOT_ALLOWED and VERDICT_THROTTLED with a
 * sentence that says what has become of the password. 0; VERDICT_NO_SUCH_LOGIN; VERDICT_INVALID
 * while another is under way; VERDICT_THROTTLED; -errno. */
int login_change_password(
        logins *l, const char *session, const secret *password, login_done done, void *userdata);

/* Ends a login, and the session that it became if nobody has opened that. 0;
 * VERDICT_NO_SUCH_LOGIN; -errno. */
int login_cancel(logins *l, login_caller caller, const char *id);

/* Whose account a name is, for a caller that may ask for it. Verdicts as in login_begin. */
int login_find_account(logins *l, login_caller caller, const char *user, local_user *ret);
