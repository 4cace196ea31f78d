/*
 * The methods of both faces: their tables for sd-bus, which read the arguments, call the logins and
 * sessions, and write the replies. doc/ has the same interfaces as introspection XML.
 */
#pragma once

#include <systemd/sd-bus.h>

/* Userdata of both: the face's operations. */
extern const sd_bus_vtable manager_vtable[];
extern const sd_bus_vtable user_vtable[];
