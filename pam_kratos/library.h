/*
 * client.so, which brings libsystemd into the program: loaded when a PAM call first needs the bus,
 * and never before (a local user's login must not pay for it). Each PAM call has its own reference;
 * the code itself stays in the program for good, because libsystemd cannot be unloaded safely.
 */
#pragma once

#include "client.h"

typedef struct library {
        void *handle;
        const client_library *methods;
} library;

/* Loads it, unless that has been done. -ELIBACC where it is missing, broken, or of another version.
 */
int library_open(library *l);

void library_close(library *l);
