/*
 * The login id in the PAM environment: for programs that authenticate in one process and open the
 * session in another, of which only the PAM environment comes back (sshd's keyboard-interactive).
 * It is removed before anything else is done in the session phase, so that no shell ever sees it.
 * (rule 27)
 */
#pragma once

#include <security/pam_modules.h>

#include "interface.h"

/* Puts a login id into the environment. Returns a PAM code. */
int login_id_put(pam_handle_t *pamh, const char *id);

/* Removes the login id from the environment. Returns a PAM code, and the id, "" where there is
 * none; one that is too long is cut, and is still not valid then. */
int login_id_take(pam_handle_t *pamh, char ret[static ID_LENGTH + 2]);

/* Removes this login id from the environment, and no other. */
void login_id_forget(pam_handle_t *pamh, const char *id);
