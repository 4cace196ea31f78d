#include "timespan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_USEC (UINT64_C(10) * 366 * 24 * 3600 * USEC_PER_SEC)

static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "", USEC_PER_SEC },
        { "us", 1 },
        { "ms", 1000 },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "hr", 3600 * USEC_PER_SEC },
        { "d", 24 * 3600 * USEC_PER_SEC },
};

static int unit_usec(const char *name, size_t length, uint64_t *ret)
{
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0) {
                        *ret = units[i].usec;
                        return 0;
                }
        return -EINVAL;
}

int timespan_parse(const char *text, uint64_t *ret_usec)
{
        uint64_t total = 0;

        do {
                uint64_t number, unit, part;
                size_t length;
                char *end;
                int r;

                text += strspn(text, " ");
                if (!isdigit((unsigned char)*text))
                        return -EINVAL;
                errno = 0;
                number = strtoull(text, &end, 10);
                if (errno)
                        return -ERANGE;
                text = end + strspn(end, " ");
                length = strspn(text, "abcdefghijklmnopqrstuvwxyz");
                r = unit_usec(text, length, &unit);
                if (r < 0)
                        return r;
                if (__builtin_mul_overflow(number, unit, &part) ||
                        __builtin_add_overflow(total, part, &total) || total > LONGEST_USEC)
                        return -ERANGE;
                text += length;
        } while (*text);

        *ret_usec = total;
        return 0;
}
