/*
 * Whether a person has to change the password at the next login: an administrator says so in the
 * account document (passwordChangeNow), and it is done once the person has changed it through this
 * host. Kratos does not say when a document was written, nor may a host write into it: so each host
 * remembers by itself, in the store, until the document says so no more.
 */
#pragma once

#include "posix.h"
#include "store.h"

/* Whether the person, whose document this is, has to. 1, 0, -errno. */
int password_is_due(store *s, const posix *document, const char *identity);

/* Notes that a person has done it, where their document asks for it. -errno. */
int password_note_changed(store *s, const char *identity);
