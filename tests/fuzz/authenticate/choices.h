/*
 * The input of the fuzzer, read as a sequence of choices: how many there are to choose from decides
 * how each byte is read. Where the input ends, all further choices are 0. What came of the choices
 * is noted in seen, as far as a verdict may depend on it. Included by fuzz-authenticate.c alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "interface.h"

static const uint8_t *input;
static size_t input_left;

enum standing {
        LISTED,
        LISTED_FALLBACK,
        ABSENT,
        UNLISTED,
        BROKEN,     /* the user's own line */
        DISTRUSTED, /* the list */
        STANDINGS,
};

/* What happened, as far as a verdict may depend on it. */
static struct {
        enum standing standing;
        bool known_elsewhere;
        bool root_elsewhere;
        bool granted;     /* an answer said so */
        bool account_ok;  /* a check of the account said so */
        bool opened;      /* a session was answered with a lifeline */
        bool unknown;     /* the daemon said: not ours */
        bool unavailable; /* it could not be reached, or could not say */
        bool no_library;  /* client.so was not to be had */
        bool begun;       /* it began a login */
        bool refusing;    /* likewise, of somebody unknown, to be refused */
        unsigned prompts, calls;
        unsigned disowned; /* how often the user database said: gone, or not ours */
} seen;

static void require(bool holds)
{
        if (!holds)
                abort();
}

static unsigned choose(unsigned n)
{
        if (input_left == 0)
                return 0;
        input_left--;
        return *input++ % n;
}

/* A text of the input, in memory of its own, which ends it with a NUL. */
static void choose_text(char *text, size_t size)
{
        size_t length = choose(16), i = 0;

        if (length == 15)
                length = (size_t)choose(256) * 4;
        if (length == 14)
                length = CONTEXT_FIELD_MAX + choose(3);
        for (; i < length && i + 1 < size; i++)
                text[i] = (char)(input_left ? (input_left--, *input++) : 'x');
        text[i] = '\0';
}

/* One of the texts that the interface knows, or one of the input. */
static const char *choose_word(char *space, size_t size)
{
        static const char *const words[] = { STATE_GRANTED, STATE_PROMPT, VERDICT_OK,
                VERDICT_PASSWORD_EXPIRED, PROMPT_KIND, PROMPT_TEXT, PROMPT_ECHO,
                PROMPT_KIND_PASSWORD, "totp", "", "0123456789abcdef0123456789abcdef", "granted ",
                "\xc2\x9b", "a\nb", "fedcba9876543210fedcba9876543210" };
        unsigned choice = choose(sizeof(words) / sizeof(words[0]) + 4);

        if (choice < sizeof(words) / sizeof(words[0]))
                return words[choice];
        choose_text(space, size);
        return space;
}
