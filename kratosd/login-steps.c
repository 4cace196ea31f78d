#include "login-steps.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "account.h"
#include "answer-socket.h"
#include "store-accounts.h"
#include "timespan.h"

/* A wrong answer is followed by another question no sooner than this: guessing is slow (rule 35).
 */
#define WRONG_USEC ((int64_t)USEC_PER_SEC)
/* A person's own login counts for so long after its end: that makes a uid's rate. */
#define REST_USEC (1 * USEC_PER_SEC)

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
        kratos_cancel(l->second.fetch);
        kratos_cancel(l->renewal.fetch);
        throttle_drop(l->attempt);
        secret_free(l->answer);
        sd_event_source_disable_unref(l->timer);
        sd_event_source_disable_unref(l->watch);
        explicit_bzero(l->password, sizeof(l->password));
        free(l);
        return NULL;
}

void login_forget(login *l)
{
        TAILQ_REMOVE(&l->owner->list, l, logins);
        login_free(l);
}

/* sd-event counts from when its round began, not from now. */
void login_set_timer(login *l, int64_t usec)
{
        uint64_t round = 0;

        (void)sd_event_now(l->owner->event, CLOCK_BOOTTIME, &round);
        sd_event_source_set_time_relative(
                l->timer, usec > (int64_t)round ? (uint64_t)usec - round : 0);
        sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

void login_release_row(login *l)
{
        if (l->live) {
                l->row.posted = boottime_usec();
                revoker_end(l->owner->revoker, &l->row);
        } else if (l->row_stored) {
                (void)store_delete(l->owner->store, l->row.id);
        }
        l->row_stored = false;
        l->live = false;
}

/* Whatever became of it, the login is over; others' logins still count for a while. */
void login_finish(login *l)
{
        l->fetch = fetch_leave(l->fetch);
        l->second.fetch = kratos_cancel(l->second.fetch);
        l->renewal.fetch = kratos_cancel(l->renewal.fetch);
        l->watch = sd_event_source_disable_unref(l->watch);
        l->answer = secret_free(l->answer);
        close_socket(l);
        if (l->has_flow && !l->flow_used)
                flows_put(&l->owner->fetches.stock, &l->flow, l->flow_taken);
        l->has_flow = false;
        login_release_row(l);
        if (l->caller.is_program) {
                login_forget(l);
                return;
        }
        l->state = LOGIN_RESTING;
        login_set_timer(l, boottime_usec() + (int64_t)REST_USEC);
}

void login_abandon(login *l)
{
        if (l->state == LOGIN_ASKING)
                login_finish(l);
        else
                l->cancelled = true;
}

/* Puts the question. From now on the person has its time. */
static void put_question(login *l)
{
        login_result result = { .verdict = VERDICT_MORE, .prompt = login_write_prompt(l) };
        login_done done = l->done;

        if (l->live && login_watch_caller(l) == -ESRCH)
                return login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        l->state = LOGIN_ASKING;
        l->done = NULL;
        login_set_timer(l, boottime_usec() + (int64_t)ASK_USEC);
        done(&result, l->userdata);
}

int login_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        login *l = userdata;

        (void)source;
        (void)usec;
        if (l->state == LOGIN_REFUSED)
                login_deliver(l);
        else if ((l->state == LOGIN_PAUSING || l->state == LOGIN_QUEUED) && l->cancelled)
                login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        else if (l->state == LOGIN_PAUSING)
                put_question(l);
        else if (l->state == LOGIN_QUEUED && l->live)
                login_go_on_second(l);
        else if (l->state == LOGIN_QUEUED)
                login_go_on_first(l);
        else if (l->state == LOGIN_RESTING)
                login_forget(l);
        else if (l->state == LOGIN_ASKING)
                login_finish(l);
        return 0;
}

void login_ask(login *l, enum login_question question, enum login_note note, bool slow)
{
        l->answer = secret_free(l->answer);
        if (l->tries >= LOGIN_TRIES_MAX)
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "wrong-code");
        if (l->answers >= LOGIN_ANSWERS_MAX)
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "too-many-answers");
        l->question = question;
        l->note = note;
        l->state = LOGIN_PAUSING;
        if (slow && !l->live)
                return login_set_timer(l, login_refusal_time(l));
        login_set_timer(l, l->answered + (slow ? WRONG_USEC : 0));
}

void login_take_answer(login *l)
{
        bool first = l->question == QUESTION_PASSWORD || l->question == QUESTION_FIRST_CODE;

        l->answers++;
        l->again = l->queued = false;
        sd_event_source_set_enabled(l->timer, SD_EVENT_OFF);
        if (first)
                login_take_first(l);
        else
                login_take_second(l);
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

int login_store_session(login *l, const kratos_login *session, const char **ret_reason)
{
        logins *all = l->owner;
        int r = store_begin(all->store);

        if (r < 0)
                return r;
        if (session && session->identity[0])
                r = account_accept(all->accounts, l->row.user, session, ret_reason);
        if (r == 0)
                r = store_update(all->store, &l->row);
        return store_end(all->store, r);
}

int64_t login_time_left(const login *l)
{
        uint64_t budget = kratos_config(l->owner->kratos)->timeout_usec;

        return l->answered + (int64_t)budget - boottime_usec();
}

/* The remote host as Kratos may store it: an address, never a name. */
static const char *numeric(const char *rhost)
{
        unsigned char address[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, rhost, address) == 1 || inet_pton(AF_INET6, rhost, address) == 1
                       ? rhost
                       : NULL;
}

int login_submit(login *l, const kratos_flow *flow, kratos_login_done_handler done)
{
        _cleanup_free_ char *identifier = NULL;
        _cleanup_secret_ secret *token = NULL;
        kratos_submission submission;
        int r;

        if (l->live)
                r = unseal(l->owner->sealer, l->row.token, l->row.token_size, &token);
        else
                r = config_identifier(kratos_config(l->owner->kratos), l->row.user, &identifier);
        if (r >= 0 && !l->live && login_renews(l))
                r = login_renewed_token(l, &token);
        if (r < 0 && r != -ESRCH)
                return r;
        l->hurried = false;
        submission = (kratos_submission){
                .flow = flow,
                .method = l->method,
                .identifier = identifier,
                .address = l->live ? l->second.offer.addresses[l->second.address] : NULL,
                .answer = l->answer,
                .token = token,
                .nonce = l->row.id,
                .service = l->context.service,
                .tty = l->context.tty,
                .client_ip = numeric(l->context.rhost),
                .deadline_usec = (uint64_t)login_time_left(l),
        };
        return kratos_submit(l->owner->kratos, &submission, done, l, &l->post);
}
