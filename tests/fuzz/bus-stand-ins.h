/*
 * What stands in for the parts below the logins and sessions while the bus methods are fuzzed: two
 * accounts, a table of rows (bus-store.c), pipes for lifelines, and a Kratos that answers as the
 * input says (bus-kratos.c). All of it is the fuzzer's own, made once and emptied for each input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "kratosd/config.h"
#include "kratosd/store.h"

#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"

/* The loop on which Kratos answers; the fuzzer makes it. */
extern sd_event *event;

/* Logins that were granted, each of which had earned it, less those that were told. */
extern unsigned grants;
/* Changes of passwords that were noted and not yet told. */
extern unsigned changes;

/* Tries that the throttle let through and that are not settled, and mails that it allowed and that
 * were not asked for. */
extern unsigned tries, mails;

/* Nobody takes the time to answer. */
extern bool hurry;

/* What every login demands; the rest is as by default. */
extern config kratos_configuration;

/* Aborts where something is not so. */
void require(bool truth);

/* Begins with an input, and with nothing from the one before. It must live until the next. */
void input_begin(const uint8_t *data, size_t size);
bool input_is_over(void);

/* What bus-kratos.c, which is Kratos, hears of the other stand-ins: a new input; a session's row is
 * to be revoked; a row is granted, or not needed any more, and its login is said to be granted
 * next. */
void kratos_forget(void);
void kratos_note_ended(const session_row *row);
void kratos_note_granting(const session_row *row);
void kratos_note_granted(const char *session);

/* Once all logins are over: no session was lost. */
void kratos_check_sessions(void);

/* What bus-store.c, which has the rows, hears and says: a new input; whether a row stands for a
 * session that a login with this nonce may have made, so that it will be revoked; whether a session
 * is open in a row that is not this one (""). */
void rows_forget(void);
bool row_stands_for(const char *nonce, const char *session);
bool row_is_open(const char *session, const char *but);

/* What waits to be revoked is not open. */
void rows_check_revoking(void);

/* The next byte of the input, modulo limit; 0 at its end. */
unsigned take(unsigned limit);
