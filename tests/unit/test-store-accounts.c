/* The store: people, their numbers, pins and standing, and changes that are made as a whole. */
#include "store-folder.h"

#define THIRD_UUID "aaaaaaaa-2222-4333-8444-555555555555"
#define UID 1879048200U

/* The tables of version 1, as the first kratosd made them, with somebody in them. */
#define VERSION_1                                                                                  \
        "CREATE TABLE session (id TEXT PRIMARY KEY, state INTEGER NOT NULL, user TEXT NOT NULL,"   \
        " service TEXT NOT NULL, rhost TEXT NOT NULL, identity TEXT NOT NULL,"                     \
        " session TEXT NOT NULL, token BLOB, login_hash BLOB, posted INTEGER NOT NULL,"            \
        " due INTEGER NOT NULL, attempts INTEGER NOT NULL, machine TEXT NOT NULL,"                 \
        " boot TEXT NOT NULL) WITHOUT ROWID;"                                                      \
        "CREATE INDEX session_due ON session (state, due);"                                        \
        "CREATE INDEX session_login ON session (login_hash) WHERE login_hash IS NOT NULL;"         \
        "CREATE TABLE pin (name TEXT PRIMARY KEY, identity TEXT NOT NULL UNIQUE) WITHOUT ROWID;"   \
        "INSERT INTO pin VALUES ('alice', '" UUID "');"

static account_row account_of(const char *identity, const char *name, uid_t uid)
{
        account_row row = { .uid = uid, .gid = uid, .document = (char *)"{}" };

        snprintf(row.identity, sizeof(row.identity), "%s", identity);
        snprintf(row.name, sizeof(row.name), "%s", name);
        return row;
}

static void put_account(store *s, const char *identity, const char *name, uid_t uid)
{
        static const char *const groups[] = { "devs", "ops" };
        account_row row = account_of(identity, name, uid);

        assert_int_equal(store_put_account(s, &row, groups, 2), 0);
}

static void check_account(const account_row *row, const char *name, uid_t uid)
{
        assert_string_equal(row->name, name);
        assert_int_equal(row->uid, uid);
        assert_int_equal(row->gid, uid);
        assert_string_equal(row->document, "{}");
}

/* By its name, uid and identity alike. */
static void check_found(store *s, const char *identity, const char *name, uid_t uid)
{
        _cleanup_account_row_ account_row one = { 0 }, two = { 0 }, three = { 0 };

        assert_int_equal(store_find_account(s, name, &one), 0);
        assert_int_equal(store_find_account_uid(s, uid, &two), 0);
        assert_int_equal(store_find_account_identity(s, identity, &three), 0);
        check_account(&one, name, uid);
        check_account(&two, name, uid);
        check_account(&three, name, uid);
        assert_string_equal(one.identity, identity);
}

static void check_absent(store *s, const char *identity, const char *name, uid_t uid)
{
        account_row row = { .uid = 7 };

        assert_int_equal(store_find_account(s, name, &row), -ENOENT);
        assert_int_equal(store_find_account_uid(s, uid, &row), -ENOENT);
        assert_int_equal(store_find_account_identity(s, identity, &row), -ENOENT);
        assert_int_equal(row.uid, 7);
}

static int count_membership(const char *user, const char *group, void *userdata)
{
        char *text = userdata;

        snprintf(text + strlen(text), 256 - strlen(text), "%s:%s ", user, group);
        return 0;
}

static const char *memberships(store *s, const char *user, const char *group)
{
        static char text[256];

        text[0] = '\0';
        assert_int_equal(store_each_membership(s, user, group, count_membership, text), 0);
        return text;
}

static void test_accounts(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        _cleanup_account_row_ account_row row = { 0 };

        (void)state;
        check_absent(s, UUID, "alice", UID);
        put_account(s, UUID, "alice", UID);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        check_found(s, UUID, "alice", UID);
        check_found(s, OTHER_UUID, "bob", UID + 1);
        s = store_free(s);
        s = open_store();
        check_found(s, UUID, "alice", UID);

        assert_int_equal(store_refuse_account(s, UUID), 0);
        assert_int_equal(store_find_account(s, "alice", &row), 0);
        assert_true(row.refused);
        put_account(s, UUID, "alice", UID);
        account_row_done(&row);
        assert_int_equal(store_find_account(s, "alice", &row), 0);
        assert_false(row.refused);

        assert_int_equal(store_delete_account(s, UUID), 0);
        check_absent(s, UUID, "alice", UID);
        check_found(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_delete_account(s, UUID), 0);
}

