/*
 * What the daemon is told about the circumstances of a login: PAM's items and nothing else, never
 * the process's environment (rule 6); but where another user runs a program that is root's, that
 * user's number in place of PAM_RUSER. The strings are PAM's, and last until an item is set:
 * collect them anew after each conversation.
 */
#pragma once

#include <security/pam_modules.h>

#include "client.h"

/* Returns NULL, or the name of an item that is not printable ASCII of at most CONTEXT_FIELD_MAX
 * bytes (rule 29), which is then left out: the daemon may still say that the user is not ours. */
const char *context_collect(pam_handle_t *pamh, client_context *ret);
