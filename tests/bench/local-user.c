/*
 * local-user WITH WITHOUT USER PAIRS
 *
 * Whole PAM transactions of a local user, by turns under the service WITH the module and the one
 * WITHOUT it. libpam loads the modules of a service for each transaction, and unloads them. Prints
 * a line of two times in microseconds for each pair.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "person.h"

static double transaction(const char *service, const char *user)
{
        person p = { .user = user, .password = "" };
        double begun = now_us();

        if (!person_begin(&p, service) || !person_authenticate(&p) ||
                pam_setcred(p.handle, PAM_ESTABLISH_CRED) != PAM_SUCCESS ||
                pam_acct_mgmt(p.handle, 0) != PAM_SUCCESS || !person_visit(&p))
                exit(1);
        person_end(&p);
        return now_us() - begun;
}

int main(int argc, char **argv)
{
        unsigned long pairs;

        if (argc != 5)
                return 2;
        pairs = strtoul(argv[4], NULL, 10);
        for (unsigned long i = 0; i < pairs; i++) {
                double with = i % 2 ? transaction(argv[1], argv[3]) : 0;
                double without = transaction(argv[2], argv[3]);

                if (i % 2 == 0)
                        with = transaction(argv[1], argv[3]);
                if (i > 0) /* the first loads what stays loaded */
                        printf("%.1f %.1f\n", with, without);
        }
        return 0;
}
