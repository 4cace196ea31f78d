/* The refresh: rounds through the store, a batch at a time, and what ends an account. */
#include "people.h"

#include <systemd/sd-event.h>

#include "kratosd/kratos.h"
#include "kratosd/refresh.h"
#include "kratosd/store-accounts.h"
#include "kratosd/timespan.h"

/* What Kratos is being asked for: a batch, or one. */
typedef struct kratos_call {
        char ids[IDENTITIES_MAX][UUID_LENGTH + 1];
        size_t n_ids;
        kratos_identity_each each;
        kratos_identities_done done;
        kratos_identity_done_handler one;
        void *userdata;
        bool over;
} kratos_call;

static kratos_call current;
static unsigned n_batches, n_ones;

#include "kratos-stand-in.h"

int kratos_admin_get_identities(kratos *k, const char (*ids)[UUID_LENGTH + 1], size_t n_ids,
        kratos_identity_each each, kratos_identities_done done, void *userdata, kratos_call **ret)
{
        (void)k;
        assert_in_range(n_ids, 1, IDENTITIES_MAX);
        current = (kratos_call){ .n_ids = n_ids, .each = each, .done = done, .userdata = userdata };
        memcpy(current.ids, ids, n_ids * sizeof(*ids));
        for (size_t i = 0; i < n_ids; i++)
                assert_true(uuid_is_valid(ids[i]));
        n_batches++;
        *ret = &current;
        return 0;
}

int kratos_admin_get_identity(kratos *k, const char *identity, bool urgent, uint64_t deadline_usec,
        kratos_identity_done_handler done, void *userdata, kratos_call **ret)
{
        (void)k;
        assert_true(deadline_usec > 0);
        assert_false(urgent);
        current = (kratos_call){ .n_ids = 1, .one = done, .userdata = userdata };
        snprintf(current.ids[0], sizeof(current.ids[0]), "%s", identity);
        n_ones++;
        *ret = &current;
        return 0;
}

/* The loop's timers: the two rounds', which run when the test says so. */
static struct timer {
        sd_event_time_handler_t handler;
        void *userdata;
        uint64_t in; /* microseconds */
        bool on;
} timers[2];
static unsigned n_timers;

int sd_event_add_time_relative(sd_event *event, sd_event_source **ret, clockid_t clock,
        uint64_t usec, uint64_t accuracy, sd_event_time_handler_t handler, void *userdata)
{
        (void)event;
        (void)accuracy;
        assert_int_equal(clock, CLOCK_BOOTTIME);
        assert_true(n_timers < 2);
        timers[n_timers] =
                (struct timer){ .handler = handler, .userdata = userdata, .in = usec, .on = true };
        *ret = (sd_event_source *)&timers[n_timers++];
        return 0;
}

int sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        ((struct timer *)source)->in = usec;
        return 0;
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
        assert_int_equal(enabled, SD_EVENT_ONESHOT);
        ((struct timer *)source)->on = true;
        return 0;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source)
{
        if (source)
                ((struct timer *)source)->on = false;
        return NULL;
}

enum { ALL, OPEN };
static refresh *rounds;

static void fire(unsigned which)
{
        assert_true(timers[which].on);
        timers[which].on = false;
        assert_int_equal(
                timers[which].handler((sd_event_source *)&timers[which], 0, timers[which].userdata),
                0);
}

/* The next step comes within these seconds. */
static void check_next(unsigned which, double least, double most)
{
        assert_true(timers[which].on);
        if ((double)timers[which].in < least * 1e6 || (double)timers[which].in > most * 1e6)
                fail_msg("in %f s", (double)timers[which].in / 1e6);
}

static void tell(const char *id, const char *name, bool active)
{
        char document[64];
        kratos_identity identity = identity_of(id, document);

        snprintf(document, sizeof(document), "{\"name\":\"%s\"}", name);
        identity.active = active;
        assert_int_equal(current.each(&identity, current.userdata), 0);
}

static void finish(int outcome)
{
        kratos_call call = current;

        assert_false(call.over);
        current.over = true;
        call.done(outcome, call.userdata);
}

static void finish_one(int outcome, const char *document, bool active)
{
        kratos_call call = current;
        kratos_identity identity = identity_of(call.ids[0], document);

        identity.active = active;
        assert_false(call.over);
        current.over = true;
        call.one(outcome, &identity, call.userdata);
}