static void test_memberships(void **state)
{
        static const char *const fewer[] = { "ops" };
        _cleanup_(store_freep) store *s = open_store();
        account_row row = account_of(UUID, "alice", UID);

        (void)state;
        put_account(s, UUID, "alice", UID);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_string_equal(memberships(s, "bob", NULL), "bob:devs bob:ops ");
        assert_string_equal(memberships(s, NULL, "devs"), "alice:devs bob:devs ");
        assert_string_equal(memberships(s, "alice", "ops"), "alice:ops ");
        assert_string_equal(memberships(s, "alice", "none"), "");
        assert_int_equal(
                strlen(memberships(s, NULL, NULL)), strlen("alice:devs bob:devs ") * 2 - 2);
        assert_int_equal(store_find_group(s, "devs"), 0);
        assert_int_equal(store_find_group(s, "none"), -ENOENT);

        assert_int_equal(store_put_account(s, &row, fewer, 1), 0);
        assert_string_equal(memberships(s, "alice", NULL), "alice:ops ");
        assert_int_equal(store_delete_account(s, OTHER_UUID), 0);
        assert_string_equal(memberships(s, NULL, "devs"), "");
        assert_int_equal(store_find_group(s, "devs"), -ENOENT);
}

/* A name or a uid that is another identity's: everything stays as it was. */
static void test_put_account_is_all_or_nothing(void **state)
{
        static const char *const groups[] = { "admins" }, *const twice[] = { "admins", "admins" };
        _cleanup_(store_freep) store *s = open_store();
        account_row name = account_of(OTHER_UUID, "alice", UID + 1);
        account_row number = account_of(OTHER_UUID, "bob", UID);
        account_row whole = account_of(OTHER_UUID, "carol", UID + 2);

        (void)state;
        put_account(s, UUID, "alice", UID);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_put_account(s, &name, groups, 1), -EEXIST);
        assert_int_equal(store_put_account(s, &number, groups, 1), -EEXIST);
        assert_int_equal(store_put_account(s, &whole, twice, 2), -EEXIST);
        check_found(s, UUID, "alice", UID);
        check_found(s, OTHER_UUID, "bob", UID + 1);
        assert_string_equal(memberships(s, "bob", NULL), "bob:devs bob:ops ");
        assert_string_equal(memberships(s, NULL, "admins"), "");
        assert_int_equal(store_put_account(s, &whole, groups, 1), 0);
        check_found(s, OTHER_UUID, "carol", UID + 2);
}

static void test_transactions(void **state)
{
        _cleanup_(store_freep) store *s = open_store();

        (void)state;
        /* The result is passed on, whatever it says. */
        assert_int_equal(store_begin(s), 0);
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_end(s, 1), 1);
        check_found(s, UUID, "alice", UID);

        assert_int_equal(store_begin(s), 0);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_end(s, -EBADMSG), -EBADMSG);
        check_absent(s, OTHER_UUID, "bob", UID + 1);
        check_found(s, UUID, "alice", UID);
}

/* One within another: the inner's end is no end of the outer, and its failure undoes it alone. */
static void test_nested_transactions(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        account_row taken = account_of(OTHER_UUID, "alice", UID + 1);

        (void)state;
        assert_int_equal(store_begin(s), 0);
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_put_account(s, &taken, NULL, 0), -EEXIST);
        assert_int_equal(store_begin(s), 0);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_end(s, -EBADMSG), -EBADMSG);
        assert_int_equal(store_begin(s), 0);
        put_account(s, THIRD_UUID, "carol", UID + 2);
        assert_int_equal(store_end(s, 2), 2);
        assert_int_equal(store_end(s, 0), 0);
        check_found(s, UUID, "alice", UID);
        check_absent(s, OTHER_UUID, "bob", UID + 1);
        check_found(s, THIRD_UUID, "carol", UID + 2);

        /* What the inner one changed goes with the outer. */
        assert_int_equal(store_begin(s), 0);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_end(s, -EIO), -EIO);
        check_absent(s, OTHER_UUID, "bob", UID + 1);
        s = store_free(s);
        s = open_store();
        check_found(s, THIRD_UUID, "carol", UID + 2);
}

