#include "login-steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "account.h"
#include "answer-socket.h"
#include "log.h"
#include "store-accounts.h"
#include "timespan.h"

/* A refusal is answered no sooner than this after the answer: guessing is slow (rule 35). */
#define REFUSAL_USEC (1 * USEC_PER_SEC)
/* A person's own login counts for so long after its end: that makes a uid's rate. */
#define REST_USEC (1 * USEC_PER_SEC)

/* A flow in stock that is older says that the connections to Kratos may have gone cold. */
#define WARM_USEC ((int64_t)(30 * USEC_PER_SEC))

/* The way on which a person's answers come. */
static void close_socket(login *l)
{
        answer_socket_remove(l->id, TAKE_FD(l->socket));
}

login *login_free(login *l)
{
        if (!l)
                return NULL;
        close_socket(l);
        fetch_leave(l->fetch);
        kratos_cancel(l->post);
        secret_free(l->answer);
        sd_event_source_disable_unref(l->timer);
        free(l);
        return NULL;
}

void login_forget(login *l)
{
        TAILQ_REMOVE(&l->owner->list, l, logins);
        login_free(l);
}

/* Fires at a time of CLOCK_BOOTTIME. sd-event counts from when its round began, not from now. */
static void set_timer(login *l, int64_t usec)
{
        uint64_t round = 0;

        (void)sd_event_now(l->owner->event, CLOCK_BOOTTIME, &round);
        sd_event_source_set_time_relative(
                l->timer, usec > (int64_t)round ? (uint64_t)usec - round : 0);
        sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

/* Nothing was posted under this row. */
static void drop_row(login *l)
{
        if (l->row_stored)
                (void)store_delete(l->owner->store, l->row.id);
        l->row_stored = false;
}

/* Whatever became of it, the login is over; others' logins still count for a while. */
void login_finish(login *l)
{
        l->fetch = fetch_leave(l->fetch);
        l->answer = secret_free(l->answer);
        close_socket(l);
        if (l->has_flow)
                flows_put(&l->owner->fetches.stock, &l->flow, l->flow_taken);
        l->has_flow = false;
        drop_row(l);
        if (l->caller.is_program) {
                login_forget(l);
                return;
        }
        l->state = LOGIN_RESTING;
        set_timer(l, boottime_usec() + (int64_t)REST_USEC);
}

static event_facts facts_of(const login *l)
{
        return (event_facts){ .user = l->row.user,
                .service = l->row.service,
                .rhost = l->row.rhost,
                .session = l->row.session };
}

static void deliver(login *l, int verdict)
{
        login_done done = l->done;
        void *userdata = l->userdata;

        l->done = NULL;
        login_finish(l);
        if (done)
                done(verdict, userdata);
}

/* Ends a login with a verdict. Whatever follows a password that was sent takes its time, as does
 * what says something about the person; that Kratos cannot be asked is said at once. */
void login_refuse(login *l, int verdict, const char *reason)
{
        event_facts facts = facts_of(l);
        bool at_once = !l->posted && (verdict == VERDICT_UNAVAILABLE || verdict < 0);

        log_event(EVENT_LOGIN_REFUSED, &facts, reason);
        l->answer = secret_free(l->answer);
        l->state = LOGIN_REFUSED;
        l->verdict = verdict;
        set_timer(l, l->answered + (at_once ? 0 : (int64_t)REFUSAL_USEC));
}

/* The row may stand for a session at Kratos: it is to be revoked, and is no longer this login's. */
static void give_row_up(login *l)
{
        l->row_stored = false;
        l->row.posted = boottime_usec();
        revoker_end(l->owner->revoker, &l->row);
}

int login_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        login *l = userdata;

        (void)source;
        (void)usec;
        if (l->state == LOGIN_REFUSED)
                deliver(l, l->verdict);
        else if (l->state == LOGIN_RESTING)
                login_forget(l);
        else if (l->state == LOGIN_ASKING)
                login_finish(l);
        return 0;
}

void login_renew_row(login *l)
{
        make_id(l->row.id);
        l->row.state = ROW_POSTED;
        l->row.session[0] = '\0';
        l->row.token_size = 0;
}

/* What is about to be posted is on disk before it is. */
int login_store_row(login *l)
{
        int r;

        if (l->row_stored)
                return 0;
        l->row.posted = boottime_usec();
        r = store_insert(l->owner->store, &l->row);
        if (r == 0)
                l->row_stored = true;
        return r;
}

