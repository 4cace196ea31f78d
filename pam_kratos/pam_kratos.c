/* The entry points of PAM, in the order of a login. */
#include <security/pam_modules.h>

#include "account.h"
#include "authenticate.h"
#include "call.h"
#include "cleanup.h"
#include "login-id.h"
#include "password.h"
#include "session.h"

#define EXPORT __attribute__((visibility("default")))

/* Somebody else's credentials and sessions are none of our business; in the auth and account phases
 * the profile wants to know whether a user is ours, and here it does not. */
static int or_ignore(int r)
{
        return r == PAM_USER_UNKNOWN ? PAM_IGNORE : r;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        int r;

        r = call_begin(&c, argc, argv);
        if (r == PAM_SUCCESS)
                r = call_whose(&c, true);
        if (r == PAM_SUCCESS)
                r = authenticate(&c);
        return r;
}

/* We have no credentials to set. Success, and not PAM_IGNORE, because in a profile of ours alone it
 * is our answer that counts; nobody is let in by it. It may come without an authenticate: after a
 * public key, or in another process than the one that asked for the password. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        int r;

        r = call_begin(&c, argc, argv);
        if (r == PAM_SUCCESS)
                r = call_whose(&c, false);
        if (r == PAM_SUCCESS && !c.ours && !pam_getenv(pamh, LOGIN_ID_VARIABLE))
                r = PAM_USER_UNKNOWN;
        return or_ignore(r);
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        int r;

        r = call_begin(&c, argc, argv);
        if (r == PAM_SUCCESS)
                r = call_whose(&c, false);
        if (r == PAM_SUCCESS)
                r = account_check(&c);
        return r;
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        int r;

        r = login_id_take(pamh, c.env_login);
        if (r == PAM_SUCCESS)
                r = call_begin(&c, argc, argv);
        if (r == PAM_SUCCESS)
                r = call_whose(&c, false);
        if (r == PAM_SUCCESS)
                r = session_open(&c);
        return or_ignore(r);
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        int r;

        r = call_begin(&c, argc, argv);
        if (r != PAM_SUCCESS || session_close(&c))
                return r;
        r = call_whose(&c, false);
        if (r == PAM_SUCCESS && !c.ours)
                r = PAM_USER_UNKNOWN;
        return or_ignore(r);
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
        _cleanup_call_ call c = { .pamh = pamh, .flags = flags };
        bool first = flags & PAM_PRELIM_CHECK;
        int r;

        r = call_begin(&c, argc, argv);
        if (r == PAM_SUCCESS)
                r = call_whose(&c, first);
        if (r == PAM_SUCCESS)
                r = first ? password_check(&c) : password_change(&c);
        /* Whoever had to change it and did not is not let in: that login will not be opened. */
        if (r != PAM_SUCCESS && r != PAM_USER_UNKNOWN && flags & PAM_CHANGE_EXPIRED_AUTHTOK)
                call_void(&c);
        return r;
}
