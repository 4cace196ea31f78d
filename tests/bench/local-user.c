/*
 * local-user [-g] USER PASSWORD ROUNDS SERVICE [OTHER]
 *
 * Whole PAM transactions of a local user, under one service or by turns under two. libpam loads the
 * modules of a service for each transaction, and unloads them; the first round loads what stays
 * loaded. With -g, the user's groups are looked up as well, under the OTHER one as if kratosd had
 * never been there. Prints a line for each round: the times in microseconds.
 */
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "person.h"

#define SERVICES_MAX 2
#define GROUPS_MAX 64

typedef struct visitor {
        const char *user, *password;
        bool groups;
} visitor;

/* Has nss-systemd pass over kratosd, or ask it again. */
static void bypass(bool on)
{
        if (on ? setenv("SYSTEMD_BYPASS_USERDB", "org.kratosd1", true) < 0
               : unsetenv("SYSTEMD_BYPASS_USERDB") < 0)
                exit(1);
}

static bool look_up_groups(const char *user)
{
        struct passwd *entry = getpwnam(user);
        gid_t groups[GROUPS_MAX];
        int count = GROUPS_MAX;

        return entry && getgrouplist(user, entry->pw_gid, groups, &count) > 0;
}

static double transaction(const visitor *v, const char *service)
{
        person p = { .user = v->user, .password = v->password };
        double begun = now_us();

        if (!person_begin(&p, service) || !person_authenticate(&p) ||
                (v->groups && !look_up_groups(v->user)) ||
                pam_setcred(p.handle, PAM_ESTABLISH_CRED) != PAM_SUCCESS ||
                pam_acct_mgmt(p.handle, 0) != PAM_SUCCESS || !person_visit(&p))
                exit(1);
        person_end(&p);
        return now_us() - begun;
}

/* One transaction under each service, with another one first each time. */
static void go_round(
        const visitor *v, char **services, unsigned long count, unsigned long round, double *ret_us)
{
        for (unsigned long i = 0; i < count; i++) {
                unsigned long turn = (round + i) % count;

                bypass(v->groups && turn > 0);
                ret_us[turn] = transaction(v, services[turn]);
        }
}

int main(int argc, char **argv)
{
        visitor v = { .groups = getopt(argc, argv, "g") == 'g' };
        char **rest = argv + optind;
        int services = argc - optind - 3;
        double us[SERVICES_MAX];
        unsigned long rounds;

        if (services < 1 || services > SERVICES_MAX)
                return 2;
        v.user = rest[0];
        v.password = rest[1];
        rounds = strtoul(rest[2], NULL, 10);
        for (unsigned long i = 0; i < rounds; i++) {
                go_round(&v, rest + 3, (unsigned long)services, i, us);
                for (int j = 0; j < services; j++)
                        printf("%.1f%c", us[j], j + 1 < services ? ' ' : '\n');
        }
        return 0;
}
