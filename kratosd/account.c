#include "account.h"

#include <errno.h>
#include <string.h>

#include "store-accounts.h"
#include "verdict.h"

int account_find(const char *name, local_user *ret)
{
        int r;

        if (!user_name_is_valid(name))
                return VERDICT_UNKNOWN_USER;
        r = local_user_find(LOCAL_USERS_FILE, PASSWD_FILE, name, ret);
        return r > 0 ? VERDICT_UNKNOWN_USER : r;
}

int account_identity(
        store *s, const char *name, const local_user *account, char ret[static UUID_LENGTH + 1])
{
        int r;

        if (account->identity[0]) {
                memcpy(ret, account->identity, UUID_LENGTH + 1);
                return 0;
        }
        r = store_find_pin(s, name, ret);
        if (r == -ENOENT) {
                ret[0] = '\0';
                return 0;
        }
        return r;
}

static int refuse(const char **ret_reason, const char *reason)
{
        *ret_reason = reason;
        return VERDICT_NOT_ALLOWED;
}

int account_accept(store *s, const char *name, const local_user *account, const kratos_login *login,
        const char **ret_reason)
{
        char pinned[UUID_LENGTH + 1] = "";
        int r;

        if (account->identity[0])
                return strcmp(account->identity, login->identity) == 0
                               ? 0
                               : refuse(ret_reason, "wrong-identity");

        if (strcmp(login->posix_name, name) != 0)
                return refuse(ret_reason, "wrong-identity");
        r = store_find_pin(s, name, pinned);
        if (r == 0)
                return strcmp(pinned, login->identity) == 0
                               ? 0
                               : refuse(ret_reason, "pinned-to-another");
        if (r != -ENOENT)
                return r;
        r = store_add_pin(s, name, login->identity);
        return r == -EEXIST ? refuse(ret_reason, "pinned-to-another") : r;
}
