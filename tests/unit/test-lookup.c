/* Look-ups: Kratos is asked once for all who wait, so often at most, and its no is remembered. */
#include "people.h"

#include "kratosd/lookup.h"
#include "kratosd/store-accounts.h"
#include "kratosd/timespan.h"

#define DAVE "bbbbbbbb-2222-4333-8444-555555555555"

/* What Kratos is being asked for. */
typedef struct kratos_call {
        char identifier[64];
        uint64_t deadline;
        kratos_identity_each each;
        kratos_identities_done done;
        void *userdata;
        bool over;
} kratos_call;

#define CALLS_MAX 8192
static kratos_call calls[CALLS_MAX];
static unsigned n_calls, n_cancelled;
static bool has_admin;
static int find_answer;

bool kratos_has_admin(const kratos *k)
{
        (void)k;
        return has_admin;
}

config *kratos_config(kratos *k)
{
        (void)k;
        return &configuration;
}

kratos_call *kratos_cancel(kratos_call *call)
{
        if (call) {
                assert_false(call->over);
                call->over = true;
                n_cancelled++;
        }
        return NULL;
}

static bool is_urgent; /* the last call */

int kratos_admin_find_identities(kratos *k, bool urgent, const char *identifier,
        uint64_t deadline_usec, kratos_identity_each each, kratos_identities_done done,
        void *userdata, kratos_call **ret)
{
        kratos_call *call = &calls[n_calls];

        (void)k;
        is_urgent = urgent;
        if (find_answer < 0)
                return find_answer;
        assert_true(n_calls < CALLS_MAX);
        *call = (kratos_call){
                .deadline = deadline_usec, .each = each, .done = done, .userdata = userdata
        };
        snprintf(call->identifier, sizeof(call->identifier), "%s", identifier);
        n_calls++;
        *ret = call;
        return 0;
}

static int64_t now_usec;

int64_t boottime_usec(void)
{
        return now_usec;
}

static lookups *all;
static unsigned n_done;

static void on_done(void *userdata)
{
        if (userdata)
                *(lookup **)userdata = NULL;
        n_done++;
}

static uid_t asker;

static int look_up(const char *name, lookup **ret)
{
        return lookup_begin(all, asker, name, on_done, ret, ret);
}

/* A look-up for which Kratos is asked, or not. */
static bool is_asked(const char *name)
{
        unsigned before = n_calls;
        lookup *one = NULL;
        int r = look_up(name, &one);

        assert_true(r == LOOKUP_WAITING || r == LOOKUP_NOTHING);
        assert_int_equal(r == LOOKUP_WAITING, one != NULL);
        assert_int_equal(r == LOOKUP_WAITING, n_calls == before + 1);
        lookup_cancel(one);
        return r == LOOKUP_WAITING;
}

static void tell(kratos_call *call, const char *id, const char *name)
{
        char document[64];
        kratos_identity identity = identity_of(id, document);

        snprintf(document, sizeof(document), "{\"name\":\"%s\"}", name);
        snprintf(identity.claims, sizeof(identity.claims), "%s", name);
        assert_int_equal(call->each(&identity, call->userdata), 0);
}

static void finish(kratos_call *call, int outcome)
{
        assert_false(call->over);
        call->over = true;
        call->done(outcome, call->userdata);
}

#define LAST_CALL (&calls[n_calls - 1])

static int begin_lookups(void **state)
{
        n_calls = n_cancelled = n_done = 0;
        asker = 0;
        has_admin = true;
        find_answer = 0;
        now_usec = 3600 * (int64_t)USEC_PER_SEC;
        if (begin(state) < 0)
                return -1;
        configuration.identifier = (char *)"%u@example.org";
        configuration.lookup_timeout_usec = 1234567;
        return lookups_new(NULL, users, people, NULL, &all);
}

static int end_lookups(void **state)
{
        all = lookups_free(all);
        return end(state);
}

static void test_found(void **state)
{
        lookup *one = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        assert_string_equal(calls[0].identifier, "alice@example.org");
        assert_int_equal(calls[0].deadline, 1234567);
        assert_false(is_known("alice"));
        tell(&calls[0], ALICE, "alice");
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 1);
        assert_null(one);
        assert_true(is_known("alice"));
}

