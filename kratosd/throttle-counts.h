/*
 * The throttle's counts: rows of the store, and a memory of those that could not be written, so
 * that a disk that is full or read-only neither lets anybody guess without limit nor keeps anybody
 * out. Another memory has those of names that nobody has: whoever invents names pushes out nobody's
 * counts and fills no disk, and learns no more of them than of others (rule 25). Times are those of
 * the wall clock, for they must last longer than a boot; one that lies in the future, because a
 * clock was wrong, counts as now from then on. Owned by the throttle.
 */
#pragma once

#include "throttle-memory.h"

/* Rows of each kind in the store; those that fade first go first. */
#define THROTTLE_ROWS_MAX 10000
/* Rows of names that nobody has. */
#define THROTTLE_INVENTED_MAX 10000
/* Rows that could not be written. */
#define THROTTLE_UNWRITTEN_MAX 256

typedef struct throttle_counts {
        store *store;
        unsigned written; /* since the last look at how many there are */
        throttle_memory unwritten, invented;
} throttle_counts;

void throttle_counts_init(throttle_counts *c, store *s);
void throttle_counts_done(throttle_counts *c);

/* The wall clock, in microseconds since 1970. */
int64_t throttle_now(void);

/* Fills in count and at; both 0 where there is no such row, or none can be read. */
void throttle_counts_read(throttle_counts *c, throttle_row *row);

/* Writes rows, all at once, or remembers them. Those of invented names are remembered. */
void throttle_counts_write(throttle_counts *c, const throttle_row *rows, size_t n_rows);
