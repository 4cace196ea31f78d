#include "config-options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "config-accounts.h"
#include "config-values.h"
#include "reserved.h"
#include "timespan.h"

#define CONNECT_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define OPEN_TIMEOUT_USEC (300 * USEC_PER_SEC)
#define LOOKUP_TIMEOUT_USEC (1 * USEC_PER_SEC)
#define REFRESH_USEC (15 * 60 * USEC_PER_SEC)
#define REFRESH_OPEN_USEC (5 * 60 * USEC_PER_SEC)
#define FRESH_USEC (60 * USEC_PER_SEC)
#define MAX_STALE_USEC (24 * 3600 * USEC_PER_SEC)

static const throttle_rules throttle_defaults = {
        .enabled = true,
        .free_tries = 5,
        .max_delay_usec = 15 * 60 * USEC_PER_SEC,
        .forget_usec = 24 * 3600 * USEC_PER_SEC,
        .second_factor = 10,
        .mails = 5,
        .mails_of_host = 30,
};

static const struct option {
        const char *section;
        const char *key;
        config_setter set;
        size_t offset;
} options[] = {
        { "Kratos", "PublicURL", set_servers, offsetof(config, public) },
        { "Kratos", "AdminURL", set_servers, offsetof(config, admin) },
        { "Kratos", "CAFile", set_path, offsetof(config, ca_file) },
        { "Kratos", "Proxy", set_proxy, offsetof(config, proxy) },
        { "Kratos", "ClientCertificate", set_path, offsetof(config, client_certificate) },
        { "Kratos", "ClientKey", set_path, offsetof(config, client_key) },
        { "Kratos", "ServerUser", set_user, offsetof(config, server_user) },
        { "Kratos", "ConnectTimeoutSec", set_timeout, offsetof(config, connect_timeout_usec) },
        { "Kratos", "TimeoutSec", set_timeout, offsetof(config, timeout_usec) },
        { "Accounts", "Identifier", set_identifier, offsetof(config, identifier) },
        { "Accounts", "Accounts", set_accounts, offsetof(config, accounts_all) },
        { "Accounts", "Schemas", set_schemas, offsetof(config, schemas) },
        { "Accounts", "TrustTraitNames", set_bool, offsetof(config, trust_trait_names) },
        { "Accounts", "UserName", set_pointer, offsetof(config, user_name) },
        { "Accounts", "StripDomain", set_host_name, offsetof(config, strip_domain) },
        { "Accounts", "UIDRange", set_uid_range, offsetof(config, uid_range) },
        { "Accounts", "AllowUIDs", set_allow_uids, offsetof(config, allow_uids) },
        { "Accounts", "HomePrefix", set_home_prefix, offsetof(config, home_prefix) },
        { "Accounts", "Shell", set_shell, offsetof(config, shell) },
        { "Accounts", "Enumerate", set_bool, offsetof(config, enumerate) },
        { "Accounts", "LookupTimeoutSec", set_lookup_timeout,
                offsetof(config, lookup_timeout_usec) },
        { "Accounts", "RefreshSec", set_refresh, offsetof(config, refresh_usec) },
        { "Accounts", "RefreshOpenSec", set_refresh, offsetof(config, refresh_open_usec) },
        { "Access", "AllowUsers", set_patterns, offsetof(config, access.allow_users) },
        { "Access", "AllowGroups", set_patterns, offsetof(config, access.allow_groups) },
        { "Access", "DenyUsers", set_patterns, offsetof(config, access.deny_users) },
        { "Access", "DenyGroups", set_patterns, offsetof(config, access.deny_groups) },
        { "Access", "RequireAAL", set_require_aal, offsetof(config, require_aal) },
        { "Access", "FreshSec", set_span_or_none, offsetof(config, fresh_usec) },
        { "Access", "MaxStaleSec", set_span_or_none, offsetof(config, max_stale_usec) },
        { "Access", "HostName", set_host_name, offsetof(config, host_name) },
        { "Sessions", "OpenTimeoutSec", set_span, offsetof(config, open_timeout_usec) },
        { "Throttle", "Enabled", set_bool, offsetof(config, throttle.enabled) },
        { "Throttle", "FreeTries", set_count, offsetof(config, throttle.free_tries) },
        { "Throttle", "MaxDelaySec", set_span, offsetof(config, throttle.max_delay_usec) },
        { "Throttle", "ForgetSec", set_span, offsetof(config, throttle.forget_usec) },
        { "Throttle", "SecondFactorPerHour", set_count, offsetof(config, throttle.second_factor) },
        { "Throttle", "MailPerHour", set_count, offsetof(config, throttle.mails) },
        { "Throttle", "MailPerHostPerHour", set_count, offsetof(config, throttle.mails_of_host) },
        { "Log", "Level", set_level, offsetof(config, log_level) },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

#define SERVICE_PREFIX "Service "

/* The keys of [Service NAME]: their places are in the rules of that service. */
static const struct option service_options[] = {
        { "Service", "AllowUsers", set_patterns, offsetof(service_rules, rules.allow_users) },
        { "Service", "AllowGroups", set_patterns, offsetof(service_rules, rules.allow_groups) },
        { "Service", "DenyUsers", set_patterns, offsetof(service_rules, rules.deny_users) },
        { "Service", "DenyGroups", set_patterns, offsetof(service_rules, rules.deny_groups) },
        { "Service", "RequireAAL", set_require_aal, offsetof(service_rules, login.require_aal) },
        { "Service", "FirstFactor", set_first_factor,
                offsetof(service_rules, login.first_factors) },
        { "Service", "SinglePrompt", set_bool, offsetof(service_rules, login.single_prompt) },
};

#define N_SERVICE_OPTIONS (sizeof(service_options) / sizeof(service_options[0]))

int config_set_defaults(config *c)
{
        c->timeout_usec = TIMEOUT_MAX_USEC;
        c->uid_range = (number_range){ OWN_NUMBER_MIN, OWN_NUMBER_MAX };
        c->lookup_timeout_usec = LOOKUP_TIMEOUT_USEC;
        c->refresh_usec = REFRESH_USEC;
        c->refresh_open_usec = REFRESH_OPEN_USEC;
        c->fresh_usec = FRESH_USEC;
        c->max_stale_usec = MAX_STALE_USEC;
        c->open_timeout_usec = OPEN_TIMEOUT_USEC;
        c->throttle = throttle_defaults;
        c->log_level = LOG_INFO;
        c->identifier = strdup("%u");
        c->home_prefix = strdup("/home");
        c->shell = strdup("/bin/bash");
        return c->identifier && c->home_prefix && c->shell ? 0 : -ENOMEM;
}

static const struct option *find_option(
        const struct option *table, size_t count, const char *section, const char *key)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(section, table[i].section) == 0 && strcmp(key, table[i].key) == 0)
                        return &table[i];
        return NULL;
}

