/*
 * refusals SERVICE WORKERS ROUNDS PASSWORD USER…
 *
 * Tries to log in as each user once in every round, with a password that is wrong or of no use, and
 * prints the number of the user and the microseconds until PAM has refused, a line for each try.
 * The rounds are shared among workers, processes that begin each round with another user, so that
 * whatever else the machine does meets all alike. # in a user's name stands for the round: a name
 * that was never used before. PAM's own delay, which is the same for all, is left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

static int converse(
        int n, const struct pam_message **messages, struct pam_response **ret, void *password)
{
        *ret = calloc((size_t)n, sizeof(**ret));
        for (int i = 0; *ret && i < n; i++)
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
                        (*ret)[i].resp = strdup(password);
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static void no_delay(int status, unsigned usec, void *data)
{
        (void)status;
        (void)usec;
        (void)data;
}

static long long now_usec(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void try(
        const char *service, const char *pattern, unsigned round, char *password, int number)
{
        const struct pam_conv conv = { .conv = converse, .appdata_ptr = password };
        const char *place = strchr(pattern, '#');
        pam_handle_t *handle = NULL;
        char user[64], line[64];
        long long begun;
        int r;

        if (place)
                snprintf(user, sizeof(user), "%.*s%u", (int)(place - pattern), pattern, round);
        else
                snprintf(user, sizeof(user), "%s", pattern);
        begun = now_usec();
        if (pam_start(service, user, &conv, &handle) != PAM_SUCCESS)
                exit(1);
        pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
        pam_set_item(handle, PAM_RHOST, "192.0.2.1");
        r = pam_authenticate(handle, 0);
        r = snprintf(line, sizeof(line), "%d %lld %d\n", number, now_usec() - begun, r);
        if (write(STDOUT_FILENO, line, (size_t)r) != r)
                exit(1);
        pam_end(handle, PAM_SUCCESS);
}

int main(int argc, char **argv)
{
        unsigned workers, rounds;
        int users = argc - 5;
        int bad = 0, status;

        if (users < 1)
                return 2;
        workers = (unsigned)strtoul(argv[2], NULL, 10);
        rounds = (unsigned)strtoul(argv[3], NULL, 10);
        for (unsigned worker = 0; worker < workers; worker++) {
                if (fork() != 0)
                        continue;
                usleep(1000 * (worker * 53 % 2000)); /* not all at once */
                for (unsigned round = worker; round < rounds; round += workers)
                        for (int i = 0; i < users; i++) {
                                int number = (i + (int)(round / workers + worker)) % users;

                                try(argv[1], argv[5 + number], round, argv[4], number);
                        }
                return 0;
        }
        while (wait(&status) > 0)
                bad |= status;
        return bad != 0;
}
