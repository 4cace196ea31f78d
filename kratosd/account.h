/*
 * The accounts: which local names are ours, and which Kratos identity each belongs to. Here they
 * come from the local-users file; a name whose line has no identity id belongs to the identity
 * whose admin-written posix.name it is, and is pinned to the first that used it on this host.
 */
#pragma once

#include <stdbool.h>

#include "answer.h"
#include "common/local-users.h"
#include "store.h"

/* Looks a name up. 0; VERDICT_UNKNOWN_USER for one that is not ours; -errno. */
int account_find(const char *name, local_user *ret);

/* The identity that a name is known to belong to, by its line or its pin, or "". -errno. */
int account_identity(
        store *s, const char *name, const local_user *account, char ret[static UUID_LENGTH + 1]);

/* Whether the identity of a login is the one that a name belongs to; pins the name where that is
 * decided here for the first time. 0; VERDICT_NOT_ALLOWED with *ret_reason; -errno. */
int account_accept(store *s, const char *name, const local_user *account, const kratos_login *login,
        const char **ret_reason);
