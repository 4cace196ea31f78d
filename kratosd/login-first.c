#include <errno.h>
#include <string.h>

#include "body.h"
#include "login-steps.h"
#include "timespan.h"

/* A flow in stock that is older says that the connections to Kratos may have gone cold. */
#define WARM_USEC ((int64_t)(30 * USEC_PER_SEC))

static void post(login *l);

void login_on_flow(login *l, int outcome, const kratos_flow *flow, int64_t begun)
{
        if (outcome == KRATOS_OK) {
                l->flow = *flow;
                l->flow_taken = begun;
                l->has_flow = true;
                l->flow_used = false;
        }
        if (l->state != LOGIN_FETCHING)
                return;
        if (outcome == KRATOS_OK)
                post(l);
        else if (l->adopted && login_time_left(l) > 0)
                login_go_on_first(l); /* that fetch had less time than this login has */
        else if (outcome < 0)
                login_refuse(l, outcome, "internal-fault");
        else
                login_refuse_outcome(l, outcome);
}

static void on_flow(int outcome, const kratos_flow *flow, int64_t begun, void *userdata)
{
        login *l = userdata;

        l->fetch = NULL;
        login_on_flow(l, outcome, flow, begun);
}

void login_take_flow(login *l)
{
        fetches *all = &l->owner->fetches;

        if (login_renews(l) && login_fetch_renewal(l) != -ESRCH)
                return;
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
void login_go_on_first(login *l)
{
        int r;

        if (!login_admit(l))
                return;
        if (l->has_flow)
                return post(l);
        l->state = LOGIN_FETCHING;
        if (l->fetch || l->renewal.fetch)
                return;
        l->adopted = false;
        r = login_renews(l) ? login_fetch_renewal(l) : -ESRCH;
        if (r == -ESRCH)
                r = fetch_start(&l->owner->fetches, on_flow, l, &l->fetch);
        if (r < 0)
                login_refuse_start(l, r);
}

/* Another flow, once for each answer. No code was sent in that one: it takes another mail. */
static bool try_again(login *l)
{
        if (l->again)
                return false;
        l->again = true;
        l->has_flow = false;
        l->code_sent = false;
        if (l->method == KRATOS_CODE) {
                login_settle(l, VERDICT_MORE);
                l->note = NOTE_EXPIRED;
                l->answer = secret_free(l->answer);
                l->method = KRATOS_SEND_CODE;
        }
        if (l->method == KRATOS_RESEND_CODE)
                l->method = KRATOS_SEND_CODE;
        login_go_on_first(l);
        return true;
}

/* Whether an answer of 200 is this login's session, and whose. */
static void judge(login *l, const kratos_login_reply *reply)
{
        const kratos_login *session = reply->login;
        int r;

        l->live = true;
        /* Somebody else's answer: the token is theirs, and ours is to be looked for. */
        if (!reply->is_ours)
                return login_refuse(l, VERDICT_NOT_ALLOWED, "not-this-login");

        memcpy(l->row.session, session->session, sizeof(l->row.session));
        if (login_renews(l) && !login_take_renewed(l, session))
                return login_refuse(l, VERDICT_NOT_ALLOWED, "not-this-login");
        if (session->identity[0])
                memcpy(l->row.identity, session->identity, sizeof(l->row.identity));
        r = seal(l->owner->sealer, session->token, l->row.token, &l->row.token_size);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "internal-fault");

        if (l->cancelled)
                return login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        if (l->method != KRATOS_PASSWORD && l->method != KRATOS_CODE)
                return login_refuse(l, VERDICT_UNAVAILABLE, "kratos-bad-answer");
        if (!session->active)
                return login_refuse(l, VERDICT_NOT_ALLOWED, "session-inactive");
        if (session->inactive_identity)
                return login_refuse(l, VERDICT_DISABLED, "identity-inactive");
        login_begin_second(l, session);
}

/* There may be a session that we know nothing of but its nonce, and perhaps its token. */
static void lose(login *l, const kratos_login_reply *reply)
{
        if (reply->login->token && reply->is_ours &&
                !login_is_renewed_token(l, reply->login->token))
                (void)seal(l->owner->sealer, reply->login->token, l->row.token, &l->row.token_size);
        l->live = true;
        login_release_row(l);
        if (reply->stale && !l->again) {
                login_renew_row(l);
                (void)try_again(l);
                return;
        }
        login_refuse_outcome(l, reply->outcome);
}

/* A code was sent, or the person cannot get one, which is not told: then every code is wrong. */
static void sent(login *l)
{
        bool wrong = l->method == KRATOS_CODE;

        l->has_flow = true;
        l->code_sent = l->seems_sent = true;
        login_settle(l, wrong ? VERDICT_BAD_CREDENTIALS : VERDICT_MORE);
        login_ask(l, QUESTION_FIRST_CODE, wrong ? NOTE_WRONG : l->note, true);
}

