#include "store.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <time.h>

#include "aside.h"
#include "log.h"
#include "timespan.h"

#define SCHEMA_VERSION 1
#define RETRY_USEC ((int64_t)USEC_PER_SEC)

enum statement {
        INSERT,
        UPDATE,
        DELETE,
        FIND,
        FIND_LOGIN,
        FIND_DUE,
        FIND_WAITING,
        EACH_ID,
        ABANDON_POSTED,
        REQUEUE,
        DROP_OTHER_MACHINES,
        REVOKE_OTHER_BOOTS,
        FIND_PIN,
        ADD_PIN,
        STATEMENTS,
};

#define COLUMNS                                                                                    \
        "id, state, user, service, rhost, identity, session, token, login_hash, posted, due, "     \
        "attempts"

static const char *const schema =
        "CREATE TABLE session (id TEXT PRIMARY KEY, state INTEGER NOT NULL, user TEXT NOT NULL,"
        " service TEXT NOT NULL, rhost TEXT NOT NULL, identity TEXT NOT NULL, session TEXT NOT "
        "NULL,"
        " token BLOB, login_hash BLOB, posted INTEGER NOT NULL, due INTEGER NOT NULL,"
        " attempts INTEGER NOT NULL, machine TEXT NOT NULL, boot TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX session_due ON session (state, due);"
        "CREATE INDEX session_login ON session (login_hash) WHERE login_hash IS NOT NULL;"
        "CREATE TABLE pin (name TEXT PRIMARY KEY, identity TEXT NOT NULL UNIQUE) WITHOUT ROWID;";

static const char *const sql[STATEMENTS] = {
        [INSERT] = "INSERT INTO session (" COLUMNS ", machine, boot)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        /* A file that was set aside has lost the row: then it is put into the new one. */
        [UPDATE] =
                "INSERT INTO session (" COLUMNS ", machine, boot)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
                " ON CONFLICT (id) DO UPDATE SET state = ?2, user = ?3, service = ?4, rhost = ?5,"
                " identity = ?6, session = ?7, token = ?8, login_hash = ?9, posted = ?10,"
                " due = ?11, attempts = ?12",
        [DELETE] = "DELETE FROM session WHERE id = ?1",
        [FIND] = "SELECT " COLUMNS " FROM session WHERE id = ?1",
        [FIND_LOGIN] = "SELECT " COLUMNS " FROM session WHERE login_hash = ?1",
        [FIND_DUE] =
                "SELECT " COLUMNS " FROM session WHERE state = ?1 ORDER BY due LIMIT 1 OFFSET ?2",
        [FIND_WAITING] =
                "SELECT " COLUMNS " FROM session WHERE state = 4 AND due = ?2 AND user = ?1"
                " AND id > ?3 ORDER BY id LIMIT 1",
        [EACH_ID] = "SELECT id FROM session WHERE state = ?1",
        [ABANDON_POSTED] = ("UPDATE session SET state = 4, due = 0, posted = ?1"
                            " WHERE state = 1 AND posted < ?2"),
        [REQUEUE] = "UPDATE session SET due = 0 WHERE state = 4 AND due <> 0",
        [DROP_OTHER_MACHINES] = "DELETE FROM session WHERE machine <> ?1",
        [REVOKE_OTHER_BOOTS] =
                "UPDATE session SET state = 4, due = 0, posted = 0, boot = ?1 WHERE boot <> ?1",
        [FIND_PIN] = "SELECT identity FROM pin WHERE name = ?1",
        [ADD_PIN] = "INSERT INTO pin (name, identity) VALUES (?1, ?2)",
};

struct store {
        char *path;
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENTS];
        char machine[SD_ID128_STRING_MAX];
        char boot[SD_ID128_STRING_MAX];
        bool corrupt;  /* found to be so: to be set aside */
        int64_t retry; /* not opened again before */
        int opened;    /* -errno of the last try */
};

int64_t boottime_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

static int error_of(int code)
{
        switch (code & 0xff) {
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_CANTOPEN:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EUCLEAN;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        default:
                return -EIO;
        }
}

/* A page that turns out to be corrupt would fail every login from now on. */
static int failed(store *s, int code)
{
        int r = error_of(code);

        s->corrupt |= r == -EUCLEAN;
        return r;
}

static void close_db(store *s)
{
        for (size_t i = 0; i < STATEMENTS; i++) {
                sqlite3_finalize(s->statements[i]);
                s->statements[i] = NULL;
        }
        sqlite3_close(s->db);
        s->db = NULL;
}

/* Runs a prepared statement whose parameters are bound and that gives no row. */
static int run(store *s, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return code == SQLITE_DONE ? 0 : failed(s, code);
}

