#include "result.h"

#include <string.h>

#include <security/pam_modules.h>

#include "client.h"

static const struct {
        const char *error;
        int code;
} table[] = {
        { ERROR_UNKNOWN_USER, PAM_USER_UNKNOWN },
        { ERROR_BAD_CREDENTIALS, PAM_AUTH_ERR },
        { ERROR_NOT_ALLOWED, PAM_PERM_DENIED },
        { ERROR_ACCOUNT_DISABLED, PAM_ACCT_EXPIRED },
        { ERROR_THROTTLED, PAM_MAXTRIES },
        { ERROR_PASSWORD_REFUSED, PAM_AUTHTOK_ERR },
        { ERROR_UNAVAILABLE, PAM_AUTHINFO_UNAVAIL },
};

int result_code(int r, const char *error)
{
        if (r == 0)
                return PAM_SUCCESS;
        if (r == CLIENT_UNREACHABLE || r == CLIENT_LOST)
                return PAM_AUTHINFO_UNAVAIL;
        if (r == CLIENT_REFUSED)
                for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                        if (strcmp(table[i].error, error) == 0)
                                return table[i].code;
        return PAM_SYSTEM_ERR;
}
