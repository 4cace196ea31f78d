#include "account.h"

#include <security/pam_ext.h>

#include "context.h"

int account_check(call *c)
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
        if (r != PAM_SUCCESS)
                return r;
        r = call_object(c, wrong);
        if (r != PAM_SUCCESS)
                return r;

        c->state->ours = true;
        /* A program that cannot show it does not change the verdict. */
        if (account.message[0] && !(c->flags & PAM_SILENT))
                (void)pam_prompt(c->pamh, account.password_expired ? PAM_ERROR_MSG : PAM_TEXT_INFO,
                        NULL, "%s", account.message);
        return account.password_expired ? PAM_NEW_AUTHTOK_REQD : PAM_SUCCESS;
}
