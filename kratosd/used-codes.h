/*
 * Codes of authenticator apps that were used on this host: each counts once, while Kratos would
 * take it again for as long as it is valid. Kept in memory, as hashes: another host would accept a
 * code that is replayed anyway (rule 24). A plain value, owned by the logins.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* RFC 6238 §5.2: a step of 30 s, and one before and after it, which Kratos takes too. */
#define USED_CODE_USEC ((int64_t)90 * 1000000)

/* Right codes within that time: the one that is over soonest makes room for another. */
#define USED_CODES_MAX 1024
#define USED_CODE_HASH 16

typedef struct used_codes {
        struct {
                unsigned char hash[USED_CODE_HASH];
                int64_t until; /* CLOCK_BOOTTIME; 0: none */
        } codes[USED_CODES_MAX];
} used_codes;

/* Notes a code as used. False if it is already. */
bool used_codes_add(used_codes *u, const unsigned char hash[static USED_CODE_HASH], int64_t now);

/* It was not used after all: it was wrong, or Kratos has not seen it. */
void used_codes_forget(used_codes *u, const unsigned char hash[static USED_CODE_HASH]);
