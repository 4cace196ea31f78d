#include "throttle-place.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SIZE (THROTTLE_PLACE_MAX + 1)

static void place_of_address(struct in6_addr address, char ret[static SIZE])
{
        if (IN6_IS_ADDR_V4MAPPED(&address)) {
                inet_ntop(AF_INET, &address.s6_addr[12], ret, SIZE);
                return;
        }
        memset(&address.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &address, ret, SIZE);
}

static void place_of_host(const char *rhost, char ret[static SIZE])
{
        char plain[CONTEXT_FIELD_MAX + 1];
        struct in6_addr address;
        struct in_addr old;

        /* What follows a % is the interface by which a link-local host is reached. */
        snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(rhost, "%"), rhost);
        if (inet_pton(AF_INET, plain, &old) == 1) {
                inet_ntop(AF_INET, &old, ret, SIZE);
        } else if (inet_pton(AF_INET6, plain, &address) == 1) {
                place_of_address(address, ret);
        } else {
                snprintf(ret, SIZE, "name:%.*s", CONTEXT_FIELD_MAX, rhost);
                for (char *p = ret; *p; p++)
                        *p = (char)tolower((unsigned char)*p);
        }
}

bool throttle_is_another_user(const throttle_origin *from)
{
        return *from->ruser && strcmp(from->ruser, from->user) != 0 &&
               strcmp(from->ruser, "root") != 0;
}

bool throttle_place(const throttle_origin *from, char ret[static SIZE])
{
        if (*from->rhost) {
                place_of_host(from->rhost, ret);
                return true;
        }
        snprintf(ret, SIZE, "local:%.*s%s%.*s", CONTEXT_FIELD_MAX, from->service,
                throttle_is_another_user(from) ? "@" : "", CONTEXT_FIELD_MAX,
                throttle_is_another_user(from) ? from->ruser : "");
        return false;
}
