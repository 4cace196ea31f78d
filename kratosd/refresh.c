#include "refresh.h"

#include <errno.h>
#include <string.h>

#include "adoption.h"
#include "log.h"
#include "seal.h"
#include "store-accounts.h"
#include "timespan.h"

/* Between two requests of a round: a large store is no burst at Kratos. */
#define STEP_USEC (USEC_PER_SEC / 10)
/* Until a round goes on that Kratos did not answer: 5 s, 10 s … */
#define RETRY_USEC (5 * USEC_PER_SEC)
#define RETRY_MAX_USEC (300 * USEC_PER_SEC)
/* For one identity, and how often a round waits for an answer about one until it passes it over:
 * those behind it must not wait for good. */
#define ONE_TRIES_MAX 2
#define ONE_USEC (15 * USEC_PER_SEC)
/* A round begins so much earlier or later than it would, in hundredths of its interval. */
#define JITTER_PERCENT 10

/* A round through the store. */
typedef struct round {
        refresh *owner;
        bool open_only; /* people with an open session */
        char after[UUID_LENGTH + 1];
        char ids[IDENTITIES_MAX][UUID_LENGTH + 1];
        bool seen[IDENTITIES_MAX]; /* in the answer */
        size_t n_ids;
        size_t asked; /* the one of those not seen that is asked for by itself */
        size_t batch; /* how many at once: fewer after an answer that was too large or no good */
        bool storing; /* what the answer says */
        bool failed;  /* a list of this round was none, or no answer at all */
        bool told;    /* of that, in this round or in the one before */
        unsigned failures;
        kratos_call *call;
        sd_event_source *timer;
} round;

struct refresh {
        sd_event *event;
        directory *directory;
        store *store;
        kratos *kratos;
        round all;
        round open;
};

static uint64_t interval_of(const round *r)
{
        const config *c = kratos_config(r->owner->kratos);

        return r->open_only ? c->refresh_open_usec : c->refresh_usec;
}

