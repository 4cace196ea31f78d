#include "store-throttle.h"

#include "store-file.h"

/* A statement with the row's key bound, as all of them begin. */
static int begin(store *s, enum statement which, const throttle_row *row, sqlite3_stmt **ret)
{
        int r = store_statement(s, which, ret);

        if (r < 0)
                return r;
        sqlite3_bind_int(*ret, 1, row->kind);
        store_bind(*ret, 2, row->user);
        store_bind(*ret, 3, row->place);
        sqlite3_bind_int64(*ret, 4, row->slot);
        return 0;
}

int store_find_throttle(store *s, throttle_row *row)
{
        sqlite3_stmt *statement;
        int r = begin(s, FIND_THROTTLE, row, &statement);

        if (r == 0)
                r = store_first(s, statement);
        if (r < 0)
                return r;
        row->count = sqlite3_column_int64(statement, 0);
        row->at = sqlite3_column_int64(statement, 1);
        store_done(statement);
        return 0;
}

int store_put_throttle(store *s, const throttle_row *row)
{
        sqlite3_stmt *statement;
        int r = begin(s, PUT_THROTTLE, row, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 5, row->count);
        sqlite3_bind_int64(statement, 6, row->at);
        return store_run(s, statement);
}

int store_trim_throttle(store *s, enum throttle_row_kind kind, unsigned keep)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, TRIM_THROTTLE, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, kind);
        sqlite3_bind_int64(statement, 2, keep);
        sqlite3_bind_int64(statement, 3, THROTTLE_FADE_USEC);
        return store_run(s, statement);
}

int store_trim_throttle_user(store *s, enum throttle_row_kind kind, const char *user, unsigned keep)
{
        sqlite3_stmt *statement;
        int r = store_statement(s, TRIM_THROTTLE_USER, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, kind);
        store_bind(statement, 2, user);
        sqlite3_bind_int64(statement, 3, keep);
        return store_run(s, statement);
}
