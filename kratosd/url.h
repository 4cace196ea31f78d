/*
 * The address of a Kratos server, as PublicURL= and AdminURL= give it: where to connect, and what
 * to put before each path. Owned by the configuration that names it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

#define URL_MAX 512

typedef struct server_url {
        char *base;   /* scheme, host, port and path, without a slash at the end */
        char *socket; /* the socket's path for unix:, else NULL */
} server_url;

/* Takes https://HOST[:PORT][/PATH], http:// for a loopback host with a port below 1024, which no
 * ordinary program can take while Kratos is down (rule 30), or unix:/SOCKET[:/PATH]. On failure
 * returns -EINVAL with a sentence in *ret_why that says what would be right, or -ENOMEM. */
int server_url_parse(const char *text, server_url *ret, const char **ret_why);

/* True for http://HOST[:PORT] or https://HOST[:PORT]. */
bool proxy_is_valid(const char *text);

/* Frees what the address owns, not the struct itself. */
void server_url_done(server_url *url);
