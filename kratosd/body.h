/*
 * The bodies that are posted to Kratos: small JSON objects with a password or token in them,
 * written straight into a secret, because a JSON library's buffers keep copies.
 */
#pragma once

#include <stdbool.h>

#include "common/secret.h"

/* True for well-formed UTF-8 (RFC 3629 §4). Kratos would replace other bytes, and with them let
 * different passwords pass for one another. */
bool utf8_is_valid(const char *bytes, size_t size);

/* What a password login posts: both identifier keys, for both ages of Kratos. Each call makes a new
 * secret; -ENOMEM, -EINVAL for what is not UTF-8. */
int body_password_login(const char *identifier, const secret *password, secret **ret);

/* What the further steps of a login post. Identifiers, addresses and codes
 * are no business of anybody's logs either. */
int body_totp(const secret *code, secret **ret);
int body_lookup_secret(const secret *code, secret **ret);

/* A code that was sent to somebody: asks for one, which goes to an address of a second factor, or
 * to whoever has the identifier; or for another one; or brings it. Either key may be NULL. */
enum body_code { BODY_SEND, BODY_RESEND, BODY_VERIFY };
int body_code(enum body_code what, const char *identifier, const char *address, const secret *code,
        secret **ret);

/* What a change of password posts. */
int body_new_password(const secret *password, secret **ret);

/* What a logout posts. */
int body_session_token(const secret *token, secret **ret);
