/*
 * The steps of one login, from its beginning to its verdict: what login.c, which owns the table of
 * logins, and the files that drive each of them know of a login. Those are login-steps.c, which has
 * what all steps share; login-renew.c, whose session it may renew; login-caller.c, who waits for
 * it; login-first.c, the password or the code in its place; login-second.c, the factor that Kratos
 * or this host wants besides; login-throttle.c, whether an answer may be tried; login-change.c,
 * what a change of password needs besides; login-prompts.c, the words; login-verdict.c, the end. A
 * login is freed when it is over.
 */
#pragma once

#include <sys/queue.h>

#include "common/interface.h"
#include "fetch.h"
#include "login.h"
#include "throttle.h"
#include "timespan.h"
#include "used-codes.h"

/* A login that waits longer for its answer is forgotten; the module then begins it again. */
#define ASK_USEC (180 * USEC_PER_SEC)

enum login_state {
        LOGIN_ASKING,   /* the person; for the first answer, a flow is under way or there */
        LOGIN_QUEUED,   /* others of this person are under way: the throttle is asked again */
        LOGIN_FETCHING, /* the answer waits for a flow */
        LOGIN_POSTING,  /* Kratos has the answer */
        LOGIN_PAUSING,  /* the next question waits for its time */
        LOGIN_REFUSED,  /* the verdict waits for its time */
        LOGIN_RESTING,  /* over, and counted for a while: a uid's rate */
};

/* What the person is asked for. */
enum login_question {
        QUESTION_PASSWORD,
        QUESTION_FIRST_CODE,
        QUESTION_TOTP,
        QUESTION_CODE,
        QUESTION_LOOKUP_SECRET,
        QUESTION_CHOICE,
};

/* What a question begins with. */
enum login_note {
        NOTE_NONE,
        NOTE_WRONG,
        NOTE_USED,      /* a code that was right once */
        NOTE_EXPIRED,   /* the code, and another one was sent */
        NOTE_NO_MAIL,   /* none may be sent now */
        NOTE_NO_CHOICE, /* that is none of them */
        NOTE_GONE,      /* the person's way of a moment ago */
};

/* The open session in which the person sits who logs in, as for sudo: it is renewed, and no other
 * is made. */
typedef struct login_renewal {
        bool wanted;
        bool gone; /* Kratos knows it no more, or it is worn: a new session takes its place */
        char row[ID_LENGTH + 1];
        kratos_call *fetch;
} login_renewal;

/* The second factor, once the first is accepted. */
typedef struct login_second {
        kratos_offer offer;
        unsigned address;  /* of the offer's: where the code went or is to go */
        bool sent;         /* one went there, in this flow */
        bool asked;        /* the person was, and so does not come in without */
        bool mail_counted; /* the one that Kratos sends with its offer */
        bool claimed;      /* the answer, as a used code, by this very login */
        kratos_call *fetch;
} login_second;

