/*
 * Replies to be sent again: what was last answered to the calls that came, byte for byte, so that
 * programs which ask for the same account again and again do not have it read, parsed and written
 * anew each time. A reply counts only for the same call by the same uid, as long as nothing has
 * changed on which it depends: the directory's count of changes, and the dates of the account; and
 * whose account it tells of is kept with it, to be checked once more each time (rule 37). The user
 * database owns them. There are so many and no more: a new one takes the place of an old one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/names.h"

/* People of whom a busy host asks; with their replies of some 600 bytes, 1.2 MiB if all are there.
 */
#define REPLIES_MAX 2048
/* Bytes of a call and its reply together; longer ones are answered anew each time. */
#define REPLY_KEPT_MAX 4096

typedef struct replies replies;

/* What a reply depends on. */
typedef struct reply_terms {
        uint64_t changes;    /* the directory's */
        int64_t from, until; /* seconds since 1970; not right before and after */
        char name[USER_NAME_MAX + 1];
        uid_t uid;
        gid_t gid;
} reply_terms;

replies *replies_new(void); /* NULL for want of memory */
replies *replies_free(replies *r);

/* Keeps a reply, or does not, for want of memory or where it is too long. */
void replies_keep(replies *r, uid_t peer, const char *call, size_t call_size, const char *reply,
        size_t reply_size, const reply_terms *terms);

/* The reply to a call, and its terms, which are right now but for whose account it is; both live
 * until the next one is kept. False if there is none. */
bool replies_find(const replies *r, uid_t peer, const char *call, size_t call_size,
        uint64_t changes, int64_t now, const char **ret_reply, size_t *ret_size,
        const reply_terms **ret_terms);