/* Names that nobody of ours can have are asked of nobody. */
static void test_rule_10_names(void **state)
{
        static const char *const names[] = { "", "Alice", "a/b", "root", "docker", "_apt", "-a",
                "alice@example.org", "a23456789012345678901234567890123" };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_false(is_asked(names[i]));
        has_admin = false;
        assert_false(is_asked("alice"));
        assert_int_equal(n_calls, 0);
        has_admin = true;
        find_answer = -EBUSY;
        assert_false(is_asked("alice"));
        find_answer = -ENOMEM;
        assert_int_equal(look_up("alice", NULL), -ENOMEM);
        find_answer = 0;
        assert_true(is_asked("alice"));
}

static void test_rule_18_single_flight(void **state)
{
        lookup *waiting[512] = { 0 }, *more = NULL;

        (void)state;
        for (size_t i = 0; i < 512; i++)
                assert_int_equal(look_up("alice", &waiting[i]), LOOKUP_WAITING);
        assert_int_equal(n_calls, 1);
        /* So many wait at most, whomever for. */
        assert_int_equal(look_up("alice", &more), LOOKUP_NOTHING);
        assert_int_equal(look_up("bob", &more), LOOKUP_NOTHING);
        waiting[7] = lookup_cancel(waiting[7]);
        assert_null(lookup_cancel(NULL));
        assert_int_equal(look_up("bob", &waiting[7]), LOOKUP_WAITING);
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 511);
        assert_non_null(waiting[7]);
        finish(&calls[1], KRATOS_OK);
        assert_int_equal(n_done, 512);
}

/* The answer is of use, though nobody waits for it any more. */
static void test_cancelled(void **state)
{
        lookup *one = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        lookup_cancel(one);
        assert_int_equal(n_cancelled, 0);
        tell(&calls[0], ALICE, "alice");
        finish(&calls[0], KRATOS_OK);
        assert_int_equal(n_done, 0);
        assert_true(is_known("alice"));
}

static void test_rule_18_so_many_names_at_once(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        for (unsigned i = 0; i < 17; i++) {
                snprintf(name, sizeof(name), "name%u", i);
                assert_int_equal(is_asked(name), i < 16);
        }
        finish(&calls[3], KRATOS_OK);
        assert_true(is_asked("name16"));
}

/* Asks for a name, which is nobody's. */
static bool ask_for_nobody(const char *name)
{
        bool asked = is_asked(name);

        if (asked)
                finish(LAST_CALL, KRATOS_OK);
        return asked;
}

static void test_rule_18_no_is_remembered(void **state)
{
        (void)state;
        assert_true(ask_for_nobody("alice"));
        assert_false(is_asked("alice"));
        now_usec += 60 * (int64_t)USEC_PER_SEC - 1;
        assert_false(is_asked("alice"));
        now_usec++;
        assert_true(ask_for_nobody("alice"));
        assert_false(is_asked("alice"));
        lookups_forget(all);
        assert_true(is_asked("alice"));
}

/* The oldest give way, so that the memory is bounded. */
static void test_rule_18_so_many_are_remembered(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        for (unsigned i = 0; i <= 4096; i++) {
                now_usec += 1000; /* so that none expires: 4 s for all */
                snprintf(name, sizeof(name), "name%u", i);
                while (!ask_for_nobody(name))
                        now_usec += 10000;
        }
        assert_false(is_asked("name4096"));
        assert_false(is_asked("name3900"));
        now_usec += USEC_PER_SEC;
        assert_true(is_asked("name0"));
}

static unsigned ask_for_many(const char *prefix, unsigned count)
{
        char name[USER_NAME_MAX + 1];
        unsigned asked = 0;

        for (unsigned i = 0; i < count; i++) {
                snprintf(name, sizeof(name), "%s%u", prefix, i);
                asked += ask_for_nobody(name);
        }
        return asked;
}

