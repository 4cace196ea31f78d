/*
 * Look-ups: what is done about a name that the directory does not know. Kratos's admin API is asked
 * for it, once for all who want to know, within [Accounts] LookupTimeoutSec=, and its no is
 * remembered for a while. Names, requests and time are all bounded, so that a flood of invented
 * names costs little and holds up nobody (rules 17, 18). The lookups own each query; whoever waits
 * for one owns a lookup, until it is called back or cancels it.
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "directory.h"
#include "kratos.h"
#include "store.h"

typedef struct lookups lookups;
typedef struct lookup lookup; /* one caller's wish to know */

int lookups_new(sd_event *event, directory *d, store *s, kratos *k, lookups **ret);
/* Those who still wait are called back. */
lookups *lookups_free(lookups *l);
DEFINE_CLEANUP(lookups *, lookups_free);

/* Forgets what Kratos said no to, because the configuration is a new one. */
void lookups_forget(lookups *l);

/* Says that the answer is there: the directory now knows the name, or still does not. */
typedef void (*lookup_done)(void *userdata);

enum lookup_result {
        LOOKUP_WAITING = 0, /* done will be called, from the loop, and the lookup is set */
        LOOKUP_NOTHING = 1, /* there is nobody to ask, or the name is nobody's of ours */
};

/* Begins a look-up of a valid name which the directory does not know, for somebody of this uid: 0
 * is a login program's, and what all others ask for takes nothing of its share. -errno. */
int lookup_begin(
        lookups *l, uid_t asker, const char *name, lookup_done done, void *userdata, lookup **ret);

/* Stops waiting. NULL is fine. Always returns NULL. */
lookup *lookup_cancel(lookup *one);
DEFINE_CLEANUP(lookup *, lookup_cancel);
