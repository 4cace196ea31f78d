#include "call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include "cleanup.h"
#include "local-users.h"
#include "login-id.h"
#include "result.h"
#include "translate.h"
#include "user-database.h"
#include "words.h"

static const char *describe(int error)
{
        const char *text = strerrordesc_np(error);

        return text ? text : "unknown error";
}

int call_begin(call *c, int argc, const char **argv)
{
        const char *user = NULL;
        const void *service = NULL;
        const state *s;
        int r;

        options_parse(argc, argv, &c->options);
        c->client.left_usec = CALL_DEADLINE_USEC;
        r = pam_get_user(c->pamh, &user, NULL);
        if (r != PAM_SUCCESS || !user)
                return r == PAM_CONV_ERR || r == PAM_BUF_ERR ? r : PAM_SYSTEM_ERR;
        if (user_name_is_valid(user))
                snprintf(c->user, sizeof(c->user), "%s", user);
        if (pam_get_item(c->pamh, PAM_SERVICE, &service) == PAM_SUCCESS && service &&
                context_field_is_valid(service))
                snprintf(c->service, sizeof(c->service), "%s", (const char *)service);

        s = state_find(c->pamh);
        if (s && (strcmp(s->user, c->user) != 0 || strcmp(s->service, c->service) != 0))
                call_void(c);
        return PAM_SUCCESS;
}

void call_end(call *c)
{
        library_close(&c->library);
        explicit_bzero(c, sizeof(*c));
}

/* The handle's state for this user. NULL if there is no memory. */
static state *state_of_user(call *c)
{
        state *s = state_get(c->pamh);

        if (s && strcmp(s->user, c->user) != 0)
                state_reset(s, c->user, c->service);
        return s;
}

int call_whose(call *c, bool afresh)
{
        state *s = state_find(c->pamh);
        local_user user = {};
        int r;

        if (!c->user[0] || strcmp(c->user, "root") == 0)
                return PAM_USER_UNKNOWN;
        if (s && s->local && !afresh)
                return PAM_USER_UNKNOWN;
        r = local_user_find(LOCAL_USERS_FILE, PASSWD_FILE, c->user, &user);
        /* A list that cannot be trusted lists nobody, and keeps no local person out. A fault that
         * may pass says nothing about the list: then whoever may be ours is refused. */
        if (r == -EPERM || r == -EFBIG) {
                pam_syslog(c->pamh, LOG_ERR, LOCAL_USERS_FILE " is passed over: %s",
                        local_users_describe(r));
                r = LOCAL_USER_UNLISTED;
        }
        if (r < 0) {
                pam_syslog(c->pamh, LOG_ERR,
                        "refused %s: " LOCAL_USERS_FILE " or " PASSWD_FILE ": %s", c->user,
                        local_users_describe(r));
                return PAM_SYSTEM_ERR;
        }
        c->ours = r == LOCAL_USER_LISTED || (s && s->ours);
        c->absent = r == LOCAL_USER_ABSENT;
        c->fallback = r == LOCAL_USER_LISTED && user.fallback;
        if (r != LOCAL_USER_UNLISTED || c->ours)
                return PAM_SUCCESS;

        /* The files need not be read again for the rest of this login. */
        s = state_of_user(c);
        if (s)
                s->local = true;
        return PAM_USER_UNKNOWN;
}

/* True where kratosd is gone, or says that the user is none of ours. */
static bool is_disowned(call *c)
{
        int r = user_database_ask(c->user, &c->client.left_usec);

        return r == USER_DATABASE_UNKNOWN || r == USER_DATABASE_GONE;
}

/* True for a user whom this host knows from another directory. Its name service would name our
 * people too, for it asks kratosd, which may have come between the first question and that. */
static bool is_elsewhere(call *c)
{
        return is_disowned(c) && pam_modutil_getpwnam(c->pamh, c->user) && is_disowned(c);
}

int call_prepare(call *c)
{
        int r;

        c->state = state_of_user(c);
        if (!c->state) {
                pam_syslog(c->pamh, LOG_ERR, "refused %s: %s", c->user, describe(ENOMEM));
                return PAM_SYSTEM_ERR;
        }
        c->state->local = false;
        r = library_open(&c->library);
        if (r < 0) {
                /* A broken installation says nothing against people of other directories. */
                if (!c->ours && is_elsewhere(c))
                        return PAM_USER_UNKNOWN;
                pam_syslog(c->pamh, LOG_ERR, "refused %s: cannot load " CLIENT_LIBRARY, c->user);
                return PAM_SYSTEM_ERR;
        }
        c->client.peer = &c->state->peer;
        return PAM_SUCCESS;
}

void call_cancel(call *c, const char *login)
{
        state *s = state_of_user(c);

        if (geteuid() != 0 || !id_is_valid(login) || !s || library_open(&c->library) < 0)
                return;
        c->client.peer = &s->peer;
        /* It is as good as dead in any case, for nobody uses its id any more: so this may fail. */
        (void)c->library.methods->cancel_login(&c->client, login);
}

