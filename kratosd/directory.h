/*
 * The directory: the accounts and groups of ours that this host has now. It puts together what the
 * store knows of people (their documents, their uids, whose name is whose), what the configuration
 * allows, and what the local files already hold, which always win. Whatever it gives out has been
 * checked at that very moment (rule 37). Look-ups read the store and nothing else: they never wait.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/local-users.h"
#include "common/names.h"
#include "config.h"
#include "local-files.h"
#include "posix.h"
#include "store.h"

typedef struct directory directory;

/* The store and the local files must outlive it. -ENOMEM. */
int directory_new(store *s, local_files *local, config *c, directory **ret);
directory *directory_free(directory *d);
DEFINE_CLEANUP(directory *, directory_free);
void directory_set_config(directory *d, config *c);

/* Whether the configuration lets a user or group of ours have a number, or a user a home. */
const config *directory_config(const directory *d);
bool directory_allows_number(const directory *d, uid_t number);

/* Whether this host itself has no user or group of a number. 1, 0, -errno. */
int directory_number_is_free(directory *d, uid_t number);

bool directory_allows_home(const directory *d, const char *home);

/* A user as the directory found it, a value that its caller owns. */
typedef struct directory_user {
        char name[USER_NAME_MAX + 1];
        char identity[UUID_LENGTH + 1];
        uid_t uid;
        gid_t gid;
        bool active; /* the identity is not disabled, and today is within the document's dates */
        bool has_ssh_keys; /* the document has some, and sshd's account phase would let it in */
        char *home;
        char *shell;
        posix *document;
} directory_user;

directory_user *directory_user_free(directory_user *u);
DEFINE_CLEANUP(directory_user *, directory_user_free);
#define _cleanup_user_ _cleanup_(directory_user_freep)

/* A group of ours; also each user's own, which has its name and number. */
typedef struct directory_group {
        char name[USER_NAME_MAX + 1];
        gid_t gid;
} directory_group;

enum directory_result {
        DIRECTORY_FOUND = 0,
        DIRECTORY_UNKNOWN = 1, /* no such user or group of ours */
};

/* 0, DIRECTORY_UNKNOWN, -errno. */
int directory_find_user(directory *d, const char *name, directory_user **ret);
int directory_find_uid(directory *d, uid_t uid, directory_user **ret);
int directory_find_group(directory *d, const char *name, directory_group *ret);
int directory_find_gid(directory *d, gid_t gid, directory_group *ret);

/* Each calls back for every user, group, or membership; a callback that returns nonzero ends it,
 * and that is returned. The directory must not be changed meanwhile. 0, -errno. Memberships include
 * those that [Groups] gives in local groups; of a user, of a group, or with both NULL all there
 * are. Without a user they are what the store says: whether there is such a member to be told of
 * directory_check_member says, of each when it is told, for there may be very many.
 */
typedef int (*directory_each_user_t)(const directory_user *user, void *userdata);
typedef int (*directory_each_group_t)(const directory_group *group, void *userdata);
typedef int (*directory_each_membership_t)(const char *user, const char *group, void *userdata);
int directory_each_user(directory *d, directory_each_user_t each, void *userdata);
int directory_each_group(directory *d, directory_each_group_t each, void *userdata);
int directory_each_membership(directory *d, const char *user, const char *group,
        directory_each_membership_t each, void *userdata);

/* Whether a user of ours may be told of: one that is hidden or no good is in no group. 0,
 * DIRECTORY_UNKNOWN, -errno. */
int directory_check_member(directory *d, const char *name);

/* A number that is another one once anything has changed on which answers depend, but for the time:
 * the store, the configuration, the local files. -errno. */
int directory_changes(directory *d, uint64_t *ret);

/* Whether enumeration is allowed ([Accounts] Enumerate=). */
bool directory_enumerates(const directory *d);
