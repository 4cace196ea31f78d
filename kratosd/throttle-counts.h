/*
 * The throttle's counts: rows of the store, and a memory of those that could not be written, so
 * that a disk that is full or read-only neither lets anybody guess without limit nor keeps anybody
 * out. Times are those of the wall clock, for they must last longer than a boot; one that lies in
 * the future, because a clock was wrong, counts as now from then on. Owned by the throttle.
 */
#pragma once

#include "store-throttle.h"

/* Rows of each kind in the store; the oldest go first. */
#define THROTTLE_ROWS_MAX 10000
/* Rows that could not be written. */
#define THROTTLE_UNWRITTEN_MAX 256

typedef struct throttle_counts {
        store *store;
        unsigned written; /* since the last look at how many there are */
        size_t n_unwritten;
        throttle_row unwritten[THROTTLE_UNWRITTEN_MAX];
} throttle_counts;

/* The wall clock, in microseconds since 1970. */
int64_t throttle_now(void);

/* Fills in count and at; both 0 where there is no such row, or none can be read. */
void throttle_counts_read(throttle_counts *c, throttle_row *row);

/* Writes rows, all at once, or remembers them. */
void throttle_counts_write(throttle_counts *c, const throttle_row *rows, size_t n_rows);