static void test_rule_18_requests_are_limited(void **state)
{
        unsigned asked = 0;
        char prefix[16];

        (void)state;
        assert_int_equal(ask_for_many("a", 100), 40);
        check_said(1, "More unknown names are looked up");
        assert_int_equal(ask_for_many("b", 100), 0);
        now_usec += USEC_PER_SEC;
        assert_int_equal(ask_for_many("c", 100), 20);
        now_usec += USEC_PER_SEC / 20 - 1;
        assert_int_equal(ask_for_many("d", 100), 0);
        now_usec++;
        assert_int_equal(ask_for_many("e", 100), 1);
        /* 20 a second, however the asking falls. */
        for (unsigned i = 0; i < 100; i++) {
                now_usec += 99 * 1000;
                snprintf(prefix, sizeof(prefix), "f%u-", i);
                asked += ask_for_many(prefix, 10);
        }
        assert_in_range(asked, 196, 198);
        check_said(0, "");
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        assert_int_equal(ask_for_many("g", 100), 40);
}

/* Whatever local people ask for, login programs can look somebody up, and the other way round. */
static void test_rule_18_shares(void **state)
{
        char name[USER_NAME_MAX + 1];

        (void)state;
        asker = 1000;
        assert_int_equal(ask_for_many("a", 100), 40);
        check_said(1, "More unknown names are looked up");
        asker = 1001;
        assert_int_equal(ask_for_many("b", 100), 0);
        asker = 0;
        assert_int_equal(ask_for_many("c", 100), 40);
        asker = 1001;
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        for (unsigned i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "d%u", i);
                assert_int_equal(is_asked(name), i < 16);
        }
        assert_false(is_urgent);
        asker = 0;
        assert_true(is_asked("alice"));
        assert_true(is_urgent);
        /* Nor does what the others waited for in vain keep anything from login programs. */
        asker = 1001;
        now_usec += 3600 * (int64_t)USEC_PER_SEC;
        finish(&calls[n_calls - 2], KRATOS_NO_ANSWER);
        assert_false(is_asked("bob"));
        asker = 0;
        assert_true(is_asked("bob"));
}

/* A Kratos that does not answer is left alone for a while, by look-ups of any name. */
static void test_rule_17_silence(void **state)
{
        static const int outcomes[] = { KRATOS_UNREACHABLE, KRATOS_NO_ANSWER, KRATOS_FAULT,
                KRATOS_RATE_LIMITED };

        (void)state;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, outcomes[i]);
                assert_false(is_asked("alice"));
                assert_false(is_asked("bob"));
                now_usec += 5 * (int64_t)USEC_PER_SEC - 1;
                assert_false(is_asked("bob"));
                now_usec++;
        }
        assert_true(is_asked("alice"));
        finish(LAST_CALL, KRATOS_UNREACHABLE);
        lookups_forget(all);
        assert_true(is_asked("alice"));
}

/* A turn that did not come in time says nothing of Kratos, nor of the name. */
static void test_rule_18_too_busy_to_ask(void **state)
{
        static const char *const others[] = { "bob", "carol", "dave" };

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, KRATOS_NOT_ASKED);
                assert_true(ask_for_nobody(others[i]));
        }
}

/* An answer that is no good says nothing of other names; and the name is not asked for at once. */
static void test_rule_18_bad_answer_of_one(void **state)
{
        static const int outcomes[] = { KRATOS_BAD_ANSWER, KRATOS_REFUSED, KRATOS_FORBIDDEN };

        (void)state;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                assert_true(is_asked("alice"));
                finish(LAST_CALL, outcomes[i]);
                assert_false(is_asked("alice"));
                assert_true(ask_for_nobody("bob"));
                now_usec += 60 * (int64_t)USEC_PER_SEC;
        }
}

/* Somebody else has the name as an e-mail address, say. */
static void test_rule_31_identifier_of_another(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, BOB, "bob");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("alice"));
        assert_false(is_known("bob"));
        assert_false(is_asked("alice"));
}

