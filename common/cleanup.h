/*
 * Cleanup attributes: each local that owns something says so where it is declared, and gives it up
 * only through TAKE_PTR or TAKE_FD. Errors can then return from anywhere, and nothing needs a goto.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines the function that a cleanup attribute calls: func is called unless the pointer is NULL.
 */
#define DEFINE_CLEANUP(type, func)                                                                 \
        static inline void func##p(type *p)                                                        \
        {                                                                                          \
                if (*p)                                                                            \
                        func(*p);                                                                  \
        }                                                                                          \
        struct func##_needs_a_semicolon

/* The value of an owning pointer, which owns nothing any more. */
#define TAKE_PTR(pointer)                                                                          \
        ({                                                                                         \
                __typeof__(pointer) *_pointer = &(pointer);                                        \
                __typeof__(pointer) _value = *_pointer;                                            \
                *_pointer = NULL;                                                                  \
                _value;                                                                            \
        })

/* The value of an owning file descriptor, which owns nothing any more. */
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                int *_fd = &(fd);                                                                  \
                int _value = *_fd;                                                                 \
                *_fd = -1;                                                                         \
                _value;                                                                            \
        })

static inline void freep(void *p)
{
        free(*(void **)p);
}

static inline void closep(const int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose);

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
