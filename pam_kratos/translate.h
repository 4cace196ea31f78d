/*
 * Words in the language of the program that asked: its locale decides, which is its own to set, and
 * stays as it is. The catalogue is gettext's, and is opened only here: never for users of whom
 * kratosd has said nothing. Nothing is owned.
 */
#pragma once

#include "interface.h"

/* Translates words (words.h). What the catalogue lacks stays English, as does what would not fit.
 */
void translate(const char *words, char ret[static PROMPT_TEXT_MAX + 1]);
