/* The session phase: a granted login becomes a session, whose lifeline the PAM handle then holds.
 */
#pragma once

#include "call.h"

/* Opens a session with the login that this handle was granted, or else with the one that the PAM
 * environment held (c->env_login). Succeeds quietly where there is neither, as after a public key.
 * Needs call_whose. */
int session_open(call *c);

/* Ends the user's session. Returns false where this handle holds none. */
bool session_close(call *c);
