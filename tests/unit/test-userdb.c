/* The user database: one user or group, with each kind of question. */
#include <time.h>

#include "userdb-world.h"

static void test_users(void **state)
{
        world *w = *state;

        assert_call(w, USER("\"userName\":\"alice\","), ALICE_FOR_ROOT);
        assert_call(w, USER("\"uid\":1879050001,"), ALICE_FOR_ROOT);
        assert_call(w, USER("\"uid\":1879050001,\"userName\":\"alice\","), ALICE_FOR_ROOT);
        assert_call(w, USER("\"uid\":null,\"userName\":\"bob\","), BOB_RECORD);
        assert_call(w, ASK_MORE("GetUserRecord", "\"userName\":\"bob\","), BOB_RECORD);
        assert_call(w, USER("\"uid\":1879050003,"), ERROR("NoRecordFound"));
        assert_int_equal(w->lookups.begun, 0);
}

static void test_keys_are_for_root_and_the_user(void **state)
{
        world *w = *state;
        _cleanup_close_ int alice = client_connect_as(w->event, ALICE);
        _cleanup_close_ int bob = client_connect_as(w->event, BOB);

        client_send(w->event, alice, USER("\"userName\":\"alice\","));
        assert_answer(w, alice, ALICE_FOR_ROOT);
        client_send(w->event, bob, USER("\"userName\":\"alice\","));
        assert_answer(w, bob, ALICE_FOR_OTHERS);
        client_send(w->event, bob, USER("\"uid\":1879050001,"));
        assert_answer(w, bob, ALICE_FOR_OTHERS);
        /* Nothing is left out where there is nothing. */
        client_send(w->event, alice, USER("\"userName\":\"bob\","));
        assert_answer(w, alice, BOB_RECORD);
}

static void test_the_inactive_are_locked_and_have_no_keys(void **state)
{
        world *w = *state;
        _cleanup_close_ int alice = client_connect_as(w->event, ALICE);

        w->directory.people[0].inactive = true;
        assert_call(w, USER("\"userName\":\"alice\","),
                ALICE_OPEN ",\"locked\":true},\"incomplete\":false}}");
        client_send(w->event, alice, USER("\"userName\":\"alice\","));
        assert_answer(w, alice, ALICE_OPEN ",\"locked\":true},\"incomplete\":false}}");
}

/* A record is not incomplete for what nobody is told. */
static void test_rule_5_whom_sshd_would_not_let_in_has_no_keys(void **state)
{
        world *w = *state;
        _cleanup_close_ int bob = client_connect_as(w->event, BOB);

        w->directory.people[0].denied = true;
        assert_call(w, USER("\"userName\":\"alice\","), ALICE_OPEN "},\"incomplete\":false}}");
        client_send(w->event, bob, USER("\"userName\":\"alice\","));
        assert_answer(w, bob, ALICE_OPEN "},\"incomplete\":false}}");
}

static void test_dates(void **state)
{
        world *w = *state;
        posix *document = &w->directory.people[1].document;

        document->not_before = 1700000000;
        document->not_after = 1800000000;
        assert_call(w, USER("\"userName\":\"bob\","),
                BOB_OPEN ",\"notBeforeUSec\":1700000000000000,\"notAfterUSec\":1800057600000000},"
                         "\"incomplete\":false}}");
        document->not_before = -5;
        document->not_after = -1;
        assert_call(w, USER("\"userName\":\"bob\","),
                BOB_OPEN ",\"notBeforeUSec\":0,\"notAfterUSec\":0},\"incomplete\":false}}");
        document->not_before = INT64_MIN;
        document->not_after = INT64_MAX - 1;
        assert_call(w, USER("\"userName\":\"bob\","), BOB_RECORD);
}

static void test_conflicts(void **state)
{
        world *w = *state;

        assert_call(w, USER("\"uid\":1879050002,\"userName\":\"alice\","),
                ERROR("ConflictingRecordFound"));
        assert_call(w, USER("\"uid\":1879050003,\"userName\":\"alice\","),
                ERROR("ConflictingRecordFound"));
        assert_call(w, USER("\"uid\":1879050002,\"userName\":\"carol\","),
                ERROR("ConflictingRecordFound"));
        assert_int_equal(w->lookups.begun, 0);
        assert_call(w, GROUP("\"gid\":1879050002,\"groupName\":\"alice\","),
                ERROR("ConflictingRecordFound"));
        assert_call(w, GROUP("\"gid\":1879050002,\"groupName\":\"carol\","),
                ERROR("ConflictingRecordFound"));
        assert_call(
                w, GROUP("\"gid\":1879050003,\"groupName\":\"carol\","), ERROR("NoRecordFound"));
}

