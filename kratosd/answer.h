/*
 * Kratos's answers, read and checked: what a body means, without any idea of who asked or why. All
 * of it comes from a server that may be broken, hostile, or somebody else's proxy: a field that is
 * not of its form makes the whole answer bad. Results are plain values; only the token is owned.
 * (rules 26, 29)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/local-users.h"
#include "common/names.h"
#include "common/secret.h"

/* How a request ended. Everything but OK is a named result that the caller handles. */
enum kratos_outcome {
        KRATOS_OK = 0,
        KRATOS_BAD_CREDENTIALS, /* wrong password, or no such identity: Kratos does not say which */
        KRATOS_INACTIVE,        /* the identity is switched off */
        KRATOS_CODE_SENT,       /* a code is on its way to the person: what was asked for */
        KRATOS_WRONG_CODE,      /* or one that was used before */
        KRATOS_NO_FACTOR,    /* the person has no such factor; it may have had one a moment ago */
        KRATOS_NOT_TAKEN,    /* the flow takes no more of these: it is another one's turn */
        KRATOS_NO_SESSION,   /* 401: the session of the first step is none any more */
        KRATOS_FLOW_GONE,    /* the flow expired, was used or never was: take a new one */
        KRATOS_RATE_LIMITED, /* 429 */
        KRATOS_NOT_FOUND,    /* 404 in Kratos's own words: it has no such thing */
        KRATOS_NO_SUCH_PATH, /* any other 404, and 405: another age of Kratos, or not Kratos at all
                              */
        KRATOS_FORBIDDEN,    /* 403 in Kratos's own words */
        KRATOS_NOT_SURE_ENOUGH, /* 403: for this the session lacks a factor, or is too old */
        KRATOS_DENIED,  /* a flow that says no for another reason: a hook, an unverified address */
        KRATOS_REFUSED, /* another 4xx, or an answer that no Kratos gives */
        KRATOS_FAULT,   /* 5xx: the request may have had its effect */
        KRATOS_BAD_ANSWER,  /* 2xx that cannot be understood: it has had its effect */
        KRATOS_NO_ANSWER,   /* sent, but nothing whole came back in time: it may have had its effect
                             */
        KRATOS_UNREACHABLE, /* nothing was sent */
        KRATOS_NOT_ASKED,   /* its turn did not come in time here: that says nothing of Kratos */
};

/* The reason code (doc/journal.md) for an outcome that decides nothing; an -errno is a fault of
 * ours. */
const char *kratos_outcome_reason(int outcome);

/* True for an outcome that says of Kratos itself that it cannot be asked now. Any other is about
 * what was asked for, and says nothing of the next. */
bool kratos_is_silent(int outcome);

/* Flow ids are UUIDs. */
typedef struct kratos_flow {
        char id[UUID_LENGTH + 1];
        bool renews; /* a session, whose token was sent: Kratos knows it */
} kratos_flow;

/* Authenticator assurance levels, as a session tells them. */
enum kratos_aal {
        KRATOS_AAL_UNKNOWN = 0, /* a Kratos from before them has no second factors at all */
        KRATOS_AAL1,
        KRATOS_AAL2,
};

/* What a successful login says. */
typedef struct kratos_login {
        secret *token;
        char session[UUID_LENGTH + 1];
        char identity[UUID_LENGTH + 1];     /* "" where Kratos gave null: more factors are wanted */
        char posix_name[USER_NAME_MAX + 1]; /* metadata_public.posix.name, "" if none */
        enum kratos_aal aal;
        enum kratos_aal verified; /* the level of the factor that was verified last */
        bool active;
        bool inactive_identity; /* identity.state says so */
        bool lists_devices;     /* false: a Kratos from before devices */
        bool has_nonce;         /* one of them begins with our nonce */
} kratos_login;

void kratos_login_done(kratos_login *login);

/* Reads the body of a flow that was asked for. KRATOS_OK or KRATOS_BAD_ANSWER; -ENOMEM. */
int answer_flow(const char *body, size_t size, kratos_flow *ret);

/* Reads the body of a 200 to a login whose User-Agent began with nonce. KRATOS_OK or
 * KRATOS_BAD_ANSWER, which may still have set the token: then it is to be revoked. -ENOMEM. */
int answer_login(const char *body, size_t size, const char *nonce, kratos_login *ret);

/* What a status that is not 2xx means, with its body: any outcome above but OK. -ENOMEM. */
int answer_error(unsigned status, const char *body, size_t size);

/* Kratos's default page of sessions. */
#define SESSIONS_PAGE 250

/* Looks in a list of at most page sessions for the one whose device's user agent begins with nonce,
 * or, where a session id is given (not ""), for that id. KRATOS_OK with the id,
 * KRATOS_NOT_FOUND, or KRATOS_BAD_ANSWER, also for a full page that does not have it; -ENOMEM. */
int answer_find_session(const char *body, size_t size, const char *nonce, const char *session,
        unsigned page, char ret[static UUID_LENGTH + 1]);