typedef struct login {
        logins *owner;
        enum login_state state;
        enum login_question question;
        enum login_note note;
        enum kratos_method method; /* of what is or will be posted */
        int verdict;               /* of LOGIN_REFUSED */
        int socket;                /* to which a person sends its answers, or -1 */
        unsigned answers;
        unsigned tries; /* of these, passwords and codes */
        char id[ID_LENGTH + 1];
        login_caller caller;
        login_context context;
        login_rules rules;
        session_row row; /* what is or will be stored; row.id is the nonce */
        bool row_stored;
        bool live; /* the row stands for a session at Kratos, or may do so: it is to be revoked */
        bool accepted; /* the session's identity is the one that the name belongs to */
        bool has_flow;
        bool flow_used; /* it belongs to this login alone */
        bool again;   /* begun anew once already, after a flow that was gone or a dead connection */
        bool posted;  /* once at least: guesses are slow, however they end */
        bool hurried; /* Kratos had hardly any time for what was posted last */
        bool queued;  /* the answer has waited for others of this person */
        bool cancelled;        /* whatever Kratos says */
        bool nobody;           /* the name is nobody's: nothing is posted of it */
        bool adopted;          /* the fetch: another login has begun it */
        bool code_sent;        /* instead of a password, in this flow */
        bool seems_sent;       /* as far as the person is told: also where none may be sent */
        bool changes_password; /* it is for that, and for no session */
        bool settings_open;    /* Kratos lets its session do that */
        bool has_password;
        unsigned char password[SECRET_HASH_SIZE]; /* a code is never that (rule 43) */
        kratos_flow flow;
        int64_t flow_taken;
        fetch *fetch;
        kratos_call *post;
        login_renewal renewal;
        login_second second;
        secret *answer;
        throttle_try *attempt;           /* let through, and not settled */
        uint64_t wait;                   /* microseconds, of a refusal that says when to come */
        int64_t answered;                /* CLOCK_BOOTTIME */
        char words[PROMPT_TEXT_MAX + 1]; /* of the question, or of the refusal: "" for the usual */
        login_done done;
        void *userdata;
        sd_event_source *timer;
        sd_event_source *watch; /* of the caller's process, or NULL */
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
        throttle *throttle;
        fetches fetches;
        used_codes used;
        LIST_HEAD(, password_change) changes; /* under way, with Kratos */
        int64_t quiet_until; /* CLOCK_BOOTTIME, microseconds: nothing is said of strangers before */
        TAILQ_HEAD(, login) list; /* the oldest first */
};

/* login-steps.c: what all steps share. */

/* Frees it, and takes it out of no table. NULL is fine. */
login *login_free(login *l);

/* Takes it out of its table and frees it. */
void login_forget(login *l);

/* Gives it a nonce, and with it a row of its own that stands for nothing yet. */
void login_renew_row(login *l);

/* Stores what is about to be posted, unless that is done. -errno. */
int login_store_row(login *l);

/* Lets go of the row: what it stands for is revoked, or it is dropped where it stands for nothing.
 */
void login_release_row(login *l);

/* Ends it without a verdict. */
void login_finish(login *l);

/* Ends it, at once or as soon as Kratos has said what was to be said: nobody waits for it. */
void login_abandon(login *l);

/* Fires at a time of CLOCK_BOOTTIME. */
void login_set_timer(login *l, int64_t usec);

/* The handler of l->timer. */
int login_on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* What is left of the time for an answer, in microseconds. */
int64_t login_time_left(const login *l);

/* Takes the answer in l->answer, which was given at l->answered. */
void login_take_answer(login *l);

/* Asks the person next, as soon as the answer before has taken its time: a second where it was
 * wrong, or the like. Refuses instead where that was the last. */
void login_ask(login *l, enum login_question question, enum login_note note, bool slow);

/* Posts l->method with l->answer, in a flow; a first factor's identifier, or the token of a
 * second's session, is added. -errno as of kratos_submit. */
int login_submit(login *l, const kratos_flow *flow, kratos_login_done_handler done);

/* Stores what a factor has shown, as one change, and accepts the session's identity where it tells
 * one; NULL where that was done. Whatever becomes of the person and of us, the session is found and
 * revoked. 0; a verdict with its reason; -errno. */
int login_store_session(login *l, const kratos_login *session, const char **ret_reason);

/* login-caller.c */

/* Notes which process gives an answer, and so waits for what comes of it. */
void login_note_caller(login *l, pid_t pid);

/* Abandons the login when the process that gave the last answer has ended, unless that is watched
 * already. 0, also where it is not known; -ESRCH where it has ended; -errno. */
int login_watch_caller(login *l);

/* login-renew.c */

/* Finds the open session that the login is to renew, if there is one. */
void login_seek_session(login *l, uid_t uid);

/* Whether it renews one. */
bool login_renews(const login *l);

/* Takes a flow for that. -errno where it cannot be begun; -ESRCH: the session has ended here, and
 * the login renews none any more. */
int login_fetch_renewal(login *l);

/* The token of the session that is renewed. Likewise. */
int login_renewed_token(login *l, secret **ret);

/* Whether it is the token of the session that is renewed. */
bool login_is_renewed_token(login *l, const secret *token);