static void wake_in(round *r, uint64_t usec)
{
        sd_event_source_set_time_relative(r->timer, usec);
        sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

/* A random part of a span, in milliseconds' steps. */
static uint64_t part_of(uint64_t usec)
{
        return (uint64_t)random_below((unsigned)(usec / 1000) + 1) * 1000;
}

/* Says once, while it lasts, that Kratos does not say what it knows of people. That none of its
 * servers can be reached is said elsewhere. */
static void note_failure(round *r, int outcome)
{
        r->failed = true;
        if (r->told || outcome < 0 || outcome == KRATOS_UNREACHABLE || outcome == KRATOS_NOT_ASKED)
                return;
        r->told = true;
        log_message(LOG_WARNING,
                "What Kratos knows of people cannot be taken from its list of them (%s); what this "
                "host knows stays",
                kratos_outcome_reason(outcome));
}

static void end_round(round *r)
{
        uint64_t jitter = interval_of(r) / 100 * JITTER_PERCENT;

        r->told = r->failed && r->told;
        r->failed = false;
        r->after[0] = '\0';
        r->batch = IDENTITIES_MAX;
        wake_in(r, interval_of(r) - jitter + part_of(2 * jitter));
}

static void retry(round *r)
{
        uint64_t usec = RETRY_USEC << (r->failures < 6 ? r->failures : 6);

        r->failures++;
        usec = usec > RETRY_MAX_USEC ? RETRY_MAX_USEC : usec;
        wake_in(r, usec + part_of(usec / 4));
}

static void go_on(round *r)
{
        r->failures = 0;
        snprintf(r->after, sizeof(r->after), "%s", r->ids[r->n_ids - 1]);
        wake_in(r, STEP_USEC);
}

static int take(round *r, const kratos_identity *identity)
{
        int n = adopt(r->owner->directory, r->owner->store, identity);

        return n < 0 ? n : 0;
}

static void say_bad(const char *id)
{
        log_message(LOG_WARNING, "What Kratos says of the identity %s is no identity", id);
}

static void ask_next(round *r);

static void on_one(int outcome, const kratos_identity *identity, void *userdata)
{
        round *r = userdata;
        int n = 0;

        r->call = NULL;
        if (outcome == KRATOS_OK)
                n = take(r, identity);
        else if (outcome == KRATOS_NOT_FOUND)
                n = adoption_end(r->owner->store, r->ids[r->asked]);
        else if (outcome == KRATOS_BAD_ANSWER)
                say_bad(r->ids[r->asked]); /* those after it are not to wait for it */
        else if (r->failures < ONE_TRIES_MAX)
                return retry(r);
        if (n < 0)
                return retry(r);
        r->seen[r->asked] = true;
        ask_next(r);
}

/* Asks by itself for each that was not in the answer. */
static void ask_next(round *r)
{
        for (r->asked = 0; r->asked < r->n_ids && r->seen[r->asked]; r->asked++)
                ;
        if (r->asked == r->n_ids)
                return go_on(r);
        if (kratos_admin_get_identity(
                    r->owner->kratos, r->ids[r->asked], false, ONE_USEC, on_one, r, &r->call) < 0)
                retry(r);
}

static int on_identity(const kratos_identity *identity, void *userdata)
{
        round *r = userdata;
        int n;

        /* The whole batch is one change on disk. */
        if (!r->storing) {
                n = store_begin(r->owner->store);
                if (n < 0)
                        return n;
                r->storing = true;
        }
        /* One that was not asked for is nobody's business. */
        for (size_t i = 0; i < r->n_ids; i++)
                if (strcmp(r->ids[i], identity->id) == 0) {
                        r->seen[i] = true;
                        return take(r, identity);
                }
        return 0;
}

static void on_batch(int outcome, void *userdata)
{
        round *r = userdata;
        int n = outcome < 0 ? outcome : 0;

        r->call = NULL;
        if (r->storing)
                n = store_end(r->owner->store, n);
        r->storing = false;
        if (outcome == KRATOS_OK && n == 0)
                return ask_next(r);
        note_failure(r, outcome);
        if (outcome == KRATOS_BAD_ANSWER && r->batch > 1) {
                r->batch /= 2; /* whoever makes it so is found */
                return wake_in(r, STEP_USEC);
        }
        if (outcome == KRATOS_BAD_ANSWER) {
                r->batch = IDENTITIES_MAX;
                return ask_next(r);
        }
        retry(r);
}

static size_t next_batch(round *r)
{
        char id[UUID_LENGTH + 1], next[UUID_LENGTH + 1];

        memcpy(id, r->after, sizeof(id));
        for (r->n_ids = 0; r->n_ids < r->batch &&
                           store_next_identity(r->owner->store, id, r->open_only, next) == 0;) {
                memcpy(id, next, sizeof(id));
                if (!uuid_is_valid(id))
                        continue; /* nothing else may get into a URL (rule 29) */
                memcpy(r->ids[r->n_ids], id, sizeof(id));
                r->seen[r->n_ids++] = false;
        }
        return r->n_ids;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        round *r = userdata;

        (void)source;
        (void)usec;
        if (!kratos_has_admin(r->owner->kratos) || next_batch(r) == 0) {
                end_round(r);
                return 0;
        }
        if (kratos_admin_get_identities(r->owner->kratos, (const char(*)[UUID_LENGTH + 1]) r->ids,
                    r->n_ids, on_identity, on_batch, r, &r->call) < 0)
                retry(r);
        return 0;
}

static int round_begin(refresh *all, round *r, bool open_only)
{
        uint64_t phase;

        r->owner = all;
        r->open_only = open_only;
        r->batch = IDENTITIES_MAX;
        phase = part_of(interval_of(r));
        return sd_event_add_time_relative(
                all->event, &r->timer, CLOCK_BOOTTIME, phase, TIMER_ACCURACY_USEC, on_timer, r);
}

static void round_end(round *r)
{
        kratos_cancel(r->call);
        sd_event_source_disable_unref(r->timer);
}

void refresh_restart(refresh *r)
{
        round *rounds[] = { &r->all, &r->open };

        for (size_t i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
                rounds[i]->call = kratos_cancel(rounds[i]->call);
                rounds[i]->after[0] = '\0';
                wake_in(rounds[i], part_of(RETRY_USEC));
        }
}

int refresh_new(sd_event *event, directory *d, store *s, kratos *k, refresh **ret)
{
        _cleanup_(refresh_freep) refresh *new = calloc(1, sizeof(refresh));
        int r;

        if (!new)
                return -ENOMEM;
        new->event = sd_event_ref(event);
        new->directory = d;
        new->store = s;
        new->kratos = k;
        r = round_begin(new, &new->all, false);
        if (r >= 0)
                r = round_begin(new, &new->open, true);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(new);
        return 0;
}

refresh *refresh_free(refresh *r)
{
        if (!r)
                return NULL;
        round_end(&r->all);
        round_end(&r->open);
        sd_event_unref(r->event);
        free(r);
        return NULL;
}
