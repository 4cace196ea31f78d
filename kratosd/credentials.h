/*
 * Credentials: what this host shows to Kratos's admin API, or to the gateway in front of it, and to
 * nobody else. A bearer token, the systemd credential "kratosd.admin-token", is held here as a
 * secret; the client certificate of the configuration and its key stay in their files, which
 * libcurl reads for each new connection. All of them may be exchanged while the daemon runs: a look
 * at the files tells. Owned by kratos, for the daemon's life.
 */
#pragma once

#include <stdbool.h>

#include "common/secret.h"
#include "config.h"

/* In bytes. */
#define ADMIN_TOKEN_MAX 4096

typedef struct credentials credentials;

/* -ENOMEM. */
int credentials_new(credentials **ret);
credentials *credentials_free(credentials *c);
DEFINE_CLEANUP(credentials *, credentials_free);

/* Looks at the files, and reads the token again where its file is another one. True if anything is
 * not as it was the last time. A file that is no token (rule 29) is told of, and what was there
 * before stays. */
bool credentials_refresh(credentials *c, const config *conf);

/* Has the next look read everything again. */
void credentials_forget(credentials *c);

/* The token, until the next look, or NULL. */
const secret *credentials_token(const credentials *c);

/* The file of the certificate's key: ClientKey=, or the credential "kratosd.client-key", if there
 * is one. NULL: it is in the certificate's own file. */
const char *credentials_key(const credentials *c, const config *conf);
