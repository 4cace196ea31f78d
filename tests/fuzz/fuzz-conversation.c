/* The conversation of a login: whatever is answered, and whatever Kratos makes of it, a login is
 * granted only if every factor that is demanded of it was verified in it, for its identity; each
 * answer leads to one result; and no session at Kratos is lost, nor one revoked that is open. An
 * input is what is demanded, and then a program of answers, faults and times; where a login was
 * granted, a session may be opened, which logins in its place then renew. Logins and sessions are
 * the daemon's own, and what lies below them stands in (bus-stand-ins.h). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "bus-stand-ins.h"
#include "common/interface.h"
#include "common/words.h"
#include "kratosd/login-steps.h"
#include "kratosd/seal.h"
#include "kratosd/timespan.h"

#define LOGINS_AT_ONCE 3
#define ACTIONS_MAX 48

/* The process of the first login; each has one of its own. */
#define FIRST_PID 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A login as its caller knows it, and the session that it has opened. */
typedef struct talk {
        bool begun;
        bool waits; /* for a result */
        bool granted;
        unsigned answers;
        login_caller caller;
        const char *user;
        char id[ID_LENGTH + 1];
        char session[ID_LENGTH + 1];
        int lifeline; /* or -1 */
} talk;

static talk talks[LOGINS_AT_ONCE];
static logins *all;
static sessions *open_sessions;

static void check_prompt(const login_prompt *prompt)
{
        char text[PROMPT_TEXT_MAX + 1];

        require(prompt->kind && strlen(prompt->kind) <= 32 && prompt->words);
        require(words_render(prompt->words, NULL, text) && strlen(text) > 2);
        for (const char *p = text; *p; p++)
                require((unsigned char)*p >= ' ' && *p != 0x7F);
        require(prompt->echo == (strcmp(prompt->kind, PROMPT_KIND_CHOICE) == 0));
}

static void on_result(const login_result *result, void *userdata)
{
        talk *t = userdata;

        require(t->waits);
        t->waits = false;
        if (result->verdict == VERDICT_MORE) {
                require(t->answers < LOGIN_ANSWERS_MAX);
                check_prompt(&result->prompt);
                return;
        }
        t->begun = false;
        if (result->verdict == VERDICT_GRANTED) {
                require(grants-- > 0);
                t->granted = true;
        }
}

static secret *make_answer(void)
{
        static const char *const answers[] = { "password", "123456", "234567", " 123456", "123 456",
                "", "?", "1", "2", "3", "4", "abcd1234", "code\n", "\xff", "000000" };
        static const unsigned n = sizeof(answers) / sizeof(answers[0]);
        unsigned which = take(n + 1);
        secret *s = NULL;

        require(secret_new(ANSWER_MAX, &s) == 0);
        if (which < n)
                require(secret_append_string(s, answers[which]) == 0);
        else
                for (unsigned i = take(255) * 2; i > 0; i--)
                        require(secret_append(s, i % 7 ? "7" : "\0", 1) == 0);
        return s;
}

static int64_t monotonic_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Where logind says that a caller sits, once somebody can: mostly in a session of its own. */
static session_place take_place(uid_t uid)
{
        session_place place = { .uid = uid, .since = monotonic_usec() };

        if (!store_has_open(NULL, "alice") && !store_has_open(NULL, "bob"))
                return (session_place){ 0 };
        place.leader = FIRST_PID + (pid_t)take(LOGINS_AT_ONCE);
        switch (take(8)) {
        case 5:
                return (session_place){ 0 };
        case 6:
                place.uid++;
                break;
        case 7:
                place.since -= (int64_t)(3600 * USEC_PER_SEC);
        }
        return place;
}

static void begin(talk *t)
{
        login_context context = { .service = "sshd", .purpose = "login" };
        const char *user = take(4) ? "alice" : "bob";
        login_prompt prompt;

        if (t->begun)
                return;
        snprintf(context.rhost, sizeof(context.rhost), "%s", take(2) ? "192.0.2.1" : "");
        t->caller = (login_caller){ .uid = 0, .is_program = true };
        if (take(4) == 3)
                t->caller = (login_caller){ .uid = *user == 'a' ? 1000 : 1001 };
        t->caller.place = take_place(*user == 'a' ? 1000 : 1001);
        if (login_begin(all, t->caller, user, &context, t->id, &prompt) != 0)
                return;
        check_prompt(&prompt);
        t->begun = true;
        t->granted = false;
        t->user = user;
        t->answers = 0;
}

