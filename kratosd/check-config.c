#include "check-config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/interface.h"
#include "common/local-users.h"
#include "config.h"
#include "daemon-user.h"

static void print_complaint(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata)
{
        const char *kind = warning ? "warning" : "error";

        (void)userdata;
        if (line)
                fprintf(stderr, "%s:%u: %s: %s\n", file, line, kind, sentence);
        else
                fprintf(stderr, "%s: %s: %s\n", file, kind, sentence);
}

static void print_list_complaint(unsigned line, const char *sentence, void *userdata)
{
        print_complaint(LOCAL_USERS_FILE, line, false, sentence, userdata);
}

int command_check_config(void)
{
        _cleanup_config_ config *c = NULL;
        int loaded, listed, r;

        r = daemon_user_become();
        if (r < 0) {
                fprintf(stderr, "the user " DAEMON_USER " cannot be had: %s\n",
                        r == -ENOENT ? "there is none" : strerror(-r));
                return EX_OSERR;
        }
        loaded = config_load(CONFIG_FILE, print_complaint, NULL, &c);
        listed = local_users_check(LOCAL_USERS_FILE, print_list_complaint, NULL);
        if (listed < 0)
                print_list_complaint(0, local_users_describe(listed), NULL);
        if (loaded < 0 || listed != 0)
                return EX_CONFIG;
        puts("The configuration is good.");
        return EX_OK;
}
