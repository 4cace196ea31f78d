#include "lookup.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/queue.h>

#include "adoption.h"
#include "common/local-users.h"
#include "log.h"
#include "reserved.h"
#include "timespan.h"

/* Names that Kratos is being asked for at once, for each of those who have a share, and callers
 * that wait for them. */
#define QUERIES_MAX 32
#define WAITING_MAX 512
/* Requests to Kratos: so many a second on average, and so many at once after a quiet time. Also for
 * each. */
#define REQUESTS_PER_SEC 20
#define REQUEST_USEC ((int64_t)(USEC_PER_SEC / REQUESTS_PER_SEC))
#define REQUESTS_BURST 40
/* What nobody is called, and for how long that is believed. */
#define NOBODY_MAX 4096
#define NOBODY_USEC ((int64_t)(60 * USEC_PER_SEC))
/* After an admin API that did not answer, nothing is asked for so long: nobody waits for it again
 * and again. */
#define SILENCE_USEC ((int64_t)(5 * USEC_PER_SEC))

/* Whoever has a share of all this: login programs, and all others, so that no local person's
 * invented names keep somebody from logging in here for the first time. */
enum sharer {
        LOGIN_PROGRAMS,
        OTHERS,
        SHARES,
};

/* A bucket of tokens that fills up with time, and what is under way. */
typedef struct share {
        unsigned n_queries;
        unsigned n_waiting;
        unsigned tokens;
        int64_t refilled;     /* CLOCK_BOOTTIME, microseconds */
        bool flooded;         /* and that was said */
        int64_t silent_until; /* likewise: an answer was waited for in vain */
} share;

typedef struct query query;

struct lookup {
        query *query;
        share *share;
        lookup_done done;
        void *userdata;
        TAILQ_ENTRY(lookup) lookups;
};

/* One name that Kratos is asked for. */
struct query {
        lookups *owner;
        share *share; /* of those who asked first */
        char name[USER_NAME_MAX + 1];
        kratos_call *call;
        kratos_identity claimant; /* of several, the one whose name it is, or else the first */
        size_t n_claimants;
        bool has_nameless; /* and that was said */
        TAILQ_HEAD(, lookup) waiting;
        LIST_ENTRY(query) queries;
};

/* A name that is nobody's. */
typedef struct nobody {
        char name[USER_NAME_MAX + 1];
        int64_t until; /* CLOCK_BOOTTIME, microseconds */
        TAILQ_ENTRY(nobody) nobodies;
} nobody;

struct lookups {
        sd_event *event;
        directory *directory;
        store *store;
        kratos *kratos;
        LIST_HEAD(, query) queries;
        share shares[SHARES];
        TAILQ_HEAD(, nobody) nobodies; /* the oldest first */
        void *by_name;                 /* the same, as a tree, see tsearch(3) */
        unsigned n_nobodies;
        bool refused; /* Kratos did not say whom it knows, and that was said */
        bool ending;  /* nothing is asked any more */
};

static int compare(const void *a, const void *b)
{
        return strcmp(((const nobody *)a)->name, ((const nobody *)b)->name);
}

static void forget(lookups *l, nobody *one)
{
        tdelete(one, &l->by_name, compare);
        TAILQ_REMOVE(&l->nobodies, one, nobodies);
        l->n_nobodies--;
        free(one);
}

static void forget_expired(lookups *l)
{
        int64_t now = boottime_usec();
        nobody *one;

        while ((one = TAILQ_FIRST(&l->nobodies)) &&
                (one->until <= now || l->n_nobodies > NOBODY_MAX))
                forget(l, one);
}

static bool is_nobody(lookups *l, const char *name)
{
        nobody key = { 0 };

        forget_expired(l);
        snprintf(key.name, sizeof(key.name), "%s", name);
        return tfind(&key, &l->by_name, compare) != NULL;
}

static void remember(lookups *l, const char *name)
{
        nobody *one;

        if (is_nobody(l, name))
                return;
        one = calloc(1, sizeof(nobody));
        if (!one)
                return;
        snprintf(one->name, sizeof(one->name), "%s", name);
        one->until = boottime_usec() + NOBODY_USEC;
        if (!tsearch(one, &l->by_name, compare)) {
                free(one);
                return;
        }
        TAILQ_INSERT_TAIL(&l->nobodies, one, nobodies);
        l->n_nobodies++;
        forget_expired(l);
}

