/* The store: its rows and pins. */
#include "store-folder.h"

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
        assert_int_equal(a->opener, b->opener);
        assert_int_equal(a->opened, b->opened);
        assert_string_equal(a->borrowed, b->borrowed);
        assert_int_equal(a->renewals, b->renewals);
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
        row.opener = INT32_MAX;
        row.opened = INT64_MAX;
        row.renewals = 100;
        memcpy(row.borrowed, UUID, sizeof(row.borrowed));
        row.posted = -1;
        row.rhost[0] = row.session[0] = '\0';
        assert_int_equal(store_update(s, &row), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_same(&found, &row);

        assert_int_equal(store_delete(s, ID("0")), 0);
        assert_int_equal(store_delete(s, ID("0")), 0);
        assert_int_equal(store_find(s, ID("0"), &found), -ENOENT);
        assert_int_equal(store_update(s, &row), 0); /* the file may have lost it */
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_same(&found, &row);
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
        assert_int_equal(store_find_waiting(s, "alice", UUID, "", &found), -ENOENT);
        insert(s, ID("3"), ROW_REVOKING, DUE_NEVER);
        insert(s, ID("2"), ROW_REVOKING, DUE_NEVER);
        assert_int_equal(store_find_waiting(s, "bob", UUID, "", &found), -ENOENT);
        assert_int_equal(store_find_waiting(s, "alice", UUID, "", &found), 0);
        assert_string_equal(found.id, ID("2"));
        assert_int_equal(store_find_waiting(s, "alice", UUID, ID("2"), &found), 0);
        assert_string_equal(found.id, ID("3"));
        assert_int_equal(store_find_waiting(s, "alice", UUID, ID("3"), &found), -ENOENT);

        assert_int_equal(store_requeue(s), 0);
        assert_int_equal(store_find_waiting(s, "alice", UUID, "", &found), -ENOENT);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_int_equal(found.due, 0);
        assert_int_equal(store_find(s, ID("1"), &found), 0);
        assert_true(found.due == DUE_NEVER);
}

static void insert_opened(store *s, const char *id, const char *user, pid_t opener)
{
        session_row row = row_of(id, ROW_OPEN, 0);

        snprintf(row.user, sizeof(row.user), "%s", user);
        row.opener = opener;
        assert_int_equal(store_insert(s, &row), 0);
}

static void test_rule_34_sessions_by_their_opener(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row borrowed = row_of(ID("5"), ROW_OPEN, 0), found;

        (void)state;
        insert(s, ID("0"), ROW_OPEN, 0); /* of before openers were known */
        insert(s, ID("1"), ROW_REVOKING, 0);
        borrowed.opener = 7;
        memcpy(borrowed.borrowed, UUID, sizeof(borrowed.borrowed));
        assert_int_equal(store_insert(s, &borrowed), 0);
        assert_int_equal(store_has_open(s, "alice"), 0);
        assert_int_equal(store_find_opened(s, "alice", 7, "", &found), -ENOENT);

        insert_opened(s, ID("2"), "alice", 7);
        insert_opened(s, ID("3"), "alice", 7);
        insert_opened(s, ID("4"), "bob", 8);
        assert_int_equal(store_has_open(s, "alice"), 1);
        assert_int_equal(store_has_open(s, "bob"), 1);
        assert_int_equal(store_has_open(s, "carol"), 0);
        assert_int_equal(store_find_opened(s, "alice", 7, "", &found), 0);
        assert_string_equal(found.id, ID("2"));
        assert_int_equal(store_find_opened(s, "alice", 7, ID("2"), &found), 0);
        assert_string_equal(found.id, ID("3"));
        assert_int_equal(store_find_opened(s, "alice", 7, ID("3"), &found), -ENOENT);
        assert_int_equal(store_find_opened(s, "alice", 8, "", &found), -ENOENT);
        assert_int_equal(store_find_opened(s, "bob", 7, "", &found), -ENOENT);
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
        session_row of_this_daemon = row_of(ID("2"), ROW_POSTED, 50), found;

        (void)state;
        insert(s, ID("0"), ROW_POSTED, 50);
        insert(s, ID("1"), ROW_OPEN, 50);
        of_this_daemon.posted++;
        assert_int_equal(store_insert(s, &of_this_daemon), 0);
        assert_int_equal(store_abandon_posted(s, of_this_daemon.posted), 0);
        assert_int_equal(store_find(s, ID("0"), &found), 0);
        assert_int_equal(found.state, ROW_REVOKING);
        assert_int_equal(found.due, 0);
        assert_in_range(boottime_usec() - found.posted, 0, 10000000);
        assert_int_equal(store_find(s, ID("1"), &found), 0);
        assert_int_equal(found.state, ROW_OPEN);
        assert_int_equal(store_find(s, ID("2"), &found), 0);
        assert_int_equal(found.state, ROW_POSTED);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rows),
                TEST(test_rows_survive),
                TEST(test_find_login),
                TEST(test_find_due),
                TEST(test_find_waiting_and_requeue),
                TEST(test_rule_34_sessions_by_their_opener),
                TEST(test_each_id),
                TEST(test_abandon_posted),
                TEST(test_pins),
                TEST(test_rows_of_another_machine_and_boot),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
