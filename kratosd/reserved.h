/*
 * Reserved names and numbers: those that no account or group of ours ever has, on any host, whether
 * or not this one knows them: root and system users, groups that give power over a host, what
 * systemd makes up. The tables are constants that nobody owns. (rules 11, 13, 31, 37)
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* The last number of system users (UIDS-GIDS of systemd; login.defs(5): UID_MIN is above). */
#define SYSTEM_NUMBER_MAX 999U

/* The numbers that are nobody else's: above those of containers (524288 to 1879048191) and of
 * subordinate ids (subuid(5), 100000 to 600165535 in Debian), which local users may map into their
 * own namespaces, and below systemd's foreign range. Only here may numbers be given out by us;
 * elsewhere only the administrator's word (AllowUIDs=) lets a document name one. */
#define OWN_NUMBER_MIN 1879048192U
#define OWN_NUMBER_MAX 2147352575U

/* True for a name that nobody of ours may have as a user, nor as a group. */
bool name_is_reserved(const char *name);

/* True for numbers that are never ours, whatever the configuration says: 0 to 999, those of
 * systemd-homed (60001 to 60577) and DynamicUser= (61184 to 65519), 65534, 65535, and from
 * 2147352576 up, (uid_t) -1 included. */
bool number_is_reserved(uid_t number);

/* True if one of the numbers from first to last, inclusive, is reserved. */
bool numbers_are_reserved(uid_t first, uid_t last);
