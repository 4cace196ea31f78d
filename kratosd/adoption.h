/*
 * Adoption: how what Kratos says of an identity becomes an account of this host. An identity is
 * taken as a whole or refused as a whole, with one message that says why; a name belongs to the
 * identity that first had it here, and a number to whom it was first given. Nothing is owned here.
 */
#pragma once

#include "answer-identity.h"
#include "directory.h"
#include "store-accounts.h"

enum adoption {
        ADOPTED = 0,
        ADOPTION_REFUSED = 1, /* it claims to be an account, and cannot be one; the log says why */
        ADOPTION_NONE = 2,    /* it is no account: nobody has said that it is */
};

/* Takes an identity as Kratos has just told of it, and notes whether it is active. -errno. */
int adopt(directory *d, store *s, const kratos_identity *identity);

/* Takes an administrator's word that a name is an identity's, before anything else is known of it.
 * ADOPTED, ADOPTION_REFUSED, -errno. */
int adopt_by_hand(directory *d, store *s, const char *name, const char *identity);

/* Why an administrator's word is not taken. */
#define ADOPTION_REFUSED_SENTENCE                                                                  \
        "that cannot be: the name is reserved or another identity's here, or the identity has "    \
        "another name (kratosd --unpin that one first)"

/* Takes an administrator's word that a name is nobody's any more; the account that has it ends. Its
 * number stays its identity's. -ENOENT where the name is nobody's. */
int adoption_unpin(store *s, const char *name);

/* An identity is no more, by Kratos's own word: its account ends; its name and number stay its own.
 * -errno. */
int adoption_end(store *s, const char *identity);
