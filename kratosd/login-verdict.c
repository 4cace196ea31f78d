#include <errno.h>
#include <string.h>

#include "account.h"
#include "log.h"
#include "login-steps.h"
#include "store-accounts.h"
#include "timespan.h"

/* A refusal is answered no sooner than this after the answer: guessing is slow (rule 35). It is
 * more than the second for which Kratos makes those wait at most whom it does not know, and a
 * random time comes on top, beside which the milliseconds that are left to differ are not seen
 * (rule 25). */
#define REFUSAL_USEC (3 * USEC_PER_SEC / 2)
#define REFUSAL_SPREAD_USEC (USEC_PER_SEC / 2)

static event_facts facts_of(const login *l)
{
        return (event_facts){ .user = l->row.user,
                .service = l->row.service,
                .rhost = l->row.rhost,
                .session = l->row.session,
                .wait_usec = l->wait };
}

void login_deliver(login *l)
{
        char words[PROMPT_TEXT_MAX + 1];
        login_result result = { .verdict = l->verdict };
        login_done done = l->done;
        void *userdata = l->userdata;

        memcpy(words, l->words, sizeof(words));
        result.sentence = words[0] ? words : NULL;
        l->done = NULL;
        login_finish(l);
        if (done)
                done(&result, userdata);
}

int64_t login_refusal_time(const login *l)
{
        return l->answered + (int64_t)REFUSAL_USEC + random_below(REFUSAL_SPREAD_USEC);
}

/* Whatever follows a password that was sent takes its time, as does what says something about the
 * person; that Kratos cannot be asked is said at once. */
void login_refuse_saying(login *l, int verdict, const char *reason, const char *sentence)
{
        event_facts facts = facts_of(l);
        bool at_once = !l->posted && (verdict == VERDICT_UNAVAILABLE || verdict < 0);

        login_settle(l, verdict);
        log_event(EVENT_LOGIN_REFUSED, &facts, reason);
        l->answer = secret_free(l->answer);
        if (l->live)
                login_release_row(l);
        snprintf(l->words, sizeof(l->words), "%s", sentence);
        l->state = LOGIN_REFUSED;
        l->verdict = verdict;
        login_set_timer(l, at_once ? l->answered : login_refusal_time(l));
}

void login_refuse(login *l, int verdict, const char *reason)
{
        login_refuse_saying(l, verdict, reason, "");
}

void login_refuse_for_now(login *l, const char *reason, const char *sentence, uint64_t wait_usec)
{
        char words[PROMPT_TEXT_MAX + 1] = "";

        throttle_sentence(sentence, wait_usec, words);
        l->wait = wait_usec;
        login_refuse_saying(l, VERDICT_THROTTLED, reason, words);
}

/* What a Kratos does that is away, and one that has more to do than it can. */
static bool is_silence(int outcome)
{
        return outcome == KRATOS_NO_ANSWER || outcome == KRATOS_UNREACHABLE ||
               outcome == KRATOS_NOT_ASKED;
}

/* Away is a Kratos that judges nobody else: not since this one waits, and not in the last
 * TimeoutSec=, the time that it has for anybody. So one that goes away is taken for that within the
 * time that a login may take anyhow. That it gives flows shows nothing where a password or a code
 * was with it; it does where none came so far, or only when its time was nearly over. */
static bool is_there(const logins *all, const char *nonce, int64_t since, bool judges)
{
        uint64_t budget = kratos_config(all->kratos)->timeout_usec;
        uint64_t waited = (uint64_t)(boottime_usec() - since);

        return kratos_has_judged(all->kratos, nonce, waited > budget ? waited : budget) ||
               (!judges && kratos_has_answered(all->kratos, waited));
}

/* That Kratos wants to be left alone, or has no time, or that something before it turns people away
 * in words of its own, is final: a stranger can bring that about by guessing, and must not open a
 * fallback by it. (rule 36) */
