/*
 * Who of the local people is ours. /etc/kratosd/local-users maps existing local accounts to Kratos
 * identities, a line each:
 *
 *     name  identity-id  [fallback]      # "-" for the id: the identity whose posix.name it is
 *
 * The module and the daemon read the same file, afresh for each question, and agree on the answer.
 * root, and any other name with uid 0, is never ours, whatever the file says (rule 37).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define LOCAL_USERS_FILE "/etc/kratosd/local-users"
#define PASSWD_FILE "/etc/passwd"

#define UUID_LENGTH 36

typedef struct local_user {
        uid_t uid;
        char identity[UUID_LENGTH + 1]; /* "" where the line has "-" */
        bool fallback; /* while no verdict can be had, the next PAM module decides */
} local_user;

enum local_user_kind {
        LOCAL_USER_LISTED,   /* 0: ours; the output is set */
        LOCAL_USER_UNLISTED, /* in the local passwd file, and not ours */
        LOCAL_USER_ABSENT,   /* not in the local passwd file, whether listed or not */
};

/* Looks a name up in a list and a passwd file. Returns an enum local_user_kind, or for a file that
 * cannot be read, -errno; -EPERM for a list that is not root's own or that others can write; -EFBIG
 * for one above 256 KiB; -EBADMSG where the name's own line, in either file, is malformed, or
 * stands in the list twice. A list that does not exist is empty. A malformed line harms only its
 * own name. */
int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret);

/* What is wrong with a list, for an -errno of a function here: words that go on from its name. */
const char *local_users_describe(int error);

/* Looks a name up in a passwd file: its uid, or -ENOENT, or -errno; -ENODATA where there is no
 * file. */
int passwd_find_uid(const char *passwd, const char *name, uid_t *ret);

/* Says of each line of a list what is wrong with it, by calling back with its number and a sentence
 * that lives until the callback returns. Returns the number of such lines, or -errno. */
typedef void (*local_users_complaint)(unsigned line, const char *sentence, void *userdata);
int local_users_check(const char *list, local_users_complaint complain, void *userdata);
