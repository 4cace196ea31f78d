/*
 * A lane: requests of one kind on their way to Kratos, of which only some are under way at once
 * while the others wait their turn. A server that is asked less at once answers more in all, and
 * one that takes a quarter of a second of computing for each password answers some in time in place
 * of none. Those under way for long count no more: one that hangs holds up nobody. A place in it
 * belongs to whoever entered, until it is left.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* A request that has been under way for longer counts no more among those at once, in microseconds:
 * so many logins as one remote host may have waiting (login.c) hold up another for some seconds,
 * also with a Kratos that takes as long for each. */
#define LANE_SLOW_USEC UINT64_C(500000)

typedef struct lane_place {
        enum { LANE_NOWHERE = 0, LANE_WAITING, LANE_RUNNING, LANE_SLOW } state;
        uint64_t begun; /* CLOCK_MONOTONIC, microseconds */
        TAILQ_ENTRY(lane_place) places;
} lane_place;

TAILQ_HEAD(lane_places, lane_place);

typedef struct lane {
        unsigned width; /* at once */
        unsigned running;
        struct lane_places under_way; /* those that count, the oldest first */
        struct lane_places waiting;   /* likewise */
} lane;

void lane_init(lane *l, unsigned width);

/* Enters at the end. Times are CLOCK_MONOTONIC in microseconds. */
void lane_enter(lane *l, lane_place *place);

/* Leaves from wherever it is; nothing where it is nowhere. */
void lane_leave(lane *l, lane_place *place);

/* Whose turn it is now, and who is under way from then on; NULL: nobody's. */
lane_place *lane_next(lane *l, uint64_t now);

/* When it may be somebody's turn although nobody has left, or UINT64_MAX. */
uint64_t lane_wake(const lane *l);
