#include "session.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-id128.h>

#include "lifeline.h"
#include "log.h"
#include "session-table.h"
#include "store-accounts.h"
#include "timespan.h"
#include "verdict.h"

/* How long to wait for a disk that takes nothing. */
#define STORE_RETRY_USEC (10 * USEC_PER_SEC)

/* How long a session that is to change a password lives: three tries, with time to think. */
#define CHANGE_USEC ((int64_t)(10 * 60 * USEC_PER_SEC))

/* An open session. There may be many thousands: nothing else of them is kept in memory. */
typedef struct session {
        sessions *owner;
        sd_id128_t id;
        sd_event_source *watch; /* owns the lifeline's read end */
} session;

static int compare(const void *a, const void *b)
{
        return memcmp(&((const session *)a)->id, &((const session *)b)->id, sizeof(sd_id128_t));
}

static session *find(const sessions *s, const char *id)
{
        session key = { 0 }, **found;

        if (sd_id128_from_string(id, &key.id) < 0)
                return NULL;
        found = tfind(&key, &s->open, compare);
        return found ? *found : NULL;
}

bool sessions_is_open(const sessions *s, const char *id)
{
        return find(s, id) != NULL;
}

static void session_free(void *p)
{
        session *one = p;

        sd_event_source_disable_unref(one->watch);
        free(one);
}

static void drop(session *one)
{
        char id[SD_ID128_STRING_MAX];

        lifeline_remove(sd_id128_to_string(one->id, id));
        tdelete(one, &one->owner->open, compare);
        session_free(one);
}

/* Ends a row that was granted or open. */
static int end_row(sessions *s, const char *id, const char *reason)
{
        session_row row;
        int r = store_find(s->store, id, &row);

        if (r < 0)
                return r;
        event_facts facts = {
                .user = row.user, .service = row.service, .rhost = row.rhost, .session = row.session
        };
        bool borrowed = session_row_is_borrowed(&row);

        if (row.state != ROW_CHANGING && (!borrowed || row.state == ROW_OPEN))
                log_event(EVENT_SESSION_CLOSED, &facts, borrowed ? "borrowed" : reason);
        row.attempts = 0;
        revoker_end(s->revoker, &row);
        return 0;
}

static void try_again_later(sd_event_source *timer)
{
        sd_event_source_set_time_relative(timer, STORE_RETRY_USEC);
        sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* If the row cannot be read now, its lifeline is gone all the same, and is soon found to be so. */
static void end_session(session *one, const char *reason)
{
        sessions *s = one->owner;
        char id[SD_ID128_STRING_MAX];
        int r;

        sd_id128_to_string(one->id, id);
        drop(one);
        r = end_row(s, id, reason);
        if (r < 0)
                log_message(LOG_ERR, "session %s is over and cannot be found in the store: %s", id,
                        strerror(-r));
        if (r < 0 && r != -ENOENT)
                try_again_later(s->again);
}

static int on_hang_up(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)fd;
        (void)revents;
        end_session(userdata, "lifeline-gone");
        return 0;
}

/* Watches a lifeline for nothing but its hang-up: a writer could otherwise keep us busy. Takes the
 * descriptor over, also on failure. */
static int watch(sessions *s, const char *id, int reader)
{
        _cleanup_close_ int fd = reader;
        session *one = calloc(1, sizeof(session));
        int r;

        if (!one)
                return -ENOMEM;
        one->owner = s;
        r = sd_id128_from_string(id, &one->id);
        if (r >= 0)
                r = sd_event_add_io(s->event, &one->watch, fd, 0, on_hang_up, one);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(one->watch, true);
        if (r >= 0)
                TAKE_FD(fd);
        if (r >= 0 && !tsearch(one, &s->open, compare))
                r = -ENOMEM;
        if (r < 0)
                session_free(one);
        return r;
}

/* Ids of sessions that were found dead while the store was being read. */
typedef struct starting {
        sessions *sessions;
        char (*dead)[ID_LENGTH + 1];
        size_t n_dead;
        int failed; /* -errno of one that could not be looked at, or 0 */
} starting;

static int add_dead(starting *st, const char *id)
{
        void *more = reallocarray(st->dead, st->n_dead + 1, sizeof(st->dead[0]));

        if (!more)
                return -ENOMEM;
        st->dead = more;
        snprintf(st->dead[st->n_dead++], sizeof(st->dead[0]), "%s", id);
        return 0;
}

/* One that cannot be looked at now keeps none of the others from it. */
static int revive(const char *id, void *userdata)
{
        starting *st = userdata;
        int reader, r;

        if (find(st->sessions, id))
                return 0;
        r = lifeline_reopen(id, &reader);
        if (r == LIFELINE_GONE)
                r = add_dead(st, id);
        else if (r == LIFELINE_ALIVE)
                r = watch(st->sessions, id, reader);
        if (r < 0)
                st->failed = r;
        return 0;
}

static int is_open(const char *id, void *userdata)
{
        return sessions_is_open(userdata, id);
}

