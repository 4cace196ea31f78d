/*
 * The store's file: one SQLite database, its prepared statements, and how its errors are told. For
 * the store's own files alone: store.c opens it, store-sessions.c, store-accounts.c and
 * store-throttle.c ask it.
 */
#pragma once

#include <sqlite3.h>
#include <systemd/sd-id128.h>

#include "store.h"

#define SCHEMA_VERSION 5

enum statement {
        /* sessions */
        INSERT,
        UPDATE,
        DELETE,
        FIND,
        FIND_LOGIN,
        HAS_OPEN,
        FIND_OPENED,
        FIND_DUE,
        FIND_WAITING,
        FORGET_WAITING,
        EACH_ID,
        ABANDON_POSTED,
        REQUEUE,
        DROP_OTHER_MACHINES,
        REVOKE_OTHER_BOOTS,
        /* transactions */
        BEGIN,
        COMMIT,
        ROLLBACK,
        BEGIN_WITHIN,
        COMMIT_WITHIN,
        ROLLBACK_WITHIN,
        /* accounts */
        FIND_PIN,
        FIND_PINNED,
        ADD_PIN,
        REVOKE_GRANTED,
        DELETE_PIN,
        PUT_ACCOUNT,
        REFUSE_ACCOUNT,
        DELETE_ACCOUNT,
        FIND_ACCOUNT_NAME,
        FIND_ACCOUNT_UID,
        FIND_ACCOUNT_IDENTITY,
        EACH_ACCOUNT,
        NEXT_IDENTITY,
        NEXT_OPEN_IDENTITY,
        PUT_NUMBER,
        FIND_NUMBER,
        FIND_OWNER,
        ADD_MEMBERSHIP,
        DELETE_MEMBERSHIPS,
        EACH_MEMBERSHIP,
        MEMBERSHIPS_OF_USER,
        MEMBERSHIPS_OF_GROUP,
        EACH_GROUP,
        FIND_GROUP,
        PUT_STANDING,
        FIND_STANDING,
        DELETE_STANDING,
        PUT_PASSWORD_CHANGE,
        FIND_PASSWORD_CHANGE,
        DELETE_PASSWORD_CHANGE,
        /* throttling */
        FIND_THROTTLE,
        PUT_THROTTLE,
        TRIM_THROTTLE,
        TRIM_THROTTLE_USER,
        STATEMENTS,
};

/* Their texts, and the scripts that bring a file from each version to the next. */
extern const char *const store_sql[STATEMENTS];
extern const char *const store_migrations[SCHEMA_VERSION];

struct store {
        char *path;
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENTS];
        char machine[SD_ID128_STRING_MAX];
        char boot[SD_ID128_STRING_MAX];
        bool corrupt;          /* found to be so: to be set aside */
        int64_t retry;         /* not opened again before */
        int opened;            /* -errno of the last try */
        unsigned transactions; /* begun and not ended, one within another */
        uint64_t changes;      /* writes, also those that failed */
};

/* The statement, of an open file; opens it first where that failed before. -errno. */
int store_statement(store *s, enum statement which, sqlite3_stmt **ret);

/* Runs a statement whose parameters are bound and that gives no row, and makes it ready for the
 * next use. -errno. */
int store_run(store *s, sqlite3_stmt *statement);

/* Takes the first row of a statement whose parameters are bound: 0 with the row to be read, which
 * store_done ends; -ENOENT, -errno: then it has ended. */
int store_first(store *s, sqlite3_stmt *statement);
void store_done(sqlite3_stmt *statement);

/* The -errno of a code of SQLite's; remembers a file that is corrupt. */
int store_failed(store *s, int code);

/* Binds a text that stays where it is until the statement has run. */
void store_bind(sqlite3_stmt *statement, int index, const char *text);

/* Reads a column into a buffer: "" for NULL, and for what it does not hold whole, which is nothing
 * that this daemon has written. */
void store_column(sqlite3_stmt *statement, int column, char *ret, size_t size);
