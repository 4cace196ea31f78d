/* What makes kept replies void: whatever the directory answers from changes its count. */
#include "kratosd/directory.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "kratosd/store-accounts.h"

#define UUID "11111111-2222-4333-8444-555555555555"

static char passwd_file[PATH_MAX], group_file[PATH_MAX];

static store *open_store(void)
{
        store *s = NULL;

        assert_int_equal(store_new(folder, &s), 0);
        return s;
}

static void put(const char *name, const char *text)
{
        FILE *file = fopen(name, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static uint64_t changes_of(directory *d)
{
        uint64_t changes = 0, again = 0;

        assert_int_equal(directory_changes(d, &changes), 0);
        assert_int_equal(directory_changes(d, &again), 0);
        assert_int_equal(changes, again);
        return changes;
}

static directory *make(store *s, config *c, local_files **ret_local)
{
        directory *d = NULL;

        snprintf(passwd_file, sizeof(passwd_file), "%s/passwd", folder);
        snprintf(group_file, sizeof(group_file), "%s/group", folder);
        put(passwd_file, "root:x:0:0::/root:/bin/sh\n");
        put(group_file, "root:x:0:\n");
        assert_int_equal(local_files_new(passwd_file, group_file, ret_local), 0);
        assert_int_equal(directory_new(s, *ret_local, c, &d), 0);
        return d;
}

static void test_the_store(void **state)
{
        account_row row = { .identity = UUID, .name = "alice", .uid = 7, .document = (char *)"{}" };
        standing active = { .active = true };
        local_files *local = NULL;
        config c = { .references = 1 };
        store *s = open_store();
        directory *d = make(s, &c, &local);
        uint64_t last = changes_of(d);

        (void)state;
#define CHANGED(call)                                                                              \
        do {                                                                                       \
                assert_int_equal(call, 0);                                                         \
                assert_int_not_equal(changes_of(d), last);                                         \
                last = changes_of(d);                                                              \
        } while (0)
        CHANGED(store_put_account(s, &row, NULL, 0));
        CHANGED(store_put_standing(s, UUID, &active));
        CHANGED(store_refuse_account(s, UUID));
        CHANGED(store_put_number(s, 7, "group:team"));
        CHANGED(store_delete_account(s, UUID));
        assert_int_equal(store_find_account(s, "alice", &row), -ENOENT);
        assert_int_equal(changes_of(d), last);
        /* Rolled back: what was seen meanwhile is not so. */
        assert_int_equal(store_begin(s), 0);
        assert_int_equal(store_put_standing(s, UUID, &active), 0);
        last = changes_of(d);
        assert_int_equal(store_end(s, -EIO), -EIO);
        assert_int_not_equal(changes_of(d), last);
        directory_free(d);
        local_files_free(local);
        store_free(s);
}

static void test_the_local_files(void **state)
{
        local_files *local = NULL;
        config c = { .references = 1 };
        store *s = open_store();
        directory *d = make(s, &c, &local);
        uint64_t changes, last = changes_of(d);

        (void)state;
        put(passwd_file, "root:x:0:0::/root:/bin/sh\nalice:x:7:7::/:/bin/sh\n");
        assert_int_not_equal(changes_of(d), last);
        last = changes_of(d);
        put(group_file, "root:x:0:\nalice:x:7:\n");
        assert_int_not_equal(changes_of(d), last);
        last = changes_of(d);
        /* Nothing is known of what could be in it. */
        assert_int_equal(unlink(group_file), 0);
        assert_int_equal(directory_changes(d, &changes), -ENOENT);
        put(group_file, "root:x:0:\n");
        assert_int_not_equal(changes_of(d), last);
        directory_free(d);
        local_files_free(local);
        store_free(s);
}

static void test_the_configuration(void **state)
{
        config c = { .references = 1 }, other = { .references = 1 };
        local_files *local = NULL;
        store *s = open_store();
        directory *d = make(s, &c, &local);
        uint64_t last = changes_of(d);

        (void)state;
        directory_set_config(d, &other);
        assert_int_not_equal(changes_of(d), last);
        directory_free(d);
        local_files_free(local);
        store_free(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
        const struct CMUnitTest tests[] = { TEST(test_the_store), TEST(test_the_local_files),
                TEST(test_the_configuration) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
