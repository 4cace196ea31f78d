#include "words.h"

#include <stdio.h>
#include <string.h>

#define PARTS "\n"
#define PLACES "\t"

/* A string that fills a buffer of PROMPT_TEXT_MAX + 1 bytes. */
typedef struct filling {
        char *text;
        size_t size;
        bool full;
} filling;

static void put(filling *f, const char *bytes, size_t size)
{
        if (size > PROMPT_TEXT_MAX - f->size) {
                f->full = true;
                return;
        }
        memcpy(f->text + f->size, bytes, size);
        f->size += size;
        f->text[f->size] = '\0';
}

static void put_plain(filling *f, const char *text)
{
        for (; *text; text++) {
                bool control = (unsigned char)*text < ' ' || *text == 0x7f;

                put(f, control ? "?" : text, 1);
        }
}

static void put_argument(filling *f, const char *argument)
{
        if (!argument)
                return;
        put(f, PLACES, 1);
        put_plain(f, argument);
}

void words_add(char words[static PROMPT_TEXT_MAX + 1], const char *message, const char *one,
        const char *two)
{
        size_t before = strlen(words);
        filling f = { .text = words, .size = before };

        if (before > 0)
                put(&f, PARTS, 1);
        put_plain(&f, message);
        put_argument(&f, one);
        put_argument(&f, two);
        if (f.full)
                words[before] = '\0';
}

/* The argument of that number, of those that stand one after the other, each behind a tab. */
static const char *find_argument(
        const char *arguments, const char *end, unsigned number, size_t *ret_size)
{
        const char *p = arguments;

        while (p < end && number-- > 1) {
                p++;
                p += strcspn(p, PLACES PARTS);
        }
        if (p >= end)
                return NULL;
        *ret_size = strcspn(p + 1, PLACES PARTS);
        return p + 1;
}

/* Puts a translated message, with the arguments in their places. */
static void put_message(filling *f, const char *message, const char *arguments, const char *end)
{
        const char *argument;
        size_t size;

        for (; *message; message++) {
                bool place = arguments < end && message[0] == '%' && message[1] >= '1' &&
                             message[1] <= '9';

                if (!place) {
                        put(f, message, 1);
                        continue;
                }
                message++;
                argument = find_argument(arguments, end, (unsigned)(*message - '0'), &size);
                if (argument)
                        put(f, argument, size);
        }
}

bool words_render(const char *words, const char *(*translate)(const char *message),
        char ret[static PROMPT_TEXT_MAX + 1])
{
        char message[PROMPT_TEXT_MAX + 1];
        filling f = { .text = ret };

        ret[0] = '\0';
        while (*words && !f.full) {
                size_t size = strcspn(words, PARTS), length = strcspn(words, PLACES PARTS);
                size_t before = f.size;

                if (length > PROMPT_TEXT_MAX)
                        return false;
                memcpy(message, words, length);
                message[length] = '\0';
                put_message(&f, translate && length > 0 ? translate(message) : message,
                        words + length, words + size);
                if (f.full)
                        ret[before] = '\0';
                words += size + (words[size] != '\0');
        }
        return !f.full;
}
