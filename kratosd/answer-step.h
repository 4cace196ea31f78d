/*
 * What Kratos answers to the steps after the first factor: which second factors it offers, and what
 * it has to say to a person whom it refuses. As in answer.h, what is not of its form makes the
 * whole answer bad. An offer is a plain value.
 */
#pragma once

#include "answer.h"
#include "common/interface.h"

/* Addresses to which a code can be sent: those beyond are not offered. RFC 5321 4.5.3.1.3 allows
 * 254 bytes for one. */
#define OFFER_ADDRESSES_MAX 4
#define ADDRESS_MAX 254

typedef struct kratos_offer {
        kratos_flow flow;
        bool totp;
        bool lookup_secret;
        bool other; /* one that cannot be asked for here, as a security key or a passkey */
        bool sent;  /* a code is on its way already, to the first address */
        unsigned n_addresses;
        char addresses[OFFER_ADDRESSES_MAX][ADDRESS_MAX + 1];
} kratos_offer;

/* Reads the body of a flow for a second factor. KRATOS_OK or KRATOS_BAD_ANSWER; -ENOMEM. */
int answer_offer(const char *body, size_t size, kratos_offer *ret);

/* Adds a text to another, after a space: without control characters, cut where it is too long. */
void answer_add_text(const char *text, char ret[static PROMPT_TEXT_MAX + 1]);

/* Takes the text with which Kratos, or a hook of its administrator's, refuses somebody who has
 * proven who they are: without control characters, cut where it is too long. "" where there is
 * none, or none that may be shown. */
void answer_sentence(const char *body, size_t size, char ret[static PROMPT_TEXT_MAX + 1]);
