/*
 * Login flows in stock: one that is taken after each grant, for the next login, and those of logins
 * that were abandoned before their password was posted. A flood of connections thus costs Kratos a
 * few flows, not one for each.
 * Plain values, owned by the fetches (fetch.h).
 */
#pragma once

#include <stdbool.h>

#include "answer.h"

#define FLOWS_MAX 16

/* Far less than Kratos's default lifespan of a flow, 1 h; one that has expired all the same is
 * replaced. */
#define FLOW_KEEP_USEC ((int64_t)600 * 1000000)

typedef struct flows {
        struct {
                kratos_flow flow;
                int64_t taken; /* CLOCK_BOOTTIME, microseconds */
        } stock[FLOWS_MAX];
        unsigned count;
        int64_t since; /* what was taken before is not put by */
} flows;

/* Puts a flow by that was taken at a time; a full stock forgets it. */
void flows_put(flows *f, const kratos_flow *flow, int64_t taken);

/* Forgets all of them, and takes none that was taken before now. */
void flows_forget(flows *f);

/* Takes the newest flow that is not too old. False where there is none. */
bool flows_take(flows *f, kratos_flow *ret, int64_t *ret_taken);
