/* The store, as far as a fuzzer's logins and sessions need it: a table of rows. */
#include <errno.h>
#include <string.h>

#include "bus-stand-ins.h"
#include "kratosd/password-due.h"
#include "kratosd/store-accounts.h"
#include "kratosd/store.h"

#define ROWS_MAX 32
#define DEPTH_MAX 3

static session_row rows[ROWS_MAX], before[DEPTH_MAX][ROWS_MAX];
static unsigned depth;

void rows_forget(void)
{
        require(depth == 0);
        memset(rows, 0, sizeof(rows));
}

static session_row *row_of(const char *id)
{
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (strcmp(rows[i].id, id) == 0)
                        return rows + i;
        return NULL;
}

bool row_stands_for(const char *nonce, const char *session)
{
        for (size_t i = 0; i < ROWS_MAX; i++) {
                if (rows[i].session[0] && strcmp(rows[i].session, session) == 0 &&
                        !session_row_is_borrowed(rows + i))
                        return true;
                if (!rows[i].session[0] && strcmp(rows[i].id, nonce) == 0)
                        return true;
        }
        return false;
}

bool row_is_open(const char *session, const char *but)
{
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (rows[i].state == ROW_OPEN && strcmp(rows[i].session, session) == 0 &&
                        !rows[i].borrowed[0] && strcmp(rows[i].id, but) != 0)
                        return true;
        return false;
}

void rows_check_revoking(void)
{
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (rows[i].state == ROW_REVOKING)
                        require(rows[i].session[0] && !row_is_open(rows[i].session, rows[i].id));
}

int store_insert(store *s, const session_row *row)
{
        session_row *place = row_of("");

        (void)s;
        require(id_is_valid(row->id) && !row_of(row->id));
        if (!place)
                return -ENOSPC;
        *place = *row;
        return 0;
}

int store_update(store *s, const session_row *row)
{
        session_row *place = row_of(row->id);

        if (row->state == ROW_GRANTED)
                kratos_note_granting(row);
        if (!place)
                return store_insert(s, row);
        *place = *row;
        return 0;
}

int store_delete(store *s, const char *id)
{
        session_row *place = row_of(id);

        (void)s;
        if (place)
                *place = (session_row){ 0 };
        return 0;
}

int store_find(store *s, const char *id, session_row *ret)
{
        session_row *place = row_of(id);

        (void)s;
        if (!place)
                return -ENOENT;
        *ret = *place;
        return 0;
}

int store_find_login(store *s, const unsigned char hash[static LOGIN_HASH_SIZE], session_row *ret)
{
        (void)s;
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (rows[i].has_login && memcmp(rows[i].login_hash, hash, LOGIN_HASH_SIZE) == 0) {
                        *ret = rows[i];
                        return 0;
                }
        return -ENOENT;
}

int store_find_due(store *s, enum row_state state, unsigned skip, session_row *ret)
{
        (void)s;
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (rows[i].id[0] && rows[i].state == state && skip-- == 0) {
                        *ret = rows[i];
                        return 0;
                }
        return -ENOENT;
}

static bool may_be_renewed(const session_row *row, const char *user)
{
        return row->state == ROW_OPEN && row->opener && !row->borrowed[0] &&
               strcmp(row->user, user) == 0;
}

int store_has_open(store *s, const char *user)
{
        (void)s;
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (may_be_renewed(rows + i, user))
                        return 1;
        return 0;
}

int store_find_opened(store *s, const char *user, pid_t opener, const char *after, session_row *ret)
{
        const session_row *next = NULL;

        (void)s;
        for (size_t i = 0; i < ROWS_MAX; i++)
                if (may_be_renewed(rows + i, user) && rows[i].opener == opener &&
                        strcmp(rows[i].id, after) > 0 &&
                        (!next || strcmp(rows[i].id, next->id) < 0))
                        next = rows + i;
        if (!next)
                return -ENOENT;
        *ret = *next;
        return 0;
}

int store_each_id(
        store *s, enum row_state state, int (*each)(const char *id, void *userdata), void *userdata)
{
        (void)s;
        (void)state;
        (void)each;
        (void)userdata;
        return 0;
}

int store_begin(store *s)
{
        (void)s;
        require(depth < DEPTH_MAX);
        memcpy(before[depth++], rows, sizeof(rows));
        return 0;
}

int store_end(store *s, int result)
{
        (void)s;
        require(depth-- > 0);
        if (result < 0)
                memcpy(rows, before[depth], sizeof(rows));
        return result;
}

/* What this host remembers of changes. */

int password_is_due(store *s, const posix *document, const char *identity)
{
        (void)s;
        (void)document;
        require(uuid_is_valid(identity));
        return 0;
}

int password_note_changed(store *s, const char *identity)
{
        (void)s;
        require(uuid_is_valid(identity));
        changes++;
        return 0;
}