void lookups_forget(lookups *l)
{
        while (!TAILQ_EMPTY(&l->nobodies))
                forget(l, TAILQ_FIRST(&l->nobodies));
        for (size_t i = 0; i < SHARES; i++)
                l->shares[i].silent_until = 0;
}

static share *share_of(lookups *l, uid_t asker)
{
        return &l->shares[asker == 0 ? LOGIN_PROGRAMS : OTHERS];
}

/* Whether Kratos may be asked once more. */
static bool take_token(share *s)
{
        int64_t now = boottime_usec();
        int64_t new = (now - s->refilled) / REQUEST_USEC;

        if (new >= REQUESTS_BURST - (int64_t)s->tokens) {
                s->tokens = REQUESTS_BURST;
                s->refilled = now;
        } else {
                s->tokens += (unsigned)new;
                s->refilled += new *REQUEST_USEC;
        }
        if (s->tokens == 0) {
                if (!s->flooded)
                        log_message(LOG_WARNING,
                                "More unknown names are looked up than Kratos is "
                                "asked for (%d a second): the rest are unknown",
                                REQUESTS_PER_SEC);
                s->flooded = true;
                return false;
        }
        s->flooded &= s->tokens < REQUESTS_BURST;
        s->tokens--;
        return true;
}

lookup *lookup_cancel(lookup *one)
{
        if (!one)
                return NULL;
        TAILQ_REMOVE(&one->query->waiting, one, lookups);
        one->share->n_waiting--;
        free(one);
        return NULL;
}

/* Ends a query, and tells all who wait for it. They may begin new ones. */
static void query_end(query *q)
{
        lookup *one;

        LIST_REMOVE(q, queries);
        q->share->n_queries--;
        while ((one = TAILQ_FIRST(&q->waiting))) {
                lookup_done done = one->done;
                void *userdata = one->userdata;

                lookup_cancel(one);
                done(userdata);
        }
        kratos_identity_done(&q->claimant);
        kratos_cancel(q->call);
        free(q);
}

/* True if a name was this identity's before. */
static bool is_owner(query *q, const char *identity)
{
        char owner[UUID_LENGTH + 1];

        return store_find_pin(q->owner->store, q->name, owner) == 0 && strcmp(owner, identity) == 0;
}

/* An identity may have the name for something else: an e-mail address, say. It counts if the name
 * is what it would be called here. */
static int on_identity(const kratos_identity *identity, void *userdata)
{
        query *q = userdata;
        int r = 0;

        /* One whose document names nobody: that is said, for somebody meant it to be this name. Of
         * the first alone: an answer may have any number of them. */
        if (identity->document && !identity->claims[0] && !q->has_nameless) {
                q->has_nameless = true;
                r = adopt(q->owner->directory, q->owner->store, identity);
        }
        if (r < 0 || strcmp(identity->claims, q->name) != 0)
                return r < 0 ? r : 0;
        if (q->n_claimants++ > 0 && !is_owner(q, identity->id))
                return 0;
        kratos_identity_done(&q->claimant);
        return kratos_identity_copy(identity, &q->claimant);
}

/* Whose the name is. Where nobody had it here and several want it now, it is nobody's: whoever came
 * first in some list would be as good as drawn by lot. */
static int settle(query *q)
{
        char owner[UUID_LENGTH + 1];
        int r = store_find_pin(q->owner->store, q->name, owner);

        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT && q->n_claimants > 1) {
                log_message(LOG_WARNING,
                        "%zu identities claim the name %s, which nobody had here: it is nobody's "
                        "until only one claims it, or kratosd --add-account says whose it is",
                        q->n_claimants, q->name);
                return ADOPTION_REFUSED;
        }
        return q->n_claimants > 0 ? adopt(q->owner->directory, q->owner->store, &q->claimant)
                                  : ADOPTION_NONE;
}

/* Takes Kratos's answer. What is adopted may still be hidden by a local account. */
static int take(query *q)
{
        _cleanup_user_ directory_user *user = NULL;
        int r = settle(q);

        if (r == ADOPTED)
                r = directory_find_user(q->owner->directory, q->name, &user);
        if (r > 0)
                remember(q->owner, q->name);
        return r;
}

/* Says once, while it lasts, that there is an answer and that it names nobody: as where a gateway
 * does not know this host. */
static void note_outcome(lookups *l, int outcome)
{
        bool refused = outcome > KRATOS_OK && !kratos_is_silent(outcome);

        if (outcome == KRATOS_NOT_ASKED || (outcome != KRATOS_OK && !refused) ||
                l->refused == refused)
                return;
        l->refused = refused;
        if (refused)
                log_message(LOG_WARNING,
                        "Kratos's admin API does not say whom it knows (%s): whoever is new to "
                        "this host stays unknown here",
                        kratos_outcome_reason(outcome));
        else
                log_message(LOG_NOTICE, "Kratos's admin API says again whom it knows");
}