/* Where a misspelt key or section would let people in, or guess, it is more than a warning. */
static bool is_strict(const char *section, const char *key)
{
        static const char *const sections[] = { "Access", "Service", "Groups", "Throttle" };

        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
                if (strncasecmp(section, sections[i], strlen(sections[i])) == 0)
                        return true;
        return find_option(service_options, N_SERVICE_OPTIONS, "Service", key) != NULL;
}

static void take_service_key(
        config_reader *r, const char *section, const char *key, const char *value)
{
        const struct option *option =
                find_option(service_options, N_SERVICE_OPTIONS, "Service", key);
        service_rules *rules;

        if (!option)
                return config_complain(r, false, "%s=: no such key in [%s]", key, section);
        rules = take_service(r, section + strlen(SERVICE_PREFIX));
        if (rules)
                option->set(r, key, value, (char *)rules + option->offset);
}

void config_take(config_reader *r, const char *section, const char *key, const char *value)
{
        const struct option *option = find_option(options, N_OPTIONS, section, key);

        if (option)
                option->set(r, key, value, (char *)r->config + option->offset);
        else if (strncmp(section, SERVICE_PREFIX, strlen(SERVICE_PREFIX)) == 0)
                take_service_key(r, section, key, value);
        else if (strcmp(section, "Groups") == 0)
                take_group(r, key, value);
        else
                config_complain(
                        r, !is_strict(section, key), "%s=: no such key in [%s]", key, section);
}

void config_check(config_reader *r)
{
        config *c = r->config;

        if (!config_names_kratos(c))
                config_complain(r, true,
                        "PublicURL= in [Kratos] is missing: nobody can log in with Kratos");
        /* Unless it was set, it fits. */
        if (c->connect_timeout_usec == 0)
                c->connect_timeout_usec = CONNECT_TIMEOUT_USEC < c->timeout_usec
                                                  ? CONNECT_TIMEOUT_USEC
                                                  : c->timeout_usec;
        if (c->client_key && !c->client_certificate)
                config_complain(
                        r, false, "ClientKey= in [Kratos] is of no use without ClientCertificate=");
        if (c->connect_timeout_usec > c->timeout_usec)
                config_complain(r, false, "ConnectTimeoutSec= is at most TimeoutSec=");
        check_accounts(r);
}
