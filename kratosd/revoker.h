/*
 * The revoker: sees to it that every Kratos session whose row says so is revoked, and forgets the
 * row once Kratos has confirmed it. It works through the store's rows, a few at a time, tries again
 * at growing intervals what cannot be done now, and keeps nothing of importance in memory: after a
 * crash the next one goes on. A row without a usable token or session id is looked for by its
 * nonce, on the admin API where that gives us the list, or else with the person's next token.
 */
#pragma once

#include <systemd/sd-event.h>

#include "kratos.h"
#include "seal.h"
#include "store.h"

typedef struct revoker revoker;

int revoker_new(sd_event *event, store *s, sealer *key, kratos *k, revoker **ret);
revoker *revoker_free(revoker *r);
DEFINE_CLEANUP(revoker *, revoker_free);

/* Ends a row: stores that it is to be revoked, and begins. Where that cannot be stored, the row is
 * kept in memory until it is revoked. */
void revoker_end(revoker *r, session_row *row);

/* How many rows in the store are still to be revoked. -errno. */
int revoker_count(revoker *r, unsigned *ret);

/* Looks at the store again, because rows in it became due. */
void revoker_kick(revoker *r);

/* Forgets what is known of Kratos's reachability, and tries everything at once, also what waits for
 * a login: after a start, and with a new configuration. */
void revoker_retry_all(revoker *r);

/* Uses a person's fresh token to revoke what waits for it, if anything does: what the same identity
 * left under this name. The token is copied. */
void revoker_use_token(revoker *r, const char *user, const char *identity, const secret *token);
