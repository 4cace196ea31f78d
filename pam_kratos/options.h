/*
 * The arguments of the module's line in a PAM profile:
 *
 * - login-id=env: after a login put its id into the PAM environment, for programs that ask for the
 *   password in one process and open the session in another (sshd).
 * - try_first_pass: use the password that an earlier module has asked for, else ask. The default.
 * - use_first_pass: use that password, and never ask.
 * - use_authtok: likewise, for the new password of a change.
 *
 * An argument that is none of these is most likely a misspelt one, and then the profile does not
 * say what its author thinks it says. So it is named in the log, and users of ours are refused
 * until it is put right; nobody else is.
 */
#pragma once

#include <stdbool.h>

typedef struct options {
        bool login_id_in_env;
        bool never_ask;      /* for a new password */
        const char *unknown; /* the first argument that is none of ours, or NULL; PAM's memory */
} options;

void options_parse(int argc, const char **argv, options *ret);
