/*
 * The throttle: how often may be guessed. Kratos itself sets no limit, so each try at a password or
 * code is asked for here before Kratos hears of it. Failures are counted, in the store, hence
 * across restarts:
 *
 *   - of a person at a place, which is a remote host (an IPv6 address counts by its /64), or else a
 *     PAM service of this host, and with it the local user who runs it, where that is somebody else
 *   - of everybody from a remote host
 *   - of a person from all remote hosts that are not known to be theirs
 *
 * A remote host is known to be a person's once they have come in from it. At such a host, and on
 * this host itself, the first count alone decides: whatever strangers do elsewhere delays nobody
 * there (rule 19). Elsewhere all three do. Some failures are free; then each doubles the time until
 * the next try is let through, up to a limit. Each hour without a failure halves it again, and
 * after a day it is forgotten. Nobody is locked out for good.
 *
 * Second factors that failed and mails that were sent are counted per hour instead (rules 35, 42):
 * strictly, by the times of the last ones, of which strangers leave a quarter to the person's own
 * places. doc/throttling.md tells administrators the same.
 *
 * Names that nobody has are counted alike, for nobody may see by a delay who is a user here; but in
 * memory, and only what they add to the count of a remote host is stored (throttle-counts.h).
 *
 * A try that was let through counts as a failure as long as it is under way, so that tries at once
 * are no more than tries one after another. Owned by the manager; outlives all logins.
 */
#pragma once

#include <stdint.h>

#include "common/interface.h"
#include "config.h"
#include "store-throttle.h"

typedef struct throttle throttle;
typedef struct throttle_try throttle_try;

enum throttle_result {
        THROTTLE_WAIT = 1, /* not now */
        THROTTLE_BUSY = 2, /* others of this person or host are under way: ask again in a moment */
};

enum throttle_kind {
        THROTTLE_FIRST_FACTOR,
        THROTTLE_SECOND_FACTOR,
};

/* Where a try comes from, as PAM says; "" for what there is not. The User interface has neither
 * service nor host, for its callers could say anything. */
typedef struct throttle_origin {
        const char *user;
        const char *service;
        const char *rhost;
        const char *ruser;
        bool invented; /* nobody has the name that was said */
} throttle_origin;

int throttle_new(store *s, config *c, throttle **ret);
/* All tries must have been settled. */
throttle *throttle_free(throttle *t);
DEFINE_CLEANUP(throttle *, throttle_free);
void throttle_set_config(throttle *t, config *c);

/* Asks for a try. 0: it is let through, and is to be settled by one of the next two (NULL where
 * nothing is throttled); THROTTLE_WAIT, with the microseconds after which to come again;
 * THROTTLE_BUSY; -ENOMEM. */
int throttle_admit(throttle *t, enum throttle_kind kind, const throttle_origin *from,
        uint64_t *ret_wait_usec, throttle_try **ret);

/* The try was refused in a way that says something about the secret. Returns NULL. */
throttle_try *throttle_failed(throttle_try *attempt);

/* It was right, or nothing came of it. NULL is fine; returns NULL. */
throttle_try *throttle_drop(throttle_try *attempt);

/* The person came in: forgets their failures at that place, and knows the remote host. */
void throttle_succeeded(throttle *t, const throttle_origin *from);

/* Asks for a mail to a person, and counts it. 0; THROTTLE_WAIT, as above. */
int throttle_mail(throttle *t, const throttle_origin *from, uint64_t *ret_wait_usec);

/* Whether Kratos mailed a code to the person by itself when it was last asked for a second factor:
 * it does so where an address is the only one. Then a mail is to be asked for before it is asked.
 */
bool throttle_mails_unasked(throttle *t, const throttle_origin *from);
void throttle_note_unasked_mail(throttle *t, const throttle_origin *from, bool mailed);

/* Adds to words (common/words.h) what happened, and when to come again: in whole seconds or
 * minutes, rounded up. */
void throttle_sentence(
        const char *what, uint64_t wait_usec, char words[static PROMPT_TEXT_MAX + 1]);
