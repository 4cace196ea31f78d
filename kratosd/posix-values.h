/*
 * The values of an account document, each by itself: what may stand in a path, a text for people, a
 * pattern or a date. Checks without memory; what fails one is refused, never repaired. (rule 10)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* True for UTF-8 without control characters (those of ASCII and U+0080 to U+009F), and without
 * U+FFFD, which stands where something unreadable was replaced. Also for "". */
bool text_is_printable(const char *text);

/* True for the absolute path of a program, in [A-Za-z0-9/_.+-] so that no shell takes any of it for
 * anything else: at most POSIX_PATH_MAX bytes, no empty, "." or ".." component, no slash at its
 * end.
 */
bool shell_is_valid(const char *path);

/* True for the absolute path of a home: the same form, any printable text but ':'. Never "/". */
bool home_is_valid(const char *path);

/* True for at most POSIX_GECOS_MAX bytes of printable text without ':'. (passwd(5)) */
bool gecos_is_valid(const char *gecos);

/* True for 1 to POSIX_PATTERN_MAX bytes of [A-Za-z0-9_.*?-], and of [A-Za-z0-9_.*-]. */
bool host_pattern_is_valid(const char *pattern);
bool service_pattern_is_valid(const char *pattern);

/* Reads exactly that many digits, at most 9. */
bool read_digits(const char *text, size_t count, int *ret);

/* Seconds since 1970 of a time in UTC that the calendar has, in the years 1970 to 9999. Takes
 * tm_year and tm_mon as people write them. */
bool calendar_seconds(const struct tm *time, int64_t *ret);

enum day_edge {
        DAY_BEGIN,
        DAY_END,
};

/* Reads 2026-01-31T00:00:00Z (RFC 3339, UTC, whole seconds), or a date, which stands for the
 * beginning of that day or for its end: the second that follows its last. */
bool read_moment(const char *text, enum day_edge edge, int64_t *ret);
