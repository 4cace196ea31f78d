/*
 * For programs that preload this: makes one allocation fail. A program calls no_memory(N) to have
 * the N-th allocation from now on fail, and no other; it returns how many there were since the last
 * such call. Only the thread that calls it is meant.
 */
#include <stddef.h>

#pragma GCC visibility push(default)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
long no_memory(long at);
#pragma GCC visibility pop

static long count, fail_at;

long no_memory(long at)
{
        long counted = count;

        count = 0;
        fail_at = at;
        return counted;
}

void *malloc(size_t size)
{
        return ++count == fail_at ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
        return ++count == fail_at ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
        return ++count == fail_at ? NULL : __libc_realloc(p, size);
}