static int migrate(sqlite3 *db)
{
        _cleanup_free_ char *script = NULL;
        sqlite3_stmt *query = NULL;
        int code, version = -1;

        code = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &query, NULL);
        if (code != SQLITE_OK)
                return error_of(code);
        code = sqlite3_step(query);
        if (code == SQLITE_ROW)
                version = sqlite3_column_int(query, 0);
        sqlite3_finalize(query);
        if (version < 0)
                return error_of(code);
        if (version > SCHEMA_VERSION)
                return -EPROTONOSUPPORT;
        if (version == SCHEMA_VERSION)
                return 0;
        if (asprintf(&script, "BEGIN; %s PRAGMA user_version = %d; COMMIT;", schema,
                    SCHEMA_VERSION) < 0)
                return -ENOMEM;
        code = sqlite3_exec(db, script, NULL, NULL, NULL);
        return code == SQLITE_OK ? 0 : error_of(code);
}

static int prepare(store *s)
{
        for (size_t i = 0; i < STATEMENTS; i++) {
                int code = sqlite3_prepare_v3(
                        s->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);

                if (code != SQLITE_OK)
                        return error_of(code);
        }
        return 0;
}

static void bind_string(sqlite3_stmt *statement, int index, const char *text)
{
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static int settle(store *s, enum statement which, const char *own)
{
        if (!own[0])
                return 0;
        bind_string(s->statements[which], 1, own);
        return run(s, s->statements[which]);
}

/* Rows of other machines are not ours to revoke; those of other boots have nobody left to end them.
 * Where this machine or boot has no id, nothing can be said of either. */
static int settle_strangers(store *s)
{
        int r = settle(s, DROP_OTHER_MACHINES, s->machine);

        return r < 0 ? r : settle(s, REVOKE_OTHER_BOOTS, s->boot);
}

static int open_db(store *s)
{
        int code, r;

        code = sqlite3_open_v2(s->path, &s->db,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                        SQLITE_OPEN_NOFOLLOW,
                NULL);
        if (code != SQLITE_OK)
                return error_of(code);
        /* One process has the file; exclusive locking keeps the wal's index out of shared memory.
         */
        code = sqlite3_exec(s->db,
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = "
                "FULL;"
                "PRAGMA secure_delete = ON; PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY;",
                NULL, NULL, NULL);
        if (code != SQLITE_OK)
                return error_of(code);
        r = migrate(s->db);
        if (r < 0)
                return r;
        r = prepare(s);
        return r < 0 ? r : settle_strangers(s);
}

static void set_aside(store *s)
{
        int r = aside_put(s->path);

        if (r < 0)
                log_message(LOG_ERR, "%s is corrupt and cannot be set aside: %s", s->path,
                        strerror(-r));
        else
                log_message(LOG_ERR,
                        "%s is corrupt and was set aside as %s" ASIDE_SUFFIX
                        ", which is removed after %d days: sessions that it knew are revoked "
                        "only by their expiry",
                        s->path, s->path, ASIDE_KEEP_DAYS);
}

static int try_open(store *s)
{
        int r = open_db(s);

        if (r == -EUCLEAN) {
                close_db(s);
                set_aside(s);
                r = open_db(s);
        }
        if (r < 0)
                close_db(s);
        return r;
}

/* The statement, of an open file; opens it first where that failed before. */
static int statement_get(store *s, enum statement which, sqlite3_stmt **ret)
{
        if (s->db && s->corrupt) {
                close_db(s);
                set_aside(s);
                s->retry = 0;
        }
        s->corrupt = false;
        if (!s->db && boottime_usec() >= s->retry) {
                s->opened = try_open(s);
                s->retry = boottime_usec() + RETRY_USEC;
        }
        if (!s->db)
                return s->opened < 0 ? s->opened : -EIO;
        *ret = s->statements[which];
        return 0;
}

int store_new(const char *directory, store **ret)
{
        _cleanup_(store_freep) store *s = calloc(1, sizeof(store));
        sd_id128_t id;

        if (!s || asprintf(&s->path, "%s/kratosd.db", directory) < 0)
                return -ENOMEM;
        if (sd_id128_get_machine(&id) >= 0)
                sd_id128_to_string(id, s->machine);
        if (sd_id128_get_boot(&id) >= 0)
                sd_id128_to_string(id, s->boot);

        aside_expire(s->path);
        s->opened = try_open(s);
        if (s->opened == -EPROTONOSUPPORT)
                log_message(LOG_ERR,
                        "%s was written by a newer kratosd: use that one, or move the file away",
                        s->path);
        else if (s->opened < 0)
                log_message(LOG_ERR, "%s cannot be opened, so nobody of ours can log in: %s",
                        s->path, strerror(-s->opened));
        *ret = TAKE_PTR(s);
        return 0;
}

store *store_free(store *s)
{
        if (!s)
                return NULL;
        close_db(s);
        free(s->path);
        free(s);
        return NULL;
}

static void bind_row(sqlite3_stmt *statement, const session_row *row)
{
        bind_string(statement, 1, row->id);
        sqlite3_bind_int(statement, 2, row->state);
        bind_string(statement, 3, row->user);
        bind_string(statement, 4, row->service);
        bind_string(statement, 5, row->rhost);
        bind_string(statement, 6, row->identity);
        bind_string(statement, 7, row->session);
        if (row->token_size)
                sqlite3_bind_blob(statement, 8, row->token, (int)row->token_size, SQLITE_STATIC);
        if (row->has_login)
                sqlite3_bind_blob(statement, 9, row->login_hash, LOGIN_HASH_SIZE, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 10, row->posted);
        sqlite3_bind_int64(statement, 11, row->due);
        sqlite3_bind_int(statement, 12, row->attempts);
}

static int put(store *s, enum statement which, const session_row *row)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, which, &statement);

        if (r < 0)
                return r;
        bind_row(statement, row);
        bind_string(statement, 13, s->machine);
        bind_string(statement, 14, s->boot);
        return run(s, statement);
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
        int r = statement_get(s, DELETE, &statement);

        if (r < 0)
                return r;
        bind_string(statement, 1, id);
        return run(s, statement);
}

