#include "throttle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "common/words.h"
#include "throttle-counts.h"
#include "throttle-place.h"
#include "timespan.h"

#define HOUR_USEC THROTTLE_FADE_USEC
#define FIRST_DELAY_USEC ((int64_t)(2 * USEC_PER_SEC))
/* Behind one remote host may be the people of a whole site: so many times the free tries of one. */
#define HOST_FACTOR 4
/* Remote hosts that are known to be a person's: so many, and so long after they came in. */
#define KNOWN_MAX 16
#define KNOWN_USEC (30 * 24 * HOUR_USEC)
/* It is noted again only when it is older than this: not each login need write. */
#define KNOWN_AGAIN_USEC (24 * HOUR_USEC)
/* Of what is limited by the hour, strangers leave about one in so many. */
#define OWN_PART 4
/* Counts of one try. */
#define COUNTS_MAX 3

/* A try that is under way, and the counts that it adds to if it fails. */
struct throttle_try {
        throttle *owner;
        size_t n_rows;
        throttle_row rows[COUNTS_MAX];
        LIST_ENTRY(throttle_try) tries;
};

struct throttle {
        config *config;
        throttle_counts counts;
        LIST_HEAD(, throttle_try) tries;
};

static const throttle_rules *rules_of(const throttle *t)
{
        return &t->config->throttle;
}

/* The row of a person, or with NULL that of everybody. */
static throttle_row row_of(
        enum throttle_row_kind kind, const throttle_origin *person, const char *place)
{
        throttle_row row = { .kind = kind, .invented = person && person->invented };

        snprintf(row.user, sizeof(row.user), "%s", person ? person->user : "");
        snprintf(row.place, sizeof(row.place), "%s", place);
        return row;
}

/* Growing delays. */

static int64_t free_tries(const throttle *t, enum throttle_row_kind kind)
{
        return (int64_t)rules_of(t)->free_tries * (kind == THROTTLE_ROW_HOST ? HOST_FACTOR : 1);
}

static int64_t delay_of(const throttle *t, int64_t beyond)
{
        int64_t delay = FIRST_DELAY_USEC, most = (int64_t)rules_of(t)->max_delay_usec;

        while (beyond-- > 0 && delay < most)
                delay *= 2;
        return delay < most ? delay : most;
}

/* One less for each hour, which halves the delay; and none after a day. */
static int64_t faded(const throttle *t, const throttle_row *row, int64_t now)
{
        int64_t age = now - row->at, left = row->count - age / HOUR_USEC;

        return age >= (int64_t)rules_of(t)->forget_usec || left < 0 ? 0 : left;
}

/* How many of the tries that are under way add to a count. */
static int64_t under_way(const throttle *t, const throttle_row *row)
{
        const throttle_try *other;
        int64_t n = 0;

        LIST_FOREACH (other, &t->tries, tries)
                for (size_t i = 0; i < other->n_rows; i++)
                        n += other->rows[i].kind == row->kind &&
                             strcmp(other->rows[i].user, row->user) == 0 &&
                             strcmp(other->rows[i].place, row->place) == 0;
        return n;
}

/* Beyond the free ones, tries come one after another. */
static int check_growing(throttle *t, throttle_row *row, int64_t now, int64_t *wait)
{
        int64_t free = free_tries(t, row->kind), count, pending = under_way(t, row), left = 0;

        throttle_counts_read(&t->counts, row);
        count = faded(t, row, now);
        if (count >= free)
                left = row->at + delay_of(t, count - free) - now;
        if (left > 0) {
                *wait = left > *wait ? left : *wait;
                return THROTTLE_WAIT;
        }
        return pending > 0 && count + pending >= free ? THROTTLE_BUSY : 0;
}

/* More would neither make the delay longer nor may it take longer to fade. */
static void add_failure(throttle *t, throttle_row *row, int64_t now)
{
        int64_t most = free_tries(t, row->kind), delay = FIRST_DELAY_USEC;

        while (delay < (int64_t)rules_of(t)->max_delay_usec) {
                delay *= 2;
                most++;
        }
        throttle_counts_read(&t->counts, row);
        row->count = faded(t, row, now) + 1;
        if (row->count > most)
                row->count = most;
        row->at = now;
}

/* Counts per hour: a slot for each of the last ones. */

static int compare_times(const void *one, const void *other)
{
        int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

        return (a < b) - (a > b);
}

