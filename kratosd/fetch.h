/*
 * A fetch: a login flow that Kratos was asked for, for a login or for the stock (flows.h). The
 * fetches own each, until Kratos has answered. One whose login ends before that goes on, because
 * Kratos makes the flow all the same: the next login waits for it, or it goes into the stock, as
 * far as that has room.
 */
#pragma once

#include <sys/queue.h>

#include "flows.h"
#include "kratos.h"

typedef struct fetch fetch;

/* Owned by the logins. */
typedef struct fetches {
        kratos *kratos;
        flows stock;
        LIST_HEAD(, fetch) list; /* the newest first */
        unsigned n_spare;        /* of these, those that nobody waits for */
} fetches;

/* Called once, unless the fetch was left. begun is CLOCK_BOOTTIME in microseconds: the flow is no
 * older. */
typedef void (*fetch_done)(int outcome, const kratos_flow *flow, int64_t begun, void *userdata);

/* Asks Kratos for a flow, for the stock where done is NULL. -errno where that cannot be begun. */
int fetch_start(fetches *all, fetch_done done, void *userdata, fetch **ret);

/* Waits for one that another login has left. NULL where there is none. */
fetch *fetch_adopt(fetches *all, fetch_done done, void *userdata);

/* Waits no longer. NULL is fine; returns NULL. */
fetch *fetch_leave(fetch *f);

/* Sees to it that there is a flow in stock, or soon will be, and with it a connection to Kratos. */
void fetches_stock(fetches *all);

/* Forgets the stock and ends the fetches that nobody waits for; no flow that was asked for before
 * now gets into the stock any more. */
void fetches_forget(fetches *all);
