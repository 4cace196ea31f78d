#include "password-due.h"

#include <errno.h>
#include <string.h>

#include "store-accounts.h"

int password_is_due(store *s, const posix *document, const char *identity)
{
        int r;

        if (!document->password_change_now)
                return 0;
        r = store_find_password_change(s, identity);
        return r == -ENOENT ? 1 : r;
}

int password_note_changed(store *s, const char *identity)
{
        _cleanup_account_row_ account_row row = { 0 };
        _cleanup_posix_ posix *document = NULL;
        const char *why;
        int r;

        r = store_find_account_identity(s, identity, &row);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = posix_parse(row.document, strlen(row.document), &document, &why);
        if (r != 0)
                return r < 0 ? r : 0;
        return document->password_change_now ? store_put_password_change(s, identity) : 0;
}
