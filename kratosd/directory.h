/*
 * The directory: the accounts and groups of ours that this host has now. It puts together what the
 * store knows of people (their documents, their uids, whose name is whose), what the configuration
 * allows, and what the local files already hold, which always win. Whatever it gives out has been
 * checked at that very moment (rule 37). Look-ups read the store and nothing else: they never wait.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/local-users.h"
#include "common/names.h"
#include "posix.h"

typedef struct directory directory;

/* A user as the directory found it, a value that its caller owns. */
typedef struct directory_user {
        char name[USER_NAME_MAX + 1];
        char identity[UUID_LENGTH + 1];
        uid_t uid;
        gid_t gid;
        bool active; /* the identity is not disabled, and today is within the document's dates */
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

/* Each calls back for every user, group, or membership; a callback that returns nonzero ends it, and
 * that is returned. The directory must not be changed meanwhile. 0, -errno. Memberships include
 * those that [Groups] gives in local groups; of a user, of a group, or with both NULL all there are.
 */
typedef int (*directory_each_user_t)(const directory_user *user, void *userdata);
typedef int (*directory_each_group_t)(const directory_group *group, void *userdata);
typedef int (*directory_each_membership_t)(const char *user, const char *group, void *userdata);
int directory_each_user(directory *d, directory_each_user_t each, void *userdata);
int directory_each_group(directory *d, directory_each_group_t each, void *userdata);
int directory_each_membership(directory *d, const char *user, const char *group,
        directory_each_membership_t each, void *userdata);

/* Whether enumeration is allowed ([Accounts] Enumerate=). */
bool directory_enumerates(const directory *d);
