/*
 * Reserved names: those that no account or group of ours ever has, on any host, whether or not this
 * one knows them: root and system users, groups that give power over a host, names that systemd
 * makes up. (rules 11, 13, 31, 37)
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* True for a name that nobody of ours may have as a user, nor as a group. */
bool name_is_reserved(const char *name);

/* True for numbers that are never ours whatever the configuration says: 0, below 1000, 65534,
 * 65535, those of DynamicUser= and containers, systemd's foreign range from 2147352576 up,
 * (uid_t)-1. */
bool number_is_reserved(uid_t number);
