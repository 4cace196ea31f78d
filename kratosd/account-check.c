#include "account-check.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "adoption.h"
#include "log.h"
#include "timespan.h"

/* No check waits longer for Kratos: what is known is good enough then. */
#define WAIT_MAX_USEC (3 * USEC_PER_SEC)
/* After one that waited in vain, none does for so long. */
#define SILENCE_USEC ((int64_t)(10 * USEC_PER_SEC))

struct account_check {
        accounts *accounts;
        char name[USER_NAME_MAX + 1];
        char service[CONTEXT_FIELD_MAX + 1];
        char rhost[CONTEXT_FIELD_MAX + 1];
        char identity[UUID_LENGTH + 1];
        kratos_call *call;
        account_checked done;
        void *userdata;
        LIST_ENTRY(account_check) checks;
};

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
        const config *c = kratos_config(check->accounts->kratos);
        const char *groups[POSIX_GROUPS_MAX];
        size_t n_groups = document ? document->n_groups : 0;
        access_request request = { .user = check->name,
                .groups = groups,
                .n_groups = n_groups,
                .document = document,
                .service = check->service,
                .host = c->host_name,
                .now = time(NULL) };

        for (size_t i = 0; i < n_groups; i++)
                groups[i] = document->groups[i].name;
        return access_check(c, &request, &ret->reason, &ret->sentence);
}

/* For an identity that has no account document here: a local account that is listed needs none. Any
 * other was an account until Kratos was asked. */
static int decide_without_document(account_check *check, refusal *ret)
{
        int r = account_find(check->accounts, check->name, &(local_user){ 0 });

        if (r == VERDICT_UNKNOWN_USER)
                return refuse(ret, VERDICT_DISABLED, "account-ended",
                        "You have no account here any more. Ask your administrator.");
        return r < 0 ? r : decide_by_rules(check, NULL, ret);
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
                return refuse(ret, VERDICT_NOT_ALLOWED, "account-refused",
                        "Your account is not set up correctly. Ask your administrator.");
        r = posix_parse(row.document, strlen(row.document), &document, &why);
        if (r != POSIX_OK)
                return r < 0 ? r : -EBADMSG;
        return decide_by_rules(check, document, ret);
}

static int64_t age_usec(const standing *last)
{
        return (time(NULL) - last->checked) * (int64_t)USEC_PER_SEC;
}

/* Whether what Kratos last said is too old to let somebody in. Without an admin API nobody can be
 * asked, and what the last login showed counts. */
static bool is_stale(const accounts *a, const standing *last)
{
        return kratos_has_admin(a->kratos) &&
               age_usec(last) > (int64_t)kratos_config(a->kratos)->max_stale_usec;
}

static int decide(account_check *check, refusal *ret)
{
        standing last;
        int r;

        if (!check->identity[0])
                return decide_by_rules(
                        check, NULL, ret); /* whose it is its first login will show */
        r = store_find_standing(check->accounts->store, check->identity, &last);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && !last.active)
                return refuse(
                        ret, VERDICT_DISABLED, "identity-inactive", "Your account is disabled.");
        if (r == 0 ? is_stale(check->accounts, &last) : kratos_has_admin(check->accounts->kratos))
                return refuse(ret, VERDICT_UNAVAILABLE, "too-stale",
                        "Your account cannot be checked now. Try again later.");
        return decide_by_document(check, ret);
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

        if (verdict != 0)
                log_event(EVENT_LOGIN_REFUSED, &facts, why.reason ? why.reason : "internal-fault");
        check->done(verdict, why.sentence, check->userdata);
}

/* Notes what Kratos says. An identity that is no more is nobody's who could be let in. */
static int note(account_check *check, int outcome, const kratos_identity *identity)
{
        store *s = check->accounts->store;
        standing now = { .checked = time(NULL) };
        account_row row = { 0 };
        int r = store_find_account_identity(s, check->identity, &row);

        account_row_done(&row);
        if (r < 0 && r != -ENOENT)
                return r;
        if (outcome == KRATOS_OK && r == 0)
                r = adopt(check->accounts->directory, s, identity);
        if (outcome == KRATOS_OK)
                now.active = identity->active;
        else if (r == 0)
                r = adoption_end(s, check->identity);
        return r < 0 && r != -ENOENT ? r : store_put_standing(s, check->identity, &now);
}

static void on_identity(int outcome, const kratos_identity *identity, void *userdata)
{
        account_check *check = userdata;
        int r = 0;

        check->call = NULL;
        if (outcome == KRATOS_OK || outcome == KRATOS_NOT_FOUND)
                r = note(check, outcome, identity);
        else
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
        standing last;

        if (!kratos_has_admin(a->kratos) || !check->identity[0] ||
                boottime_usec() < a->silent_until)
                return false;
        if (store_find_standing(a->store, check->identity, &last) < 0)
                return true;
        /* What comes from the future was written under a wrong clock. */
        return age_usec(&last) < 0 ||
               age_usec(&last) >= (int64_t)kratos_config(a->kratos)->fresh_usec;
}

static int ask(account_check *check)
{
        uint64_t timeout = kratos_config(check->accounts->kratos)->timeout_usec;

        return kratos_admin_get_identity(check->accounts->kratos, check->identity,
                timeout < WAIT_MAX_USEC ? timeout : WAIT_MAX_USEC, on_identity, check,
                &check->call);
}

int account_check_begin(accounts *a, const char *name, const local_user *account,
        const char *service, const char *rhost, account_checked done, void *userdata,
        account_check **ret)
{
        account_check *check = calloc(1, sizeof(account_check));

        if (!check)
                return -ENOMEM;
        check->accounts = a;
        snprintf(check->name, sizeof(check->name), "%s", name);
        snprintf(check->service, sizeof(check->service), "%s", service);
        snprintf(check->rhost, sizeof(check->rhost), "%s", rhost);
        (void)account_identity(a, name, account, check->identity);
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
