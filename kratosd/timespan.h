/*
 * Spans of time as systemd's files write them: "300", "5min", "1h 30min" (systemd.time(7)). A plain
 * number is in seconds.
 */
#pragma once

#include <stdint.h>

#define USEC_PER_SEC UINT64_C(1000000)

/* sd-event may let a timer wait for another by so much; its own default of 250 ms would be felt. */
#define TIMER_ACCURACY_USEC 1000

/* Units: us, ms, s, sec, min, m, h, hr, d. -EINVAL for anything else, -ERANGE above 10 years. */
int timespan_parse(const char *text, uint64_t *ret_usec);
