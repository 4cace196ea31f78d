/*
 * Erases each block of memory as it is freed, in the whole process: curl's upload buffer, OpenSSL's
 * records and json-c's strings hold copies of passwords and tokens, and none of these libraries can
 * be told to clean up after itself (rule 21). The blocks are still glibc's own: its manual allows a
 * program to define these functions, and exports the ones behind them. The Makefile leaves this
 * file out of sanitized builds, which bring an allocator of their own.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void __libc_free(void *block);

#pragma GCC visibility push(default)

void *malloc(size_t size)
{
        return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
        return __libc_calloc(count, size);
}

void free(void *block)
{
        int saved = errno;

        if (block)
                explicit_bzero(block, malloc_usable_size(block));
        __libc_free(block);
        errno = saved;
}

/* Always moves, for the allocator's own would leave the old block as it was. */
void *realloc(void *block, size_t size)
{
        size_t old = block ? malloc_usable_size(block) : 0;
        void *moved;

        if (block && size == 0) {
                free(block);
                return NULL;
        }
        if (block && size <= old && size >= old / 2)
                return block;
        moved = __libc_malloc(size);
        if (!moved)
                return NULL;
        if (block) {
                memcpy(moved, block, old < size ? old : size);
                free(block);
        }
        return moved;
}

#pragma GCC visibility pop
