#include <errno.h>
#include <string.h>

#include "body.h"
#include "common/words.h"
#include "log.h"
#include "login-steps.h"
#include "password-due.h"

/* New passwords that are with Kratos at once: each holds a connection of root's to the bus. */
#define CHANGES_MAX 32

#define WEAK_SENTENCE                                                                              \
        N_("Kratos wants another factor before a password is changed. It is unchanged.")
#define OLD_SENTENCE N_("That took too long. The password is unchanged: start again.")
#define BUSY_SENTENCE N_("Kratos has no time now. The password is unchanged: try again later.")
#define AWAY_SENTENCE N_("Kratos cannot be asked now. The password is unchanged.")
#define FORBIDDEN_SENTENCE N_("Kratos does not let you change the password. It is unchanged.")
#define UNKNOWN_SENTENCE                                                                           \
        N_("Kratos did not say whether the password was changed. Next time, try the new one "      \
           "first, then the old one.")
#define REFUSED_SENTENCE N_("Kratos does not take that password.")

/* A new password on its way to Kratos. It answers whoever gave it once, and is freed then. */
typedef struct password_change {
        logins *owner;
        session_row row;
        secret *token;
        secret *password;
        int64_t asked; /* CLOCK_BOOTTIME */
        int64_t deadline;
        bool again;  /* in another flow already */
        bool posted; /* or it waits for a flow */
        kratos_call *call;
        login_done done;
        void *userdata;
        LIST_ENTRY(password_change) changes;
} password_change;

static void fetch_flow(password_change *c);

/* An outcome that is a verdict on the session, when it asks for a settings flow. */
static void refuse_settings(login *l, int outcome)
{
        if (outcome == KRATOS_NOT_SURE_ENOUGH)
                return login_refuse_saying(
                        l, VERDICT_NOT_ALLOWED, "second-factor-required", WEAK_SENTENCE);
        if (outcome == KRATOS_FORBIDDEN || outcome == KRATOS_NO_SESSION)
                return login_refuse_saying(
                        l, VERDICT_NOT_ALLOWED, "not-allowed", FORBIDDEN_SENTENCE);
        if (outcome < 0)
                return login_refuse(l, outcome, "internal-fault");
        login_refuse_outcome(l, outcome);
}

static void on_settings(int outcome, const kratos_flow *flow, void *userdata)
{
        login *l = userdata;

        (void)flow;
        l->second.fetch = NULL;
        if (l->cancelled)
                return login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        if (outcome != KRATOS_OK)
                return refuse_settings(l, outcome);
        l->settings_open = true;
        login_grant(l, NULL);
}

void login_open_settings(login *l, const kratos_login *session)
{
        const char *reason = "internal-fault";
        _cleanup_secret_ secret *token = NULL;
        int64_t left = login_time_left(l);
        int r;

        r = login_store_session(l, session, &reason);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "store-failed");
        if (r > 0)
                return login_refuse(l, r, reason);
        if (left <= 0)
                return login_refuse_late(l);
        login_settle(l, VERDICT_MORE);
        l->accepted = true;
        l->state = LOGIN_FETCHING;
        r = unseal(l->owner->sealer, l->row.token, l->row.token_size, &token);
        if (r == 0)
                r = kratos_begin_settings(
                        l->owner->kratos, token, (uint64_t)left, on_settings, l, &l->second.fetch);
        if (r < 0)
                login_refuse_start(l, r);
}

static void change_free(password_change *c)
{
        LIST_REMOVE(c, changes);
        kratos_cancel(c->call);
        secret_free(c->token);
        secret_free(c->password);
        free(c);
}

static void finish(password_change *c, int verdict, const char *reason, const char *sentence)
{
        event_facts facts = { .user = c->row.user,
                .service = c->row.service,
                .rhost = c->row.rhost,
                .session = c->row.session };
        login_result result = { .verdict = verdict, .sentence = sentence };
        login_done done = c->done;
        void *userdata = c->userdata;

        log_event(verdict == VERDICT_GRANTED ? EVENT_PASSWORD_CHANGED : EVENT_PASSWORD_REFUSED,
                &facts, reason);
        change_free(c);
        done(&result, userdata);
}

/* Whether the password was not taken for certain. */
static bool is_unchanged(const password_change *c, int outcome)
{
        return !c->posted || outcome == KRATOS_RATE_LIMITED || outcome == KRATOS_NOT_ASKED ||
               outcome == KRATOS_UNREACHABLE || outcome == KRATOS_FLOW_GONE ||
               outcome == KRATOS_NOT_FOUND || outcome == KRATOS_NO_SUCH_PATH;
}

static void give_up(password_change *c, int outcome)
{
        const char *reason, *sentence = UNKNOWN_SENTENCE;
        int verdict = login_outcome_verdict(c->owner, c->row.id, c->asked, true, outcome, &reason);

        if (is_unchanged(c, outcome))
                sentence = verdict == VERDICT_THROTTLED ? BUSY_SENTENCE : AWAY_SENTENCE;
        finish(c, verdict, reason, sentence);
}

