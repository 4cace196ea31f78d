#include "translate.h"

#include <libintl.h>
#include <stddef.h>

#include "words.h"

/* Kratos's own sentences are looked up like any other, and are not found: they are no formats, so
 * that it does no harm. */
static const char *look_up(const char *message)
{
        return dgettext(TEXT_DOMAIN, message);
}

void translate(const char *words, char ret[static PROMPT_TEXT_MAX + 1])
{
        (void)bindtextdomain(TEXT_DOMAIN, LOCALEDIR);
        if (!words_render(words, look_up, ret))
                (void)words_render(words, NULL, ret);
}
