/* The user database: answers of many replies. */
#include "userdb-world.h"

static void test_enumeration(void **state)
{
        world *w = *state;

        assert_call(w, USER(""), ERROR("EnumerationNotSupported"));
        assert_call(w, ASK_MORE("GetUserRecord", ""), ERROR("EnumerationNotSupported"));
        assert_call(w, ASK_MORE("GetGroupRecord", ""), ERROR("EnumerationNotSupported"));
        assert_call(w, ASK_MORE("GetMemberships", ""), ERROR("EnumerationNotSupported"));
        w->directory.enumerates = true;
        assert_call(w, USER(""), ERROR("EnumerationNotSupported"));
        assert_call(w, GROUP(""), ERROR("EnumerationNotSupported"));
        assert_call(w, ASK("GetMemberships", ""), ERROR("EnumerationNotSupported"));
        client_send(w->event, w->fd, ASK_MORE("GetUserRecord", ""));
        assert_answer(
                w, w->fd, ALICE_OPEN ALICE_KEYS "},\"incomplete\":false},\"continues\":true}");
        assert_answer(w, w->fd, BOB_RECORD);
        client_send(w->event, w->fd, ASK_MORE("GetGroupRecord", ""));
        assert_non_null(strstr(client_receive(w->event, w->fd), "\"continues\":true"));
        assert_null(strstr(client_receive(w->event, w->fd), "\"continues\":true"));
        w->directory.count = 0;
        assert_call(w, ASK_MORE("GetUserRecord", ""), ERROR("NoRecordFound"));
        assert_call(w, ASK_MORE("GetGroupRecord", ""), ERROR("NoRecordFound"));
        assert_call(w, ASK_MORE("GetMemberships", ""), ERROR("NoRecordFound"));
}

static void test_memberships(void **state)
{
        world *w = *state;

        assert_call(w, ASK("GetMemberships", "\"userName\":\"alice\","),
                ERROR("EnumerationNotSupported"));
        assert_call(w, ASK("GetMemberships", "\"groupName\":\"team\","),
                ERROR("EnumerationNotSupported"));
        assert_call(w, ASK("GetMemberships", "\"userName\":\"alice\",\"groupName\":\"team\","),
                "{\"parameters\":{\"userName\":\"alice\",\"groupName\":\"team\"}}");
        assert_call(w, ASK("GetMemberships", "\"userName\":\"alice\",\"groupName\":\"other\","),
                ERROR("NoRecordFound"));
        assert_call(w, ASK_MORE("GetMemberships", "\"userName\":\"alice\","),
                "{\"parameters\":{\"userName\":\"alice\",\"groupName\":\"team\"}}");
        assert_call(
                w, ASK_MORE("GetMemberships", "\"userName\":\"carol\","), ERROR("NoRecordFound"));
        assert_call(w, ASK_MORE("GetMemberships", "\"groupName\":\"team\","),
                "{\"parameters\":{\"userName\":\"alice\",\"groupName\":\"team\"},"
                "\"continues\":true}");
        assert_answer(w, w->fd, "{\"parameters\":{\"userName\":\"bob\",\"groupName\":\"team\"}}");
        /* Whoever is hidden is in no group, also where the group's members are told one by one. */
        w->directory.hidden = "alice";
        assert_call(w, ASK_MORE("GetMemberships", "\"groupName\":\"team\","),
                "{\"parameters\":{\"userName\":\"bob\",\"groupName\":\"team\"}}");
        w->directory.hidden = NULL;
        /* A group of the host's own, in which [Groups] puts her. */
        w->directory.people[0].group = "docker";
        assert_call(w, ASK_MORE("GetMemberships", "\"userName\":\"alice\","),
                "{\"parameters\":{\"userName\":\"alice\",\"groupName\":\"docker\"}}");
        assert_int_equal(w->lookups.begun, 0);
}

static void add_many(world *w, size_t count)
{
        char name[USER_NAME_MAX + 1];

        while (w->directory.count < count) {
                (void)snprintf(name, sizeof(name), "u%zu", w->directory.count);
                add_person(&w->directory, name, BOB + (uid_t)w->directory.count)->group = TEAM;
        }
}

static size_t count_answers(world *w, int fd)
{
        for (size_t count = 1;; count++) {
                const char *answer = client_receive(w->event, fd);

                assert_non_null(answer);
                assert_non_null(strstr(answer, "\"parameters\""));
                if (!strstr(answer, "\"continues\":true"))
                        return count;
        }
}

/* More than may wait for anybody at once. */
static void test_long_lists(void **state)
{
        world *w = *state;

        w->directory.enumerates = true;
        add_many(w, 3000);
        client_send(w->event, w->fd, ASK_MORE("GetMemberships", "\"groupName\":\"team\","));
        assert_int_equal(count_answers(w, w->fd), 3000);
        client_send(w->event, w->fd, ASK_MORE("GetUserRecord", ""));
        assert_int_equal(count_answers(w, w->fd), 3000);
        client_send(w->event, w->fd, ASK_MORE("GetGroupRecord", ""));
        assert_int_equal(count_answers(w, w->fd), 3000);
        assert_call(w, USER("\"userName\":\"bob\","), BOB_RECORD);
}

/* While a list is told, who has gone since is passed over. */
static void test_a_list_is_of_now(void **state)
{
        world *w = *state;
        size_t count;

        w->directory.enumerates = true;
        add_many(w, 5000);
        client_send(w->event, w->fd, ASK_MORE("GetUserRecord", ""));
        w->directory.count = 10;
        count = count_answers(w, w->fd);
        assert_in_range(count, 10, 4000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_enumeration),
                WITH_WORLD(test_memberships),
                WITH_WORLD(test_long_lists),
                WITH_WORLD(test_a_list_is_of_now),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
