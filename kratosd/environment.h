/*
 * The environment: what systemd tells a service (systemd.exec(5)), and nothing else. Libraries take
 * more from it than is good: SSLKEYLOGFILE makes libcurl write down the keys of every connection.
 * (rules 6, 26)
 */
#pragma once

/* Removes all variables but those of systemd's. Called first of all. -ENOMEM. */
int environment_clean(void);

/* The path at which systemd would have put a credential (LoadCredential=); whether it has is for
 * the caller to see. -ENOENT where there are none at all; -ENOMEM. */
int environment_credential(const char *name, char **ret);