static void arm_expiry(sessions *s);

/* Many at once, as after a power cut, are stored as one change. Where that fails, all of them are
 * still what they were, and are ended again. */
static int end_found(starting *st, const char *reason)
{
        store *s = st->sessions->store;
        int r = st->n_dead > 0 ? store_begin(s) : 0;

        if (r < 0 || st->n_dead == 0)
                return r;
        for (size_t i = 0; i < st->n_dead; i++) {
                int ended = end_row(st->sessions, st->dead[i], reason);

                if (ended < 0 && ended != -ENOENT)
                        r = ended;
        }
        return store_end(s, r);
}

int sessions_start(sessions *s)
{
        starting st = { .sessions = s };
        int prepared, r;

        prepared = lifeline_prepare();
        r = store_each_id(s->store, ROW_OPEN, revive, &st);
        if (r == 0)
                r = store_each_id(s->store, ROW_CHANGING, revive, &st);
        if (r == 0) {
                if (st.failed == 0)
                        lifeline_sweep(is_open, s);
                r = end_found(&st, "lifeline-gone");
        }
        free(st.dead);
        arm_expiry(s);
        if (r == 0)
                r = st.failed;
        return prepared < 0 ? prepared : r;
}

/* Ends a row that has expired: one that nobody has opened, or that has been open for too long. */
static int expire(sessions *s, const char *id)
{
        session *one = find(s, id);

        if (!one)
                return end_row(s, id, "never-opened");
        end_session(one, "expired");
        return 0;
}

/* Ends what has expired in a state, and says when the next one will: a time of CLOCK_BOOTTIME, or
 * INT64_MAX. -errno. */
static int end_expired(sessions *s, enum row_state state, int64_t *ret_next)
{
        char last[ID_LENGTH + 1] = "";
        session_row row;
        int r;

        while ((r = store_find_due(s->store, state, 0, &row)) == 0) {
                /* Its end could not be stored. */
                if (strcmp(row.id, last) == 0)
                        row.due = boottime_usec() + (int64_t)STORE_RETRY_USEC;
                memcpy(last, row.id, sizeof(last));
                if (row.due > boottime_usec()) {
                        *ret_next = row.due;
                        return 0;
                }
                r = expire(s, row.id);
                if (r < 0)
                        return r;
        }
        *ret_next = INT64_MAX;
        return r == -ENOENT ? 0 : r;
}

/* Ends what is not opened or changed in time, and waits for the next to expire. */
static void arm_expiry(sessions *s)
{
        int64_t granted = INT64_MAX, changing = INT64_MAX, left;
        int r = end_expired(s, ROW_GRANTED, &granted);

        if (r == 0)
                r = end_expired(s, ROW_CHANGING, &changing);
        if (r < 0)
                return try_again_later(s->expiry);
        if (changing < granted)
                granted = changing;
        if (granted == INT64_MAX)
                return;
        left = granted - boottime_usec();
        sd_event_source_set_time_relative(s->expiry, left > 0 ? (uint64_t)left : 0);
        sd_event_source_set_enabled(s->expiry, SD_EVENT_ONESHOT);
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        arm_expiry(userdata);
        return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        sessions *s = userdata;

        (void)source;
        (void)usec;
        if (sessions_start(s) < 0)
                try_again_later(s->again);
        return 0;
}

