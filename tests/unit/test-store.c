/* The store: rows and pins, and files that are not as they should be. */
#include "kratosd/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "kratosd/log.h"

#define ID(digit) "0123456789abcdef0123456789abcde" digit
#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"
#define TOKEN_BYTES "sealed-token-bytes"

static char folder[] = "/tmp/test-store-XXXXXX";
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

static session_row row_of(const char *id, enum row_state state, int64_t due)
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

static void insert(store *s, const char *id, enum row_state state, int64_t due)
{
        session_row row = row_of(id, state, due);

        assert_int_equal(store_insert(s, &row), 0);
}

static void assert_same(const session_row *a, const session_row *b)
{
        assert_string_equal(a->id, b->id);
        assert_int_equal(a->state, b->state);
        assert_string_equal(a->user, b->user);
        assert_string_equal(a->service, b->service);
        assert_string_equal(a->rhost, b->rhost);
        assert_string_equal(a->identity, b->identity);
        assert_string_equal(a->session, b->session);
        assert_int_equal(a->token_size, b->token_size);
        assert_memory_equal(a->token, b->token, a->token_size);
        assert_int_equal(a->has_login, b->has_login);
        assert_memory_equal(a->login_hash, b->login_hash, LOGIN_HASH_SIZE);
        assert_int_equal(a->posted, b->posted);
        assert_int_equal(a->due, b->due);
        assert_int_equal(a->attempts, b->attempts);
}

