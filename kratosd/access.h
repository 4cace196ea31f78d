/*
 * Access: whether a person who is who they say they are may come in here and now. The configuration
 * decides by names and groups ([Access], [Service NAME]), the account document by hosts, services
 * and dates. A pure decision: nothing is asked, kept or owned.
 */
#pragma once

#include <stdint.h>

#include "config.h"
#include "posix.h"

/* Who wants in, and where; all of it is the caller's. */
typedef struct access_request {
        const char *user;
        const char *const *groups; /* names of the person's groups at Kratos */
        size_t n_groups;
        const posix *document; /* NULL: the identity has none, and nothing in it forbids */
        const char *service;   /* of PAM; "" matches no pattern but "*" */
        const char *host;      /* config's host_name */
        int64_t now;           /* seconds since 1970, UTC */
} access_request;

/* Decides: 0, or VERDICT_DISABLED outside the document's dates, or else VERDICT_NOT_ALLOWED. Then
 * *ret_reason is the code for the journal (doc/journal.md) and *ret_sentence what the person may
 * know; both live for ever.
 *
 * - From not_before on, and until the second before not_after.
 * - A denial wins over every allowance. Where AllowUsers= or AllowGroups= is given, only those come
 * in whom one of the two names. The rules of [Access] and those of the service must both let the
 * person in.
 * - Patterns are those of fnmatch(3), for the whole name. Patterns of the document's hosts match
 * the host's full name or its first label, and do not care about capitals, nor do those of
 * services. A list that is there and empty lets nobody in. */
int access_check(const config *c, const access_request *request, const char **ret_reason,
        const char **ret_sentence);

/* The like for a person on this host, whose groups are those of the document, if there is one. */
int access_check_user(const config *c, const char *user, const posix *document, const char *service,
        int64_t now, const char **ret_reason, const char **ret_sentence);
