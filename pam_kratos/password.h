/*
 * The password phase, in PAM's two passes. The first does all that can be done without changing
 * anything: a login with the old password and whatever else Kratos demands, which the daemon grants
 * for this purpose alone. The second asks for the new password, and has it changed at Kratos. What
 * lies between them is a session of the daemon's, whose lifeline the PAM handle holds: when the
 * program ends, in whatever way, that session is revoked.
 */
#pragma once

#include "call.h"

/* The first pass. Needs call_whose, afresh. */
int password_check(call *c);

/* The second pass: also ends what the first has begun. Needs call_whose. */
int password_change(call *c);
