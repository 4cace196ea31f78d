/* The auth phase: a conversation between a person and the daemon, which decides what is asked. */
#pragma once

#include "call.h"

/* Asks and answers until the daemon has granted or refused the login. Needs call_whose. */
int authenticate(call *c);

/* What libpam makes a refused person wait, in microseconds; it varies this by half. */
#define FAIL_DELAY_USEC 2000000

/* The parts of it, for a login with c->purpose. Each needs call_prepare. */

/* Begins a login, and thereby learns whether the user is ours. */
int authenticate_begin(call *c, client_login *ret);

/* Asks whatever the daemon wants to be asked, until it has granted the login. Where it has refused,
 * the login's id is erased; else the login is to be cancelled. */
int authenticate_converse(call *c, client_login *login);

/* A program may have set another PAM_USER while it was asked, and the verdict is not about them. */
int authenticate_confirm_user(call *c);

/* True for a verdict against a person, as opposed to none. */
bool authenticate_is_denial(int code);