static const char *id_of(unsigned i)
{
        static char id[UUID_LENGTH + 1];

        snprintf(id, sizeof(id), "%08x-2222-4333-8444-555555555555", i);
        return id;
}

static void make_people(unsigned count)
{
        assert_int_equal(store_begin(people), 0);
        for (unsigned i = 0; i < count; i++) {
                char document[64];

                snprintf(document, sizeof(document), "{\"name\":\"name%u\"}", i);
                adopt_quietly(id_of(i), document);
        }
        assert_int_equal(store_end(people, 0), 0);
}

/* Tells all that was asked for but one. */
static void tell_all_but(unsigned left_out)
{
        for (size_t i = 0; i < current.n_ids; i++) {
                unsigned number;
                char name[USER_NAME_MAX + 1];

                assert_int_equal(sscanf(current.ids[i], "%8x", &number), 1);
                snprintf(name, sizeof(name), "name%u", number);
                if (number != left_out)
                        tell(current.ids[i], name, true);
        }
}

static bool is_active(unsigned i)
{
        standing last;

        assert_int_equal(store_find_standing(people, id_of(i), &last), 0);
        return last.active;
}

static int begin_refresh(void **state)
{
        n_batches = n_ones = n_cancelled = n_timers = 0;
        current.over = true;
        has_admin = true;
        if (begin(state) < 0)
                return -1;
        configuration.refresh_usec = 1000 * USEC_PER_SEC;
        configuration.refresh_open_usec = 100 * USEC_PER_SEC;
        return refresh_new(NULL, users, people, NULL, &rounds);
}

static int end_refresh(void **state)
{
        rounds = refresh_free(rounds);
        return end(state);
}

/* Rounds begin anywhere within their interval, and then once in each, more or less. */
static void test_phases(void **state)
{
        uint64_t least = UINT64_MAX, most = 0;

        (void)state;
        for (unsigned i = 0; i < 200; i++) {
                n_timers = 0;
                refresh_free(rounds);
                assert_int_equal(refresh_new(NULL, users, people, NULL, &rounds), 0);
                check_next(ALL, 0, 1000);
                check_next(OPEN, 0, 100);
                least = timers[ALL].in < least ? timers[ALL].in : least;
                most = timers[ALL].in > most ? timers[ALL].in : most;
        }
        assert_true(least < 200 * USEC_PER_SEC && most > 800 * USEC_PER_SEC);
        for (unsigned i = 0; i < 50; i++) {
                fire(ALL);
                check_next(ALL, 900, 1100);
                fire(OPEN);
                check_next(OPEN, 90, 110);
        }
        assert_int_equal(n_batches, 0);
}

static void test_batches(void **state)
{
        (void)state;
        make_people(200);
        fire(ALL);
        assert_int_equal(current.n_ids, 80);
        assert_string_equal(current.ids[0], id_of(0));
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        check_next(ALL, 0, 1);
        fire(ALL);
        assert_int_equal(current.n_ids, 80);
        assert_string_equal(current.ids[0], id_of(80));
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        fire(ALL);
        assert_int_equal(current.n_ids, 40);
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        fire(ALL);
        check_next(ALL, 900, 1100);
        fire(ALL);
        assert_string_equal(current.ids[0], id_of(0));
        assert_int_equal(n_batches, 4);
        assert_int_equal(n_ones, 0);
}

static void test_changes_arrive(void **state)
{
        (void)state;
        make_people(3);
        fire(ALL);
        tell(id_of(0), "name0", false);
        tell(id_of(1), "root", true);
        tell(id_of(2), "name2", true);
        /* One that was not asked for is nobody's business. */
        tell(BOB, "bob", true);
        finish(KRATOS_OK);
        assert_false(is_active(0));
        assert_true(is_active(2));
        assert_false(is_known("bob"));
        assert_true(is_known("name1"));
        check_said(1, "its name is reserved");
}

/* One that a list does not have is asked for by itself, and ends by its own 404 alone. */
static void test_rule_41_own_word(void **state)
{
        (void)state;
        make_people(5);
        fire(ALL);
        tell_all_but(3);
        finish(KRATOS_OK);
        assert_int_equal(n_ones, 1);
        assert_string_equal(current.ids[0], id_of(3));
        assert_true(is_known("name3"));
        finish_one(KRATOS_OK, "{\"name\":\"name3\"}", true);
        assert_true(is_known("name3"));
        check_next(ALL, 0, 1);

        fire(ALL);
        fire(ALL);
        finish(KRATOS_OK);
        for (unsigned i = 0; i < 5; i++)
                finish_one(i == 3 ? KRATOS_NOT_FOUND : KRATOS_OK,
                        (const char *[]){ "{\"name\":\"name0\"}", "{\"name\":\"name1\"}",
                                "{\"name\":\"name2\"}", "", "{\"name\":\"name4\"}" }[i],
                        true);
        assert_false(is_known("name3"));
        assert_true(is_known("name4"));
}

