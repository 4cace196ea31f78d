#include "account-check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "adoption.h"
#include "common/words.h"
#include "log.h"
#include "password-due.h"
#include "store-accounts.h"
#include "timespan.h"

/* No check waits longer for Kratos: what is known is good enough then. */
#define WAIT_MAX_USEC (3 * USEC_PER_SEC)
/* After one that waited in vain, none does for so long. */
#define SILENCE_USEC ((int64_t)(10 * USEC_PER_SEC))
/* Between two refusals of persons' own checks that are told. */
#define QUIET_USEC ((int64_t)(10 * USEC_PER_SEC))

struct account_check {
        accounts *accounts;
        char name[USER_NAME_MAX + 1];
        char service[CONTEXT_FIELD_MAX + 1];
        char rhost[CONTEXT_FIELD_MAX + 1];
        char identity[UUID_LENGTH + 1];
        int fault;         /* -errno: whose the name is cannot be known */
        bool has_answered; /* Kratos, and what it said: it counts even if it cannot be stored */
        bool bad_answer;   /* it did, with what is no identity */
        standing answer;
        kratos_call *call;
        bool program;
        account_checked done;
        void *userdata;
        LIST_ENTRY(account_check) checks;
};

#define REFUSED_SENTENCE N_("Your account is not set up correctly. Ask your administrator.")

/* What a refusal says: to the journal, and to the person. */
typedef struct refusal {
        const char *reason;
        const char *sentence;
} refusal;

account_check *account_check_cancel(account_check *check)
{
        if (!check)
                return NULL;
        LIST_REMOVE(check, checks);
        kratos_cancel(check->call);
        free(check);
        return NULL;
}
#define _cleanup_check_ _cleanup_(account_check_cancelp)

static int refuse(refusal *ret, int verdict, const char *reason, const char *sentence)
{
        *ret = (refusal){ .reason = reason, .sentence = sentence };
        return verdict;
}

static int decide_by_rules(account_check *check, const posix *document, refusal *ret)
{
        return access_check_user(kratos_config(check->accounts->kratos), check->name, document,
                check->service, time(NULL), &ret->reason, &ret->sentence);
}

/* For an identity that has no account document here: a local account that is listed needs none. Any
 * other was an account until Kratos was asked. */
static int decide_without_document(account_check *check, refusal *ret)
{
        int r = account_find(check->accounts, check->name, &(local_user){ 0 });

        if (r == VERDICT_UNKNOWN_USER)
                return refuse(ret, VERDICT_DISABLED, "account-ended",
                        N_("You have no account here any more. Ask your administrator."));
        return r < 0 ? r : decide_by_rules(check, NULL, ret);
}

/* A locker could not change it, and whoever it keeps out cannot either. */
static int decide_by_password(account_check *check, const posix *document, refusal *ret)
{
        int r = password_is_due(check->accounts->store, document, check->identity);

        if (r <= 0)
                return r;
        *ret = (refusal){ .sentence = N_("You have to change your password now.") };
        return VERDICT_CHANGE_DEMANDED;
}

static int decide_by_document(account_check *check, refusal *ret)
{
        _cleanup_account_row_ account_row row = { 0 };
        _cleanup_posix_ posix *document = NULL;
        const char *why;
        int r;

        r = store_find_account_identity(check->accounts->store, check->identity, &row);
        if (r == -ENOENT)
                return decide_without_document(check, ret);
        if (r < 0)
                return r;
        if (row.refused)
                return refuse(ret, VERDICT_NOT_ALLOWED, "account-refused", REFUSED_SENTENCE);
        r = posix_parse(row.document, strlen(row.document), &document, &why);
        if (r != POSIX_OK)
                return r < 0 ? r : -EBADMSG;
        r = decide_by_rules(check, document, ret);
        return r == 0 && check->program ? decide_by_password(check, document, ret) : r;
}

/* Whether that long ago is more than a time; or, for what was written under a wrong clock, that
 * long from now. */
static bool is_older(const standing *last, uint64_t usec)
{
        int64_t now = time(NULL);
        uint64_t sec = now > last->checked ? (uint64_t)now - (uint64_t)last->checked
                                           : (uint64_t)last->checked - (uint64_t)now;

        return sec > usec / USEC_PER_SEC;
}

/* Whether what Kratos last said is too old to let somebody in. Without an admin API nobody can be
 * asked, and what the last login showed counts. */
static bool is_stale(const accounts *a, const standing *last)
{
        return kratos_has_admin(a->kratos) &&
               is_older(last, kratos_config(a->kratos)->max_stale_usec);
}

static int decide(account_check *check, refusal *ret)
{
        standing last = check->answer;
        int r = check->fault;

        if (r < 0)
                return r;
        /* The configuration was lost, it seems, and with it who may come in. */
        if (!config_names_kratos(kratos_config(check->accounts->kratos)))
                return refuse(ret, VERDICT_UNAVAILABLE, "no-kratos",
                        N_("Your account cannot be checked now. Ask your administrator."));
        if (!check->identity[0])
                return decide_by_rules(
                        check, NULL, ret); /* whose it is its first login will show */
        if (!check->has_answered)
                r = store_find_standing(check->accounts->store, check->identity, &last);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && !last.active)
                return refuse(ret, VERDICT_DISABLED, "identity-inactive",
                        N_("Your account is disabled."));
        if (check->bad_answer)
                return refuse(ret, VERDICT_UNAVAILABLE, kratos_outcome_reason(KRATOS_BAD_ANSWER),
                        N_("Your account cannot be checked now. Ask your administrator."));
        if (!check->has_answered && (r == 0 ? is_stale(check->accounts, &last)
                                            : kratos_has_admin(check->accounts->kratos)))
                return refuse(ret, VERDICT_UNAVAILABLE, "too-stale",
                        N_("Your account cannot be checked now. Try again later."));
        return decide_by_document(check, ret);
}