static int add_timer(sessions *s, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time_relative(
                s->event, ret, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, handler, s);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int sessions_new(sd_event *event, store *s, revoker *r, sessions **ret)
{
        _cleanup_(sessions_freep) sessions *new = calloc(1, sizeof(sessions));
        int n;

        if (!new)
                return -ENOMEM;
        new->event = sd_event_ref(event);
        new->store = s;
        new->revoker = r;
        n = add_timer(new, on_expiry, &new->expiry);
        if (n < 0)
                return n;
        n = add_timer(new, on_again, &new->again);
        if (n < 0)
                return n;
        *ret = TAKE_PTR(new);
        return 0;
}

sessions *sessions_free(sessions *s)
{
        if (!s)
                return NULL;
        tdestroy(s->open, session_free);
        sd_event_source_disable_unref(s->expiry);
        sd_event_source_disable_unref(s->again);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

int sessions_grant(sessions *s, session_row *row, const char *login, uint64_t usec)
{
        int r;

        hash_login(login, row->login_hash);
        row->has_login = true;
        row->state = ROW_GRANTED;
        row->due = boottime_usec() + (int64_t)usec;
        r = store_update(s->store, row);
        if (r < 0)
                return r;
        if (sd_event_source_get_enabled(s->expiry, NULL) == 0)
                arm_expiry(s);
        return 0;
}

static int find_granted(sessions *s, const char *login, session_row *ret)
{
        unsigned char hash[LOGIN_HASH_SIZE];
        int r;

        hash_login(login, hash);
        r = store_find_login(s->store, hash, ret);
        if (r == -ENOENT)
                return VERDICT_NO_SUCH_LOGIN;
        if (r < 0)
                return r;
        return ret->state == ROW_GRANTED && ret->due > boottime_usec() ? 0 : VERDICT_NO_SUCH_LOGIN;
}

static int64_t monotonic_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* Gives a row that is opened a lifeline, and stores that before anybody is told. */
static int open_row(sessions *s, session_row *row, int *ret_lifeline)
{
        _cleanup_close_ int reader = -1, writer = -1;
        int r;

        r = lifeline_make(row->id, &reader, &writer);
        if (r < 0)
                return r;
        row->has_login = false;
        row->opened = monotonic_usec();
        r = store_update(s->store, row);
        if (r == 0)
                r = watch(s, row->id, TAKE_FD(reader));
        if (r < 0) {
                lifeline_remove(row->id);
                return r;
        }
        *ret_lifeline = TAKE_FD(writer);
        return 0;
}

/* A granted row that is this user's and service's, and this identity's where that is known. */
static int find_own(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, session_row *ret)
{
        int r = find_granted(s, login, ret);

        if (r != 0)
                return r;
        if (strcmp(ret->user, user) != 0 || strcmp(ret->service, service) != 0 ||
                (identity[0] && strcmp(ret->identity, identity) != 0))
                return VERDICT_NO_SUCH_LOGIN;
        return 0;
}

static int cannot_open(sessions *s, session_row *row, int error)
{
        log_message(LOG_ERR, "A session of %s cannot be opened: %s", row->user, strerror(-error));
        revoker_end(s->revoker, row);
        return VERDICT_UNAVAILABLE;
}

int sessions_open(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, pid_t opener, char ret_id[static ID_LENGTH + 1], int *ret_lifeline)
{
        session_row row;
        int r;

        r = find_own(s, user, identity, login, service, &row);
        if (r != 0)
                return r;
        row.state = ROW_OPEN;
        row.due = 0;
        row.opener = opener;
        r = open_row(s, &row, ret_lifeline);
        if (r < 0)
                return cannot_open(s, &row, r);
        event_facts facts = {
                .user = row.user, .service = row.service, .rhost = row.rhost, .session = row.session
        };
        log_event(EVENT_SESSION_OPENED, &facts,
                session_row_is_borrowed(&row) ? "borrowed" : "opened");
        memcpy(ret_id, row.id, ID_LENGTH + 1);
        return 0;
}

void sessions_change_key(const char *login, char ret[static CHANGE_KEY_MAX + 1])
{
        snprintf(ret, CHANGE_KEY_MAX + 1, PURPOSE_CHANGE_PASSWORD ":%s", login);
}

int sessions_open_change(sessions *s, const char *user, const char *identity, const char *login,
        const char *service, char ret_id[static ID_LENGTH + 1], int *ret_lifeline)
{
        char key[CHANGE_KEY_MAX + 1];
        session_row row;
        int r;

        sessions_change_key(login, key);
        r = find_own(s, user, identity, key, service, &row);
        if (r != 0)
                return r;
        row.state = ROW_CHANGING;
        row.due = boottime_usec() + CHANGE_USEC;
        r = open_row(s, &row, ret_lifeline);
        if (r < 0)
                return cannot_open(s, &row, r);
        arm_expiry(s);
        memcpy(ret_id, row.id, ID_LENGTH + 1);
        return 0;
}

int sessions_find_change(sessions *s, const char *id, session_row *ret)
{
        int r = find(s, id) ? store_find(s->store, id, ret) : -ENOENT;

        if (r == -ENOENT || (r == 0 && ret->state != ROW_CHANGING))
                return VERDICT_NO_SUCH_LOGIN;
        return r;
}

int sessions_close(sessions *s, const char *id)
{
        session *one = find(s, id);

        if (!one)
                return VERDICT_NO_SUCH_LOGIN;
        end_session(one, "logout");
        return 0;
}

int sessions_cancel(sessions *s, const char *login)
{
        session_row row;
        int r = find_granted(s, login, &row);

        return r != 0 ? r : end_row(s, row.id, "cancelled");
}

int sessions_find_open(sessions *s, const char *id, session_row *ret)
{
        return sessions_is_open(s, id) ? store_find(s->store, id, ret) : -ENOENT;
}

static int add_any(const char *id, void *userdata)
{
        return add_dead(userdata, id);
}

int sessions_end_all(sessions *s)
{
        static const enum row_state states[] = { ROW_GRANTED, ROW_OPEN, ROW_CHANGING };
        starting st = { .sessions = s };
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(states) / sizeof(states[0]); i++)
                r = store_each_id(s->store, states[i], add_any, &st);
        if (r == 0)
                r = end_found(&st, "administrator");
        for (size_t i = 0; r == 0 && i < st.n_dead; i++) {
                session *one = find(s, st.dead[i]);

                if (one)
                        drop(one);
        }
        free(st.dead);
        return r;
}

int sessions_count_ended(sessions *s, unsigned *ret)
{
        return revoker_count(s->revoker, ret);
}
