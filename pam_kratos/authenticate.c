#include "authenticate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include "context.h"
#include "login-id.h"
#include "secret.h"
#include "translate.h"

/* The answers so far, each in a sealed memfd, and the kind of prompt that it answered. */
typedef struct conversation {
        unsigned count;
        struct {
                char kind[PROMPT_KIND_MAX + 1];
                int fd;
        } answers[LOGIN_ANSWERS_MAX];
        bool begun_again;
} conversation;

static void conversation_end(conversation *a)
{
        for (unsigned i = 0; i < a->count; i++)
                close(a->answers[i].fd);
}

static void erase(char **response)
{
        if (!*response)
                return;
        explicit_bzero(*response, strlen(*response));
        free(*response);
}

static int refuse(call *c, int code, const char *why)
{
        pam_syslog(c->pamh, code == PAM_SYSTEM_ERR ? LOG_ERR : LOG_NOTICE, "refused %s: %s",
                c->user, why);
        return code;
}

int authenticate_begin(call *c, client_login *ret)
{
        client_context context;
        const char *wrong = context_collect(c->pamh, &context);
        int r;

        if (c->purpose)
                context.purpose = c->purpose;
        r = call_result(c, c->library.methods->begin_login(&c->client, c->user, &context, ret));
        if (r != PAM_SUCCESS || c->nobody)
                return r;
        c->ours = true;
        return call_object(c, wrong);
}

/* Adds an answer to the conversation. */
static int add_answer(call *c, const client_prompt *prompt, const char *text, conversation *a)
{
        size_t size = strnlen(text, ANSWER_MAX + 1);
        int r;

        if (size > ANSWER_MAX)
                return refuse(c, PAM_AUTH_ERR, "the answer is longer than 512 bytes");
        r = secret_to_memfd(text, size, &a->answers[a->count].fd);
        if (r < 0)
                return call_result(c, r);
        memcpy(a->answers[a->count].kind, prompt->kind, sizeof(prompt->kind));
        a->count++;
        return PAM_SUCCESS;
}

/* Asks for the password where an earlier module or the program has not done so already. Whoever is
 * to be refused is asked for it as others are: the modules after us ask for no other. */
static int ask_password(call *c, const client_prompt *prompt, conversation *a)
{
        bool changes = c->purpose && strcmp(c->purpose, PURPOSE_CHANGE_PASSWORD) == 0;
        int which = changes ? PAM_OLDAUTHTOK : PAM_AUTHTOK;
        char text[PROMPT_TEXT_MAX + 1];
        const char *password = NULL;
        int r;

        translate(prompt->words, text);
        r = pam_get_authtok(c->pamh, which, &password, text);
        if (r == PAM_AUTH_ERR)
                return refuse(c, r, "no earlier module has asked for the password");
        if (r != PAM_SUCCESS || !password)
                return refuse(c, PAM_CONV_ERR, "the conversation failed");
        return add_answer(c, prompt, password, a);
}

/* Asks for anything else, which is no business of other modules. */
static int ask(call *c, const client_prompt *prompt, conversation *a)
{
        _cleanup_(erase) char *response = NULL;
        char text[PROMPT_TEXT_MAX + 1];
        int r;

        translate(prompt->words, text);
        r = pam_prompt(c->pamh, prompt->echo ? PAM_PROMPT_ECHO_ON : PAM_PROMPT_ECHO_OFF, &response,
                "%s", text);
        if (r != PAM_SUCCESS || !response)
                return refuse(c, PAM_CONV_ERR, "the conversation failed");
        return add_answer(c, prompt, response, a);
}

/* Sends an answer. Where it is refused, the login is over: its id is erased. One that is not
 * answered in time goes on, and is to be cancelled. */
static int send(call *c, int fd, client_login *login)
{
        int r = c->library.methods->answer(&c->client, fd, login);

        if (r == CLIENT_REFUSED)
                login->id[0] = '\0';
        return r;
}

/* Begins a login anew that has expired, with the answers that were given. Each must meet the
 * question that it was given to. */
static int begin_again(call *c, conversation *a, client_login *login)
{
        int r;

        a->begun_again = true;
        r = authenticate_begin(c, login);
        for (unsigned i = 0; r == PAM_SUCCESS && i < a->count && !login->granted; i++) {
                if (strcmp(login->prompt.kind, a->answers[i].kind) != 0)
                        return refuse(
                                c, PAM_SYSTEM_ERR, "an expired login asks something else now");
                r = call_result(c, send(c, a->answers[i].fd, login));
        }
        return r;
}

