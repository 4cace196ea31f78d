/*
 * The table of sessions, as session.c, which makes and frees it (session.h), and session-renewal.c
 * know it. No other file looks into it.
 */
#pragma once

#include "session.h"

struct sessions {
        sd_event *event;
        sd_event_source *expiry;
        sd_event_source *again; /* looks at the store for what could not be ended */
        store *store;
        revoker *revoker;
        void *open; /* a tree of session, see tsearch(3) */
};

/* Whether a row's lifeline is watched. */
bool sessions_is_open(const sessions *s, const char *id);
