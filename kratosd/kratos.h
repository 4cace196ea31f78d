/*
 * Kratos, as this daemon talks to it: the few calls of its public and admin APIs that a login, its
 * session and their end need, over whichever of the configured servers answers. Each call ends in
 * one enum kratos_outcome (answer.h), within its deadline, in a callback from the loop. What cannot
 * even be begun is told at once, with an -errno as call_start's (call.h).
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "answer-identity.h"
#include "answer-step.h"
#include "answer.h"
#include "config.h"

typedef struct kratos kratos;
typedef struct kratos_call kratos_call;

int kratos_new(sd_event *event, config *c, kratos **ret);
/* All calls must have ended or been cancelled. */
kratos *kratos_free(kratos *k);
DEFINE_CLEANUP(kratos *, kratos_free);

/* Takes a new configuration; calls under way keep theirs. */
void kratos_set_config(kratos *k, config *c);
config *kratos_config(kratos *k);
bool kratos_has_admin(const kratos *k);

/* Whether Kratos has said in the last so many microseconds what somebody's password or code, or new
 * password, is worth, in another login than that of a nonce. Nobody's word in its place counts. */
bool kratos_has_judged(const kratos *k, const char *nonce, uint64_t usec);

/* Likewise any answer of its own to a login. One that is about a flow alone comes also from a
 * Kratos that cannot judge, for what it hashes passwords with may hang. */
bool kratos_has_answered(const kratos *k, uint64_t usec);

/* Ends a call without its callback. Returns NULL. */
kratos_call *kratos_cancel(kratos_call *call);

/* Takes a login flow; urgent where somebody waits for it. */
typedef void (*kratos_flow_done)(int outcome, const kratos_flow *flow, void *userdata);
int kratos_begin_login(kratos *k, bool urgent, uint64_t deadline_usec, kratos_flow_done done,
        void *userdata, kratos_call **ret);

/* Takes a flow that renews the session of a token: it keeps its id and its token, and no other is
 * made. Where Kratos knows no such session, the flow is one that makes a session. */
int kratos_begin_renewal(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret);

/* Asks which second factors Kratos offers to a session that has its first; anew, where it may have
 * its second as well, and that one is to be verified again. Newer ones send a code by that alone,
 * where there is nothing else to be done. The offer is the callback's only while it runs. */
typedef void (*kratos_offer_done)(int outcome, const kratos_offer *offer, void *userdata);
int kratos_begin_second(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret);

/* Likewise, what Kratos offers to the session in a browser: there are factors, such as security
 * keys, that it never offers to others. Nothing of it can be used here, but that there is
 * something. */
int kratos_begin_second_elsewhere(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret);

enum kratos_method {
        KRATOS_PASSWORD,
        KRATOS_TOTP,
        KRATOS_LOOKUP_SECRET,
        KRATOS_CODE,
        KRATOS_SEND_CODE,   /* the answer is KRATOS_CODE_SENT */
        KRATOS_RESEND_CODE, /* likewise */
};

/* A step of a login. Everything in it must be valid already, and is copied. */
typedef struct kratos_submission {
        const kratos_flow *flow;
        enum kratos_method method;
        const char *identifier; /* of a first factor, else NULL */
        const char *address;    /* to which a second factor's code is to be sent, else NULL */
        const secret *answer;   /* a password or code, else NULL */
        const secret *token;    /* of the session whose factor it is, else NULL */
        const char *nonce;      /* ID_LENGTH hexadecimal digits; leads our User-Agent */
        const char *service;
        const char *tty;
        const char *client_ip; /* numeric, or NULL */
        uint64_t deadline_usec;
} kratos_submission;

/* The login is set for KRATOS_OK, and is the callback's own only while it runs; with
 * KRATOS_BAD_ANSWER its token may be set, and is to be revoked. is_ours tells that the answer is
 * the answer to this very login (rule 29). A stale connection gives KRATOS_NO_ANSWER with stale. */
typedef struct kratos_login_reply {
        int outcome;
        kratos_login *login;
        bool is_ours;
        bool stale;
        bool hurried;         /* Kratos had hardly any time for it, or none: it waited here */
        const char *sentence; /* for a person whom Kratos refuses, or "" */
} kratos_login_reply;
typedef void (*kratos_login_done_handler)(const kratos_login_reply *reply, void *userdata);
int kratos_submit(kratos *k, const kratos_submission *submission, kratos_login_done_handler done,
        void *userdata, kratos_call **ret);