static void test_rule_1_numbers_are_given_once(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        char owner[NUMBER_OWNER_MAX] = "";
        uid_t number = 7;

        (void)state;
        assert_int_equal(store_find_number(s, "user:" UUID, &number), -ENOENT);
        assert_int_equal(store_find_owner(s, UID, owner), -ENOENT);
        assert_int_equal(number, 7);
        assert_int_equal(store_put_number(s, UID, "user:" UUID), 0);
        assert_int_equal(store_put_number(s, UID, "user:" OTHER_UUID), -EEXIST);
        assert_int_equal(store_put_number(s, UID + 1, "user:" UUID), -EEXIST);
        assert_int_equal(
                store_put_number(s, 2147352575, "group:a2345678901234567890123456789012"), 0);

        /* It stays its owner's when the account is no more. */
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_delete_account(s, UUID), 0);
        s = store_free(s);
        s = open_store();
        assert_int_equal(store_find_number(s, "user:" UUID, &number), 0);
        assert_int_equal(number, UID);
        assert_int_equal(store_find_owner(s, UID, owner), 0);
        assert_string_equal(owner, "user:" UUID);
        assert_int_equal(store_find_owner(s, 2147352575, owner), 0);
        assert_string_equal(owner, "group:a2345678901234567890123456789012");
        assert_int_equal(store_put_number(s, UID, "user:" OTHER_UUID), -EEXIST);
}

static void test_rule_31_pins(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        char identity[UUID_LENGTH + 1] = "", name[USER_NAME_MAX + 1] = "";

        (void)state;
        assert_int_equal(store_find_pin(s, "alice", identity), -ENOENT);
        assert_int_equal(store_find_pinned_name(s, UUID, name), -ENOENT);
        assert_int_equal(store_add_pin(s, "alice", UUID), 0);
        assert_int_equal(store_add_pin(s, "alice", OTHER_UUID), -EEXIST);
        assert_int_equal(store_add_pin(s, "bob", UUID), -EEXIST);
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_delete_account(s, UUID), 0);
        assert_int_equal(store_find_pin(s, "alice", identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(store_find_pinned_name(s, UUID, name), 0);
        assert_string_equal(name, "alice");
        assert_int_equal(store_delete_pin(s, "alice"), 0);
        assert_int_equal(store_delete_pin(s, "alice"), -ENOENT);
        assert_int_equal(store_add_pin(s, "alice", OTHER_UUID), 0);
}

static void test_standing(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        standing last = { .checked = 7 };

        (void)state;
        assert_int_equal(store_find_standing(s, UUID, &last), -ENOENT);
        assert_int_equal(last.checked, 7);
        for (int i = 0; i < 2; i++) {
                const standing now = { .active = i == 1, .checked = 5000000000 + i };

                assert_int_equal(store_put_standing(s, UUID, &now), 0);
                assert_int_equal(store_find_standing(s, UUID, &last), 0);
                assert_int_equal(last.active, i == 1);
                assert_int_equal(last.checked, 5000000000 + i);
        }
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_delete_account(s, UUID), 0);
        assert_int_equal(store_find_standing(s, UUID, &last), -ENOENT);
}

static int note_account(const account_row *row, void *userdata)
{
        return count_membership(row->name, row->identity, userdata);
}

static int stop_at_account(const account_row *row, void *userdata)
{
        (void)userdata;
        return strcmp(row->name, "alice") == 0 ? 5 : 0;
}

static int note_group(const char *group, gid_t gid, void *userdata)
{
        char number[32];

        snprintf(number, sizeof(number), "%u", gid);
        return count_membership(group, number, userdata);
}

static int stop(const char *one, const char *two, void *userdata)
{
        (void)one;
        (void)two;
        (void)userdata;
        return -ECANCELED;
}

