/*
 * A secret: the bytes of a password or token. It lives in pages of its own that are kept out of
 * core dumps and swap and are gone in a forked child, grows to a fixed capacity and no further,
 * belongs to whoever made it, and is erased when it is freed. Nothing here can print one. (rules
 * 21, 22)
 */
#pragma once

#include <stddef.h>

#include "cleanup.h"

typedef struct secret secret;

/* Makes an empty secret that can take up to capacity bytes. -ENOMEM. */
int secret_new(size_t capacity, secret **ret);

/* Erases and frees it. NULL is fine. Always returns NULL. */
secret *secret_free(secret *s);
DEFINE_CLEANUP(secret *, secret_free);
#define _cleanup_secret_ _cleanup_(secret_freep)

/* The bytes, followed by a NUL that is not counted; they stay where they are until secret_free. */
const char *secret_data(const secret *s);
size_t secret_size(const secret *s);

/* Appends bytes: all of them, or none and -ENOBUFS where the capacity does not suffice. */
int secret_append(secret *s, const void *bytes, size_t size);

/* Appends a NUL-terminated string. As secret_append. */
int secret_append_string(secret *s, const char *string);

/* Appends what one read(2) of a descriptor gives, up to the capacity; 0 bytes are no error. -errno.
 */
int secret_read(secret *s, int fd);

/* Makes a copy, with no room to grow. -ENOMEM. */
int secret_copy(const secret *s, secret **ret);

/* Writes size bytes (at most ANSWER_MAX, else -E2BIG) into a new memfd sealed against GROW, SHRINK,
 * WRITE and further seals, which the caller owns. -errno. */
int secret_to_memfd(const void *bytes, size_t size, int *ret_fd);

/* Reads a memfd that a peer sent, which stays the caller's. -EBADF unless it is a memfd; -EPERM
 * unless it is sealed against GROW, SHRINK and WRITE (a FUTURE_WRITE seal alone still lets a
 * mapping change it); -E2BIG above ANSWER_MAX bytes. Uses pread, for the offset is shared with the
 * peer. (rule 39) */
int secret_from_memfd(int fd, secret **ret);
