/*
 * The accounts: which names are ours here, and which Kratos identity each belongs to. They are
 * local accounts that local-users lists, and the directory's. A listed name whose line has no
 * identity id belongs to the identity whose admin-written posix.name it is, and is pinned to the
 * first that used it on this host. The manager owns the accounts; they own nothing but the checks
 * under way.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "answer.h"
#include "common/local-users.h"
#include "directory.h"
#include "kratos.h"
#include "lookup.h"
#include "store.h"

typedef struct accounts {
        store *store;
        directory *directory;
        lookups *lookups;
        kratos *kratos;
        LIST_HEAD(, account_check) checks; /* account-check.h */
        int64_t silent_until; /* CLOCK_BOOTTIME, microseconds: no check waits for Kratos before */
        int64_t quiet_until;  /* likewise: no refusal of a person's own check is told before */
} accounts;

/* Looks a name up. 0; VERDICT_UNKNOWN_USER for one that is not ours; -errno. */
int account_find(accounts *a, const char *name, local_user *ret);

/* The identity that a name is known to belong to, by its line or its pin, or "". -errno. */
int account_identity(
        accounts *a, const char *name, const local_user *account, char ret[static UUID_LENGTH + 1]);

/* Whether the identity of a login is the one that a name belongs to; pins the name where that is
 * decided here for the first time, and notes that Kratos has just called it active. 0;
 * VERDICT_NOT_ALLOWED with *ret_reason; -errno. */
int account_accept(
        accounts *a, const char *name, const kratos_login *login, const char **ret_reason);
