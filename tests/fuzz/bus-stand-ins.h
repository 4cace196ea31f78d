/*
 * What stands in for the parts below the logins and sessions while the bus methods are fuzzed: two
 * accounts, a table of rows, pipes for lifelines, and a Kratos that answers as the input says. All
 * of it is the fuzzer's own, made once and emptied for each input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"

/* The loop on which Kratos answers; the fuzzer makes it. */
extern sd_event *event;

/* Submissions that Kratos granted, less those that were told. */
extern unsigned grants;

/* Aborts where something is not so. */
void require(bool truth);

/* Begins with an input, and with nothing from the one before. It must live until the next. */
void input_begin(const uint8_t *data, size_t size);
bool input_is_over(void);

/* The next byte of the input, modulo limit; 0 at its end. */
unsigned take(unsigned limit);
