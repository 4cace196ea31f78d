#include "account.h"

#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include "context.h"
#include "words.h"

/* A home that is there and somebody else's would be at that person's mercy, or they at this one's.
 * Whose it is only root can always see; a locker's user has come in already. */
static int check_home(call *c)
{
        const struct passwd *user;
        struct stat st;

        if (!c->absent || geteuid() != 0)
                return PAM_SUCCESS;
        user = pam_modutil_getpwnam(c->pamh, c->user);
        if (!user || lstat(user->pw_dir, &st) < 0 || st.st_uid == user->pw_uid)
                return PAM_SUCCESS;
        pam_syslog(c->pamh, LOG_ERR, "refused %s: the home %s belongs to uid %u", c->user,
                user->pw_dir, st.st_uid);
        call_tell(c, PAM_ERROR_MSG, N_("Your home directory belongs to somebody else."));
        return PAM_PERM_DENIED;
}

static int check(call *c)
{
        client_account account = {};
        client_context context;
        const char *wrong = context_collect(c->pamh, &context);
        int r;

        r = call_prepare(c);
        if (r != PAM_SUCCESS)
                return r;
        r = call_result(
                c, c->library.methods->check_account(&c->client, c->user, &context, &account));
        call_explain(c, r);
        if (r != PAM_SUCCESS)
                return r;
        r = call_object(c, wrong);
        if (r == PAM_SUCCESS)
                r = check_home(c);
        if (r != PAM_SUCCESS)
                return r;

        c->state->ours = true;
        call_tell(c, account.password_expired ? PAM_ERROR_MSG : PAM_TEXT_INFO, account.words);
        return account.password_expired ? PAM_NEW_AUTHTOK_REQD : PAM_SUCCESS;
}

/* Whoever is refused now will not open what the login was granted; they are ours all the same. */
static void give_up(call *c)
{
        bool ours = c->state && c->state->ours;

        call_void_all(c);
        if (c->state)
                c->state->ours = ours;
}

int account_check(call *c)
{
        int r = check(c);

        if (r != PAM_SUCCESS && r != PAM_USER_UNKNOWN && r != PAM_NEW_AUTHTOK_REQD)
                give_up(c);
        return r;
}
