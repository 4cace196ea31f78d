/* Sessions whose store cannot be read for a while, in the world of tests/lib/enter, where /run is
 * new. The store here is one row, and time passes at once. */
#include "kratosd/session-renewal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kratosd/lifeline.h"
#include "kratosd/log.h"
#include "kratosd/seal.h"
#include "kratosd/store-accounts.h"
#include "kratosd/timespan.h"
#include "kratosd/verdict.h"

#define WORLD "/run/world"
#define ONE "0123456789abcdef0123456789abcde1"
#define LOGIN "0123456789abcdef0123456789abcdef"
#define OPENER 4711
#define KRATOS_SESSION "11111111-2222-4333-8444-555555555555"
#define HOUR_USEC (3600 * USEC_PER_SEC)

static session_row stored;
static unsigned failures; /* of the next reads */
static session_row inserted;
static unsigned ended, begun, committed, updates_outside;

int64_t boottime_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

static int read_stored(bool found, session_row *ret)
{
        if (failures > 0) {
                failures--;
                return -EIO;
        }
        if (!found)
                return -ENOENT;
        *ret = stored;
        return 0;
}

int store_find(store *s, const char *id, session_row *ret)
{
        (void)s;
        return read_stored(strcmp(stored.id, id) == 0, ret);
}

int store_find_login(store *s, const unsigned char hash[static LOGIN_HASH_SIZE], session_row *ret)
{
        (void)s;
        return read_stored(
                stored.has_login && memcmp(stored.login_hash, hash, LOGIN_HASH_SIZE) == 0, ret);
}

int store_find_due(store *s, enum row_state state, unsigned skip, session_row *ret)
{
        (void)s;
        return read_stored(stored.state == state && skip == 0, ret);
}

int store_each_id(
        store *s, enum row_state state, int (*each)(const char *id, void *userdata), void *userdata)
{
        session_row row;
        int r = read_stored(stored.state == state, &row);

        (void)s;
        return r == -ENOENT ? 0 : r < 0 ? r : each(row.id, userdata);
}

int store_update(store *s, const session_row *row)
{
        (void)s;
        stored = *row;
        return 0;
}

int store_insert(store *s, const session_row *row)
{
        (void)s;
        inserted = *row;
        return 0;
}

int store_has_open(store *s, const char *user)
{
        (void)s;
        return strcmp(stored.user, user) == 0;
}

int store_find_opened(store *s, const char *user, pid_t opener, const char *after, session_row *ret)
{
        (void)s;
        return read_stored(
                strcmp(stored.user, user) == 0 && stored.opener == opener && !*after, ret);
}

int store_begin(store *s)
{
        (void)s;
        begun++;
        return 0;
}

int store_end(store *s, int result)
{
        (void)s;
        committed += result == 0;
        return result;
}

void revoker_end(revoker *r, session_row *row)
{
        (void)r;
        ended++;
        updates_outside += begun == committed;
        row->state = ROW_REVOKING;
        stored = *row;
}

void revoker_kick(revoker *r)
{
        (void)r;
}

int revoker_count(revoker *r, unsigned *ret)
{
        (void)r;
        *ret = (unsigned)ended;
        return 0;
}

void log_event(enum event which, const event_facts *facts, const char *reason)
{
        (void)which;
        (void)facts;
        (void)reason;
}

void log_message(int level, const char *format, ...)
{
        (void)level;
        (void)format;
}

int sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        uint64_t now = (uint64_t)boottime_usec();

        return sd_event_source_set_time(source, usec >= HOUR_USEC ? now + usec : now);
}

typedef struct scene {
        sd_event *event;
        sessions *sessions;
} scene;

static int set_up(void **state)
{
        static scene s;

        (void)mkdir("/run/kratosd", 0711);
        stored = (session_row){ .id = ONE, .state = ROW_GRANTED, .user = "alice" };
        ended = begun = committed = updates_outside = failures = 0;
        *state = &s;
        if (lifeline_prepare() < 0 || sd_event_new(&s.event) < 0)
                return -1;
        return sessions_new(s.event, NULL, NULL, &s.sessions);
}

static int tear_down(void **state)
{
        scene *s = *state;

        sessions_free(s->sessions);
        sd_event_unref(s->event);
        return 0;
}