void call_void(call *c)
{
        state *s = state_find(c->pamh);
        char login[ID_LENGTH + 1];

        if (!s)
                return;
        memcpy(login, s->login, sizeof(login));
        state_reset(s, c->user, c->service);
        if (!login[0])
                return;

        login_id_forget(c->pamh, login);
        if (strcmp(c->env_login, login) == 0)
                c->env_login[0] = '\0';
        call_cancel(c, login);
        explicit_bzero(login, sizeof(login));
}

void call_void_all(call *c)
{
        call_void(c);
        if (login_id_take(c->pamh, c->env_login) == PAM_SUCCESS)
                call_cancel(c, c->env_login);
}

/* True where another directory of this host, or our own accounts, make root of a name. */
static bool is_root(call *c)
{
        const struct passwd *user = c->absent ? pam_modutil_getpwnam(c->pamh, c->user) : NULL;

        return user && user->pw_uid == 0;
}

int call_object(call *c, const char *wrong)
{
        if (c->options.unknown)
                pam_syslog(c->pamh, LOG_ERR, "refused %s: unknown argument in the profile: %s",
                        c->user, c->options.unknown);
        else if (wrong)
                pam_syslog(c->pamh, LOG_ERR,
                        "refused %s: %s is not printable ASCII of at most %d bytes", c->user, wrong,
                        CONTEXT_FIELD_MAX);
        else if (is_root(c))
                pam_syslog(c->pamh, LOG_ERR, "refused %s: uid 0 is never ours", c->user);
        else
                return PAM_SUCCESS;
        return PAM_SYSTEM_ERR;
}

/* A greeter on a display: that of lightdm has its own "your password is incorrect" in the place of
 * an error, whatever that said, and leaves what is no error where it is. */
static bool is_greeter(call *c)
{
        const void *display = NULL;

        return pam_get_item(c->pamh, PAM_XDISPLAY, &display) == PAM_SUCCESS && display;
}

void call_tell(call *c, int style, const char *words)
{
        char text[PROMPT_TEXT_MAX + 1];

        if (!words[0] || c->flags & PAM_SILENT)
                return;
        if (style == PAM_ERROR_MSG && is_greeter(c))
                style = PAM_TEXT_INFO;
        translate(words, text);
        (void)pam_prompt(c->pamh, style, NULL, "%s", text);
}

void call_explain(call *c, int code)
{
        if (code == PAM_PERM_DENIED || code == PAM_ACCT_EXPIRED || code == PAM_MAXTRIES ||
                code == PAM_AUTHINFO_UNAVAIL)
                call_tell(c, PAM_ERROR_MSG, c->client.words);
}

/* One line of log that says why somebody gets no verdict, or a negative one. */
static const char *blame(int error)
{
        switch (error) {
        case EPERM:
                return "whoever answers is not kratosd";
        case EBADMSG:
                return "kratosd's answer breaks the interface";
        case ENOBUFS:
                return "the bus has no room for one more of root's";
        case ECANCELED:
                return "this program was stopped while it asked kratosd";
        default:
                return describe(error);
        }
}

static void report(call *c, int r, int code)
{
        const client *k = &c->client;
        const char *name = k->error, *open = k->words[0] ? " (" : "", *shut = *open ? ")" : "";
        char text[PROMPT_TEXT_MAX + 1];

        (void)words_render(k->words, NULL, text);
        if (strncmp(name, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0)
                name += strlen(ERROR_PREFIX);
        if (r == CLIENT_REFUSED)
                pam_syslog(c->pamh, code == PAM_SYSTEM_ERR ? LOG_ERR : LOG_NOTICE,
                        "refused %s: %s%s%s%s", c->user, name, open, text, shut);
        else if (r == CLIENT_UNREACHABLE)
                pam_syslog(c->pamh, LOG_ERR, "refused %s: kratosd cannot be reached", c->user);
        else if (r == CLIENT_LOST)
                pam_syslog(c->pamh, LOG_ERR,
                        "kratosd did not say whether it changed the password of %s", c->user);
        else
                pam_syslog(c->pamh, LOG_ERR, "refused %s: %s", c->user, blame(-r));
}

int call_result(call *c, int r)
{
        int code = result_code(r, c->client.error);

        if (code == PAM_SUCCESS)
                return code;
        if (code == PAM_USER_UNKNOWN) {
                if (!c->ours)
                        return code;
                /* Were this passed on, the next module would take an old password of theirs. */
                code = PAM_SYSTEM_ERR;
        }
        if (code == PAM_AUTHINFO_UNAVAIL && c->fallback) {
                pam_syslog(c->pamh, LOG_WARNING,
                        "no verdict on %s: the next module decides, as " LOCAL_USERS_FILE " says",
                        c->user);
                return PAM_USER_UNKNOWN;
        }
        if ((r == CLIENT_UNREACHABLE || r == -ENOBUFS) && !c->ours && is_elsewhere(c))
                return PAM_USER_UNKNOWN;

        report(c, r, code);
        if (code == PAM_AUTHINFO_UNAVAIL && r != CLIENT_REFUSED)
                snprintf(c->client.words, sizeof(c->client.words), UNAVAILABLE_SENTENCE);
        return code;
}
