/*
 * A host with people of ours: a folder with a store, a passwd and a group file, a configuration and
 * a directory, and what was said in the log. Shared by the programs that test what becomes of an
 * identity, each of which owns its own.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "kratosd/adoption.h"
#include "kratosd/directory.h"
#include "kratosd/log.h"

#define ALICE "11111111-2222-4333-8444-555555555555"
#define BOB "99999999-2222-4333-8444-555555555555"
#define CAROL "aaaaaaaa-2222-4333-8444-555555555555"
#define FIRST 1879048192U
#define LAST 2147352575U

static char passwd_file[PATH_MAX], group_file[PATH_MAX];
static store *people;
static local_files *local;
static directory *users;
static config configuration;

/* What was said since it was last looked at, a line each. */
static char said[8192];
static unsigned n_said;

void log_message(int level, const char *format, ...)
{
        va_list ap;

        (void)level;
        va_start(ap, format);
        vsnprintf(said + strlen(said), sizeof(said) - strlen(said), format, ap);
        va_end(ap);
        snprintf(said + strlen(said), sizeof(said) - strlen(said), "\n");
        n_said++;
}

/* So many things were said, and these words with them. */
static inline void check_said(unsigned count, const char *words)
{
        if (n_said != count || !strstr(said, words))
                fail_msg("not %u times \"%s\":\n%s", count, words, said);
        n_said = 0;
        said[0] = '\0';
}

static inline void put_file(const char *name, const char *text)
{
        static char whole[PATH_MAX + 8];
        FILE *file;

        snprintf(whole, sizeof(whole), "%s.new", name);
        file = fopen(whole, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(rename(whole, name), 0);
}

static void close_people(void)
{
        users = directory_free(users);
        local = local_files_free(local);
        people = store_free(people);
}

static void open_people(void)
{
        assert_int_equal(store_new(folder, &people), 0);
        assert_int_equal(local_files_new(passwd_file, group_file, &local), 0);
        assert_int_equal(directory_new(people, local, &configuration, &users), 0);
}

/* Changes the store's file behind the daemon's back. */
static inline void alter(const char *script)
{
        char path[PATH_MAX], *message = NULL;
        sqlite3 *db = NULL;

        close_people();
        snprintf(path, sizeof(path), "%s/kratosd.db", folder);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, script, NULL, NULL, &message) != SQLITE_OK)
                fail_msg("%s: %s", script, message);
        sqlite3_close(db);
        open_people();
}

static inline kratos_identity identity_of(const char *id, const char *document)
{
        kratos_identity identity = { .active = true, .document = (char *)document };

        snprintf(identity.id, sizeof(identity.id), "%s", id);
        snprintf(identity.schema, sizeof(identity.schema), "person");
        return identity;
}

static inline int take(const char *id, const char *document)
{
        kratos_identity identity = identity_of(id, document);

        return adopt(users, people, &identity);
}

static inline void adopt_quietly(const char *id, const char *document)
{
        if (take(id, document) != ADOPTED)
                fail_msg("refused: %s\n%s", document, said);
        said[0] = '\0';
        n_said = 0;
}

static inline bool is_known(const char *name)
{
        _cleanup_user_ directory_user *user = NULL;
        int r = directory_find_user(users, name, &user);

        assert_true(r == DIRECTORY_FOUND || r == DIRECTORY_UNKNOWN);
        assert_int_equal(r == DIRECTORY_FOUND, user != NULL);
        return r == DIRECTORY_FOUND;
}

static int begin(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(passwd_file, sizeof(passwd_file), "%s/passwd", folder);
        snprintf(group_file, sizeof(group_file), "%s/group", folder);
        put_file(passwd_file, "root:x:0:0:root:/root:/bin/bash\n");
        put_file(group_file, "root:x:0:\n");
        configuration = (config){ .references = 1000,
                .public = { .count = 1 },
                .uid_range = { FIRST, LAST },
                .allow_uids = { { 5000, 5999 } },
                .n_allow_uids = 1,
                .home_prefix = (char *)"/home",
                .shell = (char *)"/bin/bash",
                .host_name = (char *)"host.example.org" };
        said[0] = '\0';
        n_said = 0;
        open_people();
        return 0;
}

static int end(void **state)
{
        close_people();
        return remove_folder(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
