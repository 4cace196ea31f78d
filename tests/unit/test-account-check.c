/* The account phase: what Kratos says now, what it said before, and for how long that counts. */
#include "people.h"

#include "kratosd/account-check.h"
#include "kratosd/store-accounts.h"
#include "kratosd/timespan.h"

/* Kratos, which answers when the test says so. */
static struct kratos_call {
        char identity[UUID_LENGTH + 1];
        uint64_t deadline;
        kratos_identity_done_handler done;
        void *userdata;
        bool over; /* it was cancelled */
} asked;
static unsigned n_asked;
static int ask_answer;

#include "kratos-stand-in.h"

int kratos_admin_get_identity(kratos *k, const char *identity, bool urgent, uint64_t deadline_usec,
        kratos_identity_done_handler done, void *userdata, kratos_call **ret)
{
        (void)k;
        assert_true(urgent); /* behind no look-ups */
        if (ask_answer < 0)
                return ask_answer;
        asked = (struct kratos_call){
                .deadline = deadline_usec, .done = done, .userdata = userdata
        };
        snprintf(asked.identity, sizeof(asked.identity), "%s", identity);
        n_asked++;
        *ret = &asked;
        return 0;
}

/* The clocks are the test's. */
static int64_t now_sec, boot_usec;

time_t time(time_t *ret)
{
        if (ret)
                *ret = now_sec;
        return now_sec;
}

int64_t boottime_usec(void)
{
        return boot_usec;
}

/* A local user, if the test has one. */
static local_user listed;
static bool is_listed;

int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret)
{
        (void)list;
        (void)passwd;
        (void)name;
        if (is_listed)
                *ret = listed;
        return is_listed ? LOCAL_USER_LISTED : LOCAL_USER_ABSENT;
}

static char reason[64];
static unsigned n_told;

void log_event(enum event event, const event_facts *facts, const char *why)
{
        assert_int_equal(event, EVENT_LOGIN_REFUSED);
        assert_non_null(facts->user);
        n_told++;
        snprintf(reason, sizeof(reason), "%s", why);
}

static accounts all;
static bool is_program;
static int verdict;
static unsigned n_checked;

static void on_checked(int result, const char *sentence, void *userdata)
{
        assert_ptr_equal(userdata, &verdict);
        assert_true(result != 0 || !sentence);
        verdict = result;
        n_checked++;
}

static account_check *check_begin(const char *name)
{
        account_check *check = NULL;
        local_user account = { 0 };
        int r;

        r = account_find(&all, name, &account);
        verdict = -1;
        n_checked = 0;
        reason[0] = '\0';
        if (r == VERDICT_UNKNOWN_USER)
                return NULL;
        assert_int_equal(r, 0);
        assert_int_equal(account_check_begin(&all, is_program, name, &account, "sshd", "192.0.2.1",
                                 on_checked, &verdict, &check),
                0);
        return check;
}

/* Nobody is asked: the verdict is there at once. */
static int check_at_once(const char *name)
{
        unsigned before = n_asked;

        assert_null(check_begin(name));
        assert_int_equal(n_checked, 1);
        assert_int_equal(n_asked, before);
        return verdict;
}

static void answer(int outcome, const char *document, bool active)
{
        kratos_identity identity = identity_of(asked.identity, document);

        identity.active = active;
        assert_false(asked.over);
        asked.done(outcome, &identity, asked.userdata);
        assert_int_equal(n_checked, 1);
}

/* Kratos is asked, and says this. */
static int check_asked(const char *name, int outcome, const char *document, bool active)
{
        unsigned before = n_asked;

        assert_non_null(check_begin(name));
        assert_int_equal(n_asked, before + 1);
        assert_int_equal(n_checked, 0);
        answer(outcome, document, active);
        return verdict;
}

#define DOCUMENT "{\"name\":\"alice\"}"

static int begin_check(void **state)
{
        is_listed = false;
        has_admin = true;
        ask_answer = 0;
        n_asked = 0;
        now_sec = 1800000000;
        is_program = true;
        n_told = 0;
        all.quiet_until = 0;
        boot_usec = 3600 * (int64_t)USEC_PER_SEC;
        if (begin(state) < 0)
                return -1;
        all = (accounts){ .store = people, .directory = users };
        configuration.fresh_usec = 60 * USEC_PER_SEC;
        configuration.max_stale_usec = 3600 * USEC_PER_SEC;
        configuration.timeout_usec = 10 * USEC_PER_SEC;
        adopt_quietly(ALICE, DOCUMENT);
        return 0;
}