static void test_groups(void **state)
{
        world *w = *state;

        assert_call(w, GROUP("\"groupName\":\"alice\","), ALICES_GROUP);
        assert_call(w, GROUP("\"gid\":1879050001,"), ALICES_GROUP);
        assert_call(w, GROUP("\"gid\":1879050001,\"groupName\":\"alice\","), ALICES_GROUP);
        assert_call(w, GROUP("\"groupName\":\"carol\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"gid\":1879050003,"), ERROR("NoRecordFound"));
        assert_int_equal(w->lookups.begun, 0);
}

static void test_the_service_must_be_ours(void **state)
{
        static const char *const methods[] = { "GetUserRecord", "GetGroupRecord",
                "GetMemberships" };
        static const char *const services[] = { "", "\"service\":\"io.systemd.Multiplexer\"",
                "\"service\":\"org.kratosd1.\"", "\"service\":null", "\"service\":\"\"" };
        world *w = *state;
        char call[256];

        for (size_t i = 0; i < 3; i++) {
                for (size_t k = 0; k < 5; k++) {
                        (void)snprintf(call, sizeof(call),
                                "{\"method\":\"io.systemd.UserDatabase.%s\",\"parameters\":{%s}}",
                                methods[i], services[k]);
                        assert_call(w, call, ERROR("BadService"));
                }
                (void)snprintf(call, sizeof(call),
                        "{\"method\":\"io.systemd.UserDatabase.%s\",\"parameters\":{\"service\":1}"
                        "}",
                        methods[i]);
                assert_call(w, call, INVALID("service"));
        }
        assert_call(
                w, "{\"method\":\"io.systemd.UserDatabase.GetUserRecord\"}", ERROR("BadService"));
        assert_int_equal(w->directory.asked, 0);
}

static void test_parameters_of_another_kind(void **state)
{
        world *w = *state;

        assert_call(w, USER("\"userName\":1,"), INVALID("userName"));
        assert_call(w, USER("\"userName\":[\"alice\"],"), INVALID("userName"));
        assert_call(w, USER("\"uid\":\"1879050001\","), INVALID("uid"));
        assert_call(w, USER("\"uid\":1879050001.0,"), INVALID("uid"));
        assert_call(w, USER("\"uid\":-1,"), INVALID("uid"));
        assert_call(w, USER("\"uid\":4294967296,"), INVALID("uid"));
        assert_call(w, USER("\"uid\":6174017297,"), INVALID("uid"));
        assert_call(w, USER("\"uid\":18446744073709551616,"), INVALID("uid"));
        assert_call(w, USER("\"uid\":true,"), INVALID("uid"));
        assert_call(w, USER("\"gid\":1,"), INVALID("gid"));
        assert_call(w, GROUP("\"groupName\":{},"), INVALID("groupName"));
        assert_call(w, GROUP("\"gid\":\"x\","), INVALID("gid"));
        assert_call(w, GROUP("\"uid\":1,"), INVALID("uid"));
        assert_call(w, ASK("GetMemberships", "\"groupName\":1,"), INVALID("groupName"));
        assert_call(w, ASK("GetMemberships", "\"uid\":1,"), INVALID("uid"));
        /* Newer clients ask again without what we do not know. */
        assert_call(w, USER("\"uidMin\":0,"), INVALID("uidMin"));
        assert_int_equal(w->directory.asked, 0);
}

static void test_rule_10_names_of_another_form_are_nobodys(void **state)
{
        static const char *const names[] = { "", "Alice", "alice:x", "ali\\nce", "../alice",
                "-alice", "alice@example.org", "0", "\xc3\xa4", "al ice",
                "abcdefghijklmnopqrstuvwxyz0123456" };
        world *w = *state;
        char call[256];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                (void)snprintf(call, sizeof(call), USER("\"userName\":\"%s\","), names[i]);
                assert_call(w, call, ERROR("NoRecordFound"));
                (void)snprintf(call, sizeof(call), GROUP("\"groupName\":\"%s\","), names[i]);
                assert_call(w, call, ERROR("NoRecordFound"));
                (void)snprintf(call, sizeof(call),
                        ASK("GetMemberships", "\"groupName\":\"team\",\"userName\":\"%s\","),
                        names[i]);
                assert_call(w, call, ERROR("NoRecordFound"));
        }
        assert_int_equal(w->directory.asked + w->lookups.begun, 0);
}

