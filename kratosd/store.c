#include "store-file.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "aside.h"
#include "log.h"
#include "timespan.h"

#define RETRY_USEC ((int64_t)USEC_PER_SEC)

int64_t boottime_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

static int error_of(int code)
{
        switch (code & 0xff) {
        case SQLITE_BUSY:
                return -EBUSY;
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
int store_failed(store *s, int code)
{
        int r = error_of(code);

        s->corrupt |= r == -EUCLEAN;
        return r;
}

static void close_db(store *s)
{
        s->changes++;
        for (size_t i = 0; i < STATEMENTS; i++) {
                sqlite3_finalize(s->statements[i]);
                s->statements[i] = NULL;
        }
        sqlite3_close(s->db);
        s->db = NULL;
}

int store_run(store *s, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        s->changes++;
        store_done(statement);
        return code == SQLITE_DONE ? 0 : store_failed(s, code);
}

static int read_version(sqlite3 *db, int *ret)
{
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
        *ret = version;
        return 0;
}

/* A newer kratosd's file is left as it is: not even its log of changes is put into it. */
static int check_version(sqlite3 *db, int *ret)
{
        int r = read_version(db, ret);

        if (r < 0 || *ret <= SCHEMA_VERSION)
                return r;
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return -EPROTONOSUPPORT;
}

/* Brings the file to today's version, a step at a time, each of which is done whole or not at all.
 */
static int migrate(sqlite3 *db, int version)
{
        for (; version < SCHEMA_VERSION; version++) {
                _cleanup_free_ char *script = NULL;
                int code;

                if (asprintf(&script, "BEGIN; %s PRAGMA user_version = %d; COMMIT;",
                            store_migrations[version], version + 1) < 0)
                        return -ENOMEM;
                code = sqlite3_exec(db, script, NULL, NULL, NULL);
                if (code != SQLITE_OK)
                        return error_of(code);
        }
        return 0;
}

static int prepare(store *s)
{
        for (size_t i = 0; i < STATEMENTS; i++) {
                int code = sqlite3_prepare_v3(s->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                        &s->statements[i], NULL);

                if (code != SQLITE_OK)
                        return error_of(code);
        }
        return 0;
}

void store_bind(sqlite3_stmt *statement, int index, const char *text)
{
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static int settle(store *s, enum statement which, const char *own)
{
        if (!own[0])
                return 0;
        store_bind(s->statements[which], 1, own);
        return store_run(s, s->statements[which]);
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
        int code, r, version = 0;

        code = sqlite3_open_v2(s->path, &s->db,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                        SQLITE_OPEN_NOFOLLOW,
                NULL);
        /* The system's own word says more than SQLite's. */
        if (code != SQLITE_OK)
                return s->db && sqlite3_system_errno(s->db) > 0 ? -sqlite3_system_errno(s->db)
                                                                : error_of(code);
        /* One process has the file; exclusive locking keeps the wal's index out of shared memory.
         */
        code = sqlite3_exec(s->db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
        if (code != SQLITE_OK)
                return error_of(code);
        r = check_version(s->db, &version);
        if (r < 0)
                return r;
        code = sqlite3_exec(s->db,
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "PRAGMA secure_delete = ON; PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY;",
                NULL, NULL, NULL);
        if (code != SQLITE_OK)
                return error_of(code);
        /* Plans that do not depend on what is bound: else SQLite makes a new one for each new value
         * of a column that has a partial index, as a session's state has. */
        if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL) != SQLITE_OK)
                return -EIO;
        r = migrate(s->db, version);
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

int store_statement(store *s, enum statement which, sqlite3_stmt **ret)
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
                        "%s was written by a newer kratosd: use that one, or move the file away, "
                        "and with it what is known of sessions, names and uids",
                        s->path);
        else if (s->opened < 0)
                log_message(LOG_ERR, "%s cannot be opened, so nobody of ours can log in: %s",
                        s->path, strerror(-s->opened));
        *ret = TAKE_PTR(s);
        return 0;
}

bool store_is_newer(const store *s)
{
        return s->opened == -EPROTONOSUPPORT;
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

void store_done(sqlite3_stmt *statement)
{
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
}

int store_first(store *s, sqlite3_stmt *statement)
{
        int code = sqlite3_step(statement);

        if (code == SQLITE_ROW)
                return 0;
        store_done(statement);
        return code == SQLITE_DONE ? -ENOENT : store_failed(s, code);
}

void store_column(sqlite3_stmt *statement, int column, char *ret, size_t size)
{
        const unsigned char *text = sqlite3_column_text(statement, column);
        size_t length = (size_t)sqlite3_column_bytes(statement, column);

        if (!text || length >= size || memchr(text, 0, length))
                length = 0;
        if (length > 0)
                memcpy(ret, text, length);
        ret[length] = '\0';
}

uint64_t store_changes(const store *s)
{
        return s->changes;
}

void store_tidy(store *s)
{
        if (s->db)
                (void)sqlite3_wal_checkpoint_v2(
                        s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        aside_expire(s->path);
}
