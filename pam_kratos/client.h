/*
 * The client of kratosd: one function for each method of the bus interface, as a table that
 * client.so exports and pam_kratos.so loads once it knows that the user is not merely local, so
 * that nobody else's login pays for libsystemd. A client is plain memory of the caller's, made for
 * one PAM call; nothing in it needs to be freed, for each method opens and closes a connection of
 * its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "interface.h"

/* Changes with this header, so that a module and a library of two versions never meet. */
#define CLIENT_ABI 2
#define CLIENT_SYMBOL "kratosd_client"

/* Bus names and error names, in bytes (D-Bus specification, "Valid Names"). */
#define BUS_NAME_MAX 255

/* The name of a kind of prompt. */
#define PROMPT_KIND_MAX 32

/* The daemon as it was last seen by this PAM handle. A unique name is never given twice by one bus,
 * so that one that was once found to be kratosd's stays so; the bus's own id tells a new bus. */
typedef struct client_peer {
        char owner[BUS_NAME_MAX + 1];
        char bus[32 + 1];
} client_peer;

typedef struct client {
        client_peer *peer;  /* the caller's, which may outlive the client */
        uint64_t left_usec; /* what this PAM call may still spend on the bus, at first
                               CALL_DEADLINE_USEC */
        char error[BUS_NAME_MAX +
                   1]; /* after CLIENT_REFUSED: the name of the error that was answered */
        char words[PROMPT_TEXT_MAX + 1]; /* what it says (words.h), or "" where that may not be
                                            shown */
} client;

/* Fields of the context; NULL where there is none. A caller's number takes the place of ruser where
 * it is not "". */
typedef struct client_context {
        const char *purpose, *service, *tty, *rhost, *ruser;
        char caller[sizeof("4294967295")];
} client_context;

/* What to ask next. Words are printable, but for what parts them. */
typedef struct client_prompt {
        char kind[PROMPT_KIND_MAX + 1];
        char words[PROMPT_TEXT_MAX + 1];
        bool echo;
} client_prompt;

typedef struct client_login {
        char id[ID_LENGTH + 1];
        bool granted;         /* after an answer: nothing more is asked */
        client_prompt prompt; /* set unless granted */
} client_login;

typedef struct client_account {
        bool password_expired;
        char words[PROMPT_TEXT_MAX + 1]; /* to show, or "" */
} client_account;

typedef struct client_session {
        char id[ID_LENGTH + 1];
        int lifeline; /* close-on-exec, the caller's */
} client_session;

/*
 * Each method returns 0; a fault of this host or of its peer, as -errno (-EPERM: the peer is not
 * who it must be, -EBADMSG: the answer breaks the interface, -ENOBUFS: the bus has no room for one
 * more of root's, -ECANCELED: this program was stopped while it should have waited); or one of
 * these.
 */
enum client_result {
        CLIENT_UNREACHABLE = 1, /* no bus, no daemon, or no answer in time */
        CLIENT_REFUSED,         /* the daemon, or the bus, answered with client.error */
        CLIENT_LOST,            /* the call was sent, and nobody knows what became of it */
};

typedef struct client_library {
        unsigned abi;

        /* Takes BEGIN_DEADLINE_USEC at most, as do cancel_login and close_session. */
        int (*begin_login)(
                client *c, const char *user, const client_context *context, client_login *ret);
        /* Sends a sealed memfd, which stays the caller's, or what is in it; sets all of *login but
         * its id. Takes ANSWER_DEADLINE_USEC at most, as do check_account and open_session. */
        int (*answer)(client *c, int secret_fd, client_login *login);
        int (*cancel_login)(client *c, const char *login);
        int (*check_account)(
                client *c, const char *user, const client_context *context, client_account *ret);
        int (*open_session)(client *c, const char *user, const char *login,
                const client_context *context, client_session *ret);
        /* Sends a new password for a session that was opened for that, as answer does. CLIENT_LOST
         * where it may be the password by now. */
        int (*change_password)(client *c, const char *session, int secret_fd);
        int (*close_session)(client *c, const char *session);
} client_library;