static void test_rule_37_what_is_reserved_is_never_told(void **state)
{
        world *w = *state;

        add_person(&w->directory, "root", 0)->group = TEAM;
        add_person(&w->directory, "docker", 1879050010)->group = TEAM;
        add_person(&w->directory, "zero", 0);
        add_person(&w->directory, "low", 999);
        add_person(&w->directory, "foreign", 2147352576);
        add_person(&w->directory, "grouped", 1879050011)->gid = 27;
        add_person(&w->directory, "other", 1879050012)->reported_as_other = true;
        w->directory.enumerates = true;
        assert_call(w, USER("\"userName\":\"root\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"docker\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"uid\":0,"), ERROR("NoRecordFound"));
        assert_call(w, USER("\"uid\":999,"), ERROR("NoRecordFound"));
        assert_call(w, USER("\"uid\":2147352576,"), ERROR("NoRecordFound"));
        assert_call(w, USER("\"uid\":4294967295,"), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"groupName\":\"root\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"groupName\":\"docker\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"gid\":0,"), ERROR("NoRecordFound"));
        assert_int_equal(w->directory.asked + w->lookups.begun, 0);
        assert_call(w, USER("\"uid\":1879050010,"), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"zero\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"low\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"foreign\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"grouped\","), ERROR("NoRecordFound"));
        assert_call(w, USER("\"uid\":1879050011,"), ERROR("NoRecordFound"));
        assert_call(w, USER("\"userName\":\"other\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"gid\":1879050010,"), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"groupName\":\"zero\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"groupName\":\"low\","), ERROR("NoRecordFound"));
        assert_call(w, GROUP("\"groupName\":\"other\","), ERROR("NoRecordFound"));

        w->directory.people[w->directory.count - 1].uid = 999;
        client_send(w->event, w->fd, ASK_MORE("GetUserRecord", ""));
        assert_non_null(strstr(client_receive(w->event, w->fd), "\"userName\":\"alice\""));
        assert_answer(w, w->fd, BOB_RECORD);
        client_send(w->event, w->fd, ASK_MORE("GetMemberships", ""));
        assert_non_null(strstr(client_receive(w->event, w->fd), "\"userName\":\"alice\""));
        assert_answer(w, w->fd, "{\"parameters\":{\"userName\":\"bob\",\"groupName\":\"team\"}}");
}

static void test_a_directory_that_fails(void **state)
{
        world *w = *state;

        w->directory.error = -EIO;
        w->directory.enumerates = true;
        assert_call(w, USER("\"userName\":\"alice\","), ERROR("ServiceNotAvailable"));
        assert_call(w, USER("\"uid\":1879050001,"), ERROR("ServiceNotAvailable"));
        assert_call(w, GROUP("\"groupName\":\"alice\","), ERROR("ServiceNotAvailable"));
        assert_call(w, GROUP("\"gid\":1879050001,"), ERROR("ServiceNotAvailable"));
        assert_call(w, ASK_MORE("GetUserRecord", ""), ERROR("ServiceNotAvailable"));
        assert_call(w, ASK_MORE("GetGroupRecord", ""), ERROR("ServiceNotAvailable"));
        assert_call(w, ASK_MORE("GetMemberships", "\"userName\":\"alice\","),
                ERROR("ServiceNotAvailable"));
        w->directory.error = 0;
        w->lookups.error = -ENOMEM;
        assert_call(w, USER("\"userName\":\"carol\","), ERROR("ServiceNotAvailable"));
}

