#include "store-accounts.h"

#include <errno.h>
#include <string.h>

#include "store-file.h"

void account_row_done(account_row *row)
{
        free(row->document);
        row->document = NULL;
}

/* What is no number of a user or group becomes one that nobody has (rule 37). */
static uid_t read_number(sqlite3_stmt *statement, int column)
{
        int64_t number = sqlite3_column_int64(statement, column);

        return number < 0 || number >= (uid_t)-1 ? (uid_t)-1 : (uid_t)number;
}

/* Reads a row whose document belongs to the statement. */
static account_row read_account(sqlite3_stmt *statement)
{
        account_row row = { 0 };

        store_column(statement, 0, row.identity, sizeof(row.identity));
        store_column(statement, 1, row.name, sizeof(row.name));
        row.uid = read_number(statement, 2);
        row.gid = read_number(statement, 3);
        row.refused = sqlite3_column_int(statement, 4) != 0;
        row.document = (char *)sqlite3_column_text(statement, 5);
        row.disabled = sqlite3_column_type(statement, 6) != SQLITE_NULL &&
                       sqlite3_column_int(statement, 6) == 0;
        return row;
}

static int find_account(store *s, sqlite3_stmt *statement, account_row *ret)
{
        account_row row;
        int r = store_first(s, statement);

        if (r < 0)
                return r;
        row = read_account(statement);
        row.document = strdup(row.document ? row.document : "");
        store_done(statement);
        if (!row.document)
                return -ENOMEM;
        *ret = row;
        return 0;
}

static int find_account_text(store *s, enum statement which, const char *text, account_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, text);
        return find_account(s, statement, ret);
}

int store_find_account(store *s, const char *name, account_row *ret)
{
        return find_account_text(s, FIND_ACCOUNT_NAME, name, ret);
}

int store_find_account_identity(store *s, const char *identity, account_row *ret)
{
        return find_account_text(s, FIND_ACCOUNT_IDENTITY, identity, ret);
}

int store_find_account_uid(store *s, uid_t uid, account_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_ACCOUNT_UID, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, uid);
        return find_account(s, statement, ret);
}

/* Runs a statement that takes one text. */
static int run_text(store *s, enum statement which, const char *text)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, text);
        return store_run(s, statement);
}

static int run_two(store *s, enum statement which, const char *first, const char *second)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, first);
        store_bind(statement, 2, second);
        return store_run(s, statement);
}

static int run_plain(store *s, enum statement which)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        return r < 0 ? r : store_run(s, statement);
}

static int put_row(store *s, const account_row *row)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, PUT_ACCOUNT, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, row->identity);
        store_bind(statement, 2, row->name);
        sqlite3_bind_int64(statement, 3, row->uid);
        sqlite3_bind_int64(statement, 4, row->gid);
        sqlite3_bind_int(statement, 5, row->refused);
        store_bind(statement, 6, row->document);
        return store_run(s, statement);
}

int store_begin(store *s)
{
        int r = run_plain(s, s->transactions == 0 ? BEGIN : BEGIN_WITHIN);

        if (r == 0)
                s->transactions++;
        return r;
}

int store_end(store *s, int result)
{
        bool outermost = --s->transactions == 0;
        int r = result;

        if (r >= 0)
                r = run_plain(s, outermost ? COMMIT : COMMIT_WITHIN);
        if (r == 0)
                return result;
        /* One that cannot be rolled back is not there any more: SQLite has done it for a full disk,
         * or the file was closed meanwhile. */
        (void)run_plain(s, outermost ? ROLLBACK : ROLLBACK_WITHIN);
        if (!outermost)
                (void)run_plain(s, COMMIT_WITHIN);
        return r;
}

int store_put_account(store *s, const account_row *row, const char *const *groups, size_t n_groups)
{
        int r = store_begin(s);

        if (r < 0)
                return r;
        r = put_row(s, row);
        if (r == 0)
                r = run_text(s, DELETE_MEMBERSHIPS, row->identity);
        for (size_t i = 0; r == 0 && i < n_groups; i++)
                r = run_two(s, ADD_MEMBERSHIP, groups[i], row->identity);
        return store_end(s, r);
}

int store_refuse_account(store *s, const char *identity)
{
        return run_text(s, REFUSE_ACCOUNT, identity);
}

int store_delete_account(store *s, const char *identity)
{
        int r = store_begin(s);

        if (r < 0)
                return r;
        r = run_text(s, DELETE_ACCOUNT, identity);
        if (r == 0)
                r = run_text(s, DELETE_MEMBERSHIPS, identity);
        if (r == 0)
                r = run_text(s, DELETE_STANDING, identity);
        return store_end(s, r);
}

/* The statement's next row: 1, or 0 where there is none, or -errno; ended then. */
static int next(store *s, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 1;
        store_done(statement);
        return code == SQLITE_DONE ? 0 : store_failed(s, code);
}

