/*
 * A buffer: bytes that go in at its end and come out at its front, and that grows up to a limit. It
 * belongs to the struct that it is a part of.
 */
#pragma once

#include <stddef.h>

typedef struct varlink_buffer {
        char *bytes;
        size_t start, end; /* what is in it */
        size_t capacity;
} varlink_buffer;

/* The bytes in it, and how many. */
char *buffer_bytes(const varlink_buffer *b);
size_t buffer_size(const varlink_buffer *b);

/* Makes room for room more bytes at the end, and returns where they go; buffer_grow says how many
 * were put there. NULL where there is no memory. */
char *buffer_room(varlink_buffer *b, size_t room);
void buffer_grow(varlink_buffer *b, size_t size);

/* Takes bytes off the front. Gives the memory back once nothing is in it. */
void buffer_consume(varlink_buffer *b, size_t size);

/* Frees what it owns. It is empty then. */
void buffer_done(varlink_buffer *b);
