#include "login.h"

#include <errno.h>
#include <string.h>

#include "account.h"
#include "answer-socket.h"
#include "common/names.h"
#include "log.h"
#include "login-steps.h"
#include "store-accounts.h"
#include "timespan.h"

/* Between two words about those who ask for other people's logins. */
#define QUIET_USEC ((int64_t)(10 * USEC_PER_SEC))
/* Login programs' logins: the one that has waited longest gives way to a new one. */
#define PROGRAM_LOGINS_MAX 1024
/* All persons' together, and each uid's. */
#define USER_LOGINS_MAX 256
#define LOGINS_PER_UID_MAX 4
/* Answers that login programs wait for at once. Each holds a connection of root's to the bus, which
 * has 256 of them by default (max_connections_per_user in dbus-daemon(1)) for the whole system. */
#define ANSWERS_WAITING_MAX 128
/* Of these for one person who is logged in here, by PAM_RUSER: su and sudo are anybody's to run. */
#define ANSWERS_PER_RUSER_MAX 8
/* And for remote hosts, one and all: sshd lets any number of them in where its MaxStartups= says
 * so, and whoever is at the console has their answers heard all the same. */
#define ANSWERS_PER_RHOST_MAX 64
#define ANSWERS_OF_RHOSTS_MAX 96

static bool is_same(login_caller one, login_caller other)
{
        return one.uid == other.uid && one.is_program == other.is_program;
}

static login *find(logins *all, login_caller caller, const char *id)
{
        login *l;

        TAILQ_FOREACH (l, &all->list, logins)
                if (is_same(l->caller, caller) && strcmp(l->id, id) == 0)
                        return l->state == LOGIN_RESTING ? NULL : l;
        return NULL;
}

static bool is_waiting(const login *l)
{
        return l->state == LOGIN_QUEUED || l->state == LOGIN_FETCHING ||
               l->state == LOGIN_POSTING || l->state == LOGIN_PAUSING || l->state == LOGIN_REFUSED;
}

/* Whether root's bus connections bear one more answer that is waited for. */
static bool may_wait(const logins *all, const login *one)
{
        const char *ruser = one->context.ruser, *rhost = one->context.rhost;
        bool person = *ruser && strcmp(ruser, "root") != 0;
        unsigned waiting = 0, of_ruser = 0, of_rhost = 0, of_rhosts = 0;
        login *l;

        TAILQ_FOREACH (l, &all->list, logins) {
                if (!l->caller.is_program || !is_waiting(l))
                        continue;
                waiting++;
                of_ruser += strcmp(l->context.ruser, ruser) == 0;
                of_rhost += strcmp(l->context.rhost, rhost) == 0;
                of_rhosts += *l->context.rhost != '\0';
        }
        return waiting < ANSWERS_WAITING_MAX && (!person || of_ruser < ANSWERS_PER_RUSER_MAX) &&
               (!*rhost || (of_rhost < ANSWERS_PER_RHOST_MAX && of_rhosts < ANSWERS_OF_RHOSTS_MAX));
}

int login_answer(logins *all, login_caller caller, const char *id, const secret *answer,
        login_done done, void *userdata)
{
        login *l = find(all, caller, id);
        int r;

        if (!l)
                return VERDICT_NO_SUCH_LOGIN;
        if (l->state != LOGIN_ASKING)
                return VERDICT_INVALID;
        if (caller.is_program && !may_wait(all, l)) {
                login_finish(l);
                return VERDICT_THROTTLED;
        }
        r = answer ? secret_copy(answer, &l->answer) : answer_socket_read(l->socket, &l->answer);
        if (r < 0)
                return r == -E2BIG ? VERDICT_INVALID : r;
        l->done = done;
        l->userdata = userdata;
        login_note_caller(l, caller.pid);
        l->answered = boottime_usec();
        login_take_answer(l);
        return 0;
}

static int cancel_granted(logins *all, const char *id)
{
        char key[CHANGE_KEY_MAX + 1];
        int r = sessions_cancel(all->sessions, id);

        if (r != VERDICT_NO_SUCH_LOGIN)
                return r;
        sessions_change_key(id, key);
        return sessions_cancel(all->sessions, key);
}