/* Until nothing happens for a while. */
static void run(scene *s)
{
        while (sd_event_run(s->event, 100000) > 0)
                ;
}

static int open_one(scene *s)
{
        char id[ID_LENGTH + 1];
        int lifeline = -1;

        assert_int_equal(sessions_grant(s->sessions, &stored, LOGIN, HOUR_USEC), 0);
        assert_int_equal(
                sessions_open(s->sessions, "alice", "", LOGIN, "", OPENER, id, &lifeline), 0);
        assert_string_equal(id, ONE);
        assert_int_equal(stored.state, ROW_OPEN);
        return lifeline;
}

static void test_a_lifeline_ends_while_the_store_cannot_be_read(void **state)
{
        scene *s = *state;

        close(open_one(s));
        failures = 3;
        run(s);
        assert_int_equal(failures, 0);
        assert_int_equal(ended, 1);
        assert_int_equal(stored.state, ROW_REVOKING);
}

static void test_a_logout_while_the_store_cannot_be_read(void **state)
{
        scene *s = *state;
        int lifeline = open_one(s);

        failures = 1;
        (void)sessions_close(s->sessions, ONE);
        run(s);
        assert_int_equal(ended, 1);
        close(lifeline);
}

static void test_a_grant_expires_while_the_store_cannot_be_read(void **state)
{
        scene *s = *state;

        assert_int_equal(sessions_grant(s->sessions, &stored, LOGIN, 10000), 0);
        failures = 2;
        run(s);
        assert_int_equal(failures, 0);
        assert_int_equal(ended, 1);
}

static void test_the_dead_are_ended_as_one_change(void **state)
{
        scene *s = *state;

        stored.state = ROW_OPEN;
        assert_int_equal(sessions_start(s->sessions), 0);
        assert_int_equal(ended, 1);
        assert_int_equal(begun, 1);
        assert_int_equal(committed, 1);
        assert_int_equal(updates_outside, 0);
}

static session_place place_of(int64_t apart)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (session_place){ .leader = OPENER,
                .since = (int64_t)(ts.tv_sec * (int64_t)USEC_PER_SEC) + apart };
}

/* The number of a process says who it is only for a while. */
static void test_rule_34_the_session_that_the_leader_opened_then(void **state)
{
        scene *s = *state;
        int lifeline = open_one(s);
        session_place place = place_of(0), before = place_of(-(int64_t)(301 * USEC_PER_SEC));
        session_place after = place_of((int64_t)(301 * USEC_PER_SEC)), other = place;
        session_row found;

        other.leader = OPENER + 1;
        assert_int_equal(sessions_find_at(s->sessions, "alice", &place, &found), 0);
        assert_string_equal(found.id, ONE);
        assert_int_equal(sessions_find_at(s->sessions, "bob", &place, &found), -ENOENT);
        assert_int_equal(sessions_find_at(s->sessions, "alice", &other, &found), -ENOENT);
        assert_int_equal(sessions_find_at(s->sessions, "alice", &before, &found), -ENOENT);
        assert_int_equal(sessions_find_at(s->sessions, "alice", &after, &found), -ENOENT);
        close(lifeline);
        run(s);
        stored.state = ROW_OPEN; /* as far as the store knows */
        assert_int_equal(sessions_find_at(s->sessions, "alice", &place, &found), -ENOENT);
}

static void test_another_session_takes_the_place_of_one_that_is_gone(void **state)
{
        scene *s = *state;
        session_row row = { .id = LOGIN, .session = KRATOS_SESSION, .token_size = 3 };
        int lifeline = open_one(s);

        memcpy(stored.session, "old", 4);
        assert_int_equal(sessions_note_renewal(s->sessions, ONE), 0);
        assert_int_equal(stored.renewals, 1);
        assert_int_equal(sessions_replace(s->sessions, ONE, &row), 0);
        assert_string_equal(inserted.session, "old");
        assert_int_equal(inserted.state, ROW_REVOKING);
        assert_string_not_equal(inserted.id, ONE);
        assert_string_equal(stored.session, KRATOS_SESSION);
        assert_int_equal(stored.state, ROW_OPEN);
        assert_int_equal(stored.token_size, 3);
        assert_int_equal(stored.renewals, 0);
        assert_true(session_row_is_borrowed(&row));
        close(lifeline);
        run(s);
        row.borrowed[0] = '\0';
        assert_int_equal(sessions_replace(s->sessions, ONE, &row), -ENOENT);
        assert_int_equal(sessions_note_renewal(s->sessions, ONE), -ENOENT);
        assert_false(session_row_is_borrowed(&row));
}

