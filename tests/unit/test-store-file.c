/* The store: files that are not as they should be, and what is left in them. */
#include "store-folder.h"

#include <glob.h>
#include <sys/stat.h>
#include <time.h>

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
        alter("PRAGMA user_version = 5");
        s = open_store();
        assert_int_equal(store_find(s, ID("0"), &found), 0);
}

static void spoil(size_t offset, const char *bytes, size_t size)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
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

static const char *aside(void)
{
        static char name[PATH_MAX + 32];

        snprintf(name, sizeof(name), "%s.corrupt", path);
        return name;
}

static void check_set_aside(size_t offset, const char *bytes, size_t size)
{
        session_row row = row_of(ID("0"), ROW_OPEN, 0);
        store *s = open_store();

        for (int i = 0; i < 100; i++) {
                snprintf(row.id, sizeof(row.id), "%032d", i);
                assert_int_equal(store_insert(s, &row), 0);
        }
        store_free(s);
        spoil(offset, bytes, size);
        s = open_store();
        /* What is found to be corrupt while it is used is set aside before the next use. */
        (void)store_insert(s, &row);
        (void)store_delete(s, row.id);
        assert_int_equal(store_insert(s, &row), 0);
        assert_non_null(strstr(said, "set aside"));
        assert_int_equal(access(aside(), F_OK), 0);
        store_free(s);
}

static void test_corrupt_file(void **state)
{
        (void)state;
        check_set_aside(0, "This is no database, and never was one.", 40);
}

static void test_corrupt_schema(void **state)
{
        static char bytes[3000];

        (void)state;
        memset(bytes, 0xff, sizeof(bytes));
        check_set_aside(100, bytes, sizeof(bytes));
}

static void test_corrupt_pages(void **state)
{
        static char bytes[12288];

        (void)state;
        memset(bytes, 0xff, sizeof(bytes));
        check_set_aside(4096, bytes, sizeof(bytes));
}

/* A store that is none. */
static void spoil_all(const char *bytes)
{
        (void)unlink(path);
        spoil(0, bytes, strlen(bytes));
}

static unsigned files_like(const char *pattern)
{
        char whole[PATH_MAX + 32];
        glob_t found;
        int r;

        snprintf(whole, sizeof(whole), "%s/%s", folder, pattern);
        r = glob(whole, 0, NULL, &found);
        assert_true(r == 0 || r == GLOB_NOMATCH);
        r = r == 0 ? (int)found.gl_pathc : 0;
        globfree(&found);
        return (unsigned)r;
}

static void test_rule_40_one_is_kept_aside(void **state)
{
        (void)state;
        for (int i = 0; i < 3; i++) {
                spoil_all(i < 2 ? "the first sealed token" : "the last sealed token");
                store_free(open_store());
                assert_non_null(strstr(said, "removed after 7 days"));
        }
        assert_int_equal(files_like("kratosd.db.corrupt*"), 1);
        assert_false(is_on_disk("the first sealed token"));
        assert_true(is_on_disk("the last sealed token"));
}

static void age(const char *name, time_t seconds)
{
        const struct timespec then = { .tv_sec = time(NULL) - seconds };

        assert_int_equal(utimensat(AT_FDCWD, name, (struct timespec[]){ then, then }, 0), 0);
}

/* At a start, or when a running daemon has nothing else to do. */
static void test_rule_40_what_is_aside_is_removed_in_the_end(void **state)
{
        static const time_t week = 7 * 24 * 3600;
        store *s;

        (void)state;
        spoil_all("the sealed token");
        store_free(open_store());
        store_free(open_store());
        assert_true(is_on_disk("the sealed token"));
        age(aside(), week + 1);
        store_free(open_store());
        assert_false(is_on_disk("the sealed token"));

        spoil_all("the sealed token");
        s = open_store();
        store_tidy(s);
        assert_true(is_on_disk("the sealed token"));
        age(aside(), week + 1);
        store_tidy(s);
        assert_false(is_on_disk("the sealed token"));
        assert_int_equal(files_like("kratosd.db"), 1);
        store_free(s);
}

/* A database of the right version that has other tables cannot be used, and must not be lost. */
static void test_file_without_our_tables(void **state)
{
        session_row found;

        (void)state;
        alter("CREATE TABLE something (x); PRAGMA user_version = 5");
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
        assert_int_equal(store_insert(s, &row), -EISDIR);
        assert_int_equal(store_find(s, ID("0"), &found), -EISDIR);
        store_tidy(s);

        /* It is tried again when it is next needed, but not at once. */
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(store_insert(s, &row), -EISDIR);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_newer_version),
                TEST(test_corrupt_file),
                TEST(test_corrupt_schema),
                TEST(test_corrupt_pages),
                TEST(test_rule_40_one_is_kept_aside),
                TEST(test_rule_40_what_is_aside_is_removed_in_the_end),
                TEST(test_file_without_our_tables),
                TEST(test_empty_file),
                TEST(test_rule_23_file_that_cannot_be_opened),
                TEST(test_rule_14_no_link_is_followed),
                TEST(test_rule_40_deleted_rows_are_gone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
