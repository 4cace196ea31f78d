/*
 * The refresh: what Kratos says of the accounts that this host knows is asked again and again, so
 * that changes, disabling and deletion arrive without any look-up ever waiting for them. Rounds
 * begin at a random phase and go through the store a batch at a time; people with an open session
 * have shorter ones. An account ends only by its own 404 or its own record, never because a list
 * came back without it (rule 41).
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "directory.h"
#include "kratos.h"
#include "store.h"

typedef struct refresh refresh;

/* -ENOMEM; -errno. */
int refresh_new(sd_event *event, directory *d, store *s, kratos *k, refresh **ret);
refresh *refresh_free(refresh *r);
DEFINE_CLEANUP(refresh *, refresh_free);

/* Begins a round soon, because the configuration is a new one. */
void refresh_restart(refresh *r);
