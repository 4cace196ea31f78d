#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "login-steps.h"

/* Of an address, what follows its @: more than that is cut off. */
#define DOMAIN_SHOWN_MAX 64
#define MASKED_MAX (DOMAIN_SHOWN_MAX + 16)

/* How a question begins. */
static const char *const notes[] = {
        [NOTE_NONE] = "",
        [NOTE_WRONG] = "Wrong code. ",
        [NOTE_USED] = "That code was used before: wait for the next one. ",
        [NOTE_EXPIRED] = "That code has expired. ",
        [NOTE_NO_MAIL] = "No more codes can be sent now. ",
        [NOTE_NO_CHOICE] = "Type one of the numbers. ",
        [NOTE_GONE] = "That way is not open to you any more. ",
};

static void add(login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(login *l, const char *format, ...)
{
        size_t used = strlen(l->words);
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        snprintf(l->words + used, sizeof(l->words) - used, "%s", text ?: "");
}

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

static const char *verb(const char *address)
{
        return strchr(address, '@') ? "mail" : "message";
}

static void add_choice(login *l)
{
        const kratos_offer *offer = &l->second.offer;
        const char *between = "";
        char masked[MASKED_MAX];
        unsigned number = 0;

        if (offer->totp) {
                add(l, "%u app", ++number);
                between = ", ";
        }
        for (unsigned i = 0; i < offer->n_addresses; i++) {
                mask(offer->addresses[i], masked);
                add(l, "%s%u %s to %s", between, ++number, verb(offer->addresses[i]), masked);
                between = ", ";
        }
        if (offer->lookup_secret)
                add(l, "%s%u backup code", between, ++number);
        add(l, ": ");
}

static void add_code(login *l)
{
        const login_second *second = &l->second;
        char masked[MASKED_MAX];

        mask(second->offer.addresses[second->address], masked);
        add(l, "Code sent to %s (Enter: send again%s): ", masked,
                count_ways(l) > 1 ? ", ?: another way" : "");
}

static const char *other_ways(const login *l)
{
        return count_ways(l) > 1 ? " (Enter: another way)" : "";
}

login_prompt login_write_prompt(login *l)
{
        bool code = l->rules.first_factors & FIRST_CODE;
        login_prompt prompt = { .text = l->words, .echo = l->question == QUESTION_CHOICE };

        l->words[0] = '\0';
        add(l, "%s", notes[l->note]);
        switch (l->question) {
        case QUESTION_PASSWORD:
                prompt.kind = PROMPT_KIND_PASSWORD;
                add(l, l->changes_password ? "Current password: "
                        : code             ? "Password (Enter: send a code): "
                                           : "Password: ");
                break;
        case QUESTION_FIRST_CODE:
                prompt.kind = PROMPT_KIND_FIRST_CODE;
                add(l, l->code_sent ? "Code that was sent to you (Enter: send again): "
                                    : "Code (Enter: send one): ");
                break;
        case QUESTION_TOTP:
                prompt.kind = PROMPT_KIND_TOTP;
                add(l, "Code from your authenticator app%s: ", other_ways(l));
                break;
        case QUESTION_CODE:
                prompt.kind = PROMPT_KIND_CODE;
                add_code(l);
                break;
        case QUESTION_LOOKUP_SECRET:
                prompt.kind = PROMPT_KIND_LOOKUP_SECRET;
                add(l, "Backup code%s: ", other_ways(l));
                break;
        case QUESTION_CHOICE:
                prompt.kind = PROMPT_KIND_CHOICE;
                add_choice(l);
                break;
        }
        return prompt;
}
