#include <errno.h>
#include <string.h>

#include "store-file.h"

static void bind_row(sqlite3_stmt *statement, const session_row *row)
{
        store_bind(statement, 1, row->id);
        sqlite3_bind_int(statement, 2, row->state);
        store_bind(statement, 3, row->user);
        store_bind(statement, 4, row->service);
        store_bind(statement, 5, row->rhost);
        store_bind(statement, 6, row->identity);
        store_bind(statement, 7, row->session);
        if (row->token_size)
                sqlite3_bind_blob(statement, 8, row->token, (int)row->token_size, SQLITE_STATIC);
        if (row->has_login)
                sqlite3_bind_blob(statement, 9, row->login_hash, LOGIN_HASH_SIZE, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 10, row->posted);
        sqlite3_bind_int64(statement, 11, row->due);
        sqlite3_bind_int(statement, 12, row->attempts);
        sqlite3_bind_int(statement, 13, row->opener);
        sqlite3_bind_int64(statement, 14, row->opened);
        store_bind(statement, 15, row->borrowed);
        sqlite3_bind_int(statement, 16, row->renewals);
}

static int put(store *s, enum statement which, const session_row *row)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, which, &statement);

        if (r < 0)
                return r;
        bind_row(statement, row);
        store_bind(statement, 17, s->machine);
        store_bind(statement, 18, s->boot);
        return store_run(s, statement);
}

int store_insert(store *s, const session_row *row)
{
        return put(s, INSERT, row);
}

int store_update(store *s, const session_row *row)
{
        return put(s, UPDATE, row);
}

int store_delete(store *s, const char *id)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, DELETE, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, id);
        return store_run(s, statement);
}

static size_t column_bytes(sqlite3_stmt *statement, int column, unsigned char *ret, size_t size)
{
        const void *bytes = sqlite3_column_blob(statement, column);
        size_t length = (size_t)sqlite3_column_bytes(statement, column);

        if (!bytes || length > size)
                return 0;
        memcpy(ret, bytes, length);
        return length;
}

static void read_row(sqlite3_stmt *statement, session_row *ret)
{
        *ret = (session_row){ 0 };
        store_column(statement, 0, ret->id, sizeof(ret->id));
        ret->state = (enum row_state)sqlite3_column_int(statement, 1);
        store_column(statement, 2, ret->user, sizeof(ret->user));
        store_column(statement, 3, ret->service, sizeof(ret->service));
        store_column(statement, 4, ret->rhost, sizeof(ret->rhost));
        store_column(statement, 5, ret->identity, sizeof(ret->identity));
        store_column(statement, 6, ret->session, sizeof(ret->session));
        ret->token_size = column_bytes(statement, 7, ret->token, sizeof(ret->token));
        ret->has_login =
                column_bytes(statement, 8, ret->login_hash, LOGIN_HASH_SIZE) == LOGIN_HASH_SIZE;
        ret->posted = sqlite3_column_int64(statement, 9);
        ret->due = sqlite3_column_int64(statement, 10);
        ret->attempts = sqlite3_column_int(statement, 11);
        ret->opener = sqlite3_column_int(statement, 12);
        ret->opened = sqlite3_column_int64(statement, 13);
        store_column(statement, 14, ret->borrowed, sizeof(ret->borrowed));
        ret->renewals = sqlite3_column_int(statement, 15);
}

/* Runs a prepared query whose parameters are bound, for its first row. */
static int query_row(store *s, sqlite3_stmt *statement, session_row *ret)
{
        int r = store_first(s, statement);

        if (r < 0)
                return r;
        read_row(statement, ret);
        store_done(statement);
        return 0;
}

int store_find(store *s, const char *id, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, id);
        return query_row(s, statement, ret);
}

int store_find_login(store *s, const unsigned char hash[static LOGIN_HASH_SIZE], session_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_LOGIN, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_blob(statement, 1, hash, LOGIN_HASH_SIZE, SQLITE_STATIC);
        return query_row(s, statement, ret);
}

int store_find_due(store *s, enum row_state state, unsigned skip, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_DUE, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, state);
        sqlite3_bind_int(statement, 2, (int)skip);
        return query_row(s, statement, ret);
}

int store_has_open(store *s, const char *user)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, HAS_OPEN, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, user);
        r = store_first(s, statement);
        if (r == 0)
                store_done(statement);
        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int store_find_opened(store *s, const char *user, pid_t opener, const char *after, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_OPENED, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, user);
        sqlite3_bind_int(statement, 2, opener);
        store_bind(statement, 3, after);
        return query_row(s, statement, ret);
}

int store_find_waiting(
        store *s, const char *user, const char *identity, const char *after, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FIND_WAITING, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, user);
        sqlite3_bind_int64(statement, 2, DUE_NEVER);
        store_bind(statement, 3, after);
        store_bind(statement, 4, identity);
        return query_row(s, statement, ret);
}

int store_forget_waiting(
        store *s, const char *user, unsigned keep, int64_t before, unsigned *ret_forgotten)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, FORGET_WAITING, &statement);

        if (r < 0)
                return r;
        store_bind(statement, 1, user);
        sqlite3_bind_int64(statement, 2, DUE_NEVER);
        sqlite3_bind_int(statement, 3, (int)keep);
        sqlite3_bind_int64(statement, 4, before);
        r = store_run(s, statement);
        if (r == 0)
                *ret_forgotten = (unsigned)sqlite3_changes(s->db);
        return r;
}

int store_each_id(
        store *s, enum row_state state, int (*each)(const char *id, void *userdata), void *userdata)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, EACH_ID, &statement), code = SQLITE_DONE;

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, state);
        while (r >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
                const unsigned char *id = sqlite3_column_text(statement, 0);

                r = id ? each((const char *)id, userdata) : -ENOMEM;
        }
        sqlite3_reset(statement);
        return r < 0 ? r : code == SQLITE_DONE ? 0 : store_failed(s, code);
}

int store_abandon_posted(store *s, int64_t start)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, ABANDON_POSTED, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, boottime_usec());
        sqlite3_bind_int64(statement, 2, start);
        return store_run(s, statement);
}

int store_requeue(store *s)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, REQUEUE, &statement);

        return r < 0 ? r : store_run(s, statement);
}