/* Whether an answer's session is the one that was to be renewed, or else a new one, which Kratos
 * makes where it knows that no more, or the password was somebody else's. */
bool login_take_renewed(login *l, const kratos_login *session);

/* Makes of the login's row what is granted: nothing but a loan where it has renewed a session; and
 * where that was gone, its own session takes that one's place. To be stored as one change with the
 * grant. -errno. */
int login_lend_session(login *l, session_row *row);

/* login-first.c */

/* What a fetch has led to: a flow of the stock's, or one that renews. */
void login_on_flow(login *l, int outcome, const kratos_flow *flow, int64_t begun);

/* Takes a flow from the stock, or waits for one that is under way, or else asks Kratos for one.
 * Where that cannot be begun now, it is tried again with the answer. */
void login_take_flow(login *l);

void login_take_first(login *l);

/* Goes on with l->method, once the throttle lets it through. */
void login_go_on_first(login *l);

/* login-second.c */

/* The first factor is accepted: goes on to a second one where it is demanded or had, or grants. */
void login_begin_second(login *l, const kratos_login *session);

void login_take_second(login *l);

/* Likewise. */
void login_go_on_second(login *l);

/* login-throttle.c */

/* Asks the throttle for a try at the password or code in l->answer. True: it may be posted. False:
 * it is asked again in a moment, or the login is refused. */
bool login_admit(login *l);

/* Tells the throttle what became of that try: a verdict; VERDICT_MORE where the answer was right,
 * or nothing came of it; -errno. */
void login_settle(login *l, int verdict);

/* Whether one more code may be sent to the person; then it counts. Else it may after a time, in
 * microseconds. */
bool login_may_send(login *l, uint64_t *ret_wait_usec);

/* Likewise before Kratos is asked what it offers, which sends one to those who have nothing else.
 */
bool login_may_offer(login *l, uint64_t *ret_wait_usec);

/* Notes whether that has sent one, which counts. */
void login_note_offer(login *l, bool sent);

/* login-change.c */

/* Every demanded factor of a login that is to change the password was verified: asks Kratos whether
 * the session may do that, and then grants it. Otherwise as login_grant. */
void login_open_settings(login *l, const kratos_login *session);

/* Ends the changes that are under way: nobody knows what will have become of them. */
void login_end_changes(logins *all);

/* login-prompts.c */

/* The words for l->question, into l->words. */
login_prompt login_write_prompt(login *l);

/* login-verdict.c */

/* When a refusal of the first factor is due: the same whatever it is about, and random, so that it
 * says nothing about the person. */
int64_t login_refusal_time(const login *l);

/* Ends it with a verdict above 0 or an -errno, in due time; the reason is for the log. A session
 * that it has at Kratos is revoked at once. */
void login_refuse(login *l, int verdict, const char *reason);

/* Likewise, with a sentence for the person. */
void login_refuse_saying(login *l, int verdict, const char *reason, const char *sentence);

/* Because something was done too often, as the sentence tells, to which is added when to come
 * again.
 */
void login_refuse_for_now(login *l, const char *reason, const char *sentence, uint64_t wait_usec);

/* What it is to a login with a nonce, or a change of password, that has waited since a time of
 * CLOCK_BOOTTIME, that Kratos says nothing about the person; and why. judges: Kratos had a fair
 * time to judge, or has judged this one before. */
int login_outcome_verdict(const logins *all, const char *nonce, int64_t since, bool judges,
        int outcome, const char **ret_reason);

/* Because Kratos says nothing about the person. */
void login_refuse_outcome(login *l, int outcome);

/* Because the time for the answer is over, or Kratos has given none in it. */
void login_refuse_late(login *l);

/* Because a request to Kratos could not be begun (-errno). */
void login_refuse_start(login *l, int error);

/* Grants it, for every factor that is demanded was verified in it; refuses where the session is not
 * of the name's identity. NULL where that is accepted. */
void login_grant(login *l, const kratos_login *session);

/* Tells whoever waits. The login may be gone then. */
void login_deliver(login *l);
