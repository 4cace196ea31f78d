#include "password.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>

#include "authenticate.h"
#include "cleanup.h"
#include "context.h"
#include "secret.h"
#include "words.h"

#define ROOT_MESSAGE                                                                               \
        N_("Only the person can change this password, or an administrator of Kratos at Kratos.")
#define UNREACHABLE_MESSAGE N_("The password cannot be changed now. It is unchanged.")
#define UNKNOWN_MESSAGE                                                                            \
        N_("It is not known whether the password was changed. Next time, try the new one first, "  \
           "then the old one.")
#define SAME_MESSAGE N_("That is the password that you have already.")
#define LONG_MESSAGE N_("That password is too long.")

/* root, who changes somebody else's password, and has no old one to show. When a login leads
 * through the change, root is only the program. */
static bool is_administrator(const call *c)
{
        return getuid() == 0 && !(c->flags & PAM_CHANGE_EXPIRED_AUTHTOK);
}

/* Where the local password counts while Kratos is away, root can set that one. */
static bool is_for_next_module(const call *c)
{
        return c->fallback && is_administrator(c);
}

/* Refuses before anything is asked. */
static int refuse_administrator(call *c)
{
        call_tell(c, PAM_ERROR_MSG, ROOT_MESSAGE);
        pam_syslog(c->pamh, LOG_NOTICE, "refused %s: root cannot change this password", c->user);
        return PAM_PERM_DENIED;
}

/* Opens what was granted: from here on the handle's end is its end. */
static int keep(call *c, const client_login *login)
{
        client_session session = { .lifeline = -1 };
        client_context context;
        const char *wrong = context_collect(c->pamh, &context);
        int r;

        r = authenticate_confirm_user(c);
        if (r == PAM_SUCCESS)
                r = call_object(c, wrong);
        if (r != PAM_SUCCESS)
                return r;
        context.purpose = c->purpose;
        r = call_result(c, c->library.methods->open_session(
                                   &c->client, c->user, login->id, &context, &session));
        if (r != PAM_SUCCESS)
                return r;
        r = session_keep(c->pamh, SESSION_CHANGE, c->user, &session);
        if (r < 0) {
                close(session.lifeline);
                return call_result(c, r);
        }
        c->state->ours = true;
        return PAM_SUCCESS;
}

/* What a person can do about it, where there is something. */
static void explain(call *c, int code)
{
        if (code == PAM_AUTHINFO_UNAVAIL)
                call_tell(c, PAM_ERROR_MSG, UNREACHABLE_MESSAGE);
        else if (code == PAM_PERM_DENIED || code == PAM_MAXTRIES)
                call_tell(c, PAM_ERROR_MSG, c->client.words);
}

int password_check(call *c)
{
        client_login login = {};
        int r;

        if (is_for_next_module(c))
                return PAM_USER_UNKNOWN;
        r = call_prepare(c);
        if (r != PAM_SUCCESS)
                return r;
        /* A local password is no way out here: it would be changed in the place of Kratos's. */
        c->fallback = false;
        c->purpose = PURPOSE_CHANGE_PASSWORD;
        session_drop(c->pamh, SESSION_CHANGE, c->user);

        r = authenticate_begin(c, &login);
        if (r == PAM_SUCCESS && is_administrator(c))
                r = refuse_administrator(c);
        else if (r == PAM_SUCCESS)
                r = authenticate_converse(c, &login);
        if (r == PAM_SUCCESS)
                r = keep(c, &login);
        explain(c, r);
        if (authenticate_is_denial(r))
                (void)pam_fail_delay(c->pamh, FAIL_DELAY_USEC);
        if (r != PAM_SUCCESS && login.id[0])
                (void)c->library.methods->cancel_login(&c->client, login.id);
        explicit_bzero(&login, sizeof(login));
        /* What the first pass says of a server that is away. */
        return r == PAM_AUTHINFO_UNAVAIL ? PAM_TRY_AGAIN : r;
}

static const char *item(call *c, int which)
{
        const void *value = NULL;

        return pam_get_item(c->pamh, which, &value) == PAM_SUCCESS ? value : NULL;
}

