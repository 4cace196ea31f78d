#include "throttle-counts.h"

#include <string.h>
#include <time.h>

#include "store-accounts.h"
#include "timespan.h"

/* Writes between two looks at how many rows there are. */
#define TRIM_EVERY 64

int64_t throttle_now(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

static bool is_same(const throttle_row *one, const throttle_row *other)
{
        return one->kind == other->kind && one->slot == other->slot &&
               strcmp(one->user, other->user) == 0 && strcmp(one->place, other->place) == 0;
}

static throttle_row *find_unwritten(throttle_counts *c, const throttle_row *row)
{
        for (size_t i = 0; i < c->n_unwritten; i++)
                if (is_same(&c->unwritten[i], row))
                        return &c->unwritten[i];
        return NULL;
}

/* In the place of the same row, or of the oldest where there is no room. */
static void remember(throttle_counts *c, const throttle_row *row)
{
        throttle_row *place = find_unwritten(c, row);

        if (!place && c->n_unwritten < THROTTLE_UNWRITTEN_MAX)
                place = &c->unwritten[c->n_unwritten++];
        if (!place) {
                place = &c->unwritten[0];
                for (size_t i = 1; i < c->n_unwritten; i++)
                        if (c->unwritten[i].at < place->at)
                                place = &c->unwritten[i];
        }
        *place = *row;
}

static void forget_unwritten(throttle_counts *c, const throttle_row *row)
{
        throttle_row *place = find_unwritten(c, row);

        if (place)
                *place = c->unwritten[--c->n_unwritten];
}

static int write_all(throttle_counts *c, const throttle_row *rows, size_t n_rows)
{
        int r = store_begin(c->store);

        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < n_rows; i++)
                r = store_put_throttle(c->store, &rows[i]);
        return store_end(c->store, r);
}

/* What is more than the bound goes; if it cannot now, it goes later. */
static void trim(throttle_counts *c)
{
        if (++c->written < TRIM_EVERY)
                return;
        c->written = 0;
        for (int kind = THROTTLE_ROW_PLACE; kind <= THROTTLE_ROW_KNOWN; kind++)
                (void)store_trim_throttle(
                        c->store, (enum throttle_row_kind)kind, THROTTLE_ROWS_MAX);
}

void throttle_counts_write(throttle_counts *c, const throttle_row *rows, size_t n_rows)
{
        int r = write_all(c, rows, n_rows);

        for (size_t i = 0; i < n_rows; i++)
                if (r < 0)
                        remember(c, &rows[i]);
                else
                        forget_unwritten(c, &rows[i]);
        if (r == 0)
                trim(c);
}

void throttle_counts_read(throttle_counts *c, throttle_row *row)
{
        const throttle_row *unwritten = find_unwritten(c, row);
        int64_t now = throttle_now();

        row->count = row->at = 0;
        if (unwritten)
                *row = *unwritten;
        else
                (void)store_find_throttle(c->store, row);
        /* Once the clock is right again, such a row would count for as long as it was wrong. */
        if (row->at > now) {
                row->at = now;
                throttle_counts_write(c, row, 1);
        }
}
