#include "account.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "store-accounts.h"
#include "verdict.h"

int account_find(accounts *a, const char *name, local_user *ret)
{
        _cleanup_user_ directory_user *user = NULL;
        int r;

        if (!user_name_is_valid(name))
                return VERDICT_UNKNOWN_USER;
        r = local_user_find(LOCAL_USERS_FILE, PASSWD_FILE, name, ret);
        if (r != LOCAL_USER_ABSENT)
                return r > 0 ? VERDICT_UNKNOWN_USER : r;
        r = directory_find_user(a->directory, name, &user);
        if (r != 0)
                return r > 0 ? VERDICT_UNKNOWN_USER : r;
        *ret = (local_user){ .uid = user->uid };
        memcpy(ret->identity, user->identity, sizeof(ret->identity));
        return 0;
}

int account_identity(
        accounts *a, const char *name, const local_user *account, char ret[static UUID_LENGTH + 1])
{
        int r;

        if (account->identity[0]) {
                memcpy(ret, account->identity, UUID_LENGTH + 1);
                return 0;
        }
        r = store_find_pin(a->store, name, ret);
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

/* Whether a name whose line leaves it open is this identity's. */
static int accept_by_name(
        store *s, const char *name, const kratos_login *login, const char **ret_reason)
{
        char pinned[UUID_LENGTH + 1] = "";
        int r;

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

/* Notes that an identity has just been active. That says nothing of its account document: what is
 * known of that stays as old as it is. */
static int note_active(accounts *a, const char *identity)
{
        standing now = { .active = true, .checked = time(NULL) }, before;
        _cleanup_account_row_ account_row row = { 0 };
        int r = kratos_has_admin(a->kratos) ? store_find_account_identity(a->store, identity, &row)
                                            : -ENOENT;

        if (r == 0) {
                r = store_find_standing(a->store, identity, &before);
                now.checked = r == 0 ? before.checked : 0;
        }
        if (r < 0 && r != -ENOENT)
                return r;
        return store_put_standing(a->store, identity, &now);
}

int account_accept(
        accounts *a, const char *name, const kratos_login *login, const char **ret_reason)
{
        local_user account;
        int r;

        /* Whose the name is now: that may have changed while the person was asked. */
        r = account_find(a, name, &account);
        if (r != 0)
                return r < 0 ? r : refuse(ret_reason, "account-ended");
        if (!account.identity[0])
                r = accept_by_name(a->store, name, login, ret_reason);
        else
                r = strcmp(account.identity, login->identity) == 0
                            ? 0
                            : refuse(ret_reason, "wrong-identity");
        return r == 0 ? note_active(a, login->identity) : r;
}