/* A code where none was sent, though it seemed so: it is wrong, and counts as that. */
static void doubt(login *l)
{
        login_settle(l, VERDICT_BAD_CREDENTIALS);
        login_ask(l, QUESTION_FIRST_CODE, NOTE_WRONG, true);
}

/* What becomes of a name that Kratos does not know. */
static void pretend(login *l)
{
        if (l->method != KRATOS_PASSWORD)
                return sent(l);
        login_refuse(l, VERDICT_BAD_CREDENTIALS, "unknown-user");
}

static void on_asked(int outcome, const kratos_flow *flow, int64_t begun, void *userdata)
{
        login *l = userdata;

        l->fetch = NULL;
        if (outcome < 0)
                return login_refuse(l, outcome, "internal-fault");
        if (outcome != KRATOS_OK)
                return login_refuse_outcome(l, outcome);
        flows_put(&l->owner->fetches.stock, flow, begun);
        pretend(l);
}

/* Nothing is posted of a name that Kratos does not know. But that Kratos cannot be asked, or wants
 * to be left alone, shows with such a name as with all others: it is asked for a flow instead,
 * unless it has given one since the answer. */
static void ask_only(login *l)
{
        int r;

        l->state = LOGIN_POSTING;
        l->posted = true;
        if (l->flow_taken >= l->answered)
                return pretend(l);
        r = fetch_start(&l->owner->fetches, on_asked, l, &l->fetch);
        if (r < 0)
                login_refuse_start(l, r);
}

static void on_posted(const kratos_login_reply *reply, void *userdata)
{
        login *l = userdata;
        bool by_code = l->method != KRATOS_PASSWORD;

        l->post = NULL;
        l->hurried = reply->hurried;
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
        case KRATOS_CODE_SENT:
        case KRATOS_NO_FACTOR:
        case KRATOS_WRONG_CODE:
                if (by_code)
                        return sent(l);
                break;
        case KRATOS_BAD_CREDENTIALS:
                if (by_code)
                        return sent(l);
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "bad-credentials");
        case KRATOS_INACTIVE:
                return login_refuse(l, VERDICT_DISABLED, "identity-inactive");
        case KRATOS_NOT_TAKEN:
                /* So Kratos says that a flow which was to renew a session has expired. */
                if ((by_code || login_renews(l)) && try_again(l))
                        return;
                return login_refuse(l, VERDICT_NOT_ALLOWED, "not-allowed");
        case KRATOS_FORBIDDEN:
        case KRATOS_DENIED:
                return login_refuse_saying(l, VERDICT_NOT_ALLOWED, "not-allowed", reply->sentence);
        }
        if (reply->outcome < 0)
                return lose(l, reply);
        /* Also KRATOS_REFUSED, nobody's idea of an answer to a login: whoever says 3xx or 4xx has
         * made no session, and Kratos is not even likely to have seen the password. */
        login_refuse_outcome(l, reply->outcome);
}

static void post(login *l)
{
        bool sends = l->method == KRATOS_SEND_CODE || l->method == KRATOS_RESEND_CODE;
        uint64_t wait;
        int r;

        if (login_time_left(l) <= 0)
                return login_refuse_late(l);
        if (l->nobody)
                return ask_only(l);
        r = login_store_row(l);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "store-failed");
        /* That none may be sent is not told: it looks as if. */
        if (sends && !login_may_send(l, &wait)) {
                l->seems_sent = true;
                return login_ask(l, QUESTION_FIRST_CODE, NOTE_NONE, true);
        }
        if (l->method == KRATOS_CODE && !l->code_sent)
                return doubt(l);
        l->state = LOGIN_POSTING;
        l->posted = true;
        l->has_flow = false; /* whatever happens now, it is used */
        l->flow_used = true;
        r = login_submit(l, &l->flow, on_posted);
        if (r < 0)
                login_refuse_start(l, r);
}

static void take_password(login *l)
{
        l->method = KRATOS_PASSWORD;
        l->tries++;
        hash_secret(l->owner->sealer, l->id, l->answer, l->password);
        l->has_password = true;
        login_go_on_first(l);
}

static void take_code(login *l)
{
        bool empty = secret_size(l->answer) == 0;

        l->note = NOTE_NONE;
        if (empty) {
                l->method = l->code_sent ? KRATOS_RESEND_CODE : KRATOS_SEND_CODE;
                l->answer = secret_free(l->answer);
                return login_go_on_first(l);
        }
        l->tries++;
        l->method = KRATOS_CODE;
        /* Nobody has asked for one in this login, so it cannot be right. */
        if (!l->seems_sent)
                return login_ask(l, QUESTION_FIRST_CODE, NOTE_WRONG, true);
        login_go_on_first(l);
}

void login_take_first(login *l)
{
        bool empty = secret_size(l->answer) == 0;
        bool code = l->rules.first_factors & FIRST_CODE;

        if (!utf8_is_valid(secret_data(l->answer), secret_size(l->answer)))
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "invalid-password");
        if (l->question == QUESTION_FIRST_CODE || (empty && code))
                return take_code(l);
        if (empty)
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "empty-password");
        take_password(l);
}