static int64_t time_left(const login *l)
{
        uint64_t budget = kratos_config(l->owner->kratos)->timeout_usec;

        return l->answered + (int64_t)budget - boottime_usec();
}

static void post(login *l);

/* Kratos says nothing about the person. That it wants to be left alone, or that too many wait here
 * to ask it, is final all the same: a stranger can bring that about by guessing, and must not open
 * a fallback by it. */
static void refuse_outcome(login *l, int outcome)
{
        bool busy = outcome == KRATOS_RATE_LIMITED || outcome == KRATOS_NOT_ASKED;
        int verdict = busy ? VERDICT_THROTTLED : VERDICT_UNAVAILABLE;

        login_refuse(l, verdict, kratos_outcome_reason(outcome));
}

static void refuse_start(login *l, int error)
{
        if (error == -EBUSY)
                refuse_outcome(l, KRATOS_RATE_LIMITED);
        else if (error == -EPERM || error == -ETIME || error == -ENOENT)
                login_refuse(l, VERDICT_UNAVAILABLE, "kratos-unreachable");
        else
                login_refuse(l, error, "internal-fault");
}

static void on_flow(int outcome, const kratos_flow *flow, int64_t begun, void *userdata)
{
        login *l = userdata;

        l->fetch = NULL;
        if (outcome == KRATOS_OK) {
                l->flow = *flow;
                l->flow_taken = begun;
                l->has_flow = true;
        }
        if (l->state != LOGIN_FETCHING)
                return;
        if (outcome == KRATOS_OK)
                post(l);
        else if (l->adopted && time_left(l) > 0)
                login_go_on(l); /* that fetch had less time than this login has */
        else if (outcome < 0)
                login_refuse(l, outcome, "internal-fault");
        else
                refuse_outcome(l, outcome);
}

void login_take_flow(login *l)
{
        fetches *all = &l->owner->fetches;

        l->has_flow = flows_take(&all->stock, &l->flow, &l->flow_taken);
        if (l->has_flow) {
                if (boottime_usec() - l->flow_taken > WARM_USEC)
                        fetches_stock(all);
                return;
        }
        l->fetch = fetch_adopt(all, on_flow, l);
        l->adopted = l->fetch;
        if (!l->fetch)
                (void)fetch_start(all, on_flow, l, &l->fetch);
}

/* Goes on with a flow: the one that there is, that is under way, or a new one. */
void login_go_on(login *l)
{
        int r;

        if (l->has_flow)
                return post(l);
        l->state = LOGIN_FETCHING;
        if (l->fetch)
                return;
        l->adopted = false;
        r = fetch_start(&l->owner->fetches, on_flow, l, &l->fetch);
        if (r < 0)
                refuse_start(l, r);
}

/* Another flow, once; and if the post may have had its effect, under another nonce. */
static bool try_again(login *l)
{
        if (l->again)
                return false;
        l->again = true;
        l->has_flow = false;
        login_go_on(l);
        return true;
}

/* Refuses what Kratos granted: the session is to be revoked. */
static void refuse_session(login *l, int verdict, const char *reason)
{
        give_row_up(l);
        login_refuse(l, verdict, reason);
}

/* Stores that the person is let in, and whatever was learnt of them by it, as one change: each
 * waits for the disk. */
static int store_grant(login *l, const kratos_login *session, const char **ret_reason)
{
        logins *all = l->owner;
        int r = store_begin(all->store);

        if (r < 0)
                return r;
        r = account_accept(all->accounts, l->row.user, session, ret_reason);
        if (r == 0 && l->caller.is_program)
                r = sessions_grant(all->sessions, &l->row, l->id,
                        kratos_config(all->kratos)->open_timeout_usec);
        return store_end(all->store, r);
}

static void grant(login *l, const kratos_login *session)
{
        event_facts facts = facts_of(l);
        logins *all = l->owner;
        char user[USER_NAME_MAX + 1];

        if (!l->caller.is_program)
                revoker_end(all->revoker, &l->row); /* nobody will open it */
        l->row_stored = false;
        log_event(EVENT_LOGIN_GRANTED, &facts, "granted");
        memcpy(user, l->row.user, sizeof(user));
        deliver(l, VERDICT_GRANTED);
        /* The person has waited for none of this. */
        revoker_use_token(all->revoker, user, session->identity, session->token);
        fetches_stock(&all->fetches);
}