static void on_identities(int outcome, void *userdata)
{
        query *q = userdata;
        lookups *l = q->owner;
        int r = outcome < 0 ? outcome : 0;

        q->call = NULL;
        note_outcome(l, outcome);
        if (outcome == KRATOS_OK)
                r = take(q);
        else if (kratos_is_silent(outcome))
                q->share->silent_until = boottime_usec() + SILENCE_USEC;
        else if (outcome > 0 && outcome != KRATOS_NOT_ASKED)
                remember(l, q->name);
        if (r < 0)
                log_message(LOG_ERR, "%s cannot be looked up: %s", q->name, strerror(-r));
        query_end(q);
}

static query *find_query(lookups *l, const char *name)
{
        query *q;

        LIST_FOREACH (q, &l->queries, queries)
                if (strcmp(q->name, name) == 0)
                        return q;
        return NULL;
}

/* Asks Kratos for a name. LOOKUP_NOTHING where it may or can not be asked now. */
static int query_begin(lookups *l, share *s, const char *name, query **ret)
{
        const config *c = kratos_config(l->kratos);
        _cleanup_free_ char *identifier = NULL;
        query *q;
        int r;

        if (s->n_queries >= QUERIES_MAX || boottime_usec() < s->silent_until || !take_token(s))
                return LOOKUP_NOTHING;
        r = config_identifier(c, name, &identifier);
        q = r < 0 ? NULL : calloc(1, sizeof(query));
        if (!q)
                return -ENOMEM;
        q->owner = l;
        q->share = s;
        snprintf(q->name, sizeof(q->name), "%s", name);
        TAILQ_INIT(&q->waiting);
        r = kratos_admin_find_identities(l->kratos, s == &l->shares[LOGIN_PROGRAMS], identifier,
                c->lookup_timeout_usec, on_identity, on_identities, q, &q->call);
        if (r < 0) {
                free(q);
                return r == -ENOMEM ? r : LOOKUP_NOTHING;
        }
        LIST_INSERT_HEAD(&l->queries, q, queries);
        s->n_queries++;
        *ret = q;
        return 0;
}

int lookup_begin(
        lookups *l, uid_t asker, const char *name, lookup_done done, void *userdata, lookup **ret)
{
        share *s = share_of(l, asker);
        lookup *one;
        query *q;
        int r;

        if (l->ending || !kratos_has_admin(l->kratos) || !user_name_is_valid(name) ||
                name_is_reserved(name) || s->n_waiting >= WAITING_MAX || is_nobody(l, name))
                return LOOKUP_NOTHING;
        /* systemd asks every provider about whoever logs in. (rule 23) */
        r = local_user_find(LOCAL_USERS_FILE, PASSWD_FILE, name, &(local_user){ 0 });
        if (r < 0)
                return r;
        if (r == LOCAL_USER_UNLISTED)
                return LOOKUP_NOTHING;
        one = calloc(1, sizeof(lookup));
        if (!one)
                return -ENOMEM;
        q = find_query(l, name);
        r = q ? 0 : query_begin(l, s, name, &q);
        if (r != 0) {
                free(one);
                return r;
        }
        one->query = q;
        one->share = s;
        one->done = done;
        one->userdata = userdata;
        TAILQ_INSERT_TAIL(&q->waiting, one, lookups);
        s->n_waiting++;
        *ret = one;
        return LOOKUP_WAITING;
}

int lookups_new(sd_event *event, directory *d, store *s, kratos *k, lookups **ret)
{
        lookups *l = calloc(1, sizeof(lookups));

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->directory = d;
        l->store = s;
        l->kratos = k;
        for (size_t i = 0; i < SHARES; i++) {
                l->shares[i].tokens = REQUESTS_BURST;
                l->shares[i].refilled = boottime_usec();
        }
        LIST_INIT(&l->queries);
        TAILQ_INIT(&l->nobodies);
        *ret = l;
        return 0;
}

lookups *lookups_free(lookups *l)
{
        if (!l)
                return NULL;
        l->ending = true;
        while (!LIST_EMPTY(&l->queries))
                query_end(LIST_FIRST(&l->queries));
        lookups_forget(l);
        sd_event_unref(l->event);
        free(l);
        return NULL;
}
