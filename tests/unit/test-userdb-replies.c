/* Replies that are sent again: only as long as they are right, and only to whom they were for. */
#include "kratosd/userdb-replies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "directory-stand-in.h"
#include "kratosd/userdb.h"
#include "varlink-client.h"

#define ALICE 1879050001
#define ASK(method, parameters)                                                                    \
        "{\"method\":\"io.systemd.UserDatabase." method "\",\"parameters\":{" parameters           \
        "\"service\":\"org.kratosd1\"}}"
#define ASK_ALICE ASK("GetUserRecord", "\"userName\":\"alice\",")
#define ASK_GROUP ASK("GetGroupRecord", "\"groupName\":\"alice\",")
#define ASK_MALLORY ASK("GetUserRecord", "\"userName\":\"mallory\",")

typedef struct world {
        sd_event *event;
        directory directory;
        lookups lookups;
        userdb *userdb;
        person *alice;
        int fd; /* root's connection */
} world;

static char *keys[] = { "ssh-ed25519 AAAA alice" };

static int make_world(void **state)
{
        world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_int_equal(sd_event_new(&w->event), 0);
        w->directory.settled = true;
        w->lookups.offline = true;
        w->alice = add_person(&w->directory, "alice", ALICE);
        w->alice->document.keys = (posix_list){ keys, 1 };
        assert_int_equal(
                userdb_new(w->event, client_listener(), &w->directory, &w->lookups, &w->userdb), 0);
        w->fd = client_connect(w->event);
        *state = w;
        return 0;
}