static void column_string(sqlite3_stmt *statement, int column, char *ret, size_t size)
{
        const unsigned char *text = sqlite3_column_text(statement, column);

        snprintf(ret, size, "%s", text ? (const char *)text : "");
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
        column_string(statement, 0, ret->id, sizeof(ret->id));
        ret->state = (enum row_state)sqlite3_column_int(statement, 1);
        column_string(statement, 2, ret->user, sizeof(ret->user));
        column_string(statement, 3, ret->service, sizeof(ret->service));
        column_string(statement, 4, ret->rhost, sizeof(ret->rhost));
        column_string(statement, 5, ret->identity, sizeof(ret->identity));
        column_string(statement, 6, ret->session, sizeof(ret->session));
        ret->token_size = column_bytes(statement, 7, ret->token, sizeof(ret->token));
        ret->has_login =
                column_bytes(statement, 8, ret->login_hash, LOGIN_HASH_SIZE) == LOGIN_HASH_SIZE;
        ret->posted = sqlite3_column_int64(statement, 9);
        ret->due = sqlite3_column_int64(statement, 10);
        ret->attempts = sqlite3_column_int(statement, 11);
}

/* Runs a prepared query whose parameters are bound, for its first row. */
static int query_row(store *s, sqlite3_stmt *statement, session_row *ret)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                read_row(statement, ret);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? -ENOENT : failed(s, code);
}

int store_find(store *s, const char *id, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, FIND, &statement);

        if (r < 0)
                return r;
        bind_string(statement, 1, id);
        return query_row(s, statement, ret);
}

int store_find_login(store *s, const unsigned char hash[static LOGIN_HASH_SIZE], session_row *ret)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, FIND_LOGIN, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_blob(statement, 1, hash, LOGIN_HASH_SIZE, SQLITE_STATIC);
        return query_row(s, statement, ret);
}

int store_find_due(store *s, enum row_state state, unsigned skip, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, FIND_DUE, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, state);
        sqlite3_bind_int(statement, 2, (int)skip);
        return query_row(s, statement, ret);
}

int store_find_waiting(store *s, const char *user, const char *after, session_row *ret)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, FIND_WAITING, &statement);

        if (r < 0)
                return r;
        bind_string(statement, 1, user);
        sqlite3_bind_int64(statement, 2, DUE_NEVER);
        bind_string(statement, 3, after);
        return query_row(s, statement, ret);
}

int store_each_id(
        store *s, enum row_state state, int (*each)(const char *id, void *userdata), void *userdata)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, EACH_ID, &statement), code = SQLITE_DONE;

        if (r < 0)
                return r;
        sqlite3_bind_int(statement, 1, state);
        while (r >= 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
                const unsigned char *id = sqlite3_column_text(statement, 0);

                r = id ? each((const char *)id, userdata) : -ENOMEM;
        }
        sqlite3_reset(statement);
        return r < 0 ? r : code == SQLITE_DONE ? 0 : failed(s, code);
}

int store_abandon_posted(store *s, int64_t start)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, ABANDON_POSTED, &statement);

        if (r < 0)
                return r;
        sqlite3_bind_int64(statement, 1, boottime_usec());
        sqlite3_bind_int64(statement, 2, start);
        return run(s, statement);
}

int store_requeue(store *s)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, REQUEUE, &statement);

        return r < 0 ? r : run(s, statement);
}

void store_tidy(store *s)
{
        if (s->db)
                (void)sqlite3_wal_checkpoint_v2(
                        s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        aside_expire(s->path);
}

int store_find_pin(store *s, const char *name, char ret_identity[static UUID_LENGTH + 1])
{
        sqlite3_stmt *statement;
        int code, r = statement_get(s, FIND_PIN, &statement);

        if (r < 0)
                return r;
        bind_string(statement, 1, name);
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
                column_string(statement, 0, ret_identity, UUID_LENGTH + 1);
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? -ENOENT : failed(s, code);
}

int store_add_pin(store *s, const char *name, const char *identity)
{
        sqlite3_stmt *statement;
        int r = statement_get(s, ADD_PIN, &statement);

        if (r < 0)
                return r;
        bind_string(statement, 1, name);
        bind_string(statement, 2, identity);
        return run(s, statement);
}