static void test_fresh(void **state)
{
        (void)state;
        assert_int_equal(check_at_once("alice"), 0);
        now_sec += 60;
        assert_int_equal(check_at_once("alice"), 0);
        now_sec++;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        assert_string_equal(asked.identity, ALICE);
        assert_true(asked.deadline <= 3 * USEC_PER_SEC);
        assert_int_equal(check_at_once("alice"), 0);
        configuration.timeout_usec = USEC_PER_SEC;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        assert_int_equal(asked.deadline, USEC_PER_SEC);
}

/* FreshSec=0: what the same second said is still known. */
static void test_fresh_of_nothing(void **state)
{
        (void)state;
        configuration.fresh_usec = 0;
        now_sec++;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        now_sec++;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, false), VERDICT_DISABLED);
        assert_string_equal(reason, "identity-inactive");
}

static void test_rule_5_inactive(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, false), VERDICT_DISABLED);
        assert_string_equal(reason, "identity-inactive");
        assert_int_equal(check_at_once("alice"), VERDICT_DISABLED);
        /* An unreachable Kratos lets nobody in who was disabled before. */
        now_sec += 61;
        assert_int_equal(
                check_asked("alice", KRATOS_UNREACHABLE, DOCUMENT, true), VERDICT_DISABLED);
}

static void test_rule_41_unreachable(void **state)
{
        static const int outcomes[] = { KRATOS_UNREACHABLE, KRATOS_NO_ANSWER, KRATOS_FAULT,
                KRATOS_RATE_LIMITED };

        (void)state;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                now_sec += 61;
                assert_int_equal(check_asked("alice", outcomes[i], NULL, false), 0);
                /* Nobody waits again at once. */
                assert_int_equal(check_at_once("alice"), 0);
                boot_usec += 10 * (int64_t)USEC_PER_SEC;
        }
        assert_non_null(check_begin("alice"));
        answer(KRATOS_OK, DOCUMENT, true);
}

/* A turn that did not come in time is no silence of Kratos's: the next one asks. */
static void test_rule_18_too_busy_to_ask(void **state)
{
        (void)state;
        now_sec += 61;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(check_asked("alice", KRATOS_NOT_ASKED, NULL, false), 0);
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, false), VERDICT_DISABLED);
}

/* What is wrong with one identity's answer keeps nobody else from being asked about. */
static void test_rule_18_bad_answer_of_one(void **state)
{
        static const int outcomes[] = { KRATOS_REFUSED, KRATOS_FORBIDDEN, KRATOS_NO_SUCH_PATH };

        (void)state;
        adopt_quietly(BOB, "{\"name\":\"bob\"}");
        now_sec += 61;
        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                assert_int_equal(check_asked("alice", outcomes[i], NULL, false), 0);
                assert_int_equal(check_asked("bob", KRATOS_OK, "{\"name\":\"bob\"}", false),
                        VERDICT_DISABLED);
                now_sec += 61;
        }
}

/* As with a configuration that was cut off, in which nothing is left of who may come in. */
static void test_rule_5_without_a_kratos(void **state)
{
        (void)state;
        configuration.public.count = 0;
        assert_int_equal(check_at_once("alice"), VERDICT_UNAVAILABLE);
        assert_string_equal(reason, "no-kratos");
}

static void test_too_stale(void **state)
{
        (void)state;
        now_sec += 3600;
        assert_int_equal(check_asked("alice", KRATOS_UNREACHABLE, NULL, false), 0);
        now_sec++;
        assert_int_equal(check_at_once("alice"), VERDICT_UNAVAILABLE);
        assert_string_equal(reason, "too-stale");
        boot_usec += 10 * (int64_t)USEC_PER_SEC;
        assert_int_equal(check_asked("alice", KRATOS_NO_ANSWER, NULL, false), VERDICT_UNAVAILABLE);
        boot_usec += 10 * (int64_t)USEC_PER_SEC;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        /* A call that cannot be made at all. */
        now_sec += 3601;
        ask_answer = -ENOMEM;
        assert_int_equal(check_at_once("alice"), VERDICT_UNAVAILABLE);
        ask_answer = 0;
        /* Without an admin API nobody can be asked. */
        has_admin = false;
        assert_int_equal(check_at_once("alice"), 0);
}

