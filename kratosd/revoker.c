#include "revoker-job.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#include "log.h"
#include "timespan.h"

/* At once: the end of many sessions must not crowd out the logins. */
#define JOBS_MAX 8
/* While Kratos cannot be reached, all rows wait: 1 s, 2 s, 4 s … */
#define PAUSE_MAX_USEC (60 * USEC_PER_SEC)
/* A row that Kratos does not confirm: 2 s, 4 s … */
#define ROW_RETRY_USEC (2 * USEC_PER_SEC)
#define ROW_RETRY_MAX_USEC (3600 * USEC_PER_SEC)
/* What is likely to be Kratos's trouble, and to pass. */
#define ROW_FAULT_MAX_USEC (120 * USEC_PER_SEC)
/* What waits for one person's next login: guesses whose answers are lost must not pile up. Kratos
 * has ended by itself what is older (its sessions last a day by default). */
#define WAITING_MAX 16
#define WAITING_AGE_USEC ((int64_t)(30 * 24 * 3600 * USEC_PER_SEC))
/* Kratos may still make a session of what was posted for so long (public write timeout, 60 s). */
#define POST_SETTLES_USEC (75 * USEC_PER_SEC)

static job *job_free(job *j)
{
        if (!j)
                return NULL;
        kratos_cancel(j->call);
        secret_free(j->token);
        secret_free(j->person);
        free(j);
        return NULL;
}

static event_facts facts_of(const session_row *row)
{
        return (event_facts){ .user = row->user,
                .service = row->service,
                .rhost = row->rhost,
                .session = row->session };
}

static void wake_in(revoker *r, uint64_t usec)
{
        sd_event_source_set_time_relative(r->timer, usec);
        sd_event_source_set_enabled(r->timer, SD_EVENT_ONESHOT);
}

static void pause_all(revoker *r)
{
        uint64_t usec = USEC_PER_SEC << (r->pause_step < 6 ? r->pause_step : 6);

        r->pause_step++;
        if (usec > PAUSE_MAX_USEC)
                usec = PAUSE_MAX_USEC;
        usec += random_below((unsigned)(usec / 5));
        r->pause_until = boottime_usec() + (int64_t)usec;
}

void revoker_end_job(job *j)
{
        revoker *r = j->revoker;

        TAILQ_REMOVE(&r->running, j, jobs);
        r->n_running--;
        if (j->stored) {
                job_free(j);
        } else {
                TAILQ_INSERT_TAIL(&r->unsaved, j, jobs);
                pause_all(r);
        }
        wake_in(r, 0); /* not from here: many rows that end at once would go as deep */
}

/* Stores what became of a row. One that was in memory alone need not be kept there any more. */
static void save(job *j)
{
        if (store_update(j->revoker->store, &j->row) == 0)
                j->stored = true;
        else
                pause_all(j->revoker);
}

/* Kratos has confirmed it, or has never had such a session. */
void revoker_confirmed(job *j)
{
        revoker *r = j->revoker;
        event_facts facts = facts_of(&j->row);

        r->pause_step = 0;
        r->tidied = false;
        if (j->row.session[0])
                log_event(EVENT_SESSION_REVOKED, &facts, "confirmed");
        if (store_delete(r->store, j->row.id) < 0)
                pause_all(
                        r); /* the row will be found again: that does no harm, but must not spin */
        j->stored = true;
        revoker_end_job(j);
}

void revoker_give_back(job *j)
{
        j->row.session[0] = '\0'; /* that goes on: nothing is told of it */
        revoker_confirmed(j);
}

/* Nobody's row can be asked about now. Everything else, an answer that does not come included, may
 * be this row's own fault, and must not hold up the others. */
static bool is_outage(int outcome)
{
        return outcome == KRATOS_UNREACHABLE || outcome == KRATOS_RATE_LIMITED ||
               outcome == KRATOS_NOT_ASKED || outcome < 0;
}

static void postpone(job *j, int outcome)
{
        session_row *row = &j->row;
        event_facts facts = facts_of(row);
        bool first = row->attempts == 0;

        if (first)
                log_event(EVENT_REVOCATION_POSTPONED, &facts, kratos_outcome_reason(outcome));
        if (is_outage(outcome)) {
                pause_all(j->revoker);
        } else {
                bool passing = outcome == KRATOS_FAULT || outcome == KRATOS_NO_ANSWER;
                uint64_t usec = ROW_RETRY_USEC << (row->attempts < 11 ? row->attempts : 11);
                uint64_t max = passing ? ROW_FAULT_MAX_USEC : ROW_RETRY_MAX_USEC;

                if (usec > max)
                        usec = max;
                row->due = boottime_usec() + (int64_t)usec + random_below((unsigned)(usec / 5));
        }
        if (first || !is_outage(outcome))
                row->attempts++;
        if (!j->stored || first || !is_outage(outcome))
                save(j);
        revoker_end_job(j);
}

