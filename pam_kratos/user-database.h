/*
 * kratosd's own user database, asked without the bus: whoever can keep the bus from a login cannot
 * keep that from it as well, and what this host's name service says of a person may well come from
 * there. A question is one connection, and nothing of it is kept.
 */
#pragma once

#include <stdint.h>

enum user_database_result {
        USER_DATABASE_UNKNOWN, /* 0: kratosd says that the user is not ours */
        USER_DATABASE_GONE,    /* there is no kratosd, so that nobody has it from there */
        USER_DATABASE_IN_DOUBT /* ours, or kratosd says nothing else */
};

/* Asks about a name that is valid. Subtracts the time that it took, 2 s at most, from what is left
 * for the PAM call. Returns an enum user_database_result, or -errno; -EPERM where whoever listens
 * is not kratosd. */
int user_database_ask(const char *user, uint64_t *left_usec);