/* What was just answered is not stale, however little MaxStaleSec= gives. */
static void test_stale_of_nothing(void **state)
{
        (void)state;
        configuration.fresh_usec = configuration.max_stale_usec = 0;
        now_sec++;
        assert_non_null(check_begin("alice"));
        answer(KRATOS_OK, DOCUMENT, true);
        assert_int_equal(verdict, 0);
        now_sec++;
        assert_int_equal(
                check_asked("alice", KRATOS_UNREACHABLE, NULL, false), VERDICT_UNAVAILABLE);
}

static void put_standing(bool active, int64_t checked)
{
        const standing last = { .active = active, .checked = checked };

        assert_int_equal(store_put_standing(people, ALICE, &last), 0);
}

/* Nobody outlives being disabled by a record that cannot be read; and nobody else's is meant. */
static void test_rule_5_unreadable_record(void **state)
{
        (void)state;
        adopt_quietly(BOB, "{\"name\":\"bob\"}");
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_BAD_ANSWER, NULL, false), VERDICT_UNAVAILABLE);
        assert_string_equal(reason, "kratos-bad-answer");
        assert_true(is_known("alice"));
        assert_int_equal(check_asked("bob", KRATOS_OK, "{\"name\":\"bob\"}", true), 0);
        /* Nor is it remembered: the next answer counts. */
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        /* Who is known to be disabled stays so. */
        now_sec += 61;
        put_standing(false, now_sec - 61);
        assert_int_equal(check_asked("alice", KRATOS_BAD_ANSWER, NULL, false), VERDICT_DISABLED);
}

/* A clock that was ahead once gives nobody more time than MaxStaleSec=. */
static void test_rule_23_wrong_clock(void **state)
{
        (void)state;
        put_standing(true, now_sec + 10);
        assert_int_equal(check_asked("alice", KRATOS_UNREACHABLE, NULL, false), 0);
        put_standing(true, now_sec + 100 * 24 * 3600);
        assert_int_equal(check_at_once("alice"), VERDICT_UNAVAILABLE);
        boot_usec += 10 * (int64_t)USEC_PER_SEC;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        /* Times that no clock has. */
        for (int i = 0; i < 2; i++) {
                put_standing(true, i == 0 ? INT64_MAX : INT64_MIN);
                assert_int_equal(
                        check_asked("alice", KRATOS_UNREACHABLE, NULL, false), VERDICT_UNAVAILABLE);
                boot_usec += 10 * (int64_t)USEC_PER_SEC;
        }
}

/* Kratos's own word that there is no such identity. */
static void test_deleted(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_NOT_FOUND, NULL, false), VERDICT_DISABLED);
        assert_false(is_known("alice"));
        assert_null(check_begin("alice"));
        assert_int_equal(n_checked, 0);
}

/* The document was taken away: what is no account any more lets nobody in. */
static void test_rule_5_no_account_any_more(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK, NULL, true), VERDICT_DISABLED);
        assert_string_equal(reason, "account-ended");
        assert_false(is_known("alice"));
}

static void test_refused(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(
                check_asked("alice", KRATOS_OK, "{\"name\":\"root\"}", true), VERDICT_NOT_ALLOWED);
        assert_string_equal(reason, "account-refused");
        assert_int_equal(check_at_once("alice"), VERDICT_NOT_ALLOWED);
}

/* A person's own are told once in a while: nobody can fill the journal. */
static void test_rule_18_refusals_of_persons(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(
                check_asked("alice", KRATOS_OK, "{\"name\":\"root\"}", true), VERDICT_NOT_ALLOWED);
        assert_int_equal(check_at_once("alice"), VERDICT_NOT_ALLOWED);
        assert_int_equal(n_told, 2);
        is_program = false;
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(check_at_once("alice"), VERDICT_NOT_ALLOWED);
        assert_int_equal(n_told, 3);
        boot_usec += 10 * (int64_t)USEC_PER_SEC;
        assert_int_equal(check_at_once("alice"), VERDICT_NOT_ALLOWED);
        assert_int_equal(n_told, 4);
        is_program = true;
        assert_int_equal(check_at_once("alice"), VERDICT_NOT_ALLOWED);
        assert_int_equal(n_told, 5);
}

