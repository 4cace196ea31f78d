/*
 * What may stand in a name, a context field, an id: the checks at the edge, shared by the module
 * and the daemon. Text that fails one is refused, never repaired. (rules 10, 29)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A login name, in bytes without the NUL. */
#define USER_NAME_MAX 32

/* True for [a-z_][a-z0-9_.-]{0,31}: a name that may belong to one of our people. */
bool user_name_is_valid(const char *name);

/* True for at most CONTEXT_FIELD_MAX bytes of printable ASCII, spaces included; also for "". */
bool context_field_is_valid(const char *field);

/* True for a UUID as Kratos writes it: 36 bytes, lower-case hexadecimal digits (RFC 4122 §3). */
bool uuid_is_valid(const char *text);

/* True for ID_LENGTH lower-case hexadecimal digits: a login id or a session id. */
bool id_is_valid(const char *text);

/* True for 1 to TOKEN_MAX bytes of [A-Za-z0-9_-]: a Kratos session token, which is otherwise
 * opaque. */
#define TOKEN_MAX 256
bool token_is_valid(const char *bytes, size_t size);