static void test_rule_31_several_claim_it(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        tell(LAST_CALL, BOB, "alice");
        finish(LAST_CALL, KRATOS_OK);
        check_said(1, "2 identities claim the name alice");
        assert_false(is_known("alice"));
        assert_false(is_asked("alice"));
        /* Whose it is already it stays. */
        assert_int_equal(store_add_pin(people, "alice", DAVE), 0);
        lookups_forget(all);
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        tell(LAST_CALL, BOB, "alice");
        tell(LAST_CALL, DAVE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
        check_said(1, "alice is an account: identity " DAVE);
}

/* However many claim it, and in whatever order: the one whose it is is heard. */
static void test_rule_31_many_claim_it(void **state)
{
        char id[UUID_LENGTH + 1] = ALICE;

        (void)state;
        assert_int_equal(store_add_pin(people, "alice", DAVE), 0);
        assert_true(is_asked("alice"));
        for (unsigned i = 0; i < 9; i++) {
                id[0] = (char)('1' + i);
                tell(LAST_CALL, id, "alice");
        }
        tell(LAST_CALL, DAVE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
}

/* Whose document names nobody is told, and not of each that an answer may have. */
static void test_rule_18_nameless_documents(void **state)
{
        (void)state;
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "");
        assert_int_equal(n_said, 1);
        tell(LAST_CALL, BOB, "");
        tell(LAST_CALL, DAVE, "");
        assert_int_equal(n_said, 1);
        tell(LAST_CALL, CAROL, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_true(is_known("alice"));
        n_said = 0;
}

/* What cannot be an account here is not asked for again and again. */
static void test_rule_18_what_is_not_served_is_remembered(void **state)
{
        (void)state;
        put_file(group_file, "alice:x:1000:\n");
        assert_true(is_asked("alice"));
        tell(LAST_CALL, ALICE, "alice");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("alice"));
        assert_false(is_asked("alice"));

        assert_true(is_asked("bob"));
        tell(LAST_CALL, ALICE, "bob");
        finish(LAST_CALL, KRATOS_OK);
        assert_false(is_known("bob"));
        assert_false(is_asked("bob"));
}

/* Whoever is told may ask again. */
static lookup *again;

static void on_done_again(void *userdata)
{
        (void)userdata;
        n_done++;
        if (n_calls < 10 && n_done < 3)
                (void)lookup_begin(all, 0, "alice", on_done_again, NULL, &again);
        else
                again = NULL;
}

static void test_ask_again_from_within(void **state)
{
        lookup *other = NULL;

        (void)state;
        assert_int_equal(
                lookup_begin(all, 0, "alice", on_done_again, NULL, &again), LOOKUP_WAITING);
        assert_int_equal(look_up("alice", &other), LOOKUP_WAITING);
        finish(&calls[0], -ENOMEM);
        assert_int_equal(n_done, 2);
        assert_int_equal(n_calls, 2);
        finish(&calls[1], -ENOMEM);
        assert_int_equal(n_done, 3);
        assert_null(again);
}

/* At the end of the daemon, whoever waits is called back, and nothing is asked any more. */
static void test_end(void **state)
{
        lookup *one = NULL, *two = NULL;

        (void)state;
        assert_int_equal(look_up("alice", &one), LOOKUP_WAITING);
        assert_int_equal(look_up("bob", &two), LOOKUP_WAITING);
        assert_int_equal(
                lookup_begin(all, 0, "carol", on_done_again, NULL, &again), LOOKUP_WAITING);
        n_done = 0;
        all = lookups_free(all);
        assert_int_equal(n_calls, 3);
        assert_int_equal(n_done, 3);
        assert_null(one);
        assert_null(two);
        assert_int_equal(n_cancelled, n_calls);
        assert_null(lookups_free(NULL));
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_lookups, end_lookups)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_found),
                TEST(test_rule_10_names),
                TEST(test_rule_18_single_flight),
                TEST(test_cancelled),
                TEST(test_rule_18_so_many_names_at_once),
                TEST(test_rule_18_no_is_remembered),
                TEST(test_rule_18_so_many_are_remembered),
                TEST(test_rule_18_requests_are_limited),
                TEST(test_rule_18_shares),
                TEST(test_rule_17_silence),
                TEST(test_rule_18_bad_answer_of_one),
                TEST(test_rule_18_too_busy_to_ask),
                TEST(test_rule_31_identifier_of_another),
                TEST(test_rule_31_several_claim_it),
                TEST(test_rule_31_many_claim_it),
                TEST(test_rule_18_nameless_documents),
                TEST(test_rule_18_what_is_not_served_is_remembered),
                TEST(test_ask_again_from_within),
                TEST(test_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
