#include <stdio.h>
#include <string.h>

#include "common/words.h"
#include "login-steps.h"

/* Of an address, what follows its @: more than that is cut off. */
#define DOMAIN_SHOWN_MAX 64
#define MASKED_MAX (DOMAIN_SHOWN_MAX + 16)

/* How a question begins. */
static const char *const notes[] = {
        [NOTE_NONE] = NULL,
        [NOTE_WRONG] = N_("Wrong code."),
        [NOTE_USED] = N_("That code was used before: wait for the next one."),
        [NOTE_EXPIRED] = N_("That code has expired."),
        [NOTE_NO_MAIL] = N_("No more codes can be sent now."),
        [NOTE_NO_CHOICE] = N_("Type one of the numbers."),
        [NOTE_GONE] = N_("That way is not open to you any more."),
};

/* An address as its owner knows it and nobody else learns it: its first letter and its domain; of a
 * telephone number, the last two digits. What is not plain ASCII is not shown. */
static void mask(const char *address, char ret[static MASKED_MAX])
{
        const char *at = strrchr(address, '@');
        size_t length = strlen(address);
        char *p = ret;

        if (at && at > address)
                snprintf(ret, MASKED_MAX, "%c…%.*s", address[0], DOMAIN_SHOWN_MAX, at);
        else
                snprintf(ret, MASKED_MAX, "…%s", length > 4 ? address + length - 2 : "");
        for (bool dots = false; *p; p++) {
                if (!dots && strncmp(p, "…", strlen("…")) == 0) {
                        p += strlen("…") - 1;
                        dots = true;
                } else if (*p <= ' ' || *p > '~') {
                        *p = '?';
                }
        }
}

static unsigned count_ways(const login *l)
{
        const kratos_offer *offer = &l->second.offer;

        return offer->totp + offer->lookup_secret + offer->n_addresses;
}

/* One of the choices, and its number. */
static void add_way(login *l, unsigned number, const char *message, const char *address)
{
        const char digit[] = { (char)('0' + number), '\0' };

        if (number > 1)
                words_add(l->words, ", ", NULL, NULL);
        words_add(l->words, message, digit, address);
}

static void add_choice(login *l)
{
        const kratos_offer *offer = &l->second.offer;
        char masked[MASKED_MAX];
        unsigned number = 0;

        if (offer->totp)
                add_way(l, ++number, N_("%1 app"), NULL);
        for (unsigned i = 0; i < offer->n_addresses; i++) {
                bool mail = strchr(offer->addresses[i], '@');

                mask(offer->addresses[i], masked);
                add_way(l, ++number, mail ? N_("%1 mail to %2") : N_("%1 message to %2"), masked);
        }
        if (offer->lookup_secret)
                add_way(l, ++number, N_("%1 backup code"), NULL);
        words_add(l->words, ": ", NULL, NULL);
}

static void add_code(login *l)
{
        const login_second *second = &l->second;
        char masked[MASKED_MAX];

        mask(second->offer.addresses[second->address], masked);
        words_add(l->words,
                count_ways(l) > 1 ? N_("Code sent to %1 (Enter: send again, ?: another way): ")
                                  : N_("Code sent to %1 (Enter: send again): "),
                masked, NULL);
}

static void add(login *l, const char *message)
{
        words_add(l->words, message, NULL, NULL);
}

login_prompt login_write_prompt(login *l)
{
        bool code = l->rules.first_factors & FIRST_CODE, several = count_ways(l) > 1;
        login_prompt prompt = { .words = l->words, .echo = l->question == QUESTION_CHOICE };

        l->words[0] = '\0';
        if (notes[l->note]) {
                add(l, notes[l->note]);
                add(l, " ");
        }
        switch (l->question) {
        case QUESTION_PASSWORD:
                prompt.kind = PROMPT_KIND_PASSWORD;
                add(l, l->changes_password ? N_("Current password: ")
                        : code             ? N_("Password (Enter: send a code): ")
                                           : N_("Password: "));
                break;
        case QUESTION_FIRST_CODE:
                prompt.kind = PROMPT_KIND_FIRST_CODE;
                add(l, l->seems_sent ? N_("Code that was sent to you (Enter: send again): ")
                                     : N_("Code (Enter: send one): "));
                break;
        case QUESTION_TOTP:
                prompt.kind = PROMPT_KIND_TOTP;
                add(l, several ? N_("Code from your authenticator app (Enter: another way): ")
                               : N_("Code from your authenticator app: "));
                break;
        case QUESTION_CODE:
                prompt.kind = PROMPT_KIND_CODE;
                add_code(l);
                break;
        case QUESTION_LOOKUP_SECRET:
                prompt.kind = PROMPT_KIND_LOOKUP_SECRET;
                add(l, several ? N_("Backup code (Enter: another way): ") : N_("Backup code: "));
                break;
        case QUESTION_CHOICE:
                prompt.kind = PROMPT_KIND_CHOICE;
                add_choice(l);
                break;
        }
        return prompt;
}
