/*
 * Tokens at rest are sealed with libsodium's secretbox, under a key from the systemd credential
 * "kratosd.seal-key" (32 bytes), else from a file of the state directory that is made at first
 * start. The sealer owns its key for the daemon's life. It also makes the other small cryptographic
 * values.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/interface.h"
#include "common/secret.h"
#include "store.h"

typedef struct sealer sealer;

/* A key that is none: no file, or one of another size than SEAL_KEY_SIZE bytes. Trying again does
 * not mend it. */
enum sealer_result {
        SEALER_BAD_CREDENTIAL = 1,
        SEALER_BAD_FILE,
};

#define SEAL_KEY_SIZE 32
#define SEAL_CREDENTIAL "kratosd.seal-key"
#define SEAL_KEY_FILE "seal.key"

/* 0; an enum sealer_result; -errno for a key that cannot be read or made now. */
int sealer_new(const char *directory, sealer **ret);
sealer *sealer_free(sealer *s);
DEFINE_CLEANUP(sealer *, sealer_free);

/* Seals a token into at most TOKEN_SEALED_MAX bytes. -E2BIG for one that is too long. */
int seal(const sealer *s, const secret *token, unsigned char ret[static TOKEN_SEALED_MAX],
        size_t *ret_size);

/* -EBADMSG for what this key has not sealed. */
int unseal(const sealer *s, const unsigned char *sealed, size_t size, secret **ret);

/* Hashes a login id, so that the store holds nothing that opens a session. */
void hash_login(const char *login, unsigned char ret[static LOGIN_HASH_SIZE]);

/* Hashes a secret of an identity's under the sealer's key, to tell later whether another one is the
 * same: of no use to whoever has the hash alone. */
#define SECRET_HASH_SIZE 32
void hash_secret(const sealer *s, const char *identity, const secret *value,
        unsigned char ret[static SECRET_HASH_SIZE]);

/* The first 64 bits of a text's BLAKE2b hash (RFC 7693), without a key: the same on every host. */
uint64_t hash_text(const char *text);

/* A new id: 128 random bits as hexadecimal digits. */
void make_id(char ret[static ID_LENGTH + 1]);

/* A random number below limit, for jitter. */
unsigned random_below(unsigned limit);
