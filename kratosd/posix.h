/*
 * The account document: the object "posix" in an identity's admin-written metadata, which makes a
 * Unix account of it (doc/account-document.md, etc/account-document.schema.json). It is taken as a
 * whole or refused as a whole: nothing in it is ever repaired (rule 10). A document is a plain
 * value that never changes; whoever parsed it owns it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/names.h"

/* Limits of one document. */
#define POSIX_SIZE_MAX (64 * 1024) /* bytes of its JSON text */
#define POSIX_GROUPS_MAX 128
#define POSIX_KEYS_MAX 64
#define POSIX_KEY_MAX 8192    /* bytes of one line of authorized_keys, options included (sshd(8)) */
#define POSIX_PATTERNS_MAX 64 /* hosts; likewise services */
#define POSIX_PATTERN_MAX 64  /* bytes of one */
#define POSIX_PATH_MAX 255    /* bytes of a shell or home */
#define POSIX_GECOS_MAX 255   /* bytes */

/* A group that an account is in. Its number follows from its name unless the document gives one. */
typedef struct posix_group {
        char name[USER_NAME_MAX + 1];
        bool has_gid;
        gid_t gid;
} posix_group;

/* Words that belong to whatever holds them. */
typedef struct posix_list {
        char **words;
        size_t count;
} posix_list;

typedef struct posix {
        char name[USER_NAME_MAX + 1]; /* "" where the document has none */
        bool has_uid, has_gid;
        uid_t uid;
        gid_t gid;
        posix_group *groups;
        size_t n_groups;
        char *shell;     /* absolute path, or NULL: the configuration's */
        char *home;      /* likewise */
        char *gecos;     /* or NULL */
        posix_list keys; /* lines of authorized_keys */
        bool has_hosts;  /* an empty list means: nowhere */
        posix_list hosts;
        bool has_services; /* likewise: none */
        posix_list services;
        int64_t not_before; /* seconds since 1970, UTC; INT64_MIN where not set */
        int64_t not_after;  /* likewise; INT64_MAX where not set: from this second on it is over. A
                               bare date means the midnight that ends it */
        bool password_change_now;
} posix;

enum posix_result {
        POSIX_OK = 0,
        POSIX_INVALID = 1,
};

/* Reads a document from its JSON text. POSIX_INVALID with a sentence in *ret_why that names the
 * field and what would be right, and never quotes what stands there; it lives for ever. -ENOMEM.
 * Names and numbers have their form, and no number is a reserved one; whether this host allows them
 * is for the directory to say. */
int posix_parse(const char *json, size_t size, posix **ret, const char **ret_why);

posix *posix_free(posix *p);
DEFINE_CLEANUP(posix *, posix_free);
#define _cleanup_posix_ _cleanup_(posix_freep)
