/*
 * Account documents, and the public keys in them, that tests begin with. Constants; the functions
 * read a copy of exactly its size, for the sanitizers, and what they return is the caller's.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/posix.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/18lOLq2uSF"

static inline int parse_bytes(const char *json, size_t size, posix **ret, const char **ret_why)
{
        _cleanup_free_ char *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, json, size);
        return posix_parse(copy, size, ret, ret_why);
}

static inline posix *accepted(const char *json)
{
        const char *why = NULL;
        posix *p = NULL;

        if (parse_bytes(json, strlen(json), &p, &why) != POSIX_OK)
                fail_msg("refused: %s\n%s", json, why);
        assert_null(why);
        return p;
}

/* Refused, with a sentence that begins so. */
static inline void refused_bytes(const char *json, size_t size, const char *beginning)
{
        const char *why = NULL;
        posix *p = NULL;

        if (parse_bytes(json, size, &p, &why) != POSIX_INVALID)
                fail_msg("accepted: %.200s", json);
        assert_null(p);
        assert_non_null(why);
        if (strncmp(why, beginning, strlen(beginning)) != 0)
                fail_msg("%.200s\nis said to be wrong for another reason: %s", json, why);
}

static inline void refused(const char *json, const char *beginning)
{
        refused_bytes(json, strlen(json), beginning);
}

/* Each of these values of one field is refused, and it is that field that is named. */
static inline void all_refused(const char *name, const char *const *values, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                _cleanup_free_ char *json = NULL;
                char beginning[64];

                assert_true(asprintf(&json, "{\"%s\":%s}", name, values[i]) > 0);
                snprintf(beginning, sizeof(beginning), "%s: ", name);
                refused(json, beginning);
        }
}
#define ALL_REFUSED(name, ...)                                                                     \
        do {                                                                                       \
                static const char *const values[] = { __VA_ARGS__ };                               \
                all_refused(name, values, sizeof(values) / sizeof(values[0]));                     \
        } while (0)

/* A list of so many times the same item, as JSON. */
static inline char *list_of(size_t count, const char *item)
{
        char *list = calloc(1, count * (strlen(item) + 1) + 3), *end = list;

        assert_non_null(list);
        *end++ = '[';
        for (size_t i = 0; i < count; i++)
                end += sprintf(end, "%s%s", i ? "," : "", item);
        *end = ']';
        return list;
}
