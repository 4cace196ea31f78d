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

/* What a logout posts. */
int body_session_token(const secret *token, secret **ret);