/* Looks again once Kratos can have made nothing more of what was posted. */
static void look_later(job *j)
{
        j->row.due = j->row.posted + (int64_t)POST_SETTLES_USEC;
        save(j);
        revoker_end_job(j);
}

bool revoker_has_settled(const session_row *row)
{
        return boottime_usec() - row->posted >= (int64_t)POST_SETTLES_USEC;
}

/* Gives up what has waited too long for a person, or is too much. */
static void forget_waiting(revoker *r, const char *user)
{
        unsigned forgotten = 0;

        (void)store_forget_waiting(
                r->store, user, WAITING_MAX, boottime_usec() - WAITING_AGE_USEC, &forgotten);
        if (forgotten > 0)
                log_message(LOG_WARNING,
                        "%u answers to logins of %s that were lost are given up: what sessions they"
                        " may have made at Kratos end by themselves",
                        forgotten, user);
}

/* Nothing can be done before the person's next login. */
static void wait_for_person(job *j)
{
        event_facts facts = facts_of(&j->row);

        if (j->row.due != DUE_NEVER)
                log_event(EVENT_REVOCATION_POSTPONED, &facts, "waits-for-next-login");
        if (j->row.due != DUE_NEVER || !j->stored) {
                j->row.due = DUE_NEVER;
                save(j);
                forget_waiting(j->revoker, j->row.user);
        }
        revoker_end_job(j);
}

static void on_admin_deleted(int outcome, void *userdata)
{
        job *j = userdata;

        j->call = NULL;
        if (outcome == KRATOS_OK || outcome == KRATOS_NOT_FOUND)
                revoker_confirmed(j);
        else
                postpone(j, outcome);
}

static void delete_by_id(job *j)
{
        revoker *r = j->revoker;
        int n = kratos_admin_delete_session(
                r->kratos, j->row.session, on_admin_deleted, j, &j->call);

        if (n < 0)
                postpone(j, n == -EBUSY ? KRATOS_RATE_LIMITED : n);
}

static bool can_delete_by_id(const job *j)
{
        return kratos_has_admin(j->revoker->kratos) && j->row.session[0];
}

static void on_logged_out(int outcome, void *userdata)
{
        job *j = userdata;

        j->call = NULL;
        /* "No such token" is what Kratos says of an ended session. Where the admin API can be asked
         * as well, its word counts. */
        if (outcome == KRATOS_OK || (outcome == KRATOS_FORBIDDEN && !can_delete_by_id(j)))
                revoker_confirmed(j);
        else if (can_delete_by_id(j))
                delete_by_id(j);
        else
                postpone(j, outcome);
}

/* What a gateway says that hands out no lists (rule 32), now and for good. */
static bool is_refusal(int outcome)
{
        return outcome == KRATOS_FORBIDDEN || outcome == KRATOS_NO_SUCH_PATH ||
               outcome == KRATOS_REFUSED;
}

static void on_admin_found(int outcome, const char *session, void *userdata)
{
        job *j = userdata;

        j->call = NULL;
        if (outcome == KRATOS_OK && strcmp(session, j->row.borrowed) == 0) {
                revoker_give_back(j);
        } else if (outcome == KRATOS_OK) {
                memcpy(j->row.session, session, UUID_LENGTH + 1);
                delete_by_id(j);
        } else if (is_refusal(outcome)) {
                wait_for_person(j);
        } else if (outcome != KRATOS_NOT_FOUND) {
                postpone(j, outcome);
        } else if (revoker_has_settled(&j->row)) {
                revoker_confirmed(j);
        } else {
                look_later(j);
        }
}

/* The next thing to try for a row. */
static void step(job *j)
{
        revoker *r = j->revoker;
        int n = 0;

        if (session_row_is_borrowed(&j->row))
                return revoker_give_back(j);
        if (j->person)
                return revoker_ask_person(j);
        if (!j->token && j->row.token_size)
                (void)unseal(r->sealer, j->row.token, j->row.token_size, &j->token);
        if (j->token)
                n = kratos_logout(r->kratos, j->token, on_logged_out, j, &j->call);
        else if (can_delete_by_id(j))
                delete_by_id(j);
        else if (kratos_has_admin(r->kratos) && j->row.identity[0])
                n = kratos_admin_find_session(
                        r->kratos, j->row.identity, j->row.id, on_admin_found, j, &j->call);
        else
                wait_for_person(j);
        if (n < 0)
                postpone(j, n == -EBUSY ? KRATOS_RATE_LIMITED : n);
}

static bool has_job(const struct job_list *list, const char *id)
{
        job *j;

        TAILQ_FOREACH (j, list, jobs)
                if (strcmp(j->row.id, id) == 0)
                        return true;
        return false;
}

bool revoker_is_running(const revoker *r, const char *id)
{
        return has_job(&r->running, id) || has_job(&r->unsaved, id);
}

