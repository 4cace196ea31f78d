/*
 * The manager owns the parts of the daemon and is the only one that knows them all: it makes them
 * in order, runs the event loop, and takes the signals.
 */
#pragma once

#include "config.h"

#define STATE_DIRECTORY "/var/lib/kratosd"

enum manager_result {
        MANAGER_MISCONFIGURED = 1, /* the administrator is to mend something */
};

/* Runs the daemon until it is told to stop. Takes a reference to the configuration. 0; an enum
 * manager_result or -errno where it could not begin, which is in the log. */
int manager_run(config *c);

/* Says a mistake in the configuration in the log: a config_complaint. */
void manager_complain(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata);