/* Whether one more is within the limit; the slot of the oldest is the next one's. */
static int check_hourly(
        throttle *t, throttle_row *row, unsigned slots, unsigned limit, int64_t now, int64_t *wait)
{
        int64_t times[CONFIG_COUNT_MAX] = { 0 }, pending = under_way(t, row), oldest = INT64_MAX;
        unsigned in_use = 0, next = 0;

        for (unsigned i = 0; i < slots; i++) {
                row->slot = i;
                throttle_counts_read(&t->counts, row);
                times[i] = row->count > 0 ? row->at : INT64_MIN;
                in_use += row->count > 0 && now - row->at < HOUR_USEC;
                if (times[i] < oldest) {
                        oldest = times[i];
                        next = i;
                }
        }
        row->slot = next;
        if (in_use >= limit) {
                int64_t left;

                qsort(times, slots, sizeof(times[0]), compare_times);
                left = times[limit - 1] + HOUR_USEC - now;
                *wait = left > *wait ? left : *wait;
                return THROTTLE_WAIT;
        }
        return pending > 0 && in_use + pending >= limit ? THROTTLE_BUSY : 0;
}

static void take_slot(throttle *t, throttle_row *row, unsigned slots, int64_t now)
{
        int64_t wait = 0;

        (void)check_hourly(t, row, slots, slots, now, &wait);
        row->count = 1;
        row->at = now;
}

/* Places. */

static bool is_known(throttle *t, const throttle_origin *from, const char *place, int64_t now)
{
        throttle_row row = row_of(THROTTLE_ROW_KNOWN, from, place);

        throttle_counts_read(&t->counts, &row);
        return row.count > 0 && now - row.at < KNOWN_USEC;
}

static void know(throttle *t, const throttle_origin *from, const char *place, int64_t now)
{
        throttle_row row = row_of(THROTTLE_ROW_KNOWN, from, place);

        throttle_counts_read(&t->counts, &row);
        if (row.count > 0 && now - row.at < KNOWN_AGAIN_USEC)
                return;
        row.count = 1;
        row.at = now;
        throttle_counts_write(&t->counts, &row, 1);
        (void)store_trim_throttle_user(t->counts.store, THROTTLE_ROW_KNOWN, from->user, KNOWN_MAX);
}

/* Whether a place is the person's own: this host, or one from which they have come in. */
static bool is_own(throttle *t, const throttle_origin *from, int64_t now)
{
        char place[THROTTLE_PLACE_MAX + 1];

        return throttle_place(from, place) ? is_known(t, from, place, now)
                                           : !throttle_is_another_user(from);
}

/* Of what is limited by the hour, strangers leave some to those who are at a place of their own. */
static unsigned share(unsigned limit, bool own)
{
        return own || limit == 1 ? limit : limit - (limit + 2) / OWN_PART;
}

/* The counts that decide on a try from there. */
static size_t rows_of(throttle *t, enum throttle_kind kind, const throttle_origin *from,
        int64_t now, throttle_row rows[static COUNTS_MAX])
{
        char place[THROTTLE_PLACE_MAX + 1];
        bool remote = throttle_place(from, place);

        if (kind == THROTTLE_SECOND_FACTOR) {
                rows[0] = row_of(THROTTLE_ROW_SECOND_FACTOR, from, "");
                return 1;
        }
        rows[0] = row_of(THROTTLE_ROW_PLACE, from, place);
        if (!remote || is_known(t, from, place, now))
                return 1;
        rows[1] = row_of(THROTTLE_ROW_HOST, NULL, place);
        rows[2] = row_of(THROTTLE_ROW_USER, from, "");
        return 3;
}

static int check_row(throttle *t, throttle_row *row, bool own, int64_t now, int64_t *wait)
{
        unsigned limit = rules_of(t)->second_factor;

        return row->kind == THROTTLE_ROW_SECOND_FACTOR
                       ? check_hourly(t, row, limit, share(limit, own), now, wait)
                       : check_growing(t, row, now, wait);
}

int throttle_admit(throttle *t, enum throttle_kind kind, const throttle_origin *from,
        uint64_t *ret_wait_usec, throttle_try **ret)
{
        _cleanup_free_ throttle_try *attempt = calloc(1, sizeof(throttle_try));
        int64_t now = throttle_now(), wait = 0;
        bool busy = false, own;

        if (!attempt)
                return -ENOMEM;
        if (!rules_of(t)->enabled) {
                *ret = NULL;
                return 0;
        }
        own = is_own(t, from, now);
        attempt->owner = t;
        attempt->n_rows = rows_of(t, kind, from, now, attempt->rows);
        for (size_t i = 0; i < attempt->n_rows; i++)
                busy |= check_row(t, &attempt->rows[i], own, now, &wait) == THROTTLE_BUSY;
        if (wait > 0) {
                *ret_wait_usec = (uint64_t)wait;
                return THROTTLE_WAIT;
        }
        if (busy)
                return THROTTLE_BUSY;
        LIST_INSERT_HEAD(&t->tries, attempt, tries);
        *ret = TAKE_PTR(attempt);
        return 0;
}

