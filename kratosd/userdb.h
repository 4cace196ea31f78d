/*
 * The user database: our accounts as systemd's io.systemd.UserDatabase (systemd's USER_GROUP_API),
 * so that nss-systemd, userdbctl, sshd and all who ask NSS see them with none of our code in their
 * process. It answers from the directory at once; only for a user's name that the directory does
 * not know is there something to wait for, a look-up. Whatever it answers has been checked once
 * more at that moment. It lives as long as the daemon, and no longer than the directory and the
 * look-ups. (rules 17, 18, 37)
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/interface.h"
#include "directory.h"
#include "lookup.h"
#include "varlink-listener.h"

typedef struct userdb userdb;

/* Answers from now on, on varlink_listener_new(USERDB_SOCKET, …), which is taken over on success;
 * systemd/kratosd.service shows that socket to the system. -errno. */
int userdb_new(sd_event *event, varlink_listener *l, directory *d, lookups *k, userdb **ret);

/* To be freed before the directory and the look-ups: calls that still wait are closed. */
userdb *userdb_free(userdb *u);
DEFINE_CLEANUP(userdb *, userdb_free);