static void conclude(password_change *c, int outcome)
{
        switch (outcome) {
        case KRATOS_NOT_SURE_ENOUGH:
        case KRATOS_NO_SESSION:
                return finish(c, VERDICT_NOT_ALLOWED, "session-too-old", OLD_SENTENCE);
        case KRATOS_FORBIDDEN:
                return finish(c, VERDICT_NOT_ALLOWED, "not-allowed", FORBIDDEN_SENTENCE);
        }
        give_up(c, outcome);
}

/* Nothing was sent yet. */
static void give_up_start(password_change *c, int error)
{
        c->posted = false;
        give_up(c, error == -EBUSY ? KRATOS_RATE_LIMITED : KRATOS_UNREACHABLE);
}

static uint64_t time_left(const password_change *c)
{
        int64_t left = c->deadline - boottime_usec();

        return left > 0 ? (uint64_t)left : 0;
}

/* That it is done and cannot be stored is no failure: the person is asked to do it once more. */
static void succeed(password_change *c)
{
        int r = password_note_changed(c->owner->store, c->row.identity);

        if (r < 0)
                log_message(LOG_ERR, "That %s has changed the password cannot be stored: %s",
                        c->row.user, strerror(-r));
        finish(c, VERDICT_GRANTED, "changed", NULL);
}

static void on_posted(int outcome, const char *sentence, void *userdata)
{
        password_change *c = userdata;

        c->call = NULL;
        if (outcome == KRATOS_OK)
                return succeed(c);
        if (outcome == KRATOS_DENIED)
                return finish(c, VERDICT_PASSWORD_REFUSED, "password-policy",
                        *sentence ? sentence : REFUSED_SENTENCE);
        if ((outcome == KRATOS_FLOW_GONE || outcome == KRATOS_NOT_FOUND) && !c->again) {
                c->again = true;
                c->posted = false;
                return fetch_flow(c);
        }
        conclude(c, outcome);
}

static void on_flow(int outcome, const kratos_flow *flow, void *userdata)
{
        password_change *c = userdata;
        int r;

        c->call = NULL;
        if (outcome != KRATOS_OK)
                return conclude(c, outcome);
        c->posted = true;
        r = kratos_change_password(c->owner->kratos, flow, c->token, c->password, time_left(c),
                on_posted, c, &c->call);
        if (r < 0)
                give_up_start(c, r);
}

static void fetch_flow(password_change *c)
{
        int r = kratos_begin_settings(
                c->owner->kratos, c->token, time_left(c), on_flow, c, &c->call);

        if (r < 0)
                give_up_start(c, r);
}

static bool is_under_way(const logins *all, const char *session, unsigned *ret_count)
{
        password_change *c;
        bool found = false;

        *ret_count = 0;
        LIST_FOREACH (c, &all->changes, changes) {
                ++*ret_count;
                found = found || strcmp(c->row.id, session) == 0;
        }
        return found;
}

/* Counts the try before it is made. */
static int count_try(logins *all, session_row *row)
{
        row->attempts++;
        return store_update(all->store, row);
}

static int change_new(logins *all, const session_row *row, const secret *password, login_done done,
        void *userdata, password_change **ret)
{
        password_change *c = calloc(1, sizeof(password_change));
        uint64_t budget = kratos_config(all->kratos)->timeout_usec;
        int r;

        if (!c)
                return -ENOMEM;
        c->owner = all;
        c->row = *row;
        c->asked = boottime_usec();
        c->deadline = c->asked + (int64_t)budget;
        c->done = done;
        c->userdata = userdata;
        LIST_INSERT_HEAD(&all->changes, c, changes);
        r = unseal(all->sealer, row->token, row->token_size, &c->token);
        if (r == 0)
                r = secret_copy(password, &c->password);
        if (r < 0) {
                change_free(c);
                return r;
        }
        *ret = c;
        return 0;
}

/* Asks for a flow; nothing is told yet. */
static int start(logins *all, const session_row *row, const secret *password, login_done done,
        void *userdata)
{
        password_change *c;
        int r = change_new(all, row, password, done, userdata, &c);

        if (r < 0)
                return r;
        r = kratos_begin_settings(all->kratos, c->token, time_left(c), on_flow, c, &c->call);
        if (r < 0)
                change_free(c);
        return r;
}

int login_change_password(
        logins *all, const char *session, const secret *password, login_done done, void *userdata)
{
        session_row row;
        unsigned count;
        int r;

        r = sessions_find_change(all->sessions, session, &row);
        if (r != 0)
                return r;
        if (is_under_way(all, session, &count) || secret_size(password) == 0 ||
                !utf8_is_valid(secret_data(password), secret_size(password)))
                return VERDICT_INVALID;
        if (count >= CHANGES_MAX || row.attempts >= CHANGE_TRIES_MAX)
                return VERDICT_THROTTLED;
        r = count_try(all, &row);
        if (r == 0)
                r = start(all, &row, password, done, userdata);
        if (r < 0)
                return r == -EBUSY ? VERDICT_THROTTLED : VERDICT_UNAVAILABLE;
        return 0;
}

void login_end_changes(logins *all)
{
        password_change *c;

        while ((c = LIST_FIRST(&all->changes)))
                finish(c, VERDICT_UNAVAILABLE, "kratosd-stops", UNKNOWN_SENTENCE);
}