int store_each_account(
        store *s, int (*each)(const account_row *row, void *userdata), void *userdata)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, EACH_ACCOUNT, &statement);

        while (r == 0 && (r = next(s, statement)) > 0) {
                account_row row = read_account(statement);

                r = row.document ? each(&row, userdata) : -ENOMEM;
                if (r != 0)
                        store_done(statement);
        }
        return r;
}

int store_each_group(
        store *s, int (*each)(const char *group, gid_t gid, void *userdata), void *userdata)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, EACH_GROUP, &statement);

        while (r == 0 && (r = next(s, statement)) > 0) {
                char group[USER_NAME_MAX + 1];

                store_column(statement, 0, group, sizeof(group));
                r = each(group, read_number(statement, 1), userdata);
                if (r != 0)
                        store_done(statement);
        }
        return r;
}

int store_each_membership(store *s, const char *user, const char *group,
        int (*each)(const char *user, const char *group, void *userdata), void *userdata)
{
        enum statement which = user    ? MEMBERSHIPS_OF_USER
                               : group ? MEMBERSHIPS_OF_GROUP
                                       : EACH_MEMBERSHIP;
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r == 0 && which != EACH_MEMBERSHIP)
                store_bind(statement, 1, user ? user : group);
        while (r == 0 && (r = next(s, statement)) > 0) {
                char member[USER_NAME_MAX + 1], of[USER_NAME_MAX + 1];

                store_column(statement, 0, member, sizeof(member));
                store_column(statement, 1, of, sizeof(of));
                r = user && group && strcmp(of, group) != 0 ? 0 : each(member, of, userdata);
                if (r != 0)
                        store_done(statement);
        }
        return r;
}

/* Reads the one text that a statement gives for another. */
static int find_text(store *s, enum statement which, const char *text, char *ret, size_t size)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, text);
        r = store_first(s, statement);
        if (r < 0)
                return r;
        store_column(statement, 0, ret, size);
        store_done(statement);
        return 0;
}

int store_find_group(store *s, const char *group)
{
        char one[2];

        return find_text(s, FIND_GROUP, group, one, sizeof(one));
}

int store_next_identity(
        store *s, const char *after, bool open_session, char ret[static UUID_LENGTH + 1])
{
        return find_text(
                s, open_session ? NEXT_OPEN_IDENTITY : NEXT_IDENTITY, after, ret, UUID_LENGTH + 1);
}

int store_find_number(store *s, const char *owner, uid_t *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_NUMBER, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, owner);
        r = store_first(s, statement);
        if (r < 0)
                return r;
        *ret = read_number(statement, 0);
        store_done(statement);
        return 0;
}

int store_find_owner(store *s, uid_t number, char ret[static NUMBER_OWNER_MAX])
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_OWNER, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, number);
        r = store_first(s, statement);
        if (r < 0)
                return r;
        store_column(statement, 0, ret, NUMBER_OWNER_MAX);
        store_done(statement);
        return 0;
}

int store_put_number(store *s, uid_t number, const char *owner)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, PUT_NUMBER, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, number);
        store_bind(statement, 2, owner);
        return store_run(s, statement);
}

int store_find_pin(store *s, const char *name, char ret_identity[static UUID_LENGTH + 1])
{
        return find_text(s, FIND_PIN, name, ret_identity, UUID_LENGTH + 1);
}

int store_find_pinned_name(store *s, const char *identity, char ret_name[static USER_NAME_MAX + 1])
{
        return find_text(s, FIND_PINNED, identity, ret_name, USER_NAME_MAX + 1);
}

int store_add_pin(store *s, const char *name, const char *identity)
{
        return run_two(s, ADD_PIN, name, identity);
}

int store_delete_pin(store *s, const char *name)
{
        int r = run_text(s, DELETE_PIN, name);

        if (r < 0)
                return r;
        if (sqlite3_changes(s->db) == 0)
                return -ENOENT;
        return run_text(s, REVOKE_GRANTED, name);
}

int store_find_standing(store *s, const char *identity, standing *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_STANDING, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, identity);
        r = store_first(s, statement);
        if (r < 0)
                return r;
        *ret = (standing){ .active = sqlite3_column_int(statement, 0) != 0,
                .checked = sqlite3_column_int64(statement, 1) };
        store_done(statement);
        return 0;
}

int store_put_standing(store *s, const char *identity, const standing *what)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, PUT_STANDING, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, identity);
        sqlite3_bind_int(statement, 2, what->active);
        sqlite3_bind_int64(statement, 3, what->checked);
        return store_run(s, statement);
}

int store_find_password_change(store *s, const char *identity)
{
        char one[2];

        return find_text(s, FIND_PASSWORD_CHANGE, identity, one, sizeof(one));
}

int store_put_password_change(store *s, const char *identity)
{
        return run_text(s, PUT_PASSWORD_CHANGE, identity);
}

int store_delete_password_change(store *s, const char *identity)
{
        return run_text(s, DELETE_PASSWORD_CHANGE, identity);
}
