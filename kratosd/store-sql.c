#include "store-file.h"

#define COLUMNS                                                                                    \
        "id, state, user, service, rhost, identity, session, token, login_hash, posted, due, "     \
        "attempts, opener, opened, borrowed, renewals"

#define ACCOUNT_COLUMNS "identity, name, uid, gid, refused, document"
/* With what Kratos last said of it, in the same read: NULL where that is not known. */
#define ACCOUNTS                                                                                   \
        "SELECT " ACCOUNT_COLUMNS                                                                  \
        ", (SELECT active FROM standing WHERE standing.identity = account.identity)"               \
        " FROM account "
#define MEMBERSHIPS "SELECT name, grp FROM account JOIN membership USING (identity) "

const char *const store_migrations[SCHEMA_VERSION] = {
        /* 0: a new file */
        "CREATE TABLE session (id TEXT PRIMARY KEY, state INTEGER NOT NULL, user TEXT NOT NULL,"
        " service TEXT NOT NULL, rhost TEXT NOT NULL, identity TEXT NOT NULL, session TEXT NOT "
        "NULL,"
        " token BLOB, login_hash BLOB, posted INTEGER NOT NULL, due INTEGER NOT NULL,"
        " attempts INTEGER NOT NULL, machine TEXT NOT NULL, boot TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX session_due ON session (state, due);"
        "CREATE INDEX session_login ON session (login_hash) WHERE login_hash IS NOT NULL;"
        "CREATE TABLE pin (name TEXT PRIMARY KEY, identity TEXT NOT NULL UNIQUE) WITHOUT ROWID;",
        /* 1: only logins of local people. What is in number is never deleted (rule 1). */
        "CREATE TABLE account (identity TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        " uid INTEGER NOT NULL UNIQUE, gid INTEGER NOT NULL, refused INTEGER NOT NULL,"
        " document TEXT NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE number (number INTEGER PRIMARY KEY, owner TEXT NOT NULL UNIQUE);"
        "CREATE TABLE membership (grp TEXT NOT NULL, identity TEXT NOT NULL,"
        " PRIMARY KEY (grp, identity)) WITHOUT ROWID;"
        "CREATE INDEX membership_identity ON membership (identity);"
        "CREATE TABLE standing (identity TEXT PRIMARY KEY, active INTEGER NOT NULL,"
        " checked INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX session_identity ON session (identity) WHERE state = 3;",
        /* 2: guesses without limit */
        "CREATE TABLE throttle (kind INTEGER NOT NULL, user TEXT NOT NULL, place TEXT NOT NULL,"
        " slot INTEGER NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL,"
        " PRIMARY KEY (kind, user, place, slot)) WITHOUT ROWID;"
        "CREATE INDEX throttle_at ON throttle (kind, at);",
        /* 3: sessions of which nobody knew who had opened them */
        "ALTER TABLE session ADD COLUMN opener INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE session ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE session ADD COLUMN borrowed TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE session ADD COLUMN renewals INTEGER NOT NULL DEFAULT 0;"
        "CREATE INDEX session_user ON session (user) WHERE state = 3;",
        /* 4: passwords were changed elsewhere */
        "CREATE TABLE password_change (identity TEXT PRIMARY KEY) WITHOUT ROWID;",
};