static int end_world(void **state)
{
        world *w = *state;

        userdb_free(w->userdb);
        close(w->fd);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

/* Asks, and checks whether the directory was asked for it, and for a word of the answer. */
static void check(world *w, int fd, const char *call, bool anew, const char *word)
{
        unsigned before = w->directory.asked;
        const char *answer = client_call(w->event, fd, call);

        assert_non_null(answer);
        if (!strstr(answer, word))
                fail_msg("no %s in %s", word, answer);
        assert_int_equal(w->directory.asked > before, anew);
}

static void test_the_same_call_has_the_same_reply(void **state)
{
        char first[1024];
        world *w = *state;

        snprintf(first, sizeof(first), "%s", client_call(w->event, w->fd, ASK_ALICE));
        check(w, w->fd, ASK_ALICE, false, "\"uid\":1879050001");
        assert_string_equal(client_call(w->event, w->fd, ASK_ALICE), first);
        check(w, w->fd, ASK_GROUP, true, "\"groupName\":\"alice\"");
        check(w, w->fd, ASK_GROUP, false, "\"groupName\":\"alice\"");
}

static void test_a_change_counts_at_once(void **state)
{
        world *w = *state;

        check(w, w->fd, ASK_ALICE, true, "ssh-ed25519");
        w->alice->inactive = true;
        w->directory.changes++;
        check(w, w->fd, ASK_ALICE, true, "\"locked\":true");
        check(w, w->fd, ASK_ALICE, false, "\"locked\":true");
        w->alice->uid = w->alice->gid = ALICE + 1;
        w->directory.changes++;
        check(w, w->fd, ASK_GROUP, true, "1879050002");
}

static void test_keys_stay_with_those_who_may_have_them(void **state)
{
        world *w = *state;
        int other = client_connect_as(w->event, 12345);

        check(w, w->fd, ASK_ALICE, true, "ssh-ed25519");
        check(w, other, ASK_ALICE, true, "\"incomplete\":true");
        check(w, other, ASK_ALICE, false, "\"incomplete\":true");
        check(w, w->fd, ASK_ALICE, false, "ssh-ed25519");
        close(other);
}

static void test_dates_end_a_reply(void **state)
{
        world *w = *state;
        time_t end = time(NULL) + 1;

        w->alice->document.not_after = end;
        check(w, w->fd, ASK_ALICE, true, "notAfterUSec");
        while (time(NULL) < end)
                usleep(10000);
        check(w, w->fd, ASK_ALICE, true, "notAfterUSec");
        check(w, w->fd, ASK_ALICE, false, "notAfterUSec");
        w->alice->document.not_before = end = time(NULL) + 1;
        w->directory.changes++;
        check(w, w->fd, ASK_ALICE, true, "notBeforeUSec");
        while (time(NULL) < end)
                usleep(10000);
        check(w, w->fd, ASK_ALICE, true, "notBeforeUSec");
}

/* Though the directory says that nothing has changed. */
static void test_rule_37_numbers_are_checked_again_at_each_reply(void **state)
{
        world *w = *state;

        check(w, w->fd, ASK_ALICE, true, "ssh-ed25519");
        check(w, w->fd, ASK_GROUP, true, "1879050001");
        w->directory.all_forbidden = true;
        check(w, w->fd, ASK_ALICE, true, "ssh-ed25519");
        check(w, w->fd, ASK_GROUP, true, "1879050001");
}

static void test_what_is_no_record_is_asked_for_each_time(void **state)
{
        world *w = *state;

        check(w, w->fd, ASK_MALLORY, true, "NoRecordFound");
        check(w, w->fd, ASK_MALLORY, true, "NoRecordFound");
        w->directory.error = -EIO;
        w->directory.changes++;
        check(w, w->fd, ASK_ALICE, true, "ServiceNotAvailable");
        check(w, w->fd, ASK_ALICE, true, "ServiceNotAvailable");
}

static bool finds(const replies *r, uid_t peer, const char *call, uint64_t changes, int64_t now)
{
        const reply_terms *terms;
        const char *reply;
        size_t size;

        if (!replies_find(r, peer, call, strlen(call), changes, now, &reply, &size, &terms))
                return false;
        assert_int_equal(size, 5);
        assert_memory_equal(reply, "reply", 5);
        assert_string_equal(terms->name, "alice");
        return true;
}

static void test_terms(void **state)
{
        reply_terms terms = { .changes = 7, .from = 100, .until = 200, .name = "alice" };
        replies *r = replies_new();

        (void)state;
        assert_false(finds(r, 1, "call", 7, 150));
        replies_keep(r, 1, "call", 4, "reply", 5, &terms);
        assert_true(finds(r, 1, "call", 7, 100));
        assert_true(finds(r, 1, "call", 7, 199));
        assert_false(finds(r, 1, "call", 7, 99));
        assert_false(finds(r, 1, "call", 7, 200));
        assert_false(finds(r, 1, "call", 6, 150));
        assert_false(finds(r, 1, "call", 8, 150));
        assert_false(finds(r, 0, "call", 7, 150));
        assert_false(finds(r, 1, "cal", 7, 150));
        assert_false(finds(r, 1, "calm", 7, 150));
        replies_free(r);
}

/* Whoever asks: a reply with somebody's keys must not go to the next who comes to its place. */
static void test_rule_37_two_peers_of_one_place(void **state)
{
        reply_terms terms = { .changes = 7, .until = 200, .name = "alice" };
        replies *r = replies_new();

        (void)state;
        replies_keep(r, 0, "call", 4, "reply", 5, &terms);
        for (uid_t peer = 1; peer <= 64 * REPLIES_MAX; peer++)
                assert_false(finds(r, peer, "call", 7, 150));
        assert_true(finds(r, 0, "call", 7, 150));
        replies_free(r);
}

static void test_rule_18_there_are_so_many_and_no_more(void **state)
{
        static char large[REPLY_KEPT_MAX];
        reply_terms terms = { .until = 1, .name = "alice" };
        replies *r = replies_new();
        unsigned found = 0;
        char call[16];

        (void)state;
        replies_keep(r, 1, "call", 4, large, sizeof(large) - 3, &terms);
        assert_false(finds(r, 1, "call", 0, 0));
        for (unsigned i = 0; i < 20 * REPLIES_MAX; i++) {
                snprintf(call, sizeof(call), "%u", i);
                replies_keep(r, 1, call, strlen(call), "reply", 5, &terms);
                assert_true(finds(r, 1, call, 0, 0));
        }
        for (unsigned i = 0; i < 20 * REPLIES_MAX; i++) {
                snprintf(call, sizeof(call), "%u", i);
                found += finds(r, 1, call, 0, 0);
        }
        assert_in_range(found, 1, REPLIES_MAX);
        replies_free(r);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_WORLD(test_the_same_call_has_the_same_reply),
                WITH_WORLD(test_a_change_counts_at_once),
                WITH_WORLD(test_keys_stay_with_those_who_may_have_them),
                WITH_WORLD(test_dates_end_a_reply),
                WITH_WORLD(test_rule_37_numbers_are_checked_again_at_each_reply),
                WITH_WORLD(test_what_is_no_record_is_asked_for_each_time),
                cmocka_unit_test(test_terms),
                cmocka_unit_test(test_rule_37_two_peers_of_one_place),
                cmocka_unit_test(test_rule_18_there_are_so_many_and_no_more),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
