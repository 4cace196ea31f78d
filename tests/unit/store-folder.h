/*
 * A folder for a store, rows to put into it, and what the store says: shared by the two programs
 * that test it, each of which owns its own.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "folder.h"
#include "kratosd/log.h"
#include "kratosd/store-accounts.h"

#define ID(digit) "0123456789abcdef0123456789abcde" digit
#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"
#define TOKEN_BYTES "sealed-token-bytes"

static char path[PATH_MAX];

/* Stands in for the daemon's log: what was said last. */
static char said[1024];

void log_message(int level, const char *format, ...)
{
        va_list ap;

        assert_int_equal(level, LOG_ERR);
        va_start(ap, format);
        vsnprintf(said, sizeof(said), format, ap);
        va_end(ap);
}

static store *open_store(void)
{
        store *s = NULL;

        said[0] = '\0';
        assert_int_equal(store_new(folder, &s), 0);
        return s;
}

static inline session_row row_of(const char *id, enum row_state state, int64_t due)
{
        session_row row = {
                .state = state, .due = due, .posted = 77, .token_size = 18, .attempts = 3
        };

        snprintf(row.id, sizeof(row.id), "%s", id);
        snprintf(row.user, sizeof(row.user), "alice");
        snprintf(row.service, sizeof(row.service), "sshd");
        snprintf(row.rhost, sizeof(row.rhost), "192.0.2.1");
        snprintf(row.identity, sizeof(row.identity), UUID);
        snprintf(row.session, sizeof(row.session), OTHER_UUID);
        memcpy(row.token, TOKEN_BYTES, 18);
        return row;
}

static inline void insert(store *s, const char *id, enum row_state state, int64_t due)
{
        session_row row = row_of(id, state, due);

        assert_int_equal(store_insert(s, &row), 0);
}

/* Changes the file behind the store's back. */
__attribute__((unused)) static void alter(const char *script)
{
        sqlite3 *db = NULL;
        char *message = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, script, NULL, NULL, &message) != SQLITE_OK)
                fail_msg("%s: %s", script, message);
        sqlite3_close(db);
}

static int begin_store(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/kratosd.db", folder);
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_store, remove_folder)