/* Sends the last answer. */
static int answer(call *c, conversation *a, client_login *login)
{
        int r = send(c, a->answers[a->count - 1].fd, login);

        if (r == CLIENT_REFUSED && strcmp(c->client.error, ERROR_NO_SUCH_LOGIN) == 0 &&
                !a->begun_again)
                return begin_again(c, a, login);
        return call_result(c, r);
}

int authenticate_converse(call *c, client_login *login)
{
        _cleanup_(conversation_end) conversation a = {};
        int r;

        while (!login->granted) {
                if (a.count == LOGIN_ANSWERS_MAX)
                        return refuse(c, PAM_SYSTEM_ERR, "kratosd asks for too many answers");
                if (a.count == 0 && strcmp(login->prompt.kind, PROMPT_KIND_PASSWORD) == 0)
                        r = ask_password(c, &login->prompt, &a);
                else
                        r = ask(c, &login->prompt, &a);
                if (r != PAM_SUCCESS)
                        return r;
                r = answer(c, &a, login);
                if (r != PAM_SUCCESS)
                        return r;
        }
        return PAM_SUCCESS;
}

int authenticate_confirm_user(call *c)
{
        const void *user = NULL;

        if (pam_get_item(c->pamh, PAM_USER, &user) != PAM_SUCCESS || !user ||
                strcmp(user, c->user) != 0)
                return refuse(c, PAM_SYSTEM_ERR, "the user changed in the midst of the login");
        return PAM_SUCCESS;
}

/* Keeps a granted login for the session phase. */
static int keep(call *c, const client_login *login)
{
        int r = authenticate_confirm_user(c);

        if (r != PAM_SUCCESS)
                return r;
        /* Nobody but root opens a session. */
        if (geteuid() == 0) {
                if (c->options.login_id_in_env && login_id_put(c->pamh, login->id) != PAM_SUCCESS)
                        return refuse(c, PAM_SYSTEM_ERR, "the login id cannot be handed on");
                memcpy(c->state->login, login->id, sizeof(c->state->login));
        }
        c->state->ours = true;
        return PAM_SUCCESS;
}

/* Begins the login of somebody or nobody: neither words nor time must tell strangers which names
 * there are (rule 25), so a name that nobody has is asked, and refused, like the others. Whoever
 * another directory knows is its business. */
static int begin_any(call *c, client_login *ret)
{
        int r = authenticate_begin(c, ret);

        c->nobody = r == PAM_USER_UNKNOWN && c->absent && !c->ours &&
                    !pam_modutil_getpwnam(c->pamh, c->user);
        if (!c->nobody)
                return r;
        c->purpose = PURPOSE_REFUSE;
        return authenticate_begin(c, ret) == PAM_SUCCESS ? PAM_SUCCESS : r;
}

/* Where nobody was refused, the next modules have their turn. But one that finds no password asks
 * for it, which tells the name from those that end here: so this one ends here as well. */
static int refuse_nobody(call *c)
{
        const void *password = NULL;

        if (pam_get_item(c->pamh, PAM_AUTHTOK, &password) != PAM_SUCCESS || !password)
                return PAM_AUTH_ERR;
        return PAM_USER_UNKNOWN;
}

bool authenticate_is_denial(int code)
{
        return code == PAM_AUTH_ERR || code == PAM_PERM_DENIED || code == PAM_ACCT_EXPIRED ||
               code == PAM_MAXTRIES;
}

int authenticate(call *c)
{
        client_login login = {};
        int r;

        r = call_prepare(c);
        if (r != PAM_SUCCESS)
                return r;
        /* Whatever was granted before is superseded. */
        call_void_all(c);
        r = begin_any(c, &login);
        if (r == PAM_SUCCESS)
                r = authenticate_converse(c, &login);
        if (r == PAM_SUCCESS)
                r = c->nobody ? PAM_SYSTEM_ERR : keep(c, &login);

        /* Of an account, kratosd says nothing before somebody has proven that it is theirs; that
         * the server is away, or was tried too often, is the same for every name. */
        call_explain(c, r);
        if (authenticate_is_denial(r))
                (void)pam_fail_delay(c->pamh, FAIL_DELAY_USEC);
        if (r != PAM_SUCCESS && login.id[0])
                (void)c->library.methods->cancel_login(&c->client, login.id);
        explicit_bzero(&login, sizeof(login));
        return c->nobody && r == PAM_AUTH_ERR ? refuse_nobody(c) : r;
}