int revoker_job_new(revoker *r, const session_row *row, job **ret)
{
        job *j = calloc(1, sizeof(job));

        if (!j)
                return -ENOMEM;
        j->revoker = r;
        j->row = *row;
        *ret = j;
        return 0;
}

void revoker_run_job(job *j)
{
        TAILQ_INSERT_TAIL(&j->revoker->running, j, jobs);
        j->revoker->n_running++;
        step(j);
}

/* Whether a token of the same person is at work for others of their sessions: it may be that of
 * this row, which ends after them. */
static bool is_at_work(const revoker *r, const session_row *row)
{
        job *j;

        TAILQ_FOREACH (j, &r->running, jobs)
                if (j->person && row->identity[0] && strcmp(j->identity, row->identity) == 0)
                        return true;
        return false;
}

/* The next row that is due and not under way. 0; -ENOENT after arming the timer for the one after.
 */
static int next_row(revoker *r, session_row *ret)
{
        int n;

        for (unsigned skip = 0; skip <= JOBS_MAX; skip++) {
                int64_t now = boottime_usec();

                n = store_find_due(r->store, ROW_REVOKING, skip, ret);
                if (n == -ENOENT)
                        return n;
                if (n < 0) {
                        pause_all(r);
                        wake_in(r, (uint64_t)(r->pause_until - now));
                        return -ENOENT;
                }
                if (ret->due > now) {
                        if (ret->due != DUE_NEVER)
                                wake_in(r, (uint64_t)(ret->due - now));
                        return -ENOENT;
                }
                if (!revoker_is_running(r, ret->id) && !is_at_work(r, ret))
                        return 0;
        }
        return -ENOENT;
}

static void tidy(revoker *r)
{
        if (r->n_running > 0 || r->tidied)
                return;
        store_tidy(r->store);
        r->tidied = true;
}

/* Takes up what is due, as far as there is room. */
static void fill(revoker *r)
{
        while (r->n_running < JOBS_MAX) {
                int64_t now = boottime_usec();
                session_row row;
                job *j;

                if (r->pause_until > now) {
                        wake_in(r, (uint64_t)(r->pause_until - now));
                        return tidy(r);
                }
                j = TAILQ_FIRST(&r->unsaved);
                if (j) {
                        TAILQ_REMOVE(&r->unsaved, j, jobs);
                } else {
                        if (next_row(r, &row) < 0)
                                return tidy(r);
                        if (revoker_job_new(r, &row, &j) < 0)
                                return wake_in(r, USEC_PER_SEC);
                        j->stored = true;
                }
                revoker_run_job(j);
        }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        fill(userdata);
        return 0;
}

int revoker_new(sd_event *event, store *s, sealer *key, kratos *k, revoker **ret)
{
        _cleanup_(revoker_freep) revoker *r = calloc(1, sizeof(revoker));
        int n;

        if (!r)
                return -ENOMEM;
        TAILQ_INIT(&r->running);
        TAILQ_INIT(&r->unsaved);
        r->store = s;
        r->sealer = key;
        r->kratos = k;
        n = sd_event_add_time_relative(
                event, &r->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_timer, r);
        if (n < 0)
                return n;
        *ret = TAKE_PTR(r);
        return 0;
}

static void free_jobs(struct job_list *list)
{
        job *j;

        while ((j = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, j, jobs);
                job_free(j);
        }
}

revoker *revoker_free(revoker *r)
{
        if (!r)
                return NULL;
        free_jobs(&r->running);
        free_jobs(&r->unsaved);
        sd_event_source_disable_unref(r->timer);
        free(r);
        return NULL;
}

void revoker_end(revoker *r, session_row *row)
{
        job *j;
        int n;

        if (session_row_is_borrowed(row)) {
                (void)store_delete(r->store, row->id); /* or else it is found again */
                return;
        }
        row->state = ROW_REVOKING;
        row->due = 0;
        row->has_login = false;
        n = store_update(r->store, row);
        if (n < 0) {
                log_message(LOG_ERR, "the end of a session of %s cannot be stored: %s", row->user,
                        strerror(-n));
                if (revoker_is_running(r, row->id) || revoker_job_new(r, row, &j) < 0)
                        return;
                TAILQ_INSERT_TAIL(&r->unsaved, j, jobs);
        }
        revoker_kick(r);
}

static int count_one(const char *id, void *userdata)
{
        unsigned *count = userdata;

        (void)id;
        (*count)++;
        return 0;
}

int revoker_count(revoker *r, unsigned *ret)
{
        unsigned count = 0;
        int n = store_each_id(r->store, ROW_REVOKING, count_one, &count);

        if (n < 0)
                return n;
        *ret = count;
        return 0;
}

void revoker_kick(revoker *r)
{
        wake_in(r, 0);
}

void revoker_retry_all(revoker *r)
{
        r->pause_until = 0;
        r->pause_step = 0;
        (void)store_requeue(r->store);
        revoker_kick(r);
}
