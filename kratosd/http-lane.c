#include "http-lane.h"

#include <stddef.h>

void lane_init(lane *l, unsigned width)
{
        *l = (lane){ .width = width };
        TAILQ_INIT(&l->under_way);
        TAILQ_INIT(&l->waiting);
}

void lane_enter(lane *l, lane_place *place)
{
        place->state = LANE_WAITING;
        TAILQ_INSERT_TAIL(&l->waiting, place, places);
}

static void stop_counting(lane *l, lane_place *place)
{
        TAILQ_REMOVE(&l->under_way, place, places);
        l->running--;
}

void lane_leave(lane *l, lane_place *place)
{
        if (place->state == LANE_WAITING)
                TAILQ_REMOVE(&l->waiting, place, places);
        else if (place->state == LANE_RUNNING)
                stop_counting(l, place);
        place->state = LANE_NOWHERE;
}

lane_place *lane_next(lane *l, uint64_t now)
{
        lane_place *place;

        while ((place = TAILQ_FIRST(&l->under_way)) && now >= place->begun + LANE_SLOW_USEC) {
                stop_counting(l, place);
                place->state = LANE_SLOW;
        }
        place = TAILQ_FIRST(&l->waiting);
        if (!place || l->running >= l->width)
                return NULL;
        TAILQ_REMOVE(&l->waiting, place, places);
        TAILQ_INSERT_TAIL(&l->under_way, place, places);
        l->running++;
        place->state = LANE_RUNNING;
        place->begun = now;
        return place;
}

uint64_t lane_wake(const lane *l)
{
        const lane_place *oldest = TAILQ_FIRST(&l->under_way);

        return TAILQ_EMPTY(&l->waiting) || !oldest ? UINT64_MAX : oldest->begun + LANE_SLOW_USEC;
}
