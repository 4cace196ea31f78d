/* The auth phase: a conversation between a person and the daemon, which decides what is asked. */
#pragma once

#include "call.h"

/* Asks and answers until the daemon has granted or refused the login. Needs call_whose. */
int authenticate(call *c);