typedef void (*kratos_done)(int outcome, void *userdata);

/* Takes a flow in which a session's owner changes their settings. KRATOS_NO_SESSION: the session is
 * none any more; KRATOS_NOT_SURE_ENOUGH. */
int kratos_begin_settings(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret);

/* Changes the password of a session's owner. KRATOS_OK: it is changed; KRATOS_DENIED: it is not,
 * and the sentence says why; KRATOS_FLOW_GONE, KRATOS_NOT_FOUND, KRATOS_NO_SESSION,
 * KRATOS_NOT_SURE_ENOUGH, KRATOS_RATE_LIMITED, KRATOS_UNREACHABLE, KRATOS_NOT_ASKED: neither. After
 * any other outcome it may be changed. */
typedef void (*kratos_change_done)(int outcome, const char *sentence, void *userdata);
int kratos_change_password(kratos *k, const kratos_flow *flow, const secret *token,
        const secret *password, uint64_t deadline_usec, kratos_change_done done, void *userdata,
        kratos_call **ret);

/* Revokes a session by its token, in the form of either age. KRATOS_OK and KRATOS_FORBIDDEN (Kratos
 * knows no such token) both say that the session is gone. */
int kratos_logout(
        kratos *k, const secret *token, kratos_done done, void *userdata, kratos_call **ret);

/* Revokes a session by its id on the admin API. KRATOS_OK and KRATOS_NOT_FOUND: it is gone. */
int kratos_admin_delete_session(
        kratos *k, const char *session, kratos_done done, void *userdata, kratos_call **ret);

/* Looks for an identity's session by its nonce, on the admin API: KRATOS_OK with its id, or
 * KRATOS_NOT_FOUND. */
typedef void (*kratos_session_done)(int outcome, const char *session, void *userdata);
int kratos_admin_find_session(kratos *k, const char *identity, const char *nonce,
        kratos_session_done done, void *userdata, kratos_call **ret);

/* Looks among the other sessions of a token's owner, by nonce, or by id where one is given (not
 * ""). */
int kratos_find_session(kratos *k, const secret *token, const char *nonce, const char *session,
        kratos_session_done done, void *userdata, kratos_call **ret);

/* Revokes another session of a token's owner. KRATOS_OK proves nothing: look for it again. */
int kratos_delete_session(kratos *k, const secret *token, const char *session, kratos_done done,
        void *userdata, kratos_call **ret);

/* Asks for an identity by its id, on the admin API; urgent where somebody waits for it. KRATOS_OK
 * with it, which is the callback's only while it runs; KRATOS_NOT_FOUND: Kratos's own word that
 * there is no such identity (rule 41). */
typedef void (*kratos_identity_done_handler)(
        int outcome, const kratos_identity *identity, void *userdata);
int kratos_admin_get_identity(kratos *k, const char *identity, bool urgent, uint64_t deadline_usec,
        kratos_identity_done_handler done, void *userdata, kratos_call **ret);

/* For one identity of a list; anything but 0 ends the call with it as the outcome. */
typedef int (*kratos_identity_each)(const kratos_identity *identity, void *userdata);
typedef void (*kratos_identities_done)(int outcome, void *userdata);

/* Looks for the identities that log in with an identifier, on the admin API; urgent where a login
 * waits for it. There may be several,
 * and such as have it for something else than what is meant: whose it is the caller must see. */
int kratos_admin_find_identities(kratos *k, bool urgent, const char *identifier,
        uint64_t deadline_usec, kratos_identity_each each, kratos_identities_done done,
        void *userdata, kratos_call **ret);

/* Identities of one request: more make the request longer than a proxy's default buffers, 4 or 8
 * KiB. */
#define IDENTITIES_MAX 80

/* Asks for identities by their ids, on the admin API. One that is not in the answer may exist all
 * the same (rule 41). */
int kratos_admin_get_identities(kratos *k, const char (*ids)[UUID_LENGTH + 1], size_t n_ids,
        kratos_identity_each each, kratos_identities_done done, void *userdata, kratos_call **ret);
