#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "check-config.h"
#include "command.h"
#include "common/local-users.h"
#include "config.h"
#include "environment.h"
#include "manager.h"
#include "ssh-keys.h"

/* glibc's own, before it adapts it. */
#define MMAP_THRESHOLD (128 * 1024)

static const char help[] =
        "kratosd: logins on this host against Ory Kratos\n"
        "\n"
        "  kratosd                 run; its unit is kratosd.service\n"
        "  kratosd --check-config  read the configuration, tell every mistake, and end\n"
        "  kratosd --add-account NAME=IDENTITY\n"
        "                          a name is an identity's here, by the administrator's word\n"
        "  kratosd --unpin NAME    a name is nobody's here any more\n"
        "  kratosd --revoke-all    end all sessions at Kratos; people stay logged in\n"
        "  kratosd --ssh-keys NAME a person's keys, for sshd's AuthorizedKeysCommand\n"
        "  kratosd --version\n"
        "  kratosd --help\n"
        "\n"
        "Configuration: " CONFIG_FILE ", its drop-ins in " CONFIG_FILE ".d,\n"
        "and " LOCAL_USERS_FILE ".\n";

/* systemd does not start a daemon again whose configuration has a mistake (kratosd.service), but
 * does so after everything that may pass. */
static int status_of(int error)
{
        return error == -ENOMEM || error == -EIO ? EX_OSERR : EX_CONFIG;
}

static int run(void)
{
        _cleanup_config_ config *c = NULL;
        int r;

        r = config_load(CONFIG_FILE, manager_complain, NULL, &c);
        if (r < 0)
                return status_of(r);
        /* glibc would keep blocks of any size on its heap once one of that size was freed, and not
         * give them back: a call from the bus may be one of 32 MiB. */
        (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        r = manager_run(c);
        if (r == MANAGER_MISCONFIGURED)
                return EX_CONFIG;
        return r < 0 ? EX_OSERR : EX_OK;
}

int main(int argc, char **argv)
{
        static const struct option options[] = {
                { "check-config", no_argument, NULL, 'c' },
                { "add-account", required_argument, NULL, 'a' },
                { "unpin", required_argument, NULL, 'u' },
                { "revoke-all", no_argument, NULL, 'r' },
                { "ssh-keys", required_argument, NULL, 'k' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };

        /* No core dump, whatever limit a handler of core_pattern ignores, and no tracing (rule 22).
         */
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || environment_clean() < 0)
                return EX_OSERR;
        switch (getopt_long(argc, argv, "", options, NULL)) {
        case 'c':
                return command_check_config();
        case 'a':
                return command_add_account(optarg);
        case 'u':
                return command_unpin(optarg);
        case 'r':
                return command_revoke_all();
        case 'k':
                return command_ssh_keys(optarg);
        case 'v':
                puts("kratosd " VERSION);
                return EX_OK;
        case 'h':
                fputs(help, stdout);
                return EX_OK;
        case -1:
                break;
        default:
                return EX_USAGE;
        }
        if (optind < argc) {
                fprintf(stderr, "kratosd takes no arguments; see --help\n");
                return EX_USAGE;
        }
        return run();
}