int login_outcome_verdict(const logins *all, const char *nonce, int64_t since, bool judges,
        int outcome, const char **ret_reason)
{
        bool asked = outcome != KRATOS_NOT_ASKED;
        bool there = is_there(all, nonce, since, judges && asked);

        if (there && is_silence(outcome))
                *ret_reason = kratos_outcome_reason(KRATOS_NOT_ASKED);
        else if (!asked)
                *ret_reason = kratos_outcome_reason(KRATOS_NO_ANSWER);
        else
                *ret_reason = kratos_outcome_reason(outcome);
        return there || outcome == KRATOS_RATE_LIMITED ? VERDICT_THROTTLED : VERDICT_UNAVAILABLE;
}

static void refuse_outcome(login *l, bool fairly, int outcome)
{
        const char *reason;
        int verdict =
                login_outcome_verdict(l->owner, l->row.id, l->answered, fairly, outcome, &reason);

        login_refuse(l, verdict, reason);
}

/* Whether a Kratos that is there would have judged somebody meanwhile: this one, or whoever was in
 * front of it in the queue and took its time. */
static bool judges(const login *l)
{
        return l->queued || (l->state == LOGIN_POSTING ? !l->hurried : l->live);
}

void login_refuse_outcome(login *l, int outcome)
{
        refuse_outcome(l, judges(l), outcome);
}

void login_refuse_late(login *l)
{
        refuse_outcome(l, l->queued || l->live, KRATOS_NO_ANSWER);
}

void login_refuse_start(login *l, int error)
{
        if (error == -EBUSY)
                login_refuse_outcome(l, KRATOS_RATE_LIMITED);
        else if (error == -ETIME)
                login_refuse_late(l);
        else if (error == -EPERM || error == -ENOENT)
                login_refuse(l, VERDICT_UNAVAILABLE, "kratos-unreachable");
        else
                login_refuse(l, error, "internal-fault");
}

/* Stores that the person is let in, and whatever was learnt of them by it, as one change: each
 * waits for the disk. */
static int store_grant(login *l, const kratos_login *session, const char **ret_reason)
{
        session_row row = l->row;
        logins *all = l->owner;
        char key[CHANGE_KEY_MAX + 1];
        int r = store_begin(all->store);

        if (r < 0)
                return r;
        if (session)
                r = account_accept(all->accounts, l->row.user, session, ret_reason);
        if (r == 0)
                r = login_lend_session(l, &row);
        if (r == 0 && l->changes_password)
                sessions_change_key(l->id, key);
        if (r == 0 && l->caller.is_program)
                r = sessions_grant(all->sessions, &row, l->changes_password ? key : l->id,
                        kratos_config(all->kratos)->open_timeout_usec);
        if (r == 0)
                login_settle(l, VERDICT_GRANTED);
        r = store_end(all->store, r);
        if (r == 0)
                l->row = row;
        return r;
}

void login_grant(login *l, const kratos_login *session)
{
        event_facts facts = facts_of(l);
        logins *all = l->owner;
        const char *reason = "internal-fault";
        char user[USER_NAME_MAX + 1], identity[UUID_LENGTH + 1];
        _cleanup_secret_ secret *token = NULL;
        int r;

        if (l->changes_password && !l->settings_open)
                return login_open_settings(l, session);
        r = unseal(all->sealer, l->row.token, l->row.token_size, &token);
        if (r == 0)
                r = store_grant(l, session, &reason);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "store-failed");
        if (r > 0)
                return login_refuse(l, r, reason);
        if (!l->caller.is_program)
                revoker_end(all->revoker, &l->row); /* nobody will open it */
        l->row_stored = false;
        l->live = false;
        log_event(EVENT_LOGIN_GRANTED, &facts, "granted");
        if (session_row_is_borrowed(&l->row))
                log_event(EVENT_SESSION_RENEWED, &facts, l->renewal.gone ? "replaced" : "renewed");
        memcpy(user, l->row.user, sizeof(user));
        memcpy(identity, l->row.identity, sizeof(identity));
        l->words[0] = '\0';
        l->verdict = VERDICT_GRANTED;
        login_deliver(l);
        /* The person has waited for none of this. */
        revoker_use_token(all->revoker, user, identity, token);
        fetches_stock(&all->fetches);
}