/* Has libpam ask for the new password, twice, unless an earlier module has done so. PAM_TRY_AGAIN
 * where the two differ, as the person was told. */
static int ask_new(call *c, const char **ret)
{
        const char *password = NULL;
        int r = pam_get_authtok(c->pamh, PAM_AUTHTOK, &password, NULL);

        if (r != PAM_SUCCESS)
                return r == PAM_TRY_AGAIN ? r : PAM_AUTHTOK_ERR;
        if (!password || !*password) {
                pam_syslog(c->pamh, LOG_NOTICE, "no new password was given for %s", c->user);
                return PAM_AUTHTOK_ERR;
        }
        *ret = password;
        return PAM_SUCCESS;
}

/* Says why a password is not taken, so that another one may be. */
static int object(call *c, const char *message)
{
        call_tell(c, PAM_ERROR_MSG, message);
        return PAM_TRY_AGAIN;
}

/* What the daemon said to a new password. Whatever is not a plain refusal of it ends the change. */
static int judge(call *c, int r)
{
        if (r == CLIENT_REFUSED && strcmp(c->client.error, ERROR_PASSWORD_REFUSED) == 0)
                return object(c, c->client.words);
        if (r == CLIENT_LOST)
                call_tell(c, PAM_ERROR_MSG, UNKNOWN_MESSAGE);
        else if (r == CLIENT_REFUSED && c->client.words[0])
                call_tell(c, PAM_ERROR_MSG, c->client.words);
        else if (r != 0)
                call_tell(c, PAM_ERROR_MSG, UNREACHABLE_MESSAGE);
        return call_result(c, r) == PAM_SUCCESS ? PAM_SUCCESS : PAM_AUTHTOK_ERR;
}

/* One new password. PAM_TRY_AGAIN: another one may be taken. */
static int try_new(call *c, const client_session *session)
{
        _cleanup_close_ int fd = -1;
        const char *password, *old;
        int r;

        r = ask_new(c, &password);
        if (r != PAM_SUCCESS)
                return r;
        r = authenticate_confirm_user(c);
        if (r != PAM_SUCCESS)
                return r;
        old = item(c, PAM_OLDAUTHTOK);
        if (old && strcmp(old, password) == 0)
                return object(c, SAME_MESSAGE);
        if (strnlen(password, ANSWER_MAX + 1) > ANSWER_MAX)
                return object(c, LONG_MESSAGE);
        r = secret_to_memfd(password, strlen(password), &fd);
        if (r < 0)
                return call_result(c, r);
        return judge(c, c->library.methods->change_password(&c->client, session->id, fd));
}

/* Until one is taken, or the tries are used up. What is not taken no later module may see. */
static int try_all(call *c, const client_session *session)
{
        int r = PAM_TRY_AGAIN;

        for (unsigned i = 0; i < CHANGE_TRIES_MAX && r == PAM_TRY_AGAIN; i++) {
                bool given = item(c, PAM_AUTHTOK) != NULL;

                r = try_new(c, session);
                if (r != PAM_SUCCESS)
                        (void)pam_set_item(c->pamh, PAM_AUTHTOK, NULL);
                if (r == PAM_TRY_AGAIN && given && c->options.never_ask)
                        break;
        }
        return r == PAM_TRY_AGAIN ? PAM_AUTHTOK_ERR : r;
}

int password_change(call *c)
{
        const client_session *session = session_find(c->pamh, SESSION_CHANGE, c->user);
        int r;

        if (is_for_next_module(c) || (!session && !c->ours))
                return PAM_USER_UNKNOWN;
        c->fallback = false;
        if (!session) {
                pam_syslog(
                        c->pamh, LOG_ERR, "refused %s: no preliminary check came before", c->user);
                return PAM_SYSTEM_ERR;
        }
        r = call_prepare(c);
        if (r == PAM_SUCCESS)
                r = try_all(c, session);
        if (r == PAM_SUCCESS)
                pam_syslog(c->pamh, LOG_NOTICE, "changed the password of %s at Kratos", c->user);
        if (c->library.methods)
                (void)c->library.methods->close_session(&c->client, session->id);
        session_drop(c->pamh, SESSION_CHANGE, c->user);
        return r;
}
