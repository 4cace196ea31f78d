/*
 * The steps of one login, from its beginning to its verdict: what login.c, which owns the table of
 * logins, and login-steps.c, which drives each of them, know of a login. It is freed when it is
 * over.
 */
#pragma once

#include <sys/queue.h>

#include "common/interface.h"
#include "fetch.h"
#include "login.h"

enum login_state {
        LOGIN_ASKING,   /* for the password; a flow is under way or there */
        LOGIN_FETCHING, /* the answer waits for a flow */
        LOGIN_POSTING,  /* Kratos has the answer */
        LOGIN_REFUSED,  /* the verdict waits for its time */
        LOGIN_RESTING,  /* over, and counted for a while: a uid's rate */
};

typedef struct login {
        logins *owner;
        enum login_state state;
        char id[ID_LENGTH + 1];
        login_caller caller;
        login_context context;
        session_row row; /* what is or will be stored; row.id is the nonce */
        bool row_stored;
        bool has_flow;
        bool again;  /* begun anew once already, after a flow that was gone or a dead connection */
        bool posted; /* once at least: guesses are slow, however they end */
        bool cancelled; /* whatever Kratos says */
        kratos_flow flow;
        int64_t flow_taken;
        fetch *fetch;
        bool adopted; /* the fetch: another login has begun it */
        kratos_call *post;
        secret *answer;
        int64_t answered; /* CLOCK_BOOTTIME */
        int verdict;      /* of LOGIN_REFUSED */
        int socket;       /* to which a person sends its answer, or -1 */
        login_done done;
        void *userdata;
        sd_event_source *timer;
        TAILQ_ENTRY(login) logins;
} login;

struct logins {
        sd_event *event;
        accounts *accounts;
        store *store;
        sealer *sealer;
        kratos *kratos;
        revoker *revoker;
        sessions *sessions;
        fetches fetches;
        int64_t quiet_until; /* CLOCK_BOOTTIME, microseconds: nothing is said of strangers before */
        TAILQ_HEAD(, login) list; /* the oldest first */
};

/* Frees it, and takes it out of no table. NULL is fine. */
login *login_free(login *l);

/* Takes it out of its table and frees it. */
void login_forget(login *l);

/* Gives it a nonce, and with it a row of its own that stands for nothing yet. */
void login_renew_row(login *l);

/* Stores what is about to be posted, unless that is done. -errno. */
int login_store_row(login *l);

/* Takes a flow from the stock, or waits for one that is under way, or else asks Kratos for one.
 * Where that cannot be begun now, login_go_on() does. */
void login_take_flow(login *l);

/* Posts the answer that was given, as soon as there is a flow. Its time counts from l->answered. */
void login_go_on(login *l);

/* Ends it with a verdict above 0 or an -errno, in due time; the reason is for the log. */
void login_refuse(login *l, int verdict, const char *reason);

/* Ends it without one. */
void login_finish(login *l);

/* The handler of l->timer. */
int login_on_timer(sd_event_source *source, uint64_t usec, void *userdata);
