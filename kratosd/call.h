/*
 * One call to Kratos: a request with a deadline, made of whichever configured server answers. The
 * servers are tried in order, those that were lately found down last, and never twice where the
 * request could already have had its effect. Shared by call.c and the files kratos*.c alone; a call
 * belongs to whoever began it until its callback.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/interface.h"
#include "credentials.h"
#include "http.h"
#include "kratos.h"

#define CALL_AGENT_MAX 384

/* What is known of the servers of one API. Times are CLOCK_MONOTONIC. */
typedef struct server_state {
        uint64_t down_until[SERVERS_MAX];
        uint64_t quiet_until[SERVERS_MAX]; /* it said 429: not asked before */
        unsigned held_back;                /* logins since then that wanted to ask */
        bool unreachable;                  /* all of them, when last asked; said once */
} server_state;

/* When Kratos last judged a password or a code, in which login, and when in any other one. */
typedef struct judgements {
        char nonce[ID_LENGTH + 1];
        uint64_t last;   /* CLOCK_MONOTONIC, or 0 */
        uint64_t others; /* likewise */
} judgements;

struct kratos {
        http *http;
        config *config;
        credentials *credentials; /* for the admin API */
        server_state public;
        server_state admin;
        bool lists_devices; /* seen since the configuration was read: from then on it is demanded */
        uint64_t answered;  /* when it last answered a login in its own words; CLOCK_MONOTONIC, or 0
                             */
        judgements judged;
};

struct kratos_call {
        kratos *kratos;
        config *config;
        server_state *state;
        const server_list *servers;
        unsigned tried; /* a bit for each server */
        size_t server;
        uint64_t deadline; /* CLOCK_MONOTONIC */

        const char *method;
        char *path; /* with its query */
        char agent[CALL_AGENT_MAX];
        char client_ip[CONTEXT_FIELD_MAX + 1];
        char nonce[ID_LENGTH + 1];
        char session[UUID_LENGTH + 1];
        secret *token;
        secret *body;
        size_t body_max;
        enum http_lane lane;
        bool fresh;
        bool old_form; /* of a logout */
        bool probes;   /* asks a server although that wants to be left alone */
        unsigned page; /* of a list: so many entries at most */

        http_request *request;
        /* Tells the caller. False: the call has begun anew instead, and will finish again. */
        bool (*finish)(kratos_call *call, int outcome, const http_answer *answer);
        kratos_identity_each each;
        union {
                kratos_done done;
                kratos_flow_done flow;
                kratos_login_done_handler login;
                kratos_offer_done offer;
                kratos_session_done session;
                kratos_change_done change;
                kratos_identity_done_handler identity;
                kratos_identities_done identities;
        } then;
        void *userdata;
};

/* Makes a call that has everything but its path, finish and callback. -ENOMEM. */
int call_new(kratos *k, bool admin, const char *method, uint64_t deadline_usec, kratos_call **ret);

/* Makes a login's call for a flow of Kratos's public API, with a session's token, or NULL for
 * nobody's: it lacks its finish and callback. -ENOMEM. */
int call_new_flow(kratos *k, const char *path, const secret *token, uint64_t deadline_usec,
        kratos_call **ret);

/* Says what to ask for. -ENOMEM. */
__attribute__((format(printf, 2, 3))) int call_set_path(kratos_call *call, const char *format, ...);

/* Starts a call, and gives it to whoever asked. Owns the call from here on. -ENOMEM; -EPERM for a
 * socket that could be somebody else's; -EBUSY while every server wants to be left alone (429);
 * -ENOENT or -ETIME where there is no server, or no time. */
int call_start(kratos_call *call, kratos_call **ret);

/* Asks the next server, from within finish. As call_start, and -ENOENT or -ETIME where nothing is
 * left. */
int call_attempt(kratos_call *call);

DEFINE_CLEANUP(kratos_call *, kratos_cancel);
#define _cleanup_call_ _cleanup_(kratos_cancelp)

/* Notes what a login's call has come to. */
void call_note_answer(kratos_call *call, int outcome);

/* The end of a call for a flow that holds nothing but its id. */
bool call_finish_flow(kratos_call *call, int outcome, const http_answer *answer);

/* The ends of calls that both APIs have: something was deleted; a session was looked for. */
bool call_finish_delete(kratos_call *call, int outcome, const http_answer *answer);
bool call_finish_find(kratos_call *call, int outcome, const http_answer *answer);

/* In the query of a list. */
#define PAGE_SIZE "page_size="

/* For everything that nobody waits for. */
#define PATIENT_USEC (15 * USEC_PER_SEC)
