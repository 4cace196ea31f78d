#include "numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "seal.h"

uid_t number_of(const char *owner, unsigned attempt, uid_t first, uid_t last)
{
        char text[NUMBER_OWNER_MAX + sizeof("4294967295:")];

        snprintf(text, sizeof(text), "%u:%s", attempt, owner);
        return first + (uid_t)(hash_text(text) % ((uint64_t)last - first + 1));
}

int number_find(store *s, const char *owner, uid_t first, uid_t last, number_is_free is_free,
        void *userdata, uid_t *ret)
{
        int r = store_find_number(s, owner, ret);

        if (r != -ENOENT)
                return r;
        for (unsigned attempt = 0; attempt < NUMBER_TRIES_MAX; attempt++) {
                uid_t number = number_of(owner, attempt, first, last);

                r = is_free(number, userdata);
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                r = store_put_number(s, number, owner);
                if (r == 0)
                        *ret = number;
                if (r != -EEXIST)
                        return r;
        }
        return NUMBER_NONE;
}

int number_claim(store *s, const char *owner, uid_t number)
{
        char taken[NUMBER_OWNER_MAX];
        uid_t has;
        int r;

        r = store_find_number(s, owner, &has);
        if (r == 0)
                return has == number ? NUMBER_GIVEN : NUMBER_CHANGED;
        if (r != -ENOENT)
                return r;
        r = store_find_owner(s, number, taken);
        if (r == 0)
                return NUMBER_TAKEN;
        return r == -ENOENT ? store_put_number(s, number, owner) : r;
}
