/*
 * What Kratos answers to a change of somebody's settings, read and checked like its other answers
 * (answer.h): whether the new password is taken, and if not, why, in Kratos's own words.
 */
#pragma once

#include "answer.h"
#include "common/interface.h"

/* What an answer means to whoever asked for a settings flow or posted a password in one, where
 * answer_error has said what it means in general (KRATOS_OK for 2xx). Any outcome; KRATOS_DENIED:
 * the password is not taken. -ENOMEM. */
int answer_settings(unsigned status, const char *body, size_t size, int outcome);

/* Reads the body of a 200 to a password that was posted: KRATOS_OK where it says that it is
 * changed, or else KRATOS_BAD_ANSWER; -ENOMEM. */
int answer_changed(const char *body, size_t size);

/* Takes everything that the flow has to say against a new password, without control characters, cut
 * where it is too long. "" where there is nothing. The person has proven who they are, and it is
 * about what they have just typed: so all of it may be shown. */
void answer_objections(const char *body, size_t size, char ret[static PROMPT_TEXT_MAX + 1]);
