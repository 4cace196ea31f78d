/*
 * A place, as the throttle counts by it: a normal form of where a login comes from, so that one
 * place is not many. Plain text in a buffer of the caller's.
 */
#pragma once

#include "throttle.h"

/* Writes the place: a numeric host as such (IPv4 in IPv6 as IPv4, other IPv6 by its /64, for a
 * whole one of these belongs to a single person), "name:HOST", or "local:SERVICE[@RUSER]". True for
 * a remote host. */
bool throttle_place(const throttle_origin *from, char ret[static THROTTLE_PLACE_MAX + 1]);

/* Whether another user of this host asks, with su for instance: what they do is not what the person
 * does. */
bool throttle_is_another_user(const throttle_origin *from);
