/* What conversations cost that nobody goes on with. Kratos and what else lies below the logins
 * stands in (tests/fuzz/bus-stand-ins.h). */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/login-steps.h"
#include "tests/fuzz/bus-stand-ins.h"

#define ABANDONED 10000
#define IN_FLIGHT 20
#define STATE_MAX (8 * 1024)

_Static_assert(sizeof(login) < STATE_MAX, "a login in flight is small");

static sealer *key;
static sessions *open_sessions;
static logins *all;
static unsigned asked, refused;
static uint64_t stood_still; /* since the loop's round began, microseconds */

int sd_event_now(sd_event *e, clockid_t clock, uint64_t *ret)
{
        (void)e;
        assert_int_equal(clock, CLOCK_BOOTTIME);
        *ret = (uint64_t)boottime_usec() - stood_still;
        return 0;
}

/* Kratos says yes to everything, and sends a code. */
static void be_kind(void)
{
        static uint8_t input[4096];

        memset(input, 240, sizeof(input));
        input_begin(input, sizeof(input));
        kratos_configuration.require_aal = REQUIRE_AAL2;
}

static void on_result(const login_result *result, void *userdata)
{
        (void)userdata;
        assert_int_equal(result->verdict, VERDICT_MORE);
        assert_string_equal(result->prompt.kind, PROMPT_KIND_CODE);
        assert_string_equal(result->prompt.words,
                "Code sent to %1 (Enter: send again, ?: another way): \ta…@example.test");
        asked++;
}

static void run_loop(void)
{
        while (sd_event_run(event, 0) > 0)
                ;
}

/* Up to the question for the code. */
static void begin(char id[static ID_LENGTH + 1])
{
        login_context context = { .service = "sshd" };
        login_caller root = { .is_program = true };
        _cleanup_secret_ secret *password = NULL;
        login_prompt prompt;

        assert_int_equal(secret_new(16, &password), 0);
        assert_int_equal(secret_append_string(password, "password"), 0);
        assert_int_equal(login_begin(all, root, "alice", &context, id, &prompt), 0);
        assert_int_equal(login_answer(all, root, id, password, on_result, NULL), 0);
}

static int set_up(void **state)
{
        static accounts none;
        char folder[] = "/tmp/test-conversations-XXXXXX", path[64];

        (void)state;
        assert_true(sd_event_new(&event) >= 0);
        assert_non_null(mkdtemp(folder));
        assert_int_equal(sealer_new(folder, &key), 0);
        snprintf(path, sizeof(path), "%s/" SEAL_KEY_FILE, folder);
        remove(path);
        remove(folder);
        be_kind();
        assert_int_equal(sessions_new(event, NULL, NULL, &open_sessions), 0);
        assert_int_equal(logins_new(event, &none, key, NULL, NULL, open_sessions, NULL, &all), 0);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        logins_free(all);
        sessions_free(open_sessions);
        sealer_free(key);
        event = sd_event_unref(event);
        return 0;
}

static void abandon(void)
{
        char id[ID_LENGTH + 1];

        be_kind();
        begin(id);
        /* Nobody types a code. */
        hurry = true;
        run_loop();
        assert_true(TAILQ_EMPTY(&all->list));
        kratos_check_sessions();
}

static void test_ten_thousand_abandoned(void **state)
{
        size_t before;

        (void)state;
        for (unsigned i = 0; i < 100; i++)
                abandon();
        before = mallinfo2().uordblks;
        asked = 0;
        for (unsigned i = 0; i < ABANDONED; i++)
                abandon();
        assert_int_equal(asked, ABANDONED);
        assert_true(mallinfo2().uordblks <= before + 4096);
}

static void test_in_flight(void **state)
{
        char id[ID_LENGTH + 1];
        size_t before;

        (void)state;
        be_kind();
        before = mallinfo2().uordblks;
        for (unsigned i = 0; i < IN_FLIGHT; i++) {
                begin(id);
                run_loop();
        }
        assert_true(mallinfo2().uordblks - before < (size_t)IN_FLIGHT * STATE_MAX);
}

static void on_refusal(const login_result *result, void *userdata)
{
        (void)userdata;
        assert_int_equal(result->verdict, VERDICT_BAD_CREDENTIALS);
        refused++;
}

/* The stand-in for the loop's clock lets nobody wait who would not, however long ago the loop's
 * round began. */
static void test_after_a_standstill(void **state)
{
        login_context context = { .service = "sshd" };
        login_caller root = { .is_program = true };
        _cleanup_secret_ secret *nothing = NULL;
        char id[ID_LENGTH + 1];
        login_prompt prompt;

        (void)state;
        assert_int_equal(secret_new(1, &nothing), 0);
        assert_int_equal(login_begin(all, root, "alice", &context, id, &prompt), 0);
        stood_still = 20 * USEC_PER_SEC;
        refused = 0;
        assert_int_equal(login_answer(all, root, id, nothing, on_refusal, NULL), 0);
        run_loop();
        stood_still = 0;
        assert_int_equal(refused, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_ten_thousand_abandoned, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_in_flight, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_after_a_standstill, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
