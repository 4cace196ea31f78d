/*
 * How long a call may take, and whether its silence says anything about kratosd. Whoever runs su
 * may stop it, or leave it no processor, and must not make it believe in this way that nobody
 * answers: so what has passed while this process neither worked nor waited is known. (rule 36) It
 * is plain memory of whoever makes the call, and over with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All are microseconds, the first two of CLOCK_MONOTONIC. */
typedef struct patience {
        uint64_t begun, until;
        uint64_t waited;
} patience;

/* Nobody waits longer than that without looking at the clock. */
#define PATIENCE_STEP_USEC UINT64_C(50000)

/* The time of CLOCK_MONOTONIC, in microseconds. */
uint64_t now_usec(void);

/* What is left until its end; 0 from then on. */
uint64_t patience_left(const patience *p);

/* Adds a wait that began then, and was to last for so long at most. */
void patience_add(patience *p, uint64_t begun, uint64_t at_most);

/* Less than that is how a busy machine behaves. */
#define PATIENCE_STOPPED_USEC UINT64_C(500000)

/* Whether that much has passed, and more than half of all, without being waited. */
bool patience_was_stopped(const patience *p);