static void answer(talk *t)
{
        _cleanup_secret_ secret *s = make_answer();
        int r;

        if (!t->begun)
                return;
        r = login_answer(all, t->caller, t->id, s, on_result, t);
        require(r >= 0 && (r == 0 || !t->waits || r == VERDICT_INVALID));
        if (t->waits)
                require(r == VERDICT_INVALID);
        else if (r == 0) {
                t->waits = true;
                t->answers++;
                require(t->answers <= LOGIN_ANSWERS_MAX);
        } else {
                require(r == VERDICT_NO_SUCH_LOGIN);
                t->begun = false;
        }
}

static void run_loop(unsigned turns)
{
        while (turns-- > 0 && sd_event_run(event, 0) > 0)
                ;
}

/* Only a program opens what it was granted, and only once. */
static void open_session(talk *t)
{
        int r;

        if (t->begun || !t->user || t->lifeline >= 0)
                return;
        r = sessions_open(open_sessions, t->user, UUID, t->id, "sshd",
                FIRST_PID + (pid_t)(t - talks), t->session, &t->lifeline);
        require(r != 0 || (t->granted && t->caller.is_program));
        t->granted = false;
}

/* By PAM, or because its process is gone. */
static void close_session(talk *t, bool killed)
{
        if (t->lifeline < 0)
                return;
        if (!killed)
                (void)sessions_close(open_sessions, t->session);
        close(t->lifeline);
        t->lifeline = -1;
}

static void hurry_or_session(talk *t)
{
        unsigned which = take(16);

        if (which % 8 == 4 || which % 8 == 5)
                return open_session(t);
        if (which % 8 == 6)
                return close_session(t, which > 8);
        hurry = which % 8 == 3;
}

static void act(void)
{
        talk *t = talks + take(LOGINS_AT_ONCE);

        switch (take(8)) {
        case 0:
        case 1:
                return begin(t);
        case 2:
        case 3:
        case 4:
                return answer(t);
        case 5:
                if (t->begun)
                        (void)login_cancel(all, t->caller, t->id);
                return;
        case 6:
                return hurry_or_session(t);
        default:
                run_loop(take(6));
        }
}

static sealer *make_sealer(void)
{
        char folder[] = "/tmp/fuzz-conversation-XXXXXX", path[64];
        sealer *made = NULL;

        require(mkdtemp(folder) && sealer_new(folder, &made) == 0);
        snprintf(path, sizeof(path), "%s/" SEAL_KEY_FILE, folder);
        remove(path);
        remove(folder);
        return made;
}

static void demand(void)
{
        static char name[] = "sshd";
        service_rules sshd = { .name = name };

        kratos_configuration.require_aal = REQUIRE_AAL1 + take(3);
        sshd.login = (login_rules){ .first_factors = take(4), .single_prompt = take(8) == 7 };
        kratos_configuration.services[0] = sshd;
        kratos_configuration.n_services = 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static accounts none;
        static sealer *key;

        if (!event)
                require(sd_event_new(&event) >= 0);
        if (!key)
                key = make_sealer();
        input_begin(data, size);
        for (unsigned i = 0; i < LOGINS_AT_ONCE; i++)
                talks[i] = (talk){ .lifeline = -1 };
        demand();
        require(sessions_new(event, NULL, NULL, &open_sessions) == 0 &&
                logins_new(event, &none, key, NULL, NULL, open_sessions, NULL, &all) == 0);
        for (unsigned i = 0; i < ACTIONS_MAX && !input_is_over(); i++) {
                act();
                if (take(2))
                        run_loop(64);
        }
        run_loop(64);
        all = logins_free(all);
        kratos_check_sessions();
        for (unsigned i = 0; i < LOGINS_AT_ONCE; i++) {
                require(!talks[i].waits);
                close_session(talks + i, i % 2);
        }
        run_loop(64);
        kratos_check_sessions();
        open_sessions = sessions_free(open_sessions);
        while (sd_event_run(event, 0) > 0)
                ;
        return 0;
}