/* Whether an answer of 200 is a grant. */
static void judge(login *l, const kratos_login_reply *reply)
{
        const kratos_login *session = reply->login;
        const char *reason = "internal-fault";
        int r;

        /* Somebody else's answer: the token is theirs, and ours is to be looked for. */
        if (!reply->is_ours)
                return refuse_session(l, VERDICT_NOT_ALLOWED, "not-this-login");

        memcpy(l->row.session, session->session, sizeof(l->row.session));
        if (session->identity[0])
                memcpy(l->row.identity, session->identity, sizeof(l->row.identity));
        r = seal(l->owner->sealer, session->token, l->row.token, &l->row.token_size);
        if (r < 0)
                return refuse_session(l, VERDICT_UNAVAILABLE, reason);

        if (l->cancelled)
                return refuse_session(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        if (!session->active)
                return refuse_session(l, VERDICT_NOT_ALLOWED, "session-inactive");
        if (session->inactive_identity)
                return refuse_session(l, VERDICT_DISABLED, "identity-inactive");
        if (!session->identity[0])
                return refuse_session(l, VERDICT_NOT_ALLOWED, "second-factor-required");
        r = store_grant(l, session, &reason);
        if (r < 0)
                return refuse_session(l, VERDICT_UNAVAILABLE, "store-failed");
        if (r > 0)
                return refuse_session(l, r, reason);
        grant(l, session);
}

/* There may be a session that we know nothing of but its nonce, and perhaps its token. */
static void lose(login *l, const kratos_login_reply *reply)
{
        if (reply->login->token && reply->is_ours)
                (void)seal(l->owner->sealer, reply->login->token, l->row.token, &l->row.token_size);
        give_row_up(l);
        if (reply->stale && !l->again) {
                login_renew_row(l);
                (void)try_again(l);
                return;
        }
        login_refuse(l, VERDICT_UNAVAILABLE, kratos_outcome_reason(reply->outcome));
}

static void on_posted(const kratos_login_reply *reply, void *userdata)
{
        login *l = userdata;

        l->post = NULL;
        switch (reply->outcome) {
        case KRATOS_OK:
                return judge(l, reply);
        case KRATOS_FAULT:
        case KRATOS_BAD_ANSWER:
        case KRATOS_NO_ANSWER:
                return lose(l, reply);
        case KRATOS_FLOW_GONE:
        case KRATOS_NOT_FOUND:
                if (try_again(l))
                        return;
                break;
        case KRATOS_BAD_CREDENTIALS:
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "bad-credentials");
        case KRATOS_INACTIVE:
                return login_refuse(l, VERDICT_DISABLED, "identity-inactive");
        case KRATOS_FORBIDDEN:
        case KRATOS_DENIED:
                return login_refuse(l, VERDICT_NOT_ALLOWED, "not-allowed");
        }
        if (reply->outcome < 0)
                return lose(l, reply);
        /* Also KRATOS_REFUSED, nobody's idea of an answer to a login: whoever says 3xx or 4xx has
         * made no session, and Kratos is not even likely to have seen the password. */
        refuse_outcome(l, reply->outcome);
}

/* The remote host as Kratos may store it: an address, never a name. */
static const char *numeric(const char *rhost)
{
        unsigned char address[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, rhost, address) == 1 || inet_pton(AF_INET6, rhost, address) == 1
                       ? rhost
                       : NULL;
}

static int submit(login *l)
{
        _cleanup_free_ char *identifier = NULL;
        kratos_submission submission;
        int r;

        r = config_identifier(kratos_config(l->owner->kratos), l->row.user, &identifier);
        if (r < 0)
                return r;
        submission = (kratos_submission){
                .flow = &l->flow,
                .identifier = identifier,
                .password = l->answer,
                .nonce = l->row.id,
                .service = l->context.service,
                .tty = l->context.tty,
                .client_ip = numeric(l->context.rhost),
                .deadline_usec = (uint64_t)time_left(l),
        };
        return kratos_submit_password(l->owner->kratos, &submission, on_posted, l, &l->post);
}

static void post(login *l)
{
        int r;

        if (time_left(l) <= 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "kratos-timeout");
        r = login_store_row(l);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "store-failed");
        l->state = LOGIN_POSTING;
        l->posted = true;
        l->has_flow = false; /* whatever happens now, it is used */
        r = submit(l);
        if (r < 0)
                refuse_start(l, r);
}
