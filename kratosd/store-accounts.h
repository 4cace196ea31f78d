/*
 * What the store knows of people: the accounts of this host, the numbers that were ever given to
 * somebody, whose name is whose, and what Kratos last said of each identity. As with sessions, the
 * store does not judge: adoption.c decides what becomes an account, and directory.c what is served.
 */
#pragma once

#include "store.h"

/* An account, as it was adopted from an identity. A plain value, but for the document, which
 * belongs to whoever read the row. */
typedef struct account_row {
        char identity[UUID_LENGTH + 1];
        char name[USER_NAME_MAX + 1];
        uid_t uid;
        gid_t gid;
        bool refused;  /* what Kratos says of it now cannot be an account: nobody is let in by it */
        bool disabled; /* Kratos last said that the identity is not active; read, never put */
        char *document; /* JSON (posix.h) */
} account_row;

void account_row_done(account_row *row);
#define _cleanup_account_row_ _cleanup_(account_row_done)

/* What Kratos last said of an identity. */
typedef struct standing {
        bool active;
        int64_t checked; /* seconds since 1970 */
} standing;

/* What is changed between these two is on disk as a whole, or not at all: the latter if the result
 * that is given to store_end is an -errno. It returns the result, or why the change could not be
 * made. May be nested: what is within another and fails undoes itself alone. */
int store_begin(store *s);
int store_end(store *s, int result);

/* -ENOENT where there is none. */
int store_find_account(store *s, const char *name, account_row *ret);
int store_find_account_uid(store *s, uid_t uid, account_row *ret);
int store_find_account_identity(store *s, const char *identity, account_row *ret);

/* Puts an account in, or in place of what was known of the same identity, with the groups that it
 * is in: all of it or nothing. -EEXIST where its name or uid is another identity's. */
int store_put_account(store *s, const account_row *row, const char *const *groups, size_t n_groups);

/* Says of an account that it is refused, and leaves it otherwise. */
int store_refuse_account(store *s, const char *identity);

/* Forgets an account, its memberships and its standing; its numbers and pin stay. */
int store_delete_account(store *s, const char *identity);

/* Each calls back for every row; a nonzero result ends it and is returned. The store must not be
 * changed meanwhile. */
int store_each_account(
        store *s, int (*each)(const account_row *row, void *userdata), void *userdata);
int store_each_group(
        store *s, int (*each)(const char *group, gid_t gid, void *userdata), void *userdata);

/* Of a user, of a group, or with both NULL all. */
int store_each_membership(store *s, const char *user, const char *group,
        int (*each)(const char *user, const char *group, void *userdata), void *userdata);

/* Whether any account is in a group. 0, -ENOENT, -errno. */
int store_find_group(store *s, const char *group);

/* The next identity that has an account, or an open session, by its id after one ("": the first).
 * -ENOENT after the last. */
int store_next_identity(
        store *s, const char *after, bool open_session, char ret[static UUID_LENGTH + 1]);

/* Numbers, of users and groups alike: once given they are never given to another owner (rule 1). An
 * owner is "user:" and an identity's id, or "group:" and a name. -ENOENT; -EEXIST where the number
 * or the owner is taken already. */
#define NUMBER_OWNER_MAX (sizeof("group:") + UUID_LENGTH)
int store_find_number(store *s, const char *owner, uid_t *ret);
int store_find_owner(store *s, uid_t number, char ret[static NUMBER_OWNER_MAX]);
int store_put_number(store *s, uid_t number, const char *owner);

/* The identity that a name is pinned to, and the name that an identity is, or -ENOENT. */
int store_find_pin(store *s, const char *name, char ret_identity[static UUID_LENGTH + 1]);
int store_find_pinned_name(store *s, const char *identity, char ret_name[static USER_NAME_MAX + 1]);

/* Pins a name. -EEXIST where the name or the identity is pinned otherwise already. */
int store_add_pin(store *s, const char *name, const char *identity);
/* Says that a name is nobody's: also that what was granted under it and is not open is to be
 * revoked. -ENOENT where there was none. */
int store_delete_pin(store *s, const char *name);

int store_find_standing(store *s, const char *identity, standing *ret);
int store_put_standing(store *s, const char *identity, const standing *what);

/* That a person has changed the password, as their document demands. -ENOENT where that is not
 * known. */
int store_find_password_change(store *s, const char *identity);
int store_put_password_change(store *s, const char *identity);
int store_delete_password_change(store *s, const char *identity);
