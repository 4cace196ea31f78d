#include "environment.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kept[] = { "CREDENTIALS_DIRECTORY", "INVOCATION_ID", "JOURNAL_STREAM",
        "NOTIFY_SOCKET", "SYSTEMD_BYPASS_USERDB", "WATCHDOG_PID", "WATCHDOG_USEC" };

#define N_KEPT (sizeof(kept) / sizeof(kept[0]))

int environment_clean(void)
{
        char *values[N_KEPT] = { 0 };
        int r = 0;

        for (size_t i = 0; i < N_KEPT; i++) {
                const char *value = getenv(kept[i]);

                values[i] = value ? strdup(value) : NULL;
                if (value && !values[i])
                        r = -ENOMEM;
        }
        if (clearenv() != 0)
                r = -ENOMEM;
        for (size_t i = 0; i < N_KEPT; i++) {
                if (values[i] && setenv(kept[i], values[i], 1) < 0)
                        r = -ENOMEM;
                free(values[i]);
        }
        return r;
}

int environment_credential(const char *name, char **ret)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        char *path;

        if (!directory)
                return -ENOENT;
        if (asprintf(&path, "%s/%s", directory, name) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}
