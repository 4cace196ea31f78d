/*
 * Counts of the throttle that are in memory alone: a bounded table of rows. Where there is no room
 * for another one, the one that fades first goes (throttle_row_fades): so it takes as many failures
 * to push out a count as were counted in it, times the table. Owned by the throttle's counts.
 */
#pragma once

#include <stddef.h>

#include "store-throttle.h"

typedef struct throttle_memory {
        size_t n_rows, max;
        throttle_row *rows;
} throttle_memory;

/* NULL where there is none. */
const throttle_row *throttle_memory_find(const throttle_memory *m, const throttle_row *row);

/* In the place of the same row, or of another where there is no room. Without memory for the table
 * nothing is kept. */
void throttle_memory_put(throttle_memory *m, const throttle_row *row);

void throttle_memory_forget(throttle_memory *m, const throttle_row *row);

void throttle_memory_clear(throttle_memory *m);
