/* Rows that wait for a person's next login: whose they are, and how many. */
#include "store-folder.h"

/* The name may have been somebody else's before. */
static void test_rule_2_what_waits_for_another_identity(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        session_row row = row_of(ID("1"), ROW_REVOKING, DUE_NEVER), found;

        (void)state;
        assert_int_equal(store_insert(s, &row), 0);
        assert_int_equal(store_find_waiting(s, "alice", OTHER_UUID, "", &found), -ENOENT);
        assert_int_equal(store_find_waiting(s, "alice", UUID, "", &found), 0);
        /* Whose this one is nobody knows yet. */
        row.identity[0] = '\0';
        assert_int_equal(store_update(s, &row), 0);
        assert_int_equal(store_find_waiting(s, "alice", OTHER_UUID, "", &found), 0);
}

static void insert_posted(store *s, const char *id, const char *user, int64_t posted)
{
        session_row row = row_of(id, ROW_REVOKING, DUE_NEVER);

        row.posted = posted;
        snprintf(row.user, sizeof(row.user), "%s", user);
        assert_int_equal(store_insert(s, &row), 0);
}

static void test_forget_waiting(void **state)
{
        _cleanup_(store_freep) store *s = open_store();
        unsigned forgotten = 7;
        session_row found;

        (void)state;
        insert_posted(s, ID("1"), "alice", 30);
        insert_posted(s, ID("2"), "alice", 10);
        insert_posted(s, ID("3"), "alice", 0); /* of an earlier boot: older than all */
        insert_posted(s, ID("4"), "alice", 40);
        insert_posted(s, ID("5"), "bob", 5);
        insert(s, ID("6"), ROW_REVOKING, 1);
        insert(s, ID("7"), ROW_OPEN, DUE_NEVER);

        assert_int_equal(store_forget_waiting(s, "alice", 4, 1, &forgotten), 0);
        assert_int_equal(forgotten, 0);
        assert_int_equal(store_forget_waiting(s, "alice", 3, 1, &forgotten), 0);
        assert_int_equal(forgotten, 1);
        assert_int_equal(store_find(s, ID("3"), &found), -ENOENT);
        assert_int_equal(store_forget_waiting(s, "alice", 3, 30, &forgotten), 0);
        assert_int_equal(forgotten, 1);
        assert_int_equal(store_find(s, ID("2"), &found), -ENOENT);
        assert_int_equal(store_forget_waiting(s, "alice", 1, 1, &forgotten), 0);
        assert_int_equal(forgotten, 1);
        assert_int_equal(store_find(s, ID("4"), &found), 0);
        for (unsigned i = 5; i <= 7; i++)
                assert_int_equal(
                        store_find(s, (const char *const[]){ ID("5"), ID("6"), ID("7") }[i - 5],
                                &found),
                        0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_2_what_waits_for_another_identity),
                TEST(test_forget_waiting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