/* No other outcome ends anybody's account. */
static void test_rule_41_other_outcomes(void **state)
{
        (void)state;
        make_people(2);
        for (int outcome = KRATOS_OK + 1; outcome <= KRATOS_NOT_ASKED; outcome++) {
                if (outcome == KRATOS_NOT_FOUND)
                        continue;
                rounds = refresh_free(rounds);
                n_timers = 0;
                assert_int_equal(refresh_new(NULL, users, people, NULL, &rounds), 0);
                fire(ALL);
                finish(outcome);
                rounds = refresh_free(rounds);
                n_timers = 0;
                assert_int_equal(refresh_new(NULL, users, people, NULL, &rounds), 0);
                fire(ALL);
                tell_all_but(1);
                finish(KRATOS_OK);
                finish_one(outcome, NULL, false);
                assert_true(is_known("name0") && is_known("name1"));
                assert_true(is_active(0) && is_active(1));
        }
}

/* A batch with something bad in it is halved until it is found, and the round goes on. */
static void test_halving(void **state)
{
        unsigned steps = 0, smallest = 80;
        const unsigned bad = 53;

        (void)state;
        make_people(200);
        do {
                bool has_bad = false;

                fire(ALL);
                for (size_t i = 0; i < current.n_ids; i++)
                        has_bad |= strcmp(current.ids[i], id_of(bad)) == 0;
                smallest = current.n_ids < smallest ? (unsigned)current.n_ids : smallest;
                if (!has_bad)
                        tell_all_but(UINT_MAX);
                finish(has_bad ? KRATOS_BAD_ANSWER : KRATOS_OK);
                /* By itself it is asked for once more, by its own path. */
                if (has_bad && current.n_ids == 1)
                        finish_one(KRATOS_BAD_ANSWER, NULL, false);
                check_next(ALL, 0, 1);
                assert_true(++steps < 100);
        } while (strcmp(current.ids[current.n_ids - 1], id_of(199)) != 0);
        assert_int_equal(smallest, 1);
        check_said(2, id_of(bad)); /* and that there is one */
        assert_true(is_active(199));
        assert_true(is_known("name53"));
        assert_int_equal(n_ones, 1);
        fire(ALL);
        fire(ALL);
        assert_int_equal(current.n_ids, 80);
}

/* One whose own record is no identity does not hold up all who come after it. */
static void test_rule_18_bad_record_of_one(void **state)
{
        (void)state;
        make_people(100);
        fire(ALL);
        tell_all_but(7);
        finish(KRATOS_OK);
        finish_one(KRATOS_BAD_ANSWER, NULL, false);
        check_said(1, id_of(7));
        assert_true(is_known("name7"));
        check_next(ALL, 0, 1);
        fire(ALL);
        assert_string_equal(current.ids[0], id_of(80));
}

/* However often it is so, and until it was not so for a round. */
static void test_bad_lists_are_told_of_once(void **state)
{
        static const int outcomes[] = { KRATOS_BAD_ANSWER, KRATOS_REFUSED, KRATOS_FAULT,
                KRATOS_NO_ANSWER };

        (void)state;
        make_people(4);
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                for (unsigned times = 0; times < 3; times++) {
                        fire(ALL);
                        finish(outcomes[i]);
                }
                check_said(1, kratos_outcome_reason(outcomes[i]));
                for (unsigned good = 0; good < 2; good++) {
                        fire(ALL);
                        tell_all_but(UINT_MAX);
                        finish(KRATOS_OK);
                        fire(ALL);
                        check_next(ALL, 900, 1100);
                }
                check_said(0, "");
        }
        fire(ALL);
        finish(KRATOS_UNREACHABLE);
        check_said(0, "");
}

