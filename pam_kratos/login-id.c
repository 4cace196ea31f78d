#include "login-id.h"

#include <stdio.h>
#include <string.h>

int login_id_put(pam_handle_t *pamh, const char *id)
{
        char setting[sizeof(LOGIN_ID_VARIABLE "=") + ID_LENGTH];
        int r;

        snprintf(setting, sizeof(setting), "%s=%s", LOGIN_ID_VARIABLE, id);
        r = pam_putenv(pamh, setting);
        explicit_bzero(setting, sizeof(setting));
        return r;
}

int login_id_take(pam_handle_t *pamh, char ret[static ID_LENGTH + 2])
{
        const char *id = pam_getenv(pamh, LOGIN_ID_VARIABLE);

        snprintf(ret, ID_LENGTH + 2, "%s", id ? id : "");
        /* libpam logs a complaint if it is told to remove what is not there. */
        return id ? pam_putenv(pamh, LOGIN_ID_VARIABLE) : PAM_SUCCESS;
}

void login_id_forget(pam_handle_t *pamh, const char *id)
{
        const char *there = pam_getenv(pamh, LOGIN_ID_VARIABLE);

        if (there && strcmp(there, id) == 0)
                (void)pam_putenv(pamh, LOGIN_ID_VARIABLE);
}