static int stop_at_group(const char *group, gid_t gid, void *userdata)
{
        (void)gid;
        return stop(group, group, userdata);
}

static void test_enumeration(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        char text[256] = "";

        (void)state;
        put_account(s, UUID, "alice", UID);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        assert_int_equal(store_put_number(s, 1879050000, "group:devs"), 0);
        for (int i = 0; i < 2; i++) {
                text[0] = '\0';
                assert_int_equal(store_each_account(s, note_account, text), 0);
                assert_string_equal(text, "alice:" UUID " bob:" OTHER_UUID " ");
                assert_int_equal(store_each_account(s, stop_at_account, NULL), 5);
        }
        /* A group without a number is none yet. */
        text[0] = '\0';
        assert_int_equal(store_each_group(s, note_group, text), 0);
        assert_string_equal(text, "devs:1879050000 ");
        assert_int_equal(store_each_group(s, stop_at_group, NULL), -ECANCELED);
        assert_int_equal(store_each_membership(s, NULL, NULL, stop, NULL), -ECANCELED);
        /* Whoever was stopped keeps no change from being made. */
        put_account(s, THIRD_UUID, "carol", UID + 2);
}

static void test_next_identity(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        char identity[UUID_LENGTH + 1] = "";
        session_row row = row_of(ID("1"), ROW_OPEN, 0);

        (void)state;
        assert_int_equal(store_next_identity(s, "", false, identity), -ENOENT);
        put_account(s, OTHER_UUID, "bob", UID + 1);
        put_account(s, UUID, "alice", UID);
        assert_int_equal(store_next_identity(s, "", false, identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(store_next_identity(s, UUID, false, identity), 0);
        assert_string_equal(identity, OTHER_UUID);
        assert_int_equal(store_next_identity(s, OTHER_UUID, false, identity), -ENOENT);

        assert_int_equal(store_next_identity(s, "", true, identity), -ENOENT);
        insert(s, ID("0"), ROW_REVOKING, 0);
        assert_int_equal(store_next_identity(s, "", true, identity), -ENOENT);
        snprintf(row.identity, sizeof(row.identity), THIRD_UUID);
        assert_int_equal(store_insert(s, &row), 0);
        assert_int_equal(store_next_identity(s, "", true, identity), 0);
        assert_string_equal(identity, THIRD_UUID);
        assert_int_equal(store_next_identity(s, THIRD_UUID, true, identity), -ENOENT);
}

/* Numbers that are no user's, in a file that somebody changed: no user gets them, by no cut. */
static void test_rule_37_numbers_out_of_range(void **state)
{
        static const char *const numbers[] = { "-1", "4294967295", "4294967296", "8589934592",
                "-4294967296", "9223372036854775807", "'root'" };
        char script[256];

        (void)state;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                _cleanup_account_row_ account_row row = { 0 };
                store *s = open_store();
                uid_t number = 0;

                put_account(s, UUID, "alice", UID);
                store_free(s);
                snprintf(script, sizeof(script),
                        "UPDATE account SET uid = %1$s, gid = %1$s;"
                        "DELETE FROM number; INSERT OR IGNORE INTO number VALUES"
                        " (CAST(%1$s AS INTEGER), 'group:devs')",
                        numbers[i]);
                alter(script);
                s = open_store();
                assert_int_equal(store_find_account(s, "alice", &row), 0);
                if (strcmp(numbers[i], "'root'") == 0) {
                        assert_int_equal(row.uid, 0); /* the directory's to refuse */
                } else {
                        assert_int_equal(row.uid, (uid_t)-1);
                        assert_int_equal(row.gid, (gid_t)-1);
                        assert_int_equal(store_find_number(s, "group:devs", &number), 0);
                        assert_int_equal(number, (uid_t)-1);
                }
                store_free(s);
        }
}

/* A name that is too long for anybody is not cut to one that is somebody's. */
static void test_rule_10_long_names_are_nobodys(void **state)
{
        _cleanup_account_row_ account_row row = { 0 };
        store *s = open_store();

        (void)state;
        put_account(s, UUID, "alice", UID);
        store_free(s);
        alter("UPDATE account SET name = 'a2345678901234567890123456789012' || '3'");
        s = open_store();
        assert_int_equal(store_find_account_uid(s, UID, &row), 0);
        assert_string_equal(row.name, "");
        store_free(s);
}

static int count_row(const char *id, void *userdata)
{
        assert_string_equal(id, ID("0"));
        ++*(unsigned *)userdata;
        return 0;
}

/* A file of before there were accounts: its sessions and pins are there still. */
static void test_migration_from_version_1(void **state)
{
        char identity[UUID_LENGTH + 1] = "";
        session_row row = { 0 };
        unsigned count = 0;
        store *s;

        (void)state;
        alter(VERSION_1 "PRAGMA user_version = 1");
        s = open_store();
        assert_string_equal(said, "");
        insert(s, ID("0"), ROW_OPEN, 0);
        store_free(s);
        /* With a session in it, by the same machine and boot. */
        alter("DROP TABLE account; DROP TABLE number; DROP TABLE membership; DROP TABLE standing;"
              "DROP TABLE throttle; DROP TABLE password_change;"
              "DROP INDEX session_identity; DROP INDEX session_user;"
              "ALTER TABLE session DROP COLUMN opener; ALTER TABLE session DROP COLUMN opened;"
              "ALTER TABLE session DROP COLUMN borrowed;"
              "ALTER TABLE session DROP COLUMN renewals; PRAGMA user_version = 1");
        s = open_store();
        assert_string_equal(said, "");
        assert_int_equal(store_find_pin(s, "alice", identity), 0);
        assert_string_equal(identity, UUID);
        assert_int_equal(store_find(s, ID("0"), &row), 0);
        assert_string_equal(row.user, "alice");
        assert_int_equal(row.state, ROW_OPEN);
        assert_int_equal(row.token_size, 18);
        assert_int_equal(row.opener, 0);
        assert_string_equal(row.borrowed, "");
        assert_memory_equal(row.token, TOKEN_BYTES, 18);
        assert_int_equal(store_each_id(s, ROW_OPEN, count_row, &count), 0);
        assert_int_equal(count, 1);
        put_account(s, UUID, "alice", UID);
        check_found(s, UUID, "alice", UID);
        s = store_free(s);
        s = open_store();
        check_found(s, UUID, "alice", UID);
        store_free(s);
}

/* A step that fails leaves the file as it was, for the version that wrote it. */
static void test_migration_is_whole(void **state)
{
        char identity[UUID_LENGTH + 1] = "";
        store *s;

        (void)state;
        alter(VERSION_1 "CREATE TABLE standing (x); PRAGMA user_version = 1");
        s = open_store();
        assert_string_not_equal(said, "");
        assert_true(store_find_pin(s, "alice", identity) < 0);
        store_free(s);
        alter("DROP TABLE standing");
        s = open_store();
        assert_int_equal(store_find_pin(s, "alice", identity), 0);
        put_account(s, UUID, "alice", UID);
        store_free(s);
}

static void test_newer_version_is_refused(void **state)
{
        account_row row;
        store *s = open_store();

        (void)state;
        put_account(s, UUID, "alice", UID);
        store_free(s);
        alter("PRAGMA user_version = 99");
        s = open_store();
        assert_non_null(strstr(said, "newer"));
        assert_int_equal(store_find_account(s, "alice", &row), -EPROTONOSUPPORT);
        assert_int_equal(store_begin(s), -EPROTONOSUPPORT);
        store_free(s);
        alter("PRAGMA user_version = 5");
        s = open_store();
        check_found(s, UUID, "alice", UID);
        store_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_accounts),
                TEST(test_memberships),
                TEST(test_put_account_is_all_or_nothing),
                TEST(test_transactions),
                TEST(test_nested_transactions),
                TEST(test_rule_1_numbers_are_given_once),
                TEST(test_rule_31_pins),
                TEST(test_standing),
                TEST(test_enumeration),
                TEST(test_next_identity),
                TEST(test_rule_37_numbers_out_of_range),
                TEST(test_rule_10_long_names_are_nobodys),
                TEST(test_migration_from_version_1),
                TEST(test_migration_is_whole),
                TEST(test_newer_version_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