int login_cancel(logins *all, login_caller caller, const char *id)
{
        login *l = find(all, caller, id);

        if (!l)
                return caller.is_program ? cancel_granted(all, id) : VERDICT_NO_SUCH_LOGIN;
        login_abandon(l);
        return 0;
}

int login_find_account(logins *all, login_caller caller, const char *user, local_user *ret)
{
        int r = account_find(all->accounts, user, ret);

        if (r != 0)
                return r;
        return caller.is_program || caller.uid == ret->uid ? 0 : VERDICT_NOT_ALLOWED;
}

/* Whether there is room for one more; a login program's oldest that waits for an answer gives way.
 */
static int make_room(logins *all, login_caller caller)
{
        unsigned own = 0, programs = 0, persons = 0;
        login *l, *oldest = NULL;

        TAILQ_FOREACH (l, &all->list, logins) {
                own += is_same(l->caller, caller);
                programs += l->caller.is_program;
                persons += !l->caller.is_program;
                if (!oldest && l->caller.is_program && l->state == LOGIN_ASKING)
                        oldest = l;
        }
        if (!caller.is_program)
                return own >= LOGINS_PER_UID_MAX || persons >= USER_LOGINS_MAX ? VERDICT_THROTTLED
                                                                               : 0;
        if (programs < PROGRAM_LOGINS_MAX)
                return 0;
        if (!oldest)
                return VERDICT_THROTTLED;
        login_finish(oldest);
        return 0;
}

/* What it may lack is room in memory, which may pass. */
static int make_socket(login *l)
{
        int r = answer_socket_make(l->id, l->caller.uid, &l->socket);

        if (r == 0)
                return 0;
        log_message(LOG_ERR, "No socket in " ANSWERS_DIRECTORY " can be made: %s", strerror(-r));
        return VERDICT_UNAVAILABLE;
}

/* Whoever changes a password shows the old one, and the second factor if there is one: Kratos wants
 * that of whoever changes anything. */
static void login_demand_all(login *l)
{
        l->rules.first_factors = FIRST_PASSWORD;
        l->rules.single_prompt = false;
        if (l->rules.require_aal == REQUIRE_AAL1)
                l->rules.require_aal = REQUIRE_AAL2_ENROLLED;
}

static int login_new(logins *all, login_caller caller, const char *user,
        const login_context *context, login **ret)
{
        login *l = calloc(1, sizeof(login));
        int r;

        if (!l)
                return -ENOMEM;
        l->owner = all;
        l->socket = -1;
        l->caller = caller;
        l->context = *context;
        /* A person says nothing about where it comes from that could be relied on. */
        if (!caller.is_program)
                l->context.rhost[0] = l->context.ruser[0] = '\0';
        make_id(l->id);
        login_renew_row(l);
        snprintf(l->row.user, sizeof(l->row.user), "%s", user);
        memcpy(l->row.service, l->context.service, sizeof(l->row.service));
        memcpy(l->row.rhost, l->context.rhost, sizeof(l->row.rhost));
        l->rules = config_login_rules(kratos_config(all->kratos), l->context.service);
        l->changes_password = strcmp(context->purpose, PURPOSE_CHANGE_PASSWORD) == 0;
        if (l->changes_password)
                login_demand_all(l);
        l->question =
                l->rules.first_factors & FIRST_PASSWORD ? QUESTION_PASSWORD : QUESTION_FIRST_CODE;
        r = sd_event_add_time_relative(
                all->event, &l->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, login_on_timer, l);
        if (r >= 0)
                r = caller.is_program ? 0 : make_socket(l);
        if (r != 0) {
                login_free(l);
                return r;
        }
        login_set_timer(l, boottime_usec() + (int64_t)ASK_USEC);
        *ret = l;
        return 0;
}

/* Whoever runs su or the like comes by number: where that is the person, it is said by name. */
static void name_caller(login *l, uid_t uid)
{
        char number[sizeof("4294967295")];

        snprintf(number, sizeof(number), "%u", uid);
        if (strcmp(l->context.ruser, number) == 0)
                snprintf(l->context.ruser, sizeof(l->context.ruser), "%s", l->row.user);
}

