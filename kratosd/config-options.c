#include "config-options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <syslog.h>

#include "config-values.h"
#include "timespan.h"

#define CONNECT_TIMEOUT_USEC (3 * USEC_PER_SEC)
#define OPEN_TIMEOUT_USEC (300 * USEC_PER_SEC)

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
        { "Kratos", "ServerUser", set_user, offsetof(config, server_user) },
        { "Kratos", "ConnectTimeoutSec", set_timeout, offsetof(config, connect_timeout_usec) },
        { "Kratos", "TimeoutSec", set_timeout, offsetof(config, timeout_usec) },
        { "Accounts", "Identifier", set_identifier, offsetof(config, identifier) },
        { "Sessions", "OpenTimeoutSec", set_span, offsetof(config, open_timeout_usec) },
        { "Log", "Level", set_level, offsetof(config, log_level) },
};

int config_set_defaults(config *c)
{
        c->timeout_usec = TIMEOUT_MAX_USEC;
        c->open_timeout_usec = OPEN_TIMEOUT_USEC;
        c->log_level = LOG_INFO;
        c->identifier = strdup("%u");
        return c->identifier ? 0 : -ENOMEM;
}

/* Where a misspelt key would let people in, it is more than a warning. */
static bool section_is_strict(const char *section)
{
        return strcmp(section, "Access") == 0 || strcmp(section, "Service") == 0 ||
               strncmp(section, "Service ", strlen("Service ")) == 0;
}

void config_take(config_reader *r, const char *section, const char *key, const char *value)
{
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                if (strcmp(section, options[i].section) == 0 && strcmp(key, options[i].key) == 0)
                        return options[i].set(r, key, value, (char *)r->config + options[i].offset);
        config_complain(r, !section_is_strict(section), "%s=: no such key in [%s]", key, section);
}

void config_check(config_reader *r)
{
        config *c = r->config;

        if (c->public.count == 0)
                config_complain(r, false,
                        "PublicURL= in [Kratos] is missing: where is Kratos's public API?");
        /* Unless it was set, it fits. */
        if (c->connect_timeout_usec == 0)
                c->connect_timeout_usec = CONNECT_TIMEOUT_USEC < c->timeout_usec
                                                  ? CONNECT_TIMEOUT_USEC
                                                  : c->timeout_usec;
        if (c->connect_timeout_usec > c->timeout_usec)
                config_complain(r, false, "ConnectTimeoutSec= is at most TimeoutSec=");
}