const char *const store_sql[STATEMENTS] = {
        [INSERT] = "INSERT INTO session (" COLUMNS ", machine, boot)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                   " ?15, ?16, ?17, ?18)",
        /* A file that was set aside has lost the row: then it is put into the new one. */
        [UPDATE] =
                "INSERT INTO session (" COLUMNS ", machine, boot)"
                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                " ?15, ?16, ?17, ?18)"
                " ON CONFLICT (id) DO UPDATE SET state = ?2, user = ?3, service = ?4, rhost = ?5,"
                " identity = ?6, session = ?7, token = ?8, login_hash = ?9, posted = ?10,"
                " due = ?11, attempts = ?12, opener = ?13, opened = ?14, borrowed = ?15,"
                " renewals = ?16",
        [DELETE] = "DELETE FROM session WHERE id = ?1",
        [FIND] = "SELECT " COLUMNS " FROM session WHERE id = ?1",
        [FIND_LOGIN] = "SELECT " COLUMNS " FROM session WHERE login_hash = ?1",
        [HAS_OPEN] = "SELECT 1 FROM session WHERE state = 3 AND user = ?1 AND opener <> 0"
                     " AND borrowed = '' LIMIT 1",
        [FIND_OPENED] = "SELECT " COLUMNS " FROM session WHERE state = 3 AND user = ?1"
                        " AND opener = ?2 AND borrowed = '' AND id > ?3 ORDER BY id LIMIT 1",
        [FIND_DUE] =
                "SELECT " COLUMNS " FROM session WHERE state = ?1 ORDER BY due LIMIT 1 OFFSET ?2",
        [FIND_WAITING] =
                "SELECT " COLUMNS " FROM session WHERE state = 4 AND due = ?2 AND user = ?1"
                " AND id > ?3 AND (identity = ?4 OR identity = '') ORDER BY id LIMIT 1",
        /* Rows of an earlier boot, whose posted is 0, are the oldest. */
        [FORGET_WAITING] =
                "DELETE FROM session WHERE state = 4 AND due = ?2 AND user = ?1 AND"
                " ((posted > 0 AND posted < ?4) OR id NOT IN (SELECT id FROM session WHERE"
                " state = 4 AND due = ?2 AND user = ?1 ORDER BY posted DESC LIMIT ?3))",
        [EACH_ID] = "SELECT id FROM session WHERE state = ?1",
        [ABANDON_POSTED] = ("UPDATE session SET state = 4, due = 0, posted = ?1"
                            " WHERE state = 1 AND posted < ?2"),
        [REQUEUE] = "UPDATE session SET due = 0 WHERE state = 4 AND due <> 0",
        [DROP_OTHER_MACHINES] = "DELETE FROM session WHERE machine <> ?1",
        [REVOKE_OTHER_BOOTS] =
                "UPDATE session SET state = 4, due = 0, posted = 0, boot = ?1 WHERE boot <> ?1",

        [BEGIN] = "BEGIN IMMEDIATE",
        [COMMIT] = "COMMIT",
        [ROLLBACK] = "ROLLBACK",
        [BEGIN_WITHIN] = "SAVEPOINT within",
        [COMMIT_WITHIN] = "RELEASE within",
        [ROLLBACK_WITHIN] = "ROLLBACK TO within",
        [FIND_PIN] = "SELECT identity FROM pin WHERE name = ?1",
        [FIND_PINNED] = "SELECT name FROM pin WHERE identity = ?1",
        [ADD_PIN] = "INSERT INTO pin (name, identity) VALUES (?1, ?2)",
        [REVOKE_GRANTED] = "UPDATE session SET state = 4, due = 0, login_hash = NULL"
                           " WHERE state = 2 AND user = ?1",
        [DELETE_PIN] = "DELETE FROM pin WHERE name = ?1",
        [PUT_ACCOUNT] = "INSERT INTO account (" ACCOUNT_COLUMNS ")"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (identity) DO UPDATE SET"
                        " name = ?2, uid = ?3, gid = ?4, refused = ?5, document = ?6",
        [REFUSE_ACCOUNT] = "UPDATE account SET refused = 1 WHERE identity = ?1",
        [DELETE_ACCOUNT] = "DELETE FROM account WHERE identity = ?1",
        [FIND_ACCOUNT_NAME] = ACCOUNTS "WHERE name = ?1",
        [FIND_ACCOUNT_UID] = ACCOUNTS "WHERE uid = ?1",
        [FIND_ACCOUNT_IDENTITY] = ACCOUNTS "WHERE identity = ?1",
        [EACH_ACCOUNT] = ACCOUNTS,
        [NEXT_IDENTITY] = "SELECT identity FROM account WHERE identity > ?1"
                          " AND length(identity) = 36 ORDER BY identity LIMIT 1",
        [NEXT_OPEN_IDENTITY] = "SELECT identity FROM session WHERE state = 3 AND identity > ?1"
                               " AND length(identity) = 36 ORDER BY identity LIMIT 1",
        [PUT_NUMBER] = "INSERT INTO number (number, owner) VALUES (?1, ?2)",
        [FIND_NUMBER] = "SELECT number FROM number WHERE owner = ?1",
        [FIND_OWNER] = "SELECT owner FROM number WHERE number = ?1",
        [ADD_MEMBERSHIP] = "INSERT INTO membership (grp, identity) VALUES (?1, ?2)",
        [DELETE_MEMBERSHIPS] = "DELETE FROM membership WHERE identity = ?1",
        [EACH_MEMBERSHIP] = MEMBERSHIPS,
        [MEMBERSHIPS_OF_USER] = MEMBERSHIPS "WHERE name = ?1",
        [MEMBERSHIPS_OF_GROUP] = MEMBERSHIPS "WHERE grp = ?1",
        [EACH_GROUP] = "SELECT DISTINCT grp, number FROM membership"
                       " JOIN number ON owner = 'group:' || grp",
        [FIND_GROUP] = "SELECT 1 FROM membership WHERE grp = ?1 LIMIT 1",
        [PUT_STANDING] = "INSERT INTO standing (identity, active, checked) VALUES (?1, ?2, ?3)"
                         " ON CONFLICT (identity) DO UPDATE SET active = ?2, checked = ?3",
        [FIND_STANDING] = "SELECT active, checked FROM standing WHERE identity = ?1",
        [DELETE_STANDING] = "DELETE FROM standing WHERE identity = ?1",
        [PUT_PASSWORD_CHANGE] = "INSERT OR IGNORE INTO password_change (identity) VALUES (?1)",
        [FIND_PASSWORD_CHANGE] = "SELECT 1 FROM password_change WHERE identity = ?1",
        [DELETE_PASSWORD_CHANGE] = "DELETE FROM password_change WHERE identity = ?1",
        [FIND_THROTTLE] = "SELECT count, at FROM throttle"
                          " WHERE kind = ?1 AND user = ?2 AND place = ?3 AND slot = ?4",
        [PUT_THROTTLE] = "INSERT INTO throttle (kind, user, place, slot, count, at)"
                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET"
                         " count = ?5, at = ?6",
        [TRIM_THROTTLE] = "DELETE FROM throttle WHERE kind = ?1 AND at + count * ?3 <="
                          " (SELECT at + count * ?3 AS fades FROM throttle"
                          " WHERE kind = ?1 ORDER BY fades DESC LIMIT 1 OFFSET ?2)",
        [TRIM_THROTTLE_USER] = "DELETE FROM throttle WHERE kind = ?1 AND user = ?2 AND place NOT IN"
                               " (SELECT place FROM throttle WHERE kind = ?1 AND user = ?2"
                               " ORDER BY at DESC LIMIT ?3)",
};