static void test_an_unknown_name_is_looked_up(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        w->lookups.offline = true;
        assert_call(w, USER("\"userName\":\"carol\","), ERROR("NoRecordFound"));
        w->lookups.offline = false;
        client_send(w->event, w->fd, USER("\"userName\":\"carol\","));
        client_send(w->event, fd, USER("\"userName\":\"dave\","));
        assert_null(client_receive(w->event, w->fd));
        add_person(&w->directory, "carol", BOB + 1);
        end_lookups(&w->lookups, "carol");
        assert_non_null(strstr(
                client_receive(w->event, w->fd), "\"userName\":\"carol\",\"uid\":1879050003"));
        assert_null(client_receive(w->event, fd));
        end_lookups(&w->lookups, "dave");
        assert_answer(w, fd, ERROR("NoRecordFound"));

        client_send(w->event, fd, USER("\"userName\":\"erin\",\"uid\":1879050009,"));
        add_person(&w->directory, "erin", BOB + 2);
        end_lookups(&w->lookups, "erin");
        assert_answer(w, fd, ERROR("ConflictingRecordFound"));
        client_send(w->event, fd, USER("\"userName\":\"frank\","));
        w->directory.error = -EIO;
        end_lookups(&w->lookups, "frank");
        assert_answer(w, fd, ERROR("ServiceNotAvailable"));
        w->directory.error = 0;
        client_send(w->event, fd, USER("\"userName\":\"grace\","));
        add_person(&w->directory, "grace", 0);
        end_lookups(&w->lookups, "grace");
        assert_answer(w, fd, ERROR("NoRecordFound"));
        assert_int_equal(w->lookups.cancelled, 0);
}

/* Others are served while one waits. */
static void test_rule_17_nobody_waits_for_anothers_look_up(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        client_send(w->event, fd, USER("\"userName\":\"carol\","));
        assert_call(w, USER("\"userName\":\"bob\","), BOB_RECORD);
        assert_null(client_receive(w->event, fd));
        end_lookups(&w->lookups, NULL);
        assert_answer(w, fd, ERROR("NoRecordFound"));
}

static void test_whoever_goes_ends_his_look_up(void **state)
{
        world *w = *state;
        _cleanup_close_ int fd = client_connect(w->event);

        client_send(w->event, fd, USER("\"userName\":\"carol\","));
        client_send(w->event, w->fd, USER("\"userName\":\"dave\","));
        close(TAKE_FD(fd));
        client_turn(w->event);
        assert_int_equal(w->lookups.cancelled, 1);
        w->userdb = userdb_free(w->userdb);
        assert_int_equal(w->lookups.cancelled, 2);
        end_lookups(&w->lookups, NULL);
}

static void test_the_interface_is_described(void **state)
{
        world *w = *state;
        const char *answer = client_call(w->event, w->fd,
                "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
                "{\"interface\":\"io.systemd.UserDatabase\"}}");

        assert_non_null(strstr(answer, "interface io.systemd.UserDatabase\\n"));
        assert_non_null(strstr(answer, "method GetUserRecord(uid: ?int, userName: ?string, "));
        assert_non_null(strstr(answer, "error EnumerationNotSupported()\\n"));
        answer = client_call(w->event, w->fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
        assert_non_null(strstr(answer, "\"product\":\"kratosd\""));
}

static uint64_t monotonic_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#define ROUNDS 5000

/* What a look-up costs from connect to close, both sides together: told, not judged, for the
 * machine may be busy. */
static void test_a_known_user_costs_little(void **state)
{
        static const char call[] = USER("\"userName\":\"bob\",");
        world *w = *state;
        uint64_t start = monotonic_usec();
        char answer[1024];

        for (unsigned i = 0; i < ROUNDS; i++) {
                _cleanup_close_ int fd = client_connect(w->event);

                client_send_bytes(w->event, fd, call, sizeof(call));
                assert_int_equal(recv(fd, answer, sizeof(answer), 0), sizeof(BOB_RECORD));
                close(TAKE_FD(fd));
                client_turn(w->event);
        }
        print_message(
                "a look-up, both sides: %.1f us\n", (double)(monotonic_usec() - start) / ROUNDS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_users),
                WITH_WORLD(test_keys_are_for_root_and_the_user),
                WITH_WORLD(test_the_inactive_are_locked_and_have_no_keys),
                WITH_WORLD(test_rule_5_whom_sshd_would_not_let_in_has_no_keys),
                WITH_WORLD(test_dates),
                WITH_WORLD(test_conflicts),
                WITH_WORLD(test_groups),
                WITH_WORLD(test_the_service_must_be_ours),
                WITH_WORLD(test_parameters_of_another_kind),
                WITH_WORLD(test_rule_10_names_of_another_form_are_nobodys),
                WITH_WORLD(test_rule_37_what_is_reserved_is_never_told),
                WITH_WORLD(test_a_directory_that_fails),
                WITH_WORLD(test_an_unknown_name_is_looked_up),
                WITH_WORLD(test_rule_17_nobody_waits_for_anothers_look_up),
                WITH_WORLD(test_whoever_goes_ends_his_look_up),
                WITH_WORLD(test_the_interface_is_described),
                WITH_WORLD(test_a_known_user_costs_little),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
