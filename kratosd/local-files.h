/*
 * The local files: the names and numbers of this host's own passwd and group files, which always
 * win over ours. They are read again when a file has changed, and never through NSS, which would
 * ask us. Whoever made a local_files owns it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"

#define GROUP_FILE "/etc/group"

/* What a file may be at most, in bytes: some million people. */
#define LOCAL_FILE_MAX (64 * 1024 * 1024)

typedef struct local_files local_files;

/* -ENOMEM; files that cannot be read now are read when they are needed. */
int local_files_new(const char *passwd, const char *group, local_files **ret);
local_files *local_files_free(local_files *l);
DEFINE_CLEANUP(local_files *, local_files_free);

/* Whether there is such a user or group here: 1, 0, or -errno, also of a file that is away: then
 * nothing can be said of anybody. */
int local_user_exists(local_files *l, const char *name);
int local_uid_exists(local_files *l, uid_t uid);
int local_group_exists(local_files *l, const char *name);
int local_gid_exists(local_files *l, gid_t gid);

/* A number that is another one once a file has changed. -errno, as above. */
int local_files_changes(local_files *l, uint64_t *ret);

/* What this host itself has of a user of that name and those numbers: the first of these, or
 * -errno. Each file is looked at once. */
enum local_match {
        LOCAL_NOTHING = 0,
        LOCAL_USER_NAME,  /* a user of that name */
        LOCAL_GROUP_NAME, /* a group of that name */
        LOCAL_UID,        /* a user of that uid */
        LOCAL_UID_AS_GID, /* a group whose gid is that uid */
        LOCAL_GID,        /* a group of that gid */
};
int local_files_match(local_files *l, const char *name, uid_t uid, gid_t gid);