/* What is granted for one purpose is not opened for another. */
static void test_a_change_is_no_session(void **state)
{
        scene *s = *state;
        char key[CHANGE_KEY_MAX + 1], id[ID_LENGTH + 1];
        session_row row;
        int lifeline = -1;

        sessions_change_key(LOGIN, key);
        assert_int_equal(sessions_grant(s->sessions, &stored, key, HOUR_USEC), 0);
        assert_int_equal(
                sessions_open_change(s->sessions, "alice", "", LOGIN, "", id, &lifeline), 0);
        assert_int_equal(stored.state, ROW_CHANGING);
        assert_true(stored.due > boottime_usec());
        assert_int_equal(sessions_find_change(s->sessions, ONE, &row), 0);
        close(lifeline);
        run(s);
        assert_int_equal(ended, 1);
        assert_int_equal(stored.state, ROW_REVOKING);
        assert_int_equal(sessions_find_change(s->sessions, ONE, &row), VERDICT_NO_SUCH_LOGIN);
}

static void test_a_change_expires(void **state)
{
        scene *s = *state;
        char key[CHANGE_KEY_MAX + 1], id[ID_LENGTH + 1];
        int lifeline = -1;

        sessions_change_key(LOGIN, key);
        assert_int_equal(sessions_grant(s->sessions, &stored, key, HOUR_USEC), 0);
        assert_int_equal(
                sessions_open_change(s->sessions, "alice", "", LOGIN, "", id, &lifeline), 0);
        stored.due = boottime_usec();
        assert_int_equal(sessions_start(s->sessions), 0);
        run(s);
        assert_int_equal(ended, 1);
        close(lifeline);
}

static void test_all_end_as_one_change(void **state)
{
        scene *s = *state;
        char id[ID_LENGTH + 1];
        unsigned left = 0;
        int lifeline = -1;

        assert_int_equal(sessions_grant(s->sessions, &stored, LOGIN, HOUR_USEC), 0);
        assert_int_equal(sessions_open(s->sessions, "alice", "", LOGIN, "", 0, id, &lifeline), 0);
        assert_int_equal(sessions_end_all(s->sessions), 0);
        assert_int_equal(ended, 1);
        assert_int_equal(updates_outside, 0);
        assert_int_equal(begun, committed);
        assert_int_equal(sessions_close(s->sessions, id), VERDICT_NO_SUCH_LOGIN);
        assert_int_equal(sessions_count_ended(s->sessions, &left), 0);
        assert_int_equal(left, 1);
        assert_int_equal(sessions_end_all(s->sessions), 0);
        assert_int_equal(ended, 1);
        close(lifeline);
}

static int keep_none(const char *id, void *userdata)
{
        (void)id;
        (void)userdata;
        return 0;
}

/* The next program finds the world as it was. */
static int leave(void **state)
{
        (void)state;
        lifeline_sweep(keep_none, NULL);
        return rmdir(LIFELINE_DIRECTORY) < 0 || rmdir("/run/kratosd") < 0 ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_a_lifeline_ends_while_the_store_cannot_be_read),
                TEST(test_a_logout_while_the_store_cannot_be_read),
                TEST(test_a_grant_expires_while_the_store_cannot_be_read),
                TEST(test_the_dead_are_ended_as_one_change),
                TEST(test_rule_34_the_session_that_the_leader_opened_then),
                TEST(test_another_session_takes_the_place_of_one_that_is_gone),
                TEST(test_a_change_is_no_session),
                TEST(test_a_change_expires),
                TEST(test_all_end_as_one_change),
        };

        if (access(WORLD, F_OK) < 0) {
                puts("Outside tests/lib/enter nothing is done here: /run is the host's.");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, leave);
}