/* A person asked for another person's login. Anybody can: it is not said each time.
 */
static void tell_not_allowed(logins *all, const char *user, const login_context *context)
{
        event_facts facts = { .user = user, .service = context->service };
        int64_t now = boottime_usec();

        if (now < all->quiet_until)
                return;
        all->quiet_until = now + QUIET_USEC;
        log_event(EVENT_LOGIN_REFUSED, &facts, "not-allowed");
}

/* Whether somebody whom nobody knows is to look like our people: not where there can be none. */
static bool may_look_like_ours(const logins *all, const char *user)
{
        return user_name_is_valid(user) && config_names_kratos(kratos_config(all->kratos));
}

int login_begin(logins *all, login_caller caller, const char *user, const login_context *context,
        char ret_id[static ID_LENGTH + 1], login_prompt *ret_prompt)
{
        bool nobody = caller.is_program && strcmp(context->purpose, PURPOSE_REFUSE) == 0;
        local_user account = {};
        login *l;
        int r;

        if (nobody)
                r = may_look_like_ours(all, user) ? 0 : VERDICT_UNKNOWN_USER;
        else
                r = login_find_account(all, caller, user, &account);
        /* passwd runs as root. */
        if (r == 0 && !caller.is_program && strcmp(context->purpose, PURPOSE_CHANGE_PASSWORD) == 0)
                r = VERDICT_NOT_ALLOWED;
        if (r == VERDICT_NOT_ALLOWED)
                tell_not_allowed(all, user, context);
        if (r == 0)
                r = make_room(all, caller);
        if (r == 0)
                r = login_new(all, caller, user, context, &l);
        if (r != 0)
                return r;
        TAILQ_INSERT_TAIL(&all->list, l, logins);
        l->nobody = nobody;
        if (!nobody) {
                name_caller(l, account.uid);
                (void)account_identity(all->accounts, user, &account, l->row.identity);
                login_seek_session(l, account.uid);
        }
        login_take_flow(l);
        /* While Kratos works on the flow, and the person types. It is tried again before the post.
         */
        if (!nobody)
                (void)login_store_row(l);
        memcpy(ret_id, l->id, ID_LENGTH + 1);
        *ret_prompt = login_write_prompt(l);
        return 0;
}

int logins_new(sd_event *event, accounts *a, sealer *key, kratos *k, revoker *r, sessions *ss,
        throttle *t, logins **ret)
{
        logins *all = calloc(1, sizeof(logins));
        int prepared = answer_sockets_prepare();

        if (!all)
                return -ENOMEM;
        if (prepared < 0)
                log_message(LOG_ERR, ANSWERS_DIRECTORY " cannot be had, so nobody can unlock: %s",
                        strerror(-prepared));
        TAILQ_INIT(&all->list);
        all->event = sd_event_ref(event);
        all->accounts = a;
        all->store = a->store;
        all->sealer = key;
        all->kratos = all->fetches.kratos = k;
        LIST_INIT(&all->fetches.list);
        LIST_INIT(&all->changes);
        all->revoker = r;
        all->sessions = ss;
        all->throttle = t;
        *ret = all;
        return 0;
}

/* Rows of logins that have posted nothing stand for nothing. As one change, for each waits for the
 * disk; where that fails, the next daemon looks for what is not there. */
static void drop_rows(logins *all)
{
        login *l;

        if (store_begin(all->store) < 0)
                return;
        TAILQ_FOREACH (l, &all->list, logins)
                if (!l->posted)
                        login_release_row(l);
        (void)store_end(all->store, 0);
}

logins *logins_free(logins *all)
{
        login *l;

        if (!all)
                return NULL;
        login_end_changes(all);
        drop_rows(all);
        while ((l = TAILQ_FIRST(&all->list))) {
                login_done done = l->done;
                void *userdata = l->userdata;

                login_forget(l);
                if (done)
                        done(&(login_result){ .verdict = VERDICT_UNAVAILABLE }, userdata);
        }
        fetches_forget(&all->fetches);
        sd_event_unref(all->event);
        free(all);
        return NULL;
}

void logins_forget_flows(logins *all)
{
        fetches_forget(&all->fetches);
}