/* A person can ask as often as it likes, for services of any name: it is not said each time. */
static bool may_tell(const account_check *check)
{
        accounts *a = check->accounts;
        int64_t now = boottime_usec();

        if (check->program)
                return true;
        if (now < a->quiet_until)
                return false;
        a->quiet_until = now + QUIET_USEC;
        return true;
}

/* Says what was decided, and ends the check. */
static void conclude(account_check *ended)
{
        _cleanup_check_ account_check *check = ended;
        event_facts facts = {
                .user = check->name, .service = check->service, .rhost = check->rhost
        };
        refusal why = { 0 };
        int verdict = decide(check, &why);

        if (verdict != 0 && verdict != VERDICT_CHANGE_DEMANDED && may_tell(check))
                log_event(EVENT_LOGIN_REFUSED, &facts, why.reason ? why.reason : "internal-fault");
        check->done(verdict, why.sentence, check->userdata);
}

/* Notes what Kratos says: a document counts from now on, also of somebody who needs none. An
 * identity that is no more is nobody's who could be let in. */
static int note(account_check *check, int outcome, const kratos_identity *identity)
{
        store *s = check->accounts->store;
        account_row row = { 0 };
        int r = store_find_account_identity(s, check->identity, &row);

        check->has_answered = true;
        check->answer = (standing){ .active = outcome == KRATOS_OK && identity->active,
                .checked = time(NULL) };

        account_row_done(&row);
        if (r < 0 && r != -ENOENT)
                return r;
        if (outcome == KRATOS_OK)
                r = adopt(check->accounts->directory, s, identity);
        else if (r == 0)
                r = adoption_end(s, check->identity);
        if (r < 0 && r != -ENOENT)
                return r;
        return store_put_standing(s, check->identity, &check->answer);
}

/* An answer that cannot be read ends nobody's account, and lets nobody in: people can make their
 * own record one, by traits too large to take, and would outlive being disabled by it. */
static void on_identity(int outcome, const kratos_identity *identity, void *userdata)
{
        account_check *check = userdata;
        int r = 0;

        check->call = NULL;
        if (outcome == KRATOS_OK || outcome == KRATOS_NOT_FOUND)
                r = note(check, outcome, identity);
        else if (outcome == KRATOS_BAD_ANSWER)
                check->bad_answer = true;
        else if (kratos_is_silent(outcome))
                check->accounts->silent_until = boottime_usec() + SILENCE_USEC;
        if (r < 0)
                log_message(LOG_ERR, "What Kratos says of %s cannot be stored: %s", check->name,
                        strerror(-r));
        conclude(check);
}

/* Whether Kratos is to be asked: nobody who was checked lately is checked again. */
static bool wants_asking(const account_check *check)
{
        const accounts *a = check->accounts;
        uint64_t fresh = kratos_config(a->kratos)->fresh_usec;
        standing last;

        if (!kratos_has_admin(a->kratos) || !check->identity[0] || check->fault < 0 ||
                boottime_usec() < a->silent_until)
                return false;
        if (store_find_standing(a->store, check->identity, &last) < 0)
                return true;
        /* What comes from the future was written under a wrong clock. */
        return fresh == 0 || last.checked > time(NULL) || is_older(&last, fresh);
}

static int ask(account_check *check)
{
        uint64_t timeout = kratos_config(check->accounts->kratos)->timeout_usec;

        return kratos_admin_get_identity(check->accounts->kratos, check->identity, true,
                timeout < WAIT_MAX_USEC ? timeout : WAIT_MAX_USEC, on_identity, check,
                &check->call);
}

int account_check_begin(accounts *a, bool program, const char *name, const local_user *account,
        const char *service, const char *rhost, account_checked done, void *userdata,
        account_check **ret)
{
        account_check *check = calloc(1, sizeof(account_check));

        if (!check)
                return -ENOMEM;
        check->accounts = a;
        check->program = program;
        snprintf(check->name, sizeof(check->name), "%s", name);
        snprintf(check->service, sizeof(check->service), "%s", service);
        snprintf(check->rhost, sizeof(check->rhost), "%s", rhost);
        check->fault = account_identity(a, name, account, check->identity);
        check->done = done;
        check->userdata = userdata;
        LIST_INSERT_HEAD(&a->checks, check, checks);
        *ret = NULL;
        if (wants_asking(check) && ask(check) == 0)
                *ret = check;
        else
                conclude(check);
        return 0;
}

void account_checks_end(accounts *a)
{
        account_check *check;

        while ((check = LIST_FIRST(&a->checks))) {
                account_checked done = check->done;
                void *userdata = check->userdata;

                account_check_cancel(check);
                done(VERDICT_UNAVAILABLE, NULL, userdata);
        }
}
