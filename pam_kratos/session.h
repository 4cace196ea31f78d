/* The session phase: a granted login becomes a session, whose lifeline the PAM handle then holds.
 */
#pragma once

#include "call.h"

/* Opens a session with the login whose id the PAM environment held (c->env_login), or else with the
 * one that this handle was granted: where a program asks twice, once in another process, the
 * environment has the later one. Succeeds quietly where there is neither, as after a public key.
 * Needs call_whose. */
int session_open(call *c);

/* Ends the user's session. Returns false where this handle holds none. */
bool session_close(call *c);
