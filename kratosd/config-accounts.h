/*
 * The values of the keys that say who has an account here and who may come in: [Accounts],
 * [Access], [Service NAME], [Groups]. As in config-values.h, each function reads one value into the
 * field of the configuration that belongs to its key, or tells what would be right.
 */
#pragma once

#include "config-reader.h"

void set_accounts(config_reader *r, const char *key, const char *value, void *field);
void set_schemas(config_reader *r, const char *key, const char *value, void *field);
void set_pointer(config_reader *r, const char *key, const char *value, void *field);
void set_host_name(config_reader *r, const char *key, const char *value, void *field);
void set_uid_range(config_reader *r, const char *key, const char *value, void *field);
void set_allow_uids(config_reader *r, const char *key, const char *value, void *field);
void set_home_prefix(config_reader *r, const char *key, const char *value, void *field);
void set_shell(config_reader *r, const char *key, const char *value, void *field);
void set_lookup_timeout(config_reader *r, const char *key, const char *value, void *field);
void set_refresh(config_reader *r, const char *key, const char *value, void *field);
void set_patterns(config_reader *r, const char *key, const char *value, void *field);

void set_require_aal(config_reader *r, const char *key, const char *value, void *field);
void set_first_factor(config_reader *r, const char *key, const char *value, void *field);

/* Takes a key of [Groups]: the local groups of those who are in a group of Kratos's. */
void take_group(config_reader *r, const char *key, const char *value);

/* The rules of [Service NAME], which are begun where there are none. NULL, and told of, if there
 * can be none. */
service_rules *take_service(config_reader *r, const char *name);

/* Tells what only the whole can show of these keys. */
void check_accounts(config_reader *r);

/* Takes the system's host name where none is set. -ENOMEM. */
int take_system_host_name(config *c);
