#include "patience.h"

#include <time.h>

uint64_t now_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t patience_left(const patience *p)
{
        uint64_t now = now_usec();

        return now < p->until ? p->until - now : 0;
}

void patience_add(patience *p, uint64_t begun, uint64_t at_most)
{
        uint64_t took = now_usec() - begun;

        p->waited += took < at_most ? took : at_most;
}

bool patience_was_stopped(const patience *p)
{
        uint64_t passed = now_usec() - p->begun, lost = passed - p->waited;

        return lost > PATIENCE_STOPPED_USEC && lost > passed / 2;
}
