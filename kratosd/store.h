/*
 * What the daemon must not forget: one row for each Kratos session that was made or may have been
 * made, from before its password is posted until Kratos has confirmed its end; and people
 * (store-accounts.h). One SQLite file in the state directory. The store hears nothing of what its
 * rows mean beyond the states below; a row is a plain value that its reader owns.
 *
 * Every function answers -errno for a file that cannot be read or written now (-EROFS, -ENOSPC,
 * -EIO, -EUCLEAN for a corrupt one). A file that could not be opened is tried again when it is next
 * needed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/interface.h"
#include "common/local-users.h"
#include "common/names.h"

typedef struct store store;

enum row_state {
        ROW_POSTED = 1,   /* a password is about to be posted, or was: there may be a session */
        ROW_GRANTED = 2,  /* a session, which nobody has opened yet */
        ROW_OPEN = 3,     /* a session with a lifeline */
        ROW_REVOKING = 4, /* over: to be revoked, and then forgotten */
        ROW_CHANGING =
                5, /* a session with a lifeline, made to change a password and nothing else */
};

#define TOKEN_SEALED_MAX 512
#define LOGIN_HASH_SIZE 32

/* Times are microseconds of CLOCK_BOOTTIME: a wrong clock changes nothing. Rows of an earlier boot
 * are found in state ROW_REVOKING, due at once; rows of another machine (a copied image) are
 * dropped. */
typedef struct session_row {
        char id[ID_LENGTH + 1]; /* the nonce, and the id of the session and its lifeline */
        enum row_state state;
        char user[USER_NAME_MAX + 1];
        char service[CONTEXT_FIELD_MAX + 1];
        char rhost[CONTEXT_FIELD_MAX + 1];
        char identity[UUID_LENGTH + 1]; /* "" while not known */
        char session[UUID_LENGTH + 1];  /* Kratos's id, "" while not known */
        unsigned char token[TOKEN_SEALED_MAX];
        size_t token_size; /* 0: no token */
        unsigned char login_hash[LOGIN_HASH_SIZE];
        int has_login;
        int64_t posted; /* at the latest; 0 for an earlier boot */
        int64_t due;  /* ROW_GRANTED, ROW_CHANGING: when it expires; ROW_REVOKING: when to try next
                       */
        int attempts; /* to revoke it; ROW_CHANGING: to change the password */
        pid_t opener; /* ROW_OPEN: the process that opened it; 0 where that is not known */
        int64_t opened; /* and when, microseconds of CLOCK_MONOTONIC, as logind counts */
        int renewals;   /* of its Kratos session */
        /* Kratos's id of another row's session that this one's login renews, or "". That is never
         * revoked for this row's sake. */
        char borrowed[UUID_LENGTH + 1];
} session_row;

/* Whether a row stands for another row's session, and so for nothing that is to be revoked. */
static inline bool session_row_is_borrowed(const session_row *row)
{
        return row->borrowed[0] && strcmp(row->session, row->borrowed) == 0;
}

/* Never due by itself: it waits for the person's next login. */
#define DUE_NEVER INT64_MAX

/* CLOCK_BOOTTIME in microseconds. */
int64_t boottime_usec(void);

/* Makes the store of a directory. Fails only with -ENOMEM: a file that cannot be opened now is said
 * in the log. One that is corrupt is set aside for a while (aside.h), which is said as well. */
int store_new(const char *directory, store **ret);
/* Whether its file was a newer kratosd's when it was last opened: nothing of ours is to be done
 * then. */
bool store_is_newer(const store *s);
store *store_free(store *s);
DEFINE_CLEANUP(store *, store_free);

/* On return the row is on disk. */
int store_insert(store *s, const session_row *row);
/* Also one that the file has lost, because it was corrupt and was set aside. */
int store_update(store *s, const session_row *row);
int store_delete(store *s, const char *id);

/* -ENOENT where there is none. */
int store_find(store *s, const char *id, session_row *ret);
int store_find_login(store *s, const unsigned char hash[static LOGIN_HASH_SIZE], session_row *ret);

/* Whether a user has a session of its own that is open, and whose opener is known. -errno. */
int store_has_open(store *s, const char *user);

/* The next such session that a process has opened, by its id, after one ("": the first). */
int store_find_opened(
        store *s, const char *user, pid_t opener, const char *after, session_row *ret);

/* The first row of a state by its due time, after skip others: to look at the few that come next.
 */
int store_find_due(store *s, enum row_state state, unsigned skip, session_row *ret);

/* The next row of a person that waits for a login (DUE_NEVER), by its id, after one ("": the
 * first). Those of another identity, which had the name before, are not this person's. */
int store_find_waiting(
        store *s, const char *user, const char *identity, const char *after, session_row *ret);

/* Forgets those of a person's rows that have waited since before a time, and all but the newest so
 * many, and says how many these were. */
int store_forget_waiting(
        store *s, const char *user, unsigned keep, int64_t before, unsigned *ret_forgotten);

/* Calls back with the id of every row of a state; a negative result ends it and is returned. Rows
 * may be changed only after it has returned. */
int store_each_id(store *s, enum row_state state, int (*each)(const char *id, void *userdata),
        void *userdata);

/* Rows that an earlier daemon posted, before this one's start, are to be revoked. They count as
 * posted now, for Kratos may still be at work on them. */
int store_abandon_posted(store *s, int64_t start);

/* Whatever is to be revoked is due now, also what waited for a login. */
int store_requeue(store *s);

/* Leaves nothing of deleted rows in the side files, nor aside for too long. (rule 40) */
void store_tidy(store *s);

/* A number that is another one once anything may have changed in the store. */
uint64_t store_changes(const store *s);
