#include "throttle-counts.h"

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

void throttle_counts_init(throttle_counts *c, store *s)
{
        *c = (throttle_counts){ .store = s,
                .unwritten = { .max = THROTTLE_UNWRITTEN_MAX },
                .invented = { .max = THROTTLE_INVENTED_MAX } };
}

void throttle_counts_done(throttle_counts *c)
{
        throttle_memory_clear(&c->unwritten);
        throttle_memory_clear(&c->invented);
}

static int write_all(throttle_counts *c, const throttle_row *rows, size_t n_rows)
{
        int r = store_begin(c->store);

        if (r < 0)
                return r;
        for (size_t i = 0; r == 0 && i < n_rows; i++)
                if (!rows[i].invented)
                        r = store_put_throttle(c->store, &rows[i]);
        return store_end(c->store, r);
}

/* What is more than the bound goes; if it cannot now, it goes later. */
static void trim(throttle_counts *c)
{
        if (++c->written < TRIM_EVERY)
                return;
        c->written = 0;
        for (int kind = THROTTLE_ROW_PLACE; kind <= THROTTLE_ROW_UNASKED; kind++)
                (void)store_trim_throttle(
                        c->store, (enum throttle_row_kind)kind, THROTTLE_ROWS_MAX);
}

/* Returns how many are left to be written. */
static size_t keep_invented(throttle_counts *c, const throttle_row *rows, size_t n_rows)
{
        size_t left = 0;

        for (size_t i = 0; i < n_rows; i++)
                if (rows[i].invented)
                        throttle_memory_put(&c->invented, &rows[i]);
                else
                        left++;
        return left;
}

void throttle_counts_write(throttle_counts *c, const throttle_row *rows, size_t n_rows)
{
        int r;

        if (keep_invented(c, rows, n_rows) == 0)
                return;
        r = write_all(c, rows, n_rows);
        for (size_t i = 0; i < n_rows; i++)
                if (rows[i].invented)
                        continue;
                else if (r < 0)
                        throttle_memory_put(&c->unwritten, &rows[i]);
                else
                        throttle_memory_forget(&c->unwritten, &rows[i]);
        if (r == 0)
                trim(c);
}

void throttle_counts_read(throttle_counts *c, throttle_row *row)
{
        const throttle_row *kept =
                throttle_memory_find(row->invented ? &c->invented : &c->unwritten, row);
        int64_t now = throttle_now();

        row->count = row->at = 0;
        if (kept)
                *row = *kept;
        else if (!row->invented)
                (void)store_find_throttle(c->store, row);
        /* Once the clock is right again, such a row would count for as long as it was wrong. */
        if (row->at > now) {
                row->at = now;
                throttle_counts_write(c, row, 1);
        }
}
