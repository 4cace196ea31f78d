#include "varlink-buffer.h"

#include <stdlib.h>
#include <string.h>

/* Enough for a look-up and its answer. */
#define CAPACITY_MIN 1024

char *buffer_bytes(const varlink_buffer *b)
{
        return b->bytes ? b->bytes + b->start : NULL;
}

size_t buffer_size(const varlink_buffer *b)
{
        return b->end - b->start;
}

char *buffer_room(varlink_buffer *b, size_t room)
{
        size_t capacity = b->capacity ? b->capacity : CAPACITY_MIN;
        char *bytes;

        if (b->start > 0 && b->capacity - b->end < room) {
                memmove(b->bytes, b->bytes + b->start, b->end - b->start);
                b->end -= b->start;
                b->start = 0;
        }
        while (capacity - b->end < room)
                capacity *= 2;
        if (capacity > b->capacity) {
                bytes = realloc(b->bytes, capacity);
                if (!bytes)
                        return NULL;
                b->bytes = bytes;
                b->capacity = capacity;
        }
        return b->bytes + b->end;
}

void buffer_grow(varlink_buffer *b, size_t size)
{
        b->end += size;
}

void buffer_consume(varlink_buffer *b, size_t size)
{
        b->start += size;
        if (b->start < b->end)
                return;
        b->start = b->end = 0;
        if (b->capacity > CAPACITY_MIN)
                buffer_done(b);
}

void buffer_done(varlink_buffer *b)
{
        free(b->bytes);
        *b = (varlink_buffer){ 0 };
}
