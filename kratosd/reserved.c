#include "reserved.h"

#include <stddef.h>
#include <stdint.h>

typedef struct range {
        uid_t first;
        uid_t last;
} range;

/* Numbers that mean something to the kernel or to systemd (its UIDS-GIDS documentation). */
static const range ranges[] = {
        { 0, 999 },
        { 60001, 60577 },
        { 61184, 65519 },
        { 65534, 65535 },
        { 2147352576, UINT32_MAX },
};

bool number_is_reserved(uid_t number)
{
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (number >= ranges[i].first && number <= ranges[i].last)
                        return true;
        return false;
}
