/*
 * The account phase, where authorisation lives: a login with a public key comes here without having
 * been authenticated by us.
 */
#pragma once

#include "call.h"

/* Asks the daemon whether the user may use this account now, and shows its message. Needs
 * call_whose. */
int account_check(call *c);