static void test_document_decides(void **state)
{
        (void)state;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK,
                                 "{\"name\":\"alice\",\"hosts\":[\"other.example.org\"]}", true),
                VERDICT_NOT_ALLOWED);
        assert_string_equal(reason, "host-not-allowed");
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK,
                                 "{\"name\":\"alice\",\"notAfter\":\"2020-01-01\"}", true),
                VERDICT_DISABLED);
        assert_string_equal(reason, "expired");
}

/* A store that cannot be written does not make Kratos's answer another one. */
static void test_rule_23_answer_that_cannot_be_stored(void **state)
{
        static const char trigger[] =
                "CREATE TRIGGER full BEFORE UPDATE ON standing BEGIN SELECT RAISE(ABORT, 'full'); "
                "END; CREATE TRIGGER none BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, "
                "'full'); END";

        (void)state;
        alter(trigger);
        all.store = people;
        all.directory = users;
        now_sec += 61;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, false), VERDICT_DISABLED);
        check_said(1, "cannot be stored");
        assert_int_equal(check_asked("alice", KRATOS_NOT_FOUND, NULL, false), VERDICT_DISABLED);
        check_said(2, "cannot be stored");
        now_sec += 3601;
        assert_int_equal(check_asked("alice", KRATOS_OK, DOCUMENT, true), 0);
        check_said(1, "cannot be stored");
}

/* Local people whom local-users lists have a standing, and no document of their own. */
static void test_listed(void **state)
{
        (void)state;
        is_listed = true;
        listed = (local_user){ .uid = 1000, .identity = BOB };
        assert_int_equal(check_asked("bob", KRATOS_OK, NULL, true), 0);
        assert_string_equal(asked.identity, BOB);
        assert_int_equal(check_at_once("bob"), 0);
        now_sec += 61;
        assert_int_equal(check_asked("bob", KRATOS_OK, NULL, false), VERDICT_DISABLED);
        now_sec += 61;
        assert_int_equal(check_asked("bob", KRATOS_NOT_FOUND, NULL, false), VERDICT_DISABLED);
        assert_int_equal(check_at_once("bob"), VERDICT_DISABLED);
        /* Whose identity is not known was never checked: nobody can be asked. */
        listed.identity[0] = '\0';
        assert_int_equal(check_at_once("bob"), 0);
        assert_int_equal(store_add_pin(people, "bob", CAROL), 0);
        assert_int_equal(check_asked("bob", KRATOS_UNREACHABLE, NULL, false), VERDICT_UNAVAILABLE);
}

/* Where the store cannot say whose a name is, nothing is known of it. */
static void test_rule_3_store_that_cannot_be_read(void **state)
{
        (void)state;
        is_listed = true;
        listed = (local_user){ .uid = 1000 };
        alter("PRAGMA user_version = 99");
        all.store = people;
        all.directory = users;
        assert_true(check_at_once("bob") < 0);
        assert_string_equal(reason, "internal-fault");
}

static void test_cancel_and_end(void **state)
{
        account_check *check;

        (void)state;
        assert_null(account_check_cancel(NULL));
        now_sec += 61;
        check = check_begin("alice");
        assert_non_null(check);
        assert_null(account_check_cancel(check));
        assert_true(asked.over);
        assert_int_equal(n_checked, 0);
        assert_true(LIST_EMPTY(&all.checks));

        assert_non_null(check_begin("alice"));
        account_checks_end(&all);
        assert_int_equal(n_checked, 1);
        assert_int_equal(verdict, VERDICT_UNAVAILABLE);
        assert_true(asked.over);
        account_checks_end(&all);
        assert_int_equal(n_checked, 1);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_check, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_fresh),
                TEST(test_fresh_of_nothing),
                TEST(test_rule_5_inactive),
                TEST(test_rule_41_unreachable),
                TEST(test_rule_18_too_busy_to_ask),
                TEST(test_rule_18_bad_answer_of_one),
                TEST(test_rule_5_unreadable_record),
                TEST(test_rule_5_without_a_kratos),
                TEST(test_too_stale),
                TEST(test_stale_of_nothing),
                TEST(test_rule_23_wrong_clock),
                TEST(test_deleted),
                TEST(test_rule_5_no_account_any_more),
                TEST(test_refused),
                TEST(test_rule_18_refusals_of_persons),
                TEST(test_document_decides),
                TEST(test_rule_23_answer_that_cannot_be_stored),
                TEST(test_listed),
                TEST(test_rule_3_store_that_cannot_be_read),
                TEST(test_cancel_and_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
