/*
 * HTTP requests on the event loop: libcurl's multi interface, driven by sd-event. One http object
 * owns the connections, which are kept while requests come and closed after a minute without any. A
 * request belongs to its caller until it has called back or is cancelled, whichever comes first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "common/secret.h"
#include "config.h"

typedef struct http http;
typedef struct http_request http_request;

/* The largest body that is taken from a server, in bytes. */
#define HTTP_BODY_MAX (256 * 1024)
/* Likewise for a list of a person's sessions, of some 1.5 KiB each. */
#define HTTP_LIST_MAX (1024 * 1024)

/* Requests that wait for each other, and for no others: those that a login or an account check
 * waits for, and all others. */
enum http_lane {
        HTTP_LOGINS,
        HTTP_BACKGROUND,
        HTTP_LANES,
};

/* What to ask. All of it needs to live only for the call of http_start, but for the body, which
 * must outlive the request. Texts that enter a header or URL must have been validated. */
typedef struct http_ask {
        const char *method; /* GET, POST, DELETE */
        const config *config;
        const server_url *server;
        const char *path;        /* appended to the server's base */
        const char *user_agent;  /* NULL: our own name */
        const char *client_ip;   /* for X-Real-IP, numeric; NULL: none */
        const secret *token;     /* for X-Session-Token; NULL: none */
        const secret *bearer;    /* for Authorization, which no plain http carries; NULL: none */
        const char *certificate; /* file of a client certificate; NULL: none */
        const char *key;         /* file of its key; NULL: it is in the certificate's */
        const secret *body;      /* JSON; NULL: none */
        uint64_t deadline_usec;  /* from now */
        size_t body_max;         /* HTTP_BODY_MAX, HTTP_LIST_MAX */
        enum http_lane lane;
        bool fresh; /* on a connection of its own, opened for it and closed after it */
} http_ask;

enum http_result {
        HTTP_ANSWERED = 0, /* a whole response: status and body are set */
        HTTP_NOT_BEGUN,    /* its turn did not come in time: that says nothing of the server */
        HTTP_NOT_SENT,     /* no connection: the server has not seen the request */
        HTTP_BROKEN,       /* sent, in part at least, but no whole response came back in time */
        HTTP_TOO_LARGE,    /* answered, with more than body_max: what it says is not known */
        HTTP_STALE, /* a POST met a kept connection that the server had closed: likely not seen */
};

typedef struct http_answer {
        enum http_result result;
        unsigned status;
        const secret *body;       /* lives until the callback returns; never NULL */
        unsigned retry_after_sec; /* what a 429 asks for, 1 if it does not say */
        const char *error; /* a sentence for the log, where the result is not HTTP_ANSWERED */
        bool hurried;      /* its time was over when it had hardly been under way */
} http_answer;

typedef void (*http_done)(const http_answer *answer, void *userdata);

int http_new(sd_event *event, http **ret);
/* No request may be under way. */
http *http_free(http *h);
DEFINE_CLEANUP(http *, http_free);

/* Starts a request, on the wire as soon as it is its turn. Calls done once, from the loop, never
 * from within this call. -ENOMEM, -EPERM for a socket that could be somebody else's (rule 30). */
int http_start(http *h, const http_ask *ask, http_done done, void *userdata, http_request **ret);

/* Escapes a text for a query (RFC 3986 §2.1), which the caller owns. -ENOMEM. */
int http_escape(const char *text, char **ret);

/* Ends a request without a callback. NULL is fine. */
http_request *http_cancel(http_request *request);

/* Uses none of today's connections for any later request: an answer came on one that was another's.
 */
void http_forget_connections(http *h);