/* A Kratos that does not answer is asked again, later and later; what was told counts not. */
static void test_rule_17_retry(void **state)
{
        static const double seconds[] = { 5, 10, 20, 40, 80, 160, 300, 300, 300 };

        (void)state;
        make_people(100);
        fire(ALL);
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
                fire(ALL);
                assert_string_equal(current.ids[0], id_of(80));
                finish(i % 2 ? KRATOS_UNREACHABLE : KRATOS_FAULT);
                check_next(ALL, seconds[i], seconds[i] * 1.25);
        }
        /* After so many failures, one of whom nothing is said holds up nobody. */
        fire(ALL);
        tell_all_but(81);
        finish(KRATOS_OK);
        finish_one(KRATOS_NO_ANSWER, NULL, false);
        check_next(ALL, 0, 1);
        fire(ALL);
        fire(ALL);
        tell_all_but(1);
        finish(KRATOS_OK);
        finish_one(KRATOS_NO_ANSWER, NULL, false);
        check_next(ALL, 5, 6.25);
        fire(ALL);
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        check_next(ALL, 0, 1);
        fire(ALL);
        finish(KRATOS_UNREACHABLE);
        check_next(ALL, 5, 6.25);
}

/* An answer that cannot be stored is none: the batch is one change on disk. */
static void test_batch_is_one_change(void **state)
{
        kratos_identity identity = identity_of(id_of(0), "{\"name\":\"name0\"}");

        (void)state;
        make_people(2);
        fire(ALL);
        identity.active = false;
        assert_int_equal(current.each(&identity, current.userdata), 0);
        finish(-ENOSPC);
        assert_true(is_active(0));
        check_next(ALL, 5, 6.25);
}

/* People with an open session, account here or not, have shorter rounds of their own. */
static void test_open_sessions(void **state)
{
        session_row row = { .state = ROW_OPEN };

        (void)state;
        make_people(2);
        fire(OPEN);
        assert_int_equal(n_batches, 0);
        snprintf(row.id, sizeof(row.id), "0123456789abcdef0123456789abcdef");
        snprintf(row.identity, sizeof(row.identity), "%s", id_of(1));
        assert_int_equal(store_insert(people, &row), 0);
        fire(OPEN);
        assert_int_equal(current.n_ids, 1);
        tell(id_of(1), "name1", false);
        finish(KRATOS_OK);
        assert_false(is_active(1));
        fire(OPEN);
        check_next(OPEN, 90, 110);
}

static void test_without_an_admin_api(void **state)
{
        (void)state;
        make_people(1);
        has_admin = false;
        fire(ALL);
        assert_int_equal(n_batches, 0);
        check_next(ALL, 900, 1100);
}

static void test_restart(void **state)
{
        (void)state;
        make_people(100);
        fire(ALL);
        tell_all_but(UINT_MAX);
        finish(KRATOS_OK);
        fire(ALL);
        assert_string_equal(current.ids[0], id_of(80));
        refresh_restart(rounds);
        assert_int_equal(n_cancelled, 1);
        check_next(ALL, 0, 5);
        check_next(OPEN, 0, 5);
        fire(ALL);
        assert_string_equal(current.ids[0], id_of(0));
        assert_int_equal(current.n_ids, 80);
        rounds = refresh_free(rounds);
        assert_int_equal(n_cancelled, 2);
        assert_null(refresh_free(NULL));
}

/* What is no UUID in a file that somebody changed is asked of nobody. */
static void test_rule_29_ids(void **state)
{
        (void)state;
        make_people(3);
        rounds = refresh_free(rounds);
        n_timers = 0;
        alter("UPDATE account SET identity = '00000000/../../?include_credential=x'"
              " WHERE name = 'name0'; UPDATE account SET identity = identity || 'x'"
              " WHERE name = 'name1'");
        assert_int_equal(refresh_new(NULL, users, people, NULL, &rounds), 0);
        fire(ALL);
        assert_int_equal(current.n_ids, 1);
        assert_string_equal(current.ids[0], id_of(2));
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_refresh, end_refresh)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_phases),
                TEST(test_batches),
                TEST(test_changes_arrive),
                TEST(test_rule_41_own_word),
                TEST(test_rule_41_other_outcomes),
                TEST(test_halving),
                TEST(test_rule_18_bad_record_of_one),
                TEST(test_bad_lists_are_told_of_once),
                TEST(test_rule_17_retry),
                TEST(test_batch_is_one_change),
                TEST(test_open_sessions),
                TEST(test_without_an_admin_api),
                TEST(test_restart),
                TEST(test_rule_29_ids),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