static void test_rows(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row row = row_of(ID("0"), ROW_POSTED, 0), found;

        (void)state;
        assert_int_equal(store_find(s, ID("0"), &found), -ENOENT);
        assert_int_equal(store_insert(s, &row), 0);
        assert_int_equal(store_insert(s, &row), -EEXIST);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_same(&found, &row);

        row.state = ROW_GRANTED;
        row.has_login = true;
        memset(row.login_hash, 0xa5, LOGIN_HASH_SIZE);
        row.token_size = TOKEN_SEALED_MAX;
        memset(row.token, 0, sizeof(row.token));
        row.due = INT64_MAX;
        row.posted = -1;
        row.rhost[0] = row.session[0] = '\0';
        assert_int_equal(store_update(s, &row), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_same(&found, &row);

        assert_int_equal(store_delete(s, ID("0")), 0);
        assert_int_equal(store_delete(s, ID("0")), 0);
        assert_int_equal(store_update(s, &row), 0);
        assert_int_equal(store_find(s, ID("0"), &found), -ENOENT);
        assert_string_equal(said, "");
}

static void test_rows_survive(void **state)
{
        session_row row = row_of(ID("0"), ROW_OPEN, 5), found;
        store *s = open_store();

        (void)state;
        assert_int_equal(store_insert(s, &row), 0);
        assert_null(store_free(s));
        s = open_store();
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_same(&found, &row);
        assert_null(store_free(s));
        assert_null(store_free(NULL));
}

static void test_find_login(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        unsigned char hash[LOGIN_HASH_SIZE] = { 1 };
        session_row row = row_of(ID("0"), ROW_GRANTED, 5), found;

        (void)state;
        insert(s, ID("1"), ROW_GRANTED, 0);
        memcpy(row.login_hash, hash, sizeof(hash));
        row.has_login = true;
        assert_int_equal(store_insert(s, &row), 0);
        assert_int_equal(store_find_login(s, hash, &found), 0);
        assert_string_equal(found.id, ID("0"));
        hash[LOGIN_HASH_SIZE - 1] = 1;
        assert_int_equal(store_find_login(s, hash, &found), -ENOENT);
        memset(hash, 0, sizeof(hash));
        assert_int_equal(store_find_login(s, hash, &found), -ENOENT);
}

static void test_find_due(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row found;

        (void)state;
        insert(s, ID("0"), ROW_REVOKING, 30);
        insert(s, ID("1"), ROW_REVOKING, 10);
        insert(s, ID("2"), ROW_GRANTED, 5);
        insert(s, ID("3"), ROW_REVOKING, DUE_NEVER);
        assert_int_equal(store_find_due(s, ROW_REVOKING, 0, &found), 0);
        assert_string_equal(found.id, ID("1"));
        assert_int_equal(store_find_due(s, ROW_REVOKING, 1, &found), 0);
        assert_string_equal(found.id, ID("0"));
        assert_int_equal(store_find_due(s, ROW_REVOKING, 2, &found), 0);
        assert_string_equal(found.id, ID("3"));
        assert_int_equal(store_find_due(s, ROW_REVOKING, 3, &found), -ENOENT);
        assert_int_equal(store_find_due(s, ROW_OPEN, 0, &found), -ENOENT);
}

static void test_find_waiting_and_requeue(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row found;

        (void)state;
        insert(s, ID("0"), ROW_REVOKING, 30);
        insert(s, ID("1"), ROW_GRANTED, DUE_NEVER);
        assert_int_equal(store_find_waiting(s, "alice", "", &found), -ENOENT);
        insert(s, ID("2"), ROW_REVOKING, DUE_NEVER);
        assert_int_equal(store_find_waiting(s, "bob", "", &found), -ENOENT);
        assert_int_equal(store_find_waiting(s, "alice", "", &found), 0);
        assert_string_equal(found.id, ID("2"));
        insert(s, ID("3"), ROW_REVOKING, DUE_NEVER);
        assert_int_equal(store_find_waiting(s, "alice", ID("2"), &found), 0);
        assert_string_equal(found.id, ID("3"));
        assert_int_equal(store_find_waiting(s, "alice", ID("3"), &found), -ENOENT);

        assert_int_equal(store_requeue(s), 0);
        assert_int_equal(store_find_waiting(s, "alice", "", &found), -ENOENT);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_int_equal(found.due, 0);
        assert_int_equal(store_find(s, ID("1"), &found), 0);
        assert_true(found.due == DUE_NEVER);
}

static int count_until(const char *id, void *userdata)
{
        int *left = userdata;

        assert_int_equal(strlen(id), ID_LENGTH);
        return --*left == 0 ? -ECANCELED : 0;
}

static void test_each_id(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        int left = 100;

        (void)state;
        assert_int_equal(store_each_id(s, ROW_OPEN, count_until, &left), 0);
        assert_int_equal(left, 100);
        insert(s, ID("0"), ROW_OPEN, 0);
        insert(s, ID("1"), ROW_OPEN, 0);
        insert(s, ID("2"), ROW_REVOKING, 0);
        assert_int_equal(store_each_id(s, ROW_OPEN, count_until, &left), 0);
        assert_int_equal(left, 98);
        left = 1;
        assert_int_equal(store_each_id(s, ROW_OPEN, count_until, &left), -ECANCELED);
        left = 100; /* a walk that was ended harms none after it */
        assert_int_equal(store_each_id(s, ROW_OPEN, count_until, &left), 0);
        assert_int_equal(left, 98);
}

static void test_abandon_posted(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row found;

        (void)state;
        insert(s, ID("0"), ROW_POSTED, 50);
        insert(s, ID("1"), ROW_OPEN, 50);
        /* What was posted since is this daemon's own. */
        assert_int_equal(store_abandon_posted(s, 0), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_int_equal(found.state, ROW_POSTED);
        assert_int_equal(store_abandon_posted(s, INT64_MAX), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_int_equal(found.state, ROW_REVOKING);
        assert_int_equal(found.due, 0);
        assert_true(found.posted > 0);
        assert_int_equal(store_find(s, ID("1"), &found), 0);
        assert_int_equal(found.state, ROW_OPEN);
}

static void test_pins(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        char identity[UUID_LENGTH + 1] = "untouched";

        (void)state;
        assert_int_equal(store_find_pin(s, "alice", identity), -ENOENT);
        assert_string_equal(identity, "untouched");
        assert_int_equal(store_add_pin(s, "alice", UUID), 0);
        assert_int_equal(store_find_pin(s, "alice", identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(store_add_pin(s, "alice", OTHER_UUID), -EEXIST);
        assert_int_equal(store_add_pin(s, "bob", UUID), -EEXIST);
        assert_int_equal(store_find_pin(s, "alice", identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(store_find_pin(s, "bob", identity), -ENOENT);
        assert_int_equal(store_find_pin(s, "alice' OR '1'='1", identity), -ENOENT);
}

/* Changes the file behind the store's back. */
static void alter(const char *script)
{
        sqlite3 *db = NULL;
        char *message = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, script, NULL, NULL, &message) != SQLITE_OK)
                fail_msg("%s: %s", script, message);
        sqlite3_close(db);
}

static void test_rows_of_another_machine_and_boot(void **state)
{
        store *s = open_store();
        session_row found;

        (void)state;
        insert(s, ID("0"), ROW_OPEN, 50);
        insert(s, ID("1"), ROW_GRANTED, 50);
        insert(s, ID("2"), ROW_OPEN, 50);
        assert_int_equal(store_add_pin(s, "alice", UUID), 0);
        store_free(s);
        alter("UPDATE session SET machine = 'f' || substr(machine, 2, 30) || 'f' WHERE id = '" ID(
                "0") "';"
                     "UPDATE session SET boot = 'f' || substr(boot, 2, 30) || 'f' WHERE id = '" ID(
                             "1") "'");
        s = open_store();
        assert_int_equal(store_find(s, ID("0"), &found), -ENOENT);
        assert_int_equal(store_find(s, ID("1"), &found), 0);
        assert_int_equal(found.state, ROW_REVOKING);
        assert_int_equal(found.due, 0);
        assert_int_equal(found.posted, 0);
        assert_int_equal(found.token_size, 18);
        assert_int_equal(store_find(s, ID("2"), &found), 0);
        assert_int_equal(found.state, ROW_OPEN);
        assert_int_equal(store_find_pin(s, "alice", found.identity), 0);
        store_free(s);
}

static void test_newer_version(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row row = row_of(ID("0"), ROW_OPEN, 0), found;

        (void)state;
        assert_int_equal(store_insert(s, &row), 0);
        s = store_free(s);
        alter("PRAGMA user_version = 99");
        s = open_store();
        assert_non_null(strstr(said, "newer"));
        assert_int_equal(store_find(s, ID("0"), &found), -EPROTONOSUPPORT);
        assert_int_equal(store_insert(s, &row), -EPROTONOSUPPORT);
        s = store_free(s);
        alter("PRAGMA user_version = 1");
        s = open_store();
        assert_int_equal(store_find(s, ID("0"), &found), 0);
}

static void spoil(size_t offset, const char *bytes, size_t size)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
}

static void check_set_aside(void)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row row = row_of(ID("0"), ROW_OPEN, 0);
        char pattern[PATH_MAX];
        glob_t found;

        assert_non_null(strstr(said, "set aside"));
        snprintf(pattern, sizeof(pattern), "%s/kratosd.db.corrupt-*", folder);
        assert_int_equal(glob(pattern, 0, NULL, &found), 0);
        assert_int_equal(found.gl_pathc, 1);
        globfree(&found);
        assert_int_equal(store_insert(s, &row), 0);
}

static void test_corrupt_file(void **state)
{
        store *s = open_store();

        (void)state;
        insert(s, ID("0"), ROW_OPEN, 0);
        store_free(s);
        spoil(0, "This is no database, and never was one.", 40);
        check_set_aside();
}

static void test_corrupt_schema(void **state)
{
        store *s = open_store();
        char bytes[3000];

        (void)state;
        insert(s, ID("0"), ROW_OPEN, 0);
        store_free(s);
        memset(bytes, 0xff, sizeof(bytes));
        spoil(100, bytes, sizeof(bytes));
        check_set_aside();
}

/* A database of the right version that has other tables cannot be used, and must not be lost. */
static void test_file_without_our_tables(void **state)
{
        session_row found;

        (void)state;
        alter("CREATE TABLE something (x); PRAGMA user_version = 1");
        _cleanup_(store_freep) store *s = open_store();
        assert_string_not_equal(said, "");
        assert_true(store_find(s, ID("0"), &found) < 0);
        assert_int_equal(access(path, F_OK), 0);
}

static void test_empty_file(void **state)
{
        session_row row = row_of(ID("0"), ROW_OPEN, 0);

        (void)state;
        spoil(0, "", 0);
        _cleanup_(store_freep) store *s = open_store();
        assert_string_equal(said, "");
        assert_int_equal(store_insert(s, &row), 0);
}

static void test_rule_23_file_that_cannot_be_opened(void **state)
{
        session_row row = row_of(ID("0"), ROW_OPEN, 0), found;
        store *s;

        (void)state;
        assert_int_equal(mkdir(path, 0700), 0);
        s = open_store();
        assert_non_null(strstr(said, "cannot be opened"));
        assert_int_equal(store_insert(s, &row), -EROFS);
        assert_int_equal(store_find(s, ID("0"), &found), -EROFS);
        store_tidy(s);

        /* It is tried again when it is next needed, but not at once. */
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(store_insert(s, &row), -EROFS);
        usleep(1100000);
        assert_int_equal(store_insert(s, &row), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        store_free(s);
}

static void test_rule_14_no_link_is_followed(void **state)
{
        char elsewhere[PATH_MAX + 16];
        session_row found;
        store *s;

        (void)state;
        snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
        assert_int_equal(symlink(elsewhere, path), 0);
        s = open_store();
        assert_true(store_find(s, ID("0"), &found) < 0);
        assert_int_equal(access(elsewhere, F_OK), -1);
        store_free(s);
}

/* Whether the bytes stand in any file of the folder. */
static bool is_on_disk(const char *bytes)
{
        DIR *directory = opendir(folder);
        struct dirent *entry;
        bool found = false;

        assert_non_null(directory);
        while ((entry = readdir(directory))) {
                _cleanup_close_ int fd =
                        openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
                static char content[1 << 20];
                ssize_t n = read(fd, content, sizeof(content));

                found |= n > 0 && memmem(content, (size_t)n, bytes, strlen(bytes));
        }
        closedir(directory);
        return found;
}

static void test_rule_40_deleted_rows_are_gone(void **state)
{
        _cleanup_(store_freep) store *s = open_store();

        (void)state;
        insert(s, ID("0"), ROW_OPEN, 0);
        insert(s, ID("1"), ROW_OPEN, 0);
        assert_true(is_on_disk(TOKEN_BYTES) && is_on_disk(OTHER_UUID));
        for (int i = 0; i < 200; i++) {
                session_row row = row_of(ID("1"), ROW_REVOKING, i);

                assert_int_equal(store_update(s, &row), 0);
        }
        assert_int_equal(store_delete(s, ID("0")), 0);
        assert_int_equal(store_delete(s, ID("1")), 0);
        store_tidy(s);
        assert_false(is_on_disk(TOKEN_BYTES));
        assert_false(is_on_disk(OTHER_UUID));
}

static int make_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/test-store-XXXXXX");
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/kratosd.db", folder);
        return 0;
}

static int remove_folder(void **state)
{
        DIR *directory = opendir(folder);
        struct dirent *entry;

        (void)state;
        while ((entry = readdir(directory)))
                if (entry->d_name[0] != '.')
                        (void)unlinkat(dirfd(directory), entry->d_name,
                                entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
        closedir(directory);
        return rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rows),
                TEST(test_rows_survive),
                TEST(test_find_login),
                TEST(test_find_due),
                TEST(test_find_waiting_and_requeue),
                TEST(test_each_id),
                TEST(test_abandon_posted),
                TEST(test_pins),
                TEST(test_rows_of_another_machine_and_boot),
                TEST(test_newer_version),
                TEST(test_corrupt_file),
                TEST(test_corrupt_schema),
                TEST(test_file_without_our_tables),
                TEST(test_empty_file),
                TEST(test_rule_23_file_that_cannot_be_opened),
                TEST(test_rule_14_no_link_is_followed),
                TEST(test_rule_40_deleted_rows_are_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
