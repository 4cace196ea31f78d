#include "session.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>

#include "context.h"

/* Redeems a login id, which is good for one try. */
static int redeem(call *c, const char *login)
{
        client_session session = { .lifeline = -1 };
        client_context context;
        const char *wrong = context_collect(c->pamh, &context);
        int r;

        r = call_prepare(c);
        if (r != PAM_SUCCESS)
                return r;
        r = call_object(c, wrong);
        if (r != PAM_SUCCESS) {
                call_cancel(c, login);
                return r;
        }
        r = call_result(c,
                c->library.methods->open_session(&c->client, c->user, login, &context, &session));
        if (r != PAM_SUCCESS)
                return r;

        r = session_keep(c->pamh, SESSION_LOGIN, c->user, &session);
        if (r < 0) {
                close(session.lifeline);
                return call_result(c, r);
        }
        c->state->ours = true;
        return PAM_SUCCESS;
}

int session_open(call *c)
{
        state *s = state_find(c->pamh);
        char login[sizeof(c->env_login)] = "";
        int r;

        if (s) {
                memcpy(login, s->login, sizeof(s->login));
                explicit_bzero(s->login, sizeof(s->login));
        }
        /* Nobody but root opens a session, also if root has lent its PAM handle to somebody. */
        if (geteuid() != 0)
                login[0] = c->env_login[0] = '\0';
        if (c->env_login[0] && strcmp(c->env_login, login) != 0) {
                call_cancel(c, login);
                memcpy(login, c->env_login, sizeof(login));
        }
        if (!login[0])
                return c->ours ? PAM_SUCCESS : PAM_IGNORE;
        if (!id_is_valid(login)) {
                pam_syslog(c->pamh, LOG_ERR, "refused %s: " LOGIN_ID_VARIABLE " holds no login id",
                        c->user);
                return PAM_SYSTEM_ERR;
        }

        /* The daemon granted this login, and no other module can open it: neither may a fallback
         * pass it on, nor can the user be somebody else's. */
        c->fallback = false;
        c->ours = true;
        r = redeem(c, login);
        explicit_bzero(login, sizeof(login));
        return r;
}

bool session_close(call *c)
{
        const client_session *session = session_find(c->pamh, SESSION_LOGIN, c->user);

        if (!session)
                return false;
        /* The lifeline ends the session in any case, also where somebody who is not root any more
         * could not say so: being told only makes it quicker. */
        if (geteuid() == 0 && call_prepare(c) == PAM_SUCCESS)
                (void)c->library.methods->close_session(&c->client, session->id);
        session_drop(c->pamh, SESSION_LOGIN, c->user);
        return true;
}
