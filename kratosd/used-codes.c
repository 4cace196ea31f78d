#include "used-codes.h"

#include <string.h>

/* Where a code is noted now, or the place for another one. */
static unsigned find(const used_codes *u, const unsigned char *hash, int64_t now, bool *ret_found)
{
        unsigned oldest = 0;

        for (unsigned i = 0; i < USED_CODES_MAX; i++) {
                if (u->codes[i].until > now &&
                        memcmp(u->codes[i].hash, hash, USED_CODE_HASH) == 0) {
                        *ret_found = true;
                        return i;
                }
                if (u->codes[i].until < u->codes[oldest].until)
                        oldest = i;
        }
        *ret_found = false;
        return oldest;
}

bool used_codes_add(used_codes *u, const unsigned char hash[static USED_CODE_HASH], int64_t now)
{
        bool found;
        unsigned i = find(u, hash, now, &found);

        if (found)
                return false;
        memcpy(u->codes[i].hash, hash, USED_CODE_HASH);
        u->codes[i].until = now + USED_CODE_USEC;
        return true;
}

void used_codes_forget(used_codes *u, const unsigned char hash[static USED_CODE_HASH])
{
        bool found;
        unsigned i = find(u, hash, 0, &found);

        if (found)
                u->codes[i].until = 0;
}
