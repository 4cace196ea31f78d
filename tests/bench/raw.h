/*
 * A raw client: what a login costs that does nothing but Kratos's two HTTP calls, or four with a
 * second factor, on one kept-alive libcurl handle. Owned by whoever made it; the sessions that it
 * got live until they are ended.
 */
#pragma once

#include <stdbool.h>

typedef struct raw raw;

/* A client of a Kratos's public API, such as "http://127.0.0.1:433". */
raw *raw_new(const char *base);
raw *raw_free(raw *r);

/* The first call: takes a login flow. */
bool raw_take_flow(raw *r);

/* The second: posts a user's password to the flow. True if it got a session. */
bool raw_submit(raw *r, const char *user, const char *password);

/* The third and the fourth: take a flow for a second factor of that session, and post a code of an
 * authenticator app to it. True if the session is of the higher level then. */
bool raw_submit_code(raw *r, const char *code);

/* The token of the session that raw_submit got last; valid until the next. */
const char *raw_token(const raw *r);

/* Both calls that renew a user's session: True if it kept its token, which raw_token then gives. */
bool raw_renew(raw *r, const char *token, const char *user, const char *password);

/* Ends a session. */
bool raw_logout(raw *r, const char *token);