throttle_try *throttle_drop(throttle_try *attempt)
{
        if (attempt)
                LIST_REMOVE(attempt, tries);
        free(attempt);
        return NULL;
}

throttle_try *throttle_failed(throttle_try *attempt)
{
        int64_t now = throttle_now();
        throttle *t;

        if (!attempt)
                return NULL;
        t = attempt->owner;
        for (size_t i = 0; i < attempt->n_rows; i++)
                if (attempt->rows[i].kind == THROTTLE_ROW_SECOND_FACTOR)
                        take_slot(t, &attempt->rows[i], rules_of(t)->second_factor, now);
                else
                        add_failure(t, &attempt->rows[i], now);
        throttle_counts_write(&t->counts, attempt->rows, attempt->n_rows);
        return throttle_drop(attempt);
}

void throttle_succeeded(throttle *t, const throttle_origin *from)
{
        char place[THROTTLE_PLACE_MAX + 1];
        bool remote = throttle_place(from, place);
        throttle_row row = row_of(THROTTLE_ROW_PLACE, from, place);

        if (!rules_of(t)->enabled)
                return;
        throttle_counts_read(&t->counts, &row);
        if (row.count > 0) {
                row.count = 0;
                throttle_counts_write(&t->counts, &row, 1);
        }
        if (remote)
                know(t, from, place, throttle_now());
}

int throttle_mail(throttle *t, const throttle_origin *from, uint64_t *ret_wait_usec)
{
        const throttle_rules *rules = rules_of(t);
        char place[THROTTLE_PLACE_MAX + 1];
        bool remote = throttle_place(from, place);
        int64_t now = throttle_now(), wait = 0;
        throttle_row rows[2] = { row_of(THROTTLE_ROW_MAIL, from, ""),
                row_of(THROTTLE_ROW_MAIL_HOST, NULL, place) };
        if (!rules->enabled)
                return 0;
        (void)check_hourly(
                t, &rows[0], rules->mails, share(rules->mails, is_own(t, from, now)), now, &wait);
        if (remote)
                (void)check_hourly(
                        t, &rows[1], rules->mails_of_host, rules->mails_of_host, now, &wait);
        if (wait > 0) {
                *ret_wait_usec = (uint64_t)wait;
                return THROTTLE_WAIT;
        }
        rows[0].count = rows[1].count = 1;
        rows[0].at = rows[1].at = now;
        throttle_counts_write(&t->counts, rows, remote ? 2 : 1);
        return 0;
}

bool throttle_mails_unasked(throttle *t, const throttle_origin *from)
{
        throttle_row row = row_of(THROTTLE_ROW_UNASKED, from, "");

        throttle_counts_read(&t->counts, &row);
        return row.count > 0;
}

void throttle_note_unasked_mail(throttle *t, const throttle_origin *from, bool mailed)
{
        throttle_row row = row_of(THROTTLE_ROW_UNASKED, from, "");

        throttle_counts_read(&t->counts, &row);
        if ((row.count > 0) == mailed)
                return;
        row.count = mailed;
        row.at = throttle_now();
        throttle_counts_write(&t->counts, &row, 1);
}

void throttle_sentence(const char *what, uint64_t wait_usec, char words[static PROMPT_TEXT_MAX + 1])
{
        uint64_t n = (wait_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
        const char *message =
                n == 1 ? N_("Try again in 1 second.") : N_("Try again in %1 seconds.");
        char number[sizeof("18446744073709551615")];

        if (n >= 60) {
                n = (n + 59) / 60;
                message = n == 1 ? N_("Try again in 1 minute.") : N_("Try again in %1 minutes.");
        }
        snprintf(number, sizeof(number), "%llu", (unsigned long long)n);
        words_add(words, what, NULL, NULL);
        words_add(words, " ", NULL, NULL);
        words_add(words, message, n == 1 ? NULL : number, NULL);
}

int throttle_new(store *s, config *c, throttle **ret)
{
        throttle *t = calloc(1, sizeof(throttle));

        if (!t)
                return -ENOMEM;
        throttle_counts_init(&t->counts, s);
        t->config = config_ref(c);
        LIST_INIT(&t->tries);
        *ret = t;
        return 0;
}

throttle *throttle_free(throttle *t)
{
        if (!t)
                return NULL;
        throttle_counts_done(&t->counts);
        config_unref(t->config);
        free(t);
        return NULL;
}

void throttle_set_config(throttle *t, config *c)
{
        config_ref(c);
        config_unref(t->config);
        t->config = c;
}
