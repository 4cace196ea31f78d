/*
 * The daemon's two faces on the system bus: org.kratosd1 for root and org.kratosd1.User for
 * everybody, each on a connection of its own, so that whoever fills the one's queue leaves the
 * other alone. A face connects when the bus is there, again whenever it is lost, and never waits
 * for it.
 */
#pragma once

#include "login.h"
#include "session.h"

typedef struct bus_face bus_face;

enum bus_face_kind {
        BUS_MANAGER, /* for uid 0 alone, by the bus's policy and by our own check (rule 8) */
        BUS_USER,    /* for any uid, for its own account alone */
};

int bus_face_new(sd_event *event, enum bus_face_kind kind, accounts *a, logins *l, sessions *s,
        bus_face **ret);
bus_face *bus_face_free(bus_face *f);
DEFINE_CLEANUP(bus_face *, bus_face_free);
