/*
 * One login through PAM in a process of its own: the program login-once, run and read. Owns
 * nothing.
 */
#pragma once

#include <stdbool.h>

/* Microseconds: without the typing, and from the end of the typing. */
typedef struct once_times {
        double whole, entered;
} once_times;

/* Runs it with these arguments, the program first and NULL last, and waits for it. False where it
 * did not log in. */
bool once_run(char *const argv[], once_times *ret);
