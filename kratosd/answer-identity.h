/*
 * Identities as Kratos's admin API tells them, one or a list, read and checked: who it is, whether
 * it is active, its account document, and the name that its traits would give it. As in answer.h, a
 * field that is not of its form makes the whole answer bad; the document's own form is posix.h's
 * business. An identity is a value that its reader owns, but for one that a callback is given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "answer.h"
#include "common/cleanup.h"

/* The id of an identity schema, in bytes: whatever the administrator called it. */
#define SCHEMA_ID_MAX 128

typedef struct kratos_identity {
        char id[UUID_LENGTH + 1];
        bool active;
        char schema[SCHEMA_ID_MAX + 1];
        char *document;     /* its JSON text, or NULL: it has none */
        bool two_documents; /* both kinds of metadata have one: which counts? */
        bool has_nul; /* somewhere in it: json-c cuts names there, so what they are is not known */
        char trait_name[USER_NAME_MAX + 1]; /* "" where the traits give no valid name */
        char claims[USER_NAME_MAX +
                    1]; /* the name that it would have here; "" where none is valid */
} kratos_identity;

void kratos_identity_done(kratos_identity *identity);
#define _cleanup_identity_ _cleanup_(kratos_identity_done)

/* Makes a copy, which the caller owns. -ENOMEM. */
int kratos_identity_copy(const kratos_identity *identity, kratos_identity *ret);

/* Where the traits have a name ([Accounts] UserName=, StripDomain=); both NULL where they are not
 * trusted. */
typedef struct identity_traits {
        const char *user_name;    /* a JSON pointer, /traits/… (RFC 6901) */
        const char *strip_domain; /* then it is an e-mail address, verified, of this domain */
} identity_traits;

/* Reads one identity. KRATOS_OK or KRATOS_BAD_ANSWER; -ENOMEM. */
int answer_identity(
        const char *body, size_t size, const identity_traits *traits, kratos_identity *ret);

/* Reads a list, and calls back for each identity once the whole list has turned out to be sound: a
 * list with one bad entry says nothing of the others either, for who knows what it is. One id twice
 * is bad, too. Results as above, and what a callback returns, which ends it if it is not 0. */
int answer_identities(const char *body, size_t size, const identity_traits *traits,
        int (*each)(const kratos_identity *identity, void *userdata), void *userdata);
