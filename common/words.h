/*
 * Words for a person, on their way to where they are translated: only the program that shows them
 * knows the person's language. They are a string of phrases, parted by newlines: each is a message
 * of the catalogue (po/kratosd.pot), and after tabs what takes the places of its %1 to %9; shown
 * one right after the other. What the catalogue lacks is shown as it is, so that a sentence of
 * Kratos's, or any other text without control characters, is words too. Never a format of printf's.
 * The memory is the caller's.
 */
#pragma once

#include <stdbool.h>

#include "interface.h"

/* Marks a message of the catalogue. */
#define N_(message) message

/* What is told where there is no verdict: by kratosd, and by the module where that is what cannot
 * be asked. The same words, for what has become of whom is nobody's business (rule 25). */
#define UNAVAILABLE_SENTENCE N_("The login server cannot be asked now.")

/* Adds a phrase: a message, and what takes the places of its %1 and %2, or NULL; control characters
 * become question marks. A phrase for which there is no room is left out. */
void words_add(char words[static PROMPT_TEXT_MAX + 1], const char *message, const char *one,
        const char *two);

/* Writes the text of words, with each message translated; NULL: in English. False if there is room
 * for some of the phrases only. */
bool words_render(const char *words, const char *(*translate)(const char *message),
        char ret[static PROMPT_TEXT_MAX + 1]);
